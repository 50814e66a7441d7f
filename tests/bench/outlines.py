"""Twelve invented zones that tile half a box, with jagged outlines of tens of thousands of vertices.

A band runs across the box and is cut into zones. Every line is a polygon of
random displacements about a smooth curve and never turns back on itself; near
the corners it stays within a narrow cone, so no line crosses another and
neighbours share their line vertex by vertex.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.layout import ZONES

Floats = NDArray[np.float64]

ACROSS, ALONG = 12, 12
"""Halvings of a line between two zones, and of the outer edge of a zone: 2^12 pieces each, so a zone has some 16,000 vertices."""
_MARGIN = 0.02
_HEIGHT = 0.50
_WIDTH = (1 - 2 * _MARGIN) / ZONES
"""Shares of the box: free on either side, height of the band, width of a zone."""
_SWING = 0.16
_ROUGHNESS = 0.30
"""First displacement of a line, as a share of the width of a zone; dividers stay clear of each other."""
_CONE = 0.35
"""How far a line may leave its smooth curve, as a share of the way to the nearest corner."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """Rings of the zones in a box of unit sides, x to the right and y up; each closed."""

    rings: tuple[Floats, ...]


def outlines(seed: int) -> Outlines:
    """The zones of a seed.

    >>> shape = outlines(1).rings[0].shape
    >>> shape[0] > 10_000, shape[1]
    (True, 2)
    """
    dividers = [_divider(seed, number) for number in range(ZONES + 1)]
    edges = {side: [_edge(seed, side, number) for number in range(ZONES)] for side in (0, 1)}
    rings = []
    for number in range(ZONES):
        left, right = dividers[number], dividers[number + 1]
        bottom, top = edges[0][number], edges[1][number]
        parts = (bottom[:-1], right[:-1], top[::-1][:-1], left[::-1])
        rings.append(np.concatenate(parts))
    return Outlines(tuple(rings))


def _middle(x: Floats) -> Floats:
    """The middle of the band over x: a slow wave."""
    wave: Floats = 0.5 + _SWING * np.sin(2 * np.pi * (x - 0.1))
    return wave


def _corner(number: int) -> float:
    return _MARGIN + _WIDTH * number


def _divider(seed: int, number: int) -> Floats:
    """The line between two zones, from the lower edge of the band up to the upper one."""
    share = np.linspace(0.0, 1.0, 2**ACROSS + 1)
    x = _corner(number)
    y = _middle(np.array([x]))[0] + _HEIGHT * (share - 0.5)
    displacement = _displaced([seed, 2, number], ACROSS) * _WIDTH
    return np.stack([x + _limited(displacement, share * _HEIGHT), y], axis=1)


def _edge(seed: int, side: int, number: int) -> Floats:
    """The lower (0) or upper (1) edge of the band between two corners."""
    share = np.linspace(0.0, 1.0, 2**ALONG + 1)
    first, last = _corner(number), _corner(number + 1)
    x = first + (last - first) * share
    x[-1] = last
    y = _middle(x) + _HEIGHT * (side - 0.5)
    return np.stack([x, y + _limited(_displaced([seed, side, number], ALONG) * (last - first), share * (last - first))], axis=1)


def _limited(displacement: Floats, along: Floats) -> Floats:
    """A displacement that stays within a cone from either end, and is zero there."""
    most = _CONE * np.minimum(along, along[-1] - along)
    limited: Floats = np.clip(displacement, -most, most)
    limited[[0, -1]] = 0.0
    return limited


def _displaced(seed: list[int], halvings: int) -> Floats:
    """A line of midpoint displacements over a way of unit length, 2^halvings pieces; its ends are zero."""
    generator = np.random.default_rng(seed)
    line = np.zeros(2)
    step = _ROUGHNESS
    for _ in range(halvings):
        between = (line[:-1] + line[1:]) / 2 + generator.uniform(-step, step, len(line) - 1) / 2
        merged = np.empty(len(line) + len(between))
        merged[::2], merged[1::2] = line, between
        line, step = merged, step * 0.6
    return line
