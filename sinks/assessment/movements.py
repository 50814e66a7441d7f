"""What happened to units, as signed movements between states on dates; balances and what must be left out are sums of them.

Sums do not depend on the order of the movements.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import lru_cache

from sinks.tables import UNIT_STATES

REPLACED = "replaced:"
"""Before the state of units that were replaced after a loss: movements beside those of the states, counted back."""
LEAVING = frozenset({"sold_out", "retired_ets", "retired_voluntary"})
"""States in which a unit has left the region."""
EVER = "9999-12-31"
"""A date after every date."""
_STEP = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Movement:
    """Units that enter (positive) or leave (negative) a state on a date.

    Parameters
    ----------
    date : str
        Year-month-day.
    risk_share : str
        Decimal text, e.g. ``0.1``.
    shares : str
        ``code:share;code:share``, together 1.
    units : int or Fraction
        [t CO2e], signed.
    """

    date: str
    project: str
    module: str
    kind: str
    vintage: int
    risk_share: str
    shares: str
    state: str
    units: int | Fraction


@lru_cache(maxsize=65536)
def shares_of(text: str) -> tuple[tuple[str, Fraction], ...]:
    """Leagues and their shares from ``code:share;code:share``.

    Examples
    --------
    >>> shares_of("150400:0.75;150500:0.25")
    (('150400', Fraction(3, 4)), ('150500', Fraction(1, 4)))
    """
    pairs = (part.rpartition(":") for part in text.split(";"))
    return tuple((code, Fraction(share)) for code, _, share in pairs)


@lru_cache(maxsize=65536)
def gross_of_a_unit(risk_share: str, basis: str) -> Fraction:
    """Removal behind one unit [t CO2e]: ``1 / (1 - risk share)``, or 1 where only what was issued counts (METHODOLOGIES 5.5, R3 and R8)."""
    return Fraction(1) if basis == "issued" else 1 / (1 - Fraction(risk_share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How assessments read the ledger.

    Parameters
    ----------
    years : sequence of int
        Assessment years, ascending.
    as_of : str
        Date as of which open years read.
    closed : mapping
        Year -> date on which its assessment was closed.
    basis : {"gross", "issued"}
        What stands behind a unit.
    true_up : bool
        Whether what happens to closed vintages later is made good in later years.
    avoided_excluded : bool
        Whether units of avoided emissions are left out like those of removals.
    """

    years: Sequence[int]
    as_of: str = EVER
    closed: Mapping[int, str] = field(default_factory=dict)
    basis: str = "gross"
    true_up: bool = True
    avoided_excluded: bool = True

    def date(self, year: int) -> str:
        """The date as of which the assessment of a year reads the ledger."""
        return self.closed.get(year, self.as_of)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What must be left out, exactly [t CO2e], by league and year; ``pending`` waits for a later assessment."""

    of_vintage: Mapping[tuple[str, int], Fraction]
    true_up: Mapping[tuple[str, int], Fraction]
    pending: Mapping[str, Fraction]


def exposure(movements: Iterable[Movement], reading: Reading, excluded: frozenset[str]) -> Exposure:
    """Removal behind excluded units, per league and assessment year (ACCOUNTING 5).

    A vintage counts in its own year, as the ledger stood when that year was
    read. What happens to a closed vintage later is trued up, with its sign, in
    the first assessment year after it that is not before the event and reads
    the ledger on or after the event; what no year takes in is pending.
    Replaced units (METHODOLOGIES 5.5, R10) come back in the year of the event.

    Parameters
    ----------
    excluded : frozenset of str
        States whose units are left out of the offset.
    """
    years = set(reading.years)
    own: dict[tuple[str, int], Fraction] = {}
    later: dict[tuple[str, int], Fraction] = {}
    pending: dict[str, Fraction] = {}
    for one in movements:
        amount = _excluded_amount(one, reading, excluded)
        if not amount or one.vintage not in years:
            continue
        replaced = one.state.startswith(REPLACED)
        if not replaced and one.date <= reading.date(one.vintage):
            _split(own, one, one.vintage, amount)
        elif (replaced or one.vintage in reading.closed) and reading.true_up:
            year = _year_of_true_up(one, reading, replaced)
            if year is not None:
                _split(later, one, year, amount)
            elif one.date <= reading.as_of:
                for league, share in shares_of(one.shares):
                    pending[league] = pending.get(league, Fraction(0)) + amount * share
    return Exposure(own, later, pending)


def _excluded_amount(one: Movement, reading: Reading, excluded: frozenset[str]) -> Fraction:
    if one.kind == "avoided_emission" and not reading.avoided_excluded:
        return Fraction(0)
    if one.state.removeprefix(REPLACED) not in excluded:
        return Fraction(0)
    sign = -1 if one.state.startswith(REPLACED) else 1
    return sign * one.units * gross_of_a_unit(one.risk_share, reading.basis)


def _year_of_true_up(one: Movement, reading: Reading, replaced: bool) -> int | None:
    first = max(int(one.date[:4]), one.vintage if replaced else one.vintage + 1)
    return next((year for year in sorted(reading.years) if year >= first and reading.date(year) >= one.date), None)


def _split(into: dict[tuple[str, int], Fraction], one: Movement, year: int, amount: Fraction) -> None:
    for league, share in shares_of(one.shares):
        into[league, year] = into.get((league, year), Fraction(0)) + amount * share


def balances(movements: Iterable[Movement], vintage: int, date: str) -> dict[tuple[str, str], tuple[Fraction, Fraction]]:
    """(league, state) -> units and the removal behind them [t CO2e] of a vintage on a date; exact."""
    out: dict[tuple[str, str], tuple[Fraction, Fraction]] = {}
    for one in movements:
        if one.vintage == vintage and one.date <= date and one.state in UNIT_STATES:
            each = gross_of_a_unit(one.risk_share, "gross")
            for league, share in shares_of(one.shares):
                units, gross = out.get((league, one.state), (Fraction(0), Fraction(0)))
                out[league, one.state] = units + one.units * share, gross + one.units * share * each
    return {key: both for key, both in out.items() if any(both)}


def thousandths(value: Fraction) -> Decimal:
    """A fraction rounded to 0.001, half to even.

    Examples
    --------
    >>> thousandths(Fraction(70000, 3))
    Decimal('23333.333')
    """
    return Decimal(round(value * 1000)).scaleb(-3)


def split_exactly(parts: Mapping[str, Fraction]) -> dict[str, Decimal]:
    """Fractions rounded to 0.001 so that they add up to their rounded sum: the largest remainders go up, ties in the order of the names.

    Examples
    --------
    >>> split_exactly({"a": Fraction(1, 3), "b": Fraction(1, 3), "c": Fraction(1, 3)})
    {'a': Decimal('0.334'), 'b': Decimal('0.333'), 'c': Decimal('0.333')}
    """
    whole = round(sum(parts.values(), Fraction(0)) * 1000)
    floors = {name: (value * 1000).__floor__() for name, value in parts.items()}
    order = sorted(parts, key=lambda name: (floors[name] - parts[name] * 1000, name))
    for name in order[: whole - sum(floors.values())]:
        floors[name] += 1
    return {name: Decimal(value).scaleb(-3) for name, value in floors.items()}


def decimal_of(value: float) -> Decimal:
    """A table's number as a decimal of 0.001."""
    return Decimal(repr(float(value))).quantize(_STEP, rounding=ROUND_HALF_EVEN)
