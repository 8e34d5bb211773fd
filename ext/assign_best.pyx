# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Kernel: the optimal one-to-one pairs of each group. The twin is ``settlement.kernels.assign_twin.assign_groups``."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport qsort

import numpy as np

include "assign_components.pxi"
include "assign_optimum.pxi"
include "assign_ties.pxi"
include "assign_solve.pxi"


cdef int32_t _assign(const int32_t[::1] group_start, const int32_t[::1] left, const int32_t[::1] right,
                     const int64_t[::1] cost, int32_t lefts, int32_t most, int32_t* partner, uint8_t* outcome,
                     int32_t* parent, Edge* pool, Component* c) noexcept nogil:
    cdef int32_t group, edge, count, first, last
    for group in range(group_start.shape[0] - 1):
        count = group_start[group + 1] - group_start[group]
        for edge in range(group_start[group], group_start[group + 1]):
            if _join(parent, left[edge], lefts + right[edge]) < 0:
                return edge + 1
        for edge in range(count):
            first = group_start[group] + edge
            pool[edge].cost, pool[edge].root = cost[first], _root(parent, left[first])
            pool[edge].left, pool[edge].right = left[first], right[first]
        if count > 1:
            qsort(pool, count, sizeof(Edge), _before)
        first = 0
        while first < count:
            last = first + 1
            while last < count and pool[last].root == pool[first].root:
                last += 1
            if _solve(c, pool + first, last - first, parent + lefts, most, partner, outcome, NULL) < 0:
                return -1
            first = last
        for edge in range(group_start[group], group_start[group + 1]):
            parent[left[edge]] = parent[lefts + right[edge]] = -2
    return 0


def assign_groups(const int32_t[::1] group_start not None, const int32_t[::1] edge_left not None,
                  const int32_t[::1] edge_right not None, const int64_t[::1] edge_cost not None,
                  Py_ssize_t n_left, Py_ssize_t n_right, Py_ssize_t most_edges):
    """Pair the rows of each group one to one: most matches, then least cost, then the first by row order.

    Parameters
    ----------
    group_start : int32[g + 1]
        The candidate pairs of group i stand from ``group_start[i]`` up to ``group_start[i + 1]``, in any order; a
        pair given twice counts once, at its least cost. A row stands in one group only.
    edge_left, edge_right : int32[e]
        Rows of each candidate pair; the rows of each side are numbered in their declared order.
    edge_cost : int64[e]
        Cost of each candidate pair, not negative.
    n_left, n_right : int
        Rows of each side.
    most_edges : int
        Greatest number of candidate pairs that a connected component may have to be solved.

    Returns
    -------
    partner : int32[n_left]
        The right row of each left row, or -1; no right row occurs twice. Of all choices with the most matches and
        the least sum of costs, the one whose first left row has the first right row, then the second left row,
        and so on; being matched comes before being left out.
    outcome : uint8[n_left]
        0 where every optimum pairs the row alike; 1 (ambiguous) where another one, of as many matches and the same
        sum, pairs it with another right row or leaves it out; 2 (gave up) where its component is over the bound
        and nothing in it is paired.

    Notes
    -----
    Exact in 64 bits: raises OverflowError unless the dearest pair times the most matches of a group is below
    2**61. Raises ValueError for wrong shapes, rows, costs or bounds. A component of k left rows and e pairs takes
    at most about k * e * log(e) steps, mostly near e, and about 120 bytes a pair.
    """
    cdef Py_ssize_t count = edge_left.shape[0]
    starts, costs = np.asarray(group_start), np.asarray(edge_cost)
    lefts, rights = np.asarray(edge_left), np.asarray(edge_right)
    sizes = np.diff(starts)
    if not len(lefts) == len(rights) == len(costs) or not len(starts) or (starts[0], starts[len(starts) - 1]) != (0, count):
        raise ValueError("group_start must run from 0 to the length that edge_left, edge_right and edge_cost share.")
    if (sizes < 0).any() or most_edges < 1 or most_edges >= 2**31 - 8 or n_left + n_right >= 2**31 - 1:
        raise ValueError("group_start must rise, most_edges be positive, and all numbers fit into 32 bits.")
    for side, rows in ((lefts, n_left), (rights, n_right)):
        if count and (side.min() < 0 or side.max() >= rows):
            raise ValueError(f"rows must lie in 0 .. {rows - 1}.")
    if count and costs.min() < 0:
        raise ValueError("costs must not be negative.")
    if count and int(costs.max()) * min(int(sizes.max()), n_left, n_right) >= 2**61:
        raise OverflowError("The costs are too great for exact sums in 64 bits.")
    # One more than needed, so that there is a first one.
    partner_array, outcome_array = np.full(n_left + 1, -1, dtype=np.int32), np.zeros(n_left + 1, dtype=np.uint8)
    cdef int32_t[::1] partner = partner_array, parent = np.full(n_left + n_right + 1, -1, dtype=np.int32)
    cdef uint8_t[::1] outcome = outcome_array
    cdef Edge* pool = <Edge*>PyMem_RawMalloc(((sizes.max() if len(sizes) else 0) + 1) * sizeof(Edge))
    cdef Component c
    cdef int32_t fault
    c.room, c.wide, c.narrow, c.heap = 0, NULL, NULL, NULL
    if pool == NULL:
        raise MemoryError
    with nogil:
        fault = _assign(group_start, edge_left, edge_right, edge_cost, <int32_t>n_left, <int32_t>most_edges,
                        &partner[0], &outcome[0], &parent[0], pool, &c)
        _release(&c)
        PyMem_RawFree(pool)
    if fault > 0:
        raise ValueError(f"left row {lefts[fault - 1]} or right row {rights[fault - 1]} stands in two groups.")
    if fault < 0:
        raise MemoryError
    return partner_array[:n_left], outcome_array[:n_left]
