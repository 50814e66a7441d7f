"""What can be wrong with survey polygons: each is told by its own finding, with places, all of a file at once, and nothing is repaired or guessed."""

import sqlite3
from pathlib import Path
from types import SimpleNamespace

import geopandas
import numpy as np
import pytest
import shapely
from landscapes import Lattice, finish, write_raster
from shapely import LineString, Polygon
from surveys import LATTICE, mosaic, passed, survey, write_survey

from aoi.findings import Finding, InputError
from sinks.checking import check_inputs, hash_inputs
from sinks.config import read_config
from sinks.errors import Unfinished
from sinks.layers import spool
from sinks.pipeline import findings_of_run
from sinks.setup import check_derived, set_up
from sinks.survey import area_findings, with_pieces

ALL = ("land_cover", "species", "zone_of_climate", "growing_stock_volume")


def stopped(path: Path) -> list[Finding]:
    """The findings with which a run stops."""
    with pytest.raises(InputError) as caught:
        passed(path)
    return caught.value.findings


def only(findings: list[Finding], id: str) -> Finding:
    """The one finding of an id; there is no other error."""
    assert {one.id for one in findings if one.severity == "error"} == {id}, findings
    return next(one for one in findings if one.id == id)


def with_column(**columns):
    """A survey with other columns."""
    frame = survey(mosaic())
    return frame.assign(**columns)


# -- configuration -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{"area_unit": None}, {"area_field": None}, {"area_field": None, "area_unit": None, "per": "polygon"}])
def test_area_column_and_unit_belong_together(tmp_path, keys):
    only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, keys={"land_cover": keys})), "E-TUBAN-01")


def test_a_layer_of_polygons_names_its_column(tmp_path):
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, keys={"species": {"field": None}}))
    assert "优势树种" in only(found, "E-TUBAN-02").say("expected", "en")


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, keys={"species": {"field": "树种"}, "land_cover": {"area_field": "TBMJ"}}))
    assert [one.id for one in found] == ["E-VECTOR-06", "E-VECTOR-06"]
    assert "树种" in found[1].say("expected", "en")


def test_polygons_tell_no_grid(tmp_path):
    path = write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))})
    text = path.read_text(encoding="utf-8")
    start, end = text.index("[grid]"), text.index("[uncertainty]")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    only(stopped(path), "E-TUBAN-16")


def test_polygons_and_rasters_of_one_date_are_refused(tmp_path):
    write_raster(tmp_path, "land", np.full(LATTICE.shape, 301, dtype=np.uint16), LATTICE, 0)
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, keys={"land_cover": {"2020": ["a.gpkg", "land.tif"]}}))
    only(found, "E-TUBAN-15")


def test_keys_of_polygons_under_a_raster(tmp_path):
    write_raster(tmp_path, "volume", np.full(LATTICE.shape, 50.0), LATTICE, -1)
    keys = {"growing_stock_volume": {"2020": "volume.tif", "ignore": [0]}}
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, keys=keys))
    assert "field, ignore" in only(found, "E-TUBAN-21").say("found", "en")


def test_keys_of_rasters_under_polygons(tmp_path):
    """A scale or no-data value that nothing would look at is not passed over in silence."""
    keys = {"growing_stock_volume": {"nodata": -1, "scale": 0.1}}
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, keys=keys))
    assert "scale, nodata" in only(found, "E-TUBAN-23").say("found", "en")


def test_biomass_is_a_key_of_growing_stock(tmp_path):
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, keys={"species": {"biomass": "equation"}}))
    assert "E-TUBAN-20" in {one.id for one in found}


def test_one_column_for_two_years_is_refused(tmp_path):
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic())), 2023: ("a.gpkg", None)}))
    only(found, "E-YEAR-02")


def test_a_copy_for_the_other_year_is_refused(tmp_path):
    path = write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic())), 2023: ("b.gpkg", survey(mosaic()))})
    (tmp_path / "b.gpkg").write_bytes((tmp_path / "a.gpkg").read_bytes())
    only(stopped(path), "E-YEAR-02")


def test_a_grid_is_not_like_polygons(tmp_path):
    """A file of polygons where only rasters serve is refused by its content."""
    path = write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, like=True)
    path.write_text(path.read_text(encoding="utf-8").replace("frame.tif", "a.gpkg"), encoding="utf-8")
    only(stopped(path), "E-RASTER-01")


# -- texts and encodings -------------------------------------------------------------------------------------


def test_a_shapefile_of_unknown_encoding_is_never_read_as_western(tmp_path):
    """GBK without .cpg: the finding shows how the names read as GBK and names the key."""
    path = write_survey(tmp_path, {2020: ("a.shp", survey(mosaic()))}, encoding="gbk")
    (tmp_path / "a.cpg").unlink()
    found = only(stopped(path), "E-TUBAN-03")
    assert "地类编码" in found.say("found", "en")
    assert 'encoding = "gbk"' in found.say("remedy", "en")


def test_the_same_where_only_the_texts_are_chinese(tmp_path):
    names = {"地类编码": "DLBM", "优势树种": "SZ", "气候": "QH", "公顷蓄积": "XJ", "面积": "MJ"}
    frame = survey(mosaic()).rename(columns=names)
    keys = {"land_cover": {"field": "DLBM", "area_field": "MJ"}, "species": {"field": "SZ"}, "zone_of_climate": {"field": "QH"},
            "growing_stock_volume": {"field": "XJ"}}  # fmt: skip
    path = write_survey(tmp_path, {2020: ("a.shp", frame)}, encoding="gbk", keys=keys)
    (tmp_path / "a.cpg").unlink()
    found = only(stopped(path), "E-TUBAN-03")
    assert any(one in found.say("found", "en") for one in ("寒温带", "中温带", "落叶松", "白桦", "山杨"))


def test_a_wrong_encoding_is_told(tmp_path):
    path = write_survey(tmp_path, {2020: ("a.shp", survey(mosaic()))}, encoding="gbk", keys={name: {"encoding": "utf-8"} for name in ALL})
    only(stopped(path), "E-VECTOR-05")


def test_values_that_no_legend_knows_are_listed_with_their_number(tmp_path):
    land = survey(mosaic())["地类编码"].where(lambda one: one != "0103", "0999")
    species = np.where(np.arange(60) % 20 == 0, "胡杨", None)
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", with_column(地类编码=land, 优势树种=species))}))
    assert [one.id for one in found] == ["E-TUBAN-04", "E-TUBAN-04"]
    assert "'0999': 6" in found[0].say("found", "en")
    assert "'胡杨': 3" in found[1].say("found", "en")


def test_full_width_signs_are_read_and_noted(tmp_path):
    frame = survey(mosaic())
    wide = frame["地类编码"].map(lambda text: text.translate({ord(one): ord(one) + 0xFEE0 for one in "0123456789"}))
    volume = frame["公顷蓄积"].map(lambda value: "" if value != value else f" {value:g}".replace(".", "．"))
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", frame.assign(地类编码=wide, 公顷蓄积=volume))}))
    own = (frame.area / 1e4).groupby(frame["地类编码"].astype(int)).sum()
    found = run.exact("activity_year").query("layer == 'land_cover'").groupby("class")["area_ha"].sum()
    np.testing.assert_allclose(found, own, rtol=1e-9)
    notes = [one for one in findings_of_run(run.setup) if one.id == "N-TUBAN-05"]
    assert {one.where for one in notes} == {"a.gpkg: 地类编码", "a.gpkg: 公顷蓄积"}
    assert notes == [one for one in findings_of_run(set_up(tmp_path / "run.toml")) if one.id == "N-TUBAN-05"]


@pytest.mark.parametrize("text", ["约3", "<0.1", "1,234.5", "1_0", "无"])
def test_texts_that_are_no_numbers(tmp_path, text):
    volume = survey(mosaic())["公顷蓄积"].astype(object)
    volume[:] = "12.5"
    volume[7] = text
    found = only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", with_column(公顷蓄积=volume.astype(str)))})), "E-TUBAN-06")
    assert text in found.say("found", "en")


def test_an_infinite_number(tmp_path):
    volume = survey(mosaic())["公顷蓄积"].fillna(0.0)
    volume[3] = np.inf
    assert "inf (4)" in only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", with_column(公顷蓄积=volume))})), "E-TUBAN-06").say("found", "en")


def test_numbers_that_cannot_be_name_feature_and_range(tmp_path):
    volume = survey(mosaic())["公顷蓄积"].fillna(0.0)
    volume[[3, 9]] = -9999.0
    frame = with_column(公顷蓄积=volume)
    found = only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", frame)})), "E-TUBAN-07")
    assert found.say("found", "en").startswith("2 polygons")
    assert "-9999 (4), -9999 (10)" in found.say("found", "en")
    assert found.say("expected", "en") == "0 to 3000"
    for keys in ({"ignore": [-9999]}, {"valid": [0, 500]}):
        run = passed(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys={"growing_stock_volume": keys}))
        found = run.exact("activity_year").query("layer == 'growing_stock_volume'")
        assert found["missing_ha"].sum() == pytest.approx(frame.area[[3, 9]].sum() / 1e4, rel=1e-9)


def test_areas_by_which_a_volume_is_divided(tmp_path):
    area = survey(mosaic())["面积"]
    area[[2, 5]] = [0.0, np.nan]
    keys = {"growing_stock_volume": {"per": "polygon", "area_field": "面积", "area_unit": "m2"}}
    found = only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", with_column(面积=area))}, keys=keys)), "E-TUBAN-11")
    assert found.say("found", "en") == "2 polygons; features 3, 6"


# -- shapes --------------------------------------------------------------------------------------------------


def test_shapes_that_are_none_no_polygons_or_broken_are_all_told_at_once(tmp_path):
    frame = survey(mosaic())
    shapes = frame.geometry.to_numpy().copy()
    bow = LATTICE.outline([(1, 1), (5, 5), (5, 1), (1, 5)])
    shapes[3], shapes[4], shapes[8] = None, Polygon(), bow
    shapes[11] = LineString([LATTICE.on_map(1, 1), LATTICE.on_map(2, 2)])
    frame = frame.set_geometry(list(shapes), crs=LATTICE.crs)
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", frame)}))
    assert [one.id for one in found] == ["E-TUBAN-08", "E-TUBAN-09", "E-TUBAN-10"]
    assert found[0].say("found", "en") == "2; features 4, 5"
    assert found[1].say("found", "en") == "1; feature (type): 12 (LineString)"
    assert "9 (Self-intersection[" in found[2].say("found", "en")


def test_findings_of_later_batches_are_told_too(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "BATCH", 7)
    frame = survey(mosaic())
    shapes = frame.geometry.to_numpy().copy()
    shapes[[0, 30, 59]] = None
    found = only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", frame.set_geometry(list(shapes), crs=LATTICE.crs))})), "E-TUBAN-08")
    assert found.say("found", "en") == "3; features 1, 31, 60"
    assert not list((tmp_path / "out" / "partials").glob("*.pieces.sqlite*"))


def test_polygons_over_each_other_are_refused_with_places(tmp_path):
    frame = survey([LATTICE.rectangle(0, 0, 12.5, 20), LATTICE.rectangle(11.5, 0, 24, 20)])
    found = only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", frame)})), "E-TUBAN-12")
    assert "320 ha" in found.say("found", "en")  # one column of 20 cells of 16 ha
    x, y = LATTICE.on_map(11.5, 0.5)
    assert f"{x:.10g} {y:.10g} (1, 2)" in found.say("found", "en")


def test_borders_digitised_twice_are_a_warning(tmp_path):
    """Two centimetres over 8 km: 0.016 ha, shares give way and areas still close on the zone."""
    frame = survey([LATTICE.rectangle(0, 0, 12.50005, 20), LATTICE.rectangle(12.5, 0, 24, 20)])
    frame["地类编码"], frame["优势树种"], frame["公顷蓄积"] = ["0301", "0401"], ["落叶松", None], [50.0, np.nan]
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", frame)}))
    warned = next(one for one in findings_of_run(run.setup) if one.id == "W-TUBAN-13")
    assert warned.say("found", "en") == "0.016 ha; 5e-05 of a cell at most"
    assert run.exact("activity_year").query("layer == 'land_cover'")["area_ha"].sum() == pytest.approx(24 * 20 * 16, rel=1e-12)


def test_the_same_polygon_twice(tmp_path):
    frame = survey(mosaic())
    twice = frame.loc[[*frame.index, 5]].reset_index(drop=True)
    found = stopped(write_survey(tmp_path, {2020: ("a.gpkg", twice)}))
    assert {one.id for one in found} == {"E-TUBAN-12", "E-TUBAN-14"}
    assert "6 = 61" in next(one for one in found if one.id == "E-TUBAN-14").say("found", "en")


def test_a_file_without_crs_and_one_that_does_not_fit(tmp_path):
    frame = survey(mosaic())
    bare = geopandas.GeoDataFrame(frame.drop(columns="geometry"), geometry=frame.geometry.to_numpy(), crs=None)
    only(stopped(write_survey(tmp_path / "none", {2020: ("a.gpkg", bare)})), "E-CRS-02")
    wrong = bare.set_crs("EPSG:4528")  # a three-degree zone whose x begins with 40 million
    only(stopped(write_survey(tmp_path / "zone", {2020: ("a.gpkg", wrong)})), "E-CRS-04")
    keys = {name: {"crs": LATTICE.crs} for name in ALL}
    assert passed(write_survey(tmp_path / "said", {2020: ("a.gpkg", bare)}, keys=keys)).table("vector_areas")["polygons"].sum() == 60


def test_a_folder_or_a_link_is_no_survey(tmp_path):
    path = write_survey(tmp_path, {2020: ("a.gdb", None)})
    (tmp_path / "a.gdb").mkdir()
    only(stopped(path), "E-VECTOR-01")
    (tmp_path / "elsewhere").mkdir()
    survey(mosaic()).to_file(tmp_path / "elsewhere" / "b.shp", engine="pyogrio", encoding="gbk")
    linked = write_survey(tmp_path / "own", {2020: ("b.shp", survey(mosaic()))}, encoding="gbk")
    (tmp_path / "own" / "b.dbf").unlink()
    (tmp_path / "own" / "b.dbf").symlink_to(tmp_path / "elsewhere" / "b.dbf")
    only(stopped(linked), "E-PATH-02")


# -- official areas ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("written", "right", "factor"), [("m2", "ha", 1e-4), ("ha", "m2", 1.0), ("mu", "m2", 1.0), ("m2", "mu", 15e-4)])
def test_a_wrong_unit_of_area_is_named(tmp_path, written, right, factor):
    frame = survey(mosaic())
    frame["面积"] *= factor
    found = only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys={"land_cover": {"area_unit": written}})), "E-TUBAN-17")
    assert f'"{right}"' in found.say("remedy", "en")


def test_official_areas_that_differ_are_a_warning_with_numbers(tmp_path):
    """Ridges of 3 % deducted from cropland: told by class; nothing is scaled."""
    frame = survey(mosaic())
    frame["面积"] = np.where(frame["地类编码"] == "0103", frame["面积"] * 0.97, frame["面积"])
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", frame)}))
    warned = next(one for one in findings_of_run(run.setup) if one.id == "W-TUBAN-18")
    assert "cropland -3.00%" in warned.say("found", "en")
    assert run.table("vector_areas").set_index("class").loc[103, "tabulated_ha"] == pytest.approx(frame.area[frame["地类编码"] == "0103"].sum() / 1e4)


def test_official_areas_that_agree_are_no_finding(tmp_path):
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}))
    assert area_findings(run.table("vector_areas")) == []


def test_maps_say_that_they_show_the_largest_polygon(tmp_path):
    path = write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, more={"maps": [{"pool": "aboveground_biomass", "year": 2020}]})
    assert "N-TUBAN-19" in {one.id for one in findings_of_run(finish(path).setup)}


# -- checks before a run, and runs that stop -----------------------------------------------------------------


def test_check_reads_headers_and_deep_reads_all(tmp_path):
    frame = survey(mosaic())
    shapes = frame.geometry.to_numpy().copy()
    shapes[3] = None
    setup = set_up(write_survey(tmp_path, {2020: ("a.gpkg", frame.set_geometry(list(shapes), crs=LATTICE.crs))}))
    assert setup.vectors[0].header.features == 60
    assert check_inputs(setup) == []
    with pytest.raises(InputError) as caught:
        check_inputs(setup, deep=True)
    only(caught.value.findings, "E-TUBAN-08")


def test_a_file_that_changes_is_swept_anew(tmp_path):
    frame = survey(mosaic())
    path = write_survey(tmp_path, {2020: ("a.gpkg", frame)})
    first = passed(path).table("vector_areas")
    frame["地类编码"] = "0401"
    frame["优势树种"], frame["公顷蓄积"] = None, np.nan
    (tmp_path / "a.gpkg").unlink()
    frame.to_file(tmp_path / "a.gpkg", engine="pyogrio")
    assert passed(path).table("vector_areas")["class"].tolist() == [401] != first["class"].tolist()


def test_a_stopped_run_goes_on_with_the_next_batch(tmp_path, monkeypatch):
    """The third batch fails; the next run makes what is left, and the tables are those of a run that was never stopped."""
    lattice = Lattice(height=20, width=24)
    path = write_survey(tmp_path / "a", {2020: ("a.gpkg", survey(mosaic(lattice)))})
    monkeypatch.setattr(spool, "BATCH", 11)
    undisturbed = passed(path).bytes()
    (tmp_path / "a" / "out").rename(tmp_path / "old")
    made, plain = [], spool._batch

    def failing(one, file, first, grid, said):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(first)
        return plain(one, file, first, grid, said)

    monkeypatch.setattr(spool, "_batch", failing)
    with pytest.raises(KeyboardInterrupt):
        passed(path)
    again = []
    monkeypatch.setattr(spool, "_batch", lambda *given: again.append(given[2]) or plain(*given))
    found = passed(path).bytes()
    assert again == [22, 33, 44, 55]
    assert len(list((tmp_path / "a" / "out" / "partials").glob("*.pieces.sqlite*"))) == 1
    assert found == undisturbed


def test_a_spool_whose_bytes_changed_is_refused(tmp_path):
    setup = set_up(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}))
    ready = with_pieces(setup, hash_inputs(setup)[0])[0]
    path = ready.stack.vectors[0].spool
    with sqlite3.connect(path) as database:
        content = bytearray(database.execute("SELECT content FROM piece").fetchone()[0])
        content[20] ^= 1
        database.execute("UPDATE piece SET content = ?", (bytes(content),))
    database.close()
    with pytest.raises(InputError) as caught:
        spool.SpoolReader(path).stored(next(ready.grid.tiles()))
    only(caught.value.findings, "E-RUN-02")
    Path(path).write_bytes(b"SQLite format 3\x00" + b"\x01" * 4000)
    with pytest.raises(InputError) as caught:
        with_pieces(setup, hash_inputs(setup)[0])
    assert caught.value.findings[0].id == "E-RUN-02"


def test_shapes_are_never_repaired():
    """What GEOS calls valid is valid: a hole that touches its ring at a point is accepted, a spike is not."""
    square = Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(0, 5), (3, 3), (3, 7)]])
    assert shapely.is_valid(square)


def test_an_attribute_table_that_changes_alone_is_seen(tmp_path):
    """The .shp keeps its bytes, the .dbf does not: the hash is of all parts."""
    frame = survey(mosaic())
    path = write_survey(tmp_path / "a", {2020: ("a.shp", frame)}, encoding="gbk")
    first = passed(path)
    classes, hashes = set(first.table("vector_areas")["class"]), set(first.table("inputs")["sha256"])
    frame["地类编码"] = frame["地类编码"].where(frame["地类编码"] != "0401", "0103")
    write_survey(tmp_path / "b", {2020: ("a.shp", frame)}, encoding="gbk")
    shape = (tmp_path / "a" / "a.shp").read_bytes()
    (tmp_path / "a" / "a.dbf").write_bytes((tmp_path / "b" / "a.dbf").read_bytes())
    second = passed(path)
    assert (tmp_path / "a" / "a.shp").read_bytes() == shape
    assert classes - set(second.table("vector_areas")["class"]) == {401}
    assert hashes.isdisjoint(second.table("inputs")["sha256"])


def test_a_full_disk_keeps_what_is_committed(tmp_path, monkeypatch):
    """The disk is full at the third batch: the run can go on, and does."""
    monkeypatch.setattr(spool, "BATCH", 11)
    path = write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))})
    plain = spool._Writer.add

    def full(writer, number, *given):
        if number == 2:
            raise sqlite3.OperationalError("database or disk is full")
        plain(writer, number, *given)

    monkeypatch.setattr(spool._Writer, "add", full)
    with pytest.raises(Unfinished) as caught:
        passed(path)
    assert [one.id for one in caught.value.findings] == ["E-RUN-03"]
    monkeypatch.setattr(spool._Writer, "add", plain)
    assert passed(path).table("vector_areas")["polygons"].sum() == 60


@pytest.mark.parametrize(("value", "id"), [(-9999.0, "E-VALUE-02"), (np.inf, "E-VALUE-01")])
def test_rasters_beside_polygons_are_looked_at_as_ever(tmp_path, value, id):
    """A no-data value that is not declared, an infinite cell: told, and never summed."""
    litter = np.full(LATTICE.shape, 3.0)
    litter[4, 5] = value
    write_raster(tmp_path, "litter", litter, LATTICE, -1.0)
    keys = {"litter": {"2020": "litter.tif", "unit": "t ha-1", "basis": "carbon"}}
    only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}, keys=keys)), id)


def test_hostile_texts_are_told_and_no_more(tmp_path):
    """Five thousand digits, an escape sequence, a formula: values that no legend knows, said with their signs made harmless."""
    land = survey(mosaic())["地类编码"].to_numpy(dtype=object).copy()
    land[[1, 2, 3]] = ["9" * 5000, "\x1b[31m０301", "=cmd()"]
    found = only(stopped(write_survey(tmp_path, {2020: ("a.gpkg", with_column(地类编码=land))})), "E-TUBAN-04")
    assert found.values["n"] == 3
    assert "\x1b" not in found.line("en")
    (tmp_path / "own.csv").write_text(f"code,land_class\n{'9' * 5000},cropland\n0301,arbor_forest\n", encoding="utf-8")
    keys = {"land_cover": {"legend": "own.csv", "ignore": ["0305", "0307", "0401", "0404", "0103", "1101", "=cmd()"]}}
    land[2] = "0301"
    more = {"limits": {"missing_fraction": 1.0}}
    run = passed(write_survey(tmp_path, {2020: ("a.gpkg", with_column(地类编码=land))}, keys=keys, more=more))
    assert set(run.table("vector_areas")["class"]) == {-1, 1, 2}


def test_layers_are_not_made_of_polygons(tmp_path):
    """Cohorts and age classes are made cell by cell: of polygons they are refused, of rasters not."""
    config = read_config(write_survey(tmp_path, {2020: ("a.gpkg", survey(mosaic()))}))[0]
    made = [SimpleNamespace(layer="land_cover", names=("cohort_year",)), SimpleNamespace(layer="history", names=("cohort_year",))]
    assert [(one.id, one.where) for one in check_derived(config, made)] == [("E-TUBAN-24", "layers.land_cover")]
