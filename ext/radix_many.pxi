# The memory of a group of many pairs, and its settling. Included by radix_optimal.pyx, never imported.

cdef enum:
    LEFT_BYTES = 37  # a left row of such a group
    RIGHT_BYTES = 41


cdef void _open_group(Group* g, char* room, int32_t lefts, int32_t rights) noexcept nogil:
    g.lefts, g.rights = lefts, rights
    memset(room, 0, <size_t>LEFT_BYTES * lefts + <size_t>RIGHT_BYTES * rights)
    g.entries = <Entry*>room
    g.looked = <int64_t*>(g.entries + rights)
    g.edges = g.looked + rights
    g.left_rows = <int32_t*>(g.edges + lefts)
    g.low = g.left_rows + lefts
    g.high = g.low + lefts
    g.after = g.high + lefts
    g.head = g.after + lefts
    g.partner = g.head + lefts
    g.parent = g.partner + lefts
    g.right_rows = g.parent + lefts + rights
    g.block = g.right_rows + rights
    g.local = g.block + rights
    g.outcome = <uint8_t*>(g.local + rights)
    g.right_outcome = g.outcome + lefts
    memset(g.partner, 255, lefts * sizeof(int32_t))
    memset(g.head, 255, lefts * sizeof(int32_t))


cdef int _settle_group(Group* g, Rule* rule) noexcept nogil:
    cdef int32_t i, root
    cdef int fault = 0
    for i in range(g.rights):
        g.entries[i].order = 0 if rule.any_amount else rule.right_amount[g.right_rows[i]]
        g.entries[i].day, g.entries[i].row = rule.right_day[g.right_rows[i]], i
    qsort(g.entries, g.rights, sizeof(Entry), _by_order)
    _reach(g, rule)
    _give_up_blocks(g, rule)
    _find_components(g, rule)
    for i in range(g.lefts):
        if _root(g.parent, i) == i and 0 < g.edges[i] <= rule.most_edges:
            fault |= _list(g, rule, i)
    for i in range(g.lefts):
        if g.edges[_root(g.parent, i)] > rule.most_edges:
            g.outcome[i] = 2
        if g.partner[i] >= 0:
            rule.partner[g.left_rows[i]] = g.right_rows[g.partner[i]]
        if g.outcome[i]:
            rule.outcome[g.left_rows[i]] = g.outcome[i]
    for i in range(g.rights):
        root = _root(g.parent, g.lefts + i)
        if root < g.lefts and g.edges[root] > rule.most_edges:  # a right row that is its own root has no candidate
            g.right_outcome[i] = 2
        if g.right_outcome[i]:
            rule.right_outcome[g.right_rows[i]] = g.right_outcome[i]
    return fault


cdef int _settle_many(const Row* left, uint32_t i, const uint32_t* left_after, const Row* right, uint32_t j,
                      const uint32_t* right_after, Rule* rule) noexcept nogil:
    cdef uint32_t at
    cdef int32_t lefts = 0, rights = 0
    cdef Group g
    cdef int fault
    at = i
    while at:
        lefts, at = lefts + 1, left_after[at - 1]
    at = j
    while at:
        rights, at = rights + 1, right_after[at - 1]
    cdef char* room = <char*>PyMem_RawMalloc(<size_t>LEFT_BYTES * lefts + <size_t>RIGHT_BYTES * rights)
    if room == NULL:
        return 1
    _open_group(&g, room, lefts, rights)
    lefts = rights = 0
    while i:
        g.left_rows[lefts] = left[i - 1].row
        lefts, i = lefts + 1, left_after[i - 1]
    while j:
        g.right_rows[rights] = right[j - 1].row
        rights, j = rights + 1, right_after[j - 1]
    fault = _settle_group(&g, rule)
    PyMem_RawFree(room)
    return fault
