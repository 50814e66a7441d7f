"""Soil carbon of projects: cohorts of twenty years, AR-TOOL16, and measured cores of equal soil mass."""

import numpy as np

from methodologies.contract import Array
from methodologies.dimensions import regression
from methodologies.trace import equation
from sinks.equations.soil import (
    afforestation_soil_rate,
    annual_soil_change,
    cohort_years,
    initial_soil_carbon,
    soil_carbon,
    soil_disturbance_loss,
)


@equation("dSOC", "tC ha-1 yr-1", "dSOC = SOC_REF * (F_P - F_B) / D", "IPCC 2006 Eq 2.25; METHODOLOGIES 2.9")
def management_soil_rate(reference: Array, factor_baseline: Array, factor_project: Array, transition_years: Array) -> Array:
    """Annual gain of soil carbon by better management [tC ha-1 yr-1] during the transition.

    Examples
    --------
    >>> round(float(management_soil_rate(43.0, 0.90, 1.00, 20.0)), 3)
    0.215
    """
    before = soil_carbon(reference, factor_baseline, 1.0, 1.0)
    after = soil_carbon(reference, factor_project, 1.0, 1.0)
    return annual_soil_change(before, after, transition_years)


@equation("years", "yr", "years y of the period with start < y <= start + D", "METHODOLOGIES W11; IPCC 2006 Eq 2.25")
@regression("yr", start="yr", year_from="yr", year_to="yr", transition_years="yr")
def years_in_transition(start: Array, year_from: Array, year_to: Array, transition_years: Array) -> Array:
    """Years of the period in which a cohort is in transition [yr]; times are decimal years of the calendar.

    Examples
    --------
    >>> years_in_transition(np.array([2020.0, 2022.0]), 2022.0, 2023.0, 20.0).tolist()
    [1.0, 1.0]
    """
    return cohort_years(start, year_from, year_to, transition_years)


@equation("dC_SOC", "tCO2e", "dC_SOC = 44/12 * A * dSOC * years", "IPCC 2006 Eq 2.25")
def soil_gain(area: Array, rate: Array, years: Array, co2_per_carbon: Array) -> Array:
    """Gain of soil carbon of the strata over the period [tCO2e]."""
    return co2_per_carbon * area * rate * years


@equation("dSOC", "tC ha-1 yr-1", "dSOC = min((SOC_REF - (SOC_INITIAL - SOC_LOSS)) / 20, 0.8)", "AR-TOOL16 v1.1")
def afforestation_rate(
    reference: Array, land_use: Array, management: Array, carbon_input: Array, disturbed_fraction: Array, threshold: Array, loss_fraction: Array,
    transition_years: Array, rate_cap: Array,
) -> Array:  # fmt: skip
    """Annual gain of soil carbon after planting [tC ha-1 yr-1], capped.

    Examples
    --------
    >>> round(float(afforestation_rate(50.0, 0.80, 1.02, 0.95, 0.0, 0.1, 0.1, 20.0, 0.8)), 3)
    0.562
    """
    initial = initial_soil_carbon(reference, land_use, management, carbon_input)
    loss = soil_disturbance_loss(initial, disturbed_fraction, threshold, loss_fraction)
    return afforestation_soil_rate(reference, initial, loss, transition_years, rate_cap)


@equation("SOC", "tC ha-1", "SOC = MS * C / (A_core * N) * 0.1", "VM0042 v2.2 Eq 3 (F27)")
@regression("tC ha-1", soil_mass="g", carbon="g kg-1", core_area="cm2", cores="-")
def soil_stock_of_cores(soil_mass: Array, carbon: Array, core_area: Array, cores: Array) -> Array:
    """Soil carbon of a layer [tC ha-1] from the mass of N cores [g], their carbon [g kg-1] and core area [cm2].

    g of carbon per cm2 is 0.1 t ha-1 per g kg-1 and g cm-2.

    Examples
    --------
    >>> round(float(soil_stock_of_cores(3900.0, 15.0, 10.0, 10.0)), 2)
    58.5
    """
    return soil_mass * carbon / (core_area * cores) / 10


@equation("m", "t ha-1", "m = MS / (A_core * N) * 100", "VM0042 v2.2, equivalent soil mass")
@regression("t ha-1", soil_mass="g", core_area="cm2", cores="-")
def soil_mass_of_cores(soil_mass: Array, core_area: Array, cores: Array) -> Array:
    """Mass of soil of a layer [t ha-1] from the mass of N cores [g] and their area [cm2]; 1 g cm-2 is 100 t ha-1.

    Examples
    --------
    >>> soil_mass_of_cores(400.0, 10.0, 1.0)
    4000.0
    """
    return soil_mass / (core_area * cores) * 100


@equation(
    "SOC_eq",
    "tC ha-1",
    "SOC at a common cumulative soil mass, linear between layers",
    "VM0042 v2.2, equivalent soil mass; METHODOLOGIES 2.9",
)
@regression("tC ha-1", soil_mass="t ha-1", stock="tC ha-1", common_mass="t ha-1")
def equivalent_mass_stock(soil_mass: Array, stock: Array, common_mass: float) -> Array:
    """Soil carbon down to a common mass of soil [tC ha-1].

    Parameters
    ----------
    soil_mass, stock : array, one per layer from the top
        Mass of soil and carbon of each layer [t ha-1, tC ha-1].
    common_mass : float
        The mass to compare at [t ha-1], not more than was sampled.

    Examples
    --------
    >>> round(float(equivalent_mass_stock(np.array([1300.0, 1400.0, 1500.0]), np.array([25.0, 18.0, 12.0]), 3950.0)), 6)
    53.0
    """
    depth = np.concatenate(([0.0], np.cumsum(soil_mass)))
    return np.interp(common_mass, depth, np.concatenate(([0.0], np.cumsum(stock))))
