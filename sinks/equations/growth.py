"""Growth curves of stands: biomass by age, and what it gains a year between two ages.

Sources: Richards FJ (1959), A flexible growth function for empirical use, Journal of
Experimental Botany 10:290-301 (with Chapman's start at zero); the logistic curve of
Verhulst, as Richards gives it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sinks.equations.arrays import floats

Floats = NDArray[np.float64]
Curve = Callable[[ArrayLike, ArrayLike, ArrayLike, ArrayLike], Floats]


def chapman_richards(age: ArrayLike, asymptote: ArrayLike, rate: ArrayLike, shape: ArrayLike) -> Floats:
    """Biomass of a stand [t ha-1], ``b(t) = A (1 - exp(-k t))^p``; 0 at the age 0.

    Parameters
    ----------
    age : array_like
        t, from 0 [yr].
    asymptote, rate, shape : array_like
        A [t ha-1], k [yr-1] and p [-], all above 0.

    Examples
    --------
    >>> round(float(chapman_richards(40.0, 150.0, 0.03, 2.0)), 3)
    73.249
    """
    return np.asarray(floats(asymptote) * (-np.expm1(-floats(rate) * floats(age))) ** floats(shape), dtype=np.float64)


def logistic(age: ArrayLike, asymptote: ArrayLike, rate: ArrayLike, shape: ArrayLike) -> Floats:
    """Biomass of a stand [t ha-1], ``b(t) = A / (1 + p exp(-k t))``; A / (1 + p) at the age 0.

    Examples
    --------
    >>> round(float(logistic(40.0, 150.0, 0.08, 20.0)), 3)
    82.634
    """
    return np.asarray(floats(asymptote) / (1.0 + floats(shape) * np.exp(-floats(rate) * floats(age))), dtype=np.float64)


CURVES: dict[str, Curve] = {"chapman_richards": chapman_richards, "logistic": logistic}


def within(curve: Curve, age: ArrayLike, youngest: float, oldest: float, parameters: Floats) -> Floats:
    """Biomass by a curve that was measured between two ages [t ha-1].

    Below the youngest plot a straight line from nothing at 0 to the curve there, above
    the oldest what the curve has there: measured equations are not stretched (ACCOUNTING 6).
    """
    ages = np.minimum(floats(age), oldest)
    first = float(curve(youngest, *parameters))
    return np.where(ages < youngest, first * ages / youngest if youngest > 0 else 0.0, curve(np.maximum(ages, youngest), *parameters))


def yearly_increments(curve: Curve, limits: Floats, youngest: float, oldest: float, parameters: Floats) -> Floats:
    """Mean yearly gain between each two of some ages [t ha-1 yr-1], (ages - 1,)."""
    return np.asarray(np.diff(within(curve, limits, youngest, oldest, parameters)) / np.diff(limits))
