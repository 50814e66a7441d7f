"""The tables of the offset: what each league may count, where its units stand, what projects have in store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd

from aoi.findings import Finding, finding
from aoi.table import Table
from aoi.texts import text
from sinks import tables
from sinks.assessment.basis import Basis, half_width
from sinks.assessment.guard import NET
from sinks.assessment.movements import (
    EVER,
    LEAVING,
    Exposure,
    Movement,
    Reading,
    balances,
    decimal_of,
    exposure,
    gross_of_a_unit,
    shares_of,
    split_exactly,
    thousandths,
)
from sinks.assessment.owners import claims_of, polygon_account
from sinks.assessment.rule import RULE_ID, RULE_STATUS, ZERO, Choices, Removal, Settled, Waiting, cannot_settle, settle_league
from sinks.config import PolicySection

SUMMED = (
    "removal_inventory_tCO2e", "deduction_tCO2e", "removal_conservative_tCO2e", "ccer_issued_tCO2e", "ccer_excluded_tCO2e",
    "ccer_applied_tCO2e", "true_up_tCO2e", "carry_in_tCO2e", "carry_out_tCO2e", "withheld_zero_rule_tCO2e", "cap_tCO2e", "above_cap_tCO2e",
    "floor_remainder_tCO2e", "shortfall_tCO2e", "offset_trial_tCO2e", "offset_if_only_leaving_units_excluded_tCO2e",
    "offset_if_nothing_excluded_tCO2e", "pipeline_tCO2e", "avoided_emission_tCO2e", "memo_wetland_ch4_tCO2e", "emission_tCO2e",
    "net_emission_tCO2e",
)  # fmt: skip
"""Columns whose region row is the sum of the leagues; some need every league."""
ALL_OR_NONE = frozenset({"cap_tCO2e", "emission_tCO2e", "net_emission_tCO2e"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What the ledger says, and what is beside it.

    Parameters
    ----------
    movements : sequence of Movement
        Of the ledger; empty without one.
    parcels : mapping
        (project, vintage) -> parcels of its units.
    quantifications, emissions : DataFrame or None
        Tables that the user gives.
    assumed : sequence of Movement
        Units that a what-if takes for issued.
    """

    movements: Sequence[Movement] = ()
    parcels: Mapping[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    quantifications: pd.DataFrame | None = None
    emissions: pd.DataFrame | None = None
    assumed: Sequence[Movement] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """The tables of an offset, by declaration, and what is to be said of them."""

    frames: Mapping[Table, pd.DataFrame]
    findings: list[Finding]


def reading_of(policy: PolicySection, years: Sequence[int]) -> Reading:
    """How the assessments of a policy read the ledger."""
    return Reading(
        years=years, as_of=policy.ledger_as_of or EVER, closed=policy.closed_years, basis=policy.subtract_basis, true_up=policy.true_up,
        avoided_excluded=policy.avoided_emission == "excluded",
    )  # fmt: skip


def choices_of(policy: PolicySection) -> Choices:
    """The switches of the rule in a policy."""
    percentage = None if policy.deduction_pct is None else Decimal(repr(policy.deduction_pct))
    return Choices(deduction_mode=policy.deduction_mode, deduction_pct=percentage, zero_rule=policy.zero_rule, cap=_cap_of(policy))


def _cap_of(policy: PolicySection) -> Callable[[str, int], Decimal | None]:
    cap = policy.cap

    def of(league: str, year: int) -> Decimal | None:
        if isinstance(cap, dict):
            value = cap.get(f"{league}.{year}", cap.get(league))
            return None if value is None else decimal_of(value)
        return None if cap is None else decimal_of(cap)

    return of


def years_of(policy: PolicySection, basis: Basis) -> tuple[int, ...]:
    """The assessment years: those of the policy, else those of the last interval of the run."""
    return policy.assessment_years or basis.last_interval()


def account_offsets(basis: Basis, units: Units, policy: PolicySection, run_id: str) -> Account:
    """All tables of the offset from a run's tables, the units and a policy."""
    work = _Work(basis, units, policy, run_id)
    rows, found = polygon_account(
        basis, claims_of(units.movements, work.reading), units.parcels, units.quantifications, work.years,
        Decimal(repr(policy.excess_tolerance)),
    )  # fmt: skip
    return Account(
        {
            tables.OFFSETS: tables.OFFSETS.frame(_plain(work.offsets())),
            tables.UNITS: tables.UNITS.frame(_plain(work.units_by_state())),
            tables.PIPELINE: tables.PIPELINE.frame(_plain(pipeline_rows(units, work.reading.as_of))),
            tables.POLYGON_ACCOUNT: tables.POLYGON_ACCOUNT.frame(_plain(rows)),
        },
        [*work.findings, *found],
    )


class _Work:
    """Settles every league under the three exclusions and makes the rows."""

    def __init__(self, basis: Basis, units: Units, policy: PolicySection, run_id: str) -> None:
        self.basis, self.units, self.policy, self.run_id = basis, units, policy, run_id
        self.years = years_of(policy, basis)
        self.reading = reading_of(policy, self.years)
        self.choices = choices_of(policy)
        self.movements = [*units.movements, *units.assumed]
        self.excluded = frozenset(policy.excluded_states)
        self.findings: list[Finding] = []
        self.removals = {(league, year): basis.removal(league, year) for league in basis.leagues for year in self.years}
        main = exposure(self.movements, self.reading, self.excluded)
        self.settled = self._settle(main)
        self.leaving = self._settle(exposure(self.movements, self.reading, LEAVING))
        self.nothing = self._settle(Exposure({}, {}, {}))
        self.exposure = main
        self.states = [row for year in self.years for row in self._states(year)]
        self.avoided = self._avoided()
        self._tell()

    def _settle(self, out: Exposure) -> dict[tuple[str, int], Settled | Waiting]:
        settled: dict[tuple[str, int], Settled | Waiting] = {}
        for league in self.basis.leagues:
            of_vintage = {year: thousandths(out.of_vintage.get((league, year), Fraction(0))) for year in self.years}
            true_up = {year: thousandths(out.true_up.get((league, year), Fraction(0))) for year in self.years}
            removals = {year: self.removals[league, year][0] for year in self.years}
            for year, one in settle_league(league, self.years, removals, of_vintage, true_up, self.choices).items():
                settled[league, year] = one
        return settled

    def _tell(self) -> None:
        """What stands on the first page: years that cannot be settled, units that no year takes in, claims that no one may make."""
        unsettled: dict[tuple[str, str], list[int]] = {}
        for (league, year), (removal, _) in sorted(self.removals.items()):
            why = cannot_settle(removal, self.choices)
            if why:
                unsettled.setdefault((league, why), []).append(year)
        for (league, why), years in unsettled.items():
            self.findings.append(
                finding("W-OFFSET-01", f"{league}, {', '.join(map(str, years))}", mode=self.policy.deduction_mode,
                        reason_zh=text(f"cannot.{why}", "zh"), reason_en=text(f"cannot.{why}", "en"))
            )  # fmt: skip
        waiting = {league: amount for league, amount in sorted(self.exposure.pending.items()) if amount}
        if waiting:
            said = ", ".join(f"{league}: {thousandths(amount):,.0f}" for league, amount in waiting.items())
            self.findings.append(finding("W-OFFSET-02", "offsets", amounts=said))
        outside = sum(one.units for one in self.units.movements if one.vintage not in self.years and not one.state.startswith("replaced"))
        if outside:
            self.findings.append(finding("N-OFFSET-03", "offsets", units=outside, years=", ".join(map(str, self.years))))
        if any(self.basis.region_error(year) is None for year in self.years):
            self.findings.append(finding("N-OFFSET-04", "offsets"))

    def offsets(self) -> list[dict[str, Any]]:
        """Rows of the table, the region's sums among them."""
        stock = pipeline_by_league(self.units, self.reading.as_of)
        emissions = _emissions(self.units.emissions)
        issued = self._issued()
        rows = []
        for year in self.years:
            of_year = [self._row(league, year, stock, emissions, issued) for league in self.basis.leagues]
            rows += [*of_year, self._region(year, of_year)]
        return rows

    def _common(self, year: int) -> dict[str, Any]:
        key = self.basis.interval_of(year)
        return {
            "year": year, "time_basis": key[2] if key else None, "removal_approach": self.policy.approach,
            "deduction_mode": self.policy.deduction_mode, "rule_id": RULE_ID, "rule_status": RULE_STATUS,
            "unverified_factors_n": self.basis.unverified, "run_id": self.run_id,
        }  # fmt: skip

    def _row(self, league: str, year: int, stock: Mapping[tuple[str, int], Decimal], emissions: Mapping[tuple[str, int], Decimal],
             issued: Mapping[tuple[str, int], Decimal]) -> dict[str, Any]:  # fmt: skip
        removal, lacks = self.removals[league, year]
        one, leaving, nothing = (some[league, year] for some in (self.settled, self.leaving, self.nothing))
        emission = emissions.get((league, year))
        row = {
            "league": league, **self._common(year), "not_estimated": lacks,
            "ccer_issued_tCO2e": issued.get((league, year), ZERO), "pipeline_tCO2e": stock.get((league, year), ZERO),
            "avoided_emission_tCO2e": self.avoided.get((league, year), ZERO), "memo_wetland_ch4_tCO2e": self.basis.marsh_methane(league, year),
            "emission_tCO2e": emission,
        }  # fmt: skip
        if removal is not None:
            row |= {"removal_inventory_tCO2e": removal.value, "se_tCO2e": removal.se, "low_tCO2e": removal.low, "high_tCO2e": removal.high}
        row |= {"ccer_excluded_tCO2e": one.excluded, "true_up_tCO2e": one.true_up, "carry_in_tCO2e": one.carry_in, "carry_out_tCO2e": one.carry_out}
        if isinstance(one, Waiting) or isinstance(leaving, Waiting) or isinstance(nothing, Waiting):
            return row
        return row | _of_settled(one) | {
            "offset_if_only_leaving_units_excluded_tCO2e": leaving.offset,
            "offset_if_nothing_excluded_tCO2e": nothing.offset,
            "net_emission_tCO2e": None if emission is None else emission - one.offset,
        }  # fmt: skip

    def _region(self, year: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Sums of the leagues; the interval from their covariance."""
        out: dict[str, Any] = {"league": self.basis.region, **self._common(year)}
        for name in SUMMED:
            values = [row[name] for row in rows if row.get(name) is not None]
            if values and (name not in ALL_OR_NONE or len(values) == len(rows)):
                out[name] = sum(values, ZERO)
        missing = [f"{row['league']}.offset" for row in rows if row.get("offset_trial_tCO2e") is None]
        parts = sorted({part for row in rows for part in str(row["not_estimated"] or "").split()})
        error = self.basis.region_error(year)
        if error is not None and "removal_inventory_tCO2e" in out:
            whole = half_width() * error
            center = out["removal_inventory_tCO2e"]
            out |= {"se_tCO2e": error, "low_tCO2e": center - whole, "high_tCO2e": center + whole}
        return out | {"not_estimated": " ".join([*missing, *parts, *(["region_interval"] if "se_tCO2e" not in out else [])])}

    def _issued(self) -> dict[tuple[str, int], Decimal]:
        """Units issued of each vintage as its assessment reads the ledger; over leagues they add up to whole tonnes."""
        out: dict[tuple[str, int], Decimal] = {}
        for row in self.states:
            key = row["league"], row["year"]
            out[key] = out.get(key, ZERO) + row["issued_tCO2e"]
        return out

    def units_by_state(self) -> list[dict[str, Any]]:
        """Rows of the table `units`."""
        return self.states

    def _states(self, year: int) -> list[dict[str, Any]]:
        read_on = self.reading.date(year)
        both = balances(self.movements, year, read_on)
        rows = []
        for state in sorted({state for _, state in both}):
            issued = split_exactly({league: units for (league, name), (units, _) in sorted(both.items()) if name == state})
            for league, units in issued.items():
                rows.append(
                    {"league": league, "year": year, "state": state, "read_on": None if read_on == EVER else read_on, "issued_tCO2e": units,
                     "gross_tCO2e": thousandths(both[league, state][1]), "excluded": state in self.excluded}
                )  # fmt: skip
        return rows

    def _avoided(self) -> dict[tuple[str, int], Decimal]:
        """Removal behind units of avoided emissions, by league and vintage, whatever their state."""
        avoided = [one for one in self.movements if one.kind == "avoided_emission"]
        sums: dict[tuple[str, int], Fraction] = {}
        for year in self.years if avoided else ():
            for (league, _), (_, gross) in balances(avoided, year, self.reading.date(year)).items():
                sums[league, year] = sums.get((league, year), Fraction(0)) + gross
        return {key: thousandths(gross) for key, gross in sums.items()}


def _of_settled(one: Settled) -> dict[str, Any]:
    return {
        "deduction_tCO2e": one.deduction, "removal_conservative_tCO2e": one.conservative, "ccer_applied_tCO2e": one.applied,
        "withheld_zero_rule_tCO2e": one.withheld, "cap_tCO2e": one.cap, "above_cap_tCO2e": one.above_cap,
        "floor_remainder_tCO2e": one.floor_remainder, "shortfall_tCO2e": one.shortfall, "offset_trial_tCO2e": one.offset,
    }  # fmt: skip


def pipeline_rows(units: Units, as_of: str) -> list[dict[str, Any]]:
    """Rows of the table `pipeline`: what was quantified, what of it is issued, what is left."""
    if units.quantifications is None or not len(units.quantifications):
        return []
    net = units.quantifications[units.quantifications["term"] == NET]
    issued: dict[tuple[str, str, str, int], Fraction] = {}
    for one in units.movements:
        if one.date <= as_of and not one.state.startswith("replaced"):
            for league, share in shares_of(one.shares):
                key = one.project, one.module, league, one.vintage
                issued[key] = issued.get(key, Fraction(0)) + one.units * share
    rows = []
    keys = ["project", "module", "status", "league", "vintage"]
    for row in net.groupby(keys, as_index=False)[["after_other_tCO2e", "after_risk_tCO2e"]].sum().itertuples(index=False):
        done = thousandths(issued.get((row.project, row.module, row.league, int(row.vintage)), Fraction(0)))
        quantified = decimal_of(row.after_risk_tCO2e)
        rows.append(
            {"project": row.project, "module": row.module, "status": row.status, "league": row.league, "vintage": int(row.vintage),
             "gross_tCO2e": decimal_of(row.after_other_tCO2e), "quantified_tCO2e": quantified, "issued_tCO2e": done,
             "pipeline_tCO2e": max(ZERO, quantified - done)}
        )  # fmt: skip
    return rows


def pipeline_by_league(units: Units, as_of: str) -> dict[tuple[str, int], Decimal]:
    """(league, vintage) -> tonnes in store."""
    out: dict[tuple[str, int], Decimal] = {}
    for row in pipeline_rows(units, as_of):
        key = row["league"], row["vintage"]
        out[key] = out.get(key, ZERO) + row["pipeline_tCO2e"]
    return out


def assumed_issued(units: Units, module: str, reading: Reading) -> list[Movement]:
    """Movements of the what-if that a module's store is issued and held: whole tonnes per project, league and vintage.

    Of open vintages they are there when their year is read; of closed ones they
    come on the day after the last closing, as late issues do.
    """
    closed = max(reading.closed.values(), default="")
    out = []
    for row in pipeline_rows(units, reading.as_of):
        whole, vintage = int(row["pipeline_tCO2e"]), row["vintage"]
        if row["module"] == module and whole > 0:
            risk = 1 - Fraction(row["quantified_tCO2e"]) / Fraction(row["gross_tCO2e"]) if row["gross_tCO2e"] > 0 else Fraction(0)
            late = vintage in reading.closed
            day = (date.fromisoformat(closed) + timedelta(days=1)).isoformat() if late else min(reading.as_of, f"{vintage}-12-31")
            out.append(
                Movement(
                    day, row["project"], module, "removal", vintage, _text(max(Fraction(0), risk)), f"{row['league']}:1", "held", whole
                )
            )
    return out


def _text(share: Fraction) -> str:
    """A share as decimal text of nine places."""
    return format(Decimal(round(share * 10**9)).scaleb(-9).normalize(), "f")


def _emissions(frame: pd.DataFrame | None) -> dict[tuple[str, int], Decimal]:
    if frame is None:
        return {}
    return {(row.league, int(row.year)): decimal_of(row.emission_tCO2e) for row in frame.itertuples()}


def _plain(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Decimals as the floats of a frame; none of them is so large that its third decimal would be lost."""
    return [{name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()} for row in rows]


__all__ = ["Account", "Removal", "Units", "account_offsets", "assumed_issued", "choices_of", "gross_of_a_unit", "reading_of", "years_of"]
