"""Mastercard IPM: what stands inside one element of a message: times, interchange, cash-back, exponents, marks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.parse import numbers
from settlement.model.money import EXPONENTS, NUMERIC_CODES
from settlement.parse.mastercard_messages import Messages
from settlement.parse.span_columns import Numbers, Part
from settlement.parse.spans import Spans, luhn_of, texts

_FEE: Final = 36
_ADDITIONAL: Final = 20
_CASHBACK: Final = 40
_CARD_DIGITS: Final = (12, 19)
_PAIR: Final = 4
_DAY_MS: Final = 86_400_000
_HOURS, _SIXTY = 24, 60
_NO_DAY: Final = np.iinfo(np.int32).min

Flags = NDArray[np.bool_]
Amounts = NDArray[np.int64]


def fees(messages: Messages, amount: Numbers, code: Numbers, currency: Numbers) -> pl.DataFrame:
    """Interchange in PDS0146, entries of 36: ``fees`` unsigned in DE50, empty where absent, and flags.

    ``amount`` and ``code`` are amount and currency of the first entry, ``currency`` is DE50: what is no number there is
    no currency either, and rejected as such.
    """
    field = messages.field("PDS0146")
    present = field.length >= 0
    total, bad = amount.values, (field.length > 0) & ~amount.good
    odd = present & (field.length % _FEE != 0) | (field.length == 0)
    odd |= (field.length > 0) & (~code.good | ~currency.good | (code.values != currency.values))
    for rows, entry in _entries(field, _FEE, first=_FEE):
        _add(rows, entry.part(24, 12), total, bad)
        odd[rows] |= _differs(entry.part(21, 3), currency, rows)
    summed = Numbers(values=total, good=present).series("fees")
    return pl.DataFrame([summed, _flag("fees_bad", bad), _flag("fees_odd", odd)])


def cashback(messages: Messages, currency: Numbers) -> pl.DataFrame:
    """Cash-back in DE54, entries of 20, part of DE4 and DE5: ``cashback_minor`` in DE50, 0 where absent, and flags."""
    field = messages.field("DE54")
    total, bad = np.zeros(len(field.length), dtype=np.int64), np.zeros(len(field.length), dtype=np.bool_)
    odd = (field.length == 0) | ((field.length > 0) & (field.length % _ADDITIONAL != 0))
    for rows, entry in _entries(field, _ADDITIONAL):
        kind, known = _numbers(entry.part(2, 2))
        told = known & (kind == _CASHBACK)
        rows_told, amounts = rows[told], entry.rows(told)
        _add(rows_told, amounts.part(8, 12), total, bad)
        odd[rows_told] |= _differs(amounts.part(4, 3), currency, rows_told) | ~_is(amounts.part(7, 1), "D")
    return pl.DataFrame([pl.Series("cashback_minor", total), _flag("cashback_bad", bad), _flag("cashback_odd", odd)])


def _entries(spans: Spans, width: int, first: int = 0) -> Iterator[tuple[NDArray[np.int64], Spans]]:
    """The entries of a field that repeats every ``width`` characters, from character ``first`` on.

    That is the first of all messages that have one, then the second, and so on; the last of a field may be cut.
    """
    for begin in range(first, int(spans.length.max(initial=0)), width):
        rows = np.flatnonzero(spans.length > begin)
        yield rows, spans.rows(rows).part(begin, width)


def _numbers(spans: Spans) -> tuple[Amounts, Flags]:
    values, state = numbers(spans.data, spans.base, spans.start, spans.length, spans.alphabet.zero, cores())
    return values, state == 1


def _add(rows: NDArray[np.int64], amounts: Spans, total: Amounts, bad: Flags) -> None:
    values, good = _numbers(amounts)
    total[rows] += values
    bad[rows] |= ~good


def _differs(code: Spans, currency: Numbers, rows: NDArray[np.int64]) -> Flags:
    values, good = _numbers(code)
    wrong: Flags = ~good | ~currency.good[rows] | (values != currency.values[rows])
    return wrong


def _is(spans: Spans, character: str) -> Flags:
    """Whether the first byte of each field is that character; false where the field is absent."""
    there = np.flatnonzero(spans.length > 0)
    found = np.zeros(len(spans.length), dtype=np.bool_)
    found[there] = spans.alphabet.codes[spans.data[spans.base[there] + spans.start[there]]] == ord(character)
    return found


def reversal(messages: Messages) -> pl.Series:
    """Whether PDS0025 marks a message as taking back: its first character is R."""
    return _flag("reversal", _is(messages.field("PDS0025"), "R"))


def card_flags(messages: Messages) -> list[pl.Series]:
    """``has_card``, and ``luhn``: whether DE2 is a card number of 12 to 19 digits that passes the Luhn check."""
    card = messages.field("DE2")
    shortest, longest = _CARD_DIGITS
    size = _flag("size", (card.length >= shortest) & (card.length <= longest))
    return [_flag("has_card", card.length >= 0), (luhn_of(card) & size).alias("luhn")]


def local_time(number: Numbers) -> pl.Series:
    """DE12 as a local date-time, empty where it is absent or no such time exists."""
    day = _days()[number.values // 1_000_000 % 1_000_000]
    clock = number.values % 1_000_000
    hours, minutes, seconds = clock // 10_000, clock // 100 % 100, clock % 100
    sound = number.good & (day != _NO_DAY) & (hours < _HOURS) & (minutes < _SIXTY) & (seconds < _SIXTY)
    moment = day * _DAY_MS + ((hours * _SIXTY + minutes) * _SIXTY + seconds) * 1000
    return Numbers(values=moment, good=sound).series("local_time").cast(pl.Datetime("ms"))


def settlement_date(messages: Messages, part: Part, number: Numbers) -> list[pl.Series]:
    """``settlement_date`` out of YYMMDD, and ``settlement_date_bad``; zeros and blanks are how it is left out."""
    day = _days()[number.values % 1_000_000]
    sound = number.good & (day != _NO_DAY)
    bad = number.good & (number.values != 0) & ~sound
    field = messages.field(part.name)
    rows = np.flatnonzero(~number.good & (field.length > 0))
    bad[rows] = texts(field.rows(rows).part(part.first, part.size), "told").is_not_null().to_numpy()
    column = Numbers(values=day, good=sound).series("settlement_date").cast(pl.Int32).cast(pl.Date)
    return [column, _flag("settlement_date_bad", bad)]


@cache
def _days() -> NDArray[np.int64]:
    """Days since 1970 of each YYMMDD; the files of this format are younger than the year 2000."""
    known = np.arange(np.datetime64("2000-01-01"), np.datetime64("2100-01-01"))
    year = known.astype("datetime64[Y]")
    month = known.astype("datetime64[M]")
    written = (year.astype(np.int64) - 30) * 10_000
    written += ((month - year).astype(np.int64) + 1) * 100 + (known - month).astype(np.int64) + 1
    found = np.full(1_000_000, _NO_DAY, dtype=np.int64)
    found[written] = known.astype(np.int64)
    return found


def exponents_differ(messages: Messages, first: Numbers) -> pl.Series:
    """Whether PDS0148 (currency 3, exponent 1, repeating) contradicts ISO 4217; an unknown currency does not.

    ``first`` is the first pair as a number.
    """
    field = messages.field("PDS0148")
    pair = first.good & (field.length == _PAIR)
    found = pair & _contradictions()[first.values]
    # Several pairs, or what is no pair at all: as text, each different one once.
    rows = np.flatnonzero((field.length >= 0) & ~pair)
    if len(rows):
        told = texts(field.rows(rows), "told")
        judged = {text: _differ(text) for text in told.drop_nulls().unique().to_list()}
        found[rows] = told.replace_strict(judged, default=False, return_dtype=pl.Boolean).fill_null(value=False)
    return _flag("exponents_differ", found)


def _differ(text: str) -> bool:
    pairs = [(text[at : at + 3], text[at + 3 : at + 4]) for at in range(0, len(text), _PAIR)]
    return any(
        len(text) % _PAIR != 0 or (code in NUMERIC_CODES and str(EXPONENTS[NUMERIC_CODES[code]]) != places)
        for code, places in pairs
    )


@cache
def _contradictions() -> Flags:
    """Of each pair of currency and exponent as a number, whether it contradicts."""
    return np.array([_differ(f"{pair:04d}") for pair in range(10_000)])


def _flag(name: str, values: Flags) -> pl.Series:
    return pl.Series(name, values, dtype=pl.Boolean)
