"""The weather part of grassland on real data: GPP and rain of Assaba, 2010 and 2017 to 2023, by hand on means of an independent program."""

import numpy as np
import pandas as pd
import pytest
import rasterio
from landscapes import finish
from test_assaba import assaba, config, written

from aoi.findings import InputError
from sinks.layers.windows import Engine
from sinks.pipeline import findings_of_run, keep_summary
from sinks.report.year_words import MOST_LINES, year_words
from sinks.setup import set_up

YEARS = (2010, 2017, 2018, 2019, 2020, 2021, 2022, 2023)
GRASS = 10
"""The only code of grassland that these maps have."""

__all__ = ["assaba"]


def annual(assaba, **rain) -> dict:
    """GPP on the grid of the land cover with its fill values, rain in degrees on a grid of its own."""
    return {
        "gpp": {"unit": "kg m-2", "basis": "carbon", "scale": 0.0001, "valid": [0.0, 6.5528], **{str(year): str(assaba / f"{year}_GP.tif") for year in YEARS}},
        "precipitation": {"unit": "mm", "resampling": "nearest", **{str(year): str(assaba / f"{year}R.tif") for year in YEARS}, **rain},
    }


@pytest.fixture(scope="module")
def done(assaba, tmp_path_factory):
    done = finish(written(tmp_path_factory.mktemp("weather"), config(assaba, years=(2017, 2020, 2023), **annual(assaba))), Engine(threads=2))
    keep_summary(done.out, findings_of_run(done.setup))
    return done


def test_every_unit_with_grassland_has_its_row(done):
    """26 units, two intervals; the years used are printed in each row; land that stays grassland has GPP and rain nearly everywhere."""
    table = done.table("grass_weather")
    assert table["zone"].nunique() >= 20
    assert set(zip(table["year_from"], table["year"], strict=True)) == {(2017, 2020), (2020, 2023)}
    estimated = table[table["value_flag"] == "V"]
    assert len(estimated) > 30
    assert set(estimated["years"]) == {" ".join(map(str, YEARS))}
    assert set(estimated["predictors"]) == {"precipitation"}
    assert set(estimated["greenness"]) == {"gpp"}
    assert (estimated["weather"] + estimated["rest"]).tolist() == pytest.approx(estimated["change"].tolist(), abs=2e-9)


def raw(path) -> tuple[np.ndarray, rasterio.DatasetReader]:
    with rasterio.open(path) as dataset:
        return dataset.read(1), dataset.profile


def rain_of_cells(assaba, year: int, profile) -> np.ndarray:
    """The rain of the raw cell that holds the centre of each cell of the land cover, by pyproj."""
    from pyproj import Transformer

    transform = profile["transform"]
    rows, columns = np.mgrid[: profile["height"], : profile["width"]]
    x, y = transform.c + (columns + 0.5) * transform.a, transform.f + (rows + 0.5) * transform.e
    longitude, latitude = Transformer.from_crs(profile["crs"].to_wkt(), "EPSG:4326", always_xy=True).transform(x, y)
    values, own = raw(assaba / f"{year}R.tif")
    inverse = ~own["transform"]
    column = np.floor(inverse.a * longitude + inverse.c).astype(int)
    row = np.floor(inverse.e * latitude + inverse.f).astype(int)
    inside = (row >= 0) & (row < values.shape[0]) & (column >= 0) & (column < values.shape[1])
    out = np.full(longitude.shape, np.nan)
    out[inside] = values[row[inside], column[inside]]
    return np.where(out < 0, np.nan, out)


@pytest.fixture(scope="module")
def by_hand(assaba, tmp_path_factory):
    """Unit -> (mean GPP, mean rain) of each year over cells that are grass in 2020 and 2023, by exactextract."""
    extract = pytest.importorskip("exactextract", reason="no wheel for this machine")
    import geopandas

    first, profile = raw(assaba / "2020LCT.tif")
    last, _ = raw(assaba / "2023LCT.tif")
    stays = (first == GRASS) & (last == GRASS)
    units = geopandas.read_file(assaba / "Assaba_Districts_layer.shp", engine="pyogrio")
    # edges are straight in degrees: both programs get vertices every 0.01 degrees before they project
    projected = units.assign(geometry=units.geometry.segmentize(0.01)).to_crs(profile["crs"].to_wkt())
    folder = tmp_path_factory.mktemp("means")
    means: dict[str, list] = {}
    for year in YEARS:
        gpp = raw(assaba / f"{year}_GP.tif")[0].astype(np.float64)
        layers = {"gpp": np.where(gpp >= 65529, np.nan, gpp * 0.0001), "rain": rain_of_cells(assaba, year, profile)}
        found = {}
        for name, cells in layers.items():
            path = folder / f"{name}_{year}.tif"
            with rasterio.open(path, "w", **{**profile, "dtype": "float64", "nodata": np.nan, "driver": "GTiff"}) as dataset:
                dataset.write(np.where(stays, cells, np.nan), 1)
            stats = extract.exact_extract(str(path), projected, ["mean"], include_cols=["ADM3_PCODE"], output="pandas")
            found[name] = dict(zip(stats["ADM3_PCODE"], stats["mean"], strict=True))
        for unit in found["gpp"]:
            means.setdefault(unit, []).append((found["gpp"][unit], found["rain"][unit]))
    return {unit: np.asarray(values, dtype=np.float64) for unit, values in means.items()}


def test_the_weather_part_equals_lstsq_on_means_of_exactextract(done, by_hand):
    """Slope, its error, R2 and the split of 2020 to 2023, for every unit with much grassland.

    Rain is warped by GDAL and looked up by pyproj: a cell in a thousand at the border of
    two raw cells may differ, hence 2e-3 on what depends on it; GPP alone is to 1e-9.
    """
    table = done.exact("grass_weather").query("year_from == 2020 and value_flag == 'V'").set_index("zone")
    large = table[table["area_ha"] > 5_000]
    assert len(large) > 10
    for unit, row in large.iterrows():
        gpp, rain = by_hand[unit].T
        change = gpp[YEARS.index(2023)] - gpp[YEARS.index(2020)]
        assert row["change"] == pytest.approx(change, abs=1e-9), unit
        design = np.column_stack([np.ones(len(YEARS)), rain])
        (intercept, slope), rss, _, _ = np.linalg.lstsq(design, gpp, rcond=None)
        error = float(np.sqrt(rss[0] / 6 * np.linalg.inv(design.T @ design)[1, 1]))
        difference = rain[YEARS.index(2023)] - rain[YEARS.index(2020)]
        scale = abs(slope) + error
        assert row["slope_precipitation"] == pytest.approx(slope, abs=2e-3 * scale), unit
        assert row["se_slope_precipitation"] == pytest.approx(error, rel=5e-3), unit
        assert row["r2"] == pytest.approx(1 - float(rss[0]) / float(((gpp - gpp.mean()) ** 2).sum()), abs=5e-3), unit
        assert row["weather"] == pytest.approx(slope * difference, abs=5e-3 * scale * abs(difference)), unit
        assert np.isfinite(intercept)


def test_rain_explains_what_it_can_in_the_sahel(done):
    """2020 was far wetter than 2023: where rain says anything of a year, its part of the change is a loss of GPP, and it explains part of the variance."""
    table = done.exact("grass_weather").query("year_from == 2020 and value_flag == 'V' and area_ha > 5000")
    sure = table[np.abs(table["slope_precipitation"]) > 3 * table["se_slope_precipitation"]]
    assert len(sure) > 3
    assert (sure["slope_precipitation"] > 0).all()
    assert (sure["weather"] < 0).all()
    assert sure["r2"].between(0.3, 1.0).all()


def test_gpp_gives_no_nep(done):
    assert not (done.out / "tables" / "nep_check.csv").exists()
    assert "nep_check" not in set(done.table("removals")["approach"])


def test_sentences_name_the_years(done):
    assert len(done.table("grass_weather")) < MOST_LINES
    for language, words in (("zh", "其中天气"), ("en", "of which weather")):
        lines = [line for line in (done.out / f"summary.{language}.md").read_text(encoding="utf-8").splitlines() if words in line]
        assert len(lines) == int((done.table("grass_weather")["value_flag"] == "V").sum())
        assert all("2010 2017 2018 2019 2020 2021 2022 2023" in line for line in lines)


def test_a_long_table_is_cut_in_the_summary_and_says_so(done):
    """Two hundred rows: sixty lines, and one that says where the others stand."""
    table = done.table("grass_weather")
    many = pd.concat([table] * (200 // len(table) + 1), ignore_index=True)
    lines = year_words({"grass_weather": many}, [], lambda key, **said: f"{key} {said.get('n')}", str, "en")
    assert len([line for line in lines if line.startswith("  - weather")]) == MOST_LINES + 1
    assert lines[-1] == f"  - weather_more {len(many) - MOST_LINES}"


def test_rain_on_its_own_grid_needs_a_declared_resampling(assaba, tmp_path):
    given = annual(assaba)
    del given["precipitation"]["resampling"]
    with pytest.raises(InputError) as caught:
        set_up(written(tmp_path, config(assaba, years=(2020, 2023), **given)))
    assert {one.id for one in caught.value.findings} == {"E-ALIGN-02"}


def test_fill_values_of_gpp_that_are_not_declared_count_as_production(done, assaba, tmp_path):
    """Without ``valid`` the fill 65529 to 65534 is 6.55 kgC/m2: a mean some ten times too large, which is why the range must be given."""
    given = annual(assaba)
    del given["gpp"]["valid"]
    bad = finish(written(tmp_path, config(assaba, years=(2020, 2023), **given)))
    assert mean_gpp(done) < 0.2
    assert mean_gpp(bad) > 3 * mean_gpp(done)


def mean_gpp(done) -> float:
    """Mean GPP over all land in 2020 [kgC m-2]."""
    rows = done.exact("activity_annual").query("layer == 'gpp' and year == 2020 and year_from == year_to")
    return float(rows["sum"].sum() / rows["area_ha"].sum())


def test_gpp_that_is_lacking_on_sparse_grassland_is_said(done):
    """The product leaves out desert margins: a warning names the layer, and each row its missing share."""
    said = {one.id: one for one in findings_of_run(done.setup)}
    assert said["W-ANNUAL-05"].where == "layers.gpp"
    assert done.table("grass_weather")["missing_share"].max() > 0.2
