"""Items of STAC catalogues: files on disk inside the allowed folders, files over http, and APIs with a search.

STAC 1.0 and 1.1 (stacspec.org): catalogue, collection, item; API item search with paging
by links of relation ``next``, GET or POST. What a catalogue says is checked before it is
used: sizes, numbers, texts, and every link.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import shapely
import shapely.geometry

from aoi.findings import Finding, InputError, finding
from aoi.guard import guarded_path
from sinks.layers.cloud.request import Footprint, Request, moment
from sinks.layers.cloud.web import MOST_JSON, Denied, Web, without_secrets

PAGE = 250
MOST_PAGES = 400
MOST_ITEMS = 20_000
MOST_DOCUMENTS = 20_000
MOST_NAME = 200
_ADDRESS = ("http://", "https://")


class NeedsWeb(Exception):
    """A catalogue that cannot be read without the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file that a catalogue names.

    Parameters
    ----------
    catalogue : str
        The address of the catalogue without scheme and secrets, or its place in the allowed folders.
    begins : str
        When it begins, RFC 3339 in UTC; empty where it has no time.
    href : str
        Where its file is, whole; it may hold a secret and is never written as it is. Empty for a file on disk.
    own : str
        The address of the item itself; empty where it says none.
    local : Path, optional
        The file on disk, inside the allowed folders.
    """

    catalogue: str
    collection: str
    id: str
    asset: str
    begins: str
    href: str
    own: str = ""
    local: Path | None = None

    @property
    def label(self) -> str:
        """What it is called in messages and provenance."""
        return "stac:" + "/".join(one for one in (self.catalogue, self.collection, self.id, self.asset) if one)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands: an address, or a file with its label."""

    address: str
    file: Path | None = None


class Catalogue:
    """A catalogue of a run.

    Parameters
    ----------
    base : Path
        Folder of the configuration.
    roots : tuple of Path
        Further folders that may be read.
    web : Web, optional
        None keeps to files on disk.
    """

    def __init__(self, address: str, base: Path, roots: tuple[Path, ...], label: str, web: Web | None) -> None:
        self._address, self._base, self._roots, self._web = address, base, roots, web
        self.name = label

    def items(self, request: Request, footprint: Footprint) -> list[Item]:
        """The items of a request, by the time at which they begin and then by id.

        Raises
        ------
        InputError
            With everything that is wrong: no catalogue (``E-STAC-05``), broken items (``E-STAC-07``),
            links that are refused (``E-STAC-08``), no end (``E-STAC-09``), items without the asset
            (``E-STAC-06``), no item (``E-STAC-03``), items of several dates where one is wanted (``E-STAC-04``).
        NeedsWeb
            It, or a part of it, is not on disk, and there is no web.
        """
        found: list[Finding] = []
        kept: dict[tuple[str, str], Item] = {}
        met = 0
        for document, place in self._documents(request, footprint):
            met += 1
            if met > MOST_ITEMS:
                raise InputError(finding("E-STAC-09", request.where, catalogue=self.name, n=MOST_ITEMS))
            try:
                item = self._item(document, place, request, footprint)
            except InputError as error:
                found += error.findings
                continue
            if item is not None:
                kept.setdefault((item.collection, item.id), item)
        if found:
            raise InputError(found)
        items = sorted(kept.values(), key=lambda one: (one.begins, one.id, one.collection))
        if not items:
            raise InputError(
                finding(
                    "E-STAC-03",
                    request.where,
                    catalogue=self.name,
                    collection=request.collection or "*",
                    interval=request.interval or "..",
                    n=met,
                )
            )
        dates = sorted({one.begins for one in items})
        if request.one_date and len(dates) > 1:
            raise InputError(finding("E-STAC-04", request.where, dates=", ".join(date[:10] for date in dates[:6]), n=len(dates)))
        return items

    def again(self, item: Item, request: Request, footprint: Footprint) -> Item:
        """The item as the catalogue tells it now: its links may be new.

        Raises
        ------
        InputError, Unfinished
            As `items`; the item is gone.
        """
        if item.own and self._web is not None:
            document = self._fetched(item.own, request.where)
            fresh = self._item(document, Place(item.own), request, footprint) if isinstance(document, dict) else None
            if fresh is not None and fresh.id == item.id:
                return fresh
        for one in self.items(request, footprint):
            if (one.collection, one.id) == (item.collection, item.id):
                return one
        raise InputError(
            finding("E-STAC-03", item.label, catalogue=self.name, collection=item.collection, interval=request.interval or "..", n=0)
        )

    # -- documents -------------------------------------------------------------------------------------------

    def _documents(self, request: Request, footprint: Footprint) -> Iterator[tuple[Any, Place]]:
        """Items as JSON, of an API by its search, else by walking from the first document."""
        root = self._place(self._address, Place(""), request.where)
        document = self._document(root, request.where)
        search = next((link for link in _links(document) if link.get("rel") == "search" and link.get("method", "GET") == "POST"), None)
        search = search or next((link for link in _links(document) if link.get("rel") == "search"), None)
        if search is not None and document.get("type") == "Catalog" and root.file is None:
            yield from self._searched(urljoin(root.address, str(search.get("href"))), search.get("method") == "POST", request, footprint)
        else:
            yield from self._walked(document, root, request)

    def _searched(self, address: str, post: bool, request: Request, footprint: Footprint) -> Iterator[tuple[Any, Place]]:
        """Items page by page; a page that says that it is followed by itself, or no end, is an error."""
        asked: dict[str, Any] = {"limit": PAGE, "bbox": list(footprint.box)}
        if request.collection:
            asked["collections"] = [request.collection]
        if request.interval:
            asked["datetime"] = request.interval
        if request.query:
            asked["query"] = {key: value if isinstance(value, Mapping) else {"eq": value} for key, value in request.query.items()}
        body: Any = asked if post else None
        url = address if post else _with_query(address, asked)
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            mark = json.dumps([url, body], sort_keys=True)
            if mark in seen:
                break
            seen.add(mark)
            page = self._fetched(url, request.where, body)
            features = page.get("features") if isinstance(page, dict) else None
            if not isinstance(features, list):
                raise InputError(finding("E-STAC-05", request.where, catalogue=self.name, reason="features"))
            for one in features:
                yield one, Place(url)
            following = next((link for link in _links(page) if link.get("rel") == "next"), None)
            if following is None:
                return
            url = urljoin(url, str(following.get("href")))
            if following.get("method") == "POST":
                said = following.get("body")
                given: dict[str, Any] = said if isinstance(said, dict) else {}
                body = {**(asked if following.get("merge") or not given else {}), **given}
            else:
                body = None
        raise InputError(finding("E-STAC-09", request.where, catalogue=self.name, n=len(seen)))

    def _walked(self, first: Any, root: Place, request: Request) -> Iterator[tuple[Any, Place]]:
        """Items below a document, each document once, in the order of the links."""
        waiting = [root]
        ready = {root: first}
        known = {root}
        while waiting:
            place = waiting.pop()
            document = ready.pop(place) if place in ready else self._document(place, request.where)
            kind = document.get("type")
            if kind == "Feature":
                yield document, place
                continue
            if kind == "FeatureCollection" and isinstance(document.get("features"), list):
                yield from ((one, place) for one in document["features"])
                continue
            if kind not in ("Catalog", "Collection"):
                raise InputError(finding("E-STAC-05", request.where, catalogue=self.name, reason=f"type {_shown(kind)}"))
            other = kind == "Collection" and bool(request.collection) and document.get("id") != request.collection
            for link in reversed(_links(document)):
                if link.get("rel") != "child" and (link.get("rel") != "item" or other):
                    continue
                there = self._place(str(link.get("href")), place, request.where)
                if there not in known:
                    known.add(there)
                    waiting.append(there)
            if len(known) > MOST_DOCUMENTS:
                raise InputError(finding("E-STAC-09", request.where, catalogue=self.name, n=MOST_DOCUMENTS))

    def _document(self, place: Place, where: str) -> dict[str, Any]:
        document = self._fetched(place.address, where) if place.file is None else self._of_a_file(place.file, place.address)
        if not isinstance(document, dict):
            raise InputError(finding("E-STAC-05", where, catalogue=self.name, reason="JSON"))
        return document

    def _fetched(self, url: str, where: str, body: Any = None) -> Any:
        if self._web is None:
            raise NeedsWeb
        try:
            return self._web.json(url, where, body)
        except Denied as error:
            raise self._web.denied(url, where, error.status) from error

    def _of_a_file(self, path: Path, label: str) -> Any:
        try:
            with path.open("rb") as file:
                text = file.read(MOST_JSON + 1)
        except FileNotFoundError as error:
            raise InputError(finding("E-FILE-01", label)) from error
        except OSError as error:
            raise InputError(finding("E-FILE-02", label, reason=error.strerror or type(error).__name__)) from error
        if len(text) > MOST_JSON:
            raise InputError(finding("E-NET-05", label, bytes=f"> {MOST_JSON}", most=MOST_JSON))
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(finding("E-NET-06", label, reason="JSON")) from error

    def _place(self, href: str, beside: Place, where: str) -> Place:
        """Where a link leads: from a file to files of the allowed folders or to addresses, from an address to addresses.

        Raises
        ------
        InputError
            Anything else (``E-STAC-08``, ``E-PATH-..``).
        """
        if not href or len(href) > 4096 or "/vsi" in href.lower() or (beside.address and beside.file is None and href.startswith("\\")):
            raise InputError(finding("E-STAC-08", where, href=without_secrets(href)[:120] or "-"))
        if href.lower().startswith(_ADDRESS):
            return Place(href)
        if urlsplit(href).scheme and "://" in href:
            raise InputError(finding("E-STAC-08", where, href=without_secrets(href)[:120]))
        if beside.address and beside.file is None:
            return Place(urljoin(beside.address, href))
        folder = beside.file.parent if beside.file is not None else self._base
        try:
            path = guarded_path(href if Path(href).is_absolute() else str(folder / href), base=self._base, roots=self._roots, where=where)
        except InputError as error:
            raise InputError([replace(one, values={"path": _shown(href)}) for one in error.findings]) from error
        return Place(_label_of(path, self._base, self._roots), path)

    # -- items -----------------------------------------------------------------------------------------------

    def _item(self, document: Any, place: Place, request: Request, footprint: Footprint) -> Item | None:
        """An item that answers a request; None for one that does not.

        Raises
        ------
        InputError
            A broken item (``E-STAC-07``), one without the asset (``E-STAC-06``), a link that is refused.
        """
        if not isinstance(document, dict):
            raise InputError(finding("E-STAC-07", request.where, item="-", reason="JSON"))
        id, collection = document.get("id"), document.get("collection") or ""
        where = f"{request.where}: {str(id)[:60]}"
        if not _sound(id) or not (collection == "" or _sound(collection)):
            raise InputError(finding("E-STAC-07", request.where, item=_shown(id), reason="id"))
        if request.collection and collection and collection != request.collection:
            return None
        properties = document.get("properties")
        if not isinstance(properties, dict):
            raise InputError(finding("E-STAC-07", where, item=id, reason="properties"))
        begins = _begins(properties, where, str(id))
        if not request.holds(begins) or not request.fits(properties):
            return None
        shape = _shape(document, where, str(id))
        if shape is not None and not footprint.touches(shape):
            return None
        assets = document.get("assets")
        asset = assets.get(request.asset) if isinstance(assets, dict) else None
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            named = ", ".join(_shown(one) for one in sorted(assets)[:12]) if isinstance(assets, dict) else "-"
            raise InputError(finding("E-STAC-06", where, item=id, asset=request.asset, assets=named or "-"))
        there = self._place(asset["href"], place, where)
        own = next((str(link.get("href")) for link in _links(document) if link.get("rel") == "self"), "")
        own = urljoin(place.address, own) if own and place.file is None else own
        return Item(
            catalogue=self.name, collection=collection or request.collection, id=str(id), asset=request.asset,
            begins="" if begins is None else begins.strftime("%Y-%m-%dT%H:%M:%SZ"), href="" if there.file is not None else there.address,
            own=own if own.lower().startswith(_ADDRESS) else "", local=there.file,
        )  # fmt: skip


def _label_of(path: Path, base: Path, roots: tuple[Path, ...]) -> str:
    """A file as messages call it: its place in the folder of the configuration, else in one of the roots."""
    folder = next((one for one in (base, *roots) if path.is_relative_to(one)), path.parent)
    return path.relative_to(folder).as_posix()


def _links(document: Any) -> list[dict[str, Any]]:
    links = document.get("links") if isinstance(document, dict) else None
    return [one for one in links if isinstance(one, dict)] if isinstance(links, list) else []


def _with_query(address: str, asked: Mapping[str, Any]) -> str:
    """A search by GET: lists with commas, the query as JSON."""
    told = {
        key: json.dumps(value) if key == "query" else ",".join(str(one) for one in value) if isinstance(value, list) else str(value)
        for key, value in asked.items()
    }
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(told, quote_via=quote)}"


def _sound(name: Any) -> bool:
    """An id that can stand in a table, a message and a path: short, printable, no formula."""
    return (
        isinstance(name, str) and 0 < len(name) <= MOST_NAME and name.isprintable() and not set(name) & set("|\\") and name[0] not in "=+-@"
    )


def _shown(name: Any) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(name))[:60] or "-"


def _begins(properties: Mapping[str, Any], where: str, id: str) -> datetime | None:
    """When an item begins: its moment, else the start of its interval."""
    said = properties.get("datetime") or properties.get("start_datetime")
    if said is None:
        return None
    try:
        return moment(said)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(finding("E-STAC-07", where, item=id, reason=f"datetime {_shown(said)}")) from error


def _shape(document: Mapping[str, Any], where: str, id: str) -> Any:
    """Where an item lies, in degrees; None where it does not say."""
    geometry, box = document.get("geometry"), document.get("bbox")
    try:
        if geometry is not None:
            shape = shapely.make_valid(shapely.geometry.shape(geometry))
        elif box is not None:
            half = len(box) // 2
            shape = shapely.box(float(box[0]), float(box[1]), float(box[half]), float(box[half + 1]))
        else:
            return None
        if shape.is_empty or not all(abs(one) < 1e6 for one in shape.bounds):
            raise ValueError("bounds")
        return shape
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, shapely.errors.ShapelyError) as error:
        raise InputError(finding("E-STAC-07", where, item=id, reason="geometry")) from error
