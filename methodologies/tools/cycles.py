"""Coppice cycles and matched controls: what may be credited beyond a moment's stock."""

import numpy as np

from methodologies.contract import Array
from methodologies.trace import equation


@equation(
    "b_mean",
    "tCO2e ha-1",
    "b_mean = (integral of the stock over one full cycle) / cycle, by trapezia",
    "METHODOLOGIES 2.9 planted_shrubland",
)
def long_term_average(ages: Array, stocks: Array) -> Array:
    """Mean stock over one full coppice cycle [tCO2e ha-1].

    Parameters
    ----------
    ages : array
        Years since the cut, ascending from 0 to the length of the cycle [yr].
    stocks : array
        Stock at these ages with roots [tCO2e ha-1]; at age 0 what stays after a cut, the roots.

    Examples
    --------
    >>> float(long_term_average(np.array([0.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0])))
    2.0
    """
    steps = ages[1:] - ages[:-1]
    return ((stocks[1:] + stocks[:-1]) * steps).sum() / 2.0 / (ages[-1] - ages[0])


@equation("min", "tCO2e ha-1", "credited stock = min(stock, long-term average)", "METHODOLOGIES 2.9 planted_shrubland")
def at_most_average(stock: Array, average: Array) -> Array:
    """Stock that may be credited: never above the average over the cycle."""
    return np.minimum(stock, average)


@equation("slope", "yr-1", "least squares slope of the index over years", "VM0047, stocking index; METHODOLOGIES 2.8")
def index_slope(years: Array, index: Array) -> Array:
    """Slope of a stocking index over the years [yr-1].

    Examples
    --------
    >>> round(float(index_slope(np.array([2018.0, 2019.0, 2020.0]), np.array([0.2, 0.25, 0.3]))), 6)
    0.05
    """
    centred = years - years.mean()
    return (centred * (index - index.mean())).sum() / (centred**2).sum()


@equation(
    "PB", "-", "PB = slope of the controls / slope of the project, between 0 and 1", "VM0047 performance benchmark; METHODOLOGIES 2.8"
)
def performance_benchmark(control: Array, project: Array) -> Array:
    """Share of the project's change that would have come without it [-].

    A project whose index does not rise earns no credit by it: the benchmark is 1.

    Examples
    --------
    >>> performance_benchmark(np.array([0.01, -0.01, 0.03, 0.01]), np.array([0.04, 0.04, 0.02, -0.01])).tolist()
    [0.25, 0.0, 1.0, 1.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = control / project
    bounded = np.minimum(np.maximum(np.where(np.isnan(ratio), 1.0, ratio), 0.0), 1.0)
    return np.where(project > 0.0 * project, bounded, 1.0)
