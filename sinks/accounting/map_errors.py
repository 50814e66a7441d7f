"""Errors of mapped densities from pixels to results: spatially correlated, at two or more dates.

The error of a layer at a place and date is its standard error there times a quantity of
mean 0 and variance 1 that is correlated over distance (`sinks.equations.spatial`) and, at
one place, by ``rho_dates`` between two dates. The lattice holds the sums of area times
standard error; what a result makes of them is found by moving the values of each class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.inventory import Prepared
from sinks.accounting.moves import LayerSums, Moves
from sinks.equations.spatial import Window, block_correlation, independent_rows, low_rank, reach_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCKS_PER_LENGTH = 4
"""Lattice cells are taken together as long as so many blocks lie within a correlation length."""
STEP = 2.0**-10


@dataclass(frozen=True, slots=True)
class LatticeGrid:
    """Where lattice cells lie: height of a cell, and width in each lattice row [km]."""

    height_km: float
    widths_km: Floats

    def per_block(self, length_km: float) -> tuple[int, int]:
        """Lattice cells down and across of a block."""
        edge = length_km / BLOCKS_PER_LENGTH
        return max(1, int(edge / self.height_km)), max(1, int(edge / float(self.widths_km.max())))


@dataclass(frozen=True, slots=True)
class Cases:
    """Classes whose values are moved, one case each: at a date, and of transitions at one side of an interval.

    Parameters
    ----------
    year : DataFrame
        year, class.
    pair : DataFrame
        year_from, year_to, land_from, land_to, side (``from``, ``to``).
    """

    layer: str
    year: pd.DataFrame
    pair: pd.DataFrame

    def __len__(self) -> int:
        return max(len(self.year), len(self.pair))

    def moves(self, prepared: Prepared, sums: LayerSums) -> Moves:
        """One case a draw after the central one: the values of a class in all zones larger by `STEP`."""
        years, pairs = prepared.years.frame, prepared.pairs.frame
        year = np.zeros((len(self) + 1, len(years)))
        start, end = (np.zeros((len(self) + 1, len(pairs))) for _ in range(2))
        place = _places(self.year, years[["year", "class"]])
        rows = np.flatnonzero((place >= 0) & (sums.year != 0.0))
        year[place[rows] + 1, rows] = STEP
        for side, array, total in (("from", start, sums.start), ("to", end, sums.end)):
            mine = self.pair.assign(case=np.arange(len(self.pair)))
            mine = mine[mine["side"] == side]
            found = _places(mine, pairs[["year_from", "year_to", "land_from", "land_to"]])
            rows = np.flatnonzero((found >= 0) & (total != 0.0))
            array[mine["case"].to_numpy()[found[rows]] + 1, rows] = STEP
        return Moves(self.layer, year, start, end)


def cases_of(lattice: pd.DataFrame, layer: str) -> Cases:
    """The cases of a layer whose standard errors stand on the lattice."""
    mine = lattice[lattice["layer"] == layer]
    alone = mine["year_from"] == mine["year_to"]
    year = mine.loc[alone, ["year_from", "land_from"]].drop_duplicates().sort_values(["year_from", "land_from"])
    year.columns = pd.Index(["year", "class"])
    keys = ["year_from", "year_to", "land_from", "land_to"]
    pair = mine.loc[~alone, keys].drop_duplicates().sort_values(keys)
    both = [pair.assign(side=side) for side in ("from", "to")]
    return Cases(layer, year.reset_index(drop=True), pd.concat(both, ignore_index=True))


def _places(cases: pd.DataFrame, keys: pd.DataFrame) -> Ints:
    """The case of each row of keys, -1 where none."""
    index = pd.MultiIndex.from_frame(cases[list(keys.columns)])
    return index.get_indexer(pd.MultiIndex.from_frame(keys)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Responses:
    """What results change when the values of cases become larger by their own size.

    Parameters
    ----------
    zone : (n,) object
        The zone of each result.
    of_year : (n,) bool
        Results of a date (stocks); the others are of an interval.
    rows : (cases, n) float64
    """

    zone: NDArray[np.object_]
    of_year: NDArray[np.bool_]
    rows: Floats


def map_effects(
    lattice: pd.DataFrame, grid: LatticeGrid, prepared: Prepared, cases: Cases, responses: Responses, length_km: float, rho_dates: float, dated: bool
) -> Floats:  # fmt: skip
    """Independent effects (k, n) of the errors of one layer on results.

    Parameters
    ----------
    lattice : DataFrame
        Rows of `sinks.tables.ACTIVITY_LATTICE` of the layer.
    dated : bool
        Whether every date has values of its own; else the error is the same at all dates.
    """
    covariance, moved = _covariance(lattice, grid, prepared, cases, responses, length_km, rho_dates if dated else 1.0)
    effects = np.zeros((0, responses.rows.shape[1]))
    if len(moved):
        small = low_rank(covariance)
        effects = np.zeros((len(small), responses.rows.shape[1]))
        effects[:, moved] = small
    return effects


def _covariance(
    lattice: pd.DataFrame, grid: LatticeGrid, prepared: Prepared, cases: Cases, responses: Responses, length_km: float, rho_dates: float
) -> tuple[Floats, Ints]:  # fmt: skip
    """Covariance of the results that the layer moves, and which these are."""
    moved = np.flatnonzero((responses.rows != 0.0).any(axis=0)).astype(np.int64)
    per = grid.per_block(length_km)
    blocks = _blocks(lattice, per)
    per_unit = _per_unit(prepared, cases)
    dates = [int(one) for one in np.union1d(lattice["year_from"].to_numpy(), lattice["year_to"].to_numpy())]
    zones = sorted({str(one) for one in responses.zone[moved]} & set(blocks.by_zone))
    fields = [_fields(zone, moved, responses, cases, per_unit, blocks, dates) for zone in zones]
    out = np.zeros((len(moved), len(moved)))
    between = np.full((len(dates), len(dates)), rho_dates)
    np.fill_diagonal(between, 1.0)
    for number, one in enumerate(fields):
        height, width = grid.height_km * per[0], one.width_km(grid, per)
        kernel = block_correlation(height, width, length_km, reach_of(length_km, height, width, blocks.most))
        within = float(kernel[kernel.shape[0] // 2, kernel.shape[1] // 2])
        spread = [field.window.spread(kernel) for field in one.dates]
        for other in fields[number:]:
            found = np.zeros((len(one.results), len(other.results)))
            for first, (wide, field) in enumerate(zip(spread, one.dates, strict=True)):
                for second, its in enumerate(other.dates):
                    if between[first, second] != 0.0:
                        found += between[first, second] * (field.coefficients @ wide.dot(its.window) @ its.coefficients.T)
            mine, theirs = (np.searchsorted(moved, each.results) for each in (one, other))
            out[np.ix_(mine, theirs)] += found
            if other is not one:
                out[np.ix_(theirs, mine)] += found.T
        mine = np.searchsorted(moved, one.results)
        out[np.ix_(mine, mine)] += (1.0 - within) * one.alone(between)
    return (out + out.T) / 2.0, moved


def _per_unit(prepared: Prepared, cases: Cases) -> tuple[pd.Series, pd.Series]:
    """Area times value by zone and case, at dates and on intervals."""
    sums = LayerSums.of(prepared, cases.layer)
    years, pairs = prepared.years.frame, prepared.pairs.frame
    of_year = years[["zone", "year", "class"]].assign(sum=sums.year).groupby(["zone", "year", "class"])["sum"].sum()
    keys = ["zone", "year_from", "year_to", "land_from", "land_to"]
    both = [pairs[keys].assign(side=side, sum=values) for side, values in (("from", sums.start), ("to", sums.end))]
    return of_year, pd.concat(both).groupby([*keys, "side"])["sum"].sum()


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Sums over the lattice, taken together to blocks: by zone, a frame with block rows and columns."""

    by_zone: dict[str, pd.DataFrame]
    most: tuple[int, int]


_SUMS = ["sum_se_from", "sum_se_to", "sum_se_from_sq", "sum_se_to_sq", "sum_se_cross"]
_KEYS = ["zone", "year_from", "year_to", "land_from", "land_to"]


def _blocks(lattice: pd.DataFrame, per: tuple[int, int]) -> _Blocks:
    frame = lattice[[*_KEYS, *_SUMS]].assign(row=lattice["lattice_row"] // per[0], column=lattice["lattice_col"] // per[1])
    frame = frame.groupby([*_KEYS, "row", "column"], sort=True, as_index=False)[_SUMS].sum()
    tall, wide = int(frame["row"].max()) + 1, int(frame["column"].max()) + 1
    return _Blocks({str(zone): part for zone, part in frame.groupby("zone")}, (tall, wide))


@dataclass(frozen=True, slots=True)
class _Field:
    """The errors of a date in the results of a zone: independent fields, and the coefficients (n, r) that make all of them."""

    window: Window
    coefficients: Floats

    @classmethod
    def of(cls, row: int, column: int, weights: Floats, shape: tuple[int, int]) -> "_Field":
        """From the weights (n, height x width)."""
        places, coefficients = independent_rows(weights)
        return cls(Window(row, column, weights[places].reshape(len(places), *shape)), coefficients)


@dataclass(frozen=True, slots=True)
class _Fields:
    """What the results of one zone make of the errors in blocks, by date.

    ``same`` (n, groups, dates) and ``squares`` (groups, 3) hold what errors of single
    cells add: of the same group, the sums of squared area times variance at both its dates and across them.
    """

    results: Ints
    dates: tuple[_Field, ...]
    per_group: Floats
    squares: Floats
    date_of: Ints

    def width_km(self, grid: LatticeGrid, per: tuple[int, int]) -> float:
        """Width of a block in the middle of the zone."""
        window = self.dates[0].window
        rows = np.arange(window.row * per[0], (window.row + window.weights.shape[1]) * per[0])
        return float(grid.widths_km[np.clip(rows, 0, len(grid.widths_km) - 1)].mean()) * per[1]

    def alone(self, between: Floats) -> Floats:
        """What single cells have in common with themselves, (n, n)."""
        out = np.zeros((len(self.results), len(self.results)))
        start, end = self.per_group[:, :, 0], self.per_group[:, :, 1]
        out += (start * self.squares[:, 0]) @ start.T + (end * self.squares[:, 1]) @ end.T
        rho = between[self.date_of[:, 0], self.date_of[:, 1]]
        cross = (start * (self.squares[:, 2] * rho)) @ end.T
        return np.asarray(out + cross + cross.T)


def _fields(
    zone: str, moved: Ints, responses: Responses, cases: Cases, per_unit: tuple[pd.Series, pd.Series], blocks: _Blocks, dates: Sequence[int]
) -> _Fields:
    frame = blocks.by_zone[zone]
    results = moved[responses.zone[moved] == zone]
    groups = frame[_KEYS].drop_duplicates().reset_index(drop=True)
    number = pd.MultiIndex.from_frame(groups).get_indexer(pd.MultiIndex.from_frame(frame[_KEYS]))
    per_group = np.stack([_factor(groups, side, results, responses, cases, per_unit) for side in ("from", "to")], axis=2)
    top, left = int(frame["row"].min()), int(frame["column"].min())
    shape = int(frame["row"].max()) - top + 1, int(frame["column"].max()) - left + 1
    cell = ((frame["row"] - top) * shape[1] + frame["column"] - left).to_numpy()
    windows = []
    for date in dates:
        weights = np.zeros((len(results), shape[0] * shape[1]))
        for place, side in enumerate(("from", "to")):
            mine = (groups[f"year_{side}"] == date).to_numpy()[number]
            if mine.any():
                sums = frame[f"sum_se_{side}"].to_numpy()[mine]
                _add_at(weights, per_group[:, number[mine], place] * sums, cell[mine])
        windows.append(_Field.of(top, left, weights, shape))
    squares = np.stack([np.bincount(number, weights=frame[name], minlength=len(groups)) for name in _SUMS[2:]], axis=1).astype(np.float64)
    order = {date: place for place, date in enumerate(dates)}
    date_of = np.stack([groups[f"year_{side}"].map(order).to_numpy(dtype=np.int64) for side in ("from", "to")], axis=1)
    return _Fields(results, tuple(windows), per_group, squares, date_of)


def _add_at(weights: Floats, values: Floats, cell: Ints) -> None:
    """Add columns of values to the columns of weights that their cells name."""
    order = np.argsort(cell, kind="stable")
    sorted_cells = cell[order]
    starts = np.flatnonzero(np.diff(sorted_cells, prepend=-1))
    weights[:, sorted_cells[starts]] += np.add.reduceat(values[:, order], starts, axis=1)


def _factor(
    groups: pd.DataFrame, side: str, results: Ints, responses: Responses, cases: Cases, per_unit: tuple[pd.Series, pd.Series]
) -> Floats:  # fmt: skip
    """Change of each result per unit of the sum of a group of land at one side, (n, groups).

    A date alone has its land twice, with the same year: only its first side counts.
    """
    alone = (groups["year_from"] == groups["year_to"]).to_numpy()
    by_year = groups[["zone", "year_from", "land_from"]].set_axis(["zone", "year", "class"], axis=1)
    by_pair = groups[_KEYS].assign(side=side)
    case_of_year = _places(cases.year, by_year[["year", "class"]])
    case_of_pair = _places(cases.pair, by_pair[["year_from", "year_to", "land_from", "land_to", "side"]])
    sum_of_year = per_unit[0].reindex(pd.MultiIndex.from_frame(by_year)).to_numpy()
    sum_of_pair = per_unit[1].reindex(pd.MultiIndex.from_frame(by_pair)).to_numpy()
    case = np.where(alone, case_of_year, case_of_pair)
    total = np.where(alone, sum_of_year, sum_of_pair)
    usable = (case >= 0) & np.isfinite(total) & (total != 0.0) & ~(alone & (side == "to"))
    rows = responses.rows[np.where(usable, case, 0)][:, results].T
    rows = np.where(usable & (alone == responses.of_year[results][:, None]), rows, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(usable, rows / np.where(usable, total, 1.0), 0.0)
