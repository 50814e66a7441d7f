"""Class legends: from the codes of a land-cover product to land classes.

A legend says what each code means; `products` says in which years and version a
product stands and whether its years may be differenced (``change_ok``, ACCOUNTING 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from aoi.findings import InputError, finding
from aoi.table import Column, Table
from sinks.tables import ECOSYSTEMS, LAND_CLASSES

IPCC_CATEGORIES = ("forest_land", "cropland", "grassland", "wetlands", "settlements", "other_land")
BUILTIN = ("clcd", "esa_worldcover", "glc_fcs30d", "io_lulc", "land_survey", "mcd12_igbp")
UNKNOWN = "unknown"
"""The land class of missing codes and of codes that the legend does not know."""

_FOLDER = Path(__file__).parent


def _text(name: str, title_zh: str, title_en: str, **more: object) -> Column:
    return Column(name=name, type="text", title_zh=title_zh, title_en=title_en, **more)  # type: ignore[arg-type]


LEGEND = Table(
    name="legend",
    title_zh="图例",
    title_en="Legend",
    row_per="class code",
    columns=(
        Column(name="code", type="integer", title_zh="代码", title_en="Code", key=True),
        _text("name_zh", "中文名", "Chinese name", optional=True),
        _text("name_en", "英文名", "English name", optional=True),
        _text("land_class", "地类", "Land class", needed=True, choices=LAND_CLASSES),
        _text("ipcc_category", "IPCC 类别", "IPCC category", optional=True, choices=IPCC_CATEGORIES),
        _text("source", "来源", "Source", optional=True),
        _text("locator", "出处位置", "Locator", optional=True),
        _text("note", "备注", "Note", optional=True),
    ),
)
PRODUCTS = Table(
    name="products",
    title_zh="土地覆盖产品",
    title_en="Land-cover products",
    row_per="product and version",
    columns=(
        _text("id", "编号", "Id", key=True),
        _text("title_zh", "中文名", "Chinese title", needed=True),
        _text("title_en", "英文名", "English title", needed=True),
        _text("publisher", "发布者", "Publisher", needed=True),
        _text("version", "版本", "Version", key=True),
        Column(name="year_from", type="integer", title_zh="起始年", title_en="Year from", needed=True),
        Column(name="year_to", type="integer", title_zh="终止年", title_en="Year to", needed=True),
        Column(name="resolution_m", type="decimal", title_zh="分辨率", title_en="Resolution", unit="m", minimum=0),
        _text("missing_codes", "缺测代码", "Missing codes", description="space between codes", pattern=r"-?\d+( -?\d+)*"),
        Column(name="change_ok", type="boolean", title_zh="可作变化", title_en="Change allowed", needed=True),
        _text("source", "来源", "Source", needed=True),
        _text("licence", "许可", "Licence", needed=True),
        _text("note", "备注", "Note"),
    ),
)
CLASSES = Table(
    name="land_classes",
    title_zh="地类",
    title_en="Land classes",
    row_per="land class",
    columns=(
        _text("land_class", "地类", "Land class", key=True, choices=LAND_CLASSES),
        _text("ecosystem", "生态系统", "Ecosystem", needed=True, choices=ECOSYSTEMS),
        _text("name_zh", "中文名", "Chinese name", needed=True),
        _text("name_en", "英文名", "English name", needed=True),
        _text("survey_codes", "国土调查代码", "Codes of the land survey"),
        Column(name="order", type="integer", title_zh="次序", title_en="Order", needed=True, minimum=0),
    ),
)
REFINEMENTS = Table(
    name="refinements",
    title_zh="地类细化",
    title_en="Refinements",
    row_per="land class and vegetation type",
    columns=(
        _text("land_class", "地类", "Land class", key=True, choices=LAND_CLASSES),
        _text("vegetation_type", "植被类型", "Vegetation type", key=True),
        _text("refined_class", "细化地类", "Refined class", needed=True, choices=LAND_CLASSES),
        _text("reason", "理由", "Reason", needed=True),
        _text("source", "来源", "Source", needed=True),
    ),
)
VEGETATION_TYPES = Table(
    name="vegetation_types",
    title_zh="植被类型",
    title_en="Vegetation types",
    row_per="vegetation type",
    columns=(
        _text("vegetation_type", "植被类型", "Vegetation type", key=True, pattern=r"[a-z_]+"),
        _text("group", "类组", "Group", needed=True),
        _text("name_zh", "中文名", "Chinese name", needed=True),
        _text("name_en", "英文名", "English name", needed=True),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """The codes of a land-cover map and what they mean.

    Parameters
    ----------
    codes : tuple of int
        Ascending; the other tuples stand in the same order.
    missing_codes : tuple of int
        Codes that say there is no data; none of them stands in ``codes``.
    """

    id: str
    codes: tuple[int, ...]
    land_classes: tuple[str, ...]
    names_zh: tuple[str, ...]
    names_en: tuple[str, ...]
    missing_codes: tuple[int, ...] = ()

    def land_class_of(self, codes: ArrayLike) -> NDArray[np.str_]:
        """The land class of each code; `UNKNOWN` for missing codes and codes not in the legend."""
        given = np.asarray(codes)
        place, known = self._places(given)
        classes = np.array(self.land_classes, dtype=np.str_)
        return np.where(known, classes[place], UNKNOWN)

    def unknown_codes(self, codes: ArrayLike) -> tuple[int, ...]:
        """The codes, each once, that are neither of the legend nor missing."""
        given = np.unique(np.asarray(codes))
        _, known = self._places(given)
        return tuple(int(code) for code in given[~known] if code not in self.missing_codes and code == code)

    def _places(self, codes: NDArray[np.generic]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Where each code stands in the legend, and whether it is there."""
        own = np.array(self.codes)
        place = np.minimum(np.searchsorted(own, codes), len(own) - 1)
        return place, own[place] == codes


def builtin_legend(id: str) -> Legend:
    """A legend that comes with the program, one of `BUILTIN`.

    Raises
    ------
    InputError
        There is no such legend.
    """
    if id not in BUILTIN:
        raise InputError(finding("E-LEGEND-01", id, legend=id, choices=", ".join(BUILTIN)))
    rows = products()[products()["id"] == id]
    missing = sorted({int(code) for cell in rows["missing_codes"].dropna() for code in cell.split()})
    return _legend(id, LEGEND.read(_FOLDER / f"{id}.csv"), tuple(missing))


def read_legend(path: Path, where: str | None = None) -> Legend:
    """A user's legend from a CSV file with the columns ``code, land_class`` and, if given, names and source.

    Raises
    ------
    InputError
        With all findings of the file.
    """
    return _legend(path.stem, LEGEND.read(path, where))


@lru_cache(maxsize=1)
def products() -> pd.DataFrame:
    """The land-cover products that the program knows, one row per version."""
    return PRODUCTS.read(_FOLDER / "products.csv")


def product_version(id: str, year: int) -> pd.Series:
    """The row of `products` for a product and year.

    Raises
    ------
    InputError
        The product has no such year, or is not known.
    """
    rows = products()
    versions = rows[rows["id"] == id]
    fits = versions[(versions["year_from"] <= year) & (year <= versions["year_to"])]
    if fits.empty:
        spans = [f"{row.year_from}-{row.year_to} ({row.version})" for row in versions.itertuples()]
        raise InputError(finding("E-LEGEND-02", id, product=id, year=year, choices=", ".join(spans) or ", ".join(sorted(set(rows["id"])))))
    return fits.iloc[0]


def change_allowed(id: str, year_from: int, year_to: int) -> bool:
    """Whether maps of two years of a product may be differenced: one version, and one made for change."""
    first, second = product_version(id, year_from), product_version(id, year_to)
    return bool(first["version"] == second["version"] and first["change_ok"])


@lru_cache(maxsize=1)
def refinements() -> Mapping[tuple[str, str], str]:
    """The refined land class by (land class, vegetation type)."""
    rows = REFINEMENTS.read(_FOLDER / "refinements.csv")
    pairs = zip(rows["land_class"], rows["vegetation_type"], strict=True)
    return MappingProxyType(dict(zip(pairs, rows["refined_class"], strict=True)))


def refined_class(land_class: str, vegetation_type: str) -> str:
    """The land class after refinement; the same where no rule speaks of the pair."""
    return refinements().get((land_class, vegetation_type), land_class)


@lru_cache(maxsize=1)
def land_classes() -> pd.DataFrame:
    """The land classes with ecosystem, names, survey codes and order."""
    return CLASSES.read(_FOLDER / "land_classes.csv").sort_values("order").reset_index(drop=True)


@lru_cache(maxsize=1)
def vegetation_types() -> pd.DataFrame:
    """The vegetation types that the shipped factors and refinements speak of."""
    return VEGETATION_TYPES.read(_FOLDER / "vegetation_types.csv")


def _legend(id: str, rows: pd.DataFrame, missing_codes: tuple[int, ...] = ()) -> Legend:
    rows = LEGEND.sorted(rows)
    return Legend(
        id=id,
        codes=tuple(int(code) for code in rows["code"]),
        land_classes=tuple(rows["land_class"]),
        names_zh=tuple(rows["name_zh"].fillna("")),
        names_en=tuple(rows["name_en"].fillna("")),
        missing_codes=missing_codes,
    )


ECOSYSTEM_OF: Mapping[str, str] = MappingProxyType(dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True)))
"""Ecosystem by land class."""
