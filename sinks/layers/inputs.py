"""From a configuration to layers on one grid: files found, headers read, alignment known, findings gathered."""

import csv
import fnmatch
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from aoi.findings import Finding, InputError, errors, finding
from aoi.grids import Grid, Tile, alignment, crs_text, horizontal_crs, parse_crs, same_crs
from aoi.guard import guarded_path
from aoi.zones import box_text
from sinks.config import DENSITY_LAYERS, LAND_COVER, Config, LayerSection
from sinks.layers.cloud.cache import Stored
from sinks.layers.cloud.local import Shelf, file_of_set, lacking
from sinks.layers.cloud.needed import wanted_blocks
from sinks.layers.cloud.request import Request, requests_of
from sinks.layers.layer import Kind, Layer, RasterFile, Stack
from sinks.layers.raster import Header, read_header
from sinks.layers.vector import VectorSet, VectorSource, is_vector, same_polygons_twice, source_of
from sinks.presets import check_encoding
from sinks.units import C_TO_CO2, DENSITY_UNITS, VOLUME_DENSITY_UNIT, to_tonnes_per_hectare

CLASS_RESAMPLING = ("nearest", "mode")
VALUE_RESAMPLING = ("nearest", "bilinear", "average")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file as the configuration names it, with its header.

    Parameters
    ----------
    origin : str
        Where a file of the network comes from, and its version there; empty for others.
    stored : Stored, optional
        Its place in the cache of the network.
    sha256 : str
        What its content must be; empty where nothing is known.
    """

    layer: str
    year: int | None
    member: int
    label: str
    path: Path
    header: Header
    grid: Grid
    band: int = 1
    origin: str = ""
    stored: Stored | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A file that an aligned file was made from, as its tag names it."""

    label: str
    sha256: str
    bytes: int
    how: str


def ancestors(source: Source) -> list[Ancestor]:
    """What a file was made from by its own tag; nothing where it has none, or one that is none of ours."""
    try:
        told = json.loads(source.header.sources or "{}")
        how = f"{told['how']}: {source.label}"
        return [Ancestor(str(one["file"]), str(one["sha256"]), int(one["bytes"]), how) for one in told["files"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where a configuration may read: its own folder and the roots that it names."""

    base: Path
    roots: tuple[Path, ...]

    def resolve(self, text: str, where: str) -> Path:
        """The path of a text; raises `InputError` outside the folders."""
        return guarded_path(text, base=self.base, roots=self.roots, where=where)

    def label(self, path: Path) -> str:
        """What a resolved path is called in messages and records: its place in the folder of the configuration, else in one of the roots.

        No two paths have one label, and none tells where on the machine they lie.
        """
        if path.is_relative_to(self.base):
            return path.relative_to(self.base).as_posix()
        number = next(number for number, root in enumerate(self.roots) if path.is_relative_to(root))
        return f"roots[{number}]/{path.relative_to(self.roots[number]).as_posix()}"

    def find(self, text: str, where: str) -> tuple[Path, str]:
        """The path of a text and its label; raises `InputError` outside the folders."""
        path = self.resolve(text, where)
        return path, self.label(path)


def folders_of(config: Config, base: Path, more: Sequence[str] = ()) -> Folders:
    """The folders of a configuration; ``more`` are given on the command line."""
    return Folders(base=base, roots=tuple((base / root).resolve() for root in (*config.run.roots, *more)))


def find_sources(config: Config, folders: Folders, shelf: Shelf | None = None, polygons: bool = False) -> tuple[list[Source], list[Finding]]:
    """Every raster of a configuration with its header, and all findings of names and headers.

    Parameters
    ----------
    shelf : Shelf, optional
        Where items of catalogues are; without it layers of catalogues have no files.
    polygons : bool
        Files of polygons are left to `find_vectors`; else they are no rasters.
    """
    sources: list[Source] = []
    found: list[Finding] = []
    for name, layer in config.layers.items():
        for year, texts in layer.files.items():
            if year is not None and year not in config.run.dates and not (name == LAND_COVER and year in config.history):
                continue
            place = f"layers.{name}" + ("" if year is None else f".{year}")
            for number, (label, path) in enumerate(_listed(texts, folders, place, found)):
                if polygons and is_vector(path):
                    continue
                band = layer.band_of(year)
                label = label if band is None else f"{label}#{band}"
                try:
                    header = _header(path, layer, label, band)
                    grid = _grid(header, layer, label)
                except InputError as error:
                    found += error.findings
                    continue
                sources.append(
                    Source(
                        layer=name, year=year, member=number if layer.files_mean else 0, label=label, path=path, header=header, grid=grid, band=band or 1
                    )
                )
    if shelf is not None:
        sources += _catalogued(config, shelf, found)
    found += _same_file_twice(config, sources)
    return sources, found


def find_vectors(config: Config, folders: Folders) -> tuple[list[VectorSource], list[Finding]]:
    """Every file of survey polygons of a configuration with its header, and all findings of headers; names were looked at by `find_sources`."""
    sources: list[VectorSource] = []
    found: list[Finding] = []
    for name, layer in config.layers.items():
        for year, texts in layer.files.items():
            if year is not None and year not in config.run.dates:
                continue
            files = _listed(texts, folders, f"layers.{name}", [])
            polygons = [(label, path) for label, path in files if is_vector(path)]
            if polygons and (len(polygons) < len(files) or layer.files_mean):
                found.append(finding("E-TUBAN-15", f"layers.{name}", file=polygons[0][0]))
            for label, path in polygons:
                try:
                    source, notes = source_of(name, year, label, path, layer)
                except InputError as error:
                    found += error.findings
                    continue
                sources.append(source)
                found += notes
    return sources, [*found, *same_polygons_twice(config, sources)]


def _catalogued(config: Config, shelf: Shelf, found: list[Finding]) -> list[Source]:
    """The files of items of catalogues: those of the cache are there with their headers, not yet with their blocks."""
    out: list[Source] = []
    try:
        requests = requests_of(config)
    except InputError as error:
        found += error.findings
        return out
    for request in requests:
        try:
            out += _of_items(request, config.layers[request.layer], shelf)
        except InputError as error:
            found += error.findings
    return out


def _of_items(request: Request, section: LayerSection, shelf: Shelf) -> list[Source]:
    """The files of the items of a request; items of one date are a mosaic in the order of their ids."""
    items = shelf.items(request)
    dates = sorted({item.begins for item in items})
    out: list[Source] = []
    missing: list[str] = []
    found: list[Finding] = []
    for item in items:
        stored = shelf.stored(item)
        kept = stored.kept() if stored is not None else None
        path = item.local if stored is None else stored.header
        band = section.band_of(request.year)
        label = item.label if band is None else f"{item.label}#{band}"
        if path is None or (stored is not None and kept is None):
            missing.append(item.id)
            continue
        try:
            header = _header(path, section, label, band)
            grid = _grid(header, section, label)
        except InputError as error:
            found += error.findings
            continue
        member = 0 if request.one_date else dates.index(item.begins)
        origin = "" if kept is None else " ".join(one for one in (kept.href, kept.version.etag or kept.version.modified) if one)
        out.append(
            Source(
                layer=request.layer, year=request.year, member=member, label=label, path=path, header=header, grid=grid, band=band or 1,
                origin=origin, stored=stored,
            )
        )
    if missing:
        found.append(lacking(request.where, missing))
    if found:
        raise InputError(found)
    return out


def with_blocks(sources: Sequence[Source], stack: Stack, tiles: Sequence[Tile]) -> tuple[tuple[Source, ...], Stack, list[Finding]]:
    """The sources and the stack with the files of the blocks that the tiles of a run touch; what is not in the cache is found."""
    wanted = wanted_of(sources, stack, tiles)
    found: list[Finding] = []
    missing: dict[str, list[str]] = {}
    paths: dict[Path, Path] = {}
    for header, (stored, blocks) in wanted.items():
        try:
            path = file_of_set(stored, blocks)
        except InputError as error:
            found += error.findings
            continue
        if path is not None:
            paths[header] = path
            continue
        for source in sources:
            if source.path == header:
                place = f"layers.{source.layer}" + ("" if source.year is None else f".{source.year}")
                missing.setdefault(place, []).append(stored.item.id)
    found += [lacking(place, names) for place, names in missing.items()]
    return tuple(_placed(source, paths) for source in sources), _with_paths(stack, paths), found


def wanted_of(sources: Sequence[Source], stack: Stack, tiles: Sequence[Tile]) -> dict[Path, tuple[Stored, "np.ndarray[Any, np.dtype[np.bool_]]"]]:
    """For each file of the cache, by the path of its header, the blocks that a run reads: of all layers that read it."""
    grids = {source.path: source for source in sources if source.stored is not None}
    out: dict[Path, tuple[Stored, Any]] = {}
    for layer in stack.layers:
        for file in {file.path: file for _, members in layer.dates for member in members for file in member}.values():
            source = grids.get(Path(file.path))
            if source is None or source.stored is None:
                continue
            block = source.header.block_height, source.header.block_width
            blocks = wanted_blocks(tiles, stack.grid, source.grid, file.offset, block)
            before = out.get(source.path)
            out[source.path] = source.stored, blocks if before is None else before[1] | blocks
    return out


def _placed(source: Source, paths: Mapping[Path, Path]) -> Source:
    """A source whose header was read from another file than its cells are."""
    path = paths.get(source.path)
    kept = source.stored.kept() if path is not None and source.stored is not None else None
    return source if path is None or kept is None else replace(source, path=path, sha256=str(kept.files[path.stem][0]))


def _with_paths(stack: Stack, paths: Mapping[Path, Path]) -> Stack:
    layers = tuple(
        replace(
            layer,
            dates=tuple(
                (year, tuple(tuple(replace(file, path=str(paths.get(Path(file.path), file.path))) for file in member) for member in members))
                for year, members in layer.dates
            ),
        )
        for layer in stack.layers
    )
    return replace(stack, layers=layers)


def _listed(texts: Sequence[str], folders: Folders, place: str, found: list[Finding]) -> list[tuple[str, Path]]:
    """Labels and paths of texts; a pattern gives its files in the order of their names."""
    out: list[tuple[str, Path]] = []
    for text in texts:
        try:
            path, label = folders.find(text, place)
            if not any(sign in text for sign in "*?[") or path.exists():
                out.append((label, path))
                continue
            names = _matching(*folders.find(str(Path(text).parent), place), Path(text).name)
            if not names:
                found.append(finding("E-FILE-01", f"{place}: {label}"))
            for name in names:
                path, label = folders.find(str(Path(text).parent / name), place)
                out.append((label, path))
        except InputError as error:
            found += error.findings
    return out


def _matching(folder: Path, label: str, pattern: str) -> list[str]:
    """Names in a folder that a pattern fits, sorted; none where there is no such folder."""
    try:
        return sorted(path.name for path in folder.iterdir() if fnmatch.fnmatchcase(path.name, pattern))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(finding("E-FILE-02", label, reason=error.strerror or type(error).__name__)) from error


def _header(path: Path, layer: LayerSection, label: str, band: int | None) -> Header:
    """The header of a file of a layer; one that has not the encoding of its product is refused."""
    header = read_header(path, label, band)
    wrong = check_encoding(layer.preset, layer.scale, header.dtype, label) if layer.preset is not None else []
    if wrong:
        raise InputError(wrong)
    return header


def _grid(header: Header, layer: LayerSection, label: str) -> Grid:
    if layer.crs is not None:
        crs = crs_text(parse_crs(layer.crs, label))
    elif not header.crs_wkt:
        raise InputError(finding("E-CRS-02", label))
    else:
        crs = header.crs_wkt
    try:
        return Grid.of(crs, header.transform, header.width, header.height)
    except InputError as error:
        raise InputError([replace(one, where=label) for one in error.findings]) from error


def _same_file_twice(config: Config, sources: Sequence[Source]) -> list[Finding]:
    """The same file given for two years of a layer; years that are means may share some of their files, but not all."""
    found = []
    for name, layer in config.layers.items():
        for first, last, shared, alike in shared_by_years(sources, name, {source.label: source.label for source in sources}):
            if alike or not layer.files_mean:
                found.append(finding("E-YEAR-02", f"layers.{name}", file=", ".join(one for one, _ in shared), years=f"{first}, {last}"))
    return found


def shared_by_years(sources: Sequence[Source | VectorSource], layer: str, contents: Mapping[str, str]) -> list[tuple[int, int, list[tuple[str, str]], bool]]:
    """Pairs of years of a layer that have files of one content.

    Returns
    -------
    list of (first year, last year, pairs of labels, whether all contents are the same)
    """
    by_year: dict[int, dict[str, str]] = {}
    for source in sources:
        if source.layer == layer and source.year is not None:
            by_year.setdefault(source.year, {}).setdefault(contents[source.label], source.label)
    out = []
    for first, last in combinations(sorted(by_year), 2):
        one, other = by_year[first], by_year[last]
        shared = [(label, other[content]) for content, label in one.items() if content in other]
        if shared:
            out.append((first, last, shared, set(one) == set(other)))
    return out


def run_grid(config: Config, sources: Sequence[Source], folders: Folders, vectors: Sequence[VectorSource] = ()) -> Grid:
    """The grid of a run: declared, like a layer or file, else that of the land cover of the first result year.

    Raises
    ------
    InputError
        ``like`` names nothing, the files of a mosaic do not share a lattice, or
        polygons alone are to tell it (``E-TUBAN-16``).
    """
    section = config.grid
    if section.crs is not None and section.resolution is not None:
        return _declared_grid(section.crs, section.resolution, sources, section.cell_area, vectors)
    like = section.like or LAND_COVER
    if any(source.layer == like for source in vectors) and not any(source.layer == like for source in sources):
        raise InputError(finding("E-TUBAN-16", "grid", layer=like))
    mine = [source for source in sources if source.layer == like]
    if not mine:
        path, label = folders.find(like, "grid.like")
        grid = _grid(read_header(path, label), LayerSection(file=like), label)
        return replace(grid, cell_area=section.cell_area)
    year = next((year for year in config.run.years if any(source.year == year for source in mine)), mine[0].year)
    return replace(_union([source for source in mine if source.year == year]), cell_area=section.cell_area)


def _union(sources: Sequence[Source]) -> Grid:
    """The smallest grid on the lattice of the first file that holds all files."""
    first = sources[0].grid
    top = left = 0
    bottom, right = first.height, first.width
    found = []
    for source in sources[1:]:
        lies = alignment(first, source.grid)
        if lies.kind not in ("same", "subgrid"):
            found.append(_misaligned(source, first))
            continue
        top, left = min(top, lies.row_offset), min(left, lies.col_offset)
        bottom, right = max(bottom, lies.row_offset + source.grid.height), max(right, lies.col_offset + source.grid.width)
    if found:
        raise InputError(found)
    a, b, c, d, e, f = first.transform
    return Grid(crs=first.crs, transform=(a, b, c + left * a, d, e, f + top * e), width=right - left, height=bottom - top)


def _declared_grid(crs: str, resolution: float, sources: Sequence[Source], cell_area: str, vectors: Sequence[VectorSource] = ()) -> Grid:
    """A grid of a CRS and resolution over the land cover; its corners are whole multiples of the resolution."""
    from pyproj import Transformer

    target = crs_text(parse_crs(crs, "grid.crs"))
    boxes = []
    lands = [(one.grid.crs, one.grid.bounds) for one in sources if one.layer == LAND_COVER]
    lands += [(one.crs, one.header.bounds) for one in vectors if one.layer == LAND_COVER]
    for source_crs, bounds in lands:
        move = Transformer.from_crs(horizontal_crs(source_crs), horizontal_crs(target), always_xy=True)
        boxes.append(move.transform_bounds(*bounds, densify_pts=101))
    edges = np.asarray(boxes)
    if not np.isfinite(edges).all():
        raise InputError(finding("E-CRS-04", "grid.crs", extent=box_text(np.asarray(lands[0][1])), crs=horizontal_crs(target).name))
    (left, bottom), (right, top) = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
    west, north = np.floor(left / resolution) * resolution, np.ceil(top / resolution) * resolution
    width, height = int(np.ceil((right - west) / resolution)), int(np.ceil((north - bottom) / resolution))
    return Grid(crs=target, transform=(resolution, 0.0, west, 0.0, -resolution, north), width=width, height=height, cell_area=cell_area)  # type: ignore[arg-type]


def _misaligned(source: Source, grid: Grid) -> Finding:
    lies = alignment(grid, source.grid)
    if lies.kind == "shifted":
        shifts = "; ".join(f"({column:+.3f}, {row:+.3f})" for column, row in lies.shifts)
        return finding("E-ALIGN-01", source.label, shifts=shifts, layer=source.layer)
    if not same_crs(grid.crs, source.grid.crs):
        return finding("E-ALIGN-02", source.label, crs=horizontal_crs(source.grid.crs).name, grid=horizontal_crs(grid.crs).name, layer=source.layer)
    cells = f"{source.grid.transform[0]:g} x {-source.grid.transform[4]:g}"
    return finding("E-ALIGN-03", source.label, cells=cells, grid=f"{grid.transform[0]:g} x {-grid.transform[4]:g}", layer=source.layer)


def build_stack(
    config: Config, sources: Sequence[Source], grid: Grid, hashes: dict[str, str], missing_codes: dict[str, tuple[int, ...]]
) -> tuple[Stack, list[Finding]]:
    """The layers of a run on its grid, and the findings of alignment.

    Parameters
    ----------
    hashes : dict
        SHA-256 by label; empty texts where files are not hashed yet.
    missing_codes : dict
        Codes that mean no data, by layer of classes.
    """
    found: list[Finding] = []
    layers = []
    for name, section in config.layers.items():
        kind: Kind = "classes" if name in config.class_layers else "values"
        found += _check_resampling(name, section, kind)
        dates: dict[int | None, dict[int, list[RasterFile]]] = {}
        for source in (one for one in sources if one.layer == name):
            file, wrong = _raster_file(source, section, grid, hashes.get(source.label, ""))
            found += wrong
            dates.setdefault(source.year, {}).setdefault(source.member, []).append(file)
        valid = valid_range(name, section) or _range_of_errors(name, config)
        layers.append(
            Layer(
                name=name, kind=kind,
                dates=tuple((year, tuple(tuple(members[number]) for number in sorted(members))) for year, members in sorted(dates.items(), key=str)),
                missing_codes=missing_codes.get(name, ()), valid=valid, valid_declared=section.valid is not None,
                resampling=section.resampling, se=section.se,
            )
        )  # fmt: skip
    return Stack(grid=grid, layers=tuple(layers), years=config.run.dates), found


def _raster_file(source: Source, section: LayerSection, grid: Grid, sha256: str) -> tuple[RasterFile, list[Finding]]:
    lies = alignment(grid, source.grid)
    offset = (lies.row_offset, lies.col_offset) if lies.kind in ("same", "subgrid") else None
    found = []
    if offset is None and section.resampling is None:
        found.append(_misaligned(source, grid))
    elif lies.kind == "shifted":
        largest = max(abs(value) for pair in lies.shifts for value in pair)
        found.append(finding("W-ALIGN-01", source.label, shift=f"{largest:.3f}", resampling=section.resampling or ""))
    if section.crs is not None and source.header.crs_wkt and not same_crs(section.crs, source.header.crs_wkt):
        found.append(finding("N-CRS-03", source.label, crs=section.crs, file=horizontal_crs(source.header.crs_wkt).name))
    found += _check_nodata(source, section)
    file = RasterFile(
        path=str(source.path), label=source.label, height=source.header.height, width=source.header.width, offset=offset,
        source_crs=source.grid.crs, nodata=source.header.nodata if section.nodata is None else section.nodata,
        scale=source.header.scale if section.scale is None else section.scale,
        add=source.header.offset if section.offset is None else section.offset, sha256=sha256,
        striped=source.header.striped, band=source.band,
    )  # fmt: skip
    return file, found


def _check_nodata(source: Source, section: LayerSection) -> list[Finding]:
    """A declared no-data value that no cell of the file can hold."""
    kind = np.dtype(source.header.dtype)
    if section.nodata is None or _holds(kind, section.nodata):
        return []
    limits = np.iinfo(kind) if np.issubdtype(kind, np.integer) else np.finfo(kind)
    return [finding("E-NODATA-01", source.label, nodata=f"{section.nodata:g}", dtype=kind.name, low=f"{limits.min:g}", high=f"{limits.max:g}")]


def _holds(kind: "np.dtype[Any]", value: float) -> bool:
    if np.issubdtype(kind, np.integer):
        return float(value).is_integer() and bool(np.iinfo(kind).min <= value <= np.iinfo(kind).max)
    return not np.isfinite(value) or bool(abs(value) <= np.finfo(kind).max)


def _check_resampling(name: str, section: LayerSection, kind: Kind) -> list[Finding]:
    allowed = CLASS_RESAMPLING if kind == "classes" else VALUE_RESAMPLING
    if section.resampling is None or section.resampling in allowed:
        return []
    return [finding("E-ALIGN-04", f"layers.{name}.resampling", resampling=section.resampling, allowed=", ".join(allowed))]


def with_polygons(stack: Stack, sets: tuple[VectorSet, ...], places: Mapping[str, Mapping[int | None, tuple[int, int]]]) -> Stack:
    """The layers of a run with those dates that come from survey polygons."""
    layers = (replace(layer, polygons=tuple(sorted(places.get(layer.name, {}).items(), key=str))) for layer in stack.layers)
    return replace(stack, layers=tuple(layers), vectors=sets)


def valid_range(name: str, section: LayerSection) -> tuple[float, float] | None:
    """The range of values in the layer's own unit: declared, else what any such layer can hold."""
    if section.valid is not None:
        return section.valid
    row = _ranges().get(name)
    if row is None:
        return None
    low, high = float(row["low"]), float(row["high"])
    if name in DENSITY_LAYERS and section.unit is not None:
        per = to_tonnes_per_hectare(section.unit)
        weight = C_TO_CO2 if section.basis == "co2" else 1.0
        return low / per * weight, high / per * weight
    return low, high


def _range_of_errors(name: str, config: Config) -> tuple[float, float] | None:
    """The range of a layer of standard errors: not negative, and no more than the layer it belongs to can hold."""
    ranges = [valid_range(other, section) for other, section in config.layers.items() if section.se == name]
    highs = [one[1] for one in ranges if one is not None]
    return (0.0, max(highs)) if highs else None


def possible_range(name: str) -> tuple[float, float]:
    """What a kind of layer can hold, in the unit of ``valid.csv``."""
    row = _ranges()[name]
    return float(row["low"]), float(row["high"])


@lru_cache(maxsize=1)
def _ranges() -> dict[str, dict[str, str]]:
    with Path(__file__).with_name("valid.csv").open(encoding="utf-8", newline="") as file:
        return {row["layer"]: row for row in csv.DictReader(file)}


def check_units(config: Config) -> list[Finding]:
    """Layers of densities whose unit is not known."""
    found = []
    for name, section in config.layers.items():
        known = DENSITY_UNITS if name in DENSITY_LAYERS else (VOLUME_DENSITY_UNIT,) if name == "growing_stock_volume" else None
        if known is not None and section.unit is not None and section.unit not in known:
            found.append(finding("E-UNIT-03", f"layers.{name}.unit", unit=section.unit, known=", ".join(known)))
    return found


def stop_if_wrong(found: Sequence[Finding]) -> None:
    """Raise what stops a run."""
    if errors(found):
        raise InputError(found)
