"""How many random cases a test runs: enough for the ordinary run, or as many as the night wants."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator


def batches(ordinary: int, batch: int, *, share: int = 1) -> Iterator[tuple[int, int]]:
    """Yield (number of the batch, its size).

    ``SETTLEMENT_CASES``, divided by ``share`` where cases are dear, sets the whole instead of ``ordinary``.
    """
    left = int(os.environ.get("SETTLEMENT_CASES", "0")) // share or ordinary
    number = 0
    while left > 0:
        yield number, min(batch, left)
        left -= batch
        number += 1


def nightly() -> bool:
    """Whether this run is the long one."""
    return "SETTLEMENT_CASES" in os.environ


def examples(ordinary: int) -> int:
    """How many examples Hypothesis tries: in the long run fifty times as many."""
    return ordinary * 50 if nightly() else ordinary


def cuts(size: int, ends: Iterable[int]) -> list[int]:
    """Where a file of ``size`` bytes is cut: around each of the ``ends`` of its records, and every 41st byte.

    In the long run it is cut at every byte.
    """
    if nightly():
        return [*range(size + 1)]
    around = {end + by for end in (0, *ends, size) for by in (-2, -1, 0, 1, 2)}
    return sorted(at for at in around.union(range(0, size, 41)) if 0 <= at <= size)


def damaged(content: bytes, source: random.Random) -> bytes:
    """The content with one to four bytes or stretches changed, put in, taken out or doubled."""
    data = bytearray(content)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(data) + 1) if data else 0
        until = min(len(data), at + source.choice([1, 1, 1, 2, 5, 40]))
        match source.randrange(4):
            case 0:
                data[at:until] = bytes(source.randrange(256) for _ in range(until - at))
            case 1:
                data[at:at] = bytes(source.choice(b"\n\r/,:<>&;-{}09AZ \x00\xff") for _ in range(source.randint(1, 3)))
            case 2:
                del data[at:until]
            case _:
                data[at:at] = data[at:until]
    return bytes(data)
