"""The results of a run in plain sentences, in Chinese and English."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from aoi.texts import Language, text
from sinks.accounting.summary import OFFSET, REMOVAL, STOCK
from sinks.config import BY_ECOSYSTEM, approach_of
from sinks.ecosystems.catalogue import INVENTORIED
from sinks.report.year_words import year_words

_WAN = 10_000.0


def summary_words(
    summary: pd.DataFrame, zones: pd.DataFrame, settings: Mapping[str, Any], factors: pd.DataFrame, bounds: pd.DataFrame,
    findings: Sequence[str], language: Language, of_years: Mapping[str, pd.DataFrame] | None = None,
) -> str:  # fmt: skip
    """The summary of a run: what it is, stock and sink of the region and of every zone, what is missing.

    Parameters
    ----------
    summary, zones, factors : DataFrame
        Tables of the run: summary, zones, factors_used (and ``bounds``: bin_bounds).
    settings : mapping
        Settings of the run.
    findings : sequence of str
        Lines of warnings and notes.
    of_years : mapping, optional
        Tables that a run with annual layers has beside, by name.
    """

    def say(key: str, **values: object) -> str:
        return text(f"words.{key}", language, **values)

    lines = [f"# {_inert(settings['title']) or say('title')}", ""]
    if settings.get("demo"):
        lines += [settings["demo"].get(f"note_{language}", say("demo")), ""]
    lines += _choices(settings, say)
    for whole in _wholes(summary, zones):
        lines += ["", f"## {_name(whole, zones, language)}", ""]
        lines += _of_zone(summary, whole, settings["years"], say, language)
    lines += ["", f"## {say('by_zone')}", "", *_zone_table(summary, zones, settings["years"], say, language)]
    lines += year_words(of_years or {}, _wholes(summary, zones), say, lambda zone: _name(zone, zones, language), language)
    unverified = factors[~factors["verified"].fillna(False).astype(bool)]
    lines += ["", f"## {say('caveats')}", "", say("unverified", n=len(unverified), all=len(factors))]
    lines += [f"  - {row.id} = {row.value:g} {row.unit} [{row.tag}]" for row in unverified.itertuples()]
    lines += [say("interval"), say("approaches")]
    if len(bounds):
        lines.append(say("bins", bound=f"{bounds.groupby('year')['bound_tC'].sum().max():,.1f}"))
    if findings:
        lines += ["", f"## {say('findings')}", "", *(f"- {line}" for line in findings)]
    return "\n".join(lines) + "\n"


def _choices(settings: Mapping[str, Any], say: Any) -> list[str]:
    given = settings["uncertainty"]
    dates = [settings["base_year"], *settings["years"]] if settings["base_year"] else list(settings["years"])
    return [
        say("dates", dates=", ".join(map(str, dates)), years=", ".join(map(str, settings["years"]))),
        say(f"rule_{settings['rule']}"),
        say(f"cells_{settings['cell_area']}", crs=settings["grid"]["crs"], width=settings["grid"]["width"], height=settings["grid"]["height"]),
        *(say("window", layer=layer, year=year, files=", ".join(files)) for layer, dates in settings["windows"].items() for year, files in dates.items()),
        *_past(settings, dates[0], say),
        *([say("errors", correlation=f"{given['correlation_km']:g}", rho=f"{given['rho_dates']:g}", layers=", ".join(given["map_errors"]))]
          if given["map_errors"] else []),
        *([say("draws", draws=f"{given['draws']:,}", seed=settings["seed"], sampling=say(given["sampling"]))] if given["draws"] > 1 else []),
        *([say("raked")] if settings.get("control_areas") else []),
        say("policy", approach=say(approach_of(settings["policy"])), change=say(f"change_{settings['policy']['unvalidated_change']}")),
    ]


def _past(settings: Mapping[str, Any], first_date: int, say: Any) -> list[str]:
    """From when changes of land are known, how they are told, and to which year ages belong."""
    past = settings.get("past") or {}
    history = past.get("history")
    out = [say("history", year=history["since"] if history else first_date)]
    if history and history["years"]:
        out.append(say("cohorts", years=", ".join(map(str, history["years"])), rule=say("confirmed" if past["confirm"] else "unconfirmed")))
    elif history:
        out.append(say("own_cohorts", year=history["since"]))
    if past.get("ages_year"):
        out.append(say("ages", year=past["ages_year"]))
    return out


def _wholes(summary: pd.DataFrame, zones: pd.DataFrame) -> list[str]:
    """Reported zones that are sums of others."""
    return sorted(set(summary["zone"]) - set(zones["zone"]))


def _name(zone: str, zones: pd.DataFrame, language: Language) -> str:
    if zone in ("150000", "all"):
        return text(f"zone.{zone}", language)
    rows = zones[zones["zone"] == zone]
    return f"{_inert(rows[f'name_{language}'].iloc[0])} ({zone})" if len(rows) else zone


def _inert(words: str) -> str:
    """Words of a user as text: no markup of HTML or of a table in them is alive."""
    return html.escape(words, quote=False).replace("|", "\\|")


def _of_zone(summary: pd.DataFrame, zone: str, years: Sequence[int], say: Any, language: Language) -> list[str]:
    rows = summary[summary["zone"] == zone]
    out = []
    for year in years:
        out.append(f"- {_stock_sentence(rows, year, say)}")
        for approach in ("stock_difference", "gain_loss", "rate", BY_ECOSYSTEM):
            sentence = _removal_sentence(rows, year, approach, say)
            if sentence:
                out.append(f"- {sentence}")
    return out


def _pick(rows: pd.DataFrame, quantity: str, year: int, approach: str, ecosystem: str = "total") -> Any:
    found = rows[(rows["quantity"] == quantity) & (rows["year"] == year) & (rows["approach"] == approach) & (rows["ecosystem"] == ecosystem)]
    return found.iloc[0] if len(found) else None


def _stock_sentence(rows: pd.DataFrame, year: int, say: Any) -> str:
    total = _pick(rows, STOCK, year, "stock")
    if total is None or total["value_flag"] != "V":
        return say("no_stock", year=year)
    parts = []
    for name in INVENTORIED:
        one = _pick(rows, STOCK, year, "stock", name)
        parts.append(f"{say(name)} {_wan(one)}")
    return say("stock", year=year, value=_wan(total), interval=_interval(total, say), parts=say("comma").join(parts))


def _removal_sentence(rows: pd.DataFrame, year: int, approach: str, say: Any) -> str:
    removal, offset = (_pick(rows, quantity, year, approach) for quantity in (REMOVAL, OFFSET))
    if removal is None:
        return ""
    if removal["value_flag"] != "V":
        return say("no_removal", year=year, approach=say(approach))
    span = f"{removal['year_from']}–{year}" if removal["time_basis"] == "interval_mean" else str(year)
    counted = _wan(offset) + _interval(offset, say) if offset is not None and offset["value_flag"] == "V" else say("none")
    return say("removal", year=year, approach=say(approach), span=span, value=_wan(removal), interval=_interval(removal, say), offset=counted)


def _wan(row: Any) -> str:
    if row is None or row["value_flag"] != "V":
        return "NE"
    return _tenths(row["value"])


def _tenths(tonnes: float) -> str:
    """Tonnes in units of ten thousand with one decimal; no negative zero."""
    return f"{round(tonnes / _WAN, 1) + 0.0:,.1f}"


def _interval(row: Any, say: Any) -> str:
    if pd.isna(row["low"]):
        return ""
    return say("bounds", low=_tenths(row["low"]), high=_tenths(row["high"]), kinds=_kinds(row["interval_contains"], say))


def _kinds(words: str, say: Any) -> str:
    """Kinds of error as words of the reader."""
    return say("comma").join(say(f"error_{word}") for word in str(words).split("+"))


def _zone_table(summary: pd.DataFrame, zones: pd.DataFrame, years: Sequence[int], say: Any, language: Language) -> list[str]:
    heads = [say("zone"), *(say("stock_head", year=year) for year in years), *(say("sink_head", year=year) for year in years)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for zone in zones["zone"]:
        rows = summary[summary["zone"] == zone]
        cells = [_wan(_pick(rows, STOCK, year, "stock")) for year in years]
        cells += [_wan(_pick(rows, OFFSET, year, "stock_difference")) for year in years]
        lines.append("| " + " | ".join([_name(zone, zones, language), *cells]) + " |")
    return lines
