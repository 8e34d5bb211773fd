# What goes into a search of sums and what is told of it. Included by subset_sums, never imported.

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef int64_t GREATEST = <int64_t>1 << 62


cdef Py_ssize_t _unsafe(const int32_t[::1] start, const int64_t[::1] amounts, const int64_t[::1] targets,
                        const int64_t[::1] tolerances) noexcept nogil:
    """The first group whose magnitudes together reach 2**62, or -1."""
    cdef Py_ssize_t group, row
    cdef int64_t left, amount
    for group in range(targets.shape[0]):
        left = GREATEST - 1
        for row in range(start[group] - 2, start[group + 1]):
            if row == start[group] - 2:
                amount = targets[group]
            else:
                amount = tolerances[group] if row < start[group] else amounts[row]
            if amount <= -GREATEST or amount >= GREATEST or (amount if amount > 0 else -amount) > left:
                return group
            left -= amount if amount > 0 else -amount
    return -1


cdef bint _swap(Search* s) noexcept nogil:
    """Put another row of equal amount in the place of a chosen one; 0 where none is."""
    cdef int32_t i
    for i in range(s.count - 1):
        if s.chosen[s.rows[i].row] and not s.chosen[s.rows[i + 1].row] and s.rows[i].amount == s.rows[i + 1].amount:
            s.chosen[s.rows[i].row], s.chosen[s.rows[i + 1].row] = 0, 1
            return 1
    return 0


cdef void _mark(Search* s, int found) noexcept nogil:
    cdef int32_t i
    cdef Row one
    for i in range(s.count):
        one = s.rows[i]
        s.chosen[one.row] = one.half >= 0 and (
            <int32_t>(s.ways[found][one.half] >> one.shift) & one.mask >= one.rank)


cdef void _write(const Search* s, int32_t first, int32_t* line) noexcept nogil:
    cdef int32_t row, used = 0
    for row in range(s.count):
        if s.chosen[row]:
            line[used] = first + row
            used += 1
