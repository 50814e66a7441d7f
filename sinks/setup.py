"""From a configuration file to everything a run needs, with all findings at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from aoi.coverage import Coverage, geodesic_areas_ha, polygon_areas_ha
from aoi.findings import Finding, InputError, errors, finding
from aoi.grids import Grid, cell_size_m
from aoi.guard import guarded_path
from aoi.leagues import leagues
from aoi.parcels import Parcels, cross, read_parcels
from aoi.table import Table, decode
from aoi.zones import Zones, check_zones, read_zones
from sinks.accounting.rows import Reading
from sinks.annual import AnnualPlan, annual_plans, check_years
from sinks.config import (
    AGE_CLASS,
    COHORT_FROM,
    COHORT_YEAR,
    LAND_COVER,
    NDVI,
    POLYGON_KEYS,
    RASTER_KEYS,
    Config,
    PolicySection,
    read_config,
    read_policy,
)
from sinks.ecosystems.method import ValueUnit
from sinks.evidence import check_uncertainty, read_members, read_reference
from sinks.factors.table import CLIMATES, FACTORS, SOILS, FactorTable
from sinks.layers.annual import annual_stack, dated_only, find_annual_sources
from sinks.layers.cloud.local import shelf_of
from sinks.layers.cloud.request import Footprint
from sinks.layers.inputs import (
    Folders,
    Source,
    build_stack,
    check_units,
    find_sources,
    find_vectors,
    folders_of,
    possible_range,
    run_grid,
    valid_range,
    with_blocks,
    with_polygons,
)
from sinks.layers.layer import Stack
from sinks.layers.vector import Meanings, VectorSource, is_vector, sets_of
from sinks.legends.legend import (
    BUILTIN,
    LEGEND,
    Legend,
    builtin_legend,
    change_allowed,
    land_classes,
    product_version,
    read_legend,
    refinements,
    vegetation_types,
)
from sinks.legends.text_codes import TEXT_LEGEND, TEXT_NAMES, Codes, read_text_legend, read_text_names, texts_of
from sinks.past import ages_stated, check_age_names, check_history, derivations, derived_names, history_of, named_ages, named_years
from sinks.records import read_control_areas, read_events
from sinks.tables import AGE_CLASSES, CODE_NAMES, DENSITIES, LAND_CLASSES
from sinks.tabulate.tile import Plan, ValueLayer
from sinks.units import C_TO_CO2, to_tonnes_per_hectare

NAMED_STRATA = {"climate": CLIMATES, "soil": SOILS, "peat": ("peat", "no_peat"), COHORT_FROM: LAND_CLASSES[:-1]}
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
DENSITY_POOLS = {
    "c_above": "aboveground_biomass", "c_below": "belowground_biomass", "c_soil": "soil_organic_carbon", "c_dead": "dead_wood",
}  # fmt: skip
OWN_FOLDERS = ("inputs", ".inputs", "tables", ".tables", "partials", "maps", "assessment", "scenarios", "report")
"""Folders of a run folder that a run writes."""
LEAST_VOLUME = 1e-6
"""Land with less growing stock carries none [m3 ha-1]: a bin of its own, because the intercept of a volume equation counts only where trees stand."""
OUTSIDE_LIMIT = 0.01
"""At most this share of all zones may lie outside the grid (FAULTS R5)."""
FAR = 100
"""A zone of so many times more cells than a side of the grid has lies elsewhere."""

Floats = NDArray[np.float64]


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
    reference: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    control_areas: pd.DataFrame | None = None
    events: pd.DataFrame | None = None
    policy: PolicySection = field(default_factory=PolicySection)
    findings: tuple[Finding, ...] = ()
    product: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)
    annual: Stack | None = None
    annual_plans: tuple[AnnualPlan, ...] = ()
    vectors: tuple[VectorSource, ...] = ()

    @property
    def inputs(self) -> tuple[Source | VectorSource, ...]:
        """Every raster and every file of polygons."""
        return (*self.sources, *self.vectors)

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
            history=history_of(self.config), ages_year=ages_stated(self.config),
        )  # fmt: skip


def set_up(path: Path, roots: Sequence[str] = (), out: Path | None = None) -> Setup:
    """Read a configuration and everything it names but the pixels.

    Raises
    ------
    InputError
        With all findings, when one of them stops the run.
    """
    return set_up_config(*read_config(path), path.resolve().parent, roots, out)


def set_up_config(config: Config, found: Sequence[Finding], base: Path, roots: Sequence[str] = (), out: Path | None = None) -> Setup:
    """The same from a configuration that was read, in the folder ``base``."""
    folders = folders_of(config, base, roots)
    gathered = _Gathered(found)
    out = out or gathered.take(lambda: _output(config, folders), None)
    zone_sets, parcels = gathered.take(lambda: read_zone_sets(config, folders), (None, None))
    shelf = None if zone_sets is None else shelf_of(config, Footprint(zone_sets[0]), folders.base, folders.roots)
    dated = dated_only(config)
    sources = gathered.take(lambda: find_sources(dated, folders, shelf, polygons=True), None) or []
    of_years = gathered.take(lambda: find_annual_sources(config, folders, shelf), None) or []
    vectors = gathered.take(lambda: find_vectors(dated, folders), None) or []
    gathered.add(_check_polygon_keys(config))
    gathered.add(check_units(config))
    texts: dict[str, Codes] = {}
    legends = gathered.take(lambda: _legends(config, folders, texts), None)
    strata = gathered.take(lambda: _stratum_values(config, folders, texts), None)
    densities = gathered.take(lambda: _densities(config, folders), None)
    factors = gathered.take(lambda: _factors(config, folders), None)
    policy = gathered.take(lambda: (_policy(config, folders), []), None)
    reference = gathered.take(lambda: read_reference(config, folders), None)
    members = gathered.take(lambda: read_members(config, folders), None)
    codes = zone_sets[0].codes if zone_sets else ()
    controls = gathered.take(lambda: read_control_areas(config, folders, codes), None) if codes else None
    events = gathered.take(lambda: read_events(config, folders, codes), None) if codes else None
    gathered.stop()
    grid = gathered.take(lambda: (run_grid(config, sources, folders, vectors), []), None)
    gathered.stop()
    missing_codes = {LAND_COVER: tuple(sorted({code for legend in legends.values() if legend for code in legend.missing_codes}))}
    stack = gathered.take(lambda: build_stack(dated, sources, grid, {}, missing_codes), None)
    annual = gathered.take(lambda: annual_stack(config, of_years, grid), None) if of_years else None
    gathered.stop()
    if any(source.stored is not None for source in (*sources, *of_years)):
        tiles = tuple(Coverage.of(zone_sets, grid, config.zones.rule).tiles())
        sources, stack, lacking = with_blocks(sources, stack, tiles)
        gathered.add(lacking)
        if annual is not None:
            of_years, annual, lacking = with_blocks(of_years, annual, tiles)
            gathered.add(lacking)
        gathered.stop()
    ranges = {name: valid_range(name, config.layers[name]) for name in {source.layer for source in vectors}}
    stack = with_polygons(stack, *sets_of(config, vectors, Meanings(codes=texts, valid=ranges)))
    stack = replace(stack, derived=derivations(config, legends, factors))
    gathered.add(check_derived(config, stack.derived))
    gathered.stop()
    strata = {**strata, **derived_names(stack.derived)}
    plan = _plan(config, stack, factors)
    gathered.add(check_years(config, annual, plan.intervals))
    gathered.add(_check_change(config))
    gathered.add(check_history(config))
    gathered.add(check_uncertainty(config, grid, plan.lattice))
    gathered.add(_check_extent(zone_sets, grid))
    gathered.stop()
    return Setup(
        config=config, folders=folders, out=out, sources=(*sources, *of_years), zone_sets=zone_sets, parcels=parcels,
        grid=grid, stack=stack, plan=plan, legends=legends, stratum_values=strata, densities=densities, factors=factors, reference=reference, members=members,
        policy=policy, findings=tuple(gathered.findings), product=_product(config), annual=annual,
        annual_plans=annual_plans(config, annual, plan, legends, factors, _made(stack)) if annual is not None else (),
        control_areas=controls, events=events,
        vectors=tuple(vectors),
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


def _output(config: Config, folders: Folders) -> tuple[Path, list[Finding]]:
    """The run folder: anywhere on this machine, but never where a file that is read would be replaced."""
    text = config.run.output
    out = guarded_path(text, base=folders.base, roots=(Path(Path(text).anchor or folders.base.anchor),), where="run.output")
    own = tuple(out / name for name in OWN_FOLDERS)
    found = []
    for name, place in _files_read(config):
        try:
            path = folders.resolve(name, place)
        except InputError:
            continue
        if any(path.is_relative_to(folder) for folder in own):
            found.append(finding("E-RUN-07", place, file=folders.label(path)))
    return out, found


def _files_read(config: Config) -> list[tuple[str, str]]:
    """Every path of a configuration, and where it stands."""
    files = [(text, f"layers.{name}") for name, layer in config.layers.items() for texts in layer.files.values() for text in texts]
    files += [(layer.stac, f"layers.{name}.stac") for name, layer in config.layers.items() if layer.stac and "://" not in layer.stac]
    files += [(layer.legend, f"layers.{name}.legend") for name, layer in config.layers.items() if layer.legend]
    files += [(layer.members, f"layers.{name}.members") for name, layer in config.layers.items() if layer.members]
    if config.accuracy is not None:
        matrix = config.accuracy.matrix or ()
        named = [("matrix", one) for one in ([matrix] if isinstance(matrix, str) else matrix)]
        named += [(key, one) for key, one in (("samples", config.accuracy.samples), ("areas", config.accuracy.areas)) if one]
        files += [(text, f"accuracy.{key}") for key, text in named]
    sections = {
        "zones": config.zones, "parcels": config.parcels, "densities": config.densities, "factors": config.factors, "policy": config.policy,
        "plots": config.plots, "ledger": config.ledger, "emissions": config.emissions, "control_areas": config.control_areas, "events": config.events,
    }  # fmt: skip
    files += [(text, "quantifications.files") for text in (config.quantifications.files if config.quantifications else ())]
    files += [(config.ledger.others, "ledger.others")] if config.ledger is not None and config.ledger.others else []
    return files + [(section.file, f"{name}.file") for name, section in sections.items() if section is not None and section.file]


def read_zone_sets(config: Config, folders: Folders) -> tuple[tuple[tuple[Zones, ...], Parcels | None], list[Finding]]:
    """The zones of a run, and its parcels crossed with them.

    Raises
    ------
    InputError
        They cannot be read.
    """
    section = config.zones
    found: list[Finding] = []
    if section.builtin:
        zones = leagues()
    else:
        path, label = folders.find(str(section.file), "zones.file")
        zones, found = read_zones(
            path, code=section.code, name=section.name, parent=section.parent, where=label, crs=section.crs,
            encoding=section.encoding, layer=section.layer,
        )  # fmt: skip
        found = [*found, *check_zones(zones, tiling=section.tiling, where=label)]
    if config.parcels is None or errors(found):
        return ((zones,), None), found
    names = config.parcels
    path, label = folders.find(names.file, "parcels.file")
    parcels, more = read_parcels(
        path, project=names.project, programme=names.programme, vintage=names.vintage, code=names.code, where=label
    )
    return ((zones, cross(zones, parcels)), parcels), [*found, *more]


def _product(config: Config) -> str:
    """The id of the land-cover product, empty for a user's own legend."""
    legend = config.layers[LAND_COVER].legend
    return legend if legend in BUILTIN else ""


def check_derived(config: Config, derived: Sequence[Any]) -> list[Finding]:
    """Layers that are made of others, which are survey polygons: they are made cell by cell, before pieces are."""
    return [
        finding("E-TUBAN-24", f"layers.{one.layer}", made=", ".join(one.names))
        for one in derived if one.layer in config.layers and config.layers[one.layer].of_polygons
    ]  # fmt: skip


def _check_polygon_keys(config: Config) -> list[Finding]:
    """Keys that only polygons understand, under layers of rasters, and the other way round."""
    found = []
    for name, section in config.layers.items():
        keys = [key for key in POLYGON_KEYS if key in section.model_fields_set]
        if keys and not section.of_polygons:
            found.append(finding("E-TUBAN-21", f"layers.{name}", keys=", ".join(keys)))
        others = [key for key in RASTER_KEYS if key in section.model_fields_set]
        if others and section.files and all(is_vector(Path(text)) for texts in section.files.values() for text in texts):
            found.append(finding("E-TUBAN-23", f"layers.{name}", keys=", ".join(others)))
    return found


def _legends(config: Config, folders: Folders, texts: dict[str, Codes]) -> tuple[dict[int, Legend | None], list[Finding]]:
    """The legend of every date; none where only a density table gives the classes a meaning. Codes that are texts go to ``texts``."""
    name = config.layers[LAND_COVER].legend
    if name is None:
        return dict.fromkeys(config.run.dates), [finding("W-LEGEND-12", "layers.land_cover.legend")]
    if name in BUILTIN or not name.lower().endswith(".csv"):
        builtin = builtin_legend(name)
        texts[LAND_COVER] = texts_of(builtin)
        return dict.fromkeys(config.run.dates, builtin), []
    path, label = folders.find(name, "layers.land_cover.legend")
    if config.layers[LAND_COVER].of_polygons:
        legend, texts[LAND_COVER] = read_text_legend(path, label)
        return dict.fromkeys(config.run.dates, legend), _notes(TEXT_LEGEND, path, label)
    return dict.fromkeys(config.run.dates, read_legend(path, label)), _notes(LEGEND, path, label)


def _notes(table: Table, path: Path, label: str) -> list[Finding]:
    """What a table of the user was read in spite of: another encoding than UTF-8, full-width digits."""
    text, encoding = decode(path, label)
    notes = [one for one in table.parse(text, label)[1] if one.severity == "note"]
    return notes if encoding.startswith("utf-8") else [finding("N-CONF-01", label, encoding=encoding), *notes]


def _stratum_values(config: Config, folders: Folders, texts: dict[str, Codes]) -> tuple[dict[str, dict[int, str]], list[Finding]]:
    """Names of the codes of every stratum that factors or land classes speak of. Codes that are texts go to ``texts``."""
    out: dict[str, dict[int, str]] = {}
    found: list[Finding] = []
    for name, layer in config.strata.items():
        if name == COHORT_YEAR:
            out[name] = named_years(config)
            continue
        legend = config.layers[layer].legend
        vocabulary = _vocabulary(name)
        if legend is None:
            choices = ", ".join(vocabulary) or ("age_from, age_to" if name == AGE_CLASS else "")
            if choices:
                found.append(finding("E-STRATA-01", f"layers.{layer}.legend", stratum=name, choices=choices))
            continue
        path, label = folders.find(legend, f"layers.{layer}.legend")
        if name == AGE_CLASS and not config.layers[layer].of_polygons:
            out[name], wrong_ages = named_ages(AGE_CLASSES.read(path, label), label)
            found += [*_notes(AGE_CLASSES, path, label), *wrong_ages]
            continue
        if config.layers[layer].of_polygons:
            out[name], texts[layer] = read_text_names(path, label)
            found += [*_notes(TEXT_NAMES, path, label), *(check_age_names(out[name], label) if name == AGE_CLASS else [])]
        else:
            names = CODE_NAMES.read(path, label)
            found += _notes(CODE_NAMES, path, label)
            out[name] = dict(zip(names["code"].astype(int), names["value"], strict=True))
        wrong = sorted({value for value in out[name].values() if vocabulary and value not in vocabulary})
        if wrong:
            found.append(finding("E-STRATA-02", label, values=", ".join(wrong), choices=", ".join(vocabulary)))
    return out, found


def _vocabulary(stratum: str) -> tuple[str, ...]:
    if stratum == "vegetation_type":
        return tuple(vegetation_types()["vegetation_type"])
    return tuple(NAMED_STRATA.get(stratum, ()))


def _densities(config: Config, folders: Folders) -> tuple[pd.DataFrame | None, list[Finding]]:
    if config.densities is None:
        return None, []
    path, label = folders.find(config.densities.file, "densities.file")
    return DENSITIES.read(path, label), _notes(DENSITIES, path, label)


def _factors(config: Config, folders: Folders) -> tuple[FactorTable, list[Finding]]:
    shipped = FactorTable.shipped()
    if config.factors is None:
        return shipped, []
    path, label = folders.find(config.factors.file, "factors.file")
    return shipped.with_overrides(path, label), _notes(FACTORS, path, label)


def _policy(config: Config, folders: Folders) -> PolicySection:
    return PolicySection() if config.policy is None else read_policy(*folders.find(config.policy.file, "policy.file"))


def _plan(config: Config, stack: Stack, factors: FactorTable) -> Plan:
    values = []
    for layer in stack.layers:
        section = config.layers[layer.name]
        if layer.kind == "classes" or layer.name in {one.se for one in stack.layers if one.se}:
            continue
        edges = bin_edges(layer.name, section.unit, section.basis, factors)
        if section.biomass == "equation":
            edges = tuple(sorted({*edges, LEAST_VOLUME}))
        values.append(ValueLayer(name=layer.name, edges=edges, se=layer.se, per_member=layer.name == NDVI))
    change = config.layers[LAND_COVER].change != "stocks_only"
    dates = config.run.dates
    made = {name: name for name in sorted(_made(stack))}
    return Plan(
        years=dates, strata=tuple(sorted({**config.strata, **made}.items())), values=tuple(sorted(values, key=lambda one: one.name)),
        intervals=tuple(pairwise(dates)) if change else (),
        lattice=lattice_of(stack.grid, config.uncertainty.lattice_km) if any(one.se for one in values) else None,
    )  # fmt: skip


def _made(stack: Stack) -> frozenset[str]:
    """Layers that are made of others when a window is read."""
    return frozenset(name for one in stack.derived for name in one.names)


def lattice_of(grid: Grid, size_km: float) -> tuple[int, int]:
    """Cells down and across of a lattice cell of about a size, at least one; by the size of the cells in the middle of the grid.

    The lattice begins at the origin of the grid and knows nothing of windows (ACCOUNTING 1).
    """
    down, across = cell_size_m(grid)
    return max(1, round(size_km * 1000.0 / down)), max(1, round(size_km * 1000.0 / across))


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
        out[name] = ValueUnit(
            tonnes_per_ha=per, basis=section.basis or "", dated=not section.undated, depth_cm=section.depth_cm or 0,
            biomass=section.biomass or "",
        )  # fmt: skip
    return out


def carbon_per_unit(basis: str, factors: FactorTable) -> float:
    """t C in a tonne of a basis, roughly: dry matter by the smallest carbon fraction; for judging and planning, never for a result."""
    fraction = float(factors.value[factors.rows("carbon_fraction")].min())
    return {"dry_matter": fraction, "carbon": 1.0, "co2": 1.0 / C_TO_CO2}[basis]


def densities_by_pool(frame: pd.DataFrame | None) -> dict[str, dict[int, float]]:
    """The class table as pool -> class code -> t C ha-1; columns without a number are left out."""
    if frame is None:
        return {}
    return {
        pool: {int(code): float(value) for code, value in zip(frame["lucode"], frame[column], strict=True) if value == value}
        for column, pool in DENSITY_POOLS.items()
        if frame[column].notna().any()
    }


def mapped_ecosystems(config: Config) -> dict[str, frozenset[str]]:
    """Which ecosystems every layer speaks of."""
    return {
        name: frozenset(config.layers[name].ecosystems or default) for name, default in DEFAULT_ECOSYSTEMS.items() if name in config.layers
    }


def _check_change(config: Config) -> list[Finding]:
    """Years that the land-cover product does not have, and maps that may give stocks but not removals (ACCOUNTING 3)."""
    section = config.layers[LAND_COVER]
    product = _product(config)
    if not product:
        return []
    versions, found = _versions(product, config.run.dates)
    if section.change == "stocks_only":
        return found
    for first, last in zip(config.run.dates[:-1], config.run.dates[1:], strict=True):
        place = f"layers.land_cover: {first}, {last}"
        if first not in versions or last not in versions:
            continue
        if versions[first] != versions[last]:
            found.append(finding("E-LEGEND-13", place, product=product, versions=f"{versions[first]} / {versions[last]}"))
        elif not change_allowed(product, first, last):
            id = "W-LEGEND-14" if section.change == "accept" else "E-LEGEND-14"
            found.append(finding(id, place, product=product))
    return found


def _versions(product: str, years: Sequence[int]) -> tuple[dict[int, str], list[Finding]]:
    """The version of a product for each year that it has, and the years that it has not."""
    versions, found = {}, []
    for year in years:
        try:
            versions[year] = str(product_version(product, year)["version"])
        except InputError as error:
            found += [replace(one, where=f"layers.land_cover.{year}") for one in error.findings]
    return versions, found


def _check_extent(zone_sets: Sequence[Zones], grid: Grid) -> list[Finding]:
    """Zones that the grid does not hold."""
    zones = zone_sets[0]
    whole, outside = _areas_off_the_grid(zones, grid)
    share = float(outside.sum() / whole.sum()) if whole.sum() > 0 else 1.0
    if share == 0.0:
        return []
    names = ", ".join(f"{code} {part / all:.1%}" for code, part, all in zip(zones.codes, outside, whole, strict=True) if part > 0)
    return [finding("E-AREA-01" if share > OUTSIDE_LIMIT else "W-AREA-01", zones.name, share=f"{share:.2%}", zones=names)]


def _areas_off_the_grid(zones: Zones, grid: Grid) -> tuple[Floats, Floats]:
    """Areas of the zones, and how much of each lies outside the grid.

    A grid in a wrong unit has cells of a millimetre: nothing is swept over such
    cells, plane areas tell enough.
    """
    shapes = np.array(zones.to_crs(grid.crs).geometries, dtype=object)
    left, bottom, right, top = shapely.bounds(shapes).T
    if max(((right - left) / grid.transform[0]).max(), ((top - bottom) / -grid.transform[4]).max()) > FAR * max(grid.width, grid.height):
        inside = shapely.area(shapely.intersection(shapely.make_valid(shapes), shapely.box(*grid.bounds)))
        return shapely.area(shapes), shapely.area(shapes) - inside
    whole = polygon_areas_ha(zones, grid)
    outside = np.maximum(whole - Coverage.of([zones], grid, "coverage").zone_areas_ha(), 0.0)
    return whole, np.where(outside < whole * 1e-6, 0.0, outside)


def mixed_areas(coverage: Coverage) -> np.ndarray:
    """Area of each zone in cells that lie in it only in part [ha]; small parcels on coarse cells consist of little else."""
    out = np.zeros(len(coverage.codes))
    for tile in coverage.tiles():
        edge = coverage.runs(tile)
        part = edge.fractions < 1.0
        areas = np.broadcast_to(coverage.grid.cell_areas_ha(tile), (tile.height, tile.width)).reshape(-1)
        out += np.bincount(edge.zones[part], weights=edge.fractions[part] * areas[edge.cells[part]], minlength=len(out))
    return out


def zone_rows(setup: Setup, coverage: Coverage) -> pd.DataFrame:
    """The zones of a run with their areas on the grid, in its equal-area image, and on the ellipsoid."""
    on_grid = coverage.zone_areas_ha()
    mixed = mixed_areas(coverage)
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
                    "outside_ha": max(0.0, polygons[place] - on_grid[at]), "mixed_ha": mixed[at],
                }
            )  # fmt: skip
            at += 1
    return pd.DataFrame(rows)
