"""Forest: arbor forest, shrubland and other forest land (IPCC 2006 V4 ch4)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sinks.accounting.rows import Rows
from sinks.accounting.terms import Batch, Equation
from sinks.config import LAND_COVER
from sinks.ecosystems.method import (
    CLASS_MEAN,
    CLASS_MEAN_ROOTS,
    PER_HECTARE,
    ROOTS_FROM_MAP,
    Ecosystem,
    Knowledge,
    PoolMethod,
    known_area,
    mapped_method,
    table_method,
)
from sinks.ecosystems.soil import SOIL_METHODS
from sinks.ecosystems.volume import EQUATION_ABOVEGROUND, EQUATION_ROOTS, VOLUME_ABOVEGROUND, VOLUME_ROOTS


def with_fraction(batch: Batch, fraction: np.ndarray, id: str) -> Batch:
    """Terms of tree biomass times a share of it: dead wood as a fraction of living biomass."""
    inner = batch.equation
    equation = Equation(
        id=f"{id}_of_{inner.id}", function=_times(inner), text=f"C = DF * ({inner.text.partition('= ')[2]})",
        amounts=inner.amounts, factors=(*inner.factors, f"{id}_fraction"), linear=inner.linear,
        multipliers=inner.multipliers + 1, degrees=inner.degrees, bin_degrees=inner.bin_degrees,
    )  # fmt: skip
    return Batch(equation, batch.group, batch.amounts, (*batch.factors, fraction))


def _times(inner: Equation) -> Callable[..., Any]:
    count = len(inner.amounts)
    return lambda *values: inner.function(*values[:count], *values[count:-1]) * values[-1]


def _dead_wood(living: tuple[PoolMethod, PoolMethod], id: str) -> PoolMethod:
    """Dead wood from the fraction of AR-TOOL12 and the same method that gives the living biomass."""
    aboveground, roots = living

    def batches(rows: Rows, knowledge: Knowledge) -> list[Batch]:
        trees = rows.where(rows.land_class != "shrubland")
        fraction = np.full(int(rows.group.max(initial=-1)) + 1, -1, dtype=np.int64)
        fraction[trees.group] = knowledge.factor.optional("dead_wood_fraction", trees)
        living = [batch for method in (aboveground, roots) for batch in method.batches(trees, knowledge)]
        return [with_fraction(batch, fraction[batch.group], "dead_wood") for batch in living]

    return PoolMethod(
        id=id, layer=aboveground.layer, available=lambda knowledge, ecosystem: aboveground.available(knowledge, ecosystem),
        dated=aboveground.dated, batches=batches,
    )  # fmt: skip


def _litter(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    return [known_area(PER_HECTARE, rows, (knowledge.factor.optional("litter_carbon", rows),))]


LITTER = PoolMethod(
    id="litter_mean", layer=LAND_COVER, available=lambda knowledge, _: not knowledge.densities, dated=lambda _: False, batches=_litter
)  # fmt: skip
MAPPED_ABOVEGROUND = mapped_method("aboveground_biomass")

FOREST = Ecosystem(
    name="forest",
    pools={
        "aboveground_biomass": (MAPPED_ABOVEGROUND, EQUATION_ABOVEGROUND, VOLUME_ABOVEGROUND, table_method("aboveground_biomass"), CLASS_MEAN),
        "belowground_biomass": (
            mapped_method("belowground_biomass"), ROOTS_FROM_MAP, EQUATION_ROOTS, VOLUME_ROOTS, table_method("belowground_biomass"), CLASS_MEAN_ROOTS,
        ),
        "dead_wood": (
            mapped_method("dead_wood"), table_method("dead_wood"), _dead_wood((MAPPED_ABOVEGROUND, ROOTS_FROM_MAP), "dead_wood_of_map"),
            _dead_wood((EQUATION_ABOVEGROUND, EQUATION_ROOTS), "dead_wood_of_volume_equation"),
            _dead_wood((VOLUME_ABOVEGROUND, VOLUME_ROOTS), "dead_wood_of_volume"), _dead_wood((CLASS_MEAN, CLASS_MEAN_ROOTS), "dead_wood_of_mean"),
        ),
        "litter": (mapped_method("litter"), LITTER),
        "soil_organic_carbon": SOIL_METHODS,
    },
)  # fmt: skip
