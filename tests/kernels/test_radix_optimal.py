"""Kernel and twin of optimal pairs: the declared rule, the optimum, what is ambiguous, and bounds that give up."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.errors import TerminalError
from settlement.kernels import _radix_optimal, radix, radix_optimal_twin
from settlement.kernels.radix import ANY, Way

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(133))
KERNELS = [_radix_optimal.pair_optimal, radix_optimal_twin.pair_optimal]
WAYS = pytest.mark.parametrize("pair_optimal", KERNELS, ids=["compiled", "twin"])
BOUNDS = (250_000, 32_000_000)
NEAR = Way(minor=20)

# Near amounts and days, so that ties and conflicts are the rule; group 0 is none.
ROW = st.tuples(st.integers(0, 2), st.integers(-6, 6).map(lambda n: n * 50), st.integers(0, 4))
ROWS = st.lists(ROW, max_size=24)
TOLERANCE = st.tuples(st.sampled_from([0, 50, 120, ANY]), st.sampled_from([0, 2_000, 10_000]), st.booleans())
STEPS = st.tuples(st.sampled_from([50, 100]), st.integers(1, 3))
WAY = TOLERANCE.map(lambda told: Way(*told)) | STEPS.map(lambda told: Way(step=told[0], most_steps=told[1]))
DAYS = st.none() | st.tuples(st.integers(-3, 0), st.integers(0, 3))
WEIGHTS = st.tuples(st.sampled_from([0, 1, 7]), st.sampled_from([0, 1, 100]))
RULES = st.tuples(WAY, WAY, DAYS, WEIGHTS)


def side(rows):
    group, amount, day = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    hashes = np.array(group, np.uint64) * np.uint64(2**63 - 25)
    return hashes, np.array(group, np.uint32), np.array(amount, np.int64), np.array(day, np.int32)


def told(answer):
    assert [one.dtype for one in answer] == [np.int32, np.uint8, np.uint8]
    return [one.tolist() for one in answer]


@WAYS
@pytest.mark.parametrize(
    "case",
    [
        (1000, 1020, (NEAR, NEAR), (0, 0), True),
        (1000, 1021, (NEAR, NEAR), (0, 0), False),
        (1020, 1000, (NEAR, Way()), (0, 0), True),  # the left amount exceeds
        (1000, 1020, (NEAR, Way()), (0, 0), False),
        (-1020, -1000, (NEAR, Way()), (0, 0), True),  # of two refunds the greater one exceeds
        (-1000, -1020, (NEAR, Way()), (0, 0), False),
        (10, -10, (NEAR, Way()), (0, 0), True),  # of opposite signs the positive one exceeds
        (-10, 10, (NEAR, Way()), (0, 0), False),
        (2220, 2199, (Way(bps=100), Way()), (0, 0), True),  # one per cent of the exceeded 2199 is 21, rounded down
        (2221, 2199, (Way(bps=100), Way()), (0, 0), False),
        (1015, 1000, (Way(minor=20, bps=100), Way()), (0, 0), True),  # the larger bound counts
        (1015, 1000, (Way(minor=20, bps=100, smaller=True), Way()), (0, 0), False),
        (1150, 1000, (Way(step=50, most_steps=3), Way()), (0, 0), True),
        (1200, 1000, (Way(step=50, most_steps=3), Way()), (0, 0), False),
        (1149, 1000, (Way(step=50, most_steps=3), Way()), (0, 0), False),
        (5, -(10**18), (Way(minor=ANY), Way(minor=ANY)), (0, 0), True),
        (1000, 1000, (Way(), Way()), (1, 2), False),
        (1000, 1000, (Way(), Way()), None, True),
    ],
)
def test_two_rows_are_a_candidate_as_the_rule_says(pair_optimal, case) -> None:
    left, right, ways, days, met = case
    answer = pair_optimal(*side([(1, left, 5)]), *side([(1, right, 5)]), *ways, days, (1, 1), *BOUNDS)
    assert told(answer) == [[0 if met else -1], [0], [0]]


@WAYS
@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        ([], [(1, 5, 0)], [[], [], [0]]),
        ([(0, 5, 0)], [(0, 5, 0)], [[-1], [0], [0]]),
        ([(1, 5, 0)], [(1, 5, 4)], [[-1], [0], [0]]),
        # Where the best pair stands in the way of two, it is not taken.
        ([(1, 1005, 0), (1, 1025, 0)], [(1, 1010, 0), (1, 985, 0)], [[1, 0], [0, 0], [0, 0]]),
        ([(1, 1000, 0), (1, 1002, 0)], [(1, 1001, 0)], [[0, -1], [1, 1], [1]]),
        ([(1, 1001, 0)], [(1, 1000, 0), (1, 1002, 0)], [[0], [1], [1, 1]]),
        ([(1, 7, 0), (1, 7, 0)], [(1, 7, 0), (1, 7, 0)], [[0, 1], [1, 1], [1, 1]]),
        ([(1, 7, 0), (2, 7, 0), (1, 7, 1)], [(2, 7, 0), (1, 7, 1), (1, 7, 0)], [[2, 0, 1], [0, 0, 0], [0, 0, 0]]),
    ],
)
def test_most_pairs_then_least_cost_then_row_order(pair_optimal, left, right, answer) -> None:
    found = pair_optimal(*side(left), *side(right), NEAR, NEAR, (-3, 3), (1, 1), *BOUNDS)
    assert told(found) == answer


@SEEDED
@given(left=ROWS, right=ROWS, rule=RULES, threads=st.integers(1, 3), bits=st.sampled_from([-1, 0, 3]))
def test_compiled_and_twin_agree_for_any_threads_and_partitions(left, right, rule, threads, bits) -> None:
    bounds = 9, 64 if bits else 100
    compiled = _radix_optimal.pair_optimal(*side(left), *side(right), *rule, *bounds, threads, bits)
    assert told(compiled) == told(radix_optimal_twin.pair_optimal(*side(left), *side(right), *rule, *bounds))


def group(rng, rows, spread, days):
    return side(
        list(zip([1] * rows, rng.integers(-spread, spread + 1, rows), rng.integers(0, days, rows), strict=True))
    )


@pytest.mark.parametrize("seed", range(24))
def test_a_large_group_is_settled_as_if_all_candidates_were_written_down(seed) -> None:
    rng = np.random.default_rng([21, seed])
    spread, days = [(40, 9), (400, 30), (10**6, 2)][seed % 3]
    left, right = group(rng, 40, spread, days), group(rng, 37, spread, days)
    ways = [
        (Way(minor=spread // 20), Way(minor=spread // 9)),
        (Way(minor=ANY), Way(minor=ANY)),
        (Way(bps=2_000), Way()),
        (Way(step=spread // 8, most_steps=4), Way(minor=spread // 10, bps=500, smaller=True)),
    ][seed % 4]
    window = [(-1, 1), None, (0, 2)][seed // 8]
    for bounds in (BOUNDS, (12, 10**6), (30, 70), (1, 64)):
        rule = (*ways, window, (1, 3), *bounds)
        compiled = _radix_optimal.pair_optimal(*left, *right, *rule, 2)
        assert told(compiled) == told(radix_optimal_twin.pair_optimal(*left, *right, *rule))
        other = _radix_optimal.pair_optimal(*(one[::-1].copy() for one in (*left, *right)), *rule)
        # What is unsure and what is given up is the same in any order of the rows.
        assert (compiled[1] == other[1][::-1]).all()
        assert (compiled[2] == other[2][::-1]).all()


@WAYS
def test_a_component_or_block_over_its_bound_gives_up_and_the_others_are_solved(pair_optimal) -> None:
    left = side([(1, 100, 0)] * 4 + [(1, 900, 0)] * 5 + [(1, 500, 0)])
    right = side([(1, 100, 0)] * 4 + [(1, 900, 0)] * 14 + [(1, 501, 0)])
    partner, outcome, right_outcome = told(pair_optimal(*left, *right, NEAR, NEAR, None, (1, 1), 16, 64))
    assert outcome == [1] * 4 + [2] * 5 + [0]
    assert partner == [0, 1, 2, 3] + [-1] * 5 + [18]
    assert right_outcome == [1] * 4 + [2] * 14 + [0]
    partner, outcome, right_outcome = told(pair_optimal(*left, *right, NEAR, NEAR, None, (1, 1), 15, 70))
    assert outcome == [2] * 9 + [0]
    partner, outcome, right_outcome = told(pair_optimal(*left, *right, NEAR, NEAR, None, (1, 1), 70, 69))
    assert outcome == [1] * 4 + [2] * 5 + [0]


def test_a_group_that_could_only_be_listed_quadratically_gives_up() -> None:
    left, right = ([np.repeat(column, 30_000) for column in side([(1, 100, 5)])] for _ in range(2))
    answer = _radix_optimal.pair_optimal(*left, *right, NEAR, NEAR, (-3, 3), (1, 1), *BOUNDS, 2)
    assert [set(one.tolist()) for one in answer] == [{-1}, {2}, {2}]


def test_many_groups_over_many_partitions_and_threads() -> None:
    random = np.random.default_rng(5)
    sides = []
    for rows in (7_000, 6_600):
        group = random.integers(1, 3_000, rows)
        group[:30] = 3
        hashes = group.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        amounts, days = random.integers(900, 1100, rows), random.integers(0, 9, rows).astype(np.int32)
        sides += [hashes, group.astype(np.uint32), amounts, days]
    rule = (Way(minor=5, bps=200), Way(minor=30), (-3, 2), (1, 10), *BOUNDS)
    twin = told(radix_optimal_twin.pair_optimal(*sides, *rule))
    assert set(twin[1]) == {0, 1}
    for threads, bits in ((1, -1), (2, -1), (3, 6), (2, 0)):
        assert told(_radix_optimal.pair_optimal(*sides, *rule, threads, bits)) == twin


@WAYS
def test_amounts_and_days_may_be_whole_columns_of_which_rows_are_taken(pair_optimal) -> None:
    random = np.random.default_rng(6)
    left, right = (side([(1 + i % 40, 100 + i % 7, i % 5) for i in random.integers(0, 999, 900)]) for _ in range(2))
    rows = [np.flatnonzero(random.random(900) < 0.3).astype(np.int32) for _ in range(2)]
    taken = [[column[some] for column in one] for one, some in zip((left, right), rows, strict=True)]
    named = dict(zip(("left_rows", "right_rows"), rows, strict=True))
    rule = (Way(minor=2), Way(minor=1), (-1, 1), (1, 1), *BOUNDS)
    answer = pair_optimal(*taken[0][:2], *left[2:], *taken[1][:2], *right[2:], *rule, threads=2, **named)
    assert told(answer) == told(radix_optimal_twin.pair_optimal(*taken[0], *taken[1], *rule))


@WAYS
def test_the_largest_amounts_and_days_do_not_overflow(pair_optimal) -> None:
    most = 2**62 - 1
    left = side([(1, most, 2**31 - 1), (2, most, 0), (3, -most, -(2**31))] + [(4, most, 0), (4, -most, 1)] * 5)
    right = side([(1, most, -(2**31)), (2, -most, 0), (3, -most, -(2**31))] + [(4, most, 0), (4, -most, 1)] * 5)
    every, some = Way(minor=ANY), Way(minor=2**62 - 1, bps=10_000)
    assert pair_optimal(*left, *right, every, every, None, (0, 0), *BOUNDS)[0].min() == 0
    answer = pair_optimal(*left, *right, some, some, (0, 2**32), (0, 1), *BOUNDS)
    assert answer[0].tolist() == [-1, -1, 2, *range(3, 13)]
    with pytest.raises(OverflowError, match="exact sums in 64 bits"):
        pair_optimal(*left, *right, every, every, None, (1, 0), *BOUNDS)


def test_costs_too_great_are_told_in_a_sentence() -> None:
    left = side([(1, 0, 0), (1, 2**50, 0)])
    assert radix.pair_optimal(*left, *left, left_way=NEAR, right_way=NEAR, days=None, weights=(2**20, 0))[0][1] == 1
    wide = Way(minor=2**51)
    with pytest.raises(TerminalError, match="smaller cost weights or a narrower tolerance"):
        radix.pair_optimal(*left, *left, left_way=wide, right_way=wide, days=None, weights=(2**20, 0))


@WAYS
def test_what_does_not_fit_is_refused(pair_optimal) -> None:
    one, two = side([(1, 5, 5)]), side([(1, 5, 5), (1, 5, 5)])
    good = [NEAR, NEAR, (0, 0), (1, 1), 10, 64]
    for at, bad, words in (
        (0, Way(minor=-1), "minor must lie"),
        (1, Way(minor=2**62), "minor must lie"),
        (0, Way(bps=10_001), "bps in 0 .. 10000"),
        (0, Way(step=5), "step and most_steps"),
        (1, Way(step=2**61, most_steps=2), "step and most_steps"),
        (1, Way(minor=1, step=1, most_steps=1), "stand alone"),
        (2, (1, 0), "days must be"),
        (3, (-1, 0), "weights must lie"),
        (4, 0, "most_edges must be"),
        (5, 63, "most_pairs at least 64"),
    ):
        with pytest.raises(ValueError, match=words):
            pair_optimal(*one, *one, *(bad if place == at else value for place, value in enumerate(good)))
    with pytest.raises(ValueError, match="one length"):
        pair_optimal(*one[:2], *two[2:], *one, *good)
    with pytest.raises(ValueError, match="threads must be at least 1"):
        pair_optimal(*one, *one, *good, threads=0)


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_is_at_most_48_bytes_a_row_where_groups_are_small(threads) -> None:
    rows = 400_000
    group = np.random.default_rng(9).integers(0, rows // 2, rows)
    hashes, checks = group.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1), group.astype(np.uint32)
    one = hashes, checks, group % 7, (group % 5).astype(np.int32)
    tracemalloc.start()
    partner, outcome, _ = _radix_optimal.pair_optimal(*one, *one, NEAR, NEAR, (-3, 3), (1, 1), *BOUNDS, threads)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (partner >= 0).all()
    assert outcome.any()
    assert 38 * rows < peak <= 48 * rows + threads * 3 * 2**19
