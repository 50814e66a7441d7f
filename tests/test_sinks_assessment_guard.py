"""No tonne twice: land of two projects or two programmes, drafts, more units than were quantified; and whose each tonne is."""

from decimal import Decimal
from fractions import Fraction

import geopandas
import pytest
from assessments import issue, ledger_of, offsets_of, state, write_csv, write_events, write_run
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from aoi.findings import InputError, errors
from aoi.parcels import read_parcels
from methodologies.discovery import discover
from sinks import tables
from sinks.assessment.basis import read_basis
from sinks.assessment.guard import Known, check_ledger, known_statuses, overlaps
from sinks.assessment.ledger import Ledger
from sinks.assessment.owner_map import owner_map
from sinks.assessment.owners import Claim, polygon_account
from sinks.assessment.sources import Source, read_quantifications
from sinks.assessment.stage import settle_offsets
from sinks.assessment.values import value
from sinks.cli import main
from sinks.config import PolicySection

LON, LAT = 118.0, 42.0
METRE = 1 / 111_000


def parcels_of(path, rows):
    """Parcels (code, project, programme, west edge, east edge in degrees) as a file that is read again."""
    frame = geopandas.GeoDataFrame(
        {
            "parcel": [row[0] for row in rows], "project": [row[1] for row in rows], "programme": [row[2] for row in rows],
            "vintage": [2021] * len(rows),
        },
        geometry=[box(LON + row[3], LAT, LON + row[4], LAT + 0.01) for row in rows], crs="EPSG:4490",
    )  # fmt: skip
    frame.to_file(path, driver="GPKG")
    parcels, found = read_parcels(path, where=path.name)
    assert errors(found) == []
    return parcels


def ids(rows, **known):
    """What is wrong with a ledger against what is known."""
    return [one.id for one in check_ledger(ledger_of(rows), Known(**known))]


TWO = [issue("A", 90, serial_first=1), issue("B", 90, serial_first=1001, project="P2", parcels="B-1")]


def test_parcels_of_two_projects_overlap_in_a_vintage(tmp_path):
    """In the same vintage it is refused with both names and the area; in different vintages it is not."""
    parcels = parcels_of(tmp_path / "p.gpkg", [("A-1", "P1", "CCER", 0, 0.01), ("B-1", "P2", "CCER", 0.009, 0.02)])
    assert ids(TWO, parcels=parcels) == ["E-LEDGER-38"]
    assert ids([TWO[0], {**TWO[1], "vintage": "2022"}], parcels=parcels) == []
    (found,) = check_ledger(ledger_of(TWO), Known(parcels=parcels))
    assert "A-1 (P1, CCER)" in found.line("en")
    assert "B-1 (P2, CCER)" in found.line("zh")
    assert 9.1 < float(found.values["area"]) < 9.3, "0.001 x 0.01 degrees at 42 N: 83 m x 1 111 m"


def test_slivers_are_borders_drawn_twice(tmp_path):
    """A strip of 0.05 m along a border of 1.1 km is 0.006 ha, below the stated 0.01 ha; one of 0.2 m is not."""
    assert value("sliver_ha") == Decimal("0.01")
    for width, expected in ((0.05, []), (0.2, ["E-LEDGER-38"])):
        strip = width * METRE / 0.743
        parcels = parcels_of(tmp_path / f"{width}.gpkg", [("A-1", "P1", "CCER", 0, 0.01 + strip), ("B-1", "P2", "CCER", 0.01, 0.02)])
        assert ids(TWO, parcels=parcels) == expected


def test_the_same_land_in_two_programmes(tmp_path):
    """Refused whatever the vintage: within the file of projects, and against the land that other programmes hold."""
    both = parcels_of(tmp_path / "p.gpkg", [("A-1", "P1", "CCER", 0, 0.01), ("B-1", "P2", "VCS", 0.009, 0.02)])
    assert ids([TWO[0]], parcels=both) == ["E-LEDGER-39"]
    mine = parcels_of(tmp_path / "m.gpkg", [("A-1", "P1", "CCER", 0, 0.01)])
    others = parcels_of(tmp_path / "o.gpkg", [("V-1", "V", "VCS", 0.005, 0.02)])
    assert ids([TWO[0]], parcels=mine, others=others) == ["E-LEDGER-39"]
    assert ids([TWO[0]], parcels=mine, others=parcels_of(tmp_path / "f.gpkg", [("V-1", "V", "VCS", 0.5, 0.6)])) == []


def test_parcels_that_are_not_there_or_of_someone_else(tmp_path):
    """A ledger names parcels of the file, under their project and programme; without a file it says that land is not checked."""
    parcels = parcels_of(tmp_path / "p.gpkg", [("A-1", "P1", "CCER", 0, 0.01), ("B-1", "P3", "CCER", 0.02, 0.03)])
    assert ids([issue("A", 90, parcels="A-1 Z-9")], parcels=parcels) == ["E-LEDGER-36"]
    assert ids(TWO, parcels=parcels) == ["E-LEDGER-37"]
    assert ids(TWO) == ["W-LEDGER-35"]


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.02), st.floats(0.001, 0.02))
def test_overlap_is_symmetric_and_exact(shift, width):
    """The shared area is that of the shared rectangle, from either side."""
    from aoi.zones import Zones, geodesic_area_ha

    def zones(west, east):
        return Zones(
            name="x", codes=("a",), names_zh=("a",), names_en=("a",), parents=("",), geometries=(box(west, 42, east, 42.01),), crs="EPSG:4490"
        )

    one, other = zones(118, 118.01), zones(118 + shift, 118 + shift + width)
    shared = max(0.0, min(118.01, 118 + shift + width) - (118 + shift))
    both = overlaps(one, other), overlaps(other, one)
    assert [len(some) for some in both] in ([0, 0], [1, 1])
    if shared > 1e-6:
        area = geodesic_area_ha(box(118 + shift, 42, 118 + shift + shared, 42.01), "EPSG:4490")
        assert both[0][0][2] == pytest.approx(area, rel=1e-6)
        assert both[1][0][2] == pytest.approx(area, rel=1e-6)


def test_drafts_and_unknown_methodologies_stay_out():
    """A regional draft, a withdrawn one, one that nobody knows; a plug-in that is official comes in."""
    assert ids([issue("A", 90, module="planted_shrubland")])[0] == "E-LEDGER-30"
    assert ids([issue("A", 90, module="mine")])[0] == "E-LEDGER-31"
    assert ids([issue("A", 90, module="mine")], statuses={"mine": "regional_draft"})[0] == "E-LEDGER-30"
    assert ids([issue("A", 90, module="mine")], statuses={"mine": "official"}) == ["W-LEDGER-35"]
    assert ids([issue("A", 90, module="planted_shrubland")], statuses={"planted_shrubland": "official"})[0] == "E-LEDGER-30"


def test_known_statuses_are_those_of_the_shipped_modules():
    """What the ledger takes for official or draft is what the modules say of themselves."""
    shipped = {id: one.methodology.status for id, one in discover(plugins=False).loaded.items()}
    assert shipped.items() <= known_statuses().items()


def quantified(path, rows):
    """Net rows (project, league, vintage, tonnes after the risk share)."""
    return write_csv(
        path, tables.QUANTIFICATIONS.names,
        [
            {"project": project, "module": "ccer_14_001_v01", "status": "official", "league": league, "vintage": vintage, "stratum": "s", "period": "2021",
             "term": "net", "pool": "total", "sign": 1, "gross_tCO2e": tonnes, "after_uncertainty_tCO2e": tonnes, "after_other_tCO2e": tonnes / 0.9,
             "after_risk_tCO2e": tonnes}
            for project, league, vintage, tonnes in rows
        ],
    )  # fmt: skip


def test_units_against_their_quantification(tmp_path):
    """By vintage within the rounding of a largest remainder, in total exactly; shares by modelled removal."""
    path = quantified(tmp_path / "q.csv", [("P1", "150400", 2021, 60.4), ("P1", "150500", 2021, 40.2), ("P1", "150400", 2022, 50.6)])
    rows = read_quantifications([Source(path, "q.csv")])
    shares = {"league_shares": "150400:0.6;150500:0.4"}
    assert ids([issue("A", 100, **shares)], quantifications=rows) == ["W-LEDGER-35"]
    assert ids([issue("A", 101, **shares)], quantifications=rows) == ["W-LEDGER-35"], "a largest remainder may give a vintage part of a tonne more"
    assert "E-LEDGER-33" in ids([issue("A", 102, **shares)], quantifications=rows)
    both = [issue("A", 101, serial_first=1, **shares), issue("B", 51, serial_first=1001, vintage=2022)]
    assert "E-LEDGER-33" in ids(both, quantifications=rows), "152 t of 151.2"
    assert ids([issue("A", 100, league_shares="150400:1")], quantifications=rows)[0] == "W-LEDGER-34"


def test_a_quantification_counts_once(tmp_path):
    """The same project, module and vintage in two files is refused."""
    one, two = (quantified(tmp_path / name, [("P1", "150400", 2021, 60.4)]) for name in ("a.csv", "b.csv"))
    with pytest.raises(InputError) as caught:
        read_quantifications([Source(one, "a.csv"), Source(two, "b.csv")])
    assert [one.id for one in caught.value.findings] == ["E-OFFSET-02"]


def test_leagues_that_the_run_does_not_have():
    """An old code is no league."""
    assert "E-LEDGER-32" in ids([issue("A", 90, league_shares="152100:1")], leagues=frozenset({"150700"}))


def test_import_refuses_what_overlaps_and_keeps_nothing(tmp_path, capsys):
    """``sinks ledger import`` with parcels: exit 2, the ledger as before; the good file goes in, and shows."""
    parcels_of(tmp_path / "p.gpkg", [("A-1", "P1", "CCER", 0, 0.01), ("B-1", "P2", "CCER", 0.009, 0.02)])
    ledger, good = tmp_path / "ledger.sqlite", write_events(tmp_path / "good.csv", TWO[:1])
    bad = write_events(tmp_path / "bad.csv", TWO[1:])
    main(["--lang", "en", "ledger", "import", str(ledger), str(good), "--parcels", str(tmp_path / "p.gpkg")])
    with pytest.raises(SystemExit) as caught:
        main(["--lang", "en", "ledger", "import", str(ledger), str(bad), "--parcels", str(tmp_path / "p.gpkg")])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert "1 events added" in printed.out
    assert "E-LEDGER-38 parcels of two projects overlap in one vintage" in printed.err
    with Ledger(ledger) as book:
        assert book.head().entries == 1
    main(["--lang", "en", "ledger", "show", str(ledger)])
    main(["--lang", "en", "ledger", "show", str(ledger), "--as-of", "2023-01-01"])
    main(["--lang", "en", "ledger", "export", str(ledger), "-o", str(tmp_path / "out.csv")])
    printed = capsys.readouterr().out
    assert "P1  ccer_14_001_v01  2021  held  90 t" in printed
    assert "total 0 t (as of 2023-01-01)" in printed
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").count("\n") == 2
    with pytest.raises(SystemExit) as caught:
        main(["ledger", "show", str(ledger), "--as-of", "yesterday"])
    assert caught.value.code == 2


# -- the polygon account ------------------------------------------------------------------------------------------


def polygon_run(tmp_path, inside, events):
    ledger = write_events(tmp_path / "ledger.csv", events)
    policy = {"assessment_years": [2021, 2022, 2023], "deduction_mode": "none", "zero_rule": False}
    folder = write_run(tmp_path / "out", {"150400": (10_000.0, 1.0)}, policy, ledger=ledger, parcels=inside)
    settle_offsets(folder)
    rows = tables.POLYGON_ACCOUNT.read(folder / "tables" / "polygon_account.csv")
    return folder, rows[(rows["league"] == "150400")]


def test_gross_is_claimed_and_excess_and_the_league_closes(tmp_path):
    """900 units are 1 000 t; the inventory sees 700 in the parcel: 300 in excess; 10 000 = 700 claimed + 9 300 of the league."""
    _, rows = polygon_run(tmp_path, {"150400.A-1": 700.0}, [issue("A", 900)])
    mine = rows[(rows["project"] == "P1") & (rows["vintage"] == 2021)].iloc[0]
    assert (mine["gross_tCO2e"], mine["removal_tCO2e"], mine["claimed_tCO2e"], mine["excess_tCO2e"]) == (1000, 700, 700, 300)
    assert mine["reason"] == "timing", "2 100 in three years, 1 000 units"
    whole = rows[(rows["project"] == "-") & (rows["vintage"] == 2021)].iloc[0]
    assert (whole["removal_tCO2e"], whole["claimed_tCO2e"], whole["unclaimed_tCO2e"]) == (10_000, 700, 9_300)


@pytest.mark.parametrize(
    ("inside", "events", "reason"),
    [
        ({}, [issue("A", 900)], "not_mapped"),
        ({"150400.A-1": -50.0}, [issue("A", 900)], "baseline"),
        ({"150400.A-1": 300.0}, [issue("A", 900)], "baseline"),
        ({"150400.A-1": 400.0}, [issue("A", 900)], "timing"),
    ],
)
def test_reasons_of_an_excess(tmp_path, inside, events, reason):
    """Not on the map; a loss where the project claims a gain; less than the units over all years; enough over all years."""
    folder, rows = polygon_run(tmp_path, inside, events)
    assert set(rows[rows["project"] == "P1"]["reason"]) == {reason}
    assert "W-OFFSET-05" in (folder / "assessment" / "offsets.zh.md").read_text(encoding="utf-8")
    assert offsets_of(folder).loc[("150400", 2021), "offset_trial_tCO2e"] == 9_000, "the rule stays scalar"


def test_pools_of_a_project_are_those_of_its_quantification(tmp_path):
    """Units fall on pools by what was quantified; soil that the inventory does not see is an excess of the pool."""
    names = tables.QUANTIFICATIONS.names
    common = {"project": "P1", "module": "ccer_14_001_v01", "status": "official", "league": "150400", "vintage": 2021, "stratum": "s", "period": "2021"}
    amounts = {"gross_tCO2e": 1, "after_uncertainty_tCO2e": 1, "after_risk_tCO2e": 900}
    rows = [
        {**common, **amounts, "term": "tree", "pool": "living_biomass", "sign": 1, "after_other_tCO2e": 800},
        {**common, **amounts, "term": "soil", "pool": "soil_organic_carbon", "sign": 1, "after_other_tCO2e": 200},
        {**common, **amounts, "term": "net", "pool": "total", "sign": 1, "after_other_tCO2e": 1000},
    ]
    path = write_csv(tmp_path / "q.csv", names, rows)
    folder = write_run(tmp_path / "out", {"150400": (10_000.0, 1.0)}, parcels={"150400.A-1": 5_000.0})
    basis = read_basis(folder, PolicySection())
    claim = Claim("150400", 2021, "P1", Fraction(1000))
    account, _ = polygon_account(basis, [claim], {("P1", 2021): frozenset({"A-1"})}, read_quantifications([Source(path, "q")]), [2021], Decimal("0.05"))
    mine = {row["pool"]: row for row in account if row["project"] == "P1"}
    assert {pool: (row["gross_tCO2e"], row["claimed_tCO2e"], row["reason"]) for pool, row in mine.items()} == {
        "living_biomass": (800, 800, None), "soil_organic_carbon": (200, 0, "pool"),
    }  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["P1", "P2"]), st.sampled_from([2021, 2022]), st.fractions(1, 10**6, max_denominator=9)), max_size=4),
    st.floats(-1e5, 1e5), st.floats(-1e6, 1e6),
)
def test_the_account_closes_for_any_claims(tmp_path_factory, claims, inside, whole):
    """gross = claimed + excess, 0 <= claimed <= max(0, removal), claimed + unclaimed = S: to the last digit."""
    folder = write_run(tmp_path_factory.mktemp("run"), {"150400": (round(whole, 3), 1.0)}, parcels={"150400.A-1": round(inside, 3)})
    basis = read_basis(folder, PolicySection())
    sums: dict = {}
    for project, vintage, gross in claims:
        sums[project, vintage] = sums.get((project, vintage), Fraction(0)) + gross
    made = [Claim("150400", vintage, project, gross) for (project, vintage), gross in sorted(sums.items())]
    parcels = {key: frozenset({"A-1"}) for key in sums}
    rows, _ = polygon_account(basis, made, parcels, None, [2021, 2022], Decimal("0.05"))
    for row in rows:
        if row["project"] != "-":
            assert row["gross_tCO2e"] == row["claimed_tCO2e"] + row["excess_tCO2e"]
            assert 0 <= row["claimed_tCO2e"] <= max(0, row["removal_tCO2e"] or 0)
        elif row["removal_tCO2e"] is not None:
            mine = sum(one["claimed_tCO2e"] for one in rows if one["project"] != "-" and (one["league"], one["vintage"]) == (row["league"], row["vintage"]))
            assert row["claimed_tCO2e"] == mine
            assert row["claimed_tCO2e"] + row["unclaimed_tCO2e"] == row["removal_tCO2e"]


def test_the_map_of_owners(tmp_path):
    """A feature per league and per piece of a parcel, with the amounts of each vintage; the same bytes twice."""
    import json

    from aoi.leagues import leagues
    from aoi.parcels import cross

    parcels = parcels_of(tmp_path / "p.gpkg", [("A-1", "P1", "CCER", 0.3, 0.31)])
    _, rows = polygon_run(tmp_path, {"150400.A-1": 700.0}, [issue("A", 900), state("A", 2, "2024-05-01", "sold_out")])
    sets = leagues(), cross(leagues(), parcels)
    made = owner_map(sets, rows, {"A-1": "P1"})
    assert made == owner_map(sets, rows, {"A-1": "P1"})
    features = json.loads(made)["features"]
    assert len(features) == 13
    mine = features[-1]["properties"]
    assert (mine["league"], mine["owner"], mine["claimed_tCO2e_2021"], mine["excess_tCO2e_2021"]) == ("150400", "P1", 700, 300)
    league = next(one["properties"] for one in features if one["properties"]["league"] == "150400")
    assert league["unclaimed_tCO2e_2021"] == 9_300
