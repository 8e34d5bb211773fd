"""Kernel and twin of optimal assignment: where greedy fails, ties, ambiguity, bounds, and any order of input."""

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
from settlement.kernels import _assign_best, assign, assign_twin, radix_twin
from settlement.kernels.choice import use_compiled

SEEDED = settings(derandomize=True, deadline=None)
WAYS = pytest.mark.parametrize(
    "assign_groups", [_assign_best.assign_groups, assign_twin.assign_groups], ids=["compiled", "twin"]
)
GROUP = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), max_size=14)


def run(assign_groups, groups, n_left, n_right, most_edges=1000):
    """Groups are lists of (left, right, cost)."""
    start = np.cumsum([0, *map(len, groups)]).astype(np.int32)
    edges = np.array([edge for group in groups for edge in group], dtype=np.int64).reshape(-1, 3)
    left, right = edges[:, 0].astype(np.int32), edges[:, 1].astype(np.int32)
    partner, outcome = assign_groups(start, left, right, edges[:, 2].copy(), n_left, n_right, most_edges)
    assert (partner.dtype, outcome.dtype) == (np.int32, np.uint8)
    return partner.tolist(), outcome.tolist()


@WAYS
@pytest.mark.parametrize(
    ("edges", "partner", "outcome"),
    [
        ([], [-1, -1, -1], [0, 0, 0]),
        ([(1, 2, 9)], [-1, 2, -1], [0, 0, 0]),
        # the cheaper of two
        ([(0, 0, 2), (0, 1, 1)], [1, -1, -1], [0, 0, 0]),
        # more matches before less cost
        ([(0, 0, 0), (0, 1, 9), (1, 0, 9)], [1, 0, -1], [0, 0, 0]),
        # equal costs: the first right row to the first left row, and said to be ambiguous
        ([(0, 1, 5), (0, 0, 5)], [0, -1, -1], [1, 0, 0]),
        ([(0, 0, 5), (1, 0, 5)], [0, -1, -1], [1, 1, 0]),
        ([(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)], [0, 1, -1], [1, 1, 0]),
        # equal sums of unequal costs: 1 + 4 and 2 + 3
        ([(0, 0, 1), (1, 1, 4), (0, 1, 2), (1, 0, 3)], [0, 1, -1], [1, 1, 0]),
        # an ambiguous pair beside a certain one in a component
        ([(0, 0, 1), (1, 0, 9), (1, 1, 2), (1, 2, 2)], [0, 1, -1], [0, 1, 0]),
        # a certain row left out
        ([(0, 0, 1), (1, 0, 2)], [0, -1, -1], [0, 0, 0]),
        # a pair given twice counts at its least cost and is no ambiguity
        ([(0, 0, 7), (0, 0, 7)], [0, -1, -1], [0, 0, 0]),
        ([(0, 0, 7), (0, 1, 3), (0, 0, 2)], [0, -1, -1], [0, 0, 0]),
    ],
)
def test_most_matches_least_cost_first_rows(assign_groups, edges, partner, outcome) -> None:
    assert run(assign_groups, [edges], 3, 3) == (partner, outcome)


@WAYS
def test_the_best_pair_first_is_the_wrong_answer(assign_groups) -> None:
    """Amounts 100 and 102 against 102 and 105, within 3: the nearest pair taken first leaves two rows open."""
    left, right = np.array([100, 102]), np.array([102, 105])
    group, check, days = np.ones(2, np.uint64), np.zeros(2, np.uint32), np.zeros(2, np.int32)
    greedy = radix_twin.pair_best(group, check, left, days, group, check, right, days, 3, 0, 0)
    edges = [(i, j, abs(int(left[i] - right[j]))) for i in range(2) for j in range(2) if abs(left[i] - right[j]) <= 3]
    assert greedy.tolist() == [-1, 0]
    assert run(assign_groups, [edges], 2, 2) == ([0, 1], [0, 0])


@WAYS
def test_the_best_pair_first_costs_more_at_equal_count(assign_groups) -> None:
    edges = [(0, 0, 1), (0, 1, 2), (1, 0, 2), (1, 1, 100)]
    assert run(assign_groups, [edges], 2, 2) == ([1, 0], [0, 0])


@WAYS
def test_a_component_over_the_bound_is_given_up_and_the_others_solved(assign_groups) -> None:
    square = [(left, right, 1) for left in (0, 1) for right in (0, 1)]
    groups = [[*square, *square, (2, 2, 1)], [(3, 3, 1), (3, 4, 2)]]
    assert run(assign_groups, groups, 4, 5, most_edges=3) == ([-1, -1, 2, 3], [2, 2, 0, 0])
    # pairs given twice count once
    assert run(assign_groups, groups, 4, 5, most_edges=4) == ([0, 1, 2, 3], [1, 1, 0, 0])


@WAYS
@SEEDED
@given(edges=GROUP, data=st.data())
def test_the_order_of_candidates_does_not_matter(assign_groups, edges, data) -> None:
    shuffled = data.draw(st.permutations(edges))
    assert run(assign_groups, [shuffled], 5, 5) == run(assign_groups, [edges], 5, 5)


@WAYS
@SEEDED
@given(first=GROUP, second=GROUP)
def test_groups_do_not_see_each_other(assign_groups, first, second) -> None:
    moved = [(left + 5, right + 5, cost) for left, right, cost in second]
    partner, outcome = run(assign_groups, [first, [], moved], 10, 10)
    alone = [run(assign_groups, [edges], 5, 5) for edges in (first, second)]
    assert partner == alone[0][0] + [right + 5 if right >= 0 else -1 for right in alone[1][0]]
    assert outcome == alone[0][1] + alone[1][1]


@WAYS
@SEEDED
@given(edges=GROUP, lefts=st.permutations(range(5)), rights=st.permutations(range(5)))
def test_what_is_certain_does_not_depend_on_row_order(assign_groups, edges, lefts, rights) -> None:
    partner, outcome = run(assign_groups, [edges], 5, 5)
    renamed = [(lefts[left], rights[right], cost) for left, right, cost in edges]
    other_partner, other_outcome = run(assign_groups, [renamed], 5, 5)
    assert [other_outcome[lefts[row]] for row in range(5)] == outcome
    for row in range(5):
        if outcome[row] == assign.Assigned.CERTAIN:
            assert other_partner[lefts[row]] == (rights[partner[row]] if partner[row] >= 0 else -1)


@SEEDED
@given(
    edges=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(0, 5)), max_size=60),
    most_edges=st.integers(1, 60),
)
def test_compiled_and_twin_agree(edges, most_edges) -> None:
    ways = (_assign_best.assign_groups, assign_twin.assign_groups)
    compiled, twin = (run(way, [edges], 12, 12, most_edges) for way in ways)
    assert compiled == twin


def test_a_wide_component_of_equal_pairs_keeps_row_order() -> None:
    edges = [(left, right, 3) for left in range(200) for right in range(250)]
    partner, outcome = run(_assign_best.assign_groups, [edges], 200, 250, most_edges=len(edges))
    assert partner == list(range(200))
    assert set(outcome) == {assign.Assigned.AMBIGUOUS}


def test_a_long_chain_moves_as_a_whole() -> None:
    """Each left row would rather have the next one's right row; the last row forces all of them back."""
    edges = [(row, row, 1) for row in range(3000)] + [(row, row - 1, 0) for row in range(1, 3000)]
    partner, outcome = run(_assign_best.assign_groups, [edges], 3000, 3000, most_edges=len(edges))
    assert partner == list(range(3000))
    assert set(outcome) == {assign.Assigned.CERTAIN}


@WAYS
def test_the_greatest_costs_are_still_exact(assign_groups) -> None:
    dear = 2**60 - 1
    edges = [(0, 0, dear), (0, 1, dear - 1), (1, 0, dear - 1), (1, 1, dear)]
    assert run(assign_groups, [edges], 2, 2) == ([1, 0], [0, 0])
    with pytest.raises(OverflowError, match="64 bits"):
        run(assign_groups, [[(0, 0, 2**60), (1, 1, 0)]], 2, 2)


@WAYS
@pytest.mark.parametrize(
    ("groups", "rows", "message"),
    [
        ([[(0, 0, 1)], [(0, 1, 1)]], 2, "left row 0 or right row 1 stands in two groups"),
        ([[(0, 0, 1)], [(1, 0, 1)]], 2, "left row 1 or right row 0 stands in two groups"),
        ([[(2, 0, 1)]], 2, r"rows must lie in 0 \.\. 1"),
        ([[(0, -1, 1)]], 2, r"rows must lie in 0 \.\. 1"),
        ([[(0, 0, -1)]], 2, "must not be negative"),
    ],
)
def test_wrong_input_is_refused(assign_groups, groups, rows, message) -> None:
    with pytest.raises(ValueError, match=message):
        run(assign_groups, groups, rows, rows)


@WAYS
@pytest.mark.parametrize("start", [[], [0], [1, 1], [0, 2, 1]])
def test_wrong_group_starts_are_refused(assign_groups, start) -> None:
    one = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="group_start must"):
        assign_groups(np.array(start, np.int32), one, one, np.zeros(1, np.int64), 1, 1, 10)


def test_costs_too_great_are_told_to_a_person() -> None:
    one, costs = np.zeros(1, np.int32), np.array([2**61])
    with pytest.raises(TerminalError, match="smaller cost weights"):
        assign.assign_groups(np.array([0, 1], np.int32), one, one, costs, n_left=1, n_right=1)


def test_the_chosen_kernel_is_the_one_that_runs() -> None:
    assert assign.compiled() is use_compiled()
    partner, outcome = assign.assign_groups(
        np.array([0, 2], np.int32),
        np.array([0, 0], np.int32),
        np.array([0, 1], np.int32),
        np.array([3, 2]),
        n_left=1,
        n_right=2,
    )
    assert (partner.tolist(), outcome.tolist()) == ([1], [assign.Assigned.CERTAIN])


@pytest.mark.parametrize(("choice", "compiled"), [("python", "False"), ("compiled", "True")])
def test_the_environment_decides(choice, compiled) -> None:
    code = "from settlement.kernels import assign; print(assign.compiled())"
    told = os.environ | {"SETTLEMENT_KERNELS": choice}
    ran = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == compiled


def test_twins_share_name_and_docstring() -> None:
    assert inspect.cleandoc(_assign_best.assign_groups.__doc__).endswith(inspect.getdoc(assign_twin.assign_groups))
