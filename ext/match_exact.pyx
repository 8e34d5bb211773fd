# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Kernel: exact one-to-one pairs of two sides. The twin is ``settlement.kernels.match_twin.pair_exact``."""

from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc

import numpy as np


cdef void _pair(const int32_t[::1] left, const int32_t[::1] right, int32_t[::1] partner, int32_t* head,
                int32_t* after, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t row
    cdef int32_t top
    for row in range(count):
        head[row] = -1
    # Backwards, so that each chain starts with the row that stands first.
    for row in range(right.shape[0] - 1, -1, -1):
        after[row] = head[right[row]]
        head[right[row]] = <int32_t>row
    for row in range(left.shape[0]):
        top = head[left[row]]
        partner[row] = top
        if top >= 0:
            head[left[row]] = after[top]


def pair_exact(const int32_t[::1] left_ids not None, const int32_t[::1] right_ids not None, Py_ssize_t count):
    """Pair equal ids one to one: the i-th row of an id on the left meets the i-th on the right.

    Parameters
    ----------
    left_ids, right_ids : int32[n], int32[m]
        Ids from 0 below ``count``; the rows of each side stand in their declared order.
    count : int
        Number of ids.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1. Where k and m rows share an id, min(k, m) of them are paired;
        no right row occurs twice.

    Notes
    -----
    Two passes over the right side and one over the left; 4 bytes an id and 4 a right row beside the result.
    Raises ValueError for an id outside 0 .. count - 1.
    """
    for side in (np.asarray(left_ids), np.asarray(right_ids)):
        if side.size and (side.min() < 0 or side.max() >= count):
            raise ValueError(f"ids must lie in 0 .. {count - 1}: number the keys first.")
    partner_array = np.empty(left_ids.shape[0], dtype=np.int32)
    cdef int32_t[::1] partner = partner_array
    cdef int32_t* head = <int32_t*>malloc((count + 1) * sizeof(int32_t))
    cdef int32_t* after = <int32_t*>malloc((right_ids.shape[0] + 1) * sizeof(int32_t))
    try:
        if head == NULL or after == NULL:
            raise MemoryError
        with nogil:
            _pair(left_ids, right_ids, partner, head, after, count)
    finally:
        free(head)
        free(after)
    return partner_array
