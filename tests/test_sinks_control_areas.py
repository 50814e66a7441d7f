"""Raking to official areas: nothing to the bit where they agree, by hand where they do not, refused where they cannot."""

import numpy as np
import pandas as pd
import pytest
from landscapes import ARBOR, CROPLAND, GRASS, Landscape, Lattice, cells, computed, random_landscape, run, write

from aoi.findings import InputError
from sinks.pipeline import findings_of_run, read_inventory, results, snapshot, tabulate
from sinks.setup import set_up
from sinks.tables import LAND_CLASSES, RAKING

LATTICE = Lattice(height=4, width=10)
DATES = (2020, 2023)
HEAD = "zone,year,land_class,area_ha,source\n"


def landscape(**more) -> Landscape:
    """40 cells of 16 ha: 10 of forest of which one is cleared, 20 of steppe of which two are planted, 10 of cropland."""
    first = cells(LATTICE, GRASS, (np.s_[0], ARBOR), (np.s_[3], CROPLAND))
    last = cells(LATTICE, GRASS, (np.s_[0], ARBOR), (np.s_[3], CROPLAND), (np.s_[0, 0], CROPLAND), (np.s_[1, :2], ARBOR))
    biomass = {year: np.where(land == ARBOR, value, 0.0) for year, land, value in ((2020, first, 80.0), (2023, last, 83.0))}
    strata = {"climate": cells(LATTICE, 2), "soil": cells(LATTICE, 1)}
    layers = {"aboveground_biomass": biomass}
    return Landscape(lattice=LATTICE, land=dict(zip(DATES, (first, last), strict=True)), layers=layers, strata=strata, base_year=False, **more)


def with_areas(areas: dict[int, dict[str, float]], accept: bool = False, zone: str = "Z1") -> Landscape:
    """The landscape with a table of control areas."""
    rows = "".join(f"{zone},{year},{name},{value:.6f},survey\n" for year, listed in areas.items() for name, value in listed.items())
    return landscape(files={"areas.csv": HEAD + rows}, more={"control_areas": {"file": "areas.csv", "accept": accept}})


def refused(landscape: Landscape, folder) -> list:
    """The findings for which an accounting is refused."""
    with pytest.raises(InputError) as caught:
        computed(landscape, folder)
    return [one.id for one in caught.value.findings]


def area(done, year: int, land_class: str) -> float:
    """Area of a class at a date by the stocks [ha]."""
    rows = done.exact("stocks")
    rows = rows[(rows["year"] == year) & (rows["land_class"] == land_class) & (rows["pool"] == "aboveground_biomass")]
    return float(rows["area_ha"].sum())


def test_areas_that_equal_the_map_change_nothing_to_the_bit(tmp_path):
    """All areas of a random landscape, as its own table prints them, are given back; holes, strata and three dates among them."""
    plain = random_landscape(5)
    first = run(plain, tmp_path / "plain")
    land = first.inventory().prepared.years.frame
    listed = land[land["zone"].str.match("Z[0-9]$") & (land["land_class"] != "unknown")]
    sums = listed.pivot_table(index=["zone", "year"], columns="land_class", values="area_ha", aggfunc="sum", fill_value=0.0).stack()
    sums = sums.rename("area_ha").reset_index()
    rows = "".join(f"{row.zone},{row.year},{row.land_class},{row.area_ha:.6f},survey\n" for row in sums.itertuples())
    given = plain.but(files={"areas.csv": HEAD + rows}, more={"control_areas": {"file": "areas.csv"}})
    second = run(given, tmp_path / "given")
    before, after = first.bytes(), second.bytes()
    raking = after.pop("raking.csv")
    before.pop("dictionary.csv"), after.pop("dictionary.csv")
    assert before == after
    frame = RAKING.parse(raking.decode(), "raking.csv")[0]
    assert (frame["factor"] == 1.0).all()
    assert len(frame) > 100


def test_a_stock_on_official_areas_by_hand(tmp_path):
    """Forest is 160 ha on the map of 2020 and 200 ha in the survey, 176 and 220 in 2023; steppe and cropland share the rest of 640 ha.

    Rest 2020: (640 - 200) / (640 - 160) = 0.916667; 2023: (640 - 220) / (640 - 176) = 0.905172.
    """
    mapped = computed(landscape(), tmp_path / "mapped")
    done = computed(with_areas({2020: {"arbor_forest": 200.0}, 2023: {"arbor_forest": 220.0}}), tmp_path / "raked")
    assert area(mapped, 2020, "arbor_forest") == pytest.approx(160.0)
    assert area(done, 2020, "arbor_forest") == pytest.approx(200.0, rel=1e-12)
    assert area(done, 2023, "arbor_forest") == pytest.approx(220.0, rel=1e-12)
    raking = done.exact("raking")
    crop = raking[(raking["year_from"] == 2020) & (raking["year_to"] == 2020) & (raking["land_to"] == "cropland")].iloc[0]
    assert (crop["mapped_ha"], crop["factor"]) == (pytest.approx(160.0), pytest.approx(440 / 480))
    assert np.isnan(crop["official_ha"])
    stocks = [frame.exact("stocks").set_index(["year", "land_class", "pool"])["stock_tC"] for frame in (mapped, done)]
    for year, ratio in ((2020, 200 / 160), (2023, 220 / 176)):
        for pool in ("aboveground_biomass", "belowground_biomass", "soil_organic_carbon", "litter"):
            if year == 2020 or pool != "soil_organic_carbon":
                assert stocks[1][year, "arbor_forest", pool] == pytest.approx(stocks[0][year, "arbor_forest", pool] * ratio, abs=0.0021)


def test_the_matrix_of_change_has_the_areas_of_both_dates(tmp_path):
    """Land use of the interval adds up to the official areas at either date, and what the map does not show stays away.

    The raked matrix is a_i * m_ij * b_j of the mapped one: its cross-products are those of the map.
    """
    done = computed(with_areas({2020: {"arbor_forest": 170.0, "cropland": 150.0}, 2023: {"arbor_forest": 180.0, "cropland": 160.0}}), tmp_path)
    use = done.exact("land_use").set_index(["land_from", "land_to"])["area_ha"]
    forest = "arbor_forest"
    assert use.sum() == pytest.approx(640.0, rel=1e-12)
    assert use.xs(forest, level=0).sum() == pytest.approx(170.0, rel=1e-9)
    assert use.xs("cropland", level=0).sum() == pytest.approx(150.0, rel=1e-9)
    assert use.xs(forest, level=1).sum() == pytest.approx(180.0, rel=1e-9)
    assert use.xs("cropland", level=1).sum() == pytest.approx(160.0, rel=1e-9)
    assert ("cropland", forest) not in use.index
    steppe = next(name for name in use.index.get_level_values(0).unique() if (name in LAND_CLASSES and "steppe" in name) or name == "other_grassland")
    mapped = {(forest, forest): 144.0, (forest, "cropland"): 16.0, (steppe, forest): 32.0, (steppe, steppe): 288.0, ("cropland", "cropland"): 160.0}
    assert set(use[use > 0].index) == set(mapped)
    rows = done.exact("raking")
    assert rows[(rows["year_from"] == 2020) & (rows["year_to"] == 2023)].set_index(["land_from", "land_to"])["mapped_ha"].to_dict() == pytest.approx(mapped)


def test_balance_and_sums_hold_on_raked_land(tmp_path):
    plain = random_landscape(11, zones=2)
    mapped = run(plain, tmp_path / "plain").inventory().prepared.years.frame
    forest = mapped[(mapped["ecosystem"] == "forest") & mapped["zone"].str.match("Z[0-9]$")].groupby(["zone", "year"])["area_ha"].sum()
    rows = "".join(f"{zone},{year},forest,{area * factor:.6f},survey\n" for (zone, year), area in forest.items()
                   for factor in [{2017: 1.1, 2020: 1.12, 2023: 1.15}[year]])  # fmt: skip
    done = run(plain.but(files={"areas.csv": HEAD + rows}, more={"control_areas": {"file": "areas.csv"}}), tmp_path / "raked")
    balance = done.exact("balance")
    left = balance["stock_end_tC"] - balance["stock_start_tC"]
    right = balance["removal_tC"] + balance["transfer_in_tC"] - balance["transfer_out_tC"] + balance["revaluation_tC"]
    assert np.abs(left - right).max() < 0.01
    raked = done.inventory().prepared.years.frame
    now = raked[(raked["ecosystem"] == "forest") & raked["zone"].str.match("Z[0-9]$")].groupby(["zone", "year"])["area_ha"].sum()
    for key, area in forest.items():
        assert now[key] == pytest.approx(area * {2017: 1.1, 2020: 1.12, 2023: 1.15}[key[1]], rel=1e-9)


def test_areas_that_cannot_be_are_refused_with_the_reason(tmp_path):
    assert refused(with_areas({2020: {"arbor_forest": 700.0}, 2023: {"arbor_forest": 700.0}}), tmp_path / "a") == ["E-CTRL-05", "E-CTRL-05"]
    assert refused(with_areas({2020: {"peatland": 5.0}, 2023: {"peatland": 5.0}}), tmp_path / "b") == ["E-CTRL-04", "E-CTRL-04"]
    grass = next(iter({"other_grassland", "typical_steppe"} & set(computed(landscape(), tmp_path / "x").exact("stocks")["land_class"])))
    listed = {"arbor_forest": 160.0, grass: 320.0, "cropland": 100.0}
    assert refused(with_areas({2020: listed, 2023: listed}), tmp_path / "c") == ["E-CTRL-06", "E-CTRL-06"]


def test_a_change_that_no_transition_of_the_map_can_make_does_not_converge(tmp_path):
    """Cropland never becomes forest or steppe on this map, so cropland cannot shrink."""
    areas = {2020: {"cropland": 160.0}, 2023: {"cropland": 120.0}}
    assert refused(with_areas(areas), tmp_path) == ["E-CTRL-07"]


def test_a_factor_of_three_needs_the_word_of_the_user(tmp_path):
    areas = {2020: {"arbor_forest": 480.0}, 2023: {"arbor_forest": 500.0}}
    assert refused(with_areas(areas), tmp_path / "no") == ["E-CTRL-08"]
    done = run(with_areas(areas, accept=True), tmp_path / "yes")
    rows = done.table("raking")
    of_forest = rows[(rows["year_from"] == 2020) & (rows["year_to"] == 2020) & (rows["land_to"] == "arbor_forest")]
    assert float(of_forest["factor"].iloc[0]) == pytest.approx(3.0)
    assert "W-CTRL-08" in {one.id for one in findings_of_run(done.setup)}


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ("Z9,2020,forest,10,s\nZ9,2023,forest,10,s\n", {"E-STAT-01"}),
        ("Z1,2011,forest,10,s\n", {"N-CTRL-09", "E-CTRL-01"}),
        ("Z1,2020,forest,10,s\nZ1,2020,arbor_forest,10,s\nZ1,2023,forest,10,s\nZ1,2023,arbor_forest,10,s\n", {"E-CTRL-03"}),
        ("Z1,2020,forest,10,s\n", {"E-CTRL-10"}),
        ("Z1,2020,forest,-1,s\nZ1,2023,forest,10,\n", {"E-TABLE-08", "E-TABLE-07"}),
        ("Z1,2020,wald,1,s\nZ1,2020,forest,=1+1,s\n", {"E-TABLE-06"}),
    ],
)
def test_bad_lists_are_told_before_the_pass(tmp_path, rows, ids):
    path = write(landscape(files={"areas.csv": HEAD + rows}, more={"control_areas": {"file": "areas.csv"}}), tmp_path)
    with pytest.raises(InputError) as caught:
        set_up(path)
    assert {one.id for one in caught.value.findings} == ids


def test_areas_are_corrected_in_one_way_only(tmp_path):
    matrix = "class,arbor_forest,cropland\narbor_forest,50,2\ncropland,3,40\n"
    given = landscape(
        files={"areas.csv": HEAD + "Z1,2020,forest,160,s\nZ1,2023,forest,176,s\n", "matrix.csv": matrix},
        more={"control_areas": {"file": "areas.csv"}, "accuracy": {"matrix": "matrix.csv"}},
    )
    with pytest.raises(InputError) as caught:
        set_up(write(given, tmp_path))
    assert {one.id for one in caught.value.findings} == {"E-CTRL-02"}


def test_a_workbook_with_chinese_heads_is_the_same_table(tmp_path):
    """区域代码, 年份, 地类, 面积(ha), 来源 from Excel against the CSV file."""
    areas = {2020: {"arbor_forest": 200.0}, 2023: {"arbor_forest": 220.0}}
    frame = pd.DataFrame([["Z1", year, name, value, "调查"] for year, listed in areas.items() for name, value in listed.items()],
                         columns=["区域代码", "年份", "地类", "面积（公顷）", "来源"])  # fmt: skip
    path = write(landscape(more={"control_areas": {"file": "areas.xlsx"}}), tmp_path / "excel")
    frame.to_excel(path.parent / "areas.xlsx", index=False)
    setup = set_up(path)
    tabulate(setup)
    snapshot(setup)
    excel = results(read_inventory(setup.out))[RAKING]
    assert excel["factor"].tolist() == computed(with_areas(areas), tmp_path / "csv").exact("raking")["factor"].tolist()
