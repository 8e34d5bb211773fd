"""Steps of a settlement between what is earned and what is paid: dated advances, taxes, holds, interest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import ConfigDict

from settlement.model.contract_measures import CLOSED, Day, Exact, Text, Whole
from settlement.model.money import Rounding
from settlement.model.statement_lines import HELD, RESERVE_KEPT, VALUE_ADDED_TAX, WITHHOLDING_TAX, line_of


class TaxKind(StrEnum):
    """Who bears a tax: the beneficiary, the payer for it, or the one who is supplied."""

    WITHHOLDING = "withholding"
    GROSS_UP = "gross_up"
    VALUE_ADDED = "value_added"


class Owing(StrEnum):
    """Who hands a tax over to whom it is owed."""

    PAYER = "payer"
    BENEFICIARY = "beneficiary"


class TaxBase(StrEnum):
    """What of a beneficiary's earnings a tax is on."""

    NOT_RECOUPED = "earned_and_not_recouped"
    EARNED = "earned"


class HoldKind(StrEnum):
    """Why a part of a balance waits: it is paid later as it is, or secures what may still be taken back."""

    HOLDBACK = "holdback"
    RESERVE = "reserve"


class DayCount(StrEnum):
    """How the days between two dates are counted, and how many make a year."""

    ACTUAL_365 = "actual_365"
    ACTUAL_360 = "actual_360"
    THIRTY_360 = "thirty_360"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedAdvance:
    """An amount, in major units of the currency of payment, that a beneficiary is paid in advance on a day."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    on: Day
    amount: Exact
    to: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """A tax on what some beneficiaries earn: on all of it, or on what some terms give them (``of``).

    ``id`` tells taxes apart of which a beneficiary has several of one kind; its lines are named by it. Taxes are worked
    out in the order of the file; ``after`` names those before it whose lines change its base: tax withheld is taken off
    it, tax added is added. ``withholding`` is taken off, ``gross_up`` is taken off and added by the payer before,
    ``value_added`` is added; where the payer owes it, it is taken off again. The tax of a statement is that of all its
    bases to date less that of the bases before it, each rounded once; below zero to date there is none.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    kind: TaxKind
    rate: Exact
    beneficiaries: tuple[Text, ...]
    on: TaxBase
    owed_by: Owing
    owed_to: Text
    rounding: Rounding
    id: Text | None = None
    of: tuple[Text, ...] = ()
    after: tuple[Text, ...] = ()

    @property
    def line(self) -> str:
        """The line that tells its bases, and by which it is the same tax in another version."""
        return line_of(VALUE_ADDED_TAX if self.kind is TaxKind.VALUE_ADDED else WITHHOLDING_TAX, self.id)

    @property
    def adds_up_to_nothing(self) -> bool:
        """Whether its two lines leave a balance as it was: the payer bears it, or owes it for who is supplied."""
        return self.kind is TaxKind.GROSS_UP or (self.kind is TaxKind.VALUE_ADDED and self.owed_by is Owing.PAYER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A share of what a statement adds to a balance, held back until some days or periods after its close.

    ``kind`` says which account of the books it stands on: what is held back is payable on its day, a reserve secures
    what may still be taken back. It is on the balances of the beneficiaries that it names. ``id`` tells several holds
    of a beneficiary apart; they are taken in the order of the file, each on all that is added, without what those that
    ``after`` names hold.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    kind: HoldKind
    share: Exact
    beneficiaries: tuple[Text, ...]
    released_after: Whole
    counted_in: Literal["days", "banking_days", "periods"]
    rounding: Rounding
    id: Text | None = None
    after: tuple[Text, ...] = ()

    @property
    def line(self) -> str:
        """The line that tells what it keeps back, by which that is released too."""
        return line_of(RESERVE_KEPT if self.kind is HoldKind.RESERVE else HELD, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Interest on an adjustment: from the day on which the closed period was due to the day of the statement."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    rate_a_year: Exact
    day_count: DayCount
    due_days: Whole
    due_counted_in: Literal["days", "banking_days"]
    rounding: Rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening:
    """How long after its last day a closed period may still change; what is known later is told and not paid.

    With ``no_limit`` it always may, and nothing is known later: ``within`` and ``later`` are left out.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    counted_in: Literal["days", "months", "no_limit"]
    within: Whole | None = None
    later: Literal["parked"] | None = None
