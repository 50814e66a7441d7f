"""Accuracy and area from a reference sample: published tables, closed forms, an independent way, and strata that say nothing."""

import numpy as np
import pytest

from sinks.equations.area_estimation import map_strata_estimate, stratified_estimate

Z = 1.959964

# Olofsson et al. (2014), Remote Sens. Environ. 148:42-57, Table 8: deforestation, forest gain, stable forest, stable non-forest.
# The counts and the results of its page 54 were read in two public implementations that reproduce them (hagc/mapaccuracy,
# agcopenhaver/PyMapAccuracy), and agree with what is remembered of the paper; the paper itself was not at hand.
MATRIX_2014 = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
PIXELS_2014 = np.array([200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0])
HECTARES_2014 = PIXELS_2014 * 0.09


def test_olofsson_2014_printed_values():
    """Page 54: accuracies and half-widths to two digits, areas and half-widths in hectares, of 30 m pixels."""
    found = map_strata_estimate(MATRIX_2014, HECTARES_2014)
    np.testing.assert_array_equal(np.round(found.users, 2), [0.88, 0.73, 0.93, 0.96])
    np.testing.assert_array_equal(np.round(Z * np.sqrt(found.users_variance), 2), [0.07, 0.10, 0.04, 0.02])
    np.testing.assert_array_equal(np.round(found.producers, 2), [0.75, 0.85, 0.93, 0.96])
    np.testing.assert_array_equal(np.round(Z * np.sqrt(found.producers_variance), 2), [0.21, 0.25, 0.03, 0.02])
    assert round(found.overall, 2) == 0.95
    assert round(Z * found.overall_variance**0.5, 2) == 0.02
    area = HECTARES_2014.sum()
    np.testing.assert_array_equal(np.round(found.shares * area), [21_158, 11_686, 285_770, 581_386])
    np.testing.assert_allclose(Z * np.sqrt(np.diag(found.share_covariance)) * area, [6_158, 3_756, 15_510, 16_281], atol=1)


def test_olofsson_2014_arithmetic_of_deforestation():
    """Eq 9 and 10 by hand: 0.02*66/75 + 0.32*1/165 + 0.645*2/325, and the same with W^2 p(1-p)/(n-1)."""
    share = 0.02 * 66 / 75 + 0.015 * 0 + 0.32 * 1 / 165 + 0.645 * 2 / 325
    variance = 0.02**2 * (66 / 75) * (9 / 75) / 74 + 0.32**2 * (1 / 165) * (164 / 165) / 164 + 0.645**2 * (2 / 325) * (323 / 325) / 324
    found = map_strata_estimate(MATRIX_2014, PIXELS_2014)
    assert found.shares[0] == pytest.approx(share, rel=1e-12)
    assert round(share * 10_000_000) == 235_086
    assert found.share_covariance[0, 0] == pytest.approx(variance, rel=1e-12)
    assert round(variance**0.5 * 10_000_000) == pytest.approx(34_907, abs=1)


def test_olofsson_2014_equation_7():
    """The producer's variance of the linearised ratio is the printed Eq 7."""
    matrix, areas = np.array(MATRIX_2014, dtype=float), PIXELS_2014
    number = matrix.sum(axis=1)
    users = np.diag(matrix) / number
    found = map_strata_estimate(matrix, areas)
    for j in range(4):
        column = (areas * matrix[:, j] / number).sum()
        producer = areas[j] * users[j] / column
        others = [i for i in range(4) if i != j]
        spread = sum(areas[i] ** 2 * matrix[i, j] / number[i] * (1 - matrix[i, j] / number[i]) / (number[i] - 1) for i in others)
        own = areas[j] ** 2 * (1 - producer) ** 2 * users[j] * (1 - users[j]) / (number[j] - 1)
        assert found.producers_variance[j] == pytest.approx((own + producer**2 * spread) / column**2, rel=1e-12)


def test_olofsson_2013_example():
    """Olofsson et al. (2013), Remote Sens. Environ. 129:122-131, first example: 45,112 pixels of forest loss, standard error 10,751."""
    found = map_strata_estimate([[97, 0, 3], [3, 279, 18], [2, 1, 97]], [22_353.0, 1_122_543.0, 610_228.0])
    pixels = 22_353 + 1_122_543 + 610_228
    assert found.shares[0] * pixels == pytest.approx(45_112, abs=1)
    assert found.share_covariance[0, 0] ** 0.5 * pixels == pytest.approx(10_752, abs=1)
    np.testing.assert_array_equal(np.round(found.users, 2), [0.97, 0.93, 0.97])
    np.testing.assert_array_equal(np.round(found.producers, 2), [0.48, 0.99, 0.90])


# Stehman (2014), Int. J. Remote Sens. 35:4923-4939, numerical example: stratum, map class and reference class of 40 samples, strata of
# 40,000, 30,000, 20,000 and 10,000 pixels. Data and results read in the same two implementations, with the pages 4932 to 4936 they name.
STRATA_2014 = "A" * 10 + "B" * 10 + "C" * 10 + "D" * 10
MAP_2014 = "AAAAAAABBB" + "A" + "B" * 9 + "BBCCCCCCBB" + "D" * 10
REFERENCE_2014 = "AAAAACBABC" + "ABBBBBAABB" + "CCCCCDDBBA" + "DDDDDDDCCB"


def cells(strata, mapped, reference, names="ABCD"):
    """Counts by stratum, map class and reference class."""
    counts = np.zeros((len(names), len(names), len(names)))
    for s, m, r in zip(strata, mapped, reference, strict=True):
        counts[names.index(s), names.index(m), names.index(r)] += 1
    return counts


@pytest.fixture
def stehman():
    """The numerical example."""
    return stratified_estimate(cells(STRATA_2014, MAP_2014, REFERENCE_2014), [40_000, 30_000, 20_000, 10_000])


def test_stehman_2014_printed_values(stehman):
    """Areas of A and C, overall, user's and producer's accuracy of B, and cell (B, C), with their standard errors."""
    assert stehman.shares[0] == pytest.approx(0.35)
    assert stehman.shares[2] == pytest.approx(0.20)
    assert stehman.overall == pytest.approx(0.63)
    assert round(stehman.users[1], 3) == 0.574
    assert round(stehman.producers[1], 3) == 0.794
    assert stehman.proportions[1, 2] == pytest.approx(0.08)
    errors = np.sqrt(np.diag(stehman.share_covariance))
    assert [round(errors[0], 3), round(errors[2], 3)] == [0.082, 0.064]
    assert round(stehman.overall_variance**0.5, 3) == 0.085
    assert round(stehman.users_variance[1] ** 0.5, 3) == 0.125


def test_stehman_2014_producers_error_is_not_the_printed_one(stehman):
    """The paper is said to print 0.114 for class B; its own data and Eq 28 give 0.1166, here by hand (the other implementations as well).

    y = map and reference B, x = reference B. Stratum means y: .1, .7, .1, 0; x: .2, .7, .2, .1; X = 34,000, P = 27/34.
    """
    y = {"A": [0] * 8 + [1, 0], "B": [0, 1, 1, 1, 1, 1, 0, 0, 1, 1], "C": [0] * 8 + [1, 0], "D": [0] * 10}
    x = {"A": [0] * 6 + [1, 0, 1, 0], "B": y["B"], "C": [0] * 7 + [1, 1, 0], "D": [0] * 9 + [1]}
    pixels = {"A": 40_000, "B": 30_000, "C": 20_000, "D": 10_000}
    ratio, column = 27 / 34, 34_000
    variance = 0.0
    for name, area in pixels.items():
        residual = np.array(y[name]) - ratio * np.array(x[name])
        variance += area**2 * residual.var(ddof=1) / 10
    assert (variance**0.5 / column) == pytest.approx(stehman.producers_variance[1] ** 0.5, rel=1e-12)
    assert round(stehman.producers_variance[1] ** 0.5, 3) == 0.117


def test_both_estimators_are_one_where_strata_are_the_map():
    """Olofsson's and Stehman's agree to rounding."""
    counts = np.zeros((4, 4, 4))
    counts[np.arange(4), np.arange(4)] = MATRIX_2014
    one, two = map_strata_estimate(MATRIX_2014, PIXELS_2014), stratified_estimate(counts, PIXELS_2014)
    for name in ("proportions", "shares", "share_covariance", "overall", "overall_variance", "users_variance", "producers_variance"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-12, atol=1e-18)


def test_covariance_against_brute_force():
    """Covariance of adjusted shares over 20,000 samples drawn anew from the fitted strata."""
    rng = np.random.default_rng(5)
    matrix = np.array(MATRIX_2014, dtype=float)
    number, weight = matrix.sum(axis=1), PIXELS_2014 / PIXELS_2014.sum()
    drawn = np.stack([rng.multinomial(int(n), row / n, size=20_000) / n for n, row in zip(number, matrix, strict=True)])
    shares = (weight[:, None, None] * drawn).sum(axis=0)
    found = map_strata_estimate(matrix, PIXELS_2014)
    empirical = np.cov(shares.T)
    scale = np.sqrt(np.outer(np.diag(empirical), np.diag(empirical)))
    np.testing.assert_allclose(found.share_covariance / scale, empirical / scale, atol=0.04)


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e6])
def test_shares_do_not_depend_on_the_unit_of_area(scale):
    """Hectares or pixels: the same shares and variances, shares sum to one and their covariance to nothing."""
    found, base = map_strata_estimate(MATRIX_2014, PIXELS_2014 * scale), map_strata_estimate(MATRIX_2014, PIXELS_2014)
    np.testing.assert_allclose(found.share_covariance, base.share_covariance, rtol=1e-12, atol=1e-22)
    assert found.shares.sum() == pytest.approx(1.0, abs=1e-15)
    np.testing.assert_allclose(found.share_covariance.sum(axis=1), 0.0, atol=1e-18)


def test_equal_weights_change_nothing(stehman):
    """Weights that are equal inside strata are no weights."""
    counts = cells(STRATA_2014, MAP_2014, REFERENCE_2014)
    each = np.array([4_000.0, 3_000.0, 2_000.0, 1_000.0])[:, None, None]
    found = stratified_estimate(counts, [40_000, 30_000, 20_000, 10_000], weights=counts * each, squared_weights=counts * each**2)
    np.testing.assert_allclose(found.share_covariance, stehman.share_covariance, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(found.producers, stehman.producers, rtol=1e-12)


def test_unequal_weights_by_hand():
    """Two units of a stratum, one standing for three times the area: mean 0.75, variance 2 * (9 + 1) / 16 * 0.25^2 ... by hand."""
    counts = np.zeros((1, 2, 2))
    counts[0, 0, 0], counts[0, 0, 1] = 1, 1
    weights, squares = counts.copy(), counts.copy()
    weights[0, 0, 0], squares[0, 0, 0] = 3.0, 9.0
    found = stratified_estimate(counts, [100.0], weights=weights, squared_weights=squares)
    assert found.shares[0] == pytest.approx(0.75)
    by_hand = 2 / 1 * (9 * (1 - 0.75) ** 2 + 1 * (0 - 0.75) ** 2) / 4**2
    assert found.share_covariance[0, 0] == pytest.approx(by_hand, rel=1e-12)


def test_a_stratum_with_one_sample_has_no_variance():
    """One sample tells nothing about spread: NaN and flagged, not zero; what it cannot touch stays known."""
    found = map_strata_estimate([[1, 0], [3, 30]], [100.0, 900.0])
    assert found.single.tolist() == [True, False]
    assert np.isnan(found.share_covariance).all()
    assert not found.shares_known.any()
    assert not found.overall_known
    assert found.users_known.tolist() == [False, True]
    assert found.shares.sum() == pytest.approx(1.0)


def test_a_stratum_without_samples_has_no_estimate():
    """Area that nobody looked at leaves shares and overall accuracy unknown; the other class's user's accuracy stands."""
    found = map_strata_estimate([[0, 0], [3, 30]], [100.0, 900.0])
    assert found.empty.tolist() == [True, False]
    assert np.isnan(found.shares).all()
    assert np.isnan(found.overall)
    assert found.users_known.tolist() == [False, True]
    assert found.users[1] == pytest.approx(30 / 33)


def test_strata_without_area_do_not_matter():
    """A class that the map does not have is no stratum."""
    found = map_strata_estimate([[0, 0], [3, 30]], [0.0, 900.0])
    assert not found.empty.any()
    assert found.shares_known.all()


def test_no_spread_is_flagged_and_never_known():
    """All samples right: variance zero by formula, so nothing is known of it."""
    found = map_strata_estimate([[20, 0], [0, 30]], [100.0, 900.0])
    assert found.unspread.tolist() == [True, True]
    for known in (found.shares_known, found.overall_known, found.users_known, found.producers_known):
        assert not np.any(known)


def test_one_stratum_without_spread_beside_another():
    """The variance of the other stands, and the flag says that it is too small."""
    found = map_strata_estimate([[20, 0], [3, 30]], [100.0, 900.0])
    assert found.unspread.tolist() == [True, False]
    assert found.shares_known.all()
    assert found.users_known.tolist() == [False, True]
