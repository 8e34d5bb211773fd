"""Dates: years completed against an anchor, the periods that contracts settle by, and the night a file came."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import polars as pl


class PeriodKind(StrEnum):
    """The calendars by which a contract closes."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Period:
    """A closed range of calendar days with its written form: 2010-Q4, 2010-12, 2010-12-29 or 2010."""

    first: date
    last: date
    text: str

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def next(self) -> Period:
        """The period of the same kind that starts the day after this one ends."""
        return period_of(self.last + timedelta(days=1), self.kind)

    @property
    def kind(self) -> PeriodKind:
        """The calendar this period belongs to, told from its written form."""
        if "Q" in self.text:
            return PeriodKind.QUARTER
        return {4: PeriodKind.YEAR, 7: PeriodKind.MONTH, 10: PeriodKind.DAY}[len(self.text)]


def period_of(day: date, kind: PeriodKind) -> Period:
    """The period of ``kind`` that contains ``day``."""
    match kind:
        case PeriodKind.DAY:
            return Period(first=day, last=day, text=day.isoformat())
        case PeriodKind.MONTH:
            first, months, text = day.replace(day=1), 1, f"{day:%Y-%m}"
        case PeriodKind.QUARTER:
            quarter = (day.month - 1) // 3
            first, months, text = date(day.year, 3 * quarter + 1, 1), 3, f"{day.year}-Q{quarter + 1}"
        case PeriodKind.YEAR:
            first, months, text = date(day.year, 1, 1), 12, str(day.year)
    end_month = first.month + months - 1
    last = date(first.year, end_month, monthrange(first.year, end_month)[1])
    return Period(first=first, last=last, text=text)


def period_from(text: str) -> Period:
    """The period that is written ``text``; ValueError where no period is written so."""
    year, _, rest = text.partition("-")
    if rest.startswith("Q"):
        found = period_of(date(int(year), 3 * int(rest[1:]) - 2, 1), PeriodKind.QUARTER)
    else:
        kind = {4: PeriodKind.YEAR, 7: PeriodKind.MONTH, 10: PeriodKind.DAY}.get(len(text))
        if kind is None:
            raise ValueError(f"{text!r} is no period")
        found = period_of(date.fromisoformat(f"{text}-01-01"[:10]), kind)
    if found.text != text:
        raise ValueError(f"{text!r} is no period")
    return found


def month_after(first: date, months: int) -> date:
    """The same day that many months later; the last day of a month that has no such day."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def latest_not_after(month: int, day: int, anchor: date) -> date | None:
    """Complete a date without a year: the latest such date not after ``anchor``.

    None where no such calendar date exists. 29 February goes back to the last leap year.
    """
    for year in range(anchor.year, anchor.year - 9, -1):
        try:
            found = date(year, month, day)
        except ValueError:
            if (month, day) != (2, 29):
                return None
            continue
        if found <= anchor:
            return found
    return None


def delivered_on(file: pl.Expr) -> pl.Expr:
    """The night on which each file came, from its delivery folder; the records of a file are known from then on."""
    return file.str.split("/").list.first().str.to_date("%Y-%m-%d", strict=False)
