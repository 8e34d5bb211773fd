"""Bank calendars that a statement counts by and of whose years nothing is told: its contract's own words hold instead.

The feed of a bank calendar tells the days of a year, all of them or those alone on which banks do not open as usual.
So a calendar is known for the years of which it tells any day. A day of another year is counted by the ``weekend`` and
``holidays`` of the contract; that the amount may rest on a day on which no bank opened is said, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from settlement.model.contract import Contract, ContractVersion
from settlement.model.dates import Period, period_from, years_untold
from settlement.model.statement_lines import INTEREST, SHARE_CONVERTED
from settlement.rate.balance import release_day
from settlement.rate.banking_days import banking_of
from settlement.rate.conversion import banking_days, exchange_of, fixing_day
from settlement.rate.evaluate import in_force
from settlement.rate.facts import Facts
from settlement.rate.stated import PayoutRow

_BANKING: Final = "banking_days"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """Days of a bank calendar that one place of a contract counts in a period, and the years not told of it."""

    contract: str
    clause: str
    place: str
    period: str
    calendar: str
    first: date
    last: date
    years: tuple[int, ...]

    @property
    def subject(self) -> str:
        """What it is about, which one night tells once."""
        return f"{self.contract} {self.period} {self.place}"

    @property
    def sentence(self) -> str:
        """For a person: what was counted by what, and what to do."""
        years = " and ".join(map(str, self.years))
        return (
            f"Contract {self.contract}, clause {self.clause}: {self.place} counts banking days from {self.first} to "
            f"{self.last} for {self.period}, and the bank calendar {self.calendar} tells no day of {years}: the "
            "contract's own `weekend` and `holidays` were taken; deliver the calendar, or correct its name."
        )


def untold_days(versions: Sequence[ContractVersion], facts: Facts, rows: Iterable[PayoutRow]) -> tuple[Untold, ...]:
    """What the statement of the facts' day counts by bank calendars of which nothing is told, by place of the contract.

    Parameters
    ----------
    versions:
        The versions known after the facts' day.
    facts:
        What is known.
    rows:
        The statement; what it neither converts, holds back nor pays interest on has counted no day.
    """
    told = [row for row in rows if row.amount_minor]
    found = []
    for period in sorted({period_from(row.period) for row in told if row.beneficiary is not None}):
        contract = in_force(versions, period).contract
        found += [*_of_fixing(contract, facts, period, told), *_of_days(contract, facts, period, told)]
    return tuple(found)


def _of_fixing(contract: Contract, facts: Facts, period: Period, rows: Sequence[PayoutRow]) -> Iterator[Untold]:
    exchange = exchange_of(contract, facts)
    mean = None if exchange is None else exchange.rule.mean
    if exchange is None or mean is None or not any(row.term == SHARE_CONVERTED for row in rows):
        return
    days = banking_days(mean, period.last, exchange.open_days)
    place = "[settlement.convert.mean]"
    clause = exchange.rule.clause
    yield from _untold(
        contract, facts, (clause, place, period), mean.calendar, (days[0], fixing_day(mean, period.last))
    )


def _of_days(contract: Contract, facts: Facts, period: Period, rows: Sequence[PayoutRow]) -> Iterator[Untold]:
    """What holds and interest count."""
    banking, rule = banking_of(contract, facts), contract.settlement
    if banking.rule is None:
        return
    kept = {row.term for row in rows}
    for hold in rule.all_holds:
        if hold.counted_in == _BANKING and hold.line in kept:
            span = period.last + _DAY, release_day(hold, period, contract.calendar, banking)
            place = "[settlement.hold]" if hold.id is None else f"[[settlement.holds]] {hold.id}"
            yield from _untold(contract, facts, (hold.clause, place, period), banking.rule.calendar, span)
    interest = rule.adjustments.interest
    closed = [period_from(row.adjusts) for row in rows if row.term == INTEREST and row.adjusts is not None]
    if interest is not None and interest.due_counted_in == _BANKING and closed:
        due = [banking.after(one.last, interest.due_days, _BANKING) for one in closed]
        span = min(one.last for one in closed) + _DAY, max(due)
        place = "[settlement.adjustments.interest]"
        yield from _untold(contract, facts, (interest.clause, place, period), banking.rule.calendar, span)


def _untold(
    contract: Contract,
    facts: Facts,
    about: tuple[str, str, Period],
    calendar: str | None,
    span: tuple[date, date],
) -> Iterator[Untold]:
    """``about`` is the clause, the place in the contract file and the period."""
    clause, place, period = about
    years = () if calendar is None else years_untold(facts.open_days(calendar), *span)
    if calendar is not None and years:
        yield Untold(
            contract=contract.id,
            clause=clause,
            place=place,
            period=period.text,
            calendar=calendar,
            first=span[0],
            last=span[1],
            years=years,
        )
