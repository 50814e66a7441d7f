"""A font with Chinese letters that comes with a package, cut down to the letters that are needed.

A machine without Chinese fonts shows empty boxes else. The page carries the cut font as
the last of its fonts, the quick-looks are drawn with it.
"""

import base64
import io
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any, Literal

PACKAGE = "justmytype_intl_cjk"
"""Carries Noto Sans SC under the SIL Open Font License."""
PLACE = ("fonts", "ofl", "notosanssc", "NotoSansSC[wght].ttf")
REGULAR = 400
FAMILY = "Report CJK"


@lru_cache(maxsize=4)
def cut_font(letters: str, flavour: Literal["woff", "ttf"]) -> bytes:
    """The font with the given letters only, in regular weight; letters that it has not are left out."""
    from fontTools import subset
    from fontTools.ttLib import TTFont
    from fontTools.varLib import instancer

    with as_file(files(PACKAGE).joinpath(*PLACE)) as path, path.open("rb") as file:
        font: Any = TTFont(io.BytesIO(file.read()), lazy=True, recalcTimestamp=False)
    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    cutter = subset.Subsetter(options)
    cutter.populate(text=letters)
    cutter.subset(font)
    font = instancer.instantiateVariableFont(font, {"wght": REGULAR})
    font.flavor = "woff" if flavour == "woff" else None
    content = io.BytesIO()
    font.save(content)
    return content.getvalue()


@lru_cache(maxsize=1)
def known_letters() -> frozenset[int]:
    """The letters that the whole font has."""
    from fontTools.ttLib import TTFont

    with as_file(files(PACKAGE).joinpath(*PLACE)) as path, path.open("rb") as file:
        return frozenset(TTFont(io.BytesIO(file.read()), lazy=True).getBestCmap())


def letters_of(texts: Iterable[str]) -> str:
    """The letters of some texts, each once, in order; the printable ones of ASCII are always among them."""
    found = set(map(chr, range(32, 127)))
    for text in texts:
        found.update(text)
    return "".join(sorted(letter for letter in found if letter.isprintable()))


def font_face(letters: str) -> str:
    """The rule of a style sheet that carries the font."""
    content = base64.b64encode(cut_font(letters, "woff")).decode("ascii")
    return f'@font-face {{ font-family:"{FAMILY}"; src:url("data:font/woff;base64,{content}") format("woff"); font-display:block; }}\n'
