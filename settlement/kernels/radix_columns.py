"""Key columns as the kernel of digests takes them: the buffers of Polars columns, without a copy, and its keys."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Column = tuple[int, NDArray[np.uint8], NDArray[np.int64] | None, NDArray[np.uint8] | None, int]

# Enough where nobody chooses keys in order to make them collide; elsewhere the caller gives a secret.
DEFAULT_SECRET: Final = b"settlement radix"

_TEXT: Final = 0
_NARROW: Final = (pl.Int8, pl.Int16, pl.UInt8, pl.UInt16, pl.UInt32)


def digest_keys(secret: bytes, columns: int) -> NDArray[np.uint64]:
    """Draw the random numbers of ``digest_columns`` from a secret.

    Parameters
    ----------
    secret : bytes
        At least 16 bytes.
    columns : int
        Columns of the key.

    Returns
    -------
    uint64[3 + 14 * columns]
        Drawn with SHAKE-256: without the secret they cannot be told from random ones.
    """
    if len(secret) < 16:  # noqa: PLR2004 (128 bits)
        raise ValueError(f"the secret has {len(secret)} bytes: at least 16 are needed.")
    drawn = hashlib.shake_256(b"settlement.kernels.radix" + secret).digest(8 * (3 + 14 * columns))
    return np.frombuffer(drawn, dtype="<u8").astype(np.uint64)


def key_column(series: pl.Series) -> Column:
    """Take the buffers of a column.

    Parameters
    ----------
    series : pl.Series
        Whole numbers below 2**63, dates, date-times, text or bytes. Narrow numbers are widened, all else stays where
        it is. An empty text is a value: make it null before if it is to have no key.

    Returns
    -------
    (width, data, offsets, valid, first_bit)
        As ``digest_columns`` takes it.

    Raises
    ------
    ValueError
        For any other type: a float, decimal or category has no digest that is the same in every table.
    """
    if series.dtype in _NARROW:
        series = series.cast(pl.Int64)
    elif series.dtype.is_temporal():
        series = series.to_physical()
    if series.dtype not in {pl.Int64, pl.Int32, pl.String, pl.Binary}:
        raise ValueError(f"key column {series.name!r} is {series.dtype}: cast it to Int64 or String first.")
    array = series.rechunk().to_arrow()
    first, rows = array.offset, len(array)
    buffers = [None if one is None else np.frombuffer(one, dtype=np.uint8) for one in array.buffers()]
    valid = buffers[0] if array.null_count else None
    if series.dtype in {pl.String, pl.Binary}:
        spans = buffers[1]
        offsets = np.zeros(1, np.int64) if spans is None else spans.view(np.int64)[first : first + rows + 1]
        data = buffers[2]
        return _TEXT, np.zeros(0, np.uint8) if data is None else data, offsets, valid, first
    width = 8 if series.dtype == pl.Int64 else 4
    numbers = buffers[1]
    if numbers is None:
        return width, np.zeros(0, np.uint8), None, valid, first
    return width, numbers[width * first : width * (first + rows)], None, valid, first
