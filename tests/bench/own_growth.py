"""Rows 3 and 4: threads, processes and windows; growth with the number of cells and of files."""

from collections.abc import Iterator

import pandas as pd

from bench.against_others import MILLION, passes
from bench.landscape import BLOCK, Site
from bench.measure import Command, sinks
from bench.report import Row, Target
from bench.run_files import Run
from bench.suite import CPU, WALL, Suite, guarded, pixel_pass, ratio, small, valid_cells

REGION = 1.3e9
"""Valid pixels of the region at 30 m."""
GIB = 1024.0


def workers(suite: Suite) -> Iterator[Row]:
    """Row 3."""
    yield from guarded("3", "threads and windows", lambda: _threads(suite))
    yield from guarded("3", "processes", lambda: _processes(suite))


def _threads(suite: Suite) -> Iterator[Row]:
    taken = passes(suite)
    two = taken["pass 2"]
    yield ratio("3", "pass, 2 threads", two, "1 thread", taken["pass 1"], WALL, Target(1.7))
    for size in (2, 4):
        yield ratio("3", "pass, windows of 1 tile", two, f"windows of {size} x {size} tiles", taken[f"window {size}"], CPU)


def _processes(suite: Suite) -> Iterator[Row]:
    run = suite.run("six")
    threads = Command((sinks("tabulate", run.path, "--threads", 2, "--quiet"),), run.fresh())
    commands = {str(count): Command((sinks("tabulate", run.path, "--workers", count, "--quiet"),), run.fresh()) for count in (1, 2)}
    taken = suite.taken({"threads": threads, **commands}, "processes")
    yield ratio("3", "2 processes", taken["2"], "1 process", taken["1"], WALL)
    yield ratio("3", "2 threads", taken["threads"], "2 processes", taken["2"], WALL, None, "whole commands")


def growth(suite: Suite) -> Iterator[Row]:
    """Row 4."""
    yield from guarded("4", "growth", lambda: _sizes(suite))
    yield from guarded("4", "tile list", lambda: _tile_lists(suite))


def _sizes(suite: Suite) -> Iterator[Row]:
    sizes = [small(small(suite.cells)), small(suite.cells), float(suite.cells)]
    runs = [Run(folder=suite.folder(cells), name="growth").written() for cells in sizes]
    names = [f"{cells / MILLION:.3g} million cells" for cells in sizes]
    commands = {name: pixel_pass(run) for name, run in zip(names, runs, strict=True)}
    taken = [measured.steady() for measured in suite.taken(commands, "growth").values()]
    valid = [valid_cells(run.folder) for run in runs]
    for number in (1, 2):
        less, more = taken[number - 1 : number + 1]
        yield Row(
            number="4", what=f"pass, {names[number]}", ours=more, against=names[number - 1], theirs=less,
            figure=(more.cpu_s - less.cpu_s) / (valid[number] - valid[number - 1]) * 1e9, of="ns of CPU per valid pixel more",
            note=f"{valid[number] / MILLION:.3g} million valid pixels against {valid[number - 1] / MILLION:.3g}",
        )  # fmt: skip
    yield Row(
        number="4", what=f"pass, {names[2]}", ours=taken[2], figure=taken[2].peak_mib / GIB, of="GiB at the peak, 2 threads",
        target=Target(1.0, at_most=True),
    )  # fmt: skip
    rate = (taken[2].wall_s - taken[1].wall_s) / (valid[2] - valid[1])
    yield Row(
        number="4", what="the region at 30 m", figure=taken[2].wall_s + rate * (REGION - valid[2]), of="s of wall time",
        target=Target(40.0, at_most=True), note="extrapolated from the growth to 1.3 billion valid pixels; six rasters, 2 threads, table only",
    )  # fmt: skip
    yield Row(
        number="4", what="areas of zones", figure=_area_error(runs[-1]), of="relative difference from the polygon",
        target=Target(1e-9, at_most=True),
    )  # fmt: skip


def _area_error(run: Run) -> float:
    """Largest relative difference between the area of a zone on the grid and that of its polygon."""
    zones = pd.read_parquet(run.out / "tables" / "zones.parquet")
    return float(((zones["area_ha"] + zones["outside_ha"] - zones["polygon_ha"]).abs() / zones["polygon_ha"]).max())


def _tile_lists(suite: Suite) -> Iterator[Row]:
    side = max(2, round((suite.cells / 10) ** 0.5 / BLOCK))
    sites = [
        Site(width=side * BLOCK, height=times * side * BLOCK, seed=suite.seed, grid=suite.grid, clipped=suite.clipped, tile=BLOCK)
        for times in (1, 10)
    ]
    runs = [Run(folder=suite.made(site), name="mosaic", mosaic=True).written() for site in sites]
    files = [side * side, 10 * side * side]
    taken = suite.taken({str(count): pixel_pass(run) for count, run in zip(files, runs, strict=True)}, "tile lists")
    short, long = (taken[str(count)] for count in files)
    yield Row(
        number="4", what=f"a list of {files[1]} files a layer", ours=long, against=f"{files[0]} files a layer", theirs=short,
        figure=long.peak_mib / short.peak_mib, of="x the peak memory", target=Target(1.1, at_most=True), note="flat: within a tenth",
    )  # fmt: skip
