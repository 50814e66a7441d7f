"""No tonne twice: what keeps units out of the ledger, and what is said where it cannot be checked."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from aoi.findings import Finding, finding
from aoi.parcels import Parcels
from aoi.zones import Zones, geodesic_area_ha
from sinks.assessment.ledger import Ledger
from sinks.assessment.movements import shares_of
from sinks.assessment.values import value

NET = "net"
"""The term of a quantification that is the sum of the others."""
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What units are held against; what is None is not checked, and said.

    Parameters
    ----------
    parcels : Parcels, optional
        The parcels of the projects.
    others : Parcels, optional
        Parcels that other programmes have registered.
    quantifications : DataFrame, optional
        Rows of the table `quantifications`.
    leagues : frozenset of str, optional
        Codes that units may be shared among.
    statuses : mapping
        Status of further methodologies, by id.
    """

    parcels: Parcels | None = None
    others: Parcels | None = None
    quantifications: pd.DataFrame | None = None
    leagues: frozenset[str] | None = None
    statuses: Mapping[str, str] | None = None


@lru_cache(maxsize=1)
def known_statuses() -> dict[str, str]:
    """Status of the methodologies that the program knows: id -> ``official``, ``regional_draft``, ``withdrawn``."""
    with Path(__file__).with_name("methodologies.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["status"] for row in csv.DictReader(file)}


def check_ledger(ledger: Ledger, known: Known) -> list[Finding]:
    """Everything about a ledger that its own rows do not show: methodologies, leagues, quantifications, land."""
    return [
        *_check_modules(ledger, known),
        *_check_leagues(ledger, known),
        *_check_quantified(ledger, known.quantifications),
        *_check_land(ledger, known),
    ]


def _check_modules(ledger: Ledger, known: Known) -> Iterator[Finding]:
    """Units of drafts, and of methodologies that nobody knows, have no place in a ledger."""
    statuses = {**(known.statuses or {}), **known_statuses()}
    if known.quantifications is not None:
        statuses = {**dict(zip(known.quantifications["module"], known.quantifications["status"], strict=True)), **statuses}
    for project, module in ledger.distinct("project", "module"):
        status = statuses.get(module)
        if status is None:
            official = ", ".join(sorted(id for id, known_status in statuses.items() if known_status == "official"))
            yield finding("E-LEDGER-31", ledger.name, project=project, module=module, known=official)
        elif status != "official":
            yield finding("E-LEDGER-30", ledger.name, project=project, module=module, status=status)


def _check_leagues(ledger: Ledger, known: Known) -> Iterator[Finding]:
    if known.leagues is None:
        return
    strange: dict[str, str] = {}
    for project, shares in ledger.distinct("project", "league_shares"):
        for code, _ in shares_of(shares):
            if code not in known.leagues:
                strange.setdefault(code, project)
    for code, project in sorted(strange.items())[:_MOST]:
        yield finding("E-LEDGER-32", ledger.name, code=code, project=project, known=", ".join(sorted(known.leagues)))


def _check_quantified(ledger: Ledger, rows: pd.DataFrame | None) -> Iterator[Finding]:
    """Units issued are at most what was quantified; shares of leagues are those of the modelled removal."""
    if rows is None or not len(rows):
        return
    net = rows[rows["term"] == NET]
    by_vintage = {key: float(amount) for key, amount in net.groupby(["project", "module", "vintage"])["after_risk_tCO2e"].sum().items()}
    totals: dict[tuple[str, str], int] = {}
    issued = ledger.issued()
    for (project, module, vintage), units in issued.items():
        if not any(key[0] == project and key[1] == module for key in by_vintage):
            continue
        totals[project, module] = totals.get((project, module), 0) + units
        quantified = by_vintage.get((project, module, vintage), 0.0)
        if units >= quantified + 1:
            yield finding(
                "E-LEDGER-33", ledger.name, project=project, module=module, vintage=vintage, issued=units, quantified=f"{quantified:.3f}"
            )
    for (project, module), units in sorted(totals.items()):
        quantified = sum(amount for key, amount in by_vintage.items() if key[:2] == (project, module))
        if units > quantified + 1e-6:
            yield finding(
                "E-LEDGER-33", ledger.name, project=project, module=module, vintage="-", issued=units, quantified=f"{quantified:.3f}"
            )
    yield from _check_shares(ledger, net)


def _check_shares(ledger: Ledger, net: pd.DataFrame) -> Iterator[Finding]:
    modelled: dict[tuple[str, str, int], dict[str, float]] = {}
    for row in net.groupby(["project", "module", "vintage", "league"], as_index=False)["after_risk_tCO2e"].sum().itertuples():
        modelled.setdefault((row.project, row.module, int(row.vintage)), {})[row.league] = float(row.after_risk_tCO2e)
    for project, module, vintage, shares in ledger.distinct("project", "module", "vintage", "league_shares"):
        of_leagues = modelled.get((project, module, int(vintage)), {})
        whole = sum(of_leagues.values())
        if whole <= 0:
            continue
        stated = dict(shares_of(shares))
        far = [
            code
            for code in {*stated, *of_leagues}
            if abs(float(stated.get(code, 0)) - of_leagues.get(code, 0.0) / whole) > float(value("league_split"))
        ]
        if far:
            said = "; ".join(f"{code}: {amount / whole:.4f}" for code, amount in sorted(of_leagues.items()))
            yield finding("W-LEDGER-34", ledger.name, project=project, vintage=vintage, stated=shares, modelled=said)


def _check_land(ledger: Ledger, known: Known) -> Iterator[Finding]:
    """Every tonne stands on land that no other project of its vintage, and no other programme, has claimed."""
    claims = _claims(ledger)
    if not claims:
        return
    if known.parcels is None:
        yield finding("W-LEDGER-35", ledger.name, parcels=len(claims))
        return
    place = {code: number for number, code in enumerate(known.parcels.zones.codes)}
    for parcel, of_projects in sorted(claims.items()):
        for project, (programme, _) in sorted(of_projects.items()):
            number = place.get(parcel)
            if number is None:
                yield finding("E-LEDGER-36", ledger.name, parcel=parcel, project=project)
            elif (known.parcels.projects[number], known.parcels.programmes[number]) != (project, programme):
                there = f"{known.parcels.projects[number]}, {known.parcels.programmes[number]}"
                yield finding("E-LEDGER-37", ledger.name, parcel=parcel, claimed=f"{project}, {programme}", there=there)
    yield from _check_overlaps(ledger, known.parcels, claims)
    if known.others is not None:
        yield from _check_others(ledger, known.parcels, known.others, claims)


_Claims = dict[str, dict[str, tuple[str, set[int]]]]


def _claims(ledger: Ledger) -> _Claims:
    """Parcel -> project -> its programme and the vintages for which units were issued."""
    out: _Claims = {}
    for programme, project, vintage, parcels in ledger.distinct("programme", "project", "vintage", "parcels"):
        for parcel in parcels.split():
            out.setdefault(parcel, {}).setdefault(project, (programme, set()))[1].add(int(vintage))
    return out


def _check_overlaps(ledger: Ledger, parcels: Parcels, claims: _Claims) -> Iterator[Finding]:
    """Parcels of different projects that overlap in a vintage, or that two programmes hold."""
    for one, other, area in overlaps(parcels.zones, parcels.zones):
        if one >= other or parcels.projects[one] == parcels.projects[other]:
            continue
        codes = parcels.zones.codes[one], parcels.zones.codes[other]
        vintages = [set().union(*(years for _, years in claims.get(code, {}).values())) for code in codes]
        said = {"one": _said(parcels, one), "other": _said(parcels, other), "area": f"{area:.4f}", "tolerance": value("sliver_ha")}
        if parcels.programmes[one] != parcels.programmes[other]:
            if any(vintages):
                yield finding("E-LEDGER-39", ledger.name, **said)
        elif vintages[0] & vintages[1]:
            yield finding("E-LEDGER-38", ledger.name, vintages=", ".join(map(str, sorted(vintages[0] & vintages[1]))), **said)


def _check_others(ledger: Ledger, parcels: Parcels, others: Parcels, claims: _Claims) -> Iterator[Finding]:
    """Parcels with units that another programme has registered as well."""
    for one, other, area in overlaps(parcels.zones, others.zones.to_crs(parcels.zones.crs)):
        if parcels.zones.codes[one] in claims and parcels.programmes[one] != others.programmes[other]:
            yield finding(
                "E-LEDGER-39", ledger.name, one=_said(parcels, one), other=_said(others, other), area=f"{area:.4f}", tolerance=value("sliver_ha")
            )  # fmt: skip


def _said(parcels: Parcels, place: int) -> str:
    return f"{parcels.zones.codes[place]} ({parcels.projects[place]}, {parcels.programmes[place]})"


def overlaps(one: Zones, other: Zones) -> list[tuple[int, int, float]]:
    """Places (in one, in other) whose outlines share more than a sliver, with the shared geodesic area [ha].

    Parameters
    ----------
    one, other : Zones
        In the same CRS. The intersection is exact; what is not larger than the
        stated tolerance comes from outlines that were drawn twice.
    """
    if not len(one) or not len(other):
        return []
    tree = shapely.STRtree(list(other.geometries))
    mine, theirs = tree.query(list(one.geometries), predicate="intersects")
    out = []
    for a, b in sorted(zip(mine.tolist(), theirs.tolist(), strict=True)):
        if one is other and a >= b:
            continue
        shared = shapely.intersection(one.geometries[a], other.geometries[b])
        area = _area_ha(shared, one.crs)
        if Decimal(repr(area)) > value("sliver_ha"):
            out.append((a, b, area))
    return out


def _area_ha(shape: Any, crs: str) -> float:
    """Geodesic area of the polygons of a shape; lines and points have none."""
    parts: Iterable[Any] = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and part.area > 0]
    return sum(geodesic_area_ha(part, crs) for part in parts)
