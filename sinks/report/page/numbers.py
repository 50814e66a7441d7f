"""How numbers are shown: 万吨 or t, 公顷 or 万亩, with as many decimals as a column bears.

Files keep t and ha; only the page and the workbook show other units (DESIGN 4).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import floor, isfinite, log10

from aoi.texts import Language
from sinks.report.page.blocks import Quantity, Words
from sinks.units import MU_TO_HA

WAN = 10_000
MOST_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A unit as it is shown: how many of it one unit of the file is, and its name."""

    factor: float
    words: Words
    most: int = MOST_DECIMALS
    least: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the files and the units it may be shown in; the first unless the reader chooses."""

    switch: str
    shown: tuple[Shown, ...]


def _mass(zh: str, en: str, per_zh: str = "", per_en: str = "") -> Unit:
    return Unit(
        "mass",
        (Shown(1 / WAN, Words(f"万吨{zh}{per_zh}", f"10⁴ t {en}{per_en}")), Shown(1.0, Words(f"吨{zh}{per_zh}", f"t {en}{per_en}"), 0)),
    )


UNITS = {
    "tC": _mass("碳", "C"),
    "tCO2e": _mass("CO₂e", "CO₂e"),
    "tCO2e_per_year": _mass("CO₂e", "CO₂e", "/年", "/yr"),
    "ha": Unit("area", (Shown(1.0, Words("公顷", "ha"), 0), Shown(1 / MU_TO_HA / WAN, Words("万亩", "10⁴ mu")))),
    "tC_per_ha": Unit("", (Shown(1.0, Words("吨碳/公顷", "t C/ha")),)),
    "tCO2e_per_ha_year": Unit("", (Shown(1.0, Words("吨CO₂e/(公顷·年)", "t CO₂e/ha/yr")),)),
    "percent": Unit("", (Shown(1.0, Words("%", "%"), 1),)),
    "percent_tenths": Unit("", (Shown(1.0, Words("%", "%"), 1, 1),)),
    "number": Unit("", (Shown(1.0, Words("", ""), 6),)),
    "count": Unit("", (Shown(1.0, Words("", ""), 0),)),
}
"""Units by their name in heads and cells."""


def decimals(values: Iterable[float], unit: str) -> tuple[int, ...]:
    """Decimals of a column in each unit that it may be shown in: two digits for the number at its lower quarter."""
    given = list(values)
    return tuple(max(shown.least, _decimals([abs(value * shown.factor) for value in given], shown.most)) for shown in UNITS[unit].shown)


def _decimals(sizes: list[float], most: int) -> int:
    known = sorted(size for size in sizes if size > 0 and isfinite(size))
    if not known:
        return 0
    typical = known[len(known) // 4]
    return min(most, max(0, 1 - floor(log10(typical))))


def shown(value: float, unit: str, places: int, choice: int = 0) -> str:
    """A number in a unit that it may be shown in, with so many decimals; halves away from zero, no negative zero."""
    scaled = Decimal(repr(float(value) * UNITS[unit].shown[choice].factor))
    rounded = scaled.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{rounded if rounded else abs(rounded):,}"


def unit_words(unit: str, choice: int = 0) -> Words:
    """The name of a unit as it is shown."""
    return UNITS[unit].shown[choice].words


def said(quantity: Quantity, language: Language) -> str:
    """A quantity alone in a text: number and unit in the first of its units."""
    if not quantity.known:
        return quantity.flag if quantity.flag != "V" else "NE"
    places = decimals([quantity.value or 0.0], quantity.unit)[0]
    unit = unit_words(quantity.unit).of(language)
    return f"{shown(quantity.value or 0.0, quantity.unit, places)}{' ' if unit and unit != '%' else ''}{unit}"
