"""Dates of four digits in Visa records: every number beside the calendar."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from settlement.parse.visa_fields import processed, yearless

NUMBERS = pl.Series("number", [*range(10_000), None, 12_310], dtype=pl.Int64)


@pytest.mark.parametrize("anchor", [date(2025, 12, 31), date(2026, 1, 1), date(2024, 2, 29), date(2025, 2, 28)])
def test_every_number_is_the_day_of_the_year_before_the_file_or_none(anchor: date) -> None:
    year = [anchor - timedelta(days=back) for back in range(366)]
    by_month_and_day = {100 * day.month + day.day: day for day in reversed(year)}
    by_ordinal = {day.year % 10 * 1000 + int(f"{day:%j}"): day for day in year}
    told = yearless(NUMBERS, anchor, "day")
    assert (told.name, told.dtype, told.is_not_null().sum()) == ("day", pl.Date, 366)
    assert [day for number, day in zip(NUMBERS, told, strict=True) if number != 229] == [
        by_month_and_day.get(number) for number in NUMBERS if number != 229
    ]
    assert told[229] == date(2024, 2, 29)
    assert processed(NUMBERS, anchor, "day").to_list() == [by_ordinal.get(number) for number in NUMBERS]
