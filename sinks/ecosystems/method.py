"""What a pool's carbon can be computed from: the record of a method, and what methods share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.rows import Names, Rows
from sinks.accounting.terms import Batch, Equation
from sinks.config import LAND_COVER
from sinks.equations import biomass
from sinks.units import C_TO_CO2

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class FactorFinder(Protocol):
    """Rows of the factor table for requests."""

    def __call__(self, name: str, rows: Rows, *, value: Floats | None = None, **replaced: Names | str) -> Ints:
        """The factor of a name for each row, -1 where there is none, which is noted as a gap."""

    def optional(self, name: str, rows: Rows, *, value: Floats | None = None, **replaced: Names | str) -> Ints:
        """The same, where none is no gap: what has no factor is not estimated."""

    def constant(self, name: str) -> float:
        """The central value of a factor that no key changes."""

    def central(self, factors: Ints) -> Floats:
        """Central values of factor rows; NaN for -1."""

    def edges(self, name: str) -> Floats:
        """Limits of the bins of a factor name, ascending."""

    def own(self, factors: Ints) -> NDArray[np.bool_]:
        """Which factor rows the user's file gave; none for -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueUnit:
    """How a layer's numbers become tonnes per hectare, and what the tonnes are of; ``biomass`` says how growing stock becomes a mass."""

    tonnes_per_ha: float
    basis: str
    dated: bool
    depth_cm: int = 0
    biomass: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a run knows: its layers, its class table, its factors.

    ``densities`` maps a pool to class code -> t C ha-1; ``mapped`` the layers to the
    ecosystems whose pool they hold.
    """

    factor: FactorFinder
    layers: Mapping[str, ValueUnit]
    mapped: Mapping[str, frozenset[str]]
    densities: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    densities_depth_cm: int = 0

    def has_layer(self, name: str, ecosystem: str) -> bool:
        """Does a layer hold this pool for this ecosystem?"""
        return name in self.layers and ecosystem in self.mapped.get(name, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMethod:
    """One way to know a pool.

    Parameters
    ----------
    id : str
        Key of its name in the text catalogue (``method.ID``).
    layer : str
        The activity rows that it reads (``land_cover``: areas alone).
    dated : callable
        Whether it sees both dates of an interval: only then can their difference be a removal.
    available : callable
        Whether the run has what it needs, for an ecosystem.
    batches : callable
        Rows of its layer -> terms [t C].
    """

    id: str
    layer: str
    available: Callable[[Knowledge, str], bool]
    dated: Callable[[Knowledge], bool]
    batches: Callable[[Rows, Knowledge], list[Batch]]
    depth_cm: Callable[[Knowledge], int] = lambda _: 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecosystem:
    """An ecosystem: its pools, and for each the methods in order of preference."""

    name: str
    pools: Mapping[str, tuple[PoolMethod, ...]]

    def method(self, pool: str, knowledge: Knowledge) -> PoolMethod | None:
        """The first method of a pool that the run can use."""
        return next((one for one in self.pools.get(pool, ()) if one.available(knowledge, self.name)), None)


WOODY = {"land_class": "arbor_forest", "ecosystem": "forest"}
"""Keys by which biomass on other land is read: what a biomass map shows there is trees."""


def carbon_of_co2(mass: Any) -> Any:
    """Carbon in a mass of CO2: m x 12/44."""
    return mass / C_TO_CO2


DRY_MATTER = Equation(
    id="carbon_from_dry_matter", function=biomass.carbon_from_dry_matter, text="C = B * CF",
    amounts=("B [t d.m.]",), factors=("carbon_fraction",), multipliers=1, degrees=(1,),
)  # fmt: skip
CARBON = Equation(id="carbon", function=lambda carbon: np.asarray(carbon)[None, :], text="C = C", amounts=("C [t C]",), factors=(), degrees=(1,))
CO2 = Equation(
    id="carbon_from_co2", function=lambda mass: carbon_of_co2(np.asarray(mass)[None, :]), text="C = m * 12/44", amounts=("m [t CO2]",), factors=(),
    degrees=(1,),
)  # fmt: skip
ROOTS_OF_DRY_MATTER = Equation(
    id="roots_from_dry_matter",
    function=lambda mass, ratio, fraction: biomass.carbon_from_dry_matter(biomass.belowground_biomass(mass, ratio), fraction),
    text="C = B * R * CF", amounts=("B [t d.m.]",), factors=("root_shoot_ratio", "carbon_fraction"), multipliers=2, degrees=(1,),
)  # fmt: skip
ROOTS_OF_CARBON = Equation(
    id="roots_from_carbon", function=biomass.belowground_biomass, text="C_BG = C_AG * R", 
    amounts=("C_AG [t C]",), factors=("root_shoot_ratio",), multipliers=1, degrees=(1,)
)  # fmt: skip
CURVE_AMOUNTS = ("A [ha]", "B [t d.m.]", "b [t d.m. ha-1]", "sum A*B*b", "sum A*b^2")
ROOTS_BY_CURVE = Equation(
    id="roots_from_curve",
    function=lambda area, total, mean, cross, squares, intercept, slope, fraction: biomass.carbon_from_dry_matter(
        biomass.roots_of_bin(area, total, mean, cross, squares, intercept, slope), fraction
    ),
    text="C = sum(B * R(b)) * CF, R(b) = exp(c0 + c1 * ln b) / b to second order about the bin's mean", amounts=CURVE_AMOUNTS,
    factors=("artool14_root_intercept", "artool14_root_slope", "carbon_fraction"), linear=False, multipliers=1,
    degrees=(0, 1, 0, 1, 0), bin_degrees=(0, 0, 1, 1, 2),
)  # fmt: skip
PER_HECTARE = Equation(
    id="per_hectare", function=lambda area, density: area * density, text="C = A * c", amounts=("A [ha]",), factors=("density [t C ha-1]",), multipliers=1
)


CLASS_TABLE = "class_table"
"""Id of the method that takes densities from the user's table."""


def table_method(pool: str) -> PoolMethod:
    """The densities of a table by class: area times density."""

    def batches(rows: Rows, knowledge: Knowledge) -> list[Batch]:
        densities = knowledge.densities[pool]
        density = np.asarray([densities.get(int(code), np.nan) for code in rows.code])
        equation = Equation(
            id=CLASS_TABLE, function=lambda carbon: np.asarray(carbon)[None, :], text="C = sum(A * c[class])", amounts=("C [t C]",), factors=()
        )
        known = ~np.isnan(density)
        return [Batch(equation, rows.group[known], (rows.area[known] * density[known],), ())]

    return PoolMethod(
        id=CLASS_TABLE, layer=LAND_COVER, available=lambda knowledge, _: pool in knowledge.densities, dated=lambda _: False, batches=batches,
        depth_cm=lambda knowledge: knowledge.densities_depth_cm,
    )  # fmt: skip


def mapped_method(pool: str) -> PoolMethod:
    """A density layer of the pool itself."""

    def batches(rows: Rows, knowledge: Knowledge) -> list[Batch]:
        unit = knowledge.layers[pool]
        mass = rows.sum * rows.share * unit.tonnes_per_ha
        if unit.basis == "carbon":
            return [Batch(CARBON, rows.group, (mass,), ())]
        if unit.basis == "co2":
            return [Batch(CO2, rows.group, (mass,), ())]
        return [Batch(DRY_MATTER, rows.group, (mass,), (carbon_fraction(rows, knowledge),))]

    return PoolMethod(
        id=f"mapped_{pool}", layer=pool, available=lambda knowledge, ecosystem: knowledge.has_layer(pool, ecosystem),
        dated=lambda knowledge: knowledge.layers[pool].dated, batches=batches,
        depth_cm=lambda knowledge: knowledge.layers[pool].depth_cm,
    )  # fmt: skip


def woody_keys(rows: Rows) -> dict[str, Any]:
    """Ecosystem and land class by which trees are looked up; other land is read as arbor forest."""
    outside = rows.ecosystem == "other"
    return {
        "ecosystem": np.where(outside, WOODY["ecosystem"], rows.ecosystem),
        "land_class": np.where(outside, WOODY["land_class"], rows.land_class),
    }


def carbon_fraction(rows: Rows, knowledge: Knowledge) -> Ints:
    """Carbon fractions of the rows."""
    return knowledge.factor("carbon_fraction", rows, **woody_keys(rows))


def _roots_from_map(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    """Roots from mapped aboveground biomass by the density bin (of the first date where an interval is meant).

    Where the climate is known R is that of its table, else the continuous ratio of
    AR-TOOL14, which asks for none.
    """
    unit = knowledge.layers["aboveground_biomass"]
    curve = (rows.climate == "") & (rows.land_class != "shrubland")
    return [*_roots_by_table(rows.where(~curve), knowledge, unit), *_roots_by_curve(rows.where(curve), knowledge, unit)]


def _dry_matter_per(unit: ValueUnit, fraction: Ints, knowledge: Knowledge) -> Floats | float:
    """Dry matter per unit of a layer's basis, by the central carbon fraction."""
    if unit.basis == "dry_matter":
        return 1.0
    carbon = 1.0 if unit.basis == "carbon" else carbon_of_co2(1.0)
    return np.asarray(carbon / knowledge.factor.central(fraction))


def _roots_by_table(rows: Rows, knowledge: Knowledge, unit: ValueUnit) -> list[Batch]:
    mass = rows.sum * rows.share * unit.tonnes_per_ha
    fraction = carbon_fraction(rows, knowledge)
    density = np.nan_to_num(rows.density_bin * unit.tonnes_per_ha * _dry_matter_per(unit, fraction, knowledge))
    ratio = knowledge.factor("root_shoot_ratio", rows, value=density, **woody_keys(rows))
    if unit.basis == "dry_matter":
        return [Batch(ROOTS_OF_DRY_MATTER, rows.group, (mass,), (ratio, fraction))]
    carbon = mass if unit.basis == "carbon" else carbon_of_co2(mass)
    return [Batch(ROOTS_OF_CARBON, rows.group, (carbon,), (ratio,))]


def _roots_by_curve(rows: Rows, knowledge: Knowledge, unit: ValueUnit) -> list[Batch]:
    """Roots by the continuous ratio; where there is no biomass there are no roots, which is known and not missing."""
    bare = rows.where((rows.density_bin == 0) & (rows.area > 0))
    rows = rows.where((rows.density_bin > 0) & (rows.area > 0))
    fraction = carbon_fraction(rows, knowledge)
    dry = unit.tonnes_per_ha * _dry_matter_per(unit, fraction, knowledge)
    amounts = (
        rows.area * rows.share, rows.sum * rows.share * dry, rows.density_bin * dry, rows.cross * rows.share * dry * dry,
        rows.bin_sq * rows.share * dry * dry,
    )  # fmt: skip
    factors = knowledge.factor("artool14_root_intercept", rows), knowledge.factor("artool14_root_slope", rows)
    return [Batch(ROOTS_BY_CURVE, rows.group, amounts, (*factors, fraction)), Batch(CARBON, bare.group, (np.zeros(len(bare)),), ())]


ROOTS_FROM_MAP = PoolMethod(
    id="roots_from_map", layer="aboveground_biomass",
    available=lambda knowledge, ecosystem: knowledge.has_layer("aboveground_biomass", ecosystem),
    dated=lambda knowledge: knowledge.layers["aboveground_biomass"].dated, batches=_roots_from_map,
)  # fmt: skip


CLASS_MEAN_BIOMASS = Equation(
    id="class_mean_biomass", function=lambda area, density, fraction: biomass.carbon_from_dry_matter(area * density, fraction),
    text="C = A * b * CF", amounts=("A [ha]",), factors=("aboveground_biomass", "carbon_fraction"),
)  # fmt: skip
CLASS_MEAN_OF_ROOTS = Equation(
    id="class_mean_roots",
    function=lambda area, density, ratio, fraction: biomass.carbon_from_dry_matter(biomass.belowground_biomass(area * density, ratio), fraction),
    text="C = A * b * R * CF", amounts=("A [ha]",), factors=("aboveground_biomass", "root_shoot_ratio", "carbon_fraction"),
)  # fmt: skip


def _class_mean(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    find = knowledge.factor.optional
    return [known_area(CLASS_MEAN_BIOMASS, rows, (find("aboveground_biomass", rows), find("carbon_fraction", rows)))]


def _class_mean_roots(rows: Rows, knowledge: Knowledge) -> list[Batch]:
    find = knowledge.factor.optional
    mean = find("aboveground_biomass", rows)
    ratio = find("root_shoot_ratio", rows, value=np.nan_to_num(knowledge.factor.central(mean)))
    return [known_area(CLASS_MEAN_OF_ROOTS, rows, (mean, ratio, find("carbon_fraction", rows)))]


def known_area(equation: Equation, rows: Rows, factors: tuple[Ints, ...]) -> Batch:
    """Terms of the rows for which every factor is there; the others are not estimated."""
    known = np.logical_and.reduce([factor >= 0 for factor in factors])
    return Batch(equation, rows.group[known], (rows.area[known],), tuple(factor[known] for factor in factors))


CLASS_MEAN = PoolMethod(
    id="class_mean", layer=LAND_COVER, available=lambda knowledge, _: not knowledge.densities, dated=lambda _: False, batches=_class_mean
)  # fmt: skip
CLASS_MEAN_ROOTS = PoolMethod(
    id="class_mean_roots", layer=LAND_COVER, available=lambda knowledge, _: not knowledge.densities, dated=lambda _: False, batches=_class_mean_roots
)  # fmt: skip
