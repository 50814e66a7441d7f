"""Smooth noise that does not depend on the window it is made in: value noise on a lattice that repeats."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LATTICE = 256
"""Points of the lattice on a side, after which it repeats."""
_STEP = 59
"""How far the lattice is shifted from one octave to the next, so that they do not repeat each other."""


class SmoothNoise:
    """A field of values about -1 to 1 over the plane, the same for a seed and stream wherever it is asked.

    Parameters
    ----------
    seed, stream : int
        Which field; streams of one seed are independent.
    wavelengths : sequence of float
        Distances of lattice points [units of the coordinates], one per octave.
    weights : sequence of float
        How strong each octave is.
    """

    def __init__(self, seed: int, stream: int, wavelengths: Sequence[float], weights: Sequence[float]) -> None:
        self._lattice = np.random.default_rng([seed, stream]).uniform(-1.0, 1.0, (LATTICE, LATTICE))
        self._octaves = tuple(zip(wavelengths, weights, strict=True))

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """The field at the crossings of columns x and rows y; shape (rows, columns)."""
        total = np.zeros((len(y), len(x)))
        for number, (wavelength, weight) in enumerate(self._octaves):
            total += weight * self._octave(x / wavelength + _STEP * number, y / wavelength + 2 * _STEP * number)
        return total

    def _octave(self, x: Floats, y: Floats) -> Floats:
        """Lattice values joined smoothly: along the rows first, then down the columns."""
        left, across = _place(x)
        top, down = _place(y)
        points, inverse = np.unique(np.concatenate((top, (top + 1) % LATTICE)), return_inverse=True)
        lines = self._lattice[points][:, left] * (1 - across) + self._lattice[points][:, (left + 1) % LATTICE] * across
        upper, lower = inverse[: len(y)], inverse[len(y) :]
        joined: Floats = lines[upper] * (1 - down)[:, None] + lines[lower] * down[:, None]
        return joined


def _place(at: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The lattice point before a place and the smooth share of the next one."""
    before = np.floor(at)
    share = at - before
    return before.astype(np.int64) % LATTICE, share * share * (3 - 2 * share)


def octaves(longest: float, shortest: float, ratio: float = 2.5) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Wavelengths from the longest down to the shortest and weights that fall with them.

    >>> octaves(10.0, 2.0)
    ((10.0, 4.0), (1.0, 0.4))
    """
    wavelengths, wavelength = [longest], longest / ratio
    while wavelength >= shortest:
        wavelengths.append(wavelength)
        wavelength /= ratio
    return tuple(wavelengths), tuple(one / longest for one in wavelengths)
