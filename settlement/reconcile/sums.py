"""Passes that take sums: one row against many, many against one, many against many.

Whole groups of a key come first. Where a search is declared, single rows then look for the one set of rows that makes
them up. Nothing is taken that another set explains as well, except rows of equal amount where the pass says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.sums import Searched as Shown
from settlement.kernels.sums import find_subsets
from settlement.reconcile.candidates import in_window
from settlement.reconcile.found import Found, Outcome, Searched
from settlement.reconcile.language import Pass, Search
from settlement.reconcile.tolerance import fits, interval
from settlement.reconcile.views import Groups, View

_STATUS: Final = {
    Shown.PROVED_NONE: Searched.PROVED_NONE,
    Shown.FOUND: Searched.FOUND,
    Shown.AMBIGUOUS: Searched.AMBIGUOUS,
    Shown.GAVE_UP: Searched.GAVE_UP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What one target came to: the rows of both sides that would match or are in question, by places in the view."""

    side: str
    place: int
    status: Searched
    candidates: int
    left: frozenset[int] = frozenset()
    right: frozenset[int] = frozenset()
    unsure: bool = False


def sums(rule: Pass, view: View) -> Iterator[Found]:
    """The sums of a view, in steps whose rows never meet."""
    groups = view.groups()
    whole = _whole(rule, view, groups) if rule.keys else None
    if whole is not None:
        yield whole
    if rule.search is not None:
        free_left, free_right = np.ones(len(view.left), np.bool_), np.ones(len(view.right), np.bool_)
        if whole is not None:
            free_left[whole.left] = False
            free_right[whole.right] = False
        yield _searched(rule, rule.search, view, groups, free=(free_left, free_right))


def _whole(rule: Pass, view: View, groups: Groups) -> Found:
    """Whole groups of one key whose sums fit, all their rows within the window."""
    ours, theirs = groups.left, groups.right
    counts = [np.bincount(group, minlength=groups.count) for group in (ours, theirs)]
    totals = []
    for group, amount in ((ours, view.left_amount), (theirs, view.right_amount)):
        total = np.zeros(groups.count, dtype=np.int64)
        np.add.at(total, group, amount)
        totals.append(total)
    allowed = np.zeros(groups.count, dtype=np.bool_)
    for cardinality in rule.cardinality:
        allowed |= _shape(cardinality, counts[0], counts[1])
    allowed &= fits(rule.amount, totals[0], totals[1])
    if rule.window is not None:
        first, last = _days(view, groups)
        # The furthest two rows of the two sides stand for all: the first of one and the last of the other.
        allowed &= in_window(rule, first[0], last[1]) & in_window(rule, last[0], first[1])
    number = np.cumsum(allowed, dtype=np.int32) - 1
    left = np.flatnonzero(allowed[ours]).astype(np.int32)
    right = np.flatnonzero(allowed[theirs]).astype(np.int32)
    left = left[np.lexsort((left, number[ours[left]]))]
    right = right[np.lexsort((right, number[theirs[right]]))]
    return Found.of(
        left=left,
        left_match=number[ours[left]],
        right=right,
        right_match=number[theirs[right]],
        unsure=np.zeros(int(allowed.sum()), dtype=np.bool_),
    )


def _shape(cardinality: str, lefts: Any, rights: Any) -> Any:
    both = (lefts > 0) & (rights > 0)
    if cardinality == "1:N":
        return both & (lefts == 1)
    if cardinality == "N:1":
        return both & (rights == 1)
    return both


def _days(view: View, groups: Groups) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """First and last days of each group, of the left and the right rows."""
    first, last = [], []
    for group, day in ((groups.left, view.left_day), (groups.right, view.right_day)):
        low, high = np.full(groups.count, np.iinfo(np.int32).max), np.full(groups.count, np.iinfo(np.int32).min)
        np.minimum.at(low, group, day)
        np.maximum.at(high, group, day)
        first.append(low)
        last.append(high)
    return (first[0], first[1]), (last[0], last[1])


def _searched(rule: Pass, search: Search, view: View, groups: Groups, *, free: tuple[Any, Any]) -> Found:
    """All targets look for their sums; what is certain is taken, which makes more certain, until nothing changes."""
    taken: list[_Answer] = []
    while True:
        answers: list[_Answer] = []
        for cardinality in rule.cardinality:
            asked = list(_ask(rule, search, view, groups, cardinality, free=free))
            certain = _certain(one for one in asked if one.status is Searched.FOUND)
            if certain:
                # Whatever was told before rests on rows that may be gone now: all is asked again.
                break
            answers += asked
        else:
            return _result(taken, answers)
        taken += certain
        for one in certain:
            free[0][list(one.left)] = False
            free[1][list(one.right)] = False


def _certain(answers: Iterable[_Answer]) -> list[_Answer]:
    """The answers that share no row with a different one; one set found from several rows counts once."""
    distinct: dict[tuple[frozenset[int], frozenset[int]], _Answer] = {}
    for one in answers:
        distinct.setdefault((one.left, one.right), one)
    claims: dict[tuple[str, int], int] = defaultdict(int)
    for one in distinct.values():
        for row in _rows(one):
            claims[row] += 1
    return [one for one in distinct.values() if all(claims[row] == 1 for row in _rows(one))]


def _rows(one: _Answer) -> Iterator[tuple[str, int]]:
    yield from (("left", row) for row in one.left)
    yield from (("right", row) for row in one.right)


def _ask(
    rule: Pass, search: Search, view: View, groups: Groups, cardinality: str, *, free: tuple[Any, Any]
) -> Iterator[_Answer]:
    """What the search tells for each open target of a cardinality."""
    lefts, rights = np.flatnonzero(free[0]), np.flatnonzero(free[1])
    if not len(lefts) or not len(rights):
        return
    target_side = "right" if cardinality == "N:1" else "left"
    asked: list[tuple[int, Any, Any, tuple[int, int]]] = []
    by_group = (_by_group(groups.left, lefts), _by_group(groups.right, rights))
    for target in lefts if target_side == "left" else rights:
        group = int((groups.left if target_side == "left" else groups.right)[target])
        mine, other = _candidates(
            rule, view, cardinality, int(target), (by_group[0].get(group), by_group[1].get(group))
        )
        if not len(other if target_side == "left" else mine):
            continue
        count = len(mine) + len(other)
        if count > search.most_candidates:
            yield _Answer(side=target_side, place=int(target), status=Searched.GAVE_UP, candidates=count)
            continue
        amount = int((view.left_amount if target_side == "left" else view.right_amount)[target])
        asked.append((int(target), mine, other, interval(rule.amount, amount, of=target_side)))
    yield from _answers(rule, search, view, target_side, asked)


def _by_group(group: Any, places: Any) -> dict[int, Any]:
    order = places[np.argsort(group[places], kind="stable")]
    numbers, starts = np.unique(group[order], return_index=True)
    return dict(zip(numbers.tolist(), np.split(order, starts[1:]), strict=True))


def _candidates(
    rule: Pass, view: View, cardinality: str, target: int, group: tuple[Any | None, Any | None]
) -> tuple[Any, Any]:
    """The left and right rows of a target's group that may make it up with others, within the window of its day."""
    none = np.zeros(0, dtype=np.int64)
    mine, other = (none if rows is None else rows for rows in group)
    if cardinality == "N:1":
        if rule.window is not None:
            mine = mine[in_window(rule, view.left_day[mine], view.right_day[target])]
        return mine, none
    if rule.window is not None:
        other = other[in_window(rule, view.left_day[target], view.right_day[other])]
    if cardinality == "1:N":
        return none, other
    mine = mine[mine != target]
    if rule.window is not None:
        # Rows of one side are near each other where both can be near a row of the other side.
        mine = mine[np.abs(view.left_day[mine].astype(np.int64) - view.left_day[target]) <= rule.window]
    return mine, other


def _answers(
    rule: Pass, search: Search, view: View, side: str, asked: Sequence[tuple[int, Any, Any, tuple[int, int]]]
) -> Iterator[_Answer]:
    if not asked:
        return
    amounts = [_signed(view, side, mine, other) for _, mine, other, _ in asked]
    starts = np.cumsum([0, *(len(some) for some in amounts)]).astype(np.int32)
    # Twice everything: the middle of an interval of whole numbers may be a half.
    low, high = (np.array([span[end] for *_, span in asked], dtype=np.int64) for end in (0, 1))
    found = find_subsets(
        starts,
        2 * np.concatenate(amounts),
        low + high,
        high - low,
        most_members=search.most_members,
        most_steps=search.most_steps,
        threads=cores(),
    )
    for number, (target, mine, other, _) in enumerate(asked):
        status, by_order = Shown(int(found.status[number])), False
        sets = [_members(side, target, mine, other, found.members[number] - starts[number])]
        if status is Shown.AMBIGUOUS:
            # Rows of equal amount explain the sum alike; which of them it is, the declared order may decide.
            by_order = rule.ambiguity == "take" and bool(found.equal_amounts_only[number])
            if not by_order:
                sets.append(_members(side, target, mine, other, found.second[number] - starts[number]))
        left, right = (frozenset(row for one in sets for row in one[at]) for at in (0, 1))
        told = Searched.FOUND if by_order else _STATUS[status]
        if told is Searched.FOUND and not (left and right):
            told, left, right = Searched.PROVED_NONE, frozenset(), frozenset()
        yield _Answer(
            side=side,
            place=target,
            status=told,
            candidates=len(mine) + len(other),
            left=left,
            right=right,
            unsure=by_order,
        )


def _signed(view: View, side: str, mine: Any, other: Any) -> NDArray[np.int64]:
    """Amounts on the other side of the equation than the target."""
    ours = view.left_amount[mine] if side == "right" else -view.left_amount[mine]
    amounts: NDArray[np.int64] = np.concatenate([ours, view.right_amount[other]])
    return amounts


def _members(side: str, target: int, mine: Any, other: Any, rows: Any) -> tuple[set[int], set[int]]:
    """Left and right places of a set, its target included; ``mine`` stand before ``other`` among the candidates."""
    at = rows[rows >= 0]
    left = set(mine[at[at < len(mine)]].tolist())
    right = set(other[at[at >= len(mine)] - len(mine)].tolist())
    if not left and not right:
        return left, right
    (left if side == "left" else right).add(target)
    return left, right


def _result(taken: list[_Answer], answers: list[_Answer]) -> Found:
    """Matches, and the clusters of what more than one set explains or more than one target claims."""
    ours = sorted((row, number) for number, one in enumerate(taken) for row in one.left)
    theirs = sorted((row, number) for number, one in enumerate(taken) for row in one.right)
    held = [one for one in answers if one.status in {Searched.FOUND, Searched.AMBIGUOUS}]
    cluster = _joined(held)
    left = sorted({row for one in held for row in one.left})
    right = sorted({row for one in held for row in one.right})
    told = [one for one in answers if one.status in {Searched.PROVED_NONE, Searched.GAVE_UP}]
    told = [one for one in told if (one.side, one.place) not in cluster]
    ours.sort(key=lambda pair: (pair[1], pair[0]))
    theirs.sort(key=lambda pair: (pair[1], pair[0]))
    return Found.of(
        left=_int32(row for row, _ in ours),
        left_match=_int32(number for _, number in ours),
        right=_int32(row for row, _ in theirs),
        right_match=_int32(number for _, number in theirs),
        unsure=np.array([one.unsure for one in taken], dtype=np.bool_),
        held=(
            _int32(left),
            _int32(cluster["left", row] for row in left),
            _int32(right),
            _int32(cluster["right", row] for row in right),
        ),
        outcomes=(
            *(Outcome(side=one.side, place=one.place, status=one.status, candidates=one.candidates) for one in told),
            *(
                Outcome(side=one.side, place=one.place, status=status, candidates=one.candidates)
                for group, status in ((taken, Searched.FOUND), (held, Searched.AMBIGUOUS))
                for one in group
            ),
        ),
    )


def _joined(answers: list[_Answer]) -> dict[tuple[str, int], int]:
    """Numbers the rows of the answers so that answers which share a row share a number."""
    number: dict[tuple[str, int], int] = {}
    for count, one in enumerate(answers):
        touched = {number[row] for row in _rows(one) if row in number}
        for row, old in list(number.items()) if touched else ():
            if old in touched:
                number[row] = count
        number |= dict.fromkeys(_rows(one), count)
    return number


def _int32(values: Iterable[int]) -> NDArray[np.int32]:
    return np.fromiter(values, dtype=np.int32)
