"""Banking days of a contract: by its own words, and by a bank calendar of the feed as known at a statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from settlement.errors import TerminalError
from settlement.model.contract import Contract
from settlement.model.contract_convert import BankingDays, MeanRate, Weekday
from settlement.model.dates import open_day_after
from settlement.rate.facts import Facts

MOST_DAYS_A_BANKING_DAY: Final = 400
"""Holidays of a contract and a bank calendar leave at least one banking day among so many days."""
_WEEK: Final = tuple(Weekday)
_DAY: Final = timedelta(days=1)


def is_open(rule: BankingDays | MeanRate, open_days: Mapping[date, bool], day: date) -> bool:
    """Whether a day is a banking day: as the bank calendar tells, and by the rule's own words where it does not."""
    return open_days.get(day, _WEEK[day.weekday()] not in rule.weekend and day not in rule.holidays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Banking:
    """Days counted for a contract, banking days among them, as known on the day of a statement.

    ``rule`` is None where the contract counts in no banking days; ``open_days`` are the days that its bank calendar
    tells, and whether each is open.
    """

    rule: BankingDays | None = None
    open_days: Mapping[date, bool] = field(default_factory=dict)

    def after(self, day: date, number: int, counted_in: str) -> date:
        """The day so many days, or banking days, after a day; of no banking days the day itself, or the next open one.

        Raises
        ------
        TerminalError
            Where the bank calendar leaves too few open days to be looked for.
        """
        if counted_in != "banking_days" or self.rule is None:
            return day + number * _DAY
        rule, last = self.rule, day + (number + 1) * MOST_DAYS_A_BANKING_DAY * _DAY
        found = open_day_after(day, number, lambda one: is_open(rule, self.open_days, one), last)
        if found is None:
            sentence = f"The bank calendar {rule.calendar} tells of fewer than {number} open days up to {last}"
            raise TerminalError(f"{sentence}: deliver it anew.")
        return found


def banking_of(contract: Contract, facts: Facts) -> Banking:
    """How a contract counts banking days, as known after the facts' day."""
    rule = contract.settlement.banking_days
    calendar = None if rule is None else rule.calendar
    return Banking(rule=rule, open_days={} if calendar is None else facts.open_days(calendar))
