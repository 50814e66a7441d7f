"""Fitting a model to plots: cross-validation at random and by block, intervals, applicability, members; all of it kept."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, finding
from aoi.table import Column, Table, replace_file
from sinks.equations.validation import (
    Scores,
    Variogram,
    applicability_limit,
    conformal_quantile,
    dissimilarity_scale,
    error_model,
    error_sizes,
    measured_coverage,
    nearest_elsewhere,
    scores,
    variogram,
)
from sinks.estimation.model_file import save_models
from sinks.estimation.models import (
    Recipe,
    block_folds,
    blocks_of,
    cross_validated,
    distances_km,
    importances,
    random_folds,
    recipe_of,
    resampled,
    seeds,
)
from sinks.estimation.points import Plots, check_units, named, read_plots, values_at
from sinks.estimation.retrieval import CARD, MODELS, TRAINING, Retrieval
from sinks.provenance import content_hash, file_sha256, versions, write_json

Floats = NDArray[np.float64]
VARIOGRAM_CLASSES = 12
VARIOGRAM_LENGTHS = 100
LEARNING = ("scikit-learn", "skops")
FORMAT = 1
"""The form of ``model.json``."""


def training_table(predictors: tuple[str, ...]) -> Table:
    """The declaration of the training data of a model."""
    given = (
        Column(name=f"predictor_{name}", type="decimal", title_zh=f"预测量 {name}", title_en=f"Predictor {name}", needed=True)
        for name in predictors
    )
    return Table(
        name="training", title_zh="训练数据", title_en="Training data of a model", row_per="plot",
        columns=(
            Column(name="id", type="text", title_zh="样地编号", title_en="Plot", key=True),
            Column(name="longitude", type="decimal", title_zh="经度", title_en="Longitude", unit="degree", decimals=6),
            Column(name="latitude", type="decimal", title_zh="纬度", title_en="Latitude", unit="degree", decimals=6),
            Column(name="block", type="integer", title_zh="空间块", title_en="Spatial block"),
            Column(name="value", type="decimal", title_zh="实测值", title_en="Measured", needed=True),
            Column(name="predicted_random", type="decimal", title_zh="随机交叉验证预测", title_en="Predicted, random cross-validation"),
            Column(name="predicted_spatial", type="decimal", title_zh="空间块交叉验证预测", title_en="Predicted, spatial cross-validation"),
            *given,
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One way of cross-validation: what it says of new places like its folds.

    Parameters
    ----------
    coverage : float
        Share of plots inside intervals that the other folds calibrated.
    """

    scores: Scores
    coverage: float
    quantile: float
    error: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted model and what is known of it."""

    models: list[Any]
    plots: Plots
    frame: pd.DataFrame
    random: Validation
    spatial: Validation
    variogram: Variogram
    card: dict[str, Any]
    findings: list[Finding]


def fit_model(retrieval: Retrieval, progress: Callable[[int, int], None] | None = None) -> Fit:
    """Fit the model of a configuration to its plots.

    Raises
    ------
    InputError
        With all findings: plots that cannot be used, predictors missing at plots
        (``E-RETR-03``), too few plots (``E-RETR-02``) or blocks (``E-RETR-04``).
    """
    plots, found = _plots(retrieval)
    year = retrieval.plots.year
    predictors = np.stack(
        [values_at(retrieval.stack, name, year, plots.rows, plots.columns) for name in retrieval.predictors],
        axis=1,
    )
    plots, predictors, more = _complete(retrieval, plots, predictors)
    settings, crs = retrieval.settings, retrieval.stack.grid.crs
    blocks = blocks_of(plots.longitude, plots.latitude, crs, settings.block_km) if len(plots) else np.zeros(0, dtype=np.int64)
    found += more + _check_enough(retrieval, plots, blocks)
    stop = [one for one in found if one.severity == "error"]
    if stop:
        raise InputError(stop)
    seed = retrieval.run.config.run.seed
    recipe = recipe_of(settings, *retrieval.valid)
    folds = min(settings.folds, len(np.unique(blocks)))
    by_chance, by_block = random_folds(len(plots), settings.folds, seed), block_folds(blocks, folds, seed)
    ways = {}
    predicted = {}
    for name, way in (("random", by_chance), ("spatial", by_block)):
        predicted[name] = cross_validated(recipe, predictors, plots.values, way, seed)
        ways[name] = _validated(plots.values, predicted[name], way, settings.coverage)
    models = _members(recipe, predictors, plots.values, blocks, seed, settings.members, progress)
    far = variogram(
        distances_km(plots.longitude, plots.latitude, crs), predicted["spatial"] - plots.values, VARIOGRAM_CLASSES, VARIOGRAM_LENGTHS
    )
    frame = _training(retrieval, plots, blocks, predictors, predicted)
    card = _card(retrieval, recipe, models, predictors, by_block, ways, far, frame)
    return Fit(
        models=models, plots=plots, frame=frame, random=ways["random"], spatial=ways["spatial"], variogram=far, card=card,
        findings=[*retrieval.findings, *found, *_judged(retrieval, ways)],
    )  # fmt: skip


def keep_fit(retrieval: Retrieval, fit: Fit) -> None:
    """Write the models, their card and their training data; the card last, so that it never speaks of others."""
    folder = retrieval.folder
    (folder / CARD).unlink(missing_ok=True)
    replace_file(folder / TRAINING, training_table(retrieval.predictors).to_csv(fit.frame).encode("utf-8"))
    save_models(fit.models, folder / MODELS)
    write_json(folder / CARD, {**fit.card, "models_sha256": file_sha256(folder / MODELS)})


def _plots(retrieval: Retrieval) -> tuple[Plots, list[Finding]]:
    section, run = retrieval.plots, retrieval.run
    wrong = check_units(section, retrieval.target.unit, retrieval.target.basis, "plots")
    path, label = run.folders.find(section.file, "plots.file")
    if path.resolve() in {(retrieval.folder / name).resolve() for name in (CARD, MODELS, TRAINING)}:
        wrong.append(finding("E-RUN-07", "plots.file", file=label))
    try:
        plots, found = read_plots(path, section, run.grid, run.zone_sets[0], label, in_zones=False)
    except InputError as error:
        raise InputError([*wrong, *error.findings]) from error
    low, high = retrieval.valid
    bad = (plots.values < low) | (plots.values > high)
    if bad.any():
        ids = [one for one, strange in zip(plots.ids, bad, strict=True) if strange]
        wrong.append(finding("E-PLOT-08", label, number=len(ids), ids=named(ids), low=f"{low:g}", high=f"{high:g}"))
    if wrong:
        raise InputError(wrong)
    return plots, found


def _complete(retrieval: Retrieval, plots: Plots, predictors: Floats) -> tuple[Plots, Floats, list[Finding]]:
    """Plots where every predictor has a value; the others are refused or left out, as the configuration says."""
    known = np.isfinite(predictors)
    whole: NDArray[np.bool_] = np.asarray(known.all(axis=1))
    if whole.all():
        return plots, predictors, []
    ids = [one for one, held in zip(plots.ids, whole, strict=True) if not held]
    lacking = ", ".join(
        f"{name} {int((~known[:, place]).sum())}" for place, name in enumerate(retrieval.predictors) if not known[:, place].all()
    )
    id = "W-RETR-03" if retrieval.settings.missing == "skip" else "E-RETR-03"
    said = finding(id, retrieval.plots.file, number=len(ids), all=len(plots), ids=named(ids), predictors=lacking)
    return plots.where(whole), predictors[whole], [said]


def _check_enough(retrieval: Retrieval, plots: Plots, blocks: NDArray[np.int64]) -> list[Finding]:
    least = max(2 * retrieval.settings.folds, 2 * (len(retrieval.predictors) + 1))
    number = len(np.unique(blocks))
    found = []
    if len(plots) < least:
        found.append(finding("E-RETR-02", retrieval.plots.file, number=len(plots), least=least))
    if number < 2:
        found.append(finding("E-RETR-04", "retrieval.block_km", number=number, block=f"{retrieval.settings.block_km:g}"))
    return found


def _validated(values: Floats, predicted: Floats, folds: NDArray[np.int64], coverage: float) -> Validation:
    error = predicted - values
    return Validation(
        scores=scores(values, predicted), coverage=measured_coverage(predicted, error, folds, coverage),
        quantile=conformal_quantile(error_sizes(error_model(predicted, error), predicted, error), coverage), error=error_model(predicted, error),
    )  # fmt: skip


def _members(
    recipe: Recipe, predictors: Floats, values: Floats, blocks: NDArray[np.int64], seed: int, number: int, progress: Callable[[int, int], None] | None
) -> list[Any]:  # fmt: skip
    """The model of all plots, and bootstrap members that show how it would differ with other plots."""
    models = [recipe.fitted(predictors, values, seed)]
    for place, one in enumerate(seeds(seed, number), start=1):
        models.append(resampled(recipe, predictors, values, blocks, one))
        if progress is not None:
            progress(place, number)
    return models


def _training(
    retrieval: Retrieval, plots: Plots, blocks: NDArray[np.int64], predictors: Floats, predicted: dict[str, Floats]
) -> pd.DataFrame:
    columns = {f"predictor_{name}": predictors[:, place] for place, name in enumerate(retrieval.predictors)}
    table = training_table(retrieval.predictors)
    frame = pd.DataFrame(
        {
            "id": plots.ids, "longitude": plots.longitude, "latitude": plots.latitude, "block": blocks, "value": plots.values,
            "predicted_random": predicted["random"], "predicted_spatial": predicted["spatial"], **columns,
        }
    )  # fmt: skip
    return table.sorted(table.typed(frame))


def _card(
    retrieval: Retrieval, recipe: Recipe, models: list[Any], predictors: Floats, folds: NDArray[np.int64], ways: dict[str, Validation],
    far: Variogram, frame: pd.DataFrame,
) -> dict[str, Any]:  # fmt: skip
    """Everything that predicting needs besides the models, and what people want to know of them."""
    weights = importances(models[0])
    points = models[0][0].transform(predictors) * weights
    scale = dissimilarity_scale(points)
    limit = applicability_limit(nearest_elsewhere(points, folds) / scale) if scale > 0 else float("inf")
    spatial = ways["spatial"]
    return {
        "format": FORMAT, "layer": retrieval.layer, "unit": retrieval.target.unit, "basis": retrieval.target.basis,
        "kind": recipe.kind, "trees": recipe.trees, "valid": list(retrieval.valid), "seed": retrieval.run.config.run.seed,
        "predictors": list(retrieval.predictors), "importances": dict(zip(retrieval.predictors, map(float, weights), strict=True)),
        "members": len(models) - 1, "plots": len(frame), "plots_year": retrieval.plots.year, "block_km": retrieval.settings.block_km,
        "folds": len(np.unique(folds)),
        "validation": {name: {**asdict(way.scores), "interval": retrieval.settings.coverage, "coverage": way.coverage} for name, way in ways.items()},
        "error_variance": {"constant": spatial.error[0], "per_squared_prediction": spatial.error[1]},
        "interval": {"level": retrieval.settings.coverage, "quantile": _number(spatial.quantile), "coverage": spatial.coverage},
        "variogram": {
            "distance_km": far.distance.tolist(), "semivariance": far.semivariance.tolist(), "pairs": far.pairs.tolist(),
            "nugget": _number(far.nugget), "sill": _number(far.sill), "correlation_km": _number(far.length),
        },
        "applicability": {"scale": _number(scale), "limit": _number(limit)},
        "training_sha256": content_hash(training_table(retrieval.predictors).to_csv(frame)), "versions": learning_versions(),
    }  # fmt: skip


def learning_versions() -> dict[str, str]:
    """Versions of what computes, and of what learns: models of another one are not loaded."""
    return {**versions(), **{name: metadata.version(name) for name in LEARNING}}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _judged(retrieval: Retrieval, ways: dict[str, Validation]) -> list[Finding]:
    """What a reader must know before the map is used."""
    found = []
    spatial, random = ways["spatial"].scores, ways["random"].scores
    said = {"spatial": f"{spatial.r2:.2f}", "random": f"{random.r2:.2f}", "rmse": f"{spatial.rmse:.1f}"}
    if not spatial.r2 > 0:
        found.append(finding("W-RETR-01", f"retrieval: {retrieval.layer}", **said))
    return found
