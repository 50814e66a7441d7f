"""Growing stock to biomass on survey polygons: by BCEF of the stock level and by the regional equations, against pandas on the attribute table."""

import numpy as np
import pandas as pd
import pytest
from landscapes import finish
from surveys import LATTICE, mosaic, survey, write_survey

from aoi.findings import InputError
from sinks.equations import biomass
from sinks.factors.table import FactorTable

EQUATION = {"growing_stock_volume": {"biomass": "equation"}}
PAIRS = {"落叶松": "larch", "白桦": "birch", "山杨": "poplar"}
CLIMATES = {"寒温带": "boreal", "中温带": "cool_temperate_dry"}


def stands(volumes, species="落叶松", climate="寒温带"):
    """Forest polygons side by side, 20 cells high and 6 wide: 1920 ha each."""
    frame = survey([LATTICE.rectangle(6 * number, 0, 6 * number + 6, 20) for number in range(len(volumes))])
    frame["地类编码"], frame["优势树种"], frame["气候"], frame["公顷蓄积"] = "0301", species, climate, volumes
    return frame


def factor(name, value=None, **keys):
    """The central value of a factor, looked up by hand: of the rows that fit, the one with the most keys."""
    table = FactorTable.shipped().frame()
    rows = table[table["name"] == name]
    fits = np.ones(len(rows), dtype=bool)
    said = np.zeros(len(rows), dtype=int)
    for key in ("ecosystem", "land_class", "vegetation_type", "climate", "soil"):
        cells = rows[key].fillna("")
        fits &= np.array([cell == "" or keys.get(key, "") in cell.split("|") for cell in cells])
        said += (cells != "").to_numpy()
    if value is not None:
        low, high = rows["value_from"].fillna(-np.inf), rows["value_to"].fillna(np.inf)
        fits &= ((low <= value) & (value < high)).to_numpy()
    best = rows[fits & (said == said[fits].max())]
    assert len(best) == 1, (name, keys, best["id"].tolist())
    return float(best["value"].iloc[0])


def stock(run, pool, year=2020, land_class="arbor_forest"):
    found = run.exact("stocks").query("pool == @pool and year == @year and land_class == @land_class")
    return float(found["stock_tC"].sum())


def test_a_larch_stand_by_hand(tmp_path):
    """B = 0.6079 * 110 + 17.062 = 83.931 t/ha; boreal R of 83.931 is 0.24, of 83.931 / 1.24 = 67.69 is 0.39; CF 0.51.

    Above ground 1920 * 83.931 / 1.39 * 0.51 = 59,126 t C, roots 0.39 times as much.
    """
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", stands([110.0] * 4))}, keys=EQUATION))
    above = 4 * 1920 * 83.931 / 1.39 * 0.51
    assert stock(run, "aboveground_biomass") == pytest.approx(above, rel=1e-6)
    assert stock(run, "belowground_biomass") == pytest.approx(0.39 * above, rel=1e-6)
    living = 4 * 1920 * 83.931 * 0.51
    assert stock(run, "aboveground_biomass") + stock(run, "belowground_biomass") == pytest.approx(living, rel=1e-6)
    used = set(run.table("factors_used")["id"])
    assert {"volume_biomass_slope.larch", "volume_biomass_intercept.larch"} <= used
    assert not any(one.startswith("bcef_s.") for one in used)


def test_land_without_growing_stock_carries_no_intercept(tmp_path):
    """Two stands of V = 0 beside two of 110: b counts on half of the land."""
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", stands([110.0, 0.0, 110.0, 0.0]))}, keys=EQUATION))
    assert stock(run, "aboveground_biomass") == pytest.approx(2 * 1920 * 83.931 / 1.39 * 0.51, rel=1e-6)
    flags = run.exact("stocks").query("pool == 'aboveground_biomass' and land_class == 'arbor_forest'")
    assert flags["area_ha"].sum() == pytest.approx(4 * 1920, rel=1e-9)


def by_polygon(frame, way):
    """Above- and belowground carbon of forest polygons, one by one."""
    rows = []
    for land, species, climate, volume, area in zip(
        frame["地类编码"], frame["优势树种"], frame["气候"], frame["公顷蓄积"], frame.area / 1e4, strict=True
    ):
        if land not in LAND:
            continue
        keys = {"ecosystem": "forest", "land_class": LAND[land], "vegetation_type": PAIRS[species], "climate": CLIMATES[climate]}
        if way == "bcef":
            above = volume * factor("bcef_s", value=volume, **keys)
            ratio = factor("root_shoot_ratio", value=above, **keys)
        else:
            living = factor("volume_biomass_slope", **keys) * volume + factor("volume_biomass_intercept", **keys)
            ratio = factor("root_shoot_ratio", value=living, **keys)
            ratio = factor("root_shoot_ratio", value=living / (1 + ratio), **keys)
            above = living / (1 + ratio)
        carbon = area * above * factor("carbon_fraction", **keys)
        rows.append({"land_class": LAND[land], "above": carbon, "below": carbon * ratio})
    return pd.DataFrame(rows).groupby("land_class").sum()


LAND = {"0301": "arbor_forest", "0307": "other_forest_land"}


@pytest.mark.parametrize("way", ["bcef", "equation"])
def test_biomass_of_a_survey_is_that_of_its_polygons(tmp_path, way):
    """Volumes in the middle of bins of 10 m3/ha: root ratios of bins are those of polygons; the factor is never of a mean."""
    frame = survey(mosaic())
    forest = frame["地类编码"].isin(["0301", "0307"])
    random = np.random.default_rng(5)
    frame["公顷蓄积"] = np.where(forest, random.choice([15.0, 35.0, 75.0, 155.0, 235.0], len(frame)), np.where(frame["地类编码"] == "0305", 0.0, np.nan))
    keys = {"growing_stock_volume": {"biomass": None if way == "bcef" else way}}
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys=keys))
    own = by_polygon(frame, way)
    for name in own.index:
        assert stock(run, "aboveground_biomass", land_class=name) == pytest.approx(own.loc[name, "above"], abs=0.001)
        assert stock(run, "belowground_biomass", land_class=name) == pytest.approx(own.loc[name, "below"], abs=0.001)


def test_shrubland_without_growing_stock_is_not_estimated(tmp_path):
    """Its volume is 0 in every survey: that says nothing of shrubs."""
    frame = stands([110.0] * 4)
    frame.loc[3, "地类编码"], frame.loc[3, "公顷蓄积"], frame.loc[3, "优势树种"] = "0305", 0.0, None
    for keys in ({}, EQUATION):
        run = finish(write_survey(tmp_path / str(len(keys)), {2020: ("a.gpkg", frame)}, keys=keys))
        row = run.exact("stocks").query("pool == 'aboveground_biomass' and land_class == 'shrubland'").iloc[0]
        assert row["value_flag"] == "NE"
        assert row["missing_ha"] == pytest.approx(1920, rel=1e-9)


def test_growth_by_the_equation_is_its_slope_and_no_step(tmp_path):
    """Stands grow from 110 to 120 m3/ha: a * 10; land that is stocked only at the second date gains a * V and no b."""
    first, second = stands([110.0, 110.0, 0.0, 0.0]), stands([120.0, 120.0, 30.0, 0.0])
    run = finish(write_survey(tmp_path, {2020: ("a.gpkg", first), 2023: ("b.gpkg", second)}, keys=EQUATION))
    rows = run.exact("removals").query("approach == 'stock_difference' and ecosystem == 'forest' and component == 'net_change'")
    living = rows[rows["pool"].isin(["aboveground_biomass", "belowground_biomass"])]["removal_tCO2e_per_year"].sum()
    wanted = 1920 * 0.6079 * (10.0 + 10.0 + 30.0) * 0.51 * 44 / 12 / 3
    assert living == pytest.approx(wanted, rel=1e-6)


def test_an_equation_that_is_not_there_must_come_from_the_user(tmp_path):
    """No equation for spruce under a name of the user's: the run stops and names the factor."""
    frame = stands([110.0] * 4)
    path = write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys=EQUATION)
    (tmp_path / "species.csv").write_text("code,value\n落叶松,mixed_conifer\n", encoding="utf-8")
    finish(path)
    (tmp_path / "species.csv").write_text("code,value\n落叶松,meadow_steppe\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        finish(path)
    assert {one.id for one in caught.value.findings} == {"E-FACTOR-08"}
    assert any("volume_biomass_slope" in str(one.values) for one in caught.value.findings)


def test_the_sum_of_a_line_is_the_line_of_the_sums():
    volume, area = np.array([20.0, 110.0, 300.0]), np.array([3.0, 5.0, 2.0])
    summed = biomass.living_biomass_of_stands((volume * area).sum(), area.sum(), 0.6079, 17.062)
    assert summed == pytest.approx((biomass.biomass_from_volume(volume, 0.6079, 17.062) * area).sum(), rel=1e-14)
    living = biomass.aboveground_of_living(83.931, 0.39)
    assert living + biomass.belowground_biomass(living, 0.39) == pytest.approx(83.931, rel=1e-15)
