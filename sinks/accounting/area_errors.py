"""Errors of class areas and of areas of change, from a reference sample (ACCOUNTING 4).

The sample says of each map class which share of it is what in truth. One sample of the
region is one draw that all leagues share: adjusted areas are the mapped ones of a league
times these shares, so that they sum to the league. Labels of the form ``a>b`` are of a
sample of change; areas at a date are then the sums of the adjusted transitions.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.inventory import Prepared
from sinks.accounting.moves import AreaMoves, relative, with_areas

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHANGE = ">"


@dataclass(frozen=True, slots=True)
class AreaSample:
    """A reference sample of a map.

    Parameters
    ----------
    name : str
        What the sample is called: its file.
    labels : (C,) tuple of str
        Land classes or product codes, or pairs of them with ``>`` between.
    counts, weights, squares : (H, C, C) float64
        Samples of stratum h with map class i and reference class j; sums of their weights, and of the squares.
    areas : (H,) float64
        Area of each stratum, in any one unit.
    """

    name: str
    labels: tuple[str, ...]
    counts: Floats
    weights: Floats
    squares: Floats
    areas: Floats

    @property
    def shares_of_strata(self) -> Floats:
        """Share of each stratum in the whole area, (H,)."""
        return np.asarray(self.areas / self.areas.sum())

    @property
    def inside(self) -> Floats:
        """Share of each cell in its stratum, (H, C, C); 0 for a stratum without a sample."""
        total = self.weights.sum(axis=(1, 2))[:, None, None]
        return np.asarray(relative(self.weights, np.broadcast_to(total, self.weights.shape)))

    @property
    def of_change(self) -> bool:
        """Whether the sample is one of change."""
        return any(CHANGE in label for label in self.labels)


@dataclass(frozen=True, slots=True)
class Shares:
    """What each map class is in truth: shares (C, C) and independent effects on them (k, C, C)."""

    labels: tuple[str, ...]
    shares: Floats
    effects: Floats


def shares_of(sample: AreaSample) -> Shares:
    """Shares of map classes by reference class, with the effects that their sampling errors have.

    The share is the ratio of two stratified means, ``P_ij = p_ij / p_i.`` [Stehman2014];
    its error is linearised: each cell of the sample with c of n units in its stratum is one
    effect ``W sqrt(c / (n (n - 1)))`` times its score less the stratum's mean score (with weights
    ``W sqrt(n / (n - 1) sum w^2) / sum w``). Where the
    strata are the map classes the covariance is ``P_ij (d_jk - P_ik) / (n_i - 1)`` [Olofsson2014].
    A class without a sample is taken as mapped.
    """
    weights, inside = sample.shares_of_strata, sample.inside
    number, total = (cells.sum(axis=(1, 2)) for cells in (sample.counts, sample.weights))
    joint = (weights[:, None, None] * inside).sum(axis=0)
    mapped = joint.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(mapped[:, None] > 0, joint / mapped[:, None], np.eye(len(mapped)))
    effects = []
    classes = len(mapped)
    for stratum in np.flatnonzero(number > 1):
        scores = np.zeros((classes, classes, classes, classes))
        for i in np.flatnonzero(mapped > 0):
            for j in range(classes):
                scores[i, j, i] = ((np.arange(classes) == j) - shares[i]) / mapped[i]
        mean = (inside[stratum][:, :, None, None] * scores).sum(axis=(0, 1))
        for i, j in zip(*np.nonzero(sample.counts[stratum]), strict=True):
            square = sample.squares[stratum, i, j] * number[stratum] / (number[stratum] - 1.0)
            size = weights[stratum] * np.sqrt(square) / total[stratum]
            effects.append(size * (scores[i, j] - mean))
    return Shares(sample.labels, shares, np.array(effects) if effects else np.zeros((0, classes, classes)))


def labels_of(frame: pd.DataFrame, suffix: str, code: str, labels: tuple[str, ...]) -> Ints:
    """Place of the label of each group of land: its product code if the labels are codes, else its land class; -1 where none."""
    place = {label: number for number, label in enumerate(labels)}
    codes = all(label.isdigit() for label in labels)
    names = frame[code].astype(str) if codes else frame[f"land_class{suffix}"]
    return names.map(lambda name: place.get(str(name), -1)).to_numpy(dtype=np.int64)


@dataclass(frozen=True, slots=True)
class AreaErrors:
    """Corrected areas and their errors, as multipliers of the areas of groups of land.

    Parameters
    ----------
    central : AreaMoves
        One case: what areas are multiplied by.
    effects : list of AreaMoves
        For each sample, cases relative to the central one; the first is none.
    validated : (pair groups,) bool
        Change that a sample has looked for.
    """

    central: AreaMoves
    names: tuple[str, ...]
    effects: tuple[AreaMoves, ...]
    validated: NDArray[np.bool_]


def with_corrected_areas(prepared: Prepared, samples: tuple[AreaSample, ...]) -> tuple[Prepared, AreaErrors | None]:
    """The inventory on areas that reference samples correct; change that they have looked for is validated."""
    if not samples:
        return prepared, None
    found = area_errors(prepared, list(samples))
    marked = replace(prepared.pairs, frame=prepared.pairs.frame.assign(validated=found.validated))
    return with_areas(replace(prepared, pairs=marked), found.central), found


def area_errors(prepared: Prepared, samples: list[AreaSample]) -> AreaErrors:
    """Corrections of areas from samples: one of classes, one of change, or both (classes then come from theirs)."""
    years, pairs = prepared.years.frame, prepared.pairs.frame
    year, pair = np.ones((1, len(years))), np.ones((1, len(pairs)))
    validated = np.zeros(len(pairs), dtype=bool)
    found: list[tuple[str, AreaMoves]] = []
    of_class = [sample for sample in samples if not sample.of_change]
    of_change = [sample for sample in samples if sample.of_change]
    for sample in of_class:
        shares = shares_of(sample)
        ratio, moved = _ratios(years, labels_of(years, "", "class", shares.labels), ["zone", "year"], shares)
        year = year * ratio
        found.append((sample.name, AreaMoves(moved, np.ones((len(moved), len(pairs))))))
    for sample in of_change:
        shares = shares_of(sample)
        place = _transition_labels(pairs, shares.labels)
        ratio, moved = _ratios(pairs, place, ["zone", "year_from", "year_to"], shares)
        pair = pair * ratio
        validated |= place >= 0
        of_year = np.ones((len(moved), len(years)))
        if not of_class:
            central, of_year = _of_dates(prepared, sample, ratio, moved)
            year = year * central
        found.append((sample.name, AreaMoves(of_year, moved)))
    return AreaErrors(AreaMoves(year, pair), tuple(name for name, _ in found), tuple(moves for _, moves in found), validated)


def _of_dates(prepared: Prepared, sample: AreaSample, ratio: Floats, moved: Floats) -> tuple[Floats, Floats]:
    """Adjusted over mapped area of classes at dates, from adjusted transitions: the first date by what left, later ones by what arrived.

    Returns
    -------
    ((1, year groups), (1 + k, year groups)) float64
    """
    years, pairs = prepared.years.frame, prepared.pairs.frame
    name = "" if all(part.isdigit() for label in sample.labels for part in label.split(CHANGE)) else "land_class"
    first = int(pairs["year_from"].min())
    area = pairs["area_ha"].to_numpy(dtype=np.float64)
    central, effects = np.ones((1, len(years))), np.ones((len(moved), len(years)))
    for side in ("from", "to"):
        keys = pd.MultiIndex.from_arrays([pairs["zone"], pairs[f"year_{side}"], pairs[f"{name or 'land'}_{side}"]])
        mine = pd.MultiIndex.from_arrays([years["zone"], years["year"], years[name or "class"]])
        group, distinct = pd.factorize(keys)
        at = pd.Index(distinct).get_indexer(mine)
        held = (at >= 0) & ((years["year"] == first) if side == "from" else (years["year"] != first)).to_numpy()
        count = len(distinct)
        mapped, adjusted, *each = (
            np.bincount(group, weights=one, minlength=count).astype(np.float64) for one in (area, area * ratio[0], *(area * ratio[0] * case for case in moved))
        )
        central[0, held] = _over(adjusted, mapped)[at[held]]
        effects[:, held] = _over(np.stack(each), adjusted)[:, at[held]]
    return central, effects


def _over(part: Floats, whole: Floats) -> Floats:
    """Quotients, 1 where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, 1.0)


def _transition_labels(pairs: pd.DataFrame, labels: tuple[str, ...]) -> Ints:
    place = {label: number for number, label in enumerate(labels)}
    codes = all(part.isdigit() for label in labels for part in label.split(CHANGE))
    first, last = (pairs[name].astype(str) for name in (("land_from", "land_to") if codes else ("land_class_from", "land_class_to")))
    return np.asarray([place.get(f"{one}{CHANGE}{other}", -1) for one, other in zip(first, last, strict=True)], dtype=np.int64)


def _ratios(frame: pd.DataFrame, place: Ints, keys: list[str], shares: Shares) -> tuple[Floats, Floats]:
    """Adjusted over mapped area of each group: (1, groups), and with each effect, relative to that (1 + k, groups).

    Adjusted areas of a zone are ``sum_i A_i P_ij``; land of a class that the sample does not have keeps its area.
    """
    classes = len(shares.labels)
    known = place >= 0
    zone = frame.groupby(keys, sort=True).ngroup().to_numpy()
    area = np.zeros((int(zone.max(initial=-1)) + 1, classes))
    np.add.at(area, (zone[known], place[known]), frame["area_ha"].to_numpy(dtype=np.float64)[known])
    adjusted = area @ shares.shares
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(area > 0, adjusted / area, 1.0)
        moved = np.stack([np.ones_like(area), *(np.where(adjusted > 0, 1.0 + (area @ effect) / adjusted, 1.0) for effect in shares.effects)])
    at = np.maximum(place, 0)
    return np.where(known, ratio[zone, at], 1.0)[None, :], np.where(known, moved[:, zone, at], 1.0)


def adjusted_land_use(prepared: Prepared, sample: AreaSample) -> pd.DataFrame:
    """Error-adjusted area and its standard error by zone, interval and land classes, from a sample of change [ha]."""
    pairs = prepared.pairs.frame
    place = _transition_labels(pairs, sample.labels)
    ratio, moved = _ratios(pairs, place, ["zone", "year_from", "year_to"], shares_of(sample))
    area = pairs["area_ha"].to_numpy(dtype=np.float64) * ratio[0]
    keys = ["zone", "year_from", "year_to", "land_class_from", "land_class_to"]
    mine = pairs.loc[place >= 0, keys].rename(columns={"land_class_from": "land_from", "land_class_to": "land_to"}).reset_index(drop=True)
    group = mine.groupby(list(mine.columns), sort=True).ngroup().to_numpy()
    effects = (area * (moved[1:] - 1.0))[:, place >= 0]
    rows = mine.groupby(list(mine.columns), sort=True).size().reset_index()[list(mine.columns)]
    error = np.sqrt(sum((np.bincount(group, weights=one, minlength=len(rows)) ** 2 for one in effects), np.zeros(len(rows))))
    return rows.assign(area_adjusted_ha=np.bincount(group, weights=area[place >= 0], minlength=len(rows)), se_ha=error)
