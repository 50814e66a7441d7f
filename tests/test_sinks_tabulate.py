"""The pixel pass: activity tables equal brute force cell by cell; partial tables are whole and add up in any order."""

import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from landscapes import ARBOR, CROPLAND, GRASS, UNKNOWN, Landscape, Lattice, Run, cells, random_landscape, run
from shapely import affinity

from aoi.grids import Tile
from sinks.tabulate.activity import combine
from sinks.tabulate.partials import PartialStore
from sinks.tabulate.tile import AREA_CODE, PAIR_SUMS, YEAR_SUMS, Plan, Sums, TileSums, ValueLayer, bin_of

LATTICE = Lattice(height=7, width=8)
YEARS = (2017, 2020, 2023)


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    """Two zones with slanting borders, parcels, holes, strata, files that are averaged, and a standard error of the biomass."""
    drawn = random_landscape(4, lattice=LATTICE)
    random = np.random.default_rng(4)
    errors = {year: 10.0 * random.random(LATTICE.shape) for year in YEARS}
    biomass = {**drawn.layers["aboveground_biomass"]}
    biomass[2020] = [biomass[2020], biomass[2020] * 1.1]
    layers = {**drawn.layers, "aboveground_biomass": biomass, "biomass_error": errors}
    return drawn.but(layers=layers).section("aboveground_biomass", se="biomass_error")


@pytest.fixture(scope="module")
def done(landscape, tmp_path_factory) -> Run:
    return run(landscape, tmp_path_factory.mktemp("tabulate"))


def shares(done: Run) -> dict[str, np.ndarray]:
    """Area of every cell inside every zone [ha], by intersection of polygons (the plane is equal-area)."""
    columns, rows = np.meshgrid(np.arange(LATTICE.width), np.arange(LATTICE.height))
    left, top = LATTICE.left + columns * LATTICE.cell, LATTICE.top - rows * LATTICE.cell
    boxes = shapely.box(left, top - LATTICE.cell, left + LATTICE.cell, top)
    zones = [(code, shape) for one in done.setup.zone_sets for code, shape in zip(one.codes, one.geometries, strict=True)]
    return {code: shapely.area(shapely.intersection(boxes, shape)) / 1e4 for code, shape in zones}


def edges_of(done: Run, layer: str) -> tuple[float, ...]:
    return next(one.edges for one in done.setup.plan.values if one.name == layer)


def members(cell_values) -> list[np.ndarray]:
    return cell_values if isinstance(cell_values, list) else [cell_values]


def files_of(landscape: Landscape, layer: str, year: int) -> list[np.ndarray]:
    """What is summed at a date: greenness file by file, each with the holes of all; other layers their mean."""
    given = np.array(members(landscape.layers[layer][year]), dtype=np.float64)
    if layer != "ndvi":
        return [given.mean(axis=0)]
    hole = np.isnan(given).any(axis=0)
    return [np.where(hole, np.nan, one) for one in given]


def stratum_of(landscape: Landscape, at) -> tuple[int, ...]:
    codes = {name: int(np.asarray(array)[at]) for name, array in landscape.strata.items()}
    return tuple(codes[name] if codes.get(name) else -1 for name in sorted(codes))


def class_of(landscape: Landscape, year: int, at) -> int:
    code = int(landscape.land[year][at])
    return -1 if code == UNKNOWN else code


def bin_number(value: float, edges: tuple[float, ...]) -> int:
    return -1 if np.isnan(value) else sum(value >= edge for edge in edges)


def with_strata(done: Run, frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The frame with the codes of each stratum instead of its id."""
    names = sorted(done.setup.config.strata)
    codes = {row["stratum"]: tuple(int(row[name]) for name in names) for row in done.table("strata").to_dict("records")}
    return frame.assign(**{column: [codes[one] for one in frame[column]] for column in columns})


def compare(table: pd.DataFrame, key: list[str], sums: list[str], expected: dict) -> None:
    found = {tuple(row[name] for name in key): [row[name] for name in sums] for row in table.to_dict("records")}
    kept = {place: values for place, values in expected.items() if values[0] + values[1] > 1e-9}
    assert {place for place, values in found.items() if values[0] + values[1] > 1e-9} == set(kept)
    for place, values in kept.items():
        assert found[place] == pytest.approx(values, rel=1e-9, abs=1e-9), place


def test_activity_of_a_year_equals_brute_force(landscape, done):
    """Areas, missing areas, sums and variance terms by zone, class, stratum, layer, file and bin, cell by cell in plain Python."""
    expected = defaultdict(lambda: [0.0] * len(YEAR_SUMS))
    for zone, area in shares(done).items():
        for at in zip(*np.nonzero(area > 0), strict=True):
            for year in YEARS:
                key = zone, year, class_of(landscape, year, at), stratum_of(landscape, at)
                expected[(*key, "land_cover", 0, 0)][0] += area[at]
                for layer in ("aboveground_biomass", "ndvi"):
                    for member, values in enumerate(files_of(landscape, layer, year)):
                        row = expected[(*key, layer, member, bin_number(values[at], edges_of(done, layer)))]
                        error = landscape.layers["biomass_error"][year][at] if layer == "aboveground_biomass" else 0.0
                        hole = bool(np.isnan(values[at]))
                        value, held = (0.0, 0.0) if hole else (values[at], area[at])
                        terms = [held, area[at] - held, held * value, held * value**2, held * error, (held * error) ** 2]
                        for number, term in enumerate(terms):
                            row[number] += term
    table = with_strata(done, done.exact("activity_year"), ["stratum"])
    compare(table, ["zone", "year", "class", "stratum", "layer", "member", "bin"], list(YEAR_SUMS), expected)


def test_activity_of_an_interval_equals_brute_force(landscape, done):
    """Both dates on one footprint: sums of each date and cross-products only over cells that are valid at both."""
    expected = defaultdict(lambda: [0.0] * 7)
    for zone, area in shares(done).items():
        for at in zip(*np.nonzero(area > 0), strict=True):
            for first, last in ((2017, 2020), (2020, 2023)):
                stratum = stratum_of(landscape, at)
                key = zone, first, last, class_of(landscape, first, at), class_of(landscape, last, at), stratum, stratum
                expected[(*key, "land_cover", 0, "from", 0)][0] += area[at]
                for layer in ("aboveground_biomass", "ndvi"):
                    for member, date, before, after in pairs_of(landscape, layer, first, last):
                        start, end = before[at], after[at]
                        hole = bool(np.isnan(start + end))
                        number = -1 if hole else bin_number(start if date == "from" else end, edges_of(done, layer))
                        held, start, end = (0.0, 0.0, 0.0) if hole else (area[at], start, end)
                        terms = [held, area[at] - held, held * start, held * end, held * start**2, held * end**2, held * start * end]
                        row = expected[(*key, layer, member, date, number)]
                        for place, term in enumerate(terms):
                            row[place] += term
    table = with_strata(done, done.exact("activity_pair"), ["stratum_from", "stratum_to"])
    key = ["zone", "year_from", "year_to", "land_from", "land_to", "stratum_from", "stratum_to", "bin_layer", "member", "bin_date", "bin"]
    compare(table, key, list(PAIR_SUMS[:7]), expected)


def pairs_of(landscape: Landscape, layer: str, first: int, last: int):
    """File number, date of the bin, and the values at both dates: greenness file by file beside the mean of the other date."""
    before, after = files_of(landscape, layer, first), files_of(landscape, layer, last)
    start, end = (sum(files) / len(files) for files in (before, after))
    hole = np.isnan(start + end)
    for number, values in enumerate(before):
        yield number, "from", np.where(hole, np.nan, values), end
    for number, values in enumerate(after):
        yield number, "to", start, np.where(hole, np.nan, values)


def test_standard_errors_of_an_interval(landscape, done):
    """sum a*s1, a*s2, a^2*s1^2, a^2*s2^2, a^2*s1*s2 over cells valid at both dates."""
    area = shares(done)["Z1"]
    first, last = (files_of(landscape, "aboveground_biomass", year)[0] for year in (2017, 2020))
    held = area * ~np.isnan(first + last)
    start, end = (landscape.layers["biomass_error"][year] for year in (2017, 2020))
    table = done.exact("activity_pair")
    table = table[(table["zone"] == "Z1") & (table["year_from"] == 2017) & (table["bin_layer"] == "aboveground_biomass")]
    for date in ("from", "to"):
        rows = table[table["bin_date"] == date]
        sums = [rows[name].sum() for name in PAIR_SUMS[7:]]
        weighted = held * start, held * end
        expected = [
            weighted[0].sum(),
            weighted[1].sum(),
            *((one * other).sum() for one, other in ((weighted[0],) * 2, (weighted[1],) * 2, weighted)),
        ]
        assert sums == pytest.approx(expected, rel=1e-9)


def test_membership_by_centre_counts_whole_cells(tmp_path):
    """`rule = "centre"`: a cell is inside or not; `cell_area = "nominal"`: each cell has the area of the grid's cell."""
    zone = affinity.rotate(LATTICE.rectangle(1.3, 1.4, 6.6, 5.4), 25)
    land = {2020: cells(LATTICE, CROPLAND, (np.s_[:3], ARBOR))}
    wanted = Landscape(
        lattice=LATTICE, land=land, zones=[("Z1", "R", zone)], more={"zones": {"rule": "centre"}, "grid": {"cell_area": "nominal"}}
    )
    done = run(wanted, tmp_path)
    columns, rows = np.meshgrid(np.arange(LATTICE.width) + 0.5, np.arange(LATTICE.height) + 0.5)
    inside = shapely.contains_xy(zone, LATTICE.left + columns * LATTICE.cell, LATTICE.top - rows * LATTICE.cell)
    areas = done.exact("activity_year").query("layer == 'land_cover'").set_index("class")["area_ha"]
    assert areas[ARBOR] == inside[:3].sum() * LATTICE.cell_ha
    assert areas[CROPLAND] == inside[3:].sum() * LATTICE.cell_ha


def test_class_areas_equal_exactextract(landscape, done):
    """An independent program gives the same area of every class to 1e-6."""
    extract = pytest.importorskip("exactextract", reason="no wheel for this machine")
    import geopandas

    zones = done.setup.zone_sets[0]
    frame = geopandas.GeoDataFrame({"zone": zones.codes}, geometry=list(zones.geometries), crs=zones.crs)
    path = done.out.parent / "land_cover_2020_0.tif"
    stats = extract.exact_extract(str(path), frame, ["unique", "frac", "count"], include_cols=["zone"], output="pandas")
    table = done.exact("activity_year").query("layer == 'land_cover' and year == 2020")
    areas = table.groupby(["zone", "class"])["area_ha"].sum()
    for row in stats.to_dict("records"):
        for code, share in zip(row["unique"], row["frac"], strict=True):
            assert areas[row["zone"], int(code)] == pytest.approx(share * row["count"] * LATTICE.cell_ha, rel=1e-6)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6, unique=True), st.lists(st.floats(-20, 20) | st.just(math.nan), max_size=20))
def test_bins_are_half_open(edges, values):
    """Bin i holds edges[i-1] <= value < edges[i]; no value is bin -1."""
    ordered = tuple(sorted(edges))
    for value, number in zip(values, bin_of(np.array(values), ordered), strict=True):
        if math.isnan(value):
            assert number == -1
        else:
            assert number == 0 or ordered[number - 1] <= value
            assert number == len(ordered) or value < ordered[number]


PLAN = Plan(years=(2020,), strata=(), values=(ValueLayer(name="ndvi", edges=(), se=None, per_member=False),), intervals=())


NOTHING = Sums(np.zeros((0, 4), dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros((0, 7)))


@st.composite
def tile_results(draw):
    """Sums of some tiles, whose rounding shows when they are added in another order."""
    many = draw(st.integers(2, 6))
    results = []
    for _ in range(many):
        classes = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4, unique=True))
        keys = np.array([[0, 2020, code] for code in classes], dtype=np.int64)
        big = draw(st.lists(st.floats(0, 1e16), min_size=len(classes), max_size=len(classes)))
        sums = np.repeat(np.array(big)[:, None], len(YEAR_SUMS), axis=1)
        rows = np.arange(len(classes), dtype=np.int32)
        results.append(TileSums(Sums(keys, rows, np.full(len(classes), AREA_CODE), sums), NOTHING, NOTHING))
    return results


@given(tile_results(), st.randoms())
@settings(max_examples=30)
def test_tiles_add_up_to_the_same_bits_in_any_order(results, random):
    """Each sum is the exact sum of its parts, rounded once."""
    shuffled = random.sample(results, len(results))
    one, other = combine(results, PLAN, ["Z1"]), combine(shuffled, PLAN, ["Z1"])
    pd.testing.assert_frame_equal(one.year, other.year, check_exact=True)
    first = one.year.iloc[0]
    parts = [float(tile.year.sums[tile.year.groups[:, 2] == first["class"], 0].sum()) for tile in results]
    assert first["area_ha"] == math.fsum(parts)


@given(results=tile_results(), random=st.randoms())
@settings(max_examples=15)
def test_partial_tables_come_back_whole_and_in_tile_order(tmp_path_factory, results, random):
    """However tiles are put, and put again, they are read once each, bit for bit, in tile order."""
    store = PartialStore(tmp_path_factory.mktemp("partials"), "key")
    tiles = [Tile(row=number // 3, col=number % 3, row_off=0, col_off=0, height=1, width=1) for number in range(len(results))]
    order = random.sample(range(len(results)), len(results))
    for number in [*order, *order[:2]]:
        store.put(tiles[number], results[number])
    assert len(store) == len(results)
    assert all(store.done(tile) for tile in tiles)
    for kept, result in zip(store.read(), results, strict=True):
        for one, other in ((kept.year, result.year), (kept.pair, result.pair), (kept.lattice, result.lattice)):
            assert one.groups.tolist() == other.groups.tolist()
            assert one.group.tolist() == other.group.tolist()
            assert one.code.tolist() == other.code.tolist()
            assert one.sums.tobytes() == np.ascontiguousarray(other.sums).tobytes()
    store.close()


def test_a_store_of_another_key_is_another_store(tmp_path):
    """Partial tables of other inputs are never mixed in."""
    tile = Tile(row=0, col=0, row_off=0, col_off=0, height=1, width=1)
    for key in ("one", "other"):
        store = PartialStore(tmp_path, key)
        assert not store.done(tile)
        store.put(tile, TileSums(NOTHING, NOTHING, NOTHING))
        store.close()


def test_layers_are_missing_where_no_file_has_a_value(tmp_path):
    """A cell without biomass is missing area of its class, not a density of zero."""
    lattice = Lattice(height=4, width=5)
    biomass = cells(lattice, 80.0, (np.s_[1, 2:4], np.nan))
    done = run(
        Landscape(lattice=lattice, land={2020: cells(lattice, ARBOR, (np.s_[0], GRASS))}, layers={"aboveground_biomass": {2020: biomass}}),
        tmp_path,
    )
    rows = done.exact("activity_year").query("layer == 'aboveground_biomass' and `class` == @ARBOR")
    assert rows["area_ha"].sum() == 13 * lattice.cell_ha
    assert rows["missing_ha"].sum() == 2 * lattice.cell_ha
    assert rows["sum"].sum() == pytest.approx(13 * lattice.cell_ha * 80.0, rel=1e-12)
