# Eight bytes as one word. Included by what reads digits or characters so, never imported.

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef uint64_t EACH = 0x0101010101010101  # one in each byte
cdef uint64_t HIGH = 0x8080808080808080  # the bit of each byte that no ASCII character has


cdef inline uint64_t _word(const uint8_t* at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word
