"""Explain: a number back to rows, factors, sources and arithmetic; the parts add up to the number for every leaf."""

import numpy as np
import pytest
from landscapes import ARBOR, LATTICE_SMALL, Landscape, Lattice, Run, cells, random_landscape, run

from aoi.findings import InputError
from aoi.texts import choose_language
from sinks import explain as module
from sinks.explain import Asked, as_lines, explain
from sinks.pipeline import evaluated


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Run:
    """A landscape with everything: holes, conversions both ways, cohorts, peat, three dates."""
    return run(random_landscape(33, lattice=LATTICE_SMALL, zones=2, parcels=False), tmp_path_factory.mktemp("explain"))


@pytest.fixture(scope="module")
def work(done):
    inventory = done.inventory()
    return module._Work(inventory, evaluated(inventory))


def leaves_of(done: Run, work, table: str) -> list:
    """Every leaf of a table that has a value."""
    build = work.stock_leaf if table == "stocks" else work.removal_leaf
    rows = done.table(table)
    return [build(row) for row in rows[rows["value_flag"] == "V"].to_dict("records")]


@pytest.fixture(scope="module")
def leaves(done, work) -> dict[str, list]:
    """Every leaf with a value, of both tables."""
    return {table: leaves_of(done, work, table) for table in ("stocks", "removals")}


def missed(leaves: list) -> float:
    """The most by which parts miss their leaf, beyond 0.001 for each part."""
    return max((abs(leaf.sum_of_parts - leaf.value) - 0.001 * max(1, len(leaf.parts)) for leaf in leaves), default=float("inf"))


@pytest.mark.parametrize("table", ["stocks", "removals"])
def test_parts_add_up_to_every_leaf(leaves, table):
    """Stocks, and removals by stock difference and by gain-loss: growth, conversion, cohorts, methane of marsh."""
    assert len(leaves[table]) > 60
    assert missed(leaves[table]) <= 0.0


def test_every_value_has_a_part(leaves):
    """No leaf is explained by nothing."""
    assert all(leaf.parts for table in leaves.values() for leaf in table)


def test_terms_add_up_to_the_parts_of_a_stock(leaves):
    """Below a part stand the terms that the accounting summed; the soil of later dates says that it is a chain."""
    for leaf in leaves["stocks"]:
        for part in leaf.parts:
            if part.terms:
                assert sum(term["value"] for term in part.terms) == pytest.approx(part.value, rel=1e-9, abs=1e-9)
            else:
                assert part.note


def test_factors_that_are_printed_are_factors_that_were_used(done, leaves):
    """Every factor id of every term stands in the table of factors, with the same value."""
    used = done.table("factors_used").set_index("id")["value"]
    printed = {}
    for leaf in [*leaves["stocks"], *leaves["removals"]]:
        for part in leaf.parts:
            for term in part.terms:
                printed |= {factor["id"]: factor["value"] for factor in term["factors"]}
    assert len(printed) > 15
    assert {id: used[id] for id in printed} == printed


def test_a_term_can_be_recomputed_by_hand(tmp_path):
    """C = B * CF of one bin: the printed amounts and factors give the printed value."""
    lattice = Lattice(height=2, width=3)
    wanted = Landscape(
        lattice=lattice, land={2020: cells(lattice, ARBOR)}, layers={"aboveground_biomass": {2020: cells(lattice, 62.5)}}, base_year=False
    )
    (leaf,) = explain(run(wanted, tmp_path).out, Asked(zone="Z1", ecosystem="forest", year=2020, pool="aboveground_biomass"), "stocks")
    (part,) = leaf.parts
    (term,) = part.terms
    assert term["text"] == "C = B * CF"
    assert term["amounts"] == {"B [t d.m.]": pytest.approx(6 * lattice.cell_ha * 62.5)}
    assert [factor["id"] for factor in term["factors"]] == ["carbon_fraction.tree"]
    assert term["value"] == pytest.approx(6 * lattice.cell_ha * 62.5 * 0.47)
    assert leaf.value == pytest.approx(term["value"], abs=6e-4)


@pytest.mark.parametrize(("table", "pool"), [("stocks", "soil_organic_carbon"), ("removals", "aboveground_biomass")])
def test_what_is_asked_for_is_what_is_explained(done, table, pool):
    """Zone, ecosystem, year and pool narrow the leaves."""
    leaves = explain(done.out, Asked(zone="Z1", ecosystem="forest", year=2023, pool=pool), table)
    assert {(leaf.keys["zone"], leaf.keys["ecosystem"], leaf.keys["year"], leaf.keys["pool"]) for leaf in leaves} == {
        ("Z1", "forest", 2023, pool)
    }


@pytest.mark.parametrize("language", ["zh", "en"])
def test_lines_for_people_name_sources_and_the_sum(done, language):
    """Each leaf ends with the sum of its parts beside its number; sources stand once, at the end."""
    choose_language(language)
    try:
        lines = as_lines(explain(done.out, Asked(zone="Z1", ecosystem="forest", year=2023, pool="aboveground_biomass"), "stocks"))
    finally:
        choose_language("zh")
    assert any("carbon_fraction.tree: 0.47" in line and "IPCC" in line for line in lines)
    assert sum(line.startswith("  carbon_fraction.tree:") for line in lines) == 1


def test_a_number_that_is_not_there_is_refused(done):
    """The message names what was asked."""
    with pytest.raises(InputError) as caught:
        explain(done.out, Asked(zone="Q9", ecosystem="forest", year=2023), "stocks")
    (found,) = caught.value.findings
    assert found.id == "E-EXPLAIN-01"
    assert "Q9" in found.line("en")


def test_a_folder_without_a_run_is_refused(tmp_path):
    """Explain reads a run folder alone."""
    with pytest.raises(InputError) as caught:
        explain(tmp_path, Asked(zone="Z1", ecosystem="forest", year=2023), "stocks")
    assert [one.id for one in caught.value.findings] == ["E-RUN-05"]


def test_a_part_that_is_left_out_is_seen(done, work, monkeypatch):
    """The law fails when explain forgets a piece of land."""
    build = module._Work.removal_leaf

    def short(one, row):
        leaf = build(one, row)
        leaf.parts = leaf.parts[: int(np.ceil(len(leaf.parts) / 2))]
        return leaf

    monkeypatch.setattr(module._Work, "removal_leaf", short)
    assert missed(leaves_of(done, work, "removals")) > 1.0
