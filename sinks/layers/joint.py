"""Pieces of several sets of polygons joined within the cells of a tile.

How polygons of two dates lie over each other inside a cell is not kept, only their
shares. They are joined by greatest agreement: first what has the same outline, then
what has the same attributes, then the same classes, then the same land cover, and
what is left in proportion. So polygons that did not change make no change, however
their borders cross the cells, and the areas at each date stay what they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.config import LAND_COVER
from sinks.layers.spool import OUTLINE, Pieces, column_of
from sinks.layers.vector import VectorSet

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Labels = tuple[tuple[Ints, Ints], ...]

NOTHING = -1
"""The polygon of what none covers: the last entry of every column."""
ROUNDING = 1e-12
"""A share that is no more than this is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """Pieces of all sets of a tile, ordered by cell; the shares of a cell add up to 1.

    Parameters
    ----------
    cells : (n,) int64
        Flat index in the tile.
    polygons : (sets, n) int64
        Number of the polygon of each set, -1 where none covers the piece.
    shares : (n,) float64
    """

    cells: Ints
    polygons: Ints
    shares: Floats


def joint_of(pieces: Sequence[Pieces], sets: Sequence[VectorSet], wanted: NDArray[np.bool_]) -> Joint:
    """The pieces of some sets joined within some cells of a tile.

    Parameters
    ----------
    wanted : (cells of the tile,) bool
        The cells whose pieces are joined.
    """
    order = sorted(range(len(sets)), key=lambda number: (first_year(sets[number]), number))
    out = _whole(pieces[order[0]], wanted)
    columns = {order[0]: out.polygons}
    at, shares = out.cells, out.shares
    for place, number in enumerate(order[1:], start=1):
        other = _whole(pieces[number], wanted)
        before = _predecessor(sets, order[:place], number)
        labels = agreement(sets[before], sets[number])
        mine, theirs, shares = _joined(
            at, shares, [one[columns[before]] for one, _ in labels], other.cells, other.shares, [one[other.polygons] for _, one in labels]
        )
        at = at[mine]
        columns = {key: column[mine] for key, column in columns.items()}
        columns[number] = other.polygons[theirs]
    return Joint(cells=at, polygons=np.stack([columns[number] for number in range(len(sets))]), shares=shares)


def first_year(one: VectorSet) -> int:
    """The first year of a set; 0 for one that holds at every date."""
    return min(attribute.year or 0 for attribute in one.attributes)


def _predecessor(sets: Sequence[VectorSet], earlier: Sequence[int], number: int) -> int:
    """The latest earlier set that shares a layer, else the latest."""
    shared = [one for one in earlier if _common(sets[one], sets[number])]
    return (shared or list(earlier))[-1]


def _common(one: VectorSet, other: VectorSet) -> list[tuple[str, bool, str, str]]:
    """Layers of both sets: name, whether of classes, the column of the last date of the one and of the first of the other."""
    last = {attribute.layer: str(number) for number, attribute in enumerate(one.attributes)}
    first = {attribute.layer: str(number) for number, attribute in reversed(list(enumerate(other.attributes)))}
    classes = {attribute.layer: attribute.classes for attribute in other.attributes}
    return [(layer, classes[layer], last[layer], first[layer]) for layer in sorted(last.keys() & first.keys())]


def agreement(one: VectorSet, other: VectorSet) -> Labels:
    """Labels of the polygons of two sets at each level of agreement, the strictest first: what has one label agrees."""
    common = tuple(_common(one, other))
    return _agreement(one.spool, other.spool, common)


@lru_cache(maxsize=16)
def _agreement(one: str, other: str, common: tuple[tuple[str, bool, str, str], ...]) -> Labels:
    wanted = [common, tuple(column for column in common if column[1]), tuple(column for column in common if column[0] == LAND_COVER)]
    levels = [level for number, level in enumerate(wanted) if level and level not in wanted[:number]]
    labels = [(column_of(one, OUTLINE), column_of(other, OUTLINE))]
    labels += [_labels([(column_of(one, mine), column_of(other, theirs)) for _, _, mine, theirs in level]) for level in levels]
    return tuple(labels)


def _labels(columns: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[Ints, Ints]:
    """One label for each row of values; missing is a value like others."""
    label = np.zeros(sum(map(len, columns[0])), dtype=np.int64)
    for pair in columns:
        both = np.concatenate([one for one in pair if len(one)])
        if both.dtype.kind == "f":
            both = np.where(np.isnan(both), np.nan, both + 0.0).view(np.int64)
        _, values = np.unique(both, return_inverse=True)
        _, label = np.unique(label * (int(values.max(initial=0)) + 1) + values, return_inverse=True)
    cut = len(columns[0][0])
    return label[:cut].astype(np.int64), label[cut:].astype(np.int64)


def kinds_of(one: VectorSet) -> Ints:
    """A number for each polygon of a set, the same where all of its attributes are; with one entry more for what none covers."""
    return _kinds(one.spool, len(one.attributes))


@lru_cache(maxsize=16)
def _kinds(spool: str, columns: int) -> Ints:
    return _labels([(column_of(spool, str(number)), np.zeros(0)) for number in range(columns)])[0]


def _whole(pieces: Pieces, wanted: NDArray[np.bool_]) -> Pieces:
    """The pieces of some cells, with what no polygon covers as a piece more."""
    mine = wanted[pieces.cells]
    cells, polygons, shares = pieces.cells[mine], pieces.polygons[mine], pieces.shares[mine]
    left = np.where(wanted, 1.0 - np.bincount(cells, weights=shares, minlength=len(wanted)), 0.0)
    gaps = np.flatnonzero(left > ROUNDING)
    if not len(gaps):
        return Pieces(cells=cells, polygons=polygons, shares=shares)
    order = np.argsort(np.concatenate((cells, gaps)), kind="stable")
    return Pieces(
        cells=np.concatenate((cells, gaps))[order], polygons=np.concatenate((polygons, np.full(len(gaps), NOTHING)))[order],
        shares=np.concatenate((shares, left[gaps]))[order],
    )  # fmt: skip


def _joined(
    cells: Ints, shares: Floats, labels: Sequence[Ints], other_cells: Ints, other_shares: Floats, other_labels: Sequence[Ints]
) -> tuple[Ints, Ints, Floats]:
    """Pairs of pieces of the same cells and the share of each pair, ordered by cell."""
    most = int(max(cells.max(initial=0), other_cells.max(initial=0))) + 1
    single = (np.bincount(cells, minlength=most) == 1) & (np.bincount(other_cells, minlength=most) == 1)
    alone, other_alone = np.flatnonzero(single[cells]), np.flatnonzero(single[other_cells])
    found = [(alone, other_alone, shares[alone])]
    mine, theirs = np.flatnonzero(~single[cells]), np.flatnonzero(~single[other_cells])
    left, other_left = shares[mine].copy(), other_shares[theirs].copy()
    same = np.zeros(len(cells), dtype=np.int64), np.zeros(len(other_cells), dtype=np.int64)
    for label, other_label in (*zip(labels, other_labels, strict=True), same):
        held, other_held = np.flatnonzero(left > ROUNDING), np.flatnonzero(other_left > ROUNDING)
        if not len(held) or not len(other_held):
            break
        group, other_group = _groups(cells[mine[held]], label[mine[held]], other_cells[theirs[other_held]], other_label[theirs[other_held]])
        one, other, part, left[held], other_left[other_held] = _matched(group, left[held], other_group, other_left[other_held])
        found.append((mine[held[one]], theirs[other_held[other]], part))
    first, second, part = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(cells[first], kind="stable")
    return first[order], second[order], part[order]


def _groups(cells: Ints, labels: Ints, other_cells: Ints, other_labels: Ints) -> tuple[Ints, Ints]:
    """Numbers of cell and label, the same on both sides where both are the same."""
    _, label = np.unique(np.concatenate((labels, other_labels)), return_inverse=True)
    cell = np.concatenate((cells, other_cells))
    _, group = np.unique(cell * (int(label.max(initial=0)) + 1) + label, return_inverse=True)
    return group[: len(cells)].astype(np.int64), group[len(cells) :].astype(np.int64)


def _matched(group: Ints, shares: Floats, other_group: Ints, other_shares: Floats) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Pairs within groups with their shares, and what is left of both sides: of each group the smaller side is used up."""
    size = int(max(group.max(), other_group.max())) + 1
    one, other = (np.bincount(of, weights=part, minlength=size) for of, part in ((group, shares), (other_group, other_shares)))
    matched = np.minimum(one, other)
    order = np.argsort(other_group, kind="stable")
    count = np.bincount(other_group, minlength=size)
    first = np.cumsum(count) - count
    times = count[group]
    mine = np.repeat(np.arange(len(group)), times)
    step = np.arange(len(mine)) - np.repeat(np.cumsum(times) - times, times)
    theirs = order[first[group[mine]] + step]
    of = group[mine]
    part = shares[mine] / one[of] * (other_shares[theirs] / other[of]) * matched[of]
    return mine, theirs, part, shares * (1.0 - matched[group] / one[group]), other_shares * (1.0 - matched[other_group] / other[other_group])
