"""Invented landscapes of any size, written block by block and the same for a seed whatever the threads.

Classes are patches of the CLCD legend with ragged edges, about two per cent of
the land changes class between the dates, biomass follows the class with noise
from stand to stand and cell to cell, twelve jagged zones cover half the box, and
the layers end with them like clipped products do (`Site.clipped`).
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine
from rasterio.windows import Window

from bench.layout import LABEL, LAYERS, NDVI_SCALE, NO_VALUE, YEARS, ZONES
from bench.outlines import outlines
from sinks.demo.noise import SmoothNoise, octaves

Floats = NDArray[np.float64]
Cells = NDArray[Any]

BLOCK = 512
GRIDS = {"albers": ("ESRI:102025", 30.0, 200_000.0, 4_600_000.0), "geographic": ("EPSG:4490", 0.00027, 111.0, 45.0)}
"""CRS, size of a cell, left and top of the box."""
FOREST, SHRUB, GRASS, CROP, WATER, BARE, BUILT, WETLAND = 2, 3, 4, 1, 5, 7, 8, 9
"""Codes of the CLCD legend; 0 is no data."""
CHANGED = 0.02
HOLES = 0.003
_RAGGED = 0.05
"""Noise from cell to cell on the fields whose limits are the edges of classes."""
_GROWTH = {FOREST: 15, SHRUB: 3}
"""Three years' growth [0.1 t ha-1]."""
_BIOMASS = {CROP: 30.0, FOREST: 800.0, SHRUB: 150.0, GRASS: 20.0, WATER: 0.0, BARE: 3.0, BUILT: 10.0, WETLAND: 40.0}
"""Mean aboveground biomass [0.1 t ha-1]."""
_NDVI = {CROP: 0.62, FOREST: 0.82, SHRUB: 0.58, GRASS: 0.45, WATER: 0.02, BARE: 0.12, BUILT: 0.22, WETLAND: 0.6}
_BECOMES = {CROP: GRASS, FOREST: GRASS, SHRUB: FOREST, GRASS: CROP, WATER: WETLAND, BARE: GRASS, BUILT: BARE, WETLAND: GRASS}
_BECOMES_TOO = {CROP: BUILT, FOREST: SHRUB, SHRUB: GRASS, GRASS: SHRUB, WATER: BARE, BARE: BUILT, BUILT: CROP, WETLAND: CROP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What landscape to make.

    Parameters
    ----------
    width, height : int
        Cells.
    grid : {"albers", "geographic"}
    tile : int
        Side of the files of a mosaic [cells], a multiple of 512; 0 for one file.
    clipped : bool
        No data outside the zones; else the layers fill the box.
    """

    width: int
    height: int
    seed: int = 1
    grid: str = "albers"
    tile: int = 0
    clipped: bool = True

    @classmethod
    def square(cls, cells: float, **more: Any) -> "Site":
        """A site of about so many cells."""
        side = round(cells**0.5)
        return cls(width=side, height=side, **more)

    @property
    def name(self) -> str:
        """A folder name that tells all of it."""
        mosaic = f"-tiles{self.tile}" if self.tile else ""
        return f"{self.grid}-{self.width}x{self.height}-seed{self.seed}{mosaic}{'' if self.clipped else '-filled'}"

    @property
    def crs(self) -> str:
        """Authority code of the grid."""
        return GRIDS[self.grid][0]

    @property
    def transform(self) -> Affine:
        """The affine transform of the rasters."""
        _, cell, left, top = GRIDS[self.grid]
        return Affine(cell, 0.0, left, 0.0, -cell, top)

    def blocks(self) -> Iterator[Window]:
        """Blocks of 512 cells in the order in which they are written."""
        for row in range(0, self.height, BLOCK):
            for column in range(0, self.width, BLOCK):
                yield Window(column, row, min(BLOCK, self.width - column), min(BLOCK, self.height - row))

    def polygons(self) -> list[shapely.Polygon]:
        """The zones in the CRS of the grid."""
        size = np.array([self.width, self.height])
        scaled = [ring * size * [1, -1] + [0, self.height] for ring in outlines(self.seed).rings]
        cell, left, top = self.transform.a, self.transform.c, self.transform.f
        return [shapely.Polygon(ring * [cell, -cell] + [left, top]) for ring in scaled]


class Cover:
    """The layers of a site, a block at a time; every block is made from its place and the seed alone."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._polygons = site.polygons()
        self._fields = {
            "moisture": self._field(1, 500.0, 5.0), "relief": self._field(2, 300.0, 5.0), "town": self._field(3, 60.0, 4.0),
            "change": self._field(4, 40.0, 3.0), "kind": self._field(5, 150.0, 40.0), "stand": self._field(6, 120.0, 5.0),
            "hole": self._field(7, 50.0, 4.0), "climate": self._field(8, 4000.0, 30.0), "error": self._field(9, 300.0, 60.0),
        }  # fmt: skip

    def _field(self, stream: int, longest: float, shortest: float) -> SmoothNoise:
        """A field whose shorter waves are strong enough to break patches up."""
        wavelengths, weights = octaves(longest, shortest)
        return SmoothNoise(self.site.seed, stream, wavelengths, [weight**0.6 for weight in weights])

    @cached_property
    def _limits(self) -> dict[str, Floats]:
        """Where the fields are cut, from a sample of places: shares of classes, change and holes are then as stated."""
        places = np.random.default_rng([self.site.seed, 99]).uniform(0, 20_000, (2, 400))

        def quantiles(name: str, *shares: float) -> Floats:
            return np.quantile(self._fields[name](places[0], places[1]), shares)

        return {
            "moisture": quantiles("moisture", 0.12, 0.30, 0.68, 0.78), "relief": quantiles("relief", 0.03, 0.06, 0.80),
            "town": quantiles("town", 0.985), "change": quantiles("change", 1 - CHANGED), "hole": quantiles("hole", 1 - HOLES),
            "climate": quantiles("climate", 0.35, 0.7),
        }  # fmt: skip

    def zones(self, window: Window) -> NDArray[np.uint8]:
        """Number of the zone that holds each cell's centre, from 1; 0 outside."""
        transform = self.site.transform @ Affine.translation(window.col_off, window.row_off)
        shapes = zip(self._polygons, range(1, ZONES + 1), strict=True)
        burnt: NDArray[np.uint8] = rasterize(shapes, (window.height, window.width), fill=0, transform=transform, dtype="uint8")
        return burnt

    def layers(self, window: Window, zones: NDArray[np.uint8]) -> dict[str, Cells]:
        """Raw numbers of all rasters in a block; empty where the block lies outside a clipped site."""
        if self.site.clipped and not zones.any():
            return {}
        x, y = window.col_off + np.arange(window.width) + 0.5, window.row_off + np.arange(window.height) + 0.5
        fine = np.random.default_rng([self.site.seed, 50, window.row_off, window.col_off]).standard_normal
        noise = [fine((window.height, window.width), dtype=np.float32) for _ in range(4)]
        before = self._classes(x, y, noise[0])
        after = self._changed(before, x, y)
        out = {**self._by_year(before, after, x, y, noise), "climate": self._climate(x, y)}
        return {name: self._finished(name, cells, zones) for name, cells in out.items()}

    def _finished(self, name: str, cells: Cells, zones: NDArray[np.uint8]) -> Cells:
        dtype, nodata, _ = LAYERS[name]
        kept = np.where(zones > 0, cells, nodata) if self.site.clipped else cells
        return np.ascontiguousarray(kept, dtype=dtype)

    def _classes(self, x: Floats, y: Floats, noise: Cells) -> NDArray[np.uint8]:
        """Land cover at the first date."""
        moisture = self._fields["moisture"](x, y) + _RAGGED * noise
        relief = self._fields["relief"](x, y) + _RAGGED / 2 * noise
        wet, high = self._limits["moisture"], self._limits["relief"]
        classes = np.array([BARE, GRASS, GRASS, SHRUB, FOREST], dtype=np.uint8)[np.digitize(moisture, wet)]
        classes[(moisture > wet[1]) & (moisture < wet[2]) & (relief > high[2])] = CROP
        classes[relief < high[1]] = WETLAND
        classes[relief < high[0]] = WATER
        classes[self._fields["town"](x, y) > self._limits["town"][0]] = BUILT
        return classes

    def _changed(self, before: NDArray[np.uint8], x: Floats, y: Floats) -> NDArray[np.uint8]:
        """Land cover at the second date."""
        changed = self._fields["change"](x, y) > self._limits["change"][0]
        kind = self._fields["kind"](x, y) > 0
        return np.where(changed, np.where(kind, _lookup(_BECOMES)[before], _lookup(_BECOMES_TOO)[before]), before).astype(np.uint8)

    def _by_year(self, before: NDArray[np.uint8], after: NDArray[np.uint8], x: Floats, y: Floats, noise: list[Cells]) -> dict[str, Cells]:
        stand = 1 + 0.25 * self._fields["stand"](x, y)
        error = 0.15 + 0.1 * (self._fields["error"](x, y) + 1)
        hole = self._fields["hole"](x, y) > self._limits["hole"][0]
        green = 0.08 * self._fields["moisture"](x, y)
        standing = np.maximum(_lookup(_BIOMASS)[before] * stand * (1 + 0.15 * noise[1]), 0.0)
        grown = np.where(before == after, standing + _lookup(_GROWTH)[after], _lookup(_BIOMASS)[after] * stand * 0.4)
        out: dict[str, Cells] = {}
        for year, classes, amount, own in ((YEARS[0], before, standing, noise[2]), (YEARS[1], after, grown, noise[3])):
            biomass = np.rint(amount * (1 + 0.05 * own))
            lacks = hole | (classes == WATER)
            out[f"land_cover_{year}"] = np.where(hole, 0, classes)
            out[f"aboveground_biomass_{year}"] = np.where(lacks, NO_VALUE, np.clip(biomass, 0, 6000))
            out[f"aboveground_biomass_se_{year}"] = np.where(lacks, NO_VALUE, np.rint(np.clip(biomass, 0, 6000) * error) + 2)
            out[f"ndvi_{year}"] = np.rint(np.clip(_lookup(_NDVI)[classes] + green + 0.03 * own, -0.2, 0.98) / NDVI_SCALE)
        return out

    def _climate(self, x: Floats, y: Floats) -> NDArray[np.uint8]:
        return (1 + np.digitize(self._fields["climate"](x, y), self._limits["climate"])).astype(np.uint8)


def _lookup(values: Mapping[int, float]) -> Floats:
    table = np.zeros(256)
    for code, value in values.items():
        table[code] = value
    return table


def write(site: Site, folder: Path, threads: int = 2) -> None:
    """The rasters, zones and description of a site; the bytes do not depend on the threads."""
    folder.mkdir(parents=True, exist_ok=True)
    write_zones(site, folder / "zones.gpkg")
    cover = Cover(site)
    counts = {"cells": site.width * site.height, "inside": 0, "valid": 0, "changed": 0}
    with ExitStack() as stack:
        files = _Files(site, folder, stack)
        for window, zones, layers in _in_order(cover, threads):
            files.put("zone_ids", window, zones)
            for name, cells in layers.items():
                files.put(name, window, cells)
            _count(counts, zones, layers)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.glob("*.tif"))}
    description = {"label": LABEL, "site": asdict(site), **counts, "bytes": sizes}
    (folder / "landscape.json").write_text(json.dumps(description, ensure_ascii=False, indent=1), encoding="utf-8")


def _count(counts: dict[str, int], zones: NDArray[np.uint8], layers: Mapping[str, Cells]) -> None:
    if not layers:
        return
    inside = zones > 0
    before, after = (layers[f"land_cover_{year}"][inside] for year in YEARS)
    counts["inside"] += int(inside.sum())
    counts["valid"] += int(((before > 0) & (after > 0)).sum())
    counts["changed"] += int(((before != after) & (before > 0) & (after > 0)).sum())


def _in_order(cover: Cover, threads: int) -> Iterator[tuple[Window, NDArray[np.uint8], dict[str, Cells]]]:
    """Blocks made by some threads at once, handed over in their order, few of them waiting."""
    lock = threading.Lock()

    def made(window: Window) -> tuple[Window, NDArray[np.uint8], dict[str, Cells]]:
        with lock:  # GDAL's vector calls one at a time
            zones = cover.zones(window)
        return window, zones, cover.layers(window, zones)

    with ThreadPoolExecutor(threads) as pool:
        yield from _bounded(pool, made, cover.site.blocks(), 2 * threads)


def _bounded(pool: ThreadPoolExecutor, work: Callable[[Window], Any], windows: Iterator[Window], most: int) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque(pool.submit(work, window) for window in islice(windows, most))
    while waiting:
        yield waiting.popleft().result()
        for window in islice(windows, 1):
            waiting.append(pool.submit(work, window))


class _Files:
    """Open GeoTIFFs of a site by name and place in the mosaic; blocks that are never written take no space."""

    def __init__(self, site: Site, folder: Path, stack: ExitStack) -> None:
        self._site, self._folder, self._stack = site, folder, stack
        self._open: dict[tuple[str, int, int], Any] = {}

    def put(self, name: str, window: Window, cells: Cells) -> None:
        """Write a block."""
        tile = 0 if name == "zone_ids" else self._site.tile
        row, column = (window.row_off // tile, window.col_off // tile) if tile else (0, 0)
        place = Window(window.col_off - column * tile, window.row_off - row * tile, window.width, window.height)
        self._dataset(name, row, column, tile).write(cells, 1, window=place)

    def _dataset(self, name: str, row: int, column: int, tile: int) -> Any:
        key = name, row, column
        if key not in self._open:
            self._close_rows_before(name, row)
            left, top = column * tile, row * tile
            width = min(tile, self._site.width - left) if tile else self._site.width
            height = min(tile, self._site.height - top) if tile else self._site.height
            path = self._folder / (f"{name}_{row:03d}_{column:03d}.tif" if tile else f"{name}.tif")
            transform = self._site.transform @ Affine.translation(left, top)
            self._open[key] = self._stack.enter_context(_created(path, name, self._site.crs, transform, width, height))
        return self._open[key]

    def _close_rows_before(self, name: str, row: int) -> None:
        for key in [one for one in self._open if one[0] == name and one[1] < row]:
            self._open.pop(key).close()


def _created(path: Path, name: str, crs: str, transform: Affine, width: int, height: int) -> Any:
    """A new GeoTIFF of 512 blocks, low-level ZSTD, sparse."""
    dtype, nodata, scale = LAYERS.get(name, ("uint8", 0, 1.0))
    dataset = rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype=dtype, nodata=nodata, crs=crs, transform=transform,
        tiled=True, blockxsize=BLOCK, blockysize=BLOCK, compress="zstd", zstd_level=1, predictor=2 if dtype == "int16" else 1,
        sparse_ok=True, bigtiff="if_safer",
    )  # fmt: skip
    dataset.update_tags(TIFFTAG_IMAGEDESCRIPTION=LABEL, NAME=path.stem)
    if scale != 1.0:
        dataset.scales = (scale,)
    return dataset


def write_zones(site: Site, path: Path) -> None:
    """The zones as a GeoPackage."""
    names = {
        "adcode": [f"Z{number:02d}" for number in range(1, ZONES + 1)],
        "name_zh": [f"虚构区{number}" for number in range(1, ZONES + 1)],
    }
    path.unlink(missing_ok=True)
    geopandas.GeoDataFrame(names, geometry=site.polygons(), crs=site.crs).to_file(path, engine="pyogrio")


def ensure(site: Site, top: Path) -> Path:
    """The folder of a site below another one, made where it is not there yet."""
    folder = top / site.name
    if not (folder / "landscape.json").exists():
        write(site, folder)
    return folder


def described(folder: Path) -> dict[str, Any]:
    """What is known of a landscape: cells, cells inside the zones, cells whose class changed, sizes of files."""
    known: dict[str, Any] = json.loads((folder / "landscape.json").read_text(encoding="utf-8"))
    return known
