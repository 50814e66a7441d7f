"""Densities of parcels from the folder of an inventory run that had these parcels as a zone layer."""

from pathlib import Path

import pandas as pd

from aoi.findings import Finding, finding
from methodologies.tables import INVENTORY
from sinks.tables import STOCKS, ZONES


def inventory_densities(folder: Path, where: str) -> tuple[pd.DataFrame, list[Finding]]:
    """Carbon density [tC ha-1] per parcel, year and pool, over the land where the pool is estimated; parcels that leagues cut are put together again.

    Raises
    ------
    InputError
        The folder holds no tables of a run, or they are broken.
    """
    stocks = STOCKS.read(folder / "tables" / "stocks.csv", f"{where}/tables/stocks.csv")
    zones = ZONES.read(folder / "tables" / "zones.csv", f"{where}/tables/zones.csv")
    parcels = zones[zones["zone_set"] == "parcels"]
    if not len(parcels):
        return INVENTORY.frame(), [finding("E-QUANT-24", where)]
    rows = stocks[stocks["zone"].isin(parcels["zone"]) & stocks["stock_tC"].notna()].copy()
    rows["parcel"] = [code.partition(".")[2] for code in rows["zone"]]
    summed = rows.groupby(["parcel", "year", "pool"], as_index=False)[["stock_tC", "area_ha"]].sum()
    summed = summed[summed["area_ha"] > 0]
    summed["density_tC_ha"] = summed["stock_tC"] / summed["area_ha"]
    return INVENTORY.sorted(INVENTORY.frame(summed[INVENTORY.names].to_dict("records"))), []
