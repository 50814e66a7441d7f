"""Results as a polynomial of the factors: ten thousand draws for the price of a few hundred.

Equations of carbon multiply factors; each stands in a term at most once. The results are
then exactly a sum over sets of factors, ``sum_S c_S prod_{i in S} x_i`` with ``x_i`` the
distance of a factor from its central value in standard errors, and the coefficients
follow from results at moved factors by inclusion and exclusion. Where an equation
is not of that form (a power, a minimum) a few whole draws show it, and all are whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Results = Callable[[Floats], Floats]
"""Results (D, n) for factor values (D, factors), of which the first row is central."""

MOST_SETS = 1500
TRIED = 24
_NOTHING = 1e-13
_EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class Response:
    """Results of draws from sets of factors.

    Parameters
    ----------
    sets : list of tuple of int
        Places among the moved factors; the first is empty.
    coefficients : (sets, n) float64
    """

    central: Floats
    steps: Floats
    moved: Ints
    sets: list[tuple[int, ...]]
    coefficients: Floats

    def __call__(self, values: Floats) -> Floats:
        """Results (D, n) for factor values (D, factors)."""
        distance = (values[:, self.moved] - self.central[self.moved]) / self.steps
        products = np.ones((len(values), len(self.sets)))
        for number, one in enumerate(self.sets):
            for place in one:
                products[:, number] *= distance[:, place]
        return np.asarray(products @ self.coefficients)


def response(
    results: Results, central: Floats, moved: Ints, steps: Floats, trial: Floats, known: tuple[Floats, Floats]
) -> Response | None:  # fmt: skip
    """The response of results to factors, or None where it is not of this form.

    Parameters
    ----------
    central : (factors,) float64
    known : ((n,), (K, n)) float64
        Results at the central factors, and their change by one step of each factor.
    moved : (K,) int64
        Rows of the factors that are drawn.
    steps : (K,) float64
        By how much each is moved.
    trial : (T, factors) float64
        Draws on which the response must agree with the whole results.
    """
    base, first = (np.nan_to_num(one) for one in known)
    singles = [(place,) for place in range(len(moved))]
    sets: list[tuple[int, ...]] = [(), *singles]
    coefficients: dict[tuple[int, ...], Floats] = {(): base, **dict(zip(singles, first, strict=True))}
    size = np.abs(base) + np.finfo(np.float64).tiny
    level, tried = _larger(set(singles)), trial
    whole = np.zeros((0, len(base)))
    while level or len(tried):
        if len(sets) + len(level) > MOST_SETS:
            return None
        at = np.repeat(central[None, :], len(level) + 1, axis=0)
        for number, one in enumerate(level):
            at[number + 1, moved[list(one)]] += steps[list(one)]
        values = np.nan_to_num(results(np.concatenate([at, tried]))[1:])
        whole, tried = np.concatenate([whole, values[len(level) :]]), tried[:0]
        kept = []
        for one, value in zip(level, values[: len(level)], strict=True):
            parts = (coefficients[part] for count in range(len(one)) for part in combinations(one, count) if part in coefficients)
            coefficient = value - sum(parts, np.zeros_like(value))
            if (np.abs(coefficient) > _NOTHING * np.maximum(size, np.abs(value))).any():
                coefficients[one] = coefficient
                kept.append(one)
        sets += kept
        level = _larger(set(kept))
    found_response = Response(central, steps, moved, sets, np.array([coefficients[one] for one in sets]))
    apart = np.abs(found_response(trial) - whole)
    return found_response if (apart <= _EXACT * np.maximum(np.abs(whole), size)).all() else None


def _larger(kept: set[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Sets with one factor more, all of whose parts of the last size matter."""
    out = []
    for one in sorted(kept):
        for last in sorted({other[-1] for other in kept if other[:-1] == one[:-1] and other[-1] > one[-1]}):
            larger = (*one, last)
            if all(part in kept for part in combinations(larger, len(one))):
                out.append(larger)
    return out
