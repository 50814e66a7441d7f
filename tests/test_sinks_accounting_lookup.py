"""A per-class look-up study read as it is: the same stock totals as a few independent lines of numpy, and nothing of it in S."""

import itertools

import numpy as np
import pytest
import rasterio
from landscapes import Landscape, Lattice, Recomputed, computed

LATTICE = Lattice(crs="EPSG:32650", left=400_000.0, top=4_900_000.0, cell=30.0, height=40, width=50)
ZONE = LATTICE.outline([(2.2, 1.1), (47.9, 4.6), (44.3, 38.2), (5.8, 35.9)])
POOLS = {"c_above": "aboveground_biomass", "c_below": "belowground_biomass", "c_soil": "soil_organic_carbon", "c_dead": "dead_wood"}
TABLE = """lucode,LULC_name,c_above,c_below,c_soil,c_dead
1,Cropland,2.5,1.25,33.11,0.5
2,"Forest, dense",61.37,14.2,115.3,6.85
4,Steppe,0.63,3.24,54.019,0.17
7,Bare,0,0,8.2,0
9,Marsh,1.1,7.7,128.4,0.9
"""
CODES = (1, 2, 4, 7, 9)
DATES = (2017, 2020, 2023)


def landscape(content: str | bytes, legend: str | None = "clcd") -> Landscape:
    random = np.random.default_rng(9)
    first = random.choice(CODES, size=LATTICE.shape)
    area = {2017: first, 2020: np.where(random.random(LATTICE.shape) < 0.2, random.choice(CODES, size=LATTICE.shape), first)}
    area[2023] = np.where(random.random(LATTICE.shape) < 0.2, 2, area[2020])
    keys = {"legend": legend} if legend else {"legend": None}
    more = {"zones": {"rule": "centre"}, "grid": {"cell_area": "nominal"}, "densities": {"file": "pools.csv"}}
    return Landscape(lattice=LATTICE, land=area, zones=[("Z1", "R", ZONE)], files={"pools.csv": content}, more=more).section(
        "land_cover", **keys
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Recomputed:
    return computed(landscape(TABLE), tmp_path_factory.mktemp("study"))


def by_numpy(folder, year: int) -> dict[str, float]:
    """The study again, without this program: rasterio, numpy, one number per class, cells whose centre lies in the zone."""
    from rasterio.features import geometry_mask

    with rasterio.open(folder / f"land_cover_{year}_0.tif") as dataset:
        codes, transform = dataset.read(1), dataset.transform
    inside = ~geometry_mask([ZONE], codes.shape, transform)
    hectares = abs(transform.a * transform.e) / 10_000
    head, *rows = [line.split(",") for line in TABLE.replace('"Forest, dense"', "Forest").splitlines()]
    out = {}
    for column, pool in POOLS.items():
        densities = {int(row[0]): float(row[head.index(column)]) for row in rows}
        out[pool] = sum(int((inside & (codes == code)).sum()) * hectares * density for code, density in densities.items())
    return out


def unrounded(done: Recomputed, year: int) -> dict[str, float]:
    """Stocks by pool before they are rounded, all ecosystems [t C]."""
    result, cells_of_year = done.result(), done.inventory().prepared.years.frame
    mine = (cells_of_year["year"] == year).to_numpy()
    return {pool: float(np.nansum(result.stocks[pool][0, mine])) for pool in POOLS.values()}


def test_stocks_of_the_first_date_are_those_of_numpy(study):
    """Equal to 1e-12 for every pool."""
    expected = by_numpy(study.out.parent, 2017)
    assert unrounded(study, 2017) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("year", [2020, 2023])
def test_stocks_of_every_date_are_those_of_numpy(study, year):
    """A study that looks up every date gets its totals, soil among them, at every date."""
    assert unrounded(study, year) == pytest.approx(by_numpy(study.out.parent, year), rel=1e-12)


def test_the_summary_is_the_study_rounded_by_leaf(study):
    """The total of the table is the sum of pools of the three ecosystems, to the rounding of leaves."""
    stocks = study.exact("stocks").query("year == 2020").groupby("pool")["stock_tC"].sum()
    for pool, expected in by_numpy(study.out.parent, 2020).items():
        assert stocks[pool] == pytest.approx(expected, abs=0.0005 * len(CODES))


def test_the_difference_of_look_ups_is_kept_apart(study):
    """`lookup_difference` equals the difference of two look-ups; it is a memo, and no row of S."""
    rows = study.exact("removals").query("approach == 'lookup_difference'")
    for first, last in itertools.pairwise(DATES):
        before, after = by_numpy(study.out.parent, first), by_numpy(study.out.parent, last)
        for pool in POOLS.values():
            mine = rows[(rows["year"] == last) & (rows["pool"] == pool)]
            expected = (after[pool] - before[pool]) / (last - first) * 44 / 12
            assert mine["removal_tCO2e_per_year"].sum() == pytest.approx(expected, abs=0.0005 * len(mine))
    assert set(rows["account"]) == {"memo"}
    summary = study.exact("summary")
    offsets = summary[summary["quantity"] == "removal_offset_tCO2e_per_year"]
    assert "lookup_difference" not in set(offsets["approach"])
    assert "lookup_difference" in set(summary["approach"])


def test_unchanged_land_has_no_removal_by_construction(study):
    """A class table sees no change where the class does not change: not estimated, and said so."""
    rows = study.exact("removals").query("approach == 'stock_difference' and transition == 'remaining' and pool == 'aboveground_biomass'")
    assert set(rows["value_flag"]) == {"NE"}
    assert set(rows["reason"]) <= {"class_mean_sees_no_change", "class_mean_sees_no_change+grass_weather", "grass_weather"}


def test_litter_is_in_dead_wood(study):
    """The table gives dead organic matter as one: litter is included elsewhere, not missing."""
    rows = study.exact("stocks").query("pool == 'litter'")
    assert set(rows["value_flag"]) == {"IE"}
    assert rows["stock_tC"].isna().all()
    assert not (study.exact("removals")["pool"] == "litter").any()
    assert "litter" not in " ".join(study.table("summary")["not_estimated"].dropna())


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + TABLE.encode(), TABLE.replace("\n", "\r\n").encode()],
    ids=["bom", "crlf"],
)
def test_the_file_is_read_as_it_is(study, tmp_path, content):
    """A byte-order mark, Windows line ends and further columns change no digit of a result."""
    other = computed(landscape(content), tmp_path)
    for name in ("stocks", "removals", "summary", "balance"):
        assert other.texts(name).equals(study.texts(name))


def test_without_a_legend_the_totals_compare(study, tmp_path):
    """Without a legend all classes are other land, with a warning; stocks by pool are the same."""
    bare = computed(landscape(TABLE, legend=None), tmp_path)
    assert [one.id for one in bare.setup.findings if one.severity == "warning"] == ["W-LEGEND-12"]
    for year in DATES:
        assert unrounded(bare, year) == pytest.approx(by_numpy(study.out.parent, year), rel=1e-12)
    summary = bare.exact("summary").query("quantity == 'stock_tC' and year == 2020 and zone == 'R' and ecosystem == 'other'")
    assert summary["value"].iloc[0] == pytest.approx(sum(by_numpy(study.out.parent, 2020).values()), abs=0.0005 * 4)


def test_a_class_without_a_number_is_missing_area(tmp_path):
    """An empty cell of the table is no zero: its land is missing area."""
    content = TABLE.replace("9,Marsh,1.1,", "9,Marsh,,")
    done = computed(landscape(content), tmp_path)
    row = done.exact("stocks").query("year == 2020 and land_class == 'marsh' and pool == 'aboveground_biomass'").iloc[0]
    assert (row["value_flag"], row["missing_ha"]) == ("NE", row["area_ha"])
    with_number = done.exact("stocks").query("year == 2020 and land_class == 'marsh' and pool == 'belowground_biomass'").iloc[0]
    assert with_number["stock_tC"] == pytest.approx(row["area_ha"] * 7.7, abs=1e-3)
