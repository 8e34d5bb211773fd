# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernels: sums without a key. The twin is ``settlement.kernels.sums_twin``."""

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc

import numpy as np

include "sums_lists.pxi"
include "sums_search.pxi"
include "sums_told.pxi"


cdef int _answer(Py_ssize_t group, const int32_t[::1] start, const int64_t[::1] amounts, const int64_t[::1] targets,
                 const int64_t[::1] tolerances, int32_t most, int64_t steps, uint8_t[::1] status,
                 int32_t[:, ::1] members, int32_t[:, ::1] second, uint8_t[::1] equal, Search* s) noexcept nogil:
    """One target; 1 where memory is short."""
    cdef int32_t row
    cdef int told
    s.count = start[group + 1] - start[group]
    s.most, s.steps = min(most, s.count), steps
    # Where any number of rows will do, only 0, 1 and more must be told apart.
    s.counted = MOST if s.most < s.count else 2
    s.low, s.high = targets[group] - tolerances[group], targets[group] + tolerances[group]
    for row in range(s.count):
        s.rows[row].amount, s.rows[row].row = amounts[start[group] + row], row
        s.rows[row].half = -1
    told = _search(s)
    if told < 0:
        return 1
    status[group] = told
    if told == NONE or told == GAVE_UP:
        return 0
    _mark(s, 0)
    _write(s, start[group], &members[group, 0])
    if told == AMBIGUOUS:
        _mark(s, 1)
    elif _swap(s):
        status[group], equal[group] = AMBIGUOUS, 1
    else:
        return 0
    _write(s, start[group], &second[group, 0])
    return 0


cdef Search* _searches(int threads, int64_t largest) noexcept nogil:
    """A search for each thread, with room for the largest group; NULL where memory is short."""
    cdef int thread
    cdef bint short = False
    cdef Search* searches = <Search*>calloc(threads, sizeof(Search))
    if searches == NULL:
        return NULL
    for thread in range(threads):
        searches[thread].rows = <Row*>malloc((largest + 1) * sizeof(Row))
        searches[thread].chosen = <uint8_t*>malloc(largest + 1)
        short = short or searches[thread].rows == NULL or searches[thread].chosen == NULL
    if short:
        _let_go(searches, threads)
        return NULL
    return searches


cdef void _let_go(Search* searches, int threads) noexcept nogil:
    cdef int thread, each
    for thread in range(threads):
        for each in range(4):
            free(searches[thread].lists[each].rows)
        free(searches[thread].rows)
        free(searches[thread].chosen)
    free(searches)


def _check(group_start, amounts, targets, tolerances):
    if not len(group_start) == len(targets) + 1 == len(tolerances) + 1:
        raise ValueError("group_start must be one longer than targets and tolerances.")
    if (group_start[0], group_start[len(targets)]) != (0, len(amounts)) or (np.diff(group_start) < 0).any():
        raise ValueError("group_start must rise from 0 to the number of amounts.")
    if len(targets) and tolerances.min() < 0:
        raise ValueError("tolerances must not be negative.")
    cdef Py_ssize_t group = _unsafe(group_start, amounts, targets, tolerances)
    if group >= 0:
        raise OverflowError(f"The amounts of group {group} are too great for exact sums in 64 bits.")


def find_subsets(const int32_t[::1] group_start not None, const int64_t[::1] amounts not None,
                 const int64_t[::1] targets not None, const int64_t[::1] tolerances not None,
                 Py_ssize_t most_members, int64_t most_steps, int threads=1):
    """Find for each target the one subset of its group, of two rows or more, whose sum is within tolerance.

    Parameters
    ----------
    group_start : int32[g + 1]
        The candidates of target i stand from ``group_start[i]`` up to ``group_start[i + 1]``, in declared order.
    amounts : int64[n]
        Signed amounts of the candidates in minor units of their target's currency.
    targets, tolerances : int64[g]
        The sum sought, and by how much a sum may differ from it.
    most_members : int
        Greatest number of rows in a subset, 2 to 16383.
    most_steps : int
        Greatest number of sums formed and of pairs of sums compared for one target.
    threads : int
        Threads to use; each target is searched by one.

    Returns
    -------
    status : uint8[g]
        0 (proved none) where no subset fits; 1 (found) where exactly one set of rows fits; 2 (ambiguous) where
        several do; 3 (gave up) where the bound was reached first, or candidates are too many.
    members : int32[g, k]
        Positions in ``amounts`` of the subset, ascending, then -1; of several subsets one. k is the lesser of
        ``most_members`` and the largest group.
    second : int32[g, k]
        Where ambiguous, another subset that fits.
    equal_amounts_only : uint8[g]
        1 where ambiguous, but all subsets that fit hold the same amounts: they differ only in which of several rows
        of equal amount they take. ``members`` is then the first one in declared order.

    Notes
    -----
    The search is complete: whatever is told, gave up aside, is proved. Meeting halves of n distinct amounts take
    about ``4 * 2**(n / 2)`` steps, fewer where sums coincide or cannot reach the target, or where two subsets turn up
    early; 16 bytes a step. At most 100 distinct amounts are searched, fewer where rows repeat them; a group whose
    amounts have a common divisor that no sum in reach has is proved at any size. Raises ValueError for wrong shapes
    or bounds and OverflowError where the magnitudes of a group, its target and tolerance together reach 2**62.
    """
    cdef Py_ssize_t groups = targets.shape[0]
    starts = np.asarray(group_start)
    _check(starts, np.asarray(amounts), np.asarray(targets), np.asarray(tolerances))
    if not 2 <= most_members <= MOST or most_steps < 1:
        raise ValueError(f"most_members must lie in 2 .. {MOST} and most_steps be at least 1.")
    if threads < 1:
        raise ValueError("threads must be at least 1.")
    largest = int(np.diff(starts).max()) if groups else 0
    cdef int32_t most = min(most_members, largest)
    members_array = np.full((groups, most), -1, dtype=np.int32)
    second_array = np.full((groups, most), -1, dtype=np.int32)
    status_array, equal_array = np.zeros(groups, dtype=np.uint8), np.zeros(groups, dtype=np.uint8)
    cdef int32_t[:, ::1] members = members_array, second = second_array
    cdef uint8_t[::1] status = status_array, equal = equal_array
    cdef Search* searches = _searches(threads, largest)
    cdef Py_ssize_t group
    cdef int fault = 0
    if searches == NULL:
        raise MemoryError
    for group in prange(groups, nogil=True, num_threads=threads, schedule="dynamic", chunksize=32):
        fault |= _answer(group, group_start, amounts, targets, tolerances, most, most_steps, status, members, second,
                         equal, searches + threadid())
    _let_go(searches, threads)
    if fault:
        raise MemoryError
    return status_array, members_array, second_array, equal_array


def whole_groups(const int32_t[::1] group_start not None, const int64_t[::1] amounts not None,
                 const int64_t[::1] targets not None, const int64_t[::1] tolerances not None):
    """Tell for each target whether all rows of its group together sum to it, within tolerance.

    Parameters
    ----------
    group_start : int32[g + 1]
        The candidates of target i stand from ``group_start[i]`` up to ``group_start[i + 1]``.
    amounts : int64[n]
        Signed amounts of the candidates in minor units of their target's currency.
    targets, tolerances : int64[g]
        The sum sought, and by how much the sum may differ from it.

    Returns
    -------
    fits : uint8[g]
        1 where the group has rows and their sum is within tolerance.

    Notes
    -----
    One pass over the amounts. Raises as ``find_subsets``.
    """
    _check(np.asarray(group_start), np.asarray(amounts), np.asarray(targets), np.asarray(tolerances))
    fits_array = np.zeros(targets.shape[0], dtype=np.uint8)
    cdef uint8_t[::1] fits = fits_array
    cdef Py_ssize_t group, row
    cdef int64_t residual
    with nogil:
        for group in range(targets.shape[0]):
            residual = -targets[group]
            for row in range(group_start[group], group_start[group + 1]):
                residual += amounts[row]
            fits[group] = group_start[group + 1] > group_start[group] and (
                -tolerances[group] <= residual <= tolerances[group])
    return fits_array
