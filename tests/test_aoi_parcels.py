"""Parcels: attributes, overlaps of projects, pieces per league."""

import geopandas
import pytest
from shapely import box

from aoi.findings import InputError
from aoi.parcels import cross, read_parcels
from aoi.zones import Zones, geodesic_area_ha

UTM = "EPSG:32649"


def write(path, geometries, **columns):
    given = {"parcel": [f"p{i}" for i in range(len(geometries))], "project": "P1", "programme": "CCER", "vintage": 2023, **columns}
    geopandas.GeoDataFrame(given, geometry=geometries, crs=UTM).to_file(path, engine="pyogrio")
    return path


def square(x, y=4500000.0, side=1000.0):
    return box(x, y, x + side, y + side)


def parents(crs=UTM):
    codes = ("150100", "150200")
    made = Zones(name="leagues", codes=codes, names_zh=codes, names_en=codes, parents=("150000",) * 2,
                 geometries=(square(500000.0), square(501000.0)), crs=UTM)  # fmt: skip
    return made.to_crs(crs)


def test_parcels_are_read_with_their_attributes(tmp_path):
    parcels, found = read_parcels(write(tmp_path / "p.gpkg", [square(500000.0)], vintage=[2023.0]), where="parcels")
    assert found == []
    assert (len(parcels), parcels.zones.codes, parcels.projects, parcels.programmes, parcels.vintages) == (
        1,
        ("p0",),
        ("P1",),
        ("CCER",),
        ("2023",),
    )


@pytest.mark.parametrize(
    ("columns", "id"),
    [
        ({"project": [None]}, "E-PARCEL-01"),
        ({"vintage": ["23"]}, "E-PARCEL-02"),
        ({"programme": ["=1"]}, "E-ZONE-16"),
        ({"parcel": ["a b"]}, "E-ZONE-14"),
    ],
)
def test_attributes_that_are_refused(tmp_path, columns, id):
    _, found = read_parcels(write(tmp_path / "p.gpkg", [square(500000.0)], **columns), where="parcels")
    assert [one.id for one in found] == [id]
    assert found[0].line("zh")
    assert found[0].line("en")


def test_missing_columns(tmp_path):
    path = write(tmp_path / "p.gpkg", [square(500000.0)])
    _, found = read_parcels(path, where="parcels", project="owner")
    assert "owner" in found[0].say("expected", "en")
    with pytest.raises(InputError, match="E-VECTOR-06"):
        read_parcels(path, where="parcels", code="id")


def test_overlap_is_a_warning_between_projects_and_an_error_within_one(tmp_path):
    pair = [square(500000.0), square(500500.0)]
    _, found = read_parcels(write(tmp_path / "a.gpkg", pair, project=["P1", "P2"]), where="parcels")
    assert [one.id for one in found] == ["W-PARCEL-01"]
    assert "p0 and p1 overlap by 50" in found[0].say("found", "en")
    _, found = read_parcels(write(tmp_path / "b.gpkg", pair), where="parcels")
    assert [one.id for one in found] == ["E-ZONE-05"]


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326"])
def test_pieces_of_parcels_in_leagues_keep_their_area(tmp_path, crs):
    # p0 lies across both leagues, p1 touches one by an edge, p2 laps over by 0.5 mm, p3 is outside
    shapes = [square(500600.0, 4500100.0, 600.0), square(502000.0), square(499000.0005), square(600000.0)]
    parcels, _ = read_parcels(write(tmp_path / "p.gpkg", shapes), where="parcels")
    pieces = cross(parents(crs), parcels)
    assert (pieces.name, pieces.codes, pieces.parents) == ("parcels", ("150100.p0", "150200.p0"), ("150100", "150200"))
    areas = [geodesic_area_ha(one, pieces.crs) for one in pieces.geometries]
    assert sum(areas) == pytest.approx(geodesic_area_ha(shapes[0], UTM), rel=1e-6)
    assert areas[0] / areas[1] == pytest.approx(2, rel=1e-4)
    assert cross(parents(crs), parcels.zones).codes == pieces.codes
    assert len(cross(parents(crs).subset([]), parcels)) == 0
