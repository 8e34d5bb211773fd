# What the kernels over fields of messages share. Included by them, never imported.

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef enum:
    BLOCK = 1024  # messages that a thread takes at once: their bytes stay in its cache from field to field

cdef struct Fields:
    # Where fields of messages lie: see span_numbers.
    const uint8_t* data
    int64_t size
    const int64_t* base
    const int32_t* start
    const int32_t* length
    int64_t messages
    const int32_t* fields
    int64_t count
    const int64_t* rows


cdef Fields _fields(const uint8_t[::1] data, const int64_t[::1] base, const int32_t[:, ::1] start,
                    const int32_t[:, ::1] length, const int32_t[:, ::1] fields, const int64_t[::1] rows, int threads) except *:
    if start.shape[1] != base.shape[0] or length.shape[1] != base.shape[0] or start.shape[0] != length.shape[0]:
        raise IndexError("base, start and length differ in length")
    if threads < 1:
        raise ValueError("at least one thread is needed")
    if fields.shape[1] != 3 or np.min(fields, initial=0) < 0 or np.max(np.asarray(fields)[:, 0], initial=-1) >= start.shape[0]:
        raise IndexError("a field is of no column, or begins before it")
    if rows.shape[0] and (np.min(rows) < 0 or np.max(rows) >= base.shape[0]):
        raise IndexError("a row is no message")
    cdef Fields found
    found.data, found.size = &data[0] if data.shape[0] else NULL, data.shape[0]
    found.messages, found.count = base.shape[0], fields.shape[0]
    found.base, found.start, found.length, found.fields, found.rows = NULL, NULL, NULL, NULL, NULL
    if rows.shape[0] and fields.shape[0]:
        found.base, found.start, found.length = &base[0], &start[0, 0], &length[0, 0]
        found.fields, found.rows = &fields[0, 0], &rows[0]
    return found


cdef inline const uint8_t* _span(const Fields* at, int64_t field, int64_t k, int32_t* size) noexcept nogil:
    """The first byte of a field of the k-th row and its size, negative where it is absent; NULL outside the data."""
    cdef const int32_t* part = at.fields + 3 * field
    cdef int64_t row = at.rows[k], place = part[0] * at.messages + row, first
    size[0] = at.length[place]
    if part[1]:
        size[0] = size[0] - part[1] if size[0] > part[1] else -1
    size[0] = min(size[0], part[2])
    if size[0] <= 0:
        return at.data
    first = at.base[row] + at.start[place] + part[1]
    if first < 0 or first + size[0] > at.size:
        size[0] = -1
        return NULL
    return at.data + first
