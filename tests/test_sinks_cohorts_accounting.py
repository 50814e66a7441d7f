"""Soil, young stands and growth by the year in which land last changed, against arithmetic by hand.

Every cell has 16 ha. Cropland that becomes steppe gains 43 x (1 - 0.77) / 20 t C a hectare
and year (equation 2.25); forest of the temperate zone grows 4.0 t of dry matter (Table 4.9).
"""

import laws
import numpy as np
import pytest
from landscapes import ARBOR, CROPLAND, GRASS, Landscape, Recomputed, cells, computed, map_cells, run
from test_sinks_accounting import CELL_HA, CO2, CORNER, LATTICE, RATE, TYPICAL_STEPPE, factor, removals, rows_of, stock, strata

from aoi.texts import choose_language
from sinks.equations.soil import mean_cohort_years
from sinks.explain import Asked, as_lines, explain
from sinks.factors.resolver import standard_error
from sinks.factors.table import FactorTable
from sinks.pipeline import keep_summary

DATES = (2017, 2020, 2023)
ANNUAL = tuple(range(2012, 2024))
PART = np.s_[2, :1]


def maps(*changes, years=ANNUAL, start=GRASS) -> dict:
    """Maps of every year; each change is (first year that shows it, cells, class)."""
    out = {year: cells(LATTICE, start) for year in years}
    for since, place, code in changes:
        for year in (one for one in years if one >= since):
            out[year][place] = code
    return out


def landscape(land: dict, dates=DATES, **more) -> Landscape:
    """Steppe in a cool and dry climate; maps that are no dates are history."""
    run = {"years": list(dates[1:] or dates), **({"base_year": dates[0]} if len(dates) > 1 else {})}
    given = {"run": run, **more.pop("more", {})}
    return Landscape(lattice=LATTICE, land=land, strata=strata(TYPICAL_STEPPE), base_year=False, more=given, **more)


def soil(done: Recomputed, year: int, **keys) -> float:
    """Removal of soil on grassland [t CO2e per year]."""
    return removals(done, year=year, ecosystem="grassland", pool="soil_organic_carbon", **keys)


# -- changes before the first date ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def returned(tmp_path_factory) -> Recomputed:
    """Two cells of cropland are steppe from the map of 2014 on."""
    land = maps((2014, CORNER, GRASS))
    for year in (2012, 2013):
        land[year][CORNER] = CROPLAND
    return computed(landscape(land), tmp_path_factory.mktemp("returned"))


def test_soil_of_an_earlier_change_runs_on(returned):
    """Seen between 2013 and 2014: it began in 2013 and has 3 of its twenty years in either interval."""
    for year in (2020, 2023):
        assert soil(returned, year) == pytest.approx(2 * CELL_HA * RATE * 3 / 3 * CO2, abs=1e-3)
    row = rows_of(returned, year=2020, ecosystem="grassland", pool="soil_organic_carbon", transition="converted").iloc[0]
    assert (row["component"], row["account"], row["reason"]) == ("soil", "memo", "unvalidated_change")


def test_gain_loss_has_the_same_cohort_in_the_year_itself(returned):
    assert soil(returned, 2020, approach="gain_loss") == pytest.approx(2 * CELL_HA * RATE * CO2, abs=1e-3)


def test_soil_that_nothing_tells_of_stays_not_estimated(returned):
    """Ten cells did not change since 2012: that is no zero, before 2012 nothing is known."""
    row = rows_of(returned, year=2020, ecosystem="grassland", pool="soil_organic_carbon", transition="remaining").iloc[0]
    assert (row["value_flag"], row["reason"]) == ("NE", "no_history_of_management")


def test_the_stock_takes_the_cohort_and_the_balance_closes(returned):
    """The look-up of the first date and three years of the cohort per interval; no revaluation."""
    steppe = 12 * CELL_HA * factor("soil_carbon_density.typical_steppe")
    for year, years in ((2020, 3), (2023, 6)):
        expected = steppe + 2 * CELL_HA * RATE * years
        assert stock(returned, year=year, pool="soil_organic_carbon", ecosystem="grassland") == pytest.approx(expected, abs=1e-3)
    balance = returned.exact("balance")
    assert laws.balance_identity(balance) <= 1e-6
    assert laws.balance_holds_removals(balance, returned.exact("removals")) <= 1e-6
    assert balance.query("pool == 'soil_organic_carbon'")["revaluation_tC"].abs().max() <= 1e-6


def test_without_earlier_maps_nothing_is_known_of_them(tmp_path):
    """The same dates alone: no cohort, not zero."""
    done = computed(landscape(maps(years=DATES)), tmp_path)
    rows = rows_of(done, year=2020, ecosystem="grassland", pool="soil_organic_carbon")
    assert set(rows["value_flag"]) == {"NE"}


def test_a_cohort_ends_after_twenty_years(tmp_path):
    """Seen between 1998 and 1999: 2018 is its last year, one of the three to 2020."""
    years = (1998, 1999, *range(2012, 2024))
    land = maps((1999, CORNER, GRASS), years=years)
    land[1998][CORNER] = CROPLAND
    done = computed(landscape(land), tmp_path)
    assert soil(done, 2020) == pytest.approx(2 * CELL_HA * RATE * 1 / 3 * CO2, abs=1e-3)
    assert soil(done, 2023) == 0.0
    row = rows_of(done, year=2023, ecosystem="grassland", pool="soil_organic_carbon", transition="remaining").iloc[0]
    assert (row["value_flag"], row["reason"]) == ("NE", "no_history_of_management"), "18 years before the first date are no twenty"


def test_a_cohort_ends_where_its_land_changes_again(tmp_path):
    """Steppe from 2014 on, forest in the map of 2017 alone, which is a date: its soil goes by the change of the interval (none between natural land)."""
    land = maps((2014, CORNER, GRASS))
    for year in (2012, 2013):
        land[year][CORNER] = CROPLAND
    land[2017][CORNER] = ARBOR
    done = computed(landscape(land), tmp_path)
    assert soil(done, 2020) == 0.0
    assert soil(done, 2023) == pytest.approx(2 * CELL_HA * RATE * CO2, abs=1e-3), "over the next interval it was steppe at both dates, since 2014"


def test_twenty_years_without_change_say_so_and_are_no_zero(tmp_path):
    done = computed(landscape(maps(years=(1997, *DATES))), tmp_path)
    row = rows_of(done, year=2020, ecosystem="grassland", pool="soil_organic_carbon").iloc[0]
    assert (row["value_flag"], row["reason"]) == ("NE", "land_use_unchanged_management_unknown")


def test_a_gap_between_maps_spreads_the_start(tmp_path):
    """Seen between 2000 and 2012: in equal parts from 2000 to 2011, so that the earliest end before 2023."""
    land = maps((2012, CORNER, GRASS), years=(2000, *ANNUAL))
    land[2000][CORNER] = CROPLAND
    done = computed(landscape(land), tmp_path)
    years = sum(sum(start < year <= start + 20 for year in (2021, 2022, 2023)) for start in range(2000, 2012)) / 12
    assert years == pytest.approx(2.5)
    assert float(mean_cohort_years(2000, 2012, 2020, 2023, 20)) == years
    assert soil(done, 2023) == pytest.approx(2 * CELL_HA * RATE * years / 3 * CO2, abs=1e-3)


def test_one_date_alone_has_its_cohorts_by_gain_loss(tmp_path):
    land = maps((2014, CORNER, GRASS), years=tuple(range(2012, 2021)))
    for year in (2012, 2013):
        land[year][CORNER] = CROPLAND
    done = computed(landscape(land, dates=(2020,)), tmp_path)
    assert soil(done, 2020, approach="gain_loss") == pytest.approx(2 * CELL_HA * RATE * CO2, abs=1e-3)


# -- changes within an interval ------------------------------------------------------------------------------


def test_a_change_within_an_interval_starts_in_its_year(tmp_path):
    """First seen in 2020, so it began in 2019: one year in its interval and three in the next, not 2.0 and 3.0."""
    land = maps((2020, PART, GRASS))
    for year in range(2012, 2020):
        land[year][PART] = CROPLAND
    done = computed(landscape(land), tmp_path)
    assert soil(done, 2020) == pytest.approx(CELL_HA * RATE * 1 / 3 * CO2, abs=1e-3)
    assert soil(done, 2023) == pytest.approx(CELL_HA * RATE * 3 / 3 * CO2, abs=1e-3)
    assert soil(done, 2020, approach="gain_loss") == pytest.approx(CELL_HA * RATE * CO2, abs=1e-3)
    assert laws.balance_identity(done.exact("balance")) <= 1e-6


def test_dead_matter_of_a_clearing_decays_from_its_year(tmp_path):
    """Forest until 2018, cropland from 2019 on: of the litter of 2.9 t C two twentieths are gone by 2020, and three more by 2023."""
    done = computed(landscape(maps((2019, PART, CROPLAND), start=ARBOR)), tmp_path)
    for year, years in ((2020, 2), (2023, 3)):
        assert removals(done, year=year, pool="litter") == pytest.approx(-CELL_HA * 2.9 * years / 20 / 3 * CO2, abs=1e-3)
    done = computed(landscape(maps((2020, PART, CROPLAND), start=ARBOR)), tmp_path / "later")
    assert removals(done, year=2020, pool="litter") == pytest.approx(-CELL_HA * 2.9 * 1 / 20 / 3 * CO2, abs=1e-3)


def test_dead_matter_that_goes_on_ends_by_its_own_years(tmp_path):
    """Cleared in 2003 (begun in 2002): one twentieth by 2003 and 19 by 2023, not 18 as from the middle of 2000 to 2003."""
    dates = (2000, 2003, 2023)
    done = computed(landscape(maps((2003, PART, CROPLAND), years=(2000, 2001, 2002, 2003, 2023), start=ARBOR), dates=dates), tmp_path)
    assert removals(done, year=2003, pool="litter") == pytest.approx(-CELL_HA * 2.9 * 1 / 20 / 3 * CO2, abs=1e-3)
    assert removals(done, year=2023, pool="litter") == pytest.approx(-CELL_HA * 2.9 * 19 / 20 / 20 * CO2, abs=1e-3)


# -- young stands --------------------------------------------------------------------------------------------

GROWTH = 4.0 * 0.47
"""t C per hectare and year of arbor forest without a type: `aboveground_growth.temperate` and the carbon fraction of trees."""


@pytest.fixture(scope="module")
def young(tmp_path_factory) -> Recomputed:
    """Two cells of steppe are forest from the map of 2015 on, another from 2019 on."""
    land = maps((2015, CORNER, ARBOR), (2019, PART, ARBOR))
    return computed(landscape(land), tmp_path_factory.mktemp("young"))


def test_factors_of_young_stands():
    assert (factor("aboveground_growth.temperate"), factor("aboveground_biomass.arbor_forest"), factor("carbon_fraction.tree")) == (4.0, 61.0, 0.47)


def test_a_young_stand_grows_by_its_years(young):
    """Begun in 2014, 3, 6 and 9 years old at the dates: 24 and 36 t/ha of dry matter are less than the class mean of 61."""
    for year, more in ((2020, 0.0), (2023, CELL_HA * GROWTH * CO2)):
        grown = removals(young, year=year, pool="aboveground_biomass", ecosystem="forest", component="net_change")
        assert grown == pytest.approx(2 * CELL_HA * GROWTH * CO2 + more, abs=2e-3)
    row = rows_of(young, year=2020, pool="aboveground_biomass", ecosystem="forest", component="net_change").iloc[0]
    assert (row["transition"], row["account"], row["reason"]) == ("converted", "memo", "unvalidated_change")


def test_a_stand_that_is_planted_within_the_interval_is_as_old_as_its_maps_say(young):
    """First seen in 2019, begun in 2018: two years of growth by 2020, three more by 2023."""
    herbs = factor("aboveground_biomass.typical_steppe") * 0.47
    planted = removals(young, year=2020, pool="aboveground_biomass", ecosystem="forest", component="conversion")
    assert planted == pytest.approx(CELL_HA * (GROWTH * 2 - herbs) / 3 * CO2, abs=1e-3)


def test_growth_of_young_stands_stops_at_the_class_mean(tmp_path):
    """Begun in 2003: 14 years and 56 t/ha in 2017, 61 in 2020, which is the class mean, and no more after."""
    land = maps((2004, CORNER, ARBOR), years=(2003, 2004, *DATES))
    done = computed(landscape(land), tmp_path)
    grown = [removals(done, year=year, pool="aboveground_biomass", ecosystem="forest") for year in (2020, 2023)]
    assert grown == pytest.approx([2 * CELL_HA * (61 - 56) * 0.47 / 3 * CO2, 0.0], abs=1e-3)


def test_forest_of_more_than_twenty_years_is_young_no_more(tmp_path):
    """Begun in 1998: 19 years in 2017, 22 in 2020, from where a class mean sees no change again."""
    done = computed(landscape(maps((1999, CORNER, ARBOR), years=(1998, 1999, *DATES))), tmp_path)
    first, second = (rows_of(done, year=year, pool="aboveground_biomass", ecosystem="forest") for year in (2020, 2023))
    assert set(first["transition"]) == {"converted"}
    assert second[["transition", "value_flag", "reason"]].values.tolist() == [["remaining", "NE", "class_mean_sees_no_change"]]


def test_the_balance_of_young_stands_closes(young):
    balance = young.exact("balance")
    assert laws.balance_identity(balance) <= 1e-6
    assert laws.balance_holds_removals(balance, young.exact("removals")) <= 1e-6


@pytest.mark.parametrize("pool", ["soil_organic_carbon", "aboveground_biomass", "belowground_biomass", None])
def test_maps_add_up_to_the_table(young, returned, pool):
    """The cells of a change are those of the table, cohorts and young stands among them."""
    for done in (young, returned):
        for year in (2020, 2023):
            on_map = laws.zone_sums(map_cells(done.setup, pool, None, year, change=True), done.setup.coverage())
            keys = {"pool": pool} if pool else {}
            frame = rows_of(done, year=year, gas="CO2", **keys)
            table = frame.loc[frame["ecosystem"] != "other", "removal_tCO2e_per_year"].sum()
            assert on_map["Z1"] == pytest.approx(table, abs=0.01)


def test_the_map_of_a_stock_takes_cohorts(returned):
    on_map = laws.zone_sums(map_cells(returned.setup, "soil_organic_carbon", None, 2023), returned.setup.coverage())
    assert on_map["Z1"] == pytest.approx(stock(returned, year=2023, pool="soil_organic_carbon"), rel=1e-9)


# -- beside official areas and sourced rates -----------------------------------------------------------------


def test_official_areas_carry_cohorts_with_them(tmp_path):
    """Grassland of 176 ha instead of 192 at all dates: land and cohort are 11/12 as large, and the balance closes."""
    land = maps((2014, CORNER, GRASS), (2012, PART, ARBOR))
    for year in (2012, 2013):
        land[year][CORNER] = CROPLAND
    official = "zone,year,land_class,area_ha,source\n" + "".join(f"Z1,{year},arbor_forest,32,survey\n" for year in DATES)
    wanted = landscape(land, files={"areas.csv": official}, more={"control_areas": {"file": "areas.csv"}})
    done = computed(wanted, tmp_path)
    assert soil(done, 2020) == pytest.approx(2 * CELL_HA * RATE * CO2 * (192 - 32) / (192 - 16), abs=1e-3)
    assert done.exact("cohorts").query("year == 2020 and land_before == 'cropland'")["area_ha"].sum() == pytest.approx(32 * 160 / 176)
    assert laws.balance_identity(done.exact("balance")) <= 1e-6
    assert laws.balance_holds_removals(done.exact("balance"), done.exact("removals")) <= 1e-6


def test_a_rate_of_forest_takes_young_stands_once(tmp_path):
    """Two cells young forest before the interval: area times rate, and no growth of theirs beside it."""
    rate = "id,name,ecosystem,land_class,value,unit,source\nown.rate,sequestration_rate_aboveground_biomass,forest,arbor_forest,0.5,tC ha-1 yr-1,survey\n"
    wanted = landscape(maps((2015, CORNER, ARBOR)), files={"own.csv": rate}, more={"factors": {"file": "own.csv"}})
    done = computed(wanted, tmp_path)
    assert removals(done, approach="rate", year=2020, pool="aboveground_biomass", ecosystem="forest") == pytest.approx(2 * CELL_HA * 0.5 * CO2, abs=1e-3)


# -- what is told of it --------------------------------------------------------------------------------------


def test_the_table_of_cohorts_names_years_classes_and_the_first_map(returned):
    """Two cells changed between 2013 and 2014; the others did not since 2012."""
    rows = returned.table("cohorts").query("year == 2020").drop(columns=["zone", "year"]).to_dict("records")
    assert rows == [
        {"land_class": "typical_steppe", "land_before": "cropland", "status": "changed", "since_year": 2014, "seen_from": 2013,
         "history_from": 2012, "area_ha": 32.0},
        {"land_class": "typical_steppe", "land_before": "typical_steppe", "status": "unchanged", "since_year": 2012, "seen_from": None,
         "history_from": 2012, "area_ha": 160.0},
    ]  # fmt: skip


def test_a_run_without_a_history_has_no_such_table(tmp_path):
    done = run(landscape(maps(years=DATES)), tmp_path)
    assert not (done.out / "tables" / "cohorts.csv").exists()
    keep_summary(done.out, [])
    assert "History of land change from 2017 on" in (done.out / "summary.en.md").read_text(encoding="utf-8")


def test_factor_errors_of_a_cohort_are_propagated(returned):
    """d = A (R (1 - F)) / 20: an error of R by R's share, one of F by A R / 20 (both two standard errors wide in the source)."""
    table = FactorTable.shipped()
    ids = "soil_reference_carbon.cool_temperate_dry.hac", "soil_land_use_factor.cropland.dry"
    reference, land_use = (int(np.flatnonzero(table.id == id)[0]) for id in ids)
    errors = standard_error(table)
    per_unit = 2 * CELL_HA / 20 * CO2
    expected = np.hypot(per_unit * 0.23 * errors[reference], per_unit * 43.0 * errors[land_use])
    row = rows_of(returned, year=2020, ecosystem="grassland", pool="soil_organic_carbon", transition="converted").iloc[0]
    assert row["se_tCO2e_per_year"] == pytest.approx(expected, abs=1e-3)
    assert row["mc_se_tCO2e_per_year"] == pytest.approx(expected, rel=0.35)


def test_a_table_of_cohorts_goes_with_the_history(tmp_path):
    """The same folder without the earlier maps: the table of the last run does not stay."""
    done = run(landscape(maps()), tmp_path)
    assert (done.out / "tables" / "cohorts.csv").exists()
    run(landscape(maps(), more={"cohorts": {"use": False}}), tmp_path)
    assert not list((done.out / "tables").glob("cohorts.*"))


@pytest.fixture
def english():
    """Words in English."""
    choose_language("en")
    yield
    choose_language("zh")


@pytest.mark.usefixtures("english")
def test_the_paper_trail_of_a_cohort(tmp_path):
    """From the number of the table to the classes, the year, the factors and the arithmetic."""
    land = maps((2014, CORNER, GRASS))
    for year in (2012, 2013):
        land[year][CORNER] = CROPLAND
    done = run(landscape(land), tmp_path)
    for approach, years in (("stock_difference", 3), ("gain_loss", 1)):
        leaves = explain(done.out, Asked(zone="Z1", ecosystem="grassland", year=2020, pool="soil_organic_carbon", approach=approach), "removals")
        leaf = next(one for one in leaves if one.flag == "V")
        assert leaf.sum_of_parts == pytest.approx(leaf.value, abs=1e-3)
        said = "\n".join(as_lines([leaf]))
        assert "cropland -> typical_steppe" in said
        assert f"between 2013 and 2014; {years}.000 of its years" in said
        assert "soil_land_use_factor.cropland.dry = 0.77" in said
        assert "43 tC ha-1" in said


@pytest.mark.usefixtures("english")
def test_the_paper_trail_of_a_young_stand(tmp_path):
    done = run(landscape(maps((2015, CORNER, ARBOR))), tmp_path)
    leaves = explain(done.out, Asked(zone="Z1", ecosystem="forest", year=2020, pool="aboveground_biomass"), "removals")
    said = "\n".join(as_lines([one for one in leaves if one.keys["component"] == "net_change"]))
    assert "young stand, seen between 2014 and 2015: 3.0 years old in 2017, 6.0 in 2020" in said
    assert "aboveground_growth.temperate = 4" in said
