"""The one way in which dask is used: a function over the tiles of a stack.

Tiles are canonical (512 x 512 cells from the origin of the grid). A window is a
whole number of tiles and only decides how much is read at once: neither its size
nor the number of workers changes what a function sees or the order of results.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aoi.coverage import Coverage, Segments, TileCoverage
from aoi.findings import Finding, InputError
from aoi.grids import TILE, Tile
from sinks.layers.cluster import run_on_cluster
from sinks.layers.layer import Extent, Layer, Scratch, Stack, Stored, read_member, read_stored, room_of, stored_from
from sinks.layers.polygons import Polygons, polygons_of

Key = tuple[str, int | None, int]
_WIDEST_BYTES = 1 << 29
"""Windows over files of whole rows are as wide as the grid, or as this many bytes of a thread allow."""
_MOST_FINDINGS = 50
_THREAD = threading.local()


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """What a function sees of one tile; it holds good only while the function runs.

    Parameters
    ----------
    stored : mapping
        (layer, year or None, member) -> the cells of its window as they stand in the file.
    bytes : (n,) uint8
        Where the cells of the window stand.
    row, col, width : int
        The tile's first row and column in its window; the width of the window.
    segments : Segments
        The zones as stretches of cells.
    area_ha : float64
        Areas of the cells, broadcasts to (height, width).
    polygons : Polygons, optional
        The survey polygons of the tile, where layers come from such; ``stored`` then
        holds what the polygon with the largest share gives to a cell.
    """

    tile: Tile
    stored: Mapping[Key, Stored]
    bytes: NDArray[np.uint8]
    row: int
    col: int
    width: int
    coverage: Coverage
    segments: Segments
    area_ha: NDArray[np.float64]
    polygons: Polygons | None = None

    @cached_property
    def arrays(self) -> Mapping[Key, NDArray[Any]]:
        """(layer, year or None, member) -> (height, width) codes (int32, -1 missing) or values (float64, NaN missing)."""
        rows, columns = slice(self.row, self.row + self.tile.height), slice(self.col, self.col + self.tile.width)
        return {key: one.decoded(rows, columns) for key, one in self.stored.items()}

    @cached_property
    def zones(self) -> TileCoverage:
        """The cells of the zones with the share of each cell inside."""
        return self.coverage.tile(self.tile)


def files_of(files: Iterable[Key], layer: str, year: int) -> list[Key]:
    """Of some files those of a layer at a date, or those that hold at every date."""
    found = [key for key in files if key[0] == layer and key[1] == year]
    return found or [key for key in files if key[0] == layer and key[1] is None]


class Strange(Exception):
    """A function met values that cannot be: its window must be looked at more closely."""


class Outputs(Protocol):
    """Where results of tiles go; called from one thread at a time."""

    def done(self, tile: Tile) -> bool:
        """Is the result of this tile kept already?"""

    def put(self, tile: Tile, result: Any) -> None:
        """Keep the result of a tile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How the tiles are worked on: threads here, processes here, or a running Dask cluster."""

    threads: int | None = None
    workers: int | None = None
    scheduler: str | None = None
    window_tiles: int = 1

    def thread_count(self) -> int:
        """Threads of this process."""
        return self.threads or os.cpu_count() or 1


Progress = Callable[[int, int], None]


def map_windows(
    stack: Stack,
    zones: Coverage,
    function: Callable[[Block], Any],
    outputs: Outputs,
    *,
    engine: Engine | None = None,
    only: frozenset[str] | None = None,
    salvage: bool = False,
    closely: bool = True,
    progress: Progress | None = None,
) -> None:
    """Apply a function to every tile that the zones touch and that is not done, and hand over the results.

    Parameters
    ----------
    function : callable
        Block -> result; pure and picklable.
    outputs : Outputs
        Receives each result once; what it keeps already is not computed again.
    only : frozenset of str, optional
        The layers to read; all by default.
    salvage : bool
        Hand over the tiles of a window in spite of its findings, for a check: what
        cannot be read is missing in them. A run keeps no such tile.
    closely : bool
        Look at every cell of a window for values that cannot be. Without it cells stay
        as they stand in their files, and the function raises `Strange` when it meets one.

    Raises
    ------
    InputError
        With the findings of all layers and tiles, the first of a kind for each file
        (and fifty at most), after the other tiles are kept.
    """
    engine = engine or Engine()
    windows = list(_windows(zones, outputs, engine.window_tiles, _width_of_windows(stack, engine.window_tiles, only)))
    total = sum(len(tiles) for tiles in windows)
    if total == 0:
        return
    task = _Task(stack=stack, zones=zones, function=function, only=only, salvage=salvage, closely=closely)
    keeper = _Keeper(outputs, total, progress)
    if engine.workers or engine.scheduler:
        run_on_cluster(task, windows, keeper, workers=engine.workers, scheduler=engine.scheduler)
    else:
        _run_threads(task, windows, keeper, engine.thread_count())
    if keeper.found:
        raise InputError(keeper.findings())


def _windows(zones: Coverage, outputs: Outputs, height: int, width: int) -> Iterator[list[Tile]]:
    """Groups of tiles that are read together: those of one window, touched by a zone and not done."""
    groups: dict[tuple[int, int], list[Tile]] = {}
    for tile in zones.tiles():
        if not outputs.done(tile):
            groups.setdefault((tile.row // height, tile.col // width), []).append(tile)
    yield from groups.values()


def _width_of_windows(stack: Stack, size: int, only: frozenset[str] | None) -> int:
    """Tiles across a window: as many as down, but a whole row of them where a file is kept as whole rows."""
    layers = [layer for layer in stack.layers if only is None or layer.name in only]
    members = [member for layer in layers for _, files in layer.dates for member in files]
    if not any(file.striped and file.offset is not None for member in members for file in member):
        return size
    affordable = _WIDEST_BYTES // (room_of(Extent(0, 0, size * TILE, TILE)) * (len(members) + _files_made(stack, only)))
    return max(size, min(stack.grid.tile_cols, affordable))


def _files_made(stack: Stack, only: frozenset[str] | None) -> int:
    """Files that are made of others; none where only some layers are read."""
    return sum(len(one.names) * len(one.dates) for one in stack.derived) if only is None else 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a window gives: its first tile, results of tiles, findings."""

    first: Tile
    results: list[tuple[Tile, Any]]
    findings: list[Finding]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """Reads one window and applies the function to its tiles."""

    stack: Stack
    zones: Coverage
    function: Callable[[Block], Any]
    only: frozenset[str] | None
    salvage: bool
    closely: bool

    @cached_property
    def segments(self) -> Segments:
        """The zones as stretches of cells."""
        return self.zones.segments()

    def __call__(self, tiles: list[Tile]) -> "_Answer":
        window = _bounding(tiles)
        try:
            try:
                return self._answer(tiles, window, self.closely)
            except Strange:
                return self._answer(tiles, window, closely=True)
        except InputError as error:
            return _Answer(tiles[0], [], error.findings)

    def _answer(self, tiles: list[Tile], window: Extent, closely: bool) -> "_Answer":
        scratch = _scratch()
        stored, found = self._read(window, scratch, closely)
        if found and not self.salvage:
            return _Answer(tiles[0], [], found)
        blocks = (self._with_polygons(self._block(tile, window, stored, scratch)) for tile in tiles)
        return _Answer(tiles[0], [(block.tile, self.function(block)) for block in blocks], found)

    def _read(self, window: Extent, scratch: Scratch, closely: bool) -> tuple[dict[Key, Stored], list[Finding]]:
        members = [
            (layer, (layer.name, date, number), member)
            for layer in self._layers
            for date, files in layer.dates
            for number, member in enumerate(files)
        ]
        scratch.clear((len(members) + _files_made(self.stack, self.only)) * room_of(window))
        stored: dict[Key, Stored] = {}
        found: list[Finding] = []
        for layer, key, member in members:
            plain = None if closely else read_stored(layer, member, window, scratch)
            if plain is None:
                cells, wrong = read_member(layer, member, self.stack.grid, window)
                plain = stored_from(cells, layer.kind, scratch)
                found += wrong
            stored[key] = plain
        return self._with_made(stored, scratch), found

    def _with_made(self, stored: dict[Key, Stored], scratch: Scratch) -> dict[Key, Stored]:
        """The cells with those of the layers that are made of them."""
        if self.only is not None or not self.stack.derived:
            return stored
        made = [one.made(stored, scratch) for one in self.stack.derived]
        used_up = frozenset(key for one in self.stack.derived for key in one.used_up)
        return {**{key: one for key, one in stored.items() if key not in used_up}, **{key: one for part in made for key, one in part.items()}}

    @cached_property
    def _layers(self) -> list[Layer]:
        """The layers to read."""
        return [layer for layer in self.stack.layers if self.only is None or layer.name in self.only]

    def _with_polygons(self, block: Block) -> Block:
        """The block with the layers that come from survey polygons, where there are such."""
        found = polygons_of(self.stack, self._layers, block.tile)
        if found is None:
            return block
        tile, more = block.tile, {}
        for key, cells in found.dominant(tile).items():
            window = np.empty((block.row + tile.height, block.width), dtype=cells.dtype)
            window[block.row :, block.col : block.col + tile.width] = cells
            more[key] = Stored(cells=window, offset=0, kind=self.stack.layer(key[0]).kind)
        return replace(block, stored={**block.stored, **more}, polygons=found)

    def _block(self, tile: Tile, window: Extent, stored: dict[Key, Stored], scratch: Scratch) -> Block:
        return Block(
            tile=tile, stored=stored, bytes=scratch.bytes, row=tile.row_off - window.row_off, col=tile.col_off - window.col_off,
            width=window.width, coverage=self.zones, segments=self.segments, area_ha=self.stack.grid.cell_areas_ha(tile),
        )  # fmt: skip


def _scratch() -> Scratch:
    """The bytes of this thread's windows."""
    if not hasattr(_THREAD, "scratch"):
        _THREAD.scratch = Scratch()
    found: Scratch = _THREAD.scratch
    return found


def _bounding(tiles: list[Tile]) -> Extent:
    top = min(tile.row_off for tile in tiles)
    left = min(tile.col_off for tile in tiles)
    bottom = max(tile.row_off + tile.height for tile in tiles)
    right = max(tile.col_off + tile.width for tile in tiles)
    return Extent(top, left, bottom - top, right - left)


class _Keeper:
    """Hands results over one at a time, counts them, and collects findings: of each file the first of a kind."""

    def __init__(self, outputs: Outputs, total: int, progress: Progress | None) -> None:
        self.found: dict[tuple[str, str], tuple[tuple[int, int], Finding]] = {}
        self._outputs = outputs
        self._total = total
        self._count = 0
        self._progress = progress
        self._lock = threading.Lock()

    def __call__(self, answer: _Answer) -> None:
        with self._lock:
            for tile, result in answer.results:
                self._outputs.put(tile, result)
                self._count += 1
            place = answer.first.row, answer.first.col
            for one in answer.findings:
                kind = one.id, one.where
                if kind not in self.found or place < self.found[kind][0]:
                    self.found[kind] = place, one
            if self._progress is not None:
                self._progress(self._count, self._total)

    def findings(self) -> list[Finding]:
        """The findings in the order of the windows, whichever came first."""
        return [one for _, one in sorted(self.found.values(), key=lambda kept: kept[0])]

    @property
    def full(self) -> bool:
        """So many findings that going on tells nothing new."""
        return len(self.found) >= _MOST_FINDINGS


def _run_threads(task: _Task, windows: list[list[Tile]], keeper: _Keeper, threads: int) -> None:
    """Windows on threads that end with the pass, and their handles with them; each result is kept as soon as it is there."""
    from dask.base import compute
    from dask.delayed import delayed
    from dask.threaded import get

    def work(number: int) -> None:
        if not keeper.full:
            keeper(task(windows[number]))

    with ThreadPoolExecutor(threads) as pool:
        try:
            compute(*(delayed(work)(number) for number in range(len(windows))), scheduler=get, pool=pool)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
