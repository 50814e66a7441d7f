"""What is wrong or worth saying of annual layers: before a run from a sample of their pixels, after it from its tables."""

from collections.abc import Iterator, Mapping

import pandas as pd

from aoi.findings import Finding, InputError, finding
from aoi.grids import Tile
from sinks.accounting.weather import is_collinear
from sinks.annual import stack_of
from sinks.checking import SAMPLE_TILES, ready
from sinks.config import ANNUAL_LAYERS, BURNED_AREA
from sinks.layers.windows import Engine, map_windows
from sinks.legends.legend import land_classes
from sinks.setup import Setup
from sinks.tables import ACTIVITY_ANNUAL, GRASS_WEATHER, NEP_CHECK
from sinks.tabulate.annual import AnnualWork
from sinks.tabulate.tile import TileSums

CHECKED = ("forest", "grassland")
"""Ecosystems whose land must be known in annual layers: production of deserts and lakes is not mapped."""


class _Nothing:
    """Tiles of a sample are looked at and not kept."""

    def __init__(self, chosen: frozenset[tuple[int, int]]) -> None:
        self._chosen = chosen

    def done(self, tile: Tile) -> bool:
        """Tiles that are not in the sample count as done."""
        return (tile.row, tile.col) not in self._chosen

    def put(self, tile: Tile, result: TileSums) -> None:
        """Nothing is kept."""


def check_years_inputs(setup: Setup, *, deep: bool = False) -> list[Finding]:
    """Findings of the pixels of the annual layers: unreadable blocks, values that the layer or its encoding cannot hold.

    Parameters
    ----------
    deep : bool
        All tiles instead of a sample. A run with survey polygons has no sample.
    """
    if setup.annual is None or (setup.vectors and not deep):
        return []
    setup = ready(setup)
    assert setup.annual is not None
    coverage = setup.coverage()
    touched = [(tile.row, tile.col) for tile in coverage.tiles()]
    chosen = _Nothing(frozenset(touched[:: 1 if deep else max(1, len(touched) // SAMPLE_TILES)]))
    found: dict[tuple[str, str], Finding] = {}
    for plan in setup.annual_plans:
        try:
            map_windows(stack_of(plan, setup.stack, setup.annual), coverage, AnnualWork(plan), chosen, engine=Engine(), salvage=True)
        except InputError as error:
            found |= {(one.id, one.where): one for one in error.findings if (one.id, one.where) not in found}
    return list(found.values())


def missing_in_years(setup: Setup, activity: pd.DataFrame) -> list[Finding]:
    """Zones whose fires are unknown on more of their forest and grassland than the limit: that would pass for no fire."""
    return [
        finding("E-MISSING-01", f"layers.{BURNED_AREA}.{year}: {zone}", share=f"{share:.1%}", limit=f"{setup.config.limits.missing_fraction:.0%}")
        for _, year, zone, share in _above_limit(setup, activity[activity["layer"] == BURNED_AREA])
    ]


def _above_limit(setup: Setup, activity: pd.DataFrame) -> Iterator[tuple[str, int, str, float]]:
    """Layer, year, zone and share of forest and grassland without data, where it is above the limit."""
    rows = activity[(activity["year_from"] == activity["year_to"]) & activity["layer"].isin(ANNUAL_LAYERS)]
    rows = rows[_of_checked(setup, rows)]
    for (layer, year, zone), part in rows.groupby(["layer", "year", "zone"], sort=True):
        total = part["area_ha"].sum() + part["missing_ha"].sum()
        share = float(part["missing_ha"].sum() / total) if total > 0 else 0.0
        if share > setup.config.limits.missing_fraction:
            yield str(layer), int(year), str(zone), share


def _of_checked(setup: Setup, rows: pd.DataFrame) -> "pd.Series[bool]":
    """Rows of classes of forest and grassland by the legend of their date."""
    known = dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True))
    inside = pd.Series(False, index=rows.index)
    for year, legend in setup.legends.items():
        if legend is not None:
            codes = [code for code, name in zip(legend.codes, legend.land_classes, strict=True) if known[name] in CHECKED]
            inside |= (rows["year_from"] == year) & rows["land_from"].isin(codes)
    return inside


def findings_of_years(setup: Setup) -> list[Finding]:
    """Warnings that the results of a finished run give: NEP far from the stock-based removal, regressions that say little."""
    if setup.annual is None:
        return []
    folder = setup.out / "tables"
    found = _much_missing(setup, ACTIVITY_ANNUAL.read(folder / "activity_annual.csv"))
    if (folder / "nep_check.csv").exists():
        found += _far_apart(NEP_CHECK.read(folder / "nep_check.csv"), setup)
    if (folder / "grass_weather.csv").exists():
        found += _weak(GRASS_WEATHER.read(folder / "grass_weather.csv"))
    return found


def _much_missing(setup: Setup, activity: pd.DataFrame) -> list[Finding]:
    """One warning for each layer that only memo items are made of: their means are those of the land that has a value."""
    met: dict[str, list[str]] = {}
    for layer, year, zone, share in _above_limit(setup, activity[activity["layer"] != BURNED_AREA]):
        met.setdefault(layer, []).append(f"{zone} {year}: {share:.0%}")
    limit = f"{setup.config.limits.missing_fraction:.0%}"
    return [finding("W-ANNUAL-05", f"layers.{layer}", rows=_some(iter(rows)), limit=limit) for layer, rows in sorted(met.items())]


def _far_apart(table: pd.DataFrame, setup: Setup) -> list[Finding]:
    """One warning for each ecosystem, naming zones, years and ratios."""
    limit = float(setup.factors.value[setup.factors.rows("nep_ratio_limit")[0]])
    apart = table[table["apart"].fillna(False).astype(bool)]
    return [
        finding("W-NEP-03", f"nep_check.{ecosystem}", limit=f"{limit:g}",
                ratios=_some(f"{row.zone} {row.year}: {'-' if pd.isna(row.ratio) else format(row.ratio, '.1f')}" for row in part.itertuples()))
        for ecosystem, part in apart.groupby("ecosystem", sort=True)
    ]  # fmt: skip


def _weak(table: pd.DataFrame) -> list[Finding]:
    found = []
    for reason, part in table[table["value_flag"] == "NE"].groupby("reason", sort=True):
        rows = _some(f"{row.zone} {row.land_class} {row.year_from}-{row.year} ({row.years_n})" for row in part.itertuples())
        found.append(finding(_WEAK[str(reason)], "grass_weather", rows=rows))
    tied = table[[is_collinear(float(one)) for one in table["inflation"].fillna(1.0)]]
    if len(tied):
        rows = _some(f"{row.zone} {row.land_class} {row.year_from}-{row.year} ({row.inflation:.0f})" for row in tied.itertuples())
        found.append(finding("W-WEATHER-04", "grass_weather", rows=rows))
    return found


_WEAK: Mapping[str, str] = {"too_few_years": "W-WEATHER-02", "date_without_weather": "W-WEATHER-03", "weather_does_not_vary": "W-WEATHER-05"}
_MOST = 8


def _some(words: Iterator[str]) -> str:
    """The first of many words, and how many there are."""
    held = list(words)
    return ", ".join(held[:_MOST]) + (f" ... ({len(held)})" if len(held) > _MOST else "")
