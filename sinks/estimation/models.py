"""Models of biomass (or soil, or cover) from predictors: made, cross-validated at random and by block, resampled."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.grids import geodesy, horizontal_crs
from sinks.config import RetrievalSection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
METRES_PER_KM = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model is made: kind, trees, and the limits of what it may predict."""

    kind: str
    trees: int
    low: float
    high: float

    def made(self, seed: int) -> Any:
        """A model that knows nothing yet: predictors are put on one scale, then the regression."""
        from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import StandardScaler

        model = {
            "linear": lambda: LinearRegression(),
            "random_forest": lambda: RandomForestRegressor(n_estimators=self.trees, min_samples_leaf=2, random_state=seed),
            "gradient_boosting": lambda: GradientBoostingRegressor(n_estimators=self.trees, subsample=0.7, random_state=seed),
        }[self.kind]()
        return Pipeline([("scale", StandardScaler()), ("model", model)])

    def fitted(self, predictors: Floats, values: Floats, seed: int) -> Any:
        """A model of some plots."""
        return self.made(seed).fit(predictors, values)

    def predicted(self, model: Any, predictors: Floats) -> Floats:
        """Predictions within the limits of the layer."""
        return np.clip(np.asarray(model.predict(predictors), dtype=np.float64), self.low, self.high)


def recipe_of(section: RetrievalSection, low: float, high: float) -> Recipe:
    """The recipe of a configuration."""
    return Recipe(kind=section.model, trees=section.trees, low=low, high=high)


def seeds(seed: int, number: int) -> list[int]:
    """Seeds for parts of one fit; more parts leave the first ones as they were."""
    return [int(one.generate_state(1)[0]) for one in np.random.SeedSequence(seed).spawn(number)]


def blocks_of(longitude: Floats, latitude: Floats, crs: str, block_km: float) -> Ints:
    """Spatial blocks: bands of latitude, cut into pieces as long as the bands are high."""
    geod = geodesy(horizontal_crs(crs))
    middle = float(np.mean(latitude))
    per_degree = geod.inv(0.0, middle - 0.5, 0.0, middle + 0.5)[2] / METRES_PER_KM
    band = np.floor(latitude * per_degree / block_km)
    centre = np.clip((band + 0.5) * block_km / per_degree, -90.0, 90.0)
    across = np.asarray(geod.inv(np.zeros(len(band)), centre, np.ones(len(band)), centre)[2]) / METRES_PER_KM
    piece = np.floor(longitude * across / block_km)
    return np.unique(np.stack([band, piece], axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def block_folds(blocks: Ints, folds: int, seed: int) -> Ints:
    """Fold of each plot: whole blocks, in the order of chance, each into the fold that has fewest plots."""
    sizes = np.bincount(blocks)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    held, fold_of = np.zeros(folds, dtype=np.int64), np.empty(len(sizes), dtype=np.int64)
    for block in order:
        fold_of[block] = int(np.argmin(held))
        held[fold_of[block]] += sizes[block]
    return fold_of[blocks]


def random_folds(number: int, folds: int, seed: int) -> Ints:
    """Fold of each plot by chance alone."""
    return (np.random.default_rng(seed).permutation(number) % folds).astype(np.int64)


def cross_validated(recipe: Recipe, predictors: Floats, values: Floats, folds: Ints, seed: int) -> Floats:
    """For each plot the prediction of a model that never saw its fold."""
    out = np.empty(len(values))
    for fold in np.unique(folds):
        mine = folds == fold
        out[mine] = recipe.predicted(recipe.fitted(predictors[~mine], values[~mine], seed), predictors[mine])
    return out


def resampled(recipe: Recipe, predictors: Floats, values: Floats, blocks: Ints, seed: int) -> Any:
    """A bootstrap member: a model of as many blocks, drawn with replacement, all plots of a block together."""
    groups = [np.flatnonzero(blocks == block) for block in range(int(blocks.max()) + 1)]
    drawn = np.random.default_rng(seed).integers(len(groups), size=len(groups))
    rows = np.concatenate([groups[block] for block in drawn])
    return recipe.fitted(predictors[rows], values[rows], seed)


def importances(model: Any) -> Floats:
    """How much each predictor counts, summing to 1; all alike where none does."""
    step = model[-1]
    found = np.abs(np.asarray(getattr(step, "feature_importances_", getattr(step, "coef_", None)), dtype=np.float64)).reshape(-1)
    return found / found.sum() if found.sum() > 0 else np.full(len(found), 1.0 / len(found))


def distances_km(longitude: Floats, latitude: Floats, crs: str) -> Floats:
    """Geodesic distances between all plots [km]."""
    number = len(longitude)
    first, second = np.meshgrid(np.arange(number), np.arange(number), indexing="ij")
    metres = geodesy(horizontal_crs(crs)).inv(longitude[first], latitude[first], longitude[second], latitude[second])[2]
    return np.asarray(metres) / METRES_PER_KM
