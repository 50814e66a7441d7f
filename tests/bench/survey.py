"""Survey polygons of a league: made by the hundred thousand, labelled as made, and a run from the file to the stock."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from aoi.leagues import leagues
from aoi.zones import Zones

MADE = "演示数据_非真实.txt"
CRS = "EPSG:4549"
"""CGCS2000, 3-degree Gauss-Kruger zone with the central meridian 120 E: metres, without the number of the zone."""
LAND = ("0301", "0305", "0307", "0401", "0404", "0402", "0103", "1101", "1204")
WEIGHTS = (0.3, 0.08, 0.05, 0.25, 0.12, 0.03, 0.12, 0.02, 0.03)
SPECIES = ("落叶松", "白桦", "山杨", "蒙古栎")
NAMES = {"落叶松": "larch", "白桦": "birch", "山杨": "poplar", "蒙古栎": "oak"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Polygons to be made: how many seeds in a league, which size of cells."""

    league: str = "152200"
    polygons: int = 500_000
    resolution: float = 30.0
    seed: int = 1


def league_of(code: str) -> BaseGeometry:
    """The outline of a league in the CRS of the survey; what is drawn outside it is cut off."""
    zones: Zones = leagues().subset([code]).to_crs(CRS)
    return shapely.make_valid(zones.geometries[0])


def outlines(made: Made) -> Any:
    """Voronoi cells of seeds in the box of the league, those inside whole, those on its border cut."""
    league = league_of(made.league)
    random = np.random.default_rng(made.seed)
    left, bottom, right, top = league.bounds
    count = int(made.polygons * (right - left) * (top - bottom) / league.area)
    seeds = np.column_stack((random.uniform(left, right, count), random.uniform(bottom, top, count)))
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(seeds), extend_to=league))
    cells = cells[shapely.STRtree(cells).query(league, predicate="intersects")]
    shapely.prepare(league)
    whole = shapely.contains_properly(league, cells)
    cut = shapely.intersection(cells[~whole], league)
    cut = np.array([shapely.union_all([one for one in shapely.get_parts(shape) if one.geom_type in ("Polygon", "MultiPolygon")]) for shape in cut])
    cells = np.concatenate((cells[whole], cut[shapely.area(cut) > 0]))
    return cells[np.lexsort((shapely.get_x(shapely.centroid(cells)) // 20_000, shapely.get_y(shapely.centroid(cells)) // 20_000))]


def attributes(cells: Any, seed: int) -> dict[str, Any]:
    """Columns of a bureau: land class, species, climate zone, growing stock of the polygon [m3] and its area [m2]."""
    random = np.random.default_rng(seed)
    count = len(cells)
    land = random.choice(LAND, count, p=WEIGHTS)
    forest = np.isin(land, ("0301", "0307"))
    area = np.round(shapely.area(cells), 2)
    per_ha = np.where(forest, np.round(random.gamma(4.0, 20.0, count), 1), 0.0)
    return {
        "地类编码": land, "优势树种": np.where(forest, random.choice(SPECIES, count), ""), "气候": np.full(count, "中温带"),
        "蓄积": np.round(per_ha * area / 1e4, 2), "面积": area,
    }  # fmt: skip


def make(made: Made, folder: Path) -> Path:
    """The Shapefile in GBK without ``.cpg``, its legends and its run file; what is there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / "run.toml"
    if not run.exists():
        cells = outlines(made)
        frame = geopandas.GeoDataFrame(attributes(cells, made.seed), geometry=cells, crs=CRS)
        frame.to_file(folder / "tuban.shp", engine="pyogrio", encoding="GBK")
        (folder / "tuban.cpg").unlink(missing_ok=True)
        frame.drop(columns="geometry").to_parquet(folder / "attributes.parquet")
        (folder / "species.csv").write_text("code,value\n" + "".join(f"{one},{name}\n" for one, name in NAMES.items()), encoding="utf-8")
        (folder / "climate.csv").write_text("code,value\n中温带,cool_temperate_dry\n", encoding="utf-8")
        (folder / MADE).write_text("本文件夹中的图斑由程序生成，不是任何地方的真实数据。Made polygons, not of any place.\n", encoding="utf-8")
        leagues_of_run = geopandas.GeoDataFrame({"code": [made.league], "name": [made.league]}, geometry=[league_of(made.league)], crs=CRS)
        leagues_of_run.to_file(folder / "zones.gpkg", engine="pyogrio")
        run.write_text(_RUN.format(resolution=made.resolution), encoding="utf-8")
    return run


_RUN = """[run]
title = "演示图斑，非真实数据"
years = [2020]

[zones]
file = "zones.gpkg"
code = "code"
name = "name"

[grid]
crs = "ESRI:102025"
resolution = {resolution}

[layers.land_cover]
2020 = "tuban.shp"
field = "地类编码"
encoding = "gbk"
legend = "land_survey"
area_field = "面积"
area_unit = "m2"

[layers.growing_stock_volume]
2020 = "tuban.shp"
field = "蓄积"
per = "polygon"
area_field = "面积"
area_unit = "m2"
encoding = "gbk"
unit = "m3 ha-1"

[layers.species]
2020 = "tuban.shp"
field = "优势树种"
encoding = "gbk"
legend = "species.csv"

[layers.zone_of_climate]
2020 = "tuban.shp"
field = "气候"
encoding = "gbk"
legend = "climate.csv"

[strata]
vegetation_type = "species"
climate = "zone_of_climate"
"""
