"""Growth of stands by age: what a year adds, and what can have grown since a stand began."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sinks.accounting.rates import held_groups
from sinks.accounting.rows import Rows
from sinks.accounting.terms import Batch, Equation, Terms
from sinks.config import LAND_COVER
from sinks.ecosystems.method import Knowledge
from sinks.equations import biomass

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

GROWING = ("arbor_forest", "shrubland", "other_forest_land", "forest_swamp", "shrub_swamp")
RATE, VOLUME_RATE = "aboveground_growth", "volume_growth"
AGED = (RATE, VOLUME_RATE, "bcef_i")
"""Factors whose bins are ages."""

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
VOLUME_GROWTH = Equation(
    id="volume_growth_gain",
    function=lambda area, increment, bcef, fraction: biomass.growth_gain(area, biomass.aboveground_from_volume(increment, bcef), fraction),
    text="dC = A * I_V * BCEF_I * CF", amounts=("A [ha]",), factors=(VOLUME_RATE, "bcef_i", "carbon_fraction"),
)  # fmt: skip
ROOTS_OF_VOLUME_GROWTH = Equation(
    id="root_volume_growth_gain",
    function=lambda area, increment, bcef, ratio, fraction: biomass.growth_gain(
        area, biomass.belowground_biomass(biomass.aboveground_from_volume(increment, bcef), ratio), fraction
    ),
    text="dC = A * I_V * BCEF_I * R * CF", amounts=("A [ha]",), factors=(VOLUME_RATE, "bcef_i", "root_shoot_ratio", "carbon_fraction"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Growth of stands from one age to another.

    Parameters
    ----------
    terms : Terms
        Yearly growth [t C per year]; no terms where no rate is known.
    own : (groups,) bool
        Groups whose rate is of the user's factors and not the fallback of the shipped tables.
    """

    low: float
    high: float
    terms: Terms
    own: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Yearly growth of one pool on groups of land, by age of the stands.

    Parameters
    ----------
    any_age : Stretch
        Growth where the age is not known.
    by_age : tuple of Stretch
        Growth by age; one stretch without limits where no age is known, or no factor asks for it.
    """

    any_age: Stretch
    by_age: tuple[Stretch, ...]

    @property
    def groups(self) -> int:
        """Groups of land."""
        return self.any_age.terms.groups

    def terms(self) -> list[Terms]:
        """All terms."""
        return [self.any_age.terms, *(one.terms for one in self.by_age)]

    def grown(self, values: Floats, age: Floats) -> Floats:
        """Carbon that stands can have built since they began, (D, groups) [t C]; NaN where no rate or no age is known.

        Parameters
        ----------
        age : (groups,) float64
            Years since the stand began.
        """
        out = np.zeros((len(values), self.groups))
        known = ~np.isnan(age)
        for one in self.by_age:
            years = np.clip(age - one.low, 0.0, one.high - one.low)
            known &= held_groups(one.terms) | ~(years > 0)
            out = out + np.where(years > 0, one.terms.totals(values) * years, 0.0)
        return np.where(known, out, np.nan)

    def yearly(self, values: Floats, low: Floats, high: Floats) -> Floats:
        """Growth of a year, (D, groups) [t C per year]: of the ages between two, in equal parts; of any age where none is known."""
        shares = self._shares(low, high)
        if not any(share.any() for share in shares):
            return self.any_age.terms.totals(values)
        out = np.where(np.isnan(low), self.any_age.terms.totals(values), 0.0)
        for share, one in zip(shares, self.by_age, strict=True):
            out = out + np.where(share > 0, one.terms.totals(values) * share, 0.0)
        return np.asarray(out)

    def knows(self, low: Floats, high: Floats) -> Flags:
        """Groups with a growth rate for all their ages."""
        return self._all(low, high, lambda one: held_groups(one.terms))

    def of_own_factors(self, low: Floats, high: Floats) -> Flags:
        """Groups whose rates are of the user's factors for all their ages."""
        return self._all(low, high, lambda one: one.own)

    def _all(self, low: Floats, high: Floats, asked: Callable[[Stretch], Flags]) -> Flags:
        """Groups for which all stretches that their ages lie in have something."""
        held = np.where(np.isnan(low), asked(self.any_age), True)
        for share, one in zip(self._shares(low, high), self.by_age, strict=True):
            held &= asked(one) | ~(share > 0)
        return np.asarray(held, dtype=bool)

    def stretches(self, group: int, low: float, high: float) -> list[tuple[float, Terms]]:
        """The stretches of ages that a group's stands lie in, each with its share."""
        every = np.full(self.groups, low), np.full(self.groups, high)
        shares = (share[group] for share in self._shares(*every))
        return [(float(share), one.terms) for share, one in zip(shares, self.by_age, strict=True) if share > 0]

    def _shares(self, low: Floats, high: Floats) -> list[Floats]:
        """Share of each stretch of ages in the ages of the groups; 0 where these are not known."""
        out = []
        for one in self.by_age:
            with np.errstate(divide="ignore", invalid="ignore"):
                part = np.clip(np.minimum(high, one.high) - np.maximum(low, one.low), 0.0, None) / (high - low)
            point = ((low >= one.low) & (low < one.high)).astype(np.float64)
            out.append(np.nan_to_num(np.where(high > low, part, point)))
        return out


def growth(rows: Rows, groups: int, knowledge: Knowledge, aged: bool) -> dict[str, Growth]:
    """Growth of forest above and below ground, by group.

    Parameters
    ----------
    aged : bool
        Whether anything tells how old stands are; else factors that ask for an age are passed over.
    """
    trees = rows.where((rows.layer == LAND_COVER) & np.isin(rows.land_class, GROWING))
    whole = _stretch(trees, groups, knowledge, 0.0, np.inf, None)
    if not aged:
        return {pool: Growth(any_age=one, by_age=(one,)) for pool, one in whole.items()}
    limits = sorted({0.0, *(float(edge) for name in AGED for edge in knowledge.factor.edges(name) if edge > 0), np.inf})
    parts = [_stretch(trees, groups, knowledge, low, high, low) for low, high in pairwise(limits)]
    return {pool: Growth(any_age=one, by_age=tuple(part[pool] for part in parts)) for pool, one in whole.items()}


def _stretch(trees: Rows, groups: int, knowledge: Knowledge, low: float, high: float, age: float | None) -> dict[str, Stretch]:
    """Yearly growth of a stretch of ages, by the factor of an age; of any where that is None.

    An increment of volume with its BCEF_I, both the user's (no source gives BCEF_I for
    the region), goes before growth of biomass (equations 2.9 and 2.10 [IPCC2006]).
    """
    find = knowledge.factor.optional
    asked = None if age is None else np.full(len(trees), age)
    rate, volume, bcef = find(RATE, trees, value=asked), find(VOLUME_RATE, trees, value=asked), find("bcef_i", trees, value=asked)
    fraction = find("carbon_fraction", trees)
    ratio = find("root_shoot_ratio", trees, value=np.zeros(len(trees)))
    of_volume = (volume >= 0) & (bcef >= 0) & (fraction >= 0)
    of_mass = (rate >= 0) & (fraction >= 0) & ~of_volume
    batches = {
        "aboveground_biomass": [_batch(GROWTH, trees, of_mass, rate, fraction), _batch(VOLUME_GROWTH, trees, of_volume, volume, bcef, fraction)],
        "belowground_biomass": [
            _batch(ROOT_GROWTH, trees, of_mass & (ratio >= 0), rate, ratio, fraction),
            _batch(ROOTS_OF_VOLUME_GROWTH, trees, of_volume & (ratio >= 0), volume, bcef, ratio, fraction),
        ],
    }  # fmt: skip
    own = np.zeros(groups, dtype=bool)
    own[trees.group] = knowledge.factor.own(np.where(of_volume, volume, rate))
    return {pool: Stretch(low=low, high=high, terms=Terms.of(groups, found), own=own) for pool, found in batches.items()}


def _batch(equation: Equation, trees: Rows, held: Flags, *factors: Ints) -> Batch:
    """Terms of the rows that are held."""
    return Batch(equation, trees.group[held], (trees.area[held],), tuple(one[held] for one in factors))
