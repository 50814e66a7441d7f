"""Sums by group and other array work that keeps units."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from methodologies.contract import Array

Places = NDArray[np.int64]


def places(names: Sequence[str], among: Sequence[str]) -> Places:
    """The place of each name among others, -1 where it is not there."""
    at = {name: place for place, name in enumerate(among)}
    return np.array([at.get(name, -1) for name in names], dtype=np.int64)


def group_sums(values: Array, groups: Places, count: int) -> Array:
    """Sums over the last axis by group, shape (..., count); groups below zero are left out, an empty group is 0."""
    order = np.argsort(groups, kind="stable")
    edges = np.searchsorted(groups[order], np.arange(count + 1))
    ordered = values[..., order]
    return np.stack([ordered[..., edges[group] : edges[group + 1]].sum(axis=-1) for group in range(count)], axis=-1)


def counts(groups: Places, count: int) -> NDArray[np.int64]:
    """How many members each group has."""
    return np.bincount(groups[groups >= 0], minlength=count).astype(np.int64)


def as_row(values: Array) -> Array:
    """Values of strata or plots as one row, so that draws broadcast along the first axis."""
    return values[np.newaxis, :] if values.ndim == 1 else values


def total(values: Array) -> Array:
    """The sum over strata, shape (draws, 1)."""
    return values.sum(axis=-1, keepdims=True)


def distinct(one: Sequence[str], other: Sequence[str]) -> tuple[list[tuple[str, str]], Places]:
    """The distinct pairs of two text columns, sorted, and the place of each row among them."""
    rows = list(zip(one, other, strict=True))
    among = sorted(set(rows))
    at = {row: place for place, row in enumerate(among)}
    return among, np.array([at[row] for row in rows], dtype=np.int64)
