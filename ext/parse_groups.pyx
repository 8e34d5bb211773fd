# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Records that continue one another. Its twin is ``settlement/kernels/positions_twin.py``."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t


def grouped_records(const int64_t[::1] code, const int64_t[::1] kind, const int64_t[::1] number, const int64_t[::1] size,
                    const int64_t[::1] outside, const int64_t[::1] wanted):
    """Put records together: each first one (number 0) with those behind it that continue it.

    Parameters
    ----------
    code, kind : int64 (n,)
        What a first record and its continuations share; a record whose code is negative continues nothing.
    number : int64 (n,)
        0 where a record is a first one, more where it continues one, negative where neither can be told.
    size : int64 (n,)
        The bytes of each record.
    outside : int64 (k,)
        Codes of records that are no part of any transaction, each below 100.
    wanted : int64 (w,)
        Numbers of the continuations to be told.

    Returns
    -------
    first : int64 (m,)
        The first records, and those that continue nothing, ascending.
    parts, times : int64 (w, m)
        By wanted number its last continuation, -1 where there is none; and how often it is there.
    whole : int64 (m,)
        The bytes of each with all that continues it.
    continues : uint8 (n,)
        1 where a record continues another.

    Raises
    ------
    IndexError
        If the columns differ in length, or a code outside is not 0 to 99.
    """
    cdef int64_t n = code.shape[0], w = wanted.shape[0], row, k, m = 0, head = -1, group = -1
    if kind.shape[0] != n or number.shape[0] != n or size.shape[0] != n:
        raise IndexError("code, kind, number and size differ in length")
    known_array = np.zeros(100, dtype=np.uint8)
    cdef uint8_t[::1] known = known_array
    for k in range(outside.shape[0]):
        if not 0 <= outside[k] < 100:
            raise IndexError("a code outside is not 0 to 99")
        known[outside[k]] = 1
    first_array, whole_array = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    parts_array, times_array = np.full((w, n), -1, dtype=np.int64), np.zeros((w, n), dtype=np.int64)
    continues_array = np.zeros(n, dtype=np.uint8)
    cdef int64_t[::1] first = first_array, whole = whole_array
    cdef int64_t[:, ::1] parts = parts_array, times = times_array
    cdef uint8_t[::1] continues = continues_array
    with nogil:
        for row in range(n):
            if number[row] == 0:
                head, group = row, -1
            if 0 <= code[row] < 100 and known[code[row]]:
                continue
            if number[row] > 0 and group >= 0 and code[row] >= 0 and code[row] == code[head] and kind[row] == kind[head]:
                continues[row] = 1
                whole[group] += size[row]
                for k in range(w):
                    if number[row] == wanted[k]:
                        parts[k, group] = row
                        times[k, group] += 1
                continue
            if number[row] == 0:
                group = m
            first[m], whole[m] = row, size[row]
            m += 1
    return first_array[:m], parts_array[:, :m], times_array[:, :m], whole_array[:m], continues_array
