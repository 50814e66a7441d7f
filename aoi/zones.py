"""Zones: polygons with a code, a name and a parent, and all that can be wrong with them."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from aoi.codes import check_code, check_name, league_names
from aoi.findings import Finding, InputError, finding
from aoi.grids import crs_text, geodesy, geodetic_crs, horizontal_crs, parse_crs, same_crs
from aoi.guard import open_vector

if TYPE_CHECKING:
    import geopandas

OVERLAP_HA = 1.0
LONGEST_EDGE_M = 1000.0
LONGEST_EDGE_DEGREES = 0.01
_HECTARE_M2 = 1e4
_MOST_FINDINGS = 50

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Zones:
    """A set of zones in one coordinate reference system.

    Parameters
    ----------
    name : str
        Name of the set, e.g. ``leagues``.
    codes, names_zh, names_en, parents : tuple of str
        One per zone; a parent may be empty.
    geometries : tuple of shapely Polygon or MultiPolygon
        One per zone.
    crs : str
        Authority code or WKT; empty when the file has none.
    """

    name: str
    codes: tuple[str, ...]
    names_zh: tuple[str, ...]
    names_en: tuple[str, ...]
    parents: tuple[str, ...]
    geometries: tuple[Any, ...]
    crs: str

    def __post_init__(self) -> None:
        lengths = {len(self.codes), len(self.names_zh), len(self.names_en), len(self.parents), len(self.geometries)}
        if len(lengths) != 1:
            raise ValueError(f"zones {self.name!r}: columns of different lengths {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.codes)

    def index(self, code: str) -> int:
        """The position of a code.

        Raises
        ------
        KeyError
            No zone has this code.
        """
        try:
            return self.codes.index(code)
        except ValueError as error:
            raise KeyError(code) from error

    def subset(self, codes: Iterable[str]) -> "Zones":
        """The zones of some codes, in the order asked."""
        at = [self.index(code) for code in codes]
        return replace(
            self,
            codes=tuple(self.codes[i] for i in at),
            names_zh=tuple(self.names_zh[i] for i in at),
            names_en=tuple(self.names_en[i] for i in at),
            parents=tuple(self.parents[i] for i in at),
            geometries=tuple(self.geometries[i] for i in at),
        )

    def densified(self, longest: float | None = None) -> "Zones":
        """The same outlines with vertices at most ``longest`` apart [CRS unit]; default 1 km or 0.01 degree.

        The new vertices of an edge do not depend on its direction, so an edge
        that two zones share stays shared to the last bit.
        """
        rings = Rings.of(self.geometries).densified(longest or longest_edge(self.crs))
        return replace(self, geometries=rings.geometries())

    def to_crs(self, crs: str) -> "Zones":
        """The zones in another CRS; edges straight in this CRS stay so (densified first).

        Raises
        ------
        InputError
            ``E-CRS-02``: the zones have no CRS. ``E-CRS-04``: a place that the
            target CRS does not reach.
        """
        if not self.crs:
            raise InputError(finding("E-CRS-02", self.name))
        if same_crs(self.crs, crs):
            return replace(self, crs=crs)
        rings = Rings.of(self.geometries).densified(longest_edge(self.crs))
        transformer = Transformer.from_crs(horizontal_crs(self.crs), horizontal_crs(crs), always_xy=True)
        try:
            x, y = transformer.transform(rings.xy[:, 0], rings.xy[:, 1], errcheck=True)
        except ProjError as error:
            raise InputError(finding("E-CRS-04", self.name, extent=_extent(self.geometries), crs=horizontal_crs(crs).name)) from error
        return replace(self, geometries=replace(rings, xy=np.column_stack((x, y))).geometries(), crs=crs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rings:
    """The rings of polygons as ragged arrays.

    Parameters
    ----------
    xy : array, shape (vertices, 2)
        Closed rings, one after the other.
    ring_starts, part_starts, zone_starts : array of int
        First vertex of each ring, first ring of each polygon, first polygon of
        each zone; each with the end as its last entry.
    """

    xy: Floats
    ring_starts: Integers
    part_starts: Integers
    zone_starts: Integers

    @classmethod
    def of(cls, geometries: Sequence[BaseGeometry]) -> "Rings":
        """The rings of Polygons and MultiPolygons, exteriors counter-clockwise, without heights."""
        many = shapely.orient_polygons(_multi(np.array(list(geometries), dtype=object)), exterior_cw=False)
        if not len(many):
            nothing = np.zeros(1, dtype=np.int64)
            return cls(xy=np.empty((0, 2)), ring_starts=nothing, part_starts=nothing, zone_starts=nothing)
        _, xy, offsets = shapely.to_ragged_array(many, include_z=False)
        rings, parts, zones = (np.asarray(one, dtype=np.int64) for one in offsets)
        return cls(xy=xy, ring_starts=rings, part_starts=parts, zone_starts=zones)

    def geometries(self) -> tuple[MultiPolygon, ...]:
        """The polygons again, one MultiPolygon per zone."""
        if len(self.zone_starts) == 1:
            return ()
        offsets = (self.ring_starts, self.part_starts, self.zone_starts)
        return tuple(shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, self.xy, offsets))

    def zone_rings(self, zone: int) -> tuple[int, int]:
        """First ring of a zone and the one after its last."""
        return int(self.part_starts[self.zone_starts[zone]]), int(self.part_starts[self.zone_starts[zone + 1]])

    def densified(self, longest: float) -> "Rings":
        """Vertices at most ``longest`` apart; an edge gets the same vertices in either direction."""
        if not len(self.xy):
            return self
        ends = np.append(self.xy[1:], self.xy[-1:], axis=0)
        ring_ends = self.ring_starts[1:][np.diff(self.ring_starts) > 0] - 1
        ends[ring_ends] = self.xy[ring_ends]
        pieces = np.maximum(1, np.ceil(np.hypot(*(ends - self.xy).T) / longest)).astype(np.int64)
        first = np.concatenate(([0], np.cumsum(pieces)))
        edge = np.repeat(np.arange(len(pieces)), pieces)
        step = np.arange(first[-1]) - first[edge]
        start, end, count = self.xy[edge], ends[edge], pieces[edge]
        turned = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
        low, high = np.where(turned[:, None], end, start), np.where(turned[:, None], start, end)
        share = (np.where(turned, count - step, step) / count)[:, None]
        xy = np.where((step == 0)[:, None], start, low + (high - low) * share)
        return replace(self, xy=xy, ring_starts=first[self.ring_starts])


def read_zones(
    path: Path,
    *,
    code: str,
    name: str | None,
    parent: str | None = None,
    where: object,
    set_name: str = "zones",
    crs: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
) -> tuple[Zones, list[Finding]]:
    """Zones of a vector file, and what only the file shows: codes that were numbers, missing codes, broken texts.

    `check_zones` tells the rest.

    Parameters
    ----------
    code, name, parent : str
        Column names; without ``name`` the code is the name.
    crs : str, optional
        Overrides the CRS of the file (which is reported).
    encoding : str, optional
        Encoding of a Shapefile without ``.cpg``.

    Raises
    ------
    InputError
        The file cannot be read, or has no such column (``E-VECTOR-06``).
    """
    features = open_vector(path, where, layer=layer, encoding=encoding)
    _check_columns(features, [one for one in (code, name, parent) if one], where)
    codes, found = _code_texts(features[code], where)
    names = _texts(features[name], codes) if name else codes
    crs_found, stored = _crs_of(features, crs, where)
    found += crs_found
    league = league_names()
    zones = Zones(
        name=set_name,
        codes=tuple(codes),
        names_zh=tuple(names),
        names_en=tuple(league[one][1] if one in league else own for one, own in zip(codes, names, strict=True)),
        parents=tuple(_code_texts(features[parent], where)[0] if parent else [""] * len(codes)),
        geometries=tuple(shapely.force_2d(features.geometry.to_numpy())),
        crs=stored,
    )
    return zones, found


def check_zones(zones: Zones, *, tiling: bool = False, divisions: bool = True, where: object | None = None) -> list[Finding]:
    """All findings about zones at once.

    Parameters
    ----------
    tiling : bool
        The zones are to fill a region: gaps are errors, else warnings.
    divisions : bool
        Codes of six or twelve digits are codes of GB/T 2260 and their names are known.
    """
    place = zones.name if where is None else where
    found = _check_codes(zones, place, divisions)
    usable, geometry = _check_geometries(zones, place)
    found += geometry
    extent = check_extent(zones, place, usable) or _check_degrees(zones, place, usable)
    found += extent
    if not extent:
        sound = [i for i in usable if shapely.is_valid(zones.geometries[i])]
        found += _check_overlaps(zones, sound, place)
        found += _check_gaps(zones, sound, place, tiling)
    return found


def geodesic_area_ha(geometry: BaseGeometry, crs: str) -> float:
    """Area of a polygon on the ellipsoid of its CRS [ha]; edges are straight in that CRS."""
    geographic = _geographic(crs)
    single = Zones(name="area", codes=("0",), names_zh=("0",), names_en=("0",), parents=("",), geometries=(geometry,), crs=crs)
    dense = single.densified() if same_crs(crs, geographic) else single.to_crs(geographic)
    area, _ = geodesy(horizontal_crs(geographic)).geometry_area_perimeter(dense.geometries[0])
    return abs(float(area)) / _HECTARE_M2


def check_extent(zones: Zones, where: object, usable: Sequence[int] | None = None) -> list[Finding]:
    """Findings about the CRS and whether the coordinates can belong to it: missing, swapped, elsewhere."""
    if not zones.crs:
        return [finding("E-CRS-02", where)]
    given = [zones.geometries[i] for i in (range(len(zones)) if usable is None else usable)]
    box = shapely.total_bounds(given) if given else np.full(4, np.nan)
    if np.isnan(box).all():
        return []
    crs = horizontal_crs(zones.crs)
    if _plausible(crs, box):
        return []
    id = "E-CRS-03" if _plausible(crs, box[[1, 0, 3, 2]]) else "E-CRS-04"
    return [finding(id, where, extent=box_text(box), crs=crs.name)]


def _check_degrees(zones: Zones, where: object, usable: Sequence[int]) -> list[Finding]:
    """A finding where a projected CRS stands beside numbers that are degrees."""
    crs = horizontal_crs(zones.crs)
    if not usable or crs.is_geographic:
        return []
    box = shapely.total_bounds([zones.geometries[i] for i in usable])
    degrees = bool((np.abs(box) <= np.array([180, 90, 180, 90])).all())
    return [finding("E-CRS-04", where, extent=box_text(box), crs=crs.name)] if degrees else []


def _plausible(crs: Any, box: Floats) -> bool:
    """Whether a box (left, bottom, right, top) can be coordinates of a CRS in the order east, north."""
    if not np.isfinite(box).all():
        return False
    if crs.is_geographic:
        unit = np.degrees(crs.axis_info[0].unit_conversion_factor)
        degrees = np.abs(box * unit)
        return bool(max(degrees[0], degrees[2]) <= 180 + 1e-6 and max(degrees[1], degrees[3]) <= 90 + 1e-6)
    transformer = Transformer.from_crs(crs, geodetic_crs(crs), always_xy=True)
    x, y = np.meshgrid(box[[0, 2]], box[[1, 3]])
    longitude, latitude = transformer.transform(x.ravel(), y.ravel())
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        return False
    area = crs.area_of_use
    if area is None:
        return True
    slack = 10.0
    east = area.east + 360 if area.east < area.west else area.east
    middle = float(np.mean(longitude))
    across = any(area.west - slack <= one <= east + slack for one in (middle, middle + 360))
    return across and area.south - slack <= float(np.mean(latitude)) <= area.north + slack


def _check_codes(zones: Zones, where: object, divisions: bool) -> list[Finding]:
    found = []
    for code in sorted({code for code in zones.codes if code and zones.codes.count(code) > 1}):
        found.append(finding("E-ZONE-07", where, code=code, count=zones.codes.count(code)))
    for number, (code, name) in enumerate(zip(zones.codes, zones.names_zh, strict=True), start=1):
        place = f"{where}: {number}"
        found += check_code(code, place, divisions)
        found += check_name(code, name, place, divisions)
    return found


def _check_geometries(zones: Zones, where: object) -> tuple[list[int], list[Finding]]:
    """Positions of non-empty polygons, and the findings of each geometry by itself."""
    usable, found = [], []
    for position, geometry in enumerate(zones.geometries):
        place = f"{where}: {zones.codes[position] or position + 1}"
        if geometry is None or geometry.is_empty:
            found.append(finding("E-ZONE-01", place))
        elif not isinstance(geometry, Polygon | MultiPolygon):
            found.append(finding("E-ZONE-02", place, type=geometry.geom_type))
        else:
            usable.append(position)
            found += _check_polygon(geometry, zones.crs, place)
    return usable, found


def _check_polygon(geometry: BaseGeometry, crs: str, where: str) -> list[Finding]:
    if shapely.is_valid(geometry):
        return []
    parts = shapely.get_parts(geometry)
    bad = [part for part in parts if not shapely.is_valid(part)]
    if bad:
        return [finding("E-ZONE-03", where, **_reason(shapely.is_valid_reason(part))) for part in bad]
    overlaps = [shapely.intersection(parts[i], parts[j]) for i, j in _pairs(parts)]
    area = sum(_area_ha(overlap, crs) for overlap in overlaps)
    return [finding("E-ZONE-04", where, area=f"{area:.4g}")]


def _check_overlaps(zones: Zones, sound: Sequence[int], where: object) -> list[Finding]:
    found = []
    geometries = np.array([zones.geometries[i] for i in sound], dtype=object)
    for i, j in _pairs(geometries):
        area = _area_ha(shapely.intersection(geometries[i], geometries[j]), zones.crs)
        if area > OVERLAP_HA:
            one, other = zones.codes[sound[i]], zones.codes[sound[j]]
            found.append(finding("E-ZONE-05", where, one=one, other=other, area=f"{area:.4g}", limit=f"{OVERLAP_HA:g}"))
    return found


def _check_gaps(zones: Zones, sound: Sequence[int], where: object, tiling: bool) -> list[Finding]:
    """Holes of the union that belong to no zone."""
    if len(sound) < 2 and not tiling:
        return []
    union = shapely.union_all([zones.geometries[i] for i in sound])
    found = []
    for part in shapely.get_parts(union):
        for ring in getattr(part, "interiors", ()):
            hole = Polygon(ring)
            area = _area_ha(hole, zones.crs)
            if area > OVERLAP_HA:
                point = hole.representative_point()
                id = "E-ZONE-06" if tiling else "W-ZONE-06"
                found.append(finding(id, where, area=f"{area:.4g}", place=f"{point.x:.6g} {point.y:.6g}"))
    return found[:_MOST_FINDINGS]


def _pairs(geometries: Any) -> list[tuple[int, int]]:
    """Pairs i < j of geometries that meet, sorted."""
    if len(geometries) < 2:
        return []
    one, other = shapely.STRtree(geometries).query(geometries, predicate="intersects")
    return sorted((int(i), int(j)) for i, j in zip(one, other, strict=True) if i < j)


def _area_ha(geometry: BaseGeometry, crs: str) -> float:
    """Geodesic area of the polygons in a geometry [ha]; without a CRS, its plane area taken as square metres."""
    polygons = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and part.area > 0]
    if not polygons:
        return 0.0
    if not crs:
        return float(sum(part.area for part in polygons)) / _HECTARE_M2
    return geodesic_area_ha(MultiPolygon(polygons), crs)


def _check_columns(features: "geopandas.GeoDataFrame", columns: Sequence[str], where: object) -> None:
    missing = [column for column in columns if column not in features]
    if missing:
        there = ", ".join(_plain(str(column)) for column in features if column != "geometry")
        raise InputError(finding("E-VECTOR-06", where, missing=", ".join(missing), columns=there))


def _code_texts(column: Any, where: object) -> tuple[list[str], list[Finding]]:
    """Codes as text: whole numbers become six digits (noted), missing ones the empty text."""
    codes, numbers = [], False
    for value in column.tolist():
        if value is None or value != value:
            codes.append("")
        elif isinstance(value, int | float) and float(value).is_integer():
            numbers = True
            codes.append(f"{int(value):06d}")
        else:
            codes.append(str(value).strip())
    return codes, [finding("N-ZONE-01", f"{where}: {column.name}", example=next(filter(None, codes)))] if numbers else []


def _texts(column: Any, instead: Sequence[str]) -> list[str]:
    values = [None if value is None or value != value else unicodedata.normalize("NFC", str(value)).strip(" ") for value in column.tolist()]
    return [value or other for value, other in zip(values, instead, strict=True)]


def _crs_of(features: "geopandas.GeoDataFrame", asked: str | None, where: object) -> tuple[list[Finding], str]:
    stored = "" if features.crs is None else crs_text(features.crs)
    if asked is None:
        return [], stored
    wanted = crs_text(parse_crs(asked, where))
    if stored and not same_crs(stored, wanted):
        return [finding("W-CRS-01", where, stored=horizontal_crs(stored).name, crs=horizontal_crs(wanted).name)], wanted
    return [], wanted


def longest_edge(crs: str) -> float:
    """The longest edge that stays straight when it is taken to another CRS [CRS unit]: 1 km or 0.01 degree."""
    system = horizontal_crs(crs)
    unit = float(system.axis_info[0].unit_conversion_factor)
    return float(np.radians(LONGEST_EDGE_DEGREES)) / unit if system.is_geographic else LONGEST_EDGE_M / unit


def _geographic(crs: str) -> str:
    system = horizontal_crs(crs)
    return crs if system.is_geographic else crs_text(geodetic_crs(system))


def _multi(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Polygons as MultiPolygons of one part."""
    single = shapely.get_type_id(geometries) == shapely.GeometryType.POLYGON
    geometries[single] = shapely.multipolygons(geometries[single][:, np.newaxis])
    geometries[single & shapely.is_empty(geometries)] = MultiPolygon()
    return geometries


def _reason(text: str) -> dict[str, str]:
    """What GEOS says about a polygon, split into reason and place."""
    match = re.fullmatch(r"(.*?)\[(.*)\]", text)
    return {"reason": match[1], "place": match[2]} if match else {"reason": text, "place": "-"}


def _extent(geometries: Sequence[BaseGeometry]) -> str:
    return box_text(shapely.total_bounds(list(geometries)))


def box_text(box: Floats) -> str:
    """A box (left, bottom, right, top) for a message."""
    return f"x {box[0]:.6g} .. {box[2]:.6g}, y {box[1]:.6g} .. {box[3]:.6g}"


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


__all__ = ["Rings", "Zones", "box_text", "check_extent", "check_zones", "geodesic_area_ha", "longest_edge", "read_zones"]
