"""The table of the suite: rows, machine and date, as text, Markdown and CSV."""

import csv
import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from bench.measure import Measured

LIBRARIES = (
    "nmg-ecosystem-sinks", "numpy", "numba", "pandas", "dask", "rasterio", "shapely", "pyproj", "xarray", "flox", "rioxarray", "rasterstats",
    "exactextract", "natcap.invest",
)  # fmt: skip
HEAD = (
    "row", "what", "wall s", "CPU s", "peak MiB", "against", "its wall s", "its CPU s", "its peak MiB", "figure", "of", "target", "met", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure has to reach (DESIGN, section 10)."""

    value: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.value:g}"

    def met_by(self, figure: float) -> bool:
        """Is it reached?"""
        return figure <= self.value if self.at_most else figure >= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: two measurements, or one, and the figure that they give.

    Parameters
    ----------
    figure : float
        NaN where there is none; the note says why.
    of : str
        What the figure is a ratio of, or its unit.
    """

    number: str
    what: str
    ours: Measured | None = None
    against: str = ""
    theirs: Measured | None = None
    figure: float = math.nan
    of: str = ""
    target: Target | None = None
    note: str = ""

    def cells(self) -> list[str]:
        """The row as text."""
        known = not math.isnan(self.figure)
        met = "" if self.target is None or not known else ("yes" if self.target.met_by(self.figure) else "no")
        target = "" if self.target is None else str(self.target)
        figure = f"{self.figure:.3g}" if known else ""
        sides = [*_figures(self.ours), self.against, *_figures(self.theirs)]
        return [self.number, self.what, *sides, figure, self.of, target, met, self.note]


def _figures(measured: Measured | None) -> tuple[str, str, str]:
    if measured is None:
        return "", "", ""
    return f"{measured.wall_s:.2f}", f"{measured.cpu_s:.2f}", f"{measured.peak_mib:.0f}"


def machine() -> dict[str, str]:
    """Date, machine and versions."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "processor": _processor(), "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB", "system": f"{platform.system()} {platform.machine()}",
        "load before": ", ".join(f"{load:.1f}" for load in psutil.getloadavg()), "python": platform.python_version(),
        **{name: version for name in LIBRARIES if (version := _version(name))},
    }  # fmt: skip


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def as_markdown(rows: Sequence[Row], about: dict[str, str]) -> str:
    """The table with machine and date above it."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    table = "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
    return "\n".join(f"- {name}: {value}" for name, value in about.items()) + f"\n\n{table}\n"


def as_text(rows: Sequence[Row]) -> str:
    """The rows as aligned columns, for the terminal; notes stand below their row."""
    shown = [list(HEAD[:-1]), *(row.cells()[:-1] for row in rows)]
    widths = [max(len(line[column]) for line in shown) for column in range(len(HEAD) - 1)]
    out = []
    for line, note in zip(shown, ["", *(row.note for row in rows)], strict=True):
        out.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if note:
            out.append(f"      {note}")
    return "\n".join(out)


def write(rows: Sequence[Row], about: dict[str, str], folder: Path) -> None:
    """``bench.md``, ``bench.csv`` and ``machine.csv`` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.md").write_text(as_markdown(rows, about), encoding="utf-8")
    _write_csv(folder / "bench.csv", [HEAD, *(row.cells() for row in rows)])
    _write_csv(folder / "machine.csv", [("name", "value"), *about.items()])


def _write_csv(path: Path, lines: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
