"""What tiers over any quantity, dated amounts, instalments and minimum purchases give: exact rationals of minor units.

A form knows its quantities by name, as ``settlement.rate.forms`` says; what it gives is rounded there, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final, TypeVar

from settlement.model.contract_amounts import (
    Base,
    Bracket,
    DatedAmount,
    DatedAmountsTerm,
    Driver,
    InstalmentsTerm,
    MinimumPurchaseTerm,
    TiersTerm,
)
from settlement.model.contract_frame import BelowZero, Counted
from settlement.model.contract_terms import Tier
from settlement.model.money import exponent, minor

BASE: Final = "base"
DRIVER: Final = "driver"
DRIVER_PER: Final = "driver_per"
BEFORE: Final = "before"
DUE: Final = "due"
BOUGHT: Final = "bought"

_Bracket = TypeVar("_Bracket", Bracket, Tier)


def tiers(term: TiersTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """What the brackets give for base and driver, before what was given for earlier periods."""
    if term.base is None:
        bracket = bracket_of(term, driven(term.driver, currency, given))
        return Fraction(0) if bracket is None else Fraction(minor(bracket.value, currency))
    base = counted_base(term.base, currency, given[BASE])
    if term.method == "marginal":
        parts = parts_of(term.tiers, term.below_zero, currency, base)
        return sum((value_of(bracket, currency) * part for bracket, part in parts), Fraction(0))
    bracket = bracket_of(term, driven(term.driver, currency, given))
    return Fraction(0) if bracket is None else value_of(bracket, currency) * base


def driven(driver: Driver | None, currency: str, given: Mapping[str, int]) -> Fraction:
    """The driver in the units that bounds are written in: major units, things, or a ratio cut to its decimals.

    Where there is nothing to divide by, the ratio is 0.
    """
    if driver is None:
        raise TypeError("this form has no driver")
    if driver.counts is Counted.RATIO:
        below = given[DRIVER_PER]
        scale = 10 ** (driver.decimals or 0)
        return Fraction(given[DRIVER] * scale // below, scale) if below else Fraction(0)
    return Fraction(given[DRIVER], 10 ** exponent(currency) if driver.counts is Counted.MONEY else 1)


def counted_base(base: Base, currency: str, quantity: int) -> Fraction:
    """The base in what its brackets count: minor units, things, or whole blocks cut towards zero."""
    whole = abs(quantity) // block_of(base, currency)
    return Fraction(-whole if quantity < 0 else whole)


def block_of(base: Base, currency: str) -> Fraction:
    """How many minor units, or things, the brackets count as one: 1 where there are no blocks."""
    if base.block is None:
        return Fraction(1)
    return Fraction(base.block) * (10 ** exponent(currency) if base.counts is Counted.MONEY else 1)


def value_of(bracket: Bracket, currency: str) -> Fraction:
    """Minor units for one of what the base counts."""
    return Fraction(bracket.value) * (10 ** exponent(currency) if bracket.rate is None else 1)


def parts_of(
    tiers: Sequence[_Bracket], below_zero: BelowZero, currency: str, base: Fraction
) -> list[tuple[_Bracket, Fraction]]:
    """Each bracket with the part of the base that lies inside it; the first takes what is below it if that is said."""
    scale = 10 ** exponent(currency) if tiers[0].rate is not None else 1
    found = []
    for bracket in tiers:
        first = Fraction(bracket.first) * scale
        end = base if bracket.end is None else min(base, Fraction(bracket.end) * scale)
        found.append((bracket, max(Fraction(0), end - first)))
    if base < 0 and below_zero is BelowZero.FIRST_RATE:
        found.append((tiers[0], base))
    return found


def bracket_of(term: TiersTerm, driver: Fraction) -> Bracket | None:
    """The bracket that a driver lies in; below the first bound the first, or none."""
    reached = [bracket for bracket in term.tiers if Fraction(bracket.first) <= driver]
    below = term.tiers[0] if term.below_zero is BelowZero.FIRST_RATE else None
    return reached[-1] if reached else below


def dated_amounts(term: DatedAmountsTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The amounts that fall due after the first ``before`` and up to the first ``due`` of them."""
    return Fraction(sum(minor(one.amount, currency) for one in falling_due(term, given)))


def falling_due(term: DatedAmountsTerm, given: Mapping[str, int]) -> list[DatedAmount]:
    """Those amounts by their days."""
    return sorted(term.amounts, key=lambda one: one.on)[given[BEFORE] : given[DUE]]


def instalments(term: InstalmentsTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The instalments after the first ``before`` and up to the first ``due``: those with a unit more come first."""
    least, over = instalment(term, currency)
    return Fraction(sum(least + (number < over) for number in range(given[BEFORE], given[DUE])))


def instalment(term: InstalmentsTerm, currency: str) -> tuple[int, int]:
    """The least of the instalments in minor units, and how many of the first ones have a unit more."""
    return divmod(minor(term.total, currency), term.number)


def minimum_purchase(term: MinimumPurchaseTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The price of what was bought less than the minimum; nothing where it was bought."""
    price: Fraction = Fraction(term.price) * 10 ** exponent(currency)
    return price * max(0, term.least - given[BOUGHT])
