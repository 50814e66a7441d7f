"""Growth of stands by age: what a year adds, and what can have grown since a stand began."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.rows import Rows
from sinks.accounting.terms import Batch, Equation, Terms
from sinks.config import LAND_COVER
from sinks.ecosystems.method import Knowledge
from sinks.equations import biomass

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

GROWING = ("arbor_forest", "shrubland", "other_forest_land", "forest_swamp", "shrub_swamp")
RATE = "aboveground_growth"

GROWTH = Equation(
    id="growth_gain",
    function=lambda area, growth, fraction: biomass.growth_gain(area, growth, fraction),
    text="dC = A * G_W * CF", amounts=("A [ha]",), factors=(RATE, "carbon_fraction"),
)  # fmt: skip
ROOT_GROWTH = Equation(
    id="root_growth_gain",
    function=lambda area, growth, ratio, fraction: biomass.growth_gain(area, biomass.belowground_biomass(growth, ratio), fraction),
    text="dC = A * G_W * R * CF", amounts=("A [ha]",), factors=(RATE, "root_shoot_ratio", "carbon_fraction"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Yearly growth of one pool on groups of land, by age of the stands.

    Parameters
    ----------
    any_age : Terms
        Growth where the age is not known [t C per year].
    by_age : tuple of (first age, last age, Terms)
        Growth of stands of these ages; one stretch without limits where no factor asks for the age.
    """

    any_age: Terms
    by_age: tuple[tuple[float, float, Terms], ...]

    @property
    def groups(self) -> int:
        """Groups of land."""
        return self.any_age.groups

    def terms(self) -> list[Terms]:
        """All terms."""
        return [self.any_age, *(terms for _, _, terms in self.by_age)]

    def grown(self, values: Floats, age: Floats) -> Floats:
        """Carbon that stands can have built since they began, (D, groups) [t C]; NaN where no rate or no age is known.

        Parameters
        ----------
        age : (groups,) float64
            Years since the stand began.
        """
        out = np.zeros((len(values), self.groups))
        known = ~np.isnan(age)
        for low, high, terms in self.by_age:
            years = np.clip(age - low, 0.0, high - low)
            known &= holds(terms) | ~(years > 0)
            out = out + np.where(years > 0, terms.totals(values) * years, 0.0) if len(self.by_age) > 1 else terms.totals(values) * years
        return np.where(known, out, np.nan)

    def yearly(self, values: Floats, low: Floats, high: Floats) -> Floats:
        """Growth of a year, (D, groups) [t C per year]: of the ages between two, in equal parts; of any age where none is known."""
        shares = self._shares(low, high)
        if not any(share.any() for share in shares):
            return self.any_age.totals(values)
        out = np.where(np.isnan(low), self.any_age.totals(values), 0.0)
        for share, (_, _, terms) in zip(shares, self.by_age, strict=True):
            out = out + np.where(share > 0, terms.totals(values) * share, 0.0)
        return np.asarray(out)

    def knows(self, low: Floats, high: Floats) -> Flags:
        """Groups with a growth rate for all their ages."""
        shares = self._shares(low, high)
        held = np.where(np.isnan(low), holds(self.any_age), True)
        for share, (_, _, terms) in zip(shares, self.by_age, strict=True):
            held &= holds(terms) | ~(share > 0)
        return np.asarray(held, dtype=bool)

    def stretches(self, group: int, low: float, high: float) -> list[tuple[float, Terms]]:
        """The stretches of ages that a group's stands lie in, each with its share."""
        every = np.full(self.groups, low), np.full(self.groups, high)
        shares = (share[group] for share in self._shares(*every))
        return [(float(share), terms) for share, (_, _, terms) in zip(shares, self.by_age, strict=True) if share > 0]

    def _shares(self, low: Floats, high: Floats) -> list[Floats]:
        """Share of each stretch of ages in the ages of the groups; 0 where these are not known."""
        out = []
        for first, last, _ in self.by_age:
            with np.errstate(divide="ignore", invalid="ignore"):
                part = np.clip(np.minimum(high, last) - np.maximum(low, first), 0.0, None) / (high - low)
            point = ((low >= first) & (low < last)).astype(np.float64)
            out.append(np.nan_to_num(np.where(high > low, part, point)))
        return out


def holds(terms: Terms) -> Flags:
    """Groups that have terms."""
    out = np.zeros(terms.groups, dtype=bool)
    for batch in terms.batches:
        out[batch.group] = True
    return out


def growth(rows: Rows, groups: int, knowledge: Knowledge, aged: bool) -> dict[str, Growth]:
    """Growth of forest above and below ground, by group.

    Parameters
    ----------
    aged : bool
        Whether anything tells how old stands are; else factors that ask for an age are passed over.
    """
    trees = rows.where((rows.layer == LAND_COVER) & np.isin(rows.land_class, GROWING))
    whole = _terms(trees, groups, knowledge, None)
    if not aged:
        return {pool: Growth(any_age=terms, by_age=((0.0, np.inf, terms),)) for pool, terms in whole.items()}
    stretches = [(low, high, _terms(trees, groups, knowledge, low)) for low, high in _stretches(knowledge.factor.edges(RATE))]
    return {
        pool: Growth(any_age=terms, by_age=tuple((low, high, found[pool]) for low, high, found in stretches)) for pool, terms in whole.items()
    }


def _stretches(edges: Sequence[float] | Floats) -> list[tuple[float, float]]:
    """Stretches of ages between the limits of factors."""
    limits = sorted({0.0, *(float(edge) for edge in edges if edge > 0), np.inf})
    return list(pairwise(limits))


def _terms(trees: Rows, groups: int, knowledge: Knowledge, age: float | None) -> dict[str, Terms]:
    """Yearly growth at an age, or where none is known [t C per year]; no terms where no rate is known."""
    find = knowledge.factor.optional
    rate = find(RATE, trees, value=None if age is None else np.full(len(trees), age))
    fraction = find("carbon_fraction", trees)
    ratio = find("root_shoot_ratio", trees, value=np.zeros(len(trees)))
    known = (rate >= 0) & (fraction >= 0)
    rooted = known & (ratio >= 0)
    above = Batch(GROWTH, trees.group[known], (trees.area[known],), (rate[known], fraction[known]))
    below = Batch(ROOT_GROWTH, trees.group[rooted], (trees.area[rooted],), (rate[rooted], ratio[rooted], fraction[rooted]))
    return {"aboveground_biomass": Terms.of(groups, [above]), "belowground_biomass": Terms.of(groups, [below])}
