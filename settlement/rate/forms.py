"""What each form of term gives for its quantities: whole numbers and exact rationals in, minor units out.

A form knows nothing of records, dates or statements. Its quantities come by name, in minor units (accounts as a
number), in the order in which they are told; what it gives is rounded once, where the term declares it. The worked
examples of a contract run through the same functions as its nights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from settlement.model.contract import (
    BalanceRateTerm,
    BelowZero,
    BountyTerm,
    MarginalTierTerm,
    RateByTerm,
    RateTerm,
    ShareOverHurdleTerm,
    Term,
    Tier,
    WholeTierTerm,
)
from settlement.model.money import exponent, round_fraction

PAID_TO_DATE = "paid_to_date"
DRIVER = "driver"
ACCOUNTS = "accounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a term gives: the amount in minor units and the quantities behind it as ``name=value;...``."""

    amount_minor: int
    quantities: str


def calculate(term: Term, currency: str, given: Mapping[str, int]) -> Line:  # noqa: PLR0911  # a form a case
    """What ``term`` gives for its quantities.

    Parameters
    ----------
    term:
        A term of a loaded contract.
    currency:
        The contract's currency; amounts in the term are major units of it.
    given:
        The term's quantities by name, money in minor units (``quantity_names`` tells the names).
    """
    match term:
        case RateTerm():
            return _rate(term, given)
        case RateByTerm():
            return _rate_by(term, given)
        case WholeTierTerm():
            return _whole_tier(term, currency, given)
        case MarginalTierTerm():
            return _marginal_tier(term, currency, given)
        case ShareOverHurdleTerm():
            return _share_over_hurdle(term, currency, given)
        case BountyTerm():
            return _bounty(term, currency, given)
        case BalanceRateTerm():
            return _balance_rate(term, given)


def quantity_names(term: Term) -> tuple[str, ...]:
    """The names of the quantities that ``calculate`` needs for a term; a profit share takes one profit a month."""
    match term:
        case RateTerm() | MarginalTierTerm() | BalanceRateTerm():
            return (term.measure,)
        case RateByTerm():
            return tuple(rate.selector for rate in term.rates)
        case WholeTierTerm():
            return (term.quantity, *((DRIVER,) if term.driver != term.base else ()), PAID_TO_DATE)
        case ShareOverHurdleTerm():
            return ("profit",)
        case BountyTerm():
            return (ACCOUNTS,)


def minor(amount: Decimal, currency: str) -> int:
    """Major units as written in a contract, in minor units; the loader has refused what is not a whole number."""
    return int(amount.scaleb(exponent(currency)))


def _rate(term: RateTerm, given: Mapping[str, int]) -> Line:
    volume = given[term.measure]
    return Line(
        amount_minor=round_fraction(Fraction(term.rate) * volume, term.rounding.mode),
        quantities=f"{term.measure}={volume}",
    )


def _rate_by(term: RateByTerm, given: Mapping[str, int]) -> Line:
    total, told = 0, []
    # Two dates of one class may carry the same rate: they are one volume, rounded once.
    for selector, rate in {rate.selector: rate.rate for rate in term.rates}.items():
        amount = round_fraction(Fraction(rate) * given[selector], term.rounding.mode)
        total += amount
        told.append(f"{selector}_volume={given[selector]}:amount={amount}")
    return Line(amount_minor=total, quantities=";".join(told))


def _whole_tier(term: WholeTierTerm, currency: str, given: Mapping[str, int]) -> Line:
    volume, paid = given[term.quantity], given[PAID_TO_DATE]
    driver = given.get(DRIVER, volume)
    rate = _tier_rate(term.tiers, term.below_zero, currency, driver)
    told = f";{DRIVER}={driver}" if DRIVER in given else ""
    return Line(
        amount_minor=round_fraction(Fraction(rate) * volume, term.rounding.mode) - paid,
        quantities=f"{term.quantity}={volume}{told};rate={rate};{PAID_TO_DATE}={paid}",
    )


def _tier_rate(tiers: tuple[Tier, ...], below_zero: BelowZero, currency: str, driver: int) -> Decimal:
    if driver < minor(tiers[0].first, currency):
        return tiers[0].rate if below_zero is BelowZero.FIRST_RATE else Decimal(0)
    return [tier.rate for tier in tiers if minor(tier.first, currency) <= driver][-1]


def _marginal_tier(term: MarginalTierTerm, currency: str, given: Mapping[str, int]) -> Line:
    volume = given[term.measure]
    exact = Fraction(0)
    for tier in term.tiers:
        first = minor(tier.first, currency)
        end = volume if tier.end is None else min(volume, minor(tier.end, currency))
        exact += Fraction(tier.rate) * max(0, end - first)
    below = min(0, volume - minor(term.tiers[0].first, currency))
    if term.below_zero is BelowZero.FIRST_RATE:
        exact += Fraction(term.tiers[0].rate) * below
    return Line(amount_minor=round_fraction(exact, term.rounding.mode), quantities=f"{term.measure}={volume}")


def _share_over_hurdle(term: ShareOverHurdleTerm, currency: str, given: Mapping[str, int]) -> Line:
    hurdle = minor(term.hurdle, currency)
    total, told = 0, []
    for month, profit in given.items():
        if profit > hurdle:
            exact = Fraction(term.share) * (profit - hurdle)
        elif profit < 0:
            exact = Fraction(term.loss_share) * profit
        else:
            exact = Fraction(0)
        share = round_fraction(exact, term.rounding.mode)
        total += share
        told.append(f"{month}:profit={profit}:share={share}")
    return Line(amount_minor=total, quantities=";".join(told))


def _bounty(term: BountyTerm, currency: str, given: Mapping[str, int]) -> Line:
    accounts = given[ACCOUNTS]
    return Line(amount_minor=minor(term.amount, currency) * accounts, quantities=f"{ACCOUNTS}={accounts}")


def _balance_rate(term: BalanceRateTerm, given: Mapping[str, int]) -> Line:
    balances = given[term.measure]
    exact = Fraction(term.rate_a_year) * balances / term.balances_a_year
    return Line(amount_minor=round_fraction(exact, term.rounding.mode), quantities=f"{term.measure}={balances}")
