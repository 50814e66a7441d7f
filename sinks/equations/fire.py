"""Gases of vegetation fire other than CO2: IPCC 2006 equation 2.27 and AR-TOOL08.

CO2 of a forest fire is already in the stock difference or in equation 2.14, and
on grassland it grows back: only CH4 and N2O are added.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sinks.equations.arrays import floats as _floats
from sinks.units import KG_TO_T

Floats = NDArray[np.float64]


def fire_emission(
    area: ArrayLike, fuel: ArrayLike, combustion_factor: ArrayLike, emission_factor: ArrayLike, tonnes_per_kg: ArrayLike = KG_TO_T
) -> Floats:
    """Gas of a fire [t of the gas].

    Equation 2.27 [IPCC2006]: ``L_fire = A * M_B * C_f * G_ef * 1e-3``.

    Parameters
    ----------
    area : array_like
        Burned area [ha].
    fuel : array_like
        Fuel M_B [t d.m. ha-1]; where a table gives the fuel consumed (M_B * C_f), the
        combustion factor is 1.
    combustion_factor : array_like
        Share of the fuel that burns, C_f [-].
    emission_factor : array_like
        G_ef [g (kg d.m.)-1], which is kg of gas per t of dry matter.
    tonnes_per_kg : array_like
        The 1e-3 of the equation.
    """
    return _floats(area) * _floats(fuel) * _floats(combustion_factor) * _floats(emission_factor) * _floats(tonnes_per_kg)


def fire_emission_co2e(ch4: ArrayLike, n2o: ArrayLike, gwp_ch4: ArrayLike, gwp_n2o: ArrayLike) -> Floats:
    """CH4 and N2O as CO2 equivalents [tCO2e], each gas by its warming potential."""
    return _floats(ch4) * _floats(gwp_ch4) + _floats(n2o) * _floats(gwp_n2o)


def tree_fire_emission(
    area: ArrayLike,
    aboveground: ArrayLike,
    combustion_factor: ArrayLike,
    ch4_factor: ArrayLike,
    n2o_factor: ArrayLike,
    gwp_ch4: ArrayLike,
    gwp_n2o: ArrayLike,
    tonnes_per_kg: ArrayLike = KG_TO_T,
) -> Floats:
    """Non-CO2 gases of burnt trees in a project [tCO2e].

    [ARTOOL08] v4 equation 7: ``0.001 * A * b * COMF * (EF_CH4 * GWP_CH4 + EF_N2O * GWP_N2O)``.
    The tool prints warming potentials of 21 and 310; the chosen set replaces them.

    Parameters
    ----------
    aboveground : array_like
        Biomass of trees before the fire, at the last verification [t d.m. ha-1].
    """
    ch4 = fire_emission(area, aboveground, combustion_factor, ch4_factor, tonnes_per_kg)
    n2o = fire_emission(area, aboveground, combustion_factor, n2o_factor, tonnes_per_kg)
    return fire_emission_co2e(ch4, n2o, gwp_ch4, gwp_n2o)


def dead_matter_fire_emission(area: ArrayLike, dead_wood: ArrayLike, litter: ArrayLike, fraction: ArrayLike) -> Floats:
    """Non-CO2 gases of burnt dead wood and litter in a project [tCO2e].

    [ARTOOL08] v4: ``0.07 * A * (C_DW + C_LI)``, both in tCO2e ha-1; 0.07 is the factor
    ``artool08_dead_matter_fraction``.
    """
    return _floats(area) * (_floats(dead_wood) + _floats(litter)) * _floats(fraction)
