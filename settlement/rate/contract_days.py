"""The boundary cases of a contract that go by dates and by records: periods, ranges of days, condition days, units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import (
    AccountMeasure,
    AccountsWithin,
    FirstPurchase,
    Measure,
    UnitMeasure,
)
from settlement.model.contract_terms import (
    DatedPrice,
    DatedRate,
    MinimumTerm,
    RateByTerm,
    UnitPriceTerm,
    WholeTierTerm,
    holds_on,
)
from settlement.model.dates import month_after, period_of, year_of
from settlement.model.money import exponent, minor
from settlement.rate.contract_words import written

Told = dict[str, str]
_DAY = timedelta(days=1)


def dated_cases(version: ContractVersion) -> Iterator[Told]:
    """Each case as ``clause``, ``name``, ``given`` and ``gives``."""
    yield from _periods(version)
    for name, measure in version.contract.measures.items():
        yield from _of_measure(version, name, measure)
    leap = leap_day(version.effective)
    for term in version.contract.terms:
        if isinstance(term, RateByTerm):
            for class_ in dict.fromkeys(rate.account_class for rate in term.rates):
                rates = [rate for rate in term.rates if rate.account_class == class_]
                for day, rate in _ranges(rates, leap):
                    given = f"class {class_}, {_words(term.rate_date.purchase)} {day}"
                    yield _told(term.clause, term.id, given, f"rate {_value(rate)}")
        elif isinstance(term, UnitPriceTerm):
            for day, price in _ranges(term.prices, leap):
                given = f"{_words(term.rate_date.purchase)} {day}"
                yield _told(term.clause, term.id, given, f"price {_value(price)}")


def leap_day(day: date) -> date:
    """The first 29 February on or after a day."""
    year = day.year
    while True:
        last = date(year, 3, 1) - _DAY
        if last.day == 29 and last >= day:  # noqa: PLR2004 - the day itself
            return last
        year += 1


def _told(clause: str, name: str, given: str, gives: str) -> Told:
    return {"clause": clause, "name": name, "given": given, "gives": gives}


def _words(code: str) -> str:
    return code.replace("_", " ")


def _periods(version: ContractVersion) -> Iterator[Told]:
    contract = version.contract
    rule = contract.period
    first = period_of(version.effective, contract.calendar)
    days = [first.first, first.last, first.last + _DAY, leap_day(version.effective)]
    for day in dict.fromkeys(days):
        period = period_of(day, contract.calendar)
        gives = f"{period.text}, closes {period.last}"
        yield _told(rule.clause, "period", f"{_words(rule.place.purchase)} {day}", gives)
    for term in contract.terms:
        if isinstance(term, WholeTierTerm | MinimumTerm):
            year = year_of(version.effective, contract.calendar)
            for day in (year.last, year.last + _DAY):
                gives = f"year {year_of(day, contract.calendar).text}"
                yield _told(term.clause, term.id, f"{_words(rule.place.purchase)} {day}", gives)


def _ranges(dated: Sequence[DatedRate | DatedPrice], leap: date) -> Iterator[tuple[date, DatedRate | DatedPrice]]:
    """The first and the last day of each range, and 29 February, with what holds on them."""
    days = {day for one in dated for day in (one.first, one.end - _DAY if one.end else None) if day is not None}
    if days:
        days.add(leap)
    for day in sorted(days):
        yield from ((day, one) for one in dated if holds_on(one, day))


def _value(dated: DatedRate | DatedPrice) -> Decimal:
    return dated.rate if isinstance(dated, DatedRate) else dated.price


def _of_measure(version: ContractVersion, name: str, measure: Measure) -> Iterator[Told]:
    match measure:
        case AccountMeasure():
            yield from _condition_days(version, name, measure)
        case AccountsWithin():
            last = "the condition day"
            before = "the day before the condition day"
            counts = {
                FirstPurchase.ANY: ("counts", "counts", "counts"),
                FirstPurchase.TO_CONDITION_DAY: ("counts", "counts", "does not count"),
                FirstPurchase.TO_DAY_BEFORE: ("counts", "does not count", "does not count"),
            }[measure.first_purchase]
            for day, gives in zip((before, last, "the day after the condition day"), counts, strict=True):
                yield _told(measure.clause, name, f"first purchase on {day}", gives)
        case UnitMeasure():
            yield from _units(version.contract, name, measure)
        case _:
            pass


def _condition_days(version: ContractVersion, name: str, measure: AccountMeasure) -> Iterator[Told]:
    period = period_of(version.effective, version.contract.calendar)
    leap = leap_day(version.effective)
    by_month = measure.months_from_opening is not None
    for opened in (
        *(_after_opening(measure, day, -1) for day in (period.last, period.last + _DAY)),
        leap if by_month else _after_opening(measure, leap, -1),
    ):
        condition = _after_opening(measure, opened, 1)
        placed = period_of(condition, version.contract.calendar)
        given = f"opened {opened}, condition day {condition}"
        yield _told(measure.clause, name, given, f"counts in {placed.text}")
    yield _told(measure.clause, name, "closed on the condition day", "does not count")
    yield _told(measure.clause, name, "closed on the day after the condition day", "counts")
    for exclusion in measure.exclude:
        for condition in (exclusion.first - _DAY, exclusion.first):
            given = f"class {exclusion.account_class}, condition day {condition}"
            gives = "counts" if condition < exclusion.first else "does not count"
            yield _told(exclusion.clause, name, given, gives)


def _after_opening(measure: AccountMeasure, day: date, times: int) -> date:
    """The condition day of an opening on a day; with -1 an opening that comes to that day, or to one near it."""
    if measure.months_from_opening is not None:
        return month_after(day, times * measure.months_from_opening)
    return day + timedelta(days=times * (measure.days_from_opening or 0))


def _units(contract: Contract, name: str, measure: UnitMeasure) -> Iterator[Told]:
    per, most = minor(measure.per, contract.currency), measure.most_a_record
    bounds = [per] if most is None else [per, most * per, (most + 1) * per]
    for bound in bounds:
        for amount in (bound - 1, bound, bound + 1):
            units = amount // per if most is None else min(amount // per, most)
            given = f"one record of {written(Decimal(amount).scaleb(-exponent(contract.currency)))}"
            yield _told(measure.clause, name, given, f"{units:,} {measure.unit}")
    limit = measure.account_limit
    if limit is not None:
        for bound in (limit.least, limit.most):
            for units in (bound - 1, bound, bound + 1):
                gives = f"{min(max(units, limit.least), limit.most):,} {measure.unit}"
                yield _told(measure.clause, name, f"one account's {units:,} {measure.unit} of a period", gives)
