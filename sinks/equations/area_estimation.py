"""Accuracy and area of map classes from a reference sample.

Sources: Olofsson P. et al. (2014), Remote Sensing of Environment 148:42-57, equations 1-11 (strata are the
map classes); Stehman S. V. (2014), International Journal of Remote Sensing 35:4923-4939 (strata are anything).
Neither paper was at hand: numbers of equations are those that public implementations name, or from memory.
Both are one estimator: a stratified mean of indicators and, for user's and producer's accuracy,
a ratio of two such means linearised at its estimate. No correction for a finite
population is made: strata are areas, not numbers of units, and samples are small parts of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaEstimate:
    """Shares of area and accuracies of C classes, with what their sample can and cannot say.

    Parameters
    ----------
    proportions : (C, C)
        Estimated share of the whole area that the map calls i (row) and the reference j (column).
    shares : (C,)
        Error-adjusted share of area of each reference class; they sum to 1.
    share_covariance : (C, C)
        Covariance matrix of ``shares``; its rows sum to 0. Multiply by the squared area for hectares.
    overall, overall_variance : float
        Overall accuracy [-].
    users, users_variance, producers, producers_variance : (C,)
        User's and producer's accuracy [-]; NaN where the map, or the reference, never shows the class.
    shares_known, users_known, producers_known : (C,) bool
        Whether the sample gives the variance. False where a stratum that matters has fewer than two
        samples (its variance is NaN), or where no stratum shows any spread (its variance is 0 by formula).
    overall_known : bool
        The same for the overall accuracy.
    empty, single, unspread : (H,) bool
        Strata without a sample, with one, and with two or more that all say the same (they add nothing
        to any variance, which is then too small).
    """

    proportions: Floats
    shares: Floats
    share_covariance: Floats
    overall: float
    overall_variance: float
    users: Floats
    users_variance: Floats
    producers: Floats
    producers_variance: Floats
    shares_known: Flags
    overall_known: bool
    users_known: Flags
    producers_known: Flags
    empty: Flags
    single: Flags
    unspread: Flags


def map_strata_estimate(counts: ArrayLike, areas: ArrayLike) -> AreaEstimate:
    """Accuracy and error-adjusted area where the strata are the map classes.

    Olofsson et al. (2014): ``p_ij = W_i n_ij / n_i`` (Eq 4), ``V(O)`` (Eq 5), ``V(U_i)`` (Eq 6),
    ``V(P_j)`` (Eq 7), ``p_j = sum_i p_ij`` (Eq 9) and ``S(p_j)`` (Eq 10); the covariances of the
    ``p_j`` by the same rule, ``-sum_i W_i^2 (n_ij n_ik / n_i^2) / (n_i - 1)``.

    Parameters
    ----------
    counts : (C, C)
        Samples with map class i (row) and reference class j (column).
    areas : (C,)
        Mapped area of each class, in any one unit.

    Examples
    --------
    >>> matrix = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
    >>> estimate = map_strata_estimate(matrix, [200_000, 150_000, 3_200_000, 6_450_000])
    >>> round(float(estimate.shares[0]) * 10_000_000)
    235086
    >>> round(float(estimate.share_covariance[0, 0]) ** 0.5, 4)
    0.0035
    """
    matrix = np.asarray(counts, dtype=np.float64)
    classes = len(matrix)
    cells = np.zeros((classes, classes, classes))
    cells[np.arange(classes), np.arange(classes)] = matrix
    return _estimate(cells, cells, cells, np.asarray(areas, dtype=np.float64), np.eye(classes, dtype=bool))


def stratified_estimate(
    counts: ArrayLike, areas: ArrayLike, *, weights: ArrayLike | None = None, squared_weights: ArrayLike | None = None
) -> AreaEstimate:  # fmt: skip
    """Accuracy and area where the strata are not the map classes.

    Stehman (2014): stratified means of the indicators of overall accuracy (Eq 12) and area (Eq 14), ratios of
    those of user's (Eq 18-19) and producer's accuracy (Eq 22-23), with their variances (Eq 25-29, from memory).
    With weights, units of one stratum stand for different areas: means are ratios ``sum w y / sum w``,
    and their variance is ``n / (n - 1) * sum w^2 (y - mean)^2 / (sum w)^2``.

    Parameters
    ----------
    counts : (H, C, C)
        Samples of stratum h with map class i and reference class j.
    areas : (H,)
        Area of each stratum, in any one unit.
    weights, squared_weights : (H, C, C), optional
        Sums of the weights of those samples and of their squares; both or neither.
    """
    cells = np.asarray(counts, dtype=np.float64)
    sums = cells if weights is None else np.asarray(weights, dtype=np.float64)
    squares = cells if squared_weights is None else np.asarray(squared_weights, dtype=np.float64)
    return _estimate(cells, sums, squares, np.asarray(areas, dtype=np.float64), np.ones(cells.shape[:2], dtype=bool))


def _estimate(counts: Floats, sums: Floats, squares: Floats, areas: Floats, mapped: Flags) -> AreaEstimate:
    """The estimator; ``mapped`` (H, C) tells which map classes can occur in a stratum."""
    classes = counts.shape[1]
    number = counts.sum(axis=(1, 2))
    total = sums.sum(axis=(1, 2))
    share = areas / areas.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = np.where(mapped[:, :, None], sums / total[:, None, None], 0.0)
        proportions = np.where((share > 0)[:, None, None], share[:, None, None] * inside, 0.0).sum(axis=0)
        agreed = np.diagonal(proportions)
        users, producers = agreed / proportions.sum(axis=1), agreed / proportions.sum(axis=0)
    scores = _scores(proportions, users, producers)
    covariance = np.zeros((len(scores), len(scores)))
    for stratum in np.flatnonzero(share > 0):
        covariance += share[stratum] ** 2 * _covariance_of_mean(
            scores, number[stratum], inside[stratum], squares[stratum], total[stratum], mapped[stratum]
        )
    variance = np.diagonal(covariance).copy()
    known = variance > _NOTHING
    overall = 2 * classes
    return AreaEstimate(
        proportions=proportions, shares=proportions.sum(axis=0), share_covariance=covariance[:classes, :classes],
        overall=float(agreed.sum()), overall_variance=float(variance[-1]),
        users=users, users_variance=variance[classes:overall],
        producers=producers, producers_variance=variance[overall:-1],
        shares_known=known[:classes], overall_known=bool(known[-1]), users_known=known[classes:overall], producers_known=known[overall:-1],
        empty=(number == 0) & (share > 0), single=(number == 1) & (share > 0),
        unspread=(number > 1) & ((counts > 0).sum(axis=(1, 2)) == 1) & (share > 0),
    )  # fmt: skip


_NOTHING = 1e-20
"""A variance of a share below this is none: what rounding leaves."""


def _scores(proportions: Floats, users: Floats, producers: Floats) -> Floats:
    """What one sample in each cell adds to each quantity, (3 C + 1, C, C): shares, user's, producer's, overall.

    A ratio R = Y / X is linearised at its estimate: ``(y - R x) / X``.
    """
    classes = len(proportions)
    scores = np.zeros((3 * classes + 1, classes, classes))
    mapped, found = proportions.sum(axis=1), proportions.sum(axis=0)
    for one in range(classes):
        scores[one, :, one] = 1.0
        with np.errstate(invalid="ignore", divide="ignore"):
            scores[classes + one, one, :] = -users[one] / mapped[one]
            scores[classes + one, one, one] = (1.0 - users[one]) / mapped[one]
            scores[2 * classes + one, :, one] = -producers[one] / found[one]
            scores[2 * classes + one, one, one] = (1.0 - producers[one]) / found[one]
        scores[-1, one, one] = 1.0
    return scores


def _covariance_of_mean(scores: Floats, number: float, inside: Floats, squares: Floats, total: float, mapped: Flags) -> Floats:
    """Covariance of the means of the scores in one stratum; NaN where fewer than two samples leave it unknown."""
    if number < 2:
        possible = scores[:, mapped, :].reshape(len(scores), -1)
        matters = np.isnan(possible).any(axis=1) | (possible.max(axis=1) > possible.min(axis=1))
        return np.where(matters[:, None] | matters, np.nan, 0.0)
    seen = inside > 0
    values, shares = scores[:, seen], inside[seen]
    centred = values - (values * shares).sum(axis=1)[:, None]
    return number / (number - 1.0) * (centred * (squares[seen] / total**2)) @ centred.T
