# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Numbers at fixed positions of many records, several in one pass. Its twin is ``settlement/kernels/positions_twin.py``."""

import numpy as np

from cython.parallel cimport prange

include "positions.pxi"
include "digit_words.pxi"

cdef enum:
    MOST_DIGITS = 18


cdef uint8_t _number(const uint8_t* at, int64_t size, int zero, int blank, int64_t* value) noexcept nogil:
    cdef int64_t k
    if _read_digits(at, size, zero, value):
        return 1
    value[0] = 0
    for k in range(size):
        if at[k] != blank:
            return 2
    return 0


cdef void _numbers(const uint8_t* data, const int64_t* base, const int32_t* length, int64_t count, int first, int size,
                   int zero, int blank, int64_t* values, uint8_t* state) noexcept nogil:
    cdef int64_t row
    for row in range(count):
        state[row] = _number(data + base[row] + first, max(0, min(size, length[row] - first)), zero, blank, &values[row])


def position_numbers(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[::1] length,
                     const int32_t[:, ::1] fields, int zero, int blank, int threads=1):
    """Read fields of digits at fixed positions of records as whole numbers.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,), length : int32 (n,)
        Where each record starts and how long it is; one that is not there has no positive length.
    fields : int32 (f, 2)
        First byte of each field in its record, from 0, and its size, at most 18; cut where the record ends.
    zero, blank : int
        The byte of the digit 0, 1 to 9 follow it; and the byte of a blank.
    threads : int
        Threads to use.

    Returns
    -------
    values : int64 (f, n), state : uint8 (f, n)
        State 1: a number. 2: neither digits nor blank, value 0. 0: not there, or nothing but blanks, value 0.

    Raises
    ------
    IndexError
        If a record does not lie inside ``data``.
    ValueError
        If a field is longer than 18.
    """
    _require(data, base, length, fields)
    cdef int64_t n = base.shape[0], count = fields.shape[0], block, field, row
    values_array, state_array = np.empty((count, n), dtype=np.int64), np.empty((count, n), dtype=np.uint8)
    if count and np.asarray(fields)[:, 1].max() > MOST_DIGITS:
        raise ValueError("a field has more than 18 digits")
    if not n or not count:
        return values_array, state_array
    if not data.shape[0]:  # without a byte there is no number
        data = np.zeros(1, dtype=np.uint8)
    cdef int64_t[:, ::1] values = values_array
    cdef uint8_t[:, ::1] state = state_array
    for block in prange((n + BLOCK - 1) // BLOCK, nogil=True, num_threads=threads, schedule="static"):
        row = block * BLOCK
        for field in range(count):
            _numbers(&data[0], &base[row], &length[row], min(<int64_t>BLOCK, n - row), fields[field, 0], fields[field, 1],
                     zero, blank, &values[field, row], &state[field, row])
    return values_array, state_array
