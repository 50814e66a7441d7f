"""NEP beside the stock-based removal: month by month and cell by cell, a memo that no offset takes."""

import numpy as np
import pytest
from landscapes import cells, computed, run, tabulated
from years import CELL_HA, DATES, LATTICE, MONTHLY, MONTHLY_P, MONTHLY_T, NPP, with_years

from sinks.accounting.summary import OFFSET, REMOVAL
from sinks.config import read_policy
from sinks.equations.respiration import heterotrophic_respiration
from sinks.errors import InputError
from sinks.explain import Asked, explain
from sinks.pipeline import findings_of_run, keep_summary

W15 = 165.795423
"""R_H of the year of METHODOLOGIES W15 [gC m-2]."""
YEARS = (2021, 2022, 2023)


def months(values, lattice=LATTICE, add=None):
    """Twelve rasters, one value each; ``add`` is added to every cell."""
    return [cells(lattice, value) + (0.0 if add is None else add) for value in values]


def weathered(npp, *, temperature=None, precipitation=None, sections=None, **more):
    """A landscape with production in three years and the weather of W15."""
    layers = {
        "npp": {year: npp for year in YEARS},
        "temperature": {year: temperature or months(MONTHLY_T) for year in YEARS},
        "precipitation": {year: precipitation or months(MONTHLY_P) for year in YEARS},
    }
    return with_years(layers, {**MONTHLY, **NPP, **(sections or {})}, **more)


def test_nep_of_the_year_w15(tmp_path):
    """NPP 0.30 kgC/m2 less R_H 165.795423 gC/m2 on 24 cells of 16 ha: (3.0 - 1.65795423) x 384 t C, x 44/12."""
    done = computed(weathered(cells(LATTICE, 0.30)), tmp_path)
    table = done.table("nep_check").query("zone == 'Z1' and year == 2023").set_index("ecosystem")
    area = 24 * CELL_HA
    for ecosystem in ("forest", "grassland"):
        row = table.loc[ecosystem]
        assert row["npp_tC_per_year"] == pytest.approx(3.0 * area, abs=1e-3)
        assert row["respiration_tC_per_year"] == pytest.approx(W15 / 100.0 * area, abs=1e-3)
        assert row["nep_tCO2e_per_year"] == pytest.approx((3.0 - W15 / 100.0) * area * 44 / 12, abs=2e-3)
        assert row["area_ha"] == pytest.approx(area)


def test_respiration_is_not_that_of_mean_weather(tmp_path):
    """Half the grassland is 10 degrees warmer: the mean of exp(kT) is not exp of the mean; each cell and month counts by itself."""
    warmer = cells(LATTICE, 0.0, (np.s_[:3, :], 10.0))
    done = computed(weathered(cells(LATTICE, 0.30), temperature=months(MONTHLY_T, add=warmer)), tmp_path)
    row = done.table("nep_check").query("zone == 'Z1' and year == 2023 and ecosystem == 'grassland'").iloc[0]
    factors = (0.22, 0.0912, 0.3145, 30.0, 0.465)
    cold, warm = (
        sum(float(heterotrophic_respiration(t + step, p, *factors)) for t, p in zip(MONTHLY_T, MONTHLY_P, strict=True)) for step in (0.0, 10.0)
    )
    assert cold == pytest.approx(W15, abs=1e-6)
    assert row["respiration_tC_per_year"] == pytest.approx((cold + warm) / 2 / 100 * 24 * CELL_HA, abs=2e-3)
    mean = sum(float(heterotrophic_respiration(t + 5.0, p, *factors)) for t, p in zip(MONTHLY_T, MONTHLY_P, strict=True))
    assert abs(row["respiration_tC_per_year"] - mean / 100 * 24 * CELL_HA) > 10.0


def test_production_and_respiration_stand_on_one_footprint(tmp_path):
    """A cell without production, and one without the rain of one month, count in neither; their area is told."""
    npp = cells(LATTICE, 0.30, (np.s_[0, 0], np.nan))
    rain = months(MONTHLY_P)
    rain[6] = cells(LATTICE, MONTHLY_P[6], (np.s_[1, 1], np.nan))
    done = computed(weathered(npp, precipitation=rain), tmp_path)
    row = done.table("nep_check").query("zone == 'Z1' and year == 2023 and ecosystem == 'grassland'").iloc[0]
    area = 22 * CELL_HA
    assert (row["area_ha"], row["missing_ha"]) == pytest.approx((area, 2 * CELL_HA))
    assert row["npp_tC_per_year"] == pytest.approx(3.0 * area, abs=1e-3)
    assert row["respiration_tC_per_year"] == pytest.approx(W15 / 100.0 * area, abs=1e-3)


def test_mod17_has_its_scale(tmp_path):
    """3000 steps of 0.0001 kgC/m2 are 0.3."""
    scaled = computed(weathered(cells(LATTICE, 3000.0), sections={"npp": {**NPP["npp"], "scale": 0.0001}}), tmp_path / "scaled")
    plain = computed(weathered(cells(LATTICE, 0.3)), tmp_path / "plain")
    assert scaled.table("nep_check")["npp_tC_per_year"].tolist() == pytest.approx(plain.table("nep_check")["npp_tC_per_year"].tolist(), abs=1e-3)


# -- never in an offset --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run whose forest gains 3 t of dry matter per hectare, far less than NEP says."""
    biomass = {DATES[0]: cells(LATTICE, 0.0, (np.s_[:, 4:], 60.0)), DATES[1]: cells(LATTICE, 0.0, (np.s_[:, 4:], 63.0))}
    landscape = weathered(cells(LATTICE, 0.60), biomass=None)
    landscape = landscape.but(layers={**landscape.layers, "aboveground_biomass": biomass})
    done = run(landscape, tmp_path_factory.mktemp("nep"))
    keep_summary(done.out, findings_of_run(done.setup))
    return done


def test_rows_are_memo_and_never_counted(done):
    rows = done.table("removals").query("approach == 'nep_check'")
    assert len(rows) == 2
    assert (set(rows["account"]), set(rows["reason"]), set(rows["pool"])) == ({"memo"}, {"nep_is_a_check"}, {"all_pools"})
    summary = done.table("summary").query("approach == 'nep_check'")
    assert set(summary["quantity"]) == {REMOVAL}
    assert OFFSET not in set(summary["quantity"])
    assert "nep_check" not in set(done.table("key_categories")["approach"])


def test_a_policy_that_asks_for_it_is_refused(tmp_path):
    """``removal_approach = "nep_check"`` is no choice."""
    (tmp_path / "policy.toml").write_text('removal_approach = "nep_check"\n', encoding="utf-8")
    with pytest.raises(InputError):
        read_policy(tmp_path / "policy.toml", "policy.toml")


def test_the_ratio_to_the_stock_based_removal(done):
    """NEP of forest in 2023 over its removal of 2020 to 2023; above 3 a warning names zone and year (METHODOLOGIES 3.9)."""
    row = done.table("nep_check").query("zone == 'Z1' and year == 2023 and ecosystem == 'forest'").iloc[0]
    summary = done.table("summary").query("zone == 'Z1' and ecosystem == 'forest' and approach == 'stock_difference' and quantity == @REMOVAL")
    removal = summary["value"].iloc[0]
    assert removal > 0
    assert (row["removal_tCO2e_per_year"], row["year_from"], row["year_to"]) == (removal, 2020, 2023)
    assert row["ratio"] == pytest.approx(row["nep_tCO2e_per_year"] / removal, abs=1e-3)
    assert row["ratio"] > 3
    assert row["apart"]
    said = {one.where: one for one in findings_of_run(done.setup) if one.id == "W-NEP-03"}
    assert "Z1 2023" in said["nep_check.forest"].line("en")


def test_years_between_the_dates_are_checked_too(done):
    assert set(done.table("nep_check")["year"]) == {2021, 2022, 2023}
    assert set(done.table("removals").query("approach == 'nep_check'")["year"]) == {2023}


def test_the_summary_prints_both_side_by_side(done):
    for language, words in (("zh", "只供核对"), ("en", "never in an offset")):
        lines = [line for line in (done.out / f"summary.{language}.md").read_text(encoding="utf-8").splitlines() if words in line]
        assert len(lines) == 6  # two ecosystems, three years, the sum of all zones


def test_explain_walks_nep(done):
    """NPP and respiration, with the factors inside the sums, add up to the table."""
    (leaf,) = explain(done.out, Asked(zone="Z1", ecosystem="forest", year=2023, approach="nep_check"), "removals")
    assert leaf.sum_of_parts == pytest.approx(leaf.value, abs=6e-4)
    (part,) = leaf.parts
    assert [term["equation"] for term in part.terms] == ["net_primary_production", "heterotrophic_respiration"]
    assert sum(term["value"] for term in part.terms) * 44 / 12 == pytest.approx(part.value)
    assert "0.0912" in part.note
    assert "0.3145" in part.note


def test_a_changed_coefficient_inside_the_sums_needs_a_pass(done, tmp_path):
    """k_T stands in the pass: with the user's own the year is read again, and respiration is by it."""
    landscape = weathered(cells(LATTICE, 0.30))
    head = "id,name,value,unit,source,locator,tag,verified"
    row = "respiration_temperature,respiration_temperature,0.05,degC-1,own,own study,X,false"
    landscape = landscape.but(files={"own.csv": f"{head}\n{row}\n"}, more={"factors": {"file": "own.csv"}})
    own = computed(landscape, tmp_path)
    found = own.table("nep_check").query("zone == 'Z1' and year == 2023 and ecosystem == 'forest'")["respiration_tC_per_year"].iloc[0]
    by_hand = sum(
        float(heterotrophic_respiration(t, p, 0.22, 0.05, 0.3145, 30.0, 0.465)) for t, p in zip(MONTHLY_T, MONTHLY_P, strict=True)
    )
    assert found == pytest.approx(by_hand / 100 * 24 * CELL_HA, abs=2e-3)


def test_gpp_is_not_npp(tmp_path):
    """Gross production alone, with the weather of all months, gives no check."""
    landscape = weathered(cells(LATTICE, 0.6))
    layers = {**{name: dates for name, dates in landscape.layers.items() if name != "npp"}, "gpp": landscape.layers["npp"]}
    sections = {name: keys for name, keys in landscape.sections.items() if name != "npp"}
    done = computed(landscape.but(layers=layers, sections=sections), tmp_path)
    assert not len(done.done.table("activity_annual").query("layer == 'nep_npp'"))
    assert "nep_check" not in set(done.table("removals")["approach"])


def test_yearly_weather_gives_no_check_and_says_so(tmp_path):
    layers = {"npp": {year: cells(LATTICE, 0.3 + year / 1e6) for year in YEARS}, "precipitation": {year: cells(LATTICE, 300.0 + year) for year in YEARS}}
    done = tabulated(with_years(layers, {**NPP, "precipitation": {"unit": "mm"}}), tmp_path)
    assert {one.id for one in done.setup.findings} & {"W-NEP-02"}

