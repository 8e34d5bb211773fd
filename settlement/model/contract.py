"""What a contract says: parties, period, measures, terms, settlement and examples. Data only, nothing runs.

The shape of a contract file is the shape of these classes: a TOML table a class, a key a field. Amounts and tier
bounds are written in major units of the contract's currency (``20_000.00``), rates as plain decimals (``0.0030``
is 0.30 %). Words are closed lists; an unknown word is refused. Everything that a term needs is said in the file:
which date places an event, which population counts, where tiers begin, how and where it is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from settlement.model.contract_measures import CLOSED, AnyMeasure, Dating, Day, Exact, Text, Whole
from settlement.model.dates import PeriodKind
from settlement.model.money import Rounding


class Scope(StrEnum):
    """What is rounded once: the term of a period, each class and rate in it, or each month in it."""

    PERIOD = "period"
    CLASS_AND_RATE = "class_and_rate"
    MONTH = "month"


class BelowZero(StrEnum):
    """What a tiered term gives for a volume below its first bound."""

    FIRST_RATE = "first_rate"
    NOTHING = "nothing"


class Step(StrEnum):
    """The steps of a statement; a contract lists those it takes, in the order in which it takes them."""

    TERMS = "terms"
    ADJUSTMENTS = "adjustments"
    SPLIT = "split"
    CARRY = "carry"
    THRESHOLD = "threshold"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRule:
    """The calendar by which the contract closes, and the date that places a record in it."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    calendar: PeriodKind
    year: Literal["calendar"]
    closes: Literal["last_calendar_day"]
    place: Dating
    clause: Text


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


Term = RateTerm | RateByTerm | WholeTierTerm | MarginalTierTerm | ShareOverHurdleTerm | BountyTerm | BalanceRateTerm
AnyTerm = Annotated[Term, Field(discriminator="form")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beneficiary:
    """Who is paid: the weight in the split where there are several, and the opening position of the carried balance."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    id: Text
    name: Text
    opening_carry: Text | None = None
    weight: Whole | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentRule:
    """Where the difference of a closed period goes, and what is recomputed to find it."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    booked_in: Literal["current_period"]
    recomputes: Literal["all_terms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How the terms become a payout: the steps in order, the residue rule, the threshold of one beneficiary."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    order: tuple[Step, ...]
    threshold: Exact
    below_threshold: Literal["carry"]
    adjustments: AdjustmentRule
    residue: Literal["largest_remainder"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A worked case of one term: its quantities and what it gives, both in major units (accounts as they are)."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    term: Text
    text: Text
    given: dict[str, Exact]
    gives: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One agreement with one partner, as one dated file says it."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    id: Text
    title: Text
    payer: Text
    programme: Text
    currency: Text
    clauses: dict[str, Text]
    period: PeriodRule
    measures: dict[str, AnyMeasure]
    terms: tuple[AnyTerm, ...]
    beneficiaries: tuple[Beneficiary, ...]
    settlement: Settlement
    mcc_lists: dict[str, tuple[Text, ...]] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractVersion:
    """A contract with the file it stands in and the day from which it is in force."""

    source: str
    effective: date
    contract: Contract
