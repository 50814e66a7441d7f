"""The tables of a quantification, and the files of its folder: the same bytes for the same inputs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, select_autoescape

from aoi.table import DICTIONARY, Column, Table, replace_file
from aoi.texts import Language, current_language, text
from methodologies.contract import SIGNS
from methodologies.parameters import PARAMETERS_USED, used_frame
from methodologies.quantification import Result, content_id, interval
from methodologies.sampling import sampling_plan
from methodologies.tables import PARCELS, decimal, integer, text_column
from methodologies.tools.allometry import SHRUB_EQUATIONS
from methodologies.tools.dates import shares_of_years
from methodologies.trace import TRACE, Step, rows_of
from sinks.tables import QUANTIFICATIONS

TOTAL = "total"
NET = "net"
MOST_ON_PAGE = 12
"""Elements of a step that the page shows; the CSV has all of them."""

DEDUCTIONS = Table(
    name="deductions",
    title_zh="各步扣减",
    title_en="Deductions step by step",
    row_per="deduction, term and stratum",
    columns=(
        integer("step", "步骤", "Step", key=True),
        text_column("deduction", "扣减", "Deduction", key=True),
        text_column("term", "项", "Term", key=True),
        text_column("stratum", "碳层", "Stratum", key=True),
        text_column("kind", "类别", "Kind"),
        decimal("before_tCO2e", "扣减前", "Before", "tCO2e", decimals=4),
        decimal("after_tCO2e", "扣减后", "After", "tCO2e", decimals=4),
        text_column("clause", "条款", "Clause"),
        text_column("clause_en", "条款（英文）", "Clause, English"),
    ),
)
RESULTS = Table(
    name="results",
    title_zh="核算结果",
    title_en="Results",
    row_per="term and stratum",
    columns=(
        text_column("term", "项", "Term", key=True),
        text_column("stratum", "碳层", "Stratum", key=True),
        text_column("role", "作用", "Role"),
        text_column("unit", "单位", "Unit"),
        decimal("value", "数值", "Value", "", decimals=4),
        decimal("se", "标准误（蒙特卡洛）", "Standard error, Monte Carlo", "", decimals=4),
        decimal("low", "95%下限", "Low end, 95 %", "", decimals=4),
        decimal("high", "95%上限", "High end, 95 %", "", decimals=4),
        text_column("interval_contains", "区间包含的误差", "Interval contains"),
        text_column("interval_missing", "区间未含的误差", "Interval lacks"),
    ),
)
ISSUANCE = Table(
    name="issuance",
    title_zh="减排量年度分配",
    title_en="Whole tonnes by year and league",
    row_per="year and league",
    columns=(
        integer("vintage", "年份", "Vintage", key=True),
        text_column("league", "盟市", "League", key=True),
        integer("issued_tCO2e", "减排量", "Whole tonnes", unit="tCO2e"),
    ),
)
CONDITIONS = Table(
    name="conditions",
    title_zh="适用条件",
    title_en="Conditions",
    row_per="condition",
    columns=(
        text_column("condition", "编号", "Condition", key=True),
        text_column("clause", "条款", "Clause"),
        text_column("clause_en", "条款（英文）", "Clause, English"),
        text_column("tested", "检查方式", "How it was checked"),
        text_column("evidence", "证据", "Evidence"),
        text_column("tag", "条款措辞依据", "Evidence for the wording"),
    ),
)
INPUTS = Table(
    name="inputs",
    title_zh="输入文件",
    title_en="Inputs",
    row_per="file",
    columns=(
        text_column("role", "用途", "Role", key=True),
        text_column("file", "文件", "File", key=True),
        text_column("sha256", "哈希", "SHA-256"),
        integer("bytes", "字节数", "Bytes"),
    ),
)


def tables_of(result: Result) -> list[tuple[Table, pd.DataFrame]]:
    """Every table of a quantification."""
    return [
        (QUANTIFICATIONS, QUANTIFICATIONS.frame(list(_quantifications(result)))),
        (DEDUCTIONS, DEDUCTIONS.frame(list(_deductions(result)))),
        (RESULTS, RESULTS.frame(list(_results(result)))),
        (ISSUANCE, ISSUANCE.frame(list(_issuance(result)))),
        (CONDITIONS, CONDITIONS.frame(list(_conditions(result)))),
        (PARAMETERS_USED, used_frame(result.parameters)),
        (EQUATIONS_USED, EQUATIONS_USED.typed(result.equations)),
        (PARCELS, result.boundary.parcels),
        (INPUTS, INPUTS.frame([{"role": one.role, "file": one.file, "sha256": one.sha256, "bytes": one.bytes} for one in result.inputs])),
        (TRACE, result.trace.frame()),
    ]


EQUATIONS_USED = Table(
    name="equations_used",
    title_zh="所用单株方程",
    title_en="Equations of single plants used",
    row_per="species and part",
    columns=tuple(
        Column(name=one.name, type=one.type, title_zh=one.title_zh, title_en=one.title_en, unit=one.unit, key=one.key)
        for one in SHRUB_EQUATIONS.columns
    ),
)


def write_results(result: Result, out: Path) -> None:
    """Write tables, the page of the trace and the record into a folder; the plan of the next sample counts among what used parameters."""
    sampling_plan(result)
    tables = tables_of(result)
    for table, frame in tables:
        table.write(frame, out / "tables" / f"{table.name}.csv")
    dictionary = [row for table, _ in tables for row in table.dictionary()]
    DICTIONARY.write(DICTIONARY.frame(dictionary), out / "tables" / "dictionary.csv")
    replace_file(out / "trace.html", trace_page(result).encode("utf-8"))
    replace_file(out / "run.json", (json.dumps(record(result), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8"))


def record(result: Result) -> dict[str, Any]:
    """What was run: project, module with distribution, version and hash, result, findings; no times and no paths."""
    methodology = result.methodology
    return {
        "run_id": content_id(result),
        "project": result.project.project.id,
        "invented": result.project.project.invented,
        "methodology": {
            "id": methodology.id,
            "status": methodology.status,
            "source": methodology.source,
            "distribution": result.loaded.distribution,
            "version": result.loaded.version,
            "sha256": result.loaded.sha256,
            "shipped": result.loaded.shipped,
        },
        "period": [result.project.period.start, result.project.period.end],
        "draws": result.project.project.draws,
        "seed": result.project.project.seed,
        "issued_tCO2e": result.issued,
        "creditable_tCO2e": round(result.creditable, 4),
        "deficit_tCO2e": round(result.deficit, 4),
        "unverified_parameters": unverified(result),
        "findings": [one.as_dict() for one in result.findings],
    }


def unverified(result: Result) -> list[str]:
    """Ids of parameters and equations in use that nobody has verified."""
    parameters = unverified_parameters(result)
    equations = result.equations
    return [*parameters["id"], *equations[~equations["verified"].astype(bool)]["id"]]


def unverified_parameters(result: Result) -> pd.DataFrame:
    """Parameters in use that nobody has verified, and every number of the register of open questions, in use or not; rows of `PARAMETERS`."""
    frame = result.parameters.table.frame
    open_ = ~frame["verified"].fillna(False).astype(bool)
    listed = frame["id"].isin(result.parameters.used) | (frame["verify"].notna() & frame["species"].isna())
    return frame[open_ & listed].reset_index(drop=True)


def labels(result: Result) -> list[str]:
    """What every output says first: a draft is a draft, an invented project is invented."""
    said = []
    if result.methodology.status == "regional_draft":
        said.append("label.draft")
    if result.methodology.status == "withdrawn":
        said.append("label.withdrawn")
    if result.project.project.invented:
        said.append("label.invented")
    return said


def _quantifications(result: Result) -> Iterator[dict[str, Any]]:
    """Leaves: a term of a stratum in a year and a league, before and after the deductions."""
    methodology, evaluation = result.methodology, result.evaluation
    kinds = {step.id: step.kind for step in methodology.deductions}
    period = f"{result.project.period.start}/{result.project.period.end}"
    years = shares_of_years(result.project.period.start, result.project.period.end)
    whole = float(evaluation.net[0].sum())
    for place, stratum in enumerate(result.strata):
        net, creditable = float(evaluation.net[0][place]), float(evaluation.creditable[0][place])
        factor = creditable / net if net else (result.creditable / whole if whole else 1.0)
        rows: list[Any] = []
        for term in methodology.terms:
            if term.role in SIGNS and term.name in evaluation.terms:
                gross = float(evaluation.gross[term.name][0][place])
                uncertain = _after(result, term.name, place, gross, {"uncertainty"}, kinds)
                other = float(evaluation.terms[term.name][0][place])
                rows.append((term.name, term.pool, int(SIGNS[term.role]), gross, uncertain, other, other * factor))
        sums = [sum(row[2] * row[column] for row in rows) for column in (3, 4, 5)]
        rows.append((NET, TOTAL, 1, *sums, creditable))
        for year, part in years.items():
            for league, share in result.boundary.league_shares(stratum).items():
                for name, pool, sign, *values in rows:
                    amounts = [value * part * share for value in values]
                    yield {
                        "project": result.project.project.id,
                        "module": methodology.id,
                        "status": methodology.status,
                        "league": league,
                        "vintage": year,
                        "stratum": stratum,
                        "period": period,
                        "term": name,
                        "pool": pool,
                        "sign": sign,
                        **dict(
                            zip(("gross_tCO2e", "after_uncertainty_tCO2e", "after_other_tCO2e", "after_risk_tCO2e"), amounts, strict=True)
                        ),
                    }


def _after(result: Result, term: str, place: int, gross: float, wanted: set[str], kinds: Mapping[str, str]) -> float:
    """A term after the last deduction of some kinds; as it was where none touched it."""
    value = gross
    for stage in result.evaluation.stages:
        if kinds[stage.id] in wanted and term in stage.after:
            value = float(np.broadcast_to(stage.after[term], (len(result.strata),))[place])
    return value


def _deductions(result: Result) -> Iterator[dict[str, Any]]:
    steps = {step.id: step for step in result.methodology.deductions}
    for number, stage in enumerate(result.evaluation.stages, start=1):
        for term, after in stage.after.items():
            for place, stratum in enumerate(result.strata):
                yield {
                    "step": number,
                    "deduction": stage.id,
                    "term": term,
                    "stratum": stratum,
                    "kind": steps[stage.id].kind,
                    "before_tCO2e": float(stage.before[term][place]),
                    "after_tCO2e": float(after[place]),
                    "clause": steps[stage.id].clause,
                    "clause_en": steps[stage.id].clause_en,
                }


def _results(result: Result) -> Iterator[dict[str, Any]]:
    """Terms per stratum and in total, with Monte Carlo intervals and what these hold."""
    evaluation = result.evaluation
    words = {"interval_contains": "sampling;parameters", "interval_missing": interval_missing(result)}
    for term in result.methodology.terms:
        if term.name in evaluation.terms:
            values = evaluation.terms[term.name]
            for place, stratum in enumerate(result.strata if values.shape[1] == len(result.strata) else [TOTAL]):
                yield {
                    "term": term.name,
                    "stratum": stratum,
                    "role": term.role,
                    "unit": term.unit,
                    **_with_interval(values[:, place]),
                    **words,
                }
            if term.role in SIGNS and len(result.strata) > 1:
                yield {
                    "term": term.name,
                    "stratum": TOTAL,
                    "role": term.role,
                    "unit": term.unit,
                    **_with_interval(values.sum(axis=1)),
                    **words,
                }
    for name, values in ((NET, evaluation.net), ("creditable", evaluation.creditable)):
        for place, stratum in enumerate(result.strata):
            yield {"term": name, "stratum": stratum, "role": name, "unit": "tCO2e", **_with_interval(values[:, place]), **words}
        if TOTAL not in result.strata and len(result.strata) > 1:
            yield {"term": name, "stratum": TOTAL, "role": name, "unit": "tCO2e", **_with_interval(values.sum(axis=1)), **words}


def interval_missing(result: Result) -> str:
    """What the intervals lack: errors of the regressions, and of parameters without a stated range."""
    lacking = ["allometry"] if len(result.equations) else []
    return ";".join([*lacking, *(f"range of {one}" for one in result.parameters.unranged)])


def _with_interval(draws: Any) -> dict[str, float]:
    se, low, high = interval(draws)
    return {"value": float(draws[0]), "se": se, "low": low, "high": high}


def _issuance(result: Result) -> Iterator[dict[str, Any]]:
    for (year, league), tonnes in sorted(result.by_league.items()):
        yield {"vintage": year, "league": league, "issued_tCO2e": tonnes}


def _conditions(result: Result) -> Iterator[dict[str, Any]]:
    for condition in result.methodology.conditions:
        stated = result.project.conditions.get(condition.id)
        how = "+".join(word for word, is_so in (("data", condition.test is not None), ("statement", condition.stated)) if is_so)
        yield {
            "condition": condition.id,
            "clause": condition.clause,
            "clause_en": condition.clause_en,
            "tested": how,
            "evidence": inert(stated.evidence) if stated else "",
            "tag": condition.tag,
        }


def inert(words: str) -> str:
    """Words of a user for a table: on one line, and nothing that a spreadsheet takes for a formula."""
    line = " ".join(words.split())
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def trace_page(result: Result) -> str:
    """The trace as a page of its own: everything escaped, no script, nothing from elsewhere."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    language = current_language()
    other: Language = "en" if language == "zh" else "zh"
    return environment.get_template("trace.html.j2").render(
        language=language,
        say=lambda key, **values: text(f"page.{key}", language, **values),
        also=lambda key: text(f"page.{key}", other),
        labels=[text(key, one) for key in labels(result) for one in (language, other)],
        record=record(result),
        methodology=result.methodology,
        project=result.project.project,
        unverified=unverified(result),
        steps=[_shown(step) for step in result.trace.steps],
    )


def _shown(step: Step) -> dict[str, Any]:
    rows = list(rows_of(step))
    return {
        "number": step.number,
        "equation": step.equation,
        "origins": dict(step.origins),
        "rows": rows[:MOST_ON_PAGE],
        "left": max(0, len(rows) - MOST_ON_PAGE),
    }


def summary(result: Result) -> str:
    """The result in a few lines for a terminal."""
    lines = [text(key) for key in labels(result)]
    zh = current_language() == "zh"
    title = result.methodology.title if zh else result.methodology.title_en
    lines.append(
        text(
            "quantify.head",
            project=result.project.project.title,
            methodology=title,
            start=result.project.period.start,
            end=result.project.period.end,
        )
    )
    for term in result.methodology.terms:
        if term.role in SIGNS and term.name in result.evaluation.terms:
            gross, after = (float(values[term.name][0].sum()) for values in (result.evaluation.gross, result.evaluation.terms))
            lines.append(text("quantify.term", name=term.title if zh else term.title_en, gross=f"{gross:,.4f}", after=f"{after:,.4f}"))
    se, low, high = interval(result.evaluation.creditable.sum(axis=1))
    lines.append(text("quantify.net", net=f"{float(result.evaluation.net[0].sum()):,.4f}", creditable=f"{result.creditable:,.4f}"))
    if se == se:
        lines.append(text("quantify.interval", low=f"{low:,.1f}", high=f"{high:,.1f}", missing=interval_missing(result) or "-"))
    lines.append(
        text(
            "quantify.issued",
            issued=f"{result.issued:,}",
            years=", ".join(f"{year}: {tonnes:,}" for year, tonnes in result.vintages.items()),
        )
    )
    if result.deficit < 0:
        lines.append(text("quantify.deficit", deficit=f"{result.deficit:,.4f}"))
    lines.append(text("quantify.unverified", n=len(unverified(result))))
    return "\n".join(lines)
