"""What a page is made of: words in both languages, numbers with a unit, tables, figures, chapters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

import numpy as np

from aoi.texts import LANGUAGES, Language, catalogue, text


@dataclass(frozen=True, slots=True)
class Words:
    """The same in Chinese and in English."""

    zh: str
    en: str

    def of(self, language: Language) -> str:
        """The words of a language."""
        return self.zh if language == "zh" else self.en

    @property
    def same(self) -> bool:
        """Whether both languages say it alike: a code, a name."""
        return self.zh == self.en


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, and what it is where it is no number (``NE``, ``NO``, ``IE``, ``NA``)."""

    value: float | None
    unit: str = ""
    flag: str = "V"

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return self.value is not None and bool(np.isfinite(self.value))


Cell = Words | Quantity | str | None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text of the catalogue whose fields hold words, numbers or plain texts."""

    key: str
    values: Mapping[str, Cell] = field(default_factory=dict)

    def pieces(self, language: Language) -> Iterator[str | Quantity]:
        """The sentence in a language: texts, and the numbers between them."""
        for literal, field_name, _, _ in Formatter().parse(catalogue()[self.key][language]):
            if literal:
                yield literal
            if field_name is not None:
                value = self.values[field_name]
                yield value if isinstance(value, Quantity) else plain(value, language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a column: its words, the name that a machine reads, and the unit of its numbers."""

    words: Words
    name: str
    unit: str = ""
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table to look at: every row has a cell per head."""

    id: str
    title: Words
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[Sentence] = ()
    zones: Sequence[str] = ()
    """The code of the zone of each row, where rows are zones."""
    totals: int = 0
    """So many first rows are totals; they stay on top when the table is sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing that the page makes from numbers; ``about`` tells what it shows to those who do not see it."""

    id: str
    kind: str
    title: Words
    about: Sentence
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence on its own; ``note``, ``warning`` and ``missing`` are set off."""

    sentence: Sentence
    level: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A block of a kind of its own, that the template knows by name."""

    kind: str
    data: Any


Block = Grid | Figure | Paragraph | Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A chapter of the page."""

    id: str
    title: Words
    blocks: Sequence[Block]


def words(key: str, **values: object) -> Words:
    """The words of a key of the catalogue under ``report.``; a value that is `Words` is told in the language of the text."""
    said = [text(f"report.{key}", language, **{name: plain(value, language) for name, value in values.items()}) for language in LANGUAGES]
    return Words(*said)


def sentence(key: str, **values: Cell) -> Sentence:
    """The sentence of a key of the catalogue under ``report.``."""
    return Sentence(f"report.{key}", values)


def inert(given: object) -> str:
    """A text of a user or a file without letters that cannot be seen: they would turn its direction or break its line."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(given))


def name(given: object) -> Words:
    """A name of the user's, the same in both languages."""
    return Words(inert(given), inert(given))


def plain(value: object, language: Language) -> str:
    """What stands in a text for a value."""
    if value is None:
        return ""
    return value.of(language) if isinstance(value, Words) else str(value)
