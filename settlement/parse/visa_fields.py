"""Fields of Visa records as columns: numbers that may be blank, currencies, dates without a year, card numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Final

import numpy as np
import polars as pl

from settlement.model.dates import latest_not_after
from settlement.model.money import NUMERIC_CODES
from settlement.parse.spans import Spans

_CURRENCIES: Final = pl.Series([NUMERIC_CODES.get(f"{number:03d}") for number in range(1000)], dtype=pl.String)
_DECADE: Final = 10
_LAST: Final = 9999
"""The last number of four digits; no day is written so."""
_LONGER: Final = 3
_ORDINAL: Final = 5
_YEAR: Final = 366


def currencies(numbers: pl.Series) -> pl.Series:
    """ISO 4217 letters of numeric codes; empty where there is no such currency."""
    return _CURRENCIES.gather(numbers.fill_null(0)).alias(numbers.name)


def yearless(number: pl.Series, anchor: date, name: str) -> pl.Series:
    """Dates of MMDD as a number: the latest such day not after ``anchor``; empty where no such day exists."""
    return _dates(number, _latest_days(anchor), name)


def processed(number: pl.Series, anchor: date, name: str) -> pl.Series:
    """Dates of YDDD as a number, in the year that ends with ``anchor``; empty where no such day lies there."""
    return _dates(number, _days_of_year(anchor), name)


def _dates(number: pl.Series, days: pl.Series, name: str) -> pl.Series:
    """The day of each number."""
    return days.gather(number.fill_null(_LAST).clip(upper_bound=_LAST)).alias(name)


@cache
def _latest_days(anchor: date) -> pl.Series:
    """By MMDD the latest such day not after a date."""
    found = {100 * month + day: latest_not_after(month, day, anchor) for month in range(1, 13) for day in range(1, 32)}
    return _by_number(found)


@cache
def _days_of_year(anchor: date) -> pl.Series:
    """By YDDD the days of the year that ends with a date."""
    days = [anchor - timedelta(days=back) for back in range(_YEAR)]
    return _by_number({day.year % _DECADE * 1000 + day.timetuple().tm_yday: day for day in days})


def _by_number(days: Mapping[int, date | None]) -> pl.Series:
    return pl.Series([days.get(number) for number in range(_LAST + 1)], dtype=pl.Date)


def ordinal_date(text: str) -> date | None:
    """The date of YYDDD, None where there is no such day; files of this format are younger than the year 2000."""
    if len(text) != _ORDINAL or not digits(text):
        return None
    year = 2000 + int(text[:2])
    found = date(year, 1, 1) + timedelta(days=int(text[2:]) - 1)
    return found if found.year == year else None


def digits(text: str) -> bool:
    """Whether a text is nothing but the digits 0 to 9, at least one."""
    return text.isascii() and text.isdecimal()


def card_spans(card: Spans, extended: pl.Series) -> Spans:
    """The card number: 16 digits, or 19 where the extension beside it is used."""
    longer = np.where(extended.to_numpy() & (card.length >= 0), np.int32(_LONGER), np.int32(0))
    return replace(card, length=(card.length + longer).astype(np.int32))
