"""The report as a file: what it tells, that it needs nothing else, that the same run gives the same bytes, and that its checks can fail."""

import base64
import dataclasses
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import reports

from aoi.findings import InputError
from sinks.cli import main
from sinks.report import stage
from sinks.report.checks import checks_of
from sinks.report.outlines import Outlines, read_outlines
from sinks.report.page.answer import answer
from sinks.report.page.blocks import Grid, Paragraph, Part, Quantity
from sinks.report.page.carbon import bridge, land
from sinks.report.page.html import chapters_of, page_of
from sinks.report.page.numbers import UNITS, decimals, shown
from sinks.report.page.offset import offset
from sinks.report.page.scale import rounded, scale_of
from sinks.report.results import ALL, OFFSET, STOCK, read_results
from sinks.report.stage import is_stale, make_report, report_path

MOST_BYTES = 10_000_000


class Tags(HTMLParser):
    """Tags that do not match, ids that stand twice, addresses that are asked for."""

    VOID = frozenset({"meta", "link", "img", "br", "input", "hr", "rect", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action", "data"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture(scope="module")
def text() -> str:
    return report_path(reports.full_out()).read_text(encoding="utf-8")


def copied(out: Path, tmp_path: Path) -> Path:
    shutil.copytree(out, tmp_path / "out")
    return tmp_path / "out"


def test_it_needs_nothing_else(text: str) -> None:
    """Under ten megabytes; no address outside of itself; every tag closed, no id twice."""
    assert len(text.encode("utf-8")) < MOST_BYTES
    tags = Tags()
    tags.feed(re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", text, flags=re.DOTALL))
    assert tags.wrong == []
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    assert [one for one in tags.addresses if not one.startswith(("#", "data:image/png;base64,"))] == []
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert set(re.findall(r"url\(\"?([a-z]+:)", style[1])) == {"data:"}


def test_its_policy_names_its_scripts_and_nothing_else(text: str) -> None:
    """The hash of each script stands in the policy; nothing inline, nothing evaluated, nothing from elsewhere."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy[1].split(";"))
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == hashes
    assert rules["img-src"] == "data: blob:"
    assert rules["form-action"] == rules["base-uri"] == "'none'"
    assert "connect-src" not in rules
    assert not re.search(r"\son[a-z]+=\"", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))


def test_same_run_same_bytes(tmp_path: Path) -> None:
    """In another folder, at another time: page, workbook and pictures keep every byte; a report that stands is not made again."""
    one = reports.full_out()
    other = copied(one, tmp_path)
    assert not make_report(other)
    shutil.rmtree(other / "report")
    assert make_report(other)
    names = sorted(path.name for path in (one / "report").iterdir())
    assert "report.html" in names
    assert "yearbook.xlsx" in names
    assert len([name for name in names if name.endswith(".png")]) == 2
    for name in names:
        assert (one / "report" / name).read_bytes() == (other / "report" / name).read_bytes(), name


def test_a_report_of_other_results_is_made_anew(tmp_path: Path) -> None:
    """A changed table, finding or setting; a file that somebody changed."""
    out = copied(reports.full_out(), tmp_path)
    assert not is_stale(out)
    (out / "findings.json").write_text(json.dumps({"zh": [], "en": []}), encoding="utf-8")
    assert is_stale(out)
    assert make_report(out)
    (out / "report" / "report.html").write_text("broken", encoding="utf-8")
    assert make_report(out)
    assert not make_report(out)


def test_the_answer_is_that_of_the_summary() -> None:
    """Three numbers and their intervals, by ecosystem, as the table has them."""
    results = read_results(reports.demo_out())
    cards = next(block.data for block in answer(results).blocks if isinstance(block, Part) and block.kind == "cards")
    summary = results.frames["summary"].set_index(["zone", "year", "quantity", "ecosystem", "approach"])
    wanted = [
        summary.loc[("150000", 2020, STOCK, "total", "stock")], summary.loc[("150000", 2023, STOCK, "total", "stock")],
        summary.loc[("150000", 2023, OFFSET, "total", "stock_difference")],
    ]  # fmt: skip
    assert [card["value"].value for card in cards] == [row["value"] for row in wanted]
    for card, row in zip(cards, wanted, strict=True):
        assert (card["interval"].values["low"].value, card["interval"].values["high"].value) == (row["low"], row["high"])
        assert "系数误差" in card["interval"].values["covers"].zh
    forest = dict((ecosystem, value.value) for ecosystem, _, value, _ in cards[2]["rows"])["forest"]
    assert forest == summary.loc[("150000", 2023, OFFSET, "forest", "stock_difference")]["value"]


def test_monte_carlo_intervals_where_the_policy_asks() -> None:
    """The columns of Monte Carlo, when they are filled and wanted; never a mix."""
    results = read_results(reports.demo_out())
    summary = results.frames["summary"].copy()
    summary["mc_se"], summary["mc_low"], summary["mc_high"] = summary["se"], summary["value"] - 1.0, summary["value"] + 2.0
    settings = {**results.settings, "policy": {**results.settings["policy"], "interval": "monte_carlo"}}
    changed = dataclasses.replace(results, frames={**results.frames, "summary": summary}, settings=settings)
    value = changed.of("150000", 2023, STOCK)
    assert value is not None
    assert value.value is not None
    assert (value.low, value.high) == (value.value - 1.0, value.value + 2.0)
    plain = dataclasses.replace(results, frames={**results.frames, "summary": summary})
    assert plain.of("150000", 2023, STOCK) == dataclasses.replace(results).of("150000", 2023, STOCK)


@pytest.mark.parametrize("name", ["contributions", "offsets", "polygon_account", "ledger", "pipeline"])
def test_a_chapter_without_its_table_says_so(name: str) -> None:
    """The reason stands where the chapter would; the others stay."""
    full = read_results(reports.full_out())
    lacking = dataclasses.replace(full, frames={one: frame for one, frame in full.frames.items() if one != name})
    page = page_of(lacking)
    assert f"这次运行没有 {name} 表" in page
    assert f"这次运行没有 {name} 表" not in page_of(full)


def test_without_outlines_the_map_is_left_out_with_its_reason() -> None:
    """And the command says so."""
    results = dataclasses.replace(read_results(reports.demo_out()), outlines=None)
    page = page_of(results)
    assert "没有地图：运行文件夹里没有区域轮廓" in page
    assert 'id="map"' not in page


def test_a_year_alone(tmp_path: Path) -> None:
    """One result year without any sink: a stock card, and words instead of a sink."""
    results = read_results(reports.demo_out())
    frames = dict(results.frames)
    frames["summary"] = frames["summary"][(frames["summary"]["year"] == 2020) & (frames["summary"]["quantity"] == STOCK)]
    frames["removals"] = frames["removals"].iloc[:0]
    frames["land_use"] = frames["land_use"].iloc[:0]
    frames["balance"] = frames["balance"].iloc[:0]
    alone = dataclasses.replace(results, frames=frames, settings={**results.settings, "years": [2020], "base_year": None})
    page = page_of(alone)
    assert "2020 年的碳汇量未估算（NE）" in page
    assert any(isinstance(block, Paragraph) and block.level == "missing" for block in land(alone).blocks)
    assert any(isinstance(block, Paragraph) and block.level == "missing" for block in bridge(alone).blocks)


def test_sums_of_several_parents_have_no_interval() -> None:
    """Banners add up to the region in decimals; what no reader can make is not made."""
    results = read_results(reports.banners_out())
    assert len(results.zones) == 103
    assert len(results.wholes) == 12
    assert results.place == ALL
    total = results.of(ALL, 2023, STOCK)
    assert total is not None
    summary = results.frames["summary"]
    mine = summary[(summary["year"] == 2023) & (summary["quantity"] == STOCK) & (summary["ecosystem"] == "total") & summary["zone"].isin(results.zones["zone"])]
    assert total.value == pytest.approx(mine["value"].sum(), abs=0.0005)
    assert total.low is None
    assert results.name_of("150700").zh == "呼伦贝尔市"
    assert len(report_path(reports.banners_out()).read_bytes()) < MOST_BYTES


def test_the_bridge_ends_where_the_other_approach_is() -> None:
    """Steps lead from the sink by stock difference to that by gain-loss, for the region and every league."""
    results = read_results(reports.demo_out())
    figure = next(block for block in bridge(results).blocks if getattr(block, "kind", "") == "bridge")
    for zone, rows in zip(figure.data["zones"], figure.data["values"], strict=True):
        for place, approach in enumerate(("stock_difference", "gain_loss")):
            found = results.of(zone, 2023, "removal_tCO2e_per_year", approach=approach)
            total = sum(row[place] or 0.0 for row in rows)
            assert total == pytest.approx(found.value if found and found.value is not None else 0.0, abs=0.01)


def test_flows_are_those_of_the_table() -> None:
    """What the diagram draws for the region is all change of the land-use table."""
    results = read_results(reports.demo_out())
    figure = next(block for block in land(results).blocks if getattr(block, "kind", "") == "flows")
    frame = results.frames["land_use"]
    leagues = frame[frame["zone"].isin(results.zones["zone"]) & (frame["land_from"] != frame["land_to"])]
    for number, (first, last) in enumerate(figure.data["intervals"]):
        drawn = sum(flow[4] for flow in figure.data["flows"] if flow[0] == 0 and flow[1] == number)
        assert drawn == pytest.approx(leagues[(leagues["year_from"] == first) & (leagues["year_to"] == last)]["area_ha"].sum(), abs=0.1)


# -- checks that can fail ------------------------------------------------------------------------------------


def test_all_checks_pass_for_the_demonstration() -> None:
    """And the comparison with its truth is among them."""
    found = checks_of(read_results(reports.full_out()))
    assert {check.id for check in found} == {
        "zones", "ecosystems", "stock_leaves", "removal_leaves", "offset_leaves", "balance", "areas", "land", "offsets", "demo",
    }  # fmt: skip
    assert [check.id for check in found if not check.ok] == []


@pytest.mark.parametrize(
    ("table", "column", "change", "broken"),
    [
        ("summary", "value", 0.002, {"zones", "ecosystems", "stock_leaves", "removal_leaves", "offset_leaves"}),
        ("stocks", "stock_tC", 0.002, {"stock_leaves"}),
        ("removals", "removal_tCO2e_per_year", 0.002, {"removal_leaves", "offset_leaves"}),
        ("balance", "removal_tC", 1.0, {"balance"}),
        ("zones", "area_ha", 1.0, {"areas", "land"}),
        ("land_use", "area_ha", 0.01, {"land"}),
        ("offsets", "deduction_tCO2e", 0.002, {"offsets"}),
    ],
)
def test_a_wrong_number_is_seen(table: str, column: str, change: float, broken: set[str]) -> None:
    """A thing broken on purpose turns its check, and the chapter says how many failed."""
    results = read_results(reports.full_out())
    frame = results.frames[table].copy()
    place = frame.index[frame[column].notna() & (frame[column] != 0)][0]
    frame.loc[place, column] += change
    wrong = dataclasses.replace(results, frames={**results.frames, table: frame})
    failed = {check.id for check in checks_of(wrong) if not check.ok}
    assert failed
    assert failed <= broken
    assert "项检查中有" in page_of(wrong)


# -- numbers and colours ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "unit", "wanted"),
    [
        ([5.5e9, 2.5e9, 1.8e6], "tC", (0, 0)),
        ([4.2e7, -7e3, 7e5, -3e5], "tCO2e_per_year", (0, 0)),
        ([3e4, 2e4], "tC", (1, 0)),
        ([300.0], "tC", (3, 0)),
        ([], "ha", (0, 0)),
        ([2.5e7, 1e6], "ha", (0, 0)),
        ([99.0, 12.5, 0.0], "tC_per_ha", (0,)),
        ([0.3, 1.2], "percent", (1,)),
    ],
)
def test_decimals_are_what_a_column_bears(values: list[float], unit: str, wanted: tuple[int, ...]) -> None:
    """Two digits for the number at the lower quarter; never more than the unit allows."""
    assert decimals(values, unit) == wanted


def test_shown_numbers() -> None:
    """Halves away from zero, thousands marked, no negative zero, exact factors."""
    assert shown(12_345_678.0, "tC", 1) == "1,234.6"
    assert shown(12_345_678.5, "tC", 0, 1) == "12,345,679"
    assert shown(-2.5, "count", 0) == "-3"
    assert shown(-0.4, "count", 0) == "0"
    assert shown(10_000.0, "ha", 0, 1) == "15"
    assert shown(1.0, "ha", 4, 1) == "0.0015"
    assert all(len(unit.shown) == (2 if unit.switch else 1) for unit in UNITS.values())


def test_colours_of_a_map() -> None:
    """Equal numbers of zones in each class; the same to either side of zero; one value, no value, zeros."""
    scale = scale_of([1.0, 2.0, 3.0, 40.0, 500.0, 6000.0, None], signed=False)
    assert len(scale.colours) == len(scale.limits) + 1
    assert scale.place(None) == -1
    assert [scale.place(value) for value in (1.0, 6000.0)] == [0, len(scale.limits)]
    signed = scale_of([-5.0, 3.0, 100.0, -20.0], signed=True)
    assert signed.limits == tuple(-limit for limit in reversed(signed.limits))
    assert signed.place(0.0) == 2
    for values in ([], [None], [0.0, 0.0], [7.0]):
        one = scale_of(values, signed=True)
        assert len(one.colours) == len(one.limits) + 1
    assert rounded(4.87e6) == 5e6
    assert rounded(-0.0) == 0.0


def test_neighbours_share_their_line() -> None:
    """A border of two leagues is the same points in both outlines."""
    outlines = read_outlines(reports.demo_out())
    assert isinstance(outlines, Outlines)
    points = {zone: {point for ring in rings for point in ring} for zone, rings in outlines.rings.items()}
    assert len(points["152500"] & points["150400"]) > 20
    assert len(points["152500"] & points["150700"]) == 0 or len(points["152500"] & points["150700"]) > 1
    assert 0 <= min(x for x, _ in points["152900"]) < 10
    assert outlines.builtin
    back = outlines.lines("EPSG:4326")
    assert min(line[:, 0].min() for line in back) == pytest.approx(97.17, abs=0.1)
    assert max(line[:, 1].max() for line in back) == pytest.approx(53.33, abs=0.1)


# -- the command -----------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``sinks report OUT`` writes it, says where, does not do it twice, and says what it lacks."""
    out = copied(reports.demo_out(), tmp_path)
    shutil.rmtree(out / "report")
    main(["--lang", "zh", "report", str(out)])
    assert capsys.readouterr().out == f"报告：{out.as_posix()}/report/report.html\n"
    main(["--lang", "en", "report", str(out)])
    assert capsys.readouterr().out == f"Report unchanged: {out.as_posix()}/report/report.html\n"
    (out / "inputs" / "outlines.json").unlink()
    main(["--lang", "zh", "report", str(out)])
    assert "W-REPORT-01" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["tables/summary.csv", "inputs/settings.json", "everything"])
def test_a_folder_without_results(tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str) -> None:
    """Findings in both languages, exit 2, nothing written."""
    out = copied(reports.demo_out(), tmp_path)
    shutil.rmtree(out / "report")
    if missing == "everything":
        shutil.rmtree(out)
    else:
        (out / missing).unlink()
    for language in ("zh", "en"):
        with pytest.raises(SystemExit) as ended:
            main(["--lang", language, "report", str(out)])
        assert ended.value.code == 2
    told = capsys.readouterr().err
    assert ("E-RUN-05" if missing == "everything" else "E-REPORT-01") in told
    if missing != "everything":
        assert missing.removeprefix("tables/").removesuffix(".csv") in told
    assert not (out / "report").exists()


def test_a_file_that_another_program_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new one is kept under another name and the user told; the others are written."""
    out = copied(reports.demo_out(), tmp_path)
    shutil.rmtree(out / "report")

    plain = stage.replace_file

    def held(path: Path, content: bytes) -> None:
        if path.name == "yearbook.xlsx":
            raise InputError([])
        plain(path, content)

    monkeypatch.setattr(stage, "replace_file", held)
    with pytest.raises(InputError) as raised:
        make_report(out)
    assert [one.id for one in raised.value.findings] == ["E-REPORT-02"]
    assert "new_yearbook.xlsx" in raised.value.findings[0].say("remedy", "zh")
    assert (out / "report" / "new_yearbook.xlsx").read_bytes()[:2] == b"PK"
    assert (out / "report" / "report.html").exists()


def test_an_account_that_leaves_an_old_report_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report of other results is not left without a word."""
    out = copied(reports.demo_out(), tmp_path)
    main(["--lang", "en", "account", str(out)])
    assert "sinks report" not in capsys.readouterr().out
    factors = out / "inputs" / "factors.csv"
    frame = pd.read_csv(factors, dtype=str, keep_default_na=False)
    frame.loc[frame["id"] == "root_shoot_ratio.meadow_steppe", "value"] = "6.5"
    frame.to_csv(factors, index=False, lineterminator="\n")
    main(["--lang", "en", "account", str(out)])
    assert "sinks report out renews it" in capsys.readouterr().out


def test_demo_prints_the_path_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line of ``make demo`` is where the report is."""
    main(["--lang", "zh", "demo", str(tmp_path / "demo")])
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last == f"报告：{(tmp_path / 'demo').as_posix()}/out/report/report.html"
    assert Path(last.removeprefix("报告：")).stat().st_size > 1_000_000


def test_cells_of_a_grid_fit_its_heads() -> None:
    """Every row has a cell per head, every number a unit that can be shown."""
    results = read_results(reports.full_out())

    for chapter in chapters_of(results, []):
        for block in chapter.blocks:
            if isinstance(block, Grid):
                assert all(len(row) == len(block.heads) for row in block.rows), block.id
                assert all(one.unit in UNITS for row in block.rows for one in row if isinstance(one, Quantity) and one.known), block.id
                assert len({head.name for head in block.heads}) == len(block.heads), block.id


def test_a_long_table_is_cut_and_says_so() -> None:
    """A thousand rows of a ledger are enough for a page; the file is named."""
    results = read_results(reports.full_out())
    long = pd.concat([results.frames["ledger"].head(1).assign(block=f"B{number}") for number in range(1200)], ignore_index=True)
    blocks = offset(dataclasses.replace(results, frames={**results.frames, "ledger": long})).blocks
    grid = next(block for block in blocks if isinstance(block, Grid) and block.id == "ledger")
    assert len(grid.rows) == 1000
    assert grid.notes[0].values == {"n": "1000", "all": "1200", "name": "ledger"}


def test_zones_within_zones_are_no_parcels() -> None:
    """Parts of zones that are no parcels of projects are called what they are."""
    results = read_results(reports.demo_out())
    zones = results.frames["zones"].assign(zone_set="districts")
    assert "区域内的区域" in page_of(dataclasses.replace(results, frames={**results.frames, "zones": zones}))
    assert "区域内的区域" not in page_of(results)
