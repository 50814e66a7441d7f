"""From partial tables of tiles to the activity tables of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.tables import ACTIVITY_LATTICE, ACTIVITY_PAIR, ACTIVITY_YEAR, STRATA, STRATUM_NAMES
from sinks.tabulate.exact import ExactSums
from sinks.tabulate.tile import LATTICE_SUMS, PAIR_SUMS, YEAR_SUMS, Plan, Sums, TileSums, of_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The activity tables: by year, by interval, the strata that their ids stand for, and map errors over the lattice."""

    year: pd.DataFrame
    pair: pd.DataFrame
    strata: pd.DataFrame
    lattice: pd.DataFrame


def combine(tiles: Iterable[TileSums], plan: Plan, zones: Sequence[str]) -> Activity:
    """Activity tables from tiles; each sum is the exact sum of its parts, rounded once, so that no order matters.

    Tiles are taken one by one: what is held grows with the tables, not with the tiles.
    """
    gathered = GatheredSums(len(YEAR_SUMS)), GatheredSums(len(PAIR_SUMS)), GatheredSums(len(LATTICE_SUMS))
    for tile in tiles:
        for table, part in zip(gathered, (tile.year, tile.pair, tile.lattice), strict=True):
            table.add(part)
    year, pair, lattice = (table.records() for table in gathered)
    names = [name for name, _ in plan.strata]
    codes = _stratum_codes(plan, year, pair)
    return Activity(
        year=_year_frame(year, plan, zones, names, codes),
        pair=_pair_frame(pair, plan, zones, names, codes),
        strata=_strata_frame(names, codes),
        lattice=_lattice_frame(lattice, plan, zones),
    )


@dataclass(frozen=True, slots=True)
class Records:
    """Group keys (n, k), codes (n,) and sums (n, m) of all records of a table, in no order."""

    keys: NDArray[np.int64]
    code: NDArray[np.int64]
    sums: NDArray[np.float64]


class GatheredSums:
    """Records of all tiles, added up by group and code."""

    def __init__(self, wide: int) -> None:
        self._wide = wide
        self._groups: dict[bytes, int] = {}
        self._keys: list[NDArray[np.int64]] = []
        self._places: dict[int, int] = {}
        self._sums = ExactSums(wide)

    def add(self, part: Sums) -> None:
        """Add the records of a tile."""
        rows = np.ascontiguousarray(part.groups, dtype=np.int64)
        known = np.empty(len(rows), dtype=np.int64)
        for number, row in enumerate(rows):
            name = row.tobytes()
            found = self._groups.get(name)
            if found is None:
                found = self._groups[name] = len(self._keys)
                self._keys.append(row)
            known[number] = found
        names = known[part.group] << _CODE_BITS | part.code
        places = np.fromiter((self._places.setdefault(name, len(self._places)) for name in names.tolist()), dtype=np.int64, count=len(names))
        self._sums.add(places, np.ascontiguousarray(part.sums))

    def records(self) -> Records:
        """What has been added up."""
        names = np.fromiter(self._places, dtype=np.int64, count=len(self._places))
        keys = np.stack(self._keys) if self._keys else np.zeros((0, 0), dtype=np.int64)
        return Records(keys[names >> _CODE_BITS] if len(names) else keys, names & ((1 << _CODE_BITS) - 1), self._sums.totals(len(names)))


_CODE_BITS = 40
"""Codes are below this power of two; above it stands the group."""


def _stratum_codes(plan: Plan, year: Records, pair: Records) -> NDArray[np.int64]:
    """The distinct codes of the strata, sorted: the place is the id."""
    count = len(plan.strata)
    if not count:
        return np.zeros((1, 0), dtype=np.int64)
    start, end = plan.pair_keys.index("land_to") + 1, plan.pair_keys.index("land_to") + 1 + count
    columns = [year.keys[:, 3 : 3 + count]]
    if len(pair.keys):
        columns += [pair.keys[:, start : start + count], pair.keys[:, end : end + count]]
    return np.unique(np.concatenate(columns), axis=0)


def _ids(codes: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    if not codes.shape[1]:
        return np.zeros(len(columns), dtype=np.int64)
    _, place = np.unique(np.concatenate([codes, columns]), axis=0, return_inverse=True)
    return place.reshape(-1)[len(codes) :].astype(np.int64)


def _layer_names(plan: Plan, column: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.asarray(plan.layer_names, dtype=object)[column]


def _year_frame(sums: Records, plan: Plan, zones: Sequence[str], names: list[str], codes: NDArray[np.int64]) -> pd.DataFrame:
    place = {name: number for number, name in enumerate(plan.year_keys)}
    keys = _with_columns(sums, len(plan.year_keys) - 3)
    layer, member, _, bin = of_code(sums.code)
    frame = pd.DataFrame(
        {
            "zone": np.asarray(zones, dtype=object)[keys[:, place["zone"]]],
            "year": keys[:, place["year"]],
            "class": keys[:, place["class"]],
            "stratum": _ids(codes, keys[:, [place[name] for name in names]]),
            "layer": _layer_names(plan, layer),
            "member": member,
            "bin": bin,
            **{name: sums.sums[:, number] for number, name in enumerate(YEAR_SUMS)},
        }
    )
    return ACTIVITY_YEAR.sorted(ACTIVITY_YEAR.typed(frame))


def _pair_frame(sums: Records, plan: Plan, zones: Sequence[str], names: list[str], codes: NDArray[np.int64]) -> pd.DataFrame:
    place = {name: number for number, name in enumerate(plan.pair_keys)}
    keys = _with_columns(sums, len(plan.pair_keys) - 4)
    layer, member, date, bin = of_code(sums.code)
    frame = pd.DataFrame(
        {
            "zone": np.asarray(zones, dtype=object)[keys[:, place["zone"]]],
            "year_from": keys[:, place["year_from"]],
            "year_to": keys[:, place["year_to"]],
            "land_from": keys[:, place["land_from"]],
            "land_to": keys[:, place["land_to"]],
            "stratum_from": _ids(codes, keys[:, [place[f"{name}_from"] for name in names]]),
            "stratum_to": _ids(codes, keys[:, [place[f"{name}_to"] for name in names]]),
            "bin_layer": _layer_names(plan, layer),
            "member": member,
            "bin_date": np.asarray(["from", "to"], dtype=object)[date],
            "bin": bin,
            **{name: sums.sums[:, number] for number, name in enumerate(PAIR_SUMS)},
        }
    )
    return ACTIVITY_PAIR.sorted(ACTIVITY_PAIR.typed(frame))


def _with_columns(sums: Records, columns: int) -> NDArray[np.int64]:
    """The keys of records, with their columns also where there are none."""
    return sums.keys.reshape(-1, columns) if len(sums.keys) else np.zeros((0, columns), dtype=np.int64)


def _lattice_frame(sums: Records, plan: Plan, zones: Sequence[str]) -> pd.DataFrame:
    keys = dict(zip(plan.lattice_keys, _with_columns(sums, len(plan.lattice_keys)).T, strict=True))
    frame = pd.DataFrame(
        {
            **keys, "layer": _layer_names(plan, keys["layer"]), "zone": np.asarray(zones, dtype=object)[keys["zone"]],
            **{name: sums.sums[:, number] for number, name in enumerate(LATTICE_SUMS)},
        }
    )  # fmt: skip
    return ACTIVITY_LATTICE.sorted(ACTIVITY_LATTICE.typed(frame))


def _strata_frame(names: list[str], codes: NDArray[np.int64]) -> pd.DataFrame:
    columns = {name: codes[:, number] for number, name in enumerate(names)}
    absent = {name: pd.array([pd.NA] * len(codes), dtype="Int64") for name in STRATUM_NAMES if name not in columns}
    return STRATA.typed(pd.DataFrame({"stratum": np.arange(len(codes)), **columns, **absent}))
