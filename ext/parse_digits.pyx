# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Whole numbers and Luhn checks out of byte spans. Its twin is ``settlement/kernels/spans_twin.py``."""

import numpy as np

from cython.parallel cimport prange

include "spans.pxi"
include "span_number.pxi"


cdef inline int64_t _summed(uint64_t word) noexcept nogil:
    """The sum of eight digits, every second from the last but one doubled, and 9 off where that is above 9."""
    cdef uint64_t other = word & 0x00FF00FF00FF00FFULL
    other += other - 9 * (((other + 0x007B007B007B007BULL) >> 7) & 0x0001000100010001ULL)
    return <int64_t>((((word & 0xFF00FF00FF00FF00ULL) >> 8) + other) * 0x0001000100010001ULL >> 48)


cdef bint _passes(const uint8_t* source, int32_t size, int zero) noexcept nogil:
    cdef int32_t k, total = 0
    cdef int digit
    cdef uint64_t word
    if size < 2:
        return False
    while size >= 8 and not zero & 15:
        word = _digits(source + size - 8, zero)
        if not _all_digits(word):
            return False
        total += <int32_t>_summed(word)
        size -= 8
    for k in range(size):
        digit = source[size - 1 - k] - zero
        if digit < 0 or digit > 9:
            return False
        if k & 1:
            digit = 2 * digit - 9 if digit > 4 else 2 * digit
        total += digit
    return total % 10 == 0


def numbers(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    int zero,
    int threads=1,
):
    """Read spans of digits as whole numbers.

    Parameters
    ----------
    data, base, start, length
        Spans as for ``gather``.
    zero : int
        The byte of the digit 0 (0x30 in ASCII, 0xF0 in EBCDIC); 1 to 9 follow it.
    threads : int
        Threads to use.

    Returns
    -------
    values : int64 (n,), state : uint8 (n,)
        State 1: a number. 2: not 1 to 18 digits, value 0. 0: absent, value 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    _check(data, base, start, length)
    cdef int64_t n = base.shape[0], row
    values_array = np.zeros(n, dtype=np.int64)
    state_array = np.zeros(n, dtype=np.uint8)
    if not data.shape[0]:  # without a byte there is no number
        data = np.zeros(1, dtype=np.uint8)
    cdef int64_t[::1] values = values_array
    cdef uint8_t[::1] state = state_array
    for row in prange(n, nogil=True, num_threads=threads, schedule="static"):
        state[row] = _number(&data[0] + base[row] + start[row], length[row], zero, &values[row])
    return values_array, state_array


def luhn(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    int zero,
    int threads=1,
):
    """Whether each span is a run of digits whose last one is its Luhn check digit.

    Parameters
    ----------
    data, base, start, length, zero, threads
        Spans, digits and threads as for ``numbers``.

    Returns
    -------
    valid : uint8 (n,)
        1 where the span has at least 2 bytes, all of them digits, and passes; else 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    _check(data, base, start, length)
    cdef int64_t n = base.shape[0], row
    valid_array = np.zeros(n, dtype=np.uint8)
    if not data.shape[0]:  # without a byte there is no number
        data = np.zeros(1, dtype=np.uint8)
    cdef uint8_t[::1] valid = valid_array
    for row in prange(n, nogil=True, num_threads=threads, schedule="static"):
        valid[row] = _passes(&data[0] + base[row] + start[row], length[row], zero)
    return valid_array
