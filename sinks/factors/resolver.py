"""How a request finds its factor: the most specific row that fits, and nothing by guess."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from aoi.findings import Finding, InputError, finding
from sinks.factors.table import KEYS, FactorTable

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Key = str | Sequence[str] | NDArray[np.str_] | NDArray[np.object_]

NONE = -1
"""The row number of a request that no factor fits."""

_Z95 = float(ndtri(0.975))
_NEAREST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of a factor name: the keys, and the density whose bin decides."""

    name: str
    ecosystem: str = ""
    land_class: str = ""
    vegetation_type: str = ""
    climate: str = ""
    soil: str = ""
    origin: str = ""
    site: str = ""
    value: float | None = None

    def keys(self) -> tuple[str, ...]:
        """The keys in the order of `KEYS`."""
        return (self.ecosystem, self.land_class, self.vegetation_type, self.climate, self.soil, self.origin, self.site)

    def __str__(self) -> str:
        said = [f"{key}={word}" for key, word in zip(KEYS, self.keys(), strict=True) if word]
        if self.value is not None:
            said.append(f"value={self.value:g}")
        return f"{self.name} ({', '.join(said)})"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The factors of n requests.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
        Row of the factor table, -1 where none fits.
    ids : ndarray of object, shape (n,)
        Id of the factor, empty where none fits.
    values : ndarray of float64, shape (D, n)
        Value per draw, NaN where none fits.
    """

    name: str
    rows: Rows
    ids: NDArray[np.object_]
    values: Floats


def match(
    table: FactorTable,
    name: str,
    *,
    ecosystem: Key = "",
    land_class: Key = "",
    vegetation_type: Key = "",
    climate: Key = "",
    soil: Key = "",
    origin: Key = "",
    site: Key = "",
    value: ArrayLike | None = None,
) -> Rows:
    """The row of the factor that fits each of n requests, -1 where none does.

    A row fits when each of its keys is empty or names the request's word, and the
    request's value lies in its half-open bin, if it has one. Of the rows that fit
    the one with the most keys wins; a bin counts as a key.

    Raises
    ------
    InputError
        Two rows with equally many keys fit one request.
    """
    rows, _, inverse = _match(table, name, (ecosystem, land_class, vegetation_type, climate, soil, origin, site), value)
    return rows[inverse]


def nearest(table: FactorTable, name: str, request: Request) -> list[str]:
    """Ids of the rows of a name that come closest to a request, for a message."""
    misses = []
    for row in table.rows(name):
        missed = sum(not _names(getattr(table, key)[row], word) for key, word in zip(KEYS, request.keys(), strict=True))
        missed += not _in_bin(table, np.array([row]), np.array([_or_nan(request.value)]))[0, 0]
        misses.append((missed, str(table.id[row])))
    return [id for _, id in sorted(misses)[:_NEAREST]]


class Resolver:
    """Factors with their values per draw; remembers what was used and what was missing.

    Parameters
    ----------
    table : FactorTable
    values : ndarray of float64, shape (D, number of rows), optional
        A value per draw and factor; the central values by default (D = 1).
    """

    def __init__(self, table: FactorTable, values: Floats | None = None) -> None:
        self.table = table
        self.values = central(table) if values is None else np.asarray(values, dtype=np.float64)
        if self.values.ndim != 2 or self.values.shape[1] != len(table):
            raise ValueError(f"values of shape {self.values.shape} for {len(table)} factors")
        self._used = np.zeros(len(table), dtype=bool)
        self._missing: dict[tuple[str, ...], Request] = {}

    @property
    def used(self) -> Rows:
        """Rows that some request was given, ascending."""
        return np.flatnonzero(self._used)

    @property
    def missing(self) -> tuple[Request, ...]:
        """Requests that no factor fits, each once, in order of asking."""
        return tuple(self._missing.values())

    def __call__(
        self,
        name: str,
        *,
        ecosystem: Key = "",
        land_class: Key = "",
        vegetation_type: Key = "",
        climate: Key = "",
        soil: Key = "",
        origin: Key = "",
        site: Key = "",
        value: ArrayLike | None = None,
    ) -> Resolved:
        """The factors of n requests; see `match` for the rule and its error."""
        keys = (ecosystem, land_class, vegetation_type, climate, soil, origin, site)
        distinct, first, inverse = _match(self.table, name, keys, value)
        self._used[distinct[distinct != NONE]] = True
        for position in first[distinct == NONE]:
            request = _request(name, keys, value, int(position))
            self._missing.setdefault((name, *request.keys()), request)
        none = distinct == NONE
        place = np.where(none, 0, distinct)
        values = np.where(none, np.nan, self.values[:, place] if len(self.table) else np.nan)
        ids = np.where(none, "", self.table.id[place])
        return Resolved(name, distinct[inverse], ids[inverse], values[:, inverse])

    def missing_findings(self, where: str) -> list[Finding]:
        """A finding for each missing request, naming the factors that come closest."""
        return [
            finding("E-FACTOR-08", where, request=str(request), nearest=", ".join(nearest(self.table, request.name, request)) or "-")
            for request in self.missing
        ]


def central(table: FactorTable) -> Floats:
    """The values of all factors as one draw, shape (1, number of rows)."""
    return table.value[np.newaxis, :].copy()


def standard_error(table: FactorTable) -> Floats:
    """The standard error of each factor in its own unit, NaN where no range is stated.

    A 95 % interval is 2 x 1.959964 standard errors wide, ``two_se`` limits stand two
    to either side, and limits of the literature give the standard deviation of their
    triangle (``value`` is its mean, see `mode_of_triangle`) or uniform distribution.
    """
    low, mode, high = table.low, mode_of_triangle(table.low, table.value, table.high), table.high
    width = high - low
    squares = low**2 + mode**2 + high**2 - low * mode - low * high - mode * high
    triangle = np.where(np.isnan(mode), width / SIXTH, np.sqrt(np.maximum(0.0, squares) / 18.0))
    bounded = np.where(table.distribution == "uniform", width / np.sqrt(12.0), triangle)
    kinds = [table.range_kind == kind for kind in ("ci95", "two_se", "min_max")]
    return np.select(kinds, [width / (2.0 * _Z95), width / 4.0, bounded], default=np.nan)


SIXTH = 6.0
"""A range is so many standard deviations wide where nothing but its ends and its mean is known (the convention of PERT [Malcolm1959])."""


def mode_of_triangle(low: Floats, value: Floats, high: Floats) -> Floats:
    """The mode of the triangle from low to high whose mean is value; NaN where there is none, because value lies in an outer third.

    Tables of defaults give a mean with the range of the studies behind it; taken as the
    mode, 2.9 (0.2 to 21.3) would be 8.1 on average (DECISIONS 50).
    """
    mode = 3.0 * value - low - high
    return np.where((mode >= low) & (mode <= high), mode, np.nan)


def one_at_a_time(table: FactorTable, rows: ArrayLike) -> Floats:
    """Values that move one factor at a time, shape (1 + 2 K, number of rows).

    The first row is central; then, for each of the K factors, one row at minus and
    one at plus a standard error. A factor without a stated range does not move: see
    `standard_error` for which those are.
    """
    chosen = np.asarray(rows, dtype=np.int64)
    steps = np.nan_to_num(standard_error(table)[chosen], nan=0.0)
    values = np.repeat(central(table), 1 + 2 * len(chosen), axis=0)
    position = np.arange(len(chosen))
    values[1 + 2 * position, chosen] -= steps
    values[2 + 2 * position, chosen] += steps
    return values


def _match(table: FactorTable, name: str, keys: tuple[Key, ...], value: ArrayLike | None) -> tuple[Rows, Rows, Rows]:
    """Rows of the distinct requests, where each is first asked, and the distinct request of each of the n."""
    rows = table.rows(name)
    coded = [_coded(key) for key in keys]
    densities = None if value is None else np.atleast_1d(np.asarray(value, dtype=np.float64))
    codes = [codes for codes, _ in coded]
    if densities is not None:
        codes.append(_bin_codes(densities, table.edges(name)))
    first, inverse = _distinct(codes)
    fits = np.ones((len(rows), len(first)), dtype=bool)
    binned = np.isfinite(table.value_from[rows]) | np.isfinite(table.value_to[rows])
    specificity = binned.astype(np.int64)
    for key, (key_codes, words) in zip(KEYS, coded, strict=True):
        cells = getattr(table, key)[rows]
        named = np.array([[_names(cell, word) for word in words] for cell in cells], dtype=bool).reshape(len(rows), len(words))
        fits &= named[:, key_codes[_positions(key_codes, first)]]
        specificity += cells != ""
    asked = np.full(len(first), np.nan) if densities is None else densities[_positions(densities, first)]
    fits &= _in_bin(table, rows, asked)
    best = _most_specific(table, rows, fits, specificity, lambda place: _request(name, keys, value, int(first[place])))
    return best, first, inverse


def _most_specific(table: FactorTable, rows: Rows, fits: NDArray[np.bool_], specificity: Rows, request: Callable[[int], Request]) -> Rows:
    """For each distinct request the row that fits with the most keys."""
    if not len(rows):
        return np.full(fits.shape[1], NONE, dtype=np.int64)
    score = np.where(fits, specificity[:, np.newaxis], NONE)
    best = score.max(axis=0)
    winners = fits & (score == best)
    found = []
    for tie in np.flatnonzero(winners.sum(axis=0) > 1):
        asked = request(int(tie))
        found.append(finding("E-FACTOR-01", asked.name, request=str(asked), ids=", ".join(table.id[rows[winners[:, tie]]])))
    if found:
        raise InputError(found)
    return np.where(best == NONE, NONE, rows[score.argmax(axis=0)])


def _coded(key: Key) -> tuple[Rows, list[str]]:
    """A code per request and the words behind the codes; one word for all is one code."""
    if isinstance(key, str):
        return np.zeros(1, dtype=np.int64), [key]
    codes, words = pd.factorize(np.asarray(key, dtype=object), use_na_sentinel=False)
    return codes.astype(np.int64), ["" if pd.isna(word) else str(word) for word in words]


def _bin_codes(values: Floats, edges: Floats) -> Rows:
    """A code per request that is the same for values no edge parts; NaN has its own."""
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))


def _distinct(codes: list[Rows]) -> tuple[Rows, Rows]:
    """Where each distinct combination of codes first stands, and the combination of each request."""
    combined = np.zeros(1, dtype=np.int64)
    for one in codes:
        combined = combined * (int(one.max(initial=0)) + 1) + one
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    return first.astype(np.int64), inverse.astype(np.int64)


def _positions(values: NDArray[np.generic], positions: Rows) -> Rows:
    """Places of requests among values, where a single value stands for all of them."""
    return np.zeros_like(positions) if len(values) == 1 else positions


def _names(cell: str, word: str) -> bool:
    """A key of a factor row fits a word: it is empty, or the word is among its words."""
    return cell == "" or word in cell.split("|")


def _in_bin(table: FactorTable, rows: Rows, values: Floats) -> NDArray[np.bool_]:
    """Whether values lie in the bins of rows, shape (rows, values); a row without a bin takes any."""
    start, stop = table.value_from[rows, np.newaxis], table.value_to[rows, np.newaxis]
    unbinned = np.isnan(start) & np.isnan(stop)
    above = np.isnan(start) | (values >= start)
    below = np.isnan(stop) | (values < stop)
    return np.asarray(unbinned | (above & below & ~np.isnan(values)), dtype=np.bool_)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _request(name: str, keys: tuple[Key, ...], value: ArrayLike | None, position: int) -> Request:
    """One of the n requests, for a message."""
    cells = [key if isinstance(key, str) else key[position if len(key) > 1 else 0] for key in keys]
    words = ["" if pd.isna(cell) else str(cell) for cell in cells]
    asked = None
    if value is not None:
        densities = np.atleast_1d(np.asarray(value, dtype=np.float64))
        density = float(densities[position if len(densities) > 1 else 0])
        asked = None if np.isnan(density) else density
    return Request(name=name, value=asked, **dict(zip(KEYS, words, strict=True)))
