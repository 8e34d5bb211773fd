# The amounts and days of the rows that take part. Included by radix_best.pyx, never imported.

cdef extern from * nogil:
    void __builtin_prefetch(const void* at)

cdef enum:
    AHEAD = 32  # rows between the order for a number and its use
    PIECE = 4096  # rows a thread takes at once


cdef void _take(const int64_t* amounts, const int32_t* days, const int32_t* rows, int64_t low, int64_t high,
                int64_t* taken_amounts, int32_t* taken_days) noexcept nogil:
    cdef int64_t i
    for i in range(low, high):
        if i + AHEAD < high:
            __builtin_prefetch(amounts + rows[i + AHEAD])
            __builtin_prefetch(days + rows[i + AHEAD])
        taken_amounts[i], taken_days[i] = amounts[rows[i]], days[rows[i]]


cdef _taken(const int64_t[::1] amounts, const int32_t[::1] days, rows, int64_t count, int threads):
    """Amounts and days of the rows, or those given if every row takes part; checked."""
    cdef int64_t piece, size = 0 if rows is None else len(rows)
    cdef const int32_t[::1] picked
    cdef int64_t[::1] taken_amounts
    cdef int32_t[::1] taken_days
    both = np.asarray(amounts), np.asarray(days)
    if rows is not None and amounts.shape[0] == days.shape[0] and size:
        if not 0 <= rows.min() <= rows.max() < amounts.shape[0]:
            raise ValueError(f"rows must lie in 0 .. {amounts.shape[0] - 1}.")
        picked, both = rows, (np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int32))
        taken_amounts, taken_days = both
        for piece in prange((size + PIECE - 1) // PIECE, nogil=True, num_threads=threads, schedule="dynamic"):
            _take(&amounts[0], &days[0], &picked[0], piece * PIECE, min(size, (piece + 1) * PIECE), &taken_amounts[0],
                  &taken_days[0])
    elif rows is not None and not size:
        both = both[0][:0], both[1][:0]
    if not len(both[0]) == len(both[1]) == count:
        raise ValueError("hash, check, amounts and days of a side must be of one length.")
    if count and not -(2**62) < both[0].min() <= both[0].max() < 2**62:
        raise ValueError("amounts must lie below 2**62 in magnitude.")
    return both
