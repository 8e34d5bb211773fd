# What the kernels over text columns share: where the text of an Arrow view lies. Included by them, never imported.

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef enum:
    VIEW = 16  # bytes of a view
    INSIDE = 12  # bytes of a text that the view holds itself

cdef struct Texts:
    const uint8_t* views
    const int64_t* part  # address and size of each part
    int64_t parts


cdef inline const uint8_t* _text(const Texts* texts, int64_t row, int32_t* size) noexcept nogil:
    """The first byte of a text, and its size; NULL where the view points outside its parts."""
    cdef const int32_t* view = <const int32_t*>(texts.views + VIEW * row)
    size[0] = view[0]
    if 0 <= view[0] <= INSIDE:
        return <const uint8_t*>(view + 1)
    if view[0] < 0 or not 0 <= view[2] < texts.parts or view[3] < 0:
        return NULL
    if <int64_t>view[3] + view[0] > texts.part[2 * view[2] + 1]:
        return NULL
    return <const uint8_t*>texts.part[2 * view[2]] + view[3]


cdef const int64_t[::1] _places(parts):
    return np.array([(part.ctypes.data, part.size) for part in parts] or [(0, 0)], dtype=np.int64).ravel()


cdef int64_t _rows(const uint8_t[::1] views) except -1:
    if views.shape[0] % VIEW:
        raise ValueError("a view has 16 bytes.")
    return views.shape[0] // VIEW


cdef _outside():
    return ValueError("a view of a text points outside its parts.")
