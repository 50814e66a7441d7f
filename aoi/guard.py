"""One opener for vector files, and the paths a user may name.

GDAL recognises files by content whatever their name: a text called
``x.geojson`` may be an OGR VRT that opens another file. So the first bytes are
looked at before GDAL is, and GDAL's own verdict is checked after.
"""

import codecs
import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import shapely

from aoi.findings import InputError, finding

if TYPE_CHECKING:
    import geopandas

VECTOR_DRIVERS = ("GPKG", "GeoJSON", "ESRI Shapefile", "FlatGeobuf")

_SQLITE = b"SQLite format 3\x00"
_SHAPE = b"\x00\x00\x27\x0a"
_FLATGEOBUF = b"fgb\x03fgb"
_BOM = b"\xef\xbb\xbf"


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
    """The features of a vector file: GeoPackage, GeoJSON, Shapefile or FlatGeobuf.

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
    expected = _format_of(_first_bytes(path, where))
    if expected is None:
        raise InputError(finding("E-VECTOR-01", where, drivers=", ".join(VECTOR_DRIVERS)))
    try:
        codecs.lookup(encoding or "utf-8")
        features = _read(path, expected, where, layer, encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(finding("E-VECTOR-05", where, encoding=encoding or "UTF-8")) from error
    except (OSError, RuntimeError, ValueError, TypeError, shapely.errors.ShapelyError) as error:
        raise InputError(finding("E-VECTOR-02", where, reason=_without_folder(str(error), path))) from error
    if not len(features) or "geometry" not in features:
        raise InputError(finding("E-VECTOR-03", where))
    return features


def _read(path: Path, expected: str, where: object, layer: str | None, encoding: str | None) -> "geopandas.GeoDataFrame":
    """The features by pyogrio; its warnings, about names and application ids of GeoPackages, are no news here."""
    import pyogrio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        _check_layer(pyogrio.list_layers(path)[:, 0].tolist(), layer, where)
        if pyogrio.read_info(path, layer=layer, encoding=encoding)["driver"] != expected:
            raise InputError(finding("E-VECTOR-01", where, drivers=", ".join(VECTOR_DRIVERS)))
        return pyogrio.read_dataframe(path, layer=layer, encoding=encoding)


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


def _format_of(head: bytes) -> str | None:
    """The accepted driver that the first bytes speak for, if any."""
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
