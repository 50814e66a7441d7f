"""One valid package and forty broken ones, each with the finding that it must give: the acceptance test of any reader."""

import base64
import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

from assessments import LEAGUES, issue, state, write_csv, write_events, write_run
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sinks.assessment.package import Order, build_files, sign
from sinks.assessment.reader import MANIFEST, PACKAGE, SIGNATURE, archive_bytes, signature_file
from sinks.assessment.signer import FileSigner
from sinks.tables import EMISSIONS, QUANTIFICATIONS

Files = dict[str, bytes]
AT = "2026-11-25T00:00:00+00:00"
ISSUER = "示例林草局"


def write_key(path: Path, seed: int) -> Path:
    """A private key that is the same for the same seed, and its public key beside it."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(bytes([seed])).digest())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.with_suffix(".pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


EVENTS = [
    issue("A", 9000, serial_first=1, date="2022-03-01"), issue("B", 5400, serial_first=9001, date="2023-05-01", league_shares="150400:0.4;150500:0.6"),
    state("A", 2, "2022-05-01", "sold_out"), issue("C", 4500, serial_first=20001, vintage=2022, date="2023-03-01", league_shares="150700:1"),
    state("A", 3, "2023-07-01", "retired_ets"), state("C", 2, "2024-01-05", "cancelled_for_league"),
]  # fmt: skip
REMOVALS = {
    **{league: (100_000.0 + place * 1000.125, 5_000.0 + place) for place, league in enumerate(LEAGUES)}, "150300": (-4321.5, 900.25), "152900": (1000.0, 900.0),
}  # fmt: skip
POLICY = {"closed_years": {2021: "2022-06-30"}, "assessment_years": [2021, 2022, 2023], "cap": {"150100": 50_000}}


def write_rich_run(folder: Path, policy: dict | None = None, removals: dict | None = None) -> Path:
    """A run with units, a closed year, a cap, a league that loses carbon, one whose interval holds zero, emissions and a pipeline."""
    folder.mkdir(parents=True, exist_ok=True)
    emissions = write_csv(
        folder / "emissions.csv", EMISSIONS.names,
        [{"league": league, "year": year, "emission_tCO2e": 1_000_000, "source": "stated"} for league in LEAGUES for year in (2021, 2022, 2023)],
    )  # fmt: skip
    net = {
        "project": "D1", "module": "planted_shrubland", "status": "regional_draft", "league": "150600", "vintage": 2022, "stratum": "s",
        "period": "2022", "term": "net", "pool": "total", "sign": 1, "gross_tCO2e": 1000, "after_uncertainty_tCO2e": 950, "after_other_tCO2e": 950,
        "after_risk_tCO2e": 855.5,
    }  # fmt: skip
    quantified = write_csv(folder / "quantifications.csv", QUANTIFICATIONS.names, [net])
    ledger = write_events(folder / "ledger.csv", EVENTS)
    return write_run(
        folder / "out", removals or REMOVALS, policy or POLICY, ledger=ledger, emissions=emissions, quantifications=[quantified], correlation=0.25
    )


class Held(dict):  # type: ignore[type-arg]
    """Files whose text is short: they stand in the reports of failing tests."""

    def __repr__(self) -> str:
        return f"{len(self)} files"


def valid_files(run: Path, key: Path, **order: object) -> Files:
    """The files of a valid package, without manifest and signature."""
    return Held(build_files(run, Order(issuer=ISSUER, **order), FileSigner(key))[1])  # type: ignore[arg-type]


def signed(files: Files, key: Path) -> Files:
    """The package of some files, with the description, manifest and signature that go with them."""
    files = {name: content for name, content in files.items() if name not in (MANIFEST, SIGNATURE)}
    if PACKAGE in files:
        try:
            package = json.loads(files[PACKAGE])
            for one in package["resources"]:
                content = files.get(one["path"], b"")
                one["bytes"], one["hash"] = len(content), f"sha256:{hashlib.sha256(content).hexdigest()}"
            files[PACKAGE] = json.dumps(package, ensure_ascii=False).encode()
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
    return sign(files, [FileSigner(key)], AT)


def cell(files: Files, name: str, row: int, column: str, text: str) -> Files:
    """The files with another text in a cell (quotes and all); rows count from the first after the head."""
    lines = files[name].decode().split("\n")
    place = lines[0].split(",").index(column)
    cells = split(lines[row + 1])
    cells[place] = text
    lines[row + 1] = ",".join(cells)
    return {**files, name: "\n".join(lines).encode()}


def split(line: str) -> list[str]:
    """Cells of a line with their quotes; none of ours holds a comma inside."""
    out, inside, start = [], False, 0
    for place, letter in enumerate(line):
        if letter == '"':
            inside = not inside
        elif letter == "," and not inside:
            out.append(line[start:place])
            start = place + 1
    return [*out, line[start:]]


def row_of(files: Files, name: str, *texts: str) -> int:
    """The first row of a table that holds some texts."""
    lines = files[name].decode().split("\n")[1:]
    return next(number for number, line in enumerate(lines) if all(text in line for text in texts))


def edit(files: Files, name: str, change: Callable[[list[str]], list[str]]) -> Files:
    """The files with the lines of one changed."""
    lines = files[name].decode().split("\n")[:-1]
    return {**files, name: ("\n".join(change(lines)) + "\n").encode()}


def described(files: Files, **values: object) -> Files:
    """The files with another description of the package."""
    return {**files, PACKAGE: json.dumps({**json.loads(files[PACKAGE]), **values}).encode()}


OFFSET, LEDGER, CCER = "data/offset.csv", "data/ledger.csv", "data/ccer.csv"
RESTATED = '"NMG-ECS:150400:2022","se_tCO2e",1,1.000,2.000,1.000,"ERROR","x","y","2026-01-01"'


def _offset(column: str, text: str, league: str = "150400", year: str = "2022") -> Callable[[Files], Files]:
    return lambda files: cell(files, OFFSET, row_of(files, OFFSET, f":{league}:{year}"), column, text)


def _without_error(files: Files) -> Files:
    """A league whose deduction is taken away together with its standard error, under a policy without the zero rule."""
    files = cell(files, "provenance/policy.csv", row_of(files, "provenance/policy.csv", "zero_rule"), "setting", '"false"')
    number = row_of(files, OFFSET, ":150700:2022")
    return cell(cell(files, OFFSET, number, "se_tCO2e", ""), OFFSET, number, "deduction_tCO2e", "0.000")


BEFORE_SIGNING: dict[str, tuple[str, Callable[[Files], Files]]] = {
    "description missing": ("E-PKG-20", lambda files: {name: content for name, content in files.items() if name != PACKAGE}),
    "description no json": ("E-PKG-20", lambda files: {**files, PACKAGE: b"{"}),
    "description deep": ("E-PKG-20", lambda files: {**files, PACKAGE: b"[" * 100_000}),
    "revision zero": ("E-PKG-20", lambda files: described(files, revision=0)),
    "second revision of nothing": ("E-PKG-20", lambda files: described(files, revision=2)),
    "another layout": ("E-PKG-21", lambda files: described(files, layout="assessment/v2")),
    "another major version": ("E-PKG-21", lambda files: described(files, schema_version="2.0.0")),
    "schema of other columns": ("E-PKG-22", lambda files: {**files, "schema/offset.json": files["schema/ccer.json"]}),
    "table missing": ("E-PKG-23", lambda files: {name: content for name, content in files.items() if name != CCER}),
    "byte-order mark": ("E-PKG-24", lambda files: {**files, OFFSET: b"\xef\xbb\xbf" + files[OFFSET]}),
    "lines of windows": ("E-PKG-24", lambda files: {**files, OFFSET: files[OFFSET].replace(b"\n", b"\r\n")}),
    "gb18030": ("E-PKG-24", lambda files: {**files, "codelists/division.csv": files["codelists/division.csv"].decode().encode("gb18030")}),
    "column renamed": ("E-PKG-25", lambda files: {**files, OFFSET: files[OFFSET].replace(b"offset_trial_tCO2e", b"offset_tonnes", 1)}),
    "row too short": ("E-PKG-25", lambda files: edit(files, OFFSET, lambda lines: [*lines[:3], lines[3].rsplit(",", 1)[0], *lines[4:]])),
    "number with exponent": ("E-PKG-26", _offset("offset_trial_tCO2e", "1e5")),
    "number without decimals": ("E-PKG-26", _offset("se_tCO2e", "5000")),
    "negative offset": ("E-PKG-26", _offset("offset_trial_tCO2e", "-1.000")),
    "formula": ("E-PKG-26", _offset("not_estimated", '"=1+1"')),
    "unknown status": ("E-PKG-26", _offset("rule_status", '"law"')),
    "row twice": ("E-PKG-27", lambda files: edit(files, OFFSET, lambda lines: [*lines[:4], lines[3], *lines[4:]])),
    "rows out of order": ("E-PKG-28", lambda files: edit(files, OFFSET, lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]])),
    "league that is none": ("E-PKG-29", lambda files: edit(files, CCER, lambda lines: [line.replace("150700", "152100") for line in lines])),
    "league missing": ("E-PKG-30", lambda files: edit(files, OFFSET, lambda lines: [line for line in lines if ":152900:2022" not in line])),
    "region is no sum": ("E-PKG-31", _offset("pipeline_tCO2e", "1.000", "150000")),
    "offset raised": ("E-PKG-32", _offset("offset_trial_tCO2e", "999999.000")),
    "deduction of another rule": ("E-PKG-32", _offset("deduction_tCO2e", "0.000")),
    "units not left out": ("E-PKG-33", _offset("ccer_applied_tCO2e", "0.000", "150400", "2021")),
    "carry forgotten": ("E-PKG-33", _offset("carry_in_tCO2e", "77.000", "150400", "2023")),
    "decreed in secret": ("E-PKG-34", _offset("offset_tCO2e", "1.000")),
    "interval beside its value": ("E-PKG-35", _offset("low_tCO2e", "999999.000")),
    "leaf changed": ("E-PKG-36", lambda files: cell(files, "data/inventory.csv", row_of(files, "data/inventory.csv", "150400", "removal"), "value", "1.000")),
    "units of the year changed": ("E-PKG-37", lambda files: cell(files, CCER, row_of(files, CCER, "150700", "cancelled"), "issued_tCO2e", "4499.000")),
    "excluded by another policy": ("E-PKG-37", lambda files: cell(files, CCER, row_of(files, CCER, "sold_out"), "excluded", '"false"')),
    "ledger row removed": ("E-PKG-38", lambda files: edit(files, LEDGER, lambda lines: [*lines[:3], *lines[4:]])),
    "ledger row edited": ("E-PKG-38", lambda files: edit(files, LEDGER, lambda lines: [line.replace('"sold_out"', '"held"') for line in lines])),
    "state is not that of the ledger": (
        "E-PKG-39", lambda files: edit(files, CCER, lambda lines: [line.replace('"sold_out"', '"retired_ets"') for line in lines])
    ),
    "gross understated": ("E-PKG-39", lambda files: cell(files, CCER, row_of(files, CCER, "150700", "cancelled"), "gross_tCO2e", "1.000")),
    "no error, no deduction": ("E-PKG-32", lambda files: _without_error(files)),
    "polygons do not close": ("E-PKG-40", lambda files: cell(files, "data/polygon_account.csv", 0, "unclaimed_tCO2e", "1.000")),
    "restated out of the blue": (
        "E-PKG-41",
        lambda files: edit(files, "data/restatement.csv", lambda lines: [*lines, RESTATED]),
    ),
    "record of another year": ("E-PKG-42", lambda files: described(files, status="final")),
    "withdrawn with numbers": (
        "E-PKG-43", lambda files: described({**files, OFFSET: files[OFFSET].replace(b'"provisional"', b'"withdrawn"')}, status="withdrawn")
    ),
    "policy not told": ("E-PKG-44", lambda files: edit(files, "provenance/policy.csv", lambda lines: [line for line in lines if "zero_rule" not in line])),
}  # fmt: skip
"""Made by a sender who signs what is wrong: found by tables and rules."""


def _without(name: str) -> Callable[[Files], Files]:
    return lambda files: {one: content for one, content in files.items() if one != name}


def _flipped(name: str) -> Callable[[Files], Files]:
    def flip(files: Files) -> Files:
        content = bytearray(files[name])
        content[len(content) // 2] ^= 1
        return {**files, name: bytes(content)}

    return flip


def _resigned(change: Callable[[dict], object]) -> Callable[[Files], Files]:
    """The signature file with something changed in its first signature, written as it should be."""

    def make(files: Files) -> Files:
        one = json.loads(files[SIGNATURE])["signatures"][0]
        change(one)
        row = (one["alg"], one["key_id"], one["signed_at"], base64.b64decode(one["signature"]), one["manifest_sha256"])
        return {**files, SIGNATURE: signature_file([row])}

    return make


AFTER_SIGNING: dict[str, tuple[str, Callable[[Files], Files]]] = {
    "byte changed": ("E-PKG-16", _flipped(OFFSET)),
    "row removed": ("E-PKG-16", lambda files: edit(files, OFFSET, lambda lines: [*lines[:5], *lines[6:]])),
    "ledger re-ordered": ("E-PKG-16", lambda files: edit(files, LEDGER, lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]])),
    "workbook changed": ("E-PKG-16", _flipped("human/offset.xlsx")),
    "file missing": ("E-PKG-14", _without(CCER)),
    "file added": ("E-PKG-15", lambda files: {**files, "data/more.csv": b"a\n"}),
    "manifest missing": ("E-PKG-10", _without(MANIFEST)),
    "signature missing": ("E-PKG-11", _without(SIGNATURE)),
    "signature is noise": ("E-PKG-11", lambda files: {**files, SIGNATURE: b"\xff\xfe"}),
    "signature written otherwise": ("E-PKG-11", lambda files: {**files, SIGNATURE: files[SIGNATURE] + b" "}),
    "time of signing changed": ("E-PKG-13", _resigned(lambda one: one.update(signed_at="2020-01-01T00:00:00+00:00"))),
    "signature of nothing": ("E-PKG-13", _resigned(lambda one: one.update(signature=base64.b64encode(bytes(64)).decode()))),
    "manifest changed": (
        "E-PKG-13", lambda files: {**files, MANIFEST: files[MANIFEST].replace(b"data/offset.csv", b"data/offsex.csv")}
    ),
}  # fmt: skip
"""Changed on the way: found by manifest and signature."""


def another_key(files: Files, folder: Path) -> Files:
    """The package signed again by someone else."""
    return signed(files, write_key(folder / "other.pem", 9))


def archive_of(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED, attributes: int = (stat.S_IFREG | 0o644) << 16) -> bytes:
    """An archive of entries as they are given, names and all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries:
            entry = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
            entry.filename = entry.orig_filename = name
            entry.create_system, entry.external_attr, entry.compress_type = 3, attributes, compression
            with _silent():
                archive.writestr(entry, content)
    return buffer.getvalue()


def _silent():  # type: ignore[no-untyped-def]
    import warnings

    context = warnings.catch_warnings()
    context.__enter__()
    warnings.simplefilter("ignore")
    return _Leaving(context)


class _Leaving:
    """Leaves a context that was entered before."""

    def __init__(self, context) -> None:  # type: ignore[no-untyped-def]
        self.context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self.context.__exit__(*error)


ARCHIVES: dict[str, tuple[str, Callable[[Files], bytes]]] = {
    "no archive": ("E-PKG-01", lambda files: b"not a zip"),
    "archive cut off": ("E-PKG-01", lambda files: archive_bytes(files)[:-30]),
    "too many files": ("E-PKG-02", lambda files: archive_of([(f"{number}", b"x") for number in range(600)])),
    "zip bomb": ("E-PKG-03", lambda files: archive_of([("bomb", bytes(50_000_000))], zipfile.ZIP_DEFLATED)),
    "path that leaves": ("E-PKG-04", lambda files: archive_of([("../evil.txt", b"x"), *sorted(files.items())])),
    "absolute path": ("E-PKG-04", lambda files: archive_of([("/etc/passwd", b"x")])),
    "path of windows": ("E-PKG-04", lambda files: archive_of([("data\\offset.csv", b"x")])),
    "device": ("E-PKG-04", lambda files: archive_of([("data/CON.csv", b"x")])),
    "name twice": ("E-PKG-05", lambda files: archive_of([(OFFSET, b"x"), *sorted(files.items())])),
    "name in another case": ("E-PKG-05", lambda files: archive_of([("Data/Offset.csv", b"x"), *sorted(files.items())])),
    "symbolic link": ("E-PKG-06", lambda files: archive_of([("link", b"/etc/passwd")], attributes=(stat.S_IFLNK | 0o777) << 16)),
    "bytes before the archive": ("E-PKG-07", lambda files: b"#!/bin/sh\n" + archive_bytes(files)),
    "compressed": ("E-PKG-07", lambda files: archive_of(sorted(files.items()), zipfile.ZIP_DEFLATED)),
}  # fmt: skip
"""Archives that are no package, or dangerous ones."""


def write_archive_of(path: Path, files: Files) -> Path:
    """A bundle as an archive."""
    path.write_bytes(archive_bytes(files))
    return path
