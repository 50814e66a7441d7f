"""The land of the demonstration on any grid: the real map, or a finer one of the same character.

Places are counted in cells of the real map (0.05 degree) from its upper left
corner, so that a finer grid asks the same fields at more places. On a finer grid
the edges of classes are moved by a smooth field, else they would be blocks.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aoi.coverage import Coverage
from aoi.grids import Grid, Tile
from aoi.leagues import leagues
from sinks.demo.assumptions import assumption
from sinks.demo.cut import INPUTS, MISSING_VALUE, NDVI_SCALE
from sinks.demo.noise import SmoothNoise, octaves
from sinks.demo.rasters import CRS, read_band

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

DEGREES = 0.05
WEST, NORTH = 97.0, 53.45
NOBODY = -1
"""Owner of cells that no league has a part of."""
_SHIFT_ACROSS, _SHIFT_DOWN = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealMap:
    """The bundled rasters.

    Parameters
    ----------
    land_cover : (height, width) array of class codes
    ndvi : (height, width) float64 array
        Maximum of NDVI; cells without a value have that of the nearest with one.
    ndvi_missing : (height, width) array of bool
    owner : (height, width) array
        Place of the league with the largest part of the cell, or -1.
    """

    land_cover: NDArray[np.uint8]
    ndvi: Floats
    ndvi_missing: NDArray[np.bool_]
    owner: NDArray[np.int8]


@lru_cache(maxsize=1)
def real_map() -> RealMap:
    """The bundled rasters, read once."""
    land_cover = read_band(INPUTS / "land_cover.tif")
    raw = read_band(INPUTS / "ndvi_maximum.tif")
    missing = raw == MISSING_VALUE
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    ndvi = raw[tuple(nearest)] * NDVI_SCALE
    grid = real_grid()
    coverage = Coverage.of([leagues()], grid)
    owner = np.full(land_cover.shape, NOBODY, dtype=np.int8)
    for tile in grid.tiles():
        owner[tile.row_off : tile.row_off + tile.height, tile.col_off : tile.col_off + tile.width] = owners(coverage, tile)
    return RealMap(land_cover=land_cover, ndvi=ndvi, ndvi_missing=missing, owner=owner)


def owners(coverage: Coverage, tile: Tile) -> NDArray[np.int8]:
    """The league with the largest part of each cell of a tile, -1 where none has any."""
    part = coverage.tile(tile)
    best = np.zeros(tile.height * tile.width)
    owner = np.full(tile.height * tile.width, NOBODY, dtype=np.int8)
    for zone in np.unique(part.zones):
        mine = part.zones == zone
        cells, shares = part.cells[mine], part.fractions[mine]
        more = shares > best[cells]
        best[cells[more]] = shares[more]
        owner[cells[more]] = zone
    return owner.reshape(tile.height, tile.width)


@lru_cache(maxsize=1)
def real_grid() -> Grid:
    """The grid of the real map."""
    height, width = read_band(INPUTS / "land_cover.tif").shape
    return Grid(crs=CRS, transform=(DEGREES, 0.0, WEST, 0.0, -DEGREES, NORTH), width=width, height=height)


def grid_of(cells: int | None) -> Grid:
    """The real grid, or one of about so many cells over the same box."""
    real = real_grid()
    if cells is None:
        return real
    factor = (cells / (real.width * real.height)) ** 0.5
    width, height = max(1, round(real.width * factor)), max(1, round(real.height * factor))
    across, down = DEGREES * real.width / width, DEGREES * real.height / height
    return Grid(crs=CRS, transform=(across, 0.0, WEST, 0.0, -down, NORTH), width=width, height=height)


@dataclass(frozen=True, kw_only=True, eq=False)
class Landscape:
    """What stands at the places of a grid."""

    grid: Grid
    seed: int

    @cached_property
    def fineness(self) -> float:
        """How many cells of the grid lie along one of the real map."""
        return self.grid.width / real_grid().width

    @property
    def finer(self) -> bool:
        """Is the grid finer than the real map, so that edges must be moved?"""
        return self.fineness > 1.0

    def columns(self, cols: NDArray[np.int64]) -> Floats:
        """Places of the centres of columns [cells of the real map]."""
        return np.asarray((cols + 0.5) * (real_grid().width / self.grid.width), dtype=np.float64)

    def rows(self, rows: NDArray[np.int64]) -> Floats:
        """Places of the centres of rows [cells of the real map]."""
        return np.asarray((rows + 0.5) * (real_grid().height / self.grid.height), dtype=np.float64)

    def noise(self, stream: int, longest: float) -> SmoothNoise:
        """A smooth field whose shortest wave is that of two cells of the grid."""
        return SmoothNoise(self.seed, stream, *octaves(longest, 2.0 / max(self.fineness, 1.0)))

    def sources(self, x: Floats, y: Floats) -> tuple[Codes, Codes]:
        """Rows and columns of the real map that the places show; shape (rows, columns) each."""
        down, across = np.broadcast_to(y[:, None], (len(y), len(x))), np.broadcast_to(x[None, :], (len(y), len(x)))
        if self.finer:
            down = down + self._shift_down(x, y)
            across = across + self._shift_across(x, y)
        real = real_grid()
        return _whole(down, real.height), _whole(across, real.width)

    @cached_property
    def _shift_down(self) -> SmoothNoise:
        return self._shift(_SHIFT_DOWN)

    @cached_property
    def _shift_across(self) -> SmoothNoise:
        return self._shift(_SHIFT_ACROSS)

    def _shift(self, stream: int) -> SmoothNoise:
        wavelengths, weights = octaves(assumption("edge_wavelength"), 2.0 / self.fineness)
        return SmoothNoise(self.seed, stream, wavelengths, tuple(assumption("edge_shift") * one for one in weights))

    def ndvi(self, x: Floats, y: Floats) -> Floats:
        """The maximum of NDVI, linear between the centres of the real map."""
        return between(real_map().ndvi, x, y)


def between(field: Floats, x: Floats, y: Floats) -> Floats:
    """A field of the real map, linear between its centres; shape (len(y), len(x))."""
    top, down = _pair(y, field.shape[0])
    left, across = _pair(x, field.shape[1])
    lines = np.unique(np.concatenate((top, np.minimum(top + 1, field.shape[0] - 1))))
    right = np.minimum(left + 1, field.shape[1] - 1)
    mixed = field[lines][:, left] * (1 - across) + field[lines][:, right] * across
    upper, lower = np.searchsorted(lines, top), np.searchsorted(lines, np.minimum(top + 1, field.shape[0] - 1))
    joined: Floats = mixed[upper] * (1 - down)[:, None] + mixed[lower] * down[:, None]
    return joined


def _pair(place: Floats, size: int) -> tuple[Codes, Floats]:
    """The centre before a place and the share of the next one."""
    inner = np.asarray(np.round(np.clip(place - 0.5, 0.0, size - 1.0), 9), dtype=np.float64)
    before = np.minimum(np.floor(inner).astype(np.int64), size - 1)
    return before, inner - before


def _whole(place: Floats, size: int) -> Codes:
    return np.clip(np.floor(place).astype(np.int64), 0, size - 1)
