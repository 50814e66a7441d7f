"""Presets: each product written here with exactly its encoding, served by a catalogue, and read as what it is."""

import csv
import re
from pathlib import Path

import broken
import numpy as np
import pytest
import rasterio
from catalogues import serving
from clouds import activity_of

from sinks.layers.cloud import web
from sinks.legends.legend import builtin_legend
from sinks.presets import presets, with_presets
from sinks.setup import set_up

CLASSES = ("clcd", "glc_fcs30d", "io_lulc", "esa_worldcover", "mcd12q1", "land_survey")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WAITS", (0.0,))


@pytest.fixture
def server():
    with serving() as one:
        yield one


def rows() -> list[dict[str, str]]:
    """The table of facts."""
    with (ROOT / "sinks" / "presets.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# -- the table ---------------------------------------------------------------------------------------------


def test_every_fact_has_its_evidence():
    """A tag of the known kinds; from memory is never verified; found has a source."""
    for row in rows():
        assert re.fullmatch(r"F|D|X|K:0\.\d+", row["tag"]), row
        assert (row["verified"] == "false") == row["tag"].startswith("K"), row
        assert row["source"] or row["tag"] == "X", row
        assert row["value"].strip(), row


def test_every_preset_says_what_it_is():
    for preset in presets().values():
        for key in ("title_zh", "title_en", "version", "licence", "citation"):
            assert preset.word(key), (preset.id, key)
        assert isinstance(preset.keys(), dict)
        assert re.search("[\u4e00-\u9fff]", preset.word("title_zh"))


def test_facts_agree_with_the_legend_catalogue():
    """Years, missing codes and licence of land-cover products stand in two tables: they say the same."""
    with (ROOT / "sinks" / "legends" / "products.csv").open(encoding="utf-8", newline="") as file:
        products = [row for row in csv.DictReader(file)]
    for id in CLASSES:
        preset = presets()[id]
        mine = [row for row in products if row["id"] == preset.word("legend")]
        for row in mine:
            last = min(int(row["year_to"]), 2100)
            if int(row["year_from"]) >= 2000 or id == "clcd":
                assert all(preset.knows(year) for year in (int(row["year_from"]), last)), (id, row)
            if "nodata" in preset.facts:
                assert preset.word("nodata") in row["missing_codes"].split()


@pytest.mark.parametrize("id", CLASSES)
def test_a_land_cover_preset_reads_its_codes(server, tmp_path, id):
    """Every code of the legend and the no-data value, in the product's type, in one row of cells each."""
    preset = presets()[id]
    legend = builtin_legend(preset.word("legend"))
    dtype = preset.word("dtype") or ("uint16" if max(legend.codes) > 255 else "uint8")
    nodata = float(preset.word("nodata")) if preset.word("nodata") else None
    codes = np.array([*legend.codes, *([int(nodata)] if nodata is not None else [])])
    cells = np.resize(codes, (broken.ROWS, broken.COLUMNS)).astype(dtype)
    project = broken.make_project(tmp_path / "p")
    broken.write_raster(project.folder / "product.tif", cells)  # the file says nothing of its no-data value
    year = 2020
    server.add(project.folder / "product.tif", preset.word("collection") or "own", f"{year}-01-01T00:00:00Z", "tile")
    server.items[0]["assets"] = {preset.word("asset") or "data": server.items[0]["assets"]["data"]}
    layer = {"preset": id, "stac": server.api, "collection": preset.word("collection") or "own", "asset": preset.word("asset") or "data"}
    project.config = {
        "run": {"title": id, "years": [year], "output": "out"}, "zones": project.config["zones"], "layers": {"land_cover": layer},
        "network": {"hosts": [server.host]}, "limits": {"missing_fraction": 1.0},
    }  # fmt: skip
    activity_of(project)
    with (project.out / "tables" / "activity_year.csv").open(encoding="utf-8", newline="") as file:
        seen = {int(row["class"]) for row in csv.DictReader(file)}
    assert seen == {*legend.codes, *([-1] if nodata is not None else [])}


VALUES = {
    "cci_biomass": ("aboveground_biomass", [0, 1, 250, 65535], [0.0, 1.0, 250.0, np.nan]),
    "mod13q1_ndvi": ("ndvi", [-3000, -2000, 0, 5321, 10000], [np.nan, -0.2, 0.0, 0.5321, 1.0]),
    "soilgrids_ocs": ("soil_organic_carbon", [0, 45, 120, -32768], [0.0, 45.0, 120.0, np.nan]),
}
"""Layer, cells of the product, and what they stand for in the unit of the layer."""


@pytest.mark.parametrize("id", VALUES)
def test_a_preset_of_values_reads_its_cells(server, tmp_path, id):
    """Scale, no-data value, valid range and unit are the product's: what the run reads is what the cells stand for."""
    preset = presets()[id]
    name, cells, expected = VALUES[id]
    project = broken.make_project(tmp_path / "p")
    raster = np.resize(np.array(cells), (broken.ROWS, broken.COLUMNS)).astype(preset.word("dtype"))
    broken.write_raster(project.folder / "product.tif", raster)
    server.add(project.folder / "product.tif", "product", "2020-01-01T00:00:00Z", "tile", platform="terra")
    server.items[0]["assets"] = {"x": server.items[0]["assets"]["data"]}
    project.config["run"] = {"title": id, "years": [2020], "output": "out"}
    land = project.config["layers"]["land_cover"]
    dated = {"datetime": "2020"} if id == "soilgrids_ocs" else {}
    project.config["layers"] = {
        "land_cover": {"2020": land["2020"], "legend": "clcd"},
        name: {"preset": id, "stac": server.api, "collection": "product", "asset": "x", **dated},
    }
    project.config["network"] = {"hosts": [server.host]}
    project.save()
    assert project.sinks("fetch", "--allow-network").code == 0
    setup = set_up(project.file)
    layer = setup.stack.layer(name)
    ((file,),) = layer.members(2020)
    with rasterio.open(file.path) as dataset:
        raw = dataset.read(1)
    from sinks.layers.layer import Extent, read_member

    found, wrong = read_member(layer, layer.members(2020)[0], setup.grid, Extent(0, 0, *raw.shape))
    assert wrong == []
    assert found == pytest.approx(np.resize(np.array(expected), raw.shape), nan_ok=True)
    section = setup.config.layers[name]
    assert (section.unit, section.basis) == (preset.word("unit") or None, preset.word("basis") or None)
    assert {one.id for one in setup.findings} >= {"W-PRESET-02"}


@pytest.mark.parametrize(("id", "cells", "expected"), [
    ("cci_biomass_sd", [0, 12, 300], [0.0, 12.0, 300.0]),
    ("mod17a3hgf_npp", [-30000, 0, 4321, 32700, 32761, 32767], [-3.0, 0.0, 0.4321, 3.27, np.nan, np.nan]),
    ("mcd64a1", [-2, -1, 0, 1, 366], [np.nan, np.nan, 0.0, 1.0, 366.0]),
    ("koeppen_geiger", [0, 1, 30], [-1, 1, 30]),
])  # fmt: skip
def test_presets_of_layers_that_stand_beside(tmp_path, id, cells, expected):
    """Products of predictors and strata: the same, from files, so that nothing of a catalogue is filled."""
    from sinks.layers.inputs import build_stack, find_sources, folders_of
    from sinks.layers.layer import Extent, read_member

    preset = presets()[id]
    project = broken.make_project(tmp_path / "p")
    raster = np.resize(np.array(cells), (broken.ROWS, broken.COLUMNS)).astype(preset.word("dtype"))
    broken.write_raster(project.folder / "product.tif", raster)
    strata = {"climate": "product"} if id == "koeppen_geiger" else {}
    product = {"product": {"file": "product.tif", "preset": id}}
    project.config.update({"layers": {**project.config["layers"], **product}} if strata else {"predictors": product})
    project.config["strata"] = strata
    if strata:
        (project.folder / "codes.csv").write_text("code,value\n1,boreal\n30,boreal\n")
        project.config["layers"]["product"]["legend"] = "codes.csv"
    project.save()
    setup = set_up(project.file)
    config = setup.config if strata else setup.config.model_copy(update={"layers": setup.config.predictors, "strata": {}})
    assert config.layers["product"].stac is None
    sources, found = find_sources(config, folders_of(config, project.folder))
    assert found == []
    stack, _ = build_stack(config, sources, setup.grid, {}, {})
    layer = stack.layer("product")
    values, wrong = read_member(layer, layer.members(2020)[0], setup.grid, Extent(0, 0, *raster.shape))
    assert wrong == []
    assert values == pytest.approx(np.resize(np.array(expected), raster.shape), nan_ok=True)


def test_every_preset_is_tried():
    """None without a test of its encoding."""
    assert {*CLASSES, *VALUES, "cci_biomass_sd", "mod17a3hgf_npp", "mcd64a1", "koeppen_geiger"} == set(presets())


# -- what the user gives, and what is told -----------------------------------------------------------------


def project_with(tmp_path, name: str, **keys):
    """The good project whose layer of a name has a preset beside its files."""
    project = broken.good(tmp_path)
    years = {key: value for key, value in project.config["layers"][name].items() if key.isdigit()}
    project.config["layers"][name] = {**years, **keys}
    return project


def test_what_the_user_gives_wins_and_is_told(tmp_path):
    """`basis` and `scale` of the user stand, the preset's are named; files keep the catalogue's keys away."""
    project = project_with(tmp_path, "aboveground_biomass", preset="cci_biomass", basis="carbon", scale=0.5)
    said = project.sinks("check", "--json")
    assert said.code == 0, said.out
    told = {one["id"]: one for one in said.findings}
    assert "basis = carbon" in told["N-PRESET-01"]["found"]
    assert "basis = dry_matter" in told["N-PRESET-01"]["expected"]
    assert "[K:0.85]" in told["W-PRESET-02"]["found"]
    section = set_up(project.file).config.layers["aboveground_biomass"]
    assert (section.basis, section.scale, section.unit, section.stac) == ("carbon", 0.5, "Mg ha-1", None)


def test_unverified_facts_are_printed_by_check_and_kept_by_the_run(tmp_path):
    project = project_with(tmp_path, "land_cover", preset="clcd")
    assert [one["id"] for one in broken.accepted(project, "W-PRESET-02")] == ["W-PRESET-02"]
    broken.ran(project, "W-PRESET-02")


def test_a_preset_that_there_is_not(tmp_path):
    (error,) = broken.refused(project_with(tmp_path, "land_cover", preset="clc", legend="clcd"), "E-PRESET-03")
    assert "esa_worldcover" in error["expected"]


def test_a_preset_of_another_layer(tmp_path):
    broken.refused(project_with(tmp_path, "aboveground_biomass", preset="clcd", unit="t ha-1", basis="carbon"), "E-PRESET-04")


def test_a_file_in_another_type_than_the_product(tmp_path):
    """Floats under a preset of scaled whole numbers: the scale may be in them already. With a scale of the user it is his word."""
    project = project_with(tmp_path, "aboveground_biomass", preset="cci_biomass")
    errors = broken.refused(project, "E-PRESET-05", "E-PRESET-05", "E-PRESET-05")
    assert "float32" in errors[0]["found"]
    assert "uint16" in errors[0]["expected"]


def test_a_year_that_the_product_has_not(tmp_path):
    project = project_with(tmp_path, "aboveground_biomass", preset="cci_biomass", scale=0.999)
    project.config["run"].update(years=[2020, 2023])
    told = {one["id"]: one for one in broken.accepted(project, "N-PRESET-01", "W-PRESET-02", "W-PRESET-06")}
    assert told["W-PRESET-06"]["found"] == "2023"


def test_nonsense_beside_a_preset_is_told_by_the_checks_of_the_configuration():
    """Sections that are none, presets that are no text: left as they are, for the model to refuse."""
    for raw in ({}, {"layers": 3}, {"layers": {"a": 3}}, {"layers": {"a": {"preset": 7}}}):
        assert with_presets(raw, "run.toml") == (raw, [])
    assert with_presets({"run": 7, "layers": {"land_cover": {"preset": "clcd", "file": "x"}}}, "run.toml")[0]["layers"]["land_cover"]["nodata"] == 0


def test_list_presets_shows_every_fact():
    said = broken.sinks("--lang", "en", "list", "presets")
    assert said.code == 0
    assert len([line for line in said.out.splitlines() if line.startswith("    ")]) == len([row for row in rows() if not row["key"].startswith("title_")])
