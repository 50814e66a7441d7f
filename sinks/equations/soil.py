"""Soil organic carbon: reference stock and factors, twenty-year cohorts, AR-TOOL16."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sinks.equations.arrays import floats as _floats

Floats = NDArray[np.float64]


def soil_carbon(reference: ArrayLike, land_use: ArrayLike, management: ArrayLike, carbon_input: ArrayLike) -> Floats:
    """Soil organic carbon of mineral soil [tC ha-1] at the depth of the reference (30 cm).

    Equation 2.25 [IPCC2006]: ``SOC = SOC_REF * F_LU * F_MG * F_I``; not for organic soil.
    """
    return _floats(reference) * _floats(land_use) * _floats(management) * _floats(carbon_input)


def annual_soil_change(soil_before: ArrayLike, soil_after: ArrayLike, transition_years: ArrayLike) -> Floats:
    """Annual change of soil carbon during a transition [tC ha-1 yr-1], positive for a gain.

    Equation 2.25 [IPCC2006]: ``dC = (SOC_0 - SOC_(0-T)) / D``, D = 20 yr by default
    (factor ``transition_years``), for D years after the change and 0 thereafter.
    """
    return (_floats(soil_after) - _floats(soil_before)) / _floats(transition_years)


def cohort_years(start: ArrayLike, year_from: ArrayLike, year: ArrayLike, transition_years: ArrayLike) -> Floats:
    """Years of an interval in which a cohort is in transition [yr].

    A year y counts if ``start < y <= start + D``; the interval holds the years
    ``year_from < y <= year``. Rule of METHODOLOGIES W11.

    Parameters
    ----------
    start : array_like
        Year in which the change of use or management happened.

    Examples
    --------
    >>> float(cohort_years(2020, 2040, 2041, 20))
    0.0
    """
    begin = np.maximum(_floats(year_from), _floats(start))
    end = np.minimum(_floats(year), _floats(start) + _floats(transition_years))
    return np.asarray(np.maximum(0.0, end - begin), dtype=np.float64)


def mean_cohort_years(
    first_from: ArrayLike, first_to: ArrayLike, year_from: ArrayLike, year_to: ArrayLike, transition_years: ArrayLike
) -> Floats:
    """Cohort-years per hectare gathered in an interval by a change seen only between two dates [yr].

    The change starts in equal parts in each year from ``first_from`` to
    ``first_to - 1`` (ACCOUNTING 2), so this is the mean of `cohort_years` over
    those starts. As a function of the start s the overlap of ``(s, s + D]`` with
    ``(year_from, year_to]`` is a sum of four ramps, which is added up in closed form.

    Parameters
    ----------
    first_from, first_to : array_like of whole years
        The two dates between which the change is seen, ``first_from < first_to``.

    Examples
    --------
    >>> float(mean_cohort_years(2020, 2023, 2020, 2023, 20))
    2.0
    """
    first, last = _floats(first_from), _floats(first_to) - 1.0
    begin, end, years = _floats(year_from), _floats(year_to), _floats(transition_years)
    total = (
        _sum_of_ramp(first, last, begin - years)
        - _sum_of_ramp(first, last, end - years)
        - _sum_of_ramp(first, last, begin)
        + _sum_of_ramp(first, last, end)
    )
    return total / (last - first + 1.0)


def _sum_of_ramp(first: Floats, last: Floats, knot: Floats) -> Floats:
    """The sum of ``max(0, s - knot)`` over the whole numbers s from first to last."""
    lowest = np.maximum(first, np.ceil(knot))
    terms = np.maximum(0.0, last - lowest + 1.0)
    return terms * (lowest - knot) + terms * (terms - 1.0) / 2.0


def initial_soil_carbon(reference: ArrayLike, land_use: ArrayLike, management: ArrayLike, carbon_input: ArrayLike) -> Floats:
    """Soil carbon before planting [tC ha-1]: [ARTOOL16] ``SOC_INITIAL = SOC_REF * f_LU * f_MG * f_IN``."""
    return soil_carbon(reference, land_use, management, carbon_input)


def soil_disturbance_loss(initial: ArrayLike, disturbed_fraction: ArrayLike, threshold: ArrayLike, loss_fraction: ArrayLike) -> Floats:
    """Soil carbon lost by site preparation [tC ha-1].

    [ARTOOL16]: ``SOC_LOSS = 0.1 * SOC_INITIAL`` where more than 10 % of the stratum is
    disturbed, else 0; both numbers are factors (``artool16_loss_fraction``,
    ``artool16_disturbed_threshold``).
    """
    disturbed = _floats(disturbed_fraction) > _floats(threshold)
    return np.where(disturbed, _floats(initial) * _floats(loss_fraction), 0.0)


def afforestation_soil_rate(
    reference: ArrayLike, initial: ArrayLike, loss: ArrayLike, transition_years: ArrayLike, rate_cap: ArrayLike
) -> Floats:
    """Annual soil carbon gain after afforestation [tC ha-1 yr-1], at most the cap.

    [ARTOOL16]: ``dSOC = min((SOC_REF - (SOC_INITIAL - SOC_LOSS)) / 20, 0.8)`` for twenty
    years; not on wetland or organic soil, litter stays on site.
    """
    return np.minimum(annual_soil_change(_floats(initial) - _floats(loss), reference, transition_years), _floats(rate_cap))
