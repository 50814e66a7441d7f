"""Risk share, floor once, and whole tonnes split over years."""

from collections.abc import Mapping
from math import floor

import numpy as np

from methodologies.contract import Array
from methodologies.trace import equation


@equation("CDR", "tCO2e", "CDR_i = net_i * (1 - K_RISK) where the total net > 0, else net_i", "METHODOLOGIES 1.7 (1.11)")
def less_risk_share(net: Array, risk_share: Array) -> Array:
    """Net removal of the strata less the risk share; a total deficit is carried on whole.

    Examples
    --------
    >>> round(float(less_risk_share(np.array([[6547.121468]]), 0.10)[0, 0]), 6)
    5892.409321
    """
    positive = net.sum(axis=-1, keepdims=True) > 0.0 * net.sum(axis=-1, keepdims=True)
    return np.where(positive, net * (1.0 - risk_share), net)


@equation("issued", "tCO2e", "issued = floor(sum of CDR_i), once, for the whole project and period", "METHODOLOGIES 1.7, 5.2")
def issued(creditable: float) -> int:
    """Whole tonnes of a verification: the floor of its total, once; none of a deficit.

    Examples
    --------
    >>> issued(5892.409321), issued(-3.2)
    (5892, 0)
    """
    return max(0, floor(creditable + FLOAT_NOISE))


FLOAT_NOISE = 1e-7
"""A total that is a whole number but for the last digits of its sum is that number."""


def largest_remainder(whole: int, shares: Mapping[str, float]) -> dict[str, int]:
    """A whole number split by shares into whole numbers that add up to it; ties go to the first.

    Examples
    --------
    >>> largest_remainder(10, {"a": 0.5, "b": 0.25, "c": 0.25})
    {'a': 5, 'b': 3, 'c': 2}
    """
    weight = sum(max(0.0, one) for one in shares.values())
    if not weight > 0:
        return dict.fromkeys(shares, 0)
    exact = {name: whole * max(0.0, one) / weight for name, one in shares.items()}
    parts = {name: floor(one + FLOAT_NOISE) for name, one in exact.items()}
    order = sorted(exact, key=lambda name: parts[name] - exact[name])
    for name in order[: whole - sum(parts.values())]:
        parts[name] += 1
    return parts
