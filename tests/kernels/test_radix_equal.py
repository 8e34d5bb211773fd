"""Kernel and twin of equal pairs: multisets, declared order, skew, and neither threads nor partitions to be seen."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.kernels import _radix_equal, radix_twin

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(100))
WAYS = pytest.mark.parametrize("pair_equal", [_radix_equal.pair_equal, radix_twin.pair_equal], ids=["compiled", "twin"])

# Few hashes that share partitions and slots, and checks that tell keys of one hash apart; hash 0 has no key.
KEYS = st.lists(st.tuples(st.sampled_from([0, 1, 2**32 + 1, 2**63 + 1, 2**64 - 1]), st.integers(0, 1)), max_size=40)
SHAPES = st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([-1, 0, 1, 4, 13]))


def side(keys):
    return np.array([key[0] for key in keys], np.uint64), np.array([key[1] for key in keys], np.uint32)


def flags(draw, rows):
    return draw(st.none() | st.lists(st.booleans(), min_size=rows, max_size=rows).map(lambda one: np.array(one, bool)))


def spread(values):
    """Numbers as well spread as digests."""
    return np.asarray(values).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)


@WAYS
@pytest.mark.parametrize(
    ("left", "right", "partner"),
    [
        ("", "", []),
        ("a", "", [-1]),
        ("", "a", []),
        ("a", "a", [0]),
        ("ab", "ba", [1, 0]),
        ("aaa", "aa", [0, 1, -1]),
        ("a", "aaa", [0]),
        ("bab", "bba", [0, 2, 1]),
        ("a0", "0a", [1, -1]),
    ],
)
def test_the_ith_equal_row_meets_the_ith(pair_equal, left, right, partner) -> None:
    keys = {"a": (5, 1), "b": (5, 2), "0": (0, 0)}
    sides = (side([keys[one] for one in both]) for both in (left, right))
    assert pair_equal(*next(sides), *next(sides)).tolist() == partner


@SEEDED
@given(left=KEYS, right=KEYS, shape=SHAPES, data=st.data())
def test_compiled_and_twin_agree_for_any_threads_and_partitions(left, right, shape, data) -> None:
    live = flags(data.draw, len(left)), flags(data.draw, len(right))
    compiled = _radix_equal.pair_equal(*side(left), *side(right), *live, *shape)
    twin = radix_twin.pair_equal(*side(left), *side(right), *live)
    assert compiled.tolist() == twin.tolist()
    assert compiled.dtype == twin.dtype


@SEEDED
@given(left=KEYS, right=KEYS, shape=SHAPES, data=st.data())
def test_told_beside_the_twin_and_beside_counting(left, right, shape, data) -> None:
    live = flags(data.draw, len(left)), flags(data.draw, len(right))
    told = _radix_equal.pair_equal_told(*side(left), *side(right), *live, *shape)
    twin = radix_twin.pair_equal_told(*side(left), *side(right), *live)
    assert [(one.dtype, one.tolist()) for one in told] == [(one.dtype, one.tolist()) for one in twin]
    assert told[0].tolist() == radix_twin.pair_equal(*side(left), *side(right), *live).tolist()
    rows = [
        [key if key[0] and (alive is None or alive[row]) else None for row, key in enumerate(keys)]
        for keys, alive in zip((left, right), live, strict=True)
    ]
    for mine, other, many in ((rows[0], rows[1], told[1]), (rows[1], rows[0], told[2])):
        several = [key is not None and key in other and mine.count(key) + other.count(key) > 2 for key in mine]
        assert many.tolist() == several


@WAYS
@SEEDED
@given(left=KEYS, right=KEYS, data=st.data())
def test_as_many_pairs_as_both_sides_have_whatever_the_order(pair_equal, left, right, data) -> None:
    def met(one, other):
        partner = pair_equal(*side(one), *side(other)).tolist()
        taken = [row for row in partner if row >= 0]
        assert len(set(taken)) == len(taken)
        assert all(one[row] == other[far] for row, far in enumerate(partner) if far >= 0)
        return Counter(one[row] for row, far in enumerate(partner) if far >= 0)

    both = Counter(key for key in left if key[0]) & Counter(key for key in right if key[0])
    assert met(left, right) == both
    assert met(data.draw(st.permutations(left)), data.draw(st.permutations(right))) == both


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("bits", [-1, 0, 6])
def test_many_rows_in_many_chunks_meet_as_the_twin_says(threads, bits) -> None:
    random = np.random.default_rng(1)
    left, right = (random.integers(0, 60_000, rows) for rows in (80_000, 70_001))
    right[:9_000] = 7  # one key that many rows share
    sides = (spread(left), left.astype(np.uint32), spread(right), right.astype(np.uint32))
    live = (random.random(80_000) < 0.9, random.random(70_001) < 0.9)
    compiled = _radix_equal.pair_equal_told(*sides, *live, threads, bits)
    assert all(np.array_equal(*both) for both in zip(compiled, radix_twin.pair_equal_told(*sides, *live), strict=True))
    assert np.array_equal(compiled[0], _radix_equal.pair_equal(*sides, *live, threads, bits))


@pytest.mark.parametrize("threads", [1, 2])
def test_one_key_for_all_rows_is_paired_in_order(threads) -> None:
    rows = 400_000
    hashes, checks = np.full(rows, 12345, np.uint64), np.full(rows, 6, np.uint32)
    partner, *many = _radix_equal.pair_equal_told(hashes, checks, hashes[:-5], checks[:-5], threads=threads)
    assert many[0].all()
    assert many[1].all()
    assert np.array_equal(partner, _radix_equal.pair_equal(hashes, checks, hashes[:-5], checks[:-5], threads=threads))
    assert np.array_equal(partner[:-5], np.arange(rows - 5))
    assert partner[-5:].tolist() == [-1] * 5


@pytest.mark.parametrize("bits", [0, 5])
def test_a_partition_larger_than_near_takes_distinct_keys_too(bits) -> None:
    rows = 150_000
    order = np.random.default_rng(2).permutation(rows)
    hashes, checks = spread(np.arange(rows)), np.zeros(rows, np.uint32)
    partner, *many = _radix_equal.pair_equal_told(hashes[order], checks, hashes, checks, threads=2, bits=bits)
    assert np.array_equal(partner, order)
    assert np.array_equal(partner, _radix_equal.pair_equal(hashes[order], checks, hashes, checks, bits=bits))
    assert not many[0].any()
    assert not many[1].any()


@pytest.mark.parametrize("told", [False, True], ids=["plain", "told"])
@pytest.mark.parametrize(("distinct", "threads"), [(1, 1), (1, 2), (10**9, 1), (10**9, 2)])
def test_memory_is_what_kernel_bytes_says_and_at_most_48_bytes_a_row(distinct, threads, told) -> None:
    kernel = _radix_equal.pair_equal_told if told else _radix_equal.pair_equal
    rows = 500_000
    keys = np.random.default_rng(3).integers(0, distinct, rows)
    hashes, checks = spread(keys), keys.astype(np.uint32)
    most = _radix_equal.kernel_bytes(rows, rows, threads, told=told)
    tracemalloc.start()
    kernel(hashes, checks, hashes, checks, threads=threads)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 32 * rows < peak <= most + 10_000
    assert most <= 48 * rows + threads * 3 * 2**19


@pytest.mark.parametrize("bits", [-1, 0, 13])
@pytest.mark.parametrize(
    "sides", [(0, 0), (1, 0), (0, 1), (70_000, 65_536), (65_536, 70_000), (10**7, 10**7), (10**9, 1)]
)
def test_compiled_and_twin_tell_the_same_bytes(sides, bits) -> None:
    for told in (False, True):
        assert _radix_equal.kernel_bytes(*sides, 2, bits, told) == radix_twin.kernel_bytes(*sides, 2, bits, told)


def test_an_arena_serves_many_calls_and_a_small_one_is_refused() -> None:
    keys = np.arange(1, 100_001)
    hashes, checks = spread(keys), keys.astype(np.uint32)
    arena = np.full(_radix_equal.kernel_bytes(100_000, 100_000, 2), 255, np.uint8)
    for size in (100_000, 5, 0):
        partner = _radix_equal.pair_equal(hashes[:size], checks[:size], hashes, checks, threads=2, arena=arena)
        assert partner.tolist() == list(range(size))
    with pytest.raises(ValueError, match="the arena has 1000 bytes"):
        _radix_equal.pair_equal(hashes, checks, hashes, checks, arena=arena[:1000])


@WAYS
def test_what_does_not_fit_is_refused(pair_equal) -> None:
    hashes, checks = side([(1, 1), (2, 2)])
    with pytest.raises(ValueError, match="one length"):
        pair_equal(hashes, checks[:1], hashes, checks)
    with pytest.raises(ValueError, match="one length"):
        pair_equal(hashes, checks, hashes, checks, None, np.ones(3, bool))
    with pytest.raises(ValueError, match="threads must be at least 1"):
        pair_equal(hashes, checks, hashes, checks, threads=0)
    with pytest.raises(ValueError, match="bits at most 13"):
        pair_equal(hashes, checks, hashes, checks, bits=14)
