"""Any bytes at all, whatever a file calls itself, give a clean finding or a value: no other error, no traceback."""

import json
import tempfile
from pathlib import Path

import broken
import pytest
from broken import land_cover, sinks, toml, write_raster
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aoi.findings import Finding, InputError
from aoi.grids import Grid
from aoi.zones import check_zones, read_zones
from sinks.config import read_config, read_policy
from sinks.factors.table import FactorTable
from sinks.layers.layer import Extent, Layer, RasterFile, Stack, read_member
from sinks.layers.raster import read_header
from sinks.legends.legend import read_legend
from sinks.provenance import HashMemory, read_json
from sinks.tables import CODE_NAMES, DENSITIES

HUNDRED = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def folder():
    """A folder for one file after the other."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def spoiled(good: bytes):
    """Bytes of any kind, and good bytes that were cut, changed or grown."""

    @st.composite
    def cut(draw):
        content = bytearray(good)
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(content)))
            match draw(st.sampled_from(("flip", "cut", "grow", "drop"))):
                case "flip" if at < len(content):
                    content[at] = draw(st.integers(0, 255))
                case "cut":
                    del content[at:]
                case "grow":
                    content[at:at] = draw(st.binary(max_size=12) | st.sampled_from(TOKENS))
                case "drop":
                    del content[at : at + draw(st.integers(1, 40))]
        return bytes(content)

    return st.binary(max_size=400) | cut() | st.text(max_size=120).map(lambda text: text.encode("utf-8", "surrogatepass"))


TOKENS = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"'", b",", b"=", b"[", b"]", b"{", b"}", b"nan", b"inf", b"-", b"1e999", b"9" * 30,
    b"null", b"true", b"\xe2\x80\xae", "２".encode(), "²".encode(), b"NaN", b"-Infinity", b"[[", b"'''", b'"""', b"\\u0000", b"\\ud800", b"1979-05-27",
]  # fmt: skip


def clean(call) -> object:
    """The value of a call, or its findings, each of which can be said in both languages."""
    try:
        return call()
    except InputError as error:
        findings = error.findings
    assert findings
    for one in findings:
        said(one)
    return None


def said(one: Finding) -> None:
    """A finding has words in both languages, and every word is text that can be written."""
    for language in ("zh", "en"):
        assert one.line(language).encode("utf-8", "replace")
        json.dumps(one.as_dict(language))


def put(folder: Path, name: str, content: bytes) -> Path:
    """Write the bytes under a name."""
    path = folder / name
    path.write_bytes(content)
    return path


@HUNDRED
@given(content=spoiled(toml(broken.config()).encode()))
@example(content=b"a = " + b"[" * 5000)
@example(content=b"[layers.\"\xc2\xb2\xc2\xb2\xc2\xb2\xc2\xb2\"]")
@example(content=b"run = 1979-05-27T07:32:00Z")
@example(content=b"[run]\nyears = [2020]\n[zones]\nfile='a'\n[layers.land_cover]\n'\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa0' = 'a'\nlegend='clcd'")
def test_a_configuration(folder, content):
    clean(lambda: read_config(put(folder, "run.toml", content)))


@HUNDRED
@given(content=spoiled(b'removal_approach = "gain_loss"\ngrass_weather = true\n'))
def test_a_policy(folder, content):
    clean(lambda: read_policy(put(folder, "policy.toml", content), "policy.toml"))


LEGEND = "code,name_zh,land_class\r\n1,耕地,cropland\r\n2,林地,arbor_forest\r\n".encode()


@HUNDRED
@given(content=spoiled(LEGEND))
@example(content=b"code,land_class\n99999999999999999999,cropland\n")
@example(content=b"code,land_class\n-99999999999999999999,cropland\n")
@example(content=b"code,land_class\n" + "٢".encode() + b",cropland\n")
@example(content=b"code,land_class\n1," + b"x" * 200_000 + b"\n")
@example(content=b"code,land_class\n1,\"cropland\n")
@example(content=b"code,land_class\n1,crop\x00land\n")
def test_a_legend(folder, content):
    clean(lambda: read_legend(put(folder, "legend.csv", content), "legend.csv"))


@HUNDRED
@given(content=spoiled(b"lucode,c_above,c_below,c_soil,c_dead,note\n1,2.5,1,50,0,x\n2,40,10,90,5,y\n"))
@example(content=b"lucode,c_above\n1,1e999\n")
@example(content=b"lucode,c_above\n1,9" + b"9" * 5000 + b"\n")
def test_densities_and_names_of_codes(folder, content):
    path = put(folder, "pools.csv", content)
    clean(lambda: DENSITIES.read(path, "pools.csv"))
    clean(lambda: CODE_NAMES.read(path, "pools.csv"))


@HUNDRED
@given(content=spoiled(b"id,value,low,high,range_kind,distribution,source\ncarbon_fraction.tree,0.5,0.4,0.6,min_max,triangular,s\nx,1,,,,,s\n"))
@example(content=b"id,name,value,unit,source\n1,a,1,-,s\n1,a,1,-,s\n")
@example(content=b"id,value,source,depth_cm\ncarbon_fraction.tree,0.5,s,99999999999999999999\n")
def test_factors(folder, content):
    path = put(folder, "factors.csv", content)
    clean(lambda: FactorTable.shipped().with_overrides(path, "factors.csv"))


def geojson(*shapes: str) -> bytes:
    """Features of some geometries."""
    rows = [
        f'{{"type":"Feature","properties":{{"code":"z{number}","name_zh":"\u897f{number}"}},"geometry":{shape}}}' for number, shape in enumerate(shapes)
    ]
    return ('{"type":"FeatureCollection","features":[' + ",".join(rows) + "]}").encode()


SQUARE = '{"type":"Polygon","coordinates":[[[112,43],[113,43],[113,44],[112,44],[112,43]]]}'
ZONES = geojson(SQUARE, '{"type":"MultiPolygon","coordinates":[[[[113,43],[114,43],[114,44],[113,43]]]]}')


@HUNDRED
@given(content=spoiled(ZONES))
@example(content=geojson("null"))
@example(content=geojson('{"type":"Polygon","coordinates":[]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[]]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[[112,43]]]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[[112,43],[113,43],[112,43]]]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[[112,43],[113,43],[113,44]]]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[["x",43],[113,43],[113,44],[112,43]]]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[[1e999,43],[113,43],[113,44],[1e999,43]]]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[[NaN,43],[113,43],[113,44],[NaN,43]]]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[[1e300,43],[113,1e300],[113,44],[1e300,43]]]}'))
@example(content=geojson('{"type":"Polygon","coordinates":[[[112,43,5],[113,43,5],[113,44,5],[112,43,5]]]}'))
@example(content=geojson('{"type":"GeometryCollection","geometries":[]}'))
@example(content=geojson('{"type":"Point","coordinates":[112,43]}', SQUARE))
@example(content=geojson('{"type":"Circle","coordinates":[112,43]}'))
@example(content=b'{"type":"FeatureCollection","features":null}')
@example(content=b'{"type":"FeatureCollection","features":[{}]}')
@example(content=b'{"type":"Feature","properties":null,"geometry":null}')
@example(content=b"{" * 3000)
@example(content=ZONES.replace(b'"z0"', b"5"))
@example(content=ZONES.replace(b'"z0"', b"1e300"))
@example(content=ZONES.replace(b'"z0"', b"null").replace(b'"z1"', b"null"))
@example(content=ZONES.replace(b'"z0"', b"[1]"))
@example(content=ZONES.replace(b'"z0"', b'{"a":1}'))
@example(content=ZONES.replace(b'"z0"', b"true"))
@example(content=ZONES.replace(b'"z0"', b'"\\ud800"'))
@example(content=ZONES.replace(b'"code"', b'"geometry"'))
@example(content=ZONES.replace(b'"type":"FeatureCollection",', b'"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"http://127.0.0.1:1/x"}},'))
@example(content=ZONES.replace(b'"type":"FeatureCollection",', b'"type":"FeatureCollection","crs":{"type":"link","properties":{"href":"/etc/passwd"}},'))
@example(content=ZONES.replace(b'"type":"FeatureCollection",', b'"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"EPSG:5773"}},'))
def test_zones(folder, content):
    path = put(folder, "zones.geojson", content)

    def zones():
        read, found = read_zones(path, code="code", name="name_zh", where="zones.geojson")
        return [*found, *check_zones(read, where="zones.geojson")]

    for one in clean(zones) or []:
        said(one)


def tiff(folder: Path, **more) -> bytes:
    """A good small GeoTIFF."""
    write_raster(folder / "good.tif", land_cover(2020)[:32, :32], nodata=0, **more)
    return (folder / "good.tif").read_bytes()


@pytest.fixture(scope="module")
def good_tiffs(folder):
    """Good GeoTIFFs: tiles and strips, packed and plain."""
    return [tiff(folder), tiff(folder, compress=None), tiff(folder, tiled=False, blockxsize=None, blockysize=None, compress="lzw")]


@HUNDRED
@given(data=st.data())
def test_a_raster(folder, good_tiffs, data):
    content = data.draw(spoiled(data.draw(st.sampled_from(good_tiffs))) | st.binary(max_size=300).map(lambda tail: b"II*\x00\x08\x00\x00\x00" + tail))
    path = put(folder, "any.tif", content)

    def cells():
        header = read_header(path, "any.tif")
        if not header.crs_wkt:
            return None
        grid = Grid.of(header.crs_wkt, header.transform, header.width, header.height)
        file = RasterFile(
            path=str(path), label="any.tif", height=header.height, width=header.width, offset=(0, 0), source_crs=grid.crs, nodata=header.nodata,
            scale=header.scale, add=header.offset, sha256="",
        )  # fmt: skip
        found = []
        for kind in ("classes", "values"):
            layer = Layer(name="any", kind=kind, dates=((2020, ((file,),)),), valid=(0.0, 10.0))
            extent = Extent(0, 0, min(header.height, 64), min(header.width, 64))
            found += read_member(layer, (file,), Stack(grid=grid, layers=(layer,), years=(2020,)).grid, extent)[1]
        return found

    for one in clean(cells) or []:
        said(one)


@HUNDRED
@given(content=spoiled(b'{"a.tif": [1, 2, "x"]}'))
@example(content=b"[]")
@example(content=b"7")
@example(content=b'{"run.toml": 5}')
@example(content=b'{"run.toml": []}')
def test_the_memory_of_hashes(folder, content):
    path = put(folder, "hashes.json", content)
    read_json(path)
    other = put(folder, "run.toml", b"x")
    assert len(HashMemory(path).sha256("run.toml", other)) == 64


@settings(parent=HUNDRED, max_examples=30)
@given(content=spoiled(toml(broken.config()).encode()))
def test_the_command_line_never_breaks(folder, content):
    """From the outside: a list of findings with exit code 2, or, where the files are missing anyway, never success."""
    told = sinks("check", str(put(folder, "run.toml", content)), "--json")
    assert told.code == 2
    assert told.findings
    assert "Traceback" not in told.err
