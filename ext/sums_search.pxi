# The search for the subset of rows that sums to a target. Included by subset_sums, never imported.
# Rows are dealt to two halves, the greatest magnitudes first and equal amounts together. The list of a half drops what
# can no longer reach the target; when all rows are in, or early where two subsets turn up, a sweep joins both lists.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport qsort, realloc


cdef void _outside(Search* s, int64_t* high, int64_t* low) noexcept nogil:
    """The most that all rows together can add to a sum, and take from it."""
    cdef int32_t first
    cdef int32_t copies = 0
    high[0] = low[0] = 0
    for first in range(s.count):
        copies = copies + 1 if first and s.rows[first].amount == s.rows[first - 1].amount else 1
        if copies <= s.most:
            high[0] += max(s.rows[first].amount, 0)
            low[0] += min(s.rows[first].amount, 0)


cdef int _deal(Search* s, int half, int32_t first, int32_t copies, int32_t shift, int32_t mask, int64_t low,
               int64_t high) noexcept nogil:
    """Let rows of one amount into a half."""
    cdef Sums base = s.lists[half], kept = s.lists[half]
    cdef int32_t rank, scratch = 2
    cdef Row* one
    cdef int fault
    for rank in range(1, copies + 1):
        one = &s.rows[first + rank - 1]
        one.half, one.shift, one.mask, one.rank = half, shift, mask, rank
        fault = _merge(s, &s.lists[scratch], &kept, &base, rank, one.amount, <uint64_t>rank << shift, low, high)
        if fault:
            return fault
        kept = s.lists[scratch]
        scratch = 5 - scratch
    # The last merged list and the half change places.
    s.lists[5 - scratch], s.lists[half] = base, kept
    return NONE


cdef int _grow(Search* s) noexcept nogil:
    """Let every row into one of the two lists, the shorter one first; AMBIGUOUS as soon as two subsets fit."""
    cdef int32_t first = 0, last, copies, half, bits
    cdef int32_t[2] taken
    cdef int64_t amount, early = EARLY
    cdef int64_t[2] high, low
    cdef int told
    taken[0] = taken[1] = 0
    _outside(s, &high[0], &low[0])
    high[1], low[1] = high[0], low[0]
    while first < s.count:
        last = first + 1
        while last < s.count and s.rows[last].amount == s.rows[first].amount:
            last += 1
        copies, bits = min(last - first, s.most), 1
        while copies >> bits:
            bits += 1
        half = 0 if s.lists[0].used <= s.lists[1].used else 1
        if taken[half] + bits > HALF:
            half = 1 - half
        if taken[half] + bits > HALF:
            return AMBIGUOUS if _sweep(s) == AMBIGUOUS else GAVE_UP
        amount = copies * s.rows[first].amount
        high[half] -= max(amount, 0)
        low[half] -= min(amount, 0)
        told = _deal(s, half, first, copies, taken[half], (1 << bits) - 1, s.low - high[half], s.high - low[half])
        if told:
            return told
        taken[half] += bits
        first = last
        if first < s.count and s.lists[0].used + s.lists[1].used >= early:
            early = 8 * (s.lists[0].used + s.lists[1].used)
            told = _sweep(s)
            if told == AMBIGUOUS or told == GAVE_UP:
                return told
    return NONE


cdef bint _divided(Search* s) noexcept nogil:
    """Whether all amounts have a divisor that no number within reach has: then no sum fits."""
    cdef int64_t divisor = 0, rest, i
    for i in range(s.count):
        rest = s.rows[i].amount if s.rows[i].amount >= 0 else -s.rows[i].amount
        while rest:
            divisor, rest = rest, divisor % rest
    if divisor == 0:
        return False
    rest = s.high % divisor
    return s.high - (rest + divisor if rest < 0 else rest) < s.low


cdef int _search(Search* s) noexcept nogil:
    """Search the rows of one group; -1 where memory is short."""
    cdef int fault, half
    if _divided(s):
        return NONE
    for half in range(2):
        if s.lists[half].room == 0:
            s.lists[half].rows = <Sum*>realloc(NULL, sizeof(Sum))
            if s.lists[half].rows == NULL:
                return -1
            s.lists[half].room = 1
        s.lists[half].used, s.lists[half].rows[0].total, s.lists[half].rows[0].way = 1, 0, 0
    qsort(s.rows, s.count, sizeof(Row), _by_magnitude)
    fault = _grow(s)
    return fault if fault else _sweep(s)
