"""Pure-Python twin of ``ext/assign_best.pyx``: the same pairs by plainer means, for small components.

Python's integers have no end, so the order of rows becomes part of the price and one optimum stays; a second
solution without it shows which rows another optimum pairs otherwise.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Costs = dict[int, dict[int, int]]
"""Left row -> right row -> cost."""
Node = tuple[str, int]
"""``left`` or ``right`` and the row; ``out``: where rows are left out; ``spare``: where right rows are free."""


def assign_groups(  # noqa: PLR0917 (the kernel's own order)
    group_start: Rows,
    edge_left: Rows,
    edge_right: Rows,
    edge_cost: NDArray[np.int64],
    n_left: int,
    n_right: int,
    most_edges: int,
) -> tuple[Rows, NDArray[np.uint8]]:
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
    _check(group_start, edge_left, edge_right, edge_cost, n_left, n_right, most_edges)
    partner, outcome = np.full(n_left, -1, dtype=np.int32), np.zeros(n_left, dtype=np.uint8)
    left_group: dict[int, int] = {}
    right_group: dict[int, int] = {}
    for group, (first, last) in enumerate(zip(group_start[:-1].tolist(), group_start[1:].tolist(), strict=True)):
        costs: Costs = defaultdict(dict)
        for left, right, cost in zip(
            edge_left[first:last].tolist(),
            edge_right[first:last].tolist(),
            edge_cost[first:last].tolist(),
            strict=True,
        ):
            if left_group.setdefault(left, group) != group or right_group.setdefault(right, group) != group:
                raise ValueError(f"left row {left} or right row {right} stands in two groups.")
            costs[left][right] = min(cost, costs[left].get(right, cost))
        for component in _components(costs):
            if sum(map(len, component.values())) > most_edges:
                outcome[list(component)] = 2
                continue
            met, unsure = _solve(component)
            for left, right in met.items():
                partner[left] = right
            outcome[sorted(unsure)] = 1
    return partner, outcome


def _check(  # noqa: PLR0917 (the kernel's own order)
    group_start: Rows,
    edge_left: Rows,
    edge_right: Rows,
    edge_cost: NDArray[np.int64],
    n_left: int,
    n_right: int,
    most_edges: int,
) -> None:
    count = len(edge_left)
    if not count == len(edge_right) == len(edge_cost) or not len(group_start):
        raise ValueError("group_start must run from 0 to the length that edge_left, edge_right and edge_cost share.")
    if (group_start[0], group_start[-1]) != (0, count):
        raise ValueError("group_start must run from 0 to the length that edge_left, edge_right and edge_cost share.")
    sizes = np.diff(group_start)
    if (sizes < 0).any() or most_edges < 1 or most_edges >= 2**31 - 8 or n_left + n_right >= 2**31 - 1:
        raise ValueError("group_start must rise, most_edges be positive, and all numbers fit into 32 bits.")
    for side, rows in ((edge_left, n_left), (edge_right, n_right)):
        if count and (side.min() < 0 or side.max() >= rows):
            raise ValueError(f"rows must lie in 0 .. {rows - 1}.")
    if count and edge_cost.min() < 0:
        raise ValueError("costs must not be negative.")
    if count and int(edge_cost.max()) * min(int(sizes.max()), n_left, n_right) >= 2**61:
        raise OverflowError("The costs are too great for exact sums in 64 bits.")


def _components(costs: Costs) -> list[Costs]:
    """Split candidate pairs into connected components, by rising first left row, rows in order."""
    lefts_of: dict[int, list[int]] = defaultdict(list)
    for left, rights in costs.items():
        for right in rights:
            lefts_of[right].append(left)
    parts: list[Costs] = []
    seen: set[int] = set()
    for first in sorted(costs):
        if first in seen:
            continue
        found, waiting = {first}, [first]
        while waiting:
            new = {left for right in costs[waiting.pop()] for left in lefts_of[right]} - found
            found |= new
            waiting += new
        seen |= found
        parts.append({left: dict(sorted(costs[left].items())) for left in sorted(found)})
    return parts


def _solve(costs: Costs) -> tuple[dict[int, int], set[int]]:
    """The chosen pairs of a component, and the left rows that another optimum pairs otherwise."""
    rights = sorted({right for row in costs.values() for right in row})
    place = {right: i for i, right in enumerate(rights)}
    base = len(rights) + 1
    # A digit for each left row, the first one the highest: its right row's place, or the greatest digit if left out.
    weight = {left: base**i for i, left in enumerate(reversed(costs))}
    scale = base ** len(costs)
    miss = sum(max(row.values()) for row in costs.values()) + 1
    ordered = {
        left: {right: cost * scale + place[right] * weight[left] for right, cost in row.items()}
        for left, row in costs.items()
    }
    misses = {left: miss * scale + len(rights) * weight[left] for left in costs}
    return _cheapest(ordered, misses).partner, _unsure(_cheapest(costs, dict.fromkeys(costs, miss)))


@dataclass(kw_only=True, slots=True)
class _Pairs:
    """Pairs, and prices that prove them cheapest: ``u + v <= cost``, equal where paired; v is 0 where free."""

    costs: Costs
    misses: dict[int, int]
    partner: dict[int, int]
    mate: dict[int, int]
    u: dict[int, int]
    v: dict[int, int]


def _cheapest(costs: Costs, misses: dict[int, int]) -> _Pairs:
    """Cheapest pairs where a left row left out costs its ``misses``: Hungarian method."""
    free = {right: 0 for row in costs.values() for right in row}
    p = _Pairs(costs=costs, misses=misses, partner={}, mate={}, u=dict.fromkeys(costs, 0), v=free)
    for new in costs:
        best, end, distance, came, done = _search(p, new)
        p.u[new] = best
        for right in done:
            p.u[p.mate[right]] += best - distance[right]
            p.v[right] -= best - distance[right]
        side, row = end
        at = row if side == "right" else p.partner.pop(row, -1)
        while at >= 0:
            left = came[at]
            p.mate[at] = left
            before = p.partner.get(left, -1)
            p.partner[left] = at
            at = before
    return p


def _search(p: _Pairs, new: int) -> tuple[int, Node, dict[int, int], dict[int, int], list[int]]:
    """Shortest path of exchanges that lets a left row in: to a free right row, or to a left row to leave out."""
    best, end, left, reach = p.misses[new], ("left", new), new, 0
    distance: dict[int, int] = {}
    came: dict[int, int] = {}
    done: list[int] = []
    near: list[tuple[int, int]] = []
    while True:
        for right, cost in p.costs[left].items():
            length = reach + cost - p.u[left] - p.v[right]
            if length < best and length < distance.get(right, best):
                distance[right], came[right] = length, left
                if right in p.mate:
                    heapq.heappush(near, (length, right))
                else:
                    best, end = length, ("right", right)
        while near and near[0][0] > distance[near[0][1]]:
            heapq.heappop(near)
        if not near or near[0][0] >= best:
            return best, end, distance, came, done
        reach, right = heapq.heappop(near)
        done.append(right)
        left = p.mate[right]
        if reach + p.misses[left] - p.u[left] < best:
            best, end = reach + p.misses[left] - p.u[left], ("left", left)


def _unsure(p: _Pairs) -> set[int]:
    """Left rows on a closed ring of exchanges that cost nothing, through rows left out or free rights as well."""
    arcs: dict[Node, list[Node]] = defaultdict(list)
    out, spare = ("out", 0), ("spare", 0)
    for left, row in p.costs.items():
        arcs["left", left] = [
            ("right", right)
            for right, cost in row.items()
            if cost == p.u[left] + p.v[right] and p.partner.get(left) != right
        ]
        if left not in p.partner:
            arcs[out].append(("left", left))
        elif p.u[left] == p.misses[left]:
            arcs["left", left].append(out)
    for right, price in p.v.items():
        arcs["right", right] = [("left", p.mate[right])] if right in p.mate else [spare]
        if right in p.mate and price == 0:
            arcs[spare].append(("right", right))
    return {left for left in p.costs if _returns(arcs, ("left", left))}


def _returns(arcs: dict[Node, list[Node]], start: Node) -> bool:
    seen, waiting = set(arcs[start]), list(arcs[start])
    while waiting and start not in seen:
        new = set(arcs[waiting.pop()]) - seen
        seen |= new
        waiting += new
    return start in seen
