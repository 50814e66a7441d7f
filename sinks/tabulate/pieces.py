"""Tiles with layers of survey polygons, summed over pieces of cells instead of cells.

A piece weighs what it has of its cell's area, whatever the size of the cells: sums
over polygons inside a zone are the polygons' own. Only where the border of a zone
cuts a cell are shares put together: what no polygon covers is taken to lie outside
the zones first (so that polygons which end where the zone ends keep their area), and
the rest is the product of both shares. Rasters give their value to all of a cell.
"""

import numpy as np
from numpy.typing import NDArray

from sinks.layers.joint import NOTHING, Joint, kinds_of
from sinks.layers.polygons import Polygons
from sinks.layers.windows import Block, Key, Strange
from sinks.tabulate.fast import kernel_sums
from sinks.tabulate.tile import Floats, Ints, Layout, Places, Plan, TileSums, layout_of, sums_of


def tables_of_tile(block: Block, plan: Plan) -> TileSums:
    """The partial tables of a tile: by the compiled kernel, or over pieces where layers come from polygons.

    Raises
    ------
    Strange
        A cell holds a value that cannot be.
    """
    if block.polygons is None:
        return kernel_sums(block, plan)
    _check_rasters(block, block.polygons)
    return sums_of(block, plan, piece_places(block, block.polygons, plan))


def _check_rasters(block: Block, polygons: Polygons) -> None:
    """Raise `Strange` where a raster holds a value in a zone that cannot be, as the kernel does."""
    for key, stored in block.stored.items():
        if key not in polygons.places and stored.kind == "values" and not stored.declared:
            values = block.arrays[key].reshape(-1)[block.zones.cells]
            if ((values < stored.limits[0]) | (values > stored.limits[1])).any():
                raise Strange


def every_piece(block: Block, polygons: Polygons) -> Places:
    """The pieces of the cells of the zones, one row per zone and piece."""
    joint, rows = _pieces(block, polygons)
    return _places(block, polygons, joint, *rows)


def piece_places(block: Block, polygons: Polygons, plan: Plan) -> Places:
    """The pieces of the cells of the zones; those of one zone whose polygons have the same attributes are taken together: in a cell, or in all of the tile."""
    layout = layout_of(plan, tuple(block.stored))
    joint, (at, zone, area, piece) = _pieces(block, polygons)
    rasters = [key for key in _keys(layout) if key not in polygons.places]
    tags = [zone, *(kinds_of(one)[joint.polygons[number]][piece] for number, one in enumerate(polygons.sets))]
    tags += [at] if _told_apart(layout, rasters) else [block.arrays[key].reshape(-1)[at].astype(np.int64) for key in rasters]
    group, first = _grouped(tags)
    summed = np.bincount(group, weights=area, minlength=len(first)).astype(np.float64)
    return _places(block, polygons, joint, at[first], zone[first], summed, piece[first])


def _pieces(block: Block, polygons: Polygons) -> tuple[Joint, tuple[Ints, Ints, Floats, Ints]]:
    """The joint pieces of a tile; and of every zone and piece the cell, the zone, the area [ha] and the piece."""
    wanted = np.zeros(block.tile.height * block.tile.width, dtype=bool)
    wanted[block.zones.cells] = True
    joint = polygons.joint(wanted)
    row, piece, weight = _shares_in_zones(block, joint)
    at = block.zones.cells[row]
    shape = (block.tile.height, block.tile.width)
    area = weight * np.broadcast_to(block.area_ha, shape).reshape(-1)[at]
    return joint, (at, block.zones.zones[row].astype(np.int64), area, piece)


def _places(block: Block, polygons: Polygons, joint: Joint, at: Ints, zone: Ints, area: Floats, piece: Ints) -> Places:
    def column(key: Key) -> NDArray[np.generic]:
        if key in polygons.places:
            return polygons.values(key, joint.polygons[polygons.places[key][0], piece])
        return np.asarray(block.arrays[key].reshape(-1)[at])

    return Places(at=at, zone=zone, area=area, column=column)


def _keys(layout: Layout) -> list[Key]:
    """The files that are read of a tile."""
    return list(dict.fromkeys([*layout.classes, *(key for variable in layout.variables for key in variable.files)]))


def _told_apart(layout: Layout, rasters: list[Key]) -> bool:
    """Must every cell stand for itself: its values differ, or sums over the lattice or of squared areas are asked for."""
    return layout.has_se or bool(layout.entries) or any(key not in layout.classes for key in rasters)


def _grouped(columns: list[Ints]) -> tuple[Ints, Ints]:
    """The number of each row's values, in the order of the values, and the first row of each."""
    label = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        low = int(column.min(initial=0))
        span = int(column.max(initial=0)) - low + 1
        if int(label.max(initial=0)) > np.iinfo(np.int64).max // (2 * span) - 1:
            label = np.unique(label, return_inverse=True)[1].astype(np.int64)
        label = label * span + (column - low)
    _, first, group = np.unique(label, return_index=True, return_inverse=True)
    return group.astype(np.int64), first.astype(np.int64)


def _shares_in_zones(block: Block, joint: Joint) -> tuple[Ints, Ints, Floats]:
    """Rows of the zones' cells and pieces in them, with the share of the cell that each pair has."""
    cells, fractions = block.zones.cells, block.zones.fractions
    size = block.tile.height * block.tile.width
    pieces = np.bincount(joint.cells, minlength=size)
    count, begin = pieces[cells], (np.cumsum(pieces) - pieces)[cells]
    row = np.repeat(np.arange(len(cells)), count)
    piece = begin[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    share = joint.shares[piece]
    bare = (joint.polygons == NOTHING).all(axis=0)
    inside = _inside(block)
    outside = np.maximum(1.0 - inside, 0.0)
    gap = np.bincount(joint.cells[bare], weights=joint.shares[bare], minlength=size)[cells]
    moved = np.minimum(gap, outside)
    plain = moved == 0.0
    of_gap = np.divide(fractions * (gap - moved), inside * gap, out=np.zeros(len(cells)), where=~plain)
    of_rest = np.divide(fractions * (inside - gap + moved), inside * (1.0 - gap), out=np.zeros(len(cells)), where=~plain & (gap < 1.0))
    factor = np.where(plain[row], fractions[row], np.where(bare[piece], of_gap[row], of_rest[row]))
    weight = factor * share
    kept = weight > 0.0
    return row[kept], piece[kept], weight[kept]


def _inside(block: Block) -> Floats:
    """For every row of the zones' cells, the share of its cell inside all zones of its set."""
    names = list(block.coverage.set_names)
    of_zone = np.array([names.index(name) for name in block.coverage.sets], dtype=np.int64)
    zone_set = of_zone[block.zones.zones]
    size = block.tile.height * block.tile.width
    place = zone_set * size + block.zones.cells
    return np.minimum(np.bincount(place, weights=block.zones.fractions, minlength=size * len(names))[place], 1.0)
