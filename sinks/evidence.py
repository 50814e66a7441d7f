"""What a run knows its errors by: read with the configuration, kept in the run folder, handed to the accounting."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, finding
from aoi.grids import Grid, cell_size_m, geodesy, horizontal_crs
from aoi.table import decode
from sinks.accounting.area_errors import CHANGE, AreaSample
from sinks.accounting.inventory import Prepared
from sinks.accounting.map_errors import LatticeGrid
from sinks.accounting.moves import LayerSums
from sinks.accounting.rows import YEAR_KEY
from sinks.accounting.sources_of_error import Evidence
from sinks.config import Config
from sinks.estimation.reference import Reference, read_areas, read_matrix, read_samples
from sinks.layers.inputs import Folders
from sinks.tables import ACTIVITY_LATTICE, LAND_CLASSES, MEMBERS, REFERENCE

Floats = NDArray[np.float64]

_KM = 1000.0
_CELLS_PER_LENGTH = 2
SAME_SUM = 1e-3
"""Relative difference between a model's own sums and those of the run beyond which its members belong to another map."""


def lattice_sizes(grid: Grid, lattice: tuple[int, int]) -> LatticeGrid:
    """Height of the lattice cells, and their width in each lattice row; geodesic where the grid is geographic."""
    down, across = lattice
    rows = -(-grid.height // down)
    height, width = cell_size_m(grid)
    crs = horizontal_crs(grid.crs)
    if not crs.is_geographic:
        return LatticeGrid(height * down / _KM, np.full(rows, width * across / _KM))
    a, _, c, _, e, f = grid.transform
    per = float(np.degrees(crs.axis_info[0].unit_conversion_factor))
    y = (f + e * (np.arange(rows) + 0.5) * down) * per
    x = np.full(rows, c * per)
    widths = geodesy(crs).inv(x, y, x + a * across * per, y)[2]
    return LatticeGrid(height * down / _KM, np.asarray(widths, dtype=np.float64) / _KM)


def check_uncertainty(config: Config, grid: Grid, lattice: tuple[int, int] | None) -> list[Finding]:
    """Lengths that the lattice or the cells cannot show, layers whose errors are in another unit, biases without a second date."""
    found = []
    for name, section in config.layers.items():
        if section.se is not None and section.se in config.layers:
            other = config.layers[section.se]
            if (other.unit or section.unit, other.basis or section.basis) != (section.unit, section.basis):
                found.append(finding("E-UNC-02", f"layers.{section.se}", unit=f"{other.unit or '-'}, {other.basis or '-'}", of=name,
                                     expected=f"{section.unit or '-'}, {section.basis or '-'}"))  # fmt: skip
        if section.epoch_bias is not None and section.file is not None:
            found.append(finding("E-UNC-03", f"layers.{name}.epoch_bias"))
    if lattice is not None:
        cell = max(cell_size_m(grid)) / _KM
        size = max(cell * max(lattice), cell)
        least = _CELLS_PER_LENGTH * size
        if config.uncertainty.correlation_km < least * (1.0 - SAME_SUM):
            found.append(finding("E-UNC-01", "uncertainty.correlation_km", length=f"{config.uncertainty.correlation_km:g}", least=f"{least:.1f}",
                                 cell=f"{cell:.2f}", lattice=f"{size:.1f}"))  # fmt: skip
    return found


def read_reference(config: Config, folders: Folders) -> tuple[pd.DataFrame | None, list[Finding]]:
    """The reference samples of a configuration as rows of `REFERENCE`, with everything that is wrong with them."""
    section = config.accuracy
    if section is None:
        return None, []
    matrices = (section.matrix,) if isinstance(section.matrix, str) else section.matrix or ()
    if not matrices and section.samples is None:
        raise InputError(finding("E-UNC-04", "accuracy"))
    areas = None if section.areas is None else read_areas(*folders.find(section.areas, "accuracy.areas"))
    rows: list[pd.DataFrame] = []
    found: list[Finding] = []
    for name in matrices:
        path, label = folders.find(name, "accuracy.matrix")
        rows.append(_rows_of(read_matrix(path, areas if areas is not None else _any_area(path, label), label), label, areas is not None))
    if section.samples is not None:
        path, label = folders.find(section.samples, "accuracy.samples")
        reference, notes = read_samples(path, areas, label)
        rows.append(_rows_of(reference, label, True))
        found += notes
    frame = pd.concat(rows, ignore_index=True)
    return REFERENCE.typed(frame), found + _check_labels(frame)


def _any_area(path: Path, label: str) -> dict[str, float]:
    """An area of 1 for every class of a matrix: the run puts its own mapped areas there."""
    names = [row[0].strip() for row in csv.reader(io.StringIO(decode(path, label)[0], newline="")) if row and any(row)][1:]
    return dict.fromkeys(names, 1.0)


def _rows_of(reference: Reference, name: str, known: bool) -> pd.DataFrame:
    strata, mapped, found = np.meshgrid(*(np.arange(size) for size in reference.counts.shape), indexing="ij")
    held = (reference.counts > 0) | ((mapped == found) & np.asarray([
        [reference.strata[h] == reference.classes[i] for i in range(len(reference.classes))] for h in range(len(reference.strata))
    ])[:, :, None])  # fmt: skip
    return pd.DataFrame(
        {
            "sample": name, "stratum": np.asarray(reference.strata, dtype=object)[strata[held]],
            "map_class": np.asarray(reference.classes, dtype=object)[mapped[held]],
            "reference_class": np.asarray(reference.classes, dtype=object)[found[held]],
            "count": reference.counts[held], "weight": reference.weights[held], "squared_weight": reference.squared_weights[held],
            "area_ha": reference.areas[strata[held]] if known else np.nan,
        }
    )  # fmt: skip


def _check_labels(frame: pd.DataFrame) -> list[Finding]:
    """Classes that are neither land classes nor codes, or both in one sample."""
    found = []
    for name, part in frame.groupby("sample"):
        labels = sorted({*part["map_class"], *part["reference_class"]})
        words = {one for label in labels for one in label.split(CHANGE)}
        kinds = {CHANGE in label for label in labels}
        unknown = sorted(word for word in words if not word.isdigit() and word not in LAND_CLASSES)
        if unknown or len({word.isdigit() for word in words}) > 1 or len(kinds) > 1:
            found.append(finding("E-UNC-05", str(name), classes=", ".join(unknown or labels[:8]), known=", ".join(LAND_CLASSES)))
    return found


def read_members(config: Config, folders: Folders) -> tuple[pd.DataFrame | None, list[Finding]]:
    """The members of every layer that names a file of them."""
    frames = []
    for name, section in config.layers.items():
        if section.members is None:
            continue
        path, label = folders.find(section.members, f"layers.{name}.members")
        frame = MEMBERS.read(path, label)
        mine = frame[frame["layer"] == name]
        if not len(mine) or int(mine["model_member"].max()) < 2 or 0 not in set(mine["model_member"]):
            raise InputError(finding("E-UNC-06", label, layer=name, layers=", ".join(sorted(set(frame["layer"]))) or "-"))
        frames.append(mine)
    return (pd.concat(frames, ignore_index=True) if frames else None), []


def settings_of(config: Config, grid: Grid, lattice: tuple[int, int] | None) -> dict[str, Any]:
    """What the accounting has to know of errors beside the tables."""
    sizes = None if lattice is None else lattice_sizes(grid, lattice)
    return {
        **config.uncertainty.model_dump(),
        "map_errors": sorted(name for name, section in config.layers.items() if section.se is not None),
        "biases": {name: section.epoch_bias for name, section in sorted(config.layers.items()) if section.epoch_bias is not None},
        "lattice": None if sizes is None else {"height_km": sizes.height_km, "widths_km": [round(float(one), 6) for one in sizes.widths_km]},
    }  # fmt: skip


Raker = Callable[[pd.DataFrame, bool], pd.DataFrame]
"""Rows of the lattice, or of members (by strata), on the land of a run."""


def evidence_of(
    inputs: Path, tables: Path, settings: Mapping[str, Any], prepared: Prepared, dated: frozenset[str], on_land: Raker = lambda rows, _: rows
) -> Evidence:
    """The evidence that a run folder holds; ``on_land`` brings rows to raked areas.

    Raises
    ------
    InputError
        Members of another map (``E-UNC-07``); samples of classes that the run does not have (``E-UNC-08``).
    """
    said = settings["uncertainty"]
    evidence = Evidence(biases=said["biases"], dated=dated, correlation_km=said["correlation_km"], rho_dates=said["rho_dates"])
    lattice = tables / "activity_lattice.csv"
    if said["lattice"] is not None and lattice.exists():
        rows = on_land(_read_lattice(lattice), False)
        grid = LatticeGrid(said["lattice"]["height_km"], np.asarray(said["lattice"]["widths_km"], dtype=np.float64))
        evidence = replace(evidence, lattice=rows[rows["layer"].isin(said["map_errors"])], grid=grid)
    found: list[Finding] = []
    if (inputs / "members.csv").exists():
        members = on_land(MEMBERS.read(inputs / "members.csv"), True)
        held = {str(layer): part for layer, part in members.groupby("layer")}
        found += [one for layer, part in held.items() for one in check_members(prepared, layer, part)]
        evidence = replace(evidence, members=held)
    if (inputs / "reference.csv").exists():
        samples = samples_of(REFERENCE.read(inputs / "reference.csv"), prepared)
        found += [one for sample in samples for one in check_sample(prepared, sample)]
        evidence = replace(evidence, samples=samples)
    if found:
        raise InputError(found)
    return evidence


def _read_lattice(path: Path) -> pd.DataFrame:
    """The lattice table; a long one, so that it is read by columns."""
    types: dict[str, Any] = {column.name: {"text": str, "integer": np.int64}.get(column.type, np.float64) for column in ACTIVITY_LATTICE.columns}
    return pd.read_csv(path, dtype=types, engine="pyarrow")


def check_members(prepared: Prepared, layer: str, members: pd.DataFrame) -> list[Finding]:
    """Members whose own model sums to something else than the map that the run read."""
    sums = LayerSums.of(prepared, layer)
    own = members[(members["model_member"] == 0) & (members["year_from"] == members["year_to"])]
    keys = ["zone", "year_from", "land_from", "stratum_from"]
    theirs = own.groupby(keys)["sum"].sum()
    theirs.index = theirs.index.set_names(YEAR_KEY)
    ours = prepared.years.frame[YEAR_KEY].assign(sum=sums.year).set_index(YEAR_KEY)["sum"]
    ours = ours[ours != 0.0]
    both = theirs.reindex(ours.index)
    missing = int(both.isna().sum())
    total = float(ours.abs().sum())
    apart = float((both.fillna(0.0) - ours).abs().sum()) / total if total > 0 else 1.0
    if apart > SAME_SUM:
        return [finding("E-UNC-07", f"layers.{layer}.members", apart=f"{apart:.1%}", missing=missing, all=len(ours))]
    return []


def samples_of(frame: pd.DataFrame, prepared: Prepared) -> tuple[AreaSample, ...]:
    """Samples from their counted rows; strata without an area take the mapped one of the run."""
    out = []
    for name, part in frame.groupby("sample", sort=True):
        labels = tuple(sorted({*part["map_class"], *part["reference_class"]}))
        strata = tuple(sorted(set(part["stratum"])))
        place = tuple(pd.Categorical(part[column], categories=list(words)).codes.astype(np.int64)
                      for column, words in (("stratum", strata), ("map_class", labels), ("reference_class", labels)))  # fmt: skip
        cells = []
        for column in ("count", "weight", "squared_weight"):
            table = np.zeros((len(strata), len(labels), len(labels)))
            np.add.at(table, place, part[column].to_numpy(dtype=np.float64))
            cells.append(table)
        areas = part.groupby("stratum", sort=True)["area_ha"].first().to_numpy(dtype=np.float64)
        if np.isnan(areas).any():
            areas = _mapped_areas(prepared, strata)
        out.append(AreaSample(str(name), labels, cells[0], cells[1], cells[2], areas))
    return tuple(out)


def _mapped_areas(prepared: Prepared, strata: tuple[str, ...]) -> Floats:
    """Area that the run maps of each label [ha]: of classes at all dates, of transitions over all intervals."""
    words = _run_labels(prepared, strata)
    area = (prepared.pairs if CHANGE in strata[0] else prepared.years).frame["area_ha"]
    sums = area.groupby(words.to_numpy()).sum()
    return np.asarray([float(sums.get(name, 0.0)) for name in strata])


def _run_labels(prepared: Prepared, labels: tuple[str, ...]) -> "pd.Series[str]":
    """What the land of the run is called in the labels' words: codes or land classes, alone or with ``>`` between."""
    codes = all(part.isdigit() for label in labels for part in label.split(CHANGE))
    if not any(CHANGE in label for label in labels):
        return prepared.years.frame["class" if codes else "land_class"].astype(str)
    frame = prepared.pairs.frame
    first, last = (frame[f"{'land' if codes else 'land_class'}_{side}"].astype(str) for side in ("from", "to"))
    return first + CHANGE + last


def check_sample(prepared: Prepared, sample: AreaSample) -> list[Finding]:
    """Map classes of a sample that the run's map does not show: the sample is of another map."""
    mapped = sample.counts.sum(axis=(0, 2)) > 0
    ours = set(_run_labels(prepared, sample.labels))
    strange = [label for label, held in zip(sample.labels, mapped, strict=True) if held and label not in ours]
    return [finding("E-UNC-08", sample.name, classes=", ".join(strange), known=", ".join(sorted(ours)[:20]))] if strange else []
