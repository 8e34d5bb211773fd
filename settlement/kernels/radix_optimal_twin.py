"""Pure-Python twin of ``ext/radix_optimal.pyx``: the same pairs from a list of all candidates, and slow."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.assign_twin import assign_groups
from settlement.kernels.radix_twin import Amounts, Arena, Checks, Hashes, Rows, groups, refuse, rows_taken

Outcomes = NDArray[np.uint8]

ANY: Final = 2**63 - 1
"""The ``minor`` of a way that has no limit."""

_FEW: Final = 64
_PARTS: Final = 10_000
_SAFE: Final = 2**62
_WIDE: Final = 2**32


class Way(NamedTuple):
    """How far an amount may exceed the other one; by nothing unless told. See ``pair_optimal``."""

    minor: int = 0
    bps: int = 0
    smaller: bool = False
    step: int = 0
    most_steps: int = 0


class _Row(NamedTuple):
    amount: int
    day: int
    row: int


class _Rule(NamedTuple):
    ways: tuple[Way, Way]
    days: tuple[int, int]
    weights: tuple[int, int]
    most_edges: int
    most_pairs: int


def pair_optimal(  # noqa: PLR0917 (the kernel's own order)
    left_hash: Hashes,
    left_check: Checks,
    left_amounts: Amounts,
    left_days: Rows,
    right_hash: Hashes,
    right_check: Checks,
    right_amounts: Amounts,
    right_days: Rows,
    left_way: Way,
    right_way: Way,
    days: tuple[int, int] | None,
    weights: tuple[int, int],
    most_edges: int,
    most_pairs: int,
    threads: int = 1,
    bits: int = -1,
    arena: Arena = None,  # noqa: ARG001 (the twin takes what it needs)
    left_rows: Rows | None = None,
    right_rows: Rows | None = None,
) -> tuple[Rows, Outcomes, Outcomes]:
    """Pair rows of equal group whose amounts and days are near: most pairs, then least cost, then by row order.

    Parameters
    ----------
    left_hash, right_hash : uint64[n], uint64[m]
        Digests of the groups; 0 is a row without a group. Only rows of one group meet.
    left_check, right_check : uint32[n], uint32[m]
        The other 32 bits of the digests.
    left_amounts, right_amounts : int64[n], int64[m]
        Amounts in minor units of one currency within a group, below 2**62 in magnitude.
    left_days, right_days : int32[n], int32[m]
        Day numbers. Where rows are given, amounts and days are whole columns, of which those rows are taken.
    left_way, right_way : (minor, bps, smaller, step, most_steps)
        How far the left amount may exceed the right one, and the right one the left. Of two amounts that are not
        positive the one further from 0 exceeds, otherwise the greater one. The excess may be up to the larger one
        (``smaller``: the smaller one) of ``minor`` and ``bps`` basis points of the exceeded amount's magnitude,
        rounded down; or, where ``step`` is not 0, up to ``most_steps`` whole steps. ``minor`` 2**63 - 1 is no limit.
    days : (first, last) or None
        Bounds of right day minus left day, each within 2**32; None is no condition.
    weights : (amount, day)
        Cost of a minor unit and of a day between two rows, each below 2**31.
    most_edges : int
        Candidates that a connected component may have to be solved.
    most_pairs : int
        Pairs in reach that a block may have to be looked at, at least 64. In a group whose rows make more than 64
        pairs, a left row has in reach the right rows from the first to the last, in order of amount and day, that
        the greater tolerance of both ways and the days could let it meet (in order of day where no amount is too
        far); runs that overlap are a block.
    threads, bits, arena
        As for ``pair_equal``.
    left_rows, right_rows : int32[n], int32[m], optional
        Where the amounts and days of the hashes stand.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1; no right row occurs twice. Of all choices with the most pairs and the
        least sum of costs, the one whose first left row has the first right row, then the second left row, and so
        on; being matched comes before being left out.
    outcome : uint8[n], right_outcome : uint8[m]
        0 where every optimum pairs the row alike; 1 (ambiguous) where another one, of as many pairs and the same
        sum, pairs it with another row or leaves it out; 2 (gave up) where its component or block is over the bound
        and nothing in it is paired.

    Notes
    -----
    Raises OverflowError unless, in each component of more than one candidate, the dearest one times their number is
    below 2**61, and ValueError for wrong shapes, rows, rules or bounds. Beside 21 bytes a left and 17 a right row,
    and 12 more where rows are given: 14 a right row and 4 a left row of the largest partition, 37 a left row and 41 a
    right row of the largest group of more than 64 pairs, and up to 135 a candidate of the largest component solved;
    the last two for each thread.
    """
    rule = _checked(left_way, right_way, days, weights, most_edges, most_pairs)
    refuse(threads, bits)
    lefts, rights = groups(left_hash, left_check), groups(right_hash, right_check)
    left_amounts, left_days = rows_taken(left_amounts, left_days, left_rows, len(left_hash))
    right_amounts, right_days = rows_taken(right_amounts, right_days, right_rows, len(right_hash))
    partner = np.full(len(left_hash), -1, dtype=np.int32)
    outcome, right_outcome = np.zeros(len(left_hash), np.uint8), np.zeros(len(right_hash), np.uint8)
    for key, rows in lefts.items():
        ours = [_Row(int(left_amounts[row]), int(left_days[row]), row) for row in rows]
        theirs = [_Row(int(right_amounts[row]), int(right_days[row]), row) for row in rights.get(key, [])]
        given_up = _given_up(rule, ours, theirs) if len(ours) * len(theirs) > _FEW else set[tuple[int, int]]()
        for left, right in given_up:
            outcome[left] = right_outcome[right] = 2
        pairs = [(left, right) for left, right in product(ours, theirs) if (left.row, right.row) not in given_up]
        for component in _components([pair for pair in pairs if _fits(rule, *pair)]):
            _solve(rule, component, partner, outcome, right_outcome)
    return partner, outcome, right_outcome


def _checked(  # noqa: PLR0917
    left_way: Way,
    right_way: Way,
    days: tuple[int, int] | None,
    weights: tuple[int, int],
    most_edges: int,
    most_pairs: int,
) -> _Rule:
    first, last = (-_WIDE, _WIDE) if days is None else days
    if not -_WIDE <= first <= last <= _WIDE:
        raise ValueError("days must be a first and a last number of days, ascending, within 2**32.")
    if not all(0 <= weight < 2**31 for weight in weights):
        raise ValueError("weights must lie in 0 .. 2**31 - 1.")
    if not 1 <= most_edges < 2**31 - 8 or not _FEW <= most_pairs < _SAFE:
        raise ValueError("most_edges must be positive and below 2**31 - 8, and most_pairs at least 64.")
    for way in (left_way, right_way):
        minor, bps, _, step, most_steps = way
        if not (0 <= minor < _SAFE or minor == ANY) or not 0 <= bps <= _PARTS:
            raise ValueError("minor must lie in 0 .. 2**62 - 1 or be ANY, and bps in 0 .. 10000.")
        told_once = (step == 0) == (most_steps == 0) and not (step and (minor or bps))
        if not told_once or step < 0 or not 0 <= step * most_steps < _SAFE:
            raise ValueError("step and most_steps must be positive, their product below 2**62, and stand alone.")
    return _Rule((Way(*left_way), Way(*right_way)), (first, last), weights, most_edges, most_pairs)


def _allowed(way: Way, exceeded: int) -> int:
    share = abs(exceeded) * way.bps // _PARTS
    return way.step * way.most_steps or (min if way.smaller else max)(way.minor, share)


def _fits(rule: _Rule, left: _Row, right: _Row) -> bool:
    over = right.amount - left.amount if left.amount <= 0 and right.amount <= 0 else left.amount - right.amount
    way, exceeded = (rule.ways[0], right.amount) if over >= 0 else (rule.ways[1], left.amount)
    near = abs(over) <= _allowed(way, exceeded) and (not way.step or over % way.step == 0)
    return near and rule.days[0] <= right.day - left.day <= rule.days[1]


def _given_up(rule: _Rule, ours: list[_Row], theirs: list[_Row]) -> set[tuple[int, int]]:
    """The pairs in reach of all blocks that have too many of them."""
    unlimited = all(way.minor == ANY and not way.smaller for way in rule.ways)
    pairs = []
    for left in ours:
        far = min(_SAFE, max(_allowed(way, left.amount) for way in rule.ways))
        low, high = ((0 if unlimited else left.amount) + sign * (0 if unlimited else far) for sign in (-1, 1))
        for right in theirs:
            place = (0 if unlimited else right.amount, right.day)
            if (low, left.day + rule.days[0]) <= place <= (high, left.day + rule.days[1]):
                pairs.append((left, right))
    blocks = _components(pairs)
    return {(left.row, right.row) for block in blocks if len(block) > rule.most_pairs for left, right in block}


def _components(pairs: list[tuple[_Row, _Row]]) -> list[list[tuple[_Row, _Row]]]:
    """Pairs that hang together by their rows."""
    root: dict[tuple[str, int], tuple[str, int]] = {}

    def top(node: tuple[str, int]) -> tuple[str, int]:
        while root.setdefault(node, node) != node:
            node = root[node]
        return node

    for left, right in pairs:
        root[top(("right", right.row))] = top(("left", left.row))
    parts = defaultdict(list)
    for left, right in pairs:
        parts[top(("left", left.row))].append((left, right))
    return list(parts.values())


def _solve(
    rule: _Rule, pairs: list[tuple[_Row, _Row]], partner: Rows, outcome: Outcomes, right_outcome: Outcomes
) -> None:
    lefts, rights = (np.array(sorted({pair[side].row for pair in pairs}), np.int32) for side in (0, 1))
    if len(pairs) > rule.most_edges:
        outcome[lefts] = right_outcome[rights] = 2
        return
    costs = [
        rule.weights[0] * abs(left.amount - right.amount) + rule.weights[1] * abs(left.day - right.day)
        for left, right in pairs
    ]
    if len(pairs) == 1:
        partner[lefts[0]] = rights[0]
        return
    if max(costs) * len(pairs) >= 2**61:
        raise OverflowError("The costs are too great for exact sums in 64 bits.")
    start = np.array([0, len(pairs)], np.int32)
    ours = np.searchsorted(lefts, [left.row for left, _ in pairs]).astype(np.int32)
    theirs = np.searchsorted(rights, [right.row for _, right in pairs]).astype(np.int32)
    cost = np.array(costs, np.int64)
    met, told = assign_groups(start, ours, theirs, cost, len(lefts), len(rights), rule.most_edges)
    partner[lefts[met >= 0]] = rights[met[met >= 0]]
    outcome[lefts] = told
    # The same optima, seen from the other side.
    _, told = assign_groups(start, theirs, ours, cost, len(rights), len(lefts), rule.most_edges)
    right_outcome[rights] = told
