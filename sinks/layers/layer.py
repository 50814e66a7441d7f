"""Layers as values: which files make a layer at a date, and how its cells are read.

Classes are int32 with -1 for missing (0 is a class in some products); values
are float64 with NaN for missing. No other sentinel leaves this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from aoi.findings import Finding, InputError, finding
from aoi.grids import Grid
from sinks.layers.raster import dataset_of, read_failure
from sinks.layers.vector import VectorSet

MISSING_CLASS = -1
MOST_CODE = 2**31 - 1
MOST = 0.5
"""Where more than this share of the cells cannot be, it is the unit or scale and not a no-data value."""
_NODATA_CANDIDATES = (-9999.0, -32768.0, -3000.0, -999.0, -99.0, -1.0, 255.0, 32767.0, 65535.0, -3.4028234663852886e38)

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
    striped : bool
        Kept as whole rows: reading some of its columns decodes all of them.
    band : int
        Which of its bands, from 1.
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
    striped: bool = False
    band: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A named layer: its files by date and member, and what its numbers mean.

    ``dates`` maps a year (None: the same at every date) to members; a member is a
    mosaic of files, and a date with several members is averaged over them. ``polygons``
    maps dates that come from survey polygons to a set of the stack and its column.
    """

    name: str
    kind: Kind
    dates: tuple[tuple[int | None, tuple[tuple[RasterFile, ...], ...]], ...]
    missing_codes: tuple[int, ...] = ()
    valid: tuple[float, float] | None = None
    valid_declared: bool = False
    resampling: str | None = None
    se: str | None = None
    polygons: tuple[tuple[int | None, tuple[int, int]], ...] = ()

    def members(self, year: int) -> tuple[tuple[RasterFile, ...], ...]:
        """The members of a date: of the year itself, or those that hold at every date."""
        found = dict(self.dates)
        return found[year] if year in found else found[None]

    def date_key(self, year: int) -> int | None:
        """The key under which a date stands: the year, or None for a layer that never changes."""
        return year if any(date == year for date, _ in (*self.dates, *self.polygons)) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The layers of a run on its grid, and those that are made of them window by window; small, and safe to send to workers."""

    grid: Grid
    layers: tuple[Layer, ...]
    years: tuple[int, ...]
    vectors: tuple[VectorSet, ...] = ()
    derived: tuple["Derivation", ...] = ()

    def layer(self, name: str) -> Layer:
        """The layer of a name."""
        return next(layer for layer in self.layers if layer.name == name)

    def has(self, name: str) -> bool:
        """Is there a layer of this name?"""
        return any(layer.name == name for layer in self.layers)


class Derivation(Protocol):
    """Layers of classes that are made of the cells of others when a window is read; a frozen record, so that its fields tell what it makes.

    A cell that is made depends on the same cell of the others alone, so that no window changes it.
    """

    @property
    def layer(self) -> str:
        """The layer that is read."""

    @property
    def names(self) -> tuple[str, ...]:
        """The layers that are made, one file of each at every date."""

    @property
    def dates(self) -> tuple[int, ...]:
        """The dates for which they are made."""

    @property
    def used_up(self) -> frozenset[tuple[str, int | None, int]]:
        """Files that nothing else needs."""

    def made(self, stored: Mapping[tuple[str, int | None, int], "Stored"], scratch: "Scratch") -> dict[tuple[str, int | None, int], "Stored"]:
        """The cells of the layers that are made, by (layer, year, 0)."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A rectangle of cells on the run's grid."""

    row_off: int
    col_off: int
    height: int
    width: int


STORED_TYPES = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "i4", "f4", "f8"))
"""Types in which cells may stand in a window as they stand in their file; those of classes are the whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """Cells as they stand in a file, and how they become codes or values.

    Parameters
    ----------
    cells : (height, width) array of one of `STORED_TYPES`
    offset : int
        Where the first cell stands in the bytes of its window; rows follow each other.
    limits : tuple of float
        The values that can be; those outside are missing where the user declared the
        limits, and a finding else.
    """

    cells: NDArray[Any]
    offset: int
    kind: Kind
    nodata: float | None = None
    scale: float = 1.0
    add: float = 0.0
    missing_codes: tuple[int, ...] = ()
    limits: tuple[float, float] = (-np.inf, np.inf)
    declared: bool = False

    def decoded(self, rows: slice = slice(None), columns: slice = slice(None)) -> NDArray[Any]:
        """Codes (int32, -1 for missing) or values (float64, NaN for missing) of some of the cells."""
        cells = self.cells[rows, columns]
        if self.kind == "classes":
            return _codes(cells, self.nodata, self.missing_codes)
        values = _values(cells, self.nodata, self.scale, self.add)
        if self.declared:
            values[(values < self.limits[0]) | (values > self.limits[1])] = np.nan
        return values


class Scratch:
    """The bytes in which the cells of a window stand; taken once, and used again by the next window of the same thread."""

    def __init__(self) -> None:
        self.bytes: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        self._used = 0

    def clear(self, size: int) -> None:
        """Make room for a window of so many bytes; what stood here before is lost."""
        self._used = 0
        if len(self.bytes) < size:
            self.bytes = np.empty(size, dtype=np.uint8)

    def take(self, shape: tuple[int, int], kind: "np.dtype[Any]") -> tuple[NDArray[Any], int]:
        """Cells of a shape and type, and where they begin."""
        offset = self._used
        size = shape[0] * shape[1] * kind.itemsize
        self._used += -(-size // _ALIGNED) * _ALIGNED
        return self.bytes[offset : offset + size].view(kind).reshape(shape), offset


_ALIGNED = 64
WIDEST_CELL = 8
"""Bytes of the widest cell that a window may hold."""


def room_of(extent: Extent) -> int:
    """Bytes that one member may take in a window."""
    return extent.height * extent.width * WIDEST_CELL + _ALIGNED


def read_stored(layer: Layer, member: tuple[RasterFile, ...], extent: Extent, scratch: Scratch) -> Stored | None:
    """The cells of a member as they stand in its one file; None where they must be put together, warped or converted first.

    Raises
    ------
    InputError
        A block cannot be decoded.
    """
    parts = [(file, _overlap(file, extent)) for file in member]
    held = [(file, part) for file, part in parts if part is not None]
    if len(held) != 1 or held[0][1] != extent:
        return None
    file = held[0][0]
    if file.offset is None:
        return None
    try:
        dataset = dataset_of(file.path)
        kind = np.dtype(dataset.dtypes[file.band - 1])
        if kind not in STORED_TYPES or (layer.kind == "classes" and not _holds_codes_only(kind)):
            return None
        cells, offset = scratch.take((extent.height, extent.width), kind)
        window = Window(extent.col_off - file.offset[1], extent.row_off - file.offset[0], extent.width, extent.height)
        dataset.read(file.band, window=window, out=cells)
    except RasterioError as error:
        raise read_failure(error, file.path, file.label, extent.row_off, extent.col_off) from error
    limits = layer.valid if layer.valid is not None else _ANY_NUMBER
    return Stored(
        cells=cells, offset=offset, kind=layer.kind, nodata=file.nodata, scale=file.scale, add=file.add, missing_codes=layer.missing_codes,
        limits=limits, declared=layer.valid is not None and layer.valid_declared,
    )  # fmt: skip


_ANY_NUMBER = (-float(np.finfo(np.float64).max), float(np.finfo(np.float64).max))


def stored_from(cells: NDArray[Any], kind: Kind, scratch: Scratch) -> Stored:
    """Codes or values that are ready, as cells of a window."""
    place, offset = scratch.take(cells.shape, cells.dtype)
    place[...] = cells
    return Stored(cells=place, offset=offset, kind=kind)


def _codes(raw: NDArray[Any], nodata: float | None, missing_codes: tuple[int, ...]) -> NDArray[np.int32]:
    """Class codes of whole numbers, -1 for missing."""
    codes = raw.astype(np.int32)
    if nodata is not None:
        codes[raw == nodata] = MISSING_CLASS
    for code in missing_codes:
        codes[codes == code] = MISSING_CLASS
    codes[codes < 0] = MISSING_CLASS
    return codes


def _values(raw: NDArray[Any], nodata: float | None, scale: float, add: float) -> NDArray[np.float64]:
    """Values of cells, NaN for missing."""
    values = raw.astype(np.float64)
    if nodata is not None and not np.isnan(nodata):
        values[raw == nodata_of(nodata, raw.dtype)] = np.nan
    if scale != 1.0 or add != 0.0:
        values = values * scale + add
    return values


def nodata_of(nodata: float, kind: "np.dtype[Any]") -> Any:
    """A no-data value as the cells of a type hold it."""
    return np.asarray(nodata).astype(kind, copy=False)


def read_member(layer: Layer, member: tuple[RasterFile, ...], grid: Grid, extent: Extent) -> tuple[NDArray[Any], list[Finding]]:
    """The cells of one member in an extent, and what is wrong with them; where files of a mosaic overlap, the first with a value holds.

    Returns
    -------
    cells : (height, width) int32 with -1 for missing (classes) or float64 with NaN (values)
        Of a file with a finding they are good for a check alone: a block that cannot
        be decoded and values that cannot be are missing.
    findings : list of Finding
        A block that cannot be decoded; codes that are no whole numbers; infinite
        values, values outside the possible range.
    """
    shape = (extent.height, extent.width)
    found: list[Finding] = []
    if layer.kind == "classes":
        out: NDArray[Any] = np.full(shape, MISSING_CLASS, dtype=np.int32)
    else:
        out = np.full(shape, np.nan)
    for file in member:
        part = _overlap(file, extent)
        if part is None:
            continue
        try:
            raw = _read(file, layer, grid, part)
        except InputError as error:
            found += error.findings
            continue
        target = out[part.row_off - extent.row_off :, part.col_off - extent.col_off :][: part.height, : part.width]
        fill = _fill_classes if layer.kind == "classes" else _fill_values
        found += fill(target, raw, file, layer, part)
    return out, found


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
            return np.asarray(dataset.read(file.band, window=window))
        return _read_warped(dataset, file, layer, grid, part)
    except RasterioError as error:
        raise read_failure(error, file.path, file.label, part.row_off, part.col_off) from error


def _read_warped(dataset: Any, file: RasterFile, layer: Layer, grid: Grid, part: Extent) -> NDArray[Any]:
    """Cells warped to the run's grid: exact transformation and fixed scale, so that no window changes a cell (FAULTS R7)."""
    nodata = file.nodata if file.nodata is not None else _spare_value(dataset.dtypes[file.band - 1])
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
        raw = np.asarray(warped.read(file.band, window=Window(part.col_off, part.row_off, part.width, part.height)))
        if file.nodata is None:
            window = Window(part.col_off, part.row_off, part.width, part.height)
            mask = warped.dataset_mask(window=window) if warped.count == 1 else warped.read_masks(file.band, window=window)
            covered = mask > 0
            raw = np.where(covered, raw.astype(np.float64), np.nan)
    return raw


def _affine(grid: Grid) -> Any:
    from rasterio.transform import Affine

    return Affine(*grid.transform)


def _spare_value(dtype: str) -> float:
    """A no-data value for cells outside a file that declares none; the mask tells them apart."""
    return 0.0 if np.issubdtype(np.dtype(dtype), np.integer) else float("nan")


def _fill_classes(target: NDArray[Any], raw: NDArray[Any], file: RasterFile, layer: Layer, part: Extent) -> list[Finding]:
    found: list[Finding] = []
    if _holds_codes_only(raw.dtype):
        codes = _codes(raw, file.nodata, layer.missing_codes)
    else:
        whole, found = _whole_codes(raw, file, layer, part)
        codes = _codes(whole, None, layer.missing_codes)
    np.copyto(target, codes, where=target == MISSING_CLASS)
    return found


def _holds_codes_only(dtype: "np.dtype[Any]") -> bool:
    """Whether every cell of a type is a whole number of 32 bits."""
    return np.issubdtype(dtype, np.integer) and np.iinfo(dtype).max <= MOST_CODE


def _whole_codes(raw: NDArray[Any], file: RasterFile, layer: Layer, part: Extent) -> tuple[NDArray[np.int32], list[Finding]]:
    """Codes from cells of a type that can hold other numbers; those are missing, and a finding."""
    missing = np.isnan(raw) if np.issubdtype(raw.dtype, np.floating) else np.zeros(raw.shape, dtype=bool)
    if file.nodata is not None and not np.isnan(file.nodata):
        missing |= raw == file.nodata
    strange = ~missing & ((raw != np.floor(raw)) | (np.abs(raw) > MOST_CODE))
    codes = np.where(missing | strange, MISSING_CLASS, raw).astype(np.int32)
    if not strange.any():
        return codes, []
    row, column = _first(strange)
    said = {"value": f"{raw[row, column]:g}", "cells": int(strange.sum()), "row": part.row_off + row, "column": part.col_off + column}
    return codes, [finding("E-CLASS-02", file.label, layer=layer.name, **said)]


def _fill_values(target: NDArray[Any], raw: NDArray[Any], file: RasterFile, layer: Layer, part: Extent) -> list[Finding]:
    values = _values(raw, file.nodata, file.scale, file.add)
    found = []
    if layer.valid is not None and layer.valid_declared:
        values[(values < layer.valid[0]) | (values > layer.valid[1])] = np.nan
    else:
        found = _check_values(values, file, layer, part)
    np.copyto(target, values, where=np.isnan(target))
    return found


def _check_values(values: NDArray[np.float64], file: RasterFile, layer: Layer, part: Extent) -> list[Finding]:
    """What is wrong with values; those that cannot be are made missing, unless most are: then it is their unit."""
    found = []
    infinite = np.isinf(values)
    if infinite.any():
        row, column = _first(infinite)
        found.append(finding("E-VALUE-01", file.label, row=part.row_off + row, column=part.col_off + column))
        values[infinite] = np.nan
    if layer.valid is None:
        return found
    low, high = layer.valid
    outside = (values < low) | (values > high)
    if not outside.any():
        return found
    row, column = _first(outside)
    value = float(values[row, column])
    said = {
        "value": f"{value:g}", "row": part.row_off + row, "column": part.col_off + column, "low": f"{low:g}", "high": f"{high:g}",
        "layer": layer.name,
    }  # fmt: skip
    share = outside.sum() / (~np.isnan(values)).sum()
    no_data = _looks_like_no_data(value, file)
    if share > MOST and no_data is None:
        factor = 10.0 ** np.ceil(np.log10(np.nanmax(np.abs(values)) / max(abs(low), abs(high))))
        return [*found, finding("E-VALUE-03", file.label, **said, share=f"{share:.0%}", factor=f"{factor:g}")]
    values[outside] = np.nan
    hint = f"nodata = {no_data:g}" if no_data is not None else f"valid = [{low:g}, {high:g}]"
    return [*found, finding("E-VALUE-02", file.label, **said, cells=int(outside.sum()), hint=hint)]


def _first(cells: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column of the first cell that is true."""
    row, column = np.unravel_index(int(np.argmax(cells)), cells.shape)
    return int(row), int(column)


def _looks_like_no_data(value: float, file: RasterFile) -> float | None:
    """The no-data value in the file's own numbers that a value looks like, if any."""
    raw = (value - file.add) / file.scale
    near = [candidate for candidate in _NODATA_CANDIDATES if np.isclose(raw, candidate, rtol=1e-6)]
    return near[0] if near else None
