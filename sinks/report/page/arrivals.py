"""What came in: every layer with its files, how it came to the grid, what of it is there in every zone, and how its values lie.

One page without scripts, from the tables of a run alone: the activity tables hold the
area with and without a value, and the bins hold the histogram; no pixel is read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.texts import LANGUAGES
from sinks import __version__, tables
from sinks.config import ANNUAL_LAYERS, DESCRIBED, LAND_COVER
from sinks.legends.legend import BUILTIN, product_version, products
from sinks.report.fonts import font_face, letters_of
from sinks.report.page.answer import title_of
from sinks.report.page.blocks import Cell, Grid, Head, Quantity, Words, inert, sentence, words
from sinks.report.page.html import TEMPLATES, environment, markup
from sinks.report.results import Results, read_loosely

PAGE = "inputs.html"
MOST_BARS = 40
"""Bars of a histogram; more bins are put together."""
HIGH, WIDE = 90.0, 640.0
"""Height and width of a histogram in its own units."""
_PERCENT = 100.0
_MISSING = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of a histogram: where it stands, how high it is, what it says."""

    left: float
    width: float
    height: float
    words: Words
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Date:
    """A date of a layer: shares of the area of all zones with and without a value, mean and spread, bars."""

    year: int
    covered: float
    missing: float
    mean: float | None
    spread: float | None
    bars: Sequence[Bar]
    low: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A layer as it came in."""

    name: str
    facts: Sequence[tuple[Words, Words]]
    files: Grid
    coverage: Grid
    dates: Sequence[Date]
    findings: Sequence[Words]


def inputs_page(out: Path, results: Results) -> str:
    """The text of the page."""
    arrivals = list(arrivals_of(out, results))
    title = title_of(results)
    body = environment().get_template("inputs.html.j2").render(
        title=title, kind=words("inputs_kind"), run=inert(results.record.get("run_id", "")), version=__version__, overview=_overview(arrivals),
        layers=arrivals, lead=sentence("inputs_lead"), high=HIGH, wide=WIDE, style=markup("@@style@@"),
    )  # fmt: skip
    style = (TEMPLATES / "inputs.css").read_text(encoding="utf-8")
    return body.replace("@@style@@", font_face(letters_of([body])) + style, 1)


def arrivals_of(out: Path, results: Results) -> Iterator[Arrival]:
    """Every layer that the run read, land cover first."""
    activity = tables.ACTIVITY_YEAR.read(out / "tables" / "activity_year.csv")
    main = set(results.zones["zone"])
    if "annual" in results.settings:
        activity = pd.concat([activity, _of_years(out)], ignore_index=True)
    activity = activity[activity["zone"].isin(main)]
    strata = tables.STRATA.read(out / "tables" / "strata.csv")
    legend = read_loosely(out / "inputs" / "legend.csv")
    classes = {(int(row.year), int(row.code)): Words(inert(row.name_zh or row.code), inert(row.name_en or row.code)) for row in legend.itertuples()}
    given = read_loosely(out / "inputs" / "stratum_names.csv")
    values = {(row.stratum, int(row.code)): Words(inert(row.value), inert(row.value)) for row in given.itertuples()}
    layers = results.settings.get("strata", {})
    inputs = results.frames["inputs"]
    described = results.settings.get("described", {})
    order = sorted(set(inputs["layer"]), key=lambda layer: (layer != LAND_COVER, layer))
    for layer in order:
        of_stratum = {code: name for (stratum, code), name in values.items() if layers.get(stratum) == layer}
        names = classes if layer == LAND_COVER else {(year, code): name for year in _dates(results) for code, name in of_stratum.items()}
        dates, coverage = _of_layer(layer, activity, strata, results, names)
        yield Arrival(
            name=layer, facts=list(_facts(layer, described.get(layer, {}), results)), files=_files(layer, inputs), coverage=coverage, dates=dates,
            findings=list(_findings(layer, inputs, results)),
        )  # fmt: skip


def _of_years(out: Path) -> pd.DataFrame:
    """Annual layers as activity by year: area with and without a value, sums, no bins."""
    rows = tables.ACTIVITY_ANNUAL.read(out / "tables" / "activity_annual.csv")
    rows = rows[(rows["year_from"] == rows["year_to"]) & rows["layer"].isin(ANNUAL_LAYERS)]
    return rows.assign(**{"class": rows["land_from"], "member": 0, "bin": 0})[["zone", "year", "class", "stratum", "layer", "member", "bin", *_SUMS]]


_SUMS = ("area_ha", "missing_ha", "sum", "sum_sq")


def _facts(layer: str, described: Mapping[str, Any], results: Results) -> Iterator[tuple[Words, Words]]:
    """What the configuration and the catalogues say of a layer."""
    product = str(results.settings.get("product") or "")
    if layer == LAND_COVER and product in BUILTIN:
        row = products()[products()["id"] == product].iloc[0]
        yield words("inputs_product"), Words(str(row["title_zh"]), str(row["title_en"]))
        versions = sorted({str(product_version(product, year)["version"]) for year in _dates(results)})
        yield words("inputs_version"), Words(", ".join(versions), ", ".join(versions))
    for key in DESCRIBED:
        value = described.get(key)
        if value not in (None, "", []):
            said = inert(", ".join(map(str, value)) if isinstance(value, list) else value)
            yield words(f"inputs_{key}"), Words(said, said)


def _dates(results: Results) -> list[int]:
    """All dates of a run, the base year among them."""
    base = results.settings["base_year"]
    return [*([int(base)] if base else []), *map(int, results.settings["years"])]


def _files(layer: str, inputs: pd.DataFrame) -> Grid:
    mine = inputs[inputs["layer"] == layer].sort_values(["year", "file"], kind="stable", na_position="first")
    heads = [
        Head(words=words("head_year"), name="year"), Head(words=words("head_file"), name="file"), Head(words=words("head_how"), name="how"),
        Head(words=words("head_bytes"), name="bytes", unit="count", numeric=True), Head(words=words("head_sha256"), name="sha256"),
        Head(words=words("head_source"), name="source"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        ["" if pd.isna(row.year) else str(int(row.year)), inert(row.file), inert(row.how or ""), Quantity(float(row.bytes), "count"),
         str(row.sha256)[:16], inert(row.source or "")]
        for row in mine.itertuples()
    ]  # fmt: skip
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return Grid(id=f"files_{layer}", title=words("inputs_files"), heads=heads, rows=rows)


def _of_layer(
    layer: str, activity: pd.DataFrame, strata: pd.DataFrame, results: Results, names: Mapping[tuple[int, int], Words]
) -> tuple[list[Date], Grid]:
    """Dates and coverage by zone; a layer that is summed nowhere (a stratum, standard errors) is told by its share alone."""
    column = next((name for name, of in results.settings.get("strata", {}).items() if of == layer), None)
    rows = _rows_of(layer, column, activity, strata)
    years = sorted(set(rows["year"]))
    dates = [_date(layer, int(year), rows[rows["year"] == year], results, names) for year in years]
    sums = rows.groupby(["zone", "year"])[["area_ha", "missing_ha", "sum"]].sum()
    heads = [Head(words=words("head_zone"), name="zone"), Head(words=words("head_code"), name="code")]
    for year in years:
        heads.append(Head(words=words("inputs_covered", year=int(year)), name=f"covered_{year}", unit="percent_tenths", numeric=True))
        heads.append(Head(words=words("inputs_mean", year=int(year)), name=f"mean_{year}", unit="number", numeric=True))
    cells: list[list[Cell]] = []
    for zone in results.zones["zone"]:
        line: list[Cell] = [results.name_of(zone), inert(zone)]
        for year in years:
            held = sums.loc[(zone, year)] if (zone, year) in sums.index else None
            line += [_share(held), Quantity(None, "number", "") if layer == LAND_COVER or column else _mean_of(held)]
        cells.append(line)
    return dates, Grid(id=f"coverage_{layer}", title=words("inputs_coverage"), heads=heads, rows=cells, zones=list(results.zones["zone"]))


def _rows_of(layer: str, column: str | None, activity: pd.DataFrame, strata: pd.DataFrame) -> pd.DataFrame:
    """Rows with area, missing area, sums and bins of a layer; of land cover and strata by their codes."""
    if layer in set(activity["layer"]) - {LAND_COVER}:
        return activity[(activity["layer"] == layer) & (activity["member"] >= 0)]
    base = activity[activity["layer"] == LAND_COVER]
    if layer == LAND_COVER:
        code = base["class"].to_numpy(dtype=np.int64)
    else:
        if column is None:
            return activity.iloc[:0]
        code = strata.set_index("stratum")[column].reindex(base["stratum"]).fillna(_MISSING).to_numpy(dtype=np.int64)
    whole = base["area_ha"].to_numpy(dtype=np.float64)
    known = code >= 0
    return base.assign(area_ha=np.where(known, whole, 0.0), missing_ha=np.where(known, 0.0, whole), bin=code, sum=0.0, sum_sq=0.0)


def _date(layer: str, year: int, rows: pd.DataFrame, results: Results, names: Mapping[tuple[int, int], Words]) -> Date:
    area, missing = float(rows["area_ha"].sum()), float(rows["missing_ha"].sum())
    whole = area + missing
    edges = results.settings["edges"].get(layer)
    coded = layer not in results.settings["edges"] and layer not in ANNUAL_LAYERS
    by_bin = rows[rows["bin"] >= 0].groupby("bin")["area_ha"].sum()
    by_bin = by_bin[by_bin > 0]
    bars = _class_bars(by_bin, year, names) if coded else _value_bars(by_bin, edges) if edges else []
    mean = float(rows["sum"].sum()) / area if area > 0 and not coded else None
    spread = None if mean is None else float(np.sqrt(max(0.0, float(rows["sum_sq"].sum()) / area - mean**2)))
    return Date(
        year=year, covered=_PERCENT * area / whole if whole > 0 else 0.0, missing=_PERCENT * missing / whole if whole > 0 else 0.0, mean=mean,
        spread=spread, bars=bars, low=bars[0].words.en.partition(":")[0] if bars and not coded else "",
        high=bars[-1].words.en.partition(":")[0] if bars and not coded else "",
    )  # fmt: skip


def _class_bars(by_bin: pd.Series, year: int, names: Mapping[tuple[int, int], Words]) -> list[Bar]:
    """The largest classes, each a bar with its name."""
    chosen = by_bin.sort_values(ascending=False, kind="stable").head(MOST_BARS)
    titles = [names.get((year, int(code)), Words(str(code), str(code))) for code in chosen.index]
    return _bars([Words(f"{title.zh} ({code})", f"{title.en} ({code})") for title, code in zip(titles, chosen.index, strict=True)],
                 chosen.to_numpy(dtype=np.float64), float(by_bin.sum()))  # fmt: skip


def _value_bars(by_bin: pd.Series, edges: Sequence[float]) -> list[Bar]:
    """Bins from the first to the last that hold anything, neighbours put together where there are many."""
    if not len(by_bin):
        return []
    first, last = int(by_bin.index.min()), int(by_bin.index.max())
    area = by_bin.reindex(range(first, last + 1), fill_value=0.0).to_numpy(dtype=np.float64)
    step = -(-len(area) // MOST_BARS)
    limits = [-np.inf, *edges, np.inf]
    labels, sums = [], []
    for start in range(0, len(area), step):
        stop = min(start + step, len(area))
        labels.append(_span(limits[first + start], limits[first + stop]))
        sums.append(float(area[start:stop].sum()))
    return _bars([Words(label, label) for label in labels], np.asarray(sums), float(area.sum()))


def _span(low: float, high: float) -> str:
    """The limits of a bin."""
    return f"< {high:g}" if low == -np.inf else f"≥ {low:g}" if high == np.inf else f"{low:g} – {high:g}"


def _bars(labels: Sequence[Words], area: "np.ndarray[Any, np.dtype[np.float64]]", whole: float) -> list[Bar]:
    most, width = float(area.max(initial=0.0)), WIDE / max(len(area), 1)
    return [
        Bar(left=round(number * width, 3), width=round(width * 0.9, 3), height=round(HIGH * float(one) / most, 3),
            words=Words(f"{label.zh}: {_PERCENT * one / whole:.2f} %", f"{label.en}: {_PERCENT * one / whole:.2f} %"), share=_PERCENT * float(one) / whole)
        for number, (label, one) in enumerate(zip(labels, area, strict=True))
    ]  # fmt: skip


def _share(held: Any) -> Quantity:
    if held is None or held["area_ha"] + held["missing_ha"] <= 0:
        return Quantity(None, "percent_tenths", "NA")
    return Quantity(_PERCENT * float(held["area_ha"] / (held["area_ha"] + held["missing_ha"])), "percent_tenths")


def _mean_of(held: Any) -> Quantity:
    if held is None or held["area_ha"] <= 0:
        return Quantity(None, "number", "NA")
    return Quantity(float(held["sum"] / held["area_ha"]), "number")


def _findings(layer: str, inputs: pd.DataFrame, results: Results) -> Iterator[Words]:
    """What was found about a layer or one of its files."""
    files = set(inputs.loc[inputs["layer"] == layer, "file"])
    both = [results.findings.get(language, []) for language in LANGUAGES]
    for zh, en in zip(*both, strict=True):
        where = str(zh["where"])
        if f"layers.{layer}" in where or any(where.startswith(str(file)) for file in files):
            said = [" · ".join(inert(one[key]) for key in ("id", "message", "found", "remedy") if one.get(key)) for one in (zh, en)]
            yield Words(*said)


def _or_empty(value: float | None) -> Quantity:
    return Quantity(value, "number", "" if value is None else "V")


def _overview(arrivals: Sequence[Arrival]) -> Grid:
    """One line per layer and date."""
    heads = [
        Head(words=words("head_layer"), name="layer"), Head(words=words("head_year"), name="year"),
        Head(words=words("inputs_covered_all"), name="covered", unit="percent_tenths", numeric=True),
        Head(words=words("inputs_missing"), name="missing", unit="percent_tenths", numeric=True),
        Head(words=words("inputs_mean_all"), name="mean", unit="number", numeric=True),
        Head(words=words("inputs_spread"), name="spread", unit="number", numeric=True),
        Head(words=words("inputs_findings"), name="findings", unit="count", numeric=True),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for one in arrivals:
        dates: list[Date | None] = list(one.dates) or [None]
        for date in dates:
            told = [Quantity(None, "number", "")] * 4 if date is None else [
                Quantity(date.covered, "percent_tenths"), Quantity(date.missing, "percent_tenths"), *(_or_empty(one) for one in (date.mean, date.spread)),
            ]  # fmt: skip
            rows.append([inert(one.name), "" if date is None else str(date.year), *told, Quantity(float(len(one.findings)), "count")])
    return Grid(id="overview", title=words("inputs_overview"), heads=heads, rows=rows)


