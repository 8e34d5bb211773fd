"""The pairs of a pass: inside each group most matches, then least cost, then the first in declared order.

Costs are compared as amounts first and days second: the sum of all amount gaps decides, and among equal sums the sum
of all day gaps. Where another choice is as good in both, the tie key (file, record) decides, and the pair says so.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels import radix
from settlement.kernels.assign import MOST_EDGES, Assigned
from settlement.kernels.choice import cores
from settlement.match.keys import among, digests, integers, number

Rows = NDArray[np.int32]

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""An odd number, so that the product of any two numbers with it differs."""


class Pairs(NamedTuple):
    """Pairs of rows, and the rows of which too many fit one another to decide.

    ``ours`` and ``theirs`` stand beside each other, ascending by ``ours``; ``unsure`` says by pair whether another
    choice was as good. ``given_up`` are rows of both sides. All are values of the column ``row``.
    """

    ours: Rows
    theirs: Rows
    unsure: NDArray[np.bool_]
    given_up: tuple[Rows, Rows]


_NONE: Final = np.zeros(0, dtype=np.int32)
_NOBODY: Final = Pairs(_NONE, _NONE, np.zeros(0, dtype=np.bool_), (_NONE, _NONE))


def equal_pairs(ours: pl.DataFrame, theirs: pl.DataFrame, columns: list[str], window: int) -> Pairs:
    """Pairs of rows that are equal in ``columns`` and at most ``window`` days apart.

    Both frames hold ``row`` (ascending), ``day`` and the columns, among them ``amount``; a row with an empty value
    meets nobody. Rows of one day meet first. Where that leaves rows of a group on one side at most, nothing pairs more
    rows or costs less; the other groups are solved as a whole.
    """
    if ours.is_empty() or theirs.is_empty():
        return _NOBODY
    same_day = [*columns, "day"]
    both = (digests(ours.select(same_day)), digests(theirs.select(same_day)))
    partner, many, _ = radix.pair_equal_told(*both[0], *both[1], threads=cores())
    met = np.flatnonzero(partner >= 0)
    first = _rows(ours, theirs, met, partner[met], many[met].astype(np.bool_))
    if not window:
        return first
    split = _still_alike(ours, theirs, columns, partner)
    if split.is_empty():
        return first
    sides = [among(side.lazy(), split, columns) for side in (ours, theirs)]
    solved = near_pairs(sides[0], sides[1], columns, tolerance=0, window=window)
    # What was given up keeps its pairs of one day, which are as good as any.
    kept = ~_within(first.ours, integers(sides[0]["row"], np.int32)) | _within(first.ours, solved.given_up[0])
    given_up = (
        solved.given_up[0][~_within(solved.given_up[0], first.ours[kept])],
        solved.given_up[1][~_within(solved.given_up[1], first.theirs[kept])],
    )
    return _joined(_kept(first, kept), solved._replace(given_up=given_up))


def _still_alike(ours: pl.DataFrame, theirs: pl.DataFrame, columns: list[str], partner: Rows) -> pl.DataFrame:
    """The values of ``columns`` of which both sides have rows without a partner."""
    waiting = [side[rows].select(columns) for side, rows in zip((ours, theirs), _open(partner, theirs), strict=True)]
    if any(side.is_empty() for side in waiting):
        return waiting[0].clear()
    left, right = (digests(side) for side in waiting)
    return waiting[0].filter(pl.Series(radix.pair_equal(*left, *right, threads=cores()) >= 0))


def _open(partner: Rows, theirs: pl.DataFrame) -> tuple[Rows, Rows]:
    left, right = radix.open_rows(partner, theirs.height)
    return left, right


def near_pairs(ours: pl.DataFrame, theirs: pl.DataFrame, columns: list[str], *, tolerance: int, window: int) -> Pairs:
    """Pairs of rows that are equal in ``columns``, whose amounts differ by at most ``tolerance`` minor units.

    Both frames hold ``row`` (ascending), ``amount``, ``day`` and the columns; days differ by at most ``window``.
    """
    if ours.is_empty() or theirs.is_empty():
        return _NOBODY
    left, right, _ = number(ours.select(columns), theirs.select(columns))
    way = radix.Way(minor=tolerance)
    # The greatest sum of days of any choice is below this, so that days never outweigh a minor unit.
    weight = window * min(ours.height, theirs.height, MOST_EDGES) + 1
    partner, outcome, their_outcome = radix.pair_optimal(
        *_group(left),
        integers(ours["amount"], np.int64),
        integers(ours["day"], np.int32),
        *_group(right),
        integers(theirs["amount"], np.int64),
        integers(theirs["day"], np.int32),
        left_way=way,
        right_way=way,
        days=(-window, window),
        weights=(weight, 1),
        most_edges=MOST_EDGES,
    )
    met = np.flatnonzero(partner >= 0)
    found = _rows(ours, theirs, met, partner[met], outcome[met] == Assigned.AMBIGUOUS)
    lost = (np.flatnonzero(flags == Assigned.GAVE_UP) for flags in (outcome, their_outcome))
    return found._replace(given_up=(_at(ours, next(lost)), _at(theirs, next(lost))))


def _group(ids: Rows) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Numbers of groups as the kernel takes digests: one to one, spread over 64 bits, and none of them 0."""
    return (ids.astype(np.uint64) + np.uint64(1)) * _SPREAD, np.zeros(len(ids), dtype=np.uint32)


def _at(side: pl.DataFrame, places: Any) -> Rows:
    rows: Rows = integers(side["row"], np.int32)[places]
    return rows


def _rows(ours: pl.DataFrame, theirs: pl.DataFrame, left: Any, right: Any, unsure: Any) -> Pairs:
    return Pairs(_at(ours, left), _at(theirs, right), unsure, (_NONE, _NONE))


def _kept(pairs: Pairs, keep: NDArray[np.bool_]) -> Pairs:
    return pairs._replace(ours=pairs.ours[keep], theirs=pairs.theirs[keep], unsure=pairs.unsure[keep])


def _within(rows: Rows, some: Rows) -> NDArray[np.bool_]:
    """Whether each row is among some."""
    among = np.zeros(1 + max(rows.max(initial=0), some.max(initial=0)), dtype=np.bool_)
    among[some] = True
    found: NDArray[np.bool_] = among[rows]
    return found


def _joined(one: Pairs, other: Pairs) -> Pairs:
    """Both as one, ascending by our rows."""
    ours = np.concatenate([one.ours, other.ours])
    order = np.argsort(ours)
    given_up = [np.sort(np.concatenate(both)) for both in zip(one.given_up, other.given_up, strict=True)]
    return Pairs(
        ours[order],
        np.concatenate([one.theirs, other.theirs])[order],
        np.concatenate([one.unsure, other.unsure])[order],
        (given_up[0], given_up[1]),
    )
