"""Dimensions: carbon is not CO2, per hectare is not total, a relative error is not an absolute one.

The registry knows only the units of this field. Carbon, CO2, dry matter, area,
volume, length, time, plants and animals are base dimensions, so what is added or
compared by mistake is refused. Where production runs on plain floats, the check at
load runs the same functions on quantities.

Regressions hold in their own units only; `regression` gives them plain numbers in
these units and puts the unit of the result back on.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from inspect import signature
from typing import TYPE_CHECKING, Any

from methodologies.contract import Array

if TYPE_CHECKING:
    import pint

_BASES = {
    "t_dm": "dry_matter", "tC": "carbon", "tCO2": "co2", "tCH4": "methane", "tN2O": "nitrous_oxide", "t": "mass", "ha": "area", "m": "length",
    "m3": "volume", "yr": "time", "plant": "plants", "SU": "sheep_units", "degree": "angle",
}  # fmt: skip
_DERIVED = (
    "kg_dm = 1e-3 t_dm", "g_dm = 1e-6 t_dm", "Mg_dm = t_dm", "kgC = 1e-3 tC", "gC = 1e-6 tC", "tCO2e = tCO2", "kg_CH4 = 1e-3 tCH4",
    "g_CH4 = 1e-6 tCH4", "kg_N2O = 1e-3 tN2O", "g_N2O = 1e-6 tN2O", "kg = 1e-3 t", "g = 1e-6 t", "m2 = 1e-4 ha", "km2 = 100 ha",
    "cm2 = 1e-8 ha", "mu = 1 / 15 ha", "cm = 1e-2 m", "mm = 1e-3 m", "day = 1 / 365.25 yr", "percent = 1e-2",
)  # fmt: skip
_SUBSTANCE = re.compile(r"\b(t|kg|g|Mg) (d\.m\.|C|CO2e|CO2|CH4|N2O)(?![A-Za-z0-9])")
_SPELT = {
    ("t", "d.m."): "t_dm", ("kg", "d.m."): "kg_dm", ("g", "d.m."): "g_dm", ("Mg", "d.m."): "Mg_dm", ("t", "C"): "tC", ("kg", "C"): "kgC",
    ("g", "C"): "gC", ("t", "CO2"): "tCO2", ("t", "CO2e"): "tCO2e", ("t", "CH4"): "tCH4", ("t", "N2O"): "tN2O", ("kg", "CH4"): "kg_CH4",
    ("g", "CH4"): "g_CH4", ("kg", "N2O"): "kg_N2O", ("g", "N2O"): "g_N2O",
}  # fmt: skip
_PER_AREA_OR_VOLUME = re.compile(r"\bm-([23])\b")
_TOKEN = re.compile(r"(?P<open>\()|(?P<close>\)(?P<close_power>-?\d+)?)|(?P<unit>[A-Za-z_]+[0-9]?[A-Za-z_]*)(?P<power>-\d+)?|(?P<one>1)")
DIMENSIONLESS = ("", "-", "1", "yyyymmdd")
"""Units of plain numbers; a date is written as a number of eight digits."""


@lru_cache(maxsize=1)
def registry() -> "pint.UnitRegistry[Any]":
    """The registry of this field's units; pint itself is imported when it is first asked for."""
    import pint

    units: pint.UnitRegistry[Any] = pint.UnitRegistry(None)
    for name, dimension in _BASES.items():
        units.define(f"{name} = [{dimension}]")
    for definition in _DERIVED:
        units.define(definition)
    return units


@lru_cache(maxsize=512)
def unit_of(text: str) -> "pint.Unit":
    """The unit of a text such as ``t d.m. ha-1 yr-1``, ``tC (t d.m.)-1`` or ``-``.

    Raises
    ------
    ValueError
        The text holds something that is no unit of this field.

    Examples
    --------
    >>> str(unit_of("tC (t d.m.)-1"))
    'tC / t_dm'
    """
    if text.strip() in DIMENSIONLESS:
        return registry().dimensionless
    if text.strip() == "%":
        return registry().percent
    spelt = _SUBSTANCE.sub(lambda match: _SPELT.get((match[1], match[2]), match[0]), text.strip())
    spelt = _PER_AREA_OR_VOLUME.sub(r"m\1-1", spelt)
    try:
        return registry().parse_units(_expression(spelt))
    except Exception as error:
        raise ValueError(f"{text!r}") from error


def _expression(text: str) -> str:
    """A text with powers behind the units as an expression with ``*`` and ``**``."""
    parts: list[str] = []
    place = 0
    while place < len(text):
        if text[place] == " ":
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(text)
        if parts and match["close"] is None and parts[-1][-1] != "(":
            parts.append("*")
        if match["close"] is not None:
            parts.append(f")**({match['close_power'] or 1})")
        else:
            parts.append(match["open"] or match["one"] or f"{match['unit']}**({match['power'] or 1})")
        place = match.end()
    return "".join(parts)


def quantity(values: Array, unit: str) -> Array:
    """Values with a unit."""
    return registry().Quantity(values, unit_of(unit))


def is_quantity(values: Any) -> bool:
    """Does a value carry a unit?"""
    return hasattr(values, "_REGISTRY")


def magnitude(values: Array, unit: str) -> Array:
    """Plain numbers in a unit; numbers that carry none are taken to stand in it.

    Raises
    ------
    ValueError
        The unit does not fit.
    """
    return values.to(unit_of(unit)).magnitude if is_quantity(values) else values


def regression(result: str, **units: str) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Mark an empirical function that holds for numbers in given units, and gives numbers in one.

    Parameters
    ----------
    result : str
        Unit of the result.
    **units : str
        Unit of each argument by name; arguments that are not named stay as they are.
    """

    def mark(function: Callable[..., Array]) -> Callable[..., Array]:
        names = list(signature(function).parameters)

        @wraps(function)
        def call(*arguments: Array, **keywords: Array) -> Array:
            given = {**dict(zip(names, arguments, strict=False)), **keywords}
            if not any(is_quantity(value) for value in given.values()):
                return function(**given)
            return quantity(function(**_plain(given, units)), result)

        return call

    return mark


def _plain(given: Mapping[str, Array], units: Mapping[str, str]) -> dict[str, Array]:
    return {name: magnitude(value, units[name]) if name in units else value for name, value in given.items()}
