# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Where the messages of an IPM stream lie. Its twin is ``settlement/kernels/ipm_twin.py``."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t


cdef enum:
    LIKELY = 256  # bytes of a message, at a guess: memory that is too small grows


cdef inline int64_t _length_at(const uint8_t* source) noexcept nogil:
    return (<int64_t>source[0] << 24) | (<int64_t>source[1] << 16) | (<int64_t>source[2] << 8) | source[3]


def frames(const uint8_t[::1] data):
    """Find the messages of a stream of 4-byte big-endian lengths, each followed by a message.

    Parameters
    ----------
    data : uint8 (size,)
        The stream, without blocking.

    Returns
    -------
    base : int64 (n,), length : int32 (n,)
        Start (behind the length) and size of each whole message.
    end : int
        Position behind the zero length that ends the stream; -1 if the stream ends without it, inside a
        message or inside a length.
    """
    cdef int64_t total = data.shape[0], at = 0, size, end = -1, n = 0, room = total // LIKELY + LIKELY
    cdef bint full = True
    cdef int64_t[::1] base
    cdef int32_t[::1] length
    base_array, length_array = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int32)
    while full:
        base, length, full = base_array, length_array, False
        with nogil:
            while at + 4 <= total:
                if n == room:
                    full = True
                    break
                size = _length_at(&data[at])
                at += 4
                if size == 0:
                    end = at
                    break
                if at + size > total or size > 0x7FFFFFFF:
                    break
                base[n], length[n] = at, <int32_t>size
                n += 1
                at += size
        if full:
            room *= 2
            base_array = np.concatenate([base_array, np.empty(room - n, dtype=np.int64)])
            length_array = np.concatenate([length_array, np.empty(room - n, dtype=np.int32)])
    return base_array[:n].copy(), length_array[:n].copy(), end
