"""Errors of a map that hang together in space: the covariance of sums over zones.

The correlation of the errors at two points at distance d is ``exp(-d / L)``, with L the
correlation length: at L it has fallen to 1/e, at 3 L to 5 %. Any valid covariance
model could stand here; the exponential is the one of the first choice where nothing
but a length is known [Cressie1993, section 2.3].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

Floats = NDArray[np.float64]

NEGLIGIBLE = 1e-3
"""Correlation beyond whose distance pairs of blocks are left out."""
_NEAR = 2
_POINTS = 2**3


def correlation(distance_km: Floats, length_km: float) -> Floats:
    """Correlation of errors at a distance, ``exp(-d / L)``."""
    return np.exp(-np.asarray(distance_km, dtype=np.float64) / length_km)


def block_correlation(height_km: float, width_km: float, length_km: float, reach: tuple[int, int]) -> Floats:
    """Mean correlation between the points of two blocks, by their offset in blocks, (2 down + 1, 2 across + 1).

    Near blocks are integrated over 8 x 8 points each, at which errors count as spread
    evenly; for far ones the distance of the centres is close enough.
    """
    down, across = (np.arange(-one, one + 1, dtype=np.float64) for one in reach)
    out = correlation(np.hypot(down[:, None] * height_km, across[None, :] * width_km), length_km)
    offset = np.arange(-_POINTS + 1, _POINTS) / _POINTS
    weight = (1.0 - np.abs(offset)) / _POINTS
    weights = weight[:, None] * weight[None, :]
    for row in np.flatnonzero(np.abs(down) <= _NEAR):
        for column in np.flatnonzero(np.abs(across) <= _NEAR):
            distance = np.hypot((down[row] + offset)[:, None] * height_km, (across[column] + offset)[None, :] * width_km)
            out[row, column] = float((weights * correlation(distance, length_km)).sum())
    return out


def reach_of(length_km: float, height_km: float, width_km: float, most: tuple[int, int]) -> tuple[int, int]:
    """How many blocks down and across the correlation is not negligible; no more than there are."""
    far = -np.log(NEGLIGIBLE) * length_km
    return min(most[0], int(np.ceil(far / height_km))), min(most[1], int(np.ceil(far / width_km)))


@dataclass(frozen=True, slots=True)
class Window:
    """Weights of the errors of blocks in some sums, over a rectangle of blocks.

    Parameters
    ----------
    row, column : int
        The upper left block.
    weights : (n, height, width) float64
        For each sum, area times standard error in each block.
    """

    row: int
    column: int
    weights: Floats

    def spread(self, kernel: Floats) -> "Window":
        """The weights convolved with correlations by offset: what each block of a larger rectangle has in common with the sums."""
        if not len(self.weights):
            return self
        _, height, width = self.weights.shape
        tall, wide = kernel.shape
        shape = height + tall - 1, width + wide - 1
        fast = next_fast_len(shape[0], real=True), next_fast_len(shape[1], real=True)
        product = rfft2(self.weights, fast) * rfft2(kernel, fast)[None]
        whole = irfft2(product, fast)[:, : shape[0], : shape[1]]
        return Window(self.row - tall // 2, self.column - wide // 2, np.asarray(whole, dtype=np.float64))

    def dot(self, other: "Window") -> Floats:
        """Sums of products over the blocks that both have, (n, m)."""
        top, left = max(self.row, other.row), max(self.column, other.column)
        bottom = min(self.row + self.weights.shape[1], other.row + other.weights.shape[1])
        right = min(self.column + self.weights.shape[2], other.column + other.weights.shape[2])
        if bottom <= top or right <= left or not len(self.weights) or not len(other.weights):
            return np.zeros((len(self.weights), len(other.weights)))
        mine, its = (
            one.weights[:, top - one.row : bottom - one.row, left - one.column : right - one.column].reshape(len(one.weights), -1)
            for one in (self, other)
        )
        return np.asarray(mine @ its.T)


def independent_rows(rows: Floats, tolerance: float = 1e-12) -> tuple[NDArray[np.int64], Floats]:
    """Rows (r,) of which all others are sums, and the coefficients (n, r): fields of pools that follow one map are few.

    The rows are the pivots of a Cholesky factor of ``rows @ rows.T``.
    """
    gram = rows @ rows.T
    places = _pivots(gram, tolerance)[1]
    if not len(places):
        return places, np.zeros((len(rows), 0))
    coefficients = np.linalg.solve(gram[np.ix_(places, places)], gram[places]).T
    return places, np.asarray(coefficients)


def low_rank(covariance: Floats, tolerance: float = 1e-10) -> Floats:
    """Independent effects (k, n) with ``effects.T @ effects`` near the covariance: its pivoted Cholesky factor.

    Stops where what is left of every variance is less than ``tolerance`` of the sum of
    all; small negative eigenvalues, from blocks that were taken as points, are left out so.
    """
    return _pivots(covariance, tolerance)[0]


def _pivots(matrix: Floats, tolerance: float) -> tuple[Floats, NDArray[np.int64]]:
    """Rows of the pivoted Cholesky factor, (k, n), and the pivots, (k,)."""
    left = np.diag(matrix).astype(np.float64).copy()
    limit = tolerance * float(left.sum())
    rows = np.zeros((len(left), len(left)))
    places: list[int] = []
    while len(places) < len(left):
        pivot = int(left.argmax())
        if left[pivot] <= limit:
            break
        done = rows[: len(places)]
        row = (matrix[pivot] - done[:, pivot] @ done) / np.sqrt(left[pivot])
        rows[len(places)] = row
        places.append(pivot)
        left -= row * row
    return rows[: len(places)], np.asarray(places, dtype=np.int64)
