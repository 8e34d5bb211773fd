"""What sums, the least or greatest, and gates of terms give: exact rationals of minor units, rounded in ``forms``."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from settlement.model.contract_limits import GateTerm, PickTerm, SumTerm
from settlement.model.money import minor
from settlement.rate.amounts import driven


def sum_of(term: SumTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The rate on what adds less what takes above the hurdle, brought up to the least and down to the most."""
    hurdle = 0 if term.hurdle is None else minor(term.hurdle, currency)
    above = sum(given[name] for name in term.adds) - sum(given[name] for name in term.takes) - hurdle
    found = Fraction(term.rate) * above
    found = found if term.least is None else max(found, Fraction(minor(term.least, currency)))
    return found if term.most is None else min(found, Fraction(minor(term.most, currency)))


def pick(term: PickTerm, _: str, given: Mapping[str, int]) -> Fraction:
    """The least, or the greatest, of the terms."""
    return Fraction((min if term.form == "least" else max)(given[name] for name in term.of))


def gate(term: GateTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The terms together where the driver has come up to the gate."""
    opened = driven(term.driver, currency, given) >= Fraction(term.least)
    return Fraction(sum(given[name] for name in term.of) if opened else 0)
