"""The nearest row of another side, by an order that lists no pairs."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from settlement.match.keys import number

_FAR: Final = np.iinfo(np.uint64).max


def meeting(mine: pl.DataFrame, other: pl.DataFrame, by: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of two sides whose values in some columns stand on both; ``group`` numbers these values."""
    ours, theirs, count = number(mine.select(by), other.select(by))
    both = np.zeros(count, dtype=np.bool_)
    both[theirs] = True
    here = np.flatnonzero(both[ours])
    both = np.zeros(count, dtype=np.bool_)
    both[ours[here]] = True
    there = np.flatnonzero(both[theirs])
    return (
        mine[here].with_columns(pl.Series("group", ours[here])),
        other[there].with_columns(pl.Series("group", theirs[there])),
    )


def closest(mine: pl.DataFrame, other: pl.DataFrame, on: str, by: list[str]) -> pl.DataFrame:
    """Each row with the row of the other side that is nearest in one measure, the rest being equal.

    Parameters
    ----------
    mine, other : DataFrame
        ``place`` (unique), the measure ``on`` and the columns ``by``, all of them whole numbers; a row without one of
        them has none.

    Returns
    -------
    DataFrame
        The rows of ``mine`` that have one, with ``place_other``. Of two values as near the greater one is told, and of
        rows of one value the first.
    """
    sides = [side.drop_nulls([on, *by]) for side in (mine, other)]
    place, value, *keys = (
        np.concatenate([side[name].to_numpy().astype(np.int64) for side in sides]) for name in ("place", on, *by)
    )
    theirs = np.arange(len(place)) >= sides[0].height
    order = np.lexsort((place, ~theirs, value, *keys))
    # Differences of 64-bit numbers need all of the bits, and no sign where the order is known.
    theirs, value = theirs[order], value[order].view(np.uint64)
    begins = np.zeros(len(order), dtype=np.bool_)
    for key in keys:
        begins[1:] |= np.diff(key[order]) != 0
    first = theirs.copy()
    first[1:] &= begins[1:] | (value[1:] != value[:-1])
    group, at = np.cumsum(begins), np.arange(len(order))
    rows = np.flatnonzero(~theirs)
    below = np.maximum.accumulate(np.where(first, at, -1))[rows]
    above = np.minimum.accumulate(np.where(first, at, len(order))[::-1])[::-1][rows]
    has_below = (below >= 0) & (group[below] == group[rows])
    has_above = above < len(order)
    has_above[has_above] = group[above[has_above]] == group[rows[has_above]]
    down = np.where(has_below, value[rows] - value[below], _FAR)
    up = np.full(len(rows), _FAR)
    up[has_above] = value[above[has_above]] - value[rows[has_above]]
    nearest = np.where(has_above & (up <= down), above, below)
    found = np.flatnonzero(has_below | has_above)
    told = pl.DataFrame({"row": order[rows[found]], "place_other": place[order[nearest[found]]]}).sort("row")
    return sides[0][told["row"]].with_columns(told["place_other"].cast(other.schema["place"]))
