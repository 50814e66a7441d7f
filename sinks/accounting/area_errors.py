"""Errors of class areas and of areas of change, from a reference sample (ACCOUNTING 4).

The sample says of each map class which share of it is what in truth. One sample of the
region is one draw that all leagues share: adjusted areas are the mapped ones of a league
times these shares, so that they sum to the league. Labels of the form ``a>b`` are of a
sample of change; areas at a date are then corrected by its margins.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.inventory import Prepared
from sinks.accounting.moves import AreaMoves

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
    counts : (H, C, C) float64
        Samples of stratum h with map class i and reference class j.
    areas : (H,) float64
        Area of each stratum, in any one unit.
    """

    name: str
    labels: tuple[str, ...]
    counts: Floats
    areas: Floats

    @property
    def of_change(self) -> bool:
        """Whether the sample is one of change."""
        return any(CHANGE in label for label in self.labels)

    def margin(self, side: int) -> "AreaSample":
        """The sample of change seen from one date."""
        seen = [label.split(CHANGE)[side] for label in self.labels]
        labels = tuple(dict.fromkeys(seen))
        place = np.asarray([labels.index(one) for one in seen])
        counts = np.zeros((len(self.counts), len(labels), len(labels)))
        np.add.at(counts, (slice(None), place[:, None], place[None, :]), self.counts)
        return AreaSample(self.name, labels, counts, self.areas)


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
    effect ``W sqrt(c / (n (n - 1)))`` times its score less the stratum's mean score. Where the
    strata are the map classes the covariance is ``P_ij (d_jk - P_ik) / (n_i - 1)`` [Olofsson2014].
    A class without a sample is taken as mapped.
    """
    weights = sample.areas / sample.areas.sum()
    number = sample.counts.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(number[:, None, None] > 0, sample.counts / number[:, None, None], 0.0)
        joint = (weights[:, None, None] * inside).sum(axis=0)
        mapped = joint.sum(axis=1)
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
            count = sample.counts[stratum, i, j]
            size = weights[stratum] * np.sqrt(count / (number[stratum] * (number[stratum] - 1.0)))
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
            central, of_year = _margins(years, sample, len(moved))
            year = year * central
        found.append((sample.name, AreaMoves(of_year, moved)))
    return AreaErrors(AreaMoves(year, pair), tuple(name for name, _ in found), tuple(moves for _, moves in found), validated)


def _margins(years: pd.DataFrame, sample: AreaSample, cases: int) -> tuple[Floats, Floats]:
    """Areas at dates from a sample of change: the first date by its from-side, later dates by its to-side."""
    first = (years["year"] == years["year"].min()).to_numpy()
    central, moved = np.ones((1, len(years))), np.ones((cases, len(years)))
    whole = shares_of(sample)
    for side, mine in ((0, first), (1, ~first)):
        margin = sample.margin(side)
        shares = shares_of(margin)
        seen = [margin.labels.index(label.split(CHANGE)[side]) for label in sample.labels]
        same = Shares(shares.labels, shares.shares, _margin_effects(whole, sample, shares, np.asarray(seen)))
        ratio, each = _ratios(years, labels_of(years, "", "class", shares.labels), ["zone", "year"], same)
        central[:, mine], moved[:, mine] = ratio[:, mine], each[:, mine]
    return central, moved


def _margin_effects(whole: Shares, sample: AreaSample, margin: Shares, seen: Ints) -> Floats:
    """The effects of a sample of change on the shares of classes at one date, in the same order as those on change.

    ``P_ab = sum of p_i. P_ij / p_a.`` over transitions i seen as a and j seen as b; its
    effects are those of the P_ij, weighted in the same way, with the p_i. of the sample.
    """
    weights = sample.areas / sample.areas.sum()
    number = sample.counts.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        mapped = (weights[:, None] * np.where(number[:, None] > 0, sample.counts.sum(axis=2) / number[:, None], 0.0)).sum(axis=0)
    classes = len(margin.labels)
    total = np.bincount(seen, weights=mapped, minlength=classes)
    out = np.zeros((len(whole.effects), classes, classes))
    for i, row in enumerate(seen):
        if total[row] > 0:
            for j, column in enumerate(seen):
                out[:, row, column] += whole.effects[:, i, j] * mapped[i] / total[row]
    return out


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
    """Error-adjusted area and its standard error by zone, interval and transition, from a sample of change [ha]."""
    pairs = prepared.pairs.frame
    shares = shares_of(sample)
    place = _transition_labels(pairs, shares.labels)
    mine = pairs[place >= 0].assign(place=place[place >= 0])
    keys = ["zone", "year_from", "year_to"]
    rows = []
    for key, part in mine.groupby(keys):
        area = np.bincount(part["place"], weights=part["area_ha"], minlength=len(shares.labels))
        error = np.sqrt((np.einsum("i,kij->kj", area, shares.effects) ** 2).sum(axis=0))
        for number in np.flatnonzero(area > 0):
            rows.append((*key, *shares.labels[number].split(CHANGE), float(area @ shares.shares[:, number]), float(error[number])))
    return pd.DataFrame(rows, columns=[*keys, "land_from", "land_to", "area_adjusted_ha", "se_ha"])
