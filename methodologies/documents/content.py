"""What the documents say: sections of METHODOLOGIES 5.1, filled from a quantification."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from aoi.codes import league_names
from aoi.texts import text
from methodologies.contract import SIGNS, TERM_UNIT
from methodologies.documents.blocks import Block, Document, Grid, Heading, Pair, Paragraph
from methodologies.parameters import used_frame
from methodologies.quantification import Result, interval
from methodologies.results import interval_missing, labels, unverified_parameters
from methodologies.sampling import sampling_plan
from methodologies.species import species_name
from methodologies.tools.dates import shares_of_years, years_between


def pair(key: str, **values: object) -> Pair:
    """A text of the catalogue in both languages."""
    return text(f"doc.{key}", "zh", **values), text(f"doc.{key}", "en", **values)


def design_document(result: Result) -> Document:
    """The project design document: description, methodology, crediting period, environment, comments, annexes."""
    words = result.project.documents
    blocks: list[Block] = [
        *_first_page(result),
        _head(1, "1", "pdd.1"),
        _head(2, "1.1", "pdd.1.1"),
        *_facts(result),
        _head(2, "1.2", "pdd.1.2"),
        _own(words.technique),
        _head(2, "1.3", "pdd.1.3"),
        _own(words.location),
        *_parcels(result),
        _head(2, "1.4", "pdd.1.4"),
        _own(words.ownership),
        _head(1, "2", "pdd.2"),
        _head(2, "2.1", "pdd.2.1"),
        *_methodology(result),
        _conditions(result),
        _head(2, "2.2", "pdd.2.2"),
        *_strata(result),
        _pools(result),
        _head(2, "2.3", "pdd.2.3"),
        *_baseline(result),
        _head(2, "2.4", "pdd.2.4"),
        *_expected(result),
        *_by_stratum(result),
        _head(2, "2.5", "pdd.2.5"),
        _parameters(result),
        _head(2, "2.6", "pdd.2.6"),
        *_monitoring(result),
        _head(1, "3", "pdd.3"),
        _crediting(result),
        _head(1, "4", "pdd.4"),
        _own(words.environment),
        _head(1, "5", "pdd.5"),
        _own(words.public_comments),
        _head(1, "", "annexes"),
        _registry(result),
        _sources(result),
        _inputs(result),
        Paragraph(words=pair("uniqueness")),
        Paragraph(words=pair("annexes.list")),
    ]
    return _document(result, "pdd", blocks)


def reduction_report(result: Result) -> Document:
    """The emission-reduction report: overview, implementation, monitoring, data, accounting, comparison, annexes."""
    words = result.project.documents
    blocks: list[Block] = [
        *_first_page(result),
        _head(1, "1", "err.1"),
        *_facts(result),
        *_methodology(result),
        _head(1, "2", "err.2"),
        _own(words.changes),
        *_parcels(result),
        _head(1, "3", "err.3"),
        _own(words.staff),
        Paragraph(words=pair("qa")),
        _head(1, "4", "err.4"),
        _head(2, "4.1", "err.4.1"),
        _parameters(result),
        _head(2, "4.2", "err.4.2"),
        *_monitored(result),
        _head(1, "5", "err.5"),
        _head(2, "5.1", "err.5.1"),
        *_terms(result),
        _head(2, "5.2", "err.5.2"),
        *_by_stratum(result),
        _head(2, "5.3", "err.5.3"),
        *_uncertainty(result),
        _deductions(result),
        _head(2, "5.4", "err.5.4"),
        *_years(result),
        _head(1, "6", "err.6"),
        *_comparison(result),
        _head(1, "", "annexes"),
        _registry(result),
        _sources(result),
        _inputs(result),
        Paragraph(words=pair("trace")),
    ]
    return _document(result, "err", blocks)


def _document(result: Result, kind: str, blocks: list[Block]) -> Document:
    project, methodology = result.project.project, result.methodology
    cover = [
        (pair("project"), project.title),
        (pair("project_id"), project.id),
        (pair("owner"), project.owner or "—"),
        (pair("methodology"), f"{methodology.title}\n{methodology.title_en}"),
        (pair("status"), " ".join(pair(f"status.{methodology.status}"))),
        (pair("period"), f"{result.project.period.start} – {result.project.period.end}"),
    ]
    return Document(
        title=pair(f"{kind}.title"),
        cover=cover,
        labels=[(text(key, "zh"), text(key, "en")) for key in labels(result)],
        footer=f"{project.id} · {methodology.id}",
        blocks=blocks,
    )


def _head(level: int, number: str, key: str) -> Heading:
    return Heading(level=level, number=number, words=pair(key))


def _own(words: str) -> Paragraph:
    """Words of the project file; marked where it has none."""
    return Paragraph(words=(words, "")) if words else Paragraph(words=pair("to_be_written"))


def _first_page(result: Result) -> Iterator[Block]:
    """What nobody has verified stands before anything else."""
    rows: list[list[Any]] = [
        [
            row.id,
            f"{row.title_zh or ''}\n{row.title_en or ''}",
            row.value,
            row.unit or "-",
            row.verify or "",
            row.tag or "",
            row.source or "",
        ]
        for row in unverified_parameters(result).itertuples()
    ]
    rows += [
        [
            row.id,
            f"{species_name(row.species, 'zh')}\n{species_name(row.species, 'en')}: {row.part}",
            row.coefficient,
            row.unit,
            "",
            row.tag,
            row.source,
        ]
        for row in result.equations.itertuples()
        if not row.verified
    ]
    yield Paragraph(words=pair("unverified", n=len(rows)), label=True)
    heads = [pair(f"head.{name}") for name in ("id", "name", "value", "unit", "verify", "tag", "source")]
    yield Grid(name="unverified", words=pair("grid.unverified"), heads=heads, rows=rows, widths=(23, 26, 9, 13, 9, 8, 12), decimals=6)
    note = result.methodology.note, result.methodology.note_en
    if any(note):
        yield Paragraph(words=note)


def _facts(result: Result) -> Iterator[Block]:
    project, boundary = result.project.project, result.boundary
    leagues = [f"{code} {league_names()[code][0]}" for code in sorted(set(boundary.pieces["league"]))]
    rows: list[list[str | float]] = [
        [*pair("project"), project.title],
        [*pair("owner"), project.owner or "—"],
        [*pair("programme"), project.programme],
        [*pair("start"), project.start],
        [*pair("crediting"), f"{project.crediting_start} – {project.crediting_end}"],
        [*pair("period"), f"{result.project.period.start} – {result.project.period.end}"],
        [*pair("leagues"), "、".join(leagues)],
        [*pair("area"), f"{boundary.parcels['area_ha'].sum():,.4f}"],
        [*pair("parcels_n"), str(len(boundary.parcels))],
        [*pair("issued"), f"{result.issued:,}"],
    ]
    yield Grid(
        name="facts",
        words=pair("grid.facts"),
        heads=[pair("head.item"), pair("head.item_en"), pair("head.content")],
        rows=rows,
        widths=(25, 30, 45),
    )


def _parcels(result: Result) -> Iterator[Block]:
    rows = [
        [row.parcel, row.stratum, f"{row.league} {league_names().get(row.league, ('', ''))[0]}", row.area_ha, row.smallest_part_m2]
        for row in result.boundary.parcels.itertuples()
    ]
    heads = [pair(f"head.{name}") for name in ("parcel", "stratum", "league", "area", "smallest")]
    yield Grid(name="parcels", words=pair("grid.parcels"), heads=heads, rows=rows, widths=(20, 20, 24, 18, 18))
    yield Paragraph(words=pair("area_note"))


def _methodology(result: Result) -> Iterator[Block]:
    methodology, loaded = result.methodology, result.loaded
    yield Paragraph(words=(f"{methodology.title}：{methodology.source}", f"{methodology.title_en}: {methodology.source}"))
    yield Paragraph(
        words=pair("module", id=methodology.id, distribution=loaded.distribution, version=loaded.version, sha256=loaded.sha256[:16])
    )


def _conditions(result: Result) -> Grid:
    rows = []
    for one in result.methodology.conditions:
        stated = result.project.conditions.get(one.id)
        how = [pair(f"how.{word}") for word, is_so in (("data", one.test is not None), ("stated", one.stated)) if is_so]
        shown = " / ".join(f"{zh} {en}" for zh, en in how)
        rows.append([one.id, f"{one.clause}\n{one.clause_en}", shown, stated.evidence if stated else "—", one.tag])
    heads = [pair(f"head.{name}") for name in ("condition", "clause", "how", "evidence", "tag")]
    return Grid(name="conditions", words=pair("grid.conditions"), heads=heads, rows=rows, widths=(10, 44, 14, 24, 8))


def _strata(result: Result) -> Iterator[Block]:
    frame = result.frames["strata"]
    table = result.methodology.tables["strata"]
    shown = [column for column in table.columns if not frame[column.name].isna().all()]
    rows = []
    for row in frame.to_dict("records"):
        rows.append([species_name(row[one.name], "zh") if one.name == "species" else _cell(row[one.name]) for one in shown])
    heads = [(f"{one.title_zh}{f'（{one.unit}）' if one.unit not in ('', '-') else ''}", one.title_en) for one in shown]
    yield Grid(name="strata", words=pair("grid.strata"), heads=heads, rows=rows)


def _cell(value: object) -> str | float | None:
    if value is None or value != value:
        return None
    return float(value) if isinstance(value, float | np.floating) else str(value)


def _pools(result: Result) -> Grid:
    yes, no = pair("yes"), pair("no")
    rows = [
        [pool.name, " ".join(yes if pool.baseline else no), " ".join(yes if pool.project else no), f"{pool.reason}\n{pool.reason_en}"]
        for pool in result.methodology.pools
    ]
    return Grid(
        name="pools",
        words=pair("grid.pools"),
        heads=[pair(f"head.{name}") for name in ("pool", "baseline", "in_project", "reason")],
        rows=rows,
        widths=(24, 14, 14, 48),
    )


def _baseline(result: Result) -> Iterator[Block]:
    """What the baseline takes off, and the clauses on additionality."""
    terms = [term for term in result.methodology.terms if term.role == "baseline" and term.name in result.evaluation.terms]
    for term in terms:
        total = float(result.evaluation.terms[term.name][0].sum())
        yield Paragraph(words=pair("baseline", title=term.title, title_en=term.title_en, value=f"{total:,.4f}"))
    if not terms:
        yield Paragraph(words=pair("no_baseline"))
    for one in result.methodology.conditions:
        if one.id.startswith("addition"):
            yield Paragraph(words=pair("additionality", clause=one.clause, clause_en=one.clause_en))


def _expected(result: Result) -> Iterator[Block]:
    years = years_between(result.project.period.start, result.project.period.end)
    yield Paragraph(words=pair("expected", issued=f"{result.issued:,}", years=f"{years:.3f}", annual=f"{result.creditable / years:,.1f}"))


def _by_stratum(result: Result) -> Iterator[Block]:
    """Plots, stocks and standard errors per stratum, then every term of the net removal after deductions, net and creditable."""
    terms = result.evaluation.terms
    shown = [term for term in result.methodology.terms if term.name in terms and np.any(terms[term.name][0])]
    measured = [term for term in shown if term.role in ("memo", "standard_error") and term.unit == TERM_UNIT]
    counted = [term for term in shown if term.role in SIGNS]
    area = result.tables["strata"]["area_ha"]
    plots = result.frames.get("plots")
    columns: list[tuple[Pair, list[Any], Any]] = [(pair("head.area"), area.tolist(), float(area.sum()))]
    if plots is not None and len(plots):
        number = [float((plots["stratum"] == stratum).sum()) for stratum in result.strata]
        columns.append((pair("head.plots"), number, sum(number)))
    for term in measured:
        values = _values(result, terms[term.name][0])
        whole = float(np.sqrt(np.sum(np.square(values)))) if term.role == "standard_error" else sum(values)
        columns.append(((term.title, term.title_en), values, whole))
    yield _columns_grid(result, "strata_measured", columns)
    net = [((term.title, term.title_en), _values(result, terms[term.name][0])) for term in counted]
    net += [
        (pair("head.net"), _values(result, result.evaluation.net[0])),
        (pair("head.creditable"), _values(result, result.evaluation.creditable[0])),
    ]
    yield _columns_grid(result, "by_stratum", [(head, values, sum(values)) for head, values in net])
    yield Paragraph(words=pair("by_stratum_note"))


def _values(result: Result, central: Any) -> list[float]:
    return [float(one) for one in np.broadcast_to(central, (len(result.strata),))]


def _columns_grid(result: Result, name: str, columns: list[tuple[Pair, list[Any], Any]]) -> Grid:
    """A table of strata with a row of totals."""
    rows: list[list[Any]] = [[stratum, *(values[place] for _, values, _ in columns)] for place, stratum in enumerate(result.strata)]
    rows.append(["合计 total", *(whole for _, _, whole in columns)])
    return Grid(name=name, words=pair(f"grid.{name}"), heads=[pair("head.stratum"), *(head for head, _, _ in columns)], rows=rows)


def _terms(result: Result) -> Iterator[Block]:
    rows: list[list[Any]] = []
    for term in result.methodology.terms:
        if term.role in SIGNS and term.name in result.evaluation.terms:
            gross, after = (float(one[term.name][0].sum()) for one in (result.evaluation.gross, result.evaluation.terms))
            rows.append([term.name, f"{term.title}\n{term.title_en}", "+" if SIGNS[term.role] > 0 else "−", gross, after])
    rows.append(["net", "净碳汇量\nnet removal", "=", None, float(result.evaluation.net[0].sum())])
    rows.append(["creditable", "可计入量（风险扣减后）\ncreditable, after the risk share", "", None, result.creditable])
    rows.append(["issued", "减排量（向下取整一次）\nwhole tonnes, floored once", "", None, float(result.issued)])
    if result.deficit < 0:
        rows.append(["deficit", "结转亏缺\ndeficit carried forward", "", None, result.deficit])
    yield Grid(
        name="terms",
        words=pair("grid.terms"),
        heads=[pair(f"head.{name}") for name in ("term", "name", "sign", "gross", "after")],
        rows=rows,
        widths=(18, 36, 8, 19, 19),
    )


def _uncertainty(result: Result) -> Iterator[Block]:
    """Plots and their spread, relative errors and rates with their steps of the trace, and the Monte Carlo interval."""
    yield from _plot_statistics(result)
    for step in result.trace.steps:
        if step.equation.result in ("U", "DR", "UNC"):
            shown = ", ".join(f"{value:.4%}" for value in np.ravel(step.result)[:8])
            symbol = f"{step.equation.result} {', '.join(step.labels)}".strip()
            yield Paragraph(words=pair("step", symbol=symbol, value=shown, formula=step.equation.formula, number=step.number))
    se, low, high = interval(result.evaluation.creditable.sum(axis=1))
    if se == se:
        yield Paragraph(
            words=pair("interval", se=f"{se:,.1f}", low=f"{low:,.1f}", high=f"{high:,.1f}", missing=interval_missing(result) or "—")
        )


def _plot_statistics(result: Result) -> Iterator[Grid]:
    """Per stratum and sampled term: plots, mean change per hectare, standard deviation among plots, standard error."""
    gross = result.evaluation.gross
    by_role = {(term.role, term.of): term.name for term in result.methodology.terms}
    area = result.tables["strata"]["area_ha"]
    rows: list[list[Any]] = []
    for term in result.methodology.terms:
        error, freedom = (by_role.get((role, term.name), "") for role in ("standard_error", "degrees_of_freedom"))
        if error in gross and freedom in gross and np.any(gross[error][0]):
            change, spread, free = (_values(result, gross[name][0]) for name in (term.name, error, freedom))
            for place, stratum in enumerate(result.strata):
                n = free[place] + 1
                sampled = spread[place] > 0 and n < MOST_PLOTS
                if not sampled and not change[place]:
                    continue
                deviation = spread[place] * n**0.5 / area[place] if sampled else None
                rows.append([stratum, term.name, n if sampled else None, change[place] / area[place], deviation, spread[place]])
    if rows:
        heads = [pair(f"head.{name}") for name in ("stratum", "term", "plots", "mean", "sd", "se")]
        yield Grid(name="plots", words=pair("grid.plots"), heads=heads, rows=rows, widths=(18, 18, 12, 18, 18, 16))


MOST_PLOTS = 1e5
"""More degrees of freedom than plots can give: an error that comes from a table."""


def _deductions(result: Result) -> Grid:
    steps = {step.id: step for step in result.methodology.deductions}
    rows = []
    for number, stage in enumerate(result.evaluation.stages, start=1):
        step = steps[stage.id]
        for term, after in stage.after.items():
            rows.append(
                [number, stage.id, f"{step.clause}\n{step.clause_en}", term, float(np.sum(stage.before[term])), float(np.sum(after))]
            )
        if not stage.after:
            rows.append([number, stage.id, f"{step.clause}\n{step.clause_en}", "—", None, None])
    heads = [pair(f"head.{name}") for name in ("step", "deduction", "clause", "term", "before", "after")]
    return Grid(name="deductions", words=pair("grid.deductions"), heads=heads, rows=rows, widths=(6, 12, 42, 14, 13, 13))


def _years(result: Result) -> Iterator[Block]:
    names = league_names()
    shares = shares_of_years(result.project.period.start, result.project.period.end)
    rows = [
        [year, f"{league} {names[league][0]} {names[league][1]}", shares[year], tonnes]
        for (year, league), tonnes in sorted(result.by_league.items())
    ]
    yield Grid(
        name="years",
        words=pair("grid.years"),
        heads=[pair(f"head.{name}") for name in ("year", "league", "share", "issued")],
        rows=rows,
        widths=(15, 45, 20, 20),
    )
    yield Paragraph(words=pair("years_note"))


def _comparison(result: Result) -> Iterator[Block]:
    expected = result.project.documents.expected_tCO2e_per_year
    if expected is None:
        yield Paragraph(words=pair("to_be_written"))
        return
    years = years_between(result.project.period.start, result.project.period.end)
    actual = result.creditable / years
    change = f"{actual / expected - 1:+.1%}" if expected else "—"
    yield Paragraph(words=pair("comparison", expected=f"{expected:,.1f}", actual=f"{actual:,.1f}", change=change))


def _parameters(result: Result) -> Grid:
    """Parameters and equations in use, the unverified first."""
    frame = _used(result).sort_values(["verified", "id"], kind="stable")
    yes, no = pair("yes"), pair("no")
    rows = [
        [
            row.id,
            f"{row.title_zh or ''}\n{row.title_en or ''}",
            row.value,
            row.unit or "-",
            f"{row.low:g}–{row.high:g}" if row.low == row.low else "—",
            f"{row.source_id}; {row.locator or ''}",
            row.tag or "",
            " ".join(yes if row.verified else no),
        ]
        for row in frame.itertuples()
    ]
    rows += [
        [
            row.id,
            f"{species_name(row.species, 'zh')}\n{species_name(row.species, 'en')}: {row.part}, {row.form}",
            row.coefficient,
            row.unit,
            f"exp {row.exponent:g}" if row.exponent == row.exponent else f"+ {row.intercept:g}",
            f"{row.source}; {row.locator}",
            row.tag,
            " ".join(yes if row.verified else no),
        ]
        for row in result.equations.sort_values(["verified", "id"], kind="stable").itertuples()
    ]
    heads = [pair(f"head.{name}") for name in ("id", "name", "value", "unit", "range", "source", "tag", "verified")]
    return Grid(name="parameters", words=pair("grid.parameters"), heads=heads, rows=rows, widths=(16, 17, 10, 11, 10, 21, 8, 7), decimals=6)


def _used(result: Result) -> pd.DataFrame:
    """Parameters in use, with the id of their source beside its citation."""
    frame = used_frame(result.parameters)
    ids = dict(zip(result.parameters.table.frame["id"], result.parameters.table.frame["source"], strict=True))
    return frame.assign(source_id=[str(ids[one] or "") for one in frame["id"]])


def _sources(result: Result) -> Grid:
    """Citations behind the ids of sources."""
    cited = {row.source_id: row.source or "" for row in _used(result).itertuples()}
    table = result.parameters.table
    cited |= {str(one): table.citation(str(one)) for one in result.equations["source"]}
    rows = [[id, citation] for id, citation in sorted(cited.items())]
    return Grid(name="sources", words=pair("grid.sources"), heads=[pair("head.source"), pair("head.citation")], rows=rows, widths=(20, 80))


def _monitored(result: Result) -> Iterator[Block]:
    """What is measured: every column of the tables of the methodology, with unit and number of records."""
    rows = []
    for name, table in result.methodology.tables.items():
        count = len(result.frames[name]) if name in result.frames else 0
        if not count and name in result.methodology.optional:
            continue
        for column in table.columns:
            if column.type == "decimal":
                rows.append(
                    [
                        f"{name}.{column.name}",
                        f"{column.title_zh}\n{column.title_en}",
                        column.unit or "-",
                        count,
                        f"{table.title_zh} {table.title_en}",
                    ]
                )
    heads = [pair(f"head.{name}") for name in ("id", "name", "unit", "records", "table")]
    yield Grid(name="monitored", words=pair("grid.monitored"), heads=heads, rows=rows, widths=(24, 32, 12, 10, 22))


def _monitoring(result: Result) -> Iterator[Block]:
    yield from _monitored(result)
    yield Paragraph(words=pair("qa"))
    plan = sampling_plan(result)
    if plan is None:
        yield Paragraph(words=pair("no_plan"))
        return
    size = plan.size
    yield Paragraph(
        words=pair(
            f"plan.{plan.basis}", n=size.plots, t=f"{size.t_value:.5f}", allowed=f"{plan.allowed:.0%}", area=f"{plan.plot_area_m2:g}"
        )
    )
    rows = [
        [stratum, exact, float(count)] for stratum, exact, count in zip(result.strata, size.exact_by_stratum, size.by_stratum, strict=True)
    ]
    rows.append(["合计 total", None, float(sum(size.by_stratum))])
    yield Grid(
        name="sampling",
        words=pair("grid.sampling"),
        heads=[pair(f"head.{name}") for name in ("stratum", "exact", "plots")],
        rows=rows,
        widths=(40, 30, 30),
    )


def _crediting(result: Result) -> Paragraph:
    project = result.project.project
    return Paragraph(
        words=pair(
            "crediting_words",
            start=project.crediting_start,
            end=project.crediting_end,
            years=f"{float(result.tables['project']['crediting_years'][0]):g}",
        )
    )


def _registry(result: Result) -> Grid:
    """The fields of the registry's public record."""
    project, methodology = result.project.project, result.methodology
    expected = result.project.documents.expected_tCO2e_per_year
    years = years_between(result.project.period.start, result.project.period.end)
    code, kind = methodology.codes
    certified = str(result.issued) if methodology.status == "official" else " ".join(pair("not_registrable"))
    rows: list[list[str | float]] = [
        ["项目名称", "project name", project.title],
        ["项目业主", "project owner", project.owner or "—"],
        ["项目类型", "project type", f"{code} {kind}".strip() or "—"],
        ["方法学编号/名称", "methodology", f"{methodology.id} {methodology.title}"],
        ["省", "province", "内蒙古自治区"],
        ["预计年均减排量", "expectYearNum", f"{expected if expected is not None else result.creditable / years:,.0f}"],
        ["登记减排量", "certifiedNum", certified],
        ["公示起止日期", "public notice from and to", " ".join(pair("by_registry"))],
    ]
    return Grid(
        name="registry",
        words=pair("grid.registry"),
        heads=[pair("head.item"), pair("head.item_en"), pair("head.content")],
        rows=rows,
        widths=(25, 30, 45),
    )


def _inputs(result: Result) -> Grid:
    rows = [[one.role, one.file, one.bytes, one.sha256] for one in result.inputs]
    return Grid(
        name="inputs",
        words=pair("grid.inputs"),
        heads=[pair(f"head.{name}") for name in ("role", "file", "bytes", "sha256")],
        rows=rows,
        widths=(16, 26, 12, 46),
    )
