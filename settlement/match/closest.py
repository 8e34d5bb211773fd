"""The nearest row of another side, by a join that lists no pairs."""

from __future__ import annotations

import numpy as np
import polars as pl

from settlement.match.keys import number


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
        ``place`` (unique), the measure ``on`` (a whole number), and the columns ``by``.

    Returns
    -------
    DataFrame
        The rows of ``mine`` that have one, with ``place_other``; of rows of one value the first.
    """
    keys = mine.join(other.select(by).unique(), on=by, how="semi")
    # Of equal values the first one in the declared order, whichever way the nearest is found.
    first = other.join(keys.select(by).unique(), on=by, how="semi").sort(on, "place")
    first = first.unique([*by, on], keep="first", maintain_order=True)
    return (
        keys.sort(on, "place")
        .join_asof(
            first.select(*by, on, pl.col("place").alias("place_other")),
            on=on,
            by=by,
            strategy="nearest",
            check_sortedness=False,
        )
        .drop_nulls("place_other")
    )
