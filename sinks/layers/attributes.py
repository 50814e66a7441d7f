"""From the texts and numbers of an attribute column to class codes and values; what cannot be read is counted and told once.

Every distinct text is looked at once. Full-width digits and letters are read as
plain ones, which is noted; nothing else is guessed (FAULTS T4).
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, finding
from sinks.layers.layer import MISSING_CLASS, MOST_CODE
from sinks.layers.vector import Attribute

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_SHOWN = 10
_MOST_TEXTS = 1000


@dataclass(slots=True)
class _Told:
    """How often something was met, with examples in the order of meeting."""

    number: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, number: int, examples: list[str]) -> None:
        self.number += number
        self.examples += [one for one in examples if one not in self.examples][: max(0, _SHOWN - len(self.examples))]

    def words(self) -> str:
        return ", ".join(self.examples) + (", ..." if self.number > len(self.examples) else "")


@dataclass(slots=True)
class Complaints:
    """What is wrong with attributes, over all batches of a file."""

    unknown: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    kinds: dict[tuple[str, str, str], _Told] = field(default_factory=dict)
    limits: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def add(self, id: str, label: str, column: str, number: int, examples: list[str]) -> None:
        """Something was met so often."""
        if number:
            self.kinds.setdefault((id, label, column), _Told()).add(number, examples)

    def merge(self, others: "Complaints") -> None:
        """Take in what was heard elsewhere."""
        for key, texts in others.unknown.items():
            self.unknown.setdefault(key, Counter()).update(texts)
        for (id, label, column), told in others.kinds.items():
            self.add(id, label, column, told.number, told.examples)
        self.limits.update(others.limits)

    def findings(self) -> list[Finding]:
        """All of them, each kind once for a file and column."""
        found = []
        for (label, column), texts in self.unknown.items():
            shown = ", ".join(f"{text!r}: {number}" for text, number in sorted(texts.items(), key=lambda one: (-one[1], one[0]))[:_SHOWN])
            found.append(finding("E-TUBAN-04", f"{label}: {column}", values=shown + (", ..." if len(texts) > _SHOWN else ""), n=len(texts)))
        for (id, label, column), told in self.kinds.items():
            low, high = self.limits.get((label, column), (-np.inf, np.inf))
            place = f"{label}: {column}" if column else label
            found.append(finding(id, place, n=told.number, examples=told.words(), low=f"{low:g}", high=f"{high:g}"))
        return found


def classes_of(column: NDArray[Any], ids: Ints, attribute: Attribute, label: str, said: Complaints) -> NDArray[np.int32]:
    """Codes of a column of texts or whole numbers; -1 for empty and ignored ones, and for those that no legend knows (a finding)."""
    place, distinct, often = _distinct(column)
    known = dict(attribute.codes)
    codes = np.full(len(distinct) + 1, MISSING_CLASS, dtype=np.int32)
    wide: list[str] = []
    for number, raw in enumerate(distinct):
        text = plain_text(raw)
        if text != raw.strip():
            wide.append(raw)
        if not text or text in attribute.ignore:
            continue
        code = code_of(text, known)
        if code is None:
            counted = said.unknown.setdefault((label, attribute.field), Counter())
            if text in counted or len(counted) < _MOST_TEXTS:
                counted[text] += int(often[number])
        else:
            codes[number] = code
    said.add("N-TUBAN-05", label, attribute.field, len(wide), wide)
    return codes[place]


def code_of(text: str, known: Mapping[str, int]) -> int | None:
    """The code of a text: as it stands, else as a whole number without leading zeros; without a legend whole numbers are codes."""
    if text in known:
        return known[text]
    if not (text.isascii() and text.isdigit()) or int(text) > MOST_CODE:
        return None
    return known.get(str(int(text))) if known else int(text)


def plain_text(raw: str) -> str:
    """A text without blanks at its ends, full-width signs made plain."""
    return unicodedata.normalize("NFKC", raw).strip()


def _distinct(column: NDArray[Any]) -> tuple[NDArray[np.intp], list[str], NDArray[np.intp]]:
    """Where each value stands among the distinct texts (-1 for missing), these texts, and how often each stands there."""
    if column.dtype.kind in "iufb":
        values, place = np.unique(column.astype(np.float64), return_inverse=True)
        texts = [str(int(one)) if np.isfinite(one) and one == np.floor(one) else str(one) for one in values.tolist()]
        place = np.where(np.isnan(values)[place], -1, place)
    else:
        place, distinct = pd.factorize(column)
        texts = [str(one) for one in distinct]
    return place, texts, np.bincount(place[place >= 0], minlength=len(texts))


def values_of(column: NDArray[Any], ids: Ints, attribute: Attribute, label: str, said: Complaints) -> Floats:
    """Numbers of a column; NaN for empty and ignored ones. What is no number, not finite or cannot be is a finding."""
    values = numbers_of(column, attribute.field, label, said)
    for text in attribute.ignore:
        values[values == _number(text)] = np.nan
    infinite = np.isinf(values)
    said.add("E-TUBAN-06", label, attribute.field, int(infinite.sum()), [f"inf ({id})" for id in ids[infinite][:_SHOWN]])
    return np.where(infinite, np.nan, values)


def numbers_of(column: NDArray[Any], name: str, label: str, said: Complaints) -> Floats:
    """The numbers of a column of numbers or of texts; a text that is none is a finding."""
    if column.dtype.kind in "iufb":
        return column.astype(np.float64)
    place, distinct, often = _distinct(column)
    values = np.full(len(distinct) + 1, np.nan)
    wrong, wide, count = [], [], 0
    for number, raw in enumerate(distinct):
        text = plain_text(raw)
        if text != raw.strip():
            wide.append(raw)
        if text:
            values[number] = _number(text)
            if np.isnan(values[number]):
                wrong.append(repr(text))
                count += int(often[number])
    said.add("E-TUBAN-06", label, name, count, wrong)
    said.add("N-TUBAN-05", label, name, len(wide), wide)
    return values[place]


def _number(text: str) -> float:
    """The number of a text, NaN where it is none; no thousands marks, no words."""
    try:
        return float(text) if "_" not in text else np.nan
    except ValueError:
        return np.nan


def checked_range(values: Floats, ids: Ints, attribute: Attribute, label: str, said: Complaints) -> Floats:
    """Values within what can be; others are missing, and a finding where the user did not declare the range."""
    if attribute.valid is None:
        return values
    low, high = attribute.valid
    outside = (values < low) | (values > high)
    if outside.any() and not attribute.valid_declared:
        said.limits[label, attribute.field] = low, high
        examples = [f"{values[at]:g} ({ids[at]})" for at in np.flatnonzero(outside)[:_SHOWN]]
        said.add("E-TUBAN-07", label, attribute.field, int(outside.sum()), examples)
    return np.where(outside, np.nan, values)
