"""A number back to activity rows, factors, sources and arithmetic.

The terms that are printed are those that the accounting summed; their sum is
printed beside the number of the table.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.findings import InputError, finding
from aoi.texts import text
from sinks import tables
from sinks.accounting.cohorts import age_since, seen_between, stand_ages
from sinks.accounting.fire import FIRE
from sinks.accounting.inventory import SOIL, Result
from sinks.accounting.nep import APPROACH as NEP
from sinks.accounting.removals import LEAF, removal_parts
from sinks.accounting.soil_cohorts import SoilRate
from sinks.accounting.terms import Batch, Terms, with_nan_column
from sinks.pipeline import Inventory, evaluated, read_inventory
from sinks.units import C_TO_CO2

MOST_PARTS = 12
"""Parts of a leaf that are printed one by one, the largest first; the others are one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which number: a zone, ecosystem and year, and what narrows it."""

    zone: str
    ecosystem: str
    year: int
    pool: str | None = None
    approach: str = "stock_difference"


@dataclass(slots=True)
class Part:
    """A piece of a number: what it is, its value, the terms that make it."""

    title: str
    value: float
    terms: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


@dataclass(slots=True)
class Leaf:
    """A leaf of a table: its keys, its number there, and the parts that add up to it."""

    keys: dict[str, Any]
    value: float
    unit: str
    flag: str
    reason: str
    parts: list[Part] = field(default_factory=list)

    @property
    def sum_of_parts(self) -> float:
        """What the parts add up to."""
        return float(sum(part.value for part in self.parts))


def explain(out: Path, asked: Asked, table: str) -> list[Leaf]:
    """The leaves of a number with their parts.

    Raises
    ------
    InputError
        There is no such row, or the folder holds no run.
    """
    inventory = read_inventory(out)
    result = evaluated(inventory)
    declared = tables.STOCKS if table == "stocks" else tables.REMOVALS
    rows = declared.read(out / "tables" / f"{declared.name}.csv")
    mine = (rows["zone"] == asked.zone) & (rows["ecosystem"] == asked.ecosystem) & (rows["year"] == asked.year)
    if asked.pool is not None:
        mine &= rows["pool"] == asked.pool
    if table == "removals":
        mine &= rows["approach"] == asked.approach
    if not mine.any():
        said = ", ".join(filter(None, (asked.zone, asked.ecosystem, str(asked.year), asked.pool)))
        raise InputError(finding("E-EXPLAIN-01", f"{declared.name}.csv", asked=said))
    work = _Work(inventory, result)
    build = work.stock_leaf if table == "stocks" else work.removal_leaf
    return [build(row) for row in rows[mine].to_dict("records")]


class _Work:
    """Builds leaves from an inventory."""

    def __init__(self, inventory: Inventory, result: Result) -> None:
        self.inventory = inventory
        self.result = result
        self.values = with_nan_column(inventory.factors.value[None, :])
        self.parts = removal_parts(inventory.prepared, result, inventory.policy, inventory.years, self.values).joined()

    def stock_leaf(self, row: dict[str, Any]) -> Leaf:
        """A leaf of the stocks."""
        prepared = self.inventory.prepared
        leaf = _leaf(row, tables.STOCKS, "stock_tC", "t C")
        carbon = prepared.year_pools[row["pool"]]
        frame = prepared.years.frame
        groups = np.flatnonzero(
            ((frame["zone"] == row["zone"]) & (frame["year"] == row["year"]) & (frame["land_class"] == row["land_class"])).to_numpy() & carbon.estimated
        )
        for group in groups:
            land = frame.iloc[group]
            title = text("explain.land", class_=land["class"], stratum=_strata(land, ""), area=f"{land['area_ha']:.3f}")
            if row["pool"] == SOIL and row["year"] != self.inventory.dates[0]:
                value = float(np.nan_to_num(self.result.chain.year_total[0, group]))
                leaf.parts.append(Part(title, value, note=text("explain.soil_chain", year=self.inventory.dates[0])))
            else:
                terms = self._terms(carbon.terms, group)
                scale = 1.0 if carbon.scale is None else float(carbon.scale[0, group])
                note = "; ".join(filter(None, (_raked(land), _corrected(scale))))
                leaf.parts.append(Part(title, scale * float(sum(term["value"] for term in terms)), terms, note=note))
        return leaf

    def removal_leaf(self, row: dict[str, Any]) -> Leaf:
        """A leaf of the removals: the pieces of land that the accounting added up to it."""
        leaf = _leaf(row, tables.REMOVALS, "removal_tCO2e_per_year", "t CO2e / yr")
        frame, values = self.parts.frame, self.parts.values[0]
        same = frame["estimated"].to_numpy(dtype=bool).copy()
        for name in LEAF:
            same &= (frame[name] == row[name]).to_numpy(dtype=bool)
        leaf.parts = [self._part(frame.iloc[place], float(values[place])) for place in np.flatnonzero(same)]
        return leaf

    def _part(self, entry: pd.Series, value: float) -> Part:
        """One piece of land: what it is, its value, the terms behind it."""
        if entry["component"] == FIRE:
            return self._fire_part(entry, value)
        if entry["approach"] == NEP:
            return self._nep_part(entry, value)
        if entry["event"] >= 0:
            return self._event_part(entry, value)
        if entry["group"] >= 0:
            return self._year_part(entry, value)
        if entry["pair"] >= 0:
            return self._pair_part(entry, value)
        if entry["past"] >= 0:
            return self._past_part(entry, value)
        return Part(text("explain.later"), value)

    def _fire_part(self, entry: pd.Series, value: float) -> Part:
        """The fire of a year on one kind of land."""
        fires = self.inventory.prepared.fires
        assert fires is not None
        land = fires.frame.iloc[entry["group"]]
        years = int(entry["year"] - entry["year_from"])
        title = text(
            "explain.fire", year=land["fire_year"], land=f"{land['land_class']} ({land['class']}, {land['year']})", stratum=_strata(land, ""),
            area=f"{land['area_ha']:.3f}",
        )  # fmt: skip
        return Part(title, value, self._terms(fires.terms[entry["pool"], entry["gas"]], entry["group"]), note=text("explain.fire_mean", years=years))

    def _nep_part(self, entry: pd.Series, value: float) -> Part:
        """Production less respiration of a year on one kind of land."""
        production = self.inventory.prepared.production
        assert production is not None
        land = production.frame.iloc[entry["group"]]
        title = text("explain.land", class_=land["class"], stratum=_strata(land, ""), area=f"{land['area_ha']:.3f}")
        terms = [term for one in (production.npp, production.respired) for term in self._terms(one, entry["group"])]
        curve = ", ".join(f"{one['id']} = {one['value']:g}" for one in map(self._factor, production.curve.tolist()))
        return Part(title, value, terms, note=text("explain.nep", curve=curve))

    def _event_part(self, entry: pd.Series, value: float) -> Part:
        """A statistic: what it says, where it comes from, and the terms of its land."""
        terms = self.inventory.prepared.events
        if terms is None:
            return Part(text("explain.later"), value)
        event = terms.frame.iloc[entry["event"]]
        title = text(
            "explain.event", component=event["component"], quantity=f"{event['quantity']:g}", unit=event["unit"], stratum=event["stratum"], year=event["year"],
            source=event["source"],
        )  # fmt: skip
        own = terms.planted if event["component"] == "planting" else terms.losses[entry["pool"]]
        note = text("explain.disturbance", fraction=f"{event['lost_fraction']:g}") if event["component"] == "disturbance" else text("explain.to_co2")
        return Part(title, value, self._terms(own, entry["event"]), note=note)

    def _year_part(self, entry: pd.Series, value: float) -> Part:
        """Growth of a year, a sourced rate, or methane of marsh."""
        prepared = self.inventory.prepared
        land = prepared.years.frame.iloc[entry["group"]]
        title = text("explain.land", class_=land["class"], stratum=_strata(land, ""), area=f"{land['area_ha']:.3f}")
        if entry["gas"] == "CH4":
            gwp = self._factor(prepared.gwp_row)
            note = text("explain.methane", gwp=f"{gwp['value']:g}", source=gwp["source"])
            return Part(title, value, self._terms(prepared.marsh_methane, entry["group"]), note=note)
        if entry["approach"] == "rate":
            return Part(title, value, self._terms(prepared.rates.year[entry["pool"]], entry["group"]), note=text("explain.to_co2"))
        return self._growth_part(entry, title, value)

    def _growth_part(self, entry: pd.Series, title: str, value: float) -> Part:
        """Growth of a year: at the ages of the stands, each stretch of ages with its share; of any age where none is known."""
        growth = self.inventory.prepared.year_growth[entry["pool"]]
        low, high = (one[entry["group"]] for one in stand_ages(self.inventory.prepared.years.frame))
        if np.isnan(low):
            return Part(title, value, self._terms(growth.any_age.terms, entry["group"]), note=text("explain.to_co2"))
        stretches = growth.stretches(int(entry["group"]), float(low), float(high))
        terms = [{**term, "side": f"{share:.3f}"} for share, terms in stretches for term in self._terms(terms, entry["group"])]
        return Part(title, value, terms, note=f"{text('explain.ages', low=f'{low:g}', high=f'{high:g}')}; {text('explain.to_co2')}")

    def _pair_part(self, entry: pd.Series, value: float) -> Part:
        """Carbon of land at both dates of an interval, and the step to CO2 per year."""
        prepared = self.inventory.prepared
        land = prepared.pairs.frame.iloc[entry["pair"]]
        title = text(
            "explain.pair", land_from=f"{land['land_class_from']} ({land['land_from']})", land_to=f"{land['land_class_to']} ({land['land_to']})",
            stratum=_strata(land, "_from"), area=f"{land['area_ha']:.3f}",
        )  # fmt: skip
        if entry["approach"] == "rate" and entry["transition"] == "remaining":
            note = "; ".join(filter(None, (_raked(land), text("explain.to_co2"))))
            return Part(title, value, self._terms(prepared.rates.pair[entry["pool"]], entry["pair"]), note=note)
        if entry["pool"] == SOIL:
            first, last = (int(one[entry["pair"]]) for one in seen_between(prepared.pairs))
            return Part(title, value, self._soil_rate(prepared.rate, entry["pair"]), note=text("explain.cohort", first=first, last=last))
        young = prepared.history is not None and entry["transition"] == "converted" and land["ecosystem_from"] == land["ecosystem_to"]
        if young:
            return self._young_part(entry, land, title, value)
        terms = [
            {"side": side, **term}
            for side, pools in (("start", prepared.start_pools), ("end", prepared.end_pools))
            for term in self._terms(pools[entry["pool"]].terms, entry["pair"])
        ]
        years = int(entry["year"] - entry["year_from"]) if entry["approach"] == "stock_difference" else int(land["year_to"] - land["year_from"])
        note = text("explain.change", change=f"{value / C_TO_CO2 * years:.6f}", years=years, value=f"{value:.3f}")
        scale = 1.0 if prepared.pair_area is None or entry["transition"] != "converted" else float(prepared.pair_area[0, entry["pair"]])
        return Part(title, value, terms, note="; ".join(filter(None, (_raked(land), _corrected(scale), note))))

    def _terms(self, terms: Terms, group: Any) -> list[dict[str, Any]]:
        return [self._term(batch, number) for batch in terms.of_group(int(group)) for number in range(len(batch.group))]

    def _past_part(self, entry: pd.Series, value: float) -> Part:
        """Soil of land that changed before the first date: its classes, the maps that show it, its years in the time asked for."""
        prepared = self.inventory.prepared
        of_year = entry["approach"] == "gain_loss"
        soil, cells, suffix = (prepared.year_past_soil, prepared.years, "") if of_year else (prepared.past_soil, prepared.pairs, "_to")
        if soil is None:
            raise ValueError("a cohort without a history")
        group = int(entry["past"])
        land = cells.frame.iloc[group]
        years = soil.past.years(np.array([float(entry["year_from"])]), np.array([float(entry["year"])]), np.array([[prepared.transition_years]]))
        title = text(
            "explain.pair", land_from=land[f"class_before{suffix}"], land_to=land[f"land_class{suffix}"], stratum=_strata(land, suffix),
            area=f"{land['area_ha']:.3f}",
        )  # fmt: skip
        note = text(
            "explain.past", first=f"{soil.past.first[group]:.0f}", last=f"{soil.past.last[group]:.0f}", years=f"{years[0, group]:.3f}",
            year_from=entry["year_from"], year=entry["year"],
        )  # fmt: skip
        return Part(title, value, self._soil_rate(soil.rate, group), note=note)

    def _young_part(self, entry: pd.Series, land: pd.Series, title: str, value: float) -> Part:
        """Growth of forest that was other land before the interval."""
        prepared = self.inventory.prepared
        growth = prepared.growth[entry["pool"]]
        first, last = float(land["cohort_first_from"]), float(land["cohort_last_from"])
        ages = [float(age_since(np.array(first), np.array(last), np.array(float(land[name])))) for name in ("year_from", "year_to")]
        low, high = (min(age, prepared.transition_years) for age in ages)
        terms = [term for _, stretch in growth.stretches(int(entry["pair"]), low, high) for term in self._terms(stretch, entry["pair"])]
        said = {"start": f"{ages[0]:.1f}", "end": f"{ages[1]:.1f}", "year_from": land["year_from"], "year": land["year_to"]}
        return Part(title, value, terms, note=text("explain.young", first=f"{first:.0f}", last=f"{last:.0f}", **said))

    def _soil_rate(self, rate: SoilRate, group: int) -> list[dict[str, Any]]:
        """Factors of the cohort of a group."""
        out = []
        for side, factors in (("start", rate.factors_from), ("end", rate.factors_to)):
            ids = [int(factor[group]) for factor in factors]
            value = float(np.prod(self.values[0, ids]))
            out.append({"side": side, "equation": "soil_from_reference", "text": "SOC_REF * F_LU * F_MG * F_I [t C ha-1]", "amounts": {},
                        "factors": [self._factor(one) for one in ids], "value": value})  # fmt: skip
        return out

    def _term(self, batch: Batch, number: int) -> dict[str, Any]:
        equation = batch.equation
        value = float(batch.evaluate(self.values)[0, number])
        return {
            "equation": equation.id,
            "text": equation.text,
            "amounts": {name: float(amount[number]) for name, amount in zip(equation.amounts, batch.amounts, strict=True)},
            "factors": [self._factor(int(factor[number])) for factor in batch.factors],
            "value": value,
        }

    def _factor(self, row: int) -> dict[str, Any]:
        factors = self.inventory.factors
        return {
            "id": str(factors.id[row]), "value": float(factors.value[row]), "unit": str(factors.unit[row]),
            "source": factors.citation(row), "locator": str(factors.locator[row]), "tag": str(factors.tag[row]), "verified": bool(factors.verified[row]),
        }  # fmt: skip


def _corrected(scale: float) -> str:
    """That a reference sample has corrected the area, and by how much; nothing where it has not."""
    return "" if scale == 1.0 else text("explain.area_corrected", ratio=f"{scale:.6f}")


def _raked(land: pd.Series) -> str:
    """That the land was raked to official areas, and by how much; nothing where it was not."""
    factor = float(land.get("raked", 1.0))
    return "" if factor == 1.0 else text("explain.raked", ratio=f"{factor:.6f}")


def _leaf(row: dict[str, Any], table: Any, value: str, unit: str) -> Leaf:
    return Leaf(keys={name: row[name] for name in table.key}, value=row[value], unit=unit, flag=row["value_flag"], reason=row["reason"] or "")


def _strata(land: pd.Series, suffix: str) -> str:
    named = [str(land[f"{name}{suffix}"]) for name in ("climate", "soil", "vegetation_type", "origin", "site")]
    return ", ".join(name for name in named if name) or "-"


def as_lines(leaves: list[Leaf]) -> list[str]:
    """Leaves as lines for people."""
    out: list[str] = []
    sources: dict[str, str] = {}
    for leaf in leaves:
        out.append("")
        out.append(" / ".join(f"{value}" for value in leaf.keys.values()))
        if leaf.flag != "V":
            out.append("  " + text("explain.not_estimated", flag=leaf.flag, reason=reason_words(leaf.reason)))
            continue
        out.append("  " + text("explain.value", value=f"{leaf.value:,.3f}", unit=leaf.unit) + (f"  [{reason_words(leaf.reason)}]" if leaf.reason else ""))
        parts = sorted(leaf.parts, key=lambda part: -abs(part.value))
        for part in parts[:MOST_PARTS]:
            out += _part_lines(part, sources)
        if len(parts) > MOST_PARTS:
            rest = sum(part.value for part in parts[MOST_PARTS:])
            out.append("    " + text("explain.rest", n=len(parts) - MOST_PARTS, value=f"{rest:,.3f}"))
        if parts:
            out.append("  " + text("explain.sum", total=f"{leaf.sum_of_parts:,.3f}", value=f"{leaf.value:,.3f}"))
    if sources:
        out += ["", text("explain.sources"), *(f"  {id}: {words}" for id, words in sorted(sources.items()))]
    return out


def _part_lines(part: Part, sources: dict[str, str]) -> list[str]:
    lines = [f"    {part.title}: {part.value:,.3f}"]
    for term in part.terms[:MOST_PARTS]:
        amounts = ", ".join(f"{name} = {value:.6f}" for name, value in term["amounts"].items())
        factors = ", ".join(f"{factor['id']} = {factor['value']:g}" for factor in term["factors"])
        side = f"[{term['side']}] " if "side" in term else ""
        lines.append(f"      {side}{term['text']}: {'; '.join(filter(None, (amounts, factors)))} -> {term['value']:,.6f}")
        for factor in term["factors"]:
            sources[factor["id"]] = f"{factor['value']:g} {factor['unit']}; {factor['source']}; {factor['locator']} [{factor['tag']}]"
    if len(part.terms) > MOST_PARTS:
        rest = sum(term["value"] for term in part.terms[MOST_PARTS:])
        lines.append("      " + text("explain.rest", n=len(part.terms) - MOST_PARTS, value=f"{rest:,.6f}"))
    if part.note:
        lines.append(f"      {part.note}")
    return lines


def reason_words(reason: str) -> str:
    """The words of a reason; several are joined."""
    return "; ".join(text(f"reason.{key}") for key in reason.split("+") if key)
