"""Effects of independent sources of error on results, and the intervals that come of them.

A source of error (a factor, a map, an area sample, a retrieval model, the bias between
two dates) acts through one or more independent effects: by how much each result changes
when a standard normal quantity is one. Effects add with their sign over pools, leagues
and dates before they are squared; the covariance of results is the product of the matrix
of effects with itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FACTOR, AREA, MAP, MODEL, BETWEEN_DATE = "factor", "area", "map", "model", "between_date"


@dataclass(frozen=True, slots=True)
class Source:
    """A source of error: its kind (`sinks.tables.ERROR_KINDS`) and its name."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects of sources on n results.

    Parameters
    ----------
    sources : tuple of Source
    owner : (k,) int64
        The source of each effect.
    rows : (k, n) float64
        Change of each result when the effect's standard normal quantity is one, in the unit of the result.
    """

    sources: tuple[Source, ...]
    owner: Ints
    rows: Floats

    @classmethod
    def of(cls, parts: Sequence[tuple[Source, Floats]], results: int) -> "Effects":
        """Effects from the rows (k, n) of each source; sources without an effect are left out."""
        held = [(source, np.nan_to_num(rows)) for source, rows in parts if len(rows)]
        owner = np.repeat(np.arange(len(held)), [len(rows) for _, rows in held])
        rows = np.concatenate([rows for _, rows in held]) if held else np.zeros((0, results))
        return cls(tuple(source for source, _ in held), owner.astype(np.int64), rows)

    def summed(self, members: Sequence[Ints]) -> "Effects":
        """Effects on sums of results."""
        rows = [self.rows[:, one].sum(axis=1) for one in members]
        return Effects(self.sources, self.owner, np.stack(rows, axis=1) if rows else np.zeros((len(self.rows), 0)))

    def standard_error(self) -> Floats:
        """Standard error of each result, (n,)."""
        return np.sqrt((self.rows * self.rows).sum(axis=0))

    def variances(self) -> Floats:
        """Variance of each result by source, (sources, n)."""
        out = np.zeros((len(self.sources), self.rows.shape[1]))
        np.add.at(out, self.owner, self.rows * self.rows)
        return out

    def covariance(self, results: Ints) -> Floats:
        """Covariance of some results, (m, m)."""
        rows = self.rows[:, results]
        return np.asarray(rows.T @ rows)

    def without(self, kind: str) -> "Effects":
        """The effects of the other kinds."""
        kept = [number for number, source in enumerate(self.sources) if source.kind != kind]
        mine = np.isin(self.owner, kept)
        place = np.full(len(self.sources) + 1, -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        return Effects(tuple(self.sources[number] for number in kept), place[self.owner[mine]], self.rows[mine])
