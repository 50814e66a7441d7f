"""The kernel's side of a tile: what it needs as arrays, and what it gives as partial tables."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.layers.layer import MOST_CODE, STORED_TYPES, Stored, nodata_of
from sinks.layers.windows import Block, Key, Strange
from sinks.tabulate import kernel
from sinks.tabulate.tile import AREA_CODE, PAIR_SUMS, YEAR_SUMS, Layout, Plan, Record, Sums, TileSums, lattice_table, layout_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FEWEST, _MOST, _FEW_STEPS = 64, 1 << 14, 1
"""Even stretches of the bin edges in which the search for a bin begins, and how far it should have to go."""


def kernel_sums(block: Block, plan: Plan) -> TileSums:
    """The partial tables of a tile, by the compiled kernel; to the bit those of `sinks.tabulate.tile.tile_sums`.

    Raises
    ------
    Strange
        A cell holds a value that cannot be.
    """
    spelled = _spelled(plan, tuple(block.stored))
    layout, run = spelled.layout, kernel.compiled()
    slots, numbers, missing, missing_first = _slots([block.stored[key] for key in spelled.files])
    tile, segments = block.tile, block.segments
    window = np.array([block.width, block.row, block.col, tile.row_off, tile.col_off, tile.width, tile.row])
    areas = np.broadcast_to(block.area_ha, (tile.height, tile.width))
    strange, kinds, kind_area, record_kind, record_item, bins, sums, lattice_key, lattice_sums = run.tile_records(
        block.bytes, window, slots, numbers, missing, missing_first, spelled.classes, spelled.variables, spelled.variable_first,
        spelled.edges, spelled.edge_first, spelled.guess, spelled.guess_first, spelled.per_guess, spelled.steps, spelled.items, areas,
        np.asarray(block.coverage.zones_near(tile), dtype=np.int64), segments.first, segments.rows, segments.starts, segments.stops,
        segments.fractions, spelled.lattice, spelled.entries,
    )  # fmt: skip
    if strange:
        raise Strange
    records = kinds, kind_area, record_kind, record_item, bins, sums
    return TileSums(
        _rolled(records, spelled.year, [[year] for year in plan.years], layout.year_columns, len(plan.year_keys) - 3),
        _rolled(records, spelled.pair, [[*interval] for interval in plan.intervals], layout.pair_columns, len(plan.pair_keys) - 4),
        lattice_table(
            layout, kinds[lattice_key[:, 2]], lattice_key[:, 0], lattice_key[:, 1],
            lattice_sums[:, : len(layout.entries) * kernel.LATTICE_SUMS].reshape(len(lattice_key), len(layout.entries), kernel.LATTICE_SUMS),
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Records:
    """The records of one kind of table, as the kernel wants them; ``codes`` are those that its dense codes stand for."""

    interval: bool
    columns: Ints
    column_first: Ints
    emissions: Ints
    emission_first: Ints
    codes: Ints
    wide: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Spelled:
    """A layout as arrays."""

    layout: Layout
    files: tuple[Key, ...]
    classes: Ints
    variables: Ints
    variable_first: Ints
    edges: Floats
    edge_first: Ints
    guess: Ints
    guess_first: Ints
    per_guess: Floats
    steps: Ints
    items: Ints
    lattice: Ints
    entries: Ints
    year: _Records
    pair: _Records


@lru_cache(maxsize=16)
def _spelled(plan: Plan, files: tuple[Key, ...]) -> _Spelled:
    """The layout of a plan for the files of a run, as arrays."""
    layout = layout_of(plan, files)
    numbers = {key: number for number, key in enumerate(files)}
    variables, variable_first = _ragged([[numbers[key] for key in one.files] for one in layout.variables])
    edges, edge_first = _ragged([[*(one.edges or ()), np.inf] for one in layout.variables], np.float64)
    guesses = [_guesses(one.edges or ()) for one in layout.variables]
    guess, guess_first = _ragged([one.bins.tolist() for one in guesses], np.int32)
    return _Spelled(
        layout=layout, files=files, classes=_integers([numbers[key] for key in layout.classes]), variables=variables,
        variable_first=variable_first, edges=edges, edge_first=edge_first, guess=guess, guess_first=guess_first,
        per_guess=np.array([one.per_unit for one in guesses], dtype=np.float64), steps=_integers([one.steps for one in guesses]),
        items=_integers(
            [[one.first, _or_none(one.second), *(one.se or (-1, -1)), *(_or_none(hole) for hole in one.holes)] for one in layout.items], 6
        ),
        lattice=_integers(list(plan.lattice or (1, 1))), entries=_integers([[*means, *errors] for *_, means, errors in layout.entries], 4),
        year=_records(layout.year_columns, layout.year_records, False, len(YEAR_SUMS) if layout.has_se else 4),
        pair=_records(layout.pair_columns, layout.pair_records, True, len(PAIR_SUMS) if layout.has_se else 7),
    )  # fmt: skip


def _or_none(number: int | None) -> int:
    return -1 if number is None else number


def _integers(rows: list[int] | list[list[int]], columns: int = 0) -> Ints:
    """Whole numbers as an array; with ``columns``, of two dimensions also where there are no rows."""
    return np.array(rows, dtype=np.int64).reshape((-1, columns) if columns else -1)


def _ragged(rows: list[list[int]] | list[list[float]], kind: type = np.int64) -> tuple[NDArray[Any], Ints]:
    """Rows of several lengths under each other, and where each begins."""
    first = np.cumsum([0, *(len(row) for row in rows)])
    return np.array([value for row in rows for value in row], dtype=kind), first.astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Guesses:
    """For each even stretch of some edges a bin at or below that of its values, stretches per unit, and how far above it the bin may be."""

    bins: Ints
    per_unit: float
    steps: int


def _guesses(edges: tuple[float, ...]) -> _Guesses:
    """So many stretches that few edges lie in one; a stretch looks one further to either side, so that no rounding misses a bin."""
    if len(edges) < 2:
        return _Guesses(np.zeros(1, dtype=np.int64), 0.0, len(edges))
    many = _FEWEST
    while True:
        per_unit = many / (edges[-1] - edges[0])
        starts = edges[0] + np.arange(-1, many + 2) / per_unit
        bins = np.searchsorted(np.asarray(edges), starts, side="right")
        low, high = bins[:many], bins[3:]
        low[0], high[-1] = 0, len(edges)
        steps = int((high - low).max())
        if steps <= _FEW_STEPS or many >= _MOST:
            return _Guesses(low.astype(np.int64), float(per_unit), steps)
        many *= 2


def _records(columns: tuple[tuple[int, ...], ...], records: tuple[Record, ...], interval: bool, wide: int) -> _Records:
    flat, first = _ragged([list(one) for one in columns])
    codes: list[Ints] = [np.array([AREA_CODE])]
    dense: dict[int, int] = {}
    for record in records:
        if record.code not in dense:
            dense[record.code] = sum(map(len, codes))
            codes.append(record.code + np.arange(record.bins, dtype=np.int64))
    by_table = [[one for one in records if one.table == table] for table in range(len(columns))]
    emission_first = np.cumsum([0, *map(len, by_table)]).astype(np.int64)
    rows = [[one.item, one.side, dense[one.code]] for table in by_table for one in table]
    return _Records(
        interval=interval, columns=flat, column_first=first, emissions=_integers(rows, 3), emission_first=emission_first,
        codes=np.concatenate(codes), wide=wide,
    )  # fmt: skip


def _slots(stored: list[Stored]) -> tuple[Ints, Floats, NDArray[np.int32], Ints]:
    """How the kernel reads the files of a window."""
    slots, numbers, missing = [], [], []
    for one in stored:
        slots.append([one.offset, STORED_TYPES.index(one.cells.dtype), _code_of_nodata(one), int(not one.declared)])
        numbers.append([_value_of_nodata(one), one.scale, one.add, *one.limits])
        missing.append(list(one.missing_codes))
    codes, first = _ragged(missing)
    return _integers(slots, 4), np.array(numbers, dtype=np.float64), codes.astype(np.int32), first


def _code_of_nodata(stored: Stored) -> int:
    """The no-data value of class codes, -1 where there is none that a code can be."""
    nodata = stored.nodata
    return int(nodata) if nodata is not None and 0 <= nodata <= MOST_CODE and float(nodata).is_integer() else -1


def _value_of_nodata(stored: Stored) -> float:
    """The no-data value of values as their cells hold it, NaN where there is none."""
    return float("nan") if stored.nodata is None or np.isnan(stored.nodata) else float(nodata_of(stored.nodata, stored.cells.dtype))


def _rolled(records: tuple[NDArray[Any], ...], wanted: _Records, years: list[list[int]], columns: tuple[tuple[int, ...], ...], wide: int) -> Sums:
    """The records of one kind of table, with their groups and codes as `Sums` holds them."""
    kinds = records[0]
    tables = np.full(len(columns), int(wanted.interval), dtype=np.int64)
    group_table, group_kind, group, code, sums = kernel.compiled().rolled_up(
        *records, tables, wanted.columns, wanted.column_first, wanted.emissions, wanted.emission_first, len(wanted.codes), wanted.wide
    )
    keys = [np.zeros((0, wide), dtype=np.int64)]
    for table, chosen in enumerate(columns):
        mine = kinds[group_kind[group_table == table]].astype(np.int64)
        zone, *rest = (mine[:, column] for column in chosen)
        keys.append(np.stack([zone, *(np.full(len(mine), year) for year in years[table]), *rest], axis=1))
    return Sums(np.concatenate(keys), group, wanted.codes[code], sums)
