"""Dates: years completed against an anchor, the periods that contracts settle by, and the night a file came."""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

import polars as pl


class PeriodKind(StrEnum):
    """How long the periods are by which a contract closes; a cycle is a part of a month."""

    DAY = "day"
    WEEK = "week"
    CYCLE = "cycle"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


_DAY: Final = timedelta(days=1)
_DAYS_KEPT: Final = 4096
"""How many days are remembered with their periods: terms ask for the same ones again and again."""
_NEW_YEAR: Final = (1, 1)
_PARTS_OF_A_YEAR: Final = {PeriodKind.QUARTER: ("Q", 3), PeriodKind.HALF_YEAR: ("H", 6), PeriodKind.YEAR: ("Y", 12)}
"""The letter and the months of what a year is cut into; years begin where the calendar says."""
PERIOD_TEXT: Final = (
    "([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?(?:-(?:([QH])([0-9])|(Y)|W([0-9]{2})|C([0-9]{2})-([0-9]{2})))?"
)
"""The regular expression of all that may be the text of a period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """How days fall into periods, and periods into years.

    Attributes
    ----------
    kind:
        How long a period is. A week begins on its Monday (ISO 8601).
    cycle_days:
        The days of a month on which its cycles begin, ascending from 1 and 28 at most; of cycles alone.
    begins:
        Month and day on which years begin, and with them their quarters and halves. A day that a month does not have
        is its last: a year from 29 February begins on the 28th where there is no 29th.
    """

    kind: PeriodKind
    cycle_days: tuple[int, ...] = ()
    begins: tuple[int, int] = _NEW_YEAR


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Period:
    """A closed range of calendar days with its written form, from which it can be read back.

    A day is ``2010-12-29``, a week ``2010-W52``, a cycle ``2010-12-C23-31`` with its first and last day, a month
    ``2010-12``. A year and its quarters and halves are ``2010``, ``2010-Q4`` and ``2010-H2``, where years begin on 1
    January; elsewhere the year is written by the month and day on which years begin: ``2010-07-01-Y``,
    ``2010-07-01-Q4``, ``2010-07-01-H2``. Texts of one calendar sort as their periods do.
    """

    first: date
    last: date
    text: str

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@lru_cache(maxsize=_DAYS_KEPT)
def period_of(day: date, calendar: Calendar) -> Period:
    """The period of a calendar that contains ``day``."""
    match calendar.kind:
        case PeriodKind.DAY:
            return Period(first=day, last=day, text=day.isoformat())
        case PeriodKind.WEEK:
            year, week, weekday = day.isocalendar()
            first = day - (weekday - 1) * _DAY
            return Period(first=first, last=first + min(6 * _DAY, date.max - first), text=f"{year:04}-W{week:02}")
        case PeriodKind.CYCLE:
            end = monthrange(day.year, day.month)[1]
            bounds = [*calendar.cycle_days, end + 1]
            number = bisect_right(bounds, day.day)
            first, last = day.replace(day=bounds[number - 1]), day.replace(day=bounds[number] - 1)
            return Period(first=first, last=last, text=f"{day.isoformat()[:7]}-C{first.day:02}-{last.day:02}")
        case PeriodKind.MONTH:
            last = day.replace(day=monthrange(day.year, day.month)[1])
            return Period(first=day.replace(day=1), last=last, text=day.isoformat()[:7])
        case PeriodKind.QUARTER | PeriodKind.HALF_YEAR | PeriodKind.YEAR:
            return _part_of_year(day, calendar)


def following(period: Period, calendar: Calendar) -> Period:
    """The period that begins on the day after this one ends."""
    return period_of(period.last + _DAY, calendar)


def year_of(day: date, calendar: Calendar) -> Period:
    """The year of a calendar that contains ``day``. A period lies in the year that contains its last day."""
    return period_of(day, Calendar(kind=PeriodKind.YEAR, begins=calendar.begins))


def closes_year(period: Period, calendar: Calendar) -> bool:
    """Whether no later period lies in the same year."""
    return following(period, calendar).last not in year_of(period.last, calendar)


def period_from(text: str) -> Period:
    """The period that is written ``text``; ValueError where no period is written so."""
    read = re.fullmatch(PERIOD_TEXT, text)
    found = None if read is None else _read(*read.groups())
    if found is None or found.text != text:
        raise ValueError(f"{text!r} is no period")
    return found


def _read(year: str, *parts: str | None) -> Period | None:
    """The period that has these parts in its text; ValueError or None where there is none."""
    month, day, letter, number, whole, week, first, last = parts
    letter = letter or whole
    here = f"{year}-{month or '01'}-{day or '01'}"
    if letter is not None:
        kind = next(kind for kind, (one, _) in _PARTS_OF_A_YEAR.items() if one == letter)
        # 29 February is a day on which years may begin, though not every year has it.
        begins = date.fromisoformat(f"2000{here[4:]}")
        starts = _starts(int(year), (begins.month, begins.day), kind)
        at = int(number or 1)
        calendar = Calendar(kind=kind, begins=(begins.month, begins.day))
        return period_of(date.fromordinal(starts[at - 1]), calendar) if at < len(starts) else None
    if week is not None:
        return period_of(date.fromisocalendar(int(year), int(week), 1), Calendar(kind=PeriodKind.WEEK))
    if first is not None and last is not None:
        days = {1, int(first), *([int(last) + 1] if int(last) < 28 else [])}  # noqa: PLR2004 - every month has 28 days
        inside = date.fromisoformat(f"{here[:7]}-{first}")
        return period_of(inside, Calendar(kind=PeriodKind.CYCLE, cycle_days=tuple(sorted(days))))
    kind = PeriodKind.DAY if day else PeriodKind.MONTH if month else PeriodKind.YEAR
    return period_of(date.fromisoformat(here), Calendar(kind=kind))


def _part_of_year(day: date, calendar: Calendar) -> Period:
    """The quarter or half of a year, or the year, that contains a day."""
    letter, _ = _PARTS_OF_A_YEAR[calendar.kind]
    year, at = day.year, day.toordinal()
    if at < _starts(year, calendar.begins, calendar.kind)[0]:
        year -= 1
    starts = _starts(year, calendar.begins, calendar.kind)
    number = bisect_right(starts, at)
    month, begins = calendar.begins
    plain = calendar.begins == _NEW_YEAR
    text = f"{year:04}" if plain else f"{year:04}-{month:02}-{begins:02}"
    if calendar.kind is not PeriodKind.YEAR:
        text += f"-{letter}{number}"
    elif not plain:
        text += f"-{letter}"
    first, last = date.fromordinal(starts[number - 1]), date.fromordinal(starts[number] - 1)
    return Period(first=first, last=last, text=text)


def _starts(year: int, begins: tuple[int, int], kind: PeriodKind) -> list[int]:
    """The ordinals of the first days of a year's parts, and of the year after it."""
    _, months = _PARTS_OF_A_YEAR[kind]
    month, day = begins
    return [_ordinal(year, month + months * number, day) for number in range(12 // months + 1)]


def _ordinal(year: int, month: int, day: int) -> int:
    """The ordinal of a day, or of the last of its month, in a month counted from a year's January on.

    Before and after all dates it is that of the first of them, and of the day after the last.
    """
    more, month = divmod(month - 1, 12)
    if not 1 <= year + more <= date.max.year:
        return 1 if year + more < 1 else date.max.toordinal() + 1
    return date(year + more, month + 1, min(day, monthrange(year + more, month + 1)[1])).toordinal()


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


def delivery_night(file: str) -> date:
    """The night on which one file came, from its delivery folder. ValueError where that is no date."""
    return date.fromisoformat(file.partition("/")[0])


def open_day_after(day: date, number: int, opens: Callable[[date], bool], latest: date) -> date | None:
    """The open day that is so many open days after a day; of none the day itself, or the next open one.

    None where it does not come up to the latest day that is looked at.
    """
    left = number
    while left or not opens(day):
        day += timedelta(days=1)
        left -= int(left > 0 and opens(day))
        if day > latest:
            return None
    return day


def years_untold(told: Iterable[date], first: date, last: date) -> tuple[int, ...]:
    """The years of the days from ``first`` to ``last`` of which no day is told, in ascending order."""
    known = {day.year for day in told}
    return tuple(year for year in range(first.year, last.year + 1) if year not in known)
