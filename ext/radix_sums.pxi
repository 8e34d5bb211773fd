# How numbers and texts enter the sums of a digest. Included by radix_digest.pyx, never imported.
#
# The two loops that every number runs through are C, because only C can ask for a form of each for wider vectors: the
# form is chosen when the module is loaded, so that one build runs on any machine. All forms give the same numbers.

cdef extern from * nogil:
    """
    #include <stdint.h>
    #if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    #define DIGEST_FORMS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
    #else
    #define DIGEST_FORMS
    #endif
    DIGEST_FORMS static void digest_add(
        uint64_t *restrict sums, const uint64_t *restrict numbers, const uint64_t *restrict key, int64_t count, int64_t apart
    ) {
        const uint64_t a = key[0], b = key[1], c = key[2], d = key[3], e = key[4], f = key[5];
        uint64_t *restrict first = sums, *restrict second = sums + apart, *restrict third = sums + 2 * apart;
        for (int64_t i = 0; i < count; i++) {
            const uint64_t low = (uint32_t)numbers[i], high = numbers[i] >> 32;
            first[i] += (a + low) * (b + high);
            second[i] += (c + low) * (d + high);
            third[i] += (e + low) * (f + high);
        }
    }
    /* The upper halves of the sums; the first two are spread over partitions and slots one to one, no collision added. */
    DIGEST_FORMS static void digest_end(
        const uint64_t *restrict sums, uint64_t *restrict hashes, uint32_t *restrict checks, int64_t count, int64_t apart
    ) {
        for (int64_t i = 0; i < count; i++) {
            uint64_t hash = (sums[i] >> 32 << 32) | (sums[apart + i] >> 32);
            hash = (hash ^ (hash >> 33)) * UINT64_C(0xFF51AFD7ED558CCD);
            hash = (hash ^ (hash >> 33)) * UINT64_C(0xC4CEB9FE1A85EC53);
            hash ^= hash >> 33;
            hashes[i] = hash ? hash : 1;
            checks[i] = (uint32_t)(sums[2 * apart + i] >> 32);
        }
    }
    """
    void digest_add(uint64_t* sums, const uint64_t* numbers, const uint64_t* key, int64_t count, int64_t apart)
    void digest_end(const uint64_t* sums, uint64_t* hashes, uint32_t* checks, int64_t count, int64_t apart)


cdef inline uint64_t _turn(uint64_t value, int bits) noexcept nogil:
    return (value << bits) | (value >> (64 - bits))


cdef inline void _sip_round(uint64_t* v) noexcept nogil:
    v[0] += v[1]
    v[2] += v[3]
    v[1], v[3] = _turn(v[1], 13) ^ v[0], _turn(v[3], 16) ^ v[2]
    v[0] = _turn(v[0], 32)
    v[2] += v[1]
    v[0] += v[3]
    v[1], v[3] = _turn(v[1], 17) ^ v[2], _turn(v[3], 21) ^ v[0]
    v[2] = _turn(v[2], 32)


cdef void _sip(const uint8_t* text, int64_t size, const uint64_t* key, uint64_t* low, uint64_t* high) noexcept nogil:
    """SipHash-2-4 with a result of 128 bits."""
    cdef uint64_t v[4]
    cdef uint64_t word
    cdef int64_t at = 0
    cdef int turn
    v[0], v[1] = key[0] ^ 0x736F6D6570736575U, key[1] ^ 0x646F72616E646F6DU ^ 0xEE
    v[2], v[3] = key[0] ^ 0x6C7967656E657261U, key[1] ^ 0x7465646279746573U
    while at <= size:
        word = 0
        memcpy(&word, text + at, min(<int64_t>8, size - at))
        if size - at < 8:
            word |= <uint64_t>size << 56
        v[3] ^= word
        _sip_round(v)
        _sip_round(v)
        v[0] ^= word
        at += 8
    v[2] ^= 0xEE
    for turn in range(4):
        _sip_round(v)
    low[0] = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    for turn in range(4):
        _sip_round(v)
    high[0] = v[0] ^ v[1] ^ v[2] ^ v[3]
