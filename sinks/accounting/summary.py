"""Totals with their intervals, which no reader can make from leaves."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.stocks import Leaves
from sinks.ecosystems.catalogue import INVENTORIED
from sinks.uncertainty import Z95, rests_on_unranged, standard_errors

Floats = NDArray[np.float64]

LEAF_DECIMALS = 3
STOCK = "stock_tC"
REMOVAL = "removal_tCO2e_per_year"
OFFSET = "removal_offset_tCO2e_per_year"


def rounded(values: Floats) -> Floats:
    """Leaves rounded once, to 0.001 t."""
    return np.rint(values * 10**LEAF_DECIMALS) / 10**LEAF_DECIMALS


def exact_sum(values: Iterable[float]) -> float:
    """The exact decimal sum of rounded leaves; missing ones are left out."""
    return sum(round(value * 10**LEAF_DECIMALS) for value in values if value == value) / 10**LEAF_DECIMALS


def with_interval(leaves: Leaves, value: str, missing: Sequence[str]) -> pd.DataFrame:
    """The leaves as table rows: rounded value, standard error and 95 % interval by error propagation."""
    suffix = value[value.index("_t") + 1 :]
    central = leaves.values[0]
    error = _errors(leaves.values)
    contains, lacks = _scope(leaves.values, error, missing)
    return leaves.frame.assign(
        **{
            value: rounded(central),
            f"se_{suffix}": rounded(error),
            f"low_{suffix}": rounded(central - Z95 * error),
            f"high_{suffix}": rounded(central + Z95 * error),
            "interval_contains": contains,
            "interval_missing": lacks,
        }
    )


def _scope(values: Floats, error: Floats, missing: Sequence[str]) -> tuple[list[str], list[str]]:
    """What the interval of each value contains and what it lacks; nothing for values that are not estimated."""
    unranged = rests_on_unranged(values) if len(values) > 1 else np.zeros(values.shape[1], dtype=bool)
    contains, lacks = [], []
    for central, one, rests in zip(values[0], error, unranged, strict=True):
        if np.isnan(central):
            contains.append("")
            lacks.append("")
            continue
        contains.append("none" if np.isnan(one) else "factor")
        lacks.append("+".join([*(["factor_without_range"] if rests else []), *missing]))
    return contains, lacks


def _errors(values: Floats) -> Floats:
    """Standard errors; NaN where nothing moves the value, which is not the same as certainty."""
    if len(values) < 3:
        return np.full(values.shape[1], np.nan)
    error = standard_errors(values)
    return np.where(np.isnan(values[0]) | (error == 0), np.nan, error)


def groups_of_zones(zones: pd.DataFrame) -> dict[str, list[str]]:
    """Each reported zone and the zones it is the sum of: the zones themselves, and every parent that is no zone."""
    codes = set(zones["zone"])
    groups = {code: [code] for code in zones["zone"]}
    for zone, parent in zip(zones["zone"], zones["parent"], strict=True):
        if parent and parent not in codes:
            groups.setdefault(parent, []).append(zone)
    return groups


def summary(
    stocks: Leaves, removals: Leaves, zones: Mapping[str, list[str]], missing: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Summary rows of stocks, removals and the part of removals that counts towards an offset."""
    rows = [*_stock_rows(stocks, zones, missing[STOCK])]
    for quantity in (REMOVAL, OFFSET):
        rows += _removal_rows(removals, zones, quantity, missing[REMOVAL])
    return pd.DataFrame(rows)


def _stock_rows(leaves: Leaves, zones: Mapping[str, list[str]], missing: Sequence[str]) -> list[dict[str, object]]:
    rows = []
    frame = leaves.frame.assign(part=leaves.frame["land_class"] + "." + leaves.frame["pool"])
    for zone, members in zones.items():
        for year in sorted(set(frame["year"])):
            inside = (frame["zone"].isin(members) & (frame["year"] == year)).to_numpy()
            for ecosystem, part in _ecosystems(frame, inside, INVENTORIED):
                row = _row(leaves, frame, part, missing)
                rows.append({"zone": zone, "year": year, "quantity": STOCK, "ecosystem": ecosystem, "approach": "stock",
                             "year_from": year, "time_basis": "date", "unit": "t C", **row})  # fmt: skip
    return rows


def _removal_rows(leaves: Leaves, zones: Mapping[str, list[str]], quantity: str, missing: Sequence[str]) -> list[dict[str, object]]:
    rows = []
    frame = leaves.frame
    frame = frame.assign(part=frame["ecosystem"] + "." + frame["pool"] + "." + frame["transition"])
    counted = (frame["account"] == "offset").to_numpy() if quantity == OFFSET else np.ones(len(frame), dtype=bool)
    keys = frame[["year", "year_from", "approach", "time_basis"]].drop_duplicates().sort_values(["approach", "year"])
    for zone, members in zones.items():
        of_zone = frame["zone"].isin(members).to_numpy() & counted
        for key in keys.itertuples(index=False):
            if quantity == OFFSET and key.approach == "lookup_difference":
                continue
            inside = of_zone & ((frame["year"] == key.year) & (frame["year_from"] == key.year_from) & (frame["approach"] == key.approach)).to_numpy()
            for ecosystem, part in _ecosystems(frame, inside, (*INVENTORIED, "other")):
                rows.append({"zone": zone, "year": key.year, "quantity": quantity, "ecosystem": ecosystem, "approach": key.approach,
                             "year_from": key.year_from, "time_basis": key.time_basis, "unit": "t CO2e per year",
                             **_row(leaves, frame, part, missing)})  # fmt: skip
    return rows


def _ecosystems(frame: pd.DataFrame, inside: NDArray[np.bool_], in_total: Sequence[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Each ecosystem with rows, and the total."""
    names = frame["ecosystem"].to_numpy()
    parts = [(name, inside & (names == name)) for name in sorted(set(names[inside]))]
    return [*parts, ("total", inside & np.isin(names, list(in_total)))]


def _row(leaves: Leaves, frame: pd.DataFrame, part: NDArray[np.bool_], missing: Sequence[str]) -> dict[str, object]:
    estimated = part & (frame["value_flag"] == "V").to_numpy()
    gaps = sorted(set(frame.loc[part & (frame["value_flag"] == "NE").to_numpy(), "part"]))
    if not estimated.any():
        zero = part.any() and not gaps
        return {"value": np.nan, "value_flag": "NO" if zero else "NE", "reason": "" if zero else "no_part_estimated", "not_estimated": " ".join(gaps)}
    total = np.nansum(leaves.values[:, estimated], axis=1)
    value = exact_sum(rounded(leaves.values[0, estimated]))
    error = float(_errors(total[:, None])[0])
    (contains,), (lacks,) = _scope(total[:, None], np.asarray([error]), missing)
    return {
        "value": value,
        "se": float(rounded(np.asarray(error))),
        "low": float(rounded(np.asarray(value - Z95 * error))),
        "high": float(rounded(np.asarray(value + Z95 * error))),
        "value_flag": "V",
        "reason": "",
        "not_estimated": " ".join(gaps),
        "interval_contains": contains,
        "interval_missing": lacks,
    }
