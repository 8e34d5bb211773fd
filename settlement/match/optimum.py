"""The pairs of a pass: inside each group most matches, then least cost, then the first in declared order.

Costs are compared as amounts first and days second: the sum of all amount gaps decides, and among equal sums the sum
of all day gaps. Where another choice is as good in both, the tie key (file, record) decides, and the pair says so.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels import match as kernels
from settlement.kernels import radix
from settlement.kernels.assign import MOST_EDGES, Assigned
from settlement.match.keys import integers, number

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


def equal_pairs(ours: pl.DataFrame, theirs: pl.DataFrame, columns: list[str], window: int) -> Pairs:
    """Pairs of rows that are equal in ``columns`` and at most ``window`` days apart.

    Both frames hold ``row`` (ascending), ``amount``, ``day`` and the columns. Rows of one day meet first. Where that
    leaves rows of a group on one side at most, nothing pairs more rows or costs less; the other groups are solved
    as a whole.
    """
    same_day = [*columns, "day"]
    left, right, count = number(ours.select(same_day), theirs.select(same_day))
    partner = kernels.pair_exact(left, right, count)
    many = (np.bincount(left, minlength=count) > 1) | (np.bincount(right, minlength=count) > 1)
    met = np.flatnonzero(partner >= 0)
    first = _rows(ours, theirs, met, partner[met], many[left[met]])
    if not window:
        return first
    free = np.ones(theirs.height, dtype=np.bool_)
    free[partner[met]] = False
    split = (
        ours.filter(pl.Series(partner < 0))
        .select(columns)
        .join(theirs.filter(pl.Series(free)).select(columns), on=columns, how="semi", nulls_equal=True)
    )
    if split.is_empty():
        return first
    sides = [
        side.join(split, on=columns, how="semi", nulls_equal=True, maintain_order="left") for side in (ours, theirs)
    ]
    solved = near_pairs(sides[0], sides[1], columns, tolerance=0, window=window)
    # What was given up keeps its pairs of one day, which are as good as any.
    again = np.isin(first.ours, integers(sides[0]["row"], np.int32)) & ~np.isin(first.ours, solved.given_up[0])
    given_up = (
        np.setdiff1d(solved.given_up[0], first.ours[~again]),
        np.setdiff1d(solved.given_up[1], first.theirs[~again]),
    )
    return _joined(_kept(first, ~again), solved._replace(given_up=given_up))


def near_pairs(ours: pl.DataFrame, theirs: pl.DataFrame, columns: list[str], *, tolerance: int, window: int) -> Pairs:
    """Pairs of rows that are equal in ``columns``, whose amounts differ by at most ``tolerance`` minor units.

    Both frames hold ``row`` (ascending), ``amount``, ``day`` and the columns; days differ by at most ``window``.
    """
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
    none = np.zeros(0, dtype=np.int32)
    return Pairs(_at(ours, left), _at(theirs, right), unsure, (none, none))


def _kept(pairs: Pairs, keep: NDArray[np.bool_]) -> Pairs:
    return pairs._replace(ours=pairs.ours[keep], theirs=pairs.theirs[keep], unsure=pairs.unsure[keep])


def _joined(one: Pairs, other: Pairs) -> Pairs:
    """Both as one, ascending by our rows."""
    ours = np.concatenate([one.ours, other.ours])
    order = np.argsort(ours)
    given_up = [np.union1d(some, more) for some, more in zip(one.given_up, other.given_up, strict=True)]
    return Pairs(
        ours[order],
        np.concatenate([one.theirs, other.theirs])[order],
        np.concatenate([one.unsure, other.unsure])[order],
        (given_up[0], given_up[1]),
    )
