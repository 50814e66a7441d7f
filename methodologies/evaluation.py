"""A methodology on tables: quantify, deduct in order, take the risk share; pure, on plain floats or on quantities."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from methodologies.contract import DRAWS, SIGNS, TERM_UNIT, Array, Broken, Columns, Methodology, Parameters, Tables, Term
from methodologies.dimensions import is_quantity, magnitude, quantity
from methodologies.trace import equation

Floats = NDArray[np.float64]

SMALLEST_FREEDOM = 1.0
NET = Term(name="net", role="memo", unit=TERM_UNIT, title="净碳汇量", title_en="net removal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A deduction as it was applied: terms before and after, central values per stratum."""

    id: str
    before: Mapping[str, Floats]
    after: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a methodology makes of tables.

    Parameters
    ----------
    gross : mapping
        Terms as ``quantify`` gave them, (draws, strata) in their units.
    terms : mapping
        Terms after the deductions on terms.
    net, creditable : array, (draws, strata)
        Net removal before, and after the steps on the net [tCO2e].
    stages : sequence of Stage
        The deductions in their order.
    """

    gross: Mapping[str, Array]
    terms: Mapping[str, Array]
    net: Array
    creditable: Array
    stages: Sequence[Stage] = field(default_factory=tuple)


Noise = Callable[[str, Floats, Floats, int], Floats]
"""From a term, its standard errors and degrees of freedom, and draws, to errors (draws, strata)."""


def read_only(values: Array) -> Array:
    """The array, which nobody may change."""
    if isinstance(values, np.ndarray):
        values.flags.writeable = False
    return values


def frozen(tables: Mapping[str, Mapping[str, Array]]) -> Tables:
    """Tables as read-only columns."""
    return {name: {column: read_only(values) for column, values in columns.items()} for name, columns in tables.items()}


def evaluate(methodology: Methodology, tables: Tables, parameters: Parameters, noise: Noise | None = None) -> Evaluation:
    """Quantify and deduct.

    Parameters
    ----------
    noise : callable, optional
        Adds sampling errors to the draws of removals; the central row stays.

    Raises
    ------
    Broken
        The module does not keep the contract: a term that it did not declare or left
        out, another shape, a value that is not finite.
    Refusal
        A rule forbids going on.
    """
    strata = len(tables["strata"]["stratum"])
    given = methodology.quantify(tables, parameters, DRAWS)
    gross = _checked(methodology, given, strata)
    if noise is not None:
        gross = _with_noise(methodology, gross, noise)
    terms: dict[str, Array] = dict(gross)
    stages: list[Stage] = []
    declared = {term.name: term for term in methodology.terms}
    for step in methodology.deductions:
        if step.on == "terms":
            changed_terms = _step(step.id, step.change(terms, parameters, tables), declared, strata)
            stages.append(_stage(step.id, {name: terms[name] for name in changed_terms}, changed_terms))
            terms |= changed_terms
    net = _net(methodology, terms, strata, list(tables["strata"]["stratum"]))
    creditable = net
    for step in methodology.deductions:
        if step.on == "net":
            changed = step.change({"net": creditable}, parameters, tables)
            after = _in_unit(NET, _shaped(NET.name, changed.get(NET.name, creditable), strata, True))
            stages.append(_stage(step.id, {"net": creditable}, {"net": after}))
            creditable = after
    return Evaluation(gross=gross, terms=terms, net=net, creditable=creditable, stages=tuple(stages))


def failed_conditions(methodology: Methodology, tables: Tables, parameters: Parameters) -> dict[str, list[str]]:
    """What breaks each condition that has a test: id -> what was found; only those that are broken."""
    failed = {}
    for condition in methodology.conditions:
        if condition.test is not None:
            found = [str(one) for one in condition.test(tables, parameters)]
            if found:
                failed[condition.id] = found
    return failed


def _checked(methodology: Methodology, given: Mapping[str, Array], strata: int) -> dict[str, Array]:
    """The terms that were declared, each (draws, strata) or (draws, 1), finite, in its unit."""
    declared = {term.name: term for term in methodology.terms}
    if not isinstance(given, Mapping):
        raise Broken(f"quantify -> {type(given).__name__}; {{term: array}}")
    strange = sorted(set(given) - set(declared))
    if strange:
        raise Broken(f"quantify -> {', '.join(strange)} ?")
    absent = [term.name for term in methodology.terms if term.name not in given and not term.optional]
    if absent:
        raise Broken(f"quantify -> {', '.join(absent)} = ?")
    return {name: _in_unit(declared[name], _shaped(name, values, strata, declared[name].role in SIGNS)) for name, values in given.items()}


def _shaped(name: str, values: Array, strata: int, by_stratum: bool) -> Array:
    """The values, if they are (draws, strata); a term outside the net removal may have one column for all strata."""
    plain = values.magnitude if is_quantity(values) else values
    if not isinstance(plain, np.ndarray) or plain.dtype != np.float64:
        raise Broken(f"{name}: {type(plain).__name__} {getattr(plain, 'dtype', '')}; float64 array")
    if plain.ndim != 2 or plain.shape[1] not in ({strata} if by_stratum else {1, strata}):
        raise Broken(f"{name}: shape {plain.shape}; (draws, {strata})")
    if not np.isfinite(plain).all():
        raise Broken(f"{name}: NaN / inf")
    return values


def _in_unit(term: Term, values: Array) -> Array:
    """The values in the unit that the term declares; a quantity of another dimension is refused."""
    if not is_quantity(values):
        return read_only(values)
    try:
        return quantity(magnitude(values, term.unit), term.unit)
    except (TypeError, ValueError) as error:
        raise Broken(f"{term.name}: {values.units} != {term.unit}") from error


def _with_noise(methodology: Methodology, gross: Mapping[str, Array], noise: Noise) -> dict[str, Array]:
    noisy = dict(gross)
    by_role = {(term.role, term.of): term.name for term in methodology.terms}
    for term in methodology.terms:
        error = by_role.get(("standard_error", term.name), "")
        if term.role == "removal" and error in gross and term.name in gross:
            freedom = gross.get(by_role.get(("degrees_of_freedom", term.name), ""))
            draws = max(len(gross[term.name]), len(gross[error]))
            errors = np.broadcast_to(gross[error], (draws, gross[error].shape[1]))
            free = np.full(errors.shape[1], np.inf) if freedom is None else freedom[0]
            values = np.array(np.broadcast_to(gross[term.name], (draws, errors.shape[1])))
            values[1:] += noise(term.name, errors[1:], free, draws - 1)
            noisy[term.name] = values
    return noisy


def sampling_noise(seed: int) -> Noise:
    """Errors of Student's t per stratum, drawn from a generator of each term, scaled by the standard errors."""

    def noise(name: str, errors: Floats, freedom: Floats, draws: int) -> Floats:
        generator = np.random.default_rng([seed, zlib.crc32(f"sampling {name}".encode())])
        degrees = np.maximum(freedom, SMALLEST_FREEDOM)
        finite = np.where(np.isfinite(degrees), degrees, 1e9)
        return generator.standard_t(np.broadcast_to(finite, (draws, len(finite)))) * errors

    return noise


def _step(id: str, changed: Mapping[str, Array] | None, declared: Mapping[str, Term], strata: int) -> dict[str, Array]:
    strange = sorted(set(changed or {}) - set(declared))
    if strange:
        raise Broken(f"{id} -> {', '.join(strange)} ?")
    return {
        name: _in_unit(declared[name], _shaped(name, values, strata, declared[name].role in SIGNS))
        for name, values in (changed or {}).items()
    }


def _stage(id: str, before: Mapping[str, Array], after: Mapping[str, Array]) -> Stage:
    return Stage(
        id=id,
        before={name: _central(values) for name, values in before.items()},
        after={name: _central(values) for name, values in after.items()},
    )


def _central(values: Array) -> Floats:
    plain = values.magnitude if is_quantity(values) else values
    return np.asarray(plain[0], dtype=np.float64)


def _net(methodology: Methodology, terms: Mapping[str, Array], strata: int, names: Sequence[str]) -> Array:
    """Removals less emissions, baseline and leakage, (draws, strata)."""
    signs = {term.name: SIGNS[term.role] for term in methodology.terms if term.role in SIGNS and term.name in terms}
    return signed_sum(signs, at=names, **{name: terms[name] for name in signs}) if signs else np.zeros((1, strata))


@equation("net", "tCO2e", "net = sum of removals - emissions - baseline - leakage", "METHODOLOGIES 1.7 (1.9, 1.11)")
def signed_sum(signs: Mapping[str, float], **terms: Array) -> Array:
    """Terms added up with their signs."""
    signed = [signs[name] * values for name, values in terms.items()]
    return sum(signed[1:], start=signed[0])


def columns_of(table: Columns, units: Mapping[str, str]) -> Columns:
    """Columns as quantities, where they have a unit."""
    return {
        name: quantity(values, units[name]) if units.get(name) and np.asarray(values).dtype == np.float64 else values
        for name, values in table.items()
    }
