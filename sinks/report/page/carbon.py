"""How much and where it went: stocks by pool and ecosystem, land-use change, and the two approaches side by side."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from sinks.report.page.blocks import Block, Cell, Chapter, Figure, Grid, Head, Paragraph, Quantity, Words, sentence, words
from sinks.report.results import INVENTORIED, STOCK, Results, class_names, ecosystem_of
from sinks.tables import LAND_CLASSES, POOLS

POOL_GROUPS = {
    "aboveground_biomass": "living", "belowground_biomass": "living", "dead_wood": "dead", "litter": "dead", "soil_organic_carbon": "soil",
}  # fmt: skip
GASES = "gases"
"""Methane and nitrous oxide."""
MOST_FLOW_ZONES = 150
"""With more zones than this the flow diagram and the steps between approaches show the sum alone."""
LEAST_FLOW = 0.002
"""Flows smaller than this share of all change are drawn together."""
BOTH = ("stock_difference", "gain_loss")


def pools(results: Results) -> Chapter:
    """Stocks by pool and ecosystem."""
    members = results.members(results.place)
    stocks = results.frames["stocks"]
    stocks = stocks[stocks["zone"].isin(members) & stocks["ecosystem"].isin(INVENTORIED)]
    known = stocks[stocks["value_flag"] == "V"]
    sums = known.groupby(["year", "ecosystem", "pool"])["stock_tC"].sum().round(3).to_dict()
    flags = (
        stocks.groupby(["year", "ecosystem", "pool"])["value_flag"]
        .agg(lambda flags: "NE" if "NE" in set(flags) else flags.iloc[0])
        .to_dict()
    )
    figure = Figure(
        id="pools", kind="pools", title=words("figure_pools"), about=sentence("about_pools"),
        data={
            "years": list(results.years), "pools": list(POOLS),
            "values": [[[sums.get((year, ecosystem, pool)) for pool in POOLS] for ecosystem in INVENTORIED] for year in results.years],
        },
    )  # fmt: skip
    return Chapter(
        id="pools",
        title=words("chapter_pools"),
        blocks=[figure, *(_pool_grid(results, year, sums, flags) for year in results.years), _zone_pools(results)],
    )


def _pool_grid(results: Results, year: int, sums: dict[Any, float], flags: dict[Any, str]) -> Grid:
    heads = [Head(words=words("head_pool"), name="pool")]
    heads += [Head(words=words(f"ecosystem_{one}"), name=f"{one}_tC", unit="tC", numeric=True) for one in (*INVENTORIED, "total")]
    rows: list[list[Cell]] = [[words("ecosystem_total"), *(_total(results, year, one) for one in (*INVENTORIED, "total"))]]
    for pool in POOLS:
        cells = [
            Quantity(sums.get((year, one, pool)), "tC", "V" if (year, one, pool) in sums else flags.get((year, one, pool), "NO"))
            for one in INVENTORIED
        ]
        found = [cell.value for cell in cells if cell.value is not None]
        rows.append([words(f"pool_{pool}"), *cells, Quantity(round(sum(found), 3) if found else None, "tC", "NE")])
    return Grid(id=f"pools_{year}", title=words("table_pools", year=year), heads=heads, rows=rows, totals=1, notes=[sentence("note_flags")])


def _total(results: Results, year: int, ecosystem: str) -> Quantity:
    found = results.of(results.place, year, STOCK, ecosystem)
    return found.quantity("tC") if found is not None else Quantity(None, "tC", "NO")


def _zone_pools(results: Results) -> Grid:
    """Zones by pool, last year."""
    year = results.years[-1]
    stocks = results.frames["stocks"]
    known = stocks[(stocks["value_flag"] == "V") & (stocks["year"] == year) & stocks["ecosystem"].isin(INVENTORIED)]
    sums = known.groupby(["zone", "pool"])["stock_tC"].sum().round(3).to_dict()
    heads = [Head(words=words("head_zone"), name="zone_name")]
    heads += [Head(words=words(f"pool_{pool}"), name=f"{pool}_tC", unit="tC", numeric=True) for pool in POOLS]
    zones = list(results.zones["zone"])
    rows: list[list[Cell]] = [
        [results.name_of(zone), *(Quantity(sums.get((zone, pool)), "tC", "V" if (zone, pool) in sums else "NE") for pool in POOLS)]
        for zone in zones
    ]
    return Grid(
        id="zone_pools", title=words("table_zone_pools", year=year), heads=heads, rows=rows, zones=zones, notes=[sentence("note_flags")]
    )


def land(results: Results) -> Chapter:
    """Land-use change: a flow diagram of what changed, and the whole matrix."""
    frame = results.frames["land_use"]
    intervals = sorted(set(zip(frame["year_from"], frame["year_to"], strict=True)))
    if not intervals:
        return Chapter(id="land", title=words("chapter_land"), blocks=[Paragraph(sentence("no_change_data"), "missing")])
    names = class_names()
    classes = [one for one in LAND_CLASSES if one in set(frame["land_from"]) | set(frame["land_to"])]
    blocks: list[Block] = [Paragraph(sentence("land_how"))]
    blocks.append(
        Figure(
            id="land",
            kind="flows",
            title=words("figure_land"),
            about=sentence("about_land"),
            data={
                "classes": [{"id": one, "name": names[one], "ecosystem": ecosystem_of()[one]} for one in classes],
                "intervals": [[int(first), int(last)] for first, last in intervals],
                "zones": _flow_zones(results),
                "flows": list(_flows(results, frame, classes, intervals)),
                "least": LEAST_FLOW,
            },
        )
    )
    blocks += [_matrix(results, frame, interval, classes, names) for interval in reversed(intervals)]
    return Chapter(id="land", title=words("chapter_land"), blocks=blocks)


def _flow_zones(results: Results) -> list[str]:
    zones = list(results.zones["zone"])
    if len(zones) > MOST_FLOW_ZONES or len(zones) == 1:
        return [results.place]
    return [results.place, *zones]


def _flows(results: Results, frame: pd.DataFrame, classes: Sequence[str], intervals: Sequence[tuple[int, int]]) -> Iterator[list[float]]:
    """Changes: place of the zone, of the interval, of the class before and after, hectares."""
    changed = frame[frame["land_from"] != frame["land_to"]]
    places = {one: place for place, one in enumerate(classes)}
    for number, zone in enumerate(_flow_zones(results)):
        mine = changed[changed["zone"].isin(results.members(zone))]
        sums = mine.groupby(["year_from", "year_to", "land_from", "land_to"])["area_ha"].sum().round(3)
        for (first, last, before, after), area in sums.items():
            if area > 0:
                yield [number, intervals.index((first, last)), places[before], places[after], float(area)]


def _matrix(results: Results, frame: pd.DataFrame, interval: tuple[int, int], classes: Sequence[str], names: dict[str, Words]) -> Grid:
    """Every change of an interval as a row, the largest first; what stayed is in the last rows."""
    mine = frame[
        frame["zone"].isin(results.members(results.place)) & (frame["year_from"] == interval[0]) & (frame["year_to"] == interval[1])
    ]
    sums = mine.groupby(["land_from", "land_to"])["area_ha"].sum()
    before = mine.groupby("land_from")["area_ha"].sum()
    ordered = sorted(sums.items(), key=lambda item: (item[0][0] == item[0][1], -item[1]))
    rows: list[list[Cell]] = [
        [names[first], names[last], words("stayed" if first == last else "changed"), Quantity(float(area), "ha"),
         Quantity(100.0 * float(area) / float(before[first]) if before[first] else None, "percent")]
        for (first, last), area in ordered
    ]  # fmt: skip
    heads = [
        Head(words=words("head_land_from", year=interval[0]), name="land_from"), Head(words=words("head_land_to", year=interval[1]), name="land_to"),
        Head(words=words("head_kind"), name="kind"), Head(words=words("head_area"), name="area_ha", unit="ha", numeric=True),
        Head(words=words("head_share_from"), name="share_percent", unit="percent", numeric=True),
    ]  # fmt: skip
    title = words("table_land", first=interval[0], last=interval[1], place=results.name_of(results.place))
    return Grid(id=f"land_{interval[0]}_{interval[1]}", title=title, heads=heads, rows=rows, notes=[sentence("note_land")])


def bridge(results: Results) -> Chapter:
    """From one approach to the other, step by step."""
    frame = results.frames["removals"]
    year = results.years[-1]
    frame = frame[(frame["year"] == year) & frame["approach"].isin(BOTH)]
    title = words("chapter_bridge")
    if set(frame["approach"]) != set(BOTH) or not (frame["value_flag"] == "V").any():
        return Chapter(id="bridge", title=title, blocks=[Paragraph(sentence("no_bridge"), "missing")])
    sums = grouped(frame)
    zones = _flow_zones(results)
    keys = sorted({key[2:] for key in sums}, key=_order)
    values = [[_both(results, sums, zone, key) for key in keys] for zone in zones]
    steps = [
        {"id": f"{one}.{group}", "words": words("step", ecosystem=words(f"ecosystem_{one}"), group=words(f"group_{group}"))}
        for one, group in keys
    ]
    data = {"zones": zones, "steps": steps, "values": values}
    figure = Figure(id="bridge", kind="bridge", title=words("figure_bridge", year=year), about=sentence("about_bridge"), data=data)
    rows: list[list[Cell]] = []
    for key, (difference, growth) in zip(keys, values[0], strict=True):
        gap = (growth or 0.0) - (difference or 0.0)
        rows.append(
            [
                words(f"ecosystem_{key[0]}"),
                words(f"group_{key[1]}"),
                _removal(difference),
                _removal(growth),
                Quantity(gap, "tCO2e_per_year"),
            ]
        )
    heads = [Head(words=words("head_ecosystem"), name="ecosystem"), Head(words=words("head_pool"), name="pools")]
    heads += [Head(words=words(f"approach_{one}"), name=f"{one}_tCO2e_per_year", unit="tCO2e_per_year", numeric=True) for one in BOTH]
    heads.append(Head(words=words("head_gap"), name="difference_tCO2e_per_year", unit="tCO2e_per_year", numeric=True))
    grid = Grid(id="bridge_table", title=words("table_bridge", year=year, place=results.name_of(results.place)), heads=heads, rows=rows,
                notes=[sentence("note_bridge"), sentence("note_flags")])  # fmt: skip
    return Chapter(id="bridge", title=title, blocks=[Paragraph(sentence("bridge_how")), figure, grid])


def grouped(frame: pd.DataFrame) -> dict[tuple[str, str, str, str], float]:
    """Removals by zone, approach, ecosystem and group of pools."""
    known = frame[frame["value_flag"] == "V"]
    groups = known["pool"].map(POOL_GROUPS).where(known["gas"] == "CO2", GASES)
    return known.groupby(["zone", "approach", "ecosystem", groups])["removal_tCO2e_per_year"].sum().round(3).to_dict()


def _both(results: Results, sums: dict[tuple[str, str, str, str], float], zone: str, key: tuple[str, str]) -> list[float | None]:
    """A step in both approaches; none where an approach has no value for it."""
    out: list[float | None] = []
    for approach in BOTH:
        found = [sums[one] for member in results.members(zone) if (one := (member, approach, *key)) in sums]
        out.append(round(sum(found), 3) if found else None)
    return out


def _order(key: tuple[str, str]) -> tuple[int, int]:
    return (*INVENTORIED, "other").index(key[0]), ("living", "dead", "soil", GASES).index(key[1])


def _removal(value: float | None) -> Quantity:
    return Quantity(value, "tCO2e_per_year", "NE")
