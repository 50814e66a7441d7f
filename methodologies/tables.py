"""Tables that every methodology meets: what the frame gives, and how a table of a project becomes columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aoi.table import Column, Table
from methodologies.contract import Columns

CODE = r"[0-9A-Za-z_.\u4e00-\u9fff-]{1,64}"
DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"


def text(name: str, title_zh: str, title_en: str, **more: Any) -> Column:
    """A column of texts."""
    return Column(name=name, type="text", title_zh=title_zh, title_en=title_en, **more)


def decimal(name: str, title_zh: str, title_en: str, unit: str, **more: Any) -> Column:
    """A column of numbers with a unit; ``-`` for a plain number."""
    return Column(name=name, type="decimal", title_zh=title_zh, title_en=title_en, unit=unit, **more)


def integer(name: str, title_zh: str, title_en: str, **more: Any) -> Column:
    """A column of whole numbers."""
    return Column(name=name, type="integer", title_zh=title_zh, title_en=title_en, **more)


def flag(name: str, title_zh: str, title_en: str, **more: Any) -> Column:
    """A column of true and false."""
    return Column(name=name, type="boolean", title_zh=title_zh, title_en=title_en, **more)


def date(name: str, title_zh: str, title_en: str, **more: Any) -> Column:
    """A column of dates, written YYYY-MM-DD."""
    return text(name, title_zh, title_en, pattern=DATE, **more)


STRATUM = text("stratum", "碳层", "Stratum", key=True, pattern=CODE)
STRATUM_OF = text("stratum", "碳层", "Stratum", needed=True, pattern=CODE)
STATED_AREA = decimal(
    "area_ha", "面积", "Area", "ha", minimum=0, optional=True, description="area of the certificate; closes with the parcels within 0.01 ha"
)
SURVEY = integer("survey", "期次", "Survey", key=True, minimum=1, maximum=2, description="1 at the start of the period, 2 at its end")

PERIOD = Table(
    name="period", title_zh="核算期", title_en="Period", row_per="the monitoring period",
    columns=(
        date("start", "开始日期", "Start", key=True), date("end", "结束日期", "End", needed=True),
        decimal("years", "年数", "Years", "yr", needed=True, minimum=0),
        decimal("year_from", "起始时点", "Start, decimal year", "yr", needed=True), decimal("year_to", "终止时点", "End, decimal year", "yr", needed=True),
    ),
)  # fmt: skip
PROJECT = Table(
    name="project", title_zh="项目", title_en="Project", row_per="the project",
    columns=(
        text("id", "项目编号", "Project", key=True), date("start", "开工日期", "Start", needed=True),
        date("crediting_start", "计入期开始", "Crediting from", needed=True), date("crediting_end", "计入期结束", "Crediting to", needed=True),
        decimal("crediting_years", "计入期年数", "Crediting period", "yr", needed=True),
        date("application", "减排量登记申请日期", "Application for registration of reductions"),
    ),
)  # fmt: skip
PARCELS = Table(
    name="parcels", title_zh="地块", title_en="Parcels", row_per="parcel",
    columns=(
        text("parcel", "地块", "Parcel", key=True, pattern=CODE), STRATUM_OF,
        text("league", "盟市", "League", description="code of the league that holds most of it"),
        decimal("area_ha", "面积", "Area", "ha", needed=True, minimum=0, decimals=6),
        decimal("smallest_part_m2", "最小连片面积", "Smallest contiguous part", "m2", needed=True, minimum=0, decimals=3),
    ),
)  # fmt: skip
INVENTORY = Table(
    name="inventory", title_zh="清单碳密度", title_en="Densities of an inventory run", row_per="parcel, year and pool",
    columns=(
        text("parcel", "地块", "Parcel", key=True, pattern=CODE), integer("year", "年份", "Year", key=True, minimum=1900, maximum=2200),
        text("pool", "碳库", "Pool", key=True), decimal("area_ha", "面积", "Area", "ha", minimum=0),
        decimal("density_tC_ha", "碳密度", "Carbon density", "tC ha-1", needed=True),
    ),
)  # fmt: skip
FRAME_TABLES: Mapping[str, Table] = {"period": PERIOD, "project": PROJECT, "parcels": PARCELS}
"""What the frame makes from the project file and the boundary."""


def columns(frame: pd.DataFrame, table: Table) -> Columns:
    """The columns of a typed frame as arrays: texts (empty where missing), floats (NaN where missing), whole numbers, true and false."""
    found: dict[str, Any] = {}
    for column in table.columns:
        series = frame[column.name]
        if column.type == "text":
            found[column.name] = np.array(["" if one is None or one != one else str(one) for one in series.tolist()], dtype=object)
        elif column.type == "decimal":
            found[column.name] = series.to_numpy(dtype=np.float64, na_value=np.nan)
        elif column.type == "integer":
            found[column.name] = series.fillna(-1).to_numpy(dtype=np.int64)
        else:
            found[column.name] = series.fillna(False).to_numpy(dtype=bool)
    return found


def empty(table: Table) -> Columns:
    """A table without rows."""
    return columns(table.frame(), table)


def units_of(table: Table) -> dict[str, str]:
    """Unit of each column of decimal numbers."""
    return {column.name: column.unit for column in table.columns if column.type == "decimal" and column.unit}


def table_of(tables: Mapping[str, Table], name: str) -> Table:
    """The declaration of a table of a methodology or of the frame."""
    return tables[name] if name in tables else FRAME_TABLES[name]
