"""Quick-looks of maps: a PNG with title, legend, scale, north, source and the note that its boundary needs.

Chinese letters come from the font of a package, so the picture is the same on every machine.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.texts import text
from sinks.layers.raster import rasterio
from sinks.report.fonts import cut_font, known_letters, letters_of
from sinks.report.outlines import Outlines
from sinks.report.page.blocks import Words, inert
from sinks.report.styles import CHANGE_COLOURS, STOCK_COLOURS, stops_of

MOST_CELLS = 1000
"""Cells of a picture to a side; a large map is read from its overviews."""
INCHES, DOTS = 8.0, 125
KM_PER_DEGREE = 111.32
M_PER_KM = 1000.0
WIDE_LETTERS, NARROW_LETTERS = 84, 150
"""Letters of a line of small print."""
NICE = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A map as it is looked at: cells with a value, where they lie, what they are."""

    cells: NDArray[np.float64]
    extent: tuple[float, float, float, float]
    geographic: bool
    crs: str
    stops: tuple[float, ...]
    diverging: bool
    title: Words
    unit: str
    demo: bool


def look_at(path: Path) -> Look:
    """A map of a run, thinned to what a picture can hold."""
    with rasterio.open(path) as dataset:
        shrink = max(1.0, max(dataset.height, dataset.width) / MOST_CELLS)
        shape = (max(1, round(dataset.height / shrink)), max(1, round(dataset.width / shrink)))
        cells = dataset.read(1, out_shape=shape, masked=True).astype(np.float64) * dataset.scales[0] + dataset.offsets[0]
        tags, bounds = dataset.tags(), dataset.bounds
        geographic, crs = bool(dataset.crs and dataset.crs.is_geographic), dataset.crs.to_wkt() if dataset.crs else ""
    diverging = bool(tags.get("YEAR_FROM"))
    return Look(
        cells=cells.filled(np.nan), extent=(bounds.left, bounds.right, bounds.bottom, bounds.top), geographic=geographic, crs=crs,
        stops=tuple(stops_of(path, diverging)), diverging=diverging,
        title=Words(inert(tags.get("TITLE_ZH", path.stem)), inert(tags.get("TITLE_EN", path.stem))),
        unit=inert(tags.get("UNIT", "")), demo="DEMO" in tags,
    )  # fmt: skip


def picture(look: Look, source: Words, note: Words, outlines: Outlines | None) -> bytes:
    """The PNG of a map, with its words in Chinese and English."""
    texts = _texts(look, source, note)
    with _drawing(texts.values()) as (figure, font):
        _draw(figure, look, texts, font, outlines.lines(look.crs) if outlines and look.crs else [])
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DOTS, metadata={"Software": None, "Title": None})
    return content.getvalue()


def _texts(look: Look, source: Words, note: Words) -> dict[str, str]:
    lines = [note.zh[at : at + WIDE_LETTERS] for at in range(0, len(note.zh), WIDE_LETTERS)]
    given = {
        "title": f"{look.title.zh}\n{look.title.en}", "unit": look.unit, "source": f"{source.zh}  {source.en}",
        "note": "\n".join([*lines, *wrap(note.en, NARROW_LETTERS)]),
        "demo": f"{text('words.demo', 'zh')} {text('words.demo', 'en')}" if look.demo else "", "marks": "0123456789.,-−+×·kmN",
    }  # fmt: skip
    known = known_letters()
    return {name: "".join(letter if ord(letter) in known or letter == "\n" else "?" for letter in words) for name, words in given.items()}


@contextmanager
def _drawing(texts: Any) -> Any:
    """A figure whose letters come from the cut font, drawn without a screen and without the user's settings."""
    from tempfile import TemporaryDirectory

    import matplotlib
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        matplotlib.rc_context(matplotlib.rcParamsDefault),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("error", message="Glyph .* missing")
        path = Path(folder) / "report.ttf"
        path.write_bytes(cut_font(letters_of(texts), "ttf"))
        font = font_manager.FontProperties(fname=str(path))
        figure = Figure(figsize=(INCHES, INCHES), facecolor="white")
        FigureCanvasAgg(figure)
        yield figure, font


def _draw(figure: Any, look: Look, texts: Mapping[str, str], font: Any, lines: Sequence[NDArray[np.float64]]) -> None:
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    left, right, bottom, top = look.extent
    stretch = 1.0 / max(0.1, float(np.cos(np.radians((bottom + top) / 2)))) if look.geographic else 1.0
    ratio = (top - bottom) * stretch / (right - left)
    height = min(1.6 * INCHES, max(0.45 * INCHES, 0.94 * INCHES * ratio)) + 2.5
    figure.set_size_inches(INCHES, round(height, 2))
    axes = figure.add_axes((0.03, 1.45 / height, 0.94, 1.0 - 2.5 / height))
    colours = LinearSegmentedColormap.from_list("map", CHANGE_COLOURS if look.diverging else STOCK_COLOURS)
    image = axes.imshow(
        np.ma.masked_invalid(look.cells),
        extent=look.extent,
        cmap=colours,
        norm=Normalize(look.stops[0], look.stops[-1]),
        aspect=stretch,
        interpolation="nearest",
    )
    for line in lines:
        axes.fill(line[:, 0], line[:, 1], facecolor="#d4d4d4", edgecolor="none", zorder=-1)
        axes.plot(line[:, 0], line[:, 1], color="#33413a", linewidth=0.5)
    axes.set_xlim(look.extent[:2])
    axes.set_ylim(look.extent[2:])
    axes.set_axis_off()
    _words(figure, texts, font, height)
    _legend(figure, image, look, font, height)
    _scale(axes, look, font)
    _north(axes, font)


def _words(figure: Any, texts: Mapping[str, str], font: Any, height: float) -> None:
    figure.text(0.03, 1.0 - 0.15 / height, texts["title"], va="top", fontproperties=font, fontsize=13, linespacing=1.3)
    if texts["demo"]:
        figure.text(0.97, 1.0 - 0.15 / height, texts["demo"], va="top", ha="right", fontproperties=font, fontsize=8, color="#8a4b00")
    figure.text(0.03, 0.72 / height, texts["source"], va="bottom", fontproperties=font, fontsize=6.6, color="#4a5a51", wrap=True)
    figure.text(0.03, 0.12 / height, texts["note"], va="bottom", fontproperties=font, fontsize=6.2, color="#4a5a51", linespacing=1.35)


def _legend(figure: Any, image: Any, look: Look, font: Any, height: float) -> None:
    bar_axes = figure.add_axes((0.03, 1.18 / height, 0.45, 0.16 / height))
    bar = figure.colorbar(image, cax=bar_axes, orientation="horizontal", extend="both")
    bar.set_ticks(list(look.stops), labels=[f"{stop:.3g}".replace("-", "−") for stop in look.stops])
    for label in bar.ax.get_xticklabels():
        label.set_fontproperties(font)
        label.set_fontsize(8)
    figure.text(0.52, 1.26 / height, look.unit.replace("-", "−"), va="center", fontproperties=font, fontsize=9)


def _scale(axes: Any, look: Look, font: Any) -> None:
    """A bar of a round length near a fifth of the picture, true at its middle."""
    left, right, bottom, top = look.extent
    per_unit = KM_PER_DEGREE * float(np.cos(np.radians((bottom + top) / 2))) if look.geographic else 1.0 / M_PER_KM
    length = nice_length((right - left) * per_unit / 5.0)
    share = length / per_unit / (right - left)
    axes.plot(
        [0.02, 0.02, 0.02 + share, 0.02 + share],
        [0.045, 0.025, 0.025, 0.045],
        transform=axes.transAxes,
        color="#17211c",
        linewidth=1.5,
        clip_on=False,
    )
    axes.text(0.03 + share, 0.025, f"{length:g} km", transform=axes.transAxes, va="center", fontproperties=font, fontsize=8)


def nice_length(target: float) -> float:
    """The largest of 1, 2, 5 x 10^k that is not above a length."""
    power = 10.0 ** np.floor(np.log10(target))
    return float(max(step * power for step in NICE if step * power <= target * (1 + 1e-9)))


def _north(axes: Any, font: Any) -> None:
    axes.annotate(
        "",
        xy=(0.035, 0.98),
        xytext=(0.035, 0.89),
        xycoords="axes fraction",
        arrowprops={"arrowstyle": "-|>", "color": "#17211c", "linewidth": 1.5},
    )
    axes.text(0.035, 0.88, "N", transform=axes.transAxes, ha="center", va="top", fontproperties=font, fontsize=10)


def maps_of(out: Path) -> Sequence[Path]:
    """The maps of a run folder, in the order of their names."""
    return sorted((out / "maps").glob("*.tif"))
