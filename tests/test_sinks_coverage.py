"""Coverage: the 90 % intervals of league stock, region stock and change contain the truth in about 90 % of repetitions."""

import pytest
from coverage_study import coverage, study

FEW, MANY = 40, 500


def test_intervals_contain_the_truth(tmp_path):
    """Forty repetitions: 75 to 100 %, and an interval without map errors is caught by the same numbers."""
    table = coverage(study(tmp_path), FEW, models=("right",))
    assert table["right"].between(0.75, 1.0).all(), table


@pytest.mark.long
def test_intervals_contain_the_truth_in_many_repetitions(tmp_path, capsys):
    """Hundreds of repetitions: 87 to 93 % with the right model; with wrong ones coverage is printed, without a limit."""
    table = coverage(study(tmp_path), MANY)
    with capsys.disabled():
        print(f"\nshare of 90 % intervals that contain the truth, {MANY} repetitions\n{table.round(3).to_string()}")
    assert table["right"].between(0.87, 0.93).all()
