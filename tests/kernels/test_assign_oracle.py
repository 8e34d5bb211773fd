"""Optimal assignment beside brute force: optimum, choice among equals, and what is ambiguous."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from assign_oracle import by_sets, by_table
from random_cases import batches, nightly

from settlement.kernels import _assign_best, assign_twin


def assigned(assign_groups, costs, rng):
    """Give every case as a group of one call, its candidates in random order; -1 is no candidate."""
    cases, lefts, rights = costs.shape
    case, left, right = np.nonzero(costs >= 0)
    order = np.lexsort((rng.random(len(case)), case))
    case, left, right = case[order], left[order], right[order]
    partner, outcome = assign_groups(
        np.searchsorted(case, np.arange(cases + 1)).astype(np.int32),
        (case * lefts + left).astype(np.int32),
        (case * rights + right).astype(np.int32),
        costs[case, left, right].astype(np.int64),
        cases * lefts,
        cases * rights,
        10**6,
    )
    partner = partner.reshape(cases, lefts).astype(np.int64)
    first = np.arange(cases)[:, None] * rights
    assert not (outcome > 1).any()
    return np.where(partner < 0, -1, partner - first), outcome.reshape(cases, lefts) == 1


def compare(assign_groups, oracle, costs, seed=0):
    partner, ambiguous = assigned(assign_groups, costs, np.random.default_rng(seed))
    right_partner, right_ambiguous = oracle(costs)
    wrong = ((partner != right_partner) | (ambiguous != right_ambiguous)).any(axis=1)
    assert not wrong.any(), costs[wrong][0].tolist()


def random_costs(rng, cases, most):
    lefts, rights = rng.integers(1, most + 1, 2)
    dearest = rng.choice([1, 2, 4, 50])
    costs = rng.integers(0, dearest, (cases, lefts, rights))
    return np.where(rng.random((cases, 1, 1)) * 1.2 > rng.random(costs.shape), costs, -1)


def every_table(lefts, rights, costs):
    tables = np.array(list(product(costs, repeat=lefts * rights)), dtype=np.int64)
    return tables.reshape(-1, lefts, rights)


def test_the_two_oracles_agree() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        costs = random_costs(rng, 50, 4)
        for one, other in zip(by_table(costs), by_sets(costs), strict=True):
            assert (one == other).all()


@pytest.mark.parametrize(
    ("lefts", "rights", "costs"),
    [
        (1, 1, [-1, 0]),
        (1, 4, [-1, 0, 1, 2, 3]),
        (4, 1, [-1, 0, 1, 2, 3]),
        (2, 2, [-1, 0, 1, 2, 3, 4, 5, 6]),
        (2, 3, [-1, 0, 1, 2, 3]),
        (3, 2, [-1, 0, 1, 2, 3]),
        (2, 4, [-1, 0, 1, 2]),
        (4, 2, [-1, 0, 1, 2]),
        (3, 3, [-1, 0, 1, 2]),
        (4, 4, [-1, 0]),
        (4, 4, [0, 1]),
    ],
)
def test_every_small_table(lefts, rights, costs) -> None:
    compare(_assign_best.assign_groups, by_table, every_table(lefts, rights, costs))


@pytest.mark.skipif(not nightly(), reason="43 million tables: set SETTLEMENT_CASES")
def test_every_table_of_four_by_four() -> None:
    cells = np.arange(3**8)[:, None] // 3 ** np.arange(8) % 3 - 1
    for upper in cells:
        tables = np.concatenate([np.broadcast_to(upper, cells.shape), cells], axis=1)
        compare(_assign_best.assign_groups, by_table, tables.reshape(-1, 4, 4))


def test_random_tables_up_to_four_by_four() -> None:
    for number, size in batches(ordinary=100_000, batch=1_000):
        costs = random_costs(np.random.default_rng([11, number]), size, 4)
        compare(_assign_best.assign_groups, by_table, costs, seed=number)


def test_random_tables_up_to_eight_by_eight() -> None:
    for number, size in batches(ordinary=1_000, batch=50):
        costs = random_costs(np.random.default_rng([12, number]), size, 8)
        compare(_assign_best.assign_groups, by_sets, costs, seed=number)


def test_the_twin_beside_brute_force() -> None:
    for number in range(20):
        costs = random_costs(np.random.default_rng([13, number]), 50, 4)
        compare(assign_twin.assign_groups, by_table, costs, seed=number)
