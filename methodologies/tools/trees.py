"""Biomass of trees: single trees by regressions, stands by volume, and roots."""

import numpy as np

from methodologies.contract import Array, Refusal
from methodologies.dimensions import regression
from methodologies.tools.allometry import Regression, regressions, tree_equations
from methodologies.trace import equation
from sinks.equations.biomass import root_ratio_from_biomass


@equation(
    "AGB", "kg d.m.", "AGB = f_leaf + f_branch + f_stem, each a*X^b, a*D^b or exp(a + b ln X); X = D^2 H", "F14 appendix; METHODOLOGIES 4.2"
)
@regression("kg d.m.", dbh="cm", height="m")
def tree_aboveground(dbh: Array, height: Array, species: Array) -> Array:
    """Aboveground dry matter of single trees [kg], by the equations of their species.

    Raises
    ------
    Refusal
        A species has no equation.

    Examples
    --------
    >>> round(float(tree_aboveground(np.array([15.0]), np.array([12.0]), np.array(["white_birch"]))[0]), 2)
    68.33
    """
    return _parts(dbh, height, species, ("leaf", "branch", "stem"))


@equation("ROOT", "kg d.m.", "ROOT = f_root; AGB * R where the source's root equation is not used", "F14 appendix; METHODOLOGIES 4.2")
@regression("kg d.m.", dbh="cm", height="m", aboveground="kg d.m.", root_shoot_ratio="-")
def tree_roots(dbh: Array, height: Array, species: Array, aboveground: Array, root_shoot_ratio: Array) -> Array:
    """Dry matter of the roots of single trees [kg]; by the ratio R where there is no equation."""
    measured = _parts(dbh, height, species, ("root",))
    return np.where(_has_roots(species), measured, aboveground * root_shoot_ratio)


@equation("ROOT", "kg d.m.", "ROOT = AGB * R", "AR-TOOL14 App1 Eq4; METHODOLOGIES 4.2")
def roots_by_ratio(aboveground: Array, root_shoot_ratio: Array) -> Array:
    """Dry matter of roots [kg] of trees whose roots have no equation of their own.

    Examples
    --------
    >>> round(roots_by_ratio(64.49, 0.241), 2)
    15.54
    """
    return aboveground * root_shoot_ratio


def _has_roots(species: Array) -> Array:
    known = {one: "root" in regressions(tree_equations(), one) for one in set(species.tolist())}
    return np.array([known[one] for one in species.tolist()], dtype=bool)


def _parts(dbh: Array, height: Array, species: Array, parts: tuple[str, ...]) -> Array:
    table = tree_equations()
    mass = np.zeros(len(dbh))
    for one in sorted(set(species.tolist())):
        own = regressions(table, one)
        if not own:
            raise Refusal("AR-TOOL14 App1 Eq4", f"{one}: f_AGB(D, H) ?", ", ".join(sorted(set(table["species"]))))
        rows = species == one
        for part in parts:
            if part in own:
                mass[rows] += own[part](_predictor(own[part], dbh[rows], height[rows]))
    return mass


def _predictor(one: Regression, dbh: Array, height: Array) -> Array:
    return dbh**2 * height if one.form.endswith("x") else dbh


@equation("B", "t d.m. ha-1", "B = V * D * BEF * (1 + R)", "AR-TOOL14 App1 Eq5; METHODOLOGIES 1.3")
def biomass_of_volume(volume: Array, wood_density: Array, expansion: Array, root_shoot_ratio: Array) -> Array:
    """Biomass with roots [t d.m. ha-1] from volume over bark [m3 ha-1] and BEF, stem to aboveground.

    Examples
    --------
    >>> round(float(biomass_of_volume(85.0, 0.490, 1.416, 0.212)), 7)
    71.4793968
    """
    return volume * wood_density * expansion * (1.0 + root_shoot_ratio)


@equation("B_p", "t d.m. ha-1", "B_p = sum of trees (AGB + ROOT) / 1000 / plot area", "AR-TOOL14 App1 Eq4")
def biomass_of_trees(mass: Array, plot_area: Array, tonnes_per_kg: Array, ha_per_m2: Array) -> Array:
    """Biomass per hectare [t d.m. ha-1] from dry matter per plot [kg] and plot area [m2]."""
    return mass * tonnes_per_kg / (plot_area * ha_per_m2)


@equation("R", "-", "R = exp(c0 + c1 ln b) / b", "AR-TOOL14, root:shoot")
@regression("-", aboveground="t d.m. ha-1", intercept="-", slope="-")
def root_ratio(aboveground: Array, intercept: Array, slope: Array) -> Array:
    """Root:shoot ratio, continuous in the biomass of the plot [-]."""
    return root_ratio_from_biomass(aboveground, intercept, slope)


@equation("B", "t d.m. ha-1", "B = a V + b, roots included", "ZHANG2013, FANG2001; METHODOLOGIES 4.2")
@regression("t d.m. ha-1", volume="m3 ha-1", slope="t d.m. m-3", intercept="t d.m. ha-1")
def biomass_of_stand(volume: Array, slope: Array, intercept: Array) -> Array:
    """Total living biomass of a stand [t d.m. ha-1] from its volume; zero without trees."""
    return np.where(volume == 0.0, 0.0, slope * volume + intercept)


@equation("C_CC", "tCO2e", "C_i = 44/12 * CF * b_FOREST * (1 + R) * CC_i * A_i", "AR-TOOL14 Eq 9-10, 20-21")
def stock_of_cover(
    area: Array, cover: Array, forest_biomass: Array, root_shoot_ratio: Array, carbon_fraction: Array, co2_per_carbon: Array
) -> Array:
    """Stock of trees, or its growth, by crown cover [tCO2e], from biomass (or growth) of full forest."""
    return co2_per_carbon * carbon_fraction * forest_biomass * (1.0 + root_shoot_ratio) * cover * area
