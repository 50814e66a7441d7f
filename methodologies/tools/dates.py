"""Dates as text, as numbers of eight digits, and the years between them."""

from datetime import date

from methodologies.contract import Array
from sinks.units import DAYS_PER_YEAR


def parse(text: str) -> date:
    """The date of ``YYYY-MM-DD``.

    Raises
    ------
    ValueError
        No date.
    """
    return date.fromisoformat(text)


def from_number(value: Array) -> date:
    """The date of a parameter written as ``yyyymmdd``."""
    number = round(float(value.ravel()[0]))
    return date(number // 10000, number // 100 % 100, number % 100)


def years_between(start: str, end: str) -> float:
    """Decimal years from one date to another, days / 365.25 (METHODOLOGIES 0.3).

    Examples
    --------
    >>> round(years_between("2016-01-01", "2020-06-01"), 3)
    4.416
    """
    return (parse(end) - parse(start)).days / DAYS_PER_YEAR


def calendar_time(text: str) -> float:
    """Calendar years that have passed at the end of a day; 31 December of a year is that year.

    Examples
    --------
    >>> calendar_time("2020-12-31"), calendar_time("2021-12-31")
    (2020.0, 2021.0)
    """
    day = parse(text)
    first, last = date(day.year, 1, 1), date(day.year, 12, 31)
    return day.year - 1 + ((day - first).days + 1) / ((last - first).days + 1)


def years_added(start: date, years: int) -> date:
    """The same day some years later; the last of February for a leap day."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, day=28)


def shares_of_years(start: str, end: str) -> dict[int, float]:
    """The share of an interval that falls into each calendar year, by days; the day of the start is not in it."""
    first, last = parse(start), parse(end)
    days = (last - first).days
    shares = {}
    for year in range(first.year, last.year + 1):
        begin, stop = max(first, date(year - 1, 12, 31)), min(last, date(year, 12, 31))
        if stop > begin:
            shares[year] = (stop - begin).days / days
    return shares
