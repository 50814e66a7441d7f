"""Legends whose codes are texts, as attribute columns of survey polygons have them: 0301, 乔木林地, 落叶松.

The activity tables hold whole numbers. Where every text is a whole number it is its
own code; else codes are counted from 1 in the order of the legend.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from aoi.table import Column, Table
from sinks.legends.legend import LEGEND, Legend
from sinks.tables import CODE_NAMES

Codes = tuple[tuple[str, int], ...]

_CODE = Column(name="code", type="text", title_zh="代码", title_en="Code", key=True)
TEXT_LEGEND: Table = replace(LEGEND, columns=(_CODE, *LEGEND.columns[1:]))
TEXT_NAMES: Table = replace(CODE_NAMES, columns=(_CODE, *CODE_NAMES.columns[1:]))
MOST_CODE = 2**31 - 1
LAND_SURVEY = "land_survey"


def read_text_legend(path: Path, where: str) -> tuple[Legend, Codes]:
    """A user's legend with texts as codes, and what each text is in the tables.

    Raises
    ------
    InputError
        With all findings of the file.
    """
    rows = TEXT_LEGEND.read(path, where)
    texts = _texts(rows["code"])
    codes = _numbers(texts)
    order = sorted(range(len(texts)), key=lambda number: codes[number])
    names = [str(name) if not pd.isna(name) else text for name, text in zip(rows["name_zh"], texts, strict=True)]
    english = rows["name_en"].fillna("")
    legend = Legend(
        id=path.stem, codes=tuple(codes[number] for number in order), land_classes=tuple(rows["land_class"].iloc[number] for number in order),
        names_zh=tuple(names[number] for number in order), names_en=tuple(str(english.iloc[number]) for number in order),
    )  # fmt: skip
    return legend, _with_names(dict(zip(texts, codes, strict=True)), dict(zip(codes, names, strict=True)))


def read_text_names(path: Path, where: str) -> tuple[dict[int, str], Codes]:
    """A table of names with texts as codes: code -> name, and what each text is in the tables; raises `InputError` with all findings."""
    rows = TEXT_NAMES.read(path, where)
    texts = _texts(rows["code"])
    codes = _numbers(texts)
    return dict(zip(codes, rows["value"], strict=True)), tuple(zip(texts, codes, strict=True))


def texts_of(legend: Legend) -> Codes:
    """How the codes of a legend that comes with the program stand in attribute columns: with leading zeros or by their Chinese name.

    Those of the land survey also with an H, which its legend writes as 9, and with two digits.
    """
    texts: dict[str, int] = {}
    for code in legend.codes:
        four = f"{code:04d}"
        texts |= {str(code): code, four: code}
        if legend.id == LAND_SURVEY and four[2] == "9":
            texts[f"{four[:2]}H{four[3]}"] = code
        if legend.id == LAND_SURVEY and four.endswith("00"):
            texts[four[:2]] = code
    return _with_names(texts, dict(zip(legend.codes, legend.names_zh, strict=True)))


def _with_names(texts: Mapping[str, int], names: Mapping[int, str]) -> Codes:
    """The texts, and those Chinese names that mean one code alone."""
    plain = {code: _plain(name) for code, name in names.items() if name}
    once = [name for name in plain.values() if list(plain.values()).count(name) == 1]
    return tuple({**{name: code for code, name in plain.items() if name in once}, **texts}.items())


def _texts(column: "pd.Series[str]") -> list[str]:
    return [_plain(str(one)) for one in column]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _numbers(texts: Sequence[str]) -> list[int]:
    """The code of each text."""
    if all(text.isascii() and text.isdigit() and int(text) <= MOST_CODE for text in texts):
        numbers = [int(text) for text in texts]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(texts) + 1))
