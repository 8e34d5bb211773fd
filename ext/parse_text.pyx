# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Text columns for Arrow out of byte spans. Its twin is ``settlement/kernels/spans_twin.py``."""

import numpy as np

from libc.stdint cimport uint16_t

include "spans.pxi"


def gather(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    const uint16_t[::1] table,
    int pad,
):
    """Copy spans into the buffers of an Arrow large string column, as UTF-8, without trailing ``pad`` bytes.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,)
        Where row i starts in ``data``.
    start, length : int32 (n,)
        The span of row i, relative to its base; a negative length is an absent span and gives no characters.
    table : uint16 (256,)
        Code point (below 0x800) of each byte.
    pad : int
        The byte that fills fields on the right.

    Returns
    -------
    offsets : int64 (n + 1,), chars : uint8 (offsets[n],)

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    _check(data, base, start, length)
    if table.shape[0] != 256:
        raise IndexError("table must have 256 entries")
    cdef int64_t n = base.shape[0], row, at = 0, k, size, most = 0
    for row in range(n):
        if length[row] > 0:
            most += length[row]
    cdef uint8_t[256] ascii
    cdef uint8_t two = 0, seen
    for k in range(256):
        ascii[k] = <uint8_t>table[k] if table[k] < 0x80 else 0x80
        two |= ascii[k] & 0x80
    offsets_array = np.empty(n + 1, dtype=np.int64)
    # No byte becomes more than two, so twice the spans is room enough where the table leaves ASCII.
    chars_array = np.empty(most * (2 if two else 1), dtype=np.uint8)
    cdef int64_t[::1] offsets = offsets_array
    cdef uint8_t[::1] chars = chars_array
    cdef const uint8_t* source
    cdef uint16_t code
    with nogil:
        offsets[0] = 0
        for row in range(n):
            size = length[row]
            if size > 0:
                source = &data[base[row] + start[row]]
                while size > 0 and source[size - 1] == pad:
                    size -= 1
                seen = 0
                for k in range(size):
                    chars[at + k] = ascii[source[k]]
                    seen |= chars[at + k]
                if seen < 0x80:
                    at += size
                    size = 0
                for k in range(size):  # once more where a character takes two bytes
                    code = table[source[k]]
                    if code < 0x80:
                        chars[at] = <uint8_t>code
                        at += 1
                    else:
                        chars[at] = <uint8_t>(0xC0 | (code >> 6))
                        chars[at + 1] = <uint8_t>(0x80 | (code & 0x3F))
                        at += 2
            offsets[row + 1] = at
    return offsets_array, chars_array[:at]
