"""Made survey polygons (图斑) and run files that name them: made, not of any place.

A mosaic of polygons fills a rectangle: seeds are drawn, their Voronoi cells are the
outlines, so borders cross the cells of the grid in every way.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from landscapes import DRAWS, Lattice, Run, toml, whole_zone, write_raster
from shapely import Polygon

from sinks.layers.windows import Engine
from sinks.pipeline import settle_tables, snapshot, tabulate
from sinks.setup import set_up

LATTICE = Lattice(height=20, width=24)
CLASSES = ("0301", "0305", "0307", "0401", "0404", "0103", "1101")
SPECIES = ("落叶松", "白桦", "山杨")
NAMES = "code,value\n落叶松,larch\n白桦,birch\n山杨,poplar\n"
CLIMATE = "code,value\n寒温带,boreal\n中温带,cool_temperate_dry\n"


def mosaic(lattice: Lattice = LATTICE, count: int = 60, seed: int = 1, box: Polygon | None = None) -> list[Polygon]:
    """Polygons that fill a rectangle without gap or overlap, in the order of their seeds."""
    box = box or lattice.rectangle(0, 0, lattice.width, lattice.height)
    random = np.random.default_rng(seed)
    left, bottom, right, top = box.bounds
    seeds = np.column_stack((random.uniform(left, right, count), random.uniform(bottom, top, count)))
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(seeds), extend_to=box, ordered=True))
    return [one for one in shapely.intersection(cells, box) if one.area > 0]


def survey(polygons: Sequence[Polygon], lattice: Lattice = LATTICE, seed: int = 2) -> geopandas.GeoDataFrame:
    """Polygons with the attributes of a bureau: land class, species, climate zone, stock per hectare, official area in m2."""
    random = np.random.default_rng(seed)
    count = len(polygons)
    land = random.choice(CLASSES, count)
    forest = np.isin(land, ("0301", "0307"))
    columns = {
        "地类编码": land, "优势树种": np.where(forest, random.choice(SPECIES, count), None), "气候": random.choice(["寒温带", "中温带"], count),
        "公顷蓄积": np.where(forest, np.round(random.uniform(5, 260, count), 1), np.where(land == "0305", 0.0, np.nan)), "面积": [one.area for one in polygons],
    }  # fmt: skip
    return geopandas.GeoDataFrame(columns, geometry=list(polygons), crs=lattice.crs)


def write_survey(
    folder: Path, files: Mapping[int, tuple[str, geopandas.GeoDataFrame]], lattice: Lattice = LATTICE, zones: Sequence[tuple[str, str, Polygon]] = (),
    keys: Mapping[str, Mapping[str, Any]] | None = None, more: Mapping[str, Any] | None = None, encoding: str | None = None, volume: bool = True,
    like: bool = False,
) -> Path:  # fmt: skip
    """The files of a run whose layers come from polygons; returns the run file.

    Parameters
    ----------
    files : mapping
        Year -> name of the file and its polygons; None for a file that is there already.
    keys : mapping
        Keys of layers that are added or replace others.
    like : bool
        The grid is that of a raster over the lattice; else it is declared, and lies over the polygons.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in files.values():
        if frame is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a file without CRS is what some tests want
                frame.to_file(folder / name, engine="pyogrio", **({"encoding": encoding} if encoding else {}))
    (folder / "species.csv").write_text(NAMES, encoding="utf-8")
    (folder / "climate.csv").write_text(CLIMATE, encoding="utf-8")
    names = {str(year): name for year, (name, _) in files.items()}
    layers: dict[str, dict[str, Any]] = {
        "land_cover": {"legend": "land_survey", "field": "地类编码", "area_field": "面积", "area_unit": "m2", **names},
        "species": {"legend": "species.csv", "field": "优势树种", **names},
        "zone_of_climate": {"legend": "climate.csv", "field": "气候", **names},
    }
    if volume:
        layers["growing_stock_volume"] = {"unit": "m3 ha-1", "field": "公顷蓄积", **names}
    for name, values in (keys or {}).items():
        layers[name] = {key: value for key, value in {**layers.get(name, {}), **values}.items() if value is not None}
    years = sorted(files)
    drawn = zones or whole_zone(lattice)
    frame = geopandas.GeoDataFrame(
        {"code": [one[0] for one in drawn], "name": [one[0] for one in drawn], "parent": [one[1] for one in drawn]},
        geometry=[one[2] for one in drawn], crs=lattice.crs,
    )  # fmt: skip
    (folder / "zones.gpkg").unlink(missing_ok=True)
    frame.to_file(folder / "zones.gpkg", engine="pyogrio")
    base = {"base_year": years[0]} if len(years) > 1 else {}
    config: dict[str, Any] = {
        "run": {"years": years[1:] if len(years) > 1 else years, "output": "out", **base},
        "zones": {"file": "zones.gpkg", "code": "code", "name": "name", "parent": "parent"},
        "grid": {"crs": lattice.crs, "resolution": lattice.cell},
        "uncertainty": {"draws": DRAWS},
        "layers": layers,
        "strata": {"vegetation_type": "species", "climate": "zone_of_climate"},
    }
    if like:
        config["grid"] = {"like": write_raster(folder, "frame", np.zeros(lattice.shape, dtype=np.uint8), lattice, 255)[0]}
    for name, values in (more or {}).items():
        config[name] = {**config.get(name, {}), **values} if isinstance(values, Mapping) else values
    path = folder / "run.toml"
    path.write_text(toml(config), encoding="utf-8")
    return path


def passed(path: Path, engine: Engine | None = None) -> Run:
    """The pass of a run alone, without its accounting."""
    setup = set_up(path)
    tabulate(setup, engine or Engine(threads=1))
    settle_tables(setup.out)
    snapshot(setup)
    return Run(setup, setup.out)
