# What the kernels over fixed positions share: no record may lie outside the data. Included by them, never imported.

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef enum:
    BLOCK = 1024  # records that a thread takes at once: their bytes stay in its cache from field to field


def _require(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[::1] length, const int32_t[:, ::1] fields):
    """The records lie inside the data, and fields begin inside a record."""
    cdef int64_t row, bad = -1
    if length.shape[0] != base.shape[0] or fields.shape[1] != 2:
        raise IndexError("base and length differ in length, or fields are no pairs")
    if fields.shape[0] and np.asarray(fields).min() < 0:
        raise IndexError("a field begins before its record")
    with nogil:
        for row in range(base.shape[0]):
            if length[row] > 0 and (base[row] < 0 or base[row] + length[row] > data.shape[0]):
                bad = row
                break
    if bad >= 0:
        raise IndexError(f"record {bad} lies outside the data")
