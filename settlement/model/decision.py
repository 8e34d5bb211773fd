"""Decisions of persons on what a bank tells and no rule can book: what it means, of which payments, and why."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from settlement.model.steps import Step

DecisionId = NewType("DecisionId", str)


class Meaning(StrEnum):
    """What an entry of a bank statement, or an answer of a bank, is decided to mean.

    ``DEBIT`` the entry shows that payments left; ``CREDIT`` it shows what came back of them, as an answer has told;
    ``BACK`` money of payments came back, or never left: as much is due again, and an entry is its credit; ``OFFSET``
    two entries come to nothing; ``CHARGE`` the entry is a charge of the bank; ``NOTED`` the answer moves nothing.
    """

    DEBIT = "debit"
    CREDIT = "credit"
    BACK = "back"
    OFFSET = "offset"
    CHARGE = "charge"
    NOTED = "noted"


class DecisionState(StrEnum):
    """Where a decision stands; it moves money with its approval, by another person than the one who proposed it."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one person proposes and another approves of one bank entry or one line of an answer.

    Attributes
    ----------
    place, other
        The bank entry, and the one that it is set off against: a statement's file and the number there.
    answer
        The digest of a bank's file, and the line of it.
    payments
        Payments with so much of each, in minor units.
    fee_minor
        What the bank took on top of a debit, or kept of a credit.
    """

    decision_id: DecisionId
    number: int
    meaning: Meaning
    place: tuple[str, int] | None
    other: tuple[str, int] | None
    answer: tuple[str, int] | None
    payments: tuple[tuple[str, int], ...]
    fee_minor: int
    reason: str
    digest: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def state(self) -> DecisionState:
        """Where it stands by its last step."""
        return DecisionState(self.steps[-1].state)

    @property
    def subject(self) -> str:
        """What it is about, as people name it."""
        return subject_of(self.place, self.answer)


def subject_of(place: tuple[str, int] | None, answer: tuple[str, int] | None) -> str:
    """How people name a bank entry (``file#number``) or a line of an answer (the file's digest and the line)."""
    if place is not None:
        return f"{place[0]}#{place[1]}"
    return "" if answer is None else f"{answer[0][:12]}/{answer[1]}"


def digest_of(decision: Decision) -> str:
    """SHA-256 over everything that a decision says."""
    said = [
        *(decision.decision_id, decision.number, decision.meaning, decision.place, decision.other, decision.answer),
        *(decision.payments, decision.fee_minor, decision.reason),
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()
