"""In plain words: the forms of terms over any quantity, over time and over other terms, and whose a term is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from settlement.model.contract import Contract
from settlement.model.contract_amounts import Base, Bracket, Driver
from settlement.model.contract_frame import BelowZero, Counted, Window
from settlement.model.contract_terms import (
    CapTerm,
    DatedAmountsTerm,
    GateTerm,
    InstalmentsTerm,
    MinimumPurchaseTerm,
    MinimumTerm,
    PickTerm,
    PointsTerm,
    PoolShareTerm,
    PrepaidTerm,
    SumTerm,
    Term,
    TiersTerm,
)
from settlement.rate.contract_words import written
from settlement.rate.prose_calendar import year_spoken
from settlement.rate.wording import all_spoken, bounds, listing, money, percent, rounded

_WINDOWS: Final = {
    Window.PERIOD: "of the period",
    Window.PREVIOUS_PERIOD: "of the period before",
    Window.YEAR_TO_DATE: "of the year up to the end of the period",
    Window.LAST_12_FULL_MONTHS: "of the last 12 full months before the period",
    Window.CONTRACT_TO_DATE: "from the first period to the end of this one",
}
_CLOSES: Final = {"period": "the period", "year": "the year's last period"}


def whose(term: Term) -> str:
    """Whose a term is where it is not split with all the others; empty where it is."""
    if not term.paid:
        return " It is worked out for the terms that name it, and is not paid itself."
    if term.to is not None:
        return f" All of it is {term.to}'s."
    if term.parts:
        weights = " : ".join(str(part.weight) for part in term.parts)
        return (
            f" It is split {weights} between {listing([part.to for part in term.parts])}; minor units that are left "
            "over go to the largest fractions cut off, of equal ones to the id that sorts first."
        )
    return ""


def _tiers(contract: Contract, term: TiersTerm) -> str:
    values = "; ".join(f"{_value(contract, term, bracket)} {bounds(bracket)}" for bracket in term.tiers)
    below = "the first one holds" if term.below_zero is BelowZero.FIRST_RATE else "nothing is given"
    given = " Less what this term gives for the earlier periods of its time, as recomputed now"
    less = {
        "nothing": "",
        "given_for_earlier_periods": f"{given}.",
        "given_and_kept": f"{given}; where that is more than is due now, nothing is taken back.",
    }[term.less]
    on = "" if term.base is None else f" on {'all of ' * (term.method == 'whole')}{_based(contract, term.base)}"
    how = {
        "marginal": f"Each tier{on}, on the part inside its own bounds only",
        "whole": f"One single tier{on}, the one that {_driven(term.driver)} lies in",
        "amount": f"The one amount of the tier that {_driven(term.driver)} lies in",
    }[term.method]
    return f"{how}: {values}. Below the first bound {below}.{less} {rounded(term.rounding)}"


def _value(contract: Contract, term: TiersTerm, bracket: Bracket) -> str:
    if bracket.rate is not None:
        return percent(bracket.rate)
    if bracket.amount is not None:
        return money(contract, bracket.amount)
    each = "block" if term.base is not None and term.base.block is not None else "unit"
    return f"{money(contract, bracket.value)} a {each}"


def _based(contract: Contract, base: Base) -> str:
    block = ""
    if base.block is not None:
        size = money(contract, base.block) if base.counts is Counted.MONEY else written(base.block)
        block = f", in whole blocks of {size}"
    return f"{all_spoken(base.of)} {_WINDOWS[base.window]}{block}"


def _driven(driver: Driver | None) -> str:
    if driver is None:
        return "it"
    cut = f"cut to {driver.decimals} decimals and 0 where there is nothing to divide by"
    per = f" per {all_spoken(driver.per)}, {cut}," if driver.per else ""
    return f"{all_spoken(driver.of)}{per} {_WINDOWS[driver.window]}"


def _dated_amounts(contract: Contract, term: DatedAmountsTerm) -> str:
    amounts = listing([f"{money(contract, one.amount)} on {one.on}" for one in term.amounts])
    return f"{amounts}, each in the period that its day lies in."


def _instalments(contract: Contract, term: InstalmentsTerm) -> str:
    return (
        f"{money(contract, term.total)} in {term.number} equal parts, one a month from {term.first} on; the minor "
        "units that do not divide go one each to the first parts."
    )


def _minimum_purchase(contract: Contract, term: MinimumPurchaseTerm) -> str:
    return (
        f"{money(contract, term.price)} for each of {all_spoken(term.of)} that is bought less than {term.least:,} when "
        f"{_CLOSES[term.window]} closes. {rounded(term.rounding)}"
    )


def _sum(contract: Contract, term: SumTerm) -> str:
    takes = f" less {all_spoken(term.takes)}" if term.takes else ""
    adds = all_spoken(term.adds) if term.adds else "nothing"
    hurdle = "" if term.hurdle is None else f" above {money(contract, term.hurdle)}"
    least = "" if term.least is None else f", {money(contract, term.least)} at least"
    most = "" if term.most is None else f", {money(contract, term.most)} at most"
    of = f"{adds}{takes} {_WINDOWS[Window(term.window)]}"
    return f"{percent(term.rate)} of {of}{hurdle}{least}{most}. {rounded(term.rounding)}"


def _pool_share(_: Contract, term: PoolShareTerm) -> str:
    return (
        f"The part of {all_spoken(term.pool)} {_WINDOWS[Window(term.window)]} that {all_spoken([term.of])} has among "
        f"{listing([all_spoken([name]) for name in term.among])}; minor units that are left over go to the largest "
        "fractions cut off, of equal ones to the name that sorts first. What is below zero has no part; where nothing "
        "is above zero, nobody has one."
    )


def _pick(_: Contract, term: PickTerm) -> str:
    return f"The {'smallest' if term.form == 'least' else 'largest'} of {all_spoken(term.of)}."


def _gate(contract: Contract, term: GateTerm) -> str:
    least = money(contract, term.least) if term.driver.counts is Counted.MONEY else written(term.least)
    return f"{all_spoken(term.of)} where {_driven(term.driver)} is {least} or more, and otherwise nothing."


def _cap(contract: Contract, term: CapTerm) -> str:
    most = f"{money(contract, term.most)} at most from {all_spoken(term.of)}"
    if term.window == "period":
        return f"{most} for one period; this term is the reduction."
    return (
        f"{most} {_WINDOWS[Window(term.window)]}; this term is the reduction, less what it took in the earlier periods."
    )


def _minimum(contract: Contract, term: MinimumTerm) -> str:
    time = "each period" if term.window == "period" else f"each {year_spoken(contract)}"
    return (
        f"{money(contract, term.guarantee)} are guaranteed from {all_spoken(term.of)} for {time}; what they lack is "
        f"given when {_CLOSES[term.window]} closes."
    )


def _points(contract: Contract, term: PointsTerm) -> str:
    price = f"{money(contract, term.price)} a point"
    kept = "" if term.breakage is None else f", less {percent(term.breakage)} of them that will never be redeemed"
    what = {
        "issued": f"{price} on what is issued in the period",
        "redeemed": f"{price} on what is redeemed in the period",
        "expired": f"{price} on what expires in the period",
        "reserve": f"The change of a reserve of {price} on what is open{kept}",
    }[term.entry]
    return (
        f"{what}. Points are issued by {all_spoken(term.issued)} and redeemed by {all_spoken(term.redeemed)}, the "
        f"oldest first; what is left of a period's points expires {term.expires_after} months after its last month. "
        f"{rounded(term.rounding)}"
    )


def _prepaid(contract: Contract, term: PrepaidTerm) -> str:
    bought = listing([f"{one.quantity:,} on {one.on}" for one in term.bought]) if term.bought else "nothing"
    return (
        f"{money(contract, term.price)} for each of {all_spoken(term.of)} beyond what was bought before, which is "
        f"drawn first: {bought}. {rounded(term.rounding)}"
    )


FORMS: Final[Mapping[type[Term], Callable[[Contract, Any], str]]] = {
    TiersTerm: _tiers,
    DatedAmountsTerm: _dated_amounts,
    InstalmentsTerm: _instalments,
    MinimumPurchaseTerm: _minimum_purchase,
    SumTerm: _sum,
    PoolShareTerm: _pool_share,
    PickTerm: _pick,
    GateTerm: _gate,
    CapTerm: _cap,
    MinimumTerm: _minimum,
    PointsTerm: _points,
    PrepaidTerm: _prepaid,
}
"""The sentence of each form that names measures and terms, or days."""
