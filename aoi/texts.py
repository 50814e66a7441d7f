"""Words that a user sees, in Chinese and English, from one catalogue per package.

Each import package of the distribution carries a ``texts.csv`` with the columns
``key, zh, en``. Keys are ASCII; a text may hold ``{name}`` fields.
"""

import csv
import importlib.util
import locale
import os
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
CATALOGUES = ("aoi", "sinks", "methodologies")

_current: ContextVar[Language] = ContextVar("language", default="zh")


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[Language, str]]:
    """All texts: key -> language -> template. A key that stands twice is an error."""
    texts: dict[str, dict[Language, str]] = {}
    for package in CATALOGUES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin).with_name("texts.csv")
        if not path.exists():
            continue
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["key"] in texts:
                    raise ValueError(f"text key {row['key']!r} stands twice ({path.name} of {package})")
                texts[row["key"]] = {"zh": row["zh"], "en": row["en"]}
    return texts


def text(key: str, /, language: Language | None = None, **values: object) -> str:
    """The text of a key in a language (the current one by default), its fields filled.

    Raises
    ------
    KeyError
        The catalogue has no such key.
    """
    return catalogue()[key][language or current_language()].format(**values)


def current_language() -> Language:
    """The language of this context: what was chosen last, Chinese at first."""
    return _current.get()


def choose_language(asked: str | None = None) -> Language:
    """Set and return the language: what is asked, else ``SINKS_LANG``, else the locale, else Chinese."""
    for candidate in (asked, os.environ.get("SINKS_LANG"), _locale_language()):
        if candidate:
            language: Language = "en" if candidate.lower().startswith("en") else "zh"
            _current.set(language)
            return language
    _current.set("zh")
    return "zh"


def _locale_language() -> str | None:
    """The language of the user's locale; none where the locale says nothing ("C", "POSIX")."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return None if value.split(".")[0] in {"C", "POSIX"} else value
    try:
        return locale.getlocale()[0]
    except ValueError:
        return None
