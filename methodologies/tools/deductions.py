"""Deductions for sampling error. The two tables deduct different things and are never mixed."""

import numpy as np

from methodologies.contract import Array, Refusal
from methodologies.trace import equation

TOLERANCE = 1e-9
"""Rounding of the error before it is compared with a limit, so that 10 % written in decimals is 10 %."""


@equation(
    "DR", "-", "DR = 0, 6 or 11 % of the value for U <= 10, 20, 30 %; above that: more plots", "AR-CM-001 table; METHODOLOGIES 1.9 (V-03)"
)
def precision_rate(
    error: Array, limits: tuple[Array, Array, Array], rates: tuple[Array, Array], clause: str = "METHODOLOGIES 1.9"
) -> Array:
    """Share of the value that is deducted [-], by the relative error at 90 % confidence.

    Parameters
    ----------
    limits : three arrays
        10, 20 and 30 %.
    rates : two arrays
        Deduction in the second and third class, 6 and 11 %.

    Raises
    ------
    Refusal
        The central error is above the last limit.

    Examples
    --------
    >>> limits, rates = (0.10, 0.20, 0.30), (0.06, 0.11)
    >>> precision_rate(np.array([[0.10], [0.20], [0.30]]), limits, rates).ravel().tolist()
    [0.0, 0.06, 0.11]
    """
    over = error - limits[2] > TOLERANCE
    if bool(np.ravel(over)[0]):
        raise Refusal(clause, f"U = {float(np.ravel(error)[0]):.4%}", f"U <= {float(np.ravel(limits[2])[0]):.0%}")
    second = np.where(error - limits[1] > TOLERANCE, rates[1], rates[0])
    return np.where(error - limits[0] > TOLERANCE, second, 0.0)


@equation("dC_adj", "tCO2e", "dC * (1 - DR) where the total dC > 0, dC * (1 + DR) where it is < 0", "METHODOLOGIES 1.9")
def less_share_of_value(values: Array, total: Array, rate: Array) -> Array:
    """Values less a share of themselves, always to the cautious side of their total.

    Examples
    --------
    >>> round(float(less_share_of_value(6747.150497, 6747.150497, 0.06)), 6)
    6342.321467
    """
    return np.where(total >= 0.0 * total, values * (1.0 - rate), values * (1.0 + rate))


@equation("DF", "-", "DF = 0, 25, 50, 75, 100 % of U for U <= 10, 15, 20, 30, above 30 %", "AR-TOOL14 v4.2 App 2")
def artool14_share_of_error(error: Array, limits: tuple[Array, ...], shares: tuple[Array, ...]) -> Array:
    """Share of the error that AR-TOOL14 deducts [-].

    Parameters
    ----------
    error : array
        Relative half-width at 90 % confidence; it is relative already and is not divided again.
    limits : four arrays
        10, 15, 20 and 30 %.
    shares : four arrays
        25, 50, 75 and 100 %.
    """
    share = np.where(error - limits[0] > TOLERANCE, shares[0], 0.0)
    for limit, next_share in zip(limits[1:], shares[1:], strict=True):
        share = np.where(error - limit > TOLERANCE, next_share, share)
    return share


@equation("x_adj", "tCO2e", "project: x - DF * U * abs(x); baseline: x + DF * U * abs(x)", "AR-TOOL14 v4.2 App 2")
def less_share_of_error(values: Array, error: Array, share: Array, sign: float = -1.0) -> Array:
    """Values less (sign -1, project) or plus (sign +1, baseline) a share of their error.

    Examples
    --------
    >>> round(float(less_share_of_error(60.0, 0.15, 0.25)), 2), round(float(less_share_of_error(60.0, 0.15, 0.25, 1.0)), 2)
    (57.75, 62.25)
    """
    return values + sign * share * error * np.abs(values)


@equation("UNC", "-", "UNC = t(0.6667, f) * SE / abs(est)", "VM0042 v2.2 Eq 74 (F26)")
def one_sided_rate(estimate: Array, standard_error: Array, t_value: Array) -> Array:
    """Share of an estimate that the one-sided t rule deducts [-]; one where the estimate is zero, at most one.

    Examples
    --------
    >>> round(float(one_sided_rate(np.array([1000.0]), np.array([200.0]), 0.4307)[0]), 5)
    0.08614
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = t_value * standard_error / np.abs(estimate)
    return np.minimum(np.where(np.isnan(rate), 0.0, rate), 1.0)
