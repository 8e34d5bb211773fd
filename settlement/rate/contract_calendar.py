"""The periods and years of a contract, and its condition days: that they are said whole, and stay as they are."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import AccountMeasure
from settlement.model.dates import PeriodKind, following, period_of
from settlement.rate.contract_words import Refusal, refuse

_MONTH_DAY: Final = re.compile(r"\d\d-\d\d")
_LAST_DAY_OF_ALL_MONTHS: Final = 28


def check_year(contract: Contract) -> None:
    """Refuse a year that is not said whole, or is said twice.

    Contract years say their anniversary: the first day of the first file would move when an earlier file comes.
    """
    rule = contract.period
    if rule.year == "fiscal" and rule.year_begins is None:
        raise refuse("[period]", 'a fiscal year says where it begins; add `year_begins = "07-01"`, month and day.')
    if rule.year == "contract" and rule.year_begins is None:
        raise refuse(
            "[period]",
            "a contract year begins on the anniversary of the agreement, whichever file is the first; add "
            '`year_begins = "03-15"`, month and day.',
        )
    if rule.year == "calendar" and rule.year_begins is not None:
        sentence = "a calendar year begins where it does; drop `year_begins`, or write"
        raise refuse("[period]", f'{sentence} `year = "fiscal"`.')
    if rule.year_begins is not None and not _is_month_and_day(rule.year_begins):
        sentence = f'year_begins = "{rule.year_begins}" is no month and day'
        raise refuse("[period]", f'{sentence}; write one such as "07-01".')


def check_condition_days(contract: Contract) -> None:
    """Refuse a condition day that is not said, or said in days and in months."""
    for name, measure in contract.measures.items():
        if isinstance(measure, AccountMeasure):
            said = [one for one in (measure.days_from_opening, measure.months_from_opening) if one is not None]
            if len(said) != 1:
                sentence = "a condition day is so many days or so many months after the opening"
                raise refuse(
                    f"[measures.{name}]",
                    f"{sentence}; write `days_from_opening = 90` or `months_from_opening = 12`, one of them.",
                )
            if said[0] < 0:
                raise refuse(f"[measures.{name}]", "a condition day is no day before the opening; write 0 or more.")


def _is_month_and_day(text: str) -> bool:
    if not _MONTH_DAY.fullmatch(text):
        return False
    try:
        # A leap year has every day on which a year may begin.
        date.fromisoformat(f"2000-{text}")
    except ValueError:
        return False
    return True


def check_calendar(contract: Contract) -> None:
    """Refuse cycles that do not cut every month whole, and years that begin inside a month or a cycle."""
    rule, days = contract.period, contract.period.cycle_days
    if rule.calendar is not PeriodKind.CYCLE:
        if days:
            raise refuse("[period]", 'cycle_days are those of cycles; write `calendar = "cycle"`, or drop them.')
    elif not days:
        raise refuse("[period]", "cycles begin on days of the month; add them, such as `cycle_days = [1, 8, 16, 23]`.")
    elif days[0] != 1 or list(days) != sorted(set(days)) or days[-1] > _LAST_DAY_OF_ALL_MONTHS:
        raise refuse(
            "[period], cycle_days",
            f"{list(days)} leaves days without a cycle; write them ascending, from 1 to {_LAST_DAY_OF_ALL_MONTHS} at "
            "most, such as [1, 8, 16, 23].",
        )
    starts = {PeriodKind.MONTH: (1,), PeriodKind.CYCLE: days}.get(rule.calendar)
    if starts is not None and contract.calendar.begins[1] not in starts:
        kind = rule.calendar.value
        raise refuse(
            "[period]",
            f"years that begin on {rule.year_begins} would cut a {kind} in two; let them begin with a {kind}, or "
            "settle by quarter, half_year, year or day.",
        )


def has_periods(contract: Contract) -> bool:
    """Whether the calendar of a contract is said whole, so that days have periods."""
    try:
        check_year(contract)
        check_calendar(contract)
    except Refusal:
        return False
    return True


def check_effective(version: ContractVersion) -> None:
    """Refuse a version that is in force from a day inside a period."""
    calendar = version.contract.calendar
    period = period_of(version.effective, calendar)
    if period.first != version.effective:
        kind = calendar.kind.replace("_", " ")
        raise refuse(
            "effective date",
            f"{version.effective} lies inside the {kind} {period.text}; a version is in force for whole periods: "
            f"name the file {period.first}.toml or {following(period, calendar).first}.toml.",
        )


def check_same_calendar(earlier: ContractVersion, later: ContractVersion) -> None:
    """Raise TerminalError where a version changes the periods or years, or begins inside one of the periods."""
    before, after = earlier.contract.period, later.contract.period
    for name, one, other in (
        ("calendar", before.calendar.value, after.calendar.value),
        ("cycle_days", list(before.cycle_days), list(after.cycle_days)),
        ("year", before.year, after.year),
        ("year_begins", before.year_begins, after.year_begins),
    ):
        if one != other:
            told = "" if name == "calendar" else f" ({name})"
            raise TerminalError(
                f"{later.source}: the calendar of contract {later.contract.id}{told} changes from {one} to {other}; "
                "a contract keeps its calendar: give the new agreement a new id."
            )
    try:
        check_effective(later)
    except Refusal as refusal:
        raise TerminalError(f"{later.source}{refusal}") from None
