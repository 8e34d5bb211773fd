"""The words that sentences about a contract are made of: names, lists, money, rates, bounds and roundings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from settlement.model.contract import Contract
from settlement.model.contract_amounts import Bracket
from settlement.model.contract_terms import Scope, TermRounding, Tier
from settlement.model.money import Rounding
from settlement.rate.contract_words import written

MODES: Final = {
    Rounding.HALF_AWAY: "half a unit away from zero",
    Rounding.HALF_EVEN: "half a unit to the even one",
    Rounding.DOWN: "towards zero",
    Rounding.FLOOR: "down",
}
_ONCE: Final = {
    Scope.PERIOD: "once for the period",
    Scope.CLASS_AND_RATE: "once for each class and rate",
    Scope.MONTH: "once for each month",
    Scope.PRICE: "once for each price",
    Scope.RECORD: "for each record",
}


def percent(rate: Decimal) -> str:
    """A rate for a person: 0.0030 is ``0.30 %``."""
    shown = (rate * 100).normalize()
    places = max(2, -int(shown.as_tuple().exponent))
    return f"{shown:,.{places}f} %"


def counted(number: int, units: str) -> str:
    """``1 month``, ``2 months``: a number of what the plural word names."""
    return f"{number:,} {units.removesuffix('s') if number == 1 else units}"


def listing(names: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def spoken(code: str) -> str:
    """A name of the file as words: ``net_volume`` is ``net volume``."""
    return code.replace("_", " ")


def all_spoken(codes: Sequence[str]) -> str:
    """Several names as a list of words."""
    return listing([spoken(code) for code in codes])


def money(contract: Contract, amount: Decimal) -> str:
    """An amount in major units with the contract's currency."""
    return f"{written(amount)} {contract.currency}"


def rounded(rounding: TermRounding) -> str:
    """Where and how a term is rounded, as a sentence."""
    return f"Rounded {_ONCE[rounding.scope]} to the minor unit, {MODES[rounding.mode]}."


def bounds(tier: Tier | Bracket) -> str:
    """``from 0.00 and below 100.00``."""
    first = f"from {written(tier.first)}"
    return f"{first} on" if tier.end is None else f"{first} and below {written(tier.end)}"
