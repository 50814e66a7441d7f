"""The sample of the next survey: how many plots, allotted to strata."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from methodologies.contract import Array
from methodologies.quantification import Result
from methodologies.tools.plots import SampleSize, sample_size


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """A sample size, and whether it rests on expected or on measured spread."""

    basis: Literal["expected", "measured"]
    size: SampleSize
    allowed: float
    plot_area_m2: float


def sampling_plan(result: Result) -> SamplingPlan | None:
    """The sample for the allowed error; none where the methodology has no rule for it or nothing tells the spread.

    The columns ``expected_mean`` and ``expected_sd`` of the strata are used where all
    have them, else the spread of the change of trees that this survey measured.
    """
    values = {
        name: _value(result, name)
        for name in ("sampling_allowed_error", "sampling_t_start", "plot_area", "precision_probability", "fewest_plots")
    }
    spread = _expected(result) or _measured(result)
    if spread is None or any(value is None for value in values.values()):
        return None
    basis, mean, deviations = spread
    areas = result.tables["strata"]["area_ha"]
    given = {name: float(value or 0.0) for name, value in values.items()}
    weights = areas / areas.sum()
    try:
        size = sample_size(
            float(areas.sum()), given["plot_area"] * float(result.parameters("ha_per_m2")[0, 0]), weights, deviations, mean, given["sampling_allowed_error"],
            given["sampling_t_start"], given["precision_probability"], round(given["fewest_plots"]),
        )  # fmt: skip
    except ValueError:
        return None
    return SamplingPlan(basis=basis, size=size, allowed=given["sampling_allowed_error"], plot_area_m2=given["plot_area"])


def _value(result: Result, name: str) -> float | None:
    known = result.parameters.optional(name)
    return None if known is None else float(known[0, 0])


Spread = tuple[Literal["expected", "measured"], float, Array]


def _expected(result: Result) -> Spread | None:
    strata = result.tables["strata"]
    if "expected_sd" not in strata or not np.isfinite(strata["expected_sd"]).all() or not np.isfinite(strata["expected_mean"]).all():
        return None
    weights = strata["area_ha"] / strata["area_ha"].sum()
    return "expected", float((weights * strata["expected_mean"]).sum()), strata["expected_sd"]


def _measured(result: Result) -> Spread | None:
    terms = result.evaluation.gross
    if not {"dC_TREE", "se_dC_TREE", "df_dC_TREE"} <= set(terms):
        return None
    areas = result.tables["strata"]["area_ha"]
    deviations = terms["se_dC_TREE"][0] * np.sqrt(terms["df_dC_TREE"][0] + 1) / areas
    return "measured", float(terms["dC_TREE"][0].sum() / areas.sum()), deviations
