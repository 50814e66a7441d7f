"""Biomass carbon of woody land: IPCC 2006 Guidelines, volume 4, chapter 2, and AR-TOOL14.

Source ids are those of ``sinks/factors/sources.csv``. Biomass is dry matter; losses
are positive numbers that the balance subtracts.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sinks.equations.arrays import floats as _floats

Floats = NDArray[np.float64]


def stock_difference(stock_start: ArrayLike, stock_end: ArrayLike, years: ArrayLike) -> Floats:
    """Annual change of carbon between two dates [tC yr-1], positive for a gain.

    Equation 2.5 [IPCC2006]: ``dC = (C_t2 - C_t1) / (t2 - t1)``, valid where both
    stocks stand on the same area and in the same definitions.

    Parameters
    ----------
    stock_start, stock_end : array_like
        Carbon at the two dates [tC].
    years : array_like
        Time between them [yr].

    Examples
    --------
    >>> float(stock_difference(42.0 * 100_000, 43.5 * 100_000, 3))
    50000.0
    """
    return (_floats(stock_end) - _floats(stock_start)) / _floats(years)


def gain_loss(gain: ArrayLike, loss: ArrayLike) -> Floats:
    """Annual change of carbon from gain and loss [tC yr-1], positive for a gain.

    Equations 2.4 and 2.7 [IPCC2006]: ``dC = dC_G - dC_L``; both are given positive.
    """
    return _floats(gain) - _floats(loss)


def carbon_from_dry_matter(biomass: ArrayLike, carbon_fraction: ArrayLike) -> Floats:
    """Carbon in dry matter [tC], ``C = B * CF`` (the last step of equation 2.8 [IPCC2006])."""
    return _floats(biomass) * _floats(carbon_fraction)


def belowground_biomass(aboveground: ArrayLike, root_shoot_ratio: ArrayLike) -> Floats:
    """Biomass of roots [t d.m.], ``B_BG = B_AG * R`` (the R term of equation 2.8 [IPCC2006]).

    Parameters
    ----------
    root_shoot_ratio : array_like
        R [-]; tables of R have steps at biomass thresholds, and a step in R is
        never a removal: use the R of the first date at both dates.
    """
    return _floats(aboveground) * _floats(root_shoot_ratio)


def aboveground_from_volume(volume: ArrayLike, bcef_s: ArrayLike) -> Floats:
    """Aboveground biomass from growing stock [t d.m. ha-1], ``V * BCEF_S`` (equation 2.8 [IPCC2006]).

    Parameters
    ----------
    volume : array_like
        Merchantable growing stock over bark [m3 ha-1].
    bcef_s : array_like
        Biomass conversion and expansion factor [t d.m. m-3] of that stock level:
        it falls with volume, so it belongs to a stratum, never to a regional mean.
    """
    return _floats(volume) * _floats(bcef_s)


def stock_from_volume(
    area: ArrayLike, volume: ArrayLike, bcef_s: ArrayLike, root_shoot_ratio: ArrayLike, carbon_fraction: ArrayLike
) -> Floats:
    """Carbon in living biomass from growing stock [tC].

    Equation 2.8b [IPCC2006]: ``C = A * V * BCEF_S * (1 + R) * CF``.

    Examples
    --------
    >>> round(float(stock_from_volume(1.0, 110.0, 0.77, 0.24, 0.51)), 5)
    53.56428
    """
    aboveground = aboveground_from_volume(volume, bcef_s)
    living = aboveground + belowground_biomass(aboveground, root_shoot_ratio)
    return carbon_from_dry_matter(_floats(area) * living, carbon_fraction)


def total_growth(aboveground_growth: ArrayLike, root_shoot_ratio: ArrayLike) -> Floats:
    """Growth above and below ground [t d.m. ha-1 yr-1].

    Equation 2.10, tier 1 [IPCC2006]: ``G_TOTAL = G_W * (1 + R)``.
    """
    return _floats(aboveground_growth) * (1.0 + _floats(root_shoot_ratio))


def total_growth_from_increment(increment: ArrayLike, bcef_i: ArrayLike, root_shoot_ratio: ArrayLike) -> Floats:
    """Growth above and below ground from volume increment [t d.m. ha-1 yr-1].

    Equation 2.10, tiers 2 and 3 [IPCC2006]: ``G_TOTAL = I_V * BCEF_I * (1 + R)``.
    """
    return total_growth(_floats(increment) * _floats(bcef_i), root_shoot_ratio)


def growth_gain(area: ArrayLike, growth: ArrayLike, carbon_fraction: ArrayLike) -> Floats:
    """Carbon gained by growth [tC yr-1]: equation 2.9 [IPCC2006], ``dC_G = A * G_TOTAL * CF``."""
    return carbon_from_dry_matter(_floats(area) * _floats(growth), carbon_fraction)


def harvest_loss(harvest: ArrayLike, bcef_r: ArrayLike, root_shoot_ratio: ArrayLike, carbon_fraction: ArrayLike) -> Floats:
    """Carbon lost by harvest of wood [tC yr-1].

    Equation 2.12 [IPCC2006]: ``L_wood = H * BCEF_R * (1 + R) * CF``, H in m3 yr-1 of
    merchantable roundwood over bark. Bark is in H here.
    """
    return carbon_from_dry_matter(total_growth_from_increment(harvest, bcef_r, root_shoot_ratio), carbon_fraction)


def fuelwood_loss(
    trees: ArrayLike,
    parts: ArrayLike,
    bcef_r: ArrayLike,
    root_shoot_ratio: ArrayLike,
    wood_density: ArrayLike,
    carbon_fraction: ArrayLike,
) -> Floats:
    """Carbon lost by gathering fuelwood [tC yr-1].

    Equation 2.13 [IPCC2006]: ``L_fuel = (FG_trees * BCEF_R * (1 + R) + FG_part * D) * CF``.

    Parameters
    ----------
    trees, parts : array_like
        Volume of whole trees and of tree parts gathered [m3 yr-1].
    wood_density : array_like
        Basic wood density D [t d.m. m-3].
    """
    whole = total_growth_from_increment(trees, bcef_r, root_shoot_ratio)
    return carbon_from_dry_matter(whole + _floats(parts) * _floats(wood_density), carbon_fraction)


def disturbance_loss(
    area: ArrayLike, aboveground: ArrayLike, root_shoot_ratio: ArrayLike, carbon_fraction: ArrayLike, lost_fraction: ArrayLike
) -> Floats:
    """Carbon lost by disturbance [tC yr-1].

    Equation 2.14 [IPCC2006]: ``L_dist = A_dist * B_W * (1 + R) * CF * fd``.

    Parameters
    ----------
    area : array_like
        Area disturbed in the year [ha yr-1].
    lost_fraction : array_like
        Share fd of the biomass that the disturbance takes [-], 0 to 1.
    """
    living = total_growth(aboveground, root_shoot_ratio)
    return carbon_from_dry_matter(_floats(area) * living, carbon_fraction) * _floats(lost_fraction)


def biomass_from_volume(volume: ArrayLike, slope: ArrayLike, intercept: ArrayLike) -> Floats:
    """Total living biomass from growing stock [t d.m. ha-1], ``B = a * V + b`` [ZHANG2013, FANG2001].

    B holds the roots (METHODOLOGIES 4.2: sources disagree, Fang 2001 defines B as
    total living biomass), so no (1 + R) follows. Error about 20 to 30 %; not for
    land without trees, where b alone would be left: the result is 0 at V = 0.
    """
    stock = _floats(volume)
    return np.where(stock == 0.0, 0.0, _floats(slope) * stock + _floats(intercept))


def living_biomass_of_stands(volume: ArrayLike, area: ArrayLike, slope: ArrayLike, intercept: ArrayLike) -> Floats:
    """Living biomass of stands, roots included [t d.m.]: ``sum A (a V + b) = a * sum(A V) + b * A`` [ZHANG2013, FANG2001].

    The equation of `biomass_from_volume` is a straight line, so its sum over stands
    needs their volume and their area alone.

    Parameters
    ----------
    volume : array_like
        Growing stock of the stands [m3].
    area : array_like
        Land that carries growing stock [ha]; land without any adds no b.

    Examples
    --------
    >>> round(float(living_biomass_of_stands(11000.0, 100.0, 0.6079, 17.062)), 1)
    8393.1
    """
    return _floats(slope) * _floats(volume) + _floats(intercept) * _floats(area)


def aboveground_of_living(living: ArrayLike, root_shoot_ratio: ArrayLike) -> Floats:
    """The aboveground part of living biomass: ``B_AG = B / (1 + R)``, so that ``B_AG * (1 + R)`` is B again (equation 2.8 [IPCC2006])."""
    return _floats(living) / (1.0 + _floats(root_shoot_ratio))


def root_ratio_from_biomass(aboveground: ArrayLike, intercept: ArrayLike, slope: ArrayLike) -> Floats:
    """Root:shoot ratio, continuous in biomass [-].

    [ARTOOL14] (AR-TOOL14 v4.2): ``R = exp(c0 + c1 * ln b) / b``, b aboveground biomass
    [t d.m. ha-1] above 0; NaN at 0, where the ratio is not defined.

    Parameters
    ----------
    intercept, slope : array_like
        c0 and c1, factors ``artool14_root_intercept`` and ``artool14_root_slope``.

    Examples
    --------
    >>> round(float(root_ratio_from_biomass(20.0, -1.085, 0.9256)), 6)
    0.270392
    """
    biomass = _floats(aboveground)
    positive = np.where(biomass > 0.0, biomass, np.nan)
    return np.exp(_floats(intercept) + (_floats(slope) - 1.0) * np.log(positive))


def roots_of_bin(
    area: ArrayLike, total: ArrayLike, mean: ArrayLike, cross: ArrayLike, squares: ArrayLike, intercept: ArrayLike, slope: ArrayLike
) -> Floats:
    """Roots of the pixels of a bin with the continuous ratio of the density b they are binned by [t d.m.].

    The sum of ``a * v * R(b)`` for a mass v beside the density b (the same at one
    date; the later mass with the first date's ratio over an interval), by Taylor at
    the bin mean m of b, R of [ARTOOL14]:
    ``R(m) * sum a v + R'(m) * sum a v (b - m) + R''(m) / 2 * mean v * sum a (b - m)^2``.
    A bin without biomass has no roots.

    Parameters
    ----------
    area, total : array_like
        Hectares, and sum of a * v [t d.m.].
    mean : array_like
        m [t d.m. ha-1].
    cross, squares : array_like
        Sums of a * v * b and a * b^2.
    """
    area, total, mean, cross, squares = (_floats(values) for values in (area, total, mean, cross, squares))
    empty = (area <= 0.0) | (mean <= 0.0)
    hectares, middle = np.where(empty, 1.0, area), np.where(empty, 1.0, mean)
    ratio = root_ratio_from_biomass(middle, intercept, slope)
    power = _floats(slope) - 1.0
    first = power * ratio / middle
    second = power * (power - 1.0) * ratio / middle**2
    deviation = cross - total * middle
    spread = np.maximum(0.0, squares - hectares * middle**2)
    return np.where(empty, 0.0, ratio * total + first * deviation + 0.5 * second * total / hectares * spread)
