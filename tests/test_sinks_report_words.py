"""Words of the report: every key in both languages, none unused, official terms as METHODOLOGIES has them."""

import ast
import re
from pathlib import Path

import pytest

import aoi
from aoi.codes import league_names
from aoi.texts import catalogue
from sinks.ecosystems.catalogue import INVENTORIED
from sinks.legends.legend import land_classes
from sinks.report.page.html import _script_words
from sinks.report.page.offset import SHEETS
from sinks.tables import APPROACHES, ERROR_KINDS, POOLS, VALUE_FLAGS

TOP = Path(aoi.__file__).resolve().parents[1]
OWN = [*sorted((TOP / "sinks" / "report").rglob("*.py")), *sorted((TOP / "sinks" / "commands").glob("*.py"))]
TEMPLATES = sorted((TOP / "sinks" / "report" / "page" / "templates").rglob("*.j*"))


def asked() -> list[str]:
    """Patterns of the keys that code and templates ask for under ``report.``."""
    found = []
    for path in OWN:
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and re.fullmatch(r"(report\.)?[A-Za-z_0-9]+", one.value):
                found.append(re.escape(one.value.removeprefix("report.")))
            if isinstance(one, ast.JoinedStr):
                parts = [re.escape(part.value) if isinstance(part, ast.Constant) else r"\w+" for part in one.values]
                found.append("".join(parts).removeprefix(r"report\."))
    for path in TEMPLATES:
        found += re.findall(r'"([A-Za-z_]+)"', path.read_text(encoding="utf-8"))
    return found


def test_no_text_of_the_report_is_unused() -> None:
    """What nobody asks for is not kept."""
    keys = [key.removeprefix("report.") for key in catalogue() if key.startswith("report.")]
    shipped = (TOP / "methodologies" / "texts.csv").read_text(encoding="utf-8")
    mine = [key for key in keys if f"\nreport.{key}," not in shipped]
    patterns = [re.compile(one) for one in set(asked()) if one not in (r"\w+", r"\w+\w+", r"\w+_\w+")]
    words_of_scripts = set(_script_words())
    assert [key for key in mine if key not in words_of_scripts and not any(one.fullmatch(key) for one in patterns)] == []


def test_every_word_that_is_asked_for_exists() -> None:
    """Calls of ``words`` and ``sentence`` with a plain key, and families of keys for every member of their vocabulary."""
    missing = []
    for path in OWN:
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(one, ast.Call) and getattr(one.func, "id", "") in ("words", "sentence") and one.args:
                key = one.args[0]
                if isinstance(key, ast.Constant) and f"report.{key.value}" not in catalogue():
                    missing.append(f"{path.name}:{one.lineno} {key.value}")
    families = {
        "ecosystem_": (*INVENTORIED, "other", "total"), "pool_": POOLS, "error_": (*ERROR_KINDS, "factor_without_range", "none"), "approach_": APPROACHES,
        "flag_": VALUE_FLAGS, "group_": ("living", "dead", "soil", "gases"), "range_": ("ci95", "two_se", "min_max"), "change_": ("losses", "all", "none"),
        "column_": [name for names in SHEETS.values() for name in names],
    }  # fmt: skip
    missing += [f"{family}{name}" for family, names in families.items() for name in names if f"report.{family}{name}" not in catalogue()]
    assert missing == []


def test_scripts_find_their_words() -> None:
    """Every ``say("key")`` of a script has a text in the page."""
    words = _script_words()
    for path in sorted((TOP / "sinks" / "report" / "page" / "templates" / "js").glob("*.js")):
        text = path.read_text(encoding="utf-8")
        wanted = re.findall(r'say\("(\w+)"[,)]', text) + re.findall(r'"data-say": "(\w+)"', text)
        assert [key for key in wanted if key not in words and not key.endswith("_")] == [], path.name


@pytest.mark.parametrize(("pool", "word"), [(f"pool.{pool}", f"report.pool_{pool}") for pool in POOLS])
def test_one_thing_has_one_name(pool: str, word: str) -> None:
    """Pools are called the same in summaries, maps and the report."""
    assert catalogue()[pool]["zh"] == catalogue()[word]["zh"]
    assert catalogue()[pool]["en"].lower() == catalogue()[word]["en"].lower()


@pytest.mark.parametrize("name", INVENTORIED)
def test_ecosystems_have_one_name(name: str) -> None:
    """Ecosystems too."""
    assert catalogue()[f"words.{name}"]["zh"] == catalogue()[f"report.ecosystem_{name}"]["zh"]


@pytest.fixture(scope="module")
def methodologies(shared_data: Path) -> str:
    path = shared_data.parent / "METHODOLOGIES.md"
    if not path.exists():
        pytest.skip("METHODOLOGIES.md is not beside this checkout")
    return path.read_text(encoding="utf-8")


def test_official_terms_are_those_of_the_specification(methodologies: str) -> None:
    """Leagues with their codes, classes of the land survey, GB/T words."""
    for code, (zh, _) in league_names().items():
        assert f"{code} {zh}" in methodologies
    names = dict(zip(land_classes()["land_class"], land_classes()["name_zh"], strict=True))
    for name in ("arbor_forest", "shrubland", "other_forest_land", "forest_swamp", "shrub_swamp", "marsh_meadow", "inland_flat", "marsh"):
        assert names[name] in methodologies, names[name]
    for word in ("碳储", "造林碳汇", "土壤有机碳" if "土壤有机碳" in methodologies else "SOC", "草原保护", "天然林"):
        assert word in methodologies


def test_no_word_of_the_report_is_slang() -> None:
    """A sink is never a flux; t and ha are told; a Chinese text is Chinese."""
    for key, texts in catalogue().items():
        if key.startswith("report."):
            assert "通量" not in texts["zh"], key
            assert not re.search(r"\bflux\b", texts["en"]), key
            assert not re.search(r"[\u4e00-\u9fff]", texts["en"]), key
