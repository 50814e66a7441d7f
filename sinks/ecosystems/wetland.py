"""Wetland after the land survey: marsh, declared peat, swamps, marsh meadow and inland flat (IPCC 2013 Wetlands Supplement)."""

from sinks.ecosystems.method import (
    CLASS_MEAN,
    CLASS_MEAN_ROOTS,
    ROOTS_FROM_MAP,
    Ecosystem,
    mapped_method,
    table_method,
)
from sinks.ecosystems.soil import SOIL_METHODS

WETLAND = Ecosystem(
    name="wetland",
    pools={
        "aboveground_biomass": (mapped_method("aboveground_biomass"), table_method("aboveground_biomass"), CLASS_MEAN),
        "belowground_biomass": (mapped_method("belowground_biomass"), ROOTS_FROM_MAP, table_method("belowground_biomass"), CLASS_MEAN_ROOTS),
        "dead_wood": (mapped_method("dead_wood"), table_method("dead_wood")),
        "litter": (mapped_method("litter"),),
        "soil_organic_carbon": SOIL_METHODS,
    },
)

OTHER = Ecosystem(
    name="other",
    pools={
        "aboveground_biomass": (mapped_method("aboveground_biomass"), table_method("aboveground_biomass")),
        "belowground_biomass": (mapped_method("belowground_biomass"), ROOTS_FROM_MAP, table_method("belowground_biomass")),
        "dead_wood": (mapped_method("dead_wood"), table_method("dead_wood")),
        "litter": (mapped_method("litter"),),
        "soil_organic_carbon": SOIL_METHODS,
    },
)
"""Land outside the three ecosystems: what it holds matters where land changes hands, and in a look-up table."""
