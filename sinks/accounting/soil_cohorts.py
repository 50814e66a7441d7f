"""Soil carbon by twenty-year cohorts: the reference year's stock plus what transitions have added since.

The stock of a later date is never a second look-up (ACCOUNTING 2). A change of
use seen between two dates starts in equal parts in each year between them, and
runs on in the intervals that follow; where maps of the years between are at hand it
starts in the year that they show. Changes before the first date that an earlier map
shows run on in the same way.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.change import holes
from sinks.accounting.cohorts import Past, before_first_date, land_before, seen_between
from sinks.accounting.pools import PoolCarbon
from sinks.accounting.rows import PairCells, Rows, YearCells
from sinks.accounting.terms import zeroed
from sinks.config import LAND_COVER
from sinks.ecosystems.method import CLASS_TABLE, Knowledge
from sinks.ecosystems.soil import WET_CLASSES, WET_SOIL, reference_factors
from sinks.equations import soil

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ORGANIC = ("peatland",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoilRate:
    """Yearly change of soil carbon of groups whose land class changed.

    Parameters
    ----------
    factors_from, factors_to : tuples of (groups,) int64
        SOC_REF, F_LU, F_MG, F_I at both dates; the soil itself is the same.
    changed : (groups,) bool
        Groups whose land class differs at the two dates.
    """

    factors_from: tuple[Ints, ...]
    factors_to: tuple[Ints, ...]
    changed: Flags
    known: Flags

    def per_hectare(self, values: Floats, transition_years: Floats) -> Floats:
        """Change per hectare and year of transition, (D, groups) [t C ha-1 yr-1]; 0 where nothing is known."""
        before = soil.soil_carbon(*(values[:, factor] for factor in self.factors_from))
        after = soil.soil_carbon(*(values[:, factor] for factor in self.factors_to))
        return np.where(self.changed & self.known, zeroed(soil.annual_soil_change(before, after, transition_years)), 0.0)

    def factor_rows(self) -> Ints:
        """Rows of the factor table in use."""
        used = [factor[self.changed & self.known] for factor in (*self.factors_from, *self.factors_to)]
        return np.unique(np.concatenate(used)) if used else np.zeros(0, dtype=np.int64)


def soil_rate(cells: PairCells, knowledge: Knowledge) -> SoilRate:
    """The rate of every group of land over an interval."""
    start, end = (_one_per_group(rows, len(cells.frame)) for rows in (cells.start, cells.end))
    return _rate_between(start, end, knowledge)


def _rate_between(start: Rows, end: Rows, knowledge: Knowledge) -> SoilRate:
    """The rate of groups of land that were of one class and are of another, a row each."""
    wet = np.isin(start.land_class, WET_CLASSES) | np.isin(end.land_class, WET_CLASSES)
    both = [_with_soil(rows, np.where(wet, WET_SOIL, rows.soil)) for rows in (start, end)]
    factors = [reference_factors(rows, knowledge) for rows in both]
    reference = np.where(factors[0][0] >= 0, factors[0][0], factors[1][0])
    before, after = ((reference, *one[1:]) for one in factors)
    organic = np.isin(start.land_class, ORGANIC) | np.isin(end.land_class, ORGANIC)
    known = np.logical_and.reduce([factor >= 0 for factor in (*before, *after)]) & ~organic
    return SoilRate(factors_from=tuple(before), factors_to=tuple(after), changed=start.land_class != end.land_class, known=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSoil:
    """Soil of land that changed before the first date: its rate, and when it changed."""

    rate: SoilRate
    past: Past

    def change(self, area: Floats, year_from: Floats, year_to: Floats, values: Floats, transition_years: Floats) -> Floats:
        """What the cohorts change in an interval, (D, groups) [t C]."""
        years = self.past.years(year_from, year_to, transition_years)
        return self.rate.per_hectare(values, transition_years) * area * years

    @property
    def running(self) -> Flags:
        """Groups with a cohort whose soil factors are known."""
        return self.past.held & self.rate.changed & self.rate.known


def past_soil_of_dates(cells: YearCells, first_date: int, knowledge: Knowledge) -> PastSoil:
    """Soil of land of every date that changed before the first."""
    return _past_soil(cells.rows, cells.frame, "", first_date, knowledge)


def past_soil_of_intervals(cells: PairCells, first_date: int, knowledge: Knowledge) -> PastSoil:
    """Soil of land of every interval that changed before the first date and stays what it is."""
    return _past_soil(cells.end, cells.frame, "_to", first_date, knowledge)


def _past_soil(rows: Rows, frame: pd.DataFrame, suffix: str, first_date: int, knowledge: Knowledge) -> PastSoil:
    past = before_first_date(frame, first_date, suffix)
    now = _one_per_group(rows, len(frame))
    return PastSoil(rate=_rate_between(land_before(now, frame, suffix, past), now, knowledge), past=past)


def _one_per_group(rows: Rows, groups: int) -> Rows:
    """The area rows, one per group, in the order of the groups."""
    areas = rows.where(rows.layer == LAND_COVER)
    order = np.argsort(areas.group, kind="stable")
    ordered = areas.where(order)
    if len(ordered) != groups:
        raise ValueError(f"{len(ordered)} area rows for {groups} groups")
    return ordered


def _with_soil(rows: Rows, soil_names: NDArray[np.object_]) -> Rows:
    return replace(rows, soil=soil_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoilChain:
    """Soil carbon of all dates and intervals.

    Parameters
    ----------
    year_total : (D, year groups)
        Stock of each group of land at its date [t C]; NaN where unknown.
    start, end : (D, pair groups)
        Stock on each group of land at both dates of its interval; 0 where unknown.
    running : mapping of (year_from of an earlier interval, year_from of a later one) to (D, groups of the earlier one)
        What cohorts of earlier intervals go on to change in later ones [t C].
    past : (D, pair groups)
        What changes before the first date go on to change in each interval [t C]; counted where ``known``.
    known : (pair groups,) bool
        Groups whose soil at the start is known, to the same depth at both dates.
    """

    year_total: Floats
    start: Floats
    end: Floats
    known: Flags
    running: dict[tuple[int, int], Floats]
    past: Floats

    def times(self, scale: Floats, pairs: PairCells) -> "SoilChain":
        """The chain on land of intervals that is so many times as large, (D or 1, groups)."""
        first = pairs.frame["year_from"].to_numpy()
        running = {key: change * scale[:, first == key[0]] for key, change in self.running.items()}
        return replace(self, start=self.start * scale, end=self.end * scale, running=running, past=self.past * scale)


def soil_chain(
    years: YearCells, pairs: PairCells, year_soil: PoolCarbon, pair_soil: tuple[PoolCarbon, PoolCarbon], rate: SoilRate,
    values: Floats, transition_years: Floats, past: PastSoil | None = None,
) -> SoilChain:  # fmt: skip
    """Soil carbon along the dates: factors or layer at the first date, cohorts from there on.

    What land that changed before the first date goes on to gain or lose (``past``) is
    added to the look-up of the first date, which is not corrected for it.

    A user's class table is looked up at every date: it makes stocks (and their
    ``lookup_difference``), while removals stay cohorts and the rest is revaluation.
    """
    draws = len(values)
    looked_up = year_soil.totals(values)
    mapped = np.char.startswith(year_soil.method.astype(str), "mapped")
    area = years.frame["area_ha"].to_numpy(dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.where(year_soil.estimated, looked_up / year_soil.area, np.nan)
    fresh = np.where(mapped, 0.0, density)
    looked_up_again = year_soil.method == CLASS_TABLE
    added = fresh.copy()
    base = [carbon.totals(values) for carbon in pair_soil]
    base_mapped = [np.char.startswith(carbon.method.astype(str), "mapped") for carbon in pair_soil]
    start, end = np.zeros((draws, len(pairs.frame))), np.zeros((draws, len(pairs.frame)))
    known = np.zeros(len(pairs.frame), dtype=bool)
    per_hectare = rate.per_hectare(values, transition_years)
    running: dict[tuple[int, int], Floats] = {}
    usable = ~holes(pairs) & (pair_soil[0].depth_cm == pair_soil[1].depth_cm)
    places = _places(years, pairs)
    seen = seen_between(pairs)
    first_year, last_year = (pairs.frame[name].to_numpy(dtype=np.float64) for name in ("year_from", "year_to"))
    own_years = soil.mean_cohort_years(*seen, first_year, last_year, transition_years)
    going_on = np.zeros_like(end)
    if past is not None:
        going_on = going_on + past.change(pairs.frame["area_ha"].to_numpy(dtype=np.float64), first_year, last_year, values, transition_years)
    for interval in _intervals(pairs):
        rows = interval.rows
        hectares = pairs.frame["area_ha"].to_numpy(dtype=np.float64)[rows]
        carried = _take(added, places["from"][rows])
        ground = np.where(base_mapped[0][rows], base[0][:, rows], 0.0)
        known[rows] = ~np.isnan(carried[0]) & usable[rows]
        start[:, rows] = zeroed(ground + carried * hectares) * known[rows]
        end[:, rows] = start[:, rows] + per_hectare[:, rows] * hectares * own_years[:, rows] * known[rows]
        running.update(_running(pairs, interval, seen, per_hectare, known, transition_years))
        _carry_on(added, fresh, years, places, pairs, interval, end + going_on, base, base_mapped, known, running)
        added[:, looked_up_again] = fresh[:, looked_up_again]
    total = np.where(mapped, looked_up, 0.0) + added * area
    total = np.where(year_soil.estimated & ~np.isnan(total), total, np.nan)
    return SoilChain(year_total=total, start=start, end=end, known=known, running=running, past=going_on)


@dataclass(frozen=True, slots=True)
class _Interval:
    first: int
    last: int
    rows: Ints


def _intervals(pairs: PairCells) -> list[_Interval]:
    frame = pairs.frame
    return [
        _Interval(int(first), int(last), np.asarray(rows, dtype=np.int64))
        for (first, last), rows in sorted(frame.groupby(["year_from", "year_to"]).indices.items())
    ]


def _places(years: YearCells, pairs: PairCells) -> dict[str, Ints]:
    """The year group on which each pair group stands at either date; -1 where none."""
    index = pd.MultiIndex.from_frame(years.frame[["zone", "year", "class", "stratum"]])
    out = {}
    for side in ("from", "to"):
        key = pairs.frame[["zone", f"year_{side}", f"land_{side}", f"stratum_{side}"]]
        out[side] = index.get_indexer(pd.MultiIndex.from_frame(key)).astype(np.int64)
    return out


def _take(columns: Floats, places: Ints) -> Floats:
    """Columns at places, NaN at -1."""
    return np.where(places >= 0, columns[:, places], np.nan)


def _running(
    pairs: PairCells, interval: _Interval, seen: tuple[Floats, Floats], per_hectare: Floats, known: Flags, transition_years: Floats
) -> dict[tuple[int, int], Floats]:  # fmt: skip
    """Changes that cohorts of earlier intervals make in this one, by (earlier year_from, this year_from)."""
    out = {}
    area = pairs.frame["area_ha"].to_numpy(dtype=np.float64)
    for earlier in _intervals(pairs):
        if earlier.first >= interval.first:
            continue
        rows = earlier.rows
        cohort = soil.mean_cohort_years(seen[0][rows], seen[1][rows], interval.first, interval.last, transition_years)
        out[earlier.first, interval.first] = per_hectare[:, rows] * area[rows] * cohort * known[rows]
    return out


def _carry_on(
    added: Floats, fresh: Floats, years: YearCells, places: dict[str, Ints], pairs: PairCells, interval: _Interval, end: Floats,
    base: list[Floats], base_mapped: list[Flags], known: Flags, running: dict[tuple[int, int], Floats],
) -> None:  # fmt: skip
    """Write into ``added`` what each group of land of the interval's end holds beyond its map, per hectare.

    Land whose soil was not known at the start (a hole, built-up land) takes the
    look-up of its class (``fresh``), as at the first date: unknown is never zero.
    """
    groups = added.shape[1]
    rows = interval.rows[known[interval.rows] & (places["to"][interval.rows] >= 0)]
    target = places["to"][rows]
    beyond = end[:, rows] - np.where(base_mapped[1][rows], base[1][:, rows], 0.0)
    hectares = np.bincount(target, weights=pairs.frame["area_ha"].to_numpy(dtype=np.float64)[rows], minlength=groups)
    carbon = np.stack([np.bincount(target, weights=one, minlength=groups) for one in beyond]).astype(np.float64)
    for (earlier, this), change in running.items():
        if this != interval.first:
            continue
        old = next(one for one in _intervals(pairs) if one.first == earlier)
        now = _same_land(years, pairs, old.rows, interval.last)
        held = now >= 0
        carbon += np.stack([np.bincount(now[held], weights=one[held], minlength=groups) for one in change])
    mine = (years.frame["year"] == interval.last).to_numpy()
    whole = years.frame["area_ha"].to_numpy(dtype=np.float64)
    rest = np.maximum(0.0, whole - hectares)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_known = np.where(hectares > 0, carbon / hectares, np.nan)
        of_all = (carbon + rest * zeroed(fresh)) / whole
    added[:, mine] = np.where(np.isnan(fresh), of_known, of_all)[:, mine]


def _same_land(years: YearCells, pairs: PairCells, rows: Ints, year: int) -> Ints:
    """The year group, at a later date, of the class and stratum that pair groups ended in."""
    index = pd.MultiIndex.from_frame(years.frame[["zone", "year", "class", "stratum"]])
    key = pairs.frame.iloc[rows][["zone", "land_to", "stratum_to"]].copy()
    key.insert(1, "year", year)
    return index.get_indexer(pd.MultiIndex.from_frame(key)).astype(np.int64)
