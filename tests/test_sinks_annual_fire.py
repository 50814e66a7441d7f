"""Fires: burned area by its encoding, fuel before the fire, CH4 and N2O by equation 2.27, all by hand."""

import tomllib
from dataclasses import replace

import laws
import numpy as np
import pytest
from landscapes import (
    ARBOR,
    CROPLAND,
    GRASS,
    NO_VALUE,
    Landscape,
    Run,
    Tiling,
    cells,
    computed,
    finish,
    run,
    tabulated,
    toml,
    write,
    write_raster,
)
from years import BURNING, CELL_HA, COOL_DRY, DATES, FIRE, LATTICE, MCD64A1, burned, days, with_years

from sinks.align import RUN_FILE, align
from sinks.explain import Asked, explain
from sinks.factors.table import FactorTable
from sinks.layers.windows import Engine
from sinks.pipeline import findings_of_run, keep_summary, settle_tables, tabulate
from sinks.report.page.arrivals import arrivals_of
from sinks.report.results import read_results
from sinks.setup import set_up

GWP = {"CH4": 28.0, "N2O": 265.0}
FOREST = {"CH4": 4.7, "N2O": 0.26}
STEPPE = {"CH4": 2.3, "N2O": 0.21}
"""G_ef [g per kg of dry matter], Table 2.5 [IPCC2006]."""
C_F = {"forest": 0.45, "grassland": 0.77}
"""C_f, Table 2.6 [IPCC2006], temperate."""


def fire_rows(done, approach="stock_difference", **keys):
    """Removals of fires."""
    rows = done.exact("removals").query("component == 'fire_non_co2' and approach == @approach")
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    return rows


def by_gas(done, approach="stock_difference", **keys):
    """Gas -> removal [t CO2e per year]."""
    return fire_rows(done, approach, **keys).groupby("gas")["removal_tCO2e_per_year"].sum().to_dict()


def expected(fuel: float, combustion: float, factors: dict[str, float], years: int = 3) -> dict[str, float]:
    """Equation 2.27: t of dry matter x C_f x G_ef / 1000 x GWP, a loss, annual mean."""
    return {gas: -fuel * combustion * factors[gas] / 1000.0 * GWP[gas] / years for gas in GWP}


def test_forest_by_hand(tmp_path):
    """A quarter of one cell burns in 2021: 4 ha x 60 t/ha x 0.45 = 108 t: CH4 108 x 4.7 / 1000 x 28 = 14.2128 t CO2e, over three years."""
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[2, 6], 0.25))})
    done = computed(with_years({"burned_area": fire}, {"burned_area": FIRE}), tmp_path)
    rows = by_gas(done, ecosystem="forest", pool="aboveground_biomass")
    assert rows == pytest.approx({"CH4": -14.2128 / 3, "N2O": -108 * 0.26 / 1000 * 265 / 3}, abs=5e-4)
    assert rows == pytest.approx(expected(4.0 * 60.0, 0.45, FOREST), abs=5e-4)
    assert set(fire_rows(done)["account"]) == {"offset"}
    assert set(fire_rows(done)["gas"]) == {"CH4", "N2O"}  # CO2 is in the stock difference
    assert set(fire_rows(done)["transition"]) == {"remaining"}


def test_dead_wood_and_litter_burn_by_their_fractions_of_trees(tmp_path):
    """AR-TOOL12: 8 % and 4 % of the living biomass, roots included: 60 t/ha x (1 + R), R by its class at 60 t/ha."""
    fire = burned({2022: cells(LATTICE, 0.0, (np.s_[0, 7], 1.0))})
    done = computed(with_years({"burned_area": fire}, {"burned_area": FIRE}), tmp_path)
    stocks = done.exact("stocks").query("ecosystem == 'forest' and year == 2023").set_index("pool")["stock_tC"]
    living = 60.0 * (1.0 + stocks["belowground_biomass"] / stocks["aboveground_biomass"])
    for pool, share in (("dead_wood", 0.08), ("litter", 0.04)):
        found = by_gas(done, ecosystem="forest", pool=pool)
        assert found == pytest.approx(expected(CELL_HA * living * share, C_F["forest"], FOREST), abs=6e-4), pool


def test_steppe_by_hand_w6(tmp_path):
    """METHODOLOGIES W6 per hectare: 1.7 t/ha x 0.77, CH4 2.3 and N2O 0.21; 2,000 ha would be 314.2909 t CO2e."""
    fire = burned({year: cells(LATTICE, 0.0, (np.s_[0, 0], 1.0), (np.s_[1, 1], 0.5)) for year in BURNING})
    done = computed(with_years({"burned_area": fire}, {"burned_area": FIRE}), tmp_path)
    area = 1.5 * CELL_HA
    total = -sum(by_gas(done, ecosystem="grassland").values())
    assert total == pytest.approx(314.2909 / 2000.0 * area, abs=2e-3)
    assert by_gas(done, ecosystem="grassland") == pytest.approx(expected(3 * area * 1.7, 0.77, STEPPE), abs=2e-3)


def test_herbs_by_greenness(tmp_path):
    """NDVI 0.5 before the fire: 97.264727 gC/m2 = 0.97264727 tC/ha (W16), / 0.47 tC per t d.m.; the file of the date before the fire alone."""
    ndvi = {2020: cells(LATTICE, 0.5), 2023: cells(LATTICE, 0.2)}
    fire = burned({2023: cells(LATTICE, 0.0, (np.s_[3, 3], 1.0))})
    done = computed(with_years({"burned_area": fire, "ndvi": ndvi}, {"burned_area": FIRE}), tmp_path)
    found = by_gas(done, ecosystem="grassland")
    assert found == pytest.approx(expected(CELL_HA * 0.97264727 / 0.47, 0.77, STEPPE), abs=6e-4)


def test_greenness_of_several_files_runs_file_by_file(tmp_path):
    """The mean of two years' herbs, not the herbs of their mean: (0.3^p + 0.7^p) / 2 x 291.64, p = 1.5842."""
    ndvi = {2020: [cells(LATTICE, 0.3), cells(LATTICE, 0.7)], 2023: [cells(LATTICE, 0.5), cells(LATTICE, 0.4)]}
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[3, 3], 1.0))})
    done = computed(with_years({"burned_area": fire, "ndvi": ndvi}, {"burned_area": FIRE}), tmp_path)
    fuel = CELL_HA * 291.64 * (0.3**1.5842 + 0.7**1.5842) / 2 / 100 / 0.47
    assert by_gas(done, ecosystem="grassland") == pytest.approx(expected(fuel, 0.77, STEPPE), abs=6e-4)


def test_forest_without_a_biomass_map_takes_the_table(tmp_path):
    """M_B x C_f of temperate wildfire 19.8 t/ha (Table 2.4): half a cell, 8 ha x 19.8 = 158.4 t."""
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[2, 6], 0.5))})
    done = computed(with_years({"burned_area": fire}, {"burned_area": FIRE}, biomass=None), tmp_path)
    assert by_gas(done, ecosystem="forest") == pytest.approx(expected(158.4, 1.0, FOREST), abs=6e-4)
    assert set(fire_rows(done, ecosystem="forest")["pool"]) == {"aboveground_biomass"}


def test_a_hole_in_the_biomass_map_takes_the_table_for_that_cell(tmp_path):
    """Two cells burn, one without biomass: 16 ha x 60 x 0.45 and 16 ha x 19.8."""
    biomass = {date: cells(LATTICE, 0.0, (np.s_[:, 4:], 60.0), (np.s_[2, 5], np.nan)) for date in DATES}
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[2, 5:7], 1.0))})
    landscape = with_years({"burned_area": fire, "aboveground_biomass": biomass}, {"burned_area": FIRE}, biomass=None)
    done = computed(landscape, tmp_path)
    total = expected(CELL_HA * 60.0 * 0.45 + CELL_HA * 19.8, 1.0, FOREST)
    assert by_gas(done, ecosystem="forest", pool="aboveground_biomass") == pytest.approx(total, abs=6e-4)


def test_biomass_on_a_basis_of_carbon(tmp_path):
    """28.2 tC/ha are 28.2 / 0.47 = 60 t of dry matter: the gases are those of 60 t."""
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[2, 6], 1.0))})
    landscape = with_years({"burned_area": fire}, {"burned_area": FIRE, "aboveground_biomass": {"basis": "carbon"}}, biomass=28.2)
    done = computed(landscape, tmp_path)
    assert by_gas(done, ecosystem="forest", pool="aboveground_biomass") == pytest.approx(expected(CELL_HA * 60.0, 0.45, FOREST), abs=6e-4)


def test_without_climate_a_forest_fire_is_not_estimated(tmp_path):
    """C_f asks for the climate: NE with its reason, never zero; the total names it."""
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[2, 6], 1.0))})
    done = computed(with_years({"burned_area": fire}, {"burned_area": FIRE}, climate=False), tmp_path)
    rows = fire_rows(done, ecosystem="forest")
    assert (set(rows["value_flag"]), set(rows["reason"])) == ({"NE"}, {"no_fire_factor"})
    summary = done.table("summary").query("ecosystem == 'forest' and quantity == 'removal_tCO2e_per_year' and approach == 'stock_difference'")
    assert all("forest.fire_non_co2.remaining" in one for one in summary["not_estimated"])


def test_gain_loss_has_the_fires_of_the_year_itself(tmp_path):
    """4 ha burn in 2021 and 8 ha in 2023: the interval has a third of both, the year 2023 its own."""
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[2, 6], 0.25)), 2023: cells(LATTICE, 0.0, (np.s_[2, 6], 0.5))})
    done = computed(with_years({"burned_area": fire}, {"burned_area": FIRE}), tmp_path)
    both = by_gas(done, pool="aboveground_biomass", ecosystem="forest")
    assert both == pytest.approx(expected(12.0 * 60.0, 0.45, FOREST), abs=6e-4)
    alone = by_gas(done, "gain_loss", pool="aboveground_biomass", ecosystem="forest")
    assert alone == pytest.approx(expected(8.0 * 60.0, 0.45, FOREST, years=1), abs=6e-4)


def test_the_land_before_the_fire_decides(tmp_path):
    """Forest in 2020 that is grass in 2023 burns as the forest it was; a fire of 2023 does not see the map of 2023."""
    lands = {2020: cells(LATTICE, ARBOR), 2023: cells(LATTICE, ARBOR, (np.s_[0, 0], GRASS))}
    biomass = {2020: cells(LATTICE, 80.0), 2023: cells(LATTICE, 80.0, (np.s_[0, 0], 0.0))}
    fire = burned({2023: cells(LATTICE, 0.0, (np.s_[0, 0], 1.0))})
    landscape = Landscape(
        lattice=LATTICE, land=lands, layers={"burned_area": fire, "aboveground_biomass": biomass}, sections={"burned_area": FIRE},
        strata={"climate": cells(LATTICE, COOL_DRY)},
    )  # fmt: skip
    done = computed(landscape, tmp_path)
    assert set(fire_rows(done)["ecosystem"]) == {"forest"}
    assert by_gas(done, pool="aboveground_biomass") == pytest.approx(expected(CELL_HA * 80.0, 0.45, FOREST), abs=6e-4)
    assert set(done.done.table("activity_fire")["land_year"]) == {2020}


def test_fires_on_cropland_are_counted_as_area_and_have_no_rows(tmp_path):
    """Burning of crop residue is agriculture: its area stands in activity_fire, no removal in the inventory."""
    lands = {date: cells(LATTICE, CROPLAND, (np.s_[:, 4:], ARBOR)) for date in DATES}
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[0, 0], 1.0))})
    landscape = with_years({"burned_area": fire}, {"burned_area": FIRE}).but(land=lands)
    done = computed(landscape, tmp_path)
    area = done.done.table("activity_fire").query("layer == 'land_cover' and `class` == @CROPLAND")["burned_ha"].sum()
    assert area == pytest.approx(CELL_HA)
    assert not len(fire_rows(done))


# -- encodings -----------------------------------------------------------------------------------------------


def burned_ha(done) -> dict[int, float]:
    """Fire year -> burned area."""
    rows = done.table("activity_fire").query("layer == 'land_cover'")
    return rows.groupby("year")["burned_ha"].sum().to_dict()


def test_twelve_monthly_files_of_mcd64a1(tmp_path):
    """A cell that burns in two months burns once; -1 is missing unless another month burned; -2, water, does not burn."""
    fire = {year: days(LATTICE, {}) for year in BURNING}
    fire[2021] = days(
        LATTICE,
        {
            4: [(np.s_[0, 0], 100.0), (np.s_[1, 1], 118.0)],  # [0, 0] burns in April and again in June
            6: [(np.s_[0, 0], 160.0), (np.s_[2, 2], -1.0)],  # [2, 2] is clouded in June and never burns
            7: [(np.s_[1, 1], -1.0), (np.s_[3, 3], -2.0)],  # [1, 1] is clouded after its fire; [3, 3] is water
            12: [(np.s_[5, 7], 366.0)],
        },
    )
    done = tabulated(with_years({"burned_area": fire}, {"burned_area": MCD64A1}), tmp_path)
    rows = done.table("activity_fire").query("layer == 'land_cover' and year == 2021").groupby("class")[["area_ha", "burned_ha", "missing_ha"]].sum()
    half = 24 * CELL_HA
    assert rows.loc[GRASS].to_dict() == pytest.approx({"area_ha": half - CELL_HA, "burned_ha": 2 * CELL_HA, "missing_ha": CELL_HA})
    assert rows.loc[ARBOR].to_dict() == pytest.approx({"area_ha": half, "burned_ha": CELL_HA, "missing_ha": 0.0})
    annual = done.table("activity_annual").query("layer == 'burned_area' and year == 2021")
    assert annual["sum"].sum() == pytest.approx(3 * CELL_HA)
    assert annual["missing_ha"].sum() == pytest.approx(CELL_HA)


def test_a_declared_no_data_of_minus_one_is_the_same(tmp_path):
    """Files that declare -1, or one of another kind, give the same areas."""
    fire = {year: days(LATTICE, {5: [(np.s_[0, 0], 130.0), (np.s_[4, 4], -1.0)]}) for year in BURNING}
    plain = tabulated(with_years({"burned_area": fire}, {"burned_area": MCD64A1}), tmp_path / "plain")
    declared = tabulated(with_years({"burned_area": fire}, {"burned_area": {**MCD64A1, "nodata": -1.0}}), tmp_path / "declared")
    assert plain.table("activity_fire").equals(declared.table("activity_fire"))


def test_months_by_patterns_are_mosaics(tmp_path):
    """Two tiles a month, named by a pattern for each month, give what one file a month gives; one pattern for all is a file a month."""
    fire = {year: days(LATTICE, {4: [(np.s_[0, 0], 100.0)], 9: [(np.s_[1, 6], 250.0)]}) for year in BURNING}
    landscape = with_years({"burned_area": fire}, {"burned_area": MCD64A1})
    whole = tabulated(landscape, tmp_path / "whole")
    patterns = {str(year): f"burned_area_{year}_*.tif" for year in BURNING}
    one = tabulated(landscape.section("burned_area", **patterns), tmp_path / "one")
    assert one.table("activity_fire").equals(whole.table("activity_fire"))

    path = write(landscape, tmp_path / "tiles", Tiling(files=2))
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    for year in BURNING:
        config["layers"]["burned_area"][str(year)] = [f"burned_area_{year}_{month}_*.tif" for month in range(12)]
    path.write_text(toml(config), encoding="utf-8")
    setup = set_up(path)
    tabulate(setup, Engine(threads=1))
    settle_tables(setup.out)
    assert Run(setup, setup.out).table("activity_fire").equals(whole.table("activity_fire"))


def test_fewer_months_are_said(tmp_path):
    """Files of a fire season alone: a warning that the other months count as without fire."""
    fire = {year: days(LATTICE, {5: [(np.s_[0, 0], 130.0)]})[3:9] for year in BURNING}
    done = tabulated(with_years({"burned_area": fire}, {"burned_area": MCD64A1}), tmp_path)
    assert {one.id for one in done.setup.findings if "burned_area" in one.where} == {"W-FIRE-01"}
    assert burned_ha(done)[2021] == pytest.approx(CELL_HA)


def test_binary_and_fraction_agree_on_whole_cells(tmp_path):
    fire = burned({2022: cells(LATTICE, 0.0, (np.s_[1:3, 3:6], 1.0))})
    tables = [
        tabulated(with_years({"burned_area": fire}, {"burned_area": {"encoding": encoding}}), tmp_path / encoding).table("activity_fire")
        for encoding in ("binary", "fraction")
    ]
    assert tables[0].equals(tables[1])
    assert tables[0].query("year == 2022 and layer == 'land_cover'")["burned_ha"].sum() == pytest.approx(6 * CELL_HA)


def test_coarse_cells_keep_the_share_of_fine_ones(tmp_path):
    """Burned area on cells of half the size: one of four burns, the run's cell burns by a quarter; the mean of yes and no is a share."""
    landscape = with_years({"burned_area": burned({})}, {"burned_area": {"encoding": "binary", "resampling": "average"}})
    path = write(landscape, tmp_path)
    fine = replace(LATTICE, cell=LATTICE.cell / 2, height=2 * LATTICE.height, width=2 * LATTICE.width)
    for year in BURNING:
        write_raster(tmp_path, f"burned_area_{year}_0", cells(fine, 0.0, (np.s_[4, 12], 1.0 if year == 2021 else 0.0)), fine, NO_VALUE)
    done = finish(path)
    assert burned_ha(done) == pytest.approx({2021: CELL_HA / 4, 2022: 0.0, 2023: 0.0})
    rows = by_gas(done, ecosystem="forest", pool="aboveground_biomass")
    assert rows == pytest.approx(expected(4.0 * 60.0, 0.45, FOREST), abs=6e-4)


# -- what a run says of them ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run with fires on grass and forest in every year, draws, a summary."""
    fire = {year: cells(LATTICE, 0.0, (np.s_[0, year - 2021], 1.0), (np.s_[4, 4:6], 0.3)) for year in BURNING}
    done = run(with_years({"burned_area": fire}, {"burned_area": FIRE}), tmp_path_factory.mktemp("fires"))
    keep_summary(done.out, findings_of_run(done.setup))
    return done


def test_intervals_of_fires_hold_factor_errors(done):
    """C_f 0.45 (0.16) and G_ef 4.7 (1.9) as one standard deviation: sqrt((0.16/0.45)^2 + (1.9/4.7)^2) = 53.85 % of CH4 above ground."""
    row = fire_rows(done, ecosystem="forest", pool="aboveground_biomass", gas="CH4").iloc[0]
    relative = row["se_tCO2e_per_year"] / -row["removal_tCO2e_per_year"]
    assert relative == pytest.approx(np.hypot(0.16 / 0.45, 1.9 / 4.7), rel=2e-3)
    assert "factor" in row["interval_contains"].split("+")
    assert "map" in row["interval_missing"].split("+")
    assert row["mc_low_tCO2e_per_year"] < row["removal_tCO2e_per_year"] < row["mc_high_tCO2e_per_year"]


def test_explain_walks_a_fire(done):
    """Every leaf of fires: its terms add up to the table, and name fuel, C_f, G_ef and GWP."""
    leaves = explain(done.out, Asked(zone="Z1", ecosystem="forest", year=2023, pool="aboveground_biomass"), "removals")
    fires = [leaf for leaf in leaves if leaf.keys["component"] == "fire_non_co2"]
    assert {leaf.keys["gas"] for leaf in fires} == {"CH4", "N2O"}
    for leaf in fires:
        assert leaf.sum_of_parts == pytest.approx(leaf.value, abs=6e-4)
        assert len(leaf.parts) == 3  # one fire a year
        for part in leaf.parts:
            (term,) = part.terms
            assert term["factors"][0]["id"] == "combustion_factor.forest.temperate"
            assert -term["value"] / 3 == pytest.approx(part.value)
            assert term["amounts"]["B [t d.m.]"] == pytest.approx(0.6 * CELL_HA * 60.0)


def test_sums_and_balance_hold_with_fires(done):
    """Ecosystems add up to the total, zones to the region; the balance, which is of CO2, is what it was."""
    assert laws.ecosystems_sum_to_total(done.texts("summary")) == 0
    assert laws.zones_sum_to_parent(done.texts("summary"), done.texts("zones")) == 0
    assert laws.balance_identity(done.exact("balance")) <= 1e-6


def test_factors_of_fires_are_listed(done):
    used = set(done.table("factors_used")["id"])
    assert {"combustion_factor.forest.temperate", "combustion_factor.grassland", "emission_factor_ch4.forest", "gwp_n2o"} <= used


@pytest.mark.parametrize(("language", "words"), [("zh", "甲烷与氧化亚氮排放"), ("en", "CH4 and N2O")])
def test_the_summary_tells_burned_area_and_emission(done, language, words):
    said = (done.out / f"summary.{language}.md").read_text(encoding="utf-8")
    (line,) = [line for line in said.splitlines() if words in line]
    assert f"{(1.0 + 0.6) * CELL_HA:,.1f}" in line
    total = -done.table("removals").query("component == 'fire_non_co2' and approach == 'stock_difference'")["removal_tCO2e_per_year"].sum()
    assert f"{total:,.1f}" in line


def test_the_factors_of_the_hand_are_those_of_the_tables():
    """What this file calculates with stands in the factor tables."""
    table = FactorTable.shipped()
    values = dict(zip(table.id, table.value, strict=True))
    assert values["combustion_factor.forest.temperate"] == C_F["forest"]
    assert values["combustion_factor.grassland"] == C_F["grassland"]
    assert {gas: values[f"gwp_{gas.lower()}"] for gas in GWP} == GWP
    for gas in GWP:
        assert values[f"emission_factor_{gas.lower()}.forest"] == FOREST[gas]
        assert values[f"emission_factor_{gas.lower()}.grassland"] == STEPPE[gas]


def test_the_page_of_inputs_shows_burned_area_by_year(done):
    """Files, encoding, coverage and burned share of every zone and year."""
    (one,) = [one for one in arrivals_of(done.out, read_results(done.out)) if one.name == "burned_area"]
    assert [date.year for date in one.dates] == list(BURNING)
    assert all(date.covered == pytest.approx(100.0) for date in one.dates)
    assert one.dates[0].mean == pytest.approx(1.6 / 48)
    assert "fraction" in [words.en for _, words in one.facts]
    assert len(one.files.rows) == 3


def test_aligned_runs_carry_annual_layers_as_they_are(done, tmp_path):
    """`sinks align` leaves them where they stand; the run of the aligned files has the same tables."""
    run_file = done.setup.folders.base / "run.toml"
    align(set_up(run_file, out=tmp_path / "aligned"), Engine(threads=1))
    again = finish(tmp_path / "aligned" / RUN_FILE)
    assert again.table("activity_fire").equals(done.table("activity_fire"))
    assert again.texts("removals").equals(done.texts("removals"))


def test_fires_are_in_the_approach_of_rates_too(tmp_path):
    """Where rates are given, their approach loses by fires what stock difference loses."""
    rate = (
        "id,name,ecosystem,land_class,value,unit,distribution,low,high,range_kind,depth_cm,source,locator,tag,verified\n"
        "own.rate,sequestration_rate_aboveground_biomass,grassland,other_grassland,0.05,t C ha-1 yr-1,,,,,,local survey,-,X,false\n"
    )
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[2, 1:7], 0.5))})
    landscape = with_years({"burned_area": fire}, {"burned_area": FIRE}).but(files={"own.csv": rate}, more={"factors": {"file": "own.csv"}})
    done = computed(landscape, tmp_path)
    assert by_gas(done, "rate") == by_gas(done)
    assert by_gas(done)["CH4"] < 0


def test_land_with_a_history_burns_the_same(tmp_path):
    """Maps between the dates make strata of years of change; fires, told by climate alone, are those of the run without them."""
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[2, 1:7], 0.5))})
    plain = with_years({"burned_area": fire}, {"burned_area": FIRE})
    changed = {2018: cells(LATTICE, GRASS), 2019: cells(LATTICE, GRASS, (np.s_[:3, 4:], ARBOR))}
    path = write(plain, tmp_path / "history")
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    for year, codes in changed.items():
        config["layers"]["land_cover"][str(year)] = write_raster(path.parent, f"history_{year}", codes.astype(np.uint8), LATTICE, 0)[0]
    path.write_text(toml(config), encoding="utf-8")
    done = finish(path)
    assert len(done.table("strata")) > 1
    without = computed(plain, tmp_path / "plain")
    assert by_gas(done) == by_gas(without)
    assert by_gas(done)["CH4"] < 0
