"""What annual layers say, in plain sentences: fires, the check by NEP, the weather part of grassland."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from aoi.texts import Language
from sinks.accounting.fire import FIRE
from sinks.legends.legend import land_classes

Say = Callable[..., str]
Name = Callable[[str], str]
MOST_LINES = 60
"""Lines on the weather part; the table has all."""
FRAMES = ("activity_fire", "removals", "nep_check", "grass_weather")
"""Tables that the sentences are made from, as far as a run has them."""


def year_words(frames: Mapping[str, pd.DataFrame], wholes: list[str], say: Say, name: Name, language: Language) -> list[str]:
    """Lines of the summary; none for a run without annual layers.

    Parameters
    ----------
    frames : mapping
        Of `FRAMES`, what the run has.
    wholes : list of str
        Reported zones that are sums of others.
    say, name : callable
        Words of a key, and the name of a zone.
    """
    lines = [
        *_fires(frames.get("activity_fire"), frames.get("removals"), say),
        *_production(frames.get("nep_check"), wholes, say, name),
        *_weather(frames.get("grass_weather"), say, name, language),
    ]
    return ["", f"## {say('of_years')}", "", *lines] if lines else []


def _fires(activity: pd.DataFrame | None, removals: pd.DataFrame | None, say: Say) -> list[str]:
    """Burned area and emission of each interval, all zones together."""
    if activity is None or removals is None or not len(activity):
        return []
    burned = activity[activity["layer"] == "land_cover"].groupby("year")["burned_ha"].sum()
    rows = removals[(removals["component"] == FIRE) & (removals["value_flag"] == "V") & (removals["approach"] == "stock_difference")]
    sums = rows.groupby(["year_from", "year"])["removal_tCO2e_per_year"].sum()
    return [
        "- " + say("fires", span=f"{first}–{last}", area=f"{burned.reindex(range(first + 1, last + 1)).mean():,.1f}", emission=f"{-value:,.1f}")
        for (first, last), value in sums.items()
    ]  # fmt: skip


def _production(table: pd.DataFrame | None, wholes: list[str], say: Say, name: Name) -> list[str]:
    if table is None:
        return []
    return [
        "- " + say(
            "nep", zone=name(row.zone), year=row.year, ecosystem=say(row.ecosystem), nep=f"{row.nep_tCO2e_per_year:,.1f}",
            removal="NE" if pd.isna(row.removal_tCO2e_per_year) else f"{row.removal_tCO2e_per_year:,.1f}", ratio=_number(row.ratio, 1),
        )
        for row in table[table["zone"].isin(wholes)].itertuples()
    ]  # fmt: skip


def _weather(table: pd.DataFrame | None, say: Say, name: Name, language: Language) -> list[str]:
    """A line per zone, interval and class, with the years that it rests on."""
    if table is None:
        return []
    classes = land_classes().set_index("land_class")[f"name_{language}"].to_dict()
    out = [f"- {say('weather_about')}"]
    for row in table.head(MOST_LINES).itertuples():
        said: dict[str, Any] = {"zone": name(row.zone), "land": classes[row.land_class], "span": f"{row.year_from}–{row.year}", "years": row.years or "-"}
        if row.value_flag != "V":
            out.append("  - " + say("weather_not", **said, n=row.years_n))
            continue
        out.append("  - " + say(
            "weather", **said, change=_number(row.change), weather=_number(row.weather), low=_number(row.low_weather), high=_number(row.high_weather),
            rest=_number(row.rest), rest_low=_number(row.low_rest), rest_high=_number(row.high_rest), n=row.years_n, r2=_number(row.r2, 2),
        ))  # fmt: skip
    return [*out, "  - " + say("weather_more", n=len(table) - MOST_LINES)] if len(table) > MOST_LINES else out


def _number(value: float, decimals: int | None = None) -> str:
    """A number in short; a dash for none, and never a negative zero."""
    if pd.isna(value):
        return "-"
    return f"{value + 0.0:.4g}" if decimals is None else f"{round(value, decimals) + 0.0:.{decimals}f}"
