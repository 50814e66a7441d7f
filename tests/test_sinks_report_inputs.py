"""The page of what came in: its numbers are those of the tables, its histograms add up, and it lives without scripts."""

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import reports

from sinks.config import LAND_COVER
from sinks.report.page.arrivals import PAGE, arrivals_of
from sinks.report.results import read_results
from sinks.report.stage import FOLDER

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with reports.browser() as started:
        yield started


def test_shares_and_means_are_those_of_the_activity_tables() -> None:
    """NDVI of 呼伦贝尔市 by plain sums over the CSV file: area with a value over all of it, and sum over area."""
    out = reports.full_out()
    arrivals = {one.name: one for one in arrivals_of(out, read_results(out))}
    rows = pd.read_csv(out / "tables" / "activity_year.csv", dtype={"zone": str})
    rows = rows[(rows["zone"] == "150700") & (rows["layer"] == "ndvi") & (rows["year"] == 2023)]
    grid = arrivals["ndvi"].coverage
    names = [head.name for head in grid.heads]
    line = grid.rows[list(grid.zones).index("150700")]
    held, missing = rows["area_ha"].sum(), rows["missing_ha"].sum()
    assert line[names.index("covered_2023")].value == pytest.approx(100 * held / (held + missing))
    assert line[names.index("mean_2023")].value == pytest.approx(rows["sum"].sum() / held)
    inputs = read_results(out).frames["inputs"]
    assert set(arrivals) == set(inputs["layer"])
    assert next(iter(arrivals)) == LAND_COVER


def test_histograms_hold_all_of_the_area() -> None:
    out = reports.full_out()
    for one in arrivals_of(out, read_results(out)):
        for date in one.dates:
            assert date.covered + date.missing == pytest.approx(100.0)
            assert sum(bar.share for bar in date.bars) == pytest.approx(100.0, abs=1e-6)
            assert max(bar.height for bar in date.bars) == pytest.approx(90.0)


def test_it_is_written_beside_the_report_without_scripts() -> None:
    page = (reports.full_out() / FOLDER / PAGE).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)


def test_names_of_the_user_stay_names() -> None:
    page = (reports.hostile_out() / FOLDER / PAGE).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;" in page


def test_it_speaks_both_languages_in_a_browser(chromium: Any) -> None:
    """Chinese at first; English by the switch, without a script; no word of the console, no request."""
    context = chromium.new_context(offline=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    page.goto((reports.full_out() / FOLDER / PAGE).as_uri())
    heads = page.locator("#grid-overview th")
    assert heads.first.inner_text().strip() == "图层"
    page.locator("label[for='language-en']").click()
    assert heads.first.inner_text().strip() == "Layer"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("svg rect").count() > 50
    assert said == []
    context.close()
