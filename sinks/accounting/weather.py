"""The weather part of grassland change: greenness of every year regressed on precipitation and temperature.

Ordinary least squares over the years, for each zone, interval and land class of
grassland that stays grassland at both dates. The change between the dates is split into
what the weather of the two years explains and the rest. It is told in greenness and as a
share; it moves nothing into an offset (ACCOUNTING 2, DECISIONS 146).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.rows import Reading
from sinks.accounting.stocks import Leaves
from sinks.config import GPP, GREENNESS, PRECIPITATION, TEMPERATURE
from sinks.equations import regression

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRASSLAND = "grassland"
FREEDOM = 3
"""So many years more than parameters a line needs at least (METHODOLOGIES gives none; DECISIONS 146)."""
MOST_INFLATION = 10
"""A slope whose variance is so many times that of a lone regressor says little of its own (a usual rule of thumb; DECISIONS 146)."""
GREEN = (GREENNESS, GPP)
"""Layers of greenness, the first that a run has."""
WEATHER = (PRECIPITATION, TEMPERATURE)


@dataclass(frozen=True, slots=True)
class Weather:
    """The yearly activity of a run, its strata, and how its codes become names."""

    activity: pd.DataFrame
    strata: pd.DataFrame
    reading: Reading

    def table(self, removals: Leaves) -> pd.DataFrame:
        """`grass_weather` of a run."""
        return grass_weather(self.activity, self.strata, self.reading, removals)


@dataclass(frozen=True, slots=True)
class _Series:
    """Means of the years in which everything is known."""

    years: Ints
    green: Floats
    weather: Floats
    area: float
    missing_share: float


def grass_weather(activity: pd.DataFrame, strata: pd.DataFrame, reading: Reading, removals: Leaves) -> pd.DataFrame:
    """`sinks.tables.GRASS_WEATHER` from the yearly activity over land that stays; no rows where a layer is lacking.

    Parameters
    ----------
    removals : Leaves
        Of which the memo of living biomass on remaining grassland is printed beside.
    """
    stays = activity[activity["year_from"] != activity["year_to"]]
    layers = set(stays["layer"])
    green = next((name for name in GREEN if name in layers), None)
    predictors = [name for name in WEATHER if name in layers]
    if green is None or not predictors:
        return pd.DataFrame()
    land = _named(stays, strata, reading)
    memo = _memo(removals)
    rows = []
    for (zone, first, last, name), part in land.groupby(["zone", "year_from", "year_to", "land_class"], sort=True):
        row = _row(part, green, predictors, (int(first), int(last)))
        key = (str(zone), int(first), int(last), str(name))
        rows.append({"zone": zone, "year_from": first, "year": last, "land_class": name, **row, "memo_removal_tCO2e_per_year": memo.get(key, np.nan)})
    return pd.DataFrame(rows)


def _named(activity: pd.DataFrame, strata: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Rows of grassland with the land class of the first date; the second date's ecosystem is grassland as well."""
    ids = activity["stratum"].to_numpy(dtype=np.int64)
    types = reading.stratum("vegetation_type", strata, ids)
    types[reading.stratum("peat", strata, ids) == "peat"] = "peatland"

    def land(side: str) -> NDArray[np.object_]:
        return reading.land_class(activity[f"year_{side}"].to_numpy(dtype=np.int64), activity[f"land_{side}"].to_numpy(dtype=np.int64), types)

    first, last = land("from"), land("to")
    both = (reading.ecosystem(first) == GRASSLAND) & (reading.ecosystem(last) == GRASSLAND)
    return activity.assign(land_class=first)[both]


def _memo(removals: Leaves) -> dict[tuple[str, int, int, str], float]:
    """Memo removal of living biomass on remaining grassland by zone, interval and class [t CO2e per year]."""
    frame = removals.frame
    mine = (
        (frame["approach"] == "stock_difference") & (frame["ecosystem"] == GRASSLAND) & (frame["transition"] == "remaining")
        & (frame["component"] == "net_change") & frame["pool"].isin(("aboveground_biomass", "belowground_biomass")) & (frame["value_flag"] == "V")
    ).to_numpy(dtype=bool)  # fmt: skip
    rows = frame[mine].assign(value=removals.values[0][mine])
    sums = rows.groupby(["zone", "year_from", "year", "land_class"])["value"].sum()
    return {(str(key[0]), int(key[1]), int(key[2]), str(key[3])): float(value) for key, value in sums.items()}


def _row(part: pd.DataFrame, green: str, predictors: Sequence[str], dates: tuple[int, int]) -> dict[str, Any]:
    """The regression of one zone, interval and class."""
    series = _series(part, green, predictors)
    said = {
        "greenness": green, "predictors": " ".join(predictors), "years_n": len(series.years), "years": " ".join(map(str, series.years)),
        "area_ha": series.area, "missing_share": series.missing_share,
    }  # fmt: skip
    places = [np.flatnonzero(series.years == date) for date in dates]
    if any(not len(place) for place in places):
        return {**said, "value_flag": "NE", "reason": "date_without_weather"}
    start, end = (int(place[0]) for place in places)
    change = float(series.green[end] - series.green[start])
    said |= {"greenness_from": series.green[start], "greenness_to": series.green[end], "change": change}
    if len(series.years) < 1 + len(predictors) + FREEDOM:
        return {**said, "value_flag": "NE", "reason": "too_few_years"}
    fit = regression.least_squares(series.green, series.weather)
    if fit is None:
        return {**said, "value_flag": "NE", "reason": "weather_does_not_vary"}
    return {**said, **_fitted(fit, series, predictors), **_split(fit, change, series.weather[end] - series.weather[start]), "value_flag": "V", "reason": ""}


def _fitted(fit: regression.Fit, series: _Series, predictors: Sequence[str]) -> dict[str, float]:
    slopes = {f"slope_{name}": value for name, value in zip(predictors, fit.coefficients[1:], strict=True)}
    errors = {f"se_slope_{name}": value for name, value in zip(predictors, fit.standard_errors[1:], strict=True)}
    return {"intercept": fit.coefficients[0], **slopes, **errors, "r2": fit.r2, "inflation": regression.variance_inflation(series.weather)}


def _split(fit: regression.Fit, change: float, difference: Floats) -> dict[str, float]:
    """What weather explains, and the rest.

    The rest holds besides the error of the line the scatter of two single years,
    ``2 s^2``: what neither precipitation nor temperature explains of a year by itself.
    """
    weather, error = regression.explained_change(fit, difference)
    rest, error_of_rest = change - weather, float(np.sqrt(error**2 + 2.0 * fit.variance))
    width = regression.half_width(fit.freedom)
    out = {"weather_share": weather / change if change != 0.0 else np.nan}
    for name, value, se in (("weather", weather, error), ("rest", rest, error_of_rest)):
        out |= {name: value, f"se_{name}": se, f"low_{name}": value - width * se, f"high_{name}": value + width * se}
    return out


def _series(part: pd.DataFrame, green: str, predictors: Sequence[str]) -> _Series:
    """Area-weighted means over the land of the class, of the years that have all layers."""
    sums = part.groupby(["layer", "year"])[["area_ha", "missing_ha", "sum"]].sum()
    sums = sums[sums["area_ha"] > 0]
    names = [green, *predictors]
    known = [set(sums.loc[name].index) if name in sums.index.get_level_values(0) else set() for name in names]
    years = np.asarray(sorted(set.intersection(*known)), dtype=np.int64)
    if not len(years):
        return _Series(years, np.zeros(0), np.zeros((0, len(predictors))), 0.0, 0.0)
    tables = {name: sums.loc[name].reindex(years) for name in names}
    means = {name: (table["sum"] / table["area_ha"]).to_numpy(dtype=np.float64) for name, table in tables.items()}
    shares = [(table["missing_ha"] / (table["missing_ha"] + table["area_ha"])).max() for table in tables.values()]
    return _Series(
        years, means[green], np.stack([means[name] for name in predictors], axis=1), float(tables[green]["area_ha"].mean()), float(max(shares))
    )  # fmt: skip


def is_collinear(inflation: float) -> bool:
    """Do the weather variables move together so much that their slopes say little each?"""
    return inflation > MOST_INFLATION
