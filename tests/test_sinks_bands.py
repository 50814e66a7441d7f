"""One file with a band for each year, as GLC_FCS30D comes: the same tables as from a file for each year."""

import broken
import numpy as np
import pytest
import rasterio
from catalogues import serving
from clouds import activity_in, activity_of, inputs

from sinks.layers.cloud import web


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WAITS", (0.0,))


def stacked(tmp_path, name="p", **profile) -> broken.Project:
    """The good project with the land cover of its dates as bands 2, 3 and 5 of one file; the others hold nonsense."""
    project = broken.make_project(tmp_path / name)
    codes = {2: broken.land_cover(2017), 3: broken.land_cover(2020), 5: broken.land_cover(2023)}
    bands = np.stack([codes.get(band, np.full((broken.ROWS, broken.COLUMNS), 7, dtype=np.uint8)) for band in range(1, 7)])
    broken.write_raster(project.folder / "all.tif", bands, nodata=0, **profile)
    for path in project.folder.glob("land_*.tif"):
        path.unlink()
    project.config["layers"]["land_cover"] = {
        **{str(year): "all.tif" for year in broken.DATES}, "legend": "clcd", "band": {"2017": 2, "2020": 3, "2023": 5},
    }  # fmt: skip
    return project


@pytest.fixture(scope="module")
def from_files(tmp_path_factory):
    project = broken.make_project(tmp_path_factory.mktemp("files") / "p")
    return activity_of(project, fetched=False)


@pytest.mark.parametrize("interleave", ["band", "pixel"])
def test_bands_by_year(tmp_path, from_files, interleave):
    project = stacked(tmp_path, interleave=interleave)
    assert activity_of(project, fetched=False) == activity_in(from_files)
    assert [row["file"] for row in inputs(project) if row["layer"] == "land_cover"] == ["all.tif#2", "all.tif#3", "all.tif#5"]


def test_bands_are_warped_and_aligned(tmp_path):
    """On another grid, and aligned once: the cells are those of a file for each year."""
    plain, project = broken.make_project(tmp_path / "plain"), stacked(tmp_path)
    for one in (plain, project):
        one.config["grid"] = {"crs": "EPSG:4490", "resolution": 0.007}
        one.config["layers"]["land_cover"]["resampling"] = "mode"
        one.config["layers"]["aboveground_biomass"]["resampling"] = "average"
    expected = activity_of(plain, fetched=False)
    assert activity_of(project, fetched=False) == expected
    aligned = []
    for one in (plain, project):
        assert broken.sinks("align", str(one.file), "--quiet").code == 0
        made = broken.Project(one.folder / "aligned")
        made.raw = (made.folder / "aligned.toml").read_bytes()
        aligned.append(activity_of(made, fetched=False))
    assert aligned[0] == aligned[1]


@pytest.mark.parametrize("interleave", ["band", "pixel"])
def test_bands_of_a_catalogue(tmp_path, from_files, interleave):
    """One item, asked for at every date."""
    project = stacked(tmp_path, interleave=interleave)
    with serving() as server:
        server.add(project.folder / "all.tif", "glc", "2000-01-01T00:00:00Z", "all")
        land = project.config["layers"]["land_cover"]
        times = {str(year): "2000" for year in broken.DATES}
        project.config["layers"]["land_cover"] = {
            "legend": "clcd", "band": land["band"], "stac": server.api, "asset": "data", "datetime": times,
        }  # fmt: skip
        project.config["network"] = {"hosts": [server.host]}
        assert activity_of(project) == activity_in(from_files)


def test_one_band_for_all_years(tmp_path, from_files):
    """`band = 1` of files of one band says nothing new."""
    project = broken.make_project(tmp_path / "p")
    project.config["layers"]["land_cover"]["band"] = 1
    assert activity_of(project, fetched=False) == activity_in(from_files)


@pytest.mark.parametrize(
    ("band", "ids"),
    [
        (None, ["E-RASTER-05"] * 3),
        (7, ["E-RASTER-05"] * 3),
        ({"2017": 2, "2020": 3, "2023": 9}, ["E-RASTER-05"]),
        (3, ["E-YEAR-02"] * 3),
        ({"2017": 2, "2020": 3}, ["E-YEAR-01"]),
        ({"2017": 2, "2020": 2, "2023": 5}, ["E-YEAR-02"]),
    ],
    ids=["unsaid", "beyond", "beyond in a year", "the same in all years", "a year without", "the same in two years"],
)
def test_bands_that_cannot_be(tmp_path, band, ids):
    """Which band is not guessed; the same band at two dates is the same map twice."""
    project = broken.good(tmp_path)
    made = stacked(tmp_path, "made")
    (project.folder / "all.tif").write_bytes((made.folder / "all.tif").read_bytes())
    land = {**made.config["layers"]["land_cover"], "band": band}
    project.config["layers"]["land_cover"] = {key: value for key, value in land.items() if value is not None}
    broken.refused(project, *ids, verb="check")


@pytest.mark.parametrize("band", [0, "x", {"20x0": 1}, {"2017": 0, "2020": 1, "2023": 1}])
def test_numbers_of_bands_that_are_none(tmp_path, band):
    project = broken.good(tmp_path)
    project.config["layers"]["land_cover"]["band"] = band
    said = project.sinks("check", "--json")
    assert said.code == 2
    assert set(said.ids) == {"E-CONF-04"}


def test_a_table_of_bands_needs_years(tmp_path):
    project = broken.good(tmp_path)
    project.config["layers"]["aboveground_biomass"] = {"file": "agb_2020.tif", "unit": "t ha-1", "basis": "carbon", "band": {"2020": 1}}
    broken.refused(project, "E-CONF-04", verb="check")


def test_bands_have_types_and_scales_of_their_own(tmp_path):
    """Scale and offset of the band that is read, not of the first."""
    from sinks.layers.raster import read_header

    path = tmp_path / "a.tif"
    broken.write_raster(path, np.zeros((2, 20, 20), dtype=np.int16))
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (1.0, 0.5), (0.0, 3.0)
    assert [(one.scale, one.offset) for one in (read_header(path, "a", band) for band in (1, 2))] == [(1.0, 0.0), (0.5, 3.0)]
