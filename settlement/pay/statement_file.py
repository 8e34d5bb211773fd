"""The settlement file of one beneficiary: a CSV file that the partner can re-add line by line.

    H  version, contract, beneficiary, period, as_of, state, currency, sequence
    D  line, clause, term, text, quantities, amount in minor units, amount in major units, currency
    S  empty, empty, name, text, empty, amount in minor units, amount in major units, currency
    T  currency, detail lines, debits, credits, net (minor units; one line a currency)

D lines come in this order: terms by clause, adjustments and their interest by period, then the beneficiary's share,
what it carries in, what is recouped, taxed, held and released, paid and carried out. The S lines tell the two sums in
between: ``total`` is the sum of the terms and adjustments, ``balance`` is what is carried in plus the share plus the
entries between, and equals payout plus carry-out.
A file holds the contract's terms and the lines of its own beneficiary, never those of another one. Text that a
spreadsheet would run as a formula is led by an apostrophe.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from settlement.errors import TerminalError
from settlement.model.money import to_major
from settlement.model.statement_lines import CARRY_OUT, MOVES, OWN_LINES, PAYOUT

FORMAT_VERSION: Final = "1"

_USES: Final = (PAYOUT, CARRY_OUT)
"""What becomes of the balance."""

_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠]")  # noqa: RUF001 - the wide forms start a formula too
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
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
    """What one settlement file tells: the contract's terms and one beneficiary's own lines."""

    contract: str
    beneficiary: str
    period: str
    as_of: date
    state: str
    sequence: int
    terms: tuple[Line, ...]
    own: tuple[Line, ...]

    @property
    def name(self) -> str:
        """The statement's name in messages."""
        return f"{self.contract} {self.period} {self.beneficiary}"

    @property
    def path(self) -> str:
        """Path of the file below the night's folder; refuses names that could leave it."""
        for part in (self.beneficiary, self.contract, self.period, self.state):
            if not _IDENTIFIER.fullmatch(part):
                raise TerminalError(
                    f"{self.name}: {part!r} cannot be part of a file name: use letters, digits, '.', '_' and '-' only."
                )
        return f"{self.beneficiary}/{self.contract}_{self.period}_{self.as_of}_{self.state}.csv"

    @property
    def lines(self) -> tuple[Line, ...]:
        """All detail lines in the order of the file."""
        terms = sorted(self.terms, key=lambda line: (line.adjusts or "", _natural(line.clause), line.term))
        order = list(OWN_LINES)
        return (*terms, *sorted(self.own, key=lambda line: order.index(line.term)))

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
        balance = self.own_minor("carry_in") + earned + sum(self.own_minor(entry) for entry in MOVES)
        used = self.own_minor("payout") + self.own_minor("carry_out")
        if balance != used:
            raise TerminalError(
                f"{self.name} does not re-add: the balance is {balance}, paid and carried out are {used} "
                f"(minor units of {self.currency})."
            )
        return balance


def own_text(term: str) -> str:
    """What a beneficiary's line means; TerminalError for a line that settlement files do not know."""
    if term not in OWN_LINES:
        raise TerminalError(f"Settlement files know no line {term!r} of a beneficiary, only {', '.join(OWN_LINES)}.")
    return OWN_LINES[term].text


def write_statement(statement: Statement) -> bytes:
    """The file's bytes: UTF-8, comma, quotes where needed, one newline character at each line's end.

    The same statement gives the same bytes. Raises TerminalError where the lines do not re-add.
    """
    details = [(line.term, _detail(number, line)) for number, line in enumerate(statement.lines, start=1)]
    earned = details[: len(statement.terms)]
    own = details[len(statement.terms) :]
    names = (statement.contract, statement.beneficiary, statement.period, statement.as_of.isoformat(), statement.state)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["H", FORMAT_VERSION, *map(_safe, names), statement.currency, statement.sequence])
    writer.writerows(row for _, row in earned)
    writer.writerows(_totals(statement.terms, statement.currency))
    writer.writerows(row for term, row in own if term not in _USES)
    writer.writerow(_sum("balance", "to be paid or carried", statement.balance_minor, statement.currency))
    writer.writerows(row for term, row in own if term in _USES)
    for currency in sorted({line.currency for line in statement.lines}):
        amounts = [line.amount_minor for line in statement.lines if line.currency == currency]
        debit, credit = -sum(a for a in amounts if a < 0), sum(a for a in amounts if a > 0)
        writer.writerow(["T", currency, len(amounts), debit, credit, credit - debit])
    return out.getvalue().encode()


def _totals(terms: Sequence[Line], paid_in: str) -> Iterable[list[str | int]]:
    """The sum of the terms, in each currency they have; a statement without terms has a total of zero."""
    for currency in sorted({line.currency for line in terms}) or [paid_in]:
        amount = sum(line.amount_minor for line in terms if line.currency == currency)
        yield _sum("total", "sum of the terms and adjustments", amount, currency)


def _detail(number: int, line: Line) -> list[str | int]:
    texts = [_safe(text) for text in (line.clause, line.term, line.text, line.quantities)]
    return ["D", number, *texts, line.amount_minor, to_major(line.amount_minor, line.currency), line.currency]


def _sum(name: str, text: str, amount_minor: int, currency: str) -> list[str | int]:
    return ["S", "", "", name, text, "", amount_minor, to_major(amount_minor, currency), currency]


def _safe(text: str) -> str:
    """Text on one line that a spreadsheet shows and does not run."""
    plain = _CONTROL.sub(" ", text)
    return f"'{plain}" if _FORMULA.match(plain) else plain


def _natural(clause: str) -> tuple[tuple[bool, int, str], ...]:
    """Order of clause numbers by their parts: 2 before 10, 3.2 before 3.10, numbers before words."""
    parts = re.findall(r"\d+|\D+", clause)
    return tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)
