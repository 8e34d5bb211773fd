"""From what a beneficiary earns to what it is paid: carry, recoupment, tax, hold and threshold, step by step.

Every step is an entry that tells what it rests on, so that a person can re-add it. What a step looks back at (what is
carried, recouped, taxed, held) follows from the statements that have closed, never from a balance that is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from settlement.model.contract import Advance, Contract
from settlement.model.contract_steps import Hold, Owing, Tax, TaxKind
from settlement.model.dates import Calendar, Period, following
from settlement.model.money import minor, round_fraction, split_largest_remainder
from settlement.model.statement_lines import (
    CARRY_IN,
    CARRY_OUT,
    GROSS_UP,
    HELD,
    PAYOUT,
    RECOUPED,
    RELEASED,
    REVERSE_CHARGE,
    VALUE_ADDED_TAX,
    WITHHOLDING_TAX,
)
from settlement.rate.facts import Facts
from settlement.rate.stated import HeldBack, Stated

Own = tuple[str, int, str, str]
"""A line of one beneficiary: its name, amount, quantities and clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a beneficiary brings into a statement, in minor units of the currency of payment.

    Attributes
    ----------
    carried:
        Its balance.
    advance:
        What is open of its advance, without what no closed statement has told.
    advanced:
        The dated advances up to the day that no closed statement has told.
    taxed:
        The bases of tax of its closed statements.
    held:
        What is held back of it.
    """

    carried: int
    advance: int
    advanced: int
    taxed: int
    held: Sequence[HeldBack]

    def due(self, day: date) -> Sequence[HeldBack]:
        """What of it is released on a day."""
        return [lot for lot in self.held if lot.release_on <= day]


def brought_in(contract: Contract, facts: Facts, stated: Stated) -> dict[str, Brought]:
    """What each beneficiary brings in: from its closed statements, before the first of them its opening positions.

    The first statement of a contract that is signed late is that of a later period than its first.
    """
    found = {}
    for beneficiary in contract.beneficiaries:
        opening = facts.opening.get((contract.id, beneficiary.opening_carry or ""), 0)
        advance = facts.opening.get((contract.id, beneficiary.opening_advance or ""), 0)
        # A file that tells an advance of an earlier period late is as good as one that told it then.
        before = stated.advanced.get(beneficiary.id, 0)
        found[beneficiary.id] = Brought(
            carried=stated.carried.get(beneficiary.id, opening),
            advance=advance + before + stated.recouped.get(beneficiary.id, 0),
            advanced=_advanced(contract, beneficiary.id, facts) - before,
            taxed=stated.taxed.get(beneficiary.id, 0),
            held=stated.held.get(beneficiary.id, ()),
        )
    return found


def _advanced(contract: Contract, beneficiary: str, facts: Facts) -> int:
    """What a contract says is paid in advance to a beneficiary from the first night to the day that is known."""
    rule = contract.settlement.advance
    dated = () if rule is None else rule.paid
    return sum(
        minor(one.amount, contract.paid_in)
        for one in dated
        if one.to == beneficiary and facts.first_night <= one.on <= facts.day
    )


def own_lines(
    contract: Contract, period: Period, day: date, earned: Mapping[str, int], brought: Mapping[str, Brought]
) -> dict[str, list[Own]]:
    """The lines of each beneficiary from what it carries in to what it carries out.

    Parameters
    ----------
    contract:
        The version that settles the period.
    period, day:
        The period of the statement, and the day that is known.
    earned:
        What each beneficiary earns, in minor units of the currency of payment.
    brought:
        What each brings in.
    """
    rule = contract.settlement
    recouped = dict.fromkeys(earned, 0)
    if rule.advance is not None:
        recouped = recoupments(rule.advance, {name: earned[name] + brought[name].carried for name in earned}, brought)
    found: dict[str, list[Own]] = {}
    for name in sorted(earned):
        lines: list[Own] = [(CARRY_IN, brought[name].carried, "", rule.clause)]
        if rule.advance is not None:
            told = _recouped(rule.advance, name, recouped, brought)
            lines.append((RECOUPED, -recouped[name], told, rule.advance.clause))
        base = earned[name] - recouped[name]
        taxes = list(_taxes([tax for tax in rule.taxes if name in tax.beneficiaries], brought[name].taxed, base))
        lines += taxes
        added = base + sum(amount for _, amount, _, _ in taxes)
        balance = brought[name].carried + added
        before, free = (sum(lot.amount_minor for lot in lots) for lots in (brought[name].held, brought[name].due(day)))
        fresh = 0
        if rule.hold is not None:
            lines.append(_hold(rule.hold, release_day(rule.hold, period, contract.calendar), added, balance, before))
            fresh = -lines[-1][1]
        if rule.hold is not None or before:
            told = f"held_before={before};held_now={fresh};held_after={before + fresh - free}"
            lines.append((RELEASED, free, told, rule.clause if rule.hold is None else rule.hold.clause))
        balance += free - fresh
        paid = balance if balance >= minor(rule.threshold, contract.paid_in) else 0
        found[name] = [*lines, (PAYOUT, paid, "", rule.clause), (CARRY_OUT, balance - paid, "", rule.clause)]
    return found


def recoupments(rule: Advance, balances: Mapping[str, int], brought: Mapping[str, Brought]) -> dict[str, int]:
    """What each beneficiary recoups out of a balance above zero; of a pool in proportion to the balances."""
    above = {name: max(0, balance) for name, balance in balances.items()}
    opens = {name: brought[name].advance + brought[name].advanced for name in balances}
    if rule.recoups == "own":
        return {name: max(0, min(above[name], opens[name])) for name in balances}
    together = max(0, min(sum(above.values()), sum(opens.values())))
    return split_largest_remainder(together, above) if together else dict.fromkeys(balances, 0)


def _recouped(rule: Advance, name: str, recouped: Mapping[str, int], brought: Mapping[str, Brought]) -> str:
    """What is open of the beneficiary's own advance before and after, and of the pool where all recoup together.

    Of a pool somebody may recoup more than itself was paid: then its own is below zero.
    """
    own = _open(brought[name].advance, brought[name].advanced, recouped[name], "unrecouped", dated=bool(rule.paid))
    if rule.recoups == "own":
        return own
    before, advanced = (sum(getattr(one, kind) for one in brought.values()) for kind in ("advance", "advanced"))
    pool = _open(before, advanced, sum(recouped.values()), "pool", dated=bool(rule.paid))
    return f"{own};{pool.replace('advanced', 'pool_advanced')}"


def _open(before: int, advanced: int, recouped: int, name: str, *, dated: bool) -> str:
    told = f";advanced={advanced}" if dated else ""
    return f"{name}_before={before}{told};{name}_after={before + advanced - recouped}"


def _taxes(taxes: Sequence[Tax], before: int, base: int) -> Iterator[Own]:
    """The tax lines of one beneficiary, of ``base`` after the bases of the statements before it."""
    for tax in taxes:
        to_date, earlier = (round_fraction(exact_tax(tax, total), tax.rounding) for total in (before + base, before))
        amount = to_date - earlier
        told = f"base_before={before};base={base};rate={tax.rate};owed_by={tax.owed_by};owed_to={tax.owed_to}"
        match tax.kind:
            case TaxKind.WITHHOLDING:
                yield WITHHOLDING_TAX, -amount, told, tax.clause
            case TaxKind.GROSS_UP:
                yield GROSS_UP, amount, told, tax.clause
                yield WITHHOLDING_TAX, -amount, told, tax.clause
            case TaxKind.VALUE_ADDED:
                yield VALUE_ADDED_TAX, amount, told, tax.clause
                if tax.owed_by is Owing.PAYER:
                    yield REVERSE_CHARGE, -amount, told, tax.clause


def exact_tax(tax: Tax, base: int) -> Fraction:
    """The tax on a base to date before it is rounded; a gross-up is on the base as the amount that is left net."""
    rate = Fraction(tax.rate)
    return max(0, base) * (rate / (1 - rate) if tax.kind is TaxKind.GROSS_UP else rate)


def _hold(rule: Hold, release_on: date, added: int, balance: int, before: int) -> Own:
    """What is held back of what the statement adds, as far as the balance covers it."""
    amount = min(round_fraction(Fraction(rule.share) * max(0, added), rule.rounding), max(0, balance))
    told = f"of={added};share={rule.share};held_before={before};release_on={release_on}"
    return HELD, -amount, told, rule.clause


def release_day(rule: Hold, period: Period, calendar: Calendar) -> date:
    """The day from which on a statement releases what the statement of a period holds back."""
    if rule.counted_in == "days":
        return period.last + timedelta(days=rule.released_after)
    for _ in range(rule.released_after):
        period = following(period, calendar)
    return period.last
