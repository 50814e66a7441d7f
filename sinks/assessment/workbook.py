"""The tables of the offset as a workbook that a bureau can file: 万吨 beside t, league names, notes, frozen heads; every text stays a text."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from aoi.table import Table
from aoi.texts import text
from sinks import tables
from sinks.assessment.rule import RULE_ID
from sinks.assessment.words import WAN, league_name, share_of, state_name

FIXED = datetime(2020, 1, 1)
MOST_ROWS = 1_000_000
"""Of a sheet; a longer table is cut, and says so."""
_WIDEST = 60
IN_WAN = (
    "removal_inventory_tCO2e", "deduction_tCO2e", "ccer_applied_tCO2e", "withheld_zero_rule_tCO2e", "shortfall_tCO2e", "offset_trial_tCO2e",
    "emission_tCO2e", "net_emission_tCO2e",
)  # fmt: skip
"""Columns that the first sheet shows in 万吨."""


@dataclass(frozen=True, slots=True)
class Notes:
    """Lines of the cover: label and words in both languages."""

    labels: Sequence[tuple[str, str]]
    lines: Sequence[tuple[str, str]]


def offset_workbook(frames: Mapping[Table, pd.DataFrame], notes: Notes, zones: pd.DataFrame | None) -> bytes:
    """The bytes of the workbook: a cover, the offset in 万吨, then every table in t."""
    book, buffer, forms = _book(text("offsets.title", "zh"))
    _cover(book, forms, notes)
    offsets = frames[tables.OFFSETS]
    _wan_sheet(book, forms, offsets, zones)
    for table, frame in frames.items():
        _table_sheet(book, forms, table, frame, zones, notes.labels)
    book.close()
    return buffer.getvalue()


def ledger_workbook(rows: Iterable[Sequence[str]]) -> bytes:
    """A ledger as a workbook of one sheet whose texts read back as they are."""
    book, buffer, forms = _book(tables.LEDGER.title_zh)
    sheet = book.add_worksheet(tables.LEDGER.title_zh)
    for place, column in enumerate(tables.LEDGER.columns):
        sheet.write_string(0, place, column.name, forms["head"])
        sheet.set_column(place, place, 14)
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS:
            break
        for place, cell in enumerate(row):
            if cell:
                sheet.write_string(number, place, cell, forms["plain"])
    sheet.freeze_panes(1, 2)
    book.close()
    return buffer.getvalue()


def _book(title: str) -> tuple[Any, io.BytesIO, dict[str, Any]]:
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    )
    book.set_properties({"title": title, "created": FIXED, "author": "", "company": "", "comments": ""})
    forms = {
        "head": book.add_format({"bold": True, "bg_color": "#E4EEE7", "border": 1, "text_wrap": True, "valign": "top"}),
        "title": book.add_format({"bold": True, "font_size": 14}),
        "label": book.add_format({"bold": True, "bg_color": "#FFF2C9", "text_wrap": True}),
        "text": book.add_format({"text_wrap": True, "valign": "top"}),
        "plain": book.add_format({"num_format": "@"}),
        "tonnes": book.add_format({"num_format": "#,##0.000"}),
        "wan": book.add_format({"num_format": "#,##0.00"}),
        "sum": book.add_format({"num_format": "#,##0.00", "bold": True, "top": 1}),
        "whole": book.add_format({"num_format": "0"}),
    }  # fmt: skip
    return book, buffer, forms


def _cover(book: Any, forms: Mapping[str, Any], notes: Notes) -> None:
    sheet = book.add_worksheet("说明")
    sheet.set_column(0, 0, 60)
    sheet.set_column(1, 1, 60)
    sheet.write_string(0, 0, text("offsets.title", "zh"), forms["title"])
    sheet.write_string(1, 0, text("offsets.title", "en"), forms["title"])
    for number, (zh, en) in enumerate([*notes.labels, *notes.lines], start=3):
        form = forms["label"] if number < 3 + len(notes.labels) else forms["text"]
        sheet.write_string(number, 0, _inert(zh), form)
        sheet.write_string(number, 1, _inert(en), form)


def _wan_sheet(book: Any, forms: Mapping[str, Any], offsets: pd.DataFrame, zones: pd.DataFrame | None) -> None:
    """A line per league and year in 万吨, the region's in bold."""
    sheet = book.add_worksheet("抵扣（万吨）")
    sheet.write_string(0, 0, text("offsets.trial", "zh", rule=RULE_ID), forms["label"])
    in_wan = [tables.OFFSETS.column(name) for name in IN_WAN]
    columns = [f"{column.title_zh}（万吨）\n{column.title_en}, 10,000 t" for column in in_wan]
    heads = ["盟市\nLeague", "代码\nCode", "年份\nYear", *columns, "抵扣占排放\nShare of the emission"]
    for place, head in enumerate(heads):
        sheet.write_string(2, place, head, forms["head"])
        sheet.set_column(place, place, 16)
    leagues = set(offsets["league"])
    for number, row in enumerate(offsets.to_dict("records"), start=3):
        code = str(row["league"])
        form = forms["sum"] if len(leagues) > 1 and code in ("150000", "all") else forms["wan"]
        sheet.write_string(number, 0, _inert(league_name(code, zones, "zh")))
        sheet.write_string(number, 1, code)
        sheet.write_number(number, 2, int(row["year"]), forms["whole"])
        for place, name in enumerate(IN_WAN, start=3):
            _number(sheet, number, place, None if pd.isna(row[name]) else row[name] / WAN, form, "NE")
        sheet.write_string(number, 3 + len(IN_WAN), share_of(row))
    sheet.freeze_panes(3, 3)


def _table_sheet(
    book: Any, forms: Mapping[str, Any], table: Table, frame: pd.DataFrame, zones: pd.DataFrame | None, labels: Sequence[tuple[str, str]]
) -> None:
    """A table as it stands in its file, with names of leagues and states beside the codes."""
    sheet = book.add_worksheet(table.title_zh[:31])
    for row, (zh, en) in enumerate(labels):
        sheet.write_string(row, 0, _inert(f"{zh} {en}"), forms["label"])
    top = len(labels)
    names = [*(["盟市名称\nName of the league"] if "league" in table.names else [])]
    heads = [
        *names,
        *(f"{column.title_zh}{f'（{column.unit}）' if column.unit else ''}\n{column.title_en}\n{column.name}" for column in table.columns),
    ]
    for place, head in enumerate(heads):
        sheet.write_string(top, place, head, forms["head"])
        sheet.set_column(place, place, 18)
    sheet.set_row(top, 60)
    for number, row in enumerate(frame.head(MOST_ROWS).to_dict("records"), start=top + 1):
        if names:
            sheet.write_string(number, 0, _inert(league_name(str(row["league"]), zones, "zh")))
        for place, column in enumerate(table.columns, start=len(names)):
            value = row[column.name]
            if column.name == "state" and isinstance(value, str):
                value = state_name(value, "zh")
            if column.type == "decimal":
                _number(sheet, number, place, value, forms["tonnes"])
            elif column.type == "integer":
                _number(sheet, number, place, value, forms["whole"])
            elif not pd.isna(value):
                sheet.write_string(number, place, _inert(("是" if value else "否") if column.type == "boolean" else str(value)))
    sheet.freeze_panes(top + 1, len(names) + 1)
    if len(frame):
        sheet.autofilter(top, 0, top + len(frame), len(heads) - 1)


def _number(sheet: Any, row: int, column: int, value: Any, form: Any, missing: str = "") -> None:
    if value is None or pd.isna(value):
        sheet.write_string(row, column, missing)
    else:
        sheet.write_number(row, column, float(value), form)


def _inert(words: str) -> str:
    """A text on its lines without signs that steer; written as a string it is never a formula."""
    return "".join(letter for letter in words if letter.isprintable() or letter == "\n")
