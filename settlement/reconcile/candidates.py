"""Candidate pairs of a pass: every pair of rows that key, amount, date and text allow, with its cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.match.keys import integers
from settlement.reconcile.language import Pass, TextRule
from settlement.reconcile.sides import TEXT, Rows
from settlement.reconcile.tolerance import fits, reach
from settlement.reconcile.views import Positions, View

_AT_ONCE: Final = 4_000_000
"""Pairs looked at in one go: some 200 MB."""
_MOST_OF_A_GROUP: Final = 32_000_000
"""Pairs of one group that are still listed; above it the group is given up, and said to be."""
_DEAREST: Final = 2**44
_THOUSAND: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Candidate pairs, whole groups at a time, in ascending order of group, left and right.

    ``left`` and ``right`` are places in the view, ``group`` the group they share, ``cost`` what the pair costs by the
    declared weights. ``given_up`` are places of left rows whose group has too many pairs to list.
    """

    left: Positions
    right: Positions
    group: Positions
    cost: NDArray[np.int64]
    given_up: Positions


def candidates(rule: Pass, view: View, left: Rows, right: Rows) -> Iterator[Candidates]:
    """The candidate pairs of a view in portions that fit into memory."""
    equal = rule.amount.rule == "equal"
    groups = view.groups(amount=equal, day=rule.window == 0)
    ours, theirs = _ranges(rule, view)
    order, start, end = _reachable(groups.left, ours, groups.right, theirs)
    for lefts, given_up in _portions(groups.left, end - start):
        counts = (end - start)[lefts]
        at = np.repeat(lefts, counts)
        steps = np.arange(len(at), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
        met = order[np.repeat(start[lefts], counts) + steps]
        keep = _allowed(rule, view, at, met)
        at, met = at[keep], met[keep]
        distance, alike = _texts(rule, (left, view.left[at]), (right, view.right[met]))
        at, met, distance = at[alike], met[alike], distance[alike]
        group = groups.left[at]
        ranked = np.lexsort((met, at, group))
        at, met, group = at[ranked], met[ranked], group[ranked]
        yield Candidates(
            left=at.astype(np.int32),
            right=met.astype(np.int32),
            group=group.astype(np.int32),
            cost=_costs(rule, view, at, met, distance[ranked]),
            given_up=given_up.astype(np.int32),
        )


def _ranges(rule: Pass, view: View) -> tuple[tuple[Any, Any], Any]:
    """What is searched by range: amounts where they may differ, otherwise days, otherwise nothing."""
    if rule.amount.rule in {"within", "converted"}:
        far = reach(rule.amount, view.left_amount)
        return (view.left_amount - far, view.left_amount + far), view.right_amount
    window = rule.window or 0
    days = view.left_day.astype(np.int64)
    return (days - window, days + window), view.right_day.astype(np.int64)


def _reachable(left_group: Any, span: tuple[Any, Any], right_group: Any, value: Any) -> tuple[Any, Any, Any]:
    """Right places ordered by group and value, and where the reach of each left row starts and ends among them."""
    distinct = np.unique(value)
    width = len(distinct) + 1
    rank = right_group.astype(np.int64) * width + np.searchsorted(distinct, value)
    order = np.argsort(rank, kind="stable")
    ranked = rank[order]
    base = left_group.astype(np.int64) * width
    start = np.searchsorted(ranked, base + np.searchsorted(distinct, span[0], side="left"), side="left")
    end = np.searchsorted(ranked, base + np.searchsorted(distinct, span[1], side="right"), side="left")
    return order, start, np.maximum(end, start)


def _portions(group: Any, counts: Any) -> Iterator[tuple[Any, Any]]:
    """Left places in portions of whole groups, each with the places that are given up."""
    some = np.flatnonzero(counts)
    some = some[np.argsort(group[some], kind="stable")]
    if not len(some):
        return
    starts = np.flatnonzero(np.diff(group[some], prepend=-1))
    sizes = np.add.reduceat(counts[some], starts)
    large = np.repeat(sizes > _MOST_OF_A_GROUP, np.diff(starts, append=len(some)))
    given_up, some = some[large], some[~large]
    if not len(some):
        yield some, given_up
        return
    starts = np.flatnonzero(np.diff(group[some], prepend=-1))
    before = np.cumsum(counts[some])[starts] - counts[some][starts]
    # A portion starts where the pairs before it pass the next multiple of what is looked at in one go.
    first = starts[np.flatnonzero(np.diff(before // _AT_ONCE, prepend=-1))]
    for begin, end in zip(first, [*first[1:], len(some)], strict=True):
        yield some[begin:end], given_up
        given_up = given_up[:0]


def _allowed(rule: Pass, view: View, at: Any, met: Any) -> Any:
    """Whether amount and date of each pair pass the rule."""
    keep = fits(rule.amount, view.left_amount[at], view.right_amount[met])
    if rule.window is not None:
        keep &= in_window(rule, view.left_day[at], view.right_day[met])
    return keep


def in_window(rule: Pass, left_day: Any, right_day: Any) -> Any:
    """Whether each pair of days lies within the pass's window, in the declared order."""
    later = right_day.astype(np.int64) - left_day
    first, last = window_bounds(rule) or (0, 0)
    return (later >= first) & (later <= last)


def window_bounds(rule: Pass) -> tuple[int, int] | None:
    """Least and greatest number of days from a left row to its right one; None where dates do not count."""
    if rule.window is None:
        return None
    return (
        0 if rule.date_order == "left_first" else -rule.window,
        0 if rule.date_order == "right_first" else rule.window,
    )


def _costs(rule: Pass, view: View, at: Any, met: Any, distance: Any) -> Any:
    """Minor units, days and thousandths of text distance, each at its weight."""
    gap = np.abs(view.left_amount[at] - view.right_amount[met])
    days = np.abs(view.left_day[at].astype(np.int64) - view.right_day[met])
    weights = rule.weights
    dearest = int(gap.max(initial=0)) * weights.amount + int(days.max(initial=0)) * weights.date
    if dearest + _THOUSAND * len(rule.text) * weights.text >= _DEAREST:
        raise TerminalError(
            f"Pass `{rule.name}`: a candidate pair costs {dearest}, more than can be summed exactly: write smaller "
            "`weights` or a narrower amount rule."
        )
    return gap * weights.amount + days * weights.date + distance * weights.text


def _texts(rule: Pass, ours: tuple[Rows, Any], theirs: tuple[Rows, Any]) -> tuple[Any, Any]:
    """Thousandths of text distance of each pair, and whether all texts are alike enough."""
    distance = np.zeros(len(ours[1]), dtype=np.int64)
    alike = np.ones(len(ours[1]), dtype=np.bool_)
    for text in rule.text:
        pairs = pl.DataFrame(
            [
                ours[0].frame[TEXT + text.left].gather(ours[1]).alias("left"),
                theirs[0].frame[TEXT + text.right].gather(theirs[1]).alias("right"),
            ]
        )
        distinct = pairs.unique(maintain_order=True).with_columns(
            far=_distances(text, pairs.unique(maintain_order=True))
        )
        far = integers(pairs.join(distinct, on=["left", "right"], how="left", maintain_order="left")["far"], np.int64)
        distance += far
        alike &= far <= _THOUSAND - 10 * text.at_least
    return distance, alike


def _distances(text: TextRule, pairs: pl.DataFrame) -> pl.Series:
    from rapidfuzz import fuzz  # noqa: PLC0415 - only a rule that compares texts needs it

    measure = {
        "ratio": fuzz.ratio,
        "token_sort": fuzz.token_sort_ratio,
        "token_set": fuzz.token_set_ratio,
        "partial": fuzz.partial_ratio,
    }[text.by]
    found = [_THOUSAND - round(10 * measure(ours, theirs)) for ours, theirs in pairs.rows()]
    return pl.Series(found, dtype=pl.Int64)
