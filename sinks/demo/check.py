"""Holds the tables of a run against the truth of the demonstration, by another way than the pass."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.leagues import leagues
from aoi.texts import Language, current_language, text
from sinks.demo.rasters import read_rows
from sinks.demo.truth import NAME, PlannedCells, Truth, read_truth
from sinks.demo.truth_areas import CellAreas, Stripe
from sinks.legends.legend import UNKNOWN, builtin_legend, land_classes, refinements
from sinks.tables import ACTIVITY_PAIR, CODE_NAMES, LAND_USE

LEGEND = "mcd12_igbp"
AREA_TOLERANCE = 1e-6
"""Relative; areas of single conversions."""
LEAST_HA = 1e-5
"""Tables of areas carry six decimals; a sum of several rows may be off by so much."""
CLOSURE_TOLERANCE = 1e-8
"""Relative; area of a league against its polygon."""
GROWTH_TOLERANCE = 1e-6
"""t ha-1 a-1; stated growth is whole steps of the raster's scale, so rounding adds nothing."""

Interval = tuple[int, int]
Floats = NDArray[np.float64]
Conversion = tuple[str, int, int, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCheck:
    """One number of a run beside what it must be.

    Parameters
    ----------
    id : str
        What is checked, e.g. ``conversion.150700.2020.2023.marsh.cropland``.
    text : str
        Key of the text catalogue.
    values : mapping
        What the text's fields hold beside the numbers.
    """

    id: str
    expected: float
    found: float
    tolerance: float
    ok: bool
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def message(self, language: Language | None = None) -> str:
        """The check in words."""
        chosen = language or current_language()
        shown = {name: _shown(name, value, chosen) for name, value in self.values.items()}
        return text(self.text, chosen, expected=f"{self.expected:.6g}", found=f"{self.found:.6g}", **shown)


@dataclass(slots=True)
class _Expected:
    """What the truth demands."""

    conversions: dict[Conversion, float] = field(default_factory=dict)
    growth: dict[tuple[str, int, int, str], tuple[float, float]] = field(default_factory=dict)

    def add_growth(self, key: tuple[str, int, int, str], weighted: float, area: float) -> None:
        before = self.growth.get(key, (0.0, 0.0))
        self.growth[key] = before[0] + weighted, before[1] + area


def check_demo(folder: Path, out: Path) -> list[DemoCheck]:
    """Every check of a run of the demonstration.

    Areas of planned conversions, no other conversions, growth of unchanged
    forest and shrubland, and the area of each league. Expectations come from
    ``truth.json``, the land-cover rasters and the league outlines by plain
    geometry, not from the pass.

    Parameters
    ----------
    folder : Path
        Where `sinks.demo.scenario.write_demo` wrote.
    out : Path
        The run folder; its ``tables/land_use.csv`` and ``tables/activity_pair.csv`` are read.

    Raises
    ------
    InputError
        A table is missing or not as declared.
    """
    truth = read_truth(folder / NAME)
    areas = CellAreas(grid=truth.grid, zones=leagues())
    expected = _expected(truth, areas, folder)
    codes = leagues().codes
    land_use = LAND_USE.read(out / "tables" / "land_use.csv")
    land_use = land_use[land_use["zone"].isin(codes)]
    pairs = ACTIVITY_PAIR.read(out / "tables" / "activity_pair.csv")
    polygons = dict(zip(codes, areas.outline_areas_ha.tolist(), strict=True))
    return [
        *_check_conversions(expected, land_use),
        *_check_other_conversions(expected, land_use, truth),
        *_check_growth(expected, pairs, truth),
        *_check_areas(land_use, polygons, truth),
    ]


def intervals(truth: Truth) -> list[Interval]:
    """The intervals of the scenario in order."""
    return sorted({(one.year_from, one.year_to) for one in truth.planned})


def _expected(truth: Truth, areas: CellAreas, folder: Path) -> _Expected:
    """What the truth demands, gathered over stripes of rows."""
    expected = _Expected()
    names = _land_classes_of(truth, folder)
    cells = [np.sort(rows * truth.grid.width + cols) for rows, cols in (one.cells() for one in truth.planned)]
    for stripe in areas.stripes():
        _add_conversions(expected, truth, stripe, cells, names)
        for interval in intervals(truth):
            _add_growth(expected, truth, stripe, interval, folder)
    return expected


def _add_conversions(
    expected: _Expected, truth: Truth, stripe: Stripe, cells: list[NDArray[np.int64]], names: list[tuple[str, str]]
) -> None:
    """Areas of the planned cells of a stripe by league and land classes."""
    width, codes = truth.grid.width, leagues().codes
    label = np.full(stripe.height * width, -1, dtype=np.int64)
    for number, mine in enumerate(cells):
        first, last = np.searchsorted(mine, (stripe.row_off * width, (stripe.row_off + stripe.height) * width))
        label[mine[first:last] - stripe.row_off * width] = number
    planned = label[stripe.cells] >= 0
    place = label[stripe.cells[planned]] * len(codes) + stripe.zones[planned]
    sums = np.bincount(place, weights=stripe.areas[planned], minlength=len(cells) * len(codes)).reshape(len(cells), len(codes))
    for number, zone in np.argwhere(sums > 0).tolist():
        one: PlannedCells = truth.planned[number]
        key = (codes[zone], one.year_from, one.year_to, *names[number])
        expected.conversions[key] = expected.conversions.get(key, 0.0) + float(sums[number, zone])


def _add_growth(expected: _Expected, truth: Truth, stripe: Stripe, interval: Interval, folder: Path) -> None:
    """Area of land whose trees or shrubs stand at both dates, and area times the growth of the league that the cell belongs to."""
    codes = leagues().codes
    before, after = (read_rows(folder / f"land_cover_{year}.tif", stripe.row_off, stripe.height).reshape(-1) for year in interval)
    for stand, classes in truth.codes.items():
        by_owner = np.array([truth.growth[stand][code] for code in codes])
        stands = (before == after) & np.isin(before, classes)
        here = stands[stripe.cells]
        zone, area = stripe.zones[here], stripe.areas[here]
        grown = area * by_owner[stripe.owner[stripe.cells[here]]]
        totals = (np.bincount(zone, weights=weights, minlength=len(codes)) for weights in (grown, area))
        for code, weighted, total in zip(codes, *(one.tolist() for one in totals), strict=True):
            if total > 0:
                expected.add_growth((code, *interval, stand), weighted, total)


def _land_classes_of(truth: Truth, folder: Path) -> list[tuple[str, str]]:
    """Land classes before and after of every planned change: the legend's, refined by vegetation type."""
    names = CODE_NAMES.read(folder / "vegetation_type.csv")
    types = dict(zip(names["code"].astype(int), names["value"], strict=True))
    legend = builtin_legend(LEGEND)
    classes = dict(zip(legend.codes, legend.land_classes, strict=True))

    def name(code: int, type_code: int) -> str:
        return refinements().get((classes[code], types.get(type_code, "")), classes[code])

    return [(name(one.code_from, one.type_from), name(one.code_to, one.type_to)) for one in truth.planned]


def _check_conversions(expected: _Expected, land_use: pd.DataFrame) -> Iterator[DemoCheck]:
    key = ["zone", "year_from", "year_to", "land_from", "land_to"]
    found = land_use.groupby(key)["area_ha"].sum().to_dict()
    for at, area in sorted(expected.conversions.items()):
        league, year_from, year_to, land_from, land_to = at
        yield _compared(
            "conversion", at, area, float(found.get(at, 0.0)), AREA_TOLERANCE * area + LEAST_HA,
            league=league, year_from=year_from, year_to=year_to, land_from=land_from, land_to=land_to,
        )  # fmt: skip


def _check_other_conversions(expected: _Expected, land_use: pd.DataFrame, truth: Truth) -> Iterator[DemoCheck]:
    known = (land_use["land_from"] != UNKNOWN) & (land_use["land_to"] != UNKNOWN)
    changed = land_use[known & (land_use["land_from"] != land_use["land_to"])]
    for year_from, year_to in intervals(truth):
        rows = changed[(changed["year_from"] == year_from) & (changed["year_to"] == year_to)]
        for league in leagues().codes:
            mine = rows[rows["zone"] == league]
            other = [(league, year_from, year_to, row.land_from, row.land_to) not in expected.conversions for row in mine.itertuples()]
            found = float(mine["area_ha"][np.array(other, dtype=bool)].sum())
            at = league, year_from, year_to
            yield _compared("other_conversion", at, 0.0, found, LEAST_HA, league=league, year_from=year_from, year_to=year_to)


def _check_growth(expected: _Expected, pairs: pd.DataFrame, truth: Truth) -> Iterator[DemoCheck]:
    rows = pairs[(pairs["bin_layer"] == "aboveground_biomass") & (pairs["bin_date"] == "from") & (pairs["land_from"] == pairs["land_to"])]
    for at, (weighted, area) in sorted(expected.growth.items()):
        league, year_from, year_to, stand = at
        mine = rows[(rows["zone"] == league) & (rows["year_from"] == year_from) & (rows["year_to"] == year_to)]
        mine = mine[mine["land_from"].isin(truth.codes[stand])]
        total = float(mine["area_ha"].sum())
        found = float((mine["sum_to"] - mine["sum_from"]).sum()) / total / (year_to - year_from) if total > 0 else float("nan")
        yield _compared(
            f"growth_{stand}", (league, year_from, year_to), weighted / area, found, GROWTH_TOLERANCE,
            league=league, year_from=year_from, year_to=year_to,
        )  # fmt: skip


def _check_areas(land_use: pd.DataFrame, polygons: Mapping[str, float], truth: Truth) -> Iterator[DemoCheck]:
    for year_from, year_to in intervals(truth):
        rows = land_use[(land_use["year_from"] == year_from) & (land_use["year_to"] == year_to)]
        for league, area in polygons.items():
            found = float(rows.loc[rows["zone"] == league, "area_ha"].sum())
            tolerance = CLOSURE_TOLERANCE * area + LEAST_HA
            at = league, year_from, year_to
            yield _compared("area", at, area, found, tolerance, league=league, year_from=year_from, year_to=year_to)


def _compared(kind: str, at: tuple[object, ...], expected: float, found: float, tolerance: float, **values: object) -> DemoCheck:
    return DemoCheck(
        id=".".join((kind, *map(str, at))), expected=expected, found=found, tolerance=tolerance, ok=abs(found - expected) <= tolerance,
        text=f"demo.check.{kind}", values=values,
    )  # fmt: skip


def _shown(name: str, value: object, language: Language) -> object:
    """A value as a reader of a language knows it: names of leagues and land classes."""
    if name == "league":
        place = leagues().index(str(value))
        return leagues().names_zh[place] if language == "zh" else leagues().names_en[place]
    if name in ("land_from", "land_to"):
        return _class_names(language)[str(value)]
    return value


@lru_cache(maxsize=2)
def _class_names(language: Language) -> dict[str, str]:
    rows = land_classes()
    return dict(zip(rows["land_class"], rows[f"name_{language}"], strict=True))
