"""Soil organic carbon of mineral soils, and peat where it is declared."""

import numpy as np

from sinks.accounting.rows import Names, Rows
from sinks.accounting.terms import Batch, Equation
from sinks.config import LAND_COVER
from sinks.ecosystems.method import PER_HECTARE, Knowledge, PoolMethod, known_area, mapped_method, table_method
from sinks.equations import soil, wetland

Ints = np.ndarray

WET_SOIL = "wetland"
WET_CLASSES = ("marsh", "forest_swamp", "shrub_swamp")
"""Marsh on mineral soil takes the wetland reference stock; marsh meadow takes grassland rules (ACCOUNTING 2)."""

REFERENCE_STOCK = Equation(
    id="soil_from_reference",
    function=lambda area, reference, land_use, management, entry: area * soil.soil_carbon(reference, land_use, management, entry),
    text="C = A * SOC_REF * F_LU * F_MG * F_I", amounts=("A [ha]",),
    factors=("soil_reference_carbon", "soil_land_use_factor", "soil_management_factor", "soil_input_factor"),
)  # fmt: skip
PEAT_STOCK = Equation(
    id="peat_stock", function=wetland.peat_stock, text="C = A * density * depth", amounts=("A [ha]",), factors=("peat_carbon_density", "peat_depth")
)


def soil_type(rows: Rows) -> Names:
    """The soil by which factors are chosen: wet for marsh and swamp, as given elsewhere."""
    return np.where(np.isin(rows.land_class, WET_CLASSES), WET_SOIL, rows.soil)


def reference_factors(rows: Rows, knowledge: Knowledge) -> tuple[Ints, ...]:
    """SOC_REF and the three stock-change factors of the rows; -1 where there is none (built-up land, say)."""
    find = knowledge.factor.optional
    known = np.isin(rows.land_class, ("built_up", "bare_land", "water", "other_land", "unknown"))
    factors = [find("soil_reference_carbon", rows, soil=soil_type(rows))]
    factors += [find(f"soil_{name}_factor", rows) for name in ("land_use", "management", "input")]
    return tuple(np.where(known, -1, factor) for factor in factors)


def _soil(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    """Measured density of the land class where there is one, else SOC_REF times its factors; peat apart."""
    peat = rows.where(rows.land_class == "peatland")
    mineral = rows.where((rows.land_class != "peatland") & (rows.land_class != "inland_flat"))
    measured = knowledge.factor.optional("soil_carbon_density", mineral)
    batches = [known_area(PER_HECTARE, mineral, (measured,))]
    rest = mineral.where(measured < 0)
    batches.append(known_area(REFERENCE_STOCK, rest, reference_factors(rest, knowledge)))
    if len(peat):
        find = knowledge.factor.optional
        batches.append(known_area(PEAT_STOCK, peat, (find("peat_carbon_density", peat), find("peat_depth", peat))))
    return batches


def _default_depth(knowledge: Knowledge) -> int:
    return int(knowledge.factor.constant("soil_depth"))


SOIL_MEAN = PoolMethod(
    id="soil_mean", layer=LAND_COVER, available=lambda knowledge, _: not knowledge.densities, dated=lambda _: False, batches=_soil,
    depth_cm=_default_depth,
)  # fmt: skip
SOIL_METHODS = (mapped_method("soil_organic_carbon"), table_method("soil_organic_carbon"), SOIL_MEAN)
