"""Everything that a run reads of the network, brought into its cache once; what came before a stop is not asked for again."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from aoi.coverage import Coverage
from aoi.findings import Finding, InputError, errors, finding, stop_on_errors
from aoi.grids import Tile
from aoi.zones import Zones
from sinks.config import LAND_COVER, Config, read_config
from sinks.errors import Unfinished
from sinks.layers.annual import catalogued_years, dated_only
from sinks.layers.cloud.cache import Stored
from sinks.layers.cloud.local import Shelf, shelf_of
from sinks.layers.cloud.remote import Changed, Fetcher, Link, signing
from sinks.layers.cloud.request import Footprint, Request, requests_of
from sinks.layers.cloud.tiff import Integers, Layout, LayoutError
from sinks.layers.cloud.web import Web
from sinks.layers.inputs import Folders, Source, build_stack, find_sources, find_vectors, folders_of, run_grid, wanted_of, with_blocks
from sinks.layers.layer import Stack
from sinks.layers.windows import Progress
from sinks.provenance import locked
from sinks.setup import read_zone_sets

GB = 10**9
COPIES = 2
"""A block is on disk twice while the file of a set is put together."""
ROUNDS = 3
"""So many times everything is begun again because a file changed meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The blocks of one file that a run reads.

    Parameters
    ----------
    lacking : (n,) array
        Those that are not in the cache.
    """

    stored: Stored
    layout: Layout
    numbers: Integers
    lacking: Integers

    @property
    def bytes_lacking(self) -> int:
        """Bytes that are to come."""
        return int(self.layout.sizes[self.lacking].sum())

    @property
    def bytes_wanted(self) -> int:
        """Bytes of all blocks that are read."""
        return int(self.layout.sizes[self.numbers].sum())


@dataclass(kw_only=True)
class Fetched:
    """What a fetch found and did.

    Parameters
    ----------
    jobs : list of Job
        As they stood before anything came; none where everything was there.
    notes, findings : list of Finding
        Of the configuration; of what came.
    bytes_read : int
        Bodies that came over the network, plans and catalogues among them.
    """

    jobs: list[Job] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    bytes_read: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """What of a run decides which blocks it reads: zones, catalogues, folders."""

    config: Config
    folders: Folders
    shelf: Shelf
    zone_sets: tuple[Zones, ...]

    def parts(self) -> list[Config]:
        """Configurations of the layers that matter: those of catalogues with those that make the grid, years of annual layers, predictors of catalogues."""
        config = dated_only(self.config)
        grid = {LAND_COVER, *config.strata.values(), config.grid.like}
        layers = {name: one for name, one in config.layers.items() if one.stac is not None or name in grid}
        out = [config.model_copy(update={"layers": layers}), *catalogued_years(self.config)]
        predictors = {name: one for name, one in config.predictors.items() if one.stac is not None}
        if predictors:
            years = {*config.run.dates, *((config.plots.year,) if config.plots is not None else ())}
            dates = config.run.model_copy(update={"years": tuple(sorted(years)), "base_year": None})
            out.append(config.model_copy(update={"run": dates, "layers": predictors, "strata": {}}))
        return out


@dataclass(frozen=True, slots=True)
class Scene:
    """The layers of one part on the run's grid, and the run's tiles."""

    sources: Sequence[Source]
    stack: Stack
    tiles: tuple[Tile, ...]


def fetch(
    path: Path, roots: Sequence[str] = (), *, allow_network: bool, dry_run: bool = False, refresh: bool = False,
    watch: Callable[[Sequence[Job]], Progress | None] = lambda _: None,
) -> Fetched:  # fmt: skip
    """Bring what the run of a configuration reads of catalogues into its cache.

    Parameters
    ----------
    dry_run : bool
        Ask for catalogues and plans of files alone.
    refresh : bool
        Ask the catalogues again, and whether files changed, although everything is there.
    watch : callable
        Jobs -> progress over their blocks.

    Raises
    ------
    InputError
        With all findings: without ``allow_network`` what is missing; else what stands in the way.
    Unfinished
        A server does not answer any longer; what came is kept.
    """
    config, notes = read_config(path)
    done = Fetched(notes=list(notes))
    if not any(one.stac is not None for one in (*config.layers.values(), *config.predictors.values())):
        return done
    frame = _frame(config, path.resolve().parent, roots)
    lacking = [] if refresh and allow_network else errors(missing(frame))
    if not lacking and not (refresh and allow_network):
        return done
    if not allow_network or any(one.id not in MENDED for one in lacking):
        raise InputError(lacking)
    with locked(frame.shelf.cache.folder), Web(config.network) as web:
        try:
            _rounds(frame, web, done, dry_run, refresh, watch)
        finally:
            done.bytes_read = web.bytes_read
    return done


MENDED = frozenset({"E-STAC-01", "E-STAC-02", "E-NET-09"})
"""What a fetch mends."""


def _frame(config: Config, base: Path, roots: Sequence[str]) -> Frame:
    folders = folders_of(config, base, roots)
    (zone_sets, _), found = read_zone_sets(config, folders)
    stop_on_errors(found)
    return Frame(config, folders, shelf_of(config, Footprint(zone_sets[0]), folders.base, folders.roots), zone_sets)


def missing(frame: Frame) -> list[Finding]:
    """What of the network a run lacks, told without asking for it; and what keeps its grid from being known."""
    try:
        return [one for scene in scenes(frame) for one in with_blocks(scene.sources, scene.stack, scene.tiles)[2]]
    except InputError as error:
        return error.findings


def scenes(frame: Frame) -> list[Scene]:
    """The layers of every part, their headers known.

    Raises
    ------
    InputError
        Headers that are missing or no good; files that do not fit the grid.
    """
    parts = frame.parts()
    read = [find_sources(config, frame.folders, frame.shelf, polygons=True) for config in parts]
    vectors, wrong = find_vectors(parts[0], frame.folders)
    stop_on_errors([*(one for _, found in read for one in found), *wrong])
    grid = run_grid(parts[0], read[0][0], frame.folders, vectors)
    stacks = [build_stack(config, sources, grid, {}, {}) for config, (sources, _) in zip(parts, read, strict=True)]
    stop_on_errors(one for _, found in stacks for one in found)
    tiles = tuple(Coverage.of(frame.zone_sets, grid, frame.config.zones.rule).tiles())
    return [Scene(sources, stack, tiles) for (sources, _), (stack, _) in zip(read, stacks, strict=True)]


def _rounds(frame: Frame, web: Web, done: Fetched, dry_run: bool, refresh: bool, watch: Callable[[Sequence[Job]], Progress | None]) -> None:
    """Everything once, and once more where a file changed while it was read."""
    for _ in range(ROUNDS):
        work = _Round(frame, web, Fetcher(web, int(frame.config.network.most_gb * GB)), done, refresh)
        try:
            work.plans()
            jobs = work.jobs()
            done.jobs = jobs
            if not dry_run:
                work.check_room(jobs)
                work.blocks(jobs, watch(jobs))
            return
        except _AnotherRound as error:
            refresh = False
            last = error
    raise InputError(finding("E-NET-10", last.label, n=ROUNDS))


class _AnotherRound(Exception):
    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


@dataclass
class _Round:
    """One passage through catalogues, plans and blocks; problems are gathered, so that all are told at once."""

    frame: Frame
    web: Web
    fetcher: Fetcher
    done: Fetched
    refresh: bool
    links: dict[Path, Link] = field(default_factory=dict)

    def plans(self) -> None:
        """Ask the catalogues, and the files for their plans."""
        found: list[Finding] = []
        stopped = False
        for config in self.frame.parts():
            for request in requests_of(config):
                try:
                    found += self._plans_of(request)
                except Unfinished as error:
                    found, stopped = [*found, *error.findings], True
                except InputError as error:
                    found += error.findings
        _stop(found, stopped)

    def _plans_of(self, request: Request) -> list[Finding]:
        shelf = self.frame.shelf
        catalogue = shelf.catalogue(request, self.web)
        items = catalogue.items(request, shelf.footprint)
        found: list[Finding] = []
        stopped = False
        for item in items:
            stored = shelf.stored(item)
            if stored is None:
                continue
            link = Link(
                item,
                partial(catalogue.again, item, request, shelf.footprint),
                signing(self.web, self.frame.config.network.sign, item.label),
            )
            self.links.setdefault(stored.folder, link)
            try:
                self._plan(stored, link)
            except Unfinished as error:
                found, stopped = [*found, *error.findings], True
            except InputError as error:
                found += error.findings
        if stopped:
            raise Unfinished(found)
        if any(item.local is None for item in items):
            shelf.cache.keep_answer(request, shelf.footprint, items)
        return found

    def _plan(self, stored: Stored, link: Link) -> None:
        try:
            if self.refresh:
                self.fetcher.check_version(stored, link)
            _, notes = self.fetcher.plan(stored, link)
        except Changed:
            self._forget(stored)
            _, notes = self.fetcher.plan(stored, link)
        self.done.findings += notes

    def _forget(self, stored: Stored) -> None:
        """A file that became another one: what is here of it goes."""
        stored.forget()
        self.done.findings.append(finding("W-NET-14", stored.item.label))

    def jobs(self) -> list[Job]:
        """The blocks that are wanted of every file."""
        out: list[Job] = []
        for scene in scenes(self.frame):
            for stored, wanted in wanted_of(scene.sources, scene.stack, scene.tiles).values():
                try:
                    layout = stored.layout()
                except LayoutError as error:
                    self._forget(stored)
                    raise _AnotherRound(stored.item.label) from error
                numbers = layout.blocks(wanted)
                have = stored.have(layout)
                lacking = np.array([number for number in numbers.tolist() if number not in have], dtype=np.int64)
                out.append(Job(stored=stored, layout=layout, numbers=numbers, lacking=lacking))
        return out

    def check_room(self, jobs: Sequence[Job]) -> None:
        """More than the user allows, or than the disk holds, is not begun.

        Raises
        ------
        InputError
            ``E-NET-05``, ``E-NET-11``.
        """
        wanted = sum(job.bytes_lacking for job in jobs)
        if wanted > self.fetcher.most:
            raise InputError(finding("E-NET-05", "network.most_gb", bytes=wanted, most=self.fetcher.most))
        free = shutil.disk_usage(self.frame.shelf.cache.folder).free
        if COPIES * wanted > free:
            raise InputError(finding("E-NET-11", "network.cache", bytes=COPIES * wanted, free=free))

    def blocks(self, jobs: Sequence[Job], progress: Progress | None) -> None:
        """Bring the blocks; a file that cannot be brought does not keep others from coming."""
        found: list[Finding] = []
        stopped, changed = False, ""
        count = _Count(progress, sum(len(job.lacking) for job in jobs))
        for job in jobs:
            try:
                self.fetcher.blocks(job.stored, self.links[job.stored.folder], job.layout, job.numbers, count)
            except Changed:
                self._forget(job.stored)
                changed = job.stored.item.label
            except Unfinished as error:
                found, stopped = [*found, *error.findings], True
            except InputError as error:
                found += error.findings
        _stop(found, stopped)
        if changed:
            raise _AnotherRound(changed)


@dataclass
class _Count:
    """Progress over blocks."""

    progress: Progress | None
    total: int
    blocks: int = 0

    def __call__(self, blocks: int, size: int) -> None:
        self.blocks += blocks
        if self.progress is not None:
            self.progress(min(self.blocks, self.total), self.total)


def _stop(found: Sequence[Finding], stopped: bool) -> None:
    """Raise what was gathered, each finding once."""
    once = list({(one.id, one.where): one for one in found}.values())
    if once:
        raise (Unfinished if stopped else InputError)(once)
