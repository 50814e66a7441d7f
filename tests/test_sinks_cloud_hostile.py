"""Catalogues that mean harm: other hosts, redirects, links that lead elsewhere, secrets that would leak; nothing is followed, nothing is told."""

import json
from urllib.parse import unquote, urlsplit

import broken
import pytest
from catalogues import document, serving, status, then
from clouds import activity_in, activity_of, impatient, inputs, refused, stac_project, tables_from_files, text_of, with_results

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
