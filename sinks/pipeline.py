"""The stages of a run: each turns files and tables into tables, content-hashed; the command line composes them.

A stage whose inputs have the hash of last time and whose tables are whole is not
done again. Tables are written beside their place and renamed.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.coverage import Coverage
from aoi.findings import Finding, InputError, errors, finding, stop_on_errors
from aoi.grids import Tile, horizontal_crs
from aoi.table import DICTIONARY, Column, Table, replace_file
from aoi.texts import LANGUAGES, current_language, text
from sinks import tables
from sinks.accounting.approaches import approaches_compared
from sinks.accounting.area_errors import AreaErrors, with_corrected_areas
from sinks.accounting.balance import balance
from sinks.accounting.bin_bounds import bin_bounds
from sinks.accounting.cohorts import cohort_table
from sinks.accounting.control_areas import Raking, check_factors, on_raked_land, rake, raked
from sinks.accounting.fire import fires_of
from sinks.accounting.inventory import Prepared, Result, evaluate, prepare
from sinks.accounting.land_use import land_use
from sinks.accounting.lookup import FactorLookup
from sinks.accounting.monte_carlo import MonteCarlo
from sinks.accounting.nep import nep_table, production_of
from sinks.accounting.outcome import Account
from sinks.accounting.pools import methods_of
from sinks.accounting.rows import PAIR_KEY, YEAR_KEY, PairCells, Reading, YearCells, group_of, pair_cells, year_cells
from sinks.accounting.sources_of_error import Assessed, Evidence, assess
from sinks.accounting.summary import groups_of_zones
from sinks.accounting.terms import with_nan_column
from sinks.accounting.weather import Weather
from sinks.accounting.with_intervals import tables_with_intervals
from sinks.annual import AnnualPlan, stack_of
from sinks.annual_checks import check_years_inputs, findings_of_years, missing_in_years
from sinks.checking import check_activity, check_inputs, hash_inputs
from sinks.config import DESCRIBED, LAND_COVER, NPP, LayerSection, PolicySection
from sinks.ecosystems.method import Knowledge, ValueUnit
from sinks.evidence import Raker, evidence_of, settings_of
from sinks.factors.table import FACTORS, FactorTable
from sinks.layers.annual import years_of
from sinks.layers.inputs import ancestors
from sinks.layers.layer import Stack
from sinks.layers.windows import Block, Engine, Progress, map_windows
from sinks.legends.legend import land_classes, refinements
from sinks.past import past_of_settings, past_settings
from sinks.provenance import HashMemory, code_hash, content_hash, file_sha256, log, read_json, versions, write_json
from sinks.report.land import MapRequest
from sinks.report.maps import CellType, MapPlan, MapStore, MapTile, TileMaps, maps_of_run, plan_map, write_map
from sinks.report.styles import write_style
from sinks.report.words import summary_words
from sinks.report.year_words import FRAMES
from sinks.setup import Setup, densities_by_pool, mapped_ecosystems, value_units, zone_rows
from sinks.survey import area_findings, set_key, source_bytes, source_hash, vector_areas, with_pieces
from sinks.tabulate.activity import Activity, combine
from sinks.tabulate.annual import AnnualWork, combine_annual
from sinks.tabulate.partials import PartialStore
from sinks.tabulate.pieces import tables_of_tile
from sinks.tabulate.tile import Plan, TileSums
from sinks.units import to_tonnes_per_hectare

CODE_OF_PASS = (
    "sinks/tabulate", "sinks/layers/layer.py", "sinks/layers/cohorts.py", "sinks/layers/ages.py", "sinks/layers/joint.py",
    "sinks/layers/polygons.py", "aoi/coverage.py", "aoi/grids.py",
)  # fmt: skip
CODE_OF_YEARS = (*CODE_OF_PASS, "sinks/layers/annual.py", "sinks/annual.py", "sinks/equations/respiration.py")
CODE_OF_ACCOUNTING = (
    "sinks/accounting", "sinks/ecosystems", "sinks/equations", "sinks/factors", "sinks/legends", "sinks/evidence.py", "sinks/uncertainty.py",
    "sinks/pipeline.py", "sinks/past.py",
)  # fmt: skip
"""Code that decides what a stage makes: partial tables and results of other code are not taken up."""

LEGEND_ROWS = Table(
    name="legend", title_zh="图例", title_en="Legend", row_per="year and class code",
    columns=(
        tables.YEAR,
        Column(name="code", type="integer", title_zh="代码", title_en="Code", key=True),
        Column(name="land_class", type="text", title_zh="地类", title_en="Land class", choices=tables.LAND_CLASSES),
        Column(name="name_zh", type="text", title_zh="中文名", title_en="Chinese name"),
        Column(name="name_en", type="text", title_zh="英文名", title_en="English name"),
    ),
)  # fmt: skip
STRATUM_ROWS = Table(
    name="stratum_names", title_zh="分层取值", title_en="Names of strata", row_per="stratum and code",
    columns=(
        Column(name="stratum", type="text", title_zh="分层", title_en="Stratum", key=True, choices=tables.STRATUM_NAMES),
        Column(name="code", type="integer", title_zh="代码", title_en="Code", key=True),
        Column(name="value", type="text", title_zh="取值", title_en="Value"),
    ),
)  # fmt: skip
INPUT_FILES = (
    "factors.csv", "legend.csv", "stratum_names.csv", "densities.csv", "reference.csv", "members.csv", "control_areas.csv", "events.csv",
    "settings.json",
)  # fmt: skip
"""What the folder ``inputs`` of a run holds; nothing else in it is touched."""
SETTINGS = frozenset({"years", "base_year", "seed", "layers", "mapped", "densities", "densities_depth_cm", "overrides", "policy", "uncertainty"})
"""Settings without which a folder is not that of a run."""
STAGED, STAGED_TABLES = ".inputs", ".tables"
"""Where the inputs of an accounting, and tables, wait until all of them are there: a run that stops leaves those of the last one."""
STAGE, ANNUAL_STAGE = ".stage.json", ".annual.json"
"""What the staged activity tables, and those of the annual layers, were made from."""


def look(setup: Setup, progress: Progress | None = None) -> None:
    """Look at the inputs before a run: their hashes and a sample of their pixels; pixels that are tabulated already were seen.

    Raises
    ------
    InputError
        With all findings, when one of them stops the run.
    """
    hashes, found = hash_inputs(setup)
    if errors(found) or not _kept(setup.out, "tabulate", _tables_key(setup, _pass_key(setup, hashes))):
        found += check_inputs(setup, progress=progress)
    if not errors(found) and not _kept(setup.out, "annual", _years_key(setup, hashes)):
        found += check_years_inputs(setup)
    stop_on_errors([*setup.findings, *found])


def findings_of_run(setup: Setup) -> list[Finding]:
    """Warnings and notes about the inputs of a finished run, from all of its cells."""
    read = [table.read(setup.out / "tables" / f"{table.name}.csv") for table in (tables.ACTIVITY_YEAR, tables.STRATA)]
    hashes, found = hash_inputs(setup)
    return [*setup.findings, *found, *check_activity(setup, *read), *_survey_findings(setup, hashes), *_accepted_areas(setup), *findings_of_years(setup)]


def _survey_findings(setup: Setup, hashes: Mapping[str, str]) -> list[Finding]:
    """What is to be known of the survey polygons of a finished run."""
    if not setup.vectors:
        return []
    maps = [finding("N-TUBAN-19", "maps")] if setup.config.maps else []
    return [*with_pieces(setup, hashes)[1], *area_findings(tables.VECTOR_AREAS.read(setup.out / "tables" / "vector_areas.csv")), *maps]


def _accepted_areas(setup: Setup) -> list[Finding]:
    """What raking has changed much, with the user's word."""
    if setup.control_areas is None:
        return []
    rows = tables.RAKING.read(setup.out / "tables" / "raking.csv")
    return [one for zone, part in rows.groupby("zone", sort=True) for one in check_factors(part, str(zone), accept=True)]


def tabulate(setup: Setup, engine: Engine | None = None, progress: Progress | None = None) -> bool:
    """The pass over the dates of a run, and after it that over the years of its annual layers.

    Returns whether anything was computed.

    Raises
    ------
    InputError
        Inputs that cannot be used; what was computed before stays on disk.
    """
    dated = _tabulate_dates(setup, engine, progress)
    return _tabulate_years(setup, engine, progress) or dated


def _tabulate_years(setup: Setup, engine: Engine | None, progress: Progress | None) -> bool:
    """The annual layers, a year at a time -> their activity tables, staged until they are settled."""
    if setup.annual is None:
        return False
    hashes, _ = hash_inputs(setup)
    keys = {plan.year: _year_key(setup, plan, hashes) for plan in setup.annual_plans}
    strata = tables.STRATA.read(tables_of(setup.out) / "strata.csv")
    key = _years_key(setup, hashes)
    if _kept(setup.out, "annual", key):
        return False
    coverage = setup.coverage()
    parts = [_year(setup, plan, keys[plan.year], coverage, strata, hashes, engine, progress) for plan in setup.annual_plans]
    annual, fire = (pd.concat([part[place] for part in parts], ignore_index=True) for place in range(2))
    stop_on_errors(missing_in_years(setup, annual))
    staged = setup.out / STAGED_TABLES
    write_table(tables.ACTIVITY_ANNUAL, annual, staged)
    write_table(tables.ACTIVITY_FIRE, fire, staged)
    write_json(staged / ANNUAL_STAGE, {"key": key, "names": [tables.ACTIVITY_ANNUAL.name, tables.ACTIVITY_FIRE.name]})
    return True


def _year(
    setup: Setup, plan: AnnualPlan, key: str, coverage: Coverage, strata: pd.DataFrame, hashes: Mapping[str, str], engine: Engine | None,
    progress: Progress | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """The activity of one year; tiles that were kept before are not read again."""
    assert setup.annual is not None
    store = PartialStore(setup.out / "partials", key)
    changed: list[str] = []
    try:
        before = len(store)
        stack = stack_of(plan, with_pieces(setup, hashes)[0].stack, setup.annual)
        map_windows(stack, coverage, AnnualWork(plan), store, engine=_of_many_files(engine), closely=False, progress=progress)
        store.commit()
        log(setup.out, "tabulated", year=plan.year, tiles=len(store), computed=len(store) - before)
        frames = combine_annual(store.read(), plan, coverage.codes, strata)
    finally:
        changed = _changed_meanwhile(setup, hashes)
        if changed:
            store.remove()
        else:
            store.close()
    if changed:
        raise InputError([finding("E-HASH-01", label) for label in changed])
    return frames


def _of_many_files(engine: Engine | None) -> Engine:
    """The engine with windows of one tile: a year of months has some forty files, and a window holds all of them."""
    return replace(engine or Engine(), window_tiles=1)


def _years_key(setup: Setup, hashes: Mapping[str, str]) -> str:
    """The hash of everything that the tables of the annual layers say; their strata are numbered by the tables of the dates."""
    strata = tables_of(setup.out) / "strata.csv"
    keys = [_year_key(setup, plan, hashes) for plan in setup.annual_plans]
    return content_hash([keys, file_sha256(strata) if strata.exists() else ""])


def _year_key(setup: Setup, plan: AnnualPlan, hashes: Mapping[str, str]) -> str:
    """The hash of everything that the sums of a year depend on."""
    assert setup.annual is not None
    stack = stack_of(plan, setup.stack, setup.annual)
    return content_hash({"code": code_hash(*CODE_OF_YEARS), "plan": repr(plan), **_stack_key(setup, stack, hashes)})


def _tabulate_dates(setup: Setup, engine: Engine | None, progress: Progress | None) -> bool:
    """The pixel pass: rasters -> activity tables, staged until they are settled, and tiles of the maps that are wanted.

    Returns whether anything was computed.

    Raises
    ------
    InputError
        Inputs that cannot be used; what was computed before stays on disk.
    """
    staged = setup.out / STAGED_TABLES
    shutil.rmtree(staged, ignore_errors=True)
    hashes, found = hash_inputs(setup)
    stop_on_errors(found)
    sums = _pass_key(setup, hashes)
    key = _tables_key(setup, sums)
    maps = _maps_to_make(setup, content_hash(sums))
    kept = _kept(setup.out, "tabulate", key)
    if kept:
        read = [table.read(setup.out / "tables" / f"{table.name}.csv") for table in (tables.ACTIVITY_YEAR, tables.STRATA)]
        stop_on_errors(check_activity(setup, *read))
        if not maps:
            return False
    coverage = setup.coverage()
    activity = _pass(setup, coverage, hashes, None if kept else content_hash(sums), maps, engine, progress)
    if activity is None:
        return True
    stop_on_errors(check_activity(setup, activity.year, activity.strata))
    survey = _survey_rows(setup, hashes, activity.year)
    written = {
        tables.ZONES: zone_rows(setup, coverage),
        tables.ACTIVITY_YEAR: activity.year,
        tables.ACTIVITY_PAIR: activity.pair,
        tables.STRATA: activity.strata,
        **({tables.ACTIVITY_LATTICE: activity.lattice} if setup.plan.lattice else {}),
        tables.INPUTS: _input_rows(setup, hashes),
        **survey,
    }
    for table, frame in written.items():
        write_table(table, frame, staged)
    write_json(staged / STAGE, {"key": key, "names": [table.name for table in written]})
    return True


def _survey_rows(setup: Setup, hashes: Mapping[str, str], activity: pd.DataFrame) -> dict[Table, pd.DataFrame]:
    """The table of the polygons' own areas, where there are polygons; raises `InputError` where their official areas cannot be."""
    if not setup.vectors:
        return {}
    frame = vector_areas(with_pieces(setup, hashes)[0], activity)
    stop_on_errors(area_findings(frame))
    return {tables.VECTOR_AREAS: frame}


def _pass(
    setup: Setup, coverage: Coverage, hashes: Mapping[str, str], sums_key: str | None, maps: Sequence[MapPlan], engine: Engine | None,
    progress: Progress | None,
) -> Activity | None:  # fmt: skip
    """Every tile once: its sums, where a key for them is given, and its part of the maps.

    What was made from inputs that changed meanwhile is of neither content and is thrown away.
    """
    folder = setup.out / "partials"
    kept = _KeptTiles(PartialStore(folder, sums_key) if sums_key else None, tuple(MapStore(folder, plan) for plan in maps))
    before = len(kept.sums or ())
    activity = None
    try:
        setup, _ = with_pieces(setup, hashes)
        function = TileWork(setup.plan if sums_key else None, TileMaps(setup, maps))
        map_windows(setup.stack, coverage, function, kept, engine=engine, closely=False, progress=progress)
        kept.commit()
        if kept.sums is not None:
            log(setup.out, "tabulated", tiles=len(kept.sums), computed=len(kept.sums) - before)
            activity = combine(kept.sums.read(), setup.plan, coverage.codes)
    finally:
        changed = _changed_meanwhile(setup, hashes)
        kept.end(remove=bool(changed))
    if changed:
        raise InputError([finding("E-HASH-01", label) for label in changed])
    return activity


@dataclass(frozen=True, slots=True)
class TileResult:
    """What the pass makes of a tile."""

    sums: TileSums | None
    maps: tuple[MapTile | None, ...]


@dataclass(frozen=True, slots=True)
class TileWork:
    """The sums of a tile by a plan, and its part of maps; picklable for workers of a cluster."""

    plan: Plan | None
    maps: TileMaps

    def __call__(self, block: Block) -> TileResult:
        return TileResult(None if self.plan is None else tables_of_tile(block, self.plan), self.maps(block))


@dataclass(frozen=True, slots=True)
class _KeptTiles:
    """Where results of tiles go: a tile is done when every part of it is kept."""

    sums: PartialStore | None
    maps: tuple[MapStore, ...]

    def done(self, tile: Tile) -> bool:
        """Is all of this tile kept?"""
        return all(store.done(tile) for store in (*self.maps, *((self.sums,) if self.sums is not None else ())))

    def put(self, tile: Tile, result: TileResult) -> None:
        """Keep the parts of a tile, the sums last."""
        for store, part in zip(self.maps, result.maps, strict=True):
            store.put(tile, part)
        if self.sums is not None and result.sums is not None:
            self.sums.put(tile, result.sums)

    def commit(self) -> None:
        """Have every tile on disk."""
        for store in (*self.maps, *((self.sums,) if self.sums is not None else ())):
            store.commit()

    def end(self, remove: bool) -> None:
        """Close the files, or take them away."""
        for store in (*self.maps, *((self.sums,) if self.sums is not None else ())):
            if remove:
                store.remove()
            else:
                store.close()


def _maps_to_make(setup: Setup, sums_key: str) -> list[MapPlan]:
    """The maps that are wanted and do not stand as they would be made."""
    recorded = (read_json(setup.out / "run.json") or {}).get("maps", {})
    return [plan for plan in maps_of_run(setup, sums_key) if not _map_stands(setup.out, plan, recorded.get(plan.name))]


def _map_stands(out: Path, plan: MapPlan, record: Any) -> bool:
    path = map_path(out, plan)
    return bool(record) and record["key"] == plan.key and path.exists() and file_sha256(path) == record["sha256"]


def map_path(out: Path, plan: MapPlan) -> Path:
    """Where a map of a run stands."""
    return out / "maps" / f"{plan.name}.tif"


def draw_maps(setup: Setup) -> list[str]:
    """Put the maps of a run together from the tiles that the pass has made; returns their names."""
    hashes, _ = hash_inputs(setup)
    names = []
    for plan in _maps_to_make(setup, content_hash(_pass_key(setup, hashes))):
        _draw(setup, plan, map_path(setup.out, plan))
        record = read_json(setup.out / "run.json") or {}
        record.setdefault("maps", {})[plan.name] = {"key": plan.key, "sha256": file_sha256(map_path(setup.out, plan))}
        write_json(setup.out / "run.json", record)
        names.append(plan.name)
    return names


def _draw(setup: Setup, plan: MapPlan, path: Path) -> None:
    store = MapStore(setup.out / "partials", plan)
    try:
        write_map(setup, plan, store, path)
        write_style(path, plan.request)
    except BaseException:
        store.close()
        raise
    store.remove()


def make_map(
    setup: Setup, request: MapRequest, cell_type: CellType, path: Path, engine: Engine | None = None, progress: Progress | None = None
) -> None:
    """One map by a pass of its own; tiles that were made before it stopped are not made again.

    Raises
    ------
    InputError
        Inputs that cannot be used.
    """
    hashes, found = hash_inputs(setup)
    stop_on_errors(found)
    plan = plan_map(setup, request, cell_type, content_hash(_pass_key(setup, hashes)))
    _pass(setup, setup.coverage(), hashes, None, [plan], engine, progress)
    _draw(setup, plan, path)


def settle_tables(out: Path) -> None:
    """Put staged tables in place of those of the last run; each is there whole, the old or the new, and none of polygons that are no layer any more."""
    staged, settled = out / STAGED_TABLES, out / "tables"
    if not staged.exists():
        return
    stages = {"tabulate": read_json(staged / STAGE), "annual": read_json(staged / ANNUAL_STAGE)}
    settled.mkdir(exist_ok=True)
    for path in sorted(staged.iterdir()):
        if path.name not in (STAGE, ANNUAL_STAGE):
            os.replace(path, settled / path.name)
    for name, stage in stages.items():
        if stage is not None:
            _record(out, name, stage["key"], stage["names"])
    if stages["tabulate"] is not None and tables.VECTOR_AREAS.name not in stages["tabulate"]["names"]:
        for path in settled.glob(f"{tables.VECTOR_AREAS.name}.*"):
            path.unlink()
    shutil.rmtree(staged)


def _tables_key(setup: Setup, sums: Mapping[str, Any]) -> str:
    """The hash of everything that the activity tables say: the sums, and what zones and files are called."""
    zones = [[zones.names_zh, zones.names_en, zones.parents] for zones in setup.zone_sets]
    files = [[source.layer, source.year, source.label] for source in setup.inputs]
    return content_hash([sums, zones, files])


def _pass_key(setup: Setup, hashes: Mapping[str, str]) -> dict[str, Any]:
    """Everything that the sums depend on; window size and workers are not among it."""
    return {"code": code_hash(*CODE_OF_PASS), "plan": asdict(setup.plan), **_stack_key(setup, setup.stack, hashes)}


def _stack_key(setup: Setup, stack: Stack, hashes: Mapping[str, str]) -> dict[str, Any]:
    """The layers of a stack with what is in their files, the grid, and the zones."""
    layers = [
        {
            "name": layer.name, "kind": layer.kind, "missing": layer.missing_codes, "valid": layer.valid if layer.valid_declared else None,
            "resampling": layer.resampling,
            "files": [
                [
                    str(year),
                    [
                        [[hashes[file.label], file.offset, file.nodata, file.scale, file.add, file.source_crs, file.band] for file in member]
                        for member in members
                    ],
                ]
                for year, members in layer.dates
            ],
        }
        for layer in stack.layers
    ]  # fmt: skip
    polygons = {
        "sets": [set_key(one, setup, hashes) for one in stack.vectors],
        "layers": [[layer.name, [[str(year), place] for year, place in layer.polygons]] for layer in stack.layers],
    }  # fmt: skip
    zones = [[zones.name, zones.crs, list(zones.codes), [geometry.wkb_hex for geometry in zones.geometries]] for zones in setup.zone_sets]
    made = [[*one.names, repr(one)] for one in stack.derived]
    return {
        "layers": layers, "polygons": polygons, "derived": made, "grid": asdict(setup.grid), "zones": content_hash(zones), "rule": setup.config.zones.rule
    }


def _changed_meanwhile(setup: Setup, hashes: Mapping[str, str]) -> list[str]:
    """Labels of the inputs that changed, or went, under the pass (FAULTS R16)."""
    memory = HashMemory(setup.out / ".hashes.json")
    sources = {source.label: source for source in setup.inputs}
    return [label for label, one in sources.items() if not one.path.exists() or source_hash(memory, one) != hashes[label]]


def _input_rows(setup: Setup, hashes: Mapping[str, str]) -> pd.DataFrame:
    rows = []
    for layer in (*setup.stack.layers, *(setup.annual.layers if setup.annual is not None else ())):
        for year, members in layer.dates:
            for file in (one for member in members for one in member):
                how = "direct" if file.offset is not None else f"warped: {layer.resampling}"
                source = next(one for one in setup.sources if one.label == file.label)
                said = {"sha256": hashes[file.label], "bytes": source.path.stat().st_size, "how": how, "source": source.origin}
                rows.append({"file": file.label, "layer": layer.name, "year": year, **said})
                rows += [
                    {"file": one.label, "layer": layer.name, "year": year, "sha256": one.sha256, "bytes": one.bytes, "how": one.how, "source": ""}
                    for one in ancestors(source)
                ]
    rows += [
        {"file": one.label, "layer": one.layer, "year": one.year, "sha256": hashes[one.label], "bytes": source_bytes(one),
         "how": f"coverage: {one.header.features} polygons, {setup.config.layers[one.layer].field_of(one.year)}", "source": ""}
        for one in setup.vectors
    ]  # fmt: skip
    return pd.DataFrame(rows).drop_duplicates(["file", "layer"], ignore_index=True)


def snapshot(setup: Setup) -> None:
    """Write down what the accounting needs beside the activity tables: factors, legends, class table, settings."""
    folder = setup.out / STAGED
    shutil.rmtree(folder, ignore_errors=True)
    FACTORS.write(setup.factors.frame(), folder / "factors.csv")
    legend = [
        {"year": year, "code": code, "land_class": name, "name_zh": zh, "name_en": en}
        for year, one in setup.legends.items() if one is not None
        for code, name, zh, en in zip(one.codes, one.land_classes, one.names_zh, one.names_en, strict=True)
    ]  # fmt: skip
    LEGEND_ROWS.write(LEGEND_ROWS.frame(legend), folder / "legend.csv")
    strata = [
        {"stratum": name, "code": code, "value": value} for name, names in setup.stratum_values.items() for code, value in names.items()
    ]  # fmt: skip
    STRATUM_ROWS.write(STRATUM_ROWS.frame(strata), folder / "stratum_names.csv")
    if setup.densities is not None:
        tables.DENSITIES.write(setup.densities, folder / "densities.csv")
    if setup.reference is not None:
        tables.REFERENCE.write(setup.reference, folder / "reference.csv")
    if setup.members is not None:
        tables.MEMBERS.write(setup.members, folder / "members.csv")
    if setup.control_areas is not None:
        tables.CONTROL_AREAS.write(setup.control_areas, folder / "control_areas.csv")
    if setup.events is not None:
        tables.EVENTS.write(setup.events, folder / "events.csv")
    config = setup.config
    write_json(
        folder / "settings.json",
        {
            "title": config.run.title, "years": config.run.years, "base_year": config.run.base_year, "seed": config.run.seed,
            "rule": config.zones.rule, "cell_area": config.grid.cell_area, "product": setup.product,
            "change": config.layers[LAND_COVER].change, "missing_fraction": config.limits.missing_fraction,
            "layers": {name: asdict(unit) for name, unit in value_units(config).items()},
            "windows": {
                layer.name: {str(year): [file.label for member in members for file in member] for year, members in layer.dates if len(members) > 1}
                for layer in setup.stack.layers if any(len(members) > 1 for _, members in layer.dates)
            },
            "edges": {layer.name: layer.edges for layer in setup.plan.values},
            "strata": dict(sorted(config.strata.items())),
            "described": {name: _described(section) for name, section in config.layers.items()},
            "mapped": {name: sorted(names) for name, names in mapped_ecosystems(config).items()},
            "densities": setup.densities is not None,
            "densities_depth_cm": config.densities.soil_depth_cm if config.densities else 0,
            "uncertainty": settings_of(config, setup.grid, setup.plan.lattice),
            **({"annual": _annual_settings(setup)} if setup.annual is not None else {}),
            "control_areas": setup.control_areas is not None,
            "accept_areas": config.control_areas is not None and config.control_areas.accept,
            "overrides": list(setup.factors.overrides), "policy": setup.policy.model_dump(), "demo": config.demo,
            "past": past_settings(config),
            "grid": {"kind": setup.grid.kind, "width": setup.grid.width, "height": setup.grid.height, "crs": _crs_name(setup)},
        },
    )  # fmt: skip


def _annual_settings(setup: Setup) -> dict[str, Any]:
    """What the accounting has to know of the annual layers beside their tables."""
    assert setup.annual is not None
    sections = setup.config.layers
    return {
        "years": {layer.name: years_of(setup.annual, layer.name) for layer in setup.annual.layers},
        "encodings": {layer.name: sections[layer.name].encoding or "annual" for layer in setup.annual.layers},
        "npp_tonnes_per_ha": to_tonnes_per_hectare(sections[NPP].unit or "") if setup.annual.has(NPP) else None,
    }


def _has_years(out: Path) -> bool:
    """Has the run annual layers?"""
    settings = read_json(inputs_of(out) / "settings.json")
    return isinstance(settings, dict) and "annual" in settings


def _described(section: LayerSection) -> dict[str, Any]:
    """What a section says of the numbers of a layer; no path."""
    said = section.model_dump(mode="json", exclude_none=True)
    return {key: said[key] for key in DESCRIBED if key in said}


def _crs_name(setup: Setup) -> str:
    return str(horizontal_crs(setup.grid.crs).name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A run folder as the accounting reads it: tables, factors, settings, and the inventory prepared from them."""

    settings: Mapping[str, Any]
    factors: FactorTable
    zones: pd.DataFrame
    prepared: Prepared
    knowledge: Knowledge
    policy: PolicySection
    bins: NDArray[np.int64]
    evidence: Evidence
    areas: AreaErrors | None
    raking: Raking | None = None

    @property
    def years(self) -> tuple[int, ...]:
        """Result years."""
        return tuple(self.settings["years"])

    @property
    def dates(self) -> tuple[int, ...]:
        """All dates, the base year among them."""
        base = self.settings["base_year"]
        return (*((base,) if base is not None else ()), *self.years)

    @property
    def account(self) -> Account:
        """What is asked of the inventory."""
        return Account(
            prepared=self.prepared, policy=self.policy, years=self.years, dates=self.dates, class_table=bool(self.settings["densities"])
        )  # fmt: skip

    @property
    def monte_carlo(self) -> MonteCarlo | None:
        """How to draw; None where the run wants no draws."""
        said = self.settings["uncertainty"]
        return MonteCarlo(draws=said["draws"], seed=self.settings["seed"], sampling=said["sampling"]) if said["draws"] > 1 else None


def read_inventory(out: Path) -> Inventory:
    """Prepare the accounting from a run folder alone; no raster is opened.

    Raises
    ------
    InputError
        The folder has no activity tables; factors that are needed are missing.
    """
    inputs = inputs_of(out)
    settings = read_json(inputs / "settings.json")
    if not isinstance(settings, dict) or not SETTINGS.issubset(settings) or not (tables_of(out) / "activity_year.csv").exists():
        raise InputError(finding("E-RUN-05", out.name))
    factors = _factors_of(inputs, settings)
    lookup = FactorLookup(factors)
    knowledge = Knowledge(
        factor=lookup, layers={name: ValueUnit(**unit) for name, unit in settings["layers"].items()},
        mapped={name: frozenset(names) for name, names in settings["mapped"].items()}, densities=_densities_of(inputs, settings),
        densities_depth_cm=settings["densities_depth_cm"],
    )  # fmt: skip
    strata = tables.STRATA.read(tables_of(out) / "strata.csv")
    reading = _reading_of(inputs, settings)
    by_year = tables.ACTIVITY_YEAR.read(tables_of(out) / "activity_year.csv")
    by_pair = tables.ACTIVITY_PAIR.read(tables_of(out) / "activity_pair.csv")
    mapped = year_cells(by_year, strata, reading), pair_cells(by_pair, strata, reading)
    raking = _raking_of(inputs, settings, *mapped)
    years, pairs = mapped if raking is None else _on_official_areas(raking, by_year, by_pair, *mapped, strata, reading)
    events = tables.EVENTS.read(inputs / "events.csv") if (inputs / "events.csv").exists() else None
    prepared = _with_years(prepare(years, pairs, knowledge, lookup, events, reading.history), out, settings, strata, reading, knowledge, lookup)
    gaps = lookup.gaps("factors")
    if gaps:
        raise InputError(gaps)
    dated = frozenset(name for name, unit in knowledge.layers.items() if unit.dated)
    evidence = evidence_of(inputs, tables_of(out), settings, prepared, dated, _raker(raking, *mapped))
    prepared, areas = with_corrected_areas(prepared, evidence.samples)
    return Inventory(
        settings=settings, factors=factors, zones=tables.ZONES.read(tables_of(out) / "zones.csv"), prepared=prepared, knowledge=knowledge,
        policy=PolicySection.model_validate(settings["policy"]), bins=by_year["bin"].to_numpy(dtype=np.int64),
        evidence=evidence, areas=areas, raking=raking,
    )  # fmt: skip


def _with_years(
    prepared: Prepared, out: Path, settings: Mapping[str, Any], strata: pd.DataFrame, reading: Reading, knowledge: Knowledge, lookup: FactorLookup
) -> Prepared:  # fmt: skip
    """The inventory with its fires and its production, where the run has annual layers."""
    if "annual" not in settings:
        return prepared
    folder = annual_tables_of(out)
    fires = fires_of(tables.ACTIVITY_FIRE.read(folder / "activity_fire.csv"), strata, reading, knowledge)
    annual = tables.ACTIVITY_ANNUAL.read(folder / "activity_annual.csv")
    per = settings["annual"]["npp_tonnes_per_ha"]
    production = None if per is None else production_of(annual, strata, reading, lookup, per)
    return replace(prepared, fires=fires, production=production, weather=Weather(annual, strata, reading))


def _raking_of(inputs: Path, settings: Mapping[str, Any], years: YearCells, pairs: PairCells) -> Raking | None:
    """The raking to official areas, where a run has them."""
    path = inputs / "control_areas.csv"
    return rake(years, pairs, tables.CONTROL_AREAS.read(path), settings["accept_areas"]) if path.exists() else None


def _on_official_areas(
    raking: Raking, by_year: pd.DataFrame, by_pair: pd.DataFrame, years: YearCells, pairs: PairCells, strata: pd.DataFrame, reading: Reading
) -> tuple[YearCells, PairCells]:
    """The land of dates and intervals with its rows multiplied; ``raked`` says by what."""
    of_year = raking.year[group_of(by_year, years.frame, YEAR_KEY)]
    of_pair = raking.pair[group_of(by_pair, pairs.frame, PAIR_KEY)]
    at_dates = year_cells(raked(by_year, of_year), strata, reading)
    between = pair_cells(raked(by_pair, of_pair), strata, reading)
    return replace(at_dates, frame=at_dates.frame.assign(raked=raking.year)), replace(between, frame=between.frame.assign(raked=raking.pair))


def _raker(raking: Raking | None, years: YearCells, pairs: PairCells) -> Raker:
    """What brings rows of the lattice and of members to the land of a run."""
    if raking is None:
        return lambda rows, _: rows
    return lambda rows, strata: on_raked_land(rows, years.frame, pairs.frame, raking, strata)


def inputs_of(out: Path) -> Path:
    """The folder of factors, legends and settings: the staged one of a run that is under way, else that of the results."""
    return out / STAGED if (out / STAGED / "settings.json").exists() else out / "inputs"


def tables_of(out: Path) -> Path:
    """The folder of the activity tables: the staged one of a run that is under way, else that of the results."""
    return out / STAGED_TABLES if (out / STAGED_TABLES / STAGE).exists() else out / "tables"


def annual_tables_of(out: Path) -> Path:
    """The folder of the activity tables of the annual layers, in the same way."""
    return out / STAGED_TABLES if (out / STAGED_TABLES / ANNUAL_STAGE).exists() else out / "tables"


def _factors_of(inputs: Path, settings: Mapping[str, Any]) -> FactorTable:
    return FactorTable.of(FACTORS.read(inputs / "factors.csv"), tuple(settings["overrides"]))


def _densities_of(inputs: Path, settings: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    return densities_by_pool(tables.DENSITIES.read(inputs / "densities.csv") if settings["densities"] else None)


def _reading_of(inputs: Path, settings: Mapping[str, Any]) -> Reading:
    legend = LEGEND_ROWS.read(inputs / "legend.csv")
    names = STRATUM_ROWS.read(inputs / "stratum_names.csv")
    classes: dict[int, dict[int, str]] = {}
    for row in legend.itertuples():
        classes.setdefault(int(row.year), {})[int(row.code)] = row.land_class
    strata: dict[str, dict[int, str]] = {}
    for row in names.itertuples():
        strata.setdefault(row.stratum, {})[int(row.code)] = row.value
    return Reading(
        land_classes=classes, refinements=refinements(), strata=strata,
        ecosystems=dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True)),
        **past_of_settings(settings),
    )  # fmt: skip


def account(out: Path) -> bool:
    """The accounting: activity tables x factors -> results. Returns whether anything was computed.

    Raises
    ------
    InputError
        Factors that are needed are missing; earlier results and their inputs stay as they are.
    """
    try:
        key = content_hash(_account_key(out))
        computed = not _kept(out, "account", key)
        if computed:
            frames = results(read_inventory(out))
            for table, frame in frames.items():
                write_table(table, frame, out / STAGED_TABLES)
            _write_dictionary(out / STAGED_TABLES)
        settle_tables(out)
        _settle_inputs(out)
        if computed:
            _drop_unmade(out, {table.name for table in frames})
            _record(out, "account", key, [table.name for table in frames])
            log(out, "accounted", factors=len(frames[tables.FACTORS_USED]))
        return computed
    finally:
        for staged in (STAGED, STAGED_TABLES):
            shutil.rmtree(out / staged, ignore_errors=True)


def _drop_unmade(out: Path, made: set[str]) -> None:
    """Take away the tables of annual layers and of a history that an earlier run had and this one has not: they say nothing of it."""
    held = {*made, *((tables.ACTIVITY_ANNUAL.name, tables.ACTIVITY_FIRE.name) if _has_years(out) else ())}
    for table in (tables.COHORTS, tables.ACTIVITY_ANNUAL, tables.ACTIVITY_FIRE, tables.NEP_CHECK, tables.GRASS_WEATHER):
        if table.name not in held:
            for suffix in ("csv", "parquet"):
                (out / "tables" / f"{table.name}.{suffix}").unlink(missing_ok=True)
    if not _has_years(out):
        _forget(out, "annual")


def _forget(out: Path, stage: str) -> None:
    """A stage that a run no longer has leaves its record."""
    record = read_json(out / "run.json") or {}
    if record.get("stages", {}).pop(stage, None) is not None:
        write_json(out / "run.json", record)


def _settle_inputs(out: Path) -> None:
    """Put the staged inputs in place of those of the last accounting; of a file that is no longer used none stays."""
    staged, settled = out / STAGED, out / "inputs"
    if not staged.exists():
        return
    settled.mkdir(exist_ok=True)
    for name in INPUT_FILES:
        if (staged / name).exists():
            os.replace(staged / name, settled / name)
        else:
            (settled / name).unlink(missing_ok=True)


def _account_key(out: Path) -> dict[str, Any]:
    files = [
        *(tables_of(out) / f"{name}.csv" for name in ("activity_year", "activity_pair", "activity_lattice", "strata", "zones")),
        *(annual_tables_of(out) / f"{name}.csv" for name in ("activity_annual", "activity_fire") if _has_years(out)),
        *(inputs_of(out) / name for name in sorted(INPUT_FILES)),
    ]  # fmt: skip
    return {"code": code_hash(*CODE_OF_ACCOUNTING), **{path.name: file_sha256(path) for path in files if path.is_file()}}


def results(inventory: Inventory) -> dict[Table, pd.DataFrame]:
    """All result tables of an inventory."""
    assessed = assess(inventory.account, inventory.factors, inventory.evidence, inventory.areas)
    prepared, central = inventory.prepared, assessed.central
    with_errors = tables_with_intervals(
        assessed, inventory.factors, inventory.evidence.known(), inventory.monte_carlo, groups_of_zones(inventory.zones), tuple(inventory.zones["zone"])
    )
    history = prepared.history
    summary = with_errors.summary
    return {
        **_of_years(inventory, assessed, summary),
        tables.LAND_USE: land_use(prepared, inventory.evidence.samples),
        **({tables.COHORTS: cohort_table(prepared.years, history)} if history is not None else {}),
        tables.STOCKS: with_errors.stocks,
        tables.REMOVALS: with_errors.removals,
        tables.BALANCE: balance(prepared, central.result, central.all_stocks),
        tables.SUMMARY: with_errors.summary,
        tables.APPROACHES_COMPARED: approaches_compared(with_errors.summary),
        tables.COVARIANCE: with_errors.covariance,
        tables.CONTRIBUTIONS: with_errors.contributions,
        tables.TREND: with_errors.trend,
        tables.KEY_CATEGORIES: with_errors.key_categories,
        tables.CONVERGENCE: with_errors.convergence,
        tables.BIN_BOUNDS: _bounds(inventory),
        tables.FACTORS_USED: factor_rows(inventory),
        **({} if inventory.raking is None else {tables.RAKING: inventory.raking.rows}),
    }


def _of_years(inventory: Inventory, assessed: Assessed, summary: pd.DataFrame) -> dict[Table, pd.DataFrame]:
    """The check by NEP, and the weather part of grassland, where the run has annual layers."""
    prepared = inventory.prepared
    if prepared.weather is None:
        return {}
    out = {tables.GRASS_WEATHER: prepared.weather.table(assessed.central.removals)}
    if prepared.production is not None:
        values = with_nan_column(inventory.factors.value[None, :])
        out[tables.NEP_CHECK] = nep_table(prepared.production, values, summary, groups_of_zones(inventory.zones))
    return {table: frame for table, frame in out.items() if len(frame)}


def _bounds(inventory: Inventory) -> pd.DataFrame:
    methods = {key: method.id for key, method in methods_of(inventory.knowledge).items()}
    edges = {name: tuple(values) for name, values in inventory.settings["edges"].items()}
    found = bin_bounds(inventory.prepared.years, inventory.bins, edges, methods, inventory.knowledge)
    return found[found["year"].isin(inventory.years)]


def factor_rows(inventory: Inventory) -> pd.DataFrame:
    """The factors that the results rest on."""
    frame = inventory.factors.frame().iloc[inventory.prepared.factor_rows()]
    return frame.assign(overridden=frame["id"].isin(inventory.settings["overrides"]))


def write_table(table: Table, frame: pd.DataFrame, folder: Path) -> None:
    """A table as CSV for exchange and Parquet for work."""
    import io

    ready = table.write(frame, folder / f"{table.name}.csv")
    buffer = io.BytesIO()
    ready.to_parquet(buffer, index=False)
    replace_file(folder / f"{table.name}.parquet", buffer.getvalue())


def _write_dictionary(folder: Path) -> None:
    rows = [row for table in tables.OUTPUT_TABLES for row in table.dictionary()]
    DICTIONARY.write(DICTIONARY.frame(rows), folder / "dictionary.csv")
    schema = {table.name: table.schema() for table in tables.OUTPUT_TABLES}
    replace_file(folder / "schema.json", (json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8"))


def _kept(out: Path, stage: str, key: str) -> bool:
    """Were the tables of a stage made from the same inputs, and are they whole?"""
    record = (read_json(out / "run.json") or {}).get("stages", {}).get(stage)
    if not record or record["key"] != key:
        return False
    return all(
        (out / "tables" / f"{name}.csv").exists() and file_sha256(out / "tables" / f"{name}.csv") == digest
        for name, digest in record["tables"].items()
    )


def _record(out: Path, stage: str, key: str, names: list[str]) -> None:
    """Write into run.json what a stage made, and from what."""
    record = read_json(out / "run.json") or {}
    stages = record.setdefault("stages", {})
    stages[stage] = {"key": key, "tables": {name: file_sha256(out / "tables" / f"{name}.csv") for name in sorted(names)}}
    record["run_id"] = content_hash({name: one["key"] for name, one in stages.items()})[:16]
    record["versions"] = versions()
    settings = read_json(out / "inputs" / "settings.json")
    if settings is not None:
        record["choices"] = settings
    inputs = out / "tables" / "inputs.csv"
    if inputs.exists():
        record["inputs"] = {f"{row.layer}: {row.file}": row.sha256 for row in tables.INPUTS.read(inputs).itertuples()}
    factors = out / "inputs" / "factors.csv"
    if factors.exists():
        record["factors_sha256"] = file_sha256(factors)
    write_json(out / "run.json", record)


def evaluated(inventory: Inventory) -> Result:
    """The inventory at the central values of its factors."""
    return evaluate(inventory.prepared, inventory.factors.value[None, :])


_SUMMARISED = (tables.SUMMARY, tables.ZONES, tables.FACTORS_USED, tables.BIN_BOUNDS)


def keep_summary(out: Path, found: Sequence[Finding] | None) -> str:
    """Write the summary in words in both languages, and the findings; returns it in the language of the user.

    Parameters
    ----------
    found : sequence of Finding, optional
        Findings of this run; None keeps those that were written before.
    """
    if found is not None:
        write_json(out / "findings.json", {language: [one.as_dict(language) for one in found] for language in LANGUAGES})
    kept = read_json(out / "findings.json") or {}
    settings = read_json(out / "inputs" / "settings.json")
    frames = {table: table.read(out / "tables" / f"{table.name}.csv") for table in _SUMMARISED}
    of_years = _frames_of_years(out) if "annual" in settings else {}
    for language in LANGUAGES:
        lines = [f"{one['id']} {one['message']}: {one['where']}" for one in kept.get(language, [])]
        words = summary_words(
            frames[tables.SUMMARY], frames[tables.ZONES], settings, frames[tables.FACTORS_USED], frames[tables.BIN_BOUNDS], lines, language, of_years
        )
        replace_file(out / f"summary.{language}.md", words.encode("utf-8"))
    return (out / f"summary.{current_language()}.md").read_text(encoding="utf-8")


def _frames_of_years(out: Path) -> dict[str, pd.DataFrame]:
    """What a run with annual layers says beside its summary."""
    declared = {table.name: table for table in tables.OUTPUT_TABLES}
    paths = {name: out / "tables" / f"{name}.csv" for name in FRAMES}
    return {name: declared[name].read(path) for name, path in paths.items() if path.exists()}


def plan_of(setup: Setup) -> str:
    """What a run would do: tiles, gigabytes to read, room on the disk."""
    coverage = setup.coverage()
    tiles = len(list(coverage.tiles()))
    files = {source.label: source for source in setup.inputs}
    size = sum(source_bytes(source) for source in files.values()) / 1e9
    base = next(parent for parent in (setup.out, *setup.out.parents) if parent.exists())
    free = shutil.disk_usage(base).free / 1e9
    return text("run.plan", tiles=tiles, all=setup.grid.tile_rows * setup.grid.tile_cols, layers=len(setup.stack.layers), files=len(files),
                size=f"{size:.2f}", free=f"{free:.1f}")  # fmt: skip
