"""Grids: tiles, areas against other ways, alignment, refusals."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from aoi.findings import InputError
from aoi.grids import TILE, Grid, alignment, crs_text, horizontal_crs, inverse_areal_scale, parse_crs, same_crs

LOCAL = 'ENGCRS["site",EDATUM["peg"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'


def grid(crs="EPSG:32649", a=1000.0, c=300000.0, f=4900000.0, width=40, height=30, **more):
    return Grid(crs=crs, transform=(a, 0.0, c, 0.0, -a, f), width=width, height=height, **more)


def refused(call, id):
    with pytest.raises(InputError) as caught:
        call()
    assert [one.id for one in caught.value.findings] == [id]
    for language in ("zh", "en"):
        assert caught.value.findings[0].line(language)
    return caught.value.findings[0]


def geodesic_cell_ha(g, row, col, steps=60):
    """Area of one cell on the ellipsoid, its outline cut fine: another way than ours."""
    a, _, c, _, e, f = g.transform
    u = np.linspace(0, 1, steps, endpoint=False)
    along = np.concatenate((u, np.ones(steps), 1 - u, np.zeros(steps)))
    down = np.concatenate((np.zeros(steps), u, np.ones(steps), 1 - u))
    crs = horizontal_crs(g.crs)
    there = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lon, lat = there.transform(c + a * (col + along), f + e * (row + down))
    return abs(crs.get_geod().polygon_area_perimeter(lon, lat)[0]) / 1e4


def test_importing_grids_does_not_import_geopandas():
    code = "import sys, aoi.grids; sys.exit('geopandas' in sys.modules or 'rasterio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_tiles_cover_the_grid_once_in_row_major_order():
    g = grid(width=1100, height=513)
    seen = np.zeros((513, 1100), dtype=int)
    tiles = list(g.tiles())
    for tile in tiles:
        seen[tile.row_off : tile.row_off + tile.height, tile.col_off : tile.col_off + tile.width] += 1
    assert (seen == 1).all()
    assert [(t.row, t.col) for t in tiles] == sorted((t.row, t.col) for t in tiles)
    assert g.tile_at(1, 2).row_off == TILE
    with pytest.raises(IndexError):
        g.tile_at(2, 0)


@pytest.mark.parametrize(
    ("crs", "kind"),
    [
        ("EPSG:4326", "geographic"),
        ("EPSG:4490", "geographic"),
        ("ESRI:102025", "equal_area"),
        ("EPSG:3035", "equal_area"),
        ("EPSG:6933", "equal_area"),
        ("+proj=sinu +R=6371007.181 +units=m", "equal_area"),
        ("+proj=moll +R=6371007.181 +units=m", "equal_area"),
        ("ESRI:54009", "projected"),
        ("EPSG:3857", "projected"),
        ("EPSG:2056", "projected"),
        ("EPSG:4545", "projected"),
    ],
)
def test_kind_tells_how_areas_are_found(crs, kind):
    a, f = (0.01, 45.0) if kind == "geographic" else (1000.0, 4900000.0)
    assert grid(crs, a=a, c=100.0, f=f).kind == kind


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490", "+proj=longlat +R=6371007.181", "+proj=longlat +ellps=clrk66"])
def test_geographic_bands_equal_polygons_on_the_ellipsoid(crs):
    g = grid(crs, a=0.05, c=100.0, f=53.0)
    ours = g.cell_areas_ha(g.tile_at(0, 0))
    assert ours.shape == (30, 1)
    # a parallel is no geodesic: cut fine, the polygon comes within 1e-7
    for row in (0, 13, 29):
        assert ours[row, 0] == pytest.approx(geodesic_cell_ha(g, row, 3), rel=1e-7)
    assert g.row_areas_ha() == pytest.approx(ours[:, 0], rel=1e-14)


def test_bands_of_the_whole_ellipsoid_add_up_to_its_area():
    g = Grid(crs="EPSG:4326", transform=(1.0, 0, -180.0, 0, -1.0, 90.0), width=360, height=180)
    ellipsoid = Geod(ellps="WGS84")
    e = np.sqrt(ellipsoid.es)
    whole = 2 * np.pi * ellipsoid.a**2 * (1 + (1 - e * e) / e * np.arctanh(e))
    assert g.row_areas_ha().sum() * 360 * 1e4 == pytest.approx(whole, rel=1e-13)


@pytest.mark.parametrize(
    ("crs", "a", "c", "f"),
    [
        ("EPSG:32649", 1000.0, 200000.0, 5000000.0),
        ("EPSG:4545", 1000.0, 300000.0, 5000000.0),
        ("EPSG:2056", 100.0, 2512000.0, 1178000.0),
        ("EPSG:2263", 5000.0, 900000.0, 300000.0),
        ("EPSG:3857", 1000.0, 11000000.0, 6500000.0),
        ("ESRI:54009", 1000.0, 8000000.0, 5500000.0),
        ("ESRI:102025", 1000.0, 0.0, 5000000.0),
    ],
)
def test_projected_cells_equal_polygons_on_the_ellipsoid(crs, a, c, f):
    g = grid(crs, a=a, c=c, f=f, width=600, height=40)
    areas = np.broadcast_to(g.cell_areas_ha(g.tile_at(0, 0)), (40, 512))
    for row, col in ((0, 0), (20, 300), (39, 511)):
        assert areas[row, col] == pytest.approx(geodesic_cell_ha(g, row, col), rel=1e-7)


def test_areal_scale_between_the_nodes_equals_the_direct_one():
    g = grid(a=1000.0, c=-200000.0, f=5900000.0, width=512, height=512)
    area = g.cell_areas_ha(g.tile_at(0, 0))
    x = -200000.0 + 1000.0 * (np.arange(0, 512, 37) + 0.5)
    y = 5900000.0 - 1000.0 * (np.arange(0, 512, 37) + 0.5)
    direct = 100.0 * inverse_areal_scale("EPSG:32649", *np.meshgrid(x, y))
    # the mean over a cell of 1 km differs from its centre by h2/12/R2, 2e-9
    assert np.abs(area[::37, ::37] / direct - 1).max() < 5e-9


def test_nominal_areas_are_one_number_in_hectares_also_in_feet():
    g = grid("EPSG:2263", a=100.0, c=900000.0, f=300000.0, cell_area="nominal")
    assert g.cell_areas_ha(g.tile_at(0, 0)) == pytest.approx(np.array([[(100 * 1200 / 3937) ** 2 / 1e4]]))


@given(st.floats(20, 60), st.floats(0.01, 2))
def test_image_ordinate_grows_with_latitude(south, step):
    g = grid("EPSG:4326", a=0.1, c=100.0, f=70.0)
    low, high = g.image(np.array([south, south + step]))
    cylinder = Transformer.from_crs("EPSG:4326", "+proj=cea +ellps=WGS84", always_xy=True)
    assert low < high
    assert low == pytest.approx(cylinder.transform(100.0, south)[1], abs=1e-6)


def test_of_takes_the_header_of_a_raster():
    wkt = CRS("EPSG:3035").to_wkt("WKT1_GDAL")
    g = Grid.of(wkt, (100.0, 0.0, 4e6, 0.0, -100.0, 3e6, 0.0, 0.0, 1.0), 10, 20)
    assert same_crs(g.crs, "EPSG:3035")
    assert g.bounds == (4e6, 3e6 - 2000.0, 4e6 + 1000.0, 3e6)
    assert crs_text(parse_crs("EPSG:4490", "x")) == "EPSG:4490"


@pytest.mark.parametrize(
    "text", ["http://localhost/crs", "/etc/passwd", "crs.prj", "+init=epsg:4326", "+proj=longlat +nadgrids=/etc/x", "EPSG:999999", "{}", ""]
)
def test_crs_texts_that_are_refused(text):
    refused(lambda: parse_crs(text, "run.toml"), "E-CRS-01")


def test_grids_that_are_refused():
    assert "0.1" in refused(lambda: Grid(crs="EPSG:32649", transform=(1, 0.1, 0, 0, -1, 0), width=1, height=1), "E-GRID-01").say("found")
    refused(lambda: Grid(crs="EPSG:32649", transform=(1, 0, 0, 0, 1, 0), width=1, height=1), "E-GRID-01")
    refused(lambda: Grid(crs="EPSG:32649", transform=(float("nan"), 0, 0, 0, -1, 0), width=1, height=1), "E-GRID-01")
    refused(lambda: grid("EPSG:4326", a=0.1, c=100.0, f=50.0, cell_area="nominal"), "E-GRID-02")
    far = grid("EPSG:3035", a=1000.0, c=9e8, f=9e8)
    assert far.kind == "equal_area"
    beyond = grid("ESRI:54009", a=1000.0, c=9e8, f=9e8)
    refused(lambda: beyond.cell_areas_ha(beyond.tile_at(0, 0)), "E-GRID-03")
    refused(lambda: grid(width=0), "E-GRID-04")
    refused(lambda: grid("EPSG:4326", a=1.0, c=0.0, f=95.0), "E-GRID-05")
    refused(lambda: grid("EPSG:4978"), "E-GRID-06")
    refused(lambda: grid(LOCAL), "E-GRID-06")


def test_alignment_same_subgrid_shifted_other():
    one = grid()
    assert alignment(one, grid()).kind == "same"
    part = alignment(one, grid(c=305000.0, f=4898000.0, width=5, height=5))
    assert (part.kind, part.col_offset, part.row_offset) == ("subgrid", 5, 2)
    shifted = alignment(one, grid(c=300400.0))
    assert (shifted.kind, shifted.shifts) == ("shifted", ((0.4, 0.0),) * 4)
    assert alignment(one, grid(a=990.1)).kind == "shifted"
    assert alignment(one, grid(a=900.0)).kind == "other"
    assert alignment(one, grid("EPSG:32650")).kind == "other"
    assert alignment(grid("EPSG:4326", a=0.1, c=100.0, f=50.0), grid("EPSG:4490", a=0.1, c=100.0, f=50.0)).kind == "other"


def test_the_corine_pair_looks_alike_and_is_shifted(shared_data):
    rasterio = pytest.importorskip("rasterio")
    grids = []
    for year in ("06", "12"):
        with rasterio.open(shared_data / "misaligned_corine" / f"ls100_{year}.tif") as dataset:
            grids.append(Grid.of(dataset.crs.to_wkt(), dataset.transform, dataset.width, dataset.height))
    found = alignment(*grids)
    assert found.kind == "shifted"
    assert found.shifts[0] == pytest.approx((-0.61, 1.44), abs=0.01)
