"""The events table: one row an event, all that a contract is rated on, for whoever has no home.

docs/EVENTS.md tells every column. A row that is known later under the same ``event_id`` stands in the place of the
earlier one; a row of kind ``retracted`` takes it out. Nothing is edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import polars as pl


class EventKind(StrEnum):
    """The kinds that mean something by themselves; a measure of a contract may name others."""

    PURCHASE = "purchase"
    REFUND = "refund"
    REVERSAL = "reversal"
    CHARGEBACK = "chargeback"
    SECOND_PRESENTMENT = "second_presentment"
    CHARGEBACK_REVERSAL = "chargeback_reversal"
    CASH_ADVANCE = "cash_advance"
    FEE_COLLECTION = "fee_collection"
    ACCOUNT_OPENED = "account_opened"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_FIRST_USED = "account_first_used"
    ACCOUNT_CLOSED = "account_closed"
    BALANCE = "balance"
    PROFIT_LINE = "profit_line"
    OPENING = "opening"
    FX_RATE = "fx_rate"
    OPEN_DAY = "open_day"
    CLOSED_DAY = "closed_day"
    RETRACTED = "retracted"


RECORDS: Final = (
    *(EventKind.PURCHASE, EventKind.REFUND, EventKind.REVERSAL, EventKind.CHARGEBACK),
    *(EventKind.SECOND_PRESENTMENT, EventKind.CHARGEBACK_REVERSAL),
)
"""Card events that volumes are made of. Cash and fees are in none."""
ACCOUNTS: Final = (
    EventKind.ACCOUNT_OPENED,
    EventKind.ACCOUNT_CHANGED,
    EventKind.ACCOUNT_FIRST_USED,
    EventKind.ACCOUNT_CLOSED,
)
DAYS: Final = (EventKind.OPEN_DAY, EventKind.CLOSED_DAY)
"""What a bank calendar tells of a day."""
STANDING: Final = (EventKind.OPENING, EventKind.FX_RATE, *DAYS)
"""What is of no programme and is counted by no measure."""
REFERS: Final[Mapping[EventKind, tuple[EventKind, ...]]] = {
    EventKind.REFUND: (EventKind.PURCHASE,),
    EventKind.REVERSAL: (EventKind.PURCHASE, EventKind.REFUND),
    EventKind.CHARGEBACK: (EventKind.PURCHASE, EventKind.REFUND),
    EventKind.SECOND_PRESENTMENT: (EventKind.CHARGEBACK,),
    EventKind.CHARGEBACK_REVERSAL: (EventKind.CHARGEBACK,),
}
"""The kinds of events that an event may refer to."""
NEEDS: Final[Mapping[EventKind, tuple[str, ...]]] = {
    EventKind.PURCHASE: ("amount",),
    EventKind.REFUND: ("amount",),
    EventKind.REVERSAL: ("amount", "refers_to"),
    EventKind.CHARGEBACK: ("amount", "refers_to"),
    EventKind.SECOND_PRESENTMENT: ("amount", "refers_to"),
    EventKind.CHARGEBACK_REVERSAL: ("amount", "refers_to"),
    **dict.fromkeys(ACCOUNTS, ("account_id",)),
    EventKind.BALANCE: ("account_id", "amount"),
    EventKind.PROFIT_LINE: ("item", "amount"),
    EventKind.OPENING: ("item",),
    EventKind.FX_RATE: ("from_currency", "to_currency", "rate"),
    **dict.fromkeys(DAYS, ("calendar",)),
}
"""The columns that a kind cannot do without, beside id, kind and date."""

LINE: Final = "#"
"""The column that tells where in its file an event stands."""
COLUMNS: Final = (
    *("event_id", "kind", "known_on", "event_date", "posting_date", "settlement_date"),
    *("amount", "amount_minor", "currency", "quantity", "account_id", "refers_to"),
)
"""The columns of every event, as they are written."""
ATTRIBUTES: Final = (
    *("programme", "account_class", "channel", "mcc", "own_store", "item", "version", "contract"),
    *("from_currency", "to_currency", "rate", "calendar"),
)
"""Further columns that kinds of events have a meaning for; any other is an attribute that measures may select by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """An events table that was read and checked.

    Attributes
    ----------
    name:
        The name of its file.
    place:
        ``line`` of a text file or ``row`` of a table: what the column ``LINE`` counts.
    rows:
        ``LINE``, ``event_id``, ``kind``, ``known_on``, ``event_date``, ``posting_date``, ``settlement_date``,
        ``amount_minor`` in minor units of ``currency``, ``quantity`` as decimal text, ``account_id``, ``refers_to``,
        ``ATTRIBUTES`` and any further column as text. All versions of all events, in ascending order of id and day of
        knowledge.
    """

    name: str
    place: str
    rows: pl.DataFrame

    def standing(self, day: date) -> pl.DataFrame:
        """The events as known after a day: of each id the version known last, those that are retracted left out."""
        known = self.rows.filter(pl.col("known_on") <= day)
        last = known.unique("event_id", keep="last", maintain_order=True)
        return last.filter(pl.col("kind") != EventKind.RETRACTED)

    def at(self, line: int) -> str:
        """How a sentence begins that is about one row."""
        return f"{self.name}, {self.place} {line}"
