"""Row 6: half a million survey polygons of a league, from a Shapefile in GBK to its stock."""

import shutil
from collections.abc import Iterator

import pandas as pd

from bench.measure import Command, sinks
from bench.report import Row, Target
from bench.suite import Suite, guarded
from bench.survey import Made, make

FULL_POLYGONS, SOME_POLYGONS = 500_000, 50_000
MOST_MIB = 2048


def survey(suite: Suite) -> Iterator[Row]:
    """Row 6."""
    yield from guarded("6", "survey polygons", lambda: _survey(suite))


def _survey(suite: Suite) -> Iterator[Row]:
    made = Made(polygons=FULL_POLYGONS if suite.cells >= 1e8 else SOME_POLYGONS)
    folder = suite.work / f"survey_{made.league}_{made.polygons}"
    run = make(made, folder)
    command = Command((sinks("run", run, "--threads", 2, "--quiet"),), lambda: shutil.rmtree(folder / "out", ignore_errors=True))
    taken = suite.taken({"run": command}, "survey polygons", repeats=1)["run"]
    areas = pd.read_csv(folder / "out" / "tables" / "vector_areas.csv")
    far = abs(areas["tabulated_ha"].sum() / areas["image_ha"].sum() - 1.0)
    note = f"{areas['polygons'].sum()} made polygons, GBK without .cpg, cells of {made.resolution:g} m, {taken.wall_s:.0f} s of wall time; "
    note += f"areas of the tables are those of the outlines to {far:.1e}"
    yield Row(
        number="6", what="survey polygons of a league to its stock", ours=taken, figure=taken.peak_mib, of="MiB of peak memory",
        target=Target(MOST_MIB, at_most=True), note=note,
    )  # fmt: skip
