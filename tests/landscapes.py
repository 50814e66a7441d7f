"""Small landscapes on disk: real GeoTIFFs, a GeoPackage of zones and a run file; and the run of them.

What a test wants to say is the cells; the files, the configuration and the stages
of a run are said here once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import Affine
from shapely import Polygon, affinity, box

from aoi.coverage import Coverage
from sinks import tables
from sinks.accounting.inventory import Result
from sinks.layers.windows import Engine, map_windows
from sinks.pipeline import Inventory, account, evaluated, read_inventory, results, settle_tables, snapshot, tabulate
from sinks.report.maps import MapFunction, knowledge_of, request_of
from sinks.setup import Setup, set_up

ALBERS = "ESRI:102025"
SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m +no_defs"
LONGLAT = "EPSG:4490"

CROPLAND, ARBOR, SHRUB, GRASS, WATER, BARE, BUILT, MARSH, UNKNOWN = 1, 2, 3, 4, 5, 7, 8, 9, 0
"""Codes of the CLCD legend (0: no data)."""
NO_VALUE = -9999.0

CLIMATES = {1: "boreal", 2: "cool_temperate_dry", 3: "cool_temperate_moist"}
SOILS = {1: "HAC", 2: "sandy"}
VEGETATION = {
    1: "larch", 2: "birch", 3: "meadow_steppe", 4: "typical_steppe", 5: "desert_steppe", 6: "marsh_meadow",
    7: "forest_swamp", 8: "shrub_swamp", 9: "inland_flat",
}  # fmt: skip
PEAT = {1: "peat", 2: "no_peat"}
ORIGINS = {1: "planted", 2: "natural"}
SITES = {1: "good", 2: "poor"}
STRATUM_CODES = {"climate": CLIMATES, "soil": SOILS, "vegetation_type": VEGETATION, "peat": PEAT, "origin": ORIGINS, "site": SITES}

DRAWS = 40
"""Draws of a run whose test says nothing of Monte Carlo."""

Cells = Any
"""(height, width) cells, or a list of them: the files of a date that are averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Where the cells lie: CRS, upper left corner and size of a cell in units of the CRS, shape in cells."""

    crs: str = ALBERS
    left: float = 200_000.0
    top: float = 4_600_000.0
    cell: float = 400.0
    height: int = 20
    width: int = 24

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def transform(self) -> Affine:
        """The affine transform of the rasters."""
        return Affine(self.cell, 0.0, self.left, 0.0, -self.cell, self.top)

    @property
    def cell_ha(self) -> float:
        """Nominal area of a cell [ha]; for grids in metres."""
        return self.cell * self.cell / 1e4

    def on_map(self, column: float, row: float) -> tuple[float, float]:
        """Coordinates of a place given in cells from the upper left corner."""
        return self.left + column * self.cell, self.top - row * self.cell

    def rectangle(self, left: float, top: float, right: float, bottom: float) -> Polygon:
        """A rectangle given in cells from the upper left corner."""
        return box(*self.on_map(left, bottom), *self.on_map(right, top))

    def outline(self, points: Sequence[tuple[float, float]]) -> Polygon:
        """A polygon given in cells (column, row) from the upper left corner."""
        return Polygon([self.on_map(*point) for point in points])


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """A landscape before it is written.

    Parameters
    ----------
    land : mapping
        Year -> class codes of the land cover.
    layers : mapping
        Name -> year (None: every date) -> cells; NaN is written as no data.
    sections : mapping
        Name -> keys of the layer in the run file, without its files.
    strata : mapping
        Name -> codes by `STRATUM_CODES`; 0 is missing.
    zones : sequence of (code, parent, polygon)
    parcels : sequence of (code, polygon)
    more : mapping
        Sections of the run file that are added or replace others.
    """

    lattice: Lattice = Lattice()
    land: Mapping[int, Any]
    layers: Mapping[str, Mapping[int | None, Cells]] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    strata: Mapping[str, Any] = field(default_factory=dict)
    zones: Sequence[tuple[str, str, Polygon]] = ()
    parcels: Sequence[tuple[str, Polygon]] = ()
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    base_year: bool = True

    def but(self, **changes: Any) -> "Landscape":
        """The same landscape with other parts."""
        return replace(self, **changes)

    def section(self, name: str, **keys: Any) -> "Landscape":
        """The same landscape with more keys in a layer's section."""
        return replace(self, sections={**self.sections, name: {**self.sections.get(name, {}), **keys}})

    @property
    def years(self) -> tuple[int, ...]:
        """All dates."""
        return tuple(sorted(self.land))


DEFAULT_SECTIONS = {
    "land_cover": {"legend": "clcd"},
    "aboveground_biomass": {"unit": "t ha-1", "basis": "dry_matter"},
    "belowground_biomass": {"unit": "t ha-1", "basis": "dry_matter"},
    "dead_wood": {"unit": "t ha-1", "basis": "carbon"},
    "litter": {"unit": "t ha-1", "basis": "carbon"},
    "soil_organic_carbon": {"unit": "t ha-1", "basis": "carbon", "depth_cm": 30},
    "growing_stock_volume": {"unit": "m3 ha-1"},
}


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a raster is stored: rows at a time or blocks, and into how many columns of files it is cut."""

    block: int | None = None
    files: int = 1


def write(landscape: Landscape, folder: Path, tiling: Tiling = Tiling()) -> Path:
    """The files of a landscape in a folder; returns the run file."""
    folder.mkdir(parents=True, exist_ok=True)
    layers: dict[str, dict[str, Any]] = {}
    layers["land_cover"] = {
        **DEFAULT_SECTIONS["land_cover"],
        **_dated(
            folder, landscape, "land_cover", {year: np.asarray(code, dtype=np.uint8) for year, code in landscape.land.items()}, 0, tiling
        ),
    }
    for name, dates in landscape.layers.items():
        values = {year: _float_cells(cells) for year, cells in dates.items()}
        layers[name] = {**DEFAULT_SECTIONS.get(name, {}), **_dated(folder, landscape, name, values, NO_VALUE, tiling)}
        if any(isinstance(cells, list) for cells in dates.values()):
            layers[name]["files_mean"] = True
    for name, codes in landscape.strata.items():
        layer = f"{name}_map"
        layers[layer] = {"legend": f"{layer}.csv", **_dated(folder, landscape, layer, {None: np.asarray(codes, dtype=np.uint8)}, 0, tiling)}
        rows = "".join(f"{code},{value}\n" for code, value in STRATUM_CODES[name].items())
        (folder / f"{layer}.csv").write_text("code,value\n" + rows, encoding="utf-8")
    for name, keys in landscape.sections.items():
        layers[name] = {key: value for key, value in {**layers[name], **keys}.items() if value is not None}
    for name, content in landscape.files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return _write_run(landscape, folder, layers)


def _write_run(landscape: Landscape, folder: Path, layers: Mapping[str, Any]) -> Path:
    years = landscape.years
    based = landscape.base_year and len(years) > 1
    run = {
        "title": "landscape",
        "years": list(years[1:] if based else years),
        "output": "out",
        **({"base_year": years[0]} if based else {}),
    }
    config: dict[str, Any] = {
        "run": run,
        "zones": {"file": "zones.gpkg", "code": "code", "name": "name", "parent": "parent"},
        "limits": {"missing_fraction": 1.0},
        "uncertainty": {"draws": DRAWS},
        "layers": layers,
        "strata": {name: f"{name}_map" for name in landscape.strata},
    }
    _write_zones(landscape.zones or whole_zone(landscape.lattice), landscape.lattice.crs, folder / "zones.gpkg")
    if landscape.parcels:
        _write_parcels(landscape.parcels, landscape.lattice.crs, folder / "parcels.gpkg")
        config["parcels"] = {"file": "parcels.gpkg"}
    for name, keys in landscape.more.items():
        config[name] = keys if isinstance(keys, list) else {**config.get(name, {}), **keys}
    path = folder / "run.toml"
    path.write_text(toml(config), encoding="utf-8")
    return path


def cells(lattice: Lattice, value: Any, *parts: tuple[Any, Any]) -> Any:
    """An array of one value; each part is (index, value) of some of its cells."""
    out = np.full(lattice.shape, value)
    for index, other in parts:
        out[index] = other
    return out


def whole_zone(lattice: Lattice) -> list[tuple[str, str, Polygon]]:
    """One zone over the whole grid."""
    return [("Z1", "R", lattice.rectangle(0, 0, lattice.width, lattice.height))]


def _float_cells(cells: Cells) -> Any:

    def one(array: Any) -> Any:
        return np.where(np.isnan(array), NO_VALUE, np.asarray(array, dtype=np.float64))

    return [one(array) for array in cells] if isinstance(cells, list) else one(cells)


def _dated(folder: Path, landscape: Landscape, name: str, dates: Mapping[int | None, Any], nodata: float, tiling: Tiling) -> dict[str, Any]:
    """The keys of a layer that name its files, which are written."""
    keys = {}
    for year, cells in dates.items():
        members = cells if isinstance(cells, list) else [cells]
        names = []
        for number, array in enumerate(members):
            stem = f"{name}_{'all' if year is None else year}_{number}"
            names += write_raster(folder, stem, array, landscape.lattice, nodata, tiling)
        keys["file" if year is None else str(year)] = names if len(names) > 1 else names[0]
    return keys


def write_raster(folder: Path, stem: str, cells: Any, lattice: Lattice, nodata: float, tiling: Tiling = Tiling()) -> list[str]:
    """GeoTIFFs of cells, cut into files side by side; returns their names."""
    names = []
    for number, columns in enumerate(np.array_split(np.arange(cells.shape[1]), tiling.files)):
        part = np.ascontiguousarray(cells[:, columns])
        blocks = {"tiled": True, "blockxsize": tiling.block, "blockysize": tiling.block} if tiling.block else {}
        name = f"{stem}.tif" if tiling.files == 1 else f"{stem}_{number}.tif"
        with rasterio.open(
            folder / name, "w", driver="GTiff", dtype=part.dtype, count=1, height=part.shape[0], width=part.shape[1], crs=lattice.crs,
            transform=lattice.transform @ Affine.translation(int(columns[0]), 0), nodata=nodata, compress="deflate", **blocks,
        ) as dataset:  # fmt: skip
            dataset.update_tags(NAME=name)  # the same file for two years is refused
            dataset.write(part, 1)
        names.append(name)
    return names


def _write_zones(zones: Sequence[tuple[str, str, Polygon]], crs: str, path: Path) -> None:
    codes, parents, polygons = zip(*zones, strict=True)
    frame = geopandas.GeoDataFrame(
        {"code": codes, "name": [f"zone {code}" for code in codes], "parent": parents}, geometry=list(polygons), crs=crs
    )
    path.unlink(missing_ok=True)
    frame.to_file(path, engine="pyogrio")


def _write_parcels(parcels: Sequence[tuple[str, Polygon]], crs: str, path: Path) -> None:
    codes, polygons = zip(*parcels, strict=True)
    given = {"parcel": codes, "project": codes, "programme": "CCER", "vintage": "2023"}
    path.unlink(missing_ok=True)
    geopandas.GeoDataFrame(given, geometry=list(polygons), crs=crs).to_file(path, engine="pyogrio")


def toml(config: Mapping[str, Any], head: str = "") -> str:
    """A mapping as TOML."""
    plain = {key: value for key, value in config.items() if not isinstance(value, Mapping)}
    lines = [f"[{head}]"] if head and plain else []
    lines += [f"{key} = {_toml_value(value)}" for key, value in plain.items()]
    lines += [toml(value, f"{head}.{key}" if head else key) for key, value in config.items() if isinstance(value, Mapping)]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(one) for one in value) + "]"
    return repr(value)


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A run that is done: its setup, its folder, its tables."""

    setup: Setup
    out: Path

    def table(self, name: str) -> pd.DataFrame:
        """A table as its CSV holds it."""
        declared = next(table for table in tables.OUTPUT_TABLES if table.name == name)
        return declared.read(self.out / "tables" / f"{name}.csv")

    def texts(self, name: str) -> pd.DataFrame:
        """A table with every cell as the text of the file."""
        return pd.read_csv(self.out / "tables" / f"{name}.csv", dtype=str, keep_default_na=False)

    def exact(self, name: str) -> pd.DataFrame:
        """A table as float64, before the decimals of the file."""
        return pd.read_parquet(self.out / "tables" / f"{name}.parquet")

    def bytes(self) -> dict[str, bytes]:
        """The bytes of every table."""
        return {path.name: path.read_bytes() for path in sorted((self.out / "tables").glob("*.csv"))}

    def inventory(self) -> Inventory:
        """The inventory of the run folder."""
        return read_inventory(self.out)

    def result(self) -> Result:
        """The inventory at the central factors, not rounded."""
        return evaluated(self.inventory())

    def coverage(self) -> Coverage:
        """The zones on the grid."""
        return self.setup.coverage()


class Recomputed:
    """The result tables of a run, computed anew from its activity tables and not written: what a planted error changes."""

    def __init__(self, done: Run) -> None:
        self.done, self.setup, self.out, self.inventory = done, done.setup, done.out, done.inventory
        self._frames = {table.name: table.sorted(table.typed(frame)) for table, frame in results(done.inventory()).items()}

    def result(self) -> Result:
        """The inventory at the central factors, not rounded."""
        return evaluated(self.inventory())

    def exact(self, name: str) -> pd.DataFrame:
        """A table as float64; those of the pass as they stand on disk."""
        return self._frames[name] if name in self._frames else self.done.exact(name)

    def table(self, name: str) -> pd.DataFrame:
        """A table as its CSV would hold it."""
        declared = next(table for table in tables.OUTPUT_TABLES if table.name == name)
        return declared.parse(declared.to_csv(self._frames[name]), name)[0]

    def texts(self, name: str) -> pd.DataFrame:
        """A table with every cell as the text of the file."""
        declared = next(table for table in tables.OUTPUT_TABLES if table.name == name)
        return pd.read_csv(StringIO(declared.to_csv(self._frames[name])), dtype=str, keep_default_na=False)


def finish(path: Path, engine: Engine | None = None, out: Path | None = None) -> Run:
    """Everything of a run whose files are written."""
    setup = set_up(path, out=out)
    tabulate(setup, engine or Engine(threads=1))
    snapshot(setup)
    account(setup.out)
    return Run(setup, setup.out)


def tabulated(landscape: Landscape, folder: Path) -> Run:
    """Write a landscape and do its pass alone: `Run.result` and `Recomputed` work without the tables of the accounting."""
    setup = set_up(write(landscape, folder))
    tabulate(setup, Engine(threads=1))
    settle_tables(setup.out)
    snapshot(setup)
    return Run(setup, setup.out)


def computed(landscape: Landscape, folder: Path) -> Recomputed:
    """Write a landscape, do its pass, and account in memory: what most tests need, in half the time of `run`."""
    return Recomputed(tabulated(landscape, folder))


def run(landscape: Landscape, folder: Path, engine: Engine | None = None, tiling: Tiling = Tiling()) -> Run:
    """Write a landscape and run it."""
    return finish(write(landscape, folder, tiling), engine)


def random_landscape(seed: int, *, lattice: Lattice = Lattice(), holes: bool = True, climate_holes: bool = True, peat: bool = True,
                     parcels: bool = True, zones: int = 3) -> Landscape:  # fmt: skip
    """A landscape with everything that the accounting knows: conversions both ways, holes, strata, three dates, parcels.

    Parameters
    ----------
    holes : bool
        Unknown land, and cells without biomass or greenness on land that stays.
    climate_holes : bool
        Cells whose climate is not known, where the root ratio is the continuous one.
    """
    random = np.random.default_rng(seed)
    shape = lattice.shape
    land = _random_land(random, shape, holes)
    stays = (land[2017] == land[2020]) & (land[2020] == land[2023])
    biomass = {year: _smooth(random, shape, 0.0, 210.0) * np.isin(land[year], (ARBOR, SHRUB)) for year in land}
    greenness = {year: [_smooth(random, shape, -0.1, 0.9) for _ in range(count)] for year, count in zip(land, (1, 3, 2), strict=True)}
    if holes:
        for year in land:
            biomass[year][stays & (random.random(shape) < 0.05)] = np.nan
            for cells in greenness[year]:
                cells[stays & (random.random(shape) < 0.03)] = np.nan
    strata = {
        "climate": _patches(random, shape, [1, 2, 3] + [0] * climate_holes),
        "soil": _patches(random, shape, [1, 2]),
        "vegetation_type": random.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], size=shape).astype(np.uint8),
    }
    if peat:
        strata["peat"] = np.where((random.random(shape) < 0.4), 1, 2)
    return Landscape(
        lattice=lattice, land=land, layers={"aboveground_biomass": biomass, "ndvi": greenness}, strata=strata,
        zones=tiling_zones(lattice, zones, random), parcels=_random_parcels(lattice) if parcels else (),
    )  # fmt: skip


def with_earlier_maps(drawn: Landscape, seed: int, years: Sequence[int] = tuple(range(2004, 2023))) -> Landscape:
    """The landscape with random land cover of other years, which are history: land that changes, odd maps, holes."""
    random = np.random.default_rng(seed)
    land = dict(drawn.land)
    last = drawn.land[min(drawn.land)]
    for year in sorted(set(years) - set(land), reverse=True):
        near = drawn.land[min((one for one in drawn.land if one >= year), default=max(drawn.land))]
        last = np.where(random.random(last.shape) < 0.08, random.permutation(near.reshape(-1)).reshape(near.shape), last if year < min(drawn.land) else near)
        land[year] = last.astype(np.uint8)
    dates = drawn.years
    run = {"years": list(dates[1:]), "base_year": dates[0], **drawn.more.get("run", {})}
    return drawn.but(land=land, base_year=False, more={**drawn.more, "run": run})


def _random_land(random: np.random.Generator, shape: tuple[int, int], holes: bool) -> dict[int, Any]:
    classes = [CROPLAND, ARBOR, ARBOR, SHRUB, GRASS, GRASS, WATER, BARE, BUILT, MARSH, MARSH]
    first = _patches(random, shape, classes, size=2)
    land = {2017: first}
    for year in (2020, 2023):
        before = land[max(land)]
        moves = random.random(shape) < 0.25
        land[year] = np.where(moves, _patches(random, shape, classes, size=2), before)
    if holes:
        for year, codes in land.items():
            land[year] = np.where(random.random(shape) < 0.04, UNKNOWN, codes)
    return {year: codes.astype(np.uint8) for year, codes in land.items()}


def _patches(random: np.random.Generator, shape: tuple[int, int], values: Sequence[int], size: int = 3) -> Any:
    coarse = random.choice(values, size=(-(-shape[0] // size), -(-shape[1] // size)))
    return np.kron(coarse, np.ones((size, size), dtype=np.int64))[: shape[0], : shape[1]]


def _smooth(random: np.random.Generator, shape: tuple[int, int], low: float, high: float) -> Any:
    """Cells between two values, float64 with full mantissas."""
    return low + (high - low) * random.random(shape)


def tiling_zones(lattice: Lattice, count: int, random: np.random.Generator | None = None) -> list[tuple[str, str, Polygon]]:
    """Zones that fill the grid, with slanting borders off the lattice; parents P1 and P2."""
    random = random or np.random.default_rng(0)
    tops = np.sort(random.uniform(0.1, 0.9, count - 1)) * lattice.width
    bottoms = np.sort(random.uniform(0.1, 0.9, count - 1)) * lattice.width
    top, bottom = ([0.0, *cuts, float(lattice.width)] for cuts in (tops, bottoms))
    zones = []
    for number in range(count):
        corners = [(top[number], 0.0), (top[number + 1], 0.0), (bottom[number + 1], lattice.height), (bottom[number], lattice.height)]
        zones.append((f"Z{number + 1}", f"P{1 + number % 2}", lattice.outline(corners)))
    return zones


def _random_parcels(lattice: Lattice) -> list[tuple[str, Polygon]]:
    one = lattice.rectangle(0.3 * lattice.width, 0.2 * lattice.height, 0.7 * lattice.width, 0.5 * lattice.height)
    return [("a", affinity.rotate(one, 20)), ("b", affinity.translate(affinity.rotate(one, 20), 0, -0.35 * lattice.height * lattice.cell))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a random landscape is made of: few words, so that a run of it can be kept for the next law."""

    seed: int
    zones: int = 2
    holes: bool = True
    climate_holes: bool = True
    peat: bool = True
    parcels: bool = True
    crs: str = ALBERS

    def landscape(self) -> Landscape:
        """The landscape of the recipe."""
        return random_landscape(
            self.seed, lattice=PLACES[self.crs], zones=self.zones, holes=self.holes, climate_holes=self.climate_holes, peat=self.peat,
            parcels=self.parcels,
        )  # fmt: skip


LATTICE_SMALL = Lattice(height=6, width=8)
PLACES = {
    ALBERS: Lattice(height=6, width=8),
    SINUSOIDAL: Lattice(crs=SINUSOIDAL, left=8_500_000.0, top=4_700_000.0, cell=463.3127165, height=6, width=8),
    LONGLAT: Lattice(crs=LONGLAT, left=110.0, top=44.0, cell=0.005, height=6, width=8),
    "EPSG:32650": Lattice(crs="EPSG:32650", left=400_000.0, top=4_900_000.0, cell=300.0, height=6, width=8),
}


class Runs:
    """Runs of recipes, each done once; no dataclass, because hypothesis would print all of its tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: dict[tuple[Any, ...], Run] = {}

    def of(self, recipe: Recipe) -> Run:
        """The run of a recipe."""
        key = astuple(recipe)
        if key not in self.done:
            self.done[key] = run(recipe.landscape(), self.folder / f"run{len(self.done)}")
        return self.done[key]


class Mosaic:
    """Keeps the tiles of a map in memory as one array."""

    def __init__(self, shape: tuple[int, int], dtype: str = "float64") -> None:
        self.cells = np.full(shape, np.nan, dtype=dtype)

    def done(self, tile: Any) -> bool:
        """Nothing is kept from before."""
        return False

    def put(self, tile: Any, result: Any) -> None:
        """Keep a tile."""
        self.cells[tile.row_off : tile.row_off + tile.height, tile.col_off : tile.col_off + tile.width] = result


def map_function(setup: Setup, pool: str | None, ecosystem: str | None, year: int, change: bool = False) -> MapFunction:
    """The function of a map, as the command line makes it."""
    return MapFunction(knowledge_of(setup, request_of(setup, pool, ecosystem, year, change)))


def map_cells(setup: Setup, pool: str | None, ecosystem: str | None, year: int, change: bool = False) -> Any:
    """The cells of a map [t C ha-1 or t CO2e ha-1 yr-1], float32 values."""
    mosaic = Mosaic((setup.grid.height, setup.grid.width))
    map_windows(setup.stack, setup.coverage(), map_function(setup, pool, ecosystem, year, change), mosaic, engine=Engine(threads=1))
    return mosaic.cells
