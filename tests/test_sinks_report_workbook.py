"""The workbook: a bureau's layout, numbers of the tables, texts that stay texts, fixed dates."""

import dataclasses
import io
import zipfile

import pytest
import reports
from openpyxl import load_workbook

from sinks import tables
from sinks.report.results import OFFSET, STOCK, read_results
from sinks.report.workbook import sheets_of, workbook


def cells(book: object, name: str) -> list[list[object]]:
    return [list(row) for row in book[name].iter_rows(values_only=True)]  # type: ignore[index]


@pytest.fixture(scope="module")
def book() -> object:
    return load_workbook(reports.full_out() / "report" / "yearbook.xlsx")


def test_sheets_are_those_of_a_yearbook(book: object) -> None:
    """Notes first, one table a sheet, the dictionary last; title, unit, notes and grouped heads on each."""
    names = book.sheetnames  # type: ignore[attr-defined]
    assert names == ["说明", "1 总表", "2 碳储量", "3 碳库", "4 碳汇量S", "5 碳汇量连备注", "6 面积", "7 抵消量", "8 CCER", "9 三种口径", "数据字典"]
    for name in names[1:-1]:
        told = [str(cell) for row in cells(book, name) for cell in row if isinstance(cell, str)]
        assert told[0].startswith(f"表{name[0]}  ")
        assert any(one.startswith("单位：万") for one in told)
        assert any(one.startswith("注1：") for one in told)
        assert any("NE 未估算" in one for one in told)
        sheet = book[name]  # type: ignore[index]
        assert sheet.freeze_panes is not None
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows is not None
    merged = {str(one) for one in book["2 碳储量"].merged_cells.ranges}  # type: ignore[index]
    assert {"C4:D4", "E4:F4", "G4:H4", "I4:J4"} <= merged


def test_region_and_leagues_are_rows_and_numbers_are_whole(book: object) -> None:
    """The region first, then the leagues by code; both years and the sink; values of the table, unrounded."""
    results = read_results(reports.full_out())
    rows = {row[1]: row for row in cells(book, "1 总表") if isinstance(row[1], str) and row[1][:2] == "15"}
    assert list(rows) == ["150000", *results.zones["zone"]]
    for zone, row in rows.items():
        for place, year in ((3, 2020), (4, 2023)):
            value = results.of(zone, year, STOCK)
            assert value is not None
            assert row[place] == pytest.approx((value.value or 0.0) / 1e4, rel=1e-12)
        counted = results.of(zone, 2023, OFFSET)
        assert counted is not None
        assert row[5] == (pytest.approx(counted.value / 1e4, rel=1e-12) if counted.value is not None else "NE")
    total = sum(row[3] for zone, row in rows.items() if zone != "150000")
    assert total == pytest.approx(rows["150000"][3], rel=1e-12)


def test_the_dictionary_has_every_column(book: object) -> None:
    """Each column of each table once, with both titles."""
    rows = cells(book, "数据字典")
    found = {(row[0], row[1]) for row in rows}
    wanted = {(table.name, column.name) for table in tables.OUTPUT_TABLES for column in table.columns}
    assert wanted <= found


def test_texts_are_never_formulas() -> None:
    """Names and titles that begin like formulas, hold tags or turn the direction."""
    results = read_results(reports.hostile_out())
    frames = dict(results.frames)
    zones = frames["zones"].copy()
    zones["name_zh"] = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0\u202e"]
    hostile = dataclasses.replace(results, frames={**frames, "zones": zones})
    content = workbook(hostile)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheets = [parts.read(name).decode("utf-8") for name in parts.namelist() if name.startswith("xl/worksheets/sheet")]
    assert len(sheets) >= 8
    assert not any("<f>" in sheet or "<f " in sheet or "<hyperlink" in sheet for sheet in sheets)
    loaded = load_workbook(io.BytesIO(content))
    names = [row[0] for row in cells(loaded, "1 总表")]
    assert {"=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0\ufffd"} <= set(names)
    assert all(cell.data_type != "f" for sheet in loaded for row in sheet.iter_rows() for cell in row if str(cell.value).startswith("=HYPERLINK"))
    assert cells(loaded, "说明")[0][0] == reports.HOSTILE_TITLE


def test_same_results_same_bytes_and_no_time() -> None:
    """Twice the same; the dates of the file are those of no day."""
    results = read_results(reports.single_out())
    content = workbook(results)
    assert content == workbook(results)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert {one.date_time[0] for one in parts.infolist()} == {1980}
        core = parts.read("docProps/core.xml").decode("utf-8")
    assert "2020-01-01T00:00:00Z" in core
    assert core.count("2020-01-01T00:00:00Z") == 2


@pytest.mark.parametrize(("run", "rows"), [(reports.single_out, 1), (reports.banners_out, 116)], ids=["single", "banners"])
def test_one_zone_and_many(run: object, rows: int) -> None:
    """A single zone has no row of sums; banners have those of all and of each league."""
    results = read_results(run())  # type: ignore[operator]
    sheets = sheets_of(results)
    assert len(sheets[0].rows) == rows
    assert all(len(row) == len(sheet.columns) for sheet in sheets for row in sheet.rows)
    assert "7 抵消量" not in [sheet.name for sheet in sheets]
