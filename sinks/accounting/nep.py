"""Net ecosystem production beside the stock-based removal: a check, never the removal (METHODOLOGIES 3.9).

NEP omits harvest, grazing, fire and lateral carbon, and weather moves it from year to
year; its rows are memo and no policy takes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.intervals import rounded
from sinks.accounting.lookup import FactorLookup
from sinks.accounting.rows import Reading, year_cells
from sinks.accounting.summary import REMOVAL
from sinks.accounting.terms import Batch, Equation, Terms
from sinks.equations import respiration
from sinks.tables import ALL_POOLS
from sinks.units import C_TO_CO2, G_PER_M2_TO_T_PER_HA

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

APPROACH = "nep_check"
PRODUCTION, WARMTH, WETNESS = "nep_npp", "nep_warmth", "nep_wetness"
"""Layers of `sinks.tables.ACTIVITY_ANNUAL` on the land that has production and the weather of all months."""
ECOSYSTEMS = ("forest", "grassland")
LIMIT = "nep_ratio_limit"

NPP = Equation(id="net_primary_production", function=lambda carbon: np.asarray(carbon)[None, :], text="C = NPP", amounts=("NPP [t C]",), factors=())
RESPIRATION = Equation(
    id="heterotrophic_respiration",
    function=lambda sums, scale, days, share: -respiration.respiration_of_sums(sums, scale, days, share) * G_PER_M2_TO_T_PER_HA,
    text="C = -s * sum A*(exp(k_T*T) + ln(k_P*P + 1)) * days * c / 100", amounts=("sum A*(exp(k_T*T) + ln(k_P*P + 1)) [ha]",),
    factors=("respiration_scale", "respiration_days", "respiration_carbon"), multipliers=3,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """Net ecosystem production of all years.

    Parameters
    ----------
    frame : DataFrame
        Land by zone, ``nep_year``, class and stratum, with names, ``area_ha`` that is known and ``missing_ha``.
    npp, respired : Terms
        Production and, negative, respiration by row of the frame [t C per year].
    curve : (2,) int64
        Rows of the factors that stand in the pass: k_T and k_P.
    limit : float
        From which ratio to the stock-based removal on a check is said.
    """

    frame: pd.DataFrame
    npp: Terms
    respired: Terms
    curve: Ints
    limit: float

    def factor_rows(self) -> Ints:
        """Rows of the factor table behind the numbers."""
        return np.unique(np.concatenate([self.respired.factor_rows(), self.curve]))


def production_of(
    activity: pd.DataFrame, strata: pd.DataFrame, reading: Reading, lookup: FactorLookup, tonnes_per_ha: float
) -> Production | None:
    """The production of a run from its yearly activity; None where no year has production and the weather of its months.

    Parameters
    ----------
    tonnes_per_ha : float
        Of a unit of the layer of production, which is carbon.
    """
    mine = activity[activity["layer"].isin((PRODUCTION, WARMTH, WETNESS)) & (activity["year_from"] == activity["year_to"])]
    mine = mine[(mine["land_from"] == mine["land_to"])]
    if not len(mine):
        return None
    key = ["zone", "year", "year_from", "land_from", "stratum"]
    wide = mine.pivot_table(index=key, columns="layer", values="sum", aggfunc="sum").reset_index()
    land = mine[mine["layer"] == PRODUCTION].set_index(key)[["area_ha", "missing_ha"]]
    wide = wide.join(land, on=key)
    frames = [_named(part, strata, reading) for _, part in wide.groupby("year", sort=True)]
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[frame["ecosystem"].isin(ECOSYSTEMS) & (frame["area_ha"] > 0)].reset_index(drop=True)
    groups = np.arange(len(frame), dtype=np.int64)
    factors = tuple(np.full(len(frame), lookup.constant_row(name), dtype=np.int64) for name in RESPIRATION.factors)
    npp = Batch(NPP, groups, (frame[PRODUCTION].to_numpy(dtype=np.float64) * tonnes_per_ha,), ())
    sums = (frame[WARMTH] + frame[WETNESS]).to_numpy(dtype=np.float64)
    curve = np.asarray([lookup.constant_row(name) for name in CURVE], dtype=np.int64)
    return Production(
        frame=frame, npp=Terms.of(len(frame), [npp]), respired=Terms.of(len(frame), [Batch(RESPIRATION, groups, (sums,), factors)]), curve=curve,
        limit=lookup.constant(LIMIT),
    )  # fmt: skip


CURVE = ("respiration_temperature", "respiration_precipitation")
"""Factors inside the exponential and the logarithm: they stand in the pass over the cells."""


def _named(part: pd.DataFrame, strata: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The land of one year with the names of its classes."""
    plain = {name: 0 for name in ("member", "bin")} | {name: 0.0 for name in ("sum", "sum_sq")}
    as_activity = part.assign(nep_year=part["year"], year=part["year_from"], **{"class": part["land_from"]}, layer="land_cover", **plain)
    frame = year_cells(as_activity.reset_index(drop=True), strata, reading).frame
    more = ["nep_year", "missing_ha", PRODUCTION, WARMTH, WETNESS]
    return frame.assign(**{name: as_activity[name].to_numpy() for name in more})


def nep_removals(production: Production, years: Sequence[int], values: Floats) -> Iterator[tuple[pd.DataFrame, Floats]]:
    """Memo rows of removals [t CO2e per year] of the result years that have the data."""
    land = production.frame
    for year in years:
        rows = np.flatnonzero((land["nep_year"] == year).to_numpy())
        if not len(rows):
            continue
        carbon = (production.npp.totals(values[:1]) + production.respired.totals(values))[:, rows]
        frame = land.iloc[rows][["zone", "ecosystem", "land_class"]].assign(
            year=year, year_from=year - 1, approach=APPROACH, time_basis="year", account="memo", transition="remaining", pool=ALL_POOLS,
            component="net_change", gas="CO2", soil_depth_cm=0, estimated=True, reason="nep_is_a_check", group=rows,
        )  # fmt: skip
        yield frame, carbon * C_TO_CO2


def nep_table(production: Production, values: Floats, summary: pd.DataFrame, zones: Mapping[str, list[str]]) -> pd.DataFrame:
    """NEP of every zone, year and ecosystem beside the stock-based removal of the interval that holds the year.

    Parameters
    ----------
    summary : DataFrame
        `sinks.tables.SUMMARY` of the run.
    zones : mapping
        Reported zone -> the zones it is the sum of.
    """
    land = production.frame.assign(
        npp=production.npp.totals(values[:1])[0], respired=-production.respired.totals(values[:1])[0]
    )
    stock = summary[(summary["quantity"] == REMOVAL) & (summary["approach"] == "stock_difference") & (summary["value_flag"] == "V")]
    rows = [
        _row(zone, int(year), str(ecosystem), part, stock, production.limit)
        for zone, members in zones.items()
        for (year, ecosystem), part in land[land["zone"].isin(members)].groupby(["nep_year", "ecosystem"], sort=True)
    ]
    return pd.DataFrame(rows)


def _row(zone: str, year: int, ecosystem: str, part: pd.DataFrame, stock: pd.DataFrame, limit: float) -> dict[str, Any]:
    npp, respired = float(part["npp"].sum()), float(part["respired"].sum())
    nep = respiration.net_ecosystem_production(npp, respired) * C_TO_CO2
    held = stock[(stock["zone"] == zone) & (stock["ecosystem"] == ecosystem) & (stock["year_from"] < year) & (stock["year"] >= year)]
    removal = float(held["value"].iloc[0]) if len(held) else np.nan
    ratio = float(nep) / removal if removal > 0 else np.nan
    return {
        "zone": zone, "year": year, "ecosystem": ecosystem, "area_ha": part["area_ha"].sum(), "missing_ha": part["missing_ha"].sum(),
        "npp_tC_per_year": float(rounded(np.asarray(npp))), "respiration_tC_per_year": float(rounded(np.asarray(respired))),
        "nep_tCO2e_per_year": float(rounded(np.asarray(nep))), "year_from": int(held["year_from"].iloc[0]) if len(held) else pd.NA,
        "year_to": int(held["year"].iloc[0]) if len(held) else pd.NA, "removal_tCO2e_per_year": removal, "ratio": ratio,
        "apart": bool(nep > limit * max(removal, 0.0)),
    }  # fmt: skip
