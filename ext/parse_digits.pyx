# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Whole numbers and Luhn checks out of byte spans. Its twin is ``settlement/kernels/spans_twin.py``."""

import numpy as np

include "spans.pxi"

cdef enum:
    MOST_DIGITS = 18


def numbers(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    int zero,
):
    """Read spans of digits as whole numbers.

    Parameters
    ----------
    data, base, start, length
        Spans as for ``gather``.
    zero : int
        The byte of the digit 0 (0x30 in ASCII, 0xF0 in EBCDIC); 1 to 9 follow it.

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
    cdef int64_t n = base.shape[0], row, k, value
    cdef int digit
    values_array = np.zeros(n, dtype=np.int64)
    state_array = np.zeros(n, dtype=np.uint8)
    cdef int64_t[::1] values = values_array
    cdef uint8_t[::1] state = state_array
    cdef const uint8_t* source
    with nogil:
        for row in range(n):
            if length[row] < 0:
                continue
            state[row] = 2
            if length[row] == 0 or length[row] > MOST_DIGITS:
                continue
            source = &data[base[row] + start[row]]
            value = 0
            for k in range(length[row]):
                digit = source[k] - zero
                if digit < 0 or digit > 9:
                    break
                value = 10 * value + digit
            else:
                values[row] = value
                state[row] = 1
    return values_array, state_array


def luhn(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    int zero,
):
    """Whether each span is a run of digits whose last one is its Luhn check digit.

    Parameters
    ----------
    data, base, start, length, zero
        Spans and digits as for ``numbers``.

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
    cdef int64_t n = base.shape[0], row, k, total
    cdef int digit
    valid_array = np.zeros(n, dtype=np.uint8)
    cdef uint8_t[::1] valid = valid_array
    cdef const uint8_t* source
    with nogil:
        for row in range(n):
            if length[row] < 2:
                continue
            source = &data[base[row] + start[row]]
            total = 0
            for k in range(length[row]):
                digit = source[length[row] - 1 - k] - zero
                if digit < 0 or digit > 9:
                    break
                if k & 1:
                    digit = 2 * digit - 9 if digit > 4 else 2 * digit
                total += digit
            else:
                valid[row] = total % 10 == 0
    return valid_array
