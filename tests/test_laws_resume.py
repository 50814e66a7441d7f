"""A run that is killed goes on where it stopped, and ends in the bytes of a run that nobody disturbed."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import laws
import numpy as np
import pytest
from landscapes import ARBOR, CROPLAND, GRASS, LONGLAT, Landscape, Lattice, Tiling, cells, finish, tiling_zones, write

import aoi.table
from sinks import pipeline
from sinks.cli import main
from sinks.layers.windows import Engine

ROOT = Path(aoi.table.__file__).resolve().parents[1]
LATTICE = Lattice(crs=LONGLAT, left=110.0, top=44.0, cell=0.0025, height=514, width=1030)
TIMES = ("run.jsonl", ".hashes.json")
"""What may differ between two runs: the journal, and what is remembered of the files."""


def landscape(lattice: Lattice = LATTICE) -> Landscape:
    """Two dates of land cover and biomass over six tiles."""
    drawn = np.random.default_rng(2)
    land = {year: drawn.choice(np.array([CROPLAND, ARBOR, GRASS], dtype=np.uint8), size=lattice.shape) for year in (2020, 2023)}
    biomass = {year: 90.0 * drawn.random(lattice.shape) for year in land}
    return Landscape(lattice=lattice, land=land, layers={"aboveground_biomass": biomass}, zones=tiling_zones(lattice, 2), base_year=False)


def files(out: Path) -> dict[str, bytes]:
    """Everything of a run folder but times and partial tables."""
    kept = [path for path in out.rglob("*") if path.is_file() and path.name not in TIMES and "partials" not in path.parts]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in kept}


def start(path: Path) -> subprocess.Popen:
    """``python -m sinks run`` in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SINKS_LANG": "en"}
    command = [sys.executable, "-m", "sinks", "run", str(path), "--quiet", "--threads", "1", "--window", "1"]
    return subprocess.Popen(
        command, env=environment, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[dict[str, bytes], float]:
    """The files of a run that nobody disturbed, and how long it took [s]."""
    path = write(landscape(), tmp_path_factory.mktemp("undisturbed"))
    began = time.monotonic()
    process = start(path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return files(path.parent / "out"), time.monotonic() - began


def test_a_run_that_is_killed_again_and_again_ends_the_same(undisturbed, tmp_path):
    """kill -9 at five moments, then to the end: every file has the bytes of the undisturbed run, and no tile counts twice."""
    expected, seconds = undisturbed
    path = write(landscape(), tmp_path)
    moments = random.Random(5)
    for _ in range(5):
        process = start(path)
        time.sleep(seconds * moments.uniform(0.3, 0.95))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    process = start(path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert laws.different_files(expected, files(tmp_path / "out")) == []


SMALL = Lattice(height=4, width=6)


class PowerLoss(BaseException):
    """Stops everything where it stands; nothing catches it."""


def small_run(folder: Path) -> Path:
    """A small landscape with a factor file of its own."""
    wanted = landscape(SMALL).but(
        strata={"climate": cells(SMALL, 2), "soil": cells(SMALL, 1)},
        files={"factors.csv": "id,value,source\ncarbon_fraction.tree,0.47,user\n"}, more={"factors": {"file": "factors.csv"}},
    )  # fmt: skip
    return write(wanted, folder)


def test_a_loss_of_power_at_any_write_leaves_a_run_that_goes_on(tmp_path, monkeypatch):
    """The process ends at the n-th write of a file, for n = 2, 25, 48, ...: the next run ends in the same bytes."""
    expected = files(finish(small_run(tmp_path / "plain")).out)
    replace = aoi.table.os.replace
    for number in itertools.count(2, 23):
        path = small_run(tmp_path / f"stopped{number}")
        writes = itertools.count(1)

        def stop(*names, at=number, writes=writes):
            if next(writes) == at:
                raise PowerLoss
            replace(*names)

        with monkeypatch.context() as patched:
            patched.setattr(aoi.table.os, "replace", stop)
            try:
                finish(path)
                finished = True
            except PowerLoss:
                finished = False
        again = finish(path)
        assert laws.different_files(expected, files(again.out)) == [], f"write {number}"
        if finished:
            break
    assert number > 20


def test_a_changed_factor_reads_no_pixel(tmp_path, monkeypatch):
    """Another value of a factor: new tables from the old activity, without opening a raster."""
    path = small_run(tmp_path)
    before = finish(path)
    stocks = before.exact("stocks").query("pool == 'aboveground_biomass' and ecosystem == 'forest'").set_index(["zone", "year"])["stock_tC"]

    def refuse(*_, **__):
        raise AssertionError("a pixel was asked for")

    monkeypatch.setattr(pipeline, "map_windows", refuse)
    (tmp_path / "factors.csv").write_text("id,value,source\ncarbon_fraction.tree,0.5,user\n", encoding="utf-8")
    after = finish(path)
    changed = after.exact("stocks").query("pool == 'aboveground_biomass' and ecosystem == 'forest'").set_index(["zone", "year"])["stock_tC"]
    assert (changed / stocks).to_numpy() == pytest.approx(0.5 / 0.47, rel=1e-5)
    journal = [json.loads(line) for line in (after.out / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in journal] == ["tabulated", "accounted", "accounted"]


def test_a_changed_raster_is_tabulated_again(tmp_path):
    """Other pixels under the same name: nothing of the old pass is taken up."""
    path = small_run(tmp_path)
    before = finish(path).bytes()
    wanted = landscape(SMALL)
    other = {**wanted.layers["aboveground_biomass"], 2023: wanted.layers["aboveground_biomass"][2023] + 1.0}
    fresh = write(wanted.but(layers={"aboveground_biomass": other}), tmp_path / "fresh")
    os.replace(fresh.parent / "aboveground_biomass_2023_0.tif", tmp_path / "aboveground_biomass_2023_0.tif")
    assert "activity_year.csv" in laws.different_files(before, finish(path).bytes())


def test_a_second_run_says_and_changes_nothing(tmp_path, capsys):
    """The same command again: "nothing new", no byte of any file changes, no table is touched."""
    path = small_run(tmp_path)
    main(["--lang", "en", "run", str(path)])
    assert pipeline.text("run.done", "en", folder="out") in capsys.readouterr().out
    out = tmp_path / "out"
    before = files(out), {file.name: file.stat().st_mtime_ns for file in (out / "tables").iterdir()}
    main(["--lang", "en", "run", str(path)])
    said = capsys.readouterr().out
    assert pipeline.text("run.nothing_new", "en", folder="out") in said
    assert laws.different_files(before[0], files(out)) == []
    assert before[1] == {file.name: file.stat().st_mtime_ns for file in (out / "tables").iterdir()}


def test_tiles_that_are_done_are_not_done_again(tmp_path, monkeypatch):
    """A run that stops after two of six tiles computes the other four."""
    path = write(landscape(), tmp_path, Tiling(block=512))
    put = pipeline.PartialStore.put
    seen = []

    def stop(store, tile, result):
        if len(seen) == 2:
            raise PowerLoss
        seen.append(tile)
        put(store, tile, result)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.PartialStore, "put", stop)
        with pytest.raises(PowerLoss):
            finish(path, Engine(threads=1))
    done = finish(path, Engine(threads=1))
    (line,) = [json.loads(one) for one in (done.out / "run.jsonl").read_text(encoding="utf-8").splitlines() if '"tabulated"' in one]
    assert (line["tiles"], line["computed"]) == (6, 4)
