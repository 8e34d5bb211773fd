"""What banks tell of payments: statuses, returns and changes, whatever file they came in.

An unknown code is never given a meaning: the status keeps it, and its reason says that it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from settlement.model.payment import EndToEndId, MessageId


class Outcome(StrEnum):
    """What became of a payment, or of all that a message told of.

    ``ACCEPTED`` the bank carries it out or has done so; ``PENDING`` it is not decided; ``REJECTED`` no money has moved;
    ``RETURNED`` the money has come back; ``CHANGED`` it was carried out with other data, which are to be used from
    now on; ``UNCLEAR`` the code is unknown, or means that a person must ask the bank.
    """

    ACCEPTED = "ACCEPTED"
    PENDING = "PENDING"
    REJECTED = "REJECTED"
    RETURNED = "RETURNED"
    CHANGED = "CHANGED"
    UNCLEAR = "UNCLEAR"


class Scope(StrEnum):
    """What a status speaks of: the whole message, one block of payments in it, or one payment."""

    MESSAGE = "message"
    BLOCK = "block"
    PAYMENT = "payment"


class Corrected(StrEnum):
    """What a notification of change may correct."""

    ROUTING_NUMBER = "routing_number"
    ACCOUNT_NUMBER = "account_number"
    TRANSACTION_CODE = "transaction_code"
    NAME = "name"
    IDENTIFICATION = "identification"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why: the code as it stands in the file, its meaning, whether it is known, and the bank's own words."""

    code: str
    meaning: str
    known: bool
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStatus:
    """What one place of a file tells.

    Attributes
    ----------
    outcome, code
        What became of it, and the code that says so: ``RJCT``, ``R03``, ``C01``; ``RtrInf`` for a return of camt.054.
    scope
        Of what it speaks. A status of a message or block covers each of its payments that has no status of its own.
    end_to_end_id
        The payment, where it is told.
    message_id, block_id
        The message and block of the payment, where they are told.
    bank_reference
        The bank's reference; of returns and changes in NACHA files the trace number of the original entry.
    amount_minor, currency
        Of a return what came back, else the payment's amount where it is told; never negative.
    on
        The day on which the bank tells it, or on which it was booked.
    corrected
        What a change corrects, with the new values.
    """

    outcome: Outcome
    code: str
    scope: Scope
    reasons: tuple[Reason, ...] = ()
    end_to_end_id: EndToEndId | None = None
    message_id: MessageId | None = None
    block_id: str | None = None
    bank_reference: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    on: date | None = None
    corrected: tuple[tuple[Corrected, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BankReply:
    """One file that came back.

    Attributes
    ----------
    reply_id
        The bank's id of the file: a second file with the same id is a repetition.
    message_id
        The message of ours that it answers, where it answers one alone.
    statuses
        In the order of the file.
    declared_count, declared_sum
        Number and sum (major units, whatever the currency) of the payments in our message as the bank has read them.
    notes
        Sentences on what the file holds and is no status.
    """

    reply_id: str
    message_id: MessageId | None
    statuses: tuple[PaymentStatus, ...]
    declared_count: int | None = None
    declared_sum: Decimal | None = None
    notes: tuple[str, ...] = ()


def reason_of(code: str, known: Mapping[str, str], source: str, words: str = "") -> Reason:
    """The reason that a code tells by a table of codes; ``source`` names the table where a code is unknown."""
    if code in known:
        return Reason(code=code, meaning=known[code], known=True, words=words)
    meaning = f"the code {code} is not in the {source} that this system knows: ask the bank what it means"
    return Reason(code=code, meaning=meaning, known=False, words=words)
