"""Payments as they are ordered from a bank, before any format: who, to which account, how much, when.

What is wrong with a batch in every format is told here; what only one format refuses is told by its writer.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NewType

from settlement.errors import TerminalError
from settlement.model.bank_account import BankAccount, account_problems, is_creditor_reference
from settlement.model.money import is_currency

MessageId = NewType("MessageId", str)
"""Names one batch for the bank and for us, for ever: what comes back quotes it. At most 35 characters."""

EndToEndId = NewType("EndToEndId", str)
"""Names one payment, and is passed on with it to the one who is paid. At most 35 characters, 15 in NACHA files."""

_IDENTIFIER: Final = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9/?:().,'+\-]{1,35}(?<!/)")
_PURPOSE: Final = re.compile(r"[A-Z0-9]{4}")
_MOST_TOLD: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address by its parts; the country is an ISO 3166 code of two letters."""

    country: str
    town: str
    postcode: str | None = None
    street: str | None = None
    building: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who pays or is paid. ``bank_id`` is the number by which the bank knows a customer, where it asks for one."""

    name: str
    address: Address | None = None
    bank_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment.

    Attributes
    ----------
    end_to_end_id
        Unique for ever; statuses, returns and bank statements quote it.
    amount_minor, currency
        Above zero, in minor units.
    creditor, account
        Who is paid, and where.
    remittance
        What the one who is paid reads; empty where there is a ``reference`` alone.
    reference
        A creditor reference of ISO 11649, where the partner has given one.
    purpose
        A code of the ISO 20022 external list of purposes, such as ``SUPP``.
    """

    end_to_end_id: EndToEndId
    amount_minor: int
    currency: str
    creditor: Party
    account: BankAccount
    remittance: str = ""
    reference: str | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentBatch:
    """Payments from one account on one day, in one currency: one file for the bank.

    Attributes
    ----------
    message_id
        Unique for ever: banks refuse a message whose id they have seen.
    created
        The moment of ordering, with its offset from UTC. The caller gives it: the same batch gives the same bytes.
    debtor, debtor_account
        Who pays, and from where.
    value_date
        The day on which the bank is to carry it out.
    """

    message_id: MessageId
    created: datetime
    debtor: Party
    debtor_account: BankAccount
    value_date: date
    currency: str
    payments: tuple[Payment, ...]


def total_minor(batch: PaymentBatch) -> int:
    """The sum of a batch's payments, in minor units of its currency."""
    return sum(payment.amount_minor for payment in batch.payments)


def batch_problems(batch: PaymentBatch) -> Iterator[str]:
    """Sentences on what is wrong with a batch in whatever format it is written; none where it may be written."""
    if not is_identifier(batch.message_id):
        yield f"the message id {batch.message_id!r} {_IDENTIFIER_RULE}"
    if batch.created.utcoffset() is None:
        yield "the moment of its creation must tell its offset from UTC."
    elif batch.value_date < batch.created.date():
        yield f"its value date {batch.value_date} lies before the day of its creation, {batch.created.date()}."
    if not is_currency(batch.currency):
        yield f"{batch.currency!r} is no currency of ISO 4217 with minor units."
    if not batch.payments:
        yield "it has no payments."
    yield from account_problems(batch.debtor_account, "the account that pays")
    ids = Counter(payment.end_to_end_id for payment in batch.payments)
    yield from (f"the payment {name} stands in it {count} times." for name, count in ids.items() if count > 1)
    for payment in batch.payments:
        yield from _payment_problems(payment, batch.currency)


def refuse(batch: PaymentBatch, file: str, problems: Sequence[str]) -> None:
    """Raise TerminalError that tells the first problems and how many there are; nothing where there are none."""
    if not problems:
        return
    more = f" And {len(problems) - _MOST_TOLD} more." if len(problems) > _MOST_TOLD else ""
    told = " ".join(f"{problem[0].upper()}{problem[1:]}" for problem in problems[:_MOST_TOLD])
    raise TerminalError(f"The batch {batch.message_id} cannot be written as {file}. {told}{more}")


def is_identifier(text: str) -> bool:
    """Whether the text may name a message or a payment in SEPA and SWIFT alike."""
    return _IDENTIFIER.fullmatch(text) is not None


def is_one_line(text: str) -> bool:
    """Whether the text is not empty, begins and ends without blanks, and holds no control characters or line ends."""
    hidden = any(unicodedata.category(character) in _HIDDEN for character in text)
    return bool(text) and text == text.strip() and not hidden


_HIDDEN: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_IDENTIFIER_RULE: Final = (
    "must have 1 to 35 letters, digits and / ? : ( ) . , ' + - without blanks, no / at an end and no //."
)


def _payment_problems(payment: Payment, currency: str) -> Iterator[str]:
    name = payment.end_to_end_id
    if not is_identifier(name):
        yield f"the payment id {name!r} {_IDENTIFIER_RULE}"
    if payment.currency != currency:
        yield f"the payment {name} is in {payment.currency}, the batch in {currency}: write a batch for each currency."
    if payment.amount_minor <= 0:
        yield f"the payment {name} is of {payment.amount_minor} minor units; a payment is above zero."
    if payment.purpose is not None and _PURPOSE.fullmatch(payment.purpose) is None:
        yield f"the purpose {payment.purpose!r} of the payment {name} is no code of four capitals and digits."
    if payment.reference is not None and not is_creditor_reference(payment.reference):
        yield f"the reference {payment.reference!r} of the payment {name} is none of ISO 11649 or fails its check."
    yield from account_problems(payment.account, f"the account of the payment {name}")
