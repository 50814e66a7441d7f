"""Layers as values: which files make a layer at a date, and how its cells are read.

Classes are int32 with -1 for missing (0 is a class in some products); values
are float64 with NaN for missing. No other sentinel leaves this module.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from aoi.findings import InputError, finding
from aoi.grids import Grid
from sinks.layers.raster import dataset_of, read_failure

MISSING_CLASS = -1
Kind = Literal["classes", "values"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterFile:
    """One file on disk as a part of a layer.

    Parameters
    ----------
    path, label : str
        Where it is opened; what it is called in messages and provenance.
    offset : tuple of int, optional
        Row and column of its first cell on the run's grid, when it lies on the
        same lattice; None when it is warped.
    source_crs : str
        Its CRS as WKT (declared by the user or by the file).
    """

    path: str
    label: str
    height: int
    width: int
    offset: tuple[int, int] | None
    source_crs: str
    nodata: float | None
    scale: float
    add: float
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A named layer: its files by date and member, and what its numbers mean.

    ``dates`` maps a year (None: the same at every date) to members; a member is a
    mosaic of files, and a date with several members is averaged over them.
    """

    name: str
    kind: Kind
    dates: tuple[tuple[int | None, tuple[tuple[RasterFile, ...], ...]], ...]
    missing_codes: tuple[int, ...] = ()
    valid: tuple[float, float] | None = None
    valid_declared: bool = False
    resampling: str | None = None
    se: str | None = None

    def members(self, year: int) -> tuple[tuple[RasterFile, ...], ...]:
        """The members of a date: of the year itself, or those that hold at every date."""
        found = dict(self.dates)
        return found[year] if year in found else found[None]

    def date_key(self, year: int) -> int | None:
        """The key under which a date stands: the year, or None for a layer that never changes."""
        return year if any(date == year for date, _ in self.dates) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The layers of a run on its grid; small, and safe to send to workers."""

    grid: Grid
    layers: tuple[Layer, ...]
    years: tuple[int, ...]

    def layer(self, name: str) -> Layer:
        """The layer of a name."""
        return next(layer for layer in self.layers if layer.name == name)

    def has(self, name: str) -> bool:
        """Is there a layer of this name?"""
        return any(layer.name == name for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Extent:
    """A rectangle of cells on the run's grid."""

    row_off: int
    col_off: int
    height: int
    width: int


def read_member(layer: Layer, member: tuple[RasterFile, ...], grid: Grid, extent: Extent) -> NDArray[Any]:
    """The cells of one member in an extent; where files of a mosaic overlap, the first with a value holds.

    Returns
    -------
    (height, width) int32 with -1 for missing (classes) or float64 with NaN (values)

    Raises
    ------
    InputError
        A block that cannot be decoded, an infinite value, a value outside the valid range.
    """
    shape = (extent.height, extent.width)
    if layer.kind == "classes":
        out: NDArray[Any] = np.full(shape, MISSING_CLASS, dtype=np.int32)
    else:
        out = np.full(shape, np.nan)
    for file in member:
        part = _overlap(file, extent)
        if part is None:
            continue
        raw = _read(file, layer, grid, part)
        target = out[part.row_off - extent.row_off :, part.col_off - extent.col_off :][: part.height, : part.width]
        if layer.kind == "classes":
            _fill_classes(target, raw, file, layer)
        else:
            _fill_values(target, raw, file, layer, part)
    return out


def _overlap(file: RasterFile, extent: Extent) -> Extent | None:
    """The part of an extent that a file covers; a warped file may cover all of it."""
    if file.offset is None:
        return extent
    top = max(extent.row_off, file.offset[0])
    left = max(extent.col_off, file.offset[1])
    bottom = min(extent.row_off + extent.height, file.offset[0] + file.height)
    right = min(extent.col_off + extent.width, file.offset[1] + file.width)
    return Extent(top, left, bottom - top, right - left) if bottom > top and right > left else None


def _read(file: RasterFile, layer: Layer, grid: Grid, part: Extent) -> NDArray[Any]:
    try:
        dataset = dataset_of(file.path)
        if file.offset is not None:
            window = Window(part.col_off - file.offset[1], part.row_off - file.offset[0], part.width, part.height)
            return np.asarray(dataset.read(1, window=window))
        return _read_warped(dataset, file, layer, grid, part)
    except RasterioError as error:
        raise read_failure(error, file.path, file.label, part.row_off, part.col_off) from error


def _read_warped(dataset: Any, file: RasterFile, layer: Layer, grid: Grid, part: Extent) -> NDArray[Any]:
    """Cells warped to the run's grid: exact transformation and fixed scale, so that no window changes a cell (FAULTS R7)."""
    nodata = file.nodata if file.nodata is not None else _spare_value(dataset.dtypes[0])
    with WarpedVRT(
        dataset,
        src_crs=file.source_crs,
        crs=grid.crs,
        transform=_affine(grid),
        width=grid.width,
        height=grid.height,
        resampling=Resampling[layer.resampling or "nearest"],
        src_nodata=file.nodata,
        nodata=nodata,
        tolerance=1e-6,
        XSCALE=1,
        YSCALE=1,
    ) as warped:
        raw = np.asarray(warped.read(1, window=Window(part.col_off, part.row_off, part.width, part.height)))
        if file.nodata is None:
            covered = warped.dataset_mask(window=Window(part.col_off, part.row_off, part.width, part.height)) > 0
            raw = np.where(covered, raw.astype(np.float64), np.nan)
    return raw


def _affine(grid: Grid) -> Any:
    from rasterio.transform import Affine

    return Affine(*grid.transform)


def _spare_value(dtype: str) -> float:
    """A no-data value for cells outside a file that declares none; the mask tells them apart."""
    return 0.0 if np.issubdtype(np.dtype(dtype), np.integer) else float("nan")


def _fill_classes(target: NDArray[Any], raw: NDArray[Any], file: RasterFile, layer: Layer) -> None:
    empty = np.isnan(raw) if np.issubdtype(raw.dtype, np.floating) else np.zeros(raw.shape, dtype=bool)
    codes = np.where(empty, MISSING_CLASS, raw).astype(np.int32)
    if file.nodata is not None and not np.isnan(file.nodata):
        codes[raw == file.nodata] = MISSING_CLASS
    for code in layer.missing_codes:
        codes[codes == code] = MISSING_CLASS
    codes[codes < 0] = MISSING_CLASS
    np.copyto(target, codes, where=target == MISSING_CLASS)


def _fill_values(target: NDArray[Any], raw: NDArray[Any], file: RasterFile, layer: Layer, part: Extent) -> None:
    values = raw.astype(np.float64)
    if file.nodata is not None and not np.isnan(file.nodata):
        values[raw == np.asarray(file.nodata).astype(raw.dtype, copy=False)] = np.nan
    if file.scale != 1.0 or file.add != 0.0:
        values = values * file.scale + file.add
    _check_values(values, file, layer, part)
    if layer.valid is not None and layer.valid_declared:
        values[(values < layer.valid[0]) | (values > layer.valid[1])] = np.nan
    np.copyto(target, values, where=np.isnan(target))


def _check_values(values: NDArray[np.float64], file: RasterFile, layer: Layer, part: Extent) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise InputError(finding("E-VALUE-01", file.label, row=part.row_off + row, column=part.col_off + column))
    if layer.valid is None or layer.valid_declared:
        return
    with np.errstate(invalid="ignore"):
        outside = (values < layer.valid[0]) | (values > layer.valid[1])
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise InputError(
            finding(
                "E-VALUE-02", file.label,
                value=f"{values[row, column]:g}", cells=int(outside.sum()), row=part.row_off + row, column=part.col_off + column,
                low=f"{layer.valid[0]:g}", high=f"{layer.valid[1]:g}", layer=layer.name, hint=_hint(float(values[row, column]), file),
            )
        )  # fmt: skip


_NODATA_CANDIDATES = (-9999.0, -32768.0, -3000.0, -1.0, 255.0, 32767.0, 65535.0, -3.4028234663852886e38)


def _hint(value: float, file: RasterFile) -> str:
    """A no-data value that the raw number looks like."""
    raw = (value - file.add) / file.scale if file.scale else value
    near = [candidate for candidate in _NODATA_CANDIDATES if np.isclose(raw, candidate, rtol=1e-6)]
    return f"nodata = {near[0]:g}" if near else f"valid = [{'low'}, {'high'}]"
