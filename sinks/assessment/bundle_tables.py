"""The tables inside a package: their declarations, and their rows from the tables of a run."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from aoi.codes import REGION, league_names
from aoi.table import Column, Table
from aoi.texts import catalogue, text
from sinks import tables
from sinks.assessment.basis import Basis
from sinks.assessment.values import value
from sinks.assessment.words import policy_words
from sinks.config import PolicySection
from sinks.legends.legend import land_classes

STATUSES = ("provisional", "final", "withdrawn")
REASON_CODES = ("INPUT", "FACTOR", "METHOD", "BOUNDARY", "ERROR", "CCER")
_CODE = r"[0-9A-Za-z_.\-]{1,64}"


def _text(name: str, zh: str, en: str, **more: Any) -> Column:
    return Column(name=name, type="text", title_zh=zh, title_en=en, **more)


def _year(name: str, zh: str, en: str, key: bool = True) -> Column:
    return Column(name=name, type="integer", title_zh=zh, title_en=en, key=key, minimum=1900, maximum=2200)


def _decimal(name: str, zh: str, en: str, unit: str = "") -> Column:
    return Column(name=name, type="decimal", title_zh=zh, title_en=en, unit=unit, decimals=3)


def _not_key(column: Column) -> Column:
    return replace(column, key=False, needed=column.needed or column.key)


OFFSET = Table(
    name="offset", title_zh="盟市碳汇抵扣", title_en="Offsets of the leagues", row_per="record and revision",
    columns=(
        _text("record_id", "记录编号", "Record", key=True, pattern=r"[0-9A-Za-z_.\-]{1,64}:[0-9]{6}:[0-9]{4}", description="product:league:year"),
        Column(name="revision", type="integer", title_zh="修订号", title_en="Revision", key=True, minimum=1),
        _text("status", "状态", "Status", needed=True, choices=STATUSES),
        _text("value_flag", "数值标志", "Value flag", needed=True, choices=tables.VALUE_FLAGS),
        *(_not_key(column) for column in tables.OFFSETS.columns),
    ),
)  # fmt: skip
INVENTORY = Table(
    name="inventory", title_zh="清单明细", title_en="Leaves of the inventory", row_per="league, year, quantity and what it is made of",
    columns=(
        _text("league", "盟市", "League", key=True, pattern=_CODE),
        _year("year", "年份", "Year"), _year("year_from", "起始年份", "Year from"),
        _text("quantity", "指标", "Quantity", key=True, choices=("stock_tC", "removal_tCO2e_per_year")),
        _text("approach", "核算方法", "Approach", key=True, choices=(*tables.APPROACHES, "stock")),
        _text("account", "账户", "Account", key=True, choices=("offset", "memo", "stock")),
        tables.ECOSYSTEM, tables.LAND_CLASS,
        _text("transition", "变化", "Transition", key=True, choices=("remaining", "converted", "none")),
        tables.POOL_OF_REMOVALS,
        _text("component", "组分", "Component", key=True, choices=(*tables.COMPONENTS, "stock")),
        _text("gas", "气体", "Gas", key=True, choices=("CO2", "CH4", "N2O", "C")),
        tables.SOIL_DEPTH,
        _decimal("value", "数值", "Value", "t C or t CO2e per year"),
        _decimal("low", "95%下限", "Low end, 95 %"), _decimal("high", "95%上限", "High end, 95 %"),
        _text("value_flag", "数值标志", "Value flag", needed=True, choices=tables.VALUE_FLAGS),
        _text("reason", "原因", "Reason"),
    ),
)  # fmt: skip
CHANGE = Table(
    name="change", title_zh="地类变化", title_en="Change of land classes", row_per="league, interval, classes at both dates",
    columns=(
        _text("league", "盟市", "League", key=True, pattern=_CODE), _year("year_from", "起始年份", "Year from"), _year("year_to", "终止年份", "Year to"),
        _text("land_from", "起始地类", "Land class at the start", key=True, choices=tables.LAND_CLASSES),
        _text("land_to", "终止地类", "Land class at the end", key=True, choices=tables.LAND_CLASSES),
        _decimal("area_ha", "面积", "Area", "ha"),
    ),
)  # fmt: skip
CCER = Table(
    name="ccer", title_zh=tables.UNITS.title_zh, title_en=tables.UNITS.title_en, row_per=tables.UNITS.row_per, columns=tables.UNITS.columns
)
RESTATEMENT = Table(
    name="restatement", title_zh="重述", title_en="Restatements", row_per="record and field that changed",
    columns=(
        _text("record_id", "记录编号", "Record", key=True), _text("field", "列", "Field", key=True),
        Column(name="old_revision", type="integer", title_zh="原修订号", title_en="Revision before", minimum=1),
        _decimal("old_value", "原值", "Value before"), _decimal("new_value", "新值", "New value"), _decimal("difference", "差", "Difference"),
        _text("reason_code", "原因代码", "Reason code", needed=True, choices=REASON_CODES), _text("reason_text", "原因", "Reason", needed=True),
        _text("approved_by", "批准人", "Approved by", needed=True), _text("approved_on", "批准日期", "Approved on", needed=True, pattern=r"\d{4}-\d{2}-\d{2}"),
    ),
)  # fmt: skip
REASONS = Table(
    name="reasons", title_zh="重述原因", title_en="Reasons of restatements", row_per="record and field; * stands for all",
    columns=(RESTATEMENT.column("record_id"), RESTATEMENT.column("field"), *RESTATEMENT.columns[6:]),
)  # fmt: skip
"""What the user gives for a revision."""
DIVISION = Table(
    name="division", title_zh="行政区划", title_en="Divisions", row_per="division",
    columns=(
        _text("code", "代码", "Code", key=True, pattern=_CODE), _text("name_zh", "中文名", "Chinese name", needed=True),
        _text("name_en", "英文名", "English name", needed=True), _text("level", "级别", "Level", needed=True, choices=("region", "league")),
        _text("parent", "上级", "Parent"),
    ),
)  # fmt: skip
CODES = Table(
    name="codes", title_zh="代码表", title_en="Code lists", row_per="list and code",
    columns=(
        _text("list", "代码表", "List", key=True), _text("code", "代码", "Code", key=True),
        _text("name_zh", "中文名", "Chinese name", needed=True), _text("name_en", "英文名", "English name", needed=True),
    ),
)  # fmt: skip
POLICY = Table(
    name="policy", title_zh="政策口径", title_en="Choices of the policy", row_per="choice",
    columns=(
        _text("key", "键", "Key", key=True), _text("setting", "取值", "Setting"),
        _text("statement_zh", "中文说明", "Statement in Chinese", needed=True), _text("statement_en", "英文说明", "Statement in English", needed=True),
    ),
)  # fmt: skip
UNVERIFIED = Table(
    name="unverified", title_zh="未核实的系数", title_en="Factors that nobody has verified", row_per="factor",
    columns=tuple(tables.FACTORS_USED.column(name) for name in ("id", "name", "value", "unit", "source", "locator", "tag")),
)  # fmt: skip
FINDINGS = Table(
    name="findings", title_zh="提示", title_en="Findings", row_per="finding",
    columns=(
        Column(name="number", type="integer", title_zh="序号", title_en="Number", key=True, minimum=1),
        *(_text(name, zh, en) for name, zh, en in (
            ("id", "编号", "Id"), ("where", "位置", "Where"), ("message_zh", "内容", "Message in Chinese"), ("message_en", "英文内容", "Message in English"),
            ("found_zh", "实际", "Found, in Chinese"), ("found_en", "英文实际", "Found, in English"))),
    ),
)  # fmt: skip


def csv_text(table: Table, frame: pd.DataFrame) -> str:
    """The text of a table in a package: every text in quotes, numbers bare with fixed decimals, LF, sorted by key."""
    ready = table.sorted(table.typed(frame)) if table.key else table.typed(frame)
    bare = csv.reader(io.StringIO(table.to_csv(ready), newline=""))
    texts = [column.type in ("text", "boolean") for column in table.columns]
    next(bare)
    lines = [",".join(table.names)]
    for cells in bare:
        lines.append(",".join(f'"{_quoted(cell)}"' if is_text and cell else cell for cell, is_text in zip(cells, texts, strict=True)))
    return "\n".join(lines) + "\n"


def _quoted(cell: str) -> str:
    return cell.replace('"', '""')


def offset_rows(offsets: pd.DataFrame, product: str, revision: int, status: str) -> pd.DataFrame:
    """Rows of `OFFSET`; of a withdrawn package the keys alone."""
    rows = offsets.copy()
    withdrawn = status == "withdrawn"
    flags = ["NA" if withdrawn else "V" if settled else "NE" for settled in rows["offset_trial_tCO2e"].notna()]
    if withdrawn:
        for name in rows.columns:
            if name.endswith("_tCO2e"):
                rows[name] = float("nan")
        rows["not_estimated"] = None
    ids = [f"{product}:{league}:{year}" for league, year in zip(rows["league"], rows["year"], strict=True)]
    return OFFSET.typed(rows.assign(record_id=ids, revision=revision, status=status, value_flag=flags))


def inventory_rows(basis: Basis, stocks: pd.DataFrame) -> pd.DataFrame:
    """Leaves of the leagues: stocks and removals, of counties added up to their league."""
    of = basis.league_of
    removals = basis.removals[basis.removals["zone"].isin(of)]
    removals = removals.assign(
        quantity="removal_tCO2e_per_year",
        value=removals["removal_tCO2e_per_year"],
        low=removals["low_tCO2e_per_year"],
        high=removals["high_tCO2e_per_year"],
    )
    held = stocks[stocks["zone"].isin(of)]
    held = held.assign(
        quantity="stock_tC", approach="stock", account="stock", transition="none", component="stock", gas="C", year_from=held["year"],
        value=held["stock_tC"], low=held["low_tC"], high=held["high_tC"],
    )  # fmt: skip
    names = [name for name in INVENTORY.names if name != "league"]
    rows = pd.concat([removals[["zone", *names]], held[["zone", *names]]], ignore_index=True)
    rows = rows.assign(league=rows["zone"].map(of))
    if rows.duplicated(INVENTORY.key).any():
        rows = _added_up(rows)
    return INVENTORY.typed(rows)


def _added_up(rows: pd.DataFrame) -> pd.DataFrame:
    """Leaves of counties as leaves of leagues; the interval of a sum is not that of its parts and stays empty."""
    sums = rows.groupby(INVENTORY.key, as_index=False, sort=True).agg(
        value=("value", lambda one: one.sum(min_count=1)),
        value_flag=("value_flag", lambda one: "V" if (one == "V").any() else one.iloc[0]),
        reason=("reason", "first"),
    )
    return sums.assign(low=float("nan"), high=float("nan"))


def change_rows(land_use: pd.DataFrame, league_of: Mapping[str, str]) -> pd.DataFrame:
    """Areas of transitions by league."""
    rows = land_use[land_use["zone"].isin(league_of)]
    rows = rows.assign(league=rows["zone"].map(dict(league_of)))
    return CHANGE.typed(rows.groupby(CHANGE.key, as_index=False)["area_ha"].sum())


def division_rows() -> pd.DataFrame:
    """The region and its twelve leagues."""
    region = {
        "code": REGION,
        "name_zh": text(f"division.{REGION}", "zh"),
        "name_en": text(f"division.{REGION}", "en"),
        "level": "region",
        "parent": "",
    }
    return DIVISION.frame(
        [
            region,
            *(
                {"code": code, "name_zh": zh, "name_en": en, "level": "league", "parent": REGION}
                for code, (zh, en) in league_names().items()
            ),
        ]
    )


def code_rows() -> pd.DataFrame:
    """Names of every code that the tables use: ecosystems, land classes, pools, states, flags, reasons."""
    rows = [
        {"list": "land_class", "code": row.land_class, "name_zh": row.name_zh, "name_en": row.name_en}
        for row in land_classes().itertuples()
    ]
    lists = {
        "unit_state": "unit_state.", "pool": "pool.", "reason": "reason.", "excess_reason": "excess.", "value_flag": "flag.", "rule": "rule.",
        "ecosystem": "ecosystem.", "restatement_reason": "restated.", "status": "status_of_package.",
    }  # fmt: skip
    for name, prefix in lists.items():
        for key, words in catalogue().items():
            if key.startswith(prefix):
                rows.append(
                    {"list": name, "code": key.removeprefix(prefix), "name_zh": _one_line(words["zh"]), "name_en": _one_line(words["en"])}
                )
    return CODES.frame(rows)


def policy_rows(policy: PolicySection, years: Sequence[int]) -> pd.DataFrame:
    """Every choice with its value for machines and its statement in words; the factor of the deduction stands by itself."""
    words = [dict(policy_words(policy, years, language)) for language in ("zh", "en")]
    values: dict[str, Any] = {**policy.model_dump(), "assessment_years": list(years)}
    rows = [
        {"key": key, "setting": _machine(values[key]), "statement_zh": words[0][key], "statement_en": words[1][key]} for key in words[0]
    ]
    mode = policy.deduction_mode
    factor = str(value(mode)) if mode in ("t66", "lower90") else f"{policy.deduction_pct or 0:g}"
    both = words[0]["deduction_mode"], words[1]["deduction_mode"]
    return POLICY.frame([*rows, {"key": "deduction_factor", "setting": factor, "statement_zh": both[0], "statement_en": both[1]}])


def _machine(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return " ".join(f"{key}={one}" for key, one in sorted(value.items()))
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def finding_rows(findings: Mapping[str, Sequence[Mapping[str, str]]]) -> pd.DataFrame:
    """What was found, in both languages."""
    rows = []
    for number, (zh, en) in enumerate(zip(findings.get("zh", ()), findings.get("en", ()), strict=True), start=1):
        rows.append({"number": number, "id": zh["id"], "where": _one_line(zh["where"]), "message_zh": _one_line(zh["message"]),
                     "message_en": _one_line(en["message"]), "found_zh": _one_line(zh["found"]), "found_en": _one_line(en["found"])})  # fmt: skip
    return FINDINGS.frame(rows)


def _one_line(words: str) -> str:
    """Words on one line that no spreadsheet takes for a formula."""
    line = " ".join(words.split())
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) and line != "-" else line


def ledger_text(path_text: str) -> str:
    """The ledger of a run as the package writes it: texts in quotes, in the order of the chain."""
    bare = csv.reader(io.StringIO(path_text, newline=""))
    head = next(bare)
    texts = [tables.LEDGER.column(name).type == "text" for name in head]
    lines = [",".join(head)]
    lines += [
        ",".join(f'"{_quoted(cell)}"' if is_text and cell else cell for cell, is_text in zip(row, texts, strict=True)) for row in bare
    ]
    return "\n".join(lines) + "\n"
