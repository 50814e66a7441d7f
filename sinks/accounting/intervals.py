"""Standard errors and 95 % intervals of rows, and what they contain and lack (ACCOUNTING 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.errors import AREA, BETWEEN_DATE, FACTOR, MAP, MODEL, Effects
from sinks.config import LAND_COVER
from sinks.uncertainty import Z95

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAF_DECIMALS = 3
WITHOUT_RANGE = "factor_without_range"
MAP_IN_PART = "map_in_part"
ORDER = (WITHOUT_RANGE, FACTOR, AREA, MAP, MAP_IN_PART, MODEL, BETWEEN_DATE)
NONE = "none"


def rounded(values: Floats) -> Floats:
    """Leaves rounded once, to 0.001 t."""
    return np.rint(values * 10**LEAF_DECIMALS) / 10**LEAF_DECIMALS


def significant(values: Floats, digits: int = 7) -> Floats:
    """Values to so many significant digits: more of a draw depends on the machine that adds it up."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(values != 0.0, np.floor(np.log10(np.abs(values))), 0.0)
    scale = 10.0 ** (digits - 1 - np.nan_to_num(size))
    return np.asarray(np.rint(values * scale) / scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Which errors a run knows.

    Parameters
    ----------
    map_errors, members : frozenset of str
        Layers with standard errors, with members of a retrieval model.
    in_part : mapping
        Layer -> zones in which some land has a value but no standard error.
    dated, biased : frozenset of str
        Layers with values for each date; those of them whose bias between epochs is given.
    areas, transitions : bool
        Whether a reference sample of classes, and of change, corrects areas.
    """

    map_errors: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    in_part: Mapping[str, frozenset[str]] = field(default_factory=dict)
    dated: frozenset[str] = frozenset()
    biased: frozenset[str] = frozenset()
    areas: bool = False
    transitions: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What the interval of each row contains and lacks, (n,) sets of words of `ORDER`."""

    contains: list[frozenset[str]]
    lacks: list[frozenset[str]]

    def summed(self, members: Sequence[NDArray[np.int64]]) -> "Scope":
        """Of sums of rows: an error is lacking where it lacks in one of them."""
        return Scope(*(
            [frozenset().union(*(words[number] for number in one)) for one in members] for words in (self.contains, self.lacks)
        ))  # fmt: skip

    def words(self, shown: Flags) -> tuple[list[str], list[str]]:
        """Both as texts, empty for rows without a number."""
        contains = [_joined(one) or NONE if show else "" for one, show in zip(self.contains, shown, strict=True)]
        return contains, [_joined(one) if show else "" for one, show in zip(self.lacks, shown, strict=True)]


def _joined(words: frozenset[str]) -> str:
    return "+".join(word for word in ORDER if word in words)


def scope_of(frame: pd.DataFrame, effects: Effects, unranged: Flags, known: Known) -> Scope:
    """What the intervals of leaves contain and lack.

    Parameters
    ----------
    frame : DataFrame
        Leaves with zone and ``layers``; ``transition`` for removals.
    unranged : (n,) bool
        Results that rest on factors which state no range.
    """
    of_factor = np.zeros(len(frame), dtype=bool)
    for number, source in enumerate(effects.sources):
        if source.kind == FACTOR:
            of_factor |= (effects.rows[effects.owner == number] != 0.0).any(axis=0)
    transition = frame["transition"].to_numpy() if "transition" in frame else np.full(len(frame), "")
    contains, lacks = [], []
    for zone, layers, moved, factor, rests in zip(frame["zone"], frame["layers"], transition, of_factor, unranged, strict=True):
        words = _words(str(zone), frozenset(layers.split("+")) - {""}, str(moved), known)
        contains.append(frozenset(word for word, has in words.items() if has) | ({FACTOR} if factor else frozenset()))
        lacks.append(frozenset(word for word, has in words.items() if not has) | ({WITHOUT_RANGE} if rests else frozenset()))
    return Scope(contains, lacks)


def _words(zone: str, layers: frozenset[str], transition: str, known: Known) -> dict[str, bool]:
    """Each kind of error that concerns a leaf, and whether it is known."""
    mapped = layers - {LAND_COVER}
    words: dict[str, bool] = {}
    if transition == "converted":
        words[AREA] = known.transitions
    elif layers:
        words[AREA] = known.areas and not mapped and transition == ""
    if mapped:
        words[MAP] = mapped <= known.map_errors
        words[MODEL] = mapped <= known.members
        if any(zone in known.in_part.get(layer, frozenset()) for layer in mapped):
            words[MAP_IN_PART] = False
    if transition and mapped & known.dated:
        words[BETWEEN_DATE] = mapped & known.dated <= known.biased
    return words


@dataclass(frozen=True, slots=True)
class Drawn:
    """Results of Monte Carlo: standard error and 95 % interval of each row; NaN where there is none."""

    error: Floats
    low: Floats
    high: Floats

    @classmethod
    def nothing(cls, rows: int) -> "Drawn":
        """Of a run without draws."""
        return cls(*(np.full(rows, np.nan) for _ in range(3)))

    @classmethod
    def of(cls, draws: Floats) -> "Drawn":
        """From draws (D, n)."""
        low, high = ends(draws)
        return cls(draws.std(axis=0, ddof=1) if len(draws) > 1 else np.full(draws.shape[1], np.nan), low, high)


def ends(draws: Floats) -> tuple[Floats, Floats]:
    """The 2.5 and 97.5 % points of draws (D, n), interpolated linearly between neighbours."""
    count = len(draws)
    places = [share * (count - 1) for share in (0.025, 0.975)]
    kth = sorted({int(np.floor(place)) for place in places} | {min(count - 1, int(np.floor(place)) + 1) for place in places})
    part = np.partition(np.ascontiguousarray(draws.T), kth, axis=1)
    out = []
    for place in places:
        first = int(np.floor(place))
        second = min(count - 1, first + 1)
        out.append(part[:, first] + (place - first) * (part[:, second] - part[:, first]))
    return out[0], out[1]


def interval_columns(suffix: str, central: Floats, error: Floats, drawn: Drawn, scope: Scope) -> dict[str, object]:
    """The six interval columns and the words beside them; empty where nothing moves a value, which is not certainty."""
    shown = ~np.isnan(central)
    moved = shown & (error > 0)
    error = np.where(moved, error, np.nan)
    contains, lacks = scope.words(shown)
    tail = f"_{suffix}" if suffix else ""
    return {
        f"se{tail}": rounded(error), f"low{tail}": rounded(central - Z95 * error), f"high{tail}": rounded(central + Z95 * error),
        **{f"mc_{name}{tail}": rounded(significant(np.where(moved, values, np.nan)))
           for name, values in (("se", drawn.error), ("low", drawn.low), ("high", drawn.high))},
        "interval_contains": contains, "interval_missing": lacks,
    }  # fmt: skip
