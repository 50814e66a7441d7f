"""Runs that are disturbed: by another run, by a full disk, by changed inputs, by a user who has had enough."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import broken
import numpy as np
import pytest
from broken import good, ran, refused, results, sinks, tells_nothing

from aoi.findings import InputError
from sinks import pipeline
from sinks.layers.raster import rasterio
from sinks.layers.windows import map_windows
from sinks.provenance import locked

ROOT = broken.Path(__file__).resolve().parents[1]


@pytest.fixture
def project(tmp_path):
    return good(tmp_path)


def other_inputs(project):
    """Change an input, so that the next run has something to do."""
    project.values("agb_2023.tif", lambda cells: cells * np.float32(1.01))


HOLD = """
import sys; from pathlib import Path; from sinks.provenance import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True); sys.stdin.read()
"""


@contextmanager
def held(out):
    """Hold a run folder by another process."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"held\n"
        yield other
    finally:
        other.kill()
        other.communicate()


def test_a_folder_in_use_by_a_run_that_is_alive_and_then_killed(project):
    with held(project.out) as other:
        for verb in ("run", "tabulate"):
            (found,) = refused(project, "E-RUN-01", verb=verb)
            assert str(other.pid) in found["found"]
            assert socket.gethostname() in found["found"]
        said = sinks("account", str(project.out), "--json")
        assert (said.code, said.ids) == (2, ["E-RUN-01"])
        assert (project.out / ".lock").exists()
    assert (project.out / ".lock").exists()
    ran(project)
    assert not list(project.out.glob(".lock*"))


LOCKS = {
    "empty": b"", "garbage": b"\x00\xff{", "a list": b"[1]", "a number": b"7", "no pid": b"{}", "text pid": b'{"pid": "x"}', "true": b'{"pid": true}',
    "zero": b'{"pid": 0}', "negative": b'{"pid": -1}', "huge": b'{"pid": 99999999999999999999}', "null": b"null",
}  # fmt: skip


@pytest.mark.parametrize("content", LOCKS.values(), ids=LOCKS)
def test_a_lock_that_is_garbage_is_taken_over(tmp_path, content):
    """A live run never shows a lock without its content, so this is none."""
    (tmp_path / ".lock").write_bytes(content)
    with locked(tmp_path):
        assert json.loads((tmp_path / ".lock").read_bytes())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_a_lock_of_this_process_that_it_does_not_hold(project):
    """Process numbers come again: in a container every run may have the same one."""
    (project.out / ".lock").write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
    ran(project)


def test_a_lock_of_another_machine_is_believed(project):
    (project.out / ".lock").write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
    (found,) = refused(project, "E-RUN-01")
    assert "elsewhere" in found["found"]
    assert ".lock" in found["remedy"]


def test_two_runs_that_start_together_are_one(project):
    """Of many that try at once, one has the folder."""
    inside, most, refusals = [], [], []
    start = threading.Barrier(8)

    def run():
        start.wait()
        try:
            with locked(project.out):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.02)
                inside.pop()
        except InputError as error:
            refusals.append(error.findings[0].id)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert set(refusals) == {"E-RUN-01"}


def test_an_output_that_is_a_file(project):
    (project.folder / "file").write_text("x")
    for name in ("file", "file/out", "x" * 300):
        project.config["run"]["output"] = name
        refused(project, "E-RUN-04")


FILL = """
import json, subprocess, sys
from pathlib import Path
sys.path.insert(0, "tests")
import broken
project = broken.Project(Path(sys.argv[1]), broken.config())
project.config["run"]["output"] = "disk"
disk, quiet, told = project.folder / "disk", project.results(), {}
disk.mkdir()
def mount(*options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(disk)], check=True)
for size in sys.argv[2:]:
    mount(f"size={size}")
    full = project.sinks("run", "--json", "--threads", "1")
    broken.tells_nothing(full.out + full.err, project.folder)
    torn = [name for name, content in broken.results(disk).items() if name.startswith("tables/") and content != quiet[name]]
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    again = project.sinks("run", "--json")
    told[size] = [full.code, full.ids, torn, again.code, broken.results(disk) == quiet, [path.name for path in disk.rglob("*.new")]]
    subprocess.run(["umount", "-l", str(disk)], check=True)
mount("ro")
full = project.sinks("run", "--json")
told["ro"] = [full.code, full.ids]
print(json.dumps(told))
"""
SIZES = ("48k", "304k")


@pytest.fixture(scope="module")
def small_disks(tmp_path_factory):
    """What runs on disks of several sizes say, in a process that mounts them for itself alone."""
    project = good(tmp_path_factory.mktemp("disks"))
    done = subprocess.run(["unshare", "--mount", sys.executable, "-c", FILL, str(project.folder), *SIZES], cwd=ROOT, capture_output=True, check=False)
    if b"unshare failed" in done.stderr or b"not permitted" in done.stderr or b"superuser" in done.stderr:
        pytest.skip("only a user who may mount can fill a disk; the limit on the size of a file stands in for it")
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize("size", SIZES)
def test_a_disk_that_fills_up_breaks_nothing_and_the_run_goes_on(small_disks, size):
    """At whatever write it fills up: no broken file has a final name, and after room is made the bytes are those of a quiet run."""
    code, ids, torn, again, same, left = small_disks[size]
    assert (code, ids, torn) == (3, ["E-RUN-03"], [])
    assert (again, same, left) == (0, True, [])


def test_a_disk_that_cannot_be_written(small_disks):
    """Permissions do not hold an administrator back; a disk that is read-only does."""
    assert small_disks["ro"] == [2, ["E-RUN-04"]]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from sinks.cli import main
main(sys.argv[2:])
"""


def test_a_file_that_may_not_grow_is_a_full_disk(project):
    """The same where nobody may mount: a limit on the size of a file, in a process of its own."""
    before = project.results()
    other_inputs(project)
    project.save()
    command = [sys.executable, "-c", LIMITED, "200", "--lang", "en", "run", "--json", str(project.file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 3, done.stderr.decode()
    assert [one["id"] for one in json.loads(done.stdout)["findings"]] == ["E-RUN-03"]
    tells_nothing(done.stdout.decode() + done.stderr.decode(), project.folder)
    assert project.results() == before
    ran(project)


def test_a_table_that_is_open_in_another_program(project, monkeypatch):
    """Windows refuses to replace it; said plainly, and once it is closed the run goes through."""
    quiet = project.results()
    other_inputs(project)

    def refuse(source, target):
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr("aoi.table.os.replace", refuse)
    refused(project, "E-FILE-05")
    monkeypatch.undo()
    ran(project)
    assert project.results() != quiet


def meddled(monkeypatch, before=None, after=None):
    """Do something to the files right before or after the pass over the pixels."""

    def pass_over(*arguments, **more):
        if before:
            before()
        map_windows(*arguments, **more)
        if after:
            after()

    monkeypatch.setattr(pipeline, "map_windows", pass_over)


def test_an_input_that_changes_during_the_run(project, monkeypatch):
    before = project.results()
    other_inputs(project)
    meddled(monkeypatch, after=lambda: project.values("agb_2020.tif", lambda cells: cells + np.float32(0.5)))
    said = project.sinks("run", "--json")
    assert (said.code, said.ids) == (2, ["E-HASH-01"])
    assert said.findings[0]["where"] == "agb_2020.tif"
    assert project.results() == before


def test_an_input_that_goes_during_the_run(project, monkeypatch):
    before = project.results()
    other_inputs(project)
    meddled(monkeypatch, after=(project.folder / "agb_2020.tif").unlink)
    said = project.sinks("run", "--json")
    assert (said.code, said.ids) == (2, ["E-HASH-01"])
    assert project.results() == before


def test_partial_tables_of_an_input_that_was_changed_and_put_back_are_not_taken_up(project, monkeypatch):
    """The content is that of the first hash again, but what was summed is not."""
    quiet = project.results()
    path = project.folder / "agb_2020.tif"
    whole, status = path.read_bytes(), path.stat()
    for left in [*(project.out / "tables").glob("activity*"), *(project.out / "partials").glob("*")]:
        left.unlink()
    meddled(monkeypatch, before=lambda: project.values("agb_2020.tif", lambda cells: cells + 20))
    assert project.sinks("run", "--json").ids == ["E-HASH-01"]
    monkeypatch.undo()
    path.write_bytes(whole)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    ran(project)
    assert project.results() == quiet


def test_an_input_that_is_replaced_between_two_runs_of_one_process(project):
    """A notebook runs again and again: a handle that was left open must not give the cells of the old file."""
    other_inputs(project)
    ran(project)
    before = project.results()["tables/stocks.csv"]
    project.values("agb_2023.tif", lambda cells: cells * np.float32(1.2))
    ran(project)
    changed = project.results()["tables/stocks.csv"]
    assert changed != before
    shutil.copy(project.folder / "agb_2023.tif", project.folder / "copy.tif")
    project.config["layers"]["aboveground_biomass"]["2023"] = "copy.tif"
    project.config["run"]["output"] = "other"
    ran(project)
    assert results(project.folder / "other")["tables/stocks.csv"] == changed


def test_new_names_of_zones_reach_the_tables_without_a_pass(project):
    frame = broken.zones()
    frame["name_zh"] = ["西边", "中间", "东边"]
    (project.folder / "zones.gpkg").unlink()
    frame.to_file(project.folder / "zones.gpkg", engine="pyogrio")
    ran(project)
    assert "西边" in (project.out / "tables" / "zones.csv").read_text(encoding="utf-8")
    last = [json.loads(line) for line in (project.out / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["computed"] for line in last if line["event"] == "tabulated"] == [1, 0]


def test_partial_tables_that_are_garbage(project):
    for path in (project.out / "tables").glob("activity*"):
        path.unlink()
    (partial,) = (project.out / "partials").glob("*.sqlite")
    partial.write_bytes(b"not a database" * 100)
    (found,) = refused(project, "E-RUN-02")
    assert found["where"] == partial.name
    assert "partials" in found["remedy"]


def test_partial_tables_with_a_row_that_is_garbage(project):
    for path in (project.out / "tables").glob("activity*"):
        path.unlink()
    (partial,) = (project.out / "partials").glob("*.sqlite")
    database = sqlite3.connect(partial)
    database.execute("UPDATE tile SET content = x'0102'")
    database.commit()
    database.close()
    refused(project, "E-RUN-02")


SLOWLY = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
import aoi.grids
aoi.grids.TILE = 16
import sinks.layers.windows as windows
read, rest = windows.read_stored, float(sys.argv[1])
def slowly(*arguments):
    time.sleep(rest)
    return read(*arguments)
windows.read_stored = slowly
import sinks.pipeline
sinks.pipeline.check_inputs = lambda *_, **__: []
from sinks.cli import main
main(sys.argv[2:])
"""


def tiles_kept(out):
    """Tiles on disk."""
    (partial,) = (out / "partials").glob("*.sqlite")
    with sqlite3.connect(partial) as database:
        return database.execute("SELECT count(*) FROM tile").fetchone()[0]


def test_a_run_that_is_stopped_keeps_its_tiles_and_goes_on(project):
    """Ctrl-C leaves with exit 3, without a table and without a lock; the same command does the rest."""
    project.config["run"]["output"] = "stopped"
    project.save()
    out = project.folder / "stopped"
    command = [sys.executable, "-c", SLOWLY, "0.2", "--lang", "en", "run", "--threads", "2", "--window", "1", str(project.file)]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (list((out / "partials").glob("*.sqlite")) and tiles_of(out) >= 2):
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    kept = tiles_kept(out)
    assert 2 <= kept < 20
    assert run.returncode == 3
    assert "the same command goes on" in err.decode()
    assert "Traceback" not in err.decode()
    assert not (out / ".lock").exists()
    assert not (out / "tables").exists()
    command[3] = "0"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in (out / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["computed"] for line in lines if line["event"] == "tabulated"] == [20 - kept]
    assert results(out).keys() == project.results().keys()


def tiles_of(out):
    """Tiles on disk so far; none while the file is being made."""
    try:
        return tiles_kept(out)
    except sqlite3.OperationalError:
        return 0


def test_ctrl_c_in_this_process(project, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    other_inputs(project)
    before = project.results()
    monkeypatch.setattr(pipeline, "map_windows", stop)
    said = project.sinks("run", lang="zh")
    assert said.code == 3
    assert "同一命令接着算" in said.err
    assert project.results() == before
    assert not (project.out / ".lock").exists()


@pytest.mark.parametrize("verb", ["run", "check", "tabulate"])
def test_an_import_name_with_two_owners(project, monkeypatch, verb):
    monkeypatch.setattr(broken, "_owners", lambda: {"aoi": ["aoi", "nmg-ecosystem-sinks"], "sinks": ["nmg-ecosystem-sinks"]})
    (found,) = refused(project, "E-RUN-06", verb=verb)
    assert "aoi, nmg-ecosystem-sinks" in found["found"]
    assert "E-RUN-06" in sinks("doctor").out


def test_folders_that_are_no_runs(project, tmp_path):
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "empty", tmp_path / "nothing", project.folder):
        for arguments in (("account", str(out)), ("explain", str(out), "--zone", "west", "--ecosystem", "forest", "--year", "2020")):
            said = sinks(*arguments, "--json")
            assert (said.code, said.ids) == (2, ["E-RUN-05"]), said.err
            assert str(tmp_path) not in said.out
    assert not (tmp_path / "nothing").exists()
    (project.out / "inputs" / "settings.json").write_text("{}")
    assert sinks("account", str(project.out), "--json").ids == ["E-RUN-05"]
    (project.out / "inputs" / "settings.json").write_text("[")
    assert sinks("account", str(project.out), "--json").ids == ["E-RUN-05"]


def test_questions_that_have_no_answer(project):
    ask = ("explain", str(project.out), "--json", "--ecosystem", "forest")
    assert sinks(*ask, "--zone", "north", "--year", "2020").ids == ["E-EXPLAIN-01"]
    assert sinks(*ask, "--zone", "west", "--year", "1999").ids == ["E-EXPLAIN-01"]
    target = str(project.folder / "map.tif")
    assert project.sinks("map", "--year", "1999", "-o", target, "--json").ids == ["E-MAP-01"]
    assert project.sinks("map", "--year", "2017", "--change", "-o", target, "--json").ids == ["E-MAP-01"]
    assert not (project.folder / "map.tif").exists()


def test_a_map_of_broken_rasters_is_not_written(project):
    path = project.folder / "agb_2020.tif"
    path.write_bytes(path.read_bytes()[:-6000])
    target = project.folder / "map.tif"
    said = project.sinks("map", "--year", "2020", "-o", str(target), "--json")
    assert (said.code, said.ids) == (2, ["E-RASTER-03"])
    assert not target.exists()
    assert not list(project.folder.glob("*map*"))


def test_a_map_into_a_folder_that_is_not_there(project):
    said = project.sinks("map", "--year", "2020", "-o", str(project.folder / "no" / "map.tif"), "--json")
    assert said.code == 2 or (project.folder / "no" / "map.tif").exists()


def test_a_scheduler_that_is_not_there(project, monkeypatch):
    def refuse(address):
        raise OSError(f"Timed out trying to connect to {address}")

    monkeypatch.setattr("distributed.Client", refuse)
    other_inputs(project)
    (found,) = refused(project, "E-RUN-08", options=("--scheduler", "tcp://127.0.0.1:1"))
    assert "tcp://127.0.0.1:1" in found["found"]


def test_a_projection_that_has_no_scale_here(project):
    """An orthographic grid of the other side of the earth: its cells have no area."""
    project.config["grid"] = {"crs": "+proj=ortho +lat_0=-43 +lon_0=-68 +ellps=GRS80", "resolution": 1000}
    for layer in project.config["layers"].values():
        layer["resampling"] = "nearest"
    said = project.sinks("check", "--json")
    assert said.code == 2
    assert {one[:7] for one in said.ids} <= {"E-GRID-", "E-CRS-0", "E-AREA-"}


def test_times_stand_in_the_journal_alone(project):
    """Whatever was tried before, the bytes of a run are the bytes of a run."""
    quiet = project.results()
    (project.folder / "agb_2020.tif").rename(project.folder / "away.tif")
    refused(project, "E-FILE-01")
    (project.folder / "away.tif").rename(project.folder / "agb_2020.tif")
    for path in (project.out / "tables").glob("*"):
        path.unlink()
    (project.out / "run.json").unlink()
    ran(project)
    assert project.results() == quiet
    assert rasterio.__version__ in (project.out / "run.json").read_text()


def test_tables_of_a_run_that_are_tampered_with_are_made_anew(project):
    before = project.results()
    for name in ("activity_year", "stocks", "summary"):
        (project.out / "tables" / f"{name}.csv").write_text("zone\n", encoding="utf-8")
    ran(project)
    assert project.results() == before
