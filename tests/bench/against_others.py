"""Rows 1 and 2: against other programs on the same sums, and against rasterio reading alone."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from bench.agreement import SAME, SAME_MAPS, difference_of_maps, difference_of_tables, difference_of_zone_sums
from bench.maps import FIRST_STORAGE, THREE_MAPS, run_of
from bench.measure import Command, Measured, module, sinks
from bench.report import Row, Target
from bench.run_files import Run
from bench.suite import CPU, Figure, Suite, guarded, pixel_pass, ratio, small, valid_cells

TABLES = {
    "flox": ("xarray + flox", Target(5.0)),
    "naive": ("naive xarray + dask", Target(8.0)),
    "counts": ("xarray + dask, weighted counts by hand", None),
}
ZONAL = {"exactextract": ("exactextract", "coverage"), "rasterstats": ("rasterstats", "centre")}
THREADS = (1, 2)
MILLION = 1e6


def others(suite: Suite) -> Iterator[Row]:
    """Row 1."""
    yield from guarded("1", "table only", lambda: _tables(suite))
    for peer in ZONAL:
        yield from guarded("1", "one raster", lambda peer=peer: _zonal(suite, peer))  # type: ignore[misc]
    yield from guarded("1", "three maps", lambda: _invest(suite))


def peer_command(peer: str, folder: Path) -> Command:
    """A peer as a process; its sums go into a file of its name."""
    return Command((module("peers", peer, folder, folder / f"{peer}.csv"),))


def _tables(suite: Suite) -> Iterator[Row]:
    run = suite.run("table", rule="centre")
    commands = {
        "command": Command((sinks("tabulate", run.path, "--threads", 2, "--quiet"),), run.fresh()), "pass": pixel_pass(run),
        **{peer: peer_command(peer, run.folder) for peer in TABLES if _there(peer)},
    }  # fmt: skip
    taken = suite.taken(commands, "the same table by others")
    for peer, (name, target) in TABLES.items():
        if not _there(peer):
            yield Row(number="1", what="table only", against=name, target=target, note="skipped: not installed (make bench installs it)")
            continue
        apart = difference_of_tables(run.out, run.folder / f"{peer}.csv")
        if apart > SAME:
            yield _disagreeing("table only", name, apart)
            continue
        note = f"same sums to {apart:.0e}; zone numbers of the peer were rasterised before"
        yield ratio("1", "table only, whole command", taken["command"], name, taken[peer], CPU, target, note)
        yield ratio(
            "1", "table only, pass", taken["pass"].steady(), name, taken[peer].steady(), CPU, target, "both without start and imports"
        )


def _there(peer: str) -> bool:
    return peer != "flox" or find_spec("flox") is not None


def _disagreeing(what: str, against: str, apart: float) -> Row:
    return Row(number="1", what=what, against=against, note=f"no ratio: the sums differ by {apart:.1e}")


def _zonal(suite: Suite, peer: str) -> Iterator[Row]:
    name, rule = ZONAL[peer]
    if find_spec(peer) is None:
        yield Row(number="1", what="one raster", against=name, note="skipped: not installed (make bench installs it)")
        return
    run = suite.run(f"one-{rule}", layers="two", rule=rule)
    ours = Command((sinks("tabulate", run.path, "--threads", 2, "--quiet"),), run.fresh())
    taken = suite.taken({"command": ours, "pass": pixel_pass(run), peer: peer_command(peer, run.folder)}, name)
    apart = difference_of_zone_sums(run.out, run.folder / f"{peer}.csv")
    if apart > SAME:
        yield _disagreeing("one raster", name, apart)
        return
    note = f"same sums to {apart:.0e} ({rule}); ours reads land cover as well and splits by class and bin"
    yield ratio("1", "one raster, whole command", taken["command"], name, taken[peer], CPU, None, note)
    yield ratio("1", "one raster, pass", taken["pass"].steady(), name, taken[peer].steady(), CPU, None, "both without start and imports")


def _invest(suite: Suite) -> Iterator[Row]:
    target = Target(30.0)
    if subprocess.run([suite.invest_python, "-c", "import natcap.invest.carbon"], capture_output=True, check=False).returncode:
        note = "skipped: natcap.invest is not installed (no Linux wheel; tests/bench/README.md says how)"
        yield Row(number="1", what="three maps", against="InVEST Carbon", target=target, note=note)
        return
    run = suite.run("classes", layers="classes", more={"maps": THREE_MAPS})
    taken = suite.taken({"ours": run_of(run), "invest": _invest_command(suite, run)}, "InVEST Carbon")
    stored = sorted((run.folder / "invest").glob("c_storage_bas*.tif"))
    apart = difference_of_maps(run.out / FIRST_STORAGE, stored[0]) if stored else float("inf")
    if apart > SAME_MAPS:
        yield _disagreeing("three maps", "InVEST Carbon", apart)
        return
    note = f"same two land-cover rasters; storage agrees to {apart:.0e}; the change is theirs by class, ours by the rules; ours are int16"
    yield ratio("1", "three maps", taken["ours"], "InVEST Carbon", taken["invest"], CPU, target, note)


def _invest_command(suite: Suite, run: Run) -> Command:
    """InVEST in its own environment, with an empty workspace: it takes up what an earlier run left."""
    step = peer_command("invest", run.folder).steps[0]
    return Command(((suite.invest_python, *step[1:]),), lambda: shutil.rmtree(run.folder / "invest", ignore_errors=True))


def reading(suite: Suite) -> Iterator[Row]:
    """Row 2."""
    yield from guarded("2", "pass against reading alone", lambda: _reading(suite))


def passes(suite: Suite) -> dict[str, Measured]:
    """The pass with one and two threads and in larger windows, and rasterio reading the same windows; measured once."""
    if "passes" not in suite.kept:
        run = suite.run("six")
        less = Run(folder=suite.folder(small(suite.cells)), name="six").written()
        commands = {f"pass {threads}": pixel_pass(run, threads) for threads in THREADS}
        commands |= {f"read {threads}": _reads(run, threads) for threads in THREADS}
        commands |= {f"pass {threads} less": pixel_pass(less, threads) for threads in THREADS}
        commands |= {f"read {threads} less": _reads(less, threads) for threads in THREADS}
        commands |= {f"window {size}": pixel_pass(run, 2, size) for size in (2, 4)}
        taken = suite.taken(commands, "the pass and reading alone")
        suite.kept["passes"] = {name: measured.steady() for name, measured in taken.items()}
    return suite.kept["passes"]


def _reads(run: Run, threads: int) -> Command:
    return Command((module("decode", run.path, "--threads", threads),))


def _reading(suite: Suite) -> Iterator[Row]:
    taken = passes(suite)
    for threads, least in zip(THREADS, (0.7, 0.6), strict=True):
        ours, theirs = taken[f"pass {threads}"], taken[f"read {threads}"]
        cells_alone = _added(taken, f"read {threads}", CPU) / _added(taken, f"pass {threads}", CPU)
        yield Row(
            number="2", what=f"pass, {threads} thread{'s'[: threads - 1]}", ours=ours, against="rasterio reading the same windows", theirs=theirs,
            figure=theirs.cpu_s / ours.cpu_s, of="share of decode speed (CPU time)", target=Target(least),
            note=f"by wall time {theirs.wall_s / ours.wall_s:.2f}; of what three quarters of the cells add, by CPU time {cells_alone:.2f}",
        )  # fmt: skip
    valid, less = (valid_cells(suite.folder(cells)) for cells in (suite.cells, small(suite.cells)))
    added = (valid - less) / _added(taken, "pass 1", CPU) / MILLION
    yield Row(
        number="2", what="pass, 1 thread", ours=taken["pass 1"], figure=valid / taken["pass 1"].cpu_s / MILLION,
        of="million valid pixels per second and core", target=Target(20.0),
        note=f"six rasters, warm cache; a valid pixel lies in a zone and has a class at both dates; of what three quarters of the cells add {added:.3g}",
    )  # fmt: skip


def _added(taken: Mapping[str, Measured], name: str, of: Figure) -> float:
    """What the full landscape takes more than the small one."""
    more: float = getattr(taken[name], of) - getattr(taken[f"{name} less"], of)
    return max(more, 1e-9)
