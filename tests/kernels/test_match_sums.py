"""Kernel and twin of group sums: counts, sums, one currency or none, and no silent overflow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.kernels import _match_sums, match_twin

SEEDED = settings(derandomize=True, deadline=None)
WAYS = pytest.mark.parametrize("group_sums", [_match_sums.group_sums, match_twin.group_sums], ids=["compiled", "twin"])
ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(-(10**12), 10**12), st.integers(0, 2)), max_size=30)


def sums(group_sums, rows, count):
    told = list(zip(*rows, strict=True)) or [(), (), ()]
    arrays = (np.array(told[0], np.int32), np.array(told[1], np.int64), np.array(told[2], np.int32))
    return [part.tolist() for part in group_sums(*arrays, count)]


@WAYS
def test_rows_totals_and_currency_of_each_id(group_sums) -> None:
    rows = [(0, 5, 1), (2, 7, 0), (0, -9, 1), (2, 1, 1)]
    assert sums(group_sums, rows, 4) == [[2, 0, 2, 0], [-4, 0, 8, 0], [1, -1, -1, -1]]


@WAYS
@SEEDED
@given(rows=ROWS, data=st.data())
def test_the_order_of_rows_does_not_matter(group_sums, rows, data) -> None:
    assert sums(group_sums, data.draw(st.permutations(rows)), 5) == sums(group_sums, rows, 5)


@SEEDED
@given(rows=ROWS)
def test_compiled_and_twin_agree(rows) -> None:
    assert sums(_match_sums.group_sums, rows, 5) == sums(match_twin.group_sums, rows, 5)


@WAYS
@pytest.mark.parametrize("amount", [2**63 - 1, -(2**63)])
def test_a_sum_that_leaves_64_bits_is_loud(group_sums, amount) -> None:
    assert sums(group_sums, [(0, amount, 0)], 1)[1] == [amount]
    with pytest.raises(OverflowError, match="64 bits"):
        sums(group_sums, [(0, amount, 0), (0, 1 if amount > 0 else -1, 0)], 1)


@WAYS
def test_wrong_ids_and_lengths_are_refused(group_sums) -> None:
    with pytest.raises(ValueError, match="number the keys first"):
        sums(group_sums, [(1, 1, 0)], 1)
    with pytest.raises(ValueError, match="one length"):
        group_sums(np.zeros(2, np.int32), np.zeros(1, np.int64), np.zeros(2, np.int32), 1)
