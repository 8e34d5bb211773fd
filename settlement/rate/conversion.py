"""Conversion of shares into the currency of payment: the rate of the night, or the fixing of the statement's period.

A fixing belongs to its period for good: a closed statement is converted anew whenever its fixing is known otherwise,
and what it comes to then, less what was stated for it, is part of the current statement's conversion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from settlement.errors import TerminalError
from settlement.model.contract import Contract
from settlement.model.contract_convert import Conversion, ExchangeRate, MeanRate
from settlement.model.dates import Period, month_after
from settlement.model.money import exponent, round_fraction
from settlement.rate.banking_days import MOST_DAYS_A_BANKING_DAY, is_open
from settlement.rate.facts import Facts

CONVERTED: Final = "converted"
"""What a statement's own share comes to, where its line holds differences of other periods too."""
_REFIXED: Final = ".refixed"
_STATED: Final = ".stated"
_RATE_DECIMALS: Final = 7
_DAY: Final = timedelta(days=1)
_ISO_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
Rates = Mapping[date, str]
"""Units of the currency of payment for one of the contract's, by date, as the feed writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """An amount in minor units of the currency of payment, with what a statement tells of its rate."""

    amount_minor: int
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refixed:
    """A closed period whose statement comes to another amount at its fixing as known now: minor units, both."""

    period: str
    now: int
    stated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rate:
    value: str
    days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The rule by which one version converts, and the rates from its currency that are known on a day."""

    contract: Contract
    rule: Conversion
    rates: Rates
    day: date
    open_days: Mapping[date, bool] = field(default_factory=dict)

    @property
    def is_fixed(self) -> bool:
        """Whether the rate is a fixing, which belongs to a period for good."""
        return self.rule.rate is not ExchangeRate.LATEST


def exchange_of(contract: Contract, facts: Facts) -> Exchange | None:
    """How a version converts, as known after the facts' day; None where it pays in its own currency."""
    rule = contract.settlement.convert
    if rule is None:
        return None
    calendar = rule.mean.calendar if rule.mean is not None else None
    return Exchange(
        contract=contract,
        rule=rule,
        rates=facts.rates_of(contract.currency, rule.to),
        day=facts.day,
        open_days={} if calendar is None else facts.open_days(calendar),
    )


def converted(exchange: Exchange, period: Period, amount: int) -> Converted:
    """What an amount of a period's statement, in minor units, comes to in the currency of payment.

    Raises
    ------
    TerminalError
        Where a rate that the contract asks for has not come.
    """
    try:
        rate, rule = _rate_of(exchange, period), exchange.rule
    except TerminalError:
        if amount:
            raise
        # Nothing is nothing at any rate: a night without the feed goes on.
        return Converted(amount_minor=0, told="rate=none")
    scale = Fraction(10) ** (exponent(rule.to) - exponent(exchange.contract.currency))
    comes = round_fraction(Fraction(rate.value) * scale * amount, rule.rounding)
    decimals = max(_RATE_DECIMALS, len(rate.value.partition(".")[2]))
    return Converted(amount_minor=comes, told=";".join([f"rate={Decimal(rate.value):.{decimals}f}", *rate.days]))


def refixed(
    exchange: Exchange, period: Period, shares: Mapping[str, int], stated: Mapping[str, int]
) -> dict[str, Refixed]:
    """The beneficiaries of a closed period whose share comes to another amount at the fixing that is known now.

    Parameters
    ----------
    exchange:
        That of the version in force in the period; its rate is a fixing.
    shares:
        Minor units of the contract's currency that the closed statement shares out, by beneficiary.
    stated:
        What has been stated for them in the currency of payment, earlier differences included.
    """
    now = {name: converted(exchange, period, share).amount_minor for name, share in shares.items()}
    return {
        name: Refixed(period=period.text, now=comes, stated=stated[name])
        for name, comes in now.items()
        if comes != stated[name]
    }


def with_refixed(own: Converted, again: Sequence[Refixed]) -> Converted:
    """The conversion of a statement with the differences of closed periods in it, each told with both its amounts."""
    if not again:
        return own
    told = [own.told, f"{CONVERTED}={own.amount_minor}"]
    told += [f"{one.period}{_REFIXED}={one.now};{one.period}{_STATED}={one.stated}" for one in again]
    return Converted(amount_minor=own.amount_minor + sum(one.now - one.stated for one in again), told=";".join(told))


def read_own(amount: int, told: str) -> int:
    """What a statement's own share comes to, from its line's amount and what the line tells."""
    return int(dict(_named(told)).get(CONVERTED, amount))


def read_refixed(told: str) -> tuple[Refixed, ...]:
    """The closed periods that a line converts anew, as it tells them."""
    named = dict(_named(told))
    periods = [name.removesuffix(_REFIXED) for name in named if name.endswith(_REFIXED)]
    return tuple(
        Refixed(period=period, now=int(named[period + _REFIXED]), stated=int(named[period + _STATED]))
        for period in periods
    )


def read_taken(told: str) -> dict[date, date]:
    """The days of the fixing that a line tells, each with the day whose rate it takes."""
    found = {}
    for name, value in _named(told):
        if _ISO_DAY.fullmatch(name):
            found[date.fromisoformat(name)] = date.fromisoformat(value.partition("@")[2] or name)
    return found


def _named(told: str) -> list[tuple[str, str]]:
    named = [quantity.partition("=") for quantity in told.split(";")]
    return [(name, value) for name, _, value in named]


def banking_days(rule: MeanRate, last: date, open_days: Mapping[date, bool]) -> tuple[date, ...]:
    """The banking days of a mean, ascending, for a period that ends on ``last``.

    ``open_days`` tells of days of the mean's bank calendar whether they are open; of others its own words do.

    Raises
    ------
    TerminalError
        Where the calendar leaves too few open days to be looked for.
    """
    day = fixing_day(rule, last)
    found: list[date] = []
    earliest = day - rule.days * MOST_DAYS_A_BANKING_DAY * _DAY
    while len(found) < rule.days:
        if day < earliest:
            sentence = f"The bank calendar {rule.calendar} tells of fewer than {rule.days} open days from {earliest} on"
            raise TerminalError(f"{sentence} up to {last}: deliver it anew.")
        if is_open(rule, open_days, day):
            found.append(day)
        day -= _DAY
    return tuple(reversed(found))


def fixing_day(rule: MeanRate, last: date) -> date:
    """The day of a month up to which the banking days of a mean are counted, for a period that ends on ``last``."""
    month = last.replace(day=1)
    day = _in_month(month, rule.to_day)
    return day if day <= last else _in_month(month_after(month, -1), rule.to_day)


def _in_month(month: date, day: int) -> date:
    """A day of a month, or its last where it has no such day; ``month`` is its first."""
    return min(month + (day - 1) * _DAY, month_after(month, 1) - _DAY)


def _rate_of(exchange: Exchange, period: Period) -> _Rate:
    """The rate of a period's statement; a preview's is made of the fixing's days so far, before them of the latest."""
    rule, rates = exchange.rule, exchange.rates
    days = _days(exchange, period)
    taken = {one: _day_of_rate(one, rates, rule) for one in days if one <= exchange.day}
    missing = [one for one in days if taken.get(one) is None]
    if missing and period.last <= exchange.day:
        raise TerminalError(
            f"Contract {exchange.contract.id} converts {period.text} at the exchange rate from "
            f"{exchange.contract.currency} to {rule.to} of {missing[0]}, which has not come: deliver it; "
            '`missing = "previous_day"` would take the rate of the day before.'
        )
    found = {one: of for one, of in taken.items() if of is not None}
    if not found:
        return _Rate(value=_latest(exchange))
    told = tuple(f"{one}={rates[of]}{'' if one == of else f'@{of}'}" for one, of in found.items())
    values = [rates[of] for of in found.values()]
    return _Rate(value=values[0] if rule.mean is None else _mean(values, rule.mean), days=told)


def _days(exchange: Exchange, period: Period) -> tuple[date, ...]:
    """The days whose rates make the fixing of a period, ascending; none where the latest rate converts."""
    rule = exchange.rule
    if rule.rate is ExchangeRate.LATEST:
        return ()
    return (period.last,) if rule.mean is None else banking_days(rule.mean, period.last, exchange.open_days)


def _latest(exchange: Exchange) -> str:
    latest = max((one for one in exchange.rates if one <= exchange.day), default=None)
    if latest is None:
        currency, to = exchange.contract.currency, exchange.rule.to
        raise TerminalError(
            f"Contract {exchange.contract.id} is paid in {to}, and no exchange rate from {currency} to {to} "
            f"has come up to {exchange.day}: deliver the feed of exchange rates."
        )
    return exchange.rates[latest]


def _day_of_rate(day: date, rates: Rates, rule: Conversion) -> date | None:
    """The day whose rate a fixing takes for ``day``."""
    if day in rates or rule.missing != "previous_day":
        return day if day in rates else None
    return max((one for one in rates if one < day), default=None)


def _mean(rates: Sequence[str], rule: MeanRate) -> str:
    """The mean, exact until it is rounded to the decimals of the fixing."""
    exact = [Fraction(rate) for rate in rates]
    units = round_fraction(sum(exact) * 10**rule.decimals / len(exact), rule.rounding)
    return f"{Decimal(units).scaleb(-rule.decimals):.{rule.decimals}f}"
