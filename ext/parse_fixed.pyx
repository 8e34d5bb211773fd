# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Lines of fixed width: what stands where it must, and fields as text columns. Its twin is
``settlement/kernels/fixed_twin.py``."""

import numpy as np

from cython.parallel cimport prange
from libc.stdint cimport int32_t
from libc.string cimport memchr

include "ascii_words.pxi"

cdef enum:
    BLOCK = 1024  # lines that a thread takes at once
    INSIDE = 12  # bytes of a text that a view holds itself
    PART = 1 << 30  # most bytes of characters that views of one part point into


cdef void _whole(const uint8_t* line, int64_t length, const int32_t* places, const uint8_t* marks, int64_t count,
                 int end, uint8_t* whole) noexcept nogil:
    cdef int64_t k
    whole[0] = end < 0 or memchr(line, end, length) == NULL
    for k in range(count):
        whole[0] &= line[places[k]] == marks[k]


def whole_lines(const uint8_t[::1] data, const int64_t[::1] base, int64_t length, const int32_t[::1] places,
                const uint8_t[::1] marks, int end=-1, int threads=1):
    """Find the lines that have certain bytes in certain places.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,)
        Where line i starts in ``data``.
    length : int
        Bytes of each line.
    places : int32 (k,), marks : uint8 (k,)
        The byte that must stand in each place, counted from 0; a place may lie behind the line, inside ``data``.
    end : int
        A byte that must not stand in a line; -1 for none.
    threads : int
        Threads to use.

    Returns
    -------
    uint8 (n,)
        1 where all of that is so.

    Raises
    ------
    IndexError
        If a line or a place does not lie inside ``data``.
    """
    cdef int64_t n = base.shape[0], row, reach = max(length, np.max(places, initial=-1) + 1)
    if length < 1 or places.shape[0] != marks.shape[0] or np.min(places, initial=0) < 0 or threads < 1:
        raise IndexError("a line needs a byte, each place its mark, and at least one thread is needed")
    whole_array = np.ones(n, dtype=np.uint8)
    if not n:
        return whole_array
    if np.min(base) < 0 or np.max(base) + reach > data.shape[0]:
        raise IndexError("a line lies outside the data")
    cdef uint8_t[::1] whole = whole_array
    cdef const int32_t* place = &places[0] if places.shape[0] else NULL
    cdef const uint8_t* mark = &marks[0] if marks.shape[0] else NULL
    for row in prange(n, nogil=True, num_threads=threads, schedule="dynamic", chunksize=BLOCK):
        _whole(&data[base[row]], length, place, mark, places.shape[0], end, &whole[row])
    return whole_array


cdef void _field(const uint8_t* source, int32_t size, const uint8_t* table, bint plain, int64_t row,
                 int64_t rows_of_part, uint8_t* chars, int32_t width, int32_t* view, uint8_t* odd) noexcept nogil:
    """The view of one field without the blanks around it, and whether it has a byte that is not ASCII."""
    cdef uint8_t* to
    if plain:
        size = <int32_t>_cut(source, size, 32)
    while size > 0 and table[source[size - 1]] == 32:
        size -= 1
    while size > 0 and table[source[0]] == 32:
        source += 1
        size -= 1
    view[0], view[1], view[2], view[3] = size, 0, 0, 0
    to = <uint8_t*>(view + 1) if size <= INSIDE else chars + row * width
    if _written(source, size, table, plain, to):
        odd[0] = 1
        view[0], view[1], view[2], view[3] = 0, 0, 0, 0
    elif size > INSIDE:
        memcpy(view + 1, to, 4)
        view[2] = <int32_t>(row // rows_of_part)
        view[3] = <int32_t>(row % rows_of_part * width)


cdef void _line(const uint8_t* line, const int32_t* first, const int32_t* size, int64_t fields, const uint8_t* table,
                bint plain, int64_t row, int64_t rows, const int64_t* chars, int32_t* views, uint8_t* odd) noexcept nogil:
    cdef int64_t k
    for k in range(fields):
        _field(line + first[k], size[k], table, plain, row, PART // size[k], <uint8_t*>chars[k], size[k],
               views + 4 * (k * rows + row), odd + k * rows + row)


def fixed_fields(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[::1] first,
                 const int32_t[::1] size, const uint8_t[::1] table, int threads=1):
    """Cut fields out of lines as text columns, without the blanks around them.

    Parameters
    ----------
    data : uint8 (bytes,)
        The bytes of the file.
    base : int64 (n,)
        Where line i starts in ``data``.
    first, size : int32 (k,)
        Where each field starts in its line, counted from 0, and its bytes, at least one.
    table : uint8 (256,)
        The ASCII character of each byte; 0x80 and above where it has none.
    threads : int
        Threads to use.

    Returns
    -------
    views : int32 (k, n, 4)
        Arrow's views of the texts of each field.
    chars : list of k lists of uint8
        What the views point into, in parts of up to 1 GiB; none where the field has at most 12 bytes.
    odd : uint8 (k, n)
        1 where a byte is no ASCII character; the text is empty there.

    Raises
    ------
    IndexError
        If a field does not lie inside ``data``.
    """
    cdef int64_t n = base.shape[0], fields = first.shape[0], row, k
    if size.shape[0] != fields or table.shape[0] != 256 or threads < 1:
        raise IndexError("each field needs a size, the table 256 entries, and at least one thread is needed")
    if fields and (np.min(first) < 0 or np.min(size) < 1 or np.max(size) > PART):
        raise IndexError("a field needs a start inside its line and at least one byte")
    views_array, odd_array = np.empty((fields, n, 4), dtype=np.int32), np.zeros((fields, n), dtype=np.uint8)
    if not n or not fields:
        return views_array, [[] for _ in range(fields)], odd_array
    if np.min(base) < 0 or np.max(base) + np.max(np.add(first, size, dtype=np.int64)) > data.shape[0]:
        raise IndexError("a field lies outside the data")
    # Each field has characters of its own, so that none keeps another's in memory.
    kept = [np.empty(n * one if one > INSIDE else 0, dtype=np.uint8) for one in np.asarray(size).tolist()]
    cdef const int64_t[::1] chars = np.array([one.ctypes.data for one in kept], dtype=np.int64)
    cdef bint plain = _plain(table)
    cdef int32_t[:, :, ::1] views = views_array
    cdef uint8_t[:, ::1] odd = odd_array
    for row in prange(n, nogil=True, num_threads=threads, schedule="dynamic", chunksize=BLOCK):
        _line(&data[base[row]], &first[0], &size[0], fields, &table[0], plain, row, n, &chars[0], &views[0, 0, 0],
              &odd[0, 0])
    steps = [PART // one * one for one in np.asarray(size).tolist()]
    parts = [[one[at:at + step] for at in range(0, len(one), step)] for one, step in zip(kept, steps, strict=True)]
    return views_array, parts, odd_array
