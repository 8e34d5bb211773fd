"""Mastercard IPM: presentments, chargebacks and fee collections as clearing records, or as rejects with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import Kind, RejectReason, Side
from settlement.model.money import EXPONENTS, NUMERIC_CODES
from settlement.parse.candidates import Rule, candidate, first_broken, reject_rows
from settlement.parse.cards import mask_texts, masked
from settlement.parse.mastercard_layout import Edition, MessageType
from settlement.parse.mastercard_messages import Messages, problem_text
from settlement.parse.mastercard_values import (
    card_flags,
    cashback,
    exponents_differ,
    fees,
    local_time,
    reversal,
    settlement_date,
)
from settlement.parse.source import Source
from settlement.parse.span_columns import Numbers, Part
from settlement.parse.spans import texts

WANTED: Final = (
    *("MTI", "DE2", "DE3", "DE4", "DE5", "DE12", "DE24", "DE25", "DE26", "DE31", "DE37", "DE38", "DE41", "DE42"),
    *("DE43", "DE49", "DE50", "DE54", "DE63", "DE71", "PDS0025", "PDS0146", "PDS0148", "PDS0159"),
)
PRESENTED: Final = (MessageType.PRESENTMENT, MessageType.SECOND_PRESENTMENT)
_DETAILS: Final = (*PRESENTED, MessageType.CHARGEBACK, MessageType.FEE_COLLECTION)
_PRESENTMENT, _CHARGEBACK, _FEE = 1240, 1442, 1740
_COPIED: Final = {
    "arn": "DE31",
    "rrn": "DE37",
    "authorisation_code": "DE38",
    "lifecycle_id": "DE63",
    "mcc": "DE26",
    "merchant_number": "DE42",
    "merchant_name": "DE43",
    "terminal": "DE41",
    "reason_code": "DE25",
}
_SETTLED: Final = Part(name="PDS0159", first=59, size=6)
"""The settlement date, YYMMDD."""
_NUMBERS: Final = {
    **{name: Part(name=name) for name in ("MTI", "DE24", "DE3", "DE4", "DE5", "DE12", "DE49", "DE50", "DE71")},
    "fee": Part(name="PDS0146", first=24, size=12),
    "fee_currency": Part(name="PDS0146", first=21, size=3),
    "settled": _SETTLED,
    "exponent": Part(name="PDS0148", size=4),
}
_SAID: Final = {"MTI": 10_000, "DE24": 1000, "DE3": 1_000_000}
"""What says what a message is, and a number that stands for none."""
_SIZES: Final = (*(none + 1 for none in _SAID.values()), 2, 2)
_CODES: Final = pl.Series([f"{number:03d}" for number in range(1000)])
_CURRENCIES: Final = pl.Series([NUMERIC_CODES.get(f"{number:03d}") for number in range(1000)], dtype=pl.String)
_MICRO: Final = 6


def read_messages(messages: Messages, edition: Edition, presented: int = 0) -> pl.DataFrame:
    """Some messages that follow one another, cut for ``WANTED``, with what the totals and the rows are made of.

    Parameters
    ----------
    presented
        The record of the presentment to which an addendum belongs that comes first, or 0.

    Returns
    -------
    frame
        One row a message: ``record``, ``mti``, ``function``, ``type``, ``kind``, ``direction`` (+1 the issuer pays),
        ``DE4`` and ``DE5``, ``DE49`` and ``DE50`` with their alphabetic codes ``transaction_currency`` and
        ``currency``, ``DE71``, ``interchange_minor`` (+ the issuer earns, in DE50), ``cashback_minor``,
        ``local_time``, ``settlement_date`` and the flags that the rules look at.
    """
    told = dict(zip(_NUMBERS, messages.numbers(list(_NUMBERS.values())), strict=True))
    marks, first = reversal(messages), messages.stream.before + 1
    frame = pl.DataFrame(
        [
            pl.int_range(first, first + len(messages.problem), dtype=pl.Int64, eager=True).alias("record"),
            pl.Series("problem", messages.problem),
            told["MTI"].series("mti"),
            told["DE24"].series("function"),
            *(told[name].series(name) for name in ("DE4", "DE5", "DE71")),
            *(_code(messages, told[name], name) for name in ("DE49", "DE50")),
            _currency(told["DE49"], "transaction_currency"),
            _currency(told["DE50"], "currency"),
            marks,
            *card_flags(messages),
            exponents_differ(messages, told["exponent"]),
            local_time(told["DE12"]),
            *settlement_date(messages, _SETTLED, told["settled"]),
        ]
    )
    parts = [
        frame,
        _said(told, messages, marks, edition),
        fees(messages, told["fee"], told["fee_currency"], told["DE50"]),
        cashback(messages, told["DE50"]),
    ]
    frame = pl.concat(parts, how="horizontal").with_columns(interchange_minor=pl.col("fees") * pl.col("earned"))
    return frame.with_columns(_belongs_to(frame, presented))


def _code(messages: Messages, number: Numbers, name: str) -> pl.Series:
    """A numeric currency code as it is written."""
    column = _CODES.gather(np.where(number.good, number.values, 0)).alias(name)
    other = np.flatnonzero(~number.good)
    return column.scatter(other, messages.texts([name], other)[0]) if len(other) else column


def _currency(number: Numbers, name: str) -> pl.Series:
    """The alphabetic codes, empty where there is no such currency."""
    return _CURRENCIES.gather(np.where(number.good, number.values, 0)).alias(name)


def _belongs_to(frame: pl.DataFrame, presented: int) -> pl.Series:
    """The record of the presentment that an addendum follows, at once or behind others of its addenda."""
    addendum = pl.col("type").eq_missing(MessageType.ADDENDUM)
    if not frame.select(addendum.any()).item():
        return pl.Series("belongs_to", [None], dtype=pl.Int64).new_from_index(0, frame.height)
    presents = pl.col("type").is_in(list(PRESENTED)).fill_null(value=False)
    before = pl.when(~addendum).then(pl.when(presents).then("record").otherwise(0)).forward_fill().fill_null(presented)
    return frame.select(pl.when(addendum & (before > 0)).then(before).alias("belongs_to"))["belongs_to"]


def presented_last(frame: pl.DataFrame) -> int:
    """The record of the presentment to which an addendum would belong that follows these messages, or 0."""
    kind, record, belongs_to = frame.select("type", "record", "belongs_to").row(-1)
    return int((belongs_to if kind == MessageType.ADDENDUM else record if kind in PRESENTED else None) or 0)


def _said(told: Mapping[str, Numbers], messages: Messages, marks: pl.Series, edition: Edition) -> pl.DataFrame:
    """What ``_with_kind`` makes of each message, made once of those that are alike."""
    parts = [np.where(told[name].good, told[name].values, none) for name, none in _SAID.items()]
    parts += [marks.to_numpy().astype(np.int64), (messages.problem == 0).astype(np.int64)]
    key = np.zeros(len(messages.problem), dtype=np.int64)
    for part, size in zip(parts, _SIZES, strict=True):
        key = key * size + part
    keys = pl.Series("key", key)
    distinct = keys.unique().sort()
    rest, columns = distinct, []
    for name, size in zip(reversed([*_SAID, "reversal", "sound"]), reversed(_SIZES), strict=True):
        columns.append((rest % size).alias(name))
        rest = rest // size
    met = pl.DataFrame(columns).with_columns(
        *(pl.when(pl.col(name) != none).then(name).alias(name) for name, none in _SAID.items()),
        reversal=pl.col("reversal") == 1,
        sound=pl.col("sound") == 1,
    )
    at = np.searchsorted(distinct.to_numpy(), key)
    return _with_kind(met, edition).select(pl.all().gather(at))


def _with_kind(met: pl.DataFrame, edition: Edition) -> pl.DataFrame:
    """Type, kind, direction and sign of the interchange from message type, function and processing code and mark.

    ``detail`` is a message that moves money, ``carded`` one with a card.

    The issuer earns interchange on purchases, gives it back on refunds and reversals, and pays it on cash advances.
    The type is empty where it is unknown or the message is not sound.
    """
    types = {int(code.replace("/", "")): kind.value for code, kind in edition.messages.items()}
    kinds = {int(code): kind.value for code, kind in edition.processing.items()}
    charges = {int(code): sign for code, sign in edition.fees.items()}
    code, mti, marked = pl.col("DE3"), pl.col("MTI"), pl.col("reversal")
    told = (mti * 1000 + pl.col("DE24")).replace_strict(types, default=None, return_dtype=pl.String)
    met = met.with_columns(
        type=pl.when("sound").then(told),
        processing=code.replace_strict(kinds, default=None, return_dtype=pl.String),
        fee=code.replace_strict(charges, default=None, return_dtype=pl.Int64),
    )
    processing, fee = pl.col("processing"), pl.col("fee")
    collected = pl.when(fee.is_not_null()).then(pl.lit(Kind.FEE_COLLECTION.value))
    back = pl.when(marked).then(pl.lit(Kind.CHARGEBACK_REVERSAL.value)).otherwise(pl.lit(Kind.CHARGEBACK.value))
    charged_back = pl.when(processing.is_not_null()).then(back)
    again = pl.when(processing.is_not_null()).then(pl.lit(Kind.SECOND_PRESENTMENT.value))
    taken_back = pl.when(processing.is_not_null()).then(pl.lit(Kind.REVERSAL.value))
    flip = pl.when(marked).then(-1).otherwise(1)
    presented = pl.when(processing == Kind.REFUND).then(-flip).when(processing.is_not_null()).then(flip)
    paid = processing.is_in([Kind.REFUND, Kind.CASH_ADVANCE])
    detail = pl.col("type").is_in(list(_DETAILS)).fill_null(value=False)
    return met.select(
        "type",
        "processing",
        detail=detail,
        carded=detail & (pl.col("type") != MessageType.FEE_COLLECTION),
        kind=pl.when(mti == _FEE)
        .then(collected)
        .when(mti == _CHARGEBACK)
        .then(charged_back)
        .when(pl.col("type") == MessageType.SECOND_PRESENTMENT)
        .then(again)
        .when(marked)
        .then(taken_back)
        .otherwise(processing),
        direction=pl.when(mti == _FEE)
        .then(fee)
        .when(mti == _CHARGEBACK)
        .then(-presented)
        .otherwise(presented)
        .cast(pl.Int64),
        earned=pl.when((mti == _PRESENTMENT) & processing.is_not_null())
        .then(pl.when(paid).then(-flip).otherwise(flip))
        .cast(pl.Int64),
    )


def _rules() -> tuple[Rule, ...]:
    detail, carded = pl.col("detail"), pl.col("carded")
    malformed, unknown = RejectReason.MALFORMED, RejectReason.UNKNOWN_CURRENCY
    number = RejectReason.NON_NUMERIC_AMOUNT
    col = pl.col
    return (
        Rule(reason=malformed, field="message", broken=col("problem") != 0),
        Rule(reason=malformed, field="MTI/DE24", broken=col("type").is_null()),
        Rule(
            reason=malformed,
            field="MTI/DE24",
            broken=(col("type") == MessageType.ADDENDUM) & col("belongs_to").is_null(),
        ),
        Rule(reason=malformed, field="DE2", broken=carded & ~col("has_card")),
        Rule(reason=number, field="DE4", broken=detail & col("DE4").is_null()),
        Rule(reason=number, field="DE5", broken=detail & col("DE5").is_null()),
        Rule(reason=number, field="PDS0146", broken=detail & col("fees_bad")),
        Rule(reason=number, field="DE54", broken=detail & col("cashback_bad")),
        Rule(reason=malformed, field="DE3", broken=detail & col("kind").is_null()),
        Rule(reason=unknown, field="DE49", broken=detail & col("transaction_currency").is_null()),
        Rule(reason=unknown, field="DE50", broken=detail & col("currency").is_null()),
        Rule(reason=malformed, field="PDS0148", broken=detail & col("exponents_differ")),
        Rule(reason=malformed, field="PDS0146", broken=detail & col("fees_odd")),
        Rule(reason=malformed, field="DE54", broken=detail & col("cashback_odd")),
        Rule(reason=malformed, field="DE54", broken=detail & (col("cashback_minor") > col("DE5"))),
        # What takes back a refund, a cash advance or a second presentment is not described: a person must look.
        Rule(
            reason=malformed,
            field="PDS0025",
            broken=detail
            & col("reversal")
            & ((col("processing") != Kind.PURCHASE) | (col("type") == MessageType.SECOND_PRESENTMENT)),
        ),
        Rule(reason=RejectReason.BAD_DATE, field="DE12", broken=carded & col("local_time").is_null()),
        Rule(reason=RejectReason.BAD_DATE, field="PDS0159", broken=detail & col("settlement_date_bad")),
        Rule(reason=RejectReason.BAD_LUHN, field="DE2", broken=detail & col("has_card") & ~col("luhn")),
    )


def clearing_and_rejects(
    source: Source, posting_date: date, messages: Messages, frame: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """The candidate tables ``clearing`` and ``reject`` of these messages; see ``read_messages`` for the frame."""
    rules = _rules()
    told = frame.select(
        "record", "detail", "kind", "direction", "currency", "transaction_currency", "cashback_minor", "local_time",
        "settlement_date", "interchange_minor", first_broken(frame, rules),
        amount_minor="DE5", transaction_amount_minor="DE4",
    )  # fmt: skip
    good = told["broken"].is_null() & told["detail"]
    at = good.arg_true().cast(pl.Int64).to_numpy()

    def content(field: str, rows: NDArray[np.int64]) -> list[str]:
        if field == "message":
            return [problem_text(messages, int(row)) for row in rows]
        if field == "MTI/DE24":
            pair = [texts(messages.field(name).rows(rows), name).fill_null("?") for name in ("MTI", "DE24")]
            return [f"{mti}/{function}" for mti, function in zip(*pair, strict=True)]
        column = texts(messages.field(field).rows(rows), field).fill_null("")
        if field == "DE12":  # written like a time, or it would be masked like a short card number
            column = column.str.replace(r"^(..)(..)(..)(......)$", "$1-$2-${3}T$4")
        return (masked(column) if field == "DE2" else column).to_list()

    return {
        "clearing": _clearing(source, posting_date, messages, told.filter(good), at),
        "reject": reject_rows(source.file, told, rules, content),
    }


def _clearing(
    source: Source, posting_date: date, messages: Messages, good: pl.DataFrame, at: NDArray[np.int64]
) -> pl.DataFrame:
    *columns, pans = messages.texts([*_COPIED.values(), "DE2"], at)
    copied = pl.DataFrame([column.alias(name) for column, name in zip(columns, _COPIED, strict=True)])
    frame = pl.concat([good, copied], how="horizontal").with_columns(
        source.cards.references(messages.field("DE2").rows(at)),
        masked(pans),
        mask_texts(copied["merchant_name"]),
        pl.lit(Side.BANK.value).alias("side"),
        pl.lit(source.layout.feed).alias("feed"),
        pl.lit(source.delivered_on).alias("delivered_on"),
        pl.lit(posting_date).alias("posting_date"),
        pl.col("amount_minor").alias("total_minor"),
        pl.col("local_time").dt.date().alias("transaction_date"),
        (pl.col("interchange_minor") * _micro_per_minor()).alias("interchange_micro"),
    )
    return candidate("clearing", source.file, frame)


def _micro_per_minor() -> pl.Expr:
    known = {code: 10 ** (_MICRO - places) for code, places in EXPONENTS.items()}
    return pl.col("currency").replace_strict(known, default=None, return_dtype=pl.Int64)
