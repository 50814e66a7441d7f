"""Soil respiration by weather, for the check of a stock-based removal by NEP only."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def heterotrophic_respiration(
    temperature: ArrayLike,
    precipitation: ArrayLike,
    scale: ArrayLike,
    temperature_coefficient: ArrayLike,
    precipitation_coefficient: ArrayLike,
    days: ArrayLike,
    carbon_share: ArrayLike,
) -> Floats:
    """Carbon respired by soil organisms in a month [gC m-2 month-1].

    [F38, F39]: ``R_H = s * (exp(k_T * T) + ln(k_P * P + 1)) * days * carbon_share``. NEP from
    it omits harvest, grazing, fire and lateral carbon: a check, never the removal.

    Parameters
    ----------
    temperature : array_like
        Mean air temperature of the month [°C].
    precipitation : array_like
        Precipitation total of the month [mm].
    scale, temperature_coefficient, precipitation_coefficient, days, carbon_share : array_like
        Factors ``respiration_*``.
    """
    sums = warmth(temperature, temperature_coefficient) + wetness(precipitation, precipitation_coefficient)
    return respiration_of_sums(sums, scale, days, carbon_share)


def warmth(temperature: ArrayLike, coefficient: ArrayLike) -> Floats:
    """The part of the equation that is not linear in temperature, ``exp(k_T * T)`` [-]; T in °C."""
    return np.exp(np.asarray(coefficient, dtype=np.float64) * np.asarray(temperature, dtype=np.float64))


def wetness(precipitation: ArrayLike, coefficient: ArrayLike) -> Floats:
    """The part of the equation that is not linear in precipitation, ``ln(k_P * P + 1)`` [-]; P is the month's total in mm."""
    return np.log1p(np.asarray(coefficient, dtype=np.float64) * np.asarray(precipitation, dtype=np.float64))


def respiration_of_sums(sums: ArrayLike, scale: ArrayLike, days: ArrayLike, carbon_share: ArrayLike) -> Floats:
    """Respired carbon from sums of `warmth` and `wetness` over months and cells: the equation is linear in them [gC m-2, or times an area].

    Parameters
    ----------
    sums : array_like
        ``sum (exp(k_T * T) + ln(k_P * P + 1))`` over months, or over months and area.
    """
    per_day = np.asarray(scale, dtype=np.float64) * np.asarray(sums, dtype=np.float64)
    return np.asarray(per_day * np.asarray(days, dtype=np.float64) * np.asarray(carbon_share, dtype=np.float64))


def net_ecosystem_production(npp: ArrayLike, respiration: ArrayLike) -> Floats:
    """Net ecosystem production [gC m-2], ``NEP = NPP - R_H`` over the same time (METHODOLOGIES 3.9)."""
    return np.subtract(npp, respiration, dtype=np.float64)
