"""Pure-Python twin of ``ext/subset_sums.pyx``: the same search with the same steps, in lists and tuples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from typing import Final

import numpy as np
from numpy.typing import NDArray

Starts = NDArray[np.int32]
Amounts = NDArray[np.int64]
Flags = NDArray[np.uint8]

_NONE: Final = 0
_FOUND: Final = 1
_AMBIGUOUS: Final = 2
_GAVE_UP: Final = 3
_HALF: Final = 50
_MOST: Final = 16383
_EARLY: Final = 1024
_LIMIT: Final = 2**62

Way = tuple[int, ...]
"""Rows of a group, in the order in which they were let in."""
Sum = tuple[int, int, Way]
"""Total, number of rows as far as it must be told apart, and one way to it."""


class _GaveUpError(Exception):
    """The bound of steps is reached."""


def find_subsets(  # noqa: PLR0917 (the kernel's own order)
    group_start: Starts,
    amounts: Amounts,
    targets: Amounts,
    tolerances: Amounts,
    most_members: int,
    most_steps: int,
    threads: int = 1,
) -> tuple[Flags, NDArray[np.int32], NDArray[np.int32], Flags]:
    """Find for each target the one subset of its group, of two rows or more, whose sum is within tolerance.

    Parameters
    ----------
    group_start : int32[g + 1]
        The candidates of target i stand from ``group_start[i]`` up to ``group_start[i + 1]``, in declared order.
    amounts : int64[n]
        Signed amounts of the candidates in minor units of their target's currency.
    targets, tolerances : int64[g]
        The sum sought, and by how much a sum may differ from it.
    most_members : int
        Greatest number of rows in a subset, 2 to 16383.
    most_steps : int
        Greatest number of sums formed and of pairs of sums compared for one target.
    threads : int
        Threads to use; each target is searched by one.

    Returns
    -------
    status : uint8[g]
        0 (proved none) where no subset fits; 1 (found) where exactly one set of rows fits; 2 (ambiguous) where
        several do; 3 (gave up) where the bound was reached first, or candidates are too many.
    members : int32[g, k]
        Positions in ``amounts`` of the subset, ascending, then -1; of several subsets one. k is the lesser of
        ``most_members`` and the largest group.
    second : int32[g, k]
        Where ambiguous, another subset that fits.
    equal_amounts_only : uint8[g]
        1 where ambiguous, but all subsets that fit hold the same amounts: they differ only in which of several rows
        of equal amount they take. ``members`` is then the first one in declared order.

    Notes
    -----
    The search is complete: whatever is told, gave up aside, is proved. Meeting halves of n distinct amounts take
    about ``4 * 2**(n / 2)`` steps, fewer where sums coincide or cannot reach the target, or where two subsets turn up
    early; 16 bytes a step. At most 100 distinct amounts are searched, fewer where rows repeat them; a group whose
    amounts have a common divisor that no sum in reach has is proved at any size. Raises ValueError for wrong shapes
    or bounds and OverflowError where the magnitudes of a group, its target and tolerance together reach 2**62.
    """
    _check(group_start, amounts, targets, tolerances)
    if not 2 <= most_members <= _MOST or most_steps < 1:  # noqa: PLR2004
        raise ValueError(f"most_members must lie in 2 .. {_MOST} and most_steps be at least 1.")
    if threads < 1:
        raise ValueError("threads must be at least 1.")
    groups = len(targets)
    width = min(most_members, int(np.diff(group_start).max())) if groups else 0
    members, second = (np.full((groups, width), -1, dtype=np.int32) for _ in range(2))
    status, equal = np.zeros(groups, dtype=np.uint8), np.zeros(groups, dtype=np.uint8)
    for group in range(groups):
        first, last = int(group_start[group]), int(group_start[group + 1])
        rows: list[int] = amounts[first:last].tolist()
        target, tolerance = int(targets[group]), int(tolerances[group])
        search = _Search(
            amounts=rows,
            most=min(most_members, len(rows)),
            low=target - tolerance,
            high=target + tolerance,
            steps=most_steps,
        )
        status[group], ways = _search(search)
        if status[group] == _FOUND and (other := _swapped(rows, ways[0])) is not None:
            status[group], equal[group] = _AMBIGUOUS, 1
            ways.append(other)
        for table, way in zip((members, second), ways, strict=False):
            table[group, : len(way)] = [first + row for row in sorted(way)]
    return status, members, second, equal


def whole_groups(group_start: Starts, amounts: Amounts, targets: Amounts, tolerances: Amounts) -> Flags:
    """Tell for each target whether all rows of its group together sum to it, within tolerance.

    Parameters
    ----------
    group_start : int32[g + 1]
        The candidates of target i stand from ``group_start[i]`` up to ``group_start[i + 1]``.
    amounts : int64[n]
        Signed amounts of the candidates in minor units of their target's currency.
    targets, tolerances : int64[g]
        The sum sought, and by how much the sum may differ from it.

    Returns
    -------
    fits : uint8[g]
        1 where the group has rows and their sum is within tolerance.

    Notes
    -----
    One pass over the amounts. Raises as ``find_subsets``.
    """
    _check(group_start, amounts, targets, tolerances)
    fits = np.zeros(len(targets), dtype=np.uint8)
    for group, (first, last) in enumerate(zip(group_start[:-1].tolist(), group_start[1:].tolist(), strict=True)):
        residual = sum(amounts[first:last].tolist()) - int(targets[group])
        fits[group] = last > first and abs(residual) <= int(tolerances[group])
    return fits


def _check(group_start: Starts, amounts: Amounts, targets: Amounts, tolerances: Amounts) -> None:
    if not len(group_start) == len(targets) + 1 == len(tolerances) + 1:
        raise ValueError("group_start must be one longer than targets and tolerances.")
    if (group_start[0], group_start[-1]) != (0, len(amounts)) or (np.diff(group_start) < 0).any():
        raise ValueError("group_start must rise from 0 to the number of amounts.")
    if len(targets) and tolerances.min() < 0:
        raise ValueError("tolerances must not be negative.")
    for group in range(len(targets)):
        rows = amounts[group_start[group] : group_start[group + 1]].tolist()
        if sum(map(abs, rows)) + abs(int(targets[group])) + int(tolerances[group]) >= _LIMIT:
            raise OverflowError(f"The amounts of group {group} are too great for exact sums in 64 bits.")


@dataclass(kw_only=True, slots=True)
class _Search:
    amounts: list[int]
    most: int
    low: int
    high: int
    steps: int

    def number(self, rows: int) -> int:
        """Number of rows as far as it must be told apart: where any number will do, 0, 1 and more."""
        return rows if self.most < len(self.amounts) else min(rows, 2)

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise _GaveUpError


def _search(s: _Search) -> tuple[int, list[Way]]:
    divisor = gcd(*s.amounts)
    if divisor and s.high // divisor * divisor < s.low:
        return _NONE, []
    try:
        ways = _grow(s)
    except _GaveUpError:
        return _GAVE_UP, []
    return len(ways), ways


def _grow(s: _Search) -> list[Way]:
    """Let every row into one of two lists of sums, the shorter one first; at most two ways that fit."""
    order = sorted(range(len(s.amounts)), key=lambda row: (-abs(s.amounts[row]), -s.amounts[row], row))
    runs = {
        amount: [row for row in order if s.amounts[row] == amount][: s.most]
        for amount in dict.fromkeys(s.amounts[row] for row in order)
    }
    high = [sum(len(rows) * max(amount, 0) for amount, rows in runs.items())] * 2
    low = [sum(len(rows) * min(amount, 0) for amount, rows in runs.items())] * 2
    lists: list[list[Sum]] = [[(0, 0, ())], [(0, 0, ())]]
    taken, early, left = [0, 0], _EARLY, len(runs)
    for amount, rows in runs.items():
        half = 0 if len(lists[0]) <= len(lists[1]) else 1
        bits = len(rows).bit_length()
        if taken[half] + bits > _HALF:
            half = 1 - half
        if taken[half] + bits > _HALF:
            ways = _sweep(s, *lists)
            if len(ways) > 1:
                return ways
            raise _GaveUpError
        taken[half] += bits
        high[half] -= max(amount * len(rows), 0)
        low[half] -= min(amount * len(rows), 0)
        lists[half] = _dealt(s, lists[half], amount, rows, (s.low - high[half], s.high - low[half]))
        left -= 1
        both = len(lists[0]) + len(lists[1])
        if left and both >= early:
            early = 8 * both
            ways = _sweep(s, *lists)
            if len(ways) > 1:
                return ways
    return _sweep(s, *lists)


def _dealt(s: _Search, base: list[Sum], amount: int, rows: list[int], bounds: tuple[int, int]) -> list[Sum]:
    """Let rows of one amount into a list; keep sums within the bounds, and two ways to one sum and number."""
    kept = base
    for copies in range(1, len(rows) + 1):
        s.spend(len(kept) + len(base))
        more = [
            (total + copies * amount, s.number(number + copies), way + tuple(rows[:copies]))
            for total, number, way in base
            if s.number(number + copies) <= s.most
        ]
        ways: Counter[tuple[int, int]] = Counter()
        merged = []
        for one in sorted(kept + more, key=lambda one: one[:2]):
            ways[one[:2]] += 1
            if bounds[0] <= one[0] <= bounds[1] and ways[one[:2]] <= 2:  # noqa: PLR2004
                merged.append(one)
        kept = merged
    return kept


def _sweep(s: _Search, one: list[Sum], other: list[Sum]) -> list[Way]:
    """Join both lists: the first ways that fit, at most two."""
    found: list[Way] = []
    top = len(other)
    for total, number, way in one:
        while top > 0 and other[top - 1][0] > s.high - total:
            top -= 1
        at = top
        while at > 0 and other[at - 1][0] >= s.low - total:
            at -= 1
            s.spend(1)
            if 2 <= number + other[at][1] <= s.most:  # noqa: PLR2004
                found.append(way + other[at][2])
                if len(found) > 1:
                    return found
    return found


def _swapped(amounts: list[int], way: Way) -> Way | None:
    """Put another row of equal amount in the place of a chosen one, at the greatest magnitude; None where none is."""
    order = sorted(range(len(amounts)), key=lambda row: (-abs(amounts[row]), -amounts[row], row))
    for row, other in pairwise(order):
        if row in way and other not in way and amounts[row] == amounts[other]:
            return (*(member for member in way if member != row), other)
    return None
