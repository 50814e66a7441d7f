"""From factors to draws of them, and from results to standard errors.

Approach 1 [IPCC2006 V1 ch3]: the accounting runs once with each factor at minus
and at plus one standard error; the halves of the differences are the effects of the
factors. A factor is one random quantity wherever it is used, so its effects on pools,
leagues and dates add with their sign before they are squared.

Approach 2, Monte Carlo: each factor is drawn from its distribution by (seed, factor
id), so that another factor moves no draw of this one.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

from sinks.factors.resolver import central, mode_of_triangle, one_at_a_time, standard_error
from sinks.factors.table import FactorTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Sampling = Literal["stratified", "plain"]

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
    moved: Ints


_PROBE = 1.0 + 2.0**-10


def design(table: FactorTable, used: Ints) -> Design:
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


def rests_on_unranged(results: Floats) -> NDArray[np.bool_]:
    """Whether each result rests on factors that state no range, (n,)."""
    with np.errstate(invalid="ignore"):
        return np.abs(results[-1] - results[0]) > 1e-9 * np.abs(results[0])


def quantiles_of(name: str, seed: int, count: int, sampling: Sampling) -> Floats:
    """Draws of a uniform quantity that a name and a seed alone decide, (count,), strictly between 0 and 1.

    ``stratified``: one draw in each of as many equal parts as there are draws, in an
    order of its own (a Latin hypercube over all names [McKay1979]); ``plain``:
    independent draws.
    """
    digest = hashlib.sha256(f"{seed}|{name}".encode()).digest()
    random = np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
    within = random.random(count)
    drawn = within if sampling == "plain" else (random.permutation(count) + within) / count
    return np.clip(drawn, _TINY, 1.0 - _TINY)


_TINY = 2.0**-53


def normal_draws(name: str, number: int, seed: int, count: int, sampling: Sampling) -> Floats:
    """Draws (count, number) of independent standard normal quantities of a source of error."""
    out = np.empty((count, number))
    for one in range(number):
        out[:, one] = ndtri(quantiles_of(f"{name}#{one}", seed, count, sampling))
    return out


def factor_draws(table: FactorTable, moved: Ints, seed: int, count: int, sampling: Sampling = "stratified") -> Floats:
    """Values of all factors per draw, (count, factors); those that are not moved stay central.

    Normal and lognormal keep ``value`` as their mean and the standard error of
    the stated range (METHODOLOGIES 3.8); a truncated normal does not change sign. A
    triangle has ``value`` as its mean, and where no triangle on the range has, a beta
    distribution on the range with that mean and a sixth of the width as its standard
    deviation stands for it.
    """
    errors = standard_error(table)
    values = np.repeat(central(table), count, axis=0)
    for row in moved:
        u = quantiles_of(str(table.id[row]), seed, count, sampling)
        value, error, low, high = (float(one[row]) for one in (table.value, errors, table.low, table.high))
        values[:, row] = _INVERSE[str(table.distribution[row])](u, value, error, low, high)
    return values


def _normal(u: Floats, value: float, error: float, low: float, high: float) -> Floats:
    return value + error * ndtri(u)


def _truncated_normal(u: Floats, value: float, error: float, low: float, high: float) -> Floats:
    sign = np.sign(value)
    below = ndtr(-abs(value) / error)
    return np.asarray(value + sign * error * ndtri(below + u * (1.0 - below)))


def _lognormal(u: Floats, value: float, error: float, low: float, high: float) -> Floats:
    variance = np.log1p((error / value) ** 2)
    return np.asarray(np.sign(value) * np.exp(np.log(abs(value)) - variance / 2.0 + np.sqrt(variance) * ndtri(u)))


def _triangular(u: Floats, value: float, error: float, low: float, high: float) -> Floats:
    mode = float(mode_of_triangle(np.asarray(low), np.asarray(value), np.asarray(high)))
    width = high - low
    if np.isnan(mode):
        return low + width * _beta(u, (value - low) / width, error / width, low, high)
    split = (mode - low) / width
    rising = low + np.sqrt(u * width * (mode - low))
    return np.where(u < split, rising, high - np.sqrt((1.0 - u) * width * (high - mode)))


def _uniform(u: Floats, value: float, error: float, low: float, high: float) -> Floats:
    return low + u * (high - low)


def _beta(u: Floats, value: float, error: float, low: float, high: float) -> Floats:
    size = value * (1.0 - value) / error**2 - 1.0
    return np.asarray(betaincinv(value * size, (1.0 - value) * size, u))


_INVERSE: dict[str, Callable[[Floats, float, float, float, float], Floats]] = {
    "normal": _normal, "truncated_normal": _truncated_normal, "lognormal": _lognormal, "triangular": _triangular, "uniform": _uniform, "beta": _beta,
}  # fmt: skip
