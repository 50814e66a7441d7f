"""The tables of the documents as a workbook: a sheet each, texts that stay texts, fixed dates."""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from methodologies.documents.blocks import Document, Grid

FIXED = datetime(2020, 1, 1)
_WIDEST = 60


def workbook(grids: Sequence[Grid], content: Document) -> bytes:
    """The bytes of a workbook: a cover with labels and the unverified numbers first, then a sheet per table."""
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    )
    book.set_properties({"title": content.title[0], "created": FIXED, "author": "", "company": "", "comments": ""})
    forms = {
        "head": book.add_format({"bold": True, "bg_color": "#E4EEE7", "border": 1, "text_wrap": True, "valign": "top"}),
        "title": book.add_format({"bold": True, "font_size": 14}),
        "label": book.add_format({"bold": True, "bg_color": "#FFF2C9", "text_wrap": True}),
        "text": book.add_format({"border": 1, "text_wrap": True, "valign": "top"}),
        "number": book.add_format({"border": 1, "num_format": "#,##0.0000", "valign": "top"}),
        "fine": book.add_format({"border": 1, "num_format": "0.######", "valign": "top"}),
        "whole": book.add_format({"border": 1, "num_format": "0", "valign": "top"}),
    }
    _cover(book, forms, content)
    seen = set()
    for grid in grids:
        if grid.name not in seen:
            seen.add(grid.name)
            _sheet(book, forms, grid, content)
    book.close()
    return buffer.getvalue()


def _cover(book: Any, forms: Any, content: Document) -> None:
    sheet = book.add_worksheet("说明")
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 80)
    sheet.write_string(0, 0, f"{content.title[0]} {content.title[1]}", forms["title"])
    row = 2
    for zh, en in content.labels:
        sheet.write_string(row, 0, zh, forms["label"])
        sheet.write_string(row, 1, en, forms["label"])
        row += 1
    for (zh, en), value in content.cover:
        sheet.write_string(row, 0, f"{zh} {en}", forms["text"])
        sheet.write_string(row, 1, value, forms["text"])
        row += 1


def _sheet(book: Any, forms: Any, grid: Grid, content: Document) -> None:
    sheet = book.add_worksheet(grid.words[0][:31])
    top = 0
    for zh, en in content.labels:
        sheet.write_string(top, 0, f"{zh} {en}", forms["label"])
        top += 1
    sheet.write_string(top, 0, f"{grid.words[0]} {grid.words[1]}", forms["title"])
    top += 1
    for place, (zh, en) in enumerate(grid.heads):
        sheet.write_string(top, place, f"{zh}\n{en}" if en else zh, forms["head"])
        longest = max([len(zh) * 2, len(en), *(len(str(row[place])) for row in grid.rows if isinstance(row[place], str))])
        sheet.set_column(place, place, min(_WIDEST, max(12, longest + 2)))
    for number, row in enumerate(grid.rows, start=top + 1):
        for place, value in enumerate(row):
            _cell(sheet, number, place, value, forms, grid.decimals)
    sheet.freeze_panes(top + 1, 0)
    if grid.rows:
        sheet.autofilter(top, 0, top + len(grid.rows), len(grid.heads) - 1)


def _cell(sheet: Any, row: int, column: int, value: Any, forms: Any, decimals: int) -> None:
    if value is None or value != value:
        sheet.write_blank(row, column, None, forms["text"])
    elif isinstance(value, bool) or not isinstance(value, int | float):
        sheet.write_string(row, column, "".join(letter for letter in str(value) if letter.isprintable() or letter == "\n"), forms["text"])
    elif isinstance(value, int):
        sheet.write_number(row, column, value, forms["whole"])
    else:
        sheet.write_number(row, column, value, forms["fine" if decimals > 4 else "number"])
