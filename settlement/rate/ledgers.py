"""Ledgers of things, worked out anew from all periods up to one: points first in first out, inventory drawn first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from settlement.model.contract_ledgers import PointsTerm, PrepaidTerm
from settlement.model.dates import Period, month_after
from settlement.model.money import exponent

ISSUED: Final = "issued"
REDEEMED: Final = "redeemed"
EXPIRED: Final = "expired"
OPEN: Final = "open"
BOUGHT_BEFORE: Final = "bought"
DRAWN: Final = "drawn"
LEFT: Final = "left"
BEYOND: Final = "beyond"
POINTS: Final = (ISSUED, REDEEMED, EXPIRED, OPEN)
PREPAID: Final = (BEYOND, DRAWN, LEFT, BOUGHT_BEFORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What comes into a ledger in a period (points issued, inventory bought), and what goes out (redeemed, used)."""

    period: Period
    comes: int
    goes: int


def points(flows: Sequence[Flow], months: int, day: date) -> list[dict[str, int]]:
    """The entries of each period of a ledger of points: issued, redeemed, expired, and open at its end.

    Issued is redeemed, expired and open at every moment; where more is redeemed than was issued, open is below zero.

    Parameters
    ----------
    flows:
        All periods up to the one that is settled, in ascending order. What is taken back has a negative sign.
    months:
        After how many months what a period issues expires.
    day:
        The day that is known: points expire when their period closes, and not before.
    """
    lots: list[tuple[date, int]] = []
    owed, found = 0, []
    for flow in flows:
        lots.append((_expiry(flow.period, months), max(0, flow.comes) + max(0, -flow.goes)))
        owed += max(0, flow.goes) + max(0, -flow.comes)
        lots, owed = _drawn(lots, owed)
        closes = flow.period.last <= day
        expired = sum(count for end, count in lots if end <= flow.period.last) if closes else 0
        lots = [(end, count) for end, count in lots if not closes or end > flow.period.last]
        left = sum(count for _, count in lots) - owed
        found.append({ISSUED: flow.comes, REDEEMED: flow.goes, EXPIRED: expired, OPEN: left})
    return found


def _expiry(period: Period, months: int) -> date:
    """The last day of the month so many months after the period's last month."""
    return month_after(period.last.replace(day=1), months + 1) - timedelta(days=1)


def _drawn(lots: Sequence[tuple[date, int]], owed: int) -> tuple[list[tuple[date, int]], int]:
    """The lots after what is owed is drawn from the oldest, and what of it is still owed."""
    left = []
    for end, count in lots:
        taken = min(owed, count)
        owed -= taken
        if count > taken:
            left.append((end, count - taken))
    return left, owed


def prepaid(flows: Sequence[Flow]) -> list[dict[str, int]]:
    """The entries of each period of an inventory: what is used beyond it, drawn from it, left in it, bought for it.

    What is used is drawn and beyond together. What is given back goes first against what was beyond, then back into
    the inventory; what is bought later pays for nothing that was used before.
    """
    left = beyond_to_date = 0
    found = []
    for flow in flows:
        left += flow.comes
        drawn = min(flow.goes, max(0, left)) if flow.goes >= 0 else min(0, flow.goes + beyond_to_date)
        beyond = flow.goes - drawn
        left -= drawn
        beyond_to_date += beyond
        found.append({BEYOND: beyond, DRAWN: drawn, LEFT: left, BOUGHT_BEFORE: flow.comes})
    return found


def of_points(term: PointsTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The price on the entry that the term is over; of a reserve on the points open that are thought to be redeemed."""
    price: Fraction = Fraction(term.price) * 10 ** exponent(currency)
    if term.entry == "reserve":
        return price * max(0, given[OPEN]) * (1 - Fraction(term.breakage or 0))
    return price * given[term.entry]


def of_prepaid(term: PrepaidTerm, currency: str, given: Mapping[str, int]) -> Fraction:
    """The price of what is used beyond the inventory."""
    price: Fraction = Fraction(term.price) * 10 ** exponent(currency)
    return price * given[BEYOND]


def names_of_points(term: PointsTerm) -> tuple[str, ...]:
    """The entries of a points term, the one that it is over first."""
    first = OPEN if term.entry == "reserve" else term.entry
    return (first, *(name for name in POINTS if name != first))
