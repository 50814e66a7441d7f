"""Change of carbon on groups of land over an interval: what was removed, and what only changed hands.

For land that goes from ecosystem E to F with carbon ``start`` and ``end``:

- a loss is booked on E, a gain on F (ACCOUNTING 2);
- what stays in place while the land changes class is a transfer, never a removal:
  ``end`` after a loss, ``start`` before a gain.

So for E ``0 - start = loss - transfer`` and for F ``end - 0 = gain + transfer``,
in every draw; the sign that decides is that of the central draw.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.cohorts import seen_between
from sinks.accounting.pools import PoolCarbon
from sinks.accounting.rows import UNKNOWN, PairCells
from sinks.accounting.terms import zeroed
from sinks.equations import soil

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.object_]

DEAD_MATTER = ("dead_wood", "litter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Carbon of one pool on groups of land at both dates of an interval.

    Parameters
    ----------
    start, end : (D, groups) float64
        Carbon on the common footprint [t C]; 0 where nothing is estimated.
    estimated : (groups,) bool
        Whether ``end - start`` may be called a removal.
    reason : (groups,) object
        Why not, as a key of the text catalogue.
    pending : (D, groups) float64, optional
        What a transition that lasts beyond the interval changes in all [t C].
    young : (groups,) bool, optional
        Forest that stays forest and grows since its land was converted before the interval.
    """

    start: Floats
    end: Floats
    estimated: Flags
    reason: Names
    pending: Floats | None = None
    young: Flags | None = None

    @property
    def difference(self) -> Floats:
        """End less start, (D, groups) [t C]."""
        return self.end - self.start

    def times(self, scale: Floats | float) -> "Change":
        """The change of land that is so many times as large, (D or 1, groups)."""
        pending = None if self.pending is None else self.pending * scale
        return replace(self, start=self.start * scale, end=self.end * scale, pending=pending)

    @property
    def lost(self) -> Flags:
        """Groups that lose carbon in the central draw."""
        return self.difference[0] < 0


def converted(cells: PairCells) -> Flags:
    """Groups whose land goes from one ecosystem to another."""
    return (cells.frame["ecosystem_from"] != cells.frame["ecosystem_to"]).to_numpy()


def holes(cells: PairCells) -> Flags:
    """Groups whose land class is unknown at one date: a cloud is neither a sink nor a clearing."""
    return np.asarray((cells.frame["land_class_from"] == UNKNOWN) | (cells.frame["land_class_to"] == UNKNOWN), dtype=bool)


def without_holes(change: Change, hole: Flags) -> Change:
    """The change with nothing on land whose class is unknown at one date."""
    return replace(
        change, start=np.where(hole, 0.0, change.start), end=np.where(hole, 0.0, change.end), estimated=change.estimated & ~hole,
        reason=np.where(hole, "hole_at_one_date", change.reason), pending=None if change.pending is None else np.where(hole, 0.0, change.pending),
    )  # fmt: skip


def biomass_change(
    cells: PairCells, start: PoolCarbon, end: PoolCarbon, totals: tuple[Floats, Floats], young: Floats, standing: tuple[Floats, Floats] | None = None
) -> Change:  # fmt: skip
    """Change of living biomass.

    Land that stays: the difference of two observations, or nothing (a class mean
    sees no change). Converted land: an observation at the end where there is one,
    else biomass by years since conversion (``young``), never the class mean at once;
    what stood there is gone even where the map of the new class has a hole.

    Parameters
    ----------
    totals : ((D, groups), (D, groups))
        Carbon at the start and end [t C].
    young : (D, groups)
        Carbon that growth since conversion can have built [t C]; NaN where unknown.
        Herbs of land that becomes grassland or wetland are there at once.
    standing : ((D, groups), (D, groups)), optional
        What forest that was converted before the interval can have built by its start and
        end [t C], NaN on other land: where no map sees both dates it grows by that, up to
        the class mean.
    """
    moved = converted(cells)
    begin, finish = (zeroed(one) for one in totals)
    grows = moved & end.estimated & ~end.dated & (cells.frame["ecosystem_to"] == "forest").to_numpy()
    unknown_growth = grows & np.isnan(young[0])
    finish = np.where(grows & ~unknown_growth, np.minimum(finish, zeroed(young)), finish)
    finish = np.where(moved & start.estimated, finish * _share_of_known_start(start, end), finish)
    stays = ~moved & start.dated & end.dated
    growing = np.zeros(len(moved), dtype=bool)
    if standing is not None:
        growing = ~moved & ~stays & start.estimated & end.estimated & ~np.isnan(standing[0][0]) & ~np.isnan(standing[1][0])
        begin, finish = (np.where(growing, np.minimum(one, zeroed(grown)), one) for one, grown in zip((begin, finish), standing, strict=True))
    estimated = np.where(moved, start.estimated & ~unknown_growth, stays | growing)
    why_moved = np.where(unknown_growth, "no_growth_rate", "start_unknown")
    reason = np.where(estimated, "", np.where(moved, why_moved, np.where(start.estimated, "class_mean_sees_no_change", "no_data_for_pool")))
    return Change(start=begin, end=np.where(estimated, finish, begin), estimated=estimated, reason=reason.astype(object), young=growing)


def _share_of_known_start(start: PoolCarbon, end: PoolCarbon) -> Floats:
    """Of the land with a value at the end, the part that has one at the start; 0 where nothing is known of the end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(end.estimated & (end.area > 0), np.minimum(1.0, start.area / end.area), 0.0)


def _on_common_land(begin: Floats, finish: Floats, start: PoolCarbon, end: PoolCarbon) -> tuple[Floats, Floats]:
    """Both dates on the smaller of the two areas that have a value."""
    common = np.minimum(start.area, end.area)
    both = start.estimated & end.estimated & (start.area > 0) & (end.area > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(both, common / start.area, 1.0)
        last = np.where(both, common / end.area, 1.0)
    return begin * first, finish * last


def dead_matter_change(cells: PairCells, start: PoolCarbon, end: PoolCarbon, totals: tuple[Floats, Floats], transition_years: Floats) -> Change:
    """Change of dead wood or litter: observed on land that stays, a twenty-year transition on converted land.

    Outside forest dead matter is zero where nothing is known of it (IPCC 2006 V4 2.3.2, tier 1).

    Parameters
    ----------
    transition_years : (D, 1) float64
    """
    moved = converted(cells)
    begin, finish = (zeroed(one) for one in totals)
    begin, finish = _on_common_land(begin, finish, start, end)
    first, last = (cells.frame[name].to_numpy(dtype=np.float64) for name in ("year_from", "year_to"))
    share = soil.mean_cohort_years(*seen_between(cells), first, last, transition_years) / transition_years
    pending = finish - begin
    finish = np.where(moved, begin + pending * share, finish)
    outside = {side: (cells.frame[f"ecosystem_{side}"] != "forest").to_numpy() for side in ("from", "to")}
    known = (start.estimated | outside["from"]) & (end.estimated | outside["to"]) & (start.estimated | end.estimated)
    stays = ~moved & start.dated & end.dated
    estimated = np.where(moved, known, stays)
    reason = np.where(estimated, "", np.where(start.estimated, "class_mean_sees_no_change", "no_data_for_pool"))
    return Change(
        start=begin, end=np.where(estimated, finish, begin), estimated=estimated, reason=reason.astype(object),
        pending=np.where(moved & estimated, pending, 0.0),
    )  # fmt: skip
