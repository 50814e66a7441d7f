"""Classes of a map: few colours, safe for colour-blind readers, limits that can be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

STOCK_COLOURS = ("#ffffcc", "#c2e699", "#78c679", "#31a354", "#006837")
"""ColorBrewer YlGn: ordered in lightness, so that it survives grey print."""
CHANGE_COLOURS = ("#a6611a", "#dfc27d", "#f5f5f5", "#80cdc1", "#018571")
"""ColorBrewer BrBG; brown is a loss."""
STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Leading digits of limits."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Limits between classes, ascending, and a colour for each class."""

    limits: tuple[float, ...]
    colours: tuple[str, ...]

    def place(self, value: float | None) -> int:
        """The class of a value; -1 for none."""
        if value is None or not isfinite(value):
            return -1
        return sum(value >= limit for limit in self.limits)


def scale_of(values: Sequence[float | None], signed: bool) -> Scale:
    """Five classes: of equal numbers of zones, or the same to either side of zero where values have a sign."""
    known = sorted(value for value in values if value is not None and isfinite(value))
    if not known:
        return Scale((), STOCK_COLOURS[2:3])
    if signed:
        return _signed(known)
    limits = sorted({rounded(_quantile(known, share / 5)) for share in range(1, 5)})
    limits = [limit for limit in limits if known[0] < limit <= known[-1]]
    return Scale(tuple(limits), _spread(STOCK_COLOURS, len(limits) + 1))


def _signed(known: list[float]) -> Scale:
    """Zero in the middle; the middle class is a hundredth of the largest to either side."""
    largest = max(abs(value) for value in known)
    if not largest:
        return Scale((), CHANGE_COLOURS[2:3])
    sizes = sorted(abs(value) for value in known if value)
    outer = rounded(_quantile(sizes, 0.7))
    inner = rounded(min(_quantile(sizes, 0.3), outer / 4))
    return Scale((-outer, -inner, inner, outer), CHANGE_COLOURS)


def _quantile(known: Sequence[float], share: float) -> float:
    return known[min(len(known) - 1, int(share * len(known)))]


def _spread(colours: Sequence[str], count: int) -> tuple[str, ...]:
    """So many colours, from light to dark."""
    if count == 1:
        return (colours[len(colours) // 2],)
    return tuple(colours[round(place * (len(colours) - 1) / (count - 1))] for place in range(count))


def rounded(value: float) -> float:
    """A number near another with a short first digit: a limit that can be read."""
    if not value:
        return 0.0
    power = 10.0 ** floor(log10(abs(value)))
    leading = min((*STEPS, 10.0), key=lambda step: abs(step - abs(value) / power))
    return float(f"{leading * power * (1 if value > 0 else -1):.6g}")
