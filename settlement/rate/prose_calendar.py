"""The periods, the years and the exchange rate of a contract in plain words."""

from __future__ import annotations

from settlement.model.contract import Contract
from settlement.model.contract_convert import BankingDays, Conversion, ExchangeRate, MeanRate
from settlement.rate.wording import MODES, listing


def kind_spoken(contract: Contract) -> str:
    """What one period is called: ``half-year``."""
    return contract.period.calendar.replace("_", "-")


def calendar_spoken(contract: Contract) -> str:
    """By which periods a contract closes, and where its years begin if that is not 1 January."""
    rule = contract.period
    told = f"Settled by the calendar {kind_spoken(contract)}; it closes on its last day."
    if rule.cycle_days:
        told += f" Cycles begin on the days {listing([str(day) for day in rule.cycle_days])} of each month."
    if rule.year_begins is not None:
        anniversary = ", the anniversary of the agreement" if rule.year == "contract" else ""
        told += f" Years begin on {rule.year_begins}, month and day{anniversary}."
    return told


def year_spoken(contract: Contract) -> str:
    """What one year of the contract is called."""
    return "calendar year" if contract.period.year == "calendar" else f"{contract.period.year} year"


def conversion_spoken(contract: Contract) -> str:
    """At which rate shares are converted; nothing where the contract pays in its own currency."""
    rule = contract.settlement.convert
    if rule is None:
        return f"Each share stays in {contract.currency}."
    told = f"Each share is converted from {contract.currency} to {rule.to} at {_rate(rule)}"
    told += f" and rounded, {MODES[rule.rounding]}."
    if rule.rate is ExchangeRate.LATEST:
        return told
    missing = (
        "A day without a rate takes that of the nearest day before it."
        if rule.missing == "previous_day"
        else "A statement is not closed before each of these days has its rate."
    )
    return (
        f"{told} {missing} Where a rate comes or is corrected later, a closed statement is converted anew, and the "
        "difference is given in the current one."
    )


def _rate(rule: Conversion) -> str:
    if rule.mean is not None:
        return _mean(rule.mean)
    if rule.rate is ExchangeRate.LAST_DAY:
        return "the rate of the period's last day"
    return "the latest rate that has come up to the night of the statement"


def open_days_spoken(rule: MeanRate | BankingDays) -> str:
    """Which days are banking days."""
    off = [day.capitalize() for day in rule.weekend] + [str(day) for day in rule.holidays]
    days = f"all days but {listing(off)}" if off else "all days"
    if rule.calendar is None:
        return days
    return f"the days that the bank calendar {rule.calendar} tells as open, and of days that it does not tell {days}"


def _mean(mean: MeanRate) -> str:
    return (
        f"the mean of the rates of the last {mean.days} banking days, which are {open_days_spoken(mean)}, up to day "
        f"{mean.to_day} of the month, or the month before where that day comes after the period, rounded once to "
        f"{mean.decimals} decimals, "
        f"{MODES[mean.rounding]},"
    )
