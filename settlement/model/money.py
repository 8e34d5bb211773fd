"""Money is an integer of minor units with its ISO 4217 currency; rates are exact rationals.

Exponents come from the kept package ``iso4217`` (ISO 4217 list one). Nothing here is a float.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Final

from iso4217 import Currency as _Iso4217

EXPONENTS: Final[Mapping[str, int]] = {
    entry.code: int(entry.exponent) for entry in _Iso4217 if entry.exponent is not None
}
"""Alphabetic code to number of decimals, for currencies that have minor units."""

NUMERIC_CODES: Final[Mapping[str, str]] = {
    f"{int(entry.number):03d}": entry.code
    for entry in _Iso4217
    if entry.exponent is not None and entry.number is not None
}
"""Three-digit numeric code to alphabetic code."""


_MOST_DIGITS: Final = 18
"""Amounts stand in 64 bits; a longer number in a file is no amount."""


def decimal_of(value: Fraction) -> Decimal | None:
    """The decimal that is exactly a fraction, without zeros at its end; None where no decimal is."""
    others, places = value.denominator, 0
    for factor in (2, 5):
        times = 0
        while others % factor == 0:
            others, times = others // factor, times + 1
        places = max(places, times)
    return None if others > 1 else Decimal(f"{value.numerator * 10**places // value.denominator}E-{places}")


class Rounding(StrEnum):
    """The rounding modes a contract may declare."""

    HALF_AWAY = "half_away"
    HALF_EVEN = "half_even"
    DOWN = "down"
    FLOOR = "floor"


def is_currency(code: str) -> bool:
    """Whether ``code`` is a current ISO 4217 alphabetic code with minor units."""
    return code in EXPONENTS


@cache
def exponent(code: str) -> int:
    """Number of decimals of a currency; KeyError for a code that ISO 4217 does not list."""
    return EXPONENTS[code]


def to_minor(text: str, currency: str) -> int | None:
    """Read a plain decimal in major units as minor units, or None where it is no exact amount.

    ``to_minor("17.3", "USD")`` is 1730 and ``to_minor("17.305", "USD")`` is None: nothing is rounded on reading.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        return None
    scaled = value.scaleb(exponent(currency))
    whole = int(scaled)
    return whole if scaled == whole else None


def to_major(amount_minor: int, currency: str) -> str:
    """Write minor units in major units with the currency's decimals: 1730 USD is ``17.30``.

    Points and other commodities have no parts: 1730 POINTS is ``1730``.
    """
    places = EXPONENTS.get(currency, 0)
    sign = "-" if amount_minor < 0 else ""
    digits = str(abs(amount_minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def amount_text(amount_minor: int, currency: str) -> str:
    """An amount for a person: 1730 USD is ``17.30 USD``."""
    return f"{to_major(amount_minor, currency)} {currency}"


def amounts_text(amounts: Mapping[str, int]) -> str:
    """Amounts by currency for a person, ``nothing`` where there are none."""
    return " and ".join(amount_text(amount, currency) for currency, amount in sorted(amounts.items())) or "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounded:
    """One rounding: the exact value, in units that are whole after it, the mode, what it became, and of what it is."""

    exact: Fraction
    mode: Rounding
    whole: int
    of: str = ""


_LISTENING: Final[ContextVar[list[Rounded] | None]] = ContextVar("roundings", default=None)


@contextmanager
def roundings_told() -> Iterator[list[Rounded]]:
    """Collect what ``round_fraction`` rounds inside the block, in order. What it gives does not depend on this."""
    told: list[Rounded] = []
    before = _LISTENING.set(told)
    try:
        yield told
    finally:
        _LISTENING.reset(before)


def round_fraction(value: Fraction, mode: Rounding = Rounding.HALF_AWAY, of: str = "") -> int:
    """Round an exact rational to a whole number by the declared mode; ``of`` names the quantity behind it."""
    magnitude, sign = abs(value), -1 if value < 0 else 1
    whole, rest = divmod(magnitude.numerator, magnitude.denominator)
    twice = 2 * rest
    match mode:
        case Rounding.HALF_AWAY:
            up = twice >= magnitude.denominator
        case Rounding.HALF_EVEN:
            up = twice > magnitude.denominator or (twice == magnitude.denominator and whole % 2 == 1)
        case Rounding.DOWN:
            up = False
        case Rounding.FLOOR:
            up = sign < 0 and rest > 0
    found = sign * (whole + int(up))
    listening = _LISTENING.get()
    if listening is not None:
        listening.append(Rounded(exact=value, mode=mode, whole=found, of=of))
    return found


def minor(amount: Decimal, currency: str) -> int:
    """Major units as written in a contract, in minor units; the loader has refused what is not a whole number."""
    return int(amount.scaleb(exponent(currency)))


def split_largest_remainder(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Split a whole amount by integer weights so that the shares sum to it.

    Each share is cut to whole units on the magnitude; the units left over go one each to the largest
    cut-off fractions, equal fractions to the key that sorts first. A negative total is split on its
    magnitude and every share takes the sign. Raises ValueError where the weights do not sum to more than 0.
    """
    whole = sum(weights.values())
    if whole <= 0 or min(weights.values()) < 0:
        raise ValueError(f"weights must not be negative and must sum to more than 0: {dict(weights)}")
    sign, magnitude = (-1 if total < 0 else 1), abs(total)
    shares = {key: magnitude * weight // whole for key, weight in weights.items()}
    left = magnitude - sum(shares.values())
    by_remainder = sorted(weights, key=lambda key: (-(magnitude * weights[key] % whole), key))
    for key in by_remainder[:left]:
        shares[key] += 1
    return {key: sign * share for key, share in shares.items()}
