"""Fires: CH4 and N2O of what burned, from burned area and the fuel before the fire (ACCOUNTING 1, equation 2.27 [IPCC2006]).

CO2 of a fire is in the stock difference, and on grassland it grows back; only the
other gases are added, under both approaches. The land before the fire decides class and
factors, so its rows stand on land that stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.rows import Reading, Rows, year_cells
from sinks.accounting.terms import Batch, Terms
from sinks.config import LAND_COVER
from sinks.ecosystems.catalogue import INVENTORIED
from sinks.ecosystems.fuel import GASES, fires
from sinks.ecosystems.method import Knowledge

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FIRE = "fire_non_co2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fires:
    """The fires of all years.

    Parameters
    ----------
    frame : DataFrame
        Burned land by zone, fire year, date, class and stratum before it, with names and ``area_ha`` that burned.
    terms : mapping
        (pool, gas) -> emission by row of the frame [t CO2e].
    """

    frame: pd.DataFrame
    terms: Mapping[tuple[str, str], Terms]

    @property
    def years(self) -> frozenset[int]:
        """Years whose fires are known, those without a fire too."""
        return frozenset(int(year) for year in self.frame.attrs["years"])

    def factor_rows(self) -> Ints:
        """Rows of the factor table that the emissions take."""
        rows = [terms.factor_rows() for terms in self.terms.values()]
        return np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)


def fires_of(activity: pd.DataFrame, strata: pd.DataFrame, reading: Reading, knowledge: Knowledge) -> Fires:
    """The fires of a run from its activity table (`sinks.tables.ACTIVITY_FIRE`)."""
    frames: list[pd.DataFrame] = []
    batches: dict[tuple[str, str], list[Batch]] = {}
    groups = 0
    years = sorted(int(year) for year in activity["year"].unique())
    for year in years:
        frame, rows = _cells(activity[activity["year"] == year], strata, reading)
        if not len(frame):
            continue
        for key, found in fires(rows, len(frame), knowledge).items():
            batches.setdefault(key, []).extend(replace(batch, group=batch.group + groups) for batch in found)
        frames.append(frame.assign(fire_year=year))
        groups += len(frame)
    whole = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["zone", "fire_year", "ecosystem", "land_class", "area_ha"])
    whole.attrs["years"] = years
    return Fires(frame=whole, terms={key: Terms.of(groups, found) for key, found in sorted(batches.items())})


def _cells(activity: pd.DataFrame, strata: pd.DataFrame, reading: Reading) -> tuple[pd.DataFrame, Rows]:
    """Burned land of one year, named by the date before, and its rows by layer of fuel and bin."""
    base = activity[(activity["layer"] == LAND_COVER) & (activity["burned_ha"] > 0)]
    key = ["zone", "class", "stratum"]
    burned = activity.merge(base[key], on=key, how="inner")
    burned = burned.assign(year=burned["land_year"], area_ha=burned["burned_ha"])
    cells = year_cells(burned, strata, reading)
    return cells.frame, cells.rows


def fire_removals(
    fires: Fires, intervals: Sequence[tuple[int, int]], years: Sequence[int], values: Floats, means: Sequence[str]
) -> Iterator[tuple[pd.DataFrame, Floats]]:
    """Rows of removals [t CO2e per year] with their draws: of an interval the mean of its years, by gain-loss the year itself.

    An interval whose years are not all known has none.

    Parameters
    ----------
    intervals : sequence of (int, int)
        Intervals that end with a result year.
    values : (D, factors + 1) float64
    means : sequence of str
        Approaches whose rows are means of an interval.
    """
    for first, last in intervals:
        burning = range(first + 1, last + 1)
        for approach in means if frozenset(burning) <= fires.years else ():
            yield from _rows(fires, burning, approach, "interval_mean", first, last, values)
    for year in years:
        if year in fires.years:
            yield from _rows(fires, range(year, year + 1), "gain_loss", "year", year - 1, year, values)


def _rows(
    fires: Fires, burning: range, approach: str, basis: str, first: int, last: int, values: Floats
) -> Iterator[tuple[pd.DataFrame, Floats]]:
    land = fires.frame
    mine = (land["fire_year"].isin(list(burning)) & land["ecosystem"].isin(INVENTORIED)).to_numpy(dtype=bool)
    keys = land[["zone", "ecosystem", "land_class"]].assign(
        year=last, year_from=first, approach=approach, time_basis=basis, account="offset", transition="remaining", component=FIRE, soil_depth_cm=0,
        reason="", estimated=True,
    )  # fmt: skip
    estimated = np.zeros(len(land), dtype=bool)
    for (pool, gas), terms in fires.terms.items():
        held = _held(terms)
        estimated |= held
        rows = np.flatnonzero(mine & held)
        emission = terms.totals(values)[:, rows] / len(burning)
        yield keys.iloc[rows].assign(pool=pool, gas=gas, group=rows), -emission
    rows = np.flatnonzero(mine & ~estimated)
    for gas in GASES:
        unknown = keys.iloc[rows].assign(pool="aboveground_biomass", gas=gas, group=rows, estimated=False, reason="no_fire_factor")
        yield unknown, np.zeros((len(values), len(rows)))


def _held(terms: Terms) -> Flags:
    """Groups that have terms."""
    held = np.zeros(terms.groups, dtype=bool)
    for batch in terms.batches:
        held[batch.group] = True
    return held


def intervals_of(pairs: pd.DataFrame, years: Sequence[int]) -> list[tuple[int, int]]:
    """The intervals that end with a result year."""
    found = {(int(first), int(last)) for first, last in zip(pairs["year_from"], pairs["year_to"], strict=True)}
    return sorted(one for one in found if one[1] in years)
