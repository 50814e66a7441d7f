"""Worked examples W1, W2, W7, W8, W10 to W12 from files to numbers, and what stops a quantification."""

import pytest
from projects import plots, project, volumes


def larch(folder, first=(85.0,) * 3, second=(97.0,) * 3, **more):
    made = project(folder, {"S1": 350.0}, **more)
    made.table("strata", [{"stratum": "S1", "area_ha": 350.0, "species": "落叶松", "planting_date": "2021-05-01"}])
    made.table("plots", plots({"S1": len(first)}))
    made.table("volumes", volumes(first, second))
    return made


def test_w7_stratum_by_volume(tmp_path):
    made = larch(tmp_path)
    said = made.quantify()
    assert said.code == 0, said.err
    assert made.value("dC_TREE") == pytest.approx(6747.150497, rel=1e-6)
    assert made.issued == 6072
