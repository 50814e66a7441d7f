"""The page: chapters into one HTML file with its style, its scripts, their hashes and its data; nothing is fetched."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from aoi.texts import LANGUAGES, catalogue
from sinks.report.fonts import font_face, letters_of
from sinks.report.page.answer import answer, title_of
from sinks.report.page.basis import checks, data, provenance, unverified
from sinks.report.page.beside import beside
from sinks.report.page.blocks import Chapter, Figure, Grid, Head, Paragraph, Part, Quantity, Words, sentence, words
from sinks.report.page.carbon import bridge, land, pools
from sinks.report.page.errors import errors
from sinks.report.page.numbers import UNITS, decimals, shown, unit_words
from sinks.report.page.offset import offset
from sinks.report.page.places import places
from sinks.report.results import INVENTORIED, Results
from sinks.tables import POOLS

TEMPLATES = Path(__file__).with_name("templates")
MOST_RANKED = 16
"""With more zones than this a summary of two pages has no room for their ranking."""
LONGEST_LABEL = 16
"""Letters of a name on the map."""
PLOTLY = ("package_data", "plotly.min.js")


def chapters_of(results: Results, images: Sequence[Mapping[str, Any]]) -> list[Chapter]:
    """All chapters, in order."""
    maps = Part(kind="images", data=images) if images else Paragraph(sentence("no_maps"), "missing")
    return [
        answer(results), places(results), pools(results), land(results), bridge(results), *beside(results), errors(results), offset(results),
        Chapter(id="maps", title=words("chapter_maps"), blocks=[maps]), data(results), unverified(results), checks(results), provenance(results),
    ]  # fmt: skip


def page_of(results: Results, images: Sequence[Mapping[str, Any]] = ()) -> str:
    """The text of the page.

    Parameters
    ----------
    images : sequence of mapping
        Quick-looks of maps: ``title`` (`Words`) and ``png`` (base64).
    """
    chapters = chapters_of(results, images)
    scripts = [_plotly(), _own_script()]
    title = title_of(results)
    body = environment().get_template("report.html.j2").render(
        title=title, kind=words("kind"), chapters=chapters, many=len(results.zones) > MOST_RANKED, footer=sentence("footer"),
        scripts=[markup(script) for script in scripts],
        script_hashes=markup(" ".join(_policy_hash(script) for script in scripts)), data=markup(_json(_data(results, chapters, title))),
        style=markup("@@style@@"),
    )  # fmt: skip
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    letters = letters_of([re.sub(r"<script>.*?</script>", "", body.replace(scripts[0], ""), flags=re.DOTALL)])
    return body.replace("@@style@@", font_face(letters) + style, 1)


def environment() -> Any:
    """The templates with what they need to show numbers and words."""
    import jinja2

    made = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined)
    made.globals.update(
        unit_words=unit_words,
        say_words=words,
        number=_number,
        digits=_digits,
        column_digits=_column_digits,
        first_digits=_first_digits,
        colour=_colour,
        short=_short,
    )
    made.filters["exact"] = _exact
    made.tests.update(
        quantity=lambda value: isinstance(value, Quantity), grid_block=lambda value: isinstance(value, Grid),
        figure_block=lambda value: isinstance(value, Figure), paragraph_block=lambda value: isinstance(value, Paragraph),
    )  # fmt: skip
    return made


def _exact(value: float) -> str:
    """A number as a machine reads it: no exponent."""
    return f"{Decimal(repr(float(value))):f}"


def _number(quantity: Quantity, places: int | None = None) -> str:
    value = quantity.value or 0.0
    return shown(value, quantity.unit or "number", decimals([value], quantity.unit or "number")[0] if places is None else places)


def _digits(quantities: Sequence[Quantity], unit: str) -> str:
    return ",".join(str(one) for one in decimals([one.value or 0.0 for one in quantities], unit or "number"))


def _places(grid: Grid, column: int) -> tuple[int, ...]:
    """Decimals of a column."""
    head: Head = grid.heads[column]
    if not head.unit:
        return (0,)
    found = [row[column] for row in grid.rows]
    return decimals([one.value for one in found if isinstance(one, Quantity) and one.value is not None], head.unit)


def _column_digits(grid: Grid, column: int) -> str:
    return ",".join(str(one) for one in _places(grid, column))


def _first_digits(grid: Grid, column: int) -> int:
    return _places(grid, column)[0]


def _colour(drawing: Mapping[str, Any], shape: Mapping[str, Any], quantity: int) -> str:
    place = shape["classes"][quantity]
    return "url(#hatch)" if place < 0 else str(drawing["quantities"][quantity]["colours"][place])


def _short(name: str) -> str:
    """A name as a map has room for it."""
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"


def markup(text: str) -> Any:
    """A text that is HTML already."""
    from markupsafe import Markup

    return Markup(text)


def _plotly() -> str:
    return files("plotly").joinpath(*PLOTLY).read_text(encoding="utf-8")


def _own_script() -> str:
    """The page's own scripts, one after the other."""
    parts = [path.read_text(encoding="utf-8") for path in sorted((TEMPLATES / "js").glob("*.js"))]
    return '(function () {\n"use strict";\n' + "".join(parts) + "})();\n"


def _policy_hash(script: str) -> str:
    """The hash of a script as a content security policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')}'"


def _data(results: Results, chapters: Sequence[Chapter], title: Words) -> dict[str, Any]:
    """The numbers and words that the scripts work with."""
    blocks = [block for chapter in chapters for block in chapter.blocks]
    figures = {block.id: {"kind": block.kind, "data": block.data} for block in blocks if isinstance(block, Figure)}
    pages = next(block.data for block in blocks if isinstance(block, Part) and block.kind == "zone_page")
    drawing = next((block.data for block in blocks if isinstance(block, Part) and block.kind == "map"), None)
    zones = [*results.zones["zone"], *results.wholes, results.place]
    return {
        "title": title, "words": _script_words(), "units": _units(), "zones": {zone: results.name_of(zone) for zone in zones}, "figures": figures,
        "pages": pages, "map": _map_data(drawing) if drawing else None, "ecosystems": list(INVENTORIED), "pools": list(POOLS),
    }  # fmt: skip


def _units() -> dict[str, Any]:
    return {
        name: {"switch": unit.switch, "shown": [{"factor": one.factor, "words": one.words, "most": one.most} for one in unit.shown]}
        for name, unit in UNITS.items()
    }  # fmt: skip


def _map_data(drawing: Mapping[str, Any]) -> dict[str, Any]:
    shapes = drawing["shapes"]
    return {
        "quantities": [{name: one[name] for name in ("id", "words", "unit", "limits", "colours")} for one in drawing["quantities"]],
        "zones": {shape["zone"]: {"classes": shape["classes"], "values": [one.value for one in shape["values"]]} for shape in shapes},
        "all": [[shape["values"][place].value for shape in shapes] for place in range(len(drawing["quantities"]))],
    }  # fmt: skip


def _script_words() -> dict[str, Words]:
    """The texts that a script asks for, by name or by the beginning of one."""
    asked = set(re.findall(r'"([A-Za-z_]+)"', _own_script()))
    found = {}
    for key, texts in catalogue().items():
        name = key.removeprefix("report.")
        if key != name and (name in asked or any(one.endswith("_") and name.startswith(one) for one in asked)):
            found[name] = Words(*(texts[language] for language in LANGUAGES))
    return found


def _json(value: Any) -> str:
    """JSON that may stand in a page: no mark of it ends the script or begins another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False)
    return (
        text.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Words):
        return {"zh": value.zh, "en": value.en}
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(type(value).__name__)
