"""Non-CO2 gases of fire in a project: AR-TOOL08."""

import numpy as np

from aoi.table import Table
from methodologies.contract import Array, Parameters, Tables
from methodologies.tables import STRATUM, decimal, integer
from methodologies.tools.arrays import as_row, group_sums, places
from methodologies.trace import equation
from sinks.equations.fire import dead_matter_fire_emission, tree_fire_emission

FIRES = Table(
    name="fires", title_zh="火灾", title_en="Fires", row_per="stratum and year",
    columns=(
        STRATUM,
        integer("year", "年份", "Year", key=True, minimum=1900, maximum=2200),
        decimal("burnt_ha", "过火面积", "Burnt area", "ha", needed=True, minimum=0),
        decimal("biomass_t_ha", "火前地上生物量", "Aboveground biomass before the fire", "t d.m. ha-1", needed=True, minimum=0, maximum=1000),
    ),
)  # fmt: skip


@equation("GHG_FF", "tCO2e", "GHG = 0.001 * A * b * COMF * (EF_CH4 * GWP_CH4 + EF_N2O * GWP_N2O)", "AR-TOOL08 v4 Eq 7")
def fire_of_trees(
    area: Array, biomass: Array, combustion: Array, ch4: Array, n2o: Array, gwp_ch4: Array, gwp_n2o: Array, tonnes_per_kg: Array
) -> Array:
    """CH4 and N2O of burnt trees or shrubs [tCO2e]; CO2 is in the change of stock.

    Examples
    --------
    >>> round(float(fire_of_trees(500.0, 60.0, 0.40, 4.7, 0.26, 28.0, 265.0, 1e-3)), 1)
    2406.0
    """
    return tree_fire_emission(area, biomass, combustion, ch4, n2o, gwp_ch4, gwp_n2o, tonnes_per_kg)


@equation("GHG_DOM", "tCO2e", "GHG = 0.07 * A * (C_DW + C_LI)", "AR-TOOL08 v4")
def fire_of_dead_matter(area: Array, dead_wood: Array, litter: Array, fraction: Array) -> Array:
    """Non-CO2 gases of burnt dead wood and litter [tCO2e], from their stocks [tCO2e ha-1].

    Examples
    --------
    >>> round(float(fire_of_dead_matter(500.0, 8.0, 4.0, 0.07)), 1)
    420.0
    """
    return dead_matter_fire_emission(area, dead_wood, litter, fraction)


@equation("A_BURN", "ha", "fires of the year count where burnt area >= 5 % of the project", "AR-TOOL08 v4; METHODOLOGIES 2.3")
def counted_fires(burnt: Array, burnt_in_year: Array, project_area: Array, least_share: Array) -> Array:
    """Burnt areas that count [ha]: those of years in which the burnt share of the project reaches the least share."""
    return np.where(burnt_in_year >= least_share * project_area, burnt, 0.0)


def gases_of_strata(tables: Tables, parameters: Parameters) -> Array:
    """CH4 and N2O of the fires that count, per stratum [tCO2e], from the tables ``fires`` and ``site``."""
    strata, fires = tables["strata"], tables["fires"]
    if not len(fires["stratum"]):
        return parameters("no_density") * as_row(strata["area_ha"])
    climate = tables["site"]["climate"][0] if len(tables["site"]["climate"]) else ""
    in_year = np.stack([fires["burnt_ha"][fires["year"] == year].sum() for year in fires["year"].tolist()])
    burnt = counted_fires(
        as_row(fires["burnt_ha"]), as_row(in_year), strata["area_ha"].sum(), parameters("fire_least_share"), at=list(fires["stratum"])
    )
    gases = fire_of_trees(
        burnt, as_row(fires["biomass_t_ha"]), parameters("combustion_factor", climate=climate), parameters("fire_ch4"), parameters("fire_n2o"),
        parameters("gwp_ch4"), parameters("gwp_n2o"), parameters("t_per_kg"), at=list(fires["stratum"]),
    )  # fmt: skip
    return group_sums(gases, places(list(fires["stratum"]), list(strata["stratum"])), len(strata["stratum"]))
