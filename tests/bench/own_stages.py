"""Row 5: maps against the table alone, a changed factor, ten thousand draws."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from bench.landscape import described
from bench.maps import TWO_MAPS, run_of
from bench.measure import Command, module, sinks
from bench.report import Row, Target
from bench.run_files import Run
from bench.suite import Suite, guarded
from sinks.factors.table import FACTORS, FactorTable

DRAWS = 10_000
CHANGED_FACTOR = "carbon_fraction"


def stages(suite: Suite) -> Iterator[Row]:
    """Row 5."""
    yield from guarded("5", "maps", lambda: _maps(suite))
    yield from guarded("5", "a changed factor", lambda: _changed_factor(suite))
    yield from guarded("5", "draws", lambda: _draws(suite))


def _maps(suite: Suite) -> Iterator[Row]:
    folder = suite.folder()
    plain = Run(folder=folder, name="plain").written()
    table = Command((sinks("run", plain.path, "--threads", 2, "--quiet"),), plain.fresh())
    mapped = Run(folder=folder, name="mapped", more={"maps": TWO_MAPS}).written()
    taken = suite.taken({"table": table, "maps": run_of(mapped)}, "maps")
    note = "two int16 maps with overviews in the pass: aboveground carbon of a date, change of the forest"
    yield Row(
        number="5", what="run with two maps", ours=taken["maps"], against="table only", theirs=taken["table"],
        figure=taken["maps"].cpu_s / taken["table"].cpu_s, of="x the CPU time", target=Target(1.6, at_most=True), note=note,
    )  # fmt: skip


def _changed_factor(suite: Suite) -> Iterator[Row]:
    run = suite.run("changed", more={"factors": {"file": "own_factors.csv"}})
    change = _changes(run.folder / "own_factors.csv")
    change()
    shutil.rmtree(run.out, ignore_errors=True)
    whole = Command((sinks("run", run.path, "--quiet"),), change)
    suite.taken({"first run": whole}, "a run whose factor will change", repeats=1)
    taken = suite.taken({"command": whole, "inside": Command((module("inside", "change", run.path),), change)}, "a changed factor")
    inside = taken["inside"].inside
    rasters, read = sum(described(run.folder)["bytes"].values()), inside["tabulate_read_bytes"]
    note = f"{'PIXELS WERE READ' if inside['tabulated'] else 'no pixel read'}: before the accounting {read / 1e6:.1f} MB of files were asked for, "
    note += f"tables and code; the rasters hold {rasters / 1e6:.0f} MB"
    least = Target(1.0, at_most=True)
    yield Row(
        number="5",
        what="a changed factor, in the process",
        ours=taken["inside"],
        figure=inside["wall_s"],
        of="s to new tables",
        target=least,
        note=note,
    )
    yield Row(number="5", what="a changed factor, accounting alone", figure=inside["account_s"], of="s", note="tables in, tables out")
    yield Row(
        number="5", what="a changed factor, whole command", ours=taken["command"], figure=taken["command"].wall_s, of="s to new tables", target=least,
        note="with start and imports",
    )  # fmt: skip


def _changes(path: Path) -> Callable[[], None]:
    """What gives a factor another value each time."""
    shipped = FactorTable.shipped().frame()
    row = shipped[shipped["name"] == CHANGED_FACTOR].head(1)
    steps = count(1)

    def change() -> None:
        FACTORS.write(row.assign(value=row["value"] * (1 - 0.0001 * next(steps))), path)

    return change


def _draws(suite: Suite) -> Iterator[Row]:
    run = suite.run("plain")
    if not (run.out / "tables" / "activity_year.csv").exists():
        suite.taken({"run": Command((sinks("run", run.path, "--quiet"),), run.fresh())}, "a run to draw from", repeats=1)
    taken = suite.taken({"draws": Command((module("inside", "draws", run.out, "--draws", DRAWS),))}, "draws")["draws"]
    inside = taken.inside
    note = (
        f"12 zones, all pools, both dates: {inside['results']:.0f} totals a draw; {inside['cpu_s']:.2f} s of CPU without start and reading"
    )
    yield Row(
        number="5", what=f"{DRAWS} draws", ours=taken, figure=inside["wall_s"], of="s in the process", target=Target(1.0, at_most=True), note=note
    )  # fmt: skip
