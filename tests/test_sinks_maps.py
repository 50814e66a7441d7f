"""Table = map: a map's sum over a zone is the table's number, to rounding where equations are linear, else within the printed bound."""

import laws
import numpy as np
import pytest
import rasterio
from landscapes import (
    ARBOR,
    CROPLAND,
    LATTICE_SMALL,
    Landscape,
    Lattice,
    Run,
    cells,
    map_cells,
    random_landscape,
    run,
)

from aoi.findings import InputError
from sinks.layers.windows import Engine
from sinks.pipeline import make_map
from sinks.report import land
from sinks.report.maps import request_of
from sinks.tables import POOLS
from sinks.units import C_TO_CO2

DATES = (2017, 2020, 2023)
FLOAT32 = 2.0**-23
LEAF = 0.0005


def landscape() -> Landscape:
    """Everything the accounting knows; land that changes class once, between the first two dates; all dates are results."""
    drawn = random_landscape(21, lattice=LATTICE_SMALL, zones=2, holes=False)
    return drawn.but(land={**drawn.land, 2023: drawn.land[2020]}, base_year=False)


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Run:
    return run(landscape(), tmp_path_factory.mktemp("maps"))


def stock_violation(done: Run, pool: str, ecosystem: str, year: int) -> float:
    """The most by which the sum of a map over a zone misses the table, beyond rounding and the printed bound [t C]."""
    sums = laws.zone_sums(map_cells(done.setup, pool, ecosystem, year), done.coverage())
    rows = done.exact("stocks").query("pool == @pool and ecosystem == @ecosystem and year == @year")
    bounds = done.table("bin_bounds").query("pool == @pool and ecosystem == @ecosystem and year == @year").set_index("zone")["bound_tC"]
    worst = 0.0
    for zone, found in sums.items():
        mine = rows.loc[rows["zone"] == zone, "stock_tC"].dropna()
        slack = LEAF * len(mine) + FLOAT32 * abs(found) + float(bounds.get(zone, 0.0))
        worst = max(worst, abs(found - mine.sum()) - slack)
    return worst


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("year", DATES[1:])
def test_stock_maps_sum_to_the_table(done, pool, year):
    """Every pool, ecosystem, zone and date; the soil of a later date by its cohorts, like the table."""
    for ecosystem in ("forest", "grassland", "wetland"):
        assert stock_violation(done, pool, ecosystem, year) <= 0.0, ecosystem


@pytest.mark.parametrize("year", DATES)
def test_the_map_of_all_pools_sums_to_the_total(done, year):
    """All pools of the three ecosystems: the total of the summary, for every zone and parcel."""
    sums = laws.zone_sums(map_cells(done.setup, None, None, year), done.coverage())
    summary = (
        done.exact("summary")
        .query("quantity == 'stock_tC' and year == @year and ecosystem == 'total'")
        .set_index("zone")["value"]
        .fillna(0.0)
    )
    bounds = done.table("bin_bounds").query("year == @year").groupby("zone")["bound_tC"].sum()
    leaves = done.exact("stocks").query("year == @year").groupby("zone").size()
    for zone, found in sums.items():
        assert abs(found - summary[zone]) <= LEAF * leaves[zone] + FLOAT32 * found + bounds.get(zone, 0.0)


def change_violation(done: Run, pool: str | None, first: int, last: int) -> float:
    """The most by which a map of change misses the removals by stock difference [t CO2e per year]."""
    sums = laws.zone_sums(map_cells(done.setup, pool, None, last, change=True), done.coverage())
    rows = done.exact("removals").query("approach == 'stock_difference' and gas == 'CO2' and year == @last")
    bounds = done.table("bin_bounds").query("year == @first or year == @last")
    if pool is not None:
        rows, bounds = rows[rows["pool"] == pool], bounds[bounds["pool"] == pool]
    bound = bounds.groupby("zone")["bound_tC"].sum() / (last - first) * C_TO_CO2
    worst = 0.0
    for zone, found in sums.items():
        mine = rows.loc[rows["zone"] == zone, "removal_tCO2e_per_year"].dropna()
        slack = LEAF * len(mine) + FLOAT32 * mine.abs().sum() * 10 + float(bound.get(zone, 0.0))
        worst = max(worst, abs(found - mine.sum()) - slack)
    return worst


@pytest.mark.parametrize("pool", [*POOLS, None])
def test_change_maps_sum_to_the_removals(done, pool):
    """Every pool and their total over both intervals: transitions that run on, declared peat, offset and memo together."""
    assert change_violation(done, pool, 2017, 2020) <= 0.0
    assert change_violation(done, pool, 2020, 2023) <= 0.0


def test_linear_maps_need_no_bound(done):
    """Where roots are those of a table and nothing is greenness, the sum is exact to rounding: the bound is not what saves it."""
    printed = done.table("bin_bounds")
    assert set(printed["pool"]) <= {"aboveground_biomass", "belowground_biomass"}
    linear = [("aboveground_biomass", "forest"), ("dead_wood", "forest"), ("litter", "forest"), ("soil_organic_carbon", "wetland")]
    for pool, ecosystem in linear:
        assert not len(printed.query("pool == @pool and ecosystem == @ecosystem"))
        assert stock_violation(done, pool, ecosystem, 2023) <= 0.0


def test_the_bound_is_small(done):
    """What is printed as the bound of a stock is a small part of it."""
    key = ["year", "ecosystem", "pool"]
    printed = done.table("bin_bounds").groupby(key)["bound_tC"].sum()
    stocks = done.exact("stocks").groupby(key)["stock_tC"].sum()
    assert (printed / stocks.reindex(printed.index)).max() < 0.02


def test_a_second_look_up_of_soil_is_seen(done, monkeypatch):
    """The law fails for a map that looks up the soil of the later date by class."""
    monkeypatch.setattr(land.Land, "_soil", lambda land: land._soil_seen(land.request.year).per_hectare)
    assert max(stock_violation(done, "soil_organic_carbon", ecosystem, 2023) for ecosystem in ("forest", "grassland")) > 10.0


@pytest.mark.parametrize(
    ("pool", "plant"),
    [
        ("aboveground_biomass", lambda land, array: np.roll(array, 1)),
        ("litter", lambda land, array: np.where(np.arange(len(array)) == 5, 2, array)),
    ],
    ids=["shifted by a pixel", "one cell of another class"],
)
def test_a_shifted_map_is_seen(done, monkeypatch, pool, plant):
    """One pixel to the side, or one wrong cell, and the sums are no longer those of the table."""
    cells_of = land.Land._array
    monkeypatch.setattr(land.Land, "_array", lambda land, layer, year: [plant(land, one) for one in cells_of(land, layer, year)])
    assert stock_violation(done, pool, "forest", 2020) > 0.01


def test_unknown_is_no_data_on_a_map(tmp_path):
    """A cell without biomass is no data; land outside the ecosystem too: never 0."""
    lattice = Lattice(height=3, width=4)
    biomass = cells(lattice, 60.0, (np.s_[0, 0], np.nan))
    land = {2020: cells(lattice, ARBOR, (np.s_[2], CROPLAND))}
    small = run(Landscape(lattice=lattice, land=land, layers={"aboveground_biomass": {2020: biomass}}), tmp_path)
    found = map_cells(small.setup, "aboveground_biomass", "forest", 2020)
    assert np.isnan(found[0, 0])
    assert np.isnan(found[2]).all()
    assert found[0, 1] == pytest.approx(60.0 * 0.47, rel=1e-12)


@pytest.fixture(scope="module")
def written(done, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    request = request_of(done.setup, None, None, 2023, False)
    engines = {"one": Engine(threads=1), "two": Engine(threads=2, window_tiles=4)}
    for name, engine in engines.items():
        make_map(done.setup, request, "float32", folder / f"{name}.tif", engine)
    return folder


def test_a_written_map_is_the_computed_one(done, written):
    """The GeoTIFF holds the computed cells, its unit and titles in both languages."""
    with rasterio.open(written / "one.tif") as dataset:
        assert np.array_equal(dataset.read(1), map_cells(done.setup, None, None, 2023).astype(np.float32), equal_nan=True)
        tags = dataset.tags()
        assert dataset.units == ("t C ha-1",)
    assert tags["TITLE_ZH"]
    assert "2023" in tags["TITLE_EN"]


def test_a_written_map_is_a_cloud_optimized_geotiff(written):
    """By an independent validator; nothing is left beside it."""
    cogeo = pytest.importorskip("rio_cogeo", reason="validator is not installed")
    valid, errors, _ = cogeo.cog_validate(str(written / "one.tif"), quiet=True)
    assert valid, errors
    assert sorted(path.name for path in written.iterdir()) == ["one.qml", "one.tif", "two.qml", "two.tif"]


def test_threads_and_windows_change_no_byte_of_a_map(written):
    """The order in which tiles are done leaves no trace."""
    assert (written / "one.tif").read_bytes() == (written / "two.tif").read_bytes()


@pytest.mark.parametrize(("year", "change"), [(2019, False), (2017, True)])
def test_a_map_of_a_date_that_the_run_has_not_is_refused(done, year, change):
    """No such date, or no interval that ends with it."""
    with pytest.raises(InputError) as caught:
        request_of(done.setup, None, None, year, change)
    assert [one.id for one in caught.value.findings] == ["E-MAP-01"]
