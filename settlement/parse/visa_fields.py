"""Fields of Visa records as columns: numbers that may be blank, currencies, dates without a year, card numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from settlement.model.dates import latest_not_after
from settlement.model.money import NUMERIC_CODES
from settlement.parse.candidates import by_distinct
from settlement.parse.spans import Spans

_CURRENCIES: Final = pl.Series([NUMERIC_CODES.get(f"{number:03d}") for number in range(1000)], dtype=pl.String)
_DECADE: Final = 10
_LONGER: Final = 3
_ORDINAL: Final = 5
_YEAR: Final = 366


def currencies(numbers: pl.Series) -> pl.Series:
    """ISO 4217 letters of numeric codes; empty where there is no such currency."""
    return _CURRENCIES.gather(numbers.fill_null(0)).alias(numbers.name)


def yearless(number: pl.Series, anchor: date, name: str) -> pl.Series:
    """Dates of MMDD as a number: the latest such day not after ``anchor``; empty where no such day exists."""

    def completed(found: object) -> date | None:
        month, day = divmod(int(str(found)), 100)
        return latest_not_after(month, day, anchor)

    return by_distinct(number, completed, pl.Date(), name)


def processed(number: pl.Series, anchor: date, name: str) -> pl.Series:
    """Dates of YDDD as a number, in the year that ends with ``anchor``; empty where no such day lies there."""

    def completed(found: object) -> date | None:
        digit, days = divmod(int(str(found)), 1000)
        for year in (anchor.year, anchor.year - 1):
            if year % _DECADE == digit:
                day = ordinal(year, days)
                return day if day is not None and anchor - timedelta(days=_YEAR) < day <= anchor else None
        return None

    return by_distinct(number, completed, pl.Date(), name)


def ordinal(year: int, days: int) -> date | None:
    """The day of a year by its number from 1; None where the year has no such day."""
    if not 0 < days <= _YEAR:
        return None
    found = date(year, 1, 1) + timedelta(days=days - 1)
    return found if found.year == year else None


def ordinal_date(text: str) -> date | None:
    """The date of YYDDD; the files of this format are younger than the year 2000."""
    if len(text) != _ORDINAL or not digits(text):
        return None
    return ordinal(2000 + int(text[:2]), int(text[2:]))


def digits(text: str) -> bool:
    """Whether a text is nothing but the digits 0 to 9, at least one."""
    return text.isascii() and text.isdecimal()


def card_spans(card: Spans, extended: pl.Series) -> Spans:
    """The card number: 16 digits, or 19 where the extension beside it is used."""
    longer = np.where(extended.to_numpy() & (card.length >= 0), np.int32(_LONGER), np.int32(0))
    return replace(card, length=(card.length + longer).astype(np.int32))
