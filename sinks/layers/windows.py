"""The one place where dask is used: a function over the tiles of a stack.

Tiles are canonical (512 x 512 cells from the origin of the grid). A window is a
whole number of tiles and only decides how much is read at once: neither its size
nor the number of workers changes what a function sees or the order of results.
"""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from aoi.coverage import Coverage, TileCoverage
from aoi.findings import Finding, InputError
from aoi.grids import Grid, Tile
from sinks.layers.layer import Extent, Stack, read_member
from sinks.layers.raster import close_datasets

Result = TypeVar("Result")
_MOST_FINDINGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What a function sees of one tile.

    ``arrays`` maps (layer, year or None, member) to (height, width) cells;
    ``zones`` are the cells of the zones with the share of each cell inside;
    ``area_ha`` broadcasts to (height, width).
    """

    tile: Tile
    arrays: dict[tuple[str, int | None, int], NDArray[Any]]
    zones: TileCoverage
    area_ha: NDArray[np.float64]


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

    Raises
    ------
    InputError
        With the findings of all tiles (the first fifty), after the other tiles are kept.
    """
    engine = engine or Engine()
    windows = list(_windows(stack.grid, zones, outputs, engine.window_tiles))
    total = sum(len(tiles) for tiles in windows)
    if total == 0:
        return
    task = _Task(stack=stack, zones=zones, function=function, only=only)
    keeper = _Keeper(outputs, total, progress)
    if engine.workers or engine.scheduler:
        _run_distributed(task, windows, keeper, engine)
    else:
        _run_threads(task, windows, keeper, engine.thread_count())
    if keeper.findings:
        raise InputError(keeper.findings)


def _windows(grid: Grid, zones: Coverage, outputs: Outputs, size: int) -> Iterator[list[Tile]]:
    """Groups of tiles that are read together: those of one window, touched by a zone and not done."""
    groups: dict[tuple[int, int], list[Tile]] = {}
    for tile in grid.tiles():
        if zones.touches(tile) and not outputs.done(tile):
            groups.setdefault((tile.row // size, tile.col // size), []).append(tile)
    yield from groups.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """Reads one window and applies the function to its tiles."""

    stack: Stack
    zones: Coverage
    function: Callable[[Block], Any]
    only: frozenset[str] | None

    def __call__(self, tiles: list[Tile]) -> tuple[list[tuple[Tile, Any]], list[Finding]]:
        try:
            window = _bounding(tiles)
            arrays = self._read(window)
            return [(tile, self.function(self._block(tile, window, arrays))) for tile in tiles], []
        except InputError as error:
            return [], error.findings

    def _read(self, window: Extent) -> dict[tuple[str, int | None, int], NDArray[Any]]:
        arrays: dict[tuple[str, int | None, int], NDArray[Any]] = {}
        for layer in self.stack.layers:
            if self.only is not None and layer.name not in self.only:
                continue
            for date, members in layer.dates:
                for number, member in enumerate(members):
                    arrays[layer.name, date, number] = read_member(layer, member, self.stack.grid, window)
        return arrays

    def _block(self, tile: Tile, window: Extent, arrays: dict[tuple[str, int | None, int], NDArray[Any]]) -> Block:
        rows = slice(tile.row_off - window.row_off, tile.row_off - window.row_off + tile.height)
        columns = slice(tile.col_off - window.col_off, tile.col_off - window.col_off + tile.width)
        return Block(
            tile=tile,
            arrays={key: array[rows, columns] for key, array in arrays.items()},
            zones=self.zones.tile(tile),
            area_ha=self.stack.grid.cell_areas_ha(tile),
        )


def _bounding(tiles: list[Tile]) -> Extent:
    top = min(tile.row_off for tile in tiles)
    left = min(tile.col_off for tile in tiles)
    bottom = max(tile.row_off + tile.height for tile in tiles)
    right = max(tile.col_off + tile.width for tile in tiles)
    return Extent(top, left, bottom - top, right - left)


class _Keeper:
    """Hands results over one at a time, counts them, and collects findings."""

    def __init__(self, outputs: Outputs, total: int, progress: Progress | None) -> None:
        self.findings: list[Finding] = []
        self._outputs = outputs
        self._total = total
        self._count = 0
        self._progress = progress
        self._lock = threading.Lock()

    def __call__(self, answer: tuple[list[tuple[Tile, Any]], list[Finding]]) -> None:
        results, findings = answer
        with self._lock:
            for tile, result in results:
                self._outputs.put(tile, result)
                self._count += 1
            self.findings += findings[: max(0, _MOST_FINDINGS - len(self.findings))]
            if self._progress is not None:
                self._progress(self._count, self._total)

    @property
    def full(self) -> bool:
        """So many findings that going on tells nothing new."""
        return len(self.findings) >= _MOST_FINDINGS


def _run_threads(task: _Task, windows: list[list[Tile]], keeper: _Keeper, threads: int) -> None:
    """Windows on the threads of this process; each result is kept as soon as it is there."""
    import dask

    def work(number: int) -> None:
        if not keeper.full:
            keeper(task(windows[number]))

    try:
        dask.compute(*(dask.delayed(work)(number) for number in range(len(windows))), scheduler="threads", num_workers=threads)
    finally:
        close_datasets()


def _run_distributed(task: _Task, windows: list[list[Tile]], keeper: _Keeper, engine: Engine) -> None:
    """Windows as tasks of a cluster; results come back here, so that one process alone writes."""
    from distributed import Client, LocalCluster, as_completed

    if engine.scheduler:
        client = Client(engine.scheduler)
        cluster = None
    else:
        cluster = LocalCluster(
            n_workers=engine.workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        )  # fmt: skip
        client = Client(cluster)
    try:
        shared = client.scatter(task, broadcast=True)
        waiting = iter(windows)
        many = 2 * max(1, sum(client.nthreads().values()))
        first = [client.submit(_call, shared, tiles, pure=False) for tiles in islice(waiting, many)]
        queue = as_completed(first)
        for future in queue:
            keeper(future.result())
            future.release()
            following = None if keeper.full else next(waiting, None)
            if following is not None:
                queue.add(client.submit(_call, shared, following, pure=False))
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _call(task: _Task, tiles: list[Tile]) -> tuple[list[tuple[Tile, Any]], list[Finding]]:
    return task(tiles)
