"""How often intervals contain the truth: a landscape whose true carbon is known, read through maps that err and factors that are not known.

The true biomass is fixed. Each repetition draws the true factors around those of the
tables, and maps of two dates whose errors are correlated over distance and between the
dates; the run reads the maps, takes the factors of the tables, and states its intervals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from landscapes import ARBOR, GRASS, Landscape, Lattice, cells, tabulated, tiling_zones
from scipy.stats import norm

from sinks.accounting.outcome import outcome
from sinks.accounting.sources_of_error import Assessed, assess
from sinks.accounting.summary import groups_of_zones, totals
from sinks.pipeline import Inventory
from sinks.uncertainty import factor_draws

LATTICE = Lattice(cell=2000.0, height=40, width=56)
DATES = (2017, 2020)
LENGTH_KM = 30.0
RHO = 0.6
ERROR = 15.0
NINETY = float(norm.ppf(0.95))
ASKED = {
    "stock of a league": ("stock_tC", ("Z1", "Z2", "Z3")), "stock of the region": ("stock_tC", ("P1", "P2")),
    "change of a league": ("removal_tCO2e_per_year", ("Z1", "Z2", "Z3")), "change of the region": ("removal_tCO2e_per_year", ("P1", "P2")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Study:
    """What stays the same in all repetitions."""

    folder: Path
    truth: Inventory
    landscape: Landscape
    root: np.ndarray

    def maps(self, random: np.random.Generator) -> Landscape:
        """The landscape as maps with errors show it."""
        shared, other = (self.root @ random.standard_normal(len(self.root)) for _ in range(2))
        fields = {DATES[0]: shared, DATES[1]: RHO * shared + np.sqrt(1 - RHO**2) * other}
        true = self.landscape.layers["aboveground_biomass"]
        read = {year: true[year] + ERROR * fields[year].reshape(LATTICE.shape) for year in DATES}
        return self.landscape.but(layers={**self.landscape.layers, "aboveground_biomass": read})


def study(folder: Path) -> Study:
    """A landscape of birch and steppe in three leagues, with its truth."""
    random = np.random.default_rng(1)
    rows, columns = np.indices(LATTICE.shape)
    first = 110.0 + 20.0 * np.sin(rows / 9.0) * np.cos(columns / 7.0) + 4.0 * random.random(LATTICE.shape)
    land = cells(LATTICE, ARBOR, (np.s_[:, 20:28], GRASS))
    layers = {
        "aboveground_biomass": {DATES[0]: first, DATES[1]: first + 6.0 + 3.0 * np.cos(rows / 5.0)},
        "biomass_error": {None: cells(LATTICE, ERROR)},
    }
    strata = {"climate": cells(LATTICE, 2), "soil": cells(LATTICE, 1), "vegetation_type": cells(LATTICE, 2)}
    wanted = Landscape(
        lattice=LATTICE, land=dict.fromkeys(DATES, land), layers=layers, strata=strata, zones=tiling_zones(LATTICE, 3, random),
        more={"uncertainty": {"lattice_km": 6.0, "correlation_km": LENGTH_KM, "rho_dates": RHO, "draws": 0}},
    )  # fmt: skip
    wanted = wanted.section("aboveground_biomass", se="biomass_error", epoch_bias=0.0)
    y, x = (one.ravel() * LATTICE.cell / 1000.0 for one in (rows, columns))
    correlation = np.exp(-np.hypot(y[:, None] - y, x[:, None] - x) / LENGTH_KM)
    return Study(folder, tabulated(wanted, folder / "truth").inventory(), wanted, np.linalg.cholesky(correlation + 1e-9 * np.eye(len(y))))


@dataclass(frozen=True, slots=True)
class Repetition:
    """Truths and, by model of the error, estimates and standard errors of the totals of one repetition."""

    truth: np.ndarray
    apart: np.ndarray
    value: np.ndarray
    errors: dict[str, np.ndarray]
    frame: pd.DataFrame


MODELS = {"right": 1.0, "half the correlation length": 0.5, "double the correlation length": 2.0}


def repetitions(wanted: Study, number: int, seed: int = 1, models: Sequence[str] = tuple(MODELS)) -> Iterator[Repetition]:
    """Repetitions of a study, one by one."""
    random = np.random.default_rng(seed)
    truth = wanted.truth
    moved = assess(truth.account, truth.factors, truth.evidence, None).moved
    shared = _truths(truth, factor_draws(truth.factors, moved, seed, number, "plain"))
    apart = [_truths(truth, factor_draws(truth.factors, moved, seed + 1 + league, number, "plain")) for league in range(3)]
    for one in range(number):
        read = tabulated(wanted.maps(random), wanted.folder / "maps").inventory()
        found = {name: _assessed(read, MODELS[name]) for name in models}
        first = found[models[0]]
        summed = totals(first.central.stocks, first.central.removals, groups_of_zones(read.zones))
        errors = {name: each.effects.summed(summed.members).standard_error() for name, each in found.items()}
        values = first.central.values[0]
        yield Repetition(
            truth=_sums(shared[one], summed.members), apart=_sums(_by_league(first, [draws[one] for draws in apart]), summed.members),
            value=_sums(values, summed.members), errors=errors, frame=summed.frame,
        )  # fmt: skip


def _truths(inventory: Inventory, factors: np.ndarray) -> np.ndarray:
    with_central = np.concatenate([inventory.factors.value[None, :], factors])
    return outcome(inventory.account, with_central).values[1:]


def _assessed(inventory: Inventory, times: float) -> Assessed:
    evidence = replace(inventory.evidence, correlation_km=LENGTH_KM * times)
    return assess(inventory.account, inventory.factors, evidence, None)


def _by_league(found: Assessed, draws: list[np.ndarray]) -> np.ndarray:
    """Leaves whose factors are those of their own league."""
    zones = np.concatenate([leaves.frame["zone"].to_numpy(dtype=object) for leaves in (found.central.stocks, found.central.removals)])
    return np.select([zones == f"Z{number + 1}" for number in range(3)], draws)


def _sums(values: np.ndarray, members: list[np.ndarray]) -> np.ndarray:
    return np.array([values[one].sum() for one in members])


def coverage(wanted: Study, number: int, seed: int = 1, models: Sequence[str] = tuple(MODELS)) -> pd.DataFrame:
    """Share of 90 % intervals that contain the truth: what is asked by the model of the error."""
    inside: dict[tuple[str, str], list[np.ndarray]] = {}
    for one in repetitions(wanted, number, seed, models):
        for asked, (quantity, zones) in ASKED.items():
            rows = one.frame["zone"].isin(zones) & (one.frame["quantity"] == quantity) & (one.frame["ecosystem"] == "forest")
            rows &= one.frame["approach"].isin(["stock", "stock_difference"]) & (one.frame["year"] == DATES[1])
            mine = np.flatnonzero(rows.to_numpy())
            for model, error in one.errors.items():
                inside.setdefault((asked, model), []).append(np.abs(one.value - one.truth)[mine] <= NINETY * error[mine])
            inside.setdefault((asked, "factors that differ by league"), []).append(
                np.abs(one.value - one.apart)[mine] <= NINETY * one.errors[models[0]][mine]
            )
    table = pd.Series({key: float(np.mean(found)) for key, found in inside.items()}).unstack()
    return table.loc[list(ASKED), [*models, "factors that differ by league"]]
