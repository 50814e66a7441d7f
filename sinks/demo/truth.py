"""What the scenario planned: the cells of every change and the growth, as a file that a check can read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.grids import Grid
from aoi.table import replace_file
from sinks.demo.assumptions import DATES, changes, codes_of, growth, ndvi_years
from sinks.demo.patches import NO_CHANGE
from sinks.demo.rasters import LABEL_EN, LABEL_ZH

NAME = "truth.json"
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedCells:
    """Cells that change alike.

    Parameters
    ----------
    runs : (n, 3) array
        Row, first column and number of cells of each run.
    type_from, type_to : int
        Vegetation type at both dates, 0 for none.
    """

    kind: str
    year_from: int
    year_to: int
    code_from: int
    code_to: int
    type_from: int
    type_to: int
    runs: Integers

    def cells(self) -> tuple[Integers, Integers]:
        """Rows and columns of the cells."""
        rows, starts, lengths = self.runs.T
        before = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        return np.repeat(rows, lengths), np.repeat(starts - before, lengths) + np.arange(lengths.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """All that is known about a scenario: its grid, its changes, the growth by stand and league [t ha-1 a-1]."""

    grid: Grid
    planned: tuple[PlannedCells, ...]
    growth: Mapping[str, Mapping[str, float]]
    codes: Mapping[str, tuple[int, ...]]


@dataclass(slots=True)
class Gatherer:
    """Gathers changed cells tile by tile."""

    runs: dict[tuple[int, int, int], list[Integers]] = field(default_factory=dict)

    def take(self, change: NDArray[np.int16], types: Mapping[int, NDArray[np.uint8]], row_off: int, col_off: int) -> None:
        """The changed cells of a tile: places among the planned changes, vegetation type by date."""
        for number in np.unique(change[change != NO_CHANGE]):
            one, mine = changes()[number], change == number
            pairs = types[one.year_from].astype(np.int64) * 256 + types[one.year_to]
            for pair in np.unique(pairs[mine]):
                runs = runs_of(mine & (pairs == pair)) + np.array([row_off, col_off, 0], dtype=np.int64)
                self.runs.setdefault((int(number), int(pair) // 256, int(pair) % 256), []).append(runs)


def runs_of(mask: NDArray[np.bool_]) -> Integers:
    """Row, first column and length of the runs of cells along rows, shape (n, 3)."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    return np.column_stack((rows, starts, np.nonzero(steps == -1)[1] - starts)).astype(np.int64)


def write_truth(path: Path, grid: Grid, gathered: Gatherer, seed: int) -> None:
    """The truth of a scenario as JSON, the same text for the same scenario."""
    lines = []
    for (number, type_from, type_to), parts in sorted(gathered.runs.items()):
        one, runs = changes()[number], np.concatenate(parts)
        runs = runs[np.lexsort((runs[:, 1], runs[:, 0]))]
        head = {
            "kind": one.kind, "league": one.league, "year_from": one.year_from, "year_to": one.year_to, "code_from": one.code_from,
            "code_to": one.code_to, "type_from": type_from, "type_to": type_to, "cells": int(runs[:, 2].sum()), "runs": runs.tolist(),
        }  # fmt: skip
        lines.append(json.dumps(head, ensure_ascii=False, separators=(",", ":")))
    head = {
        "label_zh": LABEL_ZH, "label_en": LABEL_EN, "seed": seed, "dates": list(DATES),
        "grid": {"crs": grid.crs, "transform": list(grid.transform), "width": grid.width, "height": grid.height},
        "codes": {stand: list(codes_of(stand)) for stand in growth()},
        "growth_t_per_ha_per_year": growth(), "ndvi_factor_by_year": {str(year): factor for year, factor in ndvi_years().items()},
    }  # fmt: skip
    text = json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "changes": [\n' + ",\n".join(lines) + "\n ]\n}\n"
    replace_file(path, text.encode("utf-8"))


def read_truth(path: Path) -> Truth:
    """The truth that stands beside a scenario."""
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    grid = raw["grid"]
    return Truth(
        grid=Grid(crs=grid["crs"], transform=tuple(grid["transform"]), width=grid["width"], height=grid["height"]),
        planned=tuple(_planned(one) for one in raw["changes"]),
        growth=raw["growth_t_per_ha_per_year"],
        codes={stand: tuple(codes) for stand, codes in raw["codes"].items()},
    )


def _planned(one: Mapping[str, Any]) -> PlannedCells:
    return PlannedCells(
        kind=one["kind"], year_from=one["year_from"], year_to=one["year_to"], code_from=one["code_from"], code_to=one["code_to"],
        type_from=one["type_from"], type_to=one["type_to"], runs=np.array(one["runs"], dtype=np.int64).reshape(-1, 3),
    )  # fmt: skip
