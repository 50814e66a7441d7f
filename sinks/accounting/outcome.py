"""What an inventory comes to: stocks and removals as leaves, for draws of factors or moves of maps and areas."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.inventory import Prepared, Result, evaluate
from sinks.accounting.removals import lookup_difference, removal_leaves
from sinks.accounting.stocks import Leaves, stock_leaves
from sinks.accounting.terms import with_nan_column
from sinks.config import PolicySection

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An inventory and what is asked of it: its policy, its dates (``years`` are the result years), whether it has a class table."""

    prepared: Prepared
    policy: PolicySection
    years: tuple[int, ...]
    dates: tuple[int, ...]
    class_table: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Leaves of an inventory: stocks of all dates, those of the result years, removals."""

    result: Result
    all_stocks: Leaves
    stocks: Leaves
    removals: Leaves

    @property
    def values(self) -> Floats:
        """Stocks of the result years and removals side by side, (D, n)."""
        draws = max(len(self.stocks.values), len(self.removals.values))
        parts = [np.broadcast_to(one.values, (draws, one.values.shape[1])) for one in (self.stocks, self.removals)]
        return np.concatenate(parts, axis=1)


def outcome(account: Account, factor_values: Floats) -> Outcome:
    """All leaves for factor values (D, factors); the first draw is central and decides what is a loss and what a gain."""
    prepared = account.prepared
    result = evaluate(prepared, factor_values)
    stocks = stock_leaves(prepared.years, prepared.year_pools, result.stocks)
    removals = removal_leaves(prepared, result, account.policy, account.years, with_nan_column(factor_values))
    if account.class_table:
        removals = _together(removals, _lookup_rows(prepared, stocks, account.dates))
    return Outcome(result=result, all_stocks=stocks, stocks=_of_years(stocks, account.years), removals=removals)


def _of_years(leaves: Leaves, years: Sequence[int]) -> Leaves:
    rows = leaves.frame["year"].isin(years).to_numpy()
    return Leaves(frame=leaves.frame[rows].reset_index(drop=True), values=leaves.values[:, rows])


def _lookup_rows(prepared: Prepared, stocks: Leaves, dates: tuple[int, ...]) -> Leaves:
    known = (stocks.frame["value_flag"] == "V").to_numpy()
    return lookup_difference(prepared, stocks.frame[known].reset_index(drop=True), stocks.values[:, known], dates)


def _together(one: Leaves, other: Leaves) -> Leaves:
    draws = max(len(one.values), len(other.values))
    values = [np.broadcast_to(part.values, (draws, part.values.shape[1])) if len(part.values) == 1 else part.values for part in (one, other)]
    return Leaves(frame=pd.concat([one.frame, other.frame], ignore_index=True), values=np.concatenate(values, axis=1))
