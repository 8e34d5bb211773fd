"""What each form of term gives for its quantities: whole numbers and exact rationals in, minor units out.

A form knows nothing of records, dates or statements. Its quantities come by name, in minor units (accounts as a
number), in the order in which they are told; what it gives is rounded once, where the term declares it. The worked
examples of a contract run through the same functions as its nights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from settlement.model.contract_amounts import Driver
from settlement.model.contract_frame import Counted
from settlement.model.contract_terms import (
    WITHOUT_ROUNDING,
    BalanceRateTerm,
    BelowZero,
    BountyTerm,
    CapTerm,
    DatedAmountsTerm,
    GateTerm,
    InstalmentsTerm,
    MarginalTierTerm,
    MinimumPurchaseTerm,
    MinimumTerm,
    PickTerm,
    PointsTerm,
    PoolShareTerm,
    PrepaidTerm,
    RateByTerm,
    RateTerm,
    RecordRateTerm,
    ShareOverHurdleTerm,
    SumTerm,
    Term,
    Tier,
    TiersTerm,
    UnitPriceTerm,
    WholeTierTerm,
)
from settlement.model.money import Rounded, exponent, minor, round_fraction, roundings_told
from settlement.rate.amounts import (
    BASE,
    BEFORE,
    BOUGHT,
    DRIVER,
    DRIVER_PER,
    DUE,
    dated_amounts,
    instalments,
    minimum_purchase,
    parts_of,
    tiers,
)
from settlement.rate.ledgers import PREPAID, names_of_points, of_points, of_prepaid
from settlement.rate.limits import gate, pick, pool_share, sum_of

PAID_TO_DATE = "paid_to_date"
ACCOUNTS = "accounts"
UNCAPPED = "uncapped"
EARNED = "earned"
EARNED_YEAR = "earned_year"
GIVEN = "given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a term gives: the amount in minor units and the quantities behind it as ``name=value;...``.

    ``roundings`` tell each exact value that was rounded on the way, with the name of its quantity.
    """

    amount_minor: int
    quantities: str
    roundings: tuple[Rounded, ...] = field(default=(), compare=False)


def calculate(term: Term, currency: str, given: Mapping[str, int]) -> Line:
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
    with roundings_told() as told:
        line = _given(term, currency, given)
    return replace(line, roundings=tuple(told)) if told else line


def _given(term: Term, currency: str, given: Mapping[str, int]) -> Line:
    form = _FORMS.get(type(term))
    if form is not None:
        return form(term, currency, given)
    exact = _EXACT[type(term)](term, currency, given)
    # What has no rounding gives whole minor units as they are.
    of = next(iter(given), "")
    amount = int(exact) if isinstance(term, WITHOUT_ROUNDING) else round_fraction(exact, term.rounding.mode, of)
    told = ";".join(f"{name}={value}" for name, value in given.items())
    return Line(amount_minor=int(_less_given(term, amount, given)), quantities=told)


def exactly(term: Term, currency: str, given: Mapping[str, int]) -> Fraction | None:
    """What ``term`` gives before it is rounded, in minor units; None for a form that is rounded part by part."""
    if isinstance(term, RecordRateTerm):
        left, own = given["left_of_purchase"], given["amount"]
        return None if left or own < 0 else exact_of_record(term, currency, own)
    if type(term) not in _EXACT:
        return None
    exact: Fraction = _EXACT[type(term)](term, currency, given)
    return _less_given(term, exact, given)


def _less_given(term: Term, amount: int | Fraction, given: Mapping[str, int]) -> Fraction:
    """What an amount to date leaves after what was given before, as recomputed now; what is kept is not taken back."""
    left = Fraction(amount) - given.get(PAID_TO_DATE, 0)
    return max(left, Fraction(0)) if isinstance(term, TiersTerm) and term.less == "given_and_kept" else left


def illustrate(term: Term, currency: str, given: Mapping[str, int]) -> int:
    """What ``term`` gives, in minor units, for the quantities of a worked example (``quantity_names``)."""
    if isinstance(term, RecordRateTerm):
        left, own = given["left_of_purchase"], given["amount"]
        if left:
            return of_record(term, currency, left + own) - of_record(term, currency, left)
        return of_record(term, currency, own) if own > 0 else -of_record(term, currency, -own)
    return calculate(term, currency, given).amount_minor


def of_record(term: RecordRateTerm, currency: str, amount: int) -> int:
    """What a ``record_rate`` gives for one amount in minor units; a flat amount and a least go with its sign."""
    if amount < 0 and (term.flat is not None or term.least is not None):
        return -of_record(term, currency, -amount)
    return round_fraction(exact_of_record(term, currency, amount), term.rounding.mode)


def exact_of_record(term: RecordRateTerm, currency: str, amount: int) -> Fraction:
    """What ``of_record`` rounds: the rate on an amount with the flat amount, within bounds; of nothing, nothing.

    Bounds are whole minor units, so that it is the same whether they or the rounding come first.
    """
    if not amount:
        return Fraction(0)
    flat: Fraction = Fraction(term.flat or 0) * 10 ** exponent(currency)
    given = Fraction(term.rate) * amount + flat
    given = given if term.least is None else max(given, Fraction(minor(term.least, currency)))
    return given if term.most is None else min(given, Fraction(minor(term.most, currency)))


def quantity_names(term: Term) -> tuple[str, ...]:
    """The names of the quantities of a term's examples; a profit share takes one profit, a ``record_rate`` one record.

    The record's ``amount`` is negative for a negative event, and ``left_of_purchase`` then what is left of its purchase
    before it; 0 for a purchase, and for a refund without one.
    """
    return _NAMES[type(term)](term)


def _rate(term: RateTerm, _: str, given: Mapping[str, int]) -> Fraction:
    return Fraction(term.rate) * given[term.measure]


def _rate_by(term: RateByTerm, _: str, given: Mapping[str, int]) -> Line:
    total, told = 0, []
    # Two dates of one class may carry the same rate: they are one volume, rounded once.
    for selector, rate in {rate.selector: rate.rate for rate in term.rates}.items():
        amount = round_fraction(Fraction(rate) * given[selector], term.rounding.mode, of=f"{selector}_volume")
        total += amount
        told.append(f"{selector}_volume={given[selector]}:amount={amount}")
    return Line(amount_minor=total, quantities=";".join(told))


def _whole_tier(term: WholeTierTerm, currency: str, given: Mapping[str, int]) -> Line:
    volume, paid = given[term.quantity], given[PAID_TO_DATE]
    driver = given.get(DRIVER, volume)
    rate = _tier_rate(term.tiers, term.below_zero, currency, driver)
    told = f";{DRIVER}={driver}" if DRIVER in given else ""
    return Line(
        amount_minor=round_fraction(Fraction(rate) * volume, term.rounding.mode, of=term.quantity) - paid,
        quantities=f"{term.quantity}={volume}{told};rate={rate};{PAID_TO_DATE}={paid}",
    )


def _tier_rate(tiers: tuple[Tier, ...], below_zero: BelowZero, currency: str, driver: int) -> Decimal:
    if driver < minor(tiers[0].first, currency):
        return tiers[0].rate if below_zero is BelowZero.FIRST_RATE else Decimal(0)
    return [tier.rate for tier in tiers if minor(tier.first, currency) <= driver][-1]


def _marginal_tier(term: MarginalTierTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    parts = parts_of(term.tiers, term.below_zero, currency, Fraction(given[term.measure]))
    return sum((Fraction(tier.rate) * part for tier, part in parts), Fraction(0))


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
        share = round_fraction(exact, term.rounding.mode, of=f"{month}:profit")
        total += share
        told.append(f"{month}:profit={profit}:share={share}")
    return Line(amount_minor=total, quantities=";".join(told))


def _bounty(term: BountyTerm, currency: str, given: Mapping[str, int]) -> Line:
    accounts = given[ACCOUNTS]
    return Line(amount_minor=minor(term.amount, currency) * accounts, quantities=f"{ACCOUNTS}={accounts}")


def _balance_rate(term: BalanceRateTerm, _: str, given: Mapping[str, int]) -> Fraction:
    return Fraction(term.rate_a_year) * given[term.measure] / term.balances_a_year


def _unit_price(term: UnitPriceTerm, currency: str, given: Mapping[str, int]) -> Line:
    total, told = 0, []
    for name, price in term.selectors.items():
        exact = Fraction(price.price) * 10 ** exponent(currency) * given[name]
        amount = round_fraction(exact, term.rounding.mode, of=name)
        total += amount
        told.append(f"{name}={given[name]}" + (f";amount={amount}" if len(term.prices) > 1 else ""))
    told += [f"{name}={given[name]}" for name in (ACCOUNTS, UNCAPPED) if name in given]
    return Line(amount_minor=total, quantities=";".join(told))


def _record_rate(_: RecordRateTerm, __: str, given: Mapping[str, int]) -> Line:
    counts = [f"{name}={count}" for name, count in given.items() if name != GIVEN]
    return Line(amount_minor=given[GIVEN], quantities=";".join(counts))


def _cap(term: CapTerm, currency: str, given: Mapping[str, int]) -> Line:
    most, paid = minor(term.most, currency), given.get(PAID_TO_DATE)
    told = "" if paid is None else f";{EARNED}={given[EARNED]};{PAID_TO_DATE}={paid}"
    return Line(amount_minor=min(0, most - given[EARNED]) - (paid or 0), quantities=f"cap={most}{told}")


def _minimum(term: MinimumTerm, currency: str, given: Mapping[str, int]) -> Line:
    guarantee = minor(term.guarantee, currency)
    ((name, earned),) = given.items()
    return Line(amount_minor=max(0, guarantee - earned), quantities=f"{name}={earned};guarantee={guarantee}")


_FORMS: Final[Mapping[type[Term], Callable[[Any, str, Mapping[str, int]], Line]]] = {
    RateByTerm: _rate_by,
    WholeTierTerm: _whole_tier,
    ShareOverHurdleTerm: _share_over_hurdle,
    BountyTerm: _bounty,
    UnitPriceTerm: _unit_price,
    RecordRateTerm: _record_rate,
    CapTerm: _cap,
    MinimumTerm: _minimum,
}
"""Forms that are rounded part by part, or tell their quantities in their own way."""

_EXACT: Final[Mapping[type[Term], Callable[[Any, str, Mapping[str, int]], Fraction]]] = {
    RateTerm: _rate,
    MarginalTierTerm: _marginal_tier,
    BalanceRateTerm: _balance_rate,
    TiersTerm: tiers,
    DatedAmountsTerm: dated_amounts,
    InstalmentsTerm: instalments,
    MinimumPurchaseTerm: minimum_purchase,
    SumTerm: sum_of,
    PoolShareTerm: pool_share,
    PickTerm: pick,
    GateTerm: gate,
    PointsTerm: of_points,
    PrepaidTerm: of_prepaid,
}
"""Forms that are rounded once for the period."""


def _of_tiers(term: TiersTerm) -> tuple[str, ...]:
    paid = () if term.less == "nothing" else (PAID_TO_DATE,)
    return (*(() if term.base is None else (BASE,)), *_of_driver(term.driver), *paid)


def _of_driver(driver: Driver | None) -> tuple[str, ...]:
    if driver is None:
        return ()
    return (DRIVER, DRIVER_PER) if driver.per else (DRIVER,)


_NAMES: Final[Mapping[type[Term], Callable[[Any], tuple[str, ...]]]] = {
    RateTerm: lambda term: (term.measure,),
    RateByTerm: lambda term: tuple(rate.selector for rate in term.rates),
    WholeTierTerm: lambda term: (term.quantity, *((DRIVER,) if term.driver != term.base else ()), PAID_TO_DATE),
    MarginalTierTerm: lambda term: (term.measure,),
    ShareOverHurdleTerm: lambda _: ("profit",),
    BountyTerm: lambda _: (ACCOUNTS,),
    BalanceRateTerm: lambda term: (term.measure,),
    UnitPriceTerm: lambda term: tuple(term.selectors),
    RecordRateTerm: lambda _: ("amount", "left_of_purchase"),
    CapTerm: lambda term: (EARNED,) if term.window == "period" else (EARNED, PAID_TO_DATE),
    MinimumTerm: lambda term: (EARNED,) if term.window == "period" else (EARNED_YEAR,),
    TiersTerm: _of_tiers,
    DatedAmountsTerm: lambda _: (BEFORE, DUE),
    InstalmentsTerm: lambda _: (BEFORE, DUE),
    MinimumPurchaseTerm: lambda _: (BOUGHT,),
    SumTerm: lambda term: (*term.adds, *term.takes),
    PoolShareTerm: lambda term: (*term.pool, *term.among),
    PickTerm: lambda term: term.of,
    GateTerm: lambda term: (*_of_driver(term.driver), *term.of),
    PointsTerm: lambda term: (*names_of_points(term), *((PAID_TO_DATE,) if term.entry == "reserve" else ())),
    PrepaidTerm: lambda _: PREPAID,
}


def is_counted(term: Term, name: str) -> bool:
    """Whether a quantity of a term is a number of things, and no money; the two sides of a ratio are read alike."""
    match term:
        case BountyTerm() | UnitPriceTerm() | DatedAmountsTerm() | InstalmentsTerm() | MinimumPurchaseTerm():
            return True
        case PointsTerm() | PrepaidTerm():
            return name != PAID_TO_DATE
        case PoolShareTerm():
            return name in term.among and term.counts == "count"
        case TiersTerm() if name == BASE and term.base is not None:
            return term.base.counts is Counted.COUNT
        case TiersTerm() | GateTerm() if name in {DRIVER, DRIVER_PER} and term.driver is not None:
            return term.driver.counts is Counted.COUNT
    return False
