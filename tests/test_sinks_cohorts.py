"""Years of change from annual land-cover maps: told cell by cell, and kept as strata of the pass."""

import laws
import numpy as np
import pytest
import years
from landscapes import (
    ARBOR,
    CROPLAND,
    GRASS,
    Landscape,
    Lattice,
    Recomputed,
    Run,
    cells,
    computed,
    finish,
    map_cells,
    random_landscape,
    tabulated,
    with_earlier_maps,
    write,
    write_raster,
)

from aoi.findings import InputError
from sinks.align import RUN_FILE, align
from sinks.layers.cohorts import CohortRule
from sinks.layers.layer import Scratch, Stored
from sinks.layers.windows import Engine
from sinks.pipeline import settle_tables, tabulate
from sinks.setup import set_up

YEARS = (2014, 2015, 2016, 2017, 2018, 2019, 2020)


def last_changes(*maps, years=YEARS, dates=(2017, 2020), confirm=True, window=20):
    """(year of the last change, code before it) at every date, of one cell whose codes are given; 0 is no data."""
    rule = CohortRule(layer="land_cover", years=years, dates=dates, groups=((1, 1), (2, 2), (3, 3), (4, 3)), window=window, confirm=confirm)
    stored = {
        ("land_cover", year, 0): Stored(cells=np.array([[code]], dtype=np.uint8), offset=0, kind="classes", nodata=0.0)
        for year, code in zip(years, maps, strict=True)
    }
    scratch = Scratch()
    scratch.clear(4096)
    made = rule.made(stored, scratch)
    return [tuple(int(made[name, date, 0].decoded()[0, 0]) for name in rule.names) for date in dates]


def test_a_change_is_dated_in_the_first_map_that_shows_it():
    assert last_changes(1, 1, 2, 2, 2, 2, 2) == [(2016, 1), (2016, 1)]
    assert last_changes(1, 1, 1, 1, 1, 2, 2) == [(0, 0), (2019, 1)]


def test_codes_of_one_land_class_are_no_change():
    assert last_changes(3, 4, 3, 4, 3, 4, 3) == [(0, 0), (0, 0)]


def test_one_odd_map_is_no_change_unless_it_is_asked_for():
    assert last_changes(1, 2, 1, 1, 1, 1, 1) == [(0, 0), (0, 0)]
    assert last_changes(1, 2, 1, 1, 1, 1, 1, confirm=False) == [(2016, 2), (2016, 2)]


def test_the_map_of_a_date_is_believed_and_later_maps_decide_for_later_dates():
    """2017 shows another class, 2018 does not: a change at the date of 2017, none at that of 2020."""
    assert last_changes(1, 1, 1, 2, 1, 1, 1) == [(2017, 1), (0, 0)]


def test_a_hole_does_not_part_a_change_from_its_confirmation():
    assert last_changes(1, 1, 2, 0, 2, 2, 2) == [(-1, -1), (2016, 1)]
    assert last_changes(0, 0, 0, 1, 1, 1, 1) == [(0, 0), (0, 0)]


def test_two_changes_leave_the_last():
    assert last_changes(1, 2, 2, 2, 3, 3, 3) == [(2015, 1), (2018, 2)]
    assert last_changes(1, 1, 2, 3, 3, 3, 3) == [(2017, 1), (2017, 1)], "a class that one map shows between two others is passed over"


def test_changes_before_the_window_do_not_count():
    years = (1999, 2000, 2001, 2020)
    assert last_changes(1, 2, 2, 2, years=years, dates=(2020,)) == [(0, 0)]
    assert last_changes(1, 1, 2, 2, years=years, dates=(2020,)) == [(2001, 1)]


# -- the pass ------------------------------------------------------------------------------------------------

LATTICE = Lattice(height=3, width=4)
DATES = (2017, 2020)


def with_history(maps: dict, **more) -> Landscape:
    """A landscape of two dates whose other maps are history."""
    given = {"run": {"years": [DATES[-1]], "base_year": DATES[0]}, **more.pop("more", {})}
    return Landscape(lattice=LATTICE, land=maps, more=given, **more)


def annual(*changes, years=YEARS, start=GRASS) -> dict:
    """Maps of every year: land of one class, and from a year on another class of some cells."""
    out = {year: cells(LATTICE, start) for year in years}
    for since, place, code in changes:
        for year in years:
            if year >= since:
                out[year][place] = code
    return out


@pytest.fixture(scope="module")
def changed(tmp_path_factory) -> Run:
    """Two cells of steppe become forest in 2015, one becomes cropland in 2019."""
    maps = annual((2015, np.s_[0, :2], ARBOR), (2019, np.s_[1, :1], CROPLAND))
    return tabulated(with_history(maps), tmp_path_factory.mktemp("changed"))


def areas(done: Run, year: int) -> dict:
    """Area by year of change, class before and class [ha]."""
    land = done.table("activity_year").query("layer == 'land_cover' and year == @year").merge(done.table("strata"), on="stratum")
    return {(one["cohort_year"], one["cohort_from"], one["class"]): one["area_ha"] for one in land.to_dict("records")}


def test_the_pass_keeps_years_of_change_as_strata(changed):
    """16 ha a cell; other_grassland is the 7th land class."""
    assert areas(changed, 2017) == pytest.approx({(2015, 7, ARBOR): 32.0, (0, 0, GRASS): 160.0})
    assert areas(changed, 2020) == pytest.approx({(2015, 7, ARBOR): 32.0, (2019, 7, CROPLAND): 16.0, (0, 0, GRASS): 144.0})


def activity(path, out, engine: Engine) -> dict[str, bytes]:
    """The bytes of the tables of the pass."""
    setup = set_up(path, out=out)
    assert tabulate(setup, engine)
    settle_tables(setup.out)
    return Run(setup, setup.out).bytes()


def test_windows_threads_and_processes_change_no_byte(tmp_path):
    """Two tiles with earlier maps, by one thread and window, by both threads, by processes that receive the rule."""
    drawn = random_landscape(5, lattice=Lattice(height=40, width=600), parcels=False)
    path = write(with_earlier_maps(drawn, 5, years=range(2012, 2023)), tmp_path / "run")
    plain = activity(path, tmp_path / "plain", Engine(threads=1, window_tiles=1))
    assert b",2015," in plain["strata.csv"]
    for number, engine in enumerate((Engine(threads=2, window_tiles=2), Engine(workers=2, window_tiles=1))):
        assert laws.different_files(plain, activity(path, tmp_path / str(number), engine)) == []


def test_earlier_maps_on_another_grid_are_warped(tmp_path):
    """A map of 2015 on a grid that is shifted by half a cell to the east: nearest cells, and the same years as without the shift."""
    maps = annual((2015, np.s_[0, :2], ARBOR), years=(2014, 2015, *DATES))
    path = write(with_history(maps).section("land_cover", resampling="nearest"), tmp_path)
    shifted = Lattice(height=3, width=4, left=LATTICE.left + 100.0)
    write_raster(tmp_path, "land_cover_2015_0", np.asarray(maps[2015], dtype=np.uint8), shifted, 0)
    assert areas(finish(path), 2017) == pytest.approx({(2015, 7, ARBOR): 32.0, (0, 0, GRASS): 160.0})


def test_another_rule_is_another_pass(tmp_path):
    """One odd map in 2015: a change without confirmation. The same folder does not keep the sums of the other rule."""
    maps = annual()
    maps[2015][0, 0] = CROPLAND
    for confirm, expected in ((True, {(0, 0, GRASS): 192.0}), (False, {(2016, 14, GRASS): 16.0, (0, 0, GRASS): 176.0})):
        assert areas(finish(write(with_history(maps, more={"cohorts": {"confirm": confirm}}), tmp_path)), 2017) == pytest.approx(expected)


def test_an_aligned_run_has_its_history(tmp_path):
    """Earlier maps and ages are aligned as well, and every table of the new run has the same bytes."""
    ages = {None: cells(LATTICE, 15.0, (np.s_[1:], 40.0))}
    wanted = with_history(annual((2015, np.s_[0, :2], ARBOR), (2019, np.s_[1, :1], CROPLAND)), layers={"stand_age": ages}, more={"ages": {"year": 2018}})
    path = write(wanted.section("stand_age", nodata=-9999), tmp_path / "plain")
    align(set_up(path, out=tmp_path / "aligned"), Engine(threads=1))
    both = [finish(one).bytes() for one in (path, tmp_path / "aligned" / RUN_FILE)]
    assert "cohorts.csv" in both[0]
    assert laws.different_files(*both, but=("inputs.csv",)) == []


def test_fires_of_a_run_with_a_history(tmp_path):
    """The pass of a year tells land apart by its last change as the run does; land that never changed burns as without earlier maps."""
    fire = years.with_years({"burned_area": years.burned({2021: cells(years.LATTICE, 0.0, (np.s_[2, 6], 0.25))})}, {"burned_area": years.FIRE})
    plain = computed(fire, tmp_path / "plain")
    earlier = {year: years.land() for year in (2017, 2018, 2019, *years.DATES)}
    past = computed(fire.but(land=earlier, base_year=False, more={"run": {"years": [2023], "base_year": 2020}}), tmp_path / "past")
    both = [one.exact("removals").query("component == 'fire_non_co2'")["removal_tCO2e_per_year"].sum() for one in (plain, past)]
    assert both[0] == both[1] < 0
    assert past.done.table("activity_fire")["area_ha"].sum() > 0


# -- laws ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[11, 12])
def drawn(tmp_path_factory, request) -> Recomputed:
    """Random land of three dates with nineteen earlier or other maps; class means, so that young stands count."""
    wanted = random_landscape(request.param, lattice=Lattice(height=14, width=16), peat=True, parcels=False).but(layers={})
    return computed(with_earlier_maps(wanted, request.param), tmp_path_factory.mktemp("drawn"))


def test_balance_closes_on_random_land_with_a_history(drawn):
    balance, removals = drawn.exact("balance"), drawn.exact("removals")
    assert laws.balance_identity(balance) <= 1e-6
    assert laws.transfers_cancel(balance) <= 1e-6
    assert laws.balance_holds_removals(balance, removals) <= 1e-6
    assert laws.zones_sum_to_parent(drawn.texts("summary"), drawn.done.texts("zones")) == 0
    past = drawn.inventory().prepared.past_soil
    assert past.running.sum() > 20


@pytest.mark.parametrize("pool", ["soil_organic_carbon", "aboveground_biomass", "belowground_biomass", "litter"])
def test_maps_are_the_table_on_random_land_with_a_history(drawn, pool):
    """Every zone and interval, to what leaves are rounded by."""
    removals = drawn.exact("removals").query("approach == 'stock_difference' and gas == 'CO2' and pool == @pool")
    for year in (2020, 2023):
        on_map = laws.zone_sums(map_cells(drawn.setup, pool, None, year, change=True), drawn.setup.coverage())
        table = removals[removals["year"] == year].groupby("zone")["removal_tCO2e_per_year"].sum()
        for zone, value in on_map.items():
            assert value == pytest.approx(float(table.get(zone, 0.0)), abs=0.05)


# -- a user's own years of change ----------------------------------------------------------------------------


def own_years(**more) -> Landscape:
    """Years of change as a raster of the user: one cell changed in 2010, one in 2019, the others did not."""
    years = cells(LATTICE, 0, (np.s_[0, :1], 2010), (np.s_[1, :1], 2019))
    before = cells(LATTICE, 0, (np.s_[0, :1], 14), (np.s_[1, :1], 7))
    sections = {"cohort_from": {"legend": "before.csv", "nodata": 0}, "cohort_year": {"nodata": -9999}, **more.pop("sections", {})}
    return Landscape(
        lattice=LATTICE, land={year: cells(LATTICE, GRASS) for year in DATES}, sections=sections,
        layers={"cohort_year": {None: years.astype(float)}, "cohort_from": {None: before.astype(float)}},
        files={"before.csv": "code,value\n14,cropland\n7,other_grassland\n"}, more={"cohorts": {"history_from": 2000}, **more},
    )  # fmt: skip


def test_a_users_years_of_change_are_strata(tmp_path):
    """2010 holds at both dates; 2019 has not come yet in 2017."""
    done = tabulated(own_years(), tmp_path)
    frame = done.inventory().prepared.years.frame
    told = {(int(one["year"]), one["cohort_last"], one["class_before"]) for one in frame.to_dict("records") if one["cohort_last"] == one["cohort_last"]}
    assert told == {(2017, 2010.0, "cropland"), (2020, 2010.0, "cropland"), (2020, 2019.0, "other_grassland")}


def findings(landscape: Landscape, folder) -> dict[str, str]:
    """Ids of the findings of a set-up, with what was found."""
    try:
        found = set_up(write(landscape, folder)).findings
    except InputError as error:
        found = tuple(error.findings)
    return {one.id: one.say("found", "en") for one in found}


def test_a_users_years_need_a_first_year_and_the_class_before(tmp_path):
    assert "E-COHORT-02" in findings(own_years(cohorts={}), tmp_path / "one")
    alone = own_years()
    alone = alone.but(layers={"cohort_year": alone.layers["cohort_year"]}, sections={"cohort_year": {"nodata": -9999}})
    assert findings(alone, tmp_path / "two")["E-COHORT-01"] == "cohort_year is given, cohort_from is not"


def test_years_outside_the_history_are_refused(tmp_path):
    """2010 is before the record that begins in 2015."""
    with pytest.raises(InputError) as caught:
        tabulated(own_years(cohorts={"history_from": 2015}), tmp_path)
    assert [one.id for one in caught.value.findings] == ["E-STRATA-03"]


# -- what is said --------------------------------------------------------------------------------------------


def test_the_history_is_noted_and_kept(changed):
    assert findings_of(changed)["N-COHORT-01"] == "2014; maps of 2014, 2015, 2016, 2017, 2018, 2019, 2020"


def findings_of(done: Run) -> dict[str, str]:
    return {one.id: one.say("found", "en") for one in done.setup.findings}


def test_earlier_maps_that_cannot_serve_are_named(tmp_path):
    maps = annual()
    stocks = with_history(maps).section("land_cover", change="stocks_only")
    assert "stocks_only" in findings(stocks, tmp_path / "stocks")["W-COHORT-01"]
    off = with_history(maps, more={"cohorts": {"use": False}})
    assert not {"W-COHORT-01", "N-COHORT-01"} & set(findings(off, tmp_path / "off"))


def test_an_unknown_code_of_an_earlier_map_is_refused(tmp_path):
    """Code 77 in a map of 2015: its area is named; outside the zones nothing is said of it."""
    maps = annual()
    maps[2015][0, 0] = 77
    with pytest.raises(InputError) as caught:
        tabulated(with_history(maps), tmp_path)
    assert [(one.id, one.values["codes"]) for one in caught.value.findings] == [("E-COHORT-03", "77: 16.00 ha")]
