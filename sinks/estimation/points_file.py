"""Points of a design as files: a GeoPackage for QGIS, a CSV file for Collect Earth; the same bytes for the same points."""

import os
from pathlib import Path

import pandas as pd

from aoi.table import Column, Table, replace_file

FIXED_TIME = "2020-01-01T00:00:00.000Z"
CRS = "EPSG:4326"
POINTS = Table(
    name="points", title_zh="抽样点", title_en="Points of a design", row_per="point",
    columns=(
        Column(name="id", type="integer", title_zh="编号", title_en="Id", key=True, minimum=1),
        Column(name="YCoordinate", type="decimal", title_zh="纬度", title_en="Latitude", unit="degree", decimals=8),
        Column(name="XCoordinate", type="decimal", title_zh="经度", title_en="Longitude", unit="degree", decimals=8),
        Column(name="stratum", type="text", title_zh="分层", title_en="Stratum"),
        Column(name="zone", type="text", title_zh="区域代码", title_en="Zone code"),
        Column(name="map_class", type="text", title_zh="制图类别", title_en="Class of the map"),
        Column(name="reference_class", type="text", title_zh="参考类别（待判读）", title_en="Class of the reference, to be filled in"),
        Column(name="weight", type="decimal", title_zh="权重", title_en="Area that the point stands for", unit="ha", decimals=6),
    ),
)  # fmt: skip


def write_points(frame: pd.DataFrame, path: Path) -> None:
    """Write the points as GeoPackage and CSV, beside and then renamed."""
    ready = POINTS.sorted(POINTS.typed(frame))
    replace_file(path.with_suffix(".csv"), POINTS.to_csv(ready).encode("utf-8"))
    beside = path.with_name(f".{path.stem}.{os.getpid()}.new.gpkg")
    try:
        _write_geopackage(ready, beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _write_geopackage(frame: pd.DataFrame, path: Path) -> None:
    import geopandas
    import pyogrio

    points = geopandas.points_from_xy(frame["XCoordinate"], frame["YCoordinate"], crs=CRS)
    plain = frame.drop(columns=["XCoordinate", "YCoordinate"]).astype({"id": "int64"})
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_TIME})
    try:
        path.unlink(missing_ok=True)
        layer = {"IDENTIFIER": "points", "DESCRIPTION": ""}
        pyogrio.write_dataframe(geopandas.GeoDataFrame(plain, geometry=points), path, layer="points", driver="GPKG", layer_options=layer)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
