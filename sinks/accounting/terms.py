"""Terms: what a carbon number is made of, before any factor has a value.

A term is an amount from the activity tables, an equation, and the rows of the
factor table that it takes. Terms are summed over groups for any number of draws
of the factors at once; `explain` prints the same terms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

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
    multipliers : int
        So many of the last factors only multiply the result: what stands before them
        is computed once for all draws where its own factors do not vary.
    degrees, bin_degrees : tuple of int
        Powers of the mapped value, and of the density that it is binned by, in each
        amount; none for amounts that come from areas alone. An error of the map moves
        the amounts by them.
    """

    id: str
    function: Callable[..., Any]
    text: str
    amounts: tuple[str, ...]
    factors: tuple[str, ...]
    linear: bool = True
    multipliers: int = 0
    degrees: tuple[int, ...] = ()
    bin_degrees: tuple[int, ...] = ()


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

    def before_multipliers(self, values: Floats) -> Floats:
        """The value of each term at the central draw before its multipliers, (1, u)."""
        inner = self.factors[: len(self.factors) - self.equation.multipliers]
        ones = (np.ones((1, 1)),) * self.equation.multipliers
        result = self.equation.function(*self.amounts, *(values[:1, factor] for factor in inner), *ones)
        return np.broadcast_to(np.asarray(result, dtype=np.float64), (1, len(self.group)))

    def moved(self, degrees: tuple[int, ...], step: float) -> "Batch":
        """The same batch with every amount multiplied by (1 + step) to the power of its degree."""
        powers = degrees or (0,) * len(self.amounts)
        return replace(self, amounts=tuple(amount * (1.0 + step) ** power for amount, power in zip(self.amounts, powers, strict=True)))

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
        varies = (values != values[:1]).any(axis=0) & ~np.isnan(values[0])
        for batch in self.batches:
            group, result = _by_multipliers(batch, values, varies)
            starts = np.flatnonzero(np.diff(group, prepend=-1))
            total[:, group[starts]] += np.add.reduceat(result, starts, axis=1)
        return total

    def moved(self, step: float, of_bin: bool) -> "Terms":
        """The same terms with the mapped value, or the density that it is binned by, multiplied by (1 + step)."""
        return Terms(self.groups, tuple(
            batch.moved(batch.equation.bin_degrees if of_bin else batch.equation.degrees, step) for batch in self.batches
        ))  # fmt: skip

    def factor_rows(self) -> Ints:
        """The rows of the factor table that stand in any term, sorted."""
        rows = [factor for batch in self.batches for factor in batch.factors]
        found = np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)
        return found[found != NO_FACTOR]

    def of_group(self, group: int) -> list[Batch]:
        """The batches of one group, empty ones left out."""
        return [batch for batch in (one.of_group(group) for one in self.batches) if len(batch.group)]


def _by_multipliers(batch: Batch, values: Floats, varies: NDArray[np.bool_]) -> tuple[Ints, Floats]:
    """Groups in order, and the values (D, n) of terms that may be added up.

    Where no factor but the multipliers varies over the draws, terms of a group that
    share their multipliers are added before these multiply: a thousand terms of a
    curve become a few.
    """
    count = len(batch.factors) - batch.equation.multipliers
    fixed = not any(varies[factor].any() for factor in batch.factors[:count])
    multipliers = batch.factors[count:]
    if not fixed or (not count and batch.equation.linear):
        return batch.group, batch.evaluate(values)
    base = batch.before_multipliers(values)
    if not multipliers:
        return batch.group, np.broadcast_to(base, (len(values), len(batch.group)))
    unique, place = np.unique(np.stack([batch.group, *multipliers], axis=1), axis=0, return_inverse=True)
    sums = np.bincount(place.reshape(-1), weights=base[0], minlength=len(unique))
    result = np.broadcast_to(sums.astype(np.float64), (len(values), len(unique)))
    for number in range(1, unique.shape[1]):
        result = np.asarray(result * values[:, unique[:, number]])
    return unique[:, 0], result


def sum_by(group: Ints, values: Floats, groups: int) -> Floats:
    """Sums of columns (D, n) by group (n,), (D, groups); NaN is passed over."""
    if not len(group):
        return np.zeros((len(values), groups))
    ones = csc_matrix((np.ones(len(group)), (np.arange(len(group)), group)), shape=(len(group), groups))
    return np.asarray(zeroed(values) @ ones)


def zeroed(values: Floats) -> Floats:
    """Values with 0 where they are missing."""
    out = np.array(values, dtype=np.float64)
    out[np.isnan(out)] = 0.0
    return out
