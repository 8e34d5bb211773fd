"""Forms of terms that rest on other terms: caps, guarantees, sums, parts of pools, the least or greatest, gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from settlement.model.contract_amounts import Driver
from settlement.model.contract_frame import TermFrame, TermRounding
from settlement.model.contract_measures import Exact, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class CapTerm(TermFrame):
    """``cap``: gives the reduction, zero or negative, that brings other terms of its window down to ``most`` together.

    Over several periods it gives the reduction to date less what it gave for earlier periods, as recomputed now.
    """

    form: Literal["cap"]
    of: tuple[Text, ...]
    window: Literal["period", "year_to_date", "contract_to_date"]
    most: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumTerm(TermFrame):
    """``minimum_guarantee``: gives what other terms lack of a guarantee when the last period of its window closes.

    ``opening_earned`` is the opening position that stands for the part of the year before the first period.
    """

    form: Literal["minimum_guarantee"]
    of: tuple[Text, ...]
    window: Literal["period", "year"]
    checkpoint: Literal["close_of_last_period"]
    guarantee: Exact
    opening_earned: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SumTerm(TermFrame):
    """``sum``: gives a rate on measures and terms that add less those that take, above a hurdle, within bounds.

    What it comes to over a year, or over all periods, is given by ``tiers`` over it.
    """

    form: Literal["sum"]
    adds: tuple[Text, ...]
    takes: tuple[Text, ...]
    window: Literal["period", "previous_period"]
    rate: Exact
    rounding: TermRounding
    hurdle: Exact | None = None
    least: Exact | None = None
    most: Exact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolShareTerm(TermFrame):
    """``pool_share``: gives the part of a pool of money that one quantity has ``among`` all that share it.

    The parts of all of them sum to the pool: units that are left over go to the largest fractions, of equal ones to the
    name that sorts first. What counts below zero has no part; where nothing counts, nobody has one.
    """

    form: Literal["pool_share"]
    pool: tuple[Text, ...]
    of: Text
    among: tuple[Text, ...]
    counts: Literal["money", "count"]
    window: Literal["period"]
    residue: Literal["largest_remainder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickTerm(TermFrame):
    """``least`` or ``greatest``: gives the smallest, or the largest, of other terms of the period."""

    form: Literal["least", "greatest"]
    of: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTerm(TermFrame):
    """``gate``: gives other terms of the period together where a driver is ``least`` or more, and nothing below it."""

    form: Literal["gate"]
    of: tuple[Text, ...]
    driver: Driver
    least: Exact
