"""From partial tables of tiles to the activity tables of a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.tables import ACTIVITY_PAIR, ACTIVITY_YEAR, STRATA, STRATUM_NAMES
from sinks.tabulate.tile import PAIR_SUMS, YEAR_SUMS, Plan, Sums, TileSums


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The activity tables: by year, by interval, and the strata that their ids stand for."""

    year: pd.DataFrame
    pair: pd.DataFrame
    strata: pd.DataFrame


def combine(tiles: Sequence[TileSums], plan: Plan, zones: Sequence[str]) -> Activity:
    """Activity tables from tiles in tile order; each sum is the exact sum of its parts, rounded once (`math.fsum`)."""
    year = _combined([tile.year for tile in tiles], len(plan.year_keys), len(YEAR_SUMS))
    pair = _combined([tile.pair for tile in tiles], len(plan.pair_keys), len(PAIR_SUMS))
    names = [name for name, _ in plan.strata]
    codes = _stratum_codes(plan, year, pair)
    return Activity(
        year=_year_frame(year, plan, zones, names, codes),
        pair=_pair_frame(pair, plan, zones, names, codes),
        strata=_strata_frame(names, codes),
    )


def _combined(parts: Sequence[Sums], keys: int, sums: int) -> Sums:
    if not parts:
        return Sums(np.zeros((0, keys), dtype=np.int64), np.zeros((0, sums)))
    stacked = np.concatenate([part.keys for part in parts])
    values = np.concatenate([part.sums for part in parts])
    order = np.lexsort(stacked.T[::-1])
    stacked, values = stacked[order], values[order]
    new = np.ones(len(stacked), dtype=bool)
    new[1:] = (stacked[1:] != stacked[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    stops = np.append(starts[1:], len(stacked))
    totals = values[starts].copy()
    for place in np.flatnonzero(stops - starts > 1):
        block = values[starts[place] : stops[place]]
        totals[place] = [math.fsum(column) for column in block.T.tolist()]
    return Sums(stacked[starts], totals)


def _stratum_codes(plan: Plan, year: Sums, pair: Sums) -> NDArray[np.int64]:
    """The distinct codes of the strata, sorted: the place is the id."""
    count = len(plan.strata)
    if not count:
        return np.zeros((1, 0), dtype=np.int64)
    start, end = plan.pair_keys.index("land_to") + 1, plan.pair_keys.index("land_to") + 1 + count
    columns = [year.keys[:, 3 : 3 + count], pair.keys[:, start : start + count], pair.keys[:, end : end + count]]
    return np.unique(np.concatenate(columns), axis=0)


def _ids(codes: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    if not codes.shape[1]:
        return np.zeros(len(columns), dtype=np.int64)
    _, place = np.unique(np.concatenate([codes, columns]), axis=0, return_inverse=True)
    return place.reshape(-1)[len(codes) :].astype(np.int64)


def _layer_names(plan: Plan, column: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.asarray(plan.layer_names, dtype=object)[column]


def _year_frame(sums: Sums, plan: Plan, zones: Sequence[str], names: list[str], codes: NDArray[np.int64]) -> pd.DataFrame:
    place = {name: number for number, name in enumerate(plan.year_keys)}
    keys = sums.keys
    frame = pd.DataFrame(
        {
            "zone": np.asarray(zones, dtype=object)[keys[:, place["zone"]]],
            "year": keys[:, place["year"]],
            "class": keys[:, place["class"]],
            "stratum": _ids(codes, keys[:, [place[name] for name in names]]),
            "layer": _layer_names(plan, keys[:, place["layer"]]),
            "member": keys[:, place["member"]],
            "bin": keys[:, place["bin"]],
            **{name: sums.sums[:, number] for number, name in enumerate(YEAR_SUMS)},
        }
    )
    return ACTIVITY_YEAR.sorted(ACTIVITY_YEAR.typed(frame))


def _pair_frame(sums: Sums, plan: Plan, zones: Sequence[str], names: list[str], codes: NDArray[np.int64]) -> pd.DataFrame:
    place = {name: number for number, name in enumerate(plan.pair_keys)}
    keys = sums.keys
    frame = pd.DataFrame(
        {
            "zone": np.asarray(zones, dtype=object)[keys[:, place["zone"]]],
            "year_from": keys[:, place["year_from"]],
            "year_to": keys[:, place["year_to"]],
            "land_from": keys[:, place["land_from"]],
            "land_to": keys[:, place["land_to"]],
            "stratum_from": _ids(codes, keys[:, [place[f"{name}_from"] for name in names]]),
            "stratum_to": _ids(codes, keys[:, [place[f"{name}_to"] for name in names]]),
            "bin_layer": _layer_names(plan, keys[:, place["layer"]]),
            "member": keys[:, place["member"]],
            "bin_date": np.asarray(["from", "to"], dtype=object)[keys[:, place["bin_date"]]],
            "bin": keys[:, place["bin"]],
            **{name: sums.sums[:, number] for number, name in enumerate(PAIR_SUMS)},
        }
    )
    return ACTIVITY_PAIR.sorted(ACTIVITY_PAIR.typed(frame))


def _strata_frame(names: list[str], codes: NDArray[np.int64]) -> pd.DataFrame:
    columns = {name: codes[:, number] for number, name in enumerate(names)}
    absent = {name: pd.array([pd.NA] * len(codes), dtype="Int64") for name in STRATUM_NAMES if name not in columns}
    return STRATA.typed(pd.DataFrame({"stratum": np.arange(len(codes)), **columns, **absent}))
