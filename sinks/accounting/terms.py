"""Terms: what a carbon number is made of, before any factor has a value.

A term is an amount from the activity tables, an equation, and the rows of the
factor table that it takes. Terms are summed over groups for any number of draws
of the factors at once; `explain` prints the same terms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NO_FACTOR = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """A carbon equation as the accounting uses it.

    Parameters
    ----------
    function : callable
        ``function(*amounts (u,), *factors (D, u)) -> (D, u)`` [t C], or t of gas.
    text : str
        The formula as it is printed.
    linear : bool
        Linear in its amounts: terms with the same group and factors may be added first.
    """

    id: str
    function: Callable[..., Any]
    text: str
    amounts: tuple[str, ...]
    factors: tuple[str, ...]
    linear: bool = True


@dataclass(frozen=True, slots=True)
class Batch:
    """Terms of one equation.

    Parameters
    ----------
    group : (u,) int64
        The group that each term is added to.
    amounts : tuple of (u,) float64
    factors : tuple of (u,) int64
        Rows of the factor table; -1 where no factor was found.
    """

    equation: Equation
    group: Ints
    amounts: tuple[Floats, ...]
    factors: tuple[Ints, ...]

    def reduced(self) -> "Batch":
        """The same batch with terms of equal group and factors added up, sorted by group."""
        keys = np.stack([self.group, *self.factors], axis=1)
        if not self.equation.linear:
            order = np.lexsort(keys.T[::-1])
            return Batch(
                self.equation, self.group[order], tuple(amount[order] for amount in self.amounts), tuple(factor[order] for factor in self.factors)
            )
        unique, place = np.unique(keys, axis=0, return_inverse=True)
        place = place.reshape(-1)
        amounts = tuple(np.bincount(place, weights=amount, minlength=len(unique)).astype(np.float64) for amount in self.amounts)
        return Batch(self.equation, unique[:, 0], amounts, tuple(unique[:, number] for number in range(1, unique.shape[1])))

    def evaluate(self, values: Floats) -> Floats:
        """The value of each term, (D, u), for factor values (D, rows + 1) whose last column is NaN."""
        result = self.equation.function(*self.amounts, *(values[:, factor] for factor in self.factors))
        return np.broadcast_to(np.asarray(result, dtype=np.float64), (len(values), len(self.group)))

    def of_group(self, group: int) -> "Batch":
        """The terms of one group."""
        rows = self.group == group
        return Batch(
            self.equation, self.group[rows], tuple(amount[rows] for amount in self.amounts), tuple(factor[rows] for factor in self.factors)
        )


def with_nan_column(values: Floats) -> Floats:
    """Factor values (D, rows) with a last column of NaN, which index -1 reaches."""
    return np.concatenate([values, np.full((len(values), 1), np.nan)], axis=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """All terms of some groups."""

    groups: int
    batches: tuple[Batch, ...]

    @classmethod
    def of(cls, groups: int, batches: Sequence[Batch]) -> "Terms":
        """Terms from batches; equal terms are added up."""
        return cls(groups, tuple(batch.reduced() for batch in batches if len(batch.group)))

    def totals(self, values: Floats) -> Floats:
        """Sums by group, (D, groups); 0 for a group without terms, NaN where a factor is missing."""
        total = np.zeros((len(values), self.groups))
        for batch in self.batches:
            result = batch.evaluate(values)
            starts = np.flatnonzero(np.diff(batch.group, prepend=-1))
            total[:, batch.group[starts]] += np.add.reduceat(result, starts, axis=1)
        return total

    def factor_rows(self) -> Ints:
        """The rows of the factor table that stand in any term, sorted."""
        rows = [factor for batch in self.batches for factor in batch.factors]
        found = np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)
        return found[found != NO_FACTOR]

    def of_group(self, group: int) -> list[Batch]:
        """The batches of one group, empty ones left out."""
        return [batch for batch in (one.of_group(group) for one in self.batches) if len(batch.group)]


def sum_by(group: Ints, values: Floats, groups: int) -> Floats:
    """Sums of columns (D, n) by group (n,), (D, groups); NaN is passed over."""
    out = np.zeros((len(values), groups))
    if not len(group):
        return out
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    out[:, ordered[starts]] = np.add.reduceat(np.nan_to_num(values[:, order]), starts, axis=1)
    return out
