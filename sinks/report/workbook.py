"""The workbook: tables as a bureau prints them in its yearbook, notes and units on each sheet, and the data dictionary.

Values are shown in 万吨 and 万公顷 with the whole number behind them; texts are never formulas,
dates of the file are fixed.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aoi.texts import LANGUAGES, text
from sinks import __version__, tables
from sinks.report.page.answer import labels, title_of
from sinks.report.page.blocks import Cell, Quantity, Sentence, Words, inert, words
from sinks.report.page.errors import kinds
from sinks.report.page.numbers import WAN, said
from sinks.report.page.offset import SHEETS, trial
from sinks.report.results import INVENTORIED, OFFSET, REMOVAL, STOCK, Results, Value
from sinks.tables import POOLS

FIXED = datetime(2020, 1, 1)
SCALE = {"tC": WAN, "tCO2e": WAN, "tCO2e_per_year": WAN, "ha": WAN}
LINE = 15.0
"""Height of a line of text [points]."""
LONGEST_TEXT = 32_767
"""What a cell of a workbook can hold."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column under the heads of its groups, from the top down; ``unit`` is empty for texts."""

    heads: tuple[Words, ...]
    unit: str = ""
    width: float = 13.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet: its name, its title, what its numbers are in, columns under grouped heads, rows, notes."""

    name: str
    title: Words
    unit: Words
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    totals: int
    notes: Sequence[Words]
    filtered: bool = False

    @property
    def depth(self) -> int:
        """Rows of heads."""
        return max(len(column.heads) for column in self.columns)


def sheets_of(results: Results) -> list[Sheet]:
    """The sheets, in order."""
    found = [_overview(results), _stocks(results), _pools(results), _sinks(results, 4, OFFSET), _sinks(results, 5, REMOVAL), _land(results)]
    found += list(_offsets(results))
    return [*found, _dictionary()]


def _zones(results: Results) -> tuple[list[str], int]:
    """The sums, then the zones; and how many sums there are."""
    zones = list(results.zones["zone"])
    if len(zones) == 1:
        return zones, 0
    sums = [results.place, *(one for one in results.wholes if one != results.place)]
    return [*sums, *zones], len(sums)


def _first_columns() -> list[Column]:
    return [Column((words("head_zone"),), width=20.0), Column((words("head_code"),), width=10.0)]


def _cell(value: Value | None, unit: str) -> Quantity:
    return value.quantity(unit) if value is not None else Quantity(None, unit, "NO")


def _ends(value: Value | None) -> tuple[Quantity, Quantity]:
    return (
        value.ends("tCO2e_per_year") if value is not None and value.value is not None else (Quantity(None, "", ""), Quantity(None, "", ""))
    )


def _named(results: Results, zone: str) -> list[Cell]:
    return [results.name_of(zone), zone]


def _overview(results: Results) -> Sheet:
    """Table 1: both years and the sink, by zone."""
    zones, totals = _zones(results)
    last = results.years[-1]
    columns = [*_first_columns(), Column((words("head_area"),), "ha")]
    columns += [Column((words("sheet_stock"), words("sheet_year", year=year)), "tC") for year in results.years]
    group = words("sheet_sink", year=last)
    columns += [Column((group, words(key)), "tCO2e_per_year") for key in ("sheet_counted", "sheet_low", "sheet_high", "sheet_all")]
    rows: list[list[Cell]] = []
    for zone in zones:
        counted = results.of(zone, last, OFFSET)
        area = sum(results.area(one) for one in results.members(zone))
        rows.append([*_named(results, zone), Quantity(area, "ha"), *(_cell(results.of(zone, year, STOCK), "tC") for year in results.years),
                     _cell(counted, "tCO2e_per_year"), *_ends(counted), _cell(results.of(zone, last, REMOVAL), "tCO2e_per_year")])  # fmt: skip
    return _sheet(1, "overview", columns, rows, totals, [words("sheet_note_counted"), _interval_note(results)])


def _interval_note(results: Results) -> Words:
    total = results.of(results.place, results.years[-1], OFFSET)
    lacking = kinds(total.missing) if total is not None else Words("", "")
    return words("sheet_note_interval", lacks=lacking) if lacking.zh else words("sheet_note_interval_whole")


def _stocks(results: Results) -> Sheet:
    """Table 2: stock by ecosystem, both years side by side."""
    zones, totals = _zones(results)
    columns = _first_columns()
    for ecosystem in ("total", *INVENTORIED):
        columns += [Column((words(f"ecosystem_{ecosystem}"), words("sheet_year", year=year)), "tC") for year in results.years]
    rows: list[list[Cell]] = [
        [
            *_named(results, zone),
            *(_cell(results.of(zone, year, STOCK, one), "tC") for one in ("total", *INVENTORIED) for year in results.years),
        ]
        for zone in zones
    ]
    return _sheet(2, "stocks", columns, rows, totals, [words("sheet_note_total")])


def _pools(results: Results) -> Sheet:
    """Table 3: stock of the last year by ecosystem and pool."""
    zones, totals = _zones(results)
    year = results.years[-1]
    stocks = results.frames["stocks"]
    stocks = stocks[stocks["year"] == year]
    sums = stocks[stocks["value_flag"] == "V"].groupby(["zone", "ecosystem", "pool"])["stock_tC"].sum().round(3).to_dict()
    flags = set(map(tuple, stocks.loc[stocks["value_flag"] == "NE", ["zone", "ecosystem", "pool"]].to_numpy().tolist()))
    columns = _first_columns()
    for ecosystem in INVENTORIED:
        columns += [Column((words(f"ecosystem_{ecosystem}"), words(f"pool_{pool}")), "tC") for pool in POOLS]
    rows: list[list[Cell]] = []
    for zone in zones:
        members = results.members(zone)
        cells: list[Cell] = []
        for ecosystem in INVENTORIED:
            for pool in POOLS:
                found = [sums[key] for one in members if (key := (one, ecosystem, pool)) in sums]
                flag = "V" if found else "NE" if any((one, ecosystem, pool) in flags for one in members) else "NO"
                cells.append(Quantity(round(sum(found), 3) if found else None, "tC", flag))
        rows.append([*_named(results, zone), *cells])
    return _sheet(3, "pools", columns, rows, totals, [words("sheet_note_soil")], year=year)


def _sinks(results: Results, number: int, quantity: str) -> Sheet:
    """Tables 4 and 5: the sink of each year by ecosystem, what counts and with the memo items."""
    zones, totals = _zones(results)
    names = ("total", *INVENTORIED, "other")
    kind = "sinks_counted" if quantity == OFFSET else "sinks_all"
    columns = _first_columns()
    for year in results.years:
        columns += [Column((words("sheet_year", year=year), words(f"ecosystem_{one}")), "tCO2e_per_year") for one in names]
    rows: list[list[Cell]] = [
        [
            *_named(results, zone),
            *(_cell(results.of(zone, year, quantity, one), "tCO2e_per_year") for year in results.years for one in names),
        ]
        for zone in zones
    ]
    notes = [words("sheet_note_counted"), words("sheet_note_approach", approach=words(f"approach_{results.approach}"))]
    return _sheet(number, kind, columns, rows, totals, notes)


def _land(results: Results) -> Sheet:
    """Table 6: area by ecosystem at both dates."""
    zones, totals = _zones(results)
    stocks = results.frames["stocks"]
    areas = (
        stocks.drop_duplicates(["zone", "year", "ecosystem", "land_class"])
        .groupby(["zone", "year", "ecosystem"])["area_ha"]
        .sum()
        .to_dict()
    )
    columns = [*_first_columns(), Column((words("head_area"),), "ha")]
    for ecosystem in (*INVENTORIED, "other"):
        columns += [Column((words(f"ecosystem_{ecosystem}"), words("sheet_year", year=year)), "ha") for year in results.years]
    rows: list[list[Cell]] = []
    for zone in zones:
        members = results.members(zone)
        cells: list[Cell] = [*_named(results, zone), Quantity(sum(results.area(one) for one in members), "ha")]
        for ecosystem in (*INVENTORIED, "other"):
            for year in results.years:
                found = [areas[key] for one in members if (key := (one, year, ecosystem)) in areas]
                cells.append(Quantity(round(sum(found), 6) if found else None, "ha", "NO"))
        rows.append(cells)
    return _sheet(6, "land", columns, rows, totals, [words("sheet_note_area")])


def _offsets(results: Results) -> Iterator[Sheet]:
    """Tables 7 to 9: offsets, where the run has them: the identity, units and carry, three totals."""
    frame = results.frame("offsets")
    if frame is None:
        return
    known = set(results.zones["zone"])
    ordered = frame.assign(top=[league not in known for league in frame["league"]]).sort_values(["top", "year", "league"], ascending=[False, False, True])
    for number, (sheet, names) in enumerate(SHEETS.items(), start=7):
        found = [name for name in names if name in frame]
        columns = [*_first_columns(), Column((words("head_year"),), width=8.0), *(Column((words(f"column_{name}"),), "tCO2e") for name in found)]
        rows: list[list[Cell]] = [
            [*_named(results, str(row["league"])), str(row["year"]), *(trial(row[name]) for name in found)] for row in ordered.to_dict("records")
        ]
        notes = [words("sheet_note_trial"), *([_told(Sentence("report.note_identity"))] if sheet == "identity" else [])]
        yield _sheet(number, f"offset_{sheet}", columns, rows, int(ordered["top"].sum()), notes)


def _told(given: Sentence) -> Words:
    """A sentence as plain words; numbers in it with their units."""
    return Words(
        *("".join(piece if isinstance(piece, str) else said(piece, language) for piece in given.pieces(language)) for language in LANGUAGES)
    )


def _dictionary() -> Sheet:
    columns = [Column((words(f"dictionary_{name}"),), width=width) for name, width in (
        ("table", 20.0), ("column", 32.0), ("title_zh", 26.0), ("title_en", 36.0), ("unit", 18.0), ("type", 10.0),
        ("choices", 40.0), ("description", 50.0))]  # fmt: skip
    rows: list[list[Cell]] = [
        [*(inert(row[name]) for name in ("table", "column", "title_zh", "title_en", "unit", "type", "choices", "description"))]
        for table in tables.OUTPUT_TABLES for row in table.dictionary()
    ]  # fmt: skip
    return Sheet(name=text("report.sheet_dictionary", "zh"), title=words("sheet_dictionary_title"), unit=Words("", ""), columns=columns, rows=rows, totals=0,
                 notes=[], filtered=True)  # fmt: skip


def _sheet(
    number: int, id: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], totals: int, notes: Sequence[Words], **values: object
) -> Sheet:
    units = sorted({column.unit for column in columns if column.unit}, key=list(SCALE).index)
    named = [words(f"sheet_unit_{unit}") for unit in units]
    return Sheet(
        name=words(f"sheet_{id}").zh, title=words("sheet_title", number=number, title=words(f"sheet_{id}_title", **values)),
        unit=words("sheet_unit", unit=Words("、".join(one.zh for one in named), ", ".join(one.en for one in named))),
        columns=columns, rows=rows, totals=totals, notes=[*notes, words("sheet_note_flags"), words("sheet_note_rounding")],
    )  # fmt: skip


def workbook(results: Results) -> bytes:
    """The bytes of the workbook."""
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    )
    title = title_of(results)
    book.set_properties({"title": title.zh, "created": FIXED, "author": "", "company": "", "comments": ""})
    forms = _forms(book)
    _cover(book, forms, results, title)
    for sheet in sheets_of(results):
        _write(book, forms, sheet, results)
    book.close()
    return buffer.getvalue()


def _forms(book: Any) -> dict[str, Any]:
    font = {"font_name": "宋体", "font_size": 10, "valign": "vcenter"}
    total = {"bold": True, "bg_color": "#F6FAF7"}
    line = {**font, "border": 1, "border_color": "#9AA8A0"}
    return {
        "title": book.add_format({**font, "bold": True, "font_size": 14}), "also": book.add_format({**font, "font_color": "#4A5A51"}),
        "unit": book.add_format({**font, "align": "right"}), "note": book.add_format({**font, "text_wrap": True, "valign": "top"}),
        "label": book.add_format({**font, "bold": True, "bg_color": "#FFF2C9", "text_wrap": True, "valign": "top"}),
        "head": book.add_format({**line, "bold": True, "bg_color": "#E6F0EA", "align": "center", "text_wrap": True}),
        "text": book.add_format({**line, "text_wrap": True}), "bold": book.add_format({**line, **total, "text_wrap": True}),
        "number": book.add_format({**line, "num_format": "#,##0.00"}), "sum": book.add_format({**line, **total, "num_format": "#,##0.00"}),
        "flag": book.add_format({**line, "align": "right", "font_color": "#5D6B63"}),
    }  # fmt: skip


def _cover(book: Any, forms: dict[str, Any], results: Results, title: Words) -> None:
    """The first sheet: what it is, what to know before its numbers are used, what is on which sheet."""
    sheet = book.add_worksheet(text("report.sheet_cover", "zh"))
    _page(sheet, landscape=False)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 90)
    sheet.write_string(0, 0, _safe(title.zh), forms["title"])
    row = 2
    for label in labels(results):
        told = _told(label)
        for line in (told.zh, told.en):
            sheet.merge_range(row, 0, row, 1, "", forms["label"])
            sheet.write_string(row, 0, _safe(line), forms["label"])
            sheet.set_row(row, LINE * max(1, -(-_width(line) // 112)))
            row += 1
    row += 1
    facts = [
        (words("fact_run"), str(results.record.get("run_id", ""))), (words("fact_program"), f"nmg-ecosystem-sinks {__version__}"),
        (words("sheet_years"), ", ".join(map(str, results.years))), (words("sheet_approach"), _both(words(f"approach_{results.approach}"))),
        (words("sheet_source"), _both(words("sheet_source_text"))),
        *((words("sheet_of", name=one.name), _both(one.title)) for one in sheets_of(results)),
    ]  # fmt: skip
    for name, value in facts:
        sheet.write_string(row, 0, _both(name), forms["bold"])
        sheet.write_string(row, 1, _safe(value), forms["text"])
        sheet.set_row(row, LINE * max(-(-_width(_both(name)) // 31), -(-_width(value) // 100)))
        row += 1


def _both(given: Words) -> str:
    return given.zh if given.same else f"{given.zh} {given.en}"


def _safe(given: str) -> str:
    """A text that a cell can hold, without letters that cannot be seen."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in given)[:LONGEST_TEXT]


def _width(line: str) -> int:
    """How wide a text is, in narrow letters."""
    return sum(2 if ord(letter) > 0x2E80 else 1 for letter in line)


def _page(sheet: Any, landscape: bool) -> None:
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(0.4, 0.4, 0.5, 0.6)
    sheet.set_footer("&C&P / &N")
    if landscape:
        sheet.set_landscape()


def _write(book: Any, forms: dict[str, Any], one: Sheet, results: Results) -> None:
    sheet = book.add_worksheet(one.name)
    _page(sheet, landscape=True)
    last = len(one.columns) - 1
    sheet.write_string(0, 0, _safe(one.title.zh), forms["title"])
    sheet.write_string(1, 0, _safe(one.title.en), forms["also"])
    sheet.set_row(0, 21)
    if one.unit.zh:
        sheet.write_string(1, last, one.unit.zh, forms["unit"])
        sheet.write_string(2, last, one.unit.en, forms["unit"])
    top = 3
    for place, column in enumerate(one.columns):
        sheet.set_column(place, place, column.width)
    _heads(sheet, forms, one, top)
    first = top + one.depth
    for number, row in enumerate(one.rows):
        lines = max(
            [1, *(-(-_width(_text(value)) // max(1, int(column.width) - 1)) for value, column in zip(row, one.columns, strict=True))]
        )
        if lines > 1:
            sheet.set_row(first + number, LINE * lines)
        for place, value in enumerate(row):
            _value(sheet, first + number, place, value, forms, total=number < one.totals)
    sheet.freeze_panes(first, 2)
    sheet.repeat_rows(top, first - 1)
    sheet.repeat_columns(0, 1)
    if one.filtered and one.rows:
        sheet.autofilter(first - 1, 0, first + len(one.rows) - 1, last)
    _notes(sheet, forms, one, first + len(one.rows))


def _heads(sheet: Any, forms: dict[str, Any], one: Sheet, top: int) -> None:
    """Heads from the top down: groups over their columns, single heads over all rows of heads."""
    for level in range(one.depth):
        sheet.set_row(top + level, 46 if level == one.depth - 1 else 32)
    place = 0
    while place < len(one.columns):
        column = one.columns[place]
        if len(column.heads) == 1:
            _merged(sheet, top, place, top + one.depth - 1, place, column.heads[0], forms["head"])
            place += 1
            continue
        end = place
        while end + 1 < len(one.columns) and one.columns[end + 1].heads[:1] == column.heads[:1]:
            end += 1
        _merged(sheet, top, place, top, end, column.heads[0], forms["head"])
        for number in range(place, end + 1):
            _merged(sheet, top + 1, number, top + one.depth - 1, number, one.columns[number].heads[1], forms["head"])
        place = end + 1


def _merged(sheet: Any, row: int, column: int, last_row: int, last_column: int, said: Words, form: Any) -> None:
    told = said.zh if said.same else f"{said.zh}\n{said.en}"
    if (row, column) == (last_row, last_column):
        sheet.write_string(row, column, told, form)
    else:
        sheet.merge_range(row, column, last_row, last_column, "", form)
        sheet.write_string(row, column, told, form)


def _text(value: Cell) -> str:
    """What a cell says in words; nothing for numbers."""
    if value is None or isinstance(value, Quantity):
        return ""
    return value.zh if isinstance(value, Words) else value


def _value(sheet: Any, row: int, column: int, value: Cell, forms: dict[str, Any], total: bool) -> None:
    if isinstance(value, Quantity):
        if value.known:
            sheet.write_number(row, column, (value.value or 0.0) / SCALE.get(value.unit, 1), forms["sum" if total else "number"])
        else:
            sheet.write_string(row, column, value.flag if value.flag != "V" else "NE", forms["flag"])
    else:
        sheet.write_string(row, column, _safe(_text(value)), forms["bold" if total else "text"])


def _notes(sheet: Any, forms: dict[str, Any], one: Sheet, row: int) -> None:
    """Notes under the table, Chinese then English, as wide as the first columns of a page."""
    width = min(len(one.columns) - 1, 9)
    room = int(sum(column.width for column in one.columns[: width + 1]))
    for number, note in enumerate(one.notes, start=1):
        for line in (f"注{number}：{note.zh}", f"Note {number}: {note.en}"):
            row += 1
            sheet.merge_range(row, 0, row, width, "", forms["note"])
            sheet.write_string(row, 0, _safe(line), forms["note"])
            sheet.set_row(row, LINE * max(1, -(-_width(line) // room)))
