"""The stage of the offset: tables of a run, ledger, policy -> tables; no pixel is read, and nothing is done twice."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.findings import Finding, InputError, finding
from aoi.table import Column, Table, replace_file
from aoi.texts import LANGUAGES, current_language
from sinks import tables
from sinks.assessment.basis import Basis, read_basis
from sinks.assessment.cover import labels_of, notes_of, unverified_of
from sinks.assessment.ledger import Ledger
from sinks.assessment.offsets import Account, Units, account_offsets, assumed_issued, reading_of, years_of
from sinks.assessment.owner_map import owner_map
from sinks.assessment.sources import (
    Sources,
    guarded_ledger,
    missing_sources,
    note_sources,
    noted_sources,
    read_emissions,
    read_known,
    sources_of,
)
from sinks.assessment.words import offsets_words
from sinks.assessment.workbook import offset_workbook
from sinks.config import PolicySection
from sinks.pipeline import read_inventory, results, tables_of
from sinks.provenance import code_hash, content_hash, file_sha256, log, read_json, write_json
from sinks.setup import Setup

STAGE = "offsets"
OWNERS = "maps/owners.geojson"
CODE = ("sinks/assessment", "sinks/assessment/values.csv", "sinks/assessment/methodologies.csv", "sinks/tables.py", "sinks/config.py")
MADE = (tables.OFFSETS, tables.UNITS, tables.PIPELINE, tables.POLYGON_ACCOUNT)
OF_ACCOUNTING = ("removal_approach", "grass_weather", "wetland_ch4", "unvalidated_change")
"""Keys of a policy that change the removals themselves."""

COMPARISON = Table(
    name="comparison", title_zh="口径比较", title_en="Two policies side by side", row_per="league and year",
    columns=(
        *(tables.OFFSETS.column(name) for name in ("league", "year")),
        *(
            Column(name=f"{name}_{side}_tCO2e", type="decimal", title_zh=f"{zh}（{side_zh}）", title_en=f"{en}, {side_en}", unit="t CO2e", decimals=3)
            for name, zh, en in (("removal_inventory", "清单碳汇量", "Removal S"), ("deduction", "不确定性扣减", "Deduction"),
                                 ("ccer_excluded", "应扣除量", "To be left out, X"), ("offset_trial", "试算抵扣量", "Trial offset"))
            for side, side_zh, side_en in (("this", "本口径", "this policy"), ("other", "另一口径", "the other policy"))
        ),
        Column(name="difference_tCO2e", type="decimal", title_zh="差额", title_en="Difference of the offsets", unit="t CO2e", decimals=3),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Another policy, or drafts taken for issued."""

    policy: PolicySection | None = None
    assume: Sequence[str] = ()


def policy_of(out: Path) -> PolicySection:
    """The policy that a run was made with.

    Raises
    ------
    InputError
        The folder holds no run.
    """
    settings = read_json(out / "inputs" / "settings.json")
    record = (read_json(out / "run.json") or {}).get("stages", {})
    if not isinstance(settings, dict) or "policy" not in settings or "account" not in record:
        raise InputError(finding("E-RUN-05", out.name))
    return PolicySection.model_validate(settings["policy"])


def settle_offsets(out: Path) -> bool:
    """Make the tables of the offset of a run folder; returns whether anything was computed.

    Raises
    ------
    InputError
        Units that have two owners, files that cannot be used; earlier tables stay as they are.
    """
    policy, sources = policy_of(out), noted_sources(out)
    key = content_hash([code_hash(*CODE), policy.model_dump(), sources.digest(), _account_stage(out)])
    if _kept(out, key):
        return False
    run_id = _run_id(out, key)
    account, ledger_rows = _account(out, sources, policy, WhatIf(), run_id)
    folder = out / "tables"
    for table in MADE:
        _write(table, account.frames[table], folder)
    replace_file(folder / "ledger.csv", ledger_rows)
    kept: dict[str, Any] = {language: [one.as_dict(language) for one in account.findings] for language in LANGUAGES}
    write_json(out / "assessment" / "findings.json", kept)
    for language in LANGUAGES:
        words = offsets_words(account.frames[tables.OFFSETS], account.frames[tables.UNITS], policy, kept[language], _names(out), language)
        replace_file(out / "assessment" / f"offsets.{language}.md", words.encode("utf-8"))
    _write_workbook(out, account, policy, kept)
    _record(out, key, run_id)
    log(out, "offsets", rows=len(account.frames[tables.OFFSETS]), findings=len(account.findings))
    return True


def assess(setup: Setup, out: Path) -> bool:
    """The stage within a run: note where its files are, then make the tables; returns whether anything was computed.

    A run whose policy has no year to assess (one date alone) has no offset.

    Raises
    ------
    InputError
        As `settle_offsets`.
    """
    note_sources(setup.config, setup.folders, out)
    policy = policy_of(out)
    if not years_of(policy, read_basis(out, policy)):
        return False
    computed = settle_offsets(out)
    if computed or not (out / OWNERS).exists():
        replace_file(
            out / OWNERS,
            owner_map(setup.zone_sets, tables.POLYGON_ACCOUNT.read(out / "tables" / "polygon_account.csv"), _parcel_owners(setup)),
        )
    return computed


def _parcel_owners(setup: Setup) -> dict[str, str]:
    return {} if setup.parcels is None else dict(zip(setup.parcels.zones.codes, setup.parcels.projects, strict=True))


def _write_workbook(out: Path, account: Account, policy: PolicySection, findings: Mapping[str, Any]) -> None:
    """The tables as a workbook that a bureau can file, beside the words."""
    years = sorted({int(year) for year in account.frames[tables.OFFSETS]["year"]})
    unverified = unverified_of(tables.FACTORS_USED.read(out / "tables" / "factors_used.csv"))
    notes = notes_of(labels_of(out), policy, years, unverified, findings)
    replace_file(out / "assessment" / "offsets.xlsx", offset_workbook(account.frames, notes, _names(out)))


def what_if(out: Path, other: WhatIf) -> tuple[pd.DataFrame, list[Finding], PolicySection]:
    """The offsets of a run under its own policy and under another, side by side; the tables of the run stay as they are.

    Returns
    -------
    DataFrame, list of Finding, PolicySection
        Rows of `COMPARISON`, what is to be said of the other policy, and that policy.
    """
    settle_offsets(out)
    policy = other.policy or policy_of(out)
    account, _ = _account(out, noted_sources(out), policy, other, _run_id(out, "what-if"))
    this = tables.OFFSETS.read(out / "tables" / "offsets.csv")
    frame = compared(this, account.frames[tables.OFFSETS])
    folder = out / "scenarios" / content_hash([policy.model_dump(), list(other.assume)])[:12]
    COMPARISON.write(frame, folder / "comparison.csv")
    tables.OFFSETS.write(account.frames[tables.OFFSETS], folder / "offsets.csv")
    write_json(folder / "policy.json", {"policy": policy.model_dump(), "assume_issued": list(other.assume)})
    return COMPARISON.sorted(COMPARISON.typed(frame)), account.findings, policy


def compared(this: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Rows of `COMPARISON` from two tables of offsets."""
    names = [name for name in tables.OFFSETS.names if f"{name.removesuffix('_tCO2e')}_this_tCO2e" in COMPARISON.names]
    both = this[["league", "year", *names]].merge(
        other[["league", "year", *names]], on=["league", "year"], how="outer", suffixes=(".this", ".other")
    )
    columns = {f"{name.removesuffix('_tCO2e')}_{side}_tCO2e": both[f"{name}.{side}"] for name in names for side in ("this", "other")}
    return both[["league", "year"]].assign(**columns, difference_tCO2e=both["offset_trial_tCO2e.other"] - both["offset_trial_tCO2e.this"])


def _account(out: Path, sources: Sources, policy: PolicySection, other: WhatIf, run_id: str) -> tuple[Account, bytes]:
    """The account under a policy and the ledger as a file, with everything checked."""
    basis = _basis(out, policy)
    leagues = basis.leagues
    known, found = read_known(sources, leagues)
    emissions = read_emissions(sources.emissions, leagues)
    with guarded_ledger(sources.ledger, known) as (ledger, more):
        found = [*found, *more, *([] if ledger is not None else [finding("N-OFFSET-06", "ledger")])]
        units = Units(
            movements=() if ledger is None else ledger.movements(), parcels={} if ledger is None else _parcels_of(ledger),
            quantifications=known.quantifications, emissions=emissions,
        )  # fmt: skip
        rows = _ledger_csv(ledger)
    years = years_of(policy, basis)
    if not years:
        raise InputError(finding("E-OFFSET-04", "policy: removal_approach", approach=policy.approach))
    strange = sorted(set(policy.closed_years) - set(years))
    if strange:
        raise InputError(finding("E-CONF-17", "policy: closed_years", years=", ".join(map(str, strange))))
    if other.assume:
        there = set() if known.quantifications is None else set(known.quantifications["module"])
        if set(other.assume) - there:
            raise InputError(
                finding("E-OFFSET-05", "--assume-issued", asked=", ".join(other.assume), known=", ".join(sorted(there)) or "-")
            )
        reading = reading_of(policy, years)
        units = replace(units, assumed=[one for module in other.assume for one in assumed_issued(units, module, reading)])
    account = account_offsets(basis, units, policy, run_id)
    return Account(account.frames, [*found, *account.findings]), rows


def _basis(out: Path, policy: PolicySection) -> Basis:
    """The tables of the run; made anew, on the activity tables, where another policy counts other removals."""
    own = policy_of(out)
    frames: Mapping[str, pd.DataFrame] | None = None
    named = OF_ACCOUNTING if policy.approaches else OF_ACCOUNTING[1:]
    if any(getattr(own, name) != getattr(policy, name) for name in named):
        inventory = replace(read_inventory(out), policy=policy)
        frames = {table.name: table.typed(frame) for table, frame in results(inventory).items()}
    return read_basis(out, policy, frames)


def _parcels_of(ledger: Ledger) -> dict[tuple[str, int], frozenset[str]]:
    out: dict[tuple[str, int], set[str]] = {}
    for project, vintage, parcels in ledger.distinct("project", "vintage", "parcels"):
        out.setdefault((project, int(vintage)), set()).update(parcels.split())
    return {key: frozenset(names) for key, names in out.items()}


def _ledger_csv(ledger: Ledger | None) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(tables.LEDGER.names)
    if ledger is not None:
        writer.writerows(ledger.rows())
    return buffer.getvalue().encode("utf-8")


def _names(out: Path) -> pd.DataFrame:
    return tables.ZONES.read(tables_of(out) / "zones.csv")


def _write(table: Table, frame: pd.DataFrame, folder: Path) -> None:
    ready = table.write(frame, folder / f"{table.name}.csv")
    buffer = io.BytesIO()
    ready.to_parquet(buffer, index=False)
    replace_file(folder / f"{table.name}.parquet", buffer.getvalue())


def _account_stage(out: Path) -> dict[str, Any]:
    """What the accounting made: keys of its stage and hashes of its tables."""
    stages = (read_json(out / "run.json") or {}).get("stages", {})
    return {name: stages.get(name) for name in ("tabulate", "account")}


def _run_id(out: Path, key: str) -> str:
    """The id of a run by the keys of its stages, as the record of the run has it once this stage is done."""
    keys = {name: stage["key"] for name, stage in _account_stage(out).items() if stage}
    return content_hash({**keys, STAGE: key})[:16]


def _kept(out: Path, key: str) -> bool:
    record = (read_json(out / "run.json") or {}).get("stages", {}).get(STAGE)
    if not record or record["key"] != key:
        return False
    return all(
        (out / "tables" / f"{name}.csv").exists() and file_sha256(out / "tables" / f"{name}.csv") == digest
        for name, digest in record["tables"].items()
    )


def _record(out: Path, key: str, run_id: str) -> None:
    record = read_json(out / "run.json") or {}
    names = sorted(["ledger", *(table.name for table in MADE)])
    stage = {"key": key, "run_id": run_id, "tables": {name: file_sha256(out / "tables" / f"{name}.csv") for name in names}}
    stages = record.setdefault("stages", {})
    stages[STAGE] = stage
    record["run_id"] = content_hash({name: one["key"] for name, one in stages.items()})[:16]
    write_json(out / "run.json", record)


def words_of(out: Path) -> str:
    """The offsets of a run in words, in the language of the user."""
    return (out / "assessment" / f"offsets.{current_language()}.md").read_text(encoding="utf-8")


def brief_of(out: Path) -> str:
    """The offsets of the last assessment year in words, in the language of the user."""
    kept = read_json(out / "assessment" / "findings.json") or {}
    offsets, units = (table.read(out / "tables" / f"{table.name}.csv") for table in (tables.OFFSETS, tables.UNITS))
    last = offsets[offsets["year"] == offsets["year"].max()]
    return offsets_words(last, units, None, kept.get(current_language(), ()), _names(out), current_language())


def findings_of(out: Path) -> list[dict[str, str]]:
    """What is to be said of the offsets of a run, in the language of the user."""
    return list((read_json(out / "assessment" / "findings.json") or {}).get(current_language(), ()))


def check_assessment(setup: Setup) -> list[Finding]:
    """What would stop the offsets of a run, before its first pixel: files, chain, claims that no one may make."""
    found = missing_sources(setup.config, setup.folders)
    if found:
        return found
    sources = sources_of(setup.config, setup.folders)
    try:
        known, found = read_known(sources, None)
        with guarded_ledger(sources.ledger, known) as (_, more):
            return [*found, *more]
    except InputError as error:
        return error.findings
