"""The rows of a large file that are stored while the rest of it is still read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.stage import Part
from settlement.parse.references import without_cards_in
from settlement.parse.source import Source


class KeptRows:
    """Stores the candidate rows ``clearing`` that a reader hands on, freed of card numbers.

    Parameters
    ----------
    file
        The file they are read from.
    keep
        Stores rows aside.
    """

    def __init__(self, file: str, keep: Callable[[pl.DataFrame], Part]) -> None:
        self._keep = keep
        self.parts: list[Part] = []
        self.height = 0
        self.places = Places(file)

    def take(self, rows: pl.DataFrame) -> None:
        """The next rows of the file."""
        self.places.take(rows["record"])
        self.parts.append(self._keep(without_cards_in(rows)))
        self.height += rows.height


class Places:
    """Which records of a file have a place in one of its tables. Each has one; anything else is our fault."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._taken: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)

    def take(self, records: pl.Series) -> None:
        """Give these records their place. Raises RuntimeError where one has a place already."""
        at = records.to_numpy()
        last = int(at.max(initial=-1)) + 1
        if last > len(self._taken):
            self._taken = np.concatenate([self._taken, np.zeros(last - len(self._taken), dtype=np.bool_)])
        before = np.count_nonzero(self._taken)
        self._taken[at] = True
        if np.count_nonzero(self._taken) - before != len(at):
            raise RuntimeError(f"The reader of {self._file} put a record into two places.")


def handed_on(source: Source, held: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Clearing rows that are held back until there are enough for a stored part of so many rows, or none are left."""
    size, height = source.bounds.part_rows, sum(rows.height for rows in held)
    if source.keep is None or height <= size:
        return held
    rows = pl.concat(held)
    for first in range(0, height - size, size):
        source.keep(rows[first : first + size])
    return [rows[(height - 1) // size * size :]]
