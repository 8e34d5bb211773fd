# A group of a few candidates: all are written down. Included by radix_best.pyx, never imported.

from libc.limits cimport LLONG_MAX as INT64_MAX, LLONG_MIN as INT64_MIN
from libc.stdlib cimport qsort

cdef extern from "Python.h" nogil:
    void* PyMem_RawMalloc(size_t size)
    void PyMem_RawFree(void* memory)

cdef enum:
    FEW = 64  # candidates of a group that are written down

cdef struct Entry:
    int64_t amount
    int32_t day
    int32_t row

cdef struct Rule:
    const int64_t* left_amount
    const int32_t* left_day
    const int64_t* right_amount
    const int32_t* right_day
    int64_t minor
    int64_t ppm
    int64_t days
    int32_t* partner

cdef struct Offer:
    int64_t gap
    int64_t day_gap
    int32_t left  # a seeker, in row order
    int32_t right_row
    int32_t right


cdef int _by_amount(const void* a, const void* b) noexcept nogil:
    cdef const Entry* x = <const Entry*>a
    cdef const Entry* y = <const Entry*>b
    if x.amount != y.amount:
        return -1 if x.amount < y.amount else 1
    if x.day != y.day:
        return -1 if x.day < y.day else 1
    return (x.row > y.row) - (x.row < y.row)


cdef inline bint _sooner(const Offer* a, const Offer* b) noexcept nogil:
    if a.gap != b.gap:
        return a.gap < b.gap
    if a.day_gap != b.day_gap:
        return a.day_gap < b.day_gap
    if a.left != b.left:
        return a.left < b.left
    return a.right_row < b.right_row


cdef inline int64_t _reach(int64_t amount, const Rule* rule) noexcept nogil:
    """The greatest difference from this amount; in two steps, so that no product is too large."""
    cdef int64_t size = -amount if amount < 0 else amount
    cdef int64_t share = size // 1000000 * rule.ppm + size % 1000000 * rule.ppm // 1000000
    return share if share > rule.minor else rule.minor


cdef void _settle_few(const int32_t* left, int32_t lefts, const int32_t* right, int32_t rights,
                      const Rule* rule) noexcept nogil:
    """All candidates in order, each taken if both its rows are free."""
    cdef Offer offers[FEW]
    cdef Offer offer
    cdef int32_t i, j, at, size = 0
    cdef int64_t amount, reach
    cdef uint64_t left_taken = 0, right_taken = 0
    for i in range(lefts):
        amount = rule.left_amount[left[i]]
        reach = _reach(amount, rule)
        for j in range(rights):
            offer.gap = rule.right_amount[right[j]] - amount
            offer.gap = -offer.gap if offer.gap < 0 else offer.gap
            offer.day_gap = <int64_t>rule.right_day[right[j]] - rule.left_day[left[i]]
            offer.day_gap = -offer.day_gap if offer.day_gap < 0 else offer.day_gap
            if offer.gap > reach or offer.day_gap > rule.days:
                continue
            offer.left, offer.right, offer.right_row = i, j, right[j]
            at = size
            while at > 0 and _sooner(&offer, &offers[at - 1]):
                offers[at] = offers[at - 1]
                at -= 1
            offers[at] = offer
            size += 1
    for at in range(size):
        i, j = offers[at].left, offers[at].right
        if not ((left_taken >> i | right_taken >> j) & 1):
            rule.partner[left[i]] = right[j]
            left_taken |= <uint64_t>1 << i
            right_taken |= <uint64_t>1 << j
