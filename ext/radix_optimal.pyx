# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernel: the optimal pairs of equal groups within a tolerance. The twin is in ``settlement.kernels.radix_optimal_twin``.
"""

from libc.stdlib cimport qsort

include "radix_rows.pxi"
include "radix_plan.pxi"
include "radix_take.pxi"
include "assign_components.pxi"
include "assign_optimum.pxi"
include "assign_ties.pxi"
include "assign_solve.pxi"
include "radix_fits.pxi"
include "radix_listed.pxi"
include "radix_blocks.pxi"
include "radix_many.pxi"


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
    return _settle_few(left_rows, lefts, right_rows, rights, rule)

include "radix_chains.pxi"


def pair_optimal(const uint64_t[::1] left_hash not None, const uint32_t[::1] left_check not None,
                 const int64_t[::1] left_amounts not None, const int32_t[::1] left_days not None,
                 const uint64_t[::1] right_hash not None, const uint32_t[::1] right_check not None,
                 const int64_t[::1] right_amounts not None, const int32_t[::1] right_days not None,
                 left_way, right_way, days, weights, int64_t most_edges, int64_t most_pairs, int threads=1,
                 int bits=-1, arena=None, left_rows=None, right_rows=None):
    """Pair rows of equal group whose amounts and days are near: most pairs, then least cost, then by row order.

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
    left_way, right_way : (minor, bps, smaller, step, most_steps)
        How far the left amount may exceed the right one, and the right one the left. Of two amounts that are not
        positive the one further from 0 exceeds, otherwise the greater one. The excess may be up to the larger one
        (``smaller``: the smaller one) of ``minor`` and ``bps`` basis points of the exceeded amount's magnitude,
        rounded down; or, where ``step`` is not 0, up to ``most_steps`` whole steps. ``minor`` 2**63 - 1 is no limit.
    days : (first, last) or None
        Bounds of right day minus left day, each within 2**32; None is no condition.
    weights : (amount, day)
        Cost of a minor unit and of a day between two rows, each below 2**31.
    most_edges : int
        Candidates that a connected component may have to be solved.
    most_pairs : int
        Pairs in reach that a block may have to be looked at, at least 64. In a group whose rows make more than 64
        pairs, a left row has in reach the right rows from the first to the last, in order of amount and day, that
        the greater tolerance of both ways and the days could let it meet (in order of day where no amount is too
        far); runs that overlap are a block.
    threads, bits, arena
        As for ``pair_equal``.
    left_rows, right_rows : int32[n], int32[m], optional
        Where the amounts and days of the hashes stand.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1; no right row occurs twice. Of all choices with the most pairs and the
        least sum of costs, the one whose first left row has the first right row, then the second left row, and so
        on; being matched comes before being left out.
    outcome : uint8[n], right_outcome : uint8[m]
        0 where every optimum pairs the row alike; 1 (ambiguous) where another one, of as many pairs and the same
        sum, pairs it with another row or leaves it out; 2 (gave up) where its component or block is over the bound
        and nothing in it is paired.

    Notes
    -----
    Raises OverflowError unless, in each component of more than one candidate, the dearest one times their number is
    below 2**61, and ValueError for wrong shapes, rows, rules or bounds. Beside 21 bytes a left and 17 a right row,
    and 12 more where rows are given: 14 a right row and 4 a left row of the largest partition, 37 a left row and 41 a
    right row of the largest group of more than 64 pairs, and up to 135 a candidate of the largest component solved;
    the last two for each thread.
    """
    cdef Side left, right
    cdef Plan plan
    cdef Rule* rules
    cdef int i, fault
    _open(&left, left_hash, left_check, None)
    _open(&right, right_hash, right_check, None)
    held = _plan(&plan, &left, &right, threads, bits, arena)
    rules_array = np.empty(threads * sizeof(Rule), dtype=np.uint8)
    cdef uint8_t[::1] rules_view = rules_array
    rules = <Rule*>&rules_view[0]
    _open_rule(rules, left_way, right_way, days, weights, most_edges, most_pairs)
    left_amounts, left_days = _taken(left_amounts, left_days, left_rows, left.count, threads)
    right_amounts, right_days = _taken(right_amounts, right_days, right_rows, right.count, threads)
    partner_array = np.full(left.count, -1, dtype=np.int32)
    told = partner_array, np.zeros(left.count, dtype=np.uint8), np.zeros(right.count, dtype=np.uint8)
    if not left.count or not right.count:
        return told
    cdef int32_t[::1] partner = partner_array
    cdef uint8_t[::1] outcome = told[1], right_outcome = told[2]
    rules.left_amount, rules.left_day, rules.right_amount = &left_amounts[0], &left_days[0], &right_amounts[0]
    rules.right_day, rules.partner, rules.outcome, rules.right_outcome = (
        &right_days[0], &partner[0], &outcome[0], &right_outcome[0])
    for i in range(1, threads):
        rules[i] = rules[0]
    with nogil:
        _lay_out(&left, &plan)
        _lay_out(&right, &plan)
    try:
        fault = _settle_groups(&left, &right, &plan, rules, 1)
    finally:
        for i in range(threads):
            _release(&rules[i].component)
            PyMem_RawFree(rules[i].pool)
    if fault:
        raise OverflowError("The costs are too great for exact sums in 64 bits.")
    return told
