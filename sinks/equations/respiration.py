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
    warmth = np.exp(np.asarray(temperature_coefficient, dtype=np.float64) * np.asarray(temperature, dtype=np.float64))
    wetness = np.log1p(np.asarray(precipitation_coefficient, dtype=np.float64) * np.asarray(precipitation, dtype=np.float64))
    per_day = np.asarray(scale, dtype=np.float64) * (warmth + wetness)
    return np.asarray(per_day * np.asarray(days, dtype=np.float64) * np.asarray(carbon_share, dtype=np.float64))


def net_ecosystem_production(npp: ArrayLike, respiration: ArrayLike) -> Floats:
    """Net ecosystem production [gC m-2], ``NEP = NPP - R_H`` over the same time (METHODOLOGIES 3.9)."""
    return np.subtract(npp, respiration, dtype=np.float64)
