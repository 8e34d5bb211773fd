"""Periods and years a second time, naively: every day is named by itself, and days of one name are a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Named:
    """A period: its name, its days, and the day on which its year begins."""

    text: str
    first: date
    last: date
    year: date


@dataclass(frozen=True)
class Says:
    """What a contract says of its periods: their kind, the day on which years begin, the days of cycles."""

    calendar: str
    begins: str = "01-01"
    cycle_days: tuple[int, ...] = ()

    @property
    def toml(self) -> str:
        """The table's lines."""
        fiscal = f'year = "fiscal"\nyear_begins = "{self.begins}"' if self.begins != "01-01" else 'year = "calendar"'
        cycles = f"\ncycle_days = {list(self.cycle_days)}" if self.cycle_days else ""
        return f'calendar = "{self.calendar}"\n{fiscal}{cycles}'

    def year(self, day: date) -> date:
        """The latest day not after ``day`` on which a year begins."""
        month, number = (int(part) for part in self.begins.split("-"))
        for year in (day.year, day.year - 1):
            begins = there_or_last(year, month, number)
            if begins <= day:
                return begins
        raise AssertionError("a year began in the last two")

    @lru_cache(maxsize=20_000)  # noqa: B019 - what a contract says is compared by its value, and there are a dozen
    def name(self, day: date) -> str:
        """The name of the period that a day lies in."""
        if self.calendar == "day":
            return f"{day.year}-{day.month:02}-{day.day:02}"
        if self.calendar == "month":
            return f"{day.year}-{day.month:02}"
        if self.calendar == "week":
            thursday = day
            while thursday.weekday() != 3:
                thursday += DAY if day.weekday() < 3 else -DAY
            number = 1 + ((thursday - date(thursday.year, 1, 1)).days) // 7
            return f"{thursday.year}-W{number:02}"
        if self.calendar == "cycle":
            first = max(one for one in self.cycle_days if one <= day.day)
            last = day
            while (last + DAY).day not in self.cycle_days:
                last += DAY
            return f"{day.year}-{day.month:02}-C{first:02}-{last.day:02}"
        year = self.year(day)
        months = {"quarter": 3, "half_year": 6, "year": 12}[self.calendar]
        month, number = (int(part) for part in self.begins.split("-"))
        part = 0
        while there_or_last(year.year, month + months * part, number) <= day:
            part += 1
        written = f"{year.year}" if self.begins == "01-01" else f"{year.year}-{self.begins}"
        if self.calendar == "year":
            return written if self.begins == "01-01" else f"{written}-Y"
        return f"{written}-{'Q' if months == 3 else 'H'}{part}"

    def periods(self, first: date, last: date) -> list[Named]:
        """The periods that have a day from ``first`` to ``last``, whole."""
        while self.name(first - DAY) == self.name(first):
            first -= DAY
        found = []
        while first <= last:
            end = first
            while self.name(end + DAY) == self.name(first):
                end += DAY
            found.append(Named(self.name(first), first, end, self.year(end)))
            first = end + DAY
        return found


def there_or_last(year: int, month: int, day: int) -> date:
    """A day of a month counted on from January, or the last that the month has."""
    while month > 12:
        year, month = year + 1, month - 12
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1


CALENDARS: Sequence[Says] = (
    Says("month"),
    Says("quarter"),
    Says("month", begins="07-01"),
    Says("quarter", begins="07-01"),
    Says("half_year"),
    Says("half_year", begins="02-29"),
    Says("year"),
    Says("year", begins="04-15"),
    Says("cycle", cycle_days=(1, 8, 16, 23)),
    Says("cycle", begins="07-16", cycle_days=(1, 16)),
    Says("week"),
    Says("week", begins="10-01"),
)
