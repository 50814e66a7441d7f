"""``sinks quantify``: a project through its methodology, from files to numbers.

Everything that is wrong with the inputs is told at once; then the conditions, each
failed clause by name; only then is anything computed. Nothing is written here.
"""

import csv
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, errors, finding, stop_on_errors
from aoi.guard import guarded_path
from aoi.table import Table, decode
from aoi.texts import current_language
from aoi.zones import Zones
from methodologies.boundary import CLOSES_HA, Boundary, check_other_projects, check_points, read_boundary
from methodologies.contract import Broken, Columns, Methodology, Refusal, Tables
from methodologies.discovery import Loaded, find
from methodologies.evaluation import Evaluation, evaluate, failed_conditions, frozen, sampling_noise
from methodologies.inventory import inventory_densities, inventory_strata
from methodologies.parameters import DrawnParameters, with_overrides
from methodologies.project import Project, read_project
from methodologies.spreadsheets import read_table
from methodologies.tables import PERIOD, PROJECT, columns, empty
from methodologies.tools.allometry import equations_of
from methodologies.tools.buffer import issued, largest_remainder
from methodologies.tools.dates import calendar_time, shares_of_years, years_between
from methodologies.trace import Trace, keeping
from sinks.tables import STOCKS, ZONES
from sinks.units import DAYS_PER_YEAR

Floats = NDArray[np.float64]

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file that a quantification read."""

    role: str
    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A quantification: what went in, what came out, and how.

    Parameters
    ----------
    strata : list of str
        Ids of the strata, in the order of the arrays.
    vintages : mapping
        Whole tonnes by year; they add up to ``issued``.
    by_league : mapping
        Whole tonnes by year and league.
    """

    project: Project
    folder: Path
    loaded: Loaded
    boundary: Boundary
    tables: Tables
    frames: Mapping[str, pd.DataFrame]
    parameters: DrawnParameters
    evaluation: Evaluation
    trace: Trace
    strata: list[str]
    issued: int
    vintages: Mapping[int, int]
    by_league: Mapping[tuple[int, str], int]
    inputs: list[InputFile]
    findings: list[Finding]

    @property
    def methodology(self) -> Methodology:
        """The methodology of the project."""
        return self.loaded.methodology

    @property
    def creditable(self) -> float:
        """Creditable removal of the project, not rounded [tCO2e]."""
        return float(self.evaluation.creditable[0].sum())

    @property
    def deficit(self) -> float:
        """A negative total, carried forward and not issued [tCO2e]; zero or negative."""
        return min(0.0, self.creditable)

    @property
    def equations(self) -> pd.DataFrame:
        """Equations of single plants that were used."""
        species = {str(one) for name in ("trees", "shrubs") if name in self.tables for one in self.tables[name]["species"]}
        return equations_of(species)


class Reader:
    """Opens the files that a project names, inside its folder or its roots, and remembers their hashes."""

    def __init__(self, folder: Path, roots: Sequence[Path]) -> None:
        self.folder = folder
        self.roots = roots
        self.inputs: list[InputFile] = []
        self.findings: list[Finding] = []

    def path(self, text: str, where: str, role: str) -> Path | None:
        """The guarded path of a text; none, with a finding, where it may not be read."""
        try:
            path = guarded_path(text, base=self.folder, roots=self.roots, where=where)
        except InputError as error:
            self.findings += error.findings
            return None
        if path.is_file() and (role, text) not in {(one.role, one.file) for one in self.inputs}:
            content = path.read_bytes()
            self.inputs.append(InputFile(role=role, file=text, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content)))
        return path

    def run_folder(self, run: str, where: str) -> Path | None:
        """The folder of an inventory run, the tables that are read of it remembered."""
        for name in (STOCKS.name, ZONES.name):
            self.path(f"{run}/tables/{name}.csv", where, "inventory")
        return self.path(run, where, "inventory")

    def collect(self, read: Callable[[], tuple[Any, list[Finding]]]) -> Any:
        """What a reader gives, its findings kept; none where it stops."""
        try:
            value, found = read()
        except InputError as error:
            self.findings += error.findings
            return None
        self.findings += found
        return value


def quantify(path: Path, roots: Sequence[str] = (), plugins: bool = True) -> Result:
    """Quantify the project of a file.

    Raises
    ------
    InputError
        With all findings of the inputs; or every condition that is not met; or the
        rule that forbids going on; or what the module did wrong.
    """
    project = read_project(path)
    folder = path.resolve().parent
    _check_output(project, folder, path.name)
    loaded = find(project.project.methodology, plugins, folder)
    reader = Reader(folder, [folder / one for one in (*project.project.roots, *roots)])
    reader.path(path.name, path.name, "project")
    parameters = _parameters(project, loaded, reader, path.name)
    frames, boundary = _read_inputs(project, loaded.methodology, reader, path.name)
    stop_on_errors(reader.findings)
    if boundary is None or parameters is None:
        raise InputError(reader.findings)
    frames, found = _with_areas(frames, boundary)
    stop_on_errors(reader.findings + found)
    tables = _tables(project, loaded.methodology, frames, boundary)
    drawn = DrawnParameters(parameters, project.project.draws, project.project.seed)
    try:
        _check_conditions(project, loaded, tables, DrawnParameters(parameters), path.name)
        evaluation, trace = _evaluate(loaded, tables, drawn, project.project.seed, path.name)
    except InputError as error:
        raise InputError([*reader.findings, *found, *error.findings]) from error
    with keeping(trace):
        whole, vintages, by_league = _whole_tonnes(project, evaluation, boundary, list(tables["strata"]["stratum"]))
    return Result(
        project=project, folder=folder, loaded=loaded, boundary=boundary, tables=tables, frames=frames, parameters=drawn, evaluation=evaluation,
        trace=trace, strata=list(tables["strata"]["stratum"]), issued=whole, vintages=vintages, by_league=by_league, inputs=reader.inputs,
        findings=reader.findings + found,
    )  # fmt: skip


def _check_output(project: Project, folder: Path, where: str) -> None:
    """Results stand in a folder below that of the project.

    Raises
    ------
    InputError
        They would stand elsewhere.
    """
    out = (folder / project.project.output).resolve()
    if not out.is_relative_to(folder) or out == folder:
        raise InputError(finding("E-QUANT-25", f"{where}: project.output", output=project.project.output))


def _parameters(project: Project, loaded: Loaded, reader: Reader, where: str) -> Any:
    if project.parameters is None:
        return loaded.parameters
    name = project.parameters.file
    path = reader.path(name, f"{where}: parameters.file", "parameters")
    return None if path is None else reader.collect(lambda: (with_overrides(loaded.parameters, decode(path, name)[0], name), []))


def _read_inputs(project: Project, methodology: Methodology, reader: Reader, where: str) -> tuple[dict[str, pd.DataFrame], Boundary | None]:
    """Every table and the boundary; all findings are kept by the reader."""
    boundary = _read_boundary(project, reader, where)
    frames: dict[str, pd.DataFrame] = {}
    for name in sorted({*project.tables, *(["site"] if project.site else [])} - set(methodology.tables)):
        reader.findings.append(finding("E-QUANT-16", f"{where}: tables.{name}", name=name, known=", ".join(sorted(methodology.tables))))
    asked = {"densities"} if project.inventory is not None and "inventory" in methodology.tables else set()
    asked |= {"strata"} if project.boundary.strata_from == "inventory" else set()
    if project.inventory is not None and not (asked and asked <= set(methodology.allows_inventory)):
        allowed = ", ".join(methodology.allows_inventory) or "-"
        reader.findings.append(finding("E-QUANT-26", f"{where}: inventory", asked=", ".join(sorted(asked)) or "densities", allowed=allowed))
    for name, table in methodology.tables.items():
        frame = _read_one(project, methodology, name, table, reader, where)
        if frame is not None:
            frames[name] = frame
    if not errors(reader.findings):
        reader.findings += _check_references(frames, boundary, methodology, project)
    return frames, boundary


def _read_boundary(project: Project, reader: Reader, where: str) -> Boundary | None:
    given = project.boundary
    path = reader.path(given.file, f"{where}: boundary.file", "boundary")
    strata: Any = given.stratum
    if given.strata_from == "inventory":
        strata = _strata_of_run(project, reader, where)
    boundary: Boundary | None = None
    if path is not None and strata is not None:
        boundary = reader.collect(
            lambda: read_boundary(
                path, given.file, parcel=given.parcel, stratum=strata, layer=given.layer, crs=given.crs, encoding=given.encoding
            )
        )
    for other in given.other_projects:
        beside = reader.path(other, f"{where}: boundary.other_projects", "other project")
        if beside is not None and boundary is not None:
            reader.collect(partial(_others, boundary.zones, beside, other, given.other_parcel))
    return boundary


def _strata_of_run(project: Project, reader: Reader, where: str) -> Any:
    """The strata of the parcels by an inventory run; none, with a finding, where there is no run."""
    if project.inventory is None:
        reader.findings.append(finding("E-CONF-03", f"{where}: inventory.run"))
        return None
    run = project.inventory.run
    folder = reader.run_folder(run, f"{where}: inventory.run")
    return None if folder is None else reader.collect(lambda: inventory_strata(folder, run))


def _others(zones: Zones, path: Path, where: str, parcel: str) -> tuple[None, list[Finding]]:
    return None, check_other_projects(zones, path, where, parcel)


def _read_one(project: Project, methodology: Methodology, name: str, table: Table, reader: Reader, where: str) -> pd.DataFrame | None:
    if name == "site" and project.site:
        return reader.collect(lambda: _site(project.site, table, f"{where}: site"))
    if name == "inventory" and project.inventory is not None:
        run = project.inventory.run
        folder = reader.run_folder(run, f"{where}: inventory.run")
        return None if folder is None else reader.collect(lambda: inventory_densities(folder, run))
    if name in project.tables:
        file, _, sheet = project.tables[name].partition("#")
        path = reader.path(file, f"{where}: tables.{name}", name)
        return None if path is None else reader.collect(lambda: read_table(path, table, file, sheet or None))
    if name not in methodology.optional:
        reader.findings.append(finding("E-QUANT-17", f"{where}: tables.{name}", name=name, columns=", ".join(table.names)))
    return table.frame()


def _site(given: Mapping[str, Any], table: Table, where: str) -> tuple[pd.DataFrame, list[Finding]]:
    """The one row of the table ``site``, written in the project file."""
    strange = sorted(set(given) - set(table.names))
    if strange:
        return table.frame(), [finding("E-CONF-02", f"{where}.{one}", key=one) for one in strange]
    missing = [column.name for column in table.columns if (column.needed or column.key) and column.name not in given]
    if missing:
        return table.frame(), [finding("E-CONF-03", f"{where}.{one}") for one in missing]
    row = [str(one).lower() if isinstance(one, bool) else str(one) for one in given.values()]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(given), row])
    return table.parse(text.getvalue(), where)


def _check_references(
    frames: Mapping[str, pd.DataFrame], boundary: Boundary | None, methodology: Methodology, project: Project
) -> list[Finding]:
    """Strata, plots and parcels that are named and are not there, and the other way round."""
    found: list[Finding] = []
    strata = set(frames["strata"]["stratum"])
    if boundary is not None:
        drawn = set(boundary.parcels["stratum"])
        found += [
            finding("E-QUANT-18", project.boundary.file, stratum=one, known=", ".join(sorted(strata))) for one in sorted(drawn - strata)
        ]
        found += [finding("E-QUANT-19", "strata", stratum=one, known=", ".join(sorted(drawn))) for one in sorted(strata - drawn)]
    plots = set(frames["plots"]["plot"]) if "plots" in frames else set()
    for name, frame in frames.items():
        if name != "strata" and "stratum" in frame and methodology.tables[name].column("stratum").type == "text":
            strange = sorted({str(one) for one in frame["stratum"].dropna()} - strata)
            found += [finding("E-QUANT-18", name, stratum=one, known=", ".join(sorted(strata))) for one in strange[:_SHOWN]]
        if name != "plots" and "plot" in frame:
            strange = sorted({str(one) for one in frame["plot"].dropna()} - plots)
            found += [finding("E-QUANT-20", name, plot=one) for one in strange[:_SHOWN]]
    if boundary is not None and "plots" in frames and not errors(found):
        found += check_points(boundary, frames["plots"], "plots") + _check_plants(frames)
    return found


def _check_plants(frames: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """Numbers of plants against what the plot's sheet says; plots with no rows at a survey are told."""
    found = []
    plots = frames["plots"]
    measured = {name: frames[name] for name in ("trees", "shrubs", "volumes") if name in frames and len(frames[name])}
    for survey in (1, 2):
        rows = {name: frame[frame["survey"] == survey]["plot"].value_counts() for name, frame in measured.items()}
        silent = []
        for row in plots.to_dict("records"):
            stated = row.get(f"plants_{survey}")
            number = sum(int(rows[name].get(row["plot"], 0)) for name in ("trees", "shrubs") if name in rows)
            by_volume = "volumes" in rows and row["plot"] in rows["volumes"]
            if stated is not None and stated is not pd.NA and int(stated) != number and not by_volume:
                found.append(
                    finding("E-QUANT-21", f"plots: {row['plot']}", plot=row["plot"], survey=survey, stated=int(stated), rows=number)
                )
            elif number == 0 and not by_volume and (stated is None or stated is pd.NA):
                silent.append(str(row["plot"]))
        if silent and measured:
            found.append(finding("W-QUANT-02", "plots", survey=survey, plots=", ".join(silent[:_SHOWN]), n=len(silent)))
    return found


def _with_areas(frames: dict[str, pd.DataFrame], boundary: Boundary) -> tuple[dict[str, pd.DataFrame], list[Finding]]:
    """Strata with their area: that of the certificate where it is given and closes with the parcels, else that of the parcels."""
    strata = frames["strata"].copy()
    drawn = boundary.areas(list(strata["stratum"]))
    found = []
    for place, (stated, measured) in enumerate(zip(strata["area_ha"], drawn, strict=True)):
        if stated == stated and abs(stated - measured) > CLOSES_HA:
            found.append(
                finding(
                    "E-QUANT-22",
                    f"strata: {strata.at[place, 'stratum']}",
                    stated=f"{stated:.4f}",
                    measured=f"{measured:.4f}",
                    limit=CLOSES_HA,
                )
            )
    strata["area_ha"] = np.where(strata["area_ha"].isna(), drawn, strata["area_ha"])
    return {**frames, "strata": strata.sort_values("stratum", kind="stable").reset_index(drop=True)}, found


def _tables(project: Project, methodology: Methodology, frames: Mapping[str, pd.DataFrame], boundary: Boundary) -> Tables:
    """All tables as columns, with those of the frame."""
    own = {name: columns(frames[name], table) if name in frames else empty(table) for name, table in methodology.tables.items()}
    period, facts = project.period, project.project
    years = years_between(facts.crediting_start, facts.crediting_end)
    frame: dict[str, Columns] = {
        "period": columns(PERIOD.frame([{
            "start": period.start, "end": period.end, "years": years_between(period.start, period.end), "year_from": calendar_time(period.start),
            "year_to": calendar_time(period.end)}]), PERIOD),
        "project": columns(PROJECT.frame([{
            "id": facts.id, "start": facts.start, "crediting_start": facts.crediting_start, "crediting_end": facts.crediting_end,
            "crediting_years": float(round(years)) if abs(years - round(years)) < _DAY else years, "application": facts.application}]), PROJECT),
        "parcels": boundary.columns(),
    }  # fmt: skip
    return frozen({**frame, **own})


_DAY = 3 / DAYS_PER_YEAR
"""A period of whole years may end on the day before or after its anniversary."""


def _check_conditions(project: Project, loaded: Loaded, tables: Tables, parameters: DrawnParameters, where: str) -> None:
    """Every condition that is not stated, not met or broken by the data.

    Raises
    ------
    InputError
        With one finding for each.
    """
    language, methodology = current_language(), loaded.methodology
    known = {one.id for one in methodology.conditions}
    found = [
        finding("E-QUANT-23", f"{where}: conditions.{id}", id=id, known=", ".join(sorted(known)))
        for id in sorted(set(project.conditions) - known)
    ]
    with _border(loaded, tables, parameters, where):
        failed = failed_conditions(methodology, tables, parameters)
    for condition in methodology.conditions:
        clause = condition.clause if language == "zh" else condition.clause_en
        place = f"{where}: conditions.{condition.id}"
        stated = project.conditions.get(condition.id)
        if condition.stated and stated is None:
            found.append(finding("E-QUANT-10", place, id=condition.id, clause=clause))
        elif stated is not None and not stated.met:
            found.append(finding("E-QUANT-11", place, id=condition.id, clause=clause, evidence=stated.evidence))
        if condition.id in failed:
            found.append(finding("E-QUANT-12", place, id=condition.id, clause=clause, broken="; ".join(failed[condition.id][:_SHOWN])))
    stop_on_errors(found)


def _evaluate(loaded: Loaded, tables: Tables, parameters: DrawnParameters, seed: int, where: str) -> tuple[Evaluation, Trace]:
    """The evaluation with its trace."""
    columns_by_id = {id(values): f"{name}.{column}" for name, table in tables.items() for column, values in table.items()}
    trace = Trace(origin=lambda value: parameters.origin(value) or columns_by_id.get(id(value), ""))
    with _border(loaded, tables, parameters, where), keeping(trace):
        evaluation = evaluate(loaded.methodology, tables, parameters, sampling_noise(seed) if parameters.draws else None)
    return evaluation, trace


@contextmanager
def _border(loaded: Loaded, tables: Tables, parameters: DrawnParameters, where: str) -> Iterator[None]:
    """Where a module begins: what goes wrong in it is told with its name, and numbers that it asked for in vain with theirs.

    Raises
    ------
    InputError
        A rule that forbids going on, a broken contract, an error of the module, or
        parameters that nobody gave.
    """
    module = f"{loaded.methodology.id} ({loaded.distribution} {loaded.version})"
    try:
        yield
    except Refusal as refusal:
        refused = finding("E-QUANT-13", where, clause=refusal.clause, found=refusal.found, expected=refusal.expected)
        raise InputError([*parameters.missing(where), refused]) from refusal
    except Broken as error:
        raise InputError(parameters.missing(where) or [finding("E-QUANT-15", module, found=str(error))]) from error
    except Exception as error:
        rows = ", ".join(f"{name}: {len(next(iter(table.values()), []))}" for name, table in sorted(tables.items()))
        raised = finding("E-QUANT-14", module, error=f"{type(error).__name__}: {error}"[:300], rows=rows)
        raise InputError([*parameters.missing(where), raised]) from error
    missing = parameters.missing(where)
    if missing:
        raise InputError(missing)


def _whole_tonnes(
    project: Project, evaluation: Evaluation, boundary: Boundary, strata: Sequence[str]
) -> tuple[int, dict[int, int], dict[tuple[int, str], int]]:
    """The floored total, split over years by days and in each year over leagues by their share of the removal."""
    whole = issued(float(evaluation.creditable[0].sum()))
    years = shares_of_years(project.period.start, project.period.end)
    vintages = {int(year): tonnes for year, tonnes in largest_remainder(whole, {str(year): share for year, share in years.items()}).items()}
    by_stratum = dict(zip(strata, evaluation.creditable[0].tolist(), strict=True))
    leagues: dict[str, float] = {}
    for stratum, tonnes in by_stratum.items():
        for league, share in boundary.league_shares(stratum).items():
            leagues[league] = leagues.get(league, 0.0) + tonnes * share
    by_league = {(year, league): part for year, tonnes in vintages.items() for league, part in largest_remainder(tonnes, leagues).items()}
    return whole, vintages, by_league


def interval(draws: Floats) -> tuple[float, float, float]:
    """Standard error and 95 % interval of draws, the central row aside; NaN without draws."""
    sample = np.asarray(draws)[1:]
    if len(sample) < 2:
        return np.nan, np.nan, np.nan
    low, high = np.quantile(sample, [0.025, 0.975])
    return float(sample.std(ddof=1)), float(low), float(high)


def content_id(result: Result) -> str:
    """A short hash of everything that went into a quantification."""
    text = "\n".join([result.loaded.sha256, *(f"{one.role} {one.sha256}" for one in result.inputs)])
    return f"{zlib.crc32(text.encode()):08x}"
