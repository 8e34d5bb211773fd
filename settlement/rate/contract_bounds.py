"""Bounds in a contract file: tiers and dates without gaps and overlaps, amounts that are whole minor units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from settlement.model.contract import Contract
from settlement.model.contract_amounts import Bracket
from settlement.model.contract_frame import Counted
from settlement.model.contract_measures import UnitMeasure, openings
from settlement.model.contract_terms import (
    BalanceRateTerm,
    BountyTerm,
    CapTerm,
    DatedAmountsTerm,
    DatedPrice,
    DatedRate,
    GateTerm,
    InstalmentsTerm,
    MarginalTierTerm,
    MinimumTerm,
    RateByTerm,
    RecordRateTerm,
    ShareOverHurdleTerm,
    SumTerm,
    Term,
    Tier,
    TiersTerm,
    UnitPriceTerm,
    WholeTierTerm,
)
from settlement.model.money import exponent, to_minor
from settlement.rate.contract_words import Refusal, nearest, refuse, term_place, written


def check_tiers(contract: Contract) -> None:
    """Refuse tiers that do not begin at zero, leave a gap, overlap, or end."""
    for term in contract.terms:
        if isinstance(term, WholeTierTerm | MarginalTierTerm):
            _check_tier_list(term_place(term), term.tiers)
        if isinstance(term, TiersTerm):
            _check_tier_list(term_place(term), term.tiers)
            _check_precision(term)


def _check_tier_list(where: str, tiers: Sequence[Tier | Bracket]) -> None:
    if not tiers:
        raise refuse(where, "there are no tiers; write at least `{ from = 0.00, rate = ... }`.")
    _check_ascending(where, tiers)
    if tiers[0].first != 0:
        told = f"the first tier begins at {written(tiers[0].first)}; write `from = 0.00` in it."
        raise refuse(where, told, below=("tiers", 0))
    for number, (tier, following) in enumerate(pairwise(tiers)):
        if tier.end is None:
            raise refuse(
                where,
                f"the tier from {written(tier.first)} has no end, but one from {written(following.first)} follows; "
                f"write `to = {_toml(following.first)}` in it.",
                below=("tiers", number),
            )
        if tier.end != following.first:
            low, high = sorted((tier.end, following.first))
            if 0 < following.first - tier.end <= 1:
                raise refuse(
                    where,
                    f"`to` is the first amount that is no longer inside, so nothing is said from {written(low)} and "
                    f"below "
                    f"{written(high)}; write `to = {_toml(high)}` in the tier before.",
                    below=("tiers", number),
                )
            what = "leave a gap" if tier.end < following.first else "overlap"
            raise refuse(
                where,
                f"the tiers {what} between {written(low)} and {written(high)}; a tier begins where the one before it "
                f"ends: write `from = {_toml(tier.end)}` in the tier that begins at {written(following.first)}.",
                below=("tiers", number + 1),
            )
    for number, tier in enumerate(tiers):
        if tier.end is not None and tier.end <= tier.first:
            told = f"the tier [{written(tier.first)}, {written(tier.end)}) is empty; drop it or widen it."
            raise refuse(where, told, below=("tiers", number))
    if tiers[-1].end is not None:
        told = f"nothing is said from {written(tiers[-1].end)} on; leave `to` out of the last tier."
        raise refuse(where, told, below=("tiers", len(tiers) - 1))


def _check_ascending(where: str, tiers: Sequence[Tier | Bracket]) -> None:
    for number, (tier, following) in enumerate(pairwise(tiers)):
        if following.first < tier.first:
            told = f"the tier from {written(following.first)} stands behind a higher one; write it before that."
            raise refuse(where, told, below=("tiers", number + 1))


def _check_precision(term: TiersTerm) -> None:
    """A bound finer than the ratio that it is held against would never be met exactly."""
    if term.driver is None or term.driver.decimals is None:
        return
    for number, bracket in enumerate(term.tiers):
        if bracket.first != round(bracket.first, term.driver.decimals):
            told = f"the bound {written(bracket.first)} is finer than the {term.driver.decimals} decimals of the ratio"
            told = f"{told}; write more decimals, or a bound of as many."
            raise refuse(term_place(term), told, below=("tiers", number))


def _toml(value: Decimal) -> str:
    return f"{value:,}".replace(",", "_")


def check_dated_rates(contract: Contract) -> None:
    """Refuse rates of one class, or prices, that leave a day without one, or give it two."""
    for term in contract.terms:
        if isinstance(term, UnitPriceTerm):
            if not term.prices:
                raise refuse(term_place(term), "there are no prices; write at least `{ price = ... }`.")
            _check_days(term_place(term), "price", term.prices, term.prices)
        if isinstance(term, RateByTerm):
            by_class: dict[str, list[DatedRate]] = {}
            for rate in term.rates:
                by_class.setdefault(rate.account_class, []).append(rate)
            if not by_class:
                raise refuse(term_place(term), "there are no rates; write one for each account class.")
            for class_, rates in by_class.items():
                _check_days(f"{term_place(term)}, {class_}", "rate", rates, term.rates)
            _check_opening_classes(contract, term, list(by_class))


def _check_days(
    where: str, word: str, said: Sequence[DatedRate | DatedPrice], all_said: Sequence[DatedRate | DatedPrice]
) -> None:
    """Refuse what is dated where a day has none of it or two; ``word`` says what it is, ``all_said`` is the list."""
    dated = sorted(said, key=lambda one: one.first or date.min)

    def refused(one: DatedRate | DatedPrice, sentence: str) -> Refusal:
        return refuse(where, sentence, below=(f"{word}s", all_said.index(one)))

    if dated[0].first is not None:
        raise refused(
            dated[0],
            f"nothing is said before {dated[0].first}; leave `from` out of the earliest {word}, or add a {word}.",
        )
    for one, following in pairwise(dated):
        begins = following.first
        if begins is None:
            raise refused(
                following,
                f"the {word}s {_value(one)} and {_value(following)} both hold on the earliest days; write `from = "
                f"...` in "
                "the later one, and the same day as `to = ...` in the earlier one.",
            )
        if one.end is None or one.end > begins:
            raise refused(
                one,
                f"the {word}s {_value(one)} and {_value(following)} both hold on {begins}; write `to = {begins}` in "
                f"the "
                "earlier one.",
            )
        if one.end + timedelta(days=1) == begins:
            raise refused(
                one,
                f"`to` is the first day that is no longer inside, so no {word} holds on {one.end}; write `to = "
                f"{begins}` "
                "in the earlier one.",
            )
        if one.end < begins:
            raise refused(
                following,
                f"no {word} holds from {one.end} and before {begins}; write `from = {one.end}` in the later one.",
            )
    if dated[-1].end is not None:
        raise refused(dated[-1], f"nothing is said from {dated[-1].end} on; leave `to` out of the latest {word}.")


def _value(dated: DatedRate | DatedPrice) -> Decimal:
    return dated.rate if isinstance(dated, DatedRate) else dated.price


def _check_opening_classes(contract: Contract, term: RateByTerm, classes: list[str]) -> None:
    measure = contract.measures[term.measure]
    for opening in openings(measure):
        if opening.account_class not in classes:
            raise refuse(
                f"[measures.{term.measure}], opening {opening.item}",
                f"clause {term.clause} rates by account class, but class `{opening.account_class}` has no rate; "
                f"{nearest(opening.account_class or '', classes)}",
            )


def check_amounts(contract: Contract) -> None:
    """Refuse amounts that are no whole minor units, and bounds that no term can mean."""
    _check_amount("[settlement], threshold", contract.settlement.threshold, contract.paid_in)
    amounts = [
        (f"[measures.{name}], per", measure.per)
        for name, measure in contract.measures.items()
        if isinstance(measure, UnitMeasure)
    ]
    for where, per in amounts:
        if per <= 0:
            raise refuse(where, "a unit stands for an amount above zero; write one such as 1.00.")
    for term in contract.terms:
        amounts += [(term_place(term), amount) for amount in _amounts(term)]
        if isinstance(term, CapTerm | MinimumTerm) and _amounts(term)[0] < 0:
            key = "most" if isinstance(term, CapTerm) else "guarantee"
            raise refuse(term_place(term), f"`{key}` below zero limits nothing; write it without its sign.")
        if isinstance(term, ShareOverHurdleTerm) and term.hurdle < 0:
            raise refuse(term_place(term), "a `hurdle` below zero would pay for a loss; write 0.00 or more.")
        if isinstance(term, RecordRateTerm | SumTerm) and _upside_down(term.least, term.most):
            raise refuse(term_place(term), "`least` is above `most`; write the smaller amount as `least`.")
        if isinstance(term, RecordRateTerm) and min(term.flat or 0, term.least or 0) < 0:
            raise refuse(
                term_place(term), "a `flat` amount or a `least` below zero would turn the sign; write 0.00 or more."
            )
        if isinstance(term, BalanceRateTerm) and term.balances_a_year <= 0:
            raise refuse(term_place(term), "`balances_a_year` must be above 0; write 12 for month-end balances.")
    for where, amount in amounts:
        _check_amount(where, amount, contract.currency)


def _check_amount(where: str, amount: Decimal, currency: str) -> None:
    if to_minor(str(amount), currency) is None:
        told = f"{written(amount)} {currency} is no amount of money; write at most {exponent(currency)} decimals."
        raise refuse(where, told)


def _amounts(term: Term) -> list[Decimal]:
    """The amounts that a term says, in major units."""
    match term:
        case WholeTierTerm() | MarginalTierTerm():
            found = [bound for tier in term.tiers for bound in (tier.first, tier.end)]
        case ShareOverHurdleTerm():
            found = [term.hurdle]
        case BountyTerm():
            found = [term.amount]
        case RecordRateTerm():
            found = [term.least, term.most]
        case CapTerm():
            found = [term.most]
        case MinimumTerm():
            found = [term.guarantee]
        case TiersTerm() | SumTerm() | GateTerm() | DatedAmountsTerm() | InstalmentsTerm():
            found = _amounts_over(term)
        case _:
            found = []
    return [amount for amount in found if amount is not None]


def _amounts_over(term: TiersTerm | SumTerm | GateTerm | DatedAmountsTerm | InstalmentsTerm) -> list[Decimal | None]:
    """The amounts of a term over names or over time; bounds where they are money."""
    match term:
        case TiersTerm():
            bounded = term.tiers[0].rate is not None if term.driver is None else term.driver.counts is Counted.MONEY
            bounds = [bound for bracket in term.tiers for bound in (bracket.first, bracket.end) if bounded]
            return [*(bracket.amount for bracket in term.tiers), *bounds]
        case SumTerm():
            return [term.hurdle, term.least, term.most]
        case GateTerm():
            return [term.least] if term.driver.counts is Counted.MONEY else []
        case DatedAmountsTerm():
            return [one.amount for one in term.amounts]
        case InstalmentsTerm():
            return [term.total]


def _upside_down(least: Decimal | None, most: Decimal | None) -> bool:
    return least is not None and most is not None and least > most
