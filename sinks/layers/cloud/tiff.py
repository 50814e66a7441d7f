"""The plan of a TIFF file: where its blocks stand; and a TIFF of some of its blocks, each as it was.

Only the first image of a file is taken: overviews and masks are left behind. Blocks are
copied as they are packed, so no cell is decoded or rounded on the way. A block
that is not copied is one that was never written, which reads as no data.
Structure: TIFF 6.0 (Adobe, 1992), sections 2, 8 and 15; BigTIFF as in libtiff.
"""

import errno
import hashlib
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Read = Callable[[int, int], bytes]
"""Bytes from a place of a file, so many of them; fewer at its end."""
Integers = NDArray[np.int64]

MOST_TAGS = 200
MOST_BLOCKS = 4_000_000
MOST_VALUES = 64 << 20
"""Bytes of the values of one tag."""
LARGEST_BLOCK = 256 << 20

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_LONG8 = 16
_WIDTH, _HEIGHT, _SAMPLES, _ROWS, _PLANAR = 256, 257, 277, 278, 284
_STRIP_OFFSETS, _STRIP_COUNTS = 273, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_PLACES = frozenset({_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS})
_ELSEWHERE = frozenset({330, 400, 34665, 34853})
"""Tags that point at other parts of the file: further images, EXIF and GPS."""
_SEPARATE = 2


class LayoutError(Exception):
    """A file that is no TIFF, or one whose plan cannot be right; the text says what."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A tag and its values, as they stand in the file."""

    tag: int
    type: int
    count: int
    values: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """The first image of a TIFF.

    Parameters
    ----------
    order : str
        ``<`` or ``>``, the order of bytes.
    offsets, sizes : (blocks,) array
        Where each block stands and its bytes [B]; 0 for one that was never written. With bands apart those of each band follow.
    across, down : int
        Blocks beside and above each other.
    """

    order: str
    entries: tuple[Entry, ...]
    tiled: bool
    offsets: Integers
    sizes: Integers
    across: int
    down: int
    block_width: int
    block_height: int
    width: int
    height: int

    @property
    def places(self) -> Integers:
        """Places and sizes as one array (2, blocks), to be kept."""
        return np.stack((self.offsets, self.sizes))

    def blocks(self, wanted: NDArray[np.bool_]) -> Integers:
        """Numbers of blocks of a mask (down, across), in every band, that were ever written."""
        planes = len(self.offsets) // (self.across * self.down)
        numbers = np.flatnonzero(np.tile(wanted.reshape(-1), planes))
        return numbers[self.sizes[numbers] > 0]


def read_layout(read: Read, length: int) -> Layout:
    """The plan of a TIFF of so many bytes.

    Raises
    ------
    LayoutError
        No TIFF; tags that contradict each other or point outside the file.
    """
    head = read(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        raise LayoutError(f"starts {head[:4]!r}")
    version = int.from_bytes(head[2:4], "little" if order == "<" else "big")
    if version not in (42, 43):
        raise LayoutError(f"version {version}")
    entries = _entries(read, length, order, head, big=version == 43)
    layout = _layout(order, entries)
    used = layout.sizes > 0
    if (layout.offsets[used] + layout.sizes[used] > length).any() or (layout.offsets < 0).any() or (layout.sizes > LARGEST_BLOCK).any():
        raise LayoutError("a block outside the file")
    return layout


def _entries(read: Read, length: int, order: str, head: bytes, big: bool) -> tuple[Entry, ...]:
    """The tags of the first directory."""
    place = int(struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0])
    width, inline, number = (20, 8, 8) if big else (12, 4, 2)
    count = int.from_bytes(_exactly(read, place, number, length), "little" if order == "<" else "big")
    if not 0 < count <= MOST_TAGS:
        raise LayoutError(f"{count} tags")
    table = _exactly(read, place + number, count * width, length)
    out = []
    for start in range(0, count * width, width):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if big else "HHI"), table, start)
        size = _SIZES.get(kind, 0) * values
        if kind not in _SIZES or size > MOST_VALUES:
            raise LayoutError(f"tag {tag}: type {kind}, {values} values")
        at = start + width - inline
        if size <= inline:
            out.append(Entry(tag, kind, values, table[at : at + size]))
        else:
            (there,) = struct.unpack_from(order + ("Q" if big else "I"), table, at)
            out.append(Entry(tag, kind, values, _exactly(read, there, size, length)))
    return tuple(out)


def _exactly(read: Read, place: int, size: int, length: int) -> bytes:
    if place < 0 or place + size > length:
        raise LayoutError(f"{place} + {size} > {length}")
    got = read(place, size)
    if len(got) != size:
        raise LayoutError(f"{place} + {size}: {len(got)}")
    return got


def _layout(order: str, entries: tuple[Entry, ...]) -> Layout:
    tags = {entry.tag: entry for entry in entries}
    width, height = _number(tags, _WIDTH, order), _number(tags, _HEIGHT, order)
    tiled = _TILE_OFFSETS in tags
    if tiled:
        block_width, block_height = _number(tags, _TILE_WIDTH, order), _number(tags, _TILE_HEIGHT, order)
    else:
        block_width, block_height = width, min(_number(tags, _ROWS, order, otherwise=height), height)
    if min(width, height, block_width, block_height) <= 0:
        raise LayoutError(f"{width} x {height}, {block_width} x {block_height}")
    across, down = -(-width // block_width), -(-height // block_height)
    planes = _number(tags, _SAMPLES, order, otherwise=1) if _number(tags, _PLANAR, order, otherwise=1) == _SEPARATE else 1
    offsets = _whole(tags, _TILE_OFFSETS if tiled else _STRIP_OFFSETS, order)
    sizes = _whole(tags, _TILE_COUNTS if tiled else _STRIP_COUNTS, order)
    if not len(offsets) == len(sizes) == across * down * planes <= MOST_BLOCKS:
        raise LayoutError(f"{len(offsets)}, {len(sizes)} / {across} x {down} x {planes}")
    return Layout(
        order=order, entries=tuple(entry for entry in entries if entry.tag not in _PLACES | _ELSEWHERE), tiled=tiled, offsets=offsets, sizes=sizes,
        across=across, down=down, block_width=block_width, block_height=block_height, width=width, height=height,
    )  # fmt: skip


def _number(tags: dict[int, Entry], tag: int, order: str, otherwise: int | None = None) -> int:
    if tag not in tags and otherwise is not None:
        return otherwise
    values = _whole(tags, tag, order)
    if len(values) == 0:
        raise LayoutError(f"tag {tag}")
    return int(values[0])


def _whole(tags: dict[int, Entry], tag: int, order: str) -> Integers:
    entry = tags.get(tag)
    if entry is None or entry.type not in _WHOLE:
        raise LayoutError(f"tag {tag}")
    values = np.frombuffer(entry.values, dtype=order + _WHOLE[entry.type])
    if len(values) and int(values.max()) > np.iinfo(np.int64).max:
        raise LayoutError(f"tag {tag}")
    return values.astype(np.int64)


def write_tiff(path: Path, layout: Layout, numbers: Integers, blocks: Iterable[bytes]) -> str:
    """Write a BigTIFF of some of the blocks of a layout, in the order of their numbers; returns the SHA-256 of what was written.

    The same blocks make the same bytes.

    Parameters
    ----------
    numbers : (n,) array
        Numbers of the blocks, ascending.
    blocks : iterable of bytes
        One for each number, of the size that the layout says.

    Raises
    ------
    OSError
        A block is not as long as it was.
    """
    order = layout.order
    places, sizes = _TILE_OFFSETS if layout.tiled else _STRIP_OFFSETS, _TILE_COUNTS if layout.tiled else _STRIP_COUNTS
    held = np.zeros(len(layout.sizes), dtype=np.int64)
    held[numbers] = layout.sizes[numbers]
    values = len(held) * 8
    table = 8 + 20 * (len(layout.entries) + 2) + 8
    after = (
        16
        + table
        + sum(_padded(len(entry.values)) for entry in layout.entries if len(entry.values) > 8)
        + 2 * (values if values > 8 else 0)
    )
    starts = np.zeros(len(held), dtype=np.int64)
    starts[numbers] = after + np.concatenate(([0], np.cumsum(held[numbers] + held[numbers] % 2)[:-1])) if len(numbers) else 0
    made = [
        Entry(places, _LONG8, len(held), starts.astype(order + "u8").tobytes()),
        Entry(sizes, _LONG8, len(held), held.astype(order + "u8").tobytes()),
    ]
    entries = sorted((*layout.entries, *made), key=lambda entry: entry.tag)
    digest = hashlib.sha256()
    with path.open("wb") as file:

        def put(content: bytes) -> None:
            digest.update(content)
            file.write(content)

        put(_head(order, entries))
        for number, block in zip(numbers.tolist(), blocks, strict=True):
            if len(block) != int(held[number]):
                raise OSError(errno.EIO, f"block {number}: {len(block)} bytes")
            put(block + b"\0" * (len(block) % 2))
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _head(order: str, entries: list[Entry]) -> bytes:
    """Header, directory and the values that do not fit into it."""
    mark = b"II" if order == "<" else b"MM"
    out = [mark + struct.pack(order + "HHHQ", 43, 8, 0, 16), struct.pack(order + "Q", len(entries))]
    more: list[bytes] = []
    there = 16 + 8 + 20 * len(entries) + 8
    for entry in entries:
        out.append(struct.pack(order + "HHQ", entry.tag, entry.type, entry.count))
        if len(entry.values) <= 8:
            out.append(entry.values.ljust(8, b"\0"))
        else:
            out.append(struct.pack(order + "Q", there))
            more.append(entry.values.ljust(_padded(len(entry.values)), b"\0"))
            there += len(more[-1])
    return b"".join([*out, struct.pack(order + "Q", 0), *more])


def _padded(size: int) -> int:
    return size + size % 2


def with_places(layout: Layout, places: NDArray[Any]) -> Layout:
    """The layout of a file of some blocks with the places of the whole one."""
    return Layout(
        order=layout.order, entries=layout.entries, tiled=layout.tiled, offsets=places[0].astype(np.int64), sizes=places[1].astype(np.int64),
        across=layout.across, down=layout.down, block_width=layout.block_width, block_height=layout.block_height,
        width=layout.width, height=layout.height,
    )  # fmt: skip
