"""Ordinary least squares on a few years, and the part of a change that the regressors explain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]

_UPPER = 0.975


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A line through n points by ordinary least squares.

    Parameters
    ----------
    coefficients : (1 + k,) float64
        The intercept, then a slope for each regressor.
    covariance : (1 + k, 1 + k) float64
        Of the coefficients.
    variance : float
        Residual variance ``RSS / (n - k - 1)``.
    r2 : float
        Share of the variance explained; NaN where the response does not vary.
    freedom : int
        Residual degrees of freedom.
    """

    coefficients: Floats
    covariance: Floats
    variance: float
    r2: float
    freedom: int

    @property
    def standard_errors(self) -> Floats:
        """Standard errors of the coefficients, (1 + k,)."""
        return np.sqrt(np.diag(self.covariance))


def least_squares(response: ArrayLike, regressors: ArrayLike) -> Fit | None:
    """The fit of a response (n,) on regressors (n, k), or None where the points do not determine it.

    ``b = (X'X)^-1 X'y``, ``cov b = s^2 (X'X)^-1``, ``s^2 = RSS / (n - k - 1)``. The
    regressors are centred and scaled first, so that years with millimetres beside degrees
    are as exact as any; what is left of a singular system is found by its rank.

    >>> fit = least_squares([1.0, 3.0, 5.0, 7.1], [[0.0], [1.0], [2.0], [3.0]])
    >>> [round(float(one), 3) for one in fit.coefficients], fit.freedom
    ([0.98, 2.03], 2)
    """
    y, x = np.asarray(response, dtype=np.float64), np.asarray(regressors, dtype=np.float64)
    count, number = x.shape
    freedom = count - number - 1
    middle, spread = x.mean(axis=0), x.std(axis=0)
    if freedom < 1 or (spread <= _NOTHING * np.maximum(1.0, np.abs(middle))).any():
        return None
    scaled = (x - middle) / spread
    if np.linalg.matrix_rank(scaled, tol=_NOTHING * np.sqrt(count)) < number:
        return None
    inverse = np.linalg.inv(scaled.T @ scaled)
    slopes = inverse @ (scaled.T @ (y - y.mean()))
    residuals = y - y.mean() - scaled @ slopes
    variance = float(residuals @ residuals) / freedom
    back = _unscaled(middle, spread)
    covariance = np.zeros((number + 1, number + 1))
    covariance[0, 0], covariance[1:, 1:] = 1.0 / count, inverse
    total = float(((y - y.mean()) ** 2).sum())
    return Fit(
        coefficients=back @ np.concatenate([[y.mean()], slopes]), covariance=variance * back @ covariance @ back.T, variance=variance,
        r2=1.0 - float(residuals @ residuals) / total if total > 0 else float("nan"), freedom=freedom,
    )  # fmt: skip


_NOTHING = 1e-9


def _unscaled(middle: Floats, spread: Floats) -> Floats:
    """The matrix from coefficients of centred, scaled regressors to those of the plain ones."""
    out = np.diag(np.concatenate([[1.0], 1.0 / spread]))
    out[0, 1:] = -middle / spread
    return out


def explained_change(fit: Fit, difference: ArrayLike) -> tuple[float, float]:
    """Change of the response that a difference (k,) of the regressors explains, and its standard error.

    ``b' d`` with the variance ``d' cov(b) d``; the intercept drops out.
    """
    d = np.asarray(difference, dtype=np.float64)
    return float(fit.coefficients[1:] @ d), float(np.sqrt(d @ fit.covariance[1:, 1:] @ d))


def half_width(freedom: int) -> float:
    """Half-width of a 95 % interval in standard errors: the t quantile.

    >>> round(half_width(5), 4)
    2.5706
    """
    return float(stdtrit(freedom, _UPPER))


def variance_inflation(regressors: ArrayLike) -> float:
    """By what the variance of a slope grows because regressors (n, k) move together: the largest ``1 / (1 - R_j^2)``; 1 for one regressor.

    The diagonal of the inverse of their correlation matrix.
    """
    x = np.asarray(regressors, dtype=np.float64)
    if x.shape[1] == 1:
        return 1.0
    correlation = np.corrcoef(x, rowvar=False)
    if np.linalg.matrix_rank(correlation, tol=_NOTHING) < x.shape[1]:
        return float("inf")
    return float(np.diag(np.linalg.inv(correlation)).max())
