"""Sums over the cells of one tile: what the pass sums, and the plain numpy form of the kernel.

Every cell of a zone has a weight: the area of the cell that lies inside the
zone. Sums run in float64. Cells are added one after the other in row order, zone
after zone, into joint bins of both dates of an interval; joint bins are added, in
the order in which they were met, into the records of the tables. The compiled
kernel does the same and gives the same bits. No carbon equation stands here: the
pass only accumulates (ACCOUNTING 1).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.config import LAND_COVER
from sinks.layers.layer import MISSING_CLASS
from sinks.layers.windows import Block, Key, files_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MISSING_BIN = -1
FROM, TO = 0, 1

YEAR_SUMS = ("area_ha", "missing_ha", "sum", "sum_sq", "sum_se", "sum_se_sq")
PAIR_SUMS = (
    "area_ha", "missing_ha", "sum_from", "sum_to", "sum_from_sq", "sum_to_sq", "sum_cross",
    "sum_se_from", "sum_se_to", "sum_se_from_sq", "sum_se_to_sq", "sum_se_cross",
)  # fmt: skip
LATTICE_SUMS = ("area_ha", "missing_ha", "sum_se_from", "sum_se_to", "sum_se_from_sq", "sum_se_to_sq", "sum_se_cross")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLayer:
    """A layer that is summed: its bin edges in its own unit, and its standard-error layer.

    ``members`` is the number of files of each date that are kept apart (an
    equation runs per file); other layers are averaged over their files first.
    """

    name: str
    edges: tuple[float, ...]
    se: str | None
    per_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the pass sums: dates, intervals between them, strata and value layers.

    ``lattice`` is the size of a cell of the lattice of map errors, in cells down and
    across; None where no layer has a standard error.
    """

    years: tuple[int, ...]
    strata: tuple[tuple[str, str], ...]
    values: tuple[ValueLayer, ...]
    intervals: tuple[tuple[int, int], ...]
    lattice: tuple[int, int] | None = None

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names by the number under which a layer stands in the keys; 0 is land cover."""
        return (LAND_COVER, *(layer.name for layer in self.values))

    @property
    def year_keys(self) -> tuple[str, ...]:
        """Names of the key columns of the yearly sums."""
        return ("zone", "year", "class", *(name for name, _ in self.strata), "layer", "member", "bin")

    @property
    def pair_keys(self) -> tuple[str, ...]:
        """Names of the key columns of the sums over intervals."""
        strata = [name for name, _ in self.strata]
        return (
            "zone", "year_from", "year_to", "land_from", "land_to",
            *(f"{name}_from" for name in strata), *(f"{name}_to" for name in strata),
            "layer", "member", "bin_date", "bin",
        )  # fmt: skip

    @property
    def lattice_keys(self) -> tuple[str, ...]:
        """Names of the key columns of the sums over the lattice; a date alone has the same year and class twice."""
        return ("layer", "zone", "year_from", "year_to", "land_from", "land_to", "lattice_row", "lattice_col")


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of records: the group of each (a row of ``groups``), a code (layer, file and bin), and the sums (n, m) float64."""

    groups: Ints
    group: NDArray[np.int32]
    code: Ints
    sums: Floats


@dataclass(frozen=True, slots=True)
class TileSums:
    """The partial tables of one tile."""

    year: Sums
    pair: Sums
    lattice: Sums


_BINS, _MEMBERS = 1 << 20, 1 << 12


def code_of(layer: int, member: int, bin: int, date: int = FROM) -> int:
    """One number for layer, file, date of the bin, and bin; ascending in this order."""
    return ((layer * _MEMBERS + member) * 2 + date) * _BINS + bin + 1


AREA_CODE = 1
"""The code of area alone: land cover, in its one bin."""


def of_code(code: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Layer, file, date of the bin, and bin of a code."""
    rest, bin = np.divmod(code, _BINS)
    rest, date = np.divmod(rest, 2)
    layer, member = np.divmod(rest, _MEMBERS)
    return layer, member, date, bin - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A number of each cell: the mean of some files; ``edges`` is None where it is not binned."""

    files: tuple[Key, ...]
    edges: tuple[float, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A value at two dates (or one) whose joint bins are summed; numbers are places among the variables.

    ``holes`` are variables whose missing cells the first, or second, takes over: a
    file of several is missing where any of them is.
    """

    first: int
    second: int | None
    se: tuple[int, int] | None
    holes: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Which table an item's sums go to: a date or an interval (its place in the plan), the side whose bin counts, and the code of bin 0 less one."""

    table: int
    item: int
    side: int
    code: int
    bins: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The plan of a pass spelled out for the files that it has.

    Parameters
    ----------
    classes : tuple of keys
        The files whose codes tell cells apart.
    year_columns, pair_columns : tuples of int
        For each date, and interval, the columns of a kind (0 is the zone, then
        ``classes``) that make its groups.
    entries : tuple of (layer, years, class columns, variables of both dates, variables of both errors)
        What is summed over the lattice.
    """

    classes: tuple[Key, ...]
    variables: tuple[Variable, ...]
    items: tuple[Item, ...]
    year_columns: tuple[tuple[int, ...], ...]
    pair_columns: tuple[tuple[int, ...], ...]
    year_records: tuple[Record, ...]
    pair_records: tuple[Record, ...]
    entries: tuple[tuple[int, tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]], ...]

    @property
    def has_se(self) -> bool:
        """Does any value have a standard error?"""
        return any(item.se for item in self.items)


class _Builder:
    """Gathers the parts of a layout; what is the same stands once."""

    def __init__(self, plan: Plan, files: tuple[Key, ...]) -> None:
        self.plan = plan
        self.files = files
        self.classes: list[Key] = []
        self.variables: list[Variable] = []
        self.items: list[Item] = []
        self.year_records: list[Record] = []
        self.pair_records: list[Record] = []

    def build(self) -> Layout:
        years = tuple((0, self._class(LAND_COVER, year), *self._strata(year)) for year in self.plan.years)
        pairs = tuple(
            (0, self._class(LAND_COVER, first), self._class(LAND_COVER, last), *self._strata(first), *self._strata(last))
            for first, last in self.plan.intervals
        )
        for number, layer in enumerate(self.plan.values, start=1):
            if not self.plan.intervals:
                self._dates(number, layer)
            for place in range(len(self.plan.intervals)):
                (self._files if self._several(layer, place) else self._means)(number, layer, place)
        return Layout(
            classes=tuple(self.classes), variables=tuple(self.variables), items=tuple(self.items), year_columns=years, pair_columns=pairs,
            year_records=tuple(self.year_records), pair_records=tuple(self.pair_records), entries=tuple(self._entries()),
        )  # fmt: skip

    def _several(self, layer: ValueLayer, place: int) -> bool:
        """Are the files of a date of this interval binned one by one?"""
        return layer.per_member and any(len(files_of(self.files, layer.name, year)) > 1 for year in self.plan.intervals[place])

    def _class(self, layer: str, year: int) -> int:
        key = files_of(self.files, layer, year)[0]
        if key not in self.classes:
            self.classes.append(key)
        return 1 + self.classes.index(key)

    def _strata(self, year: int) -> tuple[int, ...]:
        return tuple(self._class(layer, year) for _, layer in self.plan.strata)

    def _variable(self, files: list[Key], edges: tuple[float, ...] | None) -> int:
        wanted = Variable(files=tuple(files), edges=edges)
        if wanted not in self.variables:
            self.variables.append(wanted)
        return self.variables.index(wanted)

    def _mean(self, layer: ValueLayer, year: int, binned: bool = True) -> int:
        return self._variable(files_of(self.files, layer.name, year), layer.edges if binned else None)

    def _errors(self, layer: ValueLayer, first: int, last: int) -> tuple[int, int] | None:
        if layer.se is None:
            return None
        return self._variable(files_of(self.files, layer.se, first), None), self._variable(files_of(self.files, layer.se, last), None)

    def _item(self, first: int, second: int | None, se: tuple[int, int] | None, holes: tuple[int | None, int | None] = (None, None)) -> int:
        self.items.append(Item(first=first, second=second, se=se, holes=holes))
        return len(self.items) - 1

    def _year_record(self, year: int, item: int, side: int, layer: int, member: int, edges: tuple[float, ...]) -> None:
        code = code_of(layer, member, MISSING_BIN)
        self.year_records.append(Record(table=self.plan.years.index(year), item=item, side=side, code=code, bins=len(edges) + 2))

    def _pair_record(self, place: int, item: int, side: int, layer: int, member: int, edges: tuple[float, ...]) -> None:
        code = code_of(layer, member, MISSING_BIN, side)
        self.pair_records.append(Record(table=place, item=item, side=side, code=code, bins=len(edges) + 2))

    def _dates(self, number: int, layer: ValueLayer) -> None:
        """A layer without intervals: each date by itself."""
        for year in self.plan.years:
            keys = files_of(self.files, layer.name, year)
            mean = self._mean(layer, year, binned=not layer.per_member)
            for member in range(len(keys) if layer.per_member else 1):
                variable = self._variable([keys[member]], layer.edges) if layer.per_member else mean
                item = self._item(variable, None, self._errors(layer, year, year), (mean if layer.per_member else None, None))
                self._year_record(year, item, 0, number, member, layer.edges)

    def _means(self, number: int, layer: ValueLayer, place: int) -> None:
        """A layer whose files are averaged: one item per interval, from which both tables come."""
        first, last = self.plan.intervals[place]
        item = self._item(self._mean(layer, first), self._mean(layer, last), self._errors(layer, first, last))
        for side in (FROM, TO):
            self._pair_record(place, item, side, number, 0, layer.edges)
        self._year_record(first, item, FROM, number, 0, layer.edges)
        if place == len(self.plan.intervals) - 1:
            self._year_record(last, item, TO, number, 0, layer.edges)

    def _files(self, number: int, layer: ValueLayer, place: int) -> None:
        """A layer whose files are binned one by one, each beside the mean of the other date."""
        first, last = self.plan.intervals[place]
        means = self._mean(layer, first, binned=False), self._mean(layer, last, binned=False)
        for side, year in ((FROM, first), (TO, last)):
            for member, key in enumerate(files_of(self.files, layer.name, year)):
                own = self._variable([key], layer.edges)
                pair, holes = ((own, means[1]), (means[0], None)) if side == FROM else ((means[0], own), (None, means[1]))
                item = self._item(*pair, self._errors(layer, first, last), holes)
                self._pair_record(place, item, side, number, member, layer.edges)
                if side == FROM or place == len(self.plan.intervals) - 1:
                    self._year_record(year, item, side, number, member, layer.edges)

    def _entries(self) -> Iterator[tuple[int, tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]]:
        """Dates alone and intervals of the layers that have a standard error."""
        if self.plan.lattice is None:
            return
        for number, layer in enumerate(self.plan.values, start=1):
            for first, last in (*((year, year) for year in self.plan.years), *self.plan.intervals):
                errors = self._errors(layer, first, last)
                if errors is not None:
                    means = self._mean(layer, first, not layer.per_member), self._mean(layer, last, not layer.per_member)
                    yield number, (first, last), (self._class(LAND_COVER, first), self._class(LAND_COVER, last)), means, errors


def layout_of(plan: Plan, files: tuple[Key, ...]) -> Layout:
    """The layout of a plan for the files of a run: (layer, year or None, member)."""
    return _Builder(plan, files).build()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """What is summed: a row for each zone and cell, or for each zone and piece of a cell.

    Parameters
    ----------
    at : (n,) int64
        The cell, as a flat index in the tile.
    zone : (n,) int64
        Position of the zone among the codes.
    area : (n,) float64
        Hectares that a row stands for.
    column : callable
        (layer, year or None, member) -> (n,) codes or values.
    """

    at: Ints
    zone: Ints
    area: Floats
    column: Callable[[Key], NDArray[Any]]


def cell_places(block: Block) -> Places:
    """The cells of the zones, one row per zone and cell."""
    at = block.zones.cells
    shape = (block.tile.height, block.tile.width)
    return Places(
        at=at, zone=block.zones.zones.astype(np.int64), area=block.zones.fractions * np.broadcast_to(block.area_ha, shape).reshape(-1)[at],
        column=lambda key: block.arrays[key].reshape(-1)[at],
    )  # fmt: skip


def tile_sums(block: Block, plan: Plan) -> TileSums:
    """The partial tables of a tile, by numpy.

    Parameters
    ----------
    block : Block
        Cells of all layers, and the cells of the zones with their shares.
    plan : Plan
        What is summed.
    """
    return sums_of(block, plan, cell_places(block))


def sums_of(block: Block, plan: Plan, places: Places) -> TileSums:
    """The partial tables of some places of a tile."""
    cells = _Cells(block, layout_of(plan, tuple(block.stored)), places)
    years = [_Table(year=(year,), columns=columns, interval=False) for year, columns in zip(plan.years, cells.layout.year_columns, strict=True)]
    pairs = [_Table(year=pair, columns=columns, interval=True) for pair, columns in zip(plan.intervals, cells.layout.pair_columns, strict=True)]
    return TileSums(
        _table_sums(cells, years, cells.layout.year_records, len(plan.year_keys) - 3, len(YEAR_SUMS) if cells.layout.has_se else 4),
        _table_sums(cells, pairs, cells.layout.pair_records, len(plan.pair_keys) - 4, len(PAIR_SUMS) if cells.layout.has_se else 7),
        _lattice_sums(cells, plan),
    )  # fmt: skip


class _Cells:
    """The places of the zones as flat columns, and their sums by kind and joint bin."""

    def __init__(self, block: Block, layout: Layout, places: Places) -> None:
        self.block = block
        self.layout = layout
        self.at, self.zone, self.area, self.column = places.at, places.zone, places.area, places.column
        columns = [self.zone, *(self.column(key).astype(np.int64) for key in layout.classes)]
        self.kind, first = as_met(columns)
        self.kinds = np.stack([column[first] for column in columns], axis=1)
        self.kind_area = np.bincount(self.kind, weights=self.area, minlength=len(first)).astype(np.float64)
        self.values = [self._value(variable) for variable in layout.variables]
        for item in layout.items:
            for variable, hole in zip((item.first, item.second), item.holes, strict=True):
                if hole is not None and variable is not None:
                    self.values[variable] = np.where(np.isnan(self.values[hole]), np.nan, self.values[variable])
        self.bins = [bin_of(values, variable.edges or ()) for values, variable in zip(self.values, layout.variables, strict=True)]

    def _value(self, variable: Variable) -> Floats:
        members = [self.column(key) for key in variable.files]
        return np.asarray(sum(members[1:], start=members[0]) / len(members))

    def joint(self, item: Item) -> "_Joint":
        """Sums of an item by kind and joint bin, in the order in which they are met."""
        x = self.values[item.first]
        y = np.full(len(x), np.nan) if item.second is None else self.values[item.second]
        bins = self.bins[item.first], np.full(len(x), MISSING_BIN) if item.second is None else self.bins[item.second]
        record, first = as_met([self.kind, *bins])
        area, valid_x, valid_y = self.area, ~np.isnan(x), ~np.isnan(y)
        x, y = np.where(valid_x, x, 0.0), np.where(valid_y, y, 0.0)
        area_x, area_y = area * x, area * y
        terms = [area, area_x, area_y, area_x * x, area_y * y, np.where(valid_x & valid_y, area_x * y, 0.0)]
        if self.layout.has_se:
            terms += self._errors(item, valid_x, valid_y)
        sums = np.stack([np.bincount(record, weights=term, minlength=len(first)) for term in terms], axis=1)
        return _Joint(kind=self.kind[first], bins=(bins[0][first], bins[1][first]), sums=sums.astype(np.float64))

    def _errors(self, item: Item, valid_x: Flags, valid_y: Flags) -> list[Floats]:
        if item.se is None:
            return [np.zeros(len(self.area))] * 5
        u, v = (self.area * np.nan_to_num(self.values[error]) for error in item.se)
        u, v = np.where(valid_x, u, 0.0), np.where(valid_y, v, 0.0)
        return [u, v, u * u, v * v, u * v]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joint:
    """Sums by kind and joint bin: area, x, y, xx, yy, xy, and those of the standard errors."""

    kind: Ints
    bins: tuple[Ints, Ints]
    sums: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A date or an interval: its years, and the columns of a kind that make its groups."""

    year: tuple[int, ...]
    columns: tuple[int, ...]
    interval: bool


def _table_sums(cells: _Cells, tables: list[_Table], records: tuple[Record, ...], keys: int, wide: int) -> Sums:
    """The records of one kind of table, all dates or intervals of it under each other."""
    groups: list[Ints] = [np.zeros((0, keys), dtype=np.int64)]
    parts: list[tuple[Ints, Ints, Floats]] = []
    joints = [cells.joint(item) for item in cells.layout.items]
    for number, table in enumerate(tables):
        group, first = as_met([cells.kinds[:, column] for column in table.columns])
        of_kind = group + sum(map(len, groups))
        zone, *rest = (cells.kinds[first, column] for column in table.columns)
        groups.append(np.stack([zone, *(np.full(len(first), year) for year in table.year), *rest], axis=1).astype(np.int64))
        parts.append((of_kind, np.full(len(of_kind), AREA_CODE), _wide([cells.kind_area], wide)))
        for record in (one for one in records if one.table == number):
            joint = joints[record.item]
            parts.append((of_kind[joint.kind], *_terms(joint, record, table.interval, wide)))
    place, code, terms = (np.concatenate([part[column] for part in parts]) for column in range(3)) if parts else (*np.zeros((2, 0), int), np.zeros((0, wide)))
    record_of, first = as_met([place, code])
    sums = np.stack([np.bincount(record_of, weights=column, minlength=len(first)) for column in terms.T], axis=1).astype(np.float64)
    return Sums(np.concatenate(groups), place[first].astype(np.int32), code[first].astype(np.int64), sums)


def _wide(columns: list[Floats], wide: int) -> Floats:
    """Columns side by side, with zeros for those that are not there."""
    return np.pad(np.stack(columns, axis=1), ((0, 0), (0, wide - len(columns))))


def _terms(joint: _Joint, record: Record, interval: bool, wide: int) -> tuple[Ints, Floats]:
    """Code and sums of the joint bins of an item in one table."""
    side = record.side
    held = joint.bins[side] >= 0
    if interval:
        held &= joint.bins[1 - side] >= 0
    area = joint.sums[:, 0]
    chosen = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] if interval else [1 + side, 3 + side, 6 + side, 8 + side]
    columns = [area * held, area * ~held, *(np.where(held, joint.sums[:, one], 0.0) for one in chosen if one < joint.sums.shape[1])]
    return record.code + np.where(held, joint.bins[side] + 1, 0), _wide(columns, wide)


def _lattice_sums(cells: _Cells, plan: Plan) -> Sums:
    """Sums of standard errors by lattice cell, zone and classes; lattice cells are counted from the origin of the grid."""
    tile = cells.block.tile
    rows, cols = np.divmod(cells.at, tile.width)
    down, across = plan.lattice or (1, 1)
    row, col = (rows + tile.row_off) // down, (cols + tile.col_off) // across
    joint, first = as_met([row, col, cells.kind])
    totals = np.zeros((len(first), len(cells.layout.entries), len(LATTICE_SUMS)))
    for number, (*_, means, errors) in enumerate(cells.layout.entries):
        valid = ~np.isnan(cells.values[means[0]] + cells.values[means[1]])
        known = valid & ~np.isnan(cells.values[errors[0]] + cells.values[errors[1]])
        u, v = (np.where(known, cells.area * np.nan_to_num(cells.values[one]), 0.0) for one in errors)
        terms = [np.where(valid, cells.area, 0.0), np.where(valid & ~known, cells.area, 0.0), u, v, u * u, v * v, u * v]
        for place, term in enumerate(terms):
            totals[:, number, place] = np.bincount(joint, weights=term, minlength=len(first))
    return lattice_table(cells.layout, cells.kinds[cells.kind[first]], row[first], col[first], totals)


def lattice_table(layout: Layout, kinds: Ints, row: Ints, col: Ints, totals: Floats) -> Sums:
    """Sums over the lattice by zone and classes from those by kind, (n, entries, sums)."""
    keys: list[Ints] = [np.zeros((0, 8), dtype=np.int64)]
    sums: list[Floats] = [np.zeros((0, len(LATTICE_SUMS)))]
    for number, (layer, years, columns, _, _) in enumerate(layout.entries):
        held = np.flatnonzero(totals[:, number, 0] > 0)
        fixed = [np.full(len(held), one) for one in (layer, *years)]
        classes = (kinds[held, one] for one in columns)
        found = np.stack([fixed[0], kinds[held, 0], *fixed[1:], *classes, row[held], col[held]], axis=1).astype(np.int64)
        group, of = as_met(list(found.T))
        keys.append(found[of])
        sums.append(np.stack([np.bincount(group, weights=one, minlength=len(of)) for one in totals[held, number].T], axis=1).astype(np.float64))
    groups = np.concatenate(keys)
    return Sums(groups, np.arange(len(groups), dtype=np.int32), np.zeros(len(groups), dtype=np.int64), np.concatenate(sums))


def as_met(columns: list[Ints]) -> tuple[Ints, Ints]:
    """The number of each row's values, numbered in the order in which they are first met; and the first row of each."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    _, first, place = np.unique(np.stack(columns, axis=1), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[place.reshape(-1)], first[order]


def bin_of(values: Floats, edges: tuple[float, ...]) -> Ints:
    """The bin of each value: bin i holds ``edges[i-1] <= value < edges[i]``; -1 for NaN."""
    bins = np.searchsorted(np.asarray(edges), values, side="right").astype(np.int64)
    bins[np.isnan(values)] = MISSING_BIN
    return bins


__all__ = [
    "AREA_CODE", "FROM", "LATTICE_SUMS", "MISSING_BIN", "MISSING_CLASS", "PAIR_SUMS", "TO", "YEAR_SUMS", "Layout", "Places", "Plan", "Sums", "TileSums",
    "ValueLayer", "bin_of", "cell_places", "code_of", "layout_of", "of_code", "sums_of", "tile_sums",
]  # fmt: skip
