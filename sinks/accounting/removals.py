"""Removals: leaves by zone, interval, approach and what was removed."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.change import converted
from sinks.accounting.cohorts import seen_between, stand_ages
from sinks.accounting.entries import Entries
from sinks.accounting.fire import FIRE, fire_removals, intervals_of
from sinks.accounting.inventory import LIVING, SOIL, Prepared, Result, past_frame, unchanged_soil
from sinks.accounting.nep import APPROACH as NEP
from sinks.accounting.nep import nep_removals
from sinks.accounting.rates import held_groups
from sinks.accounting.stocks import Leaves, group_rows, names_joined
from sinks.accounting.terms import sum_by
from sinks.config import BURNED_AREA, LAND_COVER, NPP, PolicySection
from sinks.equations import soil
from sinks.units import C_TO_CO2

Floats = NDArray[np.float64]

LEAF = [
    "zone", "year", "year_from", "approach", "time_basis", "account", "ecosystem", "land_class",
    "transition", "pool", "component", "gas", "soil_depth_cm",
]  # fmt: skip
PLACES = ["pair", "group", "event", "past"]
PART = [*LEAF, "estimated", "reason", *PLACES]


@dataclass(slots=True)
class Parts:
    """Removal rows as they are gathered, before they are added up: keys and values per draw.

    Columns ``pair`` and ``group`` say on which land of an interval, or of a date, a row
    stands; ``event`` which statistic it is; ``past`` on which land that changed before the
    first date: of an interval under stock difference, of a date under gain-loss.
    """

    frames: list[pd.DataFrame] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)

    def add(self, frame: pd.DataFrame, values: Floats) -> None:
        """More rows; values (D, n) in t CO2e per year."""
        if len(frame):
            self.frames.append(frame.reset_index(drop=True))
            self.values.append(values)

    def joined(self) -> Leaves:
        """All rows under each other, not added up."""
        if not self.frames:
            return Leaves(frame=pd.DataFrame(columns=PART), values=np.zeros((1, 0)))
        frame = pd.concat([frame.reindex(columns=PART) for frame in self.frames], ignore_index=True)
        frame[PLACES] = frame[PLACES].astype("Float64").fillna(-1.0).astype("int64")
        return Leaves(frame=frame, values=np.concatenate(self.values, axis=1))

    def leaves(self, prepared: Prepared) -> Leaves:
        """The rows added up to leaves, with the layers behind them; a leaf with nothing estimated is NE."""
        if not self.frames:
            return Leaves(frame=pd.DataFrame(columns=[*LEAF, "value_flag", "reason", "layers"]), values=np.zeros((1, 0)))
        rows = self.joined()
        frame, values = rows.frame, rows.values
        group, leaves = group_rows(frame[LEAF])
        count = len(leaves)
        held = np.bincount(group, weights=frame["estimated"].to_numpy(dtype=np.float64), minlength=count) > 0
        totals = np.where(held, sum_by(group, np.where(frame["estimated"].to_numpy(dtype=bool), values, 0.0), count), np.nan)
        layers = names_joined(np.concatenate([group, group]), pd.Series(_layers(prepared, frame)), count)
        flagged = leaves.assign(
            value_flag=np.where(held, "V", "NE"), reason=names_joined(group, frame["reason"], count), layers=layers
        )  # fmt: skip
        return Leaves(frame=flagged, values=totals)


def _layers(prepared: Prepared, frame: pd.DataFrame) -> NDArray[np.object_]:
    """The layer behind each row at the start, and then at the end; where areas and rates alone decide, that of areas."""
    out = np.full((2, len(frame)), LAND_COVER, dtype=object)
    pair, pool = frame["pair"].to_numpy(), frame["pool"].to_numpy()
    for name in set(pool[pair >= 0]) - {SOIL}:
        mine = np.flatnonzero((pool == name) & (pair >= 0))
        for side, pools in enumerate((prepared.start_pools, prepared.end_pools)):
            out[side, mine] = pools[name].layer[pair[mine]]
    out[:, (frame["component"] == FIRE).to_numpy()] = BURNED_AREA
    out[:, (frame["approach"] == NEP).to_numpy()] = NPP
    return np.concatenate([out[0], out[1]])


def removal_leaves(prepared: Prepared, result: Result, policy: PolicySection, years: tuple[int, ...], values: Floats) -> Leaves:
    """Removals of the result years by stock difference and by gain-loss, and memo rows; see `removal_parts`."""
    return removal_parts(prepared, result, policy, years, values).leaves(prepared)


def removal_parts(prepared: Prepared, result: Result, policy: PolicySection, years: tuple[int, ...], values: Floats) -> Parts:
    """The rows that the removals of the result years are made of, one per piece of land.

    Parameters
    ----------
    years : tuple of int
        Result years; the removal of a year is the change since the date before it.
    values : (D, factors + 1) float64
    """
    parts = Parts()
    _stock_difference(parts, result.entries, policy, years)
    _without_interval(parts, prepared, years, len(values))
    _rate(parts, prepared, result, years)
    for year in years:
        _gain_loss(parts, prepared, result, policy, year, values)
        _marsh_methane(parts, prepared, policy, year, values)
    if prepared.fires is not None:
        means = ("stock_difference", "rate") if prepared.rates.given else ("stock_difference",)
        for frame, emission in fire_removals(prepared.fires, intervals_of(prepared.pairs.frame, years), years, values, means):
            parts.add(frame, emission)
    if prepared.production is not None:
        for frame, carbon in nep_removals(prepared.production, years, values):
            parts.add(frame, carbon)
    return parts


def _stock_difference(parts: Parts, entries: Entries, policy: PolicySection, years: tuple[int, ...]) -> None:
    frame = entries.frame[entries.frame["year_to"].isin(years)]
    if not len(frame):
        return
    rows = frame.index.to_numpy()
    interval = (frame["year_to"] - frame["year_from"]).to_numpy(dtype=np.float64)
    values = entries.change[:, rows] / interval * C_TO_CO2
    account, why = _accounts(frame, values[0], policy)
    booked = frame.assign(
        year=frame["year_to"], approach="stock_difference", time_basis="interval_mean", account=account, gas="CO2",
        reason=np.where(why != "", why, frame["reason"]),
    )  # fmt: skip
    parts.add(booked, values)


def _accounts(frame: pd.DataFrame, central: Floats, policy: PolicySection) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Which rows count towards an offset and which are memo, and why (ACCOUNTING 2, 3)."""
    account = np.full(len(frame), "offset", dtype=object)
    why = np.full(len(frame), "", dtype=object)

    def memo(rows: NDArray[np.bool_], reason: str) -> None:
        account[rows], why[rows] = "memo", reason

    living = frame["pool"].isin(LIVING).to_numpy()
    stays = (frame["transition"] == "remaining").to_numpy()
    if not policy.grass_weather:
        memo(living & stays & (frame["ecosystem"] == "grassland").to_numpy(), "grass_weather")
    moved = ~stays & frame["estimated"].to_numpy(dtype=bool) & ~frame["validated"].to_numpy(dtype=bool)
    if policy.unvalidated_change == "none":
        memo(moved, "unvalidated_change")
    elif policy.unvalidated_change == "losses":
        memo(moved & (central > 0), "unvalidated_change")
    if not policy.wetland_ch4:
        memo((frame["component"] == "accumulation").to_numpy(), "natural_marsh_out_of_offset")
    return account, why


def _without_interval(parts: Parts, prepared: Prepared, years: tuple[int, ...], draws: int) -> None:
    """A result year without an earlier date has no stock difference: NE, never a copy of another interval's mean."""
    seen = set(prepared.pairs.frame["year_to"])
    for year in years:
        if year in seen:
            continue
        land = prepared.years.frame
        earlier = bool((land["year"] < year).any())
        land = land[(land["year"] == year) & (land["ecosystem"] != "other") & (land["area_ha"] > 0)]
        for pool, carbon in ((name, one) for name, one in prepared.year_pools.items() if not one.included):
            keys = land.assign(soil_depth_cm=carbon.depth_cm[land.index])[["zone", "ecosystem", "land_class", "soil_depth_cm"]].drop_duplicates()
            frame = keys.assign(
                year=year, year_from=year - 1, approach="stock_difference", time_basis="interval_mean", account="offset", transition="remaining",
                pool=pool, component="soil" if pool == SOIL else "net_change", gas="CO2", estimated=False,
                reason="change_not_allowed" if earlier else "no_earlier_date",
            )  # fmt: skip
            parts.add(frame, np.zeros((draws, len(frame))))


def _gain_loss(parts: Parts, prepared: Prepared, result: Result, policy: PolicySection, year: int, values: Floats) -> None:
    """Growth by type, losses by conversion and soil cohorts of one year (equation 2.4 [IPCC2006])."""
    _growth(parts, prepared, result, year)
    _events(parts, prepared, result, year)
    _conversion(parts, prepared, result, policy, year)
    _soil_of_year(parts, prepared, result, policy, year, values)


def _events(parts: Parts, prepared: Prepared, result: Result, year: int) -> None:
    """Losses that statistics of the year tell (equations 2.12 to 2.14 [IPCC2006]); planting is a memo: the map books new stands."""
    terms = prepared.events
    if terms is None:
        return
    rows = np.flatnonzero((terms.frame["year"] == year).to_numpy())
    events = terms.frame.iloc[rows]
    planted = (events["component"] == "planting").to_numpy()
    for pool, carbon in result.events.items():
        estimated = terms.estimated[pool][rows]
        keys = events[["zone", "ecosystem", "land_class"]]
        frame = _year_frame(keys, year, pool, "increment", "remaining").assign(
            component=np.where(planted, "increment", events["component"]), account=np.where(planted, "memo", "offset"),
            estimated=estimated, reason=terms.reason[rows], event=rows,
        )  # fmt: skip
        kept = ~(planted & ~estimated) | (pool == LIVING[0])
        parts.add(frame[kept], (carbon[:, rows] * C_TO_CO2)[:, kept])


def _rate(parts: Parts, prepared: Prepared, result: Result, years: tuple[int, ...]) -> None:
    """Area times sourced rates on land that stays, young forest too; conversion and soil as by stock difference. Nothing where nobody gave a rate."""
    if not prepared.rates.given:
        return
    for frame, values in list(zip(parts.frames, parts.values, strict=True)):
        same = ((frame["approach"] == "stock_difference") & ((frame["component"] == "conversion") | (frame["pool"] == SOIL))).to_numpy()
        parts.add(frame[same].assign(approach="rate"), values[:, same])
    for year in years:
        _rates_of_year(parts, prepared, result, year)


def _rates_of_year(parts: Parts, prepared: Prepared, result: Result, year: int) -> None:
    """Rates on land that stays what it is over the interval that ends with the year; on all land of the year where none does."""
    pairs, land = prepared.pairs.frame, prepared.years.frame
    ends = (pairs["year_to"] == year).to_numpy()
    of_pair = bool(ends.any())
    rows = np.flatnonzero(ends & ~converted(prepared.pairs) if of_pair else (land["year"] == year).to_numpy())
    side = "_to" if of_pair else ""
    keys = (pairs if of_pair else land).iloc[rows][["zone", f"ecosystem{side}", f"land_class{side}"]]
    keys = keys.set_axis(["zone", "ecosystem", "land_class"], axis=1)
    inside = (keys["ecosystem"] != "other").to_numpy()
    keys, rows = keys[inside], rows[inside]
    first = int(pairs.loc[ends, "year_from"].iloc[0]) if of_pair else year - 1
    rates = prepared.rates
    column, terms, carbon = ("pair", rates.pair, result.pair_rates) if of_pair else ("group", rates.year, result.year_rates)
    draws = len(next(iter(carbon.values())))
    for pool in dict.fromkeys((*LIVING, *terms)):
        held = held_groups(terms[pool])[rows] if pool in terms else np.zeros(len(rows), dtype=bool)
        values = carbon[pool][:, rows] * C_TO_CO2 if pool in terms else np.zeros((draws, len(rows)))
        of_soil = pool == SOIL
        booked = _year_frame(keys, year, pool, "soil" if of_soil else "net_change", "remaining").assign(
            approach="rate", year_from=first, time_basis="interval_mean", account="memo" if of_soil else "offset", estimated=held,
            reason=np.where(held, "soil_by_cohorts" if of_soil else "", "no_sequestration_rate"), soil_depth_cm=rates.depth_cm.get(pool, 0),
            **{column: rows},
        )  # fmt: skip
        kept = held if of_soil else np.ones(len(rows), dtype=bool)
        parts.add(booked[kept], values[:, kept])


def _growth(parts: Parts, prepared: Prepared, result: Result, year: int) -> None:
    land = prepared.years.frame
    rows = np.flatnonzero(((land["year"] == year) & (land["ecosystem"] == "forest") & (land["area_ha"] > 0)).to_numpy())
    for pool, totals in result.year_growth.items():
        ages, growth = stand_ages(land), prepared.year_growth[pool]
        held = growth.knows(*ages)
        why = np.where(held, np.where(growth.of_own_factors(*ages), "", "growth_fallback"), "no_growth_rate")
        frame = _year_frame(land.iloc[rows], year, pool, "increment", "remaining").assign(
            estimated=held[rows], reason=why[rows], group=rows
        )  # fmt: skip
        parts.add(frame, totals[:, rows] * C_TO_CO2)


def _year_frame(land: pd.DataFrame, year: int, pool: str, component: str, transition: str) -> pd.DataFrame:
    return land[["zone", "ecosystem", "land_class"]].assign(
        year=year, year_from=year - 1, approach="gain_loss", time_basis="year", account="offset",
        transition=transition, pool=pool, component=component, gas="CO2", soil_depth_cm=0,
    )  # fmt: skip


def _conversion(parts: Parts, prepared: Prepared, result: Result, policy: PolicySection, year: int) -> None:
    """Biomass on land converted in the interval that ends with the year: what was lost, and herbs that come at once."""
    frame = prepared.pairs.frame
    moved = converted(prepared.pairs) & (frame["year_to"] == year).to_numpy()
    moved &= ~((frame["ecosystem_from"] == "other") & (frame["ecosystem_to"] == "other")).to_numpy()
    rows = np.flatnonzero(moved)
    if not len(rows):
        return
    land = frame.iloc[rows]
    interval = (land["year_to"] - land["year_from"]).to_numpy(dtype=np.float64)
    growing = (land["ecosystem_to"] == "forest").to_numpy()
    for pool in LIVING:
        change = result.changes[pool]
        start = change.start[:, rows]
        after = np.where(growing, 0.0, change.end[:, rows])
        values = (after - start) / interval * C_TO_CO2
        left = values[0] < 0
        keys = pd.DataFrame(
            {"zone": land["zone"], **{name: np.where(left, land[f"{name}_from"], land[f"{name}_to"]) for name in ("ecosystem", "land_class")}}
        )
        booked = _year_frame(keys, year, pool, "conversion", "converted").assign(
            estimated=change.estimated[rows], reason=change.reason[rows], pair=rows, validated=land["validated"].to_numpy()
        )  # fmt: skip
        account, why = _accounts(booked, values[0], policy)
        parts.add(booked.assign(account=account, reason=np.where(why != "", why, booked["reason"])), values)


def _past_soil_of_year(parts: Parts, prepared: Prepared, policy: PolicySection, year: int, values: Floats) -> None:
    """Soil cohorts of a year on land that changed before the first date."""
    past, carbon = prepared.year_past_soil, prepared.year_pools[SOIL]
    if past is None:
        return
    frame = prepared.years.frame
    transition = values[:, [prepared.transition_row]]
    change = past.change(frame["area_ha"].to_numpy(dtype=np.float64), np.array([year - 1.0]), np.array([float(year)]), values, transition)
    outside = ((frame["ecosystem_before"] == "other") & (frame["ecosystem"] == "other")).to_numpy()
    rows = np.flatnonzero(past.running & carbon.estimated & (frame["year"] == year).to_numpy() & ~outside & (change != 0.0).any(axis=0))
    if not len(rows):
        return
    land = past_frame(frame.iloc[rows], rows, "", carbon.depth_cm[rows])
    booked = land.assign(year=year, year_from=year - 1, approach="gain_loss", time_basis="year", account="offset", gas="CO2")
    gain = change[:, rows] * C_TO_CO2
    account, why = _accounts(booked, gain[0], policy)
    parts.add(booked.assign(account=account, reason=why), gain)


def _soil_of_year(parts: Parts, prepared: Prepared, result: Result, policy: PolicySection, year: int, factor_values: Floats) -> None:
    """Soil cohorts of a year, by the ecosystem entered; land that stays has no history of management that is known."""
    frame = prepared.pairs.frame
    change = result.changes[SOIL]
    rows = np.flatnonzero(change.estimated & (frame["year_to"] <= year).to_numpy())
    rows = rows[~((frame["ecosystem_from"] == "other") & (frame["ecosystem_to"] == "other")).to_numpy()[rows]]
    land = frame.iloc[rows]
    stay = prepared.years.frame.assign(soil_depth_cm=prepared.year_pools[SOIL].depth_cm)
    stay = stay[(stay["year"] == year) & (stay["ecosystem"] != "other") & (stay["area_ha"] > 0)]
    stay = stay[["zone", "ecosystem", "land_class", "soil_depth_cm"]].drop_duplicates()
    unknown = _year_frame(stay, year, SOIL, "soil", "remaining").assign(
        soil_depth_cm=stay["soil_depth_cm"], estimated=False, reason=unchanged_soil(prepared)
    )  # fmt: skip
    draws = len(factor_values)
    parts.add(unknown, np.zeros((draws, len(unknown))))
    _past_soil_of_year(parts, prepared, policy, year, factor_values)
    if not len(rows):
        return
    first, last = (land[name].to_numpy(dtype=np.float64) for name in ("year_from", "year_to"))
    begin, end = (one[rows] for one in seen_between(prepared.pairs))
    in_interval = soil.mean_cohort_years(begin, end, first, last, prepared.transition_years)
    this_year = soil.mean_cohort_years(begin, end, year - 1, year, prepared.transition_years)
    values = change.difference[:, rows] / in_interval * this_year * C_TO_CO2
    keys = land[["zone"]].assign(ecosystem=land["ecosystem_to"], land_class=land["land_class_to"])
    moved = converted(prepared.pairs)[rows]
    booked = _year_frame(keys, year, SOIL, "soil", "converted").assign(
        transition=np.where(moved, "converted", "remaining"), soil_depth_cm=prepared.end_pools[SOIL].depth_cm[rows], estimated=True, reason="", pair=rows,
        validated=land["validated"].to_numpy(),
    )  # fmt: skip
    account, why = _accounts(booked, values[0], policy)
    parts.add(booked.assign(account=account, reason=why), values)


def _marsh_methane(parts: Parts, prepared: Prepared, policy: PolicySection, year: int, values: Floats) -> None:
    """Methane of natural marsh, a memo beside its CO2 under both approaches."""
    terms = prepared.marsh_methane
    land = prepared.years.frame
    held = np.zeros(terms.groups, dtype=bool)
    for batch in terms.batches:
        held[batch.group] = True
    rows = np.flatnonzero(held & (land["year"] == year).to_numpy())
    if not len(rows):
        return
    methane = -terms.totals(values)[:, rows] * values[:, [prepared.gwp_row]]
    seen = prepared.pairs.frame.loc[prepared.pairs.frame["year_to"] == year, "year_from"]
    first = int(seen.iloc[0]) if len(seen) else year - 1
    account = "offset" if policy.wetland_ch4 else "memo"
    by_rate = (("rate", "interval_mean", first),) if prepared.rates.given else ()
    for approach, basis, start in (("stock_difference", "interval_mean", first), ("gain_loss", "year", year - 1), *by_rate):
        frame = _year_frame(land.iloc[rows], year, SOIL, "accumulation", "remaining").assign(
            approach=approach, time_basis=basis, year_from=start, account=account, gas="CH4", estimated=True, group=rows,
            reason="" if policy.wetland_ch4 else "natural_marsh_out_of_offset",
        )  # fmt: skip
        parts.add(frame, methane)


def lookup_difference(prepared: Prepared, years: pd.DataFrame, values: Floats, dates: tuple[int, ...]) -> Leaves:
    """The difference of two look-ups of a class table, kept apart and barred from offsets (ACCOUNTING 2).

    Parameters
    ----------
    years : DataFrame
        Stock leaves of all dates; values (D, n) [t C].
    """
    parts = Parts()
    keys = ["zone", "ecosystem", "land_class", "pool", "soil_depth_cm"]
    stocks = pd.DataFrame(np.nan_to_num(values).T, index=pd.MultiIndex.from_frame(years[["year", *keys]]))
    for first, last in pairwise(dates):
        both = [stocks.loc[year] if year in stocks.index.get_level_values(0) else stocks.iloc[:0] for year in (first, last)]
        index = both[0].index.union(both[1].index)
        start, end = (one.reindex(index, fill_value=0.0).to_numpy().T for one in both)
        frame = index.to_frame(index=False).assign(
            year=last, year_from=first, approach="lookup_difference", time_basis="interval_mean", account="memo", transition="remaining",
            component="net_change", gas="CO2", estimated=True, reason="unchanged_land_is_zero_by_construction",
        )  # fmt: skip
        parts.add(frame, (end - start) / (last - first) * C_TO_CO2)
    return parts.leaves(prepared)
