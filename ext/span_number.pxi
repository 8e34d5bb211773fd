# What the kernels share that read a span as a whole number. Included by them, never imported.

from libc.stdint cimport int32_t, int64_t, uint8_t

include "digit_words.pxi"

cdef enum:
    MOST_DIGITS = 18


cdef uint8_t _number(const uint8_t* source, int32_t size, int zero, int64_t* value) noexcept nogil:
    """State of a span: 1 a number, 2 not 1 to 18 digits, 0 absent; the value is told where it is a number."""
    if size < 0:
        return 0
    if size > MOST_DIGITS:
        return 2
    return 1 if _read_digits(source, size, zero, value) else 2
