"""Holds the offsets of the demonstration against plain arithmetic on its own files, and sees the second project refused."""

import csv
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from aoi.codes import REGION
from aoi.findings import Finding, InputError
from sinks.assessment.guard import check_ledger
from sinks.assessment.ledger import Ledger, read_events
from sinks.assessment.sources import noted_sources, read_known
from sinks.demo.check import DemoCheck
from sinks.tables import OFFSETS

LEFT_OUT = frozenset({"held", "retired_ets"})
"""States in which the units of the demonstration may not offset their league."""
REFUSED = "E-LEDGER-39"
TOLERANCE = 0.002


def check_offsets(folder: Path, out: Path) -> list[DemoCheck]:
    """The identity of every row, leagues = region, X of the project's league from the ledger by hand, and the refusal."""
    rows = OFFSETS.read(out / "tables" / "offsets.csv").to_dict("records")
    return [*_identities(rows), *_sums(rows), *_excluded(folder, rows), _refusal(folder, out)]


def refused(folder: Path, out: Path) -> list[Finding]:
    """What keeps the units of the other project out of the ledger."""
    sources = noted_sources(out)
    known, _ = read_known(sources, None)
    found: list[Finding] = []
    try:
        with Ledger(None) as ledger:
            for name in ("ledger.csv", "ledger_refused.csv"):
                ledger.append(read_events(folder / name, name, found), lambda book: check_ledger(book, known), found)
    except InputError as error:
        return error.findings
    return []


def _identities(rows: list[dict[str, Any]]) -> Iterator[DemoCheck]:
    names = ("deduction", "ccer_applied", "withheld_zero_rule", "above_cap", "offset_trial", "floor_remainder", "shortfall")
    for row in rows:
        if row["league"] != REGION and row["offset_trial_tCO2e"] == row["offset_trial_tCO2e"]:
            total = sum(row[f"{name}_tCO2e"] for name in names)
            yield _compared("offset_identity", (row["league"], row["year"]), row["removal_inventory_tCO2e"], total)


def _sums(rows: list[dict[str, Any]]) -> Iterator[DemoCheck]:
    for whole in (row for row in rows if row["league"] == REGION):
        parts = [row["offset_trial_tCO2e"] for row in rows if row["league"] != REGION and row["year"] == whole["year"]]
        yield _compared("offset_sum", (REGION, whole["year"]), sum(one for one in parts if one == one), whole["offset_trial_tCO2e"])


def _excluded(folder: Path, rows: list[dict[str, Any]]) -> Iterator[DemoCheck]:
    """Units by vintage from the table of events as a person would read it: the last state of each block that was not split."""
    with (folder / "ledger.csv").open(encoding="utf-8", newline="") as file:
        events = list(csv.DictReader(file))
    split = {event["parent"] for event in events if event["action"] == "split"}
    issue = {event["block"]: event for event in events if event["action"] in ("issue", "split") and event["block"] not in split}
    last = {event["block"]: event["state"] for event in events if event["state"]}
    behind: dict[tuple[str, int], Fraction] = {}
    for block, event in issue.items():
        if last.get(block, "held") in LEFT_OUT:
            key = event["league_shares"].split(":")[0], int(event["vintage"])
            behind[key] = behind.get(key, Fraction(0)) + Fraction(event["issued_tCO2e"]) / (1 - Fraction(event["risk_share"]))
    for row in rows:
        key = str(row["league"]), int(row["year"])
        if key in behind:
            yield _compared("offset_excluded", key, float(behind[key]), row["ccer_excluded_tCO2e"])


def _refusal(folder: Path, out: Path) -> DemoCheck:
    found = sum(one.id == REFUSED for one in refused(folder, out))
    return DemoCheck(id="refused", expected=1, found=found, tolerance=0, ok=found == 1, text="demo.check.refused")


def _compared(kind: str, at: tuple[object, ...], expected: float, found: float) -> DemoCheck:
    return DemoCheck(
        id=".".join((kind, *map(str, at))), expected=expected, found=found, tolerance=TOLERANCE, ok=abs(found - expected) <= TOLERANCE,
        text=f"demo.check.{kind}", values={"zone": at[0], "year": at[1]},
    )  # fmt: skip
