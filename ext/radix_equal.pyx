# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernel: exact one-to-one pairs by digest, in radix partitions. The twin is in ``settlement.kernels.radix_twin``."""

include "radix_rows.pxi"
include "radix_plan.pxi"

cdef extern from * nogil:
    void __builtin_prefetch(const void* at, int written)

cdef enum:
    AHEAD = 48  # rows between the order for a line of the result and its use
    SPENT = 0xFFFFFFFF  # a key whose right rows are all taken


cdef void _join(const Row* left, uint32_t lefts, const Row* right, uint32_t rights, uint32_t* table, uint32_t slots,
                int32_t* partner) noexcept nogil:
    """Pair one partition. The table holds a right row (from 1) by key; a chain leads to the equal ones after it."""
    cdef uint32_t* after = table + slots
    cdef uint32_t i, at, top
    cdef const Row* row
    memset(table, 0, slots * sizeof(uint32_t))
    # Backwards, so that each chain starts with the row that stands first.
    for i in range(rights, 0, -1):
        row = right + i - 1
        at = <uint32_t>(<uint64_t><uint32_t>row.hash * slots >> 32)
        top = table[at]
        while top and (right[top - 1].hash != row.hash or right[top - 1].check != row.check):
            at = at + 1 if at + 1 < slots else 0
            top = table[at]
        after[i - 1], table[at] = top, i
    for i in range(lefts):
        row = left + i
        __builtin_prefetch(partner + left[i + AHEAD if i + AHEAD < lefts else i].row, 1)
        at = <uint32_t>(<uint64_t><uint32_t>row.hash * slots >> 32)
        top = table[at]
        while top and (top == SPENT or right[top - 1].hash != row.hash or right[top - 1].check != row.check):
            at = at + 1 if at + 1 < slots else 0
            top = table[at]
        if top:
            partner[row.row] = right[top - 1].row
            table[at] = after[top - 1] if after[top - 1] else SPENT


cdef inline uint32_t _slots(uint32_t rights) noexcept nogil:
    return rights + rights // 4 + 1 if rights > NEAR_ROWS else 4 * rights + 1


cdef void _pair(const Side* left, const Side* right, int64_t part, uint32_t* table,
                int32_t* partner) noexcept nogil:
    cdef uint32_t rights = right.bounds[part + 1] - right.bounds[part]
    cdef uint32_t lefts = left.bounds[part + 1] - left.bounds[part]
    if lefts and rights:
        _join(left.rows + left.bounds[part], lefts, right.rows + right.bounds[part], rights, table, _slots(rights),
              partner)


cdef uint32_t _largest(const Side* side, const Plan* plan, uint32_t limit) noexcept nogil:
    """Rows of the largest partition that has no more than the limit."""
    cdef int64_t part
    cdef uint32_t most = 0, rows
    for part in range(<int64_t>1 << plan.bits):
        rows = side.bounds[part + 1] - side.bounds[part]
        most = rows if most < rows and rows <= limit else most
    return most


def pair_equal(const uint64_t[::1] left_hash not None, const uint32_t[::1] left_check not None,
               const uint64_t[::1] right_hash not None, const uint32_t[::1] right_check not None,
               left_live=None, right_live=None, int threads=1, int bits=-1, arena=None):
    """Pair equal keys one to one: the i-th row of a key on the left meets the i-th on the right.

    Parameters
    ----------
    left_hash, right_hash : uint64[n], uint64[m]
        Digests of the keys, well spread; 0 is a row without a key. Fewer than 2**31 - 1 rows a side.
    left_check, right_check : uint32[n], uint32[m]
        The other 32 bits of the digests.
    left_live, right_live : bool[n], bool[m], optional
        Rows that take part; all of them if not given.
    threads : int
        Threads to use.
    bits : int
        Work in 2**bits partitions, at most 13; negative: as many as the size asks for.
    arena : uint8, optional
        Memory to work in, at least ``kernel_bytes(n, m, threads, bits)``, so that one piece serves many calls.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1. Where k and m rows share a key, min(k, m) of them are paired;
        no right row occurs twice. The result depends neither on threads nor on bits.

    Notes
    -----
    16 bytes a row of either side and 4 for the result; a key that many rows share adds 9 bytes a right row.
    """
    cdef Side left, right
    cdef Plan plan
    _open(&left, left_hash, left_check, left_live)
    _open(&right, right_hash, right_check, right_live)
    held = _plan(&plan, &left, &right, threads, bits, arena)
    partner_array = np.empty(left.count, dtype=np.int32)
    if not left.count:
        return partner_array
    cdef int32_t[::1] view = partner_array
    cdef int32_t* partner = &view[0]
    cdef int64_t chunk, part, parts = 1 << plan.bits
    with nogil:
        for chunk in prange(plan.chunks, num_threads=plan.threads, schedule="dynamic", chunksize=1):
            memset(partner + left.count * chunk // plan.chunks, 255,
                   (left.count * (chunk + 1) // plan.chunks - left.count * chunk // plan.chunks) * sizeof(int32_t))
        _lay_out(&left, &plan)
        _lay_out(&right, &plan)
    cdef uint32_t near = _largest(&right, &plan, NEAR_ROWS), far = _largest(&right, &plan, SPENT)
    cdef uint32_t room = _slots(near) + near
    tables_array = np.empty(max(<int64_t>plan.threads * room, <int64_t>_slots(far) + far), dtype=np.uint32)
    cdef uint32_t[::1] tables_view = tables_array
    cdef uint32_t* tables = &tables_view[0]
    with nogil:
        if far > NEAR_ROWS:
            for part in range(parts):
                if right.bounds[part + 1] - right.bounds[part] > NEAR_ROWS:
                    _pair(&left, &right, part, tables, partner)
        for part in prange(parts, num_threads=plan.threads, schedule="dynamic", chunksize=1):
            if right.bounds[part + 1] - right.bounds[part] <= NEAR_ROWS:
                _pair(&left, &right, part, tables + <int64_t>threadid() * room, partner)
    return partner_array


def kernel_bytes(int64_t lefts, int64_t rights, int threads=1, int bits=-1):
    """Bytes that ``pair_equal`` takes at most, result included, whatever the keys are.

    Parameters
    ----------
    lefts, rights : int
        Rows of each side.
    threads, bits : int
        As ``pair_equal`` is to be told.

    Returns
    -------
    int
        Below 48 for each row of the longer side, and 1.5 MiB a thread.
    """
    cdef Plan plan
    _shape(&plan, lefts, rights, threads, bits)
    cdef int64_t near = _slots(<uint32_t>min(rights, <int64_t>NEAR_ROWS)) + min(rights, <int64_t>NEAR_ROWS)
    cdef int64_t far = _slots(<uint32_t>rights) + rights if rights > NEAR_ROWS else 0
    return _size(&plan, lefts, rights) + max(threads * near, far) * sizeof(uint32_t) + lefts * sizeof(int32_t)
