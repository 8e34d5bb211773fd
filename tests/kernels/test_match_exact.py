"""Kernel and twin of exact pairing: multisets, declared order, no dependence on the order of ids."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.kernels import _match_exact, match_twin

SEEDED = settings(derandomize=True, deadline=None)
WAYS = pytest.mark.parametrize("pair_exact", [_match_exact.pair_exact, match_twin.pair_exact], ids=["compiled", "twin"])
IDS = st.lists(st.integers(0, 5), max_size=40)


def ids(values):
    return np.array(values, dtype=np.int32)


@WAYS
@pytest.mark.parametrize(
    ("left", "right", "partner"),
    [
        ([], [], []),
        ([0], [], [-1]),
        ([0, 1], [1, 0], [1, 0]),
        ([0, 0, 0], [0, 0], [0, 1, -1]),
        ([0], [0, 0, 0], [0]),
        ([1, 0, 1], [1, 1, 0], [0, 2, 1]),
    ],
)
def test_the_ith_equal_row_meets_the_ith(pair_exact, left, right, partner) -> None:
    assert pair_exact(ids(left), ids(right), 2).tolist() == partner


@WAYS
@SEEDED
@given(left=IDS, right=IDS)
def test_as_many_pairs_as_both_sides_have(pair_exact, left, right) -> None:
    partner = pair_exact(ids(left), ids(right), 6).tolist()
    met = [(row, other) for row, other in enumerate(partner) if other >= 0]
    assert all(left[row] == right[other] for row, other in met)
    assert len({other for _, other in met}) == len(met)
    both = Counter(left) & Counter(right)
    assert Counter(left[row] for row, _ in met) == both


@WAYS
@SEEDED
@given(left=IDS, right=IDS, order=st.permutations(range(6)))
def test_the_names_of_ids_do_not_matter(pair_exact, left, right, order) -> None:
    renamed = pair_exact(ids([order[i] for i in left]), ids([order[i] for i in right]), 6)
    assert renamed.tolist() == pair_exact(ids(left), ids(right), 6).tolist()


@SEEDED
@given(left=IDS, right=IDS)
def test_compiled_and_twin_agree(left, right) -> None:
    ways = (_match_exact.pair_exact, match_twin.pair_exact)
    compiled, twin = (way(ids(left), ids(right), 6) for way in ways)
    assert compiled.tolist() == twin.tolist()
    assert compiled.dtype == twin.dtype


@WAYS
@pytest.mark.parametrize("wrong", [[2], [-1]])
def test_an_id_out_of_range_is_refused(pair_exact, wrong) -> None:
    with pytest.raises(ValueError, match="number the keys first"):
        pair_exact(ids(wrong), ids([0]), 2)
    with pytest.raises(ValueError, match="number the keys first"):
        pair_exact(ids([0]), ids(wrong), 2)
