"""The land class of cells from the codes of land cover and strata, refined as in the accounting."""

from collections.abc import Callable, Mapping
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

    def classes(self, year: int, codes: Callable[[str], Ints]) -> Names:
        """Land class of each cell at a date; ``codes`` gives the codes of a layer."""
        columns = np.stack([codes(layer) for layer in self.layers], axis=1)
        kinds, back = np.unique(columns, axis=0, return_inverse=True)
        vegetation = np.full(len(kinds), "", dtype=object)
        for place, name in enumerate(self.refining, start=1):
            named = np.array([self.values.get(name, {}).get(int(code), "") for code in kinds[:, place]], dtype=object)
            vegetation = np.where(named == "peat", "peatland", vegetation) if name == "peat" else named
        found = self.reading.land_class(np.full(len(kinds), year, dtype=np.int64), kinds[:, 0], vegetation)
        return found[back.reshape(-1)]

    def ecosystems(self, classes: Names) -> Names:
        """The ecosystem of each land class."""
        return self.reading.ecosystem(classes)


def land_of(setup: Setup) -> Land:
    """The land of a run; peat, where it is known, has the last word."""
    strata = dict(setup.config.strata)
    refining: dict[str, str] = {name: strata[name] for name in ("vegetation_type", "peat") if name in strata}
    return Land(reading=setup.reading(), refining=refining, values=setup.stratum_values)
