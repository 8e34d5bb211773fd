"""The boundary cases of a contract, worked out: what each clause gives just below, at and just above each bound.

A finance person compares them with the prose of the agreement. Amounts go by one minor unit, counts by one, dates by
one day; each range of dates and the first period are shown at both ends, and the next 29 February.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_amounts import Driver
from settlement.model.contract_frame import Counted
from settlement.model.contract_terms import (
    BalanceRateTerm,
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
    TiersTerm,
    UnitPriceTerm,
    WholeTierTerm,
)
from settlement.model.money import exponent, minor
from settlement.rate.amounts import BASE, BEFORE, BOUGHT, DRIVER, DRIVER_PER, DUE
from settlement.rate.contract_days import dated_cases
from settlement.rate.contract_words import written_minor
from settlement.rate.forms import ACCOUNTS, EARNED, illustrate, is_counted, quantity_names
from settlement.rate.ledgers import BEYOND, names_of_points

Given = dict[str, int]
_MOST: Final = 10**15
"""Minor units: what gives no minor unit below this gives none that a contract means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One worked case: the clause, the term or the rule that works it out, what is given and what comes out."""

    clause: str
    name: str
    given: str
    gives: str


def cases(version: ContractVersion) -> list[Case]:
    """The boundary cases of a contract: amounts by term, then the threshold of payment, then dates."""
    contract = version.contract
    found = [case for term in contract.terms for case in _of_term(contract, term)]
    return [*found, *_of_threshold(contract), *(Case(**told) for told in dated_cases(version))]


def _of_term(contract: Contract, term: Term) -> Iterator[Case]:
    makes = _BOUNDS.get(type(term))
    for given in makes(contract, term) if makes is not None else ():
        told = {name: given.get(name, 0) for name in quantity_names(term)}
        gives = illustrate(term, contract.currency, told)
        yield Case(
            clause=term.clause,
            name=term.id,
            given=", ".join(f"{name} {_quantity(contract, term, name, value)}" for name, value in given.items()),
            gives=written_minor(gives, contract.currency),
        )


def _of_threshold(contract: Contract) -> Iterator[Case]:
    rule, currency = contract.settlement, contract.paid_in
    for balance in _around(minor(rule.threshold, currency)):
        paid = balance if balance >= minor(rule.threshold, currency) else 0
        yield Case(
            clause=rule.clause,
            name="threshold",
            given=f"balance {written_minor(balance, currency)}",
            gives=f"{written_minor(paid, currency)} paid, {written_minor(balance - paid, currency)} carried",
        )


def _quantity(contract: Contract, term: Term, name: str, value: int) -> str:
    return f"{value:,}" if is_counted(term, name) else written_minor(value, contract.currency)


def _around(bound: int) -> tuple[int, int, int]:
    return bound - 1, bound, bound + 1


def _first_unit(contract: Contract, term: Term, name: str) -> Iterator[Given]:
    """Around the smallest quantity that gives a minor unit: the place where rounding shows."""

    def gives(quantity: int) -> bool:
        told = {one: quantity if one == name else 0 for one in quantity_names(term)}
        return illustrate(term, contract.currency, told) != 0

    yield from ({name: quantity} for quantity in _around_first(gives))


def _around_first(holds: Callable[[int], bool]) -> tuple[int, ...]:
    """The numbers around the first from which a condition holds; none where it holds for no number that is meant."""
    if not holds(_MOST):
        return ()
    low, high = 0, _MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return _around(high)


def _one_quantity(contract: Contract, term: RateTerm | BalanceRateTerm) -> Iterator[Given]:
    yield from _first_unit(contract, term, term.measure)


def _each_selector(contract: Contract, term: RateByTerm | UnitPriceTerm) -> Iterator[Given]:
    for name in dict.fromkeys(quantity_names(term)):
        yield from _first_unit(contract, term, name)


def _tier_bounds(contract: Contract, term: WholeTierTerm | MarginalTierTerm) -> Iterator[Given]:
    name = term.quantity if isinstance(term, WholeTierTerm) else term.measure
    for tier in term.tiers:
        bound = minor(tier.first, contract.currency)
        for volume in _around(bound):
            if isinstance(term, WholeTierTerm) and term.driver != term.base:
                # The driver alone crosses the bound; the base stands at it.
                yield {name: bound, DRIVER: volume}
            else:
                yield {name: volume}


def _hurdle(contract: Contract, term: ShareOverHurdleTerm) -> Iterator[Given]:
    for bound in dict.fromkeys((0, minor(term.hurdle, contract.currency))):
        yield from ({"profit": profit} for profit in _around(bound))
    # A cent over the hurdle may round to nothing: one whole unit of the currency shows the share.
    unit = 10 ** exponent(contract.currency)
    yield {"profit": -unit}
    yield {"profit": minor(term.hurdle, contract.currency) + unit}


def _per_account(_: Contract, __: BountyTerm) -> Iterator[Given]:
    yield from ({ACCOUNTS: number} for number in (0, 1, 2))


def _per_record(contract: Contract, term: RecordRateTerm) -> Iterator[Given]:
    def gives(amount: int) -> int:
        return illustrate(term, contract.currency, {"amount": amount, "left_of_purchase": 0})

    yield from ({"amount": amount} for amount in _around_first(lambda amount: gives(amount) > 0))
    flat = minor(term.flat, contract.currency) if term.flat is not None else 0
    for bound in (term.least, term.most):
        if bound is not None and term.rate > 0:
            reached = int((minor(bound, contract.currency) - flat) / Fraction(term.rate))
            yield from ({"amount": amount} for amount in _around(reached))
            yield {"amount": -reached, "left_of_purchase": 2 * reached}
            yield {"amount": -reached, "left_of_purchase": reached}


def _cap(contract: Contract, term: CapTerm) -> Iterator[Given]:
    yield from ({EARNED: earned} for earned in _around(minor(term.most, contract.currency)))


def _guarantee(contract: Contract, term: MinimumTerm) -> Iterator[Given]:
    (name,) = quantity_names(term)
    yield from ({name: earned} for earned in _around(minor(term.guarantee, contract.currency)))


def _brackets(contract: Contract, term: TiersTerm) -> Iterator[Given]:
    # The driver alone crosses a bound; the base is so much that what the bracket gives can be seen.
    base = {BASE: _much(contract)} if term.base is not None else {}
    if term.driver is not None and term.driver.per:
        yield {**base, DRIVER: _much(contract), DRIVER_PER: 0}
    for bracket in term.tiers:
        if term.driver is not None:
            yield from ({**base, **given} for given in _around_driver(contract, term.driver, bracket.first))
        elif term.base is not None:
            counted = term.base.counts is Counted.COUNT
            bound = int(bracket.first) * (term.base.block or 1) if counted or term.base.block else bracket.first
            at = int(bound) if counted else minor(Decimal(bound), contract.currency)
            yield from ({BASE: amount} for amount in _around(at))


def _around_driver(contract: Contract, driver: Driver, bound: Decimal) -> Iterator[Given]:
    """Around a bound of what picks a bracket, by one of what it counts, or by the last decimal of a ratio."""
    if driver.counts is Counted.RATIO:
        whole = 10 ** (driver.decimals or 0)
        yield from ({DRIVER: value, DRIVER_PER: whole} for value in _around(int(bound * whole)))
    else:
        at = int(bound) if driver.counts is Counted.COUNT else minor(bound, contract.currency)
        yield from ({DRIVER: value} for value in _around(at))


def _much(contract: Contract) -> int:
    """A hundred units of the currency, in minor units, or as many things."""
    return int(Decimal(100).scaleb(exponent(contract.currency)))


def _dated_amounts(_: Contract, term: DatedAmountsTerm) -> Iterator[Given]:
    yield from ({BEFORE: number, DUE: number + 1} for number in range(len(term.amounts)))


def _instalments(contract: Contract, term: InstalmentsTerm) -> Iterator[Given]:
    """The first, the last that has a minor unit more, the one after it, and the last."""
    over = minor(term.total, contract.currency) % term.number
    numbers = sorted({0, max(0, over - 1), over, term.number - 1})
    yield from ({BEFORE: number, DUE: number + 1} for number in numbers)


def _minimum_purchase(_: Contract, term: MinimumPurchaseTerm) -> Iterator[Given]:
    yield from ({BOUGHT: bought} for bought in _around(term.least))


def _sum(contract: Contract, term: SumTerm) -> Iterator[Given]:
    """Around the hurdle, and around what reaches the bounds, all of it from the first name that adds."""
    name = next(iter((*term.adds, *term.takes)))
    hurdle = minor(term.hurdle, contract.currency) if term.hurdle is not None else 0
    reached = [
        hurdle + int(minor(bound, contract.currency) / Fraction(term.rate))
        for bound in (term.least, term.most)
        if bound is not None and term.rate != 0
    ]
    for bound in dict.fromkeys((hurdle, *reached)):
        yield from ({name: quantity} for quantity in _around(bound))


def _pool_share(contract: Contract, term: PoolShareTerm) -> Iterator[Given]:
    """A pool that all have an equal part in, that one has alone, and that nobody has."""
    pool = {term.pool[0]: _much(contract)}
    yield from ({**pool, **counted} for counted in (dict.fromkeys(term.among, 1), {term.of: 1}, {term.of: 0}))


def _pick(contract: Contract, term: PickTerm) -> Iterator[Given]:
    first, *others = term.of
    same = dict.fromkeys(others, _much(contract))
    yield from ({first: value, **same} for value in _around(_much(contract)))


def _gate(contract: Contract, term: GateTerm) -> Iterator[Given]:
    given = {term.of[0]: _much(contract)}
    if term.driver.per:
        yield {DRIVER: _much(contract), DRIVER_PER: 0, **given}
    yield from ({**driver, **given} for driver in _around_driver(contract, term.driver, term.least))


def _points(contract: Contract, term: PointsTerm) -> Iterator[Given]:
    yield from _first_unit(contract, term, names_of_points(term)[0])


def _prepaid(contract: Contract, term: PrepaidTerm) -> Iterator[Given]:
    yield from _first_unit(contract, term, BEYOND)


_BOUNDS: Final[Mapping[type[Term], Callable[[Contract, Any], Iterator[Given]]]] = {
    RateTerm: _one_quantity,
    BalanceRateTerm: _one_quantity,
    RateByTerm: _each_selector,
    UnitPriceTerm: _each_selector,
    WholeTierTerm: _tier_bounds,
    MarginalTierTerm: _tier_bounds,
    ShareOverHurdleTerm: _hurdle,
    BountyTerm: _per_account,
    RecordRateTerm: _per_record,
    CapTerm: _cap,
    MinimumTerm: _guarantee,
    TiersTerm: _brackets,
    DatedAmountsTerm: _dated_amounts,
    InstalmentsTerm: _instalments,
    MinimumPurchaseTerm: _minimum_purchase,
    SumTerm: _sum,
    PoolShareTerm: _pool_share,
    PickTerm: _pick,
    GateTerm: _gate,
    PointsTerm: _points,
    PrepaidTerm: _prepaid,
}
"""Where each form of term has its bounds: the quantities, in minor units or as counts; what is not named is 0."""
