"""Visa fees and funds (TC 10 and 20): fee collections as clearing records, or as rejects with a reason."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import Kind, RejectReason, Side
from settlement.parse.candidates import Rule, candidate, first_broken, reject_rows
from settlement.parse.cards import masked
from settlement.parse.source import Source
from settlement.parse.spans import Spans, luhn_of, texts, whole_numbers
from settlement.parse.visa_fields import card_spans, currency, numbers_or_blank, processed, yearless
from settlement.parse.visa_groups import Groups
from settlement.parse.visa_layout import Edition

_COPIED: Final = {"reason_code": "reason", "lifecycle_id": "lifecycle"}


def read_fees(groups: Groups, edition: Edition, anchor: date) -> pl.DataFrame:
    """One row a fee: amounts, currencies, dates and whether it names a card; zeros are how a field is left out."""
    card = fee_card(groups, edition)
    directions = {int(code): direction for code, direction in edition.fees.items()}
    frame = pl.concat(
        [
            pl.DataFrame({"record": groups.first + 1, "code": groups.code}),
            *(whole_numbers(groups.field(0, edition.fee[name]), name) for name in ("dest", "src")),
            *(numbers_or_blank(groups.field(0, edition.fee[name]), name) for name in ("date", "processed")),
            numbers_or_blank(groups.field(0, edition.fee["card"]), "account"),
            pl.DataFrame(
                [
                    *(currency(groups.field(0, edition.fee[name]), name) for name in ("dest_currency", "src_currency")),
                    luhn_of(card),
                ]
            ),
        ],
        how="horizontal",
    )
    return frame.with_columns(
        yearless(frame["date"], anchor, "transaction_date"),
        processed(frame["processed"], anchor, "processing_date"),
        kind=pl.lit(Kind.FEE_COLLECTION.value),
        direction=pl.col("code").replace_strict(directions, return_dtype=pl.Int64),
        has_card=pl.col("account_bad") | (pl.col("account") > 0),
        interchange_micro=pl.lit(None, dtype=pl.Int64),
    ).drop("account", "account_bad")


def fee_card(groups: Groups, edition: Edition) -> Spans:
    """The card number that a fee names."""
    extension = groups.field(0, edition.fee["card_extension"])
    return card_spans(groups.field(0, edition.fee["card"]), extension)


def _rules() -> tuple[Rule, ...]:
    col = pl.col
    number, unknown = RejectReason.NON_NUMERIC_AMOUNT, RejectReason.UNKNOWN_CURRENCY
    return (
        Rule(reason=number, field="dest", broken=col("dest").is_null()),
        Rule(reason=number, field="src", broken=col("src").is_null()),
        Rule(reason=unknown, field="dest_currency", broken=col("dest_currency").is_null()),
        Rule(reason=unknown, field="src_currency", broken=col("src_currency").is_null()),
        Rule(reason=RejectReason.BAD_DATE, field="date", broken=_no_date("date", "transaction_date")),
        Rule(reason=RejectReason.BAD_DATE, field="processed", broken=_no_date("processed", "processing_date")),
        Rule(reason=RejectReason.BAD_LUHN, field="card", broken=col("has_card").fill_null(value=False) & ~col("luhn")),
    )


def _no_date(number: str, day: str) -> pl.Expr:
    return pl.col(f"{number}_bad") | (pl.col(day).is_null() & (pl.col(number) > 0))


def fees_and_rejects(
    source: Source, posting_date: date, groups: Groups, edition: Edition, fees: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """The candidate tables ``clearing`` and ``reject`` of the fees."""
    rules = _rules()
    frame = fees.with_columns(first_broken(fees, rules), amount_minor="dest", currency="dest_currency")
    at = frame["broken"].is_null().arg_true().cast(pl.Int64).to_numpy()

    def content(field: str, rows: NDArray[np.int64]) -> list[str]:
        if field == "card":
            return masked(texts(fee_card(groups, edition).rows(rows), field)).fill_null("").to_list()
        return texts(groups.field(0, edition.fee[field]).rows(rows), field).fill_null("").to_list()

    good, some = frame[at], groups.rows(at)
    card = fee_card(some, edition)
    named = pl.col("has_card").fill_null(value=False)
    clearing = good.with_columns(
        *(texts(some.field(0, edition.fee[field]), name) for name, field in _COPIED.items()),
        source.cards.references(card),
        masked(texts(card, "pan")),
        side=pl.lit(Side.BANK.value),
        feed=pl.lit(source.layout.feed),
        delivered_on=pl.lit(source.delivered_on),
        posting_date=pl.lit(posting_date),
        total_minor="dest",
        transaction_amount_minor="src",
        transaction_currency="src_currency",
    ).with_columns(pl.when(named).then(pl.col(name)).alias(name) for name in ("card_ref", "card_masked"))
    return {
        "clearing": candidate("clearing", source.file, clearing),
        "reject": reject_rows(source.file, frame, rules, content),
    }
