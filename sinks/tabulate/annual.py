"""The pass over annual layers: one year at a time, plain numpy, the same canonical tiles and exact sums as the main pass.

A year is told by the land of its zone: class and strata at a date of the run, or, for
land that stays, at both dates of an interval. No carbon equation stands here: what a
cell counts for is a callable that the plan brings along.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import InputError, finding
from sinks.config import ANNUAL_LAYERS, LAND_COVER
from sinks.layers.layer import MISSING_CLASS
from sinks.layers.windows import Block, Key, Strange, files_of
from sinks.tables import ACTIVITY_ANNUAL, ACTIVITY_FIRE
from sinks.tabulate.activity import GatheredSums, Records
from sinks.tabulate.pieces import every_piece
from sinks.tabulate.tile import Floats, Ints, Sums, TileSums, as_met, bin_of, cell_places, code_of, of_code

ANNUAL_SUMS = ("area_ha", "missing_ha", "sum", "sum_sq")
FIRE_SUMS = ("area_ha", "burned_ha", "missing_ha", "sum", "sum_sq")

Cells = Mapping[Key, Floats]
"""(layer, year or None, member) -> values of the cells of the zones (n,), NaN missing."""
Measure = Callable[[Cells], Floats]
"""What a cell counts for: a value (n,), NaN missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staying:
    """Land that has one of some codes at both dates of an interval."""

    year_from: int
    year_to: int
    codes_from: tuple[int, ...]
    codes_to: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuel:
    """A layer of the run that says how much there is to burn, its bin edges; ``per_member``: its files are kept apart."""

    name: str
    edges: tuple[float, ...]
    per_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire:
    """How the fires of a year are summed: the date of land and fuel before them, and the layers of fuel."""

    land_year: int
    fuels: tuple[Fuel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnualPlan:
    """What the pass of one year sums.

    Parameters
    ----------
    land_year : int
        The date whose land cover and strata the year is told by.
    measures : tuple of (name, measure)
        What is summed by the land of that date.
    staying : tuple of Staying
        Intervals; what is named in ``of_staying`` is summed by land that stays, too.
    burned : measure, optional
        The burned share of each cell.
    """

    year: int
    land_year: int
    strata: tuple[tuple[str, str], ...]
    measures: tuple[tuple[str, Measure], ...]
    staying: tuple[Staying, ...] = ()
    of_staying: tuple[str, ...] = ()
    burned: Measure | None = None
    fire: Fire | None = None

    @property
    def annual_keys(self) -> tuple[str, ...]:
        """Names of the key columns of the yearly sums, before the measure."""
        return ("zone", "year", "year_from", "year_to", "land_from", "land_to", *(name for name, _ in self.strata))

    @property
    def fire_keys(self) -> tuple[str, ...]:
        """Names of the key columns of the sums of fires, before layer, file and bin."""
        return ("zone", "year", "land_year", "class", *(name for name, _ in self.strata))


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of all files of a year; missing where one of them is."""

    layer: str

    def __call__(self, cells: Cells) -> Floats:
        members = members_of(cells, self.layer)
        return np.asarray(sum(members[1:], start=members[0]) / len(members))


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of all files of a year; missing where one of them is."""

    layer: str

    def __call__(self, cells: Cells) -> Floats:
        members = members_of(cells, self.layer)
        return np.asarray(sum(members[1:], start=members[0]))


@dataclass(frozen=True, slots=True)
class Burned:
    """The burned share of a cell in a year, by the encoding of its files.

    Days of burn (``mcd64a1``): a cell burns once a year however many months say so; it is
    missing where no month says that it burned and one says nothing (-1). Water (-2) does
    not burn.
    """

    layer: str
    encoding: str
    whole: bool

    def __call__(self, cells: Cells) -> Floats:
        members = members_of(cells, self.layer)
        if self.encoding == "mcd64a1":
            self._check(members, _is_day)
            burned = np.logical_or.reduce([member > 0 for member in members])
            unknown = np.logical_or.reduce([np.isnan(member) | (member == MISSING_CLASS) for member in members])
            return np.where(burned, 1.0, np.where(unknown, np.nan, 0.0))
        if self.encoding == "binary" and self.whole:
            self._check(members, _is_flag)
        return np.asarray(members[0])

    def _check(self, members: Sequence[Floats], known: Callable[[Floats], NDArray[np.bool_]]) -> None:
        """Values that the encoding does not know; those out of its range are found when they are read."""
        for member in members:
            strange = ~np.isnan(member) & ~known(member)
            if strange.any():
                raise InputError(finding("E-FIRE-03", f"layers.{self.layer}", value=f"{member[strange][0]:g}", encoding=self.encoding))


def _is_day(values: Floats) -> NDArray[np.bool_]:
    return np.asarray(values == np.floor(values))


def _is_flag(values: Floats) -> NDArray[np.bool_]:
    return np.asarray((values == 0.0) | (values == 1.0))


def members_of(cells: Cells, layer: str) -> list[Floats]:
    """The files of a layer in their order."""
    return [cells[key] for key in sorted((key for key in cells if key[0] == layer), key=lambda key: key[2])]


@dataclass(frozen=True, slots=True)
class AnnualWork:
    """The sums of a tile by a plan; picklable for workers of a cluster."""

    plan: AnnualPlan

    def __call__(self, block: Block) -> TileSums:
        return annual_sums(block, self.plan)


class _Values(Mapping[Key, Floats]):
    """The values of the annual layers on the cells of the zones, read when they are asked for and not kept."""

    def __init__(self, land: "_Land") -> None:
        self._land = land
        self._keys = [key for key in land.block.stored if key[0] in ANNUAL_LAYERS]

    def __getitem__(self, key: Key) -> Floats:
        return self._land.of(key)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class _Land:
    """The cells of the zones of a tile, or the pieces of them where land comes from survey polygons: weights, codes, values."""

    def __init__(self, block: Block, plan: AnnualPlan) -> None:
        self.block, self.plan = block, plan
        self.places = cell_places(block) if block.polygons is None else every_piece(block, block.polygons)
        self.at, self.zone, self.area = self.places.at, self.places.zone, self.places.area
        self.values = _Values(self)

    def of(self, key: Key) -> NDArray[Any]:
        """The cells of a file, made anew at each call: a year of months has many files.

        Raises
        ------
        Strange
            A value that cannot be.
        """
        block, stored = self.block, self.block.stored[key]
        if block.polygons is not None and key in block.polygons.places:
            return self.places.column(key)
        rows, columns = slice(block.row, block.row + block.tile.height), slice(block.col, block.col + block.tile.width)
        cells = np.asarray(stored.decoded(rows, columns).reshape(-1))
        low, high = stored.limits
        if stored.kind == "values" and not stored.declared and bool(((cells < low) | (cells > high)).any()):
            raise Strange
        return np.asarray(cells[self.at])

    def codes(self, layer: str, year: int) -> Ints:
        """Class codes of a layer at a date."""
        return self.of(files_of(self.block.stored, layer, year)[0]).astype(np.int64)

    def strata(self, year: int) -> list[Ints]:
        """Codes of the strata at a date."""
        return [self.codes(layer, year) for _, layer in self.plan.strata]


def annual_sums(block: Block, plan: AnnualPlan) -> TileSums:
    """The partial tables of a tile: yearly sums, and those of fires."""
    land = _Land(block, plan)
    measured = {name: measure(land.values) for name, measure in plan.measures}
    groups, parts = _Parts(len(plan.annual_keys)), []
    place, keys = distinct([land.zone, land.codes(LAND_COVER, plan.land_year), *land.strata(plan.land_year)])
    first = groups.add(_keyed(keys, plan.year, plan.land_year))
    for number, values in enumerate(measured.values()):
        parts.append(_summed(first, place, number, land.area, values, len(keys)))
    for staying in plan.staying:
        before, after = (land.codes(LAND_COVER, year) for year in (staying.year_from, staying.year_to))
        inside = np.flatnonzero(np.isin(before, staying.codes_from) & np.isin(after, staying.codes_to))
        columns = [land.zone, before, after, *land.strata(staying.year_from)]
        place, keys = distinct([column[inside] for column in columns])
        first = groups.add(_keyed_interval(keys, plan.year, staying))
        for number, (name, values) in enumerate(measured.items()):
            if name in plan.of_staying:
                parts.append(_summed(first, place, number, land.area[inside], values[inside], len(keys)))
    return TileSums(_sums(groups, parts, len(ANNUAL_SUMS)), _fire_sums(land, plan), _nothing())


def _keyed(keys: Ints, year: int, land_year: int) -> Ints:
    """zone, class, strata -> the keys of a date: it stands twice, as both ends."""
    fixed = [np.full(len(keys), one) for one in (year, land_year, land_year)]
    return np.stack([keys[:, 0], *fixed, keys[:, 1], *keys[:, 1:].T], axis=1).astype(np.int64)


def _keyed_interval(keys: Ints, year: int, staying: Staying) -> Ints:
    """zone, both classes, strata -> the keys of an interval."""
    fixed = [np.full(len(keys), one) for one in (year, staying.year_from, staying.year_to)]
    return np.stack([keys[:, 0], *fixed, *keys[:, 1:].T], axis=1).astype(np.int64)


class _Parts:
    """Keys of groups, one kind under the other."""

    def __init__(self, columns: int) -> None:
        self.keys: list[Ints] = [np.zeros((0, columns), dtype=np.int64)]

    def add(self, keys: Ints) -> int:
        """More groups; returns the number of the first."""
        first = sum(map(len, self.keys))
        self.keys.append(keys)
        return first


_Part = tuple[Ints, Ints, Floats]
"""Group, code and sums of some records."""


def _summed(first: int, place: Ints, measure: int, area: Floats, values: Floats, count: int) -> _Part:
    valid = ~np.isnan(values)
    weighted = np.where(valid, area * values, 0.0)
    terms = [np.where(valid, area, 0.0), np.where(valid, 0.0, area), weighted, np.where(valid, weighted * values, 0.0)]
    sums = np.stack([np.bincount(place, weights=term, minlength=count) for term in terms], axis=1).astype(np.float64)
    return first + np.arange(count), np.full(count, code_of(measure, 0, 0)), sums


def _fire_sums(land: _Land, plan: AnnualPlan) -> Sums:
    """Burned area and burned area times fuel, by zone, class and strata before the fire, and bins of the fuel."""
    if plan.burned is None or plan.fire is None:
        return _nothing()
    share, fire = plan.burned(land.values), plan.fire
    place, keys = distinct([land.zone, land.codes(LAND_COVER, fire.land_year), *land.strata(fire.land_year)])
    groups = _Parts(len(plan.fire_keys))
    fixed = [np.full(len(keys), one) for one in (plan.year, fire.land_year)]
    groups.add(np.stack([keys[:, 0], *fixed, *keys[:, 1:].T], axis=1).astype(np.int64))
    seen = ~np.isnan(share)
    burned = np.where(seen, land.area * np.nan_to_num(share), 0.0)
    terms = [np.where(seen, land.area, 0.0), burned, np.where(seen, 0.0, land.area)]
    sums = np.zeros((len(keys), len(FIRE_SUMS)))
    for number, term in enumerate(terms):
        sums[:, number] = np.bincount(place, weights=term, minlength=len(keys))
    parts = [(np.arange(len(keys)), np.full(len(keys), code_of(0, 0, 0)), sums)]
    hot = np.flatnonzero(burned > 0)
    for number, fuel in enumerate(fire.fuels, start=1):
        parts += _fuel_parts(land, fire, fuel, number, (hot, place[hot], burned[hot]))
    return _sums(groups, parts, len(FIRE_SUMS))


def _fuel_parts(land: _Land, fire: Fire, fuel: Fuel, number: int, hot: tuple[Ints, Ints, Floats]) -> list[_Part]:
    """Records of one layer of fuel on what burned, file by file or of their mean; a hole in one file is one in all."""
    cells, group, burned = hot
    files = [land.of(key)[cells] for key in files_of(land.block.stored, fuel.name, fire.land_year)]
    mean = np.asarray(sum(files[1:], start=files[0]) / len(files))
    columns = [np.where(np.isnan(mean), np.nan, one) for one in files] if fuel.per_member else [mean]
    out = []
    for member, values in enumerate(columns):
        bins = bin_of(values, fuel.edges)
        record, keys = distinct([group, bins])
        known = ~np.isnan(values)
        mass = np.where(known, burned * np.nan_to_num(values), 0.0)
        terms = [np.where(known, burned, 0.0), np.where(known, 0.0, burned), mass, mass * np.nan_to_num(values)]
        sums = np.zeros((len(keys), len(FIRE_SUMS)))
        for place, term in enumerate(terms, start=1):
            sums[:, place] = np.bincount(record, weights=term, minlength=len(keys))
        out.append((keys[:, 0], code_of(number, member, 0) + keys[:, 1], sums))
    return out


def _sums(groups: _Parts, parts: Sequence[_Part], wide: int) -> Sums:
    group, code = (np.concatenate([part[place] for part in parts]) if parts else np.zeros(0) for place in range(2))
    sums = np.concatenate([part[2] for part in parts]) if parts else np.zeros((0, wide))
    return Sums(np.concatenate(groups.keys), group.astype(np.int32), code.astype(np.int64), sums)


def _nothing() -> Sums:
    return Sums(np.zeros((0, 1), dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros((0, 1)))


_DENSE = 1 << 22
"""Distinct keys of so many possible ones are counted in a table; more are sorted."""


def distinct(columns: list[Ints]) -> tuple[Ints, Ints]:
    """The place of each row among the distinct ones, and those, (n, columns), in ascending order of a packed key.

    >>> distinct([np.array([2, 1, 2]), np.array([5, 5, 5])])[1].tolist()
    [[1, 5], [2, 5]]
    """
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64), np.zeros((0, len(columns)), dtype=np.int64)
    lows = [int(column.min()) for column in columns]
    spans = [int(column.max()) - low + 1 for column, low in zip(columns, lows, strict=True)]
    size = int(np.prod([float(span) for span in spans]))
    if size > _DENSE:
        place, first = as_met(columns)
        return place, np.stack([column[first] for column in columns], axis=1)
    packed = np.zeros(len(columns[0]), dtype=np.int64)
    for column, low, span in zip(columns, lows, spans, strict=True):
        packed = packed * span + (column - low)
    met = np.zeros(size, dtype=bool)
    met[packed] = True
    rank = np.cumsum(met) - 1
    rest, keys = np.flatnonzero(met), []
    for low, span in zip(reversed(lows), reversed(spans), strict=True):
        rest, part = np.divmod(rest, span)
        keys.append(part + low)
    return rank[packed].astype(np.int64), np.stack(keys[::-1], axis=1).astype(np.int64)


def combine_annual(tiles: Iterable[TileSums], plan: AnnualPlan, zones: Sequence[str], strata: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The yearly sums and those of fires of one year, from its tiles; each sum is exact and rounded once.

    Parameters
    ----------
    strata : DataFrame
        `sinks.tables.STRATA` of the run: the ids that codes stand for.
    """
    annual, fire = GatheredSums(len(ANNUAL_SUMS)), GatheredSums(len(FIRE_SUMS))
    for tile in tiles:
        annual.add(tile.year)
        if len(tile.pair.group):
            fire.add(tile.pair)
    return _annual_frame(annual.records(), plan, zones, strata), _fire_frame(fire.records(), plan, zones, strata)


def _annual_frame(sums: Records, plan: AnnualPlan, zones: Sequence[str], strata: pd.DataFrame) -> pd.DataFrame:
    keys = dict(zip(plan.annual_keys, sums.keys.reshape(-1, len(plan.annual_keys)).T, strict=True))
    measure, _, _, _ = of_code(sums.code)
    names = np.asarray([name for name, _ in plan.measures], dtype=object)
    frame = pd.DataFrame(
        {
            **{name: keys[name] for name in ("year", "year_from", "year_to", "land_from", "land_to")},
            "zone": np.asarray(zones, dtype=object)[keys["zone"]], "stratum": _stratum_ids(keys, plan, strata), "layer": names[measure],
            **{name: sums.sums[:, number] for number, name in enumerate(ANNUAL_SUMS)},
        }
    )  # fmt: skip
    return ACTIVITY_ANNUAL.sorted(ACTIVITY_ANNUAL.typed(frame))


def _fire_frame(sums: Records, plan: AnnualPlan, zones: Sequence[str], strata: pd.DataFrame) -> pd.DataFrame:
    keys = dict(zip(plan.fire_keys, sums.keys.reshape(-1, len(plan.fire_keys)).T, strict=True))
    layer, member, _, bin = of_code(sums.code)
    names = np.asarray([LAND_COVER, *(fuel.name for fuel in (plan.fire.fuels if plan.fire else ()))], dtype=object)
    frame = pd.DataFrame(
        {
            **{name: keys[name] for name in ("year", "land_year", "class")},
            "zone": np.asarray(zones, dtype=object)[keys["zone"]], "stratum": _stratum_ids(keys, plan, strata), "layer": names[layer],
            "member": member, "bin": bin, **{name: sums.sums[:, number] for number, name in enumerate(FIRE_SUMS)},
        }
    )  # fmt: skip
    return ACTIVITY_FIRE.sorted(ACTIVITY_FIRE.typed(frame))


def _stratum_ids(keys: Mapping[str, Ints], plan: AnnualPlan, strata: pd.DataFrame) -> Ints:
    """The id of each row's codes of strata: the first that has them, where the run has strata besides that are made of other layers."""
    names = [name for name, _ in plan.strata]
    if not names:
        return np.zeros(len(keys["zone"]), dtype=np.int64)
    strata = strata.drop_duplicates(names)
    known = pd.MultiIndex.from_arrays([strata[name].to_numpy(dtype=np.int64) for name in names])
    place = known.get_indexer(pd.MultiIndex.from_arrays([keys[name] for name in names]))
    return strata["stratum"].to_numpy(dtype=np.int64)[place]
