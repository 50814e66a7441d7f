"""Field plots on the grid of a run: read, checked, placed, and what the layers hold there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from aoi.findings import Finding, InputError, errors, finding
from aoi.grids import TILE, Grid, crs_text, geodetic_crs, horizontal_crs, parse_crs
from aoi.guard import open_vector
from aoi.table import Column, Table, decode
from aoi.zones import Zones
from sinks.config import PlotSection
from sinks.estimation.heads import renamed_head
from sinks.layers.layer import Extent, Layer, Stack, read_member
from sinks.layers.polygons import polygons_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PLOTS = Table(
    name="plots", title_zh="样地", title_en="Field plots", row_per="plot", extra_columns=True,
    columns=(
        Column(name="id", type="text", title_zh="编号", title_en="Id", needed=True),
        Column(name="x", type="decimal", title_zh="横坐标", title_en="x", needed=True),
        Column(name="y", type="decimal", title_zh="纵坐标", title_en="y", needed=True),
        Column(name="value", type="decimal", title_zh="实测值", title_en="Measured value", needed=True),
    ),
)  # fmt: skip
MOST = 20
"""Findings of one kind that are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plots:
    """Plots that lie on the grid, in the order of their file.

    Parameters
    ----------
    x, y : (n,)
        In the CRS of the grid.
    longitude, latitude : (n,)
        Degrees.
    rows, columns : (n,) int
        The cell of the grid.
    zone : (n,) int
        Place among the zones, -1 outside all of them.
    """

    ids: tuple[str, ...]
    x: Floats
    y: Floats
    longitude: Floats
    latitude: Floats
    rows: Ints
    columns: Ints
    zone: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, held: NDArray[np.bool_]) -> "Plots":
        """Some of the plots."""
        arrays = {name: getattr(self, name)[held] for name in ("x", "y", "longitude", "latitude", "rows", "columns", "zone", "values")}
        return Plots(ids=tuple(np.asarray(self.ids, dtype=object)[held]), **arrays)


def read_plots(path: Path, section: PlotSection, grid: Grid, zones: Zones, where: str, *, in_zones: bool) -> tuple[Plots, list[Finding]]:
    """The plots of a CSV or vector file that lie on the grid (and, ``in_zones``, in a zone), and what to know of them.

    Raises
    ------
    InputError
        All that is wrong at once: columns and cells, a plot twice (``E-PLOT-03``), two
        at one place (``E-PLOT-04``), outside (``E-PLOT-02``), none left (``E-PLOT-05``).
    """
    frame, crs = _frame(path, section, where)
    found = [finding("E-PLOT-03", f"{where}: {row + 2}", id=frame.at[row, "id"]) for row in np.flatnonzero(frame.duplicated("id"))[:MOST]]
    frame, more = _one_at_a_place(frame, section, where)
    found += more
    plots = _placed(frame, crs, grid, zones)
    inside = (plots.rows >= 0) & ((plots.zone >= 0) | (not in_zones))
    if not inside.all():
        ids = [one for one, held in zip(plots.ids, inside, strict=True) if not held]
        id = "W-PLOT-02" if section.outside == "skip" else "E-PLOT-02"
        found.append(finding(id, where, number=len(ids), all=len(plots), ids=named(ids)))
    if not inside.any():
        found.append(finding("E-PLOT-05", where))
    if errors(found):
        raise InputError(found)
    return plots.where(inside), found


def named(ids: Sequence[str]) -> str:
    """Ids for a message: the first few of many."""
    return ", ".join(ids[:MOST]) + (", ..." if len(ids) > MOST else "")


def check_units(section: PlotSection, unit: str | None, basis: str | None, where: str) -> list[Finding]:
    """Plots must be in the unit and basis of their layer: nothing is converted in silence."""
    given, wanted = f"{section.unit} {section.basis or ''}".strip(), f"{unit or '-'} {basis or ''}".strip()
    return [] if given == wanted else [finding("E-PLOT-06", where, given=given, wanted=wanted, layer=section.layer)]


def values_at(stack: Stack, name: str, year: int, rows: Ints, columns: Ints) -> Floats:
    """What a layer holds in cells of the grid, NaN for missing (codes: -1); the mean of its files where it has several.

    Of survey polygons, whose pieces must be made, that of the largest share of the cell.

    Raises
    ------
    InputError
        A block cannot be decoded; values that cannot be.
    """
    layer, grid = stack.layer(name), stack.grid
    dates = dict(layer.polygons)
    if year in dates or None in dates:
        return _of_polygons(stack, layer, year if year in dates else None, rows, columns)
    places, back = np.unique(np.stack([rows, columns], axis=1), axis=0, return_inverse=True)
    out = np.zeros(len(places))
    found: list[Finding] = []
    members = layer.members(year)
    for number, (row, column) in enumerate(places.tolist()):
        for member in members:
            cells, wrong = read_member(layer, member, grid, Extent(row, column, 1, 1))
            found += wrong
            out[number] += float(cells[0, 0]) / len(members)
    if found:
        raise InputError(list({(one.id, one.where): one for one in found}.values()))
    return out[back.reshape(-1)]


def _of_polygons(stack: Stack, layer: Layer, year: int | None, rows: Ints, columns: Ints) -> Floats:
    """What the polygon with the largest share of each cell holds."""
    out = np.zeros(len(rows))
    tiles = np.stack([rows // TILE, columns // TILE], axis=1)
    for row, col in np.unique(tiles, axis=0).tolist():
        tile = stack.grid.tile_at(row, col)
        found = polygons_of(stack, [layer], tile)
        mine = (tiles == (row, col)).all(axis=1)
        if found is not None:
            out[mine] = found.dominant(tile)[layer.name, year, 0][rows[mine] - tile.row_off, columns[mine] - tile.col_off]
    return out


def _frame(path: Path, section: PlotSection, where: str) -> tuple[pd.DataFrame, str]:
    """The plots as a typed frame, and the CRS of their coordinates."""
    names = {section.id: "id", section.x: "x", section.y: "y", section.value: "value"}
    if path.suffix.lower() == ".csv":
        crs, text = crs_text(parse_crs(section.crs, "plots.crs")), decode(path, where)[0]
    else:
        features = open_vector(path, where)
        if features.crs is None:
            raise InputError(finding("E-CRS-02", where))
        if not bool((features.geometry.geom_type == "Point").all()):
            raise InputError(finding("E-PLOT-07", where, kinds=", ".join(sorted(set(features.geometry.geom_type.astype(str))))))
        names = {section.id: "id", section.value: "value"}
        plain = pd.DataFrame(features.drop(columns=features.geometry.name)).drop(columns=["x", "y"], errors="ignore")
        crs, text = (
            features.crs.to_wkt(),
            plain.assign(x=features.geometry.x, y=features.geometry.y).to_csv(index=False, lineterminator="\n"),
        )
    frame, found = PLOTS.parse(renamed_head(text, names), where)
    if errors(found):
        raise InputError(errors(found))
    if not len(frame):
        raise InputError(finding("E-PLOT-05", where))
    return frame[["id", "x", "y", "value"]], crs


def _one_at_a_place(frame: pd.DataFrame, section: PlotSection, where: str) -> tuple[pd.DataFrame, list[Finding]]:
    """Plots at one place are refused, averaged or kept, as the configuration says."""
    again = frame.duplicated(["x", "y"])
    if not again.any() or section.same_place == "keep":
        return frame, []
    said = finding(
        "W-PLOT-04" if section.same_place == "mean" else "E-PLOT-04", where, number=int(again.sum()), ids=named(list(frame["id"][again]))
    )
    if section.same_place == "refuse":
        return frame, [said]
    mean = frame.groupby(["x", "y"], sort=False, as_index=False).agg({"id": "first", "value": "mean"})
    return mean, [said]


def _placed(frame: pd.DataFrame, crs: str, grid: Grid, zones: Zones) -> Plots:
    """Cells and zones of the plots; -1 where there is none."""
    x, y = frame["x"].to_numpy(dtype=np.float64), frame["y"].to_numpy(dtype=np.float64)
    target = horizontal_crs(grid.crs)
    x, y = (np.asarray(one) for one in Transformer.from_crs(horizontal_crs(crs), target, always_xy=True).transform(x, y))
    longitude, latitude = (np.asarray(one) for one in Transformer.from_crs(target, geodetic_crs(target), always_xy=True).transform(x, y))
    a, _, c, _, e, f = grid.transform
    column, row = np.floor((x - c) / a), np.floor((y - f) / e)
    held = np.isfinite(x) & np.isfinite(y) & (column >= 0) & (column < grid.width) & (row >= 0) & (row < grid.height)
    shapes = zones.to_crs(grid.crs).geometries
    zone = np.full(len(x), -1, dtype=np.int64)
    point, shape = shapely.STRtree(shapes).query(shapely.points(np.where(held, x, 0.0), np.where(held, y, 0.0)), predicate="intersects")
    zone[point[::-1]] = shape[::-1]
    return Plots(
        ids=tuple(frame["id"].astype(str)), x=x, y=y, longitude=longitude, latitude=latitude,
        rows=np.where(held, row, -1).astype(np.int64), columns=np.where(held, column, -1).astype(np.int64),
        zone=np.where(held, zone, -1), values=frame["value"].to_numpy(dtype=np.float64),
    )  # fmt: skip
