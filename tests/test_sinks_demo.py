"""The demonstration: its inputs, its scenario, and a check that must go red when something is wrong."""

import csv
import hashlib
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from numpy.typing import NDArray

from aoi.coverage import Coverage
from aoi.grids import Grid
from aoi.leagues import leagues
from aoi.parcels import cross, read_parcels
from aoi.texts import catalogue
from sinks.cli import main
from sinks.config import read_config
from sinks.demo.assumptions import DATES, assumption, changes, class_biomass, growth, ndvi_of_kinds, ndvi_years
from sinks.demo.check import DemoCheck, check_demo
from sinks.demo.cut import CUTS, INPUTS, cut
from sinks.demo.landscape import real_grid, real_map
from sinks.demo.noise import SmoothNoise
from sinks.demo.rasters import LABEL
from sinks.demo.scenario import rasters_of, write_demo
from sinks.demo.surfaces import BIOMASS_SCALE
from sinks.demo.truth import read_truth, runs_of
from sinks.demo.truth_areas import CellAreas
from sinks.legends.legend import builtin_legend, refinements
from sinks.pipeline import account, snapshot, tabulate
from sinks.setup import set_up
from sinks.tables import ACTIVITY_PAIR, CODE_NAMES, LAND_USE

TREES = (1, 2, 3, 4, 5, 8, 9)


@pytest.fixture(autouse=True)
def _texts() -> None:
    path = Path(__file__).parents[1] / "sinks" / "demo" / "texts_rows.csv"
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                catalogue().setdefault(row["key"], {"zh": row["zh"], "en": row["en"]})


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo")).parent


@pytest.fixture(scope="module")
def finer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("finer"), cells=300_000).parent


@pytest.fixture(scope="module")
def brute_force(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two tables of a run, summed cell by cell from the rasters."""
    out = tmp_path_factory.mktemp("out")
    write_tables(demo, out)
    return out


def band(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(1))


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()}


def write_tables(folder: Path, out: Path, bands: dict[str, NDArray[Any]] | None = None) -> None:
    """land_use.csv and activity_pair.csv of a demonstration, with some rasters replaced."""
    arrays = {path.stem: band(path) for path in folder.glob("*.tif") if path.stem != "climate"} | (bands or {})
    codes, cells, areas = cells_of(read_truth(folder / "truth.json").grid)
    names = land_class_names(folder, arrays)
    pairs = [pair_frame(arrays, names, codes, cells, areas, interval) for interval in pairwise(DATES)]
    frame = pd.concat(pairs)
    land_use = frame.groupby(["zone", "year_from", "year_to", "name_from", "name_to"])["area_ha"].sum().reset_index()
    LAND_USE.write(land_use.rename(columns={"name_from": "land_from", "name_to": "land_to"}), out / "tables" / "land_use.csv")
    keys = ["zone", "year_from", "year_to", "land_from", "land_to"]
    activity = frame[frame["valid"]].groupby(keys)[["area_ha", "sum_from", "sum_to"]].sum().reset_index()
    constant = {"stratum_from": 0, "stratum_to": 0, "bin_layer": "aboveground_biomass", "member": 0, "bin_date": "from", "bin": 0}
    ACTIVITY_PAIR.write(activity.assign(**constant), out / "tables" / "activity_pair.csv")


def cells_of(grid: Grid) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Zone code, flat index and area inside the zone, for every cell of every zone."""
    coverage = Coverage.of([leagues()], grid)
    row_areas = grid.row_areas_ha()
    assert row_areas is not None
    codes, cells, areas = [], [], []
    for tile in coverage.tiles():
        part = coverage.tile(tile)
        rows, cols = tile.row_off + part.cells // tile.width, tile.col_off + part.cells % tile.width
        codes.append(np.array(leagues().codes)[part.zones])
        cells.append(rows * grid.width + cols)
        areas.append(part.fractions * row_areas[rows])
    return np.concatenate(codes), np.concatenate(cells), np.concatenate(areas)


def land_class_names(folder: Path, arrays: dict[str, NDArray[Any]]) -> dict[int, NDArray[Any]]:
    """Land class of every cell by date, cell by cell: legend, then refinement."""
    types = CODE_NAMES.read(folder / "vegetation_type.csv").set_index("code")["value"].to_dict()
    legend = builtin_legend("mcd12_igbp")
    classes = dict(zip(legend.codes, legend.land_classes, strict=True))
    out = {}
    for year in DATES:
        both = arrays[f"land_cover_{year}"].astype(int).reshape(-1) * 256 + arrays[f"vegetation_type_{year}"].reshape(-1)
        pairs, place = np.unique(both, return_inverse=True)
        plain = [classes.get(pair // 256, "unknown") for pair in pairs.tolist()]
        refined = [refinements().get((name, types.get(pair % 256, "")), name) for name, pair in zip(plain, pairs.tolist(), strict=True)]
        out[year] = np.array(refined)[place]
    return out


def pair_frame(
    arrays: dict[str, NDArray[Any]],
    names: dict[int, NDArray[Any]],
    codes: NDArray[Any],
    cells: NDArray[Any],
    areas: NDArray[Any],
    interval: tuple[int, int],
) -> pd.DataFrame:
    first, last = interval
    before, after = (arrays[f"aboveground_biomass_{year}"].reshape(-1)[cells].astype(np.float64) for year in interval)
    return pd.DataFrame(
        {
            "zone": codes, "year_from": first, "year_to": last, "area_ha": areas, "valid": (before >= 0) & (after >= 0),
            "land_from": arrays[f"land_cover_{first}"].reshape(-1)[cells].astype(int),
            "land_to": arrays[f"land_cover_{last}"].reshape(-1)[cells].astype(int),
            "name_from": names[first][cells], "name_to": names[last][cells],
            "sum_from": areas * before * BIOMASS_SCALE, "sum_to": areas * after * BIOMASS_SCALE,
        }
    )  # fmt: skip


def failed(checks: list[DemoCheck]) -> set[str]:
    return {one.id for one in checks if not one.ok}


# the bundled inputs


def test_inputs_have_the_stated_hashes_and_size() -> None:
    stated = dict(re.findall(r"`(\w+\.tif)`.*`([0-9a-f]{64})`", (INPUTS / "README.md").read_text(encoding="utf-8")))
    found = {name: value for name, value in hashes(INPUTS).items() if name.endswith(".tif")}
    assert stated == found
    assert sum(path.stat().st_size for path in INPUTS.glob("*.tif")) < 700_000


def test_inputs_come_from_the_sources(shared_data: Path, tmp_path: Path) -> None:
    cut(shared_data / "inner_mongolia_rasters", tmp_path)
    version = f"GDAL {rasterio.__gdal_version__}"
    same_writer = version in (INPUTS / "README.md").read_text(encoding="utf-8")
    for one in CUTS:
        name = f"{one.raster.name}.tif"
        assert np.array_equal(band(tmp_path / name), band(INPUTS / name))
        if same_writer:
            assert (tmp_path / name).read_bytes() == (INPUTS / name).read_bytes()


def test_inputs_keep_the_values_of_the_sources(shared_data: Path) -> None:
    source = band(shared_data / "inner_mongolia_rasters" / "NDVI_maximum_IM.tif").astype(np.float64)
    ours = band(INPUTS / "ndvi_maximum.tif")
    assert np.array_equal(np.isnan(source), ours == -32768)
    assert np.nanmax(np.abs(source - np.where(ours == -32768, np.nan, ours * 1e-4))) < 1e-6
    assert np.array_equal(band(shared_data / "inner_mongolia_rasters" / "MCD12C1_2019_IGBP_IM.tif"), band(INPUTS / "land_cover.tif"))


@pytest.mark.parametrize("one", CUTS, ids=lambda one: one.raster.name)
def test_inputs_say_what_they_are_and_name_no_folder(one: Any) -> None:
    path = INPUTS / f"{one.raster.name}.tif"
    with rasterio.open(path) as dataset:
        assert dataset.crs.to_epsg() == 4326
        assert dataset.bounds == pytest.approx((97.0, 37.3, 126.2, 53.45))
        assert dataset.nodata == one.raster.nodata
        assert "real data" in dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"]
    assert b"/work" not in path.read_bytes()


# the scenario


def test_same_arguments_give_the_same_bytes(demo: Path, finer: Path, tmp_path: Path) -> None:
    assert hashes(write_demo(tmp_path / "a").parent) == hashes(demo)
    assert hashes(write_demo(tmp_path / "b", cells=300_000).parent) == hashes(finer)


def test_another_seed_gives_another_scenario(demo: Path, tmp_path: Path) -> None:
    other = hashes(write_demo(tmp_path, seed=2).parent)
    same = {name for name, value in hashes(demo).items() if other[name] == value}
    assert "land_cover_2020.tif" in same
    assert not same & {"land_cover_2023.tif", "aboveground_biomass_2020.tif", "ndvi_2020.tif", "parcels.gpkg", "truth.json"}


def test_configuration_is_sound_and_all_its_files_are_there(demo: Path) -> None:
    config, found = read_config(demo / "run.toml")
    assert found == []
    assert config.run.dates == DATES
    assert config.demo is not None
    assert config.demo["scenario"] is True
    assert config.layers["ndvi"].files_mean
    assert config.layers["aboveground_biomass"].se == "aboveground_biomass_se"
    for layer in config.layers.values():
        for files in layer.files.values():
            assert all((demo / name).exists() for name in files)


def test_run_accepts_the_scenario(demo: Path) -> None:
    setup = set_up(demo / "run.toml")
    assert {one.id for one in setup.findings} == {"W-LEGEND-14"}
    assert setup.grid == real_grid()


def test_everything_invented_says_so(demo: Path, finer: Path) -> None:
    for folder, is_finer in ((demo, False), (finer, True)):
        real = {"climate", *(() if is_finer else ("land_cover_2020",))}
        assert {one.name for one in rasters_of(is_finer) if not one.invented} | {"climate"} == real
        for path in folder.glob("*.tif"):
            with rasterio.open(path) as dataset:
                description = dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"]
            assert (LABEL in description) == (path.stem not in real), path.name
    for name in ("run.toml", "README.md", "README.zh-CN.md", "truth.json"):
        text = (demo / name).read_text(encoding="utf-8")
        assert "非真实数据" in text or "not real data" in text.lower()


def test_nothing_names_a_folder_of_this_machine(demo: Path) -> None:
    for path in demo.iterdir():
        assert str(demo.parent).encode() not in path.read_bytes(), path.name


def test_2020_is_the_real_map(demo: Path) -> None:
    assert np.array_equal(band(demo / "land_cover_2020.tif"), real_map().land_cover)
    assert (demo / "climate.tif").read_bytes() == (INPUTS / "climate_group.tif").read_bytes()


@pytest.mark.parametrize("which", ["demo", "finer"])
def test_planned_changes_are_in_the_rasters_and_no_others(which: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(which)
    maps = {year: band(folder / f"land_cover_{year}.tif") for year in DATES}
    types = {year: band(folder / f"vegetation_type_{year}.tif") for year in DATES}
    planned = {interval: np.zeros(maps[2020].shape, dtype=bool) for interval in pairwise(DATES)}
    for one in read_truth(folder / "truth.json").planned:
        at = one.cells()
        for year, code, kind in ((one.year_from, one.code_from, one.type_from), (one.year_to, one.code_to, one.type_to)):
            assert (maps[year][at] == code).all()
            assert (types[year][at] == kind).all()
        planned[one.year_from, one.year_to][at] = True
    for (first, last), cells in planned.items():
        assert np.array_equal(maps[first] != maps[last], cells)
        assert np.array_equal((types[first] != types[last]) & ~cells, np.zeros_like(cells))


def test_every_planned_change_has_about_its_area(demo: Path) -> None:
    raw = json.loads((demo / "truth.json").read_text(encoding="utf-8"))
    row_areas = real_grid().row_areas_ha()
    assert row_areas is not None
    for one in changes():
        mine = [
            part for part in raw["changes"]
            if (part["kind"], part["year_to"], part["code_from"], part["code_to"], part["league"])
            == (one.kind, one.year_to, one.code_from, one.code_to, one.league)
        ]  # fmt: skip
        area = sum(row_areas[row] * count for part in mine for row, _, count in part["runs"]) / 100
        assert one.area_km2 * 0.998 <= area <= one.area_km2 + 25, one


def test_forest_biomass_is_that_of_the_region(demo: Path) -> None:
    codes, biomass = band(demo / "land_cover_2020.tif"), band(demo / "aboveground_biomass_2020.tif") * BIOMASS_SCALE
    east = (real_map().owner >= 0) & (np.arange(584)[None, :] > 400)
    assert 60 < biomass[east & np.isin(codes, (3, 4, 5))].mean() < 80
    assert 40 < biomass[east & (codes == 8)].mean() < 60
    shrubs = (codes == 7) & (band(demo / "land_cover_2017.tif") == 7)
    assert 2 <= biomass[shrubs].min() <= biomass[shrubs].max() <= 10
    assert biomass[np.isin(codes, (10, 12, 16))].max() < 5
    assert (band(demo / "aboveground_biomass_2020.tif")[np.isin(codes, (0, 15))] == -32768).all()


def test_standard_error_is_a_share_of_the_biomass(demo: Path) -> None:
    values = band(demo / "aboveground_biomass_2020.tif") * 0.1
    errors = band(demo / "aboveground_biomass_se_2020.tif") * 0.01
    share = errors[values > 10] / values[values > 10]
    assert assumption("se_low") - 0.001 <= share.min() < share.max() <= assumption("se_high") + 0.001


def test_planted_land_starts_low_and_cleared_land_keeps_little(demo: Path) -> None:
    biomass = {year: band(demo / f"aboveground_biomass_{year}.tif") * BIOMASS_SCALE for year in DATES}
    for one in read_truth(demo / "truth.json").planned:
        after, before = biomass[one.year_to][one.cells()], biomass[one.year_from][one.cells()]
        if one.kind == "afforestation":
            assert after == pytest.approx(assumption("planted_tree"))
        if one.kind == "clearing":
            assert (before > 20).all()
            assert (after < 3).all()


def test_stated_growth_is_whole_steps_of_the_raster() -> None:
    for leagues_of_stand in growth().values():
        assert set(leagues_of_stand) == set(leagues().codes)
        steps = np.array(list(leagues_of_stand.values())) / BIOMASS_SCALE
        assert np.allclose(steps, np.rint(steps))
    assert 0.3 <= min(growth()["tree"].values()) <= max(growth()["tree"].values()) <= 1.5


def test_ndvi_of_a_year_is_the_real_maximum_times_its_factor(demo: Path) -> None:
    land = (real_map().owner >= 0) & (real_map().ndvi > 0.3) & (real_map().ndvi < 0.8)
    for year, factor in ndvi_years().items():
        ratio = band(demo / f"ndvi_{year}.tif")[land] * 1e-4 / real_map().ndvi[land]
        assert float(np.median(ratio)) == pytest.approx(factor, abs=0.01)


def test_tables_of_assumptions_fit_each_other() -> None:
    assert {one.kind for one in changes()} == set(ndvi_of_kinds())
    assert {one.code for one in class_biomass()} == set(builtin_legend("mcd12_igbp").codes)
    assert {one.league for one in changes()} <= set(leagues().codes)


def test_parcels_are_four_of_two_invented_projects_and_one_crosses_a_border(demo: Path) -> None:
    parcels, found = read_parcels(demo / "parcels.gpkg", where="parcels.gpkg")
    assert found == []
    assert sorted(set(parcels.projects)) == ["示例项目乙", "示例项目甲"]
    assert len(parcels) == 4
    pieces = [code.split(".")[1] for code in cross(leagues(), parcels).codes]
    assert sorted(pieces.count(code) for code in parcels.zones.codes) == [1, 1, 1, 2]


def test_finer_landscape_has_the_character_of_the_real_one(demo: Path, finer: Path) -> None:
    shares = []
    for folder in (demo, finer):
        _, cells, areas = cells_of(read_truth(folder / "truth.json").grid)
        codes = band(folder / "land_cover_2020.tif").reshape(-1)[cells]
        shares.append(np.bincount(codes, weights=areas, minlength=18) / areas.sum())
    assert np.abs(shares[0] - shares[1]).max() < 0.02
    height, width = band(finer / "land_cover_2020.tif").shape
    assert height * width == pytest.approx(300_000, rel=0.01)


def test_finer_rasters_are_tiled_and_leave_empty_tiles_out(tmp_path: Path) -> None:
    folder = write_demo(tmp_path, cells=1_200_000).parent
    with rasterio.open(folder / "ndvi_2020.tif") as dataset:
        assert dataset.block_shapes == [(512, 512)]
        assert (dataset.read(1, window=((0, 400), (0, 400))) == -32768).all()
    grid = read_truth(folder / "truth.json").grid
    assert all(Coverage.of([leagues()], grid).touches(tile) for tile in grid.tiles() if tile.row == 1)
    assert failed(check_demo_of_brute_force(folder, tmp_path / "out")) == set()


def check_demo_of_brute_force(folder: Path, out: Path) -> list[DemoCheck]:
    write_tables(folder, out)
    return check_demo(folder, out)


# noise and geometry under it


def test_noise_is_the_same_in_any_window() -> None:
    noise = SmoothNoise(3, 4, (9.0, 2.0), (1.0, 0.3))
    x, y = np.linspace(0.5, 49.5, 50), np.linspace(0.5, 39.5, 40)
    assert np.array_equal(noise(x, y)[10:20, 7:31], noise(x[7:31], y[10:20]))
    assert np.abs(noise(x, y)).max() <= 1.3
    assert not np.array_equal(noise(x, y), SmoothNoise(3, 5, (9.0, 2.0), (1.0, 0.3))(x, y))


def test_runs_hold_exactly_the_cells() -> None:
    mask = np.random.default_rng(1).random((13, 29)) < 0.4
    again = np.zeros_like(mask)
    for row, start, count in runs_of(mask):
        assert not again[row, start : start + count].any()
        again[row, start : start + count] = True
    assert np.array_equal(again, mask)


def test_plain_geometry_fills_every_league(demo: Path) -> None:
    areas = CellAreas(grid=real_grid(), zones=leagues())
    sums = sum(np.bincount(stripe.zones, weights=stripe.areas, minlength=12) for stripe in areas.stripes())
    assert sums == pytest.approx(areas.outline_areas_ha, rel=1e-11)
    cell = shapely.box(115.0, 44.0, 115.05, 44.05)
    assert leagues().geometries[leagues().index("152500")].contains(cell)


# the check


def test_check_is_green_on_a_brute_force_of_the_rasters(demo: Path, brute_force: Path) -> None:
    checks = check_demo(demo, brute_force)
    assert failed(checks) == set()
    kinds = {one.id.split(".")[0] for one in checks}
    assert kinds == {"conversion", "other_conversion", "growth_tree", "growth_shrub", "area"}
    assert len({one.id for one in checks}) == len(checks)


def shifted(demo: Path, kind: str) -> dict[str, NDArray[Any]]:
    """The map of 2023 with one patch moved a cell to the east, the other layers left where they are."""
    maps = {year: band(demo / f"land_cover_{year}.tif") for year in DATES}
    one = next(part for part in read_truth(demo / "truth.json").planned if part.kind == kind and part.year_to == 2023)
    rows, cols = one.cells()
    out = maps[2023].copy()
    out[rows, cols] = one.code_from
    out[rows, cols + 1] = one.code_to
    return {"land_cover_2023": out}


@pytest.mark.parametrize("kind", ["afforestation", "restoration", "degradation", "clearing"])
def test_check_is_red_when_a_patch_is_shifted_by_a_cell(kind: str, demo: Path, tmp_path: Path) -> None:
    write_tables(demo, tmp_path, shifted(demo, kind))
    assert failed(check_demo(demo, tmp_path))


def test_check_is_red_when_a_patch_is_shifted_by_a_row(demo: Path, tmp_path: Path) -> None:
    """Cells of the next row are larger by little; it is seen all the same."""
    maps = band(demo / "land_cover_2023.tif")
    one = next(part for part in read_truth(demo / "truth.json").planned if part.kind == "shrub_planting" and part.year_to == 2023)
    rows, cols = one.cells()
    out = maps.copy()
    out[rows, cols] = 10
    free = out[rows - 1, cols] == 10
    out[rows[free] - 1, cols[free]] = 7
    out[rows[~free], cols[~free]] = 7
    write_tables(demo, tmp_path, {"land_cover_2023": out})
    assert any(id.startswith("conversion.150600.2020.2023") for id in failed(check_demo(demo, tmp_path)))


def rewritten(demo: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of what the check reads, with another truth."""
    target.mkdir()
    for name in ("vegetation_type.csv", *(f"land_cover_{year}.tif" for year in DATES)):
        (target / name).write_bytes((demo / name).read_bytes())
    truth = json.loads((demo / "truth.json").read_text(encoding="utf-8"))
    change(truth)
    (target / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return target


def test_check_is_red_when_a_growth_number_is_wrong(demo: Path, brute_force: Path, tmp_path: Path) -> None:
    def wrong(truth: dict[str, Any]) -> None:
        truth["growth_t_per_ha_per_year"]["tree"]["152200"] += 0.001

    found = failed(check_demo(rewritten(demo, tmp_path / "wrong", wrong), brute_force))
    assert {"growth_tree.152200.2017.2020", "growth_tree.152200.2020.2023"} <= found
    assert all(id.startswith("growth_tree") for id in found)


def test_check_is_red_when_a_cell_of_biomass_is_one_step_off(demo: Path, tmp_path: Path) -> None:
    biomass = band(demo / "aboveground_biomass_2023.tif")
    forest = np.isin(band(demo / "land_cover_2020.tif"), TREES) & (real_map().owner == leagues().index("150700"))
    row, col = np.argwhere(forest)[len(np.argwhere(forest)) // 2]
    biomass[row, col] += 1
    write_tables(demo, tmp_path, {"aboveground_biomass_2023": biomass})
    assert "growth_tree.150700.2020.2023" in failed(check_demo(demo, tmp_path))


def test_check_is_red_when_a_planned_change_is_not_found(demo: Path, brute_force: Path, tmp_path: Path) -> None:
    def without_wetland_loss(truth: dict[str, Any]) -> None:
        truth["changes"] = [one for one in truth["changes"] if (one["kind"], one["year_to"]) != ("wetland_loss", 2020)]

    found = failed(check_demo(rewritten(demo, tmp_path / "less", without_wetland_loss), brute_force))
    assert {"other_conversion.150700.2017.2020", "other_conversion.150800.2017.2020"} <= found


def test_check_is_red_when_area_is_lost(demo: Path, brute_force: Path, tmp_path: Path) -> None:
    table = LAND_USE.read(brute_force / "tables" / "land_use.csv")
    at = table.index[(table["zone"] == "150300") & (table["year_to"] == 2020)][0]
    table.loc[at, "area_ha"] += 0.02
    LAND_USE.write(table, tmp_path / "tables" / "land_use.csv")
    (tmp_path / "tables" / "activity_pair.csv").write_bytes((brute_force / "tables" / "activity_pair.csv").read_bytes())
    assert failed(check_demo(demo, tmp_path)) == {"area.150300.2017.2020"}


def test_checks_speak_both_languages(demo: Path, brute_force: Path) -> None:
    checks = check_demo(demo, brute_force)
    one = next(one for one in checks if one.id == "conversion.150800.2017.2020.marsh.cropland")
    assert one.message("zh").startswith("巴彦淖尔市 2017—2020 年 沼泽地 → 耕地：设定 ")
    assert "Marsh to Cropland: planned " in one.message("en")
    for each in checks:
        assert "{" not in each.message("en") + each.message("zh")


# end to end


@pytest.mark.parametrize("cells", [None, 300_000])
def test_a_run_of_the_demonstration_agrees_with_its_truth(cells: int | None, tmp_path: Path) -> None:
    path = write_demo(tmp_path, cells=cells)
    setup = set_up(path)
    tabulate(setup)
    snapshot(setup)
    account(setup.out)
    assert failed(check_demo(tmp_path, setup.out)) == set()


def test_the_doctor_runs_the_kernel(capsys):
    """It says whether the compiled kernel gives a known area."""
    main(["--lang", "en", "doctor"])
    assert "compiled kernel: runs" in capsys.readouterr().out
