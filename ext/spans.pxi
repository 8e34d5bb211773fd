# What the kernels over spans share: no span may lie outside the data. Included by them, never imported.

from libc.stdint cimport int32_t, int64_t, uint8_t

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
