"""Brute force for sums: every subset of a few rows is added up. Shares nothing with the kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Fits(NamedTuple):
    """What all subsets show, a row a case; subsets are bit masks, row 0 the lowest bit."""

    fits: NDArray[np.bool_]
    """(cases, 2**n): whether a subset has the right number of rows and sum."""
    count: NDArray[np.int64]
    first: NDArray[np.int64]
    """The subset that stands first in row order; meaningful where all that fit hold the same amounts."""
    alike: NDArray[np.bool_]
    """Whether all subsets that fit hold the same amounts."""


def all_subsets(amounts: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64], most: int) -> Fits:
    """Add up all subsets of 2 to ``most`` rows of (cases, n) amounts, n up to 12."""
    cases, n = amounts.shape
    sums, held, forward = (np.zeros((cases, 1), dtype=np.int64) for _ in range(3))
    size = np.zeros(1, dtype=np.int64)
    # A number with a digit for each amount of the case: how often a subset holds it.
    digit = (n + 1) ** (amounts[:, :, None] > amounts[:, None, :]).sum(axis=2)
    for row in range(n):
        sums = np.concatenate([sums, sums + amounts[:, row, None]], axis=1)
        held = np.concatenate([held, held + digit[:, row, None]], axis=1)
        forward = np.concatenate([forward, forward + (1 << (n - row))], axis=1)
        size = np.concatenate([size, size + 1])
    fits = (sums >= low[:, None]) & (sums <= high[:, None]) & (size >= 2) & (size <= most)
    first = np.where(fits, forward, -1).argmax(axis=1)
    alike = (np.where(fits, held == held[np.arange(cases), first][:, None], True)).all(axis=1)
    return Fits(fits=fits, count=fits.sum(axis=1), first=first, alike=alike)


def ways_to(amounts: list[int], low: int, high: int, most: int) -> int:
    """How many subsets of 2 to ``most`` rows fit, up to 2; for many rows whose sums span a narrow range."""
    below, above = sum(min(amount, 0) for amount in amounts), sum(max(amount, 0) for amount in amounts)
    limited = most < len(amounts)
    sizes = most if limited else 2
    ways = np.zeros((sizes + 1, above - below + 1), dtype=np.int8)
    ways[0, -below] = 1
    for amount in amounts:
        moved = np.zeros_like(ways)
        to = slice(max(amount, 0), ways.shape[1] + min(amount, 0))
        source = slice(max(-amount, 0), ways.shape[1] - max(amount, 0))
        moved[1:, to] = ways[:-1, source]
        if not limited:  # two rows or more are one class
            moved[2, to] += ways[2, source]
        ways = np.minimum(ways + moved, 2)
    reach = slice(max(low - below, 0), max(high - below + 1, 0))
    return min(int(ways[2:, reach].sum(dtype=np.int64)), 2)
