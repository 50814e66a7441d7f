"""How well predictions meet measurements, and how far their errors reach.

Sources: split-conformal intervals, Lei J. et al. (2018), Journal of the American Statistical Association
113:1094-1111; area of applicability, Meyer H. and Pebesma E. (2021), Methods in Ecology and Evolution
12:1620-1633; variograms, Cressie N. (1993), Statistics for Spatial Data, Wiley, chapter 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Mean error (predicted less measured), root mean square error, and the share of variance explained (1 - SSE / SST)."""

    bias: float
    rmse: float
    r2: float


def scores(measured: Floats, predicted: Floats) -> Scores:
    """Bias, RMSE and R2 of predictions; R2 is below 0 where the plain mean does better.

    Examples
    --------
    >>> import numpy as np
    >>> scores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    Scores(bias=0.6666666666666666, rmse=1.1547005383792515, r2=-1.0)
    """
    error = predicted - measured
    spread = float(((measured - measured.mean()) ** 2).sum())
    r2 = 1.0 - float((error**2).sum()) / spread if spread > 0 else float("nan")
    return Scores(float(error.mean()), float(np.sqrt((error**2).mean())), r2)


def error_model(predicted: Floats, error: Floats) -> tuple[float, float]:
    """Variance of errors as ``v0 + v1 * predicted^2``, both from 0, by least squares on squared errors."""
    squares, design = error**2, np.stack([np.ones(len(predicted)), predicted**2], axis=1)
    return nonnegative_pair(design, squares, np.ones(len(predicted)))


def nonnegative_pair(design: Floats, values: Floats, weights: Floats) -> tuple[float, float]:
    """Two coefficients from 0 by weighted least squares: the best of both, the first alone, the second alone."""
    best, least = (0.0, 0.0), np.inf
    root = np.sqrt(weights)
    for held in ([0, 1], [0], [1]):
        found, *_ = np.linalg.lstsq(design[:, held] * root[:, None], values * root, rcond=None)
        if (found < 0).any():
            continue
        pair = [0.0, 0.0]
        for place, value in zip(held, found, strict=True):
            pair[place] = float(value)
        misfit = float((weights * (values - design @ np.array(pair)) ** 2).sum())
        if misfit < least * (1.0 - 1e-12):
            best, least = (pair[0], pair[1]), misfit
    return best


def error_variance(model: tuple[float, float], predicted: Floats) -> Floats:
    """The variance of `error_model` at predictions."""
    return model[0] + model[1] * predicted**2


def conformal_quantile(sizes: Floats, coverage: float) -> float:
    """The multiple of an error's expected size that holds a share of new errors (Lei et al. 2018, Algorithm 2).

    The ``ceil((n + 1) coverage)``-th smallest of ``|error| / expected size``; infinite where n is too small for it.
    """
    rank = int(np.ceil((len(sizes) + 1) * coverage))
    return float(np.sort(sizes)[rank - 1]) if rank <= len(sizes) else float("inf")


def error_sizes(model: tuple[float, float], predicted: Floats, error: Floats) -> Floats:
    """Errors as multiples of their expected size; infinite where none was expected and one is there."""
    size = np.sqrt(error_variance(model, predicted))
    return np.divide(np.abs(error), size, out=np.where(error == 0.0, 0.0, np.inf), where=size > 0)


def measured_coverage(predicted: Floats, error: Floats, folds: Ints, coverage: float) -> float:
    """Share of errors inside an interval whose size and multiple the other folds gave: what new places can expect."""
    inside = np.zeros(len(error), dtype=bool)
    for fold in np.unique(folds):
        mine = folds == fold
        model = error_model(predicted[~mine], error[~mine])
        reach = conformal_quantile(error_sizes(model, predicted[~mine], error[~mine]), coverage)
        inside[mine] = error_sizes(model, predicted[mine], error[mine]) <= reach
    return float(inside.mean())


@dataclass(frozen=True, slots=True)
class Variogram:
    """Half mean squared differences of residuals by distance, and the exponential model fitted to them.

    ``gamma(d) = nugget + sill * (1 - exp(-d / length))``; the correlation of the part that is
    not nugget is ``exp(-d / length)``. NaN where no correlation is found.
    """

    distance: Floats
    semivariance: Floats
    pairs: Ints
    nugget: float
    sill: float
    length: float


def variogram(distance: Floats, residual: Floats, bins: int, lengths: int) -> Variogram:
    """The variogram of residuals and an exponential model by least squares weighted with the number of pairs.

    Parameters
    ----------
    distance : (n, n)
        Between the places [km]; pairs farther apart than half the largest distance are left out.
    residual : (n,)
    bins : int
        Classes of distance, of about as many pairs each.
    lengths : int
        How many lengths the model tries.
    """
    first, second = np.triu_indices(len(residual), 1)
    far, half = distance[first, second], 0.5 * (residual[first] - residual[second]) ** 2
    held = far <= far.max() / 2.0 if len(far) else np.zeros(0, dtype=bool)
    far, half = far[held], half[held]
    if len(far) < bins or not far.max() > 0:
        return Variogram(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64), float("nan"), float("nan"), float("nan"))
    edges = np.unique(np.quantile(far, np.linspace(0.0, 1.0, bins + 1)))
    place = np.clip(np.searchsorted(edges, far, side="right") - 1, 0, len(edges) - 2)
    number = np.bincount(place, minlength=len(edges) - 1)
    kept = number > 0
    mean = (np.bincount(place, far, len(number))[kept], np.bincount(place, half, len(number))[kept])
    middle, gamma, pairs = mean[0] / number[kept], mean[1] / number[kept], number[kept]
    return Variogram(middle, gamma, pairs.astype(np.int64), *_exponential(middle, gamma, pairs.astype(np.float64), lengths))


def _exponential(distance: Floats, gamma: Floats, pairs: Floats, lengths: int) -> tuple[float, float, float]:
    """Nugget, sill and length; lengths are tried from the nearest to the farthest class in equal ratios."""
    best, least = (float(np.average(gamma, weights=pairs)), 0.0, float("nan")), np.inf
    near = distance[distance > 0].min()
    for length in np.geomspace(near, distance.max(), lengths) if len(distance) > 3 else ():
        design = np.stack([np.ones(len(distance)), 1.0 - np.exp(-distance / length)], axis=1)
        nugget, sill = nonnegative_pair(design, gamma, pairs)
        misfit = float((pairs * (gamma - design @ np.array([nugget, sill])) ** 2).sum())
        if misfit < least and sill > 0:
            best, least = (nugget, sill, float(length)), misfit
    return best


def dissimilarity_scale(points: Floats) -> float:
    """Mean distance between training points in the space of weighted predictors, what dissimilarity is measured in."""
    squares = (points**2).sum(axis=1)
    between = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2.0 * points @ points.T, 0.0))
    return float(between[np.triu_indices(len(points), 1)].mean())


def nearest_elsewhere(points: Floats, folds: Ints) -> Floats:
    """Distance of each training point to the nearest one of another fold."""
    out = np.empty(len(points))
    for number, point in enumerate(points):
        others = points[folds != folds[number]]
        out[number] = np.sqrt(((others - point) ** 2).sum(axis=1)).min()
    return out


def applicability_limit(dissimilarity: Floats) -> float:
    """The largest dissimilarity of cross-validation that is no outlier: at most the upper quartile plus 3/2 of the quartile range."""
    low, high = np.quantile(dissimilarity, [1 / (2 * 2), 3 / (2 * 2)])
    limit = high + 3 / 2 * (high - low)
    return float(dissimilarity[dissimilarity <= limit].max())
