# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Several numbers of messages, in one pass over their bytes. Its twin is ``settlement/kernels/span_columns_twin.py``."""

import numpy as np

from cython.parallel cimport prange

include "span_columns.pxi"
include "span_number.pxi"


cdef int64_t _numbers(const Fields* where, int64_t first, int64_t count, int64_t whole, int zero, int64_t* values,
                      uint8_t* state) noexcept nogil:
    """Read a block; the first row with a span outside the data, or -1."""
    cdef int64_t field, k
    cdef int32_t size = 0
    cdef const uint8_t* at
    for field in range(where.count):
        for k in range(first, first + count):
            at = _span(where, field, k, &size)
            if at == NULL and where.size:
                return where.rows[k]
            state[field * whole + k] = _number(at, size, zero, values + field * whole + k)
    return -1


def span_numbers(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[:, ::1] start,
                 const int32_t[:, ::1] length, const int32_t[:, ::1] fields, const int64_t[::1] rows, int zero, int threads=1):
    """Read fields of some messages as whole numbers.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,)
        Where message i starts in ``data``.
    start, length : int32 (c, n)
        Spans relative to their message; a negative length is an absent one.
    fields : int32 (f, 3)
        Of each field that is read its column, and what part of it: from which byte on, and at most how many. A part
        behind the end of its span is absent.
    rows : int64 (m,)
        The messages that are read.
    zero : int
        The byte of the digit 0; 1 to 9 follow it.
    threads : int
        Threads to use.

    Returns
    -------
    values : int64 (f, m), state : uint8 (f, m)
        State 1: a number. 2: not 1 to 18 digits, value 0. 0: absent, value 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``, or a row or field is none.
    ValueError
        If there is no thread.
    """
    cdef Fields where = _fields(data, base, start, length, fields, rows, threads)
    cdef int64_t m = rows.shape[0], block, blocks = (m + BLOCK - 1) // BLOCK
    values_array, state_array = np.zeros((where.count, m), dtype=np.int64), np.zeros((where.count, m), dtype=np.uint8)
    if not m or not where.count:
        return values_array, state_array
    wrong_array = np.empty(blocks, dtype=np.int64)
    cdef int64_t[:, ::1] values = values_array
    cdef uint8_t[:, ::1] state = state_array
    cdef int64_t[::1] wrong = wrong_array
    for block in prange(blocks, nogil=True, num_threads=threads, schedule="static"):
        wrong[block] = _numbers(&where, block * BLOCK, min(<int64_t>BLOCK, m - block * BLOCK), m, zero, &values[0, 0],
                                &state[0, 0])
    if wrong_array.max() >= 0:
        raise IndexError(f"span {wrong_array[wrong_array >= 0][0]} lies outside the data")
    return values_array, state_array
