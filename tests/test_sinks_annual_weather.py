"""The weather part of grassland change: least squares by hand, what it splits, when it says nothing."""

import numpy as np
import pytest
from landscapes import ARBOR, GRASS, Landscape, Lattice, cells, computed, run
from years import CELL_HA, COOL_DRY, LATTICE, MONTHLY, YEARLY

from sinks.equations import regression
from sinks.pipeline import findings_of_run, keep_summary

YEARS = tuple(range(2014, 2024))
RAIN = dict(zip(YEARS, (310.0, 255.0, 402.0, 198.0, 350.0, 289.0, 333.0, 270.0, 301.0, 365.0), strict=True))
WARMTH = dict(zip(YEARS, (2.1, 3.0, 1.4, 3.9, 2.6, 2.0, 1.8, 3.1, 2.9, 1.1), strict=True))
NOISE = dict(zip(YEARS, (0.004, -0.006, 0.001, 0.003, -0.002, 0.005, -0.004, 0.002, -0.003, 0.0), strict=True))
GREEN = {year: 0.10 + 0.0006 * RAIN[year] - 0.012 * WARMTH[year] + NOISE[year] for year in YEARS}


def spread(lattice: Lattice = LATTICE):
    """A pattern over the cells whose mean is zero: the mean of a class is not that of one cell."""
    rows, columns = np.mgrid[: lattice.height, : lattice.width]
    pattern = 0.02 * (rows - rows.mean()) / lattice.height + 0.03 * np.where(columns % 2, 1.0, -1.0)
    return pattern


def layer(values, scale=1.0):
    """Cells of each year about a value."""
    return {year: cells(LATTICE, value) + spread() * scale for year, value in values.items()}


def weathered(green=None, rain=None, warmth=None, *, land=None, sections=None, dates=(2020, 2023), more=None) -> Landscape:
    """Grassland everywhere, greenness and weather of ten years."""
    given = {"greenness": layer(GREEN if green is None else green)}
    if rain is not False:
        given["precipitation"] = layer(RAIN if rain is None else rain, 100.0)
    if warmth is not False:
        given["temperature"] = layer(WARMTH if warmth is None else warmth)
    used = {name: keys for name, keys in (YEARLY if sections is None else sections).items() if name in given}
    lands = {date: cells(LATTICE, GRASS) for date in dates} if land is None else land
    return Landscape(
        lattice=LATTICE, land=lands, layers={**given, **(more or {})}, sections=used, strata={"climate": cells(LATTICE, COOL_DRY)}
    )


def only_row(done):
    """The row of the one zone and class."""
    table = done.exact("grass_weather")
    assert len(table) == 1
    return table.iloc[0]


def by_numpy(years=YEARS):
    """Coefficients, their covariance and residual variance by numpy.linalg.lstsq."""
    x = np.array([[1.0, RAIN[year], WARMTH[year]] for year in years])
    y = np.array([GREEN[year] for year in years])
    coefficients, rss, _, _ = np.linalg.lstsq(x, y, rcond=None)
    variance = float(rss[0]) / (len(years) - 3)
    return coefficients, variance * np.linalg.inv(x.T @ x), variance, 1 - float(rss[0]) / float(((y - y.mean()) ** 2).sum())


def test_the_line_is_that_of_lstsq(tmp_path):
    """Means over a class are regressed as numpy does it: coefficients, standard errors, R2; ten years less three parameters."""
    row = only_row(computed(weathered(), tmp_path))
    coefficients, covariance, _, r2 = by_numpy()
    assert row[["intercept", "slope_precipitation", "slope_temperature"]].tolist() == pytest.approx(coefficients.tolist(), rel=1e-7)
    errors = np.sqrt(np.diag(covariance))[1:]
    assert row[["se_slope_precipitation", "se_slope_temperature"]].tolist() == pytest.approx(errors.tolist(), rel=1e-7)
    assert row["r2"] == pytest.approx(r2, rel=1e-9)
    assert (row["years_n"], row["years"]) == (10, " ".join(map(str, YEARS)))
    assert row["area_ha"] == pytest.approx(48 * CELL_HA)


def test_the_change_is_split(tmp_path):
    """2020 to 2023: b (x_2023 - x_2020) is weather, what is left is the rest; t of 7 degrees of freedom is 2.3646."""
    row = only_row(computed(weathered(), tmp_path))
    coefficients, covariance, variance, _ = by_numpy()
    d = np.array([RAIN[2023] - RAIN[2020], WARMTH[2023] - WARMTH[2020]])
    weather, se = float(coefficients[1:] @ d), float(np.sqrt(d @ covariance[1:, 1:] @ d))
    change = GREEN[2023] - GREEN[2020]
    assert row["change"] == pytest.approx(change, rel=1e-9)
    assert row["weather"] == pytest.approx(weather, rel=1e-7)
    assert row["weather"] + row["rest"] == pytest.approx(row["change"], abs=1e-12)
    assert (row["low_weather"], row["high_weather"]) == pytest.approx((weather - 2.364624 * se, weather + 2.364624 * se), rel=1e-5)
    wide = float(np.sqrt(se**2 + 2 * variance))
    assert (row["low_rest"], row["high_rest"]) == pytest.approx((row["rest"] - 2.364624 * wide, row["rest"] + 2.364624 * wide), rel=1e-5)
    assert row["weather_share"] == pytest.approx(weather / change, rel=1e-7)


def test_a_change_that_is_all_weather_leaves_no_rest(tmp_path):
    exact = {year: 0.1 + 0.0006 * RAIN[year] for year in YEARS}
    row = only_row(computed(weathered(exact, warmth=False), tmp_path))
    assert row["weather"] == pytest.approx(0.0006 * (RAIN[2023] - RAIN[2020]), rel=1e-9)
    assert row["rest"] == pytest.approx(0.0, abs=1e-9)
    assert row["r2"] == pytest.approx(1.0)
    assert row["predictors"] == "precipitation"


def test_monthly_weather_is_summed_and_averaged(tmp_path):
    """Twelve files of rain add up to the year's, twelve of temperature are averaged: the same regression."""
    share = np.linspace(0.5, 1.5, 12) / 12
    months = {
        "precipitation": {year: [cells(LATTICE, value * part) for part in share] for year, value in RAIN.items()},
        "temperature": {year: [cells(LATTICE, value + step) for step in np.linspace(-11.0, 11.0, 12)] for year, value in WARMTH.items()},
    }
    landscape = weathered(rain=False, warmth=False)
    row = only_row(computed(landscape.but(layers={**landscape.layers, **months}, sections=MONTHLY), tmp_path))
    coefficients, *_ = by_numpy()
    assert row[["slope_precipitation", "slope_temperature"]].tolist() == pytest.approx(coefficients[1:].tolist(), rel=1e-7)


def test_only_land_that_stays_grassland(tmp_path):
    """A cell that is grass at one date alone is in no mean; its greenness does not move the row."""
    lands = {2020: cells(LATTICE, GRASS, (np.s_[0, 0], ARBOR)), 2023: cells(LATTICE, GRASS, (np.s_[5, 7], ARBOR))}
    green = layer(GREEN)
    for year, values in green.items():
        values[0, 0] = values[5, 7] = 5.0 if year == 2023 else 0.0
    done = computed(weathered(land=lands).but(layers={**weathered(land=lands).layers, "greenness": green}), tmp_path)
    row = only_row(done)
    assert row["area_ha"] == pytest.approx(46 * CELL_HA)
    inside = np.ones(LATTICE.shape, dtype=bool)
    inside[0, 0] = inside[5, 7] = False
    assert row["greenness_to"] == pytest.approx(green[2023][inside].mean(), rel=1e-9)


def test_years_without_all_layers_are_left_out_and_the_others_printed(tmp_path):
    rain = {year: value for year, value in RAIN.items() if year != 2015}
    row = only_row(computed(weathered(rain=rain), tmp_path))
    assert row["years"] == " ".join(str(year) for year in YEARS if year != 2015)
    coefficients, *_ = by_numpy(tuple(year for year in YEARS if year != 2015))
    assert row["slope_precipitation"] == pytest.approx(coefficients[1], rel=1e-7)


def test_means_are_of_cells_with_a_value_and_the_missing_share_is_told(tmp_path):
    green = layer(GREEN)
    green[2018][0, :4] = np.nan
    landscape = weathered()
    row = only_row(computed(landscape.but(layers={**landscape.layers, "greenness": green}), tmp_path))
    assert row["missing_share"] == pytest.approx(4 / 48)


# -- when it says nothing ------------------------------------------------------------------------------------


def ran(landscape, folder):
    """A run and the ids of what it says."""
    done = run(landscape, folder)
    return done, {one.id for one in findings_of_run(done.setup)}


def test_too_few_years(tmp_path):
    """Two slopes and an intercept need six years: with five there is no line, with a reason and a warning."""
    five = {year: GREEN[year] for year in (2019, 2020, 2021, 2022, 2023)}
    done, said = ran(weathered(five), tmp_path)
    row = only_row(done)
    assert (row["value_flag"], row["reason"], row["years_n"]) == ("NE", "too_few_years", 5)
    assert np.isnan(row["weather"])
    assert row["change"] == pytest.approx(GREEN[2023] - GREEN[2020])
    assert "W-WEATHER-02" in said


def test_a_date_without_greenness(tmp_path):
    done, said = ran(weathered({year: value for year, value in GREEN.items() if year != 2020}), tmp_path)
    assert (only_row(done)["value_flag"], only_row(done)["reason"]) == ("NE", "date_without_weather")
    assert "W-WEATHER-03" in said


def test_weather_that_moves_together_is_said(tmp_path):
    """Temperature that nearly follows rain: variance inflation far above ten; the sum still has its interval."""
    random = np.random.default_rng(1)
    warmth = {year: 0.01 * value + 0.02 * random.standard_normal() for year, value in RAIN.items()}
    done, said = ran(weathered(warmth=warmth), tmp_path)
    row = only_row(done)
    r = np.corrcoef([RAIN[year] for year in YEARS], [warmth[year] for year in YEARS])[0, 1]
    assert row["inflation"] == pytest.approx(1 / (1 - r**2), rel=1e-6)
    assert row["inflation"] > 10
    assert row["value_flag"] == "V"
    assert "W-WEATHER-04" in said


def test_weather_that_is_linear_in_itself_gives_no_line(tmp_path):
    done, said = ran(weathered(warmth={year: 0.01 * value for year, value in RAIN.items()}), tmp_path)
    # rain has a hundred times the pattern of warmth over the cells: the means are exactly proportional
    assert (only_row(done)["value_flag"], only_row(done)["reason"]) == ("NE", "weather_does_not_vary")
    assert "W-WEATHER-05" in said


def test_greenness_without_weather_is_noted(tmp_path):
    done, said = ran(weathered(rain=False, warmth=False), tmp_path)
    assert not (done.out / "tables" / "grass_weather.csv").exists()
    assert "N-WEATHER-01" in said


# -- a memo --------------------------------------------------------------------------------------------------


def test_it_moves_nothing_and_stands_beside_the_memo(tmp_path):
    """Removals and summary are those of a run without it; the memo of herb biomass is printed in the row, and sentences in the summary."""
    herbs = {2020: cells(LATTICE, 0.4), 2023: cells(LATTICE, 0.5)}
    plain = run(weathered().but(layers={"ndvi": herbs}, sections={}), tmp_path / "plain")
    beside = run(weathered(more={"ndvi": herbs}), tmp_path / "beside")
    for name in ("removals", "summary", "stocks"):
        assert plain.bytes()[f"{name}.csv"] == beside.bytes()[f"{name}.csv"]
    memo = beside.table("removals").query("reason == 'grass_weather' and approach == 'stock_difference'")["removal_tCO2e_per_year"].sum()
    assert memo > 0
    assert only_row(beside)["memo_removal_tCO2e_per_year"] == pytest.approx(memo, abs=2e-3)
    keep_summary(beside.out, [])
    row = only_row(beside)
    for language, words in (("zh", "其中天气"), ("en", "of which weather")):
        (line,) = [line for line in (beside.out / f"summary.{language}.md").read_text(encoding="utf-8").splitlines() if words in line]
        assert f"{row['weather']:.4g}" in line
        assert " ".join(map(str, YEARS)) in line


# -- the equations -------------------------------------------------------------------------------------------


def test_least_squares_against_numpy_on_far_scales():
    """Millimetres of a thousand beside degrees of one: coefficients and covariance to 1e-9 of numpy's."""
    random = np.random.default_rng(4)
    x = np.stack([5000.0 + random.random(12), random.random(12) - 0.5], axis=1)
    y = 3.0 + x @ np.array([0.7, -2.0]) + 0.01 * random.standard_normal(12)
    fit = regression.least_squares(y, x)
    whole = np.column_stack([np.ones(12), x])
    coefficients, rss, _, _ = np.linalg.lstsq(whole, y, rcond=None)
    assert fit is not None
    assert fit.coefficients == pytest.approx(coefficients, rel=1e-6)
    assert fit.variance == pytest.approx(float(rss[0]) / 9, rel=1e-6)
    assert fit.freedom == 9


@pytest.mark.parametrize("x", [[[1.0], [1.0], [1.0], [1.0]], [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [5.0, 10.0], [7.0, 14.0]], [[1.0], [2.0]]])
def test_points_that_determine_no_line(x):
    """A constant regressor, one that is a multiple of the other, no residual degree of freedom."""
    assert regression.least_squares(np.arange(len(x), dtype=float), x) is None


def test_intervals_of_the_weather_part_cover():
    """Of 2,000 drawn series the 95 % interval of b d holds the true one in 95 % (binomial 3 s: 1.5 points)."""
    random = np.random.default_rng(7)
    rain = np.array(list(RAIN.values()))
    warmth = np.array(list(WARMTH.values()))
    x = np.stack([rain, warmth], axis=1)
    d = np.array([40.0, -1.0])
    truth, held = 0.0006 * 40.0 + 0.012, 0
    for _ in range(2000):
        y = 0.1 + 0.0006 * rain - 0.012 * warmth + 0.01 * random.standard_normal(10)
        fit = regression.least_squares(y, x)
        assert fit is not None
        value, error = regression.explained_change(fit, d)
        held += abs(value - truth) <= regression.half_width(fit.freedom) * error
    assert held / 2000 == pytest.approx(0.95, abs=0.015)
