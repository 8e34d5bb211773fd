"""The search for sums beside brute force: complete, and sure where it says so."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from random_cases import batches
from subset_oracle import all_subsets, ways_to

from settlement.kernels import _subset_sums, sums_twin
from settlement.kernels.sums import Searched


def told(find_subsets, amounts, low, high, most):
    cases, n = amounts.shape
    start = (np.arange(cases + 1) * n).astype(np.int32)
    tolerances = (high - low) // 2
    status, *subsets, equal = find_subsets(start, amounts.ravel(), low + tolerances, tolerances, most, 10**6)
    masks = []
    for rows in subsets:
        place = rows - start[:-1, None]
        masks.append(np.where(rows >= 0, 1 << np.clip(place, 0, n), 0).sum(axis=1))
        assert ((rows < 0) | ((place >= 0) & (place < n))).all()
    return status, *masks, equal


def compare(find_subsets, amounts, low, high, most):
    status, members, second, equal = told(find_subsets, amounts, low, high, most)
    true = all_subsets(amounts, low, high, most)
    several = true.count > 1
    right = np.select([true.count == 0, several], [Searched.PROVED_NONE, Searched.AMBIGUOUS], Searched.FOUND)
    every = np.arange(len(amounts))
    wrong = (status != right) | (equal != (several & true.alike))
    wrong |= (true.count > 0) & ~true.fits[every, members]
    wrong |= (true.count == 0) & ((members | second) != 0)
    wrong |= (several & true.alike | (true.count == 1)) & (members != true.first)
    wrong |= several & (~true.fits[every, second] | (second == members))
    wrong |= (true.count == 1) & (second != 0)
    assert not wrong.any(), (amounts[wrong][0].tolist(), low[wrong][0], high[wrong][0], most)
    return right


def random_case(rng, cases, n, greatest):
    """Signed amounts, near one another or far apart, and a target that some subset often hits."""
    amounts = rng.integers(1, greatest + 1, (cases, n)) * rng.choice([1, 1, 1, -1], (cases, n))
    amounts = np.where(rng.random((cases, n)) < 0.03, 0, amounts)
    # Some rows repeat the row before them.
    again = rng.random((cases, n)) < rng.choice([0, 0.4])
    for row in range(1, n):
        amounts[:, row] = np.where(again[:, row], amounts[:, row - 1], amounts[:, row])
    target = (amounts * (rng.random((cases, n)) < 0.4)).sum(axis=1)
    target = np.where(rng.random(cases) < 0.3, rng.integers(-2 * greatest, 3 * greatest, cases), target)
    tolerance = rng.choice([0, 0, 0, 1, 2], cases)
    return amounts, target - tolerance, target + tolerance


def some_cases(find_subsets, seed, cases, sizes):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(*sizes))
    greatest = int(rng.choice([3, 9, 60, 1000, 10**6]))
    most = int(rng.integers(2, n + 3))
    return compare(find_subsets, *random_case(rng, cases, n, greatest), most)


def test_every_small_group() -> None:
    """All groups of four amounts of -2 .. 4, all targets they can reach, all bounds on the number of rows."""
    groups = np.array(list(product(range(-2, 5), repeat=4)), dtype=np.int64)
    for target, tolerance, most in product(range(-9, 18), (0, 1), (2, 3, 4)):
        low = np.full(len(groups), target - tolerance, dtype=np.int64)
        compare(_subset_sums.find_subsets, groups, low, low + 2 * tolerance, most)


def test_random_groups_of_up_to_eight() -> None:
    seen = set()
    for number, size in batches(ordinary=100_000, batch=1000):
        seen |= set(some_cases(_subset_sums.find_subsets, [21, number], size, (1, 9)))
    assert seen == {Searched.PROVED_NONE, Searched.FOUND, Searched.AMBIGUOUS}


def test_random_groups_of_nine_to_twelve() -> None:
    for number, size in batches(ordinary=600, batch=100):
        some_cases(_subset_sums.find_subsets, [22, number], size, (9, 13))


@pytest.mark.parametrize("number", range(12))
def test_the_twin_beside_brute_force(number) -> None:
    some_cases(sums_twin.find_subsets, [23, number], 100, (1, 9))


@pytest.mark.parametrize(
    ("rows", "greatest", "most"),
    [
        (20, 10_000, 20),
        (24, 30_000, 24),
        (28, 9_000, 28),
        (28, 5_000, 5),
        (60, 40, 60),
        (60, 300, 4),
        (100, 9, 100),
        (400, 3, 300),
    ],
)
@pytest.mark.parametrize("number", range(6))
def test_larger_groups_beside_counted_ways(rows, greatest, most, number) -> None:
    """Targets at the middle, where many subsets fit, and near the ends, where few or none do."""
    rng = np.random.default_rng([24, rows, most, number])
    amounts = rng.integers(greatest // 2, greatest + 1, rows) * rng.choice([1, 1, 1, -1], rows)
    amounts = amounts // rng.choice([1, 7]) * rng.choice([1, 10])
    # A few rows, all but a few of those that add, or chance.
    few = rng.permutation(rows)[: min(most, int(rng.integers(2, 5)))]
    ends = [amounts[few].sum(), np.maximum(amounts, 0).sum() - np.abs(amounts[few]).sum(), amounts.sum() // 2]
    target = int(ends[number % 3]) + int(number > 3)
    start = np.array([0, rows], dtype=np.int32)
    status, members, second, _ = _subset_sums.find_subsets(
        start, amounts, np.array([target]), np.zeros(1, dtype=np.int64), most, 2**23
    )
    ways = ways_to(amounts.tolist(), target, target, most)
    assert status[0] == [Searched.PROVED_NONE, Searched.FOUND, Searched.AMBIGUOUS][ways]
    for line in (members[0], second[0])[:ways]:
        subset = line[line >= 0]
        assert 2 <= len(subset) <= most
        assert amounts[subset].sum() == target
