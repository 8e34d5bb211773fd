"""The date of a record or an event that a contract names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from settlement.model.contract_measures import Dating, EventDate

RATE_DAY: Final = "rate_day"
"""The day that picks the rate of a record."""
EXCHANGE_DAY: Final = "exchange_day"
"""The day whose exchange rate a record asks for."""
ACCOUNT_DAY: Final = "account_opened_on"
"""The day on which a record's account was opened."""
_DATE_COLUMN: Final[Mapping[EventDate, str]] = {
    EventDate.POSTING: "posting_date",
    EventDate.TRANSACTION: "transaction_date",
    EventDate.SETTLEMENT: "settlement_date",
    EventDate.ACCOUNT_OPENING: ACCOUNT_DAY,
    EventDate.PURCHASE_POSTING: "origin_posting_date",
    EventDate.PURCHASE_TRANSACTION: "origin_transaction_date",
    EventDate.PURCHASE_SETTLEMENT: "origin_settlement_date",
}


def named_date(dating: Dating) -> pl.Expr:
    """The word of the date that ``dated`` gives of a record."""
    return _by_kind(dating, lambda day: pl.lit(str(day)))


def dated(dating: Dating) -> pl.Expr:
    """The date of a record that a contract's rule names."""
    return _by_kind(dating, lambda day: pl.col(_DATE_COLUMN[day]))


def _by_kind(dating: Dating, told: Callable[[EventDate], pl.Expr]) -> pl.Expr:
    """What is told of the date that a rule names for a purchase, a refund without a purchase, or what takes back."""
    return (
        pl.when(pl.col("kind") == "purchase")
        .then(told(dating.purchase))
        .when(pl.col("origin_file").is_null())
        .then(told(dating.refund_without_purchase))
        .otherwise(told(dating.negative))
    )
