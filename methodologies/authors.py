"""For authors: a template that passes, and reports of what a module declares and whether it keeps the contract."""

import re
from pathlib import Path

from aoi.findings import Finding, InputError, errors, finding
from aoi.table import replace_file
from aoi.texts import Language, text
from methodologies.contract import Methodology
from methodologies.discovery import Loaded

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9_]{1,40}")


def write_template(name: str, folder: Path, title: str | None = None, title_en: str | None = None) -> list[Path]:
    """Write a package with a module that passes the contract suite; returns its files.

    Raises
    ------
    InputError
        A name that is no id, or a folder that is there already.
    """
    if not _NAME.fullmatch(name):
        raise InputError(finding("E-METHOD-22", name, name=name))
    if folder.exists():
        raise InputError(finding("E-METHOD-23", folder.name, folder=folder.name))
    package = f"{name}_methodology"
    words = {
        "@ID@": name, "@PACKAGE@": package, "@DISTRIBUTION@": package.replace("_", "-"), "@TITLE@": title or f"{name} 方法学（地区草案）",
        "@TITLE_EN@": title_en or f"{name} methodology (regional draft)",
    }  # fmt: skip
    files = {
        folder / "pyproject.toml": "pyproject.toml.txt", folder / "README.md": "README.md.txt", folder / package / "module.py": "module.py.txt",
        folder / package / "parameters.csv": "parameters.csv",
    }  # fmt: skip
    replace_file(folder / package / "__init__.py", f'"""{words["@TITLE_EN@"]}"""\n'.encode())
    for path, template in files.items():
        content = (_TEMPLATES / template).read_text(encoding="utf-8")
        for mark, word in words.items():
            content = content.replace(mark, word)
        replace_file(path, content.encode("utf-8"))
    return [folder / package / "__init__.py", *files]


def sheet(loaded: Loaded, language: Language) -> str:
    """What a methodology declares: identity, conditions, pools, tables, terms, deductions, and parameters with the unverified first."""
    module, zh = loaded.methodology, language == "zh"

    def say(key: str, **values: object) -> str:
        return text(f"sheet.{key}", language, **values)

    lines = [
        f"{module.id}  {module.title if zh else module.title_en}",
        say("status", status=text(f"doc.status.{module.status}", language)),
        say("source", source=module.source),
        say("from", distribution=loaded.distribution, version=loaded.version, sha256=loaded.sha256[:16]),
    ]
    if module.note or module.note_en:
        lines.append(module.note if zh else module.note_en)
    lines += ["", say("conditions")]
    lines += [
        f"  {one.id:14} [{one.tag or '-'}] {one.clause if zh else one.clause_en} {_how(one.test is not None, one.stated, language)}"
        for one in module.conditions
    ]
    lines += ["", say("pools")]
    lines += [f"  {one.name:22} {_mark(one.baseline)} {_mark(one.project)}  {one.reason if zh else one.reason_en}" for one in module.pools]
    lines += ["", say("tables"), *_tables(module, zh), "", say("terms")]
    lines += [f"  {one.name:16} {one.role:18} [{one.unit}] {one.title if zh else one.title_en}" for one in module.terms]
    lines += ["", say("deductions")]
    lines += [f"  {one.id:14} {one.kind:12} {one.clause if zh else one.clause_en}" for one in module.deductions]
    return "\n".join([*lines, "", *_parameters(loaded, zh, say("parameters"))])


def _how(tested: bool, stated: bool, language: Language) -> str:
    words = [text(f"doc.how.{key}", language) for key, is_so in (("data", tested), ("stated", stated)) if is_so]
    return f"({' + '.join(words)})"


def _mark(counted: bool) -> str:
    return "+" if counted else "-"


def _tables(module: Methodology, zh: bool) -> list[str]:
    lines = []
    for name, table in module.tables.items():
        columns = ", ".join(
            f"{one.name} ({one.title_zh if zh else one.title_en}{f', {one.unit}' if one.unit and one.unit != '-' else ''})"
            for one in table.columns
        )
        lines.append(f"  {name}{'?' if name in module.optional else ''}: {columns}")
    return lines


def _parameters(loaded: Loaded, zh: bool, head: str) -> list[str]:
    frame = loaded.parameters.frame
    order = frame.assign(known=frame["value"].notna(), sure=frame["verified"].fillna(False).astype(bool)).sort_values(
        ["known", "sure", "id"], kind="stable"
    )
    lines = [head]
    for row in order.to_dict("records"):
        value = "?" if row["value"] != row["value"] else f"{row['value']:g}"
        title = (row["title_zh"] if zh else row["title_en"]) or ""
        mark = "" if row["sure"] else "!"
        source = f"{loaded.parameters.citation(str(row['source']))}; {row['locator'] or '-'}"
        lines.append(
            f"  {mark:1} {row['id']:34} {value:>9} {row['unit'] or '-':18} [{row['tag']}] {row['verify'] or '':5} {title}; {source}"
        )
    return lines


def report(where: str, loaded: Loaded | None, findings: list[Finding], language: Language) -> str:
    """The report of the contract suite on a module."""
    lines = [text("report.head", language, where=where)]
    if loaded is not None and not errors(findings):
        module = loaded.methodology
        lines.append(
            text(
                "report.passed",
                language,
                id=module.id,
                examples=len(module.examples),
                parameters=len(loaded.parameters.frame),
                conditions=len(module.conditions),
            )
        )
        lines += [f"  {number}. {one.title} ({one.source})" for number, one in enumerate(module.examples, start=1)]
        unknown = loaded.parameters.frame[loaded.parameters.frame["value"].isna()]["id"]
        if len(unknown):
            lines.append(text("report.unknown", language, ids=", ".join(unknown)))
        return "\n".join(lines)
    lines.append(text("report.refused", language, n=len(errors(findings))))
    return "\n".join([*lines, *(f"  {one.line(language)}" for one in findings)])
