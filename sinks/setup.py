"""From a configuration file to everything a run needs, with all findings at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.coverage import Coverage, geodesic_areas_ha, polygon_areas_ha
from aoi.findings import Finding, InputError, errors, finding
from aoi.grids import Grid
from aoi.leagues import leagues
from aoi.parcels import Parcels, cross, read_parcels
from aoi.zones import Zones, check_zones, read_zones
from sinks.accounting.rows import Reading
from sinks.config import LAND_COVER, NDVI, Config, read_config
from sinks.ecosystems.method import ValueUnit
from sinks.factors.table import CLIMATES, SOILS, FactorTable
from sinks.layers.inputs import Folders, Source, build_stack, check_units, find_sources, folders_of, possible_range, run_grid
from sinks.layers.layer import Stack
from sinks.legends.legend import (
    BUILTIN,
    Legend,
    builtin_legend,
    change_allowed,
    land_classes,
    products,
    read_legend,
    refinements,
    vegetation_types,
)
from sinks.tables import CODE_NAMES, DENSITIES
from sinks.tabulate.tile import Plan, ValueLayer
from sinks.units import C_TO_CO2, to_tonnes_per_hectare

NAMED_STRATA = {"climate": CLIMATES, "soil": SOILS, "peat": ("peat", "no_peat")}
DEFAULT_ECOSYSTEMS: Mapping[str, tuple[str, ...]] = {
    "aboveground_biomass": ("forest", "other"),
    "belowground_biomass": ("forest", "other"),
    "dead_wood": ("forest",),
    "litter": ("forest",),
    "soil_organic_carbon": ("forest", "grassland", "wetland", "other"),
    "growing_stock_volume": ("forest",),
    NDVI: ("grassland",),
}
"""Which ecosystems a layer speaks of unless the configuration says: biomass products map trees."""
OUTSIDE_LIMIT = 0.01
"""At most this share of all zones may lie outside the grid (FAULTS R5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything of a run before its first pixel."""

    config: Config
    folders: Folders
    out: Path
    sources: tuple[Source, ...]
    zone_sets: tuple[Zones, ...]
    parcels: Parcels | None
    grid: Grid
    stack: Stack
    plan: Plan
    legends: Mapping[int, Legend | None]
    stratum_values: Mapping[str, Mapping[int, str]]
    densities: pd.DataFrame | None
    factors: FactorTable
    findings: tuple[Finding, ...] = ()
    product: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)

    def coverage(self) -> Coverage:
        """The zones on the grid."""
        return Coverage.of(self.zone_sets, self.grid, self.config.zones.rule)

    def reading(self) -> Reading:
        """How codes become names."""
        classes = {
            year: {} if legend is None else dict(zip(legend.codes, legend.land_classes, strict=True)) for year, legend in self.legends.items()
        }
        return Reading(
            land_classes=classes, refinements=refinements(), strata=self.stratum_values,
            ecosystems=dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True)),
        )  # fmt: skip


def set_up(path: Path, roots: Sequence[str] = (), out: Path | None = None) -> Setup:
    """Read a configuration and everything it names but the pixels.

    Raises
    ------
    InputError
        With all findings, when one of them stops the run.
    """
    config, found = read_config(path)
    folders = folders_of(config, path.resolve().parent, roots)
    gathered = _Gathered(found)
    zone_sets, parcels = gathered.take(lambda: _zones(config, folders), (None, None))
    sources = gathered.take(lambda: find_sources(config, folders), None) or []
    gathered.add(check_units(config))
    legends = gathered.take(lambda: _legends(config, folders), None)
    strata = gathered.take(lambda: _stratum_values(config, folders), None)
    densities = gathered.take(lambda: _densities(config, folders), None)
    factors = gathered.take(lambda: (_factors(config, folders), []), None)
    gathered.stop()
    grid = gathered.take(lambda: (run_grid(config, sources, folders), []), None)
    gathered.stop()
    missing_codes = {LAND_COVER: tuple(sorted({code for legend in legends.values() if legend for code in legend.missing_codes}))}
    stack = gathered.take(lambda: build_stack(config, sources, grid, {}, missing_codes), None)
    gathered.stop()
    plan = _plan(config, stack, factors)
    gathered.add(_check_change(config))
    gathered.add(_check_extent(zone_sets, grid))
    gathered.stop()
    return Setup(
        config=config, folders=folders, out=out or _output(config, folders), sources=tuple(sources), zone_sets=zone_sets, parcels=parcels,
        grid=grid, stack=stack, plan=plan, legends=legends, stratum_values=strata, densities=densities, factors=factors,
        findings=tuple(gathered.findings), product=_product(config),
    )  # fmt: skip


class _Gathered:
    """Findings of several steps; a step that fails leaves its findings and a stand-in."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)

    def take(self, step: Any, otherwise: Any) -> Any:
        """The value of a step that returns a value and findings."""
        try:
            value, found = step()
        except InputError as error:
            self.findings += error.findings
            return otherwise
        self.findings += found
        return value

    def add(self, found: Sequence[Finding]) -> None:
        """More findings."""
        self.findings += found

    def stop(self) -> None:
        """Raise when an error is among the findings."""
        if errors(self.findings):
            raise InputError(self.findings)


def _output(config: Config, folders: Folders) -> Path:
    return (folders.base / config.run.output).resolve()


def _zones(config: Config, folders: Folders) -> tuple[tuple[tuple[Zones, ...], Parcels | None], list[Finding]]:
    section = config.zones
    found: list[Finding] = []
    if section.builtin:
        zones = leagues()
    else:
        path = folders.resolve(str(section.file), "zones.file")
        zones, found = read_zones(
            path, code=section.code, name=section.name, parent=section.parent, where=section.file, crs=section.crs,
            encoding=section.encoding, layer=section.layer,
        )  # fmt: skip
        found = [*found, *check_zones(zones, tiling=section.tiling, where=section.file)]
    if config.parcels is None or errors(found):
        return ((zones,), None), found
    names = config.parcels
    path = folders.resolve(names.file, "parcels.file")
    parcels, more = read_parcels(
        path, project=names.project, programme=names.programme, vintage=names.vintage, code=names.code, where=names.file
    )
    return ((zones, cross(zones, parcels)), parcels), [*found, *more]


def _product(config: Config) -> str:
    """The id of the land-cover product, empty for a user's own legend."""
    legend = config.layers[LAND_COVER].legend
    return legend if legend in BUILTIN else ""


def _legends(config: Config, folders: Folders) -> tuple[dict[int, Legend | None], list[Finding]]:
    """The legend of every date; none where only a density table gives the classes a meaning."""
    name = config.layers[LAND_COVER].legend
    if name is None:
        return dict.fromkeys(config.run.dates), [finding("W-LEGEND-12", "layers.land_cover.legend")]
    legend = builtin_legend(name) if name in BUILTIN else _own_legend(name, folders)
    return dict.fromkeys(config.run.dates, legend), []


def _own_legend(name: str, folders: Folders) -> Legend:
    if not name.endswith(".csv"):
        return builtin_legend(name)
    return read_legend(folders.resolve(name, "layers.land_cover.legend"), name)


def _stratum_values(config: Config, folders: Folders) -> tuple[dict[str, dict[int, str]], list[Finding]]:
    """Names of the codes of every stratum that factors or land classes speak of."""
    out: dict[str, dict[int, str]] = {}
    found: list[Finding] = []
    for name, layer in config.strata.items():
        legend = config.layers[layer].legend
        vocabulary = _vocabulary(name)
        if legend is None:
            if vocabulary:
                found.append(finding("E-STRATA-01", f"layers.{layer}.legend", stratum=name, choices=", ".join(vocabulary)))
            continue
        path = folders.resolve(legend, f"layers.{layer}.legend")
        names = CODE_NAMES.read(path, legend)
        out[name] = dict(zip(names["code"].astype(int), names["value"], strict=True))
        wrong = sorted({value for value in out[name].values() if vocabulary and value not in vocabulary})
        if wrong:
            found.append(finding("E-STRATA-02", legend, values=", ".join(wrong), choices=", ".join(vocabulary)))
    return out, found


def _vocabulary(stratum: str) -> tuple[str, ...]:
    if stratum == "vegetation_type":
        return tuple(vegetation_types()["vegetation_type"])
    return tuple(NAMED_STRATA.get(stratum, ()))


def _densities(config: Config, folders: Folders) -> tuple[pd.DataFrame | None, list[Finding]]:
    if config.densities is None:
        return None, []
    path = folders.resolve(config.densities.file, "densities.file")
    return DENSITIES.read(path, config.densities.file), []


def _factors(config: Config, folders: Folders) -> FactorTable:
    shipped = FactorTable.shipped()
    if config.factors is None:
        return shipped
    return shipped.with_overrides(folders.resolve(config.factors.file, "factors.file"), config.factors.file)


def _plan(config: Config, stack: Stack, factors: FactorTable) -> Plan:
    values = []
    for layer in stack.layers:
        section = config.layers[layer.name]
        if layer.kind == "classes" or layer.name in {one.se for one in stack.layers if one.se}:
            continue
        values.append(
            ValueLayer(name=layer.name, edges=bin_edges(layer.name, section.unit, section.basis, factors), se=layer.se, per_member=layer.name == NDVI)
        )
    change = config.layers[LAND_COVER].change != "stocks_only"
    dates = config.run.dates
    return Plan(
        years=dates, strata=tuple(sorted(config.strata.items())), values=tuple(sorted(values, key=lambda one: one.name)),
        intervals=tuple(zip(dates[:-1], dates[1:], strict=True)) if change else (),
    )  # fmt: skip


def bin_edges(name: str, unit: str | None, basis: str | None, factors: FactorTable) -> tuple[float, ...]:
    """Bin edges of a layer in its own unit: a fixed width, and every threshold of the factor tables (ACCOUNTING 1)."""
    width_row = factors.rows(f"bin_width_{name}")
    if name not in ("aboveground_biomass", NDVI, "growing_stock_volume") or not len(width_row):
        return ()
    thresholds = {"aboveground_biomass": "root_shoot_ratio", "growing_stock_volume": "bcef_s"}.get(name)
    top = possible_range(name)[1]
    width = float(factors.value[width_row[0]])
    edges = [round(number * width, 9) for number in range(int(top / width) + 1)]
    more = factors.edges(thresholds) if thresholds else np.zeros(0)
    merged = np.unique(np.concatenate([edges, more]))
    if name == "aboveground_biomass" and unit is not None:
        fraction = float(factors.value[factors.rows("carbon_fraction")].min())
        per_basis = {"dry_matter": 1.0, "carbon": fraction, "co2": fraction * C_TO_CO2}[basis or "dry_matter"]
        merged = merged * per_basis / to_tonnes_per_hectare(unit)
    return tuple(float(edge) for edge in merged)


def value_units(config: Config, densities_depth: int = 0) -> dict[str, ValueUnit]:
    """How the numbers of every value layer become tonnes per hectare."""
    out = {}
    for name, section in config.layers.items():
        if name not in DEFAULT_ECOSYSTEMS:
            continue
        per = to_tonnes_per_hectare(section.unit) if section.unit and section.basis else 1.0
        out[name] = ValueUnit(tonnes_per_ha=per, basis=section.basis or "", dated=section.file is None, depth_cm=section.depth_cm or 0)
    return out


def mapped_ecosystems(config: Config) -> dict[str, frozenset[str]]:
    """Which ecosystems every layer speaks of."""
    return {
        name: frozenset(config.layers[name].ecosystems or default) for name, default in DEFAULT_ECOSYSTEMS.items() if name in config.layers
    }


def _check_change(config: Config) -> list[Finding]:
    """Land-cover maps that may give stocks but not removals (ACCOUNTING 3)."""
    section = config.layers[LAND_COVER]
    product = _product(config)
    if not product or section.change == "stocks_only":
        return []
    found = []
    for first, last in zip(config.run.dates[:-1], config.run.dates[1:], strict=True):
        place = f"layers.land_cover: {first}, {last}"
        versions = [_version(product, year) for year in (first, last)]
        if versions[0] != versions[1]:
            found.append(finding("E-LEGEND-13", place, product=product, versions=" / ".join(versions)))
        elif not _allowed(product, first, last):
            id = "W-LEGEND-14" if section.change == "accept" else "E-LEGEND-14"
            found.append(finding(id, place, product=product))
    return found


def _version(product: str, year: int) -> str:
    rows = products()
    fits = rows[(rows["id"] == product) & (rows["year_from"] <= year) & (rows["year_to"] >= year)]
    return str(fits["version"].iloc[0]) if len(fits) else "?"


def _allowed(product: str, first: int, last: int) -> bool:
    try:
        return change_allowed(product, first, last)
    except InputError:
        return False


def _check_extent(zone_sets: Sequence[Zones], grid: Grid) -> list[Finding]:
    """Zones that the grid does not hold."""
    zones = zone_sets[0]
    on_grid = Coverage.of([zones], grid, "coverage").zone_areas_ha()
    polygons = polygon_areas_ha(zones, grid)
    outside = np.maximum(polygons - on_grid, 0.0)
    outside[outside < polygons * 1e-6] = 0.0
    share = float(outside.sum() / polygons.sum()) if polygons.sum() > 0 else 1.0
    if share == 0.0:
        return []
    names = ", ".join(f"{code} {part / whole:.1%}" for code, part, whole in zip(zones.codes, outside, polygons, strict=True) if part > 0)
    return [finding("E-AREA-01" if share > OUTSIDE_LIMIT else "W-AREA-01", zones.name, share=f"{share:.2%}", zones=names)]


def zone_rows(setup: Setup, coverage: Coverage) -> pd.DataFrame:
    """The zones of a run with their areas on the grid, in its equal-area image, and on the ellipsoid."""
    on_grid = coverage.zone_areas_ha()
    rows = []
    at = 0
    for number, zones in enumerate(setup.zone_sets):
        polygons = polygon_areas_ha(zones, setup.grid)
        geodesic = geodesic_areas_ha(zones)
        for place, code in enumerate(zones.codes):
            parent = zones.parents[place] or ("" if number else "all")
            rows.append(
                {
                    "zone": code, "zone_set": zones.name, "parent": parent, "name_zh": zones.names_zh[place], "name_en": zones.names_en[place],
                    "area_ha": on_grid[at], "polygon_ha": polygons[place], "geodesic_ha": geodesic[place],
                    "outside_ha": max(0.0, polygons[place] - on_grid[at]),
                }
            )  # fmt: skip
            at += 1
    return pd.DataFrame(rows)
