"""Text columns as Arrow's views: made, picked and spread without a look at their texts.

A view has 16 bytes: the size of its text and the text itself, of one above 12 bytes its first four and where it lies.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from settlement.kernels.match import written_numbers

VIEW: Final = 16
INSIDE: Final = 12
"""Bytes of a text that stand in its view itself."""

Parts = list[NDArray[np.uint8]]


def text_column(
    name: str, views: NDArray[np.int32], parts: Parts, valid: NDArray[np.uint8 | np.bool_] | None = None
) -> pl.Series:
    """The column of text that views (n, 4) name, null where ``valid`` (n,) is 0; nothing is copied."""
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [bits, pa.py_buffer(views), *(pa.py_buffer(part) for part in parts)]
    return pl.Series(name, pa.Array.from_buffers(pa.string_view(), len(views), buffers), dtype=pl.String)


def views_of(column: pl.Series) -> tuple[NDArray[np.uint8], Parts]:
    """The views of a text column, uint8 (16 n,), and what they point into; nothing is copied."""
    array = column.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    _, views, *parts = array.buffers()
    found = [np.frombuffer(part or b"", dtype=np.uint8) for part in parts]
    first = VIEW * array.offset
    return np.frombuffer(views or b"", dtype=np.uint8)[first : first + VIEW * len(array)], found


def taken(texts: pl.Series, rows: NDArray[Any]) -> pl.Series:
    """The texts at some rows, of a column without nulls; their views are copied and nothing else."""
    views, parts = views_of(texts)
    # As one number of 16 bytes each: numpy copies those fastest.
    some = views.view(np.complex128).take(rows)
    return text_column(texts.name, some.view(np.int32).reshape(-1, 4), parts)


def spread_out(texts: pl.Series, rows: NDArray[Any], height: int) -> pl.Series:
    """A column of so many rows that has the texts, none of them null, at some rows, and null at all others."""
    some, parts = views_of(texts)
    views, valid = np.zeros(height, dtype=np.complex128), np.zeros(height, dtype=np.bool_)
    views[rows], valid[rows] = some.view(np.complex128), True
    return text_column(texts.name, views.view(np.int32).reshape(-1, 4), parts, valid)


def number_texts(numbers: pl.Series, before: str = "", digits: int = 1) -> pl.Series:
    """Whole numbers as texts: ``M000000001`` with ``M`` before it and 9 digits at least; null for null."""
    least, most = numbers.min(), numbers.max()
    short = isinstance(least, int) and least >= 0 and len(before) + max(digits, len(str(most))) <= INSIDE
    if numbers.null_count() or not short:
        texts = pl.concat_str(pl.lit(before), pl.lit(numbers).cast(pl.String).str.zfill(digits))
        return pl.select(texts).to_series().alias(numbers.name)
    views = written_numbers(numbers.cast(pl.Int64).rechunk().to_numpy(), before.encode(), digits)
    return text_column(numbers.name, views, [])
