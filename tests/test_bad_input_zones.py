"""Bad zones and parcels: codes, names, outlines and files."""

import json
import shutil

import geopandas
import pytest
import shapely
from broken import CELL, COLUMNS, NORTH, ROWS, WEST, accepted, good, ran, refused, zones
from shapely import MultiPolygon, Polygon, affinity, box

SOUTH, EAST = NORTH - ROWS * CELL, WEST + COLUMNS * CELL


@pytest.fixture
def project(tmp_path):
    return good(tmp_path)


def write(project, frame, name="zones.gpkg", **options):
    """Put a frame in place of the zones."""
    (project.folder / "zones.gpkg").unlink(missing_ok=True)
    frame.to_file(project.folder / name, engine="pyogrio", **options)
    project.config["zones"]["file"] = name


def changed(column, row, value):
    """The good zones with one other cell."""
    frame = zones()
    if column == "geometry":
        frame.geometry = [value if number == row else shape for number, shape in enumerate(frame.geometry)]
    else:
        frame[column] = [value if number == row else cell for number, cell in enumerate(frame[column])]
    return frame


CODES = [
    ("west", "E-ZONE-07", "west"),
    ("", "E-ZONE-08", ""),
    (None, "E-ZONE-08", ""),
    ("150172", "E-ZONE-09", "150172"),
    ("152700", "E-ZONE-10", "152700"),
    ("150600000000", "E-ZONE-11", "150600000000"),
    ("159900", "E-ZONE-12", "159900"),
    ("a b", "E-ZONE-14", "a b"),
    ("=1+1", "E-ZONE-14", "=1+1"),
    ("-1", "E-ZONE-14", "-1"),
    ("x" * 65, "E-ZONE-14", "x"),
    ("<script>", "E-ZONE-14", "<script>"),
    ("a\x1b[31m", "E-ZONE-14", "?"),
]


@pytest.mark.parametrize(("code", "id", "named"), CODES, ids=[f"{id} {code!r:.14}" for code, id, _ in CODES])
def test_codes(project, code, id, named):
    write(project, changed("code", 1, code))
    (found,) = refused(project, id)
    assert named in found["found"]
    assert found["where"].startswith("zones.gpkg")


NAMES = [
    ("=HYPERLINK(1)", "E-ZONE-16"),
    ("@SUM(A1)", "E-ZONE-16"),
    ("+1", "E-ZONE-16"),
    ("中\n区", "E-ZONE-16"),
    ("中\t区\x07", "E-ZONE-16"),
    ("中区".encode("gbk").decode("latin-1"), "E-ZONE-15"),
]


@pytest.mark.parametrize(("name", "id"), NAMES, ids=[f"{name!r}" for name, _ in NAMES])
def test_names(project, name, id):
    write(project, changed("name_zh", 1, name))
    refused(project, id)


def test_a_name_that_belongs_to_another_code(project):
    frame = changed("code", 1, "150600")
    write(project, frame)
    (found,) = refused(project, "E-ZONE-13")
    assert "鄂尔多斯" in found["expected"]


ODD = ['"双引号", 单\'引号', "\u202e右至左\u202c עברית", "<script>alert(1)</script>", "a|b", "{name} %s ${x}", "😀 区"]


@pytest.mark.parametrize("names", [ODD[:3], ODD[3:]], ids=["quotes, directions, markup", "bars, fields, pictures"])
def test_odd_names_are_kept_to_the_letter(project, names):
    frame = zones()
    frame["name_zh"] = names
    write(project, frame)
    ran(project)
    assert set(geopandas.pd.read_csv(project.out / "tables" / "zones.csv")["name_zh"]) == set(names)


def test_markup_in_names_and_title_is_dead_in_the_summary(project):
    write(project, changed("name_zh", 1, "<script>alert(1)</script>|x"))
    project.config["run"]["title"] = "<img src=x onerror=alert(1)>"
    ran(project)
    words = (project.out / "summary.zh.md").read_text(encoding="utf-8")
    assert "<script>" not in words
    assert "<img" not in words
    rows = [line for line in words.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1


SHAPES = [
    (None, "E-ZONE-01"),
    (Polygon(), "E-ZONE-01"),
    (shapely.LineString([(WEST, SOUTH), (EAST, NORTH)]), "E-ZONE-02"),
    (Polygon([(112.3, 43.5), (112.4, 43.6), (112.4, 43.5), (112.3, 43.6)]), "E-ZONE-03"),
    (MultiPolygon([box(112.3, 43.5, 112.4, 43.6), box(112.35, 43.5, 112.45, 43.6)]), "E-ZONE-04"),
]


@pytest.mark.parametrize(("shape", "id"), SHAPES, ids=[id + str(number) for number, (_, id) in enumerate(SHAPES)])
def test_outlines(project, shape, id):
    write(project, changed("geometry", 1, shape))
    (found,) = refused(project, id)
    assert found["where"] == "zones.gpkg: middle"


def test_zones_that_overlap(project):
    shape = zones().geometry[1]
    write(project, changed("geometry", 1, affinity.translate(shape, 3 * CELL)))
    (found,) = refused(project, "E-ZONE-05")
    assert "middle" in found["found"]
    assert "east" in found["found"]
    assert " ha" in found["found"]


def test_a_hole_between_zones(project):
    shape = zones().geometry[1]
    hole = box(112.3, 43.6, 112.4, 43.7)
    write(project, changed("geometry", 1, shape.difference(hole)))
    (found,) = refused_tiling(project)
    assert "ha" in found["found"]
    project.config["zones"]["tiling"] = False
    accepted(project, "W-ZONE-06")


def refused_tiling(project):
    """The errors where zones have to fill their region."""
    project.config["zones"]["tiling"] = True
    return refused(project, "E-ZONE-06")


def test_axes_that_are_swapped(project):
    frame = zones()
    frame.geometry = [shapely.transform(shape, lambda xy: xy[:, ::-1]) for shape in frame.geometry]
    write(project, frame)
    (found,) = refused(project, "E-CRS-03")
    assert found["where"] == "zones.gpkg"


def test_zones_in_degrees_that_say_metres(project):
    write(project, zones().set_crs("EPSG:32649", allow_override=True))
    refused(project, "E-CRS-04")


def test_zones_elsewhere(project):
    frame = zones()
    frame.geometry = [affinity.translate(shape, -20, 10) for shape in frame.geometry]
    write(project, frame)
    (found,) = refused(project, "E-AREA-01")
    assert "west" in found["found"]


def test_zones_that_reach_over_the_edge(project):
    frame = zones()
    shapes = list(frame.geometry)
    frame.geometry = [shapes[0].union(box(WEST - CELL / 4, NORTH - 0.2, WEST + CELL, NORTH - 0.1)), *shapes[1:]]
    write(project, frame)
    (found,) = accepted(project, "W-AREA-01")
    assert "west" in found["found"]


def test_zones_without_a_crs(project):
    write(project, zones(), "zones.shp", encoding="UTF-8")
    (project.folder / "zones.prj").unlink()
    refused(project, "E-CRS-02")
    project.config["zones"]["crs"] = "EPSG:4490"
    accepted(project)


def test_a_crs_that_the_configuration_replaces_is_told(project):
    write(project, zones().set_crs("EPSG:4326", allow_override=True))
    project.config["zones"]["crs"] = "EPSG:4490"
    accepted(project, "W-CRS-01")


def test_columns_that_are_not_there(project):
    project.config["zones"].update({"code": "adcode", "name": "mingcheng", "parent": "up"})
    (found,) = refused(project, "E-VECTOR-06")
    assert found["expected"].endswith("adcode, mingcheng, up")
    assert "name_zh" in found["found"]


def test_codes_that_are_numbers_are_noted(project):
    frame = zones()
    frame["code"] = [150100, 150200, 150300]
    frame["name_zh"] = ["呼和浩特市", "包头市", "乌海市"]
    write(project, frame)
    accepted(project, "N-ZONE-01")


def test_a_shapefile_in_gbk_without_its_cpg(project):
    write(project, zones(), "zones.shp", encoding="GBK")
    (project.folder / "zones.cpg").unlink()
    refused(project, "E-ZONE-15", "E-ZONE-15", "E-ZONE-15")
    project.config["zones"]["encoding"] = "GBK"
    accepted(project)
    project.config["zones"]["encoding"] = "GBX"
    refused(project, "E-VECTOR-05")


def test_a_vector_file_that_is_missing_empty_or_cut_off(project):
    path = project.folder / "zones.gpkg"
    whole = path.read_bytes()
    path.write_bytes(b"")
    refused(project, "E-VECTOR-03")
    path.write_bytes(whole[:2000])
    refused(project, "E-VECTOR-02")
    path.unlink()
    refused(project, "E-FILE-01")


def test_several_layers(project):
    zones().to_file(project.folder / "zones.gpkg", layer="other", engine="pyogrio")
    (found,) = refused(project, "E-VECTOR-04")
    assert "other" in found["expected"]
    project.config["zones"]["layer"] = "other"
    accepted(project)


def test_a_centre_rule_of_zones_of_dust(project):
    """Zones smaller than a cell are no error: by coverage they have their area, by centre maybe none."""
    frame = zones()
    frame.geometry = [box(WEST + n * CELL, NORTH - CELL / 9, WEST + (n + 0.1) * CELL, NORTH) for n in (1, 2, 3)]
    write(project, frame)
    accepted(project)


@pytest.fixture
def with_parcels(project):
    """The project with two parcels of two projects."""
    frame = geopandas.GeoDataFrame(
        {"parcel": ["p1", "p2"], "project": ["a", "b"], "programme": ["ccer", "ccer"], "vintage": ["2020", "2021"]},
        geometry=[box(112.1, 43.6, 112.15, 43.65), box(112.2, 43.6, 112.25, 43.65)], crs="EPSG:4490",
    )  # fmt: skip
    project.config["parcels"] = {"file": "parcels.gpkg"}
    return project, frame


def write_parcels(project, frame):
    frame.to_file(project.folder / "parcels.gpkg", engine="pyogrio")


def test_parcels_without_attributes_or_with_no_year(with_parcels):
    project, frame = with_parcels
    frame["project"] = ["", "b"]
    frame["vintage"] = ["soon", "2021"]
    write_parcels(project, frame)
    refused(project, "E-PARCEL-01", "E-PARCEL-02")


def test_parcels_of_two_projects_on_one_land(with_parcels):
    project, frame = with_parcels
    frame.geometry = [frame.geometry[0], affinity.translate(frame.geometry[0], 0.01)]
    write_parcels(project, frame)
    accepted(project, "W-PARCEL-01")


def test_parcels_whose_columns_or_crs_are_missing(with_parcels):
    project, frame = with_parcels
    write_parcels(project, frame.drop(columns=["vintage", "programme"]))
    refused(project, "E-VECTOR-06", "E-VECTOR-06")


def test_parcels_that_overlap_and_twice_one_code(with_parcels):
    project, frame = with_parcels
    frame["project"] = ["a", "a"]
    frame["parcel"] = ["p", "p"]
    frame.geometry = [frame.geometry[0], affinity.translate(frame.geometry[0], 0.01)]
    write_parcels(project, frame)
    refused(project, "E-ZONE-05", "E-ZONE-07")


def test_everything_wrong_with_zones_comes_at_once(project):
    frame = geopandas.GeoDataFrame(
        {
            "code": ["152700", "150172", "a", "a", "150600000000", ""],
            "name_zh": ["=1", "中区", "东区", "西区", "北区", "南区"],
        },
        geometry=[
            box(112.1, 43.5, 112.2, 43.6), box(112.15, 43.5, 112.3, 43.6), None, shapely.Point(112, 43.5),
            Polygon([(112.5, 43.5), (112.6, 43.6), (112.6, 43.5), (112.5, 43.6)]), box(112.7, 43.5, 112.75, 43.6),
        ],
        crs="EPSG:4490",
    )  # fmt: skip
    write(project, frame, "zones.geojson")
    refused(
        project, "E-ZONE-10", "E-ZONE-16", "E-ZONE-09", "E-ZONE-07", "E-ZONE-11", "E-ZONE-08", "E-ZONE-05", "E-ZONE-01", "E-ZONE-02", "E-ZONE-03",
    )  # fmt: skip


def test_json_has_the_documented_shape(project):
    write(project, changed("code", 1, "150172"))
    said = project.sinks("check", "--json", lang="en")
    assert set(json.loads(said.out)) == {"findings"}
    (found,) = said.findings
    assert {"id", "severity", "where", "found", "expected", "remedy"} <= set(found)
    assert (found["id"], found["severity"], found["where"]) == ("E-ZONE-09", "error", "zones.gpkg: 2")
    assert said.err == ""
    shutil.rmtree(project.out)
    write(project, zones())
    for verb in ("check", "tabulate"):
        said = project.sinks(verb, "--json")
        assert (said.code, json.loads(said.out)) == (0, {"findings": []})
