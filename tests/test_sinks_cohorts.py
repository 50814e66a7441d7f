"""Years of change from annual land-cover maps: told cell by cell, and kept as strata of the pass."""

import numpy as np
import pytest
from landscapes import ARBOR, CROPLAND, GRASS, UNKNOWN, Landscape, Lattice, Run, Tiling, cells, run, tabulated, write

from sinks.layers.cohorts import CohortRule
from sinks.layers.layer import Scratch, Stored

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
    return {(int(row.cohort_year), int(row.cohort_from), int(row._3)): row.area_ha for row in land[["cohort_year", "cohort_from", "class", "area_ha"]].itertuples()}


def test_the_pass_keeps_years_of_change_as_strata(changed):
    """16 ha a cell; other_grassland is the 7th land class."""
    assert areas(changed, 2017) == pytest.approx({(2015, 7, ARBOR): 32.0, (0, 0, GRASS): 160.0})
    assert areas(changed, 2020) == pytest.approx({(2015, 7, ARBOR): 32.0, (2019, 7, CROPLAND): 16.0, (0, 0, GRASS): 144.0})
