"""Equations that are not linear, run on density bins instead of pixels.

A bin keeps the sums ``area = sum a``, ``total = sum a*b`` and ``total_sq = sum a*b^2`` of
its pixels (ACCOUNTING 1).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]


def at_bin_mean(f: Curve, f2: Curve, area: ArrayLike, total: ArrayLike, total_sq: ArrayLike) -> Floats:
    """The sum of ``a * f(b)`` over the pixels of each bin, to second order.

    Taylor at the bin mean m: ``area * f(m) + f''(m) / 2 * sum a * (b - m)^2``, exact where f is
    at most quadratic; the error is within `bin_error_bound`. A bin without area gives 0.

    Parameters
    ----------
    f, f2 : callable
        The equation and its second derivative, both of a density and broadcasting.
    area, total, total_sq : array_like
        The sums of the bins, of one shape.
    """
    area, total, total_sq = (np.asarray(values, dtype=np.float64) for values in (area, total, total_sq))
    empty = area == 0.0
    hectares = np.where(empty, 1.0, area)
    mean = total / hectares
    squares = np.maximum(0.0, total_sq - total * mean)
    spread = np.where(squares > 0.0, 0.5 * f2(mean) * squares, 0.0) if np.any(squares > 0.0) else 0.0
    return np.where(empty, 0.0, area * f(mean) + spread)


def bin_error_bound(f3_max: ArrayLike, width: ArrayLike, area: ArrayLike) -> Floats:
    """The most that `at_bin_mean` can miss the sum over the pixels of each bin.

    The remainder of Taylor's series is at most ``max |f'''| / 6 * sum a * |b - m|^3``, and on an
    interval of width w the mean of ``|b - m|^3`` about its own mean is at most ``w^3 / 8``
    (half the area at either edge); together ``max |f'''| * w^3 * area / 48``.

    Parameters
    ----------
    f3_max : array_like
        The greatest size of the third derivative in the bin.
    """
    cubes = np.asarray(width, dtype=np.float64) ** 3 / 8.0
    return np.abs(np.asarray(f3_max, dtype=np.float64)) / 6.0 * cubes * np.asarray(area, dtype=np.float64)
