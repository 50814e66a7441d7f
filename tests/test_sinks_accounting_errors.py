"""Errors of maps, dates, models and areas reach leagues and region: against all pairs of pixels, closed forms and published shares."""

import laws
import numpy as np
import pandas as pd
import pytest
from landscapes import ARBOR, CROPLAND, GRASS, Landscape, Lattice, Recomputed, cells, computed, finish, tiling_zones, write

from aoi.findings import InputError
from sinks import tables
from sinks.accounting import monte_carlo
from sinks.accounting.sources_of_error import assess
from sinks.accounting.summary import groups_of_zones, totals
from sinks.explain import Asked, explain
from sinks.setup import set_up

LATTICE = Lattice(cell=1000.0, height=24, width=30)
DATES = (2017, 2020)
LENGTH = 8.0
CF, TO_CO2 = 0.48, 44 / 12


def forest(**uncertainty) -> Landscape:
    """Birch whose standard error varies from cell to cell, in two leagues of one region; steppe between."""
    random = np.random.default_rng(2)
    first = 80.0 + 20.0 * random.random(LATTICE.shape)
    land = cells(LATTICE, ARBOR, (np.s_[:, 12:14], GRASS))
    error = 5.0 + 10.0 * random.random(LATTICE.shape)
    layers = {"aboveground_biomass": {2017: first, 2020: first + 12.0}, "biomass_error": {2017: error, 2020: error * 1.2}}
    strata = {"climate": cells(LATTICE, 2), "soil": cells(LATTICE, 1), "vegetation_type": cells(LATTICE, 2)}
    zones = [(code, "R", shape) for code, _, shape in tiling_zones(LATTICE, 2)]
    wanted = Landscape(
        lattice=LATTICE, land=dict.fromkeys(DATES, land), layers=layers, strata=strata, zones=zones,
        more={"uncertainty": {"lattice_km": 2.0, "correlation_km": LENGTH, "draws": 400, **uncertainty}},
    )  # fmt: skip
    return wanted.section("aboveground_biomass", se="biomass_error")


def without_errors() -> Landscape:
    """The same forest without standard errors."""
    wanted = forest()
    return wanted.section("aboveground_biomass", se=None).but(layers={"aboveground_biomass": wanted.layers["aboveground_biomass"]})


def leaf(done: Recomputed, table: str, **keys):
    frame = done.exact(table)
    for name, wanted in keys.items():
        frame = frame[frame[name] == wanted]
    assert len(frame) == 1
    return frame.iloc[0]


@pytest.fixture(scope="module")
def birch(tmp_path_factory) -> Recomputed:
    return computed(forest(rho_dates=0.5), tmp_path_factory.mktemp("birch"))


def weights() -> dict[str, np.ndarray]:
    """Area times standard error of the first date of each cell, by zone; areas by intersection of polygons."""
    wanted = forest()
    inside = (wanted.land[2017] == ARBOR) * wanted.layers["biomass_error"][2017]
    out = {}
    for code, _, shape in wanted.zones:
        area = [[LATTICE.rectangle(x, y, x + 1, y + 1).intersection(shape).area / 1e4 for x in range(LATTICE.width)] for y in range(LATTICE.height)]
        out[code] = np.array(area) * inside
    return out


def pixel_covariance(one: np.ndarray, other: np.ndarray) -> float:
    """Covariance of two sums over all pairs of cells [t2]."""
    y, x = (place.ravel() * LATTICE.cell / 1000.0 for place in np.indices(LATTICE.shape))
    correlation = np.exp(-np.hypot(y[:, None] - y, x[:, None] - x) / LENGTH)
    return float(one.ravel() @ correlation @ other.ravel())


def map_part(done: Recomputed, **keys) -> float:
    """Standard error that the map alone gives a total."""
    return float(leaf(done, "contributions", kind="map", source="aboveground_biomass", **keys)["se"])


def ratio(done: Recomputed, zone: str) -> float:
    """Carbon of all forest pools per tonne of mapped biomass, from the tables; litter and soil do not move with the map."""
    stocks = done.exact("stocks").query("zone == @zone and year == 2020 and ecosystem == 'forest'")
    moving = stocks[stocks["pool"].isin(["aboveground_biomass", "belowground_biomass", "dead_wood"])]["stock_tC"].sum()
    rows = done.exact("activity_year").query("zone == @zone and year == 2020 and layer == 'aboveground_biomass' and `class` == @ARBOR")
    return float(moving / rows["sum"].sum())


@pytest.mark.parametrize(("zones", "asked"), [(("Z1",), "Z1"), (("Z2",), "Z2"), (("Z1", "Z2"), "R")])
def test_map_error_is_that_of_all_pairs_of_pixels(birch, zones, asked):
    """The lattice of 2 km with its blocks against every pair of 1 km cells: within a hundredth."""
    spread = weights()
    whole = 1.2 * sum(ratio(birch, zone) * spread[zone] for zone in zones)
    expected = np.sqrt(pixel_covariance(whole, whole))
    assert map_part(birch, zone=asked, year=2020, quantity="stock_tC", ecosystem="forest", approach="stock") == pytest.approx(expected, rel=0.01)


def test_errors_of_two_dates_go_together_as_far_as_they_are_said_to(birch):
    """Removal of unchanged land: var = v1 + v2 - 2 rho s1 s2, with one ratio of carbon to biomass at both dates."""
    spread = weights()
    whole = sum(ratio(birch, zone) * spread[zone] for zone in ("Z1", "Z2"))
    variance = pixel_covariance(whole, whole) * (1.0 + 1.2**2 - 2 * 0.5 * 1.2)
    keys = {"zone": "R", "year": 2020, "quantity": "removal_tCO2e_per_year", "ecosystem": "forest", "approach": "stock_difference"}
    assert map_part(birch, **keys) == pytest.approx(np.sqrt(variance) * TO_CO2 / 3, rel=0.012)


def test_the_same_error_at_both_dates_leaves_what_the_densities_differ(tmp_path):
    """rho = 1 and equal standard errors: hardly any map error is left in the change."""
    same = forest(rho_dates=1.0)
    error = same.layers["biomass_error"][2017]
    done = computed(same.but(layers={**same.layers, "biomass_error": {None: error}}), tmp_path)
    rows = done.exact("contributions").query("zone == 'R' and ecosystem == 'forest' and kind == 'map' and year == 2020")
    assert set(rows["quantity"]) == {"stock_tC"}
    row = leaf(done, "removals", zone="Z1", pool="aboveground_biomass", ecosystem="forest", approach="stock_difference")
    assert row["interval_missing"] == "area+model+between_date"


def test_covariance_of_leagues_is_an_output_that_adds_up(birch):
    """Variance of the region = sum over the matrix; correlation of neighbours between 0 and 1; both ways of propagation agree."""
    rows = birch.exact("covariance").query("quantity == 'stock_tC' and ecosystem == 'forest' and year == 2020 and year_with == 2020")
    assert len(rows) == 3
    value = rows.set_index(["zone", "zone_with"])["covariance"]
    total = value["Z1", "Z1"] + value["Z2", "Z2"] + 2 * value["Z1", "Z2"]
    region = leaf(birch, "summary", zone="R", year=2020, quantity="stock_tC", ecosystem="forest")
    assert np.sqrt(total) == pytest.approx(region["se"], rel=1e-5)
    assert 0.1 < value["Z1", "Z2"] / np.sqrt(value["Z1", "Z1"] * value["Z2", "Z2"]) < 1.0
    assert rows["mc_covariance"].to_numpy() == pytest.approx(rows["covariance"].to_numpy(), rel=0.3)
    assert region["mc_se"] == pytest.approx(region["se"], rel=0.12)


def test_draws_are_those_of_the_whole_accounting(birch, monkeypatch):
    """The short way over products of factors gives the draws that the whole accounting gives."""
    inventory = birch.inventory()
    found = assess(inventory.account, inventory.factors, inventory.evidence, inventory.areas)
    summed = totals(found.central.stocks, found.central.removals, groups_of_zones(inventory.zones))
    stocks = found.central.stocks.values.shape[1]
    drawn = []
    for few in (10, 10_000):
        monkeypatch.setattr(monte_carlo, "_FEW", few)
        plan = monte_carlo.MonteCarlo(draws=300, seed=3, sampling="stratified")
        drawn.append(monte_carlo.draw(
            found.account, inventory.factors, found.moved, found.central.values[0], found.effects, summed.members, stocks, plan
        ))  # fmt: skip
    size = np.abs(drawn[1].totals).max(axis=1, keepdims=True)
    assert (np.abs(drawn[0].totals - drawn[1].totals) <= 1e-9 * size).all()
    np.testing.assert_allclose(drawn[0].leaves.high, drawn[1].leaves.high, rtol=1e-9)


def test_contributions_make_the_whole(birch):
    """Shares of variance sum to one for every total that has an error."""
    sums = birch.exact("contributions").groupby(["zone", "year", "quantity", "ecosystem", "approach"])["variance_share"].sum()
    assert len(sums) > 10
    np.testing.assert_allclose(sums, 1.0, atol=2e-5)


def test_intervals_say_that_the_map_is_in_them(birch):
    row = leaf(birch, "stocks", zone="Z1", year=2020, ecosystem="forest", pool="aboveground_biomass")
    assert (row["interval_contains"], row["interval_missing"]) == ("factor+map", "area+model")
    row = leaf(birch, "removals", zone="Z1", year=2020, ecosystem="forest", pool="aboveground_biomass", approach="stock_difference")
    assert (row["interval_contains"], row["interval_missing"]) == ("factor+map", "area+model+between_date")


def test_cells_without_a_standard_error_are_told(tmp_path):
    """A hole in the standard errors is not certainty: the interval says that it holds the map in part."""
    holed = forest()
    error = holed.layers["biomass_error"][2020].copy()
    error[3:6, 20:26] = np.nan
    done = computed(holed.but(layers={**holed.layers, "biomass_error": {2017: holed.layers["biomass_error"][2017], 2020: error}}), tmp_path)
    row = leaf(done, "stocks", zone="Z2", year=2020, ecosystem="forest", pool="aboveground_biomass")
    assert row["interval_missing"] == "area+map_in_part+model"


def test_a_bias_between_epochs_is_one_for_all_cells(tmp_path):
    """epoch_bias b: se of the removal = A b CF 44/12 / years, over all leagues with its sign; two intervals share the date between."""
    wanted = without_errors()
    first = wanted.layers["aboveground_biomass"][2017]
    land = {**wanted.land, 2023: wanted.land[2020]}
    layers = {"aboveground_biomass": {2017: first, 2020: first + 12.0, 2023: first + 20.0}}
    done = computed(wanted.but(land=land, layers=layers).section("aboveground_biomass", epoch_bias=15.0), tmp_path)
    row = leaf(done, "removals", zone="Z1", year=2020, ecosystem="forest", pool="aboveground_biomass", approach="stock_difference")
    assert row["interval_contains"] == "factor+between_date"
    area = float(done.exact("land_use").query("zone == 'Z1' and year_to == 2020 and land_from == 'arbor_forest'")["area_ha"].sum())
    factor = row["removal_tCO2e_per_year"] / CF * 0.02 / np.sqrt(6)
    assert row["se_tCO2e_per_year"] == pytest.approx(np.hypot(area * 15.0 * CF * TO_CO2 / 3, factor), rel=1e-3)
    keys = {"quantity": "removal_tCO2e_per_year", "ecosystem": "forest", "approach": "stock_difference", "zone": "Z1", "zone_with": "Z1"}
    frame = done.exact("covariance")
    for name, value in keys.items():
        frame = frame[frame[name] == value]
    value = frame.set_index(["year", "year_with"])["covariance"]
    assert value[2020, 2023] / np.sqrt(value[2020, 2020] * value[2023, 2023]) == pytest.approx(-0.5, abs=0.05)


def members_of(done: Recomputed, factors: list[float]) -> str:
    """The table of members that multiplies all land by each factor, as the retrieval writes it."""
    rows = []
    year = done.exact("activity_year").query("layer == 'aboveground_biomass'").groupby(["zone", "year", "class", "stratum"])["sum"].sum()
    for (zone, date, code, stratum), total in year.items():
        rows.append({"zone": zone, "year_from": date, "year_to": date, "land_from": code, "land_to": code, "stratum_from": stratum,
                     "stratum_to": stratum, "date": "from", "sum": total})  # fmt: skip
    pair = done.exact("activity_pair").query("bin_layer == 'aboveground_biomass' and bin_date == 'from'")
    keys = ["zone", "year_from", "year_to", "land_from", "land_to", "stratum_from", "stratum_to"]
    for key, part in pair.groupby(keys):
        rows += [{**dict(zip(keys, key, strict=True)), "date": side, "sum": part[f"sum_{side}"].sum()} for side in ("from", "to")]
    frame = pd.concat([pd.DataFrame(rows).assign(model_member=k, sum=lambda one, f=f: one["sum"] * f) for k, f in enumerate([1.0, *factors])])
    return tables.MEMBERS.to_csv(tables.MEMBERS.typed(frame.assign(layer="aboveground_biomass")))


def test_members_carry_the_error_that_a_model_shares(tmp_path):
    """Members of 0.9, 1.0 and 1.1 times the map: 10 % of every stock, in all leagues at once, and of the change."""
    plain = without_errors()
    first = computed(plain, tmp_path / "first")
    files = {"members.csv": members_of(first, [0.9, 1.0, 1.1])}
    done = computed(plain.section("aboveground_biomass", members="members.csv").but(files=files), tmp_path / "second")
    row = leaf(done, "stocks", zone="Z1", year=2020, ecosystem="forest", pool="aboveground_biomass")
    assert row["interval_contains"] == "factor+model"
    sigma = 0.02 / np.sqrt(6)  # 0.48 (0.46 to 0.50)
    assert row["se_tC"] == pytest.approx(row["stock_tC"] * np.hypot(0.1, sigma / CF), rel=1e-3)
    parts = {zone: leaf(done, "contributions", zone=zone, kind="model", year=2020, quantity="stock_tC", ecosystem="forest")["se"] for zone in ("Z1", "Z2", "R")}
    assert parts["R"] == pytest.approx(parts["Z1"] + parts["Z2"], rel=1e-6)
    change = leaf(done, "removals", zone="Z1", year=2020, ecosystem="forest", pool="aboveground_biomass", approach="stock_difference")
    assert change["se_tCO2e_per_year"] == pytest.approx(abs(change["removal_tCO2e_per_year"]) * np.hypot(0.1, sigma / CF), rel=1e-3)


def test_members_of_another_map_are_refused(tmp_path):
    """The model's own sums must be those of the layer."""
    plain = without_errors()
    wrong = members_of(computed(plain, tmp_path / "first"), [0.9, 1.1]).replace(",Z1,", ",Z9,")
    wanted = plain.section("aboveground_biomass", members="members.csv").but(files={"members.csv": wrong})
    with pytest.raises(InputError) as found:
        computed(wanted, tmp_path / "second")
    assert [one.id for one in found.value.findings] == ["E-UNC-07"]


# -- areas ----------------------------------------------------------------------------------------------------

CLASS_MATRIX = "class,arbor_forest,other_grassland,cropland\narbor_forest,80,15,5\nother_grassland,10,85,5\ncropland,2,8,90\n"
SHARES = np.array([[0.80, 0.15, 0.05], [0.10, 0.85, 0.05], [0.02, 0.08, 0.90]])
NUMBERS = np.array([100.0, 100.0, 100.0])


def study(matrix: str | None, **more) -> Landscape:
    """Forest, steppe and fields of a class table in two leagues; a strip of forest is cleared for fields."""
    land = {2017: cells(LATTICE, ARBOR, (np.s_[:, 10:20], GRASS), (np.s_[:, 20:], CROPLAND))}
    land[2020] = land[2017].copy()
    land[2020][:6, :10] = CROPLAND
    zones = [(code, "R", shape) for code, _, shape in tiling_zones(LATTICE, 2)]
    files = {"densities.csv": f"lucode,c_above\n{ARBOR},60\n{GRASS},2\n{CROPLAND},1\n"} | ({"m.csv": matrix} if matrix else {})
    sections = {"densities": {"file": "densities.csv"}} | ({"accuracy": {"matrix": "m.csv"}} if matrix else {})
    return Landscape(lattice=LATTICE, land=land, zones=zones, files=files, more={**sections, **more})


@pytest.fixture(scope="module")
def corrected(tmp_path_factory) -> Recomputed:
    return computed(study(CLASS_MATRIX), tmp_path_factory.mktemp("corrected"))


def mapped(done: Recomputed, zone: str) -> np.ndarray:
    rows = done.exact("activity_year").query("zone == @zone and year == 2017 and layer == 'land_cover'").set_index("class")["area_ha"]
    return np.array([rows.get(code, 0.0) for code in (ARBOR, GRASS, CROPLAND)])


def adjusted_stock(done: Recomputed, zone: str, years=(2020,)) -> float:
    stocks = done.exact("stocks").query("zone == @zone and land_class == 'arbor_forest' and pool == 'aboveground_biomass' and year in @years")
    return float(stocks["stock_tC"].iloc[0])


def mapped_2020(done: Recomputed, zone: str) -> np.ndarray:
    rows = done.exact("activity_year").query("zone == @zone and year == 2020 and layer == 'land_cover'").set_index("class")["area_ha"]
    return np.array([rows.get(code, 0.0) for code in (ARBOR, GRASS, CROPLAND)])


def test_class_densities_stand_on_adjusted_areas(corrected):
    """Stock of forest = 60 t C/ha x sum of A_i P_ij of the league; the three classes together keep the league's area."""
    for zone in ("Z1", "Z2"):
        area = mapped_2020(corrected, zone)
        assert adjusted_stock(corrected, zone) == pytest.approx(60.0 * (area @ SHARES)[0], abs=6e-4)
        assert (area @ SHARES).sum() == pytest.approx(area.sum())


def area_variance(one: np.ndarray, other: np.ndarray, column: int) -> float:
    """Covariance of the adjusted areas of a class in two places that share the sample: sum A_i B_i P_ij (1 - P_ij) / (n_i - 1)."""
    return float((one * other * SHARES[:, column] * (1 - SHARES[:, column]) / (NUMBERS - 1)).sum())


def test_one_matrix_is_one_draw_for_all_leagues(corrected):
    """Standard errors of the published formula in each league, and in the region those of the sum, not of the squares."""
    areas = {zone: mapped_2020(corrected, zone) for zone in ("Z1", "Z2")}
    for zone, area in areas.items():
        row = leaf(corrected, "stocks", zone=zone, year=2020, land_class="arbor_forest", pool="aboveground_biomass")
        assert row["se_tC"] == pytest.approx(60.0 * np.sqrt(area_variance(area, area, 0)), rel=1e-6)
        assert (row["interval_contains"], row["interval_missing"]) == ("area", "")
    whole = sum(areas.values())
    region = leaf(corrected, "summary", zone="R", year=2020, quantity="stock_tC", ecosystem="forest")
    assert region["se"] == pytest.approx(60.0 * np.sqrt(area_variance(whole, whole, 0)), rel=1e-6)


def test_gains_of_one_class_are_losses_of_another(corrected):
    """Forest, steppe and fields: their errors cancel as far as the land only changes its name."""
    for zone in ("Z1", "Z2"):
        area = mapped_2020(corrected, zone)
        density = np.array([60.0, 2.0, 0.0])  # fields are in `other`, not in the total
        variance = sum(
            area[i] ** 2 / 99 * (density**2 @ SHARES[i] - (density @ SHARES[i]) ** 2) for i in range(3)
        )  # fmt: skip
        row = leaf(corrected, "summary", zone=zone, year=2020, quantity="stock_tC", ecosystem="total")
        assert row["se"] == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_transitions_wait_for_a_sample_of_change(corrected):
    """A sample of classes at a date corrects no change: removals keep their areas, and say that the error of area is missing."""
    plain = corrected.exact("removals").query("transition == 'converted' and value_flag == 'V' and approach == 'stock_difference'")
    assert (plain["interval_missing"].str.contains("area")).all()
    assert corrected.exact("land_use")["area_adjusted_ha"].isna().all()


PAIRS = ("arbor_forest>arbor_forest", "arbor_forest>cropland", "other_grassland>other_grassland", "cropland>cropland")
CHANGE_MATRIX = "class," + ",".join(PAIRS) + "\n" + "\n".join([
    f"{PAIRS[0]},95,5,0,0", f"{PAIRS[1]},30,70,0,0", f"{PAIRS[2]},0,0,100,0", f"{PAIRS[3]},0,0,0,100",
]) + "\n"  # fmt: skip


def of_zone(frame: pd.DataFrame, zone: str) -> pd.DataFrame:
    return frame[frame["zone"] == zone]


def test_a_sample_of_change_corrects_and_validates_transitions(tmp_path):
    """Cleared land of a league = 0.05 of its mapped forest + 0.70 of its mapped clearing; the loss follows; the stock by adjusted transitions."""
    plain = computed(study(None), tmp_path / "plain")
    done = computed(study(CHANGE_MATRIX), tmp_path / "change")
    seen = done.exact("land_use").query("land_from == 'arbor_forest' and land_to == 'cropland'")["zone"]
    assert "Z1" in set(seen)
    for zone in seen:
        use = {name: of_zone(run.exact("land_use"), zone).set_index(["land_from", "land_to"]) for name, run in (("plain", plain), ("done", done))}
        stays, cleared = (float(use["plain"].loc[("arbor_forest", to), "area_ha"]) for to in ("arbor_forest", "cropland"))
        expected = 0.05 * stays + 0.70 * cleared
        row = use["done"].loc[("arbor_forest", "cropland")]
        assert row["area_ha"] == cleared
        assert row["area_adjusted_ha"] == pytest.approx(expected)
        error = np.sqrt(stays**2 * 0.05 * 0.95 / 99 + cleared**2 * 0.7 * 0.3 / 99)
        assert row["se_ha"] == pytest.approx(error, rel=1e-6)
        keys = {"zone": zone, "transition": "converted", "approach": "stock_difference", "pool": "aboveground_biomass", "ecosystem": "forest"}
        before, after = leaf(plain, "removals", **keys), leaf(done, "removals", **keys)
        assert after["removal_tCO2e_per_year"] == pytest.approx(before["removal_tCO2e_per_year"] * expected / cleared, rel=1e-6)
        assert after["se_tCO2e_per_year"] == pytest.approx(abs(after["removal_tCO2e_per_year"]) * error / expected, rel=1e-6)
        assert "area" in after["interval_contains"].split("+")
        assert adjusted_stock(done, zone, (2020,)) == pytest.approx(60.0 * (0.95 * stays + 0.30 * cleared), abs=6e-4)


def test_the_identity_of_the_balance_holds_on_corrected_areas(tmp_path):
    """Stock change = removal + transfers, also where a sample has corrected transitions."""
    done = computed(study(CHANGE_MATRIX), tmp_path)
    assert laws.balance_identity(done.exact("balance")) < 1e-6
    assert laws.transfers_cancel(done.exact("balance")) < 1e-6
    assert laws.balance_holds_removals(done.exact("balance"), done.table("removals")) < 0.01


def test_explain_shows_by_what_an_area_was_corrected(tmp_path):
    """The parts of a leaf add up to its number, and say what the sample multiplied."""
    landscape = study(CHANGE_MATRIX)
    run = finish(write(landscape, tmp_path))
    for table in ("stocks", "removals"):
        asked = Asked(zone="Z1", ecosystem="forest", year=2020, pool="aboveground_biomass")
        leaves = [leaf for leaf in explain(run.out, asked, table) if leaf.flag == "V"]
        assert leaves
        for one in leaves:
            assert one.sum_of_parts == pytest.approx(one.value, abs=6e-4)
        assert any("校正" in part.note for one in leaves for part in one.parts), table


# -- bad input ------------------------------------------------------------------------------------------------

OTHER_LAYER = ",".join(tables.MEMBERS.names) + "\nlitter,Z1,2020,2020,2,2,0,0,from,0,1.0\n"


def static() -> Landscape:
    """The same forest with one map of biomass for all dates."""
    wanted = without_errors()
    return wanted.but(layers={"aboveground_biomass": {None: wanted.layers["aboveground_biomass"][2020]}})


def ids_of(landscape: Landscape, folder) -> list[str]:
    with pytest.raises(InputError) as found:
        set_up(write(landscape, folder))
    return sorted({one.id for one in found.value.findings if one.severity == "error"})


@pytest.mark.parametrize(
    ("wanted", "id"),
    [
        (lambda: forest(correlation_km=1.5), "E-UNC-01"),
        (lambda: forest(lattice_km=6.0), "E-UNC-01"),
        (lambda: forest().section("biomass_error", unit="kg m-2", basis="dry_matter"), "E-UNC-02"),
        (lambda: forest(rho_dates=1.2), "E-CONF-04"),
        (lambda: forest(draws=-1), "E-CONF-04"),
        (lambda: forest().section("aboveground_biomass", epoch_bias=-0.5), "E-CONF-04"),
        (lambda: static().section("aboveground_biomass", epoch_bias=0.5), "E-UNC-03"),
        (lambda: study(None, accuracy={"areas": "a.csv"}), "E-UNC-04"),
        (lambda: without_errors().section("aboveground_biomass", members="m.csv").but(files={"m.csv": OTHER_LAYER}), "E-UNC-06"),
        (lambda: study(CLASS_MATRIX.replace("cropland", "farmland")), "E-UNC-05"),
        (lambda: study(CLASS_MATRIX.replace("80,15,5", "80,-15,5")), "E-ACC-02"),
        (lambda: forest().section("aboveground_biomass", members="m.csv").but(files={"m.csv": "layer,zone\nx,1\n"}), "E-TABLE-04"),
    ],
)
def test_what_cannot_be_is_told_before_the_pass(tmp_path, wanted, id):
    assert id in ids_of(wanted(), tmp_path)


def test_a_sample_of_another_map_is_refused(tmp_path):
    """Classes that were sampled but are nowhere on the map: the sample is of another map."""
    with pytest.raises(InputError) as found:
        computed(study("class,arbor_forest,shrubland\narbor_forest,9,1\nshrubland,1,9\n"), tmp_path)
    assert [one.id for one in found.value.findings] == ["E-UNC-08"]
    assert "shrubland" in found.value.findings[0].values["classes"]
