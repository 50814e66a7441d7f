"""The compiled kernel and its plain numpy form give the same bits; what both sum is checked cell by cell in test_sinks_tabulate."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from landscapes import (
    ARBOR,
    CROPLAND,
    GRASS,
    Landscape,
    Lattice,
    Tiling,
    cells,
    finish,
    random_landscape,
    tiling_zones,
    with_earlier_maps,
    write,
)

from sinks.layers import windows
from sinks.layers.layer import STORED_TYPES
from sinks.layers.windows import Engine, map_windows
from sinks.setup import set_up
from sinks.tabulate.exact import ExactSums
from sinks.tabulate.fast import _guesses, kernel_sums
from sinks.tabulate.kernel import compiled
from sinks.tabulate.tile import bin_of, tile_sums

LATTICE = Lattice(height=23, width=31)
YEARS = (2017, 2020, 2023)


class Kept(dict):
    """Results by tile."""

    def done(self, tile):
        return False

    def put(self, tile, result):
        self[tile.row, tile.col] = result


def with_errors(drawn: Landscape) -> Landscape:
    """The landscape with a standard error of its biomass, which has holes of its own, and a file more at one date."""
    random = np.random.default_rng(8)
    shape = drawn.lattice.shape
    errors = {year: np.where(random.random(shape) < 0.1, np.nan, 10.0 * random.random(shape)) for year in YEARS}
    biomass = {**drawn.layers["aboveground_biomass"]}
    biomass[2020] = [biomass[2020], biomass[2020] * 1.1]
    layers = {**drawn.layers, "aboveground_biomass": biomass, "biomass_error": errors}
    return drawn.but(layers=layers, more={**drawn.more, "uncertainty": {"lattice_km": 1.1}}).section("aboveground_biomass", se="biomass_error")


def without_intervals(drawn: Landscape) -> Landscape:
    return drawn.section("land_cover", change="stocks_only")


def by_centre(drawn: Landscape) -> Landscape:
    return drawn.but(more={**drawn.more, "zones": {"rule": "centre"}})


LANDSCAPES = {
    "strata, parcels, holes, files one by one": lambda: random_landscape(3, lattice=LATTICE),
    "standard errors over a lattice": lambda: with_errors(random_landscape(4, lattice=LATTICE)),
    "standard errors of dates alone": lambda: without_intervals(with_errors(random_landscape(5, lattice=LATTICE))),
    "stocks only": lambda: without_intervals(random_landscape(6, lattice=LATTICE)),
    "cell centres": lambda: by_centre(random_landscape(7, lattice=LATTICE)),
    "two tiles": lambda: random_landscape(8, lattice=Lattice(height=19, width=530)),
    "years of change from earlier maps": lambda: with_earlier_maps(random_landscape(9, lattice=LATTICE), 9),
}


class TestTwins:
    """One class of tests for both forms."""

    @staticmethod
    def both(path, engine=None):
        setup = set_up(path)
        results = []
        for function, closely in ((kernel_sums, False), (tile_sums, True)):
            kept = Kept()
            map_windows(setup.stack, setup.coverage(), partial(function, plan=setup.plan), kept, engine=engine or Engine(threads=1), closely=closely)
            results.append(kept)
        return results

    @staticmethod
    def assert_same(one, other):
        assert one.keys() == other.keys()
        for place in one:
            for table in ("year", "pair", "lattice"):
                for part in ("groups", "group", "code", "sums"):
                    mine, its = (getattr(getattr(kept[place], table), part) for kept in (one, other))
                    assert mine.shape == its.shape, (place, table, part)
                    assert np.array_equal(mine, its), (place, table, part)

    @pytest.mark.parametrize("name", LANDSCAPES)
    def test_same_bits(self, tmp_path, name):
        one, other = self.both(write(LANDSCAPES[name](), tmp_path))
        self.assert_same(one, other)
        assert sum(len(result.year.sums) for result in one.values()) > 50
        assert name != "standard errors over a lattice" or all(len(result.lattice.sums) > 50 for result in one.values())

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_same_bits_from_windows_of_several_tiles(self, tmp_path, monkeypatch, size):
        monkeypatch.setattr("aoi.grids.TILE", 7)
        monkeypatch.setattr("aoi.coverage.TILE", 7)
        path = write(with_errors(random_landscape(4, lattice=LATTICE)), tmp_path)
        one, other = self.both(path, Engine(threads=1, window_tiles=size))
        self.assert_same(one, other)
        first, _ = self.both(path, Engine(threads=1, window_tiles=1))
        self.assert_same(one, first)

    @pytest.mark.parametrize("kind", [kind.name for kind in STORED_TYPES])
    def test_same_bits_from_every_type_of_cells(self, tmp_path, kind):
        """Class codes and values as each type of file holds them, no-data at its edge, and a scale where it is a whole number."""
        random = np.random.default_rng(1)
        info = np.iinfo(kind) if np.dtype(kind).kind in "iu" else np.finfo(kind)
        nodata = float(info.max)
        drawn = np.clip(random.integers(0, 120, LATTICE.shape), 0, info.max).astype(kind)
        holes = random.random(LATTICE.shape) < 0.2
        wanted = Landscape(
            lattice=LATTICE, land={2020: cells(LATTICE, ARBOR, (np.s_[5:], GRASS)), 2023: cells(LATTICE, ARBOR, (np.s_[8:], CROPLAND))},
            layers={"aboveground_biomass": {year: np.zeros(LATTICE.shape) for year in (2020, 2023)}}, base_year=False,
            zones=tiling_zones(LATTICE, 3),
        ).section("aboveground_biomass", nodata=nodata, scale=0.5)  # fmt: skip
        path = write(wanted, tmp_path)
        for year, values in ((2020, drawn), (2023, drawn[::-1])):
            rewrite(tmp_path / f"aboveground_biomass_{year}_0.tif", np.where(holes, nodata, values).astype(kind))
        one, other = self.both(path)
        self.assert_same(one, other)
        missing = sum(float(result.year.sums[:, 1].sum()) for result in one.values())
        assert missing == pytest.approx(sum(holes.sum() for _ in (2020, 2023)) * LATTICE.cell_ha, rel=0.2)

    def test_same_bits_from_a_mosaic(self, tmp_path):
        """Files that must be put together are converted first."""
        path = write(random_landscape(3, lattice=LATTICE), tmp_path, Tiling(block=16, files=2))
        self.assert_same(*self.both(path))


def rewrite(path, values):
    """Other cells under the same header."""
    import rasterio

    with rasterio.open(path) as dataset:
        profile = dataset.profile
    profile.update(dtype=values.dtype, nodata=None)
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values, 1)


def test_the_kernel_reads_cells_as_they_stand(tmp_path, monkeypatch):
    """Nothing is converted on the way from a file on the run's grid to the kernel."""
    path = write(random_landscape(3, lattice=LATTICE, parcels=False), tmp_path)

    def refuse(*_):
        raise AssertionError("cells were converted")

    monkeypatch.setattr("sinks.pipeline.check_inputs", lambda *_, **__: [])
    monkeypatch.setattr(windows, "read_member", refuse)
    assert len(finish(path).exact("activity_year"))


def test_a_value_that_cannot_be_is_found_where_it_stands(tmp_path, monkeypatch):
    """The kernel only counts them: the window is looked at again, and the file and cell are named."""
    from aoi.findings import InputError

    monkeypatch.setattr("sinks.pipeline.check_inputs", lambda *_, **__: [])
    biomass = cells(LATTICE, 80.0, (np.s_[11, 13], 1e7))
    wanted = Landscape(lattice=LATTICE, land={2020: cells(LATTICE, ARBOR)}, layers={"aboveground_biomass": {2020: biomass}}, base_year=False)
    with pytest.raises(InputError) as caught:
        finish(write(wanted, tmp_path))
    (found,) = caught.value.findings
    assert found.id == "E-VALUE-02"
    assert "11" in found.line()
    assert "13" in found.line()


EDGES = st.lists(st.floats(-1e6, 1e6), max_size=40, unique=True).map(sorted)


@given(EDGES, st.lists(st.floats(-2e6, 2e6) | st.just(math.nan), max_size=40))
@settings(max_examples=60, deadline=None)
def test_bins_of_the_kernel_are_those_of_a_search(edges, values):
    """However uneven the edges are, and on every edge itself."""
    asked = np.array([*values, *edges])
    guesses = _guesses(tuple(edges))
    out = np.empty(len(asked), dtype=np.int32)
    compiled()
    from sinks.tabulate import kernel

    kernel.bins_of(asked, len(asked), np.array([*edges, np.inf]), guesses.bins.astype(np.int32), guesses.per_unit, guesses.steps, out)
    assert out.tolist() == bin_of(asked, tuple(edges)).tolist()


@given(st.lists(st.lists(st.floats(-1e300, 1e300, allow_subnormal=True), min_size=2, max_size=2), max_size=30), st.randoms())
@settings(max_examples=60, deadline=None)
def test_exact_sums_are_those_of_fsum(rows, random):
    """Bit for bit, added at once or little by little, in any order."""
    terms = np.array(rows).reshape(-1, 2)
    places = np.array([random.randrange(3) for _ in rows], dtype=np.int64)
    expected = [[math.fsum(terms[places == place, column]) for column in range(2)] for place in range(3)]
    order = np.array(random.sample(range(len(rows)), len(rows)), dtype=np.int64)
    for chosen in (np.arange(len(rows)), order):
        sums = ExactSums(3)
        for part in np.array_split(chosen, 4):
            sums.add(places[part], terms[part])
        assert sums.totals(3)[:, :2].tolist() == expected
        assert sums.totals(3)[:, 2].tolist() == [0.0] * 3


def test_a_long_list_of_files_does_not_stay_open(tmp_path, monkeypatch):
    """A thread keeps few files open, those read last; each is read all the same."""
    from sinks.layers import raster

    monkeypatch.setattr(raster, "MOST_OPEN", 2)
    raster._handles.__dict__.clear()
    path = write(random_landscape(3, lattice=LATTICE), tmp_path, Tiling(block=16, files=4))
    assert len(finish(path, Engine(threads=1)).exact("activity_year"))
    names = [str(tmp_path / name) for name in ("a.tif", "b.tif", "c.tif", "a.tif")]
    for name in names:
        if not (tmp_path / name).exists():
            (tmp_path / name).write_bytes(next(tmp_path.glob("land_cover*.tif")).read_bytes())
        assert raster.dataset_of(name).read(1) is not None
    assert list(raster._handles.open) == names[2:]
