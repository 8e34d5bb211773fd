# A group of many pairs: only pairs in reach are looked at, and listed component by component, so that no more than one
# component's candidates are held at once. Included by radix_optimal.pyx, never imported.

cdef struct Entry:
    int64_t order  # the amount, or 0 where any amount fits
    int32_t day
    int32_t row

cdef struct Group:
    int32_t lefts
    int32_t rights
    Entry* entries  # right rows by order, day and row
    int64_t* looked  # by the first place of a block: its pairs in reach
    int64_t* edges  # by root: its candidates
    int32_t* left_rows  # place -> caller's row
    int32_t* right_rows
    int32_t* low  # reach of each left row among the entries
    int32_t* high
    int32_t* parent  # lefts, then rights
    int32_t* block  # place among the entries -> the first place of its block
    int32_t* after  # the next left row of a component
    int32_t* head
    int32_t* local
    int32_t* partner
    uint8_t* outcome
    uint8_t* right_outcome


cdef int _by_order(const void* a, const void* b) noexcept nogil:
    cdef const Entry* x = <const Entry*>a
    cdef const Entry* y = <const Entry*>b
    if x.order != y.order:
        return -1 if x.order < y.order else 1
    if x.day != y.day:
        return -1 if x.day < y.day else 1
    return (x.row > y.row) - (x.row < y.row)


cdef int32_t _first_from(const Entry* entries, int32_t count, int64_t order, int64_t day) noexcept nogil:
    """The first entry at or behind (order, day)."""
    cdef int32_t low = 0, high = count, middle
    while low < high:
        middle = low + (high - low) // 2
        if entries[middle].order < order or (entries[middle].order == order and entries[middle].day < day):
            low = middle + 1
        else:
            high = middle
    return low


cdef void _reach(Group* g, const Rule* rule) noexcept nogil:
    """For each left row the run of entries from the first to the last that amount and day could let it meet."""
    cdef int32_t i
    cdef int64_t amount, far, day
    for i in range(g.lefts):
        amount, day, far = 0, rule.left_day[g.left_rows[i]], 0
        if not rule.any_amount:
            amount = rule.left_amount[g.left_rows[i]]
            far = min(max(_allowed(&rule.left_way, amount), _allowed(&rule.right_way, amount)), <int64_t>1 << 62)
        g.low[i] = _first_from(g.entries, g.rights, amount - far, day + rule.first_day)
        g.high[i] = _first_from(g.entries, g.rights, amount + far, day + rule.last_day + 1)


cdef void _give_up_blocks(Group* g, const Rule* rule) noexcept nogil:
    """Runs that overlap make a block. A block of too many pairs is given up before it is looked at."""
    cdef int32_t i, first = 0, running = 0
    for i in range(g.lefts):
        if g.low[i] < g.high[i]:
            g.block[g.low[i]] += 1
            g.block[g.high[i] - 1] -= 1
    for i in range(g.rights):
        running += g.block[i]
        g.block[i] = first
        if not running:
            first = i + 1
    for i in range(g.lefts):
        if g.low[i] < g.high[i]:
            g.looked[g.block[g.low[i]]] += g.high[i] - g.low[i]
    for i in range(g.lefts):
        if g.low[i] < g.high[i] and g.looked[g.block[g.low[i]]] > rule.most_pairs:
            g.outcome[i], g.high[i] = 2, g.low[i]
    for i in range(g.rights):
        if g.looked[g.block[i]] > rule.most_pairs:
            g.right_outcome[g.entries[i].row] = 2


cdef inline bint _candidate(const Group* g, const Rule* rule, int32_t left, int32_t place) noexcept nogil:
    cdef int32_t row = g.left_rows[left]
    return _fits(rule, rule.left_amount[row], g.entries[place].order if not rule.any_amount
                 else rule.left_amount[row], rule.left_day[row], g.entries[place].day)


cdef void _find_components(Group* g, const Rule* rule) noexcept nogil:
    """Join the rows of each candidate; a component's root is its first left row, from where its left rows chain."""
    cdef int32_t i, place
    for i in range(g.lefts + g.rights):
        g.parent[i] = i
    for i in range(g.lefts):
        for place in range(g.low[i], g.high[i]):
            if _candidate(g, rule, i, place):
                _join(g.parent, i, g.lefts + g.entries[place].row)
                g.edges[i] += 1
    for i in range(g.lefts - 1, -1, -1):
        place = _root(g.parent, i)
        g.after[i], g.head[place] = g.head[place], i
        if place != i:
            g.edges[place] += g.edges[i]


cdef int _list(Group* g, Rule* rule, int32_t root) noexcept nogil:
    """Write down the candidates of one component, and solve it."""
    cdef int32_t i = root, place, row, other, size = 0
    cdef int64_t count = g.edges[root]
    if count > rule.room:
        PyMem_RawFree(rule.pool)
        rule.room = min(2 * count, <int64_t>rule.most_edges)
        rule.pool = <Edge*>PyMem_RawMalloc(rule.room * sizeof(Edge))
        if rule.pool == NULL:
            rule.room = 0
            return 1
    while i >= 0:
        row = g.left_rows[i]
        for place in range(g.low[i], g.high[i]):
            if _candidate(g, rule, i, place):
                other = g.right_rows[g.entries[place].row]
                rule.pool[size].cost = _cost(rule, rule.left_amount[row], rule.right_amount[other],
                                             rule.left_day[row], rule.right_day[other])
                rule.pool[size].root, rule.pool[size].left, rule.pool[size].right = 0, i, g.entries[place].row
                size += 1
        i = g.after[i]
    qsort(rule.pool, size, sizeof(Edge), _before)
    return _solve_costed(rule, rule.pool, size, g.local, g.partner, g.outcome, g.right_outcome)
