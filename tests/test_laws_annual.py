"""The pass over annual layers: the same bytes for any windows and workers, after any kill, and none moved where there are none."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import laws
import numpy as np
import pytest
from landscapes import (
    ARBOR,
    CROPLAND,
    GRASS,
    LONGLAT,
    SINUSOIDAL,
    Landscape,
    Lattice,
    Run,
    Tiling,
    finish,
    random_landscape,
    run,
    tabulated,
    tiling_zones,
    write,
)
from years import BURNING, FIRE, MCD64A1, MONTHLY, NPP

import sinks.program
from sinks.layers.windows import Engine
from sinks.pipeline import settle_tables, tabulate
from sinks.setup import set_up
from sinks.tabulate import annual as annual_pass

ROOT = Path(sinks.program.__file__).resolve().parents[1]
LARGE = {
    LONGLAT: Lattice(crs=LONGLAT, left=110.0, top=44.0, cell=0.0025, height=514, width=1030),
    SINUSOIDAL: Lattice(crs=SINUSOIDAL, left=8_500_000.0, top=4_700_000.0, cell=463.3127165, height=520, width=514),
}
ANNUAL = ("activity_annual.csv", "activity_fire.csv")


def landscape(lattice: Lattice, months: int = 12) -> Landscape:
    """Random land, biomass, days of burn of two years, production and weather of one, over several tiles, with holes."""
    drawn = np.random.default_rng(2)
    land = {year: drawn.choice(np.array([CROPLAND, ARBOR, GRASS, 0], dtype=np.uint8), size=lattice.shape) for year in (2020, 2022)}

    def holes(cells):
        return np.where(drawn.random(lattice.shape) < 0.02, np.nan, cells)

    def day():
        return np.where(drawn.random(lattice.shape) < 0.01, drawn.integers(1, 367, lattice.shape), np.where(drawn.random(lattice.shape) < 0.01, -1, 0))

    years = (2021, 2022)
    layers = {
        "aboveground_biomass": {year: holes(90.0 * drawn.random(lattice.shape)) for year in land},
        "burned_area": {year: [day().astype(np.int16) for _ in range(months)] for year in years},
        "npp": {2021: holes(drawn.random(lattice.shape))},
        "temperature": {2021: [20.0 * drawn.random(lattice.shape) - 10.0 for _ in range(12)]},
        "precipitation": {2021: [holes(50.0 * drawn.random(lattice.shape)) for _ in range(12)]},
        "greenness": {year: holes(drawn.random(lattice.shape)) for year in (2019, 2020, 2021, 2022)},
    }
    return Landscape(
        lattice=lattice, land=land, layers=layers, sections={"burned_area": MCD64A1, **MONTHLY, **NPP}, zones=tiling_zones(lattice, 3, drawn),
        strata={"climate": drawn.integers(0, 4, lattice.shape)}, base_year=True,
    )  # fmt: skip


def activity(path, out, engine: Engine) -> dict[str, bytes]:
    """The bytes of the tables of both passes."""
    setup = set_up(path, out=out)
    assert tabulate(setup, engine)
    settle_tables(setup.out)
    return Run(setup, setup.out).bytes()


@pytest.fixture(scope="module")
def geographic(tmp_path_factory):
    """Six tiles in degrees, and their activity tables by one thread and one tile at a time."""
    folder = tmp_path_factory.mktemp("annual")
    path = write(landscape(LARGE[LONGLAT]), folder)
    return path, activity(path, folder / "plain", Engine(threads=1, window_tiles=1))


@pytest.mark.parametrize(
    "engine", [Engine(threads=1, window_tiles=2), Engine(threads=2, window_tiles=4), Engine(workers=2, window_tiles=1)],
    ids=["window 2", "two threads, window 4", "two processes"],
)  # fmt: skip
def test_windows_threads_and_processes_change_no_byte(geographic, tmp_path, engine):
    path, plain = geographic
    assert set(ANNUAL) < set(plain)
    assert laws.different_files(plain, activity(path, tmp_path / "out", engine)) == []


def test_the_shape_of_files_changes_no_byte(geographic, tmp_path):
    """Blocks instead of rows."""
    path = write(landscape(LARGE[LONGLAT]), tmp_path, Tiling(block=256))
    found = activity(path, tmp_path / "out", Engine(threads=1, window_tiles=2))
    assert laws.different_files(geographic[1], found, but=("inputs.csv",)) == []


def test_sums_equal_a_loop_over_all_cells(geographic):
    """Burned area, fuel and production of a zone and class by plain Python on the cells with their coverage, to 1e-12."""
    path, _ = geographic
    given = landscape(LARGE[LONGLAT])
    done = tabulated_at(path)
    coverage = done.setup.coverage()
    weights = np.zeros((3, *given.lattice.shape))
    for tile in coverage.tiles():
        here = coverage.tile(tile)
        rows, columns = np.divmod(here.cells, tile.width)
        area = np.broadcast_to(done.setup.grid.cell_areas_ha(tile), (tile.height, tile.width))[rows, columns]
        np.add.at(weights, (here.zones, tile.row_off + rows, tile.col_off + columns), here.fractions * area)
    months = np.stack(given.layers["burned_area"][2021])
    fire = np.where((months > 0).any(axis=0), 1.0, np.where((months == -1).any(axis=0), np.nan, 0.0))
    fuel = given.layers["aboveground_biomass"][2020]
    table = done.exact("activity_fire").query("year == 2021")
    production = done.exact("activity_annual").query("layer == 'npp' and year == 2021")
    for zone in range(3):
        for code in (CROPLAND, ARBOR, GRASS):
            land = given.land[2020] == code
            rows = table[(table["zone"] == f"Z{zone + 1}") & (table["class"] == code)]
            area = weights[zone][land]
            base = rows[rows["layer"] == "land_cover"]
            assert base["burned_ha"].sum() == pytest.approx(np.nansum(area * fire[land]), rel=1e-12)
            assert base["missing_ha"].sum() == pytest.approx(area[np.isnan(fire[land])].sum(), rel=1e-12)
            mass = rows[rows["layer"] == "aboveground_biomass"]
            assert mass["sum"].sum() == pytest.approx(np.nansum(area * fire[land] * fuel[land]), rel=1e-12)
            assert mass["missing_ha"].sum() == pytest.approx(np.nansum(area * fire[land] * np.isnan(fuel[land])), rel=1e-12)
            grown = production[(production["zone"] == f"Z{zone + 1}") & (production["land_from"] == code)]
            assert grown["sum"].sum() == pytest.approx(np.nansum(area * given.layers["npp"][2021][land]), rel=1e-12)


def tabulated_at(path) -> Run:
    """The run that the fixture has made."""
    return Run(set_up(path, out=path.parent / "plain"), path.parent / "plain")


def test_windows_change_no_byte_of_the_results_on_the_sinusoidal_grid(tmp_path):
    path = write(landscape(LARGE[SINUSOIDAL], months=12), tmp_path)
    one = finish(path, Engine(threads=1, window_tiles=1), tmp_path / "one")
    other = finish(path, Engine(threads=2, window_tiles=2), tmp_path / "other")
    assert laws.different_files(one.bytes(), other.bytes()) == []


def test_areas_of_annual_sums_close_on_the_land(geographic):
    """Known and missing area of a layer and year are the area of the zone and class."""
    done = tabulated_at(geographic[0])
    land = done.exact("activity_year").query("layer == 'land_cover' and year == 2020").groupby(["zone", "class"])["area_ha"].sum()
    annual = done.exact("activity_annual").query("year == 2021 and year_from == year_to")
    for layer in ("npp", "burned_area", "nep_warmth"):
        rows = annual[annual["layer"] == layer]
        sums = rows.groupby(["zone", "land_from"])[["area_ha", "missing_ha"]].sum().sum(axis=1)
        assert sums.tolist() == pytest.approx(land.tolist(), rel=1e-12)


# -- a run that had none, has them, has them no more ---------------------------------------------------------


def small(fires: bool) -> Landscape:
    """A random landscape with everything the accounting knows, with or without fires."""
    plain = random_landscape(11, lattice=Lattice(height=6, width=8), zones=2)
    if not fires:
        return plain
    drawn = np.random.default_rng(5)
    fire = {year: np.where(drawn.random(plain.lattice.shape) < 0.2, 0.5, 0.0) for year in range(2018, 2024)}
    return plain.but(layers={**plain.layers, "burned_area": fire}, sections={"burned_area": FIRE})


def test_fires_move_only_what_they_must(tmp_path):
    """Stocks, balance, land use and the main activity are the same bytes with fires and without; removals have the rows of fires besides."""
    plain, fires = run(small(False), tmp_path / "plain"), run(small(True), tmp_path / "fires")
    differ = set(laws.different_files(plain.bytes(), fires.bytes()))
    same = {"activity_year.csv", "activity_pair.csv", "strata.csv", "zones.csv", "land_use.csv", "stocks.csv", "balance.csv", "bin_bounds.csv"}
    assert not differ & same
    assert set(ANNUAL) <= differ
    rest = fires.texts("removals").query("component != 'fire_non_co2'").reset_index(drop=True)
    assert rest.equals(plain.texts("removals"))


def test_layers_that_go_take_their_tables_along(tmp_path):
    """The same folder with fires, then without: every file has the bytes of a run that never had them."""
    never = run(small(False), tmp_path / "never")
    folder = tmp_path / "once"
    assert set(ANNUAL) < set(run(small(True), folder).bytes())
    again = run(small(False), folder)
    assert laws.different_files(never.bytes(), again.bytes()) == []
    assert not list((again.out / "tables").glob("activity_fire.*"))
    record = json.loads((again.out / "run.json").read_text(encoding="utf-8"))
    assert set(record["stages"]) == set(json.loads((never.out / "run.json").read_text(encoding="utf-8"))["stages"])


def test_a_second_run_reads_no_pixel(tmp_path, monkeypatch):
    """The year tables are kept by their key; a new year alone is read when it is added."""
    first = tabulated(small(True), tmp_path)
    read = []
    plain = annual_pass.annual_sums
    monkeypatch.setattr(annual_pass, "annual_sums", lambda block, plan: read.append(plan.year) or plain(block, plan))
    assert not tabulate(set_up(tmp_path / "run.toml"), Engine(threads=1))
    assert read == []
    del first
    more = small(True)
    fire = {**more.layers["burned_area"], 2024: np.full(more.lattice.shape, 0.25)}
    path = write(more.but(layers={**more.layers, "burned_area": fire}), tmp_path)
    assert tabulate(set_up(path), Engine(threads=1))
    assert read == [2024]


# -- kills ---------------------------------------------------------------------------------------------------

SLOWLY = """
import pathlib, sys, time
import aoi.grids
aoi.grids.TILE = 64
import sinks.tabulate.annual as annual
import sinks.tabulate.partials as partials
partials.COMMIT_SECONDS = 0.02
def slowly(block, plan, sums=annual.annual_sums):
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(0.01)
    return sums(block, plan)
annual.annual_sums = slowly
from sinks.cli import main
main(sys.argv[2:])
"""
READING = ".annual"


def started(path: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SINKS_LANG": "en"}
    (path.parent / READING).unlink(missing_ok=True)
    command = [sys.executable, "-c", SLOWLY, READING, "tabulate", str(path), "--quiet", "--threads", "1"]
    return subprocess.Popen(command, env=environment, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def tables_of(out: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted((out / "tables").glob("*.csv"))}


def test_a_run_that_is_killed_in_the_years_ends_the_same(tmp_path):
    """kill -9 three times in the pass over the years, then to the end: the bytes of a run that nobody disturbed, and tiles were not read twice."""
    lattice = Lattice(crs=LONGLAT, left=110.0, top=44.0, cell=0.0025, height=130, width=330)
    undisturbed = write(landscape(lattice), tmp_path / "undisturbed")
    process = started(undisturbed)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    path = write(landscape(lattice), tmp_path / "killed")
    moments = random.Random(3)
    for _ in range(3):
        process = started(path)
        deadline = time.monotonic() + 60
        while not (path.parent / READING).exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moments.uniform(0.05, 0.25))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert not (path.parent / "out" / "tables").exists()
    process = started(path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert laws.different_files(tables_of(undisturbed.parent / "out"), tables_of(path.parent / "out")) == []
    lines = [json.loads(line) for line in (path.parent / "out" / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    last = {line["year"]: line for line in lines if line["event"] == "tabulated" and "year" in line}
    assert set(last) == {2019, 2020, 2021, 2022}
    assert {line["tiles"] for line in last.values()} == {18}
    assert sum(line["computed"] for line in last.values()) < 4 * 18
    assert set(BURNING) & set(last)
