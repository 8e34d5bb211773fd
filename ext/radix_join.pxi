# One partition of equal pairs. Included by radix_equal.pyx, never imported.
# The table holds the first right row (from 1) of each slot, ``after`` the next one of the same slot. Rows enter
# backwards, so that each chain is in row order. The plain join takes a right row out of its chain once it is paired.
# While one side is worked on the next one is fetched: the left rows, then the right rows of the partition behind.

cdef extern from * nogil:
    void __builtin_prefetch(const void* at, int written)

cdef enum:
    AHEAD = 48  # rows between the order for a line of the result and its use
    MANY = 0x80000000  # in ``after``: the row's key stands on both sides, and more than once on the right
    PLACE = 0x7FFFFFFF


cdef inline uint32_t* _slot(const Row* row, uint32_t* table, uint32_t slots) noexcept nogil:
    return table + (<uint64_t><uint32_t>row.hash * slots >> 32)


cdef inline bint _same(const Row* one, const Row* other) noexcept nogil:
    return one.hash == other.hash and one.check == other.check


cdef void _chain(const Row* right, uint32_t rights, uint32_t* table, uint32_t slots, uint32_t* after,
                 const Row* left) noexcept nogil:
    cdef uint32_t i
    cdef uint32_t* slot
    memset(table, 0, slots * sizeof(uint32_t))
    for i in range(rights, 0, -1):
        __builtin_prefetch(left + i - 1, 0)
        slot = _slot(right + i - 1, table, slots)
        after[i - 1], slot[0] = slot[0], i


cdef inline void _tell(Row* left, uint32_t i, uint32_t told) noexcept nogil:
    """What a left row has found, or 0, over the rows of its partition that are already read."""
    memcpy(<char*>left + i * sizeof(uint32_t), &told, sizeof(uint32_t))


cdef void _join(Row* left, uint32_t lefts, const Row* right, uint32_t* table, uint32_t slots, uint32_t* after,
                const Row* behind) noexcept nogil:
    cdef uint32_t i, top
    cdef uint32_t* link
    for i in range(lefts):
        __builtin_prefetch(behind + lefts - i - 1, 0)
        link = _slot(left + i, table, slots)
        top = link[0]
        while top and not _same(right + top - 1, left + i):
            link = after + top - 1
            top = link[0]
        if top:
            link[0] = after[top - 1]
            _tell(left, i, <uint32_t>right[top - 1].row + 1)
        else:
            _tell(left, i, 0)


cdef inline uint32_t _next_same(const Row* right, uint32_t at, const uint32_t* after) noexcept nogil:
    """The next right row of the same key behind this one, or 0."""
    cdef uint32_t to = after[at - 1] & PLACE
    while to and not _same(right + to - 1, right + at - 1):
        to = after[to - 1] & PLACE
    return to


cdef void _join_told(const Row* left, uint32_t lefts, const Row* right, uint32_t* table, uint32_t slots,
                     uint32_t* after, uint32_t* taker, int32_t* partner, uint8_t* left_many,
                     uint8_t* right_many, const Row* behind) noexcept nogil:
    """Pair as ``_join``, and flag the rows of keys that both sides have and one has more than once.

    The last right row of a key stays in its chain, with the left row that took it: so the next left row finds it.
    """
    cdef uint32_t i, top, to
    cdef uint32_t* link
    for i in range(lefts):
        __builtin_prefetch(partner + left[i + AHEAD if i + AHEAD < lefts else i].row, 1)
        __builtin_prefetch(behind + lefts - i - 1, 0)
        link = _slot(left + i, table, slots)
        top = link[0] & PLACE
        while top and not _same(right + top - 1, left + i):
            link = after + top - 1
            top = link[0] & PLACE
        if not top:
            partner[left[i].row] = -1
            continue
        if taker[top - 1]:
            partner[left[i].row] = -1
            left_many[left[i].row] = left_many[left[taker[top - 1] - 1].row] = right_many[right[top - 1].row] = 1
            continue
        partner[left[i].row] = right[top - 1].row
        to = _next_same(right, top, after)
        if to and not after[top - 1] & MANY:
            after[top - 1] |= MANY
            right_many[right[top - 1].row] = 1
            while to:
                after[to - 1] |= MANY
                right_many[right[to - 1].row] = 1
                to = _next_same(right, to, after)
            to = 1
        if after[top - 1] & MANY:
            left_many[left[i].row] = 1
        if to:
            link[0] = (link[0] & MANY) | (after[top - 1] & PLACE)
        else:
            taker[top - 1] = i + 1


cdef struct Result:
    int32_t* partner
    uint8_t* left_many  # NULL: not asked for
    uint8_t* right_many


cdef inline uint32_t _slots(uint32_t rights) noexcept nogil:
    return rights // 2 + 1 if rights > NEAR_ROWS else 2 * rights + 1


cdef inline int64_t _room(uint32_t rights, bint told) noexcept nogil:
    """Numbers that the table and the chains of so many right rows take."""
    return <int64_t>_slots(rights) + rights + (rights if told else 0)


cdef void _pair(const Side* left_side, const Side* right_side, int64_t part, uint32_t* table,
                const Result* result) noexcept nogil:
    cdef Row* left = left_side.rows + left_side.bounds[part]
    cdef const Row* right = right_side.rows + right_side.bounds[part]
    cdef uint32_t lefts = left_side.bounds[part + 1] - left_side.bounds[part]
    cdef uint32_t rights = right_side.bounds[part + 1] - right_side.bounds[part]
    cdef uint32_t slots = _slots(rights)
    cdef uint32_t* after = table + slots
    cdef uint32_t i
    if not rights and result.left_many == NULL:
        memset(<char*>left, 0, lefts * sizeof(uint32_t))
    elif not rights:
        for i in range(lefts):
            result.partner[left[i].row] = -1
    if not lefts or not rights:
        return
    _chain(right, rights, table, slots, after, left)
    if result.left_many == NULL:
        _join(left, lefts, right, table, slots, after, right + rights)
        return
    memset(after + rights, 0, rights * sizeof(uint32_t))
    _join_told(left, lefts, right, table, slots, after, after + rights, result.partner, result.left_many,
               result.right_many, right + rights)


cdef void _gather(const Side* side, const Plan* plan, int64_t chunk, int thread, int32_t* partner) noexcept nogil:
    """What each partition tells of its rows, in the order in which ``_scatter`` put them there."""
    cdef int64_t i, low = side.count * chunk // plan.chunks, high = side.count * (chunk + 1) // plan.chunks
    cdef const char* at
    cdef uint64_t part
    cdef uint32_t told
    cdef const uint32_t* cursor = side.cursor + ((chunk - 1) << plan.bits) if chunk else side.bounds
    cdef uint32_t* places = plan.first + (<int64_t>thread << plan.bits)
    memcpy(places, cursor, sizeof(uint32_t) << plan.bits)
    for i in range(low, high):
        if side.hash[i] == 0 or (side.live != NULL and side.live[i] == 0):
            partner[i] = -1
            continue
        part = _part(side.hash[i], plan.bits)
        # 16 bytes a row up to the partition's start, 4 a row from there
        at = <const char*>(side.rows + side.bounds[part]) + (places[part] - side.bounds[part]) * sizeof(uint32_t)
        places[part] += 1
        __builtin_prefetch(at + 64, 0)
        memcpy(&told, at, sizeof(uint32_t))
        partner[i] = <int32_t>told - 1


cdef uint32_t _largest(const Side* side, const Plan* plan, uint32_t limit) noexcept nogil:
    """Rows of the largest partition that has no more than the limit."""
    cdef int64_t part
    cdef uint32_t most = 0, rows
    for part in range(<int64_t>1 << plan.bits):
        rows = side.bounds[part + 1] - side.bounds[part]
        most = rows if most < rows and rows <= limit else most
    return most
