"""Grassland: meadow, typical and desert steppe (IPCC 2006 V4 ch6); herbs from greenness, roots by measured ratios."""

import numpy as np

from sinks.accounting.rows import Rows
from sinks.accounting.terms import Batch, Equation
from sinks.config import NDVI
from sinks.ecosystems.method import (
    CLASS_MEAN,
    CLASS_MEAN_ROOTS,
    ROOTS_FROM_MAP,
    Ecosystem,
    Knowledge,
    PoolMethod,
    mapped_method,
    table_method,
)
from sinks.ecosystems.soil import SOIL_METHODS
from sinks.equations import bins, grassland
from sinks.units import G_PER_M2_TO_T_PER_HA


def herb_carbon_of_bins(area: np.ndarray, total: np.ndarray, total_sq: np.ndarray, exponent: np.ndarray, coefficient: np.ndarray) -> np.ndarray:
    """Carbon of herbs [t C] from the sums of NDVI in a bin: the equation at the bin's mean with its second-order term.

    Below zero the equation gives nothing: water and bare ground carry no herbs.
    """
    carbon = bins.at_bin_mean(
        lambda ndvi: grassland.ndvi_biomass_carbon(np.maximum(ndvi, 0.0), coefficient, exponent),
        lambda ndvi: np.where(ndvi > 0.0, grassland.ndvi_biomass_second_derivative(np.maximum(ndvi, _SMALL), coefficient, exponent), 0.0),
        area, total, total_sq,
    )  # fmt: skip
    return np.asarray(carbon * G_PER_M2_TO_T_PER_HA)


_SMALL = np.finfo(np.float64).tiny

HERBS = Equation(
    id="ndvi_biomass_carbon", function=herb_carbon_of_bins, text="C = A * (a * m^b + a * b * (b - 1) * m^(b - 2) * var / 2) / 100",
    amounts=("A [ha]", "sum A*NDVI", "sum A*NDVI^2"), factors=("ndvi_biomass_exponent", "ndvi_biomass_coefficient"), linear=False,
    multipliers=1, degrees=(0, 1, 2),
)  # fmt: skip
HERB_ROOTS = Equation(
    id="ndvi_roots_carbon",
    function=lambda area, total, total_sq, exponent, coefficient, ratio: (
        herb_carbon_of_bins(area, total, total_sq, exponent, coefficient) * ratio
    ),
    text="C = C_AG(NDVI) * R", amounts=HERBS.amounts, factors=(*HERBS.factors, "root_shoot_ratio"), linear=False, multipliers=2,
    degrees=HERBS.degrees,
)  # fmt: skip


def _sums(rows: Rows) -> tuple[np.ndarray, ...]:
    return rows.area * rows.share, rows.sum * rows.share, rows.sum_sq * rows.share


def _herbs(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    rows = rows.where(rows.area > 0)
    factors = knowledge.factor("ndvi_biomass_exponent", rows), knowledge.factor("ndvi_biomass_coefficient", rows)
    return [Batch(HERBS, rows.group, _sums(rows), factors)]


def _herb_roots(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    rows = rows.where(rows.area > 0)
    factors = (
        knowledge.factor("ndvi_biomass_exponent", rows), knowledge.factor("ndvi_biomass_coefficient", rows),
        knowledge.factor("root_shoot_ratio", rows),
    )  # fmt: skip
    return [Batch(HERB_ROOTS, rows.group, _sums(rows), factors)]


def _ndvi_method(id: str, batches: object) -> PoolMethod:
    return PoolMethod(
        id=id, layer=NDVI, available=lambda knowledge, _: NDVI in knowledge.layers and not knowledge.densities,
        dated=lambda knowledge: knowledge.layers[NDVI].dated, batches=batches,  # type: ignore[arg-type]
    )  # fmt: skip


GRASSLAND = Ecosystem(
    name="grassland",
    pools={
        "aboveground_biomass": (
            mapped_method("aboveground_biomass"), _ndvi_method("ndvi_herbs", _herbs), table_method("aboveground_biomass"), CLASS_MEAN,
        ),
        "belowground_biomass": (
            mapped_method("belowground_biomass"), ROOTS_FROM_MAP, _ndvi_method("ndvi_roots", _herb_roots), table_method("belowground_biomass"),
            CLASS_MEAN_ROOTS,
        ),
        "dead_wood": (mapped_method("dead_wood"), table_method("dead_wood")),
        "litter": (mapped_method("litter"),),
        "soil_organic_carbon": SOIL_METHODS,
    },
)  # fmt: skip
