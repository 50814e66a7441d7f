"""What covers the land of a tile at every date: classes, biomass, greenness, strata."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.grids import Tile
from aoi.leagues import leagues
from sinks.demo.assumptions import (
    DATES,
    REAL_DATE,
    WINDOW,
    assumption,
    changes,
    class_biomass,
    codes_of,
    growth,
    ndvi_of_kinds,
    ndvi_years,
)
from sinks.demo.cut import MISSING_VALUE, NDVI_SCALE
from sinks.demo.landscape import DEGREES, NOBODY, NORTH, WEST, Floats, Landscape, real_map
from sinks.demo.patches import NO_CHANGE, Patches

BIOMASS_SCALE = 0.1
ERROR_SCALE = 0.01
LARCH, CONIFER, BROADLEAF, MEADOW_STEPPE, TYPICAL_STEPPE, DESERT_STEPPE = 1, 2, 3, 11, 12, 13
HAC, SANDY = 1, 2
NO_STRATUM = 0
_BIOMASS, _ERROR, _CONIFER, _FINE, _NDVI = 10, 11, 12, 50, 2000

Raw = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Land:
    """A tile of land before its layers are made.

    Parameters
    ----------
    x, y : arrays
        Places of its columns and rows [cells of the real map].
    codes : dict of year to (height, width) array
    change : (height, width) array
        Place among the planned changes, or -1.
    ndvi : (height, width) array
        Maximum of NDVI.
    ndvi_missing : (height, width) array of bool
    """

    tile: Tile
    x: Floats
    y: Floats
    owner: NDArray[np.int8]
    codes: dict[int, NDArray[np.uint8]]
    change: NDArray[np.int16]
    ndvi: Floats
    ndvi_missing: NDArray[np.bool_]


def land_of(landscape: Landscape, patches: Patches, tile: Tile, owner: NDArray[np.int8]) -> Land:
    """The land of a tile with the planned changes on it."""
    x = landscape.columns(np.arange(tile.col_off, tile.col_off + tile.width))
    y = landscape.rows(np.arange(tile.row_off, tile.row_off + tile.height))
    at = landscape.sources(x, y)
    real = real_map().land_cover[at]
    change = patches.at(landscape, x, y, real, owner)
    return Land(
        tile=tile, x=x, y=y, owner=owner, codes={year: _changed(real, change, year) for year in DATES}, change=change,
        ndvi=landscape.ndvi(x, y), ndvi_missing=real_map().ndvi_missing[at],
    )  # fmt: skip


def _changed(real: NDArray[np.uint8], change: NDArray[np.int16], year: int) -> NDArray[np.uint8]:
    """The classes of a year: the real ones, and where land changes those before or after."""
    out = real.copy()
    for number in np.unique(change[change != NO_CHANGE]):
        one = changes()[number]
        out[change == number] = one.code_from if year <= one.year_from else one.code_to
    return out


def layers_of(landscape: Landscape, land: Land) -> dict[str, NDArray[Any]]:
    """The raw numbers of every raster of a tile by file name."""
    out: dict[str, NDArray[Any]] = {"soil": soil(land)}
    for year in DATES:
        out[f"land_cover_{year}"] = land.codes[year]
        out[f"vegetation_type_{year}"] = vegetation_type(landscape, land, year)
    out |= _biomass_layers(landscape, land)
    for year in ndvi_years():
        out[f"ndvi_{year}"] = annual_ndvi(landscape, land, year)
    return out


def soil(land: Land) -> NDArray[np.uint8]:
    """Soil class of the real map's land: sandy on bare ground, among shrubs and where little grows."""
    real = land.codes[REAL_DATE]
    sandy = np.isin(real, (7, 16)) | (land.ndvi < assumption("sandy_ndvi"))
    return np.where(np.isin(real, codes_of("water")), NO_STRATUM, np.where(sandy, SANDY, HAC)).astype(np.uint8)


def vegetation_type(landscape: Landscape, land: Land, year: int) -> NDArray[np.uint8]:
    """Steppe type of grass by NDVI; tree type of forest by class and latitude; none elsewhere."""
    codes = land.codes[year]
    limit = landscape.noise(_CONIFER, assumption("conifer_wavelength"))(land.x, land.y) * assumption("conifer_latitude_variation")
    north = (NORTH - land.y * DEGREES)[:, None] + limit >= assumption("conifer_latitude")
    open_forest = np.where(north, CONIFER, BROADLEAF)
    steppe = np.select(
        [land.ndvi >= assumption("meadow_steppe_ndvi"), land.ndvi >= assumption("desert_steppe_ndvi")],
        [MEADOW_STEPPE, TYPICAL_STEPPE], DESERT_STEPPE,
    )  # fmt: skip
    cases = [codes == 10, codes == 3, codes == 1, np.isin(codes, (2, 4)), np.isin(codes, (5, 8, 9))]
    types = np.select(cases, [steppe, LARCH, CONIFER, BROADLEAF, open_forest], NO_STRATUM)
    return types.astype(np.uint8)


def _biomass_layers(landscape: Landscape, land: Land) -> dict[str, Raw]:
    tenths = biomass_tenths(landscape, land)
    relative = _relative_error(landscape, land)
    out = {}
    for year, values in tenths.items():
        error = np.rint(values * relative * (BIOMASS_SCALE / ERROR_SCALE))
        water = np.isin(land.codes[year], codes_of("water"))
        out[f"aboveground_biomass_{year}"] = np.where(water, MISSING_VALUE, values).astype(np.int16)
        out[f"aboveground_biomass_se_{year}"] = np.where(water, MISSING_VALUE, error).astype(np.int16)
    return out


def biomass_tenths(landscape: Landscape, land: Land) -> dict[int, NDArray[np.int64]]:
    """Aboveground biomass [0.1 t ha-1] by date.

    Land whose trees or shrubs stand at two dates has exactly the stated growth
    between them; planted land starts low; land without them keeps a small value.
    """
    variation = _variation(landscape, land)
    woody = {year: _stand(land.codes[year], "tree") | 2 * _stand(land.codes[year], "shrub") for year in DATES}
    standing = {year: _standing(land.codes[year], land, variation, woody[year]) for year in DATES}
    planted = _planted()
    rate = _yearly_tenths(land, woody)
    out: dict[int, NDArray[np.int64]] = {}
    before = standing[DATES[0]] - rate[DATES[0]] * (REAL_DATE - DATES[0])
    out[DATES[0]] = np.where(woody[DATES[0]] > 0, before, standing[DATES[0]])
    for earlier, year in pairwise(DATES):
        grown = out[earlier] + rate[year] * (year - earlier)
        new = np.where(woody[earlier] > 0, grown, planted[woody[year]])
        out[year] = np.where(woody[year] > 0, new, standing[year])
    return out


def _planted() -> NDArray[np.int64]:
    """Biomass of young plants by stand (1 trees, 2 shrubs) [0.1 t ha-1]."""
    values = np.array([0.0, assumption("planted_tree"), assumption("planted_shrub")])
    return np.rint(values / BIOMASS_SCALE).astype(np.int64)


def _yearly_tenths(land: Land, woody: dict[int, NDArray[np.int64]]) -> dict[int, NDArray[np.int64]]:
    """Growth of trees and shrubs by owner [0.1 t ha-1 a-1]; land of nobody grows like the first league."""
    codes = leagues().codes
    by_stand = np.zeros((3, len(codes)), dtype=np.int64)
    for place, stand in ((1, "tree"), (2, "shrub")):
        by_stand[place] = np.rint([growth()[stand][code] / BIOMASS_SCALE for code in codes])
    owner = np.where(land.owner == NOBODY, 0, land.owner)
    return {year: by_stand[woody[year], owner] for year in DATES}


def _stand(codes: NDArray[np.uint8], stand: str) -> NDArray[np.int64]:
    there: NDArray[np.int64] = np.isin(codes, codes_of(stand)).astype(np.int64)
    return there


def _standing(codes: NDArray[np.uint8], land: Land, variation: Floats, woody: NDArray[np.int64]) -> NDArray[np.int64]:
    """Biomass of a class at the real map's date [0.1 t ha-1]: its full value by NDVI, longitude and place."""
    full, low, high = (np.zeros(256) for _ in range(3))
    high += 1.0
    for one in class_biomass():
        full[one.code], low[one.code], high[one.code] = one.full, one.ndvi_low, one.ndvi_full
    share = (land.ndvi - low[codes]) / (high[codes] - low[codes])
    share = np.clip(share, assumption("least_share"), assumption("most_share"))
    longitude = WEST + land.x * DEGREES
    west, east = assumption("west_longitude"), assumption("east_longitude")
    rise = assumption("west_share") + (1 - assumption("west_share")) * np.clip((longitude - west) / (east - west), 0.0, 1.0)
    value = full[codes] * share * variation * np.where(woody == 1, rise[None, :], 1.0)
    least = np.array([0.0, assumption("least_tree"), assumption("least_shrub")])[woody]
    tenths: NDArray[np.int64] = np.rint(np.maximum(value, least) / BIOMASS_SCALE).astype(np.int64)
    return tenths


def _variation(landscape: Landscape, land: Land) -> Floats:
    """A factor about 1 on biomass from place to place."""
    smooth = landscape.noise(_BIOMASS, assumption("biomass_wavelength"))(land.x, land.y)
    fine = _fine(landscape, land, _BIOMASS)
    factor = 1 + assumption("biomass_variation") * smooth + assumption("biomass_fine_variation") * fine
    return np.clip(factor, assumption("least_variation"), assumption("most_variation"))


def _relative_error(landscape: Landscape, land: Land) -> Floats:
    """Relative standard error of biomass from place to place."""
    smooth = np.clip(landscape.noise(_ERROR, assumption("biomass_wavelength"))(land.x, land.y), -1.0, 1.0)
    low, high = assumption("se_low"), assumption("se_high")
    return low + (high - low) * (smooth + 1) / 2


def annual_ndvi(landscape: Landscape, land: Land, year: int) -> Raw:
    """Largest NDVI of a year: the maximum, the year's wetness, and noise that the next year does not share."""
    smooth = landscape.noise(_NDVI + year, assumption("ndvi_wavelength"))(land.x, land.y)
    noise = assumption("ndvi_variation") * smooth + assumption("ndvi_fine_variation") * _fine(landscape, land, _NDVI + year)
    value = land.ndvi * ndvi_years()[year] * (1 + noise) * _changed_greenness(land, year)
    raw = np.rint(np.clip(value, -0.2, 0.98) / NDVI_SCALE)
    return np.where(land.ndvi_missing, MISSING_VALUE, raw).astype(np.int16)


def _changed_greenness(land: Land, year: int) -> Floats:
    """A factor on NDVI of land that in this year is not what the real map shows."""
    date = next(date for date in DATES if date - WINDOW < year <= date)
    out = np.ones(land.change.shape)
    for number in np.unique(land.change[land.change != NO_CHANGE]):
        one = changes()[number]
        before, after = ndvi_of_kinds()[one.kind]
        if date <= one.year_from < one.year_to <= REAL_DATE:
            out[land.change == number] = before
        elif date >= one.year_to > one.year_from >= REAL_DATE:
            out[land.change == number] = after
    return out


def _fine(landscape: Landscape, land: Land, stream: int) -> Floats | float:
    """Noise from cell to cell; none on the real map's own grid."""
    if not landscape.finer:
        return 0.0
    generator = np.random.default_rng([landscape.seed, _FINE, stream, land.tile.row, land.tile.col])
    return generator.standard_normal(land.change.shape, dtype=np.float32).astype(np.float64)
