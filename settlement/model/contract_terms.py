"""The forms of a contract's terms: what each needs to be said. Data only; ``settlement.rate.forms`` computes them.

Here stand the forms over one measure and the union of all forms; those over any quantity and over time stand in
``contract_amounts``, those over other terms in ``contract_limits``, those over ledgers of things in
``contract_ledgers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from settlement.model.contract_amounts import DatedAmountsTerm, InstalmentsTerm, MinimumPurchaseTerm, TiersTerm
from settlement.model.contract_frame import BelowZero, Scope, TermFrame, TermRounding
from settlement.model.contract_ledgers import PointsTerm, PrepaidTerm
from settlement.model.contract_limits import CapTerm, GateTerm, MinimumTerm, PickTerm, PoolShareTerm, SumTerm
from settlement.model.contract_measures import CLOSED, Dating, Day, Exact, Text, Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTerm(TermFrame):
    """``rate``: one rate on a measure."""

    form: Literal["rate"]
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
class RateByTerm(TermFrame):
    """``rate_by``: rates by account class and date, each class and rate rounded on its own."""

    form: Literal["rate_by"]
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
class WholeTierTerm(TermFrame):
    """``whole_tier``: the one rate of the tier that the year's volume lies in, on all of it, less what was given.

    ``quantity`` is the name under which the volume is told. ``opening_volume`` and ``opening_paid`` are the opening
    positions that stand for the part of the year before the first period.
    """

    form: Literal["whole_tier"]
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
class MarginalTierTerm(TermFrame):
    """``marginal_tier``: each tier's rate on the part of the period's volume that lies inside the tier."""

    form: Literal["marginal_tier"]
    measure: Text
    window: Literal["period"]
    tiers: tuple[Tier, ...]
    below_zero: BelowZero
    rounding: TermRounding


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOverHurdleTerm(TermFrame):
    """``share_over_hurdle``: a share of a month's profit above the hurdle, or of its loss; between them nothing.

    Zero and the hurdle itself give nothing.
    """

    form: Literal["share_over_hurdle"]
    measure: Text
    hurdle: Exact
    share: Exact
    loss_share: Exact
    rounding: TermRounding


@dataclass(frozen=True, slots=True, kw_only=True)
class BountyTerm(TermFrame):
    """``bounty``: an amount for each account of a measure; ``replaces`` takes its accounts out of another bounty."""

    form: Literal["bounty"]
    measure: Text
    amount: Exact
    replaces: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRateTerm(TermFrame):
    """``balance_rate``: a rate a year on the sum of balances, divided by the balances of a year."""

    form: Literal["balance_rate"]
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
class UnitPriceTerm(TermFrame):
    """``unit_price``: units at the price of their date, each price rounded on its own.

    ``quantity`` is the name under which the units are told. A negative event is priced by the date that ``rate_date``
    names, an opening position by the first night.
    """

    form: Literal["unit_price"]
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
class RecordRateTerm(TermFrame):
    """``record_rate``: a rate and a ``flat`` amount on each record, rounded record by record, within bounds for one.

    A negative event takes back what its purchase gives now less what is left of the purchase gives after it; one
    without a purchase what its own amount gives.
    """

    form: Literal["record_rate"]
    measure: Text
    rate: Exact
    taken_back: Literal["what_is_left_gives_less"]
    rounding: TermRounding
    flat: Exact | None = None
    least: Exact | None = None
    most: Exact | None = None


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
    | TiersTerm
    | DatedAmountsTerm
    | InstalmentsTerm
    | MinimumPurchaseTerm
    | SumTerm
    | PoolShareTerm
    | PickTerm
    | GateTerm
    | PointsTerm
    | PrepaidTerm
)
AnyTerm = Annotated[Term, Field(discriminator="form")]

OF_ONE_MEASURE: Final = (
    *(RateTerm, RateByTerm, MarginalTierTerm, ShareOverHurdleTerm, BountyTerm, BalanceRateTerm, UnitPriceTerm),
    RecordRateTerm,
)
"""The forms over one measure."""
WITHOUT_ROUNDING: Final = (
    *(BountyTerm, CapTerm, MinimumTerm),
    *(DatedAmountsTerm, InstalmentsTerm, PoolShareTerm, PickTerm, GateTerm),
)
"""The forms that give whole minor units as they are."""


def named(term: Term) -> tuple[str, ...]:
    """The measures and the earlier terms that a term names."""
    return (*looks_at(term), *rests_on(term))


def rests_on(term: Term) -> tuple[str, ...]:
    """The earlier terms that a term names where nothing but a term may stand: a measure of that name is not meant."""
    return term.of if isinstance(term, CapTerm | MinimumTerm | PickTerm | GateTerm) else ()


def looks_at(term: Term) -> tuple[str, ...]:
    """The names of a term that may be those of measures as well as those of earlier terms."""
    match term:
        case WholeTierTerm():
            found = (*term.base, *term.driver)
        case TiersTerm():
            base = () if term.base is None else term.base.of
            found = (*base, *(() if term.driver is None else (*term.driver.of, *term.driver.per)))
        case SumTerm():
            found = (*term.adds, *term.takes)
        case PoolShareTerm():
            found = (*term.pool, *term.among)
        case PointsTerm():
            found = (*term.issued, *term.redeemed)
        case GateTerm():
            found = (*term.driver.of, *term.driver.per)
        case MinimumPurchaseTerm() | PrepaidTerm():
            found = term.of
        case CapTerm() | MinimumTerm() | PickTerm() | DatedAmountsTerm() | InstalmentsTerm():
            found = ()
        case _:
            found = (term.measure,)
    return found


__all__ = [
    "OF_ONE_MEASURE",
    "WITHOUT_ROUNDING",
    "AnyTerm",
    "BalanceRateTerm",
    "BelowZero",
    "BountyTerm",
    "CapTerm",
    "DatedAmountsTerm",
    "DatedPrice",
    "DatedRate",
    "GateTerm",
    "InstalmentsTerm",
    "MarginalTierTerm",
    "MinimumPurchaseTerm",
    "MinimumTerm",
    "PickTerm",
    "PointsTerm",
    "PoolShareTerm",
    "PrepaidTerm",
    "RateByTerm",
    "RateTerm",
    "RecordRateTerm",
    "Scope",
    "ShareOverHurdleTerm",
    "SumTerm",
    "Term",
    "TermRounding",
    "Tier",
    "TiersTerm",
    "UnitPriceTerm",
    "WholeTierTerm",
    "holds_on",
    "looks_at",
    "named",
    "rests_on",
]
