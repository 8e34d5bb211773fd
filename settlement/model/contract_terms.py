"""The forms of a contract's terms: what each needs to be said. Data only; ``settlement.rate.forms`` computes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from settlement.model.contract_measures import CLOSED, Dating, Day, Exact, Text, Whole
from settlement.model.money import Rounding


class Scope(StrEnum):
    """What is rounded once: the term of a period, each class and rate, month, or price in it, or each record."""

    PERIOD = "period"
    CLASS_AND_RATE = "class_and_rate"
    MONTH = "month"
    PRICE = "price"
    RECORD = "record"


class BelowZero(StrEnum):
    """What a tiered term gives for a volume below its first bound."""

    FIRST_RATE = "first_rate"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermRounding:
    """The one place where a term is rounded: to the minor unit, by which mode, once for what."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    unit: Literal["minor"]
    mode: Rounding
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTerm:
    """``rate``: one rate on a measure."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["rate"]
    id: Text
    clause: Text
    measure: Text
    rate: Exact
    rounding: TermRounding


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedRate:
    """A rate for one account class in the days [first, end); a side that is left out is open."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    account_class: Text
    rate: Exact
    first: Annotated[Day | None, Field(alias="from")] = None
    end: Annotated[Day | None, Field(alias="to")] = None

    @property
    def selector(self) -> str:
        """The class and the rate as one word: ``STANDARD_0.0050``."""
        return f"{self.account_class}_{self.rate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateByTerm:
    """``rate_by``: rates by account class and date, each class and rate rounded on its own."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["rate_by"]
    id: Text
    clause: Text
    measure: Text
    rate_date: Dating
    opening_rate_date: Literal["first_night"]
    rates: tuple[DatedRate, ...]
    rounding: TermRounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A rate for the volume in [first, end), in major units; the last tier leaves ``to`` out."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    rate: Exact
    first: Annotated[Exact, Field(alias="from")]
    end: Annotated[Exact | None, Field(alias="to")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeTierTerm:
    """``whole_tier``: the one rate of the tier that the year's volume lies in, on all of it, less what was given.

    ``quantity`` is the name under which the volume is told. ``opening_volume`` and ``opening_paid`` are the opening
    positions that stand for the part of the year before the first period.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["whole_tier"]
    id: Text
    clause: Text
    base: tuple[Text, ...]
    driver: tuple[Text, ...]
    window: Literal["year_to_date"]
    less: Literal["given_for_earlier_periods"]
    quantity: Text
    tiers: tuple[Tier, ...]
    below_zero: BelowZero
    rounding: TermRounding
    opening_volume: Text | None = None
    opening_paid: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalTierTerm:
    """``marginal_tier``: each tier's rate on the part of the period's volume that lies inside the tier."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["marginal_tier"]
    id: Text
    clause: Text
    measure: Text
    window: Literal["period"]
    tiers: tuple[Tier, ...]
    below_zero: BelowZero
    rounding: TermRounding


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOverHurdleTerm:
    """``share_over_hurdle``: a share of a month's profit above the hurdle, or of its loss; between them nothing.

    Zero and the hurdle itself give nothing.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["share_over_hurdle"]
    id: Text
    clause: Text
    measure: Text
    hurdle: Exact
    share: Exact
    loss_share: Exact
    rounding: TermRounding


@dataclass(frozen=True, slots=True, kw_only=True)
class BountyTerm:
    """``bounty``: an amount for each account of a measure; ``replaces`` takes its accounts out of another bounty."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["bounty"]
    id: Text
    clause: Text
    measure: Text
    amount: Exact
    replaces: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRateTerm:
    """``balance_rate``: a rate a year on the sum of month-end balances, divided by the balances of a year."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["balance_rate"]
    id: Text
    clause: Text
    measure: Text
    rate_a_year: Exact
    balances_a_year: Whole
    rounding: TermRounding


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedPrice:
    """The price of a unit, in major units, in the days [first, end); a side that is left out is open."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    price: Exact
    first: Annotated[Day | None, Field(alias="from")] = None
    end: Annotated[Day | None, Field(alias="to")] = None


def holds_on(dated: DatedRate | DatedPrice, day: date) -> bool:
    """Whether a rate or a price holds on a day."""
    return (dated.first is None or dated.first <= day) and (dated.end is None or day < dated.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPriceTerm:
    """``unit_price``: units at the price of their date, each price rounded on its own.

    ``quantity`` is the name under which the units are told. A negative event is priced by the date that ``rate_date``
    names, an opening position by the first night.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["unit_price"]
    id: Text
    clause: Text
    measure: Text
    quantity: Text
    rate_date: Dating
    opening_rate_date: Literal["first_night"]
    prices: tuple[DatedPrice, ...]
    rounding: TermRounding

    @property
    def selectors(self) -> Mapping[str, DatedPrice]:
        """The prices by the name of their units: ``miles_at_0.0120``; of an only price the quantity's own."""
        if len(self.prices) == 1:
            return {self.quantity: self.prices[0]}
        return {f"{self.quantity}_at_{price.price}": price for price in self.prices}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRateTerm:
    """``record_rate``: a rate on each record, rounded record by record, ``most`` at most for one.

    A negative event takes back what its purchase gives now less what is left of the purchase gives after it; one
    without a purchase what its own amount gives.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["record_rate"]
    id: Text
    clause: Text
    measure: Text
    rate: Exact
    taken_back: Literal["what_is_left_gives_less"]
    rounding: TermRounding
    most: Exact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapTerm:
    """``cap``: the reduction, zero or negative, that brings other terms of the period down to ``most`` together."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["cap"]
    id: Text
    clause: Text
    of: tuple[Text, ...]
    window: Literal["period"]
    most: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumTerm:
    """``minimum_guarantee``: what other terms of a year lack of a guarantee, when the year's last period closes.

    ``opening_earned`` is the opening position that stands for the part of the year before the first period.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    form: Literal["minimum_guarantee"]
    id: Text
    clause: Text
    of: tuple[Text, ...]
    window: Literal["year"]
    checkpoint: Literal["close_of_last_period"]
    guarantee: Exact
    opening_earned: Text | None = None


Term = (
    RateTerm
    | RateByTerm
    | WholeTierTerm
    | MarginalTierTerm
    | ShareOverHurdleTerm
    | BountyTerm
    | BalanceRateTerm
    | UnitPriceTerm
    | RecordRateTerm
    | CapTerm
    | MinimumTerm
)
AnyTerm = Annotated[Term, Field(discriminator="form")]


def measures_named(term: Term) -> tuple[str, ...]:
    """The measures that a term names, each once; none for a term that rests on other terms alone."""
    match term:
        case WholeTierTerm():
            return tuple(dict.fromkeys([*term.base, *term.driver]))
        case CapTerm() | MinimumTerm():
            return ()
    return (term.measure,)
