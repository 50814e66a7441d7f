"""Many polygons swept at once give what each gives alone, and what an overlay gives; areas close."""

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Point, Polygon, affinity, box

from aoi import stretches as module
from aoi.coverage import Coverage, polygon_areas_ha
from aoi.grids import Grid
from aoi.stretches import polygon_areas_of, polygon_rings, stretches_of
from aoi.zones import Zones

ALBERS = Grid(crs="ESRI:102025", transform=(400.0, 0.0, 200_000.0, 0.0, -400.0, 4_600_000.0), width=60, height=50)
LONGLAT = Grid(crs="EPSG:4490", transform=(0.005, 0.0, 110.0, 0.0, -0.005, 44.0), width=60, height=50)
UTM = Grid(crs="EPSG:32649", transform=(400.0, 0.0, 500_000.0, 0.0, -400.0, 4_600_000.0), width=60, height=50)


def drawn(grid, seed=1, count=40):
    """Polygons of all kinds: slivers, holes, parts, cells wholly inside, some that leave the grid."""
    random = np.random.default_rng(seed)
    a, _, c, _, e, f = grid.transform

    def place(column, row):
        return c + a * column, f + e * row

    out = []
    for number in range(count):
        x, y = place(random.uniform(-3, 63), random.uniform(-3, 53))
        one = affinity.scale(Point(x, y).buffer(1.0, quad_segs=int(random.integers(1, 9))), random.uniform(0.05, 9) * a, random.uniform(0.05, 9) * a)
        if number % 5 == 0:
            one = one.difference(affinity.scale(one, 0.5, 0.4))
        if number % 7 == 0:
            one = MultiPolygon([*shapely.get_parts(one), affinity.translate(box(x, y, x + 0.3 * a, y + 4 * a), 20 * a, 0)])
        out.append(one)
    out.append(box(*place(3, 9), *place(11, 4)))
    out.append(Polygon([place(1.2, 1.3), place(1.25, 1.3), place(1.25, 1.9)]))
    return np.array(out, dtype=object)


def cells_of(found, number, grid):
    """The shares of a polygon as an array."""
    out = np.zeros((grid.height, grid.width))
    mine = found.polygons == number
    for row, start, stop, share in zip(found.rows[mine], found.starts[mine], found.stops[mine], found.fractions[mine], strict=True):
        out[row, start:stop] += share
    return out


@pytest.mark.parametrize("grid", [ALBERS, LONGLAT, UTM], ids=["equal area", "degrees", "projected"])
@pytest.mark.parametrize("chunk", [1, 1 << 19])
def test_many_at_once_are_each_alone(grid, chunk, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", chunk)
    shapes = drawn(grid)
    found = stretches_of(polygon_rings(shapes, grid.crs, grid, "w"), grid)
    zones = Zones(
        name="z", codes=tuple(map(str, range(len(shapes)))), names_zh=("",) * len(shapes), names_en=("",) * len(shapes),
        parents=("",) * len(shapes), geometries=tuple(shapes), crs=grid.crs,
    )  # fmt: skip
    coverage = Coverage.of([zones], grid)
    (tile,) = grid.tiles()
    for number, one in enumerate(coverage.footprints):
        wanted = np.zeros(grid.height * grid.width)
        at, share = one.in_tile(tile)
        wanted[at] = share
        np.testing.assert_allclose(cells_of(found, number, grid).reshape(-1), wanted, atol=1e-13)


def test_shares_are_those_of_an_overlay():
    shapes = drawn(ALBERS, seed=4, count=12)
    found = stretches_of(polygon_rings(shapes, ALBERS.crs, ALBERS, "w"), ALBERS)
    a, _, c, _, e, f = ALBERS.transform
    for number, shape in enumerate(shapes):
        cells = cells_of(found, number, ALBERS)
        for row, column in zip(*np.nonzero(cells), strict=True):
            cell = box(c + a * column, f + e * (row + 1), c + a * (column + 1), f + e * row)
            assert cells[row, column] == pytest.approx(shape.intersection(cell).area / cell.area, abs=1e-10)


@pytest.mark.parametrize("grid", [ALBERS, LONGLAT], ids=["equal area", "degrees"])
def test_areas_are_those_of_the_outlines_and_of_the_cells(grid):
    shapes = drawn(grid, seed=2)
    inside = shapely.contains(box(*grid.bounds), shapes)
    rings = polygon_rings(shapes, grid.crs, grid, "w")
    areas = polygon_areas_of(rings, grid)
    zones = Zones(
        name="z", codes=tuple(map(str, range(len(shapes)))), names_zh=("",) * len(shapes), names_en=("",) * len(shapes),
        parents=("",) * len(shapes), geometries=tuple(shapes), crs=grid.crs,
    )  # fmt: skip
    np.testing.assert_allclose(areas, polygon_areas_ha(zones, grid), rtol=1e-9)
    found = stretches_of(rings, grid)
    per_row = grid.row_areas_ha()[found.rows] * (found.stops - found.starts) * found.fractions
    swept = np.bincount(found.polygons, weights=per_row, minlength=len(shapes))
    np.testing.assert_allclose(swept[inside], areas[inside], rtol=1e-9)


def test_areas_on_a_projection_without_equal_areas():
    shapes = drawn(UTM, seed=3)
    zones = Zones(
        name="z", codes=tuple(map(str, range(len(shapes)))), names_zh=("",) * len(shapes), names_en=("",) * len(shapes),
        parents=("",) * len(shapes), geometries=tuple(shapes), crs=UTM.crs,
    )  # fmt: skip
    np.testing.assert_allclose(polygon_areas_of(polygon_rings(shapes, UTM.crs, UTM, "w"), UTM), polygon_areas_ha(zones, UTM), rtol=1e-6)


def test_stretches_are_cut_at_columns():
    found = stretches_of(polygon_rings(drawn(ALBERS), ALBERS.crs, ALBERS, "w"), ALBERS)
    cut = found.cut(16)
    assert (cut.starts // 16 == (cut.stops - 1) // 16).all()
    for number in range(5):
        np.testing.assert_array_equal(cells_of(cut, number, ALBERS), cells_of(found, number, ALBERS))


def test_polygons_off_the_grid_have_no_stretches():
    rings = polygon_rings(np.array([box(0, 0, 10, 10)], dtype=object), ALBERS.crs, ALBERS, "w")
    assert len(stretches_of(rings, ALBERS).rows) == 0
