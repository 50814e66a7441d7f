"""What goes wrong between a run and a catalogue: waited out, told by item and asset, never taken for data."""

import json
import struct
import time

import pytest
from catalogues import body, cut, document, serving, slow, status
from clouds import activity_in, activity_of, cached, impatient, refused, stac_project, tables_from_files, with_results

from sinks.layers.cloud import catalogue, web

LAND_2020 = "/data/land_cover/land_2020.tif"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of the good project from files."""
    return tables_from_files(tmp_path_factory.mktemp("files"))


# -- troubles that pass ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble", [status(503), status(429, Retry_After="0"), status(500), status(408), cut, body(b"", 503)], ids=["503", "429", "500", "408", "cut", "empty"]
)
@pytest.mark.parametrize("where", ["POST /api/search", "GET /data"])
def test_passing_trouble_is_waited_out(server, tmp_path, from_files, trouble, where):
    """Twice in a row, at the catalogue and at the files: the tables are those from files."""
    server.fault(where, trouble, times=2)
    assert activity_of(stac_project(tmp_path / "p", server)) == activity_in(from_files)


def test_a_server_that_says_how_long_to_wait_is_waited_for(server, tmp_path, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(web.time, "sleep", slept.append)
    server.fault("GET /data", status(503, Retry_After="7"), times=1)
    server.fault("GET /data", status(503, Retry_After="7000"), times=1)
    assert stac_project(tmp_path / "p", server).sinks("fetch", "--allow-network").code == 0
    assert slept == [7.0, web.LONGEST_WAIT]


def test_a_slow_server_is_given_up_and_asked_again(server, tmp_path, from_files, monkeypatch):
    monkeypatch.setattr(web, "TIMEOUT", 0.3)
    server.fault("GET /data", slow(0.8), times=1)
    assert activity_of(stac_project(tmp_path / "p", server)) == activity_in(from_files)


def test_a_body_that_trickles_is_given_up(server, tmp_path, monkeypatch):
    """A byte now and then keeps no connection for ever: below the slowest speed it ends."""
    monkeypatch.setattr(web, "TIMEOUT", 0.4)
    monkeypatch.setattr(web, "SLOWEST", 10**9)

    def trickle(handler):
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 0-99/100")
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b"I")
            handler.wfile.flush()
            time.sleep(0.1)
        return True

    server.fault("GET /data", trickle)
    project = stac_project(tmp_path / "p", server)
    said = project.sinks("fetch", "--allow-network", "--json")
    assert said.code == 3
    assert "E-NET-04" in said.ids


def test_a_server_that_stays_away_ends_the_fetch_and_the_same_command_goes_on(server, tmp_path, from_files):
    """Exit 3 names host and item; the next command brings what lacks."""
    server.fault(f"GET {LAND_2020}", status(503), times=4)
    project = stac_project(tmp_path / "p", server)
    said = project.sinks("fetch", "--allow-network", "--json")
    assert said.code == 3
    assert said.ids[0] == "E-NET-04"
    assert "land_cover_2020_0/data" in said.findings[0]["where"]
    assert server.host in said.findings[0]["found"]
    assert activity_of(project) == activity_in(from_files)


def test_a_host_that_is_gone_is_not_asked_for_every_file(server, tmp_path):
    """Three tries, not three for each of six files."""
    project = stac_project(tmp_path / "p", server)
    server.fault("GET /data", status(503))
    assert project.sinks("fetch", "--allow-network", "--json").code == 3
    assert len(server.data_requests()) == len(web.WAITS) + 1


def test_a_body_that_is_always_cut_never_becomes_data(server, tmp_path):
    """Half a block is no block: nothing of the file is kept, and the run says what lacks."""
    project = stac_project(tmp_path / "p", server)
    server.fault(f"GET {LAND_2020}", cut, skip=1)
    assert project.sinks("fetch", "--allow-network", "--json").code == 3
    assert set(project.sinks("run", "--json").ids) == {"E-STAC-02"}
    assert len(cached(project)) < 6


# -- what the server says no to ----------------------------------------------------------------------------


def test_a_file_that_is_gone_is_named_by_item_and_asset_and_the_others_come(server, tmp_path):
    project = with_results(tmp_path, server)
    server.fault(f"GET {LAND_2020}", status(404))
    (error,) = refused(project, "E-NET-03")
    assert error["where"] == f"stac:{server.host}/api/land_cover/land_cover_2020_0/data"
    assert "404" in error["found"]
    server.faults.clear()
    before = len(server.data_requests())
    assert project.sinks("fetch", "--allow-network").code == 0
    assert [one.path for one in server.data_requests()[before:]].count(LAND_2020) == 2


def test_all_broken_files_are_told_at_once(server, tmp_path):
    server.fault("GET /data/land_cover/land_20(20|23)", status(410))
    server.fault("GET /data/aboveground_biomass/agb_2017", body(b"<html>moved</html>"))
    refused(with_results(tmp_path, server), "E-NET-03", "E-NET-03", "E-STAC-10")


def test_what_is_no_geotiff_is_refused(server, tmp_path):
    """HDF, text, a picture, a TIFF that contradicts itself: told with how it starts."""
    project = with_results(tmp_path, server)
    tiff = server.files[LAND_2020]
    height = struct.pack("<HHI", 257, 3, 1)
    taller = tiff.replace(height + struct.pack("<H", 60), height + struct.pack("<H", 600), 1)
    assert taller != tiff
    for content in (b"\x89HDF\r\n\x1a\n" + b"0" * 100, b"<html>", b"", b"II*\0", tiff[:300], taller):
        server.files[LAND_2020] = content
        (error,) = refused(project, "E-STAC-10")
        assert "land_cover_2020_0" in error["where"]


def test_a_vrt_named_as_geotiff_is_refused(server, tmp_path):
    """The guarded opener stays the only opener, and it sees no text."""
    project = with_results(tmp_path, server)
    band = "<VRTRasterBand><SourceFilename>/etc/passwd</SourceFilename></VRTRasterBand>"
    server.files[LAND_2020] = f'<VRTDataset rasterXSize="1" rasterYSize="1">{band}</VRTDataset>'.encode()
    refused(project, "E-STAC-10")


@pytest.mark.parametrize(
    "wrong",
    [
        body(b"x" * 65536, 206, Content_Range="bytes 5-65540/99999"),
        body(b"x" * 10, 206, Content_Range="bytes 0-9/99999"),
        body(b"x" * 10, 206),
        body(b"x" * 10, 206, Content_Range="bytes 0-9/10", Content_Encoding="gzip"),
    ],
    ids=["shifted", "short", "unsaid", "packed"],
)
def test_another_part_than_was_asked_for_is_refused(server, tmp_path, wrong):
    server.fault(f"GET {LAND_2020}", wrong)
    refused(with_results(tmp_path, server), "E-NET-06")


def test_a_catalogue_that_is_none(server, tmp_path):
    """HTML, numbers, nested without end, another kind of JSON."""
    project = with_results(tmp_path, server)
    for made, id in ((b"<html>", "E-NET-06"), (b"[" * 200_000, "E-NET-06"), (b"3", "E-STAC-05"), (b'{"type": "Feature' + b'Set"}', "E-STAC-05")):
        server.faults.clear()
        server.fault("GET /api", body(made))
        refused(project, *[id] * 6)
    server.faults.clear()
    server.fault("POST /api/search", body(b'{"features": 7}'))
    refused(project, *["E-STAC-05"] * 6)


def test_broken_items_are_told(server, tmp_path):
    """Ids that no path or table takes, no properties, no time, shapes that are none."""
    project = with_results(tmp_path, server)
    good = json.dumps(server.items[0])
    for change in (
        {"id": "a\nb"}, {"id": "=1+1"}, {"id": "x" * 400}, {"id": None}, {"properties": None}, {"properties": {"datetime": "yesterday"}},
        {"geometry": {"type": "Polygon", "coordinates": [[0]]}}, {"geometry": {"type": "Nothing"}}, {"geometry": None, "bbox": [1]},
        {"geometry": None, "bbox": ["a", 1, 2, 3]}, {"properties": {"datetime": 7}},
    ):  # fmt: skip
        server.fault("POST /api/search", document(lambda _, change=change: {"features": [{**json.loads(good), **change}]}), times=1)
        refused(project, "E-STAC-07")


def test_an_item_without_the_asset_names_those_it_has(server, tmp_path):
    project = with_results(tmp_path, server)
    project.config["layers"]["land_cover"]["asset"] = "map"
    errors = refused(project, *["E-STAC-06"] * 3)
    assert "data" in errors[0]["found"]


def test_no_item_says_how_many_were_seen(server, tmp_path):
    project = with_results(tmp_path, server)
    project.config["layers"]["land_cover"]["query"] = {"version": "9"}
    errors = refused(project, *["E-STAC-03"] * 3)
    assert "2017-01-01T00:00:00Z/2017-12-31T23:59:59Z" in errors[0]["expected"]


# -- sizes and ends ----------------------------------------------------------------------------------------


def endless(handler):
    """A body in chunks that does not end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    piece = b" " * 65536
    for _ in range(10_000):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    return True


@pytest.mark.parametrize("huge", [body(b" " * 300_000), endless], ids=["said", "endless"])
def test_json_has_a_size(server, tmp_path, monkeypatch, huge):
    monkeypatch.setattr(web, "MOST_JSON", 200_000)
    server.fault("GET /api", huge)
    refused(with_results(tmp_path, server), *["E-NET-05"] * 6)


def test_pages_that_never_end(server, tmp_path, monkeypatch):
    """The same page again and again is seen at once; new ones for ever, at the limit."""
    monkeypatch.setattr(catalogue, "MOST_PAGES", 12)
    same = {"rel": "next", "href": f"{server.api}/search", "method": "POST", "body": {"token": 0}, "merge": True}
    project = with_results(tmp_path, server)
    server.fault("POST /api/search", document(lambda _: {"features": [], "links": [same]}))
    refused(project, *["E-STAC-09"] * 6)
    assert len(server.seen) == 6 * 3
    server.faults.clear()
    server.seen.clear()
    server.fault("POST /api/search", document(lambda one: {"features": [], "links": [{**same, "body": {"token": len(one.server_data.seen)}}]}))
    refused(project, *["E-STAC-09"] * 6)
    assert len(server.seen) == 6 * 13


def test_catalogues_that_never_end(server, tmp_path, monkeypatch):
    """Every child has another child; and one that is its own child ends by itself."""
    monkeypatch.setattr(catalogue, "MOST_DOCUMENTS", 30)
    project = with_results(tmp_path, server)
    for section in project.config["layers"].values():
        section["stac"] = f"{server.root}/deep/0"
    server.fault("GET /deep", document(lambda one: {"type": "Catalog", "links": [{"rel": "child", "href": f"{len(one.server_data.seen)}"}]}))
    refused(project, *["E-STAC-09"] * 6)
    server.faults.clear()
    server.fault("GET /deep", document(lambda one: {"type": "Catalog", "links": [{"rel": "child", "href": one.path}]}))
    refused(project, *["E-STAC-03"] * 6)


def test_more_items_than_anyone_wants(server, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "MOST_ITEMS", 5)
    project = with_results(tmp_path, server)
    item = json.dumps(server.told(server.items[0]))
    server.fault("POST /api/search", document(lambda _: {"features": [json.loads(item)] * 6}))
    refused(project, *["E-STAC-09"] * 6)


def test_more_bytes_than_allowed_are_not_begun(server, tmp_path):
    project = with_results(tmp_path, server)
    project.config["network"]["most_gb"] = 1e-6
    (error,) = refused(project, "E-NET-05")
    assert error["where"] == "network.most_gb"
    assert not cached(project)


def test_a_disk_without_room_is_told_before(server, tmp_path, monkeypatch):
    class Full:
        free = 5_000

    monkeypatch.setattr("sinks.fetching.shutil.disk_usage", lambda _: Full)
    refused(with_results(tmp_path, server), "E-NET-11")
