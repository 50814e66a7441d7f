"""Layers of survey polygons (图斑) as values: which files, which attribute columns, and what their texts and numbers mean.

A set of files makes one partition of the land into polygons; layers that read
columns of the same files share it. Polygons are numbered over the files of a set in
the order of the files and of their features, whichever are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from aoi.findings import Finding, InputError, finding
from aoi.grids import crs_text, horizontal_crs, parse_crs, same_crs
from aoi.guard import UNKNOWN_ENCODING, VectorHeader, vector_header
from aoi.zones import Zones, check_extent
from sinks.config import LAND_COVER, VECTOR_SUFFIXES, Config, LayerSection
from sinks.units import M2_TO_HA, MU_TO_HA

AREA_HA = {"m2": M2_TO_HA, "ha": 1.0, "mu": MU_TO_HA}
"""Hectares of one unit of an official area."""
_SHAPEFILE = (".cpg", ".dbf", ".prj", ".shp", ".shx")

Code = tuple[str, int]


def is_vector(path: Path) -> bool:
    """Is this, by its name, a file of polygons?"""
    return path.suffix.lower() in VECTOR_SUFFIXES


def parts_of(path: Path, where: str) -> list[Path]:
    """The files that make a vector file: a Shapefile is several, a File Geodatabase a folder.

    Raises
    ------
    InputError
        ``E-PATH-02``: one of them is a link to another folder.
    """
    if path.is_dir():
        parts = sorted(one for one in path.iterdir() if one.is_file() and one.suffix != ".lock")
    elif path.suffix.lower() == ".shp":
        names = {f"{path.stem}{suffix}".lower() for suffix in _SHAPEFILE}
        parts = sorted(one for one in path.parent.iterdir() if one.name.lower() in names)
    else:
        parts = [path]
    home = path if path.is_dir() else path.parent
    outside = [one.name for one in parts if one.resolve().parent != home.resolve()]
    if outside:
        raise InputError(finding("E-PATH-02", where, path=", ".join(outside)))
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSource:
    """One vector file as the configuration names it, with its header; the peer of a raster's `Source`."""

    layer: str
    year: int | None
    label: str
    path: Path
    header: VectorHeader
    crs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorFile:
    """A file of a set; ``sha256`` is that of all its parts."""

    path: str
    label: str
    layer: str | None
    encoding: str | None
    crs: str
    features: int
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A column of a set as a layer reads it at a date.

    Parameters
    ----------
    codes : tuple of (text, code)
        What the texts of a layer of classes mean; empty for values.
    ignore : tuple of str
        Texts and numbers, as text, that are no data.
    per_polygon : bool
        The number is of the whole polygon: divided by its official area.
    valid : tuple of float, optional
        What a number can be; outside it is missing where the user declared it, else an error.
    """

    layer: str
    year: int | None
    field: str
    classes: bool
    codes: tuple[Code, ...] = ()
    ignore: tuple[str, ...] = ()
    per_polygon: bool = False
    valid: tuple[float, float] | None = None
    valid_declared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSet:
    """Files that make one partition into polygons, and the columns that are read of them.

    Parameters
    ----------
    area_field, area_ha : str, float, optional
        Column of official areas and the hectares of its unit.
    spool : str
        Where its pieces stand (`sinks.layers.spool`); empty until they are made.
    """

    files: tuple[VectorFile, ...]
    attributes: tuple[Attribute, ...]
    area_field: str | None = None
    area_ha: float = 1.0
    spool: str = ""

    @property
    def label(self) -> str:
        """What the set is called in messages."""
        first = self.files[0].label
        return first if len(self.files) == 1 else f"{first} (+{len(self.files) - 1})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its files that are read."""
        names = [one.field for one in self.attributes]
        return tuple(dict.fromkeys([*names, *([self.area_field] if self.area_field else [])]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """What a configuration says of attribute texts: codes by layer, and ranges of values by layer with whether they are declared."""

    codes: Mapping[str, tuple[Code, ...]] = field(default_factory=dict)
    valid: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)


def header_of(path: Path, label: str, section: LayerSection) -> VectorHeader:
    """The header of a file of a layer, its encoding known.

    Raises
    ------
    InputError
        Unreadable; texts of an encoding that nothing tells (``E-TUBAN-03``).
    """
    parts_of(path, label)
    header = vector_header(path, label, layer=section.layer, encoding=section.encoding)
    strange = [name for name in header.fields if not name.isascii()]
    if header.encoding == UNKNOWN_ENCODING and strange:
        raise InputError(unknown_encoding(label, strange[0]))
    return header


def unknown_encoding(label: str, seen: str) -> Finding:
    """The finding for texts that are read without knowing their encoding, with what they would be as Chinese."""
    try:
        read = seen.encode("latin-1").decode("gb18030")
    except UnicodeError:
        read = "?"
    return finding("E-TUBAN-03", label, seen=seen, gbk=read)


def source_of(layer: str, year: int | None, label: str, path: Path, section: LayerSection) -> tuple[VectorSource, list[Finding]]:
    """A vector file of a layer at a date: its header read, its columns and its CRS there.

    Raises
    ------
    InputError
        With all that is wrong with the file: unreadable, no such column, no CRS, a CRS that its coordinates do not fit.
    """
    header = header_of(path, label, section)
    wanted = [one for one in (section.field_of(year), section.area_field) if one]
    found = []
    missing = [name for name in wanted if name not in header.fields]
    if missing:
        found.append(finding("E-VECTOR-06", label, missing=", ".join(missing), columns=", ".join(map(_printable, header.fields))))
    if section.field_of(year) is None:
        found.append(finding("E-TUBAN-02", f"layers.{layer}", columns=", ".join(map(_printable, header.fields))))
    stored = crs_text(parse_crs(header.crs, label)) if header.crs else ""
    crs = crs_text(parse_crs(section.crs, label)) if section.crs is not None else stored
    notes = []
    if section.crs is not None and stored and not same_crs(crs, stored):
        notes.append(finding("N-CRS-03", label, crs=section.crs, file=horizontal_crs(stored).name))
    found += check_extent(_box(header, crs), label)
    if found:
        raise InputError(found)
    return VectorSource(layer=layer, year=year, label=label, path=path, header=header, crs=crs), notes


def _box(header: VectorHeader, crs: str) -> Zones:
    """The bounds of a file as one zone, for the checks that zones have."""
    from shapely import box

    return Zones(name="box", codes=("0",), names_zh=("",), names_en=("",), parents=("",), geometries=(box(*header.bounds),), crs=crs)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def sets_of(config: Config, sources: Sequence[VectorSource], meanings: Meanings) -> tuple[tuple[VectorSet, ...], dict[str, dict[int | None, tuple[int, int]]]]:
    """The sets of a run, and where every layer stands in them: layer -> year -> (set, column)."""
    dates: dict[tuple[str, int | None], list[VectorSource]] = {}
    for source in sources:
        dates.setdefault((source.layer, source.year), []).append(source)
    sets: dict[tuple[VectorFile, ...], VectorSet] = {}
    places: dict[str, dict[int | None, tuple[int, int]]] = {}
    for (layer, year), files in sorted(dates.items(), key=lambda one: (list(config.layers).index(one[0][0]), str(one[0][1]))):
        section = config.layers[layer]
        key = tuple(
            VectorFile(
                path=str(one.path), label=one.label, layer=section.layer, encoding=section.encoding, crs=one.crs, features=one.header.features
            ) for one in files
        )  # fmt: skip
        known = sets.setdefault(key, VectorSet(files=key, attributes=()))
        if known.area_field is None and section.area_field is not None:
            known = replace(known, area_field=section.area_field, area_ha=AREA_HA[section.area_unit or "ha"])
        attribute = _attribute(config, layer, year, meanings)
        places.setdefault(layer, {})[year] = (list(sets).index(key), len(known.attributes))
        sets[key] = replace(known, attributes=(*known.attributes, attribute))
    return tuple(sets.values()), places


def _attribute(config: Config, layer: str, year: int | None, meanings: Meanings) -> Attribute:
    section = config.layers[layer]
    classes = layer == LAND_COVER or layer in config.strata.values()
    return Attribute(
        layer=layer, year=year, field=section.field_of(year) or "", classes=classes, codes=meanings.codes.get(layer, ()) if classes else (),
        ignore=tuple(str(one) for one in section.ignore), per_polygon=section.per == "polygon",
        valid=meanings.valid.get(layer), valid_declared=section.valid is not None,
    )  # fmt: skip


def same_polygons_twice(config: Config, sources: Sequence[VectorSource]) -> list[Finding]:
    """One column of one file given for two years of a layer."""
    found = []
    for name, section in config.layers.items():
        seen: dict[tuple[str, str | None], int] = {}
        for source in sources:
            if source.layer == name and source.year is not None:
                key = source.label, section.field_of(source.year)
                if key in seen and seen[key] != source.year:
                    found.append(finding("E-YEAR-02", f"layers.{name}", file=source.label, years=f"{seen[key]}, {source.year}"))
                seen.setdefault(key, source.year)
    return found


def total_features(one: VectorSet) -> int:
    """Polygons of a set."""
    return int(np.sum([file.features for file in one.files]))


__all__ = [
    "AREA_HA", "Attribute", "Meanings", "VectorFile", "VectorSet", "VectorSource", "header_of", "is_vector", "parts_of", "same_polygons_twice", "sets_of",
    "source_of", "total_features", "unknown_encoding",
]  # fmt: skip
