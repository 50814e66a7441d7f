"""Factors for activity rows, by the keys that the rows carry."""

import numpy as np
from numpy.typing import NDArray

from aoi.findings import Finding
from sinks.accounting.rows import Names, Rows
from sinks.factors.resolver import Resolver
from sinks.factors.table import FactorTable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class FactorLookup:
    """Rows of a factor table for activity rows; notes what was used and what is missing."""

    def __init__(self, table: FactorTable) -> None:
        self.table = table
        self._needed = Resolver(table)
        self._asked = Resolver(table)

    def __call__(self, name: str, rows: Rows, *, value: Floats | None = None, **replaced: Names | str) -> Ints:
        """The factor of a name for each row; a row without one is a gap that stops the run."""
        return _find(self._needed, name, rows, value, replaced)

    def optional(self, name: str, rows: Rows, *, value: Floats | None = None, **replaced: Names | str) -> Ints:
        """The factor of a name for each row; what has none is not estimated."""
        return _find(self._asked, name, rows, value, replaced)

    def constant(self, name: str) -> float:
        """The central value of a factor that no key changes."""
        return float(self.table.value[self.constant_row(name)])

    def constant_row(self, name: str) -> int:
        """The row of a factor that no key changes."""
        return int(self._needed(name).rows[0])

    def rows_of(self, name: str, **keys: str) -> int:
        """The row of a factor for one set of keys; -1 where there is none."""
        return int(self._asked(name, **keys).rows[0])

    def central(self, factors: Ints) -> Floats:
        """Central values of factor rows; NaN for -1."""
        return np.append(self.table.value, np.nan)[factors]

    def edges(self, name: str) -> Floats:
        """Limits of the bins of a factor name, ascending."""
        return self.table.edges(name)

    def own(self, factors: Ints) -> NDArray[np.bool_]:
        """Which factor rows the user's file gave; none for -1."""
        return np.append(np.isin(self.table.id, list(self.table.overrides)), False)[factors]

    def gaps(self, where: str) -> list[Finding]:
        """A finding for every factor that was needed and is not there, with the nearest ones."""
        return self._needed.missing_findings(where)


def _find(resolver: Resolver, name: str, rows: Rows, value: Floats | None, replaced: dict[str, Names | str]) -> Ints:
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    keys = {
        "ecosystem": rows.ecosystem, "land_class": rows.land_class, "vegetation_type": rows.vegetation_type,
        "climate": rows.climate, "soil": rows.soil, "origin": rows.origin, "site": rows.site,
    }  # fmt: skip
    keys.update({key: np.broadcast_to(np.asarray(words, dtype=object), len(rows)) for key, words in replaced.items()})
    return resolver(name, **keys, value=value).rows
