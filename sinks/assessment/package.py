"""The package for the assessment: from the tables of a run to a signed bundle, layout ``assessment/v1``; same inputs, same bytes."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.codes import league_names
from aoi.findings import InputError, finding
from aoi.table import Table, replace_file
from aoi.texts import text
from sinks import tables
from sinks.assessment import bundle_tables as parts
from sinks.assessment.basis import read_basis
from sinks.assessment.cover import labels_of, notes_of, unverified_of
from sinks.assessment.page import report_page
from sinks.assessment.reader import LAYOUT, MANIFEST, PACKAGE, SIGNATURE, archive_bytes, check, signature_file, signed_bytes
from sinks.assessment.rule import RULE_ID, RULE_STATUS
from sinks.assessment.signer import FileSigner, Signer
from sinks.assessment.stage import policy_of, settle_offsets
from sinks.assessment.workbook import offset_workbook
from sinks.provenance import read_json

SCHEMA_VERSION = "1.0.0"
PRODUCT = "NMG-ECS"
LICENCE = {"name": "other-closed", "title": "仅供考核使用 / for the assessment only"}
RECORD_KEYS = ("run_id", "stages", "versions", "choices", "inputs", "factors_sha256")
"""What of the record of a run goes into the package; no paths, no times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be packed, and as what.

    Parameters
    ----------
    issuer : str
        Who answers for the package.
    status : {"provisional", "final", "withdrawn"}
    supersedes : Path, optional
        The bundle of the revision before; its numbers that change need reasons.
    reasons : Path, optional
        Table `REASONS`: why numbers changed, and who approved it.
    """

    issuer: str
    status: str = "provisional"
    supersedes: Path | None = None
    reasons: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The revision that a package supersedes."""

    revision: int = 0
    digest: str | None = None
    rows: Sequence[Mapping[str, Any]] = ()


def build_files(out: Path, order: Order, signer: FileSigner) -> tuple[str, dict[str, bytes]]:
    """Name and files of the bundle of a run, without manifest and signature.

    Raises
    ------
    InputError
        The run has not the twelve leagues; numbers changed without a reason; the
        bundle before is not ours.
    """
    settle_offsets(out)
    policy = policy_of(out)
    basis = read_basis(out, policy)
    if set(basis.leagues) != set(league_names()):
        raise InputError(finding("E-PKG-60", out.name, leagues=", ".join(basis.leagues), expected=", ".join(sorted(league_names()))))
    folder = out / "tables"
    offsets = tables.OFFSETS.read(folder / "offsets.csv")
    years = sorted({int(year) for year in offsets["year"]})
    period = f"{years[0]}-{years[-1]}"
    before = _before(order, period, signer)
    revision = before.revision + 1
    rows = parts.offset_rows(offsets, PRODUCT, revision, order.status)
    frames: dict[Table, pd.DataFrame] = {
        parts.OFFSET: rows,
        parts.INVENTORY: parts.inventory_rows(basis, tables.STOCKS.read(folder / "stocks.csv")),
        parts.CHANGE: parts.change_rows(tables.LAND_USE.read(folder / "land_use.csv"), basis.league_of),
        parts.CCER: parts.CCER.typed(tables.UNITS.read(folder / "units.csv")),
        tables.PIPELINE: tables.PIPELINE.read(folder / "pipeline.csv"),
        tables.POLYGON_ACCOUNT: tables.POLYGON_ACCOUNT.read(folder / "polygon_account.csv"),
        parts.RESTATEMENT: _restatements(rows, before, order),
    }
    ledger = (folder / "ledger.csv").read_text(encoding="utf-8")
    if order.status == "withdrawn":
        frames = {table: frame if table in (parts.OFFSET, parts.RESTATEMENT) else frame.head(0) for table, frame in frames.items()}
        ledger = ledger.split("\n", 1)[0] + "\n"
    findings = read_json(out / "assessment" / "findings.json") or {}
    unverified = unverified_of(basis.factors)
    about: dict[Table, pd.DataFrame] = {
        parts.DIVISION: parts.division_rows(), parts.CODES: parts.code_rows(), parts.POLICY: parts.policy_rows(policy, years),
        parts.UNVERIFIED: unverified, parts.FINDINGS: parts.finding_rows(findings),
        tables.INPUTS: tables.INPUTS.read(folder / "inputs.csv"), tables.FACTORS_USED: basis.factors,
    }  # fmt: skip
    files, resources = _tables(frames, about, ledger)
    labels = labels_of(out, order.status)
    files["provenance/run.json"] = _json(
        {name: value for name, value in (read_json(out / "run.json") or {}).items() if name in RECORD_KEYS}
    )
    files["schema/offset.row.json"] = _json(json_schema(parts.OFFSET))
    shown = {
        tables.OFFSETS: offsets if order.status != "withdrawn" else tables.OFFSETS.typed(rows),
        **{table: frame for table, frame in frames.items() if table in HUMAN},
    }
    files["human/offset.xlsx"] = offset_workbook(
        shown, notes_of(labels, policy, years, unverified, findings), tables.ZONES.read(folder / "zones.csv")
    )
    files["human/report.html"] = report_page(shown[tables.OFFSETS], policy, labels, findings.get("zh", ()), unverified).encode("utf-8")
    name = f"{PRODUCT}_{period}_r{revision:02d}"
    files[PACKAGE] = _json(_description(name, order, period, revision, before, resources))
    return name, files


HUMAN = (parts.CCER, tables.PIPELINE, tables.POLYGON_ACCOUNT, parts.RESTATEMENT)
"""Tables that the workbook shows beside the offset."""


def sign(files: Mapping[str, bytes], signers: Sequence[Signer], signed_at: str | None = None) -> dict[str, bytes]:
    """The files with manifest and signatures; only ``signature.json`` holds a time."""
    manifest = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode("ascii")
    at = signed_at or datetime.now(UTC).isoformat(timespec="seconds")
    digest = hashlib.sha256(manifest).hexdigest()
    signatures = [(one.algorithm, one.key_id, at, one.sign(signed_bytes(manifest, at)), digest) for one in signers]
    return {**files, MANIFEST: manifest, SIGNATURE: signature_file(signatures)}


def write_bundle(files: Mapping[str, bytes], path: Path) -> list[Path]:
    """Write a bundle: to ``NAME.zip`` the archive, else the folder with the archive beside it; whole or not at all.

    Raises
    ------
    InputError
        ``E-PKG-63``: the folder is there and is no package.
    """
    if path.suffix.lower() == ".zip":
        replace_file(path, archive_bytes(files))
        return [path]
    if path.exists() and not (path / MANIFEST).is_file():
        raise InputError(finding("E-PKG-63", path.name))
    beside = path.with_name(f".{path.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    for name, content in files.items():
        replace_file(beside / name, content)
    if path.exists():
        old = path.with_name(f".{path.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
        beside.rename(path)
        shutil.rmtree(old)
    else:
        beside.rename(path)
    archive = path.with_name(f"{path.name}.zip")
    replace_file(archive, archive_bytes(files))
    return [path, archive]


def _before(order: Order, period: str, signer: FileSigner) -> Before:
    """The revision that is superseded, checked like any other package, with our own key."""
    if order.supersedes is None:
        if order.status == "withdrawn":
            raise InputError(finding("E-PKG-65", "--supersedes"))
        return Before()
    checked = check(order.supersedes, signer.public)
    if checked.found:
        raise InputError(
            [finding(one.id, f"{order.supersedes.name}: {one.where}", found=one.found, expected=one.expected) for one in checked.found]
        )
    package = checked.package
    if (package["issuer"], package["product"], package["period"]) != (order.issuer, PRODUCT, period):
        said = f"{package['issuer']}, {package['product']}, {package['period']}"
        raise InputError(finding("E-PKG-64", order.supersedes.name, package=said, expected=f"{order.issuer}, {PRODUCT}, {period}"))
    return Before(revision=int(package["revision"]), digest=checked.digest, rows=checked.tables["data/offset.csv"])


def _restatements(rows: pd.DataFrame, before: Before, order: Order) -> pd.DataFrame:
    """A row for every number that differs from the revision before, with its reason.

    Raises
    ------
    InputError
        ``E-PKG-62``: a number without a reason.
    """
    if not before.rows or order.status == "withdrawn":
        return parts.RESTATEMENT.frame()
    reasons = _reasons(order.reasons)
    old = {row["record_id"]: row for row in before.rows}
    out, found = [], []
    for row in rows.to_dict("records"):
        for name in (column.name for column in parts.OFFSET.columns if column.name.endswith("_tCO2e")):
            new = None if row[name] != row[name] else Decimal(f"{row[name]:.3f}") + 0
            was = old.get(row["record_id"], {}).get(name)
            if new == was:
                continue
            why = next(
                (reasons[key] for key in ((row["record_id"], name), (row["record_id"], "*"), ("*", name), ("*", "*")) if key in reasons),
                None,
            )
            if why is None:
                found.append(finding("E-PKG-62", f"{row['record_id']}, {name}", old=was, new=new))
                continue
            values = {
                "old_value": _float(was),
                "new_value": _float(new),
                "difference": _float(None if was is None or new is None else new - was),
            }
            out.append({"record_id": row["record_id"], "field": name, "old_revision": before.revision, **values, **why})
    if found:
        raise InputError(found[:50])
    return parts.RESTATEMENT.frame(out)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _reasons(path: Path | None) -> dict[tuple[str, str], dict[str, Any]]:
    if path is None:
        return {}
    rows = parts.REASONS.read(path, path.name)
    names = [column.name for column in parts.REASONS.columns if not column.key]
    return {(row["record_id"], row["field"]): {name: row[name] for name in names} for row in rows.to_dict("records")}


def _tables(
    frames: Mapping[Table, pd.DataFrame], about: Mapping[Table, pd.DataFrame], ledger: str
) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """Files of the tables and their schemas, and the resources that describe them."""
    files: dict[str, bytes] = {}
    resources = []
    placed = [(f"data/{table.name}.csv", table, parts.csv_text(table, frame)) for table, frame in frames.items()]
    placed.append(("data/ledger.csv", tables.LEDGER, parts.ledger_text(ledger)))
    for table, frame in about.items():
        place = "codelists" if table in (parts.DIVISION, parts.CODES) else "provenance"
        placed.append((f"{place}/{table.name}.csv", table, parts.csv_text(table, frame)))
    for name, table, words in sorted(placed, key=lambda one: one[0]):
        files[name] = words.encode("utf-8")
        files[f"schema/{table.name}.json"] = _json(_schema(table))
        resources.append(
            {"name": table.name, "path": name, "title": table.title_zh, "description": table.title_en, "format": "csv", "mediatype": "text/csv",
             "encoding": "utf-8", "bytes": len(files[name]), "hash": f"sha256:{hashlib.sha256(files[name]).hexdigest()}",
             "schema": f"schema/{table.name}.json", "type": "table"}
        )  # fmt: skip
    return files, resources


def _schema(table: Table) -> dict[str, Any]:
    """The Table Schema of a table; leagues are divisions."""
    schema = table.schema()
    if "league" in table.names:
        schema["foreignKeys"] = [{"fields": ["league"], "reference": {"resource": parts.DIVISION.name, "fields": ["code"]}}]
    return schema


def json_schema(table: Table) -> dict[str, Any]:
    """A row of a table as JSON Schema (2020-12); an empty cell is null."""
    properties: dict[str, Any] = {}
    for column in table.columns:
        kind = {"text": "string", "integer": "integer", "decimal": "number", "boolean": "boolean"}[column.type]
        needed = column.needed or column.key
        one: dict[str, Any] = {"type": kind if needed else [kind, "null"], "title": column.title_zh, "description": column.title_en}
        if column.choices:
            one["enum"] = [*column.choices, *(() if needed else (None,))]
        if column.pattern:
            one["pattern"] = f"^(?:{column.pattern})$"
        if column.minimum is not None:
            one["minimum"] = column.minimum
        if column.maximum is not None:
            one["maximum"] = column.maximum
        properties[column.name] = one
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": table.title_zh, "type": "object", "properties": properties,
        "required": table.names, "additionalProperties": False,
    }  # fmt: skip


def _description(
    name: str, order: Order, period: str, revision: int, before: Before, resources: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The descriptor after Data Package 2.0, with what the layout adds."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json", "name": name.lower(), "title": text("offsets.title", "zh"),
        "description": text("offsets.trial", "en", rule=RULE_ID), "version": f"{revision}.0.0", "licenses": [LICENCE],
        "contributors": [{"title": order.issuer, "roles": ["publisher"]}], "layout": LAYOUT, "schema_version": SCHEMA_VERSION,
        "issuer": order.issuer, "product": PRODUCT, "period": period, "revision": revision, "status": order.status,
        "supersedes": before.digest, "rule": {"id": RULE_ID, "status": RULE_STATUS, "label": "试算，规则未颁布"}, "resources": list(resources),
    }  # fmt: skip


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")
