"""Accuracy and error-adjusted area of a map: what a reference sample says, and what it cannot say."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.findings import Finding, finding
from aoi.texts import text
from sinks.equations.area_estimation import AreaEstimate, map_strata_estimate, stratified_estimate
from sinks.estimation.reference import Reference
from sinks.uncertainty import Z95

Floats = NDArray[np.float64]
ONE_SIDED = 0.05
"""The chance that a share which no sample shows is larger than what a statement names."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its standard error; NaN is not known."""

    value: float
    se: float

    @property
    def half_width_95(self) -> float:
        """Half the width of the 95 % interval, 1.96 standard errors."""
        return Z95 * self.se

    def plain(self) -> dict[str, float | None]:
        """For machines; null is not known."""
        return {
            name: None if np.isnan(one) else float(one)
            for name, one in (("value", self.value), ("se", self.se), ("half_width_95", self.half_width_95))
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Accuracies and areas by class, the estimate that they come from, and statements on what is not known."""

    classes: tuple[str, ...]
    overall: Value
    users: dict[str, Value]
    producers: dict[str, Value]
    areas_ha: dict[str, Value]
    mapped_ha: dict[str, float]
    estimate: AreaEstimate
    area_covariance: Floats
    findings: list[Finding]

    def plain(self) -> dict[str, Any]:
        """For machines, the form that the README names."""
        by_class = {name: {key: one.plain() for key, one in getattr(self, name).items()} for name in ("users", "producers", "areas_ha")}
        said = {"findings": [one.as_dict() for one in self.findings]} if self.findings else {}
        return {"overall": self.overall.plain(), **by_class, **said}

    def lines(self) -> Iterator[str]:
        """For people, in the language of the user."""
        yield text("accuracy.overall", value=_shown(self.overall, 4))
        head = [text(f"accuracy.column.{name}") for name in ("class", "mapped", "adjusted", "users", "producers")]
        rows = [
            [name, self._mapped(name), _shown(self.areas_ha[name], 1), _shown(self.users[name], 3), _shown(self.producers[name], 3)]
            for name in self.classes
        ]
        yield from aligned([head, *rows])
        yield text("accuracy.note")

    def _mapped(self, name: str) -> str:
        return f"{self.mapped_ha[name]:,.1f}" if name in self.mapped_ha else text("accuracy.unknown")


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of cells as lines of a table: the first column to the left, the others to the right; Chinese signs are two wide."""
    wide = [max(_width(row[place]) for row in rows) for place in range(len(rows[0]))]
    for first, *others in rows:
        cells = [first + " " * (wide[0] - _width(first))]
        cells += [" " * (room - _width(cell)) + cell for room, cell in zip(wide[1:], others, strict=True)]
        yield "  ".join(cells)


def _width(cell: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in cell)


def accuracy_of(reference: Reference, where: str) -> Accuracy:
    """The estimate of a reference sample, with a statement for every stratum that leaves something unknown."""
    if reference.map_strata:
        classes = range(len(reference.classes))
        estimate = map_strata_estimate(reference.counts[classes, classes], reference.areas)
    else:
        estimate = stratified_estimate(
            reference.counts, reference.areas, weights=reference.weights, squared_weights=reference.squared_weights
        )
    area = float(reference.areas.sum())
    covariance = estimate.share_covariance * area**2
    return Accuracy(
        classes=reference.classes, overall=_value(estimate.overall, estimate.overall_variance, estimate.overall_known),
        users=_values(reference, estimate.users, estimate.users_variance, estimate.users_known),
        producers=_values(reference, estimate.producers, estimate.producers_variance, estimate.producers_known),
        areas_ha=_values(reference, estimate.shares * area, np.diagonal(covariance), estimate.shares_known),
        mapped_ha=dict(zip(reference.strata, map(float, reference.areas), strict=True)) if reference.strata == reference.classes else {},
        estimate=estimate, area_covariance=covariance, findings=list(_statements(reference, estimate, where)),
    )  # fmt: skip


def _values(reference: Reference, values: Floats, variances: Floats, known: NDArray[np.bool_]) -> dict[str, Value]:
    return {name: _value(*one) for name, *one in zip(reference.classes, values, variances, known, strict=True)}


def _value(value: float, variance: float, known: bool) -> Value:
    return Value(float(value), float(np.sqrt(variance)) if known else float("nan"))


def _statements(reference: Reference, estimate: AreaEstimate, where: str) -> Iterator[Finding]:
    """One warning for each stratum that says too little: none, one sample, or no spread among them."""
    number = reference.counts.sum(axis=(1, 2))
    share = reference.areas / reference.areas.sum()
    for place, name in enumerate(reference.strata):
        values = {"name": name, "area": f"{reference.areas[place]:,.1f}", "share": f"{share[place]:.2%}"}
        if estimate.empty[place]:
            yield finding("W-ACC-01", where, **values)
        elif estimate.single[place]:
            yield finding("W-ACC-02", where, **values)
        elif estimate.unspread[place]:
            missed = 1.0 - ONE_SIDED ** (1.0 / number[place])
            yield finding("W-ACC-03", where, **values, number=int(number[place]), missed=f"{missed:.1%}")


def _shown(one: Value, decimals: int) -> str:
    if np.isnan(one.value):
        return text("accuracy.unknown")
    error = text("accuracy.unknown") if np.isnan(one.se) else f"{one.half_width_95:,.{decimals}f}"
    return f"{one.value:,.{decimals}f} ± {error}"
