"""The answer first: a sentence or three, three numbers with their intervals by ecosystem, and what to know before they are used."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from aoi.texts import LANGUAGES, text
from sinks.report.page.blocks import (
    Block,
    Cell,
    Chapter,
    Grid,
    Head,
    Paragraph,
    Part,
    Quantity,
    Sentence,
    Words,
    inert,
    name,
    sentence,
    words,
)
from sinks.report.results import INVENTORIED, OFFSET, REMOVAL, STOCK, Results, Value

ECOSYSTEM_ROWS = (*INVENTORIED, "other", "total")


def answer(results: Results) -> Chapter:
    """The first chapter."""
    blocks: list[Block] = [Part(kind="labels", data=list(labels(results))), Paragraph(_stocks(results), "lead")]
    blocks += [Paragraph(one, "lead") for one in _sink(results)]
    blocks.append(Part(kind="cards", data=[*_stock_cards(results), *_sink_cards(results)]))
    blocks += [Paragraph(one, "note") for one in _cautions(results)]
    blocks.append(_by_ecosystem(results))
    return Chapter(id="answer", title=words("chapter_answer"), blocks=blocks)


def labels(results: Results) -> Iterator[Sentence]:
    """What must stand on top: a demonstration, factors that nobody has verified, parts that nothing supports."""
    demo = results.settings.get("demo")
    if demo:
        notes = [inert(demo.get(f"note_{language}") or text("words.demo", language)) for language in LANGUAGES]
        yield sentence("label_demo", note=Words(*notes))
    factors = results.frames["factors_used"]
    unverified = int((~factors["verified"].fillna(False).astype(bool)).sum())
    if unverified:
        yield sentence("label_unverified", n=str(unverified), all=str(len(factors)))
    offsets = results.frame("offsets")
    if offsets is not None and "rule_status" in offsets and (offsets["rule_status"] == "trial").any():
        yield sentence("label_trial", rule=inert(", ".join(sorted(set(offsets["rule_id"].astype(str))))))


def _stocks(results: Results) -> Sentence:
    year = results.years[-1]
    total = results.of(results.place, year, STOCK)
    place = results.name_of(results.place)
    if total is None or total.value is None:
        return sentence("answer_no_stock", place=place, year=str(year))
    parts: dict[str, Cell] = {}
    for ecosystem in INVENTORIED:
        one = results.of(results.place, year, STOCK, ecosystem)
        parts[ecosystem] = one.quantity("tC") if one is not None else Quantity(None, "tC", "NO")
    return sentence("answer_stock", place=place, year=str(year), value=total.quantity("tC"), **parts)


def _sink(results: Results) -> Iterator[Sentence]:
    """The sink of the last year, what of it counts, and how it came out elsewhere; or that nothing supports one."""
    year, place = results.years[-1], results.place
    whole, counted = results.of(place, year, REMOVAL), results.of(place, year, OFFSET)
    if whole is None or whole.value is None:
        yield sentence("answer_no_sink", year=str(year))
        return
    said = {"span": _span(whole, year), "approach": _approach(results.approach)}
    yield sentence("answer_sink" if whole.value >= 0 else "answer_source", value=_size(whole), **said)
    if counted is not None and counted.value is not None:
        low, high = counted.ends("tCO2e_per_year")
        if low.known:
            yield sentence("answer_counted", value=counted.quantity("tCO2e_per_year"), low=low, high=high, covers=covers(counted))
        else:
            yield sentence("answer_counted_bare", value=counted.quantity("tCO2e_per_year"))


def _size(value: Value) -> Quantity:
    return Quantity(abs(value.value or 0.0), "tCO2e_per_year", value.flag)


def _span(value: Value, year: int) -> Words:
    """The time that a removal speaks of."""
    return words("span_mean", first=value.year_from, last=year) if value.time_basis == "interval_mean" else words("span_year", year=year)


def _approach(approach: str) -> Words:
    return words(f"approach_{approach}")


def covers(value: Value) -> Words:
    """What an interval holds: an interval without all kinds of error says which it has."""
    kinds = [kind for kind in value.contains.replace("none", "").split("+") if kind]
    said = [text("report.and", language).join(text(f"report.error_{kind}", language) for kind in kinds) for language in LANGUAGES]
    return words("covers_only", kinds=Words(*said)) if value.missing and kinds else words("covers_all" if kinds else "covers_none")


def _stock_cards(results: Results) -> Iterator[dict[str, Any]]:
    years = (results.years[0], results.years[-1]) if len(results.years) > 1 else results.years
    for year in years:
        yield _card(results, words("card_stock", year=year), year, STOCK, "tC")


def _sink_cards(results: Results) -> Iterator[dict[str, Any]]:
    year = results.years[-1]
    card = _card(results, words("card_sink", year=year), year, OFFSET, "tCO2e_per_year")
    whole = results.of(results.place, year, REMOVAL)
    if whole is not None and whole.value is not None:
        card["below"] = sentence("card_with_memo", value=whole.quantity("tCO2e_per_year"), span=_span(whole, year))
    yield card


def _card(results: Results, title: Words, year: int, quantity: str, unit: str) -> dict[str, Any]:
    total = results.of(results.place, year, quantity)
    rows = []
    for ecosystem in (*INVENTORIED, *(("other",) if quantity != STOCK else ())):
        one = results.of(results.place, year, quantity, ecosystem)
        if one is not None:
            rows.append((ecosystem, words(f"ecosystem_{ecosystem}"), one.quantity(unit), _share(one, total)))
    known = total is not None and total.value is not None
    return {
        "title": title, "value": total.quantity(unit) if total is not None else Quantity(None, unit, "NE"),
        "interval": _interval(total, unit) if known and total is not None else None, "rows": rows, "below": None,
    }  # fmt: skip


def _share(one: Value, total: Value | None) -> float:
    """The size of a part against the largest it could be, for a bar; never more than a whole."""
    if one.value is None or total is None or not total.value:
        return 0.0
    return float(np.clip(abs(one.value) / abs(total.value), 0.0, 1.0))


def _interval(value: Value, unit: str) -> Sentence:
    low, high = value.ends(unit)
    return sentence("card_interval", low=low, high=high, covers=covers(value)) if low.known else sentence("card_no_interval")


def _cautions(results: Results) -> Iterator[Sentence]:
    """What the answer leaves out, and that parts of a column may differ from its sum by rounding."""
    yield sentence("caution_counted")
    total = results.of(results.place, results.years[-1], OFFSET)
    if total is not None and total.not_estimated:
        yield sentence("caution_gaps", n=str(len(total.not_estimated.split())))
    if len(results.years) > 1 or results.settings.get("base_year"):
        yield sentence("caution_change", change=words(f"change_{results.settings['policy']['unvalidated_change']}"))
    yield sentence("caution_rounding")


def _by_ecosystem(results: Results) -> Grid:
    """Everything of the answer in one table: both years and the sink with its interval, by ecosystem."""
    first, last = results.years[0], results.years[-1]
    years = sorted({first, last})
    heads = [Head(words=words("head_ecosystem"), name="ecosystem")]
    heads += [_head("head_stock", f"stock_{year}", "tC", year=year) for year in years]
    heads += [
        _head("head_sink_counted", "removal_offset", "tCO2e_per_year", year=last), _head("head_low", "removal_offset_low", "tCO2e_per_year"),
        _head("head_high", "removal_offset_high", "tCO2e_per_year"), _head("head_sink_all", "removal", "tCO2e_per_year", year=last),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for ecosystem in ("total", *(one for one in ECOSYSTEM_ROWS if one != "total")):
        cells: list[Cell] = [words(f"ecosystem_{ecosystem}")]
        cells += [cell(results.of(results.place, year, STOCK, ecosystem), "tC") for year in years]
        counted, whole = (results.of(results.place, last, quantity, ecosystem) for quantity in (OFFSET, REMOVAL))
        cells += [cell(counted, "tCO2e_per_year"), *ends(counted, "tCO2e_per_year"), cell(whole, "tCO2e_per_year")]
        if any(isinstance(one, Quantity) and one.known for one in cells):
            rows.append(cells)
    return Grid(
        id="by_ecosystem", title=words("table_by_ecosystem", place=results.name_of(results.place)), heads=heads, rows=rows, totals=1,
        notes=[sentence("note_total_stock"), sentence("note_flags")],
    )  # fmt: skip


def _head(key: str, column: str, unit: str, **values: object) -> Head:
    return Head(words=words(key, **values), name=column, unit=unit, numeric=True)


def cell(value: Value | None, unit: str) -> Quantity:
    """The cell of a number of the summary; a row that is not there does not occur."""
    return value.quantity(unit) if value is not None else Quantity(None, unit, "NO")


def ends(value: Value | None, unit: str) -> tuple[Quantity, Quantity]:
    """The cells of the ends of an interval."""
    return value.ends(unit) if value is not None and value.value is not None else (Quantity(None, unit, ""), Quantity(None, unit, ""))


def title_of(results: Results) -> Words:
    """The title of the run."""
    return name(results.settings["title"]) if results.settings.get("title") else words("untitled")
