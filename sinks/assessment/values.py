"""Numbers of the rule and its checks: rows of ``values.csv`` with unit, source and locator."""

import csv
from decimal import Decimal
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _rows() -> dict[str, dict[str, str]]:
    with Path(__file__).with_name("values.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def value(id: str) -> Decimal:
    """The number of an id.

    Examples
    --------
    >>> value("t66")
    Decimal('0.4307')
    """
    return Decimal(_rows()[id]["value"])


def cited(id: str) -> str:
    """Source and place of a number, in words."""
    row = _rows()[id]
    return f"{row['source']}, {row['locator']} [{row['tag']}]"
