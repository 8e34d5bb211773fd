"""What a side brings along from earlier runs: which of its rows are carried, how old they are, and who takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.reconcile.language import Pass

_Positions = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The carried rows of a side, which stand before tonight's, the longest carried first, and the age of every row.

    ``as_of`` is the run's day, in days since 1970, as is ``opened_on``, by carried row the day of the run that first
    left it open; ``runs`` counts the runs that did. ``age_days`` counts, by position, the days from the row's date, or
    from the run that first read it where it has none. ``taken`` are rows that earlier runs have matched and a
    reversal may still take back.
    """

    as_of: int
    most_days: int
    expires_after_days: int | None
    opened_on: NDArray[np.int32]
    runs: NDArray[np.int32]
    age_days: NDArray[np.int32]
    taken: pl.DataFrame

    @property
    def count(self) -> int:
        """How many rows are carried: the first positions of the side."""
        return len(self.opened_on)

    @property
    def expired(self) -> _Positions:
        """Positions of the carried rows that have expired, ascending."""
        if self.expires_after_days is None:
            return np.zeros(0, dtype=np.int32)
        return np.flatnonzero(self.age_days[: self.count] > self.expires_after_days).astype(np.int32)

    def most(self, rule: Pass) -> int:
        """The greatest age in days at which a carried row takes part in a pass; -1 where none does."""
        if not rule.carry:
            return -1
        return self.most_days if rule.carried_most_days is None else rule.carried_most_days

    def usable(self, rule: Pass, rows: _Positions) -> _Positions:
        """Of some positions, ascending, those that the pass may use: tonight's rows, and carried ones by their age."""
        cut = int(np.searchsorted(rows, self.count))
        earlier = rows[:cut]
        return np.concatenate([earlier[self.age_days[earlier] <= self.most(rule)], rows[cut:]])

    def living(self, rows: _Positions) -> _Positions:
        """Of some positions those that have not expired."""
        return rows[~np.isin(rows, self.expired)]
