"""The stage that people look at: page, workbook and quick-looks of a run, from the tables of its folder alone.

Nothing is read but tables, settings and the overviews of maps. The same inputs give the
same bytes; what was made from the same inputs is not made again.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from aoi.findings import Finding, InputError, finding
from aoi.table import replace_file
from aoi.texts import catalogue
from sinks import __version__
from sinks.demo.check import DemoCheck
from sinks.provenance import code_hash, content_hash, file_sha256, log, read_json, versions, write_json
from sinks.report.outlines import FILE
from sinks.report.page.answer import title_of
from sinks.report.page.arrivals import PAGE as INPUTS_PAGE
from sinks.report.page.arrivals import inputs_page
from sinks.report.page.blocks import Words, inert, words
from sinks.report.page.html import TEMPLATES, page_of
from sinks.report.quicklook import look_at, maps_of, picture
from sinks.report.results import NEEDED, OF_OTHERS, Results, read_results
from sinks.report.workbook import workbook

FOLDER, PAGE, WORKBOOK = "report", "report.html", "yearbook.xlsx"
RECORD = "report"
"""The key of run.json under which the stage keeps what it made, and from what."""
CODE = ("sinks/report", "sinks/tables.py", "sinks/factors", "sinks/legends")
LIBRARIES = ("plotly", "matplotlib", "xlsxwriter", "jinja2", "fonttools", "justmytype-intl-cjk")
"""What draws and writes."""
MOST_IMAGES, MOST_IMAGE_BYTES = 8, 2_500_000
"""Quick-looks that the page carries; the others stand beside it."""


def report_path(out: Path) -> Path:
    """Where the page of a run stands."""
    return out / FOLDER / PAGE


def make_report(out: Path) -> bool:
    """Write page, workbook and quick-looks of a run. Returns whether anything was made.

    Raises
    ------
    InputError
        The folder holds no finished run; a file of the report is held by another program.
    """
    if not out.is_dir():
        raise InputError(finding("E-RUN-05", out.name))
    key = content_hash(_key(out))
    if _stands(out, key):
        return False
    results = read_results(out)
    looks = {path.stem: _look(path, results) for path in maps_of(out)}
    images = list(_images(looks))
    made: dict[str, bytes] = {
        PAGE: page_of(results, images).encode("utf-8"), INPUTS_PAGE: inputs_page(out, results).encode("utf-8"), WORKBOOK: workbook(results),
    }  # fmt: skip
    made |= {f"{name}.png": content for name, (_, content) in looks.items()}
    _replace(out / FOLDER, made)
    record = read_json(out / "run.json") or {}
    record[RECORD] = {"key": key, "files": {name: file_sha256(out / FOLDER / name) for name in sorted(made)}}
    write_json(out / "run.json", record)
    log(out, "reported", files=len(made))
    return True


def findings_of_report(out: Path) -> list[Finding]:
    """What the report of a run lacks."""
    return [] if (out / "inputs" / FILE).exists() else [finding("W-REPORT-01", out.name)]


def is_stale(out: Path) -> bool:
    """Whether a run folder has a report that was made from other results."""
    return report_path(out).exists() and not _stands(out, content_hash(_key(out)))


def keep_checks(out: Path, checks: Sequence[DemoCheck]) -> None:
    """Leave the outcome of the checks of a demonstration where the report finds it."""
    failed = [check for check in checks if not check.ok]
    told = words("check_demo", n=len(checks))
    rows = [{"zh": told.zh, "en": told.en, "ok": not failed, "measured": str(len(failed)), "limit": "0"}]
    rows += [
        {"zh": one.message("zh"), "en": one.message("en"), "ok": False, "measured": f"{one.found:.6g}", "limit": f"{one.expected:.6g}"}
        for one in failed
    ]
    write_json(out / "checks.json", rows)


def _key(out: Path) -> dict[str, Any]:
    """Everything that the report says; the hashes of the run's own maps stand in its record."""
    record = {name: value for name, value in (read_json(out / "run.json") or {}).items() if name != RECORD}
    files = [out / "tables" / f"{name}.csv" for name in (*NEEDED, *OF_OTHERS)]
    files += [out / "tables" / name for name in ("activity_year.csv", "strata.csv")] + [out / "inputs" / "legend.csv"]
    files += [out / "inputs" / "settings.json", out / "inputs" / FILE, out / "findings.json", out / "checks.json"]
    files += [path for path in maps_of(out) if path.stem not in record.get("maps", {})]
    return {
        "code": code_hash(*CODE), "templates": _templates_hash(), "record": record, "program": __version__, "words": content_hash(catalogue()),
        "libraries": _libraries(), "files": {path.relative_to(out).as_posix(): file_sha256(path) for path in files if path.is_file()},
    }  # fmt: skip


@lru_cache(maxsize=1)
def _templates_hash() -> str:
    return content_hash({path.name: file_sha256(path) for path in sorted(TEMPLATES.rglob("*")) if path.is_file()})


def _libraries() -> dict[str, str]:
    """Versions of what draws and writes."""
    from importlib import metadata

    return {**versions(), **{name: metadata.version(name) for name in LIBRARIES}}


def _stands(out: Path, key: str) -> bool:
    record = (read_json(out / "run.json") or {}).get(RECORD)
    if not isinstance(record, dict) or record.get("key") != key:
        return False
    return all((out / FOLDER / name).is_file() and file_sha256(out / FOLDER / name) == digest for name, digest in record["files"].items())


def _look(path: Path, results: Results) -> tuple[Words, bytes]:
    """The title and the picture of a map."""
    look = look_at(path)
    title = title_of(results)
    values = {"run": inert(results.record.get("run_id", "")), "version": __version__}
    source = words("look_source", title=title, **values)
    outlines = results.outlines
    built_in = outlines is not None and outlines.builtin
    note = words("look_note_builtin") if built_in else words("look_note_file", file=inert(outlines.source if outlines else ""))
    return look.title, picture(look, source, note, outlines)


def _images(looks: Mapping[str, tuple[Words, bytes]]) -> Iterator[dict[str, Any]]:
    """The pictures that the page carries, as far as there is room."""
    room = MOST_IMAGE_BYTES
    for title, content in list(looks.values())[:MOST_IMAGES]:
        room -= len(content)
        if room >= 0:
            yield {"title": title, "png": base64.b64encode(content).decode("ascii")}


def _replace(folder: Path, made: Mapping[str, bytes]) -> None:
    """Put the files in place; one that another program holds is kept under a new name, and all such are told at once."""
    found: list[Finding] = []
    for name, content in made.items():
        try:
            replace_file(folder / name, content)
        except InputError:
            kept = folder / f"new_{name}"
            kept.write_bytes(content)
            found.append(finding("E-REPORT-02", f"{FOLDER}/{name}", file=name, kept=kept.name))
    if found:
        raise InputError(found)
    for path in sorted(folder.glob("*.png")):
        if path.name not in made:
            path.unlink()
