"""Text becomes integers: equal key tuples of two sides get equal ids, or equal keyed digests.

A kernel compares integers only. To be numbered, tuples of any columns are hashed to 64 bits, the hashes are numbered,
and each row is then compared with the first row of its number: no number rests on a hash. Where two different tuples do
share a hash, the slow exact way is taken instead. Whole sides are not numbered but digested to 96 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels import match as kernels
from settlement.kernels.choice import cores
from settlement.kernels.radix import PROCESS_SECRET, digest_rows
from settlement.kernels.radix_twin import Checks, Hashes


def number(left: pl.DataFrame, right: pl.DataFrame) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Number the rows of two frames by their content.

    Parameters
    ----------
    left, right : DataFrame
        The same columns of the same types on both sides; an empty value equals an empty value.

    Returns
    -------
    left_ids, right_ids : int32[n], int32[m]
        Two rows of whichever side have the same id exactly where all their columns are equal.
    count : int
        Number of ids; they run from 0.
    """
    both = pl.concat([left, right], rechunk=True)
    ids, count = _by_hash(both, _hashes(both))
    return ids[: left.height], ids[left.height :], count


def digests(rows: pl.DataFrame) -> tuple[Hashes, Checks]:
    """The digest of each row: of rows of whichever frame, equal where all columns of the same types are equal.

    A row with an empty value in one of the columns has the hash 0: it meets nobody.
    """
    columns = [column.to_physical() if column.dtype == pl.Enum else column for column in rows.get_columns()]
    return digest_rows(columns, secret=PROCESS_SECRET, threads=cores())


def among(rows: pl.LazyFrame, few: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """The rows, in their order, that are equal to one of a few in some columns; an empty value equals nothing.

    The first column tells most of them away, so that all columns are compared of few.
    """
    near = rows.filter(pl.col(on[0]).is_in(few[on[0]].unique().implode()))
    return near.join(few.lazy().select(on), on=list(on), how="semi", maintain_order="left").collect()


def present(columns: tuple[str, ...]) -> pl.Expr:
    """Whether all of the columns hold a text: a row with an empty key never matches on that key."""
    return pl.all_horizontal([pl.col(name).is_not_null() & (pl.col(name) != "") for name in columns])


def absent(columns: tuple[str, ...]) -> pl.Expr:
    """Whether none of the columns holds a text."""
    return pl.all_horizontal([pl.col(name).is_null() | (pl.col(name) == "") for name in columns])


def integers(series: pl.Series, dtype: type[np.integer[Any]]) -> NDArray[Any]:
    """A column as the buffer a kernel takes, without a copy where it is whole and of that type already."""
    return np.ascontiguousarray(series.rechunk().to_numpy(), dtype=dtype)


def _hashes(rows: pl.DataFrame) -> NDArray[np.int64]:
    return rows.hash_rows(seed=1).rechunk().to_numpy().view(np.int64)


def _by_hash(rows: pl.DataFrame, hashes: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    ids, first = kernels.number_keys(hashes)
    repeated = np.flatnonzero(first[ids] != np.arange(len(ids), dtype=np.int32))
    mine, theirs = pl.Series(repeated), pl.Series(first[ids[repeated]])
    same = rows.select(pl.all().gather(mine).eq_missing(pl.all().gather(theirs)).all())
    if all(same.row(0)):
        return ids, len(first)
    return _by_content(rows)


def _by_content(rows: pl.DataFrame) -> tuple[NDArray[np.int32], int]:
    """The slow way: distinct tuples, numbered, and joined back."""
    distinct = rows.unique(maintain_order=True).with_row_index("id")
    found = rows.join(distinct, on=rows.columns, how="left", nulls_equal=True, maintain_order="left")["id"]
    return integers(found, np.int32), distinct.height
