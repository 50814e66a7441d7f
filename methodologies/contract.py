"""The contract between a methodology and the frame: what a module declares, and nothing that it does.

A module is one file with one constant, ``METHODOLOGY``. It declares conditions,
pools, parameters, tables and terms, and gives plain functions of arrays. The frame
reads files, checks conditions, draws parameters, applies the deductions in their
order, floors once, and writes tables, trace and documents.

Arrays of draws have two axes: draws first, strata (or rows of a table) last. Row 0
is the central estimate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from aoi.table import Table

API = 1
"""Version of this contract; a module of another version is not loaded."""

DRAWS = 0
"""The axis of draws."""

GROUP = "methodologies"
"""The entry-point group of installed methodologies, and the name of the constant's folder here."""

Array = Any
"""A numpy array of float64; in the check of dimensions, a quantity of pint that wraps one."""

Columns = Mapping[str, Array]
"""A table as columns of equal length, read-only."""

Tables = Mapping[str, Columns]

Rows = Mapping[str, Sequence[Any]]
"""Rows of a table of an example, column by column."""

Status = Literal["official", "regional_draft", "withdrawn"]
STATUSES: tuple[Status, ...] = ("official", "regional_draft", "withdrawn")

Role = Literal["removal", "emission", "baseline", "leakage", "standard_error", "degrees_of_freedom", "share", "memo"]
SIGNS: Mapping[str, float] = {"removal": 1.0, "emission": -1.0, "baseline": -1.0, "leakage": -1.0}
"""How a term enters the net removal; terms of other roles do not."""

TERM_UNIT = "tCO2e"
"""The unit of every term that enters the net removal."""


class Parameters(Protocol):
    """What a module asks its numbers from."""

    def __call__(self, name: str, *, species: Any = "", climate: Any = "", soil: Any = "", value: Any = None) -> Array:
        """Values of a parameter, shape (draws, n): the most specific row for each of the n requests."""

    def standard_error(self, name: str, *, species: Any = "", climate: Any = "", soil: Any = "") -> Array:
        """Standard errors of a parameter by its stated range, shape (1, n); zero where none is stated."""

    def optional(self, name: str) -> Array | None:
        """Values of a parameter that may be left unknown; none where nobody gave it."""


Quantify = Callable[[Tables, Parameters, int], Mapping[str, Array]]
Test = Callable[[Tables, Parameters], Sequence[str]]
Change = Callable[[Mapping[str, Array], Parameters, Tables], Mapping[str, Array]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition of applicability.

    Parameters
    ----------
    clause, clause_en : str
        The clause, as near to the source's words as they are known.
    test : callable, optional
        What breaks the clause, a text for each thing found; an empty sequence where
        it is kept. Without a test the project states it.
    stated : bool
        The project has to state that the clause is kept, with its evidence.
    tag : str
        Evidence for the wording of the clause.
    """

    id: str
    clause: str
    clause_en: str
    test: Test | None = None
    stated: bool = False
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A carbon pool: counted or not, in baseline and project, and why."""

    name: str
    baseline: bool
    project: bool
    reason: str
    reason_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A result of ``quantify``.

    Parameters
    ----------
    role : str
        ``removal, emission, baseline, leakage`` enter the net removal with their
        sign and are positive tCO2e over the period, one per stratum.
        ``standard_error`` and ``degrees_of_freedom`` belong to a removal, ``of``.
        ``share`` and ``memo`` are printed.
    pool : str
        Which pool the tonnes stand in.
    optional : bool
        The term may be absent.
    """

    name: str
    role: Role
    unit: str
    title: str
    title_en: str
    pool: str = ""
    of: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """A step between the estimate and what may be credited, in the order of the rule.

    Parameters
    ----------
    change : callable
        From terms, parameters and tables to the terms that change. A step ``on`` the
        net gets and returns ``{"net": array}`` with one column per stratum. A step
        that only guards returns nothing.
    kind : {"uncertainty", "risk", "guard", "other"}
    """

    id: str
    clause: str
    clause_en: str
    change: Change
    kind: Literal["uncertainty", "risk", "guard", "other"] = "other"
    on: Literal["terms", "net"] = "terms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A worked example: rows of the tables, parameters, and what must come out.

    Parameters
    ----------
    inputs : mapping
        Table name -> column name -> values.
    expected : mapping
        A term (one value per stratum, or one for all), or ``net``, ``creditable``
        or ``issued`` of the whole.
    parameters : mapping
        Id of a parameter -> the value that the example uses.
    broken : tuple of str
        Conditions that the example breaks on purpose.
    refused : str
        Id of the deduction or clause that must refuse the example, if one must.
    """

    title: str
    source: str
    inputs: Mapping[str, Mapping[str, Any]]
    expected: Mapping[str, float | Sequence[float]]
    parameters: Mapping[str, float] | None = None
    broken: tuple[str, ...] = ()
    refused: str = ""
    rel_tol: float = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Methodology:
    """A methodology: identity, declarations, and plain functions of arrays.

    Parameters
    ----------
    id : str
        Lower-case letters, digits and underscores; nobody else's.
    source : str
        The document that it implements, with number and date.
    parameters : Path
        A CSV file beside the module; citations in a ``sources.csv`` beside it, or in place.
    tables : mapping
        Inputs of the project by name, each declared with its units. ``strata`` is
        always among them; ``period``, ``parcels`` and ``project`` come from the frame.
    optional : tuple of str
        Tables that a project may leave out.
    codes : tuple of str
        What the registry's public record needs: project type code and name.
    allows_inventory : tuple of str
        What may come from an inventory run: ``strata`` (the land class that holds most
        of a parcel), ``densities`` (they fill the table ``inventory``).
    """

    id: str
    title: str
    title_en: str
    status: Status
    source: str
    ecosystem: str
    conditions: tuple[Condition, ...]
    pools: tuple[Pool, ...]
    parameters: Path
    tables: Mapping[str, Table]
    terms: tuple[Term, ...]
    quantify: Quantify
    deductions: tuple[Deduction, ...]
    examples: tuple[Example, ...]
    api: int = API
    optional: tuple[str, ...] = ()
    codes: tuple[str, str] = ("", "")
    allows_inventory: tuple[str, ...] = ()
    note: str = ""
    note_en: str = ""


class Refusal(Exception):
    """A rule that forbids going on: the clause, what was found, and what it asks for."""

    def __init__(self, clause: str, found: str, expected: str) -> None:
        super().__init__(f"{clause}: {found}; {expected}")
        self.clause = clause
        self.found = found
        self.expected = expected


class Broken(Exception):
    """A module that does not keep the contract: what was found where."""
