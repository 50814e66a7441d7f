"""Files of a catalogue over http: their plan first, then the blocks that are wanted, neighbours in one request."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import quote, urlsplit

import numpy as np

from aoi.findings import Finding, InputError, finding
from sinks.layers.cloud.cache import Kept, Stored, part_record, set_key
from sinks.layers.cloud.catalogue import Item
from sinks.layers.cloud.tiff import Integers, Layout, LayoutError, Read, read_layout
from sinks.layers.cloud.web import Denied, NoRanges, Version, Web

FIRST = 1 << 16
"""Bytes that are read first: the plan of most files stands in them."""
GAP = 1 << 15
"""Blocks that lie this near are fetched together, with what is between them."""
MOST_AT_ONCE = 4 << 20
THREADS = 4
MOST_RENEWALS = 3
"""So many times a link may expire while nothing came."""


class Changed(Exception):
    """A file that is another one than its plan was made from."""


@dataclass
class Link:
    """Where a file is now: the catalogue is asked again when the link expires.

    Parameters
    ----------
    again : callable
        The item as the catalogue tells it now.
    signed : callable
        A link as the host of files wants it.
    """

    item: Item
    again: Callable[[], Item]
    signed: Callable[[str], str] = lambda href: href
    _href: str = ""
    _lock: Lock = field(default_factory=Lock)

    def href(self) -> str:
        """The link to ask."""
        with self._lock:
            if not self._href:
                self._href = self.signed(self.item.href)
            return self._href

    def renew(self, used: str) -> None:
        """Ask the catalogue for the link again, unless another thread has."""
        with self._lock:
            if self._href == used:
                self.item = self.again()
                self._href = self.signed(self.item.href)


def signing(web: Web, services: dict[str, str], where: str) -> Callable[[str], str]:
    """How links of hosts with a signing service are signed: the service answers JSON with ``href``."""

    def signed(href: str) -> str:
        service = services.get(urlsplit(web.checked(href, where)).netloc)
        if service is None:
            return href
        try:
            answer = web.json(service + quote(href, safe=""), where)
        except Denied as error:
            raise web.denied(service, where, error.status) from error
        if not isinstance(answer, dict) or not isinstance(answer.get("href"), str):
            raise InputError(finding("E-NET-06", where, reason="href"))
        return str(answer["href"])

    return signed


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Brings files of a catalogue into the cache.

    Parameters
    ----------
    most : int
        The most bytes of a whole file.
    """

    web: Web
    most: int

    def plan(self, stored: Stored, link: Link) -> tuple[Kept, list[Finding]]:
        """The plan of a file, from the cache or its server; a server that sends whole files only is noted.

        Raises
        ------
        InputError
            No GeoTIFF (``E-STAC-10``); what the server says no to.
        Unfinished
            No answer.
        Changed
            The file became another one while its plan was read.
        """
        kept = stored.kept()
        if kept is not None and stored.sound():
            return kept, []
        stored.forget()
        label = stored.item.label
        for _ in range(MOST_RENEWALS):
            used = link.href()
            try:
                return self._planned(stored, used, label)
            except Denied as error:
                denied = error
                link.renew(used)
        raise self.web.denied(link.href(), label, denied.status)

    def check_version(self, stored: Stored, link: Link) -> None:
        """Ask whether a file is still the one whose plan is kept; raises `Changed`."""
        kept = stored.kept()
        if kept is not None and kept.ranges:
            self._part(link, stored.item.label, 0, 1, kept.version)
        elif kept is not None:
            raise Changed

    def _planned(self, stored: Stored, href: str, label: str) -> tuple[Kept, list[Finding]]:
        try:
            try:
                head, version = self.web.part(href, label, 0, FIRST)
            except NoRanges:
                version = self._whole(stored, href, label)
                return stored.keep_plan(_layout_of(stored), href, version, ranges=False), [finding("N-NET-13", label, bytes=version.length)]
            layout = read_layout(self._reader(href, label, head, version), version.length)
            return stored.keep_plan(layout, href, version, ranges=True), []
        except LayoutError as error:
            stored.forget()
            raise InputError(finding("E-STAC-10", label, reason=str(error))) from error

    def _whole(self, stored: Stored, href: str, label: str) -> Version:
        """Copy a whole file."""
        stored.folder.mkdir(parents=True, exist_ok=True)
        begun = stored.whole.with_name(f".whole.{os.getpid()}.new")
        try:
            with begun.open("w+b") as file:
                version = self.web.whole(href, label, file, self.most)
                file.flush()
                os.fsync(file.fileno())
            os.replace(begun, stored.whole)
        finally:
            begun.unlink(missing_ok=True)
        return version

    def _reader(self, href: str, label: str, head: bytes, version: Version) -> Read:
        """Bytes of a file of one version, the first ones from memory."""

        def read(place: int, size: int) -> bytes:
            if place + size <= len(head):
                return head[place : place + size]
            more, now = self.web.part(href, label, place, place + max(size, min(FIRST, version.length - place)))
            if now != version:
                raise Changed
            return more[:size]

        return read

    def blocks(self, stored: Stored, link: Link, layout: Layout, numbers: Integers, came: Callable[[int, int], None]) -> None:
        """Bring the blocks of a set and put their file together.

        Parameters
        ----------
        came : callable
            Is told the number of blocks and of bytes that came.

        Raises
        ------
        Changed
            The file is another one than the plan.
        InputError, Unfinished
            What the server says no to; no answer. Blocks that came stay.
        """
        key = set_key(numbers)
        kept = stored.kept()
        if kept is None:
            raise Changed
        have = stored.have(layout)
        lacking = np.array([number for number in numbers.tolist() if number not in have], dtype=np.int64)
        if len(lacking) and not kept.ranges:
            self._from_whole(stored, link, kept, layout, lacking, came)
        elif len(lacking):
            self._parts(stored, link, kept, layout, lacking, came)
        stored.finish(key, layout, numbers, stored.have(layout))

    def _from_whole(
        self, stored: Stored, link: Link, kept: Kept, layout: Layout, lacking: Integers, came: Callable[[int, int], None]
    ) -> None:
        """Blocks out of the whole file, which is copied again where it is gone."""
        if not stored.whole.exists():
            with _renewing(self.web, link, stored.item.label):
                version = self._whole(stored, link.href(), stored.item.label)
            if version != kept.version:
                raise Changed
        with stored.part.open("ab") as part, stored.whole.open("rb") as whole:
            for number in lacking.tolist():
                whole.seek(int(layout.offsets[number]))
                block = whole.read(int(layout.sizes[number]))
                part.write(part_record(number, block))
                came(1, len(block))

    def _parts(self, stored: Stored, link: Link, kept: Kept, layout: Layout, lacking: Integers, came: Callable[[int, int], None]) -> None:
        """Blocks by requests for parts, several at once; each block is on disk before the next request of its thread."""
        writing = Lock()
        runs = list(_runs(layout, lacking))
        stop = False
        with stored.part.open("ab") as part, ThreadPoolExecutor(THREADS) as threads:

            def one(run: Integers) -> None:
                if stop:
                    return
                first, last = int(layout.offsets[run[0]]), int((layout.offsets[run] + layout.sizes[run]).max())
                body = self._part(link, stored.item.label, first, last, kept.version)
                for number in run.tolist():
                    begin = int(layout.offsets[number]) - first
                    block = body[begin : begin + int(layout.sizes[number])]
                    with writing:
                        part.write(part_record(number, block))
                        part.flush()
                        came(1, len(block))

            jobs = [threads.submit(one, run) for run in runs]
            try:
                done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            finally:
                stop = True
            for job in (*done, *jobs):
                job.result()

    def _part(self, link: Link, label: str, first: int, last: int, version: Version) -> bytes:
        denied: Denied | None = None
        for _ in range(MOST_RENEWALS):
            used = link.href()
            try:
                body, now = self.web.part(used, label, first, last)
            except Denied as error:
                denied = error
                link.renew(used)
                continue
            except NoRanges as error:
                raise Changed from error
            if now != version:
                raise Changed
            return body
        raise self.web.denied(link.href(), label, denied.status if denied else 0)


@contextmanager
def _renewing(web: Web, link: Link, label: str) -> Iterator[None]:
    """A refused link is told as what it is."""
    try:
        yield
    except Denied as error:
        raise web.denied(link.href(), label, error.status) from error


def _layout_of(stored: Stored) -> Layout:
    """The plan of a whole file that was copied."""
    with stored.whole.open("rb") as file:

        def read(place: int, size: int) -> bytes:
            file.seek(place)
            return file.read(size)

        return read_layout(read, stored.whole.stat().st_size)


def _runs(layout: Layout, numbers: Integers) -> Iterator[Integers]:
    """Blocks in the order in which they stand, cut where the gap or the sum is too large."""
    order = numbers[np.argsort(layout.offsets[numbers], kind="stable")]
    begin = 0
    for place in range(1, len(order) + 1):
        if place < len(order):
            before = int(layout.offsets[order[place - 1]] + layout.sizes[order[place - 1]])
            gap = int(layout.offsets[order[place]]) - before
            reach = int(layout.offsets[order[place]] + layout.sizes[order[place]]) - int(layout.offsets[order[begin]])
            if 0 <= gap <= GAP and reach <= MOST_AT_ONCE:
                continue
        yield order[begin:place]
        begin = place
