"""Estimates from plots: published arithmetic, simulated coverage, a map's bias corrected by league, and plots that cannot be used."""

import doctest
import json
import re

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from landscapes import ALBERS, ARBOR, GRASS, Landscape, Lattice, Tiling, cells, write

from aoi.findings import InputError
from sinks.cli import main
from sinks.equations import area_estimation, plot_estimation, validation
from sinks.equations.plot_estimation import (
    Estimate,
    difference_mean,
    neyman_shares,
    neyman_size,
    poststratified_mean,
    regression_estimate,
    stratified_mean,
    stratified_ratio,
    total_of,
    two_phase_ratio,
    two_phase_regression,
    working_model,
)
from sinks.estimation.plots import PLOT_ESTIMATES, estimate_plots, plots_needed
from sinks.setup import set_up

ONE = np.zeros(40, dtype=np.int64), np.ones(1)


@pytest.mark.parametrize("module", [plot_estimation, area_estimation, validation], ids=lambda module: module.__name__)
def test_examples_in_the_docstrings(module):
    """Worked examples beside the equations."""
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


# -- equations -----------------------------------------------------------------------------------------------


def test_w8_stratified_mean_and_total():
    """METHODOLOGIES W8: mean 58.35, standard error 1.925697, 15 degrees of freedom; 1,000 ha carry the error 1,000 times."""
    values = np.array([42, 55, 38, 61, 47, 50, 70, 82, 66, 91, 77, 85, 73, 80, 20, 28, 15, 31.0])
    mean = stratified_mean(values, np.repeat([0, 1, 2], [6, 8, 4]), np.array([0.3, 0.5, 0.2]))
    assert mean.value == pytest.approx(58.35)
    assert mean.se == pytest.approx(1.925697, abs=1e-6)
    assert mean.freedom == 15


@pytest.mark.parametrize("area", [1.0, 750.0, 2.5e6])
def test_the_variance_of_a_total_is_not_that_of_its_mean(area):
    """Var(total) = area^2 Var(mean): a package of this field returned the per-hectare variance for years (rFIA 13)."""
    mean = Estimate(40.0, 9.0, 29.0)
    total = total_of(mean, area)
    assert total.variance == pytest.approx(area**2 * mean.variance)
    assert (total.variance == mean.variance) == (area == 1.0)
    assert total.se / total.value == pytest.approx(mean.se / mean.value)


def test_w10_sample_size_from_the_shared_formula():
    """METHODOLOGIES W10: 51.354 plots at 1.645, allocated 14.85, 33.75, 5.40 of 54."""
    weights, deviations = np.array([0.3, 0.5, 0.2]), np.array([22.0, 30.0, 12.0])
    assert neyman_size(weights, deviations, (5.5 / 1.645) ** 2, 1000 / 0.06) == pytest.approx(51.354, abs=1e-3)
    assert 54 * neyman_shares(weights, deviations) == pytest.approx([14.85, 33.75, 5.40])


def test_cochran_ratio_and_poststratification_by_hand():
    """Two strata of two plots: R = 10 / 4, residuals by hand; and the price of numbers that chance decided."""
    y, x, strata, weights = np.array([8.0, 12, 9, 11]), np.array([3.0, 5, 4, 4]), np.array([0, 0, 1, 1]), np.array([0.5, 0.5])
    ratio = stratified_ratio(y, x, strata, weights)
    residual = y - 2.5 * x
    by_hand = (0.25 * residual[:2].var(ddof=1) / 2 + 0.25 * residual[2:].var(ddof=1) / 2) / 4.0**2
    assert ratio.value == pytest.approx(2.5)
    assert ratio.variance == pytest.approx(by_hand)
    post = poststratified_mean(y, strata, weights)
    assert post.value == pytest.approx(10.0)
    assert post.variance == pytest.approx((0.5 * 8 + 0.5 * 2) / 4 + (0.5 * 8 + 0.5 * 2) / 16)


def draws(number, estimator, rng, size=40):
    """Coverage and bias of an estimator over samples from one land of 20,000 cells whose map is biased by 20 and a third too flat."""
    truth = rng.gamma(4.0, 20.0, 20_000)
    mapped = 20.0 + 0.66 * truth + rng.normal(0, 12, len(truth))
    found = []
    for _ in range(number):
        chosen = rng.choice(len(truth), size, replace=False)
        found.append(estimator(truth[chosen], mapped[chosen], float(mapped.mean())))
    values, errors = np.array([one.value for one in found]), np.array([one.se for one in found])
    inside = np.abs(values - truth.mean()) <= 2.02 * errors
    return values.mean() - truth.mean(), values.std(), errors.mean(), inside.mean()


ESTIMATORS = {
    "simple": lambda y, m, mean: stratified_mean(y, *ONE),
    "difference": lambda y, m, mean: difference_mean(y, m, mean, *ONE),
    "greg": lambda y, m, mean: regression_estimate(y, m, mean, working_model(y, m), *ONE),
    "regression": lambda y, m, mean: two_phase_regression(y, m, mean, 0.0),
    "ratio": lambda y, m, mean: two_phase_ratio(y, m, mean, 0.0),
}


@pytest.mark.parametrize("name", ESTIMATORS, ids=str)
def test_estimators_are_unbiased_and_cover(name):
    """Over 1,500 samples: no bias beyond chance, standard errors like the true spread, 95 % intervals that hold 92 to 97 %."""
    bias, spread, said, inside = draws(1500, ESTIMATORS[name], np.random.default_rng(4))
    assert abs(bias) < 4 * spread / 1500**0.5 + 0.02 * spread
    assert said == pytest.approx(spread, rel=0.08)
    assert 0.92 <= inside <= 0.97


def test_the_map_helps_where_it_knows_something():
    """Standard errors: the regression estimators beat the difference, and that the plots alone."""
    spread = {name: draws(400, one, np.random.default_rng(4))[1] for name, one in ESTIMATORS.items()}
    assert spread["greg"] < spread["difference"] < spread["simple"]
    assert spread["greg"] == pytest.approx(spread["regression"], rel=1e-9)


def test_two_phase_with_all_places_measured_is_the_plain_mean_error():
    """AR-TOOL14 Eq 19: with alpha = 1 the secondary variable explains nothing more."""
    y, x = np.array([10.0, 14, 19, 23, 31]), np.array([1.0, 2, 2.5, 3, 4])
    assert two_phase_regression(y, x, 2.5, 1.0).variance == pytest.approx(y.var(ddof=1) / 5)
    assert two_phase_ratio(y, x, 2.5, 1.0).variance == pytest.approx(y.var(ddof=1) / 5)


def test_strata_with_too_few_plots_have_no_variance():
    """One plot: NaN, not zero; none: no mean either; strata without area do not count."""
    values = np.array([1.0, 2.0, 9.0])
    one = stratified_mean(values, np.array([0, 0, 1]), np.array([0.5, 0.5]))
    assert one.value == pytest.approx(5.25)
    assert np.isnan(one.variance)
    assert np.isnan(stratified_mean(values, np.array([0, 0, 0]), np.array([0.5, 0.5])).value)
    assert stratified_mean(values, np.array([0, 0, 0]), np.array([1.0, 0.0])).variance > 0
    assert np.isnan(two_phase_regression(values, np.ones(3), 1.0, 0.0).value)
    assert np.isnan(two_phase_ratio(values[:1], values[:1], 1.0, 0.0).value)


def test_plots_needed():
    """(1.6839 * 22 / 5.5)^2 = 45.4 at the t of 40 degrees, so 46 of n - 1 = 45 (t 1.6794): 45.1 -> 46; more spread, more plots."""
    assert plots_needed(Estimate(55.0, 22.0**2 / 10, 9.0), 10, 0.1, float("nan"), 55.0) == 46
    assert plots_needed(Estimate(float("nan"), float("nan"), 0.0), 0, 0.1, 22.0, 55.0) == 46
    assert plots_needed(Estimate(55.0, 44.0**2 / 10, 9.0), 10, 0.1, float("nan"), 55.0) > 170
    assert plots_needed(Estimate(float("nan"), float("nan"), 0.0), 0, 0.1, float("nan"), 55.0) is None


# -- the verb ------------------------------------------------------------------------------------------------

LATTICE = Lattice(height=40, width=60)


def biomass():
    """The map: 60 in the west, 100 in the east."""
    return cells(LATTICE, 60.0, (np.s_[:, 30:], 100.0)) + np.arange(40)[:, None] * 0.5


def written(folder, rows, **plots):
    """A run of two zones with forest and grass, and plots at (column, row, value)."""
    land = {2020: cells(LATTICE, ARBOR, (np.s_[30:, :], GRASS)), 2023: cells(LATTICE, ARBOR, (np.s_[30:, :], GRASS))}
    zones = [("Z1", "R", LATTICE.rectangle(0, 0, 30, 40)), ("Z2", "R", LATTICE.rectangle(30, 0, 58, 40))]
    layers = {"aboveground_biomass": {2020: biomass(), 2023: biomass() + 1}}
    section = {"file": "plots.csv", "year": 2020, "unit": "t ha-1", "basis": "dry_matter", "crs": ALBERS, **plots}
    landscape = Landscape(lattice=LATTICE, land=land, layers=layers, zones=zones, base_year=False, more={"plots": section})
    path = write(landscape, folder, Tiling())
    lines = ["id,x,y,value"]
    for number, (column, row, value) in enumerate(rows):
        x, y = LATTICE.on_map(column + 0.5, row + 0.5)
        lines.append(f"p{number},{x},{y},{value}")
    (folder / "plots.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def biased(number, rng, columns=(0, 30)):
    """Plots of the west: the truth is the map less 15."""
    column, row = rng.integers(*columns, number), rng.permutation(30)[:number]
    return [(c, r, round(float(biomass()[r, c] - 15 + rng.normal(0, 4)), 3)) for c, r in zip(column, row, strict=True)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run with twenty plots in the west and three in the east."""
    rng = np.random.default_rng(8)
    path = written(tmp_path_factory.mktemp("plots"), [*biased(20, rng), *biased(3, rng, (30, 58))])
    main(["--lang", "en", "run", str(path), "--quiet"])
    return path


def of(frame, zone, estimator):
    """One row of the table."""
    return frame[(frame["zone"] == zone) & (frame["estimator"] == estimator)].iloc[0]


def test_a_biased_map_is_corrected_in_every_league(made):
    """Truth 15 below the map: the difference and regression estimators find it, the map alone does not."""
    frame, _ = estimate_plots(set_up(made))
    truth = biomass()[:30, :30].mean() - 15
    assert of(frame, "Z1", "map")["mean"] == pytest.approx(truth + 15)
    for name in ("difference", "greg", "regression", "simple"):
        row = of(frame, "Z1", name)
        assert abs(row["mean"] - truth) < 3 * row["se_mean"]
    assert of(frame, "Z1", "difference")["se_mean"] < 2.0
    assert np.isnan(of(frame, "Z1", "map")["se_mean"])


def test_areas_and_totals_are_those_of_the_run(made):
    """900 and 840 cells of forest in the zones; totals are means times hectares, their errors too; the region is both."""
    frame, _ = estimate_plots(set_up(made))
    area = 900 * LATTICE.cell_ha
    row = of(frame, "Z1", "difference")
    assert row["area_ha"] == pytest.approx(area, rel=1e-9)
    assert row["total"] == pytest.approx(row["mean"] * area)
    assert row["se_total"] == pytest.approx(row["se_mean"] * area)
    assert of(frame, "R", "difference")["area_ha"] == pytest.approx((900 + 840) * LATTICE.cell_ha, rel=1e-9)
    assert of(frame, "R", "difference")["plots"] == 23


def test_small_leagues_are_told_what_they_would_need(made):
    """Three plots do not reach an error of 10 %, or just so; the warning counts what there is and what is needed."""
    path = made
    setup = set_up(path)
    frame, found = estimate_plots(setup)
    row = of(frame, "Z2", "difference")
    assert row["plots"] == 3
    text = path.read_text(encoding="utf-8").replace("[plots]", "[plots]\nallowed_error = 0.01")
    strict = path.with_name("strict.toml")
    strict.write_text(text, encoding="utf-8")
    frame, found = estimate_plots(set_up(strict))
    said = next(one for one in found if one.id == "W-PLOT-12").say("found", "en")
    needed = of(frame, "Z2", "difference")["plots_needed"]
    assert needed > 3
    assert re.search(rf"Z2: 3 / {needed}\b", said)


def test_the_verb_writes_the_table(made, capsys):
    """In words in both languages, as JSON, and as a table that reads back."""
    main(["--lang", "en", "plots", str(made)])
    said = capsys.readouterr().out
    assert "Z1 difference (map corrected): 20 plots, mean" in said
    main(["--lang", "zh", "plots", str(made)])
    assert "广义回归" in capsys.readouterr().out
    main(["plots", str(made), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert {one["estimator"] for one in found["estimates"]} == {
        "map",
        "simple",
        "poststratified",
        "ratio",
        "regression",
        "difference",
        "greg",
    }
    path = made.parent / "out" / "tables" / "plot_estimates.csv"
    frame = PLOT_ESTIMATES.read(path)
    before = path.read_bytes()
    main(["plots", str(made), "--quiet"])
    assert path.read_bytes() == before
    assert len(frame) == len(found["estimates"])


def test_plots_of_a_stratified_design(tmp_path):
    """Estimators that rest on a simple sample are not offered."""
    path = written(tmp_path, biased(12, np.random.default_rng(3)), design="stratified")
    main(["run", str(path), "--quiet"])
    frame, _ = estimate_plots(set_up(path))
    assert set(frame["estimator"]) == {"map", "stratified", "difference", "greg"}


@pytest.mark.parametrize(
    ("rows", "plots", "ids"),
    [
        ([(5, 5, 60.0), (900, 5, 60.0)], {}, {"E-PLOT-02"}),
        ([(5, 5, 60.0), (59, 5, 60.0)], {}, {"E-PLOT-02"}),
        ([(5, 5, 60.0), (5, 5, 61.0)], {}, {"E-PLOT-04"}),
        ([(5, 35, 60.0)], {}, {"E-PLOT-05"}),
        ([(5, 5, 60.0)], {"basis": "carbon"}, {"E-PLOT-06"}),
        ([(5, 5, 60.0)], {"year": 2021}, {"E-PLOT-11"}),
        ([(5, 5, 60.0)], {"layer": "litter"}, {"E-RETR-09"}),
    ],
    ids=["off the grid", "outside all zones", "one place", "on grass", "basis", "year", "layer"],
)
def test_plots_that_cannot_be_used(tmp_path, rows, plots, ids):
    """Each its own finding."""
    path = written(tmp_path, rows, **plots)
    main(["run", str(path), "--quiet"])
    with pytest.raises(InputError) as stop:
        estimate_plots(set_up(path))
    assert {one.id for one in stop.value.findings} == ids


def test_a_run_must_be_there(tmp_path):
    """Without activity tables the verb says what to do first."""
    path = written(tmp_path, [(5, 5, 60.0)])
    with pytest.raises(InputError) as stop:
        estimate_plots(set_up(path))
    assert [one.id for one in stop.value.findings] == ["E-PLOT-09"]


def test_a_single_plot_in_a_league(tmp_path):
    """One plot: no interval, the reason stands beside, nothing is zero."""
    path = written(tmp_path, [(5, 5, 60.0), (40, 5, 90.0), (41, 6, 95.0), (42, 7, 88.0)])
    main(["run", str(path), "--quiet"])
    frame, _ = estimate_plots(set_up(path))
    row = of(frame, "Z1", "difference")
    assert row["value_flag"] == "NE"
    assert row["reason"] == "few_plots"
    assert pd.isna(row["se_mean"])
    assert row["plots_needed"] > 1


def test_plots_that_are_polygons(tmp_path):
    """A vector file of outlines has no place to look at."""
    path = written(tmp_path, [(5, 5, 60.0)], file="plots.gpkg")
    outline = geopandas.GeoDataFrame({"id": ["a"], "value": [60.0]}, geometry=[LATTICE.rectangle(1, 1, 3, 3)], crs=ALBERS)
    outline.to_file(tmp_path / "plots.gpkg")
    main(["run", str(path), "--quiet"])
    with pytest.raises(InputError) as stop:
        estimate_plots(set_up(path))
    assert [one.id for one in stop.value.findings] == ["E-PLOT-07"]
    outline.assign(geometry=outline.geometry.centroid).to_file(tmp_path / "plots.gpkg")
    frame, _ = estimate_plots(set_up(path))
    assert of(frame, "Z1", "map")["plots"] == 1


def test_plots_on_other_land_are_left_out_and_counted(tmp_path):
    """Two of five stand on what the map calls grass."""
    path = written(tmp_path, [(5, 5, 60.0), (6, 6, 61.0), (7, 7, 66.0), (5, 35, 3.0), (6, 36, 4.0)])
    main(["run", str(path), "--quiet"])
    frame, found = estimate_plots(set_up(path))
    said = next(one for one in found if one.id == "W-PLOT-10").say("found", "en")
    assert "2 of 5: p3, p4" in said
    assert of(frame, "Z1", "simple")["plots"] == 3


def test_a_map_that_was_fitted_to_plots_is_told(tmp_path):
    """A raster whose tag says that a model predicted it: the plots may be those of the training."""
    path = written(tmp_path, [(5, 5, 60.0), (6, 6, 61.0), (7, 7, 66.0)])
    with rasterio.open(tmp_path / "aboveground_biomass_2020_0.tif", "r+") as file:
        file.update_tags(
            ALIGNED_FROM=json.dumps({"how": "predicted: linear", "files": [{"file": "model.skops", "sha256": "0", "bytes": 1}]})
        )
    main(["run", str(path), "--quiet"])
    _, found = estimate_plots(set_up(path))
    assert "W-PLOT-13" in {one.id for one in found}
