"""The facts known at a night: what counts, accounts, balances, profits and opening positions, from all nights so far.

``gather`` reads the tables of this night and of the nights before it and folds them. With an earlier day of knowledge
it leaves out what came later, as if that day were tonight: a statement that nobody could close on its last day, because
no files came, is closed as known then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.model.stage import StageInput
from settlement.model.versions import latest, standing
from settlement.rate.links import LOCATOR, MERCHANT_LEG, NEGATIVES, counting_records

_BANK: Final = [
    *LOCATOR,
    *("direction", "posting_date", "transaction_date", "amount_minor", "cashback_minor", "currency"),
    *("card_ref", "arn", "rrn", "mcc", "merchant_number"),
]
_MERCHANT: Final = [*LOCATOR, "feed", "order_ref", "original_ref"]
_ACCOUNT_STATE: Final = ["programme", "account_class", "channel", "opened_on", "closed_on", "first_purchase_on"]
_VERSIONED: Final = [*LOCATOR, "retracted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known after the night of ``day``.

    Attributes
    ----------
    records:
        Counting clearing records with ``programme``, ``account_id``, ``account_class``, ``own_store``, ``net_minor``
        (without cash-back, positive where the cardholder is charged, as by a purchase or by the reversal of a refund,
        negative where it is credited) and the dates of the purchase referred to.
    accounts:
        One row an account: class, channel, opening, closing and first purchase date.
    balances:
        One row an account and month-end, ``statement_balance_minor``.
    profits:
        Profit-and-loss lines of the highest version known of each programme and month.
    opening:
        Opening positions by contract and item; an item that has not come is 0.
    rates:
        One row a pair of currencies and date, the exchange rate as the latest file told it.
    """

    day: date
    first_night: date
    records: pl.DataFrame
    accounts: pl.DataFrame
    balances: pl.DataFrame
    profits: pl.DataFrame
    opening: Mapping[tuple[str, str], int]
    rates: pl.DataFrame

    def rate(self, one: str, other: str) -> str | None:
        """Units of ``other`` for one of ``one`` as the feed writes it, of the latest date up to the day."""
        told = (pl.col("from_currency") == one) & (pl.col("to_currency") == other) & (pl.col("rate_date") <= self.day)
        return next(iter(self.rates.filter(told).sort("rate_date", descending=True)["rate"]), None)


def gather(inputs: StageInput, day: date) -> Facts:
    """The facts known after ``day``, which is this night or an earlier day."""
    files = _known(inputs, "file", day, ["file", "file_date"])
    events = standing("account_event", _known(inputs, "account_event", day, _account_columns()), files).collect()
    accounts = _fold_accounts(events)
    counts = pl.col("kind").is_in(["purchase", *NEGATIVES])
    bank, merchant = (
        _known(inputs, "clearing", day, (*columns, "side", "kind")).filter(counts & (pl.col("side") == side))
        for side, columns in (("bank", _BANK), ("merchant", _MERCHANT))
    )
    records = counting_records(
        bank.drop("side", "business_date").collect(),
        merchant.drop("side", "business_date").collect(),
        _members(inputs, day),
    )
    cards = [*_VERSIONED, "card_ref", "account_id", "programme", "valid_from"]
    enrolment = latest("enrolment", _known(inputs, "enrolment", day, cards), files)
    stores = latest("store", _known(inputs, "store", day, [*_VERSIONED, "merchant_number"]), files)
    positions = _known(inputs, "opening_position", day, [*_VERSIONED, "contract", "item", "value"])
    opening = latest("opening_position", positions, files).collect()
    rates = [*_VERSIONED, "from_currency", "to_currency", "rate_date", "rate"]
    return Facts(
        day=day,
        first_night=first_night(inputs),
        records=_describe(records, enrolment.collect(), stores.select("merchant_number").collect(), accounts),
        accounts=accounts,
        balances=_balances(events),
        profits=_profits(standing("pnl", _known(inputs, "pnl", day, None), files).collect()),
        opening={(row["contract"], row["item"]): row["value"] for row in opening.iter_rows(named=True)},
        rates=latest("fx_rate", _known(inputs, "fx_rate", day, rates), files).collect(),
    )


def nights_before(inputs: StageInput) -> list[date]:
    """The nights that were settled here before this one, in order."""
    return inputs.history["file"].select(pl.col("business_date").unique().sort()).collect().to_series().to_list()


def first_night(inputs: StageInput) -> date:
    """The first night that was ever settled here, whose periods the opening positions belong to."""
    return next(iter(nights_before(inputs)), inputs.business_date)


def _known(inputs: StageInput, table: str, day: date, columns: Sequence[str] | None) -> pl.LazyFrame:
    """Rows of a table known after ``day``, with the ``business_date`` on which they became known."""
    tonight = inputs.tonight(table).with_columns(pl.lit(inputs.business_date, pl.Date).alias("business_date"))
    both = pl.concat([inputs.history[table], tonight], how="diagonal").filter(pl.col("business_date") <= day)
    return both if columns is None else both.select(*columns, "business_date")


def _members(inputs: StageInput, day: date) -> pl.DataFrame:
    """The members of matches with the merchant side: those of few matches, of other legs, are left out."""
    others = _known(inputs, "match", day, ["match_id", "leg"]).filter(pl.col("leg") != MERCHANT_LEG)
    members = _known(inputs, "match_member", day, ["match_id", "side", *LOCATOR]).drop("business_date")
    elsewhere = others.select("match_id").collect()
    if elsewhere.is_empty():
        return members.collect()
    return members.join(elsewhere.lazy(), on="match_id", how="anti", maintain_order="left").collect()


def _account_columns() -> list[str]:
    return [*_VERSIONED, "event", "effective_on", "account_id", *_ACCOUNT_STATE, "statement_balance_minor"]


def _fold_accounts(events: pl.DataFrame) -> pl.DataFrame:
    """The state of each account: of every field the value that the latest event tells."""
    return (
        events.sort("effective_on", maintain_order=True)
        .group_by("account_id", maintain_order=True)
        .agg(pl.col(name).drop_nulls().last() for name in _ACCOUNT_STATE)
        .sort("account_id")
    )


def _balances(events: pl.DataFrame) -> pl.DataFrame:
    told = events.filter((pl.col("event") == "STATEMENT") & pl.col("statement_balance_minor").is_not_null())
    return told.unique(subset=["account_id", "effective_on"], keep="last", maintain_order=True).select(
        *LOCATOR, "account_id", "programme", "effective_on", "statement_balance_minor"
    )


def _profits(lines: pl.DataFrame) -> pl.DataFrame:
    highest = lines.filter(pl.col("version") == pl.col("version").max().over("programme", "month"))
    return highest.unique(subset=["programme", "month", "line"], keep="last", maintain_order=True)


def _describe(
    records: pl.DataFrame, enrolment: pl.DataFrame, stores: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    """Add to each record its account, programme and class, whether the store is the partner's, and its net amount."""
    spans = enrolment.sort("card_ref", "valid_from").select(
        *("card_ref", "account_id", "programme"),
        # A card belongs to its first account from the beginning, so that no record falls out for a late enrolment.
        starts=pl.when(pl.col("card_ref").is_first_distinct())
        .then(pl.lit(date.min, pl.Date))
        .otherwise(pl.col("valid_from")),
        ends=pl.col("valid_from").shift(-1, fill_value=date.max).over("card_ref"),
    )
    day = pl.coalesce("transaction_date", "posting_date")
    of_card = spans.join(accounts.select("account_id", "account_class"), on="account_id", how="left")
    amount = pl.col("amount_minor") - pl.col("cashback_minor").fill_null(0)
    gone = ("direction", "starts", "ends", "card_ref", "amount_minor", "cashback_minor")
    return (
        records.lazy()
        .join(of_card.lazy(), on="card_ref")
        .filter((pl.col("starts") <= day) & (day < pl.col("ends")))
        .with_columns(
            own_store=pl.col("merchant_number").is_in(stores["merchant_number"].implode()).fill_null(value=False),
            net_minor=pl.col("direction") * amount,
        )
        .drop(gone)
        .collect()
    )
