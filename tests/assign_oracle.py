"""Brute force for optimal assignment: every matching of a small table is looked at. Shares nothing with the kernels.

A case is a table of costs, left rows by right rows, -1 where two rows are no candidates. Both oracles take many cases
of one shape at once and return (partner, ambiguous), each (cases, left rows).
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

_MATCH = 10_000  # what a match is worth: more than any sum of costs here
_NEVER = 10_000_000

Answer = tuple[NDArray[np.int64], NDArray[np.bool_]]


def matchings(lefts: int, rights: int) -> NDArray[np.int64]:
    """Every matching as a row of partners, in lexicographic order with `left out` (written as `rights`) last."""
    rows = [row for row in product(range(rights + 1), repeat=lefts) if _one_to_one(row, rights)]
    return np.array(rows, dtype=np.int64).reshape(len(rows), lefts)


def _one_to_one(row: tuple[int, ...], rights: int) -> bool:
    met = [right for right in row if right < rights]
    return len(met) == len(set(met))


def by_table(costs: NDArray[np.int64]) -> Answer:
    """Score all matchings of each case; fit for up to 4 by 4."""
    cases, lefts, rights = costs.shape
    table = matchings(lefts, rights)
    picked = (table[:, :, None] == np.arange(rights)).reshape(len(table), lefts * rights)
    worth = np.where(costs < 0, _NEVER, costs - _MATCH).reshape(cases, lefts * rights)
    # Small whole numbers: the product is exact, and fast.
    scores = worth.astype(np.float64) @ picked.T.astype(np.float64)
    best = scores == scores.min(axis=1, keepdims=True)
    first = table[best.argmax(axis=1)]
    options = (table[:, :, None] == np.arange(rights + 1)).reshape(len(table), -1)
    used = (best.astype(np.float64) @ options.astype(np.float64) > 0).reshape(cases, lefts, rights + 1)
    return np.where(first == rights, -1, first), used.sum(axis=2) > 1


def by_sets(costs: NDArray[np.int64]) -> Answer:
    """Dynamic program over the set of right rows in use, from both ends; fit for up to 8 by 8."""
    cases, lefts, rights = costs.shape
    sets = np.arange(2**rights)
    worth = np.where(costs < 0, _NEVER, costs - _MATCH)
    before = np.full((lefts + 1, cases, 2**rights), _NEVER, dtype=np.int64)
    after = np.zeros((lefts + 1, cases, 2**rights), dtype=np.int64)
    before[0, :, 0] = 0
    for left in range(lefts):
        before[left + 1] = before[left]
        for right in range(rights):
            free = sets[sets & (1 << right) == 0]
            value = before[left][:, free] + worth[:, left, right, None]
            into = free | (1 << right)
            before[left + 1][:, into] = np.minimum(before[left + 1][:, into], value)
    for left in reversed(range(lefts)):
        after[left] = after[left + 1]
        for right in range(rights):
            free = sets[sets & (1 << right) == 0]
            value = after[left + 1][:, free | (1 << right)] + worth[:, left, right, None]
            after[left][:, free] = np.minimum(after[left][:, free], value)
    best = after[0][:, 0]
    ways = np.zeros((cases, lefts), dtype=np.int64)
    partner = np.full((cases, lefts), -1, dtype=np.int64)
    state = np.zeros(cases, dtype=np.int64)
    every = np.arange(cases)
    for left in range(lefts):
        ways[:, left] += (before[left] + after[left + 1]).min(axis=1) == best
        open_still = np.ones(cases, dtype=np.bool_)
        todo = after[left][every, state]
        for right in range(rights):
            free = sets[sets & (1 << right) == 0]
            value = before[left][:, free] + after[left + 1][:, free | (1 << right)] + worth[:, left, right, None]
            ways[:, left] += value.min(axis=1) == best
            rest = after[left + 1][every, state | (1 << right)] + worth[:, left, right]
            take = open_still & (state & (1 << right) == 0) & (rest == todo)
            partner[take, left] = right
            state = np.where(take, state | (1 << right), state)
            open_still &= ~take
    return partner, ways > 1
