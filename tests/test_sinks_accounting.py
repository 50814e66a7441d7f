"""The accounting on landscapes of a few cells, against arithmetic by hand.

Every cell has 16 ha. Factors are taken by id from the shipped table; the arithmetic
with them is written out here.
"""

import laws
import numpy as np
import pytest
from landscapes import (
    ARBOR,
    BUILT,
    CROPLAND,
    GRASS,
    MARSH,
    UNKNOWN,
    Landscape,
    Lattice,
    Recomputed,
    cells,
    computed,
    map_cells,
)

from sinks.factors.table import FactorTable

LATTICE = Lattice(height=3, width=4)
CELL_HA = 16.0
CO2 = 44 / 12
COOL_DRY, HAC = 2, 1
BIRCH, TYPICAL_STEPPE = 2, 4
DATES = (2017, 2020, 2023)
FIRST, CORNER, TOP = np.s_[0, :1], np.s_[0, :2], np.s_[0]


def factor(id: str) -> float:
    """The value of a shipped factor."""
    table = FactorTable.shipped()
    return float(table.value[np.flatnonzero(table.id == id)[0]])


def strata(vegetation: int = 0, **more) -> dict:
    """Cool temperate dry climate on high-activity clay, one vegetation type."""
    codes = {"climate": cells(LATTICE, COOL_DRY), "soil": cells(LATTICE, HAC), **more}
    return {**codes, "vegetation_type": cells(LATTICE, vegetation)} if vegetation else codes


def land(start: int, *later, dates=DATES) -> dict:
    """Land of one class at the first date; what is different at the later ones, and stays so."""
    out = {dates[0]: cells(LATTICE, start)}
    for number, year in enumerate(dates[1:]):
        out[year] = cells(LATTICE, start, *[part for parts in later[: number + 1] for part in parts])
    return out


def removals(done: Recomputed, **keys) -> float:
    """The sum of the removals that fit some keys [t CO2e per year]; of stock difference unless another approach is named."""
    return float(rows_of(done, **keys)["removal_tCO2e_per_year"].sum())


def rows_of(done: Recomputed, **keys):
    """Rows of the removals that fit some keys."""
    frame = done.exact("removals")
    for name, wanted in {"approach": "stock_difference", **keys}.items():
        frame = frame[frame[name] == wanted]
    return frame


def stock(done: Recomputed, **keys) -> float:
    """The sum of the stocks that fit some keys [t C]."""
    frame = done.exact("stocks")
    for name, wanted in keys.items():
        frame = frame[frame[name] == wanted]
    assert (frame["value_flag"] == "V").any()
    return float(frame["stock_tC"].sum())


def offset(done: Recomputed, year: int, ecosystem: str = "total", approach: str = "stock_difference") -> float:
    """S of the summary."""
    frame = done.exact("summary")
    rows = frame[(frame["quantity"] == "removal_offset_tCO2e_per_year") & (frame["year"] == year) & (frame["zone"] == "R")]
    rows = rows[(rows["ecosystem"] == ecosystem) & (rows["approach"] == approach)]
    return float(rows["value"].iloc[0])


# -- clearing a forest ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cleared(tmp_path_factory) -> Recomputed:
    """Birch of 100 t/ha everywhere; two cells become cropland before 2020."""
    area = land(ARBOR, [(CORNER, CROPLAND)], [])
    biomass = {year: cells(LATTICE, 100.0) for year in DATES}
    for year in DATES[1:]:
        biomass[year][CORNER] = 0.0
    wanted = Landscape(lattice=LATTICE, land=area, layers={"aboveground_biomass": biomass}, strata=strata(BIRCH))
    return computed(wanted, tmp_path_factory.mktemp("cleared"))


BIOMASS = 100.0 * 0.48
LIVING = BIOMASS * 1.23
"""Aboveground and roots of birch at 100 t/ha [t C ha-1]: CF 0.48, R 0.23 between 75 and 150 t/ha."""


def test_factors_of_the_cleared_forest():
    """The numbers that stand in the arithmetic of this file."""
    assert factor("carbon_fraction.broadleaf") == 0.48
    assert factor("root_shoot_ratio.temperate_broadleaf.agb_75_150") == 0.23
    assert factor("root_shoot_ratio.temperate_broadleaf.agb_lt_75") == 0.46
    assert factor("dead_wood_fraction.tree") == 0.08
    assert factor("litter_carbon.arbor_forest") == 2.9
    assert factor("soil_reference_carbon.cool_temperate_dry.hac") == 43.0
    assert factor("soil_land_use_factor.cropland.dry") == 0.77
    assert factor("transition_years") == 20.0


def test_clearing_a_forest_shows_in_the_offset(cleared):
    """S falls by the lost biomass at once, by dead matter and soil over twenty years (2.0 of them in the first interval)."""
    soil = 43.0 * (0.77 - 1.0)
    dead = -(0.08 * LIVING + 2.9)
    first = 2 * CELL_HA * (-LIVING + (dead + soil) * 2.0 / 20) / 3 * CO2
    second = 2 * CELL_HA * (dead + soil) * 3.0 / 20 / 3 * CO2
    assert offset(cleared, 2020) == pytest.approx(first, abs=5e-3)
    assert offset(cleared, 2023) == pytest.approx(second, abs=5e-3)


def test_what_is_lost_is_booked_where_it_was(cleared):
    """Biomass and dead matter on the forest that is left; soil on the cropland that is entered, which counts in the total."""
    assert removals(cleared, year=2020, ecosystem="forest", pool="aboveground_biomass") == pytest.approx(
        -2 * CELL_HA * BIOMASS / 3 * CO2, abs=1e-3
    )
    assert removals(cleared, year=2020, ecosystem="other", pool="soil_organic_carbon") == pytest.approx(
        2 * CELL_HA * 43 * -0.23 * 0.1 / 3 * CO2, abs=1e-3
    )
    assert set(rows_of(cleared, ecosystem="other")["pool"]) == {"soil_organic_carbon"}
    assert set(rows_of(cleared, transition="converted")["account"]) == {"offset"}


def test_dead_matter_stays_in_place_and_decays(cleared):
    """Of dead wood and litter 2/20 are gone in the first interval and 3/20 in the second; the rest is handed over, no removal."""
    for pool, density in (("dead_wood", 0.08 * LIVING), ("litter", 2.9)):
        assert removals(cleared, year=2020, pool=pool) == pytest.approx(-2 * CELL_HA * density * 0.1 / 3 * CO2, abs=1e-3)
        assert removals(cleared, year=2023, pool=pool) == pytest.approx(-2 * CELL_HA * density * 0.15 / 3 * CO2, abs=1e-3)
        balance = cleared.exact("balance").query("pool == @pool and year == 2020").set_index("ecosystem")
        assert balance.at["forest", "transfer_out_tC"] == pytest.approx(2 * CELL_HA * density * 0.9)
        assert balance.at["other", "transfer_in_tC"] == pytest.approx(2 * CELL_HA * density * 0.9)


def test_gain_loss_sees_the_same_clearing(cleared):
    """Under gain-loss the lost biomass stands as conversion, beside growth that knows nothing of the map."""
    assert removals(cleared, approach="gain_loss", year=2020, component="conversion") == pytest.approx(
        -2 * CELL_HA * LIVING / 3 * CO2, abs=2e-3
    )
    grown = rows_of(cleared, approach="gain_loss", year=2020, component="increment", pool="aboveground_biomass")[
        "removal_tCO2e_per_year"
    ].sum()
    assert grown == pytest.approx(10 * CELL_HA * factor("aboveground_growth.temperate") * 0.48 * CO2, abs=1e-3)


@pytest.mark.parametrize("clouds", [0, 1, 2])
def test_a_cloud_over_the_new_grass_does_not_hide_the_clearing(tmp_path, clouds):
    """Forest that becomes steppe is gone, whether or not the greenness of the new steppe is seen; the herbs count where they are."""
    area = land(ARBOR, [(CORNER, GRASS)], dates=(2017, 2020))
    biomass = {2017: cells(LATTICE, 100.0), 2020: cells(LATTICE, 100.0, (CORNER, 0.0))}
    greenness = {2017: cells(LATTICE, 0.5), 2020: cells(LATTICE, 0.5, (np.s_[0, :clouds], np.nan))}
    wanted = Landscape(lattice=LATTICE, land=area, layers={"aboveground_biomass": biomass, "ndvi": greenness}, strata=strata(BIRCH))
    done = computed(wanted, tmp_path)
    herbs = (2 - clouds) * 291.64 * 0.5**1.5842 / 100
    expected = CELL_HA * (herbs - 2 * BIOMASS) / 3 * CO2
    assert removals(done, year=2020, pool="aboveground_biomass") == pytest.approx(expected, abs=2e-3)
    on_map = laws.zone_sums(map_cells(done.setup, "aboveground_biomass", None, 2020, change=True), done.setup.coverage())
    assert on_map["Z1"] == pytest.approx(expected, rel=1e-6)


# -- unknown land --------------------------------------------------------------------------------------------


def with_hole(at_all_dates: bool) -> Landscape:
    """Forest that grows, with two cells of unknown land in 2020 or at all dates."""
    area = land(ARBOR, [(np.s_[2, 3:], CROPLAND)], [])
    for year in DATES if at_all_dates else (2020,):
        area[year][CORNER] = UNKNOWN
    biomass = {year: cells(LATTICE, 60.0 + 5 * number) for number, year in enumerate(DATES)}
    return Landscape(lattice=LATTICE, land=area, layers={"aboveground_biomass": biomass}, strata=strata(BIRCH))


@pytest.fixture(scope="module")
def hole(tmp_path_factory) -> Recomputed:
    return computed(with_hole(False), tmp_path_factory.mktemp("hole"))


def test_a_hole_at_one_date_makes_no_removal(hole, tmp_path):
    """Land of unknown class at one date is neither a clearing nor a new forest: as if it were unknown at all dates."""
    never_seen = computed(with_hole(True), tmp_path)
    assert laws.same_removals(hole.exact("removals"), never_seen.exact("removals")) == 0.0
    assert removals(hole, year=2020, pool="aboveground_biomass", transition="remaining") == pytest.approx(
        9 * CELL_HA * 5 * 0.48 / 3 * CO2, abs=1e-3
    )


def test_unknown_land_has_no_stock_but_an_area(hole):
    """Unknown land stands in the matrix and in no ecosystem."""
    matrix = hole.exact("land_use")
    assert matrix.query("year_to == 2020 and land_to == 'unknown'")["area_ha"].sum() == pytest.approx(2 * CELL_HA)
    assert hole.exact("stocks").query("year == 2020 and ecosystem == 'forest' and pool == 'litter'")["area_ha"].sum() == pytest.approx(
        9 * CELL_HA
    )


def test_a_cell_without_biomass_makes_no_removal(tmp_path):
    """A cloud over the biomass at one date: the cell is missing area of the stock, and in no removal."""
    biomass = {2017: cells(LATTICE, 60.0), 2020: cells(LATTICE, 60.0, (CORNER, np.nan)), 2023: cells(LATTICE, 66.0)}
    done = computed(
        Landscape(lattice=LATTICE, land=land(ARBOR, [], []), layers={"aboveground_biomass": biomass}, strata=strata(BIRCH)), tmp_path
    )
    assert removals(done, year=2020, pool="aboveground_biomass") == 0.0
    assert removals(done, year=2023, pool="aboveground_biomass") == pytest.approx(10 * CELL_HA * 6 * 0.48 / 3 * CO2, abs=1e-3)
    row = done.exact("stocks").query("year == 2020 and pool == 'aboveground_biomass'").iloc[0]
    assert (row["area_ha"], row["missing_ha"]) == (12 * CELL_HA, 2 * CELL_HA)
    assert row["stock_tC"] == pytest.approx(10 * CELL_HA * 60 * 0.48)


def test_land_of_unknown_soil_takes_the_look_up_of_its_new_class(tmp_path):
    """Built-up land has no soil factor: forest on it is not soil of 0 t C, and what it gained is not estimated."""
    area = land(GRASS, [(CORNER, ARBOR)], [])
    area[2017][CORNER] = BUILT
    done = computed(Landscape(lattice=LATTICE, land=area, strata=strata(TYPICAL_STEPPE)), tmp_path)
    for year in (2020, 2023):
        assert stock(done, year=year, pool="soil_organic_carbon", ecosystem="forest") == 2 * CELL_HA * factor(
            "soil_carbon_density.arbor_forest"
        )
    row = rows_of(done, year=2020, ecosystem="forest", pool="soil_organic_carbon").iloc[0]
    assert (row["value_flag"], row["reason"]) == ("NE", "start_unknown")


# -- land that does not change -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory) -> Recomputed:
    """Forest, grass and marsh that stay what they are, with the same biomass and greenness at three dates."""
    area = {year: cells(LATTICE, GRASS, (TOP, ARBOR), (np.s_[2], MARSH)) for year in DATES}
    random = np.random.default_rng(1)
    biomass, greenness = 150.0 * random.random(LATTICE.shape), random.random(LATTICE.shape)
    layers = {
        "aboveground_biomass": dict.fromkeys(DATES, biomass),
        "ndvi": {2017: [greenness, greenness], 2020: greenness, 2023: greenness},
    }
    return computed(Landscape(lattice=LATTICE, land=area, layers=layers, strata=strata(TYPICAL_STEPPE)), tmp_path_factory.mktemp("same"))


def test_no_change_of_class_and_density_is_no_removal(unchanged):
    """Every removal by stock difference that is estimated is zero."""
    assert (unchanged.exact("removals").query("approach == 'stock_difference' and gas == 'CO2'")["value_flag"] == "V").sum() > 4
    assert laws.estimated_removals_are_zero(unchanged.exact("removals")) == 0.0


def test_no_change_has_no_transfer_and_no_revaluation(unchanged):
    """Stocks are the same at all dates."""
    balance = unchanged.exact("balance")
    assert balance[["transfer_in_tC", "transfer_out_tC"]].abs().to_numpy().max() == 0
    assert balance["revaluation_tC"].abs().max() <= 1e-9
    assert balance["stock_end_tC"].sum() == pytest.approx(balance["stock_start_tC"].sum(), rel=1e-12)


def test_a_step_of_the_root_ratio_is_no_removal(tmp_path):
    """From 70 to 80 t/ha R falls from 0.46 to 0.23 in the table: the removal keeps the first date's R, the stock does not."""
    biomass = {2017: cells(LATTICE, 70.0), 2020: cells(LATTICE, 80.0), 2023: cells(LATTICE, 80.0)}
    done = computed(
        Landscape(lattice=LATTICE, land=land(ARBOR, [], []), layers={"aboveground_biomass": biomass}, strata=strata(BIRCH)), tmp_path
    )
    assert removals(done, year=2020, pool="belowground_biomass") == pytest.approx(12 * CELL_HA * 10 * 0.46 * 0.48 / 3 * CO2, abs=1e-3)
    assert stock(done, year=2020, pool="belowground_biomass") == pytest.approx(12 * CELL_HA * 80 * 0.23 * 0.48)
    row = done.exact("balance").query("pool == 'belowground_biomass' and year == 2020").iloc[0]
    assert row["revaluation_tC"] == pytest.approx(12 * CELL_HA * 80 * (0.23 - 0.46) * 0.48)


# -- new forest and soil cohorts -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Recomputed:
    """Steppe; two cells become forest before 2020; one cell of cropland becomes steppe before 2020, another before 2023. No map of biomass."""
    area = land(GRASS, [(CORNER, ARBOR), (np.s_[1, :1], GRASS)], [(np.s_[2, :1], GRASS)])
    area[2017][1, 0] = area[2017][2, 0] = area[2020][2, 0] = CROPLAND
    return computed(Landscape(lattice=LATTICE, land=area, strata=strata(TYPICAL_STEPPE)), tmp_path_factory.mktemp("planted"))


def test_new_forest_holds_what_can_have_grown(planted):
    """Planted in equal parts in 2017, 2018 and 2019: 2.0 years of growth by 2020, not the class mean of 61 t/ha."""
    herbs = factor("aboveground_biomass.typical_steppe") * 0.47
    grown = factor("aboveground_growth.temperate") * 2.0 * 0.47
    assert factor("aboveground_biomass.arbor_forest") == 61.0
    assert removals(planted, year=2020, ecosystem="forest", pool="aboveground_biomass") == pytest.approx(
        2 * CELL_HA * (grown - herbs) / 3 * CO2, abs=1e-3
    )
    assert stock(planted, year=2020, ecosystem="forest", pool="aboveground_biomass") == pytest.approx(2 * CELL_HA * 61 * 0.47)
    row = planted.exact("balance").query("pool == 'aboveground_biomass' and year == 2020 and ecosystem == 'forest'").iloc[0]
    assert row["revaluation_tC"] == pytest.approx(2 * CELL_HA * (61 * 0.47 - grown))


def test_gains_of_land_change_wait_for_a_sample(planted):
    """Without reference samples of change a gain is a memo (unvalidated_change), a loss is not."""
    gain = rows_of(planted, year=2020, ecosystem="forest", pool="aboveground_biomass").iloc[0]
    assert (gain["account"], gain["reason"]) == ("memo", "unvalidated_change")
    loss = rows_of(planted, year=2020, ecosystem="grassland", pool="belowground_biomass", transition="converted").iloc[0]
    assert loss["account"] == "offset"
    assert loss["removal_tCO2e_per_year"] < 0


RATE = 43.0 * (1.0 - 0.77) / 20
"""Soil of cropland that becomes steppe [t C ha-1 yr-1], equation 2.25 with the values of W5's climate and soil."""


def test_soil_cohorts_of_two_intervals(planted):
    """A change seen between 2017 and 2020 has 2.0 cohort-years in that interval and 3.0 in the next; one seen later 2.0 in its own."""
    first, second = (removals(planted, year=year, ecosystem="grassland", pool="soil_organic_carbon") for year in (2020, 2023))
    assert first == pytest.approx(CELL_HA * RATE * 2.0 / 3 * CO2, abs=1e-3)
    assert second == pytest.approx(CELL_HA * RATE * (3.0 + 2.0) / 3 * CO2, abs=2e-3)


def test_soil_stock_is_never_a_second_look_up(planted):
    """Former cropland brings its 33.11 t/ha and adds cohorts; it does not jump to the steppe's 54."""
    steppe, cropland = factor("soil_carbon_density.typical_steppe"), 43.0 * 0.77
    first = 8 * CELL_HA * steppe + CELL_HA * (cropland + 2 * RATE)
    assert stock(planted, year=2020, ecosystem="grassland", pool="soil_organic_carbon") == pytest.approx(first, abs=1e-3)
    second = first + CELL_HA * 3 * RATE + CELL_HA * (cropland + 2 * RATE)
    assert stock(planted, year=2023, ecosystem="grassland", pool="soil_organic_carbon") == pytest.approx(second, abs=1e-3)
    forest = stock(planted, year=2023, ecosystem="forest", pool="soil_organic_carbon")
    assert forest == pytest.approx(2 * CELL_HA * steppe, abs=1e-3)


def test_soil_of_one_year_by_gain_loss(planted):
    """In 2020 all three cohorts of 2017 to 2019 are in transition; in 2023 also those of 2020 to 2022."""
    at = {
        year: removals(planted, approach="gain_loss", year=year, pool="soil_organic_carbon", ecosystem="grassland") for year in (2020, 2023)
    }
    assert at[2020] == pytest.approx(CELL_HA * RATE * CO2, abs=1e-3)
    assert at[2023] == pytest.approx(2 * CELL_HA * RATE * CO2, abs=2e-3)


def test_soil_stops_after_twenty_years(tmp_path):
    """2000 to 2003 to 2023: 2 + 18 = 20 cohort-years, so the soil ends at its reference, and the last year adds nothing (rule of W11)."""
    dates = (2000, 2003, 2023)
    area = land(CROPLAND, [(CORNER, GRASS)], [], dates=dates)
    done = computed(Landscape(lattice=LATTICE, land=area, strata=strata(TYPICAL_STEPPE)), tmp_path)
    rates = [removals(done, year=year, ecosystem="grassland", pool="soil_organic_carbon") for year in (2003, 2023)]
    assert rates == pytest.approx([2 * CELL_HA * RATE * 2 / 3 * CO2, 2 * CELL_HA * RATE * 18 / 20 * CO2], abs=1e-3)
    assert stock(done, year=2023, ecosystem="grassland", pool="soil_organic_carbon") == pytest.approx(2 * CELL_HA * 43.0)
    assert removals(done, approach="gain_loss", year=2023, pool="soil_organic_carbon", transition="converted") == 0.0


def test_soil_of_another_depth_is_never_compared(tmp_path):
    """A soil map of forest to 100 cm beside class densities to 30 cm: forest that becomes steppe is not estimated and hands nothing over."""
    area = land(ARBOR, [(CORNER, GRASS)], [])
    for year in DATES:
        area[year][2] = GRASS
    wanted = Landscape(
        lattice=LATTICE, land=area, layers={"soil_organic_carbon": {None: cells(LATTICE, 200.0)}}, strata=strata(TYPICAL_STEPPE)
    )
    done = computed(wanted.section("soil_organic_carbon", depth_cm=100, ecosystems=["forest"]), tmp_path)
    assert stock(done, year=2020, soil_depth_cm=30, pool="soil_organic_carbon") == pytest.approx(6 * CELL_HA * 54.0)
    assert stock(done, year=2020, soil_depth_cm=100, pool="soil_organic_carbon") == pytest.approx(6 * CELL_HA * 200.0)
    row = rows_of(done, year=2020, pool="soil_organic_carbon", transition="converted").iloc[0]
    assert (row["value_flag"], row["reason"], row["soil_depth_cm"]) == ("NE", "soil_depth_differs", 30)
    balance = done.exact("balance").query("pool == 'soil_organic_carbon'")
    assert not balance.duplicated(["zone", "year", "ecosystem"]).any()
    assert balance[["transfer_in_tC", "transfer_out_tC"]].to_numpy().max() == 0


# -- dates ---------------------------------------------------------------------------------------------------


def test_the_first_result_year_without_a_base_is_not_estimated(tmp_path):
    """The sink of 2020 needs an earlier date; it is never a copy of the mean of 2020 to 2023."""
    biomass = {2020: cells(LATTICE, 60.0), 2023: cells(LATTICE, 66.0)}
    area = land(ARBOR, [], dates=(2020, 2023))
    done = computed(
        Landscape(lattice=LATTICE, land=area, layers={"aboveground_biomass": biomass}, strata=strata(BIRCH), base_year=False), tmp_path
    )
    rows = rows_of(done, year=2020)
    assert set(rows["value_flag"]) == {"NE"}
    assert set(rows["reason"]) == {"no_earlier_date"}
    assert removals(done, year=2023, pool="aboveground_biomass") == pytest.approx(12 * CELL_HA * 6 * 0.48 / 3 * CO2, abs=1e-3)


@pytest.mark.parametrize("dates", [(2020,), (2017, 2020)])
def test_stocks_alone_need_no_interval(tmp_path, dates):
    """One date, or a product whose maps may not be differenced: stocks of every date, no removal by difference."""
    area = {year: cells(LATTICE, GRASS, (TOP if year == 2020 else CORNER, ARBOR)) for year in dates}
    wanted = Landscape(lattice=LATTICE, land=area, strata=strata(TYPICAL_STEPPE), base_year=False)
    done = computed(wanted.section("land_cover", change="stocks_only"), tmp_path)
    assert set(rows_of(done)["value_flag"]) == {"NE"}
    assert stock(done, year=2020, ecosystem="forest", pool="soil_organic_carbon") == 4 * CELL_HA * factor(
        "soil_carbon_density.arbor_forest"
    )
    assert stock(done, year=2020, ecosystem="grassland", pool="soil_organic_carbon") == 8 * CELL_HA * factor(
        "soil_carbon_density.typical_steppe"
    )
    assert not len(done.exact("balance"))


# -- grass, peat and marsh -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wet(tmp_path_factory) -> dict[str, Recomputed]:
    """Steppe that greens, marsh, and declared peat, under the default policy and with every switch on."""
    area = {year: cells(LATTICE, GRASS, (TOP, MARSH)) for year in DATES}
    greenness = {year: cells(LATTICE, 0.4 + 0.1 * number) for number, year in enumerate(DATES)}
    peat = strata(TYPICAL_STEPPE, peat=cells(LATTICE, 2, (CORNER, 1)))
    wanted = Landscape(lattice=LATTICE, land=area, layers={"ndvi": greenness}, strata=peat)
    switched = wanted.but(
        files={"policy.toml": 'grass_weather = true\nwetland_ch4 = true\nunvalidated_change = "all"\n'},
        more={"policy": {"file": "policy.toml"}},
    )
    folder = tmp_path_factory.mktemp("wet")
    return {"default": computed(wanted, folder / "a"), "switched": computed(switched, folder / "b")}


def test_grass_weather_is_a_memo(wet):
    """Herbs of steppe that stays steppe change with the weather: estimated, and out of S unless the policy says so."""
    herbs = (291.64 * 0.5**1.5842 - 291.64 * 0.4**1.5842) / 100
    change = 8 * CELL_HA * herbs * (1 + 5.16) / 3 * CO2
    assert removals(wet["default"], year=2020, ecosystem="grassland", component="net_change") == pytest.approx(change, abs=2e-3)
    assert set(rows_of(wet["default"], year=2020, ecosystem="grassland", component="net_change")["account"]) == {"memo"}
    assert offset(wet["switched"], 2020, "grassland") == pytest.approx(change, abs=2e-3)


def test_peat_accumulates_only_where_it_is_declared(wet):
    """0.39 t C per ha and year on the two declared cells; the CO2 of natural marsh enters S only with its CH4."""
    gained = 2 * CELL_HA * factor("peat_accumulation") * CO2
    rows = rows_of(wet["default"], year=2020, component="accumulation", gas="CO2")
    assert rows["removal_tCO2e_per_year"].tolist() == pytest.approx([gained], abs=1e-3)
    assert rows["account"].tolist() == ["memo"]
    methane = 4 * CELL_HA * factor("marsh_ch4.temperate") / 1000 * factor("gwp_ch4")
    assert removals(wet["default"], year=2020, gas="CH4") == pytest.approx(-methane, abs=2e-3)
    assert offset(wet["switched"], 2020, "wetland") == pytest.approx(gained - methane, abs=4e-3)
    assert stock(wet["default"], year=2020, land_class="peatland", pool="soil_organic_carbon") == pytest.approx(
        2 * CELL_HA * 110 * 0.5 * 10
    )


def test_factors_of_peat_and_methane_are_listed(wet):
    """Every result lists its factors: the rate of accumulation, whose range is in the interval, and the warming potential."""
    assert {"peat_accumulation", "marsh_ch4.temperate", "gwp_ch4"} <= set(wet["default"].table("factors_used")["id"])
    row = rows_of(wet["default"], year=2020, component="accumulation", gas="CO2").iloc[0]
    assert row["se_tCO2e_per_year"] == pytest.approx(2 * CELL_HA * (0.7722 - 0.0078) / (2 * 1.959964) * CO2, rel=1e-4)


def test_nothing_of_the_marsh_is_in_the_default_offset(wet):
    """Neither the CO2 nor the CH4 of natural marsh."""
    rows = wet["default"].exact("removals").query("component == 'accumulation'")
    assert set(rows["account"]) == {"memo"}
    assert set(rows["reason"]) == {"natural_marsh_out_of_offset"}
