"""Into which currency a contract pays, and the exchange rate that converts a statement. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import ConfigDict

from settlement.model.contract_measures import CLOSED, Day, Text, Whole
from settlement.model.money import Rounding


class ExchangeRate(StrEnum):
    """The rate that converts: the latest of the night that states it, or a fixing of the period."""

    LATEST = "latest_until_as_of_night"
    LAST_DAY = "last_day_of_period"
    MEAN = "mean_of_banking_days"


class Weekday(StrEnum):
    """The days of a week, Monday first."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankingDays:
    """The days that are banking days: no ``weekend`` and no ``holidays``.

    Where the feed of bank calendars tells of a day of ``calendar`` that it is open or closed, that holds.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    weekend: tuple[Weekday, ...]
    holidays: tuple[Day, ...]
    calendar: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanRate:
    """The exact mean of the rates of the last ``days`` banking days up to a day of the month, rounded once.

    The day, where it is a banking day, is one of them. It is the latest ``to_day`` of a month that is not after the
    period's last day; a month that is too short has it on its last day. ``weekend`` and ``holidays`` are no banking
    days, but where the feed of bank calendars tells of a day of ``calendar`` that it is open or closed.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    days: Whole
    to_day: Whole
    decimals: Whole
    rounding: Rounding
    weekend: tuple[Weekday, ...]
    holidays: tuple[Day, ...]
    calendar: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Into which currency a share is converted, and at which rate of the feed.

    The fixing of a period (``last_day_of_period``, ``mean_of_banking_days``) converts what its statement gives. A
    fixing that becomes known or is corrected later converts that statement anew, and the difference is given in the
    current one. ``missing`` says what a fixing takes for a day without a rate: nothing, so that the statement is not
    closed, or the rate of the nearest day before it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    to: Text
    rate: ExchangeRate
    rounding: Rounding
    missing: Literal["refused", "previous_day"] | None = None
    mean: MeanRate | None = None
