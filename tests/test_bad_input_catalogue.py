"""Every finding that the program can tell is met by a test, and every one that it raises has its words."""

import re
from pathlib import Path

import pytest

from aoi.findings import finding_ids
from aoi.texts import LANGUAGES, catalogue

ROOT = Path(__file__).resolve().parents[1]
ID = re.compile(r"\b[EWN]-[A-Z]+-\d\d\b")
PARTS = ("", ".found", ".expected", ".remedy")
FIELD = re.compile(r"(?<!{){(\w+)}(?!})")

NOT_MET: dict[str, str] = {}
"""Findings that no test meets, each with the reason."""


def ids_in(*folders: str) -> set[str]:
    """Ids that stand in the code of some folders."""
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if path.name != Path(__file__).name]
    return {id for path in files for id in ID.findall(path.read_text(encoding="utf-8"))}


def test_every_finding_is_met_by_a_test():
    met = ids_in("tests")
    assert sorted(set(finding_ids()) - met - set(NOT_MET)) == []
    assert sorted(set(NOT_MET) & met) == []


def test_every_finding_that_is_raised_has_its_words_and_no_other_stands_there():
    raised = ids_in("aoi", "sinks", "methodologies")
    assert raised == set(finding_ids())


@pytest.mark.parametrize("id", finding_ids())
def test_a_finding_is_said_whole_in_both_languages(id):
    """Found, expected and remedy in both languages, filled from the same fields."""
    texts = catalogue()
    for part in PARTS:
        said = texts[f"{id}{part}"]
        assert all(said[language].strip() for language in LANGUAGES)
        fields = {language: {name.removesuffix(f"_{language}") for name in FIELD.findall(said[language])} for language in LANGUAGES}
        assert fields["zh"] == fields["en"], id + part
    assert re.search("[\u4e00-\u9fff]", texts[id]["zh"])
    assert not re.search("[\u4e00-\u9fff]", texts[id]["en"])
