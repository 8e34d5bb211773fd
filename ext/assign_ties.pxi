# What other optima exist, and which one is taken. Included by assign_best, never imported.
# Arcs that cost nothing more lead from a left row to each other right row it could have, from a right row to its left
# row, and through two more nodes: OUT, where rows are left out, and SPARE, where right rows are free. Two optima differ
# by closed rings of such arcs: a row can be paired otherwise exactly where it stands in a ring.

from libc.stdint cimport INT32_MAX


cdef int32_t _next(Component* c, int32_t node) noexcept nogil:
    """The next node that an arc of this one leads to, or -1 after the last."""
    cdef int32_t out = c.lefts + c.rights, at
    while True:
        at = c.cursor[node]
        c.cursor[node] += 1
        if node < c.lefts:
            at += c.start[node]
            if at > c.start[node + 1]:
                return -1
            if at == c.start[node + 1]:
                if c.partner[node] >= 0 and c.u[node] == c.miss:
                    return out
            elif c.to[at] != c.partner[node] and c.cost[at] == c.u[node] + c.v[c.to[at]]:
                return c.lefts + c.to[at]
        elif node < out:
            if at > 0:
                return -1
            return c.mate[node - c.lefts] if c.mate[node - c.lefts] >= 0 else out + 1
        elif node == out:
            if at >= c.lefts:
                return -1
            if c.partner[at] < 0:
                return at
        else:
            if at >= c.rights:
                return -1
            if c.mate[at] >= 0 and c.v[at] == 0:
                return c.lefts + at


cdef void _find_rings(Component* c) noexcept nogil:
    """Number the strongly connected sets of nodes (Tarjan): ring[node], or -1 for a node alone."""
    cdef int32_t nodes = c.lefts + c.rights + 2, first, node, target, depth, waiting = 0, count = 0, other
    for node in range(nodes):
        c.number[node] = c.cursor[node] = 0
        c.ring[node] = -1
    for first in range(c.lefts):
        if c.number[first]:
            continue
        depth, target = 0, first
        while True:
            if target >= 0 and c.number[target] == 0:
                count += 1
                c.number[target] = c.low[target] = count
                c.stack[waiting] = c.path[depth] = target
                waiting += 1
                depth += 1
            node = c.path[depth - 1]
            target = _next(c, node)
            if target >= 0:
                # A node of a finished set has the greatest number, so it never counts.
                if 0 < c.number[target] < c.low[node]:
                    c.low[node] = c.number[target]
                continue
            if c.low[node] == c.number[node]:
                other = c.stack[waiting - 1]
                c.ring[node] = -1 if other == node else node
                while True:
                    waiting -= 1
                    other = c.stack[waiting]
                    c.number[other] = INT32_MAX
                    if other == node:
                        break
                    c.ring[other] = node
            depth -= 1
            if depth == 0:
                break
            if c.low[node] < c.low[c.path[depth - 1]]:
                c.low[c.path[depth - 1]] = c.low[node]


cdef void _turn(Component* c, int32_t length) noexcept nogil:
    """Take the other optimum along the ring that the path closes."""
    cdef int32_t i, node, to
    for i in range(length):
        if c.lefts <= c.path[i] < c.lefts + c.rights:
            c.mate[c.path[i] - c.lefts] = -1
    for i in range(length):
        node = c.path[i]
        if node < c.lefts:
            to = c.path[i + 1] - c.lefts
            c.partner[node] = -1
            if to < c.rights:
                c.partner[node] = to
                c.mate[to] = node


cdef void _prefer(Component* c, int32_t left) noexcept nogil:
    """Give a left row the first right row that any optimum gives it, rows before it staying as they are."""
    cdef int32_t depth = 1, node, target
    cdef int32_t* seen = c.number
    c.path[0], c.cursor[left] = left, 0
    while depth > 0:
        node = c.path[depth - 1]
        target = _next(c, node)
        if depth == 1 and c.partner[left] >= 0 and target >= 0 and (
                target >= c.lefts + c.rights
                or c.right_rows[target - c.lefts] > c.right_rows[c.partner[left]]):
            return
        if target == left:
            _turn(c, depth)
            return
        if target < 0:
            depth -= 1
        elif c.ring[target] == c.ring[left] and seen[target] <= left:
            # Seen in this search, or of a row that is done: such a node has no way back to this row.
            seen[target], c.cursor[target], c.path[depth] = left + 1, 0, target
            depth += 1


cdef void _choose_first(Component* c) noexcept nogil:
    """Take the lexicographically first optimum: left rows in their order, each with its first right row."""
    cdef int32_t left, node
    for node in range(c.lefts + c.rights + 2):
        c.number[node] = 0
    for left in range(c.lefts):
        if c.ring[left] < 0:
            continue
        _prefer(c, left)
        c.number[left] = INT32_MAX
        if c.partner[left] >= 0:
            c.number[c.lefts + c.partner[left]] = INT32_MAX
