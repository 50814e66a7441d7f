"""The benchmark suite's own landscapes and peers: the same bytes for a seed, the shape that is claimed, sums that agree."""

from importlib.util import find_spec
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from bench.agreement import SAME, difference_of_maps, difference_of_tables, difference_of_zone_sums, our_zone_sums
from bench.landscape import Cover, Site, described, write
from bench.layout import LABEL, LAYERS, YEARS, ZONES
from bench.measure import Command, Failed, alternating, module, sinks
from bench.outlines import outlines
from bench.report import Row, Target, as_markdown, as_text
from bench.run_files import Run

SITE = Site(width=1100, height=900)


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    write(SITE, folder, threads=2)
    return folder


def test_bytes_do_not_depend_on_the_threads(landscape: Path, tmp_path: Path) -> None:
    write(SITE, tmp_path, threads=1)
    names = sorted(path.name for path in landscape.glob("*.tif"))
    assert names == sorted([*(f"{name}.tif" for name in LAYERS), "zone_ids.tif"])
    assert [name for name in names if (landscape / name).read_bytes() != (tmp_path / name).read_bytes()] == []


def test_a_block_does_not_depend_on_the_blocks_before_it() -> None:
    windows = list(SITE.blocks())
    forward, backward = Cover(SITE), Cover(SITE)
    made = [forward.layers(window, forward.zones(window)) for window in windows]
    again = [backward.layers(window, backward.zones(window)) for window in windows[::-1]][::-1]
    for one, other in zip(made, again, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_another_seed_is_another_landscape() -> None:
    other = Cover(Site(width=SITE.width, height=SITE.height, seed=2))
    window = next(SITE.blocks())
    inside = np.ones((window.height, window.width), dtype=np.uint8)
    assert not np.array_equal(other.layers(window, inside)["land_cover_2020"], Cover(SITE).layers(window, inside)["land_cover_2020"])


def test_zones_are_valid_share_their_lines_and_cover_half_the_box(landscape: Path) -> None:
    zones = geopandas.read_file(landscape / "zones.gpkg")
    shapes = zones.geometry.to_numpy()
    assert len(zones) == ZONES
    assert shapely.is_valid(shapes).all()
    assert (shapely.get_num_coordinates(shapes) > 10_000).all()
    assert shapely.union_all(shapes).area == pytest.approx(shapely.area(shapes).sum(), rel=1e-12)
    whole = described(landscape)
    assert 0.4 < whole["inside"] / whole["cells"] < 0.6


def test_neighbours_have_the_same_vertices() -> None:
    first, second = (set(map(tuple, ring)) for ring in outlines(3).rings[:2])
    assert len(first & second) > 4000


def test_two_per_cent_of_the_land_changes() -> None:
    cover = Cover(Site(width=20_000, height=20_000))
    windows = [window for number, window in enumerate(cover.site.blocks()) if number % 101 == 0]
    changed = [0, 0]
    for window in windows:
        made = cover.layers(window, np.ones((window.height, window.width), dtype=np.uint8))
        before, after = (made[f"land_cover_{year}"] for year in YEARS)
        changed[0] += int((before != after).sum())
        changed[1] += before.size
    assert changed[0] / changed[1] == pytest.approx(0.02, abs=0.005)


def test_biomass_follows_the_class_and_files_are_labelled(landscape: Path) -> None:
    with rasterio.open(landscape / "land_cover_2020.tif") as dataset:
        classes = dataset.read(1)
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.compression.name == "zstd"
    with rasterio.open(landscape / "aboveground_biomass_2020.tif") as dataset:
        assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"] == LABEL
        biomass = dataset.read(1, masked=True) * dataset.scales[0]
    forest, grass = biomass[classes == 2], biomass[classes == 4]
    assert forest.mean() > 10 * grass.mean()
    assert forest.std() > 5
    assert biomass.mask[classes == 5].all()


def test_a_mosaic_has_the_cells_of_the_single_file(tmp_path: Path) -> None:
    sites = [Site(width=1024, height=1024, tile=tile) for tile in (0, 512)]
    for site in sites:
        write(site, tmp_path / site.name)
    with rasterio.open(tmp_path / sites[0].name / "ndvi_2023.tif") as dataset:
        whole = dataset.read(1)
    parts = sorted((tmp_path / sites[1].name).glob("ndvi_2023_*.tif"))
    assert [path.name for path in parts] == [f"ndvi_2023_{row:03d}_{column:03d}.tif" for row in (0, 1) for column in (0, 1)]
    with rasterio.open(parts[3]) as dataset:
        assert np.array_equal(dataset.read(1), whole[512:, 512:])


@pytest.mark.parametrize("peer", ["flox", "naive", "counts"])
def test_tables_of_peers_are_ours(landscape: Path, peer: str) -> None:
    for name in ("xarray", "rioxarray", *(["flox"] if peer == "flox" else [])):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed; make bench installs it")
    run = Run(folder=landscape, name="table", rule="centre").written()
    _measure_both(run, peer)
    assert difference_of_tables(run.out, landscape / f"{peer}.csv") <= SAME


@pytest.mark.parametrize(("peer", "rule"), [("exactextract", "coverage"), ("rasterstats", "centre")])
def test_zone_sums_of_peers_are_ours(landscape: Path, peer: str, rule: str) -> None:
    if find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed; make bench installs it")
    run = Run(folder=landscape, name=f"one-{rule}", layers="two", rule=rule).written()
    _measure_both(run, peer)
    assert difference_of_zone_sums(run.out, landscape / f"{peer}.csv") <= SAME


def test_a_difference_is_seen(landscape: Path, tmp_path: Path) -> None:
    run = Run(folder=landscape, name="one-centre", layers="two", rule="centre").written()
    _tabulated(run)
    wrong = our_zone_sums(run.out)
    wrong.iloc[3] *= 1 + 1e-8
    wrong.to_csv(tmp_path / "wrong.csv")
    assert difference_of_zone_sums(run.out, tmp_path / "wrong.csv") == pytest.approx(1e-8, rel=1e-3)
    wrong.iloc[1:].to_csv(tmp_path / "fewer.csv")
    assert difference_of_zone_sums(run.out, tmp_path / "fewer.csv") == np.inf


def test_maps_are_compared_over_our_cells_per_hectare_or_per_cell(landscape: Path, tmp_path: Path) -> None:
    with rasterio.open(landscape / "climate.tif") as dataset:
        profile = dataset.profile | {"dtype": "float32", "nodata": -1.0}
        cells = np.where(dataset.read(1) > 1, 40.0, -1.0).astype(np.float32)
    for name, values in {"ours": cells, "theirs": np.abs(cells), "per_cell": np.abs(cells) * 0.09, "other": np.abs(cells) * 1.01}.items():
        with rasterio.open(tmp_path / f"{name}.tif", "w", **profile) as dataset:
            dataset.write(values.astype(np.float32), 1)
    apart = {name: difference_of_maps(tmp_path / "ours.tif", tmp_path / f"{name}.tif") for name in ("theirs", "per_cell", "other")}
    assert apart == {"theirs": 0.0, "per_cell": pytest.approx(0.0, abs=1e-6), "other": pytest.approx(0.01, rel=1e-3)}


def _measure_both(run: Run, peer: str) -> None:
    taken = alternating({"theirs": Command((module("peers", peer, run.folder, run.folder / f"{peer}.csv"),))}, 1)["theirs"]
    assert taken.wall_s > taken.inside["wall_s"] > 0
    assert taken.cpu_s > 0
    assert taken.peak_mib > 10
    _tabulated(run)


def _tabulated(run: Run) -> None:
    if not (run.out / "tables").exists():
        alternating({"ours": Command((sinks("tabulate", run.path, "--quiet"),))}, 1)


def test_a_process_tree_is_measured_whole() -> None:
    child = "import time\nend = time.process_time() + 0.4\nblock = bytearray(80_000_000)\nwhile time.process_time() < end: pass\ntime.sleep(0.8)"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}], check=True)\nprint('{{\"cpu_s\": 1.5}}')"
    measured = alternating({"tree": Command(((_python(), "-c", parent),))}, 1)["tree"]
    assert 0.35 < measured.cpu_s < 5
    assert measured.peak_mib > 80
    assert measured.inside == {"cpu_s": 1.5}


def test_a_failing_command_tells_its_last_words() -> None:
    with pytest.raises(Failed, match="no such thing"):
        alternating({"wrong": Command(((_python(), "-c", "raise SystemExit('no such thing')"),))}, 1)


def _python() -> str:
    return sinks()[0]


def test_a_row_says_whether_its_target_is_met() -> None:
    rows = [
        Row(number="2", what="pass", figure=0.8, target=Target(0.7)), Row(number="4", what="peak", figure=1.2, target=Target(1.0, at_most=True)),
        Row(number="1", what="maps", target=Target(20.0), note="skipped"),
    ]  # fmt: skip
    assert [row.cells()[11:13] for row in rows] == [["at least 0.7", "yes"], ["at most 1", "no"], ["at least 20", ""]]
    assert "skipped" in as_text(rows)
    assert as_markdown(rows, {"cores": "2"}).count("\n| ") == 5
