"""Maps of carbon and its change, made in the pass and put together as cloud-optimized GeoTIFFs.

Cells are scaled whole numbers of 16 bits (floating point on request), encoded tile by
tile while the tile's sums are taken; a tile of a map counts when it is on disk, like
that of a table. The files are put together when the tables stand.
"""

import math
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aoi.findings import InputError, finding
from aoi.grids import TILE, Tile, horizontal_crs
from aoi.texts import text
from sinks import __version__
from sinks.errors import Unfinished
from sinks.layers.raster import rasterio
from sinks.layers.windows import Block
from sinks.provenance import content_hash
from sinks.report import gather
from sinks.report.cells import CellCarbon, Seen
from sinks.report.cog import KeptTile, Profile, encoded, geo_tags, metadata_xml, overview_levels, packed, write_cog
from sinks.report.land import MapKnowledge, MapRequest
from sinks.setup import Setup, densities_by_pool, mapped_ecosystems, value_units
from sinks.tables import POOLS
from sinks.tabulate.partials import TileFile

Floats = NDArray[np.float64]
CellType = Literal["int16", "float32"]

SCALES = {"t C ha-1": 0.05, "t CO2e ha-1 yr-1": 0.01}
"""One step of a whole number, by unit: 16 bits reach 1638 t C/ha and 327 t CO2e/ha a year; what lies beyond is held at the end and counted."""
NO_VALUE, LARGEST, BEYOND_ALL = -32768, 32767, 1 << 62


def request_of(setup: Setup, pool: str | None, ecosystem: str | None, year: int, change: bool, where: str = "--year") -> MapRequest:
    """The request of the options of the command line or the configuration.

    Raises
    ------
    InputError
        The run has no such date, or no interval that ends with it.
    """
    dates = setup.config.run.dates
    intervals = {last: first for first, last in setup.plan.intervals}
    if year not in dates or (change and year not in intervals):
        raise InputError(finding("E-MAP-01", where, asked=f"{year}; {', '.join(map(str, dates))}"))
    return MapRequest(
        pools=(pool,) if pool else POOLS, ecosystems=(ecosystem,) if ecosystem else ("forest", "grassland", "wetland"),
        year=year, year_from=intervals[year] if change else None,
    )  # fmt: skip


def knowledge_of(setup: Setup, request: MapRequest) -> MapKnowledge:
    """What a map of a run is made from."""
    return MapKnowledge(
        request=request, plan=setup.plan, reading=setup.reading(), layers=value_units(setup.config), mapped=mapped_ecosystems(setup.config),
        densities=densities_by_pool(setup.densities), factors=setup.factors,
    )  # fmt: skip


class MapFunction:
    """The carbon of a block by one request: (height, width) float64, NaN outside the zones and where nothing is estimated."""

    def __init__(self, knowledge: MapKnowledge) -> None:
        self.carbon = CellCarbon(knowledge)

    def __call__(self, block: Block) -> Floats:
        return self.of(Seen(block, self.carbon.knowledge.plan))

    def of(self, seen: Seen) -> Floats:
        """The carbon of what was seen of a block."""
        tile = seen.block.tile
        return self.carbon(seen).reshape(tile.height, tile.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPlan:
    """A map that is wanted: its name, its request and the type of its cells; ``key`` is a hash of all that it shows."""

    name: str
    request: MapRequest
    cell_type: CellType
    key: str

    @property
    def scale(self) -> float:
        """What one step of the cells stands for [unit of the map]."""
        return SCALES[self.request.unit] if self.cell_type == "int16" else 1.0

    @property
    def nodata(self) -> float:
        """Cells without a value."""
        return NO_VALUE if self.cell_type == "int16" else float("nan")


def plan_map(setup: Setup, request: MapRequest, cell_type: CellType, sums_key: str) -> MapPlan:
    """The plan of a map; ``sums_key`` is the hash of the pass that the tables rest on."""
    shown = [sums_key, asdict(request), cell_type, setup.factors.frame().to_dict("list"), _words_of(setup)]
    return MapPlan(name=map_name(request), request=request, cell_type=cell_type, key=content_hash(shown))


def _words_of(setup: Setup) -> list[Any]:
    """What classes, strata and the table of densities mean in a run."""
    legends = {year: None if one is None else [list(one.codes), list(one.land_classes)] for year, one in setup.legends.items()}
    units = {name: asdict(one) for name, one in value_units(setup.config).items()}
    mapped = {name: sorted(one) for name, one in mapped_ecosystems(setup.config).items()}
    return [legends, setup.stratum_values, densities_by_pool(setup.densities), units, mapped]


def map_name(request: MapRequest) -> str:
    """The name of a map's file, without its ending."""
    pools = "all_pools" if len(request.pools) > 1 else request.pools[0]
    lands = "all" if len(request.ecosystems) > 1 else request.ecosystems[0]
    return f"{'stock' if request.year_from is None else 'change'}_{pools}_{lands}_{request.year}"


def maps_of_run(setup: Setup, sums_key: str) -> list[MapPlan]:
    """The maps that the configuration asks for.

    Raises
    ------
    InputError
        A date or interval that the run has not; a map asked for twice.
    """
    plans: list[MapPlan] = []
    found = []
    for number, section in enumerate(setup.config.maps):
        try:
            request = request_of(setup, section.pool, section.ecosystem, section.year, section.change, where=f"maps[{number}]")
        except InputError as error:
            found += error.findings
            continue
        plan = plan_map(setup, request, section.type, sums_key)
        if any(one.name == plan.name for one in plans):
            found.append(finding("E-MAP-02", f"maps[{number}]", name=plan.name))
        plans.append(plan)
    if found:
        raise InputError(found)
    return plans


@dataclass(frozen=True, slots=True, kw_only=True)
class MapTile:
    """A tile of a map, encoded; ``numbers`` are cells with a value, those held at an end, their sum, sum of squares, least and largest, as stored."""

    cells: bytes
    parts: bytes
    numbers: tuple[float, ...]


def map_tile(values: Floats, plan: MapPlan, levels: int) -> MapTile | None:
    """A tile of a map from its values (height, width); None where it has none."""
    run = gather.compiled()
    shape = values.shape
    total, count = np.zeros((-(-shape[0] // 2), -(-shape[1] // 2))), np.zeros((-(-shape[0] // 2), -(-shape[1] // 2)), dtype=np.int32)
    numbers = np.array([0.0, 0.0, 0.0, 0.0, np.inf, -np.inf])
    steps = np.empty(shape, dtype=np.int16)
    run.in_steps(values, plan.scale, NO_VALUE, LARGEST if plan.cell_type == "int16" else BEYOND_ALL, numbers, total, count, steps)
    if not numbers[0]:
        return None
    whole = np.full((TILE, TILE), plan.nodata, dtype=plan.cell_type)
    whole[: shape[0], : shape[1]] = steps if plan.cell_type == "int16" else values
    if plan.cell_type == "float32":
        held = values[~np.isnan(values)]
        numbers[2:] = held.sum(), (held * held).sum(), held.min(), held.max()
    parts = []
    for level in range(levels):
        if level:
            total, count = run.halved(total, count, -(-total.shape[0] // 2), -(-total.shape[1] // 2))
        parts.append(_mean(total, count, plan))
    return MapTile(cells=encoded(whole), parts=packed(parts), numbers=tuple(numbers.tolist()))


def _mean(total: Floats, count: NDArray[np.int32], plan: MapPlan) -> NDArray[Any]:
    """Cells of an overview: the mean of the cells with a value."""
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    if plan.cell_type == "float32":
        return mean.astype(np.float32)
    steps = np.clip(np.rint(np.nan_to_num(mean) / plan.scale), -LARGEST, LARGEST)
    return np.where(count > 0, steps, NO_VALUE).astype(np.int16)


class TileMaps:
    """The tiles of some maps from one look at a block; picklable for workers of a cluster."""

    def __init__(self, setup: Setup, plans: Sequence[MapPlan]) -> None:
        self.plans = tuple(plans)
        self._levels = overview_levels(setup.grid)
        self._functions = tuple(MapFunction(knowledge_of(setup, plan.request)) for plan in plans)

    def __call__(self, block: Block) -> tuple[MapTile | None, ...]:
        if not self.plans:
            return ()
        seen = Seen(block, self._functions[0].carbon.knowledge.plan)
        return tuple(map_tile(function.of(seen), plan, self._levels) for function, plan in zip(self._functions, self.plans, strict=True))


class MapStore(TileFile):
    """The tiles of one map on disk, until it is put together."""

    def __init__(self, folder: Path, plan: MapPlan) -> None:
        super().__init__(folder, plan.key, ".map")

    def put(self, tile: Tile, result: MapTile | None) -> None:
        """Keep a tile; an empty one is kept as such."""
        if result is None:
            self.keep(tile, b"")
            return
        head = np.array([len(result.cells), *result.numbers], dtype="<f8").tobytes()
        self.keep(tile, head + result.cells + result.parts)

    def tiles(self) -> Iterator[tuple[KeptTile, tuple[float, ...]]]:
        """The tiles that have a value, and their numbers, in tile order."""
        for row, col, content in self.contents():
            if content:
                length, *numbers = np.frombuffer(content, dtype="<f8", count=_NUMBERS + 1).tolist()
                begin = 8 * (_NUMBERS + 1)
                yield KeptTile(row=row, col=col, cells=content[begin : begin + int(length)], parts=content[begin + int(length) :]), tuple(numbers)


_NUMBERS = 6


def write_map(setup: Setup, plan: MapPlan, store: MapStore, path: Path) -> None:
    """Put a map together from its tiles, read every block of it again, and give it its name.

    Raises
    ------
    Unfinished
        The disk is full or fails; the tiles stay, and nothing stands under the map's name that did not before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        profile = Profile(
            grid=setup.grid, dtype=plan.cell_type, nodata=plan.nodata, geo_tags=_where(setup, path.parent),
            metadata=metadata_xml(_tags(setup, plan, store), plan.scale, plan.request.unit),
        )  # fmt: skip
        write_cog(beside, profile, lambda: (tile for tile, _ in store.tiles()))
        with rasterio.open(beside) as dataset:
            for _, window in dataset.block_windows(1):
                dataset.read(1, window=window)
        os.replace(beside, path)
    except (OSError, sqlite3.OperationalError, rasterio.errors.RasterioError) as error:
        raise Unfinished(finding("E-RUN-03", path.name, reason=getattr(error, "strerror", None) or type(error).__name__)) from error
    finally:
        beside.unlink(missing_ok=True)


def _where(setup: Setup, folder: Path) -> tuple[tuple[int, int, bytes], ...]:
    """The tags that say where the grid lies, as GDAL writes them."""
    path = folder / f".where.{os.getpid()}.tif"
    grid = setup.grid
    try:
        with rasterio.open(
            path, "w", driver="GTiff", dtype="uint8", count=1, width=1, height=1, crs=horizontal_crs(grid.crs).to_wkt(),
            transform=rasterio.Affine(*grid.transform),
        ) as dataset:  # fmt: skip
            dataset.write(np.zeros((1, 1, 1), dtype=np.uint8))
        return geo_tags(path.read_bytes())
    finally:
        path.unlink(missing_ok=True)


def _tags(setup: Setup, plan: MapPlan, store: MapStore) -> list[tuple[str, str]]:
    """What the file says of itself: titles, unit, what it was made from, and statistics of its cells as stored."""
    request = plan.request
    tags = {
        "TITLE_ZH": map_title(request, "zh"), "TITLE_EN": map_title(request, "en"), "UNIT": request.unit,
        "POOLS": " ".join(request.pools), "ECOSYSTEMS": " ".join(request.ecosystems), "YEAR": str(request.year),
        "YEAR_FROM": str(request.year_from or ""), "RUN_TITLE": setup.config.run.title, "MAP_KEY": plan.key,
        "FACTORS_SHA256": content_hash(setup.factors.frame().to_dict("list")), "SOFTWARE": f"nmg-ecosystem-sinks {__version__}",
    }  # fmt: skip
    if setup.config.demo:
        tags["DEMO"] = str(setup.config.demo.get("note_en", "demonstration"))
    return [*tags.items(), *_statistics(store)]


def _statistics(store: MapStore) -> list[tuple[str, str]]:
    """Statistics of the stored cells; sums are exact, so no order of tiles shows."""
    numbers = [one for _, one in store.tiles()]
    if not numbers:
        return []
    count, beyond, total, squares = (math.fsum(column) for column in list(zip(*numbers, strict=True))[:4])
    mean = total / count
    found = {
        "MINIMUM": min(one[4] for one in numbers), "MAXIMUM": max(one[5] for one in numbers), "MEAN": mean,
        "STDDEV": math.sqrt(max(0.0, squares / count - mean * mean)),
    }  # fmt: skip
    return [*((f"STATISTICS_{name}", f"{value:.12g}") for name, value in found.items()), ("CELLS_HELD_AT_AN_END", f"{beyond:.0f}")]


def map_title(request: MapRequest, language: Any) -> str:
    """The title of a map."""
    pools = text("map.all_pools", language) if len(request.pools) > 1 else text(f"pool.{request.pools[0]}", language)
    lands = text("map.all_ecosystems", language) if len(request.ecosystems) > 1 else text(f"words.{request.ecosystems[0]}", language)
    if request.year_from is None:
        return text("map.stock", language, pools=pools, lands=lands, year=request.year)
    return text("map.change", language, pools=pools, lands=lands, first=request.year_from, last=request.year)
