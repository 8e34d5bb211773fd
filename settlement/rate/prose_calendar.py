"""The periods, the years and the exchange rate of a contract in plain words."""

from __future__ import annotations

from settlement.model.contract import Contract
from settlement.rate.wording import listing


def kind_spoken(contract: Contract) -> str:
    """What one period is called: ``half-year``."""
    return contract.period.calendar.replace("_", "-")


def calendar_spoken(contract: Contract) -> str:
    """By which periods a contract closes, and where its years begin if that is not 1 January."""
    rule = contract.period
    told = f"Settled by the calendar {kind_spoken(contract)}; it closes on its last day."
    if rule.cycle_days:
        told += f" Cycles begin on the days {listing([str(day) for day in rule.cycle_days])} of each month."
    if rule.year == "fiscal":
        told += f" Years begin on {rule.year_begins}, month and day."
    if rule.year == "contract":
        told += f" Years begin on {rule.year_begins}, month and day, the anniversary of the first version."
    return told


def year_spoken(contract: Contract) -> str:
    """What one year of the contract is called."""
    return "calendar year" if contract.period.year == "calendar" else f"{contract.period.year} year"
