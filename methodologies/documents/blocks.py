"""What a document is made of: headings, paragraphs and grids, each in Chinese and English."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Pair = tuple[str, str]
"""Chinese, English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading with its number."""

    level: int
    number: str
    words: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A paragraph; a label is set off and stands on top of every page that it concerns."""

    words: Pair
    label: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: short name for a sheet, title, heads, rows of texts and numbers, and widths of columns as shares."""

    name: str
    words: Pair
    heads: Sequence[Pair]
    rows: Sequence[Sequence[Any]]
    widths: Sequence[float] = ()
    decimals: int = 4


Block = Heading | Paragraph | Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document: its title, what stands on the cover, its labels and blocks."""

    title: Pair
    cover: Sequence[tuple[Pair, str]]
    labels: Sequence[Pair]
    footer: str
    blocks: Sequence[Block] = field(default_factory=tuple)

    def grids(self) -> Iterator[Grid]:
        """The tables, in order."""
        yield from (block for block in self.blocks if isinstance(block, Grid))
