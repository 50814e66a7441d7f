"""The results of a run as a report reads them: tables of its folder, by name, and who is part of whom."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.codes import REGION, league_names
from aoi.findings import InputError, finding
from aoi.table import decode
from aoi.texts import LANGUAGES, text
from sinks import tables
from sinks.accounting.summary import OFFSET, REMOVAL, STOCK
from sinks.config import approach_of
from sinks.ecosystems.catalogue import INVENTORIED
from sinks.legends.legend import land_classes
from sinks.provenance import read_json
from sinks.report.outlines import Outlines, read_outlines
from sinks.report.page.blocks import Quantity, Words, inert

NEEDED = ("zones", "summary", "stocks", "removals", "land_use", "balance", "bin_bounds", "factors_used", "inputs")
"""Tables without which there is nothing to report."""
OF_OTHERS = (
    "contributions", "offsets", "polygon_account", "ledger", "pipeline", "approaches", "raking", "nep_check", "grass_weather",
)  # fmt: skip
"""Tables that other stages make, where a run has them; a chapter without its table says so."""
NUMBER_ENDS = ("_tCO2e", "_tC", "_ha", "_share", "_pct", "_n", "se", "variance_share", "covariance")
WHOLE_NUMBERS = ("year", "year_from", "vintage", "revision")
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A row of the summary: a number with its interval, and what that lacks."""

    value: float | None
    low: float | None
    high: float | None
    flag: str
    year_from: int
    time_basis: str
    interval: str = ""
    contains: str = ""
    missing: str = ""
    not_estimated: str = ""

    def quantity(self, unit: str) -> Quantity:
        """The number."""
        return Quantity(self.value, unit, self.flag)

    def ends(self, unit: str) -> tuple[Quantity, Quantity]:
        """The ends of its interval; not estimated where there is none."""
        return Quantity(self.low, unit, "NE"), Quantity(self.high, unit, "NE")


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that a report tells of a run."""

    name: str
    settings: Mapping[str, Any]
    frames: Mapping[str, pd.DataFrame]
    record: Mapping[str, Any]
    findings: Mapping[str, Sequence[Mapping[str, str]]]
    demo_checks: Sequence[Mapping[str, Any]]
    outlines: Outlines | None

    def frame(self, name: str) -> pd.DataFrame | None:
        """A table of another stage; none where the run has it not or it is empty."""
        frame = self.frames.get(name)
        return frame if frame is not None and len(frame) else None

    @property
    def years(self) -> tuple[int, ...]:
        """Result years, in their order."""
        return tuple(sorted(self.settings["years"]))

    @property
    def approach(self) -> str:
        """The approach that the policy of the run takes for S."""
        return approach_of(self.settings["policy"])

    @cached_property
    def zones(self) -> pd.DataFrame:
        """The zones that are no parts of other zones, those without a value among them, in the order of their codes."""
        zones = self.frames["zones"]
        return zones[~zones["parent"].isin(set(zones["zone"]))].reset_index(drop=True)

    @cached_property
    def parts(self) -> pd.DataFrame:
        """Zones that lie in other zones: parcels of projects."""
        zones = self.frames["zones"]
        return zones[zones["parent"].isin(set(zones["zone"]))].reset_index(drop=True)

    @cached_property
    def wholes(self) -> tuple[str, ...]:
        """Reported zones that are sums of others."""
        return tuple(sorted(set(self.frames["summary"]["zone"]) - set(self.frames["zones"]["zone"])))

    @cached_property
    def place(self) -> str:
        """What the answer is about: the only zone, the only sum, or the sum of all."""
        if len(self.zones) == 1:
            return str(self.zones["zone"].iloc[0])
        return self.wholes[0] if len(self.wholes) == 1 else ALL

    @cached_property
    def _names(self) -> dict[str, Words]:
        zones = self.frames["zones"]
        return {
            row.zone: Words(inert(row.name_zh or row.zone), inert(row.name_en or row.name_zh or row.zone)) for row in zones.itertuples()
        }  # fmt: skip

    def name_of(self, zone: str) -> Words:
        """The name of a zone or of a sum."""
        if zone in self._names:
            return self._names[zone]
        if zone in (REGION, ALL):
            said = [text(f"report.place_{zone}", language) for language in LANGUAGES]
            return Words(*said)
        return Words(*league_names().get(zone, (inert(zone), inert(zone))))

    @cached_property
    def _summary(self) -> dict[tuple[Any, ...], Any]:
        rows = self.frames["summary"].to_dict("records")
        return {(row["zone"], row["year"], row["quantity"], row["ecosystem"], row["approach"]): row for row in rows}

    @cached_property
    def monte_carlo(self) -> bool:
        """Whether the policy of the run takes its intervals from Monte Carlo, and there are any."""
        asked = self.settings["policy"].get("interval") == "monte_carlo"
        return asked and bool(self.frames["summary"]["mc_se"].notna().any())

    def of(self, zone: str, year: int, quantity: str, ecosystem: str = "total", approach: str | None = None) -> Value | None:
        """A number of the summary; the sum of all zones where the summary has no such sum."""
        way = "stock" if quantity == STOCK else approach or self.approach
        row = self._summary.get((zone, year, quantity, ecosystem, way))
        if row is None:
            return self._sum(year, quantity, ecosystem, way) if zone == ALL and ALL not in self.wholes else None
        low, high = ("mc_low", "mc_high") if self.monte_carlo else ("low", "high")
        return Value(
            value=_number(row["value"]), low=_number(row[low]), high=_number(row[high]), flag=row["value_flag"], year_from=int(row["year_from"]),
            time_basis=row["time_basis"] or "", interval="monte_carlo" if self.monte_carlo else "analytic", contains=row["interval_contains"] or "",
            missing=row["interval_missing"] or "", not_estimated=row["not_estimated"] or "",
        )  # fmt: skip

    def _sum(self, year: int, quantity: str, ecosystem: str, way: str) -> Value | None:
        """The decimal sum over all zones; it has no interval, which a reader cannot make from rows."""
        rows = [row for zone in self.zones["zone"] if (row := self._summary.get((zone, year, quantity, ecosystem, way))) is not None]
        known = [row for row in rows if row["value_flag"] == "V"]
        if not rows:
            return None
        total = float(sum(Decimal(repr(row["value"])) for row in known)) if known else None
        gaps = sorted({part for row in rows for part in (row["not_estimated"] or "").split()})
        return Value(
            value=total, low=None, high=None, flag="V" if known else "NE", year_from=int(rows[0]["year_from"]), time_basis=rows[0]["time_basis"] or "",
            not_estimated=" ".join(gaps),
        )  # fmt: skip

    def area(self, zone: str) -> float:
        """The area of a zone on the grid, or of all zones [ha]."""
        rows = self.frames["zones"]
        mine = rows[rows["zone"] == zone]
        return float(mine["area_ha"].iloc[0]) if len(mine) else float(self.zones["area_ha"].sum())

    def members(self, zone: str) -> list[str]:
        """The zones that a zone or a sum is made of."""
        if zone in self._names:
            return [zone]
        mine = self.zones if zone == ALL else self.zones[self.zones["parent"] == zone]
        return list(mine["zone"])

    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last result year; none where there is one only."""
        return (self.years[0], self.years[-1]) if len(self.years) > 1 else None


def read_results(out: Path) -> Results:
    """The results of a run folder; no raster is opened.

    Raises
    ------
    InputError
        The folder holds no finished accounting.
    """
    settings = read_json(out / "inputs" / "settings.json")
    missing = [name for name in NEEDED if not (out / "tables" / f"{name}.csv").exists()]
    if not isinstance(settings, dict) or missing:
        raise InputError(finding("E-REPORT-01", out.name, missing=", ".join(missing) or "inputs/settings.json"))
    known = {table.name: table for table in tables.OUTPUT_TABLES}
    frames = {name: known[name].read(out / "tables" / f"{name}.csv") for name in NEEDED}
    for name in OF_OTHERS:
        path = out / "tables" / f"{name}.csv"
        if path.exists():
            frames[name] = known[name].read(path) if name in known else read_loosely(path)
    return Results(
        name=out.name, settings=settings, frames=frames, record=read_json(out / "run.json") or {}, findings=read_json(out / "findings.json") or {},
        demo_checks=read_json(out / "checks.json") or [], outlines=read_outlines(out),
    )  # fmt: skip


def read_loosely(path: Path) -> pd.DataFrame:
    """A table that is not declared here: codes stay texts, columns that end in a unit are numbers."""
    content, _ = decode(path, path.name)
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    frame = pd.DataFrame(rows)
    for column in frame.columns:
        if column in WHOLE_NUMBERS:
            frame[column] = pd.to_numeric(frame[column], errors="coerce").astype("Int64")
        elif column.endswith(NUMBER_ENDS):
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
    return frame


def class_names() -> dict[str, Words]:
    """The names of the land classes."""
    return {row.land_class: Words(row.name_zh, row.name_en) for row in land_classes().itertuples()}


def ecosystem_of() -> dict[str, str]:
    """The ecosystem of each land class."""
    return dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True))


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


__all__ = ["ALL", "INVENTORIED", "OFFSET", "REMOVAL", "STOCK", "Results", "Value", "read_results"]
