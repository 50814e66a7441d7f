"""Empty inputs that people fill in: workbooks with Chinese or English heads, CSV files, and a run file with every section explained."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aoi.findings import InputError, finding
from aoi.table import Column, Table, replace_file
from aoi.texts import Language, current_language, text
from sinks.factors.table import FACTORS
from sinks.legends.legend import LEGEND
from sinks.records import words_of
from sinks.tables import CODE_NAMES, CONTROL_AREAS, DENSITIES, EMISSIONS, EVENTS

FORMS = Path(__file__).parent / "forms"
WORKBOOKS = (CONTROL_AREAS, EVENTS)
"""Tables that may be given as a workbook."""
FILES: Mapping[str, Table] = {
    "control_areas": CONTROL_AREAS, "events": EVENTS, "emissions": EMISSIONS, "densities": DENSITIES, "legend": LEGEND, "strata": CODE_NAMES,
    "factors": FACTORS,
}  # fmt: skip
"""Names of files -> what they hold."""
_FIXED = datetime(2020, 1, 1)
_ROWS = 2000
"""Rows of a sheet that offer lists to choose from."""
_LISTS = "lists"


def write_templates(folder: Path) -> list[str]:
    """Write every template into a folder; returns the names of the files.

    Raises
    ------
    InputError
        Some of them are there already: nothing is written.
    """
    files = {**{f"{name}.csv": _csv(table) for name, table in FILES.items()},
             **{f"{table.name}.xlsx": workbook(table, current_language()) for table in WORKBOOKS},
             "run.toml": (FORMS / "run.toml").read_bytes()}  # fmt: skip
    there = sorted(name for name in files if (folder / name).exists())
    if there:
        raise InputError(finding("E-FORM-01", folder.name, files=", ".join(there)))
    for name, content in files.items():
        replace_file(folder / name, content)
    return sorted(files)


def example(table: Table, name: str) -> dict[str, str]:
    """The example row of a template, by column."""
    head, row = list(csv.reader(io.StringIO((FORMS / f"{name}.csv").read_text(encoding="utf-8"))))
    return {column.name: dict(zip(head, row, strict=True)).get(column.name, "") for column in table.columns}


def _csv(table: Table) -> bytes:
    """A head alone, for spreadsheets of any kind: UTF-8 with BOM, CRLF."""
    return ("\ufeff" + ",".join(table.names) + "\r\n").encode("utf-8")


def workbook(table: Table, language: Language) -> bytes:
    """A workbook of a table: a sheet to fill in, one that explains every column with an example, and one of the words to choose from."""
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    )
    book.set_properties({"title": _title(table, language), "created": _FIXED, "author": "", "company": "", "comments": ""})
    head = book.add_format({"bold": True, "bg_color": "#E6F0EA", "border": 1, "text_wrap": True, "valign": "top"})
    plain = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet(_title(table, language))
    notes = book.add_worksheet(text("form.notes", language))
    lists = book.add_worksheet(_LISTS)
    texts = book.add_format({"num_format": "@"})
    for place, column in enumerate(table.columns):
        sheet.write_string(0, place, head_of(column, language), head)
        sheet.set_column(place, place, 18, texts if column.type == "text" else None)
        words = list(words_of(table, column, language))
        if words:
            lists.write_column(0, place, words)
            source = f"={_LISTS}!${_letter(place)}$1:${_letter(place)}${len(words)}"
            sheet.data_validation(1, place, _ROWS, place, {"validate": "list", "source": source})
    sheet.freeze_panes(1, 0)
    _explain(notes, table, language, head, plain)
    book.close()
    return buffer.getvalue()


def _explain(sheet: Any, table: Table, language: Language, head: Any, plain: Any) -> None:
    names = ("form.column", "form.name", "form.unit", "form.needed", "form.words", "form.meaning", "form.example")
    for place, (name, width) in enumerate(zip(names, (18, 16, 12, 8, 40, 60, 28), strict=True)):
        sheet.write_string(0, place, text(name, language), head)
        sheet.set_column(place, place, width)
    given = example(table, table.name)
    for number, column in enumerate(table.columns, start=1):
        needed = column.key or column.needed
        cells: Sequence[str] = (
            column.title_zh if language == "zh" else column.title_en, column.name, column.unit, text("form.yes" if needed else "form.no", language),
            ", ".join(words_of(table, column, language)), column.description, _shown(table, column, given[column.name], language),
        )  # fmt: skip
        for place, cell in enumerate(cells):
            sheet.write_string(number, place, cell, plain)
    sheet.write_string(len(table.columns) + 2, 0, text("form.example_note", language), plain)


def _shown(table: Table, column: Column, code: str, language: Language) -> str:
    """A code as the word that is chosen for it."""
    return next((word for word, meant in words_of(table, column, language).items() if meant == code), code)


def head_of(column: Column, language: Language) -> str:
    """The head of a column: its title with its unit."""
    title = column.title_zh if language == "zh" else column.title_en
    return f"{title} ({column.unit})" if column.unit and column.unit != "-" else title


def _title(table: Table, language: Language) -> str:
    return table.title_zh if language == "zh" else table.title_en


def _letter(place: int) -> str:
    return chr(ord("A") + place)
