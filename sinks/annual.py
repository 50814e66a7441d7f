"""From the annual layers of a run to what their pass sums: one plan a year."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aoi.findings import Finding, finding
from sinks.accounting.nep import CURVE, PRODUCTION, WARMTH, WETNESS
from sinks.config import BURNED_AREA, GPP, GREENNESS, LAND_COVER, NPP, PRECIPITATION, TEMPERATURE, Config
from sinks.ecosystems.fuel import FUEL_LAYERS
from sinks.equations import respiration
from sinks.factors.table import FactorTable
from sinks.layers.annual import MONTHS, stack_of_year, years_of
from sinks.layers.layer import Stack
from sinks.legends.legend import Legend, land_classes
from sinks.tabulate.annual import AnnualPlan, Burned, Cells, Fire, Fuel, Mean, Measure, Staying, Total, members_of
from sinks.tabulate.tile import Plan

Floats = NDArray[np.float64]

OF_WEATHER = (GREENNESS, GPP, PRECIPITATION, TEMPERATURE)
"""Measures that the weather part of grassland is made of: summed by land that stays, too."""


@dataclass(frozen=True, slots=True)
class OnMonths:
    """A value of the cells that have production and the weather of all twelve months: production, or sums over the months.

    ``name`` is one of the layers of `sinks.accounting.nep`; ``coefficient`` stands inside
    the exponential of `respiration.warmth` or the logarithm of `respiration.wetness`.
    """

    name: str
    coefficient: float = 0.0

    def __call__(self, cells: Cells) -> Floats:
        production = Mean(NPP)(cells)
        warm, wet = members_of(cells, TEMPERATURE), members_of(cells, PRECIPITATION)
        unknown = np.isnan(production) | np.isnan(sum(warm, start=np.zeros(len(production)))) | np.isnan(sum(wet, start=np.zeros(len(production))))
        if self.name == PRODUCTION:
            return np.where(unknown, np.nan, production)
        curve, months = (respiration.warmth, warm) if self.name == WARMTH else (respiration.wetness, wet)
        return np.where(unknown, np.nan, sum((curve(month, self.coefficient) for month in months), start=np.zeros(len(production))))


def annual_plans(
    config: Config, annual: Stack, plan: Plan, legends: Mapping[int, Legend | None], factors: FactorTable, made: frozenset[str] = frozenset()
) -> tuple[AnnualPlan, ...]:
    """What is summed in each year that has an annual layer, ascending.

    Parameters
    ----------
    made : frozenset of str
        Layers that are made of others when a window is read (years of change, ages): strata
        of the dates, which say nothing of fuel, and are left out here.
    """
    plan = replace(plan, strata=tuple(one for one in plan.strata if one[1] not in made))
    years = sorted({year for layer in annual.layers for year in years_of(annual, layer.name)})
    return tuple(_plan_of(year, config, annual, plan, legends, factors) for year in years)


def _plan_of(
    year: int, config: Config, annual: Stack, plan: Plan, legends: Mapping[int, Legend | None], factors: FactorTable
) -> AnnualPlan:  # fmt: skip
    held = {layer.name for layer in annual.layers if year in years_of(annual, layer.name)}
    monthly = {name for name in held if config.layers[name].encoding == "monthly"}
    measures: dict[str, Measure] = {}
    for name in sorted(held - {BURNED_AREA}):
        measures[name] = Total(name) if name == PRECIPITATION and name in monthly else Mean(name)
    burned = None
    if BURNED_AREA in held:
        section = config.layers[BURNED_AREA]
        burned = Burned(BURNED_AREA, section.encoding or "", whole=section.resampling in (None, "nearest"))
        measures[BURNED_AREA] = burned
    if {NPP, *monthly} >= {NPP, TEMPERATURE, PRECIPITATION} and NPP in held:
        warm, wet = (float(factors.value[factors.rows(name)[0]]) for name in CURVE)
        measures |= {PRODUCTION: OnMonths(PRODUCTION), WARMTH: OnMonths(WARMTH, warm), WETNESS: OnMonths(WETNESS, wet)}
    named = tuple(measures.items())
    return AnnualPlan(
        year=year, land_year=land_year(year, plan.years), strata=plan.strata, measures=named,
        staying=tuple(_staying(first, last, legends) for first, last in plan.intervals) if _regressed(annual) else (),
        of_staying=tuple(name for name in measures if name in OF_WEATHER), burned=burned,
        fire=_fire(year, plan) if burned is not None else None,
    )  # fmt: skip


def land_year(year: int, dates: Sequence[int]) -> int:
    """The date at or before a year; the first one for years before it."""
    return max((date for date in dates if date <= year), default=dates[0])


def fire_land_year(year: int, dates: Sequence[int]) -> int | None:
    """The last date before the fires of a year: that year's own map may show the scar; of the first date itself, that date; None before it."""
    before = [date for date in dates if date < year]
    return before[-1] if before else dates[0] if year == dates[0] else None


def _fire(year: int, plan: Plan) -> Fire | None:
    date = fire_land_year(year, plan.years)
    if date is None:
        return None
    fuels = tuple(Fuel(name=layer.name, edges=layer.edges, per_member=layer.per_member) for layer in plan.values if layer.name in FUEL_LAYERS)
    return Fire(land_year=date, fuels=fuels)


def _regressed(annual: Stack) -> bool:
    """Is there greenness, and weather to explain it?"""
    return any(annual.has(name) for name in (GREENNESS, GPP)) and any(annual.has(name) for name in (PRECIPITATION, TEMPERATURE))


def _staying(first: int, last: int, legends: Mapping[int, Legend | None]) -> Staying:
    return Staying(year_from=first, year_to=last, codes_from=_grassland(legends[first]), codes_to=_grassland(legends[last]))


def _grassland(legend: Legend | None) -> tuple[int, ...]:
    """Codes of grassland; a stratum may still make wetland of them."""
    known = dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True))
    if legend is None:
        return ()
    return tuple(code for code, name in zip(legend.codes, legend.land_classes, strict=True) if known[name] == "grassland")


def stack_of(plan: AnnualPlan, main: Stack, annual: Stack) -> Stack:
    """The layers that the pass of a year reads."""
    dates = {plan.land_year} | {date for staying in plan.staying for date in (staying.year_from, staying.year_to)}
    wanted: dict[str, set[int]] = {layer: set(dates) for layer in (LAND_COVER, *(layer for _, layer in plan.strata))}
    if plan.fire is not None:
        for layer in wanted:
            wanted[layer].add(plan.fire.land_year)
        wanted |= {fuel.name: {plan.fire.land_year} for fuel in plan.fire.fuels}
    return stack_of_year(main, annual, plan.year, {name: sorted(years) for name, years in wanted.items()})


def check_years(config: Config, annual: Stack | None, intervals: Sequence[tuple[int, int]]) -> list[Finding]:
    """Fires of some years of an interval but not of all, which make no mean; intervals without any; months that production lacks."""
    if annual is None:
        return []
    found = []
    burned = frozenset(years_of(annual, BURNED_AREA))
    for first, last in intervals:
        wanted = frozenset(range(first + 1, last + 1))
        lacking = ", ".join(map(str, sorted(wanted - burned)))
        if burned and lacking:
            id = "E-FIRE-04" if wanted & burned else "W-FIRE-05"
            found.append(finding(id, f"layers.{BURNED_AREA}", interval=f"{first}-{last}", lacking=lacking))
    if annual.has(NPP):
        monthly = [name for name in (PRECIPITATION, TEMPERATURE) if annual.has(name) and config.layers[name].encoding == "monthly"]
        both = [frozenset(years_of(annual, name)) for name in (NPP, *monthly)]
        if len(monthly) < 2 or not frozenset.intersection(*both):
            found.append(finding("W-NEP-02", f"layers.{NPP}", monthly=", ".join(monthly) or "-"))
    if (annual.has(GREENNESS) or annual.has(GPP)) and not (annual.has(PRECIPITATION) or annual.has(TEMPERATURE)):
        found.append(finding("N-WEATHER-01", f"layers.{GREENNESS if annual.has(GREENNESS) else GPP}"))
    return found


__all__ = ["MONTHS", "AnnualPlan", "annual_plans", "check_years", "fire_land_year", "land_year", "stack_of"]
