# Characters eight at a time. Included by the kernels that write texts, never imported.

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

include "eight_bytes.pxi"


cdef inline int64_t _cut(const uint8_t* source, int64_t size, int blank) noexcept nogil:
    """The size of a text without the blanks on its right."""
    while size >= 8 and _word(source + size - 8) == EACH * <uint8_t>blank:
        size -= 8
    while size > 0 and source[size - 1] == blank:
        size -= 1
    return size


cdef bint _plain(const uint8_t[::1] table):
    """Whether each byte is its own ASCII character, or none: then texts are copied as they stand."""
    own = np.arange(256)
    return bool(np.where(own < 128, np.asarray(table) == own, np.asarray(table) > 127).all())


cdef inline bint _written(const uint8_t* source, int64_t size, const uint8_t* table, bint plain, uint8_t* to) noexcept nogil:
    """Write a text in the characters of a table; whether it leaves ASCII."""
    cdef uint64_t word, seen = 0
    cdef uint32_t first, last
    cdef int64_t k = 0
    if not plain:
        for k in range(size):
            to[k] = table[source[k]]
            seen |= to[k]
    elif size >= 8:
        while k + 8 <= size:
            word = _word(source + k)
            memcpy(to + k, &word, 8)
            seen |= word
            k += 8
        word = _word(source + size - 8)
        memcpy(to + size - 8, &word, 8)
        seen |= word
    elif size >= 4:
        memcpy(&first, source, 4)
        memcpy(&last, source + size - 4, 4)
        memcpy(to, &first, 4)
        memcpy(to + size - 4, &last, 4)
        seen = first | last
    else:
        for k in range(size):
            to[k] = source[k]
            seen |= to[k]
    return seen & HIGH != 0
