"""Checks of pixels before a run: a sample of tiles, or all of them, through the same pass as the run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from aoi.findings import Finding, InputError, finding
from aoi.grids import TILE, Grid, Tile
from sinks.accounting.rows import MISSING_CODE
from sinks.config import AGE_CLASS, BURNED_AREA, COHORT_FROM, COHORT_YEAR, LAND_COVER, STAND_AGE
from sinks.layers.ages import BEYOND, OLDEST
from sinks.layers.cohorts import STRANGE
from sinks.layers.inputs import Source, shared_by_years
from sinks.layers.layer import RasterFile
from sinks.layers.raster import Header
from sinks.layers.windows import Engine, Progress, map_windows
from sinks.legends.legend import land_classes
from sinks.provenance import HashMemory
from sinks.setup import Setup, carbon_per_unit, mapped_ecosystems
from sinks.survey import source_hash, with_pieces
from sinks.tabulate.activity import combine
from sinks.tabulate.pieces import tables_of_tile
from sinks.tabulate.tile import TileSums
from sinks.units import C_TO_CO2, to_tonnes_per_hectare

SAMPLE_TILES = 12
SUSPECTS = {2.0: "dry_matter / carbon", C_TO_CO2: "co2 / carbon", 10.0: "kg m-2 / t ha-1", 100.0: "g m-2 / t ha-1", 1000.0: "kg / t"}
"""Factors by which a wrong unit or basis shows itself (FAULTS R11), in signs that need no language."""
SMALLEST_BLOCK, LARGEST_BLOCK = 128, 2048
"""Blocks with sides between these are read at about the speed of 512."""
NEAR = 0.08
"""A ratio this near to a suspect (relative) is named although the value is possible."""


@dataclass(slots=True)
class _Sample:
    """Keeps sums of chosen tiles in memory."""

    chosen: frozenset[tuple[int, int]]
    sums: dict[tuple[int, int], TileSums] = field(default_factory=dict)

    def done(self, tile: Tile) -> bool:
        """Tiles that are not in the sample count as done."""
        return (tile.row, tile.col) not in self.chosen

    def put(self, tile: Tile, result: TileSums) -> None:
        """Keep a tile."""
        self.sums[tile.row, tile.col] = result


def check_inputs(setup: Setup, *, deep: bool = False, progress: Progress | None = None) -> list[Finding]:
    """Findings of pixels: unreadable blocks, impossible values, unknown classes, missing data, units that do not fit.

    Parameters
    ----------
    deep : bool
        All tiles and all hashes instead of a sample. A run with survey polygons has
        no sample: their pieces are made whole or not at all.
    """
    found: list[Finding] = []
    if setup.stack.vectors and not deep:
        return found
    if deep:
        hashes, found = hash_inputs(setup)
        setup, more = with_pieces(setup, hashes, progress)
        found += more
    coverage = setup.coverage()
    touched = [(tile.row, tile.col) for tile in coverage.tiles()]
    step = 1 if deep else max(1, len(touched) // SAMPLE_TILES)
    sample = _Sample(frozenset(touched[::step]))
    unusable: list[Finding] = []
    try:
        map_windows(setup.stack, coverage, partial(tables_of_tile, plan=setup.plan), sample, engine=Engine(), salvage=True, progress=progress)
    except InputError as error:
        unusable = error.findings
    activity = combine([sample.sums[key] for key in sorted(sample.sums)], setup.plan, coverage.codes)
    found += [*unusable, *unknown_classes(setup, activity.year), *unknown_strata(setup, activity.year, activity.strata)]
    if step == 1:
        found += missing_findings(setup, activity.year, besides=_layers_of(setup, unusable))
    return found + check_magnitude(setup, activity.year)


def check_activity(setup: Setup, year: pd.DataFrame, strata: pd.DataFrame) -> list[Finding]:
    """Findings that the activity of a whole pass shows: unknown classes, missing data, units that do not fit."""
    return [*unknown_classes(setup, year), *unknown_strata(setup, year, strata), *missing_findings(setup, year), *check_magnitude(setup, year)]


def _layers_of(setup: Setup, found: Sequence[Finding]) -> frozenset[str]:
    """Layers whose files have findings: what they lack is told by these."""
    labels = {one.where for one in found}
    return frozenset(source.layer for source in setup.sources if source.label in labels)


def layout_findings(setup: Setup) -> list[Finding]:
    """Notes on layers that the pass reads slowly, and that `sinks align` would tidy once; of each kind the first file of a layer."""
    met: dict[tuple[str, str], list[tuple[str, dict[str, str]]]] = {}
    for layer in setup.stack.layers:
        headers = {source.label: source.header for source in setup.sources if source.layer == layer.name}
        for file in {file.label: file for _, members in layer.dates for member in members for file in member}.values():
            for id, said in _layout(headers[file.label], file, setup.grid, layer.resampling or ""):
                met.setdefault((layer.name, id), []).append((file.label, said))
    return [finding(id, f"layers.{name}", file=files[0][0], n=len(files), **files[0][1]) for (name, id), files in met.items()]


def _layout(header: Header, file: RasterFile, grid: Grid, resampling: str) -> list[tuple[str, dict[str, str]]]:
    """What makes one file slow to read."""
    block = {"block": f"{header.block_height} x {header.block_width}"}
    sides = header.block_height, header.block_width
    found = []
    if header.width >= 2 * TILE and header.striped:
        found.append(("N-LAYOUT-01", block))
    elif min(header.height, header.width) >= 2 * TILE and (min(sides) < SMALLEST_BLOCK or max(sides) > LARGEST_BLOCK):
        found.append(("N-LAYOUT-02", block))
    if file.offset is None and max(grid.height, grid.width) >= 2 * TILE:
        found.append(("N-LAYOUT-03", {"resampling": resampling}))
    return found


def hash_inputs(setup: Setup, progress: Progress | None = None) -> tuple[dict[str, str], list[Finding]]:
    """SHA-256 of every raster and file of polygons by label; two years of a layer with equal files are an error, with some a warning.

    Two years without fires may be equal.
    """
    memory = HashMemory(setup.out / ".hashes.json")
    hashes: dict[str, str] = {}
    for number, source in enumerate(setup.inputs):
        try:
            hashes[source.label] = source_hash(memory, source)
        except OSError as error:
            raise InputError(finding("E-FILE-02", source.label, reason=error.strerror or type(error).__name__)) from error
        if isinstance(source, Source) and source.sha256 and hashes[source.label] != source.sha256:
            raise InputError(finding("E-NET-09", source.label))
        if progress is not None:
            progress(number + 1, len(setup.inputs))
    memory.keep()
    annual = [layer for layer in (setup.annual.layers if setup.annual is not None else ()) if layer.name != BURNED_AREA]
    return hashes, [one for layer in (*setup.stack.layers, *annual) for one in _equal_years(setup, layer.name, hashes)]


def ready(setup: Setup) -> Setup:
    """The run with the pieces of its survey polygons made: what a pass over them needs; raises `InputError` with all that is wrong with them."""
    return with_pieces(setup, hash_inputs(setup)[0])[0] if setup.vectors else setup


def _equal_years(setup: Setup, layer: str, hashes: Mapping[str, str]) -> list[Finding]:
    """Files of a layer that are copies of another year's."""
    found = []
    contents = {source.label: f"{hashes[source.label]}#{source.band}" for source in setup.sources}
    contents |= {source.label: hashes[source.label] for source in setup.vectors}
    for first, last, shared, alike in shared_by_years(setup.inputs, layer, contents):
        copies = [f"{one} = {other}" for one, other in shared if one != other]
        if copies:
            found.append(finding("E-YEAR-02" if alike else "W-YEAR-03", f"layers.{layer}", file=", ".join(copies), years=f"{first}, {last}"))
    return found


def unknown_classes(setup: Setup, activity: pd.DataFrame) -> list[Finding]:
    """Class codes that the legend does not know, named with their area (FAULTS R12)."""
    areas = _areas(setup, activity)
    found = []
    for year, legend in setup.legends.items():
        if legend is None:
            continue
        by_code = areas[(areas["year"] == year) & (areas["class"] != MISSING_CODE)].groupby("class")["area_ha"].sum()
        unknown = [code for code in by_code.index if int(code) not in legend.codes]
        if unknown:
            found.append(finding("E-CLASS-01", f"layers.land_cover.{year}", codes=_with_areas(by_code, unknown), legend=legend.id))
    return found


def unknown_strata(setup: Setup, activity: pd.DataFrame, strata: pd.DataFrame) -> list[Finding]:
    """Codes of stratum layers that their table of names does not know, named with their area."""
    areas = _areas(setup, activity).merge(strata, on="stratum", how="left")
    found = []
    for name, names in setup.stratum_values.items():
        by_code = areas[areas[name] != MISSING_CODE].groupby(name)["area_ha"].sum()
        unknown = [code for code in by_code.index if int(code) not in names]
        if unknown and name in setup.config.strata:
            layer = setup.config.layers[setup.config.strata[name]]
            place = f"layers.{setup.config.strata[name]}"
            found.append(finding("E-STRATA-03", place, codes=_with_areas(by_code, unknown), legend=layer.legend or name))
    return [*found, *_unknown_history(setup, areas), *_impossible_ages(setup, areas)]


def _unknown_history(setup: Setup, areas: pd.DataFrame) -> list[Finding]:
    """Codes of earlier land-cover maps that the legend does not know, named with their area."""
    if not setup.config.history:
        return []
    last = areas[areas["year"] == setup.config.run.dates[-1]]
    strange = last[last[COHORT_YEAR] == STRANGE].groupby(COHORT_FROM)["area_ha"].sum()
    if not len(strange):
        return []
    years = ", ".join(map(str, setup.config.history))
    return [finding("E-COHORT-03", "layers.land_cover", years=years, codes=_with_areas(strange, list(strange.index)))]


def _impossible_ages(setup: Setup, areas: pd.DataFrame) -> list[Finding]:
    """Ages that no stand has, with their area at the last date."""
    if STAND_AGE not in setup.config.layers:
        return []
    beyond = areas[(areas[AGE_CLASS] == BEYOND) & (areas["year"] == setup.config.run.dates[-1])]["area_ha"].sum()
    return [finding("E-AGE-13", f"layers.{STAND_AGE}", area=f"{beyond:.2f}", oldest=OLDEST)] if beyond > 0 else []


def _areas(setup: Setup, activity: pd.DataFrame) -> pd.DataFrame:
    """Areas of the first zone set by class and stratum."""
    return activity[(activity["layer"] == LAND_COVER) & activity["zone"].isin(setup.zone_sets[0].codes)]


def _with_areas(by_code: "pd.Series[float]", codes: Sequence[int]) -> str:
    return ", ".join(f"{code}: {by_code[code]:.2f} ha" for code in codes)


def missing_findings(setup: Setup, activity: pd.DataFrame, besides: frozenset[str] = frozenset()) -> list[Finding]:
    """Zones that a layer leaves without data beyond the limit; not of the layers ``besides``, which have findings of their own."""
    limit = setup.config.limits.missing_fraction
    found = []
    land = activity[activity["layer"] == LAND_COVER]
    for (zone, year), rows in land.groupby(["zone", "year"]):
        total = rows["area_ha"].sum()
        share = rows.loc[rows["class"] == MISSING_CODE, "area_ha"].sum() / total if total > 0 else 0.0
        if share > limit and LAND_COVER not in besides:
            found.append(finding("E-MISSING-01", f"layers.land_cover.{year}: {zone}", share=f"{share:.1%}", limit=f"{limit:.0%}"))
    units = mapped_ecosystems(setup.config)
    for (zone, year, layer), rows in activity[activity["layer"] != LAND_COVER].groupby(["zone", "year", "layer"]):
        mine = rows[_in_ecosystems(setup, rows, int(year), units.get(layer, frozenset()))]
        total = mine["area_ha"].sum() + mine["missing_ha"].sum()
        share = mine["missing_ha"].sum() / total if total > 0 else 0.0
        if share > limit and layer not in besides:
            found.append(finding("E-MISSING-01", f"layers.{layer}.{year}: {zone}", share=f"{share:.1%}", limit=f"{limit:.0%}"))
    return found


def _in_ecosystems(setup: Setup, rows: pd.DataFrame, year: int, ecosystems: frozenset[str]) -> "pd.Series[bool]":
    """Rows of classes of the inventoried ecosystems that a layer speaks of."""
    legend = setup.legends.get(year)
    if legend is None:
        return rows["class"] != MISSING_CODE
    known = dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True))
    codes = [code for code, name in zip(legend.codes, legend.land_classes, strict=True) if known[name] in ecosystems and known[name] != "other"]
    return rows["class"].isin(codes)


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
    carbon = carbon_per_unit(section.basis or "", setup.factors) * to_tonnes_per_hectare(section.unit)
    return _judged(float(rows["sum"].sum()) / area * carbon, setup, declared=section.valid is not None, cells=len(rows))


def _forest(setup: Setup, activity: pd.DataFrame) -> pd.Series:
    codes = {
        code for legend in setup.legends.values() if legend for code, name in zip(legend.codes, legend.land_classes, strict=True) if name == "arbor_forest"
    }
    return activity["class"].isin(codes)


def _judged(mean: float, setup: Setup, *, declared: bool, cells: int) -> list[Finding]:
    row = int(setup.factors.rows("plausible_density")[0])
    typical, low, high = (float(column[row]) for column in (setup.factors.value, setup.factors.low, setup.factors.high))
    said = {"mean": f"{mean:.3g}", "cells": cells, "low": f"{low:g}", "high": f"{high:g}", "typical": f"{typical:g}"}
    ratios = [(factor, kind) for factor, kind in SUSPECTS.items()] + [(1 / factor, kind) for factor, kind in SUSPECTS.items()]
    where = "layers.aboveground_biomass"
    if mean <= 0:
        return []
    best, kind = min(ratios, key=lambda one: abs(math.log(mean / typical / one[0])))
    shown = {"factor": f"{best:.4g}", "meaning": kind}
    if not low <= mean <= high:
        return [finding("W-UNIT-05" if declared else "E-UNIT-04", where, **said, **shown)]
    if abs(mean / typical / best - 1) < NEAR:
        return [finding("W-UNIT-05", where, **said, **shown)]
    return []
