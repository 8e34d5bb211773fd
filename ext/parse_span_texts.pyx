# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Several texts of messages, in one pass over their bytes. Its twin is ``settlement/kernels/span_columns_twin.py``."""

import numpy as np

from cython.parallel cimport prange
from libc.string cimport memchr

include "span_columns.pxi"
include "ascii_words.pxi"

cdef enum:
    INLINE = 12  # bytes of a text that stand in its view


cdef bint _view(const uint8_t* at, int64_t size, const uint8_t* table, bint plain, int pad, int stop, int64_t place,
                int32_t* view, uint8_t* chars) noexcept nogil:
    """Write one text and its view; whether it leaves ASCII."""
    cdef bint odd
    cdef const void* found = memchr(at, stop, size) if stop >= 0 and size > 0 else NULL
    if found != NULL:
        size = <const uint8_t*>found - at
    size = max(<int64_t>0, _cut(at, size, pad))
    view[0], view[1], view[2], view[3] = <int32_t>size, 0, 0, 0
    if size <= INLINE:
        return _written(at, size, table, plain, <uint8_t*>(view + 1))
    odd = _written(at, size, table, plain, chars + place)
    memcpy(view + 1, chars + place, 4)
    view[3] = <int32_t>place
    return odd


cdef int64_t _texts(const Fields* where, int64_t first, int64_t count, int64_t whole, const uint8_t* table, bint plain, int pad,
                    const int32_t* stops, const int64_t* place, int32_t* views, uint8_t* chars,
                    const int64_t* begins, uint8_t* other) noexcept nogil:
    """Read a block; the first row with a span outside the data, or -1."""
    cdef int64_t field, k, to
    cdef int32_t size = 0
    cdef const uint8_t* at
    for field in range(where.count):
        to = place[field]
        for k in range(first, first + count):
            at = _span(where, field, k, &size)
            if at == NULL and where.size:
                return where.rows[k]
            other[field] |= _view(at, size, table, plain, pad, stops[field], to, views + 4 * (field * whole + k),
                                  chars + begins[field])
            if size > INLINE:
                to += size
    return -1


def span_texts(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[:, ::1] start,
               const int32_t[:, ::1] length, const int32_t[:, ::1] fields, const int64_t[::1] rows,
               const uint8_t[::1] table, int pad, const int32_t[::1] stops, int threads=1):
    """Read fields of some messages into the buffers of Arrow string views, without trailing ``pad`` bytes.

    Parameters
    ----------
    data, base, start, length, fields, rows, threads
        As for ``span_numbers``.
    table : uint8 (256,)
        The ASCII character of each byte, 128 or more where it has none.
    pad : int
        The byte that fills fields on the right.
    stops : int32 (f,)
        The byte before which the text of each field ends, -1 where it is the whole field.

    Returns
    -------
    views : uint8 (f, m, 16), chars : list of f uint8 arrays, other : uint8 (f,)
        A view is the length and up to 12 characters, or 4 characters, buffer 0 and the place in the field's chars.
        Other than 0 where some text of the field is not ASCII: then its views say nothing.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``, a row or field is none, or the table has not 256 entries, or a
        field no stop.
    ValueError
        If the texts of a field take 2 ** 31 bytes or more, or there is no thread.
    """
    cdef Fields where = _fields(data, base, start, length, fields, rows, threads)
    if table.shape[0] != 256 or stops.shape[0] != where.count:
        raise IndexError("the table must have 256 entries, each field a stop")
    cdef int64_t m = rows.shape[0], field, k, at, block, blocks = (m + BLOCK - 1) // BLOCK
    views_array = np.empty((where.count, m, 4), dtype=np.int32)
    if not m or not where.count:
        return views_array.view(np.uint8), [np.empty(0, dtype=np.uint8)] * where.count, np.zeros(where.count, dtype=np.uint8)
    # Where the long texts of each block begin in the characters of their field.
    place_array, begins_array = np.empty((blocks, where.count), dtype=np.int64), np.zeros(where.count + 1, dtype=np.int64)
    cdef int64_t[:, ::1] place = place_array
    cdef int64_t[::1] begins = begins_array
    with nogil:
        for field in range(where.count):
            at = 0
            for k in range(m):
                if k % BLOCK == 0:
                    place[k // BLOCK, field] = at
                if length[fields[field, 0], rows[k]] > INLINE:
                    at += length[fields[field, 0], rows[k]]
            begins[field + 1] = begins[field] + at
    if np.max(np.diff(begins_array)) >= 1 << 31:
        raise ValueError("too many characters for one buffer")
    chars_array, wrong_array = np.empty(begins_array[-1] + 1, dtype=np.uint8), np.empty(blocks, dtype=np.int64)
    other_array = np.zeros((blocks, where.count), dtype=np.uint8)
    cdef bint plain = _plain(table)
    cdef int32_t[:, :, ::1] views = views_array
    cdef uint8_t[::1] chars = chars_array
    cdef uint8_t[:, ::1] other = other_array
    cdef int64_t[::1] wrong = wrong_array
    for block in prange(blocks, nogil=True, num_threads=threads, schedule="static"):
        wrong[block] = _texts(&where, block * BLOCK, min(<int64_t>BLOCK, m - block * BLOCK), m, &table[0], plain, pad,
                              &stops[0], &place[block, 0], &views[0, 0, 0], &chars[0], &begins[0], &other[block, 0])
    if wrong_array.max() >= 0:
        raise IndexError(f"span {wrong_array[wrong_array >= 0][0]} lies outside the data")
    cut = [chars_array[begins_array[field] : begins_array[field + 1]] for field in range(where.count)]
    return views_array.view(np.uint8), cut, other_array.any(axis=0).astype(np.uint8)
