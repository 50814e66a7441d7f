"""Sums over the cells of one tile: the plain numpy form of the kernel.

Every cell of a zone has a weight: the area of the cell that lies inside the
zone. Sums run in float64, cell after cell in row order, zone after zone. No
carbon equation stands here: the pass only accumulates (ACCOUNTING 1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinks.config import LAND_COVER
from sinks.layers.layer import MISSING_CLASS
from sinks.layers.windows import Block

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MISSING_BIN = -1
FROM, TO = 0, 1

YEAR_SUMS = ("area_ha", "missing_ha", "sum", "sum_sq", "sum_se", "sum_se_sq")
PAIR_SUMS = (
    "area_ha", "missing_ha", "sum_from", "sum_to", "sum_from_sq", "sum_to_sq", "sum_cross",
    "sum_se_from", "sum_se_to", "sum_se_from_sq", "sum_se_to_sq", "sum_se_cross",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLayer:
    """A layer that is summed: its bin edges in its own unit, and its standard-error layer.

    ``members`` is the number of files of each date that are kept apart (an
    equation runs per file); other layers are averaged over their files first.
    """

    name: str
    edges: tuple[float, ...]
    se: str | None
    per_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the pass sums: dates, intervals between them, strata and value layers."""

    years: tuple[int, ...]
    strata: tuple[tuple[str, str], ...]
    values: tuple[ValueLayer, ...]
    intervals: tuple[tuple[int, int], ...]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names by the number under which a layer stands in the keys; 0 is land cover."""
        return (LAND_COVER, *(layer.name for layer in self.values))

    @property
    def year_keys(self) -> tuple[str, ...]:
        """Names of the key columns of the yearly sums."""
        return ("zone", "year", "class", *(name for name, _ in self.strata), "layer", "member", "bin")

    @property
    def pair_keys(self) -> tuple[str, ...]:
        """Names of the key columns of the sums over intervals."""
        strata = [name for name, _ in self.strata]
        return (
            "zone", "year_from", "year_to", "land_from", "land_to",
            *(f"{name}_from" for name in strata), *(f"{name}_to" for name in strata),
            "layer", "member", "bin_date", "bin",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums by key: keys (n, k) int64, sorted and unique; sums (n, m) float64."""

    keys: Ints
    sums: Floats


@dataclass(frozen=True, slots=True)
class TileSums:
    """The partial tables of one tile."""

    year: Sums
    pair: Sums


def tile_sums(block: Block, plan: Plan) -> TileSums:
    """The partial tables of a tile.

    Parameters
    ----------
    block : Block
        Cells of all layers, and the cells of the zones with their shares.
    plan : Plan
        What is summed.
    """
    cells = _Cells(block, plan)
    year = [part for year in plan.years for part in _year_sums(cells, plan, year)]
    pair = [part for first, last in plan.intervals for part in _pair_sums(cells, plan, first, last)]
    return TileSums(_joined(year, len(plan.year_keys), len(YEAR_SUMS)), _joined(pair, len(plan.pair_keys), len(PAIR_SUMS)))


class _Cells:
    """The cells of the zones as flat columns: one row per zone and cell."""

    def __init__(self, block: Block, plan: Plan) -> None:
        self.block = block
        self.zone = block.zones.zones.astype(np.int64)
        self.at = block.zones.cells
        shape = (block.tile.height, block.tile.width)
        self.area = block.zones.fractions * np.broadcast_to(block.area_ha, shape).reshape(-1)[self.at]
        self._strata = plan.strata
        self._averaged: dict[tuple[str, int | None], Floats] = {}

    def classes(self, year: int) -> Ints:
        """Codes of the land cover at a date."""
        return self._codes(LAND_COVER, year)

    def strata(self, year: int) -> list[Ints]:
        """Codes of the stratum layers at a date."""
        return [self._codes(layer, year) for _, layer in self._strata]

    def members(self, layer: str, year: int) -> list[Floats]:
        """Values of each file of a date."""
        return [self.block.arrays[key].reshape(-1)[self.at] for key in self._keys(layer, year)]

    def mean(self, layer: str, year: int) -> Floats:
        """Values averaged over the files of a date; a cell that one file lacks is missing."""
        keys = self._keys(layer, year)
        place = keys[0][0], keys[0][1]
        if place not in self._averaged:
            members = self.members(layer, year)
            self._averaged[place] = sum(members[1:], start=members[0]) / len(members)
        return self._averaged[place]

    def _codes(self, layer: str, year: int) -> Ints:
        return self.block.arrays[self._keys(layer, year)[0]].reshape(-1)[self.at].astype(np.int64)

    def _keys(self, layer: str, year: int) -> list[tuple[str, int | None, int]]:
        keys = [key for key in self.block.arrays if key[0] == layer and key[1] == year]
        return keys or [key for key in self.block.arrays if key[0] == layer and key[1] is None]


def bin_of(values: Floats, edges: tuple[float, ...]) -> Ints:
    """The bin of each value: bin i holds ``edges[i-1] <= value < edges[i]``; -1 for NaN."""
    bins = np.searchsorted(np.asarray(edges), values, side="right").astype(np.int64)
    bins[np.isnan(values)] = MISSING_BIN
    return bins


def _year_sums(cells: _Cells, plan: Plan, year: int) -> list[Sums]:
    base = [cells.zone, np.full_like(cells.zone, year), cells.classes(year), *cells.strata(year)]
    group, first = _groups(base)
    keys = np.stack([column[first] for column in base], axis=1)
    parts = [_grouped(keys, group, None, (0, 0), [cells.area])]
    for number, layer in enumerate(plan.values, start=1):
        members = _whole_members(cells, layer.name, year) if layer.per_member else [cells.mean(layer.name, year)]
        se = cells.mean(layer.se, year) if layer.se else None
        for member, values in enumerate(members):
            area, missing, value = _split(cells.area, values)
            sums = [area, missing, area * value, area * value * value, *_se_sums(area, se)]
            parts.append(_grouped(keys, group, bin_of(values, layer.edges), (number, member), sums))
    return [_padded(part, len(YEAR_SUMS)) for part in parts]


def _whole_members(cells: _Cells, layer: str, year: int) -> list[Floats]:
    """The files of a date, each with a hole wherever one of them has one."""
    hole = np.isnan(cells.mean(layer, year))
    return [np.where(hole, np.nan, values) for values in cells.members(layer, year)]


def _pair_sums(cells: _Cells, plan: Plan, first_year: int, last_year: int) -> list[Sums]:
    base = [
        cells.zone, np.full_like(cells.zone, first_year), np.full_like(cells.zone, last_year),
        cells.classes(first_year), cells.classes(last_year), *cells.strata(first_year), *cells.strata(last_year),
    ]  # fmt: skip
    group, first = _groups(base)
    keys = np.stack([column[first] for column in base], axis=1)
    parts = [_with_bin_date(_grouped(keys, group, None, (0, 0), [cells.area]), FROM)]
    for number, layer in enumerate(plan.values, start=1):
        for date, member, before, after in _dated_members(cells, layer, first_year, last_year):
            both = before + after
            area, missing, _ = _split(cells.area, both)
            start, end = np.where(np.isnan(both), 0.0, before), np.where(np.isnan(both), 0.0, after)
            sums = [area, missing, area * start, area * end, area * start * start, area * end * end, area * start * end]
            sums += _pair_se_sums(cells, layer, area, first_year, last_year)
            bins = np.where(np.isnan(both), MISSING_BIN, bin_of(before if date == FROM else after, layer.edges))
            parts.append(_with_bin_date(_grouped(keys, group, bins, (number, member), sums), date))
    return [_padded(part, len(PAIR_SUMS)) for part in parts]


def _dated_members(cells: _Cells, layer: ValueLayer, first_year: int, last_year: int) -> list[tuple[int, int, Floats, Floats]]:
    """Date of the bin, file number, and values at both dates, for each file whose values are binned.

    Where an equation runs per file, the files of one date stand one by one beside
    the mean of the other date. A cell is valid only where every file of both dates is.
    """
    start, end = cells.mean(layer.name, first_year), cells.mean(layer.name, last_year)
    if not layer.per_member:
        return [(FROM, 0, start, end), (TO, 0, start, end)]
    before = [(FROM, number, values, end) for number, values in enumerate(cells.members(layer.name, first_year))]
    after = [(TO, number, start, values) for number, values in enumerate(cells.members(layer.name, last_year))]
    hole = np.isnan(start + end)
    return [(date, number, np.where(hole, np.nan, one), np.where(hole, np.nan, other)) for date, number, one, other in before + after]


def _split(area: Floats, values: Floats) -> tuple[Floats, Floats, Floats]:
    """Area with a value, area without, and the values with 0 where there is none."""
    hole = np.isnan(values)
    return np.where(hole, 0.0, area), np.where(hole, area, 0.0), np.where(hole, 0.0, values)


def _se_sums(area: Floats, se: Floats | None) -> list[Floats]:
    if se is None:
        return []
    error = area * np.nan_to_num(se)
    return [error, error * error]


def _pair_se_sums(cells: _Cells, layer: ValueLayer, area: Floats, first_year: int, last_year: int) -> list[Floats]:
    if layer.se is None:
        return []
    start = area * np.nan_to_num(cells.mean(layer.se, first_year))
    end = area * np.nan_to_num(cells.mean(layer.se, last_year))
    return [start, end, start * start, end * end, start * end]


def _groups(columns: list[Ints]) -> tuple[Ints, Ints]:
    """The group of each row (0, 1, ... in the order of the keys) and the first row of each group."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    code = np.zeros_like(columns[0])
    for column in columns:
        place = _ranks(column)
        code = _ranks(code * (int(place.max()) + 1) + place)
    first = np.empty(int(code.max()) + 1, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return code, first


_MOST_COUNTED = 1 << 22
"""Numbers that spread less are ranked by counting, others by sorting; the ranks are the same."""


def _ranks(numbers: Ints) -> Ints:
    """The rank of each number among the distinct ones."""
    low = int(numbers.min())
    if int(numbers.max()) - low >= _MOST_COUNTED:
        return np.unique(numbers, return_inverse=True)[1].reshape(-1).astype(np.int64)
    shifted = numbers - low
    present = np.bincount(shifted) > 0
    return (np.cumsum(present) - 1)[shifted].astype(np.int64)


def _grouped(keys: Ints, group: Ints, bins: Ints | None, layer: tuple[int, int], sums: list[Floats]) -> Sums:
    """Sums by group and bin; rows are added one after the other, in their order."""
    if bins is None:
        bins = np.zeros_like(group)
    width = int(bins.max(initial=0)) + 2
    code = group * width + (bins + 1)
    counts = np.bincount(code)
    held = np.flatnonzero(counts)
    totals = np.stack([np.bincount(code, weights=column)[held] for column in sums], axis=1).astype(np.float64)
    out = np.concatenate(
        [keys[held // width], np.full((len(held), 1), layer[0]), np.full((len(held), 1), layer[1]), (held % width - 1)[:, None]], axis=1
    )
    return Sums(out.astype(np.int64), totals)


def _with_bin_date(sums: Sums, date: int) -> Sums:
    return Sums(np.insert(sums.keys, -1, date, axis=1), sums.sums)


def _padded(sums: Sums, width: int) -> Sums:
    """Sums with zero columns for what a layer does not have."""
    return Sums(sums.keys, np.pad(sums.sums, ((0, 0), (0, width - sums.sums.shape[1]))))


def _joined(parts: list[Sums], keys: int, sums: int) -> Sums:
    """Partial sums under each other, sorted by key; no key stands twice."""
    parts = [part for part in parts if len(part.keys)]
    if not parts:
        return Sums(np.zeros((0, keys), dtype=np.int64), np.zeros((0, sums)))
    joined = np.concatenate([part.keys for part in parts])
    order = np.lexsort(joined.T[::-1])
    return Sums(joined[order], np.concatenate([part.sums for part in parts])[order])


__all__ = ["FROM", "MISSING_BIN", "MISSING_CLASS", "PAIR_SUMS", "TO", "YEAR_SUMS", "Plan", "Sums", "TileSums", "ValueLayer", "bin_of", "tile_sums"]
