"""The contract suite: what a module must pass before it loads.

Declarations first; then each worked example once on plain read-only arrays (twice,
for chance), and once with quantities of pint. A module that fails any of them does
not load, and the findings say what to mend.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aoi.findings import Finding, InputError, errors, finding
from methodologies.contract import API, SIGNS, STATUSES, TERM_UNIT, Broken, Columns, Example, Methodology, Refusal, Tables
from methodologies.dimensions import is_quantity, unit_of
from methodologies.evaluation import Evaluation, columns_of, evaluate, failed_conditions, frozen
from methodologies.parameters import DrawnParameters, ParameterTable, read_parameters
from methodologies.tables import FRAME_TABLES, columns, empty, table_of, units_of
from methodologies.tools.buffer import issued
from sinks.tables import ECOSYSTEMS

_ID = re.compile(r"[a-z][a-z0-9_]{1,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A module that keeps the contract, with its parameters."""

    methodology: Methodology
    parameters: ParameterTable


def check_module(module: object, where: str) -> tuple[Checked | None, list[Finding]]:
    """Everything that is wrong with a module; a checked one where nothing is."""
    if not isinstance(module, Methodology):
        return None, [finding("E-METHOD-02", where, found=type(module).__name__)]
    if module.api != API:
        return None, [finding("E-METHOD-03", where, found=module.api, expected=API)]
    found = _check_declarations(module, where)
    try:
        parameters, more = read_parameters(Path(module.parameters), f"{where}: {Path(module.parameters).name}")
        found += more
    except InputError as error:
        return None, found + error.findings
    if errors(found):
        return None, found
    for number, example in enumerate(module.examples, start=1):
        found += check_example(module, parameters, example, f"{where}: {number} {example.title}")
    return (None if errors(found) else Checked(methodology=module, parameters=parameters)), found


def _check_declarations(module: Methodology, where: str) -> list[Finding]:
    """Identity, words, pools, terms, tables and examples are whole."""
    found = []
    wrong = [
        name
        for name, good in (
            ("id", bool(_ID.fullmatch(module.id))),
            ("title", bool(module.title)),
            ("title_en", bool(module.title_en)),
            ("status", module.status in STATUSES),
            ("source", bool(module.source)),
            ("ecosystem", module.ecosystem in ECOSYSTEMS),
            ("conditions", bool(module.conditions) and _unique(one.id for one in module.conditions)),
            ("conditions.clause", all(one.clause and one.clause_en for one in module.conditions)),
            ("conditions.test", all(one.test is not None or one.stated for one in module.conditions)),
            ("pools", bool(module.pools)),
            ("pools.reason", all(one.reason and one.reason_en for one in module.pools)),
            ("terms", bool(module.terms) and _unique(one.name for one in module.terms)),
            ("terms.unit", all(one.unit == TERM_UNIT and one.pool for one in module.terms if one.role in SIGNS)),
            ("deductions", _unique(one.id for one in module.deductions)),
            ("deductions.clause", all(one.clause and one.clause_en for one in module.deductions)),
            ("tables", all(name == table.name and name not in FRAME_TABLES for name, table in module.tables.items())),
            ("tables.strata", {"stratum", "area_ha"} <= set(module.tables["strata"].names) if "strata" in module.tables else False),
            ("optional", set(module.optional) <= set(module.tables)),
            ("allows_inventory", set(module.allows_inventory) <= {"strata", "densities"}),
            ("tables.inventory", "densities" not in module.allows_inventory or "inventory" in module.tables),
        )
        if not good
    ]
    found += [finding("E-METHOD-15", where, key=name) for name in wrong]
    if not module.examples:
        found.append(finding("E-METHOD-13", where))
    return found + _check_units(module, where)


def _check_units(module: Methodology, where: str) -> list[Finding]:
    found = []
    named = [
        (f"{table.name}.{column.name}", column.unit or "-")
        for table in module.tables.values()
        for column in table.columns
        if column.type == "decimal"
    ]
    named += [(term.name, term.unit) for term in module.terms]
    for name, unit in named:
        try:
            unit_of(unit)
        except ValueError:
            found.append(finding("E-METHOD-12", f"{where}: {name}", unit=unit))
    return found


def check_example(module: Methodology, parameters: ParameterTable, example: Example, where: str) -> list[Finding]:
    """An example in plain floats, again, and with dimensions."""
    try:
        values = parameters.with_values(example.parameters or {})
    except KeyError as error:
        return [finding("E-METHOD-18", where, id=error.args[0], known=", ".join(parameters.frame["id"]))]
    tables, found = example_tables(module, example, where)
    if found:
        return found
    evaluation, found = _run(module, tables, values, where)
    if evaluation is None:
        return _expected_refusal(example, found, where)
    if example.refused:
        return [finding("E-METHOD-07", where, name=example.refused, found="-", expected="Refusal", tolerance=0)]
    found += _compare(module, example, evaluation, where)
    found += _check_conditions(module, example, tables, values, where)
    if found:
        return found
    again, _ = _run(module, tables, values, where)
    if again is None or not _same(evaluation, again):
        return [finding("E-METHOD-14", where)]
    return _check_dimensions(module, tables, values, evaluation, where)


def example_tables(module: Methodology, example: Example, where: str) -> tuple[Tables, list[Finding]]:
    """The tables of an example, as declared; tables that it leaves out are empty."""
    found: list[Finding] = []
    tables: dict[str, Columns] = {}
    for name, given in example.inputs.items():
        if name not in module.tables and name not in FRAME_TABLES:
            found.append(finding("E-METHOD-15", where, key=f"examples.inputs.{name}"))
            continue
        table = table_of(module.tables, name)
        strange = sorted(set(given) - set(table.names))
        if strange:
            found.append(finding("E-METHOD-15", where, key=f"{name}.{', '.join(strange)}"))
            continue
        frame = table.frame({column: list(values) for column, values in given.items()})
        found += errors(table.check(frame, f"{where}: {name}"))
        tables[name] = columns(frame, table)
    for name, table in {**FRAME_TABLES, **module.tables}.items():
        tables.setdefault(name, empty(table))
    return frozen(tables), found


def _run(
    module: Methodology, tables: Tables, values: ParameterTable, where: str, with_units: bool = False
) -> tuple[Evaluation | None, list[Finding]]:
    """An evaluation, or why there is none: raised, changed its inputs, broke the contract, asked for a number that nobody gave."""
    parameters = DrawnParameters(values, with_units=with_units)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return evaluate(module, tables, parameters), []
    except Refusal as refusal:
        return None, [finding("E-METHOD-20", where, clause=refusal.clause, found=refusal.found, expected=refusal.expected)]
    except Broken as error:
        missing = parameters.missing(where)
        return None, missing or [finding("E-METHOD-11", where, found=str(error))]
    except Exception as error:
        if "read-only" in str(error):
            return None, [finding("E-METHOD-09", where, place=_place(error, module))]
        return None, [finding("E-METHOD-10", where, error=f"{type(error).__name__}: {error}", place=_place(error, module))]


def _place(error: BaseException, module: Methodology) -> str:
    """The last line of the module itself in a traceback: file and line, without folders."""
    own = module.quantify.__code__.co_filename
    lines, trace = [], error.__traceback__
    while trace is not None:
        lines.append((Path(trace.tb_frame.f_code.co_filename), trace.tb_lineno))
        trace = trace.tb_next
    mine = [one for one in lines if str(one[0]) == own]
    ours = [one for one in lines if Path(__file__).parent in one[0].parents]
    chosen = (mine or ours or lines)[-1:]
    return f"{chosen[0][0].name}:{chosen[0][1]}" if chosen else "-"


def _expected_refusal(example: Example, found: list[Finding], where: str) -> list[Finding]:
    refused = [one for one in found if one.id == "E-METHOD-20"]
    if example.refused and refused and example.refused in str(refused[0].values["clause"]):
        return []
    return found


def _compare(module: Methodology, example: Example, evaluation: Evaluation, where: str) -> list[Finding]:
    found = []
    for name, expected in example.expected.items():
        actual = _result(evaluation, name)
        if actual is None:
            found.append(finding("E-METHOD-07", where, name=name, found="-", expected=expected, tolerance=example.rel_tol))
            continue
        wanted = np.atleast_1d(np.asarray(expected, dtype=np.float64))
        same = wanted.shape == actual.shape and np.allclose(actual, wanted, rtol=example.rel_tol, atol=0)
        if not same:
            found.append(
                finding("E-METHOD-07", where, name=name, found=_numbers(actual), expected=_numbers(wanted), tolerance=example.rel_tol)
            )
    return found


def _result(evaluation: Evaluation, name: str) -> Any:
    """Central values of a term per stratum, or of a total of the whole; ``gross:NAME`` before deductions."""
    whole = {"net": evaluation.net, "creditable": evaluation.creditable}
    if name in whole:
        return np.atleast_1d(whole[name][0].sum())
    if name == "issued":
        return np.atleast_1d(float(issued(float(evaluation.creditable[0].sum()))))
    if name.startswith("gross:"):
        values = evaluation.gross.get(name.removeprefix("gross:"))
        return None if values is None else values[0]
    return evaluation.terms[name][0] if name in evaluation.terms else None


def _numbers(values: Any) -> str:
    return ", ".join(f"{one:.10g}" for one in values)


def _check_conditions(module: Methodology, example: Example, tables: Tables, values: ParameterTable, where: str) -> list[Finding]:
    """The conditions that an example breaks are those that it says it breaks."""
    try:
        failed = failed_conditions(module, tables, DrawnParameters(values))
    except Exception as error:
        return [finding("E-METHOD-10", where, error=f"{type(error).__name__}: {error}", place=_place(error, module))]
    if sorted(failed) == sorted(example.broken):
        return []
    said = "; ".join(f"{id}: {', '.join(texts)}" for id, texts in sorted(failed.items())) or "-"
    return [finding("E-METHOD-07", where, name="conditions", found=said, expected=", ".join(sorted(example.broken)) or "-", tolerance=0)]


def _same(one: Evaluation, other: Evaluation) -> bool:
    return (
        one.gross.keys() == other.gross.keys()
        and all(np.array_equal(one.gross[name], other.gross[name]) for name in one.gross)
        and np.array_equal(one.creditable, other.creditable)
    )


def _check_dimensions(module: Methodology, tables: Tables, values: ParameterTable, plain: Evaluation, where: str) -> list[Finding]:
    """The example with units: each term in its unit, and with the numbers of the plain run."""
    units = {name: units_of(table_of(module.tables, name)) for name in tables}
    measured = {name: columns_of(table, units[name]) for name, table in tables.items()}
    with_units, found = _run(module, measured, values, where, with_units=True)
    if with_units is None:
        return [
            finding(
                "E-METHOD-08",
                one.where,
                error=one.values.get("error", one.values.get("found", "")),
                place=one.values.get("place", "quantify"),
            )
            for one in found
        ]
    for name in plain.gross:
        if not is_quantity(with_units.gross[name]) and name in {term.name for term in module.terms if unit_of(term.unit) != unit_of("-")}:
            found.append(finding("E-METHOD-08", where, error=f"{name}: -", place="quantify"))
    if not found and not np.allclose(_bare(with_units.creditable), plain.creditable, rtol=1e-9, atol=1e-9):
        found.append(
            finding(
                "E-METHOD-08",
                where,
                error=f"{_numbers(_bare(with_units.creditable)[0])} != {_numbers(plain.creditable[0])}",
                place="quantify",
            )
        )
    return found


def _bare(values: Any) -> Any:
    return values.to(unit_of(TERM_UNIT)).magnitude if is_quantity(values) else values


def _unique(names: Any) -> bool:
    listed = list(names)
    return len(listed) == len(set(listed)) and all(listed)
