"""The radix kernels, compiled or twin: digests of keys, equal pairs, open rows, and pairs of what is open."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_bytes
from typing import Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.kernels.assign import MOST_EDGES
from settlement.kernels.choice import NOT_BUILT, cores, patient_threads, use_compiled
from settlement.kernels.radix_columns import DEFAULT_SECRET, digest_keys, key_column
from settlement.kernels.radix_optimal_twin import ANY, Outcomes, Way
from settlement.kernels.radix_twin import Amounts, Arena, Checks, Hashes, Rows

if use_compiled():
    try:
        with patient_threads():
            from settlement.kernels._radix_best import pair_best
            from settlement.kernels._radix_digest import digest_columns
            from settlement.kernels._radix_equal import kernel_bytes, pair_equal, pair_equal_told
            from settlement.kernels._radix_open import open_rows
            from settlement.kernels._radix_optimal import pair_optimal as _pair_optimal
    except ImportError:
        raise TerminalError(NOT_BUILT) from None
else:
    from settlement.kernels.radix_digest_twin import digest_columns
    from settlement.kernels.radix_optimal_twin import pair_optimal as _pair_optimal
    from settlement.kernels.radix_twin import (
        kernel_bytes,
        open_rows,
        pair_best,
        pair_equal,
        pair_equal_told,
    )

__all__ = [
    "ANY",
    "MOST_PAIRS",
    "PROCESS_SECRET",
    "Way",
    "compiled",
    "cores",
    "digest_columns",
    "digest_rows",
    "kernel_bytes",
    "open_rows",
    "pair_best",
    "pair_equal",
    "pair_equal_told",
    "pair_optimal",
]

PROCESS_SECRET: Final = token_bytes(32)
"""Drawn once a process: who writes records cannot make two keys share a digest. No result depends on it."""

MOST_PAIRS: Final = 32_000_000
"""Pairs in reach of one block that are still looked at: some tenths of a second."""

_PIECE: Final = 2**17
"""Rows that are laid out for the kernel at once where columns lie in chunks: not a second copy of all of them."""


def compiled() -> bool:
    """Whether the functions of this module are the compiled ones."""
    return type(pair_equal).__name__ == "cython_function_or_method"


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
    height = lengths.pop()
    keys = digest_keys(secret, len(columns))
    if rows is not None or height <= _PIECE or all(column.n_chunks() == 1 for column in columns):
        taken = [key_column(column) for column in columns]
        digests: tuple[Hashes, Checks] = digest_columns(taken, keys, height, rows, threads)
        return digests
    hashes, checks = np.empty(height, dtype=np.uint64), np.empty(height, dtype=np.uint32)
    for first in range(0, height, _PIECE):
        taken = [key_column(column.slice(first, _PIECE)) for column in columns]
        some = slice(first, min(first + _PIECE, height))
        hashes[some], checks[some] = digest_columns(taken, keys, some.stop - first, None, threads)
    return hashes, checks


def pair_optimal(  # noqa: PLR0917 (the kernel's own order)
    left_hash: Hashes,
    left_check: Checks,
    left_amounts: Amounts,
    left_days: Rows,
    right_hash: Hashes,
    right_check: Checks,
    right_amounts: Amounts,
    right_days: Rows,
    *,
    left_way: Way,
    right_way: Way,
    days: tuple[int, int] | None,
    weights: tuple[int, int],
    most_edges: int = MOST_EDGES,
    most_pairs: int = MOST_PAIRS,
    threads: int = 1,
    bits: int = -1,
    arena: Arena = None,
    left_rows: Rows | None = None,
    right_rows: Rows | None = None,
) -> tuple[Rows, Outcomes, Outcomes]:
    """Pair rows of equal group whose amounts and days are near: most pairs, then least cost, then by row order.

    Arguments and results are the kernel's, see ``settlement.kernels.radix_optimal_twin.pair_optimal``; the second and
    third array hold values of ``settlement.kernels.assign.Assigned`` for the left and the right rows.

    Raises
    ------
    TerminalError
        Where the dearest candidate of a component times their number reaches 2**61, so that sums of costs would not
        be exact in 64 bits.
    """
    ours, theirs = (
        (left_hash, left_check, left_amounts, left_days),
        (right_hash, right_check, right_amounts, right_days),
    )
    rule, bounds = (left_way, right_way, days, weights), (most_edges, most_pairs)
    try:
        return _pair_optimal(*ours, *theirs, *rule, *bounds, threads, bits, arena, left_rows, right_rows)  # type: ignore[no-any-return]
    except OverflowError:
        raise TerminalError(
            "Candidate pairs cost more than can be summed exactly in 64 bits: give the pass smaller cost weights or a "
            "narrower tolerance."
        ) from None
