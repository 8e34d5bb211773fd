"""How much memory moves in a second: the triad a = b + s * c over arrays that no cache holds, on all threads."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

BYTES_A_ROW: Final = 84
"""What an exact match by radix partitions must move: hashes twice, the digests of both sides out and in again."""

_SIZE: Final = 1 << 25
_BLOCK: Final = 1 << 14
_BYTES: Final = 24


class Triad:
    """Three arrays of 256 MiB, held so that every turn finds them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.arrays = tuple(np.full(_SIZE, float(value)) for value in range(3))

    def bytes_a_second(self) -> float:
        """One turn: 24 bytes a number, as STREAM counts them."""
        started = time.perf_counter()
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(self._part, range(self.threads)))
        return _BYTES * _SIZE / (time.perf_counter() - started)

    def _part(self, part: int) -> None:
        a, b, c = self.arrays
        product = np.empty(_BLOCK)
        for at in range(_SIZE * part // self.threads, _SIZE * (part + 1) // self.threads, _BLOCK):
            np.multiply(c[at : at + _BLOCK], 3.0, out=product)
            np.add(b[at : at + _BLOCK], product, out=a[at : at + _BLOCK])
