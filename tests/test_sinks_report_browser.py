"""The report in a real browser: from disk, without network, every switch, sort, filter and download; read aloud, printed, attacked."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import reports

from sinks.report.page.numbers import UNITS, decimals, shown

RADICALS = str.maketrans("⻉⻅⻋⻓⻔⻚⻛⻜⻢⻥⻦⻩⻬⻰⺠⻄⻘", "贝见车长门页风飞马鱼鸟黄齐龙民西青")
"""Letters that a file of print writes as their radicals."""
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with reports.browser() as started:
        yield started


def letters(text: str) -> str:
    """A text with its usual letters."""
    return unicodedata.normalize("NFKC", text).translate(RADICALS)


def downloaded(page: Any, button: Any) -> str:
    with page.expect_download() as waiting:
        button.click()
    return Path(waiting.value.path()).read_bytes().decode("utf-8")


def column(page: Any, grid: str, name: str) -> list[str]:
    """The cells of a column of a table, by the name that machines read."""
    script = """([grid, name]) => { const table = document.querySelector(`table[data-name="${grid}"]`);
      const place = [...table.tHead.rows[0].cells].findIndex((head) => head.dataset.name === name);
      return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[place].innerText.trim()); }"""
    found: list[str] = page.evaluate(script, [grid, name])
    return found


def tools(page: Any, grid: str) -> Any:
    return page.locator(f"#grid-{grid} .tools")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("run", [reports.full_out, reports.banners_out, reports.single_out, reports.hostile_out], ids=["full", "banners", "single", "hostile"])
def test_it_loads_from_disk_and_fits_the_screen(chromium: Any, run: Any, viewport: dict[str, int]) -> None:
    """No console message, no request (`opened` sees to it); every figure is drawn; nothing is wider than the screen."""
    with reports.opened(chromium, run(), viewport=viewport) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        drawn = page.evaluate("[...document.querySelectorAll('[data-figure]')].map((one) => [one.id, one.querySelectorAll('svg.main-svg').length])")
        assert len(drawn) >= 3
        assert all(count for _, count in drawn), drawn
        assert page.locator("#map a[data-zone] path[d^='M']").count() >= 1


def test_language_is_switched_and_stays(chromium: Any) -> None:
    """English after a click, and after the page is opened anew in the same browser."""
    with reports.opened(chromium, reports.full_out()) as page:
        assert page.locator("h2").first.inner_text() == "结论"
        page.click("button[data-value=en]")
        assert page.locator("h2").first.inner_text() == "The answer"
        assert "Stated scenario" in page.title()
        assert "Sink 2023" in page.locator("#figure-ranking select").inner_text()
        page.reload()
        page.wait_for_selector("html[data-ready='1']")
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.locator("h2").first.inner_text() == "The answer"
        assert page.locator("button[data-value=en]").get_attribute("aria-pressed") == "true"
        assert not re.search(r"[\u4e00-\u9fff]", page.locator("#grid-zones").inner_text())
        page.click("button[data-value=zh]")
        assert page.locator("h2").first.inner_text() == "结论"


def test_units_are_switched_everywhere(chromium: Any) -> None:
    """万吨 and t, 公顷 and 万亩: cells, heads, sentences and axes; 1 ha is 15 亩."""
    with reports.opened(chromium, reports.full_out()) as page:
        wan = [float(cell.replace(",", "")) for cell in column(page, "zones", "stock_2023_tC")]
        hectares = [float(cell.replace(",", "")) for cell in column(page, "zones", "area_ha")]
        page.click("button[data-set=mass][data-value='1']")
        tonnes = [float(cell.replace(",", "")) for cell in column(page, "zones", "stock_2023_tC")]
        assert tonnes == pytest.approx([one * 1e4 for one in wan], abs=5e3)
        assert "吨碳" in page.locator("#grid-zones thead").inner_text()
        assert "万吨" not in page.locator("#answer .lead").first.inner_text()
        assert page.locator("#figure-ranking .plot").inner_text().count("万吨") == 0
        page.click("button[data-set=area][data-value='1']")
        mu = [float(cell.replace(",", "")) for cell in column(page, "zones", "area_ha")]
        assert mu == pytest.approx([one * 15 / 1e4 for one in hectares], abs=0.6)
        assert "万亩" in page.locator("#grid-zones thead").inner_text()


def test_numbers_of_scripts_are_those_of_python(chromium: Any) -> None:
    """Decimals and rounding agree for every unit, ties and negative zeros among them."""
    values = [0.0, -0.0, 0.4, -0.4, 0.5, 1.5, 2.5, 12.345, 999.5, 1234.5678, 98765.4321, 5553750081.781, -176103.05, 45000.0, 0.00049]
    cases = [[value, unit, places] for value in values for unit in UNITS for places in (0, 1, 2, 3)]
    script = """(cases) => cases.map(([v, u, d]) => { const span = document.createElement("span"); span.className = "q"; span.dataset.v = v; span.dataset.u = u;
      span.dataset.d = d + "," + d; document.body.append(span); return span; }).length"""
    with reports.opened(chromium, reports.single_out()) as page:
        page.evaluate(script, cases)
        page.click("button[data-set=area][data-value='1']")
        page.click("button[data-set=area][data-value='0']")
        told = page.evaluate("(n) => [...document.querySelectorAll('.q')].slice(-n).map((one) => one.textContent)", len(cases))
    assert told == [shown(value, unit, places) for value, unit, places in cases]


def test_tables_are_sorted(chromium: Any) -> None:
    """Down, up, totals stay on top, missing values stay last; the state is told to a screen reader."""
    with reports.opened(chromium, reports.full_out()) as page:
        before = column(page, "zones", "zone")
        head = page.locator("#grid-zones th[data-name='removal_offset_tCO2e_per_year']")
        for direction, sign in (("descending", -1), ("ascending", 1)):
            head.locator("button").click()
            assert head.get_attribute("aria-sort") == direction
            cells = column(page, "zones", "removal_offset_tCO2e_per_year")
            known = [float(cell.replace(",", "")) for cell in cells[1:] if cell != "NE"]
            assert known == sorted(known, key=lambda value: sign * value)
            assert cells[1:][len(known) :] == ["NE"] * (len(cells) - 1 - len(known))
            assert column(page, "zones", "zone")[0] == "150000"
        names = page.locator("#grid-zones th[data-name='zone_name'] button")
        names.click()
        assert sorted(column(page, "zones", "zone")) == sorted(before)
        assert page.locator("#announce").inner_text().startswith("已按")


def test_every_table_can_be_sorted_filtered_and_saved(chromium: Any) -> None:
    """No table is without its tools, and each tool does its work on each."""
    with reports.opened(chromium, reports.full_out()) as page:
        grids = page.evaluate("[...document.querySelectorAll('table.data')].map((one) => one.dataset.name)")
        assert len(grids) == len(set(grids)) >= 20
        for grid in grids:
            rows = page.locator(f"table[data-name='{grid}'] tbody tr").count()
            page.locator(f"table[data-name='{grid}'] thead button").last.click()
            assert page.locator(f"table[data-name='{grid}'] th[aria-sort]").count() == 1
            text = downloaded(page, tools(page, grid).locator("button").nth(1))
            assert len(list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))) == rows + 1, grid
            totals = int(page.locator(f"table[data-name='{grid}']").get_attribute("data-totals"))
            tools(page, grid).locator("input").fill("no such words anywhere")
            assert page.locator(f"table[data-name='{grid}'] tbody tr:visible").count() == totals, grid
            tools(page, grid).locator("input").fill("")
            assert page.locator(f"table[data-name='{grid}'] tbody tr:not([hidden])").count() == rows


def test_a_filter_leaves_what_holds_the_words(chromium: Any) -> None:
    """By the name in either language; the count is told."""
    with reports.opened(chromium, reports.full_out()) as page:
        tools(page, "zones").locator("input").fill("锡林")
        assert column(page, "zones", "zone") == ["150000", "152500"]
        assert "/ 13 行" in tools(page, "zones").inner_text()
        tools(page, "zones").locator("input").fill("xilingol")
        assert column(page, "zones", "zone") == ["150000", "152500"]


def test_a_saved_table_holds_the_numbers_of_the_run(chromium: Any) -> None:
    """UTF-8 with BOM, CRLF, units of the files whatever is shown, numbers whole, in the order and choice of the screen."""
    out = reports.full_out()
    summary = pd.read_csv(out / "tables" / "summary.csv", dtype={"zone": str})
    wanted = summary[(summary["quantity"] == "stock_tC") & (summary["year"] == 2023) & (summary["ecosystem"] == "total")].set_index("zone")["value"]
    with reports.opened(chromium, out) as page:
        text = downloaded(page, tools(page, "zones").locator("button").nth(1))
    assert text.startswith("\ufeff")
    assert text.count("\r\n") == 14
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0][4] == "2023 年碳储量 [吨碳]"
    assert {row[1]: float(row[4]) for row in rows[1:]} == pytest.approx(wanted[[row[1] for row in rows[1:]]].to_dict(), rel=0)


def test_a_table_is_copied(chromium: Any) -> None:
    """What is on the clipboard is what is on the screen."""
    with reports.opened(chromium, reports.full_out(), permissions=["clipboard-read", "clipboard-write"]) as page:
        page.bring_to_front()
        tools(page, "by_ecosystem").locator("button").first.click()
        page.locator("#announce", has_text="5").wait_for(state="attached")  # a predicate in the page would be code that its policy refuses
        lines = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert lines[0].split("\t")[0] == "生态系统"
    assert [line.split("\t")[0] for line in lines[1:]] == ["合计", "森林", "草原", "湿地", "其他土地"]


def test_hover_on_a_league_shows_the_number_of_the_table(chromium: Any) -> None:
    """Every league, stock density and sink: the tooltip says what the table's cell says."""
    with reports.opened(chromium, reports.full_out()) as page:
        codes = column(page, "zones", "zone")[1:]
        for choice, name in (("0", "density_tC_per_ha"), ("1", "removal_offset_tCO2e_per_year")):
            page.select_option("#map-quantity", choice)
            wanted = dict(zip(codes, column(page, "zones", name)[1:], strict=True))
            for code in codes:
                page.locator(f"#map a[data-zone='{code}']").dispatch_event("mousemove", {"clientX": 300, "clientY": 300})
                told = page.locator("#tooltip").inner_text().split("\n")[-1].split(" ")[0]
                assert told == wanted[code], (code, name)
                assert page.locator(f"#map a[data-zone='{code}']").get_attribute("aria-label").endswith(page.locator("#tooltip").inner_text().split("\n")[-1])


def test_a_real_pointer_finds_a_league(chromium: Any) -> None:
    """The pointer itself, moved onto the outline; and on a bar of the ranking."""
    with reports.opened(chromium, reports.full_out()) as page:
        page.locator("#map text[data-zh='呼伦贝尔市']").scroll_into_view_if_needed()
        box = page.locator("#map text[data-zh='呼伦贝尔市']").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert page.locator("#tooltip").is_visible()
        assert page.locator("#tooltip strong").inner_text() == "呼伦贝尔市"
        page.locator("#plot-ranking").scroll_into_view_if_needed()
        bar = page.locator("#plot-ranking .bars .point").last.bounding_box()
        page.mouse.move(bar["x"] + bar["width"] / 3, bar["y"] + bar["height"] / 2)
        page.wait_for_selector("#plot-ranking .hoverlayer text")
        told = page.locator("#plot-ranking .hoverlayer").text_content()
        cells = dict(zip(column(page, "zones", "zone"), column(page, "zones", "removal_offset_tCO2e_per_year"), strict=True))
        assert "呼伦贝尔市" in told
        assert cells["150700"] in told


def test_a_league_has_a_page(chromium: Any) -> None:
    """By a click on the map, by its name in the table, by the address, by keyboard; it closes again."""
    with reports.opened(chromium, reports.full_out()) as page:
        assert page.locator("#zone-page").is_hidden()
        page.locator("#map a[data-zone='152500']").dispatch_event("click")
        assert "锡林郭勒盟 (152500)" in page.locator("#zone-page").inner_text()
        assert "sinks explain OUT --zone 152500" in page.locator("#zone-page").inner_text()
        total = page.locator("#zone-page tr.total td").nth(2).inner_text()
        cells = dict(zip(column(page, "zones", "zone"), column(page, "zones", "stock_2023_tC"), strict=True))
        assert total == cells["152500"]
        page.locator("#zone-page button", has_text="关闭").click()
        assert page.locator("#zone-page").is_hidden()
        page.locator("#grid-zones tr[data-zone='150400'] a").click()
        assert "赤峰市" in page.locator("#zone-page h3").inner_text()
        page.locator("#map a[data-zone='150300']").focus()
        assert page.locator("#tooltip").is_visible()
        page.keyboard.press("Enter")
        assert "乌海市" in page.locator("#zone-page h3").inner_text()
        page.click("button[data-value=en]")
        assert "Wuhai" in page.locator("#zone-page h3").inner_text()


def test_choices_of_the_drawings(chromium: Any) -> None:
    """Every list of every figure, every entry: the drawing follows and nothing is said on the console."""
    with reports.opened(chromium, reports.full_out()) as page:
        counted = 0
        for select in page.locator("[data-figure] select").all():
            options = select.locator("option").count()
            for place in [*range(min(options, 4)), options - 1]:
                select.select_option(str(place))
                counted += 1
        assert counted >= 10
        ends = page.locator("#plot-ranking .yaxislayer-above text").all_inner_texts()
        assert len(ends) == 12
        page.locator("#figure-land select").last.select_option("0")
        first = page.locator("#plot-land .sankey-link").count()
        assert first > 5
        page.locator("#figure-land select").last.select_option("3")
        assert page.locator("#plot-land .sankey-link").count() != first


def test_drawings_are_saved_as_svg(chromium: Any) -> None:
    """The map and every figure: a whole SVG with its words, and nothing alive in it."""
    with reports.opened(chromium, reports.full_out()) as page:
        buttons = page.locator("[data-say=save_svg]").all()
        assert len(buttons) >= 7
        for button in buttons:
            text = downloaded(page, button)
            assert text.startswith("<svg")
            assert "script" not in text.lower()
        told = downloaded(page, page.locator("#figure-map [data-say=save_svg]"))
    assert "呼伦贝尔市" in told
    assert "审图号" in told
    assert "2023 年碳密度" in told


@pytest.mark.parametrize("run", [reports.full_out, reports.hostile_out], ids=["full", "hostile"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_serious(chromium: Any, run: Any, language: str) -> None:
    """axe-core, all its rules, both languages, with the page of a zone open."""
    from axe_playwright_python.base import AXE_FILE_PATH

    with reports.opened(chromium, run(), bypass_csp=True) as page:
        page.click(f"button[data-value={language}]")
        page.locator("#map a[data-zone]").first.dispatch_event("click")
        page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
        found = page.evaluate("axe.run({ resultTypes: ['violations'] }).then((result) => result.violations)")
        serious = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found if one["impact"] in ("serious", "critical")]
        assert serious == []


def test_colours_and_language_hold_without_memory(chromium: Any) -> None:
    """A browser that forgets, or holds nonsense, shows what the file says."""
    with reports.opened(chromium, reports.single_out()) as page:
        page.evaluate("localStorage.setItem('nmg-sinks-report', '{\"lang\":\"<x>\",\"mass\":7}')")
        page.reload()
        page.wait_for_selector("html[data-ready='1']")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        page.evaluate("localStorage.setItem('nmg-sinks-report', 'no json')")
        page.reload()
        page.wait_for_selector("html[data-ready='1']")


@pytest.mark.parametrize("run", [reports.full_out, reports.banners_out], ids=["full", "banners"])
def test_a_print_has_no_cut_table(chromium: Any, run: Any, tmp_path: Path) -> None:
    """On A4 every table and drawing ends within the paper, and the last words of every table stand in the file."""
    from pypdf import PdfReader

    with reports.opened(chromium, run(), viewport={"width": 710, "height": 1000}) as page:
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        wide = page.evaluate("""() => [...document.querySelectorAll('table, .plot svg, #map, img, figcaption')]
          .filter((one) => one.getClientRects().length && one.getBoundingClientRect().right > 711)
          .map((one) => (one.dataset.name || one.id) + one.getBoundingClientRect().right)""")
        assert wide == []
        cut = page.evaluate("""() => [...document.querySelectorAll('.scroll')].filter((one) => getComputedStyle(one).overflowY !== 'visible'
          || one.scrollHeight > one.clientHeight + 1).map((one) => one.querySelector('table').dataset.name)""")
        assert cut == []
        lasts = page.evaluate("""() => [...document.querySelectorAll('table.data')].map((one) => [one.dataset.name, one.tHead.rows[0].cells.length,
          [...one.tBodies[0].rows].at(-1).cells[0].innerText.trim()])""")
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media=None)
        page.pdf(path=str(tmp_path / "report.pdf"), prefer_css_page_size=True, print_background=True)
    reader = PdfReader(tmp_path / "report.pdf")
    box = reader.pages[0].mediabox
    assert (round(float(box.width)), round(float(box.height))) == (595, 842)
    told = re.sub(r"\s", "", letters("".join(one.extract_text() for one in reader.pages)))
    assert len(lasts) >= 15
    for name, _, last in lasts:
        assert re.sub(r"\s", "", letters(last))[:6] in told, name


def test_the_summary_is_two_pages(chromium: Any, tmp_path: Path) -> None:
    """What a director prints: answer, map and ranking of the leagues."""
    from pypdf import PdfReader

    with reports.opened(chromium, reports.demo_out()) as page:
        page.evaluate("window.print = () => {}")
        page.click("button[data-print=brief]")
        page.pdf(path=str(tmp_path / "brief.pdf"), prefer_css_page_size=True, print_background=True)
    told = [letters(one.extract_text()) for one in PdfReader(tmp_path / "brief.pdf").pages]
    assert len(told) == 2
    assert "2023" in told[0]
    assert "阿拉善盟" in told[1]


def test_attacks_stay_text(chromium: Any) -> None:
    """Names and titles with scripts, quotes and marks that turn the direction: read as they are, nothing runs, formulas are inert."""
    with reports.opened(chromium, reports.hostile_out()) as page:
        assert page.title() == reports.HOSTILE_TITLE + " · 碳汇清单报告" or page.title() == reports.HOSTILE_TITLE
        assert page.locator("h1").inner_text() == reports.HOSTILE_TITLE
        names = column(page, "zones", "zone_name")
        assert names[1:] == [reports.HOSTILE[0], reports.HOSTILE[1], reports.HOSTILE[2].replace("\u202e", "\ufffd")]
        assert page.locator("img[src='x']").count() == 0
        assert page.evaluate("[...document.scripts].filter((one) => one.type !== 'application/json').length") == 2
        for code in ("A1", "A2", "A3"):
            page.evaluate(f"location.hash = '#zone={code}'")
            page.locator("#zone-page h3", has_text=f"({code})").wait_for(state="attached")
        labels = page.locator("#plot-ranking .yaxislayer-above text").all_text_contents()
        assert any(label.startswith("<script>") for label in labels)
        assert any(label.startswith("<b>右</b>") for label in labels)
        rows = list(csv.reader(io.StringIO(downloaded(page, tools(page, "zones").locator("button").nth(1)).removeprefix("\ufeff"))))
        assert [row[0] for row in rows[2:]] == names[1:]
    with reports.opened(chromium, reports.full_out()) as page:
        page.evaluate("document.querySelector('table[data-name=polygon_account]').tBodies[0].rows[0].cells[2].textContent = '=JIA()'")
        told = downloaded(page, tools(page, "polygon_account").locator("button").nth(1))
        assert "'=JIA()" in told


def test_the_policy_lets_no_other_script_run(chromium: Any) -> None:
    """A script that is none of ours is refused by the browser itself."""
    said: list[str] = []
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.goto(reports.report_path(reports.single_out()).as_uri())
    page.evaluate("""() => { const one = document.createElement('script'); one.textContent = "document.title = 'owned'"; document.body.append(one);
      const two = document.createElement('img'); two.src = 'http://127.0.0.1:9/x.png'; document.body.append(two); }""")
    page.wait_for_timeout(300)
    assert page.title() != "owned"
    assert sum("Content Security Policy" in one for one in said) >= 2
    context.close()


def test_data_of_the_page_are_numbers_and_words() -> None:
    """The block of data is JSON that no mark of it could end."""
    text = reports.report_path(reports.hostile_out()).read_text(encoding="utf-8")
    block = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', text, re.DOTALL)
    assert block is not None
    assert not set("<>&") & set(block[1])
    assert json.loads(block[1])["zones"]["A1"]["zh"] == reports.HOSTILE[0]
    assert decimals([1.0], "tC") == (3, 0)
