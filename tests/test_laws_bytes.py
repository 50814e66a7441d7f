"""How a run is done changes no byte: windows, threads, processes, the shape of the files, the order of zones, of tiles, of partial tables."""

import laws
import numpy as np
import pytest
from landscapes import (
    ALBERS,
    LATTICE_SMALL,
    LONGLAT,
    SINUSOIDAL,
    Landscape,
    Lattice,
    Run,
    Tiling,
    computed,
    finish,
    random_landscape,
    run,
    tiling_zones,
    write,
)
from shapely import box

from sinks.layers.windows import Engine
from sinks.pipeline import account, settle_tables, snapshot, tabulate
from sinks.setup import set_up
from sinks.tabulate.partials import PartialStore

FILES_NAMED = ("inputs.csv",)
"""The only table that names the files themselves."""
LARGE = {
    LONGLAT: Lattice(crs=LONGLAT, left=110.0, top=44.0, cell=0.0025, height=700, width=1100),
    ALBERS: Lattice(crs=ALBERS, left=200_000.0, top=4_600_000.0, cell=100.0, height=514, width=520),
    SINUSOIDAL: Lattice(crs=SINUSOIDAL, left=8_500_000.0, top=4_700_000.0, cell=463.3127165, height=520, width=514),
}


def large_landscape(lattice: Lattice) -> Landscape:
    """Land cover and biomass of two dates over several tiles, zones with slanting borders."""
    random = np.random.default_rng(3)
    land = {year: random.choice(np.array([1, 2, 4, 0], dtype=np.uint8), size=lattice.shape) for year in (2020, 2023)}
    biomass = {year: 120.0 * random.random(lattice.shape) for year in land}
    return Landscape(
        lattice=lattice, land=land, layers={"aboveground_biomass": biomass}, zones=tiling_zones(lattice, 3, random), base_year=False
    )


def activity(path, out, engine: Engine) -> dict[str, bytes]:
    """The bytes of the tables of the pass."""
    setup = set_up(path, out=out)
    assert tabulate(setup, engine)
    settle_tables(setup.out)
    return Run(setup, setup.out).bytes()


@pytest.fixture(scope="module")
def geographic(tmp_path_factory):
    """A grid of 700 x 1100 cells in degrees, written in rows, and its activity tables by one thread and one tile at a time."""
    folder = tmp_path_factory.mktemp("geographic")
    path = write(large_landscape(LARGE[LONGLAT]), folder)
    return path, activity(path, folder / "plain", Engine(threads=1, window_tiles=1))


@pytest.mark.parametrize(
    "engine",
    [Engine(threads=1, window_tiles=2), Engine(threads=2, window_tiles=4), Engine(threads=2, window_tiles=1)],
    ids=["window 2", "window 4", "two threads"],
)
def test_windows_and_threads_change_no_byte(geographic, tmp_path, engine):
    """A window is a whole number of tiles and only decides how much is read at once."""
    path, plain = geographic
    assert laws.different_files(plain, activity(path, tmp_path / "out", engine)) == []


def test_processes_change_no_byte(geographic, tmp_path):
    """Two processes of a local Dask cluster."""
    path, plain = geographic
    assert laws.different_files(plain, activity(path, tmp_path / "out", Engine(workers=2, window_tiles=2))) == []


@pytest.mark.parametrize("tiling", [Tiling(block=256), Tiling(block=16, files=3)], ids=["blocks", "mosaic of three files"])
def test_the_shape_of_files_changes_no_byte(geographic, tmp_path, tiling):
    """Rows, blocks, or a mosaic cut off the tiles: the cells are the same."""
    path = write(large_landscape(LARGE[LONGLAT]), tmp_path, tiling)
    found = activity(path, tmp_path / "out", Engine(threads=1, window_tiles=2))
    assert laws.different_files(geographic[1], found, but=FILES_NAMED) == []
    assert laws.different_files(geographic[1], found) == list(FILES_NAMED)


@pytest.mark.parametrize("crs", [ALBERS, SINUSOIDAL])
def test_windows_change_no_byte_on_projected_grids(tmp_path, crs):
    """Albers and MODIS sinusoidal; the accounting with them."""
    path = write(large_landscape(LARGE[crs]), tmp_path)
    one = finish(path, Engine(threads=1, window_tiles=1), tmp_path / "one")
    other = finish(path, Engine(threads=2, window_tiles=2), tmp_path / "other")
    assert laws.different_files(one.bytes(), other.bytes()) == []
    assert laws.areas_close(one.exact("zones")) <= 1e-9
    assert laws.land_use_closes(one.exact("land_use"), one.exact("zones")) <= 1e-9


def test_a_turned_order_of_tiles_changes_no_byte(geographic, tmp_path, monkeypatch):
    """Partial tables that come in another order, some of them twice, add up to the same bytes."""
    path, plain = geographic
    put = PartialStore.put
    kept: list = []

    def later(store, tile, result):
        """Hold every result back, and write all of them in turned order when the last is there."""
        kept.append((tile, result))
        if len(kept) == 6:
            for one in [*kept[2:], *kept[:2], kept[3]]:
                put(store, *one)

    monkeypatch.setattr(PartialStore, "put", later)
    assert laws.different_files(plain, activity(path, tmp_path / "out", Engine(threads=1, window_tiles=4))) == []


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Run:
    """All results of a landscape with everything."""
    return run(random_landscape(11, lattice=LATTICE_SMALL, zones=3), tmp_path_factory.mktemp("small"))


def test_the_order_of_zones_changes_no_byte(small, tmp_path):
    """Rows of the file of zones in another order: the same tables."""
    landscape = random_landscape(11, lattice=LATTICE_SMALL, zones=3)
    turned = run(landscape.but(zones=landscape.zones[::-1], parcels=landscape.parcels[::-1]), tmp_path)
    assert laws.different_files(small.bytes(), turned.bytes()) == []


def test_accounting_twice_changes_no_byte(small):
    """The second accounting of the same tables computes nothing and writes nothing."""
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(small.out.rglob("*")) if path.is_file()}
    assert not tabulate(small.setup, Engine(threads=1))
    snapshot(small.setup)
    assert not account(small.out)
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(small.out.rglob("*")) if path.is_file()}
    changed = sorted(path.name for path in before | after if before.get(path) != after.get(path) and path.parent.name == "tables")
    assert changed == []


def test_names_of_zones_change_no_number(small, tmp_path):
    """Other codes for the same zones: the same values in the same places."""
    landscape = random_landscape(11, lattice=LATTICE_SMALL, zones=3)
    renamed = computed(landscape.but(zones=[(f"Q{code}", parent, shape) for code, parent, shape in landscape.zones], parcels=()), tmp_path)
    ours, theirs = (done.table("stocks") for done in (small, renamed))
    ours = ours[ours["zone"].isin(["Z1", "Z2", "Z3"])].reset_index(drop=True)
    assert ours["stock_tC"].equals(theirs["stock_tC"])
    assert ("Q" + ours["zone"]).equals(theirs["zone"])


def test_a_league_cut_in_two_adds_up(small, tmp_path):
    """Parts of a zone have together what the zone has."""
    landscape = random_landscape(11, lattice=LATTICE_SMALL, zones=3)
    whole = landscape.zones[1][2]
    left, bottom, right, top = whole.bounds
    middle = (bottom + top) / 2 + 77.7
    halves = [
        ("Z2a", "P2", whole.intersection(box(left, bottom, right, middle))),
        ("Z2b", "P2", whole.intersection(box(left, middle, right, top))),
    ]
    cut = computed(landscape.but(zones=[landscape.zones[0], *halves, landscape.zones[2]], parcels=()), tmp_path)
    key = ["year", "ecosystem", "land_class", "pool"]
    one, two = (stocks[stocks["pool"].isin(["aboveground_biomass", "litter"])] for stocks in (small.exact("stocks"), cut.exact("stocks")))
    expected = one[one["zone"] == "Z2"].set_index(key)[["area_ha", "missing_ha", "stock_tC"]]
    found = two[two["zone"].str.startswith("Z2")].groupby(key)[["area_ha", "missing_ha", "stock_tC"]].sum()
    assert np.abs((found - expected.fillna(0.0)).to_numpy()).max() <= 2e-3
