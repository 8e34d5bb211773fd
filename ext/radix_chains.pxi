# The rows of each group, chained, and every group settled alone. Included by the kernels of pairs within groups behind
# their Rule and ``_group``, which settles one group and returns its faults, never imported.

cdef enum:
    NEXT = 12  # slots between the order for a group's numbers and its settling


cdef int _pair(const Side* left_side, const Side* right_side, int64_t part, uint32_t* table,
               Rule* rule) noexcept nogil:
    """One partition: chain the rows of each key that both sides have, then settle key after key."""
    cdef const Row* left = left_side.rows + left_side.bounds[part]
    cdef const Row* right = right_side.rows + right_side.bounds[part]
    cdef uint32_t lefts = left_side.bounds[part + 1] - left_side.bounds[part]
    cdef uint32_t rights = right_side.bounds[part + 1] - right_side.bounds[part]
    cdef uint32_t slots = _slots(rights), i, at, top
    cdef uint32_t* left_table = table + slots
    cdef uint32_t* right_after = left_table + slots
    cdef uint32_t* left_after = right_after + rights
    cdef int fault = 0
    if lefts == 0 or rights == 0:
        return 0
    memset(table, 0, 2 * slots * sizeof(uint32_t))
    # Backwards, so that each chain starts with the row that stands first.
    for i in range(rights, 0, -1):
        at = _slot(right, right + i - 1, table, slots)
        right_after[i - 1], table[at] = table[at], i
    for i in range(lefts, 0, -1):
        at = _slot(right, left + i - 1, table, slots)
        if table[at]:
            left_after[i - 1], left_table[at] = left_table[at], i
    for at in range(slots):
        if at + NEXT < slots and left_table[at + NEXT]:
            top = left_table[at + NEXT] - 1
            __builtin_prefetch(rule.left_amount + left[top].row)
            __builtin_prefetch(rule.left_day + left[top].row)
            top = table[at + NEXT] - 1
            __builtin_prefetch(rule.right_amount + right[top].row)
            __builtin_prefetch(rule.right_day + right[top].row)
        if left_table[at]:
            fault |= _group(left, left_table[at], left_after, right, table[at], right_after, rule)
    return fault


cdef inline uint32_t _slot(const Row* right, const Row* row, const uint32_t* table, uint32_t slots) noexcept nogil:
    """The slot of the row's key, or the empty one where it belongs."""
    cdef uint32_t at = <uint32_t>(<uint64_t><uint32_t>row.hash * slots >> 32)
    while table[at] and (right[table[at] - 1].hash != row.hash or right[table[at] - 1].check != row.check):
        at = at + 1 if at + 1 < slots else 0
    return at


cdef inline uint32_t _slots(uint32_t rights) noexcept nogil:
    return rights + rights // 4 + 1


cdef int64_t _room(const Side* left, const Side* right, int64_t part) noexcept nogil:
    """Numbers that the tables of a partition take."""
    cdef uint32_t rights = right.bounds[part + 1] - right.bounds[part]
    return <int64_t>2 * _slots(rights) + rights + left.bounds[part + 1] - left.bounds[part]


cdef int _settle_groups(const Side* left, const Side* right, const Plan* plan, Rule* rules, int own) except -1:
    """Settle all partitions and return the faults; ``own`` is 1 where each thread has a rule of its own, else 0."""
    cdef int64_t part, parts = 1 << plan.bits, room = 0, most = 0, size
    for part in range(parts):
        size = _room(left, right, part)
        most = max(most, size)
        if size <= NEAR_ROWS * 8:
            room = max(room, size)
    tables_array = np.empty(max(plan.threads * room, most), dtype=np.uint32)
    cdef uint32_t[::1] tables = tables_array
    cdef int fault = 0
    with nogil:
        for part in range(parts):
            if _room(left, right, part) > room:
                fault |= _pair(left, right, part, &tables[0], rules)
        for part in prange(parts, num_threads=plan.threads, schedule="dynamic", chunksize=1):
            if _room(left, right, part) <= room:
                fault |= _pair(left, right, part, &tables[threadid() * room], rules + own * threadid())
    if fault & 1:
        raise MemoryError
    return fault
