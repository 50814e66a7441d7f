"""Ages of stands: classes that are advanced with time, and growth by type, origin, site and age in gain-loss."""

import numpy as np
import pytest
import surveys
from landscapes import ARBOR, Landscape, Recomputed, cells, computed, write, write_raster
from test_sinks_accounting import CELL_HA, CO2, LATTICE, factor, removals, rows_of, strata

from aoi.findings import InputError
from sinks.accounting.growth import Growth, Stretch
from sinks.accounting.history import age_columns
from sinks.accounting.terms import Batch, Equation, Terms
from sinks.layers.ages import AgeRule
from sinks.layers.layer import Scratch, Stored
from sinks.setup import set_up

DATES = (2017, 2020)
FIRST, SECOND = np.s_[0], np.s_[1]
HEAD = "id,name,ecosystem,land_class,vegetation_type,climate,soil,origin,site,value_from,value_to,value,unit,source\n"
OWN = HEAD + "".join(
    f"own.{name},aboveground_growth,forest,arbor_forest,{type},,,{origin},{site},{low},{high},{value},t d.m. ha-1 yr-1,survey 2018\n"
    for name, type, origin, site, low, high, value in (
        ("young", "larch", "", "", 0, 20, 1.5), ("middle", "larch", "", "", 20, 40, 2.5), ("old", "larch", "", "", 40, "", 0.5),
        ("planted", "larch", "planted", "", 20, 40, 3.5), ("good", "larch", "", "good", 20, 40, 4.5),
    )
)  # fmt: skip


def forest(ages: dict | None = None, classes: str | None = None, own: str | None = OWN, **more) -> Landscape:
    """Forest of larch everywhere; ages, or age classes with their names."""
    layers, files, sections, given = {}, {}, {}, dict(more.pop("more", {}))
    if ages is not None:
        layers["stand_age"] = ages
        sections["stand_age"] = {"nodata": -9999}
    if classes is not None:
        layers["age_class"] = {None: cells(LATTICE, 1.0, (SECOND, 2.0))}
        files["ages.csv"] = classes
        sections["age_class"] = {"legend": "ages.csv", "nodata": -9999}
    if own is not None:
        files["own.csv"] = own
        given["factors"] = {"file": "own.csv"}
    return Landscape(
        lattice=LATTICE, land={year: cells(LATTICE, ARBOR) for year in DATES}, layers=layers, files=files, more=given,
        sections={**sections, **more.pop("sections", {})}, strata=strata(1, **more),
    )  # fmt: skip


def increments(done: Recomputed, year: int) -> float:
    """Aboveground increment by gain-loss [t of dry matter per year]."""
    found = removals(done, approach="gain_loss", year=year, pool="aboveground_biomass", component="increment")
    return found / (factor("carbon_fraction.conifer") * CO2)


# -- ages in years -------------------------------------------------------------------------------------------


def classes_of(age: int, year: int | None = 2018) -> list[int]:
    """The class of a stand at both dates; its age is that of 2018."""
    rule = AgeRule(layer="stand_age", year=year, dates=DATES, edges=(0, 20, 40))
    one = Stored(cells=np.array([[age]], dtype=np.int32), offset=0, kind="classes")
    scratch = Scratch()
    scratch.clear(4096)
    stored = {("stand_age", None if year else date, 0): one for date in DATES}
    return [int(rule.made(stored, scratch)["age_class", date, 0].decoded()[0, 0]) for date in DATES]


def test_ages_are_advanced_to_every_date():
    """19 in 2018 is 18 in 2017 and 21 in 2020."""
    assert classes_of(19) == [0, 1]
    assert classes_of(38) == [1, 2]
    assert classes_of(19, year=None) == [0, 0]


def test_a_stand_that_is_not_there_yet_has_no_age():
    assert classes_of(0) == [-1, 0]
    assert classes_of(-1) == [-1, -1]


def test_growth_is_that_of_the_age_at_the_date(tmp_path):
    """Four cells of 19 years in 2018, four of 38, four of 60: [1.5, 2.5, 0.5] in 2017, [2.5, 0.5, 0.5] in 2020."""
    ages = {None: cells(LATTICE, 60.0, (FIRST, 19.0), (SECOND, 38.0))}
    done = computed(forest(ages, more={"ages": {"year": 2018}, "run": {"years": list(DATES), "base_year": 2016}}).but(
        land={year: cells(LATTICE, ARBOR) for year in (2016, *DATES)}), tmp_path)  # fmt: skip
    assert increments(done, 2017) == pytest.approx(4 * CELL_HA * (1.5 + 2.5 + 0.5), abs=1e-3)
    assert increments(done, 2020) == pytest.approx(4 * CELL_HA * (2.5 + 0.5 + 0.5), abs=1e-3)
    row = rows_of(done, approach="gain_loss", year=2020, component="increment", pool="aboveground_biomass").iloc[0]
    assert row["reason"] == "", "increments of the user are no fallback"


def test_cells_without_an_age_grow_as_without_the_layer(tmp_path):
    """Half of the cells without an age: the default of the temperate zone, 4.0; one row of 30 years."""
    ages = {None: cells(LATTICE, np.nan, (FIRST, 30.0))}
    done = computed(forest(ages, more={"ages": {"year": 2020}}), tmp_path)
    assert increments(done, 2020) == pytest.approx(4 * CELL_HA * 2.5 + 8 * CELL_HA * 4.0, abs=1e-3)
    row = rows_of(done, approach="gain_loss", year=2020, component="increment", pool="aboveground_biomass").iloc[0]
    assert row["reason"] == "growth_fallback"


def test_origin_and_site_choose_the_increment(tmp_path):
    """The row with more keys wins: planted 3.5, a good site 4.5, neither 2.5."""
    codes = {"origin": cells(LATTICE, 2, (FIRST, 1)), "site": cells(LATTICE, 2, (SECOND, 1))}
    done = computed(forest({None: cells(LATTICE, 30.0)}, more={"ages": {"year": 2020}}, **codes), tmp_path)
    assert increments(done, 2020) == pytest.approx(4 * CELL_HA * (3.5 + 4.5 + 2.5), abs=1e-3)


def test_increments_of_volume_go_before_growth_of_biomass(tmp_path):
    """2.2 m3 a hectare and year times BCEF_I 0.7 of middle-aged larch; young larch has no BCEF_I and keeps 1.5 t."""
    volume = "".join(
        f"own.{name},{factor},forest,arbor_forest,larch,,,,,20,40,{value},{unit},survey 2018\n"
        for name, factor, value, unit in (("iv", "volume_growth", 2.2, "m3 ha-1 yr-1"), ("bcef", "bcef_i", 0.7, "t d.m. m-3"))
    )
    done = computed(forest({None: cells(LATTICE, 10.0, (FIRST, 30.0))}, own=OWN + volume, more={"ages": {"year": 2020}}), tmp_path)
    assert increments(done, 2020) == pytest.approx(4 * CELL_HA * 2.2 * 0.7 + 8 * CELL_HA * 1.5, abs=1e-3)
    row = rows_of(done, approach="gain_loss", year=2020, component="increment", pool="belowground_biomass").iloc[0]
    assert row["value_flag"] == "V"


def test_shipped_growth_of_boreal_forest_knows_two_ages(tmp_path):
    """Table 4.9, boreal mountain: 1.05 up to 20 years, 1.3 above; 1.0 where no age is known."""
    ages = {None: cells(LATTICE, np.nan, (FIRST, 10.0), (SECOND, 90.0))}
    done = computed(forest(ages, own=None, more={"ages": {"year": 2020}}, climate=cells(LATTICE, 1)), tmp_path)
    assert increments(done, 2020) == pytest.approx(4 * CELL_HA * (1.05 + 1.3 + 1.0), abs=1e-3)


def test_a_no_data_value_that_nobody_declared_is_no_age(tmp_path):
    """65535 in one cell of 16 ha."""
    ages = {None: cells(LATTICE, 30.0, (np.s_[0, :1], 65535.0))}
    with pytest.raises(InputError) as caught:
        computed(forest(ages, more={"ages": {"year": 2020}}), tmp_path)
    assert [(one.id, one.values["area"]) for one in caught.value.findings] == [("E-AGE-13", "16.00")]


# -- age classes ---------------------------------------------------------------------------------------------


def test_classes_are_advanced_by_shares(tmp_path):
    """Stands of 0-20 and 20-40 years in 2015 are 5-25 and 25-45 in 2020: a quarter of each has moved on."""
    done = computed(forest(classes="code,age_from,age_to\n1,0,20\n2,20,40\n", more={"ages": {"year": 2015}}), tmp_path)
    one, other = 0.75 * 1.5 + 0.25 * 2.5, 0.75 * 2.5 + 0.25 * 0.5
    assert increments(done, 2020) == pytest.approx(CELL_HA * (8 * one + 4 * other), abs=1e-3)


def test_an_open_class_is_of_its_first_age():
    found = age_columns(np.array(["0-20", "100-", ""], dtype=object), np.array([2020, 2020, 2020]), 2015)
    assert found["age_low"].tolist()[:2] == [5.0, 105.0]
    assert found["age_high"].tolist()[:2] == [25.0, np.inf]
    assert np.isnan(found["age_low"][2])


def ids(landscape: Landscape, folder) -> set[str]:
    """Ids of what is wrong with a set-up."""
    with pytest.raises(InputError) as caught:
        set_up(write(landscape, folder))
    return {one.id for one in caught.value.findings}


def test_ages_need_their_year(tmp_path):
    assert ids(forest({None: cells(LATTICE, 30.0)}), tmp_path / "ages") == {"E-AGE-02"}
    assert ids(forest(classes="code,age_from,age_to\n1,0,20\n2,20,40\n"), tmp_path / "classes") == {"E-AGE-02"}


def test_ages_are_given_once(tmp_path):
    both = forest({None: cells(LATTICE, 30.0)}, classes="code,age_from,age_to\n1,0,20\n2,20,40\n", more={"ages": {"year": 2020}})
    assert ids(both, tmp_path) == {"E-AGE-01"}


def test_names_of_age_groups_are_no_years(tmp_path):
    """幼龄林 is another age for birch than for larch: the limits must come from the user."""
    named = forest(classes="code,value\n1,幼龄林\n2,中龄林\n", more={"ages": {"year": 2020}})
    assert ids(named, tmp_path / "names") == {"E-TABLE-04", "E-TABLE-09"}, "a column value, and no age_from"
    turned = forest(classes="code,age_from,age_to,name\n1,0,20,幼龄林\n2,40,20,中龄林\n", more={"ages": {"year": 2020}})
    assert ids(turned, tmp_path / "turned") == {"E-AGE-03"}
    bare = named.section("age_class", legend=None)
    assert ids(bare, tmp_path / "bare") == {"E-STRATA-01"}


# -- growth over several ages --------------------------------------------------------------------------------


def test_growth_over_several_ages_is_added_up():
    """Yearly growth of 1 up to 10 years, 3 up to 20, nothing known above; a stand of 15 has built 10 + 15."""
    rates = (1.0, 3.0)

    def stretch(low, high, rate):
        return Stretch(low=low, high=high, terms=_constant(rate), own=np.ones(1, dtype=bool))

    grown = Growth(any_age=stretch(0.0, np.inf, 2.0), by_age=(stretch(0, 10, rates[0]), stretch(10, 20, rates[1]), stretch(20, np.inf, None)))
    values = np.ones((1, 1))
    assert grown.grown(values, np.array([15.0]))[0, 0] == 10 * 1.0 + 5 * 3.0
    assert np.isnan(grown.grown(values, np.array([25.0]))[0, 0])
    assert grown.yearly(values, np.array([5.0]), np.array([15.0]))[0, 0] == 0.5 * 1.0 + 0.5 * 3.0
    assert grown.yearly(values, np.array([np.nan]), np.array([np.nan]))[0, 0] == 2.0
    assert not grown.knows(np.array([15.0]), np.array([25.0]))[0]


def _constant(rate: float | None) -> Terms:
    equation = Equation(id="constant", function=lambda amount: np.asarray(amount)[None, :], text="", amounts=("a",), factors=())
    return Terms.of(1, [] if rate is None else [Batch(equation, np.zeros(1, dtype=np.int64), (np.array([rate]),), ())])


# -- survey polygons -----------------------------------------------------------------------------------------

GROUPS = "code,value\n幼龄林,age_0_40\n近熟林,age_40_60\n过熟林,age_60_\n"


def with_groups(folder, legend: str = GROUPS, **layers):
    """A survey with a column of age groups, and the run file."""
    frame = surveys.survey(surveys.mosaic())
    frame["龄组"] = np.resize(["幼龄林", "近熟林", "过熟林"], len(frame))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "groups.csv").write_text(legend, encoding="utf-8")
    keys = {"age_class": {"2020": "a.gpkg", "field": "龄组", "legend": "groups.csv"}, **layers}
    return frame, surveys.write_survey(folder, {2020: ("a.gpkg", frame)}, keys=keys)


def test_age_groups_of_survey_polygons_are_read_with_limits_of_the_user(tmp_path):
    """Area by age group is that of the outlines; the first ages of the groups are those that the legend gives."""
    frame, path = with_groups(tmp_path)
    land = surveys.passed(path).inventory().prepared.years.frame
    own = (frame.geometry.area / 1e4).groupby(frame["龄组"]).sum()
    for low, name in ((0.0, "幼龄林"), (40.0, "近熟林"), (60.0, "过熟林")):
        assert land.loc[land["age_low"] == low, "area_ha"].sum() == pytest.approx(own[name], rel=1e-9)


def test_age_groups_without_limits_are_refused(tmp_path):
    _, path = with_groups(tmp_path, "code,value\n幼龄林,young\n近熟林,age_40_60\n过熟林,age_60_\n")
    with pytest.raises(InputError) as caught:
        set_up(path)
    assert [(one.id, one.values["values"]) for one in caught.value.findings] == [("E-AGE-03", "young")]


def test_ages_of_a_raster_lie_over_survey_polygons(tmp_path):
    """Cells of 10 and 50 years: every polygon has the ages of the cells that it lies in, by area."""
    frame = surveys.survey(surveys.mosaic())
    half = surveys.LATTICE.width // 2
    ages = cells(surveys.LATTICE, 10, (np.s_[:, half:], 50)).astype(np.uint8)
    write_raster(tmp_path, "ages", ages, surveys.LATTICE, 0)
    path = surveys.write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys={"stand_age": {"file": "ages.tif"}}, more={"ages": {"year": 2020}})
    land = surveys.passed(path).inventory().prepared.years.frame
    whole = float((frame.geometry.area / 1e4).sum())
    for low in (0.0, 20.0):
        assert land.loc[land["age_low"] == low, "area_ha"].sum() == pytest.approx(whole / 2, rel=1e-9)


def test_years_of_age_and_change_in_survey_polygons_are_refused(tmp_path):
    """Numbers of polygons are no codes: a raster, or age groups."""
    frame = surveys.survey(surveys.mosaic()).assign(林龄=30)
    path = surveys.write_survey(tmp_path, {2020: ("a.gpkg", frame)}, keys={"stand_age": {"2020": "a.gpkg", "field": "林龄"}})
    with pytest.raises(InputError) as caught:
        set_up(path)
    assert {one.id for one in caught.value.findings} == {"E-COHORT-04"}
