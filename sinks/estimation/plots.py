"""Design-based estimates of every zone from field plots, with and without the map, and what small zones would need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from aoi.findings import Finding, InputError, finding
from aoi.table import Column, Table
from sinks import tables
from sinks.accounting.rows import year_cells
from sinks.accounting.summary import groups_of_zones
from sinks.config import PlotSection
from sinks.equations.plot_estimation import (
    Estimate,
    difference_mean,
    poststratified_mean,
    regression_estimate,
    stratified_mean,
    total_of,
    two_phase_ratio,
    two_phase_regression,
    working_model,
)
from sinks.estimation.land import land_of
from sinks.estimation.points import Plots, check_units, named, read_plots, values_at
from sinks.layers.inputs import ancestors
from sinks.setup import Setup

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ESTIMATORS = ("map", "simple", "stratified", "poststratified", "ratio", "regression", "difference", "greg")
P95, P90 = 0.975, 0.95
"""Probabilities of two-sided intervals of 95 and 90 %."""


def _decimal(name: str, zh: str, en: str, unit: str = "") -> Column:
    return Column(name=name, type="decimal", title_zh=zh, title_en=en, unit=unit, decimals=6)


PLOT_ESTIMATES = Table(
    name="plot_estimates", title_zh="样地估计", title_en="Estimates from plots", row_per="zone, year, layer, estimator",
    columns=(
        tables.ZONE, tables.YEAR,
        Column(name="layer", type="text", title_zh="图层", title_en="Layer", key=True, pattern=r"[a-z][a-z0-9_]*"),
        Column(name="estimator", type="text", title_zh="估计方法", title_en="Estimator", key=True, choices=ESTIMATORS,
               description="map: the mean of the map, which has no standard error of its own; difference and greg: the map corrected by the plots"),
        Column(name="unit", type="text", title_zh="单位", title_en="Unit of the mean; totals are the same times hectares"),
        Column(name="plots", type="integer", title_zh="样地数", title_en="Plots", minimum=0),
        _decimal("area_ha", "面积", "Area that the estimate speaks of", "ha"),
        _decimal("mean", "均值", "Mean", "unit"), _decimal("se_mean", "均值标准误", "Standard error of the mean", "unit"),
        _decimal("low_mean", "均值95%下限", "Low end of the mean, 95 %", "unit"), _decimal("high_mean", "均值95%上限", "High end of the mean, 95 %", "unit"),
        _decimal("total", "总量", "Total", "unit x ha"), _decimal("se_total", "总量标准误", "Standard error of the total", "unit x ha"),
        _decimal("low_total", "总量95%下限", "Low end of the total, 95 %", "unit x ha"),
        _decimal("high_total", "总量95%上限", "High end of the total, 95 %", "unit x ha"),
        _decimal("relative_error", "相对误差（90%）", "Half of the 90 % interval over the mean"),
        Column(name="plots_needed", type="integer", title_zh="所需样地数", title_en="Plots needed for the allowed error", minimum=0),
        Column(name="value_flag", type="text", title_zh="数值标志", title_en="Value flag", choices=tables.VALUE_FLAGS, needed=True),
        Column(name="reason", type="text", title_zh="原因", title_en="Reason"),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Plots with what the map holds there, and the mapped land of their ecosystem.

    Parameters
    ----------
    mapped : (n,)
        The map's value at each plot.
    land : (n,)
        The mapped land class of each plot.
    areas : frame
        Columns zone, land_class, area_ha (with a value), sum.
    """

    plots: Plots
    mapped: Floats
    land: NDArray[np.object_]
    zones: tuple[str, ...]
    areas: pd.DataFrame
    stratified: bool

    @cached_property
    def model(self) -> tuple[float, float]:
        """The working model of all plots."""
        return working_model(self.plots.values, self.mapped)

    def group(self, members: Sequence[str]) -> "Group":
        """The plots and the land of some zones."""
        places = [number for number, code in enumerate(self.zones) if code in members]
        held = np.isin(self.plots.zone, places)
        areas = self.areas[self.areas["zone"].isin(members)].groupby("land_class", sort=True)[["area_ha", "sum"]].sum()
        areas = areas[areas["area_ha"] > 0]
        area = float(areas["area_ha"].sum())
        classes = list(areas.index)
        return Group(
            values=self.plots.values[held], mapped=self.mapped[held], classes=pd.Categorical(self.land[held], categories=classes).codes.astype(np.int64),
            weights=areas["area_ha"].to_numpy(dtype=np.float64) / area if area > 0 else np.zeros(0), area=area,
            mapped_mean=float(areas["sum"].sum()) / area if area > 0 else float("nan"), model=self.model, stratified=self.stratified,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The plots of an area: values, the map there, land classes with their shares of area, and the map's mean over all of it."""

    values: Floats
    mapped: Floats
    classes: Ints
    weights: Floats
    area: float
    mapped_mean: float
    model: tuple[float, float]
    stratified: bool

    def estimates(self) -> Iterator[tuple[str, Estimate]]:
        """Every estimator with its estimate of the mean."""
        unknown = Estimate(float("nan"), float("nan"), 0.0)
        yield "map", Estimate(self.mapped_mean, float("nan"), 0.0)
        if len(self.values) < 2:
            yield from ((name, unknown) for name in self.names())
            return
        alone = np.zeros(len(self.values), dtype=np.int64), np.ones(1)
        by_class = self.classes, self.weights
        design = by_class if self.stratified else alone
        found = {
            "simple": lambda: stratified_mean(self.values, *alone),
            "stratified": lambda: stratified_mean(self.values, *by_class),
            "poststratified": lambda: poststratified_mean(self.values, *by_class),
            "ratio": lambda: two_phase_ratio(self.values, self.mapped, self.mapped_mean, 0.0),
            "regression": lambda: two_phase_regression(self.values, self.mapped, self.mapped_mean, 0.0),
            "difference": lambda: difference_mean(self.values, self.mapped, self.mapped_mean, *design),
            "greg": lambda: regression_estimate(self.values, self.mapped, self.mapped_mean, self.model, *design),
        }
        yield from ((name, found[name]()) for name in self.names())

    def names(self) -> tuple[str, ...]:
        """Estimators that fit the design: those that rest on a simple sample do not fit a stratified one."""
        return (
            ("stratified", "difference", "greg")
            if self.stratified
            else ("simple", "poststratified", "ratio", "regression", "difference", "greg")
        )


def estimate_plots(setup: Setup) -> tuple[pd.DataFrame, list[Finding]]:
    """The table of estimates of a run that was made, and what to know of it.

    Raises
    ------
    InputError
        No section or layer, plots that cannot be used, no activity tables yet (``E-PLOT-09``).
    """
    section = setup.config.plots
    if section is None:
        raise InputError(finding("E-RETR-11", "run.toml", sections="[plots]"))
    sample, found = _sample(setup, section)
    allowed = section.allowed_error
    zones = tables.ZONES.read(setup.out / "tables" / "zones.csv")
    groups = groups_of_zones(zones[zones["zone"].isin(setup.zone_sets[0].codes)])
    whole = sample.group(setup.zone_sets[0].codes)
    spread = float(whole.values.std(ddof=1)) if len(whole.values) > 1 else float("nan")
    rows: list[dict[str, Any]] = []
    for zone, members in groups.items():
        group = sample.group(members)
        if group.area > 0 or len(group.values):
            rows += [_row(zone, section, group, name, one, allowed, spread) for name, one in group.estimates()]
    frame = PLOT_ESTIMATES.sorted(PLOT_ESTIMATES.typed(pd.DataFrame(rows)))
    return frame, [*setup.findings, *found, *_small(frame, allowed)]


def _sample(setup: Setup, section: PlotSection) -> tuple[Sample, list[Finding]]:
    """The plots on mapped land of their ecosystem."""
    layer = setup.config.layers.get(section.layer)
    if layer is None:
        raise InputError(finding("E-RETR-09", f"layers.{section.layer}", layer=section.layer))
    wrong = check_units(section, layer.unit, layer.basis, "plots")
    if section.year not in setup.config.run.dates:
        wrong.append(finding("E-PLOT-11", "plots.year", year=section.year, years=", ".join(map(str, setup.config.run.dates))))
    kept = setup.out / "tables" / "activity_year.csv"
    if not kept.exists():
        wrong.append(finding("E-PLOT-09", setup.config.run.output))
    if wrong:
        raise InputError(wrong)
    path, label = setup.folders.find(section.file, "plots.file")
    plots, found = read_plots(path, section, setup.grid, setup.zone_sets[0], label, in_zones=True)
    mapped = values_at(setup.stack, section.layer, section.year, plots.rows, plots.columns)
    land = _land_at(setup, section.year, plots)
    reading = setup.reading()
    spoken = np.array([reading.ecosystems[name] == section.ecosystem for name in land], dtype=bool) & np.isfinite(mapped)
    if not spoken.all():
        ids = [one for one, held in zip(plots.ids, spoken, strict=True) if not held]
        found.append(finding("W-PLOT-10", label, number=len(ids), all=len(plots), ids=named(ids), ecosystem=section.ecosystem))
    if not spoken.any():
        raise InputError(finding("E-PLOT-05", label))
    if any(one.how.startswith("predicted") for source in setup.sources if source.layer == section.layer for one in ancestors(source)):
        found.append(finding("W-PLOT-13", label, layer=section.layer))
    areas = _areas(setup, section)
    sample = Sample(
        plots=plots.where(spoken),
        mapped=mapped[spoken],
        land=land[spoken],
        zones=setup.zone_sets[0].codes,
        areas=areas,
        stratified=section.design == "stratified",
    )
    return sample, found


def _land_at(setup: Setup, year: int, plots: Plots) -> NDArray[np.object_]:
    """The mapped land class at each plot."""

    def codes(layer: str) -> Ints:
        return values_at(setup.stack, layer, year, plots.rows, plots.columns).astype(np.int64)

    return land_of(setup).classes(year, codes)


def _areas(setup: Setup, section: PlotSection) -> pd.DataFrame:
    """Mapped land of the ecosystem by zone and land class: area with a value, and the sum of the map."""
    activity, strata = (table.read(setup.out / "tables" / f"{table.name}.csv") for table in (tables.ACTIVITY_YEAR, tables.STRATA))
    rows = year_cells(activity, strata, setup.reading()).rows
    held = (rows.year == section.year) & (rows.layer == section.layer) & (rows.ecosystem == section.ecosystem)
    return pd.DataFrame({"zone": rows.zone[held], "land_class": rows.land_class[held], "area_ha": rows.area[held], "sum": rows.sum[held]})


def _row(zone: str, section: PlotSection, group: Group, name: str, mean: Estimate, allowed: float, spread: float) -> dict[str, Any]:
    total = total_of(mean, group.area)
    known = np.isfinite(mean.se) and mean.freedom >= 1
    reach = float(stdtrit(mean.freedom, P95)) if known else float("nan")
    flag = "V" if np.isfinite(mean.value) else "NE"
    relative = float(stdtrit(mean.freedom, P90)) * mean.se / abs(mean.value) if known and mean.value != 0 else float("nan")
    needed = None if name == "map" else plots_needed(mean, len(group.values), allowed, spread, group.mapped_mean)
    return {
        "zone": zone, "year": section.year, "layer": section.layer, "estimator": name, "unit": f"{section.unit} {section.basis or ''}".strip(),
        "plots": len(group.values), "area_ha": group.area, "mean": mean.value, "se_mean": mean.se,
        "low_mean": mean.value - reach * mean.se, "high_mean": mean.value + reach * mean.se, "total": total.value, "se_total": total.se,
        "low_total": total.value - reach * total.se, "high_total": total.value + reach * total.se, "relative_error": relative, "plots_needed": needed,
        "value_flag": flag, "reason": "" if known else "map_alone" if name == "map" else "few_plots",
    }  # fmt: skip


def plots_needed(mean: Estimate, plots: int, allowed: float, spread: float, mapped_mean: float) -> int | None:
    """Plots for an allowed relative half-width of the 90 % interval, if they vary as those that are there (else as all plots).

    ``n = (t s / (E m))^2`` with t of n - 1 degrees of freedom (AR-TOOL03).
    """
    deviation = mean.se * np.sqrt(plots) if np.isfinite(mean.se) and mean.se > 0 else spread
    level = mean.value if np.isfinite(mean.value) else mapped_mean
    if not (np.isfinite(deviation) and np.isfinite(level) and level != 0):
        return None
    return _smallest(deviation / (allowed * abs(level)))


def _smallest(ratio: float) -> int:
    """The fewest plots n with ``t(n - 1) * ratio <= sqrt(n)``, by halving."""
    low, high = 1, 2
    while float(stdtrit(high - 1, P90)) * ratio > np.sqrt(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if float(stdtrit(middle - 1, P90)) * ratio <= np.sqrt(middle) else (middle, high)
    return high


def _small(frame: pd.DataFrame, allowed: float) -> list[Finding]:
    """Zones whose plots do not reach the allowed error, by the difference estimator, with what they would need."""
    rows = frame[(frame["estimator"] == "difference") & ~(frame["relative_error"] <= allowed)]
    if not len(rows):
        return []
    told = "; ".join(f"{row.zone}: {row.plots} / {row.plots_needed if row.plots_needed is not pd.NA else '?'}" for row in rows.itertuples())
    return [finding("W-PLOT-12", "plots", zones=told, allowed=f"{allowed:.0%}")]
