"""Land by the year in which it last changed: when a change within an interval began, and what changes before the first date go on to do."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.history import History
from sinks.accounting.rows import UNKNOWN, PairCells, Rows, YearCells
from sinks.equations import soil

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FOREST = "forest"


def seen_between(cells: PairCells) -> tuple[Floats, Floats]:
    """The two years between which the land of each group is seen to change, (groups,) each.

    Those of maps within the interval where there are some, else its two dates: the
    change then starts in equal parts in each year between them (ACCOUNTING 2).
    """
    frame = cells.frame
    first, last = (frame[name].to_numpy(dtype=np.float64) for name in ("year_from", "year_to"))
    if "cohort_last_to" not in frame:
        return first, last
    begin, end = (frame[f"cohort_{name}_to"].to_numpy(dtype=np.float64) for name in ("first", "last"))
    inside = (end > first) & (end <= last) & (frame["land_class_from"] != frame["land_class_to"]).to_numpy()
    return np.where(inside, np.maximum(begin, first), first), np.where(inside, end, last)


def age_since(first: Floats, last: Floats, at: Floats) -> Floats:
    """Mean age at a date of what began in equal parts in each year from ``first`` to ``last - 1`` [yr]."""
    return at - (first + last - 1.0) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Groups of land whose class changed before the first date, or an interval, and then stayed.

    Parameters
    ----------
    held : (groups,) bool
        Groups with such a change.
    first, last : (groups,) float64
        The two years between which it was seen; 0 and 1 where there is none.
    """

    held: Flags
    first: Floats
    last: Floats

    @classmethod
    def of(cls, held: Flags, first: Floats, last: Floats) -> "Past":
        """The past of groups; years of the others are filled."""
        return cls(held=held, first=np.where(held, first, 0.0), last=np.where(held, last, 1.0))

    def years(self, year_from: Floats, year_to: Floats, transition_years: Floats) -> Floats:
        """Cohort years per hectare in an interval, (D, groups) [yr]; 0 where there is no change."""
        return np.where(self.held, soil.mean_cohort_years(self.first, self.last, year_from, year_to, transition_years), 0.0)


def before_first_date(frame: pd.DataFrame, first_date: int, suffix: str) -> Past:
    """Land that changed up to the first date of the run and has kept its class since.

    Parameters
    ----------
    frame : DataFrame
        Groups of a date, or of an interval seen from its end.
    """
    first, last = (frame[f"cohort_{name}{suffix}"].to_numpy(dtype=np.float64) for name in ("first", "last"))
    here = frame[f"land_class{suffix}"]
    held = ~np.isnan(last) & (last <= first_date) & (frame[f"class_before{suffix}"] != here).to_numpy() & (here != UNKNOWN).to_numpy()
    if suffix:
        held &= (frame["land_class_from"] == here).to_numpy()
    return Past.of(held, first, last)


def young_forest(frame: pd.DataFrame, transition_years: float) -> Past:
    """Land that is forest over an interval and was other land within the years of a transition before it."""
    first, last = (frame[f"cohort_{name}_from"].to_numpy(dtype=np.float64) for name in ("first", "last"))
    forest = ((frame["ecosystem_from"] == FOREST) & (frame["ecosystem_to"] == FOREST)).to_numpy()
    age = age_since(first, last, frame["year_from"].to_numpy(dtype=np.float64))
    return Past.of(forest & _was_other_land(frame, "_from") & (age < transition_years), first, last)


def _was_other_land(frame: pd.DataFrame, suffix: str) -> Flags:
    """Groups whose last change was from an ecosystem that is not forest."""
    before = frame[f"ecosystem_before{suffix}"]
    return np.asarray(((before != "") & (before != FOREST)).to_numpy(), dtype=bool)


def stand_ages(frame: pd.DataFrame) -> tuple[Floats, Floats]:
    """First and last age of the stands of groups of a date, (groups,) each; NaN where nothing tells.

    Young forest is as old as its change of class, and grew over the year that ends with
    the date; other stands are of their age class, and of its first age where it is open.
    """
    low, high = (frame[name].to_numpy(dtype=np.float64) if name in frame else np.full(len(frame), np.nan) for name in ("age_low", "age_high"))
    high = np.where(np.isinf(high), low, high)
    if "cohort_last" in frame:
        first, last, at = (frame[name].to_numpy(dtype=np.float64) for name in ("cohort_first", "cohort_last", "year"))
        young = (frame["ecosystem"] == FOREST).to_numpy() & _was_other_land(frame, "")
        age = age_since(first, last, at)
        low, high = np.where(young, np.maximum(age - 1.0, 0.0), low), np.where(young, age, high)
    return low, high


def cohort_table(cells: YearCells, history: History) -> pd.DataFrame:
    """Land of every date by the year of its last change and the class before it: rows of `sinks.tables.COHORTS`; unknown land is in none."""
    frame = cells.frame[(cells.frame["land_class"] != UNKNOWN) & (cells.frame["area_ha"] > 0)]
    told = frame["cohort_last"].notna().to_numpy()
    rows = pd.DataFrame(
        {
            "zone": frame["zone"], "year": frame["year"], "land_class": frame["land_class"],
            "land_before": np.where(told, frame["class_before"], frame["land_class"]), "status": np.where(told, "changed", "unchanged"),
            "since_year": np.where(told, frame["cohort_last"], history.since).astype(np.int64),
            "seen_from": pd.array(frame["cohort_first"].where(told), dtype="Int64"), "history_from": history.since, "area_ha": frame["area_ha"],
        }
    )  # fmt: skip
    keys = [name for name in rows.columns if name != "area_ha"]
    return rows.groupby(keys, sort=True, dropna=False, as_index=False)["area_ha"].sum()


def land_before(rows: Rows, frame: pd.DataFrame, suffix: str, past: Past) -> Rows:
    """One row per group as its land was before the change."""
    held = past.held[rows.group]
    before = {name: frame[f"{column}{suffix}"].to_numpy(dtype=object)[rows.group] for name, column in _BEFORE.items()}
    return rows.but(**{name: np.where(held, values, getattr(rows, name)) for name, values in before.items()})


_BEFORE = {"land_class": "class_before", "ecosystem": "ecosystem_before"}
