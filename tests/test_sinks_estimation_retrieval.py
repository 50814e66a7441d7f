"""Retrieval: what is fitted is told honestly, what is predicted is what a run reads, and no file of a model can do harm."""

import csv
import functools
import json
import os
import shutil
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from landscapes import ALBERS, ARBOR, CROPLAND, GRASS, Landscape, Lattice, Tiling, cells, write, write_raster

from aoi.findings import InputError
from sinks import tables
from sinks.cli import main
from sinks.equations import validation
from sinks.estimation import predict as predicting
from sinks.estimation.fit import fit_model, keep_fit
from sinks.estimation.model_file import load_models, save_models
from sinks.estimation.models import Recipe, block_folds, blocks_of, cross_validated, distances_km, random_folds, resampled, seeds
from sinks.estimation.predict import predict
from sinks.estimation.retrieval import retrieval_of
from sinks.layers.windows import Engine
from sinks.pipeline import account, settle_tables, snapshot, tabulate
from sinks.setup import set_up
from sinks.toml import toml_text

LATTICE = Lattice(height=60, width=1100, cell=400.0)
YEARS = (2020, 2023)
PLACES = 240


def greenness(year):
    """A smooth field with noise, greener at the second date."""
    rows, columns = np.mgrid[: LATTICE.height, : LATTICE.width]
    noise = np.random.default_rng(year).normal(0, 0.05, LATTICE.shape)
    return 0.4 + 0.2 * np.sin(columns / 90) + 0.1 * np.cos(rows / 20) + noise + (0.05 if year == 2023 else 0.0)


def height():
    """A field that holds at every date, with a hole."""
    rows, columns = np.mgrid[: LATTICE.height, : LATTICE.width]
    out = 10 + 5 * np.cos(columns / 70) * np.sin(rows / 15)
    out[3:6, 40:60] = np.nan
    return out


def written(folder, model="linear", **settings):
    """A run file whose biomass is retrieved from 240 plots, with its rasters."""
    land = {
        2020: cells(LATTICE, ARBOR, (np.s_[:, 700:], GRASS), (np.s_[50:, :300], CROPLAND)),
        2023: cells(LATTICE, ARBOR, (np.s_[:, 720:], GRASS), (np.s_[50:, :250], CROPLAND)),
    }
    zones = [("Z1", "R", LATTICE.rectangle(0, 0, 512.5, 60)), ("Z2", "R", LATTICE.rectangle(512.5, 0, 1090, 60))]
    climate = cells(LATTICE, 2, (np.s_[:, :100], 1), (np.s_[:, 1000:], 3))
    landscape = Landscape(lattice=LATTICE, land=land, strata={"climate": climate}, zones=zones, base_year=False)
    path = write(landscape, folder, Tiling(block=128))
    for year in YEARS:
        write_raster(folder, f"green_{year}", np.asarray(greenness(year)), LATTICE, -9999.0, Tiling(block=128))
    write_raster(folder, "height", np.where(np.isnan(height()), -9999.0, height()), LATTICE, -9999.0, Tiling(block=128))
    later = np.roll(climate, 30, axis=1)
    write_raster(folder, "climate_2023", later.astype(np.uint8), LATTICE, 0, Tiling(block=128))
    write_plots(folder / "plots.csv", *true_plots())
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    config["layers"]["climate_map"] = {"2020": "climate_map_all_0.tif", "2023": "climate_2023.tif", "legend": "climate_map.csv"}
    target = {str(year): f"retrieved/aboveground_biomass_{year}.tif" for year in YEARS}
    config["layers"]["aboveground_biomass"] = {
        **target, "unit": "t ha-1", "basis": "dry_matter", "se": "aboveground_biomass_se", "members": "retrieved/members.csv",
    }  # fmt: skip
    config["layers"]["aboveground_biomass_se"] = {
        **{str(year): f"retrieved/aboveground_biomass_se_{year}.tif" for year in YEARS}, "unit": "t ha-1",
    }  # fmt: skip
    config["plots"] = {
        "file": "plots.csv",
        "year": 2020,
        "unit": "t ha-1",
        "basis": "dry_matter",
        "crs": ALBERS,
        **settings.pop("plots", {}),
    }
    config["retrieval"] = {"model": model, "trees": 8, "block_km": 20.0, **settings}
    config["predictors"] = {"green": {str(year): f"green_{year}.tif" for year in YEARS}, "height": {"file": "height.tif"}}
    path.write_text(toml_text(config), encoding="utf-8")
    return path


def true_plots():
    """Columns, rows and values of plots: 20 + 120 x greenness + 3 x height + noise."""
    rng = np.random.default_rng(7)
    known = np.argwhere(~np.isnan(height()[:, :1080]))
    chosen = known[rng.choice(len(known), PLACES, replace=False)]
    row, column = chosen.T
    value = 20 + 120 * greenness(2020)[row, column] + 3 * height()[row, column] + rng.normal(0, 6, len(row))
    return column, row, np.round(value, 3)


def write_plots(path, column, row, value):
    """Plots in the middle of their cells, in the CRS of the grid."""
    x, y = LATTICE.on_map(column + 0.5, row + 0.5)
    frame = pd.DataFrame({"id": [f"p{number}" for number in range(len(value))], "x": x, "y": y, "value": value})
    frame.to_csv(path, index=False)


def edited(path, *changes):
    """The run file with texts replaced."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def fitted(path):
    """Fit and keep."""
    retrieval = retrieval_of(path, of_plots=True)
    fit = fit_model(retrieval)
    keep_fit(retrieval, fit)
    return fit


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A linear model, fitted and predicted once."""
    path = written(tmp_path_factory.mktemp("retrieval"))
    fit = fitted(path)
    record, found = predict(retrieval_of(path), Engine(threads=2))
    return path, fit, record, found


# -- fitting -------------------------------------------------------------------------------------------------


def test_fit_finds_the_truth_and_tells_it(made):
    """Slopes within the noise; RMSE near the 6 t/ha that were put in; intervals of 90 % hold about so many."""
    _, fit, _, _ = made
    scale, model = fit.models[0]
    slopes = model.coef_ / scale.scale_
    assert slopes == pytest.approx([120, 3], rel=0.1)
    for way in (fit.random, fit.spatial):
        assert way.scores.rmse == pytest.approx(6.0, abs=0.9)
        assert abs(way.scores.bias) < 0.5
        assert way.scores.r2 > 0.9
        assert 0.85 <= way.coverage <= 0.95
    assert fit.card["predictors"] == ["green", "height"]
    assert fit.card["variogram"]["correlation_km"] is None or fit.card["variogram"]["nugget"] > fit.card["variogram"]["sill"] / 3


def test_models_and_training_data_are_kept_with_their_hashes(made):
    """The card names both; a second fit writes the same bytes."""
    path, _, _, _ = made
    folder = path.parent / "retrieved"
    before = {name: (folder / name).read_bytes() for name in ("model.skops", "model.json", "training.csv")}
    fitted(path)
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("kind", ["random_forest", "gradient_boosting"])
def test_trees_are_the_same_again_after_loading(tmp_path, kind):
    """Saved, loaded and checked: the same predictions; the file is a ZIP without pickles, the same bytes each time."""
    rng = np.random.default_rng(0)
    predictors, values = rng.random((80, 3)), rng.random(80) * 50
    recipe = Recipe(kind=kind, trees=5, low=0.0, high=100.0)
    models, twins = ([resampled(recipe, predictors, values, np.arange(80) % 9, seed) for seed in seeds(1, 2)] for _ in range(2))
    save_models(models, tmp_path / "a.skops")
    again = load_models(tmp_path / "a.skops", 3)
    np.testing.assert_array_equal(again[1].predict(predictors), models[1].predict(predictors))
    save_models(twins, tmp_path / "b.skops")
    assert (tmp_path / "a.skops").read_bytes() == (tmp_path / "b.skops").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.skops") as given:
        assert {Path(name).suffix for name in given.namelist()} <= {".npy", ".json"}


def test_random_folds_are_optimistic_where_land_is_correlated():
    """A field that no predictor explains but places do: with neighbours in the training data R2 is high, without them it is not."""
    rng = np.random.default_rng(3)
    longitude, latitude = rng.uniform(110, 118, 300), rng.uniform(42, 48, 300)
    centres = rng.uniform([110, 42], [118, 48], (40, 2))
    bumps = np.exp(-((longitude[:, None] - centres[:, 0]) ** 2 + (latitude[:, None] - centres[:, 1]) ** 2) / 0.5)
    values = 50 + bumps @ rng.normal(0, 20, 40) + rng.normal(0, 2, 300)
    predictors = np.stack([longitude, latitude], axis=1)
    recipe = Recipe(kind="random_forest", trees=20, low=-1e3, high=1e3)
    blocks = blocks_of(longitude, latitude, "EPSG:4326", 200.0)
    scored = {}
    for name, folds in (("random", random_folds(300, 5, 1)), ("spatial", block_folds(blocks, 5, 1))):
        scored[name] = validation.scores(values, cross_validated(recipe, predictors, values, folds, 1)).r2
    assert scored["random"] > scored["spatial"] + 0.2


def test_blocks_are_about_as_large_as_asked():
    """Plots in one block lie at most a diagonal apart; folds hold whole blocks."""
    rng = np.random.default_rng(1)
    longitude, latitude = rng.uniform(110, 120, 500), rng.uniform(40, 50, 500)
    blocks = blocks_of(longitude, latitude, "EPSG:4490", 100.0)
    far = distances_km(longitude, latitude, "EPSG:4490")
    assert max(far[np.ix_(blocks == one, blocks == one)].max() for one in np.unique(blocks)) < 100 * 2**0.5 * 1.05
    folds = block_folds(blocks, 5, 1)
    assert all(len(set(folds[blocks == one])) == 1 for one in np.unique(blocks))
    assert np.bincount(folds).min() > 80


def test_variogram_finds_a_length():
    """A Gaussian field of exponential correlation with a length of 30 km, and a field without any."""
    rng = np.random.default_rng(11)
    x, y = rng.uniform(0, 300, (2, 500))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    lengths = []
    for _ in range(5):
        field = np.linalg.cholesky(25 * np.exp(-distance / 30) + 4 * np.eye(500)) @ rng.normal(size=500)
        lengths.append(validation.variogram(distance, field, 12, 100).length)
    assert np.median(lengths) == pytest.approx(30, rel=0.5)
    flat = validation.variogram(distance, rng.normal(size=500), 12, 100)
    assert np.isnan(flat.length) or flat.nugget > 4 * flat.sill


def test_conformal_intervals_hold_what_they_say():
    """Errors of any law: a new one lies inside with the wanted probability, to the sampling of 400 trials."""
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(400):
        sizes = rng.lognormal(size=60)
        inside.append(rng.lognormal() <= validation.conformal_quantile(sizes, 0.9))
    assert 0.86 <= np.mean(inside) <= 0.94
    assert validation.conformal_quantile(np.ones(5), 0.9) == np.inf


def test_error_model_is_never_negative():
    """Constant, proportional, and falling errors."""
    predicted = np.linspace(1, 100, 200)
    signs = np.where(np.arange(200) % 2, 1.0, -1.0)
    assert validation.error_model(predicted, 5 * signs) == pytest.approx((25.0, 0.0), abs=1e-6)
    assert validation.error_model(predicted, 0.2 * predicted * signs) == pytest.approx((0.0, 0.04), abs=1e-6)
    constant, per = validation.error_model(predicted, (101 - predicted) * signs)
    assert per == 0
    assert constant > 0


# -- predicting ----------------------------------------------------------------------------------------------


def test_member_zero_is_what_the_run_sums(made):
    """By zone, class and stratum at dates and pairs, with the run's own ids: equal to the last bits."""
    assert len(member_zero_against_the_run(made[0])) == 1


def test_member_zero_knows_strata_that_are_made_of_other_layers(tmp_path):
    """Land that changed in earlier maps, and ages: the same strata with the same ids as the run's."""
    path = written(tmp_path)
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    for year, part in ((2016, np.s_[:20, :200]), (2018, np.s_[:20, :100])):
        earlier = cells(LATTICE, ARBOR, (np.s_[:, 700:], GRASS), (np.s_[50:, :300], CROPLAND), (part, GRASS)).astype(np.uint8)
        write_raster(tmp_path, f"earlier_{year}", earlier, LATTICE, 0, Tiling(block=128))
        config["layers"]["land_cover"][str(year)] = f"earlier_{year}.tif"
    write_raster(tmp_path, "ages", cells(LATTICE, 15, (np.s_[:30], 50)).astype(np.uint8), LATTICE, 0, Tiling(block=128))
    config["layers"]["stand_age"] = {"file": "ages.tif"}
    config["ages"] = {"year": 2018}
    path.write_text(toml_text(config), encoding="utf-8")
    fitted(path)
    predict(retrieval_of(path), Engine(threads=2))
    assert member_zero_against_the_run(path) == {"age_class", "climate", "cohort_from", "cohort_year"}


def member_zero_against_the_run(path) -> set[str]:
    """Sums of member zero are those of the run; returns the strata that tell rows apart."""
    setup = set_up(path)
    tabulate(setup, Engine(threads=1))
    settle_tables(setup.out)
    year, pair = (table.read(setup.out / "tables" / f"{table.name}.csv") for table in (tables.ACTIVITY_YEAR, tables.ACTIVITY_PAIR))
    members = tables.MEMBERS.read(path.parent / "retrieved" / "members.csv")
    zero = members[members["model_member"] == 0]
    mine = zero[zero["year_from"] == zero["year_to"]].set_index(["zone", "year_from", "land_from", "stratum_from"])["sum"]
    run = year[(year["layer"] == "aboveground_biomass") & (year["bin"] >= 0)].groupby(["zone", "year", "class", "stratum"])["sum"].sum()
    assert len(mine) == len(run) > 10
    np.testing.assert_allclose(mine.sort_index().to_numpy(float), run.sort_index().to_numpy(float), rtol=1e-12)
    keys = ["zone", "year_from", "year_to", "land_from", "land_to", "stratum_from", "stratum_to"]
    held = pair[(pair["bin_layer"] == "aboveground_biomass") & (pair["bin_date"] == "from")]
    sums = held.groupby(keys)[["sum_from", "sum_to", "area_ha"]].sum()
    sums = sums[sums["area_ha"] > 0].sort_index()
    over = zero[zero["year_from"] != zero["year_to"]]
    for date in ("from", "to"):
        mine = over[over["date"] == date].set_index(keys)["sum"].sort_index()
        assert list(mine.index) == list(sums.index)
        np.testing.assert_allclose(mine.to_numpy(float), sums[f"sum_{date}"].to_numpy(float), rtol=1e-12)
    strata = tables.STRATA.read(setup.out / "tables" / "strata.csv")
    return {name for name in tables.STRATUM_NAMES if strata[name].nunique() > 1}


def test_members_are_shared_by_dates_and_differ_among_each_other(made):
    """A member that is high at one date is high at the other; thirty of them, none like another."""
    path, fit, record, _ = made
    members = tables.MEMBERS.read(path.parent / "retrieved" / "members.csv")
    by_date = members[members["year_from"] != members["year_to"]].groupby(["model_member", "date"])["sum"].sum().unstack()
    assert len(by_date) == 31 == record["members"] + 1
    assert np.corrcoef(by_date["from"].iloc[1:].astype(float), by_date["to"].iloc[1:].astype(float))[0, 1] > 0.9
    assert by_date["from"].nunique() == 31
    assert fit.card["members"] == 30


def test_rasters_are_layers_of_the_run(made):
    """Density, standard error, half-width and applicability on the run's grid, scaled, with their sources in a tag."""
    path, fit, record, _ = made
    folder = path.parent / "retrieved"
    with rasterio.open(folder / "aboveground_biomass_2020.tif") as file:
        stored = file.read(1)
        values = np.where(stored == file.nodata, np.nan, stored * file.scales[0])
        sources = json.loads(file.tags()["ALIGNED_FROM"])
    truth = fit.models[0].predict(np.stack([greenness(2020).ravel(), np.nan_to_num(height()).ravel()], axis=1)).reshape(LATTICE.shape)
    known = ~np.isnan(values)
    assert known[:, :1080].mean() > 0.99
    assert not known[4, 45]
    assert np.abs(values - truth)[known].max() <= record["largest_rounding_error"] + 0.05 * 1e-3
    assert {Path(one["file"]).name for one in sources["files"]} == {"green_2020.tif", "green_2023.tif", "height.tif", "model.skops"}
    with rasterio.open(folder / "aboveground_biomass_se_2020.tif") as file:
        errors = file.read(1) * file.scales[0]
        assert errors[known].mean() == pytest.approx(6.0, rel=0.15)
    setup = set_up(path)
    assert setup.stack.layer("aboveground_biomass").se == "aboveground_biomass_se"


@pytest.mark.parametrize(
    "engine", [Engine(threads=1, window_tiles=2), Engine(threads=3), Engine(workers=1, threads=1)], ids=["window", "threads", "dask"]
)
def test_bytes_do_not_depend_on_windows_or_workers(made, tmp_path, engine):
    """Every file of a prediction, byte by byte."""
    path, _, record, _ = made
    copied = edited(Path(_copy(path.parent, tmp_path)), ('output = "out"', 'output = "other"'))
    again, _ = predict(retrieval_of(copied), engine)
    assert again["files"] == record["files"]


def _copy(folder, target):
    for name in folder.iterdir():
        if name.is_file():
            shutil.copy2(name, target / name.name)
    (target / "retrieved").mkdir()
    for name in ("model.skops", "model.json", "training.csv"):
        shutil.copy2(folder / "retrieved" / name, target / "retrieved" / name)
    return target / "run.toml"


def test_a_prediction_that_stops_goes_on(made, tmp_path, monkeypatch):
    """Tiles that were finished are not made again, and the bytes are those of an undisturbed one."""
    path, _, record, _ = made
    copied = _copy(path.parent, tmp_path)
    calls = []
    whole = predicting.PredictTile.__call__

    def failing(self, block):
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(block.tile)
        return whole(self, block)

    monkeypatch.setattr(predicting.PredictTile, "__call__", failing)
    with pytest.raises(KeyboardInterrupt):
        predict(retrieval_of(copied), Engine(threads=1))
    assert not (tmp_path / "retrieved" / "members.csv").exists()

    def counting(self, block):
        calls.append(block.tile)
        return whole(self, block)

    monkeypatch.setattr(predicting.PredictTile, "__call__", counting)
    again, _ = predict(retrieval_of(copied), Engine(threads=1))
    assert len(calls) == 3
    assert len(set(calls)) == 3
    assert again["files"] == record["files"]
    assert not (tmp_path / "retrieved" / ".predicted").exists()


def test_land_unlike_the_plots_is_told(tmp_path):
    """Plots of the west only: the east, greener than any of them, lies outside the area of applicability."""
    path = written(tmp_path)
    column, row, value = true_plots()
    west = column < 300
    write_plots(tmp_path / "plots.csv", column[west], row[west], value[west])
    fitted(path)
    strange = greenness(2023)
    strange[:, 520:] += 3.0
    write_raster(tmp_path, "green_2023", strange, LATTICE, -9999.0)
    _, found = predict(retrieval_of(path), Engine(threads=2))
    said = [one for one in found if one.id == "W-RETR-02" and "2023" in one.where]
    assert len(said) == 1
    assert "Z2 97%" in said[0].say("found", "en")


def test_the_verbs(made, tmp_path, capsys):
    """Fit and predict from the command line: scores in words, sections for the run file."""
    path, _, _, _ = made
    copied = _copy(path.parent, tmp_path)
    main(["--lang", "en", "retrieve", "fit", str(copied)])
    said = capsys.readouterr().out
    assert "spatial cross-validation: bias" in said
    assert "linear regression, 240 plots, 30 bootstrap members" in said
    main(["--lang", "zh", "retrieve", "predict", str(copied), "--quiet"])
    main(["--lang", "zh", "retrieve", "predict", str(copied)])
    said = capsys.readouterr().out
    assert 'members = "retrieved/members.csv"' in said
    main(["--lang", "en", "retrieve", "fit", str(copied), "--json"])
    card = json.loads(capsys.readouterr().out)
    assert card["validation"]["spatial"]["r2"] > 0.9


# -- bad input -----------------------------------------------------------------------------------------------


def ids_of(step):
    """Ids of the findings that stop a step."""
    with pytest.raises(InputError) as stop:
        step()
    return {one.id for one in stop.value.findings}


def plot_rows(path):
    """The rows of the plots' file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def with_rows(path, rows):
    """Write rows of plots."""
    path.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "ids"),
    [
        (lambda rows: [*rows, ["far", "0", "0", "5"]], {"E-PLOT-02"}),
        (lambda rows: [*rows, ["new", *rows[5][1:]]], {"E-PLOT-04"}),
        (lambda rows: [*rows, [rows[5][0], "210000", "4590000", "5"]], {"E-PLOT-03"}),
        (lambda rows: [*rows[:-1], [*rows[-1][:3], "-4"]], {"E-PLOT-08"}),
        (lambda rows: [*rows[:-1], [*rows[-1][:3], "inf"]], {"E-TABLE-06"}),
        (lambda rows: [*rows[:-1], [*rows[-1][:3], ""]], {"E-TABLE-07"}),
        (lambda rows: rows[:1], {"E-PLOT-05"}),
        (lambda rows: rows[:8], {"E-RETR-02"}),
        (lambda rows: [["id", "x", "y", "biomass"], *rows[1:]], {"E-TABLE-04"}),
    ],
    ids=["outside", "one place", "one id", "negative", "infinite", "empty", "none", "few", "column"],
)
def test_plots_that_cannot_be_used(tmp_path, change, ids):
    """Outside, double, impossible, too few: each a finding of its own."""
    path = written(tmp_path)
    with_rows(tmp_path / "plots.csv", change(plot_rows(tmp_path / "plots.csv")))
    assert ids_of(lambda: fit_model(retrieval_of(path, of_plots=True))) == ids


def test_plots_outside_can_be_left_out_and_doubles_averaged(tmp_path):
    """As the configuration says, with a warning that counts them."""
    path = written(tmp_path, plots={"outside": "skip", "same_place": "mean"})
    rows = plot_rows(tmp_path / "plots.csv")
    with_rows(tmp_path / "plots.csv", [*rows, ["far", "0", "0", "5"], ["new", *rows[5][1:3], "9"]])
    fit = fit_model(retrieval_of(path, of_plots=True))
    assert {"W-PLOT-02", "W-PLOT-04"} <= {one.id for one in fit.findings}
    assert len(fit.plots) == PLACES
    averaged = fit.frame.set_index("id").at[rows[5][0], "value"]
    assert averaged == pytest.approx((float(rows[5][3]) + 9) / 2)


def test_predictors_missing_at_a_plot(tmp_path):
    """Refused by name, or left out as asked."""
    path = written(tmp_path)
    rows = plot_rows(tmp_path / "plots.csv")
    x, y = LATTICE.on_map(45.5, 4.5)
    with_rows(tmp_path / "plots.csv", [*rows, ["hole", str(x), str(y), "50"]])
    with pytest.raises(InputError) as stop:
        fit_model(retrieval_of(path, of_plots=True))
    assert [one.id for one in stop.value.findings] == ["E-RETR-03"]
    assert "height 1" in stop.value.findings[0].say("found", "en")
    assert "hole" in stop.value.findings[0].say("found", "en")
    edited(path, ('model = "linear"', 'model = "linear"\nmissing = "skip"'))
    fit = fit_model(retrieval_of(path, of_plots=True))
    assert len(fit.plots) == PLACES
    assert "W-RETR-03" in {one.id for one in fit.findings}


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ([("[plots]", "[plots]\nunknown = 1")], {"E-CONF-02"}),
        ([("block_km = 20.0", "block_km = 20000.0")], {"E-RETR-04"}),
        ([("block_km = 20.0", "block_km = -1.0")], {"E-CONF-04"}),
        ([('model = "linear"', 'model = "magic"')], {"E-CONF-04"}),
        ([('model = "linear"', 'model = "linear"\nmembers = 5')], {"E-CONF-04"}),
        ([("[predictors.height]", "[predictors.land_cover]")], {"E-RETR-01"}),
        ([('file = "height.tif"', '2017 = "height.tif"')], {"E-YEAR-01"}),
        ([('file = "height.tif"', 'file = "nothing.tif"')], {"E-FILE-01"}),
        ([('file = "height.tif"', 'file = "../height.tif"')], {"E-PATH-02"}),
        ([('file = "plots.csv"', 'file = "nothing.csv"')], {"E-FILE-01"}),
        ([(f'crs = "{ALBERS}"', f'crs = "{ALBERS}"\nlayer = "litter"')], {"E-RETR-09"}),
    ],
)
def test_configurations_that_do_not_fit(tmp_path, changes, ids):
    """Each its own finding before a pixel is read."""
    path = written(tmp_path)
    edited(path, *changes)
    assert ids_of(lambda: fit_model(retrieval_of(path, of_plots=True))) == ids


def test_plots_in_another_unit_or_basis(tmp_path):
    """Carbon beside dry matter is refused: nothing is converted in silence."""
    path = written(tmp_path, plots={"basis": "carbon"})
    assert ids_of(lambda: fit_model(retrieval_of(path, of_plots=True))) == {"E-PLOT-06"}


def test_a_retrieval_needs_its_sections(tmp_path):
    """A run without plots or predictors names what is missing."""
    path = written(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("[plots]")], encoding="utf-8")
    assert ids_of(lambda: retrieval_of(path)) == {"E-RETR-11"}


def test_another_order_of_predictors_is_refused(made, tmp_path):
    """The same names, exchanged: the model would take one for the other."""
    path, _, _, _ = made
    copied = Path(_copy(path.parent, tmp_path))
    text = copied.read_text(encoding="utf-8")
    start = text.index("[predictors")
    parts = [f"[predictors{part}" for part in text[start:].split("[predictors") if part.strip()]
    copied.write_text(text[:start] + "\n".join(reversed(parts)), encoding="utf-8")
    assert ids_of(lambda: predict(retrieval_of(copied), Engine())) == {"E-RETR-05"}


def test_a_model_that_is_not_there_or_was_changed(made, tmp_path):
    """No card, no models, a changed card, training data or model file: nothing is predicted."""
    path, _, _, _ = made
    copied = Path(_copy(path.parent, tmp_path))
    folder = tmp_path / "retrieved"
    for name, change, id in (
        ("training.csv", lambda content: content.replace(b"p1,", b"q1,"), "E-RETR-07"),
        ("model.skops", lambda content: content[:-1] + bytes([content[-1] ^ 1]), "E-RETR-07"),
        ("model.json", lambda content: content.replace(b'"t ha-1"', b'"kg m-2"'), "E-RETR-07"),
        ("model.json", lambda content: content.replace(b'"scikit-learn": "', b'"scikit-learn": "0.'), "E-RETR-07"),
        ("model.json", lambda content: b"[]", "E-RETR-08"),
        ("model.json", lambda content: b"{}", "E-RETR-07"),
    ):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(change(kept))
        assert ids_of(lambda: predict(retrieval_of(copied), Engine())) == {id}
        (folder / name).write_bytes(kept)
    (folder / "model.skops").unlink()
    assert ids_of(lambda: predict(retrieval_of(copied), Engine())) == {"E-RETR-08"}


def test_a_file_with_a_type_that_is_not_trusted_is_refused(tmp_path):
    """A function that would run on loading or predicting: refused by its name, and it has not run."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer
    from skops.io import dump

    mark = tmp_path / "mark"
    harm = functools.partial(os.mkdir, str(mark))
    dump([Pipeline([("scale", FunctionTransformer(harm))])], tmp_path / "model.skops")
    with pytest.raises(InputError) as stop:
        load_models(tmp_path / "model.skops", 2)
    assert [one.id for one in stop.value.findings] == ["E-RETR-06"]
    assert "mkdir" in stop.value.findings[0].say("found", "en")
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x80\x04\x95pickle."], ids=["empty", "zip", "pickle"])
def test_files_that_are_no_model(tmp_path, content):
    """Damaged, or a pickle: a finding, nothing is built."""
    (tmp_path / "model.skops").write_bytes(content)
    assert ids_of(lambda: load_models(tmp_path / "model.skops", 2)) == {"E-RETR-07"}


def test_trusted_types_in_a_wrong_place_are_refused(tmp_path):
    """Numbers, a lone regression, a model of more predictors: none of them is predicted with."""
    from sklearn.linear_model import LinearRegression
    from skops.io import dump

    recipe = Recipe(kind="linear", trees=1, low=0.0, high=1.0)
    model = recipe.fitted(np.random.default_rng(1).random((20, 3)), np.arange(20.0), 1)
    for content in ([], [1.5], {"a": 1}, [LinearRegression()], [model]):
        dump(content, tmp_path / "model.skops")
        assert ids_of(lambda: load_models(tmp_path / "model.skops", 2)) == {"E-RETR-07"}
    assert len(load_models(tmp_path / "model.skops", 3)) == 1


def test_a_tree_whose_branches_lead_outside_is_refused(tmp_path):
    """The nodes of a tree are numbers of the file: one that points past the end would read foreign memory."""
    rng = np.random.default_rng(1)
    model = Recipe(kind="random_forest", trees=1, low=0.0, high=1.0).fitted(rng.random((40, 2)), rng.random(40), 1)
    tree = model[1].estimators_[0].tree_
    for name, value in (("left_child", 10**6), ("feature", 77), ("right_child", 0)):
        state = tree.__getstate__()
        nodes = state["nodes"].copy()
        nodes[name][0] = value
        tree.__setstate__({**state, "nodes": nodes})
        save_models([model], tmp_path / "model.skops")
        tree.__setstate__(state)
        assert ids_of(lambda: load_models(tmp_path / "model.skops", 2)) == {"E-RETR-07"}


def test_groa_plots_of_northern_china(shared_data, tmp_path):
    """226 places with real biomass and rasters of 5 km: the honest answer is that such predictors know next to nothing."""
    rasters, groa = shared_data / "inner_mongolia_rasters", shared_data / "groa" / "groa_northchina_bbox.csv"
    if not (rasters.is_dir() and groa.is_file()):
        pytest.skip("GROA plots or Inner Mongolia rasters are not in ../shared/data")
    frame = pd.read_csv(groa)
    frame = frame[frame["variables.name"].str.startswith("aboveground_biomass")]
    frame.to_csv(tmp_path / "plots.csv", index=False)
    config = {
        "run": {"years": [2019], "roots": [str(rasters)]}, "zones": {"builtin": "leagues"},
        "layers": {
            "land_cover": {"file": str(rasters / "MCD12C1_2019_IGBP_IM.tif"), "legend": "mcd12_igbp", "crs": "EPSG:4326"},
            "aboveground_biomass": {"file": "retrieved/aboveground_biomass_2019.tif", "unit": "t ha-1", "basis": "dry_matter"},
        },
        "plots": {
            "file": "plots.csv", "year": 2019, "unit": "t ha-1", "basis": "dry_matter", "id": "measurement.id", "x": "long_dec", "y": "lat_dec",
            "value": "mean_ha", "same_place": "mean",
        },
        "retrieval": {"model": "random_forest", "trees": 20, "missing": "skip"},
        "predictors": {
            "ndvi_max": {"file": str(rasters / "NDVI_maximum_IM.tif"), "crs": "EPSG:4326"},
            "fapar_max": {"file": str(rasters / "fAPARmax_mean_IM.tif")},
            "optimum_temperature": {"file": str(rasters / "Topt_mean_IM.tif")},
        },
    }  # fmt: skip
    (tmp_path / "run.toml").write_text(toml_text(config), encoding="utf-8")
    fit = fit_model(retrieval_of(tmp_path / "run.toml", of_plots=True))
    assert len(fit.plots) > 200
    assert fit.spatial.scores.r2 < 0.3
    assert 20 < fit.spatial.scores.rmse < 60
    assert 0.8 <= fit.spatial.coverage <= 0.97


def test_a_tile_without_any_predictor_is_missing(made, tmp_path):
    """Holes as large as a tile: no prediction, no row, no failure."""
    path, _, record, _ = made
    copied = Path(_copy(path.parent, tmp_path))
    field = np.where(np.isnan(height()), -9999.0, height())
    field[:, 512:1024] = -9999.0
    write_raster(tmp_path, "height", field, LATTICE, -9999.0, Tiling(block=128))
    again, _ = predict(retrieval_of(copied), Engine(threads=1))
    areas = {(one["zone"], one["year"]): one["predicted_ha"] for one in again["areas"]}
    before = {(one["zone"], one["year"]): one["predicted_ha"] for one in record["areas"]}
    assert areas["Z1", 2020] == pytest.approx(before["Z1", 2020], rel=0.01)
    assert areas.get(("Z2", 2020), 0.0) == 0.0


def test_an_aligned_run_finds_its_members(made, tmp_path):
    """``sinks align`` carries the table of members and the plots over to the new run file, and leaves the retrieval behind."""
    path, _, _, _ = made
    main(["align", str(path), "-o", str(tmp_path / "aligned"), "--quiet"])
    config = tomllib.loads((tmp_path / "aligned" / "aligned.toml").read_text(encoding="utf-8"))
    members = tmp_path / "aligned" / config["layers"]["aboveground_biomass"]["members"]
    assert members.resolve() == (path.parent / "retrieved" / "members.csv").resolve()
    assert (tmp_path / "aligned" / config["plots"]["file"]).exists()
    assert not {"retrieval", "predictors"} & set(config)
    set_up(tmp_path / "aligned" / "aligned.toml")


def test_a_model_without_skill_says_so(tmp_path):
    """Values that no predictor explains: R2 of the spatial folds is not above zero, and that is the first thing said."""
    path = written(tmp_path, "random_forest")
    column, row, _ = true_plots()
    write_plots(tmp_path / "plots.csv", column, row, np.round(np.random.default_rng(1).gamma(3, 20, len(row)), 3))
    fit = fit_model(retrieval_of(path, of_plots=True))
    said = [one for one in fit.findings if one.id == "W-RETR-01"]
    assert len(said) == 1
    assert f"spatial R2 {fit.spatial.scores.r2:.2f}" in said[0].say("found", "en")


def test_a_layer_without_a_range_is_refused(tmp_path):
    """A layer of which nobody says what it can hold could be predicted to any value."""
    path = written(tmp_path, plots={"layer": "climate_map", "basis": None})
    assert ids_of(lambda: retrieval_of(path)) == {"E-RETR-10"}


def test_nothing_that_is_read_is_replaced(made, tmp_path):
    """A predictor, or plots, under the name of a file that would be written."""
    path, _, _, _ = made
    copied = Path(_copy(path.parent, tmp_path))
    shutil.copy2(tmp_path / "height.tif", tmp_path / "retrieved" / "aboveground_biomass_2020.tif")
    edited(copied, ('file = "height.tif"', 'file = "retrieved/aboveground_biomass_2020.tif"'))
    assert ids_of(lambda: predict(retrieval_of(copied), Engine())) == {"E-RUN-07"}
    edited(copied, ('file = "plots.csv"', 'file = "retrieved/training.csv"'))
    assert "E-RUN-07" in ids_of(lambda: fit_model(retrieval_of(copied, of_plots=True)))


def test_predictors_that_change_under_the_pass(made, tmp_path, monkeypatch):
    """What was made from two contents is of neither: nothing is written."""
    path, _, _, _ = made
    copied = Path(_copy(path.parent, tmp_path))
    whole = predicting.map_windows

    def changing(*arguments, **more):
        whole(*arguments, **more)
        (tmp_path / "height.tif").write_bytes((tmp_path / "green_2020.tif").read_bytes())

    monkeypatch.setattr(predicting, "map_windows", changing)
    assert ids_of(lambda: predict(retrieval_of(copied), Engine(threads=1))) == {"E-HASH-01"}
    assert not (tmp_path / "retrieved" / "members.csv").exists()
    assert list((tmp_path / "retrieved" / ".predicted").iterdir()) == []


def test_shrub_cover_is_retrieved_and_summed(tmp_path):
    """A layer that is no pool: fitted, predicted, and an area-weighted sum of a run that goes through to its end."""
    path = written(tmp_path)
    text = path.read_text(encoding="utf-8").replace("aboveground_biomass", "shrub_cover").replace('basis = "dry_matter"', "")
    text = text.replace('unit = "t ha-1"', 'unit = "1"').replace("[layers.shrub_cover]", "[layers.shrub_cover]\nvalid = [0.0, 1.0]")
    path.write_text(text.replace("[plots]", '[plots]\nlayer = "shrub_cover"'), encoding="utf-8")
    column, row, _ = true_plots()
    write_plots(tmp_path / "plots.csv", column, row, np.round(np.clip(greenness(2020)[row, column], 0, 1), 4))
    fit = fitted(path)
    assert fit.spatial.scores.r2 > 0.9
    predict(retrieval_of(path), Engine(threads=1))
    main(["run", str(path), "--quiet"])
    year = tables.ACTIVITY_YEAR.read(tmp_path / "out" / "tables" / "activity_year.csv")
    rows = year[(year["layer"] == "shrub_cover") & (year["year"] == 2020)]
    assert rows["sum"].sum() / rows["area_ha"].sum() == pytest.approx(np.clip(greenness(2020), 0, 1)[:, :1090].mean(), abs=0.01)


def test_the_run_carries_the_error_of_the_model_to_leagues(made):
    """Member sums of forest times CF: their spread is the model's part of each league's standard error, and of both together."""
    path, _, _, _ = made
    setup = set_up(path)
    tabulate(setup, Engine(threads=1))
    snapshot(setup)
    account(setup.out)
    members = tables.MEMBERS.read(path.parent / "retrieved" / "members.csv")
    forest = members[(members["year_from"] == 2023) & (members["land_from"] == ARBOR) & (members["model_member"] > 0)]
    sums = forest.groupby(["zone", "model_member"])["sum"].sum().unstack(0).astype(float)
    stocks = tables.STOCKS.read(setup.out / "tables" / "stocks.csv")
    row = stocks.query("zone == 'Z1' and year == 2023 and ecosystem == 'forest' and pool == 'aboveground_biomass'").iloc[0]
    assert row["interval_contains"] == "map+model"
    assert row["interval_missing"] == "factor_without_range+area"
    total = members[(members["year_from"] == 2023) & (members["land_from"] == ARBOR) & (members["model_member"] == 0)].groupby("zone")["sum"].sum()
    shares = tables.CONTRIBUTIONS.read(setup.out / "tables" / "contributions.csv").query("kind == 'model' and ecosystem == 'forest' and year == 2023")
    shares = shares[shares["quantity"] == "stock_tC"].set_index("zone")["se"]
    carbon = stocks.query("year == 2023 and ecosystem == 'forest' and pool in ['aboveground_biomass', 'belowground_biomass', 'dead_wood']")
    ratio = carbon.groupby("zone")["stock_tC"].sum() / total
    expected = {"Z1": sums["Z1"] * ratio["Z1"], "Z2": sums["Z2"] * ratio["Z2"]}
    expected["R"] = expected["Z1"] + expected["Z2"]
    for zone, drawn in expected.items():
        assert shares[zone] == pytest.approx(drawn.std(), rel=0.02)
