"""Contributions added up: all that the terms of a contract see of the facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import polars as pl

from settlement.errors import TerminalError

_Key = TypeVar("_Key")
SELECTOR: Final = ("term", "period", "selector")
"""What contributions are added up by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Contributions added up and counted: by term, period and selector; ``with_accounts`` counts accounts."""

    by_selector: Mapping[tuple[str, str], Mapping[str, int]]
    counts: Mapping[tuple[str, str, str], int]
    with_accounts: Mapping[tuple[str, str], int]

    def of(self, term: str, period: str) -> Mapping[str, int]:
        """Sums by selector, selectors in ascending order; empty where nothing contributed."""
        return self.by_selector.get((term, period), {})

    def total(self, term: str, period: str) -> int:
        """The sum over all selectors."""
        return sum(self.of(term, period).values())

    def rows(self, term: str, period: str, selector: str) -> int:
        """How many contributions a selector has."""
        return self.counts.get((term, period, selector), 0)

    def accounts(self, term: str, period: str) -> int:
        """How many accounts have contributed."""
        return self.with_accounts.get((term, period), 0)

    def changed(self, other: Sums) -> set[str]:
        """The periods in which something is added up or counted otherwise than in other sums."""
        if self is other:
            return set()
        sums = _changed(self.by_selector, other.by_selector) | _changed(self.with_accounts, other.with_accounts)
        return {period for _, period in sums} | {period for _, period, _ in _changed(self.counts, other.counts)}


def _changed(one: Mapping[_Key, object], other: Mapping[_Key, object]) -> set[_Key]:
    return {key for key, value in one.items() if other.get(key) != value} | (other.keys() - one.keys())


def changed_by(sums: Sums, less: pl.DataFrame, more: pl.DataFrame, accounts: pl.DataFrame) -> Sums:
    """Sums once some contributions are taken away and others come; ``accounts``, as of ``counted``, are added."""
    gone = summed(less).with_columns(pl.col("quantity", "rows") * -1)
    change = pl.concat([summed(more), gone]).group_by(SELECTOR).agg(pl.col("quantity", "rows").sum())
    by_selector, counts = dict(sums.by_selector), dict(sums.counts)
    for term, period, selector, quantity, height in change.sort(SELECTOR).iter_rows():
        before = by_selector.pop((term, period), {})
        now = {**before, selector: before.get(selector, 0) + quantity}
        rows = counts.pop((term, period, selector), 0) + height
        if rows:
            counts[term, period, selector] = rows
        else:
            del now[selector]
        if now:
            by_selector[term, period] = {name: now[name] for name in sorted(now)}
    held = dict(sums.with_accounts)
    for term, period, count in accounts.iter_rows():
        held[term, period] = held.get((term, period), 0) + count
    with_accounts = {key: count for key, count in held.items() if count}
    return Sums(by_selector=by_selector, counts=counts, with_accounts=with_accounts)


def add_up(rows: pl.DataFrame) -> Sums:
    """The sums of contributions by term, period and selector."""
    return sums_of(summed(rows), rows.group_by("term", "period").agg(accounts=pl.col("account_id").n_unique()))


def summed(rows: pl.DataFrame) -> pl.DataFrame:
    """Contributions added up as ``quantity``, in 128 bits, and counted as ``rows``, by term, period and selector."""
    return rows.group_by(SELECTOR).agg(pl.col("quantity").cast(pl.Int128()).sum(), rows=pl.len().cast(pl.Int64()))


def counted(accounts: pl.DataFrame) -> pl.DataFrame:
    """How many accounts, a row each, a term has in a period: ``term``, ``period`` and ``accounts``."""
    return accounts.group_by("term", "period").agg(accounts=pl.len().cast(pl.Int64()))


def in_64_bits(totals: pl.DataFrame) -> pl.DataFrame:
    """Totals with their ``quantity`` as a table holds it; TerminalError where one has no place in 64 bits."""
    beyond = totals.filter(~pl.col("quantity").is_between(-(2**63), 2**63 - 1)).sort(SELECTOR)
    if beyond.height:
        term, period, quantity = beyond.select("term", "period", "quantity").row(0)
        raise TerminalError(
            f"What term {term} is rated on in {period} comes to {quantity}, and a total has 64 bits: look for a record "
            "of an amount that no card can have, and correct its file."
        )
    return totals.with_columns(pl.col("quantity").cast(pl.Int64()))


def sums_of(totals: pl.DataFrame, accounts: pl.DataFrame) -> Sums:
    """The sums that terms see, from those of ``summed`` and from the accounts of each term and period."""
    sums: dict[tuple[str, str], dict[str, int]] = {}
    counts: dict[tuple[str, str, str], int] = {}
    ordered = totals.select(*SELECTOR, "quantity", "rows").sort(SELECTOR)
    for term, period, selector, quantity, height in ordered.iter_rows():
        sums.setdefault((term, period), {})[selector] = quantity
        counts[term, period, selector] = height
    told = accounts.select("term", "period", "accounts").iter_rows()
    return Sums(
        by_selector=sums,
        counts=counts,
        with_accounts={(term, period): count for term, period, count in told},
    )
