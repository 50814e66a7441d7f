"""What goes wrong between a run and a catalogue: waited out, told by item and asset, never taken for data; what came is kept."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from urllib.parse import unquote, urlsplit

import broken
import pytest
from catalogues import Server, body, cut, document, serving, slow, status, then
from clouds import activity_in, activity_of, cached, inputs, stac_project, text_of, with_results

from sinks.layers.cloud import catalogue, remote, web

LAND_2020 = "/data/land_cover/land_2020.tif"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WAITS", (0.0, 0.01, 0.01))
    monkeypatch.setattr(web, "TIMEOUT", 3.0)


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of the good project from files."""
    project = broken.make_project(tmp_path_factory.mktemp("files") / "p")
    assert project.sinks("tabulate", "--quiet").code == 0
    return {path.name: path.read_bytes() for path in (project.out / "tables").glob("*.csv")}


def refused(project: broken.Project, *ids: str) -> list[dict[str, str]]:
    """The errors of a fetch that must stop with exactly these; earlier results stay, no folder is told."""
    return broken.refused(project, *ids, verb="fetch", options=("--allow-network",))


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


# -- hosts, redirects, hostile links -----------------------------------------------------------------------


def test_no_hosts_and_other_hosts(server, tmp_path):
    project = with_results(tmp_path, server)
    project.config["network"] = {"hosts": []}
    refused(project, "E-NET-01")
    project.config["network"] = {"hosts": ["example.org"]}
    errors = refused(project, *["E-NET-01"] * 6)
    assert server.host in errors[0]["found"]
    assert server.seen == []


def test_a_redirect_to_another_host_is_refused_and_that_host_hears_nothing(server, tmp_path):
    """Another port is another host; that it is listed does not help."""
    with serving() as other:
        project = with_results(tmp_path, server)
        project.config["network"]["hosts"].append(other.host)
        other.files[LAND_2020] = server.files[LAND_2020]
        server.fault(f"GET {LAND_2020}", status(302, Location=other.root + LAND_2020))
        (error,) = refused(project, "E-NET-02")
        assert other.host in error["found"]
        server.faults.clear()
        server.fault("POST /api/search", status(307, Location=other.api + "/search"))
        refused(project, *["E-NET-02"] * 6)
        assert other.seen == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://user:word@127.0.0.1/", "//evil.example/x", ""])
def test_redirects_to_strange_places_are_refused(server, tmp_path, target):
    server.fault(f"GET {LAND_2020}", status(301, Location=target))
    refused(with_results(tmp_path, server), "E-NET-02")


def test_a_redirect_on_the_same_host_is_followed_and_a_circle_is_not(server, tmp_path, from_files):
    project = stac_project(tmp_path / "p", server)
    server.files["/data/moved.tif"] = server.files[LAND_2020]
    server.fault(f"GET {LAND_2020}", status(302, Location="/data/moved.tif"))
    assert activity_of(project) == activity_in(from_files)
    server.fault("GET /data/agb", status(302, Location=LAND_2020.replace("land_2020", "agb")))
    again = with_results(tmp_path / "q", server)
    server.fault("GET /data/land_cover/land_2017", status(302, Location="/data/land_cover/land_2017.tif"))
    refused(again, "E-NET-02")


HOSTILE = {
    "file:///etc/passwd": "E-STAC-08",
    "/vsicurl/http://evil.example/x.tif": "E-STAC-08",
    "/vsizip/vsicurl/http://evil.example/x.zip": "E-STAC-08",
    "http://evil.example/x.tif": "E-NET-01",
    "http://127.0.0.1:1/x.tif": "E-NET-01",
    "http://169.254.169.254/latest/meta-data": "E-NET-01",
    "//evil.example/x.tif": "E-NET-01",
    "ftp://127.0.0.1/x.tif": "E-STAC-08",
    "s3://bucket/x.tif": "E-STAC-08",
    "\\\\server\\share\\x.tif": "E-STAC-08",
    "http://[": "E-STAC-08",
    "": "E-STAC-08",
    "x" * 5000: "E-STAC-08",
}


@pytest.mark.parametrize("href", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_links_of_assets_lead_nowhere(server, tmp_path, href):
    project = with_results(tmp_path, server)
    server.items[1]["assets"]["data"]["href"] = href
    if href.startswith("/"):
        server.fault("POST /api/search", document(lambda one: {"features": [dict(server.items[1])]}), skip=1, times=1)
    refused(project, HOSTILE[href])
    assert not [one for one in server.seen if "passwd" in one.path or "evil" in one.path]


@pytest.mark.parametrize(
    "href", ["http://user:word@{host}/x.tif", "http://{host}@evil.example/x.tif", "http://{host}\r\nX: y/x.tif", "http://{host}/a b.tif", "http://{host}/vsicurl/x"]
)
def test_links_that_look_like_the_host_lead_nowhere(server, tmp_path, href):
    project = with_results(tmp_path, server)
    server.items[1]["assets"]["data"]["href"] = href.format(host=server.host)
    (error,) = refused(project, "E-STAC-08")
    assert "word" not in json.dumps(error)


@pytest.mark.parametrize("link", ["self", "next", "search", "child"])
def test_hostile_links_of_documents_lead_nowhere(server, tmp_path, link):
    """Links to go on, to search and to children that name another host are not followed."""
    project = with_results(tmp_path, server)
    evil = "http://evil.example/x"
    if link == "next":
        server.fault("POST /api/search", document(lambda _: {"features": [], "links": [{"rel": "next", "href": evil}]}))
    elif link == "search":
        server.fault("GET /api", document(lambda _: {"type": "Catalog", "links": [{"rel": "search", "href": evil}]}))
    elif link == "child":
        server.fault("GET /api", document(lambda _: {"type": "Catalog", "links": [{"rel": "child", "href": evil}]}))
    else:  # the item says that it is elsewhere, and its link expires
        told = [{**server.told(one), "links": [{"rel": "self", "href": evil}]} for one in server.items]
        server.fault("POST /api/search", document(lambda one: {"features": told}))
        server.fault(f"GET {LAND_2020}", status(403))
    errors = broken.refused(project, *["E-NET-01"] * (1 if link == "self" else 6), verb="fetch", options=("--allow-network",))
    assert "evil.example" in errors[0]["found"]


def test_links_of_a_catalogue_on_disk_stay_in_the_allowed_folders(tmp_path):
    project = broken.good(tmp_path)
    (tmp_path / "secret.tif").write_bytes((project.folder / "land_2020.tif").read_bytes())
    section = project.config["layers"]["land_cover"]
    project.config["layers"]["land_cover"] = {"legend": section["legend"], "stac": "c.json", "asset": "data", "datetime": "2020"}
    item = {"type": "Feature", "id": "a", "properties": {"datetime": "2020-06-01T00:00:00Z"}, "bbox": [112, 43, 113, 44]}
    for href, id in {
        "../../secret.tif": "E-PATH-02", "/etc/passwd": "E-PATH-02", str(tmp_path / "secret.tif"): "E-PATH-02", "file:///etc/passwd": "E-STAC-08",
        "/vsicurl/http://127.0.0.1/x.tif": "E-STAC-08", "a\nb": "E-PATH-03",
    }.items():  # fmt: skip
        (project.folder / "c.json").write_text(json.dumps({**item, "assets": {"data": {"href": href}}}))
        broken.refused(project, id, verb="check")
    (project.folder / "c.json").write_text(json.dumps({"type": "Catalog", "links": [{"rel": "child", "href": "../../up.json"}]}))
    broken.refused(project, "E-PATH-02", verb="check")
    project.config["layers"]["land_cover"]["stac"] = "../c.json"
    broken.refused(project, "E-PATH-02", verb="check")
    project.config["layers"]["land_cover"]["stac"] = "none.json"
    broken.refused(project, "E-FILE-01", verb="check")


# -- secrets -----------------------------------------------------------------------------------------------


def test_links_that_expire_are_asked_for_again(server, tmp_path, from_files):
    """The signature changes after the plans and again between blocks; no file and no message holds one."""
    server.signature = "first-secret"
    project = stac_project(tmp_path / "p", server)
    server.fault("GET /data/land_cover/land_2020", then(lambda one: setattr(one, "signature", "second-secret")), times=1, skip=1)
    server.fault("GET /data/aboveground_biomass/agb_2023", then(lambda one: setattr(one, "signature", "third-secret")), times=1, skip=1)
    assert activity_of(project) == activity_in(from_files)
    assert [one.path for one in server.seen if "/collections/" in one.path]
    assert "secret" not in text_of(project.folder)
    assert inputs(project)[0]["source"].startswith(server.root)


def test_a_link_that_is_refused_for_good_names_host_and_variable(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "sig=wrong-secret")
    server.signature = "right"
    project = with_results(tmp_path, server)
    for item in server.items:  # the links are told bare: the token of the user is all there is
        item["assets"]["data"]["href"] = server.root + item["assets"]["data"]["href"]
    project.config["network"]["tokens"] = {server.host: "MY_TOKEN"}
    errors = refused(project, *["E-NET-07"] * 6)
    assert "MY_TOKEN" in errors[0]["found"]
    assert "403" in errors[0]["found"]
    monkeypatch.setenv("MY_TOKEN", "?sig=right")
    assert project.sinks("fetch", "--allow-network").code == 0
    assert project.sinks("run", "--quiet").code == 0
    assert "sig=" not in text_of(project.folder)


def test_a_header_for_a_host_goes_to_that_host_alone(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "Bearer abc-secret")
    with serving() as files:
        project = stac_project(tmp_path / "p", server)
        files.files = dict(server.files)
        for item in server.items:
            item["assets"]["data"]["href"] = files.root + item["assets"]["data"]["href"]
        project.config["network"] = {"hosts": [server.host, files.host], "authorization": {files.host: "MY_KEY"}}
        assert project.sinks("fetch", "--allow-network").code == 0
        assert {one.headers.get("Authorization") for one in files.seen} == {"Bearer abc-secret"}
        assert {one.headers.get("Authorization") for one in server.seen} == {None}
    assert "abc-secret" not in text_of(project.folder)


def test_a_service_that_signs_links(server, tmp_path, from_files):
    """The host of files wants signed links; the service is asked with the bare link at the end of its address."""
    project = stac_project(tmp_path / "p", server)
    with serving(signature="good-secret") as files:
        files.files = dict(server.files)
        for item in server.items:
            item["assets"]["data"]["href"] = files.root + item["assets"]["data"]["href"]

        def sign(handler):
            return {"href": unquote(urlsplit(handler.path).query.partition("href=")[2]) + "?sig=good-secret"}

        server.fault("GET /sign", document(sign))
        project.config["network"] = {"hosts": [server.host, files.host], "sign": {files.host: f"{server.root}/sign?href="}}
        assert activity_of(project) == activity_in(from_files)
    assert "good-secret" not in text_of(project.folder)


def test_variables_that_are_not_set_are_named(server, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    project = with_results(tmp_path, server)
    project.config["network"]["tokens"] = {server.host: "NO_SUCH_TOKEN"}
    project.config["network"]["authorization"] = {"example.org": "NO_SUCH_TOKEN"}
    refused(project, "E-NET-08", "E-NET-08")


def test_no_secret_goes_in_the_clear(server, tmp_path, monkeypatch):
    """http:// to another machine with a token: refused before a connection is made."""
    monkeypatch.setenv("MY_TOKEN", "secret")
    project = with_results(tmp_path, server)
    project.config["network"] = {"hosts": [server.host, "files.example"], "tokens": {"files.example": "MY_TOKEN"}}
    server.items[0]["assets"]["data"]["href"] = "http://files.example/x.tif"
    refused(project, "E-NET-12")


# -- stops, changes, damage --------------------------------------------------------------------------------


def test_a_server_that_dies_in_the_middle_and_comes_back(server, tmp_path, from_files, monkeypatch):
    """What came is not asked for again: each block of each file comes over the network once."""
    monkeypatch.setattr(remote, "GAP", -1)  # a request per block, so that there is a middle
    monkeypatch.setattr(remote, "THREADS", 1)
    project = stac_project(tmp_path / "p", server)
    server.fault("GET /data/land_cover/land_2023", status(503), skip=8)
    said = project.sinks("fetch", "--allow-network", "--json")
    assert said.code == 3
    server.stop()
    first = [one.range for one in server.data_requests() if "land_2023" in one.path and one.range][: 1 + 7]
    server.faults.clear()
    server.seen.clear()
    assert project.sinks("fetch", "--allow-network", "--json").code == 3  # nobody there
    server.start()
    assert activity_of(project) == activity_in(from_files)
    again = [one.range for one in server.data_requests() if "land_2023" in one.path]
    assert not set(first[1:]) & set(again)
    assert len(first[1:]) + len(again) == 20


def test_a_fetch_that_is_killed_goes_on(server, tmp_path, from_files):
    """kill -9 of the process in the middle of the blocks, several times; then the same tables, and the same bytes in the cache."""
    whole = stac_project(tmp_path / "whole", server)
    assert whole.sinks("fetch", "--allow-network").code == 0
    project = broken.Project(tmp_path / "p", whole.config)
    project.folder.mkdir()
    (project.folder / "zones.gpkg").write_bytes((whole.folder / "zones.gpkg").read_bytes())
    project.save()
    server.fault("GET /data", slow(0.25))
    for _ in range(3):
        before = len(server.data_requests())
        process = subprocess.Popen(
            [sys.executable, "-m", "sinks", "fetch", str(project.file), "--allow-network", "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while len(server.data_requests()) < before + 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    server.faults.clear()
    assert activity_of(project) == activity_in(from_files)
    assert cached(project) == cached(whole)


def test_a_file_that_changes_in_the_middle_is_fetched_anew(server, tmp_path):
    """Between its plan and its blocks it becomes another one: no block of the old one stays."""
    project = stac_project(tmp_path / "p", server)
    cells = broken.land_cover(2017)
    broken.write_raster(tmp_path / "new.tif", cells, nodata=0, compress="lzw")
    new = (tmp_path / "new.tif").read_bytes()
    assert new != server.files[LAND_2020]
    server.fault(f"GET {LAND_2020}", then(lambda one: one.files.update({LAND_2020: new})), times=1, skip=1)
    said = project.sinks("fetch", "--allow-network", "--json")
    assert said.code == 0
    assert said.ids == ["W-NET-14"]
    found = activity_of(project, fetched=False)
    plain = broken.make_project(tmp_path / "plain")
    (plain.folder / "land_2020.tif").write_bytes(new)
    assert found == activity_of(plain, fetched=False)


def test_a_file_that_changes_all_the_time_is_given_up(server, tmp_path):
    project = with_results(tmp_path, server)

    def change(one: Server) -> None:
        one.files[LAND_2020] += b"\0"

    server.fault(f"GET {LAND_2020}", then(change))
    refused(project, "E-NET-10")


def test_refresh_finds_a_file_that_became_another_one(server, tmp_path):
    """Everything is there: fetch asks nothing, fetch --refresh asks every file and brings the new one."""
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("fetch", "--allow-network").code == 0
    broken.write_raster(tmp_path / "new.tif", broken.land_cover(2023), nodata=0, compress="lzw")
    server.files[LAND_2020] = (tmp_path / "new.tif").read_bytes()
    server.seen.clear()
    assert project.sinks("fetch", "--allow-network", "--json").ids == []
    assert server.seen == []
    assert project.sinks("fetch", "--allow-network", "--refresh", "--json").ids == ["W-NET-14"]
    assert project.sinks("fetch", "--allow-network", "--refresh", "--json").ids == []


def test_a_server_without_ranges_sends_the_whole_file_and_the_cache_is_the_same(server, tmp_path, from_files):
    whole = stac_project(tmp_path / "whole", server)
    assert whole.sinks("fetch", "--allow-network").code == 0
    server.ranges = False
    project = broken.Project(tmp_path / "p", whole.config)
    project.folder.mkdir()
    (project.folder / "zones.gpkg").write_bytes((whole.folder / "zones.gpkg").read_bytes())
    server.fault(f"GET {LAND_2020}", cut, times=1)
    assert project.sinks("fetch", "--allow-network", "--json").ids == ["N-NET-13"] * 6
    assert cached(project) == cached(whole)
    assert activity_of(project, fetched=False) == activity_in(from_files)
    assert not list(project.folder.rglob("whole.tif"))
    assert project.sinks("fetch", "--allow-network", "--refresh", "--json").code == 0


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_cache_is_found_and_mended(server, tmp_path, from_files, damage):
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("fetch", "--allow-network").code == 0
    path = project.folder / ".sinks-cache" / next(iter(cached(project)))
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flipped" else content[:-5])
    said = project.sinks("run", "--json")
    assert said.code == 2
    assert said.ids == ["E-STAC-02" if damage == "gone" else "E-NET-09"]
    assert activity_of(project) == activity_in(from_files)


def test_a_flip_without_a_trace_is_found_by_its_hash(server, tmp_path):
    """Same length, same time of change: the hash that every run makes tells."""
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("fetch", "--allow-network").code == 0
    path = project.folder / ".sinks-cache" / next(iter(cached(project)))
    content, times = bytearray(path.read_bytes()), path.stat()
    content[-3] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.sinks("run", "--json").ids == ["E-NET-09"]


@pytest.mark.parametrize("name", ["object.json", "places.npy", "header.tif"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x93NUMPY\x01\x00garbage", b"[1]"])
def test_a_cache_that_holds_nonsense_is_fetched_anew(server, tmp_path, from_files, name, content):
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("fetch", "--allow-network").code == 0
    for path in (project.folder / ".sinks-cache").rglob(name):
        path.write_bytes(content)
    for path in (project.folder / ".sinks-cache").glob("searches/*.json"):
        path.write_bytes(content)
    assert project.sinks("run", "--json").code == 2
    assert activity_of(project) == activity_in(from_files)


def test_threads_and_requests_leave_the_same_bytes(server, tmp_path, monkeypatch):
    one = stac_project(tmp_path / "one", server)
    assert one.sinks("fetch", "--allow-network").code == 0
    monkeypatch.setattr(remote, "GAP", -1)
    monkeypatch.setattr(remote, "THREADS", 7)
    monkeypatch.setattr(remote, "FIRST", 100)
    other = broken.Project(tmp_path / "other", one.config)
    other.folder.mkdir()
    (other.folder / "zones.gpkg").write_bytes((one.folder / "zones.gpkg").read_bytes())
    assert other.sinks("fetch", "--allow-network").code == 0
    assert cached(one) == cached(other)
