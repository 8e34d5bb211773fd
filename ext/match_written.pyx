# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Kernel: whole numbers as texts. The twin is ``settlement.kernels.match_twin.written_numbers``."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

import numpy as np

cdef enum:
    INSIDE = 12

cdef int64_t MOST = 10 ** 12


cdef extern from *:
    ctypedef unsigned long long uint128_t "unsigned __int128"


cdef uint32_t[10000] FOUR  # the bytes of four digits, the first one lowest


cdef int _fill() noexcept nogil:
    cdef uint32_t n
    for n in range(10000):
        FOUR[n] = 0x30303030 + (n // 1000 | (n // 100 % 10) << 8 | (n // 10 % 10) << 16 | (n % 10) << 24)
    return 0


_fill()


cdef inline int _digits(uint64_t value) noexcept nogil:
    cdef int digits = 1
    cdef uint64_t bound = 10
    while digits < INSIDE and value >= bound:
        bound *= 10
        digits += 1
    return digits


cdef int _write(uint32_t* view, int64_t value, uint128_t before, int size, int digits) noexcept nogil:
    """The view of one number, or -1 where its text does not fit inside."""
    if value < 0 or value >= MOST:
        return -1
    cdef uint64_t upper = <uint64_t>value // 10000
    cdef uint32_t highest = <uint32_t>(upper // 10000)
    cdef uint32_t middle = <uint32_t>(upper - 10000 * <uint64_t>highest)
    cdef uint32_t lowest = <uint32_t>(value - 10000 * upper)
    digits = max(digits, _digits(value))
    if size + digits > INSIDE:
        return -1
    cdef uint128_t text = FOUR[highest] | <uint128_t>FOUR[middle] << 32 | <uint128_t>FOUR[lowest] << 64
    text = text >> 8 * (INSIDE - digits) << 8 * size | before
    view[0] = <uint32_t>(size + digits)
    view[1] = <uint32_t>text
    view[2] = <uint32_t>(text >> 32)
    view[3] = <uint32_t>(text >> 64)
    return 0


def written_numbers(const int64_t[::1] numbers not None, bytes before not None, int digits):
    """Whole numbers as Arrow's views of their texts.

    Parameters
    ----------
    numbers : int64[n]
        Numbers from 0.
    before : bytes
        ASCII that each text begins with.
    digits : int
        The fewest digits, from 1 to 12; zeros fill up from the left.

    Returns
    -------
    views : int32[n, 4]

    Notes
    -----
    Raises ValueError for a number below 0, for ``digits`` outside its bounds, and where a text has more than 12 bytes.
    """
    if not 1 <= digits <= INSIDE:
        raise ValueError("digits must be from 1 to 12")
    if len(before) > INSIDE or not before.isascii():
        raise ValueError("before must be at most 12 bytes of ASCII")
    cdef Py_ssize_t row, count = numbers.shape[0], wrong = -1
    cdef int size = <int>len(before)
    cdef uint128_t first = 0
    for row in range(size):
        first |= <uint128_t><unsigned char>before[row] << 8 * row
    views_array = np.empty((count, 4), dtype=np.int32)
    cdef int32_t[:, ::1] views = views_array
    with nogil:
        for row in range(count):
            if _write(<uint32_t*>&views[row, 0], numbers[row], first, size, digits):
                wrong = row
                break
    if wrong >= 0:
        raise ValueError(f"{numbers[wrong]} is no number of a text of at most {INSIDE} bytes")
    return views_array
