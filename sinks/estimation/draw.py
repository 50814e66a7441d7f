"""Strata of a map, and places drawn from them exactly in proportion to true cell area.

Two passes through the same tiles: the first sums the area of every stratum, the second
turns numbers drawn between zero and that area into cells. What is drawn depends on the
seed and the stratum alone, never on windows or workers.
"""

from collections.abc import Mapping
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
from sinks.estimation.land import land_of
from sinks.estimation.strata import Counts, CountTile, Question, StrataCells, TileStrata
from sinks.layers.windows import Block, Engine, Progress, map_windows
from sinks.setup import Setup

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SPARE = 50
"""Numbers that are drawn beyond twice those needed: a cell that is met again is passed over."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawTile:
    """The second pass: numbers along the area of a tile's strata become cells."""

    cells: StrataCells
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
    def cells(self) -> StrataCells:
        """What both passes look at."""
        return StrataCells(land=land_of(self.setup), question=self.question)

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
