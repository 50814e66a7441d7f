"""What a model makes of one tile: cells of the rasters, sums of the members, areas unlike the training data."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.config import LAND_COVER
from sinks.equations.validation import error_variance
from sinks.estimation.loaded import Model
from sinks.layers.encoding import Encoding
from sinks.layers.windows import Block, files_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEPS_OF_MEMBERS = 1e-3
"""Members are rounded to this share of a raster's step: what processors differ in is far below."""


@dataclass(frozen=True, slots=True)
class PredictedTile:
    """What a tile gives.

    Parameters
    ----------
    cells : mapping of (raster, year) to cells of the file
    rounding : float
        The largest difference between a prediction and what stands in the file.
    strata : (m, s) int
        Distinct codes of the strata.
    keys : (r, k) int, sums : (r, K + 1)
        Rows of the members (`_KEYS`), each with its sums.
    areas : (z, 4)
        Year, zone, and of the land that the plots speak of the predicted area and the part of it outside the area of applicability [ha].
    """

    cells: dict[tuple[str, int], NDArray[Any]]
    rounding: float
    strata: Ints
    keys: Ints
    sums: Floats
    areas: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictTile:
    """The function of the pass; picklable for workers of a cluster.

    Parameters
    ----------
    codes : mapping, optional
        Year -> codes of the land that the plots speak of; None where no legend tells.
    """

    model: Model
    predictors: tuple[str, ...]
    strata: tuple[str, ...]
    years: tuple[int, ...]
    intervals: tuple[tuple[int, int], ...]
    encodings: Mapping[str, Encoding]
    codes: Mapping[int, frozenset[int]] | None

    def __call__(self, block: Block) -> PredictedTile:
        covered = block.zones
        at, back = np.unique(covered.cells, return_inverse=True)
        area = covered.fractions * np.broadcast_to(block.area_ha, (block.tile.height, block.tile.width)).reshape(-1)[covered.cells]
        zone = covered.zones.astype(np.int64)
        cells: dict[tuple[str, int], NDArray[Any]] = {}
        rounding, members, land, areas = 0.0, {}, {}, []
        for year in self.years:
            drawn, made, applicable = self._predicted(block, year, at)
            for name, values in made.items():
                cells[name, year], error = self._encoded(name, values, at, block)
                rounding = max(rounding, error if name == "value" else 0.0)
            drawn[0] = self.encodings["value"].decoded(cells["value", year]).reshape(-1)[at]
            members[year] = drawn[:, back]
            land[year] = self._land(block, year, covered.cells)
            spoken = ~np.isnan(members[year][0]) & self._spoken(land[year][:, 0], year)
            areas += _areas(zone, area, spoken, ~applicable[back], year)
        keys, sums = self._sums(zone, area, land, members)
        strata = np.unique(np.concatenate([codes[:, 1:] for codes in land.values()]), axis=0)
        return PredictedTile(cells, rounding, strata, keys, sums, np.array(areas, dtype=np.float64).reshape(-1, 4))

    def _predicted(self, block: Block, year: int, at: Ints) -> tuple[Floats, dict[str, Floats], NDArray[np.bool_]]:
        """Members, what goes into the rasters, and whether places are like the training data; NaN where a predictor is missing."""
        columns = []
        for name in self.predictors:
            files = files_of(block.stored, name, year)
            columns.append(np.asarray(sum(block.arrays[key].reshape(-1)[at] for key in files) / len(files)))
        predictors = np.stack(columns, axis=1)
        whole = np.isfinite(predictors).all(axis=1)
        drawn = np.full((len(self.model.models), len(at)), np.nan)
        applicable = np.ones(len(at), dtype=bool)
        if whole.any():
            step = self.encodings["value"].scale * STEPS_OF_MEMBERS
            drawn[:, whole] = np.rint(self.model.predicted(predictors[whole]) / step) * step
            applicable[whole] = self.model.applicable(predictors[whole])
        expected = error_variance(self.model.error, drawn[0])
        spread = drawn[1:].var(axis=0, ddof=1)
        low, high = self.model.recipe.low, self.model.recipe.high
        made = {
            "value": drawn[0], "se": np.minimum(np.sqrt(np.maximum(expected - spread, 0.0)), high - low),
            "half_width": np.minimum(self.model.quantile * np.sqrt(expected), high - low) if np.isfinite(self.model.quantile) else np.full(len(at), np.nan),
            "applicability": np.where(whole, applicable, np.nan),
        }  # fmt: skip
        return drawn, made, applicable

    def _encoded(self, name: str, values: Floats, at: Ints, block: Block) -> tuple[NDArray[Any], float]:
        cells = np.full(block.tile.height * block.tile.width, np.nan)
        cells[at] = values
        whole = cells.reshape(block.tile.height, block.tile.width)
        encoding = self.encodings[name]
        stored = encoding.encoded(whole, name)
        return stored, encoding.largest_error(whole, stored)

    def _land(self, block: Block, year: int, at: Ints) -> Ints:
        """Class and strata of each cell at a date, (n, 1 + s)."""
        keys = [files_of(block.stored, name, year)[0] for name in (LAND_COVER, *self.strata)]
        return np.stack([block.arrays[key].reshape(-1)[at].astype(np.int64) for key in keys], axis=1)

    def _spoken(self, code: Ints, year: int) -> NDArray[np.bool_]:
        """Whether cells lie on land that the plots speak of; all do where no legend says."""
        return np.ones(len(code), dtype=bool) if self.codes is None else np.isin(code, sorted(self.codes[year]))

    def _sums(self, zone: Ints, area: Floats, land: Mapping[int, Ints], members: Mapping[int, Floats]) -> tuple[Ints, Floats]:
        """Sums by zone, years, date of the value, and classes and strata at both dates; a date alone has the same twice."""
        keys, sums = [], []
        for first, last in (*((year, year) for year in self.years), *self.intervals):
            valid = ~np.isnan(members[first][0] + members[last][0])
            rows = np.concatenate([zone[valid, None], land[first][valid], land[last][valid]], axis=1)
            if not len(rows):
                continue
            groups, place = np.unique(rows, axis=0, return_inverse=True)
            for date, year in enumerate((first,) if first == last else (first, last)):
                weighted = members[year][:, valid] * area[valid]
                sums.append(np.stack([np.bincount(place.reshape(-1), one, len(groups)) for one in weighted], axis=1))
                fixed = np.tile([first, last, date], (len(groups), 1))
                keys.append(np.concatenate([fixed, groups], axis=1))
        wide = 4 + 2 * (1 + len(self.strata))
        none = np.zeros((0, wide), dtype=np.int64), np.zeros((0, len(self.model.models)))
        return (np.concatenate(keys), np.concatenate(sums)) if keys else none


def _areas(
    zone: Ints, area: Floats, valid: NDArray[np.bool_], outside: NDArray[np.bool_], year: int
) -> list[tuple[float, float, float, float]]:
    """By zone: year, zone, predicted area, area unlike the training data."""
    found = np.unique(zone)
    within = [(zone == one) & valid for one in found]
    return [
        (float(year), float(one), float(area[held].sum()), float(area[held & outside].sum()))
        for one, held in zip(found, within, strict=True)
    ]


def packed(result: PredictedTile) -> bytes:
    """The result of a tile as bytes, without anything that could run."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"{name}:{year}": one for (name, year), one in result.cells.items()}
    arrays |= {"rounding": np.array(result.rounding), **{name: getattr(result, name) for name in ("strata", "keys", "sums", "areas")}}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpacked(content: bytes) -> PredictedTile:
    """The result of a tile again."""
    with np.load(io.BytesIO(content), allow_pickle=False) as given:
        cells = {(name.partition(":")[0], int(name.partition(":")[2])): given[name] for name in given.files if ":" in name}
        return PredictedTile(cells, float(given["rounding"]), given["strata"], given["keys"], given["sums"], given["areas"])
