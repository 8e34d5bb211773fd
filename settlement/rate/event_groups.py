"""Which events of a table must be looked at together, so that a statement asks for what can have changed alone.

Events are joined that one of them names, all versions of an event among them; those about one account, which tell its
state together; balances of one account, and lines of one month's profit, which may be told once. An event about an
account is asked for by every event of it, and by none the other way round: only where a contract counts accounts, or
limits what one has, are all events of an account joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import EventAccounts
from settlement.model.contract_terms import Term, looks_at
from settlement.model.events import ACCOUNTS, LINE, STANDING, EventKind, Events
from settlement.rate.measures import limit_of
from settlement.rate.reference_measures import days_reached

Numbers = NDArray[np.int64]
_NONE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorted:
    """Row numbers in the order of what they have, and that."""

    rows: Numbers
    keys: Numbers

    def between(self, after: int, until: int) -> Numbers:
        """The rows whose key is greater than one number and not greater than another."""
        first, end = np.searchsorted(self.keys, [after, until], side="right")
        found: Numbers = self.rows[first:end]
        return found

    def of(self, keys: Numbers) -> Numbers:
        """The rows that have one of some keys, which are unique."""
        first = np.searchsorted(self.keys, keys, side="left")
        length = np.searchsorted(self.keys, keys, side="right") - first
        before = np.cumsum(length) - length
        found: Numbers = self.rows[np.repeat(first - before, length) + np.arange(length.sum())]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGroups:
    """An events table with the groups of its rows.

    Attributes
    ----------
    events:
        All events.
    standing:
        Opening positions, exchange rates and days of bank calendars, which no contribution is made of, with all
        versions of each.
    groups, accounts, about:
        The group of each row, its account, -1 where it names none, and whether it tells about an account.
    names:
        The accounts by their numbers.
    known:
        The rows by the day on which they are known.
    comes:
        The rows about accounts by the days on which their account may begin to count, or count no more.
    by_group, by_account, about_account, by_line:
        The rows by their group, by their account, those about accounts alone, and by where they stand in the file.
    """

    events: Events
    standing: Events
    groups: Numbers
    accounts: Numbers
    about: NDArray[np.bool_]
    names: pl.Series
    known: _Sorted
    comes: _Sorted
    by_group: _Sorted
    by_account: _Sorted
    about_account: _Sorted
    by_line: _Sorted

    def news(self, after: date, until: date) -> Events | None:
        """The events that what becomes known, or comes, in the days after one and up to another can change.

        None where nothing does. What is known later than the last of these days is among them.
        """
        fresh = self._joined(self.known.between(_day(after), _day(until)))
        told = self.by_account.of(_unique(self.accounts[fresh[self.about[fresh]]]))
        joined = self._joined(np.concatenate([fresh, told]))
        coming = self.comes.between(_day(after), _day(until))
        if not joined.size and not coming.size:
            return None
        about = self._about(_unique(self.accounts[np.concatenate([joined, coming])]))
        return self._some(np.unique(np.concatenate([joined, about])))

    def _about(self, accounts: Numbers) -> Numbers:
        """What is told about accounts, with what took it back and the accounts that it was told about before."""
        return self._joined(self.about_account.of(accounts))

    def _joined(self, rows: Numbers) -> Numbers:
        return self.by_group.of(_unique(self.groups[rows]))

    def told(self, lines: pl.Series, accounts: pl.Series) -> Events:
        """The events that stand on some lines, and those about some accounts."""
        own = self.by_line.of(_unique(lines.drop_nulls().to_numpy().astype(np.int64)))
        known = accounts.drop_nulls().unique()
        about = self._about(_unique(self.names.search_sorted(known).to_numpy().astype(np.int64)))
        return self._some(np.unique(np.concatenate([own, about])))

    def _some(self, rows: Numbers) -> Events:
        return replace(self.events, rows=self.events.rows[rows])


def event_groups(events: Events, versions: Sequence[ContractVersion]) -> EventGroups:
    """The groups of events, as the versions of one contract look at them."""
    rows, contracts = events.rows, [version.contract for version in versions]
    numbers = np.arange(rows.height)
    names = rows["account_id"].drop_nulls().unique().sort()
    accounts = _codes(rows["account_id"])
    about = rows["kind"].is_in(ACCOUNTS).to_numpy()
    by_account = any(_of_accounts(contract, term) for contract in contracts for term in contract.terms)
    groups = _groups(rows, by_account=by_account)
    reached = [
        rows.select(day.to_physical().fill_null(_NONE).cast(pl.Int64)).to_series().to_numpy()[about]
        for day in days_reached(contracts, pl.col("event_date"))
    ]
    # Another kind under the same id takes them out.
    ids = rows.filter(pl.col("kind").is_in(STANDING)).select("event_id").unique()
    return EventGroups(
        events=events,
        standing=replace(events, rows=rows.join(ids, on="event_id", how="semi", maintain_order="left")),
        groups=groups,
        accounts=accounts,
        about=about,
        names=names,
        known=_sorted(numbers, rows["known_on"].to_physical().to_numpy().astype(np.int64)),
        comes=_sorted(np.tile(numbers[about], len(reached)), np.concatenate(reached)),
        by_group=_sorted(numbers, groups),
        by_account=_sorted(numbers, accounts),
        about_account=_sorted(numbers[about], accounts[about]),
        by_line=_sorted(numbers, rows[LINE].to_numpy().astype(np.int64)),
    )


def _of_accounts(contract: Contract, term: Term) -> bool:
    """Whether a term sees together what an account has: it counts accounts by their events, or limits each."""
    counted = [contract.measures.get(name) for name in looks_at(term)]
    return limit_of(contract, term) is not None or any(isinstance(measure, EventAccounts) for measure in counted)


def _groups(rows: pl.DataFrame, *, by_account: bool) -> Numbers:
    """The group of each row: rows of one group have an equal number."""
    account = pl.col("account_id").fill_null("\0")
    month = pl.col("event_date").dt.strftime("%Y-%m")
    # What says no programme has that of the contract: lines of all programmes are one month's.
    names = [
        pl.concat_str(pl.lit("event "), "event_id"),
        pl.concat_str(pl.lit("event "), "refers_to"),
        # Events that name no account are counted, and limited, as those of one.
        pl.when(by_account or pl.col("kind").is_in(ACCOUNTS)).then(pl.concat_str(pl.lit("account "), account)),
        pl.when(pl.col("kind") == EventKind.BALANCE).then(pl.concat_str(pl.lit("balances "), account)),
        pl.when(pl.col("kind") == EventKind.PROFIT_LINE).then(pl.concat_str(pl.lit("month "), month)),
    ]
    told = rows.select(name.alias(str(number)) for number, name in enumerate(names))
    codes = _codes(pl.concat([told[name] for name in told.columns])).reshape(len(names), rows.height)
    own = codes[0]
    joins = [(own[other != _NONE], other[other != _NONE]) for other in codes[1:]]
    one, other = (np.concatenate(side) for side in zip(*joins, strict=True))
    labels: Numbers = np.arange(int(codes.max(initial=_NONE)) + 1)
    while True:
        least = np.minimum(labels[one], labels[other])
        found = labels.copy()
        for side in (one, other):
            np.minimum.at(found, labels[side], least)
        found = found[found]
        if np.array_equal(found, labels):
            groups: Numbers = labels[own]
            return groups
        labels = found


def _codes(texts: pl.Series) -> Numbers:
    """A number for each text, equal for equal ones; -1 for none."""
    return (texts.rank("dense").cast(pl.Int64) - 1).fill_null(_NONE).to_numpy()


def _sorted(rows: Numbers, keys: Numbers) -> _Sorted:
    order = np.argsort(keys, kind="stable")
    return _Sorted(rows=rows[order], keys=keys[order])


def _unique(keys: Numbers) -> Numbers:
    found: Numbers = np.unique(keys[keys != _NONE])
    return found


def _day(day: date) -> int:
    return (day - date(1970, 1, 1)).days
