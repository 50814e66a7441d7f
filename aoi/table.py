"""The declaration of a table; reader, check, writer, schema and dictionary come from it.

A table that leaves a module is declared once, as a `Table` of `Column` values.
Files of tables are UTF-8 without BOM, LF, sorted by key, with fixed decimals.
"""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from aoi.findings import Finding, InputError, errors, finding

ColumnType = Literal["text", "integer", "decimal", "boolean"]

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
LONE_HYPHEN = "-"
"""The unit of a number without one; no spreadsheet takes it for a formula."""
_MOST_FINDINGS = 20
_SCHEMA_TYPE = {"text": "string", "integer": "integer", "decimal": "number", "boolean": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what it holds, in which unit, within which limits.

    Parameters
    ----------
    key : bool
        Part of the primary key; rows are sorted by the key columns in their order.
    needed : bool
        An empty cell is an error. Key columns are always needed.
    decimals : int, optional
        Fixed decimals in files, for ``decimal`` columns; None keeps the shortest
        text that reads back to the same float64.
    optional : bool
        The column may be absent from a file that a user gives.
    """

    name: str
    type: ColumnType
    title_zh: str
    title_en: str
    unit: str = ""
    description: str = ""
    key: bool = False
    needed: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    decimals: int | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: its name, its columns and what one row stands for."""

    name: str
    title_zh: str
    title_en: str
    row_per: str
    columns: tuple[Column, ...]
    extra_columns: bool = False

    @property
    def names(self) -> list[str]:
        """Column names in their order."""
        return [column.name for column in self.columns]

    @property
    def key(self) -> list[str]:
        """Names of the key columns in their order."""
        return [column.name for column in self.columns if column.key]

    def column(self, name: str) -> Column:
        """The column of a name."""
        return next(column for column in self.columns if column.name == name)

    def frame(self, rows: Iterable[dict[str, Any]] | dict[str, Any] = ()) -> pd.DataFrame:
        """A typed frame from rows or columns; columns not given are empty."""
        given = pd.DataFrame(rows if isinstance(rows, dict) else list(rows))
        return self.typed(given)

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with exactly this table's columns, in order and typed."""
        columns = {}
        for column in self.columns:
            if column.name in frame:
                columns[column.name] = _typed(frame[column.name], column.type)
            else:
                columns[column.name] = _empty(len(frame), column.type)
        return pd.DataFrame(columns, index=range(len(frame)) if not len(frame.columns) else None).reset_index(drop=True)

    def sorted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame sorted by key (a stable sort)."""
        return frame.sort_values(self.key, kind="stable", na_position="first").reset_index(drop=True)

    def check(self, frame: pd.DataFrame, where: str) -> list[Finding]:
        """All that is wrong with a typed frame: empty cells, limits, choices, patterns, double keys."""
        found: list[Finding] = []
        for column in self.columns:
            found += _check_column(frame[column.name], column, where)
        if self.key and len(frame):
            double = frame.duplicated(self.key, keep=False)
            for row in np.flatnonzero(double.to_numpy())[:_MOST_FINDINGS]:
                key = ", ".join(f"{name}={frame.at[row, name]}" for name in self.key)
                found.append(finding("E-TABLE-05", f"{where}: {_row(row)}", key=key, table=self.name))
        return found

    def write(self, frame: pd.DataFrame, path: Path) -> pd.DataFrame:
        """Write a table beside its place, then rename; returns what was written, checked and sorted.

        Raises
        ------
        InputError
            The frame does not keep its declaration.
        """
        ready = self.sorted(self.typed(frame))
        found = errors(self.check(ready, path.name))
        if found:
            raise InputError(found)
        replace_file(path, self.to_csv(ready).encode("utf-8"))
        return ready

    def to_csv(self, frame: pd.DataFrame) -> str:
        """The text of the file: UTF-8 without BOM, LF, fixed decimals, empty for missing."""
        columns = [_cells(frame[column.name], column) for column in self.columns]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.names)
        writer.writerows(zip(*columns, strict=True))
        return buffer.getvalue()

    def read(self, path: Path, where: str | None = None) -> pd.DataFrame:
        """Read a CSV file of this table; every cell is read as text and converted by declaration.

        Raises
        ------
        InputError
            With all findings: missing or double columns, short rows, cells that
            are not of their type, limits, double keys.
        """
        where = where or path.name
        text, _ = decode(path, where)
        frame, found = self.parse(text, where)
        found = errors(found)
        if found:
            raise InputError(found)
        return frame

    def parse(self, text: str, where: str) -> tuple[pd.DataFrame, list[Finding]]:
        """A typed frame from the text of a CSV file, and the findings."""
        try:
            rows = list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error as error:
            return self.frame(), [finding("E-TABLE-11", where, reason=str(error))]
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        if not rows:
            return self.frame(), [finding("E-TABLE-01", where, table=self.name, columns=", ".join(self.names))]
        head = [name.strip() for name in rows[0]]
        found = self._check_head(head, where)
        if errors(found):
            return self.frame(), found
        body = []
        for number, row in enumerate(rows[1:], start=2):
            if len(row) != len(head):
                found.append(finding("E-TABLE-03", f"{where}: {number}", cells=len(row), columns=len(head)))
                continue
            body.append(row)
        columns: dict[str, Any] = {}
        for column in self.columns:
            if column.name not in head:
                columns[column.name] = _empty(len(body), column.type)
                continue
            position = head.index(column.name)
            columns[column.name], wrong = _parse([row[position] for row in body], column, where)
            found += wrong
        if self.extra_columns:
            for position, name in enumerate(head):
                if name not in columns:
                    columns[name] = pd.Series([row[position] for row in body], dtype="object")
        frame = pd.DataFrame(columns)
        if not errors(found):
            found += self.check(frame, where)
        return frame, found

    def _check_head(self, head: Sequence[str], where: str) -> list[Finding]:
        found = []
        for name in sorted({name for name in head if head.count(name) > 1}):
            found.append(finding("E-TABLE-02", where, column=name))
        missing = [column.name for column in self.columns if column.name not in head and not column.optional]
        if missing:
            found.append(finding("E-TABLE-04", where, missing=", ".join(missing), found=", ".join(head)))
        extra = [name for name in head if name not in self.names]
        if extra and not self.extra_columns:
            found.append(finding("E-TABLE-09", where, extra=", ".join(extra), columns=", ".join(self.names)))
        return found

    def schema(self) -> dict[str, Any]:
        """The table as a Frictionless Table Schema."""
        fields = []
        for column in self.columns:
            constraints: dict[str, Any] = {}
            if column.needed or column.key:
                constraints["required"] = True
            if column.minimum is not None:
                constraints["minimum"] = column.minimum
            if column.maximum is not None:
                constraints["maximum"] = column.maximum
            if column.choices:
                constraints["enum"] = list(column.choices)
            if column.pattern:
                constraints["pattern"] = column.pattern
            fields.append(
                {
                    "name": column.name,
                    "type": _SCHEMA_TYPE[column.type],
                    "title": column.title_zh,
                    "description": " ".join(filter(None, (column.title_en, f"[{column.unit}]" if column.unit else "", column.description))),
                    **({"constraints": constraints} if constraints else {}),
                }
            )
        return {"fields": fields, "primaryKey": self.key, "missingValues": [""]}

    def dictionary(self) -> list[dict[str, str | bool]]:
        """Rows of the data dictionary, one per column."""
        return [
            {
                "table": self.name,
                "column": column.name,
                "type": column.type,
                "unit": column.unit,
                "key": column.key,
                "title_zh": column.title_zh,
                "title_en": column.title_en,
                "description": column.description,
                "choices": " ".join(column.choices),
            }
            for column in self.columns
        ]


DICTIONARY = Table(
    name="dictionary",
    title_zh="数据字典",
    title_en="Data dictionary",
    row_per="table and column",
    columns=(
        Column(name="table", type="text", title_zh="表", title_en="Table", key=True),
        Column(name="column", type="text", title_zh="列", title_en="Column", key=True),
        Column(name="type", type="text", title_zh="类型", title_en="Type"),
        Column(name="unit", type="text", title_zh="单位", title_en="Unit"),
        Column(name="key", type="boolean", title_zh="主键", title_en="Key"),
        Column(name="title_zh", type="text", title_zh="中文名", title_en="Chinese title"),
        Column(name="title_en", type="text", title_zh="英文名", title_en="English title"),
        Column(name="description", type="text", title_zh="说明", title_en="Description"),
        Column(name="choices", type="text", title_zh="取值", title_en="Choices"),
    ),
)


def replace_file(path: Path, content: bytes) -> None:
    """Write bytes beside a file, flush them to disk, and rename: readers see the old or the new, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except PermissionError as error:
        raise InputError(finding("E-FILE-05", path.name)) from error
    finally:
        beside.unlink(missing_ok=True)


def decode(path: Path, where: str) -> tuple[str, str]:
    """The text of a file and the encoding that read it: UTF-8 (with or without BOM), UTF-16 by BOM, else GB 18030.

    Raises
    ------
    InputError
        No such file, or bytes that none of them reads.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(finding("E-FILE-01", where)) from error
    except OSError as error:
        raise InputError(finding("E-FILE-02", where, reason=error.strerror or type(error).__name__)) from error
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise InputError(finding("E-FILE-03", where))


def _typed(series: pd.Series, type: ColumnType) -> pd.Series:
    if type == "integer":
        return series.astype("Int64")
    if type == "decimal":
        return series.astype("float64")
    if type == "boolean":
        return series.astype("boolean")
    return series.astype("object").where(series.notna(), None)


def _empty(length: int, type: ColumnType) -> pd.Series:
    value = {"integer": pd.NA, "decimal": np.nan, "boolean": pd.NA, "text": None}[type]
    return _typed(pd.Series([value] * length, dtype="object"), type)


def _row(position: int) -> str:
    """The line of a row in its file: the head is line 1."""
    return str(position + 2)


def _parse(cells: Sequence[str], column: Column, where: str) -> tuple[pd.Series, list[Finding]]:
    plain = _parse_plain(cells, column)
    if plain is not None:
        return plain, []
    found: list[Finding] = []
    values: list[Any] = []
    widened = False
    for number, cell in enumerate(cells):
        text = unicodedata.normalize("NFKC", cell).strip() if column.type != "text" else cell.strip()
        widened |= column.type != "text" and text != cell.strip()
        try:
            values.append(_convert(text, column.type))
        except ValueError:
            values.append(_MISSING[column.type])
            if len(found) < _MOST_FINDINGS:
                found.append(finding("E-TABLE-06", f"{where}: {_row(number)}, {column.name}", value=cell, type=column.type))
    if widened:
        found.append(finding("N-TABLE-01", f"{where}: {column.name}"))
    return _typed(pd.Series(values, dtype="object"), column.type), found


def _parse_plain(cells: Sequence[str], column: Column) -> pd.Series | None:
    """The values of a column of plain numbers, at once; none where a cell needs a closer look."""
    if column.type not in ("integer", "decimal") or not set("".join(cells)) <= _PLAIN[column.type]:
        return None
    try:
        if column.type == "decimal":
            return pd.Series([float(cell) if cell else np.nan for cell in cells], dtype="float64")
        if "" not in cells:
            return pd.Series([_whole(cell) for cell in cells], dtype="Int64")
    except ValueError:
        return None
    return None


_PLAIN = {"integer": set("0123456789-"), "decimal": set("0123456789+-.eE")}
_MISSING: dict[str, Any] = {"integer": pd.NA, "decimal": np.nan, "boolean": pd.NA, "text": None}
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def _convert(text: str, type: ColumnType) -> Any:
    if text == "":
        return _MISSING[type]
    if type == "text":
        return text
    if type == "boolean":
        return {"true": True, "false": False, "1": True, "0": False}[text.lower()] if text.lower() in {"true", "false", "1", "0"} else _refuse(text)
    if type == "integer":
        return _whole(text) if _INTEGER.fullmatch(text) else _refuse(text)
    return float(text) if _DECIMAL.fullmatch(text) else _refuse(text)


def _whole(text: str) -> int:
    """The whole number of a text; one that no 64-bit integer holds is refused."""
    if len(text) > _MOST_DIGITS:
        raise ValueError(text)
    return int(text)


_MOST_DIGITS = 18


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _check_column(series: pd.Series, column: Column, where: str) -> list[Finding]:
    missing = series.isna().to_numpy()
    bad: list[tuple[np.ndarray, str, dict[str, object]]] = []
    if column.needed or column.key:
        bad.append((missing, "E-TABLE-07", {}))
    if column.type in ("integer", "decimal"):
        values = series.to_numpy(dtype="float64", na_value=np.nan)
        bad.append((np.isinf(values), "E-TABLE-08", {"limit": "finite"}))
        if column.minimum is not None:
            bad.append((values < column.minimum, "E-TABLE-08", {"limit": f">= {column.minimum:g}"}))
        if column.maximum is not None:
            bad.append((values > column.maximum, "E-TABLE-08", {"limit": f"<= {column.maximum:g}"}))
    if column.type == "text":
        texts = series.where(~missing, "").astype(str)
        if column.choices:
            bad.append(((~texts.isin(column.choices) & ~missing).to_numpy(), "E-TABLE-08", {"limit": " | ".join(column.choices)}))
        elif column.pattern:
            bad.append(((~texts.str.fullmatch(column.pattern) & ~missing).to_numpy(), "E-TABLE-08", {"limit": column.pattern}))
        else:
            formula = texts.str.startswith(_FORMULA_START) & (texts != LONE_HYPHEN)
            bad.append((formula.to_numpy(), "E-TABLE-10", {}))
    found = []
    for rows, id, values_of in bad:
        for row in np.flatnonzero(rows)[:_MOST_FINDINGS]:
            found.append(finding(id, f"{where}: {_row(row)}, {column.name}", value=series.iloc[row], **values_of))
    return found


def _cells(series: pd.Series, column: Column) -> list[str]:
    if column.type == "decimal":
        if column.decimals is None:
            return ["" if value != value else repr(value + 0.0) for value in series.tolist()]
        form = f"%.{column.decimals}f"
        zero = form % 0.0
        return ["" if value != value else _unsigned_zero(form % value, zero) for value in series.tolist()]
    if column.type == "boolean":
        return ["" if value is pd.NA else str(bool(value)).lower() for value in series.tolist()]
    return ["" if value is None or value is pd.NA or value != value else str(value) for value in series.tolist()]


def _unsigned_zero(text: str, zero: str) -> str:
    return zero if text == f"-{zero}" else text
