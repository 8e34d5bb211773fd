# Digits eight at a time. Included by the kernels that read numbers, never imported.

from libc.stdint cimport int64_t, uint8_t, uint64_t

include "eight_bytes.pxi"

cdef uint64_t OVER = 0x7676767676767676  # lifts what is above 9 into the high bit


cdef inline uint64_t _digits(const uint8_t* at, int zero) noexcept nogil:
    """Eight bytes as the digits they are, the first one lowest: 0 to 9 where they are digits, as zero ends in four 0 bits."""
    return _word(at) ^ (EACH * <uint8_t>zero)


cdef inline bint _all_digits(uint64_t word) noexcept nogil:
    return ((word + OVER) | word) & HIGH == 0


cdef inline int64_t _eight(uint64_t word) noexcept nogil:
    """The number of eight digits: pairs, fours, all."""
    word = (word * 2561ULL >> 8) & 0x00FF00FF00FF00FFULL
    word = (word * 6553601ULL >> 16) & 0x0000FFFF0000FFFFULL
    return <int64_t>(word * 42949672960001ULL >> 32)


cdef inline bint _read_digits(const uint8_t* at, int64_t size, int zero, int64_t* value) noexcept nogil:
    """Read 1 to 18 digits as a number; whether there is nothing else. No byte outside of them is looked at."""
    cdef int64_t number = 0, left = size
    cdef uint64_t word
    cdef int digit
    if not zero & 15:
        while left >= 8:
            word = _digits(at, zero)
            if not _all_digits(word):
                return False
            number = number * 100000000 + _eight(word)
            at += 8
            left -= 8
    while left > 0:
        digit = at[0] - zero
        if digit < 0 or digit > 9:
            return False
        number = 10 * number + digit
        at += 1
        left -= 1
    value[0] = number
    return size > 0
