# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Kernel: equal keys get equal small numbers. The twin is ``settlement.kernels.match_twin.number_keys``."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import numpy as np


cdef struct Slot:
    uint32_t tag
    int32_t row  # first row of the key plus one, 0 where the slot is free


cdef inline uint64_t _mixed(int64_t key) noexcept nogil:
    cdef uint64_t h = <uint64_t>key
    h = (h ^ (h >> 33)) * <uint64_t>0xFF51AFD7ED558CCD
    h = (h ^ (h >> 33)) * <uint64_t>0xC4CEB9FE1A85EC53
    return h ^ (h >> 33)


cdef int32_t _number(const int64_t[::1] keys, int32_t[::1] ids, int32_t[::1] first, Slot* table,
                     uint64_t mask) noexcept nogil:
    cdef Py_ssize_t row
    cdef uint64_t h, at
    cdef uint32_t tag
    cdef int32_t found = 0, before
    for row in range(keys.shape[0]):
        h = _mixed(keys[row])
        tag = <uint32_t>(h >> 32)
        at = h & mask
        while True:
            before = table[at].row
            if before == 0:
                table[at].tag = tag
                table[at].row = <int32_t>row + 1
                ids[row] = found
                first[found] = <int32_t>row
                found += 1
                break
            if table[at].tag == tag and keys[before - 1] == keys[row]:
                ids[row] = ids[before - 1]
                break
            at = (at + 1) & mask
    return found


def number_keys(const int64_t[::1] keys not None):
    """Number equal keys alike, from 0 in order of first appearance.

    Parameters
    ----------
    keys : int64[n]
        Any values; fewer than 2**31 - 1 rows.

    Returns
    -------
    ids : int32[n]
        ``ids[i] == ids[j]`` exactly where ``keys[i] == keys[j]``.
    first : int32[count]
        The first row of each number: ``ids[first[k]] == k``, ascending.

    Notes
    -----
    Keys are compared, not only their hashes. One pass; 8 bytes a slot, at least 3 slots for 2 rows.
    """
    cdef Py_ssize_t n = keys.shape[0]
    if n >= 2**31 - 1:
        raise ValueError(f"{n} rows are too many to number at once: fewer than 2**31 - 1 fit.")
    cdef uint64_t size = 16
    while 2 * size < 3 * <uint64_t>n:
        size *= 2
    ids_array = np.empty(n, dtype=np.int32)
    first_array = np.empty(n, dtype=np.int32)
    cdef int32_t[::1] ids = ids_array, first = first_array
    cdef int32_t count
    cdef Slot* table = <Slot*>malloc(size * sizeof(Slot))
    if table == NULL:
        raise MemoryError
    try:
        with nogil:
            memset(table, 0, size * sizeof(Slot))
            count = _number(keys, ids, first, table, size - 1)
    finally:
        free(table)
    return ids_array, first_array[:count].copy()
