"""The line that is explained and where to look further: the night's other lines, and what was stated before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from settlement import store
from settlement.explain.address import LineAddress, address_of
from settlement.explain.evidence import known
from settlement.model.contract import ContractVersion
from settlement.model.contract_measures import ACCOUNTS_UNIT
from settlement.model.contract_terms import Term
from settlement.model.statement_lines import stated_rows, told
from settlement.model.versions import latest
from settlement.store import Home

OF_A_TERM: Final = pl.col("beneficiary").is_null() & pl.col("adjusts").is_null()
"""The lines of terms: none of a beneficiary, and no adjustment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One amount that a line is made of, in minor units of ``unit``; ``address`` where it is a line of its own."""

    text: str
    amount_minor: int
    unit: str
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What an explanation looks at.

    ``tonight`` are the contract's lines of the night, ``versions`` its files in ascending order of their effective
    dates, ``version`` the one that settles the line's period; both are empty where the configuration has lost it.
    ``first_night`` is the first that was settled in the home.
    """

    home: Home
    night: date
    address: LineAddress
    row: Mapping[str, Any]
    tonight: pl.DataFrame
    versions: tuple[ContractVersion, ...]
    version: ContractVersion | None
    first_night: date

    @property
    def day(self) -> date:
        """The day of knowledge of the line's statement."""
        day: date = self.row["as_of"]
        return day

    @property
    def term(self) -> Term | None:
        """The term of the contract that the line tells; None for a line of the settlement."""
        terms = self.version.contract.terms if self.version and self.address.beneficiary is None else ()
        return next((term for term in terms if term.id == self.address.term), None)

    def told(self, name: str) -> str | None:
        """A quantity that the line tells."""
        return told(self.row["quantities"], name)

    def lines(self, expression: pl.Expr) -> Sequence[Mapping[str, Any]]:
        """Tonight's other lines of the same statement, in a stable order."""
        same = (pl.col("period") == self.row["period"]) & (pl.col("as_of") == self.row["as_of"])
        return self.tonight.filter(same & expression).sort("term", "beneficiary", "adjusts").rows(named=True)

    def stated(self) -> pl.DataFrame:
        """The contract's lines that are stated before this one, with the night that told them, oldest first."""
        earlier = store.scan_history(self.home, "payout", self.night).filter(
            pl.col("contract") == self.address.contract
        )
        tonight = self.tonight.filter(pl.col("as_of") < self.row["as_of"])
        rows = pl.concat([earlier.collect(), tonight.with_columns(business_date=pl.lit(self.night, pl.Date))])
        return stated_rows(rows).sort("as_of", "period", "term", "beneficiary", "adjusts")

    def stated_terms(self, period: str) -> dict[str, Mapping[str, Any]]:
        """The terms of a closed period as stated last, by term."""
        return {
            row["term"]: row
            for row in self.stated().filter(OF_A_TERM, pl.col("period") == period).iter_rows(named=True)
        }

    def contributions(self) -> pl.LazyFrame:
        """What the nights up to the line's day told of the contract's contributions, each night its difference."""
        rated = known(self.home, "rated", self.night).filter(pl.col("contract") == self.address.contract)
        return rated.filter(was_known(self.day, self.night))

    def positions(self, day: date) -> dict[str, Mapping[str, Any]]:
        """The contract's opening positions as known after a day, by item, each with the record that told it."""
        rows, files = (known(self.home, table, day) for table in ("opening_position", "file"))
        held = latest("opening_position", rows.filter(pl.col("contract") == self.address.contract), files)
        return {row["item"]: row for row in held.collect().iter_rows(named=True)}


def was_known(day: date, told_on: date) -> pl.Expr:
    """Whether a contribution was known to a statement as of a day, which a later night may have told.

    Accounts count from a day of their own: those of a day without files came to the tables with the next night.
    """
    of_accounts = (pl.col("unit") == ACCOUNTS_UNIT) & (pl.col("business_date") <= told_on)
    return (pl.col("business_date") <= day) | of_accounts


def part_of(row: Mapping[str, Any], text: str = "") -> Part:
    """One line as a part of another."""
    address = address_of(row).text
    return Part(text=text or row["term"], amount_minor=row["amount_minor"], unit=row["currency"], address=address)
