"""Totals with their intervals, which no reader can make from leaves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.intervals import LEAF_DECIMALS, rounded
from sinks.accounting.stocks import Leaves
from sinks.config import BY_ECOSYSTEM
from sinks.ecosystems.catalogue import INVENTORIED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

STOCK = "stock_tC"
REMOVAL = "removal_tCO2e_per_year"
OFFSET = "removal_offset_tCO2e_per_year"
BARRED = ("lookup_difference", "nep_check")
"""Approaches that never feed an offset (ACCOUNTING 2)."""


COLUMNS = [
    "zone", "year", "quantity", "ecosystem", "approach", "year_from", "time_basis", "unit", "value", "value_flag", "reason", "not_estimated",
]  # fmt: skip


def exact_sum(values: Iterable[float]) -> float:
    """The exact decimal sum of rounded leaves; missing ones are left out."""
    return sum(round(value * 10**LEAF_DECIMALS) for value in values if value == value) / 10**LEAF_DECIMALS


def groups_of_zones(zones: pd.DataFrame) -> dict[str, list[str]]:
    """Each reported zone and the zones it is the sum of: the zones themselves, and every parent that is no zone."""
    codes = set(zones["zone"])
    groups = {code: [code] for code in zones["zone"]}
    for zone, parent in zip(zones["zone"], zones["parent"], strict=True):
        if parent and parent not in codes:
            groups.setdefault(parent, []).append(zone)
    return groups


@dataclass(frozen=True, slots=True)
class Totals:
    """Summary rows and the leaves that each adds up.

    Parameters
    ----------
    frame : DataFrame
        Rows of `sinks.tables.SUMMARY` without their intervals.
    members : list of (m,) int64
        Estimated leaves of each row: places among the leaves of stocks, followed by those of removals.
    """

    frame: pd.DataFrame
    members: list[Ints]


def totals(stocks: Leaves, removals: Leaves, zones: Mapping[str, list[str]], chosen: Mapping[str, str] = {}) -> Totals:
    """Summary rows of stocks, removals and the part of removals that counts towards an offset.

    Parameters
    ----------
    chosen : mapping
        Ecosystem -> approach, where the policy takes another for each: such totals are called ``by_ecosystem``.
    """
    rows: list[dict[str, object]] = []
    members: list[Ints] = []
    for keys, leaves, part, first in [
        *_stock_parts(stocks, zones),
        *(one for quantity in (REMOVAL, OFFSET) for one in _removal_parts(removals, zones, quantity, stocks.values.shape[1], chosen)),
    ]:
        row, places = _row(leaves, part)
        rows.append({**keys, **row})
        members.append(places + first)
    return Totals(pd.DataFrame(rows, columns=COLUMNS), members)


_Part = tuple[dict[str, object], Leaves, Flags, int]


def _stock_parts(leaves: Leaves, zones: Mapping[str, list[str]]) -> Iterable[_Part]:
    frame = leaves.frame.assign(part=leaves.frame["land_class"] + "." + leaves.frame["pool"])
    named = Leaves(frame=frame, values=leaves.values)
    for zone, members in zones.items():
        for year in sorted(set(frame["year"])):
            inside = (frame["zone"].isin(members) & (frame["year"] == year)).to_numpy()
            for ecosystem, part in _ecosystems(frame, inside, INVENTORIED):
                keys = {"zone": zone, "year": year, "quantity": STOCK, "ecosystem": ecosystem, "approach": "stock",
                        "year_from": year, "time_basis": "date", "unit": "t C"}  # fmt: skip
                yield keys, named, part, 0


def _removal_parts(leaves: Leaves, zones: Mapping[str, list[str]], quantity: str, first: int, chosen: Mapping[str, str]) -> Iterable[_Part]:
    frame = leaves.frame
    pool = frame["pool"].where(frame["component"] != "fire_non_co2", "fire_non_co2")
    frame = frame.assign(part=frame["ecosystem"] + "." + pool + "." + frame["transition"])
    named = Leaves(frame=frame, values=leaves.values)
    counted = (frame["account"] == "offset").to_numpy() if quantity == OFFSET else np.ones(len(frame), dtype=bool)
    ways = [(str(name), (frame["approach"] == name).to_numpy()) for name in sorted(set(frame["approach"]))]
    if chosen:
        ways.append((BY_ECOSYSTEM, (frame["approach"] == frame["ecosystem"].map(chosen)).to_numpy()))
    for zone, members in zones.items():
        of_zone = frame["zone"].isin(members).to_numpy() & counted
        for approach, of_way in ways:
            if quantity == OFFSET and approach in BARRED:
                continue
            keys = frame.loc[of_way, ["year", "year_from", "time_basis"]].drop_duplicates().sort_values("year", kind="stable")
            for key in keys.itertuples(index=False):
                inside = of_zone & of_way & ((frame["year"] == key.year) & (frame["year_from"] == key.year_from)).to_numpy()
                for ecosystem, part in _ecosystems(frame, inside, (*INVENTORIED, "other")):
                    said = {"zone": zone, "year": key.year, "quantity": quantity, "ecosystem": ecosystem, "approach": approach,
                            "year_from": key.year_from, "time_basis": key.time_basis, "unit": "t CO2e per year"}  # fmt: skip
                    yield said, named, part, first


def _ecosystems(frame: pd.DataFrame, inside: Flags, in_total: Sequence[str]) -> list[tuple[str, Flags]]:
    """Each ecosystem with rows, and the total."""
    names = frame["ecosystem"].to_numpy()
    parts = [(name, inside & (names == name)) for name in sorted(set(names[inside]))]
    return [*parts, ("total", inside & np.isin(names, list(in_total)))]


def _row(leaves: Leaves, part: Flags) -> tuple[dict[str, object], Ints]:
    frame = leaves.frame
    estimated = part & (frame["value_flag"] == "V").to_numpy()
    gaps = sorted(set(frame.loc[part & (frame["value_flag"] == "NE").to_numpy(), "part"]))
    places = np.flatnonzero(estimated).astype(np.int64)
    if not len(places):
        zero = part.any() and not gaps
        reason = "" if zero else "no_part_estimated"
        return {"value": np.nan, "value_flag": "NO" if zero else "NE", "reason": reason, "not_estimated": " ".join(gaps)}, places
    value = exact_sum(rounded(leaves.values[0, places]))
    return {"value": value, "value_flag": "V", "reason": "", "not_estimated": " ".join(gaps)}, places
