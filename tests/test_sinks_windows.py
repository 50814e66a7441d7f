"""Windows on a real cluster of processes: what a dying worker costs, and what is kept."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from landscapes import Landscape, Lattice, whole_zone, write

from aoi.grids import Tile
from sinks.errors import Unfinished
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
