"""Rows of a table from CSV or Excel, one at a time, checked cell by cell: a million rows need no more memory than one."""

import csv
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aoi.findings import Finding, InputError, finding
from aoi.table import LONE_HYPHEN, Column, Table

MOST_FINDINGS = 50
MOST_LETTERS = 2000
"""Of a cell; no text of ours is longer."""
MOST_UNPACKED = 2 << 30
"""Bytes of a workbook when it is unpacked."""
_MOST_REMEMBERED = 4096
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?\d{1,18}(\.\d{1,12})?")
_ZIP = b"PK\x03\x04"

Check = Callable[[str], str]


class Refused(Exception):
    """A cell that is not as declared: id of the finding and its values."""

    def __init__(self, id: str, **values: object) -> None:
        self.id = id
        self.values = values
        super().__init__(id)


def read_rows(path: Path, table: Table, where: str, found: list[Finding]) -> Iterator[tuple[int, list[str]]]:
    """Line number and canonical cells, in the order of the columns, of every row that is as declared; what is wrong goes to ``found``.

    Canonical: no spaces around, full-width digits made plain, whole numbers
    without leading zeros, decimals with the table's places or none too many.

    Raises
    ------
    InputError
        The file cannot be read, or its head is not that of the table.
    """
    lines = _excel_rows(path, where) if _starts(path, where) == _ZIP else _csv_rows(path, where)
    head = [cell.strip() for cell in next(lines, (0, []))[1]]
    places = _places(head, table, where)
    checks = [_Checked(column) for column in table.columns]
    memories = [check.seen for check in checks]
    plain = places == list(range(len(head)))
    for number, cells in lines:
        if len(cells) != len(head):
            if any(cells):
                _note(found, finding("E-TABLE-03", f"{where}: {number}", cells=len(cells), columns=len(head)))
            continue
        ordered = cells if plain else [cells[place] if place >= 0 else "" for place in places]
        row = [memory.get(cell) for memory, cell in zip(memories, ordered, strict=True)]
        if None not in row:
            yield number, row  # type: ignore[misc]
        elif any(cells) and (checked := _row(ordered, row, checks, f"{where}: {number}", found)) is not None:
            yield number, checked


def _row(
    cells: Sequence[str], known: Sequence[str | None], checks: Sequence["_Checked"], where: str, found: list[Finding]
) -> list[str] | None:
    """The canonical cells of a row; None, with findings, where one is not as declared."""
    out: list[str] = []
    for cell, one, check in zip(cells, known, checks, strict=True):
        if one is not None:
            out.append(one)
            continue
        try:
            out.append(check(cell))
        except Refused as error:
            _note(found, finding(error.id, f"{where}, {check.column.name}", **error.values))
    return out if len(out) == len(cells) else None


def _note(found: list[Finding], one: Finding) -> None:
    if len(found) < MOST_FINDINGS:
        found.append(one)


class _Checked:
    """A column's check, with a memory of what passed: most columns hold few different texts."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.seen: dict[str, str] = {}
        self._check = _check_of(column)

    def __call__(self, text: str) -> str:
        cell = self._check(text)
        if len(self.seen) < _MOST_REMEMBERED:
            self.seen[text] = cell
        return cell


def _check_of(column: Column) -> Check:
    """The check of a column: raw text to canonical text, or `Refused`."""
    pattern = re.compile(column.pattern) if column.pattern else None
    needed = column.needed or column.key
    number = {"integer": _whole, "decimal": _decimal, "text": None, "boolean": _truth}[column.type]

    def check(text: str) -> str:
        cell = text.strip()
        if len(cell) > MOST_LETTERS or not (cell.isprintable() or _harmless(cell)):
            raise Refused("E-TABLE-08", value=_shown(cell), limit="text")
        if not cell:
            if needed:
                raise Refused("E-TABLE-07", value="")
            return ""
        if number is not None:
            return number(cell if cell.isascii() else unicodedata.normalize("NFKC", cell), column)
        if column.choices:
            if cell not in column.choices:
                raise Refused("E-TABLE-08", value=_shown(cell), limit=" | ".join(column.choices))
        elif pattern is not None:
            if not pattern.fullmatch(cell):
                raise Refused("E-TABLE-08", value=_shown(cell), limit=column.pattern)
        elif cell.startswith(_FORMULA_START) and cell != LONE_HYPHEN:
            raise Refused("E-TABLE-10", value=_shown(cell))
        return cell

    return check


def _harmless(text: str) -> bool:
    """Only letters and kinds of space: nothing that steers a terminal or turns the direction of a text."""
    return not any(unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") for letter in text)


def _whole(text: str, column: Column) -> str:
    if not _INTEGER.fullmatch(text):
        raise Refused("E-TABLE-06", value=_shown(text), type=column.type)
    _within(int(text), text, column)
    return str(int(text))


def _decimal(text: str, column: Column) -> str:
    """A decimal as it stands, rounded to the places of its column only where it has fewer."""
    try:
        number = Decimal(text) if _DECIMAL.fullmatch(text) else None
    except InvalidOperation:
        number = None
    if number is None:
        raise Refused("E-TABLE-06", value=_shown(text), type=column.type)
    _within(number, text, column)
    if column.decimals is None:
        plain = format(number.normalize(), "f")
        return "0" if plain in ("-0", "") else plain
    if -int(number.normalize().as_tuple().exponent) > column.decimals:
        raise Refused("E-TABLE-08", value=_shown(text), limit=f"{column.decimals} decimals")
    return f"{number + 0:.{column.decimals}f}"


def _truth(text: str, column: Column) -> str:
    if text.lower() not in ("true", "false"):
        raise Refused("E-TABLE-06", value=_shown(text), type=column.type)
    return text.lower()


def _within(number: Decimal | int, text: str, column: Column) -> None:
    if column.minimum is not None and number < column.minimum:
        raise Refused("E-TABLE-08", value=_shown(text), limit=f">= {column.minimum:g}")
    if column.maximum is not None and number > column.maximum:
        raise Refused("E-TABLE-08", value=_shown(text), limit=f"<= {column.maximum:g}")


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _places(head: list[str], table: Table, where: str) -> list[int]:
    """Where each column of the table stands in the head; -1 where an optional one is absent."""
    if not any(head):
        raise InputError(finding("E-TABLE-01", where, table=table.name, columns=", ".join(table.names)))
    found = [finding("E-TABLE-02", where, column=name) for name in sorted({name for name in head if head.count(name) > 1})]
    missing = [column.name for column in table.columns if column.name not in head and not column.optional]
    if missing:
        found.append(finding("E-TABLE-04", where, missing=", ".join(missing), found=_shown(", ".join(head))))
    extra = [name for name in head if name not in table.names]
    if extra:
        found.append(finding("E-TABLE-09", where, extra=_shown(", ".join(extra)), columns=", ".join(table.names)))
    if found:
        raise InputError(found)
    return [head.index(name) if name in head else -1 for name in table.names]


def _starts(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except FileNotFoundError as error:
        raise InputError(finding("E-FILE-01", where)) from error
    except OSError as error:
        raise InputError(finding("E-FILE-02", where, reason=error.strerror or type(error).__name__)) from error


def _csv_rows(path: Path, where: str) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=_encoding(path, where), newline="") as file:
        lines = csv.reader(file)
        try:
            for cells in lines:
                yield lines.line_num, cells
        except csv.Error as error:
            raise InputError(finding("E-TABLE-11", f"{where}: {lines.line_num}", reason=str(error))) from error


def _encoding(path: Path, where: str) -> str:
    """UTF-8 with or without BOM, UTF-16 by BOM, else GB 18030; found by reading the file once."""
    with path.open("rb") as file:
        marked = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding, newline="") as text:
                while text.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise InputError(finding("E-FILE-03", where))


def _excel_rows(path: Path, where: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet; a formula is refused, a date becomes its text."""
    from openpyxl import load_workbook

    _check_size(path, where)
    with path.open("rb") as file:
        try:
            book = load_workbook(file, read_only=True, data_only=False)
            rows = book.worksheets[0].iter_rows(values_only=True)
            head = [_cell_text(cell, f"{where}: 1") for cell in next(rows, ())]
        except _BROKEN as error:
            raise InputError(finding("E-FILE-02", where, reason=type(error).__name__)) from error
        width = len(head) if "" not in head else head.index("")
        yield 1, head[:width]
        try:
            for number, row in enumerate(rows, start=2):
                cells = [_cell_text(cell, f"{where}: {number}") for cell in row]
                yield number, cells if any(cells[width:]) else (cells + [""] * width)[:width]
        except _BROKEN as error:
            raise InputError(finding("E-FILE-02", where, reason=type(error).__name__)) from error
        finally:
            book.close()


_BROKEN = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, EOFError, zipfile.BadZipFile, zlib.error)
"""What openpyxl raises for workbooks that are none."""


def _check_size(path: Path, where: str) -> None:
    """Refuse a workbook that would unpack to more than any ledger holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise InputError(finding("E-FILE-02", where, reason=type(error).__name__)) from error
    if size > MOST_UNPACKED:
        raise InputError(finding("E-FILE-02", where, reason=f"{size} > {MOST_UNPACKED} bytes"))


def _cell_text(cell: Any, where: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return cell.strftime("%Y-%m-%d")
    if isinstance(cell, float):
        return format(Decimal(repr(cell)), "f") if not cell.is_integer() else str(int(cell))
    if isinstance(cell, str) and cell.startswith("="):
        raise InputError(finding("E-TABLE-10", where, value=_shown(cell)))
    return str(cell)
