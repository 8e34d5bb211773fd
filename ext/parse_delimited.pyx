# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Fields of delimited lines as text columns. Its twin is ``settlement/kernels/delimited_twin.py``."""

import numpy as np

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

cdef enum:
    BLOCK = 1024  # lines that a thread takes at once
    STRETCH = 256  # bytes whose separators are found at once
    INSIDE = 12  # bytes of a text that a view holds itself
    PART = 1 << 30  # most bytes of characters that views of one part point into

# What is left of 12 bytes where a text has so many.
_MASKS = (np.arange(INSIDE) < np.arange(INSIDE + 1)[:, None]).astype(np.uint8) * np.uint8(255)


cdef inline void _view(const uint8_t* data, int64_t end, int64_t first, int64_t last, const uint64_t* low,
                       const uint32_t* high, int32_t* view) noexcept nogil:
    """The view of a field; of one of more than 12 bytes it holds, for now, where the field lies."""
    cdef int64_t size = last - first
    cdef uint64_t head
    cdef uint32_t rest
    view[0] = <int32_t>size
    if size > INSIDE:
        memcpy(view + 1, data + first, 4)
        memcpy(view + 2, &first, 8)
    elif first + INSIDE > end:
        memcpy(view + 1, data + first, size)
    else:  # what is behind the field is read and taken away again
        memcpy(&head, data + first, 8)
        memcpy(&rest, data + first + 8, 4)
        head &= low[size]
        rest &= high[size]
        memcpy(view + 1, &head, 8)
        memcpy(view + 3, &rest, 4)


cdef void _quoted(const uint8_t* data, int64_t size, int64_t at, int64_t end, int separator, int quote,
                  const int32_t* column, int64_t width, int64_t row, int64_t rows, const uint64_t* low,
                  const uint32_t* high, int32_t* views) noexcept nogil:
    cdef int64_t number, first, last
    cdef const uint8_t* found
    for number in range(width):
        if at > end:
            return
        if at < end and data[at] == quote:
            first = at + 1
            found = <const uint8_t*>memchr(data + first, quote, end - first)
            last = end if found == NULL else found - data
            at = last + 2
        else:
            first = last = at
            while last < end and data[last] != separator:
                last += 1
            at = last + 1
        if column[number] >= 0:
            _view(data, size, first, last, low, high, views + 4 * (column[number] * rows + row))


cdef void _plain(const uint8_t* data, int64_t size, int64_t at, int64_t end, int separator, const int32_t* column,
                 int64_t width, int64_t row, int64_t rows, const uint64_t* low, const uint32_t* high,
                 int32_t* views) noexcept nogil:
    """A line without quotes: its separators are found a stretch at a time, without a branch for each byte."""
    cdef int64_t number = 0, first = at, upto, k
    cdef int32_t found, one
    cdef int32_t[STRETCH] places
    while at <= end:
        upto, found = min(end - at, <int64_t>STRETCH), 0
        for k in range(upto):
            places[found] = <int32_t>k
            found += data[at + k] == separator
        for one in range(found):
            if column[number] >= 0:
                _view(data, size, first, at + places[one], low, high, views + 4 * (column[number] * rows + row))
            first = at + places[one] + 1
            number += 1
            if number == width:
                return
        at += upto
        if at == end:
            if column[number] >= 0:
                _view(data, size, first, end, low, high, views + 4 * (column[number] * rows + row))
            return


cdef int64_t _long(const int32_t* views, int64_t rows) noexcept nogil:
    """The bytes of the texts that views do not hold themselves."""
    cdef int64_t row, found = 0
    for row in range(rows):
        if views[4 * row] > INSIDE:
            found += views[4 * row]
    return found


cdef void _keep(const uint8_t* data, int32_t* views, int64_t rows, uint8_t* chars) noexcept nogil:
    """Copy these texts, one behind the other, and let their views point there. No text runs over the end of a part."""
    cdef int64_t row, first, at = 0
    cdef int32_t* view
    for row in range(rows):
        view = views + 4 * row
        if view[0] <= INSIDE:
            continue
        memcpy(&first, view + 2, 8)
        if at % PART + view[0] > PART:
            at += PART - at % PART
        memcpy(chars + at, data + first, view[0])
        view[2], view[3] = <int32_t>(at // PART), <int32_t>(at % PART)
        at += view[0]


def delimited_fields(const uint8_t[::1] data, const int64_t[::1] starts, const int64_t[::1] ends, int separator,
                     int quote, const int32_t[::1] wanted, int threads=1):
    """Cut fields out of delimited lines as text columns.

    Parameters
    ----------
    data : uint8 (size,)
        Text in UTF-8.
    starts, ends : int64 (n,)
        Each line without its end. Its quotes, if any, stand around whole fields and nowhere else.
    separator, quote : int
        The byte between fields, and the one around a field (-1: none), which is taken off.
    wanted : int32 (k,)
        The numbers of the fields, from 0, ascending.
    threads : int
        Threads to use.

    Returns
    -------
    views : int32 (k, n, 4)
        Arrow's views of the texts of each field; a field that a line does not have is empty.
    chars : list of k lists of uint8
        What the views of each point into, in parts of up to 1 GiB.

    Raises
    ------
    IndexError
        If a line does not lie inside ``data`` or has 1 GiB or more, or wanted fields do not ascend.
    """
    cdef int64_t n = starts.shape[0], fields = wanted.shape[0], row, field, width, size = data.shape[0]
    if ends.shape[0] != n or threads < 1:
        raise IndexError("each line needs a start and an end, and at least one thread is needed")
    if fields and (wanted[0] < 0 or np.min(np.diff(wanted), initial=1) < 1):
        raise IndexError("wanted fields do not ascend")
    views_array = np.zeros((fields, n, 4), dtype=np.int32)
    if not n or not fields:
        return views_array, [[] for _ in range(fields)]
    sizes = np.subtract(ends, starts)
    if np.min(starts) < 0 or np.max(ends) > data.shape[0] or np.min(sizes) < 0 or np.max(sizes) >= PART:
        raise IndexError("a line does not lie inside the data")
    width = wanted[fields - 1] + 1
    columns = np.full(width, -1, dtype=np.int32)
    columns[np.asarray(wanted)] = np.arange(fields)
    cdef const int32_t[::1] column = columns
    cdef const uint8_t[::1] text = data if data.shape[0] else np.zeros(1, dtype=np.uint8)
    cdef int32_t[:, :, ::1] views = views_array
    cdef const uint64_t[::1] low = np.frombuffer(_MASKS[:, :8].tobytes(), dtype=np.uint64)
    cdef const uint32_t[::1] high = np.frombuffer(_MASKS[:, 8:].tobytes(), dtype=np.uint32)
    cdef int64_t[::1] total = np.zeros(fields, dtype=np.int64)
    for row in prange(n, nogil=True, num_threads=threads, schedule="dynamic", chunksize=BLOCK):
        if quote >= 0 and memchr(&text[starts[row]], quote, ends[row] - starts[row]) != NULL:
            _quoted(&text[0], size, starts[row], ends[row], separator, quote, &column[0], width, row, n, &low[0],
                    &high[0], &views[0, 0, 0])
        else:
            _plain(&text[0], size, starts[row], ends[row], separator, &column[0], width, row, n, &low[0], &high[0],
                   &views[0, 0, 0])
    for field in prange(fields, nogil=True, num_threads=threads, schedule="dynamic"):
        total[field] = _long(&views[field, 0, 0], n)
    # Each field has characters of its own, so that none keeps another's in memory; each end of a part may stay free.
    longest = int(np.max(sizes))
    kept = [np.empty(one + (one // (PART - longest) + 1) * longest if one > PART else one, np.uint8) for one in total]
    cdef const int64_t[::1] chars = np.array([one.ctypes.data for one in kept], dtype=np.int64)
    for field in prange(fields, nogil=True, num_threads=threads, schedule="dynamic"):
        _keep(&text[0], &views[field, 0, 0], n, <uint8_t*>chars[field])
    return views_array, [[one[at:at + PART] for at in range(0, len(one), PART)] for one in kept]
