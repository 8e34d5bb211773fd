"""Kernel and twin of best pairs: the declared tolerance, best first, groups of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.kernels import _radix_best, radix_twin

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(133))
WAYS = pytest.mark.parametrize("pair_best", [_radix_best.pair_best, radix_twin.pair_best], ids=["compiled", "twin"])

# Near amounts and days, so that ties and conflicts are the rule; group 0 is none.
ROW = st.tuples(st.integers(0, 2), st.integers(-6, 6).map(lambda n: n * 50), st.integers(0, 4))
ROWS = st.lists(ROW, max_size=30)
RULES = st.tuples(st.sampled_from([0, 50, 120]), st.sampled_from([0, 200_000, 1_000_000]), st.integers(0, 5))


def side(rows):
    group, amount, day = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    hashes = np.array(group, np.uint64) * np.uint64(2**63 - 25)
    return hashes, np.array(group, np.uint32), np.array(amount, np.int64), np.array(day, np.int32)


@WAYS
@pytest.mark.parametrize(
    ("left", "right", "partner"),
    [
        ([], [(1, 5, 0)], []),
        ([(1, 5, 0)], [], [-1]),
        ([(1, 1000, 0)], [(2, 1000, 0)], [-1]),
        ([(0, 1000, 0)], [(0, 1000, 0)], [-1]),
        ([(1, 1000, 0)], [(1, 1020, 0)], [0]),  # 20 is the least tolerance
        ([(1, 1000, 0)], [(1, 1021, 0)], [-1]),
        ([(1, 2199, 0)], [(1, 2220, 0)], [0]),  # one per cent of 2199 is 21, rounded down
        ([(1, 2199, 0)], [(1, 2221, 0)], [-1]),
        ([(1, 2221, 0)], [(1, 2199, 0)], [0]),  # of the left amount
        ([(1, -2200, 0)], [(1, -2222, 0)], [0]),
        ([(1, 1000, 0)], [(1, 1000, 3)], [0]),
        ([(1, 1000, 0)], [(1, 1000, 4)], [-1]),
        ([(1, 1000, 0)], [(1, 1001, 0), (1, 1000, 3)], [1]),  # the amount decides before the day
        ([(1, 1000, 0)], [(1, 1010, 2), (1, 990, 1)], [1]),
        ([(1, 1000, 0)], [(1, 1010, 1), (1, 990, 1)], [0]),  # the row decides last
        ([(1, 1000, 0), (1, 1002, 0)], [(1, 1001, 0)], [0, -1]),
        ([(1, 1005, 0), (1, 1001, 0)], [(1, 1000, 0), (1, 1020, 0)], [1, 0]),  # the best pair takes first
    ],
)
def test_the_best_pair_within_the_tolerance_is_taken(pair_best, left, right, partner) -> None:
    assert pair_best(*side(left), *side(right), 20, 10_000, 3).tolist() == partner


@SEEDED
@given(left=ROWS, right=ROWS, rule=RULES, threads=st.integers(1, 3), bits=st.sampled_from([-1, 0, 3]))
def test_compiled_and_twin_agree_for_any_threads_and_partitions(left, right, rule, threads, bits) -> None:
    compiled = _radix_best.pair_best(*side(left), *side(right), *rule, threads, bits)
    twin = radix_twin.pair_best(*side(left), *side(right), *rule)
    assert compiled.tolist() == twin.tolist()
    assert compiled.dtype == twin.dtype


@pytest.mark.parametrize("rule", [(0, 0, 0), (3, 0, 2), (0, 20_000, 9), (10**6, 0, 10**6)])
@pytest.mark.parametrize("seed", range(4))
def test_a_large_group_is_settled_as_if_all_candidates_were_written_down(rule, seed) -> None:
    random = np.random.default_rng(seed)
    spread = [5, 60, 400, 10**9][seed]
    sides = [
        side(list(zip([1] * rows, random.integers(-spread, spread, rows), random.integers(0, 12, rows), strict=True)))
        for rows in (150, 170)
    ]
    compiled = _radix_best.pair_best(*sides[0], *sides[1], *rule, 2)
    assert compiled.tolist() == radix_twin.pair_best(*sides[0], *sides[1], *rule).tolist()


@WAYS
def test_amounts_and_days_may_be_whole_columns_of_which_rows_are_taken(pair_best) -> None:
    random = np.random.default_rng(6)
    left, right = (side([(1 + i % 40, 100 + i % 7, i % 5) for i in random.integers(0, 999, 9_000)]) for _ in range(2))
    rows = [np.flatnonzero(random.random(9_000) < 0.1).astype(np.int32) for _ in range(2)]
    taken = [[column[some] for column in one] for one, some in zip((left, right), rows, strict=True)]
    named = dict(zip(("left_rows", "right_rows"), rows, strict=True))
    partner = pair_best(*taken[0][:2], *left[2:], *taken[1][:2], *right[2:], 2, 0, 1, threads=2, **named)
    assert partner.tolist() == radix_twin.pair_best(*taken[0], *taken[1], 2, 0, 1).tolist()
    assert pair_best(*left, *right, 2, 0, 1, left_rows=np.arange(9_000, dtype=np.int32)).max() > 0
    with pytest.raises(ValueError, match=r"rows must lie in 0 .. 8999"):
        pair_best(*taken[0][:2], *left[2:], *right, 2, 0, 1, left_rows=rows[0] + np.int32(9_000))


def test_many_groups_over_many_partitions_and_threads() -> None:
    random = np.random.default_rng(5)
    sides = []
    for rows in (70_000, 66_000):
        group = random.integers(1, 30_000, rows)
        group[:100] = 3
        hashes = group.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        amounts, days = random.integers(900, 1100, rows), random.integers(0, 9, rows).astype(np.int32)
        sides += [hashes, group.astype(np.uint32), amounts, days]
    twin = radix_twin.pair_best(*sides, 5, 10_000, 3)
    for threads, bits in ((1, -1), (2, -1), (3, 6), (2, 0)):
        assert np.array_equal(_radix_best.pair_best(*sides, 5, 10_000, 3, threads, bits), twin)


def test_a_hundred_thousand_rows_of_one_group_amount_and_day_are_paired_in_order() -> None:
    left, right = (side([(1, 100, 5)] * 2) for _ in range(2))
    left, right = ([np.repeat(column[:1], rows) for column in one] for one, rows in ((left, 99_999), (right, 100_000)))
    assert np.array_equal(_radix_best.pair_best(*left, *right, 50, 0, 3, 2), np.arange(99_999))


def test_the_largest_amounts_and_days_do_not_overflow() -> None:
    most = 2**62 - 1
    left = side([(1, most, 2**31 - 1), (2, most, 0), (3, -most, -(2**31))])
    right = side([(1, most, -(2**31)), (2, -most, 0), (3, -most, -(2**31))])
    for kernel in (_radix_best.pair_best, radix_twin.pair_best):
        assert kernel(*left, *right, most, 1_000_000, 2**32).tolist() == [0, -1, 2]
        assert kernel(*left, *right, 0, 0, 2**31).tolist() == [-1, -1, 2]


@WAYS
def test_what_does_not_fit_is_refused(pair_best) -> None:
    one, two = side([(1, 5, 5)]), side([(1, 5, 5), (1, 5, 5)])
    with pytest.raises(ValueError, match="one length"):
        pair_best(*one[:2], *two[2:], *one, 0, 0, 0)
    with pytest.raises(ValueError, match="2\\*\\*62 in magnitude"):
        pair_best(*one, *side([(1, 2**62, 5)]), 0, 0, 0)
    for rule in ((-1, 0, 0), (0, -1, 0), (0, 1_000_001, 0), (0, 0, -1)):
        with pytest.raises(ValueError, match=r"ppm in 0 .. 1000000"):
            pair_best(*one, *one, *rule)
    with pytest.raises(ValueError, match="threads must be at least 1"):
        pair_best(*one, *one, 0, 0, 0, threads=0)
