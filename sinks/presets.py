"""Known products: what the keys of a layer are for them. Each fact has its evidence; a key that the user gives wins.

Facts are rows of ``presets.csv``. Their tags are those of factors: ``F`` found in the
named source, ``K:p`` from memory with confidence p, ``D`` derived from a table of this
program, ``X`` a product decision.
"""

import csv
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from aoi.findings import Finding, InputError, finding

CATALOGUE_KEYS = ("stac", "collection", "asset", "query")
"""Of a layer whose files are items; not filled where the user names files."""
_TYPES: Mapping[str, Callable[[str], Any]] = {
    "stac": str,
    "collection": str,
    "asset": str,
    "query": json.loads,
    "legend": str,
    "change": str,
    "unit": str,
    "basis": str,
    "scale": float,
    "offset": float,
    "nodata": float,
    "valid": lambda text: [float(one) for one in text.split()],
    "depth_cm": int,
}
"""Keys of a layer that a preset fills."""
WORDS = ("title_zh", "title_en", "layers", "dtype", "years", "resolution_m", "version", "licence", "citation", "sign", "note")
"""What else is told of a product."""
_SPAN = re.compile(r"(\d{4})(-(\d{4})?)?")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known of a product, and how."""

    value: str
    tag: str
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A product: facts by key."""

    id: str
    facts: Mapping[str, Fact]

    def word(self, key: str) -> str:
        """The text of a key; empty where nothing is known."""
        return self.facts[key].value if key in self.facts else ""

    def keys(self) -> dict[str, Any]:
        """The keys of a layer that it fills, as a configuration has them."""
        return {key: _TYPES[key](fact.value) for key, fact in self.facts.items() if key in _TYPES}

    def knows(self, year: int) -> bool:
        """Whether the product has a year; one without years has every year."""
        spans = [_SPAN.fullmatch(one) for one in self.word("years").split()]
        return not spans or any(one is not None and _inside(one, year) for one in spans)


@lru_cache(maxsize=1)
def presets() -> Mapping[str, Preset]:
    """All presets by id."""
    out: dict[str, dict[str, Fact]] = {}
    with Path(__file__).with_name("presets.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            out.setdefault(row["preset"], {})[row["key"]] = Fact(row["value"], row["tag"], row["verified"] == "true", row["source"])
    return {id: Preset(id, facts) for id, facts in out.items()}


def with_presets(raw: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[Finding]]:
    """A configuration whose layers with ``preset`` have the keys of their product, and what is to be known of it.

    Raises
    ------
    InputError
        With every preset that there is not (``E-PRESET-03``) or that is of another layer (``E-PRESET-04``).
    """
    out = dict(raw)
    found: list[Finding] = []
    for part in ("layers", "predictors"):
        sections = raw.get(part)
        if not isinstance(sections, Mapping):
            continue
        filled = {}
        for name, section in sections.items():
            place = f"{where}: {part}.{name}"
            filled[name], more = _filled(name if part == "layers" else "", section, _dates(raw), place)
            found += more
        out[part] = filled
    wrong = [one for one in found if one.severity == "error"]
    if wrong:
        raise InputError(wrong)
    return out, found


def _filled(name: str, section: Any, dates: list[int], place: str) -> tuple[Any, list[Finding]]:
    id = section.get("preset") if isinstance(section, Mapping) else None
    if not isinstance(id, str):
        return section, []
    known = presets()
    if id not in known:
        return section, [finding("E-PRESET-03", f"{place}.preset", preset=id, choices=", ".join(sorted(known)))]
    preset = known[id]
    layers = preset.word("layers").split()
    if name and layers and name not in layers:
        return section, [finding("E-PRESET-04", f"{place}.preset", layer=name, layers=", ".join(layers))]
    has_files = any(key in section for key in ("file", *(key for key in section if str(key).isdigit())))
    keys = {key: value for key, value in preset.keys().items() if not (has_files and key in CATALOGUE_KEYS)}
    added = {key: value for key, value in keys.items() if key not in section}
    return {**section, **added}, [*_told(preset, section, keys, added, place), *_years(preset, section, dates, place)]


def _told(preset: Preset, section: Mapping[str, Any], keys: Mapping[str, Any], added: Mapping[str, Any], place: str) -> list[Finding]:
    """Which keys of the user stand in place of facts, and which facts that were taken are not verified."""
    found = []
    own = [key for key in keys if key in section and section[key] != keys[key]]
    if own:
        values = ", ".join(f"{key} = {preset.word(key)}" for key in own)
        found.append(
            finding("N-PRESET-01", place, preset=preset.id, keys=", ".join(f"{key} = {section[key]}" for key in own), values=values)
        )
    unsure = [
        f"{key} = {preset.word(key)} [{preset.facts[key].tag}]"
        for key in (*added, "dtype", "years")
        if key in preset.facts and not preset.facts[key].verified
    ]
    if unsure:
        found.append(finding("W-PRESET-02", place, facts=", ".join(unsure)))
    return found


def _years(preset: Preset, section: Mapping[str, Any], dates: list[int], place: str) -> list[Finding]:
    if "file" in section:
        return []
    unknown = [year for year in dates if not preset.knows(year)]
    return [finding("W-PRESET-06", place, year=", ".join(map(str, unknown)), years=preset.word("years"))] if unknown else []


def _dates(raw: Mapping[str, Any]) -> list[int]:
    """The dates of a run that was not checked yet."""
    run = raw.get("run")
    run = run if isinstance(run, Mapping) else {}
    years = run.get("years")
    dates = [*(years if isinstance(years, list) else []), run.get("base_year")]
    return sorted({one for one in dates if type(one) is int})


def _inside(span: "re.Match[str]", year: int) -> bool:
    first, dash, last = span.groups()
    return int(first) <= year and (year <= int(last) if last else bool(dash) or year == int(first))


def check_encoding(id: str, scale: float | None, dtype: str, where: str) -> list[Finding]:
    """A file whose cells are of another type than the product's, while the scale is the product's: the scale may be in them already.

    Classes have no scale, and may stand in any whole numbers.
    """
    preset = presets()[id]
    wanted = preset.word("dtype")
    if not wanted or wanted == dtype or scale is None or "scale" not in preset.facts or scale != float(preset.word("scale")):
        return []
    return [finding("E-PRESET-05", where, dtype=dtype, preset=id, expected=wanted)]
