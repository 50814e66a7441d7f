"""Age classes of stands at every date, from a layer of ages in years at a stated year."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sinks.layers.cohorts import Key
from sinks.layers.layer import MISSING_CLASS, Scratch, Stored

AGE_CLASS = "age_class"
OLDEST = 5000
"""No stand is older [yr]: a no-data value that nobody declared."""
BEYOND = 32767
"""The code of ages beyond that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeRule:
    """How ages become classes of a date: a stand grows a year older every year.

    Parameters
    ----------
    layer : str
        The layer of ages, whole years.
    year : int, optional
        Year at which the ages are stated; None for a layer that has each date by itself.
    dates : tuple of int
    edges : tuple of int
        First age of every class, ascending from 0; the last class is open.
    """

    layer: str
    year: int | None
    dates: tuple[int, ...]
    edges: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Layers that are made."""
        return (AGE_CLASS,)

    @property
    def used_up(self) -> frozenset[Key]:
        """The ages themselves."""
        return frozenset((self.layer, date, 0) for date in (None, *self.dates))

    def made(self, stored: Mapping[Key, Stored], scratch: Scratch) -> dict[Key, Stored]:
        """The place of each cell's class at every date; -1 where the age is not known, or the stand not there yet; `BEYOND` where no stand is so old."""
        out: dict[Key, Stored] = {}
        for date in self.dates:
            ages = stored[self.layer, None if self.year is not None else date, 0].decoded().astype(np.int64)
            advanced = ages + (0 if self.year is None else date - self.year)
            classes = np.searchsorted(np.array(self.edges), advanced, side="right") - 1
            cells, offset = scratch.take(ages.shape, np.dtype(np.int16))
            cells[...] = np.where((ages == MISSING_CLASS) | (advanced < 0), MISSING_CLASS, np.where(ages > OLDEST, BEYOND, classes))
            out[AGE_CLASS, date, 0] = Stored(cells=cells, offset=offset, kind="classes")
        return out

    def class_names(self) -> dict[int, str]:
        """Names of the classes: first age, and the first of the next; the last is open."""
        ends = (*(str(one) for one in self.edges[1:]), "")
        return {number: f"{first}-{end}" for number, (first, end) in enumerate(zip(self.edges, ends, strict=True))}
