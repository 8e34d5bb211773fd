# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Columns out of byte spans: text for Arrow, whole numbers, Luhn. Its twin is ``settlement/kernels/spans_twin.py``."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

cdef enum:
    MOST_DIGITS = 18


cdef int64_t _outside(int64_t size, const int64_t[::1] base, const int32_t[::1] start, const int32_t[::1] length) noexcept nogil:
    """The first row whose span does not lie inside the data, or -1."""
    cdef int64_t row, first
    for row in range(base.shape[0]):
        if length[row] > 0:
            first = base[row] + start[row]
            if first < 0 or first + length[row] > size:
                return row
    return -1


def _check(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[::1] start, const int32_t[::1] length):
    if start.shape[0] != base.shape[0] or length.shape[0] != base.shape[0]:
        raise IndexError("base, start and length differ in length")
    cdef int64_t row
    with nogil:
        row = _outside(data.shape[0], base, start, length)
    if row >= 0:
        raise IndexError(f"span {row} lies outside the data")


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


def numbers(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    int zero,
):
    """Read spans of digits as whole numbers.

    Parameters
    ----------
    data, base, start, length
        Spans as for ``gather``.
    zero : int
        The byte of the digit 0 (0x30 in ASCII, 0xF0 in EBCDIC); 1 to 9 follow it.

    Returns
    -------
    values : int64 (n,), state : uint8 (n,)
        State 1: a number. 2: not 1 to 18 digits, value 0. 0: absent, value 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    _check(data, base, start, length)
    cdef int64_t n = base.shape[0], row, k, value
    cdef int digit
    values_array = np.zeros(n, dtype=np.int64)
    state_array = np.zeros(n, dtype=np.uint8)
    cdef int64_t[::1] values = values_array
    cdef uint8_t[::1] state = state_array
    cdef const uint8_t* source
    with nogil:
        for row in range(n):
            if length[row] < 0:
                continue
            state[row] = 2
            if length[row] == 0 or length[row] > MOST_DIGITS:
                continue
            source = &data[base[row] + start[row]]
            value = 0
            for k in range(length[row]):
                digit = source[k] - zero
                if digit < 0 or digit > 9:
                    break
                value = 10 * value + digit
            else:
                values[row] = value
                state[row] = 1
    return values_array, state_array


def luhn(
    const uint8_t[::1] data,
    const int64_t[::1] base,
    const int32_t[::1] start,
    const int32_t[::1] length,
    int zero,
):
    """Whether each span is a run of digits whose last one is its Luhn check digit.

    Parameters
    ----------
    data, base, start, length, zero
        Spans and digits as for ``numbers``.

    Returns
    -------
    valid : uint8 (n,)
        1 where the span has at least 2 bytes, all of them digits, and passes; else 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    _check(data, base, start, length)
    cdef int64_t n = base.shape[0], row, k, total
    cdef int digit
    valid_array = np.zeros(n, dtype=np.uint8)
    cdef uint8_t[::1] valid = valid_array
    cdef const uint8_t* source
    with nogil:
        for row in range(n):
            if length[row] < 2:
                continue
            source = &data[base[row] + start[row]]
            total = 0
            for k in range(length[row]):
                digit = source[length[row] - 1 - k] - zero
                if digit < 0 or digit > 9:
                    break
                if k & 1:
                    digit = 2 * digit - 9 if digit > 4 else 2 * digit
                total += digit
            else:
                valid[row] = total % 10 == 0
    return valid_array
