"""What stands first on every workbook and page: labels, factors that nobody has verified, findings, choices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.texts import text
from sinks.assessment import bundle_tables as parts
from sinks.assessment.rule import RULE_ID
from sinks.assessment.words import policy_words
from sinks.assessment.workbook import Notes
from sinks.provenance import read_json


def labels_of(out: Path, status: str = "") -> list[tuple[str, str]]:
    """What every page says first: a trial is a trial, a demonstration is invented, a withdrawn package is void."""
    demo = (read_json(out / "inputs" / "settings.json") or {}).get("demo") or {}
    said = [(text("offsets.trial", "zh", rule=RULE_ID), text("offsets.trial", "en", rule=RULE_ID))]
    said += [(str(demo.get("note_zh", "")), str(demo.get("note_en", "")))] if demo.get("note_zh") else []
    return said + ([(text("package.withdrawn", "zh"), text("package.withdrawn", "en"))] if status == "withdrawn" else [])


def notes_of(
    labels: Sequence[tuple[str, str]], policy: Any, years: Sequence[int], unverified: pd.DataFrame, findings: Mapping[str, Any]
) -> Notes:
    """The cover of the workbook: labels, unverified factors, findings, choices."""
    lines = [(text("package.unverified", "zh", n=len(unverified)), text("package.unverified", "en", n=len(unverified)))]
    lines += [(f"{row.id} = {row.value:g} {row.unit}", f"{row.source}, {row.locator} [{row.tag}]") for row in unverified.itertuples()]
    pairs = zip(findings.get("zh", ()), findings.get("en", ()), strict=True)
    lines += [
        (f"{zh['id']} {zh['message']}: {zh['where']}. {zh['found']}", f"{en['message']}: {en['where']}. {en['found']}") for zh, en in pairs
    ]
    lines += [(zh, en) for (_, zh), (_, en) in zip(policy_words(policy, years, "zh"), policy_words(policy, years, "en"), strict=True)]
    return Notes(labels=labels, lines=lines)


def unverified_of(factors: pd.DataFrame) -> pd.DataFrame:
    """The factors in use that nobody has verified."""
    open_ = ~factors["verified"].fillna(False).astype(bool)
    return parts.UNVERIFIED.typed(factors[open_])
