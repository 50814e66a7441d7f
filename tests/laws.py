"""The laws of the inventory as plain functions: each returns the largest violation that it finds.

Tests hold a law by asserting that its violation stays within a bound; the tests of
the laws plant an error and assert that the same function reports it.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from aoi.coverage import Coverage
from aoi.grids import Tile
from sinks.legends.legend import ECOSYSTEM_OF
from sinks.units import C_TO_CO2

INVENTORIED = ("forest", "grassland", "wetland")
ROUNDING_T = 0.0005
"""A leaf is rounded once, to 0.001 t."""


def _decimal(cell: str) -> Decimal:
    return Decimal(cell) if cell else Decimal(0)


def zones_sum_to_parent(summary: pd.DataFrame, zones: pd.DataFrame) -> Decimal:
    """Every value of a parent zone is the decimal sum of the values of its zones; texts of the files."""
    parents = {zone: parent for zone, parent in zip(zones["zone"], zones["parent"], strict=True) if parent not in set(zones["zone"])}
    key = ["year", "quantity", "ecosystem", "approach"]
    found: dict[Any, Decimal] = {}
    for row in summary.to_dict("records"):
        place = tuple(row[name] for name in key)
        if row["zone"] in parents:
            found[parents[row["zone"]], place] = found.get((parents[row["zone"]], place), Decimal(0)) + _decimal(row["value"])
        elif row["zone"] in set(parents.values()):
            found[row["zone"], place] = found.get((row["zone"], place), Decimal(0)) - _decimal(row["value"])
    return max((abs(value) for value in found.values()), default=Decimal(0))


def ecosystems_sum_to_total(summary: pd.DataFrame) -> Decimal:
    """The total is the decimal sum of forest, grassland and wetland; of removals also of land that left them."""
    found: dict[Any, Decimal] = {}
    for row in summary.to_dict("records"):
        place = tuple(row[name] for name in ("zone", "year", "quantity", "approach"))
        counted = row["ecosystem"] in INVENTORIED or (row["ecosystem"] == "other" and row["quantity"] != "stock_tC")
        sign = {True: 1, False: 0}[counted] - (row["ecosystem"] == "total")
        found[place] = found.get(place, Decimal(0)) + sign * _decimal(row["value"])
    return max((abs(value) for value in found.values()), default=Decimal(0))


def leaves_sum_to_summary(leaves: pd.DataFrame, value: str, summary: pd.DataFrame, quantity: str) -> Decimal:
    """Every value of the summary is the decimal sum of the rounded leaves of its zone; texts of the files."""
    names = ["zone", "year", "ecosystem"] + (["approach"] if "approach" in leaves else [])
    if quantity == "removal_offset_tCO2e_per_year":
        leaves = leaves[leaves["account"] == "offset"]
    found: dict[Any, Decimal] = {}
    for row in leaves.to_dict("records"):
        place = tuple(row[name] for name in names)
        found[place] = found.get(place, Decimal(0)) + _decimal(row[value])
    rows = summary[(summary["quantity"] == quantity) & (summary["ecosystem"] != "total") & summary["zone"].isin(leaves["zone"])]
    differences = [
        abs(_decimal(row["value"]) - found.get(tuple(row[name] for name in names), Decimal(0))) for row in rows.to_dict("records")
    ]
    return max(differences, default=Decimal(0))


def areas_close(zones: pd.DataFrame) -> float:
    """The area of a zone on the grid is the area of its polygon (relative)."""
    return float((abs(zones["area_ha"] + zones["outside_ha"] - zones["polygon_ha"]) / zones["polygon_ha"]).max())


def balance_identity(balance: pd.DataFrame) -> float:
    """``end - start = removal + in - out + revaluation`` in every row [t, or 1e-3 of the relative error if that is less]."""
    residual = abs(
        balance["stock_end_tC"] - balance["stock_start_tC"]
        - (balance["removal_tC"] + balance["transfer_in_tC"] - balance["transfer_out_tC"] + balance["revaluation_tC"])
    )  # fmt: skip
    size = balance[[name for name in balance if name.endswith("_tC")]].abs().max(axis=1)
    relative = residual / size.where(size > 0, 1.0) * 1e3
    return float(np.minimum(residual, relative).max())


def transfers_cancel(balance: pd.DataFrame) -> float:
    """What one ecosystem hands over another takes: transfers of a zone, interval and pool add up to zero [t]."""
    net = balance["transfer_in_tC"] - balance["transfer_out_tC"]
    sums = net.groupby([balance[name] for name in ("zone", "year_from", "year", "pool")]).sum().abs()
    size = balance["transfer_in_tC"].abs().max()
    return float((sums / max(1.0, size * 1e-3)).max())


def balance_holds_removals(balance: pd.DataFrame, removals: pd.DataFrame) -> float:
    """The removal of the balance is that of the table of removals, over the interval [t beyond rounding of the leaves]."""
    rows = removals[(removals["approach"] == "stock_difference") & (removals["gas"] == "CO2")]
    key = ["zone", "year_from", "year", "ecosystem", "pool"]
    years = rows["year"].astype(float) - rows["year_from"].astype(float)
    carbon = (rows["removal_tCO2e_per_year"].fillna(0.0) * years / C_TO_CO2).groupby([rows[name] for name in key]).sum()
    slack = ((rows["value_flag"] == "V") * ROUNDING_T * years / C_TO_CO2).groupby([rows[name] for name in key]).sum()
    mine = balance.groupby(key)["removal_tC"].sum()
    both = pd.concat([mine, carbon, slack], axis=1, keys=["balance", "removals", "slack"]).fillna(0.0)
    both = both[both.index.get_level_values("year").isin(set(rows["year"]))]
    return float(((both["balance"] - both["removals"]).abs() - both["slack"]).max())


def land_use_closes(land_use: pd.DataFrame, zones: pd.DataFrame) -> float:
    """The matrix of each interval adds up to the zone, and both intervals agree on the date between them (relative)."""
    area = zones.set_index("zone")["area_ha"]
    worst = 0.0
    by_date = {}
    for side, year in (("from", "year_from"), ("to", "year_to")):
        sums = land_use.groupby(["zone", year, f"land_{side}"])["area_ha"].sum()
        sums.index = sums.index.set_names(["zone", "year", "land_class"])
        by_date[side] = sums
        whole = sums.groupby(level=["zone", "year"]).sum()
        worst = max(worst, float((abs(whole / area.reindex(whole.index.get_level_values("zone")).to_numpy() - 1.0)).max()))
    shared = set(by_date["from"].index.get_level_values("year")) & set(by_date["to"].index.get_level_values("year"))
    between = [sums[sums.index.get_level_values("year").isin(shared)] for sums in by_date.values()]
    both = pd.concat(between, axis=1).fillna(0.0)
    if len(both):
        size = area.reindex(both.index.get_level_values("zone")).to_numpy()
        worst = max(worst, float((abs(both.iloc[:, 0] - both.iloc[:, 1]) / size).max()))
    return worst


def stocks_stand_on_all_land(stocks: pd.DataFrame, land_use: pd.DataFrame) -> float:
    """One pixel, one ecosystem: the land of the stocks is the land of the matrix, class by class, for every pool [ha]."""
    ends = land_use.groupby(["zone", "year_to", "land_to"])["area_ha"].sum()
    ends = ends[ends.index.get_level_values("land_to").map(ECOSYSTEM_OF.__getitem__).isin(INVENTORIED)]
    worst = 0.0
    for pool, rows in stocks[stocks["ecosystem"].isin(INVENTORIED)].groupby("pool"):
        wrong = rows["ecosystem"] != rows["land_class"].map(ECOSYSTEM_OF)
        mine = rows.groupby(["zone", "year", "land_class"])["area_ha"].sum()
        mine = mine[mine.index.get_level_values("year").isin(set(ends.index.get_level_values("year_to")))]
        mine.index = mine.index.set_names(ends.index.names)
        both = pd.concat([mine, ends], axis=1).fillna(0.0)
        worst = max(worst, float(abs(both.iloc[:, 0] - both.iloc[:, 1]).max()), float(wrong.sum()), 0.0 if pool else 1.0)
    return worst


def estimated_removals_are_zero(removals: pd.DataFrame) -> float:
    """On land that changes neither class nor density every estimated removal by stock difference is zero [t CO2e per year]."""
    rows = removals[removals["approach"].isin(["stock_difference", "lookup_difference"]) & (removals["gas"] == "CO2")]
    rows = rows[rows["component"] != "accumulation"]
    return float(rows["removal_tCO2e_per_year"].abs().max())


def same_removals(one: pd.DataFrame, other: pd.DataFrame, approach: str = "stock_difference") -> float:
    """Two tables say the same of every leaf [t CO2e per year]; a leaf that only one of them estimates counts in full."""
    key = ["zone", "year", "year_from", "account", "ecosystem", "land_class", "transition", "pool", "component", "gas"]
    both = [frame[frame["approach"] == approach].set_index(key)["removal_tCO2e_per_year"] for frame in (one, other)]
    joined = pd.concat(both, axis=1).fillna(0.0)
    return float((joined.iloc[:, 0] - joined.iloc[:, 1]).abs().max()) if len(joined) else 0.0


def different_files(one: Mapping[str, bytes], other: Mapping[str, bytes], but: Iterable[str] = ()) -> list[str]:
    """Names of the tables whose bytes differ, or that only one side has."""
    names = (set(one) | set(other)) - set(but)
    if not names:
        return ["nothing to compare"]
    return sorted(name for name in names if one.get(name) != other.get(name))


def relative_difference(one: Any, other: Any) -> float:
    """The largest relative difference of two arrays; where one is NaN the other must be."""
    one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if one.shape != other.shape or (np.isnan(one) != np.isnan(other)).any():
        return float("inf")
    size = np.maximum(np.maximum(np.abs(one), np.abs(other)), 1e-300)
    return float(np.nanmax(np.abs(one - other) / size, initial=0.0))


def zone_sums(cells: Any, coverage: Coverage) -> dict[str, float]:
    """Sum of cells per hectare times area over each zone; NaN counts nothing."""
    sums = np.zeros(len(coverage.codes))
    for tile in coverage.tiles():
        part = coverage.tile(tile)
        area = np.broadcast_to(coverage.grid.cell_areas_ha(tile), (tile.height, tile.width)).reshape(-1)[part.cells]
        values = np.nan_to_num(_of_tile(cells, tile).astype(np.float64)).reshape(-1)[part.cells]
        sums += np.bincount(part.zones, weights=part.fractions * area * values, minlength=len(sums))
    return dict(zip(coverage.codes, sums.tolist(), strict=True))


def _of_tile(cells: Any, tile: Tile) -> Any:
    return cells[tile.row_off : tile.row_off + tile.height, tile.col_off : tile.col_off + tile.width]


SLIVER_HA = 1e-3
"""Land so small that its carbon rounds to nothing."""


def values_without_land(stocks: pd.DataFrame) -> int:
    """Leaves whose value rests on no land that has one, and soil of known land that weighs nothing: unknown counted as zero."""
    large = stocks["area_ha"] > SLIVER_HA
    known = stocks["area_ha"] - stocks["missing_ha"] > SLIVER_HA
    weightless = (stocks["stock_tC"] == 0) & (stocks["pool"] == "soil_organic_carbon") & known
    return int((weightless | (large & (stocks["missing_ha"] >= stocks["area_ha"] * (1 - 1e-12)))).sum())


def hidden_missing_area(stocks: pd.DataFrame, pool: str, expected_ha: float) -> float:
    """Missing area of a pool is the area of its holes [ha]."""
    return float(abs(stocks.loc[stocks["pool"] == pool, "missing_ha"].sum() - expected_ha))


def errors_of_nothing(stocks: pd.DataFrame) -> int:
    """Stocks of more than a tonne that state an error of 0, or any error although their interval contains nothing: unknown is not certainty."""
    certain = (stocks["se_tC"] == 0) & (stocks["stock_tC"] > 1.0)
    return int((certain | ((stocks["interval_contains"] == "none") & stocks["se_tC"].notna())).sum())


def class_areas_missed(activity: pd.DataFrame, expected: Mapping[int, float]) -> float:
    """Areas by class are those of the cells that were counted by hand [ha]."""
    found = activity[activity["layer"] == "land_cover"].groupby("class")["area_ha"].sum()
    codes = set(found.index) | set(expected)
    return max(abs(float(found.get(code, 0.0)) - expected.get(code, 0.0)) for code in codes)
