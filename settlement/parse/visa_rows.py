"""Visa clearing: transactions of TCR 0, 1 and 5 as clearing records, or as rejects with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import Kind, RejectReason, Side
from settlement.model.money import exponent, round_fraction
from settlement.parse.candidates import Rule, candidate, first_broken, reject_rows
from settlement.parse.cards import mask_texts, masked
from settlement.parse.source import Source
from settlement.parse.spans import Spans, luhn_of, texts, whole_numbers
from settlement.parse.visa_fields import card_spans, currency, numbers_or_blank, processed, yearless
from settlement.parse.visa_groups import Groups
from settlement.parse.visa_layout import Edition

_COPIED: Final = {
    "arn": (0, "arn"),
    "authorisation_code": (0, "approval"),
    "mcc": (0, "mcc"),
    "merchant_name": (0, "merchant_name"),
    "merchant_number": (1, "merchant_number"),
    "terminal": (1, "terminal"),
    "lifecycle_id": (5, "lifecycle"),
}
_NUMBERS: Final = ((0, "processed"), (1, "cashback"), (5, "interchange"), (5, "sequence"), (5, "count"))
_FIELD_TCR: Final = {"cashback": 1, "interchange": 5, "interchange_sign": 5, "sequence": 5, "count": 5}
_REASONED: Final = (Kind.CHARGEBACK, Kind.CHARGEBACK_REVERSAL, Kind.SECOND_PRESENTMENT)
_EARNS: Final = {"C": 1, "D": -1}
_MICRO: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """The transactions of a file: their records, and one row each of what totals and rows are made of."""

    groups: Groups
    edition: Edition
    frame: pl.DataFrame

    def field(self, tcr: int, name: str) -> Spans:
        """One field of all transactions."""
        fields = {0: self.edition.tcr0, 1: self.edition.tcr1, 5: self.edition.tcr5}[tcr]
        return self.groups.field(tcr, fields[name])

    def card(self) -> Spans:
        """The card number."""
        return card_spans(self.groups.field(0, self._card_places()), self.field(0, "card_extension"))

    def _card_places(self) -> list[int]:
        return self.edition.tcr0["card"]


def read_transactions(groups: Groups, edition: Edition, known: NDArray[np.bool_], anchor: date) -> Transactions:
    """Read the values of transactions; those that are not ``known`` have no kind.

    The frame has ``record``, ``kind``, ``direction``, ``alone`` (a TCR that is needed is missing or there twice),
    ``dest``, ``src``, ``cashback``, ``interchange``, ``sequence`` and ``count`` with ``_bad`` flags,
    ``interchange_micro`` (+ the issuer earns), the currencies, ``transaction_date``, ``processing_date`` and ``luhn``.
    """
    empty = Transactions(groups=groups, edition=edition, frame=pl.DataFrame())
    columns: list[pl.DataFrame] = [
        _kinds(empty, known).with_columns(record=groups.first + 1, alone=groups.lacks(edition.needs)),
        *(whole_numbers(empty.field(0, name), name) for name in ("dest", "src", "date")),
        *(numbers_or_blank(empty.field(tcr, name), name) for tcr, name in _NUMBERS),
    ]
    card = empty.card()
    columns.append(
        pl.DataFrame(
            [
                *(currency(empty.field(0, name), name) for name in ("dest_currency", "src_currency")),
                texts(empty.field(5, "interchange_sign"), "interchange_sign"),
                luhn_of(card),
            ]
        )
    )
    frame = pl.concat(columns, how="horizontal")
    earned = pl.col("interchange_sign").replace_strict(_EARNS, default=None, return_dtype=pl.Int64)
    frame = frame.with_columns(
        yearless(frame["date"], anchor, "transaction_date"),
        processed(frame["processed"], anchor, "processing_date"),
        interchange_micro=pl.col("interchange") * earned,
    )
    return Transactions(groups=groups, edition=edition, frame=frame)


def _kinds(found: Transactions, known: NDArray[np.bool_]) -> pl.DataFrame:
    """Kind and direction by transaction code, and by the usage code where a transaction can be presented again."""
    told = {int(code): transaction for code, transaction in found.edition.transactions.items()}

    def by_code(value: Mapping[int, object], dtype: pl.DataType) -> pl.Expr:
        some = {code: value[code] for code in value if value[code] is not None}
        return pl.col("code").replace_strict(some, default=None, return_dtype=dtype)

    usage = texts(found.field(0, "usage"), "usage").fill_null("")
    frame = pl.DataFrame([pl.Series("code", np.where(known, found.groups.code, -1)), usage])
    again = by_code({code: one.again and one.again.value for code, one in told.items()}, pl.String())
    times = pl.col("usage").replace_strict(dict(found.edition.usage), default=None, return_dtype=pl.String)
    return frame.select(
        kind=pl.when(again.is_not_null() & (times == "again"))
        .then(again)
        .otherwise(by_code({code: one.kind.value for code, one in told.items()}, pl.String())),
        direction=by_code({code: one.direction for code, one in told.items()}, pl.Int64()),
        usage_bad=again.is_not_null() & times.is_null(),
    )


def _rules() -> tuple[Rule, ...]:
    malformed, unknown = RejectReason.MALFORMED, RejectReason.UNKNOWN_CURRENCY
    number, no_date = RejectReason.NON_NUMERIC_AMOUNT, RejectReason.BAD_DATE
    col = pl.col
    # Six decimals without a sign are no interchange; with an unknown sign nobody knows whose they are.
    unsigned = col("interchange_sign").is_null() & (col("interchange") > 0)
    beyond = col("sequence") > col("count")
    unknown_sign = col("interchange_sign").is_not_null() & ~col("interchange_sign").is_in(list(_EARNS))
    return (
        Rule(reason=malformed, field="TC", broken=col("kind").is_null()),
        Rule(reason=malformed, field="TCR", broken=col("alone")),
        Rule(reason=malformed, field="usage", broken=col("usage_bad")),
        Rule(reason=number, field="dest", broken=col("dest").is_null()),
        Rule(reason=number, field="src", broken=col("src").is_null()),
        Rule(reason=number, field="cashback", broken=col("cashback_bad")),
        Rule(reason=number, field="interchange", broken=col("interchange_bad")),
        Rule(reason=malformed, field="interchange_sign", broken=unsigned | unknown_sign),
        Rule(reason=malformed, field="cashback", broken=col("cashback") > col("dest")),
        Rule(reason=malformed, field="sequence", broken=col("sequence_bad") | (beyond & (col("count") > 0))),
        Rule(reason=malformed, field="count", broken=col("count_bad")),
        Rule(reason=unknown, field="dest_currency", broken=col("dest_currency").is_null()),
        Rule(reason=unknown, field="src_currency", broken=col("src_currency").is_null()),
        Rule(reason=no_date, field="date", broken=col("transaction_date").is_null()),
        # Zeros are how a number is left out.
        Rule(reason=no_date, field="processed", broken=col("processed_bad")),
        Rule(reason=no_date, field="processed", broken=col("processing_date").is_null() & (col("processed") > 0)),
        Rule(reason=RejectReason.BAD_LUHN, field="card", broken=~col("luhn")),
    )


def clearing_and_rejects(source: Source, posting_date: date, found: Transactions) -> dict[str, pl.DataFrame]:
    """The candidate tables ``clearing`` and ``reject``."""
    rules = _rules()
    frame = found.frame.with_columns(first_broken(found.frame, rules), amount_minor="dest", currency="dest_currency")
    at = frame["broken"].is_null().arg_true().cast(pl.Int64).to_numpy()

    def content(field: str, rows: NDArray[np.int64]) -> list[str]:
        if field in {"TC", "TCR"}:
            return [found.groups.records.head(int(found.groups.first[row])) for row in rows]
        if field == "card":
            return masked(texts(found.card().rows(rows), "card")).fill_null("").to_list()
        return texts(found.field(_FIELD_TCR.get(field, 0), field).rows(rows), field).fill_null("").to_list()

    return {
        "clearing": _clearing(source, posting_date, found, frame[at], at),
        "reject": reject_rows(source.file, frame, rules, content),
    }


def _clearing(
    source: Source, posting_date: date, found: Transactions, good: pl.DataFrame, at: NDArray[np.int64]
) -> pl.DataFrame:
    copied = [texts(found.field(tcr, field).rows(at), name) for name, (tcr, field) in _COPIED.items()]
    card = found.card().rows(at)
    frame = good.with_columns(
        *(mask_texts(column) if column.name == "merchant_name" else column for column in copied),
        source.cards.references(card),
        masked(texts(card, "pan")),
        texts(found.field(0, "reason").rows(at), "reason_code"),
        **_same(source, posting_date),
        total_minor="dest",
        transaction_amount_minor="src",
        transaction_currency="src_currency",
        cashback_minor=pl.col("cashback").fill_null(0),
        clearing_sequence=_told("sequence"),
        clearing_count=_told("count"),
    ).with_columns(pl.when(pl.col("kind").is_in(list(_REASONED))).then(pl.col("reason_code")).alias("reason_code"))
    return candidate("clearing", source.file, frame)


def _told(name: str) -> pl.Expr:
    """A number, empty where it is left out as zeros."""
    return pl.when(pl.col(name) > 0).then(pl.col(name))


def _same(source: Source, posting_date: date) -> dict[str, pl.Expr]:
    """What is the same in every clearing record of a file."""
    return {
        "side": pl.lit(Side.BANK.value),
        "feed": pl.lit(source.layout.feed),
        "delivered_on": pl.lit(source.delivered_on),
        "posting_date": pl.lit(posting_date),
    }


def net_settlement(moved: pl.DataFrame) -> tuple[int | None, str | None]:
    """What the bank should show for the file, + to our account, and its currency; empty where it is not one currency.

    Debits minus credits minus interchange (six decimals), rounded once, half away from zero. ``moved`` has ``dest``,
    ``src``, ``dest_currency``, ``direction`` and ``interchange_micro``. A transaction whose amount is no number adds
    nothing; other bad ones are in it, as they are in the network's settlement.
    """
    moved = moved.filter(pl.col("dest").is_not_null() & pl.col("src").is_not_null())
    currencies = moved["dest_currency"].drop_nulls().unique().to_list()
    if len(currencies) != 1:
        return None, None
    paid = int((moved["dest"].cast(pl.Int128) * moved["direction"]).sum() or 0)
    earned = int(moved["interchange_micro"].cast(pl.Int128).sum() or 0)
    micro = 10 ** (_MICRO - exponent(currencies[0]))
    return round_fraction(Fraction(earned, micro) - paid), str(currencies[0])
