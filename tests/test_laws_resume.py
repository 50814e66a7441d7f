"""A run that is killed goes on where it stopped, and ends in the bytes of a run that nobody disturbed."""

import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
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


SLOWLY = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background inherits none
import aoi.grids
aoi.grids.TILE = 64
import sinks.layers.windows as windows
import sinks.tabulate.partials as partials
partials.COMMIT_SECONDS = 0.02
def slowly(*arguments, read=windows.read_stored, rest=float(sys.argv[1])):
    pathlib.Path(sys.argv[2]).touch()
    time.sleep(rest)
    return read(*arguments)
windows.read_stored = slowly
from sinks.cli import main
main(sys.argv[3:])
"""
"""A run of 153 small tiles that takes its time to read, so that a moment in it can be hit."""

READING = ".reading"
"""Is there as soon as a process has begun to read pixels."""


def start(path: Path, rest: float = 0.0, *options: str) -> subprocess.Popen:
    """``sinks run`` in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SINKS_LANG": "en"}
    (path.parent / READING).unlink(missing_ok=True)
    command = [sys.executable, "-c", SLOWLY, str(rest), READING, "run", str(path), "--quiet", "--threads", "1", "--window", "1", *options]
    return subprocess.Popen(
        command, env=environment, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def ends_well(process: subprocess.Popen) -> None:
    """The process comes to its end, and the end is good."""
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def tiles_kept(out: Path, aside: Path) -> int:
    """Tiles that a killed run left on disk; counted in a copy, because opening the file would mend it."""
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(out / "partials", aside)
    found = list(aside.glob("*.sqlite"))
    if not found:
        return 0
    with closing(sqlite3.connect(found[0])) as database:
        try:
            return int(database.execute("SELECT count(*) FROM tile").fetchone()[0])
        except sqlite3.OperationalError:  # killed while the file was made
            return 0


def in_the_pass(path: Path, process: subprocess.Popen) -> None:
    """Wait until the pass has begun."""
    deadline = time.monotonic() + 60
    while not (path.parent / READING).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[dict[str, bytes], float]:
    """The files of a run that nobody disturbed, and how long it took [s]."""
    path = write(landscape(), tmp_path_factory.mktemp("undisturbed"), Tiling(block=64))
    began = time.monotonic()
    ends_well(start(path))
    return files(path.parent / "out"), time.monotonic() - began


def test_a_run_that_is_killed_again_and_again_ends_the_same(undisturbed, tmp_path):
    """kill -9 at five moments of the pass, then to the end: every file has the bytes of the undisturbed run, and no tile counts twice."""
    expected, _ = undisturbed
    path = write(landscape(), tmp_path / "run", Tiling(block=64))
    out, kept = path.parent / "out", []
    moments = random.Random(5)
    for _ in range(5):
        process = start(path, 0.004)
        in_the_pass(path, process)
        time.sleep(moments.uniform(0.05, 0.7))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kept.append(tiles_kept(out, tmp_path / "aside"))
    assert kept == sorted(kept)
    assert any(0 < count < 153 for count in kept), kept
    assert len(set(kept)) > 2, kept
    ends_well(start(path))
    assert laws.different_files(expected, files(out)) == []
    lines = [json.loads(line) for line in (out / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["tiles"], line["computed"]) for line in lines if line["event"] == "tabulated"] == [(153, 153 - kept[-1])]


@pytest.mark.long
def test_a_hundred_kills_at_any_moment(undisturbed, tmp_path):
    """kill -9 at a hundred random moments of whole runs, each begun anew when it had come to its end: always the same bytes."""
    expected, seconds = undisturbed
    moments, partly, ended = random.Random(7), 0, 0
    path = write(landscape(), tmp_path / "run", Tiling(block=64))
    out = path.parent / "out"
    for _ in range(100):
        process = start(path, 0.002)
        if moments.random() < 0.5:
            in_the_pass(path, process)
            time.sleep(moments.uniform(0.0, 0.5))
        else:
            time.sleep(seconds * moments.uniform(0.0, 1.2))
        with suppress(ProcessLookupError):  # it may have come to its end
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        partly += 0 < (tiles_kept(out, tmp_path / "aside") if (out / "partials").exists() else 0) < 153
        if (out / "tables" / "stocks.csv").exists() or moments.random() < 0.1:
            ends_well(start(path))
            assert laws.different_files(expected, files(out)) == []
            shutil.rmtree(out)
            ended += 1
    ends_well(start(path))
    assert laws.different_files(expected, files(out)) == []
    assert partly > 10
    assert ended > 2


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_says_that_it_goes_on(undisturbed, tmp_path, signum):
    """Ctrl-C and a polite end: exit 3, no lock and no table, and the rest by the same command."""
    path = write(landscape(), tmp_path / "run", Tiling(block=64))
    out = path.parent / "out"
    process = start(path, 0.004)
    in_the_pass(path, process)
    time.sleep(0.4)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert b"the same command goes on" in errors
    assert b"Traceback" not in errors
    assert 0 < tiles_kept(out, tmp_path / "aside") < 153
    assert not (out / ".lock").exists()
    assert not (out / "tables").exists()
    ends_well(start(path))
    assert laws.different_files(undisturbed[0], files(out)) == []


def test_a_second_process_in_the_same_folder_is_refused_and_the_first_is_unharmed(undisturbed, tmp_path):
    path = write(landscape(), tmp_path / "run", Tiling(block=64))
    first = start(path, 0.006)
    in_the_pass(path, first)
    second = start(path, 0.0, "--json")
    told, _ = second.communicate(timeout=60)
    assert first.poll() is None
    assert second.returncode == 2
    (found,) = json.loads(told)["findings"]
    assert (found["id"], str(first.pid) in found["found"]) == ("E-RUN-01", True)
    ends_well(first)
    assert laws.different_files(undisturbed[0], files(path.parent / "out")) == []


def test_an_input_that_changes_under_a_running_process(undisturbed, tmp_path):
    """Exit 2 and no table; with the old content back the run ends as ever."""
    path = write(landscape(), tmp_path / "run", Tiling(block=64))
    raster = path.parent / "aboveground_biomass_2020_0.tif"
    whole, status = raster.read_bytes(), raster.stat()
    process = start(path, 0.004, "--json")
    in_the_pass(path, process)
    time.sleep(0.2)
    with raster.open("ab") as file:
        file.write(b"more")
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert [one["id"] for one in json.loads(told)["findings"]] == ["E-HASH-01"]
    assert not (path.parent / "out" / "tables").exists()
    raster.write_bytes(whole)
    os.utime(raster, ns=(status.st_atime_ns, status.st_mtime_ns))
    ends_well(start(path))
    assert laws.different_files(undisturbed[0], files(path.parent / "out")) == []


def test_a_path_in_chinese_with_spaces(undisturbed, tmp_path):
    path = write(landscape(), tmp_path / "内蒙古 碳汇 清单", Tiling(block=64))
    ends_well(start(path))
    assert laws.different_files(undisturbed[0], files(path.parent / "out")) == []


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
