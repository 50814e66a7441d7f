"""Parcels: the areas of carbon-sink projects."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import MultiPolygon

from aoi.codes import check_name
from aoi.findings import Finding, finding
from aoi.guard import open_vector
from aoi.zones import Zones, check_zones, geodesic_area_ha, read_zones

SLIVER_HA = 1e-4
_YEAR = re.compile(r"(19|20)\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parcels:
    """Project areas and what they belong to.

    Parameters
    ----------
    zones : Zones
        One per parcel; its codes are the parcel ids.
    projects, programmes, vintages : tuple of str
        One per parcel; the vintage is a year of four digits.
    """

    zones: Zones
    projects: tuple[str, ...]
    programmes: tuple[str, ...]
    vintages: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.zones)


def read_parcels(
    path: Path,
    *,
    project: str = "project",
    programme: str = "programme",
    vintage: str = "vintage",
    code: str = "parcel",
    where: object,
    crs: str | None = None,
    encoding: str | None = None,
) -> tuple[Parcels, list[Finding]]:
    """Parcels of a vector file and all findings about them.

    Areas of different projects may overlap (``W-PARCEL-01``); those of one
    project may not (``E-ZONE-05``).

    Raises
    ------
    InputError
        The file cannot be read or a column is missing.
    """
    zones, found = read_zones(path, code=code, name=None, where=where, set_name="parcels", crs=crs, encoding=encoding)
    columns = {}
    features = open_vector(path, where, encoding=encoding)
    for title, column in (("project", project), ("programme", programme), ("vintage", vintage)):
        columns[title], more = _attribute(features, column, where, year=title == "vintage")
        found += more
    parcels = Parcels(
        zones=zones, projects=tuple(columns["project"]), programmes=tuple(columns["programme"]), vintages=tuple(columns["vintage"])
    )
    return parcels, found + check_parcels(parcels, where)


def check_parcels(parcels: Parcels, where: object) -> list[Finding]:
    """Findings about the outlines and codes; an overlap of two projects is a warning."""
    project = dict(zip(parcels.zones.codes, parcels.projects, strict=True))
    found = []
    for one in check_zones(parcels.zones, divisions=False, where=where):
        if one.id == "E-ZONE-05" and project[str(one.values["one"])] != project[str(one.values["other"])]:
            found.append(finding("W-PARCEL-01", one.where, **one.values))
        elif one.id != "W-ZONE-06":
            found.append(one)
    return found


def cross(parents: Zones, parcels: Parcels | Zones) -> Zones:
    """The pieces of parcels in each parent zone, codes ``parent.parcel``, in the CRS of the parents.

    Pieces under 1 m2 are dropped; they come from outlines that differ by their rounding.

    Raises
    ------
    InputError
        A CRS is missing or does not reach.
    """
    inner = (parcels if isinstance(parcels, Zones) else parcels.zones).to_crs(parents.crs)
    pieces = []
    for i, j in _meeting(parents.geometries, inner.geometries):
        piece = _polygons(shapely.intersection(parents.geometries[i], inner.geometries[j]))
        if not piece.is_empty and geodesic_area_ha(piece, parents.crs) >= SLIVER_HA:
            pieces.append((i, j, piece))
    return Zones(
        name="parcels",
        codes=tuple(f"{parents.codes[i]}.{inner.codes[j]}" for i, j, _ in pieces),
        names_zh=tuple(inner.names_zh[j] for _, j, _ in pieces),
        names_en=tuple(inner.names_en[j] for _, j, _ in pieces),
        parents=tuple(parents.codes[i] for i, _, _ in pieces),
        geometries=tuple(piece for _, _, piece in pieces),
        crs=parents.crs,
    )


def _meeting(outer: Sequence[Any], inner: Sequence[Any]) -> list[tuple[int, int]]:
    """Pairs (outer, inner) that meet, sorted."""
    if not outer or not inner:
        return []
    inner_at, outer_at = shapely.STRtree(np.array(outer, dtype=object)).query(np.array(inner, dtype=object), predicate="intersects")
    return sorted(zip(outer_at.tolist(), inner_at.tolist(), strict=True))


def _polygons(geometry: Any) -> MultiPolygon:
    return MultiPolygon([part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and part.area > 0])


def _attribute(features: Any, column: str, where: object, *, year: bool) -> tuple[list[str], list[Finding]]:
    """Texts of a column and what is wrong with them."""
    if column not in features:
        there = ", ".join(str(name) for name in features if name != "geometry")
        return [""] * len(features), [finding("E-VECTOR-06", where, missing=column, columns=there)]
    values, found = [], []
    for number, value in enumerate(features[column].tolist(), start=1):
        text = _text(value)
        place = f"{where}: {number}, {column}"
        values.append(text)
        if not text:
            found.append(finding("E-PARCEL-01", place))
        elif year and not _YEAR.fullmatch(text):
            found.append(finding("E-PARCEL-02", place, vintage=text[:20]))
        else:
            found += check_name("", text, place, divisions=False)
    return values, found


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip(" ")
