"""The show-case at two sizes: made polygons of a league in a Shapefile in GBK, to its stock; sums against pandas on the attribute table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bench.measure import Command, alternating
from bench.measure import sinks as command
from bench.survey import Made, make
from broken import sinks

from sinks.checking import ready
from sinks.layers.spool import AREA, column_of
from sinks.setup import set_up


def compared(folder: Path) -> None:
    """Areas and volumes of the run by class against the attribute table: by its own areas, and by those of the outlines."""
    attributes = pd.read_parquet(folder / "attributes.parquet")
    setup = ready(set_up(folder / "run.toml"))
    outlines = column_of(setup.stack.vectors[0].spool, AREA)[:-1]
    table = pd.read_csv(folder / "out" / "tables" / "vector_areas.csv").set_index("class")
    code = attributes["地类编码"].astype(int)
    np.testing.assert_allclose(table["official_ha"], attributes["面积"].groupby(code).sum() / 1e4, rtol=1e-9)
    np.testing.assert_allclose(table["official_m3"], attributes["蓄积"].groupby(code).sum(), rtol=1e-9)
    activity = pd.read_parquet(folder / "out" / "tables" / "activity_year.parquet")
    land = activity[(activity["layer"] == "land_cover") & (activity["class"] >= 0)].groupby("class")["area_ha"].sum()
    np.testing.assert_allclose(land, pd.Series(outlines).groupby(code).sum(), rtol=1e-7)  # the border of the league is a product of shares
    volume = activity[(activity["layer"] == "growing_stock_volume") & (activity["class"] >= 0)].groupby("class")["sum"].sum()
    wanted = (attributes["蓄积"] / attributes["面积"] * 1e4 * outlines).groupby(code).sum()
    np.testing.assert_allclose(volume[wanted > 0], wanted[wanted > 0], rtol=1e-6)
    assert land.sum() == pytest.approx(attributes["面积"].sum() / 1e4, rel=1e-3)


def test_a_small_league(tmp_path):
    """Xing'an with 1,500 polygons and cells of 500 m."""
    make(Made(polygons=1500, resolution=500.0), tmp_path)
    assert not (tmp_path / "tuban.cpg").exists()
    assert any("非真实" in path.name for path in tmp_path.iterdir())
    said = sinks("run", str(tmp_path / "run.toml"), "--quiet")
    assert said.code == 0, said
    compared(tmp_path)


@pytest.mark.long
def test_half_a_million_polygons_in_minutes_within_two_gigabytes(tmp_path):
    """Xing'an league: the target of the issue."""
    path = make(Made(), tmp_path)
    taken = alternating({"run": Command((command("run", path, "--threads", 2, "--quiet"),))}, repeats=1)["run"]
    assert taken.wall_s < 600
    assert taken.peak_mib < 2048
    compared(tmp_path)
