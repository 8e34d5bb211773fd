"""Closed periods that come to something else now: restated terms, the adjustment, its interest, and what is too late.

A period may change for as long as its contract re-opens it. What is known later is parked: it is told in every
statement with the reason, and is part of none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from settlement.model.clearing import StatementState
from settlement.model.contract import AdjustmentRule, Contract
from settlement.model.contract_steps import DayCount, Interest
from settlement.model.dates import Period, month_after
from settlement.model.money import round_fraction, split_largest_remainder
from settlement.rate.stated import Known, Stated
from settlement.rate.windows import Lines

_LAST_DAY_OF_30 = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A closed period that comes to something else now.

    Attributes
    ----------
    restated:
        The terms that differ from what was stated, as they are booked now.
    parked:
        The terms that differ from what is booked, by what they differ, with the reason.
    booked, stated:
        What each paid term comes to as booked now, and as stated.
    own:
        By how much each beneficiary has more of its own by that.
    """

    restated: Mapping[str, Known]
    parked: Mapping[str, Known]
    booked: Mapping[str, int]
    stated: Mapping[str, int]
    own: Mapping[str, int]

    @property
    def now(self) -> int:
        """What the paid terms come to together as booked now."""
        return sum(self.booked.values())

    @property
    def before(self) -> int:
        """What was stated of them together."""
        return sum(self.stated.values())


def changed(version: Contract, rule: AdjustmentRule, at: tuple[Period, date], lines: Lines, stated: Stated) -> Changed:
    """What a closed period comes to, as known on a day, where it is not what was stated.

    Parameters
    ----------
    version:
        The version that settled the period.
    rule:
        How adjustments are made in the statement of now.
    at:
        The closed period, and the day that is known.
    lines:
        Its terms as recomputed now.
    """
    period, day = at
    before = stated.terms[period.text]
    now = {
        term.id: Known(amount_minor=lines[term.id].amount_minor, quantities=lines[term.id].quantities)
        for term in version.terms
        if term.paid
    }
    until, booked = reopened_until(rule, period), dict(now)
    if until is not None and day > until:
        in_time = stated.known_on(period.text, until)
        booked = {
            name: in_time.get(name, Known(amount_minor=before.get(name, 0), quantities=line.quantities))
            for name, line in now.items()
        }
    comes = {name: known.amount_minor for name, known in booked.items()}
    return Changed(
        restated={name: known for name, known in booked.items() if known.amount_minor != before.get(name, 0)},
        parked={
            name: Known(
                amount_minor=known.amount_minor - comes[name],
                quantities=f"restated={known.amount_minor};booked={comes[name]};reopened_until={until}",
            )
            for name, known in now.items()
            if known.amount_minor != comes[name]
        },
        booked=comes,
        stated=before,
        own=more_of_own(version, comes, before),
    )


def reopened_until(rule: AdjustmentRule, period: Period) -> date | None:
    """The last day on which a closed period may still change; None where it always may."""
    within = rule.reopens.within
    if within is None:
        return None
    if rule.reopens.counted_in == "days":
        return period.last + timedelta(days=within)
    # The last day of a month goes to the last day of a month, however long it is.
    return month_after(period.last + timedelta(days=1), within) - timedelta(days=1)


def allotted(contract: Contract, amounts: Mapping[str, int]) -> dict[str, int]:
    """What the terms that say themselves whose they are give to each beneficiary: parts that sum to their terms.

    Parameters
    ----------
    contract:
        The version whose terms say it.
    amounts:
        Terms to minor units; a term that is not there gives nothing.
    """
    found: dict[str, int] = {}
    for term in contract.terms:
        if term.shares:
            for beneficiary, amount in split_largest_remainder(amounts.get(term.id, 0), term.shares).items():
                found[beneficiary] = found.get(beneficiary, 0) + amount
    return found


def more_of_own(contract: Contract, now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """By how much each beneficiary has more of its own by terms that come to ``now`` and came to ``before``."""
    more, less = allotted(contract, now), allotted(contract, before)
    return {name: more.get(name, 0) - less.get(name, 0) for name in {*more, *less}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrued:
    """Interest on an adjustment: all of it, the part of each beneficiary of its own, and what tells it."""

    amount_minor: int
    own: Mapping[str, int]
    quantities: str


def interest_on(rule: Interest, found: Changed, due: date, day: date) -> Accrued:
    """Interest on the adjustment of a closed period, from its due day to a day; none before the due day.

    What a beneficiary has of its own, and what is split, bear interest by themselves, so that each is rounded once.
    """
    days, year = days_between(rule.day_count, due, day), 365 if rule.day_count is DayCount.ACTUAL_365 else 360
    factor = Fraction(rule.rate_a_year) * max(0, days) / year
    own = {name: round_fraction(factor * amount, rule.rounding) for name, amount in found.own.items()}
    difference = found.now - found.before
    rest = round_fraction(factor * (difference - sum(found.own.values())), rule.rounding)
    told = f"of={difference};rate_a_year={rule.rate_a_year};from={due};to={day};days={max(0, days)};year={year}"
    return Accrued(amount_minor=rest + sum(own.values()), own=own, quantities=told)


def days_between(count: DayCount, first: date, last: date) -> int:
    """Days from one date to another; in 30/360 every month has 30 days, and its 31st is its 30th."""
    if count is not DayCount.THIRTY_360:
        return (last - first).days
    years, months = last.year - first.year, last.month - first.month
    return 360 * years + 30 * months + min(last.day, _LAST_DAY_OF_30) - min(first.day, _LAST_DAY_OF_30)


def rows_of(found: Changed) -> Iterator[tuple[str, Known, StatementState]]:
    """The terms that are told beside the statement: restated ones first, then what is parked."""
    yield from ((name, known, StatementState.RESTATED) for name, known in found.restated.items())
    yield from ((name, known, StatementState.PARKED) for name, known in found.parked.items())
