"""Bounds in a contract file: tiers and dates without gaps and overlaps, amounts that are whole minor units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from settlement.model.contract import (
    BalanceRateTerm,
    BountyTerm,
    Contract,
    DatedRate,
    MarginalTierTerm,
    RateByTerm,
    RateTerm,
    ShareOverHurdleTerm,
    Term,
    Tier,
    WholeTierTerm,
)
from settlement.model.contract_measures import VolumeMeasure
from settlement.model.money import exponent, to_minor
from settlement.rate.contract_words import nearest, refuse, term_place, written


def check_tiers(contract: Contract) -> None:
    """Refuse tiers that do not begin at zero, leave a gap, overlap, or end."""
    for term in contract.terms:
        if isinstance(term, WholeTierTerm | MarginalTierTerm):
            _check_tier_list(term_place(term), term.tiers)


def _check_tier_list(where: str, tiers: Sequence[Tier]) -> None:
    if not tiers:
        raise refuse(where, "there are no tiers; write at least `{ from = 0.00, rate = ... }`.")
    if tiers[0].first != 0:
        raise refuse(where, f"the first tier begins at {written(tiers[0].first)}; write `from = 0.00` in it.")
    for tier, following in pairwise(tiers):
        if tier.end is None:
            raise refuse(
                where,
                f"the tier from {written(tier.first)} has no end, but one from {written(following.first)} follows; "
                f"write `to = {_toml(following.first)}` in it.",
            )
        if tier.end != following.first:
            low, high = sorted((tier.end, following.first))
            what = "leave a gap" if tier.end < following.first else "overlap"
            raise refuse(
                where,
                f"the tiers {what} between {written(low)} and {written(high)}; a tier begins where the one before it "
                f"ends: write `from = {_toml(tier.end)}` in the tier that begins at {written(following.first)}.",
            )
    for tier in tiers:
        if tier.end is not None and tier.end <= tier.first:
            raise refuse(where, f"the tier [{written(tier.first)}, {written(tier.end)}) is empty; drop it or widen it.")
    if tiers[-1].end is not None:
        raise refuse(where, f"nothing is said from {written(tiers[-1].end)} on; leave `to` out of the last tier.")


def _toml(value: Decimal) -> str:
    return f"{value:,}".replace(",", "_")


def check_dated_rates(contract: Contract) -> None:
    """Refuse rates of one class that leave a day without a rate, or give it two."""
    for term in contract.terms:
        if isinstance(term, RateByTerm):
            by_class: dict[str, list[DatedRate]] = {}
            for rate in term.rates:
                by_class.setdefault(rate.account_class, []).append(rate)
            if not by_class:
                raise refuse(term_place(term), "there are no rates; write one for each account class.")
            for class_, rates in by_class.items():
                _check_class(f"{term_place(term)}, {class_}", sorted(rates, key=lambda r: r.first or date.min))
            _check_opening_classes(contract, term, list(by_class))


def _check_class(where: str, rates: Sequence[DatedRate]) -> None:
    if rates[0].first is not None:
        raise refuse(
            where, f"nothing is said before {rates[0].first}; leave `from` out of the earliest rate, or add a rate."
        )
    for rate, following in pairwise(rates):
        begins = following.first
        if rate.end is None or begins is None or rate.end > begins:
            raise refuse(
                where,
                f"the rates {rate.rate} and {following.rate} both hold on {begins or 'the earliest days'}; "
                f"write `to = {begins or 'the day on which the next begins'}` in the earlier one.",
            )
        if rate.end < begins:
            raise refuse(
                where, f"no rate holds from {rate.end} and before {begins}; write `from = {rate.end}` in the later one."
            )
    if rates[-1].end is not None:
        raise refuse(where, f"nothing is said from {rates[-1].end} on; leave `to` out of the latest rate.")


def _check_opening_classes(contract: Contract, term: RateByTerm, classes: list[str]) -> None:
    measure = contract.measures[term.measure]
    for opening in measure.opening if isinstance(measure, VolumeMeasure) else ():
        if opening.account_class not in classes:
            raise refuse(
                f"[measures.{term.measure}], opening {opening.item}",
                f"clause {term.clause} rates by account class, but class `{opening.account_class}` has no rate; "
                f"{nearest(opening.account_class or '', classes)}",
            )


def check_amounts(contract: Contract) -> None:
    """Refuse amounts that are no whole minor units, and bounds that no term can mean."""
    amounts = [("[settlement], threshold", contract.settlement.threshold)]
    for term in contract.terms:
        amounts += [(term_place(term), amount) for amount in _amounts(term)]
        if isinstance(term, ShareOverHurdleTerm) and term.hurdle < 0:
            raise refuse(term_place(term), "a hurdle below zero would pay for a loss; write 0.00 or more.")
        if isinstance(term, BalanceRateTerm) and term.balances_a_year <= 0:
            raise refuse(term_place(term), "balances_a_year must be above 0; write 12 for month-end balances.")
    for where, amount in amounts:
        if to_minor(str(amount), contract.currency) is None:
            decimals = exponent(contract.currency)
            told = f"{written(amount)} {contract.currency} is no amount of money; write at most {decimals} decimals."
            raise refuse(where, told)


def _amounts(term: Term) -> list[Decimal]:
    match term:
        case WholeTierTerm() | MarginalTierTerm():
            return [bound for tier in term.tiers for bound in (tier.first, tier.end) if bound is not None]
        case ShareOverHurdleTerm():
            return [term.hurdle]
        case BountyTerm():
            return [term.amount]
        case RateTerm() | RateByTerm() | BalanceRateTerm():
            return []
