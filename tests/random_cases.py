"""How many random cases a test runs: enough for the ordinary run, or as many as the night wants."""

from __future__ import annotations

import os
from collections.abc import Iterator


def batches(ordinary: int, batch: int) -> Iterator[tuple[int, int]]:
    """Yield (number of the batch, its size); ``SETTLEMENT_CASES`` sets the whole instead of ``ordinary``."""
    left = int(os.environ.get("SETTLEMENT_CASES", "0")) or ordinary
    number = 0
    while left > 0:
        yield number, min(batch, left)
        left -= batch
        number += 1


def nightly() -> bool:
    """Whether this run is the long one."""
    return "SETTLEMENT_CASES" in os.environ
