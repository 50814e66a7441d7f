"""Herb biomass of grassland from the vegetation index."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def ndvi_biomass_carbon(ndvi: ArrayLike, coefficient: ArrayLike, exponent: ArrayLike) -> Floats:
    """Carbon in aboveground herb biomass [gC m-2] (carbon, not dry matter).

    Piao et al. 2007 [PIAO2007]: ``C = k * NDVI_max ** p``, fitted to grassland of
    China, R2 = 0.71; valid for NDVI from factor ``ndvi_valid_low`` to
    ``ndvi_valid_high``. Run it per year, then average over years.

    Parameters
    ----------
    ndvi : array_like
        Yearly maximum NDVI [-]; below 0 the power is not defined and gives NaN.
    coefficient, exponent : array_like
        k [gC m-2] and p [-], factors ``ndvi_biomass_coefficient`` and ``ndvi_biomass_exponent``.

    Examples
    --------
    >>> round(float(ndvi_biomass_carbon(0.5, 291.64, 1.5842)), 6)
    97.264727
    """
    return np.asarray(coefficient, dtype=np.float64) * _power(ndvi, exponent)


def ndvi_biomass_second_derivative(ndvi: ArrayLike, coefficient: ArrayLike, exponent: ArrayLike) -> Floats:
    """Second derivative of `ndvi_biomass_carbon` by NDVI [gC m-2], for the second-order term of a bin."""
    p = np.asarray(exponent, dtype=np.float64)
    return np.asarray(coefficient, dtype=np.float64) * p * (p - 1.0) * _power(ndvi, p - 2.0)


def ndvi_biomass_third_derivative(ndvi: ArrayLike, coefficient: ArrayLike, exponent: ArrayLike) -> Floats:
    """Third derivative of `ndvi_biomass_carbon` by NDVI [gC m-2], for the error bound of a bin.

    With an exponent between 1 and 2 its size falls with NDVI: the bound of a bin is
    its size at the lower edge.
    """
    p = np.asarray(exponent, dtype=np.float64)
    return np.asarray(coefficient, dtype=np.float64) * p * (p - 1.0) * (p - 2.0) * _power(ndvi, p - 3.0)


def herb_carbon(aboveground: ArrayLike, root_shoot_ratio: ArrayLike, carbon_fraction: ArrayLike) -> Floats:
    """Carbon in herbs above and below ground [tC ha-1], ``B * (1 + R) * CF``.

    The form of equation 2.8 [IPCC2006] for herbs (V4 ch6). Its change from year to
    year on grassland that stays grassland is weather, not a removal.
    """
    living = np.asarray(aboveground, dtype=np.float64) * (1.0 + np.asarray(root_shoot_ratio, dtype=np.float64))
    return living * np.asarray(carbon_fraction, dtype=np.float64)


def _power(ndvi: ArrayLike, exponent: ArrayLike) -> Floats:
    """NDVI to a power, NaN where NDVI is negative; an infinite slope at 0 is left infinite."""
    base = np.asarray(ndvi, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.power(np.where(base < 0.0, np.nan, base), np.asarray(exponent, dtype=np.float64))
