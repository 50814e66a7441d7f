"""`sinks sample`: how many, in which strata, which cells; and that what is drawn gives the truth back."""

import csv
import json

import geopandas
import numpy as np
import pandas as pd
import pytest
from landscapes import ARBOR, GRASS, UNKNOWN, Landscape, Lattice, Tiling, cells, write

from aoi.findings import InputError
from sinks.cli import main
from sinks.estimation.design import STRATA, Goal, design_of, expected_shares, indicator_deviations, reached_error, read_strata
from sinks.estimation.draw import Sampler
from sinks.estimation.strata import Question
from sinks.layers.windows import Engine
from sinks.setup import set_up

LATTICE = Lattice(height=60, width=1100, cell=400.0)


# -- sizes ---------------------------------------------------------------------------------------------------


def test_olofsson_2014_sample_size():
    """Olofsson et al. (2014), Eq 13 and section 5.1.1: W .02 .015 .32 .645, U .7 .6 .9 .95, S(O) 0.01 ask for 641 samples.

    sum W S = .02*.458 + .015*.490 + .32*.3 + .645*.218 = .2531; (.2531 / .01)^2 = 641.
    """
    shares = np.array([0.02, 0.015, 0.32, 0.645])
    deviations = indicator_deviations(np.array([0.7, 0.6, 0.9, 0.95]))
    design = design_of("abcd", shares * 1e6, deviations, Goal(se_area_ha=0.01 * 1e6, minimum=2))
    assert (shares * deviations).sum() == pytest.approx(0.2531, abs=1e-4)
    assert design.samples.sum() == pytest.approx(641, abs=4)
    assert design.reached <= 10_000


@pytest.mark.parametrize("wanted", [2_000.0, 500.0, 100.0])
def test_the_design_reaches_what_it_promises(wanted):
    """The expected error is at most the wanted one, and near it where the fewest samples do not lift it."""
    areas, deviations = np.array([50_000.0, 20_000.0, 30_000.0]), np.array([0.3, 0.5, 0.1])
    design = design_of("abc", areas, deviations, Goal(se_area_ha=wanted, minimum=2))
    assert design.reached <= wanted * (1 + 1e-9)
    assert design.reached > 0.9 * wanted
    assert design.reached == pytest.approx(reached_error(areas, deviations, design.samples))
    by_area = design_of("abc", areas, None, Goal(number=int(design.samples.sum()), minimum=2))
    assert reached_error(areas, deviations, by_area.samples) > design.reached


def test_strata_hold_their_fewest_and_no_more_than_there_is():
    """A minimum in each stratum with area, none in one without; never more than its places."""
    design = design_of("abc", np.array([1e6, 10.0, 0.0]), np.array([0.5, 0.5, 0.5]), Goal(number=100, minimum=20), np.array([10**6, 7, 0]))
    assert design.samples.tolist() == [100, 7, 0]


def test_expected_shares_keep_the_area():
    """Omissions make up for commissions: the expected area is the mapped one."""
    areas, target = np.array([100.0, 300.0, 600.0]), np.array([True, False, False])
    shares = expected_shares(areas, target, 0.8)
    assert (areas * shares).sum() == pytest.approx(100.0)
    assert shares[0] == 0.8


def test_a_sample_of_the_design_has_the_expected_error():
    """Brute force: 3,000 samples of the design on a land that is as expected."""
    rng = np.random.default_rng(1)
    areas, shares = np.array([40_000.0, 60_000.0]), np.array([0.7, 0.1])
    design = design_of("ab", areas, indicator_deviations(shares), Goal(se_area_ha=2_000.0, minimum=2))
    found = [(areas * rng.binomial(design.samples, shares) / design.samples).sum() for _ in range(3000)]
    assert np.std(found) == pytest.approx(design.reached, rel=0.05)


# -- places --------------------------------------------------------------------------------------------------


def written(folder, **more):
    """A run over three tiles, two zones with a slanted border, forest that shrinks, and unknown land."""
    land = {
        2020: cells(LATTICE, ARBOR, (np.s_[:, 700:], GRASS), (np.s_[:4, :20], UNKNOWN)),
        2023: cells(LATTICE, ARBOR, (np.s_[:, 640:], GRASS), (np.s_[20:30, 900:930], ARBOR), (np.s_[:4, :20], UNKNOWN)),
    }
    zones = [
        ("Z1", "R", LATTICE.outline([(0, 0), (500, 0), (560, 60), (0, 60)])),
        ("Z2", "R", LATTICE.outline([(500, 0), (1100, 0), (1100, 60), (560, 60)])),
    ]
    density = 50 + 10 * np.sin(np.arange(1100) / 30)[None, :] * np.ones((60, 1))
    layers = {"aboveground_biomass": {2020: density, 2023: density + 1}}
    landscape = Landscape(lattice=LATTICE, land=land, layers=layers, zones=zones, base_year=False, **more)
    return write(landscape, folder, Tiling(block=128))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The run file."""
    return written(tmp_path_factory.mktemp("sample"))


def test_areas_of_the_strata_are_those_of_the_land(path):
    """Ecosystem change by zone: cells counted by hand, zone borders by their share."""
    sampler = Sampler(setup=set_up(path), question=Question(years=(2020, 2023), ecosystem="forest", edge=0), engine=Engine(threads=1))
    totals = sampler.count().totals()
    by_class = {}
    for (_, name), sums in totals.items():
        by_class[name] = by_class.get(name, 0.0) + sums[0] / LATTICE.cell_ha
    assert by_class["forest_loss"] == pytest.approx(60 * 60, rel=1e-9)
    assert by_class["forest_gain"] == pytest.approx(300, rel=1e-9)
    assert by_class[""] == pytest.approx(80, rel=1e-9)
    assert by_class["stable_forest"] == pytest.approx(60 * 640 - 80, rel=1e-9)
    assert sum(by_class.values()) == pytest.approx(60 * 1100, rel=1e-9)


def points_of(path, tmp_path, capsys, *options):
    """The points of a design and its strata, as written."""
    output = tmp_path / "points.gpkg"
    main(["--lang", "en", "sample", str(path), "-o", str(output), *map(str, options)])
    said = capsys.readouterr()
    return pd.read_csv(output.with_suffix(".csv"), dtype={"zone": str}), geopandas.read_file(output), said


def test_points_lie_in_their_strata(path, tmp_path, capsys):
    """Each in the cell of its class and zone, once; weights add up to the area; the two files say the same."""
    frame, features, said = points_of(path, tmp_path, capsys, "--number", 400)
    setup = set_up(path)
    x, y = (np.asarray(one) for one in (features.to_crs(setup.grid.crs).geometry.x, features.to_crs(setup.grid.crs).geometry.y))
    column, row = np.floor((x - LATTICE.left) / LATTICE.cell).astype(int), np.floor((LATTICE.top - y) / LATTICE.cell).astype(int)
    expected = np.where(column < 640, "stable_forest", np.where(column < 700, "forest_loss", "stable_other"))
    expected[(row >= 20) & (row < 30) & (column >= 900) & (column < 930)] = "forest_gain"
    assert (features["map_class"].to_numpy() == expected).all()
    assert not ((row < 4) & (column < 20)).any()
    assert len(set(zip(row, column, features["stratum"], strict=True))) == len(features)
    assert features["weight"].sum() == pytest.approx((60 * 1100 - 80) * LATTICE.cell_ha, rel=1e-9)
    pd.testing.assert_frame_equal(
        frame[["id", "stratum", "map_class"]], pd.DataFrame(features[["id", "stratum", "map_class"]]), check_dtype=False
    )
    np.testing.assert_allclose(frame["XCoordinate"], features.geometry.x, atol=1e-8)
    assert str(features.crs) == "EPSG:4326"
    assert "W-SAMPLE-03" in said.err
    assert "samples in 5 strata" in said.out


def test_the_draw_is_in_proportion_to_area(path):
    """Many draws of one stratum over two tiles: cells of the border, which lie in the zone by half, are drawn half as often."""
    setup = set_up(path)
    sampler = Sampler(setup=setup, question=Question(years=(2020, 2023), ecosystem="forest", edge=0), engine=Engine(threads=2))
    counts = sampler.count()
    name = next(one for one in counts.totals() if one == (0, "stable_forest"))
    shares = np.zeros(LATTICE.shape)
    for tile in sampler.coverage.tiles():
        covered = sampler.coverage.tile(tile)
        held = covered.zones == 0
        row, col = np.divmod(covered.cells[held], tile.width)
        shares[row + tile.row_off, col + tile.col_off] = covered.fractions[held]
    shares[:4, :20] = 0.0
    hits = np.zeros(LATTICE.shape)
    for seed in range(60):
        for row, col in sampler.draw(counts, {name: 250}, seed)[name]:
            hits[row, col] += 1
    assert (hits[shares == 0] == 0).all()
    partial = (shares > 0) & (shares < 1)
    expected = hits.sum() * shares[partial].sum() / shares.sum()
    assert hits[partial].sum() == pytest.approx(expected, abs=4 * expected**0.5)
    west, east = shares[:, :512].sum(), shares[:, 512:].sum()
    expected = hits.sum() * east / (west + east)
    assert hits[:, 512:].sum() == pytest.approx(expected, abs=4 * expected**0.5)


def test_the_same_points_for_any_window_or_thread(path, tmp_path, capsys):
    """Byte by byte; another seed gives others."""
    kept = []
    for number, options in enumerate(([], ["--window", 3, "--threads", 1], ["--seed", 9])):
        folder = tmp_path / str(number)
        folder.mkdir()
        points_of(path, folder, capsys, "--number", 200, *options)
        kept.append([(folder / name).read_bytes() for name in ("points.gpkg", "points.csv", "points_strata.csv")])
    assert kept[0] == kept[1]
    assert kept[0][1] != kept[2][1]


def test_away_from_edges(path, tmp_path, capsys):
    """With --edge 2 no point within two cells of another class; weights still stand for the whole stratum, and it is said."""
    frame, features, said = points_of(path, tmp_path, capsys, "--number", 400, "--edge", 2)
    setup = set_up(path)
    x = np.asarray(features.to_crs(setup.grid.crs).geometry.x)
    column = np.floor((x - LATTICE.left) / LATTICE.cell).astype(int)
    assert not np.isin(column, [638, 639, 640, 641, 698, 699, 700, 701]).any()
    assert "W-SAMPLE-02" in said.err
    assert frame["weight"].sum() == pytest.approx((60 * 1100 - 80) * LATTICE.cell_ha, rel=1e-9)


def test_sized_for_an_area_or_for_carbon(path, tmp_path, capsys):
    """The wanted error is reached in expectation, and said with its assumption."""
    _, _, said = points_of(path, tmp_path, capsys, "--se-area-ha", 4_000, "--target", "forest_loss")
    assert "expected standard error 3," in said.out or "expected standard error 4,000" in said.out
    assert "assumed: a user's accuracy of 80%" in said.out
    _, _, said = points_of(path, tmp_path, capsys, "--se-carbon-tc", 150_000)
    assert "t C" in said.out


def test_the_sample_gives_the_true_areas_back(path, tmp_path, capsys):
    """Reference classes filled in from a truth that the map misses in part: the adjusted area holds it, the mapped one does not."""
    _, features, _ = points_of(path, tmp_path, capsys, "--number", 1500, "--minimum", 50)
    setup = set_up(path)
    x = np.asarray(features.to_crs(setup.grid.crs).geometry.x)
    column = np.floor((x - LATTICE.left) / LATTICE.cell).astype(int)
    truth = np.where((column >= 600) & (column < 640), "forest_loss", features["map_class"])
    features["reference_class"] = truth
    filled = tmp_path / "filled.gpkg"
    features.to_file(filled)
    main(["accuracy", "--samples", str(filled), "--json"])
    found = json.loads(capsys.readouterr().out)
    area = found["areas_ha"]["forest_loss"]
    true = 60 * 100 * LATTICE.cell_ha
    assert abs(area["value"] - true) < 3 * area["se"]
    assert area["value"] - 60 * 60 * LATTICE.cell_ha > 3 * area["se"]
    with (tmp_path / "points.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_id = dict(zip(features["id"].astype(str), truth, strict=True))
    for row in rows:
        row["reference_class"] = by_id[row["id"]]
    pd.DataFrame(rows).to_csv(tmp_path / "filled.csv", index=False)
    main(["accuracy", "--samples", str(tmp_path / "filled.csv"), "--areas", str(tmp_path / "points_strata.csv"), "--json"])
    again = json.loads(capsys.readouterr().out)["areas_ha"]["forest_loss"]
    assert again == pytest.approx(area, rel=1e-6)


def test_parcels_are_not_drawn_twice(tmp_path, capsys):
    """Zones of projects lie inside the leagues: only the leagues are strata."""
    path = written(tmp_path, parcels=[("P1", LATTICE.rectangle(10, 10, 40, 40))])
    frame, _, _ = points_of(path, tmp_path, capsys, "--number", 100)
    assert set(frame["zone"]) == {"Z1", "Z2"}
    assert frame["weight"].sum() == pytest.approx((60 * 1100 - 80) * LATTICE.cell_ha, rel=1e-9)


def test_strata_that_are_given(tmp_path, capsys):
    """Without a run: the allocation alone, in a table that reads back."""
    (tmp_path / "S.csv").write_text("stratum,area_ha,expected_sd\na,1000,20\nb,3000,5\n", encoding="utf-8")
    main(
        [
            "--lang",
            "en",
            "sample",
            "--strata",
            str(tmp_path / "S.csv"),
            "--se-carbon-tc",
            "3000",
            "--minimum",
            "2",
            "-o",
            str(tmp_path / "p.gpkg"),
        ]
    )
    assert "expected standard error" in capsys.readouterr().out
    table = STRATA.read(tmp_path / "p_strata.csv")
    assert table["samples"].tolist() == [78, 59]
    assert not (tmp_path / "p.gpkg").exists()


@pytest.mark.parametrize(
    ("rows", "goal", "ids"),
    [
        ("stratum,area_ha,expected_share\na,10,1.2\n", Goal(se_area_ha=1.0), {"E-TABLE-08"}),
        ("stratum,area_ha,expected_sd\na,10,-3\n", Goal(se_carbon_tC=1.0), {"E-TABLE-08"}),
        ("stratum,area_ha\na,10\n", Goal(se_carbon_tC=1.0), {"E-SAMPLE-03"}),
        ("stratum,area_ha\na,10\na,11\n", Goal(number=5), {"E-TABLE-05"}),
        ("stratum,area_ha\na,-10\n", Goal(number=5), {"E-TABLE-08"}),
    ],
    ids=["share", "negative deviation", "no deviation", "twice", "negative area"],
)
def test_bad_strata(tmp_path, rows, goal, ids):
    """Each its own finding."""
    (tmp_path / "S.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(InputError) as stop:
        read_strata(tmp_path / "S.csv", goal, "S.csv")
    assert {one.id for one in stop.value.findings} == ids


@pytest.mark.parametrize(
    ("options", "id"),
    [
        ([], "E-SAMPLE-01"),
        (["--number", "0"], "E-SAMPLE-01"),
        (["--number", "10", "--se-area-ha", "5"], "E-SAMPLE-01"),
        (["--number", "10", "--strata", "S.csv"], "E-SAMPLE-02"),
        (["--number", "10", "-o", "points.shp"], "E-SAMPLE-07"),
        (["--number", "10", "--year", "1999"], "E-SAMPLE-08"),
        (["--se-carbon-tc", "10", "--layer", "land_cover"], "E-SAMPLE-04"),
        (["--se-area-ha", "10", "--target", "swamp"], "E-SAMPLE-09"),
        (["--se-area-ha", "0.001"], "E-SAMPLE-06"),
    ],
)
def test_options_that_do_not_fit(path, capsys, options, id):
    """Exit 2 and the finding that says what is expected."""
    with pytest.raises(SystemExit) as stop:
        main(["--lang", "en", "sample", str(path), *options])
    assert stop.value.code == 2
    assert id in capsys.readouterr().err


def test_nothing_to_sample():
    """Strata without area."""
    with pytest.raises(InputError) as stop:
        design_of("ab", np.zeros(2), None, Goal(number=5))
    assert [one.id for one in stop.value.findings] == ["E-SAMPLE-05"]


def test_a_stratum_smaller_than_the_fewest(path, tmp_path, capsys):
    """Three hundred cells of gain where five hundred are asked for: all are drawn, each once, and it is said."""
    frame, _, said = points_of(path, tmp_path, capsys, "--number", 600, "--minimum", 500)
    gain = frame[frame["map_class"] == "forest_gain"]
    assert len(gain) == 300
    assert len(gain[["XCoordinate", "YCoordinate"]].drop_duplicates()) == 300
    assert "W-SAMPLE-01" in said.err
