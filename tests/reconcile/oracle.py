"""The matcher's answers by plain exhaustion, with code of its own: for sides of a few rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, permutations

Pairs = frozenset[tuple[int, int]]


def all_matchings(left: int, right: int, fits: Callable[[int, int], bool]) -> Iterator[Pairs]:
    """Every set of pairs that uses each row at most once and only pairs that fit."""
    for size in range(min(left, right) + 1):
        for ours in combinations(range(left), size):
            for theirs in permutations(range(right), size):
                pairs = frozenset(zip(ours, theirs, strict=True))
                if all(fits(*pair) for pair in pairs):
                    yield pairs


def optima(left: int, right: int, fits: Callable[[int, int], bool], cost: Callable[[int, int], int]) -> list[Pairs]:
    """All sets of pairs of the most matches and, among these, the least total cost."""
    found = list(all_matchings(left, right, fits))
    most = max(len(pairs) for pairs in found)
    found = [pairs for pairs in found if len(pairs) == most]
    least = min(sum(cost(*pair) for pair in pairs) for pairs in found)
    return [pairs for pairs in found if sum(cost(*pair) for pair in pairs) == least]


def sums_to(target: int, amounts: Sequence[int], most: int, tolerance: int = 0) -> list[tuple[int, ...]]:
    """All sets of two to ``most`` rows whose sum is within tolerance of the target."""
    return [
        rows
        for size in range(2, most + 1)
        for rows in combinations(range(len(amounts)), size)
        if abs(sum(amounts[at] for at in rows) - target) <= tolerance
    ]
