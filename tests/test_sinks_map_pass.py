"""Maps made in the pass: looked-up cells are those of the equations, files are whole, valid, and the same however they were made."""

import errno
import json

import numpy as np
import pytest
import rasterio
from landscapes import ARBOR, GRASS, Landscape, Lattice, Mosaic, cells, map_function, random_landscape, write

from aoi.findings import InputError
from sinks import pipeline
from sinks.errors import Unfinished
from sinks.layers.windows import Engine, map_windows
from sinks.report import cells as look_up
from sinks.report import cog
from sinks.report.cells import Seen
from sinks.report.land import Land
from sinks.report.maps import NO_VALUE
from sinks.setup import set_up

LATTICE = Lattice(height=30, width=34)
REQUESTS = [
    (None, None, 2023, False), (None, None, 2017, False), ("aboveground_biomass", None, 2023, True), (None, None, 2023, True),
    (None, "grassland", 2020, True), ("soil_organic_carbon", None, 2023, False),
]  # fmt: skip


def in_whole_numbers(folder):
    """The value rasters of a folder as 16-bit whole numbers with a scale."""
    for path in folder.glob("*.tif"):
        with rasterio.open(path) as dataset:
            profile, values = dataset.profile, dataset.read(1, masked=True)
        if values.dtype.kind == "f":
            scale = 0.0001 if "ndvi" in path.name else 0.1
            profile.update(dtype="int16", nodata=NO_VALUE)
            with rasterio.open(path, "w", **profile) as dataset:
                dataset.write(np.where(values.mask | np.isnan(values.data), NO_VALUE, np.rint(np.nan_to_num(values.data) / scale)).astype("int16"), 1)
                dataset.scales = (scale,)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A random landscape whose rasters are whole numbers: its setup."""
    path = write(random_landscape(3, lattice=LATTICE), tmp_path_factory.mktemp("whole"))
    in_whole_numbers(path.parent)
    return set_up(path)


def both_ways(setup, request):
    """The cells of a map looked up, and computed one by one."""
    function = map_function(setup, *request)
    found = []

    def compare(block):
        seen = Seen(block, setup.plan)
        land = Land(block.arrays, seen.cells, function.carbon.knowledge)
        slow = np.full(len(seen.marked), np.nan)
        slow[seen.cells] = land.change() if request[3] else land.stock()
        found.append((function.carbon(seen), slow))
        return np.zeros((block.tile.height, block.tile.width))

    map_windows(setup.stack, setup.coverage(), compare, Mosaic((setup.grid.height, setup.grid.width)), engine=Engine(threads=1), closely=False)
    return found, function.carbon


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_looked_up_cells_are_those_of_the_equations(whole, request_, monkeypatch):
    """To rounding, cell by cell: strata, conversions, three dates, holes, files that are averaged."""
    monkeypatch.setattr(look_up, "FEW_CELLS", 0)
    found, carbon = both_ways(whole, request_)
    for fast, slow in found:
        assert np.array_equal(np.isnan(fast), np.isnan(slow))
        np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-10)
        assert np.isfinite(fast).sum() > 100
    assert (carbon._state == look_up.gather.LOOKED_UP).sum() > 20


def test_what_is_no_sum_of_parts_is_computed_by_itself(whole, monkeypatch):
    """An equation that mixes two layers is noticed when a kind is first met, and cells are right all the same."""
    plain = Land.stock

    def mixed(land):
        product = [np.nan_to_num(land._array(layer, 2023)[0]) for layer in ("aboveground_biomass", "ndvi")]
        return plain(land) + product[0] * product[1]

    monkeypatch.setattr(Land, "stock", mixed)
    monkeypatch.setattr(look_up, "FEW_CELLS", 0)
    found, carbon = both_ways(whole, (None, None, 2023, False))
    assert (carbon._state == look_up.gather.ALONE).any()
    for fast, slow in found:
        np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-10)


# -- a run with maps -----------------------------------------------------------------------------------------

WIDE = Lattice(height=530, width=1100)
MAPS = [
    {"pool": "aboveground_biomass", "year": 2023}, {"pool": "aboveground_biomass", "year": 2023, "change": True},
    {"ecosystem": "forest", "year": 2020, "type": "float32"},
]  # fmt: skip
NAMES = ["stock_aboveground_biomass_all_2023", "change_aboveground_biomass_all_2023", "stock_all_pools_forest_2020"]


def wide_landscape() -> Landscape:
    """Six tiles; forest in a lake of steppe, biomass in whole numbers."""
    random = np.random.default_rng(9)
    land = {year: cells(WIDE, GRASS, (np.s_[100:, 200:900], ARBOR)) for year in (2020, 2023)}
    land[2023][300:310, 300:600] = GRASS
    biomass = {year: np.round(30.0 + 60.0 * random.random(WIDE.shape), 1) for year in land}
    biomass[2020][5:9, 300:400] = np.nan
    zone = WIDE.outline([(30.5, 20.2), (1050.3, 60.7), (900.1, 520.9), (80.4, 500.6)])
    strata = {"climate": cells(WIDE, 2, (np.s_[:200], 3)), "soil": cells(WIDE, 1)}
    return Landscape(
        lattice=WIDE, land=land, layers={"aboveground_biomass": biomass}, strata=strata, zones=[("Z1", "R", zone)], base_year=False,
        more={"maps": MAPS},
    )  # fmt: skip


def written(folder):
    path = write(wide_landscape(), folder)
    in_whole_numbers(folder)
    return path


def run_with_maps(path, engine=None):
    """A whole run; what its maps are called."""
    setup = set_up(path)
    pipeline.tabulate(setup, engine)
    pipeline.snapshot(setup)
    pipeline.account(setup.out)
    return setup, pipeline.draw_maps(setup)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return run_with_maps(written(tmp_path_factory.mktemp("maps")), Engine(threads=1, window_tiles=1))


def map_bytes(setup):
    return {path.name: path.read_bytes() for path in sorted((setup.out / "maps").iterdir())}


def test_a_run_makes_its_maps(done):
    """One file and one style each, nothing beside them, no tile left over."""
    setup, names = done
    assert names == NAMES
    assert sorted(map_bytes(setup)) == sorted(f"{name}.{ending}" for name in NAMES for ending in ("tif", "qml"))
    assert not list((setup.out / "partials").glob("*.map.*"))


@pytest.mark.parametrize("name", NAMES)
def test_maps_are_cloud_optimized_geotiffs(done, name):
    """By an independent validator, strictly; with overviews, unit, scale, no-data, statistics and where they come from."""
    cogeo = pytest.importorskip("rio_cogeo", reason="validator is not installed")
    path = done[0].out / "maps" / f"{name}.tif"
    valid, errors, warnings = cogeo.cog_validate(str(path), strict=True, quiet=True)
    assert valid, (errors, warnings)
    with rasterio.open(path) as dataset:
        tags, band = dataset.tags(), dataset.tags(1)
        assert dataset.overviews(1) == [2, 4]
        assert dataset.units[0] == ("t CO2e ha-1 yr-1" if "change" in name else "t C ha-1")
        assert dataset.scales[0] == (1.0 if dataset.dtypes[0] == "float32" else 0.01 if "change" in name else 0.05)
        assert dataset.crs == rasterio.crs.CRS.from_user_input("ESRI:102025")
        assert dataset.transform == rasterio.Affine(*done[0].grid.transform)
        stored = dataset.read(1, masked=True).compressed().astype(float)
        stored = stored[np.isfinite(stored)]
        assert float(band["STATISTICS_MEAN"]) == pytest.approx(stored.mean(), rel=1e-6)
        assert float(band["STATISTICS_MAXIMUM"]) == pytest.approx(stored.max())
    assert tags["TITLE_ZH"]
    assert len(tags["MAP_KEY"]) == len(tags["FACTORS_SHA256"]) == 64


def test_a_map_adds_up_to_the_table(done):
    """Sum over the zone of cells times area: within half a step per hectare (a class mean is rounded alike everywhere)."""
    setup, _ = done
    with rasterio.open(setup.out / "maps" / f"{NAMES[0]}.tif") as dataset:
        stored = dataset.read(1, masked=True).filled(0) * dataset.scales[0]
    total = 0.0
    coverage = setup.coverage()
    for tile in coverage.tiles():
        part = coverage.tile(tile)
        values = stored[tile.row_off : tile.row_off + tile.height, tile.col_off : tile.col_off + tile.width].reshape(-1)
        total += float((values[part.cells] * part.fractions).sum()) * WIDE.cell_ha
    from sinks.tables import STOCKS

    stocks = STOCKS.read(setup.out / "tables" / "stocks.csv")
    expected = stocks.query("year == 2023 and pool == 'aboveground_biomass' and value_flag == 'V'")["stock_tC"].sum()
    area = float(coverage.zone_areas_ha().sum())
    assert total == pytest.approx(expected, abs=area * 0.05 / 2)
    assert abs(total - expected) > 0


def test_overviews_are_means_of_their_cells(done):
    """Two by two cells with a value, to half a step; no-data where there is none."""
    with rasterio.open(done[0].out / "maps" / f"{NAMES[0]}.tif") as dataset:
        full = dataset.read(1, masked=True).astype(float)
        for level, factor in enumerate(dataset.overviews(1)):
            with rasterio.open(dataset.name, overview_level=level) as reduced:
                found = reduced.read(1, masked=True)
            shape = tuple(-(-size // factor) for size in full.shape)
            padded = np.full((shape[0] * factor, shape[1] * factor), np.nan)
            padded[: full.shape[0], : full.shape[1]] = full.filled(np.nan)
            blocks = padded.reshape(shape[0], factor, shape[1], factor)
            known = ~np.isnan(blocks).all(axis=(1, 3))
            assert np.array_equal(~np.ma.getmaskarray(found), known)
            mean = np.nansum(np.nan_to_num(blocks), axis=(1, 3))[known] / (~np.isnan(blocks)).sum(axis=(1, 3))[known]
            assert np.abs(found.data[known] - mean).max() <= 1.0


@pytest.mark.parametrize("engine", [Engine(threads=2, window_tiles=3), Engine(workers=2, window_tiles=1)], ids=["threads", "processes"])
def test_how_a_map_was_made_leaves_no_trace(done, tmp_path, engine):
    setup, _ = run_with_maps(written(tmp_path), engine)
    assert map_bytes(setup) == map_bytes(done[0])


class PowerLoss(BaseException):
    """Stops everything where it stands."""


def test_a_run_that_is_stopped_goes_on_with_its_maps(done, tmp_path, monkeypatch):
    """Two tiles are kept; the rest is made by the next run, and the files are the same."""
    path = written(tmp_path)
    put, seen = pipeline.PartialStore.put, []

    def stop(store, tile, result):
        if len(seen) == 2:
            raise PowerLoss
        seen.append(tile)
        put(store, tile, result)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.PartialStore, "put", stop)
        with pytest.raises(PowerLoss):
            run_with_maps(path, Engine(threads=1))
    worked = []
    work = pipeline.TileWork.__call__
    monkeypatch.setattr(pipeline.TileWork, "__call__", lambda self, block: worked.append(block.tile) or work(self, block))
    setup, _ = run_with_maps(path, Engine(threads=1))
    assert len(worked) == len(list(setup.coverage().tiles())) - 2
    assert map_bytes(setup) == map_bytes(done[0])


def test_the_same_run_again_draws_nothing(done, monkeypatch):
    """And reads no pixel; a map that was tampered with is made again."""
    path = done[0].out.parent / "run.toml"
    before = map_bytes(done[0])
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "map_windows", lambda *_, **__: pytest.fail("a pixel was asked for"))
        assert run_with_maps(path)[1] == []
    (done[0].out / "maps" / f"{NAMES[1]}.tif").write_bytes(b"")
    sums = []
    monkeypatch.setattr(pipeline, "tables_of_tile", lambda *_: sums.append(1))
    assert run_with_maps(path)[1] == [NAMES[1]]
    assert not sums
    assert map_bytes(done[0]) == before


def test_a_full_disk_leaves_the_old_map_and_the_tiles(tmp_path, monkeypatch):
    """Nothing broken under the name; the next run puts the map together without reading a pixel."""
    path = written(tmp_path)

    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(cog, "_assemble", full)
        with pytest.raises(Unfinished) as caught:
            run_with_maps(path)
    assert [one.id for one in caught.value.findings] == ["E-RUN-03"]
    out = tmp_path / "out"
    assert not [path for path in (out / "maps").iterdir() if path.suffix == ".tif"]
    monkeypatch.setattr(pipeline.TileWork, "__call__", lambda *_: pytest.fail("a tile was computed"))
    assert run_with_maps(path)[1] == NAMES


def test_a_large_map_is_written_as_bigtiff(done, tmp_path, monkeypatch):
    """The same cells, valid too."""
    cogeo = pytest.importorskip("rio_cogeo", reason="validator is not installed")
    monkeypatch.setattr(cog, "_LARGEST_CLASSIC", 0)
    path = tmp_path / "big.tif"
    setup = done[0]
    pipeline.make_map(setup, pipeline.maps_of_run(setup, "")[0].request, "int16", path)
    assert path.read_bytes()[2:4] == b"\x2b\x00"
    assert cogeo.cog_validate(str(path), strict=True, quiet=True)[0]
    with rasterio.open(path) as big, rasterio.open(setup.out / "maps" / f"{NAMES[0]}.tif") as small:
        assert np.array_equal(big.read(1), small.read(1))


@pytest.mark.parametrize(
    ("maps", "wanted"),
    [([{"year": 2019}], "E-MAP-01"), ([{"year": 2020, "change": True}], "E-MAP-01"), ([{"year": 2020}, {"year": 2020, "type": "float32"}], "E-MAP-02")],
    ids=["no such date", "no interval", "twice"],
)
def test_maps_that_cannot_be_made_are_named_before_the_pass(tmp_path, maps, wanted):
    path = write(wide_landscape().but(more={"maps": maps}), tmp_path)
    with pytest.raises(InputError) as caught:
        run_with_maps(path)
    assert [one.id for one in caught.value.findings] == [wanted]
    assert json.dumps([one.as_dict() for one in caught.value.findings])
