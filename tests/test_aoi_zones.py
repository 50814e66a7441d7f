"""Zones: reading, every finding and its message, transforming without opening shared edges, the twelve leagues."""

import geopandas
import numpy as np
import pytest
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon, box

from aoi.codes import REGION, league_names, looks_garbled, old_codes, statistical_codes
from aoi.findings import InputError
from aoi.leagues import leagues
from aoi.texts import catalogue
from aoi.zones import Rings, Zones, check_zones, geodesic_area_ha, read_zones

UTM = "EPSG:32649"


def zones(geometries, codes=None, names=None, crs=UTM):
    codes = tuple(codes or (f"z{i}" for i in range(len(geometries))))
    names = tuple(names or codes)
    return Zones(
        name="zones", codes=codes, names_zh=names, names_en=names, parents=("",) * len(codes), geometries=tuple(geometries), crs=crs
    )


def square(x=500000.0, y=4500000.0, side=1000.0):
    return box(x, y, x + side, y + side)


def the(found, id):
    """The one finding of an id; all its words can be said in both languages."""
    match = [one for one in found if one.id == id]
    assert len(match) == 1, [one.line("en") for one in found]
    for language in ("zh", "en"):
        assert match[0].line(language)
    return match[0]


def test_sound_zones_have_no_findings():
    assert check_zones(zones([square(), square(x=501000.0)]), tiling=True) == []


@pytest.mark.parametrize(
    ("code", "id", "word"),
    [
        ("", "E-ZONE-08", "fill in"),
        ("150172", "E-ZONE-09", "delete the feature"),
        ("152100", "E-ZONE-10", "150700"),
        ("150100000000", "E-ZONE-11", "150100"),
        ("151000", "E-ZONE-12", "mend the code"),
        ("152123", "E-ZONE-12", "mend the code"),
        ("a b", "E-ZONE-14", "plain id"),
        ("-1", "E-ZONE-14", "plain id"),
        ("x" * 65, "E-ZONE-14", "plain id"),
        ("=1+1", "E-ZONE-14", "plain id"),
    ],
)
def test_codes_that_are_refused(code, id, word):
    assert word in the(check_zones(zones([square()], [code], ["somewhere"])), id).say("remedy", "en")


@pytest.mark.parametrize("code", ["MR07", "MR.07_a-1", "150000", "150102", "110000", "7", "123456789012"])
def test_codes_that_are_accepted(code):
    assert check_zones(zones([square()], [code], ["somewhere"])) == []


def test_divisions_false_takes_any_code():
    assert check_zones(zones([square()], ["152100"], ["somewhere"]), divisions=False) == []


def test_code_tables_keep_to_the_leagues():
    assert len(league_names()) == 12
    assert set(old_codes().values()) <= set(league_names())
    assert not set(old_codes()) & set(league_names())
    assert not set(statistical_codes()) & set(league_names())
    assert REGION == "150000"


def test_a_code_that_stands_twice():
    found = the(check_zones(zones([square(), square(x=510000.0)], ["a", "a"])), "E-ZONE-07")
    assert "2 times" in found.say("found", "en")


def test_a_name_of_another_league():
    found = the(check_zones(zones([square()], ["150100"], ["包头市"])), "E-ZONE-13")
    assert "呼和浩特市" in found.say("expected", "zh")


@pytest.mark.parametrize("name", ["呼和浩特市", "呼和浩特", "Hohhot", "hohhot city", "150100"])
def test_names_that_belong(name):
    assert check_zones(zones([square()], ["150100"], [name])) == []


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "a\tb", "a\x00b"])
def test_names_like_formulas_or_with_control_characters(name):
    the(check_zones(zones([square()], ["a"], [name])), "E-ZONE-16")


def test_garbled_names():
    latin = "呼和浩特市".encode("gbk").decode("latin-1")
    assert "GBK" in the(check_zones(zones([square()], ["a"], [latin])), "E-ZONE-15").say("remedy", "en")
    assert looks_garbled("\ufffd\ufffd市")
    assert looks_garbled("锡林郭勒".encode().decode("latin-1"))
    assert not any(looks_garbled(name) for name in ("Mérida", "São Tomé", "呼和浩特市", "Öbür Mongɣol", "É", ""))


def test_null_empty_and_line_geometry():
    found = check_zones(zones([None, Polygon(), LineString([(0, 0), (1, 1)]), square()]))
    assert [one.id for one in found] == ["E-ZONE-01", "E-ZONE-01", "E-ZONE-02"]
    assert "LineString" in the(found[2:], "E-ZONE-02").say("found", "en")
    assert found[0].say("remedy", "en")


def test_a_bow_tie_is_refused_with_its_place():
    bow = Polygon([(500000, 4500000), (501000, 4501000), (501000, 4500000), (500000, 4501000)])
    found = the(check_zones(zones([bow])), "E-ZONE-03")
    assert "500500 4500500" in found.say("found", "en")


def test_overlapping_parts_of_one_multipolygon():
    found = the(check_zones(zones([MultiPolygon([square(), square(x=500900.0)])])), "E-ZONE-04")
    assert float(found.values["area"]) == pytest.approx(10, rel=2e-3)


def test_overlap_of_two_zones_is_named_with_its_area():
    found = the(check_zones(zones([square(), square(x=500900.0)])), "E-ZONE-05")
    assert "z0 and z1" in found.say("found", "en")
    assert float(found.values["area"]) == pytest.approx(10, rel=2e-3)
    assert check_zones(zones([square(), square(x=500990.1)])) == []


def test_a_gap_is_an_error_of_a_tiling_and_a_warning_else():
    ring = Polygon(square(side=3000.0).exterior, [square(x=501000.0, y=4501000.0).exterior])
    pair = zones([ring, square(x=503000.0)])
    assert the(check_zones(pair, tiling=True), "E-ZONE-06").severity == "error"
    assert the(check_zones(pair), "W-ZONE-06").severity == "warning"


def test_missing_swapped_and_foreign_coordinates():
    the(check_zones(zones([square()], crs="")), "E-CRS-02")
    assert "y 97" in the(check_zones(zones([box(40, 97, 45, 110)], crs="EPSG:4326")), "E-CRS-03").say("found", "en")
    the(check_zones(zones([shapely.transform(square(), lambda xy: xy[:, ::-1])])), "E-CRS-03")
    the(check_zones(zones([square()], crs="EPSG:4326")), "E-CRS-04")
    the(check_zones(zones([box(190, 40, 200, 45)], crs="EPSG:4326")), "E-CRS-04")
    the(check_zones(zones([box(1e30, 1e30, 2e30, 2e30)])), "E-CRS-04")
    the(check_zones(zones([box(112, 40, 113, 41)])), "E-CRS-04")


def test_all_findings_come_at_once():
    bow = Polygon([(500000, 4500000), (501000, 4501000), (501000, 4500000), (500000, 4501000)])
    found = check_zones(zones([bow, None, square(), square()], ["152100", "", "a", "a"], ["x", "x", "x", "=1"]))
    assert {one.id for one in found} == {"E-ZONE-10", "E-ZONE-08", "E-ZONE-07", "E-ZONE-16", "E-ZONE-03", "E-ZONE-01", "E-ZONE-05"}


def frame(path, geometries, crs=UTM, **columns):
    table = geopandas.GeoDataFrame(columns, geometry=geometries, crs=crs)
    table.to_file(path, engine="pyogrio", **({"encoding": "GBK"} if path.suffix == ".shp" else {}))
    return path


def test_read_zones_keeps_texts_and_drops_heights(tmp_path):
    clockwise = shapely.force_3d(Polygon(list(square().exterior.coords)[::-1]), 7.0)
    path = frame(tmp_path / "区域.gpkg", [clockwise], code=["150100"], name=["呼和浩特市"], up=["150000"])
    got, found = read_zones(path, code="code", name="name", parent="up", where="zones", set_name="leagues")
    assert found == []
    assert (got.name, got.codes, got.names_zh, got.names_en, got.parents) == (
        "leagues",
        ("150100",),
        ("呼和浩特市",),
        ("Hohhot",),
        ("150000",),
    )
    assert not shapely.has_z(got.geometries[0])
    assert got.crs == UTM
    assert check_zones(got) == []


def test_numeric_codes_become_text_and_are_noted(tmp_path):
    path = frame(tmp_path / "z.gpkg", [square(), square(x=510000.0)], code=[150100, 7])
    got, found = read_zones(path, code="code", name=None, where="zones")
    assert got.codes == ("150100", "000007")
    assert "150100" in the(found, "N-ZONE-01").say("expected", "en")


def test_numeric_codes_with_a_missing_one(tmp_path):
    path = frame(tmp_path / "z.gpkg", [square(), square(x=510000.0)], code=[150100.0, None])
    got, _ = read_zones(path, code="code", name=None, where="zones")
    assert got.codes == ("150100", "")


def test_a_shapefile_in_gbk_without_cpg_is_recognised_and_read_on_request(tmp_path):
    path = frame(tmp_path / "z.shp", [square()], code=["150100"], name=["呼和浩特市"])
    path.with_suffix(".cpg").unlink()
    content = bytearray(path.with_suffix(".dbf").read_bytes())
    content[29] = 0  # no language driver id either
    path.with_suffix(".dbf").write_bytes(content)
    try:
        got, _ = read_zones(path, code="code", name="name", where="zones")
        found = check_zones(got)
    except InputError as error:
        found = error.findings
    assert {one.id for one in found} & {"E-ZONE-15", "E-VECTOR-05"}
    assert all("GBK" in one.say("remedy", "en") for one in found)
    got, _ = read_zones(path, code="code", name="name", where="zones", encoding="GBK")
    assert got.names_zh == ("呼和浩特市",)


def test_columns_that_are_missing(tmp_path):
    path = frame(tmp_path / "z.gpkg", [square()], code=["a"])
    with pytest.raises(InputError) as caught:
        read_zones(path, code="gb", name="name", where="zones")
    assert "gb, name" in the(caught.value.findings, "E-VECTOR-06").say("expected", "en")


def test_a_configured_crs_overrides_and_is_reported(tmp_path):
    path = frame(tmp_path / "z.gpkg", [square()], code=["a"])
    got, found = read_zones(path, code="code", name=None, where="zones", crs="EPSG:32650")
    assert got.crs == "EPSG:32650"
    the(found, "W-CRS-01")
    assert read_zones(path, code="code", name=None, where="zones", crs=UTM)[1] == []


def test_index_subset_and_lengths():
    some = zones([square(), square(x=510000.0)], ["a", "b"])
    assert len(some) == 2
    assert some.index("b") == 1
    assert some.subset(["b"]).codes == ("b",)
    with pytest.raises(KeyError):
        some.index("c")
    with pytest.raises(ValueError, match="lengths"):
        zones([square()], ["a", "b"], ["a", "b"])


def test_shared_edges_stay_shared_when_densified_and_transformed():
    left = Polygon([(110, 40), (112.37, 40.11), (112.9, 43.3), (110, 43)])
    right = Polygon([(112.37, 40.11), (115, 40), (115, 43), (112.9, 43.3)])
    there = zones([left, right], crs="EPSG:4326").to_crs("ESRI:102025")
    first, second = (set(map(tuple, shapely.get_coordinates(one))) for one in there.geometries)
    assert len(first & second) == np.ceil(np.hypot(0.53, 3.19) / 0.01) + 1
    assert shapely.intersection(*there.geometries).area == 0


def test_a_straight_edge_stays_straight_in_its_own_crs():
    band = box(100, 40, 120, 42)
    there = zones([band], crs="EPSG:4326").to_crs("ESRI:102025")
    back = there.to_crs("EPSG:4326")
    assert np.abs(shapely.bounds(back.geometries[0]) - shapely.bounds(band)).max() < 1e-8
    assert zones([square()]).to_crs(UTM).geometries == zones([square()]).geometries
    assert zones([], [], []).to_crs("EPSG:4326").geometries == ()


def test_transforming_out_of_reach_is_a_finding():
    with pytest.raises(InputError) as caught:
        zones([box(-1, 89, 1, 90)], crs="EPSG:4326").to_crs("+proj=gnom +lat_0=-45 +lon_0=110")
    the(caught.value.findings, "E-CRS-04")
    with pytest.raises(InputError, match="E-CRS-02"):
        zones([square()], crs="").to_crs(UTM)


def test_rings_come_back_as_they_went_in():
    ring = Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(1, 1), (1, 2), (2, 2)]])
    many = MultiPolygon([ring, box(20, 20, 21, 21)])
    rings = Rings.of([many, Polygon(), box(0, 0, 1, 1)])
    back = rings.geometries()
    assert back[0].equals(many)
    assert back[1].is_empty
    assert rings.densified(0.5).geometries()[0].equals(many)
    assert rings.zone_rings(0) == (0, 3)
    assert rings.zone_rings(1) == (3, 3)


def test_geodesic_area_of_a_known_square():
    # 1 km2 on UTM near its central meridian: area scale 0.9996^2
    assert geodesic_area_ha(square(), UTM) == pytest.approx(100 / 0.9996**2, rel=1e-6)
    assert geodesic_area_ha(Point(0, 0).buffer(0), UTM) == 0


def test_the_twelve_leagues_are_sound_and_have_their_area():
    all_of_them = leagues()
    assert len(all_of_them) == 12
    assert all(shapely.is_valid(all_of_them.geometries))
    assert check_zones(all_of_them, tiling=True) == []
    km2 = sum(geodesic_area_ha(one, all_of_them.crs) for one in all_of_them.geometries) / 100
    assert km2 == pytest.approx(1_145_881, rel=1e-3)
    assert set(all_of_them.parents) == {REGION}


def test_league_files_pass_as_zones(shared_data):
    path = shared_data / "league_boundaries" / "inner_mongolia_leagues_tianditu.geojson"
    columns = geopandas.read_file(path, rows=1).columns
    code = next(name for name in columns if "code" in name.lower())
    name = next((one for one in columns if "name" in one.lower() and "prov" not in one.lower()), None)
    got, _ = read_zones(path, code=code, name=name, where="zones")
    assert sorted(got.codes) == sorted(leagues().codes)
    assert [one.line("en") for one in check_zones(got) if one.severity == "error"] == []


def test_every_finding_of_zones_has_its_four_texts():
    ids = {key.split(".")[0] for key in catalogue() if key[2:].startswith(("ZONE", "GRID", "CRS", "PATH", "VECTOR", "PARCEL"))}
    for id in ids:
        for part in ("", ".found", ".expected", ".remedy"):
            assert all(catalogue()[id + part].values())
