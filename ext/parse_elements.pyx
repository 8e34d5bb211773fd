# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Where the elements of IPM messages lie. Its twin is ``settlement/kernels/ipm_twin.py``."""

import numpy as np

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t

cdef enum:
    TYPE = 4
    HEAD = 20
    BLOCK = 1024  # messages that a thread takes at once
    LEFT_OVER = 129


cdef inline int32_t _number(const uint8_t* message, int64_t at, int64_t end, int digits, int zero) noexcept nogil:
    """The digits at a place as a number; -1 where they are no digits or lie behind the end."""
    cdef int32_t value = 0
    cdef int k, digit
    if at + digits > end:
        return -1
    for k in range(digits):
        digit = message[at + k] - zero
        if digit < 0 or digit > 9:
            return -1
        value = 10 * value + digit
    return value


cdef bint _pds(
    const uint8_t* message, int64_t at, int64_t end, int64_t row, const int32_t[::1] tag_column,
    int32_t[:, ::1] start, int32_t[:, ::1] length, int zero,
) noexcept nogil:
    cdef int32_t tag, size, column
    while at < end:
        tag, size = _number(message, at, end, 4, zero), _number(message, at + 4, end, 3, zero)
        at += 7
        if tag < 0 or size < 0 or at + size > end:
            return False
        column = tag_column[tag]
        if column >= 0:
            if length[column, row] >= 0:
                return False
            start[column, row], length[column, row] = <int32_t>at, size
        at += size
    return True


cdef int32_t _message(
    const uint8_t* message, int64_t end, int64_t row, const int32_t[::1] formats, const int32_t[::1] element_column,
    const int32_t[::1] tag_column, int32_t[:, ::1] start, int32_t[:, ::1] length, int zero,
) noexcept nogil:
    cdef int64_t at = HEAD, size
    cdef int element, digits
    cdef int32_t column = element_column[0], problem = 0
    if column >= 0 and end >= TYPE:
        start[column, row], length[column, row] = 0, TYPE
    if end < HEAD or not message[4] & 0x80:
        return 1
    for element in range(2, 129):
        if not message[4 + ((element - 1) >> 3)] & (0x80 >> ((element - 1) & 7)):
            continue
        size = formats[element]
        if size < 0:
            digits = <int>-size
            size = _number(message, at, end, digits, zero)
            at += digits
        elif size == 0:
            return element
        if size < 0 or at + size > end:
            return element
        column = element_column[element]
        if column >= 0:
            start[column, row], length[column, row] = <int32_t>at, <int32_t>size
        elif column == -2 and not _pds(message, at, at + size, row, tag_column, start, length, zero):
            problem = element  # the elements behind it can still be read
        at += size
    return problem if at == end else LEFT_OVER


cdef void _block(
    const uint8_t[::1] data, const int64_t[::1] base, const int32_t[::1] size, const int32_t[::1] formats,
    const int32_t[::1] element_column, const int32_t[::1] tag_column, int32_t[:, ::1] start, int32_t[:, ::1] length,
    int32_t[::1] problem, int zero, int64_t first, int64_t end,
) noexcept nogil:
    cdef int64_t row, column
    for column in range(start.shape[0]):
        for row in range(first, end):
            start[column, row], length[column, row] = 0, -1
    for row in range(first, end):
        problem[row] = 1 if size[row] == 0 else _message(
            &data[base[row]], size[row], row, formats, element_column, tag_column, start, length, zero
        )


def element_spans(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[::1] size, const int32_t[::1] formats,
                  const int32_t[::1] element_column, const int32_t[::1] tag_column, int columns, int zero, int threads=1):
    """Find data elements and PDS of messages: MTI (4), bitmap (16, first bit set), elements in bitmap order.

    Parameters
    ----------
    data : uint8 (bytes,)
        The stream.
    base : int64 (n,), size : int32 (n,)
        The messages.
    formats : int32 (129,)
        By element: its length, or -2 or -3 for that many length digits before it, 0 where it is unknown.
    element_column : int32 (129,)
        By element: the output column it goes to, -1 for none, -2 where it holds PDS (tag 4, length 3, value).
        Element 0 is the message type.
    tag_column : int32 (10000,)
        By PDS tag: the output column it goes to, -1 for none.
    columns : int
        Number of output columns.
    zero : int
        The byte of the digit 0.
    threads : int
        Threads to use.

    Returns
    -------
    start, length : int32 (columns, n)
        Span of each column in each message, relative to its base; length -1 where it is absent.
    problem : int32 (n,)
        0 for a sound message; else the element that is unknown or does not fit, 1 where head or bitmap are wrong,
        129 where bytes are left over; columns found before are kept. Where PDS are unreadable or repeated, their
        element; columns found in other elements are kept.
    """
    cdef int64_t rows = base.shape[0], row, block
    if size.shape[0] != rows or formats.shape[0] != 129 or element_column.shape[0] != 129:
        raise IndexError("sizes, formats or element columns have a wrong length")
    if tag_column.shape[0] != 10000:
        raise IndexError("tag columns have a wrong length")
    if max(np.max(element_column, initial=-1), np.max(tag_column, initial=-1)) >= columns:
        raise IndexError("a column lies outside the output")
    # Written first by the threads, block by block: fresh memory costs more than the work.
    start_array = np.empty((columns, rows), dtype=np.int32)
    length_array = np.empty((columns, rows), dtype=np.int32)
    problem_array = np.zeros(rows, dtype=np.int32)
    cdef int32_t[:, ::1] start = start_array
    cdef int32_t[:, ::1] length = length_array
    cdef int32_t[::1] problem = problem_array
    for row in range(rows):
        if base[row] < 0 or size[row] < 0 or base[row] + size[row] > data.shape[0]:
            raise IndexError(f"message {row} lies outside the data")
    if rows and columns:
        for block in prange((rows + BLOCK - 1) // BLOCK, nogil=True, num_threads=threads, schedule="static"):
            _block(data, base, size, formats, element_column, tag_column, start, length, problem, zero, block * BLOCK,
                   min(rows, (block + 1) * BLOCK))
    return start_array, length_array, problem_array
