"""What has been stated for a contract so far, read back from the lines of its statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import Final

from settlement.model.clearing import StatementState
from settlement.model.statement_lines import (
    CARRY_OUT,
    RECOUPED,
    RELEASES,
    SHARE,
    SHARE_CONVERTED,
    VALUE_ADDED_TAX,
    WITHHOLDING_TAX,
    kind_of,
    told,
)
from settlement.rate.conversion import read_own, read_refixed


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
class Known:
    """What a term of a closed period comes to, as told on some day, with the quantities behind it."""

    amount_minor: int
    quantities: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """What a line of a closed statement has kept back of a beneficiary, and the day from which it is released."""

    amount_minor: int
    release_on: date
    line: str


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
    advanced:
        By beneficiary: the dated advances that closed statements have told.
    taxed:
        By beneficiary and line of tax: the bases of tax of closed statements to date.
    held:
        By beneficiary: what closed statements hold back and no closed statement has released.
    days:
        The days as of which there are statements, in ascending order, previews included.
    closed_on:
        The day as of which the last closed statement was made.
    restated:
        By closed period and day: what its terms came to where that was not what was stated.
    shares, converted:
        By closed period and beneficiary: what its statement shares out, and what has been stated for that in the
        currency of payment, differences told in later statements included; empty where nothing is converted.
    """

    terms: Mapping[str, Mapping[str, int]]
    carried: Mapping[str, int]
    recouped: Mapping[str, int]
    advanced: Mapping[str, int] = field(default_factory=dict)
    taxed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    held: Mapping[str, Sequence[HeldBack]] = field(default_factory=dict)
    days: Sequence[date] = ()
    closed_on: date | None = None
    restated: Mapping[str, Mapping[date, Mapping[str, Known]]] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    converted: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def known_on(self, period: str, day: date) -> dict[str, Known]:
        """What was known on a day of the terms of a closed period; of others holds what was stated."""
        last = max((one for one in self.days if one <= day), default=day)
        if self.closed_on is not None and last <= self.closed_on:
            # The statement that closed since has stated it.
            return {}
        return dict(self.restated.get(period, {}).get(last, {}))


NOTHING_STATED: Final = Stated(terms={}, carried={}, recouped={})


def read_stated(rows: Iterable[PayoutRow]) -> Stated:
    """Read what is stated from the payout rows of all nights so far, in any order.

    Of previews the lines ``carry_out`` alone are asked for: they tell that there was a statement.
    """
    by_day: dict[date, list[PayoutRow]] = {}
    for row in rows:
        by_day.setdefault(row.as_of, []).append(row)
    return reduce(with_statement, (by_day[day] for day in sorted(by_day)), NOTHING_STATED)


def with_statement(before: Stated, rows: Sequence[PayoutRow]) -> Stated:
    """What is stated once one more statement is made, by its rows; its day comes after those of all before."""
    ordered = sorted(rows, key=lambda row: (row.period, row.term, row.beneficiary or "", row.adjusts or ""))
    day = ordered[0].as_of
    closed = [row for row in ordered if row.state == StatementState.CLOSED]
    closes = any(row.term == CARRY_OUT for row in closed)
    restated = dict(before.restated)
    for row in ordered:
        if row.state == StatementState.RESTATED:
            known = Known(amount_minor=row.amount_minor, quantities=row.quantities)
            days = restated.get(row.period, {})
            restated[row.period] = {**days, day: {**days.get(day, {}), row.term: known}}
    own = [row for row in closed if row.beneficiary is not None]
    recouped, advanced = dict(before.recouped), dict(before.advanced)
    for row in own:
        if row.term == RECOUPED:
            name = row.beneficiary or ""
            recouped[name] = recouped.get(name, 0) + row.amount_minor
            advanced[name] = advanced.get(name, 0) + int(told(row.quantities, "advanced") or 0)
    shares, conversions = _with_conversions(before, closed)
    closed_on = day if closes else before.closed_on
    return Stated(
        terms=_terms_after(before, ordered, closes=closes),
        carried={**before.carried, **{row.beneficiary or "": row.amount_minor for row in own if row.term == CARRY_OUT}},
        recouped=recouped,
        advanced=advanced,
        taxed=_taxed(before, own),
        held=_held(before, own, closed_on),
        days=[*before.days, day],
        closed_on=closed_on,
        restated=restated,
        shares=shares,
        converted=conversions,
    )


def _terms_after(before: Stated, ordered: Sequence[PayoutRow], *, closes: bool) -> dict[str, Mapping[str, int]]:
    """By closed period what is stated for its terms, a statement's own rows in it."""
    terms = dict(before.terms)
    for row in ordered:
        closed = row.state == StatementState.CLOSED
        # A restated term is stated only if the statement of that day, which carries the difference, closed.
        states = closed or (row.state == StatementState.RESTATED and closes)
        if row.term == CARRY_OUT and row.beneficiary is not None and closed:
            terms.setdefault(row.period, {})
        elif row.beneficiary is None and row.adjusts is None and states:
            terms[row.period] = {**terms.get(row.period, {}), row.term: row.amount_minor}
    return terms


def _with_conversions(
    before: Stated, closed: Sequence[PayoutRow]
) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, Mapping[str, int]]]:
    """By period and beneficiary what closed statements share out and what is stated for it in the currency of payment.

    Where nothing is split, the only beneficiary's share is the statement's total.
    """
    converted_rows = [row for row in closed if row.term == SHARE_CONVERTED and row.beneficiary is not None]
    if not converted_rows:
        return before.shares, before.converted
    total = sum(row.amount_minor for row in closed if row.beneficiary is None)
    shared = {row.beneficiary: row.amount_minor for row in closed if row.term == SHARE}
    shares, conversions = dict(before.shares), dict(before.converted)
    for row in converted_rows:
        name = row.beneficiary or ""
        shares[row.period] = {**shares.get(row.period, {}), name: shared.get(name, total)}
        conversions[row.period] = {**conversions.get(row.period, {}), name: read_own(row.amount_minor, row.quantities)}
        for one in read_refixed(row.quantities):
            conversions[one.period] = {**conversions.get(one.period, {}), name: one.now}
    return shares, conversions


def _taxed(before: Stated, own: Sequence[PayoutRow]) -> dict[str, Mapping[str, int]]:
    """The bases of each tax to date, as the last closed statement with its line tells them."""
    found = dict(before.taxed)
    for row in own:
        if kind_of(row.term) in {WITHHOLDING_TAX, VALUE_ADDED_TAX}:
            name = row.beneficiary or ""
            base = sum(int(told(row.quantities, word) or 0) for word in ("base_before", "base"))
            found[name] = {**found.get(name, {}), row.term: base}
    return found


def _held(before: Stated, own: Sequence[PayoutRow], closed_on: date | None) -> dict[str, list[HeldBack]]:
    """What is held back and was not due yet when the last statement closed; amounts above zero."""
    found = {name: list(lots) for name, lots in before.held.items()}
    for row in own:
        due = told(row.quantities, "release_on") if kind_of(row.term) in RELEASES else None
        if due is not None and row.amount_minor:
            release_on = date.fromisoformat(due)
            lot = HeldBack(amount_minor=-row.amount_minor, release_on=release_on, line=row.term)
            found.setdefault(row.beneficiary or "", []).append(lot)
    left = {
        name: [lot for lot in lots if closed_on is None or lot.release_on > closed_on] for name, lots in found.items()
    }
    return {name: lots for name, lots in left.items() if lots}
