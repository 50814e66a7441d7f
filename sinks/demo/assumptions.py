"""The numbers of the scenario, read from the tables beside this file."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
DATES = (2017, 2020, 2023)
REAL_DATE = 2020
"""The date that the real land-cover map stands for; a change is told by what it was before or became after."""
WINDOW = 3
"""Years of NDVI that are averaged for a date: the date and those before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of land that the scenario plans.

    Parameters
    ----------
    code_from, code_to : int
        Classes at ``year_from`` and ``year_to``; the real map has one of the two.
    near : tuple of int
        Classes that patches keep close to.
    area_km2 : float
        Area aimed at; whole cells make it a little more.
    """

    kind: str
    year_from: int
    year_to: int
    code_from: int
    code_to: int
    league: str
    near: tuple[int, ...]
    area_km2: float

    @property
    def real_code(self) -> int:
        """The class of its cells on the real map."""
        return self.code_to if self.year_to <= REAL_DATE else self.code_from


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassBiomass:
    """Aboveground biomass of a class of the map: none on water, else a share of ``full`` by NDVI."""

    code: int
    stand: str
    full: float
    ndvi_low: float
    ndvi_full: float


@lru_cache(maxsize=1)
def changes() -> tuple[Change, ...]:
    """The planned changes in their order; a cell that one has taken is free no more."""
    return tuple(
        Change(
            kind=row["kind"], year_from=int(row["year_from"]), year_to=int(row["year_to"]), code_from=int(row["code_from"]),
            code_to=int(row["code_to"]), league=row["league"], near=tuple(map(int, row["near"].split())), area_km2=float(row["area_km2"]),
        )
        for row in rows("changes.csv")
    )  # fmt: skip


@lru_cache(maxsize=1)
def class_biomass() -> tuple[ClassBiomass, ...]:
    """Biomass by class."""
    return tuple(
        ClassBiomass(
            code=int(row["code"]), stand=row["stand"], full=float(row["full_t_per_ha"]),
            ndvi_low=float(row["ndvi_low"]), ndvi_full=float(row["ndvi_full"]),
        )
        for row in rows("classes.csv")
    )  # fmt: skip


def codes_of(stand: str) -> tuple[int, ...]:
    """Class codes of trees, shrubs, herbs or water."""
    return tuple(one.code for one in class_biomass() if one.stand == stand)


@lru_cache(maxsize=1)
def growth() -> dict[str, dict[str, float]]:
    """Yearly growth of aboveground biomass on unchanged land [t ha-1 a-1]: stand -> league -> value."""
    table = rows("growth.csv")
    return {stand: {row["league"]: float(row[f"{stand}_t_per_ha_per_year"]) for row in table} for stand in ("tree", "shrub")}


@lru_cache(maxsize=1)
def ndvi_years() -> dict[int, float]:
    """Wetness of every year: the factor on the NDVI maximum."""
    return {int(row["year"]): float(row["ndvi_factor"]) for row in rows("years.csv")}


@lru_cache(maxsize=1)
def ndvi_of_kinds() -> dict[str, tuple[float, float]]:
    """Factor on the NDVI maximum of changed land before and after, where the real map shows the other side."""
    return {row["kind"]: (float(row["factor_before"]), float(row["factor_after"])) for row in rows("ndvi_kinds.csv")}


def assumption(name: str) -> float:
    """A number of ``assumptions.csv`` by its name."""
    return _assumptions()[name]


@lru_cache(maxsize=1)
def _assumptions() -> dict[str, float]:
    return {row["name"]: float(row["value"]) for row in rows("assumptions.csv")}


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table of the demonstration."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
