"""Payouts: what is paid to whom out of which statements, the steps that a batch takes, and who took them.

A batch is proposed by one person, approved by others, released, sent, and answered by the bank. Its digest stands for
all that is paid; whoever approves it names it. docs/PAYOUTS.md has the steps as a table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final, NewType

from settlement.model.bank_account import AccountKind, BankAccount, Clearing, DomesticAccount, IbanAccount
from settlement.model.steps import Step

BatchId = NewType("BatchId", str)
AccountId = NewType("AccountId", str)


class BatchState(StrEnum):
    """Where a batch stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    RELEASED = "released"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    RETURNED = "returned"


GONE_OUT: Final = frozenset({BatchState.SENT, BatchState.ACKNOWLEDGED, BatchState.FAILED, BatchState.RETURNED})
"""States of batches whose file has gone out."""


class AccountState(StrEnum):
    """Where a partner's bank account stands; only an approved one is paid to, once its cooling-off has passed."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    CLOSING = "closing"
    CLOSED = "closed"


class Effect(StrEnum):
    """What a status did: the payment is accepted, its money is back, it says nothing yet, or a person must look."""

    ACCEPTED = "accepted"
    BACK = "back"
    NOTED = "noted"
    TO_LOOK_AT = "to_look_at"


class Way(StrEnum):
    """Which way a bank statement shows cash of a payment: it left our account, or what came back has come in."""

    DEBIT = "debit"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerAccount:
    """A bank account of a partner in one currency, as it was proposed, and the steps it took."""

    account_id: AccountId
    partner: str
    currency: str
    holder: str
    account: BankAccount
    steps: tuple[Step, ...]

    @property
    def state(self) -> AccountState:
        """Where it stands by its last step."""
        return AccountState(self.steps[-1].state)

    @property
    def usable_from(self) -> date | None:
        """The first day on which it is paid to; None where it is not approved."""
        return self.steps[-1].usable_from

    @property
    def shown(self) -> str:
        """The account as people read it: of its number the end alone."""
        one = self.account
        if isinstance(one, IbanAccount):
            return f"{one.iban[:4]}...{one.iban[-4:]}"
        return f"{one.bank or one.bic} ...{one.number[-4:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What one journal entry made due on one account, in minor units of a currency; below zero where it took back."""

    entry_key: str
    account: str
    contract: str
    partner: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """One payment of a batch: to whom, where, how much (minor units of the batch's currency), out of what.

    ``trace`` is the number by which a NACHA return names it. ``backs`` are what came back of it, all or in parts, as
    they were booked; ``rejected`` tells that it came back because the bank did not carry it out, though the bank may
    have debited it and credited it again. ``debited`` tells whether a bank statement shows that it left, ``credits``
    what statements show of what came back.
    """

    payment_id: str
    partner: str
    account: PartnerAccount
    amount_minor: int
    remittance: str
    trace: str | None
    statements: tuple[Due, ...]
    backs: tuple[int, ...] = ()
    rejected: bool = False
    accepted: bool = False
    debited: bool = False
    credits: tuple[int, ...] = ()

    @property
    def back(self) -> bool:
        """Whether it came back whole and at once: its statements are due again as they were, and not by parts."""
        return self.amount_minor in self.backs

    @property
    def back_minor(self) -> int:
        """What came back of it."""
        return sum(self.backs)

    @property
    def credited_minor(self) -> int:
        """What bank statements show of what came back."""
        return sum(self.credits)

    @property
    def to_credit(self) -> tuple[int, ...]:
        """The parts that came back and that no bank statement shows yet."""
        left = list(self.backs)
        for credit in self.credits:
            if credit in left:
                left.remove(credit)
                continue
            while credit > 0 and left:
                # One credit of several parts.
                taken = min(credit, left[0])
                credit -= taken  # noqa: PLW2901
                left = [left[0] - taken, *left[1:]] if left[0] > taken else left[1:]
        return tuple(left)

    @property
    def settled(self) -> bool:
        """Whether bank statements show all that is to be shown of it."""
        return (self.debited or self.rejected) and (not self.debited or not self.to_credit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a partner before its money goes out: passed where the figure is not above the most.

    ``look`` counts how often the batch was looked at on one night, from 1.
    """

    night: date
    partner: str
    name: str
    figure: int
    most: int
    text: str
    look: int = 1

    @property
    def passed(self) -> bool:
        """Whether it lets the batch go."""
        return self.figure <= self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One person's word that a batch goes out although checks of one look at it fail.

    The look is told by its night and number. A word of before revision 0007 tells none and counts no more.
    """

    person: str
    moment: str
    reason: str
    night: date | None = None
    look: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFile:
    """The file for the bank, made once."""

    name: str
    sha256: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Payouts of one currency from one account on one day, and all that was done about them.

    Attributes
    ----------
    number
        Counts batches from 1; ids of payments and numbers in files come from it.
    night
        The last settled night when it was proposed.
    debtor
        Everything the file says of who pays and how, as JSON: a change of the configuration does not change it.
    approvals
        How many persons must approve it.
    """

    batch_id: BatchId
    number: int
    night: date
    currency: str
    value_date: date
    debtor: str
    approvals: int
    may_override: bool
    digest: str
    payouts: tuple[Payout, ...]
    steps: tuple[Step, ...] = ()
    checks: tuple[Check, ...] = ()
    overrides: tuple[Override, ...] = ()

    @property
    def state(self) -> BatchState:
        """Where it stands by its last step."""
        return BatchState(self.steps[-1].state)

    @property
    def total_minor(self) -> int:
        """The sum of its payouts."""
        return sum(payout.amount_minor for payout in self.payouts)

    @property
    def last_checks(self) -> tuple[Check, ...]:
        """The checks of the last look at it."""
        return tuple(check for check in self.checks if (check.night, check.look) == self.last_look)

    @property
    def last_look(self) -> tuple[date, int]:
        """The night of the last look at it, and the number of the look on that night."""
        return max((check.night, check.look) for check in self.checks)

    @property
    def last_overrides(self) -> tuple[Override, ...]:
        """The words of persons on the checks of the last look."""
        return tuple(one for one in self.overrides if (one.night, one.look) == self.last_look)

    def at(self, state: BatchState) -> str:
        """The moment at which it last came to a state, or to where it stands where it never did."""
        return next((step.moment for step in reversed(self.steps) if step.state == state), self.steps[-1].moment)

    def by(self, state: BatchState) -> tuple[str, ...]:
        """Who took it to a state, in order."""
        return tuple(step.person for step in self.steps if step.state == state)


def with_approvals(batch: Batch, approvals: int) -> Batch:
    """The batch, to be approved by so many persons."""
    asked = replace(batch, approvals=approvals)
    return replace(asked, digest=digest_of(asked))


NOBODY: Final = "airflow"
"""Who proposes where a settled night has started it: no person, so that two must approve."""


def digest_of(batch: Batch) -> str:
    """SHA-256 over everything that a batch pays: debtor, day, amounts, accounts and statements."""
    said = {
        "batch": [batch.batch_id, batch.number, str(batch.night), batch.currency, str(batch.value_date)],
        "debtor": batch.debtor,
        "people": [batch.approvals, batch.may_override],
        "payouts": [
            [
                *(payout.payment_id, payout.partner, payout.amount_minor, payout.remittance, payout.trace),
                *(payout.account.account_id, payout.account.holder, details_of(payout.account.account)),
                [[due.entry_key, due.account, due.amount_minor] for due in payout.statements],
            ]
            for payout in batch.payouts
        ],
    }
    return hashlib.sha256(json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def details_of(account: BankAccount) -> str:
    """A bank account as JSON with sorted names; what is not told is left out."""
    told = {name: value for name, value in asdict(account).items() if value is not None}
    return json.dumps(told, sort_keys=True, ensure_ascii=False)


def account_from(details: str | Mapping[str, Any]) -> BankAccount:
    """The bank account that ``details_of`` wrote, or that is written so in a configuration."""
    told = dict(json.loads(details) if isinstance(details, str) else details)
    if "iban" in told:
        return IbanAccount(**told)
    clearing, kind = told.pop("clearing", None), told.pop("kind", None)
    return DomesticAccount(
        **told, clearing=Clearing(clearing) if clearing else None, kind=AccountKind(kind) if kind else None
    )
