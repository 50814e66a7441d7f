"""Stops in the middle, files that change, caches that are damaged: what came is kept, what is wrong is fetched anew, the bytes are the same."""

import errno
import os
import signal
import subprocess
import sys
import time

import broken
import pytest
from catalogues import Server, cut, serving, slow, status, then
from clouds import activity_in, activity_of, cached, impatient, refused, stac_project, tables_from_files, with_results

from sinks.estimation.retrieval import retrieval_of
from sinks.layers.cloud import remote
from sinks.provenance import locked

LAND_2020 = "/data/land_cover/land_2020.tif"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of the good project from files."""
    return tables_from_files(tmp_path_factory.mktemp("files"))


# -- stops, changes, damage --------------------------------------------------------------------------------


def test_a_server_that_dies_in_the_middle_and_comes_back(server, tmp_path, from_files, monkeypatch):
    """What came is not asked for again: each block of each file comes over the network once."""
    monkeypatch.setattr(remote, "GAP", -1)  # a request per block, so that there is a middle
    monkeypatch.setattr(remote, "THREADS", 1)
    project = stac_project(tmp_path / "p", server)
    server.fault("GET /data/land_cover/land_2023", status(503), skip=8)
    said = project.sinks("fetch", "--allow-network", "--json")
    assert said.code == 3
    server.stop()
    first = [one.range for one in server.data_requests() if "land_2023" in one.path and one.range][: 1 + 7]
    server.faults.clear()
    server.seen.clear()
    assert project.sinks("fetch", "--allow-network", "--json").code == 3  # nobody there
    server.start()
    assert activity_of(project) == activity_in(from_files)
    again = [one.range for one in server.data_requests() if "land_2023" in one.path]
    assert not set(first[1:]) & set(again)
    assert len(first[1:]) + len(again) == 20


def test_a_fetch_that_is_killed_goes_on(server, tmp_path, from_files):
    """kill -9 of the process in the middle of the blocks, several times; then the same tables, and the same bytes in the cache."""
    whole = stac_project(tmp_path / "whole", server)
    assert whole.sinks("fetch", "--allow-network").code == 0
    project = broken.Project(tmp_path / "p", whole.config)
    project.folder.mkdir()
    (project.folder / "zones.gpkg").write_bytes((whole.folder / "zones.gpkg").read_bytes())
    project.save()
    server.fault("GET /data", slow(0.25))
    for _ in range(3):
        before = len(server.data_requests())
        process = subprocess.Popen(
            [sys.executable, "-m", "sinks", "fetch", str(project.file), "--allow-network", "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while len(server.data_requests()) < before + 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    server.faults.clear()
    assert activity_of(project) == activity_in(from_files)
    assert cached(project) == cached(whole)


def test_a_file_that_changes_in_the_middle_is_fetched_anew(server, tmp_path):
    """Between its plan and its blocks it becomes another one: no block of the old one stays."""
    project = stac_project(tmp_path / "p", server)
    cells = broken.land_cover(2017)
    broken.write_raster(tmp_path / "new.tif", cells, nodata=0, compress="lzw")
    new = (tmp_path / "new.tif").read_bytes()
    assert new != server.files[LAND_2020]
    server.fault(f"GET {LAND_2020}", then(lambda one: one.files.update({LAND_2020: new})), times=1, skip=1)
    said = project.sinks("fetch", "--allow-network", "--json")
    assert said.code == 0
    assert said.ids == ["W-NET-14"]
    found = activity_of(project, fetched=False)
    plain = broken.make_project(tmp_path / "plain")
    (plain.folder / "land_2020.tif").write_bytes(new)
    assert found == activity_of(plain, fetched=False)


def test_a_file_that_changes_all_the_time_is_given_up(server, tmp_path):
    project = with_results(tmp_path, server)

    def change(one: Server) -> None:
        one.files[LAND_2020] += b"\0"

    server.fault(f"GET {LAND_2020}", then(change))
    refused(project, "E-NET-10")


def test_refresh_finds_a_file_that_became_another_one(server, tmp_path):
    """Everything is there: fetch asks nothing, fetch --refresh asks every file and brings the new one."""
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("fetch", "--allow-network").code == 0
    broken.write_raster(tmp_path / "new.tif", broken.land_cover(2023), nodata=0, compress="lzw")
    server.files[LAND_2020] = (tmp_path / "new.tif").read_bytes()
    server.seen.clear()
    assert project.sinks("fetch", "--allow-network", "--json").ids == []
    assert server.seen == []
    assert project.sinks("fetch", "--allow-network", "--refresh", "--json").ids == ["W-NET-14"]
    assert project.sinks("fetch", "--allow-network", "--refresh", "--json").ids == []


def test_a_server_without_ranges_sends_the_whole_file_and_the_cache_is_the_same(server, tmp_path, from_files):
    whole = stac_project(tmp_path / "whole", server)
    assert whole.sinks("fetch", "--allow-network").code == 0
    server.ranges = False
    project = broken.Project(tmp_path / "p", whole.config)
    project.folder.mkdir()
    (project.folder / "zones.gpkg").write_bytes((whole.folder / "zones.gpkg").read_bytes())
    server.fault(f"GET {LAND_2020}", cut, times=1)
    assert project.sinks("fetch", "--allow-network", "--json").ids == ["N-NET-13"] * 6
    assert cached(project) == cached(whole)
    assert activity_of(project, fetched=False) == activity_in(from_files)
    assert not list(project.folder.rglob("whole.tif"))
    assert project.sinks("fetch", "--allow-network", "--refresh", "--json").code == 0


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_cache_is_found_and_mended(server, tmp_path, from_files, damage):
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("fetch", "--allow-network").code == 0
    path = project.folder / ".sinks-cache" / next(iter(cached(project)))
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flipped" else content[:-5])
    said = project.sinks("run", "--json")
    assert said.code == 2
    assert said.ids == ["E-STAC-02" if damage == "gone" else "E-NET-09"]
    assert activity_of(project) == activity_in(from_files)


def test_a_flip_without_a_trace_is_found_by_its_hash(server, tmp_path):
    """Same length, same time of change: the hash that every run makes tells."""
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("fetch", "--allow-network").code == 0
    path = project.folder / ".sinks-cache" / next(iter(cached(project)))
    content, times = bytearray(path.read_bytes()), path.stat()
    content[-3] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.sinks("run", "--json").ids == ["E-NET-09"]


@pytest.mark.parametrize("name", ["object.json", "places.npy", "header.tif"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x93NUMPY\x01\x00garbage", b"[1]"])
def test_a_cache_that_holds_nonsense_is_fetched_anew(server, tmp_path, from_files, name, content):
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("fetch", "--allow-network").code == 0
    for path in (project.folder / ".sinks-cache").rglob(name):
        path.write_bytes(content)
    for path in (project.folder / ".sinks-cache").glob("searches/*.json"):
        path.write_bytes(content)
    assert project.sinks("run", "--json").code == 2
    assert activity_of(project) == activity_in(from_files)


def test_threads_and_requests_leave_the_same_bytes(server, tmp_path, monkeypatch):
    one = stac_project(tmp_path / "one", server)
    assert one.sinks("fetch", "--allow-network").code == 0
    monkeypatch.setattr(remote, "GAP", -1)
    monkeypatch.setattr(remote, "THREADS", 7)
    monkeypatch.setattr(remote, "FIRST", 100)
    other = broken.Project(tmp_path / "other", one.config)
    other.folder.mkdir()
    (other.folder / "zones.gpkg").write_bytes((one.folder / "zones.gpkg").read_bytes())
    assert other.sinks("fetch", "--allow-network").code == 0
    assert cached(one) == cached(other)


def test_a_full_disk_ends_the_fetch_and_it_goes_on(server, tmp_path, from_files, monkeypatch):
    """The disk takes no more blocks, then no more files: exit 3, no traceback, no half file; with room again it goes on."""
    project = stac_project(tmp_path / "p", server)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("sinks.layers.cloud.remote.part_record", "sinks.layers.cloud.cache.write_tiff"):
        with monkeypatch.context() as patch:
            patch.setattr(name, full)
            said = project.sinks("fetch", "--allow-network", "--json")
        assert (said.code, said.ids) == (3, ["E-RUN-03"])
        assert not list((project.folder / ".sinks-cache").rglob("*.new"))
    assert activity_of(project) == activity_in(from_files)


def test_two_fetches_at_once_are_one_after_the_other(server, tmp_path):
    """A cache that another process holds is left alone."""
    project = stac_project(tmp_path / "p", server)
    cache = project.folder / ".sinks-cache"
    cache.mkdir()
    with locked(cache):
        assert project.sinks("fetch", "--allow-network", "--json").ids == ["E-RUN-01"]
    assert project.sinks("fetch", "--allow-network").code == 0


def test_predictors_of_a_retrieval_come_too(server, tmp_path):
    """[predictors] of a catalogue: fetched with the rest, at the dates of the run and of the plots, and read without a network."""
    project = stac_project(tmp_path / "p", server)
    layers = project.config["layers"]
    project.config["predictors"] = {"height": {**{key: layers["aboveground_biomass"][key] for key in ("stac", "collection", "asset")}}}
    layers["aboveground_biomass"] = {**{str(year): f"made/agb_{year}.tif" for year in broken.DATES}, "unit": "t ha-1", "basis": "dry_matter"}
    project.config["plots"] = {"file": "plots.csv", "year": 2020, "unit": "t ha-1", "basis": "dry_matter"}
    project.config["retrieval"] = {"model": "linear"}
    project.save()
    assert project.sinks("fetch", "--allow-network").code == 0
    assert len(cached(project)) == 6
    server.stop()
    retrieval = retrieval_of(project.file)
    assert [(one.layer, one.year) for one in retrieval.sources if one.layer == "height"] == [("height", year) for year in broken.DATES]
    assert all(file.path.endswith(".tif") and "header" not in file.path for file in next(iter(retrieval.stack.layer("height").members(2020))))
