# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Card numbers out of byte spans: keyed tokens and masked forms. Its twin is ``settlement/kernels/cards_twin.py``.

SHA-256 is OpenSSL's. Both pads of the key are digested once; each number then costs two blocks, which are laid out
here, so that nothing but the compression itself is called for them.
"""

import numpy as np

from cython.parallel cimport prange
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcpy, memset

include "spans.pxi"

cdef enum:
    LONGEST = 55  # digits that fit one block beside their length
    HEX = 32
    BLOCK = 4096  # rows that a thread takes at once
    SHA_BLOCK = 64
    SHOWN = 12  # bytes of the shortest span of which some are shown


cdef extern from *:
    """
    #define OPENSSL_SUPPRESS_DEPRECATED  /* the plain functions are deprecated, and the only ones without a lock */
    """

cdef extern from "openssl/sha.h" nogil:
    ctypedef struct SHA256_CTX:
        uint32_t h[8]
    int SHA256_Init(SHA256_CTX* state)
    int SHA256_Update(SHA256_CTX* state, const void* data, size_t size)
    void SHA256_Transform(SHA256_CTX* state, const uint8_t* block)

cdef extern from "openssl/crypto.h" nogil:
    void OPENSSL_cleanse(void* at, size_t size)


cdef void _pad(SHA256_CTX* state, const uint8_t[::1] secret, uint8_t pad) noexcept:
    cdef uint8_t[64] block
    cdef int k
    for k in range(64):
        block[k] = pad ^ (secret[k] if k < secret.shape[0] else 0)
    SHA256_Init(state)
    SHA256_Update(state, &block[0], 64)
    OPENSSL_cleanse(&block[0], 64)


cdef bint _digits(const uint8_t* field, int64_t size, int zero, uint8_t* digits) noexcept nogil:
    """Copy a field as ASCII digits; whether it is nothing but 1 to 55 digits."""
    cdef int64_t k
    cdef int digit
    if not 0 < size <= LONGEST:
        return False
    for k in range(size):
        digit = field[k] - zero
        if not 0 <= digit <= 9:
            return False
        digits[k] = <uint8_t>(48 + digit)
    return True


cdef inline void _close(uint8_t* block, int64_t size) noexcept nogil:
    """End a last block of so many bytes behind the pad's: a bit, zeros, and the length of both in bits."""
    cdef int64_t bits = 8 * (SHA_BLOCK + size)
    block[size] = 0x80
    memset(block + size + 1, 0, SHA_BLOCK - 3 - size)
    block[SHA_BLOCK - 2], block[SHA_BLOCK - 1] = <uint8_t>(bits >> 8), <uint8_t>bits


cdef void _tokens(const uint8_t* data, const int64_t* base, const int32_t* start, const int32_t* length, int64_t count,
                  int zero, const SHA256_CTX* inner, const SHA256_CTX* outer, const uint16_t* pairs,
                  const uint8_t* before, int64_t lead, uint8_t* found, uint8_t* written) noexcept nogil:
    cdef int64_t row, k
    cdef uint8_t[SHA_BLOCK] block, last
    cdef uint8_t* to
    cdef uint32_t word
    cdef SHA256_CTX state = inner[0]
    cdef SHA256_CTX end = outer[0]
    _close(&last[0], 32)
    for row in range(count):
        to = written + (lead + HEX) * row
        memcpy(to, before, lead)
        to += lead
        found[row] = _digits(data + base[row] + start[row], length[row], zero, &block[0])
        if not found[row]:
            memset(to, 48, HEX)
            continue
        _close(&block[0], length[row])
        memcpy(&state.h[0], &inner.h[0], 32)
        SHA256_Transform(&state, &block[0])
        for k in range(8):
            word = state.h[k]
            last[4 * k], last[4 * k + 1] = <uint8_t>(word >> 24), <uint8_t>(word >> 16)
            last[4 * k + 2], last[4 * k + 3] = <uint8_t>(word >> 8), <uint8_t>word
        memcpy(&end.h[0], &outer.h[0], 32)
        SHA256_Transform(&end, &last[0])
        for k in range(4):
            word = end.h[k]
            memcpy(to + 8 * k, &pairs[word >> 24], 2)
            memcpy(to + 8 * k + 2, &pairs[(word >> 16) & 255], 2)
            memcpy(to + 8 * k + 4, &pairs[(word >> 8) & 255], 2)
            memcpy(to + 8 * k + 6, &pairs[word & 255], 2)
    OPENSSL_cleanse(&block[0], SHA_BLOCK)
    OPENSSL_cleanse(&last[0], SHA_BLOCK)
    OPENSSL_cleanse(&state, sizeof(SHA256_CTX))
    OPENSSL_cleanse(&end, sizeof(SHA256_CTX))


def tokens(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    int zero,
    const uint8_t[::1] secret,
    int threads=1,
    bytes before=b"",
):
    """Digest the digits of each span: the first half of HMAC-SHA-256 (RFC 2104), as hexadecimal digits.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,)
        Where row i starts in ``data``.
    start, length : int32 (n,)
        The span of row i, relative to its base; a negative length is an absent span.
    zero : int
        The byte of digit 0; 1 to 9 follow it. What is digested are the digits in ASCII.
    secret : uint8 (k,)
        The key, at most 64 bytes.
    threads : int
        Threads to use.
    before : bytes (p,)
        What is written before the digits of each row.

    Returns
    -------
    found : uint8 (n,), hexes : uint8 (n, p + 32)
        1 where the span is 1 to 55 digits and nothing else; elsewhere 0 and 32 times the character 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    ValueError
        If the key is empty or longer than 64 bytes, or there is no thread.
    """
    _check(data, base, start, length)
    if not 0 < secret.shape[0] <= 64 or threads < 1:
        raise ValueError("the key must have 1 to 64 bytes, and at least one thread is needed.")
    cdef int64_t n = base.shape[0], block, lead = len(before)
    found_array, hex_array = np.empty(n, dtype=np.uint8), np.empty((n, lead + HEX), dtype=np.uint8)
    if not n:
        return found_array, hex_array
    if not data.shape[0]:  # without a byte there is no number
        data = np.zeros(1, dtype=np.uint8)
    cdef uint8_t[::1] found = found_array
    cdef uint8_t[:, ::1] hexes = hex_array
    cdef const uint8_t* lead_bytes = before
    cdef const uint16_t[::1] pairs = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=np.uint16)
    cdef SHA256_CTX inner, outer
    _pad(&inner, secret, 0x36)
    _pad(&outer, secret, 0x5C)
    for block in prange((n + BLOCK - 1) // BLOCK, nogil=True, num_threads=threads, schedule="dynamic"):
        _tokens(&data[0], &base[block * BLOCK], &start[block * BLOCK], &length[block * BLOCK],
                min(<int64_t>BLOCK, n - block * BLOCK), zero, &inner, &outer, &pairs[0], lead_bytes, lead,
                &found[block * BLOCK], &hexes[block * BLOCK, 0])
    OPENSSL_cleanse(&inner, sizeof(SHA256_CTX))
    OPENSSL_cleanse(&outer, sizeof(SHA256_CTX))
    return found_array, hex_array


def masks(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
):
    """Mask each span: first six and last four bytes with a star for each between; all stars below 12 bytes.

    Parameters
    ----------
    data, base, start, length
        Spans as for ``tokens``.

    Returns
    -------
    characters : uint8 (n, w)
        The masked forms, then zeros; w is the longest span, at least 12.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    _check(data, base, start, length)
    cdef int64_t n = base.shape[0], row, size
    characters_array = np.zeros((n, int(np.max(length, initial=SHOWN))), dtype=np.uint8)
    cdef uint8_t[:, ::1] characters = characters_array
    cdef uint8_t* to
    with nogil:
        for row in range(n):
            size = length[row]
            if size <= 0:
                continue
            to = &characters[row, 0]
            memset(to, 42, size)
            if size >= SHOWN:
                memcpy(to, &data[base[row] + start[row]], 6)
                memcpy(to + size - 4, &data[base[row] + start[row] + size - 4], 4)
    return characters_array
