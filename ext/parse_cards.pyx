# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Card numbers out of byte spans: keyed tokens and masked forms. Its twin is ``settlement/kernels/cards_twin.py``.

SHA-256 is OpenSSL's. Both pads of the key are digested once; each number then costs two blocks.
"""

import numpy as np

from cython.parallel cimport prange
from libc.string cimport memset

include "spans.pxi"

cdef enum:
    LONGEST = 55  # digits that fit one block beside their length
    HEX = 32
    BLOCK = 4096  # rows that a thread takes at once


cdef extern from *:
    """
    #define OPENSSL_SUPPRESS_DEPRECATED  /* the plain functions are deprecated, and the only ones without a lock */
    """

cdef extern from "openssl/sha.h" nogil:
    ctypedef struct SHA256_CTX:
        pass
    int SHA256_Init(SHA256_CTX* state)
    int SHA256_Update(SHA256_CTX* state, const void* data, size_t size)
    int SHA256_Final(uint8_t* digest, SHA256_CTX* state)

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


cdef void _tokens(const uint8_t* data, const int64_t* base, const int32_t* start, const int32_t* length, int64_t count,
                  int zero, const SHA256_CTX* inner, const SHA256_CTX* outer, uint8_t* found, uint8_t* hexes) noexcept nogil:
    cdef int64_t row, k
    cdef uint8_t[LONGEST] digits
    cdef uint8_t[32] digest
    cdef SHA256_CTX state
    for row in range(count):
        found[row] = _digits(data + base[row] + start[row], length[row], zero, &digits[0])
        if not found[row]:
            memset(hexes + HEX * row, 48, HEX)
            continue
        state = inner[0]
        SHA256_Update(&state, &digits[0], length[row])
        SHA256_Final(&digest[0], &state)
        state = outer[0]
        SHA256_Update(&state, &digest[0], 32)
        SHA256_Final(&digest[0], &state)
        for k in range(HEX // 2):
            hexes[HEX * row + 2 * k] = b"0123456789abcdef"[digest[k] >> 4]
            hexes[HEX * row + 2 * k + 1] = b"0123456789abcdef"[digest[k] & 15]
    OPENSSL_cleanse(&digits[0], LONGEST)
    OPENSSL_cleanse(&state, sizeof(SHA256_CTX))


def tokens(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    int zero,
    const uint8_t[::1] secret,
    int threads=1,
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

    Returns
    -------
    found : uint8 (n,), hexes : uint8 (n, 32)
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
    cdef int64_t n = base.shape[0], block
    found_array, hex_array = np.empty(n, dtype=np.uint8), np.empty((n, HEX), dtype=np.uint8)
    if not n or not data.shape[0]:
        return found_array * 0, hex_array * 0 + 48
    cdef uint8_t[::1] found = found_array
    cdef uint8_t[:, ::1] hexes = hex_array
    cdef SHA256_CTX inner, outer
    _pad(&inner, secret, 0x36)
    _pad(&outer, secret, 0x5C)
    for block in prange((n + BLOCK - 1) // BLOCK, nogil=True, num_threads=threads, schedule="dynamic"):
        _tokens(&data[0], &base[block * BLOCK], &start[block * BLOCK], &length[block * BLOCK],
                min(<int64_t>BLOCK, n - block * BLOCK), zero, &inner, &outer, &found[block * BLOCK],
                &hexes[block * BLOCK, 0])
    OPENSSL_cleanse(&inner, sizeof(SHA256_CTX))
    OPENSSL_cleanse(&outer, sizeof(SHA256_CTX))
    return found_array, hex_array
