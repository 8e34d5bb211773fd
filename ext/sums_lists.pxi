# Lists of sums: how they merge, and how two of them meet. Included by subset_sums, never imported.
# A list holds the sums that the rows of one half can give, by rising sum and number of rows. Of more than two ways to
# one sum and number it keeps two: enough to tell none, one and several apart.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport realloc

cdef enum:
    NONE = 0
    FOUND = 1
    AMBIGUOUS = 2
    GAVE_UP = 3
    HALF = 50                          # bits in which a way names rows
    MOST = 16383                       # greatest number of rows that a way can tell
    EARLY = 1024                       # sums in both lists that are swept before all rows are in


cdef struct Row:
    int64_t amount
    int32_t row
    int32_t half                       # -1 where it is not yet in, or a subset has no room for so many equal rows
    int32_t shift                      # a way holds at this place how many rows of this amount it takes,
    int32_t mask
    int32_t rank                       # and takes this row from this number on


cdef struct Sum:
    int64_t total
    uint64_t way                       # how many rows of each amount, and above that the number of rows


cdef struct Sums:
    Sum* rows
    Py_ssize_t used
    Py_ssize_t room


cdef struct Search:
    Row* rows                          # by falling magnitude; equal amounts in their declared order
    int32_t count
    int32_t most                       # greatest number of rows in a subset
    int32_t counted                    # numbers of rows above this one need not be told apart
    int64_t low, high                  # the target, less and plus the tolerance
    int64_t steps
    Sums[4] lists                      # the halves first, then two to merge into
    uint64_t[2][2] ways                # found subset, half
    uint8_t* chosen                    # by row: whether the subset that is looked at takes it


cdef int _by_magnitude(const void* a, const void* b) noexcept nogil:
    cdef const Row* x = <const Row*>a
    cdef const Row* y = <const Row*>b
    cdef int64_t p = x.amount if x.amount >= 0 else -x.amount, q = y.amount if y.amount >= 0 else -y.amount
    if p != q:
        return -1 if p > q else 1
    if x.amount != y.amount:
        return -1 if x.amount > y.amount else 1
    return (x.row > y.row) - (x.row < y.row)


cdef inline int64_t _number(Sum one) noexcept nogil:
    return <int64_t>(one.way >> HALF)


cdef int _merge(Search* s, Sums* into, const Sums* kept, const Sums* base, int32_t copies, int64_t amount,
                uint64_t bits, int64_t low, int64_t high) noexcept nogil:
    """Merge a list with the base list plus so many rows of one value; low and high bound what is kept."""
    cdef Py_ssize_t i = 0, j = 0, used = 0, room = kept.used + base.used
    cdef int64_t more = copies * amount, number = 0
    cdef Sum one
    cdef Sum* moved
    s.steps -= room
    if s.steps < 0:
        return GAVE_UP
    if room > into.room:
        moved = <Sum*>realloc(into.rows, room * sizeof(Sum))
        if moved == NULL:
            return -1
        into.rows, into.room = moved, room
    while i < kept.used or j < base.used:
        if j < base.used:
            one.total = base.rows[j].total + more
            number = min(_number(base.rows[j]) + copies, s.counted)
            one.way = (base.rows[j].way & ((<uint64_t>1 << HALF) - 1)) | bits | (<uint64_t>number << HALF)
        if j == base.used or (i < kept.used and (kept.rows[i].total < one.total or (
                kept.rows[i].total == one.total and _number(kept.rows[i]) <= number))):
            one = kept.rows[i]
            i += 1
        else:
            j += 1
            if number > s.most:
                continue
        if one.total < low or one.total > high:
            continue
        if used > 1 and into.rows[used - 2].total == one.total and into.rows[used - 1].total == one.total and (
                _number(into.rows[used - 2]) == _number(one) == _number(into.rows[used - 1])):
            continue
        into.rows[used] = one
        used += 1
    into.used = used
    return NONE


cdef int _sweep(Search* s) noexcept nogil:
    """Join both lists: NONE, FOUND or AMBIGUOUS as none, one or two pairs of their sums fit; or GAVE_UP."""
    cdef Py_ssize_t i, j, top = s.lists[1].used
    cdef int64_t here, number
    cdef Sum* other = s.lists[1].rows
    cdef int found = NONE
    for i in range(s.lists[0].used):
        here = s.lists[0].rows[i].total
        while top > 0 and other[top - 1].total > s.high - here:
            top -= 1
        j = top
        while j > 0 and other[j - 1].total >= s.low - here:
            j -= 1
            s.steps -= 1
            if s.steps < 0:
                return GAVE_UP
            number = _number(s.lists[0].rows[i]) + _number(other[j])
            if number < 2 or number > s.most:
                continue
            s.ways[found][0], s.ways[found][1] = s.lists[0].rows[i].way, other[j].way
            found += 1
            if found == AMBIGUOUS:
                return AMBIGUOUS
    return found
