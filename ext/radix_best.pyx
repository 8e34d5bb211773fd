# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernel: best pairs of equal groups within a tolerance. The twin is in ``settlement.kernels.radix_twin``."""

include "radix_rows.pxi"
include "radix_plan.pxi"

include "radix_few.pxi"
include "radix_nearest.pxi"
include "radix_take.pxi"


cdef int _group(const Row* left, uint32_t i, const uint32_t* left_after, const Row* right, uint32_t j,
                const uint32_t* right_after, const Rule* rule) noexcept nogil:
    cdef int32_t left_rows[FEW]
    cdef int32_t right_rows[FEW]
    cdef int32_t lefts = 0, rights = 0
    cdef uint32_t a = i, b = j
    while a and lefts < FEW:
        left_rows[lefts] = left[a - 1].row
        lefts, a = lefts + 1, left_after[a - 1]
    while b and rights < FEW:
        right_rows[rights] = right[b - 1].row
        rights, b = rights + 1, right_after[b - 1]
    if a or b or lefts * rights > FEW:
        return _settle_many(left, i, left_after, right, j, right_after, rule)
    _settle_few(left_rows, lefts, right_rows, rights, rule)
    return 0


cdef int _pair(const Side* left_side, const Side* right_side, int64_t part, uint32_t* table,
               const Rule* rule) noexcept nogil:
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


def pair_best(const uint64_t[::1] left_hash not None, const uint32_t[::1] left_check not None,
              const int64_t[::1] left_amounts not None, const int32_t[::1] left_days not None,
              const uint64_t[::1] right_hash not None, const uint32_t[::1] right_check not None,
              const int64_t[::1] right_amounts not None, const int32_t[::1] right_days not None,
              int64_t minor, int64_t ppm, int64_t days, int threads=1, int bits=-1, arena=None,
              left_rows=None, right_rows=None):
    """Pair rows of equal group whose amounts and days are near, the best pair first.

    Parameters
    ----------
    left_hash, right_hash : uint64[n], uint64[m]
        Digests of the groups; 0 is a row without a group. Only rows of one group meet.
    left_check, right_check : uint32[n], uint32[m]
        The other 32 bits of the digests.
    left_amounts, right_amounts : int64[n], int64[m]
        Amounts in minor units of one currency within a group, below 2**62 in magnitude.
    left_days, right_days : int32[n], int32[m]
        Day numbers. Where rows are given, amounts and days are whole columns, of which those rows are taken.
    minor, ppm, days : int
        Two rows may meet if their amounts differ by at most max(minor, abs(left amount) * ppm // 1000000), and their
        days by at most ``days``. None is negative, ``ppm`` is at most 1000000.
    threads, bits, arena
        As for ``pair_equal``.
    left_rows, right_rows : int32[n], int32[m], optional
        Where the amounts and days of the hashes stand.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1; no right row occurs twice. Of all candidates the one with the least
        (amount difference, day difference, left row, right row) is taken, then the least of those whose rows are
        both free, until none is left.

    Notes
    -----
    A group of up to 64 candidates writes them down. In a larger one each left row looks for its next best right row
    when it needs one, over the right rows by amount and day: no list of candidates, 56 bytes a left row and 24 a
    right row of the largest group beside 16 bytes a row of either side and 14 a right row of the largest partition.
    """
    cdef Side left, right
    cdef Plan plan
    cdef Rule rule
    if not 0 <= minor < 2**62 or not 0 <= ppm <= 1000000 or days < 0:
        raise ValueError("minor must lie in 0 .. 2**62 - 1, ppm in 0 .. 1000000, and days must not be negative.")
    _open(&left, left_hash, left_check, None)
    _open(&right, right_hash, right_check, None)
    held = _plan(&plan, &left, &right, threads, bits, arena)
    left_amounts, left_days = _taken(left_amounts, left_days, left_rows, left.count, threads)
    right_amounts, right_days = _taken(right_amounts, right_days, right_rows, right.count, threads)
    partner_array = np.full(left.count, -1, dtype=np.int32)
    if not left.count or not right.count:
        return partner_array
    cdef int32_t[::1] partner = partner_array
    rule.left_amount, rule.left_day, rule.right_amount = &left_amounts[0], &left_days[0], &right_amounts[0]
    rule.right_day, rule.partner = &right_days[0], &partner[0]
    rule.minor, rule.ppm, rule.days = minor, ppm, days
    with nogil:
        _lay_out(&left, &plan)
        _lay_out(&right, &plan)
    cdef int64_t part, parts = 1 << plan.bits, room = 0, most = 0, size
    for part in range(parts):
        size = _room(&left, &right, part)
        most = max(most, size)
        if size <= NEAR_ROWS * 8:
            room = max(room, size)
    tables_array = np.empty(max(threads * room, most), dtype=np.uint32)
    cdef uint32_t[::1] tables = tables_array
    cdef int fault = 0
    with nogil:
        for part in range(parts):
            if _room(&left, &right, part) > room:
                fault |= _pair(&left, &right, part, &tables[0], &rule)
        for part in prange(parts, num_threads=threads, schedule="dynamic", chunksize=1):
            if _room(&left, &right, part) <= room:
                fault |= _pair(&left, &right, part, &tables[threadid() * room], &rule)
    if fault:
        raise MemoryError
    return partner_array


cdef int64_t _room(const Side* left, const Side* right, int64_t part) noexcept nogil:
    """Numbers that the tables of a partition take."""
    cdef uint32_t rights = right.bounds[part + 1] - right.bounds[part]
    return <int64_t>2 * _slots(rights) + rights + left.bounds[part + 1] - left.bounds[part]
