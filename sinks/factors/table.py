"""The factor tables: every coefficient with its unit, range, source and evidence.

A factor is a row of one of the CSV files beside this module. Its keys say where it
applies: an empty key means any, and a key may name several words with ``|`` between
them, so that what a source gives once is one row and, in a draw, one number.

``low`` and ``high`` are the limits of the source. A source that states more than
100 % gives a low below zero; the distribution is then lognormal, with ``value`` as its
mean and the standard error of those limits. For a triangle, too, ``value`` is the mean.
A row without limits has no stated range, and an interval has to say so.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, errors, finding, stop_on_errors
from aoi.table import Column, Table, decode
from sinks.tables import ECOSYSTEMS, LAND_CLASSES

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

KEYS = ("ecosystem", "land_class", "vegetation_type", "climate", "soil", "origin", "site")
CLIMATES = (
    "boreal", "cool_temperate_dry", "cool_temperate_moist", "warm_temperate_dry", "warm_temperate_moist", "polar_dry", "polar_moist",
)  # fmt: skip
SOILS = ("HAC", "LAC", "sandy", "spodic", "wetland", "organic")
DISTRIBUTIONS = ("normal", "truncated_normal", "lognormal", "triangular", "uniform", "beta")
BOUNDED = ("triangular", "uniform")
RANGE_KINDS = ("ci95", "two_se", "min_max")
FILES = ("forest.csv", "grassland.csv", "wetland.csv", "soil.csv", "fire.csv", "gwp.csv", "respiration.csv", "bins.csv")
USER_TAG = "user"

_FOLDER = Path(__file__).parent
_WORDS = {"ecosystem": ECOSYSTEMS, "land_class": LAND_CLASSES, "climate": CLIMATES, "soil": SOILS}
_PLACE = ("name", *KEYS, "value_from", "value_to", "unit", "depth_cm")
_KEY = r"[A-Za-z0-9_]+(\|[A-Za-z0-9_]+)*"
_TAG = r"F\*?:\d+|K:(0\.\d+|1\.0)|D|X|U|user"


def _key(name: str, title_zh: str, title_en: str) -> Column:
    return Column(
        name=name,
        type="text",
        title_zh=title_zh,
        title_en=title_en,
        optional=True,
        pattern=_KEY,
        description="empty = any; | between words",
    )


def _limit(name: str, title_zh: str, title_en: str, description: str) -> Column:
    return Column(name=name, type="decimal", title_zh=title_zh, title_en=title_en, optional=True, description=description)


FACTORS = Table(
    name="factors",
    title_zh="因子表",
    title_en="Factors",
    row_per="factor",
    columns=(
        Column(
            name="id", type="text", title_zh="编号", title_en="Id", key=True, pattern=r"[A-Za-z0-9_.\-]+", description="stable and unique"
        ),
        Column(name="name", type="text", title_zh="名称", title_en="Name", pattern=r"[a-z][a-z0-9_]*", optional=True),
        _key("ecosystem", "生态系统", "Ecosystem"),
        _key("land_class", "地类", "Land class"),
        _key("vegetation_type", "植被类型", "Vegetation type"),
        _key("climate", "气候带", "Climate"),
        _key("soil", "土壤类型", "Soil"),
        _key("origin", "起源", "Origin"),
        _key("site", "立地", "Site"),
        _limit("value_from", "分级下限（含）", "Bin from", "half-open bin of a density in its unit; of growth, of an age in years"),
        _limit("value_to", "分级上限（不含）", "Bin to", "half-open bin of a density in its unit; of growth, of an age in years"),
        Column(name="value", type="decimal", title_zh="取值", title_en="Value", needed=True),
        Column(
            name="unit", type="text", title_zh="单位", title_en="Unit", optional=True, pattern=r"-|[A-Za-z%(][^=@]*", description="- = none"
        ),
        Column(name="distribution", type="text", title_zh="分布", title_en="Distribution", optional=True, choices=DISTRIBUTIONS),
        _limit("low", "下限", "Low", "the source's lower limit"),
        _limit("high", "上限", "High", "the source's upper limit"),
        Column(name="range_kind", type="text", title_zh="范围含义", title_en="Range kind", optional=True, choices=RANGE_KINDS),
        Column(name="depth_cm", type="integer", title_zh="土壤深度", title_en="Soil depth", unit="cm", optional=True, minimum=1),
        Column(
            name="source",
            type="text",
            title_zh="来源",
            title_en="Source",
            needed=True,
            description="id of the sources table, or a citation",
        ),
        Column(name="locator", type="text", title_zh="出处位置", title_en="Locator", optional=True, description="table, equation or page"),
        Column(name="tag", type="text", title_zh="证据标签", title_en="Evidence tag", optional=True, pattern=_TAG),
        Column(name="verified", type="boolean", title_zh="已核实", title_en="Verified", optional=True),
    ),
)

SOURCES = Table(
    name="sources",
    title_zh="来源表",
    title_en="Sources",
    row_per="source",
    columns=(
        Column(name="id", type="text", title_zh="编号", title_en="Id", key=True, pattern=r"[A-Za-z0-9]+"),
        Column(name="citation", type="text", title_zh="文献", title_en="Citation", needed=True),
        Column(name="year", type="integer", title_zh="年份", title_en="Year", minimum=1900, maximum=2200),
        Column(name="address_or_doi", type="text", title_zh="网址或 DOI", title_en="Address or DOI"),
        Column(name="note", type="text", title_zh="备注", title_en="Note"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorTable:
    """Factors as columns of equal length; a row number is a factor's place in all of them.

    Parameters
    ----------
    value_from, value_to : ndarray of float
        Half-open bin of a density; NaN where open.
    low, high : ndarray of float
        NaN where the source states no range.
    depth_cm : ndarray of float
        NaN for factors that are not of soil.
    citations : mapping
        Citation by source id.
    overrides : tuple of str
        Ids that a user's file replaced or added, in the order of the table.
    """

    id: Texts
    name: Texts
    ecosystem: Texts
    land_class: Texts
    vegetation_type: Texts
    climate: Texts
    soil: Texts
    origin: Texts
    site: Texts
    value_from: Floats
    value_to: Floats
    value: Floats
    unit: Texts
    distribution: Texts
    low: Floats
    high: Floats
    range_kind: Texts
    depth_cm: Floats
    source: Texts
    locator: Texts
    tag: Texts
    verified: NDArray[np.bool_]
    citations: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()

    @classmethod
    def shipped(cls) -> "FactorTable":
        """The factors that come with the program.

        Raises
        ------
        InputError
            With all findings, when a shipped file breaks a rule of `check_factors`.
        """
        return _shipped()

    @classmethod
    def of(cls, frame: pd.DataFrame, overrides: tuple[str, ...] = ()) -> "FactorTable":
        """The factors of a typed frame, as `frame` gives it; citations are those of the shipped sources."""
        return _from_frame(FACTORS.sorted(frame), _shipped().citations, overrides)

    def with_overrides(self, path: Path, where: str | None = None) -> "FactorTable":
        """This table with the rows of a user's CSV file.

        A row whose id is known gives that factor another value, range and source;
        where it applies and its unit stay, and naming others is an error. Another id
        adds a row, which needs a name and a unit. ``source`` may be any citation;
        without a tag it is ``user``, and it is not verified unless the file says so.

        Raises
        ------
        InputError
            With all findings of the file.
        """
        where = where or path.name
        text, _ = decode(path, where)
        given, found = FACTORS.parse(text, where)
        if not errors(found):
            given, wrong = _placed(self.frame(), given, where)
            found += wrong + check_factors(given, where)
        stop_on_errors(found)
        kept = self.frame()
        kept = kept[~kept["id"].isin(given["id"])]
        joined = FACTORS.sorted(pd.concat([kept, given], ignore_index=True))
        changed = set(self.overrides) | set(given["id"])
        return _from_frame(joined, self.citations, tuple(id for id in joined["id"] if id in changed))

    def frame(self) -> pd.DataFrame:
        """The factors as a typed frame, empty cells missing."""
        columns = {name: getattr(self, name) for name in FACTORS.names}
        columns["depth_cm"] = pd.array(self.depth_cm, dtype="Float64").astype("Int64")
        frame = FACTORS.typed(pd.DataFrame(columns))
        texts = [column.name for column in FACTORS.columns if column.type == "text"]
        frame[texts] = frame[texts].replace({"": None})
        return frame

    def rows(self, name: str) -> NDArray[np.int64]:
        """The row numbers of a factor name; empty for a name that nothing has."""
        return np.flatnonzero(self.name == name)

    def edges(self, name: str) -> Floats:
        """The finite bin edges of a factor name, ascending: edges of the pass over the pixels."""
        rows = self.rows(name)
        edges = np.concatenate([self.value_from[rows], self.value_to[rows]])
        return np.unique(edges[np.isfinite(edges)])

    def citation(self, row: int) -> str:
        """The citation of a row's source; a user's own text as it stands."""
        return self.citations.get(self.source[row], self.source[row])

    def __len__(self) -> int:
        return len(self.id)


def check_factors(frame: pd.DataFrame, where: str, sources: Iterable[str] | None = None) -> list[Finding]:
    """What is wrong with factor rows beyond the declaration of the table.

    Parameters
    ----------
    sources : iterable of str, optional
        The known source ids; None lets a source be any citation.
    """
    known = None if sources is None else set(sources)
    found: list[Finding] = []
    for row in frame.to_dict("records"):
        place = f"{where}: {row['id']}"
        found += _check_range(row, place) + _check_words(row, place)
        if row["value_from"] >= row["value_to"]:
            found.append(finding("E-FACTOR-04", place, value_from=row["value_from"], value_to=row["value_to"]))
        empty = [name for name in ("name", "unit") if row[name] is None]
        if empty:
            found.append(finding("E-FACTOR-06", place, columns=", ".join(empty)))
        if known is not None and row["source"] not in known:
            found.append(finding("E-FACTOR-09", place, source=row["source"]))
    return found


def _check_range(row: Mapping[str, object], place: str) -> list[Finding]:
    """A range is whole (low, high, what they mean, a distribution), in order, and fits its distribution."""
    parts = ("low", "high", "range_kind", "distribution")
    empty = [name for name in parts if row[name] is None or row[name] != row[name]]
    if len(empty) == len(parts):
        return []
    if empty:
        return [finding("E-FACTOR-03", place, columns=", ".join(empty))]
    found = []
    low, value, high = (float(str(row[name])) for name in ("low", "value", "high"))
    if not low <= value <= high or low == high:
        found.append(finding("E-FACTOR-02", place, low=low, value=value, high=high))
    if (row["range_kind"] == "min_max") != (row["distribution"] in BOUNDED):
        found.append(finding("E-FACTOR-10", place, range_kind=row["range_kind"], distribution=row["distribution"]))
    if not found and row["distribution"] in _LIMITS and not _LIMITS[str(row["distribution"])](low, value, high):
        found.append(finding("E-FACTOR-11", place, distribution=row["distribution"], value=value, low=low, high=high))
    return found


_LIMITS: Mapping[str, Callable[[float, float, float], bool]] = {
    "lognormal": lambda low, value, high: value != 0.0,
    "truncated_normal": lambda low, value, high: value != 0.0,
    "beta": lambda low, value, high: 0.0 < value < 1.0 and (high - low) ** 2 < 4.0 * value * (1.0 - value),
}
"""What a distribution can stand for: a beta is a share between 0 and 1, not wider than two values 0 and 1 would be."""


def _check_words(row: Mapping[str, object], place: str) -> list[Finding]:
    """Keys with a closed vocabulary name only words of it."""
    found = []
    for column, words in _WORDS.items():
        wrong = [word for word in str(row[column] or "").split("|") if word and word not in words]
        if wrong:
            found.append(finding("E-FACTOR-05", place, column=column, words=", ".join(wrong), choices=" | ".join(words)))
    return found


def _placed(shipped: pd.DataFrame, given: pd.DataFrame, where: str) -> tuple[pd.DataFrame, list[Finding]]:
    """A user's rows with the place and unit of the factors they replace, and where they try to move one."""
    found: list[Finding] = []
    known = shipped.set_index("id")
    given = given.copy()
    given["tag"] = [tag or USER_TAG for tag in given["tag"]]
    given["verified"] = given["verified"].fillna(False)
    for row, id in enumerate(given["id"]):
        if id not in known.index:
            continue
        for column in _PLACE:
            kept, asked = known.at[id, column], given.at[row, column]
            if not pd.isna(asked) and (pd.isna(kept) or asked != kept):
                found.append(finding("E-FACTOR-07", f"{where}: {id}", column=column, asked=asked, kept="" if pd.isna(kept) else kept))
            given.at[row, column] = kept
    return given, found


def _from_frame(frame: pd.DataFrame, citations: Mapping[str, str], overrides: tuple[str, ...] = ()) -> FactorTable:
    columns: dict[str, NDArray[np.generic]] = {}
    for column in FACTORS.columns:
        series = frame[column.name]
        if column.type == "text":
            columns[column.name] = series.where(series.notna(), "").to_numpy(dtype=object)
        elif column.type == "boolean":
            columns[column.name] = series.fillna(False).to_numpy(dtype=bool)
        else:
            columns[column.name] = series.to_numpy(dtype=np.float64, na_value=np.nan)
    for values in columns.values():
        values.flags.writeable = False
    return FactorTable(**columns, citations=citations, overrides=overrides)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def _shipped() -> FactorTable:
    sources = SOURCES.read(_FOLDER / "sources.csv")
    citations = dict(zip(sources["id"], sources["citation"], strict=True))
    found: list[Finding] = []
    frames = []
    for name in FILES:
        frame = FACTORS.read(_FOLDER / name)
        found += check_factors(frame, name, citations)
        frames.append(frame)
    joined = FACTORS.sorted(pd.concat(frames, ignore_index=True))
    stop_on_errors(found + FACTORS.check(joined, "sinks/factors"))
    return _from_frame(joined, citations)
