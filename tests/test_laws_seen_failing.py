"""Each law seen failing: an error is planted into the program, and the law that stands guard over it reports it."""

import dataclasses

import laws
import numpy as np
import pytest
import test_sinks_accounting as by_hand
import test_sinks_accounting_intervals as intervals
import test_sinks_accounting_lookup as lookup
from landscapes import (
    ARBOR,
    GRASS,
    LATTICE_SMALL,
    Landscape,
    Lattice,
    Recomputed,
    Run,
    cells,
    random_landscape,
    run,
    tabulated,
    tiling_zones,
)

import aoi.coverage
from sinks import pipeline, units
from sinks.accounting import balance, change, inventory, outcome, removals, rows, soil_cohorts, summary, with_intervals
from sinks.accounting.stocks import Leaves
from sinks.layers import windows
from sinks.layers.windows import Engine
from sinks.tabulate import activity
from sinks.tabulate.partials import PartialStore

# -- errors of the accounting: the tables are computed anew from one pass -------------------------------------


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Run:
    return run(random_landscape(2, lattice=LATTICE_SMALL, parcels=False), tmp_path_factory.mktemp("plain"))


def count_a_zone_twice(patch):
    """The second parent counts a zone of the first as well."""
    groups = pipeline.groups_of_zones

    def twice(zones):
        found = groups(zones)
        return {**found, "P2": [*found["P2"], "Z1"]}

    patch.setattr(pipeline, "groups_of_zones", twice)


def round_the_totals(patch):
    """Totals are rounded on their own instead of being sums of rounded leaves."""
    patch.setattr(summary, "exact_sum", lambda values: round(float(np.nansum(list(values))), 1))


def leave_out_a_leaf(patch):
    """The summary forgets a leaf."""
    plain = summary.exact_sum
    patch.setattr(summary, "exact_sum", lambda values: plain(list(values)[1:]))


def leave_out_the_transfer(patch):
    """Land that is entered takes no carbon over."""
    plain = balance._flows
    patch.setattr(balance, "_flows", lambda *given: plain(*given).assign(transfer_in_tC=0.0))


def forget_the_revaluation(patch):
    """A balance without what another look-up or another ratio changes."""
    plain = pipeline.balance
    patch.setattr(pipeline, "balance", lambda *given: plain(*given).assign(revaluation_tC=0.0))


def leave_out_dead_wood(patch):
    """Rows of dead wood are missing from the removals."""
    plain = removals._stock_difference
    patch.setattr(
        removals,
        "_stock_difference",
        lambda parts, entries, *more: plain(parts, entries.where((entries.frame["pool"] != "dead_wood").to_numpy()), *more),
    )


def call_marsh_grassland(patch):
    """A land class stands in an ecosystem that is not its own."""
    plain = outcome.stock_leaves

    def moved(*given):
        leaves = plain(*given)
        names = leaves.frame["ecosystem"].mask(leaves.frame["land_class"] == "marsh", "grassland")
        return Leaves(frame=leaves.frame.assign(ecosystem=names), values=leaves.values)

    patch.setattr(outcome, "stock_leaves", moved)


def unknown_soil_weighs_nothing(patch):
    """Land without soil factors is given soil of 0 t C."""
    plain = outcome.evaluate

    def emptied(*given):
        result = plain(*given)
        stocks = {pool: np.where(np.arange(values.shape[1]) % 2 == 0, np.nan, values) for pool, values in result.stocks.items()}
        return dataclasses.replace(result, stocks={**result.stocks, "soil_organic_carbon": stocks["soil_organic_carbon"]})

    patch.setattr(outcome, "evaluate", emptied)


def call_ignorance_certainty(patch):
    """A standard error of 0 where none is known."""
    plain = with_intervals.interval_columns

    def certain(suffix, central, *more):
        columns = plain(suffix, central, *more)
        return {name: np.where(np.isnan(central), np.nan, np.nan_to_num(one)) if name.startswith("se") else one for name, one in columns.items()}

    patch.setattr(with_intervals, "interval_columns", certain)


ACCOUNTING_LAWS = {
    "zones sum to the parent": lambda one: laws.zones_sum_to_parent(one.texts("summary"), one.zones),
    "ecosystems sum to the total": lambda one: laws.ecosystems_sum_to_total(one.texts("summary")),
    "leaves sum to the summary": lambda one: laws.leaves_sum_to_summary(one.texts("stocks"), "stock_tC", one.texts("summary"), "stock_tC"),
    "identity of the balance": lambda one: laws.balance_identity(one.exact("balance")),
    "transfers cancel": lambda one: laws.transfers_cancel(one.exact("balance")),
    "balance holds the removals": lambda one: laws.balance_holds_removals(one.exact("balance"), one.table("removals")),
    "one pixel, one ecosystem": lambda one: laws.stocks_stand_on_all_land(one.exact("stocks"), one.exact("land_use")),
    "unknown is not zero": lambda one: laws.values_without_land(one.exact("stocks").query("value_flag == 'V'")),
    "unknown is not certain": lambda one: laws.errors_of_nothing(one.exact("stocks")),
}


@pytest.mark.parametrize(
    ("plant", "law"),
    [
        (count_a_zone_twice, "zones sum to the parent"),
        (round_the_totals, "ecosystems sum to the total"),
        (leave_out_a_leaf, "leaves sum to the summary"),
        (leave_out_the_transfer, "identity of the balance"),
        (leave_out_the_transfer, "transfers cancel"),
        (forget_the_revaluation, "identity of the balance"),
        (leave_out_dead_wood, "balance holds the removals"),
        (call_marsh_grassland, "one pixel, one ecosystem"),
        (unknown_soil_weighs_nothing, "unknown is not zero"),
        (call_ignorance_certainty, "unknown is not certain"),
    ],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
def test_an_error_of_the_accounting_is_seen(done, monkeypatch, plant, law):
    """The law is kept by the program as it is, and reports the planted error."""
    plant(monkeypatch)
    planted = Recomputed(done)
    planted.zones = done.texts("zones")
    assert ACCOUNTING_LAWS[law](planted) > 1e-3


def test_the_same_laws_hold_without_an_error(done):
    """What the planted errors break is whole before."""
    plain = Recomputed(done)
    plain.zones = done.texts("zones")
    assert {name: law(plain) for name, law in ACCOUNTING_LAWS.items() if law(plain) > 1e-6} == {}


# -- errors that a calculation by hand sees ------------------------------------------------------------------


def a_hole_is_a_clearing(patch):
    """Unknown land is taken for land of another class."""
    for module in (change, inventory, soil_cohorts):
        if hasattr(module, "holes"):
            patch.setattr(module, "holes", lambda pairs: np.zeros(len(pairs.frame), dtype=bool))
    plain = inventory.entries_of_change
    patch.setattr(
        inventory, "entries_of_change", lambda *given: dataclasses.replace(one := plain(*given), frame=one.frame.assign(hole=False))
    )


def losses_are_memos(patch):
    """Nothing that changes hands counts in S."""
    patch.setattr(
        removals, "_accounts", lambda frame, *_: (np.full(len(frame), "memo", dtype=object), np.full(len(frame), "x", dtype=object))
    )


def soil_changes_at_once(patch):
    """A cohort counts every year of its interval, also those before the change."""
    plain = soil_cohorts.soil.mean_cohort_years

    def whole(first, last, start, end, years):
        return plain(first, last, start, end, years) * 0.0 + (np.asarray(end, dtype=float) - np.asarray(start, dtype=float))

    patch.setattr(soil_cohorts.soil, "mean_cohort_years", whole)


def forest_jumps_to_its_mean(patch):
    """New forest has the biomass of its class at once."""
    plain = inventory.young_carbon
    patch.setattr(inventory, "young_carbon", lambda *given: plain(*given) * 1e6)


def a_root_ratio_for_each_date(patch):
    """The density of each date chooses its own root ratio."""
    plain = rows.pair_cells

    def own(table, *given):
        found = plain(table, *given)
        mean = np.divide(found.end.sum, found.end.area, out=np.zeros(len(found.end)), where=found.end.area > 0)
        return dataclasses.replace(found, end=dataclasses.replace(found.end, density_bin=mean))

    patch.setattr(pipeline, "pair_cells", own)


def the_later_date_weighs_more(patch):
    """A thousandth more at the later date, which no map says."""
    plain = rows.pair_cells

    def more(*given):
        found = plain(*given)
        return dataclasses.replace(found, end=dataclasses.replace(found.end, sum=found.end.sum * 1.001))

    patch.setattr(pipeline, "pair_cells", more)


def soil_is_looked_up_again(patch):
    """The soil of a later date by its class."""
    plain = outcome.evaluate

    def again(prepared, values):
        carbon = prepared.year_pools["soil_organic_carbon"]
        looked_up = carbon.terms.totals(np.concatenate([values, np.full((len(values), 1), np.nan)], axis=1))
        result = plain(prepared, values)
        return dataclasses.replace(result, stocks={**result.stocks, "soil_organic_carbon": looked_up})

    patch.setattr(outcome, "evaluate", again)


def leagues_are_independent(patch):
    """The second league draws its factors the other way round."""
    plain = pipeline.assess

    def turned(*given):
        found = plain(*given)
        zones = np.concatenate([leaves.frame["zone"].to_numpy(dtype=object) for leaves in (found.central.stocks, found.central.removals)])
        rows = np.where(zones == "Z2", -found.effects.rows, found.effects.rows)
        return dataclasses.replace(found, effects=dataclasses.replace(found.effects, rows=rows))

    patch.setattr(pipeline, "assess", turned)


def classes_are_mixed_up(patch):
    """The densities of the table go to other classes."""
    plain = pipeline.densities_by_pool

    def mixed(table):
        return {pool: dict(zip(one, [*list(one.values())[1:], 0.0], strict=True)) for pool, one in plain(table).items()}

    patch.setattr(pipeline, "densities_by_pool", mixed)


cleared, planted, hole, unchanged, birch, study = (
    by_hand.cleared, by_hand.planted, by_hand.hole, by_hand.unchanged, intervals.birch, lookup.study,
)  # fmt: skip
"""The landscapes of those files."""


@pytest.mark.parametrize(
    ("plant", "landscape", "law"),
    [
        (losses_are_memos, "cleared", by_hand.test_clearing_a_forest_shows_in_the_offset),
        (soil_changes_at_once, "cleared", by_hand.test_dead_matter_stays_in_place_and_decays),
        (soil_changes_at_once, "planted", by_hand.test_soil_cohorts_of_two_intervals),
        (soil_is_looked_up_again, "planted", by_hand.test_soil_stock_is_never_a_second_look_up),
        (forest_jumps_to_its_mean, "planted", by_hand.test_new_forest_holds_what_can_have_grown),
        (the_later_date_weighs_more, "unchanged", by_hand.test_no_change_of_class_and_density_is_no_removal),
        (leagues_are_independent, "birch", intervals.test_a_shared_factor_adds_linearly_over_leagues),
        (classes_are_mixed_up, "study", lookup.test_the_summary_is_the_study_rounded_by_leaf),
    ],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
def test_an_error_is_seen_by_hand(request, monkeypatch, plant, landscape, law):
    """The test that keeps the law passes on the landscape, and fails on the same landscape with the error."""
    plain = request.getfixturevalue(landscape)
    law(plain)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        law(Recomputed(plain))


def test_a_hole_that_is_taken_for_a_clearing_is_seen(hole, tmp_path, monkeypatch):
    """The law of holes reports it."""
    never = tabulated(by_hand.with_hole(True), tmp_path)
    assert laws.same_removals(Recomputed(hole).exact("removals"), Recomputed(never).exact("removals")) == 0
    a_hole_is_a_clearing(monkeypatch)
    assert laws.same_removals(Recomputed(hole).exact("removals"), Recomputed(never).exact("removals")) > 10


def test_a_step_of_the_root_ratio_is_seen(tmp_path, monkeypatch):
    """A removal that comes from a step in R alone is not zero: the table of an unchanged stock of roots is not, either."""
    biomass = {2017: cells(LATTICE_SMALL, 70.0), 2020: cells(LATTICE_SMALL, 80.0)}
    strata = {"climate": cells(LATTICE_SMALL, 2), "soil": cells(LATTICE_SMALL, 1)}
    land = {year: cells(LATTICE_SMALL, ARBOR) for year in biomass}
    wanted = Landscape(lattice=LATTICE_SMALL, land=land, layers={"aboveground_biomass": biomass}, strata=strata)
    small = tabulated(wanted, tmp_path)

    def roots() -> float:
        return (
            Recomputed(small)
            .exact("removals")
            .query("pool == 'belowground_biomass' and approach == 'stock_difference'")["removal_tCO2e_per_year"]
            .sum()
        )

    assert roots() > 0
    a_root_ratio_for_each_date(monkeypatch)
    assert roots() < 0


# -- errors of the pass: the rasters are read again ----------------------------------------------------------

WIDE = Lattice(height=3, width=1100)


def wide_landscape() -> Landscape:
    """Three tiles side by side."""
    random = np.random.default_rng(6)
    land = {year: random.choice(np.array([ARBOR, GRASS]), size=WIDE.shape) for year in (2020, 2023)}
    layers = {"aboveground_biomass": {year: 90.0 * random.random(WIDE.shape) for year in land}}
    return Landscape(lattice=WIDE, land=land, layers=layers, base_year=False, zones=tiling_zones(WIDE, 2))


def drop_a_tile(patch):
    """The last tile is not added."""
    plain = PartialStore.read
    patch.setattr(PartialStore, "read", lambda store: list(plain(store))[:-1])


def count_a_tile_twice(patch):
    """A tile that was done before a crash is added again."""
    plain = PartialStore.read
    patch.setattr(PartialStore, "read", lambda store: [*plain(store), next(plain(store))])


def skip_the_fractions(patch):
    """Cells on a border count whole in both zones."""
    plain = aoi.coverage.footprint
    patch.setattr(
        aoi.coverage, "footprint", lambda *given: dataclasses.replace(one := plain(*given), fractions=np.ones(len(one.fractions)))
    )


@pytest.mark.parametrize("plant", [drop_a_tile, count_a_tile_twice], ids=lambda one: one.__name__)
def test_a_wrong_sum_of_tiles_is_seen(tmp_path, monkeypatch, plant):
    """The land-use matrix does not close."""
    plant(monkeypatch)
    wrong = run(wide_landscape(), tmp_path)
    assert laws.land_use_closes(wrong.exact("land_use"), wrong.exact("zones")) > 0.01


def test_skipped_fractions_are_seen(tmp_path, monkeypatch):
    """Areas do not close on polygons."""
    skip_the_fractions(monkeypatch)
    wrong = run(random_landscape(2, lattice=Lattice(height=5, width=6), parcels=False), tmp_path)
    assert laws.areas_close(wrong.exact("zones")) > 1e-3


def change_cells(patch, change):
    """Cells reach the kernel other than they stand in their file."""
    plain = windows.read_stored

    def changed(*given):
        found = plain(*given)
        found.cells[...] = change(found)
        return found

    patch.setattr(windows, "read_stored", changed)


def test_a_shift_of_a_pixel_is_seen(tmp_path, monkeypatch):
    """Areas of classes in a zone are not those of its cells."""
    lattice = Lattice(height=4, width=6)
    zone = [("Z1", "R", lattice.rectangle(1, 1, 4, 3))]
    wanted = Landscape(lattice=lattice, land={2020: cells(lattice, ARBOR, (np.s_[:, 2:], GRASS))}, zones=zone, base_year=False)
    expected = {ARBOR: 2 * lattice.cell_ha, GRASS: 4 * lattice.cell_ha}
    assert laws.class_areas_missed(run(wanted, tmp_path / "plain").exact("activity_year"), expected) <= 1e-9
    change_cells(monkeypatch, lambda found: np.roll(found.cells, 1, axis=1))
    assert laws.class_areas_missed(run(wanted, tmp_path / "shifted").exact("activity_year"), expected) > lattice.cell_ha


def test_a_hole_counted_as_zero_is_seen(tmp_path, monkeypatch):
    """Cells without biomass that enter as 0 t/ha hide their missing area."""
    lattice = Lattice(height=4, width=6)
    biomass = {2020: cells(lattice, 60.0, (np.s_[0, :2], np.nan))}
    wanted = Landscape(lattice=lattice, land={2020: cells(lattice, ARBOR)}, layers={"aboveground_biomass": biomass}, base_year=False)
    expected = 2 * lattice.cell_ha
    assert laws.hidden_missing_area(run(wanted, tmp_path / "plain").exact("stocks"), "aboveground_biomass", expected) <= 1e-9
    change_cells(monkeypatch, lambda found: np.where(found.cells == found.nodata, 0.0, found.cells) if found.nodata is not None else found.cells)
    assert laws.hidden_missing_area(run(wanted, tmp_path / "zero").exact("stocks"), "aboveground_biomass", expected) > lattice.cell_ha


def test_a_swapped_unit_is_seen(tmp_path, monkeypatch):
    """Kilograms per square metre taken for tonnes per hectare: the law of units reports a factor of ten."""
    lattice = Lattice(height=4, width=6)
    land = {2020: cells(lattice, ARBOR)}
    tonnes = Landscape(lattice=lattice, land=land, layers={"aboveground_biomass": {2020: cells(lattice, 80.0)}}, base_year=False)
    kilograms = tonnes.but(layers={"aboveground_biomass": {2020: cells(lattice, 8.0)}}).section("aboveground_biomass", unit="kg m-2")
    one, other = tabulated(tonnes, tmp_path / "t"), tabulated(kilograms, tmp_path / "kg")
    stocks = one.result().stocks["aboveground_biomass"]
    assert laws.relative_difference(stocks, other.result().stocks["aboveground_biomass"]) <= 1e-12
    monkeypatch.setitem(units._TONNES_PER_HECTARE, "kg m-2", 1.0)
    swapped = pipeline.value_units(other.setup.config)
    monkeypatch.setattr(pipeline, "value_units", lambda config: swapped)
    pipeline.snapshot(other.setup)
    assert laws.relative_difference(stocks, other.result().stocks["aboveground_biomass"]) > 0.8


@pytest.mark.parametrize("what", ["order of tiles", "size of windows"])
def test_a_trace_of_how_a_run_was_done_is_seen(tmp_path, monkeypatch, what):
    """Sums in the order in which tiles come, or cells that depend on the window, change bytes."""
    plain = run(wide_landscape(), tmp_path / "plain").bytes()
    if what == "order of tiles":
        read = PartialStore.read
        monkeypatch.setattr(activity, "ExactSums", RoundedSums)
        monkeypatch.setattr(PartialStore, "read", lambda store: list(read(store))[::-1])
    else:
        change_cells(monkeypatch, lambda found: found.cells * (1 + 1e-6 * found.cells.shape[1]) if found.kind == "values" else found.cells)
    again = run(wide_landscape(), tmp_path / "again", Engine(threads=1, window_tiles=2))
    assert "activity_year.csv" in laws.different_files(plain, again.bytes())


class RoundedSums:
    """Sums that are rounded at every step."""

    def __init__(self, wide):
        self.sums = {}
        self.wide = wide

    def add(self, places, terms):
        for place, row in zip(places.tolist(), terms, strict=True):
            self.sums[place] = self.sums.get(place, np.zeros(self.wide)) + np.pad(row, (0, self.wide - len(row)))

    def totals(self, rows):
        return np.array([self.sums[place] for place in range(rows)]).reshape(rows, self.wide)
