"""The inventory: activity x factors -> stocks, removals and balance, for any number of draws at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.change import DEAD_MATTER, Change, biomass_change, converted, dead_matter_change, holes, without_holes
from sinks.accounting.entries import Entries, entries_of_change, joined, only_inventoried
from sinks.accounting.events import EventTerms, event_terms
from sinks.accounting.fire import Fires
from sinks.accounting.lookup import FactorLookup
from sinks.accounting.nep import Production
from sinks.accounting.pools import PoolCarbon, all_pools
from sinks.accounting.rates import Rates, pools_with_rates, rates_of
from sinks.accounting.rows import PairCells, Rows, YearCells
from sinks.accounting.soil_cohorts import SoilChain, SoilRate, soil_chain, soil_rate
from sinks.accounting.terms import Batch, Equation, Terms, with_nan_column
from sinks.accounting.weather import Weather
from sinks.config import LAND_COVER
from sinks.ecosystems.method import Knowledge
from sinks.equations import biomass, soil, wetland
from sinks.tables import POOLS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LIVING = ("aboveground_biomass", "belowground_biomass")
SOIL = "soil_organic_carbon"
GROWING = ("arbor_forest", "shrubland", "other_forest_land", "forest_swamp", "shrub_swamp")

GROWTH = Equation(
    id="growth_gain",
    function=lambda area, growth, fraction: biomass.growth_gain(area, growth, fraction),
    text="dC = A * G_W * CF", amounts=("A [ha]",), factors=("aboveground_growth", "carbon_fraction"),
)  # fmt: skip
ROOT_GROWTH = Equation(
    id="root_growth_gain",
    function=lambda area, growth, ratio, fraction: biomass.growth_gain(area, biomass.belowground_biomass(growth, ratio), fraction),
    text="dC = A * G_W * R * CF", amounts=("A [ha]",), factors=("aboveground_growth", "root_shoot_ratio", "carbon_fraction"),
)  # fmt: skip


MARSH_METHANE = Equation(
    id="marsh_ch4", function=wetland.marsh_ch4, text="CH4 = A * EF / 1000", amounts=("A [ha]",), factors=("marsh_ch4",)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything of an inventory that does not depend on draws.

    ``pair_area`` (D or 1, pair groups) multiplies what converted land changes: areas of
    transitions that a reference sample has corrected.
    """

    years: YearCells
    pairs: PairCells
    year_pools: Mapping[str, PoolCarbon]
    start_pools: Mapping[str, PoolCarbon]
    end_pools: Mapping[str, PoolCarbon]
    rate: SoilRate
    growth: Mapping[str, Terms]
    year_growth: Mapping[str, Terms]
    transition_row: int
    peat_row: int
    gwp_row: int
    marsh_methane: Terms
    transition_years: float
    rates: Rates
    events: EventTerms | None = None
    pair_area: Floats | None = None
    fires: Fires | None = None
    production: Production | None = None
    weather: Weather | None = None

    def factor_rows(self) -> Ints:
        """Rows of the factor table that the inventory uses."""
        terms = [
            *(carbon.terms for pools in (self.year_pools, self.start_pools, self.end_pools) for carbon in pools.values()),
            *self.growth.values(), *self.year_growth.values(), self.marsh_methane,
        ]  # fmt: skip
        rows = [one.factor_rows() for one in (*terms, *(one for one in (self.fires, self.production) if one is not None))]
        more = [self.transition_row, *([self.peat_row] if len(peat_rows(self.pairs)) else []), *([self.gwp_row] if self.marsh_methane.batches else [])]
        given = [self.rates.factor_rows(), *([self.events.factor_rows()] if self.events is not None else [])]
        return np.unique(np.concatenate([*rows, self.rate.factor_rows(), *given, more])).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An inventory for some draws of the factors; the first draw is central."""

    stocks: Mapping[str, Floats]
    changes: Mapping[str, Change]
    entries: Entries
    chain: SoilChain
    year_growth: Mapping[str, Floats]
    year_rates: Mapping[str, Floats]
    pair_rates: Mapping[str, Floats]
    events: Mapping[str, Floats]


def prepare(
    years: YearCells, pairs: PairCells, knowledge: Knowledge, lookup: FactorLookup, events: pd.DataFrame | None = None
) -> Prepared:
    """Terms of all pools, the rates of soil and growth, and what statistics and sourced rates tell."""
    start_land = pairs.frame["ecosystem_from"].to_numpy(dtype=object)
    end_land = pairs.frame["ecosystem_to"].to_numpy(dtype=object)
    pair_area = pairs.frame["area_ha"].to_numpy(dtype=np.float64)
    year_pools = all_pools(years.rows, years.frame["ecosystem"].to_numpy(dtype=object), years.frame["area_ha"].to_numpy(dtype=np.float64), knowledge)
    return Prepared(
        years=years,
        pairs=pairs,
        year_pools=year_pools,
        start_pools=all_pools(pairs.start, start_land, pair_area, knowledge),
        end_pools=all_pools(pairs.end, end_land, pair_area, knowledge),
        rate=soil_rate(pairs, knowledge),
        growth=growth_terms(pairs.end, len(pairs.frame), knowledge),
        year_growth=growth_terms(years.rows, len(years.frame), knowledge),
        transition_row=lookup.constant_row("transition_years"),
        transition_years=lookup.constant("transition_years"),
        marsh_methane=marsh_methane_terms(years.rows, len(years.frame), knowledge),
        peat_row=lookup.rows_of("peat_accumulation", ecosystem="wetland", land_class="peatland"),
        gwp_row=lookup.constant_row("gwp_ch4"),
        rates=rates_of(years, pairs, knowledge, pools_with_rates(lookup.table.name, lookup.table.depth_cm)),
        events=None if events is None else event_terms(events, years, year_pools, knowledge),
    )


def growth_terms(rows: Rows, groups: int, knowledge: Knowledge) -> dict[str, Terms]:
    """Yearly growth of forest above and below ground [t C per year], by group; no terms where no rate is known."""
    trees = rows.where((rows.layer == LAND_COVER) & np.isin(rows.land_class, GROWING))
    find = knowledge.factor.optional
    growth, fraction = find("aboveground_growth", trees), find("carbon_fraction", trees)
    ratio = find("root_shoot_ratio", trees, value=np.zeros(len(trees)))
    known = (growth >= 0) & (fraction >= 0)
    rooted = known & (ratio >= 0)
    above = Batch(GROWTH, trees.group[known], (trees.area[known],), (growth[known], fraction[known]))
    below = Batch(ROOT_GROWTH, trees.group[rooted], (trees.area[rooted],), (growth[rooted], ratio[rooted], fraction[rooted]))
    return {"aboveground_biomass": Terms.of(groups, [above]), "belowground_biomass": Terms.of(groups, [below])}


def marsh_methane_terms(rows: Rows, groups: int, knowledge: Knowledge) -> Terms:
    """Methane of natural marsh [t CH4 per year], by group."""
    wet = rows.where((rows.layer == LAND_COVER) & np.isin(rows.land_class, ("marsh", "peatland")))
    factor = knowledge.factor.optional("marsh_ch4", wet)
    known = factor >= 0
    return Terms.of(groups, [Batch(MARSH_METHANE, wet.group[known], (wet.area[known],), (factor[known],))])


def evaluate(prepared: Prepared, factor_values: Floats) -> Result:
    """The inventory for factor values (D, factors)."""
    values = with_nan_column(factor_values)
    transition = _once(values[:, [prepared.transition_row]])
    pairs = prepared.pairs
    chain = soil_chain(
        prepared.years, pairs, prepared.year_pools[SOIL], (prepared.start_pools[SOIL], prepared.end_pools[SOIL]), prepared.rate, values, transition
    )
    hole, area = holes(pairs), _corrected_area(prepared)
    chain = chain.times(area, pairs)
    changes = {pool: without_holes(_change(prepared, pool, values, transition, chain).times(1.0 if pool == SOIL else area), hole) for pool in POOLS}
    apart = [pool for pool in POOLS if not prepared.year_pools[pool].included]
    parts = [entries_of_change(pairs, changes[pool], pool, prepared.end_pools[pool].depth_cm) for pool in apart]
    parts += _running_soil(prepared, chain)
    parts += [part for pool in DEAD_MATTER for part in _running_dead_matter(prepared, pool, changes[pool], transition)]
    parts += _peat_accumulation(prepared, values)
    stocks = {pool: carbon.totals(values) for pool, carbon in prepared.year_pools.items()}
    stocks[SOIL] = chain.year_total
    return Result(
        stocks=stocks, changes=changes, entries=only_inventoried(joined(parts)), chain=chain,
        year_growth={pool: terms.totals(values) for pool, terms in prepared.year_growth.items()},
        year_rates={pool: terms.totals(values) for pool, terms in prepared.rates.year.items()},
        pair_rates={pool: terms.totals(values) for pool, terms in prepared.rates.pair.items()},
        events={} if prepared.events is None else prepared.events.carbon(prepared.year_pools, values),
    )  # fmt: skip


def _once(values: Floats) -> Floats:
    """A column of draws, (1, 1) where it is the same in all of them."""
    return values[:1] if (values == values[0]).all() else values


def _corrected_area(prepared: Prepared) -> Floats:
    """By what the area of each group of an interval is multiplied, (D or 1, groups): only converted land is corrected."""
    if prepared.pair_area is None:
        return np.ones((1, len(prepared.pairs.frame)))
    return np.where(converted(prepared.pairs), prepared.pair_area, 1.0)


def _change(prepared: Prepared, pool: str, values: Floats, transition: Floats, chain: SoilChain) -> Change:
    start, end = prepared.start_pools[pool], prepared.end_pools[pool]
    if pool == SOIL:
        return _soil_change(prepared, chain)
    totals = start.totals(values), end.totals(values)
    if pool in DEAD_MATTER:
        return dead_matter_change(prepared.pairs, start, end, totals, transition)
    return biomass_change(prepared.pairs, start, end, totals, young_carbon(prepared.growth[pool], prepared.pairs, values))


def young_carbon(terms: Terms, pairs: PairCells, values: Floats) -> Floats:
    """Carbon that growth since conversion can have built by the end of the interval; NaN where no rate is known or land is no forest."""
    first, last = (pairs.frame[name].to_numpy(dtype=np.float64) for name in ("year_from", "year_to"))
    years = soil.mean_cohort_years(first, last, first, last, last - first)
    held = np.zeros(terms.groups, dtype=bool)
    for batch in terms.batches:
        held[batch.group] = True
    return np.where(held, terms.totals(values) * years, np.nan)


def _soil_change(prepared: Prepared, chain: SoilChain) -> Change:
    """Soil: cohorts on land whose class changed; land that stays has no history that is known."""
    moved = converted(prepared.pairs)
    changed = prepared.rate.changed
    estimated = changed & prepared.rate.known & chain.known
    other_depth = prepared.start_pools[SOIL].depth_cm != prepared.end_pools[SOIL].depth_cm
    why = np.select([~changed, other_depth, moved & ~chain.known], ["no_history_of_management", "soil_depth_differs", "start_unknown"], "no_soil_factor")
    reason = np.where(estimated, "", why)
    return Change(start=chain.start, end=chain.end, estimated=estimated, reason=reason.astype(object))


def _running_soil(prepared: Prepared, chain: SoilChain) -> list[Entries]:
    """Entries of soil cohorts that began in an earlier interval, booked on the ecosystem entered."""
    frame = prepared.pairs.frame
    out = []
    for (earlier, this), change in sorted(chain.running.items()):
        rows = np.flatnonzero((frame["year_from"] == earlier).to_numpy())
        entered = np.zeros(len(rows), dtype=bool)
        out.append(_later_entries(prepared, SOIL, rows, this, change, entered, "soil"))
    return [one for one in out if one is not None]


def _running_dead_matter(prepared: Prepared, pool: str, change: Change, transition: Floats) -> list[Entries]:
    """Entries of dead matter whose twenty-year transition began in an earlier interval."""
    frame = prepared.pairs.frame
    intervals = sorted({(int(first), int(last)) for first, last in zip(frame["year_from"], frame["year_to"], strict=True)})
    out = []
    for first, last in intervals:
        rows = np.flatnonzero((frame["year_from"] == first).to_numpy())
        for this, until in intervals:
            if this > first and change.pending is not None:
                share = soil.mean_cohort_years(first, last, this, until, transition) / transition
                later = change.pending[:, rows] * share
                out.append(_later_entries(prepared, pool, rows, this, later, later[0] < 0, "conversion"))
    return [one for one in out if one is not None]


def _later_entries(prepared: Prepared, pool: str, rows: Ints, this: int, change: Floats, left: Any, component: str) -> Entries | None:
    """Entries in a later interval of what groups of an earlier one go on to do."""
    moving = change[0] != 0
    if not moving.any():
        return None
    frame = prepared.pairs.frame
    rows, change, left = rows[moving], change[:, moving], left[moving]
    land = frame.iloc[rows]
    last = int(frame.loc[frame["year_from"] == this, "year_to"].iloc[0])
    side = {name: np.where(left, land[f"{name}_from"], land[f"{name}_to"]) for name in ("ecosystem", "land_class")}
    booked = pd.DataFrame(
        {
            "zone": land["zone"].to_numpy(), "year_from": this, "year_to": last, **side,
            "transition": np.where(converted(prepared.pairs)[rows], "converted", "remaining"),
            "pool": pool, "component": component, "soil_depth_cm": prepared.start_pools[pool].depth_cm[rows],
            "estimated": True, "reason": "",
            "ecosystem_from": land["ecosystem_from"].to_numpy(), "ecosystem_to": land["ecosystem_to"].to_numpy(), "pair": -1, "hole": False,
            "validated": land["validated"].to_numpy(),
        }
    )  # fmt: skip
    return Entries(frame=booked, change=change)


def peat_rows(pairs: PairCells) -> Ints:
    """Groups of land that are declared peat at both dates."""
    peat = (pairs.frame["land_class_from"] == "peatland") & (pairs.frame["land_class_to"] == "peatland")
    return np.flatnonzero(peat.to_numpy())


def _peat_accumulation(prepared: Prepared, values: Floats) -> list[Entries]:
    """Carbon that declared peat lays down over each interval; only on land that is peat at both dates."""
    frame = prepared.pairs.frame
    rows = peat_rows(prepared.pairs)
    if not len(rows):
        return []
    out = []
    for this in sorted(set(frame["year_from"].iloc[rows])):
        mine = rows[(frame["year_from"].iloc[rows] == this).to_numpy()]
        land = frame.iloc[mine]
        years = (land["year_to"] - land["year_from"]).to_numpy(dtype=np.float64)
        change = wetland.peat_accumulation(land["area_ha"].to_numpy(dtype=np.float64), values[:, [prepared.peat_row]]) * years
        entries = _later_entries(prepared, SOIL, mine, int(this), change, np.zeros(len(mine), dtype=bool), "accumulation")
        if entries is not None:
            out.append(entries)
    return out
