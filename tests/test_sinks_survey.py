"""Survey polygons as layers: sums over pieces of cells are the polygons' own, at one date and over an interval, whatever the cells and workers."""

import shutil

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from landscapes import LONGLAT, Lattice, Run, finish, map_cells, write_raster
from shapely import affinity
from surveys import LATTICE, mosaic, passed, survey, write_survey

from sinks.checking import hash_inputs
from sinks.layers.windows import Engine
from sinks.survey import with_pieces

FINE, COARSE = Lattice(height=80, width=96, cell=100.0), Lattice(height=5, width=6, cell=1600.0)


def areas(run: Run, year: int = 2020) -> pd.Series:
    """Area by class code [ha], missing left out."""
    rows = run.exact("activity_year").query("layer == 'land_cover' and year == @year")
    found = rows.groupby("class")["area_ha"].sum()
    return found[found.index >= 0]


def own_areas(frame) -> pd.Series:
    """The same by pandas from the polygons themselves."""
    return (frame.area / 1e4).groupby(frame["地类编码"].astype(int)).sum()


def strata_of(run: Run, table: str) -> pd.DataFrame:
    return run.exact(table).merge(run.exact("strata"), on="stratum")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> tuple[Run, pd.DataFrame]:
    frame = survey(mosaic())
    return passed(write_survey(tmp_path_factory.mktemp("plain"), {2020: ("a.gpkg", frame)})), frame


def test_areas_by_class_are_the_polygons_own(plain):
    run, frame = plain
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=1e-9)
    assert areas(run).index.tolist() == [103, 301, 305, 307, 401, 404, 1101]


def test_volumes_by_class_species_and_climate_are_those_of_pandas(plain):
    """Sum of area times m3/ha over polygons, per class, species and climate, on the attribute table."""
    run, frame = plain
    rows = strata_of(run, "activity_year").query("layer == 'growing_stock_volume' and bin >= 0")
    found = rows.groupby(["class", "vegetation_type", "climate"])["sum"].sum()
    held = frame[frame["公顷蓄积"].notna()]
    species, climate = {"落叶松": 1, "白桦": 2, "山杨": 3}, {"寒温带": 1, "中温带": 2}
    keys = [held["地类编码"].astype(int), held["优势树种"].map(species).fillna(-1).astype(int), held["气候"].map(climate).astype(int)]
    wanted = (held.area / 1e4 * held["公顷蓄积"]).groupby(keys).sum()
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    assert found.index.tolist() == wanted.index.tolist()


def test_volume_by_bin_is_that_of_the_polygons_in_the_bin(plain):
    run, frame = plain
    rows = run.exact("activity_year").query("layer == 'growing_stock_volume' and bin >= 0")
    edges = np.array(run.setup.plan.values[0].edges)
    bins = np.searchsorted(edges, frame["公顷蓄积"].dropna(), side="right")
    wanted = (frame.area / 1e4)[frame["公顷蓄积"].notna()].groupby(bins).sum()
    pd.testing.assert_series_equal(rows.groupby("bin")["area_ha"].sum(), wanted, rtol=1e-9, check_names=False, check_index_type=False)


@pytest.mark.parametrize("lattice", [FINE, COARSE], ids=["fine cells", "coarse cells"])
def test_the_size_of_the_cells_changes_nothing(plain, tmp_path, lattice):
    _, frame = plain
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, lattice))
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=1e-9)


def test_own_areas_stand_in_a_table_beside_those_of_the_pass(plain):
    run, frame = plain
    table = run.table("vector_areas").set_index("class")
    own = own_areas(frame)
    np.testing.assert_allclose(table["image_ha"], own, rtol=1e-9)
    np.testing.assert_allclose(table["official_ha"], own, rtol=1e-9)
    np.testing.assert_allclose(table["tabulated_ha"], own, rtol=1e-9)
    assert table["polygons"].tolist() == frame.groupby("地类编码").size().tolist()
    assert table.loc[301, "image_m3"] == pytest.approx(table.loc[301, "tabulated_m3"], rel=1e-9)
    assert table.loc[301, "land_class"] == "arbor_forest"


def test_inputs_name_the_file_its_polygons_and_columns(plain):
    run, frame = plain
    how = run.table("inputs").set_index("layer")["how"]
    assert how["land_cover"] == f"coverage: {len(frame)} polygons, 地类编码"


def test_land_without_polygons_is_missing(tmp_path):
    frame = survey(mosaic(box=LATTICE.rectangle(3.3, 2.2, 21.7, 17.9)))
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, more={"limits": {"missing_fraction": 0.9}}, like=True))
    rows = run.exact("activity_year").query("layer == 'land_cover'")
    missing = rows.loc[rows["class"] == -1, "area_ha"].sum()
    assert missing == pytest.approx(24 * 20 * 16 - frame.area.sum() / 1e4, rel=1e-9)


def test_polygons_that_end_where_a_zone_ends_keep_their_area(tmp_path):
    """The border of the zone crosses cells; what no polygon covers lies outside it."""
    league = LATTICE.outline([(2.4, 1.3), (21.6, 3.1), (19.2, 18.7), (4.4, 16.6)])
    frame = survey([one for one in shapely.intersection(np.array(mosaic()), league) if one.area > 0])
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, zones=[("Z1", "R", league)]))
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=1e-9)
    assert run.exact("activity_year").query("layer == 'land_cover' and `class` == -1")["area_ha"].sum() == pytest.approx(0, abs=1e-6)


def test_zones_add_up_to_the_polygons(tmp_path):
    """Three zones tile the grid with slanting borders: each cuts polygons by shares, together they have them whole."""
    frame = survey(mosaic())
    middle = [("Z1", "R", LATTICE.outline([(0, 0), (9.3, 0), (13.1, 20), (0, 20)])), ("Z2", "R", LATTICE.outline([(9.3, 0), (24, 0), (24, 20), (13.1, 20)]))]
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, zones=middle))
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=1e-9)
    by_zone = run.exact("activity_year").query("layer == 'land_cover'").groupby("zone")["area_ha"].sum()
    np.testing.assert_allclose(by_zone, [one.area / 1e4 for _, _, one in middle], rtol=1e-9)


def test_a_geographic_grid_closes_too(tmp_path):
    lattice = Lattice(crs=LONGLAT, left=110.0, top=44.0, cell=0.01, height=20, width=24)
    frame = survey(mosaic(lattice), lattice)
    frame["面积"] = frame.to_crs(frame.estimate_utm_crs()).area
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, lattice))
    table = run.table("vector_areas")
    np.testing.assert_allclose(table["tabulated_ha"], table["image_ha"], rtol=1e-9)
    np.testing.assert_allclose(table["image_ha"], table["official_ha"], rtol=2e-3)


# -- two dates -----------------------------------------------------------------------------------------------


def changes(run: Run) -> pd.Series:
    """Area by classes at both dates where they differ."""
    rows = run.exact("activity_pair").query("bin_layer == 'land_cover' and land_from != land_to")
    return rows.groupby(["land_from", "land_to"])["area_ha"].sum()


def test_the_same_polygons_at_two_dates_make_no_change(tmp_path):
    """To the bit: not one row of change, in whatever order the second file holds them."""
    frame = survey(mosaic())
    turned = frame.sample(frac=1.0, random_state=3)
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", frame), 2023: ("b.gpkg", turned)}))
    assert changes(run).empty
    pairs = run.exact("activity_pair").query("bin_layer == 'growing_stock_volume'")
    assert (pairs["sum_from"] - pairs["sum_to"]).abs().max() <= 1e-9 * pairs["sum_from"].max()
    removals = run.table("removals").query("approach == 'stock_difference' and pool == 'aboveground_biomass' and ecosystem == 'forest'")
    assert removals["removal_tCO2e_per_year"].abs().max() == 0


def test_a_changed_polygon_changes_its_own_area_and_no_other(tmp_path):
    frame = survey(mosaic())
    later = frame.copy()
    number = int(np.flatnonzero(frame["地类编码"] == "0401")[0])
    later.loc[number, "地类编码"] = "0103"
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame), 2023: ("b.gpkg", later)}))
    found = changes(run)
    assert found.index.tolist() == [(401, 103)]
    assert found.iloc[0] == pytest.approx(frame.area[number] / 1e4, rel=1e-9)


def test_growth_of_every_stand_is_no_change_of_class(tmp_path):
    """All stands have another volume at the second date: outlines tell them, and each keeps its own growth."""
    frame = survey(mosaic())
    later = frame.copy()
    later["公顷蓄积"] = frame["公顷蓄积"] * 1.1 + 2.0 * (frame["公顷蓄积"] > 0)
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame), 2023: ("b.gpkg", later)}))
    assert changes(run).empty
    pairs = run.exact("activity_pair").query("bin_layer == 'growing_stock_volume' and bin_date == 'from'")
    wanted = frame.area / 1e4 * frame["公顷蓄积"] * later["公顷蓄积"]
    assert pairs["sum_cross"].sum() == pytest.approx(wanted.sum(), rel=1e-9)


def test_change_between_mosaics_of_other_borders_is_least_and_areas_stay(tmp_path):
    """All borders are drawn anew: areas of both dates stay exact; change is no more than any overlay of the shares allows, and no less than must be."""
    first, second = survey(mosaic(seed=1)), survey(mosaic(seed=5, count=45), seed=9)
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", first), 2023: ("b.gpkg", second)}, FINE))
    np.testing.assert_allclose(areas(run, 2020), own_areas(first), rtol=1e-9)
    np.testing.assert_allclose(areas(run, 2023), own_areas(second), rtol=1e-9)
    pairs = run.exact("activity_pair").query("bin_layer == 'land_cover'")
    np.testing.assert_allclose(pairs.groupby("land_from")["area_ha"].sum(), own_areas(first), rtol=1e-9)
    np.testing.assert_allclose(pairs.groupby("land_to")["area_ha"].sum(), own_areas(second), rtol=1e-9)
    overlay = first.overlay(second, keep_geom_type=True)
    truth = overlay.area[overlay["地类编码_1"] != overlay["地类编码_2"]].sum() / 1e4
    assert truth * 0.97 < changes(run).sum() <= truth * (1 + 1e-9)


def test_a_polygon_that_is_split_changes_only_where_it_changed(tmp_path):
    """Grassland of which a strip becomes cropland: the strip's area is the change, though no outline stays."""
    before = survey([LATTICE.rectangle(2.3, 2.7, 14.6, 11.2), LATTICE.rectangle(14.6, 2.7, 20.1, 11.2)])
    before["地类编码"] = ["0401", "0301"]
    after = survey([LATTICE.rectangle(2.3, 2.7, 9.8, 11.2), LATTICE.rectangle(9.8, 2.7, 14.6, 11.2), LATTICE.rectangle(14.6, 2.7, 20.1, 11.2)])
    after["地类编码"] = ["0401", "0103", "0301"]
    for frame in (before, after):
        frame["优势树种"] = None
        frame["公顷蓄积"] = np.where(frame["地类编码"] == "0301", 80.0, np.nan)
    more = {"limits": {"missing_fraction": 1.0}}
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", before), 2023: ("b.gpkg", after)}, more=more, volume=False, like=True))
    found = changes(run)
    assert found.index.tolist() == [(401, 103)]
    assert found.iloc[0] == pytest.approx(4.8 * 8.5 * 16, rel=1e-9)


def test_one_file_with_a_column_for_each_date(tmp_path):
    """The change survey holds the class before and after in one file."""
    frame = survey(mosaic())
    frame["变更后"] = np.where(np.arange(len(frame)) % 9 == 0, "0103", frame["地类编码"])
    keys = {"land_cover": {"field": None, "fields": {"2020": "地类编码", "2023": "变更后"}}}
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame), 2023: ("a.gpkg", None)}, keys={**keys, **_undated(volume=True)}))
    assert len(run.setup.stack.vectors) == 1
    moved = frame[frame["变更后"] != frame["地类编码"]]
    wanted = (moved.area / 1e4).groupby(moved["地类编码"].astype(int)).sum()
    found = changes(run).groupby("land_from").sum()
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def _undated(volume: bool) -> dict[str, dict[str, object]]:
    """Layers of the one file that hold at both dates."""
    names = ["species", "zone_of_climate", *(["growing_stock_volume"] if volume else [])]
    return {name: {"2020": None, "2023": None, "file": "a.gpkg"} for name in names}


# -- rasters beside polygons ---------------------------------------------------------------------------------


def test_rasters_give_their_value_to_all_of_a_cell(tmp_path):
    """A biomass raster over polygons: its sum by class is that of shares times cells, worked by shapely."""
    frame = survey(mosaic())
    random = np.random.default_rng(4)
    values = random.uniform(0, 200, LATTICE.shape)
    (tmp_path / "agb.tif").parent.mkdir(exist_ok=True)
    write_raster(tmp_path, "agb", values, LATTICE, -9999.0)
    keys = {"aboveground_biomass": {"2020": "agb.tif", "unit": "t ha-1", "basis": "dry_matter", "ecosystems": ["forest"]}}
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys=keys, volume=False))
    found = run.exact("activity_year").query("layer == 'aboveground_biomass'").groupby("class")["sum"].sum()
    cells = [LATTICE.rectangle(column, row, column + 1, row + 1) for row in range(20) for column in range(24)]
    wanted = {}
    for code, shape in frame.dissolve("地类编码").geometry.items():
        wanted[int(code)] = sum(shape.intersection(cell).area / 1e4 * value for cell, value in zip(cells, values.reshape(-1), strict=True))
    np.testing.assert_allclose(found, pd.Series(wanted).sort_index(), rtol=1e-9)


def test_polygons_at_one_date_and_a_raster_at_the_other(tmp_path):
    """The class of the raster holds for all of its cell; areas of the date with polygons stay exact."""
    frame = survey(mosaic())
    codes = np.full(LATTICE.shape, 301, dtype=np.uint16)
    codes[:, 12:] = 401
    write_raster(tmp_path, "later", codes, LATTICE, 0)
    keys = {"land_cover": {"2023": "later.tif"}, "species": {"2023": None, "2020": None, "file": "a.gpkg"},
            "zone_of_climate": {"2023": None, "2020": None, "file": "a.gpkg"}}  # fmt: skip
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame), 2023: ("later.tif", None)}, keys=keys, volume=False))
    np.testing.assert_allclose(areas(run, 2020), own_areas(frame), rtol=1e-9)
    np.testing.assert_allclose(areas(run, 2023), [12 * 20 * 16, 12 * 20 * 16], rtol=1e-12)
    left = shapely.box(*LATTICE.on_map(0, 20), *LATTICE.on_map(12, 0))
    grass = frame[frame["地类编码"] == "0401"].intersection(left).area.sum() / 1e4
    assert changes(run)[401, 301] == pytest.approx(grass, rel=1e-9)


# -- the same whatever the machine ---------------------------------------------------------------------------


def test_workers_windows_and_a_second_run_give_the_same_bytes(tmp_path):
    lattice = Lattice(height=600, width=530, cell=20.0)
    files = {2020: ("a.gpkg", survey(mosaic(lattice, 300), lattice)), 2023: ("b.gpkg", survey(mosaic(lattice, 260, 7), lattice, 8))}
    seen = []
    write_survey(tmp_path / "made", files, lattice)
    for number, engine in enumerate((Engine(threads=1), Engine(threads=2, window_tiles=2), Engine(workers=2))):
        shutil.copytree(tmp_path / "made", tmp_path / str(number))
        seen.append(finish(tmp_path / str(number) / "run.toml", engine).bytes())
    assert seen[0] == seen[1] == seen[2]
    assert finish(tmp_path / "0" / "run.toml").bytes() == seen[0]


def test_polygons_of_another_crs_are_taken_to_the_grid(tmp_path):
    """Gauss-Kruger of CGCS2000, three-degree zone: the same land within the bend of its edges."""
    lattice = Lattice(left=1_421_200.0, top=1_775_600.0)
    frame = survey(mosaic(lattice), lattice)
    given = frame.set_geometry(shapely.segmentize(frame.geometry.to_numpy(), 20.0), crs=lattice.crs).to_crs("EPSG:4547")
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", given)}, lattice, like=True))
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=1e-8)


def test_heights_measures_and_parts_are_accepted(tmp_path):
    frame = survey(mosaic())
    frame["geometry"] = shapely.force_3d(frame.geometry.to_numpy(), 900.0)
    parts = shapely.multipolygons([frame.geometry[0], frame.geometry[int(np.argmax(frame.distance(frame.geometry[0])))]])
    far = int(np.argmax(frame.distance(frame.geometry[0])))
    frame.loc[0, "geometry"] = parts
    frame = frame.drop(index=far).reset_index(drop=True)
    frame["面积"] = frame.area
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}))
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=1e-9)


def test_several_files_make_one_date(tmp_path):
    """A file for each banner, named by a pattern."""
    frame = survey(mosaic())
    half = len(frame) // 2
    (tmp_path / "banners").mkdir()
    frame.iloc[:half].to_file(tmp_path / "banners" / "one.gpkg", engine="pyogrio")
    frame.iloc[half:].to_file(tmp_path / "banners" / "two.gpkg", engine="pyogrio")
    run = passed(write_survey(tmp_path, {2020: ("banners/*.gpkg", None)}))
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=1e-9)
    assert set(run.table("inputs")["file"]) == {"banners/one.gpkg", "banners/two.gpkg"}


@pytest.mark.parametrize("name", ["a.shp", "a.gdb", "a.gpkg", "a.fgb", "a.geojson"])
def test_formats(tmp_path, name):
    frame = survey(mosaic())
    given = frame.to_crs("EPSG:4326") if name.endswith("json") else frame
    tolerance = {"a.geojson": 1e-4, "a.gdb": 1e-6}.get(name, 1e-9)  # the bend of edges; coordinates rounded to 0.1 mm
    if name.endswith(".gdb"):
        tmp_path.mkdir(exist_ok=True)
        given.to_file(tmp_path / name, driver="OpenFileGDB", engine="pyogrio")
        run = passed(write_survey(tmp_path, {2020: (name, None)}))
    else:
        run = passed(write_survey(tmp_path, {2020: (name, given)}, encoding="gbk" if name == "a.shp" else None))
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=tolerance)


def test_a_shapefile_in_gbk_without_cpg(tmp_path):
    frame = survey(mosaic())
    path = write_survey(tmp_path, {2020: ("a.shp", frame)}, encoding="gbk", keys={name: {"encoding": "gbk"} for name in ALL})
    (tmp_path / "a.cpg").unlink()
    run = passed(path)
    np.testing.assert_allclose(areas(run), own_areas(frame), rtol=1e-9)
    assert set(strata_of(run, "activity_year")["vegetation_type"]) == {-1, 1, 2, 3}


ALL = ("land_cover", "species", "zone_of_climate", "growing_stock_volume")


def test_volume_of_the_whole_polygon_is_divided_by_its_official_area(tmp_path):
    frame = survey(mosaic())
    frame["总蓄积"] = frame["公顷蓄积"] * frame["面积"] / 1e4
    frame["亩"] = frame["面积"] * 15 / 1e4
    keys = {"growing_stock_volume": {"field": "总蓄积", "per": "polygon", "area_field": "亩", "area_unit": "mu"},
            "land_cover": {"area_field": "亩", "area_unit": "mu"}}  # fmt: skip
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys=keys))
    found = run.exact("activity_year").query("layer == 'growing_stock_volume'")["sum"].sum()
    assert found == pytest.approx(frame["总蓄积"].sum(), rel=1e-9)


def test_own_legend_of_chinese_names_and_ignored_values(tmp_path):
    frame = survey(mosaic())
    names = {"0301": "乔木林地", "0305": "灌木林地", "0307": "其他林地", "0401": "天然草地", "0404": "其他草地", "0103": "耕地", "1101": "未调查"}
    frame["地类"] = frame["地类编码"].map(names)
    rows = "乔木林地,arbor_forest\n灌木林地,shrubland\n其他林地,other_forest_land\n天然草地,other_grassland\n其他草地,other_grassland\n耕地,cropland\n"
    (tmp_path / "own.csv").write_text("code,land_class\n" + rows, encoding="utf-8")
    keys = {"land_cover": {"field": "地类", "legend": "own.csv", "ignore": ["未调查"]}}
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys=keys, more={"limits": {"missing_fraction": 0.5}}))
    found = run.exact("activity_year").query("layer == 'land_cover'").groupby("class")["area_ha"].sum()
    wanted = (frame.area / 1e4).groupby(frame["地类"]).sum()
    assert found[1] == pytest.approx(wanted["乔木林地"], rel=1e-9)
    assert found[6] == pytest.approx(wanted["耕地"], rel=1e-9)
    assert found[-1] == pytest.approx(wanted["未调查"], rel=1e-9)
    stocks = run.exact("stocks").query("pool == 'aboveground_biomass'").set_index("land_class")["area_ha"]
    assert stocks["arbor_forest"] == pytest.approx(wanted["乔木林地"], rel=1e-9)


def test_names_and_codes_of_the_land_survey_are_known(tmp_path):
    """Leading zeros, none, an H, two digits, Chinese names: all of them in one file."""
    frame = survey(mosaic(count=40))
    frame["地类编码"] = [("0301", "301", "乔木林地", "05H1", "09")[number % 5] for number in range(len(frame))]
    frame["公顷蓄积"] = np.where(frame["地类编码"].isin(["0301", "301", "乔木林地"]), 50.0, np.nan)
    frame["优势树种"] = np.where(frame["公顷蓄积"] > 0, "落叶松", None)
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}))
    assert areas(run).index.tolist() == [301, 591, 900]
    assert areas(run)[301] == pytest.approx(frame.area[frame["公顷蓄积"] > 0].sum() / 1e4, rel=1e-9)


def test_maps_show_the_polygon_with_the_largest_share(tmp_path):
    """A cell of 60 % forest and 40 % grass is forest on the map; the table has both."""
    frame = survey([LATTICE.rectangle(0, 0, 10.6, 20), LATTICE.rectangle(10.6, 0, 24, 20)])
    frame["地类编码"], frame["优势树种"], frame["气候"] = ["0301", "0401"], ["落叶松", None], "寒温带"
    frame["公顷蓄积"] = [110.0, np.nan]
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}))
    setup = with_pieces(run.setup, hash_inputs(run.setup)[0])[0]
    cells = map_cells(setup, "aboveground_biomass", "forest", 2020)
    np.testing.assert_allclose(cells[:, :11], 110.0 * 0.77 * 0.51, rtol=1e-5)
    assert np.isnan(cells[:, 11:]).all() or (cells[:, 11:] == 0).all()
    assert areas(run)[301] == pytest.approx(10.6 * 20 * 16, rel=1e-9)


def test_moved_polygons_are_seen(tmp_path):
    """The law can fail: a mosaic moved by half a cell makes change."""
    frame = survey(mosaic())
    moved = frame.copy()
    moved["geometry"] = [affinity.translate(one, 200.0, 0) for one in frame.geometry]
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame), 2023: ("b.gpkg", moved)}))
    assert changes(run).sum() > 0


def test_parcels_are_crossed_with_polygons(tmp_path):
    """A parcel on the lines of the grid: its classes are those of an overlay; one across cells has its own area."""
    frame = survey(mosaic())
    inside, slanted = LATTICE.rectangle(4, 5, 16, 15), LATTICE.outline([(2.2, 3.1), (9.7, 2.4), (8.8, 9.9)])
    parcels = geopandas.GeoDataFrame(
        {"parcel": ["a", "b"], "project": ["a", "b"], "programme": "CCER", "vintage": "2020"}, geometry=[inside, slanted], crs=LATTICE.crs
    )
    parcels.to_file(tmp_path / "parcels.gpkg", engine="pyogrio")
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, more={"parcels": {"file": "parcels.gpkg"}}))
    rows = run.exact("activity_year").query("layer == 'land_cover'")
    by_zone = {zone: part for zone, part in rows.groupby("zone") if zone != "Z1"}
    first, second = (by_zone[name] for name in sorted(by_zone))
    wanted = (frame.intersection(inside).area / 1e4).groupby(frame["地类编码"].astype(int)).sum()
    np.testing.assert_allclose(first.groupby("class")["area_ha"].sum(), wanted[wanted > 0], rtol=1e-9)
    assert second["area_ha"].sum() == pytest.approx(slanted.area / 1e4, rel=1e-9)


def test_a_border_inside_a_class_does_not_split_the_error_of_a_cell(tmp_path):
    """Polygons of equal attributes are one land: squared areas of the standard error are those of whole cells, 16 ha times 3 t/ha."""
    frame = survey([LATTICE.rectangle(0, 0, 10.6, 20), LATTICE.rectangle(10.6, 0, 24, 20)])
    frame["地类编码"], frame["优势树种"], frame["气候"] = "0301", "落叶松", "寒温带"
    write_raster(tmp_path, "agb", np.full(LATTICE.shape, 80.0), LATTICE, -9999.0)
    write_raster(tmp_path, "error", np.full(LATTICE.shape, 3.0), LATTICE, -9999.0)
    keys = {"aboveground_biomass": {"2020": "agb.tif", "unit": "t ha-1", "basis": "dry_matter", "se": "agb_se"},
            "agb_se": {"2020": "error.tif"}}  # fmt: skip
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys=keys, volume=False))
    rows = run.exact("activity_year").query("layer == 'aboveground_biomass'")
    assert rows["sum_se_sq"].sum() == pytest.approx(480 * (16 * 3.0) ** 2, rel=1e-9)
    lattice = run.exact("activity_lattice").query("year_from == year_to")
    assert lattice["sum_se_from"].sum() == pytest.approx(480 * 16 * 3.0, rel=1e-9)
