"""What strata tell of the past of land: when its class last changed, what it was before, how old its stands are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Names = NDArray[np.object_]

AGE_RANGE = re.compile(r"(?:age_)?(\d{1,4})[-_](\d{0,4})")
"""An age class by name: first age, and the first of the next class; nothing where it is open. In legends of survey polygons ``age_20_40``, ``age_100_``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The maps, or the user's table, that tell when land changed.

    Parameters
    ----------
    years : tuple of int
        Years of the maps; empty for a user's own layer of years.
    since : int
        First year that is known: ``history_from``.
    first : int
        First date of the run: changes after it are those of its intervals.
    """

    years: tuple[int, ...]
    since: int
    first: int

    def seen(self, year: Floats) -> tuple[Floats, Floats]:
        """The two years between which a change was seen that a cohort's year names; the year before, where no maps are known."""
        years = np.array(self.years, dtype=np.float64)
        if not len(years):
            return year - 1.0, year
        place = np.searchsorted(years, year)
        return np.where(np.isnan(year) | (place == 0), year - 1.0, years[np.maximum(place - 1, 0)]), year


def year_of(names: Names, at: Ints) -> Floats:
    """The year of the last change of each row; NaN where none is known at its date."""
    values, place = np.unique(names.astype(str), return_inverse=True)
    years = np.array([float(one) if one.isdigit() else np.nan for one in values])[place.reshape(-1)]
    return np.where(years <= at, years, np.nan)


def cohort_columns(names: Mapping[str, Any], at: Ints, history: History, refined: Any) -> dict[str, Any]:
    """Columns of the last change of land at a date.

    Parameters
    ----------
    names : mapping
        ``cohort_year`` and ``cohort_from``: values of the strata.
    at : (n,) int64
        Year of the date.
    refined : callable
        Land class before the change -> the class that strata make of it.

    Returns
    -------
    dict
        ``cohort_first``, ``cohort_last``: the two years between which the change was seen, NaN where none is;
        ``class_before``: empty where none is.
    """
    first, last = history.seen(year_of(names["cohort_year"], at))
    known = ~np.isnan(last) & (names["cohort_from"] != "")
    before = np.where(known, names["cohort_from"], "")
    return {
        "cohort_first": np.where(known, first, np.nan), "cohort_last": np.where(known, last, np.nan),
        "class_before": np.where(known, refined(before), "").astype(object),
    }  # fmt: skip


def age_columns(names: Names, at: Ints, stated: int | None) -> dict[str, Floats]:
    """First and last age of the stands of each row at its date; NaN where unknown.

    Stands grow a year older every year from the year at which their class is stated. The last age of an open class is infinite.
    """
    values, place = np.unique(names.astype(str), return_inverse=True)
    found = [AGE_RANGE.fullmatch(one) for one in values]
    low = np.array([float(one[1]) if one else np.nan for one in found])[place.reshape(-1)]
    high = np.array([float(one[2] or "inf") if one else np.nan for one in found])[place.reshape(-1)]
    older = 0.0 if stated is None else at.astype(np.float64) - stated
    return {"age_low": np.maximum(low + older, 0.0), "age_high": np.where(high + older > 0.0, high + older, np.nan)}
