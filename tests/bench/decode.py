"""rasterio alone: reads the windows that a run reads, in the same blocks, and does nothing with them."""

import argparse
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rasterio.windows import Window

from aoi.grids import Tile
from bench.clock import Clock, say
from sinks.layers.raster import rasterio
from sinks.setup import Setup, set_up

_handles = threading.local()


def main() -> None:
    """Read what a run file names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run_file", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--window", type=int, default=1)
    options = parser.parse_args()
    setup = set_up(options.run_file)
    paths = sorted(str(source.path) for source in setup.sources)
    windows = list(windows_of(setup, options.window))
    clock = Clock()
    with ThreadPoolExecutor(options.threads) as pool:
        cells = sum(pool.map(lambda window: _read(paths, window), windows))
    say(clock.figures(cells=cells, files=len(paths), windows=len(windows)))


def windows_of(setup: Setup, size: int) -> Iterator[Window]:
    """Windows of so many tiles a side that hold the tiles which a zone touches."""
    coverage = setup.coverage()
    groups: dict[tuple[int, int], list[Tile]] = {}
    for tile in setup.grid.tiles():
        if coverage.touches(tile):
            groups.setdefault((tile.row // size, tile.col // size), []).append(tile)
    for tiles in groups.values():
        top, left = min(tile.row_off for tile in tiles), min(tile.col_off for tile in tiles)
        bottom, right = max(tile.row_off + tile.height for tile in tiles), max(tile.col_off + tile.width for tile in tiles)
        yield Window(left, top, right - left, bottom - top)


def _read(paths: list[str], window: Window) -> int:
    return sum(_dataset(path).read(1, window=window).size for path in paths)


def _dataset(path: str) -> Any:
    """One handle per thread and file."""
    opened: dict[str, Any] = _handles.__dict__.setdefault("opened", {})
    if path not in opened:
        opened[path] = rasterio.open(path, driver="GTiff")
    return opened[path]


if __name__ == "__main__":
    main()
