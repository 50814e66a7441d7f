"""Partial tables of tiles on disk: one SQLite file per content of the inputs.

A tile counts when its row is committed, whole; tiles are committed about once a
second, so that a run that is killed loses no more than that. The key of the file is
a hash of everything that the sums depend on, so partials of other inputs are never
mixed in.
"""

import sqlite3
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aoi.findings import InputError, finding
from aoi.grids import Tile
from sinks.errors import Unfinished
from sinks.tabulate.tile import Sums, TileSums

COMMIT_SECONDS = 0.5
"""Tiles of so long a time are committed together: each commit waits for the disk."""
_SCHEMA = "CREATE TABLE IF NOT EXISTS tile (row INTEGER, col INTEGER, content BLOB NOT NULL, PRIMARY KEY (row, col)) WITHOUT ROWID"


class TileFile:
    """Contents of tiles on disk under a key; each goes in once, and they come out in tile order."""

    def __init__(self, folder: Path, key: str, suffix: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{key[:32]}{suffix}.sqlite"
        self._due = 0.0
        try:
            self._database = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute(_SCHEMA)
            self._kept = set(self._database.execute("SELECT row, col FROM tile"))
        except sqlite3.OperationalError as error:
            raise Unfinished(finding("E-RUN-03", self._path.name, reason=str(error))) from error
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> InputError:
        return InputError(finding("E-RUN-02", self._path.name, reason=str(error)))

    def done(self, tile: Tile) -> bool:
        """Is this tile kept?"""
        return (tile.row, tile.col) in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, tile: Tile, content: bytes) -> None:
        """Keep the content of a tile; committed with others before long, and by `commit`.

        Raises
        ------
        Unfinished
            The disk is full or the file cannot be written; tiles committed before stay.
        """
        try:
            if not self._database.in_transaction:
                self._database.execute("BEGIN")
                self._due = time.monotonic() + COMMIT_SECONDS
            self._database.execute("INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", (tile.row, tile.col, content))
        except sqlite3.OperationalError as error:
            raise Unfinished(finding("E-RUN-03", self._path.name, reason=str(error))) from error
        self._kept.add((tile.row, tile.col))
        if time.monotonic() >= self._due:
            self.commit()

    def commit(self) -> None:
        """Have every tile on disk before this returns.

        Raises
        ------
        Unfinished
            The disk is full or the file cannot be written; tiles committed before stay.
        """
        try:
            if self._database.in_transaction:
                self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise Unfinished(finding("E-RUN-03", self._path.name, reason=str(error))) from error

    def contents(self) -> Iterator[tuple[int, int, bytes]]:
        """Row, column and content of all tiles, in tile order.

        Raises
        ------
        InputError
            The file is no database of tiles.
        """
        try:
            yield from self._database.execute("SELECT row, col, content FROM tile ORDER BY row, col")
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Commit what can be, and close the file."""
        try:
            self.commit()
        finally:
            self._database.close()

    def remove(self) -> None:
        """Close the file and take it away."""
        self._database.close()
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink()


class PartialStore(TileFile):
    """The partial tables of one run."""

    def put(self, tile: Tile, result: TileSums) -> None:
        """Keep a tile; see `TileFile.keep`."""
        self.keep(tile, _packed(result))

    def read(self) -> Iterator[TileSums]:
        """All tiles, one after the other in tile order.

        Raises
        ------
        InputError
            What stands in the file is no partial table.
        """
        for _, _, content in self.contents():
            try:
                yield _unpacked(content)
            except (zlib.error, ValueError) as error:
                raise self._broken(error) from error


def _packed(result: TileSums) -> bytes:
    """Keys compressed, sums (which no compression makes smaller) as they are, with a check sum over all."""
    keys, sums = [], []
    for table in (result.year, result.pair, result.lattice):
        keys.append(np.array([*table.groups.shape, *table.sums.shape], dtype="<i8").tobytes())
        keys += [np.ascontiguousarray(table.groups.T, dtype="<i8").tobytes(), table.group.astype("<i4").tobytes(), table.code.astype("<i8").tobytes()]
        sums.append(np.ascontiguousarray(table.sums, dtype="<f8").tobytes())
    packed = zlib.compress(b"".join(keys), 1)
    whole = b"".join([len(packed).to_bytes(8, "little"), packed, *sums])
    return zlib.crc32(whole).to_bytes(4, "little") + whole


def _unpacked(content: bytes) -> TileSums:
    whole = memoryview(content)[4:]
    if zlib.crc32(whole) != int.from_bytes(content[:4], "little"):
        raise ValueError("check sum")
    length = int.from_bytes(whole[:8], "little")
    keys, sums = zlib.decompress(whole[8 : 8 + length]), whole[8 + length :]
    tables: list[Sums] = []
    at = start = 0
    for _ in range(3):
        groups, columns, rows, wide = (int(one) for one in np.frombuffer(keys, dtype="<i8", count=4, offset=at))
        at += 32
        group_keys = np.frombuffer(keys, dtype="<i8", count=groups * columns, offset=at).reshape(columns, groups).T
        at += 8 * groups * columns
        group = np.frombuffer(keys, dtype="<i4", count=rows, offset=at)
        at += 4 * rows
        code = np.frombuffer(keys, dtype="<i8", count=rows, offset=at)
        at += 8 * rows
        tables.append(Sums(group_keys, group, code, np.frombuffer(sums, dtype="<f8", count=rows * wide, offset=start).reshape(rows, wide)))
        start += 8 * rows * wide
    return TileSums(*tables)
