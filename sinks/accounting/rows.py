"""Activity rows as the equations see them: with land classes, strata and densities by name."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.history import History, age_columns, cohort_columns
from sinks.config import AGE_CLASS, COHORT_FROM, COHORT_YEAR, LAND_COVER

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Names = NDArray[np.object_]
Side = Literal["from", "to"]

MISSING_CODE = -1
UNKNOWN = "unknown"
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How codes become names.

    Parameters
    ----------
    land_classes : mapping
        Year -> class code of its product -> land class; nothing for a product without a legend.
    refinements : mapping
        (land class, vegetation type) -> land class: steppe types, peat, swamps.
    ecosystems : mapping
        Land class -> ecosystem.
    strata : mapping
        Stratum name -> code -> value.
    history : History, optional
        What the strata ``cohort_year`` and ``cohort_from`` rest on.
    ages_year : int, optional
        Year at which age classes are stated; None where they are those of each date.
    """

    land_classes: Mapping[int, Mapping[int, str]]
    refinements: Mapping[tuple[str, str], str]
    ecosystems: Mapping[str, str]
    strata: Mapping[str, Mapping[int, str]]
    history: History | None = None
    ages_year: int | None = None

    def land_class(self, year: Ints, code: Ints, vegetation: Names) -> Names:
        """The land class of each row, refined by its vegetation type where that says more."""
        out = np.empty(len(code), dtype=object)
        for key, rows in _by_key(year, code, vegetation):
            at, number, type = key
            plain = UNKNOWN if number == MISSING_CODE else self.land_classes.get(at, {}).get(number, UNKNOWN)
            out[rows] = self.refinements.get((plain, type), plain)
        return out

    def past_strata(self) -> tuple[str, ...]:
        """Strata that tell of the past of land."""
        return (*((COHORT_YEAR, COHORT_FROM) if self.history is not None else ()), *((AGE_CLASS,) if AGE_CLASS in self.strata else ()))

    def past(self, names: Mapping[str, Names], year: Ints, vegetation: Names) -> dict[str, Any]:
        """Columns of what the strata tell of the past of land at a date: last change, class and ecosystem before it, ages of stands."""
        out: dict[str, Any] = {}
        if self.history is not None:

            def refined(before: Names) -> Names:
                return np.asarray([self.refinements.get((one, type), one) for one, type in zip(before, vegetation, strict=True)], dtype=object)

            out = cohort_columns(names, year, self.history, refined)
            out["ecosystem_before"] = np.asarray([self.ecosystems.get(one, "") for one in out["class_before"]], dtype=object)
        if AGE_CLASS in self.strata:
            out |= age_columns(names[AGE_CLASS], year, self.ages_year)
        return out

    def ecosystem(self, land_class: Names) -> Names:
        """The ecosystem of each row."""
        return np.asarray([self.ecosystems[name] for name in land_class], dtype=object)

    def stratum(self, name: str, strata: pd.DataFrame, ids: Ints) -> Names:
        """The value of a stratum attribute for each row; empty where there is none."""
        codes = strata.set_index("stratum")[name]
        table = self.strata.get(name, {})
        values = {int(key): "" if pd.isna(code) else table.get(int(code), "") for key, code in codes.items()}
        return np.asarray([values[int(key)] for key in ids], dtype=object)


def _by_key(*columns: Any) -> Any:
    """Rows by distinct key."""
    frame = pd.DataFrame({number: column for number, column in enumerate(columns)})
    return [(key, rows) for key, rows in frame.groupby(list(frame.columns), sort=True, dropna=False).indices.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Activity rows seen from one date; every field has one entry per row.

    ``group`` is where a row's carbon is added; ``density_bin`` is the mean value by
    which a step factor (root:shoot) is chosen, ``cross`` and ``bin_sq`` the sums of the
    value times that density and of its square; ``share`` is the weight of a file
    among the files that are averaged.
    """

    group: Ints
    zone: Names
    year: Ints
    code: Ints
    land_class: Names
    ecosystem: Names
    vegetation_type: Names
    climate: Names
    soil: Names
    origin: Names
    site: Names
    layer: Names
    area: Floats
    missing: Floats
    sum: Floats
    sum_sq: Floats
    density_bin: Floats
    cross: Floats
    bin_sq: Floats
    share: Floats

    def __len__(self) -> int:
        return len(self.group)

    def where(self, rows: Any) -> "Rows":
        """The rows of a mask or index."""
        return Rows(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def but(self, **changes: Any) -> "Rows":
        """The same rows with other columns."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class YearCells:
    """Groups of land at a date: zone, year, class code and stratum, with their names and area."""

    frame: pd.DataFrame
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCells:
    """Groups of land over an interval: zone, both dates, both codes and strata; ``validated`` where a sample has seen such change.

    ``start`` and ``end`` are the rows seen from the two dates; both use the same
    footprint, and the first date's density bins (ACCOUNTING 1).
    """

    frame: pd.DataFrame
    start: Rows
    end: Rows


YEAR_KEY = ["zone", "year", "class", "stratum"]
PAIR_KEY = ["zone", "year_from", "year_to", "land_from", "land_to", "stratum_from", "stratum_to"]
_ATTRIBUTES = ("vegetation_type", "climate", "soil", "origin", "site")


def year_cells(activity: pd.DataFrame, strata: pd.DataFrame, reading: Reading) -> YearCells:
    """The land of every zone and date, and its rows by layer and bin."""
    base = activity[activity["layer"] == LAND_COVER].reset_index(drop=True)
    frame = base[YEAR_KEY].assign(area_ha=base["area_ha"].to_numpy())
    frame = _named(frame, strata, reading, "year", "class", "stratum", "")
    group = group_of(activity, frame, YEAR_KEY)
    members = activity.groupby(["year", "layer"])["member"].transform("max").to_numpy(dtype=np.int64) + 1
    total, squares = (activity[name].to_numpy(dtype=np.float64) for name in ("sum", "sum_sq"))
    rows = _rows(frame, group, "", activity, activity["layer"], _Sums(total, squares, total, squares, squares), 1.0 / members)
    return YearCells(frame=frame, rows=rows)


def pair_cells(activity: pd.DataFrame, strata: pd.DataFrame, reading: Reading) -> PairCells:
    """The land of every zone and interval, and its rows by layer and bin as seen from both dates."""
    base = activity[activity["bin_layer"] == LAND_COVER].reset_index(drop=True)
    frame = base[PAIR_KEY].assign(area_ha=base["area_ha"].to_numpy(), validated=False)
    frame = _named(frame, strata, reading, "year_from", "land_from", "stratum_from", "_from")
    frame = _named(frame, strata, reading, "year_to", "land_to", "stratum_to", "_to")
    return PairCells(frame=frame, start=_side(activity, frame, "from"), end=_side(activity, frame, "to"))


def _side(activity: pd.DataFrame, frame: pd.DataFrame, side: Side) -> Rows:
    """Rows of one date.

    A layer whose files are averaged is read in the bins of this date, file by file;
    every other layer in the bins of the first date.
    """
    several = activity.groupby("bin_layer")["member"].transform("max").to_numpy(dtype=np.int64) > 0
    own = (activity["bin_date"] == side).to_numpy()
    first = (activity["bin_date"] == "from").to_numpy()
    curved = np.isin(activity["bin_layer"].to_numpy(dtype=object), list(CURVED_LAYERS))
    chosen = activity[np.where(several | curved, own, first)].reset_index(drop=True)
    members = chosen.groupby(["year_from", "year_to", "bin_layer"])["member"].transform("max").to_numpy(dtype=np.int64) + 1
    group = group_of(chosen, frame, PAIR_KEY)
    binned_by = np.where(chosen["bin_date"] == "to", "to", "from")
    first_sum, first_sq = (np.where(binned_by == "to", chosen[f"sum_to{tail}"], chosen[f"sum_from{tail}"]) for tail in ("", "_sq"))
    cross = np.where(binned_by == side, chosen[f"sum_{side}_sq"], chosen["sum_cross"])
    sums = _Sums(chosen[f"sum_{side}"].to_numpy(), chosen[f"sum_{side}_sq"].to_numpy(), first_sum, first_sq, cross)
    return _rows(frame, group, f"_{side}", chosen, chosen["bin_layer"], sums, 1.0 / members)


CURVED_LAYERS = frozenset({"ndvi"})
"""Layers that only an equation that is not linear turns into carbon: read in the bins of their own date."""


def _named(frame: pd.DataFrame, strata: pd.DataFrame, reading: Reading, year: str, code: str, stratum: str, suffix: str) -> pd.DataFrame:
    """The frame with land class, ecosystem and stratum attributes of one date."""
    ids = frame[stratum].to_numpy(dtype=np.int64)
    names = {name: reading.stratum(name, strata, ids) for name in (*_ATTRIBUTES, "peat")}
    types = names["vegetation_type"].copy()
    types[names.pop("peat") == "peat"] = "peatland"
    at = frame[year].to_numpy(dtype=np.int64)
    land = reading.land_class(at, frame[code].to_numpy(dtype=np.int64), types)
    more = {f"land_class{suffix}": land, f"ecosystem{suffix}": reading.ecosystem(land)}
    past = reading.past({name: reading.stratum(name, strata, ids) for name in reading.past_strata()}, at, types)
    more |= {f"{name}{suffix}": values for name, values in past.items()}
    return frame.assign(**more, **{f"{name}{suffix}": values for name, values in names.items()})


def group_of(activity: pd.DataFrame, frame: pd.DataFrame, key: list[str]) -> Ints:
    """The place in the frame of each activity row."""
    places = pd.MultiIndex.from_frame(frame[key])
    return places.get_indexer(pd.MultiIndex.from_frame(activity[key])).astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums of a value v and of the density b by which it is binned: v, v^2, b, b^2, v*b."""

    value: Floats
    value_sq: Floats
    binned: Floats
    binned_sq: Floats
    cross: Floats


def _rows(frame: pd.DataFrame, group: Ints, suffix: str, activity: pd.DataFrame, layer: Any, sums: _Sums, share: Floats) -> Rows:
    area = activity["area_ha"].to_numpy(dtype=np.float64)
    year = frame["year"] if "year" in frame else frame[f"year{suffix}"]
    code = frame["class"] if "class" in frame else frame[f"land{suffix}"]
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.where(area > 0, sums.binned / area, np.nan)

    def named(column: Any) -> Any:
        return column.to_numpy()[group]

    return Rows(
        group=group,
        zone=named(frame["zone"]),
        year=named(year).astype(np.int64),
        code=named(code).astype(np.int64),
        land_class=named(frame[f"land_class{suffix}"]),
        ecosystem=named(frame[f"ecosystem{suffix}"]),
        vegetation_type=named(frame[f"vegetation_type{suffix}"]),
        climate=named(frame[f"climate{suffix}"]),
        soil=named(frame[f"soil{suffix}"]),
        origin=named(frame[f"origin{suffix}"]),
        site=named(frame[f"site{suffix}"]),
        layer=np.asarray(layer, dtype=object),
        area=area,
        missing=activity["missing_ha"].to_numpy(dtype=np.float64),
        sum=sums.value,
        sum_sq=sums.value_sq,
        density_bin=density,
        cross=sums.cross,
        bin_sq=sums.binned_sq,
        share=np.asarray(share, dtype=np.float64),
    )
