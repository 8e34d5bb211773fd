"""Kernels and twins of sums without a key: one, several, none or given up; bounds, equal amounts, order."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.errors import TerminalError
from settlement.kernels import _subset_sums, sums, sums_twin
from settlement.kernels.choice import use_compiled
from settlement.kernels.sums import Searched

SEEDED = settings(derandomize=True, deadline=None)
PAIRS = [
    (_subset_sums.find_subsets, sums_twin.find_subsets),
    (_subset_sums.whole_groups, sums_twin.whole_groups),
]
WAYS = pytest.mark.parametrize("find_subsets", PAIRS[0], ids=["compiled", "twin"])
WHOLE = pytest.mark.parametrize("whole_groups", PAIRS[1], ids=["compiled", "twin"])
AMOUNTS = st.lists(st.one_of(st.integers(-6, 9), st.integers(-2000, 5000)), max_size=14)


def columns(groups):
    """Groups are (amounts, target, tolerance)."""
    start = np.cumsum([0, *(len(amounts) for amounts, _, _ in groups)]).astype(np.int32)
    amounts = np.array([amount for rows, _, _ in groups for amount in rows], dtype=np.int64)
    targets, tolerances = (np.array([group[i] for group in groups], dtype=np.int64) for i in (1, 2))
    return start, amounts, targets, tolerances


def find(find_subsets, groups, most=20, steps=10**6, threads=1):
    status, members, second, equal = find_subsets(*columns(groups), most, steps, threads)
    assert [a.dtype for a in (status, members, second, equal)] == [np.uint8, np.int32, np.int32, np.uint8]
    subsets = ([[row for row in line if row >= 0] for line in part.tolist()] for part in (members, second))
    return list(zip(status.tolist(), *subsets, equal.tolist(), strict=True))


@WAYS
@pytest.mark.parametrize(
    ("amounts", "target", "tolerance", "most", "told"),
    [
        ([], 0, 0, 5, (Searched.PROVED_NONE, [], [], 0)),
        ([7], 7, 0, 5, (Searched.PROVED_NONE, [], [], 0)),
        ([1, 2, 4, 8], 6, 0, 5, (Searched.FOUND, [1, 2], [], 0)),
        ([1, 2, 4, 8], 15, 0, 5, (Searched.FOUND, [0, 1, 2, 3], [], 0)),
        ([1, 2, 4, 8], 15, 0, 3, (Searched.PROVED_NONE, [], [], 0)),
        ([1, 2, 4, 8], 16, 0, 5, (Searched.PROVED_NONE, [], [], 0)),
        # sales, a refund and a fee in one deposit
        ([5000, -1200, 3100, -90, 777], 6810, 0, 5, (Searched.FOUND, [0, 1, 2, 3], [], 0)),
        # neither the empty set nor a single row is a sum
        ([5, 3], 0, 0, 5, (Searched.PROVED_NONE, [], [], 0)),
        ([5, 3], 5, 0, 5, (Searched.PROVED_NONE, [], [], 0)),
        # within tolerance, on both sides and no further
        ([100, 250], 352, 2, 5, (Searched.FOUND, [0, 1], [], 0)),
        ([100, 250], 348, 2, 5, (Searched.FOUND, [0, 1], [], 0)),
        ([100, 250], 353, 2, 5, (Searched.PROVED_NONE, [], [], 0)),
        # rows of equal amount stand for one another
        ([5, 5, 5, 1], 10, 0, 5, (Searched.AMBIGUOUS, [0, 1], [0, 2], 1)),
        ([5, 5, 5, 1], 15, 0, 5, (Searched.FOUND, [0, 1, 2], [], 0)),
        ([1, 5, 9, 5], 6, 0, 5, (Searched.AMBIGUOUS, [0, 1], [0, 3], 1)),
        # a row of nothing makes every sum ambiguous
        ([3, 4, 0], 7, 0, 5, (Searched.AMBIGUOUS, [0, 1], [0, 1, 2], 0)),
    ],
)
def test_one_several_or_none(  # noqa: PLR0917 (a row a case)
    find_subsets, amounts, target, tolerance, most, told
) -> None:
    assert find(find_subsets, [(amounts, target, tolerance)], most) == [told]


@WAYS
def test_two_subsets_of_other_amounts_are_never_taken_silently(find_subsets) -> None:
    ((status, members, second, equal),) = find(find_subsets, [([10, 20, 30, 40, 77], 50, 0)])
    assert (status, equal) == (Searched.AMBIGUOUS, 0)
    assert sorted([members, second]) == [[0, 3], [1, 2]]


@WAYS
def test_the_bound_of_steps_is_told_and_nothing_guessed(find_subsets) -> None:
    amounts = [3**i for i in range(16)]
    group = (amounts, sum(amounts[::3]), 0)
    assert find(find_subsets, [group], steps=20) == [(Searched.GAVE_UP, [], [], 0)]
    assert find(find_subsets, [group]) == [(Searched.FOUND, list(range(0, 16, 3)), [], 0)]


@WAYS
def test_too_many_candidates_are_given_up(find_subsets) -> None:
    amounts = [1000 + 2 * i for i in range(130)]
    assert find(find_subsets, [(amounts[:100], 2002, 0)], most=2)[0] == (Searched.FOUND, [0, 1], [], 0)
    assert find(find_subsets, [(amounts, 2002, 0)], most=2)[0] == (Searched.GAVE_UP, [], [], 0)
    # two subsets among the rows that were searched are two, whatever the others hold
    assert find(find_subsets, [(amounts, 2302, 0)], most=2)[0][0] == Searched.AMBIGUOUS
    # but a proof that needs no search holds at any size
    assert find(find_subsets, [(amounts, 2001, 0)], most=2)[0][0] == Searched.PROVED_NONE


@WAYS
def test_many_rows_of_equal_amount_are_no_burden(find_subsets) -> None:
    rows = [500] * 400 + [3]
    told = find(find_subsets, [(rows, 1503, 0)], most=6)
    assert told == [(Searched.AMBIGUOUS, [0, 1, 2, 400], [0, 1, 3, 400], 1)]
    for target, status in ((150_000, Searched.AMBIGUOUS), (150_003, Searched.PROVED_NONE)):
        assert find(find_subsets, [(rows, target, 0)], most=300)[0][0] == status
    assert find(find_subsets, [(rows, 200_003, 0)], most=401)[0][:2] == (Searched.FOUND, list(range(401)))


@WAYS
def test_groups_do_not_see_each_other(find_subsets) -> None:
    groups = [([1, 2], 3, 0), ([], 3, 0), ([2, 1, 4], 7, 0), ([5, 5, 5], 10, 0)]
    told = find(find_subsets, groups)
    assert [one[:2] for one in told] == [
        (Searched.FOUND, [0, 1]),
        (Searched.PROVED_NONE, []),
        (Searched.FOUND, [2, 3, 4]),
        (Searched.AMBIGUOUS, [5, 6]),
    ]


@pytest.mark.parametrize("threads", [2, 3, 40])
def test_any_number_of_threads_tells_the_same(threads) -> None:
    rng = np.random.default_rng(32)
    sizes = rng.integers(0, 18, 400)
    groups = [(rows := rng.integers(-40, 900, size).tolist(), sum(rows[:4]) + size % 2, size % 3) for size in sizes]
    told = find(_subset_sums.find_subsets, groups)
    assert {one[0] for one in told} == {Searched.PROVED_NONE, Searched.FOUND, Searched.AMBIGUOUS}
    assert find(_subset_sums.find_subsets, groups, threads=threads) == told
    assert find(_subset_sums.find_subsets, groups[:3], threads=threads) == told[:3]


@WAYS
@SEEDED
@given(amounts=AMOUNTS, data=st.data(), tolerance=st.integers(0, 3), most=st.integers(2, 15))
def test_a_planted_subset_is_found_or_ambiguous_in_any_order(find_subsets, amounts, data, tolerance, most) -> None:
    planted = data.draw(st.sets(st.integers(0, len(amounts) - 1), max_size=most)) if amounts else set()
    target = sum(amounts[row] for row in planted) + data.draw(st.integers(-tolerance, tolerance))
    order = data.draw(st.permutations(range(len(amounts))))
    one, other = (
        find(find_subsets, [(rows, target, tolerance)], most)[0] for rows in (amounts, [amounts[i] for i in order])
    )
    assert (one[0], one[3]) == (other[0], other[3])
    if len(planted) > 1:
        assert one[0] in {Searched.FOUND, Searched.AMBIGUOUS}
        assert one[0] == Searched.AMBIGUOUS or set(one[1]) == planted
    if one[0] == Searched.FOUND:
        assert {order[i] for i in other[1]} == set(one[1])
    # The amounts told are the same ones even where they are not sure.
    assert [amounts[i] for i in one[1]] == unordered(
        [amounts[order[i]] for i in other[1]], [amounts[i] for i in one[1]]
    )


def unordered(values, like):
    """The values in the order of `like`, if they are the same ones."""
    return like if sorted(values) == sorted(like) else values


@SEEDED
@given(
    groups=st.lists(st.tuples(AMOUNTS, st.integers(-50, 9000), st.integers(0, 20)), max_size=4),
    most=st.integers(2, 15),
    steps=st.integers(1, 3000),
)
def test_compiled_and_twin_agree(groups, most, steps) -> None:
    compiled, twin = (find(way, groups, most, steps) for way in PAIRS[0])
    assert compiled == twin


@pytest.mark.parametrize("number", range(6))
def test_compiled_and_twin_agree_where_lists_grow_long(number) -> None:
    rng = np.random.default_rng([31, number])
    rows = (rng.integers(1, 10 ** (3 + number % 4), 24) * rng.choice([1, 1, -1], 24)).tolist()
    groups = [(rows, sum(rows[:9]), 0), (rows, sum(rows[:9]) + 1, 0)]
    compiled, twin = (find(way, groups, 24 if number % 2 else 9, 30_000) for way in PAIRS[0])
    assert compiled == twin


@WAYS
def test_the_greatest_amounts_are_still_exact(find_subsets) -> None:
    great = 2**60
    assert find(find_subsets, [([great, -great + 1, great - 1], great, 0)]) == [(Searched.FOUND, [0, 1, 2], [], 0)]
    assert find(find_subsets, [([great, -great + 1, great - 2], great, 0)])[0][0] == Searched.PROVED_NONE


@WAYS
@pytest.mark.parametrize(
    "group", [([2**61, 2**61], 0, 0), ([-(2**63)], 0, 0), ([1], 2**62 - 1, 0), ([1], -(2**63), 0), ([], 0, 2**62)]
)
def test_amounts_too_great_are_refused(find_subsets, group) -> None:
    with pytest.raises(OverflowError, match="amounts of group 1 "):
        find(find_subsets, [([1], 1, 0), group])


@WHOLE
def test_a_group_fits_as_a_whole(whole_groups) -> None:
    groups = [([1, 2, -4], -1, 0), ([1, 2], 5, 2), ([1, 2], 5, 1), ([1, 2], 1, 2), ([], 0, 0), ([9], 9, 0)]
    fits = whole_groups(*columns(groups))
    assert (fits.tolist(), fits.dtype) == ([1, 1, 0, 1, 0, 1], np.uint8)
    with pytest.raises(OverflowError, match="group 0"):
        whole_groups(*columns([([2**61, 2**61], 0, 0)]))


@WAYS
def test_wrong_input_is_refused(find_subsets) -> None:
    start, amounts, targets, tolerances = columns([([1, 2], 3, 0)])
    with pytest.raises(ValueError, match="one longer"):
        find_subsets(start[:1], amounts, targets, tolerances, 5, 100)
    with pytest.raises(ValueError, match="must rise"):
        find_subsets(start[::-1].copy(), amounts, targets, tolerances, 5, 100)
    with pytest.raises(ValueError, match="must not be negative"):
        find_subsets(start, amounts, targets, tolerances - 1, 5, 100)
    for most in (1, 2**14):
        with pytest.raises(ValueError, match=r"must lie in 2 \.\. 16383"):
            find_subsets(start, amounts, targets, tolerances, most, 100)
    with pytest.raises(ValueError, match="most_steps be at least 1"):
        find_subsets(start, amounts, targets, tolerances, 5, 0)
    with pytest.raises(ValueError, match="threads must be at least 1"):
        find_subsets(start, amounts, targets, tolerances, 5, 100, 0)


def test_one_search_in_words() -> None:
    told = sums.find_subset(np.array([5, 5, 5, 1]), 10, most_members=5)
    assert told == (Searched.AMBIGUOUS, (0, 1), (0, 2), True)
    told = sums.find_subset(np.array([5, 4, 1]), 8, tolerance=1, most_members=2)
    assert told == (Searched.FOUND, (0, 1), (), False)


def test_amounts_too_great_are_told_to_a_person() -> None:
    with pytest.raises(TerminalError, match="wrong amount among its rows"):
        sums.find_subset(np.array([2**61, 2**61]), 0, most_members=2)
    with pytest.raises(TerminalError, match="wrong amount among its rows"):
        sums.find_subset(np.array([1]), 2**70, most_members=2)
    with pytest.raises(TerminalError, match="wrong amount among its rows"):
        sums.whole_groups(*columns([([2**61, 2**61], 0, 0)]))


def test_the_chosen_kernels_are_the_ones_that_run() -> None:
    assert sums.compiled() is use_compiled()
    assert sums.whole_groups(*columns([([1, 2], 3, 0)])).tolist() == [1]


@pytest.mark.parametrize(("choice", "compiled"), [("python", "False"), ("compiled", "True")])
def test_the_environment_decides(choice, compiled) -> None:
    code = "from settlement.kernels import sums; print(sums.compiled())"
    told = os.environ | {"SETTLEMENT_KERNELS": choice}
    ran = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == compiled


@pytest.mark.parametrize(("kernel", "twin"), PAIRS, ids=lambda one: one.__module__)
def test_twins_share_name_and_docstring(kernel, twin) -> None:
    assert kernel.__name__ == twin.__name__
    assert inspect.cleandoc(kernel.__doc__).endswith(inspect.getdoc(twin))
