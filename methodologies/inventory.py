"""Densities of parcels from the folder of an inventory run that had these parcels as a zone layer."""

from pathlib import Path

import pandas as pd

from aoi.findings import Finding, finding
from methodologies.tables import INVENTORY
from sinks.tables import STOCKS, ZONES


def inventory_strata(folder: Path, where: str) -> tuple[dict[str, str], list[Finding]]:
    """The land class that holds most of each parcel at the last date of a run.

    Raises
    ------
    InputError
        The folder holds no tables of a run, or they are broken.
    """
    rows, found = _rows(folder, where)
    if not len(rows):
        return {}, found
    last = rows[rows["year"] == rows["year"].max()].drop_duplicates(["zone", "ecosystem", "land_class"])
    areas = (
        last.groupby(["parcel", "land_class"], as_index=False)["area_ha"]
        .sum()
        .sort_values(["area_ha", "land_class"], ascending=[False, True])
    )
    return dict(areas.drop_duplicates("parcel")[["parcel", "land_class"]].itertuples(index=False, name=None)), found


def inventory_densities(folder: Path, where: str) -> tuple[pd.DataFrame, list[Finding]]:
    """Carbon density [tC ha-1] per parcel, year and pool, over the land where the pool is estimated; parcels that leagues cut are put together again.

    Raises
    ------
    InputError
        The folder holds no tables of a run, or they are broken.
    """
    rows, found = _rows(folder, where)
    rows = rows[rows["stock_tC"].notna()]
    summed = rows.groupby(["parcel", "year", "pool"], as_index=False)[["stock_tC", "area_ha"]].sum()
    summed = summed[summed["area_ha"] > 0]
    summed["density_tC_ha"] = summed["stock_tC"] / summed["area_ha"]
    return INVENTORY.sorted(INVENTORY.frame(summed[INVENTORY.names].to_dict("records"))), found


def _rows(folder: Path, where: str) -> tuple[pd.DataFrame, list[Finding]]:
    """Rows of the stocks of a run that belong to parcels, with the parcel of each."""
    stocks = STOCKS.read(folder / "tables" / "stocks.csv", f"{where}/tables/stocks.csv")
    zones = ZONES.read(folder / "tables" / "zones.csv", f"{where}/tables/zones.csv")
    parcels = zones[zones["zone_set"] == "parcels"]
    rows = stocks[stocks["zone"].isin(parcels["zone"])]
    named = rows.assign(parcel=[str(code).partition(".")[2] for code in rows["zone"]])
    return named, [] if len(parcels) else [finding("E-QUANT-24", where)]
