# Both sides of a call, and the memory it works in. Included by the radix kernels behind radix_rows.pxi, never imported.

import numpy as np


cdef int _open(Side* side, const uint64_t[::1] hash, const uint32_t[::1] check, live) except -1:
    cdef const uint8_t[::1] flags
    if check.shape[0] != hash.shape[0] or (live is not None and len(live) != hash.shape[0]):
        raise ValueError("hash, check and live of a side must be of one length.")
    if hash.shape[0] >= 2**31 - 1:
        raise ValueError(f"{hash.shape[0]} rows are too many for one side: fewer than 2**31 - 1 fit.")
    side.count, side.live = hash.shape[0], NULL
    if side.count:
        side.hash, side.check = &hash[0], &check[0]
        if live is not None:
            flags = live.view(np.uint8)
            side.live = &flags[0]
    return 0


cdef int _shape(Plan* plan, int64_t lefts, int64_t rights, int threads, int bits) except -1:
    cdef int64_t most = max(lefts, rights)
    if threads < 1 or bits > MOST_BITS:
        raise ValueError(f"threads must be at least 1, and bits at most {MOST_BITS}.")
    plan.threads = threads
    # Some thousand rows a partition; with more partitions than 2**10 the write buffers cost more than they save.
    if bits < 0:
        bits = min(MOST_BITS, max(min(10, (most >> 13).bit_length()), (most >> 15).bit_length()))
    plan.bits = bits
    plan.chunks = 4 * threads if most > NEAR_ROWS else 1
    return 0


cdef int64_t _size(const Plan* plan, int64_t lefts, int64_t rights) noexcept nogil:
    """Bytes of the arena: the rows, the write buffers, the places, and what the boundaries of the pieces waste."""
    cdef int64_t parts = <int64_t>1 << plan.bits
    return (64 * 9 + (lefts + rights + plan.threads * parts * BLOCK) * sizeof(Row)
            + (2 * plan.chunks + plan.threads + 2) * parts * sizeof(uint32_t))


cdef _plan(Plan* plan, Side* left, Side* right, int threads, int bits, arena):
    """Cut the arena into what both sides need; return it, for it must outlive the work."""
    cdef int64_t parts, size
    cdef char* base
    _shape(plan, left.count, right.count, threads, bits)
    parts = <int64_t>1 << plan.bits
    size = _size(plan, left.count, right.count)
    if arena is None:
        arena = np.empty(size, dtype=np.uint8)
    elif arena.nbytes < size:
        raise ValueError(f"the arena has {arena.nbytes} bytes: {size} are needed.")
    cdef uint8_t[::1] view = arena
    base = <char*>&view[0]
    left.rows = <Row*>_cut(&base, left.count * sizeof(Row))
    right.rows = <Row*>_cut(&base, right.count * sizeof(Row))
    plan.buffer = <Row*>_cut(&base, threads * parts * BLOCK * sizeof(Row))
    plan.first = <uint32_t*>_cut(&base, threads * parts * sizeof(uint32_t))
    left.cursor = <uint32_t*>_cut(&base, plan.chunks * parts * sizeof(uint32_t))
    right.cursor = <uint32_t*>_cut(&base, plan.chunks * parts * sizeof(uint32_t))
    left.bounds = <uint32_t*>_cut(&base, (parts + 1) * sizeof(uint32_t))
    right.bounds = <uint32_t*>_cut(&base, (parts + 1) * sizeof(uint32_t))
    return arena


cdef inline char* _cut(char** base, int64_t size) noexcept nogil:
    """The next piece, on a boundary of 64 bytes."""
    cdef char* piece = <char*>((<size_t>base[0] + 63) & ~<size_t>63)
    base[0] = piece + size
    return piece
