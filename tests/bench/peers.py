"""The same sums by other programs, each as its users would write it; one measurement per process.

The table is zone x class pair x climate with the area, and for biomass the area
with a value at both dates and the sums at both dates, and for NDVI area and sum.
Zones are cell numbers that were rasterised once (centre rule), which no peer has
to pay for. Sums run in float64 over raw numbers, which are scaled at the end.
Nothing of the program is imported here.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.clock import Clock, say
from bench.layout import BIOMASS_SCALE, NDVI_SCALE, NO_VALUE, YEARS, ZONES, write_tables

KEYS = ("zone", "land_from", "land_to", "climate")
SUMS = ("area", "biomass_area", "biomass_from", "biomass_to", "ndvi_area", "ndvi_sum")
_SIZES = (ZONES + 1, 10, 10, 4)
_GROUPS = int(np.prod(_SIZES))
_SCALES = np.array([1.0, 1.0, BIOMASS_SCALE, BIOMASS_SCALE, 1.0, NDVI_SCALE])
_CHUNK = 2048
_GDAL_CACHE_MIB = "128"


def main() -> None:
    """One peer, chosen by its first argument; its sums go into a CSV file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ.setdefault("GDAL_CACHEMAX", _GDAL_CACHE_MIB)
    run = PEERS[options.peer]()
    clock = Clock()
    frame = run(options.folder, options.threads)
    figures = clock.figures()
    if frame is not None:
        frame.to_csv(options.output, index=False)
    say(figures)


Peer = Callable[[Path, int], pd.DataFrame | None]


def flox() -> Peer:
    """xarray with flox: one grouped sum over lazily read layers, in the form that was fastest (one key, numpy engine)."""
    import dask
    import xarray
    from flox.xarray import xarray_reduce

    def run(folder: Path, threads: int) -> pd.DataFrame:
        terms = xarray.Dataset(_terms(folder))
        expected = pd.RangeIndex(_GROUPS)
        lazy = xarray_reduce(
            terms, _group(folder), func="sum", expected_groups=expected, dtype=np.float64, fill_value=0.0, engine="numpy"
        )  # fmt: skip
        with dask.config.set(scheduler="threads", num_workers=threads):
            sums = lazy.compute()
        return _table(np.stack([sums[name].to_numpy() for name in SUMS]), folder)

    return run


def counts() -> Peer:
    """xarray and dask without flox, by hand: one key per cell, and a weighted count for each sum."""
    import dask
    import dask.array as da
    from dask.base import compute

    def run(folder: Path, threads: int) -> pd.DataFrame:
        cells = _group(folder).data.ravel()
        sums = [da.bincount(cells, weights=term.data.ravel(), minlength=_GROUPS) for term in _terms(folder).values()]
        with dask.config.set(scheduler="threads", num_workers=threads):
            counted = compute(*sums)
        return _table(np.stack(counted), folder)

    return run


def naive() -> Peer:
    """xarray and dask, naively: all cells as a table, grouped."""
    import dask
    import dask.dataframe as dd

    def run(folder: Path, threads: int) -> pd.DataFrame:
        columns = {"group": _group(folder), **_terms(folder)}
        frame = dd.concat([dd.from_dask_array(one.data.ravel(), columns=name) for name, one in columns.items()], axis=1)
        with dask.config.set(scheduler="threads", num_workers=threads):
            sums = frame.groupby("group").sum().compute()
        return _table(sums.reindex(range(_GROUPS), fill_value=0.0)[list(SUMS)].to_numpy().T, folder)

    return run


def _group(folder: Path) -> Any:
    """Zone, classes and climate of each cell as one number."""
    number: Any = 0
    for name, size in zip(_key_layers(), _SIZES, strict=True):
        number = number * size + _opened(folder, name).astype(np.int64)
    return number.rename("group")


def _key_layers() -> tuple[str, ...]:
    return "zone_ids", *(f"land_cover_{year}" for year in YEARS), "climate"


def _opened(folder: Path, name: str) -> Any:
    """A layer, read lazily in chunks that are whole blocks, a handle per thread."""
    import rioxarray

    opened: Any = rioxarray.open_rasterio(folder / f"{name}.tif", chunks={"x": _CHUNK, "y": _CHUNK}, lock=False)
    return opened.squeeze("band", drop=True)


def _terms(folder: Path) -> dict[str, Any]:
    """What is summed, in raw numbers."""
    import xarray

    first, last = (_opened(folder, f"aboveground_biomass_{year}") for year in YEARS)
    green = _opened(folder, f"ndvi_{YEARS[1]}")
    both, seen = (first != NO_VALUE) & (last != NO_VALUE), green != NO_VALUE
    terms = [xarray.ones_like(first), both, first.where(both, 0), last.where(both, 0), seen, green.where(seen, 0)]
    return {name: term.astype(np.float64) for name, term in zip(SUMS, terms, strict=True)}


def _table(sums: Any, folder: Path) -> pd.DataFrame:
    """Sums as rows of the groups that have cells, in hectares and units of the layers."""
    sums = sums.reshape(len(SUMS), *_SIZES)
    held = np.argwhere(sums[0] > 0)
    held = held[held[:, 0] > 0]
    values = sums[(slice(None), *held.T)].T * (_SCALES * cell_ha(folder))
    return pd.DataFrame(np.concatenate([held, values], axis=1), columns=[*KEYS, *SUMS])


def cell_ha(folder: Path) -> float:
    """Area of a cell of an equal-area grid [ha]."""
    import rasterio

    with rasterio.open(folder / "zone_ids.tif") as dataset:
        return float(abs(dataset.transform.a * dataset.transform.e) / 1e4)


def exactextract() -> Peer:
    """exactextract: the sum of one layer by zone, every cell by the share inside; it applies the scale itself.

    The strategy is the default: the other one, raster-sequential, adds no-data cells
    of integer rasters with a scale (0.3.0).
    """
    from exactextract import exact_extract

    def run(folder: Path, threads: int) -> pd.DataFrame:
        path = str(folder / f"aboveground_biomass_{YEARS[1]}.tif")
        found = exact_extract(path, _polygons(folder), ["sum"], output="pandas", include_cols=["adcode"])
        return pd.DataFrame({"zone": found["adcode"], "sum": found["sum"] * cell_ha(folder)})

    return run


def rasterstats() -> Peer:
    """rasterstats: the sum of one layer by zone, cells whose centre is inside."""
    from rasterstats import zonal_stats

    def run(folder: Path, threads: int) -> pd.DataFrame:
        zones = _polygons(folder)
        found = zonal_stats(zones, str(folder / f"aboveground_biomass_{YEARS[1]}.tif"), stats=["sum"])
        sums = np.array([float(one["sum"]) for one in found])
        return pd.DataFrame({"zone": zones["adcode"], "sum": sums * BIOMASS_SCALE * cell_ha(folder)})

    return run


def _polygons(folder: Path) -> Any:
    import geopandas

    return geopandas.read_file(folder / "zones.gpkg")


def invest() -> Peer:
    """InVEST Carbon: storage at both dates and its change, as maps."""
    from natcap.invest import carbon

    def run(folder: Path, threads: int) -> None:
        write_tables(folder)
        paths = [str(folder / f"land_cover_{year}.tif") for year in YEARS]
        carbon.execute(
            {
                "workspace_dir": str(folder / "invest"), "results_suffix": "", "n_workers": -1 if threads == 1 else threads,
                "lulc_bas_path": paths[0], "calc_sequestration": True, "lulc_alt_path": paths[1],
                "carbon_pools_path": str(folder / "densities.csv"), "do_valuation": False,
            }
        )  # fmt: skip

    return run


PEERS: dict[str, Callable[[], Peer]] = {
    "flox": flox, "counts": counts, "naive": naive, "exactextract": exactextract, "rasterstats": rasterstats, "invest": invest,
}  # fmt: skip

if __name__ == "__main__":
    main()
