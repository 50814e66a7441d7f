"""What the numbers rest on: data, choices, factors and their sources, checks, and where all of it came from."""

from collections.abc import Iterator, Mapping
from typing import Any

from aoi.texts import LANGUAGES, text
from sinks import __version__
from sinks.config import approach_of
from sinks.factors.table import FactorTable
from sinks.report.checks import Check, checks_of
from sinks.report.page.blocks import Block, Cell, Chapter, Grid, Head, Paragraph, Part, Quantity, Sentence, Words, inert, sentence, words
from sinks.report.results import Results

SHORT_HASH = 16


def data(results: Results) -> Chapter:
    """Data and methods with their sources."""
    blocks: list[Block] = [Part(kind="list", data=list(_choices(results))), _inputs(results), Paragraph(sentence("methods"))]
    blocks += [Paragraph(one) for one in _methods(results)]
    blocks += [
        _sources(results),
        Paragraph(sentence("boundaries" if results.outlines is not None and results.outlines.builtin else "boundaries_file"), "note"),
    ]
    return Chapter(id="data", title=words("chapter_data"), blocks=blocks)


def _said(key: str, **values: object) -> Words:
    """Words of the catalogue as the summary of a run tells them."""
    said = [
        text(key, language, **{name: value.of(language) if isinstance(value, Words) else value for name, value in values.items()})
        for language in LANGUAGES
    ]
    return Words(*said)


def _choices(results: Results) -> Iterator[Words]:
    settings = results.settings
    base = settings["base_year"]
    dates = ", ".join(str(year) for year in ([base] if base else []) + list(settings["years"]))
    grid = settings["grid"]
    yield _said("words.dates", dates=dates, years=", ".join(map(str, settings["years"])))
    yield words("fact_product", product=inert(settings["product"]))
    yield _said(f"words.cells_{settings['cell_area']}", crs=inert(grid["crs"]), width=grid["width"], height=grid["height"])
    yield _said(f"words.rule_{settings['rule']}")
    policy = settings["policy"]
    yield _said(
        "words.policy", approach=_said(f"words.{approach_of(policy)}"), change=_said(f"words.change_{policy['unvalidated_change']}")
    )
    for layer, years in settings["windows"].items():
        for year, files in years.items():
            yield _said("words.window", layer=layer, year=year, files=inert(", ".join(files)))


def _methods(results: Results) -> Iterator[Sentence]:
    for key in (
        "method_stock",
        "method_difference",
        "method_growth",
        "method_transfer",
        "method_soil",
        "method_grass",
        "method_wetland",
        "method_interval",
    ):
        yield sentence(key)


def _inputs(results: Results) -> Grid:
    heads = [
        Head(words=words("head_layer"), name="layer"), Head(words=words("head_year"), name="year"), Head(words=words("head_file"), name="file"),
        Head(words=words("head_how"), name="how"), Head(words=words("head_bytes"), name="bytes", unit="count", numeric=True),
        Head(words=words("head_sha256"), name="sha256"),
    ]  # fmt: skip
    frame = results.frames["inputs"].sort_values(["layer", "year", "file"], kind="stable", na_position="first")
    rows: list[list[Cell]] = [
        [inert(row["layer"]), "" if row["year"] != row["year"] or row["year"] is None else str(int(row["year"])), inert(row["file"]), _how(row["how"] or ""),
         Quantity(float(row["bytes"]), "count"), str(row["sha256"])[:SHORT_HASH]]
        for row in frame.astype(object).where(frame.notna(), None).to_dict("records")
    ]  # fmt: skip
    return Grid(id="inputs", title=words("table_inputs"), heads=heads, rows=rows, notes=[sentence("note_hash"), sentence("note_inputs_page")])


def _how(how: str) -> Words:
    """How a file came to the grid."""
    if how == "direct":
        return words("how_direct")
    return words("how_warped", way=how.removeprefix("warped: ")) if how.startswith("warped: ") else Words(inert(how), inert(how))


def _sources(results: Results) -> Grid:
    """The sources of the factors in use, each with its factors."""
    citations = FactorTable.shipped().citations
    frame = results.frames["factors_used"]
    rows: list[list[Cell]] = []
    for source, mine in frame.fillna({"source": ""}).groupby("source", sort=True):
        rows.append([inert(source), inert(citations.get(str(source), str(source))), inert(", ".join(mine["id"]))])
    heads = [
        Head(words=words("head_source"), name="source"),
        Head(words=words("head_citation"), name="citation"),
        Head(words=words("head_factors"), name="factors"),
    ]
    return Grid(id="sources", title=words("table_sources"), heads=heads, rows=rows)


def unverified(results: Results) -> Chapter:
    """Parameters that nobody has verified first, then all others."""
    frame = results.frames["factors_used"]
    doubtful = frame[~frame["verified"].fillna(False).astype(bool)]
    blocks: list[Block] = [
        Paragraph(sentence("unverified_how", n=str(len(doubtful)), all=str(len(frame))), "warning" if len(doubtful) else "text")
    ]
    if len(doubtful):
        blocks.append(_factors("unverified", doubtful))
    verified = frame[frame["verified"].fillna(False).astype(bool)]
    if len(verified):
        blocks.append(_factors("verified", verified))
    return Chapter(id="unverified", title=words("chapter_unverified"), blocks=blocks)


def _factors(id: str, frame: Any) -> Grid:
    heads = [
        Head(words=words("head_factor"), name="id"), Head(words=words("head_value"), name="value", unit="number", numeric=True),
        Head(words=words("head_unit"), name="unit"), Head(words=words("head_range"), name="range"), Head(words=words("head_source"), name="source"),
        Head(words=words("head_locator"), name="locator"), Head(words=words("head_tag"), name="tag"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        limits = (
            words("range", low=f"{row['low']:g}", high=f"{row['high']:g}", kind=words(f"range_{row['range_kind']}"))
            if row["low"] is not None
            else None
        )
        rows.append([inert(row["id"]), Quantity(row["value"], "number"), inert(row["unit"] or ""), limits, inert(row["source"] or ""),
                     inert(row["locator"] or ""),
                     words("overridden", tag=inert(row["tag"] or "")) if row["overridden"] else inert(row["tag"] or "")])  # fmt: skip
    return Grid(id=f"factors_{id}", title=words(f"table_factors_{id}"), heads=heads, rows=rows, notes=[sentence("note_tags")])


def checks(results: Results) -> Chapter:
    """Checks passed and failed, and the findings of the run."""
    found = checks_of(results)
    failed = sum(not check.ok for check in found)
    blocks: list[Block] = [
        Paragraph(
            sentence("checks_failed" if failed else "checks_passed", n=str(len(found)), failed=str(failed)), "warning" if failed else "text"
        ),
        _check_grid(found),
    ]
    findings = _findings(results)
    blocks.append(findings if findings is not None else Paragraph(sentence("no_findings")))
    return Chapter(id="checks", title=words("chapter_checks"), blocks=blocks)


def _check_grid(found: list[Check]) -> Grid:
    heads = [
        Head(words=words("head_check"), name="check"), Head(words=words("head_outcome"), name="outcome"), Head(words=words("head_measured"), name="measured"),
        Head(words=words("head_limit"), name="limit"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [one.words, words("outcome_passed" if one.ok else "outcome_failed"), one.measured, one.limit] for one in found
    ]
    return Grid(id="checks", title=words("table_checks"), heads=heads, rows=rows)


def _findings(results: Results) -> Grid | None:
    both = list(zip(results.findings.get("zh", []), results.findings.get("en", []), strict=True))
    if not both:
        return None
    heads = [Head(words=words("head_finding"), name="id"), Head(words=words("head_message"), name="message"), Head(words=words("head_where"), name="where"),
             Head(words=words("head_found"), name="found"), Head(words=words("head_remedy"), name="remedy")]  # fmt: skip
    rows: list[list[Cell]] = [
        [inert(zh["id"]), *(Words(inert(zh[part]), inert(en[part])) for part in ("message", "where", "found", "remedy"))] for zh, en in both
    ]
    return Grid(id="findings", title=words("table_findings"), heads=heads, rows=rows)


def provenance(results: Results) -> Chapter:
    """Where the numbers came from: the run, its program, the hashes of its tables, how to cite it and how to do it again."""
    record = results.record
    facts = [
        (words("fact_run"), _same(record.get("run_id", ""))), (words("fact_program"), _same(f"nmg-ecosystem-sinks {__version__}")),
        (words("fact_factors"), _same(str(record.get("factors_sha256", ""))[:SHORT_HASH])),
        (words("fact_versions"), _same(", ".join(f"{name} {version}" for name, version in sorted(record.get("versions", {}).items())))),
        (words("fact_cite"), _cite(results, record)),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [stage, table, digest[:SHORT_HASH]]
        for stage, one in sorted(record.get("stages", {}).items()) for table, digest in sorted(one.get("tables", {}).items())
    ]  # fmt: skip
    heads = [
        Head(words=words("head_stage"), name="stage"),
        Head(words=words("head_table"), name="table"),
        Head(words=words("head_sha256"), name="sha256"),
    ]
    grid = Grid(id="tables", title=words("table_tables"), heads=heads, rows=rows, notes=[sentence("note_hash"), sentence("note_inputs_page")])
    return Chapter(
        id="provenance", title=words("chapter_provenance"), blocks=[Part(kind="facts", data=facts), Paragraph(sentence("again")), grid]
    )


def _cite(results: Results, record: Mapping[str, Any]) -> Words:
    return words("cite", title=inert(results.settings["title"] or ""), run=record.get("run_id", ""), version=__version__)


def _same(given: object) -> Words:
    return Words(inert(given), inert(given))
