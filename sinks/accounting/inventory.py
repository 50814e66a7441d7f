"""The inventory: activity x factors -> stocks, removals and balance, for any number of draws at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.change import DEAD_MATTER, Change, biomass_change, converted, dead_matter_change, holes, without_holes
from sinks.accounting.cohorts import age_since, seen_between, stand_ages, young_forest
from sinks.accounting.entries import Entries, entries_of_change, joined, only_inventoried
from sinks.accounting.events import EventTerms, event_terms
from sinks.accounting.fire import Fires
from sinks.accounting.growth import Growth, growth
from sinks.accounting.history import History
from sinks.accounting.lookup import FactorLookup
from sinks.accounting.nep import Production
from sinks.accounting.pools import PoolCarbon, all_pools
from sinks.accounting.rates import Rates, pools_with_rates, rates_of
from sinks.accounting.rows import PairCells, Rows, YearCells
from sinks.accounting.soil_cohorts import PastSoil, SoilChain, SoilRate, past_soil_of_dates, past_soil_of_intervals, soil_chain, soil_rate
from sinks.accounting.terms import Batch, Equation, Terms, with_nan_column
from sinks.accounting.weather import Weather
from sinks.config import LAND_COVER
from sinks.ecosystems.method import Knowledge
from sinks.equations import soil, wetland
from sinks.tables import POOLS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LIVING = ("aboveground_biomass", "belowground_biomass")
SOIL = "soil_organic_carbon"
MARSH_METHANE = Equation(
    id="marsh_ch4", function=wetland.marsh_ch4, text="CH4 = A * EF / 1000", amounts=("A [ha]",), factors=("marsh_ch4",)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything of an inventory that does not depend on draws.

    ``pair_area`` (D or 1, pair groups) multiplies what converted land changes: areas of
    transitions that a reference sample has corrected. ``past_soil`` and
    ``year_past_soil`` are of land that changed before the first date, where something
    tells of it.
    """

    years: YearCells
    pairs: PairCells
    year_pools: Mapping[str, PoolCarbon]
    start_pools: Mapping[str, PoolCarbon]
    end_pools: Mapping[str, PoolCarbon]
    rate: SoilRate
    growth: Mapping[str, Growth]
    year_growth: Mapping[str, Growth]
    transition_row: int
    peat_row: int
    gwp_row: int
    marsh_methane: Terms
    transition_years: float
    rates: Rates
    events: EventTerms | None = None
    pair_area: Floats | None = None
    past_soil: PastSoil | None = None
    year_past_soil: PastSoil | None = None
    history: History | None = None
    fires: Fires | None = None
    production: Production | None = None
    weather: Weather | None = None

    def factor_rows(self) -> Ints:
        """Rows of the factor table that the inventory uses."""
        terms = [
            *(carbon.terms for pools in (self.year_pools, self.start_pools, self.end_pools) for carbon in pools.values()),
            *(one for pools in (self.growth, self.year_growth) for grown in pools.values() for one in grown.terms()), self.marsh_methane,
        ]  # fmt: skip
        rows = [one.factor_rows() for one in (*terms, *(one for one in (self.fires, self.production) if one is not None))]
        more = [self.transition_row, *([self.peat_row] if len(peat_rows(self.pairs)) else []), *([self.gwp_row] if self.marsh_methane.batches else [])]
        past = [one.rate.factor_rows() for one in (self.past_soil, self.year_past_soil) if one is not None]
        given = [self.rates.factor_rows(), *([self.events.factor_rows()] if self.events is not None else [])]
        return np.unique(np.concatenate([*rows, self.rate.factor_rows(), *past, *given, more])).astype(np.int64)


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
    years: YearCells, pairs: PairCells, knowledge: Knowledge, lookup: FactorLookup, events: pd.DataFrame | None = None, history: History | None = None
) -> Prepared:  # fmt: skip
    """Terms of all pools, the rates of soil and growth, and what statistics and sourced rates tell."""
    aged = history is not None or "age_low" in years.frame
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
        growth=growth(pairs.end, len(pairs.frame), knowledge, history is not None),
        year_growth=growth(years.rows, len(years.frame), knowledge, aged),
        past_soil=None if history is None else past_soil_of_intervals(pairs, history.first, knowledge),
        year_past_soil=None if history is None else past_soil_of_dates(years, history.first, knowledge),
        history=history,
        transition_row=lookup.constant_row("transition_years"),
        transition_years=lookup.constant("transition_years"),
        marsh_methane=marsh_methane_terms(years.rows, len(years.frame), knowledge),
        peat_row=lookup.rows_of("peat_accumulation", ecosystem="wetland", land_class="peatland"),
        gwp_row=lookup.constant_row("gwp_ch4"),
        rates=rates_of(years, pairs, knowledge, pools_with_rates(lookup.table.name, lookup.table.depth_cm)),
        events=None if events is None else event_terms(events, years, year_pools, knowledge),
    )


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
        prepared.years, pairs, prepared.year_pools[SOIL], (prepared.start_pools[SOIL], prepared.end_pools[SOIL]), prepared.rate, values, transition,
        prepared.past_soil,
    )  # fmt: skip
    hole, area = holes(pairs), _corrected_area(prepared)
    chain = chain.times(area, pairs)
    changes = {pool: without_holes(_change(prepared, pool, values, transition, chain).times(1.0 if pool == SOIL else area), hole) for pool in POOLS}
    apart = [pool for pool in POOLS if not prepared.year_pools[pool].included]
    parts = [entries_of_change(pairs, changes[pool], pool, prepared.end_pools[pool].depth_cm) for pool in apart]
    parts += _running_soil(prepared, chain)
    parts += _past_soil(prepared, chain)
    parts += [part for pool in DEAD_MATTER for part in _running_dead_matter(prepared, pool, changes[pool], transition)]
    parts += _peat_accumulation(prepared, values)
    stocks = {pool: carbon.totals(values) for pool, carbon in prepared.year_pools.items()}
    stocks[SOIL] = chain.year_total
    return Result(
        stocks=stocks, changes=changes, entries=only_inventoried(joined(parts)), chain=chain,
        year_growth={pool: one.yearly(values, *stand_ages(prepared.years.frame)) for pool, one in prepared.year_growth.items()},
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
    grown = prepared.growth[pool]
    standing = standing_carbon(grown, prepared.pairs, values, prepared.transition_years)
    return biomass_change(prepared.pairs, start, end, totals, young_carbon(grown, prepared.pairs, values), standing)


def young_carbon(growth: Growth, pairs: PairCells, values: Floats) -> Floats:
    """Carbon that growth since conversion can have built by the end of the interval; NaN where no rate is known or land is no forest."""
    return growth.grown(values, age_since(*seen_between(pairs), pairs.frame["year_to"].to_numpy(dtype=np.float64)))


def standing_carbon(growth: Growth, pairs: PairCells, values: Floats, transition_years: float) -> tuple[Floats, Floats] | None:
    """Carbon that forest which was converted before the interval can have built by its start and by its end.

    NaN on other land; None without a history. Growth counts up to the age at which land
    is no longer in transition.
    """
    if "cohort_last_from" not in pairs.frame:
        return None
    past = young_forest(pairs.frame, transition_years)
    ages = (age_since(past.first, past.last, pairs.frame[name].to_numpy(dtype=np.float64)) for name in ("year_from", "year_to"))
    start, end = (growth.grown(values, np.where(past.held, np.minimum(age, transition_years), np.nan)) for age in ages)
    return start, end


def _soil_change(prepared: Prepared, chain: SoilChain) -> Change:
    """Soil: cohorts on land whose class changed; land that stays has no history that is known."""
    moved = converted(prepared.pairs)
    changed = prepared.rate.changed
    estimated = changed & prepared.rate.known & chain.known
    other_depth = prepared.start_pools[SOIL].depth_cm != prepared.end_pools[SOIL].depth_cm
    reasons = [unchanged_soil(prepared), "soil_depth_differs", "start_unknown"]
    why = np.select([~changed, other_depth, moved & ~chain.known], reasons, "no_soil_factor")
    reason = np.where(estimated, "", why)
    return Change(start=chain.start, end=chain.end, estimated=estimated, reason=reason.astype(object))


def unchanged_soil(prepared: Prepared) -> str:
    """Why the soil of land whose class did not change is not estimated: what is not known of its past.

    Maps of a whole transition before the first date tell that the class did not change
    either; management still is not known, so that nothing is called zero.
    """
    history = prepared.history
    known = history is not None and history.first - history.since >= prepared.transition_years
    return "land_use_unchanged_management_unknown" if known else "no_history_of_management"


def _past_soil(prepared: Prepared, chain: SoilChain) -> list[Entries]:
    """Entries of soil cohorts that began before the first date, booked on the ecosystem entered; nothing of other land is known to be zero."""
    past = prepared.past_soil
    if past is None or not len(prepared.pairs.frame):
        return []
    frame = prepared.pairs.frame
    rows = np.flatnonzero(past.running & chain.known & (chain.past != 0.0).any(axis=0))
    if not len(rows):
        return []
    return [Entries(frame=past_frame(frame.iloc[rows], rows, "_to", prepared.end_pools[SOIL].depth_cm[rows]), change=chain.past[:, rows])]


def past_frame(land: pd.DataFrame, rows: Ints, suffix: str, depth_cm: Ints) -> pd.DataFrame:
    """Keys of entries of soil on land that changed before the first date; what an ecosystem took over from another is converted land."""
    before, now = (land[f"ecosystem{name}"].to_numpy(dtype=object) for name in (f"_before{suffix}", suffix))
    return pd.DataFrame(
        {
            "zone": land["zone"].to_numpy(), **{name: land[name].to_numpy() for name in ("year_from", "year_to", "year") if name in land},
            "ecosystem": now, "land_class": land[f"land_class{suffix}"].to_numpy(), "transition": np.where(before != now, "converted", "remaining"),
            "pool": SOIL, "component": "soil", "soil_depth_cm": depth_cm, "estimated": True, "reason": "", "ecosystem_from": before,
            "ecosystem_to": now, "pair": -1, "past": rows, "hole": False, "validated": False,
        }
    )  # fmt: skip


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
    begin, end = seen_between(prepared.pairs)
    out = []
    for first, _ in intervals:
        rows = np.flatnonzero((frame["year_from"] == first).to_numpy())
        for this, until in intervals:
            if this > first and change.pending is not None:
                share = soil.mean_cohort_years(begin[rows], end[rows], this, until, transition) / transition
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
            "ecosystem_from": land["ecosystem_from"].to_numpy(), "ecosystem_to": land["ecosystem_to"].to_numpy(), "pair": -1, "past": -1, "hole": False,
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
