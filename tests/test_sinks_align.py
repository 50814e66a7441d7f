"""``sinks align``: files on one grid that give the same answer, whoever wrote them, and say where they come from."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas
import laws
import numpy as np
import pytest
import rasterio
from broken import good, sinks
from landscapes import ARBOR, CROPLAND, GRASS, Landscape, Lattice, Tiling, cells, finish, toml, whole_zone, write
from rasterio.transform import Affine
from shapely import box

from aoi.findings import InputError
from sinks import align as preparation
from sinks.align import align
from sinks.errors import Unfinished
from sinks.layers.encoding import decimal_scale, encoding_of
from sinks.layers.layer import Layer, RasterFile
from sinks.layers.windows import Engine
from sinks.provenance import locked
from sinks.setup import set_up
from sinks.toml import toml_text

ROOT = Path(preparation.__file__).resolve().parents[1]
WIDE = Lattice(height=530, width=1100)


def wide(lattice: Lattice = WIDE) -> Landscape:
    """Six tiles of land cover and biomass at two dates; the zones leave the last column of tiles out."""
    drawn = np.random.default_rng(4)
    land = {year: np.kron(drawn.choice([0, CROPLAND, ARBOR, GRASS], size=(53, 110)), np.ones((10, 10), dtype=np.uint8)) for year in (2020, 2023)}
    biomass = {year: np.where(drawn.random(lattice.shape) < 0.1, np.nan, 120.0 * drawn.random(lattice.shape)) for year in land}
    zones = [("Z1", "R", lattice.outline([(3, 4), (1000, 9), (940, 500), (12, 520)]))]
    return Landscape(lattice=lattice, land=land, layers={"aboveground_biomass": biomass}, zones=zones, base_year=False)


def integers(folder: Path, tiling: Tiling = Tiling()) -> Path:
    """The landscape with biomass as 16-bit integers with a scale, an offset and a no-data value of its own."""
    path = write(wide(), folder, tiling)
    for raster in folder.glob("aboveground_biomass_*.tif"):
        with rasterio.open(raster) as old:
            profile, values, name = old.profile, old.read(1), old.tags()["NAME"]
        stored = np.where(values == old.nodata, 65530, np.rint(values / 0.3)).astype("uint16")
        raster.unlink()
        with rasterio.open(raster, "w", **{**profile, "dtype": "uint16", "nodata": 65530}) as new:
            new.scales, new.offsets = (0.3,), (0.1,)
            new.update_tags(NAME=name)
            new.write(stored, 1)
    return path


def aligned(path: Path, folder: Path, engine: Engine | None = None, **options) -> Path:
    """Align a run into a folder; returns the new run file."""
    align(set_up(path, out=folder), engine or Engine(threads=1), **options)
    return folder / preparation.RUN_FILE


def record(folder: Path) -> dict:
    """What was done, by file."""
    return json.loads((folder / preparation.RECORD).read_text(encoding="utf-8"))["files"]


def files(folder: Path) -> dict[str, bytes]:
    """The files of a preparation, without the journal and what is remembered."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".") and path.suffix != ".jsonl"}


def numbers(done) -> dict[str, bytes]:
    """Every table but the list of inputs, which must differ."""
    return {name: content for name, content in done.bytes().items() if name != "inputs.csv"}


# -- the same answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tiling", [Tiling(), Tiling(files=3), Tiling(block=256)], ids=["stripes", "mosaic", "blocks"])
def test_integers_give_the_same_tables_to_the_bit(tmp_path, tiling):
    """Cells, scale and no-data value are kept, so every table has the same bytes."""
    path = integers(tmp_path, tiling)
    run_file = aligned(path, tmp_path / "aligned")
    one = record(tmp_path / "aligned")["aboveground_biomass_2020.tif"]
    assert (one["dtype"], one["nodata"], one["scale"], one["offset"], one["largest_rounding_error"]) == ("uint16", 65530, 0.3, 0.1, 0.0)
    assert one["how"] == ("mosaic" if tiling.files > 1 else "direct")
    assert laws.different_files(numbers(finish(path)), numbers(finish(run_file))) == []


def test_other_values_stay_within_the_stated_rounding(tmp_path):
    """Biomass in double precision becomes 16 bits: half a step of the scale at most, in every cell and in the mean of a zone."""
    path = write(wide(), tmp_path)
    run_file = aligned(path, tmp_path / "aligned")
    one = record(tmp_path / "aligned")["aboveground_biomass_2020.tif"]
    assert (one["dtype"], one["scale"]) == ("uint16", 0.05)
    assert 0 < one["largest_rounding_error"] <= 0.025 * (1 + 1e-9)
    with rasterio.open(tmp_path / "aligned" / "aboveground_biomass_2020.tif") as new, rasterio.open(tmp_path / "aboveground_biomass_2020_0.tif") as old:
        values, stored = old.read(1)[:512, :512], new.read(1)[:512, :512]
    assert ((values == -9999.0) == (stored == 65535)).all()
    known = stored != 65535
    assert np.abs(values[known] - stored[known] * 0.05).max() == pytest.approx(one["largest_rounding_error"], rel=0.01)
    before, after = (finish(each).exact("activity_year").query("layer == 'aboveground_biomass'") for each in (path, run_file))
    by_zone = [each.groupby(["zone", "year"])[["sum", "area_ha"]].sum() for each in (before, after)]
    assert (by_zone[0]["area_ha"] == by_zone[1]["area_ha"]).all()
    means = [each["sum"] / each["area_ha"] for each in by_zone]
    assert (means[0] - means[1]).abs().max() < one["largest_rounding_error"]
    assert (means[0] != means[1]).all()


def test_single_precision_on_request(tmp_path):
    """``--float`` keeps float32 as it is; what is rounded there is told as well."""
    path = write(wide(), tmp_path)
    run_file = aligned(path, tmp_path / "aligned", as_float=True)
    one = record(tmp_path / "aligned")["aboveground_biomass_2020.tif"]
    assert (one["dtype"], one["nodata"], one["scale"]) == ("float32", None, 1.0)
    assert 0 < one["largest_rounding_error"] < 1e-5
    assert record(tmp_path / "aligned")["land_cover_2020.tif"]["dtype"] == "uint8"
    finish(run_file)


# -- the same bytes ------------------------------------------------------------------------------------------


def shifted(folder: Path) -> Path:
    """The landscape with biomass on a grid that is off by a third of a cell and turned into another projection."""
    lattice = WIDE
    path = write(wide(), folder)
    drawn = np.random.default_rng(8).random((700, 1300)).astype("float32") * 100
    for year in (2020, 2023):
        with rasterio.open(
            folder / f"aboveground_biomass_{year}_0.tif", "w", driver="GTiff", dtype="float32", count=1, height=700, width=1300, nodata=-9999.0,
            crs="EPSG:32648", transform=Affine(lattice.cell, 0, 0, 0, -lattice.cell, 0) @ Affine.translation(*_corner(lattice)),
        ) as new:  # fmt: skip
            new.write(drawn + year % 7, 1)
    text = path.read_text(encoding="utf-8").replace('basis = "dry_matter"', 'basis = "dry_matter"\nresampling = "bilinear"')
    path.write_text(text, encoding="utf-8")
    return path


def _corner(lattice: Lattice) -> tuple[float, float]:
    """The upper left corner of the lattice in UTM, in cells, with a margin and a third of a cell."""
    from pyproj import Transformer

    move = Transformer.from_crs("ESRI:102025", "EPSG:32648", always_xy=True)
    left, _, _, top = move.transform_bounds(lattice.left, lattice.top - lattice.height * lattice.cell, lattice.left + lattice.width * lattice.cell, lattice.top)
    return left / lattice.cell - 5.3, -(top / lattice.cell) - 5.3


@pytest.fixture(scope="module")
def warped(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """A run with warped layers, and its aligned files as one thread makes them."""
    folder = tmp_path_factory.mktemp("warped")
    path = shifted(folder)
    aligned(path, folder / "aligned")
    return path, files(folder / "aligned")


@pytest.mark.parametrize("engine", [Engine(threads=2), Engine(threads=1, window_tiles=2), Engine(threads=2, window_tiles=8)], ids=str)
def test_windows_and_threads_change_no_byte(warped, tmp_path, engine):
    path, expected = warped
    folder = path.parent / f"aligned{engine.threads}{engine.window_tiles}"
    aligned(path, folder, engine)
    assert "warped: bilinear" in {one["how"] for one in record(folder).values()}
    assert laws.different_files(expected, files(folder)) == []


@pytest.mark.long
@pytest.mark.enable_socket
@pytest.mark.filterwarnings("ignore")
def test_processes_change_no_byte(warped):
    path, expected = warped
    aligned(path, path.parent / "aligned_by_processes", Engine(workers=2))
    assert laws.different_files(expected, files(path.parent / "aligned_by_processes")) == []


def test_a_warped_run_gives_the_tables_of_its_aligned_files(warped, tmp_path):
    """Within the rounding: the warp itself is the same."""
    path, _ = warped
    tables = [finish(each).exact("activity_year").query("layer == 'aboveground_biomass'") for each in (path, path.parent / "aligned" / "aligned.toml")]
    sums = [each.groupby(["year"])[["sum", "area_ha"]].sum() for each in tables]
    assert sums[0]["area_ha"].to_numpy() == pytest.approx(sums[1]["area_ha"].to_numpy(), rel=1e-12)
    assert (sums[0]["sum"] / sums[0]["area_ha"]).to_numpy() == pytest.approx((sums[1]["sum"] / sums[1]["area_ha"]).to_numpy(), abs=0.025)


# -- what the files are --------------------------------------------------------------------------------------


def test_files_are_sparse_blocks_of_512_and_only_tiles_of_zones_are_read(tmp_path, monkeypatch):
    """The last column of tiles is in no zone: it is not read, and takes no room."""
    path = integers(tmp_path)
    asked = []
    encode = preparation.EncodeTile.__call__
    monkeypatch.setattr(preparation.EncodeTile, "__call__", lambda self, block: (asked.append(block.tile.col), encode(self, block))[1])
    aligned(path, tmp_path / "aligned")
    assert set(asked) == {0, 1}
    with rasterio.open(tmp_path / "aligned" / "land_cover_2020.tif") as dataset:
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.compression.value == "ZSTD"
        assert (dataset.read(1)[:, 1024:] == dataset.nodata).all()
        assert (dataset.height, dataset.width) == (530, 1100)
        offsets = [dataset.tags(ns="TIFF", bidx=1).get(f"BLOCK_OFFSET_{column}_0") for column in range(3)]
    assert offsets[2] is None
    assert record(tmp_path / "aligned")["land_cover_2020.tif"]["cells_written"] < 530 * 1024


def test_sources_stay_in_the_list_of_inputs(tmp_path):
    """A later run names the aligned file and what it was made from, each with its hash."""
    path = integers(tmp_path, Tiling(files=2))
    done = finish(aligned(path, tmp_path / "aligned"))
    before = finish(path).table("inputs").set_index(["file", "layer"])
    rows = done.table("inputs").set_index(["file", "layer"])
    assert set(before.index) < set(rows.index)
    assert (rows.loc[before.index, "sha256"] == before["sha256"]).all()
    assert rows.loc[("land_cover_2020_0_1.tif", "land_cover"), "how"] == "mosaic: land_cover_2020.tif"
    assert rows.loc[("land_cover_2020.tif", "land_cover"), "how"] == "direct"


@pytest.mark.parametrize("tag", ["", "[]", "{", '{"files": 3}', '{"how": "x", "files": [{"file": "a"}]}', "[" * 100_000])
def test_a_tag_that_is_none_of_ours_is_nothing(tmp_path, tag):
    """A raster of somebody else may say anything."""
    path = integers(tmp_path)
    with rasterio.open(tmp_path / "land_cover_2020_0.tif", "r+") as dataset:
        dataset.update_tags(ALIGNED_FROM=tag)
    assert len(finish(path).table("inputs")) == 4


def test_no_place_on_the_machine_stands_in_what_is_written(tmp_path):
    path = write(wide(), tmp_path)
    aligned(path, tmp_path / "aligned")
    for name, content in files(tmp_path / "aligned").items():
        assert str(tmp_path).encode() not in content, name


def test_the_same_file_at_two_dates_is_one_file(tmp_path):
    """Means of years that share some of their files still share them; else they would look like new data."""
    landscape = wide(WIDE)
    greenness = {2020: [np.full(WIDE.shape, 0.2), np.full(WIDE.shape, 0.3)], 2023: [np.full(WIDE.shape, 0.4), np.full(WIDE.shape, 0.5)]}
    path = write(landscape.but(layers={"ndvi": greenness}), tmp_path)
    path.write_text(path.read_text().replace('"ndvi_2023_0.tif"', '"ndvi_2020_1.tif"'))
    run_file = aligned(path, tmp_path / "aligned")
    assert len(record(tmp_path / "aligned")) == 2 + 3
    assert '2023 = ["ndvi_2020_2.tif", "ndvi_2023_2.tif"]' in run_file.read_text()


# -- encodings -----------------------------------------------------------------------------------------------


def file_of(**keys) -> RasterFile:
    """A file of a layer before it is opened."""
    plain = {"path": "a", "label": "a", "height": 1, "width": 1, "offset": (0, 0), "source_crs": "", "nodata": None, "scale": 1.0, "add": 0.0, "sha256": ""}
    return RasterFile(**{**plain, **keys})


@pytest.mark.parametrize(
    ("dtype", "nodata", "missing", "largest", "expected"),
    [
        ("uint8", 0, (), None, ("uint8", 0)), ("uint8", 255, (), None, ("uint8", 255)), ("uint8", None, (0,), 9, ("uint8", 0)),
        ("uint8", None, (), 9, ("uint16", 65535)), ("int8", -128, (), None, ("uint8", 255)), ("uint16", 0, (), None, ("uint16", 0)),
        ("int16", -1, (), None, ("uint16", 65535)), ("uint16", None, (), None, ("int32", -1)), ("float32", None, (), 301, ("uint16", 65535)),
        ("int32", -9999, (), None, ("int32", -1)), ("int32", -9999, (), 150100, ("int32", -1)),
    ],
)  # fmt: skip
def test_classes_take_the_smallest_type_that_holds_them(dtype, nodata, missing, largest, expected):
    layer = Layer(name="land_cover", kind="classes", dates=(), missing_codes=missing)
    found = encoding_of(layer, [file_of(nodata=nodata)], [dtype], largest)
    assert (found.dtype, found.nodata) == expected
    codes = np.array([[-1, 1, 9]], dtype=np.int32)
    assert (found.decoded(found.encoded(codes, "a")) == codes).all()


@pytest.mark.parametrize(
    ("dtype", "nodata", "expected"),
    [("uint8", 255, ("uint8", 255)), ("uint8", None, ("int16", -32768)), ("int16", -3000, ("int16", -3000)), ("int16", None, ("int32", -(2**31))),
     ("uint16", 70000, ("int32", -(2**31))), ("float32", -9999, ("uint16", 65535)), ("int32", 0, ("uint16", 65535))],
)  # fmt: skip
def test_values_keep_small_integers_and_scale_others(dtype, nodata, expected):
    layer = Layer(name="aboveground_biomass", kind="values", dates=(), valid=(0.0, 1500.0))
    found = encoding_of(layer, [file_of(nodata=nodata, scale=0.1)], [dtype])
    assert (found.dtype, found.nodata) == expected
    assert found.scale == (0.05 if dtype in ("float32", "int32") else 0.1)


def test_files_that_disagree_are_scaled_anew():
    layer = Layer(name="ndvi", kind="values", dates=(), valid=(-1.0, 1.0))
    found = encoding_of(layer, [file_of(nodata=0, scale=0.1), file_of(nodata=0, scale=0.01)], ["int16", "int16"])
    assert (found.dtype, found.nodata, found.scale, found.add) == ("int16", -32768, 5e-05, 0.0)


def test_a_range_that_nothing_is_known_of_stays_single():
    assert encoding_of(Layer(name="x", kind="values", dates=()), [file_of()], ["float64"]).dtype == "float32"


@pytest.mark.parametrize(("largest", "steps"), [(1500.0, 65534), (1.0, 32767), (1e-9, 32767), (3.4e8, 65534), (65534.0, 65534), (0.0, 10)])
def test_a_decimal_scale_reaches_the_range_and_no_further(largest, steps):
    scale = decimal_scale(largest, steps)
    assert scale * steps >= largest
    assert largest == 0 or scale * steps < largest * 2.6


def test_a_code_that_does_not_fit(tmp_path):
    """A wide raster with a code that its legend does not know."""
    land = {2020: np.full((4, 6), 2)}
    path = write(Landscape(lattice=Lattice(height=4, width=6), land=land), tmp_path)
    with rasterio.open(tmp_path / "land_cover_2020_0.tif") as old:
        profile = old.profile
    with rasterio.open(tmp_path / "land_cover_2020_0.tif", "w", **{**profile, "dtype": "int32"}) as new:
        new.write(np.full((4, 6), 70_000, dtype="int32"), 1)
    said = sinks("--lang", "en", "align", str(path), "--json")
    assert (said.code, said.ids) == (2, ["E-ALIGN-05"])
    assert "70000" in said.findings[0]["found"]
    assert not list((tmp_path / "aligned").glob("*.tif"))


# -- stopping and going on -----------------------------------------------------------------------------------


def test_finished_files_are_kept_and_others_begun_again(tmp_path, monkeypatch):
    """Stopped while the third file is made: the next call makes the third and fourth, in the bytes of an undisturbed one."""
    path = write(wide(), tmp_path)
    aligned(path, tmp_path / "quiet")
    made = []
    finish_file = preparation.AlignedFile.finish

    def stop(output, tags):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(output)
        finish_file(output, tags)

    with monkeypatch.context() as patched:
        patched.setattr(preparation.AlignedFile, "finish", stop)
        with pytest.raises(KeyboardInterrupt):
            aligned(path, tmp_path / "stopped")
    assert len(list((tmp_path / "stopped").glob("*.tif"))) == 2
    assert not list((tmp_path / "stopped").glob(".*.new"))
    assert not (tmp_path / "stopped" / "aligned.toml").exists()
    counted = []
    monkeypatch.setattr(preparation.AlignedFile, "finish", lambda output, tags: (counted.append(1), finish_file(output, tags))[1])
    aligned(path, tmp_path / "stopped")
    assert len(counted) == 2
    assert laws.different_files(files(tmp_path / "quiet"), files(tmp_path / "stopped")) == []


def test_what_changed_is_made_anew_and_nothing_else(tmp_path, monkeypatch):
    """Other content of a source, or a damaged file: that file alone."""
    path = write(wide(), tmp_path)
    aligned(path, tmp_path / "aligned")
    counted = []
    finish_file = preparation.AlignedFile.finish
    monkeypatch.setattr(preparation.AlignedFile, "finish", lambda output, tags: (counted.append(output), finish_file(output, tags))[1])
    aligned(path, tmp_path / "aligned")
    assert counted == []
    with rasterio.open(tmp_path / "land_cover_2023_0.tif", "r+") as dataset:
        dataset.write(dataset.read(1)[::-1], 1)
    aligned(path, tmp_path / "aligned")
    assert len(counted) == 1
    damaged = tmp_path / "aligned" / "land_cover_2020.tif"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-9] + b"x" * 9)
    aligned(path, tmp_path / "aligned")
    assert len(counted) == 2
    assert damaged.read_bytes() == whole


def test_a_source_that_changes_meanwhile(tmp_path, monkeypatch):
    path = write(wide(), tmp_path)

    def meddle(*arguments, **more):
        preparation_map(*arguments, **more)
        os.utime(tmp_path / "land_cover_2020_0.tif", (1, 1))
        with (tmp_path / "land_cover_2020_0.tif").open("ab") as file:
            file.write(b"x")

    preparation_map = preparation.map_windows
    monkeypatch.setattr(preparation, "map_windows", meddle)
    with pytest.raises(InputError) as caught:
        aligned(path, tmp_path / "aligned")
    assert [one.id for one in caught.value.findings] == ["E-HASH-01"]
    assert not list((tmp_path / "aligned").glob("*.tif"))


def test_a_disk_that_gives_back_something_else(tmp_path, monkeypatch):
    """A block that was lost in silence reads as no data: the check sum tells, and no file gets its name."""
    path = write(wide(), tmp_path)
    create = preparation.AlignedFile._created

    class Losing:
        def __init__(self, dataset):
            self.dataset = dataset

        def __getattr__(self, name):
            return getattr(self.dataset, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.dataset.close()

        def write(self, cells, band, window):
            if window.col_off == 0:
                self.dataset.write(cells, band, window=window)

    monkeypatch.setattr(preparation.AlignedFile, "_created", lambda self, place: Losing(create(self, place)))
    with pytest.raises(Unfinished) as caught:
        aligned(path, tmp_path / "aligned")
    assert [one.id for one in caught.value.findings] == ["E-RUN-03"]
    assert "check sum" in str(caught.value)
    assert not list((tmp_path / "aligned").glob("*.tif"))
    assert not list((tmp_path / "aligned").glob(".*.new"))


def test_an_aligned_file_never_replaces_an_input(tmp_path):
    path = write(wide(), tmp_path)
    os.replace(tmp_path / "land_cover_2020_0.tif", tmp_path / "land_cover_2020.tif")
    path.write_text(path.read_text().replace("land_cover_2020_0.tif", "land_cover_2020.tif"))
    said = sinks("--lang", "en", "align", str(path), "-o", str(tmp_path), "--json")
    assert (said.code, said.ids) == (2, ["E-RUN-07"])


SLOW = """
import sys, time
import sinks.align
encode = sinks.align.EncodeTile.__call__
def slowly(self, block):
    time.sleep(0.1)
    return encode(self, block)
sinks.align.EncodeTile.__call__ = slowly
from sinks.cli import main
main(sys.argv[1:])
"""


def test_a_preparation_that_is_killed_goes_on(tmp_path):
    """kill -9 while the third file is made; what is finished stays to the byte, nothing begun has a name, and the end is the same."""
    path = write(wide(), tmp_path)
    aligned(path, tmp_path / "quiet")
    folder = tmp_path / "aligned"
    process = subprocess.Popen([sys.executable, "-c", SLOW, "align", str(path), "--threads", "1", "--quiet"], cwd=ROOT, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(folder.glob("*.tif"))) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {each.name: each.read_bytes() for each in folder.glob("*.tif")}
    assert 2 <= len(kept) < 4
    expected = files(tmp_path / "quiet")
    assert all(expected[name] == content for name, content in kept.items())
    said = sinks("--lang", "en", "align", str(path))
    assert said.code == 0, said.err
    assert "done: 4 files" in said.out
    assert laws.different_files(expected, files(folder)) == []
    assert not list(folder.glob(".*.new"))


# -- the command ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "内蒙古 碳汇"])
def test_the_command_says_what_it_made(tmp_path, name):
    (tmp_path / name).mkdir()
    project = good(tmp_path / name)
    said = project.sinks("align", lang="en")
    assert said.code == 0
    assert "land_cover_2020.tif: direct, uint8, scale 1, largest rounding error 0" in said.out
    assert "tiles" in said.err
    quiet = project.sinks("align", "--json", lang="en")
    assert quiet.code == 0
    assert quiet.err == ""
    run = sinks("--lang", "en", "run", str(project.folder / "aligned" / "aligned.toml"), "--quiet")
    assert run.code == 0, run.err


def test_a_folder_in_use_is_refused(tmp_path):
    """Two preparations into one folder at once: the second is told so."""
    project = good(tmp_path)
    with locked(project.folder / "aligned"):
        said = project.sinks("align", "--json")
    assert (said.code, said.ids) == (2, ["E-RUN-01"])


def test_layout_is_told_by_check_and_plan(tmp_path, capsys):
    """Whole rows, small blocks and another grid are slow, and `sinks align` mends them; a run itself says nothing of it."""
    lattice = Lattice(height=8, width=2100)
    path = write(Landscape(lattice=lattice, land={2020: cells(lattice, 2, (np.s_[0, :], 1))}, zones=whole_zone(lattice)), tmp_path)
    assert sinks("check", str(path), "--json").ids == ["N-LAYOUT-01"]
    assert "N-LAYOUT-01" in sinks("run", str(path), "--dry-run").err
    lattice = Lattice(height=2100, width=2100)
    path = write(Landscape(lattice=lattice, land={2020: np.full(lattice.shape, 2)}, zones=whole_zone(lattice)), tmp_path / "small", Tiling(block=64))
    (found,) = sinks("--lang", "en", "check", str(path), "--json").findings
    assert (found["id"], "64 x 64" in found["found"], "sinks align" in found["remedy"]) == ("N-LAYOUT-02", True, True)


def test_layers_on_another_grid_are_told(warped):
    path, _ = warped
    assert "N-LAYOUT-03" in sinks("check", str(path), "--json").ids


def test_toml_that_is_written_reads_back():
    import tomllib

    given = {
        "run": {"title": 'a "b" \\ 碳汇', "years": [2020, 2023], "roots": [".."]},
        "layers": {"ndvi": {"2020": ["a.tif"], "files_mean": True, "scale": 0.0001, "valid": [-1.0, 1.0]}, "国": {"file": "x"}},
    }
    assert tomllib.loads(toml_text(given)) == given


# -- real data -----------------------------------------------------------------------------------------------


def written(folder: Path, given: dict) -> Path:
    """The run file of a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.toml").write_text(toml(given), encoding="utf-8")
    return folder / "run.toml"


def test_assaba_with_its_other_type_and_no_data(shared_data, tmp_path):
    """2010 is int8 with -128, 2020 uint8 with 255: both become uint8, and the tables keep every byte."""
    place = shared_data / "assaba_modis"
    given = {
        "run": {"title": "Assaba", "years": [2010, 2020], "roots": [str(place)]},
        "zones": {"file": str(place / "Assaba_Districts_layer.shp"), "code": "ADM3_PCODE", "name": "ADM3_EN", "parent": "ADM2_PCODE"},
        "layers": {"land_cover": {"legend": "mcd12_igbp", "change": "accept", **{str(year): str(place / f"{year}LCT.tif") for year in (2010, 2020)}}},
    }
    path = written(tmp_path, given)
    run_file = aligned(path, tmp_path / "aligned")
    assert {(one["dtype"], one["nodata"]) for one in record(tmp_path / "aligned").values()} == {("uint8", 255)}
    assert laws.different_files(numbers(finish(path)), numbers(finish(run_file))) == []
    assert str(tmp_path) not in run_file.read_text()


def test_corine_that_is_not_aligned(shared_data, tmp_path):
    """2012 is 100.00 m cells where 2006 is 99.99 m: warped once by the declared method, in the bytes of the warp of a run."""
    place = shared_data / "misaligned_corine"
    codes = set()
    for raster in ("ls100_06.tif", "ls100_12.tif"):
        with rasterio.open(place / raster) as dataset:
            codes |= set(np.unique(dataset.read(1)).tolist()) - {dataset.nodata}
            bounds, crs = dataset.bounds, dataset.crs.to_wkt()
    (tmp_path / "corine.csv").write_text("code,land_class\n" + "".join(f"{int(code)},cropland\n" for code in sorted(codes)), encoding="utf-8")
    inner = box(bounds.left + 500, bounds.bottom + 500, bounds.right - 500, bounds.top - 500)
    geopandas.GeoDataFrame({"code": ["Z1"]}, geometry=[inner], crs=crs).to_file(tmp_path / "zone.gpkg", engine="pyogrio")
    land = {"2006": str(place / "ls100_06.tif"), "2012": str(place / "ls100_12.tif"), "legend": "corine.csv", "resampling": "nearest"}
    given = {
        "run": {"title": "CORINE", "years": [2006, 2012], "roots": [str(place)]}, "zones": {"file": "zone.gpkg", "code": "code", "name": "code"},
        "limits": {"missing_fraction": 1.0}, "layers": {"land_cover": land},
    }  # fmt: skip
    path = written(tmp_path, given)
    run_file = aligned(path, tmp_path / "aligned")
    assert [one["how"] for one in record(tmp_path / "aligned").values()] == ["direct", "warped: nearest"]
    assert laws.different_files(numbers(finish(path)), numbers(finish(run_file))) == []


def test_rasters_of_inner_mongolia_on_a_mislabelled_sphere(shared_data, tmp_path):
    """Greenness, labelled with another ellipsoid, onto the grid of the land cover: the declared CRS and the warp are settled once."""
    place = shared_data / "inner_mongolia_rasters"
    land = {"2020": str(place / "MCD12C1_2019_IGBP_IM.tif"), "legend": "mcd12_igbp"}
    greenness = {
        "file": str(place / "NDVI_maximum_IM.tif"), "crs": "EPSG:4326", "resampling": "average", "nodata": math.nan, "valid": [-0.2, 1.0],
    }  # fmt: skip
    given = {
        "run": {"title": "IM", "years": [2020], "roots": [str(place)]}, "zones": {"builtin": "leagues"}, "limits": {"missing_fraction": 1.0},
        "layers": {"land_cover": land, "ndvi": greenness},
    }  # fmt: skip
    path = written(tmp_path, given)
    run_file = aligned(path, tmp_path / "aligned")
    one = record(tmp_path / "aligned")["ndvi.tif"]
    assert (one["how"], one["dtype"], one["scale"]) == ("warped: average", "int16", 5e-05)
    before, after = finish(path), finish(run_file)
    assert (before.out / "tables" / "land_use.csv").read_bytes() == (after.out / "tables" / "land_use.csv").read_bytes()
    sums = [each.exact("activity_year").query("layer == 'ndvi'").groupby("zone")[["sum", "area_ha"]].sum() for each in (before, after)]
    assert ((sums[0]["sum"] - sums[1]["sum"]).abs() <= one["largest_rounding_error"] * sums[0]["area_ha"] + 1e-9).all()
    assert sums[0]["area_ha"].to_numpy() == pytest.approx(sums[1]["area_ha"].to_numpy(), rel=1e-12)
