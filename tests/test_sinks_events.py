"""Statistics in gain-loss, sourced rates as an approach, and an approach for each ecosystem: against arithmetic by hand.

Every cell has 16 ha: four of forest at the first date, eight of typical steppe. Factors are
taken by id from the shipped table; the arithmetic with them is written out here.
"""

import numpy as np
import pytest
from landscapes import ARBOR, CROPLAND, GRASS, Landscape, Lattice, cells, computed, run, write

from aoi.findings import InputError
from sinks.explain import Asked, as_lines, explain
from sinks.factors.table import FactorTable
from sinks.pipeline import findings_of_run, read_inventory
from sinks.setup import set_up

LATTICE = Lattice(height=3, width=4)
DATES = (2020, 2023)
CO2 = 44 / 12
LARCH, TYPICAL_STEPPE = 1, 4
HEAD = "zone,year,ecosystem,stratum,component,quantity,unit,lost_fraction,source\n"
RATES = (
    "id,name,ecosystem,land_class,value,unit,distribution,low,high,range_kind,depth_cm,source\n"
    "own.rate.agb,sequestration_rate_aboveground_biomass,grassland,typical_steppe,0.05,t C ha-1 yr-1,normal,0.03,0.07,ci95,,local survey\n"
    "own.rate.bgb,sequestration_rate_belowground_biomass,grassland,typical_steppe,0.2,t C ha-1 yr-1,,,,,,local survey\n"
    "own.rate.soil,sequestration_rate_soil_organic_carbon,grassland,typical_steppe,0.1,t C ha-1 yr-1,,,,,30,local survey\n"
)


def factor(id: str) -> float:
    """The value of a shipped factor."""
    table = FactorTable.shipped()
    return float(table.value[np.flatnonzero(table.id == id)[0]])


def landscape(volume: float | None = 60.0, files=None, more=None, cleared: bool = False) -> Landscape:
    """Larch in the first row, typical steppe below; cool temperate dry climate."""
    land = {year: cells(LATTICE, GRASS, (np.s_[0], ARBOR)) for year in DATES}
    if cleared:
        land[2023][0, 0] = CROPLAND
    types = cells(LATTICE, TYPICAL_STEPPE, (np.s_[0], LARCH))
    strata = {"climate": cells(LATTICE, 2), "soil": cells(LATTICE, 1), "vegetation_type": types}
    forest = {year: np.where(land[year] == ARBOR, 1.0, np.nan) for year in DATES}
    layers = {} if volume is None else {"growing_stock_volume": {2020: forest[2020] * volume, 2023: forest[2023] * (volume + 6)}}
    return Landscape(lattice=LATTICE, land=land, layers=layers, strata=strata, base_year=False, files=files or {}, more=more or {})


def with_events(rows: str, volume: float | None = 60.0, **more) -> Landscape:
    """The landscape with a table of statistics."""
    return landscape(volume, files={"events.csv": HEAD + rows}, more={"events": {"file": "events.csv"}, **more})


def rows_of(done, **keys):
    """Rows of the removals that fit some keys."""
    frame = done.exact("removals")
    for name, wanted in keys.items():
        frame = frame[frame[name] == wanted]
    return frame


def test_harvest_by_hand(tmp_path):
    """1,000 m3 from stands of 60 m3/ha of larch, temperate other conifer of 41-100 m3/ha: BCEF_S 1.0, BCEF_R = 1.0 / 0.9.

    L = 1000 * (1.0 / 0.9) * CF; roots by R of stands of 60 * 1.0 = 60 t/ha (temperate conifer 50-150: 0.29).
    """
    done = computed(with_events("Z1,2023,forest,-,harvest,1000,m3,,yearbook\nZ1,2022,forest,-,harvest,5000,m3,,yearbook\n"), tmp_path)
    harvest = rows_of(done, component="harvest").set_index("pool")
    used = read_inventory(done.out).prepared.events.losses["aboveground_biomass"].batches[0]
    ids = [str(FactorTable.shipped().id[column[0]]) for column in used.factors]
    bcef, ratio, fraction = (factor(id) for id in ids)
    assert (bcef, ratio) == (1.0, 0.9)
    assert harvest.loc["aboveground_biomass", "removal_tCO2e_per_year"] == pytest.approx(-1000 * bcef / ratio * fraction * CO2, abs=0.001)
    roots = factor("root_shoot_ratio.temperate_conifer.agb_50_150")
    assert roots == 0.29
    assert harvest.loc["belowground_biomass", "removal_tCO2e_per_year"] == pytest.approx(-1000 * bcef / ratio * roots * fraction * CO2, abs=0.001)
    assert set(harvest["approach"]) == {"gain_loss"}
    assert set(harvest["account"]) == {"offset"}
    assert set(harvest["year"]) == {2023}


def test_harvest_meets_every_stand_by_its_own_stock(tmp_path):
    """A third of the stock is in stands of 30 m3/ha (BCEF_S 1.4), two thirds in stands of 60 (1.0): 1000 * (1.4 / 3 + 2 * 1.0 / 3) / 0.9."""
    base = with_events("Z1,2023,forest,larch,harvest,1000,m3,,yearbook\n")
    volume = {year: np.where(land == ARBOR, 60.0, np.nan) for year, land in base.land.items()}
    for one in volume.values():
        one[0, :2] = 30.0
    done = computed(base.but(layers={"growing_stock_volume": volume}), tmp_path)
    fraction = FactorTable.shipped().value[read_inventory(done.out).prepared.events.losses["aboveground_biomass"].batches[0].factors[2][0]]
    loss = rows_of(done, component="harvest", pool="aboveground_biomass")["removal_tCO2e_per_year"].sum()
    assert loss == pytest.approx(-1000 * (1.4 / 3 + 2 * 1.0 / 3) / 0.9 * fraction * CO2, abs=0.002)


def test_without_growing_stock_a_harvest_needs_a_factor_of_the_user(tmp_path):
    event = "Z1,2023,forest,-,harvest,1000,m3,,yearbook\n"
    none = rows_of(computed(with_events(event, None), tmp_path / "none"), component="harvest")
    assert set(none["value_flag"]) == {"NE"}
    assert set(none["reason"]) == {"no_bcef_of_event"}
    own = "id,name,ecosystem,value,unit,source\nown.bcef_r,bcef_r,forest,0.8,t d.m. m-3,local survey\n"
    given = with_events(event, None, factors={"file": "own.csv"})
    done = computed(given.but(files={**given.files, "own.csv": own}), tmp_path / "own")
    table = read_inventory(done.out)
    fraction = table.factors.value[table.prepared.events.losses["aboveground_biomass"].batches[0].factors[1][0]]
    loss = rows_of(done, component="harvest", pool="aboveground_biomass")["removal_tCO2e_per_year"].sum()
    assert loss == pytest.approx(-1000 * 0.8 * fraction * CO2, abs=0.001)


def test_disturbance_takes_its_share_of_the_carbon_that_was_there(tmp_path):
    """12 ha of 64 ha of forest, half of its biomass: 12 * 0.5 / 64 of the living carbon of 2020."""
    done = computed(with_events("Z1,2023,forest,-,disturbance,12,ha,0.5,pest survey\n"), tmp_path)
    stocks = done.exact("stocks")
    for pool in ("aboveground_biomass", "belowground_biomass"):
        held = stocks[(stocks["year"] == 2020) & (stocks["land_class"] == "arbor_forest") & (stocks["pool"] == pool)]["stock_tC"].sum()
        lost = rows_of(done, component="disturbance", pool=pool)["removal_tCO2e_per_year"].sum()
        assert held > 0
        assert lost == pytest.approx(-held * 12 * 0.5 / 64 * CO2, abs=0.003)


def test_fuelwood_of_branches_takes_no_roots_and_planting_is_a_memo(tmp_path):
    rows = "Z1,2023,forest,-,fuelwood,100,t d.m.,,survey\nZ1,2023,forest,-,planting,10,ha,,plan\n"
    plain, done = computed(landscape(), tmp_path / "plain"), computed(with_events(rows), tmp_path / "events")
    wood = rows_of(done, component="fuelwood", value_flag="V")
    assert set(wood["pool"]) == {"aboveground_biomass"}
    assert wood["removal_tCO2e_per_year"].sum() == pytest.approx(-100 * factor("carbon_fraction.conifer") * CO2, abs=0.001)
    planted = rows_of(done, component="increment", account="memo")
    assert set(planted["reason"]) == {"planting_is_in_land_cover"}
    growth = factor("aboveground_growth.temperate")
    assert planted["removal_tCO2e_per_year"].sum() == pytest.approx(10 * growth * factor("carbon_fraction.conifer") * CO2, abs=0.001)
    for frame in (plain, done):
        stays = frame.exact("removals")
        stays = stays[stays["approach"] == "stock_difference"]
        assert stays["removal_tCO2e_per_year"].sum() == pytest.approx(
            plain.exact("removals").query("approach == 'stock_difference'")["removal_tCO2e_per_year"].sum(), abs=1e-9
        )


def test_a_statistic_is_explained_with_its_source(tmp_path):
    done = run(with_events("Z1,2023,forest,-,harvest,1000,m3,,yearbook 2023 p. 12\n"), tmp_path)
    said = "\n".join(as_lines(explain(done.out, Asked(zone="Z1", ecosystem="forest", year=2023, approach="gain_loss"), "removals")))
    assert "yearbook 2023 p. 12" in said
    assert "bcef_s" in said
    used = set(done.table("factors_used")["id"])
    assert "bcef_s_per_bcef_r" in used


@pytest.mark.parametrize(
    ("row", "id"),
    [
        ("Z1,2023,forest,-,harvest,10,ha,,s", "E-EVENT-01"),
        ("Z1,2023,forest,palm,harvest,10,m3,,s", "E-EVENT-02"),
        ("Z1,2023,forest,-,disturbance,10,ha,,s", "E-EVENT-04"),
        ("Z1,2023,grassland,-,planting,10,ha,,s", "E-EVENT-05"),
        ("Z7,2023,forest,-,harvest,10,m3,,s", "E-STAT-01"),
        ("Z1,2023,forest,-,harvest,约3,m3,,s", "E-TABLE-06"),
        ("Z1,2023,forest,-,harvest,-3,m3,,s", "E-TABLE-08"),
    ],
)
def test_bad_statistics_are_told_before_the_pass(tmp_path, row, id):
    with pytest.raises(InputError) as caught:
        set_up(write(with_events(row + "\n"), tmp_path))
    assert id in {one.id for one in caught.value.findings}


def test_a_class_of_another_ecosystem_is_refused(tmp_path):
    given = landscape(
        files={"events.csv": HEAD.replace("stratum", "land_class,stratum") + "Z1,2023,forest,typical_steppe,-,harvest,1,m3,,s\n"},
        more={"events": {"file": "events.csv"}},
    )
    with pytest.raises(InputError) as caught:
        set_up(write(given, tmp_path))
    assert {one.id for one in caught.value.findings} == {"E-EVENT-03"}


def with_rates(**more) -> Landscape:
    """The landscape with rates of typical steppe; a cell of forest is cleared."""
    return landscape(files={"own.csv": RATES}, more={"factors": {"file": "own.csv"}, **more}, cleared=True)


def test_the_rate_of_a_steppe_is_area_times_rate(tmp_path):
    """128 ha of steppe that stays: 0.05 and 0.2 t C/ha/yr above and below ground; the rate of soil is a memo."""
    done = computed(with_rates(), tmp_path)
    rate = rows_of(done, approach="rate", ecosystem="grassland", transition="remaining", year=2023)
    values = rate.groupby(["pool", "account"])["removal_tCO2e_per_year"].sum()
    assert values["aboveground_biomass", "offset"] == pytest.approx(128 * 0.05 * CO2, abs=0.001)
    assert values["belowground_biomass", "offset"] == pytest.approx(128 * 0.2 * CO2, abs=0.001)
    assert values["soil_organic_carbon", "memo"] == pytest.approx(128 * 0.1 * CO2, abs=0.001)
    forest = rows_of(done, approach="rate", ecosystem="forest", transition="remaining", pool="aboveground_biomass")
    assert set(forest["value_flag"]) == {"NE"}
    assert set(forest["reason"]) == {"no_sequestration_rate"}
    keys = ["zone", "year", "ecosystem", "pool", "component"]
    moved = [rows_of(done, approach=way, transition="converted").set_index(keys)["removal_tCO2e_per_year"].dropna() for way in ("stock_difference", "rate")]
    assert len(moved[0]) > 0
    assert moved[0].to_dict() == moved[1].to_dict()


def test_the_approaches_stand_side_by_side_with_their_gap(tmp_path):
    done = computed(with_rates(), tmp_path)
    beside = done.exact("approaches").query("year == 2023").set_index(["zone", "ecosystem", "approach"]).sort_index()
    grass = beside.loc["Z1", "grassland"]
    assert set(grass.index) == {"stock_difference", "gain_loss", "rate"}
    by_rate = grass.loc["rate"]
    assert by_rate["removal_tCO2e_per_year"] == pytest.approx(128 * (0.05 + 0.2 + 0.1) * CO2, abs=0.01)
    summary = done.exact("summary")
    first = summary[(summary["quantity"] == "removal_tCO2e_per_year") & (summary["ecosystem"] == "total") & (summary["approach"] == "stock_difference")]
    total = beside.loc["Z1", "total", "rate"]
    first = first[first["year"] == 2023]
    assert total["gap_tCO2e_per_year"] == pytest.approx(total["removal_tCO2e_per_year"] - float(first[first["zone"] == "Z1"]["value"].iloc[0]))
    assert by_rate["se_tCO2e_per_year"] == pytest.approx(128 * CO2 * 0.02 / 1.959964, rel=1e-3)


def test_a_policy_may_name_an_approach_for_each_ecosystem(tmp_path):
    """S is the forest by stock difference and the grassland by rates, and its interval holds both."""
    policy = 'removal_approach = {grassland = "rate"}\n'
    base = with_rates(policy={"file": "policy.toml"})
    done = run(base.but(files={**base.files, "policy.toml": policy}), tmp_path)
    removals = done.exact("removals")
    removals = removals[(removals["account"] == "offset") & (removals["value_flag"] == "V") & (removals["year"] == 2023)]
    wanted = removals[removals["approach"] == np.where(removals["ecosystem"] == "grassland", "rate", "stock_difference")]
    summary = done.table("summary")
    row = summary[(summary["quantity"] == "removal_offset_tCO2e_per_year") & (summary["approach"] == "by_ecosystem") & (summary["ecosystem"] == "total")]
    row = row[(row["zone"] == "Z1") & (row["year"] == 2023)].iloc[0]
    assert row["value"] == pytest.approx(wanted["removal_tCO2e_per_year"].sum(), abs=1e-9)
    assert row["se"] > 128 * CO2 * 0.02 / 1.96 * 0.999
    assert not [one for one in findings_of_run(done.setup) if one.severity == "error"]


def test_gain_loss_of_a_year_is_no_mean_of_an_interval(tmp_path):
    base = with_rates(policy={"file": "policy.toml"})
    with pytest.raises(InputError) as caught:
        set_up(write(base.but(files={**base.files, "policy.toml": 'removal_approach = {grassland = "gain_loss"}\n'}), tmp_path))
    assert caught.value.findings
