"""Equations that methodologies share, each against its worked example."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from methodologies import dimensions, species, tools
from methodologies.contract import Refusal
from methodologies.tools import allometry, arrays, buffer, cycles, dates, deductions, fire, plots, shrubs, soil, trees
from methodologies.tools.allometry import shrub_equations, tree_equations

ONE = np.array([1.0])


@pytest.mark.parametrize(
    "name", [*(f"methodologies.tools.{one.name}" for one in pkgutil.iter_modules(tools.__path__)), species.__name__, dimensions.__name__]
)
def test_examples_in_the_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


# -- trees (METHODOLOGIES 4.2: test values at D = 15 cm, H = 12 m) -------------------------------------------


@pytest.mark.parametrize(
    ("key", "above", "roots"),
    [
        ("white_birch", 68.33, 12.82),
        ("elm", 64.36, 31.02),
        ("chinese_pine", 67.03, 15.04),
        ("spruce", 51.90, 9.26),
        ("simon_poplar", 47.16, 12.63),
        ("aspen", 45.86, 21.62),
        ("black_birch", 70.76, 31.45),
        ("needle_juniper", 59.80, 21.19),
        ("mongolian_oak", 126.73, 25.53),
        ("larch", 74.22, 20.74),
        ("prince_rupprecht_larch", 61.66, 15.95),
        ("mongolian_pine", 64.49, 15.54),
    ],
)
def test_single_trees(key, above, roots):
    dbh, height, kind = 15 * ONE, 12 * ONE, np.array([key], dtype=object)
    mass = trees.tree_aboveground(dbh, height, kind)
    assert mass[0] == pytest.approx(above, abs=0.006)
    assert trees.tree_roots(dbh, height, kind, mass, 0.241 * ONE)[0] == pytest.approx(roots, abs=0.006)


def test_a_tree_without_an_equation_is_refused():
    with pytest.raises(Refusal, match="desert_poplar"):
        trees.tree_aboveground(ONE, ONE, np.array(["desert_poplar"], dtype=object))


def test_stand_by_volume():
    """W7 and W16: larch 85 m3/ha; root ratio of AR-TOOL14 at 20, 60, 120 t/ha; Zhang's larch."""
    assert trees.biomass_of_volume(85.0, 0.490, 1.416, 0.212) == pytest.approx(71.4793968)
    ratios = [float(trees.root_ratio(one, -1.085, 0.9256)) for one in (20.0, 60.0, 120.0)]
    assert ratios == pytest.approx([0.270392, 0.249170, 0.236646], abs=5e-7)
    assert trees.biomass_of_stand(np.array([0.0, 100.0]), 0.6079, 17.062).tolist() == pytest.approx([0.0, 77.852])


# -- shrubs (W1, W2; ACCOUNTING 6) ----------------------------------------------------------------------------


def shrub(key, crown_area, height):
    """Mass of a plant of a crown area and height."""
    side = np.sqrt(crown_area * 4 / np.pi)
    return float(shrubs.shrub_mass(side * ONE, side * ONE, height * ONE, np.array([key], dtype=object))[0])


def test_w1():
    cover = np.array([[0.45, 0.25, 0.04]])
    biomass = shrubs.biomass_of_cover(cover, 0.10, 61.0, 0.05)
    assert shrubs.stock_of_shrubs(np.array([[700.0, 400.0, 100.0]]), biomass, 0.40, 0.47, 44 / 12).sum() == pytest.approx(
        6107.665667, rel=1e-9
    )


def test_w2():
    given = (0.9 * ONE, 0.8 * ONE, ONE, np.array(["caragana_korshinskii"], dtype=object))
    assert shrubs.shrub_mass(*given)[0] == pytest.approx(297.819886 + 287.534130, abs=1e-6)
    assert shrubs.shrub_fitted_total(*given)[0] == pytest.approx(640.320600, abs=1e-6)
    assert shrub("armeniaca_sibirica", 1.2 / 1.0, 1.0) == pytest.approx(733.316 + 612.018)
    assert shrub("haloxylon_ammodendron", 1.5, 1.0) == pytest.approx(2940.324805 + 2584.733552, abs=1e-5)


def test_only_a_fitted_total():
    """北沙柳 has an equation for the whole plant: no (1 + R) follows."""
    assert shrub("salix_psammophila", 1.0, 2.0) == pytest.approx(373.16 * 2.0**0.72)


def test_outside_the_range():
    """Above: the upper end; below: a straight line from the origin to the lower end; both counted as outside."""
    top = shrub("caragana_korshinskii", 0.771, 1.0)
    assert shrub("caragana_korshinskii", 5.0, 1.0) == top
    low = shrub("caragana_korshinskii", 0.053, 1.0)
    assert shrub("caragana_korshinskii", 0.053 / 2, 1.0) == pytest.approx(low / 2)
    assert shrub("nitraria_tangutorum", 0.002 / 4, 1.0) == pytest.approx(shrub("nitraria_tangutorum", 0.002, 1.0) / 4)
    kinds = np.array(["caragana_korshinskii"] * 3, dtype=object)
    outside = shrubs.outside_range(np.array([0.9, 0.9, 2.0]), np.array([0.8, 0.8, 2.0]), np.array([1.0, 1.5, 1.0]), kinds)
    assert outside.tolist() == [0.0, 1.0, 1.0]
    assert shrubs.share_outside(np.array([3.0, 1.0]), np.array([0.0, 1.0]))[0, 0] == 0.25
    assert shrubs.share_outside(np.zeros(0), np.zeros(0))[0, 0] == 0.0


@given(st.sampled_from(sorted(set(shrub_equations()["species"]))), st.floats(1e-4, 50), st.floats(0.05, 3))
def test_mass_of_a_shrub_is_finite_and_never_falls_with_its_crown(key, crown, height):
    assert 0 <= shrub(key, crown, height) <= shrub(key, crown * 1.5, height) * (1 + 1e-12)


# -- plots (W8, W10) -------------------------------------------------------------------------------------------


def test_w8_one_sample():
    """34 plots, mean 45.328, s 12.776: t 1.692360, half-width 3.708073, U 8.180535 %."""
    t = plots.t_quantile(0.95, 33)
    assert float(t) == pytest.approx(1.692360, abs=5e-7)
    error = 12.776 / 34**0.5
    assert float(plots.relative_error(np.array([[45.328]]), np.array([[error]]), t)[0, 0]) == pytest.approx(0.08180535, abs=5e-9)


def test_w8_strata():
    values = {0: [42, 55, 38, 61, 47, 50], 1: [70, 82, 66, 91, 77, 85, 73, 80], 2: [20, 28, 15, 31]}
    strata = np.array([place for place, one in values.items() for _ in one])
    biomass = np.array([[float(value) for one in values.values() for value in one]])
    area = np.array([300.0, 500.0, 200.0])
    change = plots.stratum_change(area, biomass, strata)
    assert (change / area)[0].tolist() == pytest.approx([48.833333, 78.0, 23.5], abs=1e-6)
    error = plots.stratum_standard_error(area, biomass, strata)
    assert float(np.sqrt((error**2).sum())) / 1000 == pytest.approx(1.925697, abs=5e-7)
    freedom = plots.degrees_of_freedom(strata, 3).sum()
    assert freedom == 15
    assert float(plots.relative_error(change, error, plots.t_quantile(0.95, freedom))[0, 0]) == pytest.approx(0.05785508, abs=5e-9)
    assert plots.stock_of_plots(area, biomass, strata, 0.47, 44 / 12).sum() == pytest.approx(100_556.5)


def test_w8_difference_of_stocks_and_discounts():
    """Two independent stocks: u_dC 63.883478 %, all of it is deducted; the two tables at U = 22 % and the tool's own example."""
    limits, shares = (0.10, 0.15, 0.20, 0.30), (0.25, 0.50, 0.75, 1.00)
    u = plots.difference_error(100_000 * ONE, 0.08, 118_000 * ONE, 0.07)
    assert u[0] == pytest.approx(0.63883478, abs=5e-9)
    assert deductions.less_share_of_error(18_000 * ONE, u, deductions.artool14_share_of_error(u, limits, shares))[0] == pytest.approx(
        6500.973954, abs=1e-5
    )
    change, error = 6747.150497 * ONE, 0.22 * ONE
    assert deductions.less_share_of_error(change, error, deductions.artool14_share_of_error(error, limits, shares))[0] == pytest.approx(
        5633.870665, abs=1e-5
    )
    rates = [float(deductions.precision_rate(np.array([[one]]), (0.10, 0.20, 0.30), (0.06, 0.11))[0, 0]) for one in (0.14, 0.22)]
    assert [6747.150497 * (1 - one) for one in rates] == pytest.approx([6342.321468, 6004.963943], abs=2e-6)
    with pytest.raises(Refusal):
        deductions.precision_rate(np.array([[0.31]]), (0.10, 0.20, 0.30), (0.06, 0.11))


@pytest.mark.parametrize(("error", "share"), [(0.10, 0.0), (0.1001, 0.25), (0.15, 0.25), (0.20, 0.50), (0.30, 0.75), (0.3001, 1.0)])
def test_limits_of_artool14(error, share):
    assert deductions.artool14_share_of_error(error * ONE, (0.10, 0.15, 0.20, 0.30), (0.25, 0.50, 0.75, 1.00))[0] == share


def test_w10():
    size = plots.sample_size(1000.0, 0.06, np.array([0.3, 0.5, 0.2]), np.array([22.0, 30.0, 12.0]), 55.0, 0.10, 1.645, 0.95, 3)
    assert (size.plots, size.by_stratum) == (54, (15, 34, 6))
    assert size.exact_by_stratum == pytest.approx((14.85, 33.75, 5.40))
    with pytest.raises(ValueError, match="spread 0"):
        plots.sample_size(1000.0, 0.06, np.array([1.0]), np.array([0.0]), 55.0, 0.10, 1.645, 0.95, 3)


def test_a_change_of_zero_with_an_error_has_an_infinite_error():
    assert np.isinf(plots.relative_error(np.zeros((1, 2)), np.ones((1, 2)), 1.7)[0, 0])
    assert plots.relative_error(np.zeros((1, 2)), np.zeros((1, 2)), 1.7)[0, 0] == 0.0


def test_standard_errors_cover():
    """Strata of normal plots: the 90 % interval holds the truth nine times in ten."""
    generator = np.random.default_rng(20260101)
    area, truth, strata = np.array([300.0, 700.0]), np.array([10.0, 20.0]), np.repeat([0, 1], [6, 10])
    hits, runs = 0, 4000
    values = generator.normal(truth[strata], np.array([3.0, 5.0])[strata], (runs, 16))
    change, error = plots.stratum_change(area, values, strata), plots.stratum_standard_error(area, values, strata)
    half = plots.t_quantile(0.95, 14) * np.sqrt((error**2).sum(axis=1))
    hits = int((np.abs(change.sum(axis=1) - (area * truth).sum()) <= half).sum())
    assert hits / runs == pytest.approx(0.90, abs=0.02)


# -- soil, fire, leakage (W5, W6) ---------------------------------------------------------------------------------


def test_w5():
    assert float(soil.management_soil_rate(43.0, 0.90, 1.00, 20.0)) == pytest.approx(0.215)
    assert float(soil.soil_gain(50_000.0, 0.215, 1.0, 44 / 12)) == pytest.approx(39_416.667, abs=1e-3)
    assert float(soil.afforestation_rate(50.0, 0.80, 1.02, 0.95, 0.2, 0.1, 0.1, 20.0, 0.8)) == pytest.approx(0.7558)
    assert float(soil.afforestation_rate(95.0, 0.69, 1.00, 0.92, 0.0, 0.1, 0.1, 20.0, 0.8)) == 0.8


def test_w6():
    assert float(fire.fire_of_trees(500.0, 60.0, 0.40, 4.7, 0.26, 28.0, 265.0, 1e-3)) == pytest.approx(2406.0)
    assert float(fire.fire_of_dead_matter(500.0, 8.0, 4.0, 0.07)) == pytest.approx(420.0)
    assert fire.counted_fires(np.array([40.0, 10.0]), np.array([50.0, 10.0]), 1000.0, 0.05).tolist() == [40.0, 0.0]


def test_equal_soil_mass_is_not_equal_depth():
    """A soil that was compacted holds no more carbon at the same mass."""
    loose = soil.equivalent_mass_stock(np.array([1000.0, 1200.0]), np.array([20.0, 18.0]), 2000.0)
    dense = soil.equivalent_mass_stock(np.array([1100.0, 1320.0]), np.array([22.0, 19.8]), 2000.0)
    assert float(loose) == pytest.approx(20 + 18 * 1000 / 1200)
    assert float(dense) == pytest.approx(22 + 19.8 * 900 / 1320)
    assert float(dense - loose) == pytest.approx(0.5)


def test_one_sided_t():
    """VM0042: 0.4307 at large n."""
    assert float(plots.t_quantile(0.6667, 1e6)) == pytest.approx(0.4307, abs=2e-4)
    assert float(plots.t_quantile(0.6667, 10)) == pytest.approx(stats.t.ppf(0.6667, 10), abs=1e-9)
    assert deductions.one_sided_rate(np.zeros(1), ONE, 0.4307)[0] == 1.0
    assert deductions.one_sided_rate(np.zeros(1), np.zeros(1), 0.4307)[0] == 0.0


# -- buffer, cycles, dates -------------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.lists(st.floats(0, 1e6), min_size=1, max_size=12))
def test_whole_tonnes_add_up(whole, shares):
    parts = buffer.largest_remainder(whole, {str(place): share for place, share in enumerate(shares)})
    total = sum(shares)
    assert sum(parts.values()) == (whole if total > 0 else 0)
    if total > 1e-3:
        assert all(abs(parts[str(place)] - whole * share / total) < 1 + 1e-6 * whole for place, share in enumerate(shares))


def test_risk_share_of_a_deficit():
    """A stratum may lose; the share is taken where the whole gains."""
    net = np.array([[100.0, -20.0], [-100.0, 20.0]])
    assert buffer.less_risk_share(net, 0.10).tolist() == [[90.0, -18.0], [-100.0, 20.0]]


def test_cycles():
    average = cycles.long_term_average(np.array([0.0, 3.0, 4.0]), np.array([2.0, 8.0, 8.0]))
    assert float(average) == pytest.approx((3 * 5 + 8) / 4)
    assert cycles.at_most_average(np.array([3.0, 9.0]), average).tolist() == [3.0, 5.75]
    assert float(cycles.index_slope(np.array([2018.0, 2020.0, 2022.0]), np.array([1.0, 2.0, 3.0]))) == 0.5


def test_years_of_a_period():
    shares = dates.shares_of_years("2021-03-01", "2026-03-01")
    assert list(shares) == [2021, 2022, 2023, 2024, 2025, 2026]
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares[2024] * 1826 == pytest.approx(366)
    assert dates.shares_of_years("2022-12-31", "2023-12-31") == {2023: 1.0}
    assert dates.years_between("2016-01-01", "2020-06-01") == pytest.approx(4.417, abs=1e-3)
    assert dates.years_added(dates.parse("2024-02-29"), 1).isoformat() == "2025-02-28"


def test_group_sums_leave_strangers_out():
    values = np.arange(12.0).reshape(2, 6)
    sums = arrays.group_sums(values, np.array([2, 0, -1, 0, 2, 5]), 3)
    assert sums.tolist() == [[4.0, 0.0, 4.0], [16.0, 0.0, 16.0]]


# -- tables of equations -----------------------------------------------------------------------------------------------


def test_tables_of_equations_carry_their_evidence():
    for table in (tree_equations(), shrub_equations()):
        assert table["tag"].str.fullmatch(r"F\*?:\d+").all()
        assert set(table["species"]) <= set(species.SPECIES.read(species.Path(species.__file__).with_name("species.csv"))["key"])
        assert not table.loc[table["tag"].str.contains(r"\*"), "verified"].any()
    assert len(allometry.equations_of({"larch", "caragana_korshinskii"})) == 7


@pytest.mark.parametrize(
    ("name", "key"),
    [("柠条", "caragana_korshinskii"), ("Larix gmelinii", "larch"), ("BETULA PLATYPHYLLA", "white_birch"), ("未知", "未知")],
)
def test_names_of_species(name, key):
    assert species.species_key(name) == key
