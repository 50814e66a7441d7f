"""The rule ``cautious-1``: from a league's removal and its excluded units to its trial offset, in decimals (ACCOUNTING 5).

``S = deduction + X_applied + withheld_zero_rule + above_cap + offset + floor_remainder + shortfall``
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext

from sinks.assessment.values import value

RULE_ID = "cautious-1"
RULE_STATUS = "trial"
ZERO = Decimal("0.000")
_STEP = Decimal("0.001")
_DIGITS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The inventory's removal S of a league in a year with its interval [t CO2e per year]; empty parts are None."""

    value: Decimal
    se: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The switches of the rule.

    Parameters
    ----------
    deduction_mode : {"none", "fixed", "t66", "lower90"}
    deduction_pct : Decimal, optional
        Of the mode ``fixed`` [percent of |S|].
    zero_rule : bool
        No offset where the 95 % interval of S holds zero.
    cap : callable
        (league, year) -> most that may offset [t CO2e], or None.
    """

    deduction_mode: str = "t66"
    deduction_pct: Decimal | None = None
    zero_rule: bool = True
    cap: Callable[[str, int], Decimal | None] = lambda league, year: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A league's year under the rule [t CO2e]; the parts after S add up to S."""

    removal: Decimal
    deduction: Decimal
    conservative: Decimal
    excluded: Decimal
    applied: Decimal
    true_up: Decimal
    carry_in: Decimal
    carry_out: Decimal
    withheld: Decimal
    cap: Decimal | None
    above_cap: Decimal
    floor_remainder: Decimal
    shortfall: Decimal
    offset: Decimal

    @property
    def sum_of_parts(self) -> Decimal:
        """The right side of the printed identity; equals ``removal``."""
        return self.deduction + self.applied + self.withheld + self.above_cap + self.offset + self.floor_remainder + self.shortfall


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a year that cannot be settled hands on [t CO2e]."""

    excluded: Decimal
    true_up: Decimal
    carry_in: Decimal

    @property
    def carry_out(self) -> Decimal:
        """All of it."""
        return self.excluded


def deduction_of(removal: Removal, choices: Choices) -> Decimal | None:
    """``pct x |S|``, rounded to 0.001 t: 0 (``none``), a given percentage (``fixed``), 0.4307 SE (``t66``), 1.645 SE (``lower90``); None without SE.

    Examples
    --------
    >>> deduction_of(Removal(value=Decimal(1250000)), Choices(deduction_mode="fixed", deduction_pct=Decimal(6)))
    Decimal('75000.000')
    """
    if choices.deduction_mode == "none":
        return ZERO
    if choices.deduction_mode == "fixed":
        return (abs(removal.value) * (choices.deduction_pct or ZERO) / 100).quantize(_STEP, rounding=ROUND_HALF_EVEN)
    if removal.value == 0 and removal.se is None:
        return ZERO
    if removal.se is None:
        return None
    return (value(choices.deduction_mode) * removal.se).quantize(_STEP, rounding=ROUND_HALF_EVEN)


def cannot_settle(removal: Removal | None, choices: Choices) -> str:
    """Why a year cannot be settled: no removal, no standard error for the deduction, no interval for the zero rule; empty where it can."""
    if removal is None:
        return "no_removal"
    if deduction_of(removal, choices) is None:
        return "no_standard_error"
    if choices.zero_rule and removal.value != 0 and (removal.low is None or removal.high is None):
        return "no_interval"
    return ""


def settle_year(
    removal: Removal, of_vintage: Decimal, true_up: Decimal, carry_in: Decimal, cap: Decimal | None, choices: Choices
) -> Settled:
    """One year of one league.

    Parameters
    ----------
    of_vintage, true_up, carry_in : Decimal
        The three parts of X [t CO2e].
    cap : Decimal, optional
        Most that may offset [t CO2e].
    """
    with localcontext() as context:
        context.prec = _DIGITS
        deduction = deduction_of(removal, choices) or ZERO
        conservative = removal.value - deduction
        excluded = of_vintage + true_up + carry_in
        available = max(ZERO, conservative)
        applied = min(max(ZERO, excluded), available)
        rest = available - applied
        spans_zero = removal.low is not None and removal.high is not None and removal.low <= 0 <= removal.high
        withheld = rest if choices.zero_rule and spans_zero else ZERO
        rest -= withheld
        above = max(ZERO, rest - cap) if cap is not None else ZERO
        rest -= above
        offset = rest.to_integral_value(rounding=ROUND_FLOOR)
        return Settled(
            removal=removal.value, deduction=deduction, conservative=conservative, excluded=excluded, applied=applied, true_up=true_up,
            carry_in=carry_in, carry_out=excluded - applied, withheld=withheld, cap=cap, above_cap=above, floor_remainder=rest - offset,
            shortfall=min(ZERO, conservative), offset=offset,
        )  # fmt: skip


def settle_league(
    league: str, years: Sequence[int], removals: Mapping[int, Removal | None], of_vintage: Mapping[int, Decimal],
    true_up: Mapping[int, Decimal], choices: Choices,
) -> dict[int, Settled | Waiting]:  # fmt: skip
    """The years of a league in order, the carry going from each to the next; a year that cannot be settled hands on all of its X."""
    out: dict[int, Settled | Waiting] = {}
    carry = ZERO
    for year in sorted(years):
        own, late = of_vintage.get(year, ZERO), true_up.get(year, ZERO)
        removal = removals.get(year)
        if removal is None or cannot_settle(removal, choices):
            out[year] = Waiting(excluded=own + late + carry, true_up=late, carry_in=carry)
        else:
            out[year] = settle_year(removal, own, late, carry, choices.cap(league, year), choices)
        carry = out[year].carry_out
    return out


__all__ = ["RULE_ID", "RULE_STATUS", "Choices", "Removal", "Settled", "Waiting", "cannot_settle", "deduction_of", "settle_league", "settle_year"]
