"""The statement of a period: terms, adjustments for closed periods, split, carry and threshold, as rows of ``payout``.

A statement is a preview until the day on which its period closes; what is computed then is stated. A closed statement
is never issued again: when a closed period, recomputed as known later, differs from what was stated for it, its terms
that differ are told as RESTATED and the difference of its totals is an adjustment in the statement of the current
period. An adjustment is itself stated once the statement that carries it closes.

The steps are taken in the order in which the contract prints them; ``settlement.rate.balance`` has those of one
beneficiary, ``settlement.rate.adjustments`` those of closed periods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from settlement.errors import TerminalError
from settlement.model.clearing import StatementState
from settlement.model.contract import Contract, ContractVersion, Conversion, Step
from settlement.model.dates import Period, period_from
from settlement.model.money import exponent, round_fraction, split_largest_remainder
from settlement.model.statement_lines import ADJUSTMENT, INTEREST, SHARE, SHARE_CONVERTED
from settlement.rate.adjustments import Changed, allotted, changed, interest_on, rows_of
from settlement.rate.balance import Brought, brought_in, own_lines
from settlement.rate.evaluate import in_force
from settlement.rate.facts import Facts
from settlement.rate.stated import PayoutRow, Stated
from settlement.rate.windows import Lines

_RATE_DECIMALS: Final = 7


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
        version = in_force(versions, closed).contract
        rule = contract.settlement.adjustments
        found = changed(version, rule, (closed, facts.day), lines[closed], stated)
        rows += _told_beside(version, writer, closed, found)
        if found.restated:
            rows += _adjusted(writer, closed, found, own)
    total = sum(row.amount_minor for row in rows if row.state is state)
    brought = brought_in(contract, facts, period, stated)
    return [*rows, *_settle(writer, facts, total, own, brought)]


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


def _adjusted(writer: _Writer, closed: Period, found: Changed, own: dict[str, int]) -> list[PayoutRow]:
    """The adjustment of a closed period, and interest on it; ``own`` changes by what is a beneficiary's own."""
    rule = writer.contract.settlement.adjustments
    told = f"period={closed.text};restated={found.now};stated={found.before}"
    told += f";booked_in={closed.text}" if rule.booked_in == "original_period" else ""
    rows = [writer.row(ADJUSTMENT, found.now - found.before, told, clause=rule.clause, adjusts=closed.text)]
    _add(own, found.own)
    if rule.interest is not None:
        accrued = interest_on(rule.interest, found, closed, writer.as_of)
        clause = rule.interest.clause
        rows.append(writer.row(INTEREST, accrued.amount_minor, accrued.quantities, clause=clause, adjusts=closed.text))
        _add(own, accrued.own)
    return rows


def _add(own: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        own[name] = own.get(name, 0) + amount


def _settle(
    writer: _Writer, facts: Facts, total: int, own: Mapping[str, int], brought: Mapping[str, Brought]
) -> list[PayoutRow]:
    """Split, conversion and the steps of each beneficiary, beneficiaries in ascending order of their ids.

    ``own`` is what terms give to a beneficiary by themselves; the rest of the total is split by weight.
    """
    contract = writer.contract
    rule, shares = contract.settlement, {beneficiary.id: total for beneficiary in contract.beneficiaries}
    splits = Step.SPLIT in rule.order
    rest = total - sum(own.values())
    if splits:
        weights = {b.id: b.weight or 0 for b in contract.beneficiaries}
        # Where every term says whose it is, there is no rest and nobody has a weight.
        of_rest = split_largest_remainder(rest, weights) if any(weights.values()) else dict.fromkeys(weights, 0)
        shares = {name: share + own.get(name, 0) for name, share in of_rest.items()}
    earned, rates = dict(shares), dict.fromkeys(shares, "")
    if rule.convert is not None:
        for name, share in shares.items():
            earned[name], rates[name] = _converted(contract, rule.convert, facts, share)
    lines = own_lines(contract, period_from(writer.period), facts.day, earned, brought)
    rows = []
    for name in sorted(shares):
        if splits:
            told = f"of={total}" if not own else f"of={rest};own={own.get(name, 0)}"
            rows.append(writer.row(SHARE, shares[name], told, clause=rule.clause, beneficiary=name))
        if rule.convert is not None:
            lines[name].insert(0, (SHARE_CONVERTED, earned[name], f"rate={rates[name]}", rule.convert.clause))
        rows += [
            writer.row(term, amount, told, clause=why, beneficiary=name, currency=contract.paid_in)
            for term, amount, told, why in lines[name]
        ]
    return rows


def _converted(contract: Contract, rule: Conversion, facts: Facts, amount: int) -> tuple[int, str]:
    """An amount in the currency of payment, and the rate with seven decimals at least."""
    told = facts.rate(contract.currency, rule.to)
    if told is None and not amount:
        # Nothing is nothing at any rate: a night without the feed goes on.
        return 0, "none"
    if told is None:
        raise TerminalError(
            f"Contract {contract.id} is paid in {rule.to}, and no exchange rate from {contract.currency} to {rule.to} "
            f"has come up to {facts.day}: deliver the feed of exchange rates."
        )
    scale = Fraction(10) ** (exponent(rule.to) - exponent(contract.currency))
    decimals = max(_RATE_DECIMALS, len(told.partition(".")[2]))
    return round_fraction(Fraction(told) * scale * amount, rule.rounding), f"{Decimal(told):.{decimals}f}"
