"""The one opener of rasters: GeoTIFF only, local files only, nothing fetched, nothing followed.

A ``.tif`` that is really a VRT or WMS text would read other files or ask other
hosts (FAULTS S1, S2); drivers that do so are switched off before GDAL starts.
"""

import math
import os
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("GDAL_SKIP", "VRT GTI WMS WMTS WCS STACIT STACTA MRF PDF HTTP PLMOSAIC EEDA EEDAI DAAS OGCAPI")
os.environ.setdefault("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", "none")
os.environ.setdefault("GDAL_CACHEMAX", "128")

import rasterio
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.shutil import copy

from aoi.findings import InputError, finding

_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
MOST_CELLS_A_SIDE = 4_000_000
MOST_BANDS = 512
MOST_OPEN = 128
"""Files that a thread keeps open, those last read; a long list of tiles would else fill the memory."""

_handles = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a raster says of itself.

    Parameters
    ----------
    sources : str
        The text of the tag that names what an aligned file was made from; empty in others.
    """

    crs_wkt: str
    transform: tuple[float, float, float, float, float, float]
    width: int
    height: int
    dtype: str
    nodata: float | None
    scale: float
    offset: float
    bands: int
    block_height: int
    block_width: int
    sources: str = ""

    @property
    def striped(self) -> bool:
        """Whether the file is kept as whole rows, so that a few of its columns cost all of them."""
        return self.block_width == self.width and self.width > self.block_height


SOURCES_TAG = "ALIGNED_FROM"
"""The tag in which an aligned file says what it was made from."""


def read_header(path: Path, where: str, band: int | None = None) -> Header:
    """The header of a GeoTIFF.

    Parameters
    ----------
    band : int, optional
        Which band is meant, from 1; None where the file has one.

    Raises
    ------
    InputError
        No such file; not a TIFF by its first bytes; unreadable; a size that no raster
        has; several bands, or cells that are no real numbers; no georeference; a
        scale that leaves no number.
    """
    check_is_tiff(path, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", NotGeoreferencedWarning)
            header = _header(path, band or 1)
    except NotGeoreferencedWarning as error:
        raise InputError(finding("E-RASTER-06", where)) from error
    except (RasterioError, CRSError) as error:
        raise InputError(finding("E-RASTER-02", where, reason=_plain(error, path))) from error
    if max(header.width, header.height) > MOST_CELLS_A_SIDE or header.bands > MOST_BANDS:
        raise InputError(finding("E-RASTER-04", where, width=header.width, height=header.height, bands=header.bands))
    if (band is None and header.bands != 1) or header.bands < (band or 1) or "complex" in header.dtype:
        raise InputError(finding("E-RASTER-05", where, bands=header.bands, dtype=header.dtype))
    if header.scale == 0 or not (math.isfinite(header.scale) and math.isfinite(header.offset)):
        raise InputError(finding("E-RASTER-07", where, scale=f"{header.scale:g}", offset=f"{header.offset:g}"))
    return header


def _header(path: Path, band: int) -> Header:
    """The header as one band tells it; that of the first where there is no such band."""
    with _open(path) as dataset:
        at = band - 1 if band <= dataset.count else 0
        return Header(
            crs_wkt=dataset.crs.to_wkt() if dataset.crs else "",
            transform=tuple(dataset.transform)[:6],
            width=dataset.width,
            height=dataset.height,
            dtype=dataset.dtypes[at],
            nodata=dataset.nodatavals[at],
            scale=float(dataset.scales[at]),
            offset=float(dataset.offsets[at]),
            bands=dataset.count,
            block_height=dataset.block_shapes[at][0],
            block_width=dataset.block_shapes[at][1],
            sources=str(dataset.tags().get(SOURCES_TAG, "")),
        )


def check_is_tiff(path: Path, where: str) -> None:
    """Refuse what is no TIFF by its first bytes, before any driver sees it."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError as error:
        raise InputError(finding("E-FILE-01", where)) from error
    except OSError as error:
        raise InputError(finding("E-FILE-02", where, reason=error.strerror or type(error).__name__)) from error
    if magic not in _MAGIC:
        raise InputError(finding("E-RASTER-01", where, start=magic.decode("ascii", "replace")))


def dataset_of(path: str) -> Any:
    """The open dataset of a file for this thread: one handle per thread and file, opened anew when the file was replaced or changed."""
    handles: dict[str, tuple[tuple[int, ...], Any]] = _handles.__dict__.setdefault("open", {})
    try:
        status = os.stat(path)
    except OSError as error:
        raise RasterioIOError(f"{Path(path).name}: {error.strerror}") from error
    content = status.st_ino, status.st_size, status.st_mtime_ns
    known = handles.pop(path, None)
    if known is None or known[0] != content:
        if known is not None:
            known[1].close()
        if len(handles) >= MOST_OPEN:
            handles.pop(next(iter(handles)))[1].close()
        known = content, _open(Path(path))
    handles[path] = known
    return known[1]


def _open(path: Path) -> Any:
    return rasterio.open(path, driver="GTiff")


def _plain(error: Exception, path: Path) -> str:
    """The message of an error without the folder of the file."""
    return str(error).replace(str(path), path.name).replace(str(path.parent), "")


def read_failure(error: Exception, path: str, where: str, row: int, column: int) -> InputError:
    """The finding for a block that cannot be decoded: names the file and the block."""
    return InputError(finding("E-RASTER-03", where, row=row, column=column, reason=_plain(error, Path(path))))


__all__ = ["SOURCES_TAG", "Header", "check_is_tiff", "copy", "dataset_of", "rasterio", "read_failure", "read_header"]
