"""Windows on a cluster: handed out by the task, kept as they come, handed out again when a worker dies.

The set-up of a pass is scattered to the workers once; tasks are small. What one
worker leaves undone another does; when all workers that hold the set-up are gone at
once, it is scattered anew to those that came since.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from aoi.findings import InputError, finding
from aoi.grids import Tile
from sinks.errors import Unfinished
from sinks.program import program

Batch = list[list[Tile]]
"""Windows of one task of a cluster."""
WAIT_SECONDS = 30.0
"""A cluster without a worker is waited for so long."""
_POLL_SECONDS = 5.0
_GONE_SECONDS = 30.0
_TASKS_A_THREAD = 4
_MOST_IN_A_TASK = 8
_FRUITLESS_ROUNDS = 3
_SILENT = 50
"""The level of logs at which workers tell nothing of their own; findings tell it."""


class Keeper(Protocol):
    """Keeps the answers of windows, and knows when going on tells nothing new."""

    def __call__(self, answer: Any) -> None:
        """Keep the answer of a window."""

    @property
    def full(self) -> bool:
        """Is nothing more wanted?"""


Task = Callable[[list[Tile]], Any]
"""The tiles of a window -> its answer."""


def run_on_cluster(task: Task, windows: Sequence[list[Tile]], keeper: Keeper, *, workers: int | None, scheduler: str | None) -> None:
    """Windows as tasks of a cluster; results come back here, so that one process alone writes.

    Parameters
    ----------
    workers : int, optional
        Processes of this machine, which end with the pass.
    scheduler : str, optional
        The address of a cluster that runs.

    Raises
    ------
    Unfinished
        No worker comes, workers die again and again, or the scheduler is gone; what is kept stays.
    InputError
        No scheduler at the address; a worker without this program or with another version.
    """
    with _client_of(workers, scheduler) as client:
        _Dispatch(client, task, keeper).run(_batches(windows, _thread_count(client)))


def _batches(windows: Sequence[list[Tile]], threads: int) -> list[Batch]:
    """Windows by the task: so many that each thread has some tasks, and few enough that a task that dies costs little."""
    size = max(1, min(_MOST_IN_A_TASK, len(windows) // (_TASKS_A_THREAD * threads)))
    return [list(windows[first : first + size]) for first in range(0, len(windows), size)]


class _Dispatch:
    """Hands batches to workers and keeps what comes back; a window whose worker dies is handed out again, and kept once."""

    def __init__(self, client: Any, task: Task, keeper: Keeper) -> None:
        self._client, self._task, self._keeper = client, task, keeper
        self._back: SimpleQueue[Any] = SimpleQueue()
        self._deadly: list[Batch] = []

    def run(self, batches: list[Batch]) -> None:
        """All batches, with the set-up scattered anew whenever all workers that held it are gone.

        Raises
        ------
        Unfinished
            A window lets every worker die, the cluster loses the set-up again and
            again without any window being done between, or it is gone; what is kept stays.
        """
        left, fruitless = batches, 0
        while left and not self._keeper.full:
            before = len(left)
            left, done = self._round(left)
            fruitless = 0 if done else fruitless + 1
            if left and fruitless >= _FRUITLESS_ROUNDS:
                raise Unfinished(finding("E-RUN-10", _places(left), reason=f"{before} / {fruitless}"))
        if self._deadly and not self._keeper.full:
            raise Unfinished(finding("E-RUN-10", _places(self._deadly), reason="KilledWorker"))

    def _round(self, batches: list[Batch]) -> tuple[list[Batch], int]:
        """Batches until none is left or the set-up is lost; returns those that are left, the suspects last, and how many windows are done.

        A worker that dies takes the tasks with it that were waiting there, so a task that
        was lost with its workers is no culprit yet: its windows are done one at a time,
        with nothing beside them, when the others are done.
        """
        threads = _thread_count(self._client)
        _check_workers(self._client)
        shared = self._scattered()
        waiting, done = deque(batches), 0
        flying: dict[str, Batch] = {}
        suspects: list[Batch] = []
        apart: deque[Batch] = deque()
        while True:
            while waiting and not suspects and not self._keeper.full and len(flying) < 2 * threads:
                self._send(shared, waiting.popleft(), flying)
            alone = not flying and bool(apart) and not suspects and not self._keeper.full
            if alone:
                self._send(shared, apart.popleft(), flying)
            if not flying:
                return [*waiting, *apart, *suspects], done
            future = self._next(flying)
            batch = flying.pop(future.key)
            try:
                done += self._kept(future)
            except _Died:
                if alone:
                    self._deadly.append(batch)
                else:
                    apart.extend([one] for one in batch)
            except _Lost:
                suspects += [[one] for one in batch]

    def _send(self, shared: Any, batch: Batch, flying: dict[str, Batch]) -> None:
        future = self._client.submit(_call, shared, program(), batch, pure=False)
        flying[future.key] = batch
        future.add_done_callback(self._back.put)

    def _scattered(self) -> Any:
        """The set-up on every worker."""
        try:
            return self._client.scatter(self._task, broadcast=True)
        except _cluster_errors() as error:
            raise Unfinished(finding("E-RUN-10", "dask", reason=type(error).__name__)) from error

    def _next(self, flying: dict[str, Batch]) -> Any:
        """A task that is over; the cluster is asked after its workers while there is none."""
        while True:
            try:
                future = self._back.get(timeout=_POLL_SECONDS)
            except Empty:
                _thread_count(self._client)
                continue
            if future.key in flying:
                return future

    def _kept(self, future: Any) -> int:
        """Keep the answers of a task; returns how many there are."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            answers: list[Any] = future.result(timeout=_GONE_SECONDS)
        except KilledWorker as error:
            raise _Died from error
        except CancelledError as error:
            raise _Lost from error
        except (CommClosedError, TimeoutError) as error:
            raise Unfinished(finding("E-RUN-10", "dask", reason=type(error).__name__)) from error
        finally:
            future.release()
        for answer in answers:
            self._keeper(answer)
        return len(answers)


class _Died(Exception):
    """Every worker that took a task up died."""


class _Lost(Exception):
    """A task that can no longer be done because the set-up is on no worker any more."""


def _cluster_errors() -> tuple[type[BaseException], ...]:
    """What distributed raises when scheduler or workers are gone."""
    from distributed.comm.core import CommClosedError

    return CommClosedError, TimeoutError, OSError, RuntimeError, ValueError, AttributeError


def _places(batches: list[Batch]) -> str:
    """The first tile of the first batch, for a message."""
    tile = batches[0][0][0]
    return f"tile {tile.row}, {tile.col}"


def _thread_count(client: Any) -> int:
    """Threads of the workers of a cluster; waits a while for the first one.

    Raises
    ------
    Unfinished
        The scheduler is gone, or no worker has come after a while.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            count = sum(client.sync(client.scheduler.ncores, callback_timeout=_GONE_SECONDS).values())
        except _cluster_errors() as error:
            raise Unfinished(finding("E-RUN-10", "dask", reason=type(error).__name__)) from error
        if count:
            return int(count)
        if time.monotonic() > deadline:
            raise Unfinished(finding("E-RUN-11", "dask", seconds=f"{WAIT_SECONDS:g}"))
        time.sleep(_POLL_SECONDS / 10)


def _check_workers(client: Any) -> None:
    """Workers that run this program, in the same version.

    Raises
    ------
    InputError
        A worker without it, or with another one.
    """
    try:
        told = client.run(program, on_error="return")
    except _cluster_errors() as error:
        raise Unfinished(finding("E-RUN-10", "dask", reason=type(error).__name__)) from error
    for address, answer in sorted(told.items()):
        if isinstance(answer, OSError):  # it went away meanwhile
            continue
        if answer != program():
            raise InputError(finding("E-RUN-12", address, program=str(answer) or type(answer).__name__, mine=program()))


@contextmanager
def _client_of(workers: int | None, scheduler: str | None) -> Iterator[Any]:
    """A client of a running cluster, or of one of processes here that ends with the pass."""
    from distributed import Client, LocalCluster

    if scheduler:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise InputError(finding("E-RUN-08", "--scheduler", address=scheduler, reason=str(error))) from error
        with closing(client):
            yield client
        return
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=_SILENT,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # without an address it takes a port that a second run needs
    ) as cluster, closing(Client(cluster)) as client:  # fmt: skip
        yield client


def _call(task: Task, expected: str, batch: Batch) -> list[Any]:
    """The answers of a batch, on a worker.

    Raises
    ------
    InputError
        A worker that came later runs another version of the program.
    """
    if program() != expected:
        raise InputError(finding("E-RUN-12", "dask", program=program(), mine=expected))
    return [task(tiles) for tiles in batch]
