"""The balance of every zone, ecosystem and pool: stock, removal, transfer, revaluation (ACCOUNTING 2)."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.change import DEAD_MATTER
from sinks.accounting.inventory import SOIL, Prepared, Result
from sinks.accounting.stocks import Leaves
from sinks.tables import POOLS

Floats = NDArray[np.float64]

KEY = ["zone", "year_from", "year", "ecosystem", "pool", "soil_depth_cm"]
FLOWS = ("pair_start", "pair_end", "removal_tC", "transfer_in_tC", "transfer_out_tC")


def balance(prepared: Prepared, result: Result, stocks: Leaves) -> pd.DataFrame:
    """The balance of stock difference in the central draw.

    Each row holds ``stock_end - stock_start = removal + transfer_in - transfer_out +
    revaluation``. Revaluation is computed from the stocks and from the stock on the
    common footprint, never as what is left over. For ``other`` land the stocks are
    those of land that comes from or goes to the three ecosystems.
    """
    flows = _flows(prepared, result)
    if not len(flows):
        return pd.DataFrame(columns=[*KEY, "approach", "stock_start_tC", "stock_end_tC", *FLOWS[2:], "revaluation_tC"])
    table = flows.groupby(KEY, sort=True)[list(FLOWS)].sum().reset_index()
    total = _stock_of(stocks)
    start = _looked_up(total, table, "year_from")
    end = _looked_up(total, table, "year")
    outside = (table["ecosystem"] == "other").to_numpy()
    start, end = np.where(outside, table["pair_start"], start), np.where(outside, table["pair_end"], end)
    revaluation = (end - table["pair_end"]) - (start - table["pair_start"])
    return table.assign(approach="stock_difference", stock_start_tC=start, stock_end_tC=end, revaluation_tC=revaluation).drop(
        columns=["pair_start", "pair_end"]
    )


def _stock_of(stocks: Leaves) -> pd.Series:
    frame = stocks.frame.assign(stock=np.nan_to_num(stocks.values[0]))
    return frame.groupby(["zone", "year", "ecosystem", "pool", "soil_depth_cm"])["stock"].sum()


def _looked_up(total: pd.Series, table: pd.DataFrame, year: str) -> Floats:
    key = pd.MultiIndex.from_frame(table[["zone", year, "ecosystem", "pool", "soil_depth_cm"]])
    return total.reindex(key, fill_value=0.0).to_numpy(dtype=np.float64)


def _flows(prepared: Prepared, result: Result) -> pd.DataFrame:
    """Rows of flows by key; several rows of one key add up."""
    entries = result.entries
    rows = [_flows_of_pairs(prepared, result, pool) for pool in POOLS]
    later = (entries.frame["pair"] < 0).to_numpy()
    if later.any():
        rows.append(_flows_of_later(entries.frame[later], entries.change[0][later]))
    return pd.concat([row for row in rows if len(row)], ignore_index=True) if any(len(row) for row in rows) else pd.DataFrame()


def _flows_of_pairs(prepared: Prepared, result: Result, pool: str) -> pd.DataFrame:
    """What land of an interval holds at both dates, and what moves between its ecosystems."""
    land = prepared.pairs.frame
    change = result.changes[pool]
    start, end = change.start[0], change.end[0]
    moved = (land["ecosystem_from"] != land["ecosystem_to"]).to_numpy()
    touched = ~((land["ecosystem_from"] == "other") & (land["ecosystem_to"] == "other")).to_numpy()
    left = moved & change.lost & (pool != SOIL)
    kept = np.where(left, end, start)
    depth = {"from": prepared.start_pools[pool].depth_cm, "to": prepared.end_pools[pool].depth_cm}
    difference = end - start

    def side(name: str, **flows: Floats | NDArray[np.float64]) -> pd.DataFrame:
        frame = pd.DataFrame(
            {
                "zone": land["zone"], "year_from": land["year_from"], "year": land["year_to"],
                "ecosystem": land[f"ecosystem_{name}"], "pool": pool, "soil_depth_cm": depth[name],
                **{flow: flows.get(flow, np.zeros(len(land))) for flow in FLOWS},
            }
        )  # fmt: skip
        return frame[touched]

    leaving = side("from", pair_start=start, removal_tC=np.where(left, difference, 0.0), transfer_out_tC=np.where(moved, kept, 0.0))
    coming = side("to", pair_end=end, removal_tC=np.where(left, 0.0, difference), transfer_in_tC=np.where(moved, kept, 0.0))
    return pd.concat([leaving, coming], ignore_index=True)


def _flows_of_later(frame: pd.DataFrame, change: Floats) -> pd.DataFrame:
    """What cohorts of earlier intervals go on to change.

    Soil and gains stand on the ecosystem entered. Dead matter that goes on
    decaying is booked on the ecosystem left, to which it is handed back.
    """
    dead = frame["pool"].isin(DEAD_MATTER).to_numpy()
    back = dead & (change < 0)
    keys = frame[["zone", "year_from", "pool", "soil_depth_cm"]].assign(year=frame["year_to"])
    zero = np.zeros(len(frame))
    booked = keys.assign(
        ecosystem=frame["ecosystem"], removal_tC=change, transfer_in_tC=np.where(back, -change, 0.0), transfer_out_tC=zero,
        pair_start=np.where(dead & ~back, -change, 0.0), pair_end=np.where(dead, 0.0, change),
    )  # fmt: skip
    entered = keys.assign(
        ecosystem=frame["ecosystem_to"], removal_tC=zero, transfer_in_tC=zero, transfer_out_tC=np.where(back, -change, 0.0),
        pair_start=np.where(back, -change, 0.0), pair_end=zero,
    )[back]  # fmt: skip
    return pd.concat([booked, entered], ignore_index=True)
