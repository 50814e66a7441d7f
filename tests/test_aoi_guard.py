"""The opener of vectors and the paths a user may name."""

import geopandas
import pyogrio
import pytest
from shapely import box

from aoi.findings import InputError
from aoi.guard import guarded_path, open_vector

VRT = '<OGRVRTDataSource><OGRVRTLayer name="s"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'


def refused(call, id, *absent):
    with pytest.raises(InputError) as caught:
        call()
    assert [one.id for one in caught.value.findings] == [id]
    found = caught.value.findings[0]
    for language in ("zh", "en"):
        assert not any(str(word) in found.line(language) for word in absent)
    return found


@pytest.fixture
def features():
    return geopandas.GeoDataFrame({"code": ["a"]}, geometry=[box(110, 40, 111, 41)], crs="EPSG:4326")


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("/vsicurl/http://localhost/x.gpkg", "E-PATH-01"),
        ("http://localhost/x.gpkg", "E-PATH-01"),
        ("a/../vsizip/x", None),
        ("zip://x.zip", "E-PATH-01"),
        ("<OGRVRTDataSource/>", "E-PATH-01"),
        ("//server/share/x.gpkg", "E-PATH-01"),
        ("\\\\server\\share", "E-PATH-01"),
        ("a\nb", "E-PATH-03"),
        ("a\x00b", "E-PATH-03"),
        ("", "E-PATH-03"),
        ("../x.gpkg", "E-PATH-02"),
        ("/etc/passwd", "E-PATH-02"),
        ("x.gpkg", None),
    ],
)
def test_paths(tmp_path, text, id):
    base = tmp_path / "run"
    base.mkdir()
    if id is None:
        assert guarded_path(text, base=base, roots=[], where="w").is_relative_to(base.resolve())
    else:
        refused(lambda: guarded_path(text, base=base, roots=[], where="w"), id, tmp_path)


def test_roots_open_folders_and_links_are_followed(tmp_path):
    base, other = tmp_path / "run", tmp_path / "数据"
    base.mkdir()
    other.mkdir()
    (other / "x.gpkg").write_bytes(b"x")
    (base / "link.gpkg").symlink_to(other / "x.gpkg")
    refused(lambda: guarded_path("link.gpkg", base=base, roots=[], where="w"), "E-PATH-02", tmp_path)
    assert guarded_path("link.gpkg", base=base, roots=[other], where="w") == (other / "x.gpkg").resolve()
    assert guarded_path("../数据/x.gpkg", base=base, roots=[other], where="w").name == "x.gpkg"
    (base / "loop").symlink_to(base / "loop")
    refused(lambda: guarded_path("loop/x", base=base, roots=[], where="w"), "E-PATH-02", tmp_path) if _loops(base) else None


def _loops(base):
    try:
        (base / "loop" / "x").resolve()
    except (OSError, RuntimeError):
        return True
    return False


@pytest.mark.parametrize("name", ["x.gpkg", "x.geojson", "x.shp", "x.fgb"])
def test_four_formats_are_read(tmp_path, features, name):
    features.to_file(tmp_path / name, engine="pyogrio")
    assert open_vector(tmp_path / name, "w")["code"].tolist() == ["a"]


def test_the_name_of_a_file_does_not_matter(tmp_path, features):
    features.to_file(tmp_path / "x.gpkg", engine="pyogrio")
    (tmp_path / "x.gpkg").rename(tmp_path / "x.geojson")
    assert len(open_vector(tmp_path / "x.geojson", "w")) == 1


@pytest.mark.parametrize(
    "content",
    [VRT.encode(), b"  \n" + VRT.encode(), b"\xef\xbb\xbf<kml/>", b"<gml/>", b"PK\x03\x04", b"code,x\n1,2\n", b"SQLite format 4\x00"],
)
def test_other_formats_never_reach_gdal(tmp_path, content, monkeypatch):
    path = tmp_path / "x.geojson"
    path.write_bytes(content)
    monkeypatch.setattr(pyogrio, "list_layers", lambda *_: pytest.fail("GDAL was asked"))
    monkeypatch.setattr(pyogrio, "read_info", lambda *_: pytest.fail("GDAL was asked"))
    assert "GeoPackage" in refused(lambda: open_vector(path, "w"), "E-VECTOR-01", tmp_path).say("remedy", "en")


def test_a_driver_that_shares_its_first_bytes_is_refused(tmp_path, features):
    path = tmp_path / "x.json"
    path.write_text('{"type":"Topology","objects":{"a":{"type":"Polygon","arcs":[[0]]}},"arcs":[[[0,0],[1,0],[1,1],[0,0]]]}')
    refused(lambda: open_vector(path, "w"), "E-VECTOR-01")
    other = tmp_path / "x.sqlite"
    features.to_file(other, engine="pyogrio", driver="SQLite")
    refused(lambda: open_vector(other, "w"), "E-VECTOR-01")


def test_missing_unreadable_and_empty_files(tmp_path, features):
    refused(lambda: open_vector(tmp_path / "none.gpkg", "w"), "E-FILE-01", tmp_path)
    refused(lambda: open_vector(tmp_path, "w"), "E-FILE-02", tmp_path)
    (tmp_path / "zero.gpkg").write_bytes(b"")
    refused(lambda: open_vector(tmp_path / "zero.gpkg", "w"), "E-VECTOR-03")
    (tmp_path / "broken.geojson").write_text('{"type": "FeatureCollection", "features": [')
    refused(lambda: open_vector(tmp_path / "broken.geojson", "w"), "E-VECTOR-02", tmp_path)
    (tmp_path / "broken.gpkg").write_bytes(b"SQLite format 3\x00" + b"\x00" * 100)
    refused(lambda: open_vector(tmp_path / "broken.gpkg", "w"), "E-VECTOR-02", tmp_path)
    features.iloc[:0].to_file(tmp_path / "none.geojson", engine="pyogrio")
    refused(lambda: open_vector(tmp_path / "none.geojson", "w"), "E-VECTOR-03")


def test_layers_are_named(tmp_path, features):
    for layer in ("one", "two"):
        features.to_file(tmp_path / "x.gpkg", layer=layer, engine="pyogrio")
    assert "one, two" in refused(lambda: open_vector(tmp_path / "x.gpkg", "w"), "E-VECTOR-04").say("expected", "en")
    refused(lambda: open_vector(tmp_path / "x.gpkg", "w", layer="three"), "E-VECTOR-04")
    assert len(open_vector(tmp_path / "x.gpkg", "w", layer="two")) == 1


def test_an_encoding_that_does_not_exist(tmp_path, features):
    features.to_file(tmp_path / "x.shp", engine="pyogrio")
    found = refused(lambda: open_vector(tmp_path / "x.shp", "w", encoding="GBX"), "E-VECTOR-05")
    assert "GBX" in found.say("found", "en")
