"""Carbon of every pool for groups of land, from the methods that a run can use."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.rows import Rows
from sinks.accounting.terms import Batch, Terms
from sinks.config import LAND_COVER
from sinks.ecosystems.catalogue import ECOSYSTEM_RECORDS
from sinks.ecosystems.method import Knowledge, PoolMethod
from sinks.tables import POOLS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCarbon:
    """The carbon of one pool by group, as terms.

    Parameters
    ----------
    area, missing : (groups,) float64
        Land whose carbon is in the terms; land that has none [ha].
    estimated, dated : (groups,) bool
        Whether anything supports a number; whether it sees its own date.
    method : (groups,) object
        Id of the method of each group, empty where none.
    layer : (groups,) object
        The layer that the method reads, ``land_cover`` where areas alone decide; empty where none.
    included : bool
        The pool has no number of its own because another holds it: litter, where a
        class table gives dead organic matter as one.
    scale : (D or 1, groups) float64, optional
        By what the terms are multiplied, per draw: errors of maps and areas.
    """

    terms: Terms
    area: Floats
    missing: Floats
    estimated: Flags
    dated: Flags
    method: NDArray[np.object_]
    layer: NDArray[np.object_]
    depth_cm: NDArray[np.int64]
    included: bool = False
    scale: Floats | None = None

    def totals(self, values: Floats) -> Floats:
        """Carbon by group for factor values (D, rows + 1), (D, groups) [t C]."""
        total = self.terms.totals(values)
        return total if self.scale is None else total * self.scale

    def elasticities(self, values: Floats) -> tuple[Floats, Floats]:
        """Relative change of the carbon of each group per relative change of its mapped values, and of the densities they are binned by.

        Returns
        -------
        ((groups,), (groups,)) float64
            0 where no mapped value stands behind the carbon; 1 and 0 where carbon is proportional to it.
        """
        base = self.terms.totals(values[:1])[0]
        out = []
        for of_bin in (False, True):
            step = self.terms.moved(_STEP, of_bin).totals(values[:1])[0] - self.terms.moved(-_STEP, of_bin).totals(values[:1])[0]
            with np.errstate(divide="ignore", invalid="ignore"):
                out.append(np.where(base != 0.0, step / (2.0 * _STEP) / base, 0.0))
        return np.nan_to_num(out[0]), np.nan_to_num(out[1])


_STEP = 2.0**-12


def methods_of(knowledge: Knowledge) -> dict[tuple[str, str], PoolMethod]:
    """The method in use by (ecosystem, pool)."""
    chosen = {
        (name, pool): record.method(pool, knowledge) for name, record in ECOSYSTEM_RECORDS.items() for pool in POOLS
    }
    return {key: method for key, method in chosen.items() if method is not None}


def pool_carbon(rows: Rows, land: NDArray[np.object_], area: Floats, pool: str, knowledge: Knowledge) -> PoolCarbon:
    """The carbon of a pool for all groups of land.

    Parameters
    ----------
    rows : Rows
        Activity rows; ``rows.group`` points into the groups.
    land : (groups,) object
        The ecosystem of each group.
    area : (groups,) float64
        Land of each group [ha].
    """
    groups = len(land)
    chosen = methods_of(knowledge)
    batches: list[Batch] = []
    out_area, missing = np.zeros(groups), area.copy()
    estimated, dated = np.zeros(groups, dtype=bool), np.zeros(groups, dtype=bool)
    method_of, layer_of = np.full(groups, "", dtype=object), np.full(groups, "", dtype=object)
    depth = np.zeros(groups, dtype=np.int64)
    for name in ECOSYSTEM_RECORDS:
        method = chosen.get((name, pool))
        if method is None:
            continue
        mine = rows.where((rows.ecosystem == name) & (rows.layer == method.layer))
        found = method.batches(mine, knowledge)
        batches += found
        held = np.zeros(groups, dtype=bool)
        for batch in found:
            held[batch.group] = True
        inside = land == name
        held &= inside
        covered = _covered(mine, groups) if method.layer != LAND_COVER else np.where(held, area, 0.0)
        held &= covered > 0
        out_area[held], missing[held] = covered[held], np.maximum(area[held] - covered[held], 0.0)
        estimated |= held
        dated |= inside & method.dated(knowledge)
        method_of[held], layer_of[held] = method.id, method.layer
        if pool == "soil_organic_carbon":
            depth[inside] = method.depth_cm(knowledge)
    return PoolCarbon(
        terms=Terms.of(groups, batches), area=out_area, missing=missing, estimated=estimated, dated=dated & estimated, method=method_of,
        layer=layer_of, depth_cm=depth,
        included=pool == "litter" and "dead_wood" in knowledge.densities and not estimated.any(),
    )  # fmt: skip


def _covered(rows: Rows, groups: int) -> Floats:
    """Area with a value of the rows' layer, by group; files that are averaged count by their share."""
    return np.bincount(rows.group, weights=rows.area * rows.share, minlength=groups).astype(np.float64)


def all_pools(rows: Rows, land: NDArray[np.object_], area: Floats, knowledge: Knowledge) -> Mapping[str, PoolCarbon]:
    """The carbon of every pool."""
    return {pool: pool_carbon(rows, land, area, pool, knowledge) for pool in POOLS}
