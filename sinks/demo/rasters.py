"""GeoTIFFs of the demonstration, written with the same bytes for the same values."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.grids import TILE, Grid
from sinks.layers.raster import check_is_tiff

CRS = "EPSG:4326"
LABEL_ZH = "演示情景，非真实数据"
LABEL_EN = "stated scenario, not real data"
LABEL = f"{LABEL_ZH} / {LABEL_EN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """What a raster of the demonstration holds.

    Parameters
    ----------
    name : str
        File name without its ending.
    zh, en : str
        What it is; stands in the file.
    invented : bool
        The file is labelled as a scenario.
    """

    name: str
    dtype: str
    nodata: int
    zh: str
    en: str
    scale: float = 1.0
    unit: str = ""
    invented: bool = False

    @property
    def description(self) -> str:
        """The text of the file's description tag."""
        return f"{LABEL}; {self.zh} / {self.en}" if self.invented else f"{self.zh} / {self.en}"


def read_band(path: Path) -> NDArray[Any]:
    """The raw numbers of the first band."""
    import rasterio

    check_is_tiff(path, path.name)
    with rasterio.open(path, driver="GTiff") as dataset:
        return np.asarray(dataset.read(1))


def read_rows(path: Path, first: int, count: int) -> NDArray[Any]:
    """The raw numbers of some rows of the first band."""
    import rasterio

    check_is_tiff(path, path.name)
    with rasterio.open(path, driver="GTiff") as dataset:
        return np.asarray(dataset.read(1, window=((first, first + count), (0, dataset.width))))


def write_raster(path: Path, raster: Raster, values: NDArray[Any], transform: tuple[float, ...]) -> None:
    """A small deflated GeoTIFF with a band of values."""
    height, width = values.shape
    with _open(path, raster, width, height, transform, compress="deflate", zlevel=9) as dataset:
        dataset.write(values, 1)


@contextmanager
def tiled_writers(folder: Path, rasters: Sequence[Raster], grid: Grid) -> Iterator[dict[str, Any]]:
    """Open GeoTIFFs of a grid by name, tiled like the canonical tiles; tiles that are never written take no space."""
    layout = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "zstd", "zstd_level": 3, "sparse_ok": True}
    if grid.width * grid.height > 2**31:
        layout["bigtiff"] = "yes"
    with ExitStack() as stack:
        yield {
            one.name: stack.enter_context(_open(folder / f"{one.name}.tif", one, grid.width, grid.height, grid.transform, **layout))
            for one in rasters
        }


def _open(path: Path, raster: Raster, width: int, height: int, transform: tuple[float, ...], **layout: Any) -> Any:
    """A GeoTIFF open for writing, with its tags already set."""
    import rasterio
    from rasterio.transform import Affine

    layout.setdefault("predictor", 2 if raster.dtype == "int16" else 1)
    dataset = rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype=raster.dtype, nodata=raster.nodata, crs=CRS,
        transform=Affine(*transform), **layout,
    )  # fmt: skip
    dataset.update_tags(TIFFTAG_IMAGEDESCRIPTION=raster.description, DEMO=LABEL if raster.invented else "")
    dataset.set_band_description(1, raster.en)
    if raster.scale != 1.0:
        dataset.scales = (raster.scale,)
    if raster.unit:
        dataset.units = (raster.unit,)
    return dataset
