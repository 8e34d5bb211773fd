# A group too large to write down all its candidates: each left row looks for its next best right row when it needs one.
# Included by radix_best.pyx, never imported.

cdef struct Seeker:
    int64_t amount
    int64_t reach
    int32_t day
    int32_t row
    int32_t low  # right entries below or at low, and at or above high, are not yet looked at
    int32_t high


cdef int32_t _first_from(const Entry* right, int32_t count, int64_t amount, int64_t day) noexcept nogil:
    """The first entry at or behind (amount, day)."""
    cdef int32_t low = 0, high = count, middle
    while low < high:
        middle = low + (high - low) // 2
        if right[middle].amount < amount or (right[middle].amount == amount and right[middle].day < day):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline int32_t _free_from(int32_t* link, int32_t at) noexcept nogil:
    """Follow the links from taken entries to the next free one, and shorten the way."""
    while link[at] != at:
        link[at] = link[link[at]]
        at = link[at]
    return at


cdef void _consider(const Entry* right, int32_t at, const Seeker* seeker, Offer* best) noexcept nogil:
    cdef int64_t day_gap = <int64_t>right[at].day - seeker.day
    day_gap = -day_gap if day_gap < 0 else day_gap
    if best.right < 0 or day_gap < best.day_gap or (day_gap == best.day_gap and right[at].row < best.right_row):
        best.right, best.right_row, best.day_gap = at, right[at].row, day_gap


cdef void _same_amount(const Entry* right, int32_t count, int64_t amount, const Seeker* seeker, int64_t days,
                       int32_t* up, int32_t* down, Offer* best) noexcept nogil:
    """The free entry of this amount that is nearest by day, then by row; ``down`` is shifted by one."""
    cdef int32_t middle = _first_from(right, count, amount, seeker.day), at = _free_from(up, middle)
    if at < count and right[at].amount == amount and <int64_t>right[at].day - seeker.day <= days:
        _consider(right, at, seeker, best)
    at = _free_from(down, middle) - 1
    if at >= 0 and right[at].amount == amount and <int64_t>seeker.day - right[at].day <= days:
        # The first free row of that day, not the last.
        _consider(right, _free_from(up, _first_from(right, count, amount, right[at].day)), seeker, best)


cdef bint _seek(const Entry* right, int32_t count, Seeker* seeker, int64_t days, int32_t* up, int32_t* down,
                Offer* best) noexcept nogil:
    cdef int32_t above, below
    cdef int64_t gap_above, gap_below
    while True:
        above, below = _free_from(up, seeker.high), _free_from(down, seeker.low + 1) - 1
        gap_above = right[above].amount - seeker.amount if above < count else INT64_MAX
        gap_below = seeker.amount - right[below].amount if below >= 0 else INT64_MAX
        best.gap, best.right = min(gap_above, gap_below), -1
        if best.gap > seeker.reach:
            return False
        if gap_above == best.gap:
            _same_amount(right, count, right[above].amount, seeker, days, up, down, best)
            if best.right < 0:
                seeker.high = _first_from(right, count, right[above].amount + 1, INT64_MIN)
        if gap_below == best.gap:
            _same_amount(right, count, right[below].amount, seeker, days, up, down, best)
            if best.right < 0:
                seeker.low = _first_from(right, count, right[below].amount, INT64_MIN) - 1
        if best.right >= 0:
            return True


cdef void _sink(Offer* heap, int32_t size, int32_t at) noexcept nogil:
    cdef Offer moved = heap[at]
    cdef int32_t child = 2 * at + 1
    while child < size:
        if child + 1 < size and _sooner(&heap[child + 1], &heap[child]):
            child += 1
        if not _sooner(&heap[child], &moved):
            break
        heap[at] = heap[child]
        at, child = child, 2 * child + 1
    heap[at] = moved


cdef void _settle(Seeker* seekers, int32_t lefts, Entry* right, int32_t rights, int64_t days, Offer* heap, int32_t* up,
                  int32_t* down, int32_t* partner) noexcept nogil:
    """Best first. An offer whose right row is gone is sought anew: it can only have become worse."""
    cdef int32_t i, size = 0, at
    qsort(right, rights, sizeof(Entry), _by_amount)
    for i in range(rights + 1):
        up[i] = down[i] = i
    for i in range(lefts):
        seekers[i].high = _first_from(right, rights, seekers[i].amount, INT64_MIN)
        seekers[i].low = seekers[i].high - 1
        heap[size].left = i
        size += _seek(right, rights, &seekers[i], days, up, down, &heap[size])
    for i in range(size // 2 - 1, -1, -1):
        _sink(heap, size, i)
    while size:
        at = heap[0].right
        if up[at] == at:
            partner[seekers[heap[0].left].row] = heap[0].right_row
            up[at], down[at + 1] = at + 1, at
            size -= 1
            heap[0] = heap[size]
        elif not _seek(right, rights, &seekers[heap[0].left], days, up, down, &heap[0]):
            size -= 1
            heap[0] = heap[size]
        if size:
            _sink(heap, size, 0)


cdef int _settle_many(const Row* left, uint32_t i, const uint32_t* left_after, const Row* right, uint32_t j,
                      const uint32_t* right_after, const Rule* rule) noexcept nogil:
    cdef uint32_t at
    cdef int32_t lefts = 0, rights = 0, row
    at = i
    while at:
        lefts, at = lefts + 1, left_after[at - 1]
    at = j
    while at:
        rights, at = rights + 1, right_after[at - 1]
    cdef char* room = <char*>PyMem_RawMalloc(
        lefts * (sizeof(Seeker) + sizeof(Offer)) + rights * sizeof(Entry) + 2 * (rights + <size_t>1) * sizeof(int32_t))
    if room == NULL:
        return 1
    cdef Seeker* seekers = <Seeker*>room
    cdef Offer* heap = <Offer*>(seekers + lefts)
    cdef Entry* entries = <Entry*>(heap + lefts)
    cdef int32_t* up = <int32_t*>(entries + rights)
    lefts = rights = 0
    while i:
        row = left[i - 1].row
        seekers[lefts].amount, seekers[lefts].day, seekers[lefts].row = rule.left_amount[row], rule.left_day[row], row
        seekers[lefts].reach = _reach(seekers[lefts].amount, rule)
        lefts, i = lefts + 1, left_after[i - 1]
    while j:
        row = right[j - 1].row
        entries[rights].amount, entries[rights].day = rule.right_amount[row], rule.right_day[row]
        entries[rights].row = row
        rights, j = rights + 1, right_after[j - 1]
    _settle(seekers, lefts, entries, rights, rule.days, heap, up, up + rights + 1, rule.partner)
    PyMem_RawFree(room)
    return 0
