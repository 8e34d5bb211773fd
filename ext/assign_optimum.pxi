# The optimum of one connected component: most matches, then least cost. Included by assign_best, never imported.
# Left rows enter one by one, each along a shortest path of exchanges (Hungarian method, sparse). A row left out pays
# `miss`, more than any matching costs, so a match is never given up for a cheaper sum.

from libc.stdint cimport INT64_MAX, int32_t, int64_t

cdef extern from "Python.h" nogil:
    void* PyMem_RawMalloc(size_t size)
    void PyMem_RawFree(void* memory)


cdef struct Near:
    int64_t distance
    int32_t right


cdef struct Component:
    int32_t lefts, rights
    int64_t miss
    int32_t room            # edges that the arrays below hold
    int32_t* start          # first edge of each left row, one more at the end
    int32_t* to             # edge -> right row, by rising right row within a left row
    int64_t* cost
    int64_t* u              # prices: u[left] + v[right] <= cost, equal where matched; v <= 0, and 0 where free
    int64_t* v
    int64_t* distance       # right row -> length of the shortest path to it
    int32_t* came           # right row -> left row before it on that path
    int32_t* partner
    int32_t* mate           # right row -> left row
    int32_t* left_rows      # component's row -> caller's row
    int32_t* right_rows
    int32_t* touched
    int32_t* settled
    int32_t* cursor         # these six serve the ties
    int32_t* number
    int32_t* low
    int32_t* ring
    int32_t* stack
    int32_t* path
    Near* heap
    int64_t* wide
    int32_t* narrow


cdef void _release(Component* c) noexcept nogil:
    PyMem_RawFree(c.wide)
    PyMem_RawFree(c.narrow)
    PyMem_RawFree(c.heap)
    c.room, c.wide, c.narrow, c.heap = 0, NULL, NULL, NULL


cdef int _make_room(Component* c, int32_t edges) noexcept nogil:
    """Arrays for a component of so many edges: connected, it has at most one row more than edges."""
    cdef Py_ssize_t rows = edges + 3
    if edges <= c.room:
        return 0
    _release(c)
    c.wide = <int64_t*>PyMem_RawMalloc(4 * rows * sizeof(int64_t))
    c.narrow = <int32_t*>PyMem_RawMalloc(15 * rows * sizeof(int32_t))
    c.heap = <Near*>PyMem_RawMalloc(rows * sizeof(Near))
    if c.wide == NULL or c.narrow == NULL or c.heap == NULL:
        _release(c)
        return -1
    c.room = edges
    c.cost, c.u, c.v, c.distance = c.wide, c.wide + rows, c.wide + 2 * rows, c.wide + 3 * rows
    c.start, c.to, c.came, c.partner = c.narrow, c.narrow + rows, c.narrow + 2 * rows, c.narrow + 3 * rows
    c.mate, c.left_rows, c.right_rows = c.narrow + 4 * rows, c.narrow + 5 * rows, c.narrow + 6 * rows
    c.touched, c.settled, c.cursor = c.narrow + 7 * rows, c.narrow + 8 * rows, c.narrow + 9 * rows
    c.number, c.low, c.ring = c.narrow + 10 * rows, c.narrow + 11 * rows, c.narrow + 12 * rows
    c.stack, c.path = c.narrow + 13 * rows, c.narrow + 14 * rows
    return 0


cdef inline void _push(Near* heap, int32_t at, Near near) noexcept nogil:
    cdef int32_t up
    while at > 0:
        up = (at - 1) >> 1
        if heap[up].distance <= near.distance:
            break
        heap[at] = heap[up]
        at = up
    heap[at] = near


cdef inline Near _pop(Near* heap, int32_t size) noexcept nogil:
    cdef Near top = heap[0], last = heap[size - 1]
    cdef int32_t at = 0, down
    size -= 1
    while 2 * at + 1 < size:
        down = 2 * at + 1
        if down + 1 < size and heap[down + 1].distance < heap[down].distance:
            down += 1
        if heap[down].distance >= last.distance:
            break
        heap[at] = heap[down]
        at = down
    heap[at] = last
    return top


cdef void _insert(Component* c, int32_t new) noexcept nogil:
    """Let one more left row in; the matching stays optimal for the rows that are in."""
    cdef int64_t reach = 0, best = c.miss, length
    cdef int32_t left = new, right, out = new, free_right = -1, edge, i, waiting = 0, touched = 0, settled = 0
    cdef Near near
    c.partner[new], c.u[new] = -1, 0
    while True:
        for edge in range(c.start[left], c.start[left + 1]):
            right = c.to[edge]
            length = reach + c.cost[edge] - c.u[left] - c.v[right]
            if length >= c.distance[right] or length >= best:
                continue
            if c.distance[right] == INT64_MAX:
                c.touched[touched] = right
                touched += 1
            c.distance[right], c.came[right] = length, left
            if c.mate[right] < 0:
                best, free_right = length, right
            else:
                near.distance, near.right = length, right
                _push(c.heap, waiting, near)
                waiting += 1
        near.right = -1
        while waiting > 0:
            near = _pop(c.heap, waiting)
            waiting -= 1
            if near.distance == c.distance[near.right]:
                break
            near.right = -1
        if near.right < 0 or near.distance >= best:
            break
        c.settled[settled] = near.right
        settled += 1
        reach, left = near.distance, c.mate[near.right]
        if reach + c.miss - c.u[left] < best:
            best, out, free_right = reach + c.miss - c.u[left], left, -1
    c.u[new] = best
    for i in range(settled):
        right = c.settled[i]
        c.u[c.mate[right]] += best - c.distance[right]
        c.v[right] -= best - c.distance[right]
    for i in range(touched):
        c.distance[c.touched[i]] = INT64_MAX
    right = free_right
    if free_right < 0:
        right = c.partner[out]
        c.partner[out] = -1
    while right >= 0:
        left = c.came[right]
        c.mate[right] = left
        free_right = c.partner[left]
        c.partner[left] = right
        right = free_right if left != new else -1
