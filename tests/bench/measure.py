"""Wall time, CPU time and peak memory of commands as whole process trees, taken in turn."""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

_TESTS = Path(__file__).resolve().parents[1]
_EVERY_SECONDS = 0.1
_TREE_EVERY = 5
"""Samples after which new processes are looked for."""


class Failed(Exception):
    """A measured command did not end well."""


def nothing() -> None:
    """No preparation."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is measured: commands one after the other, and what is done before them without being measured."""

    steps: tuple[tuple[str, ...], ...]
    prepare: Callable[[], None] = nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a command took; medians when it ran several times.

    Parameters
    ----------
    wall_s, cpu_s : float
        CPU time is user and system time of all processes of the tree.
    peak_mib : float
        Most memory in use at once: of all processes together, or the most that a single one held.
    inside : mapping
        What the command says of its own steady state, without start and imports (``wall_s``, ``cpu_s`` and more).
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    inside: Mapping[str, Any] = field(default_factory=dict)

    def steady(self) -> "Measured":
        """The same with the times that the command says of itself."""
        return replace(self, wall_s=float(self.inside["wall_s"]), cpu_s=float(self.inside["cpu_s"]))


def module(name: str, *arguments: object) -> tuple[str, ...]:
    """The command that runs a module of this suite."""
    return sys.executable, "-m", f"bench.{name}", *map(str, arguments)


def sinks(*arguments: object) -> tuple[str, ...]:
    """A command of the program."""
    return sys.executable, "-m", "sinks", *map(str, arguments)


def alternating(commands: Mapping[str, Command], repeats: int) -> dict[str, Measured]:
    """Medians of commands that run in turn (A, B, A, B, ...), so that noise of the machine meets all of them.

    Raises
    ------
    Failed
        A command ended with an error; its last words.
    """
    runs: dict[str, list[Measured]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            command.prepare()
            runs[name].append(_together([_measured(step) for step in command.steps]))
    return {name: median(found) for name, found in runs.items()}


def median(runs: Sequence[Measured]) -> Measured:
    """The median of each figure."""
    own = {name: value for name, value in runs[-1].inside.items() if not isinstance(value, int | float)}
    numbers = [name for name in runs[-1].inside if name not in own]
    return Measured(
        wall_s=statistics.median(run.wall_s for run in runs), cpu_s=statistics.median(run.cpu_s for run in runs),
        peak_mib=statistics.median(run.peak_mib for run in runs),
        inside={**own, **{name: statistics.median(run.inside[name] for run in runs) for name in numbers}},
    )  # fmt: skip


def _together(steps: Sequence[Measured]) -> Measured:
    """Commands that ran one after the other."""
    return Measured(
        wall_s=sum(one.wall_s for one in steps), cpu_s=sum(one.cpu_s for one in steps),
        peak_mib=max(one.peak_mib for one in steps), inside=steps[-1].inside,
    )  # fmt: skip


def _measured(step: tuple[str, ...]) -> Measured:
    """One command as a process; a last line of its output that is a JSON object is what it says of itself."""
    started = time.perf_counter()
    with subprocess.Popen(
        step, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    ) as process:
        watch = _Watch(process.pid)
        watch.start()
        output = process.stdout.read() if process.stdout else ""
        used = _wait(process)
        wall = time.perf_counter() - started
        watch.stop()
    if process.returncode != 0:
        raise Failed(f"{' '.join(step[1:4])}: {output[-2000:]}")
    return Measured(wall_s=wall, cpu_s=max(used, watch.cpu_s), peak_mib=watch.peak / 2**20, inside=_last_words(output))


def _environment() -> dict[str, str]:
    """The environment in which this suite is found, without settings of GDAL: the program sets its own in this process, and its peers must not have them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GDAL_", "CPL_"))}
    places = [str(_TESTS), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(places)}


def _wait(process: "subprocess.Popen[str]") -> float:
    """Wait for a process; CPU time of it and of the children that it waited for, where the system tells."""
    if not hasattr(os, "wait4"):
        process.wait()
        return 0.0
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _last_words(output: str) -> dict[str, Any]:
    lines = output.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return {}
    said: dict[str, Any] = json.loads(lines[-1])
    return said


class _Watch:
    """Looks at a process and all below it, many times a second, for memory and CPU time."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._cpu: dict[tuple[int, float], float] = {}
        self._root = psutil.Process(pid)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    @property
    def cpu_s(self) -> float:
        """CPU time of all processes as last seen."""
        return sum(self._cpu.values())

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        tree, sample = [self._root], 0
        while not self._stopped.wait(_EVERY_SECONDS if sample else 0):
            if sample % _TREE_EVERY == 0:
                tree = [self._root, *_below(self._root)]
            sample += 1
            seen = [self._memory(process) for process in tree]
            self.peak = max(self.peak, sum(now for now, _ in seen), *(most for _, most in seen))

    def _memory(self, process: psutil.Process) -> tuple[int, int]:
        """Bytes in use now and at most so far; zero for a process that is gone."""
        try:
            times = process.cpu_times()
            self._cpu[process.pid, process.create_time()] = times.user + times.system
            now = int(process.memory_info().rss)
            return now, _high_water(process.pid) or now
        except (psutil.Error, OSError):
            return 0, 0


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _high_water(pid: int) -> int:
    """Most bytes that a process held so far, where the system tells (Linux)."""
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        return 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
