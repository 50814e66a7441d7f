"""Bad configuration files: every error at once, named with its key, and nothing touched."""

import codecs

import pytest
from broken import DATES, accepted, good, ran, refused, sinks, toml

from sinks.config import DENSITY_LAYERS, read_config


@pytest.fixture
def project(tmp_path):
    return good(tmp_path)


def set_key(config, place, value):
    """Set a value at ``section.key``; a section that is no table is made one."""
    *path, last = place
    for name in path:
        config = config.setdefault(name, {})
    config[last] = value


def test_the_good_project_is_good(project):
    ran(project)
    accepted(project)
    accepted(project, options=("--deep",))


def test_no_such_configuration(project):
    said = sinks("run", str(project.folder / "nothing.toml"), "--json")
    assert (said.code, said.ids, said.findings[0]["where"]) == (2, ["E-FILE-01"], "nothing.toml")


def test_a_folder_is_no_configuration(project):
    project.file.unlink()
    project.file.mkdir()
    refused(project, "E-FILE-02")


@pytest.mark.parametrize(
    "content",
    [
        b"[run\ntitle = 1",
        b"years = [2020,",
        b"[run]\ntitle = A \xe5\x90\x8d",
        b"[run]\na = 1\na = 2",
        b"\x00\x01\x02",
        b"a = " + b"[" * 20_000,
        b"seed = " + b"9" * 5_000,
        b"run = 1\n[run]\n",
    ],
)
def test_not_toml(project, content):
    project.raw = content
    (found,) = refused(project, "E-CONF-01")
    assert found["where"] == "run.toml"


def test_an_empty_configuration_names_every_section_that_is_needed(project):
    project.raw = b""
    assert {one["where"] for one in refused(project, *["E-CONF-03"] * 3)} == {"run.toml: run", "run.toml: zones", "run.toml: layers"}


def test_bytes_that_are_no_text(project):
    project.raw = b"[run]\ntitle = \xff\xfe\x81\xff"
    refused(project, "E-FILE-03")


@pytest.mark.parametrize(
    ("encode", "note"),
    [
        (lambda text: text.encode("gb18030"), ["N-CONF-01"]),
        (lambda text: codecs.BOM_UTF8 + text.encode(), []),
        (lambda text: text.encode("utf-16"), ["N-CONF-01"]),
        (lambda text: text.replace("\n", "\r\n").encode(), []),
    ],
    ids=["gbk", "bom", "utf-16", "crlf"],
)
def test_toml_in_other_encodings_is_read_as_it_is(project, encode, note):
    project.config["run"]["title"] = "内蒙古"
    project.raw = encode(toml(project.config))
    accepted(project, *note)
    assert read_config(project.file)[0].run.title == "内蒙古"


UNKNOWN = [
    (("extra",), {"a": 1}),
    (("run", "tilte"), "x"),
    (("zones", "colour"), "red"),
    (("grid", "cellarea"), "true"),
    (("parcels", "files"), "x"),
    (("layers", "land_cover", "legnd"), "clcd"),
    (("layers", "aboveground_biomass", "20233"), "agb_2023.tif"),
    (("layers", "aboveground_biomass", "²⁰²⁰"), "agb_2023.tif"),
    (("densities", "soil_depht_cm"), 30),
    (("factors", "fiel"), "x"),
    (("limits", "missing"), 0.1),
    (("policy", "files"), "x"),
]


@pytest.mark.parametrize(("place", "value"), UNKNOWN, ids=[".".join(place) for place, _ in UNKNOWN])
def test_an_unknown_key_at_any_level(project, place, value):
    section = place[0]
    if section in ("parcels", "densities", "factors", "policy"):
        project.config[section] = {"file": "x"}
    set_key(project.config, place, value)
    (found,) = refused(project, "E-CONF-02")
    assert found["found"] == place[-1]
    assert found["where"].startswith(f"run.toml: {section}")


def test_unknown_keys_of_a_policy_file(project):
    project.config["policy"] = {"file": "policy.toml"}
    (project.folder / "policy.toml").write_text('grass_wether = true\nunvalidated_change = "some"\n', encoding="utf-8")
    assert {one["where"] for one in refused(project, "E-CONF-02", "E-CONF-04")} == {
        "policy.toml: grass_wether", "policy.toml: unvalidated_change",
    }  # fmt: skip
    (project.folder / "policy.toml").write_text("grass_weather = maybe", encoding="utf-8")
    refused(project, "E-CONF-01")


WRONG = [
    (("run", "years"), 2020),
    (("run", "years"), []),
    (("run", "years"), [20]),
    (("run", "years"), ["twenty"]),
    (("run", "base_year"), "x"),
    (("run", "seed"), -1),
    (("run", "seed"), 1.5),
    (("run", "title"), 7),
    (("run", "title"), "A\n# B"),
    (("run", "title"), "\x1b[31m"),
    (("run", "output"), ["out"]),
    (("run", "output"), ""),
    (("run", "roots"), "a"),
    (("zones", "rule"), "center"),
    (("zones", "builtin"), "provinces"),
    (("zones", "tiling"), "perhaps"),
    (("grid", "cell_area"), "flat"),
    (("limits", "missing_fraction"), 2),
    (("limits", "missing_fraction"), float("nan")),
    (("layers", "land_cover", "2020"), 5),
    (("layers", "land_cover", "2020"), []),
    (("layers", "land_cover", "2020"), ["a.tif", 5]),
    (("layers", "land_cover", "change"), "yes"),
    (("layers", "land_cover", "resampling"), "cubic"),
    (("layers", "aboveground_biomass", "basis"), "wood"),
    (("layers", "aboveground_biomass", "unit"), 3),
    (("layers", "aboveground_biomass", "unit"), ""),
    (("layers", "aboveground_biomass", "2020"), ""),
    (("layers", "aboveground_biomass", "nodata"), "none"),
    (("layers", "aboveground_biomass", "scale"), 0),
    (("layers", "aboveground_biomass", "scale"), float("nan")),
    (("layers", "aboveground_biomass", "offset"), float("inf")),
    (("layers", "aboveground_biomass", "valid"), [float("nan"), 1]),
    (("layers", "aboveground_biomass", "depth_cm"), 0),
    (("layers", "aboveground_biomass", "ecosystems"), ["sea"]),
]


@pytest.mark.parametrize(("place", "value"), WRONG, ids=[f"{'.'.join(place)}={value}" for place, value in WRONG])
def test_a_value_of_the_wrong_type_or_range(project, place, value):
    set_key(project.config, place, value)
    ids = project.sinks("check", "--json").ids
    found = refused(project, *["E-CONF-04"] * len(ids))
    assert found
    assert all(one["where"].startswith(f"run.toml: {'.'.join(place)}") for one in found)


@pytest.mark.parametrize("section", ["run", "zones", "layers"])
def test_a_section_that_is_no_table(project, section):
    del project.config[section]
    project.raw = f"{section} = 5\n{toml(project.config)}".encode()
    assert all(one["where"] == f"run.toml: {section}" for one in refused(project, "E-CONF-04"))


@pytest.mark.parametrize("resolution", [float("inf"), float("nan"), -1.0, 0.0])
def test_a_resolution_that_is_none(project, resolution):
    project.config["grid"] = {"crs": "EPSG:4490", "resolution": resolution}
    (found,) = refused(project, "E-CONF-04")
    assert found["where"] == "run.toml: grid.resolution"


def test_a_resolution_in_the_wrong_unit(project):
    project.config["grid"] = {"crs": "EPSG:4490", "resolution": 1e-300}
    for layer in project.config["layers"].values():
        layer["resampling"] = "nearest"
    refused(project, "E-GRID-04")
    project.config["grid"] = {"crs": "EPSG:4490", "resolution": 300.0}
    (found,) = refused(project, "E-GRID-05")
    assert found["where"] == "grid"


def test_years_out_of_order_or_twice(project):
    for years in ([2023, 2020], [2020, 2020]):
        project.config["run"]["years"] = years
        refused(project, "E-CONF-05")


def test_a_base_year_that_is_not_before(project):
    project.config["run"]["base_year"] = 2020
    refused(project, "E-CONF-06")


@pytest.mark.parametrize("zones", [{}, {"builtin": "leagues", "file": "zones.gpkg"}])
def test_zones_from_one_source(project, zones):
    project.config["zones"] = zones
    project.raw = (toml(project.config) + ("" if zones else "[zones]\n")).encode()
    refused(project, "E-CONF-07")


def test_the_grid_in_one_way(project):
    project.config["grid"] = {"like": "land_cover", "crs": "EPSG:4490", "resolution": 0.01}
    refused(project, "E-CONF-08")
    project.config["grid"] = {"crs": "EPSG:4490"}
    refused(project, "E-CONF-09")


def test_a_layer_by_years_or_by_one_file(project):
    project.config["layers"]["land_cover"]["file"] = "land_2020.tif"
    refused(project, "E-CONF-10")


def test_a_valid_range_upside_down(project):
    project.config["layers"]["aboveground_biomass"]["valid"] = [9, 1]
    refused(project, "E-CONF-11")


def test_a_valid_range_with_one_end(project):
    project.config["layers"]["aboveground_biomass"]["valid"] = [1]
    (found,) = refused(project, "E-CONF-03")
    assert found["where"] == "run.toml: layers.aboveground_biomass.valid.1"


def test_classes_have_no_mean(project):
    project.config["layers"]["land_cover"]["files_mean"] = True
    (found,) = refused(project, "E-CONF-15")
    assert found["where"] == "run.toml: layers.land_cover.files_mean"


def test_a_demo_section_of_other_things(project):
    project.config["demo"] = {"note_zh": 5}
    refused(project, "E-CONF-04", "E-CONF-04")


def test_no_land_cover(project):
    del project.config["layers"]["land_cover"]
    (found,) = refused(project, "E-CONF-12")
    assert "aboveground_biomass" in found["found"]


def test_names_that_nothing_uses_and_layers_that_are_not_there(project):
    project.config["layers"]["abovegruond_biomass"] = {"file": "agb_2020.tif"}
    project.config["layers"]["aboveground_biomass"]["se"] = "agb_se"
    project.config["strata"] = {"climat": "land_cover", "soil": "soils"}
    found = refused(project, "E-CONF-13", "E-CONF-13", "E-CONF-14", "E-CONF-14")
    assert {one["found"] for one in found} == {"abovegruond_biomass", "climat", "agb_se", "soils"}


@pytest.mark.parametrize("name", DENSITY_LAYERS)
def test_density_layers_need_unit_and_basis(project, name):
    project.config["layers"][name] = {"file": "agb_2020.tif", "unit": "t ha-1", "depth_cm": 30}
    (found,) = refused(project, "E-UNIT-01")
    assert name in found["where"]


def test_soil_carbon_needs_a_depth_and_volume_a_unit(project):
    project.config["layers"]["soil_organic_carbon"] = {"file": "agb_2020.tif", "unit": "t ha-1", "basis": "carbon"}
    project.config["layers"]["growing_stock_volume"] = {"file": "agb_2020.tif"}
    refused(project, "E-UNIT-02", "E-UNIT-01")


@pytest.mark.parametrize("unit", ["t/ha", "tonnes", "T HA-1", "千克"])
def test_a_unit_that_is_not_known(project, unit):
    project.config["layers"]["aboveground_biomass"]["unit"] = unit
    (found,) = refused(project, "E-UNIT-03")
    assert "kg m-2" in found["expected"]


def test_a_volume_in_a_unit_that_is_none_of_volume(project):
    project.config["layers"]["growing_stock_volume"] = {"file": "agb_2020.tif", "unit": "t ha-1"}
    (found,) = refused(project, "E-UNIT-03")
    assert "m3 ha-1" in found["expected"]


def test_a_year_is_missing(project):
    del project.config["layers"]["aboveground_biomass"]["2020"]
    (found,) = refused(project, "E-YEAR-01")
    assert "2020" in found["expected"]
    assert found["found"] == "2017, 2023"


def test_no_legend_at_all(project):
    del project.config["layers"]["land_cover"]["legend"]
    refused(project, "E-LEGEND-10")


def test_a_legend_that_is_not_known(project):
    project.config["layers"]["land_cover"]["legend"] = "clsd"
    (found,) = refused(project, "E-LEGEND-01")
    assert "clcd" in found["expected"]


def test_a_crs_that_is_a_url(project):
    url = "https://spatialreference.org/ref/epsg/4326/ogcwkt/"
    project.config["layers"]["land_cover"]["crs"] = url
    refused(project, *["E-CRS-01"] * len(DATES))
    project.config["layers"]["land_cover"].pop("crs")
    project.config["zones"]["crs"] = url
    refused(project, "E-CRS-01")
    project.config["zones"].pop("crs")
    project.config["grid"] = {"crs": url, "resolution": 0.01}
    refused(project, "E-CRS-01")


@pytest.mark.parametrize("crs", ["EPSG:999999", "/etc/passwd", "+init=epsg:4326", "+proj=longlat +nadgrids=/etc/passwd", "WGS 84", "urn:x"])
def test_a_crs_that_is_none(project, crs):
    project.config["grid"] = {"crs": crs, "resolution": 0.01}
    refused(project, "E-CRS-01")


def test_everything_wrong_in_the_configuration_is_told_at_once(project):
    """Keys, units, years, strata and legend: one look, one list."""
    layers = project.config["layers"]
    del layers["land_cover"]["legend"]
    del layers["aboveground_biomass"]["unit"]
    del layers["aboveground_biomass"]["2023"]
    project.config["strata"] = {"climate": "climates"}
    refused(project, "E-LEGEND-10", "E-UNIT-01", "E-YEAR-01", "E-CONF-14")


@pytest.mark.parametrize(("lang", "words"), [("en", ["found: ", "expected: ", "do: "]), ("zh", ["实际：", "需要：", "处理："])])
def test_people_read_a_line_for_each_finding(project, lang, words):
    """Without --json, on standard error: what, where, found, expected, what to do."""
    del project.config["layers"]["land_cover"]["legend"]
    del project.config["layers"]["aboveground_biomass"]["2023"]
    said = project.sinks("run", lang=lang)
    assert (said.code, said.out) == (2, "")
    lines = said.err.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["E-YEAR-01", "E-LEGEND-10"]
    for line in lines:
        what, where, *rest = line.split(" | ")
        assert what
        assert where.startswith("run.toml: layers.")
        assert all(part.startswith(word) for part, word in zip(rest, words, strict=True))


def test_files_zones_and_legends_are_told_at_once(project):
    """Every file that the configuration names is tried, whatever is wrong with the others."""
    (project.folder / "agb_2020.tif").unlink()
    (project.folder / "land_2017.tif").write_bytes(b"<VRTDataset/>")
    (project.folder / "zones.gpkg").write_bytes(b"nothing")
    project.config["layers"]["land_cover"]["legend"] = "mine.csv"
    project.config["densities"] = {"file": "../../../pools.csv"}
    project.config["factors"] = {"file": "http://localhost/factors.csv"}
    project.config["layers"]["aboveground_biomass"]["unit"] = "tons"
    refused(project, "E-FILE-01", "E-FILE-01", "E-RASTER-01", "E-VECTOR-01", "E-PATH-02", "E-PATH-01", "E-UNIT-03")


def test_wrong_options_are_refused_by_name(project):
    for options in (("--window", "0"), ("--threads", "x"), ("--nonsense",)):
        said = project.sinks("run", *options)
        assert said.code == 2
        assert options[0] in said.err
        assert "Traceback" not in said.err
    assert project.sinks("fly").code == 2
