"""Invented runs, ledgers and packages for the tests of the assessment."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.codes import REGION, league_names
from sinks import tables
from sinks.assessment.events import Event
from sinks.assessment.ledger import Ledger, read_events
from sinks.config import PolicySection

LEAGUES = sorted(league_names())
EMPTY = dict.fromkeys(Event._fields, "")
NAMES = [name for name in tables.LEDGER.names if name not in ("sequence", "previous_sha256", "sha256")]


def issue(block: str, units: int, **more: Any) -> dict[str, str]:
    """The issue of a block; serial numbers from a thousand times a hash of its name unless given."""
    first = int(more.pop("serial_first", sum(ord(letter) * 131**place for place, letter in enumerate(block)) % 10**9 * 10**6))
    given = {
        "block": block, "event": "1", "date": "2024-03-01", "action": "issue", "state": "held", "programme": "CCER", "project": "P1",
        "module": "ccer_14_001_v01", "owner": "owner", "vintage": "2021", "parcels": "A-1", "serial_prefix": "S", "serial_first": first,
        "serial_last": first + units - 1, "risk_share": "0.1", "issued_tCO2e": units, "league_shares": "150400:1", "evidence": "doc",
    }  # fmt: skip
    given |= more
    given.setdefault("gross_tCO2e", f"{int(given['issued_tCO2e']) / (1 - float(given['risk_share'])) + 0.001:.3f}")
    return {**EMPTY, **{name: str(value) for name, value in given.items()}}


def state(block: str, event: int, date: str, to: str, owner: str = "buyer") -> dict[str, str]:
    """A change of state."""
    return {**EMPTY, "block": block, "event": str(event), "date": date, "action": "state", "state": to, "owner": owner, "evidence": "doc"}


def replaced(block: str, event: int, date: str) -> dict[str, str]:
    """Units of a block that were replaced after a loss."""
    return {**EMPTY, "block": block, "event": str(event), "date": date, "action": "replace", "evidence": "doc"}


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_events(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A table of events as a user writes it."""
    return write_csv(path, NAMES, rows)


def ledger_of(rows: Iterable[Mapping[str, Any]]) -> Ledger:
    """A ledger in memory with these events."""
    ledger = Ledger(None)
    ledger.append((f"row {number}", Event._make(row[name] for name in Event._fields), "") for number, row in enumerate(rows, start=1))
    return ledger


def import_file(ledger: Path, events: Path) -> Any:
    """Take a file of events into a ledger."""
    found: list[Any] = []
    with Ledger(ledger, create=True) as book:
        return book.append(read_events(events, events.name, found), found=found)


def write_run(
    folder: Path, removals: Mapping[str, tuple[float, float | None]], policy: Mapping[str, Any] | None = None, *,
    ledger: Path | None = None, emissions: Path | None = None, quantifications: Sequence[Path] = (), parcels: Mapping[str, float] | None = None,
    correlation: float | None = None, years: tuple[int, int] = (2020, 2023), parents: Mapping[str, str] | None = None,
) -> Path:  # fmt: skip
    """A run folder as the accounting leaves it, of one leaf per league.

    Parameters
    ----------
    removals : mapping
        League -> removal and standard error [t CO2e per year]; leagues not named have none occurring.
    parcels : mapping
        ``league.parcel`` -> removal inside it.
    correlation : float, optional
        Of the errors of any two leagues; None writes no covariance.
    """
    codes = sorted({*LEAGUES, *removals}) if parents is None else sorted(parents)
    zones = [{"zone": code, "zone_set": "leagues", "parent": (parents or {}).get(code, REGION), "name_zh": code, "name_en": code} for code in codes]
    zones += [
        {"zone": code, "zone_set": "parcels", "parent": code.split(".")[0], "name_zh": code, "name_en": code} for code in (parcels or {})
    ]
    leaves, totals = [], []
    for code, (value, error) in {**dict.fromkeys(codes, (0.0, None)), **removals, **{c: (v, None) for c, v in (parcels or {}).items()}}.items():
        occurs = code in removals or code in (parcels or {})
        leaves.append(_leaf(code, value, years))
        totals.append(_total(code, value, error, years, occurs))
    folder.mkdir(parents=True, exist_ok=True)
    frames = {
        tables.ZONES: zones, tables.REMOVALS: leaves, tables.SUMMARY: totals,
        tables.STOCKS: [_stock(code, years[1]) for code in codes],
        tables.LAND_USE: [
            {"zone": code, "year_from": years[0], "year_to": years[1], "land_from": "marsh", "land_to": "marsh", "area_ha": 12.5} for code in codes
        ],
        tables.FACTORS_USED: [
            {"id": "F1", "name": "carbon_fraction", "value": 0.5, "unit": "t t-1", "source": "S", "locator": "p 1", "tag": "K:0.5", "verified": False},
            {"id": "F2", "name": "carbon_fraction", "value": 0.47, "unit": "t t-1", "source": "S", "locator": "p 2", "tag": "F:1", "verified": True},
        ],
        tables.INPUTS: [{"file": "a.tif", "layer": "land_cover", "year": 2020, "sha256": "0" * 64, "bytes": 1, "how": "direct"}],
    }  # fmt: skip
    for table, rows in frames.items():
        table.write(table.frame(rows), folder / "tables" / f"{table.name}.csv")
    if correlation is not None:
        rows = list(_covariances({code: error for code, (_, error) in removals.items() if error is not None}, correlation, years))
        tables.COVARIANCE.write(tables.COVARIANCE.frame(rows), folder / "tables" / "covariance.csv")
    _write_records(folder, policy or {})
    sources = {"ledger": [ledger] if ledger else [], "emissions": [emissions] if emissions else [], "quantifications": list(quantifications)}
    note = {name: [[str(path.resolve()), path.name] for path in paths] for name, paths in sources.items()}
    (folder / "assessment").mkdir(exist_ok=True)
    (folder / "assessment" / "sources.json").write_text(json.dumps({**note, "parcels": [], "others": [], "columns": {}}), encoding="utf-8")
    return folder


def _write_records(folder: Path, policy: Mapping[str, Any]) -> None:
    (folder / "inputs").mkdir(exist_ok=True)
    settings = {"policy": PolicySection.model_validate(dict(policy)).model_dump(), "demo": None}
    (folder / "inputs" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps({"run_id": "r", "stages": {"tabulate": {"key": "t"}, "account": {"key": "a"}}}), encoding="utf-8")


def _leaf(code: str, value: float, years: tuple[int, int]) -> dict[str, Any]:
    return {
        "zone": code, "year": years[1], "year_from": years[0], "approach": "stock_difference", "time_basis": "interval_mean", "account": "offset",
        "ecosystem": "forest", "land_class": "arbor_forest", "transition": "remaining", "pool": "aboveground_biomass", "component": "net_change",
        "gas": "CO2", "soil_depth_cm": 0, "removal_tCO2e_per_year": value, "value_flag": "V",
    }  # fmt: skip


def _total(code: str, value: float, error: float | None, years: tuple[int, int], occurs: bool) -> dict[str, Any]:
    row = {
        "zone": code, "year": years[1], "year_from": years[0], "quantity": "removal_offset_tCO2e_per_year", "ecosystem": "total",
        "approach": "stock_difference", "time_basis": "interval_mean", "unit": "t CO2e per year", "value_flag": "V" if occurs else "NO",
    }  # fmt: skip
    if occurs:
        row["value"] = value
    if error is not None:
        row |= {"se": error, "low": value - 1.96 * error, "high": value + 1.96 * error}
    return row


def _stock(code: str, year: int) -> dict[str, Any]:
    return {
        "zone": code, "year": year, "ecosystem": "forest", "land_class": "arbor_forest", "pool": "aboveground_biomass", "soil_depth_cm": 0,
        "area_ha": 10, "stock_tC": 100.0, "value_flag": "V",
    }  # fmt: skip


def _covariances(errors: Mapping[str, float], correlation: float, years: tuple[int, int]) -> Iterable[dict[str, Any]]:
    codes = sorted({*LEAGUES, *errors})
    for place, one in enumerate(codes):
        for other in codes[place:]:
            both = errors.get(one, 0.0) * errors.get(other, 0.0) * (1.0 if one == other else correlation)
            yield {
                "quantity": "removal_offset_tCO2e_per_year", "ecosystem": "total", "approach": "stock_difference", "zone": one,
                "year_from": years[0], "year": years[1], "zone_with": other, "year_from_with": years[0], "year_with": years[1],
                "covariance": both, "mc_covariance": both * 4,
            }  # fmt: skip


def offsets_of(folder: Path) -> pd.DataFrame:
    """The table of offsets of a run, by league and year."""
    return tables.OFFSETS.read(folder / "tables" / "offsets.csv").set_index(["league", "year"])


