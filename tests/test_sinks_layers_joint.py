"""Joining pieces of two sets within cells: shares close, agreement is greatest, and what did not change does not change."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surveys import mosaic, survey, write_survey

from sinks.checking import ready
from sinks.layers import joint as module
from sinks.layers.joint import NOTHING, joint_of
from sinks.layers.polygons import polygons_of
from sinks.layers.spool import OUTLINE, Pieces
from sinks.layers.vector import Attribute, VectorSet
from sinks.setup import set_up


@dataclass
class Made:
    """A set of polygons in memory: outline and class of each."""

    outlines: list[int]
    classes: list[int]
    values: list[float]


def made_set(name: str, year: int) -> VectorSet:
    attributes = (
        Attribute(layer="land_cover", year=year, field="c", classes=True), Attribute(layer="growing_stock_volume", year=year, field="v", classes=False),
    )  # fmt: skip
    return VectorSet(files=(), attributes=attributes, spool=name)


def pieces(*rows: tuple[int, int, float]) -> Pieces:
    """Pieces from (cell, polygon, share)."""
    cells, polygons, shares = zip(*rows, strict=True) if rows else ((), (), ())
    return Pieces(cells=np.array(cells, dtype=np.int64), polygons=np.array(polygons, dtype=np.int64), shares=np.array(shares, dtype=np.float64))


def joined(first: Pieces, second: Pieces, one: Made, other: Made, cells: int = 1) -> dict[tuple[int, int, int], float]:
    """(cell, first polygon, second polygon) -> share."""
    known = {"one": one, "other": other}

    def column(path: str, name: str) -> np.ndarray:
        held = known[path]
        values = {OUTLINE: held.outlines, "0": held.classes, "1": held.values}[name]
        return np.append(np.array(values), -1 if name != "1" else np.nan)

    module._agreement.cache_clear()
    plain, module.column_of = module.column_of, column
    try:
        found = joint_of([first, second], [made_set("one", 2020), made_set("other", 2023)], np.ones(cells, dtype=bool))
    finally:
        module.column_of = plain
        module._agreement.cache_clear()
    out: dict[tuple[int, int, int], float] = {}
    for cell, a, b, share in zip(found.cells, *found.polygons, found.shares, strict=True):
        key = int(cell), int(a), int(b)
        assert key not in out
        out[key] = float(share)
    assert (np.diff(found.cells) >= 0).all()
    return out


def test_the_same_attributes_are_matched_first_and_the_rest_in_proportion():
    """0.6 forest, 0.4 grass become 0.5 forest, 0.2 grass, 0.3 crops, all outlines new.

    Forest keeps 0.5, grass 0.2; what is left, 0.1 of forest and 0.2 of grass, becomes crops.
    """
    one, other = Made([1, 2], [301, 401], [1.0, 2.0]), Made([3, 4, 5], [301, 401, 103], [1.0, 2.0, 3.0])
    found = joined(pieces((0, 0, 0.6), (0, 1, 0.4)), pieces((0, 0, 0.5), (0, 1, 0.2), (0, 2, 0.3)), one, other)
    assert found == pytest.approx({(0, 0, 0): 0.5, (0, 1, 1): 0.2, (0, 0, 2): 0.1, (0, 1, 2): 0.2})


def test_what_is_left_on_both_sides_is_a_product():
    """0.5 a, 0.5 b become 0.4 c, 0.6 d: nothing agrees, so shares are multiplied."""
    one, other = Made([1, 2], [1, 2], [0.0, 0.0]), Made([3, 4], [3, 4], [0.0, 0.0])
    found = joined(pieces((0, 0, 0.5), (0, 1, 0.5)), pieces((0, 0, 0.4), (0, 1, 0.6)), one, other)
    assert found == pytest.approx({(0, 0, 0): 0.2, (0, 0, 1): 0.3, (0, 1, 0): 0.2, (0, 1, 1): 0.3})


def test_outlines_come_before_attributes():
    """Two stands of one class whose volumes are exchanged: each outline keeps its own land."""
    one, other = Made([7, 8], [301, 301], [50.0, 90.0]), Made([7, 8], [301, 301], [90.0, 50.0])
    found = joined(pieces((0, 0, 0.7), (0, 1, 0.3)), pieces((0, 0, 0.7), (0, 1, 0.3)), one, other)
    assert found == {(0, 0, 0): 0.7, (0, 1, 1): 0.3}


def test_all_attributes_come_before_the_class():
    """New outlines, one class, two volumes on both sides: stands of one volume are taken for the same."""
    one, other = Made([1, 2], [301, 301], [50.0, 90.0]), Made([3, 4], [301, 301], [90.0, 50.0])
    found = joined(pieces((0, 0, 0.5), (0, 1, 0.5)), pieces((0, 0, 0.5), (0, 1, 0.5)), one, other)
    assert found == pytest.approx({(0, 0, 1): 0.5, (0, 1, 0): 0.5})


def test_the_class_comes_before_the_rest():
    """All volumes new: forest still meets forest."""
    one, other = Made([1, 2], [301, 401], [50.0, np.nan]), Made([3, 4], [401, 301], [np.nan, 55.0])
    found = joined(pieces((0, 0, 0.5), (0, 1, 0.5)), pieces((0, 0, 0.5), (0, 1, 0.5)), one, other)
    assert found == pytest.approx({(0, 0, 1): 0.5, (0, 1, 0): 0.5})


def test_a_gap_meets_the_gap():
    """Half of the cell is not surveyed at either date; the other half changes from forest to crops."""
    one, other = Made([1], [301], [0.0]), Made([2], [103], [0.0])
    found = joined(pieces((0, 0, 0.5)), pieces((0, 0, 0.5)), one, other)
    assert found == pytest.approx({(0, 0, 0): 0.5, (0, NOTHING, NOTHING): 0.5})


def test_a_cell_that_one_date_does_not_have():
    found = joined(pieces((1, 0, 1.0)), pieces((0, 0, 1.0)), Made([1], [1], [0.0]), Made([2], [1], [0.0]), cells=2)
    assert found == {(0, NOTHING, 0): 1.0, (1, 0, NOTHING): 1.0}


SHARES = st.lists(st.integers(0, 8), min_size=4, max_size=4).filter(lambda one: sum(one) > 0)


@settings(max_examples=120, deadline=None)
@given(first=SHARES, second=SHARES, classes=st.lists(st.integers(1, 3), min_size=8, max_size=8), gap=st.integers(0, 4))
def test_laws_of_a_join(first, second, classes, gap):
    """Shares of both sides are kept; agreement of classes is the most that the shares allow."""
    a, b = (np.array(one) / (sum(one) + gap) for one in (first, second))
    one, other = Made([1, 2, 3, 4], classes[:4], [0.0] * 4), Made([5, 6, 7, 8], classes[4:], [0.0] * 4)
    rows = [[(0, number, share) for number, share in enumerate(part) if share > 0] for part in (a, b)]
    found = joined(pieces(*rows[0]), pieces(*rows[1]), one, other)
    for side, part in ((1, a), (2, b)):
        for number in range(4):
            assert sum(share for key, share in found.items() if key[side] == number) == pytest.approx(part[number], abs=1e-11)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-11)
    assert min(found.values()) > 0
    most = sum(min(a[np.array(classes[:4]) == code].sum(), b[np.array(classes[4:]) == code].sum()) for code in (1, 2, 3))
    agreed = sum(share for (_, p, q), share in found.items() if p >= 0 and q >= 0 and classes[p] == classes[4 + q])
    assert agreed == pytest.approx(most, abs=1e-11)


def test_three_dates_are_joined_one_after_the_other(tmp_path):
    """Each date meets the one before it; the shares of all three stay what they are."""
    files = {2019: ("a.gpkg", survey(mosaic(seed=1))), 2020: ("b.gpkg", survey(mosaic(seed=2), seed=4)), 2023: ("c.gpkg", survey(mosaic(seed=1)))}
    setup = ready(set_up(write_survey(tmp_path, files)))
    (tile,) = setup.grid.tiles()
    found = polygons_of(setup.stack, setup.stack.layers, tile)
    joint = found.joint(np.ones(tile.height * tile.width, dtype=bool))
    for number, one in enumerate(found.pieces):
        kept = np.bincount(joint.polygons[number], weights=joint.shares, minlength=60)
        np.testing.assert_allclose(kept, np.bincount(one.polygons, weights=one.shares, minlength=60), atol=1e-9)
    np.testing.assert_allclose(np.bincount(joint.cells, weights=joint.shares), 1.0, atol=1e-10)
