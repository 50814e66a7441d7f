"""Draws of factors, propagation by the IPCC's rules, spatial covariance: against published numbers and brute force."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aoi.findings import InputError
from sinks.accounting.area_errors import AreaSample, shares_of
from sinks.accounting.errors import Effects, Source
from sinks.accounting.intervals import Drawn, ends, significant
from sinks.accounting.response import response
from sinks.equations import error_propagation as ipcc
from sinks.equations.area_estimation import map_strata_estimate, stratified_estimate
from sinks.equations.spatial import Window, block_correlation, low_rank, reach_of
from sinks.factors.resolver import standard_error
from sinks.factors.table import FACTORS, FactorTable, check_factors
from sinks.uncertainty import factor_draws, normal_draws, quantiles_of

COUNT = 20_000


def table_of(*rows: dict) -> FactorTable:
    """Factors of these rows."""
    plain = {"name": "f", "unit": "-", "source": "here", "verified": False}
    return FactorTable.of(FACTORS.typed(pd.DataFrame([{**plain, **row} for row in rows])))


DISTRIBUTIONS = {
    "normal": {"value": 3.0, "low": 1.0, "high": 5.0, "range_kind": "ci95"},
    "truncated_normal": {"value": 3.0, "low": 1.5, "high": 4.5, "range_kind": "ci95"},
    "lognormal": {"value": 3.0, "low": 0.5, "high": 5.5, "range_kind": "two_se"},
    "triangular": {"value": 3.0, "low": 1.0, "high": 7.0, "range_kind": "min_max"},
    "outer third": {"value": 2.9, "low": 0.2, "high": 21.3, "range_kind": "min_max", "distribution": "triangular"},
    "uniform": {"value": 3.0, "low": 1.0, "high": 5.0, "range_kind": "min_max"},
    "beta": {"value": 0.3, "low": 0.1, "high": 0.5, "range_kind": "two_se"},
}


def frozen(name: str):
    """The distribution from scipy, by its own parameters."""
    row = DISTRIBUTIONS[name]
    value, low, high = row["value"], row["low"], row["high"]
    error = (high - low) / (4 if row["range_kind"] == "two_se" else 2 * stats.norm.ppf(0.975))
    if name == "normal":
        return stats.norm(value, error)
    if name == "truncated_normal":
        return stats.truncnorm(-value / error, np.inf, value, error)
    if name == "lognormal":
        sigma2 = np.log(1 + (error / value) ** 2)
        return stats.lognorm(np.sqrt(sigma2), scale=value * np.exp(-sigma2 / 2))
    if name == "triangular":
        return stats.triang((3 * value - 2 * low - high) / (high - low), low, high - low)
    if name == "outer third":
        mean = (value - low) / (high - low)
        size = mean * (1 - mean) * 36 - 1
        return stats.beta(mean * size, (1 - mean) * size, low, high - low)
    if name == "uniform":
        return stats.uniform(low, high - low)
    size = value * (1 - value) / error**2 - 1
    return stats.beta(value * size, (1 - value) * size)


@pytest.mark.parametrize("sampling", ["stratified", "plain"])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draws_follow_their_distribution(name, sampling):
    """Kolmogorov-Smirnov against scipy's own distribution; mean and spread are those of the row."""
    table = table_of({"id": "a", "distribution": name} | DISTRIBUTIONS[name])
    drawn = factor_draws(table, np.array([0]), 7, COUNT, sampling)[:, 0]
    assert stats.kstest(drawn, frozen(name).cdf).statistic < (1.2 / COUNT if sampling == "stratified" else 0.014)
    assert drawn.mean() == pytest.approx(frozen(name).mean(), rel=0.01)
    if name != "truncated_normal":
        assert drawn.std() == pytest.approx(standard_error(table)[0], rel=0.02)


def test_a_negative_factor_keeps_its_sign():
    """Lognormal and truncated normal of a negative value are their mirror images."""
    rows = [{"id": name, "distribution": name, "value": -3.0, "low": -6.5, "high": 0.5, "range_kind": "two_se"} for name in ("lognormal", "truncated_normal")]
    drawn = factor_draws(table_of(*rows), np.arange(2), 7, COUNT)
    assert (drawn < 0).all()
    assert drawn[:, 0].mean() == pytest.approx(-3.0, rel=0.01)


def test_another_factor_moves_no_draw():
    """Draws come from the seed and the id alone: not from what else is drawn, nor in which order."""
    rows = [{"id": id, "distribution": "normal", **DISTRIBUTIONS["normal"]} for id in ("b", "c", "a")]
    alone = factor_draws(table_of(rows[0]), np.array([0]), 7, 50)[:, 0]
    table = table_of(*rows)
    several = factor_draws(table, np.arange(3), 7, 50)
    place = list(table.id).index("b")
    np.testing.assert_array_equal(several[:, place], alone)
    assert abs(np.corrcoef(several.T)[0, 1]) < 0.5
    assert not np.array_equal(alone, factor_draws(table_of(rows[0]), np.array([0]), 8, 50)[:, 0])


def test_stratified_draws_have_one_in_each_part():
    """Latin hypercube: sorted, the draws lie in consecutive parts of equal chance."""
    drawn = np.sort(quantiles_of("x", 1, 1000, "stratified"))
    np.testing.assert_array_equal(np.floor(drawn * 1000), np.arange(1000))
    assert normal_draws("x", 3, 1, 1000, "stratified").shape == (1000, 3)


@pytest.mark.parametrize(
    ("row", "id"),
    [
        ({"distribution": "normal", "value": 6.0, "low": 1.0, "high": 5.0, "range_kind": "ci95"}, "E-FACTOR-02"),
        ({"distribution": "normal", "value": 3.0, "low": 5.0, "high": 1.0, "range_kind": "ci95"}, "E-FACTOR-02"),
        ({"distribution": "lognormal", "value": 0.0, "low": -1.0, "high": 1.0, "range_kind": "ci95"}, "E-FACTOR-11"),
        ({"distribution": "beta", "value": 1.2, "low": 1.0, "high": 1.3, "range_kind": "ci95"}, "E-FACTOR-11"),
        ({"distribution": "beta", "value": 0.5, "low": -0.6, "high": 1.6, "range_kind": "ci95"}, "E-FACTOR-11"),
        ({"distribution": "normal", "value": 3.0, "low": 1.0}, "E-FACTOR-03"),
    ],
)
def test_ranges_that_cannot_be(row, id):
    """A range that does not contain its value, is turned round or does not fit its distribution is told."""
    given_row = {"id": "a", "name": "f", "unit": "-", "source": "here", **row}
    frame, wrong = FACTORS.parse(",".join(given_row) + "\n" + ",".join(map(str, given_row.values())) + "\n", "file")
    assert wrong == []
    assert [one.id for one in check_factors(frame, "file")] == [id]


def test_propagation_of_the_worked_example():
    """METHODOLOGIES W9: sum, product, the chain A V BCEF (1 + R) CF, and the trend, to the printed digits."""
    x, u = [-60.0, -25.0, -3.0, 1.5], [20.0, 60.0, 80.0, 110.0]
    assert ipcc.uncertainty_of_sum(x, u) == pytest.approx(22.461166, abs=5e-7)
    assert ipcc.uncertainty_of_product([10, 30, 5]) == pytest.approx(32.015621, abs=5e-7)
    ratio = ipcc.uncertainty_of_one_plus(30.0, 0.24)
    assert ratio == pytest.approx(5.806452, abs=5e-7)
    assert ipcc.uncertainty_of_product([2, 8, 20, ratio, 4]) == pytest.approx(22.753349, abs=5e-7)
    start = [-57.0, -22.0, -3.0, 1.5]
    type_a, type_b = ipcc.trend_sensitivities(start, x)
    assert (type_a[0], type_b[0]) == (pytest.approx(0.015400, abs=5e-7), pytest.approx(0.745342, abs=5e-7))
    assert ipcc.trend_uncertainty(start, x, [3, 3, 10, 10], u) == pytest.approx(3.643173, abs=5e-7)
    assert (sum(x) - sum(start)) / abs(sum(start)) * 100 == pytest.approx(-7.453416, abs=5e-7)


def test_monte_carlo_of_the_worked_example():
    """METHODOLOGIES W9: three normals and a lognormal; the tolerance that it states for other implementations."""
    rows = [
        {"id": str(number), "distribution": "lognormal" if x > 0 else "normal", "value": x, "range_kind": "two_se",
         "low": x - 2 * abs(x) * u / 196, "high": x + 2 * abs(x) * u / 196}
        for number, (x, u) in enumerate(zip((-60.0, -25.0, -3.0, 1.5), (20, 60, 80, 110), strict=True))
    ]  # fmt: skip
    drawn = factor_draws(table_of(*rows), np.arange(4), 20260101, 200_000).sum(axis=1)
    low, high = ends(drawn[:, None])
    assert drawn.mean() == pytest.approx(-86.4810, abs=0.1)
    assert (low[0], high[0]) == (pytest.approx(-105.9176, abs=0.3), pytest.approx(-66.9484, abs=0.3))


def test_products_of_large_errors_differ_from_approach_1():
    """30 % and 100 %: approach 1 gives 104 % (in the IPCC's sense); the product of lognormals is wider and not symmetric."""
    rows = [{"id": id, "distribution": "lognormal", "value": 1.0, "low": 1 - half, "high": 1 + half, "range_kind": "ci95"}
            for id, half in (("a", 0.3), ("b", 1.0))]  # fmt: skip
    small = [{**row, "low": 1 - half, "high": 1 + half} for row, half in zip(rows, (0.03, 0.04), strict=True)]
    for given_rows, agree in ((small, True), (rows, False)):
        table = table_of(*given_rows)
        drawn = factor_draws(table, np.arange(2), 3, 100_000).prod(axis=1)
        low, high = ends(drawn[:, None])
        first = ipcc.uncertainty_of_product((table.high - 1) * 100) / 100
        assert bool((high[0] - low[0]) / 2 == pytest.approx(first, rel=0.01)) is agree
        assert abs((high[0] - 1) - (1 - low[0])) < 0.005 if agree else (high[0] - 1) > 1.3 * (1 - low[0])


# -- errors that hang together in space -----------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 6), st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_sums_by_fourier_transforms_are_those_of_all_pairs(height, width, row, column, seed):
    """Two windows anywhere: the covariance is the sum over all pairs of blocks within reach."""
    random = np.random.default_rng(seed)
    kernel = block_correlation(5.0, 4.0, 12.0, (6, 7))
    one = Window(0, 0, random.random((2, height, width)))
    other = Window(row, column, random.random((3, 4, 5)))
    expected = np.zeros((2, 3))
    for r, c in np.ndindex(height, width):
        for r2, c2 in np.ndindex(4, 5):
            down, across = r2 + row - r, c2 + column - c
            if abs(down) <= 6 and abs(across) <= 7:
                expected += kernel[down + 6, across + 7] * np.outer(one.weights[:, r, c], other.weights[:, r2, c2])
    np.testing.assert_allclose(one.spread(kernel).dot(other), expected, atol=1e-12)


def test_correlation_of_blocks_is_the_mean_over_their_points():
    """Against a fine grid of points in two blocks; far away the centres are enough; at no distance a block has less than 1 in common with itself."""
    kernel = block_correlation(5.0, 5.0, 20.0, (4, 4))
    points = (np.arange(20) + 0.5) / 4.0
    y, x = np.meshgrid(points, points)
    for down, across in ((0, 0), (0, 1), (2, 1), (4, 4)):
        distance = np.hypot(y[..., None, None] - (y + 5 * down), x[..., None, None] - (x + 5 * across))
        assert kernel[4 + down, 4 + across] == pytest.approx(np.exp(-distance / 20).mean(), rel=3e-3)
    assert kernel[4, 4] < 0.9
    assert reach_of(20.0, 5.0, 5.0, (100, 3)) == (28, 3)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_independent_effects_have_the_covariance(size, rank, seed):
    """The pivoted factor gives back every covariance, of full or lower rank."""
    rows = np.random.default_rng(seed).normal(size=(rank, size))
    covariance = rows.T @ rows
    effects = low_rank(covariance)
    assert len(effects) <= min(rank, size)
    np.testing.assert_allclose(effects.T @ effects, covariance, atol=1e-8 * covariance.trace())


def test_effects_add_before_they_are_squared():
    """Two leagues that share a factor: together 3 + 4 = 7, not 5; an error of each alone adds in quadrature."""
    shared = Effects.of([(Source("factor", "f"), np.array([[3.0, 4.0]]))], 2)
    alone = Effects.of([(Source("map", "m"), np.array([[3.0, 0.0], [0.0, 4.0]]))], 2)
    both = [np.array([0, 1])]
    assert shared.summed(both).standard_error()[0] == 7.0
    assert alone.summed(both).standard_error()[0] == 5.0
    assert shared.covariance(np.array([0, 1]))[0, 1] == 12.0
    together = Effects.of([*zip(shared.sources, [shared.rows], strict=True), *zip(alone.sources, [alone.rows], strict=True)], 2)
    np.testing.assert_array_equal(together.variances(), [[9.0, 16.0], [9.0, 16.0]])
    np.testing.assert_array_equal(together.without("factor").rows, alone.rows)


# -- areas ----------------------------------------------------------------------------------------------------

OLOFSSON = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]], dtype=float)
"""Olofsson et al. 2014, Table 8: deforestation, forest gain, stable forest, stable non-forest; see tests of `sinks.equations.area_estimation`."""
AREAS = np.array([200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0])


def matrix_sample(counts, areas) -> AreaSample:
    """A sample whose strata are the map classes."""
    cells = np.zeros((len(areas),) * 3)
    cells[np.arange(len(areas)), np.arange(len(areas))] = counts
    return AreaSample("m.csv", tuple("abcd"[: len(areas)]), cells, cells, cells, np.asarray(areas, dtype=float))


def test_shares_give_the_published_adjusted_areas():
    """Applied to the whole map the shares and their effects are the published areas and standard errors (Olofsson et al. 2014)."""
    shares = shares_of(matrix_sample(OLOFSSON, AREAS))
    estimate = map_strata_estimate(OLOFSSON, AREAS)
    adjusted = AREAS @ shares.shares
    np.testing.assert_allclose(adjusted, estimate.shares * AREAS.sum(), rtol=1e-12)
    assert round(adjusted[0]) == 235_086
    changes = np.einsum("i,kij->kj", AREAS, shares.effects)
    np.testing.assert_allclose(changes.T @ changes, estimate.share_covariance * AREAS.sum() ** 2, rtol=1e-9, atol=1e-3)
    np.testing.assert_allclose(changes.sum(axis=1), 0.0, atol=1e-6)


def test_shares_of_other_strata_and_weights():
    """Strata that are not the map classes, units with weights: the areas' covariance is that of the ratio estimator where the map's shares are known."""
    random = np.random.default_rng(3)
    counts = random.integers(1, 9, size=(3, 2, 2)).astype(float)
    sample = AreaSample("s.csv", ("a", "b"), counts, counts, counts, np.array([5.0, 3.0, 2.0]))
    shares = shares_of(sample)
    estimate = stratified_estimate(counts, sample.areas)
    mapped = estimate.proportions.sum(axis=1)
    np.testing.assert_allclose(shares.shares, estimate.proportions / mapped[:, None], rtol=1e-12)
    users = np.einsum("kii->ki", shares.effects)
    np.testing.assert_allclose((users**2).sum(axis=0), estimate.users_variance, rtol=1e-9)
    weighted = AreaSample("s.csv", ("a", "b"), counts, counts * 2.5, counts * 2.5**2, sample.areas)
    np.testing.assert_allclose(shares_of(weighted).effects, shares.effects, rtol=1e-12)


# -- results as a polynomial of the factors ------------------------------------------------------------------


def products(values):
    """Results like those of the accounting: products of up to four factors, added up; one is missing everywhere."""
    a, b, c, d = values.T
    return np.stack([5 * a * b + 2 * c, 7 * a * b * c - d, 0 * a + 3, np.full(len(a), np.nan)], axis=1)


def kinked(values):
    """The same with a minimum that only some draws reach."""
    return np.concatenate([products(values), np.minimum(values[:, :1], 1.2)], axis=1)


@pytest.mark.parametrize(("results", "short"), [(products, True), (kinked, False), (lambda values: values[:, :1] ** 1.5, False)])
def test_draws_take_the_short_way_only_where_it_is_exact(results, short):
    """Products are found exactly from few results; a minimum or a power is seen, and the whole accounting runs."""
    random = np.random.default_rng(4)
    central, moved = np.array([1.0, 2.0, 0.5, 3.0]), np.arange(4)
    steps = np.array([0.3, 0.2, 0.1, 0.5])
    trial = central + steps * random.normal(size=(24, 4))
    whole = results(central[None, :])[0]
    first = np.array([(results((central + steps * one)[None, :]) - results((central - steps * one)[None, :]))[0] / 2 for one in np.eye(4)])
    found = response(results, central, moved, steps, trial, (whole, first))
    assert (found is not None) is short
    if found is not None:
        draws = central + steps * random.normal(size=(500, 4))
        np.testing.assert_allclose(found(draws), np.nan_to_num(results(draws)), rtol=1e-10, atol=1e-10)
        assert len(found.sets) < 2**4


# -- numbers as they are printed ------------------------------------------------------------------------------


def test_ends_are_the_quantiles_of_numpy():
    draws = np.random.default_rng(1).normal(size=(1001, 3))
    np.testing.assert_allclose(ends(draws), np.quantile(draws, [0.025, 0.975], axis=0), rtol=1e-12)
    assert Drawn.of(draws).error == pytest.approx(draws.std(axis=0, ddof=1))


def test_significant_digits():
    np.testing.assert_array_equal(significant(np.array([0.0, 123456789.0, -1.23456789e-5, np.nan])), [0.0, 123456800.0, -1.234568e-5, np.nan])


def test_errors_of_a_table_of_factors_are_an_input_error(tmp_path):
    """A user's factor whose range does not contain its value stops the run with the row."""
    path = tmp_path / "factors.csv"
    path.write_text("id,value,distribution,low,high,range_kind,source\ncarbon_fraction.broadleaf,0.6,triangular,0.4,0.5,min_max,mine\n", encoding="utf-8")
    with pytest.raises(InputError) as found:
        FactorTable.shipped().with_overrides(path)
    assert [one.id for one in found.value.findings] == ["E-FACTOR-02"]
