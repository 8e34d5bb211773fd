"""A contract in plain words: one sentence for each form of term, each type of measure and each step of a statement.

The sentences are made from what the file says and from nothing else, so that a lawyer can hold them against the clauses
that the file quotes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from settlement.model.contract import Contract, Step
from settlement.model.contract_measures import (
    AccountMeasure,
    AccountsWithin,
    BalanceMeasure,
    Dating,
    EventAccounts,
    EventAmounts,
    EventConversion,
    EventDate,
    EventSelection,
    EventUnits,
    FirstPurchase,
    Measure,
    Negative,
    ProfitMeasure,
    Store,
    UnitMeasure,
    VolumeMeasure,
    openings,
)
from settlement.model.contract_terms import (
    BalanceRateTerm,
    BelowZero,
    BountyTerm,
    DatedPrice,
    DatedRate,
    MarginalTierTerm,
    RateByTerm,
    RateTerm,
    RecordRateTerm,
    ShareOverHurdleTerm,
    Term,
    Tier,
    UnitPriceTerm,
    WholeTierTerm,
)
from settlement.rate.prose_calendar import calendar_spoken
from settlement.rate.prose_named import FORMS as NAMED
from settlement.rate.prose_named import whose
from settlement.rate.prose_steps import STEPS
from settlement.rate.wording import (
    MODES,
    all_spoken,
    bounds,
    listing,
    money,
    percent,
    rounded,
    spoken,
)

_STORES: Final = {
    Store.OWN: " at the partner's own stores (merchant numbers of its store feed)",
    Store.OTHER: " at merchants that are not in the partner's store feed",
    Store.ANY: " at any merchant",
}
_DATES: Final = {
    EventDate.POSTING: "own posting date",
    EventDate.TRANSACTION: "own transaction date",
    EventDate.SETTLEMENT: "own settlement date",
    EventDate.ACCOUNT_OPENING: "account's opening date",
    EventDate.PURCHASE_POSTING: "purchase's posting date",
    EventDate.PURCHASE_TRANSACTION: "purchase's transaction date",
    EventDate.PURCHASE_SETTLEMENT: "purchase's settlement date",
}
_FIRST_PURCHASE: Final = {
    FirstPurchase.TO_CONDITION_DAY: "whose first purchase lies from the opening day to the condition day inclusive",
    FirstPurchase.TO_DAY_BEFORE: "whose first purchase lies from the opening day to the day before the condition day",
    FirstPurchase.ANY: "whether the card was used or not",
}
_BELOW: Final = {
    BelowZero.FIRST_RATE: "Below zero the first rate holds.",
    BelowZero.NOTHING: "Below zero nothing is given.",
}


def of_term(contract: Contract, term: Term) -> str:
    """What a term says."""
    return FORMS[type(term)](contract, term) + whose(term)


def of_measure(contract: Contract, measure: Measure) -> str:
    """What a measure counts."""
    opening = " Opening positions are added in the first period." if openings(measure) else ""
    return MEASURES[type(measure)](contract, measure) + opening


def of_step(contract: Contract, step: Step) -> str:
    """What a step of the statement does."""
    return STEPS[step](contract)


def of_period(contract: Contract) -> str:
    """By which calendar a contract closes, and which date places an event in a period."""
    return f"{calendar_spoken(contract)} Placed by: {_dating(contract.period.place)}."


def _dating(dating: Dating) -> str:
    return (
        f"a purchase by its {_DATES[dating.purchase]}, what takes it back by its {_DATES[dating.negative]}, a refund "
        f"without a purchase by its {_DATES[dating.refund_without_purchase]}"
    )


def _days(dated: DatedRate | DatedPrice) -> str:
    first = f" from {dated.first}" if dated.first else ""
    end = f" before {dated.end}" if dated.end else ""
    return f"{first}{' and' if first and end else ''}{end}"


def _tiers(tiers: Sequence[Tier]) -> str:
    return "; ".join(f"{percent(tier.rate)} {bounds(tier)}" for tier in tiers)


def _rate(_: Contract, term: RateTerm) -> str:
    return f"{percent(term.rate)} of {spoken(term.measure)}. {rounded(term.rounding)}"


def _rate_by(_: Contract, term: RateByTerm) -> str:
    rates = "; ".join(f"class {rate.account_class} {percent(rate.rate)}{_days(rate)}" for rate in term.rates)
    return (
        f"A rate on {spoken(term.measure)} by account class and date: {rates}. The rate is picked for "
        f"{_dating(term.rate_date)}, for an opening position by the first night. {rounded(term.rounding)}"
    )


def _whole_tier(_: Contract, term: WholeTierTerm) -> str:
    driver = "" if term.driver == term.base else f", chosen by {all_spoken(term.driver)}"
    return (
        f"One single rate on all of {all_spoken(term.base)} of the year up to the end of the period{driver}: "
        f"{_tiers(term.tiers)}. {_BELOW[term.below_zero]} The period gives the rounded product less what this term "
        f"gives for the earlier periods of the year. {rounded(term.rounding)}"
    )


def _marginal_tier(_: Contract, term: MarginalTierTerm) -> str:
    return (
        f"Each rate on the part of the period's {spoken(term.measure)} inside its own bracket only: "
        f"{_tiers(term.tiers)}. {_BELOW[term.below_zero]} {rounded(term.rounding)}"
    )


def _share_over_hurdle(contract: Contract, term: ShareOverHurdleTerm) -> str:
    return (
        f"For each month of {spoken(term.measure)}: {percent(term.share)} of what exceeds the hurdle of "
        f"{money(contract, term.hurdle)}; nothing from zero up to and including the hurdle; "
        f"{percent(term.loss_share)} of a loss is borne. {rounded(term.rounding)}"
    )


def _bounty(contract: Contract, term: BountyTerm) -> str:
    others = [one for one in contract.terms if one.id == term.replaces]
    when = " in that period" if all(map(contract.recurs, (term, *others))) else ""
    instead = f" These accounts earn it instead of {spoken(term.replaces)}{when}." if term.replaces else ""
    return f"{money(contract, term.amount)} for each account of {spoken(term.measure)}.{instead}"


def _balance_rate(_: Contract, term: BalanceRateTerm) -> str:
    return (
        f"{percent(term.rate_a_year)} a year on {spoken(term.measure)}: their sum divided by {term.balances_a_year}. "
        f"{rounded(term.rounding)}"
    )


def _unit_price(contract: Contract, term: UnitPriceTerm) -> str:
    prices = "; ".join(f"{money(contract, price.price)}{_days(price)}" for price in term.prices)
    dating = ""
    if len(term.prices) > 1:
        dating = f" The price is picked for {_dating(term.rate_date)}, for an opening position by the first night."
    return f"Each of {spoken(term.measure)} costs {prices}.{dating} {rounded(term.rounding)}"


def _record_rate(contract: Contract, term: RecordRateTerm) -> str:
    flat = "" if term.flat is None else f" and {money(contract, term.flat)}"
    least = "" if term.least is None else f", {money(contract, term.least)} at least for one"
    most = "" if term.most is None else f", {money(contract, term.most)} at most for one"
    return (
        f"{percent(term.rate)}{flat} of each record of {spoken(term.measure)}{least}{most}. What takes a purchase "
        f"back takes what is left of the purchase gives before it, less what is left gives after it. "
        f"{rounded(term.rounding)}"
    )


def _volume(_: Contract, measure: VolumeMeasure) -> str:
    negatives = listing([f"{spoken(kind)}s" for kind in measure.takes_back]) if measure.takes_back else ""
    less = f" less {negatives}" if negatives else ""
    left_out = listing([f"{spoken(kind)}s" for kind in Negative if kind not in measure.takes_back] or [""])
    ignored = f", {left_out} take nothing back" if left_out else ""
    restored = f" {_given_back(measure)}" if Negative.CHARGEBACK in measure.takes_back else ""
    only = "" if measure.mcc_in == "any" else f", of the merchant categories {spoken(measure.mcc_in)} only"
    without = "" if measure.mcc_not_in == "none" else f", without the merchant categories {spoken(measure.mcc_not_in)}"
    classes = "" if "any" in measure.account_classes else f", of accounts of class {listing(measure.account_classes)}"
    return (
        f"Purchases{less}{_STORES[measure.store]}{only}{without}{classes}{ignored}. Reconciled records count, with "
        f"the bank's amount less cash-back.{restored}{'' if measure.convert is None else _converted(measure.convert)}"
    )


def _given_back(measure: VolumeMeasure) -> str:
    if not measure.gives_back:
        return "What a chargeback has taken nothing gives back, and a further one does not take it again."
    kinds = " or ".join(f"a {spoken(kind)}" for kind in measure.gives_back)
    return f"What a chargeback has taken {kinds} gives back, never more and never twice."


def _converted(rule: EventConversion) -> str:
    missing = "that of the nearest day before it" if rule.missing == "previous_day" else "none: the night is refused"
    return (
        " An amount in another currency counts at the exchange rate of its own day, rounded by itself, "
        f"{MODES[rule.rounding]}; that day is picked by: {_dating(rule.rate_date)}. A day without a rate takes "
        f"{missing}."
    )


def _units(contract: Contract, measure: UnitMeasure) -> str:
    most = "" if measure.most_a_record is None else f", {measure.most_a_record:,} at most for one record"
    limit = measure.account_limit
    limited = f" One account counts {limit.least:,} at least and {limit.most:,} at most for a period." if limit else ""
    return (
        f"One of {measure.unit} for each whole {money(contract, measure.per)} of each record of "
        f"{spoken(measure.of)}{most}; what takes back does so by its own amount.{limited}"
    )


def _accounts(_: Contract, measure: AccountMeasure) -> str:
    excluded = "".join(
        f" Accounts of class {one.account_class} whose condition day is {one.first} or later do not count (clause "
        f"{one.clause})."
        for one in measure.exclude
    )
    return (
        f"Accounts whose condition day, {_from_opening(measure)} after opening, has come in the period and "
        f"that were not closed on or before that day.{excluded}"
    )


def _from_opening(measure: AccountMeasure) -> str:
    if measure.months_from_opening is None:
        return f"{measure.days_from_opening} days"
    return f"{measure.months_from_opening} months (the last day of a month that has no such day)"


def _accounts_within(_: Contract, measure: AccountsWithin) -> str:
    return (
        f"Those of {spoken(measure.of)} that came through channel {listing(measure.channels)}, "
        f"{_FIRST_PURCHASE[measure.first_purchase]}."
    )


def _balances(_: Contract, measure: BalanceMeasure) -> str:
    times = "" if measure.times == "once" else ", each counted for every day of its month"
    told = "The sum of the programme's statement balances at the month-ends of the period that have been delivered"
    return f"{told}{times}."


def _attributes(measure: EventSelection) -> str:
    only = "".join(f", {spoken(name)} {listing(words)} only" for name, words in measure.where.items())
    return only + "".join(f", without {spoken(name)} {listing(words)}" for name, words in measure.where_not.items())


def _of_events(measure: EventSelection) -> str:
    less = f" less those of events {all_spoken(measure.takes_back)}" if measure.takes_back else ""
    return f"events {all_spoken(measure.adds)}{less}{_attributes(measure)}"


def _event_amounts(_: Contract, measure: EventAmounts) -> str:
    return f"The amounts of {_of_events(measure)}."


def _event_units(_: Contract, measure: EventUnits) -> str:
    return f"The quantities of {_of_events(measure)}; each {measure.per} is one of {measure.unit}."


def _event_accounts(_: Contract, measure: EventAccounts) -> str:
    events = f"events {all_spoken(measure.adds)}"
    if measure.takes_back:
        events = f"more {events} than {all_spoken(measure.takes_back)}"
    return f"Accounts with {events} in the period, each once{_attributes(measure)}."


def _profit(_: Contract, measure: ProfitMeasure) -> str:
    return (
        f"Each month's profit: {_lines(measure.income)} less {_lines(measure.costs)}, of the months of the period "
        "whose figures have come, highest version known."
    )


def _lines(names: Sequence[str]) -> str:
    return listing([spoken(name).lower() for name in names]) if names else "nothing"


FORMS: Final[Mapping[type[Term], Callable[[Contract, Any], str]]] = {
    RateTerm: _rate,
    RateByTerm: _rate_by,
    WholeTierTerm: _whole_tier,
    MarginalTierTerm: _marginal_tier,
    ShareOverHurdleTerm: _share_over_hurdle,
    BountyTerm: _bounty,
    BalanceRateTerm: _balance_rate,
    UnitPriceTerm: _unit_price,
    RecordRateTerm: _record_rate,
    **NAMED,
}
MEASURES: Final[Mapping[type[Measure], Callable[[Contract, Any], str]]] = {
    VolumeMeasure: _volume,
    UnitMeasure: _units,
    AccountMeasure: _accounts,
    AccountsWithin: _accounts_within,
    BalanceMeasure: _balances,
    ProfitMeasure: _profit,
    EventAmounts: _event_amounts,
    EventUnits: _event_units,
    EventAccounts: _event_accounts,
}
