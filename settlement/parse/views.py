"""Text columns as Arrow's views: made without a copy, and read by kernels as numbers, times and few distinct values.

A view has 16 bytes: the size of its text and the text itself, of one above 12 bytes its first four and where it lies.
What the kernels say holds for every row; a row that is null is null in what is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.parse import decimals, digit_runs, few, holding, times
from settlement.kernels.text_views import INSIDE, taken, text_column, views_of

_MOST_DISTINCT: Final = 1024
_EVERY_VALUE: Final = np.zeros(1, dtype=np.int8)
_PART: Final = 1 << 30
_MILLISECONDS: Final = 1000
_SECONDS_OF_DAY: Final = 86_400


def decimal_column(
    text: pl.Series, exponents: NDArray[np.int8] = _EVERY_VALUE, *, point: str | None = None, signed: bool = False
) -> pl.Series:
    """Texts as whole numbers of 10 to the minus exponent, null where one is none; see the kernel ``decimals``."""
    views, parts = views_of(text)
    values, good = decimals(views, parts, exponents, -1 if point is None else ord(point), signed)
    return _known(text, values, good)


def second_column(
    text: pl.Series, form: NDArray[np.uint8], offset: int, years: NDArray[np.int32], dtype: pl.DataType
) -> pl.Series:
    """Texts of one form as dates or date-times, null where one is none; see the kernel ``times``."""
    views, parts = views_of(text)
    seconds, good = times(views, parts, form, offset, years)
    if isinstance(dtype, pl.Date):
        return _known(text, (seconds // _SECONDS_OF_DAY).astype(np.int32), good).cast(dtype)
    return _known(text, seconds * _MILLISECONDS, good).cast(dtype)


def rows_holding(text: pl.Series, marks: bytes, least: int = 1) -> NDArray[np.int64]:
    """The rows, ascending, whose text has at least so many of these bytes; what a null hides may be among them."""
    wanted = np.zeros(256, dtype=np.uint8)
    wanted[np.frombuffer(marks, dtype=np.uint8)] = 1
    views, parts = views_of(text)
    found: NDArray[np.int64] = holding(views, parts, wanted, least)
    return found


def rows_of_digits(text: pl.Series, between: bytes, first: int, least: int, most: int) -> NDArray[np.int64]:
    """The rows, ascending, in which so many digits stand together; see the kernel ``digit_runs``."""
    apart = np.zeros(256, dtype=np.uint8)
    apart[np.frombuffer(between, dtype=np.uint8)] = 1
    views, parts = views_of(text)
    found: NDArray[np.int64] = digit_runs(views, parts, apart, first, least, most, cores())
    return found


def by_value(text: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """What ``function`` makes of a text column, where it is made of each row's text alone: few values are made once."""
    codes, first = few(views_of(text)[0], min(_MOST_DISTINCT, text.len() // 4))
    if not len(codes) or text.null_count():
        return function(text)
    return spread(function(text.gather(first)), codes)


def spread(values: pl.Series, codes: NDArray[np.uint16] | NDArray[np.int64]) -> pl.Series:
    """The value of each code; of texts their views are copied and nothing else."""
    if values.null_count() or not (values.dtype == pl.String or values.dtype.is_integer()):
        return values.gather(codes)
    if values.dtype != pl.String:
        return pl.Series(values.name, values.to_numpy().take(codes))
    return taken(values, codes)


def filled_texts(text: pl.Series) -> pl.Series:
    """The texts, null where they are empty; nothing is copied."""
    if text.null_count():
        return text.replace("", None)
    views, parts = views_of(text)
    told = views.view(np.int32).reshape(-1, 4)
    there = told[:, 0] > 0
    return text if there.all() else text_column(text.name, told, parts, there)


def mapped(text: pl.Series, codes: Mapping[str, str | int], dtype: pl.DataType) -> pl.Series:
    """What each text means, null where it is unknown."""
    return by_value(text, lambda some: some.replace_strict(dict(codes), default=None, return_dtype=dtype))


def by_values(texts: pl.Series, function: Callable[[pl.DataFrame], pl.Series]) -> pl.Series:
    """The same of a struct of text columns, where few values meet few others."""
    frame, place, count, first = texts.struct.unnest(), np.zeros(texts.len(), dtype=np.int64), 1, []
    for text in frame:
        codes, rows = few(views_of(text)[0], _MOST_DISTINCT)
        if not len(codes) or text.null_count() or count * len(rows) > text.len() // 4:
            return function(frame)
        place = place * len(rows) + codes
        count *= len(rows)
        first.append(rows)
    met = [text.gather(rows) for text, rows in zip(frame, first, strict=True)]
    every = np.indices([len(rows) for rows in first]).reshape(len(first), -1)
    pairs = pl.DataFrame([text.gather(numbers) for text, numbers in zip(met, every, strict=True)])
    return spread(function(pairs), place)


def strided_column(
    name: str, characters: NDArray[np.uint8], sizes: NDArray[np.int32], valid: NDArray[np.uint8] | None = None
) -> pl.Series:
    """The column of text whose row i is the first ``sizes[i]`` of ``characters[i]``, at least 12 wide, then zeros."""
    count, width = characters.shape
    rows = _PART // width
    number = np.arange(count)
    views = np.empty((count, 4), dtype=np.int32)
    views[:, 0], views[:, 2], views[:, 3] = sizes, number // rows, number % rows * width
    short = np.flatnonzero(sizes <= INSIDE)
    views[:, 1:2] = np.ascontiguousarray(characters[:, :4]).view(np.int32)
    views[short, 1:] = np.ascontiguousarray(characters[short, :INSIDE]).view(np.int32)
    parts = [characters[at : at + rows].reshape(-1) for at in range(0, count, rows)]
    return text_column(name, views, parts, valid)


def by_kernel(text: pl.Expr, function: Callable[[pl.Series], pl.Series], dtype: pl.DataType) -> pl.Expr:
    """What ``function`` makes of a column of text, row by row; of a literal it is a literal."""
    if text.meta.is_literal():
        return pl.lit(function(pl.select(text.cast(pl.String)).to_series())[0], dtype=dtype)
    return text.map_batches(function, return_dtype=dtype)


def _known(text: pl.Series, values: NDArray[np.int64] | NDArray[np.int32], good: NDArray[np.uint8]) -> pl.Series:
    """The values where they are good and the text is not null."""
    made = pl.Series(text.name, values)
    if good.all() and not text.null_count():
        return made
    known = (pl.Series(good) == 1) & text.is_not_null()
    return pl.select(pl.when(known).then(made)).to_series()
