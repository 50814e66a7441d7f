"""Checks that a reader of the tables can make: sums, balances, areas; the report makes them and tells the outcome."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from aoi.texts import LANGUAGES
from sinks.report.page.blocks import Words, words
from sinks.report.page.offset import REMOVAL as INVENTORY
from sinks.report.page.offset import parts_of
from sinks.report.results import OFFSET, REMOVAL, STOCK, Results

HALF_STEP_T = 0.0005
"""Tables carry 0.001 t; sums of them are exact."""
BALANCE_TC = 1e-4
"""The balance carries six decimals, in numbers of up to 1e9 t."""
AREA_RELATIVE = 1e-9
LAND_HA = 1e-4
"""Sums of areas with six decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check: what must hold, whether it does, how far off it is and how far it may be."""

    id: str
    words: Words
    ok: bool
    measured: str
    limit: str


def checks_of(results: Results) -> list[Check]:
    """Every check that the tables of a run allow."""
    return [*_sums(results), *_leaves(results), *_balance(results), *_areas(results), *_land(results), *_offsets(results), *_demo(results)]


def _check(id: str, gap: float, limit: float, unit: str, **values: object) -> Check:
    return Check(id=id, words=words(f"check_{id}", **values), ok=gap <= limit, measured=_told(gap, unit), limit=_told(limit, unit))


def _told(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".strip()


def _exact(values: pd.Series) -> Decimal:
    return sum((Decimal(repr(float(value))) for value in values.dropna()), Decimal(0))


def _sums(results: Results) -> Iterator[Check]:
    """Zones add up to the sums, ecosystems to the totals."""
    frame = results.frames["summary"]
    known = frame[frame["value_flag"] == "V"]
    keys = ["year", "quantity", "ecosystem", "approach"]
    for whole in results.wholes:
        gap = Decimal(0)
        mine = known[known["zone"].isin(results.members(whole))]
        totals = known[known["zone"] == whole].set_index(keys)["value"]
        for key, values in mine.groupby(keys)["value"]:
            gap = max(gap, abs(_exact(values) - Decimal(repr(float(totals.get(key, 0.0))))))
        yield _check("zones", float(gap), HALF_STEP_T, "t", place=results.name_of(whole))
    parts = known[(known["ecosystem"] != "total") & ~((known["ecosystem"] == "other") & (known["quantity"] == STOCK))]
    totals = known[known["ecosystem"] == "total"].set_index(["zone", "year", "quantity", "approach"])["value"]
    gap = Decimal(0)
    for key, values in parts.groupby(["zone", "year", "quantity", "approach"])["value"]:
        gap = max(gap, abs(_exact(values) - Decimal(repr(float(totals.get(key, 0.0))))))
    yield _check("ecosystems", float(gap), HALF_STEP_T, "t")


def _leaves(results: Results) -> Iterator[Check]:
    """The leaves of stocks and removals add up to the summary."""
    summary = results.frames["summary"]
    summary = summary[(summary["value_flag"] == "V") & (summary["ecosystem"] != "total")]
    removals = results.frames["removals"]
    for id, leaves, column, quantity in (
        ("stock_leaves", results.frames["stocks"], "stock_tC", STOCK),
        ("removal_leaves", removals, "removal_tCO2e_per_year", REMOVAL),
        ("offset_leaves", removals[removals["account"] == "offset"], "removal_tCO2e_per_year", OFFSET),
    ):
        keys = ["zone", "year", "ecosystem"] + (["approach"] if quantity != STOCK else [])
        totals = summary[summary["quantity"] == quantity].set_index(keys)["value"]
        gap = Decimal(0)
        for key, values in leaves[leaves["value_flag"] == "V"].groupby(keys)[column]:
            if key in totals.index:
                gap = max(gap, abs(_exact(values) - Decimal(repr(float(totals[key])))))
        yield _check(id, float(gap), HALF_STEP_T, "t")


def _balance(results: Results) -> Iterator[Check]:
    """Stock at the end less stock at the start is removal, transfers and revaluation, in every row."""
    frame = results.frames["balance"]
    if len(frame):
        change = frame["stock_end_tC"] - frame["stock_start_tC"]
        told = frame["removal_tC"] + frame["transfer_in_tC"] - frame["transfer_out_tC"] + frame["revaluation_tC"]
        yield _check("balance", float((change - told).abs().max()), BALANCE_TC, "t C", n=len(frame))


def _areas(results: Results) -> Iterator[Check]:
    """The area of each zone on the grid is that of its polygon, as far as the grid reaches."""
    frame = results.frames["zones"]
    gap = (frame["area_ha"] + frame["outside_ha"] - frame["polygon_ha"]).abs() / frame["polygon_ha"]
    if results.settings["rule"] == "coverage" and len(frame):
        yield _check("areas", float(gap.max()), AREA_RELATIVE, "", n=len(frame))


def _land(results: Results) -> Iterator[Check]:
    """The land-use matrix of each interval closes on the area of each zone."""
    frame = results.frames["land_use"]
    if len(frame):
        areas = results.frames["zones"].set_index("zone")["area_ha"]
        sums = frame.groupby(["zone", "year_from", "year_to"])["area_ha"].sum().reset_index()
        gap = (sums["area_ha"] - sums["zone"].map(areas)).abs()
        yield _check("land", float(gap.max()), LAND_HA, "ha", n=len(sums))


def _offsets(results: Results) -> Iterator[Check]:
    """The identity of the offset, in every row."""
    frame = results.frame("offsets")
    if frame is not None and INVENTORY in frame:
        known = frame[frame[INVENTORY].notna()]
        gap = (known[list(parts_of(frame))].fillna(0.0).sum(axis=1) - known[INVENTORY]).abs()
        yield _check("offsets", float(gap.max()) if len(gap) else 0.0, HALF_STEP_T, "t", n=len(known))


def _demo(results: Results) -> Iterator[Check]:
    """What a demonstration was held against."""
    for one in results.demo_checks:
        said = Words(*(str(one[language]) for language in LANGUAGES))
        yield Check(id="demo", words=said, ok=bool(one["ok"]), measured=str(one["measured"]), limit=str(one["limit"]))
