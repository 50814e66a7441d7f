"""Which blocks of a file a run reads: those under the run's tiles that a zone touches.

A tile is read whole, so its blocks are wanted whole: no cell that the pass reads
is a block that was left out. Warped files are read around the image of each tile, with a margin
for the neighbours that a method looks at.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aoi.grids import Grid, Tile, horizontal_crs

EDGE = 21
"""Points on each side of a tile whose image is looked at."""
MARGIN_CELLS = 4
MARGIN_SHARE = 0.05
"""Cells, and share of the image of a tile, by which it is widened: the sides of the image are curved between the points."""

Floats = NDArray[np.float64]


def wanted_blocks(
    tiles: Sequence[Tile], grid: Grid, file: Grid, offset: tuple[int, int] | None, block: tuple[int, int]
) -> NDArray[np.bool_]:
    """Blocks of a file that lie under tiles of a grid.

    Parameters
    ----------
    grid, file : Grid
        Of the run and of the file.
    offset : tuple of int, optional
        Row and column of the file's first cell on the run's grid; None where it is warped.
    block : tuple of int
        Cells down and across of its blocks.

    Returns
    -------
    (blocks down, blocks across) array of bool
    """
    wanted = np.zeros((-(-file.height // block[0]), -(-file.width // block[1])), dtype=bool)
    if not tiles:
        return wanted
    boxes = _on_the_lattice(tiles, offset) if offset is not None else _warped(tiles, grid, file)
    boxes[:, 0::2] = np.clip(boxes[:, 0::2], 0, file.height)
    boxes[:, 1::2] = np.clip(boxes[:, 1::2], 0, file.width)
    for top, left, bottom, right in np.unique(boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])], axis=0).tolist():
        wanted[top // block[0] : -(-bottom // block[0]), left // block[1] : -(-right // block[1])] = True
    return wanted


def _on_the_lattice(tiles: Sequence[Tile], offset: tuple[int, int]) -> NDArray[np.int64]:
    """Rows and columns of tiles in a file of the same lattice: top, left, bottom, right."""
    down, across = offset
    return np.array(
        [
            (tile.row_off - down, tile.col_off - across, tile.row_off + tile.height - down, tile.col_off + tile.width - across)
            for tile in tiles
        ],
        dtype=np.int64,
    )


def _warped(tiles: Sequence[Tile], grid: Grid, file: Grid) -> NDArray[np.int64]:
    """Rows and columns around the images of tiles in a file of another lattice; a tile without an image wants nothing."""
    from pyproj import Transformer

    x, y = _edges(tiles, grid)
    move = Transformer.from_crs(horizontal_crs(grid.crs), horizontal_crs(file.crs), always_xy=True)
    x, y = (np.asarray(one) for one in move.transform(x, y))
    a, _, c, _, e, f = file.transform
    columns, rows = (x - c) / a, (y - f) / e
    seen = np.isfinite(columns) & np.isfinite(rows)
    some = seen.any(axis=1)
    out = np.zeros((len(tiles), 4))
    for place, values in ((0, rows), (1, columns)):
        low = np.where(seen, values, np.inf).min(axis=1)
        high = np.where(seen, values, -np.inf).max(axis=1)
        margin = MARGIN_CELLS + MARGIN_SHARE * (high - low)
        out[some, place], out[some, place + 2] = np.floor(low - margin)[some], np.ceil(high + margin)[some]
    return np.clip(out, -1, max(file.height, file.width) + 1).astype(np.int64)


def _edges(tiles: Sequence[Tile], grid: Grid) -> tuple[Floats, Floats]:
    """Points along the sides of tiles [CRS unit], shape (tiles, 4 * EDGE)."""
    step = np.linspace(0.0, 1.0, EDGE)
    none, all_of_it = np.zeros(EDGE), np.ones(EDGE)
    right = np.concatenate((step, all_of_it, step, none))
    down = np.concatenate((none, step, all_of_it, step))
    box = np.array([(tile.row_off, tile.col_off, tile.height, tile.width) for tile in tiles], dtype=np.float64)
    rows, columns = box[:, 0:1] + down * box[:, 2:3], box[:, 1:2] + right * box[:, 3:4]
    a, _, c, _, e, f = grid.transform
    return c + a * columns, f + e * rows
