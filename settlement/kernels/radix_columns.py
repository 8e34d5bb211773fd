"""Key columns as the kernel of digests takes them: the buffers of Polars columns, without a copy, and its keys."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Column = tuple[int, NDArray[np.uint8], list[NDArray[np.uint8]], NDArray[np.uint8] | None, int]

# Enough where nobody chooses keys in order to make them collide; elsewhere the caller gives a secret.
DEFAULT_SECRET: Final = b"settlement radix"

_VIEW: Final = 16
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
    uint64[3 + 26 * columns]
        Drawn with SHAKE-256: without the secret they cannot be told from random ones.
    """
    if len(secret) < 16:  # noqa: PLR2004 (128 bits)
        raise ValueError(f"the secret has {len(secret)} bytes: at least 16 are needed.")
    drawn = hashlib.shake_256(b"settlement.kernels.radix" + secret).digest(8 * (3 + 26 * columns))
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
    (width, data, parts, valid, first_bit)
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
    array = series.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    first, rows = array.offset, len(array)
    valid, data, *parts = (
        np.zeros(0, dtype=np.uint8) if one is None else np.frombuffer(one, dtype=np.uint8) for one in array.buffers()
    )
    width = 8 if series.dtype == pl.Int64 else 4 if series.dtype == pl.Int32 else _VIEW
    return width, data[width * first : width * (first + rows)], parts, valid if array.null_count else None, first
