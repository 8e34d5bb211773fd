"""Kernel and twin of repeated keys: which rows have another choice of partner, whatever threads and partitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.kernels import _radix_repeated, radix_twin

SEEDED = settings(derandomize=True, deadline=None, max_examples=300)
WAYS = pytest.mark.parametrize(
    "repeated_rows", [_radix_repeated.repeated_rows, radix_twin.repeated_rows], ids=["compiled", "twin"]
)
KEYS = st.lists(st.tuples(st.sampled_from([0, 1, 2**32 + 1, 2**63 + 1, 2**64 - 1]), st.integers(0, 1)), max_size=40)
SHAPES = st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([-1, 0, 1, 4, 13]))


def side(keys):
    return np.array([key[0] for key in keys], np.uint64), np.array([key[1] for key in keys], np.uint32)


@WAYS
@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("", "", ("", "")),
        ("a", "", ("-", "")),
        ("aa", "b", ("--", "-")),
        ("ab", "ba", ("--", "--")),
        ("aa", "a", ("++", "+")),
        ("a", "aa", ("+", "++")),
        ("abca", "cab", ("+--+", "-+-")),
        ("00", "00", ("--", "--")),
    ],
)
def test_a_key_of_both_sides_that_one_has_more_than_once(repeated_rows, left, right, expected) -> None:
    keys = {"a": (5, 1), "b": (5, 2), "c": (6, 1), "0": (0, 0)}
    found = repeated_rows(*side([keys[one] for one in left]), *side([keys[one] for one in right]))
    assert tuple("".join("+" if flag else "-" for flag in flags) for flags in found) == expected


@SEEDED
@given(left=KEYS, right=KEYS, shape=SHAPES)
def test_compiled_and_twin_agree_for_any_threads_and_partitions(left, right, shape) -> None:
    compiled = _radix_repeated.repeated_rows(*side(left), *side(right), *shape)
    twin = radix_twin.repeated_rows(*side(left), *side(right))
    assert [flags.tolist() for flags in compiled] == [flags.tolist() for flags in twin]
    assert [flags.dtype for flags in compiled] == [flags.dtype for flags in twin]


def test_many_rows_of_few_keys_and_one_of_all() -> None:
    random = np.random.default_rng(5)
    for keys, rows in ((200_000, 150_000), (40, 90_000), (1, 80_000)):
        left, right = (random.integers(1, keys + 1, rows).astype(np.uint64) for _ in range(2))
        left, right = (one * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1) for one in (left, right))
        checks = np.zeros(rows, dtype=np.uint32)
        found = _radix_repeated.repeated_rows(left, checks, right, checks, threads=2)
        for mine, other, flags in ((left, right, found[0]), (right, left, found[1])):
            values, counts = np.unique(np.concatenate([left, right]), return_counts=True)
            total = counts[np.searchsorted(values, mine)]
            assert np.array_equal(flags, np.isin(mine, other) & (total > 2))
