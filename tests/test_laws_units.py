"""An input in another unit or basis, its values scaled: the same answer to 1e-12."""

import laws
import numpy as np
import pytest
from landscapes import ARBOR, CROPLAND, GRASS, MARSH, SHRUB, Landscape, Lattice, Run, cells, run, tabulated, tiling_zones

LATTICE = Lattice(height=5, width=7)
DATES = (2017, 2020)
CF = 0.47
"""Carbon fraction of every tree and shrub whose species is not given."""


def landscape(climate: int) -> Landscape:
    """Forest, shrubs, steppe, marsh and cropland with conversions; biomass of trees, also outside forest; soil by a map."""
    random = np.random.default_rng(8)
    classes = np.array([ARBOR, ARBOR, SHRUB, GRASS, MARSH, CROPLAND])
    land = {2017: random.choice(classes, size=LATTICE.shape)}
    for year in DATES[1:]:
        land[year] = np.where(random.random(LATTICE.shape) < 0.3, random.choice(classes, size=LATTICE.shape), land[year - 3])
    biomass = {year: 180.0 * random.random(LATTICE.shape) for year in DATES}
    layers = {"aboveground_biomass": biomass, "soil_organic_carbon": {None: 200.0 * random.random(LATTICE.shape)}}
    strata = {"soil": cells(LATTICE, 1), "climate": cells(LATTICE, climate)}
    return Landscape(lattice=LATTICE, land=land, layers=layers, strata=strata, zones=tiling_zones(LATTICE, 2)[:1])


def scaled(wanted: Landscape, layer: str, factor: float, **section) -> Landscape:
    """The same landscape with the numbers of a layer multiplied and another declaration."""
    layers = {**wanted.layers, layer: {year: values * factor for year, values in wanted.layers[layer].items()}}
    return wanted.but(layers=layers).section(layer, **section)


WAYS = {
    "kg per m2": lambda one: scaled(one, "aboveground_biomass", 0.1, unit="kg m-2"),
    "g per m2": lambda one: scaled(one, "aboveground_biomass", 100.0, unit="g m-2"),
    "carbon": lambda one: scaled(one, "aboveground_biomass", CF, basis="carbon"),
    "CO2 in kg per ha": lambda one: scaled(one, "aboveground_biomass", CF * 44 / 12 * 1000, basis="co2", unit="kg ha-1"),
    "stored as integers with a scale": lambda one: scaled(one, "aboveground_biomass", 8.0, scale=0.125),
    "soil as CO2 in kg per m2": lambda one: scaled(one, "soil_organic_carbon", 44 / 12 / 10, basis="co2", unit="kg m-2"),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, Run]:
    """Tonnes of dry matter and of soil carbon per hectare; without a climate roots follow the continuous ratio."""
    folder = tmp_path_factory.mktemp("plain")
    return {roots: tabulated(landscape(climate), folder / roots) for roots, climate in ROOTS.items()}


ROOTS = {"curve": 0, "table": 2}


def largest_difference(one: Run, other: Run) -> float:
    """The largest relative difference of any stock, change or growth before rounding."""
    first, second = one.result(), other.result()
    pairs = [(first.stocks[pool], second.stocks[pool]) for pool in first.stocks]
    pairs += [
        (getattr(first.changes[pool], date), getattr(second.changes[pool], date)) for pool in first.changes for date in ("start", "end")
    ]
    return max(laws.relative_difference(ours, theirs) for ours, theirs in pairs)


@pytest.mark.parametrize(("way", "roots"), [*((way, "curve") for way in WAYS), ("kg per m2", "table"), ("carbon", "table")])
def test_the_unit_leaves_the_answer(plain, tmp_path, way, roots):
    """Every stock and change of every pool is the same to 1e-12, whatever unit and basis its map is given in."""
    other = tabulated(WAYS[way](landscape(ROOTS[roots])), tmp_path)
    assert largest_difference(plain[roots], other) <= 1e-12


def test_twice_the_factor_is_twice_the_stock(plain, tmp_path):
    """All carbon fractions x 2: aboveground stocks x 2."""
    rows = "".join(f"{id},{2 * CF},user\n" for id in ("carbon_fraction.tree", "carbon_fraction.shrubland"))
    doubled = landscape(0).but(files={"factors.csv": "id,value,source\n" + rows}, more={"factors": {"file": "factors.csv"}})
    other = tabulated(doubled, tmp_path)
    one, two = (run.result().stocks["aboveground_biomass"] for run in (plain["curve"], other))
    held = plain["curve"].inventory().prepared.years.frame["ecosystem"].isin(["forest"]).to_numpy()
    assert held.any()
    assert laws.relative_difference(2 * one[:, held], two[:, held]) <= 1e-12


def test_a_constant_density_times_the_area_is_the_stock(tmp_path):
    """80 t/ha everywhere: stock = 80 CF area, and area is that of the polygon."""
    wanted = landscape(2)
    flat = wanted.but(
        layers={"aboveground_biomass": {year: cells(LATTICE, 80.0) for year in DATES}}, land={year: cells(LATTICE, ARBOR) for year in DATES}
    )
    done = run(flat, tmp_path)
    rows = done.exact("stocks").query("pool == 'aboveground_biomass' and year == 2020").set_index("zone")
    for zone, _, shape in flat.zones:
        assert rows.at[zone, "stock_tC"] == pytest.approx(shape.area / 1e4 * 80 * CF, abs=6e-4)
