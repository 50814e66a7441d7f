"""What is said when a disk does not take a raster."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from aoi.findings import finding
from sinks.errors import DISK_FAILURES, Unfinished

GDAL_FAILURES = RasterioError, CPLE_BaseError
"""What rasterio raises when GDAL cannot write; its copy lets GDAL's own errors through."""


def disk_failure(error: Exception, path: Path, *others: Path) -> Unfinished:
    """The finding of a failed write; files that were begun beside are called by the name that they were to get."""
    reason = getattr(error, "strerror", None) or str(error)
    for one in (path, *others):
        reason = reason.replace(str(one), path.name).replace(one.name, path.name)
    return Unfinished(finding("E-RUN-03", path.name, reason=reason.replace(f"{path.parent}/", "")))


@contextmanager
def raster_written(path: Path) -> Iterator[None]:
    """Write a raster within: the disk that fails is a finding and no accident.

    Raises
    ------
    Unfinished
        GDAL cannot write, or the system says that the disk is full or broken.
    """
    try:
        yield
    except GDAL_FAILURES as error:
        raise disk_failure(error, path) from error
    except OSError as error:
        if error.errno not in DISK_FAILURES:
            raise
        raise disk_failure(error, path) from error
