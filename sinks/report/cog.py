"""A cloud-optimized GeoTIFF put together from tiles that were encoded in the pass.

A second pass over the cells to write, compress and reduce them would cost more than
the inventory (DESIGN 10). So each tile of the pass is encoded once, with its part of
every overview, and kept; here overviews are joined, places counted, and everything is
written in the order that the format asks for: header, directories, the smallest
overview first. Tags: TIFF 6.0 (1992) section 2, BigTIFF; GeoTIFF 1.1 (OGC 19-008r4).
"""

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from aoi.grids import TILE, Grid

Cells = NDArray[Any]
_ZSTD, _HORIZONTAL, _FLOATING = 50000, 2, 3
_GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}
_ASCII, _SHORT, _LONG, _LONG8 = 2, 3, 4, 16
_LARGEST_CLASSIC = (1 << 32) - (1 << 24)


def encoded(cells: Cells) -> bytes:
    """A tile as it stands in the file: differences along rows (whole numbers) or byte planes (floating point), then ZSTD."""
    import pyarrow

    if cells.dtype.kind == "i":
        ready = cells.astype("<i2", copy=True)
        ready[:, 1:] = cells[:, 1:] - cells[:, :-1]
    else:
        planes = cells.astype(">f4").view(np.uint8).reshape(cells.shape[0], cells.shape[1], 4).transpose(0, 2, 1).reshape(cells.shape[0], -1)
        ready = planes.copy()
        ready[:, 1:] = planes[:, 1:] - planes[:, :-1]
    return bytes(pyarrow.compress(np.ascontiguousarray(ready).tobytes(), codec="zstd", asbytes=True))


def packed(parts: Sequence[Cells]) -> bytes:
    """Parts of overviews of one tile, smallest last, compressed under one another."""
    import pyarrow

    whole = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    return len(whole).to_bytes(8, "little") + bytes(pyarrow.compress(whole, codec="zstd", asbytes=True))


def unpacked(content: bytes, shapes: Sequence[tuple[int, int]], kind: "np.dtype[Any]") -> list[Cells]:
    """The parts of overviews that `packed` put away."""
    import pyarrow

    size = int.from_bytes(content[:8], "little")
    whole = pyarrow.decompress(content[8:], decompressed_size=size, codec="zstd", asbytes=True)
    out, at = [], 0
    for height, width in shapes:
        out.append(np.frombuffer(whole, dtype=kind, count=height * width, offset=at).reshape(height, width))
        at += height * width * kind.itemsize
    return out


def overview_levels(grid: Grid) -> int:
    """How many times the grid is halved until it fits into one tile."""
    levels = 0
    while max(grid.width, grid.height) > TILE << levels and levels < 9:
        levels += 1
    return levels


def part_shapes(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """Shapes of a tile's parts of the overviews."""
    return [(-(-height // (1 << level)), -(-width // (1 << level))) for level in range(1, levels + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTile:
    """A tile of a map: its place, its encoded cells (None where it is empty), its parts of the overviews."""

    row: int
    col: int
    cells: bytes
    parts: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a map is, as the file says it."""

    grid: Grid
    dtype: str
    nodata: float
    metadata: str
    geo_tags: tuple[tuple[int, int, bytes], ...]

    @property
    def cell(self) -> "np.dtype[Any]":
        """Type of the cells."""
        return np.dtype(self.dtype)


def metadata_xml(tags: Iterable[tuple[str, str]], scale: float, unit: str) -> str:
    """The metadata of a file and its band, as GDAL keeps them."""
    items = [f"  <Item name={quoteattr(name)}>{escape(value)}</Item>" for name, value in tags if not name.startswith("STATISTICS_")]
    items += [f'  <Item name={quoteattr(name)} sample="0">{escape(value)}</Item>' for name, value in tags if name.startswith("STATISTICS_")]
    if scale != 1.0:
        items.append(f'  <Item name="SCALE" sample="0" role="scale">{scale!r}</Item>')
    items.append(f'  <Item name="UNITTYPE" sample="0" role="unittype">{escape(unit)}</Item>')
    return "<GDALMetadata>\n" + "\n".join(items) + "\n</GDALMetadata>\n"


def write_cog(path: Path, profile: Profile, kept: Callable[[], Iterator[KeptTile]]) -> None:
    """Write the file, whole and on the disk before this returns; ``kept`` gives the tiles in row order, as often as it is called.

    Raises
    ------
    OSError
        The disk is full or fails.
    """
    overviews = path.with_name(f"{path.name}.overviews")
    try:
        with overviews.open("w+b") as beside:
            levels = _overviews(profile, kept(), beside)
            sizes = {(tile.row, tile.col): len(tile.cells) for tile in kept()}
            with path.open("wb") as file:
                _assemble(file, profile, levels, sizes, kept, beside)
                file.flush()
                os.fsync(file.fileno())
    finally:
        overviews.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """One overview: its size, and where each of its tiles stands beside: (row, col) -> (offset, length)."""

    height: int
    width: int
    tiles: dict[tuple[int, int], tuple[int, int]]


def _overviews(profile: Profile, kept: Iterator[KeptTile], beside: BinaryIO) -> list[_Level]:
    """Join the parts of all tiles to overview tiles, a row of them at a time, and put them away encoded."""
    grid, many = profile.grid, overview_levels(profile.grid)
    levels = [_Level(height=-(-grid.height // (1 << k)), width=-(-grid.width // (1 << k)), tiles={}) for k in range(1, many + 1)]
    strips: list[dict[int, Cells]] = [{} for _ in levels]
    rows = [-1] * many

    def flush(k: int) -> None:
        for col, cells in sorted(strips[k].items()):
            content = encoded(cells)
            levels[k].tiles[rows[k], col] = beside.tell(), len(content)
            beside.write(content)
        strips[k].clear()

    for tile in kept:
        place = grid.tile_at(tile.row, tile.col)
        for k, part in enumerate(unpacked(tile.parts, part_shapes(place.height, place.width, many), profile.cell)):
            row, col = tile.row >> (k + 1), tile.col >> (k + 1)
            if rows[k] != row:
                flush(k)
                rows[k] = row
            strip = strips[k].setdefault(col, np.full((TILE, TILE), profile.nodata, dtype=profile.cell))
            step = TILE >> (k + 1)
            top, left = (tile.row - (row << (k + 1))) * step, (tile.col - (col << (k + 1))) * step
            strip[top : top + part.shape[0], left : left + part.shape[1]] = part
    for k in range(many):
        flush(k)
    return levels


@dataclass(slots=True, kw_only=True)
class _Directory:
    """One image of the file: its tags, and the sizes of its tiles in row order."""

    tags: list[tuple[int, int, bytes]]
    sizes: list[int]


def _assemble(
    file: BinaryIO, profile: Profile, levels: list[_Level], sizes: dict[tuple[int, int], int], kept: Callable[[], Iterator[KeptTile]], beside: BinaryIO
) -> None:
    """Header, directories from the largest image to the smallest, then tiles from the smallest image to the largest."""
    grid = profile.grid
    shapes = [(grid.height, grid.width), *((level.height, level.width) for level in levels)]
    tiles = [sizes, *({place: size for place, (_, size) in level.tiles.items()} for level in levels)]
    directories = [
        _Directory(tags=_tags(profile, height, width, reduced=number > 0), sizes=_in_order(height, width, of_image))
        for number, ((height, width), of_image) in enumerate(zip(shapes, tiles, strict=True))
    ]
    big = sum(sum(one.sizes) for one in directories) > _LARGEST_CLASSIC
    layout = _Layout(big)
    heads = [layout.size(one) for one in directories]
    at = layout.header_size + sum(heads)
    starts: list[int] = []
    for one in reversed(directories):
        starts.insert(0, at)
        at += sum(one.sizes)
    file.write(layout.header())
    place = layout.header_size
    for number, one in enumerate(directories):
        following = place + heads[number] if number + 1 < len(directories) else 0
        file.write(layout.directory(one, place, starts[number], following))
        place += heads[number]
    for level in reversed(levels):
        for _, (offset, length) in sorted(level.tiles.items()):
            beside.seek(offset)
            file.write(beside.read(length))
    for tile in kept():
        file.write(tile.cells)


def _in_order(height: int, width: int, sizes: dict[tuple[int, int], int]) -> list[int]:
    """Sizes of the tiles of an image, row by row; 0 for those that are not there."""
    return [sizes.get((row, col), 0) for row in range(-(-height // TILE)) for col in range(-(-width // TILE))]


def _tags(profile: Profile, height: int, width: int, reduced: bool) -> list[tuple[int, int, bytes]]:
    """Tags of one image but for the places of its tiles: (number, type, value)."""
    whole = profile.cell.kind == "i"
    numbers: list[tuple[int, int, int]] = [
        (254, _LONG, int(reduced)), (256, _LONG, width), (257, _LONG, height), (258, _SHORT, profile.cell.itemsize * 8), (259, _SHORT, _ZSTD),
        (262, _SHORT, 1), (277, _SHORT, 1), (284, _SHORT, 1), (317, _SHORT, _HORIZONTAL if whole else _FLOATING), (322, _SHORT, TILE),
        (323, _SHORT, TILE), (339, _SHORT, 2 if whole else 3),
    ]  # fmt: skip
    tags = [(tag, kind, value.to_bytes(_SIZES[kind], "little")) for tag, kind, value in numbers]
    nodata = "nan" if profile.nodata != profile.nodata else f"{profile.nodata:g}"
    tags.append((42113, _ASCII, nodata.encode("ascii") + b"\0"))
    if not reduced:
        tags += [*profile.geo_tags, (42112, _ASCII, profile.metadata.encode("utf-8") + b"\0")]
    return tags


class _Layout:
    """How numbers are written: TIFF, or BigTIFF where the file would be too large for it."""

    def __init__(self, big: bool) -> None:
        self.big = big
        self.header_size = 16 if big else 8
        self.offset_kind = _LONG8 if big else _LONG
        self.offset_size = 8 if big else 4

    def header(self) -> bytes:
        """The first bytes; the first directory follows at once."""
        return struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if self.big else struct.pack("<2sHI", b"II", 42, 8)

    def _all(self, one: _Directory, first: int) -> list[tuple[int, int, bytes]]:
        sizes = np.array(one.sizes, dtype=np.uint64)
        offsets = np.where(sizes > 0, first + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.uint64), 0)
        kind = "<u8" if self.big else "<u4"
        places = [(324, self.offset_kind, offsets.astype(kind).tobytes()), (325, self.offset_kind, sizes.astype(kind).tobytes())]
        return sorted([*one.tags, *places])

    def size(self, one: _Directory) -> int:
        """Bytes of a directory with the values that do not fit into it."""
        tags = self._all(one, 0)
        entries = (8 + 20 * len(tags) + 8) if self.big else (2 + 12 * len(tags) + 4)
        return _even(entries) + sum(_even(len(value)) for _, _, value in tags if len(value) > self.offset_size)

    def directory(self, one: _Directory, place: int, first: int, following: int) -> bytes:
        """A directory at a place of the file, whose tiles begin at ``first``."""
        tags = self._all(one, first)
        entries, more = [], []
        at = place + _even((8 + 20 * len(tags) + 8) if self.big else (2 + 12 * len(tags) + 4))
        for tag, kind, value in tags:
            count = len(value) // _SIZES[kind]
            if len(value) <= self.offset_size:
                held = value.ljust(self.offset_size, b"\0")
            else:
                held = at.to_bytes(self.offset_size, "little")
                more.append(value.ljust(_even(len(value)), b"\0"))
                at += _even(len(value))
            entries.append(struct.pack("<HHQ" if self.big else "<HHI", tag, kind, count) + held)
        head = struct.pack("<Q" if self.big else "<H", len(tags)) + b"".join(entries) + following.to_bytes(self.offset_size, "little")
        return head.ljust(_even(len(head)), b"\0") + b"".join(more)


def _even(size: int) -> int:
    return size + size % 2


def geo_tags(content: bytes) -> tuple[tuple[int, int, bytes], ...]:
    """The tags of a small TIFF that say where its cells lie: (number, type, value)."""
    found = []
    at = int.from_bytes(content[4:8], "little")
    for number in range(int.from_bytes(content[at : at + 2], "little")):
        tag, kind, count = struct.unpack_from("<HHI", content, at + 2 + 12 * number)
        size = count * _SIZES[kind]
        begin = at + 10 + 12 * number if size <= 4 else struct.unpack_from("<I", content, at + 10 + 12 * number)[0]
        if tag in _GEO_TAGS:
            found.append((tag, kind, content[begin : begin + size]))
    return tuple(found)
