"""Survey polygons through the verbs: check, run, align, sample, plots, explain, retrieve."""

import json
import tomllib

import geopandas
import numpy as np
import pytest
import rasterio
from broken import sinks
from landscapes import finish, write_raster
from shapely import Point
from surveys import LATTICE, mosaic, passed, survey, write_survey

from sinks.setup import set_up


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two dates that is done, with a biomass raster of other land beside the polygons."""
    place = tmp_path_factory.mktemp("verbs")
    frame = survey(mosaic())
    later = frame.copy()
    grass = frame.index[frame["地类编码"] == "0401"][:2]
    later.loc[grass, "地类编码"] = "0103"
    for year in (2020, 2023):
        write_raster(place, f"litter{year}", np.full(LATTICE.shape, 2.0 + year - 2020), LATTICE, -9999.0)
    keys = {"litter": {"2020": "litter2020.tif", "2023": "litter2023.tif", "unit": "t ha-1", "basis": "carbon"}}
    maps = {"maps": [{"pool": "aboveground_biomass", "year": 2023}, {"pool": "litter", "year": 2023, "change": True}]}
    path = write_survey(place, {2020: ("a.gpkg", frame), 2023: ("b.gpkg", later)}, keys=keys, more=maps)
    said = sinks("run", str(path), "--quiet")
    assert said.code == 0, said
    return place


def test_check_says_all_is_well_and_deep_too(folder):
    for options in ([], ["--deep"]):
        said = sinks("check", str(folder / "run.toml"), "--json", *options)
        assert said.code == 0
        assert not [one for one in json.loads(said.out)["findings"] if one["severity"] == "error"]


def test_maps_of_the_pass_are_drawn_and_say_what_they_show(folder):
    with rasterio.open(next((folder / "out" / "maps").glob("stock_aboveground*.tif"))) as dataset:
        assert (dataset.read(1) != dataset.nodata).any()
    findings = json.loads((folder / "out" / "findings.json").read_text(encoding="utf-8"))["en"]
    assert "N-TUBAN-19" in {one["id"] for one in findings}


def test_the_page_of_inputs_names_the_files(folder):
    page = (folder / "out" / "report" / "inputs.html").read_text(encoding="utf-8")
    assert "a.gpkg" in page
    assert "60 polygons" in page


def test_dry_run_counts_files_of_polygons(folder):
    said = sinks("run", str(folder / "run.toml"), "--dry-run")
    assert said.code == 0
    assert "5 个图层、4 个文件" in said.out


def test_explain_leads_from_stock_to_rows(folder):
    said = sinks("explain", str(folder / "out"), "--zone", "Z1", "--ecosystem", "forest", "--year", "2023", "--pool", "aboveground_biomass")
    assert said.code == 0
    assert "BCEF_S" in said.out


def test_a_second_run_computes_nothing(folder):
    before = (folder / "out" / "run.jsonl").read_text(encoding="utf-8").count('"tabulated"')
    assert sinks("run", str(folder / "run.toml"), "--quiet").code == 0
    assert (folder / "out" / "run.jsonl").read_text(encoding="utf-8").count('"event": "tabulated"') <= before


def test_align_leaves_polygons_where_they_lie(folder, tmp_path):
    """The aligned run names the same files by their place, and its tables of the polygons are the same."""
    said = sinks("align", str(folder / "run.toml"), "-o", str(tmp_path / "aligned"))
    assert said.code == 0, said
    config = tomllib.loads((tmp_path / "aligned" / "aligned.toml").read_text(encoding="utf-8"))
    assert config["layers"]["land_cover"]["2020"].endswith("a.gpkg")
    assert config["layers"]["land_cover"]["field"] == "地类编码"
    assert config["grid"] == {"like": "litter"}
    assert not list((tmp_path / "aligned").glob("land_cover*.tif"))
    aligned, plain = finish(tmp_path / "aligned" / "aligned.toml"), folder / "out" / "tables"
    for name in ("activity_year", "activity_pair", "stocks", "removals"):
        np.testing.assert_array_equal(aligned.texts(name).to_numpy(), _texts(plain / f"{name}.csv"))


def _texts(path):
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False).to_numpy()


def test_align_of_polygons_alone_keeps_the_declared_grid(tmp_path):
    path = write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))})
    assert sinks("align", str(path), "-o", str(tmp_path / "aligned")).code == 0
    setup = set_up(tmp_path / "aligned" / "aligned.toml")
    assert setup.grid == set_up(path).grid


def test_sample_draws_points_in_cells_of_the_stratum(folder, tmp_path):
    said = sinks("sample", str(folder / "run.toml"), "--year", "2023", "--number", "60", "-o", str(tmp_path / "points.gpkg"))
    assert said.code == 0, said
    assert len(geopandas.read_file(tmp_path / "points.gpkg")) >= 60


def test_plots_meet_the_polygon_of_their_cell(tmp_path):
    """Plots of growing stock in four stands of known volume: the map at the plots is the stand's."""
    frame = survey([LATTICE.rectangle(6 * number, 0, 6 * number + 6, 20) for number in range(4)])
    frame["地类编码"], frame["优势树种"], frame["气候"], frame["公顷蓄积"] = "0301", "落叶松", "寒温带", [40.0, 80.0, 120.0, 160.0]
    rows, points = [], []
    for number in range(12):
        column, row = 1.3 + 1.9 * number, 3.3 + number
        points.append(Point(LATTICE.on_map(column, row)))
        rows.append({"id": f"p{number}", "value": 40.0 + 40.0 * int(column // 6) + 5.0})
    plots = geopandas.GeoDataFrame(rows, geometry=points, crs=LATTICE.crs).to_crs("EPSG:4326")
    (tmp_path / "run").mkdir()
    lines = "".join(f"{row['id']},{point.x!r},{point.y!r},{row['value']}\n" for row, point in zip(rows, plots.geometry, strict=True))
    (tmp_path / "run" / "plots.csv").write_text("id,x,y,value\n" + lines, encoding="utf-8")
    section = {"file": "plots.csv", "layer": "growing_stock_volume", "year": 2020, "unit": "m3 ha-1"}
    path = write_survey(tmp_path / "run", {2020: ("a.gpkg", frame)}, more={"plots": section})
    finish(path)
    said = sinks("plots", str(path), "--json")
    assert said.code == 0, said
    corrected = [one for one in json.loads(said.out)["estimates"] if one["zone"] == "Z1" and one["estimator"] == "difference"]
    assert corrected[0]["mean"] == pytest.approx(105.0, rel=1e-9)  # the map's mean of 100, and 5 at every plot


def test_retrieval_refuses_polygons(tmp_path):
    write_raster(tmp_path, "x", np.full(LATTICE.shape, 1.0), LATTICE, -9999.0)
    more = {
        "plots": {"file": "plots.csv", "layer": "aboveground_biomass", "year": 2020, "unit": "t ha-1", "basis": "dry_matter"},
        "retrieval": {"model": "linear"}, "predictors": {"green": {"2020": "x.tif"}},
    }  # fmt: skip
    keys = {"aboveground_biomass": {"2020": "later.tif", "unit": "t ha-1", "basis": "dry_matter"}}
    path = write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, more=more, keys=keys, volume=False)
    said = sinks("retrieve", "fit", str(path))
    assert said.code == 2
    assert "E-TUBAN-22" in said.err


def test_a_layer_of_polygons_may_stand_beside_a_stratum_that_never_changes(tmp_path):
    """Climate zones as polygons without a year beside a survey: shares within a cell are multiplied, areas stay."""
    zones = geopandas.GeoDataFrame(
        {"code": ["1", "2"]}, geometry=[LATTICE.rectangle(0, 0, 11.5, 20), LATTICE.rectangle(11.5, 0, 24, 20)], crs=LATTICE.crs
    )
    zones.to_file(tmp_path / "climate.gpkg", engine="pyogrio")
    frame = survey(mosaic())
    keys = {"zone_of_climate": {"2020": None, "file": "climate.gpkg", "field": "code", "legend": "zones.csv"}}
    (tmp_path / "zones.csv").write_text("code,value\n1,boreal\n2,cool_temperate_dry\n", encoding="utf-8")
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys=keys))
    rows = run.exact("activity_year").merge(run.exact("strata"), on="stratum").query("layer == 'land_cover'")
    np.testing.assert_allclose(rows.groupby("climate")["area_ha"].sum(), [11.5 * 20 * 16, 12.5 * 20 * 16], rtol=1e-9)
    own = (frame.area / 1e4).groupby(frame["地类编码"].astype(int)).sum()
    np.testing.assert_allclose(rows.groupby("class")["area_ha"].sum(), own, rtol=1e-9)


def test_official_areas_close_by_control_areas(tmp_path):
    """Cropland's ridges are deducted from its official area: raked to the land survey's areas, the classes have them; the table of own areas shows both."""
    frame = survey(mosaic())
    frame["面积"] = np.where(frame["地类编码"] == "0301", frame["面积"] * 0.99, frame["面积"])
    official = frame["面积"].groupby(frame["地类编码"]).sum() / 1e4
    lines = f"Z1,2020,arbor_forest,{float(official['0301'])!r},land survey\n"
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "areas.csv").write_text("zone,year,land_class,area_ha,source\n" + lines, encoding="utf-8")
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, more={"control_areas": {"file": "areas.csv"}}))
    stocks = run.exact("stocks").query("pool == 'aboveground_biomass' and land_class == 'arbor_forest'")
    assert stocks["area_ha"].sum() == pytest.approx(official["0301"], rel=1e-6)
    own = run.table("vector_areas").set_index("class")
    assert own.loc[301, "official_ha"] == pytest.approx(official["0301"], rel=1e-9)
    assert own.loc[301, "tabulated_ha"] == pytest.approx(official["0301"] / 0.99, rel=1e-9)


def test_the_table_of_own_areas_goes_with_the_polygons(tmp_path):
    """The next run in the same folder has rasters: no table of the last one is left to mislead."""
    path = write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, volume=False)
    write_raster(tmp_path, "land", np.full(LATTICE.shape, 301, dtype=np.uint16), LATTICE, 0)
    for name in ("first", "second"):
        if name == "second":
            text = path.read_text(encoding="utf-8")
            head = text[: text.index("[layers.land_cover]")]
            path.write_text(head + '[layers.land_cover]\n2020 = "land.tif"\nlegend = "land_survey"\n', encoding="utf-8")
        assert sinks("run", str(path), "--quiet").code == 0
        assert (tmp_path / "out" / "tables" / "vector_areas.csv").exists() == (name == "first")


def test_fires_are_summed_over_pieces(tmp_path):
    """A quarter of every cell burns each year: of every class a quarter of its polygons' area, which no cell holds whole."""
    frame, later = survey(mosaic()), survey(mosaic())
    later.loc[later.index[later["地类编码"] == "0401"][:2], "地类编码"] = "0103"
    fires = {}
    for year in (2021, 2022, 2023):
        write_raster(tmp_path, f"fire{year}", np.full(LATTICE.shape, 0.25), LATTICE, -9999.0)
        fires[str(year)] = f"fire{year}.tif"
    keys = {"burned_area": {"encoding": "fraction", **fires}}
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", frame), 2023: ("b.gpkg", later)}, keys=keys))
    rows = run.exact("activity_fire").query("layer == 'land_cover' and year == 2021")
    own = (frame.area / 1e4).groupby(frame["地类编码"].astype(int)).sum()
    np.testing.assert_allclose(rows.groupby("class")["burned_ha"].sum(), 0.25 * own, rtol=1e-9)
