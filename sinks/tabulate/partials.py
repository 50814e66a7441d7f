"""Partial tables of tiles on disk: one SQLite file per content of the inputs.

A tile counts when its row is committed, whole. The key of the file is a hash of
everything that the sums depend on, so partials of other inputs are never mixed in.
"""

import sqlite3
import zlib
from pathlib import Path

import numpy as np

from aoi.findings import InputError, finding
from aoi.grids import Tile
from sinks.errors import Unfinished
from sinks.tabulate.tile import Sums, TileSums

_SCHEMA = "CREATE TABLE IF NOT EXISTS tile (row INTEGER, col INTEGER, content BLOB NOT NULL, PRIMARY KEY (row, col)) WITHOUT ROWID"


class PartialStore:
    """The partial tables of one run; results of tiles go in once, and come out in tile order."""

    def __init__(self, folder: Path, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{key[:32]}.sqlite"
        try:
            self._database = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute(_SCHEMA)
            self._kept = set(self._database.execute("SELECT row, col FROM tile"))
        except sqlite3.OperationalError as error:
            raise Unfinished(finding("E-RUN-03", self._path.name, reason=str(error))) from error
        except sqlite3.DatabaseError as error:
            raise InputError(finding("E-RUN-02", self._path.name, reason=str(error))) from error

    def done(self, tile: Tile) -> bool:
        """Is this tile on disk?"""
        return (tile.row, tile.col) in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, tile: Tile, result: TileSums) -> None:
        """Keep a tile; committed before this returns.

        Raises
        ------
        Unfinished
            The disk is full or the file cannot be written; tiles kept before stay.
        """
        try:
            self._database.execute("INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", (tile.row, tile.col, _packed(result)))
        except sqlite3.OperationalError as error:
            raise Unfinished(finding("E-RUN-03", self._path.name, reason=str(error))) from error
        self._kept.add((tile.row, tile.col))

    def read(self) -> list[TileSums]:
        """All tiles, in tile order.

        Raises
        ------
        InputError
            What stands in the file is no partial table.
        """
        try:
            return [_unpacked(content) for (content,) in self._database.execute("SELECT content FROM tile ORDER BY row, col")]
        except (sqlite3.DatabaseError, zlib.error, ValueError) as error:
            raise InputError(finding("E-RUN-02", self._path.name, reason=str(error))) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _packed(result: TileSums) -> bytes:
    parts = []
    for sums in (result.year, result.pair):
        parts.append(np.asarray([*sums.keys.shape, sums.sums.shape[1]], dtype="<i8").tobytes())
        parts.append(np.ascontiguousarray(sums.keys.T, dtype="<i8").tobytes())
        parts.append(np.ascontiguousarray(sums.sums.T, dtype="<f8").tobytes())
    return zlib.compress(b"".join(parts), 1)


def _unpacked(content: bytes) -> TileSums:
    raw = zlib.decompress(content)
    tables = []
    at = 0
    for _ in range(2):
        rows, keys, sums = np.frombuffer(raw, dtype="<i8", count=3, offset=at)
        at += 24
        key = np.frombuffer(raw, dtype="<i8", count=rows * keys, offset=at).reshape(keys, rows).T
        at += 8 * rows * keys
        values = np.frombuffer(raw, dtype="<f8", count=rows * sums, offset=at).reshape(sums, rows).T
        at += 8 * rows * sums
        tables.append(Sums(key, values))
    return TileSums(*tables)
