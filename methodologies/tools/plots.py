"""Sample plots: how many, how they are allotted to strata, and what they say with which error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from methodologies.contract import Array, Refusal
from methodologies.dimensions import regression
from methodologies.tools.arrays import as_row, counts, group_sums, total
from methodologies.trace import equation
from sinks.equations.arrays import group_moments
from sinks.equations.plot_estimation import double_sample_spread, neyman_shares, neyman_size, regression_mean

MOST_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """Plots of a survey: the whole, by stratum, and what the last step of the iteration used."""

    plots: int
    by_stratum: tuple[int, ...]
    exact_by_stratum: tuple[float, ...]
    t_value: float


@equation("t", "-", "t = quantile of Student's t at probability p with f degrees of freedom", "Student's t")
@regression("-", probability="-", freedom="-")
def t_quantile(probability: Array, freedom: Array) -> Array:
    """The quantile of Student's t.

    Examples
    --------
    >>> round(float(t_quantile(0.95, 33)), 6)
    1.69236
    """
    return stdtrit(freedom, probability)


def sample_size(
    total_area_ha: float, plot_area_ha: float, weights: Array, deviations: Array, mean: float, allowed: float, t_start: float, probability: float, least: int
) -> SampleSize:  # fmt: skip
    """Plots for an allowed relative error, optimal (Neyman) allocation.

    AR-TOOL03 v2.1, METHODOLOGIES 1.8:
    ``n = N t^2 (sum w s)^2 / (N E^2 + t^2 sum w s^2)``, ``n_i = n w_i s_i / sum w s``,
    ``E = allowed x mean``; t starts large-sample and is iterated with n - M degrees of
    freedom until n stands still.

    Parameters
    ----------
    weights, deviations : array, one per stratum
        Share of area, standard deviation of biomass [t ha-1].
    mean : float
        Expected mean biomass [t ha-1].
    probability : float
        Probability of the quantile, 0.95 for a two-sided 90 % interval.
    least : int
        Fewest plots per stratum.

    Raises
    ------
    ValueError
        No spread or no mean: the formula gives no number.
    """
    spread = float((weights * deviations).sum())
    if not (mean > 0 and spread > 0):
        raise ValueError(f"mean {mean}, spread {spread}")
    possible, half = total_area_ha / plot_area_ha, allowed * mean
    t, plots = t_start, 0
    for _ in range(MOST_STEPS):
        exact = neyman_size(weights, deviations, (half / t) ** 2, possible)
        if int(np.ceil(exact)) == plots:
            break
        plots = int(np.ceil(exact))
        t = float(t_quantile(probability, max(1, plots - len(weights))))
    allotted = plots * neyman_shares(weights, deviations)
    return SampleSize(
        plots=plots,
        by_stratum=tuple(max(least, int(np.ceil(one))) for one in allotted),
        exact_by_stratum=tuple(map(float, allotted)),
        t_value=t,
    )


@equation(
    "b_p", "tCO2e ha-1", "b_p = sum over species of biomass of the plot (t d.m. ha-1) * CF * 44/12", "AR-TOOL14 Eq 12; IPCC 2006 Eq 2.8"
)
def plot_density(biomass: Array, carbon_fraction: Array, co2_per_carbon: Array, cell_plots: NDArray[np.int64], plots: int) -> Array:
    """Carbon of plots [tCO2e ha-1] from biomass per plot and species [t d.m. ha-1]."""
    return group_sums(biomass * carbon_fraction * co2_per_carbon, cell_plots, plots)


@equation("dC_i", "tCO2e", "dC_i = A_i * mean of plots (b_p,2 - b_p,1)", "AR-TOOL14 Eq 3-4, 12")
def stratum_change(area: Array, change: Array, strata: NDArray[np.int64]) -> Array:
    """Change of the strata [tCO2e] from changes at re-measured plots [tCO2e ha-1]."""
    mean, _ = group_moments(change, strata, len(area))
    return as_row(area) * mean


@equation("SE_i", "tCO2e", "SE_i = A_i * s_i / sqrt(n_i), s_i^2 with n_i - 1", "AR-TOOL14 Eq 5-8, 13-17")
def stratum_standard_error(area: Array, change: Array, strata: NDArray[np.int64]) -> Array:
    """Standard error of the change of the strata [tCO2e], from the spread among their plots."""
    count = len(area)
    n = np.maximum(counts(strata, count), 2).astype(np.float64)
    _, variance = group_moments(change, strata, count)
    return as_row(area) * np.sqrt(variance / as_row(n))


def degrees_of_freedom(strata: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Degrees of freedom that each stratum adds, n_i - 1; their sum is n - M."""
    return np.maximum(counts(strata, count) - 1, 0).astype(np.float64)


def check_plots(strata: NDArray[np.int64], names: Array, least: float, clause: str) -> None:
    """Stop where a stratum has too few plots.

    Raises
    ------
    Refusal
        Names each stratum with its number of plots.
    """
    found = counts(strata, len(names))
    few = [f"{name}: n = {number}" for name, number in zip(names, found, strict=True) if number < least]
    if few:
        raise Refusal(clause, "; ".join(few), f"n >= {least:g}")


@equation("U", "-", "U = t(p, n - M) * sqrt(sum SE_i^2) / abs(sum dC_i)", "AR-TOOL14 Eq 6, 17")
def relative_error(change: Array, standard_error: Array, t_value: Array) -> Array:
    """Relative half-width of the estimate [-], shape (draws, 1); infinite where nothing changed but the plots differ."""
    half = np.sqrt(total(standard_error**2)) * t_value
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = half / np.abs(total(change))
    return np.where(np.isnan(ratio), 0.0, ratio)


@equation("C", "tCO2e", "C = 44/12 * CF * A * sum w_i * mean b_i", "AR-TOOL14 Eq 12-17")
def stock_of_plots(area: Array, biomass: Array, strata: NDArray[np.int64], carbon_fraction: Array, co2_per_carbon: Array) -> Array:
    """Stock of the strata [tCO2e] from biomass at plots [t d.m. ha-1]."""
    return stratum_change.__wrapped__(area, biomass * carbon_fraction * co2_per_carbon, strata)  # type: ignore[attr-defined]


@equation("u_dC", "-", "u_dC = sqrt((u1 * C1)^2 + (u2 * C2)^2) / abs(C2 - C1)", "AR-TOOL14 Eq 1-2")
def difference_error(stock_start: Array, error_start: Array, stock_end: Array, error_end: Array) -> Array:
    """Relative error of the difference of two independent stocks [-], from their relative errors.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(difference_error(np.array([100_000.0]), 0.08, np.array([118_000.0]), 0.07)[0]), 8)
    0.63883478
    """
    return np.sqrt((error_start * stock_start) ** 2 + (error_end * stock_end) ** 2) / np.abs(stock_end - stock_start)


@equation("b_i", "t d.m. ha-1", "b_i = mean_sub + beta * (x_all - x_sub), beta = rho * s_y / s_x", "AR-TOOL14 Eq 18")
def double_sample_mean(measured: Array, auxiliary: Array, auxiliary_mean: Array) -> Array:
    """Mean of a stratum by double sampling: plots measured, and a secondary variable known at all places (NDVI, canopy height).

    Parameters
    ----------
    measured, auxiliary : array, one per plot of the sub-sample
        What was measured, and the secondary variable there.
    auxiliary_mean : array
        Mean of the secondary variable over the large sample.

    Examples
    --------
    >>> round(float(double_sample_mean(np.array([10.0, 20.0, 30.0]), np.array([0.2, 0.3, 0.4]), 0.35)), 6)
    25.0
    """
    return regression_mean(measured, auxiliary, auxiliary_mean)


@equation("s_i^2", "(t d.m. ha-1)^2", "s_i^2 * (1 - (1 - alpha) * rho^2), alpha = n_sub / n_all", "AR-TOOL14 Eq 19")
def double_sample_variance(measured: Array, auxiliary: Array, sub_share: Array) -> Array:
    """Variance among the plots of a double sample, less what the secondary variable explains.

    Examples
    --------
    >>> round(float(double_sample_variance(np.array([10.0, 20.0, 30.0]), np.array([0.2, 0.3, 0.4]), 0.1)), 6)
    10.0
    """
    return double_sample_spread(measured, auxiliary, sub_share)
