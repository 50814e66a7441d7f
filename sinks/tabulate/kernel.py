"""The compiled kernel of the pass: stored cells of one tile -> sums by joint bins -> partial tables.

The functions below are plain Python over arrays, of the kind that numba compiles;
`compiled` does so once per machine (the machine code is cached beside this file),
and only when there are pixels to read. No carbon equation stands here.

A cell falls into a *kind* (zone and all class codes of all dates) and, for each
*item* (a value at two dates), into a joint bin. Six sums are added per cell and
item; `_rolled_up` turns them into the records of both tables, in the order in which
they were first met, so that the plain form in ``tile.py`` gives the same bits.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

Any1 = NDArray[Any]

UINT8, INT8, UINT16, INT16, INT32, FLOAT32, FLOAT64 = range(7)
"""The types in which cells may be stored (`sinks.layers.layer.STORED_TYPES`); others are converted before."""
SUMS, SE_SUMS, LATTICE_SUMS = 6, 5, 7


def load_codes(raw: Any1, start: int, n: int, nodata: int, missing: Any1, out: Any1) -> None:
    """Class codes of some stored cells; -1 for missing."""
    for i in range(n):
        code = np.int32(raw[start + i])
        out[i] = np.int32(-1) if (code < 0) | (code == nodata) else code
    for k in range(len(missing)):
        for i in range(n):
            out[i] = np.int32(-1) if out[i] == missing[k] else out[i]


def load_values(raw: Any1, start: int, n: int, nodata: float, scale: float, add: float, low: float, high: float, out: Any1) -> int:
    """Values of some stored cells, NaN for missing and outside the limits; returns how many lie outside."""
    strange = 0
    for i in range(n):
        cell = np.float64(raw[start + i])
        value = cell * scale + add
        missing = cell == nodata
        outside = (value < low) | (value > high)
        strange += int(outside & (not missing))
        out[i] = np.nan if missing | outside else value
    return strange


def codes_of(buffer: Any1, offset: int, kind: int, start: int, n: int, nodata: int, missing: Any1, out: Any1) -> None:
    """`load_codes` for any type of cells."""
    part = buffer[offset:]
    if kind == UINT8:
        load_codes(part, start, n, nodata, missing, out)
    elif kind == INT8:
        load_codes(part.view(np.int8), start, n, nodata, missing, out)
    elif kind == UINT16:
        load_codes(part[: len(part) // 2 * 2].view(np.uint16), start, n, nodata, missing, out)
    elif kind == INT16:
        load_codes(part[: len(part) // 2 * 2].view(np.int16), start, n, nodata, missing, out)
    else:
        load_codes(part[: len(part) // 4 * 4].view(np.int32), start, n, nodata, missing, out)


def values_of(
    buffer: Any1, offset: int, kind: int, start: int, n: int, nodata: float, scale: float, add: float, low: float, high: float, out: Any1
) -> int:
    """`load_values` for any type of cells."""
    part = buffer[offset:]
    if kind == UINT8:
        return load_values(part, start, n, nodata, scale, add, low, high, out)
    if kind == INT8:
        return load_values(part.view(np.int8), start, n, nodata, scale, add, low, high, out)
    if kind == UINT16:
        return load_values(part[: len(part) // 2 * 2].view(np.uint16), start, n, nodata, scale, add, low, high, out)
    if kind == INT16:
        return load_values(part[: len(part) // 2 * 2].view(np.int16), start, n, nodata, scale, add, low, high, out)
    if kind == INT32:
        return load_values(part[: len(part) // 4 * 4].view(np.int32), start, n, nodata, scale, add, low, high, out)
    if kind == FLOAT32:
        return load_values(part[: len(part) // 4 * 4].view(np.float32), start, n, nodata, scale, add, low, high, out)
    return load_values(part[: len(part) // 8 * 8].view(np.float64), start, n, nodata, scale, add, low, high, out)


def bins_of(values: Any1, n: int, edges: Any1, guess: Any1, per_guess: float, steps: int, out: Any1) -> None:
    """The bin of each value, -1 for NaN.

    The last edge is infinity. ``guess`` holds a bin at or below that of the values of
    each even stretch of the edges; the bin is at most ``steps`` above it.
    """
    if len(edges) < 2:
        for i in range(n):
            out[i] = np.int32(0) if values[i] == values[i] else np.int32(-1)
        return
    first, top = edges[0], np.float64(len(guess) - 1)
    for i in range(n):
        value = values[i]
        number = guess[np.int64(min(max((value - first) * per_guess, 0.0), top))] if value == value else np.int32(-1)
        out[i] = number
    for _ in range(steps):
        for i in range(n):
            number = out[i]
            out[i] = number + np.int32(values[i] >= edges[max(number, 0)])


def kind_of(key: Any1, kinds: Any1, count: int, table: Any1) -> int:
    """The number of a kind in the table of those met so far; ``count`` where it is new, which it then is entered as."""
    code = np.int64(1469598103934665603)
    for k in range(len(key)):
        code = (code ^ (np.int64(key[k]) + np.int64(2))) * np.int64(1099511628211)
        code = code ^ (code >> np.int64(29))
    mask = len(table) - 1
    place = code & mask
    while table[place] >= 0:
        known = table[place]
        same = True
        for k in range(len(key)):
            if kinds[known, k] != key[k]:
                same = False
                break
        if same:
            return known
        place = (place + 1) & mask
    table[place] = count
    for k in range(len(key)):
        kinds[count, k] = key[k]
    return count


def widened(old: Any1, rows: int, fill: float) -> Any1:
    """A table with more rows; the new ones hold ``fill``."""
    new = np.empty((rows, old.shape[1]), old.dtype)
    for row in range(rows):
        for column in range(old.shape[1]):
            new[row, column] = old[row, column] if row < len(old) else fill
    return new


def longer(old: Any1, size: int, fill: float) -> Any1:
    """A column with more cells; the new ones hold ``fill``."""
    new = np.empty(size, old.dtype)
    for row in range(size):
        new[row] = old[row] if row < len(old) else fill
    return new


def table_of(kinds: Any1, count: int, size: int) -> Any1:
    """An empty table of a size (a power of two) with the known kinds entered again."""
    table = np.full(size, -1, np.int32)
    for number in range(count):
        kind_of(kinds[number], kinds, number, table)
    return table


def read_row(
    buffer: Any1, slots: Any1, numbers: Any1, missing: Any1, missing_first: Any1, class_slots: Any1, variables: Any1, variable_first: Any1,
    items: Any1, start: int, n: int, codes: Any1, values: Any1, one: Any1,
) -> int:  # fmt: skip
    """Codes of all class files and values of all variables for some cells of a row; returns how many values lie outside their limits."""
    strange = 0
    for k in range(len(class_slots)):
        slot = class_slots[k]
        codes_of(
            buffer, slots[slot, 0], slots[slot, 1], start, n, slots[slot, 2],
            missing[missing_first[slot] : missing_first[slot + 1]], codes[k],
        )  # fmt: skip
    for variable in range(len(variable_first) - 1):
        many = variable_first[variable + 1] - variable_first[variable]
        for member in range(many):
            slot = variables[variable_first[variable] + member]
            strange += values_of(
                buffer, slots[slot, 0], slots[slot, 1], start, n, numbers[slot, 0], numbers[slot, 1], numbers[slot, 2], numbers[slot, 3],
                numbers[slot, 4], one if member else values[variable],
            ) * slots[slot, 3]  # fmt: skip
            if member:
                for i in range(n):
                    values[variable, i] += one[i]
        if many > 1:
            for i in range(n):
                values[variable, i] /= many
    for item in range(len(items)):
        for side in range(2):
            other, variable = items[item, 4 + side], items[item, side]
            if other >= 0:
                for i in range(n):
                    if values[other, i] != values[other, i]:
                        values[variable, i] = np.nan
    return strange


def kinds_of_row(codes: Any1, zone: int, begin: int, stop: int, key: Any1, kinds: Any1, count: int, table: Any1, out: Any1) -> int:
    """The kind of each cell of a stretch; returns how many kinds are known then. There must be room for new ones."""
    for i in range(begin, stop):
        out[i] = np.int32(i == begin)
    for k in range(len(codes)):
        for i in range(begin + 1, stop):
            out[i] |= np.int32(codes[k, i] != codes[k, i - 1])
    kind = -1
    for i in range(begin, stop):
        if out[i]:
            key[0] = zone
            for k in range(len(codes)):
                key[1 + k] = codes[k, i]
            kind = kind_of(key, kinds, count, table)
            if kind == count:
                count += 1
        out[i] = kind
    return count


def add_areas(kind: Any1, area: Any1, begin: int, stop: int, sums: Any1) -> None:
    """Areas of the cells of a stretch added to those of their kinds, one after the other."""
    i = begin
    while i < stop:
        same = kind[i]
        total = sums[same]
        while i < stop and kind[i] == same:
            total += area[i]
            i += 1
        sums[same] = total


def joint_row(
    kind: Any1, bin_x: Any1, bin_y: Any1, begin: int, stop: int, base: int, wide: int, item: int, row_of: Any1, places: Any1,
    used: Any1, record_kind: Any1, record_item: Any1, record_bins: Any1, out: Any1,
) -> None:  # fmt: skip
    """The record of each cell of a stretch for one item; ``used`` counts places and records, and there must be room for new ones."""
    for i in range(begin, stop):
        column = base + bin_x[i] + 1
        here = row_of[kind[i], column]
        if here < 0:
            here = used[0]
            used[0] += wide
            row_of[kind[i], column] = here
        place = here + bin_y[i] + 1
        record = places[place]
        if record < 0:
            record = used[1]
            used[1] += 1
            places[place] = record
            record_kind[record], record_item[record] = kind[i], item
            record_bins[record, 0], record_bins[record, 1] = bin_x[i], bin_y[i]
        out[i] = record


def add_row(record: Any1, area: Any1, x: Any1, bin_x: Any1, y: Any1, bin_y: Any1, begin: int, stop: int, sums: Any1) -> None:
    """Area, a x, a y, a x x, a y y, a x y of the cells of a stretch; what is missing adds nothing."""
    for i in range(begin, stop):
        a = area[i]
        value_x = x[i] if bin_x[i] >= 0 else 0.0
        value_y = y[i] if bin_y[i] >= 0 else 0.0
        area_x, area_y = a * value_x, a * value_y
        row = record[i]
        sums[row, 0] += a
        sums[row, 1] += area_x
        sums[row, 2] += area_y
        sums[row, 3] += area_x * value_x
        sums[row, 4] += area_y * value_y
        sums[row, 5] += area_x * value_y


def add_errors(record: Any1, area: Any1, se_x: Any1, bin_x: Any1, se_y: Any1, bin_y: Any1, begin: int, stop: int, sums: Any1) -> None:
    """u = a s_x, v = a s_y, u u, v v, u v of the cells of a stretch."""
    for i in range(begin, stop):
        u = area[i] * se_x[i] if bin_x[i] >= 0 and se_x[i] == se_x[i] else 0.0
        v = area[i] * se_y[i] if bin_y[i] >= 0 and se_y[i] == se_y[i] else 0.0
        row = record[i]
        sums[row, 6] += u
        sums[row, 7] += v
        sums[row, 8] += u * u
        sums[row, 9] += v * v
        sums[row, 10] += u * v


def lattice_row(
    kind: Any1, row: int, col: int, across: int, begin: int, stop: int, key: Any1, keys: Any1, count: int, table: Any1, out: Any1
) -> int:
    """The record over the lattice of each cell of a stretch; returns how many there are then. There must be room for new ones."""
    place, until = -1, -1
    for i in range(begin, stop):
        if place < 0 or i >= until or kind[i] != key[2]:
            column = (col + i) // across
            until = (column + 1) * across - col
            key[0], key[1], key[2] = row, column, kind[i]
            place = kind_of(key, keys, count, table)
            if place == count:
                count += 1
        out[i] = place
    return count


def add_lattice(place: Any1, area: Any1, x: Any1, y: Any1, se_x: Any1, se_y: Any1, begin: int, stop: int, base: int, sums: Any1) -> None:
    """Area with a value, without a standard error, and u, v, u u, v v, u v of the cells of a stretch."""
    for i in range(begin, stop):
        if x[i] != x[i] or y[i] != y[i]:
            continue
        row = place[i]
        sums[row, base] += area[i]
        if se_x[i] != se_x[i] or se_y[i] != se_y[i]:
            sums[row, base + 1] += area[i]
            continue
        u, v = area[i] * se_x[i], area[i] * se_y[i]
        sums[row, base + 2] += u
        sums[row, base + 3] += v
        sums[row, base + 4] += u * u
        sums[row, base + 5] += v * v
        sums[row, base + 6] += u * v


def tile_records(
    buffer: Any1, window: Any1, slots: Any1, numbers: Any1, missing: Any1, missing_first: Any1,
    class_slots: Any1, variables: Any1, variable_first: Any1, edges: Any1, edge_first: Any1, guess: Any1, guess_first: Any1, per_guess: Any1, steps: Any1,
    items: Any1, areas: Any1, near: Any1, first: Any1, rows: Any1, starts: Any1, stops: Any1, fractions: Any1, lattice: Any1, entries: Any1,
) -> Any:  # fmt: skip
    """Sums of one tile by kind, and by kind, item and joint bin; then by kind and lattice cell.

    Parameters
    ----------
    window : (7,) int64
        Width of the window in cells; row and column of the tile in it; first row and
        column of the tile in the grid, and its width; its row of tiles.
    slots : (s, 4) int64
        Offset in the buffer, type, no-data value of class codes (-1: none), 1 where a value outside its limits is a finding.
    numbers : (s, 5) float64
        No-data value (NaN: none), scale, offset, limits.
    class_slots : (k,) int64
        The slots whose codes, after the zone, make a kind.
    variables, variable_first : int64
        The slots that are averaged to each variable.
    edges, guess, per_guess, steps : float64, int32, float64, int64
        Bin edges of each variable and infinity, where to begin to look among them for each
        of even stretches, stretches per unit, and how far to look; no edge for a variable
        that is not binned.
    items : (m, 6) int64
        First and second variable, those of their standard errors (-1: none), the
        variable whose holes the first, and the second, takes over (-1: none).
    first, rows, starts, stops, fractions
        Stretches of the zones (`aoi.coverage.Segments`); ``near`` are the zones of the tile.
    lattice : (2,) int64
        Cells of a lattice cell down and across; 0 for none.
    entries : (e, 4) int64
        Of the lattice: variables of both dates and of their standard errors.

    Returns
    -------
    strange : int
        Values outside their limits, which only a closer look can name.
    kinds, kind_area : (n, 1 + k) int32, (n,) float64
    record_kind, record_item, record_bins, record_sums
        (r,), (r,), (r, 2) and (r, 6 or 11): kind, item, both bins, and the sums a, a x, a y,
        a x x, a y y, a x y, then with u = a s_x, v = a s_y: u, v, u u, v v, u v.
    lattice_key, lattice_sums : (l, 3) int64, (l, e * 7) float64
        Lattice row and column, kind; per entry the area with a value, that without a
        standard error, and u, v, u u, v v, u v.
    """
    wide, row_in, col_in, row_off, col_off, width, band = window[0], window[1], window[2], window[3], window[4], window[5], window[6]
    many_variables, many_items, many_entries = len(variable_first) - 1, len(items), len(entries)
    codes = np.empty((len(class_slots), width), np.int32)
    values, one = np.empty((many_variables, width), np.float64), np.empty(width, np.float64)
    bins = np.empty((many_variables + 1, width), np.int32)
    bins[many_variables] = -1
    area, kind, record = np.empty(width, np.float64), np.empty(width, np.int32), np.empty(width, np.int32)
    item_first, item_wide = np.zeros(many_items + 1, np.int64), np.zeros(many_items, np.int64)
    places_a_cell = 0
    sums = SUMS
    for item in range(many_items):
        x, y = items[item, 0], items[item, 1]
        item_first[item + 1] = item_first[item] + edge_first[x + 1] - edge_first[x] + 1
        item_wide[item] = 2 if y < 0 else edge_first[y + 1] - edge_first[y] + 1
        places_a_cell += item_wide[item]
        if items[item, 2] >= 0:
            sums = SUMS + SE_SUMS

    kinds, kind_area = np.zeros((width + 64, 1 + len(class_slots)), np.int32), np.zeros(width + 64)
    table = np.full(4096, -1, np.int32)
    count = 0
    row_of = np.full((width + 64, item_first[many_items]), -1, np.int32)
    places = np.full((width + 64) * places_a_cell, -1, np.int32)
    used = np.zeros(2, np.int64)
    room = (width + 64) * many_items
    record_kind, record_item = np.empty(room, np.int32), np.empty(room, np.int32)
    record_bins, record_sums = np.empty((room, 2), np.int32), np.zeros((room, sums))
    key = np.zeros(1 + len(class_slots), np.int32)
    lattice_key, lattice_sums = np.zeros((width + 64, 3), np.int32), np.zeros((width + 64, max(1, many_entries * LATTICE_SUMS)))
    lattice_table, lattice_wanted = np.full(4096, -1, np.int32), np.zeros(3, np.int32)
    lattice_count = 0
    strange = 0

    for zone in near:
        at, end = first[zone, band], first[zone, band + 1]
        while at < end:
            row = rows[at]
            last = at
            left, right = width, 0
            while last < end and rows[last] == row:
                begin, stop = max(starts[last] - col_off, 0), min(stops[last] - col_off, width)
                if begin < stop:
                    left, right = min(left, begin), max(right, stop)
                last += 1
            if left >= right:
                at = last
                continue
            n = right - left
            if count + n > len(kinds):
                kinds, kind_area, row_of = widened(kinds, 2 * count + n, 0), longer(kind_area, 2 * count + n, 0.0), widened(row_of, 2 * count + n, -1)
            if 2 * (count + n) > len(table):
                table = table_of(kinds, count, 4 * len(table))
            if used[0] + n * places_a_cell > len(places):
                places = longer(places, 2 * used[0] + n * places_a_cell, -1)
            if used[1] + n * many_items > len(record_kind):
                size = 2 * used[1] + n * many_items
                record_kind, record_item = longer(record_kind, size, 0), longer(record_item, size, 0)
                record_bins, record_sums = widened(record_bins, size, 0), widened(record_sums, size, 0.0)
            if many_entries and lattice_count + n > len(lattice_key):
                lattice_key = widened(lattice_key, 2 * lattice_count + n, 0)
                lattice_sums = widened(lattice_sums, 2 * lattice_count + n, 0.0)
            if many_entries and 2 * (lattice_count + n) > len(lattice_table):
                lattice_table = table_of(lattice_key, lattice_count, 4 * len(lattice_table))

            strange += read_row(
                buffer, slots, numbers, missing, missing_first, class_slots, variables, variable_first, items,
                (row_in + row - row_off) * wide + col_in + left, n, codes, values, one,
            )  # fmt: skip
            for variable in range(many_variables):
                bins_of(
                    values[variable], n, edges[edge_first[variable] : edge_first[variable + 1]],
                    guess[guess_first[variable] : guess_first[variable + 1]], per_guess[variable], steps[variable], bins[variable],
                )  # fmt: skip
            segment = at
            while segment < last:
                begin, stop = max(starts[segment] - col_off, left) - left, -1
                while segment < last and (stop < 0 or starts[segment] - col_off - left <= stop):
                    beyond = min(stops[segment] - col_off, right) - left
                    for i in range(max(starts[segment] - col_off - left, 0), beyond):
                        area[i] = fractions[segment] * areas[row - row_off, left + i]
                    stop = max(stop, beyond, begin)
                    segment += 1
                if begin >= stop:
                    continue
                count = kinds_of_row(codes, zone, begin, stop, key, kinds, count, table, kind)
                add_areas(kind, area, begin, stop, kind_area)
                for item in range(many_items):
                    x, y = items[item, 0], items[item, 1]
                    bin_y = bins[y] if y >= 0 else bins[many_variables]
                    value_y = values[y] if y >= 0 else one
                    joint_row(
                        kind, bins[x], bin_y, begin, stop, item_first[item], item_wide[item], item, row_of, places, used,
                        record_kind, record_item, record_bins, record,
                    )  # fmt: skip
                    add_row(record, area, values[x], bins[x], value_y, bin_y, begin, stop, record_sums)
                    if items[item, 2] >= 0:
                        add_errors(record, area, values[items[item, 2]], bins[x], values[items[item, 3]], bin_y, begin, stop, record_sums)
                if many_entries:
                    lattice_count = lattice_row(
                        kind, row // lattice[0], col_off + left, lattice[1], begin, stop, lattice_wanted, lattice_key, lattice_count, lattice_table,
                        record,
                    )  # fmt: skip
                    for entry in range(many_entries):
                        add_lattice(
                            record, area, values[entries[entry, 0]], values[entries[entry, 1]], values[entries[entry, 2]], values[entries[entry, 3]],
                            begin, stop, entry * LATTICE_SUMS, lattice_sums,
                        )  # fmt: skip
            at = last
    records = used[1]
    return (
        strange, kinds[:count].copy(), kind_area[:count].copy(), record_kind[:records].copy(), record_item[:records].copy(),
        record_bins[:records].copy(), record_sums[:records].copy(), lattice_key[:lattice_count].copy(), lattice_sums[:lattice_count].copy(),
    )  # fmt: skip


def groups_of(kinds: Any1, columns: Any1) -> Any:
    """The group of each kind by some of its columns, numbered as they are met; and a kind of each group."""
    group = np.empty(len(kinds), np.int32)
    known = np.zeros((len(kinds) + 1, len(columns)), np.int32)
    of = np.empty(len(kinds), np.int32)
    size = 64
    while size < 4 * len(kinds):
        size *= 2
    table = np.full(size, -1, np.int32)
    key = np.zeros(len(columns), np.int32)
    count = 0
    for number in range(len(kinds)):
        for k in range(len(columns)):
            key[k] = kinds[number, columns[k]]
        found = kind_of(key, known, count, table)
        if found == count:
            of[count] = number
            count += 1
        group[number] = found
    return group, of[:count].copy()


def rolled_up(
    kinds: Any1, kind_area: Any1, record_kind: Any1, record_item: Any1, record_bins: Any1, record_sums: Any1,
    tables: Any1, columns: Any1, column_first: Any1, emissions: Any1, emission_first: Any1, codes: int, wide: int,
) -> Any:  # fmt: skip
    """Records of one table, of all dates or intervals, from records of kinds; both in the order in which they are met.

    Parameters
    ----------
    tables : (t,) int64
        1 for an interval, 0 for a date.
    columns, column_first : int64
        The columns of a kind that make a group of each date or interval.
    emissions, emission_first : (e, 3) and (t + 1,) int64
        Of each date or interval: item, side whose bin counts, first code.
    codes : int
        How many codes there are; code 0 is area alone.
    wide : int
        Sums of a record.

    Returns
    -------
    group_table, group_kind : (g,) int32
        Date or interval of each group, and a kind of it.
    group, code, sums : (n,) int32, (n,) int32, (n, wide) float64
    """
    group_table, group_kind = np.empty(len(tables) * len(kinds), np.int32), np.empty(len(tables) * len(kinds), np.int32)
    size = max(1, (len(record_kind) + len(kinds)) * len(tables) * 2)
    out_group, out_code, out = np.empty(size, np.int32), np.empty(size, np.int32), np.zeros((size, wide))
    groups, count = 0, 0
    for table in range(len(tables)):
        group_of, of = groups_of(kinds, columns[column_first[table] : column_first[table + 1]])
        slot = np.full((len(of), codes), -1, np.int32)
        for number in range(len(of)):
            group_table[groups + number], group_kind[groups + number] = table, of[number]
        for kind in range(len(kinds)):
            group = group_of[kind]
            record = slot[group, 0]
            if record < 0:
                record = count
                count += 1
                slot[group, 0] = record
                out_group[record], out_code[record] = groups + group, 0
            out[record, 0] += kind_area[kind]
        for emission in range(emission_first[table], emission_first[table + 1]):
            item, side, first_code = emissions[emission]
            for source in range(len(record_kind)):
                if record_item[source] != item:
                    continue
                held = record_bins[source, side] >= 0 and (tables[table] == 0 or record_bins[source, 1 - side] >= 0)
                code = first_code + (record_bins[source, side] + 1 if held else 0)
                group = group_of[record_kind[source]]
                record = slot[group, code]
                if record < 0:
                    record = count
                    count += 1
                    if count > len(out_group):
                        out_group, out_code, out = longer(out_group, 2 * count, 0), longer(out_code, 2 * count, 0), widened(out, 2 * count, 0.0)
                    slot[group, code] = record
                    out_group[record], out_code[record] = groups + group, code
                total, terms = out[record], record_sums[source]
                if not held:
                    total[1] += terms[0]
                elif tables[table] == 0:
                    total[0] += terms[0]
                    total[2] += terms[1 + side]
                    total[3] += terms[3 + side]
                    if wide > 4:
                        total[4] += terms[6 + side]
                        total[5] += terms[8 + side]
                else:
                    total[0] += terms[0]
                    for k in range(1, wide - 1):
                        total[1 + k] += terms[k]
        groups += len(of)
    return group_table[:groups].copy(), group_kind[:groups].copy(), out_group[:count].copy(), out_code[:count].copy(), out[:count].copy()


_COMPILED = (
    "load_codes", "load_values", "codes_of", "values_of", "bins_of", "kind_of", "widened", "longer", "table_of", "read_row",
    "kinds_of_row", "add_areas", "joint_row", "add_row", "add_errors", "lattice_row", "add_lattice", "tile_records", "groups_of", "rolled_up",
)  # fmt: skip


_compiling = threading.Lock()
_compiled: dict[str, Any] = {}


def compiled() -> Any:
    """The functions of this module, compiled: an object with ``tile_records`` and ``rolled_up``."""
    from types import SimpleNamespace

    from numba import njit

    names = globals()
    with _compiling:
        if not _compiled:
            for name in _COMPILED:
                names[name] = _compiled[name] = njit(nogil=True, cache=True)(names[name])
        return SimpleNamespace(**_compiled)
