# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Texts at fixed positions of many records, several in one pass. Its twin is ``settlement/kernels/positions_twin.py``."""

import numpy as np

from cython.parallel cimport prange
include "positions.pxi"
include "ascii_words.pxi"

cdef enum:
    INLINE = 12  # bytes of a text that stand in its view


cdef bint _view(const uint8_t* at, int64_t size, const uint8_t* table, bint plain, int blank, int32_t place, int32_t* view,
                uint8_t* chars) noexcept nogil:
    """Write one text and its view; whether it leaves ASCII."""
    cdef bint odd
    size = max(<int64_t>0, _cut(at, size, blank))
    view[0], view[1], view[2], view[3] = <int32_t>size, 0, 0, 0
    if size <= INLINE:
        return _written(at, size, table, plain, <uint8_t*>(view + 1))
    odd = _written(at, size, table, plain, chars)
    memcpy(view + 1, chars, 4)
    view[3] = place
    return odd


cdef bint _texts(const uint8_t* data, const int64_t* base, const int32_t* length, int64_t from_row, int64_t count,
                 int first, int size, const uint8_t* table, bint plain, int blank, int32_t* views, uint8_t* chars) noexcept nogil:
    cdef int64_t row
    cdef bint odd = False
    for row in range(from_row, from_row + count):
        odd |= _view(data + base[row] + first, min(size, length[row] - first), table, plain, blank, <int32_t>(row * size),
                     views + 4 * row, chars + row * size)
    return odd


def position_texts(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[::1] length,
                   const int32_t[:, ::1] fields, const uint8_t[::1] table, int blank, int threads=1):
    """Read fields of text at fixed positions of records into the buffers of Arrow string views.

    Parameters
    ----------
    data, base, length, fields, threads
        As for ``position_numbers``, fields of any size; n times a size must stay below 2 ** 31.
    table : uint8 (256,)
        The ASCII character of each byte, 128 or more where it has none.
    blank : int
        The byte that fills fields on the right.

    Returns
    -------
    views : uint8 (f, n, 16), chars : list of f uint8 arrays, other : uint8 (f,)
        A view is the length and up to 12 characters, or 4 characters, buffer 0 and the place in the field's chars.
        Other than 0 where some text of the field is not ASCII: then its views say nothing.

    Raises
    ------
    IndexError
        If a record does not lie inside ``data``, or the table has not 256 entries.
    ValueError
        If a field of all records takes 2 ** 31 bytes or more.
    """
    _require(data, base, length, fields)
    cdef int64_t n = base.shape[0], count = fields.shape[0], block, field, row, blocks = (n + BLOCK - 1) // BLOCK
    if table.shape[0] != 256:
        raise IndexError("table must have 256 entries")
    sizes = np.asarray(fields)[:, 1].astype(np.int64)
    if count and n * int(sizes.max()) >= 1 << 31:
        raise ValueError("too many records for one buffer")
    starts_array = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes * n)])
    views_array, chars_array = np.empty((count, n, 4), dtype=np.int32), np.empty(starts_array[-1] + 1, dtype=np.uint8)
    seen_array = np.zeros((count, blocks), dtype=np.uint8)
    cdef int64_t[::1] starts = starts_array
    cdef int32_t[:, :, ::1] views = views_array
    cdef uint8_t[::1] chars = chars_array
    cdef uint8_t[:, ::1] seen = seen_array
    cdef bint plain = _plain(table)
    if n and count and data.shape[0]:
        for block in prange(blocks, nogil=True, num_threads=threads, schedule="static"):
            row = block * BLOCK
            for field in range(count):
                seen[field, block] = _texts(&data[0], &base[0], &length[0], row, min(<int64_t>BLOCK, n - row),
                                            fields[field, 0], fields[field, 1], &table[0], plain, blank, &views[field, 0, 0],
                                            &chars[starts[field]])
    else:
        views_array[:] = 0
    cut = [chars_array[starts_array[field] : starts_array[field + 1]] for field in range(count)]
    return views_array.view(np.uint8), cut, seen_array.any(axis=1).astype(np.uint8)
