"""Names of columns: those that people use become those that tables declare."""

import csv
import io
from collections.abc import Mapping


def head_of(text: str) -> list[str]:
    """The names of the columns of a CSV text; none where the first line is no head."""
    head = text.lstrip("\ufeff").partition("\n")[0].rstrip("\r")
    try:
        return [name.strip() for name in next(csv.reader([head]), [])]
    except csv.Error:
        return []


def renamed_head(text: str, names: Mapping[str, str]) -> str:
    """The text of a CSV file, its columns called as they are declared."""
    _, newline, rest = text.lstrip("\ufeff").partition("\n")
    columns = head_of(text)
    if not columns:
        return text
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([names.get(name, name) for name in columns])
    return buffer.getvalue() + newline + rest
