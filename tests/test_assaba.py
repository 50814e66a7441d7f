"""Real MODIS data of Assaba, Mauritania, met as they are: 26 units in 5 districts on the sinusoidal grid, with their traps."""

import laws
import numpy as np
import pytest
import rasterio
from landscapes import Run, finish, toml

from aoi.findings import InputError
from aoi.grids import Grid
from sinks.layers.layer import Extent, read_member
from sinks.layers.windows import Engine, map_windows
from sinks.setup import set_up

CODES = {16: "bare_land", 10: "other_grassland", 7: "shrubland", 13: "built_up", 12: "cropland"}
UNIT_NAMES = ("ADM3_PCODE", "ADM2_PCODE")


@pytest.fixture(scope="session")
def assaba(shared_data):
    """The folder of the data."""
    folder = shared_data / "assaba_modis"
    if not folder.is_dir():
        pytest.skip("../shared/data/assaba_modis is not beside this checkout")
    return folder


def config(assaba, years=(2017, 2020, 2023), **layers) -> dict:
    """A run of the land cover of some years; the first is the base year."""
    land = {"legend": "mcd12_igbp", "change": "accept", **{str(year): str(assaba / f"{year}LCT.tif") for year in years}}
    return {
        "run": {"title": "Assaba", "years": list(years[1:]), "base_year": years[0], "roots": [str(assaba)]},
        "zones": {"file": str(assaba / "Assaba_Districts_layer.shp"), "code": "ADM3_PCODE", "name": "ADM3_EN", "parent": "ADM2_PCODE"},
        "layers": {"land_cover": land, **layers},
    }


def written(folder, given: dict):
    """The run file of a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.toml"
    path.write_text(toml(given), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(assaba, tmp_path_factory) -> Run:
    return finish(written(tmp_path_factory.mktemp("assaba"), config(assaba)), Engine(threads=2))


def test_five_districts_of_twenty_six_units(done):
    """Units sum to their districts, in decimals, in every value."""
    zones = done.table("zones")
    assert (len(zones), zones["parent"].nunique()) == (26, 5)
    assert laws.zones_sum_to_parent(done.texts("summary"), done.texts("zones")) == 0
    assert laws.ecosystems_sum_to_total(done.texts("summary")) == 0
    assert set(zones["parent"]) < set(done.table("summary")["zone"])


def test_areas_close_on_the_sinusoidal_grid(done):
    """Area on the grid = polygon to 1e-9; the ellipsoid differs from MODIS's sphere, and both are printed."""
    zones = done.exact("zones")
    assert laws.areas_close(zones) <= 1e-9
    assert zones["outside_ha"].max() < 1e-6
    assert abs(zones["geodesic_ha"].sum() / zones["area_ha"].sum() - 1) < 0.01


def test_the_matrix_closes_on_real_maps(done):
    """2017, 2020 and 2023; cells on the rim that the maps cut off are unknown land, under 0.4 % at every date."""
    land_use = done.exact("land_use")
    assert laws.land_use_closes(land_use, done.exact("zones")) <= 1e-9
    assert laws.balance_identity(done.exact("balance")) <= 1e-6
    assert laws.stocks_stand_on_all_land(done.exact("stocks"), land_use) <= 1e-6
    unknown = land_use.query("land_to == 'unknown'").groupby("year_to")["area_ha"].sum() / done.exact("zones")["area_ha"].sum()
    assert (unknown < 0.004).all()


def test_class_areas_of_a_district_equal_exactextract(done, assaba):
    """The land of district MR033 in 2020, class by class, by an independent program, to 1e-6."""
    extract = pytest.importorskip("exactextract", reason="no wheel for this machine")
    import geopandas

    units = geopandas.read_file(assaba / "Assaba_Districts_layer.shp", engine="pyogrio").query("ADM2_PCODE == 'MR033'")
    path = assaba / "2020LCT.tif"
    with rasterio.open(path) as dataset:
        cell_ha, crs = abs(dataset.transform.a * dataset.transform.e) / 1e4, dataset.crs
    # edges are straight in degrees: both programs get vertices every 0.01 degrees before they project
    projected = units.assign(geometry=units.geometry.segmentize(0.01)).to_crs(crs.to_wkt())
    stats = extract.exact_extract(str(path), projected, ["unique", "frac", "count"], include_cols=["ADM3_PCODE"], output="pandas")
    expected: dict[str, float] = {}
    for row in stats.to_dict("records"):
        for code, share in zip(row["unique"], row["frac"], strict=True):
            name = CODES[int(code)]
            expected[name] = expected.get(name, 0.0) + share * row["count"] * cell_ha
    rows = done.exact("land_use").query("year_to == 2020")
    found = rows[rows["zone"].isin(units["ADM3_PCODE"])].groupby("land_to")["area_ha"].sum().drop("unknown")
    assert dict(found) == pytest.approx(expected, rel=1e-6)


def test_a_product_that_may_not_be_differenced_says_so(assaba, tmp_path):
    """MCD12's guide warns against differencing: refused without `change`, a warning with `change = "accept"`."""
    given = config(assaba)
    warnings = [one.id for one in set_up(written(tmp_path / "accepted", given)).findings]
    assert "W-LEGEND-14" in warnings
    del given["layers"]["land_cover"]["change"]
    with pytest.raises(InputError) as caught:
        set_up(written(tmp_path / "asked", given))
    assert {one.id for one in caught.value.findings} == {"E-LEGEND-14"}


def test_a_date_of_another_type_and_no_data_works(assaba, tmp_path):
    """2010 is int8 with no data -128 where the other dates are uint8 with 255: outside the region both are missing."""
    done = finish(written(tmp_path, config(assaba, years=(2010, 2020))), Engine(threads=1))
    assert laws.land_use_closes(done.exact("land_use"), done.exact("zones")) <= 1e-9
    year = done.exact("activity_year").query("year == 2010 and layer == 'land_cover'")
    assert set(year["class"]) <= {-1, 7, 10, 12, 13, 16}
    assert year.loc[year["class"] == -1, "area_ha"].sum() < 0.004 * year["area_ha"].sum()
    assert year["area_ha"].sum() == pytest.approx(done.exact("zones")["area_ha"].sum(), rel=1e-9)


def layer_of(assaba, tmp_path, name: str, section: dict):
    """A layer of the stack of a run that reads more than it uses, and the grid."""
    given = config(assaba, years=(2020, 2023), **{name: section})
    setup = set_up(written(tmp_path, given))
    return setup.stack.layer(name), setup.stack.grid


GPP = {"unit": "kg m-2", "basis": "carbon", "valid": [0.0, 65.528], "scale": 0.001}


def test_fill_values_beside_the_declared_no_data_are_missing(assaba, tmp_path):
    """GPP holds fill values 65529 to 65535 and declares only 65535: `valid` makes all of them missing, not production."""
    section = {**GPP, **{str(year): str(assaba / f"{year}_GP.tif") for year in (2020, 2023)}}
    layer, grid = layer_of(assaba, tmp_path, "litter", section)
    cells, found = read_member(layer, layer.members(2020)[0], grid, Extent(0, 0, grid.height, grid.width))
    assert found == []
    with rasterio.open(assaba / "2020_GP.tif") as dataset:
        raw = dataset.read(1)
    filled = raw >= 65529
    assert filled.any()
    assert np.isnan(cells[filled]).all()
    assert not np.isnan(cells[~filled]).any()
    assert cells[~filled] == pytest.approx(raw[~filled] * 0.001)


def test_fill_values_that_are_not_declared_stop_the_run(assaba, tmp_path):
    """Without `valid` the fill is a value that no layer of this kind can hold: named with its number and place."""
    section = {**GPP, "scale": 1.0, "unit": "t ha-1", **{str(year): str(assaba / f"{year}_GP.tif") for year in (2020, 2023)}}
    del section["valid"]
    with pytest.raises(InputError) as caught:
        finish(written(tmp_path, config(assaba, years=(2020, 2023), litter=section)))
    assert {one.id for one in caught.value.findings} <= {"E-VALUE-02", "E-VALUE-03"}
    assert "2020_GP.tif" in caught.value.findings[0].line("en")


def rain(assaba, **more) -> dict:
    """Rain of two years on a grid of 0.05 degrees, taken for a value layer."""
    return {
        "unit": "kg m-2",
        "basis": "carbon",
        "scale": 0.01,
        **{str(year): str(assaba / f"{year}R.tif") for year in (2020, 2023)},
        **more,
    }


def test_another_grid_is_refused_without_a_declared_resampling(assaba, tmp_path):
    """Rain is in degrees, land cover in metres of a sphere: named, never warped silently."""
    with pytest.raises(InputError) as caught:
        set_up(written(tmp_path, config(assaba, years=(2020, 2023), litter=rain(assaba))))
    assert {one.id for one in caught.value.findings} == {"E-ALIGN-02"}
    assert all("resampling" in one.line("en") for one in caught.value.findings)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
def test_declared_warping_is_the_same_for_any_window(assaba, tmp_path, resampling):
    """Windows of 1, 2 and 4 tiles and two threads give the same cells (FAULTS R7)."""
    setup = set_up(written(tmp_path, config(assaba, years=(2020, 2023), litter=rain(assaba, resampling=resampling))))
    seen = [
        warped(setup, engine)
        for engine in (Engine(threads=1, window_tiles=1), Engine(threads=2, window_tiles=2), Engine(threads=1, window_tiles=4))
    ]
    assert np.isfinite(seen[0]).mean() > 0.3
    assert seen[0].tobytes() == seen[1].tobytes() == seen[2].tobytes()


def warped(setup, engine: Engine) -> np.ndarray:
    """The cells of the rain on the run's grid, as a pass sees them."""
    out = np.full((setup.grid.height, setup.grid.width), np.nan)

    class Keep:
        def done(self, tile):
            return False

        def put(self, tile, cells):
            out[tile.row_off : tile.row_off + tile.height, tile.col_off : tile.col_off + tile.width] = cells

    map_windows(setup.stack, setup.coverage(), rain_of, Keep(), engine=engine, only=frozenset({"litter"}))
    return out


def rain_of(block):
    """The rain of a block."""
    return block.arrays["litter", 2020, 0]


def test_warped_cells_are_those_of_the_nearest_raw_cell(assaba, tmp_path):
    """Nearest: each cell has the rain of the raw cell that holds its centre, found by pyproj."""
    from pyproj import Transformer

    setup = set_up(written(tmp_path, config(assaba, years=(2020, 2023), litter=rain(assaba, resampling="nearest"))))
    found = warped(setup, Engine(threads=1))
    a, _, c, _, e, f = setup.grid.transform
    rows, columns = np.mgrid[60:700:37, 60:500:29]
    to_degrees = Transformer.from_crs(setup.grid.crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(c + (columns + 0.5) * a, f + (rows + 0.5) * e)
    with rasterio.open(assaba / "2020R.tif") as dataset:
        raw, inverse = dataset.read(1), ~dataset.transform
        column, row = inverse.a * longitude + inverse.c, inverse.e * latitude + inverse.f
        middle = (np.abs(column % 1 - 0.5) < 0.45) & (np.abs(row % 1 - 0.5) < 0.45)
        expected = raw[np.floor(row).astype(int), np.floor(column).astype(int)] * np.float64(0.01)
        known = middle & np.isfinite(found[rows, columns]) & (expected > 0)
    assert known.sum() > 50
    assert found[rows, columns][known] == pytest.approx(expected[known], rel=1e-6)


def test_the_grids_of_the_dates_are_one(assaba):
    """Land cover and GPP name the sphere in other words; they lie on one lattice."""
    grids = []
    for name in ("2010LCT.tif", "2020LCT.tif", "2020_GP.tif"):
        with rasterio.open(assaba / name) as dataset:
            grids.append(Grid.of(dataset.crs.to_wkt(), tuple(dataset.transform), dataset.width, dataset.height))
    assert len({grid.kind for grid in grids}) == 1
    assert grids[0].kind == "equal_area"
