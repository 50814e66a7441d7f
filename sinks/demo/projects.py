"""The invented projects of the demonstration."""

from pathlib import Path

import numpy as np
import shapely

from sinks.demo.assumptions import rows
from sinks.demo.rasters import LABEL

CRS = "EPSG:4490"
_STREAM = 900
_VERTICES = 72
_KM_PER_DEGREE = 111.2
_FIXED_TIME = "2020-01-01T00:00:00.000Z"


def write_parcels(path: Path, seed: int, table_name: str = "parcels.csv") -> None:
    """The parcels of a table as a GeoPackage with the same bytes for the same seed: our projects, or those of another programme."""
    import geopandas
    import pyogrio

    table = rows(table_name)
    outlines = [
        _outline(float(row["lon"]), float(row["lat"]), float(row["radius_km"]), np.random.default_rng([seed, _STREAM, place]))
        for place, row in enumerate(table)
    ]
    frame = geopandas.GeoDataFrame(
        {
            "parcel": [row["parcel"] for row in table], "project": [row["project"] for row in table],
            "programme": [row["programme"] for row in table], "vintage": [int(row["vintage"]) for row in table], "note": LABEL,
        },
        geometry=outlines, crs=CRS,
    )  # fmt: skip
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_TIME})
    try:
        path.unlink(missing_ok=True)
        pyogrio.write_dataframe(frame, path, layer="parcels", driver="GPKG", layer_options={"IDENTIFIER": "parcels", "DESCRIPTION": LABEL})
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _outline(longitude: float, latitude: float, radius_km: float, generator: np.random.Generator) -> shapely.Polygon:
    """A rounded outline about a place, as a river or a fence would leave it."""
    angle = np.linspace(0, 2 * np.pi, _VERTICES, endpoint=False)
    radius = np.ones(_VERTICES)
    for wave in range(2, 9):
        radius += generator.uniform(-0.35, 0.35) / wave * np.cos(wave * angle + generator.uniform(0, 2 * np.pi))
    north = radius * np.sin(angle) * radius_km / _KM_PER_DEGREE
    east = radius * np.cos(angle) * radius_km / (_KM_PER_DEGREE * np.cos(np.radians(latitude)))
    return shapely.Polygon(np.round(np.column_stack((longitude + east, latitude + north)), 7))
