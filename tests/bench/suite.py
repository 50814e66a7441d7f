"""What all rows share: sizes, landscapes, and how two measurements become a row."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.landscape import Site, described, ensure
from bench.measure import Command, Failed, Measured, alternating, module
from bench.report import Row, Target
from bench.run_files import Run

Figure = Literal["cpu_s", "wall_s", "peak_mib"]
CPU: Figure = "cpu_s"
WALL: Figure = "wall_s"
PEAK: Figure = "peak_mib"
NAMES = {CPU: "CPU time", WALL: "wall time", PEAK: "peak memory"}
Part = Callable[["Suite"], Iterator[Row]]


@dataclass(slots=True, kw_only=True)
class Suite:
    """The options of a run of the suite, and what was measured already.

    Parameters
    ----------
    cells : int
        Cells of the largest landscape.
    repeats : int
        How often each command runs; medians are reported.
    invest_python : str
        The interpreter of an environment that has InVEST.
    """

    work: Path
    cells: int
    repeats: int = 3
    seed: int = 1
    grid: str = "albers"
    clipped: bool = True
    invest_python: str = sys.executable
    kept: dict[str, dict[str, Measured]] = field(default_factory=dict)

    def folder(self, cells: float | None = None) -> Path:
        """The landscape of so many cells, made where it is not there yet."""
        return self.made(Site.square(cells or self.cells, seed=self.seed, grid=self.grid, clipped=self.clipped))

    def made(self, site: Site) -> Path:
        """The folder of a site."""
        say(f"landscape {site.name}")
        return ensure(site, self.work)

    def run(self, name: str, **keys: Any) -> Run:
        """A run on the largest landscape."""
        return Run(folder=self.folder(), name=name, **keys).written()

    def taken(self, commands: dict[str, Command], title: str, repeats: int | None = None) -> dict[str, Measured]:
        """Medians of commands that run in turn."""
        say(f"measuring {title}")
        return alternating(commands, repeats or self.repeats)


def say(text: str) -> None:
    """A line about what goes on, beside the table."""
    print(text, file=sys.stderr, flush=True)


def small(cells: float) -> float:
    """A size below another one, to tell what the cells cost from what a run costs whatever its size."""
    return cells / 4


def pixel_pass(run: Run, threads: int = 2, window: int = 1) -> Command:
    """The pass alone, in a process that tells its own steady state."""
    return Command((module("inside", "tabulate", run.path, "--threads", threads, "--window", window),), run.fresh())


def valid_cells(folder: Path) -> int:
    """Cells inside the zones that have a class at both dates."""
    return int(described(folder)["valid"])


def ratio(
    number: str, what: str, ours: Measured, against: str, theirs: Measured, of: Figure, target: Target | None = None, note: str = ""
) -> Row:  # fmt: skip
    """How many times as much the other side takes."""
    return Row(
        number=number, what=what, ours=ours, against=against, theirs=theirs, figure=getattr(theirs, of) / max(getattr(ours, of), 1e-9),
        of=f"x less {NAMES[of]}", target=target, note=note,
    )  # fmt: skip


def guarded(number: str, what: str, rows: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows of a measurement, or one that says why there is none."""
    try:
        yield from rows()
    except (Failed, OSError, ValueError, KeyError) as error:
        yield Row(number=number, what=what, note=f"failed: {' '.join(str(error).split())[-300:]}")
