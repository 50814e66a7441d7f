"""Writes the demonstration: a whole project folder around three real rasters, with a truth that a run can be held against."""

import shutil
from pathlib import Path

from aoi.coverage import Coverage
from aoi.leagues import leagues
from aoi.table import replace_file
from sinks.demo.assumptions import DATES, REAL_DATE, ndvi_years
from sinks.demo.cut import INPUTS, MISSING_VALUE, NDVI_SCALE
from sinks.demo.landscape import Landscape, grid_of, owners
from sinks.demo.patches import plan_patches
from sinks.demo.projects import write_parcels
from sinks.demo.rasters import Raster, tiled_writers
from sinks.demo.surfaces import BIOMASS_SCALE, ERROR_SCALE, NO_STRATUM, land_of, layers_of
from sinks.demo.truth import NAME, Gatherer, write_truth

TEMPLATES = Path(__file__).with_name("templates")
ASSESSED = ("ledger.csv", "ledger_refused.csv", "quantifications.csv", "emissions.csv")
"""Units, quantifications and emissions of the scenario, all invented."""
COPIED = ("run.toml", "README.md", "README.zh-CN.md", "climate.csv", "soil.csv", "vegetation_type.csv", *ASSESSED)


def write_demo(folder: Path, *, cells: int | None = None, seed: int = 1) -> Path:
    """The configuration file of a demonstration written to a folder.

    Only the land cover of 2020 (on its own grid), the NDVI maximum behind the
    NDVI of every year and the climate groups are real; the rest is a stated
    scenario, and every file says so. The same arguments give the same bytes.

    Parameters
    ----------
    folder : Path
        Made where it is missing; files of the same names are replaced.
    cells : int, optional
        About how many cells: a finer landscape of the same character over the
        same box, tile by tile, so that memory does not grow. Default the real
        map's own grid.
    seed : int
        Another seed gives other places and other noise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    landscape = Landscape(grid=grid_of(cells), seed=seed)
    _write_rasters(folder, landscape)
    shutil.copyfile(INPUTS / "climate_group.tif", folder / "climate.tif")
    write_parcels(folder / "parcels.gpkg", seed)
    write_parcels(folder / "other_programmes.gpkg", seed, "others.csv")
    for name in COPIED:
        replace_file(folder / name, (TEMPLATES / name).read_bytes())
    return folder / "run.toml"


def _write_rasters(folder: Path, landscape: Landscape) -> None:
    """Every raster of the scenario, and its truth."""
    grid = landscape.grid
    patches = plan_patches(landscape)
    coverage = Coverage.of([leagues()], grid)
    gathered = Gatherer()
    with tiled_writers(folder, rasters_of(landscape.finer), grid) as writers:
        for tile in coverage.tiles():
            land = land_of(landscape, patches, tile, owners(coverage, tile))
            layers = layers_of(landscape, land)
            window = ((tile.row_off, tile.row_off + tile.height), (tile.col_off, tile.col_off + tile.width))
            for name, writer in writers.items():
                writer.write(layers[name], 1, window=window)
            types = {year: layers[f"vegetation_type_{year}"] for year in DATES}
            gathered.take(land.change, types, tile.row_off, tile.col_off)
    write_truth(folder / NAME, grid, gathered, landscape.seed)


def rasters_of(finer: bool) -> tuple[Raster, ...]:
    """The rasters that a scenario writes."""
    real = Raster(
        name="land_cover_2020", dtype="uint8", nodata=255, invented=finer,
        zh="MODIS MCD12C1 2019年 IGBP 地表覆盖，代表2020年" + ("，虚构细网格" if finer else "，真实数据"),
        en="MODIS MCD12C1 2019 IGBP land cover, standing for 2020" + (", on an invented finer grid" if finer else ", real data"),
    )  # fmt: skip
    return (real, *_scenario_rasters())


def _scenario_rasters() -> list[Raster]:
    out = [
        _codes(f"land_cover_{year}", f"{year}年土地覆盖情景", f"land cover of {year}, scenario", nodata=255)
        for year in DATES
        if year != REAL_DATE
    ]
    for year in DATES:
        names = f"aboveground_biomass_{year}", f"aboveground_biomass_se_{year}"
        out.append(_tonnes(names[0], BIOMASS_SCALE, f"{year}年地上生物量（干物质）", f"aboveground biomass of {year}, dry matter"))
        out.append(_tonnes(names[1], ERROR_SCALE, f"{year}年地上生物量标准误", f"standard error of aboveground biomass of {year}"))
        out.append(_codes(f"vegetation_type_{year}", f"{year}年植被类型", f"vegetation type of {year}", nodata=NO_STRATUM))
    out.append(_codes("soil", "土壤类别", "soil class", nodata=NO_STRATUM))
    return [*out, *(_greenness(year) for year in ndvi_years())]


def _codes(name: str, zh: str, en: str, nodata: int) -> Raster:
    return Raster(name=name, dtype="uint8", nodata=nodata, invented=True, zh=zh, en=en)


def _tonnes(name: str, scale: float, zh: str, en: str) -> Raster:
    return Raster(name=name, dtype="int16", nodata=MISSING_VALUE, scale=scale, unit="t ha-1", invented=True, zh=zh, en=en)


def _greenness(year: int) -> Raster:
    zh, en = f"{year}年最大 NDVI", f"maximum NDVI of {year}"
    return Raster(name=f"ndvi_{year}", dtype="int16", nodata=MISSING_VALUE, scale=NDVI_SCALE, invented=True, zh=zh, en=en)
