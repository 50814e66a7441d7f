"""Year of the last change of each cell, from a stack of land-cover maps of many years.

A cell changes when its land class (after the legend) is another one than before and
stays so in the next map that sees it: one odd map is no change. The map of a date
itself is always believed, because the tables rest on it. Only changes whose twenty
years (`CohortRule.window`) reach into the time that the date ends are told; a cell that
shows none is `UNCHANGED`, which says nothing of the time before the first map.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.layers.layer import MISSING_CLASS, Scratch, Stored

Key = tuple[str, int | None, int]
Any1 = NDArray[Any]

COHORT_YEAR, COHORT_FROM = "cohort_year", "cohort_from"
UNCHANGED, STRANGE = 0, 1
"""Codes of `COHORT_YEAR` beside years: no change is seen; an earlier map holds a code that the legend does not know (its code stands in `COHORT_FROM`)."""
_UNKNOWN, _OTHER = 0, 255
"""Groups of cells without data, and of codes that the legend does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRule:
    """How the last change of cells is told from maps.

    Parameters
    ----------
    layer : str
        The layer of class codes.
    years : tuple of int
        Years of its maps, ascending, up to the last date.
    dates : tuple of int
        Dates for which the last change is told; all of them are among ``years``.
    groups : tuple of (code, group)
        What counts as the same land: codes of a group, from 1 to 254; 0 is unknown land.
    window : int
        Years that a change goes on; told are those that go on after the date before, or in the year of the first date.
    confirm : bool
        A change must hold in the next map; without it every difference is a change.
    """

    layer: str
    years: tuple[int, ...]
    dates: tuple[int, ...]
    groups: tuple[tuple[int, int], ...]
    window: int
    confirm: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Layers that are made."""
        return COHORT_YEAR, COHORT_FROM

    @property
    def used_up(self) -> frozenset[Key]:
        """Cells that nothing needs once the changes are told: the maps between and before the dates."""
        return frozenset((self.layer, year, 0) for year in self.years if year not in self.dates)

    def made(self, stored: Mapping[Key, Stored], scratch: Scratch) -> dict[Key, Stored]:
        """Year of the last change and the group before it, of every date; codes of 16 bits, -1 where land is unknown."""
        maps = [stored[self.layer, year, 0] for year in self.years]
        shape = maps[0].cells.shape
        groups = np.empty((len(maps), shape[0] * shape[1]), dtype=np.uint8)
        strange = [number for number, one in enumerate(maps) if self._regroup(one, groups[number])]
        places = np.array([self.years.index(date) for date in self.dates], dtype=np.int64)
        before_date = np.array([self.dates[0] - 1, *self.dates[:-1]], dtype=np.int64)
        taken = [[scratch.take(shape, np.dtype(np.int16)) for _ in self.names] for _ in self.dates]
        years, before = (np.empty((len(self.dates), groups.shape[1]), dtype=np.int16) for _ in self.names)
        _compiled().last_changes(groups, np.array(self.years, dtype=np.int64), places, before_date + 1 - self.window, self.confirm, years, before)
        self._mark_strange(strange, groups, maps, places, years, before)
        out: dict[Key, Stored] = {}
        for number, date in enumerate(self.dates):
            for name, (cells, offset), told in zip(self.names, taken[number], (years[number], before[number]), strict=True):
                cells[...] = told.reshape(shape)
                out[name, date, 0] = Stored(cells=cells, offset=offset, kind="classes")
        return out

    def _regroup(self, stored: Stored, out: NDArray[np.uint8]) -> bool:
        """Write the group of every cell of a map; whether one holds a code that the legend does not know."""
        if stored.cells.dtype == np.uint8:
            every = Stored(cells=np.arange(256, dtype=np.uint8)[None, :], offset=0, kind="classes", nodata=stored.nodata, missing_codes=stored.missing_codes)
            return bool(_compiled().regrouped(stored.cells, self._groups_of(every.decoded()).reshape(-1), out))
        out[:] = self._groups_of(stored.decoded()).reshape(-1)
        return bool((out == _OTHER).any())

    def _groups_of(self, codes: NDArray[Any]) -> NDArray[np.uint8]:
        known, groups = np.array(self.groups, dtype=np.int64).reshape(-1, 2).T
        place = np.minimum(np.searchsorted(known, codes), max(0, len(known) - 1))
        found = np.where(known[place] == codes, groups[place], _OTHER)
        return np.where(codes == MISSING_CLASS, _UNKNOWN, found).astype(np.uint8)

    def _mark_strange(
        self, strange: list[int], groups: NDArray[np.uint8], maps: list[Stored], places: NDArray[np.int64], years: NDArray[np.int16], before: NDArray[np.int16]
    ) -> None:  # fmt: skip
        """Say of cells with a code that no legend knows, in a map that is no date, which code it is."""
        for number in strange:
            if self.years[number] in self.dates:
                continue
            cells = np.flatnonzero(groups[number] == _OTHER)
            codes = maps[number].decoded().reshape(-1)[cells]
            for place in np.flatnonzero(places > number):
                years[place, cells] = STRANGE
                before[place, cells] = np.minimum(codes, np.iinfo(np.int16).max)


def regrouped(cells: Any1, table: Any1, out: Any1) -> int:
    """Write the group of each code of a table of 256; returns how many codes the legend does not know."""
    count = 0
    for row in range(cells.shape[0]):
        start = row * cells.shape[1]
        for column in range(cells.shape[1]):
            group = table[cells[row, column]]
            out[start + column] = group
            count += int(group == 255)
    return count


def last_changes(groups: Any1, years: Any1, places: Any1, oldest: Any1, confirm: bool, out_year: Any1, out_before: Any1) -> None:
    """Write the year of the last change of each cell up to each date, and its group before that.

    Parameters
    ----------
    groups : (years, cells) uint8
        0 where land is unknown, 255 where its code is.
    places : (dates,) int64
        Which of the years are dates.
    oldest : (dates,) int64
        Changes of these years and earlier are not told.
    out_year, out_before : (dates, cells) int16
        -1 where land is unknown at the date, `UNCHANGED` (0) where no change is seen.
    """
    size = groups.shape[1]
    held, before, changed = np.zeros(_AT_ONCE, np.uint8), np.zeros(_AT_ONCE, np.uint8), np.zeros(_AT_ONCE, np.int16)
    asked, asked_year = np.zeros(_AT_ONCE, np.uint8), np.zeros(_AT_ONCE, np.int16)
    for start in range(0, size, _AT_ONCE):
        count = min(size - start, _AT_ONCE)
        held[:], changed[:], asked[:] = 0, 0, 0
        date = 0
        for k in range(len(years)):
            row = groups[k, start : start + count]
            year = np.int16(years[k])
            for at in range(count):
                seen = row[at]
                if seen == held[at]:
                    asked[at] = 0 if seen != 0 else asked[at]
                elif seen != 0 and seen != 255:
                    if held[at] == 0:
                        held[at] = seen
                    elif asked[at] == seen or not confirm:
                        changed[at] = asked_year[at] if asked[at] == seen else year
                        before[at], held[at], asked[at] = held[at], seen, 0
                    else:
                        asked[at], asked_year[at] = seen, year
            if date < len(places) and places[date] == k:
                for at in range(count):
                    last, was = (changed[at], before[at]) if asked[at] == 0 else (asked_year[at], held[at])
                    known = row[at] != 0 and row[at] != 255
                    told = known and last > oldest[date]
                    out_year[date, start + at] = last if told else np.int16(0 if known else -1)
                    out_before[date, start + at] = np.int16(was) if told else np.int16(0 if known else -1)
                date += 1


_AT_ONCE = 4096
"""Cells that are taken through all maps together: what is known of them stays in the cache."""
_compiling = threading.Lock()
_made: dict[str, Any] = {}


def _compiled() -> Any:
    """`regrouped` and `last_changes`, compiled once per machine."""
    from types import SimpleNamespace

    from numba import njit

    with _compiling:
        if not _made:
            for function in (regrouped, last_changes):
                _made[function.__name__] = njit(nogil=True, cache=True)(function)
        return SimpleNamespace(**_made)
