"""What a model makes of one tile: cells of the rasters, sums of the members, areas unlike the training data."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.config import LAND_COVER
from sinks.equations.validation import error_variance
from sinks.estimation.land import first_of_each
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
        dates = {year: self._date(block, year, at) for year in self.years}
        land = {year: self._land(block, year, covered.cells) for year in self.years}
        rows = [_Rows.of(zone, land, span, {year: dates[year].whole[back] for year in span}) for span in self._spans()]
        sums = [np.zeros((len(one.keys), len(self.model.models))) for one in rows]
        cells: dict[tuple[str, int], NDArray[Any]] = {}
        rounding = 0.0
        for member, model in enumerate(self.model.models):
            predicted = {year: self._predicted(model, one) for year, one in dates.items()}
            if member == 0:
                for year, one in dates.items():
                    cells["value", year], error = self._encoded("value", predicted[year], at, block)
                    rounding = max(rounding, error)
                    one.value = predicted[year] = self.encodings["value"].decoded(cells["value", year]).reshape(-1)[at]
            else:
                for year, one in dates.items():
                    one.add(predicted[year])
            for held, out in zip(rows, sums, strict=True):
                out[:, member] = held.summed({year: predicted[year][back] for year in held.span}, area)
        areas: list[tuple[float, float, float, float]] = []
        for year, one in dates.items():
            applicable = self._applicable(one)
            for name, values in {**self._errors(one), "applicability": np.where(one.whole, applicable, np.nan)}.items():
                cells[name, year], _ = self._encoded(name, values, at, block)
            areas += _areas(zone, area, one.whole[back] & self._spoken(land[year][:, 0], year), ~applicable[back], year)
        codes = np.concatenate(list(land.values()))
        strata = np.unique(codes[first_of_each(list(codes.T))[0], 1:], axis=0)
        keys = np.concatenate([one.keys for one in rows])
        return PredictedTile(cells, rounding, strata, keys, np.concatenate(sums), np.array(areas, dtype=np.float64).reshape(-1, 4))

    def _spans(self) -> list[tuple[int, int]]:
        """Dates alone and intervals; a date alone is an interval of no length."""
        return [*((year, year) for year in self.years), *self.intervals]

    def _date(self, block: Block, year: int, at: Ints) -> "_Date":
        """The predictors of the cells at a date."""
        columns = []
        for name in self.predictors:
            files = files_of(block.stored, name, year)
            columns.append(np.asarray(sum(block.arrays[key].reshape(-1)[at] for key in files) / len(files)))
        predictors = np.stack(columns, axis=1)
        whole: NDArray[np.bool_] = np.asarray(np.isfinite(predictors).all(axis=1))
        return _Date(predictors[whole], whole)

    def _predicted(self, model: Any, date: "_Date") -> Floats:
        """The prediction of one model, NaN where a predictor is missing."""
        out = np.full(len(date.whole), np.nan)
        if len(date.predictors):
            step = self.encodings["value"].scale * STEPS_OF_MEMBERS
            out[date.whole] = np.rint(self.model.recipe.predicted(model, date.predictors) / step) * step
        return out

    def _applicable(self, date: "_Date") -> NDArray[np.bool_]:
        """Whether cells are like the training data; those without a prediction are not asked."""
        out = np.ones(len(date.whole), dtype=bool)
        if len(date.predictors):
            out[date.whole] = self.model.applicable(date.predictors)
        return out

    def _errors(self, date: "_Date") -> dict[str, Floats]:
        """Standard error beside that of the members, and half the width of the interval."""
        expected = error_variance(self.model.error, date.value)
        most = self.model.recipe.high - self.model.recipe.low
        reach = np.minimum(self.model.quantile * np.sqrt(expected), most)
        return {
            "se": np.minimum(np.sqrt(np.maximum(expected - date.spread(len(self.model.models) - 1), 0.0)), most),
            "half_width": reach if np.isfinite(self.model.quantile) else np.full(len(date.whole), np.nan),
        }

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


class _Date:
    """The cells of a date: predictors where all are known, the prediction, and how the members spread about it."""

    def __init__(self, predictors: Floats, whole: NDArray[np.bool_]) -> None:
        self.predictors, self.whole = predictors, whole
        self.value = np.full(len(whole), np.nan)
        self._sum = np.zeros(len(whole))
        self._squares = np.zeros(len(whole))

    def add(self, member: Floats) -> None:
        """Add a member."""
        away = member - self.value
        self._sum += away
        self._squares += away * away

    def spread(self, members: int) -> Floats:
        """Variance among the members."""
        return np.maximum(self._squares - self._sum**2 / members, 0.0) / (members - 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Rows of the members of one date or interval, and the cells of each: zone, classes and strata at both dates."""

    span: tuple[int, int]
    keys: Ints
    place: Ints
    valid: NDArray[np.bool_]

    @classmethod
    def of(cls, zone: Ints, land: Mapping[int, Ints], span: tuple[int, int], whole: Mapping[int, NDArray[np.bool_]]) -> "_Rows":
        """The rows of the cells that have a prediction at both dates; those of an interval once for each date of the value."""
        first, last = span
        valid = whole[first] & whole[last]
        columns = np.concatenate([zone[valid, None], land[first][valid], land[last][valid]], axis=1)
        one, place = first_of_each(list(columns.T))
        groups = columns[one]
        dates = range(1 if first == last else 2)
        keys = [np.concatenate([np.tile([first, last, date], (len(groups), 1)), groups], axis=1) for date in dates]
        return cls(span=span, keys=np.concatenate(keys).astype(np.int64), place=place, valid=valid)

    def summed(self, predicted: Mapping[int, Floats], area: Floats) -> Floats:
        """Area times value, one sum for each row."""
        first, last = self.span
        dates = (first,) if first == last else (first, last)
        weight, number = area[self.valid], len(self.keys) // len(dates)
        return np.concatenate([np.bincount(self.place, predicted[year][self.valid] * weight, number) for year in dates])


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
