"""Assaba 2010 and 2017 to 2023 as an annual stack: years of change of ten cells by hand, of all cells by another way, and one soil number to its maps.

The soil factors are stated here, no source gives them for this land.
"""

import laws
import numpy as np
import pytest
import rasterio
from landscapes import Run, finish
from test_assaba import assaba, config, written

from aoi.texts import choose_language
from sinks.explain import Asked, as_lines, explain
from sinks.layers.windows import Block, Engine, map_windows
from sinks.tables import LAND_CLASSES

__all__ = ["assaba"]

YEARS = (2010, 2017, 2018, 2019, 2020, 2021, 2022, 2023)
DATES = (2017, 2020, 2023)
GRASS, SHRUB, CROP, BARE = (LAND_CLASSES.index(name) + 1 for name in ("other_grassland", "shrubland", "cropland", "bare_land"))
CLASS_OF = {7: SHRUB, 10: GRASS, 12: CROP, 13: LAND_CLASSES.index("built_up") + 1, 16: BARE}
REFERENCE, CULTIVATED = 20.0, 0.8
OWN = (
    "id,name,ecosystem,land_class,value,unit,depth_cm,source\n"
    f"own.reference,soil_reference_carbon,,,{REFERENCE},tC ha-1,30,stated by this test\n"
    f"own.cropland,soil_land_use_factor,other,cropland,{CULTIVATED},-,30,stated by this test\n"
)

BY_HAND = {
    (58, 356): ([10, 10, 16, 16, 16, 16, 16, 16], [(0, 0), (2018, GRASS), (2018, GRASS)]),
    (238, 363): ([16, 10, 16, 16, 16, 16, 16, 16], [(2017, BARE), (0, 0), (0, 0)]),  # the map of 2017 is a date, later it is one odd map
    (147, 369): ([10, 10, 10, 16, 16, 16, 10, 10], [(0, 0), (2019, GRASS), (2022, BARE)]),
    (276, 358): ([10, 10, 10, 16, 10, 10, 10, 10], [(0, 0), (0, 0), (0, 0)]),  # one odd map between the dates
    (310, 204): ([10, 10, 10, 10, 10, 16, 10, 10], [(0, 0), (0, 0), (0, 0)]),
    (426, 256): ([10, 7, 7, 10, 10, 10, 10, 10], [(2017, GRASS), (2019, SHRUB), (2019, SHRUB)]),
    (616, 479): ([10, 10, 12, 12, 12, 12, 12, 10], [(0, 0), (2018, GRASS), (2023, CROP)]),
    (415, 191): ([16, 16, 16, 16, 16, 16, 10, 16], [(0, 0), (0, 0), (0, 0)]),
    (266, 431): ([16, 10, 10, 16, 10, 16, 10, 16], [(2017, BARE), (2017, BARE), (2023, GRASS)]),  # 2019 and 2021 did not hold
    (329, 198): ([10, 7, 7, 7, 7, 7, 7, 10], [(2017, GRASS), (2017, GRASS), (2023, SHRUB)]),
}
"""Row and column: codes of the eight maps; year of the last change and class before it, at the three dates."""
CELL = (616, 479)
"""The one cell of cropland."""


@pytest.fixture(scope="module")
def maps(assaba) -> np.ndarray:
    """The codes of all maps, (years, rows, columns)."""
    out = []
    for year in YEARS:
        with rasterio.open(assaba / f"{year}LCT.tif") as dataset:
            out.append(dataset.read(1).astype(np.int64))
    return np.stack(out)


@pytest.fixture(scope="module")
def done(assaba, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("cohorts")
    given = config(assaba, years=DATES)
    given["layers"]["land_cover"] |= {str(year): str(assaba / f"{year}LCT.tif") for year in YEARS}
    folder.mkdir(exist_ok=True)
    (folder / "own.csv").write_text(OWN, encoding="utf-8")
    return finish(written(folder, {**given, "factors": {"file": "own.csv"}, "uncertainty": {"draws": 100}}), Engine(threads=2))


def codes_of(block: Block) -> dict:
    """Codes of the derived layers of a tile."""
    return {(name, date): block.arrays[name, date, 0] for name in ("cohort_year", "cohort_from") for date in DATES}


class Kept(dict):
    """Codes of the whole grid."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def done(self, tile):
        return False

    def put(self, tile, result):
        for name, cells in result.items():
            whole = self.setdefault(name, np.full(self.shape, -9))
            whole[tile.row_off : tile.row_off + tile.height, tile.col_off : tile.col_off + tile.width] = cells


@pytest.fixture(scope="module")
def told(done) -> Kept:
    kept = Kept((done.setup.grid.height, done.setup.grid.width))
    map_windows(done.setup.stack, done.coverage(), codes_of, kept, engine=Engine(threads=2))
    return kept


def offset_of(done) -> tuple[int, int]:
    """Row and column of the first cell of the maps on the grid of the run."""
    return done.setup.stack.layer("land_cover").members(2020)[0][0].offset


def test_ten_cells_by_hand(done, told, maps):
    down, across = offset_of(done)
    for (row, column), (codes, expected) in BY_HAND.items():
        assert maps[:, row, column].tolist() == codes, "the data are those that were read by hand"
        place = row + down, column + across
        assert [(told["cohort_year", date][place], told["cohort_from", date][place]) for date in DATES] == expected, (row, column)


def last_change(codes: tuple[int, ...], until: int) -> tuple[int, int]:
    """The same for one cell by looking ahead: a difference is a change if the next map that sees the cell agrees, or there is none."""
    seen = [(year, CLASS_OF[code]) for year, code in zip(YEARS, codes, strict=True) if year <= until and code in CLASS_OF]
    if not seen or seen[-1][0] != until:
        return -1, -1
    held, out = seen[0][1], (0, 0)
    for number, (year, land) in enumerate(seen[1:], start=1):
        if land != held and (number == len(seen) - 1 or seen[number + 1][1] == land):
            held, out = land, (year, held)
    return out


def test_every_cell_by_another_way(done, told, maps):
    """All 434,000 cells of the grid that lie in a tile of the zones, at the three dates."""
    down, across = offset_of(done)
    sequences, place = np.unique(maps.reshape(len(YEARS), -1).T, axis=0, return_inverse=True)
    height, width = maps.shape[1:]
    for date in DATES:
        expected = np.array([last_change(tuple(one), date) for one in sequences.tolist()])[place.reshape(-1)].reshape(height, width, 2)
        for number, name in enumerate(("cohort_year", "cohort_from")):
            found = told[name, date][down : down + height, across : across + width]
            read = found != -9
            assert read.any()
            assert (found[read] == expected[..., number][read]).all()


def test_areas_of_the_table_of_cohorts_are_those_of_the_cells(done, told):
    rows = done.exact("cohorts").query("year == 2023 and status == 'changed'")
    assert rows["history_from"].unique().tolist() == [2010]
    for since in (2017, 2018, 2019, 2022, 2023):
        cells = (told["cohort_year", 2023] == since).astype(float)
        by_zone = laws.zone_sums(cells, done.coverage())
        assert rows.loc[rows["since_year"] == since, "area_ha"].sum() == pytest.approx(sum(by_zone.values()), rel=1e-9)
    assert set(rows["seen_from"][rows["since_year"] == 2017]) == {2010}, "between 2010 and 2017 nothing was mapped"


def zone_of(done) -> tuple[str, float]:
    """The unit that holds the cell of cropland, and the area of the cell there [ha]."""
    down, across = offset_of(done)
    cells = np.zeros((done.setup.grid.height, done.setup.grid.width))
    cells[CELL[0] + down, CELL[1] + across] = 1.0
    held = {zone: area for zone, area in laws.zone_sums(cells, done.coverage()).items() if area > 0}
    assert len(held) == 1, "the cell lies in one unit"
    return next(iter(held.items()))


def test_soil_of_the_one_cropland_by_hand(done):
    """Cropland from 2018 (begun in 2017): three years of loss by 2020. Grass again in 2023 (begun in 2022): one year of gain by 2023.

    Five other cells of the unit were cropland in 2010 and grass in 2017: begun in equal
    parts from 2010 to 2016, they gain in every year of both intervals.
    """
    zone, area = zone_of(done)
    rate = REFERENCE * (1 - CULTIVATED) / 20 * area / 3 * 44 / 12
    rows = done.exact("removals").query("pool == 'soil_organic_carbon' and approach == 'stock_difference' and component == 'soil'")
    rows = rows[rows["zone"] == zone]

    def removal(year: int, land: str) -> float:
        return float(rows[(rows["year"] == year) & (rows["land_class"] == land) & (rows["transition"] == "converted")]["removal_tCO2e_per_year"].sum())

    assert removal(2020, "cropland") == pytest.approx(-3 * rate, abs=1e-3)
    assert removal(2020, "other_grassland") == pytest.approx(5 * 3 * rate, abs=1e-3)
    assert removal(2023, "other_grassland") == pytest.approx((1 + 5 * 3) * rate, abs=1e-3)
    assert laws.balance_identity(done.exact("balance")) <= 1e-6
    assert laws.land_use_closes(done.exact("land_use"), done.exact("zones")) <= 1e-9


def test_the_paper_trail_of_one_number(done):
    """explain: the table's number, the classes, the two maps, both reference stocks, their factors and source."""
    zone, _ = zone_of(done)
    choose_language("en")
    try:
        leaves = explain(done.out, Asked(zone=zone, ecosystem="grassland", year=2023, pool="soil_organic_carbon"), "removals")
        said = "\n".join(as_lines([one for one in leaves if one.flag == "V"]))
    finally:
        choose_language("zh")
    for words in ("cropland (12) -> other_grassland (10)", "land changed between 2022 and 2023",
                  "107.329 ha", "land changed between 2010 and 2017; 3.000 of its years", "own.cropland = 0.8", "own.reference = 20",
                  "-> 16.000000", "-> 20.000000", "stated by this test"):  # fmt: skip
        assert words in said, words


def test_the_history_is_told(done):
    found = {one.id: one.values for one in done.setup.findings}
    assert found["N-COHORT-01"]["first"] == 2010
    settings = done.inventory().settings["past"]["history"]
    assert (settings["since"], settings["first"], tuple(settings["years"])) == (2010, 2017, YEARS)
