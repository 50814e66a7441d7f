"""Carbon stocks: leaves by zone, year, land class and pool."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.pools import PoolCarbon
from sinks.accounting.rows import YearCells
from sinks.accounting.terms import sum_by
from sinks.tables import POOLS

Floats = NDArray[np.float64]

LEAF = ["zone", "year", "ecosystem", "land_class", "pool", "soil_depth_cm"]
ZERO_CLASSES = ("inland_flat",)
"""Inland flats hold no carbon that is counted (ACCOUNTING 2)."""
WITHOUT_DEAD_WOOD = ("meadow_steppe", "typical_steppe", "desert_steppe", "other_grassland", "marsh", "peatland", "marsh_meadow")
"""Land without trees, where dead wood does not occur."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """Rows of a table with their values per draw.

    Parameters
    ----------
    frame : DataFrame
        Keys and plain columns, one row per leaf.
    values : (D, n) float64
        NaN where nothing is estimated; the first draw is central.
    """

    frame: pd.DataFrame
    values: Floats


def stock_leaves(cells: YearCells, pools: Mapping[str, PoolCarbon], totals: Mapping[str, Floats]) -> Leaves:
    """Stock leaves from the carbon of groups.

    Parameters
    ----------
    totals : mapping
        Pool -> carbon of each group (D, groups) [t C]; soil of later dates includes its cohorts.
    """
    keys, values, plain = [], [], []
    for pool in POOLS:
        carbon = pools[pool]
        frame = cells.frame.assign(pool=pool, soil_depth_cm=carbon.depth_cm)
        listed = _listed(frame, carbon)
        keys.append(frame[LEAF][listed])
        values.append(np.where(carbon.estimated, totals[pool], np.nan)[:, listed])
        plain.append(_plain(frame, carbon)[listed])
    return _aggregated(pd.concat(keys, ignore_index=True), np.concatenate(values, axis=1), pd.concat(plain, ignore_index=True))


def _listed(frame: pd.DataFrame, carbon: PoolCarbon) -> NDArray[np.bool_]:
    """Groups with a row: all land of the three ecosystems, other land where something is known of it."""
    inventoried = (frame["ecosystem"] != "other").to_numpy()
    return (inventoried | carbon.estimated) & (frame["area_ha"] > 0).to_numpy()


def _plain(frame: pd.DataFrame, carbon: PoolCarbon) -> pd.DataFrame:
    zero = (frame["land_class"].isin(ZERO_CLASSES) | (frame["land_class"].isin(WITHOUT_DEAD_WOOD) & (frame["pool"] == "dead_wood"))).to_numpy()
    return pd.DataFrame(
        {
            "area_ha": frame["area_ha"].to_numpy(),
            "missing_ha": np.where(zero | carbon.included, 0.0, np.where(carbon.estimated, carbon.missing, frame["area_ha"].to_numpy())),
            "estimated": carbon.estimated,
            "zero": zero,
            "included": carbon.included,
            "method": carbon.method,
            "layer": carbon.layer,
        }
    )


def _aggregated(keys: pd.DataFrame, values: Floats, plain: pd.DataFrame) -> Leaves:
    group, leaves = group_rows(keys)
    count = len(leaves)
    estimated = np.bincount(group, weights=plain["estimated"], minlength=count) > 0
    zero = np.bincount(group, weights=plain["zero"], minlength=count) > 0
    included = np.bincount(group, weights=plain["included"], minlength=count) > 0
    total = np.where(estimated, sum_by(group, values, count), np.nan)
    frame = leaves.assign(
        area_ha=np.bincount(group, weights=plain["area_ha"], minlength=count),
        missing_ha=np.bincount(group, weights=plain["missing_ha"], minlength=count),
        method=names_joined(group, plain["method"], count),
        layers=names_joined(group, plain["layer"], count),
        value_flag=np.select([estimated, zero, included], ["V", "NO", "IE"], "NE"),
        reason=np.select([estimated, zero, included], ["", "no_carbon_counted", "litter_in_dead_wood"], "no_data_for_pool"),
    )
    return Leaves(frame=frame, values=total)


def names_joined(group: NDArray[np.int64], names: pd.Series, count: int) -> NDArray[np.object_]:
    """The distinct names of each group, sorted and joined by ``+``; empty where there are none."""
    pairs = pd.DataFrame({"group": group, "name": names.to_numpy()})
    pairs = pairs[pairs["name"] != ""].drop_duplicates().sort_values(["group", "name"])
    joined = pairs.groupby("group")["name"].agg("+".join)
    return joined.reindex(range(count), fill_value="").to_numpy(dtype=object)


def group_rows(keys: pd.DataFrame) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """The place of each row among the distinct keys, and the distinct keys, sorted."""
    names = list(keys.columns)
    if not len(keys):
        return np.zeros(0, dtype=np.int64), keys.reset_index(drop=True)
    group = keys.groupby(names, sort=True, dropna=False).ngroup().to_numpy(dtype=np.int64)
    first = np.unique(group, return_index=True)[1]
    return group, keys.iloc[first].reset_index(drop=True)
