"""Visa CTF: transactions of TCR 0, 1 and 5 as clearing records, or as rejects with a reason."""

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
from settlement.model.dates import latest_not_after
from settlement.model.money import NUMERIC_CODES, exponent, round_fraction
from settlement.parse.candidates import Rule, by_distinct, candidate, first_broken, reject_rows
from settlement.parse.cards import mask_texts, masked
from settlement.parse.source import Source
from settlement.parse.spans import Spans, luhn_of, string_spans, texts, whole_numbers

_DIRECTION: Final = {
    Kind.PURCHASE: 1,
    Kind.CASH_ADVANCE: 1,
    Kind.REFUND: -1,
    Kind.REVERSAL: -1,
    Kind.CHARGEBACK: -1,
}
_FRAMING: Final = (90, 91, 92)
_COPIED: Final = {
    "arn": (0, "arn"),
    "authorisation_code": (0, "approval"),
    "mcc": (0, "mcc"),
    "merchant_name": (0, "merchant_name"),
    "merchant_number": (1, "merchant_number"),
    "terminal": (1, "terminal"),
    "lifecycle_id": (5, "lifecycle"),
}
_EARNS: Final = {"C": 1, "D": -1}
_MICRO: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The records of a file: their bytes, transaction code, and qualifier and TCR number as one number (05 is TCR 5).

    Code and number are -1 where they are no digits.
    """

    spans: Spans
    code: NDArray[np.int64]
    tcr: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.code)

    def text(self, row: int | np.int64, places: list[int]) -> str:
        """One field of one record (from 0), its first and last position counted from 1; empty where blank."""
        one = self.spans.rows(np.array([row], dtype=np.int64)).part(places[0] - 1, places[1] - places[0] + 1)
        return texts(one, "text")[0] or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSpec:
    """Kinds by transaction code, and the fields of each TCR by name: first and last position, from 1."""

    kinds: Mapping[str, Kind]
    tcr0: Mapping[str, list[int]]
    tcr1: Mapping[str, list[int]]
    tcr5: Mapping[str, list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """The transactions of a file.

    Attributes
    ----------
    parts:
        The records of each transaction by TCR number (0, 1, 5); absent spans where one is missing.
    frame:
        One row a transaction or stray record; see ``read_transactions``.
    amounts:
        Destination and source amount of every record of the file, 0 where there is none.
    continuations:
        Which records of the file continue a transaction.
    """

    spec: TransactionSpec
    parts: Mapping[int, Spans]
    frame: pl.DataFrame
    amounts: dict[str, NDArray[np.int64]]
    continuations: NDArray[np.bool_]

    def field(self, tcr: int, name: str) -> Spans:
        """One field of all transactions."""
        first, last = {0: self.spec.tcr0, 1: self.spec.tcr1, 5: self.spec.tcr5}[tcr][name]
        return self.parts[tcr].part(first - 1, last - first + 1)

    def card(self) -> Spans:
        """The card number: 16 digits, or 19 where the extension is used."""
        card, extension = self.field(0, "card"), texts(self.field(0, "card_extension"), "extension")
        used = extension.is_not_null() & (extension != "000")
        longer = np.where(used.fill_null(value=False).to_numpy(), 3, 0).astype(np.int32)
        return Spans(
            data=card.data, base=card.base, start=card.start, alphabet=card.alphabet,
            length=np.where(card.length < 0, card.length, card.length + longer).astype(np.int32),
        )  # fmt: skip


def read_transactions(records: Records, spec: TransactionSpec) -> Transactions:
    """Put the records of each transaction together and read what totals and rows are made of.

    The frame has ``record``, ``code``, ``kind``, ``direction``, ``alone`` (a TCR 0 without its TCR 1 or 5, or with
    two of them), ``stray`` (a record that belongs to none), ``dest``, ``src``, ``cashback``, ``interchange`` with
    ``_bad`` flags, ``interchange_micro`` (+ the issuer earns), the currencies, and ``luhn``.
    """
    first, group = records.tcr == 0, np.cumsum(records.tcr == 0) - 1
    framing = np.isin(records.code, _FRAMING)
    head = np.flatnonzero(first)
    # A continuation has the code of the TCR 0 before it; whatever has not belongs nowhere.
    owner = head[np.maximum(group, 0)] if len(head) else np.zeros(records.count, dtype=np.int64)
    belongs = ~framing & ~first & (group >= 0) & (records.tcr > 0) & (records.tcr < 10)  # noqa: PLR2004
    belongs &= (records.code == records.code[owner]) & (records.code >= 0)
    at = np.flatnonzero(~framing & ~belongs)
    parts = {0: records.spans.rows(at)}
    odd = np.zeros(records.count, dtype=np.bool_)
    for tcr in (1, 5):
        rows = np.flatnonzero(belongs & (records.tcr == tcr))
        count = np.bincount(owner[rows], minlength=records.count)
        odd |= count != 1
        place = np.full(records.count, -1, dtype=np.int64)
        place[owner[rows]] = rows
        parts[tcr] = _maybe(records.spans, place[at])
    base = pl.DataFrame(
        {"record": at + 1, "code": records.code[at], "alone": odd[at], "stray": ~first[at] | (records.code[at] < 0)}
    )
    found = Transactions(spec=spec, parts=parts, frame=base, amounts={}, continuations=belongs)
    frame = _with_values(found)
    amounts = {}
    for name in ("dest", "src"):
        amounts[name] = np.zeros(records.count, dtype=np.int64)
        amounts[name][at] = frame[name].fill_null(0).to_numpy() * first[at]
    return Transactions(spec=spec, parts=parts, frame=frame, amounts=amounts, continuations=belongs)


def _maybe(spans: Spans, place: NDArray[np.int64]) -> Spans:
    """The rows at ``place``, absent where it is -1."""
    found = spans.rows(np.maximum(place, 0))
    length = np.where(place < 0, np.int32(-1), found.length).astype(np.int32)
    return Spans(data=found.data, base=found.base, start=found.start, length=length, alphabet=found.alphabet)


def _with_values(found: Transactions) -> pl.DataFrame:
    kinds = {int(code): kind.value for code, kind in found.spec.kinds.items()}
    directions = {kind.value: direction for kind, direction in _DIRECTION.items()}
    sign = texts(found.field(5, "interchange_sign"), "interchange_sign")
    card = found.card()
    numbers = [
        whole_numbers(found.field(tcr, name), name)
        for tcr, name in ((0, "dest"), (0, "src"), (0, "date"), (1, "cashback"), (5, "interchange"))
    ]
    currencies = [
        texts(found.field(0, field), field).replace_strict(NUMERIC_CODES, default=None, return_dtype=pl.String)
        for field in ("dest_currency", "src_currency")
    ]
    columns = pl.DataFrame([*currencies, sign, luhn_of(card)])
    frame = pl.concat([found.frame, *numbers, columns], how="horizontal").with_columns(
        kind=pl.col("code").replace_strict(kinds, default=None, return_dtype=pl.String),
        has_card=pl.Series(card.length >= 0),
    )
    earned = pl.col("interchange_sign").replace_strict(_EARNS, default=None, return_dtype=pl.Int64)
    return frame.with_columns(
        direction=pl.col("kind").replace_strict(directions, default=None, return_dtype=pl.Int64),
        interchange_micro=pl.col("interchange") * earned,
    )


def _rules() -> tuple[Rule, ...]:
    malformed, unknown = RejectReason.MALFORMED, RejectReason.UNKNOWN_CURRENCY
    number = RejectReason.NON_NUMERIC_AMOUNT
    col = pl.col
    # Six decimals without a sign are no interchange; with an unknown sign nobody knows whose they are.
    unsigned = col("interchange_sign").is_null() & (col("interchange") > 0)
    unknown_sign = col("interchange_sign").is_not_null() & ~col("interchange_sign").is_in(list(_EARNS))
    return (
        Rule(reason=malformed, field="TC", broken=col("stray") | col("kind").is_null()),
        Rule(reason=malformed, field="TCR", broken=col("alone")),
        Rule(reason=number, field="dest", broken=col("dest").is_null()),
        Rule(reason=number, field="src", broken=col("src").is_null()),
        Rule(reason=number, field="cashback", broken=col("cashback_bad")),
        Rule(reason=number, field="interchange", broken=col("interchange_bad")),
        Rule(reason=malformed, field="interchange_sign", broken=unsigned | unknown_sign),
        Rule(reason=malformed, field="cashback", broken=col("cashback") > col("dest")),
        Rule(reason=unknown, field="dest_currency", broken=col("dest_currency").is_null()),
        Rule(reason=unknown, field="src_currency", broken=col("src_currency").is_null()),
        Rule(reason=RejectReason.BAD_DATE, field="date", broken=col("transaction_date").is_null()),
        Rule(reason=RejectReason.BAD_LUHN, field="card", broken=~col("luhn")),
    )


_FIELD_TCR: Final = {"cashback": 1, "interchange": 5, "interchange_sign": 5}


def clearing_and_rejects(
    source: Source, posting_date: date, records: Records, found: Transactions
) -> dict[str, pl.DataFrame]:
    """The candidate tables ``clearing`` and ``reject``."""

    def completed(number: object) -> date | None:
        month, day = divmod(int(str(number)), 100)
        return latest_not_after(month, day, posting_date)

    rules = _rules()
    frame = found.frame.with_columns(by_distinct(found.frame["date"], completed, pl.Date(), "transaction_date"))
    frame = frame.with_columns(first_broken(frame, rules), amount_minor="dest", currency="dest_currency")
    at = frame["broken"].is_null().arg_true().cast(pl.Int64).to_numpy()

    def content(field: str, rows: NDArray[np.int64]) -> list[str]:
        if field in {"TC", "TCR"}:
            heads = (frame["record"].gather(rows) - 1).to_numpy()
            return [f"TC {records.text(row, [1, 2])} TCR {records.text(row, [4, 4])}" for row in heads]
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
    pans = texts(found.card().rows(at), "pan")
    reason = texts(found.field(0, "reason").rows(at), "reason_code")
    frame = good.with_columns(
        *(mask_texts(column) if column.name == "merchant_name" else column for column in copied),
        source.cards.references(string_spans(pans)),
        masked(pans),
        reason,
        pl.lit(Side.BANK.value).alias("side"),
        pl.lit(source.layout.feed).alias("feed"),
        pl.lit(source.delivered_on).alias("delivered_on"),
        pl.lit(posting_date).alias("posting_date"),
        pl.col("dest").alias("total_minor"),
        pl.col("src").alias("transaction_amount_minor"),
        pl.col("src_currency").alias("transaction_currency"),
        pl.col("cashback").fill_null(0).alias("cashback_minor"),
    ).with_columns(pl.when(pl.col("kind") == Kind.CHARGEBACK).then(pl.col("reason_code")).alias("reason_code"))
    return candidate("clearing", source.file, frame)


def net_settlement(found: Transactions) -> tuple[int | None, str | None]:
    """What the bank should show for the file, + to our account, and its currency; empty where it is not one currency.

    Debits minus credits minus interchange (six decimals), rounded once, half away from zero. A transaction whose
    amount is no number adds nothing; other bad ones are in it, as they are in the network's settlement.
    """
    moved = found.frame.filter(~pl.col("stray") & pl.col("dest").is_not_null() & pl.col("src").is_not_null())
    currencies = moved["dest_currency"].drop_nulls().unique().to_list()
    if len(currencies) != 1:
        return None, None
    paid = int((moved["dest"].cast(pl.Int128) * moved["direction"]).sum() or 0)
    earned = int(moved["interchange_micro"].cast(pl.Int128).sum() or 0)
    micro = 10 ** (_MICRO - exponent(currencies[0]))
    return round_fraction(Fraction(earned, micro) - paid), str(currencies[0])
