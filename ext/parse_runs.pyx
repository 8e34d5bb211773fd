# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Texts in which so many digits stand together. Its twin is ``settlement/kernels/runs_twin.py``."""

from cython.parallel cimport prange

include "views.pxi"

cdef enum:
    BLOCK = 4096  # texts that a thread takes at once
    GROUPS = 32  # groups of digits whose sizes are remembered; a longer row of them is found at once


cdef inline bint _digit(const uint8_t* at) noexcept nogil:
    return 48 <= at[0] <= 57


cdef bint _runs(const uint8_t* at, int32_t size, const uint8_t* between, int first, int32_t least, int32_t most) noexcept nogil:
    """Whether some groups, one behind the other with a single byte between, have so many digits in all."""
    cdef int32_t k = 0, begin, number = 0, one, total
    cdef int32_t[GROUPS] sizes
    cdef bint[GROUPS] may
    while k < size:
        if not _digit(at + k):
            k += 1
            number = 0
            continue
        begin = k
        while k < size and _digit(at + k):
            k += 1
        if number == GROUPS:
            return True
        sizes[number], may[number] = k - begin, first >> (at[begin] - 48) & 1
        number += 1
        total, one = 0, number
        while one and total <= most:
            one -= 1
            total += sizes[one]
            if may[one] and least <= total <= most:
                return True
        if k < size and between[at[k]] and k + 1 < size and _digit(at + k + 1):
            k += 1
    return False


def digit_runs(const uint8_t[::1] views, parts, const uint8_t[::1] between, int first, int least, int most, int threads=1):
    """Find texts in which so many digits stand together, as those of a card number do.

    Parameters
    ----------
    views : uint8 (16 n,), parts : list of uint8
        Arrow's views of the texts, and what they point into.
    between : uint8 (256,)
        1 for each byte that may stand, alone, between two digits that belong together.
    first : int
        Bit d is set where digit d may be the first of them.
    least, most : int
        How many they are. They begin where no digit stands before them and end where none follows.
    threads : int
        Threads to use.

    Returns
    -------
    int64 (k,)
        Their rows, ascending; a text of more than 32 groups of digits that belong together is always among them.

    Raises
    ------
    ValueError
        If a view points outside its parts, ``between`` has not 256 entries, or there is no thread.
    """
    cdef int64_t n = _rows(views), row, block
    if between.shape[0] != 256 or threads < 1:
        raise ValueError("each byte has an entry, and at least one thread is needed.")
    there_array = np.zeros(n, dtype=np.uint8)
    if not n:
        return np.zeros(0, dtype=np.int64)
    cdef const int64_t[::1] places = _places(parts)
    cdef Texts texts = Texts(&views[0], &places[0], len(parts))
    cdef uint8_t[::1] there = there_array
    cdef int64_t wrong = 0
    for block in prange((n + BLOCK - 1) // BLOCK, nogil=True, num_threads=threads, schedule="dynamic"):
        wrong += _block(&texts, block * BLOCK, min(n, (block + 1) * BLOCK), &between[0], first, least, most, &there[0])
    if wrong:
        raise _outside()
    return np.flatnonzero(there_array)


cdef bint _block(const Texts* texts, int64_t row, int64_t end, const uint8_t* between, int first, int32_t least,
                 int32_t most, uint8_t* there) noexcept nogil:
    """The texts of one block; whether a view points outside its parts."""
    cdef const uint8_t* at
    cdef int32_t size = 0
    while row < end:
        at = _text(texts, row, &size)
        if at == NULL:
            return True
        there[row] = size >= least and _runs(at, size, between, first, least, most)
        row += 1
    return False
