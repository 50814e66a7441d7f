"""Published equations against the worked examples of METHODOLOGIES 6, and the laws they keep.

Coefficients come from the shipped factor tables where they stand there; what an
example invents is written out.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.equations import bins, biomass, fire, grassland, respiration, soil, wetland
from sinks.factors.resolver import Resolver
from sinks.factors.table import FactorTable
from sinks.units import C_TO_CO2, CARBON_BASES, MU_TO_HA, to_tonnes_per_hectare

REL = 1e-6
Factor = Callable[..., float]


@pytest.fixture
def factor() -> Factor:
    resolver = Resolver(FactorTable.shipped())

    def value(name: str, **keys: object) -> float:
        return float(resolver(name, **keys).values[0, 0])  # type: ignore[arg-type]

    return value


def test_units() -> None:
    assert pytest.approx(3.6666666667) == C_TO_CO2
    assert pytest.approx(15) == 1 / MU_TO_HA
    assert [to_tonnes_per_hectare(unit) for unit in ("t ha-1", "Mg ha-1", "kg m-2", "g m-2", "kg ha-1")] == [1, 1, 10, 0.01, 0.001]
    assert CARBON_BASES == ("dry_matter", "carbon", "co2")
    with pytest.raises(KeyError):
        to_tonnes_per_hectare("t/mu")


# W3


def test_w3_stock_difference() -> None:
    """100 000 ha, 42.0 -> 43.5 tC/ha over 3 yr: 150 000 / 3 = 50 000 tC/yr; x 44/12 = 183 333.333 tCO2/yr."""
    change = biomass.stock_difference(100_000 * 42.0, 100_000 * 43.5, 3)
    assert float(change) == pytest.approx(50_000, rel=REL)
    assert float(change) * C_TO_CO2 == pytest.approx(183_333.333333, rel=REL)


def test_w3_boreal_larch_from_volume(factor: Factor) -> None:
    """V 110 x BCEF_S 0.77 = 84.7 (> 75: R 0.24); 84.7 x 1.24 x 0.51 = 53.564280 tC/ha = 196.402360 tCO2/ha."""
    place = {"ecosystem": "forest", "land_class": "arbor_forest", "vegetation_type": "larch", "climate": "boreal"}
    bcef = factor("bcef_s", **place, value=110.0)
    aboveground = biomass.aboveground_from_volume(110.0, bcef)
    assert float(aboveground) == pytest.approx(84.7, rel=REL)
    ratio = factor("root_shoot_ratio", **place, value=float(aboveground))
    assert ratio == 0.24
    carbon = biomass.stock_from_volume(1.0, 110.0, bcef, ratio, factor("carbon_fraction", **place))
    assert float(carbon) == pytest.approx(53.564280, rel=REL)
    assert float(carbon) * C_TO_CO2 == pytest.approx(196.402360, rel=REL)
    parts = aboveground + biomass.belowground_biomass(aboveground, ratio)
    assert float(biomass.carbon_from_dry_matter(parts, 0.51)) == pytest.approx(float(carbon), rel=1e-12)


# W4


def test_w4_gain_and_loss(factor: Factor) -> None:
    """Gain 10 000 x 4.0 x 1.23 x 0.48 = 23 616; wood 5 000 x 1.17 x 1.23 x 0.48 = 3 453.84;
    fuel (800 x 1.17 x 1.23 + 200 x 0.541) x 0.48 = 604.5504; disturbance 50 x 90 x 1.23 x 0.48 x 0.5 = 1 328.4."""
    place = {"ecosystem": "forest", "land_class": "arbor_forest", "climate": "cool_temperate_moist"}
    ratio = factor("root_shoot_ratio", **place, value=90.0)
    fraction = factor("carbon_fraction", **place, vegetation_type="broadleaf")
    growth = factor("aboveground_growth", **place)
    assert (growth, ratio, fraction) == (4.0, 0.23, 0.48)

    gain = biomass.growth_gain(10_000, biomass.total_growth(growth, ratio), fraction)
    wood = biomass.harvest_loss(5_000, 1.17, ratio, fraction)
    fuel = biomass.fuelwood_loss(800, 200, 1.17, ratio, 0.541, fraction)
    disturbance = biomass.disturbance_loss(50, 90, ratio, fraction, 0.5)
    assert float(gain) == pytest.approx(23_616.0, rel=REL)
    assert float(wood) == pytest.approx(3_453.84, rel=REL)
    assert float(fuel) == pytest.approx(604.5504, rel=REL)
    assert float(disturbance) == pytest.approx(1_328.4, rel=REL)

    change = biomass.gain_loss(gain, wood + fuel + disturbance)
    assert float(change) == pytest.approx(18_229.2096, rel=REL)
    assert float(change) * C_TO_CO2 == pytest.approx(66_840.4352, rel=REL)


def test_w4_bcef_r_is_bcef_s_over_what_is_left_after_logging(factor: Factor) -> None:
    """1.05 / 0.9 = 1.1667, which W4 prints as 1.17."""
    place = {"ecosystem": "forest", "land_class": "arbor_forest", "vegetation_type": "birch", "climate": "cool_temperate_moist"}
    assert factor("bcef_s", **place, value=150.0) / factor("bcef_s_per_bcef_r", ecosystem="forest") == pytest.approx(1.17, abs=0.005)


# W5


def test_w5_grazing_from_high_intensity_to_nominal(factor: Factor) -> None:
    """(43 - 43 x 0.90) / 20 = 0.215 tC/ha/yr = 0.788333 tCO2/ha/yr; 50 000 ha: 39 416.667; in 20 yr 788 333.333."""
    reference = factor("soil_reference_carbon", climate="cool_temperate_dry", soil="HAC")
    natural = factor("soil_land_use_factor", ecosystem="grassland", land_class="typical_steppe")
    medium = factor("soil_input_factor", ecosystem="grassland", land_class="typical_steppe")
    years = factor("transition_years")
    level = {name: factor(f"grassland_management_{name}", ecosystem="grassland") for name in ("nominal", "high_intensity_grazing")}
    before = soil.soil_carbon(reference, natural, level["high_intensity_grazing"], medium)
    after = soil.soil_carbon(reference, natural, level["nominal"], medium)
    assert float(before) == pytest.approx(38.7, rel=REL)
    rate = soil.annual_soil_change(before, after, years)
    assert float(rate) == pytest.approx(0.215, rel=REL)
    assert float(rate) * C_TO_CO2 * 50_000 == pytest.approx(39_416.666667, rel=REL)
    assert float(rate) * C_TO_CO2 * 50_000 * years == pytest.approx(788_333.333333, rel=REL)

    degraded = soil.soil_carbon(reference, natural, factor("grassland_management_severely_degraded", ecosystem="grassland"), medium)
    assert float(soil.annual_soil_change(degraded, after, years)) == pytest.approx(0.645, rel=REL)

    old = factor("soil_reference_carbon_2006", climate="cool_temperate_dry", soil="HAC")
    moderate = factor("grassland_management_moderately_degraded_2006", ecosystem="grassland")
    assert float(soil.annual_soil_change(old * moderate, old, years)) == pytest.approx(0.125, rel=REL)


def test_w5_soil_of_planted_land(factor: Factor) -> None:
    """50 x 0.80 x 1.02 x 0.95 = 38.76; (50 - 38.76) / 20 = 0.562; with a loss of 3.876: 0.7558;
    95 x 0.69 x 1.00 x 0.92 = 60.306; (95 - 60.306) / 20 = 1.7347, capped to 0.8."""
    dry, moist = "cool_temperate_dry", "cool_temperate_moist"
    crop = {"ecosystem": "other", "land_class": "cropland"}
    years, cap = factor("transition_years"), factor("artool16_rate_cap")
    loss_rule = (factor("artool16_disturbed_threshold"), factor("artool16_loss_fraction"))

    reference = factor("soil_reference_carbon_2006", climate=dry, soil="HAC")
    initial = soil.initial_soil_carbon(
        reference,
        factor("soil_land_use_factor_2006", **crop, climate=dry),
        factor("cropland_reduced_tillage", climate=dry),
        factor("cropland_input_low", climate=dry),
    )
    assert float(initial) == pytest.approx(38.76, rel=REL)
    assert float(soil.soil_disturbance_loss(initial, 0.10, *loss_rule)) == 0.0
    assert float(soil.afforestation_soil_rate(reference, initial, 0.0, years, cap)) == pytest.approx(0.562, rel=REL)
    loss = soil.soil_disturbance_loss(initial, 0.11, *loss_rule)
    assert float(loss) == pytest.approx(3.876, rel=REL)
    assert float(soil.afforestation_soil_rate(reference, initial, loss, years, cap)) == pytest.approx(0.7558, rel=REL)

    reference = factor("soil_reference_carbon_2006", climate=moist, soil="HAC")
    initial = soil.initial_soil_carbon(
        reference, factor("soil_land_use_factor_2006", **crop, climate=moist), 1.00, factor("cropland_input_low", climate=moist)
    )
    assert float(initial) == pytest.approx(60.306, rel=REL)
    assert float(soil.annual_soil_change(initial, reference, years)) == pytest.approx(1.7347, rel=REL)
    assert float(soil.afforestation_soil_rate(reference, initial, 0.0, years, cap)) == 0.8


# W6


def test_w6_steppe_fire(factor: Factor) -> None:
    """2 000 x 1.7 x 0.77 = 2 618 t: CH4 x 2.3/1000 = 6.0214, N2O x 0.21/1000 = 0.54978; x 28 and x 265: 314.2909 tCO2e."""
    grass = {"ecosystem": "grassland"}
    fuel = factor("aboveground_biomass", **grass, land_class="other_grassland", climate="cool_temperate_dry")
    burns = factor("combustion_factor", **grass)
    ch4 = fire.fire_emission(2_000, fuel, burns, factor("emission_factor_ch4", **grass))
    n2o = fire.fire_emission(2_000, fuel, burns, factor("emission_factor_n2o", **grass))
    assert float(ch4) == pytest.approx(6.0214, rel=REL)
    assert float(n2o) == pytest.approx(0.54978, rel=REL)
    total = fire.fire_emission_co2e(ch4, n2o, factor("gwp_ch4"), factor("gwp_n2o"))
    assert float(total) == pytest.approx(314.2909, rel=REL)
    co2 = fire.fire_emission(2_000, fuel, burns, factor("emission_factor_co2", **grass))
    assert float(co2) == pytest.approx(4_222.834, rel=REL)


def test_w6_boreal_forest_fire(factor: Factor) -> None:
    """500 x 41.0 = 20 500 t: CH4 96.35 t, N2O 5.33 t; 96.35 x 28 + 5.33 x 265 = 4 110.25 tCO2e."""
    forest = {"ecosystem": "forest", "land_class": "arbor_forest", "climate": "boreal"}
    fuel = factor("fuel_consumed", **forest)
    ch4 = fire.fire_emission(500, fuel, 1.0, factor("emission_factor_ch4", **forest))
    n2o = fire.fire_emission(500, fuel, 1.0, factor("emission_factor_n2o", **forest))
    assert float(ch4) == pytest.approx(96.35, rel=REL)
    assert float(n2o) == pytest.approx(5.33, rel=REL)
    assert float(fire.fire_emission_co2e(ch4, n2o, factor("gwp_ch4"), factor("gwp_n2o"))) == pytest.approx(4_110.25, rel=REL)


def test_w6_fire_in_a_project(factor: Factor) -> None:
    """0.001 x 500 x 60 x 0.40 x (4.7 x 28 + 0.26 x 265) = 12 x 200.5 = 2 406; 0.07 x 500 x (8 + 4) = 420."""
    forest = {"ecosystem": "forest", "climate": "boreal"}
    gases = [factor(f"emission_factor_{gas}", **forest) for gas in ("ch4", "n2o")]
    trees = fire.tree_fire_emission(500, 60, factor("artool08_combustion_factor", **forest), *gases, factor("gwp_ch4"), factor("gwp_n2o"))
    assert float(trees) == pytest.approx(2_406.0, rel=REL)
    dead = fire.dead_matter_fire_emission(500, 8.0, 4.0, factor("artool08_dead_matter_fraction", ecosystem="forest"))
    assert float(dead) == pytest.approx(420.0, rel=REL)


# W11


@pytest.mark.parametrize(
    ("year", "removal"),
    [(2020, 0.0), (2021, 7_883.333333), (2023, 23_650.0), (2040, 23_650.0), (2041, 15_766.666667), (2042, 15_766.666667), (2043, 0.0)],
)
def test_w11_cohorts(factor: Factor, year: int, removal: float) -> None:
    """10 000 ha start in 2020 and 20 000 in 2022, each 0.788333 tCO2e/ha/yr while start < y <= start + 20."""
    rate = 43.0 * (1.0 - 0.90) / factor("transition_years") * C_TO_CO2
    area = np.array([10_000.0, 20_000.0])
    counted = soil.cohort_years(np.array([2020, 2022]), year - 1, year, factor("transition_years"))
    assert float((area * counted).sum() * rate) == pytest.approx(removal, rel=REL)


def test_w11_regional_sum(factor: Factor) -> None:
    """30 000 ha (43; .90 -> 1), 10 000 ha (24; .70 -> .90), 5 000 ha unchanged: 23 650 + 8 800 + 0 = 32 450 tCO2e/yr."""
    years = factor("transition_years")
    area, reference = np.array([30_000.0, 10_000.0, 5_000.0]), np.array([43.0, 24.0, 43.0])
    before, after = np.array([0.90, 0.70, 1.0]), np.array([1.0, 0.90, 1.0])
    removal = area * soil.annual_soil_change(reference * before, reference * after, years) * C_TO_CO2
    np.testing.assert_allclose(removal, [23_650.0, 8_800.0, 0.0], rtol=REL, atol=1e-9)
    for later in (20, 25):
        counted = soil.cohort_years(2020, 2020, 2020 + later, years)
        assert float((removal * counted).sum()) == pytest.approx(649_000.0, rel=REL)


@given(st.integers(1950, 2050), st.integers(1, 60), st.integers(0, 60), st.integers(0, 60))
def test_a_cohort_lasts_its_transition_and_years_add_up(start: int, transition: int, first: int, length: int) -> None:
    assert float(soil.cohort_years(start, start - 100, start + 200, transition)) == transition
    begin, end = 1950 + first, 1950 + first + length
    by_year = sum(float(soil.cohort_years(start, y - 1, y, transition)) for y in range(begin + 1, end + 1))
    assert by_year == float(soil.cohort_years(start, begin, end, transition))
    assert by_year == sum(start < y <= start + transition for y in range(begin + 1, end + 1))


@given(st.integers(1980, 2030), st.integers(1, 30), st.integers(1980, 2060), st.integers(0, 40), st.integers(1, 30))
def test_spread_cohorts_are_the_mean_of_their_starts(first: int, span: int, begin: int, length: int, transition: int) -> None:
    starts = range(first, first + span)
    plain = np.mean([float(soil.cohort_years(start, begin, begin + length, transition)) for start in starts])
    assert float(soil.mean_cohort_years(first, first + span, begin, begin + length, transition)) == pytest.approx(plain, abs=1e-9)
    whole = soil.mean_cohort_years(first, first + span, first - 1, first + span + transition, transition)
    assert float(whole) == pytest.approx(transition)


def test_spread_cohorts_seen_between_2020_and_2023() -> None:
    """Starts 2020, 2021, 2022 gather 3, 2 and 1 years by 2023: mean 2."""
    assert float(soil.mean_cohort_years(2020, 2023, 2020, 2023, 20)) == 2.0
    np.testing.assert_array_equal(soil.mean_cohort_years([2020, 2020], [2021, 2023], 2020, 2023, 20), [3.0, 2.0])


# W14


def test_w14_drained_boreal_grass(factor: Factor) -> None:
    """1 200 ha: CO2 1 200 x 5.7 x 44/12 = 25 080; DOC 528; CH4 1.596 + 31.62 t = 930.048; N2O 4 747.285714; total 31 285.333714."""
    place = {"ecosystem": "grassland", "climate": "boreal", "vegetation_type": "nutrient_rich_shallow_drained"}
    co2 = wetland.organic_soil_co2(1_200, factor("drained_organic_co2", **place))
    doc = wetland.organic_soil_co2(1_200, factor("drained_organic_doc", **place))
    ditch = factor("drained_organic_ditch_fraction", **place)
    land_factor, ditch_factor = factor("drained_organic_ch4_land", **place), factor("drained_organic_ch4_ditch", **place)
    ch4 = wetland.drained_ch4(1_200, ditch, land_factor, ditch_factor) * factor("gwp_ch4")
    n2o = wetland.drained_n2o(1_200, factor("drained_organic_n2o", **place)) * factor("gwp_n2o")
    assert float(wetland.drained_ch4(1_200, ditch, land_factor, 0.0)) == pytest.approx(1.596, rel=REL)
    assert float(wetland.drained_ch4(1_200, ditch, 0.0, ditch_factor)) == pytest.approx(31.62, rel=REL)
    assert [float(one) for one in (co2, doc, ch4, n2o)] == pytest.approx([25_080, 528, 930.048, 4_747.285714], rel=REL)
    assert float(co2 + doc + ch4 + n2o) == pytest.approx(31_285.333714, rel=REL)


def test_w14_rewetted_boreal_rich(factor: Factor) -> None:
    """CO2 -2 420, DOC +352, CH4 1 200 x 137 x 16/12 / 1000 = 219.2 t = 6 137.6; net +4 069.6: a source."""
    place = {"ecosystem": "wetland", "climate": "boreal", "vegetation_type": "nutrient_rich"}
    co2 = wetland.organic_soil_co2(1_200, factor("rewetted_organic_co2", **place))
    doc = wetland.organic_soil_co2(1_200, factor("rewetted_organic_doc", **place))
    ch4 = wetland.rewetted_ch4(1_200, factor("rewetted_organic_ch4", **place))
    assert float(ch4) == pytest.approx(219.2, rel=REL)
    parts = [float(co2), float(doc), float(ch4) * factor("gwp_ch4")]
    assert parts == pytest.approx([-2_420, 352, 6_137.6], rel=REL)
    assert sum(parts) == pytest.approx(4_069.6, rel=REL)


def test_peat_stock_and_accumulation(factor: Factor) -> None:
    """110 kgC/m3 x 0.5 m = 55 kgC/m2 = 550 tC/ha; 0.39 tC/ha/yr on 100 ha = 39 tC/yr; marsh CH4 235 kg/ha on 100 ha = 23.5 t."""
    peat = {"ecosystem": "wetland", "land_class": "peatland"}
    assert float(wetland.peat_stock(1.0, factor("peat_carbon_density", **peat), factor("peat_depth", **peat))) == pytest.approx(550.0)
    assert float(wetland.peat_accumulation(100.0, factor("peat_accumulation", **peat))) == pytest.approx(39.0)
    marsh = factor("marsh_ch4", ecosystem="wetland", land_class="marsh", climate="cool_temperate_dry")
    assert float(wetland.marsh_ch4(100.0, marsh)) == pytest.approx(23.5)


# W15

MONTHS = [(-18, 4), (-14, 5), (-4, 8), (6, 15), (13, 30), (19, 55), (22, 95), (20, 80), (13, 35), (4, 15), (-8, 8), (-16, 5)]


def test_w15_respiration(factor: Factor) -> None:
    """T 22, P 95: 0.22 x (exp(2.0064) + ln(30.8775)) x 30 x 0.465 = 33.349367; the year of twelve months 165.795423."""
    rest = [factor(f"respiration_{name}") for name in ("scale", "temperature", "precipitation", "days", "carbon")]
    assert float(respiration.heterotrophic_respiration(22.0, 95.0, *rest)) == pytest.approx(33.349367, rel=REL)
    temperature, precipitation = np.array(MONTHS, dtype=float).T
    year = respiration.heterotrophic_respiration(temperature, precipitation, *rest).sum()
    assert float(year) == pytest.approx(165.795423, rel=REL)
    assert float(respiration.net_ecosystem_production(200.0, year)) == pytest.approx(34.204577, rel=REL)


# W16


def test_w16_ndvi(factor: Factor) -> None:
    """291.64 x 0.5^1.5842 = 97.264727 gC/m2; 0.35: 55.278937."""
    pair = (factor("ndvi_biomass_coefficient", ecosystem="grassland"), factor("ndvi_biomass_exponent", ecosystem="grassland"))
    carbon = grassland.ndvi_biomass_carbon([0.5, 0.35, 0.0, -0.1], *pair)
    np.testing.assert_allclose(carbon[:3], [97.264727, 55.278937, 0.0], rtol=REL)
    assert np.isnan(carbon[3])


def test_w16_roots_and_carbon_of_meadow_steppe(factor: Factor) -> None:
    """R 1385.2 / 196.7 = 7.042196, shipped as the printed 7.04; (196.7 + 1385.2) x 0.45 / 100 = 7.11855 tC/ha."""
    meadow = {"ecosystem": "grassland", "land_class": "meadow_steppe"}
    aboveground = factor("aboveground_biomass", **meadow)
    ratio = 13.852 / aboveground
    assert ratio == pytest.approx(7.042196, rel=REL)
    assert factor("root_shoot_ratio", **meadow) == round(ratio, 2)
    assert float(grassland.herb_carbon(aboveground, ratio, 0.45)) == pytest.approx(7.11855, rel=REL)


def test_w16_continuous_root_ratio(factor: Factor) -> None:
    """exp(-1.085 + 0.9256 ln b) / b at 20, 60, 120 t/ha."""
    pair = (factor("artool14_root_intercept"), factor("artool14_root_slope"))
    ratio = biomass.root_ratio_from_biomass([20.0, 60.0, 120.0, 0.0], *pair)
    np.testing.assert_allclose(ratio[:3], [0.270392, 0.249170, 0.236646], rtol=2e-6)
    assert np.isnan(ratio[3])


def test_biomass_from_volume(factor: Factor) -> None:
    """Larch 0.6079 x 100 + 17.062 = 77.852 t/ha; land without trees has none."""
    larch = {"ecosystem": "forest", "land_class": "arbor_forest", "vegetation_type": "larch"}
    pair = (factor("volume_biomass_slope", **larch), factor("volume_biomass_intercept", **larch))
    np.testing.assert_allclose(biomass.biomass_from_volume([100.0, 0.0], *pair), [77.852, 0.0])
    assert np.isnan(biomass.biomass_from_volume(np.nan, *pair))


def test_growth_from_increment() -> None:
    assert float(biomass.total_growth_from_increment(2.0, 0.5, 0.25)) == pytest.approx(1.25)


# bins


def test_a_quadratic_is_exact_at_bin_means() -> None:
    rng = np.random.default_rng(5)
    area, density = rng.uniform(0, 1, 200), rng.uniform(10, 15, 200)

    def curve(x: np.ndarray) -> np.ndarray:
        return 3.0 * x**2 - x + 2.0

    def second(x: np.ndarray) -> np.ndarray:
        return np.full_like(x, 6.0)

    sums = (area.sum(), (area * density).sum(), (area * density**2).sum())
    assert float(bins.at_bin_mean(curve, second, *sums)) == pytest.approx((area * curve(density)).sum(), rel=1e-12)


def test_a_bin_without_area_gives_nothing() -> None:
    got = bins.at_bin_mean(np.sqrt, lambda x: -0.25 * x**-1.5, [0.0, 2.0], [0.0, 8.0], [0.0, 32.0])
    np.testing.assert_allclose(got, [0.0, 4.0])


@given(st.floats(0.05, 0.75), st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(0.0, 1.0)), min_size=1, max_size=20))
def test_the_error_of_a_bin_is_within_its_bound(low: float, cells: list[tuple[float, float]]) -> None:
    width, pair = 0.05, (291.64, 1.5842)
    area = np.array([one for one, _ in cells])
    ndvi = low + width * np.array([one for _, one in cells])
    got = bins.at_bin_mean(
        lambda x: grassland.ndvi_biomass_carbon(x, *pair),
        lambda x: grassland.ndvi_biomass_second_derivative(x, *pair),
        area.sum(),
        (area * ndvi).sum(),
        (area * ndvi**2).sum(),
    )
    exact = (area * grassland.ndvi_biomass_carbon(ndvi, *pair)).sum()
    bound = bins.bin_error_bound(grassland.ndvi_biomass_third_derivative(low, *pair), width, area.sum())
    assert abs(float(got) - exact) <= float(bound) + 1e-9


def test_third_moment_of_a_cubic_reaches_the_bound() -> None:
    """f = x^3 has f''' = 6; all of the error is sum a (b - m)^3, largest with little area at one edge."""
    share = 0.5 - np.sqrt(1 / 12)  # p(1-p)(1-2p) is largest here
    area = np.array([1 - share, share])
    density = np.array([0.0, 2.0])
    got = bins.at_bin_mean(lambda x: x**3, lambda x: 6 * x, area.sum(), (area * density).sum(), (area * density**2).sum())
    error = abs(float(got) - float((area * density**3).sum()))
    bound = float(bins.bin_error_bound(6.0, 2.0, 1.0))
    assert 0.7 * bound < error <= bound


@pytest.mark.parametrize("order", [2, 3])
def test_derivatives_against_differences(order: int) -> None:
    x, h, pair = np.linspace(0.1, 0.8, 8), 1e-4, (291.64, 1.5842)
    lower = grassland.ndvi_biomass_carbon if order == 2 else grassland.ndvi_biomass_second_derivative
    own = grassland.ndvi_biomass_second_derivative if order == 2 else grassland.ndvi_biomass_third_derivative
    if order == 2:
        difference = (lower(x + h, *pair) - 2 * lower(x, *pair) + lower(x - h, *pair)) / h**2
    else:
        difference = (lower(x + h, *pair) - lower(x - h, *pair)) / (2 * h)
    np.testing.assert_allclose(own(x, *pair), difference, rtol=1e-4)


# draws


def test_a_leading_axis_of_draws_passes_through() -> None:
    n, draws = 4, 3
    flat, column = np.linspace(1.0, 2.0, n), np.linspace(0.1, 0.3, draws)[:, np.newaxis]
    results = [
        biomass.stock_from_volume(flat, flat, column, column, column),
        biomass.fuelwood_loss(flat, flat, column, column, column, column),
        biomass.disturbance_loss(flat, flat, column, column, 0.5),
        biomass.biomass_from_volume(flat, column, column),
        biomass.root_ratio_from_biomass(flat, column, column),
        grassland.ndvi_biomass_carbon(flat, column, column),
        grassland.herb_carbon(flat, column, column),
        soil.soil_carbon(flat, column, column, column),
        soil.soil_disturbance_loss(column * flat, 0.2, 0.1, 0.1),
        soil.afforestation_soil_rate(flat, column, column, 20, 0.8),
        soil.mean_cohort_years(2020, 2023, 2020, np.array([2023, 2024, 2025, 2026]), column * 100),
        wetland.drained_ch4(flat, column, column, column),
        wetland.peat_stock(flat, column, column),
        fire.tree_fire_emission(flat, flat, column, column, column, 28, 265),
        respiration.heterotrophic_respiration(flat, flat, column, column, column, 30, 0.465),
        bins.at_bin_mean(lambda x: column * x, lambda x: 0.0 * x, flat, flat, flat * 2),
    ]
    for result in results:
        assert result.shape == (draws, n)
        assert result.dtype == np.float64


def test_missing_stays_missing() -> None:
    for result in (
        biomass.stock_from_volume(1.0, [np.nan, 100.0], 0.7, 0.3, 0.47),
        grassland.ndvi_biomass_carbon([np.nan, 0.5], 291.64, 1.5842),
        soil.annual_soil_change([np.nan, 10.0], 20.0, 20),
        fire.fire_emission([np.nan, 1.0], 1.7, 0.77, 2.3),
    ):
        assert np.isnan(result).tolist() == [True, False]
