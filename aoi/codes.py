"""Codes of divisions (GB/T 2260) and the names that belong to them."""

import csv
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from aoi.findings import Finding, finding

REGION = "150000"
CODE_PATTERN = re.compile(r"[0-9A-Za-z_.-]{1,64}")

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
_SUFFIXES = ("市", "盟", "自治区")


@lru_cache(maxsize=1)
def league_names() -> dict[str, tuple[str, str]]:
    """The twelve leagues and cities: code -> (Chinese name, English name)."""
    return {row["code"]: (row["name_zh"], row["name_en"]) for row in _rows("leagues.csv")}


@lru_cache(maxsize=1)
def old_codes() -> dict[str, str]:
    """Codes of former leagues: old -> present code."""
    return {row["code_old"]: row["code"] for row in _rows("codes_old.csv")}


@lru_cache(maxsize=1)
def statistical_codes() -> dict[str, str]:
    """Codes that statistics use for development zones; no divisions: code -> source."""
    return {row["code"]: row["source"] for row in _rows("codes_statistical.csv")}


def check_code(code: str, where: object, divisions: bool = True) -> list[Finding]:
    """What is wrong with one code: missing, not a code, statistical, old, padded, unknown.

    Codes that are no six or twelve digits are free ids of the user.
    """
    if not code:
        return [finding("E-ZONE-08", where)]
    if not CODE_PATTERN.fullmatch(code) or code.startswith("-"):
        return [finding("E-ZONE-14", where, code=_printable(code))]
    return _check_division(code, where) if divisions else []


def _check_division(code: str, where: object) -> list[Finding]:
    if re.fullmatch(r"15\d{10}", code):
        return [finding("E-ZONE-11", where, code=code, short=code[:6])]
    if not re.fullmatch(r"15\d{4}", code) or code == REGION or code in league_names():
        return []
    if code in statistical_codes():
        return [finding("E-ZONE-09", where, code=code)]
    if code in old_codes():
        new = old_codes()[code]
        return [finding("E-ZONE-10", where, code=code, new=new, name_zh=league_names()[new][0], name_en=league_names()[new][1])]
    if code.endswith("00") or f"{code[:4]}00" not in league_names():
        return [finding("E-ZONE-12", where, code=code, codes=", ".join(league_names()))]
    return []


def check_name(code: str, name: str, where: object, divisions: bool = True) -> list[Finding]:
    """What is wrong with one name: a formula, control characters, a broken encoding, another league's name."""
    if looks_garbled(name):
        return [finding("E-ZONE-15", where, name=_printable(name))]
    if name.startswith(_FORMULA_START) or any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name):
        return [finding("E-ZONE-16", where, name=_printable(name))]
    known = league_names().get(code)
    if not divisions or known is None or name == code or _bare(name) in {_bare(one) for one in known}:
        return []
    return [finding("E-ZONE-13", where, code=code, name=name, name_zh=known[0], name_en=known[1])]


def looks_garbled(text: str) -> bool:
    """Whether a text is Chinese read with a wrong encoding: replacement marks, or GBK or UTF-8 bytes taken for Latin letters."""
    if "\ufffd" in text:
        return True
    high = [letter for letter in text if "\x80" <= letter <= "\xff"]
    if not high or 3 * len(high) < 2 * len(text.replace(" ", "")):
        return False
    try:
        content = text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return any(_reads_as_chinese(content, encoding) for encoding in ("gbk", "utf-8"))


def _reads_as_chinese(content: bytes, encoding: str) -> bool:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def _bare(name: str) -> str:
    """A name without what people leave off: 市, 盟, League, City, spaces, case."""
    text = unicodedata.normalize("NFKC", name).replace(" ", "").lower()
    text = text.removesuffix("league").removesuffix("city")
    for suffix in _SUFFIXES:
        text = text.removesuffix(suffix)
    return text


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:64]


def _rows(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
