"""The statement of a period: terms, adjustments for closed periods, split, carry and threshold, as rows of ``payout``.

A statement is a preview until the day on which its period closes; what is computed then is stated. A closed statement
is never issued again: when a closed period, recomputed as known later, differs from what was stated for it, its terms
that differ are told as RESTATED and the difference of its totals is an adjustment in the statement of the current
period. An adjustment is itself stated once the statement that carries it closes.

The steps are taken in the order in which the contract prints them; ``settlement.rate.balance`` has those of one
beneficiary, ``settlement.rate.adjustments`` those of closed periods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from settlement.model.clearing import StatementState
from settlement.model.contract import Contract, ContractVersion, Step
from settlement.model.contract_steps import Tax
from settlement.model.dates import Period, period_from
from settlement.model.money import split_largest_remainder
from settlement.model.statement_lines import ADJUSTMENT, INTEREST, SHARE, SHARE_CONVERTED
from settlement.rate.adjustments import Changed, allotted, changed, interest_on, more_of_own, rows_of
from settlement.rate.balance import Brought, Earned, brought_in, own_lines
from settlement.rate.banking_days import Banking, banking_of
from settlement.rate.conversion import Converted, Refixed, converted, exchange_of, refixed, with_refixed
from settlement.rate.evaluate import in_force
from settlement.rate.facts import Facts
from settlement.rate.stated import PayoutRow, Stated
from settlement.rate.windows import Lines


def statement(
    versions: Sequence[ContractVersion],
    facts: Facts,
    lines: Mapping[Period, Lines],
    stated: Stated,
) -> list[PayoutRow]:
    """The rows of the current period's statement as known after the facts' day, with restated terms of closed periods.

    Parameters
    ----------
    versions:
        The versions of one contract in ascending order of their effective dates.
    facts:
        What is known; the statement closes if its day is the last of the period.
    lines:
        The terms of the periods that are looked at, from ``facts``; the last is the period that contains the day.
    stated:
        What was stated before.
    """
    period = max(lines)
    contract = in_force(versions, period).contract
    state = StatementState.CLOSED if facts.day == period.last else StatementState.PREVIEW
    writer = _Writer(contract=contract, as_of=facts.day, period=period.text, state=state)
    rows = [
        writer.row(term.id, lines[period][term.id].amount_minor, lines[period][term.id].quantities, clause=term.clause)
        for term in contract.terms
        if term.paid
    ]
    gives = {term.id: lines[period][term.id].amount_minor for term in contract.terms}
    banking = banking_of(contract, facts)
    own, given = allotted(contract, gives), [_Given(version=contract, now=gives, before={})]
    for closed in [p for p in lines if p.text in stated.terms and p < period]:
        version = in_force(versions, closed).contract
        rule = contract.settlement.adjustments
        found = changed(version, rule, (closed, facts.day), lines[closed], stated)
        rows += _told_beside(version, writer, closed, found)
        if found.restated:
            given.append(_Given(version=version, now=found.booked, before=found.stated))
            rows += _adjusted(writer, closed, found, own, banking)
    total = sum(row.amount_minor for row in rows if row.state is state)
    brought = brought_in(contract, facts, stated)
    exchange, again = exchange_of(contract, facts), _all_refixed(versions, facts, lines, stated)

    def conversion(beneficiary: str, share: int) -> Converted | None:
        if exchange is None:
            return None
        return with_refixed(converted(exchange, period, share), again.get(beneficiary, ()))

    earnings = _Earnings(total=total, own=own, of_terms=_of_terms(contract, given))
    return [*rows, *_settle(writer, earnings, facts, brought, conversion)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What the terms of a version come to in one period, and what was stated of that before."""

    version: Contract
    now: Mapping[str, int]
    before: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earnings:
    """The total of a statement, what of it is a beneficiary's own, and what of it each tax on some terms is on.

    The last is by beneficiary and the line of the tax.
    """

    total: int
    own: Mapping[str, int]
    of_terms: Mapping[str, Mapping[str, int]]


def _of_terms(contract: Contract, given: Sequence[_Given]) -> dict[str, dict[str, int]]:
    """What the terms of each tax on some terms give to a beneficiary, differences of closed periods with it."""
    return {
        one.id: {
            tax.line: _of_tax(contract, given, one.id, tax) for tax in contract.settlement.taxes_of(one.id) if tax.of
        }
        for one in contract.beneficiaries
    }


def _of_tax(contract: Contract, given: Sequence[_Given], beneficiary: str, tax: Tax) -> int:
    """What of a beneficiary's earnings a tax is on: of each period by the terms that it was on in that version."""
    total, own = 0, dict[str, int]()
    for one in given:
        same = next((then for then in one.version.settlement.taxes_of(beneficiary) if then.line == tax.line), tax)
        # A tax that was on all of it was on every term that is paid.
        names = same.of or [term.id for term in one.version.terms if term.paid]
        now, before = ({name: told[name] for name in names if name in told} for told in (one.now, one.before))
        total += sum(now.values()) - sum(before.values())
        _add(own, more_of_own(one.version, now, before))
    return _shares(contract, total, own)[beneficiary]


def _shares(contract: Contract, total: int, own: Mapping[str, int]) -> dict[str, int]:
    """An amount by beneficiary: its own, and its part of the rest by weight; all of it where nothing is split."""
    if Step.SPLIT not in contract.settlement.order:
        return {beneficiary.id: total for beneficiary in contract.beneficiaries}
    rest, weights = total - sum(own.values()), contract.weights
    # Where every term says whose it is, there is no rest and nobody has a weight.
    of_rest = split_largest_remainder(rest, weights) if any(weights.values()) else dict.fromkeys(weights, 0)
    return {name: share + own.get(name, 0) for name, share in of_rest.items()}


def _all_refixed(
    versions: Sequence[ContractVersion], facts: Facts, periods: Iterable[Period], stated: Stated
) -> dict[str, list[Refixed]]:
    """By beneficiary the closed periods, ascending, that come to another amount at their fixings as known now."""
    found: dict[str, list[Refixed]] = {}
    exchanges = {version.effective: exchange_of(version.contract, facts) for version in versions}
    for period in sorted(period for period in periods if period.text in stated.converted):
        exchange = exchanges[in_force(versions, period).effective]
        if exchange is not None and exchange.is_fixed:
            shares, before = stated.shares[period.text], stated.converted[period.text]
            for name, one in refixed(exchange, period, shares, before).items():
                found.setdefault(name, []).append(one)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """Writes rows of one statement."""

    contract: Contract
    as_of: date
    period: str
    state: StatementState

    def row(
        self,
        term: str,
        amount_minor: int,
        quantities: str,
        *,
        clause: str,
        beneficiary: str | None = None,
        currency: str | None = None,
        adjusts: str | None = None,
    ) -> PayoutRow:
        return PayoutRow(
            as_of=self.as_of,
            contract=self.contract.id,
            period=self.period,
            term=term,
            beneficiary=beneficiary,
            amount_minor=amount_minor,
            currency=currency or self.contract.currency,
            state=self.state,
            quantities=quantities,
            clause=clause,
            adjusts=adjusts,
        )


def _told_beside(version: Contract, writer: _Writer, closed: Period, found: Changed) -> list[PayoutRow]:
    """The terms of a closed period that differ: in their own period as restated, in this one where they are parked."""
    clauses = {term.id: term.clause for term in version.terms}
    return [
        replace(
            writer.row(name, known.amount_minor, known.quantities, clause=clauses[name]),
            state=state,
            period=closed.text if state is StatementState.RESTATED else writer.period,
            adjusts=None if state is StatementState.RESTATED else closed.text,
        )
        for name, known, state in rows_of(found)
    ]


def _adjusted(
    writer: _Writer, closed: Period, found: Changed, own: dict[str, int], banking: Banking
) -> list[PayoutRow]:
    """The adjustment of a closed period, and interest on it; ``own`` changes by what is a beneficiary's own."""
    rule = writer.contract.settlement.adjustments
    told = f"period={closed.text};restated={found.now};stated={found.before}"
    told += f";booked_in={closed.text}" if rule.booked_in == "original_period" else ""
    rows = [writer.row(ADJUSTMENT, found.now - found.before, told, clause=rule.clause, adjusts=closed.text)]
    _add(own, found.own)
    if rule.interest is not None:
        due = banking.after(closed.last, rule.interest.due_days, rule.interest.due_counted_in)
        accrued = interest_on(rule.interest, found, due, writer.as_of)
        clause = rule.interest.clause
        rows.append(writer.row(INTEREST, accrued.amount_minor, accrued.quantities, clause=clause, adjusts=closed.text))
        _add(own, accrued.own)
    return rows


def _add(own: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        own[name] = own.get(name, 0) + amount


def _settle(
    writer: _Writer,
    earnings: _Earnings,
    facts: Facts,
    brought: Mapping[str, Brought],
    conversion: Callable[[str, int], Converted | None],
) -> list[PayoutRow]:
    """Split, conversion and the steps of each beneficiary, beneficiaries in ascending order of their ids.

    ``conversion`` tells what a beneficiary's share comes to in the currency of payment; nothing where that is the
    contract's own.
    """
    contract = writer.contract
    rule, total, own = contract.settlement, earnings.total, earnings.own
    shares = _shares(contract, total, own)
    comes = {name: conversion(name, share) for name, share in shares.items()}
    earned = {
        name: Earned(
            amount_minor=shares[name] if one is None else one.amount_minor,
            of_terms=earnings.of_terms[name],
        )
        for name, one in comes.items()
    }
    lines = own_lines(contract, period_from(writer.period), facts, earned, brought)
    rows = []
    for name in sorted(shares):
        if Step.SPLIT in rule.order:
            told = f"of={total}" if not own else f"of={total - sum(own.values())};own={own.get(name, 0)}"
            rows.append(writer.row(SHARE, shares[name], told, clause=rule.clause, beneficiary=name))
        line = comes[name]
        if rule.convert is not None and line is not None:
            lines[name].insert(0, (SHARE_CONVERTED, line.amount_minor, line.told, rule.convert.clause))
        rows += [
            writer.row(term, amount, told, clause=why, beneficiary=name, currency=contract.paid_in)
            for term, amount, told, why in lines[name]
        ]
    return rows
