"""A statement as a person reads it and adds it up by hand: one content for the page and for the PDF.

Nothing is computed here that the lines do not say, but for sums that they are held against: the running totals end in
the sums of the settlement file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from settlement.model.clearing import StatementState
from settlement.model.dates import period_from
from settlement.model.money import is_currency
from settlement.model.statement_lines import (
    CARRY_OUT,
    GROSS_UP,
    INTEREST,
    PAYOUT,
    RECOUPED,
    RELEASES,
    SHARE,
    SHARE_CONVERTED,
    VALUE_ADDED_TAX,
    WITHHOLDING_TAX,
    kind_of,
)
from settlement.pay.contract_text import ContractText
from settlement.pay.partners import Recipient
from settlement.pay.quantities_told import grouped, money, quantities, quantities_by_name, said
from settlement.pay.restated import OTHER, Cause, RestatedPeriod, RestatedTerm
from settlement.pay.statement import Line, Statement
from settlement.pay.words import Language, Words

_NOTES: Final = 5
"""How many notes tell how a statement is added up."""
_THEN_AND_NOW: Final = ("stated", "now", "difference")
_QUOTING: Final = frozenset({SHARE_CONVERTED, RECOUPED, GROSS_UP, WITHHOLDING_TAX, VALUE_ADDED_TAX, *RELEASES, PAYOUT})
"""Kinds of lines of a beneficiary that quote their clause; the others follow that of the payout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of a table: its text, and what stands below it in smaller letters."""

    text: str
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table; a sum is set apart."""

    cells: tuple[Cell, ...]
    is_sum: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its heading, its part of the width in percent, and whether it holds amounts."""

    heading: str
    width: int
    amounts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table with its title, and the note above it."""

    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDocument:
    """All that stands on a statement, in its order.

    ``page`` is the text at the foot of each page, with ``{page}`` and ``{pages}``; ``paid`` is what is or would be
    paid, with its label.
    """

    language: Language
    title: str
    partner: str
    lead: str
    paid: tuple[str, str]
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    notes_title: str
    notes: tuple[str, ...]
    page: str


def statement_document(to: Recipient, restated: Sequence[RestatedPeriod]) -> StatementDocument:
    """A statement in a partner's language; ``restated`` is what its adjustments are made of.

    Raises TerminalError where the lines do not re-add.
    """
    statement, writer = to.statement, _Writer(to=to)
    labels = writer.words.labels
    closed = statement.state == StatementState.CLOSED
    sections = [writer.terms(), writer.adjustments(), writer.own(), *map(writer.restated, restated)]
    if statement.parked:
        sections.append(writer.parked())
    return StatementDocument(
        language=to.partner.language,
        title=labels[statement.state],
        partner=to.name,
        lead=labels["lead_closed" if closed else "lead_preview"],
        paid=(
            labels["to_be_paid" if closed else "would_be_paid"],
            money(statement.own_minor(PAYOUT), statement.currency),
        ),
        facts=tuple(writer.facts()),
        sections=tuple(sections),
        notes_title=labels["notes"],
        notes=tuple(labels[f"note_{number}"] for number in range(1, _NOTES + 1)),
        page=f"{statement.contract} · {statement.period} · {statement.beneficiary} · {labels['page']}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """Writes the parts of one statement in one language."""

    to: Recipient

    @property
    def statement(self) -> Statement:
        return self.to.statement

    @property
    def contract(self) -> ContractText | None:
        return self.to.contract

    @property
    def words(self) -> Words:
        return self.to.words

    def facts(self) -> Iterator[tuple[str, str]]:
        """Who, what, when: label and value."""
        labels, statement = self.words.labels, self.statement
        if self.contract is not None:
            yield labels["payer"], self.contract.payer
        named = self.to.name != statement.beneficiary
        yield labels["partner"], f"{self.to.name} ({statement.beneficiary})" if named else self.to.name
        title = "" if self.contract is None else f", {self.contract.title}"
        yield labels["contract"], f"{statement.contract}{title}"
        if self.contract is not None:
            yield labels["programme"], self.contract.programme
        period = period_from(statement.period)
        yield labels["period"], f"{statement.period} ({period.first} - {period.last})"
        yield labels["night"], str(statement.as_of)
        yield labels["state"], labels[f"state_{statement.state}"]
        yield labels["sequence"], str(statement.sequence)
        yield labels["currency"], statement.currency
        if self.contract is not None:
            yield labels["version"], str(self.contract.effective)
            yield labels["digest"], self.contract.digest

    def terms(self) -> Section:
        """What the contract gives, clause by clause."""
        lines = [line for line in self.statement.lines if line in self.statement.terms and line.adjusts is None]
        return self._ladder("terms", lines, {}, sums=False)

    def adjustments(self) -> Section:
        """The adjustments of closed periods, from the sum of the terms to the total."""
        lines = [line for line in self.statement.lines if line in self.statement.terms and line.adjusts is not None]
        before: dict[str, int] = {}
        for line in self.statement.terms:
            if line.adjusts is None:
                before[line.currency] = before.get(line.currency, 0) + line.amount_minor
        return self._ladder("adjustments", lines, before, sums=True)

    def _ladder(self, part: str, lines: Sequence[Line], running: dict[str, int], *, sums: bool) -> Section:
        labels, rows = self.words.labels, []
        for line in lines:
            running[line.currency] = running.get(line.currency, 0) + line.amount_minor
            rows.append(self._row(line, grouped(running[line.currency], line.currency)))
        if not rows:
            rows.append(Row(cells=(Cell(text=""), Cell(text=labels["none"]), Cell(text=""), Cell(text=""))))
        if sums:
            rows += [
                self._sum(labels["total"], amount, currency)
                for currency, amount in sorted(running.items() or {self.statement.currency: 0}.items())
            ]
        return Section(title=labels[part], note=labels[f"{part}_note"], columns=self._columns(), rows=tuple(rows))

    def own(self) -> Section:
        """From the partner's share to what is paid and carried."""
        labels, statement = self.words.labels, self.statement
        balance, running, rows = statement.balance_minor, 0, []
        earned = SHARE_CONVERTED if statement.own_line(SHARE_CONVERTED) else SHARE
        if statement.own_line(earned) is None:
            running = sum(line.amount_minor for line in statement.terms)
            rows.append(self._sum(labels["earned"], running, statement.currency))
        for line in statement.lines:
            if line not in statement.own:
                continue
            if line.term == PAYOUT:
                rows.append(self._sum(labels["balance"], balance, statement.currency))
            if line.term == SHARE and earned != SHARE:
                rows.append(self._row(line, ""))
                continue
            running += -line.amount_minor if line.term in {PAYOUT, CARRY_OUT} else line.amount_minor
            rows.append(self._row(line, grouped(running, line.currency)))
        return Section(title=labels["own"], note=labels["own_note"], columns=self._columns(), rows=tuple(rows))

    def restated(self, restated: RestatedPeriod) -> Section:
        """What one adjustment is made of."""
        labels = self.words.labels
        rows = []
        for term in restated.terms:
            name = labels["other_lines"] if term.term == OTHER else term.term
            amounts = (term.stated_minor, term.now_minor, term.difference_minor)
            rows.append(
                Row(
                    cells=(
                        Cell(text=term.clause),
                        Cell(text=name, below=reasons(term, self.to.said(term.term), self.words)),
                        *(Cell(text=grouped(amount, term.currency)) for amount in amounts),
                    )
                )
            )
        currency = restated.terms[0].currency
        sums = [sum(getattr(term, f"{name}_minor") for term in restated.terms) for name in _THEN_AND_NOW]
        total = (Cell(text=""), Cell(text=labels["together"]), *(Cell(text=grouped(one, currency)) for one in sums))
        columns = (
            Column(heading=labels["clause"], width=13),
            Column(heading=f"{labels['line']} / {labels['reason']}", width=42),
            *(
                Column(heading=f"{labels[one]} {currency}", width=15, amounts=True)
                for one in ("stated", "now", "difference")
            ),
        )
        return Section(
            title=labels["restated"].format(period=restated.period),
            note=labels["restated_note"],
            columns=columns,
            rows=(*rows, Row(cells=total, is_sum=True)),
        )

    def parked(self) -> Section:
        """What is told and is part of no sum."""
        rows = tuple(self._row(line, "") for line in self.statement.parked)
        return Section(
            title=self.words.labels["parked"], note=self.words.labels["parked_note"], columns=self._columns(), rows=rows
        )

    def _columns(self) -> tuple[Column, ...]:
        labels = self.words.labels
        return (
            Column(heading=labels["clause"], width=13),
            Column(heading=labels["line"], width=51),
            Column(heading=labels["amount"], width=18, amounts=True),
            Column(heading=labels["running"], width=18, amounts=True),
        )

    def _row(self, line: Line, running: str) -> Row:
        return Row(
            cells=(
                Cell(text=line.clause),
                Cell(text=self._name(line), below=tuple(dict.fromkeys(self._below(line)))),
                Cell(text=money(line.amount_minor, line.currency)),
                Cell(text=running),
            )
        )

    def _sum(self, text: str, amount_minor: int, currency: str) -> Row:
        cells = (Cell(text=""), Cell(text=text), Cell(text=money(amount_minor, currency)), Cell(text=""))
        return Row(cells=cells, is_sum=True)

    def _name(self, line: Line) -> str:
        if line in self.statement.own:
            return f"{self.words.line(line.term)} ({line.term})"
        if line.adjusts is None or line in self.statement.parked:
            return line.term if line.adjusts is None else f"{line.term}, {line.adjusts}"
        kind = "interest" if line.term == INTEREST else "adjustment"
        return self.words.labels[kind].format(period=line.adjusts)

    def _below(self, line: Line) -> Iterator[str]:
        """The clause in its words, the quantities, and what the contract says in figures."""
        term = self.to.said(line.term)
        if self.contract is None:
            yield self.words.labels["no_clause"]
        elif line.clause in self.contract.clauses and (
            line not in self.statement.own or kind_of(line.term) in _QUOTING
        ):
            yield f"“{' '.join(self.contract.clauses[line.clause].split())}”"
        yield from quantities(line.term, line.quantities, line.currency, term, self.words)
        yield from said(term, line.currency, self.words)


_NOTHING: Final = "\N{EN DASH}"


def reasons(term: RestatedTerm, of: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    """Why a term of a closed period comes to something else, one text for each reason."""
    told = [_cause(cause, words) for cause in term.causes]
    if term.term == OTHER:
        return tuple(told)
    was, now = (
        quantities_by_name(term.term, told_then, term.currency, of, words)
        for told_then in (term.stated_quantities, term.now_quantities)
    )
    # By name: a quantity that only one of them tells stands beside nothing, and shifts no other.
    told += [
        f"{was.get(name, _NOTHING)} → {now.get(name, _NOTHING)}"
        for name in dict.fromkeys((*was, *now))
        if was.get(name) != now.get(name)
    ]
    return tuple(told) or (words.reasons["follows"],)


def _cause(cause: Cause, words: Words) -> str:
    quantity = money(cause.quantity, cause.unit) if is_currency(cause.unit) else f"{cause.quantity:,} {cause.unit}"
    if cause.kind is None:
        return words.reasons["other"].format(count=cause.count, quantity=quantity)
    return words.reasons["records"].format(count=cause.count, kind=words.reasons[cause.kind], quantity=quantity)
