"""Official areas: the activity tables raked to the land survey's areas at all dates (ACCOUNTING 3).

At a date every row of a land class is multiplied by official over mapped area; classes
that the survey does not list share what remains of the zone. Over an interval the matrix
of change is raked to the areas of both dates (iterative proportional fitting, Deming and
Stephan 1940): of all matrices with these sums the one that is nearest to the mapped one.
A list that equals the map changes nothing, to the bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.findings import Finding, InputError, errors, finding
from sinks.accounting.rows import PAIR_KEY, YEAR_KEY, PairCells, YearCells

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST, MOST = 0.5, 2.0
"""Factors outside need the user's word: they are another map rather than a correction."""
GROUPS = ("forest", "grassland", "wetland")
"""Ecosystems that may be listed whole, instead of their land classes."""
REST = ""
"""The label of classes that no list names."""
_PRINTED_HA = 1e-6
"""The last decimal of an area that is printed: areas closer than it are the same."""
_SAME_ZONE = 1e-6
"""Relative difference between a whole list and the zone that is taken for rounding."""
_CONVERGED = 1e-10
_MOST_ROUNDS = 5_000
_LINEAR = (
    "area_ha", "missing_ha", "sum", "sum_sq", "sum_se", "sum_from", "sum_to", "sum_from_sq", "sum_to_sq", "sum_cross", "sum_se_from", "sum_se_to",
)  # fmt: skip
_SQUARED = ("sum_se_sq", "sum_se_from_sq", "sum_se_to_sq", "sum_se_cross")
"""Sums of squared area times variance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raking:
    """By what the areas of the groups of land are multiplied.

    Parameters
    ----------
    year, pair : (groups,) float64
        Factors of the groups of dates and intervals; 1 where nothing is raked.
    rows : DataFrame
        Table `raking`: by zone and land classes of a date (twice the same) or interval, mapped, official and raked areas.
    findings : tuple of Finding
        What the user has accepted.
    """

    year: Floats
    pair: Floats
    rows: pd.DataFrame
    findings: tuple[Finding, ...] = ()


def rake(years: YearCells, pairs: PairCells, controls: pd.DataFrame, accept: bool) -> Raking:
    """Factors that bring mapped areas to the official ones.

    Parameters
    ----------
    controls : DataFrame
        Rows of `sinks.tables.CONTROL_AREAS` whose zones are those of the run.

    Raises
    ------
    InputError
        Areas that cannot be reached; factors outside 0.5 to 2 that nobody has accepted; a matrix that does not converge.
    """
    year_factor, pair_factor = np.ones(len(years.frame)), np.ones(len(pairs.frame))
    rows: list[pd.DataFrame] = []
    found: list[Finding] = []
    for zone, listed in controls.groupby("zone", sort=True):
        here = np.flatnonzero((years.frame["zone"] == zone).to_numpy())
        there = np.flatnonzero((pairs.frame["zone"] == zone).to_numpy())
        try:
            one = _rake_zone(years.frame.iloc[here].reset_index(drop=True), pairs.frame.iloc[there].reset_index(drop=True), listed, str(zone))
        except InputError as error:
            found += error.findings
            continue
        year_factor[here], pair_factor[there] = one.year, one.pair
        rows.append(one.rows)
        found += check_factors(one.rows, str(zone), accept)
    if errors(found):
        raise InputError(found)
    return Raking(year=year_factor, pair=pair_factor, rows=pd.concat(rows, ignore_index=True), findings=tuple(found))


@dataclass(frozen=True, slots=True)
class _Date:
    """A date of a zone: the label of every group of land, by what each label is multiplied, and its official area."""

    labels: NDArray[np.object_]
    factors: Mapping[str, float]
    official: Mapping[str, float]

    @property
    def changed(self) -> bool:
        """Whether any area changes."""
        return any(factor != 1.0 for factor in self.factors.values())


def _rake_zone(years: pd.DataFrame, pairs: pd.DataFrame, listed: pd.DataFrame, zone: str) -> Raking:
    lists = {
        int(year): dict(zip(part["land_class"], part["area_ha"].astype(float), strict=True)) for year, part in listed.groupby("year", sort=True)
    }
    year_factor, pair_factor = np.ones(len(years)), np.ones(len(pairs))
    dates: dict[int, _Date] = {}
    found: list[Finding] = []
    for year, areas in lists.items():
        rows = np.flatnonzero((years["year"] == year).to_numpy())
        try:
            dates[year] = _date(years.iloc[rows], areas, f"{zone}, {year}")
        except InputError as error:
            found += error.findings
            continue
        year_factor[rows] = [dates[year].factors[label] for label in dates[year].labels]
    if found:
        raise InputError(found)
    for (first, last), rows in sorted(pairs.groupby(["year_from", "year_to"]).indices.items()):
        ends = dates.get(int(first)), dates.get(int(last))
        if any(end is not None and end.changed for end in ends):
            pair_factor[rows] = _matrix_factors(pairs.iloc[rows], ends, f"{zone}, {first}-{last}")
    return Raking(year=year_factor, pair=pair_factor, rows=_table(years, pairs, year_factor, pair_factor, lists))


def _label(land_class: str, ecosystem: str, areas: Mapping[str, float]) -> str:
    """Under which entry of a list a land class falls."""
    return land_class if land_class in areas else ecosystem if ecosystem in areas and ecosystem in GROUPS else REST


def _labels(frame: pd.DataFrame, side: str, areas: Mapping[str, float]) -> NDArray[np.object_]:
    names = zip(frame[f"land_class{side}"], frame[f"ecosystem{side}"], strict=True)
    return np.asarray([_label(land, ecosystem, areas) for land, ecosystem in names], dtype=object)


def _sums(labels: NDArray[np.object_], area: Floats) -> dict[str, float]:
    return {str(label): float(value) for label, value in pd.Series(area).groupby(labels).sum().items()}


def _date(land: pd.DataFrame, areas: Mapping[str, float], where: str) -> _Date:
    """Factors of a date: official over mapped area, and what remains of the zone for the classes that are not listed."""
    labels = _labels(land, "", areas)
    mapped = _sums(labels, land["area_ha"].to_numpy(dtype=np.float64))
    whole, listed = sum(mapped.values()), sum(areas.values())
    absent = sorted(label for label, area in areas.items() if area > 0 and mapped.get(label, 0.0) <= 0)
    if absent:
        raise InputError(finding("E-CTRL-04", where, classes=", ".join(f"{label} {areas[label]:,.6f}" for label in absent)))
    rest = whole - listed
    if mapped.get(REST, 0.0) <= 0 and abs(rest) <= _SAME_ZONE * whole:
        areas, rest = {label: area * whole / listed for label, area in areas.items()}, 0.0
    if rest < -_PRINTED_HA or (rest > _PRINTED_HA and mapped.get(REST, 0.0) <= 0):
        id = "E-CTRL-05" if rest < 0 else "E-CTRL-06"
        raise InputError(finding(id, where, listed=f"{listed:,.6f}", zone=f"{whole:,.6f}"))
    official = {**areas, **({REST: rest} if REST in mapped else {})}
    same = all(abs(official[label] - area) <= _PRINTED_HA for label, area in mapped.items() if label != REST)
    return _Date(labels, {label: 1.0 if same else _ratio(official[label], area) for label, area in mapped.items()}, official)


def _ratio(official: float, area: float) -> float:
    return official / area if area > 0 else 1.0


def _matrix_factors(pairs: pd.DataFrame, ends: tuple[_Date | None, _Date | None], where: str) -> Floats:
    """Factors of the groups of an interval: the matrix of labels at both dates raked to the areas of both."""
    area = pairs["area_ha"].to_numpy(dtype=np.float64)
    places, margins, labels_of = [], [], []
    for side, end in zip(("_from", "_to"), ends, strict=True):
        labels = pairs[f"land_class{side}"].to_numpy(dtype=object) if end is None else _labels(pairs, side, end.official)
        names = sorted(set(labels))
        place = np.asarray([names.index(label) for label in labels])
        mapped = np.bincount(place, weights=area, minlength=len(names))
        places.append(place)
        labels_of.append(names)
        margins.append(mapped * np.asarray([1.0 if end is None else end.factors[name] for name in names]))
    matrix = np.zeros((len(margins[0]), len(margins[1])))
    np.add.at(matrix, tuple(places), area)
    columns = margins[1] * (margins[0].sum() / margins[1].sum())
    out = _fitted(matrix, margins[0], columns)
    missed = np.abs(out.sum(axis=0) - columns) > _CONVERGED * columns.sum()
    if missed.any():
        said = [f"{labels_of[1][place] or '-'} {out.sum(axis=0)[place]:,.0f} / {columns[place]:,.0f} ha" for place in np.flatnonzero(missed)]
        raise InputError(finding("E-CTRL-07", where, rounds=_MOST_ROUNDS, classes="; ".join(said[:_MOST_NAMED])))
    factors = np.divide(out, matrix, out=np.ones_like(matrix), where=matrix > 0)
    return np.asarray(factors[tuple(places)])


def _fitted(matrix: Floats, rows: Floats, columns: Floats) -> Floats:
    """Iterative proportional fitting; its rows have their sums, and its columns as well where they can be reached."""
    out = matrix.copy()
    for _ in range(_MOST_ROUNDS):
        out = out * _over(columns, out.sum(axis=0))[None, :]
        out = out * _over(rows, out.sum(axis=1))[:, None]
        if (np.abs(out.sum(axis=0) - columns) <= _CONVERGED * columns.sum()).all():
            break
    return out


def _over(wanted: Floats, held: Floats) -> Floats:
    return np.divide(wanted, held, out=np.zeros_like(wanted), where=held > 0)


def _table(years: pd.DataFrame, pairs: pd.DataFrame, year: Floats, pair: Floats, lists: Mapping[int, Mapping[str, float]]) -> pd.DataFrame:
    """Mapped, official and raked areas by land class of a date, and by transition."""
    of_date = years.assign(year_from=years["year"], year_to=years["year"], land_from=years["land_class"], land_to=years["land_class"])
    of_pair = pairs.assign(land_from=pairs["land_class_from"], land_to=pairs["land_class_to"])
    keys = ["zone", "year_from", "year_to", "land_from", "land_to"]
    both = pd.concat([of_date[[*keys, "area_ha"]].assign(factor=year), of_pair[[*keys, "area_ha"]].assign(factor=pair)], ignore_index=True)
    listed = both["year_from"].isin(lists) | both["year_to"].isin(lists)
    both = both[listed].assign(raked_ha=lambda frame: frame["area_ha"] * frame["factor"])
    rows = both.groupby(keys, sort=True)[["area_ha", "raked_ha"]].sum().reset_index().rename(columns={"area_ha": "mapped_ha"})
    at_date = (rows["year_from"] == rows["year_to"]).to_numpy()
    places = zip(rows["year_to"], rows["land_to"], at_date, strict=True)
    official = [lists.get(int(year), {}).get(land, np.nan) if date else np.nan for year, land, date in places]
    factor = np.divide(rows["raked_ha"], rows["mapped_ha"], out=np.ones(len(rows)), where=(rows["mapped_ha"] > 0).to_numpy())
    return rows.assign(official_ha=official, factor=factor)


def check_factors(rows: pd.DataFrame, zone: str, accept: bool) -> list[Finding]:
    """Factors of a zone that change an area by more than a correction may, in rows of table `raking`."""
    beyond = rows[(rows["factor"] < LEAST) | (rows["factor"] > MOST)]
    if not len(beyond):
        return []
    words = [
        f"{row.year_to} {row.land_to} {row.factor:.3f}" if row.year_from == row.year_to
        else f"{row.year_from}-{row.year_to} {row.land_from}>{row.land_to} {row.factor:.3f}"
        for row in beyond.itertuples()
    ]  # fmt: skip
    said = ", ".join(words[:_MOST_NAMED]) + (f" (+{len(words) - _MOST_NAMED})" if len(words) > _MOST_NAMED else "")
    return [finding("W-CTRL-08" if accept else "E-CTRL-08", zone, factors=said, low=f"{LEAST:g}", high=f"{MOST:g}")]


_MOST_NAMED = 12


def raked(activity: pd.DataFrame, factor: Floats) -> pd.DataFrame:
    """Activity rows on land that is ``factor`` (rows,) times as large."""
    if (factor == 1.0).all():
        return activity
    linear = {name: activity[name] * factor for name in _LINEAR if name in activity}
    return activity.assign(**linear, **{name: activity[name] * factor**2 for name in _SQUARED if name in activity})


def on_raked_land(rows: pd.DataFrame, years: pd.DataFrame, pairs: pd.DataFrame, raking: Raking, strata: bool) -> pd.DataFrame:
    """Rows of dates (the same year and class twice) and intervals on raked land.

    The lattice of map errors stands by codes alone, members of models by ``strata`` too.
    """
    dates = (rows["year_from"] == rows["year_to"]).to_numpy()
    number = len(YEAR_KEY) if strata else len(YEAR_KEY) - 1
    first = rows.rename(columns={"year_from": "year", "land_from": "class", "stratum_from": "stratum"})
    factor = np.ones(len(rows))
    factor[dates] = _mean_factors(first[dates], years, raking.year, YEAR_KEY[:number])
    factor[~dates] = _mean_factors(rows[~dates], pairs, raking.pair, PAIR_KEY if strata else PAIR_KEY[:5])
    return raked(rows, factor)


def _mean_factors(rows: pd.DataFrame, frame: pd.DataFrame, factor: Floats, key: list[str]) -> Floats:
    """The factor of each row by a key that may be coarser than the groups: means by area; 1 where no group fits."""
    sums = frame[key].assign(area=frame["area_ha"], raked=frame["area_ha"] * factor).groupby(key).sum()
    ratio = np.divide(sums["raked"], sums["area"], out=np.ones(len(sums)), where=(sums["area"] > 0).to_numpy())
    at = sums.index.get_indexer(pd.MultiIndex.from_frame(rows[key]))
    return np.where(at >= 0, np.asarray(ratio)[np.maximum(at, 0)], 1.0) if len(sums) else np.ones(len(rows))
