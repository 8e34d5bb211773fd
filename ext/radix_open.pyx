# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernel: the rows that a pass left open. The twin is in ``settlement.kernels.radix_twin``."""

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

import numpy as np

cdef extern from * nogil:
    int __builtin_popcountll(unsigned long long word)
    int __builtin_ctzll(unsigned long long word)


cdef int _mark(const int32_t* partner, int64_t low, int64_t high, int64_t rights, uint64_t* taken, uint64_t* waiting,
               const uint8_t* live) noexcept nogil:
    """A bit for each right row that is taken and each left row that waits; 1 for a partner that does not exist."""
    cdef int64_t i
    for i in range(low, high):
        if partner[i] >= rights:
            return 1
        if partner[i] >= 0:
            taken[partner[i] >> 6] |= <uint64_t>1 << (partner[i] & 63)
        elif live == NULL or live[i]:
            waiting[i >> 6] |= <uint64_t>1 << (i & 63)
    return 0


cdef void _spare(uint64_t* words, int64_t words_count, int64_t sets, int64_t word, int64_t rows,
                 const uint8_t* live) noexcept nogil:
    """Turn the taken bits of all sets into the open bits of the first."""
    cdef int64_t one, low = word * 64, i
    cdef uint64_t bits = 0
    for one in range(sets):
        bits |= words[one * words_count + word]
    bits = ~bits
    if rows - low < 64:
        bits &= (<uint64_t>1 << (rows - low)) - 1
    if live != NULL:
        for i in range(low, min(rows, low + 64)):
            if not live[i]:
                bits &= ~(<uint64_t>1 << (i - low))
    words[word] = bits


cdef _listed(const uint64_t* words, int64_t count):
    """The places of the bits that are set, ascending."""
    cdef int64_t word, found = 0
    cdef uint64_t bits
    with nogil:
        for word in range(count):
            found += __builtin_popcountll(words[word])
    rows_array = np.empty(found, dtype=np.int32)
    cdef int32_t[::1] rows = rows_array
    found = 0
    with nogil:
        for word in range(count):
            bits = words[word]
            while bits:
                rows[found] = <int32_t>(word * 64 + __builtin_ctzll(bits))
                found += 1
                bits &= bits - 1
    return rows_array


cdef const uint8_t* _flags(live, int64_t rows) except? NULL:
    if live is None or not rows:
        return NULL
    if len(live) != rows:
        raise ValueError("live and rows of a side must be of one length.")
    cdef const uint8_t[::1] view = live.view(np.uint8)
    return &view[0]


def open_rows(const int32_t[::1] partner not None, int64_t rights, left_live=None, right_live=None, int threads=1):
    """List the rows of both sides that a pass left open.

    Parameters
    ----------
    partner : int32[n]
        The right row of each left row, or negative; no right row twice.
    rights : int
        Right rows, fewer than 2**31 - 1.
    left_live, right_live : bool[n], bool[rights], optional
        Rows that took part; the others are not listed.
    threads : int
        Threads to use.

    Returns
    -------
    left : int32[k], right : int32[l]
        Open rows, ascending.

    Notes
    -----
    One pass over the partners; a bit for each left row, and for each right row and thread.
    """
    cdef int64_t n = partner.shape[0], left_words = (n + 63) // 64, right_words = (rights + 63) // 64
    cdef int64_t part, parts = 4 * threads, word
    cdef int fault = 0
    if threads < 1:
        raise ValueError("threads must be at least 1.")
    cdef const uint8_t* left_flags = _flags(left_live, n)
    cdef const uint8_t* right_flags = _flags(right_live, rights)
    waiting_array = np.zeros(left_words + 1, dtype=np.uint64)
    taken_array = np.zeros(threads * right_words + 1, dtype=np.uint64)
    cdef uint64_t[::1] waiting = waiting_array, taken = taken_array
    for part in prange(parts, nogil=True, num_threads=threads, schedule="dynamic", chunksize=1):
        # Whole words of the left side, so that no two threads write one.
        fault |= _mark(
            &partner[0], min(n, left_words * part // parts * 64), min(n, left_words * (part + 1) // parts * 64), rights,
            &taken[threadid() * right_words], &waiting[0], left_flags)
    if fault:
        raise ValueError(f"partners must lie below {rights}.")
    for word in prange(right_words, nogil=True, num_threads=threads, schedule="dynamic", chunksize=4096):
        _spare(&taken[0], right_words, threads, word, rights, right_flags)
    return _listed(&waiting[0], left_words), _listed(&taken[0], right_words)
