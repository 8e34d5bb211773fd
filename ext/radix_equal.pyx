# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernel: exact one-to-one pairs by digest, in radix partitions. The twin is in ``settlement.kernels.radix_twin``."""

include "radix_rows.pxi"
include "radix_plan.pxi"

include "radix_join.pxi"


cdef _pair_sides(const uint64_t[::1] left_hash, const uint32_t[::1] left_check, const uint64_t[::1] right_hash,
                 const uint32_t[::1] right_check, left_live, right_live, int threads, int bits, arena, bint told):
    cdef Side left, right
    cdef Plan plan
    _open(&left, left_hash, left_check, left_live)
    _open(&right, right_hash, right_check, right_live)
    held = _plan(&plan, &left, &right, threads, bits, arena)
    partner_array = np.empty(left.count, dtype=np.int32)
    many = [np.zeros(count if told else 0, dtype=np.uint8) for count in (left.count, right.count)]
    if not left.count or not right.count:
        partner_array.fill(-1)
        return partner_array, *many
    cdef Result result
    cdef int32_t[::1] view = partner_array
    cdef uint8_t[::1] left_many = many[0], right_many = many[1]
    cdef int32_t* partner = &view[0]
    result.partner, result.left_many, result.right_many = partner, NULL, NULL
    if told:
        result.left_many, result.right_many = &left_many[0], &right_many[0]
    cdef int64_t chunk, part, parts = 1 << plan.bits
    with nogil:
        _lay_out(&left, &plan)
        _lay_out(&right, &plan)
        if told and left.bounds[parts] < left.count:  # rows that no partition holds
            memset(partner, 255, left.count * sizeof(int32_t))
    cdef uint32_t near = _largest(&right, &plan, NEAR_ROWS), far = _largest(&right, &plan, PLACE)
    cdef int64_t room = _room(near, told)
    tables_array = np.empty(max(plan.threads * room, _room(far, told)), dtype=np.uint32)
    cdef uint32_t[::1] tables_view = tables_array
    cdef uint32_t* tables = &tables_view[0]
    with nogil:
        if far > NEAR_ROWS:
            for part in range(parts):
                if right.bounds[part + 1] - right.bounds[part] > NEAR_ROWS:
                    _pair(&left, &right, part, tables, &result)
        for part in prange(parts, num_threads=plan.threads, schedule="dynamic", chunksize=4):
            if right.bounds[part + 1] - right.bounds[part] <= NEAR_ROWS:
                _pair(&left, &right, part, tables + threadid() * room, &result)
        for chunk in prange(0 if told else plan.chunks, num_threads=plan.threads, schedule="dynamic", chunksize=1):
            _gather(&left, &plan, chunk, threadid(), partner)
    return partner_array, *many


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
    16 bytes a row of either side and 4 for the result; a key that many rows share adds 6 bytes a right row.
    """
    return _pair_sides(left_hash, left_check, right_hash, right_check, left_live, right_live, threads, bits, arena,
                       False)[0]


def pair_equal_told(const uint64_t[::1] left_hash not None, const uint32_t[::1] left_check not None,
                    const uint64_t[::1] right_hash not None, const uint32_t[::1] right_check not None,
                    left_live=None, right_live=None, int threads=1, int bits=-1, arena=None):
    """Pair equal keys as ``pair_equal``, and tell where another choice would have been as good.

    Parameters
    ----------
    left_hash, left_check, right_hash, right_check, left_live, right_live, threads, bits, arena
        As for ``pair_equal``.

    Returns
    -------
    partner : int32[n]
        As from ``pair_equal``.
    left_many : uint8[n], right_many : uint8[m]
        1 where the row's key stands on both sides, and more than once on one of them; else 0.

    Notes
    -----
    2 bytes a row more than ``pair_equal``, and 4 a right row of a key that many rows share.
    """
    return _pair_sides(left_hash, left_check, right_hash, right_check, left_live, right_live, threads, bits, arena,
                       True)


def kernel_bytes(int64_t lefts, int64_t rights, int threads=1, int bits=-1, bint told=False):
    """Bytes that ``pair_equal`` or ``pair_equal_told`` takes at most, result included, whatever the keys are.

    Parameters
    ----------
    lefts, rights : int
        Rows of each side.
    threads, bits : int
        As the kernel is to be told.
    told : bool
        Whether it is ``pair_equal_told``.

    Returns
    -------
    int
        At most 48 for each row of the longer side, and 1.5 MiB a thread.
    """
    cdef Plan plan
    _shape(&plan, lefts, rights, threads, bits)
    cdef int64_t near = _room(<uint32_t>min(rights, <int64_t>NEAR_ROWS), told)
    cdef int64_t far = _room(<uint32_t>rights, told) if rights > NEAR_ROWS else 0
    return (_size(&plan, lefts, rights) + max(threads * near, far) * sizeof(uint32_t) + lefts * sizeof(int32_t)
            + (lefts + rights if told else 0))
