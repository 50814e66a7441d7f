"""Pieces of cells: which share of a cell each polygon of a set covers, made once by one thread and kept on disk.

The features of the files are read in batches. A batch is checked, swept over the
grid, cut at the tiles, and committed whole with the attributes of its polygons; a
run that stops goes on with the next batch. Workers read tiles from the finished
file, never a feature: no vector call of GDAL stands in a worker thread.
"""

import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, errors, finding
from aoi.grids import TILE, Grid, Tile
from aoi.guard import UNKNOWN_ENCODING, Features, read_features, vector_header
from aoi.stretches import Stretches, polygon_areas_of, polygon_rings, stretches_of
from sinks.errors import Unfinished
from sinks.layers.attributes import Complaints, checked_range, classes_of, numbers_of, values_of
from sinks.layers.vector import VectorFile, VectorSet, total_features, unknown_encoding

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

BATCH = 20_000
"""Features that are read and swept at once."""
OVERLAP = 1e-3
"""Polygons may cover a cell twice by so much of it: borders that were digitised twice. More is an error."""
ROUNDING = 1e-9
_SHOWN = 10
_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (number INTEGER PRIMARY KEY, polygons INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attribute (name TEXT, batch INTEGER, content BLOB NOT NULL, PRIMARY KEY (name, batch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS piece (row INTEGER, col INTEGER, batch INTEGER, content BLOB NOT NULL, PRIMARY KEY (row, col, batch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (batch INTEGER, id TEXT, label TEXT, name TEXT, number INTEGER, examples TEXT);
CREATE TABLE IF NOT EXISTS done (overlap_ha REAL NOT NULL, share REAL NOT NULL);
"""
_PIECE = np.dtype([("polygon", "<i4"), ("row", "<i2"), ("start", "<i2"), ("stop", "<i2"), ("share", "<f8")])

OUTLINE, AREA, OFFICIAL = "outline", "area_ha", "official_ha"
"""Columns of every spool beside the attributes: a hash of the outline, the area in the grid's image, the official area."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """The pieces of the cells of a tile, ordered by cell, then polygon; what no polygon covers has no piece.

    Parameters
    ----------
    cells, polygons : int64 arrays
        Flat index in the tile; number of the polygon in its set.
    shares : float64 array
        Share of the cell; those of a cell add up to 1 at most.
    """

    cells: Ints
    polygons: Ints
    shares: Floats


def make_spool(one: VectorSet, grid: Grid, path: Path, progress: Progress | None = None) -> list[Finding]:
    """Make the pieces of a set, or what is left to make of them; returns warnings and notes.

    Raises
    ------
    InputError
        With everything that is wrong with the files: nothing of them is kept.
    Unfinished
        The disk is full; batches that are committed stay.
    """
    spool = _Writer(path)
    try:
        said = Complaints()
        for number, (file, first, base) in enumerate(_batches(one)):
            if not spool.has(number):
                heard = Complaints()
                made = _batch(one, file, first, grid, heard)
                said.merge(heard)
                if not errors(said.findings()):
                    spool.add(number, *made, heard)
            if progress is not None:
                progress(min(base + BATCH, total_features(one)), total_features(one))
        spool.repeat(said)
        found = said.findings()
        if not errors(found):
            found += spool.finish(grid, one)
        if errors(found):
            spool.remove()
            raise InputError(found)
        return found
    except sqlite3.OperationalError as error:
        raise Unfinished(finding("E-RUN-03", path.name, reason=str(error))) from error
    finally:
        spool.close()


def _batches(one: VectorSet) -> Iterator[tuple[VectorFile, int, int]]:
    """File, first feature in it, and features before, of every batch."""
    before = 0
    for file in one.files:
        for first in range(0, file.features, BATCH):
            yield file, first, before + first
        before += file.features


def _batch(one: VectorSet, file: VectorFile, first: int, grid: Grid, said: Complaints) -> tuple[int, dict[str, NDArray[Any]], Stretches | None]:
    """Number of polygons, attributes and stretches of the features of a batch; what is wrong is told to ``said``."""
    features = read_features(Path(file.path), file.label, one.columns, first, BATCH, layer=file.layer, encoding=file.encoding)
    _check_encoding(file, features, said)
    shapes = _sound(features, file, said)
    usable = np.array([shape is not None for shape in shapes], dtype=bool)
    count = len(features.ids)
    attributes: dict[str, NDArray[Any]] = {OUTLINE: _outlines(features), AREA: np.zeros(count)}
    official = _official(one, file, features, said)
    if official is not None:
        attributes[OFFICIAL] = official
    for number, attribute in enumerate(one.attributes):
        column = features.columns[attribute.field]
        if attribute.classes:
            attributes[str(number)] = classes_of(column, features.ids, attribute, file.label, said)
            continue
        values = values_of(column, features.ids, attribute, file.label, said)
        if attribute.per_polygon and official is not None:
            values = np.divide(values, official, out=np.full(count, np.nan), where=official > 0)
        attributes[str(number)] = checked_range(values, features.ids, attribute, file.label, said)
    if not usable.all():
        return count, attributes, None
    rings = polygon_rings(shapes, file.crs, grid, file.label)
    attributes[AREA] = polygon_areas_of(rings, grid)
    return count, attributes, stretches_of(rings, grid)


def _check_encoding(file: VectorFile, features: Features, said: Complaints) -> None:
    """Texts whose encoding nothing tells are never read as Western ones in silence (FAULTS V9)."""
    if file.encoding is not None or not file.path.lower().endswith(".shp"):
        return
    texts = [text for column in features.columns.values() if column.dtype.kind == "O" for text in set(column) if isinstance(text, str)]
    strange = sorted(text for text in texts if not text.isascii())
    if strange and vector_header(Path(file.path), file.label, layer=file.layer).encoding == UNKNOWN_ENCODING:
        raise InputError(unknown_encoding(file.label, strange[0]))


def _sound(features: Features, file: VectorFile, said: Complaints) -> NDArray[np.object_]:
    """Valid polygons that are not empty; None for all others, which are told."""
    shapes: NDArray[np.object_] = shapely.from_wkb(features.shapes, on_invalid="ignore")
    kinds = shapely.get_type_id(shapes)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    other = ~empty & ~np.isin(kinds, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    broken = ~empty & ~other & ~shapely.is_valid(shapes)
    said.add("E-TUBAN-08", file.label, "", int(empty.sum()), [str(id) for id in features.ids[empty][:_SHOWN]])
    kind = [f"{features.ids[at]} ({shapes[at].geom_type})" for at in np.flatnonzero(other)[:_SHOWN]]
    said.add("E-TUBAN-09", file.label, "", int(other.sum()), kind)
    reasons = [f"{features.ids[at]} ({shapely.is_valid_reason(shapes[at])})" for at in np.flatnonzero(broken)[:_SHOWN]]
    said.add("E-TUBAN-10", file.label, "", int(broken.sum()), reasons)
    shapes[empty | other | broken] = None
    return shapes


def _outlines(features: Features) -> Ints:
    """A hash of the outline of every feature, by which unchanged polygons of two dates are known."""
    return np.array([int.from_bytes(blake2b(one or b"", digest_size=8).digest(), "little", signed=True) for one in features.shapes], dtype=np.int64)


def _official(one: VectorSet, file: VectorFile, features: Features, said: Complaints) -> Floats | None:
    """Official areas [ha]; one that is not positive is a finding where a volume is divided by it."""
    if one.area_field is None:
        return None
    areas = numbers_of(features.columns[one.area_field], one.area_field, file.label, said) * one.area_ha
    none = ~(areas > 0)
    if any(attribute.per_polygon for attribute in one.attributes):
        said.add("E-TUBAN-11", file.label, one.area_field, int(none.sum()), [str(id) for id in features.ids[none][:_SHOWN]])
    return areas


class _Writer:
    """A spool that is being made."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise Unfinished(finding("E-RUN-03", path.name, reason=str(error))) from error
        try:
            if not self._finished():
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute("PRAGMA synchronous=NORMAL")
                self._database.executescript(_SCHEMA)
            self._known = {int(number) for (number,) in self._database.execute("SELECT number FROM batch")}
            self._new: set[int] = set()
        except sqlite3.DatabaseError as error:
            self._database.close()
            if isinstance(error, sqlite3.OperationalError):
                raise Unfinished(finding("E-RUN-03", path.name, reason=str(error))) from error
            raise InputError(finding("E-RUN-02", path.name, reason=str(error))) from error

    def _finished(self) -> bool:
        """Is everything made?"""
        tables = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return "done" in tables and self._database.execute("SELECT count(*) FROM done").fetchone()[0] > 0

    def has(self, number: int) -> bool:
        """Is this batch committed?"""
        return number in self._known

    def add(self, number: int, count: int, attributes: dict[str, NDArray[Any]], found: Stretches | None, heard: Complaints) -> None:
        """Commit a batch, and what was noted of it."""
        self._new.add(number)
        self._database.execute("BEGIN")
        self._database.execute("INSERT INTO batch VALUES (?, ?)", (number, count))
        notes = [(number, *key, told.number, "\n".join(told.examples)) for key, told in heard.kinds.items()]
        self._database.executemany("INSERT INTO note VALUES (?, ?, ?, ?, ?, ?)", notes)
        rows = ((name, number, _packed(values)) for name, values in attributes.items())
        self._database.executemany("INSERT INTO attribute VALUES (?, ?, ?)", rows)
        if found is not None:
            self._database.executemany("INSERT INTO piece VALUES (?, ?, ?, ?)", _by_tile(found.cut(TILE), number))
        self._database.execute("COMMIT")

    def repeat(self, said: Complaints) -> None:
        """Note again what was noted of batches that an earlier run has committed."""
        rows = self._database.execute("SELECT batch, id, label, name, number, examples FROM note ORDER BY batch, rowid").fetchall()
        for _, id, label, name, number, examples in (row for row in rows if row[0] not in self._new):
            said.add(id, label, name, number, examples.split("\n"))

    def finish(self, grid: Grid, one: VectorSet) -> list[Finding]:
        """What only the whole set shows: outlines twice, polygons that lie over each other; then it is done."""
        known = self._database.execute("SELECT overlap_ha, share FROM done").fetchone()
        if known is not None:
            return _overlapping(one, *known)
        reader = SpoolReader(str(self._path))
        found = _twice(reader, one)
        overlap = worst = 0.0
        places: list[str] = []
        for row, col in self._database.execute("SELECT DISTINCT row, col FROM piece ORDER BY row, col").fetchall():
            tile = grid.tile_at(row, col)
            cells, polygons, shares = reader.stored(tile)
            total = np.bincount(cells, weights=shares, minlength=tile.height * tile.width)
            over = np.maximum(total - 1.0, 0.0) * np.broadcast_to(grid.cell_areas_ha(tile), (tile.height, tile.width)).reshape(-1)
            overlap += float(over.sum())
            for cell in np.flatnonzero(total > 1.0 + OVERLAP)[: _SHOWN - len(places)]:
                places.append(_place(grid, tile, int(cell), polygons[cells == cell]))
            worst = max(worst, float(total.max()) - 1.0)
        reader.close()
        if places:
            found.append(finding("E-TUBAN-12", one.label, area=f"{overlap:.4g}", places="; ".join(places)))
        if not errors(found):
            self._database.execute("INSERT INTO done VALUES (?, ?)", (overlap, worst))
            self._database.execute("PRAGMA journal_mode=DELETE")  # one plain file, which readers on any file system open
        return found + ([] if places else _overlapping(one, overlap, worst))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def remove(self) -> None:
        """Close the file and take it away."""
        self.close()
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink()


def _overlapping(one: VectorSet, overlap: float, worst: float) -> list[Finding]:
    """A warning where polygons lie over each other by less than what is an error."""
    return [finding("W-TUBAN-13", one.label, area=f"{overlap:.4g}", share=f"{worst:.2g}")] if worst > ROUNDING else []


def _twice(reader: "SpoolReader", one: VectorSet) -> list[Finding]:
    """Polygons whose outline another has."""
    outlines = reader.column(OUTLINE)
    order = np.argsort(outlines, kind="stable")
    same = np.flatnonzero(outlines[order][1:] == outlines[order][:-1])
    if not len(same):
        return []
    pairs = [f"{order[at] + 1} = {order[at + 1] + 1}" for at in same[:_SHOWN]]
    return [finding("E-TUBAN-14", one.label, n=len(same), examples=", ".join(pairs))]


def _place(grid: Grid, tile: Tile, cell: int, polygons: Ints) -> str:
    """A cell for a message: its coordinates and its polygons, counted from 1."""
    a, _, c, _, e, f = grid.transform
    row, col = divmod(cell, tile.width)
    x, y = c + a * (tile.col_off + col + 0.5), f + e * (tile.row_off + row + 0.5)
    return f"{x:.10g} {y:.10g} ({', '.join(str(one + 1) for one in polygons[:_SHOWN])})"


def _by_tile(found: Stretches, number: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Rows of the table of pieces: the stretches of a batch, tile by tile, in their own order."""
    tiles = found.rows.astype(np.int64) // TILE << 32 | found.starts // TILE
    order = np.argsort(tiles, kind="stable")
    tiles = tiles[order]
    pieces = np.empty(len(order), dtype=_PIECE)
    pieces["polygon"], pieces["share"] = found.polygons[order], found.fractions[order]
    pieces["row"], pieces["start"] = found.rows[order] % TILE, found.starts[order] % TILE
    pieces["stop"] = pieces["start"] + (found.stops - found.starts)[order]
    begins = np.flatnonzero(np.append(True, tiles[1:] != tiles[:-1])) if len(order) else np.zeros(0, dtype=np.int64)
    for begin, end in zip(begins, np.append(begins[1:], len(order)), strict=True):
        yield int(tiles[begin]) >> 32, int(tiles[begin]) & 0xFFFFFFFF, number, _packed(pieces[begin:end])


def _packed(values: NDArray[Any]) -> bytes:
    """The bytes of an array with its type, compressed, and a check sum."""
    kind = values.dtype.str if values.dtype.names is None else "piece"
    content = kind.encode().ljust(8) + zlib.compress(values.tobytes(), 1)
    return zlib.crc32(content).to_bytes(4, "little") + content


def _unpacked(content: bytes) -> NDArray[Any]:
    body = memoryview(content)[4:]
    if zlib.crc32(body) != int.from_bytes(content[:4], "little"):
        raise ValueError("check sum")
    kind = bytes(body[:8]).decode().strip()
    return np.frombuffer(zlib.decompress(body[8:]), dtype=_PIECE if kind == "piece" else np.dtype(kind))


class SpoolReader:
    """A finished spool: pieces by tile, attributes by polygon."""

    def __init__(self, path: str) -> None:
        self._name = Path(path).name
        self._database = sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:
            counts = [int(count) for (count,) in self._database.execute("SELECT polygons FROM batch ORDER BY number")]
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from error
        self._bases = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)

    def _broken(self, error: Exception) -> InputError:
        return InputError(finding("E-RUN-02", self._name, reason=str(error)))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __del__(self) -> None:
        if hasattr(self, "_database"):
            self.close()

    @property
    def polygons(self) -> int:
        """Number of polygons."""
        return int(self._bases[-1])

    def column(self, name: str) -> NDArray[Any]:
        """A column of all polygons; empty where the spool has none of this name."""
        try:
            parts = [_unpacked(one) for (one,) in self._database.execute("SELECT content FROM attribute WHERE name = ? ORDER BY batch", (name,))]
        except (sqlite3.DatabaseError, zlib.error, ValueError) as error:
            raise self._broken(error) from error
        return np.concatenate(parts) if parts else np.zeros(0)

    def stored(self, tile: Tile) -> tuple[Ints, Ints, Floats]:
        """Cells, polygons and shares of a tile, ordered by cell, then polygon."""
        try:
            rows = self._database.execute("SELECT batch, content FROM piece WHERE row = ? AND col = ? ORDER BY batch", (tile.row, tile.col)).fetchall()
            parts = [(int(batch), _unpacked(content)) for batch, content in rows]
        except (sqlite3.DatabaseError, zlib.error, ValueError) as error:
            raise self._broken(error) from error
        if not parts:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
        pieces = np.concatenate([part for _, part in parts])
        polygons = np.concatenate([part["polygon"] + self._bases[batch] for batch, part in parts])
        length = (pieces["stop"] - pieces["start"]).astype(np.int64)
        begin = pieces["row"].astype(np.int64) * tile.width + pieces["start"]
        stretch = np.repeat(np.arange(len(pieces)), length)
        cells = begin[stretch] + np.arange(len(stretch)) - np.repeat(np.cumsum(length) - length, length)
        order = np.argsort(cells, kind="stable")
        stretch = stretch[order]
        return cells[order], polygons[stretch], np.ascontiguousarray(pieces["share"])[stretch]

    def pieces(self, tile: Tile) -> Pieces:
        """The pieces of a tile; where polygons lie over each other by less than the limit, their shares give way in proportion."""
        cells, polygons, shares = self.stored(tile)
        total = np.bincount(cells, weights=shares, minlength=tile.height * tile.width)[cells] if len(cells) else shares
        return Pieces(cells=cells, polygons=polygons, shares=np.where(total > 1.0, shares / np.maximum(total, 1.0), shares))


_THREAD = threading.local()


def reader_of(path: str) -> SpoolReader:
    """The open spool of a path for this thread."""
    opened: dict[str, SpoolReader] = _THREAD.__dict__.setdefault("opened", {})
    if path not in opened:
        opened[path] = SpoolReader(path)
    return opened[path]


@lru_cache(maxsize=128)
def column_of(path: str, name: str) -> NDArray[Any]:
    """A column of all polygons of a spool, with one entry more at its end for what no polygon covers; held once in a process."""
    values = reader_of(path).column(name)
    missing = -1 if values.dtype.kind == "i" else np.nan
    return np.append(values, np.array([missing], dtype=values.dtype))
