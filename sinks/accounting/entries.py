"""Entries: carbon booked on an ecosystem, before it becomes rows of removals and balance."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.change import DEAD_MATTER, Change, converted, holes
from sinks.accounting.rows import PairCells

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.object_]

LAND = ["zone", "year_from", "year_to"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Changes of carbon, each booked on one ecosystem and land class.

    Parameters
    ----------
    frame : DataFrame
        zone, year_from, year_to, ecosystem, land_class, transition, pool,
        component, soil_depth_cm, estimated, reason, ecosystem_from, ecosystem_to, and
        ``pair``: the group of land of the interval, -1 for what an earlier change goes on to do;
        ``past``: that of land that changed before the first date, -1 for everything else.
    change : (D, n) float64
        Gain of carbon over the interval [t C].
    """

    frame: pd.DataFrame
    change: Floats

    def where(self, rows: Flags) -> "Entries":
        """The entries of a mask."""
        return Entries(frame=self.frame[rows].reset_index(drop=True), change=self.change[:, rows])


SOIL = "soil_organic_carbon"


def entries_of_change(cells: PairCells, change: Change, pool: str, depth_cm: NDArray[np.int64]) -> Entries:
    """The entries of a pool's change on every group of land.

    Land that stays is booked where it is. On converted land a loss of biomass or
    dead matter is booked on the ecosystem left, a gain on the one entered; soil
    always on the one entered (ACCOUNTING 2).
    """
    moved = converted(cells)
    left = moved & change.lost & (pool != SOIL)
    component = np.full(len(moved), "soil") if pool == SOIL else np.where(moved, "conversion", "net_change")
    return Entries(frame=_frame(cells, left, moved, pool, depth_cm, component, change), change=change.difference)


def _frame(cells: PairCells, left: Flags, moved: Flags, pool: str, depth_cm: NDArray[np.int64], component: Names, change: Change) -> pd.DataFrame:
    frame = cells.frame
    return pd.DataFrame(
        {
            **{name: frame[name].to_numpy() for name in LAND},
            "ecosystem": np.where(left, frame["ecosystem_from"], frame["ecosystem_to"]),
            "land_class": np.where(left, frame["land_class_from"], frame["land_class_to"]),
            "transition": np.where(moved if change.young is None else moved | change.young, "converted", "remaining"),
            "pool": pool,
            "component": component,
            "soil_depth_cm": depth_cm,
            "estimated": change.estimated,
            "reason": change.reason,
            "ecosystem_from": frame["ecosystem_from"].to_numpy(),
            "ecosystem_to": frame["ecosystem_to"].to_numpy(),
            "pair": np.arange(len(frame)),
            "past": -1,
            "hole": holes(cells),
            "validated": frame["validated"].to_numpy(),
        }
    )


def only_inventoried(entries: Entries) -> Entries:
    """Entries that touch forest, grassland or wetland, on land known at both dates; dead matter only where something is known of it or forest is or was."""
    frame = entries.frame
    outside = (frame["ecosystem_from"] == "other") & (frame["ecosystem_to"] == "other")
    no_wood = (frame["ecosystem_from"] != "forest") & (frame["ecosystem_to"] != "forest") & frame["pool"].isin(DEAD_MATTER)
    no_wood &= ~frame["estimated"].astype(bool)
    return entries.where(~(outside | no_wood | frame["hole"]).to_numpy(dtype=bool))


def joined(parts: list[Entries]) -> Entries:
    """Entries under each other."""
    return Entries(frame=pd.concat([part.frame for part in parts], ignore_index=True), change=np.concatenate([part.change for part in parts], axis=1))
