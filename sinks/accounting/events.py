"""Losses that statistics tell: harvest, fuelwood, disturbance; and planting, which the map shows by itself.

A statistic of a zone is spread over the land that it speaks of, at the last date before
the event (the first date where there is none): wood in proportion to growing stock where
that is mapped, everything else in proportion to area. So every part meets the factors
of its own climate, type and stand. Losses belong to gain-loss; stock difference has
seen them already.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.pools import PoolCarbon
from sinks.accounting.rows import Rows, YearCells
from sinks.accounting.terms import Batch, Equation, Terms, sum_by
from sinks.config import LAND_COVER
from sinks.ecosystems.method import Knowledge
from sinks.ecosystems.volume import VOLUME
from sinks.equations import biomass

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ANY = "-"
"""The stratum of a statistic that speaks of all of them."""
POOLS_OF_EVENTS = ("aboveground_biomass", "belowground_biomass")

WOOD = Equation(
    id="harvest_loss",
    function=lambda volume, bcef, ratio, fraction: biomass.carbon_from_dry_matter(volume * (bcef / ratio), fraction),
    text="L = H * (BCEF_S / (BCEF_S:BCEF_R)) * CF", amounts=("H [m3]",), factors=("bcef_s", "bcef_s_per_bcef_r", "carbon_fraction"),
)  # fmt: skip
WOOD_ROOTS = Equation(
    id="harvest_loss_roots",
    function=lambda volume, bcef, ratio, roots, fraction: biomass.carbon_from_dry_matter(
        biomass.belowground_biomass(volume * (bcef / ratio), roots), fraction
    ),
    text="L = H * (BCEF_S / (BCEF_S:BCEF_R)) * R * CF", amounts=("H [m3]",),
    factors=("bcef_s", "bcef_s_per_bcef_r", "root_shoot_ratio", "carbon_fraction"),
)  # fmt: skip
WOOD_BY_OWN = Equation(
    id="harvest_loss_own", function=lambda volume, bcef, fraction: biomass.carbon_from_dry_matter(volume * bcef, fraction),
    text="L = H * BCEF_R * CF", amounts=("H [m3]",), factors=("bcef_r", "carbon_fraction"),
)  # fmt: skip
WOOD_ROOTS_BY_OWN = Equation(
    id="harvest_loss_roots_own",
    function=lambda volume, bcef, roots, fraction: biomass.carbon_from_dry_matter(biomass.belowground_biomass(volume * bcef, roots), fraction),
    text="L = H * BCEF_R * R * CF", amounts=("H [m3]",), factors=("bcef_r", "root_shoot_ratio", "carbon_fraction"),
)  # fmt: skip
PARTS = Equation(
    id="fuelwood_parts", function=biomass.carbon_from_dry_matter, text="L = FG * CF", amounts=("FG [t d.m.]",), factors=("carbon_fraction",)
)
PLANTED = Equation(
    id="planted_growth", function=lambda area, growth, fraction: biomass.growth_gain(area, growth, fraction), text="G = A * G_W * CF",
    amounts=("A [ha]",), factors=("aboveground_growth", "carbon_fraction"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Land on which disturbances fall: which event, which group of land at a date, and the share of the group's carbon that is lost."""

    event: Ints
    group: Ints
    share: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTerms:
    """Carbon of statistics by event, as terms.

    Parameters
    ----------
    frame : DataFrame
        Rows of `sinks.tables.EVENTS`; one group of the terms each.
    losses : mapping
        Pool -> terms of wood [t C].
    planted : Terms
        Growth of the year on planted land [t C].
    disturbed : Shares
    estimated : mapping
        Pool -> (events,) bool.
    reason : (events,) object
        Why an event is not estimated.
    """

    frame: pd.DataFrame
    losses: Mapping[str, Terms]
    planted: Terms
    disturbed: Shares
    estimated: Mapping[str, NDArray[np.bool_]]
    reason: NDArray[np.object_]

    def factor_rows(self) -> Ints:
        """Rows of the factor table in use."""
        return np.concatenate([*(terms.factor_rows() for terms in self.losses.values()), self.planted.factor_rows()])

    def carbon(self, pools: Mapping[str, PoolCarbon], values: Floats) -> dict[str, Floats]:
        """Carbon of every event by pool, (D, events) [t C]: losses negative, growth of planted land positive."""
        out = {}
        for pool in POOLS_OF_EVENTS:
            total = -self.losses[pool].totals(values)
            if len(self.disturbed.event):
                held = np.nan_to_num(pools[pool].totals(values))[:, self.disturbed.group] * self.disturbed.share
                total = total - sum_by(self.disturbed.event, held, len(self.frame))
            out[pool] = total + (self.planted.totals(values) if pool == POOLS_OF_EVENTS[0] else 0.0)
        return out


def event_terms(events: pd.DataFrame, years: YearCells, pools: Mapping[str, PoolCarbon], knowledge: Knowledge) -> EventTerms:
    """The terms of all statistics.

    Equations 2.12 to 2.14 [IPCC2006]; wood is oxidised at once.
    """
    batches: dict[str, list[Batch]] = {pool: [] for pool in POOLS_OF_EVENTS}
    planted: list[Batch] = []
    fallen: list[tuple[Ints, Ints, Floats]] = []
    reason = np.full(len(events), "", dtype=object)
    estimated = {pool: np.zeros(len(events), dtype=bool) for pool in POOLS_OF_EVENTS}
    dates = sorted(set(years.frame["year"]))
    for number, event in enumerate(events.itertuples(index=False)):
        date = max((year for year in dates if year < event.year), default=dates[0])
        land = _land_of(event, date, years.rows)
        if not len(land):
            reason[number] = "no_land_of_event"
            continue
        if event.component == "disturbance":
            rows = land.where(land.layer == LAND_COVER)
            known = all(bool(pools[pool].estimated[rows.group].any()) for pool in POOLS_OF_EVENTS[:1])
            share = np.full(len(rows), event.quantity * event.lost_fraction / rows.area.sum())
            fallen.append((np.full(len(rows), number), rows.group, share))
            reason[number] = "" if known else "no_biomass_of_event"
            for pool in POOLS_OF_EVENTS:
                estimated[pool][number] = bool(pools[pool].estimated[rows.group].any())
        elif event.component == "planting":
            batch = _planting(land.where(land.layer == LAND_COVER), event.quantity, number, knowledge)
            planted += [batch] if len(batch.group) else []
            estimated[POOLS_OF_EVENTS[0]][number] = len(batch.group) > 0
            reason[number] = "planting_is_in_land_cover" if len(batch.group) else "no_growth_rate"
        else:
            found = _parts(land, event.quantity, number, knowledge) if event.unit == "t d.m." else _wood(land, event.quantity, number, knowledge)
            for pool, batch in found.items():
                batches[pool].append(batch)
                estimated[pool][number] = len(batch.group) > 0
            reason[number] = "" if estimated[POOLS_OF_EVENTS[0]][number] else "no_bcef_of_event"
    shares = [np.concatenate(part) if part else np.zeros(0) for part in zip(*fallen, strict=True)] if fallen else [np.zeros(0)] * 3
    return EventTerms(
        frame=events, losses={pool: Terms.of(len(events), parts) for pool, parts in batches.items()}, planted=Terms.of(len(events), planted),
        disturbed=Shares(event=shares[0].astype(np.int64), group=shares[1].astype(np.int64), share=shares[2].astype(np.float64)),
        estimated=estimated, reason=reason,
    )  # fmt: skip


def _land_of(event: Any, date: int, rows: Rows) -> Rows:
    """Rows of the land that a statistic speaks of."""
    mine = (rows.zone == event.zone) & (rows.year == date) & (rows.land_class == event.land_class) & (rows.area > 0)
    if event.stratum != ANY:
        mine &= rows.vegetation_type == event.stratum
    return rows.where(mine)


def _wood(land: Rows, quantity: float, number: int, knowledge: Knowledge) -> dict[str, Batch]:
    """Whole trees [m3]: by the user's own BCEF_R, else by BCEF_S of the stands' own growing stock."""
    find = knowledge.factor.optional
    area = land.where(land.layer == LAND_COVER)
    own = find("bcef_r", area)
    if (own >= 0).all():
        return _by_own(area, own, quantity, number, knowledge)
    stands = land.where((land.layer == VOLUME) & (land.sum > 0))
    bcef = find("bcef_s", stands, value=np.nan_to_num(stands.density_bin))
    ratio, fraction = find("bcef_s_per_bcef_r", stands), find("carbon_fraction", stands)
    roots = find("root_shoot_ratio", stands, value=np.nan_to_num(stands.density_bin * knowledge.factor.central(bcef)))
    wood = (bcef >= 0) & (ratio >= 0) & (fraction >= 0)
    if not len(stands) or not wood.all():
        wood = np.zeros(len(stands), dtype=bool)
    volume = quantity * stands.sum * stands.share / max(float((stands.sum * stands.share).sum()), _SMALL)
    rooted = wood & (roots >= 0)
    group = np.full(len(stands), number)
    return {
        POOLS_OF_EVENTS[0]: Batch(WOOD, group[wood], (volume[wood],), (bcef[wood], ratio[wood], fraction[wood])),
        POOLS_OF_EVENTS[1]: Batch(WOOD_ROOTS, group[rooted], (volume[rooted],), (bcef[rooted], ratio[rooted], roots[rooted], fraction[rooted])),
    }


_SMALL = float(np.finfo(np.float64).tiny)


def _by_own(area: Rows, own: Ints, quantity: float, number: int, knowledge: Knowledge) -> dict[str, Batch]:
    find = knowledge.factor.optional
    fraction = find("carbon_fraction", area)
    roots = find("root_shoot_ratio", area, value=np.zeros(len(area)))
    volume = quantity * area.area / area.area.sum()
    group, rooted = np.full(len(area), number), roots >= 0
    return {
        POOLS_OF_EVENTS[0]: Batch(WOOD_BY_OWN, group, (volume,), (own, fraction)),
        POOLS_OF_EVENTS[1]: Batch(WOOD_ROOTS_BY_OWN, group[rooted], (volume[rooted],), (own[rooted], roots[rooted], fraction[rooted])),
    }


def _parts(land: Rows, quantity: float, number: int, knowledge: Knowledge) -> dict[str, Batch]:
    """Branches and other parts of trees [t d.m.]; the trees live on, and their roots."""
    area = land.where(land.layer == LAND_COVER)
    fraction = knowledge.factor.optional("carbon_fraction", area)
    known = fraction >= 0
    mass = quantity * area.area / area.area.sum()
    return {POOLS_OF_EVENTS[0]: Batch(PARTS, np.full(int(known.sum()), number), (mass[known],), (fraction[known],))}


def _planting(land: Rows, quantity: float, number: int, knowledge: Knowledge) -> Batch:
    growth, fraction = knowledge.factor.optional("aboveground_growth", land), knowledge.factor.optional("carbon_fraction", land)
    known = (growth >= 0) & (fraction >= 0)
    hectares = quantity * land.area / land.area.sum()
    return Batch(PLANTED, np.full(int(known.sum()), number), (hectares[known],), (growth[known], fraction[known]))
