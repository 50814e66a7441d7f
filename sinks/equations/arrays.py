"""What the equations compute with: float64 arrays, or arrays of another library that follow numpy's protocol."""

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray


def floats(values: ArrayLike) -> NDArray[np.float64]:
    """The values as an array of float64; a duck array (a quantity with a unit, say) as it is."""
    if hasattr(values, "__array_function__") and not isinstance(values, np.ndarray):
        return cast(NDArray[np.float64], values)
    return np.asarray(values, dtype=np.float64)


Places = NDArray[np.int64]


def group_sums(values: Any, groups: Places, count: int) -> Any:
    """Sums over the last axis by group, shape (..., count); groups below zero are left out, an empty group is 0."""
    order = np.argsort(groups, kind="stable")
    edges = np.searchsorted(groups[order], np.arange(count + 1))
    ordered = values[..., order]
    return np.stack([ordered[..., edges[group] : edges[group + 1]].sum(axis=-1) for group in range(count)], axis=-1)


def counts(groups: Places, count: int) -> NDArray[np.int64]:
    """How many members each group has."""
    return np.bincount(groups[groups >= 0], minlength=count).astype(np.int64)


def group_moments(values: Any, groups: Places, count: int) -> tuple[Any, Any]:
    """Mean and sample variance (n - 1) over the last axis by group, (..., count).

    A group with one member has the variance 0 and one without any the mean 0: whoever
    asks must look at `counts`.
    """
    number = counts(groups, count)
    mean = group_sums(values, groups, count) / np.maximum(number, 1)
    deviation = values - mean[..., np.where(groups < 0, 0, groups)]
    variance = group_sums(deviation**2, groups, count) / np.maximum(number - 1, 1)
    return mean, variance
