"""Where: the map of the zones, their ranking, and what the page of each zone tells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sinks.report.page.answer import cell, ends
from sinks.report.page.blocks import Block, Cell, Chapter, Figure, Grid, Head, Paragraph, Part, Quantity, Words, sentence, words
from sinks.report.page.numbers import decimals
from sinks.report.page.scale import Scale, scale_of
from sinks.report.results import INVENTORIED, OFFSET, REMOVAL, STOCK, Results
from sinks.tables import POOLS

MOST_LABELS = 20
"""With more zones than this the map names them only where one points."""
LEAST_AREA = 1e-9


@dataclass(frozen=True, slots=True)
class Mapped:
    """A quantity that the map can show."""

    id: str
    words: Words
    unit: str
    signed: bool
    values: tuple[float | None, ...]

    @property
    def scale(self) -> Scale:
        """Its classes."""
        return scale_of(self.values, self.signed)


def places(results: Results) -> Chapter:
    """The chapter of the zones."""
    zones = list(results.zones["zone"])
    quantities = list(mapped(results, zones))
    blocks: list[Block] = []
    if results.outlines is None:
        blocks.append(Paragraph(sentence("no_outlines"), "missing"))
    else:
        blocks.append(Part(kind="map", data=_map(results, zones, quantities)))
    blocks.append(Part(kind="zone_page", data=zone_pages(results, zones)))
    if len(zones) > 1:
        blocks.append(_ranking(results, zones))
    blocks.append(_table(results, zones))
    if len(results.parts):
        blocks.append(_parts(results))
    return Chapter(id="places", title=words("chapter_places"), blocks=blocks)


def mapped(results: Results, zones: Sequence[str]) -> Iterator[Mapped]:
    """What the map can show: density, sink, sink per hectare, change, and the offset where there is one."""
    last = results.years[-1]
    stocks = [_number(results, zone, last, STOCK) for zone in zones]
    sinks = [_number(results, zone, last, OFFSET) for zone in zones]
    areas = [max(results.area(zone), LEAST_AREA) for zone in zones]
    yield Mapped("density", words("map_density", year=last), "tC_per_ha", False, _over(stocks, areas))
    yield Mapped("sink", words("map_sink", year=last), "tCO2e_per_year", True, tuple(sinks))
    yield Mapped("sink_density", words("map_sink_density", year=last), "tCO2e_per_ha_year", True, _over(sinks, areas))
    if results.span is not None:
        first = results.span[0]
        before = [_number(results, zone, first, STOCK) for zone in zones]
        change = tuple(None if a is None or b is None else b - a for a, b in zip(before, stocks, strict=True))
        yield Mapped("change", words("map_change", first=first, last=last), "tC", True, change)
    offsets = results.frame("offsets")
    if offsets is not None and "offset_trial_tCO2e" in offsets:
        year = int(offsets["year"].max())
        rows = offsets[offsets["year"] == year].set_index("league")["offset_trial_tCO2e"]
        found = tuple(float(rows[zone]) if zone in rows.index and rows[zone] == rows[zone] else None for zone in zones)
        yield Mapped("offset", words("map_offset", year=year), "tCO2e", False, found)


def _number(results: Results, zone: str, year: int, quantity: str) -> float | None:
    found = results.of(zone, year, quantity)
    return found.value if found is not None else None


def _over(values: Sequence[float | None], areas: Sequence[float]) -> tuple[float | None, ...]:
    return tuple(None if value is None else value / area for value, area in zip(values, areas, strict=True))


def _map(results: Results, zones: Sequence[str], quantities: Sequence[Mapped]) -> dict[str, Any]:
    outlines = results.outlines
    scales = [quantity.scale for quantity in quantities]
    shapes = [
        {
            "zone": zone, "name": results.name_of(zone), "path": outlines.path(zone) if outlines else "",
            "label": outlines.labels.get(zone) if outlines and len(zones) <= MOST_LABELS else None,
            "classes": [scale.place(quantity.values[place]) for quantity, scale in zip(quantities, scales, strict=True)],
            "values": [Quantity(quantity.values[place], quantity.unit, "V" if quantity.values[place] is not None else "NE") for quantity in quantities],
        }
        for place, zone in enumerate(zones)
    ]  # fmt: skip
    return {
        "outlines": outlines, "shapes": shapes, "bar_km": _bar(outlines.width * outlines.unit_km) if outlines else 0,
        "quantities": [
            {"id": one.id, "words": one.words, "unit": one.unit, "limits": scale.limits, "colours": scale.colours,
             "digits": decimals([limit for limit in scale.limits if limit] or [value for value in one.values if value], one.unit)}
            for one, scale in zip(quantities, scales, strict=True)
        ],
        "note": sentence("map_note_builtin") if outlines and outlines.builtin else sentence("map_note_file", file=outlines.source if outlines else ""),
    }  # fmt: skip


def _bar(width_km: float) -> float:
    """The length of a scale bar: a round number near a fifth of the width [km]."""
    target = width_km / 5.0
    power = 10.0
    while power > target:
        power /= 10.0
    while power * 10.0 <= target:
        power *= 10.0
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= target)


def _ranking(results: Results, zones: Sequence[str]) -> Figure:
    last = results.years[-1]
    quantities = (("sink", OFFSET, "tCO2e_per_year"), ("sink_all", REMOVAL, "tCO2e_per_year"), ("stock", STOCK, "tC"))
    series = []
    for id, quantity, unit in quantities:
        found = [results.of(zone, last, quantity) for zone in zones]
        series.append({
            "id": id, "words": words(f"rank_{id}", year=last), "unit": unit, "values": [one.value if one else None for one in found],
            "low": [one.low if one else None for one in found], "high": [one.high if one else None for one in found],
        })  # fmt: skip
    return Figure(
        id="ranking", kind="ranking", title=words("figure_ranking"), about=sentence("about_ranking", n=str(len(zones))),
        data={"zones": list(zones), "series": series},
    )  # fmt: skip


def _table(results: Results, zones: Sequence[str]) -> Grid:
    """All zones with stock of both years, the sink and its interval; sums on top."""
    first, last = results.years[0], results.years[-1]
    years = sorted({first, last})
    heads = [Head(words=words("head_zone"), name="zone_name"), Head(words=words("head_code"), name="zone")]
    heads.append(Head(words=words("head_area"), name="area_ha", unit="ha", numeric=True))
    heads += [Head(words=words("head_stock", year=year), name=f"stock_{year}_tC", unit="tC", numeric=True) for year in years]
    heads.append(Head(words=words("head_density", year=last), name="density_tC_per_ha", unit="tC_per_ha", numeric=True))
    for key, column in (
        ("head_sink_counted", "offset"),
        ("head_low", "offset_low"),
        ("head_high", "offset_high"),
        ("head_sink_all", "all"),
    ):
        heads.append(Head(words=words(key, year=last), name=f"removal_{column}_tCO2e_per_year", unit="tCO2e_per_year", numeric=True))
    sums = [results.place] if results.place not in zones else []
    sums += [one for one in results.wholes if one != results.place]
    sums = sums if len(zones) > 1 else []
    rows = [_row(results, zone, years) for zone in (*sums, *zones)]
    return Grid(
        id="zones", title=words("table_zones"), heads=heads, rows=rows, zones=[*sums, *zones], totals=len(sums),
        notes=[sentence("note_intervals"), sentence("note_flags")],
    )  # fmt: skip


def _row(results: Results, zone: str, years: Sequence[int]) -> list[Cell]:
    last = years[-1]
    stock, counted, whole = (results.of(zone, last, quantity) for quantity in (STOCK, OFFSET, REMOVAL))
    area = sum(results.area(one) for one in results.members(zone))
    density = None if stock is None or stock.value is None else stock.value / max(area, LEAST_AREA)
    cells: list[Cell] = [results.name_of(zone), zone, Quantity(area, "ha")]
    cells += [cell(results.of(zone, year, STOCK), "tC") for year in years]
    cells += [Quantity(density, "tC_per_ha", "V" if density is not None else "NE")]
    return [*cells, cell(counted, "tCO2e_per_year"), *ends(counted, "tCO2e_per_year"), cell(whole, "tCO2e_per_year")]


def _parts(results: Results) -> Grid:
    """Parcels of projects, or zones within zones: their carbon is in the zones already."""
    last = results.years[-1]
    heads = [
        Head(words=words("head_parcel"), name="parcel"), Head(words=words("head_zone"), name="zone_name"),
        Head(words=words("head_area"), name="area_ha", unit="ha", numeric=True),
        Head(words=words("head_stock", year=last), name=f"stock_{last}_tC", unit="tC", numeric=True),
        Head(words=words("head_sink_counted", year=last), name="removal_offset_tCO2e_per_year", unit="tCO2e_per_year", numeric=True),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [results.name_of(row.zone), results.name_of(row.parent), Quantity(row.area_ha, "ha"), cell(results.of(row.zone, last, STOCK), "tC"),
         cell(results.of(row.zone, last, OFFSET), "tCO2e_per_year")]
        for row in results.parts.itertuples()
    ]  # fmt: skip
    kind = "parcels" if set(results.parts["zone_set"]) == {"parcels"} else "inner"
    return Grid(id="parcels", title=words(f"table_{kind}"), heads=heads, rows=rows, notes=[sentence(f"note_{kind}")])


def zone_pages(results: Results, zones: Sequence[str]) -> dict[str, Any]:
    """What the page of each zone tells: by ecosystem stock and sink, by pool stock, the area."""
    first, last = results.years[0], results.years[-1]
    years = sorted({first, last})
    stocks = results.frames["stocks"]
    stocks = stocks[(stocks["value_flag"] == "V") & (stocks["year"] == last) & stocks["ecosystem"].isin(INVENTORIED)]
    by_pool = stocks.groupby(["zone", "pool"])["stock_tC"].sum().round(3).to_dict()
    pages = {}
    for zone in zones:
        rows = []
        for ecosystem in (*INVENTORIED, "other", "total"):
            counted = results.of(zone, last, OFFSET, ecosystem)
            found = [results.of(zone, year, STOCK, ecosystem) if ecosystem != "other" else None for year in years]
            numbers = [*found, counted]
            if any(one is not None for one in numbers):
                low, high = (counted.low, counted.high) if counted is not None else (None, None)
                rows.append([ecosystem, *(one.value if one else None for one in numbers), low, high])
        pages[zone] = {
            "name": results.name_of(zone),
            "area": results.area(zone),
            "rows": rows,
            "pools": [by_pool.get((zone, pool)) for pool in POOLS],
        }
    return {"years": years, "zones": pages, "approach": results.approach}
