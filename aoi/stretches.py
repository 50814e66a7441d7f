"""Shares of cells of many polygons at once: the sweep of `aoi.coverage` over hundreds of thousands of small outlines.

The rows that a polygon crosses are put one below the other, polygon after polygon,
and swept as if they were rows of one grid; so a few array operations serve
thousands of polygons. What comes out for a polygon is what `Coverage` gives for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from aoi.coverage import Footprint, cell_pieces, footprint, reduced, row_pieces, swept
from aoi.findings import InputError, finding
from aoi.grids import Grid, horizontal_crs, inverse_areal_scale, same_crs
from aoi.zones import Rings, box_text, longest_edge

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CHUNK = 1 << 19


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretches:
    """Stretches of equal share in rows of a grid, ordered by polygon, row and column.

    Parameters
    ----------
    polygons : int64 array
        Number of the polygon that a stretch belongs to.
    rows, starts, stops : int32 arrays
        Row, first column and column past the last.
    fractions : float64 array
        Share of each of its cells inside the polygon, above 0 up to 1.
    """

    polygons: Integers
    rows: NDArray[np.int32]
    starts: NDArray[np.int32]
    stops: NDArray[np.int32]
    fractions: Floats

    def cut(self, width: int) -> "Stretches":
        """The same stretches, cut where a column is a multiple of ``width``."""
        first, last = self.starts // width, (self.stops - 1) // width
        count = (last - first + 1).astype(np.int64)
        part = np.repeat(np.arange(len(count)), count)
        band = first[part] + np.arange(len(part)) - np.repeat(np.cumsum(count) - count, count)
        return Stretches(
            polygons=self.polygons[part], rows=self.rows[part], fractions=self.fractions[part],
            starts=np.maximum(self.starts[part], band * width).astype(np.int32),
            stops=np.minimum(self.stops[part], (band + 1) * width).astype(np.int32),
        )  # fmt: skip


def polygon_rings(shapes: NDArray[np.object_], crs: str, grid: Grid, where: object) -> Rings:
    """The rings of polygons in a grid's image, as `aoi.coverage.image_rings` has those of zones; one entry per polygon.

    Parameters
    ----------
    shapes : array of shapely Polygon or MultiPolygon
        Valid and not empty.

    Raises
    ------
    InputError
        ``E-CRS-04``: a place that the grid's CRS does not reach.
    """
    rings = Rings.of(list(shapes))
    if not same_crs(crs, grid.crs):
        rings = rings.densified(longest_edge(crs))
        try:
            x, y = _transformer(crs, grid.crs).transform(rings.xy[:, 0], rings.xy[:, 1], errcheck=True)
        except ProjError as error:
            box = np.concatenate((rings.xy.min(axis=0), rings.xy.max(axis=0)))
            raise InputError(finding("E-CRS-04", where, extent=box_text(box), crs=horizontal_crs(grid.crs).name)) from error
        rings = replace(rings, xy=np.column_stack((x, y)))
    elif grid.kind == "geographic":
        rings = rings.densified(longest_edge(crs))
    a, _, c, _, _, _ = grid.transform
    return replace(rings, xy=np.column_stack(((rings.xy[:, 0] - c) / a, -grid.image(rings.xy[:, 1]))))


@lru_cache(maxsize=16)
def _transformer(one: str, other: str) -> Transformer:
    return Transformer.from_crs(horizontal_crs(one), horizontal_crs(other), always_xy=True)


def polygon_areas_of(rings: Rings, grid: Grid) -> Floats:
    """Areas of polygons in the grid's equal-area image [ha], shape (polygons,).

    On projected grids without equal areas the plane area times the inverse areal scale
    at the middle of the polygon: good for polygons of survey size, not for leagues.
    """
    owner, edge = _edge_owners(rings)
    start, stop = rings.xy[edge], rings.xy[edge + 1]
    first = rings.xy[rings.ring_starts[rings.part_starts[rings.zone_starts[:-1]]]][owner]
    (x0, y0), (x1, y1) = (start - first).T, (stop - first).T
    plane = np.bincount(owner, weights=(x1 * y0 - x0 * y1) / 2, minlength=len(rings.zone_starts) - 1).astype(np.float64)
    areas: Floats = plane * np.float64(grid.transform[0] * grid.image_unit_area_ha)
    if grid.kind == "projected" and grid.cell_area == "true":
        count = np.bincount(owner, minlength=len(areas))
        middle = [np.bincount(owner, weights=start[:, axis], minlength=len(areas)) / count for axis in (0, 1)]
        a, _, c, _, _, _ = grid.transform
        areas = areas * inverse_areal_scale(grid.crs, c + a * middle[0], -middle[1])
    return areas


def _edge_owners(rings: Rings) -> tuple[Integers, Integers]:
    """The polygon of each edge, and the number of its first vertex."""
    ring_of_zone = rings.part_starts[rings.zone_starts]
    zone_of_ring = np.repeat(np.arange(len(ring_of_zone) - 1), np.diff(ring_of_zone))
    edges = np.ones(len(rings.xy), dtype=bool)
    edges[rings.ring_starts[1:] - 1] = False
    return np.repeat(zone_of_ring, np.diff(rings.ring_starts))[edges], np.flatnonzero(edges)


def stretches_of(rings: Rings, grid: Grid) -> Stretches:
    """The shares of the cells of a grid inside each of many polygons.

    Parameters
    ----------
    rings : Rings
        Of `polygon_rings`.
    """
    lines = -grid.row_ordinates()
    owner, edge = _edge_owners(rings)
    start, stop = rings.xy[edge], rings.xy[edge + 1]
    down = stop[:, 1] > start[:, 1]
    upper, lower = np.where(down[:, None], start, stop), np.where(down[:, None], stop, start)
    met = (stop[:, 1] != start[:, 1]) & (upper[:, 1] < lines[-1]) & (lower[:, 1] > lines[0])
    owner = owner[met]
    edges = np.column_stack((upper, lower, np.where(down, 1.0, -1.0)))[met].T
    parts = [_swept_polygons(owner[part], edges[:, part], lines, grid) for part in _chunks(owner, edges, lines)]
    if not parts:
        nothing = np.empty(0, np.int32)
        return Stretches(polygons=np.empty(0, np.int64), rows=nothing, starts=nothing, stops=nothing, fractions=np.empty(0))
    return Stretches(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Stretches.__slots__})


def _chunks(owner: Integers, edges: Floats, lines: Floats) -> Iterator[slice]:
    """Edges of whole polygons that are cut into a bounded number of pieces together; a polygon of more is alone."""
    if not len(owner):
        return
    begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    crossed = np.searchsorted(lines, edges[3]) - np.searchsorted(lines, edges[1]) + 1 + np.abs(edges[0] - edges[2])
    before = np.cumsum(np.add.reduceat(crossed, begins)) // _CHUNK
    bounds = [0, *begins[1:][np.diff(before) > 0].tolist(), len(owner)]
    yield from (slice(low, high) for low, high in pairwise(bounds))


def _swept_polygons(owner: Integers, edges: Floats, lines: Floats, grid: Grid) -> Stretches:
    """The stretches of the polygons of some edges."""
    begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    polygons = owner[begins]
    if len(polygons) == 1:
        one = footprint(edges, lines, grid, "coverage")
        return _sorted(polygons, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), one)
    last = grid.height - 1
    first = np.clip(np.minimum.reduceat(np.searchsorted(lines, edges[1], side="right") - 1, begins), 0, last)
    final = np.clip(np.maximum.reduceat(np.searchsorted(lines, edges[3], side="left") - 1, begins), 0, last)
    base = np.concatenate(([0], np.cumsum(final - first + 1)))[:-1]
    shift = np.repeat(base - first, np.diff(np.append(begins, len(owner))))
    edge, row, sign, left, right, height = row_pieces(edges, lines)
    swept_rows = swept(*reduced(*cell_pieces(row + shift[edge], sign, left, right, height, grid.width), grid.width), grid.width)
    return _sorted(polygons, base, first, swept_rows)


def _sorted(polygons: Integers, base: Integers, first: Integers, one: Footprint) -> Stretches:
    """Boundary cells and runs of rows under each other as stretches of their polygons."""
    rows = np.concatenate((one.rows, one.run_rows)).astype(np.int64)
    starts, stops = np.concatenate((one.cols, one.run_starts)), np.concatenate((one.cols + 1, one.run_stops))
    fractions = np.concatenate((one.fractions, np.ones(len(one.run_rows))))
    place = np.searchsorted(base, rows, side="right") - 1
    order = np.lexsort((starts, rows))
    place, rows = place[order], rows[order]
    return Stretches(
        polygons=polygons[place], rows=(rows - base[place] + first[place]).astype(np.int32), starts=starts[order].astype(np.int32),
        stops=stops[order].astype(np.int32), fractions=fractions[order],
    )  # fmt: skip


__all__ = ["Stretches", "polygon_areas_of", "polygon_rings", "stretches_of"]
