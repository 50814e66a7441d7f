"""Tree biomass from growing stock, by the factor of its stock level or by the region's volume equations; never on a mean.

Shrubland without growing stock has biomass of which volume says nothing: it is
not estimated, not zero.
"""

from collections.abc import Callable

import numpy as np

from sinks.accounting.rows import Rows
from sinks.accounting.terms import Batch, Equation
from sinks.ecosystems.method import Floats, Knowledge, PoolMethod
from sinks.equations import biomass

VOLUME = "growing_stock_volume"
EQUATION = "equation"
"""The value of the key ``biomass`` that asks for B = a V + b."""

ABOVEGROUND_OF_VOLUME = Equation(
    id="aboveground_from_volume",
    function=lambda volume, bcef, fraction: biomass.carbon_from_dry_matter(biomass.aboveground_from_volume(volume, bcef), fraction),
    text="C = V * BCEF_S * CF", amounts=("V [m3]",), factors=("bcef_s", "carbon_fraction"), multipliers=2, degrees=(1,),
)  # fmt: skip
ROOTS_OF_VOLUME = Equation(
    id="roots_from_volume",
    function=lambda volume, bcef, ratio, fraction: biomass.carbon_from_dry_matter(
        biomass.belowground_biomass(biomass.aboveground_from_volume(volume, bcef), ratio), fraction
    ),
    text="C = V * BCEF_S * R * CF", amounts=("V [m3]",), factors=("bcef_s", "root_shoot_ratio", "carbon_fraction"), multipliers=3, degrees=(1,),
)  # fmt: skip
_OF_LIVING = ("volume_biomass_slope", "volume_biomass_intercept", "root_shoot_ratio", "carbon_fraction")
ABOVEGROUND_OF_EQUATION = Equation(
    id="aboveground_of_volume_equation",
    function=lambda volume, area, slope, intercept, ratio, fraction: biomass.carbon_from_dry_matter(
        biomass.aboveground_of_living(biomass.living_biomass_of_stands(volume, area, slope, intercept), ratio), fraction
    ),
    text="C = (a * V + b * A) / (1 + R) * CF", amounts=("V [m3]", "A with V > 0 at the first date [ha]"), factors=_OF_LIVING, multipliers=1, degrees=(1, 0),
)  # fmt: skip
ROOTS_OF_EQUATION = Equation(
    id="roots_of_volume_equation",
    function=lambda volume, area, slope, intercept, ratio, fraction: biomass.carbon_from_dry_matter(
        biomass.belowground_biomass(biomass.aboveground_of_living(biomass.living_biomass_of_stands(volume, area, slope, intercept), ratio), ratio), fraction
    ),
    text="C = (a * V + b * A) * R / (1 + R) * CF", amounts=("V [m3]", "A with V > 0 at the first date [ha]"), factors=_OF_LIVING, multipliers=1,
    degrees=(1, 0),
)  # fmt: skip


def _measured(rows: Rows) -> Rows:
    """Rows that hold a volume; shrubland with none is land of which it says nothing."""
    return rows.where((rows.area > 0) & ((rows.land_class != "shrubland") | (rows.sum > 0)))


def _volume(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    """Equation 2.8 [IPCC2006]: BCEF_S by the growing-stock bin, per stratum, never on a mean."""
    rows = _measured(rows)
    bcef = knowledge.factor("bcef_s", rows, value=rows.density_bin)
    return [Batch(ABOVEGROUND_OF_VOLUME, rows.group, (rows.sum * rows.share,), (bcef, knowledge.factor("carbon_fraction", rows)))]


def _volume_roots(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    rows = _measured(rows)
    bcef = knowledge.factor("bcef_s", rows, value=rows.density_bin)
    ratio = knowledge.factor("root_shoot_ratio", rows, value=np.nan_to_num(rows.density_bin * knowledge.factor.central(bcef)))
    return [Batch(ROOTS_OF_VOLUME, rows.group, (rows.sum * rows.share,), (bcef, ratio, knowledge.factor("carbon_fraction", rows)))]


def _by_equation(equation: Equation) -> Callable[[Rows, Knowledge], list[Batch]]:
    """B = a V + b [ZHANG2013, FANG2001], per stratum and bin; b counts for land that carries stock at the first date.

    B holds the roots; R parts it, looked up at the aboveground biomass that the R of
    all of B leaves (DECISIONS 125).
    """

    def batches(rows: Rows, knowledge: Knowledge) -> list[Batch]:
        rows = _measured(rows)
        slope, intercept = (knowledge.factor(f"volume_biomass_{name}", rows) for name in ("slope", "intercept"))
        stocked = rows.density_bin > 0
        living = biomass.biomass_from_volume(rows.density_bin, *(knowledge.factor.central(factor) for factor in (slope, intercept)))
        ratio = knowledge.factor("root_shoot_ratio", rows, value=_aboveground(living, rows, knowledge))
        amounts = rows.sum * rows.share, np.where(stocked, rows.area, 0.0) * rows.share
        return [Batch(equation, rows.group, amounts, (slope, intercept, ratio, knowledge.factor("carbon_fraction", rows)))]

    return batches


def _aboveground(living: Floats, rows: Rows, knowledge: Knowledge) -> Floats:
    """About how much of living biomass stands above ground: by the root ratio of all of it."""
    known = np.nan_to_num(living)
    ratio = knowledge.factor.central(knowledge.factor("root_shoot_ratio", rows, value=known))
    return np.nan_to_num(biomass.aboveground_of_living(known, ratio))


def _method(id: str, by_equation: bool, batches: Callable[[Rows, Knowledge], list[Batch]]) -> PoolMethod:
    def available(knowledge: Knowledge, ecosystem: str) -> bool:
        return knowledge.has_layer(VOLUME, ecosystem) and (knowledge.layers[VOLUME].biomass == EQUATION) == by_equation

    return PoolMethod(id=id, layer=VOLUME, available=available, dated=lambda knowledge: knowledge.layers[VOLUME].dated, batches=batches)


VOLUME_ABOVEGROUND = _method("volume_biomass", False, _volume)
VOLUME_ROOTS = _method("volume_roots", False, _volume_roots)
EQUATION_ABOVEGROUND = _method("volume_equation", True, _by_equation(ABOVEGROUND_OF_EQUATION))
EQUATION_ROOTS = _method("volume_equation_roots", True, _by_equation(ROOTS_OF_EQUATION))
