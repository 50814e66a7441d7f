"""Compiled walks over the cells of a tile for maps: which kind a cell is, what is not yet known of it, and its carbon from what is.

Plain functions over arrays, compiled by numba when a map is asked for. No equation
stands here: what is looked up was made by the equations of the accounting
(`sinks.report.cells`).
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.tabulate import kernel

Any1 = NDArray[Any]

NOTHING, LOOKED_UP, ALONE = range(3)
"""What is known of a kind of cells: no value, a sum of looked-up parts, or that each cell must be computed by itself."""
NO_ROW = -1


def inside(near: Any1, first: Any1, rows: Any1, starts: Any1, stops: Any1, band: int, row_off: int, col_off: int, width: int, out: Any1) -> None:
    """Mark the cells of a tile that lie in a zone."""
    for zone in near:
        for at in range(first[zone, band], first[zone, band + 1]):
            base = (rows[at] - row_off) * width
            for col in range(max(starts[at] - col_off, 0), min(stops[at] - col_off, width)):
                out[base + col] = 1


def kinds_of_cells(marked: Any1, codes: Any1, raw: Any1, missing: int, out: Any1) -> Any:
    """The kind of each marked cell (its codes, and which of its values are missing), numbered as they are met; -1 elsewhere."""
    many, values = len(codes), len(raw)
    words = (values + 29) // 30
    keys = np.zeros((64, many + words), np.int32)
    table = np.full(512, -1, np.int32)
    count, last = 0, -1
    key = np.zeros(many + words, np.int32)
    for i in range(len(marked)):
        if marked[i] == 0:
            out[i] = -1
            continue
        same = last >= 0
        for k in range(many):
            same = same and codes[k, i] == key[k]
            key[k] = codes[k, i]
        for word in range(words):
            bits = np.int32(0)
            for k in range(word * 30, min(values, word * 30 + 30)):
                bits = np.int32(bits | (np.int32(raw[k, i] == missing) << np.int32(k - word * 30)))
            same = same and bits == key[many + word]
            key[many + word] = bits
        if not same:
            last = kernel.kind_of(key, keys, count, table)
            if last == count:
                count += 1
                if count == len(keys):
                    keys = kernel.widened(keys, 2 * count, 0)
                    table = kernel.table_of(keys, count, 8 * len(keys))
        out[i] = last
    return keys[:count].copy()


def bounds(kind: Any1, row: Any1, raw: Any1) -> Any:
    """The least and largest number of the cells that a table serves; the first is larger where there are none."""
    lowest, highest = np.int64(1 << 40), np.int64(-(1 << 40))
    for i in range(len(kind)):
        if kind[i] >= 0 and row[kind[i]] >= 0:
            lowest, highest = min(lowest, np.int64(raw[i])), max(highest, np.int64(raw[i]))
    return lowest, highest


def unknown(kind: Any1, row: Any1, raw: Any1, lowest: int, known: Any1) -> Any:
    """Cells that are the first to ask for a value that a table does not hold, which is marked as asked for."""
    found = np.empty(1024, np.int64)
    count = 0
    for i in range(len(kind)):
        if kind[i] < 0 or row[kind[i]] < 0:
            continue
        place = raw[i] - lowest
        if known[row[kind[i]], place] == 0:
            known[row[kind[i]], place] = 1
            if count == len(found):
                longer = np.empty(2 * count, np.int64)
                for k in range(count):
                    longer[k] = found[k]
                found = longer
            found[count] = i
            count += 1
    return found[:count].copy()


def start(kind: Any1, base: Any1, state: Any1, out: Any1) -> None:
    """The constant part of each cell; NaN where there is no value."""
    for i in range(len(kind)):
        out[i] = base[kind[i]] if kind[i] >= 0 and state[kind[i]] != NOTHING else np.nan


def add_part(kind: Any1, row: Any1, raw: Any1, lowest: int, part: Any1, out: Any1) -> None:
    """Add what a table holds for the value of each cell."""
    for i in range(len(kind)):
        if kind[i] >= 0 and row[kind[i]] >= 0:
            out[i] += part[row[kind[i]], raw[i] - lowest]


def add_pair(
    kind: Any1, row: Any1, raw: Any1, lowest: int, part: Any1, slope: Any1, later: Any1, scale: float, add: float, reference: float, out: Any1
) -> None:
    """Add what a table holds for the value of each cell at the first date, and its slope times the value at the second."""
    for i in range(len(kind)):
        if kind[i] >= 0 and row[kind[i]] >= 0:
            at, place = row[kind[i]], raw[i] - lowest
            out[i] += part[at, place] + slope[at, place] * (later[i] * scale + add - reference)


def in_steps(values: Any1, scale: float, nodata: int, largest: int, numbers: Any1, total: Any1, count: Any1, out: Any1) -> None:
    """Values as whole numbers of steps; their numbers (cells, those held at an end, sum, sum of squares, least, largest); and for the next overview.

    ``total`` and ``count`` take the sums and numbers of cells with a value of each two by two cells.
    """
    for row in range(values.shape[0]):
        for col in range(values.shape[1]):
            value = values[row, col]
            if value != value:
                out[row, col] = nodata
                continue
            total[row // 2, col // 2] += value
            count[row // 2, col // 2] += 1
            step = np.rint(value / scale)
            if step > largest or step < -largest:
                numbers[1] += 1.0
                step = np.float64(largest) if step > 0 else -np.float64(largest)
            out[row, col] = np.int16(step)
            numbers[0] += 1.0
            numbers[2] += step
            numbers[3] += step * step
            numbers[4] = min(numbers[4], step)
            numbers[5] = max(numbers[5], step)


def halved(total: Any1, count: Any1, down: int, across: int) -> Any:
    """Sums and numbers of cells with a value of each two by two cells."""
    sums, numbers = np.zeros((down, across)), np.zeros((down, across), np.int32)
    for row in range(total.shape[0]):
        for col in range(total.shape[1]):
            sums[row // 2, col // 2] += total[row, col]
            numbers[row // 2, col // 2] += count[row, col]
    return sums, numbers


_COMPILED = ("inside", "kinds_of_cells", "bounds", "unknown", "start", "add_part", "add_pair", "in_steps", "halved")
_compiling = threading.Lock()
_compiled: dict[str, Any] = {}


def compiled() -> Any:
    """The functions of this module, compiled; those of the kernel, which they call, before them."""
    from types import SimpleNamespace

    from numba import njit

    kernel.compiled()
    with _compiling:
        if not _compiled:
            names = globals()
            for name in _COMPILED:
                _compiled[name] = njit(nogil=True, cache=True)(names[name])
        return SimpleNamespace(**_compiled)
