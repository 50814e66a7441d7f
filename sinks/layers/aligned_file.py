"""One aligned GeoTIFF: tiles come in any order, the file has one order and is read again before it gets its name.

Tiles are first kept in a file beside; blocks are then written once more in the order
of the tiles, so that the bytes do not tell which window or worker came first. Every
tile's check sum is compared when the whole is read again: a full disk can be silent
(FAULTS finding 4), and a block that was never written reads as no data.
"""

import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from aoi.grids import TILE, Grid, Tile, horizontal_crs
from sinks.errors import Unfinished
from sinks.layers.disk import GDAL_FAILURES, disk_failure
from sinks.layers.encoding import Encoding
from sinks.layers.raster import rasterio


@dataclass(frozen=True, slots=True)
class EncodedTile:
    """The cells of a tile as they stand in the file, and the largest rounding among them."""

    cells: NDArray[Any]
    largest_error: float


@lru_cache(maxsize=1)
def compression() -> dict[str, Any]:
    """How blocks are packed: ZSTD at its fastest, deflate where GDAL was built without it."""
    wanted = {"compress": "zstd", "zstd_level": 1}
    tried = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8", "transform": rasterio.Affine(2.0, 0.0, 0.0, 0.0, -2.0, 0.0)}
    try:
        with rasterio.MemoryFile() as memory, memory.open(**tried, **wanted):
            return wanted
    except RasterioError:
        return {"compress": "deflate", "zlevel": 1}


class AlignedFile:
    """Outputs of `map_windows` that become one file of small whole numbers, sparse, in blocks of a tile."""

    def __init__(self, path: Path, grid: Grid, encoding: Encoding) -> None:
        self.cells_written = 0
        self.largest_error = 0.0
        self._path, self._grid, self._encoding = path, grid, encoding
        self._begun = path.with_name(f".{path.name}.{os.getpid()}.tiles.new")
        self._whole = path.with_name(f".{path.name}.{os.getpid()}.whole.new")
        self._sums: dict[Tile, int] = {}
        self._dataset = self._created(self._begun)

    def done(self, tile: Tile) -> bool:
        """Is this tile in the file that was begun?"""
        return tile in self._sums

    def put(self, tile: Tile, result: EncodedTile) -> None:
        """Keep a tile; one without any cell takes no room.

        Raises
        ------
        Unfinished
            The disk does not take it.
        """
        cells = result.cells
        held = int(np.count_nonzero(~np.isnan(cells) if cells.dtype.kind == "f" else cells != self._encoding.nodata))
        if held:
            try:
                self._dataset.write(cells, 1, window=_window(tile))
            except (*GDAL_FAILURES, OSError) as error:
                raise self._full(error) from error
            self._sums[tile] = zlib.crc32(cells.tobytes())
        self.cells_written += held
        self.largest_error = max(self.largest_error, result.largest_error)

    def finish(self, tags: Mapping[str, str]) -> None:
        """Write the tiles in their order, read all of them again, and give the file its name.

        Raises
        ------
        Unfinished
            The disk does not take it, or gives back something else than was written.
        """
        try:
            self._dataset.close()
            self._write_in_order(tags)
            self._read_again()
            with self._whole.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(self._whole, self._path)
        except (*GDAL_FAILURES, OSError) as error:
            raise self._full(error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove what was begun."""
        if not self._dataset.closed:
            with suppress(*GDAL_FAILURES):  # a disk that is full says so at the end as well; what was begun goes anyhow
                self._dataset.close()
        for path in (self._begun, self._whole):
            path.unlink(missing_ok=True)

    def _write_in_order(self, tags: Mapping[str, str]) -> None:
        with rasterio.open(self._begun, driver="GTiff") as tiles, self._created(self._whole) as whole:
            whole.update_tags(**tags)
            for tile in sorted(self._sums, key=_place):
                cells = tiles.read(1, window=_window(tile))
                self._check(tile, cells)
                whole.write(cells, 1, window=_window(tile))

    def _read_again(self) -> None:
        with rasterio.open(self._whole, driver="GTiff") as whole:
            for tile in sorted(self._sums, key=_place):
                self._check(tile, whole.read(1, window=_window(tile)))

    def _check(self, tile: Tile, cells: NDArray[Any]) -> None:
        if zlib.crc32(cells.tobytes()) != self._sums[tile]:
            raise OSError(0, f"tile {tile.row}, {tile.col}: check sum")

    def _created(self, path: Path) -> Any:
        grid = self._grid
        dataset = rasterio.open(
            path, "w", driver="GTiff", dtype=self._encoding.dtype, count=1, width=grid.width, height=grid.height,
            crs=horizontal_crs(grid.crs).to_wkt(), transform=rasterio.Affine(*grid.transform), nodata=self._encoding.nodata, tiled=True,
            blockxsize=TILE, blockysize=TILE, sparse_ok=True, bigtiff="if_safer", **compression(),
        )  # fmt: skip
        if (self._encoding.scale, self._encoding.add) != (1.0, 0.0):
            dataset.scales, dataset.offsets = (self._encoding.scale,), (self._encoding.add,)
        return dataset

    def _full(self, error: Exception) -> Unfinished:
        return disk_failure(error, self._path, self._begun, self._whole)


def _window(tile: Tile) -> Window:
    return Window(tile.col_off, tile.row_off, tile.width, tile.height)


def _place(tile: Tile) -> tuple[int, int]:
    return tile.row, tile.col
