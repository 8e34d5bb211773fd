"""The statement of a period: terms, adjustments for closed periods, split, carry and threshold, as rows of ``payout``.

A statement is a preview until the day on which its period closes; what is computed then is stated. A closed statement
is never issued again: when a closed period, recomputed as known later, differs from what was stated for it, its terms
that differ are told as RESTATED and the difference of its totals is an adjustment in the statement of the current
period. An adjustment is itself stated once the statement that carries it closes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from settlement.model.clearing import StatementState
from settlement.model.contract import Contract, ContractVersion, Step
from settlement.model.dates import Period
from settlement.model.money import minor, split_largest_remainder
from settlement.rate.conversion import (
    Converted,
    Refixed,
    converted,
    exchange_of,
    read_own,
    read_refixed,
    refixed,
    with_refixed,
)
from settlement.rate.evaluate import in_force
from settlement.rate.facts import Facts
from settlement.rate.windows import Lines

ADJUSTMENT: Final = "adjustment"
SHARE: Final = "share"
SHARE_CONVERTED: Final = "share_converted"
CARRY_IN: Final = "carry_in"
RECOUPED: Final = "recouped"
PAYOUT: Final = "payout"
CARRY_OUT: Final = "carry_out"
_Own = tuple[str, int, str, str]
"""A line of one beneficiary: term, amount, quantities and clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutRow:
    """One row of table ``payout``."""

    as_of: date
    contract: str
    period: str
    term: str
    beneficiary: str | None
    amount_minor: int
    currency: str
    state: str
    quantities: str
    clause: str
    adjusts: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What has been stated for one contract so far.

    Attributes
    ----------
    terms:
        By closed period: term to the amount stated for it, adjustments that are stated themselves included.
    carried:
        By beneficiary: the balance that the last closed statement carries out; empty before the first.
    recouped:
        By beneficiary: what closed statements have recouped of its advance, zero or negative.
    shares, converted:
        By closed period and beneficiary: what its statement shares out, and what has been stated for that in the
        currency of payment, differences told in later statements included; empty where nothing is converted.
    """

    terms: Mapping[str, Mapping[str, int]]
    carried: Mapping[str, int]
    recouped: Mapping[str, int]
    shares: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    converted: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def read_stated(rows: Iterable[PayoutRow]) -> Stated:
    """Read what is stated from the payout rows of all nights so far, in any order."""
    ordered = sorted(rows, key=lambda row: (row.as_of, row.period, row.term, row.beneficiary or "", row.adjusts or ""))
    closings = {row.as_of for row in ordered if row.term == CARRY_OUT and row.state == StatementState.CLOSED}
    terms: dict[str, dict[str, int]] = {}
    carried: dict[str, int] = {}
    recouped: dict[str, int] = {}
    for row in ordered:
        if row.term == RECOUPED and row.beneficiary is not None and row.state == StatementState.CLOSED:
            recouped[row.beneficiary] = recouped.get(row.beneficiary, 0) + row.amount_minor
        if row.term == CARRY_OUT and row.beneficiary is not None and row.state == StatementState.CLOSED:
            carried[row.beneficiary] = row.amount_minor
            terms.setdefault(row.period, {})
        elif row.beneficiary is None and row.term != ADJUSTMENT:
            closed = row.state == StatementState.CLOSED
            # A restated term is stated only if the statement of that day, which carries the difference, closed.
            if closed or (row.state == StatementState.RESTATED and row.as_of in closings):
                terms.setdefault(row.period, {})[row.term] = row.amount_minor
    shares, conversions = _read_conversions([row for row in ordered if row.state == StatementState.CLOSED])
    return Stated(terms=terms, carried=carried, recouped=recouped, shares=shares, converted=conversions)


def _read_conversions(closed: Sequence[PayoutRow]) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """By period and beneficiary what closed statements share out and what is stated for it in the currency of payment.

    Where nothing is split, the only beneficiary's share is the statement's total.
    """
    totals: dict[str, int] = {}
    shares: dict[str, dict[str, int]] = {}
    conversions: dict[str, dict[str, int]] = {}
    for row in closed:
        if row.beneficiary is None:
            totals[row.period] = totals.get(row.period, 0) + row.amount_minor
        elif row.term == SHARE:
            shares.setdefault(row.period, {})[row.beneficiary] = row.amount_minor
        elif row.term == SHARE_CONVERTED:
            conversions.setdefault(row.period, {})[row.beneficiary] = read_own(row.amount_minor, row.quantities)
            for one in read_refixed(row.quantities):
                conversions.setdefault(one.period, {})[row.beneficiary] = one.now
    for period, amounts in conversions.items():
        for name in amounts:
            shares.setdefault(period, {}).setdefault(name, totals.get(period, 0))
    return {period: shares[period] for period in conversions}, conversions


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
        The terms of all periods known, evaluated from ``facts``; the last is the period that contains the day.
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
    own = allotted(contract, {term.id: lines[period][term.id].amount_minor for term in contract.terms})
    for closed in [p for p in lines if p.text in stated.terms and p < period]:
        version = in_force(versions, closed)
        restated = _restated(version, closed, lines[closed], stated.terms[closed.text], facts.day)
        if restated:
            comes = {term.id: lines[closed][term.id].amount_minor for term in version.contract.terms if term.paid}
            now, before = sum(comes.values()), sum(stated.terms[closed.text].values())
            own = _changed(
                own, allotted(version.contract, comes), allotted(version.contract, stated.terms[closed.text])
            )
            told = f"period={closed.text};restated={now};stated={before}"
            rows += restated
            clause = contract.settlement.adjustments.clause
            rows.append(writer.row(ADJUSTMENT, now - before, told, clause=clause, adjusts=closed.text))
    total = sum(row.amount_minor for row in rows if row.state is state)
    brought = _brought_in(contract, facts, period, stated)
    exchange, again = exchange_of(contract, facts), _all_refixed(versions, facts, lines, stated)

    def conversion(beneficiary: str, share: int) -> Converted | None:
        if exchange is None:
            return None
        return with_refixed(converted(exchange, period, share), again.get(beneficiary, ()))

    return [*rows, *_settle(writer, total, own, brought, conversion)]


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


def allotted(contract: Contract, amounts: Mapping[str, int]) -> dict[str, int]:
    """What the terms that say themselves whose they are give to each beneficiary: parts that sum to their terms.

    Parameters
    ----------
    contract:
        The version whose terms say it.
    amounts:
        Terms to minor units; a term that is not there gives nothing.
    """
    found: dict[str, int] = {}
    for term in contract.terms:
        if term.shares:
            for beneficiary, amount in split_largest_remainder(amounts.get(term.id, 0), term.shares).items():
                found[beneficiary] = found.get(beneficiary, 0) + amount
    return found


def _changed(own: Mapping[str, int], now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """What each beneficiary has of its own with the difference of a closed period."""
    return {name: own.get(name, 0) + now.get(name, 0) - before.get(name, 0) for name in {*own, *now, *before}}


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


def _restated(
    version: ContractVersion, period: Period, lines: Lines, stated: Mapping[str, int], day: date
) -> list[PayoutRow]:
    """The terms of a closed period that differ from what was stated."""
    writer = _Writer(contract=version.contract, as_of=day, period=period.text, state=StatementState.RESTATED)
    return [
        writer.row(term.id, lines[term.id].amount_minor, lines[term.id].quantities, clause=term.clause)
        for term in version.contract.terms
        if term.paid and lines[term.id].amount_minor != stated.get(term.id, 0)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """What a beneficiary brings into a statement: its balance, and what is open of its advance."""

    carried: int
    advance: int


def _brought_in(contract: Contract, facts: Facts, period: Period, stated: Stated) -> dict[str, _Brought]:
    """What each beneficiary brings in: from its closed statements, before the first of them its opening positions."""
    found = {}
    for beneficiary in contract.beneficiaries:
        opening = 0
        if facts.first_night in period and beneficiary.opening_carry is not None:
            opening = facts.opening.get((contract.id, beneficiary.opening_carry), 0)
        advance = facts.opening.get((contract.id, beneficiary.opening_advance or ""), 0)
        found[beneficiary.id] = _Brought(
            carried=stated.carried.get(beneficiary.id, opening),
            advance=advance + stated.recouped.get(beneficiary.id, 0),
        )
    return found


def _settle(
    writer: _Writer,
    total: int,
    own: Mapping[str, int],
    brought: Mapping[str, _Brought],
    conversion: Callable[[str, int], Converted | None],
) -> list[PayoutRow]:
    """Split, conversion, carry, advance and threshold, beneficiaries in ascending order of their ids.

    ``own`` is what terms give to a beneficiary by themselves; the rest of the total is split by weight. ``conversion``
    tells what a beneficiary's share comes to in the currency of payment; nothing where that is the contract's own.
    """
    contract = writer.contract
    rule, shares = contract.settlement, {beneficiary.id: total for beneficiary in contract.beneficiaries}
    splits = Step.SPLIT in rule.order
    rest = total - sum(own.values())
    if splits:
        weights = {b.id: b.weight or 0 for b in contract.beneficiaries}
        # Where every term says whose it is, there is no rest and nobody has a weight.
        shares = split_largest_remainder(rest, weights) if any(weights.values()) else dict.fromkeys(weights, 0)
    rows = []
    for beneficiary, of_rest in sorted(shares.items()):
        share = of_rest + own.get(beneficiary, 0)
        if splits:
            told = f"of={total}" if not own else f"of={rest};own={own.get(beneficiary, 0)}"
            rows.append(writer.row(SHARE, share, told, clause=rule.clause, beneficiary=beneficiary))
        lines: list[_Own] = []
        earned = share
        line = conversion(beneficiary, share)
        if rule.convert is not None and line is not None:
            earned = line.amount_minor
            lines.append((SHARE_CONVERTED, earned, line.told, rule.convert.clause))
        lines += _balance(contract, earned, brought[beneficiary])
        rows += [
            writer.row(term, amount, told, clause=why, beneficiary=beneficiary, currency=contract.paid_in)
            for term, amount, told, why in lines
        ]
    return rows


def _balance(contract: Contract, earned: int, brought: _Brought) -> list[_Own]:
    """The lines from what is earned to what is paid and carried."""
    rule = contract.settlement
    lines = [(CARRY_IN, brought.carried, "", rule.clause)]
    balance = earned + brought.carried
    if rule.advance is not None:
        recouped = max(0, min(balance, brought.advance))
        told = f"unrecouped_before={brought.advance};unrecouped_after={brought.advance - recouped}"
        lines.append((RECOUPED, -recouped, told, rule.advance.clause))
        balance -= recouped
    paid = balance if balance >= minor(rule.threshold, contract.paid_in) else 0
    return [*lines, (PAYOUT, paid, "", rule.clause), (CARRY_OUT, balance - paid, "", rule.clause)]
