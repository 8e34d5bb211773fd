# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Kernel: whole-group sums. The twin is ``settlement.kernels.match_twin.group_sums``."""

from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t

import numpy as np


cdef Py_ssize_t _sum(const int32_t[::1] ids, const int64_t[::1] amounts, const int32_t[::1] currencies,
                     int64_t[::1] rows, int64_t[::1] totals, int32_t[::1] currency) noexcept nogil:
    cdef Py_ssize_t row
    cdef int32_t key
    cdef int64_t amount
    for row in range(ids.shape[0]):
        key, amount = ids[row], amounts[row]
        if (amount > 0 and totals[key] > INT64_MAX - amount) or (amount < 0 and totals[key] < INT64_MIN - amount):
            return row
        totals[key] += amount
        if rows[key] == 0:
            currency[key] = currencies[row]
        elif currency[key] != currencies[row]:
            currency[key] = -1
        rows[key] += 1
    return -1


def group_sums(const int32_t[::1] ids not None, const int64_t[::1] amounts not None,
               const int32_t[::1] currencies not None, Py_ssize_t count):
    """Count and sum the rows of each id.

    Parameters
    ----------
    ids : int32[n]
        Ids from 0 below ``count``.
    amounts : int64[n]
        Amounts in minor units.
    currencies : int32[n]
        A number from 0 for the currency of each amount.
    count : int
        Number of ids.

    Returns
    -------
    rows : int64[count]
        Rows of each id.
    totals : int64[count]
        Sum of their amounts; it means money only where the currency is one.
    currency : int32[count]
        The currency where all rows of the id share it, else -1; -1 for an id without rows.

    Notes
    -----
    One pass, no order needed. Raises ValueError for an id outside its range and OverflowError where a sum leaves
    64 bits: a wrong sum never comes back.
    """
    if not ids.shape[0] == amounts.shape[0] == currencies.shape[0]:
        raise ValueError("ids, amounts and currencies must be of one length.")
    array = np.asarray(ids)
    if array.size and (array.min() < 0 or array.max() >= count):
        raise ValueError(f"ids must lie in 0 .. {count - 1}: number the keys first.")
    rows_array = np.zeros(count, dtype=np.int64)
    totals_array = np.zeros(count, dtype=np.int64)
    currency_array = np.full(count, -1, dtype=np.int32)
    cdef int64_t[::1] rows = rows_array, totals = totals_array
    cdef int32_t[::1] currency = currency_array
    cdef Py_ssize_t fault
    with nogil:
        fault = _sum(ids, amounts, currencies, rows, totals, currency)
    if fault >= 0:
        raise OverflowError(f"The sum of id {array[fault]} does not fit into 64 bits.")
    return rows_array, totals_array, currency_array
