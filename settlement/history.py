"""The tables of earlier nights as a stage sees them, each looked up in its folder as it is asked for.

A home of years has thousands of folders: what a stage does not ask for is not listed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from settlement import store
from settlement.store import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Mapping[str, pl.LazyFrame]):
    """Some tables of the nights before ``before``; KeyError for a table that is not among them."""

    home: Home
    before: date
    tables: tuple[str, ...]

    def __getitem__(self, table: str) -> pl.LazyFrame:
        """All nights of a table, as ``store.scan_history`` gives them."""
        return store.scan_history(self.home, self._declared(table), self.before)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def nights(self) -> tuple[date, ...]:
        """The nights before, in order: each has decided on its files."""
        return tuple(night for night in store.nights_of(self.home, "file") if night < self.before)

    def told_on(self, table: str, nights: Collection[date]) -> pl.LazyFrame:
        """Some nights of a table: of others no folder is listed."""
        return store.scan_nights(self.home, self._declared(table), [night for night in nights if night < self.before])

    def _declared(self, table: str) -> str:
        if table not in self.tables:
            raise KeyError(table)
        return table
