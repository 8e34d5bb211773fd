# How the rows of a column become the numbers of a digest. Included by radix_digest.pyx, never imported.


cdef inline const uint8_t* _text_at(const Column* column, int64_t row) noexcept nogil:
    """Where a view has its text; NULL where that is outside its parts."""
    cdef const uint8_t* view = column.data + 16 * row
    cdef int64_t size = (<const uint32_t*>view)[0], part = (<const uint32_t*>view)[2], at = (<const uint32_t*>view)[3]
    if size <= INSIDE:
        return view + 4
    if part >= column.parts or at + size > column.part[2 * part + 1]:
        return NULL
    return <const uint8_t*><uintptr_t>column.part[2 * part] + at


cdef inline void _add(uint64_t* sums, uint64_t number, const uint64_t* key) noexcept nogil:
    cdef uint64_t low = <uint32_t>number, high = number >> 32
    sums[0] += (key[0] + low) * (key[1] + high)
    sums[BLOCK] += (key[2] + low) * (key[3] + high)
    sums[2 * BLOCK] += (key[4] + low) * (key[5] + high)


cdef inline void _numbers_of_text(const uint8_t* text, int64_t size, const uint64_t* key, uint64_t* low,
                                  uint64_t* high, uint64_t* sums) noexcept nogil:
    """A short text is two numbers that no other text has, a longer one four, the longest 120 bits of their SipHash."""
    cdef uint64_t more = 0
    cdef int64_t head = min(size, <int64_t>SHORT)
    if size > LONG:
        _sip(text, size, key + 24, low, high)
        high[0] |= <uint64_t>255 << 56
        return
    memcpy(low, text, min(head, <int64_t>8))
    if head > 8:
        memcpy(high, text + 8, head - 8)
    high[0] |= <uint64_t>size << 56
    if size > SHORT:
        memcpy(&more, text + SHORT, min(size - SHORT, <int64_t>8))
        _add(sums, more, key + 12)
        more = 0
        if size > SHORT + 8:
            memcpy(&more, text + SHORT + 8, size - SHORT - 8)
        _add(sums, more, key + 18)


cdef inline bint _null(const Column* column, int64_t row) noexcept nogil:
    cdef int64_t bit = column.first_bit + row
    return column.valid != NULL and not column.valid[bit >> 3] >> (bit & 7) & 1


cdef int _take(const Column* column, const int32_t* rows, int64_t first, int64_t count, uint64_t* low,
               uint64_t* high, uint64_t* sums) noexcept nogil:
    """The numbers of one column's rows: one a row, of a text two; what a longer text has more goes into the sums.

    Returns 1 where a view points outside its parts.
    """
    cdef int64_t i, row
    cdef const uint8_t* text
    cdef int wrong = 0
    for i in range(count):
        row = rows[first + i] if rows != NULL else first + i
        if rows != NULL and i + AHEAD < count:
            __builtin_prefetch(column.data + rows[first + i + AHEAD] * <int64_t>column.width)
        if column.width == 8:
            low[i] = (<const uint64_t*>column.data)[row]
        elif column.width == 4:
            low[i] = <uint64_t><int64_t>(<const int32_t*>column.data)[row]
        else:
            low[i], high[i] = 0, 0
            if not _null(column, row):
                text = _text_at(column, row)
                if text == NULL:
                    wrong = 1
                else:
                    _numbers_of_text(text, (<const uint32_t*>column.data)[4 * row], column.key, &low[i], &high[i], sums + i)
    return wrong
