"""What a contract says: parties, period, measures, terms, settlement and examples. Data only, nothing runs.

The shape of a contract file is the shape of these classes: a TOML table a class, a key a field. Amounts and tier
bounds are written in major units of the contract's currency (``20_000.00``), rates as plain decimals (``0.0030``
is 0.30 %). Words are closed lists; an unknown word is refused. Everything that a term needs is said in the file:
which date places an event, which population counts, where tiers begin, how and where it is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import ConfigDict

from settlement.model.contract_convert import BankingDays, Conversion
from settlement.model.contract_measures import (
    CLOSED,
    AnyMeasure,
    Dating,
    Day,
    EventAccounts,
    EventDate,
    Exact,
    Text,
    VolumeMeasure,
    Whole,
)
from settlement.model.contract_steps import DatedAdvance, Hold, Interest, Reopening, Tax
from settlement.model.contract_terms import AnyTerm, BountyTerm, Term
from settlement.model.dates import Calendar, PeriodKind


class Step(StrEnum):
    """The steps of a statement; a contract lists those it takes, in the order in which it takes them."""

    TERMS = "terms"
    ADJUSTMENTS = "adjustments"
    SPLIT = "split"
    CONVERT = "convert"
    CARRY = "carry"
    RECOUP = "recoup"
    TAX = "tax"
    HOLD = "hold"
    THRESHOLD = "threshold"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRule:
    """The calendar by which the contract closes, its years, and the date that places a record in it.

    A ``fiscal`` year begins on ``year_begins``, month and day as ``07-01``, and so does a ``contract`` year, of which
    it is the anniversary of the agreement.
    ``cycle_days`` are the days of a month on which its cycles begin.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    calendar: PeriodKind
    year: Literal["calendar", "fiscal", "contract"]
    closes: Literal["last_calendar_day"]
    place: Dating
    clause: Text
    year_begins: Text | None = None
    cycle_days: tuple[Whole, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beneficiary:
    """Who is paid: the weight in the split of several, and the opening positions of balance and advance."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    id: Text
    name: Text
    opening_carry: Text | None = None
    opening_advance: Text | None = None
    weight: Whole | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentRule:
    """Where the difference of a closed period is booked, what is recomputed to find it, how long, at what interest.

    It is paid with the statement that carries it, whichever period the books put it in.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    booked_in: Literal["current_period", "original_period"]
    recomputes: Literal["all_terms"]
    reopens: Reopening
    interest: Interest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What was paid in advance is recouped out of a positive balance first.

    ``own``: each beneficiary recoups what itself was paid; ``pool``: all of them recoup together what any was paid.
    An advance dated before the first night is told by the opening position.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    recouped: Literal["from_positive_balance"]
    recoups: Literal["own", "pool"]
    paid: tuple[DatedAdvance, ...] = ()


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
    convert: Conversion | None = None
    advance: Advance | None = None
    taxes: tuple[Tax, ...] = ()
    hold: Hold | None = None
    holds: tuple[Hold, ...] = ()
    banking_days: BankingDays | None = None

    @property
    def all_holds(self) -> tuple[Hold, ...]:
        """What holds back of balances, in its order, whether the file says one hold or several."""
        return self.holds if self.hold is None else (self.hold,)

    def taxes_of(self, beneficiary: str) -> tuple[Tax, ...]:
        """The taxes that a beneficiary has, in the order in which they are worked out."""
        return tuple(tax for tax in self.taxes if beneficiary in tax.beneficiaries)

    def holds_of(self, beneficiary: str) -> tuple[Hold, ...]:
        """What holds back of a beneficiary's balance, in its order."""
        return tuple(hold for hold in self.all_holds if beneficiary in hold.beneficiaries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A worked case of one term: its quantities and what it gives, both in major units (accounts as they are).

    ``exact`` is what it gives before it is rounded, where that is finer than the minor unit; ``shares`` is what each
    beneficiary gets of it, by the term's own parts or the weights of the split.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    term: Text
    text: Text
    given: dict[str, Exact]
    gives: Exact
    exact: Exact | None = None
    shares: dict[str, Exact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One agreement with one partner, as one dated file says it.

    ``known_on`` is the day from which the file is known, such as that of its signature: no statement of an earlier day
    looks at it.
    """

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
    examples: tuple[Example, ...]
    mcc_lists: dict[str, tuple[Text, ...]] = field(default_factory=dict)
    known_on: Day | None = None

    @property
    def calendar(self) -> Calendar:
        """How days fall into its periods and years."""
        rule = self.period
        begins = (1, 1)
        if rule.year_begins is not None:
            month, day = rule.year_begins.split("-")
            begins = (int(month), int(day))
        return Calendar(kind=rule.calendar, cycle_days=rule.cycle_days, begins=begins)

    @property
    def weights(self) -> dict[str, int]:
        """The weights of the beneficiaries in the split; 0 of one that has only what is said to be its own."""
        return {one.id: one.weight or 0 for one in self.beneficiaries}

    @property
    def exchange_dates(self) -> frozenset[EventDate]:
        """The dates that pick the exchange rates of amounts in other currencies; none where no measure has such."""
        rules = [one.convert for one in self.measures.values() if isinstance(one, VolumeMeasure)]
        dates = [rule.rate_date for rule in rules if rule is not None]
        return frozenset(day for one in dates for day in (one.purchase, one.negative, one.refund_without_purchase))

    def recurs(self, term: Term) -> bool:
        """Whether a term is a bounty that is earned again in every period that an account counts in."""
        return isinstance(term, BountyTerm) and isinstance(self.measures[term.measure], EventAccounts)

    @property
    def paid_in(self) -> str:
        """The currency in which the beneficiaries are paid."""
        return self.currency if self.settlement.convert is None else self.settlement.convert.to


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractVersion:
    """A contract with the file it stands in and the day from which it is in force."""

    source: str
    effective: date
    contract: Contract

    @property
    def known_on(self) -> date:
        """The day from which the file is known: its first day in force where it says none."""
        return self.contract.known_on or self.effective


def known_versions(versions: Iterable[ContractVersion], day: date) -> tuple[ContractVersion, ...]:
    """The versions of one contract that are known after a day; of those from one day on, the one known last.

    Parameters
    ----------
    versions:
        In ascending order of their effective dates, then of the days from which they are known.
    """
    return tuple({version.effective: version for version in versions if version.known_on <= day}.values())
