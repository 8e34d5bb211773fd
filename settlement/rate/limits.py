"""What sums, parts of a pool, the least or greatest, and gates give: exact rationals of minor units.

What is no whole number of them is rounded in ``forms``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from settlement.model.contract_limits import GateTerm, PickTerm, PoolShareTerm, SumTerm
from settlement.model.money import minor, split_largest_remainder
from settlement.rate.amounts import driven


def sum_of(term: SumTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The rate on what adds less what takes above the hurdle, brought up to the least and down to the most."""
    hurdle = 0 if term.hurdle is None else minor(term.hurdle, currency)
    above = sum(given[name] for name in term.adds) - sum(given[name] for name in term.takes) - hurdle
    found = Fraction(term.rate) * above
    found = found if term.least is None else max(found, Fraction(minor(term.least, currency)))
    return found if term.most is None else min(found, Fraction(minor(term.most, currency)))


def pool_share(term: PoolShareTerm, _: str, given: Mapping[str, int]) -> Fraction:
    """The part of the pool that one quantity has among all, in whole minor units; nothing where none is above zero."""
    weights = {name: max(0, given[name]) for name in term.among}
    pool = sum(given[name] for name in term.pool)
    return Fraction(split_largest_remainder(pool, weights)[term.of] if any(weights.values()) else 0)


def pick(term: PickTerm, _: str, given: Mapping[str, int]) -> Fraction:
    """The least, or the greatest, of the terms."""
    return Fraction((min if term.form == "least" else max)(given[name] for name in term.of))


def gate(term: GateTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The terms together where the driver has come up to the gate."""
    return Fraction(sum(given[name] for name in term.of) if opened(term, currency, given) else 0)


def opened(term: GateTerm, currency: str, given: Mapping[str, int]) -> bool:
    """Whether the driver has come up to the gate."""
    return driven(term.driver, currency, given) >= Fraction(term.least)
