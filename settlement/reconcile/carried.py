"""What a side brings along from earlier runs: which of its rows are carried, how old they are, and who takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.reconcile.language import Carry, Pass

_Positions = NDArray[np.int32]

AGES: Final[Mapping[str, Any]] = {"opened_on": pl.Int32, "runs": pl.Int32, "age_days": pl.Int32}
"""By row the day of the run that first left it open, in days since 1970; how many runs did, 0 for a row of tonight; and
the days from the row's date, or from the run that first read it where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The carried rows of a side, which stand before tonight's, the longest carried first, and the age of every row.

    ``as_of`` is the run's day, in days since 1970; ``count`` says how many rows are carried: the first positions.
    ``opened_on``, ``runs`` and ``age_days`` tell ``AGES`` by position. ``taken`` are rows that earlier runs have
    matched and a reversal may still take back.
    """

    as_of: int
    limits: Carry
    count: int
    opened_on: NDArray[np.int32]
    runs: NDArray[np.int32]
    age_days: NDArray[np.int32]
    taken: pl.DataFrame

    @classmethod
    def of(cls, limits: Carry | None, as_of: int, ages: pl.DataFrame, taken: pl.DataFrame) -> Self:
        """By ``AGES`` of all rows, the carried ones first."""
        opened_on, runs, age_days = (ages[name].to_numpy() for name in AGES)
        return cls(
            as_of=as_of,
            limits=limits or Carry(),
            count=int(np.count_nonzero(runs)),
            opened_on=opened_on,
            runs=runs,
            age_days=age_days,
            taken=taken,
        )

    def ages(self, rows: _Positions) -> pl.DataFrame:
        """``AGES`` of some rows."""
        return pl.DataFrame({name: getattr(self, name)[rows] for name in AGES})

    @property
    def expired(self) -> _Positions:
        """Positions of the carried rows that have expired, ascending."""
        if self.limits.expires_after_days is None:
            return np.zeros(0, dtype=np.int32)
        return np.flatnonzero(self.age_days[: self.count] > self.limits.expires_after_days).astype(np.int32)

    def usable(self, rule: Pass, rows: _Positions) -> _Positions:
        """Of some positions, ascending, those that the pass may use: tonight's rows, and carried ones by their age."""
        cut = int(np.searchsorted(rows, self.count))
        earlier = rows[:cut]
        return np.concatenate([earlier[self.age_days[earlier] <= most_age(self.limits, rule)], rows[cut:]])

    def living(self, rows: _Positions) -> _Positions:
        """Of some positions those that have not expired."""
        return rows[~np.isin(rows, self.expired)]


def most_age(limits: Carry, rule: Pass) -> int:
    """The greatest age in days at which a carried row takes part in a pass; -1 where none does."""
    if not rule.carry:
        return -1
    return limits.most_days if rule.carried_most_days is None else rule.carried_most_days


def ages(
    frame: pl.DataFrame, as_of: int, opened_on: pl.Series | None = None, runs: pl.Series | None = None
) -> pl.DataFrame:
    """``AGES`` of rows whose ``day``, if there is one, counts; rows of tonight where it is not told who opened them."""
    height = frame.height
    opened = pl.Series([as_of], dtype=pl.Int32).new_from_index(0, height) if opened_on is None else opened_on
    counts = pl.Series([0], dtype=pl.Int32).new_from_index(0, height) if runs is None else runs
    since = frame["day"].fill_null(opened) if "day" in frame.columns else opened
    age = pl.Series(np.maximum(as_of - since.to_numpy(), 0), dtype=pl.Int32)
    return pl.DataFrame(
        [opened.cast(pl.Int32).alias("opened_on"), counts.cast(pl.Int32).alias("runs"), age.alias("age_days")]
    )
