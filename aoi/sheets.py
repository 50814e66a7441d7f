"""Tables that people fill in, from CSV or Excel, with Chinese or English heads, brought to the declared columns.

A workbook is opened only after its archive was looked at. What a spreadsheet can do
to numbers without saying so is refused with the address of the cell: merged cells,
hidden rows, formulas without a value, errors.
"""

import csv
import io
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.findings import Finding, InputError, errors, finding
from aoi.table import Column, Table, decode

MOST_BYTES = 200_000_000
"""Most that a workbook may unpack to."""
MOST_RATIO = 200
"""Most that a part of a workbook may be packed."""
_MOST_FINDINGS = 20
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_YES = {"是": "true", "否": "false", "yes": "true", "no": "false", "true": "true", "false": "false"}
_UNITS = {
    "厘米": "cm", "米": "m", "毫米": "mm", "公顷": "ha", "平方米": "m2", "立方米": "m3", "年": "yr", "吨": "t", "度": "degree", "°": "degree", "a": "yr",
    "m3/ha": "m3 ha-1", "立方米/公顷": "m3 ha-1", "t/ha": "t ha-1", "吨/公顷": "t ha-1", "tC/ha": "tC ha-1", "t d.m./ha": "t d.m. ha-1",
    "t d.m./m3": "t d.m. m-3", "羊单位": "SU", "羊单位/公顷": "SU ha-1", "SU/ha": "SU ha-1", "g/kg": "g kg-1", "株/公顷": "plant ha-1",
}  # fmt: skip


SameUnit = Callable[[str, str], bool]
"""Whether a unit as people write it (in a plain spelling) is a declared one."""


def same_words(given: str, declared: str) -> bool:
    """Units that are spelt alike."""
    return given.replace(" ", "") == declared.replace(" ", "")


def read_sheet(
    path: Path, table: Table, where: str, sheet: str | None = None, same_unit: SameUnit = same_words,
    words: Mapping[str, Mapping[str, str]] = {},
) -> tuple[pd.DataFrame, list[Finding]]:  # fmt: skip
    """A typed frame of a declared table from a CSV file or a sheet of a workbook, and all findings.

    ``words`` are those that people use for the codes of a column. The frame is empty
    where the findings hold an error.
    """
    rows, found = _rows(path, table, where, sheet)
    if errors(found):
        return table.frame(), found
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return table.frame(), [*found, finding("E-TABLE-01", where, table=table.name, columns=", ".join(table.names))]
    names, more = column_names(rows[0], table, where, same_unit)
    found += more
    if errors(found):
        return table.frame(), found
    frame, more = table.parse(_as_csv([names, *_coded(rows[1:], names, words)], table), where)
    found += more
    return (table.frame(), found) if errors(found) else (frame, found)


def _coded(rows: Sequence[Sequence[str]], names: Sequence[str], words: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """Rows with the codes of words; what is no such word stays."""
    meant = {place: {_word(word): code for word, code in words[name].items()} for place, name in enumerate(names) if name in words}
    return [[meant[place].get(_word(cell), cell) if place in meant else cell for place, cell in enumerate(row)] for row in rows]


def column_names(heads: Sequence[str], table: Table, where: str, same_unit: SameUnit = same_words) -> tuple[list[str], list[Finding]]:
    """The declared names behind the heads of a file: name, Chinese or English title, with the unit in brackets or without."""
    by_word: dict[str, Column] = {}
    for column in table.columns:
        for word in (column.name, column.title_zh, column.title_en):
            by_word.setdefault(_word(word), column)
    names, found = [], []
    for head in heads:
        title, unit = _split_unit(head)
        found_column = by_word.get(_word(head), by_word.get(_word(title)))
        if found_column is None:
            names.append(head.strip())
            continue
        names.append(found_column.name)
        if unit and _word(head) not in by_word and not same_unit(_UNITS.get(unit, unit), found_column.unit or "-"):
            found.append(finding("E-SHEET-05", f"{where}: {head.strip()}", unit=unit, expected=found_column.unit or "-"))
    return names, found


def _word(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _split_unit(head: str) -> tuple[str, str]:
    """A head without its last bracket, and what stands in it."""
    text = unicodedata.normalize("NFKC", head).strip()
    for open_, close in (("(", ")"), ("[", "]")):
        if text.endswith(close) and open_ in text:
            title, _, unit = text[:-1].rpartition(open_)
            return title.strip(), unit.strip()
    return text, ""


def _as_csv(rows: Sequence[Sequence[str]], table: Table) -> str:
    """Rows as CSV text; columns without a head and without a cell are left out, yes and no become what the table takes."""
    width = len(rows[0])
    kept = [place for place in range(width) if rows[0][place] or any(len(row) > place and row[place].strip() for row in rows[1:])]
    yes_no = {
        place for place, name in enumerate(rows[0]) if any(column.name == name and column.type == "boolean" for column in table.columns)
    }
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for number, row in enumerate(rows):
        if len(row) != width:
            writer.writerow(row)
            continue
        writer.writerow([_YES.get(_word(row[place]), row[place]) if place in yes_no and number else row[place] for place in kept])
    return buffer.getvalue()


def _rows(path: Path, table: Table, where: str, sheet: str | None) -> tuple[list[list[str]], list[Finding]]:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError as error:
        raise InputError(finding("E-FILE-01", where)) from error
    except OSError as error:
        raise InputError(finding("E-FILE-02", where, reason=error.strerror or type(error).__name__)) from error
    if head.startswith(_OLD_EXCEL):
        return [], [finding("E-SHEET-06", where)]
    if head.startswith(_ZIP):
        return _workbook(path, table, where, sheet)
    if sheet:
        return [], [finding("E-SHEET-07", where, sheet=sheet, sheets="-")]
    text, encoding = decode(path, where)
    notes = [] if encoding.startswith("utf-8") else [finding("N-CONF-01", where, encoding=encoding)]
    try:
        return [list(row) for row in csv.reader(io.StringIO(text, newline=""))], notes
    except csv.Error as error:
        return [], [finding("E-TABLE-11", where, reason=str(error))]


def _workbook(path: Path, table: Table, where: str, sheet: str | None) -> tuple[list[list[str]], list[Finding]]:
    import openpyxl

    found = _check_archive(path, where)
    if found:
        return [], found
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = openpyxl.load_workbook(path, data_only=True)
            formulas = openpyxl.load_workbook(path)
    except Exception as error:  # a broken workbook can fail anywhere in the parser of the archive, of XML or of openpyxl
        return [], [finding("E-SHEET-08", where, reason=type(error).__name__)]
    names = values.sheetnames
    named = [name for name in names if _word(name) in {table.name, _word(table.title_zh), _word(table.title_en)}]
    wanted = sheet or (names[0] if len(names) == 1 else named[0] if len(named) == 1 else None)
    if wanted not in names:
        return [], [finding("E-SHEET-07", where, sheet=wanted or "-", sheets=", ".join(names))]
    place = f"{where}[{wanted}]" if len(names) > 1 else where
    return _cells(values[wanted], formulas[wanted], place)


def _check_archive(path: Path, where: str) -> list[Finding]:
    """A workbook that unpacks to more than is sensible, or holds what no workbook holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:  # the last: an archive of a later version of the format
        return [finding("E-SHEET-08", where, reason=type(error).__name__)]
    size = sum(part.file_size for part in parts)
    packed = any(part.file_size > MOST_RATIO * max(1, part.compress_size) and part.file_size > MOST_RATIO**2 for part in parts)
    if size > MOST_BYTES or packed:
        return [finding("E-SHEET-09", where, size=size, most=MOST_BYTES)]
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        return [finding("E-SHEET-08", where, reason="xl/workbook.xml")]
    return []


def _cells(values: Any, formulas: Any, where: str) -> tuple[list[list[str]], list[Finding]]:
    """The cells of a sheet as texts, and what makes them doubtful."""
    found = [finding("E-SHEET-01", f"{where}: {merged}") for merged in sorted(map(str, formulas.merged_cells.ranges))[:_MOST_FINDINGS]]
    hidden = [str(row) for row, one in sorted(formulas.row_dimensions.items()) if one.hidden and row <= formulas.max_row]
    hidden += [column for column, one in sorted(formulas.column_dimensions.items()) if one.hidden]
    if hidden:
        found.append(finding("E-SHEET-02", where, hidden=", ".join(hidden[:_MOST_FINDINGS])))
    rows, computed = [], 0
    for value_row, formula_row in zip(values.iter_rows(), formulas.iter_rows(), strict=True):
        texts = []
        for value, formula in zip(value_row, formula_row, strict=True):
            is_formula = formula.data_type == "f"
            computed += is_formula
            if is_formula and value.value is None and len(found) < _MOST_FINDINGS:
                found.append(finding("E-SHEET-03", f"{where}: {value.coordinate}", formula=str(formula.value)[:60].lstrip("=+-@")))
            if value.data_type == "e" and len(found) < _MOST_FINDINGS:
                found.append(finding("E-SHEET-04", f"{where}: {value.coordinate}", error=value.value))
            texts.append(_text(value.value))
        rows.append(texts)
    if computed and not errors(found):
        found.append(finding("N-SHEET-01", where, cells=computed))
    return rows, found


def _text(value: Any) -> str:
    """A cell as text: whole numbers without a point, dates as YYYY-MM-DD, yes and no as true and false."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
