"""Areas of cells in leagues by plain geometry: how the check knows them without the pass.

A cell that the outline of a league cuts is intersected with it by shapely, in
the grid's equal-area image; any other cell is wholly inside or outside, as its
centre is. Nothing here calls `aoi.coverage`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.grids import Grid
from aoi.zones import Zones

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_STRIPE_CELLS = 2_000_000
_BLOCK = 32
_STEPS_PER_CELL = 4
_NEIGHBOURS = (-1, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stripe:
    """Some rows of a grid: which cells lie in which zones with which area.

    Parameters
    ----------
    row_off, height : int
    cells : int64 array
        Flat index in the stripe; a cell on a border stands once per zone.
    zones : int64 array
    areas : float64 array
        Area of the cell inside the zone [ha].
    owner : (height * width,) array
        The zone with the largest part of each cell, -1 for none.
    """

    row_off: int
    height: int
    cells: Integers
    zones: Integers
    areas: Floats
    owner: Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class CellAreas:
    """Areas of the cells of a geographic grid in zones."""

    grid: Grid
    zones: Zones

    @cached_property
    def outlines(self) -> tuple[shapely.MultiPolygon, ...]:
        """The zones in the grid's equal-area image: x as on the grid, y the image ordinate."""
        dense = self.zones.densified().geometries
        return tuple(shapely.transform(one, self._to_image) for one in dense)

    def _to_image(self, xy: Floats) -> Floats:
        return np.column_stack((xy[:, 0], self.grid.image(xy[:, 1])))

    @cached_property
    def outline_areas_ha(self) -> Floats:
        """Area of each zone [ha]."""
        return np.array([one.area for one in self.outlines]) * self.grid.image_unit_area_ha

    @cached_property
    def _cut(self) -> tuple[tuple[Integers, Floats], ...]:
        """By zone: cells on or beside its outline (flat index, ascending) and their areas inside [ha]."""
        return tuple(self._cut_of(zone) for zone in range(len(self.zones)))

    def _cut_of(self, zone: int) -> tuple[Integers, Floats]:
        cells = self._beside(self.zones.densified().geometries[zone])
        rows, cols = np.divmod(cells, self.grid.width)
        areas = np.zeros(len(cells))
        block = rows // _BLOCK * self.grid.width + cols // _BLOCK
        for one in np.unique(block):
            mine = block == one
            areas[mine] = self._areas_in(self.outlines[zone], rows[mine], cols[mine])
        return cells, areas

    def _areas_in(self, outline: shapely.MultiPolygon, rows: Integers, cols: Integers) -> Floats:
        """Area of neighbouring cells inside an outline [ha]; the outline is first cut to their common box."""
        a, _, c, _, e, f = self.grid.transform
        left, right = c + a * cols, c + a * (cols + 1)
        top, bottom = (self.grid.image(np.asarray(f + e * edge, dtype=np.float64)) for edge in (rows, rows + 1))
        boxes = shapely.box(left, bottom, right, top)
        piece = shapely.intersection(outline, shapely.box(left.min(), bottom.min(), right.max(), top.max()))
        inside: Floats = shapely.area(shapely.intersection(boxes, piece)) * self.grid.image_unit_area_ha
        return inside

    def _beside(self, outline: shapely.MultiPolygon) -> Integers:
        """Cells that an outline touches, and their neighbours: flat indices, ascending."""
        a, _, c, _, e, f = self.grid.transform
        xy = shapely.get_coordinates(shapely.segmentize(outline, min(a, -e) / _STEPS_PER_CELL))
        cols, rows = np.floor((xy[:, 0] - c) / a).astype(np.int64), np.floor((xy[:, 1] - f) / e).astype(np.int64)
        around = [(np.clip(cols + across, 0, self.grid.width - 1), rows + down) for down in _NEIGHBOURS for across in _NEIGHBOURS]
        found = [row * self.grid.width + col for col, row in around]
        cells = np.unique(np.concatenate(found))
        return cells[(cells >= 0) & (cells < self.grid.width * self.grid.height)]

    def stripes(self) -> Iterator[Stripe]:
        """The grid from the top down."""
        height = max(1, _STRIPE_CELLS // self.grid.width)
        for row_off in range(0, self.grid.height, height):
            yield self._stripe(row_off, min(height, self.grid.height - row_off))

    def _stripe(self, row_off: int, height: int) -> Stripe:
        width = self.grid.width
        centre = self._zone_of_centres(row_off, height).reshape(-1)
        row_areas = self.grid.row_areas_ha()
        if row_areas is None:
            raise ValueError("areas of cells differ along the rows of this grid")
        cells, zones, areas = [], [], []
        for zone, (cut, inside) in enumerate(self._cut):
            first, last = np.searchsorted(cut, (row_off * width, (row_off + height) * width))
            near = cut[first:last] - row_off * width
            whole = centre == zone
            whole[near] = False
            full, part = np.flatnonzero(whole), inside[first:last] > 0
            cells += [full, near[part]]
            areas += [row_areas[row_off + full // width], inside[first:last][part]]
            zones.append(np.full(len(full) + int(part.sum()), zone))
        at, whose, size = np.concatenate(cells), np.concatenate(zones), np.concatenate(areas)
        owner = _largest(at, whose, size, height * width)
        return Stripe(row_off=row_off, height=height, cells=at, zones=whose, areas=size, owner=owner)

    def _zone_of_centres(self, row_off: int, height: int) -> NDArray[np.int16]:
        """The zone of each cell's centre, -1 for none."""
        from rasterio.features import rasterize
        from rasterio.transform import Affine

        a, b, c, d, e, f = self.grid.transform
        transform = Affine(a, b, c, d, e, f + row_off * e)
        shapes = [(geometry, zone) for zone, geometry in enumerate(self.zones.geometries)]
        found: NDArray[np.int16] = rasterize(shapes, out_shape=(height, self.grid.width), fill=-1, transform=transform, dtype="int16")
        return found


def _largest(cells: Integers, zones: Integers, areas: Floats, size: int) -> Integers:
    """The zone with the largest part of each cell; what is assigned last stays."""
    owner = np.full(size, -1, dtype=np.int64)
    order = np.argsort(areas, kind="stable")
    owner[cells[order]] = zones[order]
    return owner
