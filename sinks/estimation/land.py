"""The land class of cells from the codes of land cover and strata, refined as in the accounting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.rows import Reading
from sinks.config import LAND_COVER
from sinks.setup import Setup

Ints = NDArray[np.int64]
Names = NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Land:
    """How codes of layers become land classes; picklable for workers of a cluster.

    Parameters
    ----------
    refining : mapping
        Layer of vegetation types (and of peat) by stratum name; only those that the run has.
    values : mapping
        Stratum name -> code -> value.
    """

    reading: Reading
    refining: Mapping[str, str]
    values: Mapping[str, Mapping[int, str]]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are asked for."""
        return (LAND_COVER, *self.refining.values())

    def kinds(self, year: int, codes: Callable[[str], Ints]) -> tuple[Names, Ints]:
        """The land classes that occur at a date, and for each cell its place among them; ``codes`` gives the codes of a layer."""
        columns = [codes(layer) for layer in self.layers]
        first, back = first_of_each(columns)
        kinds = [column[first] for column in columns]
        vegetation = np.full(len(first), "", dtype=object)
        for name, given in zip(self.refining, kinds[1:], strict=True):
            named = np.array([self.values.get(name, {}).get(int(code), "") for code in given], dtype=object)
            vegetation = np.where(named == "peat", "peatland", vegetation) if name == "peat" else named
        return self.reading.land_class(np.full(len(first), year, dtype=np.int64), kinds[0], vegetation), back

    def classes(self, year: int, codes: Callable[[str], Ints]) -> Names:
        """Land class of each cell at a date."""
        names, back = self.kinds(year, codes)
        return names[back]

    def ecosystems(self, classes: Names) -> Names:
        """The ecosystem of each land class."""
        return self.reading.ecosystem(classes)


def first_of_each(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """The first row of each combination of small whole numbers, in their order, and for each row the place of its own."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        low = int(column.min(initial=0))
        span = int(column.max(initial=0)) - low + 1
        key = np.unique(key, return_inverse=True)[1].reshape(-1) * span + (column - low)
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    return first.astype(np.int64), back.reshape(-1).astype(np.int64)


def land_of(setup: Setup) -> Land:
    """The land of a run; peat, where it is known, has the last word."""
    strata = dict(setup.config.strata)
    refining: dict[str, str] = {name: strata[name] for name in ("vegetation_type", "peat") if name in strata}
    return Land(reading=setup.reading(), refining=refining, values=setup.stratum_values)
