"""Numbers as people read them: amounts with the currency's decimals, counts, shares and ages. No floats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from settlement.model.money import to_major

NARROW_SPACE: Final = "\u202f"
MINUS: Final = "\u2212"
NOTHING: Final = "\u2013"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Money:
    """An amount in minor units with its currency, or with another unit such as miles."""

    currency: str
    minor: int

    def __str__(self) -> str:
        return f"{amount_text(self.minor, self.currency)} {self.currency}"


def amount_text(minor: int, currency: str) -> str:
    """The amount in major units: ``1,234.50``; a unit that is no currency has no decimals. Minus is U+2212."""
    major = to_major(abs(minor), currency)
    whole, point, decimals = major.partition(".")
    return f"{MINUS if minor < 0 else ''}{int(whole):,}{point}{decimals}"


def change_text(minor: int, currency: str) -> str:
    """A difference with its sign always shown; nothing for none."""
    if not minor:
        return NOTHING
    return f"{'+' if minor > 0 else ''}{amount_text(minor, currency)}"


def count_text(number: int) -> str:
    """A whole number with thousands separators."""
    return f"{MINUS if number < 0 else ''}{abs(number):,}"


def share_text(part: int, whole: int) -> str:
    """A share in percent with one decimal, cut and not rounded so that 100.0 % means all."""
    if whole <= 0:
        return NOTHING
    permille = part * 1000 // whole
    return f"{permille // 10}.{permille % 10}{NARROW_SPACE}%"


def sums(rows: Iterable[tuple[str, int]]) -> tuple[Money, ...]:
    """Sums of (currency, minor units) by currency, in order of the currency."""
    found: dict[str, int] = {}
    for currency, minor in rows:
        found[currency] = found.get(currency, 0) + minor
    return tuple(Money(currency=currency, minor=found[currency]) for currency in sorted(found))
