"""A model from disk, whole and of these predictors, or a finding."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.findings import InputError, finding
from sinks.estimation.fit import FORMAT, LEARNING, training_table
from sinks.estimation.model_file import load_models
from sinks.estimation.models import Recipe, importances
from sinks.estimation.retrieval import CARD, MODELS, TRAINING, Retrieval
from sinks.provenance import content_hash, file_sha256, read_json

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A model that was loaded and checked, with all that predicting needs."""

    recipe: Recipe
    models: tuple[Any, ...]
    error: tuple[float, float]
    quantile: float
    weights: Floats
    training: Floats
    scale: float
    limit: float
    sha256: str

    def applicable(self, predictors: Floats) -> NDArray[np.bool_]:
        """Whether places are like those of the training data (Meyer and Pebesma 2021)."""
        from scipy.spatial import cKDTree

        if not np.isfinite(self.limit) or not self.scale > 0:
            return np.ones(len(predictors), dtype=bool)
        nearest = cKDTree(self.training).query(self.models[0][0].transform(predictors) * self.weights)[0]
        return np.asarray(nearest / self.scale <= self.limit)


def load_model(retrieval: Retrieval) -> Model:
    """The model of a folder, if it is whole and takes the predictors of the configuration in their order.

    Raises
    ------
    InputError
        No model, a damaged or foreign one, another order of predictors (``E-RETR-05``).
    """
    folder = retrieval.folder
    card = read_json(folder / CARD)
    if not isinstance(card, dict):
        raise InputError(finding("E-RETR-08", CARD))
    try:
        wanted, given = list(card["predictors"]), list(retrieval.predictors)
        if wanted != given:
            raise InputError(finding("E-RETR-05", "predictors", given=", ".join(given), wanted=", ".join(map(str, wanted))))
        _check_card(retrieval, card)
        frame = training_table(retrieval.predictors).read(folder / TRAINING)
        if content_hash(training_table(retrieval.predictors).to_csv(frame)) != card["training_sha256"]:
            raise ValueError(f"{TRAINING}: SHA-256")
        if (folder / MODELS).exists() and file_sha256(folder / MODELS) != card["models_sha256"]:
            raise ValueError(f"{MODELS}: SHA-256")
        models = load_models(folder / MODELS, len(given))
        weights = importances(models[0])
        training = models[0][0].transform(frame[[f"predictor_{name}" for name in given]].to_numpy(dtype=np.float64)) * weights
        return Model(
            recipe=Recipe(kind=card["kind"], trees=int(card["trees"]), low=float(card["valid"][0]), high=float(card["valid"][1])), models=tuple(models),
            error=(float(card["error_variance"]["constant"]), float(card["error_variance"]["per_squared_prediction"])),
            quantile=_finite(card["interval"]["quantile"]), weights=weights, training=training, scale=_finite(card["applicability"]["scale"]),
            limit=_finite(card["applicability"]["limit"]), sha256=str(card["models_sha256"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(finding("E-RETR-07", CARD, reason=f"{type(error).__name__}: {error}"[:200])) from error


def _finite(value: Any) -> float:
    return float("inf") if value is None else float(value)


def _check_card(retrieval: Retrieval, card: Mapping[str, Any]) -> None:
    target = retrieval.target
    given = [FORMAT, retrieval.layer, target.unit, target.basis, list(retrieval.valid)]
    kept = [card["format"], card["layer"], card["unit"], card["basis"], card["valid"]]
    if given != kept:
        raise ValueError(f"{kept} != {given}")
    for name in LEARNING:
        if card["versions"][name] != metadata.version(name):
            raise ValueError(f"{name} {card['versions'][name]} != {metadata.version(name)}")
