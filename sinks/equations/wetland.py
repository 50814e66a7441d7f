"""Organic soils and peat: 2013 Wetlands Supplement, chapters 2 and 3, and peat stocks.

Carbon and gases are returned as they are emitted (positive = to the atmosphere),
but for `peat_accumulation`, which is a gain.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sinks.equations.arrays import floats as _floats
from sinks.units import C_TO_CO2, CH4C_TO_CH4, KG_PER_M2_TO_T_PER_HA, KG_TO_T, N2ON_TO_N2O

Floats = NDArray[np.float64]


def organic_soil_co2(area: ArrayLike, emission_factor: ArrayLike) -> Floats:
    """CO2 of organic soil, on site or as dissolved carbon [tCO2 yr-1].

    Equation 2.26 [IPCC2006] and equations 2.3 and 2.4 [IPCC2013WS]: ``A * EF``, EF in
    tC ha-1 yr-1 (tables 2.1 and 2.2 for drained, 3.1 and 3.2 for rewetted soil).
    """
    return _floats(area) * _floats(emission_factor) * C_TO_CO2


def drained_ch4(area: ArrayLike, ditch_fraction: ArrayLike, land_factor: ArrayLike, ditch_factor: ArrayLike) -> Floats:
    """CH4 of drained organic soil [t CH4 yr-1].

    Equation 2.6 [IPCC2013WS]: ``A * ((1 - f) * EF_land + f * EF_ditch)``, factors in
    kg CH4 ha-1 yr-1 (tables 2.3 and 2.4).
    """
    ditch = _floats(ditch_fraction)
    return _floats(area) * ((1.0 - ditch) * _floats(land_factor) + ditch * _floats(ditch_factor)) * KG_TO_T


def drained_n2o(area: ArrayLike, emission_factor: ArrayLike) -> Floats:
    """N2O of drained organic soil [t N2O yr-1].

    Equation 2.7 [IPCC2013WS]: ``A * EF * 44/28``, EF in kg N2O-N ha-1 yr-1 (table 2.5).
    """
    return _floats(area) * _floats(emission_factor) * N2ON_TO_N2O * KG_TO_T


def rewetted_ch4(area: ArrayLike, emission_factor: ArrayLike) -> Floats:
    """CH4 of rewetted organic soil [t CH4 yr-1].

    Equation 3.8 [IPCC2013WS]: ``A * EF * 16/12``, EF in kg CH4-C ha-1 yr-1 (table 3.3).
    """
    return _floats(area) * _floats(emission_factor) * CH4C_TO_CH4 * KG_TO_T


def marsh_ch4(area: ArrayLike, emission_factor: ArrayLike) -> Floats:
    """CH4 of marsh on mineral soil [t CH4 yr-1], ``A * EF``, EF in kg CH4 ha-1 yr-1 ([IPCC2013WS] ch5); a memo."""
    return _floats(area) * _floats(emission_factor) * KG_TO_T


def peat_stock(area: ArrayLike, carbon_density: ArrayLike, depth: ArrayLike) -> Floats:
    """Carbon in peat [tC], ``A * density * depth`` (METHODOLOGIES 4.5), only where peat is declared.

    Parameters
    ----------
    carbon_density : array_like
        [kgC m-3].
    depth : array_like
        Depth of the peat [m].
    """
    return _floats(area) * _floats(carbon_density) * _floats(depth) * KG_PER_M2_TO_T_PER_HA


def peat_accumulation(area: ArrayLike, rate: ArrayLike) -> Floats:
    """Carbon gained by undrained peat [tC yr-1], ``A * rate`` (METHODOLOGIES 3.7, rule 1), only where peat is declared."""
    return _floats(area) * _floats(rate)
