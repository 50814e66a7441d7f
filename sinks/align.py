"""Preparation: every layer of a run on the run's grid, once, as small numbers; a run file of them; what was done.

Each date and member of a layer becomes one file. A file that is finished and was made
from the same content in the same way is kept, so a preparation that stops goes on.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aoi.coverage import Coverage
from aoi.findings import InputError, finding, stop_on_errors
from aoi.grids import Grid
from aoi.table import replace_file
from sinks.checking import hash_inputs
from sinks.config import ANNUAL_LAYERS, LAND_COVER, LayerSection
from sinks.layers.aligned_file import AlignedFile, EncodedTile
from sinks.layers.encoding import Encoding, encoding_of
from sinks.layers.layer import Layer, RasterFile, Stack
from sinks.layers.raster import SOURCES_TAG, read_header
from sinks.layers.vector import is_vector
from sinks.layers.windows import Block, Engine, Progress, map_windows
from sinks.provenance import HashMemory, code_hash, content_hash, log, read_json, versions, write_json
from sinks.setup import Setup
from sinks.toml import toml_text

RUN_FILE = "aligned.toml"
RECORD = "aligned.json"
JOURNAL = ".aligned.json"
"""What is finished so far; the record of it all is written at the end."""
CODE = ("sinks/layers/layer.py", "sinks/layers/encoding.py", "sinks/layers/aligned_file.py", "aoi/grids.py")
NOT_ALIGNED = ("file", "scale", "offset", "nodata", "crs", "resampling", "preset", "band", "stac", "collection", "asset", "datetime", "query")
"""Keys of a layer that the aligned files say themselves."""
NOT_CARRIED = ("retrieval", "predictors", "network")
"""Sections that say how a layer is made or where it comes from: the run of the aligned files has it already."""


@dataclass(frozen=True, slots=True)
class EncodeTile:
    """The cells of the one member of a block as they stand in the aligned file; picklable for workers of a cluster."""

    encoding: Encoding
    where: str

    def __call__(self, block: Block) -> EncodedTile:
        (cells,) = block.arrays.values()
        stored = self.encoding.encoded(cells, self.where)
        return EncodedTile(stored, self.encoding.largest_error(cells, stored))


@dataclass(frozen=True, kw_only=True)
class Target:
    """One file that is to be made: a date and member of a layer.

    Parameters
    ----------
    name : str
        Its name in the folder.
    key : str
        The hash of everything that its cells depend on.
    """

    name: str
    layer: Layer
    year: int | None
    files: tuple[RasterFile, ...]
    encoding: Encoding
    sources: tuple[Mapping[str, Any], ...]
    how: str
    key: str

    @property
    def tags(self) -> dict[str, str]:
        """What the file says of where it comes from; a later run carries the sources on."""
        return {SOURCES_TAG: json.dumps({"how": self.how, "files": self.sources}, ensure_ascii=False, sort_keys=True), "ALIGNED_KEY": self.key}


@dataclass(kw_only=True)
class Preparation:
    """What is to be made in a folder, and how far it is."""

    setup: Setup
    hashes: Mapping[str, str]
    as_float: bool = False
    number: int = 0
    finished: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def coverage(self) -> Coverage:
        """The zones on the grid."""
        return self.setup.coverage()

    @cached_property
    def tiles(self) -> list[tuple[int, int]]:
        """The tiles that a zone touches; no other is read or written."""
        return [(tile.row, tile.col) for tile in self.coverage.tiles()]

    @cached_property
    def placed(self) -> dict[tuple[str, int | None], list[Target]]:
        """Layer and date -> its targets, one for each member; the same files at two dates are one target."""
        made: dict[tuple[str, tuple[str, ...]], Target] = {}
        out: dict[tuple[str, int | None], list[Target]] = {}
        for layer in self.setup.stack.layers:
            for year, members in layer.dates:
                for number, files in enumerate(members):
                    same = layer.name, tuple(file.label for file in files)
                    if same not in made:
                        made[same] = self._target(layer, year, number if len(members) > 1 else None, files)
                    out.setdefault((layer.name, year), []).append(made[same])
        return out

    @cached_property
    def targets(self) -> list[Target]:
        """Every file, once, in the order of the configuration."""
        return list({target.name: target for targets in self.placed.values() for target in targets}.values())

    @property
    def title_values(self) -> dict[str, Any]:
        """Which file is made now, for the progress."""
        return {"number": self.number, "all": len(self.targets), "name": self.targets[self.number - 1].name if self.number else ""}

    def _target(self, layer: Layer, year: int | None, member: int | None, files: tuple[RasterFile, ...]) -> Target:
        headers = {source.label: source for source in self.setup.sources if source.layer == layer.name}
        encoding = encoding_of(layer, files, [headers[file.label].header.dtype for file in files], self._largest_code(layer), self.as_float)
        parts = [layer.name, *([] if year is None else [str(year)]), *([] if member is None else [str(member + 1)])]
        sources = tuple({"file": file.label, "sha256": self.hashes[file.label], "bytes": headers[file.label].path.stat().st_size} for file in files)
        read = [[self.hashes[file.label], file.offset, file.nodata, file.scale, file.add, file.source_crs, file.band] for file in files]
        valid = layer.valid if layer.valid_declared else None
        made_from = {
            "code": code_hash(*CODE), "grid": asdict(replace(self.setup.grid, cell_area="true")), "tiles": self.tiles, "files": read,
            "labels": [file.label for file in files], "encoding": asdict(encoding), "resampling": layer.resampling, "missing": layer.missing_codes,
            "valid": valid,
        }  # fmt: skip
        return Target(
            name="_".join(parts) + ".tif", layer=layer, year=year, files=files, encoding=encoding, sources=sources, how=how_of(layer, files),
            key=content_hash(made_from),
        )  # fmt: skip

    def _largest_code(self, layer: Layer) -> int | None:
        """The largest code that a layer of classes may hold by its legend; None where it has none."""
        strata = {name: stratum for stratum, name in self.setup.config.strata.items()}
        if layer.name in strata:
            return max(self.setup.stratum_values.get(strata[layer.name], {}), default=None)
        codes = [code for legend in self.setup.legends.values() if legend is not None for code in legend.codes]
        return max((int(code) for code in codes), default=None)


def how_of(layer: Layer, files: Sequence[RasterFile]) -> str:
    """How files come to the grid: ``direct``, ``mosaic``, ``warped: METHOD``."""
    warped = any(file.offset is None for file in files)
    words = (["mosaic"] if len(files) > 1 else []) + ([f"warped: {layer.resampling}"] if warped else [])
    return ", ".join(words) or "direct"


def align(setup: Setup, engine: Engine, as_float: bool = False, watch: Callable[[Preparation], Progress | None] = lambda _: None) -> Preparation:
    """Make every aligned file of a run in the folder ``setup.out``, then the run file and the record.

    Survey polygons know no grid: their files are named in the run file where they lie.

    Parameters
    ----------
    as_float : bool
        Keep values that are no small whole numbers as float32.
    watch : callable
        Preparation -> progress over the tiles of all files.

    Raises
    ------
    InputError
        Inputs that cannot be used, or that changed meanwhile; a file that would be replaced.
    Unfinished
        The disk is full, or workers went away; files that are finished stay.
    """
    hashes, found = hash_inputs(setup)
    stop_on_errors(found)
    work = Preparation(setup=setup, hashes=hashes, as_float=as_float)
    _check_places(work)
    memory = HashMemory(setup.out / ".outputs.json")
    work.finished = _finished(work, memory)
    if len(work.finished) < len(work.targets):
        for name in (RUN_FILE, RECORD):
            (setup.out / name).unlink(missing_ok=True)
    progress = _Counted(watch(work), len(work.targets), len(work.tiles))
    for number, target in enumerate(work.targets):
        work.number = number + 1
        if target.name not in work.finished:
            made = _made(work, target, engine, progress)
            work.finished[target.name] = {**made, "sha256": memory.sha256(target.name, setup.out / target.name)}
            memory.keep()
            write_json(setup.out / JOURNAL, work.finished)
            log(setup.out, "aligned", file=target.name)
        progress.file_done(number + 1)
    _write_record(work)
    replace_file(setup.out / RUN_FILE, toml_text(run_file_of(work)).encode("utf-8"))
    return work


class _Counted:
    """Progress of one file as progress of all; tiles of the files before count as done."""

    def __init__(self, progress: Progress | None, files: int, tiles: int) -> None:
        self._progress, self._tiles, self._total, self._before = progress, tiles, files * tiles, 0

    def __call__(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(min(self._before + done, self._total - 1), self._total)

    def file_done(self, number: int) -> None:
        """A file has its name."""
        self._before = number * self._tiles
        if self._progress is not None:
            self._progress(self._before, self._total)


def _made(work: Preparation, target: Target, engine: Engine, progress: Progress) -> dict[str, Any]:
    """Make one file; returns what is recorded of it."""
    setup = work.setup
    layer = replace(target.layer, dates=((target.year, (target.files,)),))
    stack = Stack(grid=setup.grid, layers=(layer,), years=setup.stack.years)
    output = AlignedFile(setup.out / target.name, setup.grid, target.encoding)
    try:
        map_windows(stack, work.coverage, EncodeTile(target.encoding, target.name), output, engine=engine, progress=progress)
        _check_unchanged(work, target)
        output.finish(target.tags)
    finally:
        output.discard()
    return {
        "key": target.key, "layer": target.layer.name, "year": target.year, "how": target.how, "sources": list(target.sources),
        "dtype": target.encoding.dtype, "nodata": _json_number(target.encoding.nodata), "scale": target.encoding.scale, "offset": target.encoding.add,
        "largest_rounding_error": output.largest_error, "cells_written": output.cells_written,
    }  # fmt: skip


def _json_number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _check_unchanged(work: Preparation, target: Target) -> None:
    """Sources that changed, or went, while they were read (FAULTS R16)."""
    memory = HashMemory(work.setup.out / ".hashes.json")
    changed = [
        finding("E-HASH-01", file.label) for file in target.files
        if not Path(file.path).exists() or memory.sha256(file.label, Path(file.path)) != work.hashes[file.label]
    ]  # fmt: skip
    if changed:
        raise InputError(changed)


def _check_places(work: Preparation) -> None:
    """No file that is made stands where one is read."""
    read = {source.path for source in work.setup.sources}
    found = [finding("E-RUN-07", target.name, file=target.name) for target in work.targets if (work.setup.out / target.name).resolve() in read]
    if found:
        raise InputError(found)


def _finished(work: Preparation, memory: HashMemory) -> dict[str, Any]:
    """Files of an earlier preparation that are whole and were made from the same content in the same way."""
    known = read_json(work.setup.out / JOURNAL)
    if not isinstance(known, dict):
        return {}
    kept = {}
    for target in work.targets:
        record, path = known.get(target.name), work.setup.out / target.name
        if not isinstance(record, dict) or record.get("key") != target.key or not path.exists():
            continue
        if memory.sha256(target.name, path) == record.get("sha256"):
            kept[target.name] = record
    return kept


def _write_record(work: Preparation) -> None:
    files = {name: {key: value for key, value in work.finished[name].items() if key != "key"} for name in sorted(work.finished)}
    grid = {key: value for key, value in asdict(work.setup.grid).items() if key != "cell_area"}
    write_json(work.setup.out / RECORD, {"files": files, "grid": grid, "tiles": len(work.tiles), "versions": versions()})


def run_file_of(work: Preparation) -> dict[str, Any]:
    """The configuration of the run of the aligned files, relative to their folder."""
    setup = work.setup
    config = setup.config.model_dump(mode="json", exclude_unset=True)
    place = _Placed(setup)
    config["run"] = {**config["run"], "output": "out", "roots": place.roots()}
    config["grid"] = _grid_keys(work)
    if not config["grid"]:
        config.pop("grid")
    same = not work.targets or _grid_of(work) == replace(setup.grid, cell_area="true")
    crs = {} if same else {"crs": setup.grid.crs}
    aligned = {target.layer.name for target in work.targets} - set(ANNUAL_LAYERS)
    config["layers"] = {name: {**_layer_keys(work, name, place), **(crs if name in aligned else {})} for name in setup.config.layers}
    for name in NOT_CARRIED:
        config.pop(name, None)
    if any(setup.config.layers[name].stac is not None for name in ANNUAL_LAYERS if name in setup.config.layers):
        network = setup.config.network
        config["network"] = {**network.model_dump(mode="json", exclude_unset=True), "cache": place.of(network.cache)}
    for name in ("zones", "parcels", "densities", "factors", "policy", "plots", "ledger", "emissions", "control_areas", "events"):
        for key in ("file", "others"):
            if name in config and config[name].get(key):
                config[name][key] = place.of(config[name][key])
    if "accuracy" in config:
        config["accuracy"] = {
            key: place.of(value) if isinstance(value, str) else [place.of(one) for one in value] for key, value in config["accuracy"].items()
        }
    if "quantifications" in config:
        config["quantifications"]["files"] = [place.of(file) for file in config["quantifications"]["files"]]
    return config


def _grid_keys(work: Preparation) -> dict[str, Any]:
    """The section of the grid: the aligned land cover tells it; where that comes from polygons another aligned layer, else it stays declared."""
    setup = work.setup
    given = setup.config.grid.model_dump(mode="json", exclude_unset=True)
    keys = {"cell_area": given["cell_area"]} if given.get("cell_area", "true") != "true" else {}
    if not any(source.layer == LAND_COVER for source in setup.vectors):
        return keys
    if work.targets:
        return {"like": work.targets[0].layer.name, **keys}
    return {name: value for name, value in given.items() if name in ("crs", "resolution")} | keys


def _layer_keys(work: Preparation, name: str, place: "_Placed") -> dict[str, Any]:
    """The section of a layer: what its numbers mean, and its aligned files."""
    section = work.setup.config.layers[name]
    if name in ANNUAL_LAYERS:
        return _as_given(section, place)
    declared = set(type(section).model_fields) - set(NOT_ALIGNED)
    keys = {key: value for key, value in section.model_dump(mode="json", exclude_unset=True).items() if key in declared and value is not None}
    if keys.get("legend", "").lower().endswith(".csv"):
        keys["legend"] = place.of(keys["legend"])
    if "members" in keys:
        keys["members"] = place.of(keys["members"])
    for (layer, year), targets in work.placed.items():
        if layer == name:
            names = [target.name for target in targets]
            keys["file" if year is None else str(year)] = names if len(names) > 1 else names[0]
    for year, texts in section.files.items():
        polygons = [place.of(text) for text in texts if is_vector(Path(text))]
        if polygons:
            keys["file" if year is None else str(year)] = polygons if len(polygons) > 1 else polygons[0]
            keys.update({"crs": section.crs} if section.crs is not None else {})
    return keys


def _as_given(section: LayerSection, place: "_Placed") -> dict[str, Any]:
    """The section of an annual layer, which is not aligned: its own files, as the folder of the aligned files sees them."""
    keys = section.model_dump(mode="json", exclude_unset=True)
    if section.stac is not None and "://" not in section.stac:
        keys["stac"] = place.of(section.stac)
    years = {str(year): [place.of(text) for text in texts] for year, texts in section.files.items()}
    return {**keys, **{year: texts[0] if len(texts) == 1 else texts for year, texts in years.items()}}


def _grid_of(work: Preparation) -> Grid:
    """The grid as the aligned files tell it."""
    target = work.targets[0]
    header = read_header(work.setup.out / target.name, target.name)
    return Grid.of(header.crs_wkt, header.transform, header.width, header.height)


class _Placed:
    """Paths of a configuration as the folder of the aligned files sees them."""

    def __init__(self, setup: Setup) -> None:
        self._base, self._roots, self._here = setup.folders.base, setup.folders.roots, setup.out.resolve()

    def of(self, text: str) -> str:
        """A path that the configuration names."""
        return self._relative((self._base / text).resolve())

    def roots(self) -> list[str]:
        """The folders that the configuration may read, its own among them."""
        return list(dict.fromkeys(self._relative(path) for path in (self._base, *self._roots)))

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path, self._here)).as_posix()


