"""What stands beside the account: approaches side by side, raking to official areas, NEP, the weather part of grassland; where a run has them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aoi.table import Column, Table
from sinks import tables
from sinks.report.page.blocks import Block, Cell, Chapter, Grid, Head, Paragraph, Quantity, Words, inert, sentence, words
from sinks.report.page.carbon import BOTH
from sinks.report.results import Results, class_names

UNITS: Mapping[str, str] = {"t CO2e per year": "tCO2e_per_year", "ha": "ha"}
"""Units of tables as the page knows them; other numbers are shown as they stand."""
MOST_ROWS = 600


@dataclass(frozen=True, slots=True)
class _Shown:
    """A table on the page: which of its columns, and the sentence under it."""

    table: Table
    columns: Sequence[str]
    note: str


_TABLES = (
    _Shown(tables.APPROACHES_COMPARED, ("zone", "year", "ecosystem", "approach", "removal_tCO2e_per_year", "se_tCO2e_per_year", "gap_tCO2e_per_year",
                                        "ratio", "not_estimated"), "beside_approaches"),
    _Shown(tables.RAKING, ("zone", "year_to", "land_to", "mapped_ha", "official_ha", "raked_ha", "factor"), "beside_raking"),
    _Shown(tables.NEP_CHECK, ("zone", "year", "ecosystem", "area_ha", "nep_tCO2e_per_year", "removal_tCO2e_per_year", "ratio"), "beside_nep"),
    _Shown(tables.GRASS_WEATHER, ("zone", "year_from", "year", "land_class", "years_n", "r2", "change", "weather", "low_weather", "high_weather", "rest",
                                  "weather_share", "memo_removal_tCO2e_per_year"), "beside_weather"),
)  # fmt: skip


def beside(results: Results) -> list[Chapter]:
    """The chapter, where a run has anything for it."""
    blocks = list(_blocks(results))
    return [Chapter(id="beside", title=words("chapter_beside"), blocks=blocks)] if blocks else []


def _blocks(results: Results) -> Iterator[Block]:
    for shown in _TABLES:
        frame = results.frame(shown.table.name)
        rows = None if frame is None else _chosen(shown.table, frame, results)
        if rows is None or not len(rows):
            continue
        if len(rows) > MOST_ROWS:
            yield Paragraph(sentence("beside_long", table=f"tables/{shown.table.name}.csv", rows=str(len(rows))), "note")
            rows = rows.head(MOST_ROWS)
        yield _grid(shown, rows, results)


def _chosen(table: Table, frame: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Rows that a reader wants to see; the file has all of them."""
    zones = [*results.zones["zone"], *results.wholes]
    rows = frame[frame["zone"].isin(zones)]
    if table is tables.APPROACHES_COMPARED:
        return rows[rows["year"] == results.years[-1]] if set(rows["approach"]) - set(BOTH) - {"lookup_difference"} else rows.iloc[:0]
    if table is tables.RAKING:
        return rows[rows["year_from"] == rows["year_to"]]
    return rows


def _grid(shown: _Shown, rows: pd.DataFrame, results: Results) -> Grid:
    columns = [shown.table.column(name) for name in shown.columns]
    heads = [
        Head(words=Words(_titled(one, one.title_zh), _titled(one, one.title_en)), name=one.name, unit=UNITS.get(one.unit, "number") if _numeric(one) else "",
             numeric=_numeric(one))
        for one in columns
    ]  # fmt: skip
    cells: list[list[Cell]] = [[_cell(one, getattr(row, one.name), results) for one in columns] for row in rows.itertuples()]
    title = Words(shown.table.title_zh, shown.table.title_en)
    return Grid(id=f"beside_{shown.table.name}", title=title, heads=heads, rows=cells, notes=[sentence(shown.note), sentence("note_flags")])


def _titled(column: Column, title: str) -> str:
    """A title with its unit, where the page has none of its own."""
    return f"{title} ({column.unit})" if column.unit and column.unit not in UNITS else title


def _numeric(column: Column) -> bool:
    return column.type == "decimal"


def _cell(column: Column, value: Any, results: Results) -> Cell:
    if column.type == "decimal":
        number = float(value)
        return Quantity(None if number != number else number, UNITS.get(column.unit, "number"), "V" if number == number else "NA")
    if value is None or value != value:
        return ""
    if column.name == "not_estimated":
        return words("beside_gaps", n=len(str(value).split())) if value else ""
    if column.name == "zone":
        return results.name_of(str(value))
    if column.name in ("land_class", "land_to"):
        return class_names().get(str(value), Words(inert(value), inert(value)))
    if column.name in ("ecosystem", "approach"):
        return words(f"{column.name}_{value}")
    return inert(value)
