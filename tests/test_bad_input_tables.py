"""Bad tables: legends, densities by class, names of strata and factors, in every encoding and with every slip of a spreadsheet."""

import codecs

import numpy as np
import pytest
from broken import accepted, good, land_cover, ran, refused, write_raster

from sinks.setup import set_up

LEGEND = "code,land_class\n1,cropland\n2,arbor_forest\n4,other_grassland\n9,marsh\n"
POOLS = "lucode,c_above,c_below,c_soil,c_dead\n1,2,1,50,0\n2,40,10,90,5\n4,1,3,70,0\n9,2,2,120,0\n"
FACTOR = "id,name,ecosystem,land_class,climate,value,unit,low,high,range_kind,distribution,source\n"


@pytest.fixture
def project(tmp_path):
    project = good(tmp_path)
    project.config["layers"]["land_cover"]["legend"] = "mine.csv"
    project.config["densities"] = {"file": "pools.csv", "soil_depth_cm": 100}
    project.config["factors"] = {"file": "factors.csv"}
    give(project, "mine.csv", LEGEND)
    give(project, "pools.csv", POOLS)
    give(project, "factors.csv", FACTOR + "carbon_fraction.tree,,,,,0.48,,,,,,my own plots\n")
    project.save()
    return project


def give(project, name, content):
    """Write a table of the user."""
    (project.folder / name).write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def test_the_tables_are_good(project):
    accepted(project)


def test_tables_that_are_missing(project):
    for name in ("mine.csv", "pools.csv", "factors.csv"):
        (project.folder / name).unlink()
    assert {one["where"] for one in refused(project, "E-FILE-01", "E-FILE-01", "E-FILE-01")} == {"mine.csv", "pools.csv", "factors.csv"}


ENCODINGS = {
    "gbk": lambda text: text.encode("gb18030"),
    "bom": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "blank lines": lambda text: text.replace("\n", "\n\n").encode(),
    "spaces": lambda text: text.replace(",", " , ").encode(),
    "quotes": lambda text: "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()).encode(),
}


def test_encodings_and_line_ends_change_no_number(project):
    """The same tables, however they were saved, are the same legend and the same densities."""
    legend = "code,name_zh,land_class\n1,耕地,cropland\n2,林地,arbor_forest\n4,草地,other_grassland\n9,湿地,marsh\n"
    give(project, "mine.csv", legend)
    first = set_up(project.file)
    for name, encode in ENCODINGS.items():
        for file, text in (("mine.csv", legend), ("pools.csv", POOLS)):
            give(project, file, encode(text))
        again = set_up(project.file)
        assert again.legends == first.legends, name
        assert again.densities.equals(first.densities), name
        assert [one.id for one in again.findings] == ["N-CONF-01"] * {"gbk": 1, "utf-16": 2, "utf-16-be": 2}.get(name, 0), name


def test_full_width_digits_are_read_and_noted(project):
    give(project, "pools.csv", POOLS.replace("40", "４０"))
    give(project, "mine.csv", LEGEND.replace("2,", "２,"))
    found = accepted(project, "N-TABLE-01", "N-TABLE-01")
    assert {one["where"] for one in found} == {"pools.csv: c_above", "mine.csv: code"}


BAD_CELLS = [
    ("pools.csv", POOLS.replace("40", "about 40"), "E-TABLE-06", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("40", "约40"), "E-TABLE-06", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("40", "<0.1"), "E-TABLE-06", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("40", '"1,240"'), "E-TABLE-06", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("40", "NA"), "E-TABLE-06", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("40", "nan"), "E-TABLE-06", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("40", "inf"), "E-TABLE-06", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("40", "1e999"), "E-TABLE-08", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("40", "-40"), "E-TABLE-08", "pools.csv: 3, c_above"),
    ("pools.csv", POOLS.replace("2,40", "2.5,40"), "E-TABLE-06", "pools.csv: 3, lucode"),
    ("pools.csv", POOLS.replace("2,40", ",40"), "E-TABLE-07", "pools.csv: 3, lucode"),
    ("pools.csv", POOLS.replace("2,40,10,90,5", "2,40,10,90"), "E-TABLE-03", "pools.csv: 3"),
    ("pools.csv", POOLS.replace("2,40,10,90,5", "2,40,10,90,5,6"), "E-TABLE-03", "pools.csv: 3"),
    ("pools.csv", POOLS.replace("c_below", "c_above"), "E-TABLE-02", "pools.csv"),
    ("pools.csv", POOLS.replace("lucode", "code"), "E-TABLE-04", "pools.csv"),
    ("pools.csv", "", "E-TABLE-01", "pools.csv"),
    ("pools.csv", "\n \n,,\n", "E-TABLE-01", "pools.csv"),
    ("pools.csv", b"\xff\xff\xff\x80,", "E-FILE-03", "pools.csv"),
    ("mine.csv", LEGEND.replace("arbor_forest", "forest"), "E-TABLE-08", "mine.csv: 3, land_class"),
    ("mine.csv", LEGEND.replace("arbor_forest", ""), "E-TABLE-07", "mine.csv: 3, land_class"),
    ("mine.csv", LEGEND.replace("arbor_forest", "=cmd|' /C calc'!A0"), "E-TABLE-08", "mine.csv: 3, land_class"),
    ("mine.csv", LEGEND.replace("code,land_class", "code,land_class,colour"), "E-TABLE-09", "mine.csv"),
]


@pytest.mark.parametrize(("name", "content", "id", "where"), BAD_CELLS, ids=[f"{id} {number}" for number, (_, _, id, _) in enumerate(BAD_CELLS)])
def test_cells_rows_and_heads(project, name, content, id, where):
    give(project, name, content)
    (found,) = refused(project, id)
    assert found["where"] == where


@pytest.mark.parametrize("sign", [";", "，", "\t"])
def test_another_sign_between_cells(project, sign):
    give(project, "mine.csv", LEGEND.replace(",", sign))
    found = refused(project, "E-TABLE-04", "E-TABLE-09")
    assert {one["where"] for one in found} == {"mine.csv"}


def test_a_class_that_stands_twice(project):
    give(project, "mine.csv", LEGEND + "2,shrubland\n")
    found = refused(project, "E-TABLE-05", "E-TABLE-05")
    assert {one["where"] for one in found} == {"mine.csv: 3", "mine.csv: 6"}


def test_cells_and_numbers_beyond_any_size(project):
    give(project, "pools.csv", POOLS + '"' + "x" * 200_000)
    give(project, "mine.csv", LEGEND + "99999999999999999999,cropland\n")
    assert {one["where"] for one in refused(project, "E-TABLE-11", "E-TABLE-06")} == {"pools.csv", "mine.csv: 6, code"}


def test_texts_that_look_like_formulas(project):
    give(project, "mine.csv", "code,name_zh,land_class\n1,耕地,cropland\n2,=1+1,arbor_forest\n4,@x,other_grassland\n9,+y,marsh\n")
    assert {one["where"] for one in refused(project, *["E-TABLE-10"] * 3)} == {f"mine.csv: {row}, name_zh" for row in (3, 4, 5)}


def test_every_slip_in_every_table_comes_at_once(project):
    give(project, "pools.csv", POOLS.replace("40", "x").replace("120", "y"))
    give(project, "mine.csv", LEGEND.replace("arbor_forest", "forest").replace("marsh", ""))
    give(project, "factors.csv", FACTOR + "mine,,,,,1,,,,,,s\n")
    refused(project, "E-TABLE-06", "E-TABLE-06", "E-TABLE-08", "E-TABLE-07", "E-FACTOR-06")


FACTORS = [
    ("carbon_fraction.tree,,,,,0.5,,0.6,0.4,min_max,triangular,s", "E-FACTOR-02"),
    ("carbon_fraction.tree,,,,,0.9,,0.4,0.6,min_max,triangular,s", "E-FACTOR-02"),
    ("carbon_fraction.tree,,,,,0.5,,0.4,,,,s", "E-FACTOR-03"),
    ("new,carbon_fraction,forrest,,,0.5,-,,,,,s", "E-FACTOR-05"),
    ("new,,,,,0.5,,,,,,s", "E-FACTOR-06"),
    ("carbon_fraction.tree,,grassland,,,0.5,,,,,,s", "E-FACTOR-07"),
    ("carbon_fraction.tree,,,,,0.5,kg,,,,,s", "E-FACTOR-07"),
    ("carbon_fraction.tree,,,,,0.5,,0.4,0.6,ci95,uniform,s", "E-FACTOR-10"),
    ("carbon_fraction.tree,,,,,0.5,,,,,,", "E-TABLE-07"),
    ("carbon_fraction.tree,,,,,,,,,,,s", "E-TABLE-07"),
    ("carbon_fraction.tree,,,,,0.5,,,,,,=1+1", "E-TABLE-10"),
]


@pytest.mark.parametrize(("row", "id"), FACTORS, ids=[f"{id} {number}" for number, (_, id) in enumerate(FACTORS)])
def test_factor_rows(project, row, id):
    give(project, "factors.csv", FACTOR + row + "\n")
    (found,) = refused(project, id)
    assert found["where"].startswith("factors.csv")


def test_a_factor_bin_upside_down(project):
    give(project, "factors.csv", "id,name,value_from,value_to,value,unit,source\nnew,root_shoot_ratio,50,20,0.3,-,s\n")
    refused(project, "E-FACTOR-04")


def test_two_factors_that_fit_equally_well(project):
    give(project, "factors.csv", FACTOR + "mine,carbon_fraction,forest|wetland,arbor_forest,,0.5,-,,,,,my plots\n")
    for found in refused(project, *[one for one in project.sinks("run", "--json").ids if one.startswith("E-")]):
        assert found["id"] == "E-FACTOR-01"
        assert "carbon_fraction.tree" in found["found"]
        assert "mine" in found["found"]


def with_climate(project, value):
    """Put the whole project into one climate."""
    write_raster(project.folder / "climate.tif", np.ones_like(land_cover(2017)))
    give(project, "climate.csv", f"code,value\n1,{value}\n")
    project.config["layers"]["climate"] = {"file": "climate.tif", "legend": "climate.csv"}
    project.config["strata"] = {"climate": "climate"}
    del project.config["densities"]


def test_a_factor_that_is_missing_is_named_with_the_nearest(project):
    with_climate(project, "polar_dry")
    found = refused(project, *[one for one in project.sinks("run", "--json").ids if one.startswith("E-")])
    assert {one["id"] for one in found} == {"E-FACTOR-08"}
    assert any("root_shoot_ratio" in one["found"] and "polar_dry" in one["found"] for one in found)
    assert all("root_shoot_ratio." in one["expected"] for one in found if "root_shoot_ratio" in one["found"])
    row = "mine,root_shoot_ratio,forest|wetland,arbor_forest|other_forest_land|forest_swamp,polar_dry|polar_moist,0.4,-,,,,,my plots\n"
    give(project, "factors.csv", FACTOR + row)
    accepted(project)


def test_results_stay_whole_when_rasters_and_factors_change_together(project):
    """The pass goes through, the accounting does not: activity tables and results stay those of one run."""
    ran(project)
    before = project.results()
    with_climate(project, "polar_dry")
    project.values("land_2023.tif", lambda cells: np.where(cells == 1, 4, cells).astype(np.uint8))
    assert set(project.sinks("run", "--json").ids) == {"E-FACTOR-08"}
    assert project.results() == before
    assert not [path.name for path in project.out.iterdir() if path.name in (".tables", ".inputs")]
