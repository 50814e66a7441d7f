"""What the uncertainty is made of, and what no interval of the run holds."""

from collections.abc import Iterator

import pandas as pd

from sinks.report.page.answer import covers
from sinks.report.page.blocks import Block, Cell, Chapter, Figure, Grid, Head, Paragraph, Quantity, Words, inert, sentence, words
from sinks.report.results import INVENTORIED, OFFSET, REMOVAL, STOCK, Results, Value, class_names

UNITS_OF = {STOCK: "tC", REMOVAL: "tCO2e_per_year", OFFSET: "tCO2e_per_year"}
NAMES_OF = {STOCK: "quantity_stock", REMOVAL: "quantity_removal", OFFSET: "quantity_offset"}
KINDS = ("factor", "area", "map", "model", "between_date")
MOST_SOURCES = 12
"""Sources of error that are drawn by themselves; the others of their kind are one."""


def errors(results: Results) -> Chapter:
    """The chapter of the uncertainty."""
    blocks: list[Block] = [Paragraph(sentence("errors_how_mc" if results.monte_carlo else "errors_how"))]
    contributions = results.frame("contributions")
    found = _of_place(results, contributions) if contributions is not None else None
    if found is None or not len(found):
        blocks.append(Paragraph(sentence("no_contributions"), "missing"))
    else:
        blocks += [_figure(results, found), _contributions(results, found)]
    blocks.append(_scope(results))
    return Chapter(id="errors", title=words("chapter_errors"), blocks=blocks)


def _of_place(results: Results, frame: pd.DataFrame) -> pd.DataFrame:
    """Contributions to the totals of the last year, in the approach of the run."""
    last = (frame["year"] == results.years[-1]) & (frame["ecosystem"] == "total") & frame["approach"].isin(["stock", results.approach])
    return frame[last & (frame["zone"] == results.place)]


def _figure(results: Results, frame: pd.DataFrame) -> Figure:
    """Shares of the variance, by kind and source, for each quantity."""
    bars = []
    for quantity in (OFFSET, REMOVAL, STOCK):
        rows = frame[frame["quantity"] == quantity].sort_values(
            ["variance_share", "kind", "source"], ascending=[False, True, True], kind="stable"
        )
        if len(rows):
            bars.append({"words": words(NAMES_OF[quantity], year=results.years[-1]), "parts": list(_parts(rows))})
    return Figure(id="errors", kind="shares", title=words("figure_errors"), about=sentence("about_errors"),
                  data={"kinds": [{"id": kind, "words": words(f"error_{kind}")} for kind in KINDS], "bars": bars})  # fmt: skip


def _parts(rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    for row in rows.head(MOST_SOURCES).itertuples():
        yield {"kind": row.kind, "source": inert(row.source), "share": float(row.variance_share)}
    rest = rows.iloc[MOST_SOURCES:]
    for kind in KINDS:
        share = float(rest.loc[rest["kind"] == kind, "variance_share"].sum())
        if share > 0:
            yield {"kind": kind, "source": "", "share": share}


def _contributions(results: Results, frame: pd.DataFrame) -> Grid:
    heads = [
        Head(words=words("head_quantity"), name="quantity"), Head(words=words("head_error_kind"), name="kind"),
        Head(words=words("head_error_source"), name="source"),
        Head(words=words("head_se"), name="se", numeric=True),
        Head(words=words("head_variance_share"), name="variance_share_percent", unit="percent", numeric=True),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for row in frame.sort_values(["quantity", "variance_share"], ascending=[False, False], kind="stable").itertuples():
        rows.append([words(NAMES_OF[row.quantity], year=results.years[-1]), words(f"error_{row.kind}"), inert(row.source),
                     Quantity(_number(row.se), UNITS_OF[row.quantity]), Quantity(100.0 * float(row.variance_share), "percent")])  # fmt: skip
    return Grid(id="contributions", title=words("table_contributions", place=results.name_of(results.place)), heads=heads, rows=rows)


def _scope(results: Results) -> Grid:
    """What each interval of the answer holds and lacks, and which parts have no estimate."""
    heads = [
        Head(words=words("head_quantity"), name="quantity"), Head(words=words("head_ecosystem"), name="ecosystem"),
        Head(words=words("head_half_width"), name="half_width_percent", unit="percent", numeric=True),
        Head(words=words("head_contains"), name="contains"), Head(words=words("head_lacks"), name="lacks"),
        Head(words=words("head_not_estimated"), name="not_estimated"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for quantity in (STOCK, OFFSET, REMOVAL):
        for ecosystem in ("total", *INVENTORIED):
            found = results.of(results.place, results.years[-1], quantity, ecosystem)
            if found is not None and found.value is not None:
                rows.append([words(NAMES_OF[quantity], year=results.years[-1]), words(f"ecosystem_{ecosystem}"), _width(found), covers(found),
                             kinds(found.missing), _gaps(found.not_estimated)])  # fmt: skip
    return Grid(
        id="scope", title=words("table_scope", place=results.name_of(results.place)), heads=heads, rows=rows, notes=[sentence("note_scope")]
    )


def _width(value: Value) -> Quantity:
    """Half of the interval against the value [%]."""
    if value.low is None or value.high is None or not value.value:
        return Quantity(None, "percent", "NE")
    return Quantity(50.0 * (value.high - value.low) / abs(value.value), "percent")


def kinds(joined: str) -> Words:
    """The kinds of error of a list, in words."""
    found = [words(f"error_{kind}") for kind in joined.split("+") if kind]
    return Words("、".join(one.zh for one in found), ", ".join(one.en for one in found))


def _gaps(parts: str) -> Words:
    """Parts that have no estimate: ecosystem or land class and pool, each once."""
    found = {tuple(part.split(".")[:2]) for part in parts.split()}
    said = [words("gap", where=_where(first), pool=words(f"pool_{pool}")) for first, pool in sorted(found)]
    return Words("；".join(one.zh for one in said), "; ".join(one.en for one in said))


def _where(name: str) -> Words:
    names = class_names()
    return names[name] if name in names else words(f"ecosystem_{name}")


def _number(value: float) -> float | None:
    return None if value != value else float(value)
