"""Trees and shrubs at plots: from measured plants and volumes to the change of the strata, as three modules count it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from methodologies.contract import Array, Parameters, Refusal, Tables, Term
from methodologies.dimensions import magnitude
from methodologies.tools import deductions, plots, shrubs, trees
from methodologies.tools.allometry import regressions, tree_equations
from methodologies.tools.arrays import as_row, distinct, group_sums, places, total
from methodologies.tools.buffer import less_risk_share
from methodologies.trace import noted

Places = NDArray[np.int64]


def change_terms(*kinds: str) -> tuple[Term, ...]:
    """The terms that `change_of_plants` gives for trees, shrubs or both."""
    return tuple(term for term in CHANGE_TERMS if term.name.endswith(kinds) or (term.role == "share" and "SHRUB" in kinds))


CHANGE_TERMS = (
    Term(
        name="dC_TREE", role="removal", unit="tCO2e", pool="living_biomass", title="林木碳储量变化量", title_en="change of carbon in trees"
    ),
    Term(name="se_dC_TREE", role="standard_error", of="dC_TREE", unit="tCO2e", title="林木变化量标准误", title_en="standard error, trees"),
    Term(name="df_dC_TREE", role="degrees_of_freedom", of="dC_TREE", unit="-", title="林木自由度", title_en="degrees of freedom, trees"),
    Term(
        name="dC_SHRUB",
        role="removal",
        unit="tCO2e",
        pool="living_biomass",
        title="灌木碳储量变化量",
        title_en="change of carbon in shrubs",
    ),
    Term(
        name="se_dC_SHRUB", role="standard_error", of="dC_SHRUB", unit="tCO2e", title="灌木变化量标准误", title_en="standard error, shrubs"
    ),
    Term(name="df_dC_SHRUB", role="degrees_of_freedom", of="dC_SHRUB", unit="-", title="灌木自由度", title_en="degrees of freedom, shrubs"),
    *(
        Term(
            name=f"stock_{survey}_{name}",
            role="memo",
            unit="tCO2e",
            title=f"{zh}{when}碳储量",
            title_en=f"carbon in {en}, {survey_en} survey",
        )
        for name, zh, en in (("TREE", "林木", "trees"), ("SHRUB", "灌木", "shrubs"))
        for survey, when, survey_en in ((1, "期初", "first"), (2, "期末", "second"))
    ),
    Term(
        name="share_outside", role="share", unit="-", title="方程适用范围外生物量占比", title_en="biomass outside the range of its equation"
    ),
    Term(
        name="gap_of_fit", role="share", unit="-", title="分部之和与总量方程的差距", title_en="gap between the parts and the fitted total"
    ),
)
"""What `change_of_plants` gives."""


def change_of_plants(tables: Tables, parameters: Parameters, clause: str, kinds: Sequence[str] = ("TREE", "SHRUB")) -> dict[str, Array]:
    """Change of trees and shrubs per stratum at re-measured plots, with standard errors and degrees of freedom.

    Raises
    ------
    Refusal
        Too few plots in a stratum; a plot with both trees and volumes; a species
        without an equation.
    """
    strata = list(tables["strata"]["stratum"])
    at = places(list(tables["plots"]["stratum"]), strata)
    if any(len(tables[name]["plot"]) for name in ("plots", "trees", "volumes", "shrubs") if name in tables):
        plots.check_plots(at, strata, float(parameters("fewest_plots")[0, 0]), clause)
    area = tables["strata"]["area_ha"]
    if "TREE" in kinds:
        _one_method(tables, clause)
    found: dict[str, Array] = {}
    for name in kinds:
        density = {"TREE": _tree_density, "SHRUB": _shrub_density}[name]
        start, end = (density(tables, parameters, survey) for survey in (1, 2))
        change = end - start
        found[f"stock_1_{name}"] = plots.stratum_change(area, start, at, at=strata)
        found[f"stock_2_{name}"] = plots.stratum_change(area, end, at, at=strata)
        found[f"dC_{name}"] = plots.stratum_change(area, change, at, at=strata)
        found[f"se_dC_{name}"] = plots.stratum_standard_error(area, change, at, at=strata)
        found[f"df_dC_{name}"] = plots.degrees_of_freedom(at, len(strata))[np.newaxis, :]
    return found | (_range_of_shrubs(tables) if "SHRUB" in kinds else {})


def _one_method(tables: Tables, clause: str) -> None:
    """A plot's trees are measured one by one or by volume, not both."""
    both = sorted(set(tables["trees"]["plot"]) & set(tables["volumes"]["plot"]))
    if both:
        raise Refusal(clause, f"trees + volumes: {', '.join(both[:10])}", "trees | volumes")


def _tree_density(tables: Tables, parameters: Parameters, survey: int) -> Array:
    """Trees of the plots [tCO2e ha-1] at a survey, from single trees and from volumes."""
    found = _nothing(tables, parameters)
    for cells_of, name in ((_tree_cells, "trees"), (_volume_cells, "volumes")):
        measured = _rows(tables, name, survey)
        if len(measured["plot"]):
            cells, biomass = cells_of(tables, parameters, measured)
            carbon_fraction = parameters("carbon_fraction", species=[species for _, species in cells])
            found = found + _density(tables, parameters, cells, biomass, carbon_fraction)
    return found


def _shrub_density(tables: Tables, parameters: Parameters, survey: int) -> Array:
    """Shrubs of the plots [tCO2e ha-1] at a survey, from measured plants."""
    measured = _rows(tables, "shrubs", survey)
    if not len(measured["plot"]):
        return _nothing(tables, parameters)
    cells, biomass = _shrub_cells(tables, parameters, measured)
    return _density(tables, parameters, cells, biomass, parameters("shrub_carbon_fraction"))


Cells = list[tuple[str, str]]
"""Plot and species of each sum over plants."""


def _tree_cells(tables: Tables, parameters: Parameters, measured: Mapping[str, Array]) -> tuple[Cells, Array]:
    """Biomass of trees per plot and species [t d.m. ha-1] from single trees."""
    cells, at = distinct(list(measured["plot"]), list(measured["species"]))
    labels, names = _labels(measured["plot"], measured["tree"]), _labels(*zip(*cells, strict=True))
    given = measured["dbh_cm"], measured["height_m"], measured["species"]
    above = trees.tree_aboveground(*given, at=labels)
    roots = trees.tree_roots(*given, above, np.zeros(len(labels)), at=labels)
    mass_above = group_sums(above, at, len(cells))
    by_ratio = trees.roots_by_ratio(as_row(mass_above), _ratio_without_equation(parameters, cells), at=names)
    mass = as_row(mass_above + group_sums(roots, at, len(cells))) + by_ratio
    area = as_row(_plot_areas(tables, cells))
    return cells, trees.biomass_of_trees(mass, area, parameters("t_per_kg"), parameters("ha_per_m2"), at=names)


def _ratio_without_equation(parameters: Parameters, cells: Cells) -> Array:
    """Root:shoot ratios of the species whose roots have no equation; zero for the others, shape (draws, cells)."""
    needing = [place for place, (_, species) in enumerate(cells) if "root" not in regressions(tree_equations(), species)]
    if not needing:
        return np.zeros((1, len(cells)))
    asked = magnitude(parameters("root_shoot_ratio", species=[cells[place][1] for place in needing]), "-")
    ratios = np.zeros((len(asked), len(cells)))
    ratios[:, needing] = asked
    return ratios


def _volume_cells(tables: Tables, parameters: Parameters, measured: Mapping[str, Array]) -> tuple[Cells, Array]:
    """Biomass of trees per plot and species [t d.m. ha-1] from volume."""
    species = measured["species"]
    cells = list(zip(measured["plot"].tolist(), species.tolist(), strict=True))
    return cells, trees.biomass_of_volume(
        as_row(measured["volume_m3_ha"]),
        parameters("wood_density", species=species),
        parameters("expansion_factor", species=species),
        parameters("root_shoot_ratio", species=species),
        at=_labels(measured["plot"], species),
    )


def _shrub_cells(tables: Tables, parameters: Parameters, measured: Mapping[str, Array]) -> tuple[Cells, Array]:
    """Biomass of shrubs per plot and species [t d.m. ha-1] from measured plants and what they stand for."""
    cells, at = distinct(list(measured["plot"]), list(measured["species"]))
    mass = shrubs.shrub_mass(
        measured["crown_1_m"],
        measured["crown_2_m"],
        measured["height_m"],
        measured["species"],
        at=_labels(measured["plot"], measured["shrub"]),
    )
    whole = group_sums(mass * _stands_for(measured), at, len(cells))
    area = _plot_areas(tables, cells)
    return cells, shrubs.biomass_of_plants(
        whole, area, parameters("t_per_g"), parameters("ha_per_m2"), at=_labels(*zip(*cells, strict=True))
    )


def _density(tables: Tables, parameters: Parameters, cells: Cells, biomass: Array, carbon_fraction: Array) -> Array:
    names = list(tables["plots"]["plot"])
    at = places([plot for plot, _ in cells], names)
    return plots.plot_density(as_row(biomass), carbon_fraction, parameters("co2_per_carbon"), at, len(names), at=names)


def _nothing(tables: Tables, parameters: Parameters) -> Array:
    """No biomass at any plot [tCO2e ha-1]."""
    return 0.0 * parameters("no_density") * np.ones((1, len(tables["plots"]["plot"])))


def _rows(tables: Tables, name: str, survey: int) -> dict[str, Array]:
    """The rows of a table at a survey."""
    chosen = tables[name]["survey"] == survey
    return {column: noted(values[chosen], f"{name}.{column}") for column, values in tables[name].items()}


def _plot_areas(tables: Tables, cells: Cells) -> Array:
    areas = tables["plots"]["plot_area_m2"][places([plot for plot, _ in cells], list(tables["plots"]["plot"]))]
    return noted(areas, "plots.plot_area_m2")


def _labels(*columns: Sequence[str]) -> list[str]:
    return [" ".join(map(str, row)) for row in zip(*columns, strict=True)]


def _stands_for(measured: Mapping[str, Array]) -> NDArray[np.float64]:
    return np.where(measured["stands_for"] > 0, measured["stands_for"], 1).astype(np.float64)


def _range_of_shrubs(tables: Tables) -> dict[str, Array]:
    """How much of the shrubs at the second survey lies outside the range of the equations, and how far the fitted total is off."""
    measured = _rows(tables, "shrubs", 2)
    if not len(measured["plot"]):
        return {"share_outside": np.zeros((1, 1)), "gap_of_fit": np.zeros((1, 1))}
    given = (measured["crown_1_m"], measured["crown_2_m"], measured["height_m"], measured["species"])
    mass = shrubs.shrub_mass.__wrapped__(*given) * _stands_for(measured)  # type: ignore[attr-defined]
    fitted = shrubs.shrub_fitted_total.__wrapped__(*given) * _stands_for(measured)  # type: ignore[attr-defined]
    return {
        "share_outside": shrubs.share_outside(mass, shrubs.outside_range(*given)),
        "gap_of_fit": np.reshape((fitted.sum() - mass.sum()) / mass.sum(), (1, 1)),
    }


def refuse_outside_range(terms: Mapping[str, Array], parameters: Parameters, tables: Tables) -> Mapping[str, Array]:
    """Stop where too much biomass lies outside the range of its equation (ACCOUNTING 6)."""
    share, most = terms["share_outside"], parameters("most_outside_range")
    if bool(np.ravel(share - most > deductions.TOLERANCE)[0]):
        raise Refusal("ACCOUNTING 6", f"{float(share[0, 0]):.2%}", f"<= {float(most[0, 0]):.0%}")
    return {}


def error_of(terms: Mapping[str, Array], parameters: Parameters, name: str) -> Array:
    """Relative error of a change at the stated confidence, with n - M degrees of freedom; central row."""
    freedom = total(terms[f"df_{name}"][:1])
    t_value = plots.t_quantile(parameters("precision_probability")[:1], np.maximum(freedom, 1.0), at=[name])
    return plots.relative_error(terms[name][:1], terms[f"se_{name}"][:1], t_value, at=[name])


def precision_deduction(terms: Mapping[str, Array], parameters: Parameters, tables: Tables) -> Mapping[str, Array]:
    """Trees and shrubs less the share of their value that the table asks for; the rate of the central estimate holds for all draws."""
    limits = tuple(parameters(f"precision_limit_{place}")[:1] for place in (1, 2, 3))
    rates = tuple(parameters(f"precision_rate_{place}")[:1] for place in (1, 2))
    found = {}
    for name in (one for one in ("dC_TREE", "dC_SHRUB") if one in terms):
        error = error_of(terms, parameters, name)
        rate = deductions.precision_rate(error, limits, rates, at=[name])
        found[name] = deductions.less_share_of_value(terms[name], total(terms[name][:1]), rate)
    return found


def deduct_risk(terms: Mapping[str, Array], parameters: Parameters, tables: Tables) -> Mapping[str, Array]:
    """The net removal less the risk share."""
    return {"net": less_risk_share(terms["net"], parameters("risk_share"), at=list(tables["strata"]["stratum"]))}
