"""The one place that speaks to the network: named hosts only, no other way in or out.

What a catalogue says is hostile until checked: its links, redirects, sizes and bodies.
A request goes to a host of the user's list or not at all; a redirect stays on its
host; a body is as long as was said, or it is asked for again; a secret goes to its
own host, and into no file and no message.
"""

import http.client
import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from aoi.findings import Finding, InputError, finding
from sinks.config import NetworkSection
from sinks.errors import Unfinished

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further try; a server that asks for a longer wait gets it, up to the longest."""
LONGEST_WAIT = 60.0
TIMEOUT = 30.0
"""Seconds without a byte after which an answer is given up."""
SLOWEST = 20_000
"""Bytes a second below which a body is given up."""
MOST_JSON = 32 << 20
MOST_REDIRECTS = 5
_PIECE = 1 << 16
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_SUCH_PART = 416
_DENIED = frozenset({401, 403})
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_SCHEMES: Mapping[str, int] = {"http": 80, "https": 443}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Denied(Exception):
    """A link that the server does not take (any longer): 401 or 403."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class NoRanges(Exception):
    """The server sends whole files only."""


@dataclass(frozen=True, slots=True)
class Version:
    """What tells one content of a file from another.

    Parameters
    ----------
    length : int
        Bytes of the whole file.
    """

    length: int
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class _Body:
    """What is to be done with the body of an answer."""

    take: Callable[[http.client.HTTPResponse], Any]
    method: str = "GET"
    sent: bytes | None = None
    headers: Mapping[str, str] | None = None


class Web:
    """Requests to the hosts of a list; safe to use from several threads.

    Parameters
    ----------
    section : NetworkSection
        Hosts, and the names of environment variables that hold secrets.

    Raises
    ------
    InputError
        No hosts (``E-NET-01``); a variable that is not set (``E-NET-08``).
    """

    def __init__(self, section: NetworkSection) -> None:
        self._hosts = frozenset(section.hosts)
        found = [] if self._hosts else [finding("E-NET-01", "network.hosts", host="-", hosts="-")]
        self._tokens: dict[str, str] = {}
        self._authorization: dict[str, str] = {}
        self._names: dict[str, str] = {}
        for kept, named, key in ((self._tokens, section.tokens, "tokens"), (self._authorization, section.authorization, "authorization")):
            for host, name in named.items():
                value = os.environ.get(name, "").strip()
                self._names[host] = name
                kept[host] = value
                if not value or not value.isascii() or not value.isprintable():
                    found.append(finding("E-NET-08", f"network.{key}.{host}", name=name))
        if found:
            raise InputError(found)
        self._own = threading.local()
        self._open: list[http.client.HTTPConnection] = []
        self._gone: dict[str, Finding] = {}
        self.bytes_read = 0
        self._counting = threading.Lock()

    def __enter__(self) -> "Web":
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection, those of other threads too."""
        for connection in self._open:
            connection.close()

    def json(self, url: str, where: str, body: Any = None) -> Any:
        """The JSON document of an address; with a body it is posted.

        Raises
        ------
        InputError
            A host that is not listed, an answer that is no JSON or too long, a status that says no.
        Unfinished
            No answer.
        Denied
            The server wants another authorization.
        """
        sent = None if body is None else json.dumps(body).encode("utf-8")
        headers = {"Accept": "application/geo+json, application/json", **({"Content-Type": "application/json"} if sent else {})}
        text = self._ask(url, where, _Body(lambda answer: self._all_of(answer, where), "GET" if sent is None else "POST", sent, headers))
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(finding("E-NET-06", where, reason="JSON")) from error

    def part(self, url: str, where: str, start: int, stop: int) -> tuple[bytes, Version]:
        """The bytes of a file from ``start`` up to ``stop`` (fewer where it ends before), and its version.

        Raises
        ------
        InputError, Unfinished, Denied
            As `json`; another part than was asked for.
        NoRanges
            The server sends the whole file.
        """
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        answer: tuple[bytes, Version] = self._ask(url, where, _Body(lambda one: self._part_of(one, where, start, stop), headers=headers))
        return answer

    def whole(self, url: str, where: str, file: BinaryIO, most: int) -> Version:
        """Copy a whole file; one that is cut is begun again.

        Raises
        ------
        InputError, Unfinished, Denied
            As `json`; more than ``most`` bytes.
        """
        version: Version = self._ask(url, where, _Body(lambda answer: self._copied(answer, where, file, most)))
        return version

    def checked(self, url: str, where: str) -> str:
        """An address that may be asked, in plain ASCII.

        Raises
        ------
        InputError
            Another scheme, a name and password, signs that no address has (``E-STAC-08``); a host that is not listed (``E-NET-01``).
        """
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").lower()
            port = parts.port
        except ValueError as error:
            raise InputError(finding("E-STAC-08", where, href=without_secrets(url))) from error
        strange = any(not letter.isprintable() or letter in ' "<>\\^`{|}' for letter in url)
        if parts.scheme not in _SCHEMES or not host or not host.isascii() or "@" in parts.netloc or strange or "/vsi" in parts.path.lower():
            raise InputError(finding("E-STAC-08", where, href=without_secrets(url)))
        name = f"[{host}]" if ":" in host else host
        address = name if port in (None, _SCHEMES[parts.scheme]) else f"{name}:{port}"
        if address not in self._hosts and f"{name}:{port or _SCHEMES[parts.scheme]}" not in self._hosts:
            raise InputError(finding("E-NET-01", where, host=address, hosts=", ".join(sorted(self._hosts))))
        if parts.scheme == "http" and host not in _LOCAL and address in {*self._tokens, *self._authorization}:
            raise InputError(finding("E-NET-12", where, host=address))
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        return urlunsplit((parts.scheme, address, path, quote(parts.query, safe="/?%:@!$&'()*+,;=~-._[]"), ""))

    def denied(self, url: str, where: str, status: int) -> InputError:
        """The finding of a link that the server does not take; it names the variable of the secret, if there is one."""
        host = urlsplit(url).netloc
        return InputError(finding("E-NET-07", where, status=status, host=host, name=self._names.get(host, "-")))

    def _ask(self, url: str, where: str, body: _Body) -> Any:
        """The outcome of a request: redirects followed on the same host, passing troubles waited out."""
        target = self.checked(url, where)
        first = host = urlsplit(target).netloc
        redirects = 0
        reason = ""
        for wait in (*WAITS, None):
            if host in self._gone:
                raise Unfinished(self._gone[host])
            try:
                while True:
                    answer = self._sent(target, body)
                    if answer.status not in _REDIRECTS:
                        break
                    target = self._redirected(target, answer, where, first)
                    redirects += 1
                    if redirects > MOST_REDIRECTS:
                        raise InputError(finding("E-NET-02", where, host=first, target=urlsplit(target).netloc))
                if answer.status in (200, 206):
                    return body.take(answer)
                pause = self._refused(answer, where, first)
                self._drop(target)
                reason = f"HTTP {answer.status}"
            except (InputError, Denied, NoRanges):
                self._drop(target)
                raise
            except ssl.SSLCertVerificationError as error:
                self._drop(target)
                raise InputError(finding("E-NET-03", where, status=error.verify_message, host=first)) from error
            except (OSError, http.client.HTTPException) as error:
                self._drop(target)
                reason, pause = _reason(error), 0.0
            if wait is not None:
                time.sleep(min(max(wait, pause), LONGEST_WAIT))
        self._gone[first] = finding("E-NET-04", where, host=first, reason=reason, n=len(WAITS) + 1)
        raise Unfinished(self._gone[first])

    def _sent(self, target: str, body: _Body) -> http.client.HTTPResponse:
        """The answer to one request, its body not read yet."""
        parts = urlsplit(target)
        query = "&".join(one for one in (parts.query, self._tokens.get(parts.netloc, "").lstrip("?&")) if one)
        headers = {"User-Agent": "nmg-ecosystem-sinks", "Accept-Encoding": "identity", **(body.headers or {})}
        if parts.netloc in self._authorization:
            headers["Authorization"] = self._authorization[parts.netloc]
        connection = self._connection(parts.scheme, parts.netloc)
        connection.request(body.method, parts.path + (f"?{query}" if query else ""), body=body.sent, headers=headers)
        return connection.getresponse()

    def _redirected(self, target: str, answer: http.client.HTTPResponse, where: str, first: str) -> str:
        """Where a redirect leads: another place of the same host."""
        self._drop(target)
        to = urljoin(target, answer.headers.get("Location") or "")
        parts, now = urlsplit(to), urlsplit(target)
        if parts.netloc.lower() != first or parts.scheme not in (now.scheme, "https"):
            raise InputError(finding("E-NET-02", where, host=first, target=without_secrets(to)))
        return self.checked(to, where)

    def _refused(self, answer: http.client.HTTPResponse, where: str, host: str) -> float:
        """Seconds that a server in passing trouble asks to wait; any other status is final."""
        if answer.status in _DENIED:
            raise Denied(answer.status)
        if answer.status == _NO_SUCH_PART:
            raise NoRanges
        if answer.status not in _PASSING:
            raise InputError(finding("E-NET-03", where, status=f"HTTP {answer.status}", host=host))
        asked = answer.headers.get("Retry-After") or ""
        return float(asked) if asked.isdigit() else 0.0

    def _all_of(self, answer: http.client.HTTPResponse, where: str) -> bytes:
        """A body of JSON."""
        said = _length(answer)
        if said is not None and said > MOST_JSON:
            raise InputError(finding("E-NET-05", where, bytes=said, most=MOST_JSON))
        pieces = []
        size = 0
        for piece in self._pieces(answer, said if said is not None else MOST_JSON):
            size += len(piece)
            if size > MOST_JSON:
                raise InputError(finding("E-NET-05", where, bytes=f"> {MOST_JSON}", most=MOST_JSON))
            pieces.append(piece)
        _check_whole(answer, size, where)
        return b"".join(pieces)

    def _part_of(self, answer: http.client.HTTPResponse, where: str, start: int, stop: int) -> tuple[bytes, Version]:
        """A part of a file that is the part asked for."""
        if answer.status == 200:
            raise NoRanges
        told = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range") or "")
        if told is None or _encoded(answer):
            raise InputError(finding("E-NET-06", where, reason=f"Content-Range {(answer.headers.get('Content-Range') or '-')[:60]}"))
        first, last, length = (int(one) for one in told.groups())
        if first != start or last + 1 != min(stop, length):
            raise InputError(finding("E-NET-06", where, reason=f"{start}-{stop - 1}: {first}-{last}/{length}"))
        body = b"".join(self._pieces(answer, last + 1 - first))
        if len(body) != last + 1 - first:
            raise http.client.IncompleteRead(body, last + 1 - first - len(body))
        return body, _version(answer, length)

    def _copied(self, answer: http.client.HTTPResponse, where: str, file: BinaryIO, most: int) -> Version:
        """A whole body, written from the beginning of a file."""
        said = _length(answer)
        if _encoded(answer):
            raise InputError(finding("E-NET-06", where, reason=f"Content-Encoding {answer.headers.get('Content-Encoding')}"))
        if said is not None and said > most:
            raise InputError(finding("E-NET-05", where, bytes=said, most=most))
        file.seek(0)
        file.truncate()
        size = 0
        for piece in self._pieces(answer, said if said is not None else most):
            size += len(piece)
            if size > most:
                raise InputError(finding("E-NET-05", where, bytes=f"> {most}", most=most))
            file.write(piece)
        _check_whole(answer, size, where)
        return _version(answer, size)

    def _pieces(self, answer: http.client.HTTPResponse, expected: int) -> Iterator[bytes]:
        """The body in pieces, at no less than the slowest speed that is borne."""
        latest = time.monotonic() + TIMEOUT + expected / SLOWEST
        while piece := answer.read1(_PIECE):
            with self._counting:
                self.bytes_read += len(piece)
            yield piece
            if time.monotonic() > latest:
                raise TimeoutError(f"< {SLOWEST} B/s")
        answer.read()  # nothing is left: this ends the answer, and its connection can be used again

    def _connection(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        """The connection of this thread to a host; proxies of the environment are not used."""
        kept: dict[tuple[str, str], http.client.HTTPConnection] = self._own.__dict__.setdefault("open", {})
        if (scheme, netloc) not in kept:
            if scheme == "https":
                kept[scheme, netloc] = http.client.HTTPSConnection(netloc, timeout=TIMEOUT, context=ssl.create_default_context())
            else:
                kept[scheme, netloc] = http.client.HTTPConnection(netloc, timeout=TIMEOUT)
            self._open.append(kept[scheme, netloc])
        return kept[scheme, netloc]

    def _drop(self, target: str) -> None:
        """Close the connection of this thread to a host: nobody knows what stands in it."""
        parts = urlsplit(target)
        connection = self._own.__dict__.setdefault("open", {}).pop((parts.scheme, parts.netloc), None)
        if connection is not None:
            connection.close()


def without_secrets(url: str) -> str:
    """An address for people and records: no name, password, query or fragment, for they may hold secrets."""
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, netloc, parts.path, "", ""))[:300]
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2][:300]


def _length(answer: http.client.HTTPResponse) -> int | None:
    """The length that an answer says."""
    said = answer.headers.get("Content-Length") or ""
    return int(said) if said.isascii() and said.isdigit() else None


def _check_whole(answer: http.client.HTTPResponse, size: int, where: str) -> None:
    """A body that ends where the connection ends may have been cut: its end must have been said."""
    said = _length(answer)
    if said is None and not answer.chunked:
        raise InputError(finding("E-NET-06", where, reason="Content-Length -"))
    if said is not None and size != said:
        raise http.client.IncompleteRead(b"", said - size)


def _encoded(answer: http.client.HTTPResponse) -> bool:
    return (answer.headers.get("Content-Encoding") or "identity").lower() != "identity"


def _version(answer: http.client.HTTPResponse, length: int) -> Version:
    return Version(length, (answer.headers.get("ETag") or "")[:200], (answer.headers.get("Last-Modified") or "")[:60])


def _reason(error: Exception) -> str:
    """What went wrong, in the words of the system; no address stands in them."""
    if isinstance(error, http.client.IncompleteRead):
        return "incomplete body"
    if isinstance(error, socket.gaierror):
        return "no such host name"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
