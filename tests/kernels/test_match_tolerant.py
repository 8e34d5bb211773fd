"""Kernel and twin of tolerant pairing: bounds, best first, ties by declared order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.kernels import _match_tolerant, match_twin

SEEDED = settings(derandomize=True, deadline=None)
WAYS = pytest.mark.parametrize(
    "pair_tolerant", [_match_tolerant.pair_tolerant, match_twin.pair_tolerant], ids=["compiled", "twin"]
)
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(-6, 6), st.integers(0, 4)), max_size=12)
BOUNDS = st.tuples(st.integers(0, 4), st.integers(0, 3))


def pairs(pair_tolerant, left, right, tolerance, window):
    """Rows are (id, amount, day)."""
    columns = []
    for rows in (left, right):
        told = list(zip(*rows, strict=True)) or [(), (), ()]
        columns += [np.array(told[0], np.int32), np.array(told[1], np.int64), np.array(told[2], np.int32)]
    return pair_tolerant(*columns, tolerance, window).tolist()


@WAYS
@pytest.mark.parametrize(
    ("left", "right", "partner"),
    [
        ([], [], []),
        ([(0, 100, 0)], [(1, 100, 0)], [-1]),
        ([(0, 100, 0)], [(0, 103, 0)], [-1]),
        ([(0, 100, 0)], [(0, 102, 3)], [0]),
        ([(0, 100, 0)], [(0, 100, 4)], [-1]),
        # the smaller difference of amounts wins over the nearer day
        ([(0, 100, 0)], [(0, 101, 0), (0, 100, 3)], [1]),
        # the nearer day wins among equal amounts, earlier or later
        ([(0, 100, 5)], [(0, 100, 3), (0, 100, 6)], [1]),
        # among equals the row that stands first
        ([(0, 100, 0), (0, 100, 0)], [(0, 100, 0)], [0, -1]),
        ([(0, 100, 0)], [(0, 101, 0), (0, 99, 0)], [0]),
        # the best pair first, though another choice would give two pairs
        ([(0, 100, 0), (0, 102, 0)], [(0, 102, 0), (0, 105, 0)], [-1, 0]),
    ],
)
def test_the_best_pair_within_the_bounds_is_taken_first(pair_tolerant, left, right, partner) -> None:
    assert pairs(pair_tolerant, left, right, tolerance=2, window=3) == partner


@WAYS
@SEEDED
@given(left=ROWS, right=ROWS, bounds=BOUNDS)
def test_no_better_free_pair_is_left(pair_tolerant, left, right, bounds) -> None:
    """Each pair left out is blocked by a taken pair of one of its rows that is at least as good."""
    tolerance, window = bounds

    def cost(i, j):
        return (abs(left[i][1] - right[j][1]), abs(left[i][2] - right[j][2]), i, j)

    partner = pairs(pair_tolerant, left, right, tolerance, window)
    met = {i: j for i, j in enumerate(partner) if j >= 0}
    back = {j: i for i, j in met.items()}
    assert len(back) == len(met)
    for i in range(len(left)):
        for j in range(len(right)):
            fits = left[i][0] == right[j][0] and cost(i, j)[0] <= tolerance and cost(i, j)[1] <= window
            if met.get(i) == j:
                assert fits
            elif fits:
                rivals = [cost(i, met[i])] if i in met else []
                rivals += [cost(back[j], j)] if j in back else []
                assert rivals
                assert min(rivals) < cost(i, j)


@SEEDED
@given(left=ROWS, right=ROWS, bounds=BOUNDS)
def test_compiled_and_twin_agree(left, right, bounds) -> None:
    compiled = pairs(_match_tolerant.pair_tolerant, left, right, *bounds)
    assert compiled == pairs(match_twin.pair_tolerant, left, right, *bounds)


@WAYS
def test_wrong_bounds_and_lengths_are_refused(pair_tolerant) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        pairs(pair_tolerant, [(0, 1, 1)], [(0, 1, 1)], -1, 0)
    one, none = np.zeros(1, np.int32), np.zeros(0, np.int32)
    amounts = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="one length"):
        pair_tolerant(one, amounts, none, one, amounts, one, 0, 0)
