"""Passes that take pairs: true multisets where amounts and days are equal, otherwise the optimal assignment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from settlement.kernels import radix
from settlement.kernels.assign import MOST_EDGES, Assigned, assign_groups
from settlement.match.keys import number
from settlement.reconcile.candidates import Candidates, candidates, window_bounds
from settlement.reconcile.found import Found
from settlement.reconcile.language import AnyAmount, Bound, Converted, Equal, Pass, Within
from settlement.reconcile.sides import Rows
from settlement.reconcile.views import Positions, View

_MOST_CANDIDATES: Final = MOST_EDGES
"""Candidate pairs that hang together and are still solved; above it they are given up, and said to be."""


def pairs(rule: Pass, view: View, left: Rows, right: Rows) -> Iterator[Found]:
    """The pairs of a view, in steps whose rows never meet."""
    if rule.amount.rule == "equal" and rule.window in {None, 0} and not rule.text:
        yield _equal(rule, view)
    elif rule.assignment == "optimal" and rule.ambiguity != "hold_unless_only" and not rule.text:
        yield _optimal(rule, view, left, right)
    else:
        for some in candidates(rule, view, left, right):
            if rule.ambiguity == "hold_unless_only":
                yield _only(some)
            else:
                yield _assigned(rule, view, some) if rule.assignment == "optimal" else _best_first(some)


def _equal(rule: Pass, view: View) -> Found:
    """Rows that are equal in all that the pass compares: the i-th of the left meets the i-th of the right."""
    ours, theirs = view.digests(amount=True, day=rule.window == 0)
    partner, *flags = radix.pair_equal_told(*ours, *theirs, threads=radix.cores())
    many, many_right = (told.view(np.bool_) for told in flags)
    met = np.flatnonzero(partner >= 0).astype(np.int32)
    if rule.ambiguity == "take":
        return _paired(met, partner[met], unsure=many[met])
    met = met[~many[met]]
    left, right = (np.flatnonzero(told).astype(np.int32) for told in (many, many_right))
    clusters = number(*(pl.DataFrame([side[0][rows], side[1][rows]]) for side, rows in ((ours, left), (theirs, right))))
    return _paired(
        met,
        partner[met],
        unsure=np.zeros(len(met), dtype=np.bool_),
        held=(left, clusters[0], right, clusters[1]),
    )


def _optimal(rule: Pass, view: View, left: Rows, right: Rows) -> Found:
    """Most matches, then least cost, then the tie key; what is held follows the declared ambiguity."""
    ours, theirs = view.digests(amount=rule.amount.rule == "equal", day=rule.window == 0)
    ways = _ways(rule)
    partner, outcome, right_outcome = radix.pair_optimal(
        *ours,
        view.left_amount,
        view.left_day,
        *theirs,
        view.right_amount,
        view.right_day,
        left_way=ways[0],
        right_way=ways[1],
        days=window_bounds(rule),
        weights=(rule.weights.amount, rule.weights.date),
        most_edges=_MOST_CANDIDATES,
        threads=radix.cores(),
    )
    given_up = np.flatnonzero(outcome == Assigned.GAVE_UP).astype(np.int32)
    unsure, right_unsure = outcome == Assigned.AMBIGUOUS, right_outcome == Assigned.AMBIGUOUS
    met = np.flatnonzero(partner >= 0).astype(np.int32)
    if rule.ambiguity == "take" or not unsure.any():
        return _paired(met, partner[met], unsure=unsure[met], given_up=given_up)
    met = met[~unsure[met]]
    places = np.flatnonzero(unsure).astype(np.int32), np.flatnonzero(right_unsure).astype(np.int32)
    between = list(candidates(rule, view.of(*places), left, right))
    held = _clusters(
        places[0][np.concatenate([some.left for some in between])],
        places[1][np.concatenate([some.right for some in between])],
    )
    return _paired(met, partner[met], unsure=np.zeros(len(met), dtype=np.bool_), held=held, given_up=given_up)


def _ways(rule: Pass) -> tuple[radix.Way, radix.Way]:
    """How far either amount may exceed the other one, as the kernel takes it."""
    match rule.amount:
        case Within():
            left, right = (_way(bound) for bound in rule.amount.ways())
            return left, right
        case Converted():
            both = radix.Way(rule.amount.minor, 0, False, 0, 0)
        case AnyAmount():
            both = radix.Way(radix.ANY, 0, False, 0, 0)
        case Equal():
            both = _way(None)
    return both, both


def _way(bound: Bound | None) -> radix.Way:
    if bound is None:
        return radix.Way(0, 0, False, 0, 0)
    if bound.step_minor is not None and bound.most_steps is not None:
        return radix.Way(0, 0, False, bound.step_minor, bound.most_steps)
    return radix.Way(bound.minor or 0, bound.bps or 0, bound.bound == "smaller", 0, 0)


def _assigned(rule: Pass, view: View, some: Candidates) -> Found:
    """As ``_optimal``, of candidates that a likeness of texts has chosen."""
    starts = np.flatnonzero(np.diff(some.group, prepend=-1, append=-1)).astype(np.int32)
    starts = starts if len(some.group) else np.zeros(1, dtype=np.int32)
    sizes = {"n_left": len(view.left), "n_right": len(view.right)}
    partner, outcome = assign_groups(starts, some.left, some.right, some.cost, **sizes)
    given_up = np.concatenate([some.given_up, np.flatnonzero(outcome == Assigned.GAVE_UP).astype(np.int32)])
    unsure = outcome == Assigned.AMBIGUOUS
    met = np.flatnonzero(partner >= 0).astype(np.int32)
    if rule.ambiguity == "take" or not unsure.any():
        return _paired(met, partner[met], unsure=unsure[met], given_up=given_up)
    met = met[~unsure[met]]
    # The right rows that some optimum pairs otherwise: the same optima, seen from the other side.
    open_groups = np.isin(some.group, np.unique(some.group[unsure[some.left]]))
    group, cost = some.group[open_groups], some.cost[open_groups]
    ours, theirs = some.left[open_groups], some.right[open_groups]
    starts = np.flatnonzero(np.diff(group, prepend=-1, append=-1)).astype(np.int32)
    swapped = {"n_left": len(view.right), "n_right": len(view.left)}
    _, seen = assign_groups(starts, theirs, ours, cost, **swapped)
    right_unsure = seen == Assigned.AMBIGUOUS
    between = unsure[ours] & right_unsure[theirs]
    held = _clusters(ours[between], theirs[between])
    return _paired(met, partner[met], unsure=np.zeros(len(met), dtype=np.bool_), held=held, given_up=given_up)


def _only(some: Candidates) -> Found:
    """Takes the pairs whose rows have no other candidate, and holds all the rest."""
    _, left_at, left_counts = np.unique(some.left, return_inverse=True, return_counts=True)
    _, right_at, right_counts = np.unique(some.right, return_inverse=True, return_counts=True)
    sure = (left_counts[left_at] == 1) & (right_counts[right_at] == 1)
    held = _clusters(some.left[~sure], some.right[~sure])
    unsure = np.zeros(int(sure.sum()), dtype=np.bool_)
    return _paired(some.left[sure], some.right[sure], unsure=unsure, held=held, given_up=some.given_up)


def _best_first(some: Candidates) -> Found:
    """The cheapest pair of all, then the cheapest of those whose rows are both free, until none is left."""
    order = np.lexsort((some.right, some.left, some.cost))
    taken_left, taken_right = set[int](), set[int]()
    kept = []
    for at, ours, theirs in zip(order.tolist(), some.left[order].tolist(), some.right[order].tolist(), strict=True):
        if ours not in taken_left and theirs not in taken_right:
            taken_left.add(ours)
            taken_right.add(theirs)
            kept.append(at)
    chosen = np.sort(np.array(kept, dtype=np.int64))
    unsure = np.zeros(len(chosen), dtype=np.bool_)
    return _paired(some.left[chosen], some.right[chosen], unsure=unsure, given_up=some.given_up)


def _paired(
    left: Any,
    right: Any,
    *,
    unsure: Any,
    held: tuple[Any, Any, Any, Any] | None = None,
    given_up: Positions | None = None,
) -> Found:
    numbers = np.arange(len(left), dtype=np.int32)
    return Found.of(
        left=left,
        left_match=numbers,
        right=right,
        right_match=numbers,
        unsure=unsure,
        held=held,
        given_up=given_up,
    )


def _clusters(left: Any, right: Any) -> tuple[Any, Any, Any, Any]:
    """Rows of both sides that hang together by pairs, each side with the number of its cluster."""
    ours, theirs = left.tolist(), right.tolist()
    neighbours: dict[int, list[int]] = defaultdict(list)
    for one, other in zip(ours, theirs, strict=True):
        neighbours[one].append(-1 - other)
        neighbours[-1 - other].append(one)
    number: dict[int, int] = {}
    for count, start in enumerate(sorted(set(ours))):
        if start not in number:
            _spread(start, count, neighbours, number)
    lefts, rights = sorted(set(ours)), sorted(set(theirs))
    return (
        _int32(lefts),
        _int32(number[one] for one in lefts),
        _int32(rights),
        _int32(number[-1 - other] for other in rights),
    )


def _spread(start: int, count: int, neighbours: dict[int, list[int]], number: dict[int, int]) -> None:
    waiting = [start]
    while waiting:
        one = waiting.pop()
        if one not in number:
            number[one] = count
            waiting += neighbours[one]


def _int32(values: Iterable[int]) -> Positions:
    return np.fromiter(values, dtype=np.int32)
