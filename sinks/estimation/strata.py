"""Strata of a map: which cells belong to which, and the area of each; the first pass of a draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.grids import Tile
from sinks.estimation.land import Land, first_of_each
from sinks.layers.windows import Block, files_of
from sinks.tabulate.exact import ExactSums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STABLE, GAIN, LOSS, OTHER = "stable_{0}", "{0}_gain", "{0}_loss", "stable_other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the strata are about: an ecosystem's change between two dates (or its place at one), or land classes."""

    years: tuple[int, ...]
    ecosystem: str | None
    edge: int
    layer: str | None = None

    def labels(self, land: Land, classes: Sequence[NDArray[np.object_]]) -> NDArray[np.object_]:
        """The class of each cell; empty where the land is unknown at a date."""
        unknown = np.any([one == "unknown" for one in classes], axis=0)
        if self.ecosystem is None:
            named = classes[0] if len(classes) == 1 else np.array([f"{a}>{b}" for a, b in zip(*classes, strict=True)], dtype=object)
        else:
            inside = [land.ecosystems(one) == self.ecosystem for one in classes]
            named = _change(inside, self.ecosystem)
        return np.where(unknown, "", named)

    def class_names(self) -> tuple[str, ...] | None:
        """The classes of the question about an ecosystem."""
        if self.ecosystem is None:
            return None
        if len(self.years) == 1:
            return self.ecosystem, "other"
        return STABLE.format(self.ecosystem), GAIN.format(self.ecosystem), LOSS.format(self.ecosystem), OTHER


def _change(inside: Sequence[NDArray[np.bool_]], ecosystem: str) -> NDArray[np.object_]:
    if len(inside) == 1:
        return np.where(inside[0], ecosystem, "other").astype(object)
    first, last = inside
    names = [STABLE.format(ecosystem), GAIN.format(ecosystem), LOSS.format(ecosystem)]
    return np.select([first & last, ~first & last, first & ~last], names, OTHER).astype(object)


@dataclass(frozen=True, slots=True)
class TileStrata:
    """Sums of a tile by zone and class (the columns are `SUMS`)."""

    names: tuple[tuple[int, str], ...]
    sums: Floats


SUMS = ("area", "drawn", "known", "first", "second", "places")
"""Whole area, area that may be drawn, area with a value, area times value and its square, places that may be drawn."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TileCells:
    """The cells of a tile in the order of zones and cells, each with its stratum.

    Parameters
    ----------
    names : tuple
        Zone and class of the strata of this tile.
    stratum : (n,) int
        Place among ``names``.
    held : (n,) bool
        May it be drawn?
    """

    names: tuple[tuple[int, str], ...]
    stratum: Ints
    area: Floats
    value: Floats
    cell: Ints
    held: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class StrataCells:
    """What both passes look at."""

    land: Land
    question: Question

    def of(self, block: Block) -> TileCells:
        """The cells of a tile."""
        covered, shape = block.zones, (block.tile.height, block.tile.width)
        kinds = [self.land.kinds(year, _codes_of(block, year)) for year in self.question.years]
        first, back = first_of_each([places for _, places in kinds])
        named = self.question.labels(self.land, [names[places[first]] for names, places in kinds])
        labels, number = np.unique(named.astype(str), return_inverse=True)
        number = number.reshape(-1)[back]
        zone = covered.zones.astype(np.int64)
        held = (labels[number] != "")[covered.cells] & self._interior(number.reshape(shape)).reshape(-1)[covered.cells]
        one, stratum = first_of_each([zone, number[covered.cells]])
        names = tuple((int(zone[row]), str(labels[number[covered.cells[row]]])) for row in one)
        area = covered.fractions * np.broadcast_to(block.area_ha, shape).reshape(-1)[covered.cells]
        value = np.zeros(len(area)) if self.question.layer is None else self._values(block)[covered.cells]
        return TileCells(names=names, stratum=stratum, area=area, value=value, cell=covered.cells, held=held)

    def _values(self, block: Block) -> Floats:
        keys = files_of(block.stored, str(self.question.layer), self.question.years[-1])
        return np.asarray(sum(block.arrays[key].reshape(-1) for key in keys) / len(keys))

    def _interior(self, number: Ints) -> NDArray[np.bool_]:
        """Cells whose neighbours within the edge, as far as the tile goes, are of their own class."""
        if not self.question.edge:
            return np.ones(number.shape, dtype=bool)
        from scipy.ndimage import maximum_filter, minimum_filter

        size = 2 * self.question.edge + 1
        return np.asarray(minimum_filter(number, size, mode="nearest") == maximum_filter(number, size, mode="nearest"))


def _codes_of(block: Block, year: int) -> Callable[[str], Ints]:
    """The codes of a layer at a date."""
    return lambda layer: block.arrays[files_of(block.stored, layer, year)[0]].reshape(-1).astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class CountTile:
    """The first pass; picklable for workers of a cluster."""

    cells: StrataCells

    def __call__(self, block: Block) -> TileStrata:
        cells = self.cells.of(block)
        known = np.isfinite(cells.value)
        value = np.where(known, cells.value, 0.0)
        drawn = np.where(cells.held, cells.area, 0.0)
        terms = (
            cells.area,
            drawn,
            np.where(known, cells.area, 0.0),
            cells.area * value,
            cells.area * value**2,
            cells.held.astype(np.float64),
        )
        sums = np.stack([np.bincount(cells.stratum, term, len(cells.names)) for term in terms], axis=1)
        return TileStrata(cells.names, sums.astype(np.float64))


class Counts:
    """Where the first pass goes: the sums of every tile, and of all of them exactly."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], TileStrata] = {}

    def done(self, tile: Tile) -> bool:
        """Is this tile counted?"""
        return (tile.row, tile.col) in self.tiles

    def put(self, tile: Tile, result: TileStrata) -> None:
        """Keep the sums of a tile."""
        self.tiles[tile.row, tile.col] = result

    def totals(self) -> dict[tuple[int, str], Floats]:
        """Sums of every stratum over all tiles, in the order of zones and classes."""
        names = sorted({name for tile in self.tiles.values() for name in tile.names})
        place = {name: number for number, name in enumerate(names)}
        exact = ExactSums(len(SUMS))
        for tile in self.tiles.values():
            exact.add(np.array([place[name] for name in tile.names], dtype=np.int64), np.ascontiguousarray(tile.sums))
        return dict(zip(names, exact.totals(len(names)), strict=True))
