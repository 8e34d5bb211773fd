"""Bank calendars that a statement counts by and of whose years nothing is told: its contract's own words hold instead.

The feed of a bank calendar tells the days of a year, all of them or those alone on which banks do not open as usual.
So a calendar is known for the years of which it tells any day. A day of another year is counted by the ``weekend`` and
``holidays`` of the contract; that the amount may rest on a day on which no bank opened is said, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from settlement.model.contract import Contract, ContractVersion
from settlement.model.dates import Period, period_from, years_untold
from settlement.model.statement_lines import INTEREST, SHARE_CONVERTED
from settlement.rate.balance import release_day
from settlement.rate.banking_days import banking_of
from settlement.rate.conversion import banking_days, fixing_day
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
    rule = contract.settlement.convert
    mean = None if rule is None else rule.mean
    if rule is None or mean is None or mean.calendar is None or not any(row.term == SHARE_CONVERTED for row in rows):
        return
    asks = _Asks(contract=contract, period=period, calendar=mean.calendar, told=facts.open_days(mean.calendar))
    first = banking_days(mean, period.last, asks.told)[0]
    yield from asks.untold("[settlement.convert.mean]", rule.clause, (first, fixing_day(mean, period.last)))


def _of_days(contract: Contract, facts: Facts, period: Period, rows: Sequence[PayoutRow]) -> Iterator[Untold]:
    """What holds and interest count."""
    rule = contract.settlement
    calendar = None if rule.banking_days is None else rule.banking_days.calendar
    if calendar is None:
        return
    banking, kept = banking_of(contract, facts), {row.term for row in rows}
    asks = _Asks(contract=contract, period=period, calendar=calendar, told=banking.open_days)
    for hold in rule.all_holds:
        if hold.counted_in == _BANKING and hold.line in kept:
            place = "[settlement.hold]" if hold.id is None else f"[[settlement.holds]] {hold.id}"
            release = release_day(hold, period, contract.calendar, banking)
            yield from asks.untold(place, hold.clause, (period.last + _DAY, release))
    interest = rule.adjustments.interest
    closed = [period_from(row.adjusts) for row in rows if row.term == INTEREST and row.adjusts is not None]
    if interest is not None and interest.due_counted_in == _BANKING and closed:
        due = max(banking.after(one.last, interest.due_days, _BANKING) for one in closed)
        span = min(one.last for one in closed) + _DAY, due
        yield from asks.untold("[settlement.adjustments.interest]", interest.clause, span)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asks:
    """A contract that counts by a bank calendar in the statement of a period, and what that calendar has told."""

    contract: Contract
    period: Period
    calendar: str
    told: Mapping[date, bool]

    def untold(self, place: str, clause: str, span: tuple[date, date]) -> Iterator[Untold]:
        """The days of a span, counted by one place of the contract, where there are years of which nothing is told."""
        first, last = min(span), span[1]
        years = years_untold(self.told, first, last)
        if years:
            yield Untold(
                contract=self.contract.id,
                clause=clause,
                place=place,
                period=self.period.text,
                calendar=self.calendar,
                first=first,
                last=last,
                years=years,
            )
