"""How far equations that are not linear can miss on density bins (ACCOUNTING 1): a bound on every stock that rests on one."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.rows import Rows, YearCells
from sinks.config import NDVI
from sinks.ecosystems.method import Knowledge
from sinks.equations import biomass, grassland
from sinks.units import G_PER_M2_TO_T_PER_HA

Floats = NDArray[np.float64]

KEY = ["zone", "year", "ecosystem", "pool"]


def bin_bounds(
    cells: YearCells, bins: NDArray[np.int64], edges: Mapping[str, tuple[float, ...]], methods: Mapping[tuple[str, str], str], knowledge: Knowledge
) -> pd.DataFrame:
    """The most by which bins can miss the pixels, by zone, year, ecosystem and pool [t C].

    A bin of width w with the mean m adds at most ``max |f'''| / 6 * w * sum a (b - m)^2`` (the
    remainder of Taylor's series after the second order), and never more than what f
    can differ within the bin.

    Parameters
    ----------
    bins : (rows,) int64
        Bin of each row of the cells.
    methods : mapping
        (ecosystem, pool) -> id of the method in use.
    """
    parts = []
    if methods.get(("grassland", "aboveground_biomass")) == "ndvi_herbs":
        rows = (cells.rows.layer == NDVI) & (cells.rows.ecosystem == "grassland") & (cells.rows.area > 0) & (bins >= 0)
        above = _ndvi_bound(cells.rows.where(rows), bins[rows], edges[NDVI], knowledge)
        parts.append(_summed(cells.rows.where(rows), above, "aboveground_biomass"))
        if methods.get(("grassland", "belowground_biomass")) == "ndvi_roots":
            ratio = knowledge.factor.central(knowledge.factor("root_shoot_ratio", cells.rows.where(rows)))
            parts.append(_summed(cells.rows.where(rows), above * ratio, "belowground_biomass"))
    for ecosystem in ("forest", "grassland", "wetland"):
        if methods.get((ecosystem, "belowground_biomass")) == "roots_from_map":
            rows = _curved(cells.rows, ecosystem, bins)
            mine = cells.rows.where(rows)
            parts.append(_summed(mine, _root_bound(mine, bins[rows], edges["aboveground_biomass"], knowledge), "belowground_biomass"))
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=[*KEY, "bound_tC"])
    return pd.concat(parts, ignore_index=True).groupby(KEY, sort=True)["bound_tC"].sum().reset_index()


def _curved(rows: Rows, ecosystem: str, bins: NDArray[np.int64]) -> NDArray[np.bool_]:
    mapped = (rows.layer == "aboveground_biomass") & (rows.ecosystem == ecosystem) & (rows.area > 0) & (bins >= 0)
    return np.asarray(mapped & (rows.climate == "") & (rows.land_class != "shrubland"), dtype=bool)


def _limits(bins: NDArray[np.int64], edges: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Lower and upper edge of each bin; the outermost bins end where the layer's range ends."""
    inner = np.asarray(edges)
    low = np.concatenate([[0.0], inner])[bins]
    high = np.concatenate([inner, inner[-1:]])[bins]
    return low, np.maximum(low, high)


def _spread(rows: Rows) -> Floats:
    """Sum of area times squared deviation from the bin's mean."""
    return np.maximum(0.0, rows.bin_sq - rows.area * rows.density_bin**2) * rows.share


def _ndvi_bound(rows: Rows, bins: NDArray[np.int64], edges: tuple[float, ...], knowledge: Knowledge) -> Floats:
    low, high = _limits(bins, edges)
    coefficient, exponent = (knowledge.factor.central(knowledge.factor(name, rows)) for name in ("ndvi_biomass_coefficient", "ndvi_biomass_exponent"))
    range_bound = grassland.ndvi_biomass_carbon(high, coefficient, exponent) - grassland.ndvi_biomass_carbon(low, coefficient, exponent)
    with np.errstate(divide="ignore", invalid="ignore"):
        third = np.abs(grassland.ndvi_biomass_third_derivative(low, coefficient, exponent))
        remainder = np.where(low > 0, third / 6.0 * (high - low) * _spread(rows), np.inf)
    return np.minimum(remainder, range_bound * rows.area * rows.share) * G_PER_M2_TO_T_PER_HA


def _root_bound(rows: Rows, bins: NDArray[np.int64], edges: tuple[float, ...], knowledge: Knowledge) -> Floats:
    unit = knowledge.layers["aboveground_biomass"]
    low, high = (edge * unit.tonnes_per_ha for edge in _limits(bins, edges))
    factors = [knowledge.factor.central(knowledge.factor(f"artool14_root_{name}", rows)) for name in ("intercept", "slope")]
    roots = [np.where(edge > 0, edge * np.nan_to_num(biomass.root_ratio_from_biomass(edge, *factors)), 0.0) for edge in (low, high)]
    slope = factors[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        third = np.abs(slope * (slope - 1.0) * (slope - 2.0)) * roots[0] / low**3
        remainder = np.where(low > 0, third / 6.0 * (high - low) * _spread(rows) * unit.tonnes_per_ha**2, np.inf)
    return np.minimum(remainder, (roots[1] - roots[0]) * rows.area * rows.share)


def _summed(rows: Rows, bound: Floats, pool: str) -> pd.DataFrame:
    frame = pd.DataFrame({"zone": rows.zone, "year": rows.year, "ecosystem": rows.ecosystem, "pool": pool, "bound_tC": bound})
    return frame.groupby(KEY, sort=True)["bound_tC"].sum().reset_index()
