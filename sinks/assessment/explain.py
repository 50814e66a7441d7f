"""An offset back to its parts: leaves of the inventory, the arithmetic of the rule, the units behind what is left out."""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.findings import Finding, InputError, finding
from aoi.texts import current_language, text
from sinks import tables
from sinks.assessment.basis import Basis, read_basis, total
from sinks.assessment.ledger import Ledger, read_events
from sinks.assessment.movements import Movement, decimal_of, gross_of_a_unit, shares_of, thousandths
from sinks.assessment.offsets import reading_of, years_of
from sinks.assessment.stage import policy_of
from sinks.assessment.values import value
from sinks.assessment.words import policy_words, state_name
from sinks.config import PolicySection

IDENTITY = ("deduction", "ccer_applied", "withheld_zero_rule", "above_cap", "offset_trial", "floor_remainder", "shortfall")


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the explanation: what it is, its value [t CO2e], how it comes about, and its own parts."""

    title: str
    value: float | None
    how: str = ""
    parts: list["Step"] = field(default_factory=list)


def explain_offset(out: Path, league: str, year: int) -> list[Step]:
    """The steps from the inventory's removal to the trial offset of a league and year.

    Raises
    ------
    InputError
        There is no such row, or the folder holds no offsets.
    """
    policy = policy_of(out)
    path = out / "tables" / "offsets.csv"
    if not path.exists():
        raise InputError(finding("E-RUN-05", out.name))
    rows = tables.OFFSETS.read(path)
    mine = rows[(rows["league"] == league) & (rows["year"] == year)]
    if not len(mine):
        there = ", ".join(f"{code} {one}" for code, one in rows[["league", "year"]].itertuples(index=False))
        raise InputError(finding("E-OFFSET-06", "offsets.csv", asked=f"{league} {year}", known=there[:300]))
    basis = read_basis(out, policy)
    row = mine.iloc[0].to_dict()
    words = dict(policy_words(policy, years_of(policy, basis), current_language()))
    if league == basis.region:
        return [_sum_of_leagues(rows[rows["year"] == year], basis), _identity(row)]
    return [
        Step(
            _say("removal"), _number(row["removal_inventory_tCO2e"]), words["removal_approach"], _leaves(basis, league, year)
        ),
        Step(_say("deduction"), _number(row["deduction_tCO2e"]), f"{words['deduction_mode']} {_arithmetic(row, policy)}"),
        Step(_say("conservative"), _number(row["removal_conservative_tCO2e"]), _say("conservative_how")),
        Step(_say("excluded"), _number(row["ccer_excluded_tCO2e"]), words["excluded_states"], _excluded(out, row, policy, basis)),
        Step(_say("applied"), _number(row["ccer_applied_tCO2e"]), _say("applied_how", carry=_shown(row["carry_out_tCO2e"]))),
        Step(_say("withheld"), _number(row["withheld_zero_rule_tCO2e"]), f"{words['zero_rule']} [{_shown(row['low_tCO2e'])}, {_shown(row['high_tCO2e'])}]"),
        Step(_say("cap"), _number(row["above_cap_tCO2e"]), words["cap"]),
        Step(_say("offset"), _number(row["offset_trial_tCO2e"]), _say("offset_how")),
        _identity(row),
    ]  # fmt: skip


def _say(key: str, **values: object) -> str:
    return text(f"explain.offset.{key}", None, **values)


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _shown(value: Any) -> str:
    number = _number(value)
    return "NE" if number is None else f"{number:,.3f}"


def _arithmetic(row: dict[str, Any], policy: PolicySection) -> str:
    """The deduction with its numbers."""
    if policy.deduction_mode in ("t66", "lower90"):
        return f"{value(policy.deduction_mode)} x {_shown(row['se_tCO2e'])} = {_shown(row['deduction_tCO2e'])}"
    if policy.deduction_mode == "fixed":
        return f"{policy.deduction_pct:g} % x |{_shown(row['removal_inventory_tCO2e'])}| = {_shown(row['deduction_tCO2e'])}"
    return ""


def _leaves(basis: Basis, league: str, year: int) -> list[Step]:
    """S by ecosystem, pool and transition, as the leaves of the removals add up."""
    key = basis.interval_of(year)
    if key is None:
        return []
    rows = basis.rows_of([zone for zone, of in basis.league_of.items() if of == league], key)
    rows = rows[rows["account"] == "offset"]
    return [
        Step(_land(*map(str, names)), float(total(leaves)), f"removals.csv, {key[0]}-{key[1]}, n = {len(leaves)}")
        for names, leaves in rows.groupby(["ecosystem", "pool", "transition"], sort=True)
    ]


def _land(ecosystem: str, pool: str, transition: str) -> str:
    return ", ".join((text(f"ecosystem.{ecosystem}"), text(f"pool.{pool}"), _say(transition)))


def _excluded(out: Path, row: dict[str, Any], policy: PolicySection, basis: Basis) -> list[Step]:
    """X: units of the vintage by project and state, true-up, carry."""
    reading = reading_of(policy, years_of(policy, basis))
    read_on = reading.date(int(row["year"]))
    sums: dict[tuple[str, str, str, str], Fraction] = {}
    for one in _movements(out):
        share = dict(shares_of(one.shares)).get(str(row["league"]))
        if share is not None and one.vintage == row["year"] and one.date <= read_on and one.state in policy.excluded_states:
            key = one.project, one.state, one.risk_share, str(float(share))
            sums[key] = sums.get(key, Fraction(0)) + one.units
    parts = []
    for (project, state, risk, share_text), units in sorted(sums.items()):
        if units:
            behind = thousandths(units * Fraction(share_text) * gross_of_a_unit(risk, policy.subtract_basis))
            divided = f" / (1 - {risk})" if policy.subtract_basis == "gross" else ""
            parts.append(
                Step(
                    f"{project}, {state_name(state, current_language())}",
                    float(behind),
                    f"{int(units):,}{divided} x {share_text} = {behind:,}",
                )
            )
    for name in ("true_up", "carry_in"):
        if _number(row[f"{name}_tCO2e"]):
            parts.append(Step(_say(name), _number(row[f"{name}_tCO2e"])))
    return parts


def _movements(out: Path) -> list[Movement]:
    found: list[Finding] = []
    with Ledger(None) as ledger:
        ledger.append(read_events(out / "tables" / "ledger.csv", "ledger.csv", found), found=found)
        return ledger.movements()


def _identity(row: dict[str, Any]) -> Step:
    """The printed identity with its numbers."""
    values = [_number(row[f"{name}_tCO2e"]) for name in IDENTITY]
    if any(one is None for one in values):
        return Step(_say("identity"), None, _say("not_settled"))
    whole = sum((decimal_of(one) for one in values if one is not None), Decimal(0))
    columns = [tables.OFFSETS.column(f"{name}_tCO2e") for name in IDENTITY]
    names = [column.title_zh if current_language() == "zh" else column.title_en for column in columns]
    titles = " + ".join(f"{name} {one:,.3f}" for name, one in zip(names, values, strict=True))
    return Step(_say("identity"), float(whole), f"{titles} = {whole:,}")


def _sum_of_leagues(rows: pd.DataFrame, basis: Basis) -> Step:
    """The region: a sum of leagues, never the rule on the region."""
    leagues = rows[rows["league"] != basis.region]
    parts = [Step(str(row.league), _number(row.offset_trial_tCO2e)) for row in leagues.itertuples()]
    whole = sum((decimal_of(part.value) for part in parts if part.value is not None), Decimal(0))
    return Step(_say("offset"), float(whole), _say("sum_of_leagues"), parts)


def as_lines(steps: list[Step], indent: int = 0) -> list[str]:
    """Steps as lines for people."""
    lines = []
    for step in steps:
        lines.append(f"{'  ' * indent}{step.title}: {_shown(step.value)} t CO2e{f'  ({step.how})' if step.how else ''}")
        lines += as_lines(step.parts, indent + 1)
    return lines


def as_data(steps: list[Step]) -> list[dict[str, Any]]:
    """Steps for machines."""
    return [asdict(step) for step in steps]
