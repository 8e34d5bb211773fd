# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Text columns as numbers, times and few distinct values. Its twin is ``settlement/kernels/views_twin.py``."""

from libc.stdint cimport int8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

include "views.pxi"

cdef enum:
    MOST_DIGITS = 15
    MOST_PLACES = 4
    OFFSET = 1
    OFFSET_COLON = 2
    SLOTS = 4096
    MOST_FEW = 1024


cdef bint _decimal(const uint8_t* at, int32_t size, int exponent, int point, bint signed, int64_t* value) noexcept nogil:
    """Read a decimal in units of 10 to the minus exponent; whether it is one, and a whole number of them."""
    cdef int32_t k = 0, whole
    cdef uint64_t found = 0
    cdef int digit
    cdef bint minus = False
    if exponent < 0 or exponent > MOST_PLACES or size == 0:
        return False
    if signed and (at[0] == 43 or at[0] == 45):
        minus, k = at[0] == 45, 1
    whole = k
    while k < size and 0 <= <int>at[k] - 48 <= 9:
        if k - whole == MOST_DIGITS:
            return False
        found = 10 * found + (at[k] - 48)
        k += 1
    if k == whole:
        return False
    if k < size:
        if point < 0 or at[k] != point or size - k - 1 > MOST_DIGITS or size == k + 1:
            return False
        k += 1
        while k < size:
            digit = <int>at[k] - 48
            if not 0 <= digit <= 9 or (exponent == 0 and digit):
                return False
            if exponent:
                found = 10 * found + <uint64_t>digit
                exponent -= 1
            k += 1
    while exponent:
        found *= 10
        exponent -= 1
    if found >= <uint64_t>100000000000000000ULL:
        return False
    value[0] = -<int64_t>found if minus else <int64_t>found
    return True


def decimals(const uint8_t[::1] views, parts, const int8_t[::1] exponents, int point, bint signed):
    """Read texts as decimals, exactly.

    Parameters
    ----------
    views : uint8 (16 n,), parts : list of uint8
        Arrow's views of the texts, and what they point into.
    exponents : int8 (n,) or (1,)
        Decimals that the number of each row, or of all, may have; outside 0 .. 4 it has no number.
    point : int
        The byte before the decimals; -1 for none.
    signed : bool
        Whether a sign may stand before the digits.

    Returns
    -------
    values : int64 (n,), good : uint8 (n,)
        In units of 10 to the minus exponent, below 10 to the 17th. Good is 0, and so is the value, where the text is
        not 1 to 15 digits, or these, a point and 1 to 15 more, or has decimals other than 0 behind the row's last.

    Raises
    ------
    ValueError
        If a view points outside its parts, or rows and exponents are not equally many.
    """
    cdef int64_t n = _rows(views), row, step = exponents.shape[0] != 1
    if exponents.shape[0] not in (1, n):
        raise ValueError("rows and exponents are not equally many.")
    values_array, good_array = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.uint8)
    if not n:
        return values_array, good_array
    cdef const int64_t[::1] places = _places(parts)
    cdef Texts texts = Texts(&views[0], &places[0], len(parts))
    cdef int64_t[::1] values = values_array
    cdef uint8_t[::1] good = good_array
    cdef const uint8_t* at
    cdef int32_t size = 0
    cdef bint wrong = False
    with nogil:
        for row in range(n):
            at = _text(&texts, row, &size)
            if at == NULL:
                wrong = True
                break
            good[row] = _decimal(at, size, exponents[row * step], point, signed, &values[row])
    if wrong:
        raise _outside()
    return values_array, good_array


cdef inline int64_t _days(int64_t year, int64_t month, int64_t day) noexcept nogil:
    """Days since 1970-01-01 of a day of the Gregorian calendar."""
    year -= month <= 2
    cdef int64_t era = year // 400
    cdef int64_t of_era = year - era * 400
    cdef int64_t of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


cdef inline int _two(const uint8_t* at) noexcept nogil:
    cdef int tens = <int>at[0] - 48, ones = <int>at[1] - 48
    return 10 * tens + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


cdef bint _offset(const uint8_t* at, int32_t left, int offset) noexcept nogil:
    """Whether the rest of a text is an offset: Z, or a sign, hours and minutes."""
    if left == 1:
        return at[0] == 90
    if left != 6 and (left != 5 or offset == OFFSET_COLON):
        return False
    if (at[0] != 43 and at[0] != 45) or (left == 6 and at[3] != 58):
        return False
    return 0 <= _two(at + 1) < 24 and 0 <= _two(at + left - 2) < 60


cdef bint _time(const uint8_t* at, int32_t size, const uint8_t* form, int32_t width, int offset, const int32_t* years,
                int64_t* value) noexcept nogil:
    cdef int part[5]  # month, day, hour, minute, second
    cdef int year = -1, found, leap
    cdef int32_t k = 0
    part[0], part[1], part[2], part[3], part[4] = 1, 1, 0, 0, 0
    if (size < width) if offset else (size != width):
        return False
    while k < width:
        if form[k] >= 8:
            if at[k] != form[k]:
                return False
            k += 1
            continue
        found = _two(at + k)
        if found < 0:
            return False
        if form[k] == 0:
            year = found
            found = _two(at + k + 2)
            if found < 0:
                return False
            year, k = 100 * year + found, k + 2
        else:
            part[form[k] - 1] = found
        k += 2
    if offset and not _offset(at + width, size - width, offset):
        return False
    if not 1 <= part[0] <= 12 or not 1 <= part[1] <= 31:
        return False
    if years != NULL:
        year = years[32 * part[0] + part[1]]
    if year < 1 or part[2] > 23 or part[3] > 59 or part[4] > 59:
        return False
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    if part[1] > (28 + leap if part[0] == 2 else 30 if part[0] in (4, 6, 9, 11) else 31):
        return False
    value[0] = ((_days(year, part[0], part[1]) * 24 + part[2]) * 60 + part[3]) * 60 + part[4]
    return True


def times(const uint8_t[::1] views, parts, const uint8_t[::1] form, int offset, const int32_t[::1] years):
    """Read texts of one form as times, to the second.

    Parameters
    ----------
    views, parts
        Texts as for ``decimals``.
    form : uint8 (k,)
        What stands at each byte: 0 the first of four digits of a year, 1 to 5 the first of two digits of month, day,
        hour, minute and second (what stands for the other digits is not looked at), 8 and above that very byte.
    offset : int
        1 where an offset follows, ``Z`` or a sign, hours and minutes, with or without a colon; 2 with a colon only.
    years : int32 (416,) or (0,)
        Of each 32 * month + day its year, 0 for none, where the form has none.

    Returns
    -------
    seconds : int64 (n,), good : uint8 (n,)
        Since the first second of 1970, an offset left out. Good is 0 where the text has not this form, or there is no
        such time in the years 1 to 9999: the value is 0.

    Raises
    ------
    ValueError
        If a view points outside its parts, or form or years are of another length.
    """
    cdef int64_t n = _rows(views), row
    cdef int32_t k = 0
    while k < form.shape[0]:
        k += 4 if form[k] == 0 else 2 if form[k] <= 5 else 1
    if k != form.shape[0] or not k or years.shape[0] not in (0, 416) or not 0 <= offset <= 2:
        raise ValueError("form or years are of another length.")
    seconds_array, good_array = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.uint8)
    if not n:
        return seconds_array, good_array
    cdef const int64_t[::1] places = _places(parts)
    cdef Texts texts = Texts(&views[0], &places[0], len(parts))
    cdef const int32_t* known = &years[0] if years.shape[0] else NULL
    cdef int64_t[::1] seconds = seconds_array
    cdef uint8_t[::1] good = good_array
    cdef const uint8_t* at
    cdef int32_t size = 0
    cdef bint wrong = False
    with nogil:
        for row in range(n):
            at = _text(&texts, row, &size)
            if at == NULL:
                wrong = True
                break
            good[row] = _time(at, size, &form[0], form.shape[0], offset, known, &seconds[row])
    if wrong:
        raise _outside()
    return seconds_array, good_array


def holding(const uint8_t[::1] views, parts, const uint8_t[::1] wanted, int least):
    """Find texts that hold at least so many of some bytes.

    Parameters
    ----------
    views, parts
        Texts as for ``decimals``.
    wanted : uint8 (256,)
        1 for each byte that counts, 0 for the others.
    least : int
        How many must be there.

    Returns
    -------
    int64 (k,)
        Their rows, ascending.

    Raises
    ------
    ValueError
        If a view points outside its parts, or ``wanted`` has not 256 entries.
    """
    cdef int64_t n = _rows(views), row
    if wanted.shape[0] != 256:
        raise ValueError("each byte has an entry.")
    there_array = np.zeros(n, dtype=np.uint8)
    if not n:
        return np.zeros(0, dtype=np.int64)
    cdef const int64_t[::1] places = _places(parts)
    cdef Texts texts = Texts(&views[0], &places[0], len(parts))
    cdef uint8_t[::1] there = there_array
    cdef const uint8_t* at
    cdef int32_t size = 0, k, held
    cdef bint wrong = False
    with nogil:
        for row in range(n):
            at = _text(&texts, row, &size)
            if at == NULL:
                wrong = True
                break
            if size < least:
                continue
            held = 0
            for k in range(size):
                held += wanted[at[k]]
            there[row] = held >= least
    if wrong:
        raise _outside()
    return np.flatnonzero(there_array)


def few(const uint8_t[::1] views, int most):
    """Number the distinct values of a column of short texts.

    Parameters
    ----------
    views : uint8 (16 n,)
        Arrow's views of the texts; what a view of more than 12 bytes points into is not looked at.
    most : int
        Most distinct values that are numbered, at most 1,024.

    Returns
    -------
    codes : uint16 (n,), first : int64 (k,)
        The number of each row's value, in the order in which they come, and the first row that has it; both empty where
        a text has more than 12 bytes, or there are more values.

    Raises
    ------
    ValueError
        If ``most`` is not 0 to 1,024.
    """
    cdef int64_t n = _rows(views), row
    if not 0 <= most <= MOST_FEW:
        raise ValueError("at most 1,024 values are numbered.")
    none = np.zeros(0, dtype=np.uint16), np.zeros(0, dtype=np.int64)
    if not n:
        return none
    codes_array, first_array = np.empty(n, dtype=np.uint16), np.empty(MOST_FEW, dtype=np.int64)
    cdef uint16_t[::1] codes = codes_array
    cdef int64_t[::1] first = first_array
    cdef uint16_t[SLOTS] slot  # 1 + the number of the value, 0 where it is free
    cdef const uint64_t* view = <const uint64_t*>&views[0]
    cdef int found = 0, last = -1
    cdef uint64_t place
    cdef uint64_t mix = <uint64_t>0x9E3779B97F4A7C15ULL
    cdef bint over = False
    memset(&slot[0], 0, sizeof(slot))
    with nogil:
        for row in range(n):
            if <uint32_t>view[2 * row] > INSIDE:
                over = True
                break
            if last >= 0 and view[2 * row] == view[2 * first[last]] and view[2 * row + 1] == view[2 * first[last] + 1]:
                codes[row] = <uint16_t>last
                continue
            place = (view[2 * row] ^ (view[2 * row + 1] * mix)) * mix >> 52
            while slot[place]:
                last = slot[place] - 1
                if view[2 * row] == view[2 * first[last]] and view[2 * row + 1] == view[2 * first[last] + 1]:
                    break
                place = (place + 1) & (SLOTS - 1)
            else:
                if found == most:
                    over = True
                    break
                last = found
                first[found] = row
                found += 1
                slot[place] = <uint16_t>found
            codes[row] = <uint16_t>last
    return none if over else (codes_array, first_array[:found].copy())
