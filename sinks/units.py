"""Pure unit conversions: the only numbers that stand in code.

Molar ratios and areas are definitions, not findings of a study. Everything that
a study found stands in the factor tables (``sinks/factors``).

Signs
-----
Stocks are positive t C. A ``removal_*`` value is positive when carbon leaves the
atmosphere, an ``emission_*`` value when it enters; one is minus the other. IPCC
writes ``E = -44/12 * dC`` (2006 GL V4 ch2); here a gain of carbon is a removal,
``removal = C_TO_CO2 * dC``, and the step from C to CO2 is taken once.
"""

from typing import Literal

C_TO_CO2 = 44 / 12
"""t CO2 per t C, the ratio of the molar masses; never 3.67."""

N2ON_TO_N2O = 44 / 28
"""t N2O per t N2O-N."""

CH4C_TO_CH4 = 16 / 12
"""t CH4 per t CH4-C."""

MU_TO_HA = 1 / 15
"""ha per 亩."""

M2_TO_HA = 1e-4
"""ha per m2."""

DAYS_PER_YEAR = 365.25
"""Days of a decimal year."""

KG_TO_T = 1e-3
"""t per kg."""

KG_PER_M2_TO_T_PER_HA = 10.0
"""t ha-1 per kg m-2."""

G_PER_M2_TO_T_PER_HA = 0.01
"""t ha-1 per g m-2."""

CarbonBasis = Literal["dry_matter", "carbon", "co2"]
CARBON_BASES: tuple[CarbonBasis, ...] = ("dry_matter", "carbon", "co2")
"""What a density counts: dry matter, carbon, or carbon dioxide."""

VOLUME_DENSITY_UNIT = "m3 ha-1"
"""The unit of growing stock; it becomes a mass only through a factor."""

_TONNES_PER_HECTARE = {
    "t ha-1": 1.0,
    "Mg ha-1": 1.0,
    "kg ha-1": KG_TO_T,
    "kg m-2": KG_PER_M2_TO_T_PER_HA,
    "g m-2": G_PER_M2_TO_T_PER_HA,
}

DENSITY_UNITS: tuple[str, ...] = tuple(_TONNES_PER_HECTARE)
"""The units of mass per area that a layer may declare."""


def to_tonnes_per_hectare(unit: str) -> float:
    """The number of t ha-1 in one of a unit of mass per area.

    Raises
    ------
    KeyError
        The unit is none of `DENSITY_UNITS`; the caller says where it stood.

    Examples
    --------
    >>> to_tonnes_per_hectare("g m-2")
    0.01
    """
    return _TONNES_PER_HECTARE[unit]
