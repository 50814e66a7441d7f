"""Documents for the registry: sections, what is not verified first, drafts labelled, texts that stay texts, the same bytes."""

import re
import shutil
import subprocess
import time
import zipfile

import docx
import openpyxl
import pytest
from projects import ProjectFolder, plots, project, volumes

from methodologies.documents import DESIGN, REPORT, TABLES

PDD = [
    "1 项目描述",
    "1.1 项目概况",
    "1.2 技术与措施",
    "1.3 地理位置与边界",
    "1.4 业主与权属",
    "2 方法学应用",
    "2.1 适用条件论证",
    "2.2 边界、碳层与碳库",
    "2.3 基准线与额外性",
    "2.4 减排量计算",
    "2.5 数据与参数",
    "2.6 监测计划",
    "3 计入期",
    "4 环境影响与可持续发展",
    "5 公众意见",
    "附件",
]
ERR = [
    "1 项目概述",
    "2 实施情况与变更",
    "3 监测系统与人员",
    "4 数据与参数",
    "4.1 固定参数",
    "4.2 监测数据",
    "5 核算",
    "5.1 基准线、项目与泄漏",
    "5.2 分碳层结果",
    "5.3 不确定性与扣减",
    "5.4 年度分配",
    "6 与事前对比".replace("对比", "估算对比"),
    "附件",
]


def hostile(folder):
    """A project whose words would be formulas, markup or commands elsewhere."""
    made = project(folder, {"S1": 350.0}, title="<b>林</b> & =1+1", owner="@SUM(A1)")
    made.config["documents"] = {"location": '=HYPERLINK("http://x","y")', "technique": "<script>alert(1)</script>"}
    made.config["conditions"]["b"]["evidence"] = "=cmd|' /C calc'!A0"
    made.table(
        "strata",
        [{"stratum": "S1", "area_ha": 350.0, "species": "落叶松", "planting_date": "2021-05-01", "expected_mean": 55, "expected_sd": 22}],
    )
    made.table("plots", plots({"S1": 3}))
    made.table("volumes", volumes([85.0, 80.0, 90.0], [97.0, 94.0, 102.0]))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with its documents."""
    one = hostile(tmp_path_factory.mktemp("documents"))
    said = one.quantify()
    assert said.code == 0, said.err
    return one


def words(path):
    """All texts of a Word file in order of paragraphs, then of its tables."""
    opened = docx.Document(str(path))
    paragraphs = [one.text for one in opened.paragraphs]
    cells = [cell.text for table in opened.tables for row in table.rows for cell in row.cells]
    return paragraphs, cells


@pytest.mark.parametrize(("name", "sections"), [(DESIGN, PDD), (REPORT, ERR)])
def test_sections_in_their_order(made, name, sections):
    heads = [one.text.split("  ")[0] for one in docx.Document(str(made.out / name)).paragraphs if one.style.name.startswith("Heading")]
    assert heads == sections
    english = [one.text.split("  ")[1] for one in docx.Document(str(made.out / name)).paragraphs if one.style.name.startswith("Heading")]
    assert all(re.search("[A-Za-z]", one) for one in english)


@pytest.mark.parametrize("name", [DESIGN, REPORT])
def test_what_is_not_verified_stands_first(made, name):
    opened = docx.Document(str(made.out / name))
    before = []
    for one in opened.paragraphs:
        if one.style.name.startswith("Heading"):
            break
        before.append(one.text)
    assert any("未核实的参数和方程" in one for one in before)
    first = [cell.text for row in opened.tables[1].rows for cell in row.cells]
    assert {"carbon_fraction.larch", "risk_share", "precision_limit_1", "V-02", "V-03", "V-05"} <= set(first)
    parameters = next(table for table in opened.tables if "已核实\nverified" in [cell.text for cell in table.rows[0].cells])
    verified = [row.cells[-1].text for row in parameters.rows[1:]]
    assert verified == sorted(verified, key=lambda one: one.startswith("是"))


def test_numbers_of_the_report_are_those_of_the_tables(made):
    _, cells = words(made.out / REPORT)
    assert f"{made.issued:,}" in " ".join(cells) or str(made.issued) in cells
    assert f"{made.value('dC_TREE'):,.4f}" in cells
    assert "0.521" in cells
    assert {"expectYearNum", "certifiedNum", "N0101 造林碳汇", "内蒙古自治区"} <= set(cells)


def test_monitoring_plan(made):
    paragraphs, cells = words(made.out / DESIGN)
    assert any("最优分配" in one for one in paragraphs)
    assert "plots.plot_area_m2" in cells
    assert any("复测不少于 10%" in one for one in paragraphs)


def test_texts_of_users_stay_texts(made):
    """No live formula in the workbook, no markup on the page, no formula in a CSV."""
    book = openpyxl.load_workbook(made.out / TABLES)
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", cell.value
                assert cell.hyperlink is None
    assert any("=cmd|" in str(cell.value) for row in book["适用条件"].iter_rows() for cell in row)
    page = (made.out / "trace.html").read_text(encoding="utf-8")
    assert "<b>林" not in page
    assert "&lt;b&gt;林" in page
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "http://" not in page
    for path in (made.out / "tables").glob("*.csv"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not line.startswith(("=", "@", "+"))
    evidence = next(row["evidence"] for row in made.rows("conditions") if row["condition"] == "b")
    assert evidence.startswith("'=")


def test_first_sheets_of_the_workbook(made):
    names = openpyxl.load_workbook(made.out / TABLES).sheetnames
    assert names[:2] == ["说明", "未核实参数"]
    assert {"参数表", "适用条件", "分碳层结果", "年度与盟市分配", "登记公示字段", "样地数量与分配"} <= set(names)


def test_drafts_are_labelled_on_every_output(tmp_path):
    made = project(
        tmp_path,
        {"A": 100.0},
        "grassland_protection",
        start="2020-12-31",
        crediting_start="2020-12-31",
        crediting_end="2050-12-31",
        invented=False,
    )
    made.config["conditions"] = {id: {"met": True, "evidence": "附件"} for id in ("plan", "conversion", "tenure", "stocking", "uniqueness")}
    made.table(
        "strata",
        [
            {
                "stratum": "A",
                "practice_start": "2020-12-31",
                "route": "default",
                "climate": "cool_temperate_dry",
                "soil": "HAC",
                "level_before": "high_intensity",
                "level_after": "nominal",
            }
        ],
    )
    said = made.quantify(lang="zh")
    assert said.code == 0, said.err
    assert "草案" in said.out
    for name in (DESIGN, REPORT):
        paragraphs, cells = words(made.out / name)
        assert any(one.startswith("草案：") for one in paragraphs)
        assert "草案：" in docx.Document(str(made.out / name)).sections[0].header.paragraphs[0].text
        assert "草案，不得登记 draft, not to be registered" in cells
    for sheet in openpyxl.load_workbook(made.out / TABLES):
        texts = [str(cell.value) for row in sheet.iter_rows(max_row=5) for cell in row]
        assert any("草案：" in one for one in texts), sheet.title
    assert "草案：" in (made.out / "trace.html").read_text(encoding="utf-8")
    assert {row["status"] for row in made.rows("quantifications")} == {"regional_draft"}


def test_office_files_carry_fixed_times(made, tmp_path):
    """The same bytes some seconds later; no time of this run in them."""
    shutil.copytree(made.folder, tmp_path / "again", ignore=shutil.ignore_patterns("out"))
    again = ProjectFolder(tmp_path / "again", made.config)
    time.sleep(2.1)
    assert again.quantify().code == 0
    for name in (DESIGN, REPORT, TABLES):
        assert (made.out / name).read_bytes() == (again.out / name).read_bytes(), name
        with zipfile.ZipFile(made.out / name) as archive:
            assert {part.date_time for part in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            core = archive.read("docProps/core.xml").decode()
        assert time.strftime("%Y-%m-%d") not in core


def test_without_documents(tmp_path):
    again = hostile(tmp_path)
    assert again.quantify("--no-documents").code == 0
    assert not (again.out / DESIGN).exists()
    assert (again.out / "trace.html").exists()


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not on this machine")
def test_another_office_opens_the_files(made, tmp_path):
    """LibreOffice turns the Word file into pages."""
    done = subprocess.run(
        [
            "soffice",
            "--headless",
            f"-env:UserInstallation=file://{tmp_path}/profile",
            "--convert-to",
            "pdf",
            "--outdir",
            str(tmp_path),
            str(made.out / REPORT),
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / REPORT).with_suffix(".pdf").stat().st_size > 20_000
