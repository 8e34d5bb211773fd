"""The kernel of optimal assignment, compiled or twin: the best one-to-one pairs of each group, and which are unsure."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.kernels.choice import NOT_BUILT, use_compiled

if use_compiled():
    try:
        from settlement.kernels._assign_best import assign_groups as _assign_groups
    except ImportError:
        raise TerminalError(NOT_BUILT) from None
else:
    from settlement.kernels.assign_twin import assign_groups as _assign_groups

__all__ = ["MOST_EDGES", "Assigned", "assign_groups", "compiled"]

MOST_EDGES: Final = 250_000
"""Candidate pairs of a connected component that is still solved: 500 rows against 500."""


class Assigned(IntEnum):
    """What is known of a left row."""

    CERTAIN = 0
    """Every optimum pairs the row alike."""
    AMBIGUOUS = 1
    """Another optimum, of as many matches and the same sum of costs, pairs the row otherwise."""
    GAVE_UP = 2
    """The row's component has more candidate pairs than the bound: nothing in it is paired."""


def assign_groups(
    group_start: NDArray[np.int32],
    edge_left: NDArray[np.int32],
    edge_right: NDArray[np.int32],
    edge_cost: NDArray[np.int64],
    *,
    n_left: int,
    n_right: int,
    most_edges: int = MOST_EDGES,
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Pair the rows of each group one to one: most matches, then least cost, then the first by row order.

    Arguments and results are the kernel's, see ``settlement.kernels.assign_twin.assign_groups``; the second array
    holds values of :class:`Assigned`.

    Raises
    ------
    TerminalError
        Where the dearest candidate pair times the most matches of a group reaches 2**61, so that sums of costs
        would not be exact in 64 bits.
    """
    try:
        return _assign_groups(group_start, edge_left, edge_right, edge_cost, n_left, n_right, most_edges)  # type: ignore[no-any-return]
    except OverflowError:
        dearest = int(edge_cost.max())
        largest = min(int(np.diff(group_start).max()), n_left, n_right)
        raise TerminalError(
            f"A candidate pair costs {dearest} in a group of up to {largest} matches, and their product must stay "
            "below 2**61 for exact sums: give the pass smaller cost weights or a narrower tolerance."
        ) from None


def compiled() -> bool:
    """Whether the functions of this module are the compiled ones."""
    return type(_assign_groups).__name__ == "cython_function_or_method"
