"""Intervals of approach 1 against closed forms: one factor is one random quantity wherever it is used."""

import numpy as np
import pytest
from landscapes import ARBOR, SHRUB, Landscape, Lattice, Recomputed, cells, computed, tiling_zones
from scipy.stats import norm

from sinks.factors.table import FactorTable

LATTICE = Lattice(height=4, width=6)
DATES = (2017, 2020)
Z95 = norm.ppf(0.975)
CF, R, DEAD, LITTER = 0.48, 0.23, 0.08, 2.9


def spread(id: str) -> float:
    """Standard deviation of a factor that the source gives as low, mean and high: of the triangle, or a sixth where no triangle has the mean."""
    table = FactorTable.shipped()
    row = np.flatnonzero(table.id == id)[0]
    assert (table.distribution[row], table.range_kind[row]) == ("triangular", "min_max")
    a, mean, b = table.low[row], table.value[row], table.high[row]
    c = 3 * mean - a - b
    if not a <= c <= b:
        return float((b - a) / 6)
    return float(np.sqrt((a * a + b * b + c * c - a * b - a * c - b * c) / 18))


SIGMA_CF = spread("carbon_fraction.broadleaf")
SIGMA_R = spread("root_shoot_ratio.temperate_broadleaf.agb_75_150")
SIGMA_LITTER = spread("litter_carbon.arbor_forest")


def forest(basis: str = "dry_matter", code: int = ARBOR) -> Landscape:
    """Birch of 80 to 140 t/ha in two leagues of one region."""
    random = np.random.default_rng(5)
    first = (80.0 + 30.0 * random.random(LATTICE.shape)) * (0.5 if basis == "carbon" else 1.0)
    layers = {"aboveground_biomass": {2017: first, 2020: first + 30.0 * random.random(LATTICE.shape)}}
    strata = {"climate": cells(LATTICE, 2), "soil": cells(LATTICE, 1), "vegetation_type": cells(LATTICE, 2)}
    zones = [(code, "R", shape) for code, _, shape in tiling_zones(LATTICE, 2)]
    wanted = Landscape(lattice=LATTICE, land={year: cells(LATTICE, code) for year in DATES}, layers=layers, strata=strata, zones=zones)
    return wanted.section("aboveground_biomass", basis=basis)


@pytest.fixture(scope="module")
def birch(tmp_path_factory) -> Recomputed:
    return computed(forest(), tmp_path_factory.mktemp("birch"))


def mass(done: Recomputed, zone: str, year: int) -> float:
    """Dry matter of a zone from the activity table [t]."""
    rows = done.exact("activity_year")
    return float(rows[(rows["zone"] == zone) & (rows["year"] == year) & (rows["layer"] == "aboveground_biomass")]["sum"].sum())


def area(done: Recomputed, zone: str) -> float:
    return float(done.exact("zones").set_index("zone").at[zone, "area_ha"])


def leaf(done: Recomputed, table: str, **keys):
    frame = done.exact(table)
    for name, wanted in keys.items():
        frame = frame[frame[name] == wanted]
    assert len(frame) == 1
    return frame.iloc[0]


def closed_form(tonnes: float, hectares: float) -> float:
    """Standard error of C = M CF (1 + R)(1 + DF) + A L from those of CF, R and L."""
    parts = tonnes * (1 + R) * (1 + DEAD) * SIGMA_CF, tonnes * CF * (1 + DEAD) * SIGMA_R, hectares * SIGMA_LITTER
    return float(np.sqrt(sum(part * part for part in parts)))


@pytest.mark.parametrize("zone", ["Z1", "Z2"])
def test_one_factor_gives_its_error_times_the_sum(birch, zone):
    """Aboveground stock M CF: se = M sigma(CF), the interval 1.96 of it to either side."""
    row = leaf(birch, "stocks", zone=zone, year=2020, pool="aboveground_biomass")
    assert row["se_tC"] == pytest.approx(mass(birch, zone, 2020) * SIGMA_CF, abs=6e-4)
    assert row["low_tC"] == pytest.approx(row["stock_tC"] - Z95 * row["se_tC"], abs=3e-3)
    assert row["high_tC"] == pytest.approx(row["stock_tC"] + Z95 * row["se_tC"], abs=3e-3)
    assert (row["interval_contains"], row["interval_missing"]) == ("factor", "area+map+model")


def test_factors_add_in_quadrature_and_pools_that_share_one_do_not(birch):
    """All pools of forest: the effects of CF on four of them add first."""
    row = leaf(birch, "summary", zone="Z1", year=2020, quantity="stock_tC", ecosystem="forest")
    assert row["se"] == pytest.approx(closed_form(mass(birch, "Z1", 2020), area(birch, "Z1")), rel=1e-6)


def test_a_shared_factor_adds_linearly_over_leagues(birch):
    """The region is as uncertain as its leagues together: never in quadrature."""
    region = leaf(birch, "summary", zone="R", year=2020, quantity="stock_tC", ecosystem="forest")["se"]
    leagues = [leaf(birch, "summary", zone=zone, year=2020, quantity="stock_tC", ecosystem="forest")["se"] for zone in ("Z1", "Z2")]
    together = closed_form(sum(mass(birch, zone, 2020) for zone in ("Z1", "Z2")), sum(area(birch, zone) for zone in ("Z1", "Z2")))
    assert region == pytest.approx(together, rel=1e-6)
    assert region == pytest.approx(sum(leagues), rel=1e-3)
    assert region > 1.2 * np.hypot(*leagues)


def test_a_factor_shared_by_two_dates_is_one_draw(birch):
    """Removal (M2 - M1) CF: se = (M2 - M1) sigma(CF), not the root of two stocks."""
    change = mass(birch, "Z1", 2020) - mass(birch, "Z1", 2017)
    row = leaf(birch, "removals", zone="Z1", year=2020, pool="aboveground_biomass", approach="stock_difference", transition="remaining")
    assert row["se_tCO2e_per_year"] == pytest.approx(change * SIGMA_CF / 3 * 44 / 12, abs=6e-4)
    assert row["interval_missing"] == "area+map+model+between_date"


def test_a_value_whose_factors_have_no_range_has_no_error(tmp_path):
    """Shrubs: CF states no range. The standard error is empty, not 0, and the reason stands beside it."""
    done = computed(forest(code=SHRUB), tmp_path)
    row = leaf(done, "stocks", zone="Z1", year=2020, pool="aboveground_biomass")
    assert np.isnan([row["se_tC"], row["low_tC"], row["high_tC"]]).all()
    assert (row["interval_contains"], row["interval_missing"]) == ("none", "factor_without_range+area+map+model")
    texts = done.texts("stocks").query("zone == 'Z1' and pool == 'aboveground_biomass'").iloc[0]
    assert (texts["se_tC"], texts["low_tC"], texts["mc_se_tC"]) == ("", "", "")


def test_a_value_without_factors_has_no_error_of_factors(tmp_path):
    """A map of carbon needs no factor: nothing known of its error, and no factor is blamed."""
    done = computed(forest(basis="carbon"), tmp_path)
    row = leaf(done, "stocks", zone="Z1", year=2020, pool="aboveground_biomass")
    assert np.isnan(row["se_tC"])
    assert (row["interval_contains"], row["interval_missing"]) == ("none", "area+map+model")


def test_a_value_that_is_not_estimated_has_no_interval(birch):
    """NE rows say nothing of intervals."""
    rows = birch.table("removals").query("value_flag != 'V'")
    assert len(rows)
    assert rows[["interval_contains", "interval_missing"]].isna().all(axis=None)
    assert rows[["se_tCO2e_per_year", "low_tCO2e_per_year"]].isna().all(axis=None)


def test_what_rests_partly_on_factors_without_range_says_so(birch):
    """Dead wood = 0.08 of the living: CF and R have ranges, the fraction has none."""
    row = leaf(birch, "stocks", zone="Z1", year=2020, pool="dead_wood")
    assert row["se_tC"] > 0
    assert row["interval_missing"].split("+") == ["factor_without_range", "area", "map", "model"]
