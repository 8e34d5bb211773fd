"""From events to records: what the bank side and what the merchant side write down about each event.

Both frames carry, beside the fields of the record, what the truth needs: ``event`` (the match group), ``members``
(how many records the group has on both sides; 0 where the record stays open for ever), ``truth`` (place in
``TRUTH_KINDS``), ``reason`` (of a difference), ``loose`` (no code tells it from a record of equal card and amount)
and ``late`` (it goes into the next night's file).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from settlement.sample.columns import Ints
from settlement.sample.events import USD, Others, Rates, worth
from settlement.sample.faults import TRUTH_KINDS, Fault, truth_kind

FOREIGN_CARD: Final = -1
UNKNOWN_NUMERIC: Final = 988
"""A number that ISO 4217 gives to no currency."""
NONE: Final = -1
"""No code, no amount: where a record says nothing."""

_TRUTH: Final = [TRUTH_KINDS.index(truth_kind(fault)[0]) for fault in Fault]
_REASON: Final = [truth_kind(fault)[1] for fault in Fault]
_LOOSE: Final = (Fault.NO_CODES, Fault.TWIN, Fault.DUPLICATE_BANK, Fault.DUPLICATE_MERCHANT)

_SHARED: Final = {
    "event": pl.Int64,
    "card": pl.Int32,
    "merchant": pl.Int32,
    "own": pl.Boolean,
    "day": pl.Int32,
    "second": pl.Int32,
    "arn": pl.Int64,
    "arn_day": pl.Int32,
    "auth": pl.Int64,
    "bad": pl.String,
    "members": pl.Int8,
    "truth": pl.Int8,
    "reason": pl.String,
    "loose": pl.Boolean,
    "copy": pl.Boolean,
    "late": pl.Boolean,
}
BANK: Final = pl.Schema(
    {
        **_SHARED,
        "kind": pl.String,
        "original": pl.Int64,
        "amount": pl.Int64,
        "cashback": pl.Int64,
        "currency": pl.Int32,
        "foreign": pl.Int64,
        "part": pl.Int32,
        "parts": pl.Int32,
        "life": pl.Int64,
    }
)
"""Bank side. ``arn``, ``auth`` and ``life`` are numbers that codes are made of; ``part`` counts from 0; ``copy``
marks an exact repeat; ``foreign`` is the amount in ``currency``, ``amount`` its dollars."""

MERCHANT: Final = pl.Schema(
    {
        **_SHARED,
        "kind": pl.String,
        "order": pl.Int64,
        "original": pl.Int64,
        "shipment": pl.Int32,
        "amount": pl.Int64,
        "tip": pl.Int64,
        "cashback": pl.Int64,
        "currency": pl.Int32,
        "place": pl.Int32,
        "worth": pl.Int64,
        "row": pl.Int64,
    }
)
"""Merchant side. ``amount`` is in ``currency``, ``worth`` its dollars; ``place`` is the currency of the place of sale,
which tells its zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What both sides say about the events of one night, before it is put into files."""

    bank: pl.DataFrame
    merchant: pl.DataFrame


def records(sales: pl.DataFrame, others: Others, rates: Rates, first_free: int) -> Records:
    """Write down all events of a night; numbers from ``first_free`` on serve further references."""
    fault = sales["fault"].to_numpy()
    sales = sales.with_columns(
        pl.Series("truth", np.array(_TRUTH)[fault], dtype=pl.Int8),
        pl.Series("reason", np.array(_REASON)[fault], dtype=pl.String),
        pl.Series("loose", np.isin(fault, _LOOSE)),
        pl.Series(
            "members",
            np.where(
                np.isin(fault, (Fault.MISSING_BANK, Fault.MISSING_MERCHANT)), 0, sales["parts"] + sales["shipments"]
            ),
            dtype=pl.Int8,
        ),
    )
    bank = pl.concat([_bank_of_sales(sales, first_free), _bank_of_others(others)])
    merchant = pl.concat([_merchant_of_sales(sales, rates), _merchant_of_others(others)])
    row = pl.int_range(first_free, first_free + len(merchant), dtype=pl.Int64, eager=True)
    merchant = merchant.with_columns(row=row)
    return Records(
        bank=_repeated(bank, Fault.DUPLICATE_BANK, sales),
        merchant=_repeated(merchant, Fault.DUPLICATE_MERCHANT, sales),
    )


def _pieces(frame: pl.DataFrame, count: str, amount: str) -> tuple[pl.DataFrame, Ints, Ints]:
    """Repeat rows ``count`` times; the rows, the place of each piece, and its share of the amount."""
    number = frame[count].to_numpy().astype(np.int64)
    rows = np.repeat(np.arange(len(frame)), number)
    place = np.arange(len(rows)) - np.repeat(number.cumsum() - number, number)
    pieces = frame[rows]
    whole, cut, of = (pieces[name].to_numpy().astype(np.int64) for name in (amount, "cut", count))
    first = np.where(of == 1, whole, whole * cut // (100 * np.maximum(of - 1, 1)))
    last = whole - first * (of - 1)
    return pieces, place, np.where(place == of - 1, last, first)


def _bank_of_sales(sales: pl.DataFrame, first_free: int) -> pl.DataFrame:
    told = sales.filter(pl.col("fault") != Fault.MISSING_BANK)
    pieces, place, amount = _pieces(told, "parts", "amount")
    event = pieces["event"].to_numpy()
    arn = np.where(place == 0, event, first_free + place.cumsum())
    rows = pieces.with_columns(
        pl.Series("part", place),
        pl.Series("arn", arn),
        pl.Series("amount", amount),
        foreign=pl.when(pl.col("currency") == USD).then(pl.Series(amount)).otherwise("foreign"),
        arn_day=pl.col("day"),
        auth=pl.col("event"),
        life=pl.col("event"),
        original=pl.lit(0),
        kind=pl.lit("PURCHASE"),
        bad=pl.lit(""),
        copy=pl.lit(value=False),
        late=pl.col("fault") == Fault.LATE_BANK,
    )
    return rows.select(pl.col(name).cast(type_) for name, type_ in BANK.items())


def _bank_of_others(others: Others) -> pl.DataFrame:
    bad = others.bad.filter(pl.col("side").is_in(["MC", "VISA"]))
    plain = pl.concat(
        [
            others.cash.with_columns(kind=pl.lit("CASH"), bad=pl.lit("")),
            bad.with_columns(kind=pl.lit("PURCHASE"), bad=pl.col("reason")).select(*others.cash.columns, "kind", "bad"),
        ],
        how="diagonal",
    ).with_columns(original=pl.lit(0, pl.Int64), original_day=pl.col("day"))
    frame = pl.concat([plain, others.negatives.with_columns(bad=pl.lit(""))], how="diagonal")
    repeats = pl.col("kind").is_in(["REVERSAL", "CHARGEBACK"])
    known = pl.when(repeats).then("original").otherwise("event")
    negative = pl.col("kind").is_in(["REFUND", "REVERSAL", "CHARGEBACK"])
    frame = frame.with_columns(
        arn=known,
        auth=known,
        life=known,
        arn_day=pl.when(repeats).then("original_day").otherwise("day"),
        members=pl.when(negative).then(2).otherwise(0),
        cashback=pl.lit(0),
        currency=pl.when(pl.col("bad") == "UNKNOWN_CURRENCY").then(UNKNOWN_NUMERIC).otherwise(USD),
        foreign=pl.col("amount"),
        part=pl.lit(0),
        parts=pl.lit(1),
        **_plain_truth(),
    )
    return frame.select(pl.col(name).cast(type_) for name, type_ in BANK.items())


def _plain_truth() -> dict[str, pl.Expr]:
    kind = pl.col("kind")
    truth = pl.lit(0)
    for name in ("REFUND", "REVERSAL", "CHARGEBACK"):
        truth = pl.when(kind == name).then(TRUTH_KINDS.index(name)).otherwise(truth)
    return {
        "truth": truth,
        "reason": pl.lit(""),
        "loose": pl.lit(value=False),
        "copy": pl.lit(value=False),
        "late": pl.lit(value=False),
    }


def _merchant_of_sales(sales: pl.DataFrame, rates: Rates) -> pl.DataFrame:
    told = sales.filter(pl.col("fault") != Fault.MISSING_MERCHANT)
    fault = pl.col("fault")
    own_currency = fault == Fault.FOREIGN_OWN_CURRENCY
    goods = pl.col("amount") - pl.col("tip") - pl.col("cashback")
    converted = pl.col("amount") + pl.col("odd")
    told = told.with_columns(
        goods=pl.when(own_currency)
        .then("foreign")
        .when(fault == Fault.FOREIGN_CONVERTED)
        .then(converted)
        .otherwise(goods)
    )
    pieces, place, amount = _pieces(told, "shipments", "goods")
    silent = fault.is_in([Fault.NO_CODES, Fault.TWIN])
    rows = pieces.with_columns(
        pl.Series("amount", amount),
        pl.Series("place_in_order", place),
        gross=pl.when(own_currency).then("currency").otherwise(USD),
    )
    rows = rows.with_columns(
        day=pl.col("day") + pl.col("shift"),
        second=pl.col("second") + 600 * pl.col("place_in_order"),
        arn=pl.when(pl.col("own") | silent | (fault == Fault.NO_ARN)).then(NONE).otherwise("event"),
        arn_day=pl.col("day"),
        auth=pl.when(silent).then(NONE).otherwise("event"),
        kind=pl.lit("SALE"),
        order=pl.col("event"),
        original=pl.lit(0),
        shipment=pl.col("place_in_order") + 1,
        tip=pl.when(fault == Fault.TIP_TOLD).then("tip").otherwise(NONE),
        cashback=pl.when(fault == Fault.CASHBACK_TOLD).then("cashback").otherwise(NONE),
        currency=pl.col("gross"),
        place=pl.col("currency"),
        worth=worth("amount", "gross", rates),
        bad=pl.lit(""),
        copy=pl.lit(value=False),
        late=fault == Fault.LATE_MERCHANT,
        row=pl.lit(0),
    )
    return rows.select(pl.col(name).cast(type_) for name, type_ in MERCHANT.items())


def _merchant_of_others(others: Others) -> pl.DataFrame:
    bad = others.bad.filter(pl.col("side").is_in(["RET", "ACQ"])).rename({"reason": "bad"}).drop("side")
    cards = others.foreign_cards.with_columns(card=pl.lit(FOREIGN_CARD, pl.Int64))
    plain = pl.concat([frame.with_columns(kind=pl.lit("SALE")) for frame in (cards, bad)], how="diagonal").with_columns(
        original=pl.lit(0, pl.Int64), original_day=pl.col("day"), members=pl.lit(0)
    )
    frame = pl.concat([plain, others.negatives.with_columns(members=pl.lit(2))], how="diagonal")
    repeats = pl.col("kind").is_in(["REVERSAL", "CHARGEBACK"])
    known = pl.when(repeats).then("original").otherwise("event")
    frame = frame.with_columns(
        bad=pl.col("bad").fill_null(""),
        arn=pl.when("own").then(NONE).otherwise(known),
        arn_day=pl.when(repeats).then("original_day").otherwise("day"),
        auth=known,
        order=pl.col("event"),
        shipment=pl.lit(1),
        tip=pl.lit(NONE),
        cashback=pl.lit(NONE),
        currency=pl.when(pl.col("bad") == "UNKNOWN_CURRENCY").then(UNKNOWN_NUMERIC).otherwise(USD),
        place=pl.lit(USD),
        worth=pl.col("amount"),
        row=pl.lit(0),
        **_plain_truth(),
    )
    return frame.select(pl.col(name).cast(type_) for name, type_ in MERCHANT.items())


def _repeated(rows: pl.DataFrame, fault: Fault, sales: pl.DataFrame) -> pl.DataFrame:
    events = sales.filter(pl.col("fault") == fault)["event"]
    again = rows.filter(pl.col("event").is_in(events.to_list())).with_columns(
        copy=pl.lit(value=True), members=pl.lit(0, pl.Int8)
    )
    return pl.concat([rows, again])
