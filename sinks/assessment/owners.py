"""The polygon account: whose each tonne of the inventory is, project by project, and what projects hold beyond it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd

from aoi.findings import Finding, finding
from aoi.texts import text
from sinks.assessment.basis import PARCELS, Basis, total
from sinks.assessment.guard import NET
from sinks.assessment.movements import Movement, Reading, gross_of_a_unit, shares_of, thousandths
from sinks.tables import UNIT_STATES

LEAGUE_ITSELF = "-"
TOTAL = "total"
GROUPS: Mapping[str, tuple[str, ...]] = {"living_biomass": ("aboveground_biomass", "belowground_biomass")}
"""Groups of pools that projects quantify as one."""
ZERO = Decimal("0.000")


@dataclass(frozen=True, slots=True)
class Claim:
    """Units of a project in a league and vintage [t CO2e before the risk share]."""

    league: str
    vintage: int
    project: str
    gross: Fraction


def claims_of(movements: Sequence[Movement], reading: Reading) -> list[Claim]:
    """What projects claim as each vintage's assessment reads the ledger, whoever holds the units."""
    sums: dict[tuple[str, int, str], Fraction] = {}
    for one in movements:
        if one.vintage in reading.years and one.date <= reading.date(one.vintage) and one.state in UNIT_STATES:
            for league, share in shares_of(one.shares):
                key = league, one.vintage, one.project
                sums[key] = sums.get(key, Fraction(0)) + one.units * share * gross_of_a_unit(one.risk_share, "gross")
    return [Claim(*key, gross) for key, gross in sorted(sums.items()) if gross]


def polygon_account(
    basis: Basis, claims: Sequence[Claim], parcels: Mapping[tuple[str, int], frozenset[str]], quantifications: pd.DataFrame | None,
    years: Sequence[int], tolerance: Decimal,
) -> tuple[list[dict[str, Any]], list[Finding]]:  # fmt: skip
    """Rows of the table and warnings about excess above a share of the units.

    Per project, league, vintage and pool ``gross = claimed + excess`` with
    ``claimed = min(gross, max(0, removal in the parcels))``; per league and
    year ``claimed + unclaimed = removal`` before any deduction (ACCOUNTING 5).

    Parameters
    ----------
    parcels : mapping
        (project, vintage) -> parcels that its units come from.
    tolerance : Decimal
        Share of the units that may be in excess without a warning.
    """
    work = _Work(basis, parcels, quantifications)
    rows: list[dict[str, Any]] = []
    found: list[Finding] = []
    for claim in claims:
        mine = work.rows(claim, claims)
        rows += mine
        excess = sum((row["excess_tCO2e"] for row in mine), ZERO)
        gross = sum((row["gross_tCO2e"] for row in mine), ZERO)
        if excess > tolerance * gross:
            reason = next(row["reason"] for row in mine if row["excess_tCO2e"] > 0)
            found.append(
                finding("W-OFFSET-05", f"{claim.league}, {claim.vintage}", project=claim.project, gross=f"{gross:,.0f}", excess=f"{excess:,.0f}",
                        share=f"{excess / gross * 100:.0f}", reason_zh=text(f"excess.{reason}", "zh"), reason_en=text(f"excess.{reason}", "en"))
            )  # fmt: skip
    rows += [_league_row(basis, league, year, rows) for year in years for league in basis.leagues]
    return sorted(rows, key=lambda row: (row["league"], row["vintage"], row["project"], row["pool"])), found


class _Work:
    """Removal inside parcels, and how the units of a project fall on pools."""

    def __init__(self, basis: Basis, parcels: Mapping[tuple[str, int], frozenset[str]], quantifications: pd.DataFrame | None) -> None:
        self.basis = basis
        self.parcels = parcels
        self.quantifications = quantifications
        pieces = basis.zones[basis.zones["zone_set"] == PARCELS]
        league_of = basis.league_of
        self.pieces = [
            (str(zone), league_of.get(str(parent), ""), str(zone)[len(str(parent)) + 1 :])
            for zone, parent in zip(pieces["zone"], pieces["parent"], strict=True)
        ]

    def zones(self, claim: Claim) -> list[str]:
        """Zones of the run that are the project's parcels of a vintage in a league."""
        wanted = self.parcels.get((claim.project, claim.vintage), frozenset())
        return [zone for zone, league, parcel in self.pieces if league == claim.league and parcel in wanted]

    def removal(self, claim: Claim, pool: str, year: int | None = None) -> Decimal | None:
        """The inventory's annual removal on a project's parcels; None where it has no value there."""
        key = self.basis.interval_of(claim.vintage if year is None else year)
        zones = self.zones(claim)
        if key is None or not zones:
            return None
        rows = self.basis.rows_of(zones, key)
        rows = rows[rows["account"] == "offset"]
        if pool == "non_co2":
            rows = rows[rows["gas"] != "CO2"]
        elif pool != TOTAL:
            rows = rows[rows["pool"].isin(GROUPS.get(pool, (pool,))) & (rows["gas"] == "CO2")]
        return total(rows) if len(rows) else None

    def shares(self, claim: Claim) -> dict[str, Fraction]:
        """Shares of the pools in a project's units, from its quantification; all in ``total`` without one."""
        rows = self.quantifications
        if rows is None:
            return {TOTAL: Fraction(1)}
        rows = rows[
            (rows["project"] == claim.project)
            & (rows["vintage"] == claim.vintage)
            & (rows["league"] == claim.league)
            & (rows["term"] != NET)
        ]
        sums = (rows["after_other_tCO2e"] * rows["sign"]).groupby(rows["pool"]).sum()
        gains = {str(pool): Fraction(repr(float(amount))) for pool, amount in sums.items() if amount > 0}
        whole = sum(gains.values())
        return {pool: amount / whole for pool, amount in sorted(gains.items())} if whole else {TOTAL: Fraction(1)}

    def rows(self, claim: Claim, claims: Sequence[Claim]) -> list[dict[str, Any]]:
        """The rows of a project in a league and vintage."""
        out = []
        gross_left = thousandths(claim.gross)
        shares = self.shares(claim)
        for number, (pool, share) in enumerate(shares.items(), start=1):
            gross = gross_left if number == len(shares) else min(gross_left, thousandths(claim.gross * share))
            gross_left -= gross
            removal = self.removal(claim, pool)
            claimed = min(gross, max(ZERO, removal or ZERO))
            excess = gross - claimed
            out.append(
                {"league": claim.league, "vintage": claim.vintage, "project": claim.project, "pool": pool, "gross_tCO2e": gross,
                 "removal_tCO2e": removal, "claimed_tCO2e": claimed, "excess_tCO2e": excess,
                 "reason": self.reason(claim, claims, pool, removal) if excess > 0 else None}
            )  # fmt: skip
        return out

    def reason(self, claim: Claim, claims: Sequence[Claim], pool: str, removal: Decimal | None) -> str:
        """Why a project holds more than the inventory sees on its land.

        ``not_mapped``: the inventory has nothing for that land; ``pool``: it has
        other pools but not this one; ``timing``: over the years of the interval
        it has enough; else ``baseline``: the project counts against a baseline,
        the inventory the change that was measured.
        """
        whole = self.removal(claim, TOTAL)
        if whole is None:
            return "not_mapped"
        if removal is None or (pool != TOTAL and removal <= 0 < whole):
            return "pool"
        key = self.basis.interval_of(claim.vintage)
        if key is not None and key[2] == "interval_mean":
            years = range(key[0] + 1, key[1] + 1)
            gross = sum(
                (one.gross for one in claims if (one.project, one.league) == (claim.project, claim.league) and one.vintage in years),
                Fraction(0),
            )
            if Fraction(whole) * len(years) >= gross:
                return "timing"
        return "baseline"


def _league_row(basis: Basis, league: str, year: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    mine = [row for row in rows if row["league"] == league and row["vintage"] == year and row["project"] != LEAGUE_ITSELF]
    sums = {name: sum((row[name] for row in mine), ZERO) for name in ("gross_tCO2e", "claimed_tCO2e", "excess_tCO2e")}
    removal = basis.removal(league, year)[0]
    value = removal.value if removal is not None else None
    unclaimed = None if value is None else value - sums["claimed_tCO2e"]
    key = {"league": league, "vintage": year, "project": LEAGUE_ITSELF, "pool": TOTAL}
    return {**key, **sums, "removal_tCO2e": value, "unclaimed_tCO2e": unclaimed, "reason": None}
