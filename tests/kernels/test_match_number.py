"""Kernel and twin of numbering: equal keys, equal numbers, whatever the hash says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.kernels import _match_number, match_twin

SEEDED = settings(derandomize=True, deadline=None)
WAYS = pytest.mark.parametrize(
    "number_keys", [_match_number.number_keys, match_twin.number_keys], ids=["compiled", "twin"]
)
KEYS = st.lists(st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1)), max_size=60)


@WAYS
def test_numbers_follow_first_appearance(number_keys) -> None:
    ids, first = number_keys(np.array([7, -1, 7, 0, -1], dtype=np.int64))
    assert ids.tolist() == [0, 1, 0, 2, 1]
    assert first.tolist() == [0, 1, 3]
    assert (ids.dtype, first.dtype) == (np.int32, np.int32)


@WAYS
def test_nothing_gives_nothing(number_keys) -> None:
    ids, first = number_keys(np.array([], dtype=np.int64))
    assert (len(ids), len(first)) == (0, 0)


@WAYS
@SEEDED
@given(keys=KEYS)
def test_ids_are_equal_exactly_where_keys_are(number_keys, keys) -> None:
    ids, first = number_keys(np.array(keys, dtype=np.int64))
    numbers = {}
    assert ids.tolist() == [numbers.setdefault(key, len(numbers)) for key in keys]
    assert [keys[row] for row in first] == list(numbers)


@WAYS
def test_keys_whose_hashes_share_a_slot_stay_apart(number_keys) -> None:
    keys = np.arange(5000, dtype=np.int64) << 40
    ids, first = number_keys(np.concatenate([keys, keys[::-1]]))
    assert len(first) == 5000
    assert ids.tolist() == [*range(5000), *range(4999, -1, -1)]


@WAYS
def test_a_read_only_buffer_is_taken_as_it_is(number_keys) -> None:
    keys = np.array([3, 3], dtype=np.int64)
    keys.flags.writeable = False
    assert number_keys(keys)[0].tolist() == [0, 0]
