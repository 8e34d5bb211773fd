# How a number or a text enters the sums of a digest. Included by radix_digest.pyx, never imported.


cdef inline void _add(uint64_t* sums, uint64_t value, const uint64_t* key) noexcept nogil:
    cdef uint64_t low = <uint32_t>value, high = value >> 32
    sums[0] += (key[0] + low) * (key[1] + high)
    sums[BLOCK] += (key[2] + low) * (key[3] + high)
    sums[2 * BLOCK] += (key[4] + low) * (key[5] + high)


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


cdef void _add_text(uint64_t* sums, const uint8_t* text, int64_t size, const uint64_t* key) noexcept nogil:
    """A short text is two numbers that no other text has; a long one is 120 bits of its SipHash."""
    cdef uint64_t low = 0, high = 0
    if size <= SHORT:
        memcpy(&low, text, min(size, <int64_t>8))
        if size > 8:
            memcpy(&high, text + 8, size - 8)
        high |= <uint64_t>size << 56
    else:
        _sip(text, size, key + 12, &low, &high)
        high |= <uint64_t>255 << 56
    _add(sums, low, key)
    _add(sums, high, key + 6)
