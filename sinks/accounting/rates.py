"""Removal by sourced rates: area times the yearly rate of its type, the 固碳速率法 of DB15/T 3761-2024.

No rate is shipped: the standard's values could not be read. They come from the user's
factors, as rows ``sequestration_rate_POOL`` [t C ha-1 yr-1] by ecosystem, land class,
vegetation type, climate or soil. A rate of soil is printed and stays a memo: soil is
by cohorts in every approach (ACCOUNTING 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.change import converted, holes
from sinks.accounting.rows import PairCells, Rows, YearCells
from sinks.accounting.terms import Batch, Equation, Terms
from sinks.config import LAND_COVER
from sinks.ecosystems.method import Knowledge
from sinks.tables import POOLS

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

RATE = Equation(
    id="sequestration_rate", function=lambda area, rate: area * rate, text="dC = A * r", amounts=("A [ha]",),
    factors=("sequestration_rate [t C ha-1 yr-1]",), multipliers=1,
)  # fmt: skip
PREFIX = "sequestration_rate_"


@dataclass(frozen=True, slots=True)
class Rates:
    """Yearly carbon by sourced rates, as terms by pool: of land of a date, and of land that stays what it is over an interval.

    Parameters
    ----------
    depth_cm : mapping
        Pool -> depth of its rates; 0 but for soil.
    """

    year: Mapping[str, Terms]
    pair: Mapping[str, Terms]
    depth_cm: Mapping[str, int]

    @property
    def given(self) -> bool:
        """Has anybody given a rate?"""
        return bool(self.year)

    def factor_rows(self) -> Ints:
        """Rows of the factor table in use."""
        rows = [terms.factor_rows() for terms in (*self.year.values(), *self.pair.values())]
        return np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)


def rates_of(years: YearCells, pairs: PairCells, knowledge: Knowledge, depths: Mapping[str, int]) -> Rates:
    """The rates that the factor table holds.

    Parameters
    ----------
    depths : mapping
        Pools that some factor row gives a rate for -> depth of soil [cm], else 0.
    """
    stays = ~converted(pairs) & ~holes(pairs)
    year = {pool: _terms(years.rows, len(years.frame), np.ones(len(years.frame), dtype=bool), pool, knowledge) for pool in depths}
    pair = {pool: _terms(pairs.end, len(pairs.frame), stays, pool, knowledge) for pool in depths}
    return Rates(year=year, pair=pair, depth_cm=depths)


def _terms(rows: Rows, groups: int, where: Flags, pool: str, knowledge: Knowledge) -> Terms:
    land = rows.where((rows.layer == LAND_COVER) & where[rows.group] & np.isin(rows.ecosystem, ("forest", "grassland", "wetland")))
    rate = knowledge.factor.optional(f"{PREFIX}{pool}", land)
    known = rate >= 0
    return Terms.of(groups, [Batch(RATE, land.group[known], (land.area[known],), (rate[known],))])


def pools_with_rates(names: NDArray[np.object_], depths: NDArray[np.float64]) -> dict[str, int]:
    """Pools that the names of a factor table give rates for, with their depth [cm]."""
    out = {}
    for pool in POOLS:
        rows = np.flatnonzero(names == f"{PREFIX}{pool}")
        if len(rows):
            depth = depths[rows[0]]
            out[pool] = 0 if np.isnan(depth) else int(depth)
    return out


def held_groups(terms: Terms) -> Flags:
    """Groups that have a term."""
    held = np.zeros(terms.groups, dtype=bool)
    for batch in terms.batches:
        held[batch.group] = True
    return held
