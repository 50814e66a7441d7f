"""The boundary of a project: parcels with exact areas, their strata, and the leagues that they lie in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer
from shapely import MultiPolygon

from aoi.findings import Finding, errors, finding
from aoi.grids import horizontal_crs
from aoi.guard import open_vector
from aoi.leagues import leagues
from aoi.parcels import cross
from aoi.zones import Zones, check_zones, geodesic_area_ha, read_zones
from methodologies.contract import Columns
from methodologies.tables import PARCELS, columns

OVERLAP_M2 = 1.0
"""Parcels may touch; an overlap from the rounding of coordinates is smaller than this."""
CLOSES_HA = 0.01
"""METHODOLOGIES 1.6: the area of a stratum closes with its parcels within 0.01 ha."""
_M2 = 1e4
_LONLAT = "EPSG:4326"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boundary:
    """Parcels with area, stratum and league shares.

    Parameters
    ----------
    parcels : DataFrame
        Rows of `PARCELS`.
    pieces : DataFrame
        parcel, stratum, league, area_ha: one per parcel and league that it lies in.
    """

    zones: Zones
    parcels: pd.DataFrame
    pieces: pd.DataFrame

    def columns(self) -> Columns:
        """The table ``parcels`` for a methodology."""
        return columns(self.parcels, PARCELS)

    def areas(self, strata: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Area of each stratum [ha]."""
        sums = self.parcels.groupby("stratum")["area_ha"].sum()
        return np.array([float(sums.get(one, 0.0)) for one in strata])

    def league_shares(self, stratum: str) -> dict[str, float]:
        """Share of a stratum's area in each league, by code."""
        rows = self.pieces[self.pieces["stratum"] == stratum]
        areas = rows.groupby("league")["area_ha"].sum()
        whole = float(areas.sum())
        return {str(league): float(area) / whole for league, area in sorted(areas.items())} if whole > 0 else {}


def read_boundary(
    path: Path, where: str, *, parcel: str, stratum: str | Mapping[str, str], layer: str | None, crs: str | None, encoding: str | None
) -> tuple[Boundary | None, list[Finding]]:
    """The boundary of a vector file and all findings; none where an outline cannot be used.

    Parameters
    ----------
    stratum : str or mapping
        The column that holds the stratum, or the stratum of each parcel.

    Raises
    ------
    InputError
        The file cannot be read or lacks a column.
    """
    zones, found = read_zones(
        path, code=parcel, name=None, parent=None, where=where, set_name="parcels", crs=crs, encoding=encoding, layer=layer
    )
    strata, more = _given(zones, stratum, where) if isinstance(stratum, Mapping) else _strata(path, where, stratum, layer, encoding)
    found = [one for one in found if one.id != "N-ZONE-01"] + more
    found += [one for one in check_zones(zones, divisions=False, where=where) if one.id not in ("W-ZONE-06", "E-ZONE-05")]
    if errors(found):
        return None, found
    found += _overlaps(zones, zones, where, same=True)
    pieces, more = _pieces(zones, strata, where)
    found += more
    if errors(found):
        return None, found
    return Boundary(zones=zones, parcels=_parcel_rows(zones, strata, pieces), pieces=pieces), found


def check_other_projects(zones: Zones, path: Path, where: str, parcel: str) -> list[Finding]:
    """Overlaps with the parcels of another project: a reduction is registered once."""
    others, found = read_zones(path, code=parcel, name=None, where=where, set_name="others")
    found = [one for one in found if one.severity == "error"] + [
        one for one in check_zones(others, divisions=False, where=where) if one.id.startswith("E-") and one.id != "E-ZONE-05"
    ]
    return found or _overlaps(zones, others, where, same=False)


def check_points(boundary: Boundary, plots: pd.DataFrame, where: str) -> list[Finding]:
    """Plots that lie in no parcel of their stratum, or not in the parcel that they name."""
    if "lon" not in plots or plots["lon"].isna().all():
        return []
    found = []
    to_boundary = Transformer.from_crs(_LONLAT, horizontal_crs(boundary.zones.crs), always_xy=True)
    shapes = dict(zip(boundary.zones.codes, boundary.zones.geometries, strict=True))
    stratum_of = dict(zip(boundary.parcels["parcel"], boundary.parcels["stratum"], strict=True))
    for row in plots.to_dict("records"):
        if row["lon"] != row["lon"] or row["lat"] != row["lat"]:
            continue
        point = shapely.Point(*to_boundary.transform(row["lon"], row["lat"]))
        inside = [code for code, shape in shapes.items() if shapely.intersects(shape, point)]
        place = f"{where}: {row['plot']}"
        named = row.get("parcel")
        if named and named not in inside:
            found.append(finding("E-QUANT-05", place, plot=row["plot"], parcel=named, inside=", ".join(inside) or "-"))
        elif row["stratum"] not in {stratum_of[code] for code in inside}:
            found.append(
                finding(
                    "E-QUANT-06",
                    place,
                    plot=row["plot"],
                    stratum=row["stratum"],
                    inside=", ".join(f"{code} ({stratum_of[code]})" for code in inside) or "-",
                )
            )
    return found


def _given(zones: Zones, strata: Mapping[str, str], where: str) -> tuple[list[str], list[Finding]]:
    """The strata of the parcels as an inventory run tells them."""
    missing = [finding("E-QUANT-27", f"{where}: {code}", parcel=code) for code in zones.codes if code not in strata]
    return [strata.get(code, "") for code in zones.codes], missing


def _strata(path: Path, where: str, column: str, layer: str | None, encoding: str | None) -> tuple[list[str], list[Finding]]:
    """The stratum of each parcel as text."""
    features = open_vector(path, where, layer=layer, encoding=encoding)
    if column not in features:
        there = ", ".join(str(name) for name in features if name != "geometry")
        return [""] * len(features), [finding("E-VECTOR-06", where, missing=column, columns=there)]
    values = [
        "" if one is None or one != one else str(int(one)) if isinstance(one, float) and one.is_integer() else str(one).strip()
        for one in features[column].tolist()
    ]
    return values, [finding("E-PARCEL-01", f"{where}: {number}, {column}") for number, one in enumerate(values, start=1) if not one]


def _overlaps(zones: Zones, others: Zones, where: str, same: bool) -> list[Finding]:
    """Pairs of parcels that share ground."""
    other = others if same else others.to_crs(zones.crs)
    tree = shapely.STRtree(np.array(other.geometries, dtype=object))
    found = []
    for one, shape in enumerate(zones.geometries):
        for place in sorted(int(at) for at in tree.query(shape, predicate="intersects")):
            if same and place <= one:
                continue
            shared = _area_m2(shapely.intersection(shape, other.geometries[place]), zones.crs)
            if shared > OVERLAP_M2:
                id = "E-QUANT-07" if same else "E-QUANT-08"
                found.append(finding(id, where, one=zones.codes[one], other=other.codes[place], area=f"{shared:.1f}"))
    return found


def _area_m2(geometry: Any, crs: str) -> float:
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and part.area > 0]
    return geodesic_area_ha(MultiPolygon(parts), crs) * _M2 if parts else 0.0


def _pieces(zones: Zones, strata: Sequence[str], where: str) -> tuple[pd.DataFrame, list[Finding]]:
    """Parcels cut by the leagues; land outside all of them is a finding."""
    cut = cross(leagues(), zones)
    names = [code.partition(".")[2] for code in cut.codes]
    stratum = dict(zip(zones.codes, strata, strict=True))
    rows = [
        {"parcel": name, "stratum": stratum[name], "league": league, "area_ha": geodesic_area_ha(shape, cut.crs)}
        for name, league, shape in zip(names, cut.parents, cut.geometries, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["parcel", "stratum", "league", "area_ha"])
    found = []
    for code, shape in zip(zones.codes, zones.geometries, strict=True):
        whole = geodesic_area_ha(shape, zones.crs)
        inside = float(frame.loc[frame["parcel"] == code, "area_ha"].sum())
        if whole - inside > max(CLOSES_HA, 1e-6 * whole):
            id = "W-QUANT-01" if inside > 0 else "E-QUANT-09"
            found.append(finding(id, f"{where}: {code}", parcel=code, outside=f"{whole - inside:.4f}"))
    return frame, found


def _parcel_rows(zones: Zones, strata: Sequence[str], pieces: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for code, stratum, shape in zip(zones.codes, strata, zones.geometries, strict=True):
        own = pieces[pieces["parcel"] == code].sort_values(["area_ha", "league"], ascending=[False, True])
        rows.append(
            {
                "parcel": code, "stratum": stratum, "league": own["league"].iloc[0] if len(own) else "", "area_ha": geodesic_area_ha(shape, zones.crs),
                "smallest_part_m2": min(_area_m2(part, zones.crs) for part in shapely.get_parts(shape)),
            }
        )  # fmt: skip
    return PARCELS.sorted(PARCELS.frame(rows))
