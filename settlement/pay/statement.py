"""What one statement tells one beneficiary, however it is written: the contract's terms and the beneficiary's lines.

Lines come in this order: terms by clause, adjustments and their interest by period, then the beneficiary's share, what
it carries in, what is recouped, taxed, held and released, paid and carried out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from settlement.errors import TerminalError
from settlement.model.statement_lines import in_order, moves_of

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One payout line as the file needs it; ``adjusts`` is the closed period of an adjustment."""

    clause: str
    term: str
    text: str
    quantities: str
    amount_minor: int
    currency: str
    adjusts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one statement tells: the contract's terms and one beneficiary's own lines.

    ``parked`` are lines that are told on the statement and are part of no sum.
    """

    contract: str
    beneficiary: str
    period: str
    as_of: date
    state: str
    sequence: int
    terms: tuple[Line, ...]
    own: tuple[Line, ...]
    parked: tuple[Line, ...] = ()

    @property
    def name(self) -> str:
        """The statement's name in messages."""
        return f"{self.contract} {self.period} {self.beneficiary}"

    @property
    def stem(self) -> str:
        """Path of its files below the night's folder, but for what tells them apart; refuses names that leave it."""
        for part in (self.beneficiary, self.contract, self.period, self.state):
            if not _IDENTIFIER.fullmatch(part):
                raise TerminalError(
                    f"{self.name}: {part!r} cannot be part of a file name: use letters, digits, '.', '_' and '-' only."
                )
        return f"{self.beneficiary}/{self.contract}_{self.period}_{self.as_of}_{self.state}"

    @property
    def lines(self) -> tuple[Line, ...]:
        """All detail lines in the order of the file."""
        terms = sorted(self.terms, key=lambda line: (line.adjusts or "", _natural(line.clause), line.term))
        own = {line.term: line for line in self.own}
        return (*terms, *(own[name] for name in in_order(own)))

    def own_line(self, term: str) -> Line | None:
        """The beneficiary's line of that name, where the statement has one."""
        return next((line for line in self.own if line.term == term), None)

    def own_minor(self, term: str) -> int:
        """Amount of the beneficiary's line of that name in minor units, 0 where there is none."""
        line = self.own_line(term)
        return line.amount_minor if line else 0

    @property
    def currency(self) -> str:
        """The currency that is paid."""
        line = self.own_line("payout")
        if line is None:
            raise TerminalError(f"{self.name} has no line payout: a statement must say what is paid, also zero.")
        return line.currency

    @property
    def balance_minor(self) -> int:
        """Carried in plus share plus the entries between, in minor units of the currency paid; checks its use."""
        for term in ("share_converted", "share"):
            line = self.own_line(term)
            if line is not None:
                earned = line.amount_minor
                break
        else:
            earned = sum(line.amount_minor for line in self.terms)
        balance = (
            self.own_minor("carry_in")
            + earned
            + sum(self.own_minor(entry) for entry in moves_of(line.term for line in self.own))
        )
        used = self.own_minor("payout") + self.own_minor("carry_out")
        if balance != used:
            raise TerminalError(
                f"{self.name} does not re-add: the balance is {balance}, paid and carried out are {used} "
                f"(minor units of {self.currency})."
            )
        return balance


def _natural(clause: str) -> tuple[tuple[bool, int, str], ...]:
    """Order of clause numbers by their parts: 2 before 10, 3.2 before 3.10, numbers before words."""
    parts = re.findall(r"\d+|\D+", clause)
    return tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)
