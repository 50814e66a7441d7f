"""A run at hand in a notebook: its tables, arrays, maps and report show themselves."""

from pathlib import Path

import numpy as np
import pytest
import reports

from aoi.findings import InputError
from aoi.texts import choose_language
from sinks.report.run import Run


@pytest.fixture(autouse=True)
def _chinese() -> None:
    choose_language("zh")


def test_the_run_shows_its_answer() -> None:
    """Labels, the answer in words, the table by ecosystem, in the language of the user; nothing alive in it."""
    run = Run(reports.demo_out())
    told = run._repr_html_()
    assert "演示情景" in told
    assert "万吨碳" in told
    assert told.count("<tr>") == 6
    choose_language("en")
    assert "10⁴ t C" in run._repr_html_()
    hostile = Run(reports.hostile_out())._repr_html_()
    assert "<script>" not in hostile
    assert "&lt;script&gt;" in hostile
    assert repr(run).startswith("Run(out: ")


def test_tables_come_as_frames() -> None:
    """Typed, codes as texts; one that is not there is a finding."""
    run = Run(reports.full_out())
    assert {"summary", "stocks", "offsets"} <= set(run.tables)
    frame = run.to_pandas("stocks")
    assert frame["zone"].map(type).eq(str).all()
    assert run.to_pandas("offsets")["offset_trial_tCO2e"].dtype == np.float64
    with pytest.raises(InputError, match="E-REPORT-01"):
        run.to_pandas("nothing")
    with pytest.raises(InputError, match="E-RUN-05"):
        Run("no such folder")


def test_the_summary_comes_as_arrays() -> None:
    """By zone, year, ecosystem and approach, the numbers of the table, NaN where there is none."""
    run = Run(reports.demo_out())
    cube = run.to_xarray()
    frame = run.to_pandas()
    rows = frame[(frame["quantity"] == "stock_tC") & (frame["year"] == 2023)]
    for row in rows.itertuples():
        assert float(cube["stock_tC"].sel(zone=row.zone, year=2023, ecosystem=row.ecosystem, approach="stock")) == pytest.approx(row.value, nan_ok=True)
    assert cube["stock_tC"].attrs["units"] == "t C"
    assert np.isnan(cube["stock_tC"].sel(zone="150000", year=2023, ecosystem="total", approach="gain_loss"))


def test_maps_show_themselves() -> None:
    """A picture, and cells with coordinates, unit and CRS."""
    run = Run(reports.demo_out())
    assert list(run.maps) == ["change_all_pools_all_2023", "stock_all_pools_all_2023"]
    one = run.maps["stock_all_pools_all_2023"]
    assert one._repr_html_().startswith('<img alt="')
    cells = one.to_xarray()
    assert cells.attrs["units"] == "t C ha-1"
    assert cells.dims == ("y", "x")
    assert float(cells["y"][0]) > float(cells["y"][-1])
    assert float(np.nanmax(cells)) > 100


def test_the_report_is_made_when_asked_for(tmp_path: Path) -> None:
    """`report` gives a file that is there."""
    assert Run(reports.demo_out()).report().name == "report.html"
    assert Run(reports.demo_out()).report().exists()
