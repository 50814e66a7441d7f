"""The parameters of a methodology: each a row with unit, range, source and evidence, drawn once and asked for by name.

The file of a module has the columns of the factor tables, and may hold a row without
a value: a number that no source gives. It must then come from the user, with a
source, or the run stops and names it; one marked ``optional`` may stay unknown.
``species`` is the key of a plant in `methodologies/species.csv`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, errors, finding
from aoi.table import Column, Table, decode
from methodologies.contract import Array
from methodologies.dimensions import quantity, unit_of
from methodologies.trace import Origins
from sinks.factors.resolver import Resolver, central, standard_error
from sinks.factors.table import FACTORS, SOURCES, USER_TAG, FactorTable, check_factors
from sinks.uncertainty import factor_draws
from sinks.units import C_TO_CO2, KG_TO_T, M2_TO_HA

Floats = NDArray[np.float64]

CONSTANTS: Mapping[str, tuple[float, str]] = {
    "co2_per_carbon": (C_TO_CO2, "tCO2e (tC)-1"),
    "t_per_kg": (KG_TO_T, "t kg-1"),
    "t_per_g": (KG_TO_T**2, "t g-1"),
    "ha_per_m2": (M2_TO_HA, "ha m-2"),
    "no_density": (0.0, "tCO2e ha-1"),
}
"""Ratios of units, and nothing in its unit, which a module asks for like parameters, so that the check of dimensions sees them."""


def _column(name: str) -> Column:
    return FACTORS.column(name)


PARAMETERS = Table(
    name="parameters", title_zh="方法学参数", title_en="Parameters", row_per="parameter",
    columns=(
        _column("id"), _column("name"),
        Column(name="title_zh", type="text", title_zh="中文名称", title_en="Chinese title", optional=True),
        Column(name="title_en", type="text", title_zh="英文名称", title_en="English title", optional=True),
        Column(name="species", type="text", title_zh="树种或灌木", title_en="Species", optional=True, pattern=r"[a-z0-9_]+(\|[a-z0-9_]+)*"),
        _column("climate"), _column("soil"), _column("value_from"), _column("value_to"),
        Column(name="value", type="decimal", title_zh="取值", title_en="Value", description="empty = unknown: the user gives it"),
        _column("unit"), _column("distribution"), _column("low"), _column("high"), _column("range_kind"),
        Column(name="source", type="text", title_zh="来源", title_en="Source", description="id of the sources table, or a citation"),
        _column("locator"), _column("tag"), _column("verified"),
        Column(name="verify", type="text", title_zh="待核实编号", title_en="Register of what is to be verified", optional=True, pattern=r"V-\d\d"),
        Column(name="optional", type="boolean", title_zh="可缺省", title_en="May stay unknown", optional=True),
        Column(name="rule", type="boolean", title_zh="规则规定", title_en="Set by the rule", optional=True,
               description="a limit, rate or convention of the rule and no estimate; an interval does not lack its range"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParameterTable:
    """The parameters of a module with a user's changes.

    Parameters
    ----------
    frame : DataFrame
        Rows of `PARAMETERS`.
    factors : FactorTable
        The rows that have a value.
    """

    frame: pd.DataFrame
    factors: FactorTable
    citations: Mapping[str, str]
    overrides: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame: pd.DataFrame, citations: Mapping[str, str], overrides: tuple[str, ...] = ()) -> "ParameterTable":
        """The parameters of a typed frame."""
        known = frame[frame["value"].notna()].rename(columns={"species": "vegetation_type"})
        constants = pd.DataFrame(
            [
                {"id": name, "name": name, "value": value, "unit": unit, "source": "BIPM", "tag": "K:1.0", "verified": True}
                for name, (value, unit) in CONSTANTS.items()
            ]
        )
        factors = FactorTable.of(FACTORS.typed(pd.concat([known, constants], ignore_index=True)), overrides)
        return cls(frame=frame, factors=factors, citations=citations, overrides=overrides)

    def with_values(self, values: Mapping[str, float]) -> "ParameterTable":
        """The same parameters with other values and no range, as a worked example uses them.

        Raises
        ------
        KeyError
            No parameter has this id.
        """
        frame = self.frame.copy()
        for id, value in values.items():
            rows = frame["id"] == id
            if not rows.any():
                raise KeyError(id)
            frame.loc[rows, "value"] = float(value)
            frame.loc[rows, ["low", "high"]] = np.nan
            frame.loc[rows, ["distribution", "range_kind"]] = None
        return type(self).of(frame, self.citations, self.overrides)

    def citation(self, source: str) -> str:
        """The citation of a source id; any other text as it stands."""
        return self.citations.get(source, source)

    def unknown(self, name: str) -> pd.DataFrame:
        """Rows of a name that have no value."""
        return self.frame[(self.frame["name"] == name) & self.frame["value"].isna()]


def read_parameters(path: Path, where: str) -> tuple[ParameterTable, list[Finding]]:
    """The parameters of a module and what is wrong with them.

    Raises
    ------
    InputError
        The file cannot be read as a table.
    """
    text, _ = decode(path, where)
    frame, found = PARAMETERS.parse(text, where)
    if errors(found):
        raise InputError(found)
    found += check_parameters(frame, where)
    return ParameterTable.of(frame, citations_of(path)), found


def citations_of(path: Path) -> dict[str, str]:
    """Citations by id: those of the program, and those of a ``sources.csv`` beside a file."""
    beside = path.with_name("sources.csv")
    shipped = dict(FactorTable.shipped().citations)
    if beside.is_file():
        own = SOURCES.read(beside)
        shipped |= dict(zip(own["id"], own["citation"], strict=True))
    return shipped


def check_parameters(frame: pd.DataFrame, where: str) -> list[Finding]:
    """A source for every row, a unit that is one, a range that is whole, a value or the mark that nobody gives one."""
    found: list[Finding] = []
    for row in frame.to_dict("records"):
        place = f"{where}: {row['id']}"
        if not row["source"]:
            found.append(finding("E-METHOD-05", place, id=row["id"]))
        try:
            unit_of(str(row["unit"] or ""))
        except ValueError:
            found.append(finding("E-METHOD-12", place, unit=row["unit"]))
        if row["value"] != row["value"] and row["tag"] != "U":
            found.append(finding("E-METHOD-17", place, id=row["id"]))
    for name, rows in frame.groupby("name"):
        for unit in sorted(set(rows["unit"].fillna("-")))[1:]:
            found.append(finding("E-METHOD-19", f"{where}: {name}", unit=unit, expected=min(rows["unit"].fillna("-"))))
    known = frame[frame["value"].notna() & frame["source"].notna()].rename(columns={"species": "vegetation_type"}).reset_index(drop=True)
    return found + check_factors(FACTORS.typed(known), where)


def with_overrides(table: ParameterTable, text: str, where: str) -> ParameterTable:
    """The parameters with the rows of a user's file: a value and its source by id; what a parameter is and where it applies stay.

    Raises
    ------
    InputError
        With all findings of the file: an id that the methodology has not, another
        unit, no source, a value outside its range.
    """
    user = Table(
        name="parameters", title_zh=PARAMETERS.title_zh, title_en=PARAMETERS.title_en, row_per="parameter",
        columns=(_column("id"), _column("value"), _column("unit"), _column("distribution"), _column("low"), _column("high"),
                 _column("range_kind"), _column("source"), _column("locator"), _column("verified")),
    )  # fmt: skip
    given, found = user.parse(text, where)
    if errors(found):
        raise InputError(found)
    frame = table.frame.set_index("id", drop=False)
    for row in given.to_dict("records"):
        place = f"{where}: {row['id']}"
        if row["id"] not in frame.index:
            found.append(finding("E-METHOD-18", place, id=row["id"], known=", ".join(table.frame["id"])))
            continue
        if row["unit"] and row["unit"] != frame.at[row["id"], "unit"]:
            found.append(finding("E-METHOD-19", place, unit=row["unit"], expected=frame.at[row["id"], "unit"]))
        for name in ("value", "distribution", "low", "high", "range_kind", "source", "locator"):
            frame.at[row["id"], name] = row[name]
        frame.at[row["id"], "tag"] = USER_TAG
        frame.at[row["id"], "verified"] = bool(row["verified"]) if row["verified"] is not pd.NA else False
    changed = PARAMETERS.typed(frame.reset_index(drop=True))
    found += check_parameters(changed[changed["id"].isin(given["id"])].reset_index(drop=True), where)
    if errors(found):
        raise InputError(found)
    return ParameterTable.of(changed, table.citations, tuple(sorted({*table.overrides, *given["id"]})))


def draws_of(table: FactorTable, count: int, seed: int) -> Floats:
    """Values of all factors, shape (1 + count, factors): the central values, then draws by (seed, id); one without a range stays."""
    if not count:
        return central(table)
    moved = np.flatnonzero(standard_error(table) > 0)
    return np.concatenate([central(table), factor_draws(table, moved, seed, count, "plain")])


class DrawnParameters:
    """Parameters with their values per draw; remembers what was asked and what was missing."""

    def __init__(self, table: ParameterTable, draws: int = 0, seed: int = 1, with_units: bool = False) -> None:
        self.table = table
        self.resolver = Resolver(table.factors, draws_of(table.factors, draws, seed))
        self.with_units = with_units
        self.asked: list[tuple[str, ...]] = []
        self._origins = Origins()
        self._unknown: dict[str, Finding] = {}

    def __call__(self, name: str, *, species: Any = "", climate: Any = "", soil: Any = "", value: Any = None) -> Array:
        """Values of a parameter, shape (draws, n); NaN, and remembered as missing, where no row fits."""
        density = getattr(value, "magnitude", value)
        resolved = self.resolver(name, vegetation_type=_key(species), climate=_key(climate), soil=_key(soil), value=density)
        if (resolved.rows < 0).any():
            self._miss(name)
        values = resolved.values
        values.flags.writeable = False
        rows = np.unique(resolved.rows[resolved.rows >= 0])
        result = quantity(values, str(self.table.factors.unit[rows[0]])) if self.with_units and len(rows) else values
        ids = ", ".join(dict.fromkeys(str(id) for id in resolved.ids if id))
        self._origins.remember(result, ids)
        return result

    def standard_error(self, name: str, *, species: Any = "", climate: Any = "", soil: Any = "") -> Array:
        """Standard errors of a parameter from its stated range, shape (1, n); zero where none is stated."""
        resolved = self.resolver(name, vegetation_type=_key(species), climate=_key(climate), soil=_key(soil))
        errors_of = np.nan_to_num(standard_error(self.table.factors))
        found = np.where(resolved.rows < 0, np.nan, errors_of[resolved.rows])[np.newaxis, :]
        rows = resolved.rows[resolved.rows >= 0]
        return quantity(found, str(self.table.factors.unit[rows[0]])) if self.with_units and len(rows) else found

    def optional(self, name: str) -> Array | None:
        """Values of a parameter that may stay unknown; none where nobody gave it."""
        return self(name) if len(self.table.factors.rows(name)) else None

    def origin(self, values: Any) -> str:
        """Ids of the parameters that an array came from; empty for any other array."""
        return self._origins.of(values)

    @property
    def draws(self) -> int:
        """How many draws there are beside the central values."""
        return len(self.resolver.values) - 1

    @property
    def used(self) -> list[str]:
        """Ids of the parameters that were asked for, without the ratios of units."""
        return [str(id) for id in self.table.factors.id[self.resolver.used] if id not in CONSTANTS]

    @property
    def unranged(self) -> list[str]:
        """Ids of used parameters that are estimates and state no range."""
        errors_of = standard_error(self.table.factors)
        still = {str(self.table.factors.id[row]) for row in self.resolver.used if not errors_of[row] > 0}
        frame = self.table.frame
        return [str(row["id"]) for row in frame.to_dict("records") if row["id"] in still and row["rule"] is not True]

    def missing(self, where: str) -> list[Finding]:
        """A finding for each number that was asked for and that nobody gave."""
        unknown = list(self._unknown.values())
        named = set(self._unknown)
        return unknown + [
            one
            for one in self.resolver.missing_findings(where)
            if not any(str(one.values["request"]).startswith(f"{name} ") for name in named)
        ]

    def _miss(self, name: str) -> None:
        rows = self.table.unknown(name)
        if len(rows):
            row = rows.iloc[0]
            self._unknown[name] = finding(
                "E-QUANT-02",
                str(row["id"]),
                name=name,
                unit=row["unit"] or "-",
                title_zh=row["title_zh"] or name,
                title_en=row["title_en"] or name,
                locator=row["locator"] or "-",
            )


def _key(values: Any) -> Any:
    if isinstance(values, str):
        return values
    found: Sequence[str] = ["" if one is None else str(one) for one in np.asarray(values, dtype=object).tolist()]
    return np.array(found, dtype=object)


PARAMETERS_USED = Table(
    name="parameters_used", title_zh="所用参数", title_en="Parameters used", row_per="parameter",
    columns=(
        Column(name="id", type="text", title_zh="参数编号", title_en="Parameter id", key=True),
        Column(name="title_zh", type="text", title_zh="中文名称", title_en="Chinese title"),
        Column(name="title_en", type="text", title_zh="英文名称", title_en="English title"),
        Column(name="value", type="decimal", title_zh="取值", title_en="Value"),
        Column(name="unit", type="text", title_zh="单位", title_en="Unit"),
        Column(name="low", type="decimal", title_zh="下限", title_en="Low"),
        Column(name="high", type="decimal", title_zh="上限", title_en="High"),
        Column(name="range_kind", type="text", title_zh="范围含义", title_en="Range kind"),
        Column(name="source", type="text", title_zh="来源", title_en="Source"),
        Column(name="locator", type="text", title_zh="出处位置", title_en="Locator"),
        Column(name="tag", type="text", title_zh="证据标签", title_en="Evidence tag"),
        Column(name="verified", type="boolean", title_zh="已核实", title_en="Verified"),
        Column(name="verify", type="text", title_zh="待核实编号", title_en="To be verified"),
        Column(name="overridden", type="boolean", title_zh="用户改写", title_en="Overridden by the user"),
    ),
)  # fmt: skip


def used_frame(parameters: DrawnParameters) -> pd.DataFrame:
    """Parameters that a quantification used, the unverified first in documents and by id in files."""
    table = parameters.table
    rows = table.frame[table.frame["id"].isin(parameters.used)].reset_index(drop=True)
    frame = rows.assign(
        source=[table.citation(str(source)) for source in rows["source"]],
        overridden=rows["id"].isin(table.overrides),
        verified=rows["verified"].fillna(False),
    )
    return PARAMETERS_USED.sorted(PARAMETERS_USED.typed(frame))
