"""Reader of carbon-sink assessment packages, layout ``assessment/v1``: checks without trusting the sender, and an idempotent import.

One file, Python 3.11 or later, standard library alone: it may be copied into
the assessment system. It is Apache-2.0 like the program that it comes from.

    python reader.py BUNDLE --key PUBLIC.pem [--import FILE.sqlite] [--json] [--lang en]

Order of the checks: size and names -> signature -> hashes -> tables -> rules
-> import. Nothing is unpacked to disk; nothing is imported when anything is
wrong. Exit 0: everything holds; 2: findings.
"""

import argparse
import base64
import contextlib
import csv
import hashlib
import io
import json
import re
import sqlite3
import stat
import sys
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

LAYOUT, MAJOR, MINOR = "assessment/v1", 1, 0
MOST_FILES, MOST_BYTES, MOST_RATIO, MOST_FOUND = 500, 2 << 30, 20, 200
MANIFEST, SIGNATURE, PACKAGE = "manifest-sha256.txt", "signature.json", "datapackage.json"
REGION = "150000"
DIVISIONS = frozenset(
    ["150000", "150100", "150200", "150300", "150400", "150500", "150600", "150700", "150800", "150900", "152200", "152500", "152900"]
)
"""The region and its twelve leagues and cities, GB/T 2260."""
FIXED_TIME = (1980, 1, 1, 0, 0, 0)

MESSAGES: dict[str, tuple[str, str]] = {
    "E-PKG-01": ("数据包无法读取", "the package cannot be read"),
    "E-PKG-02": ("数据包太大或文件太多", "the package is too large or holds too many files"),
    "E-PKG-03": ("压缩比异常，可能是压缩炸弹", "compressed beyond belief: a bomb"),
    "E-PKG-04": ("文件名越出数据包或不安全", "a name that leaves the package or is not safe"),
    "E-PKG-05": ("文件名重复或只差大小写", "a name that stands twice or differs by case alone"),
    "E-PKG-06": ("链接、特殊文件或加密文件", "a link, a special file or an encrypted one"),
    "E-PKG-07": ("压缩文件不是规定的写法", "the archive is not written as the layout says"),
    "E-PKG-10": ("没有清单或清单格式不对", "no manifest, or one that is not of its form"),
    "E-PKG-11": ("没有签名或签名格式不对", "no signature, or one that is not of its form"),
    "E-PKG-12": ("由另一把密钥签名", "signed with another key"),
    "E-PKG-13": ("签名与清单不符", "the signature does not fit the manifest"),
    "E-PKG-14": ("缺少清单所列的文件", "a file of the manifest is missing"),
    "E-PKG-15": ("清单以外的文件", "a file that the manifest does not list"),
    "E-PKG-16": ("文件被改动", "a file was changed"),
    "E-PKG-20": ("数据包说明缺失或格式不对", "the description of the package is missing or not of its form"),
    "E-PKG-21": ("数据包格式版本不认识", "a layout that is not known"),
    "E-PKG-22": ("数据包说明与文件不符", "the description of a file does not fit it"),
    "E-PKG-23": ("缺少必需的表", "a table that is needed is missing"),
    "E-PKG-24": ("表的文本写法不对", "the text of a table is not written as the layout says"),
    "E-PKG-25": ("表头不对", "the head of a table is not as declared"),
    "E-PKG-26": ("单元格的类型或取值不对", "a cell is not of its type or outside its limits"),
    "E-PKG-27": ("主键重复", "a key stands twice"),
    "E-PKG-28": ("行没有按主键排列", "rows are not in the order of their key"),
    "E-PKG-29": ("代码不在代码表中", "a code that is not in its list"),
    "E-PKG-30": ("盟市或年份不齐", "leagues or years are not complete"),
    "E-PKG-31": ("盟市之和不等于全区", "the leagues do not add up to the region"),
    "E-PKG-32": ("抵扣恒等式不成立", "the identity of the offset does not hold"),
    "E-PKG-33": ("扣除量或结转对不上", "what is left out, or its carry, does not follow"),
    "E-PKG-34": ("规则或试算标记不对", "the rule or its label as a trial is not right"),
    "E-PKG-35": ("区间不含数值", "an interval that does not hold its value"),
    "E-PKG-36": ("清单碳汇量不等于明细之和", "the removal is not the sum of its leaves"),
    "E-PKG-37": ("减排量状态表与抵扣表不符", "units by state do not fit the offset"),
    "E-PKG-38": ("台账的链断了", "the chain of the ledger is broken"),
    "E-PKG-39": ("减排量状态与台账不符", "units by state are not those of the ledger"),
    "E-PKG-40": ("地块核对表不平", "the polygon account does not close"),
    "E-PKG-41": ("重述表缺失或不符", "restatements are missing or do not fit"),
    "E-PKG-42": ("记录编号、修订号或状态与数据包不符", "record id, revision or status differ from the package"),
    "E-PKG-43": ("已撤回的数据包仍有数值", "a withdrawn package holds numbers"),
    "E-PKG-44": ("政策口径说明不全", "the statement of the policy is not complete"),
    "E-PKG-50": ("同一修订号已导入另一内容", "this revision was imported with another content"),
    "E-PKG-51": ("修订号比已导入的旧", "an older revision than the one imported"),
    "E-PKG-52": ("中间缺少修订", "a revision between is missing"),
    "E-PKG-53": ("所替代的不是已导入的数据包", "it supersedes another package than the one imported"),
    "E-PKG-55": ("重述与已导入的数值不符", "restatements do not fit the numbers imported before"),
}
"""Words of the findings, in Chinese and English; those of ``sinks verify`` are the same."""


def _words(text: str) -> list[str]:
    """Names written in a row."""
    return text.split()


_OFFSET = (
    "record_id revision status value_flag league year time_basis removal_approach removal_inventory_tCO2e se_tCO2e low_tCO2e high_tCO2e "
    "deduction_mode deduction_tCO2e removal_conservative_tCO2e ccer_issued_tCO2e ccer_excluded_tCO2e ccer_applied_tCO2e true_up_tCO2e "
    "carry_in_tCO2e carry_out_tCO2e withheld_zero_rule_tCO2e cap_tCO2e above_cap_tCO2e floor_remainder_tCO2e shortfall_tCO2e "
    "offset_trial_tCO2e offset_tCO2e offset_if_only_leaving_units_excluded_tCO2e offset_if_nothing_excluded_tCO2e pipeline_tCO2e "
    "avoided_emission_tCO2e memo_wetland_ch4_tCO2e not_estimated emission_tCO2e net_emission_tCO2e rule_id rule_status "
    "unverified_factors_n run_id"
)
_LEDGER = (
    "sequence block event date action state programme project module kind owner vintage parcels serial_prefix serial_first serial_last "
    "gross_tCO2e risk_share issued_tCO2e league_shares parent evidence previous_sha256 sha256"
)
HEADS: dict[str, tuple[str, str]] = {
    "data/offset.csv": (_OFFSET, "record_id revision"),
    "data/inventory.csv": (
        "league year year_from quantity approach account ecosystem land_class transition pool component gas soil_depth_cm value low high "
        "value_flag reason",
        "league year year_from quantity approach account ecosystem land_class transition pool component gas soil_depth_cm",
    ),
    "data/change.csv": ("league year_from year_to land_from land_to area_ha", "league year_from year_to land_from land_to"),
    "data/ccer.csv": ("league year state read_on issued_tCO2e gross_tCO2e excluded", "league year state"),
    "data/pipeline.csv": (
        "project module status league vintage gross_tCO2e quantified_tCO2e issued_tCO2e pipeline_tCO2e", "project module league vintage",
    ),
    "data/polygon_account.csv": (
        "league vintage project pool gross_tCO2e removal_tCO2e claimed_tCO2e excess_tCO2e unclaimed_tCO2e reason", "league vintage project pool",
    ),
    "data/ledger.csv": (_LEDGER, "sequence"),
    "data/restatement.csv": (
        "record_id field old_revision old_value new_value difference reason_code reason_text approved_by approved_on", "record_id field",
    ),
    "codelists/division.csv": ("code name_zh name_en level parent", "code"),
    "provenance/policy.csv": ("key setting statement_zh statement_en", "key"),
}  # fmt: skip
"""Every needed table: its columns in order and its key."""
INTEGERS = frozenset(
    _words(
        "revision year year_from year_to vintage soil_depth_cm unverified_factors_n event sequence serial_first serial_last old_revision"
    )
)
DECIMALS = frozenset(["value", "low", "high", "area_ha", "old_value", "new_value", "difference", "risk_share"])
NEVER_NEGATIVE = frozenset(
    _words(
        "se_tCO2e deduction_tCO2e ccer_issued_tCO2e ccer_applied_tCO2e withheld_zero_rule_tCO2e cap_tCO2e "
        "above_cap_tCO2e floor_remainder_tCO2e offset_trial_tCO2e offset_if_only_leaving_units_excluded_tCO2e "
        "offset_if_nothing_excluded_tCO2e avoided_emission_tCO2e emission_tCO2e issued_tCO2e gross_tCO2e claimed_tCO2e "
        "excess_tCO2e pipeline_tCO2e area_ha"
    )
) - {"gross_tCO2e"}
WORDS = {
    "rule_status": "trial decreed", "value_flag": "V NE NO IE NA", "deduction_mode": "none fixed t66 lower90", "time_basis": "interval_mean year",
    "state": "held sold_out retired_ets retired_voluntary regional_indicator cancelled_for_league buffer_void", "excluded": "true false",
    "action": "issue state split replace", "level": "region league", "reason_code": "INPUT FACTOR METHOD BOUNDARY ERROR CCER",
    "quantity": "stock_tC removal_tCO2e_per_year", "account": "offset memo stock",
    "ecosystem": "forest grassland wetland other",
}  # fmt: skip
SUMMED = [
    name for name in _OFFSET.split() if name.endswith("_tCO2e") and name not in ("se_tCO2e", "low_tCO2e", "high_tCO2e", "offset_tCO2e")
]
ALL_OR_NONE = ("cap_tCO2e", "emission_tCO2e", "net_emission_tCO2e")
POLICY_KEYS = _words(
    "assessment_years ledger_as_of closed_years removal_approach interval deduction_mode deduction_factor zero_rule "
    "subtract_basis excluded_states cap true_up wetland_ch4 grass_weather unvalidated_change avoided_emission "
    "excess_tolerance"
)
ISSUED = ("issue", "split")
NEEDED: dict[str, frozenset[str]] = {
    "data/offset.csv": frozenset(
        _words(
            "status value_flag league year removal_approach deduction_mode ccer_issued_tCO2e ccer_excluded_tCO2e "
            "true_up_tCO2e carry_in_tCO2e carry_out_tCO2e pipeline_tCO2e "
            "avoided_emission_tCO2e memo_wetland_ch4_tCO2e rule_id rule_status unverified_factors_n run_id"
        )
    ),
    "data/ccer.csv": frozenset(["issued_tCO2e", "gross_tCO2e", "excluded"]),
    "data/polygon_account.csv": frozenset(["gross_tCO2e", "claimed_tCO2e", "excess_tCO2e"]),
    "data/change.csv": frozenset(["area_ha"]),
    "data/inventory.csv": frozenset(["value_flag"]),
    "data/ledger.csv": frozenset(["block", "event", "date", "action", "evidence"]),
    "data/pipeline.csv": frozenset(["status", "gross_tCO2e", "quantified_tCO2e", "issued_tCO2e", "pipeline_tCO2e"]),
}
"""Cells that are never empty, beside those of keys."""
OF_SETTLED = _words(
    "removal_inventory deduction removal_conservative ccer_excluded ccer_applied true_up carry_in carry_out "
    "withheld_zero_rule above_cap floor_remainder shortfall offset_if_only_leaving_units_excluded "
    "offset_if_nothing_excluded"
)
"""What a row with a trial offset says as well."""
_PLACES = re.compile(r"-?(0|[1-9]\d{0,17})\.\d{3}")
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_LINE = re.compile(r"([0-9a-f]{64})  ([!-~]+)")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
ZERO = Decimal("0.000")
HALF_STEP = Decimal("0.0015")


class Found(NamedTuple):
    """One thing that is wrong: its id, where, what was found and what was expected."""

    id: str
    where: str
    found: str = ""
    expected: str = ""

    def as_dict(self, language: int = 0) -> dict[str, str]:
        """For machines, with the keys of ``sinks verify --json``."""
        return {
            "id": self.id,
            "severity": "error",
            "where": self.where,
            "message": MESSAGES[self.id][language],
            "found": self.found,
            "expected": self.expected,
        }


class Stopped(Exception):
    """Checks that cannot go on: carries what was found."""

    def __init__(self, *found: Found) -> None:
        self.found = list(found)
        super().__init__("; ".join(f"{one.id} {one.where}" for one in found))


# -- Ed25519, verification alone (RFC 8032, section 5.1 and appendix A) -------------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    one, two = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    three, four = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = two - one, four - three, four + three, two + one
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    out: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            out = _add(out, point)
        point, scalar = _add(point, point), scalar >> 1
    return out


def _point(data: bytes) -> Point | None:
    """A point from its 32 bytes; None where they are no canonical point."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (not x and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of 64 bytes over a message is that of a public key of 32 bytes (RFC 8032, 5.1.7, without the cofactor)."""
    if len(public) != 32 or len(signature) != 64 or _BASE is None:
        return False
    key, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    left, right = _times(s, _BASE), _add(r, _times(k, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % _P or (left[1] * right[2] - right[1] * left[2]) % _P)


_SPKI = bytes.fromhex("302a300506032b6570032100")


def public_key(text: str) -> bytes:
    """The 32 bytes of a public key: PEM (SubjectPublicKeyInfo) or 64 hexadecimal digits.

    Raises
    ------
    ValueError
        It is neither.
    """
    bare = text.strip()
    if re.fullmatch(r"[0-9a-fA-F]{64}", bare):
        return bytes.fromhex(bare)
    match = re.fullmatch(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PUBLIC KEY-----", bare)
    data = base64.b64decode("".join(match[1].split()), validate=True) if match else b""
    if len(data) != 44 or not data.startswith(_SPKI):
        raise ValueError("no Ed25519 public key")
    return data[len(_SPKI) :]


def key_id(public: bytes) -> str:
    """The short name of a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def signed_bytes(manifest: bytes, signed_at: str) -> bytes:
    """What is signed: the layout, the time of signing and the manifest."""
    return f"{LAYOUT}\n{signed_at}\n".encode() + manifest


Verifier = Callable[[bytes, bytes, bytes], bool]

# -- the files ----------------------------------------------------------------------------------------------------


def read_files(path: Path) -> dict[str, bytes]:
    """Every file of a bundle by its name; a folder or an archive, with sizes and names looked at before content.

    Raises
    ------
    Stopped
        It cannot be read, or is not safe to.
    """
    if path.is_dir() and not path.is_symlink():
        return _of_folder(path)
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise Stopped(Found("E-PKG-01", path.name, type(error).__name__, "zip | folder")) from None
    with archive:
        return _of_archive(path, archive)


def _of_folder(path: Path) -> dict[str, bytes]:
    found: list[Found] = []
    files: dict[str, Path] = {}
    size = 0
    for one in sorted(path.rglob("*")):
        name = one.relative_to(path).as_posix()
        mode = one.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            found.append(Found("E-PKG-06", name))
            continue
        size += one.lstat().st_size
        files[name] = one
        if len(files) > MOST_FILES or size > MOST_BYTES:
            raise Stopped(Found("E-PKG-02", path.name, f"{len(files)}; {size}", f"<= {MOST_FILES}; {MOST_BYTES}"))
    found += _check_names(list(files))
    if found:
        raise Stopped(*found)
    try:
        return {name: one.read_bytes() for name, one in files.items()}
    except OSError as error:
        raise Stopped(Found("E-PKG-01", path.name, type(error).__name__)) from None


def _of_archive(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = archive.infolist()
    size = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_FILES or size > MOST_BYTES:
        raise Stopped(Found("E-PKG-02", path.name, f"{len(entries)}; {size}", f"<= {MOST_FILES}; {MOST_BYTES}"))
    packed = sum(entry.compress_size for entry in entries)
    if size > MOST_RATIO * max(packed, 1) or size > MOST_RATIO * max(path.stat().st_size, 1):
        raise Stopped(Found("E-PKG-03", path.name, f"{size}/{packed}", f"<= {MOST_RATIO}"))
    found = _check_names([entry.orig_filename for entry in entries])
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or entry.flag_bits & 0x1 or entry.is_dir():
            found.append(Found("E-PKG-06", entry.filename))
    if found:
        raise Stopped(*found)
    files = {}
    for entry in entries:
        try:
            with archive.open(entry) as file:
                files[entry.filename] = file.read(entry.file_size + 1)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
            raise Stopped(Found("E-PKG-01", entry.filename, type(error).__name__)) from None
        if len(files[entry.filename]) != entry.file_size:
            raise Stopped(Found("E-PKG-03", entry.filename, f"> {entry.file_size}", str(entry.file_size)))
    if archive_bytes(files) != path.read_bytes():
        raise Stopped(Found("E-PKG-07", path.name, "", "stored, sorted, 1980-01-01"))
    return files


def _check_names(names: Sequence[str]) -> list[Found]:
    found = []
    seen: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        odd = any(ord(letter) < 33 or ord(letter) > 126 or letter in '\\:*?"<>|' for letter in name)
        if odd or any(part in ("", ".", "..") or part.endswith((".", " ")) or _RESERVED.fullmatch(part) for part in parts):
            found.append(Found("E-PKG-04", "".join(letter if letter.isprintable() else "?" for letter in name)[:100]))
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            found.append(Found("E-PKG-05", name[:100], seen[folded][:100]))
        seen.setdefault(folded, name)
    return found


def archive_bytes(files: Mapping[str, bytes]) -> bytes:
    """The archive of a bundle, the same bytes for the same files: stored, sorted by name, with one fixed time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, FIXED_TIME)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def check_signature(files: Mapping[str, bytes], public: bytes, verify: Verifier = ed25519_verify) -> list[Found]:
    """What is wrong with the manifest and its signature; one of several signatures must be that of the key.

    Raises
    ------
    Stopped
        There is no manifest or signature to check.
    """
    if MANIFEST not in files:
        raise Stopped(Found("E-PKG-10", MANIFEST))
    if SIGNATURE not in files:
        raise Stopped(Found("E-PKG-11", SIGNATURE))
    manifest = files[MANIFEST]
    try:
        given = json.loads(files[SIGNATURE])
        listed = [
            (str(one["alg"]), str(one["key_id"]), str(one["signed_at"]), base64.b64decode(one["signature"], validate=True))
            for one in given["signatures"]
        ]
        again = signature_file([(alg, id, at, signature, hashlib.sha256(manifest).hexdigest()) for alg, id, at, signature in listed])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Stopped(Found("E-PKG-11", SIGNATURE)) from None
    if not listed or [one["manifest_sha256"] for one in given["signatures"]] != [hashlib.sha256(manifest).hexdigest()] * len(listed):
        return [Found("E-PKG-13", SIGNATURE, "manifest_sha256")]
    if again != files[SIGNATURE]:
        return [Found("E-PKG-11", SIGNATURE, "not canonical")]
    mine = [one for one in listed if one[0] == "ed25519" and one[1] == key_id(public)]
    if not mine:
        return [Found("E-PKG-12", SIGNATURE, ", ".join(f"{alg} {id}" for alg, id, _, _ in listed)[:200], f"ed25519 {key_id(public)}")]
    if not all(verify(public, signed_bytes(manifest, at), signature) for _, _, at, signature in mine):
        return [Found("E-PKG-13", SIGNATURE)]
    return []


def signature_file(signatures: Iterable[tuple[str, str, str, bytes, str]]) -> bytes:
    """The bytes of ``signature.json``: algorithm, key, time, signature and the hash of the manifest of each."""
    rows = [
        {"alg": alg, "key_id": id, "manifest_sha256": digest, "signature": base64.b64encode(signature).decode(), "signed_at": at}
        for alg, id, at, signature, digest in signatures
    ]
    return (json.dumps({"signatures": rows}, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def check_hashes(files: Mapping[str, bytes]) -> list[Found]:
    """What is missing, too much or changed against the manifest.

    Raises
    ------
    Stopped
        The manifest is not of its form.
    """
    listed: dict[str, str] = {}
    try:
        lines = files[MANIFEST].decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Stopped(Found("E-PKG-10", MANIFEST)) from None
    if lines[-1] != "" or not lines[:-1]:
        raise Stopped(Found("E-PKG-10", MANIFEST, "", "sha256sum"))
    for number, line in enumerate(lines[:-1], start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in listed or match[2] in (MANIFEST, SIGNATURE):
            raise Stopped(Found("E-PKG-10", f"{MANIFEST}: {number}", line[:80]))
        listed[match[2]] = match[1]
    there = set(files) - {MANIFEST, SIGNATURE}
    found = [Found("E-PKG-14", name) for name in sorted(set(listed) - there)]
    found += [Found("E-PKG-15", name) for name in sorted(there - set(listed))]
    found += [Found("E-PKG-16", name) for name in sorted(there & set(listed)) if hashlib.sha256(files[name]).hexdigest() != listed[name]]
    return found


# -- the tables ---------------------------------------------------------------------------------------------------

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def check_package(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The description of the package.

    Raises
    ------
    Stopped
        There is none, it is not of its form, or of a layout that this reader does not know.
    """
    try:
        package = json.loads(files[PACKAGE])
        resources = [(str(one["path"]), str(one["hash"]), int(one["bytes"]), str(one["schema"])) for one in package["resources"]]
        version = [int(part) for part in str(package["schema_version"]).split(".")]
        texts = [package[name] for name in ("layout", "issuer", "product", "period", "status")]
        revision = package["revision"]
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise Stopped(Found("E-PKG-20", PACKAGE, type(error).__name__)) from None
    if package["layout"] != LAYOUT or version[0] != MAJOR:
        raise Stopped(Found("E-PKG-21", PACKAGE, f"{package['layout']} {package['schema_version']}"[:80], f"{LAYOUT} {MAJOR}"))
    if (
        type(revision) is not int
        or revision < 1
        or not all(isinstance(one, str) and one for one in texts)
        or package["status"] not in STATUSES
    ):
        raise Stopped(Found("E-PKG-20", PACKAGE, "revision, status, issuer, product, period"))
    if (package.get("supersedes") is None) != (revision == 1):
        raise Stopped(Found("E-PKG-20", PACKAGE, "supersedes"))
    found = []
    for name, digest, size, schema in resources:
        content = files.get(name)
        same = content is not None and len(content) == size and f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
        if not same or not _schema_fits(files, name, schema, version[1]):
            found.append(Found("E-PKG-22", name[:100]))
    found += [Found("E-PKG-23", name) for name in HEADS if name not in files or name not in [one[0] for one in resources]]
    if found:
        raise Stopped(*found)
    return dict(package)


STATUSES = ("provisional", "final", "withdrawn")


def _schema_fits(files: Mapping[str, bytes], name: str, schema: str, minor: int) -> bool:
    """Does the schema of a table name the columns that the layout has (a higher minor version may add some at the end)?"""
    try:
        names = [str(field["name"]) for field in json.loads(files[schema])["fields"]]
    except (KeyError, ValueError, TypeError, RecursionError):
        return False
    if name not in HEADS:
        return True
    head = HEADS[name][0].split()
    return names[: len(head)] == head and (len(names) == len(head) or minor > MINOR)


def read_tables(files: Mapping[str, bytes], package: Mapping[str, Any]) -> tuple[Tables, list[Found]]:
    """Every needed table as rows of texts, decimals and whole numbers, and what is wrong with them."""
    tables: Tables = {}
    found: list[Found] = []
    newer = int(str(package["schema_version"]).split(".")[1]) > MINOR
    for name, (head, key) in HEADS.items():
        rows, more = _read_table(files[name], name, head.split(), key.split(), newer)
        tables[name] = rows
        found += more[:MOST_FOUND]
    return tables, found


def _read_table(content: bytes, name: str, head: list[str], key: list[str], newer: bool) -> tuple[list[Row], list[Found]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return [], [Found("E-PKG-24", name, "", "UTF-8")]
    if text.startswith("\ufeff") or "\r" in text or "\x00" in text or not text.endswith("\n"):
        return [], [Found("E-PKG-24", name, "", "UTF-8, LF")]
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[Found] = []
    rows: list[Row] = []
    try:
        names = next(lines)
        if names[: len(head)] != head or (len(names) > len(head) and not newer):
            return [], [Found("E-PKG-25", name, ",".join(names)[:200], ",".join(head)[:200])]
        for cells in lines:
            if len(cells) != len(names):
                found.append(Found("E-PKG-25", f"{name}: {lines.line_num}", str(len(cells)), str(len(names))))
            else:
                rows.append(_row(head, cells, f"{name}: {lines.line_num}", found))
    except (csv.Error, StopIteration) as error:
        return [], [Found("E-PKG-24", name, str(error)[:80])]
    needed = NEEDED.get(name, frozenset())
    for number, row in enumerate(rows, start=2):
        void = row.get("status") == "withdrawn"
        empty = [column for column in head if column in needed and row[column] in (None, "") and not (void and column.endswith("_tCO2e"))]
        if empty and len(found) < MOST_FOUND:
            found.append(Found("E-PKG-26", f"{name}: {number}", "", ", ".join(empty)))
    return rows, found + _check_keys(rows, name, key)


def _row(head: Sequence[str], cells: Sequence[str], where: str, found: list[Found]) -> Row:
    """The values of a row; a cell that is not of its type is told, and empty."""
    row: Row = {}
    for column, cell in zip(head, cells, strict=False):
        try:
            row[column] = _value(column, cell)
        except ValueError as error:
            row[column] = None
            if len(found) < MOST_FOUND:
                found.append(Found("E-PKG-26", f"{where}, {column}", cell[:60], str(error)))
    return row


def _value(column: str, cell: str) -> Any:
    if column in INTEGERS or (column == "issued_tCO2e" and "." not in cell):
        return _number(cell, _WHOLE, "whole number", int) if cell else None
    if column in DECIMALS or column.endswith("_tCO2e"):
        if column == "risk_share":
            return cell
        number = _number(cell, _PLACES, "number with 3 decimals", Decimal) if cell else None
        if number is not None and column in NEVER_NEGATIVE and number < 0:
            raise ValueError(">= 0")
        return number
    if column in WORDS and cell and cell not in WORDS[column].split():
        raise ValueError(WORDS[column])
    if cell[:1] in ("=", "+", "@", "\t") or (cell[:1] == "-" and cell != "-"):
        raise ValueError("text")
    if not cell.isprintable():
        raise ValueError("printable text")
    return cell


def _number(cell: str, form: re.Pattern[str], words: str, of: Callable[[str], Any]) -> Any:
    if not form.fullmatch(cell) or (cell.startswith("-") and not cell.strip("-0.")):
        raise ValueError(words)
    return of(cell)


def _check_keys(rows: Sequence[Row], name: str, key: Sequence[str]) -> list[Found]:
    """Keys that are empty, twice or out of order; a ledger stands in the order of its chain."""
    found: list[Found] = []
    before: tuple[Any, ...] | None = None
    for number, row in enumerate(rows, start=2):
        now = tuple(row[column] for column in key)
        if any(one is None or one == "" for one in now):
            found.append(Found("E-PKG-26", f"{name}: {number}", "", ", ".join(key)))
        elif before is not None and now == before:
            found.append(Found("E-PKG-27", f"{name}: {number}", ", ".join(map(str, now))[:100]))
        elif before is not None and now < before:
            found.append(Found("E-PKG-28", f"{name}: {number}", ", ".join(map(str, now))[:100]))
        if not any(one is None for one in now):
            before = now
    return found[:MOST_FOUND]


# -- the rules ----------------------------------------------------------------------------------------------------


def check_rules(package: Mapping[str, Any], tables: Tables) -> list[Found]:
    """Codes, completeness, sums, the identity, the ledger: what must hold whoever sent it."""
    offsets = tables["data/offset.csv"]
    policy = {row["key"]: row["setting"] for row in tables["provenance/policy.csv"]}
    found = [
        *_check_codes(tables),
        *_check_identity_of_rows(package, offsets),
        *_check_complete(package, offsets),
        *_check_restatements(package, tables),
    ]
    missing = [key for key in POLICY_KEYS if key not in policy]
    found += [Found("E-PKG-44", "provenance/policy.csv", "", ", ".join(missing))] if missing else []
    found += [
        Found("E-PKG-44", "provenance/policy.csv", row["key"])
        for row in tables["provenance/policy.csv"]
        if not row["statement_zh"] or not row["statement_en"]
    ]
    if package["status"] == "withdrawn":
        numbers = [row for row in offsets if any(row[name] is not None for name in row if name.endswith("_tCO2e"))]
        numbers += [
            row
            for name, rows in tables.items()
            if name.startswith("data/") and name not in ("data/offset.csv", "data/restatement.csv")
            for row in rows
        ]
        return found + ([Found("E-PKG-43", "data/offset.csv", str(len(numbers)))] if numbers else [])
    for row in offsets:
        found += _check_offset(row, policy)
    found += [
        *_check_region(offsets),
        *_check_carry(offsets),
        *_check_leaves(tables, policy),
        *_check_units(tables, policy),
        *_check_polygons(tables),
    ]
    found += check_chain(tables["data/ledger.csv"])
    return found + (list(_check_states(tables)) if not found else [])


def _check_codes(tables: Tables) -> Iterator[Found]:
    divisions = {row["code"] for row in tables["codelists/division.csv"]}
    if divisions != DIVISIONS:
        yield Found(
            "E-PKG-29", "codelists/division.csv", ", ".join(sorted(map(str, divisions ^ DIVISIONS)))[:200], ", ".join(sorted(DIVISIONS))
        )
    for name, rows in tables.items():
        strange = sorted({str(row["league"]) for row in rows if "league" in row and row["league"] not in DIVISIONS})
        if strange:
            yield Found("E-PKG-29", name, ", ".join(strange)[:200], "codelists/division.csv")


def _check_identity_of_rows(package: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[Found]:
    for row in rows:
        id = f"{package['product']}:{row['league']}:{row['year']}"
        if (row["record_id"], row["revision"], row["status"]) != (id, package["revision"], package["status"]):
            yield Found(
                "E-PKG-42",
                f"data/offset.csv: {row['record_id']}",
                f"{row['revision']}, {row['status']}",
                f"{id}, {package['revision']}, {package['status']}",
            )
        if (
            row["rule_id"] == ""
            or row["rule_status"] not in ("trial", "decreed")
            or (row["rule_status"] == "trial" and row["offset_tCO2e"] is not None)
        ):
            yield Found(
                "E-PKG-34", f"data/offset.csv: {row['record_id']}", f"{row['rule_id']}, {row['rule_status']}", "trial: offset_tCO2e empty"
            )


def _check_complete(package: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[Found]:
    there = {(row["league"], row["year"]) for row in rows}
    years = {year for _, year in there}
    ends = re.fullmatch(r"(\d{4})-(\d{4})", package["period"])
    if ends is None or {int(ends[1]), int(ends[2])} - years or any(not int(ends[1]) <= (year or 0) <= int(ends[2]) for year in years):
        yield Found("E-PKG-30", "data/offset.csv", ", ".join(map(str, sorted(map(str, years)))), package["period"])
    missing = [
        f"{league} {year}"
        for year in sorted(map(str, years))
        for league in sorted(DIVISIONS)
        if (league, int(year) if year.isdigit() else 0) not in there
    ]
    if missing:
        yield Found("E-PKG-30", "data/offset.csv", "", ", ".join(missing)[:200])


def _check_offset(row: Row, policy: Mapping[str, str]) -> Iterator[Found]:
    """One row: the printed identity and what each part of it must be; the parts of the region are sums."""
    where = f"data/offset.csv: {row['record_id']}"

    def n(name: str) -> Decimal:
        return row[f"{name}_tCO2e"] or ZERO

    settled = row["offset_trial_tCO2e"] is not None
    if (row["value_flag"] == "V") != settled:
        yield Found("E-PKG-26", f"{where}, value_flag", str(row["value_flag"]), "V" if settled else "NE")
    low, high = row["low_tCO2e"], row["high_tCO2e"]
    if low is not None and high is not None and not (row["removal_inventory_tCO2e"] is not None and low <= n("removal_inventory") <= high):
        yield Found("E-PKG-35", where, str(n("removal_inventory")), f"{low} .. {high}")
    missing = [name for name in OF_SETTLED if row[f"{name}_tCO2e"] is None]
    if settled and (missing or not row["time_basis"]):
        yield Found("E-PKG-26", where, "", ", ".join([*missing, "time_basis"]))
    if not settled or missing:
        return
    if row["league"] != REGION and policy.get("zero_rule") == "true" and n("removal_inventory") and (low is None or high is None):
        yield Found("E-PKG-35", where, "", "low, high")
    parts = ("deduction", "ccer_applied", "withheld_zero_rule", "above_cap", "offset_trial", "floor_remainder", "shortfall")
    total = sum((n(name) for name in parts), ZERO)
    if row["league"] == REGION:
        unsettled = str(row["not_estimated"]).split(" ")[0].endswith(".offset")
        if not unsettled and (total != n("removal_inventory") or n("removal_conservative") != n("removal_inventory") - n("deduction")):
            yield Found("E-PKG-32", where, str(total), str(n("removal_inventory")))
        return
    if total != n("removal_inventory") or n("removal_conservative") != n("removal_inventory") - n("deduction"):
        yield Found("E-PKG-32", where, str(total), str(n("removal_inventory")))
    conservative, excluded = n("removal_conservative"), n("ccer_excluded")
    applied = min(max(ZERO, excluded), max(ZERO, conservative))
    if n("ccer_applied") != applied or n("carry_out") != excluded - applied:
        yield Found("E-PKG-33", where, f"{n('ccer_applied')}, {n('carry_out')}", f"{applied}, {excluded - applied}")
    rest = max(ZERO, conservative) - applied
    spans = low is not None and high is not None and low <= 0 <= high
    withheld = rest if policy.get("zero_rule") == "true" and spans else ZERO
    cap = row["cap_tCO2e"]
    above = max(ZERO, rest - withheld - cap) if cap is not None else ZERO
    whole = rest - withheld - above
    offset = whole // 1
    wanted = (withheld, above, offset, whole - offset, min(ZERO, conservative))
    if (n("withheld_zero_rule"), n("above_cap"), n("offset_trial"), n("floor_remainder"), n("shortfall")) != wanted:
        yield Found("E-PKG-32", where, f"{n('offset_trial')}", f"{offset}")
    yield from _check_deduction(row, policy, where)
    if (row["net_emission_tCO2e"] is None) != (row["emission_tCO2e"] is None) or n("net_emission") != (
        n("emission") - n("offset_trial") if row["emission_tCO2e"] is not None else ZERO
    ):
        yield Found("E-PKG-32", f"{where}, net_emission_tCO2e", str(n("net_emission")), str(n("emission") - n("offset_trial")))


def _check_deduction(row: Row, policy: Mapping[str, str], where: str) -> Iterator[Found]:
    mode, deduction = row["deduction_mode"], row["deduction_tCO2e"] or ZERO
    try:
        factor = Decimal(policy.get("deduction_factor") or "0")
    except ArithmeticError:
        factor = Decimal("NaN")
    base = abs(row["removal_inventory_tCO2e"] or ZERO) / 100 if mode == "fixed" else (row["se_tCO2e"] or ZERO)
    wanted = ZERO if mode == "none" else factor * base
    lacking = mode in ("t66", "lower90") and row["se_tCO2e"] is None and bool(row["removal_inventory_tCO2e"])
    if mode != policy.get("deduction_mode") or lacking or not abs(deduction - wanted) < HALF_STEP:
        yield Found("E-PKG-32", f"{where}, deduction_tCO2e", str(deduction), f"{wanted:.3f}")


def _check_region(rows: Sequence[Row]) -> Iterator[Found]:
    """Leagues = region, exactly; empty cells of leagues are not zeros."""
    for year in sorted({row["year"] for row in rows if row["year"] is not None}):
        region = next((row for row in rows if row["league"] == REGION and row["year"] == year), None)
        leagues = [row for row in rows if row["league"] != REGION and row["year"] == year]
        for name in SUMMED if region is not None else ():
            values = [row[name] for row in leagues if row[name] is not None]
            complete = values and (name not in ALL_OR_NONE or len(values) == len(leagues))
            wanted = sum(values, ZERO) if complete else None
            if region is not None and region[name] != wanted:
                yield Found("E-PKG-31", f"data/offset.csv: {year}, {name}", str(region[name]), str(wanted))


def _check_carry(rows: Sequence[Row]) -> Iterator[Found]:
    """What is carried in is what was carried out the year before; nothing before the first year."""
    years = sorted({row["year"] for row in rows if row["year"] is not None})
    at = {(row["league"], row["year"]): row for row in rows}
    for league in sorted(DIVISIONS - {REGION}):
        for place, year in enumerate(years):
            before = years[place - 1] if place else None
            row, last = at.get((league, year)), at.get((league, before)) if before is not None else None
            if row is None or (before is not None and last is None):
                continue
            wanted = last["carry_out_tCO2e"] if last is not None else ZERO
            if row["carry_in_tCO2e"] != wanted or (row["offset_trial_tCO2e"] is None and row["carry_out_tCO2e"] != row["ccer_excluded_tCO2e"]):
                yield Found("E-PKG-33", f"data/offset.csv: {row['record_id']}, carry_in_tCO2e", str(row["carry_in_tCO2e"]), str(wanted))


def _check_leaves(tables: Tables, policy: Mapping[str, str]) -> Iterator[Found]:
    """S is the exact sum of the leaves that count towards an offset; of each ecosystem by its own approach, where the policy names one."""
    sums: dict[tuple[str, str, int, int], Decimal] = {}
    own = dict(part.split("=", 1) for part in (policy.get("removal_approach") or "").split() if "=" in part)
    for leaf in tables["data/inventory.csv"]:
        if leaf["quantity"] == "removal_tCO2e_per_year" and leaf["account"] == "offset" and leaf["value_flag"] == "V":
            ways = [leaf["approach"]]
            if own and leaf["approach"] == own.get(leaf["ecosystem"], "stock_difference"):
                ways.append("by_ecosystem")
            for way in ways:
                key = leaf["league"], way, leaf["year_from"] or 0, leaf["year"] or 0
                sums[key] = sums.get(key, ZERO) + (leaf["value"] or ZERO)
    for row in tables["data/offset.csv"]:
        value, year = row["removal_inventory_tCO2e"], row["year"] or 0
        if value is None or row["league"] == REGION:
            continue
        mean = row["time_basis"] == "interval_mean"
        spans = {key[2:] for key in sums if key[1] == row["removal_approach"] and (key[2] < year <= key[3] if mean else key[3] == year)}
        wanted = sums.get((row["league"], row["removal_approach"], *min(spans)), ZERO) if spans else ZERO
        if value != wanted:
            yield Found("E-PKG-36", f"data/offset.csv: {row['record_id']}", str(value), str(wanted))


def _check_units(tables: Tables, policy: Mapping[str, str]) -> Iterator[Found]:
    """Issued = sum over states; X less true-up and carry = what stands behind the excluded states."""
    issued: dict[tuple[str, int], Decimal] = {}
    behind: dict[tuple[str, int], Decimal] = {}
    column = "issued_tCO2e" if policy.get("subtract_basis") == "issued" else "gross_tCO2e"
    excluded = (policy.get("excluded_states") or "").split()
    for row in tables["data/ccer.csv"]:
        key = row["league"], row["year"]
        issued[key] = issued.get(key, ZERO) + (row["issued_tCO2e"] or ZERO)
        if row["excluded"] != ("true" if row["state"] in excluded else "false"):
            yield Found("E-PKG-37", f"data/ccer.csv: {key}, {row['state']}", str(row["excluded"]))
        if row["excluded"] == "true":
            behind[key] = behind.get(key, ZERO) + (row[column] or ZERO)
    for row in tables["data/offset.csv"]:
        key = row["league"], row["year"]
        if row["league"] == REGION:
            continue
        if (row["ccer_issued_tCO2e"] or ZERO) != issued.get(key, ZERO):
            yield Found(
                "E-PKG-37",
                f"data/offset.csv: {row['record_id']}, ccer_issued_tCO2e",
                str(row["ccer_issued_tCO2e"]),
                str(issued.get(key, ZERO)),
            )
        if row["ccer_excluded_tCO2e"] is not None and policy.get("avoided_emission") != "memo":
            own = row["ccer_excluded_tCO2e"] - (row["true_up_tCO2e"] or ZERO) - (row["carry_in_tCO2e"] or ZERO)
            if abs(own - behind.get(key, ZERO)) > Decimal("0.004"):
                yield Found("E-PKG-37", f"data/offset.csv: {row['record_id']}, ccer_excluded_tCO2e", str(own), str(behind.get(key, ZERO)))


def _check_polygons(tables: Tables) -> Iterator[Found]:
    """gross = claimed + excess everywhere; claimed + unclaimed = S of the league."""
    removal = {(row["league"], row["year"]): row["removal_inventory_tCO2e"] for row in tables["data/offset.csv"]}
    claimed: dict[tuple[str, int], Decimal] = {}
    for row in tables["data/polygon_account.csv"]:
        key, where = (row["league"], row["vintage"]), f"data/polygon_account.csv: {row['league']}, {row['vintage']}, {row['project']}"
        if row["gross_tCO2e"] != (row["claimed_tCO2e"] or ZERO) + (row["excess_tCO2e"] or ZERO):
            yield Found("E-PKG-40", where, str(row["gross_tCO2e"]))
        if row["project"] != "-":
            claimed[key] = claimed.get(key, ZERO) + (row["claimed_tCO2e"] or ZERO)
            if row["claimed_tCO2e"] != min(row["gross_tCO2e"] or ZERO, max(ZERO, row["removal_tCO2e"] or ZERO)):
                yield Found("E-PKG-40", where, str(row["claimed_tCO2e"]))
    for row in tables["data/polygon_account.csv"]:
        key = row["league"], row["vintage"]
        if row["project"] == "-" and row["removal_tCO2e"] is not None:
            closes = row["claimed_tCO2e"] + (row["unclaimed_tCO2e"] or ZERO) == row["removal_tCO2e"] == removal.get(key)
            if not closes or row["claimed_tCO2e"] != claimed.get(key, ZERO):
                yield Found(
                    "E-PKG-40",
                    f"data/polygon_account.csv: {row['league']}, {row['vintage']}, -",
                    str(row["removal_tCO2e"]),
                    str(removal.get(key)),
                )


def check_chain(rows: Sequence[Row]) -> list[Found]:
    """The first row of the ledger that is not as it was written, edited, removed or moved."""
    columns = [name for name in _LEDGER.split() if name not in ("sequence", "previous_sha256", "sha256")]
    previous = "0" * 64
    for number, row in enumerate(rows, start=1):
        cells = ["" if row[name] is None else str(row[name]) for name in columns]
        digest = hashlib.sha256("\x1f".join((previous, *cells)).encode()).hexdigest()
        if row["sequence"] != number or row["previous_sha256"] != previous or row["sha256"] != digest:
            return [Found("E-PKG-38", f"data/ledger.csv: {number}", str(row["block"]))]
        previous = digest
    return []


def _check_states(tables: Tables) -> Iterator[Found]:
    """Units by league, vintage and state, worked out again from the ledger as of the day on which the year read it."""
    read_on = {row["year"]: row["read_on"] or "9999-12-31" for row in tables["data/ccer.csv"]}
    again = units_of_ledger(tables["data/ledger.csv"], read_on)
    stated = {(row["league"], row["year"], row["state"]): (row["issued_tCO2e"], row["gross_tCO2e"]) for row in tables["data/ccer.csv"]}
    for key in sorted({*again, *stated}):
        both, said = again.get(key, (Fraction(0), Fraction(0))), stated.get(key)
        if said is None or any(abs(Fraction(one) - wanted) >= Fraction(1, 1000) for one, wanted in zip(said, both, strict=True)):
            yield Found("E-PKG-39", f"data/ccer.csv: {', '.join(map(str, key))}", str(said), ", ".join(f"{float(one):.3f}" for one in both))


def units_of_ledger(rows: Sequence[Row], read_on: Mapping[int, str]) -> dict[tuple[str, int, str], tuple[Fraction, Fraction]]:
    """(league, vintage, state) -> units and the removal behind them, exactly, as of a date per vintage; vintages without a date are left out."""
    blocks: dict[str, Row] = {}
    state: dict[str, str] = {}
    units: dict[str, int] = {}
    for row in rows:
        name = row["block"]
        issue = row if row["action"] in ISSUED else blocks.get(name)
        if issue is None:
            continue
        if row["action"] in ISSUED:
            blocks[name] = row
        if row["date"] > read_on.get(issue["vintage"], ""):
            continue
        if row["action"] == "split" and row["parent"] in units:
            state[name] = state[row["parent"]]
            units[row["parent"]] -= row["issued_tCO2e"]
            units[name] = row["issued_tCO2e"]
        elif row["action"] == "issue":
            state[name], units[name] = row["state"], row["issued_tCO2e"]
        elif row["action"] == "state":
            state[name] = row["state"]
    out: dict[tuple[str, int, str], tuple[Fraction, Fraction]] = {}
    for name, amount in units.items():
        behind = amount / (1 - Fraction(blocks[name]["risk_share"]))
        for part in blocks[name]["league_shares"].split(";"):
            code, _, share = part.partition(":")
            key = code, blocks[name]["vintage"], state[name]
            before = out.get(key, (Fraction(0), Fraction(0)))
            out[key] = before[0] + amount * Fraction(share), before[1] + behind * Fraction(share)
    return {key: both for key, both in out.items() if both[0]}


def _check_restatements(package: Mapping[str, Any], tables: Tables) -> Iterator[Found]:
    """Restatements name numbers of this package; a change of method or boundary restates every year."""
    rows = tables["data/restatement.csv"]
    offsets = {row["record_id"]: row for row in tables["data/offset.csv"]}
    if package["revision"] == 1 and rows:
        yield Found("E-PKG-41", "data/restatement.csv", str(len(rows)), "revision 1: none")
    for row in rows:
        record = offsets.get(row["record_id"])
        where = f"data/restatement.csv: {row['record_id']}, {row['field']}"
        complete = all(row[name] for name in ("reason_code", "reason_text", "approved_by", "approved_on"))
        fits = (
            record is not None
            and row["field"] in record
            and record[row["field"]] == row["new_value"]
            and row["old_revision"] == package["revision"] - 1
        )
        both = row["old_value"] is not None and row["new_value"] is not None
        if not complete or not fits or (row["difference"] != (row["new_value"] - row["old_value"] if both else None)):
            yield Found("E-PKG-41", where, str(row["new_value"]))
    years = {record["year"] for record in offsets.values()}
    for code in ("METHOD", "BOUNDARY"):
        restated = {offsets[row["record_id"]]["year"] for row in rows if row["reason_code"] == code and row["record_id"] in offsets}
        if restated and restated != years:
            yield Found(
                "E-PKG-41", f"data/restatement.csv: {code}", ", ".join(map(str, sorted(restated))), ", ".join(map(str, sorted(years)))
            )


# -- all together -------------------------------------------------------------------------------------------------


class Checked(NamedTuple):
    """A bundle and what was found; ``package`` and ``tables`` are empty where the checks had to stop before."""

    digest: str
    package: dict[str, Any]
    tables: Tables
    found: list[Found]


def check(path: Path, public: bytes, verify: Verifier = ed25519_verify) -> Checked:
    """Every check of a bundle in its order; nothing after the signature is looked at when that fails."""
    try:
        files = read_files(path)
        found = check_signature(files, public, verify)
        digest = hashlib.sha256(files[MANIFEST]).hexdigest()
        found += [] if found and found[0].id == "E-PKG-12" else check_hashes(files)
        if found:
            return Checked(digest, {}, {}, found)
        package = check_package(files)
        tables, found = read_tables(files, package)
        if not found:
            found = _rules(package, tables)
        return Checked(digest, package, tables, found[:MOST_FOUND])
    except Stopped as stopped:
        return Checked("", {}, {}, stopped.found)


def _rules(package: Mapping[str, Any], tables: Tables) -> list[Found]:
    """The rules; cells that no rule can take (empty where a number must be) are a finding, never an error of the reader."""
    try:
        return check_rules(package, tables)
    except (TypeError, ValueError, KeyError, ArithmeticError) as error:
        return [Found("E-PKG-26", "data", f"{type(error).__name__}: {error}"[:100], "complete rows")]


_SQL = (
    "CREATE TABLE IF NOT EXISTS import_log (issuer TEXT, product TEXT, period TEXT, revision INTEGER, digest TEXT, status TEXT, "
    "UNIQUE (issuer, product, period, revision))",
    "CREATE TABLE IF NOT EXISTS offset_rows (issuer TEXT, record_id TEXT, revision INTEGER, current INTEGER, "
    + ", ".join(f"{name} TEXT" for name in _OFFSET.split() if name not in ("record_id", "revision")) + ", PRIMARY KEY (issuer, record_id, revision))",
)  # fmt: skip


def import_into(database: Path, checked: Checked) -> tuple[str, list[Found]]:
    """Take the offsets of a bundle that holds into SQLite, once: ``imported``, ``already_imported`` or ``refused`` with the reasons.

    A higher revision must supersede what is here, and restate every number that
    it changes; older rows stay, no longer current. One transaction.
    """
    if checked.found:
        return "refused", checked.found
    package = checked.package
    db = sqlite3.connect(database, isolation_level=None, timeout=60)
    with contextlib.closing(db):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in _SQL:
                db.execute(statement)
            result, found = _import(db, checked, (package["issuer"], package["product"], package["period"]))
            db.execute("COMMIT" if result == "imported" else "ROLLBACK")
        except BaseException:
            db.execute("ROLLBACK")
            raise
    return result, found


def _import(db: sqlite3.Connection, checked: Checked, about: tuple[str, str, str]) -> tuple[str, list[Found]]:
    package = checked.package
    known = db.execute(
        "SELECT revision, digest FROM import_log WHERE issuer = ? AND product = ? AND period = ? ORDER BY revision", about
    ).fetchall()
    last, digest = known[-1] if known else (0, None)
    revision = package["revision"]
    if (revision, checked.digest) in known:
        return "already_imported", []
    if revision < last:
        return "refused", [Found("E-PKG-51", "revision", str(revision), f"> {last}")]
    if revision == last:
        return "refused", [Found("E-PKG-50", "revision", checked.digest[:16], str(digest)[:16])]
    if revision > last + 1:
        return "refused", [Found("E-PKG-52", "revision", str(revision), str(last + 1))]
    if package.get("supersedes") != digest:
        return "refused", [Found("E-PKG-53", "supersedes", str(package.get("supersedes"))[:16], str(digest)[:16])]
    found = _check_restated(db, checked, about[0], last) if last else []
    if found:
        return "refused", found
    names = _OFFSET.split()
    db.execute("INSERT INTO import_log VALUES (?, ?, ?, ?, ?, ?)", (*about, revision, checked.digest, package["status"]))
    for row in checked.tables["data/offset.csv"]:
        db.execute("UPDATE offset_rows SET current = 0 WHERE issuer = ? AND record_id = ?", (about[0], row["record_id"]))
        cells = [None if row[name] is None else row[name] if name == "revision" else str(row[name]) for name in names]
        db.execute(
            f"INSERT INTO offset_rows (issuer, current, {', '.join(names)}) VALUES (?, 1, {', '.join('?' * len(names))})",
            (about[0], *cells),
        )
    return "imported", []


def _check_restated(db: sqlite3.Connection, checked: Checked, issuer: str, last: int) -> list[Found]:
    """Every number that differs from the revision before has a restatement with its old value."""
    restated = {(row["record_id"], row["field"]): row["old_value"] for row in checked.tables["data/restatement.csv"]}
    numbers = [name for name in _OFFSET.split() if name.endswith("_tCO2e")]
    withdrawn = checked.package["status"] == "withdrawn"
    found = []
    for row in checked.tables["data/offset.csv"]:
        old = db.execute(
            f"SELECT {', '.join(numbers)} FROM offset_rows WHERE issuer = ? AND record_id = ? AND revision = ?",
            (issuer, row["record_id"], last),
        ).fetchone()
        for name, before in zip(numbers, old or (), strict=False):
            was = None if before is None else Decimal(before)
            key = row["record_id"], name
            if was != row[name] and not withdrawn and (key not in restated or restated[key] != was):
                found.append(Found("E-PKG-55", f"data/restatement.csv: {row['record_id']}, {name}", str(row[name]), str(was)))
    return found[:MOST_FOUND]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Check, and import, a carbon-sink assessment package.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="public key: PEM or 64 hexadecimal digits")
    parser.add_argument("--import", dest="database", type=Path, help="SQLite file that takes the offsets")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    asked = parser.parse_args(arguments)
    language = 0 if asked.lang == "zh" else 1
    try:
        public = public_key(asked.key.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        parser.error(f"{asked.key.name}: {error}")
    checked = check(asked.bundle, public)
    result, found = ("refused" if checked.found else "valid"), checked.found
    if asked.database is not None:
        result, found = import_into(asked.database, checked)
    if asked.json:
        print(
            json.dumps(
                {"bundle": checked.digest, "result": result, "findings": [one.as_dict(language) for one in found]},
                ensure_ascii=False,
                indent=1,
            )
        )
    else:
        for one in found:
            print(
                " | ".join(part for part in (f"{one.id} {MESSAGES[one.id][language]}", one.where, one.found, one.expected) if part),
                file=sys.stderr,
            )
        print(result, checked.digest[:16])
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main())
