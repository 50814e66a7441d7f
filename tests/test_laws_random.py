"""Laws of every table, on random landscapes: all land classes, holes, strata, three dates, conversions both ways, peat, parcels.

All tests draw the same landscapes, so each is run once.
"""

from decimal import Decimal

import laws
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from landscapes import PLACES, Recipe, Runs

recipes = st.builds(
    Recipe, seed=st.integers(0, 2**20), zones=st.integers(2, 3), holes=st.booleans(), climate_holes=st.booleans(), peat=st.booleans(),
    parcels=st.booleans(), crs=st.sampled_from(list(PLACES)),
)  # fmt: skip


def on_random_landscapes(test):
    """The same few random landscapes for every law."""
    kept = settings(max_examples=4, database=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
    return seed(20231130)(kept(given(recipe=recipes)(test)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


@on_random_landscapes
def test_zones_sum_to_their_parent_in_decimals(runs, recipe):
    """Leagues = region: every value of the summary, exact."""
    run = runs.of(recipe)
    assert laws.zones_sum_to_parent(run.texts("summary"), run.texts("zones")) == 0


@on_random_landscapes
def test_ecosystems_sum_to_the_total_in_decimals(runs, recipe):
    """Forest + grassland + wetland (+ land that left them) = total, exact."""
    assert laws.ecosystems_sum_to_total(runs.of(recipe).texts("summary")) == 0


@on_random_landscapes
@pytest.mark.parametrize(
    ("leaves", "value", "quantity"),
    [
        ("stocks", "stock_tC", "stock_tC"),
        ("removals", "removal_tCO2e_per_year", "removal_tCO2e_per_year"),
        ("removals", "removal_tCO2e_per_year", "removal_offset_tCO2e_per_year"),
    ],
)
def test_the_summary_is_the_sum_of_rounded_leaves(runs, recipe, leaves, value, quantity):
    """A reader who adds up the leaves of the CSV file gets the summary, to the last digit."""
    run = runs.of(recipe)
    assert laws.leaves_sum_to_summary(run.texts(leaves), value, run.texts("summary"), quantity) == Decimal(0)


@on_random_landscapes
def test_areas_close_on_polygons(runs, recipe):
    """The area of a zone on the grid is that of its polygon to 1e-9."""
    assert laws.areas_close(runs.of(recipe).exact("zones")) <= 1e-9


@on_random_landscapes
def test_every_row_of_the_balance_holds_the_identity(runs, recipe):
    """End - start = removal + transfer in - transfer out + revaluation, to 1e-6 t or 1e-9."""
    balance = runs.of(recipe).exact("balance")
    assert len(balance) > 0
    assert laws.balance_identity(balance) <= 1e-6


@on_random_landscapes
def test_transfers_cancel_over_the_four_ecosystems(runs, recipe):
    """What one ecosystem hands over another takes."""
    assert laws.transfers_cancel(runs.of(recipe).exact("balance")) <= 1e-6


@on_random_landscapes
def test_the_balance_holds_the_removals(runs, recipe):
    """Removal of the balance = removals x years x 12/44, offset and memo together; what is not estimated counts 0."""
    run = runs.of(recipe)
    assert laws.balance_holds_removals(run.exact("balance"), run.table("removals")) <= 1e-6


@on_random_landscapes
def test_the_land_use_matrix_closes_on_both_dates(runs, recipe):
    """Rows and columns, unknown land among them, add up to the zone, and two intervals agree on their common date."""
    run = runs.of(recipe)
    assert laws.land_use_closes(run.exact("land_use"), run.exact("zones")) <= 1e-9


@on_random_landscapes
def test_one_pixel_one_ecosystem(runs, recipe):
    """Each pool's stock stands on exactly the land of the three ecosystems, class by class."""
    run = runs.of(recipe)
    assert laws.stocks_stand_on_all_land(run.exact("stocks"), run.exact("land_use")) <= 1e-7


@on_random_landscapes
def test_a_value_stands_on_land_that_has_one(runs, recipe):
    """No value without land that has data: unknown is shown as missing area, never as zero carbon."""
    stocks = runs.of(recipe).exact("stocks")
    valued = stocks[stocks["value_flag"] == "V"]
    assert laws.values_without_land(valued) == 0
    assert (stocks.loc[stocks["value_flag"] != "V", "stock_tC"]).isna().all()
    assert (stocks["missing_ha"] <= stocks["area_ha"] + 1e-9).all()


@on_random_landscapes
def test_land_that_was_not_estimated_says_why(runs, recipe):
    """A row without a value has a flag and a reason; a row with a value that is out of the offset too."""
    removals = runs.of(recipe).table("removals")
    assert removals.loc[removals["value_flag"] != "V", "reason"].notna().all()
    assert removals.loc[removals["account"] == "memo", "reason"].notna().all()
    assert (removals.loc[removals["value_flag"] == "V", "removal_tCO2e_per_year"].notna()).all()
