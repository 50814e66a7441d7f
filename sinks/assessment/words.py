"""The offset in words: every choice of the policy, the three totals, a line per league; in Chinese and English."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from aoi.codes import REGION, league_names
from aoi.texts import Language, text
from sinks.assessment.rule import RULE_ID
from sinks.assessment.values import cited, value
from sinks.config import PolicySection

WAN = 10_000.0
"""Tonnes in 万吨."""


def policy_words(policy: PolicySection, years: Sequence[int], language: Language) -> list[tuple[str, str]]:
    """Each choice of a policy: its key and a sentence that says what it does."""

    def say(key: str, **values: object) -> str:
        return text(f"policy.{key}", language, **values)

    closed = ", ".join(f"{year}: {date}" for year, date in sorted(policy.closed_years.items()))
    excluded = [state_name(state, language) for state in policy.excluded_states]
    return [
        ("assessment_years", say("assessment_years", years=", ".join(map(str, years)))),
        ("ledger_as_of", say("as_of" if policy.ledger_as_of else "as_of_all", date=policy.ledger_as_of or "")),
        ("closed_years", say("closed" if closed else "closed_none", years=closed)),
        ("removal_approach", say(f"approach.{policy.approach}", choices=_choices(policy, language))),
        ("interval", say(f"interval.{policy.interval}")),
        ("deduction_mode", _deduction(policy, language)),
        ("zero_rule", say(f"zero_rule.{_on(policy.zero_rule)}")),
        ("subtract_basis", say(f"basis.{policy.subtract_basis}")),
        ("excluded_states", say("excluded", states=say("comma").join(excluded) or say("nothing"))),
        ("cap", _cap(policy, language)),
        ("true_up", say(f"true_up.{_on(policy.true_up)}")),
        ("wetland_ch4", say(f"wetland_ch4.{_on(policy.wetland_ch4)}")),
        ("grass_weather", say(f"grass_weather.{_on(policy.grass_weather)}")),
        ("unvalidated_change", say(f"unvalidated_change.{policy.unvalidated_change}")),
        ("avoided_emission", say(f"avoided_emission.{policy.avoided_emission}")),
        ("excess_tolerance", say("excess_tolerance", percent=f"{policy.excess_tolerance * 100:g}")),
    ]


def _choices(policy: PolicySection, language: Language) -> str:
    """Which approach stands for which ecosystem, where they differ."""
    named = {name: way for name, way in policy.approaches.items() if name != "other"}
    return "; ".join(f"{text(f'words.{name}', language)}: {text(f'words.{way}', language)}" for name, way in named.items())


def _on(switch: bool) -> str:
    return "on" if switch else "off"


def _deduction(policy: PolicySection, language: Language) -> str:
    mode = policy.deduction_mode
    if mode in ("t66", "lower90"):
        return text(f"policy.deduction.{mode}", language, factor=value(mode), source=cited(mode))
    return text(f"policy.deduction.{mode}", language, percent=f"{policy.deduction_pct or 0:g}")


def _cap(policy: PolicySection, language: Language) -> str:
    if policy.cap is None:
        return text("policy.cap.none", language)
    caps = policy.cap if isinstance(policy.cap, dict) else {text("policy.every_league", language): policy.cap}
    return text("policy.cap", language, caps="; ".join(f"{name}: {amount:,.0f} t" for name, amount in sorted(caps.items())))


def state_name(state: str, language: Language) -> str:
    """The name of a state of units."""
    return text(f"unit_state.{state}", language)


def league_name(code: str, zones: pd.DataFrame | None, language: Language) -> str:
    """The name of a league or of the region."""
    if code in (REGION, "all"):
        return text("division.150000" if code == REGION else "zone.all", language)
    if code in league_names():
        return league_names()[code][0 if language == "zh" else 1]
    names = {} if zones is None else dict(zip(zones["zone"], zones[f"name_{language}"], strict=True))
    return str(names.get(code) or code)


def wan(tonnes: Any, decimals: int = 2) -> str:
    """Tonnes in 万吨; NE where there is no number."""
    if tonnes is None or tonnes is pd.NA or tonnes != tonnes:
        return "NE"
    return f"{round(tonnes / WAN, decimals) + 0.0:,.{decimals}f}"


def offsets_words(
    offsets: pd.DataFrame,
    units: pd.DataFrame,
    policy: PolicySection | None,
    findings: Sequence[Mapping[str, str]],
    zones: pd.DataFrame | None,
    language: Language,
) -> str:
    """The page of the offset: what it is, the region's three totals, a table per year, the choices (where a policy is given), what to know."""

    def say(key: str, **values: object) -> str:
        return text(f"offsets.{key}", language, **values)

    years = sorted({int(year) for year in offsets["year"]})
    lines = [f"# {say('title')}", "", say("trial", rule=RULE_ID), ""]
    for year in years:
        rows = offsets[offsets["year"] == year]
        lines += [f"## {say('year', year=year, basis=say(_basis_key(rows)))}", "", *_totals(rows, say), ""]
        lines += [*_table(rows, zones, language, say), ""]
    lines += [f"## {say('units')}", "", *_units(units, zones, language, say), ""]
    if policy is not None:
        lines += [f"## {say('policy')}", "", *(f"- {sentence}" for _, sentence in policy_words(policy, years, language)), ""]
    if findings:
        lines += [
            f"## {say('findings')}",
            "",
            *(f"- {one['id']} {one['message']}: {one['where']}. {one['found']}. {one['remedy']}." for one in findings),
            "",
        ]
    return "\n".join(lines)


def _basis_key(rows: pd.DataFrame) -> str:
    return {"interval_mean": "interval_mean", "year": "year_basis"}.get(str(rows["time_basis"].iloc[0]), "no_basis")


def _is_whole(rows: pd.DataFrame) -> pd.Series:
    """The rows that are sums of the others."""
    return rows["league"].isin([REGION, "all"]) if len(rows) > 1 else rows["league"] == REGION


def _totals(rows: pd.DataFrame, say: Any) -> list[str]:
    whole = rows[_is_whole(rows)]
    if not len(whole):
        return []
    row = whole.iloc[0]
    values = {
        "offset": wan(row["offset_trial_tCO2e"]), "leaving": wan(row["offset_if_only_leaving_units_excluded_tCO2e"]),
        "nothing": wan(row["offset_if_nothing_excluded_tCO2e"]), "removal": wan(row["removal_inventory_tCO2e"]), "pipeline": wan(row["pipeline_tCO2e"]),
    }  # fmt: skip
    short = [say("shortfall", amount=wan(row["shortfall_tCO2e"]))] if row["shortfall_tCO2e"] < 0 else []
    return [say("totals", **values), *short, *([say("pipeline", **values)] if row["pipeline_tCO2e"] else [])]


def _table(rows: pd.DataFrame, zones: pd.DataFrame | None, language: Language, say: Any) -> list[str]:
    emission = rows["emission_tCO2e"].notna().any()
    columns = (
        "league",
        "removal",
        "deduction",
        "excluded",
        "withheld",
        "shortfall",
        "offset",
        *(("emission", "net", "share") if emission else ()),
    )
    heads = [say(f"head.{name}") for name in columns]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for row in rows.to_dict("records"):
        cells = [league_name(row["league"], zones, language)]
        cells += [
            wan(row[f"{name}_tCO2e"])
            for name in ("removal_inventory", "deduction", "ccer_applied", "withheld_zero_rule", "shortfall", "offset_trial")
        ]
        if emission:
            cells += [wan(row["emission_tCO2e"]), wan(row["net_emission_tCO2e"]), share_of(row)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def share_of(row: Mapping[str, Any]) -> str:
    """The trial offset as a share of the league's emission."""
    offset, emission = row["offset_trial_tCO2e"], row["emission_tCO2e"]
    if offset != offset or emission != emission or not emission:
        return "NE"
    return f"{offset / emission * 100:.2f} %"


def _units(units: pd.DataFrame, zones: pd.DataFrame | None, language: Language, say: Any) -> list[str]:
    """How many units of each vintage are in which state."""
    if not len(units):
        return [say("no_units")]
    out = []
    for (year, state), rows in units.groupby(["year", "state"], sort=True):
        names = ", ".join(f"{league_name(row.league, zones, language)} {row.issued_tCO2e:,.0f}" for row in rows.itertuples())
        out.append("- " + say("unit_line", year=year, state=state_name(str(state), language), units=f"{rows['issued_tCO2e'].sum():,.0f}",
                             leagues=names, how=say("left_out" if bool(rows["excluded"].iloc[0]) else "counted")))  # fmt: skip
    return out
