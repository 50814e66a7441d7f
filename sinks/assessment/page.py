"""The page of a package for people: everything escaped, no script, nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.codes import REGION
from aoi.texts import text
from sinks.assessment.words import league_name, policy_words, share_of, wan
from sinks.config import PolicySection

COLUMNS = ("removal", "deduction", "excluded", "withheld", "shortfall", "offset", "emission", "net", "share")
_NAMES = ("removal_inventory", "deduction", "ccer_applied", "withheld_zero_rule", "shortfall", "offset_trial", "emission", "net_emission")


def report_page(
    offsets: pd.DataFrame,
    policy: PolicySection,
    labels: Sequence[tuple[str, str]],
    findings: Sequence[Mapping[str, str]],
    unverified: pd.DataFrame,
) -> str:
    """The offsets of every year in 万吨, the choices, what to know, and the factors that nobody has verified."""
    from jinja2 import Environment, FileSystemLoader

    years = sorted({int(year) for year in offsets["year"]})
    environment = Environment(loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, trim_blocks=True)
    heads = [{"zh": text(f"offsets.head.{name}", "zh"), "en": text(f"offsets.head.{name}", "en")} for name in ("league", *COLUMNS)]
    both = [(dict(policy_words(policy, years, "zh")), dict(policy_words(policy, years, "en")))]
    return environment.get_template("report.html.j2").render(
        title={"zh": text("offsets.title", "zh"), "en": text("offsets.title", "en")}, labels=labels, heads=heads,
        years=[_year(offsets[offsets["year"] == year], year) for year in years],
        policy=[(zh[key], en[key]) for zh, en in both for key in zh],
        findings=[f"{one['id']} {one['message']}: {one['where']}. {one['found']}." for one in findings],
        unverified=[f"{row.id} = {row.value:g} {row.unit} [{row.tag}]" for row in unverified.itertuples()],
    )  # fmt: skip


def _year(rows: pd.DataFrame, year: int) -> dict[str, Any]:
    whole = rows[rows["league"] == REGION]
    lines = []
    if len(whole):
        row = whole.iloc[0]
        lines.append(
            text("offsets.totals", "zh", removal=wan(row["removal_inventory_tCO2e"]), offset=wan(row["offset_trial_tCO2e"]),
                 leaving=wan(row["offset_if_only_leaving_units_excluded_tCO2e"]), nothing=wan(row["offset_if_nothing_excluded_tCO2e"]))
        )  # fmt: skip
    return {"head": f"{year}（万吨 CO2e）", "lines": lines, "rows": [_row(row) for row in rows.to_dict("records")]}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    cells = [league_name(str(row["league"]), None, "zh"), *(wan(row[f"{name}_tCO2e"]) for name in _NAMES), share_of(row)]
    return {"cells": cells, "sum": row["league"] == REGION}
