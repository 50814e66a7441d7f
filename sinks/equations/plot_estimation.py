"""What field plots say of an area: means, totals and ratios with their variances, and plots that are needed.

Design-based: plots are a probability sample, nothing is assumed of the land. Sources: Cochran W. G. (1977),
Sampling Techniques, 3rd edition, Wiley (stratified 5.2-5.5, post-stratified 5A.9, ratio 6, regression 7,
two-phase 12); AR-TOOL14 equations 12-19 [ARTOOL14]; Saerndal, Swensson and Wretman (1992), Model Assisted
Survey Sampling, Springer (difference and regression estimator, chapter 6); McRoberts R. E. (2010), Remote
Sensing of Environment 114:1017-1025, for maps. No finite-population correction: plots are small.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.equations.arrays import Places, counts, group_moments

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, the variance of that value, and its degrees of freedom; NaN where the plots do not tell.

    ``variance`` is always that of ``value``: the variance of a total is the squared area
    times that of its mean (`total_of`).
    """

    value: float
    variance: float
    freedom: float

    @property
    def se(self) -> float:
        """The standard error of the value."""
        return float(np.sqrt(self.variance))


def total_of(mean: Estimate, area: float) -> Estimate:
    """A total from a mean per hectare [t ha-1] and an area [ha]: ``T = A m``, ``Var(T) = A^2 Var(m)``.

    Examples
    --------
    >>> total = total_of(Estimate(50.0, 4.0, 29.0), 1000.0)
    >>> total.value, total.se
    (50000.0, 2000.0)
    """
    return Estimate(area * mean.value, area**2 * mean.variance, mean.freedom)


def stratified_mean(values: Floats, strata: Places, weights: Floats) -> Estimate:
    """The mean over strata that were fixed before the sample was drawn (AR-TOOL14 Eq 12-17; Cochran 5.1, 5.5).

    ``m = sum W_h ybar_h``, ``Var = sum W_h^2 s_h^2 / n_h``, ``sum n_h - H`` degrees of freedom.

    Parameters
    ----------
    values : (n,)
        Measured at the plots [t ha-1].
    strata : (n,) int
        Stratum of each plot.
    weights : (H,)
        Shares of area; they sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([42, 55, 38, 61, 47, 50, 70, 82, 66, 91, 77, 85, 73, 80, 20, 28, 15, 31.0])
    >>> mean = stratified_mean(values, np.repeat([0, 1, 2], [6, 8, 4]), np.array([0.3, 0.5, 0.2]))
    >>> round(mean.value, 6), round(mean.se, 6), mean.freedom
    (58.35, 1.925697, 15.0)
    """
    number = counts(strata, len(weights))
    mean, variance = group_moments(values, strata, len(weights))
    of_mean = np.where(number > 1, variance / np.maximum(number, 1), np.nan)
    held = weights > 0
    value = float((weights * np.where(number > 0, mean, np.nan))[held].sum())
    return Estimate(value, float((weights**2 * of_mean)[held].sum()), float(number[held].sum() - held.sum()))


def poststratified_mean(values: Floats, strata: Places, weights: Floats) -> Estimate:
    """The mean over strata that are known only afterwards, of a simple random or systematic sample (Cochran 5A.42).

    ``Var = sum W_h s_h^2 / n + sum (1 - W_h) s_h^2 / n^2``: the second term is the price of
    numbers per stratum that chance decided.
    """
    plots = len(values)
    number = counts(strata, len(weights))
    mean, variance = group_moments(values, strata, len(weights))
    held = weights > 0
    spread = np.where(number > 1, variance, np.nan)[held]
    share = weights[held]
    value = float((weights * np.where(number > 0, mean, np.nan))[held].sum())
    return Estimate(value, float((share * spread).sum() / plots + ((1.0 - share) * spread).sum() / plots**2), float(plots - held.sum()))


def stratified_ratio(values: Floats, others: Floats, strata: Places, weights: Floats) -> Estimate:
    """The ratio of two means, ``R = sum W ybar / sum W xbar`` (combined ratio estimator, Cochran 6.50).

    ``Var = sum W_h^2 s_d,h^2 / n_h / xbar^2`` with ``d = y - R x``; biased by the order of 1/n.
    """
    top, bottom = stratified_mean(values, strata, weights), stratified_mean(others, strata, weights)
    ratio = top.value / bottom.value
    rest = stratified_mean(values - ratio * others, strata, weights)
    return Estimate(ratio, rest.variance / bottom.value**2, top.freedom)


def regression_mean(measured: Any, auxiliary: Any, auxiliary_mean: Any) -> Any:
    """AR-TOOL14 Eq 18: ``mean_sub + beta * (x_all - x_sub)``, ``beta = rho * s_y / s_x``; keeps units."""
    centred = auxiliary - auxiliary.mean()
    slope = (centred * (measured - measured.mean())).sum() / (centred**2).sum()
    return measured.mean() + slope * (auxiliary_mean - auxiliary.mean())


def double_sample_spread(measured: Any, auxiliary: Any, sub_share: Any) -> Any:
    """AR-TOOL14 Eq 19: ``s^2 * (1 - (1 - alpha) * rho^2)``, ``alpha = n_sub / n_all``; keeps units."""
    centred, spread = auxiliary - auxiliary.mean(), measured - measured.mean()
    correlation = (centred * spread).sum() ** 2 / ((centred**2).sum() * (spread**2).sum())
    variance = (spread**2).sum() / (len(measured) - 1)
    return variance * (1.0 - (1.0 - sub_share) * correlation)


def two_phase_regression(measured: Floats, auxiliary: Floats, auxiliary_mean: float, sub_share: float) -> Estimate:
    """The mean by double sampling with regression (AR-TOOL14 Eq 18-19; Cochran 12.51).

    Parameters
    ----------
    measured, auxiliary : (n,)
        What was measured at the plots, and the secondary variable there (a map, NDVI, canopy height).
    auxiliary_mean : float
        Mean of the secondary variable over the large sample, or over the area.
    sub_share : float
        Plots over places of the large sample; 0 where the variable is known everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0, 19.0, 31.0, 40.0])
    >>> mean = two_phase_regression(y, x, 3.0, 0.1)
    >>> round(mean.value, 6), round(mean.variance, 6)
    (30.1, 4.485)
    """
    plots = len(measured)
    if plots < 3 or not np.ptp(auxiliary) > 0:
        return Estimate(float("nan"), float("nan"), float(max(plots - 2, 0)))
    value = float(regression_mean(measured, auxiliary, auxiliary_mean))
    if not np.ptp(measured) > 0:
        return Estimate(value, float("nan"), float(plots - 2))
    return Estimate(value, float(double_sample_spread(measured, auxiliary, sub_share)) / plots, float(plots - 2))


def two_phase_ratio(measured: Floats, auxiliary: Floats, auxiliary_mean: float, sub_share: float) -> Estimate:
    """The mean by double sampling with a ratio, ``R x_all`` (Cochran 12.70).

    ``Var = s_d^2 / n + (s_y^2 - s_d^2) / n_all`` with ``d = y - R x`` and ``n_all = n / alpha``.
    """
    plots = len(measured)
    if plots < 2 or not auxiliary.mean() > 0:
        return Estimate(float("nan"), float("nan"), float(max(plots - 1, 0)))
    ratio = float(measured.mean() / auxiliary.mean())
    rest, all_of_it = (measured - ratio * auxiliary).var(ddof=1), measured.var(ddof=1)
    return Estimate(ratio * auxiliary_mean, float(rest + (all_of_it - rest) * sub_share) / plots, float(plots - 1))


def difference_mean(measured: Floats, predicted: Floats, predicted_mean: float, strata: Places, weights: Floats) -> Estimate:
    """The map's mean, corrected by what plots say of its error (difference estimator; METHODOLOGIES 3.8).

    ``m = mean of map over the area + sum W_h mean (y - map)``; the variance is that of the second term.
    """
    error = stratified_mean(measured - predicted, strata, weights)
    return Estimate(predicted_mean + error.value, error.variance, error.freedom)


def working_model(measured: Floats, predicted: Floats) -> tuple[float, float]:
    """Intercept and slope of measured on predicted, by least squares; slope 1 where the map does not vary at the plots."""
    centred = predicted - predicted.mean()
    slope = float((centred * measured).sum() / (centred**2).sum()) if np.ptp(predicted) > 0 else 1.0
    return float(measured.mean() - slope * predicted.mean()), slope


def regression_estimate(
    measured: Floats, predicted: Floats, predicted_mean: float, model: tuple[float, float], strata: Places, weights: Floats
) -> Estimate:  # fmt: skip
    """The generalised regression estimator of one area with a working model of all (GREG).

    The map is recalibrated by ``model`` (intercept, slope; `working_model` of the plots of
    all leagues), then corrected by this league's own residuals as in `difference_mean`.
    A model from elsewhere costs no bias: the residuals here correct it.
    """
    intercept, slope = model
    return difference_mean(measured, intercept + slope * predicted, intercept + slope * predicted_mean, strata, weights)


def neyman_size(weights: Floats, deviations: Floats, variance: float, possible: float = np.inf) -> float:
    """Units in all for a wanted variance of the mean, with optimal allocation, not rounded (Cochran 5.25; AR-TOOL03).

    ``n = (sum W_h S_h)^2 / (V + sum W_h S_h^2 / N)``.

    Parameters
    ----------
    possible : float
        Units that fit into the area, N.

    Examples
    --------
    >>> import numpy as np
    >>> w, s = np.array([0.3, 0.5, 0.2]), np.array([22.0, 30.0, 12.0])
    >>> round(neyman_size(w, s, (5.5 / 1.645) ** 2, 1000 / 0.06), 3)
    51.354
    """
    return float((weights * deviations).sum() ** 2 / (variance + (weights * deviations**2).sum() / possible))


def neyman_shares(weights: Floats, deviations: Floats) -> Floats:
    """Shares of the sample by optimal allocation, ``W_h S_h / sum W S`` (Neyman); those of area where nothing varies."""
    parts = weights * deviations
    return parts / parts.sum() if parts.sum() > 0 else weights / weights.sum()
