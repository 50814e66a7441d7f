"""Where land changes: compact patches, cut from smooth fields so that each change has its stated area."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aoi.leagues import leagues
from sinks.demo.assumptions import Change, assumption, changes
from sinks.demo.landscape import Floats, Landscape, between, real_map

NO_CHANGE = -1
_HECTARES_PER_KM2 = 100
_FIRST_STREAM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """The height of its field above which each planned change takes the land that it can.

    Parameters
    ----------
    heights : tuple of float
        One per change of `changes`.
    """

    heights: tuple[float, ...]

    def at(self, landscape: Landscape, x: Floats, y: Floats, codes: NDArray[np.uint8], owner: NDArray[np.int8]) -> NDArray[np.int16]:
        """The place among the changes of the one that takes each cell, or -1; shape (len(y), len(x))."""
        taken = np.full(codes.shape, NO_CHANGE, dtype=np.int16)
        for number, change in enumerate(changes()):
            free = _free(change, codes, owner, taken)
            box = _box(free)
            if box is not None:
                inside = free[box] & (field(landscape, number, x[box[1]], y[box[0]]) >= self.heights[number])
                taken[box][inside] = number
        return taken


def plan_patches(landscape: Landscape) -> Patches:
    """The heights that give every change its area, found on a sample of the grid's cells."""
    grid = landscape.grid
    step = max(1, int(np.ceil((grid.width * grid.height / assumption("sample_cells")) ** 0.5)))
    rows, cols = np.arange(step // 2, grid.height, step), np.arange(step // 2, grid.width, step)
    x, y = landscape.columns(cols), landscape.rows(rows)
    from_row, from_col = landscape.sources(x, y)
    codes = real_map().land_cover[from_row, from_col]
    owner = real_map().owner[np.floor(y).astype(np.int64)][:, np.floor(x).astype(np.int64)]
    row_areas = grid.row_areas_ha()
    if row_areas is None:
        raise ValueError("the demonstration lies on a geographic grid")
    return _heights(landscape, (x, y), codes, owner, row_areas[rows] * step**2)


def _heights(
    landscape: Landscape, places: tuple[Floats, Floats], codes: NDArray[np.uint8], owner: NDArray[np.int8], areas: Floats
) -> Patches:
    """Heights from sampled cells, one change after the other."""
    x, y = places
    taken = np.full(codes.shape, NO_CHANGE, dtype=np.int16)
    heights = []
    for number, change in enumerate(changes()):
        free = _free(change, codes, owner, taken)
        box = _box(free)
        if box is None:
            heights.append(float("inf"))
            continue
        surface = field(landscape, number, x[box[1]], y[box[0]])
        heights.append(_height(surface[free[box]], np.broadcast_to(areas[box[0], None], surface.shape)[free[box]], change.area_km2))
        taken[box][free[box] & (surface >= heights[-1])] = number
    return Patches(heights=tuple(heights))


def _height(surface: Floats, areas: Floats, area_km2: float) -> float:
    """The height above which the wanted area lies; at least one cell."""
    order = np.argsort(-surface, kind="stable")
    reached = np.searchsorted(np.cumsum(areas[order]), area_km2 * _HECTARES_PER_KM2 * 0.999)
    return float(surface[order[min(int(reached), len(order) - 1)]])


def _free(change: Change, codes: NDArray[np.uint8], owner: NDArray[np.int8], taken: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Cells of the league and class that nothing has taken yet."""
    free: NDArray[np.bool_] = (owner == leagues().index(change.league)) & (codes == change.real_code) & (taken == NO_CHANGE)
    return free


def _box(cells: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The smallest rectangle that holds all cells."""
    rows, cols = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)


def field(landscape: Landscape, number: int, x: Floats, y: Floats) -> Floats:
    """The field that the patches of a change are cut from: smooth noise, higher near the classes that the change keeps to."""
    noise = landscape.noise(_FIRST_STREAM + number, assumption("patch_wavelength"))
    near = between(_nearness(changes()[number].near), x, y)
    return noise(x, y) + assumption("patch_near_weight") * near


@lru_cache(maxsize=64)
def _nearness(codes: Sequence[int]) -> Floats:
    """How much of the surroundings belongs to some classes, from 0 to 1."""
    there = np.isin(real_map().land_cover, codes).astype(np.float64)
    smooth: Floats = np.sqrt(ndimage.gaussian_filter(there, assumption("patch_near_distance"), mode="nearest").clip(0.0, 1.0))
    return smooth
