"""Visa clearing: transactions of TCR 0, 1 and 5 as clearing records, or as rejects with a reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import Kind, RejectReason, Side
from settlement.model.money import exponent, round_fraction
from settlement.parse.candidates import Rule, candidate, first_broken, reject_rows
from settlement.parse.cards import mask_texts, masked, masked_spans
from settlement.parse.source import Source
from settlement.parse.spans import Spans, luhn_of, texts
from settlement.parse.views import mapped
from settlement.parse.visa_fields import card_spans, currencies, processed, yearless
from settlement.parse.visa_groups import Groups
from settlement.parse.visa_layout import Edition, Fields

_COPIED: Final = {
    0: {
        "arn": "arn", "approval": "authorisation_code", "mcc": "mcc", "merchant_name": "merchant_name",
        "reason": "reason_code",
    },
    1: {"merchant_number": "merchant_number", "terminal": "terminal"},
    5: {"lifecycle": "lifecycle_id"},
}  # fmt: skip
_NUMBERS: Final = (
    (0, ("dest", "src", "date", "processed", "dest_currency", "src_currency", "card_extension")),
    (1, ("cashback",)),
    (5, ("interchange", "sequence", "count")),
)
_FIELD_TCR: Final = {"cashback": 1, "interchange": 5, "interchange_sign": 5, "sequence": 5, "count": 5}
_REASONED: Final = (Kind.CHARGEBACK, Kind.CHARGEBACK_REVERSAL, Kind.SECOND_PRESENTMENT)
_USED: Final = (
    *("record", "kind", "direction", "dest", "src", "dest_currency", "src_currency", "amount_minor", "currency"),
    *("cashback", "interchange_micro", "sequence", "count", "transaction_date", "processing_date"),
)
"""What becomes of a transaction's values in its clearing record."""
_EARNS: Final = ("C", "D")
_TIMES: Final = {"first": 0, "again": 1}
_MICRO: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """The transactions of a file: their records, and one row each of what totals and rows are made of."""

    groups: Groups
    edition: Edition
    frame: pl.DataFrame

    def fields(self, tcr: int) -> Fields:
        """The fields of a TCR by name."""
        return {0: self.edition.tcr0, 1: self.edition.tcr1, 5: self.edition.tcr5}[tcr]

    def field(self, tcr: int, name: str) -> Spans:
        """One field of all transactions."""
        return self.groups.field(tcr, self.fields(tcr)[name])

    def card(self) -> Spans:
        """The card number."""
        return card_spans(self.field(0, "card"), self.frame["extended"])


def read_transactions(groups: Groups, edition: Edition, known: NDArray[np.bool_], anchor: date) -> Transactions:
    """Read the values of transactions; those that are not ``known`` have no kind.

    The frame has ``record``, ``kind``, ``direction``, ``alone`` (a TCR that is needed is missing or there twice),
    ``dest``, ``src``, ``cashback``, ``interchange``, ``sequence`` and ``count`` with ``_bad`` flags,
    ``interchange_micro`` (+ the issuer earns), the currencies, ``transaction_date``, ``processing_date``, ``extended``
    (a card number of 19 digits) and ``luhn``.
    """
    found = Transactions(groups=groups, edition=edition, frame=pl.DataFrame())
    frame = pl.concat([groups.numbers(tcr, found.fields(tcr), names) for tcr, names in _NUMBERS], how="horizontal")
    frame = frame.with_columns(
        *_kinds(found, known),
        *(currencies(frame[name]) for name in ("dest_currency", "src_currency")),
        *groups.texts(5, edition.tcr5, ["interchange_sign"]),
        yearless(frame["date"], anchor, "transaction_date"),
        processed(frame["processed"], anchor, "processing_date"),
        record=groups.number,
        alone=groups.lacks(edition.needs),
        extended=pl.col("card_extension_bad") | (pl.col("card_extension") > 0).fill_null(value=False),
    )
    sign = pl.col("interchange_sign")
    earned = pl.when(sign == "C").then("interchange").when(sign == "D").then(-pl.col("interchange"))
    frame = frame.with_columns(interchange_micro=earned)
    found = replace(found, frame=frame)
    return replace(found, frame=frame.with_columns(luhn_of(found.card())))


def _kinds(found: Transactions, known: NDArray[np.bool_]) -> list[pl.Series]:
    """Kind and direction by transaction code, and by the usage code where a transaction can be presented again."""
    told = {int(code): transaction for code, transaction in found.edition.transactions.items()}
    codes = range(max(told) + 1)
    again = np.array([code in told and told[code].again is not None for code in codes])
    at = np.where(known, found.groups.code, 0)
    presented = again[at]
    usage = found.groups.texts(0, found.edition.tcr0, ["usage"])[0].fill_null("")
    words = {name: _TIMES[times] for name, times in found.edition.usage.items()}
    times = mapped(usage, words, pl.Int8()).fill_null(-1).to_numpy()
    kinds = [told[code].kind.value if code in told else None for code in codes]
    kinds += [told[code].again or told[code].kind.value if code in told else None for code in codes]
    directions = [told[code].direction if code in told else None for code in codes]
    second = at + np.where(presented & (times == _TIMES["again"]), len(codes), 0)
    return [
        pl.Series("kind", kinds, dtype=pl.String).gather(second),
        pl.Series("direction", directions, dtype=pl.Int64).gather(at),
        pl.Series("usage_bad", presented & (times < 0)),
    ]


def _rules() -> tuple[Rule, ...]:
    malformed, unknown = RejectReason.MALFORMED, RejectReason.UNKNOWN_CURRENCY
    number, no_date = RejectReason.NON_NUMERIC_AMOUNT, RejectReason.BAD_DATE
    col = pl.col
    # Six decimals without a sign are no interchange; with an unknown sign nobody knows whose they are.
    unsigned = col("interchange_sign").is_null() & (col("interchange") > 0)
    beyond = col("sequence") > col("count")
    unknown_sign = col("interchange_sign").is_not_null() & ~col("interchange_sign").is_in(_EARNS)
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
        "clearing": _clearing(source, posting_date, found, frame.select(_USED), at),
        "reject": reject_rows(source.file, frame, rules, content),
    }


def _clearing(
    source: Source, posting_date: date, found: Transactions, rows: pl.DataFrame, at: NDArray[np.int64]
) -> pl.DataFrame:
    card, all_good = found.card(), len(at) == found.groups.count
    some = found.groups if all_good else found.groups.rows(at)
    card = card if all_good else card.rows(at)
    good = rows if all_good else rows[at]
    copied = [
        text.alias(names[text.name])
        for tcr, names in _COPIED.items()
        for text in some.texts(tcr, found.fields(tcr), names)
    ]
    frame = good.with_columns(
        *(mask_texts(column) if column.name == "merchant_name" else column for column in copied),
        source.cards.references(card),
        masked_spans(card),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What some transactions move: their currencies, minor units paid and millionths earned as interchange."""

    currencies: frozenset[str] = frozenset()
    paid_minor: int = 0
    earned_micro: int = 0

    def __add__(self, later: Moved) -> Moved:
        return Moved(
            currencies=self.currencies | later.currencies,
            paid_minor=self.paid_minor + later.paid_minor,
            earned_micro=self.earned_micro + later.earned_micro,
        )


def moved_by(rows: pl.DataFrame) -> Moved:
    """What transactions move, debits minus credits.

    ``rows`` has ``dest``, ``src``, ``dest_currency``, ``direction`` and ``interchange_micro``. A transaction whose
    amount is no number adds nothing; other bad ones are in it, as they are in the network's settlement.
    """
    rows = rows.filter(pl.col("dest").is_not_null() & pl.col("src").is_not_null())
    return Moved(
        currencies=frozenset(rows["dest_currency"].drop_nulls().unique()),
        paid_minor=int((rows["dest"] * rows["direction"]).cast(pl.Int128).sum() or 0),
        earned_micro=int(rows["interchange_micro"].cast(pl.Int128).sum() or 0),
    )


def net_settlement(moved: Moved) -> tuple[int | None, str | None]:
    """What the bank should show for the file, + to our account, and its currency; empty where it is not one currency.

    Debits minus credits minus interchange (six decimals), rounded once, half away from zero.
    """
    if len(moved.currencies) != 1:
        return None, None
    (currency,) = moved.currencies
    micro = 10 ** (_MICRO - exponent(currency))
    return round_fraction(Fraction(moved.earned_micro, micro) - moved.paid_minor), currency
