"""Checks of pixels before a run: a sample of tiles, or all of them, through the same pass as the run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from aoi.findings import Finding, InputError, finding, stop_on_errors
from aoi.grids import Tile
from aoi.texts import text
from sinks.config import LAND_COVER
from sinks.factors.table import FactorTable
from sinks.layers.windows import Engine, Progress, map_windows
from sinks.pipeline import TileSumsOf, hash_inputs, is_tabulated, missing_findings, unknown_classes
from sinks.provenance import read_json, write_json
from sinks.setup import Setup
from sinks.tabulate.activity import combine
from sinks.tabulate.tile import TileSums
from sinks.units import C_TO_CO2, to_tonnes_per_hectare

SAMPLE_TILES = 12
SUSPECTS = {2.0: "dry_matter", C_TO_CO2: "co2", 10.0: "kg_m2", 100.0: "g_m2", 1000.0: "kg"}
"""Factors by which a wrong unit or basis shows itself (FAULTS R11)."""
NEAR = 0.08
"""A ratio this near to a suspect (relative) is named although the value is possible."""


@dataclass(slots=True)
class _Sample:
    """Keeps sums of chosen tiles in memory."""

    chosen: frozenset[tuple[int, int]] | None
    sums: dict[tuple[int, int], TileSums] = field(default_factory=dict)

    def done(self, tile: Tile) -> bool:
        """Tiles that are not in the sample count as done."""
        return self.chosen is not None and (tile.row, tile.col) not in self.chosen

    def put(self, tile: Tile, result: TileSums) -> None:
        """Keep a tile."""
        self.sums[tile.row, tile.col] = result


def check_once(setup: Setup, *, progress: Progress | None = None) -> list[Finding]:
    """`check_inputs` for a run; inputs that are tabulated already were looked at, and keep their findings.

    Raises
    ------
    InputError
        With all findings, when one of them stops the run.
    """
    memory = setup.out / ".checked.json"
    if is_tabulated(setup):
        return [finding(one["id"], one["where"], **one["values"]) for one in read_json(memory) or []]
    found = stop_on_errors(check_inputs(setup, progress=progress))
    write_json(memory, [{"id": one.id, "where": one.where, "values": dict(one.values)} for one in found])
    return found


def check_inputs(setup: Setup, *, deep: bool = False, progress: Progress | None = None) -> list[Finding]:
    """Findings of pixels: unreadable blocks, impossible values, unknown classes, missing data, units that do not fit.

    Parameters
    ----------
    deep : bool
        All tiles and all hashes instead of a sample.
    """
    found: list[Finding] = []
    if deep:
        found += hash_inputs(setup)[1]
    coverage = setup.coverage()
    touched = [(tile.row, tile.col) for tile in coverage.tiles()]
    step = max(1, len(touched) // SAMPLE_TILES)
    sample = _Sample(None if deep else frozenset(touched[::step]))
    try:
        map_windows(setup.stack, coverage, TileSumsOf(setup.plan), sample, engine=Engine(), progress=progress)
    except InputError as error:
        return [*found, *error.findings]
    activity = combine([sample.sums[key] for key in sorted(sample.sums)], setup.plan, coverage.codes).year
    found += unknown_classes(setup, activity)
    if deep:
        found += missing_findings(setup, activity)
    return found + check_magnitude(setup, activity)


def check_magnitude(setup: Setup, activity: pd.DataFrame) -> list[Finding]:
    """Aboveground biomass of forest against published means: a wrong unit or basis shows as a factor."""
    name = "aboveground_biomass"
    section = setup.config.layers.get(name)
    if section is None or section.unit is None:
        return []
    rows = activity[(activity["layer"] == name) & (activity["bin"] >= 0) & _forest(setup, activity)]
    area = float(rows["area_ha"].sum())
    if area == 0:
        return []
    carbon = _carbon_per_unit(section.basis or "", setup.factors) * to_tonnes_per_hectare(section.unit)
    return _judged(float(rows["sum"].sum()) / area * carbon, setup, declared=section.valid is not None, cells=len(rows))


def _forest(setup: Setup, activity: pd.DataFrame) -> pd.Series:
    codes = {
        code for legend in setup.legends.values() if legend for code, name in zip(legend.codes, legend.land_classes, strict=True) if name == "arbor_forest"
    }
    return activity["class"].isin(codes)


def _carbon_per_unit(basis: str, factors: FactorTable) -> float:
    fraction = float(factors.value[factors.rows("carbon_fraction")].min())
    return {"dry_matter": fraction, "carbon": 1.0, "co2": 1.0 / C_TO_CO2}[basis]


def _judged(mean: float, setup: Setup, *, declared: bool, cells: int) -> list[Finding]:
    row = int(setup.factors.rows("plausible_density")[0])
    typical, low, high = (float(column[row]) for column in (setup.factors.value, setup.factors.low, setup.factors.high))
    said = {"mean": f"{mean:.3g}", "cells": cells, "low": f"{low:g}", "high": f"{high:g}", "typical": f"{typical:g}"}
    ratios = [(factor, kind) for factor, kind in SUSPECTS.items()] + [(1 / factor, kind) for factor, kind in SUSPECTS.items()]
    where = "layers.aboveground_biomass"
    if mean <= 0:
        return []
    best, kind = min(ratios, key=lambda one: abs(math.log(mean / typical / one[0])))
    shown = {"factor": f"{best:.4g}", "meaning": text(f"suspect.{kind}")}
    if not low <= mean <= high:
        return [finding("W-UNIT-05" if declared else "E-UNIT-04", where, **said, **shown)]
    if abs(mean / typical / best - 1) < NEAR:
        return [finding("W-UNIT-05", where, **said, **shown)]
    return []



