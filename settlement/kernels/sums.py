"""The kernels of sums without a key, compiled or twin: which rows together make a target, and is that sure."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.kernels.choice import NOT_BUILT, patient_threads, use_compiled

if use_compiled():
    try:
        with patient_threads():
            from settlement.kernels._subset_sums import find_subsets as _find_subsets
            from settlement.kernels._subset_sums import whole_groups as _whole_groups
    except ImportError:
        raise TerminalError(NOT_BUILT) from None
else:
    from settlement.kernels.sums_twin import find_subsets as _find_subsets
    from settlement.kernels.sums_twin import whole_groups as _whole_groups

__all__ = ["MOST_STEPS", "Searched", "Subset", "Subsets", "compiled", "find_subset", "find_subsets", "whole_groups"]

MOST_STEPS: Final = 2**23
"""Steps of one search: complete for 40 candidates of distinct amounts, some 0.1 seconds at worst."""

Amounts = NDArray[np.int64]


class Searched(IntEnum):
    """What a search has shown."""

    PROVED_NONE = 0
    """No subset fits."""
    FOUND = 1
    """Exactly one set of rows fits."""
    AMBIGUOUS = 2
    """Several sets of rows fit."""
    GAVE_UP = 3
    """The bound was reached before any of these was shown."""


class Subsets(NamedTuple):
    """The answers to many searches; see ``settlement.kernels.sums_twin.find_subsets``."""

    status: NDArray[np.uint8]
    members: NDArray[np.int32]
    second: NDArray[np.int32]
    equal_amounts_only: NDArray[np.uint8]


class Subset(NamedTuple):
    """The answer to one search."""

    status: Searched
    members: tuple[int, ...]
    second: tuple[int, ...]
    equal_amounts_only: bool


def find_subsets(
    group_start: NDArray[np.int32],
    amounts: Amounts,
    targets: Amounts,
    tolerances: Amounts,
    *,
    most_members: int,
    most_steps: int = MOST_STEPS,
    threads: int = 1,
) -> Subsets:
    """Find for each target the one subset of its group, of two rows or more, whose sum is within tolerance.

    Arguments and results are the kernel's, see ``settlement.kernels.sums_twin.find_subsets``; ``status`` holds
    values of :class:`Searched`.

    Raises
    ------
    TerminalError
        Where the magnitudes of a group, its target and tolerance together reach 2**62 minor units.
    """
    try:
        return Subsets(*_find_subsets(group_start, amounts, targets, tolerances, most_members, most_steps, threads))
    except OverflowError as fault:
        raise _too_great(fault) from None


def find_subset(
    amounts: Amounts, target: int, *, tolerance: int = 0, most_members: int, most_steps: int = MOST_STEPS
) -> Subset:
    """Find the one subset of two rows or more whose signed sum is within tolerance of the target.

    Parameters
    ----------
    amounts : int64[n]
        Signed amounts in minor units, in declared order.
    target, tolerance : int
        The sum sought, and by how much a sum may differ from it.
    most_members : int
        Greatest number of rows in a subset, 2 to 16383.
    most_steps : int
        Greatest number of sums formed and of pairs of sums compared.

    Returns
    -------
    Subset
        What was shown; the rows of the subset, ascending; where ambiguous another one, and whether all that fit
        hold the same amounts, so that they differ only in which of several rows of equal amount they take:
        ``members`` is then the first one in declared order.

    Raises
    ------
    TerminalError
        Where the magnitudes of amounts, target and tolerance together reach 2**62 minor units.
    """
    if max(abs(target), tolerance) >= 2**62:
        raise _too_great(OverflowError("The target or the tolerance is too great for exact sums in 64 bits."))
    start = np.array([0, len(amounts)], dtype=np.int32)
    told = find_subsets(
        start,
        amounts,
        np.array([target], dtype=np.int64),
        np.array([tolerance], dtype=np.int64),
        most_members=most_members,
        most_steps=most_steps,
    )
    members, second = (tuple(row for row in rows[0].tolist() if row >= 0) for rows in (told.members, told.second))
    return Subset(Searched(int(told.status[0])), members, second, bool(told.equal_amounts_only[0]))


def whole_groups(
    group_start: NDArray[np.int32], amounts: Amounts, targets: Amounts, tolerances: Amounts
) -> NDArray[np.uint8]:
    """Tell for each target whether all rows of its group together sum to it, within tolerance.

    Arguments and results are the kernel's, see ``settlement.kernels.sums_twin.whole_groups``.

    Raises
    ------
    TerminalError
        As ``find_subsets``.
    """
    try:
        return _whole_groups(group_start, amounts, targets, tolerances)  # type: ignore[no-any-return]
    except OverflowError as fault:
        raise _too_great(fault) from None


def compiled() -> bool:
    """Whether the functions of this module are the compiled ones."""
    return type(_find_subsets).__name__ == "cython_function_or_method"


def _too_great(fault: OverflowError) -> TerminalError:
    return TerminalError(f"{fault} Look for a wrong amount among its rows: together they must stay below 2**62.")
