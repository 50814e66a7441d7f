"""Reference samples and confusion matrices as people write them: read, checked, and counted."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, errors, finding
from aoi.guard import open_vector
from aoi.table import Column, Table, decode
from sinks.estimation.heads import head_of, renamed_head

Floats = NDArray[np.float64]

AREAS = Table(
    name="class_areas", title_zh="制图面积", title_en="Mapped areas", row_per="class or stratum", extra_columns=True,
    columns=(
        Column(name="class", type="text", title_zh="类别或分层", title_en="Class or stratum", key=True),
        Column(name="area_ha", type="decimal", title_zh="面积", title_en="Area", unit="ha", needed=True, minimum=0),
    ),
)  # fmt: skip
SAMPLES = Table(
    name="reference_samples", title_zh="参考样本", title_en="Reference samples", row_per="sample", extra_columns=True,
    columns=(
        Column(name="id", type="text", title_zh="编号", title_en="Id", optional=True),
        Column(name="stratum", type="text", title_zh="分层", title_en="Stratum", optional=True,
               description="where it is absent, the map class is the stratum"),
        Column(name="map_class", type="text", title_zh="制图类别", title_en="Class of the map", needed=True),
        Column(name="reference_class", type="text", title_zh="参考类别", title_en="Class of the reference",
               description="empty where nobody could tell"),
        Column(name="weight", type="decimal", title_zh="权重", title_en="Weight", unit="ha", minimum=0, optional=True,
               description="area that the sample stands for"),
        Column(name="x", type="decimal", title_zh="横坐标", title_en="x", optional=True),
        Column(name="y", type="decimal", title_zh="纵坐标", title_en="y", optional=True),
    ),
)  # fmt: skip
SYNONYMS = {
    "map": "map_class", "mapped": "map_class", "mapped_class": "map_class", "reference": "reference_class", "ref": "reference_class",
    "ref_class": "reference_class", "strata": "stratum", "weight_ha": "weight", "longitude": "x", "lon": "x", "latitude": "y", "lat": "y",
    "xcoordinate": "x", "ycoordinate": "y", "point_id": "id", "sample": "id", "sample_id": "id",
}  # fmt: skip
"""Other names that columns of samples go by."""
_MOST = 20
MOST_CELLS = 20_000_000
"""Strata times classes of the map times those of the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A sample, counted.

    Parameters
    ----------
    classes, strata : tuple of str
        Names of C classes, in the order of the map, and of H strata.
    counts, weights, squared_weights : (H, C, C)
        Samples, sums of their weights and of the squares, by stratum, map class and reference class.
    areas : (H,)
        Area of each stratum [ha].
    map_strata : bool
        The strata are the map classes, and weights are equal inside them.
    """

    classes: tuple[str, ...]
    strata: tuple[str, ...]
    counts: Floats
    weights: Floats
    squared_weights: Floats
    areas: Floats
    map_strata: bool


def read_areas(path: Path, where: str) -> dict[str, float]:
    """Mapped area by class or stratum [ha]; the first column may be called ``stratum`` as well.

    Raises
    ------
    InputError
        No table, areas that are no numbers or negative, a class twice, nothing but zeros.
    """
    text = _with_head(decode(path, where)[0], {"stratum": "class", "map_class": "class", "area": "area_ha"})
    frame, found = AREAS.parse(text, where)
    if errors(found):
        raise InputError(errors(found))
    areas = dict(zip(frame["class"], frame["area_ha"].astype(float), strict=True))
    if not sum(areas.values()) > 0:
        raise InputError(finding("E-ACC-08", where))
    return areas


def read_matrix(path: Path, areas: Mapping[str, float], where: str) -> Reference:
    """A confusion matrix of counts: first column the map class, other columns reference classes.

    Raises
    ------
    InputError
        All that is wrong at once: no matrix, a class twice, cells that are no counts,
        classes without area (``E-ACC-03``), reference classes that the map does not know
        (``E-ACC-05``). A class with an area and no row is a stratum without samples.
    """
    rows = _rows(decode(path, where)[0])
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise InputError(finding("E-ACC-01", where, rows=max(len(rows) - 1, 0), columns=max(len(rows[0]) - 1 if rows else 0, 0)))
    mapped, reference = [row[0] for row in rows[1:]], rows[0][1:]
    found = _twice(mapped, where) + _twice(reference, where)
    cells, wrong = _counts(rows[1:], reference, where)
    found += wrong
    found += [finding("E-ACC-03", where, name=name) for name in mapped if name not in areas]
    classes = [*mapped, *(name for name in areas if name not in mapped)]
    found += [finding("E-ACC-05", where, name=name) for name in reference if name not in classes]
    if found:
        raise InputError(found)
    if not cells.sum() > 0:
        raise InputError(finding("E-ACC-09", where))
    _check_size(len(classes), len(classes), where)
    counts = np.zeros((len(classes),) * 3)
    for row in range(len(mapped)):
        counts[row, row, [classes.index(name) for name in reference]] = cells[row]
    return Reference(
        classes=tuple(classes), strata=tuple(classes), counts=counts, weights=counts, squared_weights=counts,
        areas=np.array([areas[name] for name in classes]), map_strata=True,
    )  # fmt: skip


def read_samples(path: Path, areas: Mapping[str, float] | None, where: str) -> tuple[Reference, list[Finding]]:
    """A reference sample of a CSV file or vector file, counted; and what to know of it.

    Without ``areas`` the area of a stratum is the sum of the weights of its samples.

    Raises
    ------
    InputError
        All that is wrong at once: columns, a sample or a place twice, neither areas
        nor weights, strata without area, no sample with a reference class.
    """
    frame = _sample_frame(path, where)
    found = _doubles(frame, where)
    weighted = "weight" in frame and bool(frame["weight"].notna().any())
    if weighted:
        bad = frame.index[frame["weight"].isna() | (frame["weight"] <= 0)]
        found += [finding("E-ACC-10", f"{where}: {row + 2}") for row in bad[:_MOST]]
    elif areas is None:
        found.append(finding("E-ACC-06", where))
    stratum = frame["stratum"].where(frame["stratum"].notna(), frame["map_class"])
    if areas is not None:
        found += [finding("E-ACC-03", where, name=name) for name in sorted(set(stratum) - set(areas))]
    told = frame["reference_class"].notna()
    if not told.any():
        found.append(finding("E-ACC-09", where))
    if errors(found):
        raise InputError(found)
    if not told.all():
        found.append(finding("W-ACC-04", where, number=int((~told).sum()), all=len(frame)))
    weight = frame["weight"].to_numpy(dtype=np.float64) if weighted else np.ones(len(frame))
    by_weight = {} if areas is not None else pd.Series(weight).groupby(stratum.to_numpy()).sum().to_dict()
    return _counted(frame[told], stratum[told], weight[told.to_numpy()], dict(areas or by_weight), where), found


def _counted(frame: pd.DataFrame, stratum: "pd.Series[str]", weight: Floats, areas: Mapping[str, float], where: str) -> Reference:
    by_map = bool((stratum == frame["map_class"]).all())
    names = sorted({*frame["map_class"], *frame["reference_class"], *(areas if by_map else ())})
    strata = tuple(names) if by_map else tuple(areas)
    shape = len(strata), len(names), len(names)
    _check_size(len(strata), len(names), where)
    place = (
        pd.Categorical(stratum, categories=list(strata)).codes, pd.Categorical(frame["map_class"], categories=names).codes,
        pd.Categorical(frame["reference_class"], categories=names).codes,
    )  # fmt: skip
    cells = []
    for values in (np.ones(len(frame)), weight, weight**2):
        table = np.zeros(shape)
        np.add.at(table, place, values)
        cells.append(table)
    even = bool((pd.Series(weight).groupby(stratum.to_numpy()).nunique() == 1).all())
    return Reference(
        classes=tuple(names), strata=strata, counts=cells[0], weights=cells[1], squared_weights=cells[2],
        areas=np.array([areas.get(name, 0.0) for name in strata]), map_strata=by_map and even,
    )  # fmt: skip


def _sample_frame(path: Path, where: str) -> pd.DataFrame:
    """Samples as a typed frame; those of a vector file go through the same checks as those of a CSV file."""
    if path.suffix.lower() == ".csv":
        text = decode(path, where)[0]
    else:
        features = open_vector(path, where)
        plain = pd.DataFrame(features.drop(columns=features.geometry.name))
        lower = {_plain_name(str(name)) for name in plain.columns}
        if not {"x", "y"} & lower and bool((features.geometry.geom_type == "Point").all()):
            plain = plain.assign(x=features.geometry.x, y=features.geometry.y)
        text = plain.to_csv(index=False, lineterminator="\n")
    frame, found = SAMPLES.parse(_with_head(text, SYNONYMS), where)
    if errors(found):
        raise InputError(errors(found))
    if not len(frame):
        raise InputError(finding("E-ACC-09", where))
    return frame


def _plain_name(name: str) -> str:
    """A column name as the declarations write it."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return SYNONYMS.get(plain, plain)


def _with_head(text: str, synonyms: Mapping[str, str]) -> str:
    """The text of a CSV file with the names of its columns as they are declared, whatever their capitals and blanks."""
    plain = {name: name.lower().replace(" ", "_") for name in head_of(text)}
    return renamed_head(text, {name: synonyms.get(other, other) for name, other in plain.items()})


def _rows(text: str) -> list[list[str]]:
    """The rows of a CSV text that hold anything; none where it is no CSV."""
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]
    except csv.Error:
        return []
    return [row for row in rows if any(row)]


def _check_size(strata: int, classes: int, where: str) -> None:
    """Names that are numbers of samples, or notes, would make a table that no memory holds."""
    if strata * classes**2 > MOST_CELLS:
        raise InputError(finding("E-ACC-13", where, strata=strata, classes=classes))


def _twice(names: Sequence[str], where: str) -> list[Finding]:
    return [finding("E-ACC-07", where, name=name or "-") for name in sorted({name for name in names if names.count(name) > 1 or not name})]


def _counts(rows: Sequence[Sequence[str]], names: Sequence[str], where: str) -> tuple[Floats, list[Finding]]:
    """The cells of a matrix as numbers; anything but a whole number from 0 is a finding."""
    cells = np.zeros((len(rows), len(names)))
    found: list[Finding] = []
    for row, texts in enumerate(rows):
        for column, cell in enumerate(texts[1:]):
            try:
                value = float(cell)
            except ValueError:
                value = float("nan")
            if not (np.isfinite(value) and value >= 0 and value.is_integer()):
                found.append(finding("E-ACC-02", f"{where}: {row + 2}, {names[column]}", value=cell))
                continue
            cells[row, column] = value
    return cells, found[:_MOST]


def _doubles(frame: pd.DataFrame, where: str) -> list[Finding]:
    """Samples that stand twice, by id or by place."""
    found = []
    for columns in (["id"], ["x", "y"]):
        known = frame[columns].notna().all(axis=1)
        double = frame[known].duplicated(columns, keep="first")
        for row in double.index[double][:_MOST]:
            found.append(finding("E-ACC-11", f"{where}: {row + 2}", name=", ".join(f"{name} {frame.at[row, name]}" for name in columns)))
    return found
