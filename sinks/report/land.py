"""Carbon of single cells, from the equations that make the tables.

Every cell is treated as a piece of land of its own: the same methods turn its
values into terms, and the same functions add them up. So a map's sum over a
zone is the table's number: to rounding where equations are linear, within the
bound that is printed where they are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.change import DEAD_MATTER, Change, biomass_change, dead_matter_change, holes, without_holes
from sinks.accounting.cohorts import seen_between
from sinks.accounting.growth import growth
from sinks.accounting.inventory import SOIL, peat_rows, standing_carbon, young_carbon
from sinks.accounting.lookup import FactorLookup
from sinks.accounting.pools import pool_carbon
from sinks.accounting.rows import PairCells, Reading, Rows
from sinks.accounting.soil_cohorts import past_soil_of_intervals, soil_rate
from sinks.accounting.terms import with_nan_column
from sinks.config import LAND_COVER
from sinks.ecosystems.method import CLASS_TABLE, Knowledge
from sinks.equations import soil, wetland
from sinks.factors.table import FactorTable
from sinks.layers.windows import Key, files_of
from sinks.tabulate.tile import Plan
from sinks.units import C_TO_CO2

Floats = NDArray[np.float64]
Names = NDArray[np.object_]

_NAMED = ("land_class", "ecosystem", "vegetation_type", "climate", "soil", "origin", "site")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRequest:
    """What a map shows: pools of some ecosystems at a date, or their change over the interval that ends there.

    Parameters
    ----------
    pools, ecosystems : tuple of str
        All pools or ecosystems that are to be added up.
    year_from : int, optional
        First date of the interval of a change; None for a stock.
    """

    pools: tuple[str, ...]
    ecosystems: tuple[str, ...]
    year: int
    year_from: int | None = None

    @property
    def unit(self) -> str:
        """Unit of the cells."""
        return "t C ha-1" if self.year_from is None else "t CO2e ha-1 yr-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapKnowledge:
    """What a map is made from: the request, and what the accounting of the run knows."""

    request: MapRequest
    plan: Plan
    reading: Reading
    layers: Mapping[str, Any]
    mapped: Mapping[str, frozenset[str]]
    densities: Mapping[str, Mapping[int, float]]
    factors: FactorTable


@dataclass(frozen=True, slots=True)
class _Soil:
    """Soil carbon of cells as a map or their class tells it [t C ha-1], NaN where unknown.

    Parameters
    ----------
    mapped : (cells,) float64
        The part of a map, else 0.
    looked_up_again : (cells,) bool
        A class table that is looked up at every date.
    """

    per_hectare: Floats
    mapped: Floats
    depth_cm: NDArray[np.int64]
    looked_up_again: NDArray[np.bool_]


class Land:
    """The cells of a block that lie in a zone, each a hectare of land."""

    def __init__(self, arrays: Mapping[Key, NDArray[Any]], cells: NDArray[np.int64], function: MapKnowledge) -> None:
        self.arrays = arrays
        self.cells = cells
        self.function = function
        self.request = function.request
        self.lookup = FactorLookup(function.factors)
        self.knowledge = Knowledge(factor=self.lookup, layers=function.layers, mapped=function.mapped, densities=function.densities)
        self.values = with_nan_column(function.factors.value[None, :])
        self.hectare = np.ones(len(cells))
        self._soils: dict[int, _Soil] = {}

    def stock(self) -> Floats:
        """Carbon per hectare of the pools asked for [t C ha-1]; NaN where none is estimated."""
        names = self._names(self.request.year)
        rows = self._rows(names, self.request.year)
        total, known = np.zeros(len(self.cells)), np.zeros(len(self.cells), dtype=bool)
        for pool in self.request.pools:
            carbon = pool_carbon(rows, names["ecosystem"], self.hectare, pool, self.knowledge)
            mine = carbon.estimated & np.isin(names["ecosystem"], self.request.ecosystems)
            total += np.where(mine, self._soil() if pool == SOIL else carbon.terms.totals(self.values)[0], 0.0)
            known |= mine
        return np.where(known, total, np.nan)

    def _soil(self) -> Floats:
        """Soil carbon at the date [t C ha-1]: that of the first date and what cohorts have added since, never a second look-up.

        The cell's own chain, by the rule of ``soil_chain``. The table carries on means
        of classes, so where land changes class twice its ecosystems may share the
        same carbon in another way.
        """
        dates = [interval for interval in self.function.plan.intervals if interval[1] <= self.request.year]
        carbon = self._soil_seen(dates[0][0] if dates else self.request.year).per_hectare
        cohorts: list[tuple[tuple[Floats, Floats], Floats]] = []
        for first, last in dates:
            pairs = self._pairs(first, last)
            before, after = self._soil_seen(first), self._soil_seen(last)
            cohorts.append((seen_between(pairs), np.where(np.isnan(carbon), 0.0, self._soil_rate(pairs)[0][0])))
            past = self._past_soil(pairs)[0]
            kept = carbon - before.mapped + after.mapped
            carbon = np.where(np.isnan(kept) | holes(pairs) | (before.depth_cm != after.depth_cm), after.per_hectare, kept)
            for seen, rate in cohorts:
                carbon = carbon + rate * soil.mean_cohort_years(*seen, first, last, self._transition)[0]
            carbon = carbon + past
            carbon = np.where(after.looked_up_again, after.per_hectare, carbon)
        return carbon

    def _soil_seen(self, year: int) -> "_Soil":
        """What map or class say of the soil at a date."""
        if year not in self._soils:
            names = self._names(year)
            found = pool_carbon(self._rows(names, year), names["ecosystem"], self.hectare, SOIL, self.knowledge)
            carbon = np.where(found.estimated, found.terms.totals(self.values)[0], np.nan)
            mapped = found.estimated & np.char.startswith(found.method.astype(str), "mapped")
            self._soils[year] = _Soil(carbon, np.where(mapped, carbon, 0.0), found.depth_cm, found.method == CLASS_TABLE)
        return self._soils[year]

    def change(self) -> Floats:
        """Removal per hectare and year of the pools asked for [t CO2e ha-1 yr-1], by stock difference.

        Transitions seen in earlier intervals go on changing soil and dead matter.
        """
        first, last = int(self.request.year_from or 0), self.request.year
        pairs = self._pairs(first, last)
        total, known = np.zeros(len(self.cells)), np.zeros(len(self.cells), dtype=bool)
        for pool in self.request.pools:
            difference, estimated = self._pool_change(pairs, pool)
            mine = estimated & (self._touched(pairs) | (self._left_before(pairs) if pool == SOIL else False))
            total += np.where(mine, difference, 0.0)
            known |= mine
        for interval in self.function.plan.intervals:
            if interval[1] <= first:
                total += self._going_on(self._pairs(*interval), (first, last))
        return np.where(known | (total != 0.0), total / (last - first) * C_TO_CO2, np.nan)

    def _touched(self, pairs: PairCells) -> NDArray[np.bool_]:
        """Land of the ecosystems asked for, at either date."""
        sides = [np.isin(pairs.frame[f"ecosystem_{side}"].to_numpy(dtype=object), self.request.ecosystems) for side in ("from", "to")]
        return np.asarray(sides[0] | sides[1], dtype=bool)

    def _left_before(self, pairs: PairCells) -> NDArray[np.bool_]:
        """Land that left the ecosystems asked for before the interval and goes on losing, or gaining, soil carbon."""
        if "ecosystem_before_to" not in pairs.frame:
            return np.zeros(len(self.cells), dtype=bool)
        return np.isin(pairs.frame["ecosystem_before_to"].to_numpy(dtype=object), self.request.ecosystems)

    @property
    def _peat_row(self) -> int:
        return self.lookup.rows_of("peat_accumulation", ecosystem="wetland", land_class="peatland")

    @property
    def _transition(self) -> Floats:
        return np.asarray(self.values[:, [self.lookup.constant_row("transition_years")]])

    def _going_on(self, pairs: PairCells, interval: tuple[int, int]) -> Floats:
        """What transitions of an earlier interval change in a later one [t C ha-1]."""
        total = np.zeros(len(self.cells))
        years = soil.mean_cohort_years(*seen_between(pairs), *interval, self._transition)
        for pool in self.request.pools:
            if pool == SOIL:
                rate, estimated = self._soil_rate(pairs)
                total += np.where(estimated & self._touched(pairs), (rate * years)[0], 0.0)
            elif pool in DEAD_MATTER:
                change = self._matter_change(pairs, pool)
                pending = 0.0 if change.pending is None else change.pending
                total += np.where(self._touched(pairs), (pending * years / self._transition)[0], 0.0)
        return total

    def _pool_change(self, pairs: PairCells, pool: str) -> tuple[Floats, NDArray[np.bool_]]:
        if pool == SOIL:
            first, last = (pairs.frame[name].to_numpy(dtype=np.float64) for name in ("year_from", "year_to"))
            rate, estimated = self._soil_rate(pairs)
            cohorts = (rate * soil.mean_cohort_years(*seen_between(pairs), first, last, self._transition))[0]
            past, going_on = self._past_soil(pairs)
            peat = np.isin(np.arange(len(self.cells)), peat_rows(pairs))
            laid_down = wetland.peat_accumulation(self.hectare, self.values[0, self._peat_row]) * (last - first)
            return cohorts + past + np.where(peat, laid_down, 0.0), estimated | going_on | peat
        change = self._matter_change(pairs, pool)
        outside = np.zeros(len(self.cells), dtype=bool)
        if pool in DEAD_MATTER:
            outside = ((pairs.frame["ecosystem_from"] != "forest") & (pairs.frame["ecosystem_to"] != "forest")).to_numpy()
        return change.difference[0], change.estimated & ~outside

    def _matter_change(self, pairs: PairCells, pool: str) -> Change:
        start = pool_carbon(pairs.start, pairs.frame["ecosystem_from"].to_numpy(dtype=object), self.hectare, pool, self.knowledge)
        end = pool_carbon(pairs.end, pairs.frame["ecosystem_to"].to_numpy(dtype=object), self.hectare, pool, self.knowledge)
        totals = start.terms.totals(self.values), end.terms.totals(self.values)
        if pool in DEAD_MATTER:
            return without_holes(dead_matter_change(pairs, start, end, totals, self._transition), holes(pairs))
        grown = growth(pairs.end, len(self.cells), self.knowledge, self.function.reading.history is not None)[pool]
        young, standing = young_carbon(grown, pairs, self.values), standing_carbon(grown, pairs, self.values, float(self._transition[0, 0]))
        return without_holes(biomass_change(pairs, start, end, totals, young, standing), holes(pairs))

    def _past_soil(self, pairs: PairCells) -> tuple[Floats, NDArray[np.bool_]]:
        """What changes before the first date go on to change in an interval, (cells,) [t C ha-1], and where."""
        if self.function.reading.history is None:
            return np.zeros(len(self.cells)), np.zeros(len(self.cells), dtype=bool)
        past = past_soil_of_intervals(pairs, self.function.reading.history.first, self.knowledge)
        start, end = (self._soil_seen(int(pairs.frame[name].iloc[0])) for name in ("year_from", "year_to"))
        known = past.running & ~holes(pairs) & (start.depth_cm == end.depth_cm) & ~np.isnan(start.per_hectare)
        first, last = (pairs.frame[name].to_numpy(dtype=np.float64) for name in ("year_from", "year_to"))
        return np.where(known, past.change(self.hectare, first, last, self.values, self._transition)[0], 0.0), known

    def _soil_rate(self, pairs: PairCells) -> tuple[Floats, NDArray[np.bool_]]:
        """Change of soil carbon per year of transition, (1, cells) [t C ha-1 yr-1], and where it is estimated."""
        rate = soil_rate(pairs, self.knowledge)
        start, end = (self._soil_seen(int(pairs.frame[name].iloc[0])) for name in ("year_from", "year_to"))
        estimated = rate.changed & rate.known & ~holes(pairs) & (start.depth_cm == end.depth_cm) & ~np.isnan(start.per_hectare)
        return np.where(estimated, rate.per_hectare(self.values, self._transition), 0.0), estimated

    def _names(self, year: int) -> dict[str, Any]:
        """Class code, land class, ecosystem and strata of each cell at a date."""
        code = self._array(LAND_COVER, year)[0].astype(np.int64)
        names: dict[str, Any] = {"code": code}
        for name, layer in self.function.plan.strata:
            codes = self._array(layer, year)[0].astype(np.int64)
            names[name] = _looked_up(codes, self.function.reading.strata.get(name, {}))
        for name in ("climate", "soil", "origin", "site", "vegetation_type", "peat"):
            names.setdefault(name, np.full(len(code), "", dtype=object))
        types = np.where(names.pop("peat") == "peat", "peatland", names["vegetation_type"])
        names["land_class"] = self.function.reading.land_class(np.full(len(code), year), code, types)
        names["ecosystem"] = self.function.reading.ecosystem(names["land_class"])
        names["past"] = self.function.reading.past(names, np.full(len(code), year), types)
        return names

    def _array(self, layer: str, year: int) -> list[Floats]:
        """The files of a layer at a date, at the cells."""
        return [self.arrays[key].reshape(-1)[self.cells] for key in files_of(self.arrays, layer, year)]

    def _rows(self, names: dict[str, Any], year: int, binned: int | None = None) -> Rows:
        """A row per cell, layer and file; ``binned`` is the date by which step factors are chosen."""
        count = len(self.cells)
        parts = [self._part(names, year, LAND_COVER, self.hectare, np.zeros(count), np.zeros(count), 1.0)]
        for layer in self.function.plan.values:
            members = self._array(layer.name, year)
            first = self._array(layer.name, year if binned is None else binned)
            hole = np.isnan(sum(members, start=np.zeros(count)))
            if not layer.per_member:
                members, first = [sum(members, start=np.zeros(count)) / len(members)], [sum(first, start=np.zeros(count)) / len(first)]
            for number, values in enumerate(members):
                area = np.where(hole, 0.0, 1.0)
                chosen = values if layer.per_member else first[min(number, len(first) - 1)]
                parts.append(self._part(names, year, layer.name, area, np.where(hole, 0.0, values), np.nan_to_num(chosen), 1.0 / len(members)))
        return _stacked(parts)

    def _part(self, names: dict[str, Any], year: int, layer: str, area: Floats, values: Floats, density: Floats, share: float) -> Rows:
        count = len(self.cells)
        return Rows(
            group=np.arange(count), zone=np.full(count, "", dtype=object), year=np.full(count, year), code=names["code"],
            land_class=names["land_class"], ecosystem=names["ecosystem"], vegetation_type=names["vegetation_type"], climate=names["climate"],
            soil=names["soil"], origin=names["origin"], site=names["site"], layer=np.full(count, layer, dtype=object), area=area,
            missing=1.0 - area, sum=values * area,
            sum_sq=values * values * area, density_bin=density, cross=values * density * area, bin_sq=density * density * area, share=np.full(count, share),
        )  # fmt: skip

    def _pairs(self, first: int, last: int) -> PairCells:
        start, end = self._names(first), self._names(last)
        frame = pd.DataFrame(
            {
                "zone": "", "year_from": first, "year_to": last, "land_from": start["code"], "land_to": end["code"], "area_ha": self.hectare,
                **{f"{name}_from": start[name] for name in _NAMED},
                **{f"{name}_to": end[name] for name in _NAMED},
                **{f"{name}_from": values for name, values in start["past"].items()}, **{f"{name}_to": values for name, values in end["past"].items()},
            }
        )  # fmt: skip
        rows = [self._rows(start, first), self._rows(end, last, binned=first)]
        both = [_only_valid_at_both(one, other) for one, other in (rows, rows[::-1])]
        return PairCells(frame=frame, start=both[0], end=both[1])


def _only_valid_at_both(mine: Rows, other: Rows) -> Rows:
    """Rows with no area where the other date has none for the same layer."""
    valid = {}
    for layer in set(other.layer):
        rows = other.where(other.layer == layer)
        held = np.zeros(int(rows.group.max(initial=-1)) + 1, dtype=bool)
        held[rows.group[rows.area > 0]] = True
        valid[layer] = held
    keep = np.zeros(len(mine.group))
    for layer, held in valid.items():
        rows_of_layer = np.flatnonzero(mine.layer == layer)
        keep[rows_of_layer] = held[mine.group[rows_of_layer]]
    sums = {name: getattr(mine, name) * keep for name in ("area", "sum", "sum_sq", "cross", "bin_sq")}
    return replace(mine, **sums)


def _looked_up(codes: NDArray[np.int64], names: Mapping[int, str]) -> Names:
    values, place = np.unique(codes, return_inverse=True)
    return np.asarray([names.get(int(value), "") for value in values], dtype=object)[place]


def _stacked(parts: list[Rows]) -> Rows:
    return Rows(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows)})
