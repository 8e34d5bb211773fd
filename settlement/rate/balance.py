"""From what a beneficiary earns to what it is paid: carry, recoupment, tax, hold and threshold, step by step.

Every step is an entry that tells what it rests on, so that a person can re-add it. What a step looks back at (what is
carried, recouped, taxed, held) follows from the statements that have closed, never from a balance that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from settlement.model.contract import Advance, Contract
from settlement.model.contract_steps import Hold, Owing, Tax, TaxBase, TaxKind
from settlement.model.dates import Calendar, Period, following
from settlement.model.money import minor, round_fraction, split_largest_remainder
from settlement.model.statement_lines import (
    CARRY_IN,
    CARRY_OUT,
    GROSS_UP,
    PAYOUT,
    RECOUPED,
    RELEASES,
    REVERSE_CHARGE,
    kind_of,
    line_of,
    name_of,
)
from settlement.rate.banking_days import Banking, banking_of
from settlement.rate.facts import Facts
from settlement.rate.stated import HeldBack, Stated

Own = tuple[str, int, str, str]
"""A line of one beneficiary: its name, amount, quantities and clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What a beneficiary earns in a statement, in minor units of the currency of payment.

    Attributes
    ----------
    amount_minor:
        All of it.
    of_terms:
        By the line of each tax that is on some terms: what those terms give to it.
    """

    amount_minor: int
    of_terms: Mapping[str, int]


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
        The bases of each tax, by its line, of its closed statements.
    held:
        What is held back of it.
    """

    carried: int
    advance: int
    advanced: int
    taxed: Mapping[str, int]
    held: Sequence[HeldBack]


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
            taxed=stated.taxed.get(beneficiary.id, {}),
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
    contract: Contract, period: Period, facts: Facts, earned: Mapping[str, Earned], brought: Mapping[str, Brought]
) -> dict[str, list[Own]]:
    """The lines of each beneficiary from what it carries in to what it carries out.

    Parameters
    ----------
    contract:
        The version that settles the period.
    period, facts:
        The period of the statement, and what is known.
    earned:
        What each beneficiary earns.
    brought:
        What each brings in.
    """
    rule, banking = contract.settlement, banking_of(contract, facts)
    recouped = dict.fromkeys(earned, 0)
    if rule.advance is not None:
        balances = {name: one.amount_minor + brought[name].carried for name, one in earned.items()}
        recouped = recoupments(rule.advance, balances, brought)
    found: dict[str, list[Own]] = {}
    for name in sorted(earned):
        lines: list[Own] = [(CARRY_IN, brought[name].carried, "", rule.clause)]
        if rule.advance is not None:
            told = _recouped(rule.advance, name, recouped, brought)
            lines.append((RECOUPED, -recouped[name], told, rule.advance.clause))
        taxes = _taxes(rule.taxes_of(name), brought[name].taxed, earned[name], recouped[name])
        added = earned[name].amount_minor - recouped[name] + sum(amount for _, amount, _, _ in taxes)
        balance = brought[name].carried + added
        holds = [(hold, release_day(hold, period, contract.calendar, banking)) for hold in rule.holds_of(name)]
        held = _holds(holds, added, balance, brought[name].held)
        released = _released([hold for hold, _ in holds], held, brought[name].held, facts.day, rule.clause)
        lines += [*taxes, *held, *released]
        balance += sum(amount for _, amount, _, _ in (*held, *released))
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


def _taxes(taxes: Sequence[Tax], before: Mapping[str, int], earned: Earned, recouped: int) -> list[Own]:
    """The tax lines of one beneficiary, in the order in which its taxes are worked out.

    Parameters
    ----------
    before:
        The bases of each tax of the statements before, by its line.
    earned, recouped:
        What the beneficiary earns, and what of it is recouped.
    """
    found: list[Own] = []
    effects: dict[str, int] = {}
    for tax in taxes:
        base = earned.of_terms[tax.line] if tax.of else earned.amount_minor
        base -= recouped if tax.on is TaxBase.NOT_RECOUPED else 0
        lines = _tax(tax, before, base + sum(effects[name] for name in tax.after))
        effects[tax.id or ""] = sum(amount for _, amount, _, _ in lines)
        found += lines
    return found


def _tax(tax: Tax, bases: Mapping[str, int], base: int) -> list[Own]:
    """The lines of one tax: that on its bases to date less that on the bases of the statements before."""
    before = bases.get(tax.line, 0)
    to_date, earlier = (round_fraction(exact_tax(tax, total), tax.rounding) for total in (before + base, before))
    amount = to_date - earlier
    told = f"base_before={before};base={base};rate={tax.rate};owed_by={tax.owed_by};owed_to={tax.owed_to}"
    signed = {
        TaxKind.WITHHOLDING: [(tax.line, -amount)],
        TaxKind.GROSS_UP: [(line_of(GROSS_UP, tax.id), amount), (tax.line, -amount)],
        TaxKind.VALUE_ADDED: [(tax.line, amount)],
    }[tax.kind]
    if tax.kind is TaxKind.VALUE_ADDED and tax.owed_by is Owing.PAYER:
        signed.append((line_of(REVERSE_CHARGE, tax.id), -amount))
    return [(line, of_line, told, tax.clause) for line, of_line in signed]


def exact_tax(tax: Tax, base: int) -> Fraction:
    """The tax on a base to date before it is rounded; a gross-up is on the base as the amount that is left net."""
    rate = Fraction(tax.rate)
    return max(0, base) * (rate / (1 - rate) if tax.kind is TaxKind.GROSS_UP else rate)


def _holds(holds: Sequence[tuple[Hold, date]], added: int, balance: int, held: Sequence[HeldBack]) -> list[Own]:
    """What each hold keeps back of what the statement adds, as far as the balance covers it, in their order.

    Parameters
    ----------
    holds:
        Each with the day from which on it releases what it keeps back now.
    added, balance:
        What the statement adds to the balance, and the balance with it.
    held:
        What is held back before.
    """
    found: list[Own] = []
    kept: dict[str, int] = {}
    for hold, release_on in holds:
        base = added - sum(kept[name] for name in hold.after)
        share = round_fraction(Fraction(hold.share) * max(0, base), hold.rounding)
        amount = min(share, max(0, balance - sum(kept.values())))
        before = sum(lot.amount_minor for lot in held if lot.line == hold.line)
        told = f"of={base};share={hold.share};held_before={before};release_on={release_on}"
        found.append((hold.line, -amount, told, hold.clause))
        kept[hold.id or ""] = amount
    return found


def _released(
    holds: Sequence[Hold], fresh: Sequence[Own], held: Sequence[HeldBack], day: date, clause: str
) -> list[Own]:
    """What of each hold is released on a day; of one that the contract has dropped too, by the settlement's clause."""
    clauses = {hold.line: hold.clause for hold in holds}
    dropped = sorted({lot.line for lot in held} - clauses.keys())
    found = []
    for line in (*clauses, *dropped):
        lots = [lot for lot in held if lot.line == line]
        before, now = sum(lot.amount_minor for lot in lots), -sum(own[1] for own in fresh if own[0] == line)
        free = sum(lot.amount_minor for lot in lots if lot.release_on <= day)
        told = f"held_before={before};held_now={now};held_after={before + now - free}"
        found.append((line_of(RELEASES[kind_of(line)], name_of(line)), free, told, clauses.get(line, clause)))
    return found


def release_day(rule: Hold, period: Period, calendar: Calendar, banking: Banking) -> date:
    """The day from which on a statement releases what the statement of a period holds back."""
    if rule.counted_in != "periods":
        return banking.after(period.last, rule.released_after, rule.counted_in)
    for _ in range(rule.released_after):
        period = following(period, calendar)
    return period.last
