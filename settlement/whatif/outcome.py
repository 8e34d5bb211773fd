"""What a contract gives in every period of a home, as known after one night: statements that nobody is sent.

Every period is settled once, with all that is known now, exchange rates and bank calendars too: a late record counts in
the period that its contract places it in, so that there is nothing to adjust. Where a contract re-opens closed periods
for a time, a period is settled with what was known on the last day of it: what came later is parked, and no part of any
statement. Balances and advances go from period to period as they do in the nights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, partial
from typing import Final

import polars as pl

from settlement import books, restate_books
from settlement.errors import TerminalError
from settlement.history import naming_damage, told_after
from settlement.model.contract import ContractVersion
from settlement.model.dates import Calendar, Period, PeriodKind, period_from, period_of
from settlement.model.stage import StageInput
from settlement.model.statement_lines import CARRY_IN, CARRY_OUT
from settlement.rate.adjustments import reopened_until
from settlement.rate.changes import sums_day_by_day
from settlement.rate.condensed import sums_of_all
from settlement.rate.evaluate import evaluate, in_force, looks_back
from settlement.rate.facts import Facts, gather
from settlement.rate.stated import NOTHING_STATED, PayoutRow, with_statement
from settlement.rate.statement import statement
from settlement.rate.windows import Lines
from settlement.stages import stage_named
from settlement.store import Home

TOTAL: Final = "total"
ALL: Final = "all periods"
_RATE: Final = "rate"
_COLUMNS: Final[dict[str, pl.DataType]] = {
    **{name: pl.String() for name in ("period", "term", "beneficiary", "currency")},
    **{name: pl.Int64() for name in ("before_minor", "after_minor", "difference_minor")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One line of a period's statement, or of several periods', under two contracts; minor units of ``currency``.

    ``beneficiary`` is empty for a term and for the total of the terms. An amount is None where that contract has no
    such line.
    """

    period: str
    term: str
    beneficiary: str | None
    currency: str
    before: int | None
    after: int | None

    @property
    def difference(self) -> int:
        """After less before; a line that is missing is zero."""
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFacts:
    """What a home knows: ``now``, and as it did after any day before (``then``)."""

    now: Facts
    then: Callable[[date], Facts]


@naming_damage
def known_after(home: Home, as_of: date | None = None) -> HomeFacts:
    """What a home knows after a day, the latest night where none is named. Nothing is written.

    Raises TerminalError where no night is rated, or none up to that day.
    """
    engine = books.connect(home)
    nights = books.nights_of(engine, _RATE)
    if not nights:
        raise TerminalError(f"{home.root} has no night that is settled: run `settle run --home {home.root}` first.")
    day = nights[-1] if as_of is None else as_of
    if not nights[0] <= day <= nights[-1]:
        raise TerminalError(
            f"Nothing is known as of {day}: its nights are {nights[0]} to {nights[-1]}; name one of these."
        )
    night = max(night for night in nights if night <= day)
    inputs = told_after(home, night, stage_named(_RATE).history, restate_books.restatements(engine, night))
    return HomeFacts(now=replace(gather(inputs, night), day=day), then=facts_then(inputs, nights))


def facts_then(inputs: StageInput, nights: Sequence[date]) -> Callable[[date], Facts]:
    """What is known after days from the first night on: of days without a night, what the night before them brought."""
    gathered = lru_cache(maxsize=1)(partial(gather, inputs))
    return lambda day: replace(gathered(max(night for night in nights if night <= day)), day=day)


def from_the_first(version: ContractVersion, facts: Facts) -> tuple[ContractVersion]:
    """One contract file as if it had been in force from the first night on, whatever day it is named by."""
    first = period_of(facts.first_night, version.contract.calendar).first
    return (replace(version, effective=min(version.effective, first)),)


def statements(versions: Sequence[ContractVersion], known: HomeFacts) -> list[PayoutRow]:
    """The statement of every period up to now: CLOSED, and PREVIEW where the period has not ended.

    Parameters
    ----------
    versions:
        The versions of one contract in ascending order of their effective dates.
    known:
        What is known. A share is converted at the rate of its period's last day.
    """
    facts = known.now
    if facts.calendars is not None:
        # What bank calendars have told since a period's last day is known, as exchange rates are.
        facts = replace(facts, calendars=lambda calendar, _: known.now.open_days(calendar))
    lines = _booked(versions, known)
    rows: list[PayoutRow] = []
    stated = NOTHING_STATED
    for period, found in lines.items():
        then = replace(facts, day=min(period.last, facts.day))
        fresh = statement(versions, then, {period: found}, stated)
        stated = with_statement(stated, fresh)
        rows += fresh
    return rows


def _booked(versions: Sequence[ContractVersion], known: HomeFacts) -> Mapping[Period, Lines]:
    """The terms of every period, each as known on the last day on which its contract lets it change."""
    facts = known.now
    lines = dict(evaluate(versions, facts, sums_of_all(versions, facts)))
    rule = in_force(versions, max(lines)).contract.settlement.adjustments
    wanted_alone = not any(looks_back(version) for version in versions)
    facts_of = lru_cache(maxsize=1)(known.then)
    sums = sums_day_by_day(lambda _: tuple(versions), facts_of)
    for period in lines:
        until = reopened_until(rule, period)
        if until is not None and until < facts.day:
            wanted = [period] if wanted_alone else None
            lines[period] = evaluate(versions, facts_of(until), sums(until), wanted)[period]
    return lines


def within(rows: Iterable[PayoutRow], first: date, last: date) -> list[PayoutRow]:
    """The rows of the periods that have a day from ``first`` to ``last``."""
    found = []
    for row in rows:
        period = period_from(row.period)
        if period.first <= last and first <= period.last:
            found.append(row)
    return found


def compared(before: Iterable[PayoutRow], after: Iterable[PayoutRow], by: Calendar | None) -> list[Compared]:
    """The lines of two contracts side by side, periods ascending, and of several periods together at the end.

    Parameters
    ----------
    by:
        Months, quarters or years into which shorter periods are added up; None keeps the contract's own.
    """
    sides = [_added(rows, by) for rows in (before, after)]
    # A term of one side alone stands with the terms, the total after all of them, then each beneficiary's lines.
    keys = sorted(dict.fromkeys([*sides[0], *sides[1]]), key=lambda k: (k[0], k[1], k[3] or "", k[2] == TOTAL))
    several = len({key[1] for key in keys}) > 2  # noqa: PLR2004 - a span, and all periods together
    return [
        Compared(
            period=period,
            term=term,
            beneficiary=beneficiary,
            currency=currency,
            before=sides[0].get(key),
            after=sides[1].get(key),
        )
        for key in keys
        for _, period, term, beneficiary, currency in [key]
        if several or period != ALL
    ]


def totals_by_month(rows: Iterable[PayoutRow]) -> dict[str, int]:
    """What the terms give together by month, or by period where that is longer: minor units, months ascending."""
    added = _added(rows, Calendar(kind=PeriodKind.MONTH))
    return {text: amount for (_, text, term, *_), amount in added.items() if term == TOTAL and text != ALL}


def as_rows(lines: Iterable[Compared], *, both: bool) -> pl.DataFrame:
    """The lines as a table: period, term, beneficiary, currency, and minor units: before, after and their difference.

    Without ``both`` there is one amount.
    """
    told = pl.DataFrame(
        [(one.period, one.term, one.beneficiary, one.currency, one.before, one.after, one.difference) for one in lines],
        schema=_COLUMNS,
        orient="row",
    )
    return told if both else told.drop("before_minor", "difference_minor").rename({"after_minor": "amount_minor"})


_Key = tuple[date, str, str, str | None, str]
"""First day and name of a span of time, term, beneficiary and currency."""


def _added(rows: Iterable[PayoutRow], by: Calendar | None) -> dict[_Key, int]:
    """Amounts by line and span of time; a balance is the first that comes in, and the last that goes out."""
    found: dict[_Key, int] = {}
    for row in rows:
        period = _span(period_from(row.period), by)
        for first, text in ((period.first, period.text), (date.max, ALL)):
            key = (first, text, row.term, row.beneficiary, row.currency)
            before = found.get(key)
            if before is None or row.term == CARRY_OUT:
                found[key] = row.amount_minor
            elif row.term != CARRY_IN:
                found[key] = before + row.amount_minor
            if row.beneficiary is None:
                total = (first, text, TOTAL, None, row.currency)
                found[total] = found.get(total, 0) + row.amount_minor
    return found


def _span(period: Period, by: Calendar | None) -> Period:
    """The month, quarter or year that a period lies in, or the period itself where it is the longer one."""
    if by is None:
        return period
    span = period_of(period.first, by)
    return span if period.last in span else period
