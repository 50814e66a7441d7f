"""Survey polygons of a run: their hashes, their pieces before the pass, and their own areas and volumes beside those of the tables."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, errors, finding
from sinks.config import LAND_COVER
from sinks.errors import Unfinished
from sinks.layers.inputs import Source
from sinks.layers.spool import AREA, OFFICIAL, Progress, column_of, make_spool
from sinks.layers.vector import VectorSet, VectorSource, parts_of
from sinks.provenance import HashMemory, code_hash, content_hash
from sinks.setup import Setup
from sinks.tables import VECTOR_AREAS

CODE = (
    "aoi/coverage.py", "aoi/grids.py", "aoi/stretches.py", "aoi/zones.py", "sinks/layers/attributes.py", "sinks/layers/spool.py", "sinks/layers/vector.py",
)  # fmt: skip
VOLUME = "growing_stock_volume"
FAR_TOTAL, FAR_CLASS = 0.001, 0.01
"""Relative differences of official areas, of all land and of a class, from which on they are told."""
UNITS = {1e-4: "m2", 1.0 / 15.0: "mu", 15.0: "ha", 1e4: "ha", 1e4 / 15.0: "mu", 15e-4: "m2"}
"""Ratios of areas that a wrong unit gives, and the unit that would be right."""
NEAR_UNIT = 0.2

Floats = NDArray[np.float64]


def source_hash(memory: HashMemory, source: Source | VectorSource) -> str:
    """The hash of a raster, or of all files that make a file of polygons."""
    if isinstance(source, Source):
        return memory.sha256(source.label, source.path)
    parts = parts_of(source.path, source.label)
    if parts == [source.path]:
        return memory.sha256(source.label, source.path)
    return content_hash([[part.name.lower(), memory.sha256(f"{source.label}/{part.name}", part)] for part in parts])


def source_bytes(source: Source | VectorSource) -> int:
    """The size of a raster, or of a file of polygons with all its parts."""
    if isinstance(source, Source):
        return source.path.stat().st_size
    return sum(part.stat().st_size for part in parts_of(source.path, source.label))


def set_key(one: VectorSet, setup: Setup, hashes: Mapping[str, str]) -> str:
    """The hash of everything that the pieces and attributes of a set depend on."""
    files = [[hashes[file.label], file.layer, file.encoding, file.crs, file.features] for file in one.files]
    attributes = [asdict(attribute) for attribute in one.attributes]
    grid = asdict(replace(setup.grid, cell_area="true")) | {"cell_area": setup.grid.cell_area}
    return content_hash({"code": code_hash(*CODE), "files": files, "attributes": attributes, "area": [one.area_field, one.area_ha], "grid": grid})


def with_pieces(setup: Setup, hashes: Mapping[str, str], progress: Progress | None = None) -> tuple[Setup, list[Finding]]:
    """The run with the pieces of its polygons made, and what was found in their attributes; pieces that are there are kept.

    Raises
    ------
    InputError
        With everything that is wrong with the polygons of all files.
    Unfinished
        The disk is full; what was made stays.
    """
    if not setup.stack.vectors:
        return setup, []
    folder = setup.out.resolve() / "partials"
    found: list[Finding] = []
    sets = []
    for one in setup.stack.vectors:
        path = folder / f"{set_key(one, setup, hashes)[:32]}.pieces.sqlite"
        try:
            found += make_spool(one, setup.grid, path, progress)
        except Unfinished:
            raise
        except InputError as error:
            found += error.findings
        sets.append(replace(one, spool=str(path)))
    if errors(found):
        raise InputError(found)
    return replace(setup, stack=replace(setup.stack, vectors=tuple(sets))), found


def vector_areas(setup: Setup, activity: pd.DataFrame) -> pd.DataFrame:
    """Areas and volumes of the polygons by year and class: official ones, those of the outlines, and those of the activity tables.

    Parameters
    ----------
    setup : Setup
        With its pieces made.
    activity : DataFrame
        The table ``activity_year``.
    """
    rows = [row for year in setup.config.run.dates for row in _rows_of(setup, year, activity)]
    return VECTOR_AREAS.typed(pd.DataFrame(rows))


def _place(setup: Setup, layer: str, year: int) -> tuple[int, int] | None:
    """Set and column of a layer at a date, where it comes from polygons."""
    if not setup.stack.has(layer):
        return None
    dates = dict(setup.stack.layer(layer).polygons)
    return dates.get(year, dates.get(None))


def _rows_of(setup: Setup, year: int, activity: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a date whose land cover comes from polygons."""
    land, volume = _place(setup, LAND_COVER, year), _place(setup, VOLUME, year)
    if land is None:
        return []
    one = setup.stack.vectors[land[0]]
    code = column_of(one.spool, str(land[1]))[:-1]
    image = column_of(one.spool, AREA)[:-1]
    official = column_of(one.spool, OFFICIAL)[:-1] if one.area_field else np.full(len(code), np.nan)
    per_ha = column_of(one.spool, str(volume[1]))[:-1] if volume is not None and volume[0] == land[0] else np.full(len(code), np.nan)
    mine = activity[(activity["year"] == year) & activity["zone"].isin(setup.zone_sets[0].codes)]
    tabulated = _by_class(mine[mine["layer"] == LAND_COVER], "area_ha")
    volumes = _by_class(mine[mine["layer"] == VOLUME], "sum")
    legend = setup.legends.get(year)
    known = {} if legend is None else dict(zip(legend.codes, legend.land_classes, strict=True))
    rows = []
    for value in np.unique(code).tolist():
        these = code == value
        held = these & ~np.isnan(per_ha)
        rows.append(
            {
                "year": year, "class": value, "file": one.label, "land_class": known.get(value, "unknown"), "polygons": int(these.sum()),
                "official_ha": _total(official[these]), "image_ha": _total(image[these]), "tabulated_ha": tabulated.get(value, 0.0),
                "official_m3": _total((per_ha * official)[held]), "image_m3": _total((per_ha * image)[held]),
                "tabulated_m3": volumes.get(value, 0.0) if held.any() else np.nan,
            }
        )  # fmt: skip
    return rows


def _by_class(rows: pd.DataFrame, column: str) -> dict[int, float]:
    return {int(code): float(total) for code, total in rows.groupby("class")[column].sum().items()}


def _total(values: Floats) -> float:
    """The sum of values that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if len(known) else np.nan


def area_findings(frame: pd.DataFrame) -> list[Finding]:
    """Official areas that are far from those of the outlines: a unit that cannot be, or differences to know of."""
    found = []
    for year, rows in frame[frame["official_ha"].notna()].groupby("year"):
        official, image = float(rows["official_ha"].sum()), float(rows["image_ha"].sum())
        if not official > 0 or not image > 0:
            continue
        where = f"{rows['file'].iloc[0]}: {year}"
        said = {"official": f"{official:.6g}", "image": f"{image:.6g}", "ratio": f"{official / image:.6g}"}
        unit = [name for ratio, name in UNITS.items() if abs(image / official / ratio - 1.0) < NEAR_UNIT]
        if unit:
            found.append(finding("E-TUBAN-17", where, **said, unit=unit[0]))
            continue
        far = rows[(rows["official_ha"] / rows["image_ha"] - 1.0).abs() > FAR_CLASS]
        if abs(official / image - 1.0) > FAR_TOTAL or len(far):
            classes = ", ".join(f"{row.land_class} {row.official_ha / row.image_ha - 1.0:+.2%}" for row in far.itertuples())
            found.append(finding("W-TUBAN-18", where, **said, classes=classes or "-"))
    return found

