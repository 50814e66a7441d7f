"""A STAC API, static catalogues and a file server with byte ranges on 127.0.0.1, and faults that they can be told to make.

Written from the specifications (STAC 1.0 item and item search; HTTP ranges, RFC 9110), not
from the program under test.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import rasterio
import shapely
from rasterio.warp import transform_bounds

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Fault:
    """What goes wrong with requests whose method and path fit a pattern, so many times."""

    pattern: str
    act: Callable[["Handler"], bool]
    times: int = 1_000_000
    skip: int = 0


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    range: str
    headers: Mapping[str, str]


@dataclass
class Server:
    """Collections of items with files, served on a port of this machine.

    Parameters
    ----------
    page : int
        Items on a page of a search.
    ranges : bool
        Whether parts of files are sent.
    signature : str
        Where it is not empty, links of assets carry it, and files are sent for it alone.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    page: int = 2
    ranges: bool = True
    methods: tuple[str, ...] = ("POST", "GET")
    signature: str = ""
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0
    _http: Any = None

    @property
    def root(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """The address of the API."""
        return f"{self.root}/api"

    @property
    def host(self) -> str:
        """Its host and port, as a list of hosts has it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> "Server":
        """Serve, on the port of last time if there was one."""
        server = self

        class Bound(Handler):
            pass

        Bound.server_data = server
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), Bound)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        """Serve no longer."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def fault(self, pattern: str, act: Callable[["Handler"], bool], times: int = 1_000_000, skip: int = 0) -> None:
        """Make something go wrong; ``pattern`` is looked for in "METHOD path"."""
        self.faults.append(Fault(pattern, act, times, skip))

    def add(self, path: Path, collection: str, when: str, id: str = "", name: str = "", **properties: Any) -> dict[str, Any]:
        """Serve a raster as the asset ``data`` of an item that begins at a time."""
        there = f"/data/{name or path.name}"
        self.files[there] = path.read_bytes()
        made = item_of(path, collection, when, id or path.stem, there, **properties)
        self.items.append(made)
        return made

    def data_requests(self) -> list[Seen]:
        """Requests for files."""
        return [one for one in self.seen if one.path.startswith("/data/")]

    def told(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """An item as it is told: links whole, assets signed where they are."""
        out = deepcopy(dict(item))
        for asset in out["assets"].values():
            if asset["href"].startswith("/"):
                asset["href"] = self.root + quote(asset["href"]) + (f"?sig={self.signature}" if self.signature else "")
        out["links"] = [{"rel": "self", "href": f"{self.api}/collections/{out['collection']}/items/{quote(out['id'])}"}]
        return out


def item_of(path: Path, collection: str, when: str, id: str, href: str, **properties: Any) -> dict[str, Any]:
    """A STAC item of a raster."""
    with rasterio.open(path) as dataset:
        box = transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds, densify_pts=21)
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": collection, "bbox": list(box),
        "geometry": json.loads(shapely.to_geojson(shapely.box(*box))), "properties": {"datetime": when, **properties},
        "assets": {"data": {"href": href, "type": "image/tiff; application=geotiff"}}, "links": [],
    }  # fmt: skip


@contextmanager
def serving(**given: Any) -> Iterator[Server]:
    """A server while it is needed."""
    server = Server(**given).start()
    try:
        yield server
    finally:
        server.stop()


class Handler(BaseHTTPRequestHandler):
    """Answers one request at a time, each on a thread of its own; ``halved``: the line ends in the middle of every body."""

    halved = False
    protocol_version = "HTTP/1.1"
    server_data: Server
    timeout = 20

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Answer until the other side hangs up, however it does."""
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server_data
        with server.lock:
            server.seen.append(Seen(method, self.path, self.headers.get("Range") or "", dict(self.headers)))
            act = next((one for one in server.faults if one.times > 0 and re.search(one.pattern, f"{method} {self.path}")), None)
            if act is not None and act.skip > 0:
                act.skip -= 1
                act = None
            elif act is not None:
                act.times -= 1
        try:
            if act is not None and act.act(self):
                return
            self._route(urlsplit(self.path).path)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _route(self, path: str) -> None:
        server = self.server_data
        if path.rstrip("/") == "/api":
            links = [{"rel": "search", "href": f"{server.api}/search", "method": method} for method in server.methods]
            self.json({"type": "Catalog", "id": "test", "stac_version": "1.0.0", "links": links, "conformsTo": []})
        elif path == "/api/search":
            self._search()
        elif path.startswith("/api/collections/"):
            id = unquote(path.rpartition("/")[2])
            one = next((item for item in server.items if item["id"] == id and f"/{item['collection']}/" in path), None)
            self.json(server.told(one)) if one is not None else self.send(404, b"{}")
        elif unquote(path) in server.files:
            self._file(unquote(path))
        else:
            self.send(404, b"no such thing")

    def _search(self) -> None:
        """Item search: collections, bbox, datetime, query; pages by a token."""
        server = self.server_data
        asked = json.loads(self.body) if self.command == "POST" else _asked_by_get(urlsplit(self.path).query)
        fits = [item for item in server.items if _fits(item, asked)]
        first = int(asked.get("token", 0))
        size = min(server.page, int(asked.get("limit", 10)))
        links = []
        if first + size < len(fits):
            if self.command == "POST":
                links = [{"rel": "next", "href": f"{server.api}/search", "method": "POST", "body": {"token": first + size}, "merge": True}]
            else:
                query = re.sub(r"&?token=\d+", "", urlsplit(self.path).query)
                links = [{"rel": "next", "href": f"{server.api}/search?{query}&token={first + size}"}]
        page = [server.told(item) for item in fits[first : first + size]]
        self.json({"type": "FeatureCollection", "features": page, "links": links})

    def _file(self, path: str) -> None:
        """A file, or a part of it."""
        server = self.server_data
        if server.signature and path.startswith("/data/") and f"sig={server.signature}" not in urlsplit(self.path).query:
            self.send(403, b"the signature has expired")
            return
        content = server.files[path]
        headers = {"ETag": f'"{sha256(content).hexdigest()[:16]}"', "Last-Modified": formatdate(0, usegmt=True), "Accept-Ranges": "bytes"}
        asked = RANGE.fullmatch(self.headers.get("Range") or "")
        if asked is None or not server.ranges:
            self.send(200, content, headers)
            return
        first = int(asked.group(1))
        last = min(int(asked.group(2) or len(content)), len(content) - 1)
        if first >= len(content):
            self.send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        self.send(206, content[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"})

    def json(self, document: Any) -> None:
        """Send a document."""
        self.send(200, json.dumps(document).encode("utf-8"), {"Content-Type": "application/geo+json"})

    def send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.halved else body)
        if self.halved:
            self.wfile.flush()
            self.close_connection = True


def _asked_by_get(query: str) -> dict[str, Any]:
    told = {key: values[-1] for key, values in parse_qs(query).items()}
    out: dict[str, Any] = dict(told)
    if "collections" in told:
        out["collections"] = told["collections"].split(",")
    if "bbox" in told:
        out["bbox"] = [float(one) for one in told["bbox"].split(",")]
    if "query" in told:
        out["query"] = json.loads(told["query"])
    return out


def _fits(item: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """What a search would give."""
    if asked.get("collections") and item["collection"] not in asked["collections"]:
        return False
    if asked.get("bbox") and not shapely.box(*item["bbox"]).intersects(shapely.box(*asked["bbox"])):
        return False
    if asked.get("datetime") and not _overlaps(item["properties"], str(asked["datetime"])):
        return False
    return all(item["properties"].get(key) == wanted.get("eq") for key, wanted in (asked.get("query") or {}).items() if "eq" in wanted)


def _overlaps(properties: Mapping[str, Any], asked: str) -> bool:
    first, _, last = asked.partition("/")
    begins = properties.get("datetime") or properties.get("start_datetime")
    ends = properties.get("datetime") or properties.get("end_datetime") or begins
    if begins is None:
        return True
    return (first == ".." or _time(ends) >= _time(first)) and (last in ("", "..") or _time(begins) <= _time(last))


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# -- faults ------------------------------------------------------------------------------------------------


def status(code: int, **headers: str) -> Callable[[Handler], bool]:
    """An answer with a status and nothing else."""

    def act(handler: Handler) -> bool:
        handler.send(code, b"trouble", {name.replace("_", "-"): value for name, value in headers.items()})
        return True

    return act


def body(content: bytes, code: int = 200, **headers: str) -> Callable[[Handler], bool]:
    """Another body than the right one."""

    def act(handler: Handler) -> bool:
        handler.send(code, content, {name.replace("_", "-"): value for name, value in headers.items()})
        return True

    return act


def document(made: Callable[[Handler], Any]) -> Callable[[Handler], bool]:
    """Another document than the right one."""

    def act(handler: Handler) -> bool:
        handler.json(made(handler))
        return True

    return act


def slow(seconds: float) -> Callable[[Handler], bool]:
    """Right, but late."""

    def act(_: Handler) -> bool:
        time.sleep(seconds)
        return False

    return act


def dead(handler: Handler) -> bool:
    """The line is cut: no answer at all."""
    handler.close_connection = True
    with suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)
    return True


def cut(handler: Handler) -> bool:
    """The connection ends in the middle of the body."""
    handler.halved = True
    try:
        handler._route(urlsplit(handler.path).path)
    finally:
        handler.halved = False
    return True


def then(change: Callable[[Server], None]) -> Callable[[Handler], bool]:
    """Something happens at the server before the answer."""

    def act(handler: Handler) -> bool:
        change(handler.server_data)
        return False

    return act
