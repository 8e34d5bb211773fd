"""The radix kernels, compiled or twin: digests of keys, equal pairs, open rows, and best pairs of what is open."""

from __future__ import annotations

import os
from collections.abc import Sequence

import polars as pl

from settlement.errors import TerminalError
from settlement.kernels.choice import NOT_BUILT, use_compiled
from settlement.kernels.radix_columns import DEFAULT_SECRET, digest_keys, key_column
from settlement.kernels.radix_twin import Checks, Hashes, Rows

if use_compiled():
    # OpenMP reads this once, when the first kernel loads it: threads that wait by spinning take the core from the
    # thread they wait for, wherever the machine has other work.
    _told = os.environ.get("OMP_WAIT_POLICY")
    os.environ["OMP_WAIT_POLICY"] = _told or "passive"
    try:
        from settlement.kernels._radix_best import pair_best
        from settlement.kernels._radix_digest import digest_columns
        from settlement.kernels._radix_equal import kernel_bytes, pair_equal
        from settlement.kernels._radix_open import open_rows
        from settlement.kernels._radix_repeated import repeated_rows
    except ImportError:
        raise TerminalError(NOT_BUILT) from None
    finally:
        if _told is None:
            del os.environ["OMP_WAIT_POLICY"]
else:
    from settlement.kernels.radix_twin import (
        digest_columns,
        kernel_bytes,
        open_rows,
        pair_best,
        pair_equal,
        repeated_rows,
    )

__all__ = [
    "compiled",
    "cores",
    "digest_columns",
    "digest_rows",
    "kernel_bytes",
    "open_rows",
    "pair_best",
    "pair_equal",
    "repeated_rows",
]


def compiled() -> bool:
    """Whether the functions of this module are the compiled ones."""
    return type(pair_equal).__name__ == "cython_function_or_method"


def cores() -> int:
    """Threads that a kernel can use at once: the cores this process may run on."""
    return len(os.sched_getaffinity(0))


def digest_rows(
    columns: Sequence[pl.Series], *, rows: Rows | None = None, secret: bytes = DEFAULT_SECRET, threads: int = 1
) -> tuple[Hashes, Checks]:
    """Digest the composite key of each row to 96 bits.

    Parameters
    ----------
    columns : sequence of pl.Series
        The columns of the key, at least one, all of one length; types as ``key_column`` takes them. A column has the
        same meaning on both sides if it stands at the same place: whole numbers meet whole numbers, text meets text.
    rows : int32[k], optional
        The rows to digest, in this order; all of them if not given.
    secret : bytes
        At least 16 bytes. Digests are comparable only where secret and number of columns are the same.
    threads : int
        Threads to use.

    Returns
    -------
    hash : uint64[k], check : uint32[k]
        Hash 0: one of the columns is null, the row has no key and meets nobody.

    Raises
    ------
    ValueError
        For columns of different lengths or of a type without a digest.
    """
    lengths = {len(column) for column in columns}
    if len(lengths) != 1:
        raise ValueError("a key needs at least one column, and all columns must be of one length.")
    taken = [key_column(column) for column in columns]
    digests: tuple[Hashes, Checks] = digest_columns(
        taken, digest_keys(secret, len(taken)), lengths.pop(), rows, threads
    )
    return digests
