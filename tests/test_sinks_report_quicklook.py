"""Quick-looks and styles of maps: words in both languages with their letters, legend, scale, north, source, note."""

import dataclasses
import io
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import justmytype_intl_cjk
import numpy as np
import pytest
import reports

from sinks.report.fonts import cut_font, font_face, known_letters, letters_of
from sinks.report.outlines import read_outlines
from sinks.report.page.blocks import Words, words
from sinks.report.quicklook import Look, look_at, maps_of, nice_length, picture
from sinks.report.styles import CHANGE_COLOURS, STOCK_COLOURS

SOURCE, NOTE = Words("来源：甲", "Source: A"), words("look_note_builtin")


def pixels(content: bytes) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(io.BytesIO(content), format="png"))


@pytest.fixture(scope="module")
def look() -> Look:
    return look_at(reports.demo_out() / "maps" / "stock_all_pools_all_2023.tif")


def test_every_map_has_a_style_and_a_quick_look() -> None:
    """Beside the map a .qml that is well formed with the colours of the report; in the report's folder a picture."""
    out = reports.demo_out()
    assert len(maps_of(out)) == 2
    for path in maps_of(out):
        root = ET.fromstring(path.with_suffix(".qml").read_text(encoding="utf-8"))
        colours = [item.get("color") for item in root.iter("item")]
        assert tuple(colours) in (STOCK_COLOURS, CHANGE_COLOURS)
        assert (out / "report" / f"{path.stem}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_letters_are_drawn_without_a_warning(look: Look) -> None:
    """No missing glyph, whichever fonts the machine has: the font comes with a package."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = picture(look, SOURCE, NOTE, read_outlines(reports.demo_out()))
    assert pixels(content).shape[1] == 1000


def test_the_same_map_gives_the_same_picture(look: Look) -> None:
    """Every byte; no time and no program in its tags."""
    outlines = read_outlines(reports.demo_out())
    one = picture(look, SOURCE, NOTE, outlines)
    assert one == picture(look, SOURCE, NOTE, outlines)
    assert b"tEXt" not in one
    assert b"tIME" not in one


@pytest.mark.parametrize("field", ["title", "source", "note", "demo", "diverging", "outlines"])
def test_each_part_is_drawn(look: Look, field: str) -> None:
    """Title, source, note, the word of a demonstration, colours, outlines: a picture without one is another picture."""
    outlines = read_outlines(reports.demo_out())
    whole = picture(look, SOURCE, NOTE, outlines)
    other = {
        "title": lambda: picture(dataclasses.replace(look, title=Words("乙", "B")), SOURCE, NOTE, outlines),
        "source": lambda: picture(look, Words("", ""), NOTE, outlines),
        "note": lambda: picture(look, SOURCE, Words("", ""), outlines),
        "demo": lambda: picture(dataclasses.replace(look, demo=False), SOURCE, NOTE, outlines),
        "diverging": lambda: picture(dataclasses.replace(look, diverging=True), SOURCE, NOTE, outlines),
        "outlines": lambda: picture(look, SOURCE, NOTE, None),
    }[field]()
    assert whole != other


def test_a_letter_that_no_font_has_is_told_by_a_mark(look: Look) -> None:
    """And a tag, a formula or a mark that turns the direction is letters like others."""
    odd = dataclasses.replace(look, title=Words("<b>$x_1$ \U0001f600 ᠮᠣᠩᠭᠣᠯ", "=1+1"))
    assert picture(odd, SOURCE, NOTE, None)[:4] == b"\x89PNG"


def test_cells_without_a_value_and_a_map_without_any(look: Look) -> None:
    """Nothing known: a picture all the same."""
    empty = dataclasses.replace(look, cells=np.full((4, 5), np.nan))
    assert picture(empty, SOURCE, NOTE, None)[:4] == b"\x89PNG"


@pytest.mark.parametrize(("target", "wanted"), [(430.0, 200.0), (5.0, 5.0), (0.37, 0.2), (1999.9, 1000.0), (1e3, 1e3)])
def test_a_scale_is_a_round_length(target: float, wanted: float) -> None:
    """1, 2 or 5 times a power of ten, never longer than there is room."""
    assert nice_length(target) == pytest.approx(wanted)


def test_the_font_holds_what_is_asked_for() -> None:
    """Cut to its letters, of regular weight, a few hundred bytes a letter; with its licence beside it in the package."""
    from fontTools.ttLib import TTFont

    asked = letters_of(["内蒙古自治区碳汇", "\u202e"])
    assert "\u202e" not in asked
    font = TTFont(io.BytesIO(cut_font(asked, "ttf")))
    assert set(font.getBestCmap()) == {ord(letter) for letter in asked}
    assert "fvar" not in font
    assert len(known_letters()) > 20_000
    assert font_face(asked).startswith('@font-face { font-family:"Report CJK"; src:url("data:font/woff;base64,')

    assert "SIL" in (Path(justmytype_intl_cjk.__file__).parent / "fonts/ofl/notosanssc/OFL.txt").read_text(encoding="utf-8").upper()
