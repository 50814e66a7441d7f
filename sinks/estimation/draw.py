"""Strata of a map, and places drawn from them exactly in proportion to true cell area.

Two passes through the same tiles: the first sums the area of every stratum, the second
turns numbers drawn between zero and that area into cells. What is drawn depends on the
seed and the stratum alone, never on windows or workers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from aoi.coverage import Coverage
from aoi.findings import InputError, finding
from aoi.grids import Tile, geodetic_crs, horizontal_crs
from sinks.config import LAND_COVER
from sinks.estimation.land import Land, first_of_each, land_of
from sinks.layers.windows import Block, Engine, Progress, files_of, map_windows
from sinks.setup import Setup
from sinks.tabulate.exact import ExactSums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STABLE, GAIN, LOSS, OTHER = "stable_{0}", "{0}_gain", "{0}_loss", "stable_other"
SPARE = 50
"""Numbers that are drawn beyond twice those needed: a cell that is met again is passed over."""


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
class _Cells:
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

    cells: _Cells

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


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawTile:
    """The second pass: numbers along the area of a tile's strata become cells."""

    cells: _Cells
    wanted: Mapping[tuple[int, int], Mapping[tuple[int, str], tuple[Floats, Ints]]]

    def __call__(self, block: Block) -> list[tuple[tuple[int, str], int, int, int]]:
        cells = self.cells.of(block)
        found = []
        for name, (offsets, order) in self.wanted[block.tile.row, block.tile.col].items():
            rows = np.flatnonzero(cells.held & (cells.stratum == cells.names.index(name)))
            ends = np.cumsum(cells.area[rows])
            at = np.minimum(np.searchsorted(ends, offsets, side="right"), len(ends) - 1)
            row, col = np.divmod(cells.cell[rows[at]], block.tile.width)
            places = zip(order.tolist(), (row + block.tile.row_off).tolist(), (col + block.tile.col_off).tolist(), strict=True)
            found += [(name, *place) for place in places]
        return found


class _Drawn:
    """Where the second pass goes; tiles without a number are not looked at."""

    def __init__(self, wanted: Mapping[tuple[int, int], Any]) -> None:
        self.found: list[tuple[tuple[int, str], int, int, int]] = []
        self._left = set(wanted)

    def done(self, tile: Tile) -> bool:
        """Has this tile nothing to say?"""
        return (tile.row, tile.col) not in self._left

    def put(self, tile: Tile, result: list[tuple[tuple[int, str], int, int, int]]) -> None:
        """Take the cells of a tile."""
        self._left.discard((tile.row, tile.col))
        self.found += result


@dataclass(frozen=True, kw_only=True, eq=False)
class Sampler:
    """The two passes over a run's land cover."""

    setup: Setup
    question: Question
    engine: Engine

    @property
    def cells(self) -> _Cells:
        """What both passes look at."""
        return _Cells(land=land_of(self.setup), question=self.question)

    @cached_property
    def coverage(self) -> Coverage:
        """The first set of zones alone: parcels lie in the leagues and would be drawn twice."""
        return Coverage.of(self.setup.zone_sets[:1], self.setup.grid, self.setup.config.zones.rule)

    @property
    def only(self) -> frozenset[str]:
        """The layers that are read."""
        return frozenset({*self.cells.land.layers, *([self.question.layer] if self.question.layer else [])})

    def count(self, progress: Progress | None = None) -> Counts:
        """Areas of the strata."""
        counts = Counts()
        map_windows(
            self.setup.stack,
            self.coverage,
            CountTile(cells=self.cells),
            counts,
            engine=self.engine,
            only=self.only,
            progress=progress,
        )
        if not any(name for tile in counts.tiles.values() for _, name in tile.names):
            raise InputError(finding("E-SAMPLE-05", LAND_COVER))
        return counts

    def draw(self, counts: Counts, samples: Mapping[tuple[int, str], int], seed: int) -> dict[tuple[int, str], list[tuple[int, int]]]:
        """Cells of every stratum, each once, in the order in which they were drawn."""
        wanted = self._wanted(counts, samples, seed)
        drawn = _Drawn(wanted)
        map_windows(self.setup.stack, self.coverage, DrawTile(cells=self.cells, wanted=wanted), drawn, engine=self.engine, only=self.only)
        out: dict[tuple[int, str], list[tuple[int, int]]] = {name: [] for name in samples}
        seen: dict[tuple[int, str], set[tuple[int, int]]] = {name: set() for name in samples}
        for name, _, row, col in sorted(drawn.found):
            if len(out[name]) < samples[name] and (row, col) not in seen[name]:
                seen[name].add((row, col))
                out[name].append((row, col))
        return out

    def _wanted(
        self, counts: Counts, samples: Mapping[tuple[int, str], int], seed: int
    ) -> dict[tuple[int, int], dict[tuple[int, str], tuple[Floats, Ints]]]:
        """For each tile and stratum the numbers that fall into it, as offsets into its area, and their order."""
        codes = self.coverage.codes
        places = sorted(counts.tiles)
        out: dict[tuple[int, int], dict[tuple[int, str], tuple[Floats, Ints]]] = {}
        for name, number in samples.items():
            areas = np.array([_drawn_area(counts.tiles[place], name) for place in places])
            ends = np.cumsum(areas)
            if not number or not ends[-1] > 0:
                continue
            stream = np.random.default_rng([seed, *f"{codes[name[0]]}/{name[1]}".encode()])
            at = stream.random(_numbers(number, sum(_places(counts.tiles[place], name) for place in places))) * ends[-1]
            tile = np.searchsorted(ends, at, side="right")
            tile = np.minimum(tile, int(np.flatnonzero(areas > 0)[-1]))
            for one in np.unique(tile):
                mine = np.flatnonzero(tile == one)
                out.setdefault(places[one], {})[name] = (at[mine] - (ends[one] - areas[one]), mine.astype(np.int64))
        return out


def _numbers(samples: int, places: int) -> int:
    """Numbers to draw for so many different cells: N ln(N / (N - n)) are met again and again before n of N are found."""
    left = max(places - samples, 0) + 0.5
    return 2 * samples + SPARE + int(np.ceil(2.0 * places * np.log((places + 0.5) / left)))


def _places(tile: TileStrata, name: tuple[int, str]) -> int:
    return int(tile.sums[tile.names.index(name), 5]) if name in tile.names else 0


def _drawn_area(tile: TileStrata, name: tuple[int, str]) -> float:
    return float(tile.sums[tile.names.index(name), 1]) if name in tile.names else 0.0


def places_of(setup: Setup, rows: Ints, columns: Ints) -> tuple[Floats, Floats]:
    """Longitude and latitude of the middles of cells."""
    a, _, c, _, e, f = setup.grid.transform
    target = horizontal_crs(setup.grid.crs)
    move = Transformer.from_crs(target, geodetic_crs(target), always_xy=True)
    longitude, latitude = move.transform(c + a * (columns + 0.5), f + e * (rows + 0.5))
    return np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)
