# One connected component from its candidate pairs to its answer. Included behind assign_components.pxi,
# assign_optimum.pxi and assign_ties.pxi, never imported.

from libc.stdint cimport uint8_t


cdef void _load(Component* c, const Edge* edges, int32_t count, int32_t* local) noexcept nogil:
    cdef int32_t i, right
    cdef int64_t dearest = 0
    c.lefts = c.rights = 0
    for i in range(count):
        local[edges[i].right] = -1
    for i in range(count):
        if i == 0 or edges[i].left != edges[i - 1].left:
            c.left_rows[c.lefts], c.start[c.lefts] = edges[i].left, i
            c.lefts += 1
        right = edges[i].right
        if local[right] < 0:
            local[right] = c.rights
            c.right_rows[c.rights], c.mate[c.rights] = right, -1
            c.v[c.rights], c.distance[c.rights] = 0, INT64_MAX
            c.rights += 1
        c.to[i], c.cost[i] = local[right], edges[i].cost
        dearest = max(dearest, edges[i].cost)
    c.start[c.lefts] = count
    c.miss = min(c.lefts, c.rights) * dearest + 1


cdef int _solve(Component* c, Edge* edges, int32_t count, int32_t* local, int32_t most, int32_t* partner,
                uint8_t* outcome, uint8_t* right_outcome) noexcept nogil:
    """Pair the rows of one component, its edges sorted; ``right_outcome`` may be NULL. -1: no memory."""
    cdef int32_t i, kept = 1
    for i in range(1, count):  # of equal pairs the cheapest, which stands first
        if edges[i].left != edges[kept - 1].left or edges[i].right != edges[kept - 1].right:
            edges[kept] = edges[i]
            kept += 1
    if kept == 1:
        partner[edges[0].left] = edges[0].right
        return 0
    if kept > most:
        for i in range(kept):
            outcome[edges[i].left] = 2
            if right_outcome != NULL:
                right_outcome[edges[i].right] = 2
        return 0
    if _make_room(c, kept) < 0:
        return -1
    _load(c, edges, kept, local)
    for i in range(c.lefts):
        _insert(c, i)
    _find_rings(c)
    _choose_first(c)
    for i in range(c.lefts):
        outcome[c.left_rows[i]] = c.ring[i] >= 0
        if c.partner[i] >= 0:
            partner[c.left_rows[i]] = c.right_rows[c.partner[i]]
    if right_outcome != NULL:
        for i in range(c.rights):
            right_outcome[c.right_rows[i]] = c.ring[c.lefts + i] >= 0
    return 0
