"""What a run folder says for the offset: leagues, the removal S of each year with its interval, memo items."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pandas as pd

from aoi.codes import REGION, league_names
from sinks import tables
from sinks.accounting.summary import OFFSET
from sinks.assessment.movements import decimal_of
from sinks.assessment.rule import Removal
from sinks.config import PolicySection
from sinks.uncertainty import Z95

PARCELS = "parcels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The tables of a run that the offset stands on.

    Parameters
    ----------
    zones, summary, removals, factors : DataFrame
        Tables of the run.
    covariance : DataFrame or None
        Table `covariance`, where the run has made it.
    approach : str
        The approach that speaks for the offset, as the summary calls it.
    approaches : mapping
        Ecosystem -> approach of its leaves, where they differ.
    monte_carlo : bool
        Whether intervals are those of the Monte Carlo.
    """

    zones: pd.DataFrame
    summary: pd.DataFrame
    removals: pd.DataFrame
    covariance: pd.DataFrame | None
    factors: pd.DataFrame
    approach: str
    monte_carlo: bool
    approaches: Mapping[str, str] = field(default_factory=dict)

    @property
    def league_of(self) -> dict[str, str]:
        """Zone -> the league whose account it is in: itself, or its parent where the zones are counties of leagues."""
        main = self.zones[self.zones["zone_set"] != PARCELS]
        parents = dict(zip(main["zone"], main["parent"].fillna(""), strict=True))
        counties = bool(parents) and all(parent in league_names() for parent in parents.values())
        return {zone: parent if counties else zone for zone, parent in parents.items()}

    @property
    def leagues(self) -> list[str]:
        """Codes of the leagues, sorted."""
        return sorted(set(self.league_of.values()))

    @property
    def region(self) -> str:
        """Code of the row that is the sum of the leagues."""
        if set(self.leagues) <= set(league_names()):
            return REGION
        parents = {str(one) for one in self.zones.loc[self.zones["zone"].isin(self.leagues), "parent"].dropna()} - set(self.leagues) - {""}
        return parents.pop() if len(parents) == 1 else "all"

    def interval_of(self, year: int) -> tuple[int, int, str] | None:
        """(year_from, year, time basis) of the summary rows that speak for a calendar year: its own, else the interval that holds it."""
        rows = self._offset_rows()
        keys = sorted({(int(a), int(b), str(c)) for a, b, c in rows[["year_from", "year", "time_basis"]].itertuples(index=False)})
        own = [key for key in keys if key[2] == "year" and key[1] == year]
        inside = [key for key in keys if key[2] == "interval_mean" and key[0] < year <= key[1]]
        return next(iter([*own, *inside]), None)

    def last_interval(self) -> tuple[int, ...]:
        """Calendar years of the last interval of the run."""
        rows = self._offset_rows()
        if not len(rows):
            return ()
        last = rows.loc[rows["year"] == rows["year"].max()].iloc[0]
        first = int(last["year"]) if last["time_basis"] == "year" else int(last["year_from"]) + 1
        return tuple(range(first, int(last["year"]) + 1))

    def _offset_rows(self) -> pd.DataFrame:
        rows = self.summary
        return rows[(rows["quantity"] == OFFSET) & (rows["ecosystem"] == "total") & (rows["approach"] == self.approach)]

    def removal(self, zone: str, year: int) -> tuple[Removal | None, str]:
        """S of a zone in a year, and what its total leaves out; none where nothing was estimated."""
        key = self.interval_of(year)
        if key is None:
            return None, "year"
        rows = self._offset_rows()
        rows = rows[(rows["zone"] == zone) & (rows["year_from"] == key[0]) & (rows["year"] == key[1])]
        if not len(rows):
            return None, "league"
        row = rows.iloc[0]
        lacks = str(row["not_estimated"] or "")
        if row["value_flag"] == "NO":
            return Removal(value=Decimal("0.000")), lacks
        if row["value"] != row["value"]:
            return None, lacks or "total"
        prefix = "mc_" if self.monte_carlo else ""
        parts = {
            name: decimal_of(row[f"{prefix}{name}"]) if row[f"{prefix}{name}"] == row[f"{prefix}{name}"] else None
            for name in ("se", "low", "high")
        }
        return Removal(value=decimal_of(row["value"]), **parts), lacks

    def region_error(self, year: int) -> Decimal | None:
        """Standard error of the sum of S over the leagues that have one, from their covariance; None where the run has not all of it."""
        leagues = [league for league in self.leagues if self.removal(league, year)[0] is not None]
        key = self.interval_of(year)
        if self.covariance is None or key is None:
            return None
        rows = self.covariance
        same = (rows["quantity"] == OFFSET) & (rows["ecosystem"] == "total") & (rows["approach"] == self.approach)
        for side in ("", "_with"):
            same &= (rows[f"year_from{side}"] == key[0]) & (rows[f"year{side}"] == key[1]) & rows[f"zone{side}"].isin(leagues)
        value = rows.loc[same, "mc_covariance" if self.monte_carlo else "covariance"]
        pairs = {tuple(sorted(pair)) for pair in rows.loc[same, ["zone", "zone_with"]].itertuples(index=False)}
        n = len(leagues)
        if not n or len(pairs) != n * (n + 1) // 2 or len(value) != len(pairs) or value.isna().any():
            return None
        twice = (rows.loc[same, "zone"] != rows.loc[same, "zone_with"]) + 1
        variance = math.fsum((value * twice).tolist())
        return decimal_of(math.sqrt(variance)) if variance >= 0 else None

    def marsh_methane(self, league: str, year: int) -> Decimal:
        """Methane of natural marsh as an emission [t CO2e], in S or not."""
        key = self.interval_of(year)
        if key is None:
            return Decimal("0.000")
        rows = self.rows_of([zone for zone, of in self.league_of.items() if of == league], key)
        rows = rows[(rows["ecosystem"] == "wetland") & (rows["gas"] == "CH4") & (rows["component"] != "fire_non_co2")]
        return -total(rows)

    def rows_of(self, zones: Sequence[str], key: tuple[int, int, str]) -> pd.DataFrame:
        """Leaves of the removals of some zones and an interval that have a value."""
        rows = self.removals
        wanted = rows["ecosystem"].map(self.approaches) if self.approaches else self.approach
        return rows[
            rows["zone"].isin(zones) & (rows["year_from"] == key[0]) & (rows["year"] == key[1]) & (rows["approach"] == wanted)
            & (rows["value_flag"] == "V")
        ]  # fmt: skip

    @property
    def unverified(self) -> int:
        """How many factors in use nobody has verified."""
        return int((~self.factors["verified"].fillna(False).astype(bool)).sum())


def total(rows: pd.DataFrame) -> Decimal:
    """The exact decimal sum of leaves of the removals."""
    return sum((decimal_of(one) for one in rows["removal_tCO2e_per_year"].tolist()), Decimal("0.000"))


def half_width() -> Decimal:
    """Half of a 95 % interval of a normal distribution, in standard errors."""
    return Decimal(repr(Z95))


def read_basis(out: Path, policy: PolicySection, frames: Mapping[str, pd.DataFrame] | None = None) -> Basis:
    """The tables of a run folder under a policy; some of them may be given, as another policy makes them.

    Raises
    ------
    InputError
        A table is missing or not as declared.
    """
    folder = out / "tables"
    given = dict(frames or {})
    for table in (tables.ZONES, tables.SUMMARY, tables.REMOVALS, tables.FACTORS_USED):
        given.setdefault(table.name, table.read(folder / f"{table.name}.csv"))
    path = folder / "covariance.csv"
    covariance = given.get("covariance", tables.COVARIANCE.read(path) if path.exists() else None)
    return Basis(
        zones=given["zones"], summary=given["summary"], removals=given["removals"], factors=given["factors_used"], covariance=covariance,
        approach=policy.approach, approaches=policy.approaches, monte_carlo=policy.interval == "monte_carlo",
    )  # fmt: skip
