"""IPCC approach 1: uncertainties of products, sums and trends [IPCC2006 V1 ch3].

Uncertainties are half-widths of 95 % intervals, in % of the value.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def uncertainty_of_product(percent: ArrayLike) -> float:
    """Uncertainty of a product or quotient of independent quantities [%].

    Equation 3.1 [IPCC2006 V1]: ``U = sqrt(sum U_i^2)``.

    >>> round(uncertainty_of_product([10.0, 30.0, 5.0]), 6)
    32.015621
    """
    parts = np.asarray(percent, dtype=np.float64)
    return float(np.sqrt((parts * parts).sum()))


def uncertainty_of_one_plus(percent: float, ratio: float) -> float:
    """Uncertainty of ``1 + R`` [%] from that of R: ``U_R R / (1 + R)``, equation 3.2 with a constant.

    >>> round(uncertainty_of_one_plus(30.0, 0.24), 6)
    5.806452
    """
    return percent * ratio / (1.0 + ratio)


def uncertainty_of_sum(values: ArrayLike, percent: ArrayLike) -> float:
    """Uncertainty of a sum of independent quantities [%], values with their signs.

    Equation 3.2 [IPCC2006 V1]: ``U = sqrt(sum (U_i x_i)^2) / |sum x_i|``; NaN where the sum is zero.

    >>> round(uncertainty_of_sum([-60.0, -25.0, -3.0, 1.5], [20.0, 60.0, 80.0, 110.0]), 6)
    22.461166
    """
    x, u = np.asarray(values, dtype=np.float64), np.asarray(percent, dtype=np.float64)
    total = abs(float(x.sum()))
    return float(np.sqrt(((u * x) ** 2).sum())) / total if total > 0 else float("nan")


def trend_sensitivities(start: ArrayLike, end: ArrayLike) -> tuple[Floats, Floats]:
    """Sensitivities of the trend in % of the start to each category, in percentage points per %.

    Table 3.2 [IPCC2006 V1]: type A is the change of the trend when a category is 1 %
    larger in both years, type B when it is so in the end year alone (linear: its share).
    The total of the start stands with its absolute value, since removals are negative in
    the IPCC's sign.

    Returns
    -------
    ((n,), (n,)) float64
        ``I_x = |(0.01 x_t + sum t - (0.01 x_0 + sum 0)) / |0.01 x_0 + sum 0| - (sum t - sum 0) / |sum 0|| * 100``
        and ``J_x = |x_t / sum 0|``.
    """
    x0, xt = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    sum0, sumt = float(x0.sum()), float(xt.sum())
    moved = (0.01 * xt + sumt - (0.01 * x0 + sum0)) / np.abs(0.01 * x0 + sum0)
    return np.abs(moved - (sumt - sum0) / abs(sum0)) * 100.0, np.abs(xt / sum0)


def trend_uncertainty(start: ArrayLike, end: ArrayLike, activity_percent: ArrayLike, factor_percent: ArrayLike) -> float:
    """Uncertainty of a trend in percentage points: factors the same in both years, activity data independent.

    Table 3.2 [IPCC2006 V1]: ``sqrt(sum (I_x U_EF)^2 + (J_x U_AD sqrt 2)^2)``.

    >>> round(trend_uncertainty([-57, -22, -3, 1.5], [-60, -25, -3, 1.5], [3, 3, 10, 10], [20, 60, 80, 110]), 4)
    3.6432
    """
    type_a, type_b = trend_sensitivities(start, end)
    factors = type_a * np.asarray(factor_percent, dtype=np.float64)
    activity = type_b * np.asarray(activity_percent, dtype=np.float64) * np.sqrt(2.0)
    return float(np.sqrt((factors * factors + activity * activity).sum()))
