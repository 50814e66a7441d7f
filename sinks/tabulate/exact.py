"""Exact sums of floating-point numbers, rounded once: no order of adding changes a bit.

The parts of a sum that do not overlap are kept (Shewchuk 1997, "Adaptive precision
floating-point arithmetic", grow-expansion; what Python's ``math.fsum`` does), for many
sums at once and added to little by little.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PARTS = 6
"""Parts that a sum is given at first; more are made when a sum needs them."""


class ExactSums:
    """Many rows of ``wide`` exact sums."""

    def __init__(self, wide: int) -> None:
        self._wide = wide
        self._parts = np.zeros((0, wide, _PARTS))
        self._counts = np.zeros((0, wide), dtype=np.int64)

    def add(self, places: NDArray[np.int64], terms: NDArray[np.float64]) -> None:
        """Add rows of terms (n, columns) to the sums at places (n,); columns that are not given stay."""
        if not len(places):
            return
        top = int(places.max()) + 1
        if top > len(self._parts):
            self._grow(max(top, 2 * len(self._parts)), self._parts.shape[2])
        done = 0
        while done < len(places):
            done = _compiled()["add"](self._parts, self._counts, places, terms, done)
            if done < len(places):
                self._grow(len(self._parts), 2 * self._parts.shape[2])

    def totals(self, rows: int) -> NDArray[np.float64]:
        """The sums, each rounded once, (rows, wide)."""
        out = np.zeros((rows, self._wide))
        known = min(rows, len(self._parts))
        _compiled()["totals"](self._parts[:known], self._counts[:known], out)
        return out

    def _grow(self, rows: int, parts: int) -> None:
        old = self._parts
        self._parts = np.zeros((rows, self._wide, parts))
        self._parts[: len(old), :, : old.shape[2]] = old
        counts = np.zeros((rows, self._wide), dtype=np.int64)
        counts[: len(old)] = self._counts
        self._counts = counts


def _add(parts: Any, counts: Any, places: Any, terms: Any, start: int) -> int:
    """Add rows of terms from ``start`` on; returns the row before which more parts are needed."""
    most = parts.shape[2]
    for row in range(start, len(places)):
        place = places[row]
        for column in range(terms.shape[1]):
            if counts[place, column] == most:
                return row
        for column in range(terms.shape[1]):
            x = terms[row, column]
            if x == 0.0:
                continue
            kept = 0
            held = parts[place, column]
            for number in range(counts[place, column]):
                y = held[number]
                if abs(x) < abs(y):
                    x, y = y, x
                high = x + y
                low = y - (high - x)
                if low != 0.0:
                    held[kept] = low
                    kept += 1
                x = high
            held[kept] = x
            counts[place, column] = kept + 1
    return len(places)


def _totals(parts: Any, counts: Any, out: Any) -> None:
    """Each sum rounded once, half to even."""
    for place in range(parts.shape[0]):
        for column in range(parts.shape[1]):
            number = counts[place, column] - 1
            if number < 0:
                continue
            held = parts[place, column]
            high = held[number]
            low = 0.0
            while number > 0:
                x = high
                number -= 1
                y = held[number]
                high = x + y
                low = y - (high - x)
                if low != 0.0:
                    break
            if number > 0 and ((low < 0.0 and held[number - 1] < 0.0) or (low > 0.0 and held[number - 1] > 0.0)):
                y = low * 2.0
                x = high + y
                if y == x - high:
                    high = x
            out[place, column] = high


@lru_cache(maxsize=1)
def _compiled() -> dict[str, Any]:
    from numba import njit

    return {"add": njit(nogil=True, cache=True)(_add), "totals": njit(nogil=True, cache=True)(_totals)}
