"""Landscapes with annual layers: what a test of fires, production and weather is made of."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from landscapes import ARBOR, GRASS, Landscape, Lattice, cells

LATTICE = Lattice(height=6, width=8)
"""Cells of 400 m in an equal-area projection: 16 ha each."""
CELL_HA = 16.0
DATES = (2020, 2023)
BURNING = (2021, 2022, 2023)
COOL_DRY = 2
"""The code of the climate stratum cool temperate dry."""
MONTHLY_T = (-18.0, -14.0, -4.0, 6.0, 13.0, 19.0, 22.0, 20.0, 13.0, 4.0, -8.0, -16.0)
MONTHLY_P = (4.0, 5.0, 8.0, 15.0, 30.0, 55.0, 95.0, 80.0, 35.0, 15.0, 8.0, 5.0)
"""The year of METHODOLOGIES W15: R_H = 165.795423 gC m-2."""

FIRE = {"encoding": "fraction"}
MCD64A1 = {"encoding": "mcd64a1", "files_mean": None}
MONTHLY = {"precipitation": {"unit": "mm", "encoding": "monthly", "files_mean": None},
           "temperature": {"unit": "degC", "encoding": "monthly", "files_mean": None}}  # fmt: skip
YEARLY = {"precipitation": {"unit": "mm"}, "temperature": {"unit": "degC"}}
NPP = {"npp": {"unit": "kg m-2", "basis": "carbon"}}

LEFT, RIGHT = np.s_[:, :4], np.s_[:, 4:]


def land(lattice: Lattice = LATTICE) -> Any:
    """Grass on the left half, forest on the right."""
    return cells(lattice, GRASS, (RIGHT, ARBOR))


def with_years(
    layers: Mapping[str, Mapping[int, Any]], sections: Mapping[str, Mapping[str, Any]], *, biomass: float | None = 60.0, lattice: Lattice = LATTICE,
    dates: tuple[int, ...] = DATES, climate: bool = True,
) -> Landscape:  # fmt: skip
    """A landscape of grass and forest that does not change, with annual layers; forest of one biomass [t d.m. ha-1], or none mapped."""
    mapped = {} if biomass is None else {"aboveground_biomass": {date: cells(lattice, 0.0, (RIGHT, biomass)) for date in dates}}
    return Landscape(
        lattice=lattice, land={date: land(lattice) for date in dates}, layers={**mapped, **layers}, sections=sections,
        strata={"climate": cells(lattice, COOL_DRY)} if climate else {},
    )  # fmt: skip


def burned(share: Mapping[int, Any], lattice: Lattice = LATTICE) -> dict[int, Any]:
    """Shares of cells that burn in each fire year; nothing else burns."""
    return {year: share.get(year, cells(lattice, 0.0)) for year in BURNING}


def days(lattice: Lattice, month_of: Mapping[int, list[tuple[Any, float]]]) -> list[Any]:
    """Twelve monthly rasters of days of burn: month (1 to 12) -> (cells, day); all else 0, unburned."""
    return [cells(lattice, 0.0, *month_of.get(month, [])) for month in range(1, 13)]
