# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernel: keyed 96-bit digests of composite keys. The twin is in ``settlement.kernels.radix_digest_twin``."""

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

import numpy as np

cdef enum:
    BLOCK = 1024  # rows that are worked on at once, column after column
    AHEAD = 32  # rows between the order for a number and its use, where rows are picked
    SHORT = 15  # bytes of a text that is two numbers
    LONG = 31  # and of one that is four; a longer one is hashed
    VIEW = 16  # bytes of a view; it holds a text of up to 12 bytes itself
    INSIDE = 12

cdef struct Column:
    int width  # 4 or 8 bytes a number; 16 bytes a view of a text
    int64_t parts  # that views point into
    const uint8_t* data
    const int64_t* part  # address and size of each
    const uint8_t* valid  # NULL: no row is null
    int64_t first_bit
    const uint64_t* key  # 24 for the column, and 2 for hashed text


cdef extern from * nogil:
    void __builtin_prefetch(const void* at)

include "radix_sums.pxi"
include "radix_words.pxi"


cdef int _digest(const Column* columns, int width, const uint64_t* start, const int32_t* rows, int64_t first,
                 int64_t count, uint64_t* hashes, uint32_t* checks) noexcept nogil:
    """Digest one block. Three sums modulo 2**64, of which the upper halves are the digest. Returns 1 as ``_take``."""
    cdef int64_t i
    cdef int which, wrong = 0
    cdef uint64_t sums[3 * BLOCK]
    cdef uint64_t low[BLOCK]
    cdef uint64_t high[BLOCK]
    cdef const uint64_t* numbers
    cdef const Column* column
    for i in range(count):
        sums[i], sums[BLOCK + i], sums[2 * BLOCK + i] = start[0], start[1], start[2]
    for which in range(width):
        column = columns + which
        if column.width == 8 and rows == NULL:
            numbers = <const uint64_t*>column.data + first
        else:
            wrong |= _take(column, rows, first, count, &low[0], &high[0], &sums[0])
            numbers = &low[0]
        digest_add(&sums[0], numbers, column.key, count, BLOCK)
        if column.width == VIEW:
            digest_add(&sums[0], &high[0], column.key + 6, count, BLOCK)
    digest_end(&sums[0], hashes, checks, count, BLOCK)
    for which in range(width):
        column = columns + which
        for i in range(count if column.valid != NULL else 0):
            if _null(column, rows[first + i] if rows != NULL else first + i):
                hashes[i], checks[i] = 0, 0
    return wrong


def digest_columns(columns, const uint64_t[::1] keys not None, int64_t count, rows=None, int threads=1):
    """Digest the composite key of each row to 96 bits.

    Parameters
    ----------
    columns : list of (width, data, parts, valid, first_bit)
        The columns of the key, each of ``count`` rows. Width 8 or 4: int64 or int32 numbers, which lie in ``data``
        (uint8); an int32 and an int64 of one value are equal. Width 16: text or bytes as Arrow's views, which lie in
        ``data`` and point into ``parts``, a list of uint8 arrays. ``valid`` is None or an Arrow bitmap (uint8) whose
        bit ``first_bit + i`` is 0 where row i is null.
    keys : uint64[3 + 26 * columns]
        Random numbers: 3, and 26 for each column.
    count : int
        Rows of each column.
    rows : int32[k], optional
        The rows to digest, in this order; all of them if not given.
    threads : int
        Threads to use.

    Returns
    -------
    hash : uint64[k], check : uint32[k]
        Equal for equal keys. Hash 0 (and check 0): a column of the row is null, it has no key.

    Notes
    -----
    Each column is one, two or four pairs (a, b) of 32-bit numbers; three sums of (k + a) * (l + b) modulo 2**64 run
    over all pairs, and the upper halves of the sums are the digest: a strongly universal family. A text of more than
    31 bytes enters as 120 bits of its keyed SipHash-2-4. Whoever does not know the keys makes two different keys
    collide with probability 2**-96. Digests must stay inside the process.
    """
    if keys.shape[0] != 3 + 26 * len(columns) or not 0 <= count < 2**31 - 1 or threads < 1:
        raise ValueError("26 keys a column and 3, fewer than 2**31 - 1 rows, and at least one thread are needed.")
    if rows is not None and len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise ValueError(f"rows must lie in 0 .. {count - 1}.")
    described = np.zeros(max(1, len(columns)) * sizeof(Column), dtype=np.uint8)
    cdef uint8_t[::1] room = described
    cdef Column* table = <Column*>&room[0]
    cdef const uint8_t[::1] data, valid
    cdef const int64_t[::1] places
    cdef const int32_t[::1] chosen
    cdef int which, wrong = 0, width = len(columns)
    held = []
    for which in range(width):
        table[which].width, data, parts, bits, table[which].first_bit = columns[which]
        table[which].key = &keys[3 + 26 * which]
        table[which].data = &data[0] if data.shape[0] else &room[0]
        if data.shape[0] != count * table[which].width:
            raise ValueError(f"column {which} does not have {count} rows.")
        if parts:
            places = np.array([(part.ctypes.data, part.size) for part in parts], dtype=np.int64).ravel()
            held.append(places)
            table[which].parts, table[which].part = len(parts), &places[0]
        if bits is not None:
            valid = bits
            if valid.shape[0] * 8 < table[which].first_bit + count:
                raise ValueError(f"the bitmap of column {which} does not have {count} rows.")
            table[which].valid = &valid[0] if count else NULL
    cdef const int32_t* picked = NULL
    cdef int64_t block, size = count if rows is None else len(rows)
    hash_array, check_array = np.empty(size, dtype=np.uint64), np.empty(size, dtype=np.uint32)
    if not size:
        return hash_array, check_array
    if rows is not None:
        chosen = rows
        picked = &chosen[0]
    cdef uint64_t[::1] hashes = hash_array
    cdef uint32_t[::1] checks = check_array
    for block in prange((size + BLOCK - 1) // BLOCK, nogil=True, num_threads=threads, schedule="dynamic", chunksize=8):
        wrong |= _digest(table, width, &keys[0], picked, block * BLOCK, min(<int64_t>BLOCK, size - block * BLOCK),
                         &hashes[block * BLOCK], &checks[block * BLOCK])
    if wrong:
        raise ValueError("a view of a text points outside its parts.")
    return hash_array, check_array
