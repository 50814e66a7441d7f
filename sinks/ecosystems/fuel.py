"""What burns: fuel from the same methods as the stock, and the gases of its fire (equation 2.27 [IPCC2006])."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sinks.accounting.rows import Rows
from sinks.accounting.terms import Batch, Equation
from sinks.config import LAND_COVER
from sinks.ecosystems.catalogue import ECOSYSTEM_RECORDS
from sinks.ecosystems.forest import with_fraction
from sinks.ecosystems.method import CLASS_MEAN, Knowledge, PoolMethod, woody_keys
from sinks.equations import fire

FUEL_LAYERS = ("aboveground_biomass", "belowground_biomass", "dead_wood", "growing_stock_volume", "litter", "ndvi")
"""Layers of a run that fuel is made from; roots count in the fraction that dead wood is of living biomass."""
BURNING = ("forest", "grassland")
"""Ecosystems whose fires have factors."""
GASES: Mapping[str, tuple[str, str]] = {"CH4": ("emission_factor_ch4", "gwp_ch4"), "N2O": ("emission_factor_n2o", "gwp_n2o")}
ABOVEGROUND = "aboveground_biomass"
DEAD = {"dead_wood": "dead_wood_fraction", "litter": "litter_fraction"}
"""Dead matter that burns with trees, and the fraction that it is of them where it is not mapped."""
CARBON_FRACTION = "carbon_fraction"


def _of_table(area: Any, consumed: Any, emission: Any, gwp: Any) -> Any:
    return fire.fire_emission(area, consumed, 1.0, emission) * gwp


def fire_of_table(gas: str) -> Equation:
    """The emission of a fire by the fuel that a table says it consumes, M_B * C_f."""
    emission, gwp = GASES[gas]
    return Equation(
        id=f"fire_{gas.lower()}_of_table", function=_of_table, text="E = A * M_B*C_f * G_ef / 1000 * GWP", amounts=("A burned [ha]",),
        factors=("fuel_consumed", emission, gwp), multipliers=3,
    )  # fmt: skip


def fire_of(inner: Equation, gas: str) -> Equation:
    """The emission of a fire whose fuel an equation of the stock gives, t CO2e.

    Fuel is dry matter: an equation that ends with a carbon fraction is taken without it,
    one that gives carbon is divided by the central carbon fraction, an amount of its own.
    """
    emission, gwp = GASES[gas]
    count = len(inner.amounts)
    dry = CARBON_FRACTION in inner.factors
    factors = tuple(name for name in inner.factors if name != CARBON_FRACTION)
    amounts = inner.amounts if dry else (*inner.amounts, "CF [t C (t d.m.)-1]")
    fuel = inner.text.partition("= ")[2]
    fuel = fuel.replace(" * CF", "") if dry else f"({fuel}) / CF"

    def function(*values: Any) -> Any:
        known = values[:count]
        rest = list(values[len(amounts) : -3])
        if dry:
            rest.insert(inner.factors.index(CARBON_FRACTION), np.ones((1, 1)))
            mass = inner.function(*known, *rest)
        else:
            mass = inner.function(*known, *rest) / values[count]
        combustion, strength, potential = values[-3:]
        return fire.fire_emission(mass, 1.0, combustion, strength) * potential

    return Equation(
        id=f"fire_{gas.lower()}_of_{inner.id}", function=function, text=f"E = {fuel} * C_f * G_ef / 1000 * GWP", amounts=amounts,
        factors=(*factors, "combustion_factor", emission, gwp), linear=inner.linear and dry, multipliers=3,
    )  # fmt: skip


def fires(rows: Rows, groups: int, knowledge: Knowledge) -> dict[tuple[str, str], list[Batch]]:
    """(pool, gas) -> terms of the fires of some land [t CO2e]; ``rows.area`` is burned area, sums are weighted by it.

    Fuel is what the run knows of aboveground biomass before the fire: mapped, of the
    class table, of grassland also the class mean; and on forest the dead wood and litter
    that go with it. Where nothing is mapped, forest takes the table's M_B * C_f.
    """
    out: dict[tuple[str, str], list[Batch]] = {}
    for ecosystem in BURNING:
        mine = rows.where(rows.ecosystem == ecosystem)
        for pool, batches in _fuel(mine, ecosystem, knowledge).items():
            for gas in GASES:
                out.setdefault((pool, gas), []).extend(_burnt(batch, mine, groups, gas, knowledge) for batch in batches)
        bare = _without_fuel(mine, ecosystem, knowledge)
        for gas in GASES:
            out.setdefault((ABOVEGROUND, gas), []).extend(_by_table(bare, mine, ecosystem, groups, gas, knowledge))
    return out


def _method(ecosystem: str, pool: str, knowledge: Knowledge) -> PoolMethod | None:
    """The method by which fuel is known: that of the stock, but of forest no class mean."""
    found = ECOSYSTEM_RECORDS[ecosystem].method(pool, knowledge)
    return None if found is CLASS_MEAN and ecosystem == "forest" else found


def _fuel(rows: Rows, ecosystem: str, knowledge: Knowledge) -> dict[str, list[Batch]]:
    """Pool -> carbon of what burned, by the equations of the stock."""
    method = _method(ecosystem, ABOVEGROUND, knowledge)
    if method is None:
        return {}
    out = {ABOVEGROUND: method.batches(_known(rows, method), knowledge)}
    if ecosystem != "forest" or method.layer == LAND_COVER:
        return out
    roots = ECOSYSTEM_RECORDS[ecosystem].method("belowground_biomass", knowledge)
    for pool, fraction in DEAD.items():
        mapped = ECOSYSTEM_RECORDS[ecosystem].method(pool, knowledge)
        if mapped is not None and mapped.layer == pool:
            out[pool] = mapped.batches(_known(rows, mapped), knowledge)
            continue
        trees = rows.where(rows.land_class != "shrubland")
        shares = _by_group(trees, knowledge.factor.optional(fraction, trees), int(rows.group.max(initial=-1)) + 1)
        living = [batch for one in (method, roots) if one is not None for batch in one.batches(_known(trees, one), knowledge)]
        out[pool] = [with_fraction(batch, shares[batch.group], pool) for batch in living]
    return out


def _known(rows: Rows, method: PoolMethod) -> Rows:
    return rows.where((rows.layer == method.layer) & (rows.area > 0))


def _by_group(rows: Rows, factors: Any, groups: int) -> Any:
    """The factor of each group, -1 where it has none."""
    out = np.full(groups, -1, dtype=np.int64)
    out[rows.group] = factors
    return out


def _burnt(batch: Batch, rows: Rows, groups: int, gas: str, knowledge: Knowledge) -> Batch:
    """The emission of what a batch of carbon says burned; terms without a combustion or emission factor are left out."""
    emission, gwp = GASES[gas]
    base = rows.where(rows.layer == LAND_COVER)
    names = ("combustion_factor", emission, gwp)
    factors = [_by_group(base, knowledge.factor.optional(name, base), groups)[batch.group] for name in names]
    kept = np.logical_and.reduce([factor >= 0 for factor in factors])
    inner = batch.equation
    amounts = [amount[kept] for amount in batch.amounts]
    if CARBON_FRACTION not in inner.factors:
        fraction = _by_group(base, knowledge.factor.optional(CARBON_FRACTION, base, **woody_keys(base)), groups)[batch.group]
        amounts.append(knowledge.factor.central(fraction)[kept])
    own = [factor[kept] for name, factor in zip(inner.factors, batch.factors, strict=True) if name != CARBON_FRACTION]
    return Batch(fire_of(inner, gas), batch.group[kept], tuple(amounts), (*own, *(factor[kept] for factor in factors)))


def _without_fuel(rows: Rows, ecosystem: str, knowledge: Knowledge) -> Rows:
    """Burned land of which nothing mapped says what was there; its area stands in ``area``."""
    method = _method(ecosystem, ABOVEGROUND, knowledge)
    if method is None:
        return rows.where(rows.layer == LAND_COVER)
    if method.layer == LAND_COVER:
        return rows.where(np.zeros(len(rows), dtype=bool))
    bare = rows.where((rows.layer == method.layer) & (rows.missing > 0))
    return replace(bare, area=bare.missing * bare.share, missing=np.zeros(len(bare)))


def _by_table(bare: Rows, rows: Rows, ecosystem: str, groups: int, gas: str, knowledge: Knowledge) -> list[Batch]:
    """Emission by what a table says of the fuel: of forest M_B * C_f, of grassland its class mean times C_f."""
    if not len(bare):
        return []
    if ecosystem == "grassland":
        return [_burnt(batch, rows, groups, gas, knowledge) for batch in CLASS_MEAN.batches(bare, knowledge)]
    emission, gwp = GASES[gas]
    factors = [knowledge.factor.optional(name, bare) for name in ("fuel_consumed", emission, gwp)]
    kept = np.logical_and.reduce([factor >= 0 for factor in factors])
    return [Batch(fire_of_table(gas), bare.group[kept], (bare.area[kept],), tuple(factor[kept] for factor in factors))]
