"""Biomass of shrubs: by crown cover, and plant by plant within the range of measured equations."""

from collections.abc import Callable

import numpy as np

from methodologies.contract import Array, Refusal
from methodologies.dimensions import regression
from methodologies.tools.allometry import Regression, regressions, shrub_equations
from methodologies.trace import equation

Choice = Callable[[dict[str, Regression]], list[Regression]]
"""Which equations of a species give its mass."""


@equation("b_i", "t d.m. ha-1", "b_i = BDR_SF * b_FOREST * CC_i where CC_i >= 0.05, else 0", "AR-TOOL14 Eq 27")
def biomass_of_cover(cover: Array, ratio: Array, forest_biomass: Array, least_cover: Array) -> Array:
    """Aboveground shrub biomass [t d.m. ha-1] by crown cover; below the least cover it is zero.

    Examples
    --------
    >>> biomass_of_cover(np.array([0.45, 0.25, 0.04]), 0.10, 61.0, 0.05).round(3).tolist()
    [2.745, 1.525, 0.0]
    """
    return np.where(cover >= least_cover, ratio * forest_biomass * cover, 0.0)


@equation("C_SHRUB", "tCO2e", "C_SHRUB = 44/12 * CF_S * (1 + R_S) * A_i * b_i", "AR-TOOL14 Eq 26")
def stock_of_shrubs(area: Array, biomass: Array, root_shoot_ratio: Array, carbon_fraction: Array, co2_per_carbon: Array) -> Array:
    """Stock of shrubs [tCO2e] from aboveground biomass [t d.m. ha-1]."""
    return co2_per_carbon * carbon_fraction * (1.0 + root_shoot_ratio) * area * biomass


@equation("w", "g d.m.", "w = w_agb(V or C) + w_root(V or C); V = H*C, C = pi*D1*D2/4", "F49; METHODOLOGIES 4.3")
@regression("g d.m.", crown_1="m", crown_2="m", height="m")
def shrub_mass(crown_1: Array, crown_2: Array, height: Array, species: Array) -> Array:
    """Dry matter of single shrubs with roots [g].

    Aboveground and roots by their own equations and added; the fitted total where a
    species has only that (no (1 + R) then). Above the range of the equation the
    predictor is cut at the upper end; below it the mass is a straight line from the
    origin to the lower end (ACCOUNTING 6).

    Raises
    ------
    Refusal
        A species has no equation.

    Examples
    --------
    >>> one = np.array([1.0])
    >>> round(float(shrub_mass(0.9 * one, 0.8 * one, one, np.array(["caragana_korshinskii"]))[0]), 6)
    585.354017
    """
    return _by_species(crown_1, crown_2, height, species, _parts_or_total)


@equation("w_fit", "g d.m.", "w = w_total(V or C), the separately fitted total", "F49; METHODOLOGIES 4.3")
@regression("g d.m.", crown_1="m", crown_2="m", height="m")
def shrub_fitted_total(crown_1: Array, crown_2: Array, height: Array, species: Array) -> Array:
    """Dry matter by the separately fitted total [g]; that of the parts where there is none. Printed beside `shrub_mass`, not used."""
    return _by_species(crown_1, crown_2, height, species, _total_or_parts)


@regression("-", crown_1="m", crown_2="m", height="m")
def outside_range(crown_1: Array, crown_2: Array, height: Array, species: Array) -> Array:
    """1 for plants whose crown area, crown volume or height the equation was not measured on, else 0."""
    crown = _crown(crown_1, crown_2)
    outside = np.zeros(len(crown), dtype=bool)
    for one in set(species.tolist()):
        rows = species == one
        limits = shrub_equations()[shrub_equations()["species"] == one]
        for letter, values in (("c", crown), ("v", crown * height), ("h", height)):
            for low, high in zip(limits[f"{letter}_min"], limits[f"{letter}_max"], strict=True):
                outside[rows] |= (values[rows] < low) | (values[rows] > high)
    return outside.astype(np.float64)


def _crown(crown_1: Array, crown_2: Array) -> Array:
    return np.pi * crown_1 * crown_2 / 4


def _parts_or_total(own: dict[str, Regression]) -> list[Regression]:
    return [own["agb"], own["root"]] if {"agb", "root"} <= set(own) else [own["total"]]


def _total_or_parts(own: dict[str, Regression]) -> list[Regression]:
    return [own["total"]] if "total" in own else [own["agb"], own["root"]]


def _by_species(crown_1: Array, crown_2: Array, height: Array, species: Array, choose: Choice) -> Array:
    table = shrub_equations()
    crown = _crown(crown_1, crown_2)
    mass = np.zeros(len(crown))
    for one in sorted(set(species.tolist())):
        own = regressions(table, one)
        if not own:
            raise Refusal("METHODOLOGIES 1.7 (1.5)", f"{one}: w(C, H) ?", ", ".join(sorted(set(table["species"]))))
        rows = species == one
        limits = table[table["species"] == one].iloc[0]
        for part in choose(own):
            letter = part.form[-1]
            values = crown[rows] * height[rows] if letter == "v" else crown[rows]
            mass[rows] += _within(part, values, float(limits[f"{letter}_min"]), float(limits[f"{letter}_max"]))
    return mass


def _within(part: Regression, values: Array, low: float, high: float) -> Array:
    """The regression in its range; cut above it, a line through the origin below it."""
    return part(np.clip(values, low, high)) * np.minimum(values / low, 1.0)


@equation("b_p", "t d.m. ha-1", "b_p = sum of plants w * plants that it stands for / 1e6 / plot area", "METHODOLOGIES 1.7 (1.5)")
def biomass_of_plants(mass: Array, plot_area: Array, tonnes_per_g: Array, ha_per_m2: Array) -> Array:
    """Biomass per hectare with roots [t d.m. ha-1] from dry matter per plot [g] and plot area [m2]."""
    return mass * tonnes_per_g / (plot_area * ha_per_m2)


@equation("share", "-", "share of biomass of plants outside the range of their equation", "ACCOUNTING 6")
def share_outside(mass: Array, outside: Array) -> Array:
    """Share of the biomass of plants outside their equation's range [-], shape (1, 1); 0 without plants."""
    with np.errstate(invalid="ignore"):
        share = np.atleast_1d(mass * outside).sum() / mass.sum()
    return np.reshape(np.where(np.isnan(share), 0.0, share), (1, 1))
