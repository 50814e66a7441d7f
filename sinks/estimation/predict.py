"""Predicting a layer window by window: density, standard error, interval, applicability, and sums of the members in the same pass.

Tiles are kept in a file beside until all are there, so that a prediction that stops
goes on. Sums of members are exact and rounded once: neither windows nor workers change
a byte.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from aoi.findings import Finding, InputError, finding
from aoi.grids import Tile
from sinks import tables
from sinks.estimation.loaded import Model, load_model
from sinks.estimation.members import MemberSums
from sinks.estimation.retrieval import MEMBERS, MODELS, RECORD, Retrieval
from sinks.estimation.tile_prediction import PredictedTile, PredictTile, packed, unpacked
from sinks.layers.aligned_file import AlignedFile, EncodedTile
from sinks.layers.encoding import Encoding, decimal_scale
from sinks.layers.raster import SOURCES_TAG
from sinks.layers.windows import Engine, Progress, map_windows
from sinks.provenance import HashMemory, code_hash, content_hash, file_sha256, write_json
from sinks.tabulate.partials import TileFile

CODE = (
    "sinks/estimation",
    "sinks/equations/validation.py",
    "sinks/layers/layer.py",
    "sinks/layers/encoding.py",
    "aoi/coverage.py",
    "aoi/grids.py",
)
RASTERS = ("value", "se", "half_width", "applicability")
_STEPS = 65534
YEAR_TAG = "YEAR"
"""In rasters of errors alone: they may be alike at two dates; values that are alike are refused by a run, as they should be."""
OUTSIDE_SHARE = 0.1
"""A larger share of the predicted area outside the area of applicability is a warning."""


def encodings_of(retrieval: Retrieval) -> dict[str, Encoding]:
    """How the rasters are written: 16 bits with a decimal scale that holds the range of the layer, bytes for flags."""
    low, high = retrieval.valid
    signed = low < 0
    scale = decimal_scale(max(abs(low), abs(high)), 32767 if signed else _STEPS)
    value = Encoding(kind="values", dtype="int16" if signed else "uint16", nodata=-32768.0 if signed else 65535.0, scale=scale)
    error = Encoding(kind="values", dtype="uint16", nodata=65535.0, scale=decimal_scale(high - low, _STEPS))
    return {"value": value, "se": error, "half_width": error, "applicability": Encoding(kind="values", dtype="uint8", nodata=255.0)}


def raster_name(retrieval: Retrieval, kind: str, year: int) -> str:
    """The name of a raster that predicting writes."""
    stem = {"value": retrieval.layer, "se": f"{retrieval.layer}_se"}.get(kind, f"{retrieval.layer}_{kind}")
    return f"{stem}_{year}.tif"


class _Kept:
    """Results of tiles in a file beside."""

    def __init__(self, file: TileFile) -> None:
        self.file = file

    def done(self, tile: Tile) -> bool:
        """Is this tile kept?"""
        return self.file.done(tile)

    def put(self, tile: Tile, result: PredictedTile) -> None:
        """Keep a tile."""
        self.file.keep(tile, packed(result))


def predict(retrieval: Retrieval, engine: Engine, progress: Progress | None = None) -> tuple[dict[str, Any], list[Finding]]:
    """Write the rasters, the sums of the members and a record of them into the folder of the retrieval.

    Raises
    ------
    InputError
        A model that does not fit or is not whole; inputs that changed meanwhile.
    Unfinished
        The disk is full, or workers went away; tiles that are finished stay.
    """
    _check_places(retrieval)
    model = load_model(retrieval)
    run, folder = retrieval.run, retrieval.folder
    hashes = _hashes(retrieval)
    years, intervals = run.config.run.dates, run.plan.intervals
    function = PredictTile(
        model=model,
        predictors=retrieval.predictors,
        strata=retrieval.classes()[1:],
        years=years,
        intervals=intervals,
        encodings=encodings_of(retrieval),
        codes=_codes(retrieval),
    )
    coverage = run.coverage()
    kept = _Kept(TileFile(folder / ".predicted", _key(retrieval, model, hashes)))
    changed: list[str] = []
    try:
        map_windows(retrieval.stack, coverage, function, kept, engine=engine, progress=progress)
        kept.file.commit()
        changed = _changed(retrieval, hashes)
        if changed:
            raise InputError([finding("E-HASH-01", label) for label in changed])
        record = _write(retrieval, model, kept.file, coverage.codes, hashes)
    except BaseException:
        (kept.file.remove if changed else kept.file.close)()
        raise
    kept.file.remove()
    with suppress(OSError):  # tiles of another prediction that was stopped stay
        (folder / ".predicted").rmdir()
    return record, [*retrieval.findings, *_judged(retrieval, record)]


def _check_places(retrieval: Retrieval) -> None:
    """No raster that is made stands where one is read."""
    made = {
        (retrieval.folder / raster_name(retrieval, kind, year)).resolve() for kind in RASTERS for year in retrieval.run.config.run.dates
    }
    found = [
        finding("E-RUN-07", f"predictors.{source.layer}", file=source.label)
        for source in retrieval.sources
        if source.path.resolve() in made
    ]
    if found:
        raise InputError(found)


def _codes(retrieval: Retrieval) -> dict[int, frozenset[int]] | None:
    """By year the codes of the ecosystem that the plots stand in; none where the land cover has no legend."""
    reading = retrieval.run.reading()
    codes = {
        year: frozenset(code for code, name in classes.items() if reading.ecosystems[name] == retrieval.plots.ecosystem)
        for year, classes in reading.land_classes.items()
    }
    return codes if all(codes.values()) else None


def _hashes(retrieval: Retrieval) -> dict[str, str]:
    memory = HashMemory(retrieval.folder / ".hashes.json")
    found = {source.label: memory.sha256(source.label, source.path) for source in retrieval.sources}
    memory.keep()
    return found


def _changed(retrieval: Retrieval, hashes: Mapping[str, str]) -> list[str]:
    """Labels of the inputs that changed, or went, under the pass (FAULTS R16)."""
    memory = HashMemory(retrieval.folder / ".hashes.json")
    paths = {source.label: source.path for source in retrieval.sources}
    return [label for label, path in paths.items() if not path.exists() or memory.sha256(label, path) != hashes[label]]


def _key(retrieval: Retrieval, model: Model, hashes: Mapping[str, str]) -> str:
    """Everything that a tile's result depends on."""
    files = [
        [layer.name, layer.resampling, layer.missing_codes, layer.valid, str(layer.dates)] for layer in retrieval.stack.layers
    ]  # fmt: skip
    zones = [[zones.crs, list(zones.codes), [geometry.wkb_hex for geometry in zones.geometries]] for zones in retrieval.run.zone_sets]
    codes = _codes(retrieval)
    spoken = None if codes is None else sorted((year, sorted(one)) for year, one in codes.items())
    fitted = [model.sha256, model.error, model.quantile, model.scale, model.limit, list(retrieval.predictors), retrieval.valid]
    run = [asdict(retrieval.run.grid), retrieval.run.config.zones.rule, retrieval.run.config.run.dates, retrieval.run.plan.intervals]
    made = [repr(one) for one in retrieval.stack.derived]
    return content_hash([code_hash(*CODE), fitted, sorted(hashes.items()), files, content_hash(zones), run, spoken, made])


def _write(retrieval: Retrieval, model: Model, tiles: TileFile, zones: Sequence[str], hashes: Mapping[str, str]) -> dict[str, Any]:
    """Rasters, members and record from the tiles that are kept; tiles are taken one by one."""
    run, folder, encodings = retrieval.run, retrieval.folder, encodings_of(retrieval)
    outputs = {
        (kind, year): AlignedFile(folder / raster_name(retrieval, kind, year), run.grid, encodings[kind])
        for kind in RASTERS for year in run.config.run.dates
    }  # fmt: skip
    gathered = MemberSums(len(model.models))
    rounding = 0.0
    (folder / RECORD).unlink(missing_ok=True)
    try:
        for row, col, content in tiles.contents():
            tile = unpacked(content)
            for place, output in outputs.items():
                output.put(run.grid.tile_at(row, col), EncodedTile(tile.cells[place], tile.rounding if place[0] == "value" else 0.0))
            gathered.add(tile)
            rounding = max(rounding, tile.rounding)
        sources = {SOURCES_TAG: _sources(retrieval, model, hashes)}
        for (kind, year), output in outputs.items():
            output.finish(sources if kind == "value" else {**sources, YEAR_TAG: str(year)})
    finally:
        for output in outputs.values():
            output.discard()
    tables.MEMBERS.write(gathered.frame(retrieval, zones), folder / MEMBERS)
    names = [raster_name(retrieval, kind, year) for kind, year in outputs]
    record = {
        "layer": retrieval.layer, "model_sha256": model.sha256, "predictors": list(retrieval.predictors), "sources": dict(sorted(hashes.items())),
        "largest_rounding_error": rounding, "members": len(model.models) - 1,
        "files": {name: file_sha256(folder / name) for name in sorted([*names, MEMBERS])},
        "areas": gathered.areas(zones), "grid": {name: value for name, value in asdict(run.grid).items() if name != "cell_area"},
    }  # fmt: skip
    write_json(folder / RECORD, record)
    return record


def _sources(retrieval: Retrieval, model: Model, hashes: Mapping[str, str]) -> str:
    """The tag by which a later run names the files that its inputs were made from."""
    files = [
        {"file": source.label, "sha256": hashes[source.label], "bytes": source.path.stat().st_size}
        for source in retrieval.sources if source.layer in retrieval.predictors
    ]  # fmt: skip
    folder, name = retrieval.folder, MODELS
    files.append({"file": name, "sha256": model.sha256, "bytes": (folder / name).stat().st_size})
    return json.dumps({"how": f"predicted: {model.recipe.kind}", "files": files}, ensure_ascii=False, sort_keys=True)


def _judged(retrieval: Retrieval, record: Mapping[str, Any]) -> list[Finding]:
    """Zones where much of the land is unlike the training data."""
    found = []
    for year in retrieval.run.config.run.dates:
        rows = [one for one in record["areas"] if one["year"] == year and one["predicted_ha"] > 0]
        shares = [(one["zone"], one["outside_ha"] / one["predicted_ha"]) for one in rows]
        far = ", ".join(f"{zone} {share:.0%}" for zone, share in shares if share > OUTSIDE_SHARE)
        if far:
            total = sum(one["outside_ha"] for one in rows)
            found.append(finding("W-RETR-02", f"{retrieval.layer} {year}", zones=far, area=f"{total:,.0f}"))
    return found


def run_sections(retrieval: Retrieval) -> str:
    """What a run file says of the layers that were made."""
    base = retrieval.run.folders.base.resolve()
    folder = retrieval.folder.resolve()
    place = folder.relative_to(base).as_posix() if folder.is_relative_to(base) else folder.name
    lines = []
    for kind, name in (("value", retrieval.layer), ("se", retrieval.se_layer)):
        lines.append(f"[layers.{name}]")
        lines += [f'{year} = "{place}/{raster_name(retrieval, kind, year)}"' for year in retrieval.run.config.run.dates]
        lines.append(f'unit = "{retrieval.target.unit}"')
        if kind == "value":
            lines += [f'basis = "{retrieval.target.basis}"'] if retrieval.target.basis else []
            lines += [f'se = "{retrieval.se_layer}"', f'members = "{place}/{MEMBERS}"']
    return "\n".join(lines)
