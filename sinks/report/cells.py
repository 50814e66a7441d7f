"""Carbon of all cells of a tile, from few calls of the equations.

A cell's carbon depends on its kind (class codes at all dates, and which values are
missing) and on its values. Within a kind it is a sum of parts, one per layer: each
pool takes one layer. So the equations are asked for each value of each layer alone,
the others held at a reference; what they answer is kept, and cells are looked up.
Where a layer is read in the density bins of the first date, its part is linear in the
value at the second. Both are checked on other values when a kind is first met; a
kind that does not keep to it, and layers whose cells are no small whole numbers, are
computed cell by cell, which takes longer and gives the same.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.change import DEAD_MATTER
from sinks.accounting.inventory import SOIL
from sinks.config import LAND_COVER
from sinks.layers.windows import Block, Key, files_of
from sinks.report import gather
from sinks.report.land import Land, MapKnowledge
from sinks.tabulate.tile import Plan, ValueLayer, bin_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MISSING = -(1 << 30)
"""The whole number of a missing value."""
REFERENCE = 100
"""The whole number at which other layers are held."""
OTHERS, TRIALS, FURTHER = (37, 1509), (211,), 1609
"""Whole numbers at which the parts are held against the whole; at which else a part is tried; at which the second date is asked."""
SAME = 1e-9
"""How far the sum of the parts may lie from the whole, in tonnes per hectare."""
FEW_CELLS = 30
"""Kinds of fewer cells each, on average over a tile, are not worth a look-up."""
_STEP, _LONGEST = 1024, 256


class Seen:
    """What the maps of a tile share: its marked cells, their whole numbers by file, and their kinds."""

    def __init__(self, block: Block, plan: Plan) -> None:
        run = gather.compiled()
        tile, segments = block.tile, block.segments
        self.block = block
        self.marked = np.zeros(tile.height * tile.width, dtype=np.uint8)
        near = np.asarray(block.coverage.zones_near(tile), dtype=np.int64)
        run.inside(
            near, segments.first, segments.rows, segments.starts, segments.stops, tile.row, tile.row_off, tile.col_off, tile.width, self.marked
        )
        files = tuple(block.stored)
        self.classes = _distinct(files, plan, (LAND_COVER, *(layer for _, layer in plan.strata)))
        self.values = _distinct(files, plan, [layer.name for layer in plan.values])
        self.whole = all(block.stored[key].cells.dtype.kind in "iu" and block.stored[key].cells.dtype.itemsize <= 2 for key in self.values)
        if not self.whole:
            return
        rows, columns = slice(block.row, block.row + tile.height), slice(block.col, block.col + tile.width)
        codes = np.stack([block.stored[key].decoded(rows, columns).reshape(-1) for key in self.classes])
        self.raw = np.empty((len(self.values), len(self.marked)), dtype=np.int32)
        for number, key in enumerate(self.values):
            self.raw[number] = _whole_numbers(block, key, rows, columns)
        self.kind = np.empty(len(self.marked), dtype=np.int32)
        self.keys = run.kinds_of_cells(self.marked, codes, self.raw, MISSING, self.kind)

    @property
    def cells(self) -> Ints:
        """The marked cells."""
        return np.flatnonzero(self.marked)


def _distinct(files: Sequence[Key], plan: Plan, layers: Sequence[str]) -> tuple[Key, ...]:
    """The files of some layers over all dates, each once."""
    return tuple(dict.fromkeys(key for layer in layers for year in plan.years for key in files_of(files, layer, year)))


def _whole_numbers(block: Block, key: Key, rows: slice, columns: slice) -> NDArray[np.int32]:
    """The cells of a file as they stand in it, `MISSING` for missing."""
    stored = block.stored[key]
    cells = stored.cells[rows, columns].reshape(-1)
    raw = cells.astype(np.int32)
    if stored.nodata is not None and float(stored.nodata).is_integer():
        raw[cells == stored.nodata] = MISSING
    if np.isfinite(stored.limits).any():
        low, high = sorted((limit - stored.add) / stored.scale for limit in stored.limits)
        inside = np.iinfo(cells.dtype)
        if low > inside.min or high < inside.max:
            values = cells * stored.scale + stored.add
            raw[(values < stored.limits[0]) | (values > stored.limits[1])] = MISSING
    return raw


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """A part of the sum: one file's value, or the values of one layer at both dates; ``share`` of the files that are averaged."""

    first: int
    second: int | None
    alike: tuple[int, ...]


@dataclass(slots=True)
class _Table:
    """What the equations gave for the whole numbers of a term, by kind."""

    lowest: int = 0
    row: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    rows: int = 0
    known: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.uint8))
    part: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    slope: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    def room(self, lowest: int, highest: int) -> None:
        """Make room for whole numbers and rows; arrays that are in use elsewhere stay as they are."""
        old_width = self.part.shape[1]
        low = min(lowest // _STEP * _STEP, self.lowest) if old_width else lowest // _STEP * _STEP
        high = max(-(-(highest + 1) // _STEP) * _STEP, self.lowest + old_width) if old_width else -(-(highest + 1) // _STEP) * _STEP
        if (low, high - low) == (self.lowest, old_width) and self.rows <= len(self.part):
            return
        shape = max(16, 2 * self.rows) if self.rows > len(self.part) else len(self.part), high - low
        shift = self.lowest - low
        for name in ("known", "part", "slope"):
            old = getattr(self, name)
            new = np.zeros(shape, dtype=old.dtype)
            new[: len(old), shift : shift + old_width] = old
            setattr(self, name, new)
        self.lowest = low


class CellCarbon:
    """The carbon of cells by one request; what the equations gave is kept from tile to tile."""

    def __init__(self, knowledge: MapKnowledge) -> None:
        self.knowledge = knowledge
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[bytes, int] = {}
        self._keys: list[NDArray[np.int32]] = []
        self._state = np.zeros(0, dtype=np.int32)
        self._base = np.zeros(0)
        self._tables: list[_Table] = []
        self._terms: tuple[_Term, ...] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"knowledge": self.knowledge}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.knowledge = state["knowledge"]
        self._forget()

    def __call__(self, seen: Seen) -> Floats:
        """Carbon of the cells of a tile [per ha], flat; NaN where there is none."""
        if not seen.whole or not self._additive(seen) or len(seen.keys) * FEW_CELLS > int(seen.marked.sum()):
            out = np.full(len(seen.marked), np.nan)
            cells = seen.cells
            if len(cells):
                out[cells] = _computed(self.knowledge, seen.block.arrays, cells)
            return out
        with self._lock:
            number = self._known_kinds(seen)
            kind = np.where(seen.kind >= 0, number[seen.kind], -1).astype(np.int32)
            self._complete(seen, kind)
            state, base = self._state, self._base
            tables = [(one.lowest, one.row, one.part, one.slope) for one in self._tables]
        return self._looked_up(seen, kind, state, base, tables)

    def _looked_up(self, seen: Seen, kind: NDArray[np.int32], state: NDArray[np.int32], base: Floats, tables: list[Any]) -> Floats:
        run = gather.compiled()
        out = np.empty(len(kind))
        run.start(kind, base, state, out)
        for term, (lowest, row, part, slope) in zip(self._terms or (), tables, strict=True):
            if term.second is None:
                run.add_part(kind, row, seen.raw[term.first], lowest, part, out)
            else:
                stored = seen.block.stored[seen.values[term.second]]
                reference = REFERENCE * stored.scale + stored.add
                run.add_pair(
                    kind, row, seen.raw[term.first], lowest, part, slope, seen.raw[term.second], stored.scale, stored.add, reference, out
                )  # fmt: skip
        alone = np.flatnonzero((kind >= 0) & (state[kind] == gather.ALONE)) if (state == gather.ALONE).any() else np.zeros(0, dtype=np.int64)
        if len(alone):
            out[alone] = _computed(self.knowledge, seen.block.arrays, alone)
        return out

    def _additive(self, seen: Seen) -> bool:
        """Whether the request is a sum of parts: files of a date that are averaged first are not, nor is soil of a dated map."""
        files, years = seen.values, self._years()
        for layer in self.knowledge.plan.values:
            several = any(len(files_of(files, layer.name, year)) > 1 for year in years)
            dated = any(key[1] is not None for key in files if key[0] == layer.name)
            if (several and not layer.per_member) or (layer.name == SOIL and dated and SOIL in self.knowledge.request.pools):
                return False
        return True

    def _years(self) -> tuple[int, ...]:
        request = self.knowledge.request
        return (request.year,) if request.year_from is None else (request.year_from, request.year)

    def _terms_of(self, seen: Seen) -> tuple[_Term, ...]:
        if self._terms is None:
            places = {key: number for number, key in enumerate(seen.values)}
            self._terms = tuple(term for layer in self.knowledge.plan.values for term in self._terms_of_layer(layer, places))
            self._tables = [_Table() for _ in self._terms]
        return self._terms

    def _terms_of_layer(self, layer: ValueLayer, places: Mapping[Key, int]) -> list[_Term]:
        by_date = [tuple(places[key] for key in files_of(places, layer.name, year)) for year in self._years()]
        if layer.per_member or len(by_date) == 1 or by_date[0] == by_date[1]:
            return [_Term(first=one, second=None, alike=files) for files in dict.fromkeys(by_date) for one in files]
        return [_Term(first=by_date[0][0], second=by_date[1][0], alike=by_date[0])]

    def _known_kinds(self, seen: Seen) -> NDArray[np.int32]:
        """The number of each kind of a tile; of those met for the first time the constant part is computed."""
        terms = self._terms_of(seen)
        new = []
        number = np.empty(max(1, len(seen.keys)), dtype=np.int32)
        for place, key in enumerate(seen.keys):
            name = key.tobytes()
            if name not in self._numbers:
                self._numbers[name] = len(self._keys)
                self._keys.append(key)
                new.append(self._numbers[name])
            number[place] = self._numbers[name]
        if new:
            self._meet(seen, np.array(new), terms)
        return number

    def _meet(self, seen: Seen, new: Ints, terms: tuple[_Term, ...]) -> None:
        """Compute the constant part of new kinds, and see whether they are sums of parts and which parts change with their values."""
        many = len(seen.values)
        everything = [{number: trial + 3 * number for number in range(many)} for trial in OTHERS]
        asked: list[dict[int, Any]] = [{}, *everything]
        for term in terms:
            for raw in (*(one[term.first] for one in everything), *TRIALS):
                asked += _of_term(term, raw)
        answers = self._probe_each(seen, new, asked)
        base, wholes = answers[0], answers[1 : 1 + len(OTHERS)]
        parts = iter(answers[1 + len(OTHERS) :])
        keys = np.stack([self._keys[number] for number in new])
        holes = _bits(keys[:, len(seen.classes) :], many)
        expected, effects = [base.copy() for _ in OTHERS], []
        for term in terms:
            held = self._held(term, holes)
            found = [self._part_of(seen, term, [next(parts) for _ in _of_term(term, 0)], base) for _ in (*OTHERS, *TRIALS)]
            effects.append(held & np.logical_or.reduce([(np.nan_to_num(part) != 0.0) | (np.nan_to_num(slope) != 0.0) for part, slope in found]))
            for number, ((part, slope), given) in enumerate(zip(found, everything, strict=False)):
                later = 0.0 if term.second is None else _value(seen, term.second, given[term.second]) - _value(seen, term.second, REFERENCE)
                expected[number] += np.where(held, part + slope * later, 0.0)
        whole = ~self._going_on(seen, keys)
        for one, other in zip(wholes, expected, strict=True):
            whole &= (np.isnan(one) == np.isnan(other)) & ~(np.abs(one - other) > SAME)
        state = np.where(np.isnan(base), gather.NOTHING, gather.LOOKED_UP)
        self._base = np.concatenate([self._base, np.nan_to_num(base)])
        self._state = np.concatenate([self._state, np.where(whole, state, gather.ALONE)]).astype(np.int32)
        for effect, table in zip(effects, self._tables, strict=True):
            wanted = effect & (state == gather.LOOKED_UP) & whole
            rows = np.full(len(new), gather.NO_ROW, dtype=np.int32)
            rows[wanted] = table.rows + np.arange(wanted.sum())
            table.rows += int(wanted.sum())
            table.row = np.concatenate([table.row, rows])

    def _going_on(self, seen: Seen, keys: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Kinds whose dead matter may still change because land changed in an earlier interval: by values of three dates."""
        request, years = self.knowledge.request, self.knowledge.plan.years
        if request.year_from is None or not set(DEAD_MATTER) & set(request.pools):
            return np.zeros(len(keys), dtype=bool)
        by_date = [
            [seen.classes.index(key) for layer in (LAND_COVER, *(one for _, one in self.knowledge.plan.strata)) for key in files_of(seen.classes, layer, year)]
            for year in years if year <= request.year_from
        ]  # fmt: skip
        return np.logical_or.reduce([(keys[:, one] != keys[:, by_date[-1]]).any(axis=1) for one in by_date])

    @staticmethod
    def _held(term: _Term, holes: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Kinds that have all values of a term."""
        return np.asarray(~holes[:, [*term.alike, *([] if term.second is None else [term.second])]].any(axis=1), dtype=bool)

    def _complete(self, seen: Seen, kind: NDArray[np.int32]) -> None:
        """Have the equations answer for every value of the tile that no tile before has had."""
        run = gather.compiled()
        for term, table in zip(self._terms or (), self._tables, strict=True):
            raw = seen.raw[term.first]
            lowest, highest = run.bounds(kind, table.row, raw)
            if lowest > highest:
                continue
            table.room(lowest, highest)
            cells = run.unknown(kind, table.row, raw, table.lowest, table.known)
            if len(cells):
                self._fill(seen, term, table, kind[cells].astype(np.int64), raw[cells] - table.lowest)

    def _fill(self, seen: Seen, term: _Term, table: _Table, kinds: Ints, places: NDArray[np.int32]) -> None:
        """Have the equations answer for some kinds: where they are linear over a stretch of whole numbers at three of them, else at each that is asked for."""
        first, stop = self._stretches(seen, term, table)
        low = np.unique(first)
        high = stop[low]
        asked = np.unique(kinds)
        middle = (low + high - 1) // 2
        points = np.concatenate([low, middle, high - 1])
        every = np.repeat(asked, len(points))
        answers = self._part(seen, every, term, np.tile(points, len(asked)) + table.lowest, self._base[every])
        linear = np.ones((len(asked), len(low)), dtype=bool)
        ends = []
        for answer in answers:
            begin, halfway, end = answer.reshape(len(asked), 3, len(low)).transpose(1, 0, 2)
            slope = (end - begin) / np.maximum(high - 1 - low, 1)
            linear &= ~(np.abs(begin + slope * (middle - low) - halfway) > SAME / _STEP)
            ends.append((begin, slope))
        for number, kind in enumerate(asked):
            row = table.row[kind]
            along = np.repeat(np.arange(len(low)), high - low)
            held = linear[number][along]
            for values, (begin, slope) in zip((table.part, table.slope), ends, strict=True):
                line = begin[number][along] + slope[number][along] * (np.arange(len(along)) - low[along])
                values[row, held] = line[held]
            table.known[row, held] = 1
        bent = ~linear[np.searchsorted(asked, kinds), np.searchsorted(low, first[places])]
        wanted = np.unique(np.stack([kinds[bent], first[places][bent], stop[places][bent]], axis=1), axis=0)
        self._fill_each(seen, term, table, wanted)

    def _fill_each(self, seen: Seen, term: _Term, table: _Table, stretches: Ints) -> None:
        """Have the equations answer for every whole number of some stretches."""
        if not len(stretches):
            return
        kinds = np.concatenate([np.full(stop - first, kind) for kind, first, stop in stretches])
        places = np.concatenate([np.arange(first, stop) for _, first, stop in stretches])
        part, slope = self._part(seen, kinds, term, places + table.lowest, self._base[kinds])
        row = table.row[kinds]
        table.part[row, places], table.slope[row, places], table.known[row, places] = part, slope, 1

    def _stretches(self, seen: Seen, term: _Term, table: _Table) -> tuple[Ints, Ints]:
        """The stretch of each whole number of a table: within one density bin, and no longer than a fixed number of them."""
        key = seen.values[term.first]
        edges = next(layer.edges for layer in self.knowledge.plan.values if layer.name == key[0])
        raw = table.lowest + np.arange(table.part.shape[1])
        bins = bin_of(_value(seen, term.first, raw), edges)
        cut = np.flatnonzero(np.concatenate([[True], (np.diff(bins) != 0) | (raw[1:] % _LONGEST == 0)]))
        lengths = np.diff(np.append(cut, len(raw)))
        return np.repeat(cut, lengths), np.repeat(np.append(cut[1:], len(raw)), lengths)

    def _part(self, seen: Seen, kinds: Ints, term: _Term, raw: NDArray[Any], base: Floats) -> tuple[Floats, Floats]:
        """What whole numbers of a term add to the constant part, and by how much more per unit at the second date."""
        return self._part_of(seen, term, self._probe_each(seen, kinds, _of_term(term, raw)), base)

    @staticmethod
    def _part_of(seen: Seen, term: _Term, answers: Sequence[Floats], base: Floats) -> tuple[Floats, Floats]:
        """The same from the answers to the questions of `_of_term`."""
        if term.second is None:
            return (answers[0] - base) / len(term.alike), np.zeros(len(base))
        further = _value(seen, term.second, FURTHER) - _value(seen, term.second, REFERENCE)
        return answers[0] - base, (answers[1] - answers[0]) / further

    def _probe_each(self, seen: Seen, kinds: Ints, asked: Sequence[Mapping[int, Any]]) -> list[Floats]:
        """The answers to several questions about some kinds, by one call of the equations."""
        many = len(kinds)
        given = {
            number: np.concatenate([np.broadcast_to(np.asarray(one.get(number, REFERENCE)), many) for one in asked])
            for number in sorted({number for one in asked for number in one})
        }
        return np.split(self._probe(seen, np.tile(kinds, len(asked)), given), len(asked))

    def _probe(self, seen: Seen, kinds: Ints, given: Mapping[int, NDArray[Any]]) -> Floats:
        """The equations for one cell of each kind: given whole numbers, all other values at the reference, missing ones missing."""
        keys = np.stack([self._keys[number] for number in kinds])
        arrays: dict[Key, NDArray[Any]] = {key: keys[:, number] for number, key in enumerate(seen.classes)}
        holes = _bits(keys[:, len(seen.classes) :], len(seen.values))
        for number, key in enumerate(seen.values):
            raw = given.get(number, np.full(len(kinds), REFERENCE))
            arrays[key] = np.where(holes[:, number], np.nan, _value(seen, number, raw))
        return _computed(self.knowledge, arrays, np.arange(len(kinds)))


def _of_term(term: _Term, raw: Any) -> list[dict[int, Any]]:
    """What is asked to know the part of a term: its whole numbers, then the same with another value at the second date."""
    given = {number: raw for number in term.alike}
    return [given] if term.second is None else [given, {**given, term.second: FURTHER}]


def _value(seen: Seen, number: int, raw: Any) -> Any:
    """The value of whole numbers of a file."""
    stored = seen.block.stored[seen.values[number]]
    return np.asarray(raw, dtype=np.float64) * stored.scale + stored.add


def _bits(words: NDArray[np.int32], many: int) -> NDArray[np.bool_]:
    """Bits of words of thirty, (kinds, many)."""
    out = np.zeros((len(words), many), dtype=bool)
    for number in range(many):
        out[:, number] = (words[:, number // 30] >> (number % 30)) & 1
    return out


def _computed(knowledge: MapKnowledge, arrays: Mapping[Key, NDArray[Any]], cells: Ints) -> Floats:
    """The equations for some cells."""
    land = Land(arrays, cells, knowledge)
    return land.stock() if knowledge.request.year_from is None else land.change()
