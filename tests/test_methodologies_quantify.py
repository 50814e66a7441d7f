"""Worked examples from files to numbers, limits of the rules, and what stops a quantification."""

import json

import pytest
from projects import CCER_SITE, plots, project, volumes, write_boundary
from scipy.special import stdtrit

U_LIMITS = {0.10: 0.0, 0.20: 0.06, 0.30: 0.11}


def larch(folder, first=(85.0,) * 3, second=(97.0,) * 3, area=350.0, **more):
    """A stratum of larch with volumes at its plots."""
    made = project(folder, {"S1": area}, **more)
    made.table("strata", [{"stratum": "S1", "area_ha": area, "species": "落叶松", "planting_date": "2021-05-01"}])
    made.table("plots", plots({"S1": len(first)}))
    made.table("volumes", volumes(first, second))
    return made


def done(made, **more):
    """Quantify, without an error."""
    said = made.quantify(**more)
    assert said.code == 0, said.out + said.err
    return made


def told(made, *ids, options=()):
    """Findings of a quantification that must stop with exactly these errors."""
    said = made.quantify("--json", *options)
    assert said.code == 2, said.out + said.err
    errors = [one for one in said.findings if one["severity"] == "error"]
    assert sorted(one["id"] for one in errors) == sorted(ids), "\n".join(map(str, errors))
    assert str(made.folder) not in said.out + said.err
    assert not (made.out / "tables").exists()
    return errors


# -- worked examples, end to end from files ----------------------------------------------------------------


def test_w1_shrubs_by_crown_cover(tmp_path):
    """700 ha at 0.45, 400 ha at 0.25, 100 ha at 0.04: 6107.665667 tCO2e."""
    made = project(tmp_path, {"A": 700.0, "B": 400.0, "C": 100.0})
    cover = {"A": 0.45, "B": 0.25, "C": 0.04}
    made.table(
        "strata",
        [
            {"stratum": one, "area_ha": area, "species": "沙棘", "planting_date": "2021-05-01", "cover_1": 0, "cover_2": cover[one]}
            for one, area in (("A", 700.0), ("B", 400.0), ("C", 100.0))
        ],
    )
    done(made)
    assert made.value("dC_SHRUB_COVER") == pytest.approx(6107.665667, rel=1e-6)
    assert made.value("dC_SHRUB_COVER", "C") == 0.0
    assert made.issued == 5496


@pytest.mark.parametrize(("cover", "biomass"), [(0.049, 0.0), (0.05, 0.305), (0.051, 0.3111), (0.5, 3.05)])
def test_crown_cover_at_its_limit(tmp_path, cover, biomass):
    """Below 5 % the stock is zero, at 5 % and above it is BDR_SF * b_FOREST * CC."""
    made = project(tmp_path, {"A": 100.0})
    made.table("strata", [{"stratum": "A", "area_ha": 100.0, "species": "沙棘", "planting_date": "2021-05-01", "cover_2": cover}])
    done(made)
    assert made.value("dC_SHRUB_COVER") == pytest.approx(100 * biomass * 1.40 * 0.47 * 44 / 12, abs=1e-4)


def test_w2_caragana(tmp_path):
    """A plant of 585.354 g stands for 2 500 per hectare: 2.5219 tCO2e/ha; the fitted total is 9.4 % above the parts."""
    made = project(tmp_path, {"S1": 40.0})
    made.table("strata", [{"stratum": "S1", "area_ha": 40.0, "species": "柠条", "planting_date": "2021-05-01"}])
    made.table("plots", plots({"S1": 4}))
    made.table(
        "shrubs",
        [
            {
                "plot": f"P{plot}",
                "survey": 2,
                "shrub": "1",
                "species": "柠条",
                "crown_1_m": 0.9,
                "crown_2_m": 0.8,
                "height_m": 1.0,
                "stands_for": 150,
            }
            for plot in range(1, 5)
        ],
    )
    done(made)
    assert made.value("dC_SHRUB") == pytest.approx(40 * 2.521900, rel=1e-6)
    assert made.value("gap_of_fit") == pytest.approx(0.0939, abs=1e-4)
    assert made.value("share_outside") == 0.0
    trace = [row for row in made.rows("trace") if row["result"] == "w"]
    assert float(trace[0]["value"]) == pytest.approx(585.354017, rel=1e-8)
    assert trace[0]["label"] == "P1 1"


def test_w7_stratum_by_volume_and_bef(tmp_path):
    """Larch, 350 ha, 85 to 97 m3/ha: 6747.150497 tCO2e in 5 years."""
    made = done(larch(tmp_path))
    assert made.value("dC_TREE") == pytest.approx(6747.150497, rel=1e-6)
    assert made.value("stock_1_TREE") == pytest.approx(47792.3160, rel=1e-6)
    assert made.value("creditable") == pytest.approx(6747.150497 * 0.9, rel=1e-6)
    assert made.issued == 6072
    leaves = [row for row in made.rows("quantifications") if row["term"] == "net"]
    assert sum(float(row["after_risk_tCO2e"]) for row in leaves) == pytest.approx(6747.150497 * 0.9, abs=1e-3)
    assert {row["league"] for row in leaves} == {"152500"}
    assert [row["vintage"] for row in leaves] == ["2021", "2022", "2023", "2024", "2025", "2026"]
    assert sum(int(row["issued_tCO2e"]) for row in made.rows("issuance")) == made.issued


def test_w8_stratified_sample(tmp_path):
    """Three strata, 18 plots: mean 58.35, 15 degrees of freedom, U 5.785508 %, C 100 556.5."""
    biomass = {"A": [42, 55, 38, 61, 47, 50], "B": [70, 82, 66, 91, 77, 85, 73, 80], "C": [20, 28, 15, 31]}
    made = project(tmp_path, {"A": 300.0, "B": 500.0, "C": 200.0})
    made.table(
        "strata",
        [
            {"stratum": one, "area_ha": area, "species": "落叶松", "planting_date": "2021-05-01"}
            for one, area in (("A", 300.0), ("B", 500.0), ("C", 200.0))
        ],
    )
    made.table("plots", plots({one: len(values) for one, values in biomass.items()}))
    values = [float(value) for one in biomass.values() for value in one]
    made.table("volumes", volumes([0.0] * 18, values))
    ones = {"wood_density.larch": 1.0, "expansion_factor.larch": 1.0, "root_shoot_ratio.larch": 0.0, "carbon_fraction.larch": 0.47}
    made.table("x", [{"id": id, "value": value, "source": "W8: biomass holds the roots"} for id, value in ones.items()], "own.csv")
    del made.config["tables"]["x"]
    made.config["parameters"] = {"file": "own.csv"}
    done(made)
    assert made.value("dC_TREE") == pytest.approx(100_556.5, rel=1e-9)
    errors = [float(row["value"]) for row in made.rows("trace") if row["result"] == "U"]
    assert errors[0] == pytest.approx(0.05785508, rel=1e-6)
    assert float(next(row["value"] for row in made.rows("trace") if row["result"] == "t")) == pytest.approx(1.753050, rel=1e-6)
    used = {row["id"]: row for row in made.rows("parameters_used")}
    assert used["wood_density.larch"]["overridden"] == "true"
    assert used["wood_density.larch"]["source"] == "W8: biomass holds the roots"
    assert used["wood_density.larch"]["tag"] == "user"


def test_w10_sample_size_in_the_monitoring_plan(tmp_path):
    """1 000 ha, plots of 0.06 ha, weights .3 .5 .2, deviations 22 30 12, mean 55: 54 plots, 15 + 34 + 6."""
    from methodologies.quantification import quantify
    from methodologies.sampling import sampling_plan

    made = project(tmp_path, {"A": 300.0, "B": 500.0, "C": 200.0})
    made.table(
        "strata",
        [
            {"stratum": one, "area_ha": area, "species": "落叶松", "planting_date": "2021-05-01", "expected_mean": 55, "expected_sd": sd}
            for one, area, sd in (("A", 300.0, 22), ("B", 500.0, 30), ("C", 200.0, 12))
        ],
    )
    made.table("plots", plots({"A": 3, "B": 3, "C": 3}))
    made.table("volumes", volumes([85.0] * 9, [97.0] * 9))
    done(made)
    plan = sampling_plan(quantify(made.file))
    assert plan is not None
    assert plan.basis == "expected"
    assert plan.size.plots == 54
    assert plan.size.by_stratum == (15, 34, 6)
    assert plan.size.exact_by_stratum == pytest.approx((14.85, 33.75, 5.40))
    assert plan.size.t_value == pytest.approx(1.67528, abs=1e-5)


@pytest.mark.parametrize(
    ("year", "gross"), [(2021, 7883.333), (2023, 23650.0), (2040, 23650.0), (2041, 15766.667), (2042, 15766.667), (2043, 0.0)]
)
def test_w11_grassland_cohorts(tmp_path, year, gross):
    """10 000 ha since 2020 and 20 000 ha since 2022 at 0.788333 tCO2e/ha: each counts for twenty years."""
    made = project(
        tmp_path,
        {"A": 10000.0, "B": 20000.0},
        "grassland_protection",
        start="2020-12-31",
        crediting_start="2020-12-31",
        crediting_end="2050-12-31",
    )
    made.config["period"] = {"start": f"{year - 1}-12-31", "end": f"{year}-12-31"}
    made.config["conditions"] = {id: {"met": True, "evidence": "附件"} for id in ("plan", "conversion", "tenure", "stocking", "uniqueness")}
    made.table(
        "strata",
        [
            {
                "stratum": one,
                "area_ha": area,
                "practice_start": start,
                "route": "default",
                "climate": "cool_temperate_dry",
                "soil": "HAC",
                "level_before": "high_intensity",
                "level_after": "nominal",
            }
            for one, area, start in (("A", 10000.0, "2020-12-31"), ("B", 20000.0, "2022-12-31"))
        ],
    )
    done(made)
    rows = [row for row in made.rows("quantifications") if row["term"] == "dC_SOC"]
    assert sum(float(row["gross_tCO2e"]) for row in rows) == pytest.approx(gross, abs=0.01)
    assert {row["vintage"] for row in rows} == {str(year)}
    assert {row["status"] for row in rows} == {"regional_draft"}


def w12(folder):
    """Larch with a spread that gives U = 14 %; beside it shrubs of +420 and a baseline of 180 in a stratum without trees; fire of 35.2."""
    t = float(stdtrit(4, 0.95))
    step = 0.14 * 12.0 * 3**0.5 / t
    per_ha = 0.10 * 61 * 1.40 * 0.47 * 44 / 12
    burnt = 40.0
    fuel = 35.2 / (0.001 * burnt * 0.45 * (4.7 * 28 + 0.26 * 265))
    made = project(folder, {"S1": 350.0, "S2": 30.0})
    shared = {"planting_date": "2021-05-01"}
    made.table(
        "strata",
        [
            {"stratum": "S1", "area_ha": 350.0, "species": "落叶松", **shared, "cover_2": "", "removed_cover": ""},
            {
                "stratum": "S2",
                "area_ha": 30.0,
                "species": "沙棘",
                **shared,
                "cover_2": 420.0 / (per_ha * 30),
                "removed_cover": 180.0 / (per_ha * 30),
            },
        ],
    )
    made.table(
        "plots",
        [
            {**row, "plants_1": "" if row["stratum"] == "S1" else 0, "plants_2": "" if row["stratum"] == "S1" else 0}
            for row in plots({"S1": 3, "S2": 3})
        ],
    )
    made.table("volumes", volumes((85.0,) * 3, (97.0 - step, 97.0, 97.0 + step)))
    made.table("fires", [{"stratum": "S1", "year": 2023, "burnt_ha": burnt, "biomass_t_ha": fuel}])
    return made


def test_w12_order_buffer_and_floor(tmp_path):
    """6747.150497 at U 14 % less 6 %, + 420, - 35.2, - 180: net 6547.121468, less 10 %: 5892.409321, issued 5892."""
    made = done(w12(tmp_path))
    step = [row for row in made.rows("deductions") if row["deduction"] == "precision" and row["term"] == "dC_TREE"]
    assert float(step[0]["before_tCO2e"]) == pytest.approx(6747.150497, abs=1e-4)
    assert float(step[0]["after_tCO2e"]) == pytest.approx(6342.321468, abs=1e-4)
    assert made.value("dC_SHRUB_COVER") == pytest.approx(420.0, abs=1e-4)
    assert made.value("GHG_FIRE") == pytest.approx(35.2, abs=1e-4)
    assert made.value("dC_BSL") == pytest.approx(180.0, abs=1e-4)
    assert made.value("net") == pytest.approx(6547.121468, abs=1e-4)
    assert made.value("creditable") == pytest.approx(5892.409321, abs=1e-4)
    assert made.issued == 5892
    assert sum(int(row["issued_tCO2e"]) for row in made.rows("issuance")) == 5892
    order = [row["deduction"] for row in made.rows("deductions")]
    assert order == sorted(order, key=["range", "precision", "risk"].index)


# -- limits of the rules ------------------------------------------------------------------------------------


def with_error(folder, error):
    """Larch whose relative error at 90 % is as asked: a spread s of the change at 6 plots, mean change 12."""
    t = float(stdtrit(5, 0.95))
    spread = error * 12.0 * 6**0.5 / t
    step = spread * (5 / 6) ** 0.5
    return larch(folder, (85.0,) * 6, [97.0 - step] * 3 + [97.0 + step] * 3)


@pytest.mark.parametrize(("error", "rate"), [*U_LIMITS.items(), (0.1001, 0.06), (0.2001, 0.11), (0.05, 0.0)])
def test_deduction_exactly_at_its_limits(tmp_path, error, rate):
    """U of 10, 20 and 30 % still belong to the lower class."""
    made = done(with_error(tmp_path, error))
    errors = [float(row["value"]) for row in made.rows("trace") if row["result"] == "U"]
    assert errors[0] == pytest.approx(error, rel=1e-9)
    assert made.value("dC_TREE") == pytest.approx(6747.150497 * (1 - rate), rel=1e-6)


def test_error_above_the_last_limit(tmp_path):
    one = told(with_error(tmp_path, 0.3001), "E-QUANT-13")[0]
    assert "U = 30.01" in one["found"]
    assert "METHODOLOGIES 1.9" in one["expected"]


def test_negative_change_is_a_deficit(tmp_path):
    """A loss is deducted to the cautious side, nothing is issued, and the deficit is carried on whole."""
    made = done(larch(tmp_path, (97.0,) * 3, (85.0,) * 3))
    assert made.value("dC_TREE") == pytest.approx(-6747.150497, rel=1e-6)
    assert made.value("creditable") == pytest.approx(-6747.150497, rel=1e-6)
    assert made.issued == 0
    record = json.loads((made.out / "run.json").read_text(encoding="utf-8"))
    assert record["deficit_tCO2e"] == pytest.approx(-6747.1505)
    assert {row["issued_tCO2e"] for row in made.rows("issuance")} == {"0"}


def test_a_loss_with_an_error_grows(tmp_path):
    """dC < 0: dC * (1 + DR)."""
    t = float(stdtrit(2, 0.95))
    step = 0.15 * 12.0 * 3**0.5 / t
    made = done(larch(tmp_path, (97.0,) * 3, [85.0 - step, 85.0, 85.0 + step]))
    assert made.value("dC_TREE") == pytest.approx(-6747.150497 * 1.06, rel=1e-6)


def test_zero_plots_in_a_stratum(tmp_path):
    made = project(tmp_path, {"S1": 350.0, "S2": 100.0})
    made.table("strata", [{"stratum": one, "species": "落叶松", "planting_date": "2021-05-01"} for one in ("S1", "S2")])
    made.table("plots", plots({"S1": 3}))
    made.table("volumes", volumes([85.0] * 3, [97.0] * 3))
    one = told(made, "E-QUANT-13")[0]
    assert "S2: n = 0" in one["found"]
    assert "n >= 3" in one["expected"]


def test_a_plot_outside_its_parcel_and_its_stratum(tmp_path):
    made = larch(tmp_path)
    rows = plots({"S1": 3})
    rows[0] |= {"parcel": "K1", "lon": 100.0, "lat": 40.0}
    rows[1] |= {"parcel": "", "lon": 100.0, "lat": 40.0}
    rows[2] |= {"parcel": "K1", "lon": 116.005, "lat": 43.905}
    made.table("plots", rows)
    errors = told(made, "E-QUANT-05", "E-QUANT-06")
    assert "P1" in errors[0]["found"]
    assert "P2" in errors[1]["found"]


def test_parcels_that_overlap(tmp_path):
    import geopandas

    made = larch(tmp_path)
    path = made.folder / "parcels.gpkg"
    frame = geopandas.read_file(path)
    shifted = frame.assign(parcel="K2", geometry=frame.geometry.translate(1800, 0))
    both = geopandas.GeoDataFrame(geopandas.pd.concat([frame, shifted], ignore_index=True), crs=frame.crs)
    path.unlink()
    both.to_file(path, engine="pyogrio")
    one = told(made, "E-QUANT-07")[0]
    assert "K1" in one["found"]
    assert "K2" in one["found"]
    assert "m2" in one["found"]


def test_parcels_of_another_project(tmp_path):
    made = larch(tmp_path)
    write_boundary(made.folder / "other.gpkg", {"X": 10.0})
    made.config["boundary"]["other_projects"] = ["other.gpkg"]
    assert "K1" in told(made, "E-QUANT-08")[0]["found"]


def test_a_parcel_outside_the_region(tmp_path):
    made = larch(tmp_path)
    write_boundary(made.folder / "parcels.gpkg", {"S1": 350.0}, place=(100.0, 30.0))
    told(made, "E-QUANT-09")


def test_dates_outside_the_crediting_period(tmp_path):
    """Each broken clause by its name: started too early, credited too shortly, a period before the crediting period and the first date."""
    made = larch(tmp_path, start="2010-03-01", crediting_start="2021-06-01", crediting_end="2031-06-01")
    made.config["period"] = {"start": "2020-03-01", "end": "2025-03-01"}
    errors = {one["where"].split(".")[-1]: one for one in told(made, *["E-QUANT-12"] * 3)}
    assert "2010-03-01 < 2012-11-08" in errors["start"]["found"]
    assert "10 a" in errors["crediting"]["found"]
    assert "2020-03-01..2025-03-01 / 2021-06-01..2031-06-01; 2020-03-01 < 2020-09-22" in errors["period"]["found"]


def test_planted_before_the_project_started(tmp_path):
    made = larch(tmp_path)
    made.table("strata", [{"stratum": "S1", "area_ha": 350.0, "species": "落叶松", "planting_date": "2018-05-01"}])
    assert "S1: 2018-05-01 < 2021-03-01" in told(made, "E-QUANT-12")[0]["found"]


def test_too_old_for_the_application(tmp_path):
    made = larch(tmp_path, application="2026-09-01")
    made.config["period"] = {"start": "2021-03-01", "end": "2025-03-01"}
    one = told(made, "E-QUANT-12")[0]
    assert "2021-03-01 < 2026-09-01 - 5" in one["found"]


def test_a_species_without_parameters(tmp_path):
    """No volume parameters for needle juniper: each missing number is named."""
    made = larch(tmp_path)
    made.table("volumes", volumes([85.0] * 3, [97.0] * 3, "杜松"))
    errors = told(made, *["E-FACTOR-08"] * 4)
    assert all("needle_juniper" in one["found"] + one["message"] for one in errors)


def test_a_species_without_an_equation(tmp_path):
    made = larch(tmp_path)
    del made.config["tables"]["volumes"]
    made.table(
        "trees", [{"plot": f"P{plot}", "survey": 2, "tree": "1", "species": "胡杨", "dbh_cm": 12, "height_m": 8} for plot in (1, 2, 3)]
    )
    assert "desert_poplar" in told(made, "E-QUANT-13")[0]["found"]


def test_what_only_the_user_can_give(tmp_path):
    """Growth of full forest is known to nobody: the run names it; with a value and its source it goes on."""
    made = larch(tmp_path)
    made.table(
        "strata", [{"stratum": "S1", "area_ha": 350.0, "species": "落叶松", "planting_date": "2021-05-01", "baseline_tree_cover": 0.02}]
    )
    one = told(made, "E-QUANT-02")[0]
    assert "baseline_forest_growth" in one["found"]
    made.table("x", [{"id": "baseline_forest_growth", "value": 1.2, "source": "own plots 2022"}], "own.csv")
    del made.config["tables"]["x"]
    made.config["parameters"] = {"file": "own.csv"}
    done(made)
    assert made.value("dC_BSL") == pytest.approx(350 * 0.02 * 1.2 * 4.999316 * 1.25 * 0.47 * 44 / 12, rel=1e-6)


def test_soil_counts_only_where_the_user_gives_its_rate(tmp_path):
    """V-01: left out by default; with a rate it counts for the years since planting; above the cap it is refused."""
    made = done(larch(tmp_path))
    assert not any(row["term"] == "dC_SOC" for row in made.rows("results"))
    made = larch(tmp_path / "with")
    made.table("x", [{"id": "soil_rate", "value": 0.5, "source": "own measurement"}], "own.csv")
    del made.config["tables"]["x"]
    made.config["parameters"] = {"file": "own.csv"}
    done(made)
    years = (59 + 1) / 365 - (121) / 365 + 5
    assert made.value("dC_SOC") == pytest.approx(350 * 0.5 * years, rel=1e-3)
    made = larch(tmp_path / "much")
    made.table("x", [{"id": "soil_rate", "value": 3.0, "source": "own measurement"}], "own.csv")
    del made.config["tables"]["x"]
    made.config["parameters"] = {"file": "own.csv"}
    assert "<= 2.933" in told(made, "E-QUANT-13")[0]["expected"]


def test_biomass_outside_the_range_of_its_equation(tmp_path):
    """Plants above the range are cut to its end; more than 20 % of the biomass outside stops the quantification."""
    made = project(tmp_path, {"S1": 40.0})
    made.table("strata", [{"stratum": "S1", "area_ha": 40.0, "species": "柠条", "planting_date": "2021-05-01"}])
    made.table("plots", plots({"S1": 3}))
    made.table(
        "shrubs",
        [
            {
                "plot": f"P{plot}",
                "survey": 2,
                "shrub": "1",
                "species": "柠条",
                "crown_1_m": 1.6,
                "crown_2_m": 1.6,
                "height_m": 1.8,
                "stands_for": 100,
            }
            for plot in (1, 2, 3)
        ],
    )
    one = told(made, "E-QUANT-13")[0]
    assert "100.00%" in one["found"]
    assert "ACCOUNTING 6" in one["expected"]


def test_conditions_that_fail_are_named_with_their_clause(tmp_path):
    made = larch(tmp_path)
    made.config["site"] |= {"wetland_ha": 2.0, "shrubs_removed": 0.4, "years_not_forest": 1.0, "precipitation_mm": 500.0}
    made.config["conditions"]["b"] = {"met": False, "evidence": "没有权属证"}
    del made.config["conditions"]["g"]
    errors = told(made, *["E-QUANT-12"] * 4, "E-QUANT-11", "E-QUANT-10")
    assert {one["where"].split(".")[-1] for one in errors} == {"a", "b", "d", "e", "g", "additionality"}
    assert any("湿地" in one["expected"] or "wetland" in one["expected"] for one in errors)


def test_bamboo_is_refused_here(tmp_path):
    made = larch(tmp_path)
    made.table("strata", [{"stratum": "S1", "area_ha": 350.0, "species": "毛竹", "planting_date": "2021-05-01"}])
    assert told(made, "E-QUANT-12")[0]["where"].endswith("species")


def test_new_shrubs_go_to_ccer(tmp_path):
    """The shrubland draft routes new planting to CCER-14-001."""
    made = project(tmp_path, {"S1": 40.0}, "planted_shrubland")
    made.config["conditions"] = {
        id: {"met": True, "evidence": "附件"} for id in ("tenure", "not_wetland", "activity", "matching", "grazing", "uniqueness")
    }
    made.config["site"] = {"climate": "cool_temperate_dry", "precipitation_mm": 300.0, "groundwater_falling": False}
    made.table("strata", [{"stratum": "S1", "species": "柠条", "land_before": "non_forest", "management": "enclosure"}])
    made.table("plots", plots({"S1": 3}))
    made.table(
        "shrubs",
        [
            {
                "plot": f"P{plot}",
                "survey": 2,
                "shrub": "1",
                "species": "柠条",
                "crown_1_m": 0.9,
                "crown_2_m": 0.8,
                "height_m": 1.0,
                "stands_for": 150,
            }
            for plot in (1, 2, 3)
        ],
    )
    one = told(made, "E-QUANT-12")[0]
    assert "ccer_14_001_v01" in one["found"]


def test_a_small_parcel(tmp_path):
    """Clause (c): 400 m2 from 2020 on, 667 m2 before."""
    made = larch(tmp_path, area=0.05)
    done(made)
    made = larch(tmp_path / "old", area=0.05, start="2019-03-01", crediting_start="2020-10-01", crediting_end="2050-10-01")
    made.config["period"] = {"start": "2020-10-01", "end": "2025-10-01"}
    assert "667 m2" in told(made, "E-QUANT-12")[0]["found"]


def test_area_that_does_not_close(tmp_path):
    made = larch(tmp_path)
    made.table("strata", [{"stratum": "S1", "area_ha": 350.5, "species": "落叶松", "planting_date": "2021-05-01"}])
    assert "350.5000" in told(made, "E-QUANT-22")[0]["found"]


def test_areas_are_exact(tmp_path):
    """Without a stated area that of the parcels counts, to 1e-6 of the polygon."""
    made = larch(tmp_path, area=123.4567)
    made.table("strata", [{"stratum": "S1", "species": "落叶松", "planting_date": "2021-05-01"}])
    done(made)
    assert float(made.rows("parcels")[0]["area_ha"]) == pytest.approx(123.4567, rel=1e-7)


def test_rerunning_gives_the_same_bytes(tmp_path):
    made = done(w12(tmp_path))
    first = {
        path.relative_to(made.out): path.read_bytes() for path in sorted(made.out.rglob("*")) if path.is_file() and path.name != "run.jsonl"
    }
    assert len(first) > 12
    done(made)
    second = {
        path.relative_to(made.out): path.read_bytes() for path in sorted(made.out.rglob("*")) if path.is_file() and path.name != "run.jsonl"
    }
    assert [name for name in first if first[name] != second.get(name)] == []
    assert first.keys() == second.keys()


def test_nothing_of_this_machine_in_the_outputs(tmp_path):
    made = done(w12(tmp_path / "home" / "li.ming"))
    for path in made.out.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(tmp_path).encode() not in content, path
            assert b"li.ming" not in content, path


def test_intervals_contain_what_they_say(tmp_path):
    """Draws of parameters and of the sample; the central value does not move, and the standard error is that of the sample here."""
    made = larch(tmp_path, (85.0,) * 6, (94.0, 95.5, 97.0, 97.0, 98.5, 100.0), draws=20_000)
    done(made)
    rows = {row["term"]: row for row in made.rows("results")}
    tree, error = rows["dC_TREE"], float(rows["se_dC_TREE"]["value"])
    assert tree["interval_contains"] == "sampling;parameters"
    assert "range of wood_density.larch" in tree["interval_missing"]
    assert "precision" not in tree["interval_missing"]
    spread = 0.94 if float(tree["value"]) < 6700 else 1.0
    assert float(tree["se"]) == pytest.approx(spread * error * (5 / 3) ** 0.5, rel=0.05)
    half = float(stdtrit(5, 0.975)) * error * spread
    assert float(tree["high"]) - float(tree["low"]) == pytest.approx(2 * half, rel=0.05)


def test_site_is_one_checked_row(tmp_path):
    made = larch(tmp_path)
    made.config["site"] = {**CCER_SITE, "precipitation_mm": "viel", "colour": "blue"}
    told(made, "E-CONF-02")
    made.config["site"] = {**CCER_SITE, "precipitation_mm": "viel"}
    told(made, "E-TABLE-06")
    made.config["site"] = {"climate": "cool_temperate_dry"}
    told(made, *["E-CONF-03"] * 4)


# -- the drafts, from files ----------------------------------------------------------------------------------------


def natural(folder):
    """W7 as a natural stand: less the growth of its curve, with documented tending and a burnt corner."""
    made = project(folder, {"S1": 350.0}, "natural_forest")
    made.config["conditions"] = {
        id: {"met": True, "evidence": "附件"} for id in ("additional", "tenure", "not_wetland", "harvest", "uniqueness")
    }
    made.config["site"] = {"climate": "boreal"}
    made.table(
        "strata", [{"stratum": "S1", "area_ha": 350.0, "species": "落叶松", "origin": "natural", "curve": "落叶松-II", "age_yr": 40}]
    )
    made.table("plots", plots({"S1": 3}))
    made.table("volumes", volumes([85.0] * 3, [97.0] * 3))
    ages = ((30, 60.0), (40, 71.0), (50, 79.0))
    made.table(
        "growth_curves", [{"curve": "落叶松-II", "age_yr": age, "biomass_t_ha": biomass, "source": "一类清查样地"} for age, biomass in ages]
    )
    made.table("activities", [{"stratum": "S1", "activity": "tending", "date": "2022-06-01", "area_ha": 120, "evidence": "作业设计"}])
    made.table("disturbances", [{"stratum": "S1", "date": "2023-05-01", "kind": "fire", "area_ha": 35, "lost_share": 0.5}])
    made.table("fires", [{"stratum": "S1", "year": 2023, "burnt_ha": 35, "biomass_t_ha": 60}])
    return made


def test_natural_forest_from_files(tmp_path):
    """6747.150497 less 350 ha of curve growth and the gases of fire; the reversal is told and not taken off twice."""
    made = done(natural(tmp_path))
    growth = 350 * 0.8 * 4.999316 * 0.521 * 44 / 12
    gases = 0.001 * 35 * 60 * 0.40 * (4.7 * 28 + 0.26 * 265)
    assert made.value("dC_BSL") == pytest.approx(growth, rel=1e-6)
    assert made.value("GHG_FIRE") == pytest.approx(gases, rel=1e-6)
    assert made.value("REVERSAL") == pytest.approx(47792.3160 * 0.05, rel=1e-6)
    assert made.value("net") == pytest.approx(6747.150497 - growth - gases, rel=1e-6)
    assert made.issued == int(0.9 * (6747.150497 - growth - gases))


def test_natural_forest_needs_natural_origin_and_an_activity(tmp_path):
    made = natural(tmp_path)
    made.table(
        "strata", [{"stratum": "S1", "area_ha": 350.0, "species": "落叶松", "origin": "planted", "curve": "落叶松-II", "age_yr": 40}]
    )
    made.table("activities", [{"stratum": "S1", "activity": "tending", "date": "2030-06-01", "area_ha": 120, "evidence": "作业设计"}])
    assert {one["where"].split(".")[-1] for one in told(made, "E-QUANT-12", "E-QUANT-12")} == {"natural", "activity"}


def test_a_growth_curve_that_ends_too_early(tmp_path):
    made = natural(tmp_path)
    made.table(
        "strata", [{"stratum": "S1", "area_ha": 350.0, "species": "落叶松", "origin": "natural", "curve": "落叶松-II", "age_yr": 48}]
    )
    assert "30 .. 50" in told(made, "E-QUANT-13")[0]["expected"]


def grassland(folder, extra=0.0):
    """100 ha measured at equal soil mass: project plots gain 1 tC/ha more or less, controls 0.25."""
    made = project(folder, {"A": 100.0}, "grassland_protection")
    made.config["conditions"] = {id: {"met": True, "evidence": "附件"} for id in ("plan", "conversion", "tenure", "stocking", "uniqueness")}
    made.table("strata", [
        {"stratum": "A", "area_ha": 100.0, "practice_start": "2020-12-31", "route": "measured", "climate": "cool_temperate_dry", "soil": "HAC",
         "level_before": "high_intensity", "level_after": "nominal", "removed_SU": 90, "absorbed_SU": 60, "outside_SU_ha": 1.5, "outside_before": "nominal",
         "outside_after": "high_intensity"}])  # fmt: skip
    groups = {f"{letter}{number}": group for letter, group in (("P", "project"), ("C", "control")) for number in (1, 2, 3)}
    made.table("plots", [{"plot": plot, "stratum": "A", "group": group} for plot, group in groups.items()])
    gain = {"P1": 1.0 - extra, "P2": 1.0, "P3": 1.0 + extra, "C1": 0.25, "C2": 0.25, "C3": 0.25}
    made.table("soil_cores", [
        {"plot": plot, "survey": survey, "layer": 1, "soil_mass_g": 400, "carbon_g_kg": 10 + (survey - 1) * gain[plot] / 4, "core_area_cm2": 10, "cores": 1}
        for plot in groups for survey in (1, 2)])  # fmt: skip
    return made


def test_grassland_by_cores_from_files(tmp_path):
    """Project less controls, less leakage of 30 sheep units on 20 ha, less the risk share."""
    made = done(grassland(tmp_path))
    assert made.value("dC_SOC") == pytest.approx(100 * 44 / 12, rel=1e-6)
    assert made.value("dC_BSL") == pytest.approx(25 * 44 / 12, rel=1e-6)
    years = 2025 + 60 / 365 - (2020 + 60 / 365)
    leakage = 20 * 43 * 0.1 / 20 * 44 / 12 * years
    assert made.value("LK") == pytest.approx(leakage, rel=1e-6)
    assert made.value("creditable") == pytest.approx(0.9 * (75 * 44 / 12 - leakage), rel=1e-6)


def test_grassland_one_sided_deduction(tmp_path):
    """A spread of 0.3 tC/ha among three project plots, none among controls: UNC = t(0.6667, 4) * SE / net."""
    made = done(grassland(tmp_path, extra=0.3))
    error = 100 * 0.3 / 3**0.5 * 44 / 12
    rate = float(stdtrit(4, 0.6667)) * error / (75 * 44 / 12)
    assert made.value("dC_SOC") == pytest.approx(100 * 44 / 12 * (1 - rate), rel=1e-6)
    assert made.value("dC_BSL") == pytest.approx(25 * 44 / 12 * (1 - rate), rel=1e-6)


def test_grassland_without_a_place_for_its_animals(tmp_path):
    made = grassland(tmp_path)
    made.table("strata", [
        {"stratum": "A", "practice_start": "2020-12-31", "route": "default", "climate": "cool_temperate_dry", "soil": "HAC", "level_before": "high_intensity",
         "level_after": "nominal", "removed_SU": 900, "absorbed_SU": 600}])  # fmt: skip
    assert "outside_SU_ha" in told(made, "E-QUANT-13")[0]["expected"]


def test_shrubland_never_above_the_average_of_its_cycle(tmp_path):
    """Plots hold 2.52 tCO2e/ha, the cycle 2.0 on average: 2.0 are credited, less a quarter that the controls show."""
    made = project(tmp_path, {"S1": 40.0}, "planted_shrubland")
    made.config["conditions"] = {
        id: {"met": True, "evidence": "附件"} for id in ("tenure", "not_wetland", "activity", "matching", "grazing", "uniqueness")
    }
    made.config["site"] = {"climate": "cool_temperate_dry", "precipitation_mm": 220.0, "groundwater_falling": True}
    made.table("strata", [{"stratum": "S1", "area_ha": 40.0, "species": "柠条", "land_before": "planted_shrub", "management": "coppicing"}])
    made.table("plots", plots({"S1": 3}))
    made.table("shrubs", [
        {"plot": f"P{plot}", "survey": 2, "shrub": "1", "species": "柠条", "crown_1_m": 0.9, "crown_2_m": 0.8, "height_m": 1.0, "stands_for": 150}
        for plot in (1, 2, 3)])  # fmt: skip
    made.table("stocking_index", [
        {"stratum": "S1", "group": group, "unit": "1", "year": year, "index": index}
        for group, series in (("project", (0.20, 0.24, 0.28)), ("control", (0.20, 0.21, 0.22)))
        for year, index in zip((2021, 2023, 2025), series, strict=True)])  # fmt: skip
    told(made, "E-QUANT-13")
    made.table("cycle", [{"stratum": "S1", "age_yr": age, "stock_tCO2e_ha": stock} for age, stock in ((0, 1.0), (2, 2.0), (4, 3.0))])
    done(made)
    assert made.value("dC_SHRUB") == pytest.approx(80.0, rel=1e-6)
    assert made.value("dC_BSL") == pytest.approx(20.0, rel=1e-6)
    assert made.value("creditable") == pytest.approx(60.0 * 0.85, rel=1e-6)
