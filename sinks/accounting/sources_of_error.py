"""All errors that a run knows of, as effects on its leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.area_errors import AreaErrors, AreaSample
from sinks.accounting.errors import AREA, BETWEEN_DATE, FACTOR, MAP, MODEL, Effects, Source
from sinks.accounting.intervals import Known
from sinks.accounting.inventory import Prepared
from sinks.accounting.map_errors import STEP, LatticeGrid, Responses, cases_of, map_effects
from sinks.accounting.moves import LayerSums, Moves, relative, with_areas, with_moved_values
from sinks.accounting.outcome import Account, Outcome, outcome
from sinks.accounting.rows import PAIR_KEY, YEAR_KEY
from sinks.accounting.terms import with_nan_column
from sinks.factors.table import FactorTable
from sinks.uncertainty import design, rests_on_unranged, sensitivities

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a run was given to know its errors by.

    Parameters
    ----------
    correlation_km, rho_dates : float
        Distance at which map errors are correlated by 1/e; their correlation at one place between two dates.
    lattice : DataFrame, optional
        `sinks.tables.ACTIVITY_LATTICE`.
    grid : LatticeGrid, optional
        Where its cells lie.
    members : mapping
        Layer -> `sinks.tables.MEMBERS`.
    biases : mapping
        Layer -> standard error of the difference between two epochs, in its unit.
    dated : frozenset of str
        Layers with values for each date.
    samples : tuple of AreaSample
    """

    correlation_km: float
    rho_dates: float
    lattice: pd.DataFrame | None = None
    grid: LatticeGrid | None = None
    members: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    biases: Mapping[str, float] = field(default_factory=dict)
    dated: frozenset[str] = frozenset()
    samples: tuple[AreaSample, ...] = ()

    def known(self) -> Known:
        """Which errors are known."""
        layers: frozenset[str] = frozenset()
        in_part: dict[str, frozenset[str]] = {}
        if self.lattice is not None:
            layers = frozenset(self.lattice["layer"].unique())
            holes = self.lattice[self.lattice["missing_ha"] > 0]
            in_part = {str(layer): frozenset(rows["zone"]) for layer, rows in holes.groupby("layer")}
        return Known(
            map_errors=layers, members=frozenset(self.members), in_part=in_part, dated=self.dated, biased=frozenset(self.biases),
            areas=bool(self.samples), transitions=any(sample.of_change for sample in self.samples),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assessed:
    """An inventory with its errors: central leaves, effects on them, leaves that rest on factors without a range, factors that move."""

    account: Account
    central: Outcome
    effects: Effects
    unranged: NDArray[np.bool_]
    moved: NDArray[np.int64]


def assess(account: Account, factors: FactorTable, evidence: Evidence, areas: AreaErrors | None) -> Assessed:
    """Central leaves and the effects of every known source of error on them.

    Parameters
    ----------
    areas : AreaErrors, optional
        By what the inventory's areas are corrected already, and the errors of that.
    """
    plan = design(factors, account.prepared.factor_rows())
    by_factor = outcome(account, plan.values)
    work = _Work(account, factors, evidence, by_factor)
    parts = [(Source(FACTOR, str(factors.id[row])), one[None, :]) for row, one in zip(plan.moved, sensitivities(by_factor.values), strict=True)]
    parts += work.of_areas(areas) if areas is not None else []
    parts += work.of_maps()
    parts += [one for layer in sorted(evidence.members) for one in work.of_members(layer)]
    parts += [one for layer in sorted(evidence.biases) for one in work.of_bias(layer)]
    effects = Effects.of(parts, by_factor.values.shape[1])
    return Assessed(account, by_factor, effects, rests_on_unranged(by_factor.values), plan.moved)


class _Work:
    """Runs the accounting on moved maps and areas."""

    def __init__(self, account: Account, factors: FactorTable, evidence: Evidence, central: Outcome) -> None:
        self.account = account
        self.evidence = evidence
        self.central = central
        self.factors = factors
        self.values = with_nan_column(factors.value[None, :])
        frames = central.stocks.frame, central.removals.frame
        self.zone = np.concatenate([frame["zone"].to_numpy(dtype=object) for frame in frames])
        self.of_year = np.repeat([True, False], [len(frame) for frame in frames])

    def differences(self, prepared: Prepared, cases: int) -> Floats:
        """Results of cases less the first of them, (cases - 1, n)."""
        moved = outcome(replace(self.account, prepared=prepared), np.repeat(self.factors.value[None, :], cases, axis=0)).values
        return np.nan_to_num(moved[1:] - moved[:1])

    def of_moves(self, moves: Moves) -> Floats:
        """Changes of results by moved values."""
        return self.differences(with_moved_values(self.account.prepared, moves, self.values), len(moves.year))

    def of_areas(self, areas: AreaErrors) -> list[tuple[Source, Floats]]:
        """Effects of the area samples."""
        return [
            (Source(AREA, name), self.differences(with_areas(self.account.prepared, moves), len(moves.year)))
            for name, moves in zip(areas.names, areas.effects, strict=True)
        ]

    def of_maps(self) -> list[tuple[Source, Floats]]:
        """Effects of the errors of every layer that states them."""
        evidence = self.evidence
        if evidence.lattice is None or evidence.grid is None:
            return []
        out = []
        for layer in sorted(evidence.lattice["layer"].unique()):
            rows = evidence.lattice[evidence.lattice["layer"] == layer]
            cases = cases_of(rows, layer)
            changes = self.of_moves(cases.moves(self.account.prepared, LayerSums.of(self.account.prepared, layer))) / STEP
            found = map_effects(
                rows, evidence.grid, self.account.prepared, cases, Responses(self.zone, self.of_year, changes), evidence.correlation_km,
                evidence.rho_dates, layer in evidence.dated,
            )  # fmt: skip
            out.append((Source(MAP, layer), found))
        return out

    def of_members(self, layer: str) -> list[tuple[Source, Floats]]:
        """Effects of a retrieval model's shared error: each member's results less their mean, over sqrt(K - 1)."""
        moves = member_moves(self.account.prepared, layer, self.evidence.members[layer])
        changes = self.of_moves(moves)
        return [(Source(MODEL, layer), (changes - changes.mean(axis=0)) / np.sqrt(max(1, len(changes) - 1)))]

    def of_bias(self, layer: str) -> list[tuple[Source, Floats]]:
        """Effects of a bias of each epoch that is independent of the others': the difference of two has the stated error."""
        if layer not in self.evidence.dated:
            return []
        moves = bias_moves(self.account.prepared, layer, self.evidence.biases[layer])
        return [(Source(BETWEEN_DATE, layer), self.of_moves(moves))]


def bias_moves(prepared: Prepared, layer: str, bias: float) -> Moves:
    """One case a date: all values of the layer higher by ``bias / sqrt(2)``."""
    sums = LayerSums.of(prepared, layer)
    years, pairs = prepared.years.frame, prepared.pairs.frame
    dates = sorted({*years["year"], *pairs["year_from"], *pairs["year_to"]})
    step = bias / np.sqrt(2.0)

    def cases(dated: pd.Series, area: Floats, total: Floats) -> Floats:
        moved = relative(step * area, total)
        return np.stack([np.zeros(len(dated)), *(np.where(dated.to_numpy() == date, moved, 0.0) for date in dates)])

    return Moves(
        layer, cases(years["year"], sums.year_area, sums.year), cases(pairs["year_from"], sums.pair_area, sums.start),
        cases(pairs["year_to"], sums.pair_area, sums.end),
    )  # fmt: skip


def member_moves(prepared: Prepared, layer: str, members: pd.DataFrame) -> Moves:
    """One case a member: values as the member predicts them, over what the model predicts."""
    years, pairs = prepared.years.frame, prepared.pairs.frame
    alone = members["year_from"] == members["year_to"]
    of_year = members[alone].rename(columns={"year_from": "year", "land_from": "class", "stratum_from": "stratum"})
    of_pair = members[~alone]
    count = int(members["model_member"].max())
    return Moves(
        layer, _ratios(of_year, years[YEAR_KEY], count), _ratios(of_pair[of_pair["date"] == "from"], pairs[PAIR_KEY], count),
        _ratios(of_pair[of_pair["date"] == "to"], pairs[PAIR_KEY], count),
    )  # fmt: skip


def _ratios(members: pd.DataFrame, groups: pd.DataFrame, count: int) -> Floats:
    """Sum of each member over that of the model, less 1, by group of land, (1 + K, groups); 0 where the model predicts nothing."""
    keys = list(groups.columns)
    wide = members.pivot_table(index=keys, columns="model_member", values="sum", aggfunc="sum").reindex(columns=range(count + 1))
    sums = wide.reindex(pd.MultiIndex.from_frame(groups)).to_numpy(dtype=np.float64).T
    return np.nan_to_num(relative(sums - sums[:1], sums[:1]))
