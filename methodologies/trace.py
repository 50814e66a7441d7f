"""The equation trace: for every number its equation, source, inputs and intermediate values.

An equation of `methodologies.tools` is declared with its words and source. While a
trace is kept, each call leaves a step: what went in, under which name and from which
parameter, column or earlier step, and what came out. Where none is kept, and in the
check of dimensions, the function is called as it is.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd

from aoi.table import Column, Table
from methodologies.contract import Array
from methodologies.dimensions import is_quantity

TRACE = Table(
    name="trace", title_zh="公式追踪", title_en="Equation trace", row_per="step and element of its result",
    columns=(
        Column(name="step", type="integer", title_zh="步骤", title_en="Step", key=True),
        Column(name="element", type="integer", title_zh="元素", title_en="Element", key=True),
        Column(name="label", type="text", title_zh="对象", title_en="Object", description="stratum, plot, tree or term that the element belongs to"),
        Column(name="result", type="text", title_zh="结果", title_en="Result"),
        Column(name="value", type="decimal", title_zh="数值", title_en="Value"),
        Column(name="unit", type="text", title_zh="单位", title_en="Unit"),
        Column(name="equation", type="text", title_zh="公式", title_en="Equation"),
        Column(name="inputs", type="text", title_zh="代入值", title_en="Inputs"),
        Column(name="source", type="text", title_zh="来源", title_en="Source"),
        Column(name="origin", type="text", title_zh="输入出处", title_en="Where the inputs come from",
               description="parameter ids, columns of tables, earlier steps"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """The words of an equation: its symbols, what it gives, in which unit, after which source."""

    result: str
    unit: str
    formula: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call: the equation, its inputs and result (central values), labels of elements, and where inputs came from."""

    number: int
    equation: Equation
    inputs: Mapping[str, Array]
    result: Array
    labels: Sequence[str]
    origins: Mapping[str, str]


class Origins:
    """Where arrays came from, without keeping them alive."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any], str]] = {}

    def remember(self, value: Any, where: str) -> None:
        """Remember an array; a plain number has no identity and is not kept."""
        if hasattr(value, "__array_function__"):
            self._known[id(value)] = (weakref.ref(value), where)

    def of(self, value: Any) -> str:
        """Where an array came from; empty where nobody said."""
        known = self._known.get(id(value))
        return known[1] if known is not None and known[0]() is value else ""


@dataclass(slots=True)
class Trace:
    """The steps of a quantification, in order.

    Parameters
    ----------
    origin : callable
        Where an array came from: parameter ids or a column; empty where unknown.
    """

    origin: Callable[[Any], str]
    steps: list[Step] = field(default_factory=list)
    _known: Origins = field(default_factory=Origins)

    def add(self, equation: Equation, inputs: Mapping[str, Any], result: Any, labels: Sequence[str] | None) -> None:
        """Keep a call."""
        number = len(self.steps) + 1
        origins = {name: self._where(value) for name, value in inputs.items()}
        central = {name: _central(value) for name, value in inputs.items()}
        names = [str(one) for one in labels] if labels is not None else []
        self.steps.append(
            Step(
                number=number,
                equation=equation,
                inputs=central,
                result=_central(result),
                labels=names,
                origins={name: one for name, one in origins.items() if one},
            )
        )
        self._known.remember(result, f"#{number}")

    def note(self, value: Any, where: str) -> None:
        """Remember where an array came from."""
        self._known.remember(value, where)

    def _where(self, value: Any) -> str:
        """An earlier step, parameter ids or a column; of a view, where the array behind it came from."""
        for one in (value, getattr(value, "base", None)):
            where = self._known.of(one) or self.origin(one)
            if where:
                return where
        return ""

    def frame(self) -> pd.DataFrame:
        """The steps as rows, one per element of a result."""
        return TRACE.frame([row for step in self.steps for row in rows_of(step)])


_kept: ContextVar[Trace | None] = ContextVar("trace", default=None)


@contextmanager
def keeping(trace: Trace) -> Iterator[Trace]:
    """Keep the calls of equations in a trace."""
    token = _kept.set(trace)
    try:
        yield trace
    finally:
        _kept.reset(token)


def noted(values: Array, where: str) -> Array:
    """The values, whose origin a trace that is kept remembers: rows of a column, say."""
    trace = _kept.get()
    if trace is not None:
        trace.note(values, where)
    return values


def equation(result: str, unit: str, formula: str, source: str) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Declare a function as a published equation.

    A call may carry ``at``, the names of the elements of its result (strata, plots,
    trees); the function does not get it.
    """
    words = Equation(result=result, unit=unit, formula=formula, source=source)

    def mark(function: Callable[..., Array]) -> Callable[..., Array]:
        names = list(signature(function).parameters)

        @wraps(function)
        def call(*arguments: Array, at: Sequence[str] | None = None, **keywords: Array) -> Array:
            value = function(*arguments, **keywords)
            trace = _kept.get()
            if trace is not None and not is_quantity(value):
                trace.add(words, {**dict(zip(names, arguments, strict=False)), **keywords}, value, at)
            return value

        return call

    return mark


def rows_of(step: Step) -> Iterator[dict[str, Any]]:
    """The rows of a step: one per element of its result, with the inputs that belong to it."""
    values = np.atleast_1d(step.result).ravel()
    origin = "; ".join(f"{name}: {where}" for name, where in step.origins.items())
    for place, value in enumerate(values.tolist()):
        yield {
            "step": step.number, "element": place, "label": step.labels[place] if place < len(step.labels) else "", "result": step.equation.result,
            "value": value, "unit": step.equation.unit or "-", "equation": step.equation.formula,
            "inputs": "; ".join(f"{name} = {_shown(one, place, len(values))}" for name, one in step.inputs.items()),
            "source": step.equation.source, "origin": origin,
        }  # fmt: skip


def _central(value: Any) -> Any:
    """The central values of an array of draws; other values as they are."""
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return value[0].copy()
    return value.copy() if isinstance(value, np.ndarray) else value


def _shown(value: Any, place: int, length: int) -> str:
    """The part of an input that belongs to an element: its own, the only one, or how many there are."""
    if not isinstance(value, np.ndarray):
        return _word(value)
    flat = value.ravel()
    if len(flat) == length:
        return _word(flat[place])
    if len(flat) == 1:
        return _word(flat[0])
    if len(flat) <= _FEW:
        return "[" + ", ".join(_word(one) for one in flat) + "]"
    return f"[{len(flat)}]"


_FEW = 12


def _word(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float | np.floating) else str(value)
