"""Result tables with both kinds of intervals side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sinks.accounting.intervals import Drawn, Known, Scope, interval_columns, rounded, scope_of
from sinks.accounting.monte_carlo import Draws, MonteCarlo, draw
from sinks.accounting.sources_of_error import Assessed
from sinks.accounting.stocks import Leaves
from sinks.accounting.summary import Totals, totals
from sinks.accounting.uncertainty_tables import contribution_rows, convergence_rows, covariance_rows, key_category_rows, trend_rows
from sinks.factors.table import FactorTable


@dataclass(frozen=True, slots=True, kw_only=True)
class WithIntervals:
    """Stocks, removals and their totals with intervals, and the tables of uncertainty."""

    stocks: pd.DataFrame
    removals: pd.DataFrame
    summary: pd.DataFrame
    covariance: pd.DataFrame
    contributions: pd.DataFrame
    trend: pd.DataFrame
    key_categories: pd.DataFrame
    convergence: pd.DataFrame


def tables_with_intervals(
    assessed: Assessed, factors: FactorTable, known: Known, plan: MonteCarlo | None, groups: dict[str, list[str]], zones: Sequence[str]
) -> WithIntervals:  # fmt: skip
    """All tables that have intervals.

    Parameters
    ----------
    groups : dict
        Reported zone -> the zones it is the sum of.
    zones : sequence of str
        Zones between which covariances are told; sums follow from them.
    """
    stocks, removals = assessed.central.stocks, assessed.central.removals
    count = stocks.values.shape[1]
    summed = totals(stocks, removals, groups, assessed.account.policy.approaches)
    effects = assessed.effects.summed(summed.members)
    central = assessed.central.values[0]
    draws = None if plan is None else draw(assessed.account, factors, assessed.moved, central, assessed.effects, summed.members, count, plan)
    scope = _scope(assessed, known)
    error = assessed.effects.standard_error()
    drawn = Drawn.nothing(len(error)) if draws is None else draws.leaves
    parts = slice(0, count), slice(count, None)
    return WithIntervals(
        stocks=_leaf_rows(stocks, "stock_tC", error[parts[0]], _part(drawn, parts[0]), _scope_part(scope, parts[0])),
        removals=_leaf_rows(removals, "removal_tCO2e_per_year", error[parts[1]], _part(drawn, parts[1]), _scope_part(scope, parts[1])),
        summary=_summary_rows(summed, effects.standard_error(), draws, scope),
        covariance=covariance_rows(summed.frame, effects, draws, zones),
        contributions=contribution_rows(summed.frame, effects),
        trend=trend_rows(summed.frame, effects, draws),
        key_categories=key_category_rows(stocks, removals, assessed.effects, groups),
        convergence=pd.DataFrame() if draws is None else convergence_rows(summed.frame, draws, [zone for zone in groups if zone not in set(zones)]),
    )


def _scope(assessed: Assessed, known: Known) -> Scope:
    stocks, removals = assessed.central.stocks, assessed.central.removals
    frame = pd.concat([stocks.frame[["zone", "layers"]].assign(transition=""), removals.frame[["zone", "layers", "transition"]]], ignore_index=True)
    return scope_of(frame, assessed.effects, assessed.unranged, known)


def _part(drawn: Drawn, rows: slice) -> Drawn:
    return Drawn(drawn.error[rows], drawn.low[rows], drawn.high[rows])


def _scope_part(scope: Scope, rows: slice) -> Scope:
    return Scope(scope.contains[rows], scope.lacks[rows])


def _leaf_rows(leaves: Leaves, value: str, error: np.ndarray, drawn: Drawn, scope: Scope) -> pd.DataFrame:
    """Leaves as table rows: rounded value, standard errors and intervals."""
    suffix = value[value.index("_t") + 1 :]
    central = leaves.values[0]
    return leaves.frame.assign(**{value: rounded(central)}, **interval_columns(suffix, central, error, drawn, scope))


def _summary_rows(summed: Totals, error: np.ndarray, draws: Draws | None, scope: Scope) -> pd.DataFrame:
    drawn = Drawn.nothing(len(error)) if draws is None else draws.of_totals()
    central = summed.frame["value"].to_numpy(dtype=np.float64)
    return summed.frame.assign(**interval_columns("", central, error, drawn, scope.summed(summed.members)))
