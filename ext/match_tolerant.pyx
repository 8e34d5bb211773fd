# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Kernel: best pairs within a tolerance. The twin is ``settlement.kernels.match_twin.pair_tolerant``."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, qsort, realloc

import numpy as np


cdef struct Candidate:
    int64_t amount_gap
    int32_t day_gap
    int32_t left
    int32_t right


cdef struct Pool:
    Candidate* rows
    Py_ssize_t used
    Py_ssize_t room


cdef int _before(const void* a, const void* b) noexcept nogil:
    cdef const Candidate* x = <const Candidate*>a
    cdef const Candidate* y = <const Candidate*>b
    if x.amount_gap != y.amount_gap:
        return -1 if x.amount_gap < y.amount_gap else 1
    if x.day_gap != y.day_gap:
        return -1 if x.day_gap < y.day_gap else 1
    if x.left != y.left:
        return -1 if x.left < y.left else 1
    return (x.right > y.right) - (x.right < y.right)


cdef int _add(Pool* pool, Candidate candidate) noexcept nogil:
    cdef Candidate* moved
    if pool.used == pool.room:
        pool.room = 2 * pool.room + 64
        moved = <Candidate*>realloc(pool.rows, pool.room * sizeof(Candidate))
        if moved == NULL:
            return -1
        pool.rows = moved
    pool.rows[pool.used] = candidate
    pool.used += 1
    return 0


cdef int _pair(const int32_t[::1] left, const int64_t[::1] left_amount, const int32_t[::1] left_day,
               const int32_t[::1] right, const int64_t[::1] right_amount, const int32_t[::1] right_day,
               const int32_t[::1] left_order, const int32_t[::1] right_order, int64_t tolerance, int64_t window,
               int32_t[::1] partner, char* taken, Pool* pool) noexcept nogil:
    cdef Py_ssize_t i = 0, j = 0, i_end, j_end, a, b, start, n = left.shape[0], m = right.shape[0]
    cdef Candidate pair
    while i < n and j < m:
        if left[left_order[i]] != right[right_order[j]]:
            if left[left_order[i]] < right[right_order[j]]:
                i += 1
            else:
                j += 1
            continue
        i_end, j_end = i, j
        while i_end < n and left[left_order[i_end]] == left[left_order[i]]:
            i_end += 1
        while j_end < m and right[right_order[j_end]] == right[right_order[j]]:
            j_end += 1
        pool.used, start = 0, j
        for a in range(i, i_end):
            pair.left = left_order[a]
            # Both runs ascend by amount, so the first right row in reach only moves forward.
            while start < j_end and right_amount[right_order[start]] < left_amount[pair.left] - tolerance:
                start += 1
            for b in range(start, j_end):
                pair.right = right_order[b]
                pair.amount_gap = right_amount[pair.right] - left_amount[pair.left]
                if pair.amount_gap > tolerance:
                    break
                pair.amount_gap = -pair.amount_gap if pair.amount_gap < 0 else pair.amount_gap
                pair.day_gap = right_day[pair.right] - left_day[pair.left]
                pair.day_gap = -pair.day_gap if pair.day_gap < 0 else pair.day_gap
                if pair.day_gap <= window and _add(pool, pair) < 0:
                    return -1
        if pool.used > 1:
            qsort(pool.rows, pool.used, sizeof(Candidate), _before)
        for a in range(pool.used):
            pair = pool.rows[a]
            if partner[pair.left] < 0 and not taken[pair.right]:
                partner[pair.left] = pair.right
                taken[pair.right] = 1
        i, j = i_end, j_end
    return 0


def pair_tolerant(const int32_t[::1] left_ids not None, const int64_t[::1] left_amounts not None,
                  const int32_t[::1] left_days not None, const int32_t[::1] right_ids not None,
                  const int64_t[::1] right_amounts not None, const int32_t[::1] right_days not None,
                  int64_t tolerance, int64_t window):
    """Pair rows of equal id whose amounts and days are near, the best pair first.

    Parameters
    ----------
    left_ids, right_ids : int32[n], int32[m]
        Ids; only rows of equal id meet. The rows of each side stand in their declared order.
    left_amounts, right_amounts : int64[n], int64[m]
        Amounts in minor units of one currency within an id, below 2**62 in magnitude.
    left_days, right_days : int32[n], int32[m]
        Day numbers.
    tolerance, window : int
        Greatest difference of amounts and of days, not negative; the tolerance below 2**62.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1; no right row occurs twice. Of all candidates of an id the one with
        the least (amount difference, day difference, left row, right row) is taken, then the least of those
        whose rows are both free, until none is left.

    Notes
    -----
    A candidate takes 24 bytes while its id is worked on; an id of k and m rows has at most k * m of them.
    """
    if tolerance < 0 or window < 0:
        raise ValueError("tolerance and window must not be negative.")
    if not (left_ids.shape[0] == left_amounts.shape[0] == left_days.shape[0]
            and right_ids.shape[0] == right_amounts.shape[0] == right_days.shape[0]):
        raise ValueError("ids, amounts and days of a side must be of one length.")
    partner_array = np.full(left_ids.shape[0], -1, dtype=np.int32)
    cdef int32_t[::1] partner = partner_array
    cdef const int32_t[::1] left_order = np.lexsort((left_amounts, left_ids)).astype(np.int32)
    cdef const int32_t[::1] right_order = np.lexsort((right_amounts, right_ids)).astype(np.int32)
    taken_array = np.zeros(right_ids.shape[0] + 1, dtype=np.int8)
    cdef char[::1] taken = taken_array
    cdef Pool pool
    cdef int fault
    pool.rows, pool.used, pool.room = NULL, 0, 0
    with nogil:
        fault = _pair(left_ids, left_amounts, left_days, right_ids, right_amounts, right_days, left_order, right_order,
                      tolerance, window, partner, &taken[0], &pool)
    free(pool.rows)
    if fault:
        raise MemoryError
    return partner_array
