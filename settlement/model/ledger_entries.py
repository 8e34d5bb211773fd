"""Entries of a contract's ledgers as the books take them: parts of the lines of statements, and things to date.

What a statement pays stands in its lines. Which of it is a guarantee, breakage or the funding of a reserve follows from
the form of a term; how many points or other things were issued, redeemed, expired, bought and drawn is no amount of
money at all. Table ``ledger`` tells both, so that the books rest on no contract file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class LedgerEntry(StrEnum):
    """The kinds of entries: three of money, which are parts of lines, and five of things, to date."""

    GUARANTEE = "guarantee"
    BREAKAGE = "breakage"
    RESERVE = "reserve"
    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    BOUGHT = "bought"
    DRAWN = "drawn"


OF_THINGS: Final = ""
"""The period of entries of things: they are to date and belong to none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of table ``ledger``.

    Attributes
    ----------
    period, term, adjusts:
        The line of a statement that it is a part of; of things no period, and the ledger's name, which is that of its
        first term.
    unit, amount:
        Minor units of a currency, or whole things.
    """

    contract: str
    period: str
    term: str
    adjusts: str | None
    entry: LedgerEntry
    unit: str
    amount: int
