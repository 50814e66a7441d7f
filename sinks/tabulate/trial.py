"""One small tile through the kernel: compiles it where that has not been done, and shows that it runs."""

import numpy as np
import shapely

from aoi.coverage import Coverage
from aoi.grids import Grid
from aoi.zones import Zones
from sinks.config import LAND_COVER
from sinks.layers.layer import Scratch, Stored, stored_from
from sinks.layers.windows import Block, Key
from sinks.tabulate.activity import combine
from sinks.tabulate.fast import kernel_sums
from sinks.tabulate.tile import Plan, ValueLayer

_SIDE = 8
_YEARS = (2020, 2023)


def trial_area_ha() -> tuple[float, float]:
    """The area of a square by the kernel, and by its sides [ha]."""
    grid = Grid(crs="ESRI:102025", transform=(100.0, 0.0, 0.0, 0.0, -100.0, 0.0), width=_SIDE, height=_SIDE)
    square = shapely.box(50.0, -650.0, 650.0, -50.0)
    zones = Zones(name="trial", codes=("1",), names_zh=("",), names_en=("",), parents=("",), geometries=(square,), crs=grid.crs)
    coverage = Coverage.of([zones], grid)
    plan = Plan(years=_YEARS, strata=(), values=(ValueLayer(name="value", edges=(1.0, 2.0), se=None, per_member=False),), intervals=(_YEARS,))
    scratch = Scratch()
    scratch.clear(4 * 8 * _SIDE * _SIDE + 256)
    stored: dict[Key, Stored] = {}
    for year in _YEARS:
        stored[LAND_COVER, year, 0] = stored_from(np.ones((_SIDE, _SIDE), dtype=np.int32), "classes", scratch)
        stored["value", year, 0] = stored_from(np.ones((_SIDE, _SIDE)), "values", scratch)
    tile = grid.tile_at(0, 0)
    block = Block(
        tile=tile, stored=stored, bytes=scratch.bytes, row=0, col=0, width=_SIDE, coverage=coverage, segments=coverage.segments(),
        area_ha=grid.cell_areas_ha(tile),
    )  # fmt: skip
    activity = combine([kernel_sums(block, plan)], plan, coverage.codes)
    found = activity.pair.query("bin_layer == 'value' and bin_date == 'from'")["area_ha"].sum()
    return float(found), float(square.area / 1e4)
