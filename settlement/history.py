"""The tables of earlier nights as a stage sees them, each looked up in its folder as it is asked for.

A home of years has thousands of folders: what a stage does not ask for is not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import polars as pl

from settlement import store
from settlement.model.stage import Restatement, StageInput
from settlement.model.tables import TABLES
from settlement.store import Home

_Rest = ParamSpec("_Rest")
_Given = TypeVar("_Given")


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


def told_after(home: Home, night: date, tables: tuple[str, ...], restatements: tuple[Restatement, ...]) -> StageInput:
    """Some tables and the restatements up to a night, handed to a question as a stage would be handed them."""
    history = History(home=home, before=night, tables=tables)
    return StageInput(
        business_date=night,
        unit="all",
        documents={},
        tables={},
        scans={name: store.scan_table(home, name, night) for name in tables},
        history=history,
        nights=history.nights(),
        told_on=history.told_on,
        restatements=restatements,
    )


def naming_damage(
    asks: Callable[Concatenate[Home, _Rest], _Given],
) -> Callable[Concatenate[Home, _Rest], _Given]:
    """A question to a home that raises TerminalError, naming the file, where a table that it reads is damaged.

    Tables are read as rows are asked for, and the engine does not say which file it could not read: all are looked at.
    """

    @wraps(asks)
    def asked(home: Home, /, *rest: _Rest.args, **named: _Rest.kwargs) -> _Given:
        try:
            return asks(home, *rest, **named)
        except pl.exceptions.PolarsError:
            store.require_readable(home, tuple(TABLES), date.max)
            raise

    return asked
