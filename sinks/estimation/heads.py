"""Names of columns: those that people use become those that tables declare."""

import csv
import io
from collections.abc import Mapping


def renamed_head(text: str, names: Mapping[str, str]) -> str:
    """The text of a CSV file, its columns called as they are declared."""
    head, newline, rest = text.lstrip("\ufeff").partition("\n")
    columns = [name.strip() for name in next(csv.reader([head.rstrip("\r")]), [])]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([names.get(name, name) for name in columns])
    return buffer.getvalue() + newline + rest
