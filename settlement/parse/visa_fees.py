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
from settlement.parse.spans import Spans, luhn_of, texts
from settlement.parse.visa_fields import card_spans, currencies, processed, yearless
from settlement.parse.visa_groups import Groups
from settlement.parse.visa_layout import Edition

_NUMBERS: Final = ("dest", "src", "dest_currency", "src_currency", "date", "processed", "card", "card_extension")
_COPIED: Final = {"reason": "reason_code", "lifecycle": "lifecycle_id"}


def read_fees(groups: Groups, edition: Edition, anchor: date) -> pl.DataFrame:
    """One row a fee: amounts, currencies, dates and whether it names a card; zeros are how a field is left out."""
    directions = {int(code): direction for code, direction in edition.fees.items()}
    frame = groups.numbers(0, edition.fee, _NUMBERS)
    frame = frame.with_columns(
        *(currencies(frame[name]) for name in ("dest_currency", "src_currency")),
        yearless(frame["date"], anchor, "transaction_date"),
        processed(frame["processed"], anchor, "processing_date"),
        pl.Series("code", groups.code).replace_strict(directions, return_dtype=pl.Int64).alias("direction"),
        record=groups.number,
        kind=pl.lit(Kind.FEE_COLLECTION.value),
        has_card=pl.col("card_bad") | (pl.col("card") > 0).fill_null(value=False),
        extended=pl.col("card_extension_bad") | (pl.col("card_extension") > 0).fill_null(value=False),
        interchange_micro=pl.lit(None, dtype=pl.Int64),
    ).drop("card", "card_bad")
    return frame.with_columns(luhn_of(fee_card(groups, edition, frame["extended"])))


def fee_card(groups: Groups, edition: Edition, extended: pl.Series) -> Spans:
    """The card number that a fee names."""
    return card_spans(groups.field(0, edition.fee["card"]), extended)


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
        Rule(reason=RejectReason.BAD_LUHN, field="card", broken=col("has_card") & ~col("luhn")),
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
            return masked(texts(fee_card(groups, edition, frame["extended"]).rows(rows), field)).fill_null("").to_list()
        return texts(groups.field(0, edition.fee[field]).rows(rows), field).fill_null("").to_list()

    good, some = frame[at], groups.rows(at)
    card = fee_card(some, edition, good["extended"])
    clearing = good.with_columns(
        *(text.alias(_COPIED[text.name]) for text in some.texts(0, edition.fee, _COPIED)),
        source.cards.references(card),
        masked(texts(card, "pan")),
        side=pl.lit(Side.BANK.value),
        feed=pl.lit(source.layout.feed),
        delivered_on=pl.lit(source.delivered_on),
        posting_date=pl.lit(posting_date),
        total_minor="dest",
        transaction_amount_minor="src",
        transaction_currency="src_currency",
    ).with_columns(pl.when("has_card").then(pl.col(name)).alias(name) for name in ("card_ref", "card_masked"))
    return {
        "clearing": candidate("clearing", source.file, clearing),
        "reject": reject_rows(source.file, frame, rules, content),
    }
