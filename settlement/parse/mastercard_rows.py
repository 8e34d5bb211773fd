"""Mastercard IPM: presentments, chargebacks and fee collections as clearing records, or as rejects with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import Kind, RejectReason, Side
from settlement.model.money import EXPONENTS, NUMERIC_CODES
from settlement.parse.candidates import Rule, by_distinct, candidate, first_broken, reject_rows
from settlement.parse.cards import mask_texts, masked
from settlement.parse.mastercard_messages import (
    IpmSpec,
    Messages,
    MessageType,
    Stream,
    cut_messages,
    message_types,
    problem_text,
)
from settlement.parse.source import Source
from settlement.parse.spans import Spans, luhn_of, texts, whole_numbers

_WANTED: Final = (
    *("DE2", "DE3", "DE4", "DE5", "DE12", "DE24", "DE25", "DE26", "DE31", "DE37", "DE38", "DE41", "DE42", "DE43"),
    *("DE49", "DE50", "DE54", "DE63", "DE71", "PDS0025", "PDS0146", "PDS0148"),
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
_CASHBACK: Final = "40"
_CARD_DIGITS: Final = (12, 19)
_MICRO: Final = 6


def read_messages(stream: Stream, spec: IpmSpec) -> tuple[Messages, pl.DataFrame]:
    """All messages with what the totals and the rows are made of.

    Returns
    -------
    messages
        The spans of the wanted fields.
    frame
        One row a message: ``record``, ``mti``, ``function``, ``type``, ``kind``, ``direction`` (+1 the issuer pays),
        ``DE4`` and ``DE5``, ``DE49`` and ``DE50`` with their alphabetic codes ``transaction_currency`` and
        ``currency``, ``DE71``, ``interchange_minor`` (+ the issuer earns, in DE50), ``cashback_minor``,
        ``local_time`` and the flags that the rules look at.
    """
    messages = cut_messages(stream, spec, _WANTED)
    numbers = [messages.number(name) for name in ("DE3", "DE4", "DE5", "DE71")]
    codes = [messages.text(name) for name in ("DE49", "DE50")]
    reversal = texts(messages.field("PDS0025").part(0, 1), "reversal") == "R"
    flags = [reversal.fill_null(value=False), pl.Series("has_card", messages.field("DE2").length >= 0)]
    differ = by_distinct(messages.text("PDS0148"), _exponents_differ, pl.Boolean(), "exponents_differ")
    parts = [message_types(messages, spec), *numbers]
    parts.append(pl.DataFrame([*codes, *flags, differ, _local_time(messages), _luhn(messages)]))
    parts += [_fees(messages), _cashback(messages)]
    frame = pl.concat(parts, how="horizontal").with_row_index("record", offset=1)
    frame = frame.with_columns(
        pl.col("record").cast(pl.Int64),
        currency=pl.col("DE50").replace_strict(NUMERIC_CODES, default=None, return_dtype=pl.String),
        transaction_currency=pl.col("DE49").replace_strict(NUMERIC_CODES, default=None, return_dtype=pl.String),
    )
    return messages, _with_kind(frame, spec)


def _with_kind(frame: pl.DataFrame, spec: IpmSpec) -> pl.DataFrame:
    """Kind, direction and sign of the interchange from message type, processing code and the reversal mark.

    The issuer earns interchange on purchases, gives it back on refunds and reversals, and pays it on cash advances.
    ``belongs_to`` is the record of the presentment that an addendum follows.
    """
    code, mti, reversal = pl.col("DE3"), pl.col("mti"), pl.col("reversal")
    kinds = {int(code): kind.value for code, kind in spec.processing.items()}
    fees = {int(code): sign for code, sign in spec.fees.items()}
    frame = frame.with_columns(
        processing=code.replace_strict(kinds, default=None, return_dtype=pl.String),
        fee=code.replace_strict(fees, default=None, return_dtype=pl.Int64),
    )
    processing, fee = pl.col("processing"), pl.col("fee")
    collected = pl.when(fee.is_not_null()).then(pl.lit(Kind.FEE_COLLECTION.value))
    back = pl.when(reversal).then(pl.lit(Kind.CHARGEBACK_REVERSAL.value)).otherwise(pl.lit(Kind.CHARGEBACK.value))
    charged_back = pl.when(processing.is_not_null()).then(back)
    again = pl.when(processing.is_not_null()).then(pl.lit(Kind.SECOND_PRESENTMENT.value))
    taken_back = pl.when(processing.is_not_null()).then(pl.lit(Kind.REVERSAL.value))
    flip = pl.when(reversal).then(-1).otherwise(1)
    presented = pl.when(processing == Kind.REFUND).then(-flip).when(processing.is_not_null()).then(flip)
    paid = processing.is_in([Kind.REFUND, Kind.CASH_ADVANCE])
    earned = pl.col("fees") * pl.when(paid).then(-flip).otherwise(flip)
    before = pl.when(pl.col("type").ne_missing(MessageType.ADDENDUM)).then(pl.struct("record", "type")).forward_fill()
    presented_before = before.struct.field("type").is_in(list(PRESENTED))
    return frame.with_columns(
        belongs_to=pl.when(presented_before).then(before.struct.field("record")),
        kind=pl.when(mti == _FEE)
        .then(collected)
        .when(mti == _CHARGEBACK)
        .then(charged_back)
        .when(pl.col("type") == MessageType.SECOND_PRESENTMENT)
        .then(again)
        .when(reversal)
        .then(taken_back)
        .otherwise(processing),
        direction=pl.when(mti == _FEE)
        .then(fee)
        .when(mti == _CHARGEBACK)
        .then(pl.when(processing.is_not_null()).then(-flip))
        .otherwise(presented)
        .cast(pl.Int64),
        interchange_minor=pl.when((mti == _PRESENTMENT) & processing.is_not_null()).then(earned),
    )


def _fees(messages: Messages) -> pl.DataFrame:
    """Interchange in PDS0146, entries of 36: ``fees`` unsigned in DE50, empty where absent, and flags."""
    total, bad, odd = _zeros(messages)
    for rows, entry in _entries(messages.field("PDS0146"), 36, odd):
        _add(rows, entry.part(24, 12), total, bad)
        odd[rows] |= _differs(entry.part(21, 3), messages.field("DE50").rows(rows))
    present = messages.field("PDS0146").length >= 0
    frame = pl.DataFrame({"fees": total, "fees_bad": bad, "fees_odd": odd, "present": present})
    return frame.select(pl.when("present").then("fees").alias("fees"), "fees_bad", "fees_odd")


def _cashback(messages: Messages) -> pl.DataFrame:
    """Cash-back in DE54, entries of 20, part of DE4 and DE5: ``cashback_minor`` in DE50, 0 where absent, and flags."""
    total, bad, odd = _zeros(messages)
    for rows, entry in _entries(messages.field("DE54"), 20, odd):
        told = (texts(entry.part(2, 2), "kind") == _CASHBACK).fill_null(value=False).to_numpy()
        rows_told, amounts = rows[told], entry.rows(told)
        _add(rows_told, amounts.part(8, 12), total, bad)
        odd[rows_told] |= _differs(amounts.part(4, 3), messages.field("DE50").rows(rows_told))
        odd[rows_told] |= (texts(amounts.part(7, 1), "sign").ne_missing(pl.Series(["D"]))).to_numpy()
    return pl.DataFrame({"cashback_minor": total, "cashback_bad": bad, "cashback_odd": odd})


def _zeros(messages: Messages) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    rows = len(messages.problem)
    return np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.bool_), np.zeros(rows, dtype=np.bool_)


def _entries(spans: Spans, width: int, odd: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], Spans]]:
    """The entries of a field that repeats every ``width`` characters: the first of all messages, the second, ...

    Messages whose field is no multiple of the width are marked in ``odd``.
    """
    odd |= (spans.length >= 0) & ((spans.length % width != 0) | (spans.length == 0))
    for first in range(0, int(spans.length.max(initial=0)), width):
        rows = np.flatnonzero(spans.length > first)
        yield rows, spans.rows(rows).part(first, width)


def _add(rows: NDArray[np.int64], amounts: Spans, total: NDArray[np.int64], bad: NDArray[np.bool_]) -> None:
    read = whole_numbers(amounts, "amount")
    total[rows] += read["amount"].fill_null(0).to_numpy()
    bad[rows] |= read["amount"].is_null().to_numpy()


def _differs(one: Spans, other: Spans) -> NDArray[np.bool_]:
    return texts(one, "one").ne_missing(texts(other, "other")).to_numpy()


def _local_time(messages: Messages) -> pl.Series:
    """DE12 as a local date-time, empty where it is absent or no such time exists."""
    name = "local_time"
    frame = messages.number("DE12")
    day = by_distinct((frame["DE12"] // 1_000_000).alias("day"), _day, pl.Date(), "day")
    clock = pl.col("clock")
    hours, minutes, seconds = clock // 10_000, clock // 100 % 100, clock % 100
    sound = (hours < 24) & (minutes < 60) & (seconds < 60)  # noqa: PLR2004
    time = pl.col("day").cast(pl.Datetime("ms")) + pl.duration(hours=hours, minutes=minutes, seconds=seconds)
    parts = pl.DataFrame([day, (frame["DE12"] % 1_000_000).alias("clock")])
    return parts.select(pl.when(sound).then(time).cast(pl.Datetime("ms")).alias(name))[name]


def _day(number: object) -> date | None:
    """The calendar day of YYMMDD; the files of this format are younger than the year 2000."""
    value = int(str(number))
    try:
        return date(2000 + value // 10_000, value // 100 % 100, value % 100)
    except ValueError:
        return None


def _luhn(messages: Messages) -> pl.Series:
    """Whether DE2 is a card number of 12 to 19 digits that passes the Luhn check."""
    card = messages.field("DE2")
    size = pl.Series(card.length, dtype=pl.Int32)
    return (luhn_of(card) & size.is_between(*_CARD_DIGITS)).alias("luhn")


def _exponents_differ(value: object) -> bool:
    """Whether PDS0148 (currency 3, exponent 1, repeating) contradicts ISO 4217; an unknown currency does not."""
    text = str(value)
    pairs = [(text[at : at + 3], text[at + 3 : at + 4]) for at in range(0, len(text), 4)]
    return any(
        len(text) % 4 != 0 or (code in NUMERIC_CODES and str(EXPONENTS[NUMERIC_CODES[code]]) != places)
        for code, places in pairs
    )


def _rules() -> tuple[Rule, ...]:
    detail = pl.col("type").is_in(list(_DETAILS))
    carded = detail & (pl.col("type") != MessageType.FEE_COLLECTION)
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
        Rule(reason=RejectReason.BAD_LUHN, field="DE2", broken=detail & col("has_card") & ~col("luhn")),
    )


def clearing_and_rejects(
    source: Source, posting_date: date, messages: Messages, frame: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """The candidate tables ``clearing`` and ``reject`` of all messages; see ``read_messages`` for the frame."""
    rules = _rules()
    told = frame.select(
        "record", "type", "kind", "direction", "currency", "transaction_currency", "cashback_minor", "local_time",
        "interchange_minor", first_broken(frame, rules), amount_minor="DE5", transaction_amount_minor="DE4",
    )  # fmt: skip
    good = told["broken"].is_null() & told["type"].is_in(list(_DETAILS))
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
    copied = pl.DataFrame([texts(messages.field(field).rows(at), name) for name, field in _COPIED.items()])
    pans = texts(messages.field("DE2").rows(at), "pan")
    frame = pl.concat([good, copied], how="horizontal").with_columns(
        source.cards.references(messages.field("DE2").rows(at)),
        masked(pans),
        mask_texts(copied["merchant_name"].str.split_exact("\\", 1).struct.field("field_0").alias("merchant_name")),
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
