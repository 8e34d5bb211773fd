"""Forms of terms over any quantity and over time: tiers, dated amounts, instalments, a minimum purchase.

A quantity is named: a measure of the contract, or a term that stands before, and has a window. Several names are added
up. What a quantity counts is said too, so that a bound is never read in the wrong unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from settlement.model.contract_frame import BelowZero, Counted, TermFrame, TermRounding, Window
from settlement.model.contract_measures import CLOSED, Day, Exact, Text, Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """What holds for a driver in [first, end): a rate on money, a price a unit or block, or an amount of money."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    first: Annotated[Exact, Field(alias="from")]
    end: Annotated[Exact | None, Field(alias="to")] = None
    rate: Exact | None = None
    price: Exact | None = None
    amount: Exact | None = None

    @property
    def value(self) -> Decimal:
        """The one of rate, price and amount that is said; the loader has refused none and several."""
        return next(value for value in (self.rate, self.price, self.amount) if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """What picks the bracket: a quantity, or a quantity ``per`` another as a ratio cut to ``decimals``.

    A ratio is 0 where what it divides by is 0.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    of: tuple[Text, ...]
    window: Window
    counts: Counted
    per: tuple[Text, ...] = ()
    decimals: Whole | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What a rate or a price is for: money at a rate; things, or whole ``block`` of money or things, at a price."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    of: tuple[Text, ...]
    window: Window
    counts: Counted
    block: Exact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TiersTerm(TermFrame):
    """``tiers``: gives by brackets of a driver a rate, a price or an amount, marginal or whole, less what was given.

    ``marginal`` takes each bracket of the base itself and has no driver; ``whole`` takes the bracket that the driver
    lies in for all of the base; ``amount`` takes the bracket's amount and has no base. Where the quantity falls again,
    ``given_for_earlier_periods`` takes back what is too much, and ``given_and_kept`` nothing.
    """

    form: Literal["tiers"]
    method: Literal["marginal", "whole", "amount"]
    less: Literal["nothing", "given_for_earlier_periods", "given_and_kept"]
    below_zero: BelowZero
    tiers: tuple[Bracket, ...]
    rounding: TermRounding
    base: Base | None = None
    driver: Driver | None = None

    @property
    def window(self) -> Window:
        """The window of the base, or of the driver where there is no base: over its periods the term is given once."""
        if self.base is not None:
            return self.base.window
        return Window.PERIOD if self.driver is None else self.driver.window


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedAmount:
    """An amount of money in the period that a day lies in."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    on: Day
    amount: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedAmountsTerm(TermFrame):
    """``dated_amounts``: gives each amount in the period that its day lies in."""

    form: Literal["dated_amounts"]
    amounts: tuple[DatedAmount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalmentsTerm(TermFrame):
    """``instalments``: gives a total in equal parts, one a month from a first day on, the units left over first."""

    form: Literal["instalments"]
    total: Exact
    number: Whole
    every: Literal["month"]
    residue: Literal["largest_remainder"]
    first: Annotated[Day, Field(alias="from")]


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumPurchaseTerm(TermFrame):
    """``minimum_purchase``: gives the price of what was bought less than the minimum when the window closes."""

    form: Literal["minimum_purchase"]
    of: tuple[Text, ...]
    window: Literal["period", "year"]
    checkpoint: Literal["close_of_last_period"]
    least: Whole
    price: Exact
    rounding: TermRounding
