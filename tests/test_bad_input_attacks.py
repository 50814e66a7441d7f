"""Files in disguise and paths that lead away: refused by name, followed nowhere, and nothing told of the machine."""

import json
import socket
import threading

import pytest
from broken import accepted, good, ran, refused, sinks_process, tells_nothing

SECRET = "root:x:0:0"


@pytest.fixture
def project(tmp_path):
    return good(tmp_path)


@pytest.fixture
def listener():
    """A local port that notes who knocks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        knocks, stop = [], threading.Event()

        def listen():
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                knocks.append(connection.recv(200))
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", knocks
        stop.set()
        thread.join()


def vrt(source, driver=""):
    """A VRT text whose band is another file."""
    return f"""<VRTDataset rasterXSize="80" rasterYSize="60"><SRS>EPSG:4490</SRS><GeoTransform>112,0.01,0,44,0,-0.01</GeoTransform>
<VRTRasterBand dataType="Byte" band="1"{driver}><SimpleSource><SourceFilename relativeToVRT="0">{source}</SourceFilename>
</SimpleSource></VRTRasterBand></VRTDataset>"""


RAW = """<VRTDataset rasterXSize="20" rasterYSize="20"><VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">
<SourceFilename relativeToVRT="0">/etc/passwd</SourceFilename></VRTRasterBand></VRTDataset>"""


def wms(host):
    """A GDAL WMS service description."""
    return f"""<GDAL_WMS><Service name="TMS"><ServerUrl>http://{host}/${{z}}</ServerUrl></Service><DataWindow><UpperLeftX>112</UpperLeftX>
<UpperLeftY>44</UpperLeftY><LowerRightX>113</LowerRightX><LowerRightY>43</LowerRightY><SizeX>80</SizeX><SizeY>60</SizeY></DataWindow></GDAL_WMS>"""


def test_texts_that_call_themselves_tif(project, listener):
    host, knocks = listener
    project.config["zones"]["file"] = "zones.gpkg"
    for content in (
        vrt("/etc/passwd"), RAW, wms(host), vrt(f"/vsicurl/http://{host}/x.tif"), "\ufeff" + RAW, f"http://{host}/x.tif", f"/vsicurl/http://{host}/x",
        f"STACIT:http://{host}", "{}", "PK\x03\x04",
    ):  # fmt: skip
        (project.folder / "land_2020.tif").write_text(content, encoding="utf-8")
        (found,) = refused(project, "E-RASTER-01")
        assert found["where"] == "land_2020.tif"
        assert SECRET not in json.dumps(found)
    assert knocks == []


def test_a_vrt_behind_the_head_of_a_tiff(project):
    """The first bytes are those of a TIFF, the rest is not: the TIFF driver alone may look."""
    (project.folder / "land_2020.tif").write_bytes(b"II*\x00" + RAW.encode())
    refused(project, "E-RASTER-02")


def test_a_sidecar_of_a_raster_that_points_away(project, listener):
    """.aux.xml, .ovr and .msk beside a good raster are not followed elsewhere."""
    host, knocks = listener
    (project.folder / "land_2020.tif.ovr").write_text(vrt("/etc/passwd"), encoding="utf-8")
    (project.folder / "land_2020.tif.msk").write_text(wms(host), encoding="utf-8")
    pam = f"<PAMDataset><Metadata><MDI key='x'>/vsicurl/http://{host}/</MDI></Metadata></PAMDataset>"
    (project.folder / "land_2020.tif.aux.xml").write_text(pam)
    (project.folder / "land_2020.wld").write_text("1\n0\n0\n1\n0\n0\n")
    accepted(project)
    assert knocks == []


OGR = """<OGRVRTDataSource><OGRVRTLayer name="zones"><SrcDataSource>{source}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"""
KML = """<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>&x;</name></Placemark></Document></kml>"""
GML = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><gml:FeatureCollection>&b;</gml:FeatureCollection>"""


@pytest.mark.parametrize("name", ["zones.geojson", "zones.gpkg", "zones.shp", "zones.kml"])
def test_vector_texts_that_point_away(project, listener, name):
    host, knocks = listener
    project.config["zones"]["file"] = name
    sources = ("/etc/passwd", f"/vsicurl/http://{host}/x", "zones.gpkg", f"PG:host={host.partition(':')[0]}")
    for content in (*(OGR.format(source=source) for source in sources), KML, GML, f"http://{host}/zones.geojson", "<WFSDataSource/>"):
        (project.folder / name).write_text(content, encoding="utf-8")
        (found,) = refused(project, "E-VECTOR-01")
        assert found["where"] == name
    assert knocks == []


@pytest.mark.parametrize(
    "content",
    [
        '{"type":"Topology","objects":{"a":{"type":"Polygon","arcs":[[0]]}},"arcs":[[[0,0],[1,0],[1,1],[0,0]]]}',
        '{"displayFieldName":"","geometryType":"esriGeometryPolygon","features":[]}',
        '{"stac_version":"1.0.0","type":"FeatureCollection","features":[]}',
    ],
)
def test_other_formats_that_are_json(project, content):
    (project.folder / "zones.geojson").write_text(content)
    project.config["zones"]["file"] = "zones.geojson"
    (found,) = refused(project, project.sinks("check", "--json").ids[0])
    assert found["id"].startswith("E-VECTOR-")


PLACES = [
    ("/etc/passwd", "E-PATH-02"),
    ("../../secret.tif", "E-PATH-02"),
    ("../home/../../secret.tif", "E-PATH-02"),
    ("/vsicurl/http://localhost/x.tif", "E-PATH-01"),
    ("/vsizip/x.zip/x.tif", "E-PATH-01"),
    ("\\vsimem\\x.tif", "E-PATH-01"),
    ("http://localhost/x.tif", "E-PATH-01"),
    ("https://localhost/x.tif", "E-PATH-01"),
    ("file:///etc/passwd", "E-PATH-01"),
    ("s3://bucket/x.tif", "E-PATH-01"),
    ("//server/share/x.tif", "E-PATH-01"),
    ("<VRTDataset/>", "E-PATH-01"),
    ("a\u0000.tif", "E-PATH-03"),
    ("a\u001b[31m.tif", "E-PATH-03"),
    ("   ", "E-PATH-03"),
    ("GTIFF_DIR:1:land_2020.tif", "E-FILE-01"),
    ("NETCDF:x.nc:y", "E-FILE-01"),
    ("../../*.tif", "E-PATH-02"),
    ("/etc/*", "E-PATH-02"),
    ("a/**/*.tif", "E-FILE-01"),
    ("***.tif[", "E-FILE-01"),
    ("*/..", "E-FILE-02"),
    ("~/x.tif", "E-FILE-01"),
    ("x" * 5000, "E-FILE-02"),
]


@pytest.mark.parametrize(("text", "id"), PLACES, ids=[f"{text!r:.30}" for text, _ in PLACES])
def test_paths_of_layers(project, text, id):
    project.config["layers"]["land_cover"]["2020"] = text
    (found,) = refused(project, id)
    assert "land_cover" in found["where"] or id.startswith("E-FILE")


@pytest.mark.parametrize("place", ["zones", "densities", "factors", "policy", "parcels"])
@pytest.mark.parametrize("text", ["../../x", "http://localhost/x", "/vsicurl/x"])
def test_paths_of_sections(project, place, text):
    project.config.setdefault(place, {})["file"] = text
    (found,) = refused(project, "E-PATH-02" if text.startswith("..") else "E-PATH-01")
    assert found["where"] == f"{place}.file"


def test_paths_of_legends_and_grids(project):
    project.config["layers"]["land_cover"]["legend"] = "../../mine.csv"
    refused(project, "E-PATH-02")
    project.config["layers"]["land_cover"]["legend"] = "clcd"
    project.config["grid"] = {"like": "/etc/passwd"}
    refused(project, "E-PATH-02")
    project.config["grid"] = {"like": "vsimem"}
    refused(project, "E-FILE-01")


@pytest.mark.parametrize("text", ["http://localhost/out", "/vsimem/out", "s3://bucket/out", "out\u0007"])
def test_an_output_that_is_no_folder_of_this_machine(project, text):
    project.config["run"]["output"] = text
    (found,) = refused(project, "E-PATH-03" if "\u0007" in text else "E-PATH-01")
    assert found["where"] == "run.output"


def test_links_are_followed_and_held_to_the_folders(project, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (project.folder / "land_2020.tif").rename(outside / "land.tif")
    (project.folder / "land_2020.tif").symlink_to(outside / "land.tif")
    refused(project, "E-PATH-02")
    (project.folder / "there").symlink_to(outside)
    project.config["layers"]["land_cover"]["2020"] = "there/*.tif"
    refused(project, "E-PATH-02")
    project.config["run"]["roots"] = [str(outside)]
    ran(project)
    no_place_in_results(project, tmp_path)


def test_a_link_that_goes_round(project):
    (project.folder / "land_2020.tif").unlink()
    (project.folder / "land_2020.tif").symlink_to(project.folder / "land_2020.tif")
    (found,) = refused(project, project.sinks("check", "--json").ids[0])
    assert found["id"] in ("E-PATH-02", "E-FILE-02", "E-FILE-01")


def no_place_in_results(project, *secrets):
    """No file of a run says where on the machine anything lies, or who works there."""
    for path in (path for path in project.out.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for secret in (str(project.folder), "li.ming", *map(str, secrets)):
            for code in ("utf-8", "utf-16-le"):
                assert secret.encode(code) not in content, path.name


def test_no_output_tells_where_anything_lies(project, tmp_path):
    """Absolute paths in the configuration, also below roots, become labels."""
    (project.folder / "zones.gpkg").rename(tmp_path / "zones.gpkg")
    (project.folder / "land_2020.tif").rename(tmp_path / "land.tif")
    (project.folder / "2017").mkdir()
    (project.folder / "land_2017.tif").rename(project.folder / "2017" / "land.tif")
    project.config["run"]["roots"] = [str(tmp_path)]
    project.config["zones"].update({"file": str(tmp_path / "zones.gpkg"), "crs": "EPSG:4326"})
    project.config["layers"]["land_cover"].update({"2020": str(tmp_path / "land.tif"), "2017": str(project.folder / "2017" / "land.tif")})
    found = ran(project, "W-CRS-01")
    assert found[0]["where"] == "roots[0]/zones.gpkg"
    no_place_in_results(project, tmp_path)
    rows = (project.out / "tables" / "inputs.csv").read_text(encoding="utf-8").splitlines()
    assert {row.split(",")[0] for row in rows if ",land_cover," in row} == {"2017/land.tif", "roots[0]/land.tif", "land_2023.tif"}
    (tmp_path / "land.tif").unlink()
    (found,) = refused(project, "E-FILE-01")
    assert found["where"] == "roots[0]/land.tif"


def test_inputs_are_never_where_results_are_written(project):
    """``output = "."`` with rasters in ``inputs``: a run would put its own files over them."""
    for name in ("tables", "inputs"):
        (project.folder / name).mkdir()
    (project.folder / "land_2020.tif").rename(project.folder / "inputs" / "land.tif")
    (project.folder / "inputs" / "legend.csv").write_text("code,land_class\n2,arbor_forest\n")
    (project.folder / "tables" / "mine.csv").write_text("x")
    project.config["run"]["output"] = "."
    project.config["layers"]["land_cover"].update({"2020": "inputs/land.tif", "legend": "inputs/legend.csv"})
    found = refused(project, "E-RUN-07", "E-RUN-07")
    assert {one["found"] for one in found} == {"inputs/land.tif", "inputs/legend.csv"}
    (project.folder / "inputs" / "land.tif").rename(project.folder / "land_2020.tif")
    project.config["layers"]["land_cover"].update({"2020": "land_2020.tif", "legend": "clcd"})
    ran(project)
    assert (project.folder / "tables" / "mine.csv").read_text() == "x"


def test_other_files_in_the_folders_of_a_run_stay(project):
    (project.out / "inputs" / "notes.txt").write_text("mine")
    project.config["run"]["title"] = "again"
    ran(project)
    assert (project.out / "inputs" / "notes.txt").read_text() == "mine"


def test_control_signs_in_keys_do_not_reach_the_terminal(project):
    project.config["layers"]["\x1b]0;owned\x07\u202e"] = {"file": "agb_2020.tif"}
    said = project.sinks("run", lang="en")
    assert said.code == 2
    assert not {"\x1b", "\x07", "\u202e"} & set(said.err)
    assert said.err.startswith("E-CONF-13")


def test_a_process_of_its_own_asks_no_one_and_tells_nothing(project, listener):
    host, knocks = listener
    (project.folder / "land_2020.tif").write_text(wms(host))
    (project.folder / "land_2017.tif").write_bytes(b"II*\x00" + RAW.encode())
    project.config["layers"]["land_cover"]["2023"] = f"/vsicurl/http://{host}/x.tif"
    project.config["layers"]["aboveground_biomass"]["crs"] = f"http://{host}/crs"
    project.save()
    said = sinks_process("check", str(project.file), "--json")
    assert said.code == 2
    assert sorted(said.ids) == ["E-CRS-01"] * 3 + ["E-PATH-01", "E-RASTER-01", "E-RASTER-02"]
    assert (said.err, knocks) == ("", [])
    tells_nothing(said.out, project.folder)
