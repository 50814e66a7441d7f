"""Coverage: areas close, shares equal other ways, tilings add up, tiles equal the whole."""

import pickle
import time

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, affinity, box

from aoi.coverage import Coverage, geodesic_areas_ha, image_rings, polygon_areas_ha
from aoi.findings import InputError
from aoi.grids import Grid
from aoi.leagues import leagues
from aoi.zones import Zones

ALBERS = "ESRI:102025"
SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m"
PLANE = Grid(crs=ALBERS, transform=(1.0, 0.0, 0.0, 0.0, -1.0, 50.0), width=50, height=50)
LARGE = Grid(crs=ALBERS, transform=(100.0, 0.0, 0.0, 0.0, -100.0, 5e6), width=1100, height=1030)


def zones(geometries, crs, name="zones"):
    codes = tuple(f"z{i}" for i in range(len(geometries)))
    return Zones(name=name, codes=codes, names_zh=codes, names_en=codes, parents=("",) * len(codes), geometries=tuple(geometries), crs=crs)


def whole(coverage):
    """Shares of all zones on the whole grid, shape (zones, height, width), put together from tiles."""
    g = coverage.grid
    out = np.zeros((len(coverage.codes), g.height, g.width))
    for tile in g.tiles():
        part = coverage.tile(tile)
        row, col = np.divmod(part.cells, tile.width)
        assert not out[part.zones, tile.row_off + row, tile.col_off + col].any()
        out[part.zones, tile.row_off + row, tile.col_off + col] = part.fractions
        assert (np.diff(part.zones) >= 0).all()
        assert (np.diff(part.zones.astype(np.int64) * tile.height * tile.width + part.cells) > 0).all()
        assert coverage.touches(tile) == bool(len(part.cells))
    return out


@st.composite
def polygons(draw, lattice=False):
    """A polygon with a hole, some with vertices on grid lines and level edges, in 0..50 x 0..50."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    count = draw(st.integers(3, 25))
    centre = random.uniform(15, 35, 2)
    angle = np.sort(random.uniform(0, 2 * np.pi, count))
    radius = random.uniform(2, 14, count)
    xy = centre + radius[:, None] * np.column_stack((np.cos(angle), np.sin(angle)))
    if draw(st.booleans()) or lattice:
        xy = np.round(xy * 2) / 2
    shape = shapely.make_valid(Polygon(xy))
    hole = affinity.scale(shape, 0.4, 0.4)
    if draw(st.booleans()) and shape.buffer(-0.05).contains(hole):
        shape = shape.difference(hole)
    if draw(st.booleans()):
        shape = shape.union(box(*random.uniform(0.3, 3, 2), *random.uniform(4, 9, 2)))
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and part.area > 1e-3]
    if not parts:
        return box(1.25, 1.25, 7.5, 3.75)
    return MultiPolygon(parts) if shapely.is_valid(MultiPolygon(parts)) else parts[0]


def brute(geometry, size=50):
    col, row = np.meshgrid(np.arange(size), np.arange(size))
    cells = shapely.box(col, size - row - 1, col + 1, size - row)
    return shapely.area(shapely.intersection(cells, geometry))


@given(polygons())
@settings(max_examples=40)
def test_shares_equal_brute_force_intersection(geometry):
    ours = whole(Coverage.of([zones([geometry], ALBERS)], PLANE))[0]
    assert np.abs(ours - brute(geometry)).max() < 1e-10


@given(polygons())
@settings(max_examples=25)
def test_shares_equal_exactextract(geometry):
    exactextract = pytest.importorskip("exactextract")
    source = exactextract.raster.NumPyRasterSource(np.arange(2500.0).reshape(50, 50), 0, 0, 50, 50)
    feature = {"type": "Feature", "geometry": shapely.geometry.mapping(geometry), "properties": {}}
    found = exactextract.exact_extract(source, feature, ["values", "coverage"])[0]["properties"]
    theirs = np.zeros(2500)
    theirs[found["values"].astype(int)] = found["coverage"]
    ours = whole(Coverage.of([zones([geometry], ALBERS)], PLANE))[0].ravel()
    assert np.abs(ours - theirs).max() < 1e-7


@given(polygons(), st.floats(-40, 40), st.floats(-40, 40))
@settings(max_examples=25)
def test_what_lies_off_the_grid_is_cut_off(geometry, across, up):
    moved = affinity.translate(geometry, across, up)
    ours = whole(Coverage.of([zones([moved], ALBERS)], PLANE))[0]
    assert np.abs(ours - brute(moved)).max() < 1e-10


@pytest.mark.parametrize("turned", [False, True])
def test_level_edges_through_cells_count(turned):
    # 10 x 0.25 under a level edge in the middle of a row of cells, no vertex between
    shape = box(10.5, 20.25, 30.5, 22.5)
    shape = shapely.transform(shape, lambda xy: xy[:, ::-1]) if turned else shape
    ours = whole(Coverage.of([zones([shape], ALBERS)], PLANE))[0]
    assert ours.sum() == pytest.approx(45.0, rel=1e-14)
    assert np.abs(ours - brute(shape)).max() < 1e-14


def test_whole_cells_are_exactly_one_and_others_are_absent():
    coverage = Coverage.of([zones([box(3, 4, 20, 30)], ALBERS)], PLANE)
    ours = whole(coverage)[0]
    assert set(np.unique(ours)) == {0.0, 1.0}
    assert ours.sum() == 17 * 26


GRIDS = {
    "geographic": Grid(crs="EPSG:4326", transform=(0.013, 0.0, 100.0, 0.0, -0.011, 50.0), width=800, height=800),
    "cgcs2000": Grid(crs="EPSG:4490", transform=(0.05, 0.0, 99.9, 0.0, -0.05, 50.2), width=250, height=250),
    "albers": Grid(crs=ALBERS, transform=(1000.0, 0.0, 0.0, 0.0, -1000.0, 2800000.0), width=2200, height=2000),
    "sinusoidal": Grid(crs=SINUSOIDAL, transform=(2000.0, 0.0, 6.9e6, 0.0, -2000.0, 5.7e6), width=1500, height=700),
}


@pytest.mark.parametrize("name", sorted(GRIDS))
@given(geometry=polygons())
@settings(max_examples=15)
def test_area_on_the_grid_is_the_area_of_the_polygon(name, geometry):
    somewhere = zones([affinity.affine_transform(geometry, [0.2, 0, 0, 0.16, 100.2, 41.2])], "EPSG:4326")
    grid = GRIDS[name]
    on_grid, polygon = Coverage.of([somewhere], grid).zone_areas_ha(), polygon_areas_ha(somewhere, grid)
    assert on_grid == pytest.approx(polygon, rel=1e-9)
    if "sinusoidal" not in name:
        assert polygon == pytest.approx(geodesic_areas_ha(somewhere), rel=1e-6)


@given(polygons())
@settings(max_examples=8)
def test_area_closes_nearly_on_a_transverse_mercator_grid(geometry):
    grid = Grid(crs="EPSG:32648", transform=(1000.0, 0.0, 0.0, 0.0, -1000.0, 5800000.0), width=1100, height=1300)
    somewhere = zones([affinity.affine_transform(geometry, [0.1, 0, 0, 0.08, 102.2, 43.2])], "EPSG:4326")
    on_grid, polygon = Coverage.of([somewhere], grid).zone_areas_ha(), polygon_areas_ha(somewhere, grid)
    # cut cells weigh with the mean scale of their cell: first order in cell / radius, both signs along an outline
    assert on_grid == pytest.approx(polygon, rel=1e-6)


def test_nominal_areas_close_on_the_plane():
    grid = Grid(crs="EPSG:32649", transform=(10.0, 0.0, 4e5, 0.0, -10.0, 4.5e6), width=50, height=50, cell_area="nominal")
    zone = zones([Polygon([(400011.0, 4499603.0), (400417.0, 4499777.0), (400123.0, 4499951.0)])], "EPSG:32649")
    assert Coverage.of([zone], grid).zone_areas_ha() == pytest.approx(polygon_areas_ha(zone, grid), rel=1e-12)
    assert polygon_areas_ha(zone, grid)[0] == pytest.approx(zone.geometries[0].area / 1e4, rel=1e-12)


def tiling(seed, count=12):
    """Voronoi cells of random points, cut to a frame that holds the plane grid."""
    points = shapely.MultiPoint(np.random.default_rng(seed).uniform(0, 50, (count, 2)))
    frame = box(-5, -5, 55, 55)
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame))
    return [cell for cell in shapely.coverage_simplify([*cells], 0)]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_shares_of_a_tiling_add_up_to_one(seed):
    ours = whole(Coverage.of([zones(tiling(seed), ALBERS)], PLANE))
    assert np.abs(ours.sum(axis=0) - 1).max() < 1e-12


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=25)
def test_each_centre_belongs_to_exactly_one_zone_of_a_tiling(seed, on_centres):
    cells = tiling(seed)
    if on_centres:
        cells = [box(-5, -5, 20.5, 55), box(20.5, -5, 55, 10.5), Polygon([(20.5, 10.5), (55, 10.5), (55, 45.0)]),
                 Polygon([(20.5, 10.5), (55, 45.0), (55, 55), (20.5, 55)])]  # fmt: skip
    ours = whole(Coverage.of([zones(cells, ALBERS)], PLANE, "centre"))
    assert set(np.unique(ours)) <= {0.0, 1.0}
    assert (ours.sum(axis=0) == 1).all()


@given(polygons())
@settings(max_examples=25)
def test_centre_rule_equals_point_in_polygon(geometry):
    ours = whole(Coverage.of([zones([geometry], ALBERS)], PLANE, "centre"))[0]
    col, row = np.meshgrid(np.arange(50) + 0.5, 49.5 - np.arange(50))
    clear = shapely.distance(shapely.points(col, row), geometry.boundary) > 1e-9
    assert (ours[clear] == shapely.contains_xy(geometry, col, row)[clear]).all()


def test_a_centre_on_an_edge_belongs_to_the_zone_on_its_right_and_below():
    ours = whole(Coverage.of([zones([box(10.5, 10.5, 20.5, 20.5)], ALBERS)], PLANE, "centre"))[0]
    rows, cols = np.nonzero(ours)
    assert (cols.min(), cols.max()) == (10, 19)
    assert (49.5 - rows.max(), 49.5 - rows.min()) == (11.5, 20.5)


def test_centre_rule_takes_the_latitude_of_the_centre_on_a_geographic_grid():
    grid = Grid(crs="EPSG:4326", transform=(10.0, 0.0, 0.0, 0.0, -10.0, 80.0), width=2, height=2)
    south = Coverage.of([zones([box(0, 60, 20, 75.001)], "EPSG:4326")], grid, "centre")
    north = Coverage.of([zones([box(0, 60, 20, 74.999)], "EPSG:4326")], grid, "centre")
    assert whole(south)[0].sum() == 4
    assert whole(north)[0].sum() == 2


def test_tiles_and_runs_equal_one_large_tile():
    shape = Polygon([(1234.5, 4.9e6), (98765.4, 4.901e6), (77777.7, 4.9999e6), (50000.0, 4.95e6), (20000.0, 4.9987e6)])
    zone_sets = [zones([shape], ALBERS), zones([box(0, 4.92e6, 60000, 4.98e6)], ALBERS, "others")]
    coverage = Coverage.of(zone_sets, LARGE)
    assert coverage.set_names == ("zones", "others")
    assert coverage.sets == ("zones", "others")
    dense = whole(coverage)
    for index, footprint in enumerate(coverage.footprints):
        direct = np.zeros((LARGE.height, LARGE.width))
        direct[footprint.rows, footprint.cols] = footprint.fractions
        for row, start, stop in zip(footprint.run_rows, footprint.run_starts, footprint.run_stops, strict=True):
            direct[row, start:stop] = 1
        assert (direct == dense[index]).all()
    for tile in LARGE.tiles():
        part, runs = coverage.tile(tile), coverage.runs(tile)
        assert part.cells.dtype == np.int64
        assert part.zones.dtype == runs.zones.dtype == np.int32
        assert len(part.cells) == len(runs.cells) + runs.run_lengths.sum()
        assert part.fractions.sum() == pytest.approx(runs.fractions.sum() + runs.run_lengths.sum(), rel=1e-13)
    assert {(t.row, t.col) for t in coverage.tiles()} == {(t.row, t.col) for t in LARGE.tiles() if coverage.touches(t)}


def test_cutting_edges_in_chunks_changes_nothing(monkeypatch):
    plain = Coverage.of([leagues().subset(["150600"])], GRIDS["albers"])
    monkeypatch.setattr("aoi.coverage._CHUNK", 100)
    chunked = Coverage.of([leagues().subset(["150600"])], GRIDS["albers"])
    one, other = plain.footprints[0], chunked.footprints[0]
    assert (one.rows == other.rows).all()
    assert (one.run_stops == other.run_stops).all()
    assert np.abs(one.fractions - other.fractions).max() < 1e-13


def test_order_of_rings_and_vertices_changes_no_share_beyond_rounding():
    shape = Polygon([(3.1, 4.2), (33.3, 8.8), (40.4, 44.4), (9.9, 30.3)], [[(12, 12), (20, 13), (18, 22)]])
    ours = whole(Coverage.of([zones([shape, shapely.reverse(shape)], ALBERS)], PLANE))
    assert np.abs(ours[0] - ours[1]).max() < 1e-14


def test_a_zone_off_the_grid_and_no_zone_at_all():
    coverage = Coverage.of([zones([box(1000, 1000, 1010, 1010)], ALBERS)], PLANE)
    assert coverage.zone_areas_ha().tolist() == [0.0]
    assert not coverage.touches(PLANE.tile_at(0, 0))
    assert len(coverage.runs(PLANE.tile_at(0, 0)).cells) == 0
    nothing = Coverage.of([zones([], ALBERS)], PLANE)
    assert len(nothing.tile(PLANE.tile_at(0, 0)).cells) == 0


def test_the_leagues_on_a_coarse_grid_are_quick_compact_and_close():
    grid = Grid(crs="EPSG:4326", transform=(0.05, 0.0, 97.0, 0.0, -0.05, 53.5), width=584, height=323)
    start = time.perf_counter()
    coverage = Coverage.of([leagues()], grid)
    assert time.perf_counter() - start < 0.5
    again = pickle.loads(pickle.dumps(coverage))
    assert len(pickle.dumps(coverage)) < 200_000
    assert (again.zone_areas_ha() == coverage.zone_areas_ha()).all()
    assert coverage.zone_areas_ha() == pytest.approx(polygon_areas_ha(leagues(), grid), rel=1e-12)
    inside = whole(coverage).sum(axis=0)
    # a share may pass 1 only where outlines of neighbours overlap by their rounding
    assert inside.max() < 1 + 1e-9


def test_zones_without_or_out_of_their_crs_are_refused():
    with pytest.raises(InputError, match="E-CRS-02"):
        Coverage.of([zones([box(0, 0, 1, 1)], "")], PLANE)
    with pytest.raises(InputError, match="E-CRS-03"):
        image_rings(zones([box(40, 100, 45, 120)], "EPSG:4326"), PLANE)
