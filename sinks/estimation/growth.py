"""Growth curves fitted to plots of age and biomass, and the increments by age that come of them as factors.

A curve is fitted by least squares for each vegetation type. Its errors come from
fitting it again to whole groups of plots drawn anew (places, studies), because plots
of one place are alike; how far it can be trusted is told by plots of groups that had
no part in the fit. Only increments up to the oldest plot are made into factors, and
none where the curve does hardly better than the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, errors, finding
from aoi.table import Column, Table, decode
from sinks.config import Config, GrowthSection
from sinks.equations.growth import CURVES, Curve, within, yearly_increments
from sinks.equations.validation import Scores, scores
from sinks.estimation.heads import head_of, renamed_head
from sinks.factors.table import FACTORS
from sinks.layers.inputs import Folders
from sinks.legends.legend import vegetation_types
from sinks.provenance import file_sha256
from sinks.uncertainty import Z95
from sinks.units import DENSITY_UNITS, to_tonnes_per_hectare

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARAMETERS = ("asymptote", "rate", "shape")
UNIT = "t d.m. ha-1"
_LEAST, _MOST = np.log([1.0, 1e-4, 0.3]), np.log([np.nan, 1.0, 50.0])
"""Limits of the parameters, as logarithms; the asymptote reaches up to a multiple of the largest plot."""
LARGEST_ASYMPTOTE = 4.0
"""Largest asymptote that is tried, in multiples of the largest plot: what lies there the ages do not tell."""
_NEAR_LIMIT = 0.99

GROWTH_PLOTS = Table(
    name="growth_plots", title_zh="林龄样地", title_en="Plots of age and biomass", row_per="plot", extra_columns=True,
    columns=(
        Column(name="age", type="decimal", title_zh="林龄", title_en="Age", unit="yr", minimum=0, maximum=5000),
        Column(name="value", type="decimal", title_zh="地上生物量", title_en="Aboveground biomass", minimum=0),
    ),
)  # fmt: skip


def _decimal(name: str, zh: str, en: str, unit: str = "", decimals: int = 6) -> Column:
    return Column(name=name, type="decimal", title_zh=zh, title_en=en, unit=unit, decimals=decimals)


GROWTH_CURVES = Table(
    name="growth_curves", title_zh="生长曲线", title_en="Growth curves", row_per="vegetation type",
    columns=(
        Column(name="vegetation_type", type="text", title_zh="植被类型", title_en="Vegetation type", key=True),
        Column(name="form", type="text", title_zh="曲线", title_en="Form", choices=tuple(CURVES)),
        Column(name="plots", type="integer", title_zh="样地数", title_en="Plots"),
        Column(name="groups", type="integer", title_zh="组数", title_en="Groups of plots"),
        _decimal("age_from", "最小林龄", "Youngest plot", "yr"), _decimal("age_to", "最大林龄", "Oldest plot", "yr"),
        *(_decimal(name, zh, en, unit) for name, zh, en, unit in (
            ("asymptote", "渐近值", "Asymptote", UNIT), ("rate", "速率", "Rate", "yr-1"), ("shape", "形状", "Shape", ""))),
        *(_decimal(f"cov_{one}_{other}", f"{one} 与 {other} 的协方差", f"Covariance of the logarithms of {one} and {other}")
          for number, one in enumerate(PARAMETERS) for other in PARAMETERS[number:]),
        Column(name="levels_off", type="boolean", title_zh="渐近值可定", title_en="Asymptote is determined",
               description="false: the ages do not tell where the curve levels off, its asymptote is the largest that was tried"),
        _decimal("spread", "残差标准差", "Standard deviation of the residuals", UNIT), _decimal("r2", "决定系数", "R2 of the fit"),
        _decimal("rmse_left_out", "留组检验均方根误差", "RMSE at groups that were left out", UNIT),
        _decimal("bias_left_out", "留组检验偏差", "Bias at groups that were left out, predicted less measured", UNIT),
        _decimal("skill_left_out", "留组检验技巧", "Skill at groups that were left out", "",),
        Column(name="factors", type="boolean", title_zh="写出系数", title_en="Factors are written"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stands:
    """Plots of one vegetation type.

    Parameters
    ----------
    age : (n,) float64 [yr]
    biomass : (n,) float64 [t d.m. ha-1]
    group : (n,) int64
        Which plots belong together.
    """

    vegetation_type: str
    age: Floats
    biomass: Floats
    group: Ints

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(np.unique(self.group))

    def where(self, rows: Any) -> "Stands":
        """Some of the plots."""
        return Stands(vegetation_type=self.vegetation_type, age=self.age[rows], biomass=self.biomass[rows], group=self.group[rows])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A curve with what is known of its errors.

    Parameters
    ----------
    parameters : (3,) float64
        Asymptote, rate, shape.
    again : (resamples, 3) float64
        The same from groups of plots drawn anew.
    left_out : Scores
        Predictions of groups without their plots; ``skill`` is the share of the squared
        errors of the mean of the other groups that they save.
    """

    stands: Stands
    form: str
    parameters: Floats
    again: Floats
    fit: Scores
    left_out: Scores
    skill: float
    least_skill: float

    @property
    def levels_off(self) -> bool:
        """Whether the plots tell where the curve levels off: it has half of its asymptote at the oldest of them, which is no limit of the search."""
        asymptote = float(self.parameters[0])
        oldest = float(CURVES[self.form](self.stands.age.max(), *self.parameters))
        return asymptote < _NEAR_LIMIT * LARGEST_ASYMPTOTE * float(self.stands.biomass.max()) and oldest >= asymptote / 2.0

    @property
    def spread(self) -> float:
        """Standard deviation of the residuals, three parameters taken off [t d.m. ha-1]."""
        count = len(self.stands.age)
        return float(self.fit.rmse * np.sqrt(count / max(1, count - len(PARAMETERS))))

    @property
    def useful(self) -> bool:
        """Whether the curve says enough more of other groups than the mean does."""
        return bool(self.skill >= self.least_skill)

    def increments(self, limits: Sequence[int]) -> pd.DataFrame:
        """Yearly gain of every class of ages within those of the plots, with its standard error: columns age_from, age_to, value, se."""
        edges = np.array(limits, dtype=np.float64)
        youngest, oldest = float(self.stands.age.min()), float(self.stands.age.max())
        curve = CURVES[self.form]
        value = yearly_increments(curve, edges, youngest, oldest, self.parameters)
        drawn = np.stack([yearly_increments(curve, edges, youngest, oldest, one) for one in self.again])
        frame = pd.DataFrame({"age_from": edges[:-1], "age_to": edges[1:], "value": value, "se": drawn.std(axis=0, ddof=1)})
        return frame[(frame["age_to"] <= oldest) & (frame["age_to"] > youngest)].reset_index(drop=True)


def fit_growth(stands: Stands, form: str, resamples: int, seed: int, least_skill: float) -> Fitted:
    """A curve of some stands by least squares, with errors from groups drawn anew and the check on groups left out."""
    curve = CURVES[form]
    limit = LARGEST_ASYMPTOTE * float(stands.biomass.max())
    parameters = _least_squares(curve, stands, limit, None)
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(stands.group == one) for one in np.unique(stands.group)]
    again = []
    for _ in range(resamples):
        drawn = random.integers(0, len(members), len(members))
        again.append(_least_squares(curve, stands.where(np.concatenate([members[one] for one in drawn])), limit, parameters))
    predicted, plain = np.empty_like(stands.age), np.empty_like(stands.age)
    for mine in members:
        others = np.setdiff1d(np.arange(len(stands.age)), mine)
        found = _least_squares(curve, stands.where(others), limit, parameters)
        ages = stands.age[others]
        predicted[mine] = within(curve, stands.age[mine], float(ages.min()), float(ages.max()), found)
        plain[mine] = stands.biomass[others].mean()
    saved = ((predicted - stands.biomass) ** 2).sum() / ((plain - stands.biomass) ** 2).sum()
    return Fitted(
        stands=stands, form=form, parameters=parameters, again=np.array(again), fit=scores(stands.biomass, curve(stands.age, *parameters)),
        left_out=scores(stands.biomass, predicted), skill=1.0 - float(saved), least_skill=least_skill,
    )  # fmt: skip


def _least_squares(curve: Curve, stands: Stands, largest: float, start: Floats | None) -> Floats:
    """The parameters with the least squares, from several starts or from one near by."""
    from scipy.optimize import least_squares

    low, high = _LEAST, np.array([np.log(largest), *_MOST[1:]])

    def misfit(logs: Floats) -> Floats:
        return np.asarray(curve(stands.age, *np.exp(logs)) - stands.biomass)

    top = float(stands.biomass.max())
    starts = [start] if start is not None else [np.array([top * a, k, p]) for a in (1.0, 2.0) for k in (0.01, 0.03, 0.1) for p in (1.0, 2.0, 4.0)]
    tried = [least_squares(misfit, np.clip(np.log(one), low + 1e-9, high - 1e-9), bounds=(low, high), xtol=1e-12, ftol=1e-12) for one in starts]
    best = min(tried, key=lambda one: float(one.cost))
    return np.asarray(np.exp(best.x))


def read_stands(path: Path, section: GrowthSection, where: str) -> tuple[list[Stands], list[Finding]]:
    """The plots of a file by vegetation type.

    Raises
    ------
    InputError
        All that is wrong at once: columns, cells, the unit (``E-AGE-05``), types that are
        not of the vocabulary, no plot that can be used (``E-AGE-06``).
    """
    text, _ = decode(path, where)
    columns = [section.age, section.value, *section.where, *(one for one in (section.type, section.group) if one)]
    missing = sorted(set(columns) - set(head_of(text)))
    found = [finding("E-AGE-04", where, missing=", ".join(missing), found=", ".join(head_of(text)))] if missing else []
    if section.unit not in DENSITY_UNITS:
        found.append(finding("E-AGE-05", "growth.unit", unit=section.unit, known=", ".join(DENSITY_UNITS)))
    known = set(vegetation_types()["vegetation_type"])
    wrong = sorted(set(section.types.values()) - known)
    if wrong:
        found.append(finding("E-STRATA-02", "growth.types", values=", ".join(wrong), choices=", ".join(sorted(known))))
    if found:
        raise InputError(found)
    frame, found = GROWTH_PLOTS.parse(renamed_head(text, {section.age: "age", section.value: "value"}), where)
    if errors(found):
        raise InputError(errors(found))
    return _by_type(frame, section, where, found)


def _by_type(frame: pd.DataFrame, section: GrowthSection, where: str, found: list[Finding]) -> tuple[list[Stands], list[Finding]]:
    """The plots that can be used, by vegetation type, and what was left out."""
    for name, wanted in section.where.items():
        frame = frame[frame[name].str.strip() == wanted]
    types = _types(frame, section)
    held = frame["age"].notna() & frame["value"].notna() & (types != "")
    if not held.all():
        left = sorted({str(one) for one in frame.loc[(types == "").to_numpy(), section.type]}) if section.type else []
        found = [*found, finding("W-AGE-07", where, number=int((~held).sum()), all=len(frame), types="; ".join(left) or "-")]
    frame, types = frame[held], types[held]
    groups = pd.factorize(frame[section.group])[0] if section.group else np.arange(len(frame))
    per_unit = to_tonnes_per_hectare(section.unit)
    out = []
    for name in sorted(set(types)):
        mine = (types == name).to_numpy()
        stands = Stands(
            vegetation_type=name, age=frame["age"].to_numpy(dtype=np.float64)[mine], biomass=frame["value"].to_numpy(dtype=np.float64)[mine] * per_unit,
            group=groups[mine].astype(np.int64),
        )  # fmt: skip
        if len(stands.age) < section.fewest or stands.groups < _FEWEST_GROUPS or np.ptp(stands.age) == 0:
            said = {"type": name, "plots": len(stands.age), "groups": stands.groups, "fewest": section.fewest, "fewest_groups": _FEWEST_GROUPS}
            found = [*found, finding("W-AGE-08", where, **said)]
        else:
            out.append(stands)
    if not out:
        raise InputError([*found, finding("E-AGE-06", where, plots=len(frame))])
    return out, found


_FEWEST_GROUPS = 3


def _types(frame: pd.DataFrame, section: GrowthSection) -> pd.Series:
    """The vegetation type of each plot; empty for words that the configuration does not name."""
    if section.type is None:
        only = next(iter(section.types.values()), "")
        return pd.Series(only, index=frame.index, dtype="object")
    return frame[section.type].str.strip().map(lambda word: section.types.get(word, "")).astype("object")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GrowthResult:
    """Curves of a file of plots, and their increments as factors."""

    fitted: tuple[Fitted, ...]
    curves: pd.DataFrame
    factors: pd.DataFrame
    findings: tuple[Finding, ...]


def estimate_growth(config: Config, folders: Folders) -> GrowthResult:
    """Fit the curves of the section ``[growth]``.

    Raises
    ------
    InputError
        No such section, or plots that cannot be used; with all findings.
    """
    section = config.growth
    if section is None:
        raise InputError(finding("E-AGE-09", "growth"))
    path, label = folders.find(section.file, "growth.file")
    groups, found = read_stands(path, section, label)
    fitted = tuple(fit_growth(stands, section.form, section.resamples, config.run.seed, section.least_skill) for stands in groups)
    found += [one for curve in fitted for one in _judged(curve, label)]
    cited = f"{label} (SHA-256 {file_sha256(path)[:16]})"
    rows = [row for curve in fitted if curve.useful for row in _factor_rows(curve, section, cited)]
    return GrowthResult(
        fitted=fitted, curves=GROWTH_CURVES.sorted(GROWTH_CURVES.typed(pd.DataFrame([_curve_row(one) for one in fitted]))),
        factors=FACTORS.sorted(FACTORS.frame(rows)), findings=tuple(found),
    )  # fmt: skip


def _judged(curve: Fitted, where: str) -> list[Finding]:
    """What a reader must know of a curve."""
    said = {"type": curve.stands.vegetation_type, "oldest": f"{curve.stands.age.max():g}", "skill": f"{curve.skill:.3f}", "r2": f"{curve.fit.r2:.2f}"}
    said["least"] = f"{curve.least_skill:g}"
    found = [] if curve.useful else [finding("W-AGE-10", where, **said)]
    return [*found, *([] if curve.levels_off or not curve.useful else [finding("W-AGE-11", where, **said)])]


def _curve_row(curve: Fitted) -> dict[str, Any]:
    stands = curve.stands
    covariance = np.cov(np.log(curve.again), rowvar=False)
    return {
        "vegetation_type": stands.vegetation_type, "form": curve.form, "plots": len(stands.age), "groups": stands.groups, "age_from": stands.age.min(),
        "age_to": stands.age.max(), **dict(zip(PARAMETERS, curve.parameters, strict=True)),
        **{f"cov_{one}_{other}": covariance[i, j] for i, one in enumerate(PARAMETERS) for j, other in enumerate(PARAMETERS) if j >= i},
        "levels_off": curve.levels_off, "spread": curve.spread, "r2": curve.fit.r2, "rmse_left_out": curve.left_out.rmse,
        "bias_left_out": curve.left_out.bias, "skill_left_out": curve.skill, "factors": curve.useful,
    }  # fmt: skip


def _factor_rows(curve: Fitted, section: GrowthSection, cited: str) -> list[dict[str, Any]]:
    """Increments by age as rows of the factor table."""
    stands = curve.stands
    told = f"{curve.form} of {len(stands.age)} plots, ages {stands.age.min():g}-{stands.age.max():g}; skill at groups left out {curve.skill:.2f}"
    rows: list[dict[str, Any]] = []
    for one in curve.increments(section.classes).to_dict("records"):
        first, last, value, se = (float(one[name]) for name in ("age_from", "age_to", "value", "se"))
        ranged = {"distribution": "normal", "low": round(value - Z95 * se, 6), "high": round(value + Z95 * se, 6), "range_kind": "ci95"} if se > 0 else {}
        below = "; below the youngest plot a straight line from 0" if first < stands.age.min() else ""
        origin = f".{section.origin}" if section.origin else ""
        rows.append(
            {
                "id": f"growth.{stands.vegetation_type}{origin}.age_{first:g}_{last:g}", "name": "aboveground_growth", "ecosystem": "forest",
                "land_class": "arbor_forest", "vegetation_type": stands.vegetation_type, "origin": section.origin or None, "value_from": first,
                "value_to": last, "value": round(value, 6), "unit": "t d.m. ha-1 yr-1", **ranged, "source": cited, "locator": told + below, "tag": "D",
                "verified": False,
            }
        )  # fmt: skip
    return rows
