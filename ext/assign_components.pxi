# Candidate pairs, sorted into connected components. Included by assign_best, never imported.

from libc.stdint cimport int32_t, int64_t


cdef struct Edge:
    int64_t cost
    int32_t root
    int32_t left
    int32_t right


cdef int _before(const void* a, const void* b) noexcept nogil:
    cdef const Edge* x = <const Edge*>a
    cdef const Edge* y = <const Edge*>b
    if x.root != y.root:
        return -1 if x.root < y.root else 1
    if x.left != y.left:
        return -1 if x.left < y.left else 1
    if x.right != y.right:
        return -1 if x.right < y.right else 1
    return (x.cost > y.cost) - (x.cost < y.cost)


cdef inline int32_t _root(int32_t* parent, int32_t row) noexcept nogil:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


cdef int _join(int32_t* parent, int32_t left, int32_t right) noexcept nogil:
    """Put two rows into one component; -1 if one belongs to a group that is done."""
    if parent[left] == -2 or parent[right] == -2:
        return -1
    if parent[left] == -1:
        parent[left] = left
    if parent[right] == -1:
        parent[right] = right
    left, right = _root(parent, left), _root(parent, right)
    if left < right:
        parent[right] = left
    else:
        parent[left] = right
    return 0
