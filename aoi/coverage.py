"""Membership of cells in zones: exact area coverage, or the cell's centre.

The sweep is that of a font rasteriser. Each edge is cut at the lines of the
grid; each piece gives its cell a signed area and everything to its right in the
row a signed cover. A running sum along the row then gives the share of every
boundary cell, and runs of cells between them that are wholly inside. All of it
takes place in the grid's equal-area image, so a share is a share of area. No
GDAL, no overlay; an edge shared by two zones gives both the same numbers with
opposite sign, so the shares of a tiling add up to one.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from aoi.findings import InputError
from aoi.grids import TILE, Grid, Tile, crs_text, geodesy, geodetic_crs, horizontal_crs, same_crs
from aoi.zones import Rings, Zones, check_extent, geodesic_area_ha

Rule = Literal["coverage", "centre"]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CHUNK = 1 << 18
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TileCoverage:
    """Shares of the cells of one tile, ordered by zone, then cell.

    Parameters
    ----------
    cells : int64 array
        Flat index in the tile, row by row.
    zones : int32 array
        Position in ``Coverage.codes``.
    fractions : float64 array
        Share of the cell inside the zone, above 0 up to 1.
    """

    cells: Integers
    zones: NDArray[np.int32]
    fractions: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TileRuns:
    """The same shares, compact: boundary cells one by one, whole cells as runs; each ordered by zone, then cell.

    Parameters
    ----------
    cells, zones, fractions : int64, int32 and float64 arrays
        Boundary cells, as in `TileCoverage`.
    run_starts, run_lengths, run_zones : int64, int64 and int32 arrays
        First cell (flat index) and number of cells of each run in a row of the
        tile; every one of them is wholly inside.
    """

    cells: Integers
    zones: NDArray[np.int32]
    fractions: Floats
    run_starts: Integers
    run_lengths: Integers
    run_zones: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Footprint:
    """One zone on the grid: boundary cells with their shares, and runs of whole cells, sorted by row and column."""

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    fractions: Floats
    run_rows: NDArray[np.int32]
    run_starts: NDArray[np.int32]
    run_stops: NDArray[np.int32]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First row, last row + 1, first column, last column + 1; zeros when off the grid."""
        if not len(self.rows) and not len(self.run_rows):
            return 0, 0, 0, 0
        rows = np.concatenate((self.rows, self.run_rows))
        starts, stops = np.concatenate((self.cols, self.run_starts)), np.concatenate((self.cols + 1, self.run_stops))
        return int(rows.min()), int(rows.max()) + 1, int(starts.min()), int(stops.max())

    def in_tile(self, tile: Tile) -> tuple[Integers, Floats]:
        """Flat indices in the tile, ascending, and shares."""
        edge, part, starts, lengths = self.pieces_in_tile(tile)
        whole = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths) + np.arange(lengths.sum())
        if not len(edge):
            return whole, np.ones(len(whole))
        cells = np.concatenate((edge, whole))
        shares = np.concatenate((part, np.ones(len(whole))))
        order = np.argsort(cells, kind="stable")
        return cells[order], shares[order]

    def tiles(self, across: int) -> set[int]:
        """Numbers, row by row, of the tiles that it has a part of; ``across`` tiles make a row."""
        numbers = self.rows.astype(np.int64) // TILE * across + self.cols // TILE
        found = set(np.unique(numbers).tolist())
        band, left, right = (one.astype(np.int64) // TILE for one in (self.run_rows, self.run_starts, self.run_stops - 1))
        for row, low, high in np.unique(np.stack((band, left, right), axis=1), axis=0).tolist():
            found.update(range(row * across + low, row * across + high + 1))
        return found

    def touches(self, tile: Tile) -> bool:
        """Whether any cell of the tile is at least partly inside."""
        edge, _, _, lengths = self.pieces_in_tile(tile)
        return bool(len(edge) or len(lengths))

    def pieces_in_tile(self, tile: Tile) -> tuple[Integers, Floats, Integers, Integers]:
        """Flat indices and shares of the boundary cells in a tile; first flat index and length of its runs."""
        low, high = np.searchsorted(self.rows, (tile.row_off, tile.row_off + tile.height))
        cols = self.cols[low:high]
        at = low + np.flatnonzero((cols >= tile.col_off) & (cols < tile.col_off + tile.width))
        low, high = np.searchsorted(self.run_rows, (tile.row_off, tile.row_off + tile.height))
        starts = np.maximum(self.run_starts[low:high].astype(np.int64) - tile.col_off, 0)
        stops = np.minimum(self.run_stops[low:high].astype(np.int64) - tile.col_off, tile.width)
        inside = stops > starts
        first = (self.run_rows[low:high].astype(np.int64) - tile.row_off) * tile.width + starts
        edge = (self.rows[at].astype(np.int64) - tile.row_off) * tile.width + (self.cols[at].astype(np.int64) - tile.col_off)
        return edge, self.fractions[at], first[inside], (stops - starts)[inside]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """The shares of all zones as stretches of equal share in a row of the grid; ordered by zone, row and column.

    Parameters
    ----------
    rows, starts, stops : int32 arrays
        Row, first column and column past the last.
    fractions : float64 array
        Share of each of its cells inside the zone.
    first : (zones, tile rows + 1) int64 array
        Where the stretches of a zone begin in each row of tiles.
    """

    rows: NDArray[np.int32]
    starts: NDArray[np.int32]
    stops: NDArray[np.int32]
    fractions: Floats
    first: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coverage:
    """Which cells of a grid belong to which zones, and by what share.

    Parameters
    ----------
    grid : Grid
    rule : {"coverage", "centre"}
        Share of area, or 1 where the cell's centre is inside (a centre on a
        shared edge belongs to exactly one of the two zones).
    codes : tuple of str
        Codes of all zones over the sets, in order.
    set_names, sets : tuple of str
        Names of the sets; the set of each code.
    footprints : tuple of Footprint
        One per code.
    """

    grid: Grid
    rule: Rule
    codes: tuple[str, ...]
    set_names: tuple[str, ...]
    sets: tuple[str, ...]
    footprints: tuple[Footprint, ...]
    boxes: Integers

    @classmethod
    def of(cls, zone_sets: Sequence[Zones], grid: Grid, rule: Rule = "coverage") -> "Coverage":
        """The coverage of zone sets on a grid.

        Raises
        ------
        InputError
            A set has no CRS, or coordinates that cannot be in it (``E-CRS-``).
        """
        lines = -grid.row_ordinates()
        footprints: list[Footprint] = []
        for zones in zone_sets:
            rings = image_rings(zones, grid)
            for zone in range(len(zones)):
                footprints.append(footprint(_zone_edges(rings, zone), lines, grid, rule))
        return cls(
            grid=grid,
            rule=rule,
            codes=tuple(code for zones in zone_sets for code in zones.codes),
            set_names=tuple(zones.name for zones in zone_sets),
            sets=tuple(zones.name for zones in zone_sets for _ in zones.codes),
            footprints=tuple(footprints),
            boxes=np.array([one.box for one in footprints], dtype=np.int64).reshape(-1, 4),
        )

    def tile(self, tile: Tile) -> TileCoverage:
        """Shares of the cells of a canonical tile."""
        cells, shares, zones = [], [], []
        for zone in self.zones_near(tile):
            at, share = self.footprints[zone].in_tile(tile)
            cells.append(at)
            shares.append(share)
            zones.append(np.full(len(at), zone, dtype=np.int32))
        if not cells:
            return TileCoverage(cells=np.empty(0, np.int64), zones=np.empty(0, np.int32), fractions=np.empty(0))
        return TileCoverage(cells=np.concatenate(cells), zones=np.concatenate(zones), fractions=np.concatenate(shares))

    def runs(self, tile: Tile) -> TileRuns:
        """The shares of a tile with whole cells as runs: what a kernel wants on grids of many cells."""
        near = self.zones_near(tile)
        found = [self.footprints[zone].pieces_in_tile(tile) for zone in near]
        cells, shares, starts, lengths = zip(*found, strict=True) if found else ((), (), (), ())
        return TileRuns(
            cells=np.concatenate((np.empty(0, np.int64), *cells)),
            zones=np.repeat(np.array(near, dtype=np.int32), [len(one) for one in cells]),
            fractions=np.concatenate((np.empty(0), *shares)),
            run_starts=np.concatenate((np.empty(0, np.int64), *starts)),
            run_lengths=np.concatenate((np.empty(0, np.int64), *lengths)),
            run_zones=np.repeat(np.array(near, dtype=np.int32), [len(one) for one in starts]),
        )

    def touches(self, tile: Tile) -> bool:
        """Whether any zone has a part in the tile."""
        return any(self.footprints[zone].touches(tile) for zone in self.zones_near(tile))

    def tiles(self) -> Iterator[Tile]:
        """The tiles that any zone touches, in row-major order."""
        touched: set[int] = set()
        for one in self.footprints:
            touched |= one.tiles(self.grid.tile_cols)
        return (self.grid.tile_at(*divmod(place, self.grid.tile_cols)) for place in sorted(touched))

    def segments(self) -> "Segments":
        """All zones as stretches of cells, row by row: what a kernel walks along."""
        parts = [_segments(one) for one in self.footprints]
        bands = np.arange(self.grid.tile_rows + 1, dtype=np.int64) * TILE
        lengths = np.cumsum([0, *(len(part[0]) for part in parts)])
        first = [start + np.searchsorted(part[0], bands) for start, part in zip(lengths, parts, strict=False)]
        rows, starts, stops, fractions = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Segments(rows=rows, starts=starts, stops=stops, fractions=fractions, first=np.stack(first).astype(np.int64))

    def zone_areas_ha(self) -> Floats:
        """Area of each zone on the grid [ha]: the sum of share times cell area, shape (zones,).

        Where cell areas differ along a row, sums per tile are added up by
        ``math.fsum`` in tile order; else all products are.
        """
        areas = self.grid.row_areas_ha()
        if areas is None:
            return self._areas_by_tile()
        return np.array([_area_by_row(one, areas) for one in self.footprints])

    def _areas_by_tile(self) -> Floats:
        sums: list[list[float]] = [[] for _ in self.codes]
        for tile in self.tiles():
            part = self.tile(tile)
            size = np.broadcast_to(self.grid.cell_areas_ha(tile), (tile.height, tile.width)).reshape(-1)
            totals = np.bincount(part.zones, weights=part.fractions * size[part.cells], minlength=len(self.codes))
            for zone in np.flatnonzero(totals):
                sums[zone].append(float(totals[zone]))
        return np.array([math.fsum(one) for one in sums])

    def zones_near(self, tile: Tile) -> list[int]:
        """Zones whose box meets the tile."""
        top, bottom, left, right = self.boxes.T
        meets = (top < tile.row_off + tile.height) & (bottom > tile.row_off)
        meets &= (left < tile.col_off + tile.width) & (right > tile.col_off)
        return [int(zone) for zone in np.flatnonzero(meets)]


def _segments(one: Footprint) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], Floats]:
    """Boundary cells and runs of a zone in one order: row, first column, column past the last, share."""
    rows, starts = np.concatenate((one.rows, one.run_rows)), np.concatenate((one.cols, one.run_starts))
    stops, fractions = np.concatenate((one.cols + 1, one.run_stops)), np.concatenate((one.fractions, np.ones(len(one.run_rows))))
    order = np.lexsort((starts, rows))
    return rows[order].astype(np.int32), starts[order].astype(np.int32), stops[order].astype(np.int32), fractions[order]


def image_rings(zones: Zones, grid: Grid) -> Rings:
    """The rings of zones on a grid: x in columns, y as minus the image ordinate (growing downwards).

    Raises
    ------
    InputError
        The zones have no CRS or do not fit it (``E-CRS-``).
    """
    found = check_extent(zones, zones.name)
    if found:
        raise InputError(found)
    rings = _rings_in_grid_crs(zones, grid)
    a, _, c, _, _, _ = grid.transform
    xy = np.column_stack(((rings.xy[:, 0] - c) / a, -grid.image(rings.xy[:, 1])))
    return Rings(xy=xy, ring_starts=rings.ring_starts, part_starts=rings.part_starts, zone_starts=rings.zone_starts)


def polygon_areas_ha(zones: Zones, grid: Grid) -> Floats:
    """Area of each zone's outline in the grid's equal-area image [ha], shape (zones,).

    On projected grids without equal areas the outline, straight in the grid's
    projection, is cut to at most one cell and taken to an azimuthal equal-area
    projection on the same ellipsoid, centred on the zone; with nominal areas it
    is the plane area.
    """
    if grid.kind == "projected" and grid.cell_area == "true":
        return _areas_in_azimuthal(zones, grid)
    rings = image_rings(zones, grid)
    unit = grid.transform[0] * grid.image_unit_area_ha
    return np.array([-_shoelace(rings, zone) * unit for zone in range(len(zones))])


def geodesic_areas_ha(zones: Zones) -> Floats:
    """Area of each zone on the ellipsoid of its own CRS [ha], shape (zones,)."""
    return np.array([geodesic_area_ha(geometry, zones.crs) for geometry in zones.geometries])


def _rings_in_grid_crs(zones: Zones, grid: Grid) -> Rings:
    ready = zones.to_crs(grid.crs)
    if grid.kind == "geographic" and same_crs(zones.crs, grid.crs):
        ready = ready.densified()
    return Rings.of(ready.geometries)


def _areas_in_azimuthal(zones: Zones, grid: Grid) -> Floats:
    a, _, _, _, e, _ = grid.transform
    rings = _rings_in_grid_crs(zones, grid).densified(min(a, -e))
    crs = horizontal_crs(grid.crs)
    to_degrees = Transformer.from_crs(crs, geodetic_crs(crs), always_xy=True)
    longitude, latitude = to_degrees.transform(rings.xy[:, 0], rings.xy[:, 1])
    areas = []
    for zone in range(len(zones)):
        first, last = rings.zone_rings(zone)
        part = slice(int(rings.ring_starts[first]), int(rings.ring_starts[last]))
        if part.start == part.stop:
            areas.append(0.0)
            continue
        plane = _azimuthal(crs, float(np.mean(longitude[part])), float(np.mean(latitude[part])))
        there = Transformer.from_crs(geodetic_crs(crs), plane, always_xy=True)
        xy = np.column_stack(there.transform(longitude[part], latitude[part]))
        starts = rings.ring_starts[first : last + 1] - part.start
        single = Rings(xy=xy, ring_starts=starts, part_starts=np.array([0, last - first]), zone_starts=np.array([0, 1]))
        areas.append(_shoelace(single, 0) / 1e4)
    return np.array(areas)


def _azimuthal(crs: CRS, longitude: float, latitude: float) -> CRS:
    """Lambert azimuthal equal area on the ellipsoid of a CRS, centred on a place."""
    ellipsoid = geodesy(crs)
    text = f"+proj=laea +lat_0={latitude!r} +lon_0={longitude!r} +a={ellipsoid.a!r} +b={ellipsoid.b!r} +units=m"
    return horizontal_crs(crs_text(CRS.from_proj4(text)))


def _shoelace(rings: Rings, zone: int) -> float:
    """Signed area of a zone in the plane of its rings, summed exactly."""
    first, last = rings.zone_rings(zone)
    sums: list[float] = []
    for ring in range(first, last):
        xy = rings.xy[rings.ring_starts[ring] : rings.ring_starts[ring + 1]]
        x, y = (xy - xy[0]).T
        sums.append(math.fsum((x[:-1] * y[1:] - x[1:] * y[:-1]).tolist()) / 2)
    return math.fsum(sums)


def _area_by_row(one: Footprint, areas: Floats) -> float:
    parts = (one.fractions * areas[one.rows]).tolist()
    runs = ((one.run_stops - one.run_starts) * areas[one.run_rows]).tolist()
    return math.fsum(parts + runs)


def _zone_edges(rings: Rings, zone: int) -> Floats:
    """Edges of a zone, shape (5, edges): upper column and ordinate, lower column and ordinate, sign.

    Every edge points down, whatever its direction in the ring, so that two
    zones sharing it compute with the same numbers; the sign is +1 for
    an edge with the zone to its right.
    """
    first, last = rings.zone_rings(zone)
    begin, end = int(rings.ring_starts[first]), int(rings.ring_starts[last])
    xy = rings.xy[begin:end]
    inner = np.ones(max(len(xy) - 1, 0), dtype=bool)
    breaks = rings.ring_starts[first + 1 : last] - begin - 1
    inner[breaks[(breaks >= 0) & (breaks < len(inner))]] = False
    start, stop = xy[:-1][inner], xy[1:][inner]
    down = stop[:, 1] > start[:, 1]
    level = stop[:, 1] == start[:, 1]
    upper, lower = np.where(down[:, None], start, stop), np.where(down[:, None], stop, start)
    sign = np.where(down, 1.0, -1.0)
    edges: Floats = np.column_stack((upper, lower, sign))[~level].T
    return edges


def footprint(edges: Floats, lines: Floats, grid: Grid, rule: Rule) -> Footprint:
    """A zone on the grid from its edges; entries are reduced chunk by chunk."""
    chunks = []
    entries = _coverage_entries if rule == "coverage" else _centre_entries
    ordinates = lines if rule == "coverage" else _centre_ordinates(grid)
    for chunk in _chunks(edges, ordinates):
        chunks.append(reduced(*entries(chunk, ordinates, grid.width), grid.width))
    if not chunks:
        nothing = np.empty(0, np.int32)
        return Footprint(rows=nothing, cols=nothing, fractions=np.empty(0), run_rows=nothing, run_starts=nothing, run_stops=nothing)
    key, area, cover = (np.concatenate(one) for one in zip(*chunks, strict=True))
    if len(chunks) > 1:
        order = np.argsort(key, kind="stable")
        key, area, cover = _summed(key[order], area[order], cover[order])
    return swept(key, area, cover, grid.width)


def _chunks(edges: Floats, lines: Floats) -> Iterator[Floats]:
    """Edges in chunks that cross a bounded number of rows."""
    meets = (edges[1] < lines[-1]) & (edges[3] > lines[0])
    edges = edges[:, meets]
    rows = np.searchsorted(lines, edges[3]) - np.searchsorted(lines, edges[1]) + 1
    group = np.cumsum(rows) // _CHUNK
    for part in np.split(edges, np.flatnonzero(np.diff(group)) + 1, axis=1):
        if part.shape[1]:
            yield part


def _coverage_entries(edges: Floats, lines: Floats, width: int) -> tuple[Integers, Integers, Floats, Floats]:
    """Row, column, signed area and signed cover of every piece of edge in a cell."""
    _, row, sign, left, right, height = row_pieces(edges, lines)
    return cell_pieces(row, sign, left, right, height, width)


def row_pieces(edges: Floats, lines: Floats) -> tuple[Integers, Integers, Floats, Floats, Floats, Floats]:
    """Edges cut at the row lines: number of the edge, row, sign, columns of the two ends (ascending), height in rows."""
    col0, v0, col1, v1, sign = edges
    above = np.searchsorted(lines, v0, side="right") - 1
    count = np.searchsorted(lines, v1, side="left") - above
    edge = np.repeat(np.arange(len(v0)), count)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    row = above[edge] + step
    inside = (row >= 0) & (row < len(lines) - 1)
    edge, step, row = edge[inside], step[inside], row[inside]
    slope = (col1 - col0) / (v1 - v0)
    top, base = lines[row], lines[row + 1]
    starts, ends = step == 0, step == count[edge] - 1
    from_col = np.where(starts, col0[edge], col0[edge] + slope[edge] * (top - v0[edge]))
    to_col = np.where(ends, col1[edge], col0[edge] + slope[edge] * (base - v0[edge]))
    upper = np.where(starts, (v0[edge] - top) / (base - top), 0.0)
    lower = np.where(ends, (v1[edge] - top) / (base - top), 1.0)
    return edge, row, sign[edge], np.minimum(from_col, to_col), np.maximum(from_col, to_col), lower - upper


def cell_pieces(
    row: Integers, sign: Floats, left: Floats, right: Floats, height: Floats, width: int
) -> tuple[Integers, Integers, Floats, Floats]:
    """Pieces of a row cut at the column lines.

    What lies left of the grid counts in the first column with its whole cover,
    what lies right of it in a column past the last, so that rows stay balanced.
    """
    first = np.clip(np.floor(left) + 1, 0, width + 1).astype(np.int64)
    last = np.clip(np.ceil(right) - 1, -1, width).astype(np.int64)
    count = np.maximum(last - first + 1, 0) + 1
    piece = np.repeat(np.arange(len(row)), count)
    step = np.arange(len(piece)) - np.repeat(np.cumsum(count) - count, count)
    line = (first[piece] + step).astype(np.float64)
    starts, ends = step == 0, step == count[piece] - 1
    begin, end = np.where(starts, left[piece], line - 1), np.where(ends, right[piece], line)
    span = (right - left)[piece]
    share = np.divide(end - begin, span, out=np.ones(len(piece)), where=span > 0)
    cover = sign[piece] * height[piece] * share
    middle = np.clip((begin + end) / 2, 0, width)
    col = np.minimum(np.floor(middle).astype(np.int64), width)
    return row[piece], col, cover * (1 - (middle - col)), cover


def _centre_ordinates(grid: Grid) -> Floats:
    """Minus the image ordinates of the row centres, shape (height,)."""
    _, _, _, _, e, f = grid.transform
    return -grid.image(f + e * (np.arange(grid.height, dtype=np.float64) + 0.5))


def _centre_entries(edges: Floats, centres: Floats, width: int) -> tuple[Integers, Integers, Floats, Floats]:
    """Row and first column whose centre lies right of an edge; half-open at the upper end of the edge."""
    col0, v0, col1, v1, sign = edges
    first = np.searchsorted(centres, v0, side="left")
    count = np.searchsorted(centres, v1, side="left") - first
    edge = np.repeat(np.arange(len(v0)), count)
    row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    slope = (col1 - col0) / (v1 - v0)
    crossing = col0[edge] + slope[edge] * (centres[row] - v0[edge])
    col = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    return row, col, sign[edge], sign[edge]


def reduced(row: Integers, col: Integers, area: Floats, cover: Floats, width: int) -> tuple[Integers, Floats, Floats]:
    """Entries added up per cell, sorted by cell (row by row)."""
    key = row * (width + 1) + col
    order = np.argsort(key, kind="stable")
    return _summed(key[order], area[order], cover[order])


def _summed(key: Integers, area: Floats, cover: Floats) -> tuple[Integers, Floats, Floats]:
    if not len(key):
        return key, area, cover
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    return key[starts], np.add.reduceat(area, starts), np.add.reduceat(cover, starts)


def swept(key: Integers, area: Floats, cover: Floats, width: int) -> Footprint:
    """Shares and runs from the running sum of cover along each row."""
    row, col = np.divmod(key, width + 1)
    running = np.cumsum(cover)
    starts = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1]))) if len(row) else np.empty(0, np.int64)
    base = np.repeat(running[starts] - cover[starts], np.diff(np.append(starts, len(row))))
    after = running - base
    follows = np.append(np.where(row[1:] == row[:-1], col[1:], width), width) if len(row) else col
    gap = follows > col + 1
    even = np.abs(after - np.rint(after)) <= _ROUNDING
    runs = gap & even & (np.rint(after) >= 1)
    row, col, share = _with_level(row, col, after - cover + area, after, np.where(gap & ~even, follows - col - 1, 0))
    share = np.where(share > 1 - _ROUNDING, 1.0, share)
    kept = (share > _ROUNDING) & (col < width)
    run_row, run_start, run_stop = (*np.divmod(key[runs], width + 1), follows[runs])
    return Footprint(
        rows=row[kept].astype(np.int32),
        cols=col[kept].astype(np.int32),
        fractions=share[kept],
        run_rows=run_row.astype(np.int32),
        run_starts=(run_start + 1).astype(np.int32),
        run_stops=run_stop.astype(np.int32),
    )


def _with_level(row: Integers, col: Integers, share: Floats, after: Floats, level: Integers) -> tuple[Integers, Integers, Floats]:
    """Boundary cells, with ``level`` cells put in after each where only a level edge runs: their share is the cover before them."""
    if not level.any():
        return row, col, share
    entry = np.repeat(np.arange(len(row)), level + 1)
    step = np.arange(len(entry)) - np.repeat(np.cumsum(level + 1) - level - 1, level + 1)
    return row[entry], col[entry] + step, np.where(step == 0, share[entry], after[entry])
