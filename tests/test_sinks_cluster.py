"""Windows on a real cluster: what a dying worker, all of them, or the scheduler cost, and what is kept."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import laws
import numpy as np
import pytest
from clusters import ROOT, Cluster
from landscapes import ARBOR, CROPLAND, GRASS, Landscape, Lattice, Tiling, finish, tiling_zones, whole_zone, write

from aoi.findings import InputError
from aoi.grids import Tile
from sinks.errors import Unfinished
from sinks.layers import cluster as clustering
from sinks.layers.windows import Block, Engine, map_windows
from sinks.setup import Setup, set_up

pytestmark = [pytest.mark.enable_socket, pytest.mark.filterwarnings("ignore")]
WIDE = Lattice(cell=100.0, height=20, width=512 * 24)
"""Twenty-four tiles in a row."""


class Kept:
    """Outputs in memory; a tile that comes twice is an error."""

    def __init__(self, after: int = 10**9, do: Callable[[], None] = lambda: None) -> None:
        self.results: dict[int, Any] = {}
        self._after, self._do = after, do

    def done(self, tile: Tile) -> bool:
        return tile.col in self.results

    def put(self, tile: Tile, result: Any) -> None:
        assert tile.col not in self.results
        self.results[tile.col] = result
        if len(self.results) == self._after:
            self._do()


@pytest.fixture(scope="module")
def setup(tmp_path_factory) -> Setup:
    """A run of twenty-four tiles."""
    land = {2020: np.full(WIDE.shape, 2, dtype=np.uint8)}
    return set_up(write(Landscape(lattice=WIDE, land=land, zones=whole_zone(WIDE)), tmp_path_factory.mktemp("wide"), Tiling(block=512)))


def slow(block: Block) -> int:
    """Takes its time."""
    time.sleep(0.1)
    return block.tile.col


EXPECTED = {col: col for col in range(24)}


def mapped(setup: Setup, kept: Kept, cluster: Cluster, function: Callable[[Block], Any] = slow) -> None:
    """The pass on a cluster."""
    map_windows(setup.stack, setup.coverage(), function, kept, engine=Engine(scheduler=cluster.address))


def test_one_worker_that_is_killed_costs_its_windows_only(setup, tmp_path):
    """SIGKILL to one of two after the fourth tile: every tile comes, and comes once."""
    with Cluster(tmp_path) as cluster:
        cluster.start(2)
        kept = Kept(4, lambda: cluster.kill(0))
        mapped(setup, kept, cluster)
        assert cluster.workers[1].poll() is None
    assert kept.results == EXPECTED


def test_all_workers_at_once_and_others_that_come_later(setup, tmp_path):
    """The scattered set-up is gone with them: it is scattered anew to the next worker, and what was kept is not done again."""
    with Cluster(tmp_path) as cluster:
        cluster.start(2)

        def disaster() -> None:
            cluster.kill(0, 1)
            cluster.start()

        kept = Kept(6, disaster)
        mapped(setup, kept, cluster)
    assert kept.results == EXPECTED


@pytest.mark.long
def test_all_workers_gone_for_good(setup, tmp_path, monkeypatch):
    """Exit 3 after a bounded wait, and what was kept stays."""
    monkeypatch.setattr(clustering, "WAIT_SECONDS", 2.0)
    monkeypatch.setattr(clustering, "_POLL_SECONDS", 0.5)
    with Cluster(tmp_path) as cluster:
        cluster.start(1)
        kept = Kept(3, lambda: cluster.kill(0))
        with pytest.raises(Unfinished) as caught:
            mapped(setup, kept, cluster)
        assert [one.id for one in caught.value.findings] == ["E-RUN-11"]
        assert 3 <= len(kept.results) < 24
        cluster.start(1)
        mapped(setup, kept, cluster)
    assert kept.results == EXPECTED


def test_a_scheduler_that_goes_away(setup, tmp_path, monkeypatch):
    """Exit 3, soon, and the rest can be done elsewhere."""
    monkeypatch.setattr(clustering, "_POLL_SECONDS", 0.5)
    monkeypatch.setattr(clustering, "_GONE_SECONDS", 3.0)
    with Cluster(tmp_path) as cluster:
        cluster.start(1)
        kept = Kept(3, cluster.scheduler.kill)
        began = time.monotonic()
        with pytest.raises(Unfinished) as caught:
            mapped(setup, kept, cluster)
        assert time.monotonic() - began < 40
    assert [one.id for one in caught.value.findings] == ["E-RUN-10"]
    assert 3 <= len(kept.results) < 24
    map_windows(setup.stack, setup.coverage(), lambda block: block.tile.col, kept, engine=Engine(threads=1))
    assert kept.results == EXPECTED


def test_a_cluster_without_workers_is_not_waited_for_for_ever(setup, tmp_path, monkeypatch):
    monkeypatch.setattr(clustering, "WAIT_SECONDS", 1.0)
    with Cluster(tmp_path) as cluster, pytest.raises(Unfinished) as caught:
        mapped(setup, Kept(), cluster)
    (found,) = caught.value.findings
    assert (found.id, "dask worker" in found.say("remedy", "en"), "1 s" in found.say("found", "en")) == ("E-RUN-11", True, True)


def test_workers_of_another_version_are_refused(setup, tmp_path):
    """Told by the hash of the code, before any window is handed out; one that comes later refuses the task itself."""
    with Cluster(tmp_path, "import sinks.program\nsinks.program.code_hash = lambda *_: 'f' * 64\n") as cluster:
        cluster.start(1)
        kept = Kept()
        with pytest.raises(InputError) as caught:
            mapped(setup, kept, cluster)
    assert [one.id for one in caught.value.findings] == ["E-RUN-12"]
    assert "ffffffffffff" in str(caught.value)
    assert kept.results == {}
    with pytest.raises(InputError):
        clustering._call(lambda tiles: tiles, "another", [])


@pytest.mark.long
def test_a_window_on_which_every_worker_dies_is_named_and_the_others_are_kept(setup, tmp_path):
    """Five workers, one deadly tile: its neighbours in the task are done, the run ends with exit 3 and names the tile."""

    def deadly(block: Block) -> int:
        if block.tile.col == 7:
            os._exit(1)
        return block.tile.col

    kept = Kept()
    with pytest.raises(Unfinished) as caught:
        map_windows(setup.stack, setup.coverage(), deadly, kept, engine=Engine(workers=2))
    (found,) = caught.value.findings
    assert (found.id, found.where) == ("E-RUN-10", "tile 0, 7")
    assert kept.results == {col: col for col in range(24) if col != 7}


@pytest.mark.parametrize(("windows", "threads", "sizes"), [(24, 2, [3] * 8), (7, 2, [1] * 7), (1000, 2, [8] * 125), (33, 1, [8, 8, 8, 8, 1]), (1, 8, [1])])
def test_each_thread_has_some_tasks_of_some_windows(windows, threads, sizes):
    found = clustering._batches([[number] for number in range(windows)], threads)
    assert [len(batch) for batch in found] == sizes
    assert [tiles for batch in found for tiles in batch] == [[number] for number in range(windows)]


# -- the whole of it -----------------------------------------------------------------------------------------

SLOWLY = """
import time
import sinks.layers.layer as layer
import sinks.layers.windows as windows
def slowly(*arguments, read=layer.read_stored):
    time.sleep(0.05)
    return read(*arguments)
windows.read_stored = slowly
"""
"""Workers load it more than once, so it must not wrap itself."""


def landscape() -> Landscape:
    """Two dates of land cover and biomass over fifteen tiles."""
    lattice = Lattice(height=1030, width=2500)
    drawn = np.random.default_rng(6)
    land = {year: np.kron(drawn.choice([CROPLAND, ARBOR, GRASS], size=(103, 250)), np.ones((10, 10), dtype=np.uint8)) for year in (2020, 2023)}
    biomass = {year: 90.0 * drawn.random(lattice.shape) for year in land}
    return Landscape(lattice=lattice, land=land, layers={"aboveground_biomass": biomass}, zones=tiling_zones(lattice, 2), base_year=False)


def sinks_run(path: Path, *options: str) -> "subprocess.Popen[str]":
    """``sinks run`` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SINKS_LANG": "en"}
    command = [sys.executable, "-m", "sinks", "run", str(path), *options]
    return subprocess.Popen(command, env=environment, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_run_on_a_cluster_with_a_killed_worker_has_the_bytes_of_one_on_threads(tmp_path):
    """The command line, two workers, one of them killed in the middle; progress is told, and nothing else."""
    path = write(landscape(), tmp_path / "run", Tiling(block=512))
    expected = finish(path, Engine(threads=2), tmp_path / "quiet").bytes()
    with Cluster(tmp_path / "cluster", SLOWLY) as cluster:
        cluster.start(2)
        run = sinks_run(path, "--scheduler", cluster.address)
        told: list[str] = []
        reader = threading.Thread(target=lambda: told.extend(run.stderr))
        reader.start()
        time.sleep(0.1)
        partials = path.parent / "out" / "partials"
        while run.poll() is None and not any(each.stat().st_size > 8192 for each in partials.glob("*.sqlite*")):
            time.sleep(0.01)
        cluster.kill(0)
        reader.join(90)
        run.wait(10)
    assert run.returncode == 0, told
    assert any("tiles, about" in line for line in told)
    assert laws.different_files(expected, {name: (path.parent / "out" / "tables" / name).read_bytes() for name in expected}) == []
