"""Do two programs say the same? A ratio is printed only when they do."""

from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

from bench.peers import KEYS, SUMS

SAME = 1e-9
"""Relative difference up to which sums are the same."""
SAME_MAPS = 1e-4
"""The same for sums of maps of float32 or of scaled small integers."""


def our_table(out: Path) -> pd.DataFrame:
    """The table of the peers from a run folder; land cover that is missing is class 0."""
    pairs = pd.read_parquet(out / "tables" / "activity_pair.parquet")
    strata = pd.read_parquet(out / "tables" / "strata.parquet").set_index("stratum")["climate"]
    pairs = pairs[pairs["bin_date"] == "from"]
    keyed = pd.DataFrame(
        {
            "zone": pairs["zone"].str[1:].astype(int), "land_from": pairs["land_from"].clip(lower=0), "land_to": pairs["land_to"].clip(lower=0),
            "climate": pairs["stratum_from"].map(strata).astype(int).clip(lower=0),
        }
    )  # fmt: skip
    parts = []
    for layer, columns in {
        "land_cover": {"area": "area_ha"},
        "aboveground_biomass": {"biomass_area": "area_ha", "biomass_from": "sum_from", "biomass_to": "sum_to"},
        "ndvi": {"ndvi_area": "area_ha", "ndvi_sum": "sum_from"},
    }.items():
        rows = pairs["bin_layer"] == layer
        sums = pairs.loc[rows, list(columns.values())].set_axis(list(columns), axis=1)
        parts.append(pd.concat([keyed[rows], sums], axis=1).groupby(list(KEYS)).sum())
    return pd.concat(parts, axis=1)[list(SUMS)]


def difference_of_tables(out: Path, peer: Path) -> float:
    """Largest relative difference between our table and a peer's; infinite where a group is missing on one side."""
    ours = our_table(out)
    theirs = pd.read_csv(peer).astype(dict.fromkeys(KEYS, int)).set_index(list(KEYS))[list(SUMS)]
    return _difference(ours, theirs)


def our_zone_sums(out: Path) -> pd.DataFrame:
    """Area-weighted sum of biomass by zone, from a run folder of one date."""
    years = pd.read_parquet(out / "tables" / "activity_year.parquet")
    return years[years["layer"] == "aboveground_biomass"].groupby("zone")[["sum"]].sum()


def difference_of_zone_sums(out: Path, peer: Path) -> float:
    """Largest relative difference between our sums by zone and a peer's."""
    return _difference(our_zone_sums(out), pd.read_csv(peer).set_index("zone")[["sum"]])


def _difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    ours, theirs = ours.sort_index(), theirs.sort_index()
    if list(ours.index) != list(theirs.index):
        return float("inf")
    one, other = ours.to_numpy(dtype=np.float64), theirs.to_numpy(dtype=np.float64)
    size = np.maximum(np.maximum(np.abs(one), np.abs(other)), 1e-6 * np.abs(other).max(axis=0))
    apart: float = np.divide(np.abs(one - other), size, out=np.zeros_like(one), where=size > 0).max()
    return apart


def difference_of_maps(ours: Path, theirs: Path) -> float:
    """Relative difference of the sums of two maps over the cells of ours; a map of amounts per cell is brought to hectares."""
    sums = np.zeros(2)
    with rasterio.open(ours) as one, rasterio.open(theirs) as other:
        for _, window in one.block_windows(1):
            mine = one.read(1, window=window, masked=True).astype(np.float64).filled(np.nan) * one.scales[0]
            held = np.isfinite(mine)
            sums += mine[held].sum(), other.read(1, window=window)[held].astype(np.float64).sum()
        hectares = abs(one.transform.a * one.transform.e) / 1e4
    return float(min(abs(sums[1] / size - sums[0]) for size in (1.0, hectares)) / abs(sums[0]))
