"""Sums by group and other array work that keeps units."""

from collections.abc import Sequence

import numpy as np

from methodologies.contract import Array
from sinks.equations.arrays import Places, counts, group_sums

__all__ = ["Places", "as_row", "counts", "distinct", "group_sums", "places", "total"]


def places(names: Sequence[str], among: Sequence[str]) -> Places:
    """The place of each name among others, -1 where it is not there."""
    at = {name: place for place, name in enumerate(among)}
    return np.array([at.get(name, -1) for name in names], dtype=np.int64)


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
