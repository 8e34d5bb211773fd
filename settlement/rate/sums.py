"""Contributions added up: all that the terms of a contract see of the facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

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


def add_up(rows: pl.DataFrame) -> Sums:
    """The sums of contributions by term, period and selector."""
    return sums_of(summed(rows), rows.group_by("term", "period").agg(accounts=pl.col("account_id").n_unique()))


def summed(rows: pl.DataFrame) -> pl.DataFrame:
    """Contributions added up as ``quantity``, and counted as ``rows``, by term, period and selector."""
    return rows.group_by(SELECTOR).agg(pl.col("quantity").sum(), rows=pl.len().cast(pl.Int64()))


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
