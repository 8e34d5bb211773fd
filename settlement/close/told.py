"""What a close tells of one period: the statement in sections, accruals reversed, adjustments and their entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from settlement.close.checks import Check, checklist, state_of
from settlement.close.periods import ContractPeriod, PeriodState, contract_of
from settlement.close.scene import Scene
from settlement.close.statements import Adjustment, accruals, adjustments, close_entries, digest_of
from settlement.close_books import Certificate
from settlement.model.accounts import ACCRUED_SHARE
from settlement.model.contract import Contract
from settlement.model.contract_terms import MinimumTerm, WholeTierTerm
from settlement.model.journal import Entry
from settlement.model.statement_lines import (
    ADJUSTMENT,
    CARRY_IN,
    CARRY_OUT,
    INTEREST,
    MOVES,
    PAYOUT,
    SHARE,
    SHARE_CONVERTED,
    kind_of,
)
from settlement.report.figures import Money, sums


class Section(StrEnum):
    """The parts of a statement in the order in which they are told."""

    TERMS = "what the terms give"
    TRUE_UPS = "true-ups"
    GUARANTEES = "guarantees"
    LATE = "adjustments of closed periods"
    SHARES = "shares"
    MOVES = "recouped, taxed, held back and released"
    PAID = "for payment"
    CARRIED = "carried"


_OF_LINES: Final = {
    **dict.fromkeys((ADJUSTMENT, INTEREST), Section.LATE),
    **dict.fromkeys((SHARE, SHARE_CONVERTED), Section.SHARES),
    **dict.fromkeys(MOVES, Section.MOVES),
    PAYOUT: Section.PAID,
    **dict.fromkeys((CARRY_IN, CARRY_OUT), Section.CARRIED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldLine:
    """One line of the statement with the quantities behind it and its clause."""

    section: Section
    name: str
    beneficiary: str
    amount: Money
    quantities: str
    clause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTold:
    """Everything on one period's close.

    ``accrued`` is what the nights had accrued and the close has taken back, in ``accruals`` entries.
    """

    name: str
    title: str
    state: PeriodState
    one: ContractPeriod
    known_after: str
    digest: str
    lines: tuple[ToldLine, ...]
    accruals: int
    accrued: tuple[Money, ...]
    adjustments: tuple[Adjustment, ...]
    entries: tuple[Entry, ...]
    checks: tuple[Check, ...]
    certificate: Certificate | None

    def of(self, section: str) -> list[ToldLine]:
        """The lines of one section."""
        return [line for line in self.lines if line.section == section]


def told_of(scene: Scene, one: ContractPeriod) -> CloseTold:
    """Tell one period, closed or not."""
    contract, entries = contract_of(scene, one), close_entries(scene, one)
    rows = scene.statement(one.contract, one.period.text).iter_rows(named=True)
    lines = [_line(contract, row) for row in rows]
    order, checks = list(Section), checklist(scene, one)
    return CloseTold(
        name=one.name,
        title=contract.title,
        state=state_of(scene, one, checks),
        one=one,
        known_after=str(scene.night),
        digest=digest_of(scene, one),
        lines=tuple(sorted(lines, key=lambda line: order.index(line.section))),
        accruals=len(accruals(scene, one)),
        accrued=_taken_back(one, entries),
        adjustments=tuple(adjustments(scene, one)),
        entries=tuple(entries),
        checks=checks,
        certificate=scene.certificates.get((one.contract, one.period.text)),
    )


def _line(contract: Contract, row: dict[str, Any]) -> ToldLine:
    term = next((term for term in contract.terms if term.id == row["term"]), None)
    section = Section.TERMS
    if kind_of(row["term"]) in _OF_LINES:
        section = _OF_LINES[kind_of(row["term"])]
    elif isinstance(term, WholeTierTerm):
        section = Section.TRUE_UPS
    elif isinstance(term, MinimumTerm):
        section = Section.GUARANTEES
    return ToldLine(
        section=section,
        name=f"{row['term']}:{row['adjusts']}" if row["adjusts"] else row["term"],
        beneficiary=row["beneficiary"] or "",
        amount=Money(currency=row["currency"], minor=row["amount_minor"]),
        quantities=row["quantities"].replace(";", ", "),
        clause=row["clause"],
    )


def _taken_back(one: ContractPeriod, entries: Sequence[Entry]) -> tuple[Money, ...]:
    """What the close moves off the period's account of accruals, by currency."""
    account = ACCRUED_SHARE.at(one.contract, one.period.text)
    found: Counter[str] = Counter()
    for entry in entries:
        for posting in entry.postings:
            if posting.account == account:
                found[posting.currency] += posting.amount_minor
    return sums(found.items())
