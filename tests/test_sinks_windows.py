"""Windows on a real cluster of processes: what a dying worker costs, and what is kept."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from landscapes import Landscape, Lattice, Tiling, whole_zone, write

from aoi.grids import Tile
from sinks.errors import Unfinished
from sinks.layers import windows
from sinks.layers.windows import Block, Engine, map_windows
from sinks.setup import set_up


class Kept:
    """Outputs in memory."""

    def __init__(self) -> None:
        self.results: dict[tuple[int, int], Any] = {}

    def done(self, tile: Tile) -> bool:
        return (tile.row, tile.col) in self.results

    def put(self, tile: Tile, result: Any) -> None:
        self.results[tile.row, tile.col] = result


@pytest.mark.enable_socket
@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_always_dies_ends_the_run_and_keeps_the_rest(tmp_path: Path) -> None:
    """The run says what happened (exit 3), and the tiles that were done stay; without the fault it goes on from them."""
    lattice = Lattice(height=20, width=1100)
    path = write(Landscape(lattice=lattice, zones=whole_zone(lattice), land={2020: np.full((20, 1100), 2, dtype=np.uint8)}), tmp_path)
    setup = set_up(path)

    def deadly(block: Block) -> int:
        if block.tile.col == 1:
            os._exit(1)
        return block.tile.col

    kept = Kept()
    with pytest.raises(Unfinished) as caught:
        map_windows(setup.stack, setup.coverage(), deadly, kept, engine=Engine(workers=1, window_tiles=1))
    assert [one.id for one in caught.value.findings] == ["E-RUN-10"]
    assert (0, 1) not in kept.results
    before = dict(kept.results)
    map_windows(setup.stack, setup.coverage(), lambda block: block.tile.col, kept, engine=Engine(threads=1))
    assert kept.results == {(0, 0): 0, (0, 1): 1, (0, 2): 2}
    assert before.items() <= kept.results.items()


@pytest.mark.parametrize(("tiling", "widths"), [(Tiling(), {1100}), (Tiling(block=256), {512, 76})], ids=["whole rows", "blocks"])
def test_files_of_whole_rows_are_read_in_whole_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiling: Tiling, widths: set[int]) -> None:
    """A few columns of such a file cost all of them, so a window goes across; the tiles stay what they are."""
    lattice = Lattice(height=600, width=1100)
    land = {2020: np.full(lattice.shape, 2, dtype=np.uint8)}
    setup = set_up(write(Landscape(lattice=lattice, zones=whole_zone(lattice), land=land), tmp_path, tiling))
    seen = set()
    read = windows.read_stored
    monkeypatch.setattr(windows, "read_stored", lambda layer, member, extent, scratch: (seen.add(extent.width), read(layer, member, extent, scratch))[1])
    kept = Kept()
    map_windows(setup.stack, setup.coverage(), lambda block: block.tile.width, kept, engine=Engine(threads=1), closely=False)
    assert seen == widths
    assert kept.results == {(row, col): [512, 512, 76][col] for row in range(2) for col in range(3)}


def test_wide_windows_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory decides how wide: never narrower than asked for, never more than a row of tiles."""
    lattice = Lattice(height=8, width=2100)
    setup = set_up(write(Landscape(lattice=lattice, zones=whole_zone(lattice), land={2020: np.full(lattice.shape, 2, dtype=np.uint8)}), tmp_path))
    for room, width in ((0, 1), (2 * 512 * 512 * 8 + 1000, 2), (1 << 40, 5)):
        monkeypatch.setattr(windows, "_WIDEST_BYTES", room)
        assert windows._width_of_windows(setup.stack, 1, None) == width
    assert windows._width_of_windows(setup.stack, 1, frozenset()) == 1
