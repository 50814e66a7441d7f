"""The outlines of the zones of a run for drawings: simplified, neighbours along one line, kept in the run folder.

A report is made from the run folder alone, so a run leaves the outlines of its zones
there (``inputs/outlines.json``). They are for looking at: areas and sums come from the
polygons themselves.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from aoi.table import replace_file
from aoi.zones import Zones
from sinks.provenance import read_json
from sinks.setup import Setup

FILE = "outlines.json"
M_PER_KM = 1000.0
WIDTH = 1000.0
"""Width of a drawing in its own units; outlines are kept to a tenth of one."""
TOLERANCE = 0.8
"""How far a simplified line may lie off, in units of the drawing."""
DECIMALS = 1
LEAST_AREA = 2.0
"""Islands smaller than this are left out, unless a zone has nothing else [square units of the drawing]."""

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """Outlines in a drawing: x to the right, y down, in units of which the drawing is ``width`` wide.

    Parameters
    ----------
    rings : mapping
        Rings by zone code, outer and inner ones; even-odd filling shows the holes.
    labels : mapping
        A point inside each zone.
    unit_km : float
        Kilometres per unit of the drawing.
    crs, left_m, top_m :
        The projection of the drawing, and where its upper left corner lies in it.
    source : str
        The set that the outlines are of: ``leagues`` or the name of a file.
    builtin : bool
        Whether they are the outlines that come with the program.
    """

    width: float
    height: float
    rings: Mapping[str, tuple[Ring, ...]]
    labels: Mapping[str, tuple[float, float]]
    unit_km: float
    crs: str
    left_m: float
    top_m: float
    source: str
    builtin: bool

    def lines(self, crs: str) -> list[NDArray[np.float64]]:
        """The rings of all zones in another CRS, as columns of x and y."""
        transformer = Transformer.from_crs(self.crs, crs, always_xy=True)
        out = []
        for zone in self.rings:
            for ring in self.rings[zone]:
                points = np.array([*ring, ring[0]], dtype=np.float64) * self.unit_km * M_PER_KM
                x, y = transformer.transform(self.left_m + points[:, 0], self.top_m - points[:, 1])
                out.append(np.column_stack([x, y]))
        return out

    def path(self, zone: str) -> str:
        """The outline of a zone as the path of an SVG."""
        return "".join("M" + "L".join(f"{x:g},{y:g}" for x, y in ring) + "Z" for ring in self.rings.get(zone, ()))


def keep_outlines(setup: Setup) -> None:
    """Write the outlines of the zones of a run into its folder."""
    outlines = outlines_of(setup.zone_sets, builtin=setup.config.zones.builtin is not None, source=_source(setup))
    content = asdict(outlines)
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    replace_file(setup.out / "inputs" / FILE, (text + "\n").encode("utf-8"))


def _source(setup: Setup) -> str:
    return setup.config.zones.builtin or Path(str(setup.config.zones.file)).name


def read_outlines(out: Path) -> Outlines | None:
    """The outlines of a run folder; none where there are none."""
    content = read_json(out / "inputs" / FILE)
    if not isinstance(content, dict):
        return None
    rings = {zone: tuple(tuple((x, y) for x, y in ring) for ring in rings) for zone, rings in content["rings"].items()}
    labels = {zone: (x, y) for zone, (x, y) in content["labels"].items()}
    return Outlines(**{**content, "rings": rings, "labels": labels})


def outlines_of(zone_sets: Sequence[Zones], *, builtin: bool, source: str) -> Outlines:
    """The outlines of sets of zones in one drawing, on an equal-area projection around their middle."""
    crs = _projection(zone_sets)
    drawn = [(code, shape) for zones in zone_sets for code, shape in zip(zones.codes, zones.to_crs(crs).geometries, strict=True)]
    left, bottom, right, top = shapely.total_bounds(np.array([shape for _, shape in drawn], dtype=object))
    unit = max((right - left) / WIDTH, (top - bottom) / (1.2 * WIDTH)) or 1.0
    shapes: dict[str, Any] = {}
    for zones in zone_sets:
        mine = [shape for code, shape in drawn if code in set(zones.codes)]
        placed = shapely.transform(
            np.array(mine, dtype=object), lambda points: np.column_stack([(points[:, 0] - left) / unit, (top - points[:, 1]) / unit])
        )
        shapes.update(zip(zones.codes, _simplified(placed), strict=True))
    return Outlines(
        width=round((right - left) / unit, DECIMALS), height=round((top - bottom) / unit, DECIMALS),
        rings={code: tuple(_rings(shape)) for code, shape in shapes.items()}, labels={code: _label(shape) for code, shape in shapes.items()},
        unit_km=round(unit / M_PER_KM, 9), crs=crs, left_m=round(float(left), 3), top_m=round(float(top), 3), source=source, builtin=builtin,
    )  # fmt: skip


def _projection(zone_sets: Sequence[Zones]) -> str:
    """An equal-area projection around the middle of the zones."""
    boxes = np.array([shapely.total_bounds(np.array(zones.to_crs("EPSG:4326").geometries, dtype=object)) for zones in zone_sets])
    longitude, latitude = float((boxes[:, 0].min() + boxes[:, 2].max()) / 2), float((boxes[:, 1].min() + boxes[:, 3].max()) / 2)
    return f"+proj=laea +lon_0={longitude:.4f} +lat_0={latitude:.4f} +ellps=WGS84 +units=m"


def _simplified(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Simplified shapes whose common borders stay common."""
    return np.asarray(shapely.coverage_simplify(shapes, TOLERANCE), dtype=object)


def _rings(shape: Any) -> Iterator[Ring]:
    polygons = sorted(shapely.get_parts(shape), key=lambda polygon: -polygon.area)
    for place, polygon in enumerate(polygons):
        if place and polygon.area < LEAST_AREA:
            continue
        for number, ring in enumerate((polygon.exterior, *polygon.interiors)):
            if not number or shapely.Polygon(ring).area >= LEAST_AREA:
                yield _points(ring)


def _points(ring: Any) -> Ring:
    points: list[tuple[float, float]] = []
    for x, y in shapely.get_coordinates(ring).tolist()[:-1]:
        point = (round(x, DECIMALS) + 0.0, round(y, DECIMALS) + 0.0)
        if not points or points[-1] != point:
            points.append(point)
    return tuple(points)


def _label(shape: Any) -> tuple[float, float]:
    """A point well inside the largest part of a shape."""
    part = max(shapely.get_parts(shape), key=lambda polygon: polygon.area)
    circle = shapely.maximum_inscribed_circle(part, tolerance=max(1.0, math.sqrt(part.area) / 50.0))
    x, y = shapely.get_coordinates(circle)[0]
    return round(float(x), DECIMALS), round(float(y), DECIMALS)
