"""The chapter of approaches and checks: the numbers of the tables, where a run has them, and no chapter where it has none."""

import pytest
from landscapes import run
from test_sinks_control_areas import landscape, with_areas
from test_sinks_events import with_rates

from sinks.report.page.beside import beside
from sinks.report.page.blocks import Quantity
from sinks.report.page.html import page_of
from sinks.report.results import read_results


def grid_of(out, name):
    """A grid of the chapter, its columns by name."""
    chapters = beside(read_results(out))
    grid = next(block for block in chapters[0].blocks if block.id == f"beside_{name}")
    return [dict(zip([head.name for head in grid.heads], row, strict=True)) for row in grid.rows]


def test_the_approaches_of_a_run_with_rates(tmp_path):
    out = run(with_rates(), tmp_path).out
    results = read_results(out)
    rows = {(row["ecosystem"].en, row["approach"].en): row for row in grid_of(out, "approaches") if row["zone"].en == "zone Z1"}
    wanted = results.frames["approaches"].query("zone == 'Z1' and year == 2023 and ecosystem == 'total' and approach == 'rate'").iloc[0]
    shown = rows["Total", "Rate"]
    assert shown["removal_tCO2e_per_year"] == Quantity(wanted["removal_tCO2e_per_year"], "tCO2e_per_year")
    assert shown["gap_tCO2e_per_year"] == Quantity(wanted["gap_tCO2e_per_year"], "tCO2e_per_year")
    assert shown["not_estimated"].en == f"{len(wanted['not_estimated'].split())} parts not estimated"
    page = page_of(results)
    assert 'id="beside"' in page
    assert "beside_approaches" in page


def test_the_raking_of_a_run_with_official_areas(tmp_path):
    out = run(with_areas({2020: {"arbor_forest": 200.0}, 2023: {"arbor_forest": 220.0}}), tmp_path).out
    rows = {(row["year_to"], row["land_to"].en): row for row in grid_of(out, "raking")}
    forest = rows["2020", "Arbor forest"]
    assert (forest["mapped_ha"].value, forest["official_ha"].value, forest["factor"].value) == (pytest.approx(160), 200.0, pytest.approx(1.25))
    assert not rows["2020", "Cropland"]["official_ha"].known


def test_a_run_without_them_has_no_such_chapter(tmp_path):
    assert beside(read_results(run(landscape(), tmp_path).out)) == []
