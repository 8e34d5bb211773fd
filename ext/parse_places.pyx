# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Where a byte stands in a file. Its twin is ``settlement/kernels/positions_twin.py``."""

import numpy as np

from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t, uintptr_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy

cdef enum:
    PART = 4096  # bytes at least that a thread takes


cdef int64_t* _found(const uint8_t* data, int64_t first, int64_t size, uint8_t byte, int64_t* count) noexcept nogil:
    """Where a byte stands in a part of the data, in memory that grows with what is found; NULL where there is none left."""
    cdef int64_t room = 1024
    cdef int64_t* found = <int64_t*>malloc(room * sizeof(int64_t))
    cdef int64_t* more
    cdef const uint8_t* at = data + first
    cdef const uint8_t* behind = at + size
    while found != NULL and at < behind:
        at = <const uint8_t*>memchr(at, byte, behind - at)
        if at == NULL:
            break
        if count[0] == room:
            room *= 2
            more = <int64_t*>realloc(found, room * sizeof(int64_t))
            if more == NULL:
                free(found)
                return NULL
            found = more
        found[count[0]] = at - data
        count[0] += 1
        at += 1
    return found


def byte_places(const uint8_t[::1] data, uint8_t byte, int threads=1):
    """Find a byte.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    byte : int
        The byte that is looked for, such as a line feed.
    threads : int
        Threads to use.

    Returns
    -------
    places : int64 (n,)
        Every place where it stands, ascending.

    Raises
    ------
    ValueError
        If there is no thread.
    """
    if threads < 1:
        raise ValueError("at least one thread is needed")
    cdef int64_t total = data.shape[0], parts = max(1, min(<int64_t>threads, total // PART)), size = (total + parts - 1) // parts
    cdef int64_t part, at = 0
    cdef bint short = False
    if not total:
        return np.empty(0, dtype=np.int64)
    cdef int64_t[::1] counts = np.zeros(parts, dtype=np.int64)
    cdef uintptr_t[::1] found = np.zeros(parts, dtype=np.uintp)
    for part in prange(parts, nogil=True, num_threads=threads, schedule="static"):
        found[part] = <uintptr_t>_found(&data[0], part * size, min(size, total - part * size), byte, &counts[part])
    places_array = np.empty(np.asarray(counts).sum() + 1, dtype=np.int64)
    cdef int64_t[::1] places = places_array
    for part in range(parts):
        if found[part]:
            memcpy(&places[at], <int64_t*>found[part], counts[part] * sizeof(int64_t))
        short |= not found[part]
        at += counts[part]
        free(<void*>found[part])
    if short:
        raise MemoryError
    return places_array[:-1]
