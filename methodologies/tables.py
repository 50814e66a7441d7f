"""Tables that every methodology meets: what the frame gives, and how a table of a project becomes columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aoi.table import Column, Table
from methodologies.contract import Columns

CODE = r"[0-9A-Za-z_.\u4e00-\u9fff-]{1,64}"
DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"


def text_column(name: str, title_zh: str, title_en: str, **more: Any) -> Column:
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
    return text_column(name, title_zh, title_en, pattern=DATE, **more)


STRATUM = text_column("stratum", "碳层", "Stratum", key=True, pattern=CODE)
STRATUM_OF = text_column("stratum", "碳层", "Stratum", needed=True, pattern=CODE)
STATED_AREA = decimal(
    "area_ha", "面积", "Area", "ha", minimum=0, optional=True, description="area of the certificate; closes with the parcels within 0.01 ha"
)
SURVEY = integer("survey", "期次", "Survey", key=True, minimum=1, maximum=2, description="1 at the start of the period, 2 at its end")

PLOT = text_column("plot", "样地", "Plot", key=True, pattern=r"[0-9A-Za-z_.\u4e00-\u9fff-]{1,64}")
SPECIES = text_column("species", "树种", "Species", key=True, description="Chinese or Latin name, or key")

PLOTS = Table(
    name="plots",
    title_zh="样地",
    title_en="Plots",
    row_per="permanent plot",
    columns=(
        PLOT,
        STRATUM_OF,
        text_column("parcel", "地块", "Parcel", optional=True),
        decimal("plot_area_m2", "样地面积", "Plot area", "m2", needed=True, minimum=1),
        decimal("lon", "经度", "Longitude", "degree", minimum=-180, maximum=180, optional=True),
        decimal("lat", "纬度", "Latitude", "degree", minimum=-90, maximum=90, optional=True),
        integer(
            "plants_1",
            "期初株数",
            "Plants at the first survey",
            minimum=0,
            optional=True,
            description="trees and shrubs recorded; checked where given",
        ),
        integer(
            "plants_2",
            "期末株数",
            "Plants at the second survey",
            minimum=0,
            optional=True,
            description="trees and shrubs recorded; checked where given",
        ),
    ),
)
TREES = Table(
    name="trees",
    title_zh="每木检尺",
    title_en="Trees",
    row_per="tree and survey",
    columns=(
        PLOT,
        SURVEY,
        text_column("tree", "树号", "Tree", key=True),
        text_column("species", "树种", "Species", needed=True, description="Chinese or Latin name, or key"),
        decimal("dbh_cm", "胸径", "Diameter at breast height", "cm", needed=True, minimum=0.1, maximum=300),
        decimal("height_m", "树高", "Height", "m", needed=True, minimum=0.1, maximum=60),
    ),
)
VOLUMES = Table(
    name="volumes",
    title_zh="样地蓄积",
    title_en="Volumes",
    row_per="plot, survey and species",
    columns=(
        PLOT,
        SURVEY,
        SPECIES,
        decimal("volume_m3_ha", "每公顷蓄积", "Volume over bark", "m3 ha-1", needed=True, minimum=0, maximum=1500),
    ),
)
SHRUBS = Table(
    name="shrubs",
    title_zh="灌木测量",
    title_en="Shrubs",
    row_per="plant and survey",
    columns=(
        PLOT,
        SURVEY,
        text_column("shrub", "株号", "Plant", key=True),
        text_column("species", "灌木种", "Species", needed=True, description="Chinese or Latin name, or key"),
        decimal("crown_1_m", "冠幅东西", "Crown diameter 1", "m", needed=True, minimum=0.01, maximum=20),
        decimal("crown_2_m", "冠幅南北", "Crown diameter 2", "m", needed=True, minimum=0.01, maximum=20),
        decimal("height_m", "株高", "Height", "m", needed=True, minimum=0.01, maximum=15),
        integer(
            "stands_for",
            "代表株数",
            "Plants that it stands for",
            minimum=1,
            optional=True,
            description="plants in the plot that this one was measured for; 1 where empty",
        ),
    ),
)

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
        text_column("id", "项目编号", "Project", key=True), date("start", "开工日期", "Start", needed=True),
        date("crediting_start", "计入期开始", "Crediting from", needed=True), date("crediting_end", "计入期结束", "Crediting to", needed=True),
        decimal("crediting_years", "计入期年数", "Crediting period", "yr", needed=True),
        date("application", "减排量登记申请日期", "Application for registration of reductions"),
    ),
)  # fmt: skip
PARCELS = Table(
    name="parcels", title_zh="地块", title_en="Parcels", row_per="parcel",
    columns=(
        text_column("parcel", "地块", "Parcel", key=True, pattern=CODE), STRATUM_OF,
        text_column("league", "盟市", "League", description="code of the league that holds most of it"),
        decimal("area_ha", "面积", "Area", "ha", needed=True, minimum=0, decimals=6),
        decimal("smallest_part_m2", "最小连片面积", "Smallest contiguous part", "m2", needed=True, minimum=0, decimals=3),
    ),
)  # fmt: skip
INVENTORY = Table(
    name="inventory", title_zh="清单碳密度", title_en="Densities of an inventory run", row_per="parcel, year and pool",
    columns=(
        text_column("parcel", "地块", "Parcel", key=True, pattern=CODE), integer("year", "年份", "Year", key=True, minimum=1900, maximum=2200),
        text_column("pool", "碳库", "Pool", key=True), decimal("area_ha", "面积", "Area", "ha", minimum=0),
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
            found[column.name] = np.array(series.to_numpy(dtype=np.float64, na_value=np.nan))
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
