"""Leakage: what a project drives elsewhere."""

import numpy as np

from methodologies.contract import Array
from methodologies.trace import equation


@equation("SU_over", "SU", "SU_over = max(0, SU_removed - SU_absorbed)", "METHODOLOGIES 2.9 grassland_protection")
def displaced_stock(removed: Array, absorbed: Array) -> Array:
    """Animals that no land within its capacity takes up [sheep units].

    Examples
    --------
    >>> displaced_stock(np.array([900.0, 300.0]), np.array([600.0, 400.0])).tolist()
    [300.0, 0.0]
    """
    return np.maximum(removed - absorbed, 0.0 * removed)


@equation("A_over", "ha", "A_over = SU_over / stocking rate outside", "METHODOLOGIES 2.9 grassland_protection")
def overloaded_area(displaced: Array, stocking_rate: Array) -> Array:
    """Land that displaced animals overload [ha], at the stocking rate of the land they go to [SU ha-1]; none without animals."""
    return np.where(displaced > 0.0 * displaced, displaced / stocking_rate, 0.0)


@equation("LK", "tCO2e", "LK = 44/12 * A_over * SOC_REF * (F_before - F_after) / 20 * years", "METHODOLOGIES 2.9; IPCC 2006 Eq 2.25")
def grazing_leakage(area: Array, loss_rate: Array, years: Array, co2_per_carbon: Array) -> Array:
    """Soil carbon lost on overloaded land over the period [tCO2e]; never negative."""
    return np.maximum(co2_per_carbon * area * loss_rate * years, 0.0 * co2_per_carbon * area * loss_rate * years)


@equation("dC_BIOMASS", "tC", "dC_BIOMASS = (1.1 * b_TREE * (1 + R_TREE) + b_SHRUB * (1 + R_S)) * CF * A_DISP", "AR-TOOL15 v2")
def displaced_agriculture_biomass(
    trees: Array, tree_margin: Array, tree_ratio: Array, shrubs: Array, shrub_ratio: Array, carbon_fraction: Array, area: Array
) -> Array:
    """Carbon in biomass of land cleared for displaced agriculture [tC].

    Examples
    --------
    >>> round(float(displaced_agriculture_biomass(60.0, 1.1, 0.25, 5.0, 0.40, 0.47, 10.0)), 2)
    420.65
    """
    return (tree_margin * trees * (1.0 + tree_ratio) + shrubs * (1.0 + shrub_ratio)) * carbon_fraction * area


@equation("LK", "tCO2e", "LK = 44/12 * (dC_BIOMASS + SOC_REF * (f_P - f_D) * A_DISP)", "AR-TOOL15 v2")
def displaced_agriculture(
    biomass: Array, reference: Array, factor_before: Array, factor_after: Array, area: Array, co2_per_carbon: Array
) -> Array:
    """Leakage of displaced agriculture [tCO2e].

    Examples
    --------
    >>> round(float(displaced_agriculture(420.65, 50.0, 1.0, 0.8, 10.0, 44 / 12)), 3)
    1909.05
    """
    return co2_per_carbon * (biomass + reference * (factor_before - factor_after) * area)
