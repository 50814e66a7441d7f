"""Land whose mapped values, or area, are other than read: how errors reach the accounting.

The accounting runs on the same terms, whose carbon is multiplied group by group. A move
is what would have been read had the map, the model or the area sample erred by so much.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.inventory import Prepared
from sinks.accounting.pools import PoolCarbon
from sinks.accounting.rows import Rows
from sinks.config import LAND_COVER

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moves:
    """Relative changes of the values of one layer on groups of land, for D cases; the first is none.

    Parameters
    ----------
    layer : str
    year : (D, year groups) float64
    start, end : (D, pair groups) float64
        On land of an interval, at either date.
    """

    layer: str
    year: Floats
    start: Floats
    end: Floats


@dataclass(frozen=True, slots=True)
class AreaMoves:
    """What areas are multiplied by, for D cases: of classes at a date, and of transitions."""

    year: Floats
    pair: Floats


def with_moved_values(prepared: Prepared, moves: Moves, values: Floats) -> Prepared:
    """The inventory as if the layer's values were so much larger.

    Parameters
    ----------
    values : (1, factors + 1) float64
        Central factor values, by which elasticities are taken.
    """

    def scaled(pools: Mapping[str, PoolCarbon], own: Floats, binned: Floats) -> dict[str, PoolCarbon]:
        return {pool: _times(carbon, _multipliers(carbon, moves.layer, own, binned, values)) for pool, carbon in pools.items()}

    return replace(
        prepared,
        year_pools=scaled(prepared.year_pools, moves.year, moves.year),
        start_pools=scaled(prepared.start_pools, moves.start, moves.start),
        end_pools=scaled(prepared.end_pools, moves.end, moves.start),
    )


def _multipliers(carbon: PoolCarbon, layer: str, own: Floats, binned: Floats, values: Floats) -> Floats | None:
    """What the carbon of groups that read the layer is multiplied by: the value itself, and the density it is binned by, move."""
    mine = carbon.layer == layer
    if not mine.any():
        return None
    of_value, of_bin = carbon.elasticities(values)
    return np.where(mine, 1.0 + of_value * own + of_bin * binned, 1.0)


def _times(carbon: PoolCarbon, scale: Floats | None) -> PoolCarbon:
    if scale is None:
        return carbon
    return replace(carbon, scale=scale if carbon.scale is None else carbon.scale * scale)


def with_areas(prepared: Prepared, moves: AreaMoves) -> Prepared:
    """The inventory with other areas of classes and transitions.

    Only carbon that areas alone decide is multiplied at a date; mapped densities are not
    corrected twice. On land of an interval it is what conversion changes (ACCOUNTING 4).
    """
    pools = {
        pool: _times(carbon, np.where(carbon.layer == LAND_COVER, moves.year, 1.0)) for pool, carbon in prepared.year_pools.items()
    }
    pair = moves.pair if prepared.pair_area is None else prepared.pair_area * moves.pair
    return replace(prepared, year_pools=pools, pair_area=pair)


@dataclass(frozen=True, slots=True)
class LayerSums:
    """Area times value of a layer, and area with a value [ha], by group of land."""

    year: Floats
    year_area: Floats
    start: Floats
    end: Floats
    pair_area: Floats

    @classmethod
    def of(cls, prepared: Prepared, layer: str) -> "LayerSums":
        """The sums of a layer; files that are averaged count by their share."""
        years, pairs = len(prepared.years.frame), len(prepared.pairs.frame)
        return cls(
            year=_sum(prepared.years.rows, layer, years, "sum"), year_area=_sum(prepared.years.rows, layer, years, "area"),
            start=_sum(prepared.pairs.start, layer, pairs, "sum"), end=_sum(prepared.pairs.end, layer, pairs, "sum"),
            pair_area=_sum(prepared.pairs.end, layer, pairs, "area"),
        )  # fmt: skip


def _sum(rows: Rows, layer: str, groups: int, name: str) -> Floats:
    mine = rows.where(rows.layer == layer)
    return np.bincount(mine.group, weights=getattr(mine, name) * mine.share, minlength=groups).astype(np.float64)


def relative(change: Floats, total: Floats) -> Floats:
    """Change over total; 0 where the total is zero: no value, nothing to move."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total != 0.0, change / total, 0.0)
