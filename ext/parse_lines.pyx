# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Where the lines of delimited text end and what stands in them. Its twin is ``settlement/kernels/lines_twin.py``."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memchr

cdef enum:
    PLAIN = 0
    QUOTED = 1
    OTHER = 2


cdef inline int64_t _find(const uint8_t* source, int64_t start, int64_t end, int mark) noexcept nogil:
    """The first place of a mark from start on; end where there is none, or there is no such mark."""
    if mark < 0 or start >= end:
        return end
    cdef const uint8_t* found = <const uint8_t*>memchr(source + start, mark, end - start)
    return end if found == NULL else found - source


cdef inline int32_t _count(const uint8_t* source, int64_t start, int64_t end, int mark) noexcept nogil:
    cdef int32_t found = 0
    cdef int64_t at
    cdef uint8_t wanted = <uint8_t>mark
    for at in range(start, end):
        found += source[at] == wanted
    return found


cdef int32_t _quotes(const uint8_t* source, int64_t start, int64_t end, int quote, int escape) noexcept nogil:
    """The quotes of a line, escaped ones left out."""
    cdef int32_t found = 0
    cdef int64_t at = start
    while at < end:
        if source[at] == escape:
            at += 1
        elif source[at] == quote:
            found += 1
        at += 1
    return found


cdef int32_t _quoted(const uint8_t* source, int64_t start, int64_t end, int separator, int quote) noexcept nogil:
    """The fields of a line whose quotes stand around whole fields and nowhere else; 0 for any other line."""
    cdef int32_t fields = 1
    cdef int64_t at = start
    while at < end:
        if source[at] == quote:
            at = _find(source, at + 1, end, quote) + 1
            if at > end or (at < end and source[at] != separator):
                return 0
        else:
            while at < end and source[at] != separator:
                if source[at] == quote:
                    return 0
                at += 1
        if at < end:
            fields += 1
            at += 1
    return fields


def line_fields(const uint8_t[::1] data, int separator, int quote, int escape):
    """Find the lines of delimited text, and count the fields and quotes of each.

    Parameters
    ----------
    data : uint8 (size,)
        Text in an encoding that keeps ASCII, lines ended by x'0A'. What follows the last end is left out.
    separator, quote, escape : int
        The byte between fields, the one around a field (-1: none), the one that takes the next byte's meaning
        away (-1: none).

    Returns
    -------
    ends : int64 (n,)
        Where the end of each line stands.
    fields : int32 (n,)
        Separators and one more; where ``state`` is 1, those inside quotes are left out.
    quotes : int32 (n,)
        Quotes, escaped ones left out.
    state : uint8 (n,)
        0: no quote or escape. 1: quotes stand around whole fields and nowhere else. 2: any other line.
    """
    cdef int64_t size = data.shape[0], n = 0, row, start = 0, end
    cdef const uint8_t* source = &data[0] if size else NULL
    cdef int32_t inside
    with nogil:
        end = _find(source, 0, size, 0x0A)
        while end < size:
            n += 1
            end = _find(source, end + 1, size, 0x0A)
    ends_array = np.empty(n, dtype=np.int64)
    fields_array, quotes_array = np.empty(n, dtype=np.int32), np.zeros(n, dtype=np.int32)
    state_array = np.zeros(n, dtype=np.uint8)
    cdef int64_t[::1] ends = ends_array
    cdef int32_t[::1] fields = fields_array, quotes = quotes_array
    cdef uint8_t[::1] state = state_array
    with nogil:
        for row in range(n):
            end = _find(source, start, size, 0x0A)
            ends[row] = end
            fields[row] = _count(source, start, end, separator) + 1
            if _find(source, start, end, escape) < end:
                state[row] = OTHER
                quotes[row] = _quotes(source, start, end, quote, escape)
            elif _find(source, start, end, quote) < end:
                quotes[row] = _count(source, start, end, quote)
                inside = _quoted(source, start, end, separator, quote)
                state[row] = QUOTED if inside else OTHER
                fields[row] = inside if inside else fields[row]
            start = end + 1
    return ends_array, fields_array, quotes_array, state_array
