# What the radix kernels share: the live rows of a side, laid out by partition and there in row order.
# Included by them, never imported.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from * nogil:
    """
    #include <string.h>
    /* A block is 16 rows of 16 bytes, aligned to 64. Written past the cache: nobody reads it soon. */
    #if defined(__SSE2__)
    #include <emmintrin.h>
    static inline void radix_stream(void *to, const void *from) {
        for (int i = 0; i < 16; i++)
            _mm_stream_si128((__m128i *)to + i, _mm_load_si128((const __m128i *)from + i));
    }
    static inline void radix_fence(void) { _mm_sfence(); }
    #else
    static inline void radix_stream(void *to, const void *from) { memcpy(to, from, 256); }
    static inline void radix_fence(void) { __sync_synchronize(); }
    #endif
    """
    void radix_stream(void* to, const void* source)
    void radix_fence()

cdef enum:
    BLOCK = 16  # rows a write buffer holds
    MOST_BITS = 13  # partitions whose write buffers still lie near the core
    NEAR_ROWS = 65536  # a larger partition is skewed: one thread works on it, with a table of its own

cdef struct Row:
    uint64_t hash
    uint32_t check
    int32_t row

cdef struct Side:
    const uint64_t* hash
    const uint32_t* check
    const uint8_t* live  # NULL: every row that has a key
    int64_t count
    Row* rows
    uint32_t* cursor  # by chunk and partition: where its next row goes
    uint32_t* bounds  # by partition: where it starts; one more at the end

cdef struct Plan:
    int threads
    int bits
    int64_t chunks
    uint32_t* first  # by thread and partition
    Row* buffer  # by thread and partition: one block


cdef inline uint64_t _part(uint64_t hash, int bits) noexcept nogil:
    return (hash >> 1) >> (63 - bits)


cdef void _count(Side* side, const Plan* plan, int64_t chunk) noexcept nogil:
    cdef int64_t i, low = side.count * chunk // plan.chunks, high = side.count * (chunk + 1) // plan.chunks
    cdef uint32_t* counts = side.cursor + (chunk << plan.bits)
    memset(counts, 0, sizeof(uint32_t) << plan.bits)
    if side.live == NULL:
        for i in range(low, high):
            counts[_part(side.hash[i], plan.bits)] += side.hash[i] != 0
    else:
        for i in range(low, high):
            counts[_part(side.hash[i], plan.bits)] += (side.hash[i] != 0) & (side.live[i] != 0)


cdef void _bound(Side* side, const Plan* plan) noexcept nogil:
    """Counts become places: by partition, within it by chunk, so that every partition keeps the row order."""
    cdef int64_t part, chunk
    cdef uint32_t at = 0, held
    for part in range(1 << plan.bits):
        side.bounds[part] = at
        for chunk in range(plan.chunks):
            held = side.cursor[(chunk << plan.bits) + part]
            side.cursor[(chunk << plan.bits) + part] = at
            at += held
    side.bounds[1 << plan.bits] = at


cdef void _scatter(Side* side, const Plan* plan, int64_t chunk, int thread) noexcept nogil:
    cdef int64_t i, low = side.count * chunk // plan.chunks, high = side.count * (chunk + 1) // plan.chunks
    cdef uint32_t* cursor = side.cursor + (chunk << plan.bits)
    cdef uint32_t* first = plan.first + (<int64_t>thread << plan.bits)
    cdef Row* buffer = plan.buffer + (<int64_t>thread << plan.bits) * BLOCK
    cdef Row* slot
    cdef uint64_t hash, part
    cdef uint32_t at, start
    memcpy(first, cursor, sizeof(uint32_t) << plan.bits)
    for i in range(low, high):
        hash = side.hash[i]
        if hash == 0 or (side.live != NULL and side.live[i] == 0):
            continue
        part = _part(hash, plan.bits)
        at = cursor[part]
        cursor[part] = at + 1
        slot = buffer + part * BLOCK + at % BLOCK
        slot.hash, slot.check, slot.row = hash, side.check[i], <int32_t>i
        if at % BLOCK == BLOCK - 1:
            start = at - (BLOCK - 1)
            if start >= first[part]:
                radix_stream(side.rows + start, buffer + part * BLOCK)
            else:  # the block's beginning belongs to another chunk or partition
                start = first[part]
                memcpy(side.rows + start, buffer + part * BLOCK + start % BLOCK, (at + 1 - start) * sizeof(Row))
    for part in range(<uint64_t>1 << plan.bits):
        at = cursor[part]
        start = at - at % BLOCK
        start = start if start > first[part] else first[part]
        if at > start:
            memcpy(side.rows + start, buffer + part * BLOCK + start % BLOCK, (at - start) * sizeof(Row))
    radix_fence()


cdef void _lay_out(Side* side, const Plan* plan) noexcept nogil:
    cdef int64_t chunk
    for chunk in prange(plan.chunks, num_threads=plan.threads, schedule="dynamic", chunksize=1):
        _count(side, plan, chunk)
    _bound(side, plan)
    for chunk in prange(plan.chunks, num_threads=plan.threads, schedule="dynamic", chunksize=1):
        _scatter(side, plan, chunk, threadid())
