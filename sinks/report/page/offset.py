"""Offsets of the assessment, and who owns which tonne: tables of the assessment, where a run has them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from aoi.table import Table
from aoi.texts import LANGUAGES, text
from sinks import tables
from sinks.report.page.blocks import Block, Cell, Chapter, Figure, Grid, Head, Paragraph, Quantity, Words, inert, sentence, words
from sinks.report.results import Results

IDENTITY = (
    ("offset_trial_tCO2e", 1), ("ccer_applied_tCO2e", 1), ("deduction_tCO2e", 1), ("withheld_zero_rule_tCO2e", 1), ("above_cap_tCO2e", 1),
    ("floor_remainder_tCO2e", 1), ("shortfall_tCO2e", -1),
)  # fmt: skip
"""The parts that a league's removal is divided into; their sum is the removal (ACCOUNTING 5)."""
REMOVAL = "removal_inventory_tCO2e"
SHEETS = {
    "identity": (REMOVAL, "low_tCO2e", "high_tCO2e", *(name for name, _ in IDENTITY)),
    "ccer": ("ccer_issued_tCO2e", "ccer_excluded_tCO2e", "ccer_applied_tCO2e", "true_up_tCO2e", "carry_in_tCO2e", "carry_out_tCO2e",
             "pipeline_tCO2e", "avoided_emission_tCO2e"),
    "scenarios": ("offset_trial_tCO2e", "offset_if_only_leaving_units_excluded_tCO2e", "offset_if_nothing_excluded_tCO2e", "offset_tCO2e",
                  "emission_tCO2e", "net_emission_tCO2e", "memo_wetland_ch4_tCO2e"),
}  # fmt: skip
"""Columns of the tables that the offsets are shown in: no page is wide enough for all."""
OTHERS = ("polygon_account", "ledger", "pipeline")
TERMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "state": ("unit_state", tables.UNIT_STATES), "reason": ("excess", tables.EXCESS_REASONS), "pool": ("pool", (*tables.POOLS, "total")),
    "action": ("ledger_action", ("issue", "state", "split", "replace")), "status": ("status", ("official", "regional_draft", "withdrawn")),
}  # fmt: skip
"""Columns whose values are words of a vocabulary: where they stand in the catalogue, and which they are."""
MOST_COLUMNS = 10
MOST_ROWS = 1000
"""Rows of such a table that the page carries; the file has all."""


def offset(results: Results) -> Chapter:
    """The chapter of the offsets."""
    title = words("chapter_offset")
    frame = results.frame("offsets")
    blocks: list[Block] = []
    if frame is None or REMOVAL not in frame:
        blocks.append(Paragraph(sentence("no_offsets"), "missing"))
    else:
        blocks.append(Paragraph(sentence("offset_how"), "note"))
        blocks.append(_figure(results, frame))
        blocks += [_sheet(results, frame, sheet) for sheet in SHEETS]
    for name in OTHERS:
        other = results.frame(name)
        if other is None:
            blocks.append(Paragraph(sentence(f"no_{name}"), "missing"))
        else:
            blocks += plain_grids(results, name, other)
    return Chapter(id="offset", title=title, blocks=blocks)


def _figure(results: Results, frame: pd.DataFrame) -> Figure:
    """What a league's removal is divided into, year by year."""
    years = sorted({int(year) for year in frame["year"]})
    leagues = [zone for zone in results.zones["zone"] if zone in set(frame["league"])]
    parts = [(name, sign) for name, sign in IDENTITY if name in frame]
    values = []
    for year in years:
        rows = frame[frame["year"] == year].set_index("league")
        values.append([[_value(rows, league, name) for league in leagues] for name, _ in parts])
    return Figure(
        id="offset", kind="identity", title=words("figure_offset"), about=sentence("about_offset"),
        data={"years": years, "zones": leagues, "parts": [{"id": name, "words": words(f"column_{name}")} for name, _ in parts], "values": values},
    )  # fmt: skip


def _value(rows: pd.DataFrame, league: str, name: str) -> float | None:
    if league not in rows.index:
        return None
    value = rows.at[league, name]
    return None if value != value else float(value)


def _sheet(results: Results, frame: pd.DataFrame, sheet: str) -> Grid:
    columns = [name for name in SHEETS[sheet] if name in frame]
    heads = [Head(words=words("head_zone"), name="zone_name"), Head(words=words("head_year"), name="year", unit="", numeric=False)]
    heads += [Head(words=words(f"column_{name}"), name=name, unit="tCO2e", numeric=True) for name in columns]
    known = set(results.zones["zone"])
    ordered = frame.assign(top=[league not in known for league in frame["league"]]).sort_values(
        ["top", "year", "league"], ascending=[False, False, True]
    )
    rows: list[list[Cell]] = [
        [results.name_of(str(row["league"])), str(row["year"]), *(trial(row[name]) for name in columns)]
        for row in ordered.to_dict("records")
    ]  # fmt: skip
    notes = [sentence("note_identity")] if sheet == "identity" else [sentence("note_scenarios")] if sheet == "scenarios" else []
    return Grid(
        id=f"offset_{sheet}", title=words(f"table_offset_{sheet}"), heads=heads, rows=rows, zones=[str(one) for one in ordered["league"]],
        totals=int(ordered["top"].sum()), notes=notes,
    )  # fmt: skip


def trial(value: float) -> Quantity:
    """A cell of the offsets [t CO2e]."""
    return Quantity(None if value != value else float(value), "tCO2e", "NE")


def plain_grids(results: Results, name: str, frame: pd.DataFrame) -> list[Grid]:
    """A table as it stands in its file, in parts that a page can hold; keys are in each part."""
    declared = next((table for table in tables.OUTPUT_TABLES if table.name == name), None)
    keys = [column for column in frame.columns if _unit(column) is None][:3]
    others = [column for column in frame.columns if column not in keys]
    room = MOST_COLUMNS - len(keys)
    parts = [others[place : place + room] for place in range(0, len(others), room)] or [[]]
    title = Words(declared.title_zh, declared.title_en) if declared else words(f"table_{name}")
    return [
        Grid(
            id=name if not place else f"{name}_{place + 1}", title=title if not place else words("continued", title=title),
            heads=[_plain_head(column, declared) for column in (*keys, *part)],
            rows=[[_plain_cell(results, column, row[column]) for column in (*keys, *part)] for row in frame.head(MOST_ROWS).to_dict("records")],
            notes=[sentence("note_first_rows", n=str(MOST_ROWS), all=str(len(frame)), name=name)] if len(frame) > MOST_ROWS else [],
        )
        for place, part in enumerate(parts)
    ]  # fmt: skip


def _plain_head(column: str, declared: Table | None) -> Head:
    unit = _unit(column)
    title = Words(column, column)
    if declared is not None and column in declared.names:
        title = Words(declared.column(column).title_zh, declared.column(column).title_en)
    return Head(words=title, name=column, unit=unit or "", numeric=unit is not None)


def _unit(column: str) -> str | None:
    """The unit that a column's name ends with."""
    for end, unit in (("_tCO2e", "tCO2e"), ("_tC", "tC"), ("_ha", "ha"), ("_share", "number"), ("_pct", "percent")):
        if column.endswith(end):
            return unit
    return None


def _plain_cell(results: Results, column: str, value: Any) -> Cell:
    unit = _unit(column)
    missing = value is None or value is pd.NA or value != value
    if unit is not None:
        return Quantity(None if missing else float(value), unit, "NE")
    if missing:
        return ""
    if column in ("league", "zone"):
        return results.name_of(str(value))
    key, known = TERMS.get(column, ("", ()))
    return Words(*(text(f"{key}.{value}", language) for language in LANGUAGES)) if value in known else inert(value)


def parts_of(frame: pd.DataFrame) -> Sequence[str]:
    """The columns of the identity that a table has."""
    return [name for name, _ in IDENTITY if name in frame]
