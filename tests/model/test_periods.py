"""Periods: those of a calendar tile the days, their texts sort as they do, and each is read back from its text."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.model.dates import (
    Calendar,
    PeriodKind,
    closes_year,
    following,
    period_from,
    period_of,
    year_of,
)

CYCLES = (1, 8, 16, 23)
DAY = timedelta(days=1)
kinds = st.sampled_from(PeriodKind)
starts = st.dates(date(2000, 1, 1), date(2000, 12, 31)).map(lambda day: (day.month, day.day))
cycle_days = st.sets(st.integers(2, 28), max_size=9).map(lambda days: (1, *sorted(days)))
calendars = st.one_of(
    st.builds(Calendar, kind=kinds.filter(lambda kind: kind is not PeriodKind.CYCLE), begins=starts),
    st.builds(Calendar, kind=st.just(PeriodKind.CYCLE), cycle_days=cycle_days, begins=starts),
    st.builds(Calendar, kind=st.just(PeriodKind.QUARTER), begins=st.just((2, 29))),
)
days = st.dates(date(1999, 1, 1), date(2033, 12, 31))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(calendars, days, st.integers(1, 800))
def test_every_day_lies_in_exactly_one_period(calendar: Calendar, day: date, many: int) -> None:
    for one in (day + number * DAY for number in range(min(many, 60))):
        here, before = period_of(one, calendar), period_of(one - DAY, calendar)
        assert one in here
        assert here == before or (before.last, here.first) == (one - DAY, one)
        assert (here == before) == (one in before)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(calendars, days)
def test_texts_sort_as_periods_do_and_are_read_back(calendar: Calendar, day: date) -> None:
    periods = [period_of(day, calendar)]
    while len(periods) < 60:
        periods.append(following(periods[-1], calendar))
    assert all(one.last + DAY == other.first for one, other in pairwise(periods))
    assert [period.text for period in periods] == sorted({period.text for period in periods})
    assert [period_from(period.text) for period in periods] == periods


@settings(max_examples=100, deadline=None, derandomize=True)
@given(calendars, days)
def test_years_hold_whole_periods_and_one_of_them_closes_each(calendar: Calendar, day: date) -> None:
    year = year_of(day, calendar)
    period, last = period_of(year.first, calendar), []
    while period.last <= year.last:
        last.append(closes_year(period, calendar))
        period = following(period, calendar)
    assert last == [False] * (len(last) - 1) + [True]
    assert year.last + DAY == year_of(year.last + DAY, calendar).first
    anniversary = (
        year.first.replace(year=year.first.year + 1) if (year.first.month, year.first.day) != (2, 29) else None
    )
    assert anniversary is None or abs(year.last + DAY - anniversary) <= DAY


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dates(), calendars)
def test_the_first_and_last_days_of_time_have_periods_too(day: date, calendar: Calendar) -> None:
    for one in (date.min, date.max, day):
        assert one in period_of(one, calendar)


@pytest.mark.parametrize(
    ("day", "calendar", "text", "first", "last"),
    [
        ("2010-12-29", Calendar(kind=PeriodKind.DAY), "2010-12-29", "2010-12-29", "2010-12-29"),
        ("2010-12-29", Calendar(kind=PeriodKind.MONTH), "2010-12", "2010-12-01", "2010-12-31"),
        ("2010-12-29", Calendar(kind=PeriodKind.QUARTER), "2010-Q4", "2010-10-01", "2010-12-31"),
        ("2010-06-30", Calendar(kind=PeriodKind.HALF_YEAR), "2010-H1", "2010-01-01", "2010-06-30"),
        ("2010-12-29", Calendar(kind=PeriodKind.YEAR), "2010", "2010-01-01", "2010-12-31"),
        ("2011-01-02", Calendar(kind=PeriodKind.WEEK), "2010-W52", "2010-12-27", "2011-01-02"),
        ("2009-12-31", Calendar(kind=PeriodKind.WEEK), "2009-W53", "2009-12-28", "2010-01-03"),
        (
            "2026-01-07",
            Calendar(kind=PeriodKind.CYCLE, cycle_days=CYCLES),
            "2026-01-C01-07",
            "2026-01-01",
            "2026-01-07",
        ),
        (
            "2028-02-29",
            Calendar(kind=PeriodKind.CYCLE, cycle_days=CYCLES),
            "2028-02-C23-29",
            "2028-02-23",
            "2028-02-29",
        ),
        ("2026-01-15", Calendar(kind=PeriodKind.QUARTER, begins=(7, 1)), "2025-07-01-Q3", "2026-01-01", "2026-03-31"),
        ("2026-06-30", Calendar(kind=PeriodKind.HALF_YEAR, begins=(7, 1)), "2025-07-01-H2", "2026-01-01", "2026-06-30"),
        ("2026-06-30", Calendar(kind=PeriodKind.YEAR, begins=(7, 1)), "2025-07-01-Y", "2025-07-01", "2026-06-30"),
        ("2027-02-28", Calendar(kind=PeriodKind.YEAR, begins=(2, 29)), "2027-02-29-Y", "2027-02-28", "2028-02-28"),
        ("2028-02-29", Calendar(kind=PeriodKind.YEAR, begins=(2, 29)), "2028-02-29-Y", "2028-02-29", "2029-02-27"),
        ("2026-02-28", Calendar(kind=PeriodKind.QUARTER, begins=(8, 31)), "2025-08-31-Q3", "2026-02-28", "2026-05-30"),
    ],
)
def test_periods_and_their_texts(day: str, calendar: Calendar, text: str, first: str, last: str) -> None:
    period = period_of(date.fromisoformat(day), calendar)
    assert (period.text, period.first.isoformat(), period.last.isoformat()) == (text, first, last)
    assert period_from(text) == period


def test_cycles_are_forty_eight_a_year() -> None:
    calendar = Calendar(kind=PeriodKind.CYCLE, cycle_days=CYCLES)
    assert len({period_of(date(2028, 1, 1) + number * DAY, calendar) for number in range(366)}) == 48


@pytest.mark.parametrize(
    "text",
    [
        *("", "201", "2010-13", "2010-Q5", "2010-Q0", "2010-Q", "2010-Q01", "2010-02-30", "20101229", "2010-W54"),
        *("2010-W00", "2010-W1", "2010-H3", "2010-H0", "2010-Y", "2010-01-01-Y", "2010-01-01-Q1", "2010-02-30-Y"),
        *("2010-01-C1-7", "2010-01-C08-07", "2010-02-C23-31", "2010-07-Q1", "2010-07-01-W01", "2010-W01-Q1"),
        *("2010-13-C01-07", "2010-01-C00-07", "2010-01-02-C01-07"),
    ],
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        period_from(text)
