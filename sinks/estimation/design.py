"""How many samples, in which strata: sized for a wanted standard error of an area or of carbon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, finding
from aoi.table import Column, Table, decode
from sinks.equations.plot_estimation import neyman_shares, neyman_size
from sinks.estimation.heads import renamed_head

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STRATA = Table(
    name="design", title_zh="抽样分层", title_en="Strata of a design", row_per="stratum", extra_columns=True,
    columns=(
        Column(name="class", type="text", title_zh="分层", title_en="Stratum", key=True),
        Column(name="area_ha", type="decimal", title_zh="面积", title_en="Area", unit="ha", needed=True, minimum=0),
        Column(name="expected_share", type="decimal", title_zh="预期目标类份额", title_en="Share of the stratum that the reference will call the target",
               minimum=0, maximum=1, optional=True),
        Column(name="expected_sd", type="decimal", title_zh="预期标准差", title_en="Standard deviation of carbon inside the stratum", unit="t C ha-1",
               minimum=0, optional=True),
        Column(name="samples", type="integer", title_zh="样本数", title_en="Samples", minimum=0, optional=True),
        Column(name="weight", type="decimal", title_zh="每个样本代表的面积", title_en="Area that a sample stands for", unit="ha", minimum=0, optional=True),
    ),
)  # fmt: skip
MOST_SAMPLES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a design is sized for: a number of samples, or a standard error of an area [ha] or of carbon [t C]."""

    number: int | None = None
    se_area_ha: float | None = None
    se_carbon_tC: float | None = None
    minimum: int = 20

    @property
    def kind(self) -> str:
        """``number``, ``area`` or ``carbon``."""
        return "number" if self.number is not None else "area" if self.se_area_ha is not None else "carbon"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """Samples by stratum and the standard error that they should reach.

    Parameters
    ----------
    deviations : (H,)
        What is expected to vary inside each stratum: of an indicator [-] or of carbon [t C ha-1].
    reached : float
        Expected standard error of the total, in hectares or t C; NaN where only a number was asked for.
    """

    strata: tuple[str, ...]
    areas: Floats
    deviations: Floats
    samples: Ints
    reached: float

    @property
    def weights(self) -> Floats:
        """Area that each sample of a stratum stands for [ha]."""
        return np.divide(self.areas, self.samples, out=np.full(len(self.areas), np.nan), where=self.samples > 0)

    def frame(self) -> pd.DataFrame:
        """The design as a table that ``sinks accuracy --areas`` reads."""
        return pd.DataFrame({"class": self.strata, "area_ha": self.areas, "samples": self.samples, "weight": self.weights})


def design_of(strata: Sequence[str], areas: Floats, deviations: Floats | None, goal: Goal, most: Ints | None = None) -> Design:
    """Samples by optimal (Neyman) allocation, at least ``goal.minimum`` in each stratum that has any area.

    Parameters
    ----------
    deviations : (H,), optional
        None allots a given number by area.
    most : (H,) int, optional
        Places that a stratum has; no more are drawn.

    Raises
    ------
    InputError
        No stratum has area (``E-SAMPLE-05``), or the wanted error needs more samples than can be (``E-SAMPLE-06``).
    """
    area = float(areas.sum())
    if not area > 0:
        raise InputError(finding("E-SAMPLE-05", "sinks sample"))
    weights = areas / area
    spread = np.ones(len(areas)) if deviations is None else deviations
    if goal.number is not None:
        wanted = float(goal.number)
    else:
        se = goal.se_area_ha if goal.se_area_ha is not None else float(goal.se_carbon_tC or 0.0)
        wanted = neyman_size(weights, spread, (se / area) ** 2)
    if wanted > MOST_SAMPLES:
        raise InputError(finding("E-SAMPLE-06", "sinks sample", number=f"{wanted:,.0f}", most=f"{MOST_SAMPLES:,}"))
    allotted = np.ceil(wanted * neyman_shares(weights, spread) - 1e-9).astype(np.int64)
    samples = np.where(areas > 0, np.maximum(allotted, goal.minimum), 0)
    samples = samples if most is None else np.minimum(samples, most)
    reached = float("nan") if deviations is None else reached_error(areas, spread, samples)
    return Design(strata=tuple(strata), areas=areas, deviations=spread, samples=samples, reached=reached)


def reached_error(areas: Floats, deviations: Floats, samples: Ints) -> float:
    """Expected standard error of the total: ``sqrt(sum A_h^2 S_h^2 / n_h)``; NaN where a stratum that varies has no sample."""
    held = (areas > 0) & (deviations > 0)
    if (samples[held] == 0).any():
        return float("nan")
    return float(np.sqrt(((areas * deviations)[held] ** 2 / samples[held]).sum()))


def indicator_deviations(shares: Floats) -> Floats:
    """Standard deviation of "the reference says the target", ``sqrt(p (1 - p))`` (Olofsson et al. 2014, Eq 13)."""
    return np.sqrt(shares * (1.0 - shares))


def expected_shares(areas: Floats, target: NDArray[np.bool_], users: float) -> Floats:
    """Shares of the target that the reference will find, where the map is as often wrong one way as the other.

    Inside the target's strata its expected user's accuracy; elsewhere so much that omissions
    make up for commissions.
    """
    inside, outside = float(areas[target].sum()), float(areas[~target].sum())
    missed = min((1.0 - users) * inside / outside, 0.5) if outside > 0 else 0.0
    return np.where(target, users, missed)


def read_strata(path: Path, goal: Goal, where: str) -> tuple[list[str], Floats, Floats | None]:
    """Strata with their areas and what is expected of them.

    Raises
    ------
    InputError
        No table; limits (shares outside 0 to 1, a negative deviation); the column that the goal needs (``E-SAMPLE-03``).
    """
    text = renamed_head(decode(path, where)[0], {"stratum": "class", "sd": "expected_sd", "share": "expected_share"})
    frame, found = STRATA.parse(text, where)
    stop = [one for one in found if one.severity == "error"]
    if stop:
        raise InputError(stop)
    column = {"area": "expected_share", "carbon": "expected_sd"}.get(goal.kind)
    values = None
    if column is not None:
        if frame[column].isna().any():
            raise InputError(finding("E-SAMPLE-03", where, column=column))
        values = frame[column].to_numpy(dtype=np.float64)
        values = indicator_deviations(values) if goal.kind == "area" else values
    return list(frame["class"]), frame["area_ha"].to_numpy(dtype=np.float64), values


def check_goal(number: int | None, se_area_ha: float | None, se_carbon_tC: float | None) -> list[Finding]:
    """One goal, no more and no less, and above zero."""
    given = [one for one in (number, se_area_ha, se_carbon_tC) if one is not None]
    return [] if len(given) == 1 and given[0] > 0 else [finding("E-SAMPLE-01", "sinks sample")]


def shortfalls(design: Design, minimum: int) -> Mapping[str, int]:
    """Strata that have too few places for the fewest samples."""
    return {
        name: int(one) for name, one, area in zip(design.strata, design.samples, design.areas, strict=True) if area > 0 and one < minimum
    }
