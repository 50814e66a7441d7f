"""Monte Carlo over the tables: factors through the whole accounting, other errors as their effects [IPCC2006 V1 3.2.3.2]."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.errors import FACTOR, Effects
from sinks.accounting.intervals import Drawn, ends
from sinks.accounting.outcome import Account, outcome
from sinks.accounting.response import TRIED, response
from sinks.factors.resolver import standard_error
from sinks.factors.table import FactorTable
from sinks.uncertainty import Sampling, factor_draws, normal_draws

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS_AT_ONCE = 6_000_000
_FEW = 600
"""Draws below which the whole accounting is as fast as finding a shorter way."""
_MOST_LEAF_VALUES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarlo:
    """How many draws, from which seed, in which way."""

    draws: int
    seed: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Draws:
    """What came of the draws.

    Parameters
    ----------
    leaves : Drawn
        Of each leaf; from the first draws alone where there are too many leaves to keep all.
    totals : (rows, D) float64
        Every draw of the sums of leaves.
    """

    leaves: Drawn
    totals: Floats

    def of_totals(self) -> Drawn:
        """Of each sum."""
        return Drawn.of(self.totals.T)

    def change_of_half_width(self) -> Floats:
        """By how much the half-width of each sum's 95 % interval changed when the draws were doubled, relative, (rows,)."""
        half = self.totals[:, : self.totals.shape[1] // 2]
        widths = [(high - low) / 2.0 for low, high in (ends(one.T) for one in (half, self.totals))]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(widths[1] > 0, np.abs(widths[1] - widths[0]) / widths[0], 0.0)


def draw(
    account: Account, factors: FactorTable, moved: Ints, central: Floats, effects: Effects, members: Sequence[Ints], stocks: int, plan: MonteCarlo
) -> Draws:  # fmt: skip
    """Draws of all leaves and of sums of them.

    A factor is drawn once per draw and runs through the accounting, so that products
    of large errors are products. Errors of maps, areas, models and between dates are
    normal and come as their effects; on a stock they grow with the stock that the factors give.

    Parameters
    ----------
    moved : (K,) int64
        Rows of factors that have a range.
    central : (n,) float64
        Leaves at the central factors.
    members : list of (m,) int64
        The leaves of each sum.
    stocks : int
        The first so many leaves are stocks.
    """
    values = factor_draws(factors, moved, plan.seed, plan.draws, plan.sampling)
    others = effects.without(FACTOR)
    normal = _normal(others, plan)
    count = effects.rows.shape[1]
    kept = min(plan.draws, max(2, _MOST_LEAF_VALUES // max(1, count)))
    leaves, sums = np.empty((count, kept)), np.empty((len(members), plan.draws))
    whole = partial(_whole, account)
    trial = values[:: max(1, plan.draws // TRIED)][:TRIED]
    steps = standard_error(factors)[moved]
    of_factors = effects.rows[[number for number, owner in enumerate(effects.owner) if effects.sources[owner].kind == FACTOR]]
    short = response(whole, factors.value, moved, steps, trial, (central, of_factors)) if plan.draws > _FEW else None
    groups = len(account.prepared.years.frame) + len(account.prepared.pairs.frame)
    size = max(1, _CELLS_AT_ONCE // max(1, groups if short is None else count))
    flat = np.concatenate([*members, np.zeros(0, dtype=np.int64)]).astype(np.int64)
    starts = np.cumsum([0, *(len(one) for one in members)])
    for first in range(0, plan.draws, size):
        last = min(plan.draws, first + size)
        if short is not None:
            results = np.where(np.isnan(central), np.nan, short(values[first:last]))
        else:
            results = whole(np.concatenate([factors.value[None, :], values[first:last]]))[1:]
        drawn = _with_effects(central, results, normal[first:last] @ others.rows, stocks).T
        if first < kept:
            leaves[:, first : min(last, kept)] = drawn[:, : kept - first]
        sums[:, first:last] = _sums(drawn, flat, starts)
    return Draws(_drawn(leaves), sums)


def _normal(effects: Effects, plan: MonteCarlo) -> Floats:
    parts = [
        normal_draws(f"{source.kind}:{source.name}", int((effects.owner == number).sum()), plan.seed, plan.draws, plan.sampling)
        for number, source in enumerate(effects.sources)
    ]
    return np.concatenate(parts, axis=1) if parts else np.zeros((plan.draws, 0))


def _whole(account: Account, values: Floats) -> Floats:
    """Leaves for factor values whose first row is central."""
    return outcome(account, values).values


def _with_effects(central: Floats, results: Floats, added: Floats, stocks: int) -> Floats:
    """Results of draws with what other errors add."""
    drawn = results + added
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(central[:stocks] != 0.0, results[:, :stocks] / central[:stocks], 1.0)
    drawn[:, :stocks] = results[:, :stocks] + added[:, :stocks] * ratio
    return drawn


def _sums(drawn: Floats, flat: Ints, starts: NDArray[np.int64]) -> Floats:
    """Sums of rows (n, D) by lists of rows; 0 for an empty list."""
    out = np.zeros((len(starts) - 1, drawn.shape[1]))
    for number, (begin, stop) in enumerate(pairwise(starts)):
        if stop > begin:
            out[number] = drawn[flat[begin:stop]].sum(axis=0)
    return out


def _drawn(leaves: Floats) -> Drawn:
    estimated = ~np.isnan(leaves[:, 0])
    out = Drawn.nothing(len(leaves))
    if estimated.any():
        found = Drawn.of(leaves[estimated].T)
        for whole, part in zip((out.error, out.low, out.high), (found.error, found.low, found.high), strict=True):
            whole[estimated] = part
    return out
