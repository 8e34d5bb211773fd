# A group of a few pairs: all candidates are written down at once. Included by radix_optimal.pyx, never imported.

cdef enum:
    FEW = 64  # pairs of rows of a group that are looked at one after the other


cdef void _find_few(Edge* edges, int32_t count, int32_t lefts, int32_t rights) noexcept nogil:
    """Name the component of each edge, and put those of one component together."""
    cdef int32_t parent[2 * FEW]
    cdef int32_t i, several = 0
    for i in range(lefts + rights):
        parent[i] = -1
    for i in range(count):
        _join(parent, edges[i].left, lefts + edges[i].right)
    for i in range(count):
        edges[i].root = _root(parent, edges[i].left)
        several |= edges[i].root != edges[0].root
    if several:
        qsort(edges, count, sizeof(Edge), _before)


cdef int _settle_few(const int32_t* left, int32_t lefts, const int32_t* right, int32_t rights,
                     Rule* rule) noexcept nogil:
    cdef Edge edges[FEW]
    cdef int32_t partner[FEW]
    cdef int32_t local[FEW]
    cdef uint8_t outcome[FEW]
    cdef uint8_t right_outcome[FEW]
    cdef int32_t i, j, first = 0, last, size = 0
    cdef int64_t amount, other, day, other_day
    cdef int fault = 0
    for i in range(lefts):
        amount, day = rule.left_amount[left[i]], rule.left_day[left[i]]
        for j in range(rights):
            other, other_day = rule.right_amount[right[j]], rule.right_day[right[j]]
            if _fits(rule, amount, other, day, other_day):
                edges[size].cost, edges[size].root = _cost(rule, amount, other, day, other_day), 0
                edges[size].left, edges[size].right = i, j
                size += 1
    if size == 1:
        rule.partner[left[edges[0].left]] = right[edges[0].right]
    if size < 2:
        return 0
    _find_few(edges, size, lefts, rights)
    memset(partner, 255, lefts * sizeof(int32_t))
    memset(outcome, 0, lefts)
    memset(right_outcome, 0, rights)
    while first < size:
        last = first + 1
        while last < size and edges[last].root == edges[first].root:
            last += 1
        fault |= _solve_costed(rule, edges + first, last - first, local, partner, outcome, right_outcome)
        first = last
    for i in range(lefts):
        if partner[i] >= 0:
            rule.partner[left[i]] = right[partner[i]]
        if outcome[i]:
            rule.outcome[left[i]] = outcome[i]
    for j in range(rights):
        if right_outcome[j]:
            rule.right_outcome[right[j]] = right_outcome[j]
    return fault
