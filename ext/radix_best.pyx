# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernel: best pairs of equal groups within a tolerance. The twin is in ``settlement.kernels.radix_twin``."""

include "radix_rows.pxi"
include "radix_plan.pxi"

include "radix_few.pxi"
include "radix_nearest.pxi"
include "radix_take.pxi"


cdef int _group(const Row* left, uint32_t i, const uint32_t* left_after, const Row* right, uint32_t j,
                const uint32_t* right_after, Rule* rule) noexcept nogil:
    cdef int32_t left_rows[FEW]
    cdef int32_t right_rows[FEW]
    cdef int32_t lefts = 0, rights = 0
    cdef uint32_t a = i, b = j
    while a and lefts < FEW:
        left_rows[lefts] = left[a - 1].row
        lefts, a = lefts + 1, left_after[a - 1]
    while b and rights < FEW:
        right_rows[rights] = right[b - 1].row
        rights, b = rights + 1, right_after[b - 1]
    if a or b or lefts * rights > FEW:
        return _settle_many(left, i, left_after, right, j, right_after, rule)
    _settle_few(left_rows, lefts, right_rows, rights, rule)
    return 0


include "radix_chains.pxi"


def pair_best(const uint64_t[::1] left_hash not None, const uint32_t[::1] left_check not None,
              const int64_t[::1] left_amounts not None, const int32_t[::1] left_days not None,
              const uint64_t[::1] right_hash not None, const uint32_t[::1] right_check not None,
              const int64_t[::1] right_amounts not None, const int32_t[::1] right_days not None,
              int64_t minor, int64_t ppm, int64_t days, int threads=1, int bits=-1, arena=None,
              left_rows=None, right_rows=None):
    """Pair rows of equal group whose amounts and days are near, the best pair first.

    Parameters
    ----------
    left_hash, right_hash : uint64[n], uint64[m]
        Digests of the groups; 0 is a row without a group. Only rows of one group meet.
    left_check, right_check : uint32[n], uint32[m]
        The other 32 bits of the digests.
    left_amounts, right_amounts : int64[n], int64[m]
        Amounts in minor units of one currency within a group, below 2**62 in magnitude.
    left_days, right_days : int32[n], int32[m]
        Day numbers. Where rows are given, amounts and days are whole columns, of which those rows are taken.
    minor, ppm, days : int
        Two rows may meet if their amounts differ by at most max(minor, abs(left amount) * ppm // 1000000), and their
        days by at most ``days``. None is negative, ``ppm`` is at most 1000000.
    threads, bits, arena
        As for ``pair_equal``.
    left_rows, right_rows : int32[n], int32[m], optional
        Where the amounts and days of the hashes stand.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1; no right row occurs twice. Of all candidates the one with the least
        (amount difference, day difference, left row, right row) is taken, then the least of those whose rows are
        both free, until none is left.

    Notes
    -----
    A group of up to 64 candidates writes them down. In a larger one each left row looks for its next best right row
    when it needs one, over the right rows by amount and day: no list of candidates, 56 bytes a left row and 24 a
    right row of the largest group beside 16 bytes a row of either side and 14 a right row of the largest partition.
    """
    cdef Side left, right
    cdef Plan plan
    cdef Rule rule
    if not 0 <= minor < 2**62 or not 0 <= ppm <= 1000000 or days < 0:
        raise ValueError("minor must lie in 0 .. 2**62 - 1, ppm in 0 .. 1000000, and days must not be negative.")
    _open(&left, left_hash, left_check, None)
    _open(&right, right_hash, right_check, None)
    held = _plan(&plan, &left, &right, threads, bits, arena)
    left_amounts, left_days = _taken(left_amounts, left_days, left_rows, left.count, threads)
    right_amounts, right_days = _taken(right_amounts, right_days, right_rows, right.count, threads)
    partner_array = np.full(left.count, -1, dtype=np.int32)
    if not left.count or not right.count:
        return partner_array
    cdef int32_t[::1] partner = partner_array
    rule.left_amount, rule.left_day, rule.right_amount = &left_amounts[0], &left_days[0], &right_amounts[0]
    rule.right_day, rule.partner = &right_days[0], &partner[0]
    rule.minor, rule.ppm, rule.days = minor, ppm, days
    with nogil:
        _lay_out(&left, &plan)
        _lay_out(&right, &plan)
    _settle_groups(&left, &right, &plan, &rule, 0)
    return partner_array
