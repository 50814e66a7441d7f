"""The survey polygons of a tile: their pieces, and what the polygon with the largest share gives to a cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.grids import Tile
from sinks.layers.joint import NOTHING, Joint, joint_of
from sinks.layers.layer import Layer, Stack
from sinks.layers.spool import Pieces, column_of, reader_of
from sinks.layers.vector import VectorSet

Ints = NDArray[np.int64]
Key = tuple[str, int | None, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Polygons:
    """The sets of polygons of a run in one tile.

    Parameters
    ----------
    places : mapping
        (layer, year or None, 0) -> the set that it reads, and the column in it.
    """

    sets: tuple[VectorSet, ...]
    places: Mapping[Key, tuple[int, str]]
    pieces: tuple[Pieces, ...]

    def joint(self, wanted: NDArray[np.bool_]) -> Joint:
        """The pieces of all sets joined in some cells of the tile (a flat mask)."""
        return joint_of(self.pieces, self.sets, wanted)

    def values(self, key: Key, polygons: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """What a layer holds on some polygons of its set: codes (int32, -1 missing) or values (float64, NaN missing)."""
        number, column = self.places[key]
        return np.asarray(column_of(self.sets[number].spool, column)[polygons])

    def dominant(self, tile: Tile) -> dict[Key, NDArray[Any]]:
        """(height, width) codes or values of every layer, those of the polygon with the largest share of the cell; of equal ones the first."""
        largest = [_largest(one, tile) for one in self.pieces]
        return {key: self.values(key, largest[number]).reshape(tile.height, tile.width) for key, (number, _) in self.places.items()}


def _largest(pieces: Pieces, tile: Tile) -> Ints:
    """The polygon with the largest share of each cell; -1 where there is none."""
    out = np.full(tile.height * tile.width, NOTHING, dtype=np.int64)
    cells, shares = pieces.cells, pieces.shares
    if len(cells):
        begins = np.flatnonzero(np.append(True, cells[1:] != cells[:-1]))
        most = np.repeat(np.maximum.reduceat(shares, begins), np.diff(np.append(begins, len(cells))))
        candidates = np.flatnonzero(shares == most)[::-1]
        out[cells[candidates]] = pieces.polygons[candidates]
    return out


def places_of(layers: Sequence[Layer]) -> dict[Key, tuple[int, str]]:
    """Where the layers of polygons stand: (layer, year or None, 0) -> set of the stack and column."""
    return {(layer.name, year, 0): (number, str(column)) for layer in layers for year, (number, column) in layer.polygons}


def polygons_of(stack: Stack, layers: Sequence[Layer], tile: Tile) -> Polygons | None:
    """The polygons of a tile for some layers of a stack; None where none of them comes from polygons."""
    places = places_of(layers)
    used = sorted({number for number, _ in places.values()})
    if not used:
        return None
    sets = tuple(stack.vectors[number] for number in used)
    return Polygons(
        sets=sets, places={key: (used.index(number), column) for key, (number, column) in places.items()},
        pieces=tuple(reader_of(one.spool).pieces(tile) for one in sets),
    )  # fmt: skip
