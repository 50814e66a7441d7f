"""One opener for vector files, and the paths a user may name.

GDAL recognises files by content whatever their name: a text called
``x.geojson`` may be an OGR VRT that opens another file. So the first bytes are
looked at before GDAL is, and GDAL's own verdict is checked after.
"""

import codecs
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.findings import InputError, finding

if TYPE_CHECKING:
    import geopandas

VECTOR_DRIVERS = ("GPKG", "GeoJSON", "ESRI Shapefile", "FlatGeobuf", "OpenFileGDB")
UNKNOWN_ENCODING = "ISO-8859-1"
"""What GDAL takes texts for when neither the file nor the user says how they are encoded."""

_SQLITE = b"SQLite format 3\x00"
_SHAPE = b"\x00\x00\x27\x0a"
_FLATGEOBUF = b"fgb\x03fgb"
_BOM = b"\xef\xbb\xbf"
_GEODATABASE = "a00000001.gdbtable"
"""The catalogue of a File Geodatabase, which is a folder."""


Found = TypeVar("Found")


def guarded_path(text: str, *, base: Path, roots: Sequence[Path], where: object) -> Path:
    """The resolved path of a text that a user gave, inside ``base`` or one of the ``roots``.

    Parameters
    ----------
    text : str
        As written by the user; relative to ``base``.
    base : Path
        Folder of the configuration file; files below it may be read.
    roots : sequence of Path
        Further folders whose files may be read.
    where : object
        Where the text stands, for the finding.

    Raises
    ------
    InputError
        Control characters or no text (``E-PATH-03``); a URL, a virtual file or
        markup (``E-PATH-01``); a place outside the folders once links are
        followed (``E-PATH-02``).
    """
    if not text.strip() or any(unicodedata.category(letter) == "Cc" for letter in text):
        raise InputError(finding("E-PATH-03", where, path=_printable(text)))
    bare = text.strip().replace("\\", "/").lower()
    if bare.startswith(("/vsi", "<", "//")) or "://" in bare:
        raise InputError(finding("E-PATH-01", where, path=text))
    try:
        resolved = (base / text).resolve()
        allowed = [folder.resolve() for folder in (base, *roots)]
    except (OSError, RuntimeError) as error:
        raise InputError(finding("E-PATH-02", where, path=text)) from error
    if not any(resolved.is_relative_to(folder) for folder in allowed):
        raise InputError(finding("E-PATH-02", where, path=text))
    return resolved


def open_vector(path: Path, where: object, *, layer: str | None = None, encoding: str | None = None) -> "geopandas.GeoDataFrame":
    """The features of a vector file: GeoPackage, GeoJSON, Shapefile, FlatGeobuf or File Geodatabase.

    Parameters
    ----------
    layer : str, optional
        Needed when a file has several layers.
    encoding : str, optional
        Encoding of the texts of a Shapefile without ``.cpg``, e.g. ``GBK``.

    Raises
    ------
    InputError
        No such file (``E-FILE-01``), not readable (``E-FILE-02``,
        ``E-VECTOR-02``), another format (``E-VECTOR-01``), empty
        (``E-VECTOR-03``), which layer (``E-VECTOR-04``), texts that the encoding
        does not read (``E-VECTOR-05``).
    """

    def read(info: Mapping[str, Any]) -> "geopandas.GeoDataFrame":
        import pyogrio

        return pyogrio.read_dataframe(path, layer=layer, encoding=encoding)

    features = _guarded(path, where, layer, encoding, read)
    if not len(features) or "geometry" not in features:
        raise InputError(finding("E-VECTOR-03", where))
    return features


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorHeader:
    """What a vector file says of itself.

    Parameters
    ----------
    features : int
        Number of features.
    fields : tuple of str
        Names of the attribute columns.
    encoding : str
        Encoding of its texts; `UNKNOWN_ENCODING` where nothing tells it.
    crs : str
        As the file has it; empty where it has none.
    bounds : tuple of float
        Left, bottom, right, top.
    """

    driver: str
    features: int
    fields: tuple[str, ...]
    encoding: str
    crs: str
    bounds: tuple[float, float, float, float]


def vector_header(path: Path, where: object, *, layer: str | None = None, encoding: str | None = None) -> VectorHeader:
    """The header of a vector file; no feature is read. Arguments and errors are those of `open_vector`."""

    def read(info: Mapping[str, Any]) -> VectorHeader:
        left, bottom, right, top = (np.nan,) * 4 if info["total_bounds"] is None else map(float, info["total_bounds"])
        return VectorHeader(
            driver=str(info["driver"]), features=int(info["features"]), fields=tuple(str(name) for name in info["fields"]),
            encoding=str(info["encoding"]), crs=str(info["crs"] or ""),
            bounds=(left, bottom, right, top),
        )  # fmt: skip

    header = _guarded(path, where, layer, encoding, read, totals=True)
    if header.features < 1:
        raise InputError(finding("E-VECTOR-03", where))
    return header


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Some features of a vector file: their ids, shapes (WKB or None) and attribute columns, each of length n."""

    ids: NDArray[np.int64]
    shapes: NDArray[np.object_]
    columns: Mapping[str, NDArray[Any]]


def read_features(
    path: Path, where: object, columns: Sequence[str], first: int, count: int, *, layer: str | None = None, encoding: str | None = None
) -> Features:
    """Features number ``first`` to ``first + count`` of a file with some columns; errors are those of `open_vector`."""

    def read(info: Mapping[str, Any]) -> Features:
        from pyogrio import raw

        meta, ids, shapes, values = raw.read(
            path, layer=layer, encoding=encoding, columns=list(columns), skip_features=first, max_features=count, force_2d=True, return_fids=True
        )
        return Features(ids=ids, shapes=shapes, columns=dict(zip((str(name) for name in meta["fields"]), values, strict=True)))

    return _guarded(path, where, layer, encoding, read)


def _guarded(
    path: Path, where: object, layer: str | None, encoding: str | None, read: Callable[[Mapping[str, Any]], Found], totals: bool = False
) -> Found:
    """What is read from a file whose content is of an accepted format; the errors of GDAL become findings."""
    expected = _format_of(path, where)
    if expected is None:
        raise InputError(finding("E-VECTOR-01", where, drivers=", ".join(VECTOR_DRIVERS)))
    try:
        codecs.lookup(encoding or "utf-8")
        return _checked(path, expected, where, layer, encoding, read, totals)
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(finding("E-VECTOR-05", where, encoding=encoding or "UTF-8")) from error
    except (OSError, RuntimeError, ValueError, TypeError, shapely.errors.ShapelyError) as error:
        raise InputError(finding("E-VECTOR-02", where, reason=_without_folder(str(error), path))) from error


def _checked(
    path: Path, expected: str, where: object, layer: str | None, encoding: str | None, read: Callable[[Mapping[str, Any]], Found], totals: bool
) -> Found:
    """What pyogrio reads; its warnings, about names and application ids of GeoPackages, are no news here."""
    import pyogrio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        _check_layer(pyogrio.list_layers(path)[:, 0].tolist(), layer, where)
        info = pyogrio.read_info(path, layer=layer, encoding=encoding, force_feature_count=totals, force_total_bounds=totals)
        if info["driver"] != expected:
            raise InputError(finding("E-VECTOR-01", where, drivers=", ".join(VECTOR_DRIVERS)))
        return read(info)


def _first_bytes(path: Path, where: object) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except FileNotFoundError as error:
        raise InputError(finding("E-FILE-01", where)) from error
    except OSError as error:
        raise InputError(finding("E-FILE-02", where, reason=error.strerror or type(error).__name__)) from error
    if not head:
        raise InputError(finding("E-VECTOR-03", where))
    return head


def _format_of(path: Path, where: object) -> str | None:
    """The accepted driver that the first bytes of a file, or the content of a folder, speak for, if any."""
    if path.is_dir() and path.suffix.lower() == ".gdb":
        return "OpenFileGDB" if (path / _GEODATABASE).is_file() and not any(one.is_symlink() for one in path.iterdir()) else None
    head = _first_bytes(path, where)
    if head.startswith(_SQLITE):
        return "GPKG"
    if head.startswith(_SHAPE):
        return "ESRI Shapefile"
    if head.startswith(_FLATGEOBUF):
        return "FlatGeobuf"
    return "GeoJSON" if head.removeprefix(_BOM).lstrip().startswith(b"{") else None


def _check_layer(layers: list[str], layer: str | None, where: object) -> None:
    if (layer is None and len(layers) > 1) or (layer is not None and layer not in layers):
        raise InputError(finding("E-VECTOR-04", where, layer=layer or "-", layers=", ".join(layers)))
    if not layers:
        raise InputError(finding("E-VECTOR-03", where))


def _without_folder(message: str, path: Path) -> str:
    """A message of GDAL without the folder of the file: findings name no absolute path."""
    for folder in {str(path.parent), str(path.parent.resolve())} - {"."}:
        message = message.replace(folder + "/", "").replace(folder + "\\", "").replace(folder, "")
    return message


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
