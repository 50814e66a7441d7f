"""What came from the network, on disk: answers of catalogues, plans of files, and the blocks of files.

A folder per file of a catalogue holds ``object.json`` (source without secrets, version,
hashes), ``places.npy`` (where the blocks stand in the source), ``header.tif`` (the file
without any block), and a file of blocks for each set of blocks that was wanted. Blocks
that came are kept in ``blocks.part`` with check sums until their set is whole.
No time stands in it, and no secret.
"""

import errno
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.findings import InputError, finding
from aoi.table import replace_file
from sinks.layers.cloud.catalogue import Item
from sinks.layers.cloud.request import Footprint, Request
from sinks.layers.cloud.tiff import Integers, Layout, LayoutError, read_layout, with_places, write_tiff
from sinks.layers.cloud.web import Version, without_secrets

FORMAT = 1
_HEAD = np.dtype([("number", "<u8"), ("size", "<u8"), ("sum", "<u4")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of a file of a catalogue.

    Parameters
    ----------
    files : mapping
        Key of a set of blocks -> SHA-256, bytes and time of change of its file.
    ranges : bool
        Whether its server sends parts of files.
    """

    item: Item
    href: str
    version: Version
    ranges: bool
    header_sha256: str
    files: dict[str, list[Any]] = field(default_factory=dict)


class Cache:
    """The folder in which what comes from the network is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answer(self, request: Request, footprint: Footprint) -> list[Item] | None:
        """The items that answered a request; None where it was never asked."""
        known = _json(self._answer_path(request, footprint))
        try:
            return [Item(**one) for one in known["items"]] if known["format"] == FORMAT else None
        except (KeyError, TypeError):
            return None

    def keep_answer(self, request: Request, footprint: Footprint, items: Sequence[Item]) -> None:
        """Keep the items of a request, their links without secrets."""
        told = [{**_as_dict(one), "href": without_secrets(one.href), "own": without_secrets(one.own)} for one in items]
        _write(self._answer_path(request, footprint), {"format": FORMAT, "items": told})

    def stored(self, item: Item) -> "Stored":
        """The folder of a file."""
        name = hashlib.sha256(json.dumps([item.catalogue, item.collection, item.id, item.asset]).encode("utf-8")).hexdigest()[:32]
        return Stored(self.folder / "objects" / name, item)

    def _answer_path(self, request: Request, footprint: Footprint) -> Path:
        return self.folder / "searches" / f"{request.key(footprint)}.json"


def _as_dict(item: Item) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if key != "local"}


class Stored:
    """One file of a catalogue in the cache."""

    def __init__(self, folder: Path, item: Item) -> None:
        self.folder, self.item = folder, item

    @property
    def header(self) -> Path:
        """The file without any block."""
        return self.folder / "header.tif"

    @property
    def whole(self) -> Path:
        """The whole source, where its server sends no parts; removed when its blocks are taken."""
        return self.folder / "whole.tif"

    @property
    def part(self) -> Path:
        """Blocks that came, until their set is whole."""
        return self.folder / "blocks.part"

    def kept(self) -> Kept | None:
        """What is known of the file; None where its plan is not here."""
        known = _json(self.folder / "object.json")
        try:
            if known["format"] != FORMAT or not self.header.exists() or _sha256(self.header) != known["header_sha256"]:
                return None
            files = {str(key): list(value) for key, value in known["files"].items()}
            return Kept(
                item=self.item, href=str(known["href"]), version=Version(**known["version"]), ranges=bool(known["ranges"]),
                header_sha256=str(known["header_sha256"]), files=files,
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError):
            return None

    def forget(self) -> None:
        """Remove all that is here of the file."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep_plan(self, layout: Layout, href: str, version: Version, ranges: bool) -> Kept:
        """Keep the plan of a source."""
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = self.folder / f".places.{os.getpid()}.new"
        with begun.open("wb") as file:
            np.save(file, layout.places, allow_pickle=False)
        os.replace(begun, self.folder / "places.npy")
        self._written(self.header, layout, np.zeros(0, dtype=np.int64), ())
        kept = Kept(item=self.item, href=without_secrets(href), version=version, ranges=ranges, header_sha256=_sha256(self.header))
        self._keep(kept)
        return kept

    def layout(self) -> Layout:
        """The plan of the source; raises `LayoutError` where what is kept is damaged."""
        with self.header.open("rb") as file:
            header = read_layout(partial(_read_at, file), self.header.stat().st_size)
        try:
            places = np.load(self.folder / "places.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise LayoutError("places") from error
        if places.shape != (2, len(header.offsets)):
            raise LayoutError("places")
        return with_places(header, places)

    def sound(self) -> bool:
        """Whether the plan that is kept can be read."""
        try:
            self.layout()
        except (LayoutError, OSError):
            return False
        return True

    def path(self, key: str) -> Path:
        """The file of a set of blocks."""
        return self.folder / f"{key}.tif"

    def whole_set(self, key: str) -> Path | None:
        """The file of a set of blocks, when it is here and as it was written.

        Raises
        ------
        InputError
            It is not as it was written (``E-NET-09``).
        """
        kept, path = self.kept(), self.path(key)
        if kept is None or key not in kept.files or not path.exists():
            return None
        sha256, size, changed = kept.files[key]
        status = path.stat()
        if status.st_size != size or (status.st_mtime_ns != changed and _sha256(path) != sha256):
            raise InputError(finding("E-NET-09", self.item.label))
        return path

    def have(self, layout: Layout) -> dict[int, tuple[Path, int]]:
        """Where the packed bytes of blocks stand in files that are here: number -> file and place."""
        out: dict[int, tuple[Path, int]] = {}
        kept = self.kept()
        for key in sorted(kept.files if kept else {}):
            path = self.path(key)
            try:
                if self.whole_set(key) is None:
                    continue
                with path.open("rb") as file:
                    held = read_layout(partial(_read_at, file), path.stat().st_size)
            except (InputError, LayoutError, OSError):
                continue
            if len(held.sizes) == len(layout.sizes):
                numbers = np.flatnonzero((held.sizes > 0) & (held.sizes == layout.sizes))
                out.update({int(number): (path, int(held.offsets[number])) for number in numbers})
        out.update({number: (self.part, place) for number, place in part_blocks(self.part, layout).items()})
        return out

    def finish(self, key: str, layout: Layout, numbers: Integers, have: dict[int, tuple[Path, int]]) -> None:
        """Put the file of a set together, and keep its hash; the parts that came go."""
        path = self.path(key)
        self._written(path, layout, numbers, _blocks(layout, numbers, have))
        kept = self.kept()
        if kept is None:
            raise LayoutError("object.json")
        status = path.stat()
        self._keep(replace(kept, files={**kept.files, key: [_sha256(path), status.st_size, status.st_mtime_ns]}))
        self.part.unlink(missing_ok=True)
        self.whole.unlink(missing_ok=True)

    def _written(self, path: Path, layout: Layout, numbers: Integers, blocks: Iterable[bytes]) -> None:
        """Write a file beside, read it again, and give it its name: a full disk can be silent (FAULTS finding 4)."""
        begun = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            if write_tiff(begun, layout, numbers, blocks) != _sha256(begun):
                raise OSError(errno.EIO, "check sum")
            os.replace(begun, path)
        finally:
            begun.unlink(missing_ok=True)

    def _keep(self, kept: Kept) -> None:
        _write(
            self.folder / "object.json",
            {
                "format": FORMAT, "label": self.item.label, "href": kept.href, "version": asdict(kept.version), "ranges": kept.ranges,
                "header_sha256": kept.header_sha256, "files": kept.files,
            },
        )  # fmt: skip


def set_key(numbers: Integers) -> str:
    """The name of a set of blocks."""
    return hashlib.sha256(np.sort(numbers).astype("<i8").tobytes()).hexdigest()[:24]


def part_blocks(path: Path, layout: Layout) -> dict[int, int]:
    """Blocks that came, by number, and where they stand; what a stop has cut, or a disk has spoilt, is cut off."""
    out: dict[int, int] = {}
    if not path.exists():
        return out
    with path.open("r+b") as file:
        good = 0
        while len(head := file.read(_HEAD.itemsize)) == _HEAD.itemsize:
            number, size, check = (int(one) for one in np.frombuffer(head, dtype=_HEAD)[0])
            if number >= len(layout.sizes) or size != int(layout.sizes[number]):
                break
            block = file.read(size)
            if len(block) != size or zlib.crc32(block) != check:
                break
            out[number] = good + _HEAD.itemsize
            good += _HEAD.itemsize + size
        file.truncate(good)
    return out


def part_record(number: int, block: bytes) -> bytes:
    """A block as it stands among those that came."""
    return np.array([(number, len(block), zlib.crc32(block))], dtype=_HEAD).tobytes() + block


def _blocks(layout: Layout, numbers: NDArray[np.int64], have: dict[int, tuple[Path, int]]) -> Iterator[bytes]:
    """The packed bytes of blocks in the order of their numbers."""
    files: dict[Path, Any] = {}
    try:
        for number in numbers.tolist():
            if number not in have:
                raise OSError(errno.EIO, f"block {number}")
            path, place = have[number]
            if path not in files:
                files[path] = path.open("rb")
            block = _read_at(files[path], place, int(layout.sizes[number]))
            yield block
    finally:
        for file in files.values():
            file.close()


def _read_at(file: Any, place: int, size: int) -> bytes:
    file.seek(place)
    return bytes(file.read(size))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _write(path: Path, value: Any) -> None:
    replace_file(path, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8"))
