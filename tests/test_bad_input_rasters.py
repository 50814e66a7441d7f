"""Bad rasters: cut off, in disguise, elsewhere, in another unit, with holes and values that nobody declared."""

import re
import shutil
import struct

import numpy as np
import pytest
from broken import CELL, COLUMNS, NORTH, ROWS, WEST, accepted, good, land_cover, ran, refused, sinks_process, tells_nothing, write_raster

from sinks.layers.raster import RasterioIOError, dataset_of, rasterio

Affine = rasterio.Affine


@pytest.fixture
def project(tmp_path):
    return good(tmp_path)


def agb(project):
    """The biomass section of the configuration."""
    return project.config["layers"]["aboveground_biomass"]


def every_agb(project, change, **profile):
    """Change the biomass of every date."""
    for year in (2017, 2020, 2023):
        project.values(f"agb_{year}.tif", change, **profile)


def test_a_file_that_is_missing(project):
    (project.folder / "agb_2020.tif").unlink()
    (found,) = refused(project, "E-FILE-01")
    assert found["where"] == "agb_2020.tif"


def test_a_pattern_that_fits_nothing(project):
    project.config["layers"]["land_cover"]["2020"] = ["tiles/*.tif"]
    (found,) = refused(project, "E-FILE-01")
    assert "tiles/*.tif" in found["where"]


def test_a_file_that_cannot_be_read(project):
    (project.folder / "agb_2020.tif").unlink()
    (project.folder / "agb_2020.tif").mkdir()
    refused(project, "E-FILE-02")


@pytest.mark.parametrize("left", [0, 1, 3, 4, 8, 12])
def test_a_head_that_is_cut_off(project, left):
    path = project.folder / "agb_2020.tif"
    path.write_bytes(path.read_bytes()[:left])
    (found,) = refused(project, "E-RASTER-01" if left < 4 else "E-RASTER-02")
    assert found["where"] == "agb_2020.tif"


@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("deep", [False, True])
def test_a_raster_that_is_cut_off(project, share, deep):
    path = project.folder / "agb_2020.tif"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    (found,) = refused(project, "E-RASTER-03", verb="check" if deep else "run", options=("--deep",) if deep else ())
    assert found["where"] == "agb_2020.tif"


def test_cut_off_rasters_say_nothing_else_in_a_process_of_their_own(project):
    """GDAL and Python have ways of their own to speak: none of them is heard."""
    for year in (2020, 2023):
        path = project.folder / f"agb_{year}.tif"
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.5)])
    project.save()
    said = sinks_process("--lang", "en", "run", str(project.file))
    assert said.code == 2
    tells_nothing(said.out + said.err, project.folder)
    assert [line.split()[0] for line in said.err.splitlines() if not line.startswith("check:")] == ["E-RASTER-03"] * 2


def test_no_crs_is_never_guessed(project):
    project.values("agb_2020.tif", lambda cells: cells, crs=None)
    (found,) = refused(project, "E-CRS-02")
    assert (found["where"], "EPSG:4490" in found["remedy"]) == ("agb_2020.tif", True)
    agb(project)["crs"] = "EPSG:4490"
    accepted(project)


def test_a_crs_that_the_configuration_replaces_is_told(project):
    every_agb(project, lambda cells: cells, crs="EPSG:4326")
    agb(project)["crs"] = "EPSG:4490"
    accepted(project, *["N-CRS-03"] * 3)


def test_degrees_that_are_labelled_metres(project):
    for name in ("land_2017.tif", "land_2020.tif", "land_2023.tif"):
        project.values(name, lambda cells: cells, crs="EPSG:32649")
    agb(project)["resampling"] = "bilinear"
    (found,) = refused(project, "E-AREA-01")
    assert "100" in found["found"]


def test_metres_that_are_labelled_degrees(project):
    metres = Affine(900, 0, 420_000, 0, -1000, 4_870_000)
    project.values("land_2020.tif", lambda cells: cells, transform=metres)
    (found,) = refused(project, "E-GRID-05")
    assert found["where"] == "land_2020.tif"


def test_rows_from_the_south(project):
    project.values("land_2020.tif", lambda cells: cells[::-1], transform=Affine(CELL, 0, WEST, 0, CELL, NORTH - ROWS * CELL))
    (found,) = refused(project, "E-GRID-01")
    assert found["where"] == "land_2020.tif"


def test_a_grid_that_is_turned(project):
    project.values("land_2020.tif", lambda cells: cells, transform=Affine(CELL, 0.001, WEST, 0.001, -CELL, NORTH))
    refused(project, "E-GRID-01")


def test_a_raster_without_a_place(project):
    project.values("agb_2020.tif", lambda cells: cells, transform=None, crs=None)
    refused(project, "E-RASTER-06")


def test_nominal_areas_need_a_projected_grid(project):
    project.config["grid"] = {"cell_area": "nominal"}
    refused(project, "E-GRID-02")


@pytest.mark.parametrize("bands", [2, 3, 600])
def test_several_bands(project, bands):
    cells = np.repeat(land_cover(2020)[np.newaxis, :16, :16], bands, axis=0)
    write_raster(project.folder / "land_2020.tif", cells, nodata=0, interleave="pixel")
    (found,) = refused(project, "E-RASTER-05" if bands < 512 else "E-RASTER-04")
    assert f"{bands}" in found["found"]


def test_complex_numbers(project):
    write_raster(project.folder / "agb_2020.tif", np.ones((ROWS, COLUMNS), dtype=np.complex64))
    (found,) = refused(project, "E-RASTER-05")
    assert "complex64" in found["found"]


def test_a_scale_of_nothing(project):
    write_raster(project.folder / "agb_2020.tif", np.ones((ROWS, COLUMNS), dtype=np.float32), scales=(float("nan"),))
    refused(project, "E-RASTER-07")


def tiff_of(width, height):
    """A TIFF head of a few bytes that claims any size; no block is there."""
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1),
        (278, 4, 1, height), (279, 4, 1, 10),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)


@pytest.mark.parametrize("width", [10**9, 4_000_001, 2**31 - 1])
def test_a_tiny_file_that_claims_to_be_huge(project, width):
    (project.folder / "land_2020.tif").write_bytes(tiff_of(width, 10**9))
    found = refused(project, *project.sinks("check", "--json").ids)
    assert found[0]["id"] in ("E-RASTER-04", "E-RASTER-02", "E-RASTER-06")
    assert found[0]["where"] == "land_2020.tif"


def test_a_size_is_looked_at_before_anything_else(project, monkeypatch):
    monkeypatch.setattr("sinks.layers.raster.MOST_CELLS_A_SIDE", 70)
    for one in refused(project, *["E-RASTER-04"] * 6):
        assert "80" in one["found"]


UNITS = [
    ("carbon", 1.0, "W-UNIT-05", "2"),
    ("carbon", 44 / 12 * 0.47, "E-UNIT-04", "3.667"),
    ("co2", 0.47, "W-UNIT-05", "0.2727"),
    ("dry_matter", 10.0, "E-UNIT-04", "10"),
    ("dry_matter", 0.1, "E-UNIT-04", "0.1"),
    ("dry_matter", 0.01, "E-UNIT-04", "0.01"),
    ("dry_matter", 0.001, "E-UNIT-04", "0.001"),
]


@pytest.mark.parametrize(("basis", "factor", "id", "named"), UNITS, ids=[f"{basis} x {factor:.4g}" for basis, factor, _, _ in UNITS])
def test_values_that_betray_another_unit(project, basis, factor, id, named):
    """Dry matter of a forest, about 75 t ha-1, written or declared in another way; the factor is named."""
    every_agb(project, lambda cells: cells * np.float32(factor))
    agb(project)["basis"] = basis
    (found,) = accepted(project, id) if id.startswith("W") else refused(project, id)
    assert re.search(rf"(?<![\d.]){re.escape(named)}(?![\d.])", found["remedy"])
    assert "aboveground_biomass" in found["where"]


@pytest.mark.parametrize("factor", [100, 1000])
def test_values_beyond_anything_that_grows(project, factor):
    """Grams per square metre or kilograms declared as tonnes: outside what is possible, and the mean names the factor."""
    every_agb(project, lambda cells: cells * factor)
    found = refused(project, *["E-VALUE-03"] * 3, "E-UNIT-04")
    assert f" {factor} " in next(one["remedy"] for one in found if one["id"] == "E-UNIT-04")
    assert {one["where"] for one in found if one["id"] == "E-VALUE-03"} == {f"agb_{year}.tif" for year in (2017, 2020, 2023)}


def test_a_unit_may_be_another_when_the_range_is_declared(project):
    every_agb(project, lambda cells: cells * 10)
    agb(project)["valid"] = [0, 1500]
    (found,) = accepted(project, "W-UNIT-05")
    assert "10" in found["remedy"]


def test_an_index_stored_as_whole_numbers_without_its_scale(project):
    for year in (2017, 2020, 2023):
        write_raster(project.folder / f"ndvi_{year}.tif", land_cover(year).astype(np.int16) * 1000 + 500)
    project.config["layers"]["ndvi"] = {str(year): f"ndvi_{year}.tif" for year in (2017, 2020, 2023)}
    for found in refused(project, *["E-VALUE-03"] * 3):
        assert "10000" in found["remedy"]
        assert "scale" in found["remedy"]
    project.config["layers"]["ndvi"]["scale"] = 1e-4
    accepted(project)


@pytest.mark.parametrize("value", [-9999, 65535, -3.4028234663852886e38])
def test_no_data_that_is_not_declared_is_named(project, value):
    def holes(cells):
        cells[3, 4] = value
        cells[40:, 5:9] = value
        return cells

    every_agb(project, holes)
    for found in refused(project, *["E-VALUE-02"] * 3):
        assert f"nodata = {value:g}" in found["remedy"]
        assert "3" in found["found"]
        assert "4" in found["found"]
    agb(project)["nodata"] = value
    accepted(project)


def test_no_data_that_fills_most_of_a_map_is_still_no_data(project):
    every_agb(project, lambda cells: np.where(np.arange(COLUMNS) < 60, np.float32(-9999), cells))
    for found in refused(project, *["E-VALUE-02"] * 3):
        assert "nodata = -9999" in found["remedy"]


def test_the_wrong_no_data_is_declared(project):
    """-9999 is in the cells, -999 in the head: what is not declared stays a value, and an impossible one."""
    every_agb(project, lambda cells: np.where(cells > 88, np.float32(-9999), cells), nodata=-999)
    refused(project, *["E-VALUE-02"] * 3)


@pytest.mark.parametrize("value", [-9999, 256, 0.5, float("nan")])
def test_a_no_data_value_that_no_cell_can_hold(project, value):
    project.config["layers"]["land_cover"]["nodata"] = value
    for found in refused(project, *["E-NODATA-01"] * 3):
        assert "uint8" in found["found"]


def test_a_fill_value_of_classes_is_an_unknown_class_with_its_area(project):
    def holes(cells):
        cells[20:22, 30:40] = 255
        return cells

    project.values("land_2020.tif", holes)
    (found,) = refused(project, "E-CLASS-01")
    assert found["where"] == "layers.land_cover.2020"
    assert "255: 1788.59 ha" in found["found"]
    project.config["layers"]["land_cover"]["nodata"] = 255
    accepted(project)


def test_classes_that_are_no_whole_numbers(project):
    project.values("land_2020.tif", lambda cells: np.where(cells == 4, 3.5, cells).astype(np.float32))
    project.values("land_2023.tif", lambda cells: np.where(cells == 4, 2**33, cells.astype(np.int64)), nodata=None)
    for found in refused(project, "E-CLASS-02", "E-CLASS-02"):
        assert found["where"] in ("land_2020.tif", "land_2023.tif")
        assert "30" in found["found"]


def test_nan_is_missing_and_counted(project):
    every_agb(project, lambda cells: np.where(np.arange(COLUMNS) % 10 == 0, np.nan, cells).astype(np.float32))
    ran(project)
    rows = (project.out / "tables" / "stocks.csv").read_text(encoding="utf-8").splitlines()
    head = rows[0].split(",")
    missing = [float(row.split(",")[head.index("missing_ha")] or 0) for row in rows[1:] if ",aboveground_biomass," in row]
    assert sum(missing) > 0


def test_infinity_is_an_error_with_its_cell(project):
    def burst(cells):
        cells[17, 23] = np.inf
        cells[40, 2] = -np.inf
        return cells

    project.values("agb_2020.tif", burst)
    (found,) = refused(project, "E-VALUE-01")
    assert found["where"] == "agb_2020.tif"
    assert "17" in found["found"]
    assert "23" in found["found"]
    agb(project)["valid"] = [0, 1500]
    accepted(project)


def test_a_zone_without_any_data(project):
    every_agb(project, lambda cells: np.where(np.arange(COLUMNS) < 26, np.nan, cells).astype(np.float32))
    found = refused(project, *["E-MISSING-01"] * 3)
    assert {one["where"] for one in found} == {f"layers.aboveground_biomass.{year}: west" for year in (2017, 2020, 2023)}
    assert all(one["found"] == "100.0%" for one in found)


def test_land_cover_without_any_data_in_a_zone(project):
    project.values("land_2020.tif", lambda cells: np.where(np.arange(COLUMNS) > 52, 0, cells).astype(np.uint8))
    (found,) = refused(project, "E-MISSING-01")
    assert found["where"] == "layers.land_cover.2020: east"


def test_a_limit_on_missing_data_holds_for_results_that_are_there(project):
    """Stricter limits and other legends are asked of the tables of the last run, too."""
    every_agb(project, lambda cells: np.where(np.arange(COLUMNS) % 10 == 0, np.nan, cells).astype(np.float32))
    ran(project)
    project.config["limits"] = {"missing_fraction": 0.05}
    refused(project, *["E-MISSING-01"] * 3)


def test_a_legend_that_is_changed_later_is_held_against_the_classes(project):
    (project.folder / "mine.csv").write_text("code,land_class\n2,arbor_forest\n4,other_grassland\n9,marsh\n", encoding="utf-8")
    project.config["layers"]["land_cover"]["legend"] = "mine.csv"
    found = refused(project, *["E-CLASS-01"] * 3)
    assert all(one["found"].startswith("1: ") for one in found)


def test_standard_errors_have_a_range(project):
    for year in (2017, 2020, 2023):
        write_raster(project.folder / f"se_{year}.tif", np.where(land_cover(year) == 1, -9999, year / 400).astype(np.float32))
    project.config["layers"]["agb_se"] = {str(year): f"se_{year}.tif" for year in (2017, 2020, 2023)}
    agb(project)["se"] = "agb_se"
    for found in refused(project, *["E-VALUE-02"] * 3):
        assert "nodata = -9999" in found["remedy"]


def test_a_stratum_code_without_a_name(project):
    codes = np.where(land_cover(2017) == 4, 7, 1).astype(np.uint8)
    write_raster(project.folder / "climate.tif", codes)
    (project.folder / "climate.csv").write_text("code,value\n1,cool_temperate_dry\n", encoding="utf-8")
    project.config["layers"]["climate"] = {"file": "climate.tif", "legend": "climate.csv"}
    project.config["strata"] = {"climate": "climate"}
    (found,) = refused(project, "E-STRATA-03")
    assert found["where"] == "layers.climate"
    assert found["found"].startswith("7: ")


def test_stratum_layers_without_names_or_with_others(project):
    write_raster(project.folder / "climate.tif", land_cover(2017))
    project.config["layers"]["climate"] = {"file": "climate.tif"}
    project.config["strata"] = {"climate": "climate"}
    refused(project, "E-STRATA-01")
    (project.folder / "climate.csv").write_text("code,value\n1,tropical\n", encoding="utf-8")
    project.config["layers"]["climate"]["legend"] = "climate.csv"
    refused(project, "E-STRATA-02")


def test_a_handle_that_is_kept_open_follows_its_file(project):
    """A worker of a cluster lives longer than a run: what it holds open may be another file by then."""
    path = project.folder / "agb_2020.tif"
    before = dataset_of(str(path)).read(1)
    project.values("agb_2020.tif", lambda cells: cells * 2)
    assert np.array_equal(dataset_of(str(path)).read(1), before * 2)
    path.unlink()
    with pytest.raises(RasterioIOError, match=r"^agb_2020.tif"):
        dataset_of(str(path))


def test_one_file_for_two_years(project):
    agb(project)["2023"] = "./agb_2020.tif"
    (found,) = refused(project, "E-YEAR-02")
    assert "2020, 2023" in found["found"]


def test_one_content_under_two_names(project):
    shutil.copy(project.folder / "land_2020.tif", project.folder / "land_2023.tif")
    (found,) = refused(project, "E-YEAR-02")
    assert "land_2020.tif = land_2023.tif" in found["found"]
    refused(project, "E-YEAR-02", verb="check", options=("--deep",))


def halves(project, year, name="land"):
    """A map as two files side by side."""
    with rasterio.open(project.folder / f"{name}_{year}.tif") as file:
        cells = file.read(1)
    for part, columns in (("west", slice(0, 40)), ("east", slice(40, COLUMNS))):
        move = Affine(CELL, 0, WEST + columns.start * CELL, 0, -CELL, NORTH)
        write_raster(project.folder / f"{name}_{year}_{part}.tif", cells[:, columns], transform=move, nodata=0)
    return [f"{name}_{year}_west.tif", f"{name}_{year}_east.tif"]


def test_tiles_that_two_years_share_are_told(project):
    land = project.config["layers"]["land_cover"]
    for year in (2017, 2020, 2023):
        land[str(year)] = halves(project, year)
    shutil.copy(project.folder / "land_2020_east.tif", project.folder / "land_2023_east.tif")
    found = project.sinks("check", "--deep", "--json").findings
    assert {one["id"] for one in found} == {"W-YEAR-03"}
    assert any("2020, 2023：land_2020_east.tif = land_2023_east.tif" in one["found"] for one in found)
    shutil.copy(project.folder / "land_2020_west.tif", project.folder / "land_2023_west.tif")
    (found,) = refused(project, "E-YEAR-02")
    assert "land_2020_west.tif = land_2023_west.tif, land_2020_east.tif = land_2023_east.tif" in found["found"]
    land["2023"] = [land["2020"][0], "land_2023_east.tif"]
    (found,) = refused(project, "E-YEAR-02")
    assert "land_2020_west.tif" in found["found"]


def test_years_that_are_means_may_share_files_but_not_all(project):
    agb(project).update({"files_mean": True, "2020": ["agb_2017.tif", "agb_2020.tif"], "2023": ["agb_2020.tif", "agb_2023.tif"]})
    accepted(project)
    agb(project)["2023"] = ["agb_2020.tif", "agb_2017.tif"]
    refused(project, "E-YEAR-02")


def test_files_of_a_mosaic_share_a_lattice(project):
    land = project.config["layers"]["land_cover"]
    for year in (2017, 2020, 2023):
        land[str(year)] = halves(project, year)
    project.values("land_2020_east.tif", lambda cells: cells, transform=Affine(CELL, 0, WEST + 40.3 * CELL, 0, -CELL, NORTH))
    (found,) = refused(project, "E-ALIGN-01")
    assert found["where"] == "land_2020_east.tif"


def test_versions_of_a_product_are_not_differenced(project):
    project.config["run"].update({"years": [2020, 2021]})
    del project.config["run"]["base_year"]
    codes = {1: 40, 2: 10, 4: 30, 9: 90}
    for year, old in ((2020, 2020), (2021, 2023)):
        write_raster(project.folder / f"world_{year}.tif", np.vectorize(codes.get)(land_cover(old)).astype(np.uint8), nodata=0)
        shutil.copy(project.folder / f"agb_{old}.tif", project.folder / f"carbon_{year}.tif")
    project.config["layers"]["land_cover"] = {"2020": "world_2020.tif", "2021": "world_2021.tif", "legend": "esa_worldcover"}
    agb(project).update({"2020": "carbon_2020.tif", "2021": "carbon_2021.tif"})
    (found,) = refused(project, "E-LEGEND-13")
    assert "v100 / v200" in found["found"]
    project.config["layers"]["land_cover"]["change"] = "accept"
    refused(project, "E-LEGEND-13")
    project.config["layers"]["land_cover"]["change"] = "stocks_only"
    ran(project)
    rows = (project.out / "tables" / "summary.csv").read_text(encoding="utf-8").splitlines()
    head = rows[0].split(",")
    cells = [dict(zip(head, row.split(","), strict=False)) for row in rows[1:]]
    stocks = [row for row in cells if row["quantity"] == "stock_tC" and row["ecosystem"] == "forest" and row["zone"] == "west"]
    removals = [row for row in cells if row["quantity"] != "stock_tC"]
    assert stocks
    assert all(row["value_flag"] == "V" for row in stocks)
    assert removals
    assert all((row["value_flag"], row["value"]) == ("NE", "") for row in removals)


def test_maps_that_are_not_made_for_change(project):
    codes = {1: 12, 2: 5, 4: 10, 9: 11}
    for year in (2017, 2020, 2023):
        write_raster(project.folder / f"land_{year}.tif", np.vectorize(codes.get)(land_cover(year)).astype(np.uint8), nodata=255)
    land = project.config["layers"]["land_cover"]
    land["legend"] = "mcd12_igbp"
    refused(project, "E-LEGEND-14", "E-LEGEND-14")
    land["change"] = "accept"
    accepted(project, "W-LEGEND-14", "W-LEGEND-14")


def test_a_year_that_the_product_has_not(project):
    project.config["run"]["years"] = [2020, 2199]
    project.config["layers"]["land_cover"]["2199"] = project.config["layers"]["land_cover"].pop("2023")
    agb(project)["2199"] = "agb_2023.tif"
    (found,) = refused(project, "E-LEGEND-02")
    assert "2199" in found["found"]


def test_a_grid_that_is_almost_aligned(project):
    """Never shifted in silence: refused with the shift, or resampled as declared, with a warning."""
    project.values("agb_2020.tif", lambda cells: cells, transform=Affine(CELL, 0, WEST + 0.4 * CELL, 0, -CELL, NORTH))
    (found,) = refused(project, "E-ALIGN-01")
    assert "+0.400" in found["found"]
    agb(project)["resampling"] = "bilinear"
    (found,) = accepted(project, "W-ALIGN-01")
    assert "0.400" in found["found"]


def test_a_real_pair_that_is_almost_aligned(project, shared_data):
    """CORINE 2006 and 2012 of one country, off by a part of a cell: as they are given to people."""
    project.config["run"] = {"title": "x", "years": [2006, 2012], "output": "out", "roots": [str(shared_data)]}
    folder = shared_data / "misaligned_corine"
    land = {"2006": str(folder / "ls100_06.tif"), "2012": str(folder / "ls100_12.tif"), "legend": "corine.csv"}
    (project.folder / "corine.csv").write_text("code,land_class\n" + "".join(f"{code},other_land\n" for code in range(255)))
    project.config["layers"] = {"land_cover": land}
    with rasterio.open(folder / "ls100_06.tif") as file:
        box = file.bounds
    project.zones_of(box, "EPSG:2056")
    (found,) = refused(project, "E-ALIGN-01")
    assert found["where"] == "roots[0]/misaligned_corine/ls100_12.tif"
    land["resampling"] = "nearest"
    assert "W-ALIGN-01" in project.sinks("check", "--json").ids


def test_another_resolution(project):
    project.values("agb_2020.tif", lambda cells: cells[::2, ::2], transform=Affine(2 * CELL, 0, WEST, 0, -2 * CELL, NORTH))
    (found,) = refused(project, "E-ALIGN-03")
    assert "0.02 x 0.02" in found["found"]
    agb(project)["resampling"] = "bilinear"
    accepted(project)


def test_another_crs(project):
    project.values("agb_2020.tif", lambda cells: cells, crs="EPSG:32649", transform=Affine(900, 0, 420_000, 0, -1100, 4_873_000))
    (found,) = refused(project, "E-ALIGN-02")
    assert "UTM" in found["found"]


def test_a_resampling_that_does_not_fit(project):
    project.config["layers"]["land_cover"]["resampling"] = "bilinear"
    agb(project)["resampling"] = "mode"
    found = refused(project, "E-ALIGN-04", "E-ALIGN-04")
    assert {one["where"] for one in found} == {"layers.land_cover.resampling", "layers.aboveground_biomass.resampling"}


def test_a_grid_like_nothing(project):
    project.config["grid"] = {"like": "elsewhere.tif"}
    refused(project, "E-FILE-01")


def test_all_that_is_wrong_with_pixels_comes_at_once(project):
    """Each layer and date of a block has its say, and the classes are looked at although the biomass is not usable."""
    path = project.folder / "agb_2017.tif"
    path.write_bytes(path.read_bytes()[:-3000])
    project.values("agb_2020.tif", lambda cells: np.where(cells > 88, np.inf, cells).astype(np.float32))
    project.values("agb_2023.tif", lambda cells: np.where(cells > 88, -9999, cells).astype(np.float32))
    project.values("land_2023.tif", lambda cells: np.where(cells == 9, 77, cells).astype(np.uint8))
    project.values("land_2017.tif", lambda cells: np.where(np.arange(COLUMNS) > 52, 0, cells).astype(np.uint8))
    shutil.copy(project.folder / "land_2017.tif", project.folder / "land_2020.tif")
    refused(project, "E-RASTER-03", "E-VALUE-01", "E-VALUE-02", "E-CLASS-01", "E-MISSING-01", "E-MISSING-01", "E-YEAR-02")
