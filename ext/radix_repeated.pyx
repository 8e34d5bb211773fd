# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernel: rows with another choice of partner. The twin is in ``settlement.kernels.radix_twin``."""

include "radix_rows.pxi"
include "radix_plan.pxi"

cdef enum:
    LEFT_ONE = 1
    LEFT_MORE = 2
    RIGHT_MORE = 4
    REPEATED = LEFT_MORE | RIGHT_MORE


cdef inline uint32_t _slots(uint32_t rights) noexcept nogil:
    return rights + rights // 4 + 1 if rights > NEAR_ROWS else 4 * rights + 1


cdef inline int64_t _room(const Side* left, const Side* right, int64_t part) noexcept nogil:
    """Numbers that the work on a partition takes: a table, what is known of its keys, and each row's slot."""
    cdef uint32_t lefts = left.bounds[part + 1] - left.bounds[part], rights = right.bounds[part + 1] - right.bounds[part]
    cdef int64_t slots = _slots(rights)
    return slots + slots // 4 + 1 + lefts + rights


cdef void _mark(const Side* left_side, const Side* right_side, int64_t part, uint32_t* table, uint8_t* left_flags,
                uint8_t* right_flags) noexcept nogil:
    """One partition: count each key's rows on both sides up to two, then mark the rows of repeated ones."""
    cdef const Row* left = left_side.rows + left_side.bounds[part]
    cdef const Row* right = right_side.rows + right_side.bounds[part]
    cdef uint32_t lefts = left_side.bounds[part + 1] - left_side.bounds[part]
    cdef uint32_t rights = right_side.bounds[part + 1] - right_side.bounds[part]
    cdef uint32_t slots = _slots(rights), i, at
    cdef uint8_t* known = <uint8_t*>(table + slots)
    cdef uint32_t* place = table + slots + slots // 4 + 1
    cdef int some = 0
    if not lefts or not rights:
        return
    memset(table, 0, (slots + slots // 4 + 1) * sizeof(uint32_t))
    for i in range(rights):
        at = _slot(right, right + i, table, slots)
        if table[at]:
            known[at] |= RIGHT_MORE
        else:
            table[at] = i + 1
        place[i] = at
    for i in range(lefts):
        at = _slot(right, left + i, table, slots)
        if table[at]:
            known[at] |= LEFT_MORE if known[at] & LEFT_ONE else LEFT_ONE
            some |= known[at]
        place[rights + i] = at
    if not some & REPEATED:
        return
    for i in range(lefts):
        if known[place[rights + i]] & REPEATED and table[place[rights + i]]:
            left_flags[left[i].row] = 1
    for i in range(rights):
        if known[place[i]] & LEFT_ONE and known[place[i]] & REPEATED:
            right_flags[right[i].row] = 1


cdef inline uint32_t _slot(const Row* right, const Row* row, const uint32_t* table, uint32_t slots) noexcept nogil:
    """The slot of the row's key, or the empty one where it belongs."""
    cdef uint32_t at = <uint32_t>(<uint64_t><uint32_t>row.hash * slots >> 32)
    while table[at] and (right[table[at] - 1].hash != row.hash or right[table[at] - 1].check != row.check):
        at = at + 1 if at + 1 < slots else 0
    return at


def repeated_rows(const uint64_t[::1] left_hash not None, const uint32_t[::1] left_check not None,
                  const uint64_t[::1] right_hash not None, const uint32_t[::1] right_check not None,
                  int threads=1, int bits=-1, arena=None):
    """Mark the rows whose key both sides have and one side has more than once.

    Parameters
    ----------
    left_hash, right_hash, left_check, right_check, threads, bits, arena
        As for ``pair_equal``.

    Returns
    -------
    left : bool[n], right : bool[m]
        True where another choice of partner would be as good. The result depends neither on threads nor on bits.

    Notes
    -----
    16 bytes a row of either side and 1 for the result; besides 24 bytes a row of the partitions that are worked on.
    """
    cdef Side left, right
    cdef Plan plan
    _open(&left, left_hash, left_check, None)
    _open(&right, right_hash, right_check, None)
    held = _plan(&plan, &left, &right, threads, bits, arena)
    left_array, right_array = np.zeros(left.count, dtype=np.bool_), np.zeros(right.count, dtype=np.bool_)
    if not left.count or not right.count:
        return left_array, right_array
    cdef uint8_t[::1] left_flags = left_array.view(np.uint8), right_flags = right_array.view(np.uint8)
    cdef int64_t part, parts = 1 << plan.bits, room = 0, most = 0, size
    with nogil:
        _lay_out(&left, &plan)
        _lay_out(&right, &plan)
    for part in range(parts):
        size = _room(&left, &right, part)
        most = max(most, size)
        room = max(room, size) if size <= NEAR_ROWS * 8 else room
    tables_array = np.empty(max(threads * room, most), dtype=np.uint32)
    cdef uint32_t[::1] tables = tables_array
    with nogil:
        for part in range(parts):
            if _room(&left, &right, part) > room:
                _mark(&left, &right, part, &tables[0], &left_flags[0], &right_flags[0])
        for part in prange(parts, num_threads=threads, schedule="dynamic", chunksize=1):
            if _room(&left, &right, part) <= room:
                _mark(&left, &right, part, &tables[threadid() * room], &left_flags[0], &right_flags[0])
    return left_array, right_array
