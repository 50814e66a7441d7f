"""From draws of the factors to standard errors and intervals.

Approach 1 [IPCC2006 V1 ch3]: the accounting runs once with each factor at minus
and at plus one standard error; the halves of the differences add in quadrature.
A factor is one random quantity wherever it is used, so its effects on pools,
leagues and dates add with their sign before they are squared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sinks.factors.resolver import one_at_a_time, standard_error
from sinks.factors.table import FactorTable

Floats = NDArray[np.float64]

Z95 = float(ndtri(0.975))
"""Half-width of a 95 % interval of a normal distribution, in standard errors."""


@dataclass(frozen=True, slots=True)
class Design:
    """Factor values of approach 1: the central row, each moved factor at minus and plus, and a probe.

    Parameters
    ----------
    values : (2 + 2 K, factors) float64
        The last row moves every factor in use that states no range: a result that it
        moves rests on factors whose error is not known.
    moved : (K,) int64
        Rows of the factor table that have a stated range.
    """

    values: Floats
    moved: NDArray[np.int64]


_PROBE = 1.0 + 2.0**-10


def design(table: FactorTable, used: NDArray[np.int64]) -> Design:
    """The design of approach 1 for the factors in use."""
    errors = standard_error(table)
    ranged = errors[used] > 0
    moved, still = used[ranged], used[~ranged]
    values = one_at_a_time(table, moved)
    probe = values[:1].copy()
    probe[:, still] *= _PROBE
    return Design(np.concatenate([values, probe]), moved)


def sensitivities(results: Floats) -> Floats:
    """Change of each result by one standard error of each factor, (K, n), from results (2 + 2 K, n)."""
    return (results[2:-1:2] - results[1:-1:2]) / 2.0


def standard_errors(results: Floats) -> Floats:
    """Standard errors by error propagation, (n,)."""
    steps = sensitivities(results)
    return np.sqrt((steps * steps).sum(axis=0))


def rests_on_unranged(results: Floats) -> NDArray[np.bool_]:
    """Whether each result rests on factors that state no range, (n,)."""
    with np.errstate(invalid="ignore"):
        return np.abs(results[-1] - results[0]) > 1e-9 * np.abs(results[0])
