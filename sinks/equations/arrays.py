"""What the equations compute with: float64 arrays, or arrays of another library that follow numpy's protocol."""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray


def floats(values: ArrayLike) -> NDArray[np.float64]:
    """The values as an array of float64; a duck array (a quantity with a unit, say) as it is."""
    if hasattr(values, "__array_function__") and not isinstance(values, np.ndarray):
        return cast(NDArray[np.float64], values)
    return np.asarray(values, dtype=np.float64)
