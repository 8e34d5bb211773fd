"""The date of a record or an event that a contract names."""

from __future__ import annotations

from collections.abc import Mapping
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
    return (
        pl.when(pl.col("kind") == "purchase")
        .then(pl.lit(str(dating.purchase)))
        .when(pl.col("origin_file").is_null())
        .then(pl.lit(str(dating.refund_without_purchase)))
        .otherwise(pl.lit(str(dating.negative)))
    )


def dated(dating: Dating) -> pl.Expr:
    """The date of a record that a contract's rule names."""
    return (
        pl.when(pl.col("kind") == "purchase")
        .then(pl.col(_DATE_COLUMN[dating.purchase]))
        .when(pl.col("origin_file").is_null())
        .then(pl.col(_DATE_COLUMN[dating.refund_without_purchase]))
        .otherwise(pl.col(_DATE_COLUMN[dating.negative]))
    )
